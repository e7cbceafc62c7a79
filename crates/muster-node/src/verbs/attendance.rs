//! Who is here: check-ins and check-outs, by number, id, badge or name.

use muster_log::{
    entry::urgency,
    ids::{Millis, ObjectId},
};
use muster_model::{booking, table::kinds, value};
use serde_json::{Value as Json, json};

use super::{
    Answer, brief, changes, claimed, fresh_object, kind_named, offers, resolve,
    work::{self, field, own_only, time},
    write,
};
use crate::{
    api::{ApiError, exit},
    engine::Engine,
};

/// Check-ins of a person that have no end, newest first.
fn open_checkins(engine: &Engine, person: ObjectId) -> Vec<(Option<Millis>, ObjectId)> {
    let state = engine.state();
    let mut open: Vec<_> = state
        .joined(person)
        .into_iter()
        .flat_map(|p| state.index().referrers(p).collect::<Vec<_>>())
        .filter_map(|id| {
            let object = state.object(id)?;
            let is_open = object.kind() == Some(kinds::CHECK_IN)
                && !object.erased
                && object.time("out").is_none();
            is_open.then(|| (object.time("in"), id))
        })
        .collect();
    open.sort_by(|a, b| b.cmp(a));
    open
}

/// Somebody by id or number, else by badge code or name.
fn person(engine: &Engine, given: &str) -> Result<ObjectId, ApiError> {
    match resolve(engine, given, &[kinds::VOLUNTEER]) {
        Err(e) if e.code == "not-found" => {}
        other => return other,
    }
    let kind = kind_named("volunteer")?;
    let state = engine.state();
    let folded = muster_model::text::fold(given);
    let matches = |name: &str| -> Vec<ObjectId> {
        state
            .of_kind(kind.number)
            .filter(|id| !state.index().is_alias(*id))
            .filter(|id| {
                let text = state.object(*id).and_then(|o| o.text(name));
                text.is_some_and(|t| muster_model::text::fold(&t) == folded)
            })
            .collect()
    };
    let found: std::collections::BTreeSet<_> = ["badge", "name", "phone"]
        .into_iter()
        .flat_map(matches)
        .collect();
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(ApiError::new("not-found", exit::NOT_FOUND)
            .with("given", given)
            .with("kind", "volunteer")),
        (Some(one), Some(two)) => {
            let all: Vec<_> = [one, two]
                .into_iter()
                .chain(found)
                .map(|id| brief(engine, id))
                .collect();
            let shown: Vec<_> = all
                .iter()
                .map(|c| {
                    format!(
                        "{} {}",
                        c["short"].as_str().unwrap_or(""),
                        c["title"].as_str().unwrap_or("")
                    )
                })
                .collect();
            Err(ApiError::new("ambiguous", exit::NOT_FOUND)
                .with("given", given)
                .with("candidates", shown.join(", "))
                .details(json!({ "candidates": all })))
        }
    }
}

fn moment(engine: &Engine, at: Option<&str>) -> Result<Millis, ApiError> {
    match at {
        Some(given) => time(engine, "from", given),
        None => Ok(claimed()),
    }
}

/// `checkin`.
pub fn check_in(
    engine: &mut Engine,
    given: &str,
    site: Option<String>,
    at: Option<String>,
    why: Option<String>,
) -> Answer {
    let who = person(engine, given)?;
    own_only(engine, Some(who))?;
    let site = site
        .map(|s| resolve(engine, &s, &[kinds::SITE]))
        .transpose()?;
    if let Some((since, open)) = open_checkins(engine, who).into_iter().next() {
        return Err(ApiError::new("already-in", exit::CONFLICT)
            .with(
                "person",
                brief(engine, who)["title"].as_str().unwrap_or_default(),
            )
            .with("since", since.map(value::time_text).unwrap_or_default())
            .details(json!({ "checkin": open.hex() })));
    }
    let at = moment(engine, at.as_deref())?;
    let warnings = booking::check_arrival(engine.state(), who, at, &work::rules(engine));
    work::check_arrival(engine, &warnings, why.is_some())?;
    let mut fields = vec![
        field("person", who.hex()),
        field("in", value::time_text(at)),
    ];
    fields.extend(site.map(|s| field("site", s.hex())));
    fields.extend(work::overriding(engine, &warnings, why.as_deref()));
    let begun = begins(engine, who, site, at);
    fields.extend(begun.map(|id| field("assignment", id.hex())));
    let kind = kind_named("check-in")?;
    let mut answer =
        super::objects::create(engine, kind, fresh_object(), &fields, urgency::ASSIGNMENT)?;
    if let Some(id) = begun {
        offers::follow(engine, id, "on-site")?;
    }
    if let Some(map) = answer.as_object_mut() {
        map.insert("person".into(), brief(engine, who));
        map.insert("site".into(), site.map_or(Json::Null, |s| brief(engine, s)));
        map.insert("in".into(), json!(value::time_text(at)));
        map.insert("warnings".into(), work::reasons(engine, &warnings));
        let begun = begun.map(|id| work::assignment_brief(engine, id));
        map.insert("assignment".into(), begun.unwrap_or(Json::Null));
    }
    Ok(answer)
}

/// An assignment may begin so long before its time.
const EARLY_MS: i64 = 2 * 3_600_000;

/// The assignment somebody arrives for, where there is exactly one that runs now (or soon) and is not
/// known to be elsewhere: from now on it is on site.
fn begins(engine: &Engine, who: ObjectId, site: Option<ObjectId>, at: Millis) -> Option<ObjectId> {
    let state = engine.state();
    let site = site.map(|s| state.canonical(s));
    let mut all = booking::of_volunteer(state, who);
    all.retain(|a| {
        let task = a.task.and_then(|t| state.object(t));
        let there = task.and_then(|t| t.reference("site"));
        let there = there.map(|s| state.canonical(s));
        let begun = a.span.from.is_none_or(|f| f.0 - EARLY_MS <= at.0);
        let own = a.volunteer == Some(state.canonical(who));
        own && a.is_active()
            && begun
            && a.span.to.is_none_or(|to| at < to)
            && (site.is_none() || there.is_none() || site == there)
    });
    match all.as_slice() {
        [one] => Some(one.id),
        _ => None,
    }
}

/// `checkout`.
pub fn check_out(engine: &mut Engine, given: &str, at: Option<String>) -> Answer {
    let who = person(engine, given)?;
    own_only(engine, Some(who))?;
    let Some((since, id)) = open_checkins(engine, who).into_iter().next() else {
        return Err(ApiError::new("not-in", exit::CONFLICT).with(
            "person",
            brief(engine, who)["title"].as_str().unwrap_or_default(),
        ));
    };
    let at = moment(engine, at.as_deref())?;
    if since.is_some_and(|s| at < s) {
        return Err(ApiError::new("out-before-in", exit::REFUSED)
            .with("in", since.map(value::time_text).unwrap_or_default()));
    }
    let kind = kind_named("check-in")?;
    let changes = changes(engine, kind, &[field("out", value::time_text(at))])?;
    write(engine, kind, id, &changes, urgency::ASSIGNMENT, claimed())?;
    // Whoever leaves before the end may come back: only what is over is done.
    let ended = engine.state().object(id);
    let ended = ended.and_then(|o| booking::assignment(engine.state(), o.reference("assignment")?));
    if let Some(a) = ended.filter(|a| a.span.to.is_none_or(|to| to <= at)) {
        offers::follow(engine, a.id, "done")?;
    }
    let minutes = since.map(|s| (at.0 - s.0) / 60_000);
    Ok(json!({
        "id": id.hex(),
        "person": brief(engine, who),
        "in": since.map(value::time_text),
        "out": value::time_text(at),
        "minutes": minutes,
    }))
}
