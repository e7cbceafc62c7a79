//! Which offers a device may say to have arrived: those of the person it speaks for, and for a lead
//! those of people in its scope who have no device of their own. Only an offer is receipted, and the
//! receipt makes it none: a receipt is never about a receipt.

use std::collections::BTreeSet;

use muster_log::{ids::ObjectId, role::Role};

use crate::{
    booking::{self, Assignment},
    state::State,
    table::kinds,
};

/// For whom a device speaks, by its grant.
#[derive(Debug, Clone, Copy)]
pub struct Speaker {
    /// Role of the grant.
    pub role: Role,
    /// The volunteer record it acts for.
    pub person: Option<ObjectId>,
    /// The team or site it is limited to.
    pub scope: Option<ObjectId>,
}

/// The offers that hold no receipt yet and that this device speaks for, in the order of ids. `owners`
/// are the people who have a device of their own.
pub fn due(state: &State, speaker: &Speaker, owners: &BTreeSet<ObjectId>) -> Vec<ObjectId> {
    let mut out: BTreeSet<ObjectId> = BTreeSet::new();
    let offered = |a: &Assignment| matches!(a.status.as_deref(), None | Some("offered"));
    if let Some(person) = speaker.person {
        let person = state.canonical(person);
        let own = booking::of_volunteer(state, person).into_iter();
        let own = own.filter(|a| a.volunteer == Some(person) || leads(state, a, person));
        out.extend(own.filter(offered).map(|a| a.id));
    }
    if let (Role::Lead, Some(scope)) = (speaker.role, speaker.scope) {
        let owners: BTreeSet<ObjectId> = owners.iter().map(|o| state.canonical(*o)).collect();
        let theirs = in_scope(state, state.canonical(scope)).into_iter();
        let theirs = theirs.filter(offered).filter(|a| match a.volunteer {
            Some(volunteer) => !owners.contains(&volunteer),
            None => a.team == Some(state.canonical(scope)),
        });
        out.extend(theirs.map(|a| a.id));
    }
    out.into_iter().collect()
}

/// Whether an assignment is to a team that a person leads.
fn leads(state: &State, a: &Assignment, person: ObjectId) -> bool {
    let leader = a
        .team
        .and_then(|team| state.object(team)?.reference("leader"));
    leader.map(|l| state.canonical(l)) == Some(person)
}

/// Assignments of a team and of its members, or to tasks at a site.
fn in_scope(state: &State, scope: ObjectId) -> Vec<Assignment> {
    match state.object(scope).and_then(|o| o.kind()) {
        Some(kinds::TEAM) => {
            let members = booking::members(state, scope).into_iter();
            let mut all: Vec<Assignment> = members
                .flat_map(|person| booking::of_volunteer(state, person))
                .collect();
            let referrers = state.index().referrers(scope);
            all.extend(
                referrers
                    .filter_map(|id| booking::assignment(state, id))
                    .filter(|a| a.team == Some(scope)),
            );
            all
        }
        Some(kinds::SITE) => {
            let referrers = state.index().referrers(scope);
            referrers
                .filter(|id| state.object(*id).and_then(|o| o.kind()) == Some(kinds::TASK))
                .flat_map(|task| booking::of_task(state, task))
                .collect()
        }
        _ => Vec::new(),
    }
}
