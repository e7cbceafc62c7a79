//! The state: all objects, each as packed canonical bytes, and what is derived from them.
//!
//! It is a function of the set of operations applied: order, grouping and repetition leave no trace
//! (the tests beside this file are the laws). It keeps no entries and no history; the journal does.

mod batch;
mod index;
pub mod object;
mod packed;
pub mod register;
pub mod rules;

#[cfg(test)]
mod laws;

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    codec::CodecError,
    ids::{Class, DeviceId, Lamport, LogId, LogPrefix, Millis, ObjectId},
    operation::{DataOperation, Reference},
    role::Role,
};

pub use self::{
    batch::Batch,
    index::{Index, NumberKey},
    object::{Alive, Object},
    register::{Register, Write},
    rules::Inert,
};
use crate::digest::{Digests, Sum};

/// What is known about an operation from its entry and its authority; nothing of the merged data.
#[derive(Debug, Clone, Copy)]
pub struct WriteContext {
    /// Where the operation stands.
    pub reference: Reference,
    /// Logical time of its entry.
    pub lamport: Lamport,
    /// Its log.
    pub log: LogId,
    /// The time its device claims.
    pub claimed: Millis,
    /// The device.
    pub device: DeviceId,
    /// Role of the grant it is written under.
    pub role: Role,
    /// Volunteer record the grant acts for.
    pub person: Option<ObjectId>,
    /// Team or site of the grant.
    pub scope: Option<ObjectId>,
    /// Class of the part that carries it.
    pub class: Class,
    /// Urgency of its entry.
    pub urgency: u8,
    /// Its entry lies past a cut and nobody has adopted it: it does not count, but what it replaced
    /// stays replaced for those who replaced it.
    pub disputed: bool,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It changed the state.
    Applied,
    /// The state already held it, or what replaced it.
    AlreadyKnown,
    /// It does not count.
    Inert(Inert),
}

/// All objects of an incident.
#[derive(Debug, Default)]
pub struct State {
    packed: BTreeMap<ObjectId, Box<[u8]>>,
    dirty: BTreeSet<ObjectId>,
    sums: [Sum; 3],
    authors: BTreeMap<LogPrefix, (LogId, DeviceId)>,
    index: Index,
}

impl State {
    /// An empty state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies one operation.
    pub fn apply(&mut self, context: &WriteContext, operation: &DataOperation) -> Outcome {
        self.batch().apply(context, operation)
    }

    /// Applies the operations of one part in order; `context.reference` is that of the first.
    pub fn apply_part(
        &mut self,
        context: &WriteContext,
        operations: &[DataOperation],
    ) -> Vec<Outcome> {
        let mut batch = self.batch();
        let mut context = *context;
        operations
            .iter()
            .map(|operation| {
                let outcome = batch.apply(&context, operation);
                context.reference.op = context.reference.op.wrapping_add(1);
                outcome
            })
            .collect()
    }

    /// Opens a batch: objects it touches are decoded once and packed when they make room for others
    /// or the batch ends. Nobody can read the state in between.
    pub fn batch(&mut self) -> Batch<'_> {
        Batch::new(self)
    }

    /// Marks an object as erased; operations on it, known or still to come, are dropped.
    pub fn erase(&mut self, object: ObjectId) -> Outcome {
        self.batch().erase(object)
    }

    /// Forgets an object, so that its operations can be applied again after authority has changed
    /// its judgement of some of them.
    pub fn forget(&mut self, object: ObjectId) {
        self.batch().forget(object);
    }

    /// One object, decoded.
    pub fn object(&self, id: ObjectId) -> Option<Object> {
        self.packed.get(&id).map(|bytes| unpack_own(bytes))
    }

    /// One object's packed bytes.
    pub fn packed(&self, id: ObjectId) -> Option<&[u8]> {
        self.packed.get(&id).map(|bytes| &**bytes)
    }

    /// Ids of all objects, in order.
    pub fn ids(&self) -> impl Iterator<Item = ObjectId> + '_ {
        self.packed.keys().copied()
    }

    /// Ids of a range, for prefixes.
    pub(crate) fn ids_between(&self, low: ObjectId, high: ObjectId) -> Vec<ObjectId> {
        self.packed.range(low..=high).map(|(id, _)| *id).collect()
    }

    /// How many objects there are, erased ones included.
    pub fn len(&self) -> usize {
        self.packed.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// Bytes of all packed objects together.
    pub fn packed_bytes(&self) -> usize {
        self.packed.values().map(|b| b.len()).sum()
    }

    /// Ids of all objects of a kind that are not erased, aliases included.
    pub fn of_kind(&self, kind: u16) -> impl Iterator<Item = ObjectId> + '_ {
        self.index.of_kind(kind)
    }

    /// What is derived: kinds, numbers, references, aliases, contested objects.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The object that an id stands for after aliases: of all objects joined with it, the smallest
    /// that is not itself an alias, or the smallest when aliases run in a circle.
    pub fn canonical(&self, id: ObjectId) -> ObjectId {
        self.index.canonical(id)
    }

    /// All objects joined with this one by aliases, itself included.
    pub fn joined(&self, id: ObjectId) -> BTreeSet<ObjectId> {
        self.index.joined(id)
    }

    /// The digests of the state.
    pub fn digests(&self) -> Digests {
        let [state, c2, c3] = self.sums;
        Digests { state, c2, c3 }
    }

    /// Objects changed since the last call, packed; `None` for a forgotten one.
    pub fn take_dirty(&mut self) -> Vec<(ObjectId, Option<Vec<u8>>)> {
        std::mem::take(&mut self.dirty)
            .into_iter()
            .map(|id| (id, self.packed.get(&id).map(|b| b.to_vec())))
            .collect()
    }

    /// Every object waits for a checkpoint again: what was kept of them is gone.
    pub fn touch_all(&mut self) {
        self.dirty.extend(self.packed.keys());
    }

    /// How many objects wait for a checkpoint.
    pub fn dirty_len(&self) -> usize {
        self.dirty.len()
    }

    /// Takes an object back from a checkpoint, replacing what the state held of it. The bytes are
    /// those of [`State::take_dirty`], kept whole by whoever kept them; what cannot be read is
    /// refused.
    pub fn load(&mut self, id: ObjectId, bytes: &[u8]) -> Result<(), CodecError> {
        let object = packed::unpack(bytes)?;
        let mut batch = self.batch();
        batch.forget(id);
        batch.put(id, &object, bytes);
        drop(batch);
        self.dirty.remove(&id);
        Ok(())
    }

    /// Remembers whose log it is; `apply` does so for the logs it meets, and after `load` the node
    /// says it again, because packed objects hold log prefixes only.
    pub fn know_author(&mut self, log: LogId, device: DeviceId) {
        self.authors.insert(log.prefix(), (log, device));
    }

    /// The log and device behind a reference.
    pub fn author(&self, log: LogPrefix) -> Option<(LogId, DeviceId)> {
        self.authors.get(&log).copied()
    }

    /// All known logs with their devices.
    pub fn authors(&self) -> impl Iterator<Item = (LogId, DeviceId)> + '_ {
        self.authors.values().copied()
    }
}

/// Decodes bytes that this state packed or checked itself.
fn unpack_own(bytes: &[u8]) -> Object {
    packed::unpack(bytes).unwrap_or_default()
}
