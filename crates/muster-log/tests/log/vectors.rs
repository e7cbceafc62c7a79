//! Golden bytes of everything signed, stored or sent. `MUSTER_BLESS=1` writes them anew; a change in
//! them is a change of the protocol.

use std::{fs, path::PathBuf};

use muster_log::{
    act::{
        Act, Adopt, Allowance, Audience, Branch, Cut, End, Erase, ErasedLog, ErasedSpan,
        FieldDefinition, ForkProof, KeyAct, Lockbox, RootAct, SecretAct, Wrapped,
    },
    author::DraftPart,
    bundle::{Item, Reader, Stretch, Writer},
    chain::{self, DeviceKey, Run},
    codec::{self, Bounded, Decode, Encode},
    entry::{Extension, Header, PartBody},
    erased::Erased,
    genesis::Genesis,
    hash,
    ids::*,
    operation::{
        BlobNotice, DataOperation, FieldWrite, Operation, PartContent, Reference, Slot, Value, code,
    },
    pairing::{Answer, Request},
    role::Role,
    run,
    seal::{self, ExchangeSecret},
};

use crate::common::*;

fn blessing() -> bool {
    std::env::var_os("MUSTER_BLESS").is_some()
}

fn path(name: &str) -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests");
    tests.join("golden").join(format!("{name}.hex"))
}

fn read_golden(name: &str) -> Vec<u8> {
    let path = path(name);
    let lines = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    hex::decode(lines.split_whitespace().collect::<String>()).unwrap()
}

pub fn golden(name: &str, bytes: &[u8]) {
    if blessing() {
        let lines = bytes.chunks(32).map(|line| hex::encode(line) + "\n");
        fs::create_dir_all(path(name).parent().unwrap()).unwrap();
        fs::write(path(name), lines.collect::<String>()).unwrap();
    }
    assert_eq!(
        hex::encode(bytes),
        hex::encode(read_golden(name)),
        "{name} has changed"
    );
}

/// Compares, and reads the golden bytes back into the same value.
fn same<T: Encode + Decode<()> + PartialEq + std::fmt::Debug>(name: &str, value: &T) {
    let bytes = codec::encode(value);
    golden(name, &bytes);
    assert_eq!(
        codec::decode::<T, { 32 * 1024 }>("golden", &bytes).as_ref(),
        Ok(value)
    );
}

fn reference() -> Reference {
    Reference::new(&LogId([0xa1; 32]), Seq(300), &EntryHash([0xb2; 32]), 1, 2)
}

fn slot() -> Slot {
    Slot {
        kind: 2,
        object: ObjectId([0x0b; 16]),
        field: 3,
        element: 9,
    }
}

fn field_write(value: &[u8]) -> FieldWrite {
    FieldWrite {
        slot: slot(),
        replaces: vec![reference()].try_into().unwrap(),
        value: Value {
            kind: 1,
            bytes: value.to_vec().try_into().unwrap(),
        },
    }
}

#[test]
fn parts_of_operations() {
    same("reference", &reference());
    same("slot", &slot());
    same("value", &field_write(b"Maria").value);
}

#[test]
fn every_operation_code() {
    let write = || field_write(b"Maria");
    let object = ObjectId([0x0b; 16]);
    let blob = BlobNotice {
        object,
        content: [0xcc; 32],
        len: 70_000,
        media: text("image/jpeg"),
    };
    let all = [
        ("set", code::SET, DataOperation::Set(write())),
        ("add", code::ADD, DataOperation::Add(write())),
        (
            "remove",
            code::REMOVE,
            DataOperation::Remove(field_write(b"")),
        ),
        ("tally", code::TALLY, DataOperation::Tally(write())),
        ("alias", code::ALIAS, DataOperation::Alias(write())),
        (
            "unalias",
            code::UNALIAS,
            DataOperation::Unalias(field_write(b"")),
        ),
        (
            "erase-ack",
            code::ERASE_ACK,
            DataOperation::EraseAck(GrantId([0x61; 32])),
        ),
        ("blob", code::BLOB, DataOperation::Blob(blob)),
        (
            "operator",
            code::OPERATOR,
            DataOperation::Operator(text("Ana")),
        ),
    ];
    // 7 is used up.
    for (at, (name, code, operation)) in (1..).filter(|n| *n != 7).zip(&all) {
        let stored = operation.write().unwrap().unwrap();
        assert_eq!((stored.code, stored.code), (*code, at));
        same(&format!("operation-{name}"), &stored);
        assert_eq!(stored.read().as_ref(), Ok(operation));
    }
    let unknown = op(40, &7u64);
    same("operation-unknown", &unknown);
    assert_eq!(unknown.read(), Ok(DataOperation::Other(40)));
    assert!(Act::read(&unknown).is_none());
}

fn log_key() -> muster_log::entry::LogKey {
    World::new().pen(9).log(Lane::DATA)
}

#[test]
fn every_act() {
    let grant = GrantId([0x61; 32]);
    let mut admit = World::admit_act(&World::new().pen(9), Role::Lead);
    admit.person = Some(ObjectId([0x0b; 16]));
    admit.expires = Some(Millis(1_800_000_000_000));
    admit.lifts = vec![GrantId([0x62; 32])].try_into().unwrap();
    let lockbox = |n| Lockbox {
        device: DeviceId([n; 32]),
        sealed: vec![n; 80].try_into().unwrap(),
    };
    let wrapped = |n| Wrapped {
        key: KeyId([n; 16]),
        sealed: vec![n; 48].try_into().unwrap(),
    };
    let branch = |n| Branch {
        digests: vec![HeaderHash([n; 32]); 2].try_into().unwrap(),
        signature: Signature([n; 64]),
    };
    let acts = [
        ("admit", 64, Act::Admit(admit)),
        (
            "end",
            65,
            Act::End(End {
                grant,
                cuts: vec![Cut {
                    generation: Generation(7),
                    lane: Lane::DATA,
                    seq: Seq(41),
                    hash: EntryHash([0x71; 32]),
                    signature: Signature([0x72; 64]),
                }]
                .try_into()
                .unwrap(),
                role: Some(Role::Volunteer),
                lifts: Bounded::default(),
                why: text("phone lost"),
                extensions: Bounded::default(),
            }),
        ),
        (
            "adopt",
            66,
            Act::Adopt(Adopt {
                log: log_key(),
                from: Seq(42),
                to: Seq(50),
                hash: EntryHash([0x71; 32]),
                signature: Signature([0x72; 64]),
            }),
        ),
        (
            "key",
            67,
            Act::Key(KeyAct {
                key: KeyId([0x31; 16]),
                class: Class::C2,
                audience: Audience::Device(DeviceId([0x32; 32])),
                lockboxes: vec![lockbox(0x33)].try_into().unwrap(),
                under: vec![wrapped(0x34)].try_into().unwrap(),
                previous: vec![wrapped(0x35)].try_into().unwrap(),
                extensions: Bounded::default(),
            }),
        ),
        (
            "allowance",
            68,
            Act::Allowance(Allowance {
                device: DeviceId([0x32; 32]),
                entries: 50_000,
            }),
        ),
        (
            "field",
            69,
            Act::Field(FieldDefinition {
                kind: 2,
                field: 40_001,
                name: text("boat-size"),
                value: 2,
                class: Class::C1,
                merge: 1,
                writer: Role::Lead,
                labels: vec![(text("fr"), text("taille du bateau"))]
                    .try_into()
                    .unwrap(),
            }),
        ),
        (
            "fork",
            70,
            Act::Fork(Box::new(ForkProof {
                log: log_key(),
                seq: Seq(3),
                before: EntryHash([0x73; 32]),
                branches: (branch(0x74), branch(0x75)),
            })),
        ),
        (
            "secret",
            71,
            Act::Secret(SecretAct {
                secret: KeyId([0x36; 16]),
                lockboxes: vec![lockbox(0x37)].try_into().unwrap(),
            }),
        ),
        (
            "root",
            72,
            Act::Root(
                RootAct::sign(
                    &World::new().incident(),
                    [0x38; 16],
                    &Act::Allowance(Allowance {
                        device: DeviceId([0x32; 32]),
                        entries: 50_000,
                    }),
                    &[(0, &DeviceKey::from_bytes(&[0x39; 32]))],
                )
                .unwrap(),
            ),
        ),
        (
            "erase",
            73,
            Act::Erase(Erase {
                object: ObjectId([0x0b; 16]),
                kind: 1,
                number: text("N-GYM-1"),
                parts: vec![ErasedLog {
                    log: log_key(),
                    spans: vec![
                        ErasedSpan {
                            skip: 41,
                            count: 3,
                            parts: 0b11,
                        },
                        ErasedSpan {
                            skip: 300,
                            count: 1,
                            parts: 1,
                        },
                    ]
                    .try_into()
                    .unwrap(),
                }]
                .try_into()
                .unwrap(),
                why: text("asked for it"),
                extensions: Bounded::default(),
            }),
        ),
    ];
    for (name, code, act) in acts {
        let operation = act.write().unwrap();
        assert_eq!(operation.code, code);
        same(&format!("act-{name}"), &operation);
        assert_eq!(Act::read(&operation), Some(Ok(act)));
    }
    for (name, audience) in [
        ("whole-class", Audience::WholeClass),
        ("named", Audience::Named(grant)),
        ("team", Audience::Team(ObjectId([1; 16]))),
        ("person", Audience::Person(ObjectId([2; 16]))),
        ("task", Audience::Task(ObjectId([3; 16]))),
    ] {
        same(&format!("audience-{name}"), &audience);
    }
}

#[test]
fn genesis_and_ids() {
    let world = World::new();
    golden("genesis", &world.genesis.to_bytes());
    assert_eq!(
        Genesis::from_bytes(&world.genesis.to_bytes()).as_ref(),
        Ok(&world.genesis)
    );
    golden("incident-id", &world.incident().0);
    golden("log-id", &world.pen(9).log_id(Lane::DATA).0);
    golden("founder-grant", &world.founder.grant.0);
    golden(
        "grant-id",
        &hash::grant_id(&EntryHash([0xb2; 32]), 0x0102).0,
    );
    golden("key-id", &world.c1.id().0);
    golden(
        "part-nonce",
        &hash::part_nonce(&LogId([0xa1; 32]), Seq(300), 1),
    );
    golden(
        "audience-tag",
        &hash::audience_tag(&[5; 32], &world.pen(9).id().0).0,
    );
    golden(
        "wrapped-key",
        &seal::wrap_key(&world.c2, &world.c1).unwrap(),
    );
}

/// Three entries: one of two parts, one like it, one with extensions and everything unusual.
fn three() -> (World, Pen, Run) {
    let world = World::new();
    let mut pen = world.pen(9);
    // A fixed one: one that comes of an admission would hang on how HPKE uses its random bytes.
    pen.grant = GrantId([0x61; 32]);
    let two = |name: &str| -> Vec<DraftPart> {
        vec![
            part(Class::C1, Some(&world.c1), vec![set("skill: first aid")]),
            part(Class::C2, Some(&world.c2), vec![set(name)]),
        ]
    };
    let first = pen.write(Lane::DATA, two("Ana"));
    let second = pen.write(Lane::DATA, two("Ben"));
    let body = PartContent {
        operations: vec![set("the road is open")].try_into().unwrap(),
    };
    let mut header = pen.header(2, &[&body.to_bytes()]);
    header.lamport = Lamport(77);
    header.claimed = Millis(-5);
    header.kind = 200;
    header.urgency = 3;
    header.audience = hash::audience_tag(&[5; 32], b"hq");
    let extension = Extension {
        tag: 900,
        bytes: vec![1, 2, 3].try_into().unwrap(),
    };
    header.extensions = vec![extension].try_into().unwrap();
    let before = verified(&world.incident(), &join(&[first.clone(), second.clone()])).head();
    let bodies = vec![PartBody::Stored(body.to_bytes())];
    let third = pen.sign(Lane::DATA, before, vec![(header, bodies)]);
    let mut run = join(&[first, second, third]);
    run.entries[0].signature = None;
    run.entries[1].signature = None;
    (world, pen, run)
}

#[test]
fn headers_chain_and_signature() {
    let (world, _, run) = three();
    for (name, at) in [("header", 0), ("header-extended", 2)] {
        let header = &run.entries[at].header;
        golden(name, &header.to_bytes());
        assert_eq!(Header::from_bytes(&header.to_bytes()).as_ref(), Ok(header));
    }
    let PartBody::Stored(sealed) = &run.entries[0].parts[0] else {
        panic!()
    };
    let content = PartContent {
        operations: vec![set("skill: first aid")].try_into().unwrap(),
    };
    golden("part-plain", &content.to_bytes());
    golden("part-sealed", sealed);
    let run = verified(&world.incident(), &run);
    let last = run.entries().last().unwrap();
    golden("entry-d", &run.entries()[0].digest().0);
    golden("entry-h", &run.entries()[0].hash().0);
    golden("entry-h2", &last.hash().0);
    golden("entry-signature", &last.signature().unwrap().0);
}

#[test]
fn runs_in_every_form() {
    let (mut world, pen, run) = three();
    let incident = world.incident();
    let mut book = world.book(&world.founder.clone());
    take(&mut book, &world.keys());
    let stored = run::encode(&run);
    golden("run-stored", &stored);
    let plain = run::encode_for(&incident, &run, book.keys(), |key| *key == world.c1.id());
    golden("run-plain", &plain);
    let mut poor = run.clone();
    poor.entries[1].parts[1] = PartBody::Absent;
    let absent = run::encode(&poor);
    golden("run-absent", &absent);
    assert_eq!(run::decode(&incident, &stored), Ok(run.clone()));
    assert_eq!(
        run::decode_with(&incident, &plain, book.keys()),
        Ok(run.clone())
    );
    assert_eq!(run::decode(&incident, &absent), Ok(poor.clone()));
    for run in [run, poor] {
        chain::verify(&incident, run).unwrap();
    }
    let heads = {
        let mut heads = muster_log::frontier::LogHeads::new(&incident, pen.log(Lane::DATA));
        heads.take(&verified(
            &incident,
            &run::decode(&incident, &absent).unwrap(),
        ));
        heads
    };
    golden(
        "frontier-digest",
        &muster_log::frontier::digest([&heads].into_iter(), &Erased::default()),
    );
}

#[test]
fn a_bundle() {
    let world = World::new();
    let run = world.pen(9).data(1, Some(&world.c1), Class::C1);
    let stretch = Stretch {
        log: run.log,
        from: Seq(0),
        to: Seq(0),
    };
    let (mut writer, mut bytes) = Writer::start(&world.genesis, &[stretch]);
    bytes.extend(writer.run(&run::encode(&run)));
    bytes.extend(writer.end());
    golden("bundle", &bytes);
    let mut reader = Reader::default();
    reader.push(&bytes);
    reader.finish();
    let mut items = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        items.push(item);
    }
    let expected = [
        Item::Genesis(Box::new(world.genesis.clone())),
        Item::Contents(vec![stretch]),
        Item::Run(run::encode(&run)),
        Item::End,
    ];
    assert_eq!(items, expected);
    assert!(reader.complete());
}

#[test]
fn pairing_files() {
    let mut world = World::new();
    let mut pen = world.pen(9);
    let exchange = pen.exchange.public().unwrap();
    let request = Request::sign(
        &pen.key,
        exchange,
        text("a phone"),
        text("P1"),
        Millis(1_792_000_000_000),
    );
    golden("pairing-request", &request.to_bytes());
    assert_eq!(Request::from_bytes(&request.to_bytes()), Ok(request));
    let lane0 = vec![
        run::encode(&world.keys()),
        run::encode(&world.admit_with_keys(&mut pen, Role::Volunteer)),
    ];
    let answer = Answer {
        genesis: world.genesis.clone(),
        secret: [5; 32].into(),
        grant: pen.grant,
        lane0,
    };
    let bytes = answer.seal(&exchange, [6; 32]).unwrap();
    if blessing() {
        golden("pairing-answer", &bytes);
    }
    // Sealing uses randomness as its crate likes; what was sealed once must open for ever.
    let kept = read_golden("pairing-answer");
    let opened = Answer::open(&kept, &pen.exchange).unwrap();
    assert_eq!(opened.genesis, answer.genesis);
    assert_eq!(
        (opened.secret, opened.lane0.len()),
        (answer.secret.clone(), 2)
    );
    let mut book = world.book(&pen);
    for run in &opened.lane0 {
        book.receive(run).unwrap();
    }
    assert_eq!(book.keys().writing_key(Class::C1), Some(&world.c1));
    assert_eq!(Answer::open(&bytes, &pen.exchange), Ok(answer.clone()));
    let other = ExchangeSecret::from_random([1; 32]);
    assert!(Answer::open(&bytes, &other).is_err());
    let mut cover = bytes.clone();
    cover[10] ^= 1;
    assert_eq!(
        Answer::open(&cover, &pen.exchange),
        Err(muster_log::pairing::PairingError::Incident)
    );
}

/// Codes above 250 take three bytes.
#[test]
fn operations_are_a_code_and_a_length() {
    let operation = Operation {
        code: 300,
        body: vec![1, 2, 3].try_into().unwrap(),
    };
    assert_eq!(codec::encode(&operation), [251, 44, 1, 3, 1, 2, 3]);
}
