//! What the merge left for a person to decide: contested values, double bookings, full slots.

use muster_log::{entry::urgency, ids::DeviceId, role::Role};
use muster_model::{
    conflicts::{self, Choice, SettleError},
    parse, table,
};
use serde_json::{Value as Json, json};

use super::{Answer, brief, claimed, kind_named, own_role, parse_error, reading, work};
use crate::{
    api::{ApiError, exit},
    edge::random,
    engine::Engine,
};

fn described(engine: &Engine, conflict: &conflicts::Conflict) -> Json {
    let mut out = conflict.json();
    let Some(map) = out.as_object_mut() else {
        return out;
    };
    map.insert("about".into(), brief(engine, conflict.object));
    let label = |device: &Json| {
        let id = device.as_str().and_then(DeviceId::from_hex)?;
        engine
            .book()
            .authority()
            .naming_grant(&id)
            .map(|g| g.label.clone())
    };
    let mut letter = b'A';
    for (value, rival) in map
        .get_mut("values")
        .and_then(Json::as_array_mut)
        .into_iter()
        .flatten()
        .zip(&conflict.values)
    {
        let label = label(&value["device"]);
        if let Some(value) = value.as_object_mut() {
            value.insert("choice".into(), json!(char::from(letter).to_string()));
            value.insert("label".into(), json!(label));
            if let Some(device) = &rival.device {
                let clock = super::log::clock(engine, device, rival.claimed);
                value.insert("clock".into(), clock);
            }
            if let Some(id) = rival.assignment {
                value.insert("assignment".into(), work::assignment_brief(engine, id));
            }
        }
        letter = letter.saturating_add(1);
    }
    out
}

/// `conflicts`: contested values, double bookings, and forks that somebody has to decide about.
pub fn conflicts(engine: &Engine) -> Answer {
    let found = conflicts::conflicts(engine.state());
    let mut forks = super::forks::forks(engine)?;
    forks.retain(|f| f["counts"] != true);
    Ok(json!({
        "items": found.iter().map(|c| described(engine, c)).collect::<Vec<_>>(),
        "forks": forks,
    }))
}

/// `settle`.
pub fn settle(
    engine: &mut Engine,
    given: &str,
    choose: Option<String>,
    value: Option<Json>,
) -> Answer {
    let conflict = conflicts::find(engine.state(), given).map_err(|n| {
        let code = if n == 0 {
            "no-such-conflict"
        } else {
            "ambiguous-conflict"
        };
        ApiError::new(code, exit::NOT_FOUND).with("given", given)
    })?;
    let choice = match (choose, value, conflict.field) {
        (Some(letter), _, _) => Choice::Index(index(&letter)?),
        (None, Some(value), Some(number)) => {
            let kind = kind_named(&conflict.kind)?;
            let field = kind.field(number).ok_or_else(|| {
                ApiError::new("no-such-field", exit::USAGE)
                    .with("kind", kind.name)
                    .with("given", number)
            })?;
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            Choice::Value(parse::value(&reading(engine), field, &text).map_err(parse_error)?)
        }
        _ => return Err(ApiError::new("choose-one", exit::USAGE)),
    };
    let about = described(engine, &conflict);
    let all = conflicts::settle(engine.state(), &conflict, &choice).map_err(|e| match e {
        SettleError::Choice { there } => {
            ApiError::new("no-such-choice", exit::USAGE).with("there", there)
        }
        SettleError::NotAValue => ApiError::new("choose-one", exit::USAGE),
        SettleError::Write(e) => super::write_error(e),
    })?;
    let role = own_role(engine)?;
    // Settling is a coordinator's; whoever is booked twice may choose for themselves.
    let person = engine.own_grant().and_then(|g| g.person);
    let own = conflict.what == conflicts::What::DoubleBooking
        && person.is_some_and(|p| {
            engine.state().canonical(p) == engine.state().canonical(conflict.object)
        });
    if role > Role::Coordinator && !own {
        return Err(
            ApiError::new("settle-not-permitted", exit::NOT_PERMITTED).with("role", role.code())
        );
    }
    for (_, operations) in all {
        engine.write(operations, urgency::ASSIGNMENT, claimed(), &mut random)?;
    }
    Ok(
        json!({ "settled": conflict.id, "what": conflict.what.code(), "conflict": about,
        "object": brief(engine, conflict.object), "kind": table::kind_named(&conflict.kind).map(|k| k.name) }),
    )
}

fn index(letter: &str) -> Result<usize, ApiError> {
    match letter.trim().as_bytes() {
        [c] if c.is_ascii_alphabetic() => Ok(usize::from(c.to_ascii_uppercase() - b'A')),
        _ => Err(ApiError::new("choose-one", exit::USAGE)),
    }
}
