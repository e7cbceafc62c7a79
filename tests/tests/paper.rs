//! What leaves the screen, by the binary: information and alerts, public bundles, printed pages.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use muster_log::{
    entry::PartBody,
    ids::{Class, IncidentId, Lane},
};
use muster_tests::muster::{Device, Ran};
use serde_json::{Value, json};

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn started(mut device: Device) -> Device {
    device.start();
    device
}

fn gym(root: &Path) -> Device {
    started(Device::found(root, "gym"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn said(device: &Device, arguments: &[&str]) -> String {
    let ran = Ran::of(device.command().env("COLUMNS", "220").args(arguments));
    assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
    ran.out
}

/// Everything one device has, carried to another on a stick.
fn carry(root: &Path, from: &Device, to: &Device) {
    let stick = root.join("stick.muster");
    let path = stick.to_str().unwrap();
    from.ok(["--yes", "bundle", "export", "--out", path]);
    to.ok(["bundle", "import", path]);
}

#[test]
fn alerts_become_pinned_information_and_are_taken_back() {
    let root = scratch();
    let gym = gym(root.path());
    let file = |name: &str| format!("{}/data/alerts/{name}.xml", env!("CARGO_MANIFEST_DIR"));
    let counts = |answer: &Value| {
        ["rows", "imported", "unchanged", "filtered"].map(|n| answer[n].as_u64().unwrap())
    };
    let dry = gym.ok(["import", "alerts", &file("flood"), "--dry-run"]);
    assert_eq!(
        (counts(&dry), &dry["dry_run"]),
        ([2, 2, 0, 0], &json!(true))
    );
    let first = gym.ok(["import", "alerts", &file("flood")]);
    assert_eq!(
        (counts(&first), text(&first["schema"])),
        ([2, 2, 0, 0], "muster.import/1")
    );
    assert_eq!(
        counts(&gym.ok(["import", "alerts", &file("flood")])),
        [2, 0, 2, 0]
    );
    let list = gym.ok(["info", "list"]);
    let titles: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| {
            (
                text(&i["fields"]["title"]),
                i["fields"]["pinned"] == true,
                text(&i["fields"]["audience"]),
            )
        })
        .collect();
    assert_eq!(
        titles,
        [
            ("Alerte aux crues dans la basse vallée", true, "public"),
            ("Flood warning for the lower river", true, "public"),
        ]
    );
    assert_eq!(
        gym.ok(["info", "list", "--missing", "fr"])["items"],
        json!([])
    );
    let gaps = gym.ok(["info", "list", "--missing", "ht"]);
    assert_eq!(gaps["items"][0]["languages"], json!(["en", "fr"]));
    let told = said(&gym, &["--lang", "fr", "info", "list", "--missing", "ht"]);
    assert!(told.contains("Pas encore en ht."), "{told}");
    let broken = gym.ask(["import", "alerts", &file("broken")]);
    assert_eq!(
        (broken.code, text(&broken.json()["error"])),
        (7, "alert-wrong")
    );
    assert_eq!(
        gym.ok(["import", "alerts", &file("cancel")])["taken_back"],
        2
    );
    let again = said(&gym, &["--lang", "fr", "import", "alerts", &file("cancel")]);
    assert!(again.contains("2 textes d’alertes précédentes"), "{again}");
    let test = root.path().join("test.xml");
    let flood = std::fs::read_to_string(file("flood")).unwrap();
    std::fs::write(&test, flood.replace(">Actual<", ">Test<")).unwrap();
    let test = said(&gym, &["import", "alerts", test.to_str().unwrap()]);
    assert!(
        test.contains("2 filtered") && test.contains("not shown as if"),
        "{test}"
    );
    let list = gym.ok(["info", "list"]);
    let pinned = list["items"].as_array().unwrap().iter();
    assert!(
        pinned.clone().count() == 2 && pinned.clone().all(|i| i["fields"]["pinned"] == false),
        "{list}"
    );
}

#[test]
fn a_public_bundle_holds_what_is_public_and_nothing_else() {
    let root = scratch();
    let root = root.path();
    let gym = gym(root);
    let camp = started(gym.admit(root, "camp", "coordinator"));
    let incident = IncidentId::from_hex(text(&gym.ok(["digest"])["incident"])).unwrap();
    gym.ok(["volunteer", "add", "--name", "Ana Exemple"]);
    gym.ok([
        "info",
        "add",
        "--title",
        "Water at the school",
        "--audience",
        "public",
        "--language",
        "en",
    ]);
    gym.ok(["info", "add", "--title", "For members", "--language", "en"]);
    let later = gym.ok(["info", "add", "--title", "Opened later", "--language", "en"]);
    gym.ok(["info", "edit", text(&later["id"]), "--audience", "public"]);
    gym.ok(["need", "report", "Blankets"]);
    let stick = root.join("public.muster");
    let path = stick.to_str().unwrap();
    let out = gym.ok(["bundle", "export", "--public", "--out", path]);
    assert_eq!(out["public"], true);
    let bytes = std::fs::read(&stick).unwrap();
    let holds = |words: &str| bytes.windows(words.len()).any(|w| w == words.as_bytes());
    assert!(holds("Water at the school") && !holds("For members"));
    let mut reader = muster_log::bundle::Reader::default();
    reader.push(&bytes);
    reader.finish();
    let (mut open, mut closed) = (0, 0);
    while let Some(item) = reader.next_item().unwrap() {
        let muster_log::bundle::Item::Run(run) = item else {
            continue;
        };
        let run = muster_log::run::decode(&incident, &run).unwrap();
        assert!(muster_log::chain::verify(&incident, run.clone()).is_ok());
        if run.log.lane == Lane::AUTHORITY {
            continue;
        }
        for entry in &run.entries {
            for (head, body) in entry.header.parts.iter().zip(&entry.parts) {
                match body {
                    PartBody::Absent => closed += 1,
                    PartBody::Stored(_) => {
                        assert_eq!(head.class, Class::C0);
                        open += 1;
                    }
                }
            }
        }
    }
    // The text made public by an edit has a part that empties what members alone could read.
    assert_eq!((open, closed), (2, 1), "only what is public travels");
    camp.ok(["bundle", "import", path]);
    let titles = |d: &Device| -> Vec<String> {
        let list = d.ok(["info", "list"]);
        let items = list["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|i| text(&i["fields"]["title"]).to_owned())
            .collect()
    };
    assert_eq!(titles(&camp), ["Opened later", "Water at the school"]);
    // What was left out comes later, and both are equal.
    carry(root, &gym, &camp);
    let all = ["For members", "Opened later", "Water at the school"];
    assert_eq!(titles(&camp), all);
    let digests = [&gym, &camp].map(|d| d.ok(["digest"])["state"].clone());
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn every_form_is_one_page_in_both_languages_and_fetches_nothing() {
    let root = scratch();
    let gym = gym(root.path());
    let id = |answer: &Value| text(&answer["id"]).to_owned();
    let ana = id(&gym.ok([
        "volunteer",
        "add",
        "--name",
        "Ana <Exemple>",
        "--badge",
        "B-7",
        "--phone",
        "+999 555 0100",
    ]));
    let hall = id(&gym.ok(["site", "add", "--name", "Hall"]));
    let when = ["--from", "2030-01-01T08:00", "--to", "2030-01-01T12:00"];
    let task = [
        "task",
        "add",
        "--title",
        "Carry water",
        "--site",
        &hall,
        "--instructions",
        "Lift with your knees",
    ];
    gym.ok(task.into_iter().chain(when));
    let slip = id(&gym.ok(["assign", "T-GYM-1", &ana]));
    gym.ok(["checkin", &ana, "--site", &hall, "--at", "2030-01-01T08:05"]);
    gym.ok(["checkout", &ana, "--at", "2030-01-01T12:35"]);
    gym.ok(["operator", "Lina"]);
    gym.ok(["note", "River is rising", "--about", "T-GYM-1"]);
    let notice = id(&gym.ok(["say", "Boil the water", "--language", "en"]));
    gym.ok([
        "say",
        "Faites bouillir l’eau",
        "--language",
        "fr",
        "--translation-of",
        &notice,
    ]);
    for (form, of, wanted) in [
        (
            "ics204",
            "T-GYM-1",
            vec![
                "Carry water",
                "Ana &lt;Exemple&gt;",
                "Lift with your knees",
                "Supervisor",
                "Responsable",
            ],
        ),
        (
            "ics211",
            "hall",
            vec![
                "Ana &lt;Exemple&gt;",
                "2030-01-01 08:05",
                "Check-in location",
                "Lieu de pointage",
            ],
        ),
        (
            "ics214",
            "T-GYM-1",
            vec![
                "River is rising",
                "Lina",
                "Activity log",
                "Journal d’activité",
            ],
        ),
        (
            "roster",
            "",
            vec![
                "Ana &lt;Exemple&gt;",
                "+999 555 0100",
                "B-7",
                "Registered",
                "Inscrit",
            ],
        ),
        ("slip", &slip, vec!["Carry water", "I accept", "J’accepte"]),
        (
            "badge",
            "ana <exemple>",
            vec!["Ana &lt;Exemple&gt;", "B-7", "Test flood"],
        ),
        (
            "notice",
            &notice,
            vec![
                "lang=\"en\" dir=\"auto\"><p>Boil the water",
                "lang=\"fr\" dir=\"auto\"><p>Faites bouillir",
            ],
        ),
        (
            "attestation",
            &ana,
            vec![
                "4\u{a0}h\u{a0}30",
                "Attestation of volunteer hours",
                "Attestation d’heures",
            ],
        ),
    ] {
        let file = root.path().join(format!("{form}.html"));
        let file = file.to_str().unwrap();
        let of: Vec<&str> = Some(of).filter(|o| !o.is_empty()).into_iter().collect();
        let verb = [&["print", form][..], &of, &["--out", file]].concat();
        let answer = gym.ok(&verb);
        assert_eq!(
            (text(&answer["schema"]), text(&answer["file"])),
            ("muster.print/1", file)
        );
        let page = std::fs::read_to_string(file).unwrap();
        for part in wanted {
            assert!(page.contains(part), "{form}: {part}: {page}");
        }
        // A label that has no sentence shows itself in these brackets.
        assert!(
            page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">") && !page.contains('⟨'),
            "{page}"
        );
        for fetched in ["http", "src=", "url(", "<script", "<link", "@import"] {
            assert!(!page.contains(fetched), "{form}: {fetched}");
        }
        let html = said(&gym, &[&["--lang", "fr", "print", form][..], &of].concat());
        assert!(
            html.starts_with("<!DOCTYPE html>\n<html lang=\"fr\">"),
            "{html}"
        );
    }
    assert_eq!(gym.ask(["print", "badge"]).code, 2);
    let notes = gym.ok(["note", "list"]);
    let note = &notes["items"][0]["fields"];
    assert_eq!(
        (&note["by"], note["time"].is_string()),
        (&json!("Lina"), true)
    );
}
