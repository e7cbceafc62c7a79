//! Needs that are not met, and which of them have no task yet.

use std::collections::BTreeSet;

use muster_log::ids::{Millis, ObjectId};

use crate::{
    booking::priority_rank,
    state::{Object, State},
    table::kinds,
};

/// Whether somebody still has to do something about a need.
pub fn is_open(need: &Object) -> bool {
    !need.erased && !matches!(need.code("status").as_deref(), Some("met" | "closed"))
}

/// Whether a task is still to be done.
pub fn is_task_open(task: &Object) -> bool {
    let status = task.code("status");
    !task.erased && !matches!(status.as_deref(), Some("completed" | "cancelled"))
}

/// Open needs that no task is for, the most pressing first, then the oldest. A cancelled task is none.
pub fn without_task(state: &State) -> Vec<ObjectId> {
    let mut out: Vec<(u8, Option<Millis>, ObjectId)> = state
        .of_kind(kinds::NEED)
        .filter(|id| !state.index().is_alias(*id))
        .filter_map(|id| {
            let need = state.object(id).filter(is_open)?;
            let tasks: BTreeSet<ObjectId> = state
                .joined(id)
                .into_iter()
                .flat_map(|n| state.index().referrers(n).collect::<Vec<_>>())
                .collect();
            let has_task = tasks.into_iter().any(|task| {
                state.object(task).is_some_and(|t| {
                    t.kind() == Some(kinds::TASK)
                        && !t.erased
                        && t.code("status").as_deref() != Some("cancelled")
                })
            });
            let rank = priority_rank(need.code("priority").as_deref());
            (!has_task).then(|| (rank, need.birth().map(|b| b.claimed), id))
        })
        .collect();
    out.sort_unstable();
    out.into_iter().map(|(_, _, id)| id).collect()
}
