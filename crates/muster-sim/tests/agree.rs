//! What it costs two devices to find out which logs differ, and what happens when one side lies.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use muster_log::{
    ids::{Generation, Lane, Millis},
    role::Role,
    session::{Effect, Local, Session},
};
use muster_sim::{device::Device, seed::Seed, world::World};

const HEADS: u8 = 6;
const RUN: u8 = 7;
const SKETCH: u8 = 12;
const TELL: u8 = 13;

/// Two devices and the frames between them.
struct Pair {
    world: World,
    seed: Seed,
}

/// What went over, both ways together.
#[derive(Default)]
struct Tally {
    /// Bytes of frames of each kind.
    bytes: BTreeMap<u8, usize>,
    /// Messages one way or the other, after the greeting, before the first run of entries.
    first_run: Option<usize>,
    in_vain: u64,
    in_sync: bool,
}

impl Tally {
    fn of(&self, kind: u8) -> usize {
        self.bytes.get(&kind).copied().unwrap_or(0)
    }

    fn agreement(&self) -> usize {
        self.of(SKETCH) + self.of(TELL) + self.of(HEADS)
    }
}

fn start(device: &Device, dialler: bool, seed: &mut Seed) -> (Session, Vec<Effect>) {
    let (one, two): (&[u8], &[u8]) = (b"dialler", b"responder");
    let (here, there) = if dialler { (one, two) } else { (two, one) };
    let local = Local {
        incident: device.book.incident(),
        key: &device.key,
        secrets: &device.secrets,
        here,
        there,
        dialler,
        software: "sim",
        clock: Millis(0),
    };
    Session::start(&local, seed.bytes(), 0)
}

/// Carries out a session's wishes; gives the frames it sends.
fn serve(device: &mut Device, session: &mut Session, effects: Vec<Effect>) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut todo: VecDeque<_> = effects.into();
    while let Some(effect) = todo.pop_front() {
        match effect {
            Effect::Send(frame) => frames.push(frame),
            Effect::Deliver { ticket, run } => {
                let outcome = device.receive(&run);
                todo.extend(session.stored(&device.book, &[(ticket, outcome)]));
            }
            Effect::Read(request) => {
                let runs = device.store.read(&request, &device.book);
                todo.extend(session.runs(&device.book, request.id, runs));
            }
            Effect::Close(reason) => panic!("{reason:?}"),
            _ => {}
        }
    }
    frames
}

impl Pair {
    /// Two devices with so many logs of one entry each, the same on both.
    fn with_logs(count: u64) -> Self {
        let world = World::with_devices(1, 2, Role::Coordinator).unwrap();
        let mut pair = Self {
            world,
            seed: Seed::new(9),
        };
        for generation in 0..count {
            pair.grow(0, generation);
        }
        pair
    }

    /// A log of the first device grows by an entry, on one side alone.
    fn grow(&mut self, side: usize, generation: u64) {
        let [first, second] = &mut self.world.devices[..] else {
            panic!()
        };
        // Each writes in logs of its own, numbered alike.
        let device = if side == 0 { first } else { second };
        let own = device.generation;
        device.generation = Generation(generation);
        device.write_note(&mut self.seed).unwrap();
        device.generation = own;
    }

    /// They meet, for so long; `meddle` may change what goes over.
    fn meet(&mut self, ms: u64, mut meddle: impl FnMut(usize, &mut Vec<u8>)) -> Tally {
        let [a, b] = &mut self.world.devices[..] else {
            panic!()
        };
        let (dialler, hello) = start(a, true, &mut self.seed);
        let (responder, _) = start(b, false, &mut self.seed);
        let mut sessions = [dialler, responder];
        let mut devices = [a, b];
        let mut frames = serve(devices[0], &mut sessions[0], hello);
        let (mut tally, mut turn, mut now) = (Tally::default(), 0, 0);
        loop {
            let to = 1 - turn % 2;
            for frame in &mut frames {
                meddle(to, frame);
                let kind = frame[0];
                *tally.bytes.entry(kind).or_default() += frame.len();
                if kind == RUN && tally.first_run.is_none() {
                    tally.first_run = Some(turn);
                }
            }
            let (session, device) = (&mut sessions[to], &mut devices[to]);
            let mut answer = Vec::new();
            for frame in &frames {
                let effects = session.frame(&device.book, frame);
                answer.extend(serve(device, session, effects));
            }
            let quiet = answer.is_empty() && to == 1;
            if quiet {
                if now >= ms {
                    break;
                }
                now += 1_000;
            }
            if quiet {
                let (session, device) = (&mut sessions[0], &mut devices[0]);
                let effects = session.tick(&device.book, now);
                frames = serve(device, session, effects);
                turn = 0;
                let effects = sessions[1].tick(&devices[1].book, now);
                assert!(serve(devices[1], &mut sessions[1], effects).is_empty());
                continue;
            }
            (frames, turn) = (answer, turn + 1);
        }
        tally.in_vain = sessions.iter().map(|s| s.stats().in_vain).sum();
        tally.in_sync = sessions.iter().all(Session::in_sync);
        tally
    }

    fn digests_agree(&self) -> bool {
        let mut digests = self.world.devices.iter().map(|d| d.book.frontier_digest());
        digests.next() == digests.next()
    }
}

#[test]
fn the_cost_to_agree_follows_the_logs_that_differ() {
    let mut pair = Pair::with_logs(1_000);
    let tally = pair.meet(3_000, |_, _| {});
    assert!(tally.in_sync && pair.digests_agree());
    println!("a newcomer to 1,000 logs: {} bytes", tally.agreement());
    assert!(tally.agreement() < 1_000);

    pair.grow(0, 500);
    let tally = pair.meet(0, |_, _| {});
    println!("1 of 1,000 logs: {} bytes", tally.agreement());
    assert!(tally.in_sync && pair.digests_agree());
    // With two summaries of 32 bytes each way.
    assert!(tally.agreement() + 64 <= 250 && tally.of(HEADS) == 0);
    // Hello, Welcome, Identity with a sketch, what differs, and the first entries.
    assert!(tally.first_run.unwrap() <= 4, "{:?}", tally.first_run);

    for generation in 0..100 {
        pair.grow((generation % 2) as usize, generation * 10);
    }
    let tally = pair.meet(3_000, |_, _| {});
    println!("100 of 1,000 logs: {} bytes", tally.agreement());
    assert!(tally.in_sync && pair.digests_agree() && tally.in_vain == 0);
    assert!(
        tally.agreement() + 64 <= 2_000 + 200,
        "a round for one that was missed is possible"
    );
    assert!(tally.first_run.unwrap() <= 5, "{:?}", tally.first_run);

    let tally = pair.meet(0, |_, _| {});
    assert!(
        tally.in_sync && tally.agreement() == 0,
        "equal digests need no more"
    );
}

#[test]
fn few_logs_are_told_at_once() {
    let mut pair = Pair::with_logs(10);
    pair.meet(3_000, |_, _| {});
    pair.grow(1, 3);
    let tally = pair.meet(0, |_, _| {});
    assert!(tally.in_sync && pair.digests_agree());
    assert!(tally.of(SKETCH) == 0 && tally.agreement() < 200);
    assert!(
        tally.first_run.unwrap() <= 3,
        "the responder sends as soon as it is told"
    );
}

#[test]
fn a_peer_that_says_that_nothing_differs_is_found_out() {
    let mut pair = Pair::with_logs(100);
    pair.meet(3_000, |_, _| {});
    for generation in 0..8 {
        pair.grow((generation % 2) as usize, generation);
    }
    // Instead of each sketch goes the word that nothing differs, and both sides believe it; what the
    // second one of them answers to that is left out.
    let nothing = [TELL, Lane::DATA.0, 1, 0, 0, 0, 0, 0, 0, 1];
    let (mut lies, mut answers) = (0, 2);
    let lie = |_: usize, frame: &mut Vec<u8>| match frame[0] {
        SKETCH => {
            *frame = nothing.to_vec();
            lies += 1;
            answers = 0;
        }
        TELL => {
            answers += 1;
            if answers == 2 {
                *frame = vec![70];
            }
        }
        _ => {}
    };
    let tally = pair.meet(100_000, lie);
    println!("{lies} lies, {} rounds in vain", tally.in_vain);
    assert!(lies >= 2 && tally.in_vain >= 1);
    assert!(tally.of(HEADS) > 0, "the plain list in the end");
    assert!(tally.in_sync && pair.digests_agree());
}

#[test]
fn sums_that_were_changed_on_the_way_do_no_harm() {
    for at in [0, 40, 90, 120, 200] {
        let mut pair = Pair::with_logs(60);
        pair.meet(3_000, |_, _| {});
        for generation in 0..(at / 5) {
            pair.grow((generation % 2) as usize, generation);
        }
        let change = |_: usize, frame: &mut Vec<u8>| {
            let at = at as usize;
            if frame[0] == SKETCH && frame.len() > at + 20 {
                let end = frame.len() - 1;
                frame[end - at % 10] ^= 0x55;
            }
        };
        let tally = pair.meet(100_000, change);
        assert!(tally.in_sync && pair.digests_agree(), "{at}");
    }
}

/// 100,000 logs, which takes a minute or two to make. Run by hand, it prints what it costs.
#[test]
#[ignore = "a measurement"]
fn a_hundred_thousand_logs() {
    let mut pair = Pair::with_logs(100_000);
    let [first, second] = &mut pair.world.devices[..] else {
        panic!()
    };
    second.book = first.book.clone();
    for generation in 0..50 {
        pair.grow(0, generation * 2_000);
    }
    let before = Instant::now();
    let tally = pair.meet(3_000, |_, _| {});
    println!(
        "50 of 100,000 logs: {} bytes, {:?}",
        tally.agreement(),
        before.elapsed()
    );
    assert!(tally.in_sync && pair.digests_agree() && tally.of(HEADS) == 0);
}
