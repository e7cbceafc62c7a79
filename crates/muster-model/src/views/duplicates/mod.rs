//! What looks like one thing written down twice: proposed with the reasons, never joined by itself.
//!
//! Only those that share a key (two words of a name, a telephone, a square of the map with a category)
//! are compared, and in a crowd under one key only neighbours in a fixed order: the cost follows the
//! number of objects, not of pairs. What shares no key is not found.

pub mod names;
mod needs;
mod people;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use muster_log::ids::ObjectId;

pub use self::{needs::Need, people::Person};
use crate::{state::State, table::kinds};

/// In a crowd under one key each is compared with so many that follow it.
const WINDOW: usize = 24;

/// Two objects that look the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The smaller id.
    pub a: ObjectId,
    /// The larger id.
    pub b: ObjectId,
    /// How sure, per mille.
    pub score: u32,
    /// Codes of the reasons.
    pub reasons: Vec<&'static str>,
}

impl Pair {
    fn of(
        a: ObjectId,
        b: ObjectId,
        score: f64,
        least: u32,
        reasons: Vec<&'static str>,
    ) -> Option<Self> {
        // Between 0 and 1000 by the clamp.
        let score = (score.clamp(0.0, 1.0) * 1000.0).round() as u32;
        (score >= least).then_some(Self {
            a: a.min(b),
            b: a.max(b),
            score,
            reasons,
        })
    }
}

/// Something that may have been written down twice.
pub trait Candidate {
    /// Its object.
    fn id(&self) -> ObjectId;
    /// Those that share one of these are compared.
    fn keys(&self) -> Vec<String>;
    /// Its place in a crowd; like ones beside one another.
    fn order(&self) -> String;
    /// Whether two look the same.
    fn compare(&self, other: &Self) -> Option<Pair>;
}

/// The pairs among candidates, the surest first.
pub fn pairs<C: Candidate>(mut all: Vec<C>) -> Vec<Pair> {
    all.sort_by_cached_key(|c| (c.order(), c.id()));
    let mut blocks: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, one) in all.iter().enumerate() {
        for key in one.keys() {
            blocks.entry(key).or_default().push(at);
        }
    }
    let mut near: BTreeSet<(usize, usize)> = BTreeSet::new();
    for mut block in blocks.into_values() {
        block.dedup();
        for (n, a) in block.iter().enumerate() {
            let rest = block.iter().skip(n + 1).take(WINDOW);
            near.extend(rest.map(|b| (*a, *b)));
        }
    }
    let found = near.into_iter();
    let mut out: Vec<Pair> = found
        .filter_map(|(a, b)| all.get(a)?.compare(all.get(b)?))
        .collect();
    out.sort_by_key(|p| (std::cmp::Reverse(p.score), p.a, p.b));
    out
}

fn people(state: &State) -> Vec<Person> {
    let ids = live(state, kinds::VOLUNTEER);
    ids.filter_map(|id| Person::read(id, &state.object(id)?))
        .collect()
}

fn needs_of(state: &State) -> Vec<Need> {
    let ids = live(state, kinds::NEED);
    ids.filter_map(|id| Need::read(state, id, &state.object(id)?))
        .collect()
}

/// Objects of a kind that are not joined with another already.
fn live(state: &State, kind: u16) -> impl Iterator<Item = ObjectId> + '_ {
    let ids = state.of_kind(kind);
    ids.filter(|id| !state.index().is_alias(*id))
}

/// All pairs of a kind that look the same, the surest first; none for kinds that are not compared.
pub fn of_kind(state: &State, kind: u16) -> Vec<Pair> {
    match kind {
        kinds::VOLUNTEER => pairs(people(state)),
        kinds::NEED => pairs(needs_of(state)),
        _ => Vec::new(),
    }
}

/// What looks like one object, the surest first.
pub fn of_object(state: &State, id: ObjectId) -> Vec<Pair> {
    let Some(object) = state.object(id) else {
        return Vec::new();
    };
    match object.kind() {
        Some(kinds::VOLUNTEER) => against(Person::read(id, &object), people(state)),
        Some(kinds::NEED) => against(Need::read(state, id, &object), needs_of(state)),
        _ => Vec::new(),
    }
}

fn against<C: Candidate>(one: Option<C>, all: Vec<C>) -> Vec<Pair> {
    let Some(one) = one else {
        return Vec::new();
    };
    let others = all.iter().filter(|other| other.id() != one.id());
    let mut out: Vec<Pair> = others.filter_map(|other| one.compare(other)).collect();
    out.sort_by_key(|p| (std::cmp::Reverse(p.score), p.a, p.b));
    out
}
