//! Where in the journal each log's runs lie. It lives in memory and is rebuilt at every start.

use std::collections::BTreeMap;

use muster_log::{
    chain::{MAX_RUN, VerifiedRun},
    entry::PartBody,
    ids::{LogId, Seq},
};
use muster_store::Position;

#[derive(Debug, Clone, Copy)]
struct Stored {
    first: u64,
    position: Position,
    /// The beginning of the hash of its last entry: of a forked log, runs of two branches may lie at
    /// the same places.
    check: u32,
    count: u16,
    /// Every part is there: such a copy is read rather than one with gaps.
    whole: bool,
}

/// Runs by log, first place and length. Runs may overlap: one that filled a gap may repeat what lay
/// beyond it. A sorted list: local writes give one run an entry, and a tree would take three times
/// the memory.
#[derive(Debug, Default)]
pub struct Places {
    logs: BTreeMap<LogId, Vec<Stored>>,
    /// Copies of a run of which a better one came later: nobody reads them, and what is erased must
    /// be found in them too. Rare.
    shadowed: Vec<(LogId, Stored)>,
}

impl Places {
    /// Notes where a run was stored.
    pub fn note(&mut self, run: &VerifiedRun, position: Position) {
        let mut parts = run.entries().iter().flat_map(|e| e.parts());
        let stored = Stored {
            first: run.first().0,
            position,
            check: check(run),
            count: u16::try_from(run.entries().len()).unwrap_or(u16::MAX),
            whole: !parts.any(|p| matches!(p, PartBody::Absent)),
        };
        let runs = self.logs.entry(run.id()).or_default();
        let key = stored.key();
        // Nearly always behind the last one.
        let at = match runs.last() {
            Some(last) if last.key() >= key => runs.partition_point(|r| r.key() < key),
            _ => runs.len(),
        };
        match runs.get_mut(at) {
            Some(known) if known.key() == key => {
                let worse = match stored.whole || !known.whole {
                    true => std::mem::replace(known, stored),
                    false => stored,
                };
                self.shadowed.push((run.id(), worse));
            }
            _ => runs.insert(at, stored),
        }
    }

    /// Gives back memory that growing left over.
    pub fn shrink(&mut self) {
        self.logs.values_mut().for_each(Vec::shrink_to_fit);
    }

    /// All stored runs that hold an entry.
    pub fn covering(&self, log: &LogId, seq: Seq) -> impl Iterator<Item = Position> + '_ {
        let runs = self.logs.get(log).map_or(&[][..], Vec::as_slice);
        let lowest = seq.0.saturating_sub(MAX_RUN as u64 - 1);
        let end = runs.partition_point(|r| r.first <= seq.0);
        let near = runs.iter().take(end).rev();
        let near = near.take_while(move |r| r.first >= lowest);
        let log = *log;
        let shadowed = self.shadowed.iter().filter(move |(of, _)| *of == log);
        near.chain(shadowed.map(|(_, stored)| stored))
            .filter(move |r| (r.first..r.first + u64::from(r.count)).contains(&seq.0))
            .map(|r| r.position)
    }

    /// Runs were written anew elsewhere.
    pub fn moved(&mut self, to: &BTreeMap<Position, Position>) {
        let shadowed = self.shadowed.iter_mut().map(|(_, stored)| stored);
        for stored in self.logs.values_mut().flatten().chain(shadowed) {
            if let Some(to) = to.get(&stored.position) {
                stored.position = *to;
            }
        }
    }

    /// The stored runs that hold a place, whole ones first. More than one where runs overlap.
    pub fn find(&self, log: &LogId, seq: Seq) -> impl Iterator<Item = Position> {
        let runs = self.logs.get(log).map_or(&[][..], Vec::as_slice);
        let lowest = seq.0.saturating_sub(MAX_RUN as u64 - 1);
        let end = runs.partition_point(|r| r.first <= seq.0);
        let covering = move |whole: bool| {
            let below = runs.iter().take(end).rev();
            below
                .take_while(move |r| r.first >= lowest)
                .filter(move |r| seq.0 - r.first < u64::from(r.count) && r.whole == whole)
                .map(|r| r.position)
        };
        covering(true).chain(covering(false))
    }
}

impl Stored {
    fn key(&self) -> (u64, u16, u32) {
        (self.first, self.count, self.check)
    }
}

fn check(run: &VerifiedRun) -> u32 {
    let [a, b, c, d, ..] = run.head().0;
    u32::from_be_bytes([a, b, c, d])
}
