//! Agreement about a lane, inside a session: which logs differ, and what the peer has of them.
//!
//! How that is found out is `crate::reconcile`'s; here it gets its frames, and what it finds goes to
//! the outbox. The side that knows first that digests differ opens: the dialler in a greeting, the
//! responder afterwards. Where agreement led nowhere, the opener sends the plain list of heads
//! instead (`heads.rs`), which always works, and the other side answers in kind.

use std::collections::BTreeSet;

use crate::{
    book::Book,
    codec::Bounded,
    frontier::{self, LogHeads},
    ids::{EntryHash, Lane, LogId, Seq},
    reconcile::{Agreement, Key, Out, Part, State, Theirs, View},
};

use super::{
    CloseReason, Effect,
    frame::{Frame, Head, Sketched, Told},
    greeting::{Snapshot, snapshot},
    heads::heads,
    open::{Open, send},
    spans::Spans,
};

/// Of so many rounds after which nothing moved and digests still differ, one goes by the plain list;
/// the others are cheap, for what the peer refuses may differ for ever.
const PLAIN_EVERY: u32 = 16;
/// The first of them.
const PLAIN_AT: u32 = 2;

type Step = Result<(), CloseReason>;

/// An agreement under way.
pub(super) struct Agreeing {
    agreement: Agreement,
    /// What was here when it began.
    snapshot: Snapshot,
    /// What it finds counts.
    compared: bool,
}

impl Agreeing {
    fn view(book: &Book, key: Key, lane: Lane) -> View {
        let logs = book.logs().filter(|l| l.key().lane == lane);
        let here = logs.filter(|l| l.count() > 0);
        View::new(key, here.map(|log| (log.id(), state(book, log))))
    }

    fn new(agreement: Agreement, book: &Book, lane: Lane) -> Self {
        let mut snapshot = snapshot(book);
        snapshot.retain(|(l, _), _| *l == lane);
        Self {
            agreement,
            snapshot,
            compared: false,
        }
    }
}

fn state(book: &Book, log: &LogHeads) -> State {
    let erased = book.erased();
    // Whatever it lacks or has beside its first line makes another digest.
    let whole = log.count() == log.contiguous() && !log.is_forked();
    if whole && erased.leave(&log.id(), log.absent()).is_empty() {
        State::Plain {
            count: log.contiguous(),
            head: log.head(),
        }
    } else {
        State::Other(frontier::digest(std::iter::once(log), erased))
    }
}

impl Open {
    fn symbols(&self, lane: Lane, round: u32) -> Key {
        Key::new(&self.name, lane.0, round)
    }

    /// Opens the agreement of a round.
    pub(super) fn open_agreement(&mut self, book: &Book, fx: &mut Vec<Effect>) -> Step {
        let Some(round) = &self.round else {
            return Ok(());
        };
        let (lane, number) = (round.lane, round.number);
        if self.stuck % PLAIN_EVERY == PLAIN_AT {
            self.tell_heads(book, lane, fx);
            return Ok(());
        }
        let view = Agreeing::view(book, self.symbols(lane, number), lane);
        let (agreement, out) = Agreement::open(view);
        if let Some(round) = &mut self.round {
            round.agreeing = Some(Agreeing::new(agreement, book, lane));
        }
        self.follow(book, lane, out, fx)
    }

    /// The agreement that a frame of this lane belongs to; it begins with the first one.
    fn agreeing(&mut self, book: &Book, lane: Lane) -> Option<&mut Agreeing> {
        let round = self.round.as_ref()?;
        if round.lane != lane || round.heads_in || round.told_heads {
            return None;
        }
        if round.agreeing.is_none() {
            if round.opens {
                return None;
            }
            let view = Agreeing::view(book, self.symbols(lane, round.number), lane);
            let agreeing = Agreeing::new(Agreement::wait(view), book, lane);
            self.round.as_mut()?.agreeing = Some(agreeing);
        }
        self.round.as_mut()?.agreeing.as_mut()
    }

    pub(super) fn sketch_came(
        &mut self,
        book: &Book,
        frame: &Sketched,
        fx: &mut Vec<Effect>,
    ) -> Step {
        let unexpected = CloseReason::Unexpected("sketch");
        let Some(agreeing) = self.agreeing(book, frame.lane) else {
            return Err(unexpected);
        };
        match agreeing.agreement.sketch(&frame.sketch, &hash_at(book)) {
            Ok(out) => self.follow(book, frame.lane, out, fx),
            Err(_) => Err(unexpected),
        }
    }

    pub(super) fn told_came(&mut self, book: &Book, frame: Told, fx: &mut Vec<Effect>) -> Step {
        let unexpected = CloseReason::Unexpected("differences");
        let lane = frame.lane;
        let Some(agreeing) = self.agreeing(book, lane) else {
            return Err(unexpected);
        };
        let part = Part {
            tell: frame.tell,
            heads: frame.heads.iter().map(|h| h.log).collect(),
            last: frame.last,
        };
        let Ok(out) = agreeing.agreement.part(&part, &hash_at(book)) else {
            return Err(unexpected);
        };
        for head in &frame.heads {
            self.take_head(book, head, fx)?;
            // A head in full means that ours was not found over there: where theirs is the longer one
            // it is not known here whether ours leads to it.
            let unplaced = book.log(&head.log).is_some_and(|log| {
                let whole = !log.is_forked() && log.count() == log.contiguous();
                whole && log.count() > 0 && head.count > log.count() && head.islands.is_empty()
            });
            if unplaced {
                self.ask_trail(book, head.log, fx);
            }
        }
        self.follow(book, lane, out, fx)
    }

    /// Does what follows from a step of the agreement.
    fn follow(&mut self, book: &Book, lane: Lane, out: Out, fx: &mut Vec<Effect>) -> Step {
        if let Some(sketch) = out.sketch {
            send(fx, &Frame::Sketch(Sketched { lane, sketch }));
        }
        let mut differ: BTreeSet<LogId> = out.findings.iter().map(|f| f.log).collect();
        for part in out.parts {
            let logs = part.heads.iter().filter_map(|id| book.log(id));
            differ.extend(logs.clone().map(|log| log.id()));
            let heads: Vec<Head> = logs.flat_map(heads).collect();
            let told = Told {
                lane,
                tell: part.tell,
                heads: Bounded::try_from(heads).unwrap_or_default(),
                last: part.last,
            };
            send(fx, &Frame::Tell(told));
        }
        let Some(round) = &mut self.round else {
            return Ok(());
        };
        let Some(agreeing) = &mut round.agreeing else {
            return Ok(());
        };
        agreeing.compared |= out.compared;
        if !agreeing.compared {
            return Ok(());
        }
        let theirs = std::mem::take(&mut round.heads);
        round.found |= !differ.is_empty() || !theirs.is_empty();
        let equal = std::mem::take(&mut agreeing.snapshot);
        round.heads_in = out.agreed;
        if out.agreed {
            round.agreeing = None;
        }
        if out.compared {
            self.outbox.forget_unknown(book);
            // What was not found to differ is what the peer has.
            for ((_, id), had) in equal {
                let forked = book.log(&id).is_some_and(LogHeads::is_forked);
                if forked && differ.contains(&id) {
                    self.outbox.tangle(id);
                } else if !self.outbox.is_tangled(&id) {
                    self.outbox.peer_had(id, had);
                }
            }
            self.outbox.know(lane);
        }
        for finding in &out.findings {
            self.found(book, &finding.log, finding.theirs, fx);
        }
        for (id, has) in theirs {
            self.outbox.peer_has(id, has);
            self.queue_log(book, &id);
        }
        for finding in &out.findings {
            self.queue_log(book, &finding.log);
        }
        if out.compared {
            // And what has come here since.
            self.queue_lacking(book, lane);
        }
        Ok(())
    }

    fn found(&mut self, book: &Book, id: &LogId, theirs: Theirs, fx: &mut Vec<Effect>) {
        let Some(log) = book.log(id) else { return };
        let tangled = log.is_forked() || self.outbox.is_tangled(id);
        let ahead = match theirs {
            Theirs::Nothing if tangled => {
                // Of a log with branches, places alone say nothing; that there is none says all.
                self.outbox.tangle(*id);
                self.outbox.trail_heard(*id);
                false
            }
            Theirs::Nothing => {
                self.outbox.peer_has(*id, Spans::default());
                false
            }
            Theirs::Upto(count) if tangled => {
                let head = count.checked_sub(1).map(Seq);
                if let Some((seq, hash)) = head.and_then(|seq| Some((seq, log.hash_at(seq)?))) {
                    self.outbox.marks(log, Seq(0), (seq, &hash));
                    self.outbox.trail_heard(*id);
                }
                false
            }
            Theirs::Upto(count) => {
                let mut has = Spans::default();
                has.add(0, count);
                self.outbox.peer_has(*id, has);
                count > log.contiguous()
            }
            Theirs::More => true,
            Theirs::Parted => {
                self.ask_trail(book, *id, fx);
                true
            }
        };
        if ahead && log.key().device == self.me {
            self.own_ahead(*log.key(), fx);
        }
    }

    fn queue_log(&mut self, book: &Book, id: &LogId) {
        if let Some(log) = book.log(id) {
            self.outbox.queue(book, log);
        }
    }
}

fn hash_at(book: &Book) -> impl Fn(&LogId, Seq) -> Option<EntryHash> + '_ {
    |log, seq| book.log(log)?.hash_at(seq)
}
