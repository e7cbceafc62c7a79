//! Sending: what the peer lacks, in order, within a window of runs without receipt.
//!
//! Consecutive stored runs become one run with one signature at its end: a signature commits to all
//! entries before it, and proving it is what costs most over there.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry as Slot};

use crate::{
    book::Book,
    chain::{MAX_RUN, Run, VerifiedRun},
    entry::{Entry, LogKey},
    frontier::{LineId, LogHeads},
    hash,
    ids::{DeviceId, EntryHash, Lane, LogId, Seq},
    limits::{RETRY_MOST_MS, RETRY_MS, WINDOW_BYTES, WINDOW_RUNS},
    run::{self, MAX_RUN_BYTES},
};

use super::{
    Effect, ReadId, ReadRequest, Reason,
    frame::{self, Ack, Frame, verdict},
    open::{Open, send},
    pieces::Pieces,
    spans::{Had, Spans},
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
    line: LineId,
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
    /// Of forked logs: what it has of the lines beside the first one.
    beside: BTreeMap<LogId, BTreeMap<LineId, Spans>>,
    /// Logs of which the two sides hold different histories, and whether it is known by now what the
    /// peer has of them. Of these, places alone say nothing.
    tangled: BTreeMap<LogId, bool>,
    /// Those of them about which the peer was asked in this round.
    asked: BTreeSet<LogId>,
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
            beside: BTreeMap::new(),
            tangled: BTreeMap::new(),
            asked: BTreeSet::new(),
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
        if self.is_tangled(&log) {
            return;
        }
        let flying = self.in_flight.values().filter(|f| f.log == log);
        flying.for_each(|f| has.add(f.from, f.to));
        self.has.insert(log, has);
    }

    /// The peer has what was here of a log at some moment.
    pub(super) fn peer_had(&mut self, log: LogId, had: Had) {
        if !had.beside.is_empty() {
            self.tangled.insert(log, true);
            self.has.entry(log).or_default();
            self.beside.insert(log, had.beside);
        }
        let mut has = had.first;
        let flying = self.in_flight.values().filter(|f| f.log == log);
        flying.for_each(|f| has.add(f.from, f.to));
        self.has.insert(log, has);
    }

    /// The two sides hold different histories of a log: what was taken from places alone is
    /// forgotten, once.
    pub(super) fn tangle(&mut self, log: LogId) {
        if let Slot::Vacant(vacant) = self.tangled.entry(log) {
            vacant.insert(false);
            self.has.remove(&log);
            self.beside.remove(&log);
        }
    }

    pub(super) fn is_tangled(&self, log: &LogId) -> bool {
        self.tangled.contains_key(log)
    }

    /// Whether the peer is still to be asked about a log in this round.
    pub(super) fn asks_trail(&mut self, log: LogId) -> bool {
        self.asked.insert(log)
    }

    /// A round begins.
    pub(super) fn forget_asked(&mut self) {
        self.asked.clear();
    }

    /// It is known what the peer has of a log with branches.
    pub(super) fn trail_heard(&mut self, log: LogId) {
        self.tangled.insert(log, true);
    }

    /// The peer has an entry that is here too, and what leads to it from a place on.
    pub(super) fn marks(&mut self, log: &LogHeads, from: Seq, head: (Seq, &EntryHash)) {
        self.with_had(log, |had| had.add_path(log, from, head));
    }

    fn with_had<T>(&mut self, log: &LogHeads, f: impl FnOnce(&mut Had) -> T) -> T {
        let first = self.has.entry(log.id()).or_default();
        let mut had = Had {
            first: std::mem::take(first),
            beside: self.beside.remove(&log.id()).unwrap_or_default(),
        };
        let out = f(&mut had);
        *first = had.first;
        if !had.beside.is_empty() {
            self.beside.insert(log.id(), had.beside);
        }
        out
    }

    /// What the peer lacks of a log, as far as it is known.
    fn lacks(&mut self, log: &LogHeads) -> Option<(LineId, u64, u64)> {
        if self.tangled.get(&log.id()) == Some(&false) {
            return None;
        }
        self.with_had(log, |had| had.lacks(log))
    }

    /// The peer has these too.
    pub(super) fn told(&mut self, log: LogId, from: u64, to: u64) {
        if self.is_tangled(&log) {
            return;
        }
        // A log that is not known here cannot be sent, and need not be remembered.
        if let Some(has) = self.has.get_mut(&log) {
            has.add(from, to);
        }
    }

    /// The peer has sent these, of a log that is here.
    pub(super) fn came(&mut self, log: LogId, from: u64, to: u64) {
        if !self.is_tangled(&log) {
            self.has.entry(log).or_default().add(from, to);
        }
    }

    /// The peer has sent these, of a log with branches.
    pub(super) fn came_on_branch(&mut self, log: &LogHeads, run: &VerifiedRun) {
        self.with_had(log, |had| {
            for entry in run.entries() {
                if let Some(line) = log.line_of(entry.seq(), &entry.hash()) {
                    let seq = entry.seq().0;
                    had.add(log, line, seq, seq.saturating_add(1));
                }
            }
        });
    }

    /// These were sent, of a log with branches.
    fn went_on_branch(&mut self, log: &LogHeads, run: &Run) {
        let mut at = run.before;
        self.with_had(log, |had| {
            for entry in &run.entries {
                let (seq, header) = (entry.header.seq, entry.header.to_bytes());
                at = hash::chain(&log.id(), seq, &at, &hash::header_hash(&header));
                if let Some(line) = log.line_of(seq, &at) {
                    had.add(log, line, seq.0, seq.0.saturating_add(1));
                }
            }
        });
    }

    /// Puts a log in line, if the peer lacks any of it.
    pub(super) fn queue(&mut self, book: &Book, log: &LogHeads) {
        let (id, key) = (log.id(), log.key());
        if self.skipped.contains_key(&id) || self.queued.contains_key(&id) {
            return;
        }
        if self.lacks(log).is_none() {
            return;
        }
        let has = self.has.get(&id).map_or(0, Spans::len);
        let rank = match key.lane {
            Lane::AUTHORITY => depth(book, &key.device),
            _ => (self.rank)(book, key, log.count().saturating_sub(has)),
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
                let (line, from, to) = self.outbox.lacks(log)?;
                let hash = log.hash_on(line, Seq(from))?;
                Some((*log.key(), line, (from, hash), to))
            });
            let Some((key, line, (from, hash), to)) = lacking else {
                self.outbox.unqueue(&id);
                continue;
            };
            self.outbox.next_read += 1;
            let read = ReadId(self.outbox.next_read);
            self.outbox.reading = Some(Reading {
                id: read,
                log: id,
                key,
                line,
                from,
                to,
            });
            fx.push(Effect::Read(ReadRequest {
                id: read,
                log: key,
                from: Seq(from),
                hash,
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
        let Some(log) = book.log(&reading.log) else {
            return;
        };
        for piece in ready {
            if !self.send_run(book, log, reading.line, piece, fx) {
                return;
            }
        }
        let sent = |had: &mut Had| had.has(log, reading.line, reading.from);
        if !self.outbox.with_had(log, sent) {
            self.skip(reading.log, reading.key, Reason::Unreadable, fx);
        }
    }

    fn skip(&mut self, id: LogId, log: LogKey, reason: Reason, fx: &mut Vec<Effect>) {
        if self.outbox.skip(id, reason) {
            fx.push(Effect::Skipped { log, reason });
        }
    }

    /// Sends consecutive entries of a line that end in a signed one. Says whether it could.
    fn send_run(
        &mut self,
        book: &Book,
        heads: &LogHeads,
        line: LineId,
        entries: Vec<Entry>,
        fx: &mut Vec<Effect>,
    ) -> bool {
        let (id, log) = (heads.id(), *heads.key());
        let first = entries.first().map_or(Seq(0), |e| e.header.seq);
        let (from, to) = (first.0, first.0 + entries.len() as u64);
        let hash = heads.hash_on(line, first);
        let Some(before) = hash.and_then(|h| heads.before_of(first, &h)) else {
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
        match heads.is_forked() || self.outbox.is_tangled(&id) {
            false => self.outbox.came(id, from, to),
            true => self.outbox.went_on_branch(heads, &run),
        }
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
        if let Some(log) = book.log(&id)
            && (log.is_forked() || self.outbox.is_tangled(&id))
        {
            return self.outbox.queue(book, log);
        }
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
        let Some(log) = book.log(&id) else { return };
        if next && !in_line && free && (lane == Lane::AUTHORITY || self.data_flows()) {
            if lane != Lane::AUTHORITY {
                self.tell_keys(book, fx);
            }
            let line = LineId::first(id);
            self.send_run(book, log, line, run.to_run().entries, fx);
        } else {
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
