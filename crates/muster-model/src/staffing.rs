//! Wanted against offered, acknowledged and on site, slot by slot: nobody has to guess whether
//! "assigned" means "knows". A view of assignments and `now`; it decides nothing.

use std::collections::BTreeMap;

use muster_log::ids::{Millis, ObjectId};
use serde_json::{Value as Json, json};

use crate::{
    booking::{self, Assignment},
    state::State,
    table::kinds,
    value::Typed,
};

/// Counts of one slot, or of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Count {
    /// How many are wanted, where it is said.
    pub wanted: Option<usize>,
    /// Offered, not known to have arrived.
    pub offered: usize,
    /// On the volunteer's device.
    pub delivered: usize,
    /// Accepted.
    pub acknowledged: usize,
    /// There.
    pub on_site: usize,
    /// Finished.
    pub done: usize,
    /// Of the active ones, those whose lease has run out.
    pub unconfirmed: usize,
}

/// One slot of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotStaffing {
    /// Its element; none for those assigned to the task without a slot.
    pub slot: Option<u64>,
    /// Skill code.
    pub skill: Option<String>,
    /// Level code.
    pub level: Option<String>,
    /// Counts.
    pub count: Count,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStaffing {
    /// The task.
    pub task: ObjectId,
    /// Its slots, then those without one.
    pub slots: Vec<SlotStaffing>,
    /// All together.
    pub total: Count,
}

impl Count {
    fn add(&mut self, a: &Assignment, now: Millis) {
        match a.status.as_deref() {
            None | Some("offered") => self.offered += 1,
            Some("delivered") => self.delivered += 1,
            Some("acknowledged") => self.acknowledged += 1,
            Some("on-site") => self.on_site += 1,
            Some("done") => self.done += 1,
            _ => {}
        }
        self.unconfirmed += usize::from(a.is_unconfirmed(now));
    }

    /// How many hold a place.
    pub fn active(&self) -> usize {
        self.offered + self.delivered + self.acknowledged + self.on_site
    }

    /// How many are still missing; negative when there are too many.
    pub fn missing(&self) -> Option<i64> {
        let wanted = i64::try_from(self.wanted?).ok()?;
        let held = i64::try_from(self.active() + self.done).ok()?;
        Some(wanted - held)
    }

    /// The JSON form.
    pub fn json(&self) -> Json {
        json!({
            "wanted": self.wanted,
            "offered": self.offered,
            "delivered": self.delivered,
            "acknowledged": self.acknowledged,
            "on_site": self.on_site,
            "done": self.done,
            "unconfirmed": self.unconfirmed,
            "missing": self.missing(),
        })
    }
}

impl TaskStaffing {
    /// The JSON form.
    pub fn json(&self) -> Json {
        let slots: Vec<Json> = self
            .slots
            .iter()
            .map(|s| {
                let mut out = s.count.json();
                if let Json::Object(map) = &mut out {
                    map.insert("slot".into(), json!(s.slot.map(|e| format!("{e:016x}"))));
                    map.insert("skill".into(), json!(s.skill));
                    map.insert("level".into(), json!(s.level));
                }
                out
            })
            .collect();
        json!({"task": self.task.hex(), "slots": slots, "total": self.total.json()})
    }
}

/// The staffing of one task; none when it is not a task.
pub fn of_task(state: &State, task: ObjectId, now: Millis) -> Option<TaskStaffing> {
    let id = state.canonical(task);
    let object = state.object(id).filter(|o| o.kind() == Some(kinds::TASK))?;
    let kind = object.table()?;
    let code = |name: &str, slot: u64| match object.value(kind.number_of(name), slot) {
        Some(Typed::Code(code)) => Some(code),
        _ => None,
    };
    let mut slots: BTreeMap<u64, SlotStaffing> = BTreeMap::new();
    let mut total = Count::default();
    for (slot, wanted) in booking::wanted_by_slot(&object) {
        if let Some(wanted) = wanted {
            total.wanted = Some(total.wanted.unwrap_or(0) + wanted);
        }
        let staffing = SlotStaffing {
            slot: Some(slot),
            skill: code("slot_skill", slot),
            level: code("slot_level", slot),
            count: Count {
                wanted,
                ..Count::default()
            },
        };
        slots.insert(slot, staffing);
    }
    let mut loose = Count::default();
    for a in booking::of_task(state, id) {
        total.add(&a, now);
        match a.slot.and_then(|s| slots.get_mut(&s)) {
            Some(slot) => slot.count.add(&a, now),
            None => loose.add(&a, now),
        }
    }
    let mut slots: Vec<SlotStaffing> = slots.into_values().collect();
    if loose != Count::default() || slots.is_empty() {
        slots.push(SlotStaffing {
            slot: None,
            skill: None,
            level: None,
            count: loose,
        });
    }
    Some(TaskStaffing {
        task: id,
        slots,
        total,
    })
}

/// The staffing of every task that is not over, the least covered first.
pub fn all(state: &State, now: Millis) -> Vec<TaskStaffing> {
    let mut out: Vec<TaskStaffing> = state
        .of_kind(kinds::TASK)
        .filter(|id| !state.index().is_alias(*id))
        .filter(|id| {
            let status = state.object(*id).and_then(|o| o.code("status"));
            !matches!(status.as_deref(), Some("completed" | "cancelled" | "draft"))
        })
        .filter_map(|id| of_task(state, id, now))
        .collect();
    out.sort_by_key(|t| (std::cmp::Reverse(t.total.missing()), t.task));
    out
}
