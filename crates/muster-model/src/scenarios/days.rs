//! A day on site: who is there, who is late, who is tired, what is missing; and the laws of the views.

use std::collections::BTreeSet;

use muster_log::{
    genesis::RestRules,
    ids::{Millis, ObjectId},
    role::Role,
};
use serde_json::json;

use super::{Device, hex, meet, object, proposed, two};
use crate::{
    booking::{self, Span},
    staffing,
    state::State,
    table::kinds,
    views::{
        attendance, brief, fatigue, needs,
        overdue::{self, Late},
        picture,
        receipts::{self, Speaker},
        rollcall,
    },
};

fn at(text: &str) -> Millis {
    let time: jiff::Timestamp = text.parse().unwrap();
    Millis(time.as_millisecond())
}

/// A gym with a task from 8 to 12 that wants two, and three people; one is a team's leader.
fn morning(a: &mut Device) {
    a.write(kinds::SITE, 40, &json!({"name": "Gym"}));
    a.write(kinds::SITE, 41, &json!({"name": "Camp B"}));
    for (id, name) in [
        (10, "Ada Testwell"),
        (11, "Basile Factice"),
        (12, "Chipo Inventée"),
    ] {
        a.write(kinds::VOLUNTEER, id, &json!({"name": name}));
    }
    a.write(
        kinds::NEED,
        1,
        &json!({"title": "Eau", "priority": "urgent", "sector": "wash", "area": "Léogâne"}),
    );
    a.write(
        kinds::NEED,
        2,
        &json!({"title": "Bâches", "priority": "low", "status": "open", "area": "leogane"}),
    );
    a.write(
        kinds::TASK,
        20,
        &json!({"title": "Eau", "needs": [hex(1)], "site": hex(40), "sector": "wash", "area": "Léogâne",
            "from": "2026-11-24T08:00Z", "to": "2026-11-24T12:00Z", "slots": [{"wanted": 2}]}),
    );
}

fn checks_in(a: &mut Device, id: u8, person: u8, site: u8, from: &str, to: Option<&str>) {
    let mut fields = json!({"person": hex(person), "site": hex(site), "in": from});
    if let Some(to) = to {
        fields["out"] = json!(to);
    }
    a.write(kinds::CHECK_IN, id, &fields);
}

#[test]
fn the_roll_call_counts_who_is_there_with_and_without_a_check_in() {
    let (mut a, mut b) = two();
    morning(&mut a);
    meet(&mut a, &mut b);
    checks_in(&mut a, 50, 10, 40, "2026-11-24T07:55Z", None);
    checks_in(
        &mut b,
        51,
        11,
        40,
        "2026-11-24T07:00Z",
        Some("2026-11-24T09:00Z"),
    );
    b.write(
        kinds::ASSIGNMENT,
        30,
        &json!({"task": hex(20), "volunteer": hex(12), "status": "on-site"}),
    );
    a.write(
        kinds::ASSIGNMENT,
        31,
        &json!({"task": hex(20), "volunteer": hex(11), "status": "acknowledged"}),
    );
    b.write(
        kinds::CHECK_IN,
        52,
        &json!({"site": hex(40), "in": "2026-11-24T08:30Z", "party_size": 6}),
    );
    meet(&mut a, &mut b);
    let call = rollcall::rollcall(&a.state, object(40), at("2026-11-24T10:00:00Z"));
    assert_eq!(
        call,
        rollcall::rollcall(&b.state, object(40), at("2026-11-24T10:00:00Z"))
    );
    let people: Vec<_> = call
        .present
        .iter()
        .map(|p| (p.person, p.party, p.checked_in))
        .collect();
    assert_eq!(
        people,
        [
            (Some(object(10)), 1, true),
            (None, 6, true),
            (Some(object(12)), 1, false)
        ]
    );
    assert_eq!(call.total, 8);
    assert_eq!(
        call.expected,
        [(object(11), object(31))],
        "gone, and expected"
    );
    // Seen at another site: not both.
    checks_in(&mut a, 53, 12, 41, "2026-11-24T09:30Z", None);
    let call = rollcall::rollcall(&a.state, object(40), at("2026-11-24T10:00:00Z"));
    assert_eq!(call.total, 7);
    // Checked out again: not there, whatever the assignment says.
    checks_in(
        &mut a,
        54,
        12,
        40,
        "2026-11-24T08:10Z",
        Some("2026-11-24T09:20Z"),
    );
    a.write(kinds::CHECK_IN, 53, &json!({"out": "2026-11-24T09:40Z"}));
    let call = rollcall::rollcall(&a.state, object(40), at("2026-11-24T10:00:00Z"));
    assert_eq!(call.total, 7);
    let early = rollcall::rollcall(&a.state, object(40), at("2026-11-24T07:30:00Z"));
    assert!(early.present.iter().any(|p| p.person == Some(object(11))));
}

#[test]
fn who_is_late_and_how() {
    let (mut a, mut b) = two();
    morning(&mut a);
    let rules = RestRules::default();
    let late = |d: &Device, now: &str| -> Vec<(Late, ObjectId)> {
        overdue::overdue(&d.state, &rules, at(now))
            .iter()
            .map(|o| (o.late, o.about))
            .collect()
    };
    checks_in(&mut a, 50, 10, 40, "2026-11-24T07:55Z", None);
    a.write(
        kinds::ASSIGNMENT,
        30,
        &json!({"task": hex(20), "volunteer": hex(10), "status": "on-site"}),
    );
    a.write(
        kinds::ASSIGNMENT,
        31,
        &json!({"task": hex(20), "volunteer": hex(11), "status": "acknowledged"}),
    );
    a.write(
        kinds::ASSIGNMENT,
        32,
        &json!({"task": hex(20), "volunteer": hex(12),
        "status": "offered", "lease_until": "2026-11-24T07:00Z"}),
    );
    meet(&mut a, &mut b);
    assert_eq!(
        late(&b, "2026-11-24T06:00:00Z"),
        [],
        "nothing before its time"
    );
    assert_eq!(
        late(&b, "2026-11-24T08:10:00Z"),
        [(Late::Lease, object(12))]
    );
    assert_eq!(
        late(&b, "2026-11-24T09:00:00Z"),
        [(Late::NotArrived, object(11)), (Late::Lease, object(12))]
    );
    assert_eq!(
        late(&b, "2026-11-24T12:01:00Z"),
        [(Late::PastEnd, object(10)), (Late::Lease, object(12))]
    );
    // The lease has run out, and the place is still held.
    let slot = staffing::of_task(&b.state, object(20), at("2026-11-24T12:01:00Z")).unwrap();
    assert_eq!((slot.total.unconfirmed, slot.total.offered), (1, 1));
    checks_in(&mut b, 51, 11, 40, "2026-11-23T20:00Z", None);
    b.write(
        kinds::TEAM,
        60,
        &json!({"name": "Nord", "status": "deployed", "due_back": "2026-11-24T11:00Z"}),
    );
    meet(&mut a, &mut b);
    let all = late(&a, "2026-11-24T11:30:00Z");
    assert_eq!(
        all,
        [
            (Late::Team, object(60)),
            (Late::LongShift, object(11)),
            (Late::Lease, object(12))
        ]
    );
}

#[test]
fn shifts_rests_and_runs_of_days_are_counted_from_check_ins() {
    let (mut a, _) = two();
    morning(&mut a);
    let rules = RestRules::default();
    let tired = |d: &Device, from: &str, to: &str| {
        let span = Span {
            from: Some(at(from)),
            to: Some(at(to)),
        };
        fatigue::of(&d.state, object(10), span, &rules, at(from))
    };
    checks_in(
        &mut a,
        50,
        10,
        40,
        "2026-11-20T08:00Z",
        Some("2026-11-20T12:00Z"),
    );
    // A pause of an hour, then four hours, then five: nine hours and thirteen.
    checks_in(
        &mut a,
        51,
        10,
        40,
        "2026-11-20T13:00Z",
        Some("2026-11-20T17:00Z"),
    );
    let none: [&str; 0] = [];
    assert_eq!(
        tired(&a, "2026-11-20T18:00:00Z", "2026-11-20T22:00:00Z"),
        none
    );
    assert_eq!(
        tired(&a, "2026-11-20T18:00:00Z", "2026-11-20T22:01:00Z"),
        ["long-shift"]
    );
    assert_eq!(
        tired(&a, "2026-11-20T23:00:00Z", "2026-11-21T03:00:00Z"),
        ["short-rest"]
    );
    assert_eq!(
        tired(&a, "2026-11-21T03:00:00Z", "2026-11-21T15:00:00Z"),
        none
    );
    // Thirteen days before the fifteenth in a row.
    for day in 7..20 {
        let (from, to) = (
            format!("2026-11-{day:02}T09:00Z"),
            format!("2026-11-{day:02}T10:00Z"),
        );
        checks_in(&mut a, 60 + day, 10, 40, &from, Some(&to));
    }
    assert_eq!(
        tired(&a, "2026-11-21T08:00:00Z", "2026-11-21T10:00:00Z"),
        ["long-run"]
    );
    assert_eq!(
        tired(&a, "2026-11-22T08:00:00Z", "2026-11-22T10:00:00Z"),
        none,
        "a day off ends a run"
    );
    // It reaches the check before an assignment, as a warning.
    let mut wish = proposed(20, 10);
    wish.span = Span {
        from: Some(at("2026-11-20T23:00:00Z")),
        to: Some(at("2026-11-21T03:00:00Z")),
    };
    let warnings = booking::check_assignment(&a.state, &wish);
    assert!(
        warnings
            .iter()
            .any(|w| w.code == "short-rest" && !w.refusal)
    );
    a.write(
        kinds::VOLUNTEER,
        11,
        &json!({"clearance": "not-to-be-assigned"}),
    );
    let arrival = booking::check_arrival(&a.state, object(11), at("2026-11-24T08:00:00Z"), &rules);
    assert_eq!(
        (arrival[0].code, arrival[0].refusal),
        ("not-to-be-assigned", true)
    );
}

#[test]
fn the_picture_counts_places_needs_and_hours() {
    let (mut a, mut b) = two();
    morning(&mut a);
    a.write(
        kinds::ASSIGNMENT,
        30,
        &json!({"task": hex(20), "volunteer": hex(10), "status": "acknowledged"}),
    );
    checks_in(
        &mut a,
        50,
        10,
        40,
        "2026-11-24T08:00Z",
        Some("2026-11-24T10:30Z"),
    );
    checks_in(&mut a, 51, 11, 40, "2026-11-24T09:00Z", None);
    meet(&mut a, &mut b);
    let now = at("2026-11-24T10:00:00Z");
    let seen = picture::picture(&b.state, now);
    assert_eq!(seen, picture::picture(&a.state, now));
    let wash = &seen.sectors["wash"];
    assert_eq!(
        (wash.wanted, wash.filled, wash.sure, wash.tasks, wash.needs),
        (2, 1, 1, 1, 1)
    );
    assert_eq!(
        seen.areas.keys().collect::<Vec<_>>(),
        ["Léogâne"],
        "two spellings are one area"
    );
    assert_eq!(seen.areas["Léogâne"].needs, 2);
    let hours: Vec<_> = seen
        .hours
        .iter()
        .take(3)
        .map(|h| (h.wanted, h.filled))
        .collect();
    assert_eq!(hours, [(2, 1), (2, 1), (0, 0)]);
    assert_eq!(
        (seen.minutes, seen.people, seen.present),
        (180, 2, 2),
        "what is planned is not worked yet"
    );
    assert_eq!(needs::without_task(&b.state), [object(2)]);
    let count = staffing::of_task(&b.state, object(20), now).unwrap().total;
    assert_eq!(picture::shortage(&count), "under");
    a.write(kinds::TASK, 20, &json!({"status": "cancelled"}));
    assert_eq!(needs::without_task(&a.state), [object(1), object(2)]);
}

#[test]
fn the_brief_tells_what_is_new() {
    let (mut a, _) = two();
    morning(&mut a);
    let born = |d: &Device, id: u8| d.state.object(object(id)).unwrap().birth().unwrap().claimed;
    let since = born(&a, 1);
    let news = brief::news(&a.state, since);
    assert_eq!(
        (news.urgent, news.needs, news.tasks),
        (vec![object(1)], 2, 1)
    );
    let later = brief::news(&a.state, Millis(born(&a, 20).0));
    assert_eq!(
        (later.urgent.len(), later.still_urgent, later.needs),
        (0, 1, 0)
    );
    a.write(
        kinds::NEED,
        1,
        &json!({"status": "closed", "closed_as": "completed"}),
    );
    assert_eq!(brief::news(&a.state, since).closed, 1);
    checks_in(
        &mut a,
        50,
        10,
        40,
        "2026-11-20T08:00Z",
        Some("2026-11-20T12:00Z"),
    );
    assert_eq!(
        brief::last_check_out(&a.state, object(10)),
        Some(at("2026-11-20T12:00:00Z"))
    );
    assert_eq!(brief::last_check_out(&a.state, object(11)), None);
}

#[test]
fn receipts_are_of_offers_one_speaks_for_and_of_nothing_else() {
    let (mut a, _) = two();
    morning(&mut a);
    a.write(
        kinds::TEAM,
        60,
        &json!({"name": "Nord", "leader": hex(11), "members": [hex(12)]}),
    );
    for (id, who, status) in [
        (30, 10, "offered"),
        (31, 11, "acknowledged"),
        (32, 12, "offered"),
    ] {
        let fields = json!({"task": hex(20), "volunteer": hex(who), "status": status,
            "from": format!("2026-11-2{}T08:00Z", id - 29), "to": format!("2026-11-2{}T09:00Z", id - 29)});
        a.write(kinds::ASSIGNMENT, id, &fields);
    }
    a.write(
        kinds::ASSIGNMENT,
        33,
        &json!({"task": hex(20), "team": hex(60), "status": "offered"}),
    );
    let due = |role, person: Option<u8>, scope: Option<u8>, owners: &[u8]| -> Vec<ObjectId> {
        let speaker = Speaker {
            role,
            person: person.map(object),
            scope: scope.map(object),
        };
        let owners: BTreeSet<ObjectId> = owners.iter().map(|o| object(*o)).collect();
        receipts::due(&a.state, &speaker, &owners)
    };
    assert_eq!(due(Role::Volunteer, Some(10), None, &[10]), [object(30)]);
    assert_eq!(
        due(Role::Volunteer, Some(11), None, &[11]),
        [object(33)],
        "its leader's device speaks for a team; what is answered needs no receipt"
    );
    assert_eq!(due(Role::Volunteer, Some(12), None, &[12]), [object(32)]);
    assert_eq!(
        due(Role::Lead, None, Some(60), &[]),
        [object(32), object(33)]
    );
    assert_eq!(
        due(Role::Lead, None, Some(60), &[12]),
        [object(33)],
        "not for who has a device"
    );
    assert_eq!(
        due(Role::Lead, None, Some(40), &[]),
        [object(30), object(32)]
    );
    assert_eq!(due(Role::Coordinator, None, None, &[]), []);
}

/// Everything the views say, as text.
fn everything(state: &State, now: Millis) -> String {
    let rules = RestRules::default();
    let sites: Vec<_> = state
        .of_kind(kinds::SITE)
        .map(|s| rollcall::rollcall(state, s, now))
        .collect();
    format!(
        "{:?}",
        (
            sites,
            overdue::overdue(state, &rules, now),
            picture::picture(state, now),
            staffing::all(state, now),
            (
                needs::without_task(state),
                brief::news(state, Millis(0)),
                attendance::all(state)
            ),
        )
    )
}

/// Order, grouping, repetition; and a state that grew entry by entry against one made at once.
#[test]
fn the_views_are_functions_of_the_entries() {
    for seed in 0..40 {
        let mut random = crate::sample::Random::new(seed);
        let (mut a, mut b) = two();
        morning(&mut a);
        meet(&mut a, &mut b);
        for step in 0..25_u8 {
            let device = if random.chance(50) { &mut a } else { &mut b };
            let who = 10 + u8::try_from(random.below(3)).unwrap();
            let site = 40 + u8::try_from(random.below(2)).unwrap();
            let hour = random.below(12);
            match random.below(3) {
                0 => {
                    let from = format!("2026-11-24T{hour:02}:00Z");
                    let to = format!("2026-11-24T{:02}:30Z", hour + random.below(6));
                    let open = random.chance(40);
                    checks_in(device, 100 + step, who, site, &from, (!open).then_some(&to));
                }
                1 => {
                    let status = ["offered", "acknowledged", "on-site", "no-show"][random.below(4)];
                    let fields = json!({"task": hex(20), "volunteer": hex(who), "status": status,
                        "lease_until": format!("2026-11-24T{hour:02}:00Z")});
                    device.write(kinds::ASSIGNMENT, 100 + step, &fields);
                }
                _ => {
                    let status = ["open", "met", "closed"][random.below(3)];
                    let id = 1 + u8::try_from(random.below(2)).unwrap();
                    device.write(kinds::NEED, id, &json!({"status": status}));
                }
            }
        }
        meet(&mut a, &mut b);
        let now = at("2026-11-24T10:15:00Z");
        let wanted = everything(&a.state, now);
        assert_eq!(wanted, everything(&b.state, now), "seed {seed}");
        let mut log = a.log.clone();
        log.extend(b.log.iter().cloned());
        for i in (1..log.len()).rev() {
            log.swap(i, random.below(i + 1));
        }
        let mut grown = State::new();
        for (n, (context, operation)) in log.iter().enumerate() {
            grown.apply(context, operation);
            if n % 17 == 0 {
                // Asking in between leaves no trace.
                everything(&grown, now);
            }
        }
        assert_eq!(wanted, everything(&grown, now), "seed {seed}");
        let mut whole = State::new();
        let mut batch = whole.batch();
        for (context, operation) in log.iter().rev() {
            batch.apply(context, operation);
        }
        drop(batch);
        assert_eq!(wanted, everything(&whole, now), "seed {seed}");
    }
}
