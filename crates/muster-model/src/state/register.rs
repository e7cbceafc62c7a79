//! The one structure under every field: alive writes, and references that are dead.
//!
//! A write that arrives after what replaced it is dead on arrival, hence the set of replaced
//! references. A write that does not count kills nothing by itself, but whoever replaces it replaces
//! also what it replaced, hence the writes passed through. Which writes count is `rules`' business.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    ids::{Lamport, Millis},
    operation::{Reference, Value},
};

/// One alive write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Logical time of its entry.
    pub lamport: Lamport,
    /// The time its device claims.
    pub claimed: Millis,
    /// What it wrote.
    pub value: Value,
}

/// A multi-value register; sets and sums are registers read differently.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Register {
    /// Writes that nothing known replaces.
    pub alive: BTreeMap<Reference, Write>,
    /// References that some counting write replaces, directly or through writes that do not count.
    pub dead: BTreeSet<Reference>,
    /// Writes that do not count and that nothing replaces yet, with what they replace.
    pub passing: BTreeMap<Reference, BTreeSet<Reference>>,
}

impl Register {
    /// Takes a write that counts; whether anything changed.
    pub fn write(
        &mut self,
        at: Reference,
        write: Write,
        replaces: impl IntoIterator<Item = Reference>,
    ) -> bool {
        let changed = self.kill(replaces);
        if self.dead.contains(&at) {
            return changed;
        }
        match self.alive.entry(at) {
            std::collections::btree_map::Entry::Occupied(_) => changed,
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(write);
                true
            }
        }
    }

    /// Declares references dead, and what lies behind those that did not count.
    pub fn kill(&mut self, references: impl IntoIterator<Item = Reference>) -> bool {
        let mut changed = false;
        let mut queue: Vec<Reference> = references.into_iter().collect();
        while let Some(reference) = queue.pop() {
            if !self.dead.insert(reference) {
                continue;
            }
            changed = true;
            self.alive.remove(&reference);
            if let Some(behind) = self.passing.remove(&reference) {
                queue.extend(behind);
            }
        }
        changed
    }

    /// Remembers a write that does not count; whether anything changed.
    pub fn pass(&mut self, at: Reference, replaces: impl IntoIterator<Item = Reference>) -> bool {
        let replaces: BTreeSet<Reference> = replaces.into_iter().collect();
        if self.dead.contains(&at) {
            return self.kill(replaces);
        }
        if replaces.is_empty() {
            return false;
        }
        self.passing.insert(at, replaces).is_none()
    }

    /// Whether it holds nothing at all.
    pub fn is_empty(&self) -> bool {
        self.alive.is_empty() && self.dead.is_empty() && self.passing.is_empty()
    }

    /// The alive write to show first: highest lamport, then log id, then seq.
    pub fn provisional(&self) -> Option<(&Reference, &Write)> {
        self.alive.iter().max_by_key(|(at, w)| rank(at, w))
    }

    /// How many different values are alive.
    pub fn distinct(&self) -> usize {
        let values: BTreeSet<&Value> = self.alive.values().map(|w| &w.value).collect();
        values.len()
    }
}

/// The order of display, the same everywhere; never the clock.
pub fn rank(at: &Reference, write: &Write) -> (Lamport, Reference) {
    (write.lamport, *at)
}
