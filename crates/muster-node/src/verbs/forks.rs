//! Logs whose authors signed two histories, as a person is shown them: whose, from where on, what each
//! branch holds, and whether it counts.

use muster_log::{
    authority::Standing,
    frontier::{Island, LogHeads, Stretch},
    ids::{Lane, Seq},
};
use muster_model::value::time_text;
use serde_json::{Value as Json, json};

use super::log::{label, standing};
use crate::{api::ApiError, engine::Engine};

/// The forked logs, each with its branches.
pub(super) fn forks(engine: &Engine) -> Result<Vec<Json>, ApiError> {
    let authority = engine.book().authority();
    let mut out = Vec::new();
    for (log, at) in authority.forks() {
        let mut branches = Vec::new();
        if let Some(heads) = engine.book().log(&log.id(&engine.incident())) {
            for leaf in heads.leaves().iter().filter(|leaf| leaf.to >= at) {
                branches.push(branch(engine, heads, leaf, at)?);
            }
        }
        out.push(json!({
            "device": log.device.hex(),
            "label": label(engine, &log.device),
            "generation": format!("{:x}", log.generation.0),
            "lane": log.lane.0,
            "seq": at.0,
            "proven": authority.fork_proven_at(log).is_some(),
            "counts": branches.iter().all(|b| b["counts"] == true),
            "entries": branches.iter().filter_map(|b| b["entries"].as_u64()).sum::<u64>(),
            "branches": branches,
        }));
    }
    Ok(out)
}

/// One branch, from the fork on.
fn branch(engine: &Engine, heads: &LogHeads, leaf: &Island, at: Seq) -> Result<Json, ApiError> {
    let path = heads.path(leaf.to, &leaf.head);
    let past: Vec<&Stretch> = path.iter().filter(|p| p.to >= at).collect();
    let entries: u64 = past.iter().map(|p| p.to.0 - p.from.max(at).0 + 1).sum();
    let mut counts = true;
    let mut times = Vec::new();
    for piece in past.iter().rev() {
        // The ends of each piece: what was adopted in part only does not count as a whole.
        for seq in [piece.from.max(at), piece.to] {
            let run = engine.run_on(&heads.id(), piece.line, seq)?;
            let Some((run, entry)) = run.as_ref().and_then(|r| Some((r, r.entries().first()?)))
            else {
                continue;
            };
            counts &= matches!(standing(engine, run, entry), Standing::Counts(_));
            times.push(entry.header().claimed);
        }
    }
    Ok(json!({
        "head": leaf.head.hex(),
        "from": leaf.from.max(at).0,
        "to": leaf.to.0,
        "entries": entries,
        "since": times.first().map(|t| time_text(*t)),
        "until": times.last().map(|t| time_text(*t)),
        "counts": counts,
    }))
}

/// What status and doctor say of the forks that nobody has settled.
pub(super) fn findings(engine: &Engine) -> Vec<Json> {
    let forks = forks(engine).unwrap_or_default();
    let open = forks.iter().filter(|f| f["counts"] != true);
    open.map(|f| {
        let data = f["lane"].as_u64() == Some(u64::from(Lane::DATA.0));
        let own = f["device"].as_str() == Some(&engine.device().hex());
        json!({
            "code": if own { "forked-here" } else { "forked" },
            "level": "trouble",
            "args": {
                "label": f["label"].as_str().or(f["device"].as_str()),
                "seq": f["seq"],
                "what": if data { "data" } else { "acts" },
                "branches": f["branches"].as_array().map_or(0, Vec::len),
                "entries": f["entries"],
            },
        })
    })
    .collect()
}
