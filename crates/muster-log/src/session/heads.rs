//! What each side has of each log: told by the one, compared with the book by the other.
//!
//! A plain list of the lane's heads, which always works: for when agreement by sketches (`agree.rs`)
//! has led nowhere. The other side answers with a list of its own.

use std::collections::btree_map::Entry;

use crate::{
    book::Book,
    codec::Bounded,
    frontier::{Island, LogHeads},
    ids::{EntryHash, Lane, Seq},
    limits::{HEADS_LOGS, HEADS_UNKNOWN},
};

use super::{
    CloseReason, Effect,
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
        let heads: Vec<Head> = here.flat_map(heads).collect();
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
        if let Some(round) = &mut self.round {
            (round.told_heads, round.found) = (true, true);
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
            Some(round) if round.lane == heads.lane && !round.heads_in => {
                if round.agreeing.is_some() {
                    return Err(CloseReason::Unexpected("heads"));
                }
                if !round.told_heads {
                    self.tell_heads(book, heads.lane, fx);
                }
            }
            _ => return Err(CloseReason::Unexpected("heads")),
        }
        for head in &heads.heads {
            self.take_head(book, head, fx)?;
        }
        if heads.last {
            self.all_heads(book, heads.lane);
        }
        Ok(())
    }

    /// Takes in one head, in full.
    pub(super) fn take_head(
        &mut self,
        book: &Book,
        head: &Head,
        fx: &mut Vec<Effect>,
    ) -> Result<(), CloseReason> {
        let log = book.log(&head.log);
        let twice = matches!(&self.round, Some(r) if r.heads.contains_key(&head.log));
        let tangled = log.is_some_and(|log| {
            let differs = self.compare_head(log, head, fx);
            differs || log.is_forked() || self.outbox.is_tangled(&head.log)
        });
        if let Some(round) = &mut self.round {
            round.named.0 += 1;
            round.named.1 += usize::from(log.is_none());
            // What is not remembered may be sent in vain, and no more.
            if log.is_some() || round.named.1 <= HEADS_UNKNOWN {
                round.heads.insert(head.log, spans(head));
            }
            if round.named.0 > HEADS_LOGS {
                return Err(CloseReason::Flood);
            }
        }
        match log {
            Some(log) if tangled => self.tangled_head(book, log, head, fx),
            // The peer's log has branches.
            Some(log) if twice => self.ask_trail(book, log.id(), fx),
            None if twice => self.outbox.tangle(head.log),
            _ => {}
        }
        Ok(())
    }

    /// Whether a place has another hash here than over there: the histories differ. More of our own
    /// log than we have: we are the copy.
    fn compare_head(&mut self, log: &LogHeads, head: &Head, fx: &mut Vec<Effect>) -> bool {
        let islands = head.islands.iter().map(|i| (i.to.0, i.head));
        let places = head.count.checked_sub(1).map(|seq| (seq, head.head));
        let differs =
            |(seq, hash): (u64, _)| log.hash_at(Seq(seq)).is_some() && !log.holds(Seq(seq), &hash);
        let differs = places.into_iter().chain(islands).any(differs);
        let more = |i: &Island| !log.holds(i.to, &i.head);
        let longer = match (log.is_forked(), head.count.checked_sub(1)) {
            (true, Some(last)) => !log.holds(Seq(last), &head.head),
            _ => head.count > log.contiguous(),
        };
        let ahead = longer || head.islands.iter().any(more);
        if log.key().device == self.me && (differs || ahead) {
            self.own_ahead(*log.key(), fx);
        }
        differs
    }

    fn all_heads(&mut self, book: &Book, lane: Lane) {
        let Some(round) = &mut self.round else {
            return;
        };
        round.heads_in = true;
        let mut theirs = std::mem::take(&mut round.heads);
        for log in book.logs().filter(|l| l.key().lane == lane) {
            if let Entry::Vacant(vacant) = theirs.entry(log.id()) {
                vacant.insert(Spans::default());
                // Of a log with branches, places alone say nothing; that it has none says all.
                if log.is_forked() {
                    self.outbox.tangle(log.id());
                    self.outbox.trail_heard(log.id());
                }
            }
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
            self.outbox.peer_had(*id, has.clone());
        }
        self.outbox.know(lane);
        self.queue_lacking(book, lane);
    }

    pub(super) fn queue_lacking(&mut self, book: &Book, lane: Lane) {
        let logs = book.logs().filter(|l| l.key().lane == lane);
        logs.for_each(|log| self.outbox.queue(book, log));
    }
}

/// One head; of a forked log one for each branch that is here from the start on.
pub(super) fn heads(log: &LogHeads) -> Vec<Head> {
    if !log.is_forked() {
        return vec![head(log, log.contiguous(), log.head(), log.islands())];
    }
    let (whole, mut islands): (Vec<_>, Vec<_>) =
        log.leaves().into_iter().partition(|l| l.from == Seq(0));
    let mut out: Vec<Head> = whole
        .iter()
        .map(|l| {
            let islands = std::mem::take(&mut islands);
            head(log, l.to.0.saturating_add(1), l.head, islands)
        })
        .collect();
    if out.is_empty() {
        out.push(head(log, 0, EntryHash(log.id().0), islands));
    }
    out
}

fn head(log: &LogHeads, count: u64, head: EntryHash, mut islands: Vec<Island>) -> Head {
    islands.truncate(ISLANDS);
    Head {
        log: log.id(),
        count,
        head,
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
