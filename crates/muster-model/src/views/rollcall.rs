//! Who is on a site now: by check-ins, and by assignments that somebody set to "on site" for people who
//! have no check-in. It counts those who are known to be there; who came unseen is on no list.

use std::collections::BTreeSet;

use muster_log::ids::{Millis, ObjectId};

use super::attendance;
use crate::{
    booking::{self, Assignment},
    state::State,
    table::kinds,
};

/// Somebody on site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Who; none for a check-in that names nobody this device can read.
    pub person: Option<ObjectId>,
    /// Since when.
    pub since: Option<Millis>,
    /// When a device last said that they are there.
    pub last_seen: Option<Millis>,
    /// How many, with those who came along.
    pub party: u64,
    /// The check-in or the assignment that says so.
    pub by: ObjectId,
    /// Whether it is a check-in.
    pub checked_in: bool,
}

/// A roll call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RollCall {
    /// Who is there, the longest first.
    pub present: Vec<Present>,
    /// How many people that is.
    pub total: u64,
    /// Who should be there by an assignment that they accepted, and has no check-in.
    pub expected: Vec<(ObjectId, ObjectId)>,
}

/// The roll call of a site.
pub fn rollcall(state: &State, site: ObjectId, now: Millis) -> RollCall {
    let site = state.canonical(site);
    let mut out = RollCall::default();
    let mut counted: BTreeSet<ObjectId> = BTreeSet::new();
    let mut visits = attendance::all(state);
    visits.retain(|v| v.covers(now) && v.site == Some(site));
    visits.sort_by_key(|v| (v.from, v.id));
    for visit in visits {
        if visit.person.is_some_and(|p| !counted.insert(p)) {
            continue;
        }
        out.present.push(Present {
            person: visit.person,
            since: visit.from,
            last_seen: visit.from.max(visit.written.map(|w| w.min(now))),
            party: visit.party,
            by: visit.id,
            checked_in: true,
        });
    }
    for a in here(state, site, now) {
        for person in a.people(state) {
            if is_gone(state, person, site, &a, now) {
                continue;
            }
            let there = a.status.as_deref() == Some("on-site");
            let expected = a.status.as_deref() == Some("acknowledged")
                && a.span.from.is_some_and(|from| from <= now);
            if there && counted.insert(person) {
                let written = state.object(a.id).and_then(|o| o.changed());
                out.present.push(Present {
                    person: Some(person),
                    since: a.span.from,
                    last_seen: written.map(|w| w.min(now)),
                    party: 1,
                    by: a.id,
                    checked_in: false,
                });
            } else if expected && !counted.contains(&person) {
                out.expected.push((person, a.id));
            }
        }
    }
    out.total = out.present.iter().map(|p| p.party).sum();
    out.expected.sort_unstable();
    out.expected.dedup_by_key(|(person, _)| *person);
    out
}

/// Active assignments to tasks at a site that have not ended.
fn here(state: &State, site: ObjectId, now: Millis) -> Vec<Assignment> {
    let tasks: BTreeSet<ObjectId> = state
        .joined(site)
        .into_iter()
        .flat_map(|s| state.index().referrers(s).collect::<Vec<_>>())
        .filter(|id| state.object(*id).and_then(|o| o.kind()) == Some(kinds::TASK))
        .map(|id| state.canonical(id))
        .collect();
    let mut out: Vec<Assignment> = tasks
        .into_iter()
        .flat_map(|task| booking::of_task(state, task))
        .filter(Assignment::is_active)
        .filter(|a| a.status.as_deref() == Some("on-site") || a.span.to.is_none_or(|to| now < to))
        .collect();
    out.sort_by_key(|a| a.claim);
    out
}

/// Whether a person is checked in at another site, or was checked out again after an assignment began.
/// Whoever left is not there because a status still says so.
fn is_gone(state: &State, person: ObjectId, site: ObjectId, a: &Assignment, now: Millis) -> bool {
    let there = a.status.as_deref() == Some("on-site");
    attendance::of_person(state, person).iter().any(|v| {
        let elsewhere = v.to.is_none() && v.covers(now) && v.site.is_some_and(|s| s != site);
        let ended =
            v.to.is_some_and(|to| to <= now && a.span.from.is_none_or(|from| from < to));
        elsewhere || there && ended && (v.assignment == Some(a.id) || v.site == Some(site))
    })
}
