//! Whole stories, told by devices that part and meet: writes, merge, conflicts, settling.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod agenda;
mod bookings;
mod days;
mod forum;
mod matching;
mod places;

use muster_log::{
    genesis::RestRules,
    ids::{Class, DeviceId, EntryHash, Lamport, LogId, Millis, ObjectId, Seq},
    operation::{DataOperation, Reference},
    role::Role,
};
use serde_json::{Value as Json, json};

use crate::{
    booking::{Proposed, Span},
    conflicts::{self, Choice},
    export, item, numbers,
    parse::{self, Reading},
    query,
    state::{Inert, Outcome, State, WriteContext},
    table::{self, kinds},
    vocabulary::Vocabularies,
    writes::{self, Operations},
};

/// A device with its own state and log.
struct Device {
    name: u8,
    role: Role,
    person: Option<ObjectId>,
    state: State,
    seq: u64,
    lamport: u64,
    log: Vec<(WriteContext, DataOperation)>,
}

impl Device {
    fn new(name: u8, role: Role) -> Self {
        Self {
            name,
            role,
            person: None,
            state: State::new(),
            seq: 0,
            lamport: 0,
            log: Vec::new(),
        }
    }

    /// Writes one entry.
    fn enter(&mut self, operations: Operations) -> Vec<Outcome> {
        self.lamport += 1;
        let log = LogId([self.name; 32]);
        let mut outcomes = Vec::new();
        for (part, (class, list)) in operations.into_iter().enumerate() {
            for (index, operation) in list.into_iter().enumerate() {
                let hash = EntryHash([u8::try_from(self.seq).unwrap(); 32]);
                let (part, index) = (u8::try_from(part).unwrap(), u8::try_from(index).unwrap());
                let context = WriteContext {
                    reference: Reference::new(&log, Seq(self.seq), &hash, part, index),
                    lamport: Lamport(self.lamport),
                    log,
                    claimed: Millis(1_790_000_000_000 + i64::try_from(self.lamport).unwrap()),
                    device: DeviceId([self.name; 32]),
                    role: self.role,
                    person: self.person,
                    scope: None,
                    class,
                    urgency: 1,
                    disputed: false,
                };
                outcomes.push(self.state.apply(&context, &operation));
                self.log.push((context, operation));
            }
        }
        self.seq += 1;
        outcomes
    }

    fn write(&mut self, kind: u16, id: u8, fields: &Json) -> Vec<Outcome> {
        let kind = table::kind(kind).unwrap();
        let mut next = u64::from(id) * 100;
        let changes = parse::from_json(
            &self.reading(),
            kind,
            fields.as_object().unwrap(),
            &mut || {
                next += 1;
                next
            },
        )
        .unwrap();
        let operations = writes::build(&self.state, kind, object(id), &changes).unwrap();
        self.enter(operations)
    }

    fn reading(&self) -> Reading<'_> {
        Reading {
            vocabularies: Vocabularies::builtin(),
            state: Some(&self.state),
            offset_minutes: 0,
        }
    }

    fn hears(&mut self, other: &Self) {
        for (context, operation) in other.log.iter().rev() {
            self.state.apply(context, operation);
            self.lamport = self.lamport.max(context.lamport.0);
        }
        self.log.extend(other.log.iter().cloned());
    }

    fn fields(&self, id: u8) -> serde_json::Map<String, Json> {
        item::item(&self.state, object(id)).unwrap().fields
    }
}

fn meet(a: &mut Device, b: &mut Device) {
    let heard = a.log.clone();
    a.hears(b);
    let copy = Device {
        log: heard,
        ..Device::new(0, Role::Hq)
    };
    b.hears(&copy);
    assert_eq!(a.state.digests(), b.state.digests());
    assert_eq!(
        conflicts::conflicts(&a.state),
        conflicts::conflicts(&b.state)
    );
}

fn object(id: u8) -> ObjectId {
    ObjectId([id; 16])
}

fn two() -> (Device, Device) {
    (
        Device::new(1, Role::Coordinator),
        Device::new(2, Role::Coordinator),
    )
}

fn operation_with_two_tasks(a: &mut Device) {
    let morning = |p: &str| {
        json!({"title": "Eau", "priority": p, "from": "2026-11-24T08:00Z", "to": "2026-11-24T12:00Z",
            "slots": [{"skill": "first-aid", "wanted": 1}]})
    };
    a.write(kinds::VOLUNTEER, 10, &json!({"name": "Ada Testwell"}));
    a.write(kinds::VOLUNTEER, 11, &json!({"name": "Basile Factice"}));
    a.write(kinds::TASK, 20, &morning("normal"));
    a.write(kinds::TASK, 21, &morning("urgent"));
}

fn hex(id: u8) -> String {
    object(id).hex()
}

fn proposed(task: u8, volunteer: u8) -> Proposed {
    Proposed {
        task: object(task),
        slot: None,
        volunteer: Some(object(volunteer)),
        team: None,
        span: Span::default(),
        instead_of: None,
        now: Millis(1_795_000_000_000),
        rules: RestRules::default(),
    }
}

#[test]
fn two_islands_change_one_field_and_a_person_settles_it() {
    let (mut a, mut b) = two();
    a.write(
        kinds::NEED,
        1,
        &json!({"title": "Eau", "priority": "normal", "area": "Nord", "number": "N-A-1"}),
    );
    meet(&mut a, &mut b);
    a.write(kinds::NEED, 1, &json!({"priority": "haute", "area": "Sud"}));
    b.write(
        kinds::NEED,
        1,
        &json!({"priority": "urgent", "area": "Sud"}),
    );
    meet(&mut a, &mut b);
    let all = conflicts::conflicts(&a.state);
    assert_eq!(all.len(), 1, "equal values are not contested");
    let shown = all[0].json();
    assert_eq!(shown["what"], "contested");
    assert_eq!(shown["field"], "priority");
    assert_eq!(shown["values"].as_array().unwrap().len(), 2);
    assert_eq!(shown["provisional"], shown["values"][0]["value"]);
    assert_eq!(
        item::item(&a.state, object(1)).unwrap().contested,
        ["priority"]
    );
    let b_choice = conflicts::find(&b.state, &all[0].id[..6]).unwrap();
    for (_, operations) in conflicts::settle(&b.state, &b_choice, &Choice::Index(1)).unwrap() {
        b.enter(operations);
    }
    meet(&mut a, &mut b);
    assert!(conflicts::conflicts(&a.state).is_empty());
    assert_eq!(json!(a.fields(1)["priority"]), b_choice.values[1].value);
    assert_eq!(
        numbers::resolve(&a.state, "n-a-1", &[]),
        numbers::Resolved::Found(object(1))
    );
    assert_eq!(
        numbers::resolve(&a.state, "0101", &[]),
        numbers::Resolved::Found(object(1))
    );
    assert_eq!(
        numbers::next_number(&a.state, kinds::NEED, "A")
            .unwrap()
            .to_string(),
        "N-A-2"
    );
}

#[test]
fn one_number_on_two_objects_is_ambiguous() {
    let (mut a, mut b) = two();
    a.write(kinds::NEED, 1, &json!({"title": "x", "number": "N-A-1"}));
    b.write(kinds::NEED, 2, &json!({"title": "y", "number": "N-A-1"}));
    meet(&mut a, &mut b);
    let both = vec![object(1), object(2)];
    assert_eq!(
        numbers::resolve(&a.state, "N-A-1", &[]),
        numbers::Resolved::Ambiguous(both)
    );
    assert_eq!(numbers::short_id(&a.state, object(1)), "0101");
}

#[test]
fn a_need_that_turns_sensitive_moves_its_title() {
    let (mut a, mut b) = two();
    a.write(
        kinds::NEED,
        1,
        &json!({"title": "Clinique, patients VIH", "category": "soins", "area": "Nord"}),
    );
    a.write(kinds::NEED, 1, &json!({"sensitive": true}));
    assert_eq!(a.fields(1)["title"], "Clinique, patients VIH");
    assert!(
        item::item(&a.state, object(1))
            .unwrap()
            .contested
            .is_empty()
    );
    // A device that reads C1 alone.
    b.log = a
        .log
        .iter()
        .filter(|(c, _)| c.class == Class::C1)
        .cloned()
        .collect();
    let mut reader = Device::new(3, Role::Volunteer);
    reader.hears(&b);
    assert_eq!(
        reader.fields(1)["title"],
        json!({"hidden": item::SENSITIVE})
    );
    assert!(!reader.fields(1).contains_key("category"));
    assert_eq!(reader.state.digests().state, a.state.digests().state);
    // Renamed: it stays in C3. And back again.
    a.write(kinds::NEED, 1, &json!({"title": "Autre titre"}));
    assert!(a.log.last().unwrap().0.class == Class::C3);
    a.write(kinds::NEED, 1, &json!({"sensitive": false}));
    let public: Vec<_> = a
        .log
        .iter()
        .filter(|(c, _)| c.class == Class::C1)
        .cloned()
        .collect();
    let mut reader = Device::new(3, Role::Volunteer);
    reader.hears(&Device {
        log: public,
        ..Device::new(0, Role::Hq)
    });
    assert_eq!(reader.fields(1)["title"], "Autre titre");
}

#[test]
fn a_title_written_while_another_made_it_sensitive_is_contested() {
    let (mut a, mut b) = two();
    a.write(kinds::NEED, 1, &json!({"title": "Abri"}));
    meet(&mut a, &mut b);
    a.write(kinds::NEED, 1, &json!({"sensitive": true}));
    b.write(kinds::NEED, 1, &json!({"title": "Abri pour six"}));
    meet(&mut a, &mut b);
    let all = conflicts::conflicts(&a.state);
    assert_eq!(all.len(), 1);
    for (_, operations) in conflicts::settle(&a.state, &all[0], &Choice::Index(0)).unwrap() {
        a.enter(operations);
    }
    assert!(conflicts::conflicts(&a.state).is_empty());
    assert_eq!(a.fields(1)["title"], "Abri");
}

#[test]
fn lines_and_sums_from_two_islands_add_up() {
    let (mut a, mut b) = two();
    a.write(
        kinds::NEED,
        1,
        &json!({"title": "Eau", "lines": [{"item": "drinking-water", "quantity": 100}]}),
    );
    meet(&mut a, &mut b);
    let element = a.fields(1)["lines"][0]["element"].clone();
    a.write(
        kinds::NEED,
        1,
        &json!({"lines": [{"element": element, "delivered": 30}], "flags": "+unsafe"}),
    );
    b.write(
        kinds::NEED,
        1,
        &json!({"lines": [{"element": element, "delivered": 25.5}], "flags": "+follow-up"}),
    );
    meet(&mut a, &mut b);
    assert_eq!(a.fields(1)["lines"][0]["delivered"], 55.5);
    assert_eq!(a.fields(1)["flags"], json!(["follow-up", "unsafe"]));
    assert!(conflicts::conflicts(&a.state).is_empty());
    // Removed here, added again there: the addition wins.
    a.write(kinds::NEED, 1, &json!({"flags": "-unsafe"}));
    b.write(kinds::NEED, 1, &json!({"flags": "-unsafe"}));
    b.write(kinds::NEED, 1, &json!({"flags": "+unsafe"}));
    meet(&mut a, &mut b);
    assert_eq!(a.fields(1)["flags"], json!(["follow-up", "unsafe"]));
    // Saying what is already so writes nothing.
    assert!(
        a.write(
            kinds::NEED,
            1,
            &json!({"title": "Eau", "flags": ["unsafe", "follow-up"]})
        )
        .is_empty()
    );
}

#[test]
fn who_may_not_write_changes_nothing() {
    let (mut a, _) = two();
    operation_with_two_tasks(&mut a);
    let mut v = Device::new(5, Role::Volunteer);
    v.person = Some(object(10));
    v.hears(&a);
    let outcomes = v.write(kinds::VOLUNTEER, 10, &json!({"phone": "+999 01 02 03 04"}));
    assert_eq!(outcomes, [Outcome::Applied]);
    let outcomes = v.write(kinds::VOLUNTEER, 11, &json!({"phone": "+999 01 02 03 04"}));
    assert!(matches!(
        outcomes.as_slice(),
        [Outcome::Inert(Inert::Role { .. })]
    ));
    let kind = table::kind(kinds::TASK).unwrap();
    let changes = parse::changes(&v.reading(), kind, "title", "x", &mut || 1).unwrap();
    assert_eq!(
        writes::refusals(kind, &changes, Role::Volunteer, false),
        [("title", Role::Lead)]
    );
}

#[test]
fn erased_is_erased_and_rows_fit_their_columns() {
    let (mut a, mut b) = two();
    operation_with_two_tasks(&mut a);
    for kind in table::KINDS {
        let columns = export::columns(kind);
        for id in a.state.of_kind(kind.number) {
            assert_eq!(
                export::row(&a.state, kind, id).unwrap().len(),
                columns.len()
            );
        }
    }
    let kind = table::kind(kinds::TASK).unwrap();
    let slots = kind.named("slots").unwrap();
    let rows = export::element_rows(&a.state, kind, slots, object(20));
    assert_eq!(rows[0].len(), export::element_columns(kind, slots).len());
    meet(&mut a, &mut b);
    // Authority tells each of the erasure by itself; a write may come before it or after it.
    assert_eq!(a.state.erase(object(10)), Outcome::Applied);
    assert_eq!(
        b.write(kinds::VOLUNTEER, 10, &json!({"name": "Ada T."})),
        [Outcome::Applied]
    );
    assert_eq!(b.state.erase(object(10)), Outcome::Applied);
    meet(&mut a, &mut b);
    assert_eq!(b.state.digests(), a.state.digests());
    let shown = item::item(&b.state, object(10)).unwrap();
    assert!(shown.erased && shown.fields.is_empty());
    assert!(matches!(
        writes::build(
            &b.state,
            table::kind(kinds::VOLUNTEER).unwrap(),
            object(10),
            &[]
        ),
        Err(writes::WriteError::Erased(_))
    ));
}

#[test]
fn lists_filter_by_code_label_word_and_reference() {
    let (mut a, _) = two();
    operation_with_two_tasks(&mut a);
    a.write(
        kinds::VOLUNTEER,
        10,
        &json!({"skills": [{"skill": "first-aid", "level": "trained"}], "languages": "fr,ht"}),
    );
    a.write(
        kinds::ASSIGNMENT,
        30,
        &json!({"task": hex(20), "volunteer": hex(10), "status": "offered"}),
    );
    let listed = |kind: u16, name: &str, given: &str| {
        let kind = table::kind(kind).unwrap();
        let filter = query::filter(&a.reading(), kind, name, given).unwrap();
        query::list(&a.state, kind, &[filter], None, 10)
    };
    assert_eq!(
        listed(kinds::VOLUNTEER, "skill_skill", "Premiers secours"),
        [object(10)]
    );
    assert_eq!(listed(kinds::VOLUNTEER, "languages", "es"), []);
    assert_eq!(listed(kinds::VOLUNTEER, "languages", "ht"), [object(10)]);
    assert_eq!(listed(kinds::VOLUNTEER, "name", "TESTWELL"), [object(10)]);
    assert_eq!(listed(kinds::TASK, "priority", "urgente"), [object(21)]);
    assert_eq!(listed(kinds::ASSIGNMENT, "volunteer", "0a0a"), [object(30)]);
    assert_eq!(listed(kinds::VOLUNTEER, "phone", "").len(), 2);
    assert_eq!(query::find(&a.state, "testwell ada", 10), [object(10)]);
}

#[test]
fn a_write_that_does_not_count_makes_no_object() {
    let (mut a, _) = two();
    operation_with_two_tasks(&mut a);
    let mut relay = Device::new(6, Role::Relay);
    relay.hears(&a);
    let outcomes = relay.write(kinds::NEED, 9, &json!({"title": "rien"}));
    assert!(matches!(
        outcomes.as_slice(),
        [Outcome::Inert(Inert::Role { .. })]
    ));
    assert!(item::item(&relay.state, object(9)).is_none());
    assert_eq!(
        numbers::resolve(&relay.state, "0909", &[]),
        numbers::Resolved::NotFound
    );
    let priority = table::kind(kinds::TASK).unwrap().named("priority").unwrap();
    let builtin = Vocabularies::builtin();
    assert_eq!(
        crate::vocabulary::labels(builtin, priority, "high"),
        Some(("High", "Haute"))
    );
}
