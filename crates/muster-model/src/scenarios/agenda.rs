//! The calendar: rules of repetition, whose agenda, overlaps, attendance.

use super::{forum::replayed, *};
use crate::{
    sample::Random,
    value::time_text,
    views::{
        agenda::{self, Line, Whose},
        repeat,
    },
};

fn at(text: &str) -> Millis {
    parse::parse_time(text, 0).unwrap()
}

fn window(from: &str, to: &str) -> Span {
    Span {
        from: Some(at(from)),
        to: Some(at(to)),
    }
}

fn times(device: &Device, id: u8, window: Span) -> Vec<String> {
    let event = device.state.object(object(id)).unwrap();
    let from = repeat::times(&event, window).into_iter();
    from.map(|s| time_text(s.from.unwrap())).collect()
}

#[test]
fn events_come_back_by_their_rule_in_their_own_zone() {
    let (mut a, _) = two();
    // 08:00 in Paris before and after the clocks change on 29 March 2026.
    a.write(
        kinds::EVENT,
        1,
        &json!({
            "title": "Briefing", "kind": "briefing", "repeats": "daily", "zone": "Europe/Paris",
            "from": "2026-03-27T07:00:00Z", "to": "2026-03-27T07:30:00Z",
            "until": "2026-03-31T23:00:00Z", "except": ["2026-03-28"],
        }),
    );
    let whole = window("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    assert_eq!(
        times(&a, 1, whole),
        [
            "2026-03-27T07:00:00Z",
            "2026-03-29T06:00:00Z",
            "2026-03-30T06:00:00Z",
            "2026-03-31T06:00:00Z"
        ]
    );
    // A window takes what shares a moment with it, and no more.
    let ends = window("2026-03-29T06:15:00Z", "2026-03-30T06:00:00Z");
    assert_eq!(times(&a, 1, ends), ["2026-03-29T06:00:00Z"]);
    a.write(
        kinds::EVENT,
        2,
        &json!({
            "title": "Training", "from": "2026-03-02T18:00:00Z",
            "rule": "FREQ=WEEKLY;BYDAY=MO,WE;COUNT=4",
        }),
    );
    assert_eq!(
        times(&a, 2, whole),
        [
            "2026-03-02T18:00:00Z",
            "2026-03-04T18:00:00Z",
            "2026-03-09T18:00:00Z",
            "2026-03-11T18:00:00Z"
        ]
    );
    // The last day of each month; and one that is shown once because its rule is not read.
    a.write(
        kinds::EVENT,
        3,
        &json!({"from": "2026-01-31T10:00:00Z", "rule": "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3"}),
    );
    assert_eq!(
        times(&a, 3, whole),
        [
            "2026-01-31T10:00:00Z",
            "2026-02-28T10:00:00Z",
            "2026-03-31T10:00:00Z"
        ]
    );
    a.write(
        kinds::EVENT,
        4,
        &json!({"from": "2026-01-31T10:00:00Z", "rule": "FREQ=SECONDLY"}),
    );
    assert_eq!(times(&a, 4, whole), ["2026-01-31T10:00:00Z"]);
    // A day that never comes ends the search.
    a.write(
        kinds::EVENT,
        5,
        &json!({"from": "2026-01-31T10:00:00Z", "rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}),
    );
    assert_eq!(times(&a, 5, whole), [""; 0]);
}

#[test]
fn rules_that_would_keep_readers_counting_are_refused() {
    let from = Some(at("2026-01-01T08:00:00Z"));
    let code =
        |rule: &str, zone: Option<&str>| repeat::check(from, rule, zone).map_err(|e| e.to_string());
    assert_eq!(
        code("FREQ=DAILY;INTERVAL=2", Some("America/Port-au-Prince")),
        Ok(())
    );
    for (rule, says) in [
        ("FREQ=SECONDLY", "FREQ"),
        ("FREQ=DAILY;BYSECOND=0,1,2", "BYSECOND"),
        ("FREQ=YEARLY;BYSETPOS=1;BYDAY=MO", "BYSETPOS"),
        ("COUNT=3", "FREQ"),
        ("FREQ=WEEKLY;BYDAY=XX", "XX"),
        ("", "FREQ"),
    ] {
        let why = code(rule, None).unwrap_err();
        assert!(why.contains(says), "{rule}: {why}");
    }
    assert!(
        code("FREQ=DAILY", Some("Atlantis/Port"))
            .unwrap_err()
            .contains("Atlantis")
    );
    assert!(repeat::check(None, "FREQ=DAILY", None).is_err());
    assert!(repeat::check(Some(Millis(i64::MAX)), "FREQ=DAILY", None).is_err());
    assert!(code(&format!("FREQ=DAILY;BYMONTHDAY={}", "1,".repeat(200)), None).is_err());
}

fn shown(lines: &[Line]) -> Vec<(u8, String, Vec<usize>, usize)> {
    lines
        .iter()
        .map(|l| {
            (
                l.about.0[0],
                time_text(l.span.from.unwrap()),
                l.overlaps.clone(),
                l.came.len(),
            )
        })
        .collect()
}

fn day() -> Device {
    let (mut a, mut b) = two();
    a.write(kinds::VOLUNTEER, 1, &json!({"name": "Ana Exemple"}));
    a.write(kinds::VOLUNTEER, 2, &json!({"name": "Ben Exemple"}));
    a.write(kinds::SITE, 3, &json!({"name": "Gym"}));
    a.write(
        kinds::TEAM,
        4,
        &json!({"name": "Alpha", "members": [object(2).hex()]}),
    );
    a.write(
        kinds::TASK,
        5,
        &json!({"title": "Carry water", "site": object(3).hex(),
        "from": "2026-03-02T08:00:00Z", "to": "2026-03-02T12:00:00Z"}),
    );
    meet(&mut a, &mut b);
    a.write(
        kinds::ASSIGNMENT,
        6,
        &json!({"task": object(5).hex(), "volunteer": object(1).hex(), "status": "acknowledged"}),
    );
    b.write(
        kinds::ASSIGNMENT,
        7,
        &json!({"task": object(5).hex(), "team": object(4).hex(), "status": "withdrawn"}),
    );
    b.write(kinds::EVENT, 8, &json!({"title": "First aid", "kind": "training", "people": [object(1).hex(), object(2).hex()],
        "from": "2026-03-02T11:00:00Z", "to": "2026-03-02T13:00:00Z", "site": object(3).hex()}));
    a.write(
        kinds::EVENT,
        9,
        &json!({"title": "OP 1", "kind": "operational-period", "repeats": "daily",
        "from": "2026-03-02T06:00:00Z", "to": "2026-03-02T18:00:00Z"}),
    );
    b.write(
        kinds::CHECK_IN,
        10,
        &json!({"person": object(1).hex(), "site": object(3).hex(),
        "in": "2026-03-02T07:50:00Z", "out": "2026-03-02T11:30:00Z"}),
    );
    meet(&mut a, &mut b);
    b
}

#[test]
fn an_agenda_names_what_overlaps_and_who_came() {
    let b = day();
    let today = window("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z");
    let of = |whose| shown(&agenda::agenda(&b.state, whose, today));
    let line = |id, time: &str, overlaps: &[usize], came| {
        (
            id,
            format!("2026-03-02T{time}:00Z"),
            overlaps.to_vec(),
            came,
        )
    };
    assert_eq!(
        of(Whose::Person(object(1))),
        [
            line(9, "06:00", &[], 0),
            line(5, "08:00", &[2], 1),
            line(8, "11:00", &[1], 1)
        ]
    );
    // Ben's team was withdrawn from the task; the training is his alone.
    assert_eq!(
        of(Whose::Person(object(2))),
        [line(9, "06:00", &[], 0), line(8, "11:00", &[], 1)]
    );
    assert_eq!(of(Whose::Team(object(4))), [line(9, "06:00", &[], 0)]);
    assert_eq!(of(Whose::Site(object(3))).len(), 3);
    let all = agenda::agenda(&b.state, Whose::All, today);
    let missing = |now: &str| all[2].missing(at(now)).into_iter().collect::<Vec<_>>();
    assert_eq!(missing("2026-03-02T10:00:00Z"), []);
    assert_eq!(missing("2026-03-02T12:00:00Z"), [object(2)]);
    let period = |now: &str| agenda::periods(&b.state, at(now)).len();
    assert_eq!(
        (
            period("2026-03-09T07:00:00Z"),
            period("2026-03-09T19:00:00Z")
        ),
        (1, 0)
    );
}

/// Order, grouping and repetition of what arrives leave no trace in the calendar.
#[test]
fn the_agenda_is_the_same_in_every_order() {
    let log = day().log;
    let week = window("2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z");
    let answers = |state: &State| {
        [
            Whose::All,
            Whose::Person(object(1)),
            Whose::Site(object(3)),
            Whose::Team(object(4)),
        ]
        .map(|w| agenda::agenda(state, w, week))
    };
    let wanted = answers(&replayed(&log, 0));
    assert_eq!(wanted[0].len(), 8);
    let mut random = Random::new(5);
    for _ in 0..300 {
        let seed = u64::try_from(random.below(1 << 30)).unwrap();
        assert_eq!(answers(&replayed(&log, seed)), wanted, "seed {seed}");
    }
}
