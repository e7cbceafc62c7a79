//! One device of the incident in memory: it writes, meets others, packs runs.

use std::collections::BTreeMap;

use muster_log::{
    act::{Act, Admit, Audience, Erase, KeyAct, LOCKBOX_INFO, Lockbox},
    author::{self, Draft, DraftPart},
    authority::Standing,
    book::{Book, Received},
    chain::{self, DeviceKey, Run},
    codec::{Bounded, Text},
    device::{Membership, Secrets},
    entry::{PartBody, kind, urgency},
    erased::{self, Parts},
    genesis::{Allowances, FORMAT, Founder, Genesis, GenesisBody, RestRules, SUITE},
    hash,
    ids::{AudienceTag, Class, DeviceId, Lane, Millis, ObjectId},
    keyring::{KeyRing, Opened},
    operation::{DataOperation, Operation, PartContent, Reference},
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
                    extensions: Bounded::default(),
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
            extensions: Bounded::default(),
        });
        self.act(vec![admit]);
        let keys: Vec<(Class, ClassKey)> = self
            .book
            .keys()
            .keys()
            .filter_map(|(_, held)| Some((held.claim?.class, held.key.clone())))
            .filter(|(class, _)| class.0 <= classes)
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

    /// Erases an object, and these parts of it.
    pub fn erase(&mut self, id: ObjectId, parts: &Parts) {
        let lists = match parts.is_empty() {
            true => vec![Vec::new()],
            false => erased::split(parts),
        };
        let acts = lists.into_iter().map(|list| {
            Act::Erase(Erase {
                object: id,
                kind: 0,
                number: text(""),
                parts: list.try_into().unwrap(),
                why: text(""),
                extensions: Bounded::default(),
            })
        });
        self.act(acts.collect());
    }

    /// The parts known here that hold an object, and their stored bytes.
    pub fn parts_of(&self, id: ObjectId) -> (Parts, Vec<Vec<u8>>) {
        let (mut parts, mut stored) = (Parts::new(), Vec::new());
        for ((log, seq), run) in &self.runs {
            let run = chain::verify(&self.book.incident(), run.clone()).unwrap();
            let entry = &run.entries()[0];
            for (part, body) in (0u8..).zip(entry.parts()) {
                let Opened::Content(content) = self.book.keys().read(&run.id(), entry, part) else {
                    continue;
                };
                let holds = |op: &Operation| match op.read() {
                    Ok(DataOperation::Set(w) | DataOperation::Add(w)) => w.slot.object == id,
                    _ => false,
                };
                if content.operations.iter().any(holds)
                    && let PartBody::Stored(bytes) = body
                {
                    *parts.entry(*log).or_default().entry(*seq).or_default() |= 1 << part;
                    stored.push(bytes.clone());
                }
            }
        }
        (parts, stored)
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
            .standing(run.log(), entry.seq(), &entry.hash(), &header.grant);
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
