//! Which operations count. A pure function of the operation, its context and the table, never of
//! merged data: every device that holds an operation and its authority answers alike.

use muster_log::{
    ids::Class,
    operation::{DataOperation, FieldWrite},
    role::Role,
};
use thiserror::Error;

use super::{WriteContext, object::section_of};
use crate::{
    table::{self, Field, Merge},
    value::{Typed, element_of, kind as vk},
};

/// Why an operation does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Inert {
    /// Operators, attachments, acknowledgements: not part of this state.
    #[error("not an operation on a field")]
    NotState,
    /// A code, field range or class that this version does not apply.
    #[error("of a later version")]
    Unknown,
    /// Its entry lies past a cut and was not adopted.
    #[error("written after its author's authority had ended")]
    Disputed,
    /// The grant's role is below the field's writer.
    #[error("a {role} may not write field {field} of kind {kind}", role = .role.code())]
    Role { role: Role, kind: u16, field: u16 },
    /// The field does not belong in a part of this class.
    #[error("field {field} of kind {kind} does not belong in class {class}", class = .class.0)]
    Class { class: Class, kind: u16, field: u16 },
    /// The value is not of the field's type.
    #[error("field {field} of kind {kind} does not take a value of type {value}")]
    Value { value: u8, kind: u16, field: u16 },
    /// A set where an addition belongs, and the like.
    #[error("field {field} of kind {kind} is not written by this operation")]
    Operation { kind: u16, field: u16 },
    /// An element where none belongs, or none where one does, or not the value's.
    #[error("field {field} of kind {kind} does not take this element")]
    Element { kind: u16, field: u16 },
    /// The object is erased.
    #[error("the object is erased")]
    Erased,
}

/// What to do with an operation.
pub(super) enum Judged<'a> {
    /// It counts, as a write that stays.
    Write(&'a FieldWrite),
    /// It counts, and only takes away.
    Take(&'a FieldWrite),
    /// It does not count; what it replaces is remembered for those who replace it.
    Pass(&'a FieldWrite, Inert),
    /// It does not count and leaves nothing.
    Ignore(Inert),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Set,
    Add,
    Remove,
    Tally,
    Alias,
    Unalias,
}

pub(super) fn judge<'a>(context: &WriteContext, operation: &'a DataOperation) -> Judged<'a> {
    let (verb, write) = match operation {
        DataOperation::Set(w) => (Verb::Set, w),
        DataOperation::Add(w) => (Verb::Add, w),
        DataOperation::Remove(w) => (Verb::Remove, w),
        DataOperation::Tally(w) => (Verb::Tally, w),
        DataOperation::Alias(w) => (Verb::Alias, w),
        DataOperation::Unalias(w) => (Verb::Unalias, w),
        DataOperation::Operator(_) | DataOperation::Blob(_) | DataOperation::EraseAck(_) => {
            return Judged::Ignore(Inert::NotState);
        }
        DataOperation::Other(_) => return Judged::Ignore(Inert::Unknown),
    };
    if section_of(context.class).is_none() {
        return Judged::Ignore(Inert::Unknown);
    }
    if context.disputed {
        return Judged::Pass(write, Inert::Disputed);
    }
    match check(context, verb, write) {
        Err(inert) => Judged::Pass(write, inert),
        Ok(()) if matches!(verb, Verb::Remove | Verb::Unalias) => Judged::Take(write),
        Ok(()) => Judged::Write(write),
    }
}

fn check(context: &WriteContext, verb: Verb, write: &FieldWrite) -> Result<(), Inert> {
    let (kind, number) = (write.slot.kind, write.slot.field);
    if number >= table::INTERNAL_FIELDS {
        return check_internal(context, verb, write);
    }
    let own = kind == table::kinds::VOLUNTEER && table::is_own(context.person, write.slot.object);
    let role = Inert::Role {
        role: context.role,
        kind,
        field: number,
    };
    let Some(field) = table::kind(kind).and_then(|k| k.field(number)) else {
        // A field of the incident or of a later version: kept and shown as it stands.
        if context.role == Role::Root || context.role > Role::Volunteer {
            return Err(role);
        }
        if matches!(verb, Verb::Alias | Verb::Unalias) {
            return Err(Inert::Operation {
                kind,
                field: number,
            });
        }
        return Ok(());
    };
    if !field.may_write(context.role, own) {
        return Err(role);
    }
    if !field.allows(context.class) {
        return Err(Inert::Class {
            class: context.class,
            kind,
            field: number,
        });
    }
    check_shape(field, verb, write)
}

fn check_internal(context: &WriteContext, verb: Verb, write: &FieldWrite) -> Result<(), Inert> {
    let (kind, field) = (write.slot.kind, write.slot.field);
    if field != table::ALIAS {
        return Err(Inert::Unknown);
    }
    if context.role == Role::Root || context.role > Role::Coordinator {
        return Err(Inert::Role {
            role: context.role,
            kind,
            field,
        });
    }
    if context.class != Class::C1 {
        return Err(Inert::Class {
            class: context.class,
            kind,
            field,
        });
    }
    if write.slot.element != 0 {
        return Err(Inert::Element { kind, field });
    }
    let fits = match (verb, Typed::read(&write.value)) {
        (Verb::Alias, Typed::Reference(target)) => target != write.slot.object,
        (Verb::Unalias, Typed::Cleared) => true,
        (Verb::Alias | Verb::Unalias, _) => false,
        _ => return Err(Inert::Operation { kind, field }),
    };
    if fits {
        Ok(())
    } else {
        Err(Inert::Value {
            value: write.value.kind,
            kind,
            field,
        })
    }
}

fn check_shape(field: &Field, verb: Verb, write: &FieldWrite) -> Result<(), Inert> {
    let (kind, number) = (write.slot.kind, write.slot.field);
    let fits = matches!(
        (field.merge, verb),
        (Merge::Register, Verb::Set)
            | (Merge::Set | Merge::Group, Verb::Add | Verb::Remove)
            | (Merge::Sum, Verb::Tally)
    );
    if !fits {
        return Err(Inert::Operation {
            kind,
            field: number,
        });
    }
    let element = write.slot.element;
    let element_fits = match (field.merge, field.group) {
        (Merge::Set, _) if verb == Verb::Add => element == element_of(&write.value),
        (Merge::Set, _) => true,
        (Merge::Group, _) | (_, Some(_)) => element != 0,
        (_, None) => element == 0,
    };
    if !element_fits {
        return Err(Inert::Element {
            kind,
            field: number,
        });
    }
    let value = &write.value;
    let empty = value.kind == vk::CLEARED && value.bytes.is_empty();
    let value_fits = match (field.merge, verb) {
        (_, Verb::Remove) | (Merge::Group, _) => empty,
        (Merge::Register, _) if empty => true,
        _ => {
            value.kind == field.ty.value_kind() && !matches!(Typed::read(value), Typed::Unknown(_))
        }
    };
    if value_fits {
        Ok(())
    } else {
        Err(Inert::Value {
            value: value.kind,
            kind,
            field: number,
        })
    }
}
