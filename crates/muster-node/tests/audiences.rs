//! Who reads which names and places: persons their own, teams and those a task is given to what they
//! need for it, and nobody more, whatever comes first.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;

use common::{NOW, Rng, applicant, endings, founder, join, object, pour};
use muster_log::{
    act::{Act, Admit, Audience},
    codec::Bounded,
    entry::{kind, urgency},
    ids::{Class, DeviceId, Millis, ObjectId},
    role::Role,
};
use muster_model::{
    parse::Change,
    table::{self, kinds},
    value::Typed,
    writes,
};
use muster_node::engine::Engine;
use muster_store::fs::fault::FaultyFs;

/// What a device is admitted as.
#[derive(Clone, Copy, Default)]
struct For {
    person: Option<ObjectId>,
    scope: Option<ObjectId>,
    expires: Option<Millis>,
}

fn person(id: ObjectId) -> For {
    For {
        person: Some(id),
        ..For::default()
    }
}

/// Admits a device for somebody, as `admit` does.
fn join_for(
    by: &mut Engine,
    label: &str,
    role: Role,
    of: For,
    rng: &mut Rng,
) -> (FaultyFs, Engine) {
    let (fs, request) = applicant(label, rng);
    let body = request.body();
    let admit = Act::Admit(Admit {
        device: body.device,
        exchange: body.exchange,
        role,
        person: of.person,
        scope: of.scope,
        label: body.label.clone(),
        code: body.code.clone(),
        expires: of.expires,
        lifts: Bounded::default(),
        extensions: Bounded::default(),
    });
    let written = by
        .write_acts(kind::AUTHORITY, &[admit], NOW, &mut |b| rng.fill(b))
        .unwrap();
    let grant = muster_log::hash::grant_id(&written.hash, 0);
    common::hand_keys(by, &request, role, rng).unwrap();
    by.welcome(body.device, NOW, &mut |b| rng.fill(b)).unwrap();
    by.flush().unwrap();
    let answer = common::answer(by, &request, grant, rng).unwrap();
    let mut engine = common::accept(&fs, &answer, rng);
    pour(by, &mut engine, rng);
    (fs, engine)
}

fn text(text: &str) -> Typed {
    Typed::Text(text.into())
}

fn code(code: &str) -> Typed {
    Typed::Code(code.into())
}

/// Writes plain fields of an object.
fn say(engine: &mut Engine, of: u16, id: ObjectId, fields: &[(&str, Typed)], rng: &mut Rng) {
    let kind = table::kind(of).unwrap();
    let changes: Vec<_> = fields
        .iter()
        .map(|(name, value)| Change::Set {
            field: kind.number_of(name),
            element: 0,
            value: value.write().unwrap(),
        })
        .collect();
    change(engine, of, id, &changes, rng);
}

fn change(engine: &mut Engine, of: u16, id: ObjectId, changes: &[Change], rng: &mut Rng) {
    let kind = table::kind(of).unwrap();
    let writes = writes::build(engine.state(), kind, id, changes).unwrap();
    engine
        .write(writes, urgency::NORMAL, NOW, &mut |b| rng.fill(b))
        .unwrap();
    engine.flush().unwrap();
}

/// What an object says here in a text field.
fn read(engine: &Engine, id: ObjectId, field: &str) -> Option<String> {
    engine.state().object(id)?.text(field)
}

fn volunteer(engine: &mut Engine, number: usize, name: &str, rng: &mut Rng) -> ObjectId {
    let id = object(kinds::VOLUNTEER, number);
    let fields = [("name", text(name)), ("home_area", text("north"))];
    say(engine, kinds::VOLUNTEER, id, &fields, rng);
    id
}

fn task(engine: &mut Engine, number: usize, instructions: &str, rng: &mut Rng) -> ObjectId {
    let id = object(kinds::TASK, number);
    let fields = [
        ("title", text("Carry")),
        ("instructions", text(instructions)),
    ];
    say(engine, kinds::TASK, id, &fields, rng);
    id
}

fn assign(engine: &mut Engine, number: usize, task: ObjectId, to: (&str, ObjectId), rng: &mut Rng) {
    let id = object(kinds::ASSIGNMENT, number);
    let fields = [
        ("task", Typed::Reference(task)),
        (to.0, Typed::Reference(to.1)),
        ("status", code("offered")),
        ("told_by_whom", text("the radio")),
    ];
    say(engine, kinds::ASSIGNMENT, id, &fields, rng);
}

/// How many lockboxes there are for a device, by class and audience.
fn lockboxes(engine: &Engine, device: DeviceId) -> Vec<(Class, Audience)> {
    let acts = engine.book().authority().acts();
    let mut all: Vec<_> = acts
        .filter_map(|(_, _, act)| match act {
            Act::Key(a) if a.lockboxes.iter().any(|l| l.device == device) => {
                Some((a.class, a.audience))
            }
            _ => None,
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_person_reads_its_own_and_nobody_elses() {
    let rng = &mut Rng(1);
    let (_fs, mut hq) = founder(rng);
    let ana = volunteer(&mut hq, 1, "Ana", rng);
    let bob = volunteer(&mut hq, 2, "Bob", rng);
    let water = task(&mut hq, 1, "ring twice", rng);
    let wood = task(&mut hq, 2, "mind the dog", rng);
    // Written before there was a device for her.
    let (_p, mut phone) = join_for(&mut hq, "ana", Role::Volunteer, person(ana), rng);
    assert_eq!(read(&phone, ana, "name").as_deref(), Some("Ana"));
    assert_eq!(read(&phone, bob, "name"), None);
    assert_eq!(read(&phone, water, "title").as_deref(), Some("Carry"));
    assert_eq!(read(&phone, water, "instructions"), None);
    // The task becomes hers: what was written before, and what is written afterwards.
    assign(&mut hq, 1, water, ("volunteer", ana), rng);
    assign(&mut hq, 2, wood, ("volunteer", bob), rng);
    say(
        &mut hq,
        kinds::TASK,
        water,
        &[("report_to", text("Rita"))],
        rng,
    );
    say(
        &mut hq,
        kinds::TASK,
        wood,
        &[("report_to", text("Bert"))],
        rng,
    );
    pour(&hq, &mut phone, rng);
    assert_eq!(
        read(&phone, water, "instructions").as_deref(),
        Some("ring twice")
    );
    assert_eq!(read(&phone, water, "report_to").as_deref(), Some("Rita"));
    let told = object(kinds::ASSIGNMENT, 1);
    assert_eq!(
        read(&phone, told, "told_by_whom").as_deref(),
        Some("the radio")
    );
    assert_eq!(read(&phone, wood, "instructions"), None);
    assert_eq!(read(&phone, wood, "report_to"), None);
    assert_eq!(read(&phone, bob, "name"), None);
    // Nothing was lost, and nothing is contested by having been said again.
    assert_eq!(hq.state().index().contested().count(), 0);
    assert_eq!(hq.state().digests(), hq.computed_anew().unwrap());

    // Her own number: hers to write, and read by coordinators and her other device.
    say(
        &mut phone,
        kinds::VOLUNTEER,
        ana,
        &[("phone", text("+999 1"))],
        rng,
    );
    pour(&phone, &mut hq, rng);
    assert_eq!(read(&hq, ana, "phone").as_deref(), Some("+999 1"));
    let (_t, tablet) = join_for(&mut hq, "tablet", Role::Volunteer, person(ana), rng);
    assert_eq!(read(&tablet, ana, "phone").as_deref(), Some("+999 1"));
    assert_eq!(
        read(&tablet, water, "instructions").as_deref(),
        Some("ring twice")
    );
    let (_o, other) = join_for(&mut hq, "bob", Role::Volunteer, person(bob), rng);
    assert_eq!(read(&other, ana, "phone"), None);
    assert_eq!(
        read(&other, wood, "instructions").as_deref(),
        Some("mind the dog")
    );
}

#[test]
fn what_is_no_longer_theirs_they_read_no_more() {
    let rng = &mut Rng(2);
    let (_fs, mut hq) = founder(rng);
    let ana = volunteer(&mut hq, 1, "Ana", rng);
    let bob = volunteer(&mut hq, 2, "Bob", rng);
    let water = task(&mut hq, 1, "ring twice", rng);
    let (_a, mut of_ana) = join_for(&mut hq, "ana", Role::Volunteer, person(ana), rng);
    let (_b, mut of_bob) = join_for(&mut hq, "bob", Role::Volunteer, person(bob), rng);
    assign(&mut hq, 1, water, ("volunteer", ana), rng);
    assign(&mut hq, 2, water, ("volunteer", bob), rng);
    let first = object(kinds::ASSIGNMENT, 1);
    say(
        &mut hq,
        kinds::ASSIGNMENT,
        first,
        &[("status", code("withdrawn"))],
        rng,
    );
    say(
        &mut hq,
        kinds::TASK,
        water,
        &[("report_to", text("Rita"))],
        rng,
    );
    for engine in [&mut of_ana, &mut of_bob] {
        pour(&hq, engine, rng);
        assert_eq!(
            read(engine, water, "instructions").as_deref(),
            Some("ring twice")
        );
    }
    assert_eq!(read(&of_ana, water, "report_to"), None);
    assert_eq!(read(&of_bob, water, "report_to").as_deref(), Some("Rita"));

    // A second device of Bob's is lost: what either side writes of him afterwards is closed to it.
    let (_l, mut lost) = join_for(&mut hq, "lost", Role::Volunteer, person(bob), rng);
    pour(&hq, &mut of_bob, rng);
    assert!(endings::revoke(&mut hq, &lost.device(), false, rng));
    hq.flush().unwrap();
    pour(&hq, &mut of_bob, rng);
    // His own, before a coordinator has made a new key.
    say(
        &mut of_bob,
        kinds::VOLUNTEER,
        bob,
        &[("email", text("b@example.org"))],
        rng,
    );
    say(
        &mut hq,
        kinds::VOLUNTEER,
        bob,
        &[("phone", text("+999 2"))],
        rng,
    );
    say(
        &mut hq,
        kinds::TASK,
        water,
        &[("report_at", text("the gate"))],
        rng,
    );
    pour(&of_bob, &mut hq, rng);
    pour(&hq, &mut of_bob, rng);
    pour(&hq, &mut lost, rng);
    for (id, field, value) in [
        (bob, "email", "b@example.org"),
        (bob, "phone", "+999 2"),
        (water, "report_at", "the gate"),
    ] {
        assert_eq!(read(&hq, id, field).as_deref(), Some(value));
        assert_eq!(read(&of_bob, id, field).as_deref(), Some(value), "{field}");
        assert_eq!(read(&lost, id, field), None, "{field}");
    }
}

#[test]
fn teams_read_what_the_team_is_given() {
    let rng = &mut Rng(3);
    let (_fs, mut hq) = founder(rng);
    let ana = volunteer(&mut hq, 1, "Ana", rng);
    let bob = volunteer(&mut hq, 2, "Bob", rng);
    let team = object(kinds::TEAM, 1);
    say(&mut hq, kinds::TEAM, team, &[("name", text("Blue"))], rng);
    let water = task(&mut hq, 1, "ring twice", rng);
    let wood = task(&mut hq, 2, "mind the dog", rng);
    let lead_of = For {
        scope: Some(team),
        ..For::default()
    };
    let (_l, mut lead) = join_for(&mut hq, "lead", Role::Lead, lead_of, rng);
    let (_a, mut of_ana) = join_for(&mut hq, "ana", Role::Volunteer, person(ana), rng);
    let (_b, mut of_bob) = join_for(&mut hq, "bob", Role::Volunteer, person(bob), rng);
    assign(&mut hq, 1, water, ("team", team), rng);
    let field = table::kind(kinds::TEAM).unwrap().number_of("members");
    let value = Typed::Reference(ana).write().unwrap();
    let add = Change::Add {
        field,
        value: value.clone(),
    };
    // She joins the team after the task was given to it.
    change(&mut hq, kinds::TEAM, team, &[add], rng);
    for engine in [&mut lead, &mut of_ana, &mut of_bob] {
        pour(&hq, engine, rng);
        assert_eq!(read(engine, wood, "instructions"), None);
    }
    for engine in [&lead, &of_ana] {
        assert_eq!(
            read(engine, water, "instructions").as_deref(),
            Some("ring twice")
        );
    }
    assert_eq!(read(&of_bob, water, "instructions"), None);

    change(
        &mut hq,
        kinds::TEAM,
        team,
        &[Change::Remove { field, value }],
        rng,
    );
    say(
        &mut hq,
        kinds::TASK,
        water,
        &[("report_to", text("Rita"))],
        rng,
    );
    for engine in [&mut lead, &mut of_ana] {
        pour(&hq, engine, rng);
    }
    assert_eq!(read(&lead, water, "report_to").as_deref(), Some("Rita"));
    assert_eq!(read(&of_ana, water, "report_to"), None);
}

#[test]
fn a_late_coordinator_reads_all_with_one_lockbox_a_class() {
    let rng = &mut Rng(4);
    let (_fs, mut hq) = founder(rng);
    let mut phones = Vec::new();
    for n in 0..12 {
        let id = volunteer(&mut hq, n, &format!("Person {n}"), rng);
        let of = person(id);
        let (_d, mut phone) = join_for(&mut hq, &format!("p{n}"), Role::Volunteer, of, rng);
        let water = task(&mut hq, n, &format!("instructions {n}"), rng);
        assign(&mut hq, n, water, ("volunteer", id), rng);
        pour(&hq, &mut phone, rng);
        say(
            &mut phone,
            kinds::VOLUNTEER,
            id,
            &[("phone", text(&format!("+999 {n}")))],
            rng,
        );
        pour(&phone, &mut hq, rng);
        phones.push(phone);
    }
    // Old keys too.
    hq.rotate(Class::C2, NOW, &mut |b| rng.fill(b)).unwrap();
    let renewed = hq.renew_audiences(None, NOW, &mut |b| rng.fill(b)).unwrap();
    assert_eq!(renewed, 24, "twelve persons, twelve tasks");
    let (_c, mut camp) = join(&mut hq, "camp", Role::Coordinator, rng);
    pour(&hq, &mut camp, rng);
    for n in 0..12 {
        let id = object(kinds::VOLUNTEER, n);
        assert_eq!(read(&camp, id, "phone"), Some(format!("+999 {n}")));
        let task = object(kinds::TASK, n);
        assert_eq!(
            read(&camp, task, "instructions"),
            Some(format!("instructions {n}"))
        );
    }
    let c2: BTreeSet<_> = [
        (Class::C1, Audience::WholeClass),
        (Class::C2, Audience::WholeClass),
    ]
    .into_iter()
    .collect();
    let boxes = lockboxes(&hq, camp.device());
    assert_eq!(boxes.len(), 3, "C1, C2 and its own key for C3: {boxes:?}");
    assert!(c2.iter().all(|b| boxes.contains(b)));
    // Only what was meant for nobody but C3's holders is closed to it.
    assert_eq!(camp.unreadable(), 0);
    // A second device of a person: its person's key opens the tasks too.
    let (_l, late) = join_for(
        &mut hq,
        "late",
        Role::Volunteer,
        person(object(kinds::VOLUNTEER, 3)),
        rng,
    );
    assert_eq!(
        read(&late, object(kinds::TASK, 3), "instructions").as_deref(),
        Some("instructions 3")
    );
    assert_eq!(read(&late, object(kinds::TASK, 4), "instructions"), None);
    let boxes = lockboxes(&hq, late.device());
    let of_person = boxes
        .iter()
        .filter(|(_, a)| matches!(a, Audience::Person(_)));
    assert_eq!(of_person.count(), 1, "{boxes:?}");
    assert_eq!(boxes.len(), 4, "C1, two own keys, its person's: {boxes:?}");
}

#[test]
fn two_islands_that_both_renew_stay_readable() {
    let rng = &mut Rng(5);
    let (_fs, mut hq) = founder(rng);
    let (_c, mut camp) = join(&mut hq, "camp", Role::Coordinator, rng);
    let ana = volunteer(&mut hq, 1, "Ana", rng);
    let (_a, mut phone) = join_for(&mut hq, "ana", Role::Volunteer, person(ana), rng);
    let (_l, mut lost) = join_for(&mut hq, "lost", Role::Volunteer, person(ana), rng);
    pour(&hq, &mut camp, rng);
    for (engine, field) in [(&mut hq, "phone"), (&mut camp, "email")] {
        assert!(endings::revoke(engine, &lost.device(), false, rng));
        engine.flush().unwrap();
        say(engine, kinds::VOLUNTEER, ana, &[(field, text("new"))], rng);
    }
    pour(&hq, &mut camp, rng);
    pour(&camp, &mut hq, rng);
    pour(&hq, &mut phone, rng);
    pour(&hq, &mut lost, rng);
    for field in ["phone", "email"] {
        for engine in [&hq, &camp, &phone] {
            assert_eq!(read(engine, ana, field).as_deref(), Some("new"), "{field}");
        }
        assert_eq!(read(&lost, ana, field), None);
    }
    let both = |engine: &Engine| {
        let ring = engine.book().keys();
        ring.unreplaced(Class::C2, Audience::Person(ana)).count()
    };
    assert_eq!((both(&hq), both(&phone)), (2, 2));
    hq.renew_audiences(None, NOW, &mut |b| rng.fill(b)).unwrap();
    hq.flush().unwrap();
    pour(&hq, &mut phone, rng);
    assert_eq!((both(&hq), both(&phone)), (1, 1));
}

#[test]
fn a_lead_lets_nobody_in_to_a_record() {
    let rng = &mut Rng(6);
    let (_fs, mut hq) = founder(rng);
    let ana = volunteer(&mut hq, 1, "Ana", rng);
    let (_l, mut lead) = join(&mut hq, "lead", Role::Lead, rng);
    let (_s, mut spy) = join_for(&mut lead, "spy", Role::Volunteer, person(ana), rng);
    pour(&lead, &mut hq, rng);
    hq.tend_keys(NOW, &mut |b| rng.fill(b)).unwrap();
    say(
        &mut hq,
        kinds::VOLUNTEER,
        ana,
        &[("phone", text("+999 1"))],
        rng,
    );
    pour(&hq, &mut spy, rng);
    assert_eq!(
        (read(&spy, ana, "name"), read(&spy, ana, "phone")),
        (None, None)
    );
}

#[test]
fn whose_time_is_up_gets_no_new_keys() {
    let rng = &mut Rng(7);
    let (_fs, mut hq) = founder(rng);
    let ana = volunteer(&mut hq, 1, "Ana", rng);
    let of = For {
        person: Some(ana),
        expires: Some(Millis(NOW.0 - 1)),
        ..For::default()
    };
    let (_a, mut phone) = join_for(&mut hq, "ana", Role::Volunteer, of, rng);
    assert_eq!(read(&phone, ana, "name"), None);
    // What it writes counts all the same, and its own key opens it to coordinators.
    say(
        &mut phone,
        kinds::VOLUNTEER,
        ana,
        &[("phone", text("+999 1"))],
        rng,
    );
    pour(&phone, &mut hq, rng);
    assert_eq!(read(&hq, ana, "phone").as_deref(), Some("+999 1"));
}

#[test]
fn own_keys_are_opened_to_those_who_are_admitted_later() {
    let rng = &mut Rng(8);
    let (_fs, mut hq) = founder(rng);
    let (_l, lost) = join(&mut hq, "lost", Role::Coordinator, rng);
    let (_p, mut phone) = join(&mut hq, "phone", Role::Volunteer, rng);
    // A coordinator is out, and nobody has made new keys: the phone makes its own.
    assert!(endings::revoke(&mut hq, &lost.device(), false, rng));
    hq.flush().unwrap();
    pour(&hq, &mut phone, rng);
    let need = object(kinds::NEED, 1);
    say(
        &mut phone,
        kinds::NEED,
        need,
        &[("title", text("Water")), ("contact", text("Rita"))],
        rng,
    );
    pour(&phone, &mut hq, rng);
    hq.rotate(Class::C2, NOW, &mut |b| rng.fill(b)).unwrap();
    let (_c, mut camp) = join(&mut hq, "camp", Role::Coordinator, rng);
    hq.tend_keys(NOW, &mut |b| rng.fill(b)).unwrap();
    hq.flush().unwrap();
    pour(&hq, &mut camp, rng);
    assert_eq!(read(&camp, need, "contact").as_deref(), Some("Rita"));
    // Tending once more has nothing to add.
    let before = hq.book().entries();
    pour(&camp, &mut hq, rng);
    hq.tend_keys(NOW, &mut |b| rng.fill(b)).unwrap();
    assert_eq!(hq.book().entries(), before);
}
