//! A small incident in memory: devices that write, meet, and make bundles and journals.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use muster_hq::{HqDevice, Source, Warehouse, import};
use muster_log::{
    act::{Act, Admit, Audience, KeyAct, LOCKBOX_INFO, Lockbox},
    author::{self, Draft, DraftPart},
    authority::Standing,
    book::{Book, Received},
    bundle::{Stretch, Writer},
    chain::{self, DeviceKey, Run},
    codec::{Bounded, Text},
    device::{self, Membership, Secrets},
    entry::{kind, urgency},
    genesis::{Allowances, FORMAT, Founder, Genesis, GenesisBody, RestRules, SUITE},
    hash,
    ids::{AudienceTag, Class, DeviceId, Lane, Millis, ObjectId, Seq},
    keyring::{KeyRing, Opened},
    operation::{DataOperation, Operation, PartContent, Reference},
    record,
    role::Role,
    run,
    seal::{self, ClassKey},
};
use muster_model::{
    parse::{self, Reading},
    sample::Random,
    state::{State, WriteContext},
    table,
    vocabulary::Vocabularies,
    writes,
};
use muster_store::{DataDir, Journal, PassphraseCost, Unlock, fs::RealFs};
use rusqlite::types::Value;

pub const START: Millis = Millis(1_800_000_000_000);

/// Random bytes of a seed.
pub fn bytes(random: &mut Random) -> impl FnMut(&mut [u8]) + '_ {
    |out| out.iter_mut().for_each(|b| *b = random.bits() as u8)
}

fn fresh(random: &mut Random) -> [u8; 32] {
    let mut out = [0; 32];
    bytes(random)(&mut out);
    out
}

fn text<const N: usize>(t: &str) -> Text<N> {
    Text::try_from(t.to_owned()).unwrap()
}

/// One device: it writes, and knows what it was given.
pub struct Device {
    pub genesis: Genesis,
    pub secrets: Secrets,
    pub book: Book,
    pub state: State,
    /// All single-entry runs it knows, by log and place.
    pub runs: BTreeMap<(muster_log::entry::LogKey, u64), Run>,
    pub random: Random,
    pub now: Millis,
}

impl Device {
    fn new(genesis: Genesis, secrets: Secrets, random: Random) -> Self {
        let ring = KeyRing::new(secrets.device(), secrets.exchange());
        Self {
            book: Book::new(genesis.clone(), ring),
            genesis,
            secrets,
            state: State::new(),
            runs: BTreeMap::new(),
            random,
            now: START,
        }
    }

    /// Founds an incident, with keys of all classes.
    pub fn found(name: &str, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut secrets = Secrets::new(&mut bytes(&mut random), text("founder"), text("FND"));
        let root = DeviceKey::from_bytes(&fresh(&mut random));
        let body = GenesisBody {
            format: FORMAT,
            suite: SUITE,
            salt: fresh(&mut random),
            name: text(name),
            claimed: START,
            roots: Bounded::try_from(vec![root.id()]).unwrap(),
            threshold: 1,
            founder: Founder {
                device: secrets.device(),
                exchange: secrets.exchange().public().unwrap(),
                label: text("founder"),
                code: text("FND"),
            },
            schema: 1,
            allowances: Allowances::default(),
            rest: RestRules::default(),
            retention_days: 0,
            languages: Bounded::default(),
        };
        let genesis = Genesis::sign(body, &[root]).unwrap();
        secrets.join(Membership {
            secret: [0; 32],
            grant: hash::founder_grant(&genesis.id()),
        });
        let mut founder = Self::new(genesis, secrets, random);
        let keys: Vec<(Class, ClassKey)> = (1..=3)
            .map(|c| (Class(c), ClassKey::from_bytes(fresh(&mut founder.random))))
            .collect();
        let me = founder.secrets.device();
        let exchange = founder.secrets.exchange().public().unwrap();
        let acts = founder.key_acts(&keys, me, exchange);
        founder.act(acts);
        founder
    }

    fn key_acts(
        &mut self,
        keys: &[(Class, ClassKey)],
        to: DeviceId,
        exchange: muster_log::ids::ExchangeKey,
    ) -> Vec<Act> {
        keys.iter()
            .map(|(class, key)| {
                let random = fresh(&mut self.random);
                let sealed = seal::seal_to(&exchange, LOCKBOX_INFO, key.bytes(), random).unwrap();
                Act::Key(KeyAct {
                    key: key.id(),
                    class: *class,
                    audience: Audience::WholeClass,
                    lockboxes: Bounded::try_from(vec![Lockbox {
                        device: to,
                        sealed: sealed.try_into().unwrap(),
                    }])
                    .unwrap(),
                    under: Bounded::default(),
                    previous: Bounded::default(),
                })
            })
            .collect()
    }

    /// Admits a new device, and gives it what is known here.
    pub fn admit(&mut self, label: &str, role: Role, classes: u8) -> Self {
        let seed = self.random.bits();
        let mut random = Random::new(seed);
        let mut secrets = Secrets::new(&mut bytes(&mut random), text(label), text("D"));
        let exchange = secrets.exchange().public().unwrap();
        let admit = Act::Admit(Admit {
            device: secrets.device(),
            exchange,
            role,
            person: None,
            scope: None,
            label: text(label),
            code: text("D"),
            expires: None,
            lifts: Bounded::default(),
        });
        self.act(vec![admit]);
        let keys: Vec<(Class, ClassKey)> = self
            .book
            .keys()
            .keys()
            .filter(|(_, held)| held.class.0 <= classes)
            .map(|(_, held)| (held.class, held.key.clone()))
            .collect();
        let acts = self.key_acts(&keys, secrets.device(), exchange);
        self.act(acts);
        let grant = self.book.authority().best_grant(&secrets.device()).unwrap();
        secrets.join(Membership {
            secret: [0; 32],
            grant: grant.id,
        });
        let mut device = Self::new(self.genesis.clone(), secrets, random);
        device.meet(self);
        device
    }

    /// Writes acts into lane 0.
    pub fn act(&mut self, acts: Vec<Act>) {
        let operations: Vec<Operation> = acts.iter().map(|a| a.write().unwrap()).collect();
        let part = DraftPart {
            class: Class::C0,
            key: None,
            content: PartContent {
                operations: Bounded::try_from(operations).unwrap(),
            },
        };
        self.write_entry(Lane::AUTHORITY, kind::AUTHORITY, vec![part]);
    }

    /// Erases an object.
    pub fn erase(&mut self, id: ObjectId) {
        let operation = DataOperation::Erase(id).write().unwrap().unwrap();
        let part = DraftPart {
            class: Class::C0,
            key: None,
            content: PartContent {
                operations: Bounded::try_from(vec![operation]).unwrap(),
            },
        };
        self.write_entry(Lane::AUTHORITY, kind::ERASURE, vec![part]);
    }

    fn write_entry(&mut self, lane: Lane, kind: u8, parts: Vec<DraftPart>) {
        self.now.0 += 1000;
        let log = self.secrets.log(lane);
        let draft = Draft {
            kind,
            urgency: urgency::NORMAL,
            audience: AudienceTag::ZERO,
            claimed: self.now,
            parts,
        };
        let run = author::write(
            &self.book.incident(),
            &self.secrets.key(),
            &log,
            self.book.tip(&log),
            self.book.highest(),
            self.secrets.member().unwrap().grant,
            &draft,
        )
        .unwrap();
        self.take(&run);
    }

    /// Takes a single-entry run through the door.
    pub fn take(&mut self, run: &Run) {
        match self.book.receive(&run::encode(run)) {
            Ok(Received::Admitted(admitted)) => {
                for entry in admitted.run.entries() {
                    self.apply(&admitted.run, entry);
                }
                let seq = run.entries[0].header.seq.0;
                self.runs.insert((run.log, seq), run.clone());
            }
            Ok(Received::Known) => {}
            Err(e) => panic!("{e}"),
        }
    }

    fn apply(&mut self, run: &chain::VerifiedRun, entry: &muster_log::entry::VerifiedEntry) {
        let header = entry.header();
        let standing = self
            .book
            .authority()
            .standing(&run.log().device, &header.grant);
        let Standing::Counts(grant) = standing else {
            return;
        };
        for part in 0..header.parts.len() as u8 {
            let Opened::Content(content) = self.book.keys().read(&run.id(), entry, part) else {
                continue;
            };
            for (index, operation) in (0u8..).zip(&content.operations) {
                let context = WriteContext {
                    reference: Reference::new(&run.id(), entry.seq(), &entry.hash(), part, index),
                    lamport: header.lamport,
                    log: run.id(),
                    claimed: header.claimed,
                    device: run.log().device,
                    role: grant.role,
                    person: None,
                    scope: None,
                    class: header.parts[usize::from(part)].class,
                    urgency: header.urgency,
                    disputed: false,
                };
                self.state.apply(&context, &operation.read().unwrap());
            }
        }
    }

    /// Gets everything another device knows, lane 0 first.
    pub fn meet(&mut self, other: &Self) {
        for lane in [Lane::AUTHORITY, Lane::DATA] {
            for ((log, _), run) in &other.runs {
                if log.lane == lane {
                    self.take(run);
                }
            }
        }
    }

    pub fn id(&mut self) -> ObjectId {
        let mut id = [0; 16];
        bytes(&mut self.random)(&mut id);
        ObjectId(id)
    }

    /// Adds an object.
    pub fn add(&mut self, kind: &str, fields: &[(&str, &str)]) -> ObjectId {
        let id = self.id();
        self.edit(kind, id, fields);
        id
    }

    /// Writes fields of an object, as one entry.
    pub fn edit(&mut self, kind: &str, id: ObjectId, fields: &[(&str, &str)]) {
        let kind = table::kind_named(kind).unwrap();
        let reading = Reading {
            vocabularies: Vocabularies::builtin(),
            state: None,
            offset_minutes: 0,
        };
        let mut changes = Vec::new();
        for (name, given) in fields {
            let random = &mut self.random;
            let read = parse::changes(&reading, kind, name, given, &mut || random.bits() | 1);
            changes.extend(read.unwrap());
        }
        let operations = writes::build(&self.state, kind, id, &changes).unwrap();
        let parts = operations
            .into_iter()
            .map(|(class, operations)| DraftPart {
                class,
                key: (class != Class::C0)
                    .then(|| self.book.keys().writing_key(class).unwrap().clone()),
                content: PartContent {
                    operations: Bounded::try_from(
                        operations
                            .iter()
                            .map(|o| o.write().unwrap().unwrap())
                            .collect::<Vec<_>>(),
                    )
                    .unwrap(),
                },
            })
            .collect();
        self.write_entry(Lane::DATA, kind_of_data(), parts);
    }

    /// Everything known here in runs of at most `pack` entries, lane 0 first; `keep` leaves out
    /// places.
    pub fn packed(
        &self,
        pack: usize,
        keep: impl Fn(&muster_log::entry::LogKey, u64) -> bool,
    ) -> Vec<Run> {
        let mut out: Vec<Run> = Vec::new();
        for lane in [Lane::AUTHORITY, Lane::DATA] {
            for ((log, seq), run) in &self.runs {
                if log.lane != lane || !keep(log, *seq) {
                    continue;
                }
                match out.last_mut() {
                    Some(last)
                        if last.log == *log
                            && last.entries.len() < pack
                            && last.entries.last().unwrap().header.seq.0 + 1 == *seq =>
                    {
                        last.entries.last_mut().unwrap().signature = None;
                        last.entries.extend(run.entries.clone());
                    }
                    _ => out.push(run.clone()),
                }
            }
        }
        out
    }
}

fn kind_of_data() -> u8 {
    kind::DATA
}

/// The bytes of a bundle of these runs; `also` stretches are listed and not there.
pub fn bundle(genesis: &Genesis, runs: &[Vec<u8>], listed: &[Run]) -> Vec<u8> {
    let contents: Vec<Stretch> = listed
        .iter()
        .map(|r| Stretch {
            log: r.log,
            from: r.entries.first().unwrap().header.seq,
            to: r.entries.last().unwrap().header.seq,
        })
        .collect();
    let (mut writer, mut out) = Writer::start(genesis, &contents);
    for run in runs {
        out.extend(writer.run(run));
    }
    out.extend(writer.end());
    out
}

/// The bytes of a bundle that holds what it lists.
pub fn honest(genesis: &Genesis, runs: &[Run]) -> Vec<u8> {
    let encoded: Vec<Vec<u8>> = runs.iter().map(run::encode).collect();
    bundle(genesis, &encoded, runs)
}

/// A data directory with a device's secrets and these runs in its journal.
pub fn data_dir(path: &Path, device: &Device, runs: &[Run]) {
    let mut random = Random::new(77);
    let mut random = bytes(&mut random);
    let unlock = Unlock::DefaultKeyFile;
    let fs = Arc::new(RealFs);
    let dir = DataDir::create(fs, path, &unlock, PassphraseCost::default(), &mut random).unwrap();
    dir.write_public(device::GENESIS_FILE, &device.genesis.to_bytes())
        .unwrap();
    dir.write_secret(device::FILE, &device.secrets.to_bytes(), &mut random)
        .unwrap();
    let (mut journal, _) = Journal::open(&dir, Default::default()).unwrap();
    for run in runs {
        let record = record::encode(START, record::Source::Own, &run::encode(run));
        journal.append(&[&record], &mut random).unwrap();
    }
    journal.sync().unwrap();
    journal.close().unwrap();
}

/// The incident of most tests.
pub struct Story {
    pub founder: Device,
    pub a: Device,
    pub b: Device,
    pub need: ObjectId,
    pub dir: tempfile::TempDir,
    /// Three bundles and a journal directory.
    pub sources: Vec<PathBuf>,
}

pub const C1: &str = "MARKER-ONE-roof-torn-off";
pub const C2: &str = "MARKER-TWO-Ada-Lovelace";
pub const C3: &str = "MARKER-THREE-insulin";

pub fn story() -> Story {
    let mut founder = Device::found("Flood", 1);
    let mut a = founder.admit("gym", Role::Coordinator, 2);
    let mut b = founder.admit("school", Role::Coordinator, 2);
    let need = founder.add(
        "need",
        &[("title", "roof"), ("area", C1), ("priority", "normal")],
    );
    let person = founder.add("volunteer", &[("name", C2), ("emergency_contact", C3)]);
    let day = [("from", "2027-01-20T08:00Z"), ("to", "2027-01-20T16:00Z")];
    let tasks: Vec<ObjectId> = ["clear mud", "serve soup"]
        .iter()
        .map(|title| founder.add("task", &[("title", *title), day[0], day[1]]))
        .collect();
    for device in [&mut a, &mut b] {
        device.meet(&founder);
    }
    // Apart.
    a.edit(
        "need",
        need,
        &[("title", "+33 1 roof gone"), ("priority", "urgent")],
    );
    b.edit(
        "need",
        need,
        &[("title", "=cmd|' /C calc'!A1"), ("priority", "high")],
    );
    for (device, task) in [(&mut a, tasks[0]), (&mut b, tasks[1])] {
        let (task, person) = (task.hex(), person.hex());
        device.add("assignment", &[("task", &task), ("volunteer", &person)]);
    }
    for i in 0..60 {
        let title = format!("need {i} of the gym");
        a.add("need", &[("title", &title), ("place", "45.1, 7.2")]);
        b.add("note", &[("text", &format!("'); DROP TABLE need;-- {i}"))]);
    }
    b.meet(&a);
    let dir = tempfile::tempdir().unwrap();
    let a_log = a.secrets.log(Lane::DATA);
    let write = |name: &str, bytes: Vec<u8>| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let mut sources = vec![
        write(
            "founder.muster",
            honest(&founder.genesis, &founder.packed(64, |_, _| true)),
        ),
        // Without places 20 to 29 of the gym's log.
        write(
            "gym.muster",
            honest(
                &a.genesis,
                &a.packed(64, |l, s| *l != a_log || !(20..30).contains(&s)),
            ),
        ),
        // Other packing; of the gym's log only 40 to 50.
        write(
            "school.muster",
            honest(
                &b.genesis,
                &b.packed(7, |l, s| *l != a_log || (40..=50).contains(&s)),
            ),
        ),
    ];
    // A dead laptop at the gym: its journal up to 24, an entry a run, and not 3 to 5.
    let laptop = dir.path().join("laptop");
    let kept = a.packed(1, |l, s| *l != a_log || (s < 25 && !(3..6).contains(&s)));
    data_dir(&laptop, &a, &kept);
    sources.push(laptop);
    Story {
        founder,
        a,
        b,
        need,
        dir,
        sources,
    }
}

impl Story {
    pub fn hq(&self) -> HqDevice {
        HqDevice::new(self.founder.genesis.clone(), self.founder.secrets.clone())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Imports with HQ's keys.
pub fn import_into(
    path: &Path,
    hq: Option<HqDevice>,
    sources: &[PathBuf],
) -> muster_hq::ImportReport {
    let mut warehouse = Warehouse::open(path, hq).unwrap();
    let sources: Vec<Source> = sources.iter().cloned().map(Source::from).collect();
    let unlock = Unlock::DefaultKeyFile;
    import(&mut warehouse, &sources, Some(&unlock), START, &mut |_| {
        std::ops::ControlFlow::Continue(())
    })
    .unwrap()
}

/// All rows of all tables but those about imports, in order.
pub fn dump(path: &Path) -> BTreeMap<String, Vec<String>> {
    let db = rusqlite::Connection::open(path).unwrap();
    let mut names = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'import\\_%' ESCAPE '\\'")
        .unwrap();
    let names: Vec<String> = names
        .query_map([], |r| r.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut out = BTreeMap::new();
    for name in names {
        let mut all = db.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
        let width = all.column_count();
        let mut rows: Vec<String> = all
            .query_map([], |row| {
                (0..width)
                    .map(|i| row.get::<_, Value>(i))
                    .collect::<Result<Vec<_>, _>>()
                    .map(|cells| format!("{cells:?}"))
            })
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        rows.sort();
        out.insert(name, rows);
    }
    out
}

/// Says which tables differ, and where.
pub fn assert_same(a: &BTreeMap<String, Vec<String>>, b: &BTreeMap<String, Vec<String>>, at: &str) {
    assert_eq!(
        a.keys().collect::<Vec<_>>(),
        b.keys().collect::<Vec<_>>(),
        "{at}"
    );
    for (name, rows) in a {
        let others = &b[name];
        if rows != others {
            let only_a: Vec<_> = rows
                .iter()
                .filter(|r| !others.contains(r))
                .take(3)
                .collect();
            let only_b: Vec<_> = others
                .iter()
                .filter(|r| !rows.contains(r))
                .take(3)
                .collect();
            panic!(
                "{at}: table {name} differs: {} and {} rows\n{only_a:#?}\n{only_b:#?}",
                rows.len(),
                others.len()
            );
        }
    }
}

/// All orders of `n` things.
pub fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let mut out = Vec::new();
    for order in orders(n - 1) {
        for at in 0..n {
            let mut longer = order.clone();
            longer.insert(at, n - 1);
            out.push(longer);
        }
    }
    out
}

/// One number of a query.
pub fn number(path: &Path, sql: &str) -> i64 {
    let db = rusqlite::Connection::open(path).unwrap();
    db.query_row(sql, [], |r| r.get(0)).unwrap()
}

pub fn last_seq(run: &Run) -> Seq {
    run.entries.last().unwrap().header.seq
}
