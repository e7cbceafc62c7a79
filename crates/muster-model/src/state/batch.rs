//! Applying many operations: objects stay decoded while they are written to.
//!
//! A batch borrows the state, so nobody reads an index that is behind; it packs what it holds when
//! it grows and when it is dropped.

use std::collections::BTreeMap;

use muster_log::{
    ids::{Class, ObjectId},
    operation::{DataOperation, FieldWrite},
};

use super::{
    Outcome, State, WriteContext,
    index::Facts,
    object::{Birth, Key, Object, section_of},
    packed,
    register::Write,
    rules::{Inert, Judged, judge},
    unpack_own,
};
use crate::digest::section_hash;

/// Most objects held decoded.
const HELD: usize = 128;

struct Held {
    object: Object,
    before: Facts,
    changed: bool,
}

/// A run of operations on one state.
pub struct Batch<'a> {
    state: &'a mut State,
    held: BTreeMap<ObjectId, Held>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(state: &'a mut State) -> Self {
        Self {
            state,
            held: BTreeMap::new(),
        }
    }

    /// Applies one operation.
    pub fn apply(&mut self, context: &WriteContext, operation: &DataOperation) -> Outcome {
        let known = self.state.authors.get(&context.reference.log);
        if known != Some(&(context.log, context.device)) {
            self.state.know_author(context.log, context.device);
        }
        match judge(context, operation) {
            Judged::Ignore(why) => Outcome::Inert(why),
            Judged::Write(write) => self.count(context, write, true),
            Judged::Take(write) => self.count(context, write, false),
            Judged::Pass(write, why) => {
                self.pass(context, write);
                Outcome::Inert(why)
            }
        }
    }

    fn count(&mut self, context: &WriteContext, write: &FieldWrite, stays: bool) -> Outcome {
        let held = self.hold(write.slot.object);
        if held.object.erased {
            return Outcome::Inert(Inert::Erased);
        }
        let Some(section) = section_of(context.class).and_then(|i| held.object.sections.get_mut(i))
        else {
            return Outcome::Inert(Inert::Unknown);
        };
        let at = context.reference;
        let birth = Birth {
            lamport: context.lamport,
            log: at.log,
            seq: at.seq,
            check: at.check,
            kind: write.slot.kind,
            claimed: context.claimed,
        };
        let mut changed = false;
        if section.birth.is_none_or(|b| birth < b) {
            section.birth = Some(birth);
            changed = true;
        }
        let register = section
            .registers
            .entry(key(context.class, write))
            .or_default();
        let replaces = write.replaces.iter().copied();
        changed |= if stays {
            let content = Write {
                lamport: context.lamport,
                claimed: context.claimed,
                value: write.value.clone(),
            };
            register.write(at, content, replaces)
        } else {
            register.kill(replaces)
        };
        if register.is_empty() {
            section.registers.remove(&key(context.class, write));
        }
        held.changed |= changed;
        if changed {
            Outcome::Applied
        } else {
            Outcome::AlreadyKnown
        }
    }

    fn pass(&mut self, context: &WriteContext, write: &FieldWrite) {
        // One that replaces nothing leaves nothing, whether it is replaced later or not.
        if write.replaces.is_empty() {
            return;
        }
        let held = self.hold(write.slot.object);
        let object = &mut held.object;
        if object.erased {
            return;
        }
        if let Some(section) = section_of(context.class).and_then(|i| object.sections.get_mut(i)) {
            let register = section
                .registers
                .entry(key(context.class, write))
                .or_default();
            held.changed |= register.pass(context.reference, write.replaces.iter().copied());
        }
    }

    /// Marks an object as erased. Whether it is, authority decides: this is told of erasures that
    /// count, and the object is forgotten where none counts any more.
    pub fn erase(&mut self, id: ObjectId) -> Outcome {
        let held = self.hold(id);
        if held.object.erased {
            return Outcome::AlreadyKnown;
        }
        held.object = Object {
            erased: true,
            ..Object::default()
        };
        held.changed = true;
        Outcome::Applied
    }

    /// Forgets an object.
    pub(super) fn forget(&mut self, id: ObjectId) {
        self.flush();
        if let Some(bytes) = self.state.packed.get(&id) {
            let facts = Facts::of(&unpack_own(bytes));
            self.subtract(id);
            self.state.index.change(id, &facts, &Facts::default());
            self.state.packed.remove(&id);
            self.state.dirty.insert(id);
        }
    }

    /// Puts a packed object where there is none.
    pub(super) fn put(&mut self, id: ObjectId, object: &Object, bytes: &[u8]) {
        self.state.packed.insert(id, bytes.into());
        for (number, bytes) in packed::sections(bytes).into_iter().enumerate() {
            if let (Some(sum), Some(hash)) =
                (self.state.sums.get_mut(number), hash(id, number, bytes))
            {
                sum.add(&hash);
            }
        }
        let facts = Facts::of(object);
        self.state.index.change(id, &Facts::default(), &facts);
    }

    fn hold(&mut self, id: ObjectId) -> &mut Held {
        if self.held.len() >= HELD && !self.held.contains_key(&id) {
            self.flush();
        }
        let packed = &self.state.packed;
        self.held.entry(id).or_insert_with(|| {
            let object = packed.get(&id).map(|b| unpack_own(b)).unwrap_or_default();
            Held {
                before: Facts::of(&object),
                object,
                changed: false,
            }
        })
    }

    /// Packs everything held.
    pub fn flush(&mut self) {
        for (id, held) in std::mem::take(&mut self.held) {
            if !held.changed {
                continue;
            }
            self.subtract(id);
            let sections = packed::pack_sections(&held.object);
            for (number, (sum, bytes)) in self.state.sums.iter_mut().zip(&sections).enumerate() {
                if let Some(hash) = hash(id, number, bytes) {
                    sum.add(&hash);
                }
            }
            let bytes = packed::assemble(held.object.erased, sections);
            self.state.packed.insert(id, bytes);
            self.state.dirty.insert(id);
            let after = Facts::of(&held.object);
            self.state.index.change(id, &held.before, &after);
        }
    }

    /// Takes an object's packed sections out of the sums.
    fn subtract(&mut self, id: ObjectId) {
        let Some(bytes) = self.state.packed.get(&id) else {
            return;
        };
        let sections = packed::sections(bytes);
        for (number, (sum, bytes)) in self.state.sums.iter_mut().zip(sections).enumerate() {
            if let Some(hash) = hash(id, number, bytes) {
                sum.remove(&hash);
            }
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

fn key(class: Class, write: &FieldWrite) -> Key {
    Key {
        kind: write.slot.kind,
        class: class.0,
        field: write.slot.field,
        element: write.slot.element,
    }
}

fn hash(id: ObjectId, section: usize, bytes: &[u8]) -> Option<[u8; 32]> {
    section_hash(id, u8::try_from(section).unwrap_or(u8::MAX), bytes)
}
