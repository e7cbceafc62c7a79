//! What is new since a moment, for whoever comes back: urgent needs and tasks, and what was closed.
//! Conflicts and what is late have views of their own, which the brief shows beside these.

use muster_log::ids::{Millis, ObjectId};

use super::{attendance, needs};
use crate::{booking::priority_rank, state::State, table::kinds};

/// What is new.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// Urgent needs and tasks that are open and were first written since, the newest first.
    pub urgent: Vec<ObjectId>,
    /// Urgent ones that were open before, and still are.
    pub still_urgent: usize,
    /// Needs written since, of any priority.
    pub needs: usize,
    /// Tasks written since.
    pub tasks: usize,
    /// Volunteers written since.
    pub volunteers: usize,
    /// Needs that are met or closed, and changed since.
    pub closed: usize,
}

/// When a person last checked out: what they want to hear begins there.
pub fn last_check_out(state: &State, person: ObjectId) -> Option<Millis> {
    attendance::of_person(state, person)
        .into_iter()
        .filter_map(|v| v.to)
        .max()
}

/// What is new since a moment, by the times that devices claim.
pub fn news(state: &State, since: Millis) -> News {
    let mut out = News::default();
    let mut urgent: Vec<(Millis, ObjectId)> = Vec::new();
    for kind in [kinds::NEED, kinds::TASK, kinds::VOLUNTEER] {
        for id in state.of_kind(kind) {
            let Some(object) = state.object(id) else {
                continue;
            };
            if object.erased || state.index().is_alias(id) {
                continue;
            }
            let born = object.birth().map_or(Millis(0), |b| b.claimed);
            let new = usize::from(born >= since);
            let open = match kind {
                kinds::NEED => {
                    out.needs += new;
                    let open = needs::is_open(&object);
                    let moved = object.changed().is_some_and(|at| at >= since);
                    out.closed += usize::from(!open && moved);
                    open
                }
                kinds::TASK => {
                    out.tasks += new;
                    needs::is_task_open(&object)
                }
                _ => {
                    out.volunteers += new;
                    false
                }
            };
            if open && priority_rank(object.code("priority").as_deref()) == 0 {
                match new {
                    0 => out.still_urgent += 1,
                    _ => urgent.push((born, id)),
                }
            }
        }
    }
    urgent.sort_unstable_by_key(|(born, id)| (std::cmp::Reverse(*born), *id));
    out.urgent = urgent.into_iter().map(|(_, id)| id).collect();
    out
}
