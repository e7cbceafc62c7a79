//! Two engines connected by a pipe in memory: sessions driven as the node's network room drives
//! them, with nothing said to a peer before it is durable.

use std::collections::VecDeque;

use muster_log::session::{CloseReason, Effect, Local, Outcome, Reason, Session, Ticket};
use muster_node::engine::Engine;

use super::{Rng, receive};

pub struct End {
    session: Session,
    incoming: VecDeque<Vec<u8>>,
    outcomes: Vec<(Ticket, Outcome)>,
    pub in_sync: bool,
    pub own_ahead: u64,
    pub skipped: Vec<Reason>,
    pub closed: Option<CloseReason>,
}

pub struct Pipe {
    pub ends: [End; 2],
    /// Frames carried so far, both ways together.
    pub frames: u64,
    /// After so many frames the pipe breaks.
    pub cut_after: Option<u64>,
}

fn end(engine: &Engine, dialler: bool, rng: &mut Rng) -> (End, Vec<Effect>) {
    let ids = [&b"one"[..], &b"two"[..]];
    let (here, there) = match dialler {
        true => (ids[0], ids[1]),
        false => (ids[1], ids[0]),
    };
    let secret = engine.secrets().member().unwrap().secret;
    let local = Local {
        incident: engine.incident(),
        key: &engine.secrets().key(),
        secrets: &[secret],
        here,
        there,
        dialler,
        software: "muster test",
        clock: super::NOW,
    };
    let (session, effects) = Session::start(&local, rng.bytes32(), 0);
    let end = End {
        session,
        incoming: VecDeque::new(),
        outcomes: Vec::new(),
        in_sync: false,
        own_ahead: 0,
        skipped: Vec::new(),
        closed: None,
    };
    (end, effects)
}

impl Pipe {
    pub fn new(engines: &mut [&mut Engine; 2], cut_after: Option<u64>, rng: &mut Rng) -> Self {
        let (one, hello) = end(engines[0], true, rng);
        let (two, answer) = end(engines[1], false, rng);
        let mut pipe = Self {
            ends: [one, two],
            frames: 0,
            cut_after,
        };
        pipe.carry_out(0, engines, hello, rng);
        pipe.carry_out(1, engines, answer, rng);
        pipe
    }

    fn broken(&self) -> bool {
        self.cut_after.is_some_and(|n| self.frames >= n)
    }

    fn carry_out(
        &mut self,
        side: usize,
        engines: &mut [&mut Engine; 2],
        effects: Vec<Effect>,
        rng: &mut Rng,
    ) {
        let mut todo = VecDeque::from(effects);
        while let Some(effect) = todo.pop_front() {
            let engine = &mut *engines[side];
            match effect {
                Effect::Send(frame) => {
                    if !self.broken() {
                        self.frames += 1;
                        self.ends[1 - side].incoming.push_back(frame);
                    }
                }
                Effect::Deliver { ticket, run } => {
                    self.ends[side].in_sync = false;
                    let outcome = receive(engine, &run, rng).unwrap();
                    self.ends[side].outcomes.push((ticket, outcome.into()));
                }
                Effect::Read(request) => {
                    self.ends[side].in_sync = false;
                    let runs = engine.answer(&request).unwrap();
                    let session = &mut self.ends[side].session;
                    todo.extend(session.runs(engine.book(), request.id, runs));
                }
                Effect::Discard | Effect::Clock(_) => {}
                Effect::InSync => self.ends[side].in_sync = true,
                Effect::OwnLogAhead(log) => {
                    self.ends[side].own_ahead += 1;
                    if engine.secrets().log(log.lane) == log {
                        engine.renew_generation(&mut |b| rng.fill(b)).unwrap();
                    }
                }
                Effect::Skipped { reason, .. } | Effect::Refused { reason, .. } => {
                    self.ends[side].skipped.push(reason);
                }
                Effect::Close(reason) => self.ends[side].closed = Some(reason),
                Effect::Member { .. } => {}
            }
        }
    }

    /// One turn of one side's loop: some frames, one sync, then what follows from it.
    fn turn(&mut self, side: usize, engines: &mut [&mut Engine; 2], rng: &mut Rng) -> bool {
        let some = 1 + rng.below(4);
        let mut moved = false;
        for _ in 0..some {
            let Some(frame) = self.ends[side].incoming.pop_front() else {
                break;
            };
            moved = true;
            let effects = self.ends[side].session.frame(engines[side].book(), &frame);
            self.carry_out(side, engines, effects, rng);
        }
        engines[side].flush().unwrap();
        let admitted = engines[side].take_admitted();
        let outcomes = std::mem::take(&mut self.ends[side].outcomes);
        let mut effects = Vec::new();
        let book = engines[side].book();
        if !outcomes.is_empty() {
            moved = true;
            effects.extend(self.ends[side].session.stored(book, &outcomes));
        }
        for a in &admitted {
            let delivered = outcomes
                .iter()
                .any(|(_, o)| matches!(o, Outcome::Admitted(x) if x.run.head() == a.run.head()));
            if !delivered {
                effects.extend(self.ends[side].session.changed(book, a));
            }
        }
        moved |= !effects.is_empty();
        self.carry_out(side, engines, effects, rng);
        moved
    }

    /// Until nothing moves any more, or the pipe breaks.
    pub fn run(&mut self, engines: &mut [&mut Engine; 2], rng: &mut Rng) {
        for _ in 0..100_000 {
            if self.broken() {
                return;
            }
            let first = rng.below(2);
            let moved = self.turn(first, engines, rng);
            if !(self.turn(1 - first, engines, rng) || moved) {
                return;
            }
        }
        panic!("the session does not end");
    }

    /// Lets the dialler compare digests, and everything that follows arrive.
    pub fn compare(&mut self, engines: &mut [&mut Engine; 2], now: u64, rng: &mut Rng) {
        for side in 0..2 {
            let effects = self.ends[side].session.tick(engines[side].book(), now);
            self.carry_out(side, engines, effects, rng);
        }
        self.run(engines, rng);
    }
}

/// A whole contact, without a cut.
pub fn meet(one: &mut Engine, two: &mut Engine, rng: &mut Rng) -> Pipe {
    let mut engines = [one, two];
    let mut pipe = Pipe::new(&mut engines, None, rng);
    pipe.run(&mut engines, rng);
    for n in 1..4 {
        pipe.compare(&mut engines, n * 5_000, rng);
    }
    pipe
}
