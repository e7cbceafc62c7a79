//! Adopting: taking what a device wrote past its cut, or past a fork of its log, back into the state.

use std::collections::BTreeMap;

use muster_log::{
    act::{Act, Adopt},
    authority::Standing,
    entry::{LogKey, kind},
    ids::{EntryHash, Lane, Seq, Signature},
    role::Role,
};
use serde_json::json;

use super::{
    Answer, claimed,
    log::{each_entry, label, standing},
    membership::{disputed, refused},
    own_role, trust,
};
use crate::{api::exit, edge::random, engine::Engine};

/// `adopt`: all of a device that is disputed, or one entry; of a forked log that entry and what leads
/// to it from the fork on: its branch.
pub fn adopt(engine: &mut Engine, given: &str, one: Option<&str>) -> Answer {
    let device = trust::device_named(engine, given)?;
    if own_role(engine)? > Role::Coordinator {
        return Err(refused("may-not-adopt", exit::NOT_PERMITTED));
    }
    if device == engine.device() {
        return Err(refused("adopt-own", exit::NOT_PERMITTED));
    }
    let mut wanted: BTreeMap<LogKey, Vec<Wanted>> = BTreeMap::new();
    each_entry(engine, |run, entry| {
        let (log, seq, hash) = (run.log(), entry.seq(), entry.hash());
        let fork = engine.book().authority().forked_at(log);
        let fork = fork.filter(|at| *at <= seq);
        // Acts of a device that was ended are its senior's to repeat; those past a fork can be taken.
        if log.device != device || log.lane != Lane::DATA && fork.is_none() {
            return;
        }
        let named = one.is_none_or(|o| o.len() >= 4 && hash.hex().starts_with(o));
        if !named || !matches!(standing(engine, run, entry), Standing::Disputed(_)) {
            return;
        }
        let heads = engine.book().log(&run.id());
        wanted.entry(*log).or_default().push(Wanted {
            from: fork.filter(|_| one.is_some()).unwrap_or(seq),
            seq,
            before: heads.and_then(|h| h.before_of(seq, &hash)),
            hash,
            signature: entry.signature(),
        });
    })?;
    let acts: Vec<Act> = wanted
        .iter()
        .flat_map(|(log, entries)| stretches(log, entries))
        .collect();
    if acts.is_empty() {
        return Err(refused("nothing-disputed", exit::NOT_FOUND)
            .with("label", label(engine, &device).unwrap_or_default()));
    }
    let before = disputed(engine, &device)?;
    for chunk in acts.chunks(100) {
        engine.write_acts(kind::AUTHORITY, chunk, claimed(), &mut random)?;
    }
    engine.flush()?;
    let left = disputed(engine, &device)?;
    Ok(json!({
        "device": device.hex(), "label": label(engine, &device),
        "adopted": before.saturating_sub(left), "disputed": left,
    }))
}

struct Wanted {
    from: Seq,
    seq: Seq,
    before: Option<EntryHash>,
    hash: EntryHash,
    signature: Option<Signature>,
}

/// Adoptions of consecutive entries, each one's chain by itself. What is not signed itself is proven
/// by the chain to what is: whoever holds the entry has verified it.
fn stretches(log: &LogKey, entries: &[Wanted]) -> Vec<Act> {
    let mut out: Vec<Adopt> = Vec::new();
    for entry in entries {
        let signature = entry.signature.unwrap_or(Signature([0; 64]));
        match out.last_mut() {
            Some(last) if last.to.next() == Some(entry.seq) && entry.before == Some(last.hash) => {
                last.to = entry.seq;
                last.hash = entry.hash;
                last.signature = signature;
            }
            _ => out.push(Adopt {
                log: *log,
                from: entry.from,
                to: entry.seq,
                hash: entry.hash,
                signature,
            }),
        }
    }
    out.into_iter().map(Act::Adopt).collect()
}
