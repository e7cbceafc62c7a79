//! How things stand: health first, then numbers.

use std::collections::BTreeSet;

use muster_log::{authority::Grant, ids::DeviceId, intake::Delay};
use muster_model::{conflicts, table::KINDS, value::time_text};
use serde_json::{Value as Json, json};

use super::{Answer, erase, log::label};
use crate::{
    anchor::Renewed,
    daemon::Node,
    edge::now,
    engine::{Engine, met::CLOCK_MS},
    reserve::Room,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Findings that a person should know of, each with a code and what a sentence needs.
fn findings(node: &Node) -> Vec<Json> {
    let engine = &node.engine;
    let mut out = Vec::new();
    let mut note = |code: &str, level: &str, args: Json| {
        out.push(json!({ "code": code, "level": level, "args": args }));
    };
    let conflicts = conflicts::conflicts(engine.state()).len();
    if conflicts > 0 {
        note("conflicts", "attention", json!({ "count": conflicts }));
    }
    if engine.pending() > 0 {
        note("pending", "attention", json!({ "count": engine.pending() }));
    }
    let gaps: usize = engine.book().logs().map(|l| l.islands().len()).sum();
    if gaps > 0 {
        note("gaps", "attention", json!({ "count": gaps }));
    }
    let forks = engine.counters().refused.get("fork").copied().unwrap_or(0);
    if forks > 0 {
        note("forks", "trouble", json!({ "count": forks }));
    }
    let void = engine.book().authority().void_fork_proofs();
    if void > 0 {
        note("void-proofs", "attention", json!({ "count": void }));
    }
    if engine.own_grant().is_none() {
        note("no-grant", "trouble", json!({}));
    }
    let over = |g: &Grant| g.is_over(now());
    if let Some(grant) = engine.own_grant().filter(|g| over(g)) {
        let at = grant.expires.map(time_text).unwrap_or_default();
        note("own-time-over", "trouble", json!({ "at": at }));
    }
    let authority = engine.book().authority();
    let members: BTreeSet<_> = authority.live().map(|g| g.device).collect();
    let gone: Vec<_> = members
        .iter()
        .filter(|d| **d != engine.device())
        .filter_map(|d| authority.best_grant(d))
        .filter(|g| over(g))
        .map(|g| g.label.as_str())
        .collect();
    if !gone.is_empty() {
        let args = json!({ "count": gone.len(), "labels": gone.join(", ") });
        note("time-over", "attention", args);
    }
    let acts = engine.book().authority().pending_acts().count();
    if acts > 0 {
        note("acts-kept", "attention", json!({ "count": acts }));
    }
    if let Some((space, reserve)) = node.space.space()
        && engine.room() > Room::Ample
    {
        let args = json!({
            "room": engine.room().code(),
            "free": space.free / MIB, "reserve": reserve / MIB,
        });
        note("disk-reserve", "trouble", args);
    }
    if let Some(why) = engine.erasing_failed() {
        note("erasing-failed", "trouble", json!({ "why": why }));
    }
    if let Some(doubt) = node.anchor.noticed() {
        let args = json!({ "reason": doubt.code() });
        note("generation-renewed", "attention", args);
    }
    if let Some(why) = node.anchor.trouble() {
        note("anchor-trouble", "attention", json!({ "why": why }));
    }
    out.extend(super::forks::findings(engine));
    let mut note = |code: &str, level: &str, args: Json| {
        out.push(json!({ "code": code, "level": level, "args": args }));
    };
    match &node.network {
        None => note("no-network", "attention", json!({})),
        Some(network) => {
            out.extend(network.findings());
            out.extend(delay_findings(engine, network.delayed()));
        }
    }
    let named = engine.met().clocks().map(|(device, offset)| {
        let label = label(engine, device);
        (label.unwrap_or_else(|| device.hex()), offset.ahead)
    });
    out.extend(clock_findings(named.collect()));
    out
}

/// Authors whose entries are put off, those with the most refusals first.
fn delay_findings(engine: &Engine, mut delayed: Vec<(DeviceId, Delay, u64)>) -> Vec<Json> {
    delayed.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
    let found = delayed.iter().take(NAMED).map(|(device, delay, count)| {
        let label = label(engine, device).unwrap_or_else(|| device.hex());
        let args = json!({ "label": label, "reason": delay.code(), "count": count });
        json!({ "code": "intake-delayed", "level": "attention", "args": args })
    });
    found.collect()
}

/// So many are named, those that are furthest off first.
const NAMED: usize = 3;
const MIB: u64 = 1024 * 1024;

/// Members whose clocks are far from this device's; where two or more agree that it is this one's,
/// that is said instead. A wrong clock shows wrong times and decides nothing.
fn clock_findings(clocks: Vec<(String, i64)>) -> Vec<Json> {
    let all = clocks.len();
    let mut off = clocks;
    off.retain(|(_, ms)| ms.unsigned_abs() > CLOCK_MS);
    off.sort_by_key(|(_, ms)| std::cmp::Reverse(ms.unsigned_abs()));
    let span = |ms: i64| {
        let minutes = ms.unsigned_abs() / 60_000;
        match minutes {
            0..120 => (minutes, "minutes"),
            120..2_880 => (minutes / 60, "hours"),
            _ => (minutes / 1_440, "days"),
        }
    };
    let found = |code: &str, ms: i64, label: &str| {
        let (amount, unit) = span(ms);
        let way = if ms > 0 { "ahead" } else { "behind" };
        let args = json!({ "label": label, "amount": amount, "unit": unit, "way": way });
        json!({ "code": code, "level": "attention", "args": args })
    };
    if let [(_, ms), .., (_, least)] = &off[..]
        && off.len() == all
        && ms.abs_diff(*least) < CLOCK_MS
    {
        // All others agree with one another: this clock is behind by what they are ahead.
        return vec![found("own-clock", ms.saturating_neg(), "")];
    }
    let off = off.iter().take(NAMED);
    off.map(|(label, ms)| found("clock", *ms, label)).collect()
}

/// `status`.
pub fn status(node: &Node) -> Answer {
    let engine = &node.engine;
    let book = engine.book();
    let genesis = book.authority().genesis();
    let grant = engine.own_grant();
    // Out, it is still called what it was called.
    let named = book.authority().naming_grant(&engine.device());
    let objects: serde_json::Map<String, Json> = KINDS
        .iter()
        .map(|k| (k.name.to_owned(), engine.state().index().count(k.number)))
        .filter(|(_, n)| *n > 0)
        .map(|(k, n)| (k, json!(n)))
        .collect();
    let findings = findings(node);
    let (erased, pending) = erase::counts(engine);
    let health = if findings.iter().any(|f| f["level"] == "trouble") {
        "trouble"
    } else if findings.iter().any(|f| f["level"] == "attention") {
        "attention"
    } else {
        "ok"
    };
    Ok(json!({
        "health": health,
        "locked": false,
        "findings": findings,
        "incident": { "id": book.incident().hex(), "name": genesis.body().name.to_string() },
        "device": {
            "id": engine.device().hex(),
            "label": named.map(|g| g.label.clone()),
            "code": named.map(|g| g.code.clone()),
            "role": grant.map(|g| g.role.code()),
            "expires": grant.and_then(|g| g.expires).map(time_text),
        },
        "operator": engine.operator(),
        "objects": objects,
        "conflicts": conflicts::conflicts(engine.state()).len(),
        "unread": super::forum::unread(engine),
        "entries": book.entries(),
        "logs": book.logs().count(),
        "devices": book.authority().live().map(|g| g.device).collect::<std::collections::BTreeSet<_>>().len(),
        "peers": node.network.as_ref().map_or(0, |n| n.connected()),
        "pending": engine.pending(),
        "unreadable_parts": engine.unreadable(),
        "erased": { "objects": erased, "pending": pending },
        "refused": engine.counters().refused,
        "inert": engine.counters().inert,
        "generation_renewed": node.anchor.renewed().map(renewed),
        "journal_bytes": engine.journal_bytes(),
        "disk": disk(node),
        "uptime_s": node.uptime(),
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

fn disk(node: &Node) -> Json {
    let room = node.engine.room().code();
    match node.space.space() {
        Some((space, reserve)) => {
            json!({ "room": room, "free_bytes": space.free, "reserve_bytes": reserve })
        }
        None => json!({ "room": room, "free_bytes": null, "reserve_bytes": null }),
    }
}

fn renewed(renewed: Renewed) -> Json {
    let at = jiff::Timestamp::from_millisecond(renewed.at);
    let at = at.map(|t| t.to_string()).unwrap_or_default();
    json!({ "reason": renewed.reason.code(), "at": at })
}

/// `digest`: nothing in it depends on the time or on whom one met.
pub fn digest(engine: &Engine) -> Json {
    let digests = engine.state().digests();
    json!({
        "incident": engine.incident().hex(),
        "entries": engine.book().entries(),
        "frontier": hex(&engine.book().frontier_digest()),
        "state": digests.state.hex(),
        "readable": {
            "c2": digests.c2.hex(),
            "c3": digests.c3.hex(),
            "unreadable_parts": engine.unreadable(),
        },
    })
}

/// `peers`.
pub fn peers(node: &Node) -> Json {
    match &node.network {
        Some(network) => network.peers(),
        None => json!({ "items": [], "listening": [], "network": false }),
    }
}

/// `doctor`.
pub fn doctor(node: &Node) -> Answer {
    let mut all = findings(node);
    let engine = &node.engine;
    if let (None, Some(renewed)) = (node.anchor.noticed(), node.anchor.renewed()) {
        let args = json!({ "reason": renewed.reason.code() });
        all.push(json!({ "code": "generation-renewed", "level": "ok", "args": args }));
    }
    let (erased, pending) = erase::counts(engine);
    if pending > 0 {
        let args = json!({ "count": pending, "of": erased });
        all.push(json!({ "code": "erasures-pending", "level": "ok", "args": args }));
    }
    all.push(json!({ "code": "journal-sound", "level": "ok", "args": { "entries": engine.book().entries() } }));
    let counters = node.network.as_ref().map(|n| n.counters());
    Ok(json!({ "findings": all, "daemon": true, "counters": counters }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(clocks: &[(&str, i64)]) -> Vec<(String, String, u64, String, String)> {
        let clocks = clocks.iter().map(|(l, s)| ((*l).to_owned(), s * 1_000));
        let found = clock_findings(clocks.collect());
        let text = |v: &Json| v.as_str().unwrap_or_default().to_owned();
        let line = |f: &Json| {
            let a = &f["args"];
            let amount = a["amount"].as_u64().unwrap_or_default();
            let code = text(&f["code"]);
            (
                code,
                text(&a["label"]),
                amount,
                text(&a["unit"]),
                text(&a["way"]),
            )
        };
        found.iter().map(line).collect()
    }

    fn line(
        code: &str,
        label: &str,
        amount: u64,
        unit: &str,
        way: &str,
    ) -> (String, String, u64, String, String) {
        let [code, label, unit, way] = [code, label, unit, way].map(str::to_owned);
        (code, label, amount, unit, way)
    }

    #[test]
    fn a_clock_that_is_far_off_is_named_and_a_near_one_is_not() {
        assert_eq!(said(&[("gym", 3), ("camp", -110)]), []);
        let ten_years = 10 * 365 * 86_400;
        assert_eq!(
            said(&[("gym", 3), ("van", ten_years), ("hut", -130)]),
            [
                line("clock", "van", 3_650, "days", "ahead"),
                line("clock", "hut", 2, "minutes", "behind"),
            ]
        );
    }

    #[test]
    fn where_all_others_agree_it_is_this_clock() {
        assert_eq!(
            said(&[("gym", 7_200), ("camp", 7_230)]),
            [line("own-clock", "", 2, "hours", "behind")]
        );
        // One alone may be wrong itself, and so may two that do not agree.
        assert_eq!(said(&[("gym", 7_200)]).len(), 1);
        assert_eq!(said(&[("gym", 7_200)])[0].0, "clock");
        assert_eq!(said(&[("gym", 7_200), ("camp", -7_200)]).len(), 2);
    }
}
