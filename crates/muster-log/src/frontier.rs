//! What a device has of each log: the contiguous beginning, and islands beyond gaps.
//!
//! It holds hashes and no entries. A frontier's digest is the same on any two devices that have the
//! same entries, in whatever order they came. A log whose author signed two histories has branches
//! beside its first line (`branches.rs`); all others cost nothing more for it.

mod branches;

use std::{cmp::Ordering, collections::BTreeMap};

use branches::Forks;
pub use branches::{LineId, MAX_LINES, Stretch};

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
    /// What contradicts the first line.
    forks: Option<Box<Forks>>,
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
    /// From this place on it would be one branch more than are kept of a log.
    TooMany(Seq),
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
            forks: None,
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

    /// How many entries the contiguous beginning of the first line has.
    pub fn contiguous(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// How many entries are here in all, on all branches.
    pub fn count(&self) -> u64 {
        let beside = self.forks.as_ref().map_or(0, |f| f.count());
        self.contiguous() + self.beyond.len() as u64 + beside
    }

    /// `h` of the last entry of the contiguous beginning; the log's id where there is none.
    pub fn head(&self) -> EntryHash {
        self.hashes.last().copied().unwrap_or(EntryHash(self.id.0))
    }

    /// `h` at a place of the first line, if the entry is here.
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

    /// The highest place here, on any branch, whether or not there is a gap below it.
    pub fn last(&self) -> Option<Seq> {
        let beyond = self.beyond.last_key_value().map(|(seq, _)| *seq);
        let first = beyond.or(self.contiguous().checked_sub(1));
        let beside = self.forks.iter().flat_map(|f| &f.lines);
        let beside = beside.filter_map(|l| l.end().checked_sub(1)).max();
        first.max(beside).map(Seq)
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
        let (mut known, mut all) = (0, true);
        let mut lines = self.forks.as_ref().map_or(0, |f| f.lines.len());
        // The entry before went to a line beside the first one, and takes the next one with it.
        let mut beside = false;
        let mut before = run.before();
        for entry in run.entries() {
            let (seq, hash) = (entry.seq(), entry.hash());
            if self.holds(seq, &hash) {
                beside = false;
                match self.heals(entry) {
                    true => all = false,
                    false if all => known += 1,
                    false => {}
                }
            } else {
                all = false;
                if !beside && !self.continues_line(seq.0, before) {
                    beside = !self.fits_first(seq.0, before, hash);
                    lines += usize::from(beside);
                }
                if beside && lines > MAX_LINES {
                    return Fit::TooMany(seq);
                }
            }
            before = hash;
        }
        if all { Fit::Known } else { Fit::New { known } }
    }

    /// Whether an entry that is not here contradicts nothing on the first line.
    fn fits_first(&self, seq: u64, before: EntryHash, hash: EntryHash) -> bool {
        let below = match seq.cmp(&self.contiguous()) {
            Ordering::Less => return false,
            _ if self.beyond.contains_key(&seq) => return false,
            Ordering::Equal => Some(self.head()),
            Ordering::Greater => self.beyond.get(&(seq - 1)).map(|b| b.hash),
        };
        let above = seq.checked_add(1).and_then(|next| self.beyond.get(&next));
        below.is_none_or(|b| b == before) && above.is_none_or(|a| a.before == hash)
    }

    /// Whether a line beside the first one ends just before an entry.
    fn continues_line(&self, seq: u64, before: EntryHash) -> bool {
        let mut lines = self.forks.iter().flat_map(|f| &f.lines);
        lines.any(|l| l.end() == seq && l.head() == before)
    }

    /// Whether it brings parts that are missing here.
    fn heals(&self, entry: &VerifiedEntry) -> bool {
        let missing = self.missing(entry.seq(), &entry.hash());
        missing & !absent_parts(entry) != 0
    }

    /// A bit for each part that is missing of an entry here.
    fn missing(&self, seq: Seq, hash: &EntryHash) -> u8 {
        let absent = match self.hash_at(seq) {
            Some(first) if first == *hash => Some(&self.absent),
            _ => {
                let mut lines = self.forks.iter().flat_map(|f| &f.lines);
                let line = lines.find(|l| l.hash_at(seq.0).is_some_and(|h| h == *hash));
                line.map(|l| &l.absent)
            }
        };
        absent.and_then(|a| a.get(&seq.0)).copied().unwrap_or(0)
    }

    /// Entries of the first line of which parts are missing, with a bit for each missing part.
    pub fn absent(&self) -> impl Iterator<Item = (Seq, u8)> {
        self.absent.iter().map(|(seq, parts)| (Seq(*seq), *parts))
    }

    /// The parts that are missing of the entry at a place, a bit for each, and of a forked log of
    /// every entry there; nothing where none is here.
    pub fn absent_at(&self, seq: Seq) -> Option<u8> {
        let missing = |absent: &BTreeMap<u64, u8>| absent.get(&seq.0).copied().unwrap_or(0);
        let first = self.hash_at(seq).map(|_| missing(&self.absent));
        let lines = self.forks.iter().flat_map(|f| &f.lines);
        let beside = lines.filter(|l| l.hash_at(seq.0).is_some());
        let beside = beside.map(|l| missing(&l.absent));
        first.into_iter().chain(beside).reduce(|a, b| a & b)
    }

    /// Parts of the entries at a place were destroyed.
    pub(crate) fn lose(&mut self, seq: Seq, parts: u8) {
        if parts == 0 {
            return;
        }
        if self.hash_at(seq).is_some() {
            *self.absent.entry(seq.0).or_default() |= parts;
        }
        for line in self.forks.iter_mut().flat_map(|f| &mut f.lines) {
            if line.hash_at(seq.0).is_some() {
                *line.absent.entry(seq.0).or_default() |= parts;
            }
        }
    }

    /// Takes in a run that fits. Returns how many of its entries were not here before.
    pub fn take(&mut self, run: &VerifiedRun) -> u64 {
        let count = self.count();
        let mut before = run.before();
        for entry in run.entries() {
            self.take_entry(entry, before);
            before = entry.hash();
        }
        while let Some(next) = self.beyond.get(&self.contiguous()).copied() {
            if next.before != self.head() {
                break;
            }
            self.beyond.remove(&self.contiguous());
            self.hashes.push(next.hash);
        }
        if let Some(forks) = &mut self.forks {
            forks.join();
            let at = self.first_difference();
            if let Some(forks) = &mut self.forks {
                forks.at = at;
            }
        }
        self.count() - count
    }

    fn take_entry(&mut self, entry: &VerifiedEntry, before: EntryHash) {
        let (seq, hash) = (entry.seq().0, entry.hash());
        let here = self.holds(entry.seq(), &hash);
        let missing = match here {
            true => self.missing(entry.seq(), &hash),
            false => u8::MAX,
        } & absent_parts(entry);
        let first = match here {
            true => self.hash_at(entry.seq()) == Some(hash),
            false => !self.continues_line(seq, before) && self.fits_first(seq, before, hash),
        };
        if !first {
            let forks = self.forks.get_or_insert_default();
            if !here {
                return forks.add(seq, before, hash, missing);
            }
            let holds = |l: &&mut branches::Line| l.hash_at(seq) == Some(hash);
            if let Some(line) = forks.lines.iter_mut().find(holds) {
                note_absent(&mut line.absent, seq, missing);
            }
            return;
        }
        note_absent(&mut self.absent, seq, missing);
        if here {
            return;
        }
        // Nearly always: no gap, and no detour over the map.
        if seq == self.contiguous() {
            self.hashes.push(hash);
        } else {
            self.beyond.insert(seq, Beyond { before, hash });
        }
    }
}

fn note_absent(absent: &mut BTreeMap<u64, u8>, seq: u64, missing: u8) {
    if missing == 0 {
        absent.remove(&seq);
    } else {
        absent.insert(seq, missing);
    }
}

/// A bit for each part of an entry that is not there.
fn absent_parts(entry: &VerifiedEntry) -> u8 {
    let parts = entry.parts().iter().enumerate();
    parts
        .filter(|(_, body)| matches!(body, PartBody::Absent))
        .fold(0, |bits, (at, _)| bits | 1 << at)
}

/// Stands where an unforked log has its number of entries: no log has so many.
const FORKED: u64 = u64::MAX;

/// Digest over logs' heads, islands and missing parts, and of a forked log over each branch; give
/// them in the order of their ids. Parts that are erased are missing for nobody, whether they are
/// still here or not.
pub fn digest<'a>(logs: impl Iterator<Item = &'a LogHeads>, erased: &Erased) -> [u8; 32] {
    let mut bytes = Vec::new();
    for log in logs.filter(|l| l.count() > 0) {
        if log.is_forked() {
            append_branches(&mut bytes, log, erased);
            continue;
        }
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

fn append_branches(bytes: &mut Vec<u8>, log: &LogHeads, erased: &Erased) {
    let leaves = log.leaves();
    codec::append(bytes, &(log.id, FORKED, leaves.len() as u64));
    leaves.iter().for_each(|leaf| codec::append(bytes, leaf));
    let mut absent = log.absent_on_branches();
    absent.retain_mut(|(seq, _, bits)| {
        *bits &= !erased.parts(&log.id, *seq);
        *bits != 0
    });
    codec::append(bytes, &(absent.len() as u64));
    absent.iter().for_each(|a| codec::append(bytes, a));
}
