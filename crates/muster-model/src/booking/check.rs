//! What speaks against an assignment that is about to be made: warnings and refusals. It reads what
//! this device can read, and writes nothing.

use std::collections::BTreeSet;

use muster_log::{
    genesis::RestRules,
    ids::{Millis, ObjectId},
    role::Role,
};

use super::{Span, members, of_task, of_volunteer, wanted_by_slot};
use crate::{
    state::{Object, State},
    table::kinds,
    value::Typed,
    views::fatigue,
};

/// An assignment about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proposed {
    /// The task.
    pub task: ObjectId,
    /// A slot of it.
    pub slot: Option<u64>,
    /// The volunteer.
    pub volunteer: Option<ObjectId>,
    /// Or the team.
    pub team: Option<ObjectId>,
    /// When, where it differs from the task's period.
    pub span: Span,
    /// An assignment it changes, left out of the comparison.
    pub instead_of: Option<ObjectId>,
    /// Now: for the age of a minor where the task names no day, and for shifts that go on.
    pub now: Millis,
    /// The limits that the incident was begun with.
    pub rules: RestRules,
}

/// What speaks against an assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Code: double-booked, slot-full, no-such-slot, no-such-task, no-such-person, task-over,
    /// minor, not-cleared, limited-clearance, not-to-be-assigned, long-shift, short-rest, long-run.
    pub code: &'static str,
    /// The safety rules refuse it; only a coordinator or above may override.
    pub refusal: bool,
    /// The volunteer or the slot's task it is about.
    pub about: ObjectId,
    /// The assignments it collides with.
    pub others: Vec<ObjectId>,
}

impl Warning {
    /// Whether someone of this role may assign all the same, giving a reason.
    pub fn may_override(&self, role: Role) -> bool {
        !self.refusal || matches!(role, Role::Coordinator | Role::Hq)
    }
}

/// What speaks against an assignment: warnings to override with a reason, and refusals.
pub fn check_assignment(state: &State, proposed: &Proposed) -> Vec<Warning> {
    let mut out = Vec::new();
    let mut add = |code, refusal, about, others: Vec<ObjectId>| {
        out.push(Warning {
            code,
            refusal,
            about,
            others,
        });
    };
    let task_id = state.canonical(proposed.task);
    let Some(task) = state
        .object(task_id)
        .filter(|t| t.kind() == Some(kinds::TASK))
    else {
        add("no-such-task", true, task_id, Vec::new());
        return out;
    };
    if matches!(
        task.code("status").as_deref(),
        Some("completed" | "cancelled")
    ) {
        add("task-over", false, task_id, Vec::new());
    }
    let span = Span {
        from: proposed.span.from.or_else(|| task.time("from")),
        to: proposed.span.to.or_else(|| task.time("to")),
    };
    let mut people: BTreeSet<ObjectId> = proposed
        .volunteer
        .map(|v| state.canonical(v))
        .into_iter()
        .collect();
    people.extend(proposed.team.map(|t| members(state, t)).unwrap_or_default());
    for person in people {
        let others: Vec<ObjectId> = of_volunteer(state, person)
            .into_iter()
            .filter(|a| a.is_active() && Some(a.id) != proposed.instead_of)
            .filter(|a| a.span.overlaps(&span))
            .map(|a| a.id)
            .collect();
        if !others.is_empty() {
            add("double-booked", false, person, others);
        }
        for (code, refusal) in safety(state, &task, person, span.from.unwrap_or(proposed.now)) {
            add(code, refusal, person, Vec::new());
        }
        // Work from home and hours at home are nobody's check-in: it counts what was checked in.
        for code in fatigue::of(state, person, span, &proposed.rules, proposed.now) {
            add(code, false, person, Vec::new());
        }
    }
    if let Some((code, others)) = slot_warning(state, &task, task_id, proposed, span) {
        add(code, false, task_id, others);
    }
    out
}

/// What speaks against letting somebody begin to work now, before anything is known of a task.
pub fn check_arrival(
    state: &State,
    person: ObjectId,
    at: Millis,
    rules: &RestRules,
) -> Vec<Warning> {
    let person = state.canonical(person);
    let one = |code, refusal| Warning {
        code,
        refusal,
        about: person,
        others: Vec::new(),
    };
    let clearance = state.object(person).and_then(|o| o.code("clearance"));
    let mut out = Vec::new();
    if clearance.as_deref() == Some("not-to-be-assigned") {
        out.push(one("not-to-be-assigned", true));
    }
    let span = Span {
        from: Some(at),
        to: None,
    };
    let tired = fatigue::of(state, person, span, rules, at);
    out.extend(tired.into_iter().map(|code| one(code, false)));
    out
}

/// The safety rules for one person on one task.
pub fn safety(
    state: &State,
    task: &Object,
    person: ObjectId,
    day: Millis,
) -> Vec<(&'static str, bool)> {
    let Some(volunteer) = state
        .object(person)
        .filter(|o| !o.erased && o.kind() == Some(kinds::VOLUNTEER))
    else {
        return vec![("no-such-person", true)];
    };
    let mut out = Vec::new();
    let clearance = volunteer.code("clearance");
    match clearance.as_deref() {
        Some("not-to-be-assigned") => out.push(("not-to-be-assigned", true)),
        Some("cleared") => {}
        other if task.is_true("needs_vetting") => {
            out.push(("not-cleared", other != Some("limited")))
        }
        Some("limited") => out.push(("limited-clearance", false)),
        _ => {}
    }
    if is_minor(&volunteer, day) && !task.is_true("minors_allowed") {
        out.push(("minor", true));
    }
    out
}

/// Whether a volunteer is known to be under 18 on a day, as far as this device reads.
pub fn is_minor(volunteer: &Object, day: Millis) -> bool {
    if volunteer.is_true("minor") {
        return true;
    }
    let Some(Typed::Integer(born)) = volunteer.get("birth_year") else {
        return false;
    };
    // Whoever turns 18 this year may still be 17.
    jiff::Timestamp::from_millisecond(day.0)
        .map(|t| i64::from(jiff::tz::TimeZone::UTC.to_datetime(t).year()) - born <= 18)
        .unwrap_or(false)
        && volunteer.get("minor") != Some(Typed::Boolean(false))
}

fn slot_warning(
    state: &State,
    task: &Object,
    task_id: ObjectId,
    proposed: &Proposed,
    span: Span,
) -> Option<(&'static str, Vec<ObjectId>)> {
    let slots = wanted_by_slot(task);
    let wanted = match proposed.slot {
        Some(slot) => match slots.get(&slot) {
            None => return Some(("no-such-slot", Vec::new())),
            Some(wanted) => (*wanted)?,
        },
        None if slots.is_empty() => return None,
        None => slots
            .values()
            .try_fold(0_usize, |sum, w| Some(sum + (*w)?))?,
    };
    let others: Vec<ObjectId> = of_task(state, task_id)
        .into_iter()
        .filter(|a| a.is_active() && Some(a.id) != proposed.instead_of)
        .filter(|a| proposed.slot.is_none() || a.slot == proposed.slot)
        .filter(|a| a.span.overlaps(&span))
        .map(|a| a.id)
        .collect();
    (others.len() >= wanted).then_some(("slot-full", others))
}
