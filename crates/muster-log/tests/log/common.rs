//! A small incident with fixed secrets: a founder, keys of C1 to C3, devices that can be admitted, and
//! pens that write their logs. Signing is done with ed25519-dalek here, by the specification, so that
//! tests can make what the crate itself never writes.
#![allow(dead_code)]

use std::collections::BTreeMap;

use ed25519_dalek::{Signer as _, SigningKey};
use muster_log::{
    act::{Act, Admit, Allowance, Audience, Cut, KeyAct, LOCKBOX_INFO, Lockbox, Wrapped},
    author::{self, Draft, DraftPart, Tip},
    book::{Book, Received, Refusal},
    chain::{self, DeviceKey, Run, VerifiedRun},
    codec::{Bounded, Encode},
    entry::{Entry, HEADER_VERSION, Header, LogKey, PartBody, PartHeader, kind, urgency},
    genesis::{Allowances, FORMAT, Founder, Genesis, GenesisBody, RestRules, SUITE},
    hash,
    ids::*,
    keyring::KeyRing,
    operation::{DataOperation, FieldWrite, Operation, PartContent, Slot, Value},
    role::Role,
    run,
    seal::{self, ClassKey, ExchangeSecret},
};

/// One device with its logs.
#[derive(Clone)]
pub struct Pen {
    pub secret: [u8; 32],
    pub key: DeviceKey,
    pub exchange: ExchangeSecret,
    pub grant: GrantId,
    pub incident: IncidentId,
    pub generation: Generation,
    pub highest: Lamport,
    pub tips: BTreeMap<Lane, Tip>,
}

impl Pen {
    pub fn new(incident: IncidentId, n: u8, grant: GrantId) -> Self {
        Self {
            secret: [n; 32],
            key: DeviceKey::from_bytes(&[n; 32]),
            exchange: ExchangeSecret::from_random([n ^ 0x80; 32]),
            grant,
            incident,
            generation: Generation(7_000 + u64::from(n)),
            highest: Lamport(0),
            tips: BTreeMap::new(),
        }
    }

    pub fn id(&self) -> DeviceId {
        self.key.id()
    }

    pub fn log(&self, lane: Lane) -> LogKey {
        LogKey {
            device: self.id(),
            generation: self.generation,
            lane,
        }
    }

    pub fn log_id(&self, lane: Lane) -> LogId {
        self.log(lane).id(&self.incident)
    }

    pub fn tip(&self, lane: Lane) -> Tip {
        let start = Tip {
            next: Seq(0),
            before: EntryHash(self.log_id(lane).0),
        };
        self.tips.get(&lane).copied().unwrap_or(start)
    }

    /// Writes the next entry of a lane.
    pub fn write(&mut self, lane: Lane, parts: Vec<DraftPart>) -> Run {
        let draft = Draft {
            kind: if lane == Lane::DATA {
                kind::DATA
            } else {
                kind::AUTHORITY
            },
            urgency: urgency::NORMAL,
            audience: AudienceTag::ZERO,
            claimed: Millis(1_792_000_000_000),
            parts,
        };
        let run = author::write(
            &self.incident,
            &self.key,
            &self.log(lane),
            self.tip(lane),
            self.highest,
            self.grant,
            &draft,
        )
        .unwrap();
        self.took(lane, &run);
        run
    }

    fn took(&mut self, lane: Lane, run: &Run) {
        let run = chain::verify(&self.incident, run.clone()).unwrap();
        self.highest = run.entries().last().unwrap().header().lamport;
        self.tips.insert(
            lane,
            Tip {
                next: Seq(run.last().0 + 1),
                before: run.head(),
            },
        );
    }

    /// A plain part, for lane 0 or public data.
    /// A cut of a log so many places before its end; the hash is the head's: behind it,
    /// the cut's own place is past it.
    pub fn cut(&self, lane: Lane, behind: u64) -> Option<Cut> {
        let tip = self.tip(lane);
        Some(Cut {
            generation: self.generation,
            lane,
            seq: Seq(tip.next.0.checked_sub(1 + behind)?),
            hash: tip.before,
            signature: Signature([0; 64]),
        })
    }

    pub fn acts(&mut self, acts: &[Act]) -> Run {
        let operations: Vec<_> = acts.iter().map(|a| a.write().unwrap()).collect();
        self.write(Lane::AUTHORITY, vec![plain(operations)])
    }

    /// Several data entries as one run.
    pub fn data(&mut self, count: usize, key: Option<&ClassKey>, class: Class) -> Run {
        let runs: Vec<_> = (0..count)
            .map(|n| {
                let text = format!("entry {n} of {}", self.generation);
                self.write(Lane::DATA, vec![part(class, key, vec![set(&text)])])
            })
            .collect();
        join(&runs)
    }

    /// Signs headers as they stand: whatever they hold.
    pub fn sign(
        &self,
        lane: Lane,
        before: EntryHash,
        entries: Vec<(Header, Vec<PartBody>)>,
    ) -> Run {
        sign_with(
            &self.secret,
            &self.incident,
            self.log(lane),
            before,
            entries,
        )
    }

    /// A header of one plain part, to be changed and signed.
    pub fn header(&self, seq: u64, bodies: &[&[u8]]) -> Header {
        let parts: Vec<_> = bodies.iter().map(|b| part_header(b)).collect();
        Header {
            version: HEADER_VERSION,
            seq: Seq(seq),
            lamport: Lamport(seq.saturating_add(1)),
            claimed: Millis(1_792_000_000_000),
            kind: kind::DATA,
            urgency: urgency::NORMAL,
            audience: AudienceTag::ZERO,
            grant: self.grant,
            parts: parts.try_into().unwrap(),
            extensions: Bounded::default(),
        }
    }
}

pub fn sign_with(
    secret: &[u8; 32],
    incident: &IncidentId,
    log: LogKey,
    before: EntryHash,
    entries: Vec<(Header, Vec<PartBody>)>,
) -> Run {
    let id = log.id(incident);
    let mut at = before;
    let key = SigningKey::from_bytes(secret);
    let entries = entries.into_iter().map(|(header, parts)| {
        at = hash::chain(&id, header.seq, &at, &hash::header_hash(&header.to_bytes()));
        let message = [b"muster entry v1\0".as_slice(), &at.0].concat();
        Entry {
            header,
            parts,
            signature: Some(Signature(key.sign(&message).to_bytes())),
        }
    });
    Run {
        log,
        before,
        entries: entries.collect(),
    }
}

pub fn part_header(body: &[u8]) -> PartHeader {
    PartHeader {
        class: Class::C0,
        key: KeyId::ZERO,
        encoding: 0,
        len: body.len() as u32,
        hash: hash::part_hash(body),
    }
}

pub fn part(class: Class, key: Option<&ClassKey>, operations: Vec<Operation>) -> DraftPart {
    DraftPart {
        class,
        key: key.cloned(),
        content: PartContent {
            operations: operations.try_into().unwrap(),
        },
    }
}

pub fn plain(operations: Vec<Operation>) -> DraftPart {
    part(Class::C0, None, operations)
}

pub fn text<T: TryFrom<String>>(text: &str) -> T {
    T::try_from(text.to_owned()).ok().unwrap()
}

pub fn set(value: &str) -> Operation {
    let write = FieldWrite {
        slot: Slot {
            kind: 2,
            object: ObjectId([0x0b; 16]),
            field: 3,
            element: 0,
        },
        replaces: Bounded::default(),
        value: Value {
            kind: 1,
            bytes: value.as_bytes().to_vec().try_into().unwrap(),
        },
    };
    DataOperation::Set(write).write().unwrap().unwrap()
}

pub fn op<T: Encode>(code: u16, body: &T) -> Operation {
    Operation::new(code, body).unwrap()
}

/// Runs that follow one another, as one.
pub fn join(runs: &[Run]) -> Run {
    Run {
        log: runs[0].log,
        before: runs[0].before,
        entries: runs.iter().flat_map(|r| r.entries.clone()).collect(),
    }
}

/// Entries `from..to` of a run; every entry carries its signature.
pub fn slice(incident: &IncidentId, run: &Run, from: usize, to: usize) -> Run {
    let before = match from {
        0 => run.before,
        n => chain::verify(incident, slice(incident, run, 0, n))
            .unwrap()
            .head(),
    };
    Run {
        log: run.log,
        before,
        entries: run.entries[from..to].to_vec(),
    }
}

pub fn genesis_body() -> GenesisBody {
    GenesisBody {
        format: FORMAT,
        suite: SUITE,
        salt: [4; 32],
        name: text("Flood in Sampletown"),
        claimed: Millis(1_792_000_000_000),
        roots: vec![DeviceKey::from_bytes(&[1; 32]).id()]
            .try_into()
            .unwrap(),
        threshold: 1,
        founder: Founder {
            device: DeviceKey::from_bytes(&[2; 32]).id(),
            exchange: ExchangeSecret::from_random([2 ^ 0x80; 32])
                .public()
                .unwrap(),
            label: text("hq laptop"),
            code: text("HQ"),
        },
        schema: 1,
        allowances: Allowances::default(),
        rest: RestRules::default(),
        retention_days: 365,
        languages: vec![text("en"), text("fr")].try_into().unwrap(),
    }
}

pub struct World {
    pub genesis: Genesis,
    pub founder: Pen,
    pub c1: ClassKey,
    pub c2: ClassKey,
    pub c3: ClassKey,
    random: u8,
}

impl World {
    pub fn new() -> Self {
        Self::with(genesis_body())
    }

    pub fn with(body: GenesisBody) -> Self {
        let genesis = Genesis::sign(body, &[DeviceKey::from_bytes(&[1; 32])]).unwrap();
        let founder = Pen::new(genesis.id(), 2, hash::founder_grant(&genesis.id()));
        Self {
            genesis,
            founder,
            c1: ClassKey::from_bytes([0x11; 32]),
            c2: ClassKey::from_bytes([0x22; 32]),
            c3: ClassKey::from_bytes([0x33; 32]),
            random: 0,
        }
    }

    pub fn incident(&self) -> IncidentId {
        self.genesis.id()
    }

    pub fn pen(&self, n: u8) -> Pen {
        Pen::new(self.incident(), n, GrantId::ZERO)
    }

    /// A book as this device would keep it.
    pub fn book(&self, of: &Pen) -> Book {
        let ring = KeyRing::new(of.id(), of.exchange.clone());
        Book::new(self.genesis.clone(), ring)
    }

    /// The founder's first entry: the keys of the classes.
    pub fn keys(&mut self) -> Run {
        let founder = self.founder.clone();
        let keys = [
            (Class::C1, self.c1.clone()),
            (Class::C2, self.c2.clone()),
            (Class::C3, self.c3.clone()),
        ];
        let acts = keys.map(|(class, key)| {
            Act::Key(self.key_act(&key, class, Audience::WholeClass, &[&founder], &[], &[]))
        });
        self.founder.acts(&acts)
    }

    pub fn key_act(
        &mut self,
        key: &ClassKey,
        class: Class,
        audience: Audience,
        to: &[&Pen],
        under: &[&ClassKey],
        previous: &[&ClassKey],
    ) -> KeyAct {
        let lockboxes: Vec<_> = to
            .iter()
            .map(|pen| {
                self.random += 1;
                let to = pen.exchange.public().unwrap();
                let sealed =
                    seal::seal_to(&to, LOCKBOX_INFO, key.bytes(), [self.random; 32]).unwrap();
                Lockbox {
                    device: pen.id(),
                    sealed: sealed.try_into().unwrap(),
                }
            })
            .collect();
        let wrap = |outer: &ClassKey, inner: &ClassKey, named: &ClassKey| Wrapped {
            key: named.id(),
            sealed: seal::wrap_key(outer, inner).unwrap().try_into().unwrap(),
        };
        let under: Vec<_> = under.iter().map(|outer| wrap(outer, key, outer)).collect();
        let previous: Vec<_> = previous.iter().map(|old| wrap(key, old, old)).collect();
        KeyAct {
            key: key.id(),
            class,
            audience,
            lockboxes: lockboxes.try_into().unwrap(),
            under: under.try_into().unwrap(),
            previous: previous.try_into().unwrap(),
            extensions: Bounded::default(),
        }
    }

    pub fn admit_act(pen: &Pen, role: Role) -> Admit {
        Admit {
            device: pen.id(),
            exchange: pen.exchange.public().unwrap(),
            role,
            person: None,
            scope: None,
            label: text("a phone"),
            code: text("P1"),
            expires: None,
            lifts: Bounded::default(),
            extensions: Bounded::default(),
        }
    }

    /// `by` admits `pen`, with these acts beside.
    pub fn admit(&mut self, by: &mut Pen, pen: &mut Pen, role: Role, beside: &[Act]) -> Run {
        let mut acts = vec![Act::Admit(Self::admit_act(pen, role))];
        acts.extend(beside.iter().cloned());
        let run = by.acts(&acts);
        let verified = chain::verify(&self.incident(), run.clone()).unwrap();
        pen.grant = hash::grant_id(&verified.head(), 0);
        run
    }

    /// The founder admits a device and hands it C1 (and C2 above lead).
    pub fn admit_with_keys(&mut self, pen: &mut Pen, role: Role) -> Run {
        let mut acts = Vec::new();
        let mut keys = vec![(Class::C1, self.c1.clone())];
        if role <= Role::Coordinator {
            keys.push((Class::C2, self.c2.clone()));
        }
        for (class, key) in keys.into_iter().filter(|_| role != Role::Relay) {
            let act = self.key_act(&key, class, Audience::WholeClass, &[&pen.clone()], &[], &[]);
            acts.push(Act::Key(act));
        }
        let mut founder = self.founder.clone();
        let run = self.admit(&mut founder, pen, role, &acts);
        self.founder = founder;
        run
    }

    pub fn allow(&mut self, device: DeviceId, entries: u64) -> Run {
        self.founder
            .acts(&[Act::Allowance(Allowance { device, entries })])
    }
}

pub fn give(book: &mut Book, run: &Run) -> Result<Received, Refusal> {
    book.receive(&run::encode(run))
}

/// Gives a run that must be new.
pub fn take(book: &mut Book, run: &Run) -> muster_log::book::Admitted {
    match give(book, run).unwrap() {
        Received::Admitted(admitted) => *admitted,
        Received::Known => panic!("the run was known"),
    }
}

pub fn verified(incident: &IncidentId, run: &Run) -> VerifiedRun {
    chain::verify(incident, run.clone()).unwrap()
}
