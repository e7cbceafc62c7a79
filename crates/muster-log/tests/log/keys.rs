//! Keys: who comes to hold them, who may say what they are for, and what opens where.

use muster_log::{
    act::{Act, Audience},
    author::lamport,
    book::Refusal,
    chain,
    entry::PartBody,
    hash,
    ids::*,
    keyring::Opened,
    operation::PartContent,
    readers::Readers,
    role::Role,
    run::{self, RunCodecError},
    seal::{self, ClassKey, ExchangeSecret, Place, SealError},
};

use crate::common::*;

fn founded() -> (World, Vec<chain::Run>) {
    let mut world = World::new();
    let runs = vec![world.keys()];
    (world, runs)
}

#[test]
fn a_relay_carries_everything_and_holds_no_key() {
    let (mut world, mut runs) = founded();
    let (mut relay, mut pen) = (world.pen(30), world.pen(31));
    runs.push(world.admit_with_keys(&mut relay, Role::Relay));
    runs.push(world.admit_with_keys(&mut pen, Role::Volunteer));
    runs.push(pen.data(3, Some(&world.c1), Class::C1));
    let mut book = world.book(&relay);
    runs.iter().for_each(|r| drop(take(&mut book, r)));
    assert_eq!(book.keys().keys().count(), 0);
    let carried = verified(&world.incident(), &runs[3]);
    let opened = book.keys().read(&carried.id(), &carried.entries()[0], 0);
    assert_eq!(opened, Opened::NoKey(world.c1.id()));
    // Plain bytes under a key that is not here cannot be checked, and are not taken.
    let mut reader = world.book(&pen);
    runs.iter().for_each(|r| drop(take(&mut reader, r)));
    let plain = run::encode_for(&world.incident(), &runs[3], reader.keys(), |_| true);
    let no_key = Refusal::Codec(RunCodecError::NoKey(world.c1.id()));
    assert_eq!(book.receive(&plain), Err(no_key.clone()));
    assert_eq!(no_key.code(), "no-key");
}

#[test]
fn a_late_joiner_opens_old_parts_through_its_one_lockbox() {
    let (mut world, mut runs) = founded();
    let mut early = world.pen(31);
    runs.push(world.admit_with_keys(&mut early, Role::Volunteer));
    let old = early.data(3, Some(&world.c1), Class::C1);
    runs.push(old.clone());
    // Two rotations; then a device that gets the last key alone.
    let (k2, k3) = (
        ClassKey::from_bytes([0x12; 32]),
        ClassKey::from_bytes([0x13; 32]),
    );
    let c1 = world.c1.clone();
    let founder = world.founder.clone();
    for (new, earlier) in [(&k2, &c1), (&k3, &k2)] {
        let act = world.key_act(
            new,
            Class::C1,
            Audience::WholeClass,
            &[&founder],
            &[],
            &[earlier],
        );
        runs.push(world.founder.acts(&[Act::Key(act)]));
    }
    let mut late = world.pen(32);
    let box_alone = world.key_act(&k3, Class::C1, Audience::WholeClass, &[&late], &[], &[]);
    let mut founder = world.founder.clone();
    runs.push(world.admit(
        &mut founder,
        &mut late,
        Role::Volunteer,
        &[Act::Key(box_alone)],
    ));

    let mut book = world.book(&late);
    let mut usable = Vec::new();
    for run in &runs {
        usable.extend(take(&mut book, run).keys);
    }
    usable.sort();
    let mut all = [c1.id(), k2.id(), k3.id()];
    all.sort();
    assert_eq!(usable, all);
    let old = verified(&world.incident(), &old);
    for entry in old.entries() {
        assert!(matches!(
            book.keys().read(&old.id(), entry, 0),
            Opened::Content(_)
        ));
    }
    assert_eq!(book.keys().writing_key(Class::C1).unwrap().id(), k3.id());
    assert!(book.keys().writing_key(Class::C2).is_none());
}

#[test]
fn a_devices_own_key_is_opened_by_holders_of_the_class_key() {
    let (mut world, mut runs) = founded();
    let mut pen = world.pen(31);
    let own = ClassKey::from_bytes([0x41; 32]);
    let c2 = world.c2.clone();
    let act = world.key_act(
        &own,
        Class::C2,
        Audience::Device(pen.id()),
        &[&pen.clone()],
        &[&c2],
        &[],
    );
    let mut founder = world.founder.clone();
    runs.push(world.admit(&mut founder, &mut pen, Role::Volunteer, &[Act::Key(act)]));
    world.founder = founder;
    let mut coordinator = world.pen(33);
    runs.push(world.admit_with_keys(&mut coordinator, Role::Coordinator));
    runs.push(pen.data(1, Some(&own), Class::C2));
    let mut volunteer = world.pen(34);
    runs.push(world.admit_with_keys(&mut volunteer, Role::Volunteer));

    let said = verified(&world.incident(), &runs[3]);
    let read = |of: &Pen| {
        let mut book = world.book(of);
        runs.iter().for_each(|r| drop(take(&mut book, r)));
        let opened = book.keys().read(&said.id(), &said.entries()[0], 0);
        (opened, book.keys().writing_key(Class::C2).map(ClassKey::id))
    };
    assert!(matches!(read(&coordinator), (Opened::Content(_), Some(k)) if k == c2.id()));
    assert!(matches!(read(&pen), (Opened::Content(_), Some(k)) if k == own.id()));
    assert_eq!(read(&volunteer), (Opened::NoKey(own.id()), None));
}

#[test]
fn a_persons_key_opens_what_the_person_is_given_and_who_is_out_taints_all_of_it() {
    let (mut world, mut runs) = founded();
    let mut pens = [31, 32, 33].map(|n| world.pen(n));
    let [ana, bob, second] = &mut pens;
    let mut founder = world.founder.clone();
    for pen in [&mut *ana, &mut *bob, &mut *second] {
        runs.push(world.admit(&mut founder, pen, Role::Volunteer, &[]));
    }
    let keys = [0x51, 0x52, 0x53].map(|n| ClassKey::from_bytes([n; 32]));
    let [of_ana, of_bob, task] = &keys;
    let c2 = world.c2.clone();
    let persons = [1, 2].map(|n| Audience::Person(ObjectId([n; 16])));
    let given = Audience::Task(ObjectId([3; 16]));
    let boxes: [(&ClassKey, Audience, Vec<&Pen>, Vec<&ClassKey>); 3] = [
        // The task's before those it lies under: what waits is tried again.
        (task, given, vec![], vec![&c2, of_ana]),
        (of_ana, persons[0], vec![ana, second], vec![&c2]),
        (of_bob, persons[1], vec![bob], vec![&c2]),
    ];
    for (key, audience, to, under) in boxes {
        let act = world.key_act(key, Class::C2, audience, &to, &under, &[]);
        runs.push(founder.acts(&[Act::Key(act)]));
    }
    world.founder = founder;
    let held = |world: &World, pen: &Pen| {
        let mut book = world.book(pen);
        runs.iter().for_each(|r| drop(take(&mut book, r)));
        let has = |k: &&ClassKey| book.keys().get(&k.id()).is_some();
        let held: Vec<_> = keys.iter().filter(has).map(ClassKey::id).collect();
        (held, book)
    };
    let (all, book) = held(&world, &world.founder);
    assert_eq!(
        all,
        [of_ana.id(), of_bob.id(), task.id()],
        "by the class' key alone"
    );
    assert_eq!(held(&world, ana).0, [of_ana.id(), task.id()]);
    assert_eq!(held(&world, second).0, [of_ana.id(), task.id()]);
    assert_eq!(held(&world, bob).0, [of_bob.id()]);

    let readers = Readers::of(book.authority());
    let taints = |key: &ClassKey, may: &dyn Fn(&DeviceId) -> bool| {
        readers.is_tainted_for(book.authority(), &key.id(), |grant| {
            grant.role.reads_class(Class::C2) || may(&grant.device)
        })
    };
    let (ana, second) = (ana.id(), second.id());
    for key in [of_ana, task] {
        assert!(!taints(key, &|d| *d == ana || *d == second));
        assert!(taints(key, &|d| *d == ana), "the second reads it still");
    }
    assert!(!taints(of_bob, &|d| *d == bob.id()));
    // No grant says whom a task is given to.
    assert!(readers.is_tainted(book.authority(), &task.id(), Class::C2, given));
}

/// Regression: any admitted device could announce a key of its own as the newest of a class, and
/// everybody else wrote personal data under it.
#[test]
fn a_volunteer_cannot_name_the_key_that_others_write_under() {
    let (mut world, mut runs) = founded();
    let (mut coordinator, mut rogue) = (world.pen(33), world.pen(34));
    runs.push(world.admit_with_keys(&mut coordinator, Role::Coordinator));
    runs.push(world.admit_with_keys(&mut rogue, Role::Volunteer));
    let mine = ClassKey::from_bytes([0x66; 32]);
    rogue.highest = Lamport(1 << 23);
    let (c1, c2) = (world.c1.clone(), world.c2.clone());
    let bait = world.key_act(
        &mine,
        Class::C2,
        Audience::WholeClass,
        &[&coordinator],
        &[],
        &[],
    );
    // And a key it rightly holds, said to be something else, and to be replaced by its own.
    let lie = world.key_act(
        &c1,
        Class::C3,
        Audience::WholeClass,
        &[&coordinator],
        &[],
        &[],
    );
    let replaced = world.key_act(
        &mine,
        Class::C1,
        Audience::WholeClass,
        &[&coordinator],
        &[],
        &[&c1],
    );
    let bad = rogue.acts(&[Act::Key(bait), Act::Key(lie), Act::Key(replaced)]);
    for order in [[0, 1, 2, 3], [0, 2, 3, 1]] {
        let all = [&runs[0], &runs[1], &runs[2], &bad];
        let mut book = world.book(&coordinator);
        order.iter().for_each(|at| drop(take(&mut book, all[*at])));
        let keys = book.keys();
        assert_eq!(
            keys.writing_key(Class::C2).map(ClassKey::id),
            Some(c2.id()),
            "{order:?}"
        );
        assert_eq!(keys.writing_key(Class::C1).map(ClassKey::id), Some(c1.id()));
        assert!(keys.writing_key(Class::C3).is_none());
        assert!(
            keys.get(&mine.id()).is_some(),
            "what is under it can be read all the same"
        );
        assert!(keys.claim(&mine.id()).is_none());
    }
}

/// Regression: a liar's logical time, or an older act that came later, decided which key is latest.
#[test]
fn a_key_that_another_one_replaces_is_never_the_latest() {
    let (mut world, runs) = founded();
    let mut coordinator = world.pen(33);
    let admission = world.admit_with_keys(&mut coordinator, Role::Coordinator);
    let (far, new) = (
        ClassKey::from_bytes([0x51; 32]),
        ClassKey::from_bytes([0x52; 32]),
    );
    let founder = world.founder.clone();
    // The coordinator's key claims the highest logical time it can; hq then rotates.
    coordinator.highest = Lamport(u64::MAX);
    let act = world.key_act(&far, Class::C2, Audience::WholeClass, &[&founder], &[], &[]);
    let ahead = coordinator.acts(&[Act::Key(act)]);
    let c2 = world.c2.clone();
    let act = world.key_act(
        &new,
        Class::C2,
        Audience::WholeClass,
        &[&founder],
        &[],
        &[&far, &c2],
    );
    let rotation = world.founder.acts(&[Act::Key(act)]);
    for order in [[0, 1, 2, 3], [0, 3, 1, 2], [3, 1, 2, 0]] {
        let all = [&runs[0], &admission, &ahead, &rotation];
        let mut book = world.book(&founder);
        order.iter().for_each(|at| drop(take(&mut book, all[*at])));
        let latest = book
            .keys()
            .latest(Class::C2, Audience::WholeClass)
            .map(ClassKey::id);
        assert_eq!(latest, Some(new.id()), "{order:?}");
    }
    assert_eq!(lamport(Lamport(u64::MAX), Seq(0)).0, 1 << 24);
}

/// A key act that came before its author's grant counts when the grant comes.
#[test]
fn key_acts_count_from_when_their_grant_does() {
    let (mut world, mut runs) = founded();
    let (mut coordinator, mut helper) = (world.pen(33), world.pen(35));
    let first = world.admit_with_keys(&mut coordinator, Role::Lead);
    let under_lead = coordinator.grant;
    let promotion = world.admit_with_keys(&mut coordinator, Role::Coordinator);
    let key = ClassKey::from_bytes([0x53; 32]);
    let to = coordinator.clone();
    let act = world.key_act(&key, Class::C2, Audience::WholeClass, &[&to], &[], &[]);
    let act = coordinator.acts(&[Act::Key(act)]);
    runs.push(first);
    runs.push(world.admit_with_keys(&mut helper, Role::Volunteer));
    runs.push(act);
    let mut book = world.book(&coordinator);
    runs.iter().for_each(|r| drop(take(&mut book, r)));
    assert!(book.keys().claim(&key.id()).is_none());
    assert_ne!(under_lead, coordinator.grant);
    assert!(
        take(&mut book, &promotion)
            .grants
            .contains(&coordinator.grant)
    );
    assert_eq!(
        book.keys().claim(&key.id()).map(|c| c.class),
        Some(Class::C2)
    );
}

#[test]
fn a_part_moved_to_another_place_does_not_open() {
    let key = ClassKey::from_bytes([0x11; 32]);
    let place = Place {
        log: LogId([1; 32]),
        seq: Seq(5),
        part: 2,
        class: Class::C2,
    };
    let sealed = seal::seal_part(&key, &place, b"Maria, +1 555 0100").unwrap();
    assert_eq!(
        seal::open_part(&key, &place, &sealed).unwrap(),
        b"Maria, +1 555 0100"
    );
    let moved = [
        Place {
            log: LogId([2; 32]),
            ..place
        },
        Place {
            seq: Seq(6),
            ..place
        },
        Place { part: 3, ..place },
        Place {
            class: Class::C1,
            ..place
        },
    ];
    for other in moved {
        assert_eq!(
            seal::open_part(&key, &other, &sealed),
            Err(SealError::DoesNotOpen)
        );
    }
    let another = ClassKey::from_bytes([0x12; 32]);
    assert_eq!(
        seal::open_part(&another, &place, &sealed),
        Err(SealError::DoesNotOpen)
    );
}

/// The same with whole entries: a member copies somebody's sealed part into an entry of its own.
#[test]
fn a_copied_part_is_malformed_where_it_was_copied_to() {
    let (mut world, mut runs) = founded();
    let (mut pen, mut thief) = (world.pen(31), world.pen(34));
    runs.push(world.admit_with_keys(&mut pen, Role::Volunteer));
    runs.push(world.admit_with_keys(&mut thief, Role::Volunteer));
    let original = pen.data(1, Some(&world.c1), Class::C1);
    let entry = &original.entries[0];
    let mut header = thief.header(0, &[]);
    header.parts = entry.header.parts.clone();
    let start = EntryHash(thief.log_id(Lane::DATA).0);
    let copy = thief.sign(Lane::DATA, start, vec![(header, entry.parts.clone())]);
    let mut book = world.book(&world.founder);
    runs.iter().for_each(|r| drop(take(&mut book, r)));
    take(&mut book, &copy);
    let copy = verified(&world.incident(), &copy);
    let read = book.keys().read(&copy.id(), &copy.entries()[0], 0);
    assert_eq!(read, Opened::Malformed);
    assert_eq!(
        book.keys().read(&copy.id(), &copy.entries()[0], 1),
        Opened::Malformed
    );
}

#[test]
fn unknown_classes_and_encodings_are_kept_and_not_read() {
    let (mut world, runs) = founded();
    let mut book = world.book(&world.founder.clone());
    runs.iter().for_each(|r| drop(take(&mut book, r)));
    let pen = world.founder.clone();
    let log = pen.log_id(Lane::DATA);
    let body = PartContent::default().to_bytes();
    let sealed = |class, part| {
        let place = Place {
            log,
            seq: Seq(0),
            part,
            class,
        };
        seal::seal_part(&world.c1, &place, &body).unwrap()
    };
    let bodies = [
        sealed(Class(7), 0),
        sealed(Class::C1, 1),
        body.clone(),
        sealed(Class::C1, 3),
    ];
    let mut header = pen.header(0, &bodies.each_ref().map(Vec::as_slice));
    let mut parts = header.parts.clone().into_inner();
    for (at, class, encoding) in [(0, Class(7), 0), (1, Class::C1, 9), (3, Class::C1, 0)] {
        parts[at].class = class;
        parts[at].key = world.c1.id();
        parts[at].encoding = encoding;
    }
    parts[2].encoding = 200;
    header.parts = parts.try_into().unwrap();
    let bodies: Vec<_> = bodies.into_iter().map(PartBody::Stored).collect();
    let run = pen.sign(Lane::DATA, EntryHash(log.0), vec![(header, bodies)]);
    let admitted = take(&mut book, &run);
    let entry = &admitted.run.entries()[0];
    let read = |part| book.keys().read(&log, entry, part);
    assert_eq!(
        read(0),
        Opened::UnknownEncoding(0),
        "a class of a later version is never read"
    );
    assert_eq!(read(1), Opened::UnknownEncoding(9));
    assert_eq!(read(2), Opened::UnknownEncoding(200));
    assert_eq!(read(3), Opened::Content(PartContent::default()));
    assert_eq!(admitted.run.to_run(), run, "kept as it is");
    world.founder = pen;
}

#[test]
fn lockboxes_and_wraps_open_for_their_own_alone() {
    let (a, b) = (
        ExchangeSecret::from_random([1; 32]),
        ExchangeSecret::from_random([2; 32]),
    );
    let key = ClassKey::from_bytes([9; 32]);
    let sealed = seal::seal_to(&a.public().unwrap(), b"info", key.bytes(), [3; 32]).unwrap();
    assert_eq!(sealed.len(), 32 + seal::SEALED_TO_LEN);
    assert!(seal::open_lockbox(&a, b"info", &key.id(), &sealed).is_ok());
    assert!(seal::open_lockbox(&b, b"info", &key.id(), &sealed).is_err());
    assert!(seal::open_lockbox(&a, b"other", &key.id(), &sealed).is_err());
    assert!(seal::open_lockbox(&a, b"info", &KeyId([1; 16]), &sealed).is_err());
    for cut in [0, 31, 32, 47, sealed.len() - 1] {
        assert!(seal::open_from(&a, b"info", &sealed[..cut]).is_err());
    }
    // A public key of small order gives everybody the same secret.
    assert_eq!(
        seal::seal_to(&ExchangeKey([0; 32]), b"info", b"x", [3; 32]),
        Err(SealError::Unusable)
    );
    let (outer, inner) = (ClassKey::from_bytes([5; 32]), ClassKey::from_bytes([6; 32]));
    let wrapped = seal::wrap_key(&outer, &inner).unwrap();
    assert_eq!(
        seal::unwrap_key(&outer, &inner.id(), &wrapped),
        Ok(inner.clone())
    );
    assert!(seal::unwrap_key(&inner, &inner.id(), &wrapped).is_err());
    assert!(seal::unwrap_key(&outer, &key.id(), &wrapped).is_err());
    assert_eq!(hash::key_id(inner.bytes()), inner.id());
}

/// Regression: every key act was tried again with each new one, lockboxes too: quadratic in what one
/// member may write. Without the fix 3,000 boxes mean 4.5 million attempts: this test fails by not ending.
#[test]
fn acts_that_do_not_open_are_not_tried_again_and_again() {
    let (mut world, _) = founded();
    let pen = world.pen(31);
    let key = ClassKey::from_bytes([0x77; 32]);
    let mut act = world.key_act(&key, Class::C1, Audience::WholeClass, &[&pen], &[], &[]);
    act.key = KeyId([1; 16]);
    let mut ring = muster_log::keyring::KeyRing::new(pen.id(), pen.exchange.clone());
    for n in 0..3_000u32 {
        act.key.0[..4].copy_from_slice(&n.to_le_bytes());
        assert!(ring.learn(&act).is_empty());
    }
}
