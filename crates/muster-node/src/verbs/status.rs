//! How things stand: health first, then numbers.

use muster_model::{conflicts, table::KINDS};
use serde_json::{Value as Json, json};

use super::Answer;
use crate::{anchor::Renewed, daemon::Node, engine::Engine};

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
    if engine.own_grant().is_none() {
        note("no-grant", "trouble", json!({}));
    }
    let acts = engine.book().authority().pending_acts().count();
    if acts > 0 {
        note("acts-kept", "attention", json!({ "count": acts }));
    }
    if let Some(doubt) = node.anchor.noticed() {
        let args = json!({ "reason": doubt.code() });
        note("generation-renewed", "attention", args);
    }
    if let Some(why) = node.anchor.trouble() {
        note("anchor-trouble", "attention", json!({ "why": why }));
    }
    match &node.network {
        None => note("no-network", "attention", json!({})),
        Some(network) => {
            for finding in network.findings() {
                out.push(finding);
            }
        }
    }
    out
}

/// `status`.
pub fn status(node: &Node) -> Answer {
    let engine = &node.engine;
    let book = engine.book();
    let genesis = book.authority().genesis();
    let grant = engine.own_grant();
    let objects: serde_json::Map<String, Json> = KINDS
        .iter()
        .map(|k| (k.name.to_owned(), engine.state().index().count(k.number)))
        .filter(|(_, n)| *n > 0)
        .map(|(k, n)| (k, json!(n)))
        .collect();
    let findings = findings(node);
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
            "label": grant.map(|g| g.label.clone()),
            "code": grant.map(|g| g.code.clone()),
            "role": grant.map(|g| g.role.code()),
        },
        "operator": engine.operator(),
        "objects": objects,
        "conflicts": conflicts::conflicts(engine.state()).len(),
        "entries": book.entries(),
        "logs": book.logs().count(),
        "devices": book.authority().grants().map(|g| g.device).collect::<std::collections::BTreeSet<_>>().len(),
        "peers": node.network.as_ref().map_or(0, |n| n.connected()),
        "pending": engine.pending(),
        "unreadable_parts": engine.unreadable(),
        "refused": engine.counters().refused,
        "inert": engine.counters().inert,
        "generation_renewed": node.anchor.renewed().map(renewed),
        "journal_bytes": engine.journal_bytes(),
        "uptime_s": node.uptime(),
        "version": env!("CARGO_PKG_VERSION"),
    }))
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
    all.push(json!({ "code": "journal-sound", "level": "ok", "args": { "entries": engine.book().entries() } }));
    Ok(json!({ "findings": all, "daemon": true }))
}
