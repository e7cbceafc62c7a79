//! What crosses over: pages of runs for bundles, runs offered from files, meeting peers now.

use std::collections::BTreeMap;

use muster_log::{
    book::Received,
    chain,
    entry::PartBody,
    frontier::{LineId, LogHeads, Stretch},
    ids::{Class, Lane, LogId, Millis, Seq},
    intake::Offer,
    record::Source,
    run,
};
use serde_json::{Value as Json, json};

use super::{Answer, claimed, trust};
use crate::{
    api::{ApiError, exit},
    daemon::Node,
    edge::random,
    engine::Engine,
};

/// Bytes of runs in one page.
const PAGE: usize = 512 * 1024;

fn stretch(heads: &LogHeads, piece: &Stretch, start: u64) -> Json {
    let key = heads.key();
    let mut out = json!({
        "log": heads.id().hex(),
        "device": key.device.hex(),
        "generation": format!("{:x}", key.generation.0),
        "lane": key.lane.0,
        "from": piece.from.0.max(start),
        "to": piece.to.0,
    });
    if piece.line != LineId::first(heads.id()) {
        out["line"] = json!(piece.line.hex());
    }
    out
}

/// What a bundle should hold: all of lane 0 first, then data, each log without its gaps.
pub fn plan(engine: &Engine, whom: Option<&str>, since: Option<&str>, public: bool) -> Answer {
    let since = since.map(|t| parse_time(engine, t)).transpose()?;
    let theirs = match whom {
        Some(device) => {
            let device = trust::device_named(engine, device)?;
            engine.remembered(&device)
        }
        None => None,
    };
    let mut logs: Vec<LogId> = trust::lane0_logs(engine)
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
    let mut out = Vec::new();
    if public {
        // Lane 0 is open to members and relays, and without it nobody could check the rest.
        logs.retain(|id| {
            let lane = engine.book().log(id).map(|l| l.key().lane);
            lane == Some(Lane::AUTHORITY)
        });
    }
    for id in logs {
        let Some(heads) = engine.book().log(&id) else {
            continue;
        };
        let authority = heads.key().lane == Lane::AUTHORITY;
        let mut start = 0;
        if !authority {
            if let Some(have) = theirs.as_ref().and_then(|t| t.get(&id)) {
                start = *have;
            }
            if let Some(since) = since {
                start = start.max(first_since(engine, &id, since)?);
            }
        }
        for piece in heads.stretches() {
            if piece.to.0 >= start {
                out.push(stretch(heads, &piece, start));
            }
        }
    }
    if public {
        out.extend(public_stretches(engine, since)?);
    }
    let genesis = engine.book().authority().genesis().to_bytes();
    Ok(json!({
        "genesis": super::log::hex(&genesis),
        "stretches": out,
        "remembered": whom.map(|_| theirs.is_some()),
    }))
}

/// A bundle was written for a device: it is on its way to hear what is known here.
pub fn handed(engine: &mut Engine, given: &str) -> Answer {
    let device = trust::device_named(engine, given)?;
    engine.note_handed(device);
    engine.keep_met(&mut random);
    Ok(json!({ "device": device.hex() }))
}

/// Data entries with something public in them, each with those that follow it up to a signature.
fn public_stretches(engine: &Engine, since: Option<Millis>) -> Result<Vec<Json>, ApiError> {
    let mut spans: BTreeMap<(LogId, LineId), Vec<(u64, u64)>> = BTreeMap::new();
    super::log::each_entry(engine, |run, entry| {
        let header = entry.header();
        let open = run.log().lane != Lane::AUTHORITY
            && header.parts.iter().any(|p| p.class == Class::C0)
            && since.is_none_or(|since| header.claimed >= since);
        let heads = engine.book().log(&run.id());
        let line = heads.and_then(|h| h.line_of(entry.seq(), &entry.hash()));
        if let Some(line) = line.filter(|_| open) {
            let (from, to) = (entry.seq().0, run.last().0);
            let of_line = spans.entry((run.id(), line)).or_default();
            match of_line.last_mut() {
                // Within the stretch of the one before, or right behind it.
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                _ => of_line.push((from, to)),
            }
        }
    })?;
    let mut out = Vec::new();
    for ((log, line), spans) in spans {
        let Some(heads) = engine.book().log(&log) else {
            continue;
        };
        let pieces = heads.stretches();
        for (from, to) in spans {
            let on = |p: &&Stretch| p.line == line && (p.from.0..=p.to.0).contains(&from);
            if let Some(piece) = pieces.iter().find(on) {
                let to = piece.to.min(Seq(to));
                out.push(stretch(heads, &Stretch { to, ..*piece }, from));
            }
        }
    }
    Ok(out)
}

/// The run without what is not public: those parts stand by length and hash, and the chain still
/// verifies.
fn opened(mut run: chain::Run) -> chain::Run {
    if run.log.lane == Lane::AUTHORITY {
        return run;
    }
    for entry in &mut run.entries {
        for (head, body) in entry.header.parts.iter().zip(entry.parts.iter_mut()) {
            if head.class != Class::C0 {
                *body = PartBody::Absent;
            }
        }
    }
    run
}

pub(super) fn parse_time(engine: &Engine, given: &str) -> Result<Millis, ApiError> {
    let kind = super::kind_named("check-in")?;
    let field = muster_model::parse::field_named(kind, "in").map_err(super::parse_error)?;
    let value = muster_model::parse::value(&super::reading(engine), field, given)
        .map_err(super::parse_error)?;
    match muster_model::value::Typed::read(&value) {
        muster_model::value::Typed::Time(t) => Ok(t),
        _ => Err(ApiError::new("bad-value-other", exit::REFUSED)
            .with("field", "since")
            .with("why", given)),
    }
}

/// The first place whose claimed time is not before `since`: claimed times hardly ever run backwards
/// within a log, and where they do a few more entries travel.
fn first_since(engine: &Engine, log: &LogId, since: Millis) -> Result<u64, ApiError> {
    let Some(heads) = engine.book().log(log) else {
        return Ok(0);
    };
    let (mut low, mut high) = (0, heads.contiguous());
    while low < high {
        let middle = low + (high - low) / 2;
        let run = engine.run_from(log, Seq(middle))?;
        let claimed = run
            .as_ref()
            .and_then(|r| r.entries().first())
            .map(|e| e.header().claimed);
        if claimed.is_some_and(|c| c < since) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// A page of runs.
pub fn runs(
    engine: &Engine,
    log: &str,
    line: Option<&str>,
    (from, to): (u64, u64),
    public: bool,
) -> Answer {
    let unknown = || {
        ApiError::new("not-found", exit::NOT_FOUND)
            .with("given", log)
            .with("kind", "log")
    };
    let id = LogId::from_hex(log).ok_or_else(unknown)?;
    let line = match line {
        None => LineId::first(id),
        Some(hex) => LineId::from_hex(hex).ok_or_else(unknown)?,
    };
    let page = engine.runs_on(&id, line, (Seq(from), Seq(to)), PAGE)?;
    let (runs, next) = (page.runs, page.next.0);
    let encoded: Vec<_> = runs
        .into_iter()
        .map(|r| if public { opened(r) } else { r })
        .map(|r| super::log::hex(&run::encode(&r)))
        .collect();
    Ok(json!({ "runs": encoded, "next": (next > from).then_some(next) }))
}

/// Runs from a file, offered to the door one by one.
pub fn receive(node: &mut Node, runs: &[String]) -> Answer {
    let engine = &mut node.engine;
    let mut outcomes = Vec::new();
    for run in runs {
        let outcome = match hex::decode(run) {
            Err(_) => json!({ "refused": "malformed" }),
            Ok(bytes) if !has_room(engine, &bytes) => json!({ "refused": "no-space" }),
            Ok(bytes) => match engine.receive(&bytes, Source::File, claimed(), &mut random)? {
                Ok(received) => {
                    let new = match received {
                        Received::Admitted(a) => {
                            node.heard.note(a.run.log().device, None, claimed());
                            node.level = true;
                            a.fresh
                        }
                        Received::Known => 0,
                    };
                    let total = count(engine, &bytes);
                    json!({ "new": new, "known": total.saturating_sub(new) })
                }
                Err(refusal) => json!({ "refused": refusal.code(), "why": refusal.to_string() }),
            },
        };
        outcomes.push(outcome);
    }
    Ok(json!({ "outcomes": outcomes }))
}

/// Whether the disk has room for what a person brings.
fn has_room(engine: &Engine, bytes: &[u8]) -> bool {
    let lane = Offer::of(engine.book(), bytes).map_or(Lane::DATA, |offer| offer.lane);
    engine.room().takes_own(lane)
}

fn count(engine: &Engine, bytes: &[u8]) -> u64 {
    run::decode(&engine.incident(), bytes).map_or(0, |r| r.entries.len() as u64)
}

/// `sync`: dials an address where one is given, and tells how things stand. Whoever waits asks again.
pub fn sync(node: &mut Node, peer: Option<String>) -> Answer {
    let Some(network) = node.network.as_mut() else {
        return Err(ApiError::new("no-network", exit::FAILURE));
    };
    let address = peer.as_deref().filter(|p| p.starts_with('/'));
    let device = match peer.as_deref() {
        Some(named) if address.is_none() => Some(trust::device_named(&node.engine, named)?),
        _ => None,
    };
    network.sync_now(address, device)
}

/// `network`: ends all contacts and makes none, or goes back to meeting peers.
pub fn network(node: &mut Node, offline: bool) -> Answer {
    let Some(network) = node.network.as_mut() else {
        return Err(ApiError::new("no-network", exit::FAILURE));
    };
    network.set_offline(offline);
    Ok(json!({ "offline": offline }))
}
