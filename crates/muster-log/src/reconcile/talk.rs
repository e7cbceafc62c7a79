//! The steps of an agreement: who has said what, and what may come next.
//!
//! ```text
//! opener              other side
//!   | -- Sketch, small ---> |   few logs differ: it tells which
//!   | <------- Tell ------- |
//!   | -- Tell (answer) ---> |
//!
//!   | -- Sketch, small ---> |   more differ than that tells
//!   | <-- Sketch, larger -- |
//!   | -- Tell ------------> |
//!   | <--- Tell (answer) -- |
//!
//!   | -- Tell, of all ----> |   few logs are here
//!   | <--- Tell (answer) -- |
//! ```

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::{
    codec::Bounded,
    ids::{EntryHash, LogId, Seq},
    limits::HEADS_LOGS,
};

use super::{
    estimate, find,
    sums::{Difference, sums_for},
    tell::{Ahead, HEADS, Here, ITEMS, MAX_BUCKETS, MAX_EACH, MOST_BUCKETS, Place, Sketch, Tell},
    view::{Element, View},
};

/// Differences that the first sketch tells.
const FIRST: usize = 8;
/// With no more logs than this all are told at once: a sketch would be as long.
const FEW: usize = 16;

/// Why an agreement cannot go on: what came is not what it claims to be, or not its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Broken {
    /// A sketch that nobody waits for, or whose measures do not fit each other.
    #[error("a sketch out of turn or out of measure")]
    Sketch,
    /// The same of what is told.
    #[error("differences out of turn or out of measure")]
    Tell,
    /// More than any honest device has to say.
    #[error("more differences than there can be")]
    Flood,
}

/// What the other side has of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theirs {
    /// Nothing.
    Nothing,
    /// The first so many entries.
    Upto(u64),
    /// All that was here when the view was taken, and more.
    More,
    /// Another history than the one here.
    Parted,
}

/// Something found about a log that is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Which log.
    pub log: LogId,
    /// What the other side has of it.
    pub theirs: Theirs,
}

/// Part of what is told, as it comes: with the ids of the heads that came beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// What is told.
    pub tell: Tell,
    /// Logs whose heads in full go with it, at most [`HEADS`].
    pub heads: Vec<LogId>,
    /// Nothing more comes.
    pub last: bool,
}

/// What follows from a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Out {
    /// To be sent.
    pub sketch: Option<Sketch>,
    /// To be sent, in order.
    pub parts: Vec<Part>,
    /// What was found, by now. It holds for logs of the view; of all others there the other side
    /// has what was here when the view was taken. It counts once [`Self::compared`] was said.
    pub findings: Vec<Finding>,
    /// From now on findings count.
    pub compared: bool,
    /// Both sides know all there is to know.
    pub agreed: bool,
}

/// Looks up `h` at a place of a log that is here.
pub(super) type HashAt<'a> = &'a dyn Fn(&LogId, Seq) -> Option<EntryHash>;

enum Phase {
    /// Nothing was said.
    Waiting,
    /// A sketch was sent; whether it was the first.
    Sketched {
        first: bool,
    },
    /// It was told what differs; these places wait for the answer.
    Told(BTreeSet<Place>),
    /// The other side tells what differs.
    Heard(Box<Heard>),
    Agreed,
}

/// What the other side has told so far, and the answer to it.
#[derive(Default)]
pub(super) struct Heard {
    pub named: BTreeSet<Place>,
    /// What is there at a place, log by log.
    pub there: BTreeMap<Place, Vec<Here>>,
    pub whole: BTreeSet<u8>,
    pub findings: Vec<Finding>,
    pub answer: Parts,
}

/// An agreement under way, on one side.
pub struct Agreement {
    view: View,
    phase: Phase,
    named: usize,
}

impl Agreement {
    /// Waits for the other side to open.
    pub fn wait(view: View) -> Self {
        Self {
            view,
            phase: Phase::Waiting,
            named: 0,
        }
    }

    /// Opens.
    pub fn open(view: View) -> (Self, Out) {
        let mut this = Self::wait(view);
        let out = if this.view.len() <= FEW {
            this.tell_all()
        } else {
            this.phase = Phase::Sketched { first: true };
            Out {
                sketch: Some(find::sketch(&mut this.view, 1, FIRST, true)),
                ..Out::default()
            }
        };
        (this, out)
    }

    /// Takes in a sketch.
    pub fn sketch(&mut self, theirs: &Sketch, hash_at: HashAt<'_>) -> Result<Out, Broken> {
        let opening = match self.phase {
            Phase::Waiting => true,
            Phase::Sketched { first: true } => false,
            _ => return Err(Broken::Sketch),
        };
        let buckets = usize::from(theirs.buckets);
        let fits = buckets > 0
            && theirs.buckets <= MAX_BUCKETS
            && theirs.sums.len().is_multiple_of(2 * buckets)
            && theirs.sums.len() / (2 * buckets) <= sums_for(MAX_EACH);
        if !fits {
            return Err(Broken::Sketch);
        }
        self.view.cut(theirs.buckets);
        let found = find::differences(&self.view, theirs);
        if !opening || found.iter().all(Option::is_some) {
            return Ok(self.tell(&found, hash_at));
        }
        let about = estimate::compare(self.view.elements(), &theirs.estimate);
        match find::plan(about, self.view.len() as u64, theirs.logs) {
            None => Ok(self.tell_all()),
            Some((buckets, each)) => {
                self.phase = Phase::Sketched { first: false };
                Ok(Out {
                    sketch: Some(find::sketch(&mut self.view, buckets, each, false)),
                    ..Out::default()
                })
            }
        }
    }

    fn tell(&mut self, found: &[Option<Vec<Difference>>], at: HashAt<'_>) -> Out {
        let told = find::tell(&self.view, found, at);
        self.phase = Phase::Told(told.open);
        Out {
            parts: told.parts.done(),
            findings: told.findings,
            compared: true,
            ..Out::default()
        }
    }

    /// Names every log that is here.
    fn tell_all(&mut self) -> Out {
        let most = self.view.len().div_ceil(64).max(1);
        let buckets = u16::try_from(most).map_or(MOST_BUCKETS, |b| b.min(MOST_BUCKETS));
        self.view.cut(buckets);
        let nothing = vec![None; usize::from(buckets)];
        self.tell(&nothing, &|_, _| None)
    }

    /// Takes in a part of what the other side tells.
    pub fn part(&mut self, part: &Part, hash_at: HashAt<'_>) -> Result<Out, Broken> {
        let tell = &part.tell;
        self.named += tell.ahead.len() + tell.here.len() + tell.none.len() + tell.odd.len();
        if self.named > HEADS_LOGS {
            return Err(Broken::Flood);
        }
        if let Phase::Told(_) = self.phase {
            return self.answered(part, hash_at);
        }
        if let Phase::Waiting | Phase::Sketched { .. } = self.phase {
            if !(1..=MOST_BUCKETS).contains(&tell.buckets) {
                return Err(Broken::Tell);
            }
            self.view.cut(tell.buckets);
            self.phase = Phase::Heard(Box::new(Heard {
                answer: Parts::new(tell.buckets),
                ..Heard::default()
            }));
        }
        let Phase::Heard(heard) = &mut self.phase else {
            return Err(Broken::Tell);
        };
        if tell.buckets != self.view.buckets() {
            return Err(Broken::Tell);
        }
        heard.take(&self.view, part)?;
        if !part.last {
            return Ok(Out::default());
        }
        heard.end(&self.view, hash_at);
        let heard = std::mem::take(heard);
        self.phase = Phase::Agreed;
        Ok(Out {
            parts: heard.answer.done(),
            findings: heard.findings,
            compared: true,
            agreed: true,
            ..Out::default()
        })
    }

    /// The answer to what was told here.
    fn answered(&mut self, part: &Part, hash_at: HashAt<'_>) -> Result<Out, Broken> {
        let Phase::Told(open) = &mut self.phase else {
            return Err(Broken::Tell);
        };
        if part.tell.buckets != self.view.buckets() {
            return Err(Broken::Tell);
        }
        let mut out = Out::default();
        let mut find = |place: &Place, theirs, which: &dyn Fn(&Element) -> bool| {
            let logs = self.view.at(*place).iter().filter(|e| which(e));
            let findings = logs.map(|e| Finding { log: e.log, theirs });
            out.findings.extend(findings);
        };
        let tell = &part.tell;
        for ahead in &tell.ahead {
            open.remove(&ahead.place);
            find(&ahead.place, Theirs::More, &|e| e.mark.check == ahead.check);
        }
        for here in &tell.here {
            open.remove(&here.place);
            let parted = |e: &Element| self.view.parted(&e.log, here, hash_at);
            find(&here.place, Theirs::Parted, &parted);
            find(&here.place, Theirs::Upto(here.count), &|e| !parted(e));
        }
        for place in &tell.none {
            open.remove(place);
            find(place, Theirs::Nothing, &|_| true);
        }
        for place in &tell.odd {
            open.remove(place);
            let unnamed = |e: &Element| !part.heads.contains(&e.log);
            find(place, Theirs::Nothing, &unnamed);
        }
        if part.last {
            for place in std::mem::take(open) {
                find(&place, Theirs::More, &|_| true);
            }
            out.agreed = true;
            self.phase = Phase::Agreed;
        }
        Ok(out)
    }
}

/// What is told, cut into parts as it grows.
#[derive(Default)]
pub(super) struct Parts {
    buckets: u16,
    whole: Vec<u8>,
    done: Vec<Part>,
    ahead: Vec<Ahead>,
    here: Vec<Here>,
    none: Vec<Place>,
    odd: Vec<Place>,
    heads: Vec<LogId>,
}

impl Parts {
    pub(super) fn new(buckets: u16) -> Self {
        Self {
            buckets,
            ..Self::default()
        }
    }

    pub(super) fn whole(&mut self, bucket: u8) {
        self.whole.push(bucket);
    }

    pub(super) fn ahead(&mut self, ahead: Ahead) {
        self.ahead.push(ahead);
        self.room();
    }

    pub(super) fn here(&mut self, here: Here) {
        self.here.push(here);
        self.room();
    }

    pub(super) fn none(&mut self, place: Place) {
        self.none.push(place);
        self.room();
    }

    /// Heads in full, of all logs at a place.
    pub(super) fn odd(&mut self, place: Place, logs: impl Iterator<Item = LogId>) {
        let logs: Vec<LogId> = logs.take(HEADS).collect();
        if self.heads.len() + logs.len() > HEADS {
            self.cut();
        }
        self.odd.push(place);
        self.heads.extend(logs);
        self.room();
    }

    fn room(&mut self) {
        let items = self.ahead.len() + self.here.len() + self.none.len() + self.odd.len();
        if items >= ITEMS {
            self.cut();
        }
    }

    fn cut(&mut self) {
        fn list<T, const N: usize>(of: &mut Vec<T>) -> Bounded<T, N> {
            // Never longer than its limit: `room` sees to it.
            Bounded::try_from(std::mem::take(of)).unwrap_or_default()
        }
        let tell = Tell {
            buckets: self.buckets,
            whole: list(&mut self.whole),
            ahead: list(&mut self.ahead),
            here: list(&mut self.here),
            none: list(&mut self.none),
            odd: list(&mut self.odd),
        };
        self.done.push(Part {
            tell,
            heads: std::mem::take(&mut self.heads),
            last: false,
        });
    }

    pub(super) fn done(mut self) -> Vec<Part> {
        self.cut();
        if let Some(part) = self.done.last_mut() {
            part.last = true;
        }
        self.done
    }
}
