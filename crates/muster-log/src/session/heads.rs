//! What each side has of each log: told by the one, compared with the book by the other.
//!
//! A plain list of the lane's heads; reconciliation whose cost follows the difference may take its
//! place without touching the rest of the session.

use crate::{
    book::Book,
    codec::Bounded,
    frontier::{Island, LogHeads},
    ids::{Lane, Seq},
    limits::{HEADS_LOGS, HEADS_UNKNOWN},
};

use super::{
    CloseReason, Effect, Reason,
    frame::{Frame, HEADS, Head, Heads, ISLANDS},
    greeting::Snapshot,
    open::{Open, send},
    spans::Spans,
};

impl Open {
    /// Tells the peer what is here of a lane.
    pub(super) fn tell_heads(&mut self, book: &Book, lane: Lane, fx: &mut Vec<Effect>) {
        let here = book
            .logs()
            .filter(|l| l.key().lane == lane && l.count() > 0);
        let heads: Vec<Head> = here.map(head).collect();
        let mut chunks: Vec<&[Head]> = heads.chunks(HEADS).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let count = chunks.len();
        for (at, chunk) in chunks.into_iter().enumerate() {
            let frame = Frame::Heads(Heads {
                lane,
                heads: Bounded::try_from(chunk.to_vec()).unwrap_or_default(),
                last: at + 1 == count,
            });
            send(fx, &frame);
        }
    }

    /// The peer's heads of this round, all of them or some.
    pub(super) fn take_heads(
        &mut self,
        book: &Book,
        heads: Heads,
        fx: &mut Vec<Effect>,
    ) -> Result<(), CloseReason> {
        match &self.round {
            Some(round) if round.lane == heads.lane && !round.heads_in => {}
            _ => return Err(CloseReason::Unexpected("heads")),
        }
        for head in &heads.heads {
            let here = book.log(&head.log);
            if let Some(log) = here {
                self.compare_head(log, head, fx);
            }
            if let Some(round) = &mut self.round {
                round.named.0 += 1;
                round.named.1 += usize::from(here.is_none());
                // What is not remembered may be sent in vain, and no more.
                if here.is_some() || round.named.1 <= HEADS_UNKNOWN {
                    round.heads.insert(head.log, spans(head));
                }
                if round.named.0 > HEADS_LOGS {
                    return Err(CloseReason::Flood);
                }
            }
        }
        if heads.last {
            self.all_heads(book, heads.lane);
        }
        Ok(())
    }

    /// Two hashes at one place: a fork, which no sending heals. More of our own log than we have:
    /// we are the copy.
    fn compare_head(&mut self, log: &LogHeads, head: &Head, fx: &mut Vec<Effect>) {
        let islands = head.islands.iter().map(|i| (i.to.0, i.head));
        let places = head.count.checked_sub(1).map(|seq| (seq, head.head));
        let differs = |(seq, hash): (u64, _)| log.hash_at(Seq(seq)).is_some_and(|h| h != hash);
        let fork = places.into_iter().chain(islands).any(differs);
        if fork && self.outbox.skip(log.id(), Reason::Fork) {
            fx.push(Effect::Skipped {
                log: *log.key(),
                reason: Reason::Fork,
            });
        }
        let more = |i: &Island| log.hash_at(i.to).is_none_or(|h| h != i.head);
        let ahead = head.count > log.contiguous() || head.islands.iter().any(more);
        if log.key().device == self.me && (fork || ahead) {
            self.own_ahead(*log.key(), fx);
        }
    }

    fn all_heads(&mut self, book: &Book, lane: Lane) {
        let Some(round) = &mut self.round else {
            return;
        };
        round.heads_in = true;
        let mut theirs = std::mem::take(&mut round.heads);
        for log in book.logs().filter(|l| l.key().lane == lane) {
            theirs.entry(log.id()).or_default();
        }
        self.outbox.forget_unknown(book);
        // Logs that are not here yet are remembered too: they may come from somebody else.
        for (id, has) in theirs {
            self.outbox.peer_has(id, has);
        }
        self.outbox.know(lane);
        self.queue_lacking(book, lane);
    }

    /// The peer has what was here when digests were found equal.
    pub(super) fn adopt(&mut self, book: &Book, lane: Lane, snapshot: &Snapshot) {
        for ((_, id), has) in snapshot.iter().filter(|((l, _), _)| *l == lane) {
            self.outbox.peer_has(*id, has.clone());
        }
        self.outbox.know(lane);
        self.queue_lacking(book, lane);
    }

    fn queue_lacking(&mut self, book: &Book, lane: Lane) {
        let logs = book.logs().filter(|l| l.key().lane == lane);
        logs.for_each(|log| self.outbox.queue(book, log));
    }
}

fn head(log: &LogHeads) -> Head {
    let mut islands = log.islands();
    islands.truncate(ISLANDS);
    Head {
        log: log.id(),
        count: log.contiguous(),
        head: log.head(),
        islands: Bounded::try_from(islands).unwrap_or_default(),
    }
}

fn spans(head: &Head) -> Spans {
    let mut out = Spans::default();
    out.add(0, head.count);
    for island in &head.islands {
        out.add(island.from.0, island.to.0.saturating_add(1));
    }
    out
}
