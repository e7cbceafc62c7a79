//! What the merge left for a person: contested values, double bookings, slots filled beyond what was
//! wanted. The same list, with the same ids, on every device that holds the same entries.
//!
//! Settling is a write like any other, and may itself be contested; nothing is lost by it.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    codec::Bounded,
    ids::{Class, DeviceId, Millis, ObjectId},
    operation::{DataOperation, FieldWrite, MAX_REPLACES, Reference, Slot, Value},
};
use serde_json::{Value as Json, json};
use thiserror::Error;

use crate::{
    booking::{self, Assignment},
    item::reference_text,
    parse::Change,
    state::{Alive, Object, State, register::rank},
    table::{self, kinds},
    value::{Typed, time_text},
    writes::{self, Operations, WriteError},
};

/// What kind of conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Two values of one field.
    Contested,
    /// One volunteer in two places.
    DoubleBooking,
    /// More people than a slot wants.
    Slot,
}

impl What {
    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Contested => "contested",
            Self::DoubleBooking => "double-booking",
            Self::Slot => "slot",
        }
    }
}

/// One of the things to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rival {
    /// The value, or the id of an assignment.
    pub value: Json,
    /// The assignment, where it is one.
    pub assignment: Option<ObjectId>,
    /// The stored value, where it is one.
    pub stored: Option<Value>,
    /// Whose write it is, where the log is known.
    pub device: Option<DeviceId>,
    /// When, as the device claims.
    pub claimed: Millis,
    /// Which operation.
    pub entry: Reference,
    /// Whether it stands for now.
    pub provisional: bool,
}

/// One conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Stable short id.
    pub id: String,
    /// What it is.
    pub what: What,
    /// The object: of the field, the volunteer, the task.
    pub object: ObjectId,
    /// Code of its kind.
    pub kind: String,
    /// Field number of a contested value.
    pub field: Option<u16>,
    /// Element of the field, or the slot.
    pub element: u64,
    /// What to choose from, the provisional first.
    pub values: Vec<Rival>,
}

/// Why a conflict was not settled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettleError {
    /// There are fewer things to choose from.
    #[error("there are {there} to choose from")]
    Choice { there: usize },
    /// A double booking is settled by choosing an assignment.
    #[error("choose one of the assignments")]
    NotAValue,
    /// The write cannot be made.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// How to settle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The n-th of the values listed, from 0 (A is 0).
    Index(usize),
    /// Another value of a contested field.
    Value(Value),
}

fn conflict_id(
    what: What,
    object: ObjectId,
    field: u16,
    element: u64,
    others: &[ObjectId],
) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("muster 2026 model conflict id");
    hasher.update(what.code().as_bytes());
    hasher.update(&object.0);
    hasher.update(&field.to_be_bytes());
    hasher.update(&element.to_be_bytes());
    let others: BTreeSet<&ObjectId> = others.iter().collect();
    for other in others {
        hasher.update(&other.0);
    }
    hasher.finalize().to_hex().chars().take(12).collect()
}

/// All conflicts: contested values by object, then double bookings, then slots.
pub fn conflicts(state: &State) -> Vec<Conflict> {
    let mut out: Vec<Conflict> = Vec::new();
    for id in state.index().contested() {
        if let Some(object) = state.object(id) {
            for (field, element) in object.contested() {
                out.push(contested(state, id, &object, field, element));
            }
        }
    }
    for booking in booking::double_bookings(state) {
        let ids: Vec<ObjectId> = booking.assignments.iter().map(|a| a.id).collect();
        out.push(Conflict {
            id: conflict_id(What::DoubleBooking, booking.volunteer, 0, 0, &ids),
            what: What::DoubleBooking,
            object: booking.volunteer,
            kind: table::kind_name(kinds::VOLUNTEER),
            field: None,
            element: 0,
            values: assignment_options(state, &booking.assignments, &booking.holders),
        });
    }
    out.extend(overfilled(state));
    out
}

/// The conflict whose id starts with `prefix`, when there is exactly one.
pub fn find(state: &State, prefix: &str) -> Result<Conflict, usize> {
    let prefix = prefix.trim().to_ascii_lowercase();
    let mut found: Vec<Conflict> = conflicts(state)
        .into_iter()
        .filter(|c| !prefix.is_empty() && c.id.starts_with(&prefix))
        .collect();
    match (found.len(), found.pop()) {
        (1, Some(one)) => Ok(one),
        (n, _) => Err(n),
    }
}

fn contested(state: &State, id: ObjectId, object: &Object, field: u16, element: u64) -> Conflict {
    let shown = object.provisional(field, element).map(|a| a.reference);
    let mut alive: Vec<Alive<'_>> = object.alive(field, element);
    alive.sort_by_key(|a| {
        let provisional = Some(a.reference) == shown;
        std::cmp::Reverse((provisional, a.class, rank(&a.reference, a.write)))
    });
    let mut seen: BTreeSet<(Class, &Value)> = BTreeSet::new();
    let values = alive
        .iter()
        .filter(|a| seen.insert((a.class, &a.write.value)))
        .map(|a| Rival {
            value: Typed::read(&a.write.value).json(),
            assignment: None,
            stored: Some(a.write.value.clone()),
            device: state.author(a.reference.log).map(|(_, device)| device),
            claimed: a.write.claimed,
            entry: a.reference,
            provisional: Some(a.reference) == shown,
        })
        .collect();
    Conflict {
        id: conflict_id(What::Contested, id, field, element, &[]),
        what: What::Contested,
        object: id,
        kind: object.kind().map(table::kind_name).unwrap_or_default(),
        field: Some(field),
        element,
        values,
    }
}

fn assignment_options(state: &State, all: &[Assignment], holders: &[ObjectId]) -> Vec<Rival> {
    let mut out: Vec<Rival> = all
        .iter()
        .map(|a| {
            let claimed = state
                .object(a.id)
                .and_then(|o| o.birth())
                .map(|b| b.claimed);
            Rival {
                value: json!(a.id.hex()),
                assignment: Some(a.id),
                stored: None,
                device: state.author(a.claim.log).map(|(_, device)| device),
                claimed: claimed.unwrap_or_default(),
                entry: Reference {
                    log: a.claim.log,
                    seq: a.claim.seq,
                    op: 0,
                    check: a.claim.check,
                },
                provisional: holders.contains(&a.id),
            }
        })
        .collect();
    out.sort_by_key(|o| !o.provisional);
    out
}

fn overfilled(state: &State) -> Vec<Conflict> {
    let mut by_task: BTreeMap<ObjectId, Vec<Assignment>> = BTreeMap::new();
    for id in state.of_kind(kinds::ASSIGNMENT) {
        if let Some(a) = booking::assignment(state, id).filter(Assignment::is_active)
            && let Some(task) = a.task
        {
            by_task.entry(task).or_default().push(a);
        }
    }
    let mut out = Vec::new();
    for (task, mut all) in by_task {
        let Some(object) = state.object(task) else {
            continue;
        };
        all.sort_by_key(|a| a.claim);
        for (slot, wanted) in booking::wanted_by_slot(&object) {
            let Some(wanted) = wanted else { continue };
            let own: Vec<Assignment> = all
                .iter()
                .filter(|a| a.slot == Some(slot))
                .cloned()
                .collect();
            let holders = booking::holders(&own, wanted);
            if holders.len() == own.len() {
                continue;
            }
            let ids: Vec<ObjectId> = own.iter().map(|a| a.id).collect();
            out.push(Conflict {
                id: conflict_id(What::Slot, task, 0, slot, &ids),
                what: What::Slot,
                object: task,
                kind: table::kind_name(kinds::TASK),
                field: None,
                element: slot,
                values: assignment_options(state, &own, &holders),
            });
        }
    }
    out
}

impl Conflict {
    /// The JSON form.
    pub fn json(&self) -> Json {
        let kind = table::kind_named(&self.kind).map_or(0, |k| k.number);
        let values: Vec<Json> = self
            .values
            .iter()
            .map(|v| {
                json!({
                    "value": v.value,
                    "device": v.device.map(|d| d.hex()),
                    "claimed": time_text(v.claimed),
                    "entry": reference_text(&v.entry),
                    "provisional": v.provisional,
                })
            })
            .collect();
        let provisional = self.values.iter().find(|v| v.provisional);
        let mut out = json!({
            "id": self.id,
            "what": self.what.code(),
            "kind": self.kind,
            "object": self.object.hex(),
            "field": self.field.map(|f| table::field_name(kind, f)),
            "values": values,
            "provisional": provisional.map(|v| v.value.clone()),
        });
        if let (Json::Object(map), true) = (&mut out, self.element != 0) {
            map.insert("element".into(), json!(format!("{:016x}", self.element)));
        }
        out
    }
}

/// The operations that settle a conflict, by the object they concern. A contested field gets the
/// chosen value; of rival assignments the chosen one stays, and those that do not fit beside it are
/// withdrawn.
pub fn settle(
    state: &State,
    conflict: &Conflict,
    choice: &Choice,
) -> Result<Vec<(ObjectId, Operations)>, SettleError> {
    let chosen = match choice {
        Choice::Index(at) => Some(conflict.values.get(*at).ok_or(SettleError::Choice {
            there: conflict.values.len(),
        })?),
        Choice::Value(_) => None,
    };
    match (conflict.field, choice, chosen) {
        (Some(field), Choice::Value(value), _) => set(state, conflict, field, value),
        (Some(field), _, Some(chosen)) => {
            let value = chosen.stored.clone().unwrap_or_default();
            set(state, conflict, field, &value)
        }
        (None, _, Some(chosen)) => withdraw_others(state, conflict, chosen.assignment),
        _ => Err(SettleError::NotAValue),
    }
}

fn set(
    state: &State,
    conflict: &Conflict,
    field: u16,
    value: &Value,
) -> Result<Vec<(ObjectId, Operations)>, SettleError> {
    let id = conflict.object;
    let object = state.object(id).unwrap_or_default();
    let operations = match object.table().filter(|k| k.field(field).is_some()) {
        Some(kind) => {
            let change = Change::Set {
                field,
                element: conflict.element,
                value: value.clone(),
            };
            writes::build(state, kind, id, &[change])?
        }
        None => set_unknown(id, &object, field, conflict.element, value),
    };
    Ok(vec![(id, operations)])
}

/// A field of the incident or of a later version: written in every class where it stands.
fn set_unknown(
    id: ObjectId,
    object: &Object,
    field: u16,
    element: u64,
    value: &Value,
) -> Operations {
    let mut by_class: BTreeMap<Class, Vec<Reference>> = BTreeMap::new();
    for alive in object.alive(field, element) {
        by_class
            .entry(alive.class)
            .or_default()
            .push(alive.reference);
    }
    by_class
        .into_iter()
        .map(|(class, mut replaces)| {
            replaces.truncate(MAX_REPLACES);
            let write = FieldWrite {
                slot: Slot {
                    kind: object.kind().unwrap_or(0),
                    object: id,
                    field,
                    element,
                },
                replaces: Bounded::try_from(replaces).unwrap_or_default(),
                value: value.clone(),
            };
            (class, vec![DataOperation::Set(write)])
        })
        .collect()
}

fn withdraw_others(
    state: &State,
    conflict: &Conflict,
    keep: Option<ObjectId>,
) -> Result<Vec<(ObjectId, Operations)>, SettleError> {
    let mut rivals: Vec<Assignment> = conflict
        .values
        .iter()
        .filter_map(|v| booking::assignment(state, v.assignment?))
        .filter(Assignment::is_active)
        .collect();
    rivals.sort_by_key(|a| (Some(a.id) != keep, a.claim));
    let places = match conflict.what {
        What::Slot => state
            .object(conflict.object)
            .and_then(|t| {
                booking::wanted_by_slot(&t)
                    .get(&conflict.element)
                    .copied()
                    .flatten()
            })
            .unwrap_or(1),
        _ => 1,
    };
    let stay = booking::holders(&rivals, places);
    let Some(kind) = table::kind(kinds::ASSIGNMENT) else {
        return Ok(Vec::new());
    };
    let withdrawn = Typed::Code("withdrawn".to_owned())
        .write()
        .unwrap_or_default();
    let mut out = Vec::new();
    for rival in rivals.iter().filter(|a| !stay.contains(&a.id)) {
        let change = Change::Set {
            field: kind.number_of("status"),
            element: 0,
            value: withdrawn.clone(),
        };
        out.push((rival.id, writes::build(state, kind, rival.id, &[change])?));
    }
    Ok(out)
}
