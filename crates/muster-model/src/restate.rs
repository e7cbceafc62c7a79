//! Saying again what stands: the same values, written anew, so that they can be sealed under another
//! key. Nothing is decided by it: values that contradict one another still do.

use muster_log::{
    codec::Bounded,
    ids::{Class, ObjectId},
    operation::{DataOperation, FieldWrite, Reference, Slot},
};

use crate::{
    state::{Object, register::rank},
    table::{self, Merge},
    value::kind as vk,
};

/// The writes that say again what stands in one class of an object, field by field where `wanted` is
/// true of one of the writes that stand. Sums are left: their records belong to who wrote them.
pub fn restate(
    object: &Object,
    id: ObjectId,
    class: Class,
    mut wanted: impl FnMut(&Reference) -> bool,
) -> Vec<DataOperation> {
    let mut out = Vec::new();
    let Some(kind) = object.kind() else {
        return out;
    };
    for (key, register) in object.sections.iter().flat_map(|s| &s.registers) {
        if key.kind != kind || key.class != class.0 || key.field >= table::INTERNAL_FIELDS {
            continue;
        }
        let field = table::kind(kind).and_then(|k| k.field(key.field));
        let make: fn(FieldWrite) -> DataOperation = match field.map(|f| f.merge) {
            Some(Merge::Register) => DataOperation::Set,
            Some(Merge::Set | Merge::Group) => DataOperation::Add,
            Some(Merge::Sum) | None => continue,
        };
        let mut alive: Vec<_> = register.alive.iter().collect();
        let says = |w: &&crate::state::register::Write| w.value.kind != vk::CLEARED;
        if !alive.iter().any(|(at, w)| says(w) && wanted(at)) {
            continue;
        }
        // In the order in which they stand, so that the same one is shown for now.
        alive.sort_by_key(|(at, write)| rank(at, write));
        for (at, write) in alive {
            out.push(make(FieldWrite {
                slot: Slot {
                    kind,
                    object: id,
                    field: key.field,
                    element: key.element,
                },
                replaces: Bounded::try_from(vec![*at]).unwrap_or_default(),
                value: write.value.clone(),
            }));
        }
    }
    out
}
