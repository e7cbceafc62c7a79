//! The day's verbs by the binary: forum, calendar, catalogue, in both languages.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use muster_log::ids::{AudienceTag, IncidentId};
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

/// Text without ids, which differ from run to run, and without the table's padding.
fn masked(out: &str) -> String {
    let is_id = |inside: &str| {
        (4..9).contains(&inside.len()) && inside.bytes().all(|b| b.is_ascii_hexdigit())
    };
    let line = |line: &str| {
        let mut kept = String::new();
        for (at, piece) in line.split('(').enumerate() {
            match piece.split_once(')') {
                Some((inside, rest)) if at > 0 && is_id(inside) => kept.push_str(rest),
                _ if at > 0 => kept.extend(["(", piece]),
                _ => kept.push_str(piece),
            }
        }
        kept.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    out.lines().map(line).collect::<Vec<_>>().join("\n")
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

fn texts(answer: &Value) -> Vec<&str> {
    let items = answer["items"].as_array().into_iter().flatten();
    items.map(|m| text(&m["text"])).collect()
}

#[test]
fn what_is_said_waits_until_it_was_read_and_the_others_learn_that_it_was() {
    let root = scratch();
    let root = root.path();
    let gym = gym(root);
    let person = gym.ok(["volunteer", "add", "--name", "Ana Exemple"]);
    let person = text(&person["id"]).to_owned();
    let ana = started(gym.admit_with(root, "ana", "volunteer", &["--person", &person]));
    let lead = started(gym.admit(root, "lead", "lead"));

    let notice = gym.ok([
        "say",
        "Storm at six",
        "--pin",
        "--priority",
        "urgent",
        "--language",
        "en",
    ]);
    assert_eq!(notice["schema"], "muster.say/1");
    assert_eq!(
        (&notice["urgency"], &notice["tagged"]),
        (&json!(3), &json!(false))
    );
    let id = text(&notice["id"]);
    gym.ok([
        "say",
        "Orage à six heures",
        "--translation-of",
        id,
        "--language",
        "fr",
    ]);
    let leads = gym.ok([
        "say",
        "Leads to the desk",
        "--to",
        "lead",
        "--thread",
        "Desk",
    ]);
    assert_eq!(
        (&leads["tagged"], &leads["to"]["role"]),
        (&json!(true), &json!("lead"))
    );
    gym.ok(["say", "Bread at noon", "--thread", "Food"]);
    gym.ok(["say", "Over already", "--expires", "2020-01-01T00:00"]);
    carry(root, &gym, &ana);
    carry(root, &gym, &lead);

    assert_eq!(ana.ok(["status"])["unread"], 2);
    assert_eq!(lead.ok(["status"])["unread"], 3);
    assert_eq!(gym.ok(["status"])["unread"], 0);
    // In French where there is French; the rest as it was said.
    let shown = said(&ana, &["--lang", "fr", "read", "--silent"]);
    assert!(shown.starts_with("[Épinglé] [Urgente] gym, "), "{shown}");
    assert!(shown.contains("\nOrage à six heures\n"), "{shown}");
    let before = ana.ok(["status"])["entries"].as_u64().unwrap();
    let read = ana.ok(["read"]);
    assert_eq!(texts(&read), ["Storm at six", "Bread at noon"]);
    assert_eq!(read["receipts"], 2);
    let entries = || ana.ok(["status"])["entries"].as_u64().unwrap();
    assert_eq!(entries(), before + 1, "one entry for all that was shown");
    // A notice stays; that it was seen is not said twice.
    assert_eq!(texts(&ana.ok(["read"])), ["Storm at six"]);
    ana.ok(["read", "food"]);
    assert_eq!(entries(), before + 1);
}

#[test]
fn a_thread_answers_by_its_name_and_says_who_has_seen_it() {
    let root = scratch();
    let root = root.path();
    let gym = gym(root);
    let camp = started(gym.admit(root, "camp", "coordinator"));
    let first = gym.ok([
        "say",
        "Is there bread?",
        "--thread",
        "Pain & eau",
        "--language",
        "en",
    ]);
    carry(root, &gym, &camp);
    let answer = camp.ok(["say", "At noon", "--reply-to", text(&first["id"])]);
    assert_eq!(answer["thread"], "Pain & eau");
    camp.ok(["read", "pain & EAU"]);
    carry(root, &camp, &gym);
    let thread = gym.ok(["read", "Pain & eau"]);
    assert_eq!(texts(&thread), ["Is there bread?", "At noon"]);
    assert_eq!(thread["items"][0]["seen_on"][0]["label"], "camp");
    let threads = gym.ok(["threads"]);
    assert_eq!(threads["schema"], "muster.threads/1");
    let items: Vec<_> = threads["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| (text(&t["thread"]), &t["messages"], &t["unread"]))
        .collect();
    assert_eq!(items, [("Pain & eau", &json!(2), &json!(0))]);
    let shown = said(&camp, &["--lang", "fr", "--plain", "threads"]);
    assert!(
        shown.starts_with(
            "Fil\u{a0}: Pain & eau\nPour\u{a0}: tous\nNon lus\u{a0}: 0\nMessages\u{a0}: 2\n"
        ),
        "{shown}"
    );
    assert_eq!(gym.ask(["read", "Nothing"]).code, 4);
}

/// The headers of a device's own data log, with their parts.
fn headers(device: &Device, incident: &IncidentId) -> Vec<muster_log::entry::Entry> {
    let mut door = device.door();
    let plan = door.ok(&json!({ "verb": "bundle-plan" }));
    let stretches = plan["stretches"].as_array().unwrap();
    let data = stretches.iter().filter(|s| s["lane"] == 1);
    let mut out = Vec::new();
    for s in data {
        let ask = json!({ "verb": "runs", "log": s["log"], "from": s["from"], "to": s["to"] });
        for run in door.ok(&ask)["runs"].as_array().unwrap() {
            let bytes = hex::decode(text(run)).unwrap();
            out.extend(muster_log::run::decode(incident, &bytes).unwrap().entries);
        }
    }
    out
}

#[test]
fn a_header_says_how_pressing_and_for_whom_and_a_persons_text_is_sealed_for_few() {
    let root = scratch();
    let root = root.path();
    let gym = gym(root);
    let incident = gym.ok(["digest"]);
    let incident = IncidentId::from_hex(text(&incident["incident"])).unwrap();
    let person = gym.ok(["volunteer", "add", "--name", "Ana Exemple"]);
    gym.ok(["say", "all", "--priority", "low"]);
    gym.ok(["say", "leads", "--to", "lead", "--priority", "high"]);
    gym.ok([
        "say",
        "for Ana",
        "--to",
        "ana exemple",
        "--priority",
        "urgent",
    ]);
    let all = headers(&gym, &incident);
    let last: Vec<_> = all
        .iter()
        .skip(1)
        .map(|e| {
            let classes = e.header.parts.iter().map(|p| p.class.0);
            (
                e.header.urgency,
                e.header.audience == AudienceTag::ZERO,
                classes.collect::<Vec<_>>(),
            )
        })
        .collect();
    // Ana has no device yet, so that there is nobody to tag.
    assert_eq!(
        last,
        [
            (1, true, vec![1]),
            (2, false, vec![1]),
            (3, true, vec![1, 2])
        ]
    );
    let _device = gym.admit_with(root, "ana", "volunteer", &["--person", text(&person["id"])]);
    let said = gym.ok(["say", "again", "--to", text(&person["id"])]);
    assert_eq!(said["tagged"], true);
}

#[test]
fn an_agenda_is_read_in_both_languages() {
    let root = scratch();
    let gym = gym(root.path());
    let ana = gym.ok(["volunteer", "add", "--name", "Ana Exemple"]);
    let ana = text(&ana["id"]).to_owned();
    let hall = gym.ok(["site", "add", "--name", "Hall"]);
    let hall = text(&hall["id"]).to_owned();
    let day = |time: &str| format!("2030-01-01T{time}");
    let (eight, noon) = (day("08:00"), day("12:00"));
    let task = [
        "task",
        "add",
        "--title",
        "Carry water",
        "--site",
        &hall,
        "--from",
        &eight,
        "--to",
        &noon,
    ];
    gym.ok(task);
    gym.ok(["assign", "T-GYM-1", &ana]);
    let (eleven, one) = (day("11:00"), day("13:00"));
    let training = [
        "event",
        "add",
        "--title",
        "First aid",
        "--kind",
        "training",
        "--people",
        &ana,
        "--site",
        &hall,
    ];
    gym.ok(training
        .into_iter()
        .chain(["--from", &eleven, "--to", &one]));
    let briefing = [
        "event",
        "add",
        "--title",
        "Briefing",
        "--kind",
        "briefing",
        "--from",
        "2029-12-30T07:00",
    ];
    gym.ok(briefing
        .into_iter()
        .chain(["--repeats", "daily", "--until", "2030-01-01T23:00"]));
    let window = ["--from", "2030-01-01T00:00", "--to", "2030-01-03T00:00"];
    let ask = |lang: &str| {
        let verb = ["--lang", lang, "agenda", "ana exemple"];
        masked(&said(&gym, &[&verb[..], &window[..]].concat()))
    };
    assert_eq!(
        ask("en"),
        "Agenda of Ana Exemple , 2030-01-01 00:00 to 2030-01-03 00:00\n\n\
         When What Where Expected Came Remark\n\
         2030-01-01 07:00 Briefing , Briefing\n\
         2030-01-01 08:00–12:00 Carry water (T-GYM-1), Offered Hall Ana Exemple Overlaps First aid .\n\
         2030-01-01 11:00–13:00 First aid , Training Hall Ana Exemple Overlaps Carry water (T-GYM-1).\n\n\
         \"Came\" counts the people expected who checked in meanwhile. Overlaps are of the same person; back to back is none."
    );
    assert_eq!(
        ask("fr"),
        "Agenda de Ana Exemple , du 01/01/2030 00:00 au 03/01/2030 00:00\n\n\
         Quand Quoi Où Attendus Venus Remarque\n\
         01/01/2030 07:00 Briefing , Point de situation\n\
         01/01/2030 08:00–12:00 Carry water (T-GYM-1), Proposée Hall Ana Exemple Chevauche First aid .\n\
         01/01/2030 11:00–13:00 First aid , Formation Hall Ana Exemple Chevauche Carry water (T-GYM-1).\n\n\
         « Venus » compte les personnes attendues qui ont pointé entre-temps. Un chevauchement est celui d’une même personne ; bout à bout n’en est pas un."
    );
    let wrong = [
        "event",
        "add",
        "--title",
        "x",
        "--from",
        "2030-01-01T08:00",
        "--rule",
        "FREQ=SECONDLY",
    ];
    assert_eq!(gym.ask(wrong).code, 7);
    let backwards = [
        "event",
        "add",
        "--title",
        "x",
        "--from",
        "2030-01-01T08:00",
        "--to",
        "2030-01-01T07:00",
    ];
    assert_eq!(gym.ask(backwards).code, 7);
}

#[test]
fn who_does_what_where_names_the_gaps_and_draws_the_sites() {
    let root = scratch();
    let gym = gym(root.path());
    let org = gym.ok(["organisation", "add", "--name", "Invented Relief"]);
    let org = text(&org["id"]).to_owned();
    gym.ok([
        "activity",
        "add",
        "--organisation",
        &org,
        "--sector",
        "wash",
        "--activity",
        "Latrines",
        "--area",
        "Nord",
        "--status",
        "ongoing",
    ]);
    gym.ok([
        "need", "report", "Water", "--sector", "wash", "--area", "nord",
    ]);
    gym.ok([
        "need", "report", "Tents", "--sector", "shelter", "--area", "Sud",
    ]);
    gym.ok([
        "need",
        "report",
        "Secret",
        "--sector",
        "protection",
        "--area",
        "Sud",
        "--sensitive",
        "yes",
    ]);
    gym.ok([
        "site",
        "add",
        "--name",
        "École <A>",
        "--kind",
        "shelter",
        "--place",
        "18.50,-72.30",
    ]);
    gym.ok([
        "site",
        "add",
        "--name",
        "Camp B",
        "--kind",
        "camp",
        "--place",
        "18.52,-72.30",
    ]);
    gym.ok([
        "site",
        "add",
        "--name",
        "Refuge",
        "--kind",
        "shelter",
        "--place",
        "18.51,-72.30",
        "--confidential",
        "yes",
    ]);
    let map = root.path().join("map.svg");
    let answer = gym.ok(["where", "--svg", map.to_str().unwrap()]);
    assert_eq!(answer["schema"], "muster.where/1");
    let cells: Vec<_> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| {
            (
                text(&c["area"]),
                text(&c["sector"]),
                &c["needs"],
                c["gap"] == true,
            )
        })
        .collect();
    assert_eq!(
        cells,
        [
            ("", "", &json!(0), false),
            ("Nord", "wash", &json!(1), false),
            ("Sud", "shelter", &json!(1), true),
        ]
    );
    assert_eq!(answer["gaps"], 1);
    let svg = std::fs::read_to_string(&map).unwrap();
    for part in [
        "<title id=\"t\">Sites</title>",
        "École &lt;A&gt;",
        "Camp B",
        ">500 m</text>",
        "role=\"img\"",
    ] {
        assert!(svg.contains(part), "{part}: {svg}");
    }
    assert!(!svg.contains("Refuge"), "{svg}");
    assert_eq!(gym.ask(["where", "--svg", map.to_str().unwrap()]).code, 7);
    let shown = masked(&said(&gym, &["--lang", "fr", "where", "--area", "sud"]));
    assert!(shown.starts_with("Zone Secteur Qui Fait Missions Personnes Sites Besoins ouverts Remarque\nSud Abris 1 manque\n\nUn manque"), "{shown}");
}
