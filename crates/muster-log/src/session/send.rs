//! Sending: what the peer lacks, in order, within a window of runs without receipt.
//!
//! Consecutive stored runs become one run with one signature at its end: a signature commits to all
//! entries before it, and proving it is what costs most over there.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    book::Book,
    chain::{MAX_RUN, Run, VerifiedRun},
    entry::{Entry, LogKey},
    frontier::LogHeads,
    ids::{DeviceId, Lane, LogId, Seq},
    limits::{RETRY_MOST_MS, RETRY_MS, WINDOW_BYTES, WINDOW_RUNS},
    run::{self, MAX_RUN_BYTES},
};

use super::{
    Effect, ReadId, ReadRequest, Reason,
    frame::{self, Ack, Frame, verdict},
    open::{Open, send},
    pieces::Pieces,
    spans::Spans,
};

/// About how much is asked of the store at once.
const READ_ENTRIES: usize = 16 * MAX_RUN;
const READ_BYTES: usize = 512 * 1024;

/// Which log of lane 1 goes first: the smallest number. It is told the log, and how many entries
/// the peer lacks.
pub type Rank = fn(&Book, &LogKey, u64) -> u64;

/// Logs of which little is missing first: what was just written goes before what was imported.
pub fn fewest_first(_: &Book, _: &LogKey, missing: u64) -> u64 {
    missing
}

struct InFlight {
    log: LogId,
    lane: Lane,
    from: u64,
    to: u64,
    bytes: usize,
}

struct Reading {
    id: ReadId,
    log: LogId,
    key: LogKey,
    from: u64,
    to: u64,
}

/// What is known of the peer's logs, and what is on its way.
pub(super) struct Outbox {
    rank: Rank,
    /// Lanes of which the peer's logs are known.
    known: BTreeSet<Lane>,
    /// What the peer has, or will have when what was sent arrives.
    has: BTreeMap<LogId, Spans>,
    queue: BTreeSet<(Lane, u64, LogId)>,
    queued: BTreeMap<LogId, (Lane, u64)>,
    skipped: BTreeMap<LogId, Reason>,
    /// When what was skipped for a reason that passes is tried again, and how long that was put off.
    retry: Option<(u64, u64)>,
    in_flight: BTreeMap<u64, InFlight>,
    bytes: usize,
    reading: Option<Reading>,
    next_run: u64,
    next_read: u64,
    /// Parts were sent as plain bytes to one who could not use them; this is mended once.
    mended: bool,
}

impl Outbox {
    pub(super) fn new(rank: Rank) -> Self {
        Self {
            rank,
            known: BTreeSet::new(),
            has: BTreeMap::new(),
            queue: BTreeSet::new(),
            queued: BTreeMap::new(),
            skipped: BTreeMap::new(),
            retry: None,
            in_flight: BTreeMap::new(),
            bytes: 0,
            reading: None,
            next_run: 0,
            next_read: 0,
            mended: false,
        }
    }

    pub(super) fn know(&mut self, lane: Lane) {
        self.known.insert(lane);
    }

    /// The peer says what it has of a log; what is on its way comes on top.
    pub(super) fn peer_has(&mut self, log: LogId, mut has: Spans) {
        let flying = self.in_flight.values().filter(|f| f.log == log);
        flying.for_each(|f| has.add(f.from, f.to));
        self.has.insert(log, has);
    }

    /// The peer has these too.
    pub(super) fn told(&mut self, log: LogId, from: u64, to: u64) {
        // A log that is not known here cannot be sent, and need not be remembered.
        if let Some(has) = self.has.get_mut(&log) {
            has.add(from, to);
        }
    }

    /// The peer has sent these, of a log that is here.
    pub(super) fn came(&mut self, log: LogId, from: u64, to: u64) {
        self.has.entry(log).or_default().add(from, to);
    }

    /// Puts a log in line, if the peer lacks any of it.
    pub(super) fn queue(&mut self, book: &Book, log: &LogHeads) {
        let (id, key) = (log.id(), log.key());
        if self.skipped.contains_key(&id) || self.queued.contains_key(&id) {
            return;
        }
        let here = Spans::of(log);
        let has = self.has.entry(id).or_default();
        if has.lacks(&here).is_none() {
            return;
        }
        let rank = match key.lane {
            Lane::AUTHORITY => depth(book, &key.device),
            _ => (self.rank)(book, key, here.len().saturating_sub(has.len())),
        };
        self.queue.insert((key.lane, rank, id));
        self.queued.insert(id, (key.lane, rank));
    }

    fn unqueue(&mut self, log: &LogId) {
        if let Some((lane, rank)) = self.queued.remove(log) {
            self.queue.remove(&(lane, rank, *log));
        }
    }

    /// Leaves a log out from now on. Says whether that is new.
    pub(super) fn skip(&mut self, log: LogId, reason: Reason) -> bool {
        self.unqueue(&log);
        self.skipped.insert(log, reason).is_none()
    }

    /// Tries again what was left out, forks excepted.
    pub(super) fn unskip(&mut self) {
        self.skipped.retain(|_, reason| *reason == Reason::Fork);
    }

    /// Puts in line again what was left out for a reason that passes, when its time has come; more
    /// seldom each time.
    pub(super) fn retry(&mut self, book: &Book, now_ms: u64) {
        let passing = self.skipped.iter().filter(|(_, reason)| reason.passes());
        let waiting: Vec<LogId> = passing.map(|(id, _)| *id).collect();
        match self.retry {
            Some((at, wait)) if now_ms >= at => {
                let longer = wait.saturating_mul(2).min(RETRY_MOST_MS);
                let again = (now_ms.saturating_add(longer), longer);
                self.retry = (!waiting.is_empty()).then_some(again);
                for id in waiting {
                    self.skipped.remove(&id);
                    if let Some(log) = book.log(&id) {
                        self.queue(book, log);
                    }
                }
            }
            None if !waiting.is_empty() => {
                self.retry = Some((now_ms.saturating_add(RETRY_MS), RETRY_MS));
            }
            _ => {}
        }
    }

    /// Of logs that are not here only what the peer has named last is remembered.
    pub(super) fn forget_unknown(&mut self, book: &Book) {
        self.has.retain(|id, _| book.log(id).is_some());
    }

    fn window(&self) -> bool {
        self.in_flight.len() < WINDOW_RUNS && self.bytes < WINDOW_BYTES
    }

    /// Whether nothing of a lane is queued, read or on its way.
    pub(super) fn idle(&self, lane: Lane) -> bool {
        self.queue.iter().all(|(l, ..)| *l != lane)
            && self.in_flight.values().all(|f| f.lane != lane)
            && self.reading.as_ref().is_none_or(|r| r.key.lane != lane)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.in_flight.is_empty() && self.reading.is_none()
    }

    pub(super) fn unreceipted(&self) -> u64 {
        self.in_flight.values().map(|f| f.to - f.from).sum()
    }
}

/// How far a device is from the founder: who admits goes before who is admitted.
fn depth(book: &Book, device: &DeviceId) -> u64 {
    let grants = book.authority().grants_of(device);
    grants.map(|g| u64::from(g.depth)).min().unwrap_or(u64::MAX)
}

impl Open {
    /// Asks the store for the next runs, while the window is open.
    pub(super) fn pump(&mut self, book: &Book, fx: &mut Vec<Effect>) {
        while self.outbox.reading.is_none() && self.outbox.window() {
            let Some((lane, _, id)) = self.outbox.queue.first().copied() else {
                return;
            };
            if lane != Lane::AUTHORITY && !self.data_flows() {
                return;
            }
            let lacking = book.log(&id).and_then(|log| {
                let has = self.outbox.has.entry(id).or_default();
                has.lacks(&Spans::of(log)).map(|range| (*log.key(), range))
            });
            let Some((key, (from, to))) = lacking else {
                self.outbox.unqueue(&id);
                continue;
            };
            self.outbox.next_read += 1;
            let read = ReadId(self.outbox.next_read);
            self.outbox.reading = Some(Reading {
                id: read,
                log: id,
                key,
                from,
                to,
            });
            fx.push(Effect::Read(ReadRequest {
                id: read,
                log: key,
                from: Seq(from),
                to: Seq(to - 1),
                entries: READ_ENTRIES,
                bytes: READ_BYTES,
            }));
        }
    }

    pub(super) fn read_answered(
        &mut self,
        book: &Book,
        id: ReadId,
        runs: Vec<Run>,
        fx: &mut Vec<Effect>,
    ) {
        let Some(reading) = self.outbox.reading.take_if(|r| r.id == id) else {
            return;
        };
        let entries = runs.into_iter().filter(|run| run.log == reading.key);
        let mut pieces = Pieces::new(reading.from, reading.to);
        let mut ready = Vec::new();
        for run in entries {
            run.entries
                .into_iter()
                .for_each(|entry| pieces.push(entry, &mut ready));
        }
        pieces.end(&mut ready);
        for piece in ready {
            if !self.send_run(book, reading.key, reading.log, piece, fx) {
                return;
            }
        }
        let sent = self.outbox.has.get(&reading.log);
        if !sent.is_some_and(|has| has.covers(reading.from, reading.from + 1)) {
            self.skip(reading.log, reading.key, Reason::Unreadable, fx);
        }
    }

    fn skip(&mut self, id: LogId, log: LogKey, reason: Reason, fx: &mut Vec<Effect>) {
        if self.outbox.skip(id, reason) {
            fx.push(Effect::Skipped { log, reason });
        }
    }

    /// Sends consecutive entries that end in a signed one. Says whether it could.
    fn send_run(
        &mut self,
        book: &Book,
        log: LogKey,
        id: LogId,
        entries: Vec<Entry>,
        fx: &mut Vec<Effect>,
    ) -> bool {
        let first = entries.first().map_or(Seq(0), |e| e.header.seq);
        let (from, to) = (first.0, first.0 + entries.len() as u64);
        let Some(before) = book.log(&id).and_then(|l| l.before(first)) else {
            self.skip(id, log, Reason::Unreadable, fx);
            return false;
        };
        let run = Run {
            log,
            before,
            entries,
        };
        let held = &self.held;
        let encoded = run::encode_for(&book.incident(), &run, book.keys(), |k| held.proven(k));
        if encoded.len() > MAX_RUN_BYTES {
            self.skip(id, log, Reason::TooLong, fx);
            return false;
        }
        self.outbox.next_run += 1;
        let number = self.outbox.next_run;
        let frame = Frame::Run(frame::pack(number, encoded)).to_bytes();
        self.outbox.bytes += frame.len();
        self.outbox.in_flight.insert(
            number,
            InFlight {
                log: id,
                lane: log.lane,
                from,
                to,
                bytes: frame.len(),
            },
        );
        self.outbox.came(id, from, to);
        self.stats.runs_sent += 1;
        self.stats.entries_sent += to - from;
        fx.push(Effect::Send(frame));
        true
    }

    /// Passes on what was admitted here, at once where nothing stands before it.
    pub(super) fn pass_on(&mut self, book: &Book, run: &VerifiedRun, fx: &mut Vec<Effect>) {
        let (id, lane) = (run.id(), run.log().lane);
        if !self.outbox.known.contains(&lane) || self.outbox.skipped.contains_key(&id) {
            return;
        }
        let (from, to) = (run.first().0, run.last().0.saturating_add(1));
        let has = self.outbox.has.entry(id).or_default();
        if has.covers(from, to) {
            // It may be about to send it: the same entries came from elsewhere.
            if let Some(log) = book.log(&id).filter(|_| self.round.is_some()) {
                send(fx, &Frame::Have(id, log.contiguous()));
            }
            return;
        }
        let next = has.covers(0, from);
        let in_line = self.outbox.queued.contains_key(&id);
        let free = self.outbox.window() && self.outbox.queue.is_empty();
        if next && !in_line && free && (lane == Lane::AUTHORITY || self.data_flows()) {
            if lane != Lane::AUTHORITY {
                self.tell_keys(book, fx);
            }
            self.send_run(book, *run.log(), id, run.to_run().entries, fx);
        } else if let Some(log) = book.log(&id) {
            self.outbox.queue(book, log);
        }
    }

    /// The peer's receipts.
    pub(super) fn acked(&mut self, book: &Book, acks: &[Ack], fx: &mut Vec<Effect>) {
        for ack in acks {
            // A parked run is receipted a second time when its author is known.
            let Some(flight) = self.outbox.in_flight.remove(&ack.number) else {
                continue;
            };
            self.outbox.bytes = self.outbox.bytes.saturating_sub(flight.bytes);
            self.moved = true;
            self.outbox.told(flight.log, 0, ack.count);
            match ack.verdict {
                verdict::STORED | verdict::KNOWN | verdict::PARKED => {}
                code => self.refused_there(book, &flight, Reason::from_wire(code), fx),
            }
        }
    }

    fn refused_there(
        &mut self,
        book: &Book,
        flight: &InFlight,
        reason: Reason,
        fx: &mut Vec<Effect>,
    ) {
        let Some(log) = book.log(&flight.log) else {
            return;
        };
        if let Some(has) = self.outbox.has.get_mut(&flight.log) {
            has.remove(flight.from, flight.to);
        }
        if reason == Reason::NoKey && !std::mem::replace(&mut self.outbox.mended, true) {
            self.held.forget();
            self.outbox.queue(book, log);
            return;
        }
        self.skip(flight.log, *log.key(), reason, fx);
    }
}
