//! A session after its greeting: which frame goes where, rounds, and the comparison of digests.
//!
//! A *round* is what follows when two digests differ: for lane 0 where its digest differs, then for
//! lane 1, each side tells its heads, sends what the other lacks, and says that it is done. The
//! dialler starts rounds, by a summary that the responder answers.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    book::{Admitted, Book},
    chain::Run,
    entry::LogKey,
    ids::{DeviceId, EntryHash, GrantId, Lane, LogId, Seq},
    limits::SILENT_MS,
};

use super::{
    COMPARE_MS, CloseReason, Effect, Rank, ReadId, Stats,
    agree::Agreeing,
    frame::{Frame, Summary},
    greeting::{Met, Snapshot, summary},
    held::Held,
    proof::Side,
    receive::Inbox,
    send::Outbox,
    spans::Spans,
};

/// After entries moved, digests are compared no sooner than this after the last time.
const SOON_MS: u64 = 1_000;

/// A round under way, in one lane.
pub(super) struct Round {
    pub lane: Lane,
    /// Which round it is: both sides count the same.
    pub number: u32,
    /// This side opens the agreement.
    pub opens: bool,
    pub agreeing: Option<Agreeing>,
    /// Something was found to differ.
    pub found: bool,
    /// The plain list was sent instead.
    pub told_heads: bool,
    /// All is known that the peer has.
    pub heads_in: bool,
    /// Heads that came so far, in full.
    pub heads: BTreeMap<LogId, Spans>,
    /// How many there were, and how many of them of logs that are not here.
    pub named: (usize, usize),
    /// We have said that we are done.
    done_sent: bool,
    /// The peer has.
    done_in: bool,
}

impl Round {
    fn of(lane: Lane, number: u32, opens: bool) -> Self {
        Self {
            lane,
            number,
            opens,
            agreeing: None,
            found: false,
            told_heads: false,
            heads_in: false,
            heads: BTreeMap::new(),
            named: (0, 0),
            done_sent: false,
            done_in: false,
        }
    }
}

/// When things happened.
struct Times {
    now: u64,
    heard: u64,
    compared: u64,
    heard_since: bool,
}

pub(super) struct Open {
    pub(super) me: DeviceId,
    pub(super) peer: DeviceId,
    software: String,
    side: Side,
    /// Bound to both sides' nonces.
    pub(super) name: [u8; 32],
    member: Option<GrantId>,
    pub(super) held: Held,
    pub(super) round: Option<Round>,
    /// The summary we have sent and that was not answered.
    asked: Option<Summary>,
    /// The peer's summary that waits until what it sent before is stored.
    to_answer: Option<(u64, Summary)>,
    rounds: u32,
    /// Rounds in which nothing moved, one after another, and one.
    pub(super) stuck: u32,
    /// After a round that found nothing it was asked once more.
    again: bool,
    /// Our digest when both were last found to have the same, until it changes.
    equal: Option<[u8; 16]>,
    /// Something was admitted or receipted since digests were last compared.
    pub(super) moved: bool,
    times: Times,
    pub(super) outbox: Outbox,
    pub(super) inbox: Inbox,
    pub(super) stats: Stats,
    /// Own logs of which the peer was found to have more.
    ahead: BTreeSet<LogKey>,
    /// The peer is being let go: the place of the entry that ended it.
    pub(super) parting: Option<(LogKey, Seq, EntryHash)>,
}

type Step = Result<(), CloseReason>;

pub(super) fn send(fx: &mut Vec<Effect>, frame: &Frame) {
    fx.push(Effect::Send(frame.to_bytes()));
}

impl Open {
    pub(super) fn start(
        book: &Book,
        met: Met,
        rank: Rank,
        fx: &mut Vec<Effect>,
    ) -> Result<Self, CloseReason> {
        let mut open = Self {
            me: met.me,
            peer: met.peer,
            software: met.software,
            side: met.side,
            name: met.name,
            member: None,
            held: Held::new(met.name, met.side),
            round: None,
            asked: None,
            to_answer: None,
            rounds: 0,
            stuck: 0,
            again: false,
            equal: None,
            moved: false,
            times: Times {
                now: met.now_ms,
                heard: met.now_ms,
                compared: met.now_ms,
                heard_since: true,
            },
            outbox: Outbox::new(rank),
            inbox: Inbox::default(),
            stats: Stats::default(),
            ahead: BTreeSet::new(),
            parting: None,
        };
        fx.push(Effect::Clock(met.clock));
        if open.is_parting(book, fx)? {
            return Ok(open);
        }
        open.check_member(book, fx);
        open.compare(book, &met.mine, &met.theirs, Some(&met.snapshot), fx)?;
        open.settle(book, fx)?;
        Ok(open)
    }

    pub(super) fn peer(&self) -> DeviceId {
        self.peer
    }

    pub(super) fn in_sync(&self) -> bool {
        self.equal.is_some()
    }

    pub(super) fn is_member(&self) -> bool {
        self.member.is_some()
    }

    pub(super) fn stats(&self) -> Stats {
        let mut stats = self.stats.clone();
        stats.unreceipted = self.outbox.unreceipted();
        stats.delivered = self.inbox.outstanding() as u64;
        stats.parked = self.inbox.parked() as u64;
        stats
    }

    /// The peer has more of a log of our own: said once a log.
    pub(super) fn own_ahead(&mut self, log: LogKey, fx: &mut Vec<Effect>) {
        if self.ahead.len() < 64 && self.ahead.insert(log) {
            fx.push(Effect::OwnLogAhead(log));
        }
    }

    /// Looks up the peer's grant, until it has one.
    pub(super) fn check_member(&mut self, book: &Book, fx: &mut Vec<Effect>) {
        if self.member.is_some() {
            return;
        }
        let Some(grant) = book.authority().best_grant(&self.peer) else {
            return;
        };
        self.member = Some(grant.id);
        fx.push(Effect::Member {
            device: self.peer,
            grant: grant.id,
            label: grant.label.clone(),
            software: self.software.clone(),
        });
    }

    pub(super) fn frame(&mut self, book: &Book, bytes: &[u8], fx: &mut Vec<Effect>) -> Step {
        self.times.heard_since = true;
        if self.is_parting(book, fx)? {
            return Ok(());
        }
        match Frame::from_bytes(bytes)? {
            None => {}
            Some(Frame::Bye(code, version)) => return Err(CloseReason::heard(code, version)),
            Some(Frame::Run(packed)) => self.run_came(book, packed, fx)?,
            Some(Frame::Acks(acks)) => self.acked(book, &acks, fx),
            Some(Frame::Have(log, count)) => self.outbox.told(log, 0, count),
            Some(Frame::Keys(claims)) => self.held.claimed(&claims, book.keys())?,
            Some(Frame::Trail(trail)) => self.trail_came(book, &trail, fx),
            Some(Frame::Heads(heads)) => self.take_heads(book, heads, fx)?,
            Some(Frame::Sketch(sketch)) => self.sketch_came(book, &sketch, fx)?,
            Some(Frame::Tell(told)) => self.told_came(book, told, fx)?,
            Some(Frame::Done(lane)) => self.done_came(lane)?,
            Some(Frame::Summary(theirs)) => self.summary_came(book, theirs, fx)?,
            Some(Frame::Hello(_) | Frame::Welcome(_) | Frame::Identity(_)) => {
                return Err(CloseReason::Unexpected("greeting"));
            }
        }
        self.settle(book, fx)
    }

    pub(super) fn runs(
        &mut self,
        book: &Book,
        id: ReadId,
        runs: Vec<Run>,
        fx: &mut Vec<Effect>,
    ) -> Step {
        if self.is_parting(book, fx)? {
            return self.part(book, id, runs, fx);
        }
        self.read_answered(book, id, runs, fx);
        self.settle(book, fx)
    }

    pub(super) fn changed(
        &mut self,
        book: &Book,
        admitted: &Admitted,
        fx: &mut Vec<Effect>,
    ) -> Step {
        if self.is_parting(book, fx)? {
            return Ok(());
        }
        self.unsettle(book);
        self.learnt(book, admitted, fx);
        self.pass_on(book, &admitted.run, fx);
        self.settle(book, fx)
    }

    /// Something new is here, from wherever: grants and keys may unlock what waited.
    pub(super) fn learnt(&mut self, book: &Book, admitted: &Admitted, fx: &mut Vec<Effect>) {
        if admitted.run.log().lane == Lane::AUTHORITY {
            // Allowances and grants may have changed what the peer, too, refuses.
            self.outbox.unskip();
        }
        if !admitted.grants.is_empty() {
            self.check_member(book, fx);
            self.retry_parked(book, fx);
        }
        if !admitted.keys.is_empty() {
            self.held.prove(book.keys());
            if self.is_member() {
                self.tell_keys(book, fx);
            }
        }
    }

    pub(super) fn tell_keys(&mut self, book: &Book, fx: &mut Vec<Effect>) {
        for frame in self.held.tell(book.keys()) {
            send(fx, &frame);
        }
    }

    /// Entries moved: whatever was equal is to be compared again. The book may have counted them as
    /// here before the last comparison, and nothing has changed since.
    pub(super) fn unsettle(&mut self, book: &Book) {
        let here = || summary(book, &self.name, 0).frontier;
        if self.equal.is_some_and(|equal| equal == here()) {
            return;
        }
        self.equal = None;
        self.moved = true;
    }

    /// Whether entries of lane 1 may go out: the peer's are known, and lane 0 is through.
    pub(super) fn data_flows(&self) -> bool {
        let in_lane0 = matches!(&self.round, Some(r) if r.lane == Lane::AUTHORITY);
        self.is_member() && !in_lane0
    }

    /// What follows from everything else: answers that were due, reads, the end of a lane.
    pub(super) fn settle(&mut self, book: &Book, fx: &mut Vec<Effect>) -> Step {
        if let Some((mark, theirs)) = self.to_answer
            && self.inbox.stored_before(mark)
        {
            self.to_answer = None;
            self.answer(book, &theirs, fx)?;
        }
        self.pump(book, fx);
        self.end_lane(book, fx)
    }

    fn end_lane(&mut self, book: &Book, fx: &mut Vec<Effect>) -> Step {
        let Some(round) = &mut self.round else {
            return Ok(());
        };
        let (lane, number, opens) = (round.lane, round.number, round.opens);
        if round.heads_in && !round.done_sent && self.outbox.idle(lane) {
            round.done_sent = true;
            send(fx, &Frame::Done(lane));
        }
        if !(round.done_sent && round.done_in) {
            return Ok(());
        }
        if lane == Lane::AUTHORITY {
            if !self.is_member() {
                return Err(CloseReason::NotAdmitted(self.peer));
            }
            return self.begin(book, Round::of(Lane::DATA, number, opens), fx);
        }
        // Digests differed, and nothing does: it came from elsewhere meanwhile, or was missed.
        let again = !round.found && !std::mem::replace(&mut self.again, true);
        self.round = None;
        if self.side == Side::Dialler && (self.moved || again) {
            self.ask(book, fx);
        }
        Ok(())
    }

    fn begin(&mut self, book: &Book, round: Round, fx: &mut Vec<Effect>) -> Step {
        if round.lane != Lane::AUTHORITY {
            self.tell_keys(book, fx);
        }
        let opens = round.opens;
        self.round = Some(round);
        self.outbox.forget_asked();
        match opens {
            true => self.open_agreement(book, fx),
            false => Ok(()),
        }
    }

    fn done_came(&mut self, lane: Lane) -> Step {
        match &mut self.round {
            Some(round) if round.lane == lane && round.heads_in => {
                round.done_in = true;
                Ok(())
            }
            _ => Err(CloseReason::Unexpected("done")),
        }
    }

    /// The dialler asks whether both have the same.
    fn ask(&mut self, book: &Book, fx: &mut Vec<Effect>) {
        self.rounds = self.rounds.wrapping_add(1);
        let mine = summary(book, &self.name, self.rounds);
        self.asked = Some(mine);
        self.times.compared = self.times.now;
        self.moved = false;
        send(fx, &Frame::Summary(mine));
    }

    fn summary_came(&mut self, book: &Book, theirs: Summary, fx: &mut Vec<Effect>) -> Step {
        if self.side == Side::Responder {
            if self.round.is_some() || self.to_answer.is_some() {
                return Err(CloseReason::Unexpected("summary"));
            }
            // Answered by `settle`, when all that came before it is stored.
            self.to_answer = Some((self.inbox.mark(), theirs));
            return Ok(());
        }
        match self.asked.take() {
            Some(mine) if mine.round == theirs.round => {
                self.compare(book, &mine, &theirs, None, fx)
            }
            _ => Err(CloseReason::Unexpected("summary")),
        }
    }

    fn answer(&mut self, book: &Book, theirs: &Summary, fx: &mut Vec<Effect>) -> Step {
        let mine = summary(book, &self.name, theirs.round);
        self.times.compared = self.times.now;
        self.stuck = if self.moved {
            1
        } else {
            self.stuck.saturating_add(1)
        };
        self.moved = false;
        send(fx, &Frame::Summary(mine));
        self.compare(book, &mine, theirs, None, fx)
    }

    /// Both sides compare the same two summaries, and so come to the same conclusion.
    fn compare(
        &mut self,
        book: &Book,
        mine: &Summary,
        theirs: &Summary,
        snapshot: Option<&Snapshot>,
        fx: &mut Vec<Effect>,
    ) -> Step {
        let lane0 = mine.lane0 == theirs.lane0;
        let all = lane0 && mine.frontier == theirs.frontier;
        if lane0 && !self.is_member() {
            return Err(CloseReason::NotAdmitted(self.peer));
        }
        if let Some(snapshot) = snapshot {
            // What is equal at the first comparison is what the peer has.
            let equal = [(Lane::AUTHORITY, lane0), (Lane::DATA, all)];
            for (lane, _) in equal.into_iter().filter(|(_, equal)| *equal) {
                self.adopt(book, lane, snapshot);
            }
        }
        if all {
            (self.stuck, self.again) = (0, false);
            // On the dialler entries may have moved since it asked.
            if self.equal.is_none() && !self.moved {
                self.equal = Some(mine.frontier);
                fx.push(Effect::InSync);
            }
        } else {
            self.equal = None;
            let lane = if lane0 { Lane::DATA } else { Lane::AUTHORITY };
            // Who learns first that digests differ opens.
            let greeted = snapshot.is_some();
            let opens = greeted == (self.side == Side::Dialler);
            if opens && self.stuck > 1 {
                self.stats.in_vain += 1;
            }
            self.begin(book, Round::of(lane, mine.round, opens), fx)?;
        }
        Ok(())
    }

    pub(super) fn tick(&mut self, book: &Book, now: u64, fx: &mut Vec<Effect>) -> Step {
        self.times.now = self.times.now.max(now);
        if std::mem::take(&mut self.times.heard_since) {
            self.times.heard = self.times.now;
        }
        if self.times.now - self.times.heard >= SILENT_MS {
            return Err(CloseReason::Silent);
        }
        if self.is_parting(book, fx)? {
            return Ok(());
        }
        self.outbox.retry(book, self.times.now);
        let quiet = self.outbox.is_idle() && self.inbox.outstanding() == 0;
        let soon = self.moved && quiet;
        let wait = if soon { SOON_MS } else { COMPARE_MS };
        let due = self.times.now - self.times.compared >= wait;
        if self.side == Side::Dialler && self.round.is_none() && self.asked.is_none() && due {
            self.ask(book, fx);
        }
        self.settle(book, fx)
    }
}
