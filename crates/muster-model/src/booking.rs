//! Assignments: their steps, and who is booked when.
//!
//! Views, never merge rules: two assignments that overlap are both kept, and every device names the
//! same provisional holder. No clock decides; `now` only says which leases have run out.

mod check;

use std::collections::{BTreeMap, BTreeSet};

use muster_log::ids::{HashCheck, Lamport, LogPrefix, Millis, ObjectId, Seq};

pub use self::check::{Proposed, Warning, check_arrival, check_assignment, is_minor, safety};

use crate::{
    state::{Object, State},
    table::{FieldType, kinds},
    value::Typed,
};

/// Statuses in which an assignment holds its volunteer and its slot.
pub const ACTIVE: [&str; 4] = ["offered", "delivered", "acknowledged", "on-site"];

/// Whether an assignment may go from one status to another.
pub fn may_follow(from: Option<&str>, to: &str) -> bool {
    match from {
        None => matches!(to, "offered" | "delivered" | "acknowledged"),
        Some("offered") => matches!(
            to,
            "delivered" | "acknowledged" | "on-site" | "declined" | "withdrawn" | "no-show"
        ),
        Some("delivered") => {
            matches!(
                to,
                "acknowledged" | "on-site" | "declined" | "withdrawn" | "no-show"
            )
        }
        Some("acknowledged") => matches!(to, "on-site" | "declined" | "withdrawn" | "no-show"),
        Some("on-site") => matches!(to, "done" | "withdrawn"),
        // A withdrawn, declined or missed assignment may be offered again; a done one is done.
        Some("declined" | "withdrawn" | "no-show") => to == "offered",
        Some(_) => false,
    }
}

/// A span of time, open where an end is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First moment.
    pub from: Option<Millis>,
    /// Moment after the last.
    pub to: Option<Millis>,
}

impl Span {
    /// Whether two spans share a moment; back to back they do not.
    pub fn overlaps(&self, other: &Self) -> bool {
        fn before(end: Option<Millis>, start: Option<Millis>) -> bool {
            matches!((end, start), (Some(end), Some(start)) if end <= start)
        }
        !before(self.to, other.from) && !before(other.to, self.from)
    }
}

/// The order of holders: urgent tasks first, then the assignment written first by logical time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// 0 urgent ... 3 low.
    pub priority: u8,
    /// Of the first write.
    pub lamport: Lamport,
    /// Of the first write.
    pub log: LogPrefix,
    /// Of the first write.
    pub seq: Seq,
    /// Of the first write.
    pub check: HashCheck,
    /// Last resort.
    pub id: ObjectId,
}

/// An assignment, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Its id.
    pub id: ObjectId,
    /// Its task, aliases followed.
    pub task: Option<ObjectId>,
    /// The slot of the task.
    pub slot: Option<u64>,
    /// Its volunteer, aliases followed.
    pub volunteer: Option<ObjectId>,
    /// Its team.
    pub team: Option<ObjectId>,
    /// When, the task's period where it says nothing itself.
    pub span: Span,
    /// Code of its status.
    pub status: Option<String>,
    /// Until when the offer is kept.
    pub lease_until: Option<Millis>,
    /// Its place among rivals.
    pub claim: Claim,
}

impl Assignment {
    /// Whether it holds its volunteer and its slot.
    pub fn is_active(&self) -> bool {
        match &self.status {
            Some(status) => ACTIVE.contains(&status.as_str()),
            None => true,
        }
    }

    /// Whether its lease has run out before anybody came; it is never free by itself.
    pub fn is_unconfirmed(&self, now: Millis) -> bool {
        self.is_active()
            && self.status.as_deref() != Some("on-site")
            && self.lease_until.is_some_and(|until| until < now)
    }

    /// What a person should read: `unconfirmed` once the lease has run out, else its status.
    pub fn state(&self, now: Millis) -> &str {
        match (self.is_unconfirmed(now), &self.status) {
            (true, _) => "unconfirmed",
            (false, Some(status)) => status,
            (false, None) => "offered",
        }
    }

    /// The people it books: its volunteer, and the members of its team.
    pub fn people(&self, state: &State) -> BTreeSet<ObjectId> {
        let mut out: BTreeSet<ObjectId> = self.volunteer.into_iter().collect();
        if let Some(team) = self.team {
            out.extend(members(state, team));
        }
        out
    }
}

/// The members of a team, aliases followed.
pub fn members(state: &State, team: ObjectId) -> BTreeSet<ObjectId> {
    let Some(object) = state.object(team) else {
        return BTreeSet::new();
    };
    let mut out: BTreeSet<ObjectId> = object
        .set_named("members")
        .into_iter()
        .filter_map(|v| match v {
            Typed::Reference(id) => Some(state.canonical(id)),
            _ => None,
        })
        .collect();
    out.extend(object.reference("leader").map(|id| state.canonical(id)));
    out
}

/// The place of a priority code; a task without one counts as normal.
pub fn priority_rank(code: Option<&str>) -> u8 {
    match code {
        Some("urgent") => 0,
        Some("high") => 1,
        Some("low") => 3,
        _ => 2,
    }
}

/// Reads an assignment; none when the object is none.
pub fn assignment(state: &State, id: ObjectId) -> Option<Assignment> {
    let object = state.object(id)?;
    if object.erased || object.kind() != Some(kinds::ASSIGNMENT) {
        return None;
    }
    let task_id = object.reference("task").map(|t| state.canonical(t));
    let task = task_id.and_then(|t| state.object(t));
    let birth = object.birth()?;
    let priority = task.as_ref().and_then(|t| t.code("priority"));
    let slot = match object.get("slot") {
        Some(Typed::Element(e)) => Some(e),
        _ => None,
    };
    Some(Assignment {
        id,
        task: task_id,
        slot,
        volunteer: object.reference("volunteer").map(|v| state.canonical(v)),
        team: object.reference("team").map(|t| state.canonical(t)),
        span: span(&object, task.as_ref()),
        status: object.code("status"),
        lease_until: object.time("lease_until"),
        claim: Claim {
            priority: priority_rank(priority.as_deref()),
            lamport: birth.lamport,
            log: birth.log,
            seq: birth.seq,
            check: birth.check,
            id,
        },
    })
}

fn span(assignment: &Object, task: Option<&Object>) -> Span {
    let end = |name: &str| {
        assignment
            .time(name)
            .or_else(|| task.and_then(|t| t.time(name)))
    };
    Span {
        from: end("from"),
        to: end("to"),
    }
}

/// All assignments that name this volunteer, under any of its aliases, or a team it is in.
pub fn of_volunteer(state: &State, volunteer: ObjectId) -> Vec<Assignment> {
    let mut ids = BTreeSet::new();
    for person in state.joined(volunteer) {
        for from in state.index().referrers(person) {
            match state.object(from).and_then(|o| o.kind()) {
                Some(kinds::ASSIGNMENT) => {
                    ids.insert(from);
                }
                Some(kinds::TEAM) => ids.extend(state.index().referrers(from)),
                _ => {}
            }
        }
    }
    let person = state.canonical(volunteer);
    let mut out: Vec<Assignment> = ids
        .into_iter()
        .filter_map(|id| assignment(state, id))
        .filter(|a| a.people(state).contains(&person))
        .collect();
    out.sort_by_key(|a| a.claim);
    out
}

/// All assignments to a task, under any of its aliases, in the order of their claims.
pub fn of_task(state: &State, task: ObjectId) -> Vec<Assignment> {
    let ids: BTreeSet<ObjectId> = state
        .joined(task)
        .into_iter()
        .flat_map(|t| state.index().referrers(t).collect::<Vec<_>>())
        .collect();
    let task = state.canonical(task);
    let mut out: Vec<Assignment> = ids
        .into_iter()
        .filter_map(|id| assignment(state, id))
        .filter(|a| a.task == Some(task))
        .collect();
    out.sort_by_key(|a| a.claim);
    out
}

/// Active assignments of one volunteer that overlap, with who holds for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubleBooking {
    /// The volunteer.
    pub volunteer: ObjectId,
    /// All that overlap one another, directly or in a chain, in the order of their claims.
    pub assignments: Vec<Assignment>,
    /// Those that hold: in the order of claims, each that overlaps no earlier holder.
    pub holders: Vec<ObjectId>,
}

/// Every double booking of the operation, in the order of volunteers.
pub fn double_bookings(state: &State) -> Vec<DoubleBooking> {
    let mut by_person: BTreeMap<ObjectId, Vec<Assignment>> = BTreeMap::new();
    for id in state.of_kind(kinds::ASSIGNMENT) {
        if let Some(a) = assignment(state, id).filter(Assignment::is_active) {
            for person in a.people(state) {
                by_person.entry(person).or_default().push(a.clone());
            }
        }
    }
    let mut out = Vec::new();
    for (volunteer, mut all) in by_person {
        all.sort_by_key(|a| a.claim);
        for cluster in clusters(all) {
            out.push(DoubleBooking {
                volunteer,
                holders: holders(&cluster, 1),
                assignments: cluster,
            });
        }
    }
    out
}

/// Groups of assignments that overlap in a chain; those that overlap none are left out.
fn clusters(mut all: Vec<Assignment>) -> Vec<Vec<Assignment>> {
    let mut out = Vec::new();
    while !all.is_empty() {
        let mut cluster: Vec<Assignment> = vec![all.remove(0)];
        let mut at = 0;
        while let Some(span) = cluster.get(at).map(|a| a.span) {
            let (near, far): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|a| a.span.overlaps(&span));
            cluster.extend(near);
            all = far;
            at += 1;
        }
        if cluster.len() > 1 {
            cluster.sort_by_key(|a| a.claim);
            out.push(cluster);
        }
    }
    out
}

/// In the order given, each assignment that fits beside the earlier ones when at most `places` may
/// overlap at one time.
pub fn holders(ordered: &[Assignment], places: usize) -> Vec<ObjectId> {
    let mut held: Vec<&Assignment> = Vec::new();
    for a in ordered {
        // More than `places` at once happens at the start of some span, if at all.
        let near: Vec<&Span> = held
            .iter()
            .map(|h| &h.span)
            .filter(|s| s.overlaps(&a.span))
            .collect();
        let starts = near
            .iter()
            .map(|s| s.from.max(a.span.from))
            .chain([a.span.from]);
        let most = starts
            .map(|start| near.iter().filter(|s| holds_at(s, start)).count())
            .max()
            .unwrap_or(0);
        if most < places {
            held.push(a);
        }
    }
    held.iter().map(|a| a.id).collect()
}

/// Whether a span covers a moment; no moment stands for the beginning of time.
fn holds_at(span: &Span, at: Option<Millis>) -> bool {
    match at {
        None => span.from.is_none(),
        Some(at) => span.from.is_none_or(|f| f <= at) && span.to.is_none_or(|t| at < t),
    }
}

/// The slots of a task with how many each wants, where it says so.
pub fn wanted_by_slot(task: &Object) -> BTreeMap<u64, Option<usize>> {
    let Some(kind) = task.table() else {
        return BTreeMap::new();
    };
    let wanted = kind.number_of("slot_wanted");
    debug_assert!(matches!(
        kind.field(wanted).map(|f| f.ty),
        Some(FieldType::Integer(..)) | None
    ));
    task.elements(kind.number_of("slots"))
        .into_iter()
        .map(|slot| {
            let count = match task.value(wanted, slot) {
                Some(Typed::Integer(n)) => usize::try_from(n).ok(),
                _ => None,
            };
            (slot, count)
        })
        .collect()
}
