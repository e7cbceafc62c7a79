//! One session with one peer: who is it, what does each lack, and how does it get there?
//!
//! A pure state machine: frames, answers of the store and the time go in, [`Effect`]s come out. It
//! decides nothing about what may be admitted (that is [`Book`]'s), stores nothing, and names nobody
//! before the other side has proven that it belongs to the incident. Flights and frames are laid out
//! in `docs/protocol.md`.
//!
//! Both sides push: each learns what the other has and sends what it lacks, lane 0 first, within a
//! window of runs that were not receipted as durable. The session then stays open; what is admitted
//! here goes on at once ([`Session::changed`]), and the dialler compares digests every 30 s.

mod agree;
mod farewell;
mod frame;
mod greeting;
mod heads;
mod held;
mod open;
mod pieces;
mod proof;
mod reason;
mod receive;
mod send;
mod spans;
mod trail;

use std::collections::BTreeMap;

use crate::{
    book::{Admitted, Book, Received, Refusal},
    chain::{DeviceKey, Run},
    entry::LogKey,
    ids::{DeviceId, EntryHash, GrantId, IncidentId, Millis, Seq},
    intake::Delay,
};

pub(crate) use frame::claim;
pub use frame::{FrameError, MAX_FRAME, MAX_SECRETS, VERSION, carries_entries};
use greeting::{Greeting, Met};
use open::Open;
pub use reason::{CloseReason, Reason};
pub use send::{Rank, fewest_first};

pub use crate::limits::GREETING_MS;
/// Digests are compared at least this often.
pub const COMPARE_MS: u64 = 30_000;

/// What this side brings to a session.
#[derive(Debug, Clone, Copy)]
pub struct Local<'a> {
    /// The incident.
    pub incident: IncidentId,
    /// The device's key, to prove its identity.
    pub key: &'a DeviceKey,
    /// The incident secrets that are accepted, the current one first; at most [`MAX_SECRETS`] count.
    pub secrets: &'a [[u8; 32]],
    /// This side's transport id, as the transport has authenticated it.
    pub here: &'a [u8],
    /// The other side's.
    pub there: &'a [u8],
    /// Whether this side opened the connection. Exactly one of the two says so.
    pub dialler: bool,
    /// The program's name and version, for the person over there; at most 48 bytes.
    pub software: &'a str,
    /// What this device's clock says, for the other side to compare with its own. It decides nothing.
    pub clock: Millis,
}

/// Names a run that was handed out for storing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// Names a question to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadId(u64);

/// A question to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRequest {
    /// To be given back with the answer.
    pub id: ReadId,
    /// Which log.
    pub log: LogKey,
    /// The first place wanted.
    pub from: Seq,
    /// `h` there: of a forked log it says which line.
    pub hash: EntryHash,
    /// The last place wanted.
    pub to: Seq,
    /// About how many entries at most.
    pub entries: usize,
    /// About how many bytes of parts at most.
    pub bytes: usize,
}

impl ReadRequest {
    /// Asks for a whole stretch of a log, outside of any session.
    pub fn whole(log: LogKey, from: u64, hash: EntryHash, to: u64) -> Self {
        Self {
            id: ReadId(0),
            log,
            from: Seq(from),
            hash,
            to: Seq(to),
            entries: usize::MAX,
            bytes: usize::MAX,
        }
    }
}

/// What the caller is to do. Carry them out in order.
///
/// A session passes on whatever the book counts as here and the store can read. An entry of this
/// device's own must therefore be durable before a session is called again: sign, fsync, publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send this frame to the peer, after all earlier ones.
    Send(Vec<u8>),
    /// Drop the frames that were given to be sent and have not left yet: the peer is no member any
    /// more.
    Discard,
    /// Give this encoded run to [`Book::receive`]; when it is durable, or refused, say so with
    /// [`Session::stored`].
    Deliver {
        /// To be given back.
        ticket: Ticket,
        /// For the door.
        run: Vec<u8>,
    },
    /// Read from the store, and answer with [`Session::runs`]. One question is open at a time.
    Read(ReadRequest),
    /// The peer is this device, admitted by this grant.
    Member {
        /// Who.
        device: DeviceId,
        /// Its most senior grant.
        grant: GrantId,
        /// What people call it.
        label: String,
        /// The program it runs.
        software: String,
    },
    /// A run of the peer was refused, here.
    Refused {
        /// Its log, as it claims.
        log: Option<LogKey>,
        /// Why.
        reason: Reason,
    },
    /// A log is not sent to the peer for now.
    Skipped {
        /// Which.
        log: LogKey,
        /// Why.
        reason: Reason,
    },
    /// The peer has, or says it has, entries of one of this device's own logs that are not here.
    /// Where it is the generation in use, the data directory is an old copy, and the next entry must
    /// go into a new generation. Said once a log.
    OwnLogAhead(LogKey),
    /// What the peer's clock said when it greeted, a moment ago.
    Clock(Millis),
    /// Both have the same entries. Said once each time it becomes so.
    InSync,
    /// The session is over; close the connection after sending what was to be sent.
    Close(CloseReason),
}

/// What became of a delivered run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It passed the door, and is durable.
    Admitted(Box<Admitted>),
    /// It was here already.
    Known,
    /// The door refused it.
    Refused(Refusal),
    /// It passed the door and could not be stored, or intake has stopped.
    NotStored,
    /// It was not offered to the door: it is to come again later.
    Delayed(Delay),
}

impl From<Result<Received, Refusal>> for Outcome {
    fn from(result: Result<Received, Refusal>) -> Self {
        match result {
            Ok(Received::Admitted(admitted)) => Self::Admitted(admitted),
            Ok(Received::Known) => Self::Known,
            Err(refusal) => Self::Refused(refusal),
        }
    }
}

/// What a session has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Entries handed to the transport.
    pub entries_sent: u64,
    /// Entries that were new here.
    pub entries_received: u64,
    /// Runs handed to the transport.
    pub runs_sent: u64,
    /// Runs that came.
    pub runs_received: u64,
    /// Bytes of all frames sent.
    pub bytes_sent: u64,
    /// Bytes of all frames received.
    pub bytes_received: u64,
    /// Rounds after which nothing had moved and digests still differed: a wrong sketch, or entries that
    /// one side refuses. Counted by the side that opens the next one.
    pub in_vain: u64,
    /// Refusals here, by [`Reason::code`].
    pub refused: BTreeMap<&'static str, u64>,
    /// Entries that wait here or over there, as far as is known: sent and not yet receipted, runs
    /// delivered and not yet stored, runs parked until their author is known.
    pub unreceipted: u64,
    /// See [`Self::unreceipted`].
    pub delivered: u64,
    /// See [`Self::unreceipted`].
    pub parked: u64,
}

enum State {
    Greeting(Box<Greeting>),
    Open(Box<Open>),
    Closed,
}

/// One session. See the module's head.
pub struct Session {
    state: State,
    rank: Rank,
    bytes_sent: u64,
    bytes_received: u64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match &self.state {
            State::Greeting(_) => "greeting",
            State::Open(_) => "open",
            State::Closed => "closed",
        };
        write!(f, "Session({state})")
    }
}

impl Session {
    /// Starts a session over a connection that exists. `random` must be fresh.
    pub fn start(local: &Local<'_>, random: [u8; 32], now_ms: u64) -> (Self, Vec<Effect>) {
        let (greeting, hello) = Greeting::start(local, random, now_ms);
        let mut session = Self {
            state: State::Greeting(Box::new(greeting)),
            rank: fewest_first,
            bytes_sent: 0,
            bytes_received: 0,
        };
        let effects = hello.map(|h| Effect::Send(h.to_bytes()));
        let effects = session.counted(effects.into_iter().collect());
        (session, effects)
    }

    /// Sets which logs of lane 1 go first.
    pub fn with_rank(mut self, rank: Rank) -> Self {
        self.rank = rank;
        self
    }

    /// Takes in a frame of the peer.
    pub fn frame(&mut self, book: &Book, bytes: &[u8]) -> Vec<Effect> {
        self.bytes_received += bytes.len() as u64;
        let mut effects = Vec::new();
        let result = match &mut self.state {
            State::Closed => return effects,
            State::Greeting(greeting) => match greeting.frame(book, bytes, &mut effects) {
                Ok(Some(met)) => self.open(book, met, &mut effects),
                Ok(None) => Ok(()),
                Err(e) => Err(e),
            },
            State::Open(open) => open.frame(book, bytes, &mut effects),
        };
        self.finish(result, effects)
    }

    fn open(
        &mut self,
        book: &Book,
        met: Met,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CloseReason> {
        let open = Open::start(book, met, self.rank, effects)?;
        self.state = State::Open(Box::new(open));
        Ok(())
    }

    /// Answers [`Effect::Read`]: runs of the log in order, each ending in a signed entry, the first
    /// one holding the entry asked for, and each of the others going on where the one before it
    /// ended. Of a forked log they keep to the line of that entry; a run that leaves it (its signature
    /// lies on another branch) is the last one. Fewer than asked for are fine; none says that the store
    /// cannot read them.
    pub fn runs(&mut self, book: &Book, id: ReadId, runs: Vec<Run>) -> Vec<Effect> {
        self.with_open(|open, fx| open.runs(book, id, runs, fx))
    }

    /// Says what became of delivered runs. Say `Admitted` only after the store's fsync: it is
    /// receipted to the peer. Then tell the *other* sessions by [`Self::changed`].
    pub fn stored(&mut self, book: &Book, outcomes: &[(Ticket, Outcome)]) -> Vec<Effect> {
        self.with_open(|open, fx| open.stored(book, outcomes, fx))
    }

    /// Says that entries were admitted which this session did not deliver, and are durable.
    pub fn changed(&mut self, book: &Book, admitted: &Admitted) -> Vec<Effect> {
        self.with_open(|open, fx| open.changed(book, admitted, fx))
    }

    /// Says what time it is, on any clock that does not go back; once a second will do.
    pub fn tick(&mut self, book: &Book, now_ms: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        let result = match &mut self.state {
            State::Closed => return effects,
            State::Greeting(greeting) => greeting.tick(now_ms),
            State::Open(open) => open.tick(book, now_ms, &mut effects),
        };
        self.finish(result, effects)
    }

    /// Ends the session in good order.
    pub fn leave(&mut self) -> Vec<Effect> {
        if self.is_closed() {
            return Vec::new();
        }
        self.finish(Err(CloseReason::Left), Vec::new())
    }

    /// Says that the other side ended the connection in good order. Where this side had called and
    /// got no answer, that is how a stranger is told no; it is the reason given back, once.
    pub fn hung_up(&mut self) -> Option<CloseReason> {
        let unanswered = matches!(&self.state, State::Greeting(g) if g.is_unanswered());
        self.state = State::Closed;
        unanswered.then_some(CloseReason::Stranger)
    }

    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether both had the same entries when digests were last compared, and nothing moved since.
    pub fn in_sync(&self) -> bool {
        matches!(&self.state, State::Open(open) if open.in_sync())
    }

    /// The peer, once it has proven who it is.
    pub fn peer(&self) -> Option<DeviceId> {
        match &self.state {
            State::Open(open) => Some(open.peer()),
            _ => None,
        }
    }

    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        let mut stats = match &self.state {
            State::Open(open) => open.stats(),
            _ => Stats::default(),
        };
        stats.bytes_sent = self.bytes_sent;
        stats.bytes_received = self.bytes_received;
        stats
    }

    fn with_open(
        &mut self,
        act: impl FnOnce(&mut Open, &mut Vec<Effect>) -> Result<(), CloseReason>,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        let result = match &mut self.state {
            State::Open(open) => act(open, &mut effects),
            _ => Ok(()),
        };
        self.finish(result, effects)
    }

    fn finish(&mut self, result: Result<(), CloseReason>, mut effects: Vec<Effect>) -> Vec<Effect> {
        if let Err(reason) = result {
            if let Some(code) = reason.bye() {
                effects.push(Effect::Send(frame::Frame::Bye(code, VERSION).to_bytes()));
            }
            effects.push(Effect::Close(reason));
            self.state = State::Closed;
        }
        self.counted(effects)
    }

    fn counted(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let sent = effects.iter().map(|effect| match effect {
            Effect::Send(bytes) => bytes.len() as u64,
            _ => 0,
        });
        self.bytes_sent += sent.sum::<u64>();
        effects
    }
}
