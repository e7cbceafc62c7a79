//! What crosses over: pages of runs for bundles, runs offered from files, meeting peers now.

use muster_log::{
    book::Received,
    ids::{Lane, LogId, Millis, Seq},
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

fn stretch(engine: &Engine, log: &LogId, from: u64, to: u64) -> Option<Json> {
    let key = engine.book().log(log)?.key();
    Some(json!({
        "log": log.hex(),
        "device": key.device.hex(),
        "generation": format!("{:x}", key.generation.0),
        "lane": key.lane.0,
        "from": from,
        "to": to,
    }))
}

/// What a bundle should hold: all of lane 0 first, then data, each log without its gaps.
pub fn plan(engine: &Engine, whom: Option<&str>, since: Option<&str>, public: bool) -> Answer {
    if public {
        return Err(ApiError::new("not-yet", exit::USAGE).with("what", "bundle export --public"));
    }
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
        if heads.contiguous() > start {
            out.extend(stretch(engine, &id, start, heads.contiguous() - 1));
        }
        for island in heads.islands() {
            if island.to.0 >= start {
                out.extend(stretch(engine, &id, island.from.0.max(start), island.to.0));
            }
        }
    }
    let genesis = engine.book().authority().genesis().to_bytes();
    Ok(json!({
        "genesis": super::log::hex(&genesis),
        "stretches": out,
        "remembered": whom.map(|_| theirs.is_some()),
    }))
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
pub fn runs(engine: &Engine, log: &str, from: u64, to: u64) -> Answer {
    let id = LogId::from_hex(log).ok_or_else(|| {
        ApiError::new("not-found", exit::NOT_FOUND)
            .with("given", log)
            .with("kind", "log")
    })?;
    let runs = engine.runs(&id, Seq(from), Seq(to), PAGE)?;
    let last = runs
        .last()
        .and_then(|r| r.entries.last())
        .map(|e| e.header.seq.0);
    let encoded: Vec<_> = runs
        .iter()
        .map(|r| super::log::hex(&run::encode(r)))
        .collect();
    Ok(json!({ "runs": encoded, "next": last.map(|l| l + 1) }))
}

/// Runs from a file, offered to the door one by one.
pub fn receive(node: &mut Node, runs: &[String]) -> Answer {
    let engine = &mut node.engine;
    let mut outcomes = Vec::new();
    for run in runs {
        let outcome = match hex::decode(run) {
            Err(_) => json!({ "refused": "malformed" }),
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
