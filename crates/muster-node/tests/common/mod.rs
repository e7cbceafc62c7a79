//! What the engine's tests share: seeded chance, devices on faulty disks, admission, writes, and
//! the ledger of everything a device ever acknowledged or published.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc
)]

pub mod endings;
pub mod pipe;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use muster_log::{
    act::{Act, Admit, Audience, KeyAct, LOCKBOX_INFO, Lockbox, Wrapped},
    book::{Admitted, Received, Refusal},
    codec::{Bounded, Text},
    entry::{kind, urgency},
    hash,
    ids::{Class, EntryHash, GrantId, Lane, LogId, Millis, ObjectId, Seq},
    operation::DataOperation,
    pairing::{Answer, Request},
    record::Source,
    role::Role,
    run,
    seal::{self, ClassKey},
};
use muster_model::{
    parse::Change,
    table::{self, kinds},
    value::Typed,
    writes,
};
use muster_node::{
    engine::{Engine, OpenReport, PartWrites},
    error::NodeError,
    setup::{self, Founding},
};
use muster_store::{
    DataDir, PassphraseCost, Unlock,
    fs::{FileSystem, fault::FaultyFs},
};
use zeroize::Zeroizing;

pub const DIR: &str = "/data";
pub const NOW: Millis = Millis(1_760_000_000_000);
const CHEAP: PassphraseCost = PassphraseCost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};

/// SplitMix64.
#[derive(Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub fn fill(&mut self, buf: &mut [u8]) {
        for chunk in buf.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            let len = chunk.len();
            chunk.copy_from_slice(&bytes[..len]);
        }
    }

    pub fn bytes32(&mut self) -> [u8; 32] {
        let mut out = [0; 32];
        self.fill(&mut out);
        out
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}

pub fn text<const N: usize>(text: &str) -> Text<N> {
    Text::try_from(text.to_owned()).unwrap()
}

// --- Directories ---

pub fn create(fs: Arc<dyn FileSystem>, path: &Path, rng: &mut Rng) -> Result<DataDir, NodeError> {
    let unlock = Unlock::DefaultKeyFile;
    Ok(DataDir::create(fs, path, &unlock, CHEAP, &mut |b| {
        rng.fill(b);
    })?)
}

pub fn create_on(fs: &FaultyFs, rng: &mut Rng) -> Result<DataDir, NodeError> {
    create(Arc::new(fs.clone()), Path::new(DIR), rng)
}

pub fn open_dir(fs: &FaultyFs) -> Result<DataDir, NodeError> {
    let unlock = Unlock::DefaultKeyFile;
    Ok(DataDir::open(
        Arc::new(fs.clone()),
        Path::new(DIR),
        &unlock,
    )?)
}

/// Opens the engine of a faulty disk, with the index (on the real disk) or without one.
pub fn open(
    fs: &FaultyFs,
    index: Option<&Path>,
    rng: &mut Rng,
) -> Result<(Engine, OpenReport), NodeError> {
    Engine::open_with(open_dir(fs)?, index, &mut |b| rng.fill(b))
}

pub fn found(dir: &DataDir, rng: &mut Rng) -> Result<(), NodeError> {
    let founding = Founding {
        name: text("Flood"),
        label: text("hq"),
        code: text("HQ"),
        roots: setup::fresh_roots(1, &mut |b| rng.fill(b)),
        threshold: 1,
        languages: vec!["en".into()],
        now: NOW,
    };
    setup::found(dir, founding, &mut |b| rng.fill(b))?;
    Ok(())
}

/// A founder on a disk of its own.
pub fn founder(rng: &mut Rng) -> (FaultyFs, Engine) {
    let fs = FaultyFs::new(rng.next());
    let dir = create_on(&fs, rng).unwrap();
    found(&dir, rng).unwrap();
    drop(dir);
    let (engine, _) = open(&fs, None, rng).unwrap();
    (fs, engine)
}

/// A device that waits for its answer, on a disk of its own.
pub fn applicant(label: &str, rng: &mut Rng) -> (FaultyFs, Request) {
    let fs = FaultyFs::new(rng.next());
    let dir = create_on(&fs, rng).unwrap();
    let request = setup::request(&dir, text(label), text("C"), NOW, &mut |b| rng.fill(b)).unwrap();
    (fs, request)
}

pub fn accept(fs: &FaultyFs, answer: &[u8], rng: &mut Rng) -> Engine {
    let dir = open_dir(fs).unwrap();
    setup::accept(&dir, answer, NOW, &mut |b| rng.fill(b)).unwrap();
    drop(dir);
    open(fs, None, rng).unwrap().0
}

/// Admits a new device; gives its disk and engine.
pub fn join(by: &mut Engine, label: &str, role: Role, rng: &mut Rng) -> (FaultyFs, Engine) {
    let (fs, request) = applicant(label, rng);
    let grant = admit(by, &request, role, rng).unwrap();
    hand_keys(by, &request, role, rng).unwrap();
    by.flush().unwrap();
    let answer = answer(by, &request, grant, rng).unwrap();
    let engine = accept(&fs, &answer, rng);
    (fs, engine)
}

// --- Authority ---

pub fn admit(
    by: &mut Engine,
    request: &Request,
    role: Role,
    rng: &mut Rng,
) -> Result<GrantId, NodeError> {
    let body = request.body();
    let admit = Act::Admit(Admit {
        device: body.device,
        exchange: body.exchange,
        role,
        person: None,
        scope: None,
        label: body.label.clone(),
        code: body.code.clone(),
        expires: None,
        lifts: Bounded::default(),
        extensions: Bounded::default(),
    });
    let written = by.write_acts(kind::AUTHORITY, &[admit], NOW, &mut |b| rng.fill(b))?;
    Ok(hash::grant_id(&written.hash, 0))
}

/// The keys a role reads, and for those below coordinator keys of their own, as `admit` does.
pub fn hand_keys(
    by: &mut Engine,
    request: &Request,
    role: Role,
    rng: &mut Rng,
) -> Result<(), NodeError> {
    let body = request.body();
    let mut acts = Vec::new();
    for class in [Class::C1, Class::C2, Class::C3] {
        let Some(whole) = by
            .book()
            .keys()
            .latest(class, Audience::WholeClass)
            .cloned()
        else {
            continue;
        };
        let shared = role.reads_class(class);
        let (key, audience, under) = if shared {
            (whole, Audience::WholeClass, Vec::new())
        } else if role == Role::Relay {
            continue;
        } else {
            let key = ClassKey::from_bytes(rng.bytes32());
            let wrapped = Wrapped {
                key: whole.id(),
                sealed: seal::wrap_key(&whole, &key)?.try_into()?,
            };
            (key, Audience::Device(body.device), vec![wrapped])
        };
        let sealed = seal::seal_to(&body.exchange, LOCKBOX_INFO, key.bytes(), rng.bytes32())?;
        let lockbox = Lockbox {
            device: body.device,
            sealed: sealed.try_into()?,
        };
        acts.push(Act::Key(KeyAct {
            key: key.id(),
            class,
            audience,
            lockboxes: Bounded::try_from(vec![lockbox])?,
            under: Bounded::try_from(under)?,
            previous: Bounded::default(),
            extensions: Bounded::default(),
        }));
    }
    if !acts.is_empty() {
        by.write_acts(kind::KEY, &acts, NOW, &mut |b| rng.fill(b))?;
    }
    Ok(())
}

/// The sealed answer with all of lane 0, whoever admitted first.
pub fn answer(
    by: &Engine,
    request: &Request,
    grant: GrantId,
    rng: &mut Rng,
) -> Result<Vec<u8>, NodeError> {
    let answer = Answer {
        genesis: by.book().authority().genesis().clone(),
        secret: Zeroizing::new(by.secrets().member().unwrap().secret),
        grant,
        lane0: lane(by, Lane::AUTHORITY)?,
    };
    Ok(answer.seal(&request.body().exchange, rng.bytes32())?)
}

/// All of a lane, encoded, logs of those nearer the founder first.
pub fn lane(engine: &Engine, lane: Lane) -> Result<Vec<Vec<u8>>, NodeError> {
    let authority = engine.book().authority();
    let mut logs: Vec<_> = engine
        .book()
        .logs()
        .filter(|l| l.key().lane == lane && l.count() > 0)
        .map(|l| {
            let depth = authority.grants_of(&l.key().device).map(|g| g.depth).min();
            (depth, l.id())
        })
        .collect();
    logs.sort();
    let mut out = Vec::new();
    for (_, id) in logs {
        for piece in engine.book().log(&id).unwrap().stretches() {
            let mut at = piece.from;
            while at <= piece.to {
                let page = engine.runs_on(&id, piece.line, (at, piece.to), usize::MAX)?;
                at = Seq(page.next.0.max(at.0 + 1));
                out.extend(page.runs.iter().map(run::encode));
            }
        }
    }
    Ok(out)
}

/// Everything, lane 0 first.
pub fn everything(engine: &Engine) -> Vec<Vec<u8>> {
    let mut all = lane(engine, Lane::AUTHORITY).unwrap();
    all.extend(lane(engine, Lane::DATA).unwrap());
    all
}

// --- Writes ---

/// A handful of objects that all devices write about: collisions are wanted.
pub fn object(kind: u16, number: usize) -> ObjectId {
    let mut id = [7; 16];
    id[0] = kind as u8;
    id[1] = number as u8;
    ObjectId(id)
}

fn set(kind: &table::Kind, field: &str, typed: &Typed) -> Change {
    Change::Set {
        field: kind.number_of(field),
        element: 0,
        value: typed.write().unwrap(),
    }
}

/// A random action on one of a few objects: parts of C1, C2 and C3, registers, sets, lines, sums,
/// a need turned sensitive. Not always anything to write.
pub fn action(engine: &Engine, objects: usize, rng: &mut Rng) -> PartWrites {
    let need = table::kind(kinds::NEED).unwrap();
    let volunteer = table::kind(kinds::VOLUNTEER).unwrap();
    let word = Typed::Text(format!("word {}", rng.below(50)));
    let number = rng.below(objects);
    let (kind, changes) = match rng.below(9) {
        0 => (need, vec![set(need, "title", &word)]),
        1 => (
            need,
            vec![
                set(need, "title", &word),
                set(need, "description", &Typed::Text("where exactly".into())),
                set(need, "area", &word),
            ],
        ),
        2 => (
            need,
            vec![set(need, "sensitive", &Typed::Boolean(rng.below(2) == 0))],
        ),
        3 => {
            let value = Typed::Code("children".into()).write().unwrap();
            let field = need.number_of("vulnerable_groups");
            let change = match rng.below(2) {
                0 => Change::Add { field, value },
                _ => Change::Remove { field, value },
            };
            (need, vec![change])
        }
        4 => {
            let value = Typed::Code(["mud", "power"][rng.below(2)].into());
            let value = value.write().unwrap();
            let field = need.number_of("hazards");
            let change = match rng.below(3) {
                0 => Change::Remove { field, value },
                _ => Change::Add { field, value },
            };
            (need, vec![change])
        }
        5 => (
            need,
            vec![Change::AddElement {
                group: need.number_of("lines"),
                element: 1 + rng.below(4) as u64,
                members: vec![(need.number_of("line_unit"), word.write().unwrap())],
            }],
        ),
        6 => (
            need,
            vec![Change::Tally {
                field: need.number_of("line_delivered"),
                element: 1 + rng.below(4) as u64,
                value: Typed::Decimal(muster_model::value::Decimal {
                    units: 1 + rng.below(9) as i64,
                    scale: 0,
                })
                .write()
                .unwrap(),
            }],
        ),
        7 => (
            volunteer,
            vec![
                set(volunteer, "name", &word),
                set(volunteer, "home_area", &word),
            ],
        ),
        _ => (volunteer, vec![set(volunteer, "emergency_contact", &word)]),
    };
    let id = object(kind.number, number);
    if rng.below(25) == 0 && objects > 1 {
        let other = object(kind.number, (number + 1) % objects);
        return writes::alias(engine.state(), id, other).unwrap_or_default();
    }
    writes::build(engine.state(), kind, id, &changes).unwrap_or_default()
}

/// Writes a random action for which the keys are here. Says how many entries were written.
pub fn write(engine: &mut Engine, objects: usize, rng: &mut Rng) -> Result<usize, NodeError> {
    let mut writes = match rng.below(20) {
        0 => {
            let name = DataOperation::Operator(text(&format!("operator {}", rng.below(9))));
            PartWrites::from([(Class::C2, vec![name])])
        }
        _ => action(engine, objects, rng),
    };
    writes.retain(|class, _| {
        *class == Class::C0 || engine.book().keys().writing_key(*class).is_some()
    });
    if writes.is_empty() {
        return Ok(0);
    }
    let now = Millis(NOW.0 + engine.book().entries() as i64 * 1000);
    let written = engine.write(writes, urgency::NORMAL, now, &mut |b| rng.fill(b))?;
    Ok(written.len())
}

/// Writes a title, always something new: one entry.
pub fn write_title(engine: &mut Engine, number: usize, rng: &mut Rng) -> Result<(), NodeError> {
    write_title_at(engine, number, NOW, rng)
}

pub fn write_title_at(
    engine: &mut Engine,
    number: usize,
    now: Millis,
    rng: &mut Rng,
) -> Result<(), NodeError> {
    let need = table::kind(kinds::NEED).unwrap();
    let id = object(kinds::NEED, number);
    let title = Typed::Text(format!("title {:x}", rng.next()));
    let changes = [set(need, "title", &title), set(need, "contact", &title)];
    let mut writes = writes::build(engine.state(), need, id, &changes).unwrap();
    writes.retain(|class, _| engine.book().keys().writing_key(*class).is_some());
    let written = engine.write(writes, urgency::NORMAL, now, &mut |b| rng.fill(b))?;
    assert_eq!(written.len(), 1);
    Ok(())
}

pub fn receive(
    engine: &mut Engine,
    run: &[u8],
    rng: &mut Rng,
) -> Result<Result<Received, Refusal>, NodeError> {
    engine.receive(run, Source::Peer, NOW, &mut |b| rng.fill(b))
}

/// Gives one engine everything another has.
pub fn pour(from: &Engine, to: &mut Engine, rng: &mut Rng) {
    for run in everything(from) {
        receive(to, &run, rng).unwrap().unwrap();
    }
    to.flush().unwrap();
}

// --- Comparisons ---

/// What must be the same whichever way a device came to its entries.
#[derive(Debug, PartialEq, Eq)]
pub struct Sight {
    pub state: String,
    pub c2: String,
    pub c3: String,
    pub frontier: [u8; 32],
    pub entries: u64,
    pub pending: u64,
    pub unreadable: u64,
    pub operator: Option<String>,
    pub authors: usize,
}

pub fn sight(engine: &Engine) -> Sight {
    let digests = engine.state().digests();
    Sight {
        state: digests.state.hex(),
        c2: digests.c2.hex(),
        c3: digests.c3.hex(),
        frontier: engine.book().frontier_digest(),
        entries: engine.book().entries(),
        pending: engine.pending(),
        unreadable: engine.unreadable(),
        operator: engine.operator().map(str::to_owned),
        authors: engine.state().authors().count(),
    }
}

/// Every hash ever acknowledged or published at each place of each log.
#[derive(Default, Clone)]
pub struct Ledger {
    pub said: BTreeMap<(LogId, u64), BTreeSet<EntryHash>>,
}

impl Ledger {
    pub fn publish(&mut self, admitted: &[Admitted]) {
        for a in admitted {
            for entry in a.run.entries() {
                let place = (a.run.id(), entry.seq().0);
                self.said.entry(place).or_default().insert(entry.hash());
            }
        }
    }

    /// Everything that an engine holds after it was opened: it may be read out to a peer.
    pub fn publish_all(&mut self, engine: &Engine) {
        for log in engine.book().logs() {
            for seq in 0..=log.last().map_or(0, |s| s.0) {
                if let Some(hash) = log.hash_at(Seq(seq)) {
                    self.said.entry((log.id(), seq)).or_default().insert(hash);
                }
            }
        }
    }

    /// Nothing acknowledged is lost, and no place was ever signed twice.
    pub fn check(&self, engine: &Engine, what: &str) {
        for ((log, seq), hashes) in &self.said {
            assert_eq!(
                hashes.len(),
                1,
                "{what}: place {seq} of {log:?} signed twice"
            );
            let here = engine.book().log(log).and_then(|l| l.hash_at(Seq(*seq)));
            assert_eq!(
                here.as_ref(),
                hashes.first(),
                "{what}: place {seq} of {log:?} is lost or another"
            );
            // And it can be read out.
            let run = engine.run_from(log, Seq(*seq)).unwrap().unwrap();
            assert_eq!(run.entries()[0].hash(), here.unwrap(), "{what}");
        }
        let count: u64 = engine.book().logs().map(|l| l.count()).sum();
        assert_eq!(
            count,
            engine.book().entries(),
            "{what}: an entry counted twice"
        );
    }
}
