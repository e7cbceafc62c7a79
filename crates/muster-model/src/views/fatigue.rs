//! Who has worked too long, rested too little, or come too many days in a row, by their check-ins and
//! the limits the incident was begun with. It warns; a person decides.

use muster_log::{
    genesis::RestRules,
    ids::{Millis, ObjectId},
};

use super::attendance::{self, Visit};
use crate::{booking::Span, state::State};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// A pause up to this long leaves it the same shift.
pub const PAUSE_MS: i64 = 2 * 60 * MINUTE;

/// What speaks against more work for a person in a stretch of time: `long-shift`, `short-rest`,
/// `long-run`.
pub fn of(
    state: &State,
    person: ObjectId,
    span: Span,
    rules: &RestRules,
    now: Millis,
) -> Vec<&'static str> {
    let visits = attendance::of_person(state, person);
    of_visits(&visits, span, rules, now)
}

/// As [`of`], from check-ins at hand. A stretch without a beginning begins now.
pub fn of_visits(
    visits: &[Visit],
    span: Span,
    rules: &RestRules,
    now: Millis,
) -> Vec<&'static str> {
    let from = span.from.unwrap_or(now);
    let asked = span.to.map_or(0, |to| to.0.saturating_sub(from.0).max(0));
    let mut spans = worked(visits, from, now);
    let mut out = Vec::new();
    let last = spans.last().copied();
    // What goes over into the new stretch, or ended shortly before, is one shift with it.
    let (mut shift, mut begin) = (asked, from.0);
    while let Some((start, end)) = spans.pop() {
        if begin.saturating_sub(end) > PAUSE_MS {
            break;
        }
        shift = shift.saturating_add(end.min(begin).saturating_sub(start).max(0));
        begin = begin.min(start);
    }
    if shift > i64::from(rules.shift_minutes) * MINUTE {
        out.push("long-shift");
    }
    let rest = last.map(|(_, end)| from.0.saturating_sub(end));
    let short = i64::from(rules.rest_minutes) * MINUTE;
    if rest.is_some_and(|rest| rest > PAUSE_MS && rest < short) {
        out.push("short-rest");
    }
    if run_before(visits, from, now) >= i64::from(rules.run_days) {
        out.push("long-run");
    }
    out
}

/// The stretches that began before a moment, the earliest first. One that is open goes on until now,
/// or until the new one begins if that is earlier.
fn worked(visits: &[Visit], before: Millis, now: Millis) -> Vec<(i64, i64)> {
    let mut out: Vec<(i64, i64)> = visits
        .iter()
        .filter_map(|v| {
            let from = v.from.filter(|f| *f < before)?;
            let to = v.to.unwrap_or(now).0.max(from.0);
            Some((from.0, to))
        })
        .collect();
    out.sort_unstable_by_key(|(from, to)| (*to, *from));
    out
}

/// How many days without a day off lie right before the day of a moment. Days are those of UTC: the
/// same on every device.
fn run_before(visits: &[Visit], at: Millis, now: Millis) -> i64 {
    let day = |ms: i64| ms.div_euclid(DAY);
    let today = day(at.0);
    let mut run = 0;
    let on = |wanted: i64| {
        visits.iter().any(|v| {
            v.from.is_some_and(|from| {
                day(from.0) <= wanted && wanted <= day(v.to.unwrap_or(now).0.max(from.0))
            })
        })
    };
    while run < 366 && on(today - run - 1) {
        run += 1;
    }
    run
}
