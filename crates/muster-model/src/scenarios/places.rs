//! Who does what where, and information by language, on islands that meet.

use super::{forum::replayed, *};
use crate::views::{
    information,
    places::{self, Cell},
};

fn world() -> Device {
    let (mut a, mut b) = two();
    a.write(kinds::ORGANISATION, 1, &json!({"name": "Invented Relief"}));
    a.write(kinds::VOLUNTEER, 2, &json!({"name": "Ana Exemple"}));
    meet(&mut a, &mut b);
    let by = object(1).hex();
    a.write(kinds::ACTIVITY, 3, &json!({"organisation": by, "sector": "wash", "activity": "Latrines", "area": "Bel Air", "status": "ongoing"}));
    b.write(kinds::ACTIVITY, 4, &json!({"organisation": by, "sector": "wash", "activity": "Wells", "area": "bel air", "status": "done"}));
    b.write(kinds::SITE, 5, &json!({"name": "Camp B", "area": "BEL AIR", "sectors": ["wash", "health"], "place": "18.52,-72.30"}));
    a.write(
        kinds::SITE,
        6,
        &json!({"name": "Refuge", "area": "Sud", "place": "18.5,-72.3", "confidential": true}),
    );
    b.write(
        kinds::TASK,
        7,
        &json!({"title": "Dig", "site": object(5).hex(), "sector": "wash", "status": "open"}),
    );
    b.write(
        kinds::ASSIGNMENT,
        8,
        &json!({"task": object(7).hex(), "volunteer": object(2).hex(), "status": "acknowledged"}),
    );
    a.write(
        kinds::NEED,
        9,
        &json!({"title": "Tents", "sector": "shelter", "area": "Sud", "status": "open"}),
    );
    a.write(
        kinds::NEED,
        10,
        &json!({"title": "Hidden", "sector": "protection", "area": "Sud", "sensitive": true}),
    );
    b.write(
        kinds::NEED,
        11,
        &json!({"title": "Met", "sector": "shelter", "area": "Nord", "status": "met"}),
    );
    b.write(
        kinds::INFORMATION,
        12,
        &json!({"title": "Water", "text": "At the school", "language": "en", "audience": "public"}),
    );
    meet(&mut a, &mut b);
    let of = object(12).hex();
    a.write(
        kinds::INFORMATION,
        13,
        &json!({"title": "Eau", "language": "fr-CA", "translation_of": of, "audience": "public"}),
    );
    b.write(
        kinds::INFORMATION,
        14,
        &json!({"title": "Dlo", "language": "ht", "translation_of": of, "audience": "public"}),
    );
    b.write(
        kinds::INFORMATION,
        15,
        &json!({"title": "Old", "language": "en", "expires": "2020-01-01T00:00:00Z"}),
    );
    a.write(
        kinds::INFORMATION,
        16,
        &json!({"title": "Rules", "language": "en", "pinned": true}),
    );
    meet(&mut a, &mut b);
    b
}

const NOW: Millis = Millis(1_790_000_600_000);

#[test]
fn the_catalogue_names_gaps_and_hides_what_is_confidential() {
    let b = world();
    let cells = places::cells(&b.state);
    let shown: Vec<_> = cells
        .iter()
        .map(|c: &Cell| {
            let counts = [
                c.activities.len(),
                c.tasks.len(),
                c.people.len(),
                c.sites.len(),
                c.needs.len(),
            ];
            (c.area.as_deref(), c.sector.as_deref(), counts, c.is_gap())
        })
        .collect();
    // Of three spellings used once each the first by letters stands.
    assert_eq!(
        shown,
        [
            (Some("BEL AIR"), Some("health"), [0, 0, 0, 1, 0], false),
            (Some("BEL AIR"), Some("wash"), [1, 1, 1, 1, 0], false),
            (Some("Sud"), None, [0, 0, 0, 1, 0], false),
            (Some("Sud"), Some("shelter"), [0, 0, 0, 0, 1], true),
        ]
    );
    let pins: Vec<_> = places::pins(&b.state)
        .into_iter()
        .map(|p| (p.name, p.at, p.tasks, p.people))
        .collect();
    assert_eq!(
        pins,
        [("Camp B".to_owned(), (185_200_000, -723_000_000), 1, 1)]
    );
}

#[test]
fn a_text_knows_its_languages_and_those_it_lacks() {
    let b = world();
    let texts = information::texts(&b.state, NOW);
    let shown: Vec<_> = texts
        .iter()
        .map(|t| {
            (
                t.id.0[0],
                t.public,
                t.pinned,
                t.languages.iter().map(String::as_str).collect::<Vec<_>>(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            (16, false, true, vec!["en"]),
            (12, true, false, vec!["en", "fr-CA", "ht"])
        ]
    );
    let lacks = |tag: &str| texts.iter().filter(|t| t.lacks(tag)).count();
    assert_eq!(
        [
            lacks("fr"),
            lacks("fr-CA"),
            lacks("fr-FR"),
            lacks("en"),
            lacks("ar")
        ],
        [1, 1, 2, 0, 2]
    );
    // What everybody may read stands in the open, and what it replaced there too.
    let classes: Vec<_> = item::sources(&b.state, object(12))
        .iter()
        .map(|s| s.class)
        .collect();
    assert_eq!(classes, [Class::C0; 4]);
}

/// Order, grouping and repetition of what arrives leave no trace in the catalogue.
#[test]
fn the_catalogue_is_the_same_in_every_order() {
    let log = world().log;
    let answers = |s: &State| {
        (
            places::cells(s),
            places::pins(s),
            information::texts(s, NOW),
        )
    };
    let wanted = answers(&replayed(&log, 0));
    assert_eq!((wanted.0.len(), wanted.1.len(), wanted.2.len()), (4, 1, 2));
    for seed in 1..300 {
        assert_eq!(answers(&replayed(&log, seed)), wanted, "seed {seed}");
    }
}
