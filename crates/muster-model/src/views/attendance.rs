//! Check-ins as stretches of time: who was where, from when to when. What follows from them (who is
//! late, who is tired, who must be counted) lies in the modules beside this one.

use std::collections::BTreeSet;

use muster_log::ids::{Millis, ObjectId};

use crate::{
    state::{Object, State},
    table::kinds,
    value::Typed,
};

/// One check-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The check-in.
    pub id: ObjectId,
    /// Whose, aliases followed.
    pub person: Option<ObjectId>,
    /// Where, aliases followed.
    pub site: Option<ObjectId>,
    /// From when.
    pub from: Option<Millis>,
    /// Until when; none while it is open.
    pub to: Option<Millis>,
    /// How many came with it, the person counted.
    pub party: u64,
    /// The assignment it is for.
    pub assignment: Option<ObjectId>,
    /// When somebody last wrote about it, as their device claims.
    pub written: Option<Millis>,
}

impl Visit {
    /// Whether it covers a moment.
    pub fn covers(&self, at: Millis) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }

    /// The milliseconds of it until `now`, of one person.
    pub fn length(&self, now: Millis) -> i64 {
        let end = self.to.unwrap_or(now).min(now);
        self.from
            .map_or(0, |from| end.0.saturating_sub(from.0).max(0))
    }
}

/// Reads a check-in; none when the object is none.
pub fn visit(state: &State, id: ObjectId) -> Option<Visit> {
    let object = state.object(id)?;
    is_check_in(&object).then(|| read(state, id, &object))
}

fn is_check_in(object: &Object) -> bool {
    !object.erased && object.kind() == Some(kinds::CHECK_IN)
}

fn read(state: &State, id: ObjectId, object: &Object) -> Visit {
    let party = match object.get("party_size") {
        Some(Typed::Integer(n)) => u64::try_from(n).unwrap_or(1).max(1),
        _ => 1,
    };
    Visit {
        id,
        person: object.reference("person").map(|p| state.canonical(p)),
        site: object.reference("site").map(|s| state.canonical(s)),
        from: object.time("in"),
        to: object.time("out").or_else(|| object.time("released_at")),
        party,
        assignment: object.reference("assignment"),
        written: object.changed(),
    }
}

/// Every check-in, in the order of ids.
pub fn all(state: &State) -> Vec<Visit> {
    let checkins = state.of_kind(kinds::CHECK_IN);
    checkins.filter_map(|id| visit(state, id)).collect()
}

/// The check-ins of one person under any of its aliases, the earliest first.
pub fn of_person(state: &State, person: ObjectId) -> Vec<Visit> {
    let ids: BTreeSet<ObjectId> = state
        .joined(person)
        .into_iter()
        .flat_map(|p| state.index().referrers(p).collect::<Vec<_>>())
        .collect();
    let person = state.canonical(person);
    let mut out: Vec<Visit> = ids
        .into_iter()
        .filter_map(|id| visit(state, id))
        .filter(|v| v.person == Some(person))
        .collect();
    out.sort_by_key(|v| (v.from, v.id));
    out
}
