//! Who said what: entries, the history of an object, and the check of everything.

use std::collections::BTreeMap;

use muster_log::{
    authority::{Standing, acts_of},
    chain::VerifiedRun,
    entry::VerifiedEntry,
    ids::{DeviceId, Lane, Millis, ObjectId, Seq},
    keyring::Opened,
    operation::{DataOperation, FieldWrite, Reference},
    run,
};
use muster_model::{
    item::reference_text,
    table,
    value::{Typed, time_text},
};
use serde_json::{Value as Json, json};

use super::{Answer, brief, resolve};
use crate::{
    api::ApiError,
    engine::{Change, Engine},
};

/// Entries shown when nothing is said.
const LIMIT: usize = 200;

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

pub(super) fn label(engine: &Engine, device: &DeviceId) -> Option<String> {
    engine
        .book()
        .authority()
        .naming_grant(device)
        .map(|g| g.label.clone())
}

/// How far the clock of a device was off when it was last met, and what time a claimed one was by the
/// clock here; nothing where that was not measured, or is no more than two minutes.
pub(super) fn clock(engine: &Engine, device: &DeviceId, claimed: Millis) -> Json {
    match engine.met().clock(device).filter(|o| o.matters()) {
        None => Json::Null,
        Some(offset) => json!({
            "offset_s": offset.ahead / 1_000,
            "likely": time_text(offset.corrected(claimed)),
        }),
    }
}

/// A line for those who watch.
pub fn watch_line(engine: &Engine, change: &Change) -> String {
    let mut line = json!({
        "schema": "muster.watch/1",
        "entry": change.entry.hex(),
        "device": change.device.hex(),
        "label": label(engine, &change.device),
        "seq": change.seq.0,
        "claimed": time_text(change.claimed),
    });
    if let (Some(id), Some(map)) = (change.object, line.as_object_mut()) {
        map.insert("object".into(), brief(engine, id));
    }
    line.to_string()
}

/// What authority and the forks of its log say of an entry.
pub(super) fn standing<'a>(
    engine: &'a Engine,
    run: &VerifiedRun,
    entry: &VerifiedEntry,
) -> Standing<'a> {
    let (seq, hash) = (entry.seq(), entry.hash());
    engine
        .book()
        .standing(run.log(), seq, &hash, &entry.header().grant)
}

/// Calls `f` with every entry here, log by log, of each log line by line, each from its start.
pub(super) fn each_entry(
    engine: &Engine,
    mut f: impl FnMut(&VerifiedRun, &VerifiedEntry),
) -> Result<(), ApiError> {
    for heads in engine.book().logs() {
        for piece in heads.stretches() {
            let mut at = piece.from;
            while at <= piece.to {
                let Some(run) = engine.run_on(&heads.id(), piece.line, at)? else {
                    break;
                };
                let on_line = engine.on_line(&heads.id(), piece.line, &run);
                let here = run.entries().iter().take(on_line as usize);
                here.filter(|e| e.seq() <= piece.to)
                    .for_each(|entry| f(&run, entry));
                at = Seq(at.0.saturating_add(on_line.max(1)));
            }
        }
    }
    Ok(())
}

fn writes_of(
    engine: &Engine,
    run: &VerifiedRun,
    entry: &VerifiedEntry,
) -> Vec<(Reference, u8, DataOperation)> {
    let mut out = Vec::new();
    for part in 0..entry.header().parts.len() as u8 {
        let Opened::Content(content) = engine.book().keys().read(&run.id(), entry, part) else {
            continue;
        };
        let class = entry
            .header()
            .parts
            .get(usize::from(part))
            .map_or(0, |p| p.class.0);
        for (index, operation) in (0u8..=255).zip(&content.operations) {
            if let Ok(read) = operation.read() {
                let at = Reference::new(&run.id(), entry.seq(), &entry.hash(), part, index);
                out.push((at, class, read));
            }
        }
    }
    out
}

fn field_write(operation: &DataOperation) -> Option<(&'static str, &FieldWrite)> {
    Some(match operation {
        DataOperation::Set(w) => ("set", w),
        DataOperation::Add(w) => ("add", w),
        DataOperation::Remove(w) => ("remove", w),
        DataOperation::Tally(w) => ("tally", w),
        DataOperation::Alias(w) => ("alias", w),
        DataOperation::Unalias(w) => ("unalias", w),
        _ => return None,
    })
}

/// `log`: entries by logical time, oldest first, the last ones.
pub fn log(engine: &Engine, of: Option<&str>, refused: bool, limit: Option<usize>) -> Answer {
    let of = of.map(|given| resolve(engine, given, &[])).transpose()?;
    let mut items: Vec<((u64, String, u64), Json)> = Vec::new();
    each_entry(engine, |run, entry| {
        let standing = standing(engine, run, entry);
        let counts = matches!(standing, Standing::Counts(_));
        if refused && counts {
            return;
        }
        let objects: std::collections::BTreeSet<ObjectId> = writes_of(engine, run, entry)
            .iter()
            .filter_map(|(_, _, op)| field_write(op).map(|(_, w)| w.slot.object))
            .chain(erased_by(run, entry))
            .collect();
        if of.is_some_and(|of| !objects.contains(&of)) {
            return;
        }
        let header = entry.header();
        let order = (header.lamport.0, run.id().hex(), entry.seq().0);
        let item = json!({
            "entry": entry.hash().hex(),
            "device": run.log().device.hex(),
            "label": label(engine, &run.log().device),
            "generation": format!("{:x}", run.log().generation.0),
            "lane": run.log().lane.0,
            "seq": entry.seq().0,
            "lamport": header.lamport.0,
            "claimed": time_text(header.claimed),
            "clock": clock(engine, &run.log().device, header.claimed),
            "kind": kind_code(header.kind),
            "grant": header.grant.hex(),
            "counts": counts,
            "disputed": matches!(standing, Standing::Disputed(_)),
            "parts": header.parts.iter().map(|p| json!({ "class": p.class.0, "bytes": p.len })).collect::<Vec<_>>(),
            "objects": objects.iter().map(|id| brief(engine, *id)).collect::<Vec<_>>(),
            "acts": if run.log().lane == Lane::AUTHORITY { act_codes(entry) } else { Vec::new() },
        });
        items.push((order, item));
    })?;
    items.sort_by(|a, b| a.0.cmp(&b.0));
    let skip = items.len().saturating_sub(limit.unwrap_or(LIMIT));
    let total = items.len();
    let items: Vec<_> = items.into_iter().skip(skip).map(|(_, item)| item).collect();
    let forks = match refused {
        true => super::forks::forks(engine)?,
        false => Vec::new(),
    };
    Ok(json!({
        "items": items, "total": total, "refused": engine.counters().refused, "forks": forks,
    }))
}

/// The objects that an entry erases.
fn erased_by(run: &VerifiedRun, entry: &VerifiedEntry) -> Vec<ObjectId> {
    let acts = match run.log().lane {
        Lane::AUTHORITY => acts_of(entry),
        _ => Vec::new(),
    };
    let erased = acts.into_iter().filter_map(|(_, act)| match act {
        muster_log::act::Act::Erase(act) => Some(act.object),
        _ => None,
    });
    erased.collect()
}

fn kind_code(kind: u8) -> String {
    match kind {
        muster_log::entry::kind::DATA => "data".into(),
        muster_log::entry::kind::AUTHORITY => "authority".into(),
        muster_log::entry::kind::KEY => "key".into(),
        muster_log::entry::kind::ERASURE => "erasure".into(),
        muster_log::entry::kind::FORK => "fork".into(),
        muster_log::entry::kind::RECEIPT => "receipt".into(),
        other => format!("kind-{other}"),
    }
}

fn act_codes(entry: &VerifiedEntry) -> Vec<String> {
    use muster_log::act::Act;
    acts_of(entry)
        .iter()
        .map(|(_, act)| match act {
            Act::Admit(a) => format!("admit {} as {}", &*a.label, a.role.code()),
            Act::End(_) => "end".into(),
            Act::Adopt(_) => "adopt".into(),
            Act::Key(k) => format!("key C{}", k.class.0),
            Act::Allowance(_) => "allowance".into(),
            Act::Field(f) => format!("field {}", &*f.name),
            Act::Fork(_) => "fork".into(),
            Act::Secret(_) => "secret".into(),
            Act::Root(_) => "root".into(),
            Act::Erase(_) => "erase".into(),
        })
        .collect()
}

/// `history`: every write to an object, in the order of logical time, and what each replaced.
pub fn history(engine: &Engine, given: &str) -> Answer {
    let id = resolve(engine, given, &[])?;
    let joined = engine.state().joined(id);
    let mut writes: Vec<((u64, String, u64, u16), Json)> = Vec::new();
    let mut values: BTreeMap<Reference, Json> = BTreeMap::new();
    let mut replaced: Vec<(usize, Vec<Reference>)> = Vec::new();
    each_entry(engine, |run, entry| {
        for (at, class, operation) in writes_of(engine, run, entry) {
            let Some((what, write)) = field_write(&operation) else {
                continue;
            };
            if write.slot.object != id && !joined.contains(&write.slot.object) {
                continue;
            }
            let value = Typed::read(&write.value).json();
            values.insert(at, value.clone());
            replaced.push((writes.len(), write.replaces.to_vec()));
            let header = entry.header();
            writes.push((
                (header.lamport.0, run.id().hex(), entry.seq().0, at.op),
                json!({
                    "what": what,
                    "field": table::field_name(write.slot.kind, write.slot.field),
                    "element": (write.slot.element != 0).then(|| format!("{:016x}", write.slot.element)),
                    "value": value,
                    "class": class,
                    "device": run.log().device.hex(),
                    "label": label(engine, &run.log().device),
                    "claimed": time_text(header.claimed),
                    "clock": clock(engine, &run.log().device, header.claimed),
                    "entry": reference_text(&at),
                }),
            ));
        }
    })?;
    for (index, references) in replaced {
        let old: Vec<_> = references
            .iter()
            .filter_map(|r| values.get(r).cloned())
            .collect();
        if let Some(map) = writes.get_mut(index).and_then(|(_, w)| w.as_object_mut()) {
            map.insert("replaced".into(), old.into());
        }
    }
    writes.sort_by(|a, b| a.0.cmp(&b.0));
    let changes: Vec<_> = writes.into_iter().map(|(_, w)| w).collect();
    let mut out = json!({ "object": brief(engine, id), "changes": changes });
    if engine.book().erased().is_erased(&id) {
        out["erasure"] = super::erase::status(engine, id);
    }
    Ok(out)
}

/// `verify`: every entry again, signatures included, into a fresh book.
pub fn verify(engine: &Engine) -> Answer {
    let genesis = engine.book().authority().genesis().clone();
    let mut book = crate::engine::empty_book(&genesis, engine.secrets());
    let mut refused = Vec::new();
    let mut logs: Vec<_> = super::trust::lane0_logs(engine)
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    logs.extend(
        engine
            .book()
            .logs()
            .filter(|l| l.key().lane != Lane::AUTHORITY)
            .map(|l| l.id()),
    );
    let mut parked = Vec::new();
    for id in logs {
        let Some(heads) = engine.book().log(&id) else {
            continue;
        };
        for piece in heads.stretches() {
            let mut at = piece.from;
            while at <= piece.to {
                let Some(found) = engine.run_on(&id, piece.line, at)? else {
                    break;
                };
                let bytes = run::encode(&found.to_run());
                if let Err(e) = book.receive(&bytes) {
                    match e {
                        muster_log::book::Refusal::UnknownAuthor(_) => parked.push(bytes),
                        e => refused
                            .push(json!({ "log": id.hex(), "seq": at.0, "why": e.to_string() })),
                    }
                }
                let on_line = engine.on_line(&id, piece.line, &found);
                at = Seq(at.0.saturating_add(on_line.max(1)));
            }
        }
    }
    for bytes in parked {
        if let Err(e) = book.receive(&bytes) {
            refused.push(json!({ "why": e.to_string() }));
        }
    }
    Ok(json!({
        "incident": genesis.id().hex(),
        "entries": book.entries(),
        "logs": book.logs().count(),
        "damage": [],
        "refused": refused,
    }))
}
