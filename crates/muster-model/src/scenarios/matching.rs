//! Who is proposed for what, and why not.

use muster_log::{genesis::RestRules, ids::Millis};
use serde_json::{Value as Json, json};

use super::{Device, hex, object, two};
use crate::{
    staffing,
    table::kinds,
    views::matching::{self, Fit},
};

const NOW: Millis = Millis(1_795_000_000_000);

fn asked(a: &Device, task: u8) -> (Vec<Fit>, Vec<(&'static str, usize)>) {
    let rules = RestRules::default();
    let staffing = staffing::of_task(&a.state, object(task), NOW).unwrap();
    let places = matching::places_of(&a.state, &staffing, NOW);
    let people = matching::people(&a.state, &rules, NOW);
    let (fits, excluded) = matching::rank(&people, &places, 0, NOW);
    (fits, excluded.into_iter().collect())
}

fn volunteer(a: &mut Device, id: u8, more: &Json) {
    let mut fields = json!({"name": format!("Volunteer {id}"), "status": "active"});
    for (name, value) in more.as_object().unwrap() {
        fields[name] = value.clone();
    }
    a.write(kinds::VOLUNTEER, id, &fields);
}

#[test]
fn hard_conditions_exclude_and_reasons_rank() {
    let (mut a, _) = two();
    // A Tuesday.
    a.write(
        kinds::TASK,
        20,
        &json!({"title": "Soins", "area": "Nord", "languages": ["ht"], "access_features": ["step-free"],
            "from": "2026-12-01T08:00Z", "to": "2026-12-01T12:00Z",
            "slots": [{"skill": "first-aid", "level": "trained", "wanted": 2}]}),
    );
    let aid = |level: &str, more: Json| {
        let mut skill = json!({"skill": "first-aid", "level": level});
        for (name, value) in more.as_object().unwrap() {
            skill[name] = value.clone();
        }
        json!({"skills": [skill]})
    };
    let with = |mut fields: Json, more: Json| {
        for (name, value) in more.as_object().unwrap() {
            fields[name] = value.clone();
        }
        fields
    };
    let trained = aid("trained", json!({}));
    volunteer(&mut a, 1, &trained);
    volunteer(
        &mut a,
        2,
        &with(
            trained.clone(),
            json!({"home_area": "nord", "languages": ["ht"]}),
        ),
    );
    volunteer(&mut a, 3, &aid("basic", json!({})));
    volunteer(&mut a, 4, &aid("trained", json!({"expires": "2026-11-30"})));
    volunteer(
        &mut a,
        5,
        &with(trained.clone(), json!({"from_home": "only"})),
    );
    volunteer(
        &mut a,
        6,
        &with(trained.clone(), json!({"accommodations": ["quiet-room"]})),
    );
    volunteer(
        &mut a,
        7,
        &with(trained.clone(), json!({"accommodations": ["step-free"]})),
    );
    volunteer(
        &mut a,
        8,
        &with(trained.clone(), json!({"clearance": "not-to-be-assigned"})),
    );
    volunteer(&mut a, 9, &with(trained.clone(), json!({"minor": true})));
    volunteer(
        &mut a,
        10,
        &with(
            trained.clone(),
            json!({"availability": ["mon 08:00-18:00"]}),
        ),
    );
    volunteer(
        &mut a,
        11,
        &with(
            trained.clone(),
            json!({"availability": ["tue 08:00-12:00"]}),
        ),
    );
    volunteer(
        &mut a,
        12,
        &with(trained.clone(), json!({"status": "left"})),
    );
    volunteer(&mut a, 13, &trained);
    a.write(
        kinds::TASK,
        21,
        &json!({"title": "Autre", "from": "2026-12-01T11:00Z", "to": "2026-12-01T13:00Z"}),
    );
    a.write(
        kinds::ASSIGNMENT,
        30,
        &json!({"task": hex(21), "volunteer": hex(13), "status": "offered"}),
    );
    let (fits, excluded) = asked(&a, 20);
    let order: Vec<_> = fits.iter().map(|f| f.person).collect();
    assert_eq!(
        order,
        [2, 11, 1, 7].map(object),
        "language and area first, then who said to be free"
    );
    assert_eq!(fits[0].reasons_for(), ["area", "language"]);
    assert_eq!(fits[1].reasons_for(), ["available"]);
    assert_eq!(
        fits[3].reasons_against(),
        ["language-missing", "availability-unsaid"],
        "what somebody needs is in no reason"
    );
    assert_eq!(
        excluded,
        [
            ("booked", 1),
            ("not-suitable", 3),
            ("place", 1),
            ("skill", 2),
            ("unavailable", 1)
        ]
    );
}

#[test]
fn who_works_from_home_is_found_first_for_what_can_be_done_there() {
    let (mut a, _) = two();
    a.write(
        kinds::TASK,
        20,
        &json!({"title": "Appels", "from_home": true, "slots": [{"wanted": 1}]}),
    );
    volunteer(&mut a, 1, &json!({"from_home": "no"}));
    volunteer(&mut a, 2, &json!({"from_home": "also"}));
    volunteer(
        &mut a,
        3,
        &json!({"from_home": "only", "accommodations": ["screen-reader"]}),
    );
    let (fits, _) = asked(&a, 20);
    let order: Vec<_> = fits.iter().map(|f| f.person).collect();
    assert_eq!(order, [3, 2, 1].map(object));
    assert_eq!(fits[0].reasons_for(), ["from-home-only"]);
    // A plan gives the urgent place to who fits, and nobody two.
    a.write(
        kinds::TASK,
        21,
        &json!({"title": "Urgent", "from_home": true, "priority": "urgent", "slots": [{"wanted": 5}]}),
    );
    let rules = RestRules::default();
    let people = matching::people(&a.state, &rules, NOW);
    let places = matching::places(&a.state, NOW);
    let (plan, open) = matching::plan(&people, &places, 0, NOW);
    assert_eq!(plan.len(), 3);
    assert!(plan.iter().all(|f| f.task == object(21)), "{plan:?}");
    assert_eq!(open, 3);
}
