//! Who may be asked for what: the model's ranking, with names.

use muster_model::{
    staffing,
    table::kinds,
    views::matching::{self, Fit},
};
use serde_json::{Value as Json, json};

use super::{Answer, brief, claimed, local_offset, resolve, short, work};
use crate::{
    api::{ApiError, exit},
    engine::Engine,
};

/// So many proposals are shown when nothing is said.
const LIMIT: usize = 10;

fn fit_json(engine: &Engine, fit: &Fit) -> Json {
    json!({
        "volunteer": brief(engine, fit.person),
        "task": brief(engine, fit.task),
        "slot": fit.slot.map(|s| format!("{s:016x}")),
        "score": fit.score,
        "for": fit.reasons_for(),
        "against": fit.reasons_against(),
    })
}

/// `match TASK` and `match VOLUNTEER`.
pub fn one(engine: &Engine, given: &str, limit: Option<usize>) -> Answer {
    let id = resolve(engine, given, &[kinds::TASK, kinds::VOLUNTEER])?;
    let (state, now, rules) = (engine.state(), claimed(), work::rules(engine));
    let is_task = state.object(id).and_then(|o| o.kind()) == Some(kinds::TASK);
    let (people, places) = if is_task {
        let places = staffing::of_task(state, id, now);
        let places = places.map(|t| matching::places_of(state, &t, now));
        (
            matching::people(state, &rules, now),
            places.unwrap_or_default(),
        )
    } else {
        let person = matching::person(state, id, &rules, now).ok_or_else(|| {
            ApiError::new("not-to-be-asked", exit::CONFLICT).with("given", short(engine, id))
        })?;
        (vec![person], matching::places(state, now))
    };
    let (fits, excluded) = matching::rank(&people, &places, local_offset(), now);
    let found = fits.len();
    let items: Vec<_> = fits
        .iter()
        .take(limit.unwrap_or(LIMIT))
        .map(|f| fit_json(engine, f))
        .collect();
    Ok(json!({
        "about": brief(engine, id), "items": items, "found": found,
        "places": places.iter().map(|p| p.missing).sum::<usize>(), "excluded": excluded,
    }))
}

/// `match --all`.
pub fn all(engine: &Engine) -> Json {
    let (state, now) = (engine.state(), claimed());
    let people = matching::people(state, &work::rules(engine), now);
    let places = matching::places(state, now);
    let (plan, open) = matching::plan(&people, &places, local_offset(), now);
    let items: Vec<_> = plan.iter().map(|f| fit_json(engine, f)).collect();
    json!({ "items": items, "open": open })
}
