//! The branches of a log whose author signed two histories: entries that do not fit the first line,
//! and the questions that only a forked log asks.
//!
//! A log's entries are a tree, because each names the one before it by its hash. It is kept as
//! *lines*: the first one (whatever came first, with its gaps), and others beside it, each a stretch
//! of consecutive entries. Which entry lies on which line depends on the order of arrival and is
//! nobody else's business: what is told outside (leaves, the digest, the place of the fork, who
//! descends from whom) is the same on any two devices that hold the same entries.

use std::collections::BTreeMap;

use super::{Island, LogHeads};
use crate::ids::{EntryHash, LogId, Seq};

/// Most lines kept beside the first one of a log; what would need another one is refused.
pub const MAX_LINES: usize = 15;

/// Names a line, as long as its first entry stays: by that entry's hash, or by the log's id for the
/// first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId(pub(crate) EntryHash);

impl LineId {
    /// The first line of a log.
    pub fn first(log: LogId) -> Self {
        Self(EntryHash(log.0))
    }

    /// Lower-case hex.
    pub fn hex(&self) -> String {
        self.0.hex()
    }

    /// Reads [`Self::hex`].
    pub fn from_hex(text: &str) -> Option<Self> {
        EntryHash::from_hex(text).map(Self)
    }
}

/// Consecutive entries of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Which line.
    pub line: LineId,
    /// First place.
    pub from: Seq,
    /// Last place.
    pub to: Seq,
    /// `h(from - 1)`.
    pub before: EntryHash,
    /// `h(to)`.
    pub head: EntryHash,
}

impl Stretch {
    fn holds(&self, seq: Seq) -> bool {
        (self.from..=self.to).contains(&seq)
    }

    /// The lowest place of which it knows the hash.
    fn lowest(&self) -> u64 {
        self.from.0.saturating_sub(1)
    }
}

/// A line beside the first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub from: u64,
    pub before: EntryHash,
    /// Never empty.
    pub hashes: Vec<EntryHash>,
    /// As in [`LogHeads`].
    pub absent: BTreeMap<u64, u8>,
}

impl Line {
    fn id(&self) -> LineId {
        LineId(self.hashes.first().copied().unwrap_or(self.before))
    }

    pub fn end(&self) -> u64 {
        self.from.saturating_add(self.hashes.len() as u64)
    }

    pub fn head(&self) -> EntryHash {
        self.hashes.last().copied().unwrap_or(self.before)
    }

    pub fn hash_at(&self, seq: u64) -> Option<EntryHash> {
        let at = usize::try_from(seq.checked_sub(self.from)?).ok()?;
        self.hashes.get(at).copied()
    }

    fn stretch(&self) -> Stretch {
        Stretch {
            line: self.id(),
            from: Seq(self.from),
            to: Seq(self.end().saturating_sub(1)),
            before: self.before,
            head: self.head(),
        }
    }
}

/// What is here of a log beside its first line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Forks {
    pub lines: Vec<Line>,
    /// The lowest place at which two histories are seen to differ.
    pub at: u64,
}

impl Forks {
    pub fn count(&self) -> u64 {
        self.lines.iter().map(|l| l.hashes.len() as u64).sum()
    }

    /// Takes in an entry that is not here and does not fit the first line.
    pub fn add(&mut self, seq: u64, before: EntryHash, hash: EntryHash, absent: u8) {
        let ends = |l: &&mut Line| l.end() == seq && l.head() == before;
        match self.lines.iter_mut().find(ends) {
            Some(line) => {
                line.hashes.push(hash);
                if absent != 0 {
                    line.absent.insert(seq, absent);
                }
            }
            None => self.lines.push(Line {
                from: seq,
                before,
                hashes: vec![hash],
                absent: (absent != 0).then_some((seq, absent)).into_iter().collect(),
            }),
        }
    }

    /// Appends lines to those that they continue.
    pub fn join(&mut self) {
        let next = |lines: &[Line]| {
            lines.iter().enumerate().find_map(|(at, line)| {
                let continues = |l: &Line| l.from == line.end() && l.before == line.head();
                Some((at, lines.iter().position(continues)?))
            })
        };
        while let Some((at, tail)) = next(&self.lines) {
            let tail = self.lines.remove(tail);
            // The removal may have moved it.
            let head = self.lines.iter_mut().take(at + 1).rev();
            let mut head = head.filter(|l| l.end() == tail.from && l.head() == tail.before);
            if let Some(line) = head.next() {
                line.hashes.extend(tail.hashes);
                line.absent.extend(tail.absent);
            }
        }
    }
}

impl LogHeads {
    /// Whether its author signed two histories, by what is here.
    pub fn is_forked(&self) -> bool {
        self.forks.is_some()
    }

    /// The lowest place at which two histories are seen to differ, by the entries here and the
    /// hashes that they name.
    pub fn forked_at(&self) -> Option<Seq> {
        self.forks.as_ref().map(|f| Seq(f.at))
    }

    /// Whether this very entry is here, on whichever branch.
    pub fn holds(&self, seq: Seq, hash: &EntryHash) -> bool {
        self.hash_at(seq).is_some_and(|h| h == *hash) || self.beside(seq, hash).is_some()
    }

    fn beside(&self, seq: Seq, hash: &EntryHash) -> Option<&Line> {
        let mut lines = self.forks.iter().flat_map(|f| &f.lines);
        lines.find(|l| l.hash_at(seq.0).is_some_and(|h| h == *hash))
    }

    /// The line on which an entry lies.
    pub fn line_of(&self, seq: Seq, hash: &EntryHash) -> Option<LineId> {
        match self.hash_at(seq) {
            Some(here) if here == *hash => Some(LineId::first(self.id)),
            _ => self.beside(seq, hash).map(Line::id),
        }
    }

    /// `h` at a place of a line.
    pub fn hash_on(&self, line: LineId, seq: Seq) -> Option<EntryHash> {
        if line == LineId::first(self.id) {
            return self.hash_at(seq);
        }
        let mut lines = self.forks.iter().flat_map(|f| &f.lines);
        lines.find(|l| l.id() == line)?.hash_at(seq.0)
    }

    /// `h` just before an entry here, on whichever branch.
    pub fn before_of(&self, seq: Seq, hash: &EntryHash) -> Option<EntryHash> {
        match self.hash_at(seq) {
            Some(here) if here == *hash => self.before(seq),
            _ => match self.beside(seq, hash)? {
                line if line.from == seq.0 => Some(line.before),
                line => line.hash_at(seq.0.checked_sub(1)?),
            },
        }
    }

    /// All that is here, line by line, the first one first.
    pub fn stretches(&self) -> Vec<Stretch> {
        let first = LineId::first(self.id);
        let mut out = Vec::new();
        if let Some(last) = self.contiguous().checked_sub(1) {
            out.push(Stretch {
                line: first,
                from: Seq(0),
                to: Seq(last),
                before: EntryHash(self.id.0),
                head: self.head(),
            });
        }
        out.extend(self.islands().into_iter().map(|island| Stretch {
            line: first,
            from: island.from,
            to: island.to,
            before: island.before,
            head: island.head,
        }));
        out.extend(
            self.forks
                .iter()
                .flat_map(|f| &f.lines)
                .map(|l| l.stretch()),
        );
        out
    }

    /// The chain that leads to an entry, from it downwards, as far as it is here; the last place of
    /// each piece is where the chain leaves it. Empty where the entry is not here.
    pub fn path(&self, seq: Seq, hash: &EntryHash) -> Vec<Stretch> {
        let all = self.stretches();
        let (mut seq, mut hash, mut out) = (seq, *hash, Vec::new());
        loop {
            let on = |s: &&Stretch| s.holds(seq) && self.hash_on(s.line, seq) == Some(hash);
            let Some(piece) = all.iter().find(on) else {
                return out;
            };
            out.push(Stretch {
                to: seq,
                head: hash,
                ..*piece
            });
            let Some(below) = piece.from.0.checked_sub(1) else {
                return out;
            };
            (seq, hash) = (Seq(below), piece.before);
        }
    }

    /// Whether the chain that leads to an entry here goes through this place and hash.
    pub fn descends(&self, head: (Seq, &EntryHash), from: (Seq, &EntryHash)) -> bool {
        let path = self.path(head.0, head.1);
        let piece = path.iter().find(|piece| piece.holds(from.0));
        piece.is_some_and(|p| self.hash_on(p.line, from.0) == Some(*from.1))
    }

    /// The ends of all branches, each with how far down its chain is here; ordered, and the same
    /// wherever the same entries are.
    pub fn leaves(&self) -> Vec<Island> {
        let all = self.stretches();
        let continued = |s: &Stretch| {
            let next = s.to.0.checked_add(1).map(Seq);
            all.iter()
                .any(|t| Some(t.from) == next && t.before == s.head)
        };
        let ends = all.iter().filter(|s| !continued(s));
        let mut leaves: Vec<Island> = ends
            .filter_map(|s| {
                let root = self.path(s.to, &s.head).pop()?;
                Some(Island {
                    from: root.from,
                    to: s.to,
                    before: root.before,
                    head: s.head,
                })
            })
            .collect();
        leaves.sort_by_key(|l| (l.from, l.to, l.head));
        leaves
    }

    /// Entries of which parts are missing, on whichever branch, ordered.
    pub(super) fn absent_on_branches(&self) -> Vec<(Seq, EntryHash, u8)> {
        let first = self.absent().filter_map(|(seq, parts)| {
            let hash = self.hash_at(seq)?;
            Some((seq, hash, parts))
        });
        let lines = self.forks.iter().flat_map(|f| &f.lines);
        let beside = lines.flat_map(|l| {
            let absent = l.absent.iter();
            absent.filter_map(|(seq, parts)| Some((Seq(*seq), l.hash_at(*seq)?, *parts)))
        });
        let mut out: Vec<_> = first.chain(beside).collect();
        out.sort();
        out
    }

    /// The lowest place at which two hashes are known.
    pub(super) fn first_difference(&self) -> u64 {
        let all = self.stretches();
        let beside = all.iter().filter(|s| s.line != LineId::first(self.id));
        let pairs = beside.flat_map(|line| all.iter().map(move |other| (line, other)));
        pairs
            .filter_map(|(one, other)| self.differ_at(one, other))
            .min()
            .unwrap_or(0)
    }

    /// The lowest place at which two stretches are known to differ: from there on they always do.
    fn differ_at(&self, one: &Stretch, other: &Stretch) -> Option<u64> {
        let known = |s: &Stretch, place: u64| match place < s.from.0 {
            true => Some(s.before),
            false => self.hash_on(s.line, Seq(place)),
        };
        let differ = |place: u64| known(one, place) != known(other, place);
        let mut low = one.lowest().max(other.lowest());
        let mut high = one.to.0.min(other.to.0);
        if low > high || !differ(high) {
            return None;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            match differ(middle) {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        Some(low)
    }
}
