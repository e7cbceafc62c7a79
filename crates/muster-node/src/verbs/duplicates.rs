//! What looks like one thing written down twice, and the two verbs that join and part.

use muster_log::{entry::urgency, ids::ObjectId, role::Role};
use muster_model::{
    table::{self, kinds},
    views::duplicates::{self, Pair},
    writes,
};
use serde_json::{Value as Json, json};

use super::{Answer, brief, claimed, kind_named, own_role, resolve, short, write_error};
use crate::{
    api::{ApiError, exit},
    edge::random,
    engine::Engine,
};

/// With more objects of a kind than this, nothing is looked for while one is added.
const MOST_AT_ENTRY: usize = 20_000;

fn pair_json(engine: &Engine, kind: u16, pair: &Pair) -> Json {
    json!({
        "kind": table::kind_name(kind),
        "a": brief(engine, pair.a), "b": brief(engine, pair.b),
        "score": pair.score, "reasons": pair.reasons,
    })
}

/// `duplicates`.
pub fn duplicates(engine: &Engine, kind: Option<&str>) -> Answer {
    let wanted = match kind {
        Some(name) => vec![kind_named(name)?.number],
        None => vec![kinds::VOLUNTEER, kinds::NEED],
    };
    let mut items = Vec::new();
    for kind in wanted {
        let pairs = duplicates::of_kind(engine.state(), kind);
        items.extend(pairs.iter().map(|p| pair_json(engine, kind, p)));
    }
    Ok(json!({ "items": items }))
}

/// What looks like an object that was just added.
pub fn similar(engine: &Engine, kind: u16, id: ObjectId) -> Json {
    if engine.state().index().count(kind) > MOST_AT_ENTRY {
        return Json::Array(Vec::new());
    }
    let pairs = duplicates::of_object(engine.state(), id);
    let other = |p: &Pair| if p.a == id { p.b } else { p.a };
    pairs
        .iter()
        .map(|p| {
            json!({
                "about": brief(engine, other(p)), "score": p.score, "reasons": p.reasons,
            })
        })
        .collect()
}

fn may_join(engine: &Engine) -> Result<(), ApiError> {
    let role = own_role(engine)?;
    match role > Role::Coordinator {
        true => {
            Err(ApiError::new("merge-not-permitted", exit::NOT_PERMITTED).with("role", role.code()))
        }
        false => Ok(()),
    }
}

/// `KIND merge KEEP OTHER`: the other is the same as the one that is kept.
pub fn merge(engine: &mut Engine, kind: &str, keep: &str, other: &str) -> Answer {
    let kind = kind_named(kind)?;
    let keep = resolve(engine, keep, &[kind.number])?;
    let other = resolve(engine, other, &[kind.number])?;
    may_join(engine)?;
    let state = engine.state();
    let target = state.canonical(keep);
    let joined = state.canonical(other);
    if target == joined {
        return Err(
            ApiError::new("already-joined", exit::CONFLICT).with("given", short(engine, other))
        );
    }
    let operations = writes::alias(state, joined, target).map_err(write_error)?;
    engine.write(operations, urgency::NORMAL, claimed(), &mut random)?;
    Ok(json!({
        "id": engine.state().canonical(target).hex(), "kind": kind.name,
        "kept": brief(engine, target), "joined": brief(engine, joined),
    }))
}

/// `KIND split ID`: what was joined is two again.
pub fn split(engine: &mut Engine, kind: &str, given: &str) -> Answer {
    let kind = kind_named(kind)?;
    let id = resolve(engine, given, &[kind.number])?;
    may_join(engine)?;
    let state = engine.state();
    // An alias is taken back; of what others were joined with, all of theirs.
    let own = state.index().is_alias(id);
    let apart: Vec<ObjectId> = match own {
        true => vec![id],
        false => state.joined(id).into_iter().filter(|o| *o != id).collect(),
    };
    if apart.is_empty() {
        return Err(
            ApiError::new("nothing-joined", exit::CONFLICT).with("given", short(engine, id))
        );
    }
    for one in &apart {
        let operations = writes::unalias(engine.state(), *one).map_err(write_error)?;
        if !operations.is_empty() {
            engine.write(operations, urgency::NORMAL, claimed(), &mut random)?;
        }
    }
    let apart: Vec<_> = apart.iter().map(|o| brief(engine, *o)).collect();
    Ok(json!({ "id": id.hex(), "kind": kind.name, "about": brief(engine, id), "apart": apart }))
}
