//! Every decoder fed 10,000 mutated inputs: no panic, no allocation over its limit, a typed reason,
//! and nothing accepted in a second spelling. The allocator of this binary counts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use muster_log::{
    act::{Act, Audience, Cut, End},
    beacon,
    book::Book,
    bundle::{BundleError, Item, Reader, Stretch, Writer},
    codec::{self, Bounded, CodecError},
    entry::{Extension, Header},
    genesis::{Genesis, GenesisError},
    ids::*,
    operation::{Operation, PartContent},
    pairing::{
        Answer, PairingError, Request,
        code::{Card, CardAddress, Code, CodeError, Given},
        flight::Flight,
        sas::Opening,
    },
    role::Role,
    run::{self, RunCodecError},
    seal,
};
use peak_alloc::PeakAlloc;

#[path = "log/common.rs"]
mod common;
use common::*;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;
static ALONE: Mutex<()> = Mutex::new(());
const KIB: usize = 1024;
const INPUTS: usize = 10_000;

/// One test at a time: the heap is everybody's.
fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(|e| e.into_inner())
}

/// A small generator; the seed is fixed, so that a failure is the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below.max(1)
    }

    /// Bit flips, cuts, splices, bombs in places of lengths, noise.
    fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let pick = self.roll(seeds.len());
        let mut bytes = seeds[pick].clone();
        for _ in 0..=self.roll(3) {
            let len = bytes.len();
            let at = self.roll(len + 1);
            let bombs: [&[u8]; 6] = [
                &[253, 255, 255, 255, 255, 255, 255, 255, 255],
                &[252, 255, 255, 255, 255],
                &[252, 0, 0, 1, 0],
                &[251, 255, 255],
                &[251, 3, 0],
                &[250],
            ];
            match self.roll(7) {
                0 | 1 if len > 0 => {
                    let at = at.min(len - 1);
                    bytes[at] ^= 1 << self.roll(8);
                }
                2 => bytes.truncate(at),
                3 => {
                    let other = &seeds[self.roll(seeds.len())];
                    let from = self.roll(other.len());
                    let to = (from + self.roll(64)).min(other.len());
                    let end = (at + self.roll(64)).min(len);
                    bytes.splice(at..end, other[from..to].iter().copied());
                }
                4 | 5 => {
                    let bomb = bombs[self.roll(bombs.len())];
                    let end = (at + self.roll(2)).min(len);
                    bytes.splice(at..end, bomb.iter().copied());
                }
                _ => {
                    let noise: Vec<u8> = (0..self.roll(16)).map(|_| self.roll(256) as u8).collect();
                    bytes.splice(at..at, noise);
                }
            }
        }
        bytes
    }
}

/// Feeds a decoder. It gives the accepted value's bytes, or the name of its reason.
fn feed(
    what: &str,
    limit: usize,
    seeds: &[Vec<u8>],
    mut decode: impl FnMut(&[u8]) -> Result<Option<Vec<u8>>, String>,
) {
    for seed in seeds {
        assert!(
            decode(seed).is_ok(),
            "{what}: a seed is refused: {:?}",
            decode(seed)
        );
    }
    let mut dice = Dice(0x5eed_0000 + what.len() as u64);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let (mut accepted, mut most) = (0, 0);
    for _ in 0..INPUTS {
        let input = dice.mutate(seeds);
        let before = HEAP.current_usage();
        HEAP.reset_peak_usage();
        let told = decode(&input);
        let used = HEAP.peak_usage().saturating_sub(before);
        most = most.max(used);
        assert!(
            used <= limit,
            "{what}: {used} bytes allocated for {}",
            hex::encode(&input)
        );
        match told {
            Ok(again) => {
                accepted += 1;
                if let Some(again) = again {
                    assert_eq!(again, input, "{what}: a second spelling was accepted");
                }
            }
            Err(reason) => *reasons.entry(reason).or_default() += 1,
        }
    }
    println!("{what}: {accepted} accepted, {reasons:?}, {most} of {limit} bytes at most");
    assert!(reasons.len() > 1, "{what}: {reasons:?}");
    assert_eq!(accepted + reasons.values().sum::<usize>(), INPUTS);
}

fn reason(error: &CodecError) -> String {
    let name = format!("{error:?}");
    name.split([' ', '(', '{'])
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn accept<T>(
    value: Result<T, CodecError>,
    back: impl Fn(&T) -> Vec<u8>,
) -> Result<Option<Vec<u8>>, String> {
    value.map(|v| Some(back(&v))).map_err(|e| reason(&e))
}

struct Scene {
    world: World,
    book: Book,
    runs: Vec<muster_log::chain::Run>,
    pen: Pen,
}

fn scene() -> Scene {
    let mut world = World::new();
    let mut book = world.book(&world.founder.clone());
    let mut pen = world.pen(9);
    let mut runs = vec![
        world.keys(),
        world.admit_with_keys(&mut pen, Role::Volunteer),
    ];
    runs.iter().for_each(|r| drop(take(&mut book, r)));
    runs.push(pen.data(5, Some(&world.c1), Class::C1));
    runs.push(pen.data(3, None, Class::C0));
    Scene {
        world,
        book,
        runs,
        pen,
    }
}

#[test]
fn headers() {
    let _alone = alone();
    let pen = World::new().pen(9);
    let plain = pen.header(3, &[b"a", b"b"]);
    let mut wide = pen.header(70_000, &[b"a".as_slice(); 8]);
    let extension = Extension {
        tag: 9,
        bytes: vec![1; 20].try_into().unwrap(),
    };
    wide.extensions = vec![extension; 16].try_into().unwrap();
    let seeds = [plain.to_bytes(), wide.to_bytes()];
    feed("header", 8 * KIB, &seeds, |b| {
        accept(Header::from_bytes(b), Header::to_bytes)
    });
}

#[test]
fn parts_operations_and_acts() {
    let _alone = alone();
    let Scene { mut world, pen, .. } = scene();
    let content = PartContent {
        operations: vec![set("one"), set("two"), op(40, &7u64)]
            .try_into()
            .unwrap(),
    };
    feed("part", 128 * KIB, &[content.to_bytes()], |b| {
        accept(PartContent::from_bytes(b), PartContent::to_bytes)
    });

    let read = |code| {
        move |body: &[u8]| {
            let Ok(body) = body.to_vec().try_into() else {
                return Err("too long".to_owned());
            };
            let operation = Operation { code, body };
            let again = |op: Result<Operation, _>| op.map(|o| o.body.to_vec()).ok();
            match Act::read(&operation) {
                Some(act) => act.map(|a| again(a.write())).map_err(|e| reason(&e)),
                None => match operation.read() {
                    Ok(data) => Ok(data.write().and_then(again)),
                    Err(e) => Err(reason(&e)),
                },
            }
        }
    };
    let written = set("a value").body.to_vec();
    for code in 1..=6 {
        feed(
            "field write",
            64 * KIB,
            std::slice::from_ref(&written),
            read(code),
        );
    }
    let (c1, c2) = (world.c1.clone(), world.c2.clone());
    let key = world.key_act(
        &c1,
        Class::C1,
        Audience::WholeClass,
        &[&pen, &pen],
        &[&c2],
        &[&c2],
    );
    let end = End {
        grant: pen.grant,
        cuts: vec![
            Cut {
                generation: Generation(7),
                lane: Lane::DATA,
                seq: Seq(41),
                hash: EntryHash([0x71; 32]),
                signature: Signature([0x72; 64]),
            };
            3
        ]
        .try_into()
        .unwrap(),
        role: Some(Role::Lead),
        lifts: Bounded::default(),
        why: text("phone lost"),
        extensions: Bounded::default(),
    };
    let admit = World::admit_act(&pen, Role::Lead);
    for act in [Act::Key(key), Act::End(end), Act::Admit(admit)] {
        let operation = act.write().unwrap();
        feed(
            "act",
            64 * KIB,
            &[operation.body.to_vec()],
            read(operation.code),
        );
    }
    // The other codes, fed with each other's bodies from the golden files.
    let golden = |name: &str| {
        let path = format!("{}/tests/golden/{name}.hex", env!("CARGO_MANIFEST_DIR"));
        let digits: String = std::fs::read_to_string(path)
            .unwrap()
            .split_whitespace()
            .collect();
        codec::decode::<Operation, { 32 * 1024 }>("golden", &hex::decode(digits).unwrap()).unwrap()
    };
    for name in [
        "operation-erase-ack",
        "operation-blob",
        "operation-operator",
        "act-adopt",
        "act-allowance",
        "act-field",
        "act-fork",
        "act-secret",
        "act-erase",
    ] {
        let operation = golden(name);
        feed(
            name,
            64 * KIB,
            &[operation.body.to_vec()],
            read(operation.code),
        );
    }
}

#[test]
fn genesis_and_request() {
    let _alone = alone();
    let Scene { world, pen, .. } = scene();
    feed(
        "genesis",
        64 * KIB,
        &[world.genesis.to_bytes()],
        |b| match Genesis::from_bytes(b) {
            Ok(genesis) => Ok(Some(genesis.to_bytes())),
            Err(GenesisError::Codec(e)) => Err(reason(&e)),
            Err(other) => Err(other.to_string()),
        },
    );
    let exchange = pen.exchange.public().unwrap();
    let request = Request::sign(&pen.key, exchange, text("a phone"), text("P1"), Millis(5));
    feed(
        "request",
        8 * KIB,
        &[request.to_bytes()],
        |b| match Request::from_bytes(b) {
            Ok(request) => Ok(Some(request.to_bytes())),
            Err(PairingError::Codec(e)) => Err(reason(&e)),
            Err(other) => Err(other.to_string()),
        },
    );
}

#[test]
fn pairing_flights_and_cards() {
    let _alone = alone();
    let opening = Opening {
        key: [1; 32],
        incident: IncidentId([9; 32]),
        language: 1,
        name: text("Flood"),
        label: text("Gym"),
    };
    let flights = [
        Flight::Hello {
            version: 1,
            locator: 0x3ff,
        },
        Flight::Commit([2; 32]),
        Flight::Offer {
            key: [3; 32],
            proof: [4; 32],
            request: vec![5; 200].try_into().unwrap(),
        },
        Flight::Reveal {
            opening,
            proof: [6; 32],
        },
        Flight::Answer {
            total: 5000,
            from: 0,
            bytes: vec![7; 5000].try_into().unwrap(),
        },
        Flight::Refused(2, 1),
    ];
    let seeds: Vec<_> = flights.iter().map(Flight::to_bytes).collect();
    feed("pairing flight", 512 * KIB, &seeds, |b| {
        accept(Flight::from_bytes(b), Flight::to_bytes)
    });
    let card = Card {
        code: Code::from_random([8; 8]),
        commitment: [9; 32],
        addresses: Bounded::try_from(vec![
            CardAddress {
                ip: [192, 0, 2, 1],
                port: 4001,
            };
            2
        ])
        .unwrap(),
    };
    let seeds = [card.to_text().into_bytes(), b"7K4M-Q2XD-9R3T".to_vec()];
    feed("pairing code", 16 * KIB, &seeds, |b| {
        let text = std::str::from_utf8(b).map_err(|_| "not text".to_owned())?;
        // Case and hyphens are free: what is read must say the same again, in its own spelling.
        match Given::parse(text) {
            Ok(given) => {
                let again = match &given {
                    Given::Code(code) => code.to_string(),
                    Given::Card(card) => card.to_text(),
                };
                assert_eq!(Given::parse(&again), Ok(given));
                Ok(None)
            }
            Err(CodeError::Card(e)) => Err(reason(&e)),
            Err(e) => Err(format!("{e:?}").chars().take(6).collect()),
        }
    });
}

#[test]
fn answers_sealed_and_inside() {
    let _alone = alone();
    let Scene {
        world, pen, runs, ..
    } = scene();
    let answer = Answer {
        genesis: world.genesis.clone(),
        secret: [5; 32].into(),
        grant: pen.grant,
        lane0: runs[..2].iter().map(run::encode).collect(),
    };
    let to = pen.exchange.public().unwrap();
    let sealed = answer.seal(&to, [6; 32]).unwrap();
    let open = |bytes: &[u8]| match Answer::open(bytes, &pen.exchange) {
        Ok(answer) => Ok(answer),
        Err(PairingError::Codec(e)) => Err(reason(&e)),
        Err(PairingError::Genesis(GenesisError::Codec(e))) => {
            Err(format!("genesis {}", reason(&e)))
        }
        Err(other) => Err(other.to_string()),
    };
    feed("answer", 64 * KIB, std::slice::from_ref(&sealed), |b| {
        open(b).map(|_| None)
    });
    // By somebody who knows the joiner's public key: what is inside is as hostile as it likes.
    let info = b"muster pairing answer v1";
    let inside = seal::open_from(&pen.exchange, info, &sealed[40..])
        .unwrap()
        .to_vec();
    feed("answer, inside", 2560 * KIB, &[inside], |b| {
        let cover = [
            &sealed[..40],
            &seal::seal_to(&to, info, b, [7; 32]).unwrap(),
        ]
        .concat();
        open(&cover).map(|_| None)
    });
    let huge = [&sealed[..40], &vec![0; 17 * KIB * KIB]].concat();
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    assert_eq!(open(&huge), Err("TooLong".to_owned()));
    assert!(
        HEAP.peak_usage() - before < KIB,
        "measured before it is opened"
    );
}

#[test]
fn runs_and_the_door() {
    let _alone = alone();
    let Scene {
        world, book, runs, ..
    } = scene();
    let incident = world.incident();
    let name = |e: RunCodecError| match e {
        RunCodecError::Codec(e) => reason(&e),
        RunCodecError::Version(_) => "Version".to_owned(),
        RunCodecError::NoKey(_) => "NoKey".to_owned(),
    };
    let stored: Vec<_> = runs.iter().map(run::encode).collect();
    feed("run", 64 * KIB, &stored, |b| {
        run::decode(&incident, b)
            .map(|r| Some(run::encode(&r)))
            .map_err(name)
    });
    let plain: Vec<_> = runs
        .iter()
        .map(|r| run::encode_for(&incident, r, book.keys(), |_| true))
        .collect();
    feed("run in plain form", 64 * KIB, &plain, |b| {
        run::decode_with(&incident, b, book.keys())
            .map(|_| None)
            .map_err(name)
    });
    // What changes a run passes for no other: the book stays as it is, but for the runs themselves.
    let both: Vec<_> = stored.iter().chain(&plain).cloned().collect();
    let mut at_the_door = book.clone();
    for run in &runs {
        let _ = give(&mut at_the_door, run);
    }
    let digest = at_the_door.frontier_digest();
    feed("the door", 64 * KIB, &both, |b| {
        match at_the_door.receive(b) {
            Ok(_) => Ok(None),
            Err(e) => Err(e.code().to_owned()),
        }
    });
    assert_eq!(at_the_door.frontier_digest(), digest);
}

#[test]
fn bundles() {
    let _alone = alone();
    let Scene { world, runs, .. } = scene();
    let stretch = |r: &muster_log::chain::Run| Stretch {
        log: r.log,
        from: r.entries[0].header.seq,
        to: r.entries.last().unwrap().header.seq,
    };
    let contents: Vec<_> = runs.iter().map(stretch).collect();
    let (mut writer, mut bytes) = Writer::start(&world.genesis, &contents);
    for run in &runs {
        bytes.extend(writer.run(&run::encode(run)));
    }
    bytes.extend(writer.end());
    let encoded: Vec<_> = runs.iter().map(run::encode).collect();
    feed("bundle", 64 * KIB, &[bytes], |b| {
        let mut reader = Reader::default();
        reader.push(b);
        reader.finish();
        let mut damaged = false;
        loop {
            match reader.next_item() {
                Ok(Some(Item::Run(run))) => assert!(encoded.contains(&run), "a run nobody wrote"),
                Ok(Some(Item::Damage(_))) => damaged = true,
                Ok(Some(_)) => {}
                Ok(None) if damaged => return Err("damage".to_owned()),
                Ok(None) if !reader.complete() => return Err("cut".to_owned()),
                Ok(None) => return Ok(None),
                Err(BundleError::Record(e)) => return Err(reason(&e)),
                Err(other) => return Err(other.to_string()),
            }
        }
    });
}

/// The largest inputs: a run of the most bytes, of parts without number, lengths that lie.
#[test]
fn beacons() {
    let _alone = alone();
    let voice = beacon::Voice::new(vec![[5; 32], [6; 32]], [9; 32]).unwrap();
    for name in ["beacon", "beacon-pairing"] {
        let digits = std::fs::read_to_string(format!("tests/golden/{name}.hex")).unwrap();
        let seed = hex::decode(digits.split_whitespace().collect::<String>()).unwrap();
        feed(name, KIB, &[seed], |bytes| {
            let told = match name {
                "beacon" => beacon::open(&voice, bytes).map(|_| ()),
                _ => beacon::Inviting::from_bytes(bytes).map(|_| ()),
            };
            told.map(|()| None).map_err(|e| format!("{e:?}"))
        });
    }
}

#[test]
fn a_full_run_costs_a_small_multiple_of_itself() {
    let _alone = alone();
    let Scene {
        world,
        book,
        mut pen,
        ..
    } = scene();
    let filler = "z".repeat(23_000);
    let runs: Vec<_> = (0..10)
        .map(|_| {
            pen.write(
                Lane::DATA,
                vec![part(Class::C1, Some(&world.c1), vec![set(&filler)])],
            )
        })
        .collect();
    let bytes = run::encode_for(&world.incident(), &join(&runs), book.keys(), |_| true);
    assert!(bytes.len() > 225 * KIB);
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    run::decode_with(&world.incident(), &bytes, book.keys()).unwrap();
    let used = HEAP.peak_usage() - before;
    assert!(used < 1280 * KIB, "{used}");

    // A bundle that promises a long record and does not end: one record's bytes are kept, no more.
    let mut reader = Reader::default();
    reader.push(&world.genesis.to_bytes());
    let (_, start) = Writer::start(&world.genesis, &[]);
    let mut reader = Reader::default();
    reader.push(&start);
    let head = [
        &[0x9e, b'M', b'R', 0x0a, 3][..],
        &(200 * 1024u32).to_le_bytes(),
    ]
    .concat();
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    for _ in 0..600 {
        reader.push(&head.repeat(455));
        while reader.next_item().unwrap().is_some() {}
    }
    let used = HEAP.peak_usage() - before;
    assert!(used < 1024 * KIB, "{used}");
}
