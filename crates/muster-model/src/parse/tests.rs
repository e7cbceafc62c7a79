//! What people type, and what they get.
#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::json;

use serde_json::Value as Json;

use super::*;
use crate::table::kinds;

fn reading() -> Reading<'static> {
    Reading {
        vocabularies: Vocabularies::builtin(),
        state: None,
        offset_minutes: 0,
    }
}

fn read(kind: u16, name: &str, given: &str) -> Result<Json, ParseError> {
    let field = field_named(table::kind(kind).unwrap(), name)?;
    value(&reading(), field, given).map(|v| Typed::read(&v).json())
}

#[test]
fn codes_and_labels_in_either_language() {
    for given in [
        "partly-met",
        "Partly met",
        "satisfait en partie",
        "SATISFAIT EN PARTIE",
    ] {
        assert_eq!(
            read(kinds::NEED, "status", given).unwrap(),
            json!("partly-met")
        );
    }
    assert_eq!(
        read(kinds::NEED, "secteur", "abris").unwrap(),
        json!("shelter")
    );
    assert_eq!(
        read(kinds::NEED, "Priorité", "Haute").unwrap(),
        json!("high")
    );
    let error = read(kinds::NEED, "status", "half").unwrap_err();
    assert_eq!(
        error.to_string(),
        "status: \"half\" is not accepted; give one of reported, verified, open, partly-met, met, closed"
    );
    let error = read(kinds::NEED, "prioriti", "x").unwrap_err();
    assert!(
        error.to_string().contains("did you mean priority?"),
        "{error}"
    );
}

#[test]
fn times_and_days() {
    let time = |t| read(kinds::NEED, "occurred", t);
    for given in [
        "2010-01-12T22:13:00Z",
        "2010-01-12 22:13",
        "12/01/2010 22:13",
        "12/01/2010 22h13",
        "2010-01-12T17:13:00-05:00",
    ] {
        assert_eq!(
            time(given).unwrap(),
            json!("2010-01-12T22:13:00Z"),
            "{given}"
        );
    }
    assert!(time("31/02/2010 10:00").is_err());
    assert!(time("yesterday").is_err());
    let day = |d| read(kinds::VOLUNTEER, "waiver_signed", d);
    assert_eq!(day("24/11/2026").unwrap(), json!("2026-11-24"));
    assert!(day("11/24/2026").is_err());
    assert_eq!(
        read(kinds::VOLUNTEER, "availability", "lun-ven 08:00-17:30").unwrap()["to"],
        json!("17:30")
    );
    assert_eq!(
        read(kinds::PLEDGE, "days", "2026-11-24/2026-11-30").unwrap(),
        json!({"from": "2026-11-24T00:00:00Z", "to": "2026-11-30T00:00:00Z"})
    );
}

#[test]
fn places_are_range_checked() {
    let place = |p| read(kinds::NEED, "place", p);
    assert_eq!(
        place("18.5392,-72.3364").unwrap(),
        json!({"lat": 18.5392, "lon": -72.3364})
    );
    assert_eq!(
        place("18,5392; -72,3364 Delmas 33").unwrap(),
        json!({"lat": 18.5392, "lon": -72.3364, "text": "Delmas 33"})
    );
    assert_eq!(
        place("Delmas 33, Port-au-Prince").unwrap(),
        json!({"text": "Delmas 33, Port-au-Prince"})
    );
    assert!(place("98.5,-72.3").is_err());
    assert!(place("18.5,-190").is_err());
}

#[test]
fn numbers_quantities_languages() {
    assert_eq!(read(kinds::SITE, "capacity", "1 200").unwrap(), json!(1200));
    assert!(read(kinds::SITE, "capacity", "-1").is_err());
    assert_eq!(
        read(kinds::NEED, "line_quantity", "2,50").unwrap(),
        json!(2.5)
    );
    assert_eq!(
        read(kinds::VOLUNTEER, "languages", "ZH_hant").unwrap(),
        json!("zh-Hant")
    );
    assert!(read(kinds::VOLUNTEER, "languages", "x").is_err());
    assert!(read(kinds::VOLUNTEER, "email", "nobody").is_err());
    assert_eq!(
        read(kinds::NEED, "number", "n-gym-7").unwrap(),
        json!("N-GYM-7")
    );
}

#[test]
fn sets_groups_and_json() {
    let need = table::kind(kinds::NEED).unwrap();
    let mut next = 0;
    let mut fresh = || {
        next += 1;
        next
    };
    let all = changes(&reading(), need, "flags", "+unsafe,-duplicate", &mut fresh).unwrap();
    assert!(matches!(
        all.as_slice(),
        [Change::Add { .. }, Change::Remove { .. }]
    ));
    let all = changes(
        &reading(),
        need,
        "lines",
        "item=blanket; quantity=20; committed=5",
        &mut fresh,
    )
    .unwrap();
    let [
        Change::AddElement {
            members,
            element: 1,
            ..
        },
        Change::Tally { element: 1, .. },
    ] = all.as_slice()
    else {
        panic!("{all:?}")
    };
    assert_eq!(members.len(), 2);
    let error = changes(&reading(), need, "lines", "colour=red", &mut fresh).unwrap_err();
    assert!(matches!(error, ParseError::NoField { .. }));
    let given = json!({"title": "Eau", "flags": ["unsafe"], "lines": [{"item": "soap", "quantity": 3}],
        "place": {"lat": 18.5, "lon": -72.3, "text": "marché"}, "area": null, "sensitive": true});
    let all = from_json(&reading(), need, given.as_object().unwrap(), &mut fresh).unwrap();
    assert_eq!(all.len(), 6);
}
