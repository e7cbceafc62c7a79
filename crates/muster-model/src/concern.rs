//! Whom an object concerns: the person or team who may read what coordinators read of it (C2).
//!
//! Pure views of the state, as far as it can be read here. Which keys there are, and who holds them,
//! is the node's business; who may write, that of the table.

use std::collections::BTreeSet;

use muster_log::{act::Audience, ids::ObjectId};

use crate::{
    booking,
    state::{Object, State},
    table::{self, kinds},
    value::Typed,
};

/// The audience of an object's C2 parts. `saying` gives what a field of it is just being set to: an
/// assignment that is being made is not in the state yet.
pub fn audience(
    state: &State,
    kind: u16,
    id: ObjectId,
    saying: impl Fn(u16) -> Option<ObjectId>,
) -> Audience {
    let object = state.object(id).unwrap_or_default();
    let refers = |name: &str| {
        let number = table::kind(kind)?.named(name)?.number;
        saying(number).or_else(|| reference(&object, number))
    };
    let person = |id: Option<ObjectId>| id.map(|p| Audience::Person(state.canonical(p)));
    let found = match kind {
        kinds::VOLUNTEER => person(Some(id)),
        kinds::TASK => Some(Audience::Task(state.canonical(id))),
        kinds::TEAM | kinds::SITE => Some(Audience::Team(state.canonical(id))),
        kinds::CHECK_IN => person(refers("person")),
        kinds::ASSIGNMENT => {
            let team = || refers("team").map(|t| Audience::Team(state.canonical(t)));
            person(refers("volunteer")).or_else(team)
        }
        kinds::MESSAGE => {
            let to = refers("to_object");
            let is = |id| state.object(id).and_then(|o| o.kind());
            person(to.filter(|t| is(*t) == Some(kinds::VOLUNTEER)))
        }
        _ => None,
    };
    found.unwrap_or(Audience::WholeClass)
}

fn reference(object: &Object, field: u16) -> Option<ObjectId> {
    match object.value(field, 0) {
        Some(Typed::Reference(id)) => Some(id),
        _ => None,
    }
}

/// The persons and teams that an audience is made of: of a team its members and leader, of a task
/// those it is given to, its supervisor, and who answers for its site.
pub fn parties(state: &State, audience: Audience) -> BTreeSet<Audience> {
    let person = |id: ObjectId| Audience::Person(state.canonical(id));
    match audience {
        Audience::Team(team) => booking::members(state, team)
            .into_iter()
            .map(person)
            .collect(),
        Audience::Task(task) => {
            let given = booking::of_task(state, task);
            let given = given.into_iter().filter(booking::Assignment::is_active);
            let mut out: BTreeSet<_> = given
                .filter_map(|a| {
                    let team = || a.team.map(|t| Audience::Team(state.canonical(t)));
                    a.volunteer.map(person).or_else(team)
                })
                .collect();
            let object = state.object(task).unwrap_or_default();
            out.extend(object.reference("supervisor").map(person));
            let site = object.reference("site");
            out.extend(site.map(|s| Audience::Team(state.canonical(s))));
            out
        }
        _ => BTreeSet::new(),
    }
}

/// Who is in an audience, by the persons and scopes that grants name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concerned {
    persons: BTreeSet<ObjectId>,
    scopes: BTreeSet<ObjectId>,
}

impl Concerned {
    /// Looks an audience up.
    pub fn of(state: &State, audience: Audience) -> Self {
        let mut out = Self::default();
        out.add(state, audience);
        // Teams are made of persons, tasks of both.
        for party in parties(state, audience) {
            out.add(state, party);
            for member in parties(state, party) {
                out.add(state, member);
            }
        }
        out
    }

    fn add(&mut self, state: &State, audience: Audience) {
        match audience {
            Audience::Person(id) => drop(self.persons.insert(state.canonical(id))),
            Audience::Team(id) => drop(self.scopes.insert(state.canonical(id))),
            _ => {}
        }
    }

    /// Whether a device is in it that acts for this person, or answers for this team or site.
    pub fn includes(
        &self,
        state: &State,
        person: Option<ObjectId>,
        scope: Option<ObjectId>,
    ) -> bool {
        let known = |of: &BTreeSet<ObjectId>, id: Option<ObjectId>| {
            id.is_some_and(|id| of.contains(&state.canonical(id)))
        };
        known(&self.persons, person) || known(&self.scopes, scope)
    }
}

/// What may have to be shown to others once something was said of an object: itself, the task of an
/// assignment, all that a team or a person is given.
pub fn touched(state: &State, id: ObjectId) -> BTreeSet<ObjectId> {
    let mut out = BTreeSet::from([id]);
    let kind = |id: ObjectId| state.object(id).and_then(|o| o.kind());
    let all = |id: ObjectId| -> Vec<ObjectId> {
        let joined = state.joined(id).into_iter();
        joined.flat_map(|i| state.index().referrers(i)).collect()
    };
    let task = |id: ObjectId| booking::assignment(state, id).and_then(|a| a.task);
    let active = |id: &ObjectId| booking::assignment(state, *id).is_some_and(|a| a.is_active());
    let mut given = Vec::new();
    match kind(id) {
        Some(kinds::ASSIGNMENT) => out.extend(task(id)),
        Some(kinds::TEAM | kinds::SITE | kinds::VOLUNTEER) => {
            for about in all(id) {
                match kind(about) {
                    Some(kinds::ASSIGNMENT) => given.push(about),
                    Some(kinds::TASK | kinds::CHECK_IN | kinds::MESSAGE) => {
                        out.insert(about);
                    }
                    Some(kinds::TEAM) => given.extend(all(about)),
                    _ => {}
                }
            }
        }
        _ => {}
    }
    for assignment in given.into_iter().filter(active) {
        out.insert(assignment);
        out.extend(task(assignment));
    }
    out
}
