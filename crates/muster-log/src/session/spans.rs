//! Which places of a log somebody has: a short list of stretches, and of a forked log one for each
//! line.

use std::collections::BTreeMap;

use crate::{
    frontier::{LineId, LogHeads},
    ids::{EntryHash, Seq},
};

/// More stretches than this are forgotten from the end: they are sent once more, and nothing else.
const MAX_SPANS: usize = 64;

/// What somebody has of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Had {
    /// Of its first line, as it is here.
    pub first: Spans,
    /// Of the lines beside it.
    pub beside: BTreeMap<LineId, Spans>,
}

impl Had {
    /// What is here.
    pub(super) fn of(log: &LogHeads) -> Self {
        let mut out = Self {
            first: Spans::of(log),
            beside: BTreeMap::new(),
        };
        if log.is_forked() {
            let first = LineId::first(log.id());
            for piece in log.stretches().iter().filter(|p| p.line != first) {
                out.add(log, piece.line, piece.from.0, piece.to.0.saturating_add(1));
            }
        }
        out
    }

    /// Adds `from..to` of a line.
    pub(super) fn add(&mut self, log: &LogHeads, line: LineId, from: u64, to: u64) {
        match line == LineId::first(log.id()) {
            true => self.first.add(from, to),
            false => self.beside.entry(line).or_default().add(from, to),
        }
    }

    /// Adds an entry that is here and all that leads to it, down to a place.
    pub(super) fn add_path(&mut self, log: &LogHeads, from: Seq, head: (Seq, &EntryHash)) {
        for piece in log.path(head.0, head.1) {
            let from = piece.from.max(from);
            self.add(log, piece.line, from.0, piece.to.0.saturating_add(1));
        }
    }

    /// Whether it holds one place of a line.
    pub(super) fn has(&self, log: &LogHeads, line: LineId, seq: u64) -> bool {
        let spans = match line == LineId::first(log.id()) {
            true => Some(&self.first),
            false => self.beside.get(&line),
        };
        spans.is_some_and(|s| s.covers(seq, seq.saturating_add(1)))
    }

    /// The first stretch of a line here that is not in it.
    pub(super) fn lacks(&self, log: &LogHeads) -> Option<(LineId, u64, u64)> {
        let first = LineId::first(log.id());
        if let Some((from, to)) = self.first.lacks(&Spans::of(log)) {
            return Some((first, from, to));
        }
        if !log.is_forked() {
            return None;
        }
        let nothing = Spans::default();
        let beside = log.stretches().into_iter().filter(|p| p.line != first);
        beside
            .filter_map(|piece| {
                let mut here = Spans::default();
                here.add(piece.from.0, piece.to.0.saturating_add(1));
                let has = self.beside.get(&piece.line).unwrap_or(&nothing);
                let (from, to) = has.lacks(&here)?;
                Some((piece.line, from, to))
            })
            .next()
    }
}

/// Stretches `from..to` in order, apart from one another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spans(Vec<(u64, u64)>);

impl Spans {
    /// What is here of a log's first line.
    pub(super) fn of(log: &LogHeads) -> Self {
        let mut out = Self::default();
        out.add(0, log.contiguous());
        for island in log.islands() {
            out.add(island.from.0, island.to.0.saturating_add(1));
        }
        out
    }

    /// Adds `from..to`.
    pub(super) fn add(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        let (mut from, mut to) = (from, to);
        let start = self.0.partition_point(|(_, end)| *end < from);
        let end = self.0.partition_point(|(begin, _)| *begin <= to);
        for (begin, finish) in self.0.drain(start..end.max(start)) {
            from = from.min(begin);
            to = to.max(finish);
        }
        self.0.insert(start, (from, to));
        self.0.truncate(MAX_SPANS);
    }

    /// Takes `from..to` out.
    pub(super) fn remove(&mut self, from: u64, to: u64) {
        let old = std::mem::take(self);
        for (begin, end) in old.0 {
            self.add(begin, end.min(from));
            self.add(begin.max(to), end);
        }
    }

    /// Whether all of `from..to` is in it.
    pub(super) fn covers(&self, from: u64, to: u64) -> bool {
        from >= to || self.0.iter().any(|(b, e)| *b <= from && to <= *e)
    }

    /// The first stretch of `of` that is not in `self`.
    pub(super) fn lacks(&self, of: &Self) -> Option<(u64, u64)> {
        of.0.iter().find_map(|(from, to)| {
            let mut at = *from;
            for (begin, end) in &self.0 {
                if *begin <= at && at < *end {
                    at = *end;
                }
            }
            let next = self.0.iter().map(|(b, _)| *b).find(|b| *b > at);
            (at < *to).then(|| (at, next.unwrap_or(*to).min(*to)))
        })
    }

    /// How many places it covers.
    pub(super) fn len(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |n: u64, (b, e)| n.saturating_add(e - b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(list: &[(u64, u64)]) -> Spans {
        let mut out = Spans::default();
        list.iter().for_each(|(a, b)| out.add(*a, *b));
        out
    }

    #[test]
    fn stretches_join_and_the_first_lack_is_found() {
        assert_eq!(spans(&[(0, 3), (5, 7), (3, 5)]), spans(&[(0, 7)]));
        assert_eq!(spans(&[(5, 7), (0, 2), (1, 9)]), spans(&[(0, 9)]));
        let has = spans(&[(0, 3), (5, 7)]);
        assert_eq!(has.lacks(&spans(&[(0, 9)])), Some((3, 5)));
        assert_eq!(has.lacks(&spans(&[(0, 3), (6, 7)])), None);
        assert_eq!(has.lacks(&spans(&[(6, 9)])), Some((7, 9)));
        assert!(has.covers(5, 7) && !has.covers(2, 6) && has.covers(4, 4));
        let mut cut = spans(&[(0, 10)]);
        cut.remove(3, 5);
        assert_eq!(cut, spans(&[(0, 3), (5, 10)]));
        assert_eq!(cut.len(), 8);
    }
}
