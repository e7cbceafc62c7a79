//! What a device has of each log: the contiguous beginning, and islands beyond gaps.
//!
//! It holds hashes and no entries. A frontier's digest is the same on any two devices that have the
//! same entries, in whatever order they came.

use std::collections::BTreeMap;

use crate::{
    chain::VerifiedRun,
    codec,
    entry::{LogKey, PartBody, VerifiedEntry},
    erased::Erased,
    hash,
    ids::{EntryHash, IncidentId, LogId, Seq},
};

/// An entry beyond a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Beyond {
    before: EntryHash,
    hash: EntryHash,
}

/// What is here of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHeads {
    key: LogKey,
    id: LogId,
    hashes: Vec<EntryHash>,
    beyond: BTreeMap<u64, Beyond>,
    /// Entries of which parts are missing, with a bit for each missing part.
    absent: BTreeMap<u64, u8>,
}

/// A stretch of entries beyond a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, codec::Encode, codec::Decode)]
pub struct Island {
    /// First place.
    pub from: Seq,
    /// Last place.
    pub to: Seq,
    /// `h(from - 1)`, which the gap's filling must reach.
    pub before: EntryHash,
    /// `h(to)`.
    pub head: EntryHash,
}

/// How a verified run relates to what is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Its first `known` entries are here; of the others some are new, or bring missing parts.
    New {
        /// How many leading entries are here already.
        known: usize,
    },
    /// All of it is here.
    Known,
    /// It contradicts what is here at this place: its author signed two histories.
    Fork(Seq),
}

impl LogHeads {
    /// Nothing yet.
    pub fn new(incident: &IncidentId, key: LogKey) -> Self {
        Self {
            key,
            id: key.id(incident),
            hashes: Vec::new(),
            beyond: BTreeMap::new(),
            absent: BTreeMap::new(),
        }
    }

    /// Which log.
    pub fn key(&self) -> &LogKey {
        &self.key
    }

    /// The log's id.
    pub fn id(&self) -> LogId {
        self.id
    }

    /// How many entries the contiguous beginning has.
    pub fn contiguous(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// How many entries are here in all.
    pub fn count(&self) -> u64 {
        self.contiguous() + self.beyond.len() as u64
    }

    /// `h` of the last entry of the contiguous beginning; the log's id where there is none.
    pub fn head(&self) -> EntryHash {
        self.hashes.last().copied().unwrap_or(EntryHash(self.id.0))
    }

    /// `h` at a place, if the entry is here.
    pub fn hash_at(&self, seq: Seq) -> Option<EntryHash> {
        let at = usize::try_from(seq.0).ok()?;
        self.hashes
            .get(at)
            .copied()
            .or_else(|| self.beyond.get(&seq.0).map(|b| b.hash))
    }

    /// `h` just before a place, if it is known.
    pub fn before(&self, seq: Seq) -> Option<EntryHash> {
        match seq.0.checked_sub(1) {
            None => Some(EntryHash(self.id.0)),
            Some(previous) => self
                .hash_at(Seq(previous))
                .or_else(|| self.beyond.get(&seq.0).map(|b| b.before)),
        }
    }

    /// The highest place here, whether or not there is a gap below it.
    pub fn last(&self) -> Option<Seq> {
        let beyond = self.beyond.last_key_value().map(|(seq, _)| *seq);
        beyond.or(self.contiguous().checked_sub(1)).map(Seq)
    }

    /// The stretches beyond gaps, in order.
    pub fn islands(&self) -> Vec<Island> {
        let mut out: Vec<Island> = Vec::new();
        for (seq, beyond) in &self.beyond {
            match out.last_mut() {
                Some(last) if last.to.0 + 1 == *seq && last.head == beyond.before => {
                    last.to = Seq(*seq);
                    last.head = beyond.hash;
                }
                _ => out.push(Island {
                    from: Seq(*seq),
                    to: Seq(*seq),
                    before: beyond.before,
                    head: beyond.hash,
                }),
            }
        }
        out
    }

    /// Compares a verified run with what is here; changes nothing.
    pub fn fit(&self, run: &VerifiedRun) -> Fit {
        let first = run.first();
        // The entry below the run, and the one above it, must join where they are known.
        if let Some(below) = first.0.checked_sub(1).and_then(|s| self.hash_at(Seq(s)))
            && below != run.before()
        {
            return Fit::Fork(Seq(first.0 - 1));
        }
        if let Some(above) = run.last().next().and_then(|s| self.beyond.get(&s.0))
            && above.before != run.head()
        {
            return Fit::Fork(run.last());
        }
        let mut known = 0;
        let mut all = true;
        for entry in run.entries() {
            match self.hash_at(entry.seq()) {
                Some(hash) if hash != entry.hash() => return Fit::Fork(entry.seq()),
                Some(_) if self.heals(entry) => all = false,
                Some(_) if all => known += 1,
                Some(_) => {}
                None => all = false,
            }
        }
        if all { Fit::Known } else { Fit::New { known } }
    }

    /// Whether it brings parts that are missing here.
    fn heals(&self, entry: &VerifiedEntry) -> bool {
        let missing = self.absent.get(&entry.seq().0);
        missing.is_some_and(|missing| missing & !absent_parts(entry) != 0)
    }

    /// Entries of which parts are missing, with a bit for each missing part.
    pub fn absent(&self) -> impl Iterator<Item = (Seq, u8)> {
        self.absent.iter().map(|(seq, parts)| (Seq(*seq), *parts))
    }

    /// The parts of an entry that are missing, a bit for each; nothing where the entry is not here.
    pub fn absent_at(&self, seq: Seq) -> Option<u8> {
        let missing = || self.absent.get(&seq.0).copied().unwrap_or(0);
        self.hash_at(seq).map(|_| missing())
    }

    /// Parts of an entry that is here were destroyed.
    pub(crate) fn lose(&mut self, seq: Seq, parts: u8) {
        if parts != 0 && self.hash_at(seq).is_some() {
            *self.absent.entry(seq.0).or_default() |= parts;
        }
    }

    /// Takes in a run that fits. Returns how many of its entries were not here before.
    pub fn take(&mut self, run: &VerifiedRun) -> u64 {
        let count = self.count();
        let mut before = run.before();
        for entry in run.entries() {
            let seq = entry.seq().0;
            let missing = match self.hash_at(entry.seq()) {
                Some(_) => self.absent.get(&seq).copied().unwrap_or(0),
                None => u8::MAX,
            } & absent_parts(entry);
            if missing == 0 {
                self.absent.remove(&seq);
            } else {
                self.absent.insert(seq, missing);
            }
            if seq == self.contiguous() && before == self.head() {
                // Nearly always: no gap, and no detour over the map.
                self.beyond.remove(&seq);
                self.hashes.push(entry.hash());
            } else if seq >= self.contiguous() {
                self.beyond.insert(
                    seq,
                    Beyond {
                        before,
                        hash: entry.hash(),
                    },
                );
            }
            before = entry.hash();
        }
        while let Some(next) = self.beyond.get(&self.contiguous()).copied() {
            if next.before != self.head() {
                break;
            }
            self.beyond.remove(&self.contiguous());
            self.hashes.push(next.hash);
        }
        self.count() - count
    }
}

/// A bit for each part of an entry that is not there.
fn absent_parts(entry: &VerifiedEntry) -> u8 {
    let parts = entry.parts().iter().enumerate();
    parts
        .filter(|(_, body)| matches!(body, PartBody::Absent))
        .fold(0, |bits, (at, _)| bits | 1 << at)
}

/// Digest over logs' heads, islands and missing parts; give them in the order of their ids. Parts
/// that are erased are missing for nobody, whether they are still here or not.
pub fn digest<'a>(logs: impl Iterator<Item = &'a LogHeads>, erased: &Erased) -> [u8; 32] {
    let mut bytes = Vec::new();
    for log in logs.filter(|l| l.count() > 0) {
        codec::append(&mut bytes, &(log.id, log.contiguous(), log.head()));
        let islands = log.islands();
        codec::append(&mut bytes, &(islands.len() as u64));
        islands
            .iter()
            .for_each(|island| codec::append(&mut bytes, island));
        let absent = erased.leave(&log.id, log.absent());
        codec::append(&mut bytes, &(absent.len() as u64));
        absent.iter().for_each(|a| codec::append(&mut bytes, a));
    }
    hash::frontier(&bytes)
}
