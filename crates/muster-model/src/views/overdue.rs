//! Who and what is late: people on site past their end or for too long, people who did not come, teams
//! that are not back, offers whose lease has run out. Nothing becomes free by it; somebody should ask.

use std::collections::BTreeMap;

use muster_log::{
    genesis::RestRules,
    ids::{Millis, ObjectId},
};

use super::attendance::{self, Visit};
use crate::{
    booking::{self, Assignment},
    state::State,
    table::kinds,
};

const MINUTE: i64 = 60_000;
/// So long after the beginning of an assignment its people count as not arrived.
pub const LATE_MS: i64 = 30 * MINUTE;

/// In what way something is late; the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Late {
    /// A team that is out and not back.
    Team,
    /// On site after the end of what the person came for.
    PastEnd,
    /// On site for longer than a shift may last.
    LongShift,
    /// Expected, and not checked in.
    NotArrived,
    /// An offer kept until a moment that has passed, and nobody came.
    Lease,
}

impl Late {
    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::PastEnd => "past-end",
            Self::LongShift => "long-shift",
            Self::NotArrived => "not-arrived",
            Self::Lease => "lease",
        }
    }
}

/// Something late.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Overdue {
    /// In what way.
    pub late: Late,
    /// Since when.
    pub due: Option<Millis>,
    /// Who: a volunteer, a team.
    pub about: ObjectId,
    /// Where.
    pub site: Option<ObjectId>,
    /// The check-in or assignment that says so.
    pub by: ObjectId,
}

/// Everything late, the gravest kinds first, in each the longest overdue first.
pub fn overdue(state: &State, rules: &RestRules, now: Millis) -> Vec<Overdue> {
    let visits = attendance::all(state);
    let mut open: BTreeMap<ObjectId, Vec<&Visit>> = BTreeMap::new();
    for visit in &visits {
        if let Some(person) = visit.person {
            open.entry(person).or_default().push(visit);
        }
    }
    let assignments: Vec<Assignment> = state
        .of_kind(kinds::ASSIGNMENT)
        .filter_map(|id| booking::assignment(state, id))
        .filter(Assignment::is_active)
        .collect();
    let mut out = teams(state, now);
    out.extend(on_site(&visits, state, &assignments, rules, now));
    for a in &assignments {
        out.extend(waited_for(state, a, &open, now));
    }
    out.sort_unstable();
    out.dedup();
    out
}

fn teams(state: &State, now: Millis) -> Vec<Overdue> {
    let teams = state
        .of_kind(kinds::TEAM)
        .filter(|id| !state.index().is_alias(*id));
    teams
        .filter_map(|id| {
            let team = state.object(id)?;
            let due = team.time("due_back");
            let late = match team.code("status").as_deref() {
                Some("overdue") => true,
                Some("deployed" | "returning") => due.is_some_and(|d| d < now),
                _ => false,
            };
            late.then_some(Overdue {
                late: Late::Team,
                due,
                about: id,
                site: team.reference("site").map(|s| state.canonical(s)),
                by: id,
            })
        })
        .collect()
}

/// People whose check-in is open: past the end of what they came for, else there for too long.
fn on_site(
    visits: &[Visit],
    state: &State,
    assignments: &[Assignment],
    rules: &RestRules,
    now: Millis,
) -> Vec<Overdue> {
    let mut ends: BTreeMap<ObjectId, Millis> = BTreeMap::new();
    for a in assignments {
        if let (Some(to), true) = (a.span.to, a.span.from.is_none_or(|f| f <= now)) {
            for person in a.people(state) {
                let end = ends.entry(person).or_insert(to);
                *end = (*end).max(to);
            }
        }
    }
    let longest = i64::from(rules.shift_minutes) * MINUTE;
    visits
        .iter()
        .filter(|v| v.to.is_none() && v.from.is_none_or(|f| f <= now))
        .filter_map(|v| {
            let person = v.person?;
            let linked = v
                .assignment
                .and_then(|id| booking::assignment(state, id)?.span.to);
            let shift_end = v.from.map(|f| Millis(f.0.saturating_add(longest)));
            let (late, due) = match linked.or_else(|| ends.get(&person).copied()) {
                Some(end) if end < now => (Late::PastEnd, end),
                _ => (Late::LongShift, shift_end.filter(|end| *end < now)?),
            };
            Some(Overdue {
                late,
                due: Some(due),
                about: person,
                site: v.site,
                by: v.id,
            })
        })
        .collect()
}

/// The people of an assignment that began and found nobody there, and its lease.
fn waited_for(
    state: &State,
    a: &Assignment,
    visits: &BTreeMap<ObjectId, Vec<&Visit>>,
    now: Millis,
) -> Vec<Overdue> {
    let site = a
        .task
        .and_then(|t| state.object(t)?.reference("site"))
        .map(|s| state.canonical(s));
    let one = |late, due, about| Overdue {
        late,
        due,
        about,
        site,
        by: a.id,
    };
    let mut out = Vec::new();
    if a.is_unconfirmed(now)
        && let Some(who) = a.volunteer.or(a.team)
    {
        out.push(one(Late::Lease, a.lease_until, who));
    }
    let begun = a.span.from.map(|f| Millis(f.0.saturating_add(LATE_MS)));
    let running = begun.is_some_and(|b| b < now) && a.span.to.is_none_or(|to| now < to);
    if running && a.status.as_deref() == Some("acknowledged") {
        for person in a.people(state) {
            let seen = visits.get(&person).into_iter().flatten();
            let came = seen
                .filter(|v| v.from.is_some_and(|f| f <= now))
                .any(|v| v.to.is_none() || v.to > a.span.from);
            if !came {
                out.push(one(Late::NotArrived, a.span.from, person));
            }
        }
    }
    out
}
