//! Logs of which two sides hold different histories: where do they part?
//!
//! Heads do not tell. Each side then names places of its chains with their hashes, ever farther
//! apart from the end down; the highest one that the other side has, it has with all below. What is
//! sent for nothing is never more than what lies above the parting.

use crate::{
    book::Book,
    codec::Bounded,
    frontier::{Island, LogHeads},
    ids::{EntryHash, LogId, Seq},
};

use super::{
    Effect,
    frame::{Chain, Frame, Head, POINTS, TRAILS, Trail},
    open::{Open, send},
};

impl Open {
    /// Takes a peer's head of a log whose histories differ, on either side or between the two.
    pub(super) fn tangled_head(
        &mut self,
        book: &Book,
        log: &LogHeads,
        head: &Head,
        fx: &mut Vec<Effect>,
    ) {
        self.outbox.tangle(log.id());
        let contiguous = head.count.checked_sub(1).map(|to| Island {
            from: Seq(0),
            to: Seq(to),
            before: EntryHash(log.id().0),
            head: head.head,
        });
        let mut all = contiguous.iter().chain(&head.islands);
        // All of the ends that are named must be here, or it is not known what the peer lacks.
        let mut unknown = false;
        for end in &mut all {
            match log.holds(end.to, &end.head) {
                true => self.outbox.marks(log, end.from, (end.to, &end.head)),
                false => unknown = true,
            }
        }
        if unknown {
            self.ask_trail(book, log.id(), fx);
        } else {
            self.outbox.trail_heard(log.id());
        }
    }

    /// Asks which way the peer's chains of a log go, once a round.
    pub(super) fn ask_trail(&mut self, book: &Book, log: LogId, fx: &mut Vec<Effect>) {
        self.outbox.tangle(log);
        if let Some(log) = book.log(&log)
            && self.outbox.asks_trail(log.id())
        {
            send(fx, &Frame::Trail(trail(log, false)));
        }
    }

    /// Which way the peer's chains go.
    pub(super) fn trail_came(&mut self, book: &Book, trail_in: &Trail, fx: &mut Vec<Effect>) {
        let Some(log) = book.log(&trail_in.log) else {
            return;
        };
        self.outbox.tangle(log.id());
        for chain in &trail_in.chains {
            let mut points = chain.points.iter();
            if let Some((seq, hash)) = points.find(|(seq, hash)| log.holds(*seq, hash)) {
                self.outbox.marks(log, chain.from, (*seq, hash));
            }
            let ahead = chain.points.iter().any(|(seq, h)| !log.holds(*seq, h));
            if ahead && log.key().device == self.me {
                self.own_ahead(*log.key(), fx);
            }
        }
        self.outbox.trail_heard(log.id());
        if !trail_in.answer {
            send(fx, &Frame::Trail(trail(log, true)));
        }
        self.outbox.queue(book, log);
    }
}

fn trail(log: &LogHeads, answer: bool) -> Trail {
    let mut leaves = log.leaves();
    // Those that begin lowest come first, and longest last: where all do not fit, the rest is sent
    // for nothing.
    leaves.truncate(TRAILS);
    let chains: Vec<_> = leaves.iter().map(|leaf| chain(log, leaf)).collect();
    Trail {
        log: log.id(),
        answer,
        chains: Bounded::try_from(chains).unwrap_or_default(),
    }
}

fn chain(log: &LogHeads, leaf: &Island) -> Chain {
    let path = log.path(leaf.to, &leaf.head);
    let mut points = Vec::new();
    let (mut at, mut step) = (leaf.to.0, 1);
    loop {
        let piece = path.iter().find(|p| (p.from.0..=p.to.0).contains(&at));
        let hash = piece.and_then(|p| log.hash_on(p.line, Seq(at)));
        points.extend(hash.map(|h| (Seq(at), h)));
        if at <= leaf.from.0 || points.len() >= POINTS {
            break;
        }
        at = at.saturating_sub(step).max(leaf.from.0);
        step *= 2;
    }
    Chain {
        from: leaf.from,
        points: Bounded::try_from(points).unwrap_or_default(),
    }
}
