//! From changes that a person asked for to operations: which class each goes to, and which writes it
//! replaces. What is already so is not written again.
//!
//! Parts, entries, keys and signatures are the node's and `muster-log`'s business.

use std::collections::BTreeMap;

use muster_log::{
    codec::Bounded,
    ids::{Class, ObjectId},
    operation::{DataOperation, FieldWrite, MAX_REPLACES, Reference, Slot, Value},
    role::Role,
};
use thiserror::Error;

use crate::{
    parse::Change,
    state::{Object, State, register::rank},
    table::{self, Field, Kind, Merge, When},
    value::{Typed, element_of, kind as vk},
};

/// Operations of one user action, grouped by the class of the part that shall carry them.
pub type Operations = BTreeMap<Class, Vec<DataOperation>>;

/// Why no operations were made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// The object is erased.
    #[error("{0} is erased")]
    Erased(ObjectId),
    /// The object is of another kind.
    #[error("{id} is a {is}, not a {wanted}")]
    Kind {
        id: ObjectId,
        is: String,
        wanted: &'static str,
    },
    /// A change names a field the kind has not.
    #[error("a {kind} has no field number {field}")]
    Field { kind: &'static str, field: u16 },
    /// A change that does not fit how the field merges.
    #[error("{field} is not changed this way")]
    Change { field: &'static str },
    /// The element is not there, or was removed.
    #[error("{field} has no element {element:016x}")]
    Element { field: &'static str, element: u64 },
    /// Nothing that can be read here says what the object is.
    #[error("{0} is not known here")]
    Unknown(ObjectId),
    /// An alias of itself.
    #[error("an object cannot be joined with itself")]
    SelfAlias,
}

/// The fields among `changes` that this role may not write, with the least role that may.
pub fn refusals(
    kind: &'static Kind,
    changes: &[Change],
    role: Role,
    own: bool,
) -> Vec<(&'static str, Role)> {
    let own = own && kind.number == table::kinds::VOLUNTEER;
    let mut out: Vec<(&'static str, Role)> = fields_of(changes)
        .filter_map(|number| kind.field(number))
        .filter(|f| !f.may_write(role, own))
        .map(|f| (f.name, f.write))
        .collect();
    out.dedup();
    out
}

fn fields_of(changes: &[Change]) -> impl Iterator<Item = u16> + '_ {
    changes.iter().flat_map(|change| match change {
        Change::Set { field, .. }
        | Change::Add { field, .. }
        | Change::Remove { field, .. }
        | Change::Replace { field, .. }
        | Change::Tally { field, .. } => vec![*field],
        Change::AddElement { group, members, .. } => {
            let mut all = vec![*group];
            all.extend(members.iter().map(|m| m.0));
            all
        }
        Change::RemoveElement { group, .. } => vec![*group],
    })
}

/// Makes the operations that carry out `changes` on an object, new or existing. No operations mean
/// that everything is already so.
pub fn build(
    state: &State,
    kind: &'static Kind,
    id: ObjectId,
    changes: &[Change],
) -> Result<Operations, WriteError> {
    let object = state.object(id).unwrap_or_default();
    if object.erased {
        return Err(WriteError::Erased(id));
    }
    if let Some(is) = object.kind().filter(|k| *k != kind.number) {
        return Err(WriteError::Kind {
            id,
            is: table::kind_name(is),
            wanted: kind.name,
        });
    }
    let mut builder = Builder {
        kind,
        id,
        alternative: alternative_after(kind, &object, changes),
        object,
        out: Operations::new(),
    };
    builder.move_classes(changes);
    for change in changes {
        builder.change(change)?;
    }
    Ok(builder.out)
}

/// Whether alternative-class fields stand in their other class once `changes` are made.
fn alternative_after(kind: &'static Kind, object: &Object, changes: &[Change]) -> bool {
    let Some((name, when)) = kind.alternative_when else {
        return false;
    };
    let number = kind.number_of(name);
    let asked = changes.iter().rev().find_map(|change| match change {
        Change::Set {
            field,
            element: 0,
            value,
        } if *field == number => Some(Typed::read(value)),
        _ => None,
    });
    let value = asked.or_else(|| object.value(number, 0));
    match (when, value) {
        (When::True, Some(Typed::Boolean(yes))) => yes,
        (When::Code(code), Some(Typed::Code(is))) => is == code,
        _ => false,
    }
}

struct Builder {
    kind: &'static Kind,
    id: ObjectId,
    object: Object,
    alternative: bool,
    out: Operations,
}

impl Builder {
    fn class(&self, field: &Field) -> Class {
        match field.alternative {
            Some(other) if self.alternative => other,
            _ => field.class,
        }
    }

    fn field(&self, number: u16) -> Result<&'static Field, WriteError> {
        self.kind.field(number).ok_or(WriteError::Field {
            kind: self.kind.name,
            field: number,
        })
    }

    fn emit(&mut self, class: Class, make: fn(FieldWrite) -> DataOperation, write: FieldWrite) {
        self.out.entry(class).or_default().push(make(write));
    }

    fn write(
        &self,
        field: u16,
        element: u64,
        replaces: Vec<Reference>,
        value: Value,
    ) -> FieldWrite {
        FieldWrite {
            slot: Slot {
                kind: self.kind.number,
                object: self.id,
                field,
                element,
            },
            replaces: bounded(replaces),
            value,
        }
    }

    /// The alive references of one register, best ranked first.
    fn alive(&self, class: Class, field: u16, element: u64) -> Vec<Reference> {
        let mut all = self.object.alive(field, element);
        all.retain(|a| a.class == class);
        all.sort_by_key(|a| std::cmp::Reverse(rank(&a.reference, a.write)));
        all.iter().map(|a| a.reference).collect()
    }

    /// Writes a register in its class, and clears it in the other one.
    fn set(&mut self, field: &Field, element: u64, value: &Value) {
        let class = self.class(field);
        for other in field.classes().filter(|c| *c != class) {
            let holds = self
                .object
                .alive(field.number, element)
                .iter()
                .any(|a| a.class == other && a.write.value.kind != vk::CLEARED);
            if holds {
                let replaces = self.alive(other, field.number, element);
                let clear = self.write(field.number, element, replaces, Value::default());
                self.emit(other, DataOperation::Set, clear);
            }
        }
        let mut now: Vec<&Value> = Vec::new();
        let all = self.object.alive(field.number, element);
        now.extend(
            all.iter()
                .filter(|a| a.class == class)
                .map(|a| &a.write.value),
        );
        let same = match now.as_slice() {
            [] => value.kind == vk::CLEARED,
            now => now.iter().all(|v| *v == value),
        };
        if same {
            return;
        }
        let replaces = self.alive(class, field.number, element);
        let write = self.write(field.number, element, replaces, value.clone());
        self.emit(class, DataOperation::Set, write);
    }

    /// Moves values that stand in the wrong class, except those that are changed anyway.
    fn move_classes(&mut self, changes: &[Change]) {
        let touched: Vec<u16> = fields_of(changes).collect();
        let moving = self
            .kind
            .plain()
            .filter(|f| f.alternative.is_some() && !touched.contains(&f.number));
        for field in moving {
            let class = self.class(field);
            let Some(shown) = self.object.provisional(field.number, 0) else {
                continue;
            };
            if shown.class != class && shown.write.value.kind != vk::CLEARED {
                let value = shown.write.value.clone();
                self.set(field, 0, &value);
            }
        }
    }

    fn change(&mut self, change: &Change) -> Result<(), WriteError> {
        match change {
            Change::Set {
                field,
                element,
                value,
            } => {
                let field = self.expect(*field, Merge::Register)?;
                self.set(field, *element, value);
            }
            Change::Tally {
                field,
                element,
                value,
            } => {
                let field = self.expect(*field, Merge::Sum)?;
                let write = self.write(field.number, *element, Vec::new(), value.clone());
                self.emit(self.class(field), DataOperation::Tally, write);
            }
            Change::Add { field, value } => {
                let field = self.expect(*field, Merge::Set)?;
                self.add(field, element_of(value), value);
            }
            Change::Remove { field, value } => {
                let field = self.expect(*field, Merge::Set)?;
                self.remove(field, element_of(value));
            }
            Change::Replace { field, values } => {
                let field = self.expect(*field, Merge::Set)?;
                let wanted: BTreeMap<u64, &Value> =
                    values.iter().map(|v| (element_of(v), v)).collect();
                for gone in self.object.elements(field.number) {
                    if !wanted.contains_key(&gone) {
                        self.remove(field, gone);
                    }
                }
                for (element, value) in wanted {
                    self.add(field, element, value);
                }
            }
            Change::AddElement {
                group,
                element,
                members,
            } => {
                let group = self.expect(*group, Merge::Group)?;
                self.add(group, *element, &Value::default());
                for (number, value) in members {
                    let field = self.expect(*number, Merge::Register)?;
                    self.set(field, *element, value);
                }
            }
            Change::RemoveElement { group, element } => {
                let group = self.expect(*group, Merge::Group)?;
                if !self.object.elements(group.number).contains(element) {
                    return Err(WriteError::Element {
                        field: group.name,
                        element: *element,
                    });
                }
                self.remove(group, *element);
            }
        }
        Ok(())
    }

    fn expect(&self, number: u16, merge: Merge) -> Result<&'static Field, WriteError> {
        let field = self.field(number)?;
        if field.merge == merge {
            Ok(field)
        } else {
            Err(WriteError::Change { field: field.name })
        }
    }

    fn add(&mut self, field: &Field, element: u64, value: &Value) {
        let class = self.class(field);
        if self.alive(class, field.number, element).is_empty() {
            let write = self.write(field.number, element, Vec::new(), value.clone());
            self.emit(class, DataOperation::Add, write);
        }
    }

    fn remove(&mut self, field: &Field, element: u64) {
        for class in field.classes() {
            let replaces = self.alive(class, field.number, element);
            if !replaces.is_empty() {
                let write = self.write(field.number, element, replaces, Value::default());
                self.emit(class, DataOperation::Remove, write);
            }
        }
    }
}

fn bounded(mut references: Vec<Reference>) -> Bounded<Reference, MAX_REPLACES> {
    references.truncate(MAX_REPLACES);
    Bounded::try_from(references).unwrap_or_default()
}

/// Joins two objects: `id` is the same as `target`.
pub fn alias(state: &State, id: ObjectId, target: ObjectId) -> Result<Operations, WriteError> {
    if id == target {
        return Err(WriteError::SelfAlias);
    }
    let write = alias_write(state, id, Typed::Reference(target))?;
    Ok(Operations::from([(
        Class::C1,
        vec![DataOperation::Alias(write)],
    )]))
}

/// Takes back every alias of `id`; no operations when there is none.
pub fn unalias(state: &State, id: ObjectId) -> Result<Operations, WriteError> {
    let write = alias_write(state, id, Typed::Cleared)?;
    if write.replaces.is_empty() {
        return Ok(Operations::new());
    }
    Ok(Operations::from([(
        Class::C1,
        vec![DataOperation::Unalias(write)],
    )]))
}

fn alias_write(state: &State, id: ObjectId, value: Typed) -> Result<FieldWrite, WriteError> {
    let object = state.object(id).unwrap_or_default();
    if object.erased {
        return Err(WriteError::Erased(id));
    }
    // The first write says for ever what an object is.
    let kind = object.kind().ok_or(WriteError::Unknown(id))?;
    let alive: Vec<Reference> = object
        .registers_of(table::ALIAS)
        .flat_map(|(_, r)| r.alive.keys().copied())
        .collect();
    Ok(FieldWrite {
        slot: Slot {
            kind,
            object: id,
            field: table::ALIAS,
            element: 0,
        },
        replaces: bounded(alive),
        // A reference to an id and the empty value always have a stored form.
        value: value.write().unwrap_or_default(),
    })
}
