//! What is derived from objects so that questions need not decode all of them: kinds, numbers,
//! references between objects, aliases, contested objects. Never stored, always rebuilt.

use std::collections::BTreeSet;

use muster_log::ids::ObjectId;

use super::object::Object;
use crate::{
    numbers::{self, Number},
    value::Typed,
};

/// A number as the index sorts it: kind, device code, counter.
pub type NumberKey = (u16, Box<str>, u64);

/// What the index knows of one object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    kind: Option<u16>,
    numbers: BTreeSet<NumberKey>,
    aliases: BTreeSet<ObjectId>,
    references: BTreeSet<ObjectId>,
    contested: bool,
}

impl Facts {
    /// Reads them from an object.
    pub fn of(object: &Object) -> Self {
        if object.erased {
            return Self::default();
        }
        let field = object
            .table()
            .filter(|t| t.prefix.is_some())
            .map(|t| t.number_of("number"));
        let alive = field.map(|f| object.alive(f, 0)).unwrap_or_default();
        let numbers = alive
            .iter()
            .filter_map(|a| Number::parse(&Typed::read(&a.write.value).plain()))
            .filter_map(|n| Some((numbers::kind_of(n.prefix)?, n.code.into(), n.counter)))
            .collect();
        Self {
            kind: object.kind(),
            numbers,
            aliases: object.aliases(),
            references: object.references(),
            contested: !object.contested().is_empty(),
        }
    }
}

/// The derived maps.
#[derive(Debug, Default)]
pub struct Index {
    kinds: BTreeSet<(u16, ObjectId)>,
    numbers: BTreeSet<(NumberKey, ObjectId)>,
    referrers: BTreeSet<(ObjectId, ObjectId)>,
    alias_of: BTreeSet<(ObjectId, ObjectId)>,
    aliased_by: BTreeSet<(ObjectId, ObjectId)>,
    contested: BTreeSet<ObjectId>,
}

const LOW: ObjectId = ObjectId([0; 16]);
const HIGH: ObjectId = ObjectId([0xff; 16]);

fn change<T: Ord>(set: &mut BTreeSet<T>, old: Option<T>, new: Option<T>) {
    if old == new {
        return;
    }
    if let Some(old) = old {
        set.remove(&old);
    }
    if let Some(new) = new {
        set.insert(new);
    }
}

impl Index {
    pub(super) fn change(&mut self, id: ObjectId, old: &Facts, new: &Facts) {
        if old == new {
            return;
        }
        change(
            &mut self.kinds,
            old.kind.map(|k| (k, id)),
            new.kind.map(|k| (k, id)),
        );
        for gone in old.numbers.difference(&new.numbers) {
            self.numbers.remove(&(gone.clone(), id));
        }
        for come in new.numbers.difference(&old.numbers) {
            self.numbers.insert((come.clone(), id));
        }
        let contested = |f: &Facts| f.contested.then_some(id);
        change(&mut self.contested, contested(old), contested(new));
        for gone in old.references.difference(&new.references) {
            self.referrers.remove(&(*gone, id));
        }
        for come in new.references.difference(&old.references) {
            self.referrers.insert((*come, id));
        }
        for gone in old.aliases.difference(&new.aliases) {
            self.alias_of.remove(&(id, *gone));
            self.aliased_by.remove(&(*gone, id));
        }
        for come in new.aliases.difference(&old.aliases) {
            self.alias_of.insert((id, *come));
            self.aliased_by.insert((*come, id));
        }
    }

    /// Ids of a kind.
    pub fn of_kind(&self, kind: u16) -> impl Iterator<Item = ObjectId> + '_ {
        self.kinds
            .range((kind, LOW)..=(kind, HIGH))
            .map(|(_, id)| *id)
    }

    /// How many objects of a kind there are.
    pub fn count(&self, kind: u16) -> usize {
        self.of_kind(kind).count()
    }

    /// Objects that refer to this one, of any kind.
    pub fn referrers(&self, id: ObjectId) -> impl Iterator<Item = ObjectId> + '_ {
        self.referrers
            .range((id, LOW)..=(id, HIGH))
            .map(|(_, from)| *from)
    }

    /// Objects with this number.
    pub fn numbered(&self, kind: u16, code: &str, counter: u64) -> Vec<ObjectId> {
        let key: NumberKey = (kind, code.into(), counter);
        self.numbers
            .range((key.clone(), LOW)..=(key, HIGH))
            .map(|(_, id)| *id)
            .collect()
    }

    /// The highest counter of a device code in a kind.
    pub fn last_number(&self, kind: u16, code: &str) -> Option<u64> {
        let low: NumberKey = (kind, code.into(), 0);
        let high: NumberKey = (kind, code.into(), u64::MAX);
        self.numbers
            .range((low, LOW)..=(high, HIGH))
            .next_back()
            .map(|((_, _, counter), _)| *counter)
    }

    /// Objects with a contested field.
    pub fn contested(&self) -> impl Iterator<Item = ObjectId> + '_ {
        self.contested.iter().copied()
    }

    fn targets(&self, id: ObjectId) -> impl Iterator<Item = ObjectId> + '_ {
        self.alias_of
            .range((id, LOW)..=(id, HIGH))
            .map(|(_, to)| *to)
    }

    fn sources(&self, id: ObjectId) -> impl Iterator<Item = ObjectId> + '_ {
        self.aliased_by
            .range((id, LOW)..=(id, HIGH))
            .map(|(_, from)| *from)
    }

    pub(super) fn joined(&self, id: ObjectId) -> BTreeSet<ObjectId> {
        let mut seen = BTreeSet::from([id]);
        if self.alias_of.is_empty() {
            return seen;
        }
        let mut queue = vec![id];
        while let Some(next) = queue.pop() {
            for near in self.targets(next).chain(self.sources(next)) {
                if seen.insert(near) {
                    queue.push(near);
                }
            }
        }
        seen
    }

    pub(super) fn canonical(&self, id: ObjectId) -> ObjectId {
        let joined = self.joined(id);
        let own = joined.iter().find(|o| self.targets(**o).next().is_none());
        own.or_else(|| joined.first()).copied().unwrap_or(id)
    }

    /// Whether the object is an alias of another one.
    pub fn is_alias(&self, id: ObjectId) -> bool {
        self.canonical(id) != id
    }
}
