//! What becomes of an offer: receipts, answers, and the steps after them.

use std::collections::BTreeSet;

use muster_log::{entry::urgency, ids::ObjectId, operation::DataOperation};
use muster_model::{
    booking,
    parse::Change,
    table::kinds,
    value::Typed,
    views::receipts::{self, Speaker},
    writes,
};
use serde_json::{Value as Json, json};

use super::{
    Answer, changes, claimed, kind_named, resolve, short,
    work::{assignment_brief, field, own_name, own_only},
    write,
};
use crate::{
    api::{ApiError, FieldInput, exit},
    edge::random,
    engine::{Engine, PartWrites},
    error::NodeError,
};

/// Says of offers that arrived that they are here, in one entry for all of them. Called when a contact
/// is level or a file was read: nothing else comes at that moment.
pub fn receipts(engine: &mut Engine) -> Result<usize, NodeError> {
    let Some(grant) = engine.own_grant() else {
        return Ok(0);
    };
    let speaker = Speaker {
        role: grant.role,
        person: grant.person,
        scope: grant.scope,
    };
    let live = engine.book().authority().live();
    let owners: BTreeSet<ObjectId> = live.filter_map(|g| g.person).collect();
    let due = receipts::due(engine.state(), &speaker, &owners);
    let Ok(kind) = kind_named("assignment") else {
        return Ok(0);
    };
    let value = Typed::Code("delivered".into()).write().unwrap_or_default();
    let change = Change::Set {
        field: kind.number_of("status"),
        element: 0,
        value,
    };
    let mut all = PartWrites::new();
    let mut count = 0;
    for id in due {
        let operations = writes::build(engine.state(), kind, id, std::slice::from_ref(&change));
        // What was erased or is of another kind by now needs no receipt.
        for (class, list) in operations.unwrap_or_default() {
            count += 1;
            let part: &mut Vec<DataOperation> = all.entry(class).or_default();
            part.extend(list);
        }
    }
    if count > 0 {
        engine.write(all, urgency::ASSIGNMENT, claimed(), &mut random)?;
    }
    Ok(count)
}

/// How somebody was told, and by whom.
pub fn told(engine: &Engine, how: Option<&str>, by: Option<String>) -> Vec<FieldInput> {
    let Some(how) = how else {
        return Vec::new();
    };
    let by = by.unwrap_or_else(|| own_name(engine));
    vec![field("told_by", how), field("told_by_whom", by)]
}

/// `offer answer`.
pub fn answer(
    engine: &mut Engine,
    given: &str,
    accept: bool,
    how: Option<String>,
    by: Option<String>,
) -> Answer {
    let wanted = if accept { "acknowledged" } else { "declined" };
    let id = resolve(engine, given, &[kinds::ASSIGNMENT])?;
    let more = told(engine, how.as_deref(), by);
    moved(engine, id, wanted, more)
}

/// `offer withdraw`, `offer no-show`, `offer on-site`, `offer done`.
pub fn step(engine: &mut Engine, given: &str, status: &str, why: Option<String>) -> Answer {
    let id = resolve(engine, given, &[kinds::ASSIGNMENT])?;
    let more = why.map(|why| field("reason", why));
    moved(engine, id, status, more.into_iter().collect())
}

fn moved(engine: &mut Engine, id: ObjectId, wanted: &str, more: Vec<FieldInput>) -> Answer {
    let object = engine.state().object(id).unwrap_or_default();
    own_only(engine, object.reference("volunteer"))?;
    let status = object.code("status");
    if status.as_deref() != Some(wanted) && !booking::may_follow(status.as_deref(), wanted) {
        return Err(ApiError::new("status-impossible", exit::CONFLICT)
            .with("from", status.unwrap_or_default())
            .with("to", wanted));
    }
    let kind = kind_named("assignment")?;
    let mut fields = vec![field("status", wanted)];
    fields.extend(more);
    let changes = changes(engine, kind, &fields)?;
    write(engine, kind, id, &changes, urgency::ASSIGNMENT, claimed())?;
    let about = assignment_brief(engine, id);
    Ok(json!({
        "id": id.hex(), "short": short(engine, id), "status": wanted,
        "task": about["task"], "volunteer": about["volunteer"],
    }))
}

/// Moves an assignment on where it may go there; what it may not is left as it is.
pub fn follow(engine: &mut Engine, id: ObjectId, wanted: &str) -> Result<(), ApiError> {
    let status = engine.state().object(id).and_then(|o| o.code("status"));
    if !booking::may_follow(status.as_deref(), wanted) {
        return Ok(());
    }
    let kind = kind_named("assignment")?;
    let changes = changes(engine, kind, &[field("status", Json::from(wanted))])?;
    write(engine, kind, id, &changes, urgency::ASSIGNMENT, claimed()).map(|_| ())
}
