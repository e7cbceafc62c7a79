//! One signature covers a run, and nothing in it can be altered.

use muster_log::{
    author::{self, AuthorError, Draft},
    chain::{self, DeviceKey, RunError},
    codec::CodecError,
    entry::{Extension, Header, LAMPORT_STEP, MAX_ENTRY, PartBody},
    genesis::{Genesis, GenesisError},
    ids::*,
    run::{self, MAX_RUN_BYTES, RunCodecError},
    seal::ClassKey,
};

use crate::common::*;

fn ten() -> (Pen, muster_log::chain::Run) {
    let mut pen = World::new().pen(9);
    let key = ClassKey::from_bytes([0x11; 32]);
    let mut run = pen.data(10, Some(&key), Class::C1);
    run.entries
        .iter_mut()
        .take(9)
        .for_each(|e| e.signature = None);
    (pen, run)
}

#[test]
fn one_signature_covers_a_run_and_every_suffix_of_it() {
    let (pen, run) = ten();
    let whole = verified(&pen.incident, &run);
    assert_eq!(whole.entries().len(), 10);
    let head = whole.head();
    for known in 0..10 {
        let rest = whole.clone().suffix(known).unwrap();
        assert_eq!(rest.first(), Seq(known as u64));
        assert_eq!(verified(&pen.incident, &rest.to_run()).head(), head);
    }
    assert!(whole.suffix(10).is_none());
}

/// Every byte of every entry of an encoded run, altered: refused by the decoder or by the proof.
#[test]
fn any_altered_byte_of_any_entry_is_refused() {
    let (pen, run) = ten();
    let bytes = run::encode(&run);
    let mut refused = 0;
    for at in 0..bytes.len() {
        for bit in [0x01, 0x80] {
            let mut altered = bytes.clone();
            altered[at] ^= bit;
            let told = run::decode(&pen.incident, &altered)
                .map_err(|e| e.to_string())
                .and_then(|r| chain::verify(&pen.incident, r).map_err(|e| e.to_string()));
            assert!(
                told.is_err(),
                "byte {at} of {} altered and accepted",
                bytes.len()
            );
            refused += 1;
        }
    }
    assert!(refused > 1_500, "{refused}");
}

#[test]
fn entries_cannot_be_dropped_swapped_or_put_into_another_log() {
    let (pen, run) = ten();
    let refuse = |run| chain::verify(&pen.incident, run).unwrap_err();

    let mut dropped = run.clone();
    dropped.entries.remove(4);
    assert_eq!(
        refuse(dropped),
        RunError::Sequence {
            expected: 4,
            found: 5
        }
    );

    let mut swapped = run.clone();
    swapped.entries.swap(4, 5);
    assert!(matches!(refuse(swapped), RunError::Sequence { .. }));

    let mut elsewhere = run.clone();
    elsewhere.log.generation = Generation(1);
    assert_eq!(refuse(elsewhere), RunError::Start);

    let mut other_incident = run.clone();
    other_incident.before = EntryHash(run.log.id(&IncidentId([7; 32])).0);
    assert_eq!(
        chain::verify(&IncidentId([7; 32]), other_incident).unwrap_err(),
        RunError::Signature(9)
    );

    let mut bodies = run.clone();
    bodies.entries[3].parts[0] = bodies.entries[4].parts[0].clone();
    assert_eq!(refuse(bodies), RunError::Parts(3));

    let mut unsigned = run.clone();
    unsigned.entries[9].signature = None;
    assert_eq!(refuse(unsigned), RunError::Unsigned(9));

    let mut none = run.clone();
    none.entries.clear();
    assert_eq!(refuse(none), RunError::Length(0));

    let mut absent = run;
    absent.entries[3].parts[0] = PartBody::Absent;
    assert!(
        chain::verify(&pen.incident, absent).is_ok(),
        "the chain needs no parts"
    );
}

#[test]
fn limits_of_entries_are_checked_whoever_signs() {
    let pen = World::new().pen(9);
    let start = EntryHash(pen.log_id(Lane::DATA).0);
    let refuse = |header: Header, bodies: Vec<PartBody>| {
        let run = pen.sign(Lane::DATA, start, vec![(header, bodies)]);
        chain::verify(&pen.incident, run).unwrap_err()
    };

    let mut far = pen.header(0, &[]);
    far.lamport = Lamport(LAMPORT_STEP + 1);
    assert_eq!(refuse(far.clone(), vec![]), RunError::Lamport(0));
    far.lamport = Lamport(LAMPORT_STEP);
    assert!(
        chain::verify(
            &pen.incident,
            pen.sign(Lane::DATA, start, vec![(far, vec![])])
        )
        .is_ok(),
        "the bound itself is allowed"
    );

    let long = vec![0; MAX_ENTRY];
    let header = pen.header(0, &[&long]);
    assert_eq!(
        refuse(header, vec![PartBody::Stored(long)]),
        RunError::EntryTooLong(0)
    );

    let mut sealed_c0 = pen.header(0, &[b"x"]);
    let mut parts = sealed_c0.parts.clone().into_inner();
    parts[0].key = KeyId([1; 16]);
    sealed_c0.parts = parts.clone().try_into().unwrap();
    assert_eq!(
        refuse(sealed_c0, vec![PartBody::Stored(b"x".to_vec())]),
        RunError::Sealing(0)
    );

    let mut open_c2 = pen.header(0, &[b"x"]);
    parts[0].key = KeyId::ZERO;
    parts[0].class = Class::C2;
    open_c2.parts = parts.try_into().unwrap();
    assert_eq!(
        refuse(open_c2, vec![PartBody::Stored(b"x".to_vec())]),
        RunError::Sealing(0)
    );

    let mut wide = pen.header(0, &[]);
    let bytes = vec![0; 512].try_into().unwrap();
    wide.extensions = vec![Extension { tag: 9, bytes }; 2].try_into().unwrap();
    assert_eq!(refuse(wide, vec![]), RunError::HeaderTooLong(0));

    let missing = pen.header(0, &[b"x"]);
    assert_eq!(refuse(missing, vec![]), RunError::Parts(0));
}

#[test]
fn the_last_place_of_a_log_does_not_overflow() {
    let pen = World::new().pen(9);
    let header = pen.header(u64::MAX, &[]);
    let run = pen.sign(Lane::DATA, EntryHash([1; 32]), vec![(header, vec![])]);
    assert!(matches!(
        chain::verify(&pen.incident, run.clone()),
        Err(RunError::Sequence { .. })
    ));
    // Two entries from the last place on: the decoder counts no further either.
    let mut bytes = run::encode(&run);
    let count = 1 + 32 + 3 + 1 + 9 + 32;
    assert_eq!(bytes[count], 1);
    bytes[count] = 2;
    assert!(run::decode(&pen.incident, &bytes).is_err());
}

/// RFC 8032 verification alone accepts signatures by keys of small order over any message.
#[test]
fn keys_of_small_order_and_malleable_signatures_are_refused() {
    let pen = World::new().pen(9);
    // The neutral point: R = A = identity, s = 0 satisfies the plain equation for every message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let mut log = pen.log(Lane::DATA);
    log.device = DeviceId(neutral);
    let start = EntryHash(log.id(&pen.incident).0);
    let mut run = sign_with(
        &[9; 32],
        &pen.incident,
        log,
        start,
        vec![(pen.header(0, &[]), vec![])],
    );
    run.entries[0].signature = Some(Signature(signature));
    assert!(matches!(
        chain::verify(&pen.incident, run).unwrap_err(),
        RunError::Signature(0) | RunError::Key
    ));

    // s + the group's order: the same signature spelt otherwise.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut writer = pen.clone();
    let mut run = writer.data(1, None, Class::C0);
    let mut bytes = run.entries[0].signature.unwrap().0;
    let mut carry = 0u16;
    for (s, l) in bytes[32..].iter_mut().zip(order) {
        carry += u16::from(*s) + u16::from(l);
        *s = carry as u8;
        carry >>= 8;
    }
    run.entries[0].signature = Some(Signature(bytes));
    assert_eq!(
        chain::verify(&pen.incident, run).unwrap_err(),
        RunError::Signature(0)
    );

    let mut no_point = pen.log(Lane::DATA);
    no_point.device = DeviceId([2; 32]);
    let start = EntryHash(no_point.id(&pen.incident).0);
    let run = sign_with(
        &[9; 32],
        &pen.incident,
        no_point,
        start,
        vec![(pen.header(0, &[]), vec![])],
    );
    assert_eq!(
        chain::verify(&pen.incident, run).unwrap_err(),
        RunError::Key
    );
}

#[test]
fn logical_time_of_an_honest_device_stays_within_its_bound() {
    assert_eq!(author::lamport(Lamport(0), Seq(0)), Lamport(1));
    assert_eq!(
        author::lamport(Lamport(u64::MAX), Seq(0)),
        Lamport(LAMPORT_STEP)
    );
    assert_eq!(
        author::lamport(Lamport(u64::MAX), Seq(u64::MAX)),
        Lamport(u64::MAX)
    );
}

/// Regression: parts were numbered with a byte before they were counted.
#[test]
fn a_draft_of_300_parts_is_refused_and_not_a_panic() {
    let pen = World::new().pen(9);
    let draft = Draft {
        kind: 1,
        urgency: 1,
        audience: AudienceTag::ZERO,
        claimed: Millis(0),
        parts: vec![plain(vec![]); 300],
    };
    let log = pen.log(Lane::DATA);
    let tip = pen.tip(Lane::DATA);
    let told = author::write(
        &pen.incident,
        &pen.key,
        &log,
        tip,
        Lamport(0),
        pen.grant,
        &draft,
    );
    assert_eq!(told.unwrap_err(), AuthorError::TooManyParts);
}

/// Regression: two signatures of one key passed for two roots.
#[test]
fn a_root_named_twice_is_refused() {
    let root = DeviceKey::from_bytes(&[1; 32]);
    let mut body = genesis_body();
    body.roots = vec![root.id(), root.id()].try_into().unwrap();
    body.threshold = 2;
    assert!(matches!(
        Genesis::sign(body, &[root.clone(), root]),
        Err(GenesisError::Threshold {
            roots: 2,
            threshold: 2
        })
    ));
}

/// Regression: bincode counts memory, not bytes, and refused a canonical header with many extensions
/// that the chain accepts.
#[test]
fn a_header_with_all_its_parts_and_many_extensions_is_decoded() {
    let pen = World::new().pen(9);
    let mut header = pen.header(0, &[b"a".as_slice(); 8]);
    let extension = |tag: u16| Extension {
        tag,
        bytes: vec![tag as u8; usize::from(tag % 4)].try_into().unwrap(),
    };
    header.extensions = (0..16)
        .map(extension)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let bytes = header.to_bytes();
    assert!(bytes.len() < 700);
    assert_eq!(Header::from_bytes(&bytes), Ok(header.clone()));
    let bodies = vec![PartBody::Stored(b"a".to_vec()); 8];
    let start = EntryHash(pen.log_id(Lane::DATA).0);
    let run = pen.sign(Lane::DATA, start, vec![(header, bodies)]);
    let again = run::decode(&pen.incident, &run::encode(&run)).unwrap();
    assert_eq!(again, run);
    assert!(chain::verify(&pen.incident, again).is_ok());
}

/// Regression: a run in plain bytes just within the limit was accepted, journalled in its stored form
/// over the limit, and could never be read back.
#[test]
fn a_plain_run_that_would_be_too_long_when_sealed_is_refused() {
    let mut world = World::new();
    let mut pen = world.pen(9);
    let mut book = world.book(&world.founder.clone());
    take(&mut book, &world.keys());
    take(
        &mut book,
        &world.admit_with_keys(&mut pen, muster_log::role::Role::Volunteer),
    );
    let text = "x".repeat(432);
    let eight = || {
        (0..8)
            .map(|_| part(Class::C1, Some(&world.c1), vec![set(&text)]))
            .collect()
    };
    let runs: Vec<_> = (0..64).map(|_| pen.write(Lane::DATA, eight())).collect();
    let mut run = join(&runs);
    run.entries
        .iter_mut()
        .take(63)
        .for_each(|e| e.signature = None);
    let plain = |run: &_| run::encode_for(&world.incident(), run, book.keys(), |_| true);
    let (short, stored) = (plain(&run).len(), run::encode(&run).len());
    assert!(
        short < MAX_RUN_BYTES && stored > MAX_RUN_BYTES,
        "{short} {stored}"
    );
    assert!(matches!(
        run::decode_with(&world.incident(), &plain(&run), book.keys()),
        Err(RunCodecError::Codec(CodecError::TooLong { .. }))
    ));
}
