//! The command contract: verbs, JSON, exit codes and files, by the binary with real daemons.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use muster_model::table::{FieldType, KINDS, Kind};
use muster_tests::muster::{Device, Ran, command, muster, until};
use serde_json::{Value, json};

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A founder with a running daemon and no network.
fn gym(root: &Path) -> Device {
    let mut device = Device::found(root, "gym");
    device.start();
    device
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn is_hex(value: &Value, digits: usize) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn members(value: &Value) -> BTreeSet<&str> {
    let object = value.as_object();
    object
        .into_iter()
        .flatten()
        .map(|(k, _)| k.as_str())
        .collect()
}

/// A refusal: this exit code, nothing on stdout in text, one object with `error` in JSON.
#[track_caller]
fn refused(device: &Device, code: i32, arguments: &[&str]) -> Value {
    let ran = device.run(arguments);
    assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
    assert_eq!(ran.out, "", "{arguments:?}: nothing but data on stdout");
    assert!(ran.err.len() > 10, "{arguments:?}: a reason");
    let ran = device.ask(arguments);
    assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
    if code == 2 && ran.out.is_empty() {
        // The grammar itself refuses; there is no verb to answer.
        return Value::Null;
    }
    let answer = ran.json();
    assert!(
        answer["schema"].as_str().unwrap().starts_with("muster."),
        "{answer}"
    );
    assert!(answer["error"].is_string(), "{answer}");
    answer
}

#[test]
fn an_incident_is_founded_and_joined_by_two_files() {
    let root = scratch();
    let root = root.path();
    let mut gym = Device::at(root.join("gym"));
    let init = ["init", "--incident", "Test flood", "--device", "gym hall"];
    let founded = gym.ok(init);
    assert_eq!(founded["schema"], "muster.init/1");
    assert!(
        is_hex(&founded["incident"], 64) && is_hex(&founded["device"], 64),
        "{founded}"
    );
    let recovery = PathBuf::from(founded["recovery"]["file"].as_str().unwrap());
    let sealed = std::fs::read_to_string(&recovery).unwrap();
    assert!(
        sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"),
        "{sealed}"
    );
    assert_eq!(mode(&recovery), 0o600);
    let words = founded["recovery"]["passphrase"].as_str().unwrap();
    assert!(words.split('-').count() >= 8, "{words}");
    let again = gym.ask(init);
    assert_eq!(
        (again.code, again.json()["error"].as_str()),
        (7, Some("file-exists"))
    );
    gym.start();

    let camp = Device::at(root.join("camp"));
    let request = root.join("camp.request");
    let answer = root.join("camp.answer");
    let asked = camp.ok(["join", "--request-out", text(&request), "--device", "camp"]);
    assert_eq!(asked["schema"], "muster.join/1");
    assert_eq!(mode(&request), 0o600);
    refused(&camp, 6, &["daemon", "--no-network"]);
    let ask = [
        "admit",
        "--request",
        text(&request),
        "--role",
        "volunteer",
        "--answer-out",
    ];
    let admitted = gym.ok(ask.iter().copied().chain([text(&answer)]));
    assert_eq!(admitted["schema"], "muster.admit/1");
    assert_eq!(admitted["role"], "volunteer");
    assert_eq!(mode(&answer), 0o600);

    // The answer is for this device and no other.
    let other = Device::at(root.join("other"));
    let other_request = root.join("other.request");
    other.ok([
        "join",
        "--request-out",
        text(&other_request),
        "--device",
        "other",
    ]);
    refused(&other, 7, &["join", "--answer", text(&answer)]);
    let joined = camp.ok(["join", "--answer", text(&answer)]);
    assert_eq!(joined["incident"], founded["incident"]);
    assert_eq!(
        (&joined["schema"], &joined["name"]),
        (&json!("muster.join/1"), &json!("Test flood"))
    );
    refused(&camp, 7, &["join", "--answer", text(&answer)]);
    let mut camp = camp;
    camp.start();
    let devices = camp.ok(["devices"]);
    let rows: Vec<_> = devices["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| {
            assert!(is_hex(&d["id"], 64), "{d}");
            (
                d["label"].as_str().unwrap(),
                d["role"].as_str().unwrap(),
                d["self"] == true,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [("gym hall", "hq", false), ("camp", "volunteer", true)]
    );
    let spoilt = root.join("spoilt.answer");
    let bytes = std::fs::read(&answer).unwrap();
    std::fs::write(&spoilt, &bytes[..bytes.len() / 2]).unwrap();
    refused(&other, 7, &["join", "--answer", text(&spoilt)]);
    // A volunteer admits nobody.
    let refusal = root.join("refused.answer");
    let ask = [
        "admit",
        "--request",
        text(&other_request),
        "--role",
        "relay",
        "--answer-out",
    ];
    let ask: Vec<_> = ask.into_iter().chain([text(&refusal)]).collect();
    assert_eq!(refused(&camp, 6, &ask)["error"], "role-not-permitted");
    assert!(!refusal.exists());
}

/// What differs between kinds: a text field to begin with.
fn first_text(kind: &Kind) -> Option<&'static str> {
    let field = kind
        .fields
        .iter()
        .find(|f| matches!(f.ty, FieldType::Text | FieldType::LongText) && f.group.is_none());
    field.map(|f| f.name)
}

fn verb(kind: &Kind) -> &'static str {
    match kind.name {
        "check-in" => "attendance",
        "information" => "info",
        name => name,
    }
}

#[test]
fn every_kind_is_added_listed_shown_and_edited() {
    let root = scratch();
    let gym = gym(root.path());
    for kind in KINDS {
        let verb = verb(kind);
        let Some(field) = first_text(kind) else {
            panic!("{verb} has no text");
        };
        let made = gym.ok([verb, "add", "--set", &format!("{field}=Alpha one")]);
        assert_eq!(made["schema"], format!("muster.{verb}.add/1"));
        assert!(is_hex(&made["id"], 32), "{made}");
        assert_eq!(made["number"].is_string(), kind.prefix.is_some(), "{made}");
        gym.ok([verb, "add", "--set", &format!("{field}=Beta two")]);
        let list = gym.ok([verb, "list"]);
        assert_eq!(list["schema"], format!("muster.{verb}.list/1"));
        let items = list["items"].as_array().unwrap();
        assert_eq!(items.len(), 2, "{list}");
        for item in items {
            for name in ["id", "number", "kind", "fields", "contested"] {
                assert!(item.get(name).is_some(), "{verb}: {name} in {item}");
            }
            assert_eq!(item["kind"], kind.name);
            assert!(
                item["fields"].is_object() && item["contested"] == json!([]),
                "{item}"
            );
        }
        let id = made["id"].as_str().unwrap();
        let mut ways = vec![
            id.to_owned(),
            made["short"].as_str().unwrap().to_owned(),
            id[..10].to_owned(),
        ];
        ways.extend(made["number"].as_str().map(str::to_owned));
        ways.extend(made["number"].as_str().map(str::to_lowercase));
        for way in ways {
            let shown = gym.ok([verb, "show", &way]);
            assert_eq!(shown["schema"], format!("muster.{verb}.show/1"));
            assert_eq!(shown["item"]["id"], id, "{verb} show {way}");
            assert_eq!(shown["item"]["fields"][field], "Alpha one");
        }
        let edited = gym.ok([verb, "edit", id, "--set", &format!("{field}=Gamma three")]);
        assert_eq!(edited["schema"], format!("muster.{verb}.edit/1"));
        assert_eq!(edited["item"]["fields"][field], "Gamma three");
        refused(&gym, 4, &[verb, "show", "ffffffffffffffffffffffffffffffff"]);
        refused(&gym, 2, &[verb, "edit", id]);
    }
}

#[test]
fn fields_come_by_flag_by_set_and_from_json() {
    let root = scratch();
    let gym = gym(root.path());
    let first = gym.ok([
        "need",
        "add",
        "--title",
        "Water for the gym",
        "--people-affected",
        "40",
        "--sector",
        "wash",
        "--priority",
        "urgent",
    ]);
    assert_eq!(first["number"], "N-GYM-1");
    let second = gym.ok([
        "need",
        "report",
        "Blankets",
        "--set",
        "people_affected=12",
        "--set",
        "flags=unsafe",
    ]);
    assert_eq!(
        (&second["schema"], &second["number"]),
        (&json!("muster.need.report/1"), &json!("N-GYM-2"))
    );
    let mut child = gym
        .command()
        .args(["--json", "need", "add", "--from-json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let body = json!({ "title": "Cots", "people_affected": 7, "sector": "shelter", "flags": ["unsafe", "follow-up"] });
    child
        .stdin
        .take()
        .unwrap()
        .write_all(body.to_string().as_bytes())
        .unwrap();
    let third: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    let shown = gym.ok(["need", "show", third["number"].as_str().unwrap()]);
    let fields = &shown["item"]["fields"];
    assert_eq!(
        (&fields["people_affected"], &fields["sector"]),
        (&json!(7), &json!("shelter"))
    );
    assert_eq!(fields["flags"], json!(["follow-up", "unsafe"]));
    let task = gym.ok([
        "task",
        "for",
        "N-GYM-1",
        "--from",
        "2030-01-01T08:00Z",
        "--to",
        "2030-01-01T12:00Z",
    ]);
    assert_eq!(
        (&task["schema"], &task["number"]),
        (&json!("muster.task.for/1"), &json!("T-GYM-1"))
    );
    let task = gym.ok(["task", "show", "T-GYM-1"]);
    assert_eq!(task["item"]["fields"]["needs"], json!([first["id"]]));
    assert_eq!(task["item"]["fields"]["from"], "2030-01-01T08:00:00Z");

    // Filters: by flag, by --where, by words; pages.
    let numbers = |arguments: &[&str]| -> Vec<String> {
        let list = gym.ok(["need", "list"].iter().chain(arguments));
        let items = list["items"].as_array().unwrap();
        items
            .iter()
            .map(|i| i["number"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(numbers(&["--priority", "urgent"]), ["N-GYM-1"]);
    assert_eq!(numbers(&["--where", "sector=shelter"]), ["N-GYM-3"]);
    assert_eq!(numbers(&["--containing", "blank"]), ["N-GYM-2"]);
    assert_eq!(numbers(&["--priority", "low"]), [""; 0]);
    let page = numbers(&["--limit", "2"]);
    assert_eq!(page.len(), 2);
    let rest = numbers(&["--limit", "2", "--after", &page[1]]);
    let mut all = [page, rest].concat();
    all.sort();
    assert_eq!(all, ["N-GYM-1", "N-GYM-2", "N-GYM-3"]);
    let found = gym.ok(["find", "blankets"]);
    assert_eq!(found["items"][0]["number"], "N-GYM-2");

    // An empty value empties the field.
    gym.ok(["need", "edit", "N-GYM-1", "--set", "sector="]);
    assert!(
        gym.ok(["need", "show", "N-GYM-1"])["item"]["fields"]
            .get("sector")
            .is_none()
    );
    let history = gym.ok(["history", "N-GYM-1"]);
    let changes = history["changes"].as_array().unwrap();
    assert!(
        changes
            .iter()
            .any(|c| c["field"] == "sector" && c["value"] == "wash"),
        "{history}"
    );
    assert_eq!(
        refused(
            &gym,
            7,
            &["need", "edit", "N-GYM-1", "--people-affected", "-4"]
        )["error"],
        "bad-value"
    );
    assert_eq!(
        refused(&gym, 2, &["need", "edit", "N-GYM-1", "--set", "colour=red"])["error"],
        "no-such-field"
    );
    assert_eq!(
        refused(&gym, 7, &["need", "add", "--from-json", "/dev/null"])["error"],
        "json-wrong"
    );
}

/// Codes and labels of both languages, with and without accents, are one value.
#[test]
fn values_are_taken_as_code_or_label_in_either_language() {
    let root = scratch();
    let gym = gym(root.path());
    for (given, code) in [
        ("urgent", "urgent"),
        ("Urgent", "urgent"),
        ("Urgente", "urgent"),
        ("HAUTE", "high"),
        ("Basse", "low"),
    ] {
        let made = gym.ok(["need", "add", "--title", "x", "--priority", given]);
        let shown = gym.ok(["need", "show", made["number"].as_str().unwrap()]);
        assert_eq!(shown["item"]["fields"]["priority"], code, "{given}");
    }
    for (given, code) in [
        ("Sécurité alimentaire", "food-security"),
        ("securite alimentaire", "food-security"),
        ("Food security", "food-security"),
        ("Santé", "health"),
        ("sante", "health"),
    ] {
        let made = gym.ok(["need", "add", "--title", "x", "--sector", given]);
        let shown = gym.ok(["need", "show", made["number"].as_str().unwrap()]);
        assert_eq!(shown["item"]["fields"]["sector"], code, "{given}");
    }
    // Fields by their label, too.
    let made = gym.ok([
        "need",
        "add",
        "--set",
        "Titre=Eau",
        "--set",
        "Personnes concernées=5",
        "--set",
        "Priorite=basse",
    ]);
    let shown = gym.ok(["need", "show", made["number"].as_str().unwrap()]);
    let fields = &shown["item"]["fields"];
    assert_eq!(
        (
            &fields["title"],
            &fields["people_affected"],
            &fields["priority"]
        ),
        (&json!("Eau"), &json!(5), &json!("low"))
    );
    // JSON stays what it is in any language.
    assert_eq!(
        gym.ok(["--lang", "fr", "need", "list"]),
        gym.ok(["--lang", "en", "need", "list"])
    );
}

#[test]
fn french_is_spoken_where_it_is_asked_for() {
    let root = scratch();
    let gym = gym(root.path());
    gym.ok([
        "need",
        "add",
        "--title",
        "Eau",
        "--priority",
        "urgent",
        "--people-affected",
        "1234",
    ]);
    let french = gym.run(["--lang", "fr", "need", "list"]);
    assert!(
        french.out.contains("Urgente") && !french.out.contains("Urgent "),
        "{french:?}"
    );
    let english = gym.run(["--lang", "en", "need", "list"]);
    assert!(
        english.out.contains("Urgent") && !english.out.contains("Urgente"),
        "{english:?}"
    );
    let missing = gym.run(["--lang", "fr", "need", "show", "N-GYM-9"]);
    assert_eq!((missing.code, missing.out.as_str()), (4, ""));
    assert!(
        missing.err.contains("aucun") && missing.err.contains("muster find"),
        "{missing:?}"
    );
    let mut by_locale = gym.command();
    by_locale
        .args(["need", "show", "N-GYM-9"])
        .env("LANG", "fr_CA.UTF-8");
    assert_eq!(
        Ran::of(&mut by_locale).err,
        missing.err,
        "the locale says French"
    );
    for arguments in [
        vec!["--help"],
        vec!["need", "add", "--help"],
        vec!["status"],
        vec!["doctor"],
        vec!["digest"],
        vec!["conflicts"],
        vec!["peers"],
    ] {
        let [fr, en] = ["fr", "en"].map(|lang| {
            let ran = gym.run(["--lang", lang].iter().chain(&arguments));
            assert_eq!(ran.code, 0, "{ran:?}");
            ran.out
        });
        assert_ne!(fr, en, "{arguments:?}");
    }
    let shown = gym.run(["--lang", "fr", "need", "show", "N-GYM-1"]);
    assert!(
        shown
            .out
            .contains("Personnes concernées\u{a0}: 1\u{202f}234"),
        "{shown:?}"
    );
    let english = gym.run(["--lang", "en", "need", "show", "N-GYM-1"]);
    assert!(english.out.contains("People affected: 1234"), "{english:?}");
}

#[test]
fn each_exit_code_is_for_its_reason() {
    let root = scratch();
    let root = root.path();
    let mut gym = gym(root);
    // 0 and 2.
    assert_eq!(gym.run(["status"]).code, 0);
    assert_eq!(muster(["--version"]).code, 0);
    assert_eq!(muster(["--help"]).code, 0);
    for usage in [
        &["nonsense"][..],
        &["need"],
        &["need", "add", "--no-such-field", "1"],
        &["assign"],
        &["init"],
    ] {
        refused(&gym, 2, usage);
    }
    assert_eq!(
        refused(&gym, 2, &["need", "add"])["error"],
        "nothing-to-add"
    );
    assert_eq!(refused(&gym, 2, &["repair"])["error"], "needs-yes");
    // 1: what cannot be done for reasons of its own.
    assert_eq!(refused(&gym, 1, &["sync"])["error"], "no-network");
    assert_eq!(
        refused(&gym, 1, &["import", "needs", "/no/such/file"])["error"],
        "cannot-read"
    );
    // 4.
    refused(&gym, 4, &["need", "show", "N-GYM-77"]);
    refused(&gym, 4, &["history", "zzz"]);
    refused(&gym, 4, &["settle", "nothing", "--choose", "A"]);
    refused(&gym, 4, &["task", "for", "N-GYM-77"]);
    // 5, and with a reason 0.
    let who = gym.ok([
        "volunteer",
        "add",
        "--name",
        "Ana Exemple",
        "--phone",
        "+999 555 0100",
    ]);
    let who = who["id"].as_str().unwrap();
    for (title, to) in [("Carry water", "12:00Z"), ("Carry cots", "13:00Z")] {
        gym.ok([
            "task",
            "add",
            "--title",
            title,
            "--from",
            "2030-01-01T08:00Z",
            "--to",
            &format!("2030-01-01T{to}"),
        ]);
    }
    let first = gym.ok(["assign", "T-GYM-1", who]);
    assert_eq!(first["schema"], "muster.assign/1");
    let warned = refused(&gym, 5, &["assign", "T-GYM-2", who]);
    assert_eq!(warned["error"], "assignment-warned");
    let reasons = warned["details"]["reasons"].as_array().unwrap();
    assert!(
        reasons.iter().any(|r| r["code"] == "double-booked"),
        "{warned}"
    );
    let told = gym.run(["assign", "T-GYM-2", who]);
    assert!(
        told.err.contains("Carry water"),
        "the other task is named: {told:?}"
    );
    gym.ok([
        "assign",
        "T-GYM-2",
        who,
        "--override",
        "nobody else is left",
    ]);
    // Back to back is no overlap.
    gym.ok([
        "task",
        "add",
        "--title",
        "Rest",
        "--from",
        "2030-01-01T13:00Z",
        "--to",
        "2030-01-01T14:00Z",
    ]);
    let rest = gym.ask(["assign", "T-GYM-3", who]);
    assert_eq!(rest.code, 0, "{rest:?}");
    let assignment = first["id"].as_str().unwrap();
    assert_eq!(
        gym.ok(["offer", "answer", assignment, "accept"])["status"],
        "acknowledged"
    );
    // Twice in is 5.
    gym.ok(["checkin", who]);
    refused(&gym, 5, &["checkin", who]);
    gym.ok(["checkout", who]);
    refused(&gym, 5, &["checkout", who]);
    // 6: a safety rule, without an override; a volunteer on a coordinator's field.
    let child = gym.ok([
        "volunteer",
        "add",
        "--name",
        "Petit Exemple",
        "--minor",
        "yes",
    ]);
    let child = child["id"].as_str().unwrap();
    gym.ok([
        "task",
        "add",
        "--title",
        "Chainsaw",
        "--minors-allowed",
        "no",
    ]);
    refused(&gym, 6, &["assign", "T-GYM-4", child]);
    let mut camp = gym.admit(root, "camp", "volunteer");
    camp.start();
    let own = camp.ok(["need", "add", "--title", "Water"]);
    refused(
        &camp,
        6,
        &[
            "need",
            "edit",
            own["number"].as_str().unwrap(),
            "--closed-as",
            "completed",
        ],
    );
    refused(&camp, 6, &["task", "add", "--title", "Not mine to make"]);
    // 7: input refused in part, and nothing of the refused part stored.
    let file = root.join("needs.csv");
    std::fs::write(&file, "id,title,people_affected\n1,Good,3\n2,Bad,many\n").unwrap();
    let partly = gym.ask(["import", "needs", text(&file)]);
    assert_eq!(partly.code, 7, "{partly:?}");
    let answer = partly.json();
    assert_eq!(
        (&answer["rows"], &answer["imported"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        (
            &answer["refused"][0]["row"],
            &answer["refused"][0]["column"]
        ),
        (&json!(2), &json!("people_affected"))
    );
    refused(
        &gym,
        7,
        &["need", "add", "--title", "x", "--priority", "schnell"],
    );
    // 3, naming the socket and the command that starts it.
    assert_eq!(gym.stop(), Some(0));
    let down = gym.run(["status"]);
    assert_eq!((down.code, down.out.as_str()), (3, ""));
    let socket = gym.dir.join("muster.sock");
    assert!(down.err.contains(text(&socket)), "{down:?}");
    assert!(
        down.err
            .contains(&format!("muster --data {} daemon", text(&gym.dir))),
        "{down:?}"
    );
    assert_eq!(refused(&gym, 3, &["need", "list"])["error"], "no-daemon");
    // 8: nobody to wait for.
    gym.start_by(
        gym.command(),
        &["--no-discovery", "--listen", "/ip4/127.0.0.1/tcp/0"],
    );
    assert_eq!(
        refused(&gym, 8, &["sync", "--wait", "--timeout", "1"])["error"],
        "nobody-met"
    );
    assert_eq!(gym.stop(), Some(0));
}

/// Two devices, a stick between them: both values of a contested field on both, one settles.
#[test]
fn contested_values_are_listed_alike_and_settled() {
    let root = scratch();
    let root = root.path();
    let mut gym = gym(root);
    let mut camp = gym.admit(root, "camp", "coordinator");
    camp.start();
    let stick = |from: &Device, to: &Device, name: &str| {
        let file = root.join(name);
        let out = from.ok(["bundle", "export", "--out", text(&file)]);
        assert_eq!(
            members(&out),
            ["bytes", "entries", "logs", "out", "public", "schema"].into()
        );
        to.ok(["bundle", "import", text(&file)])
    };
    let need = gym.ok(["need", "add", "--title", "Water", "--priority", "normal"]);
    let need = need["id"].as_str().unwrap();
    stick(&gym, &camp, "1.muster");
    gym.ok(["need", "edit", need, "--priority", "urgent"]);
    camp.ok(["need", "edit", need, "--priority", "low"]);
    assert!(stick(&gym, &camp, "2.muster")["entries_new"].as_u64() > Some(0));
    stick(&camp, &gym, "3.muster");
    let again = gym.ok(["bundle", "import", text(&root.join("3.muster"))]);
    assert_eq!(again["entries_new"], 0, "importing again imports nothing");
    let digests = [&gym, &camp].map(|d| {
        let digest = d.ok(["digest"]);
        assert_eq!(
            members(&digest),
            [
                "entries", "frontier", "incident", "readable", "schema", "state"
            ]
            .into()
        );
        (
            digest["entries"].clone(),
            digest["frontier"].clone(),
            digest["state"].clone(),
        )
    });
    assert_eq!(digests[0], digests[1]);

    let item = camp.ok(["need", "list"])["items"][0].clone();
    assert_eq!(item["contested"], json!(["priority"]));
    let [here, there] = [&gym, &camp].map(|d| d.ok(["conflicts"])["items"].clone());
    assert_eq!(here.as_array().unwrap().len(), 1);
    let conflict = &here[0];
    assert_eq!(
        (&conflict["what"], &conflict["field"]),
        (&json!("contested"), &json!("priority"))
    );
    assert_eq!(
        (&conflict["id"], &conflict["object"]),
        (&there[0]["id"], &json!(need))
    );
    assert_eq!(conflict["provisional"], there[0]["provisional"]);
    assert_eq!(
        conflict["values"], there[0]["values"],
        "the same letters on both"
    );
    let values = conflict["values"].as_array().unwrap();
    assert_eq!(values.len(), 2);
    for value in values {
        for name in ["value", "device", "claimed", "entry"] {
            assert!(value[name].is_string(), "{name} in {value}");
        }
    }
    let text_form = gym.run(["conflicts"]);
    assert!(
        text_form.out.contains("gym") && text_form.out.contains("camp"),
        "who said it: {text_form:?}"
    );
    let id = conflict["id"].as_str().unwrap();
    refused(&gym, 2, &["settle", id, "--choose", "Q"]);
    let settled = camp.ok(["settle", id, "--choose", "B"]);
    assert_eq!(settled["schema"], "muster.settle/1");
    stick(&camp, &gym, "4.muster");
    assert_eq!(gym.ok(["conflicts"])["items"], json!([]));
    let after = gym.ok(["need", "show", need])["item"].clone();
    assert_eq!(
        (&after["fields"]["priority"], &after["contested"]),
        (&values[1]["value"], &json!([]))
    );
    let [a, b] = [&gym, &camp].map(|d| d.digest());
    assert_eq!((&a["state"], &a["frontier"]), (&b["state"], &b["frontier"]));

    let inspected = gym.ok(["bundle", "inspect", text(&root.join("4.muster"))]);
    assert_eq!(
        (&inspected["complete"], &inspected["unverified_runs"]),
        (&json!(true), &json!(0))
    );
    let verified = gym.ok(["verify"]);
    assert_eq!(
        (&verified["damage"], &verified["refused"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(verified["entries"], a["entries"]);
    assert_eq!(gym.stop(), Some(0));
    let path = gym.dir.clone();
    let without = gym.ok(["verify", text(&path)]);
    assert_eq!(
        without["entries"], a["entries"],
        "without the daemon as well"
    );
}

/// Two devices that were given one code on two islands: each number names two needs.
#[test]
fn a_number_that_two_devices_gave_is_ambiguous() {
    let root = scratch();
    let root = root.path();
    let gym = gym(root);
    let mut camp = gym.admit(root, "camp", "coordinator");
    camp.start();
    // Where the code is known to be taken, the next one gets another.
    let twin = gym.admit(root, "gymnasium", "volunteer");
    assert_eq!(gym.ok(["devices"])["items"][2]["code"], "GYMN");
    drop(twin);
    let ids: Vec<_> = [(&gym, "tent one"), (&camp, "tent two")]
        .map(|(admitting, label)| {
            let mut tent = admitting.admit(root, label, "coordinator");
            tent.start();
            let made = tent.ok(["need", "report", "Water"]);
            assert_eq!(made["number"], "N-TENT-1");
            let file = root.join(format!("{label}.muster"));
            tent.ok(["bundle", "export", "--out", text(&file)]);
            gym.ok(["bundle", "import", text(&file)]);
            made["id"].clone()
        })
        .into();
    let both = refused(&gym, 4, &["need", "show", "N-TENT-1"]);
    assert_eq!(both["error"], "ambiguous");
    let listed: BTreeSet<_> = both["details"]["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["id"].to_string())
        .collect();
    assert_eq!(listed, ids.iter().map(Value::to_string).collect());
    // The short forms that the answer gives do work.
    for candidate in both["details"]["candidates"].as_array().unwrap() {
        let shown = gym.ok(["need", "show", candidate["short"].as_str().unwrap()]);
        assert_eq!(shown["item"]["id"], candidate["id"]);
    }
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o7777
}

fn walk(dir: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        visit(&entry.path());
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), visit);
        }
    }
}

#[test]
fn a_daemon_holds_its_directory_alone_and_stops_cleanly() {
    let root = scratch();
    let mut gym = gym(root.path());
    for n in 0..20 {
        gym.door().add("need", &[("title", &format!("need {n}"))]);
    }
    let second = refused(&gym, 1, &["daemon", "--no-network"]);
    assert_eq!(second["error"], "data-locked");
    let said = gym.run(["daemon", "--no-network"]);
    assert!(
        said.err.contains(&gym.pid().to_string()),
        "the first one's pid: {said:?}"
    );
    assert_eq!(gym.run(["status"]).code, 0, "the first one does not mind");

    let socket = gym.dir.join("muster.sock");
    assert!(socket.symlink_metadata().unwrap().file_type().is_socket());
    assert_eq!(mode(&socket), 0o600);
    let check = |when: &str| {
        let mut wrong = Vec::new();
        assert_eq!(mode(&gym.dir), 0o700);
        walk(&gym.dir, &mut |path| {
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            if mode(path) != expected {
                wrong.push(format!("{} {:o}", path.display(), mode(path)));
            }
        });
        assert!(wrong.is_empty(), "{when}: {wrong:#?}");
    };
    check("running");
    let before = gym.digest();
    assert_eq!(gym.stop(), Some(0), "SIGTERM");
    assert!(!socket.exists());
    let check_pid = std::fs::read_to_string(gym.dir.with_extension("log")).unwrap();
    assert!(!check_pid.contains("ERROR"), "{check_pid}");
    gym.start();
    assert_eq!(gym.digest(), before);
    let stopping = gym.ok(["stop"]);
    assert_eq!(stopping["schema"], "muster.stop/1");
    let ended = gym.take_daemon().wait().unwrap();
    assert_eq!(ended.code(), Some(0));
    gym.start();
    let mut daemon = gym.take_daemon();
    muster_tests::muster::signal(daemon.id(), "INT");
    assert_eq!(daemon.wait().unwrap().code(), Some(0), "Ctrl-C");
}

/// `muster stop && muster daemon` works: when `stop` ends, the directory is free, and the daemon that
/// stops takes nothing of the next one's with it.
#[test]
fn stop_waits_until_the_directory_is_free() {
    let root = scratch();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    for _ in 0..3 {
        for n in 0..20 {
            gym.door().add("need", &[("title", &format!("need {n}"))]);
        }
        // Somebody who watches keeps the door of the old daemon open for a while.
        let mut watch = gym
            .command()
            .args(["--json", "watch"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(200));
        let mut old = gym.take_daemon();
        gym.ok(["stop"]);
        gym.start();
        assert_eq!(old.wait().unwrap().code(), Some(0));
        gym.ok(["status"]);
        let _gone = watch.kill();
        watch.wait().unwrap();
    }
    assert_eq!(gym.stop(), Some(0));
    // Nobody there to stop.
    assert_eq!(gym.run(["stop"]).code, 3);
}

/// With a passphrase, and with a key file: nothing opens without it.
#[test]
fn a_data_directory_opens_with_its_own_key_only() {
    let root = scratch();
    let root = root.path();
    let (pass, wrong, key) = (root.join("pass"), root.join("wrong"), root.join("key"));
    std::fs::write(&pass, "a gym full of cots\n").unwrap();
    std::fs::write(&wrong, "a camp full of tents\n").unwrap();
    let one = Device::at(root.join("one"));
    one.ok([
        "--passphrase-file",
        text(&pass),
        "init",
        "--incident",
        "I",
        "--device",
        "one",
    ]);
    refused(&one, 6, &["daemon", "--no-network"]);
    refused(&one, 6, &["--passphrase-file", text(&wrong), "verify"]);
    let verified = one.ok(["--passphrase-file", text(&pass), "verify"]);
    assert_eq!(verified["entries"], 1);
    let two = Device::at(root.join("two"));
    std::fs::write(&key, "5a".repeat(32)).unwrap();
    two.ok([
        "--key-file",
        text(&key),
        "init",
        "--incident",
        "I",
        "--device",
        "two",
    ]);
    refused(&two, 6, &["verify"]);
    two.ok(["--key-file", text(&key), "verify"]);
    refused(
        &two,
        2,
        &[
            "--key-file",
            text(&key),
            "--passphrase-file",
            text(&pass),
            "verify",
        ],
    );
}

/// Every verb that answers, with its schema and what must be in it.
#[test]
fn every_answer_names_its_schema_and_stdout_holds_data_only() {
    let root = scratch();
    let root = root.path();
    let gym = gym(root);
    gym.ok([
        "need",
        "add",
        "--title",
        "Water \u{1b}[31mred",
        "--priority",
        "urgent",
    ]);
    gym.ok(["volunteer", "add", "--name", "Ana Exemple"]);
    gym.ok(["site", "add", "--name", "Gym hall"]);
    let bundle = root.join("all.muster");
    gym.ok(["bundle", "export", "--out", text(&bundle)]);
    let hq = format!("sqlite:{}", text(&root.join("hq.db")));
    let (tables, csv) = (root.join("tables"), root.join("sites.csv"));
    std::fs::write(&csv, "id,name,kind\n1,North camp,camp\n").unwrap();
    let table: &[(&[&str], &str, &[&str])] = &[
        (
            &["status"],
            "status",
            &[
                "health", "findings", "incident", "device", "objects", "entries",
            ],
        ),
        (
            &["digest"],
            "digest",
            &["entries", "frontier", "state", "readable"],
        ),
        (&["peers"], "peers", &["items", "listening"]),
        (&["doctor"], "doctor", &["findings"]),
        (&["devices"], "devices", &["items"]),
        (&["operator", "Ben"], "operator", &["operator"]),
        (&["need", "list"], "need.list", &["items"]),
        (&["need", "show", "N-GYM-1"], "need.show", &["item"]),
        (
            &["need", "edit", "N-GYM-1", "--status", "open"],
            "need.edit",
            &["id"],
        ),
        (&["volunteer", "list"], "volunteer.list", &["items"]),
        (
            &["checkin", "Ana Exemple"],
            "checkin",
            &["id", "person", "in"],
        ),
        (
            &["checkout", "ana exemple"],
            "checkout",
            &["id", "out", "minutes"],
        ),
        (&["find", "water"], "find", &["items"]),
        (&["conflicts"], "conflicts", &["items"]),
        (&["log"], "log", &["items"]),
        (&["log", "--refused"], "log", &["items"]),
        (&["log", "--of", "N-GYM-1"], "log", &["items"]),
        (&["history", "N-GYM-1"], "history", &["object", "changes"]),
        (&["verify"], "verify", &["entries", "damage", "refused"]),
        (
            &["import", "sites", text(&csv)],
            "import",
            &[
                "rows",
                "imported",
                "unchanged",
                "filtered",
                "repeated",
                "refused",
            ],
        ),
        (
            &["bundle", "inspect", text(&bundle)],
            "bundle.inspect",
            &["incident", "complete", "contents"],
        ),
        (
            &["bundle", "import", text(&bundle)],
            "bundle.import",
            &["entries_new", "entries_known"],
        ),
        (
            &["hq", "import", "--into", &hq, text(&bundle)],
            "hq.import",
            &[
                "entries_new",
                "entries_known",
                "refused",
                "disputed",
                "gaps",
            ],
        ),
        (
            &["hq", "export", "--from", &hq, "--out", text(&tables)],
            "hq.export",
            &["files"],
        ),
        (&["config", "show"], "config.show", &["settings"]),
        (&["completions", "bash"], "completions", &[]),
        (&["man"], "man", &[]),
    ];
    for (arguments, schema, wanted) in table {
        let ran = gym.ask(*arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        assert_eq!(ran.err, "", "{arguments:?}");
        let answer = ran.json();
        assert_eq!(
            answer["schema"],
            format!("muster.{schema}/1"),
            "{arguments:?}"
        );
        for name in *wanted {
            assert!(
                answer.get(name).is_some(),
                "{arguments:?}: {name} in {answer}"
            );
        }
        assert_eq!(ran.out.matches('\n').count(), 1, "{arguments:?}: one line");
        if ["checkin", "checkout", "import"].contains(&arguments[0]) {
            continue;
        }
        for mode in [&["--plain"][..], &[]] {
            let ran = gym.run(mode.iter().chain(*arguments));
            assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
            assert_eq!(ran.err, "", "{arguments:?}");
            assert!(
                !ran.out.contains('\u{1b}'),
                "no escape reaches a pipe, whoever sent it: {ran:?}"
            );
            assert!(!ran.out.contains('\r'), "{ran:?}");
        }
    }
    // Times are UTC and RFC 3339.
    let log = gym.ok(["log"]);
    for item in log["items"].as_array().unwrap() {
        let claimed = item["claimed"].as_str().unwrap();
        assert!(
            claimed.ends_with('Z') && claimed.as_bytes()[10] == b'T',
            "{claimed}"
        );
    }
}

#[test]
fn what_is_watched_comes_line_by_line() {
    let root = scratch();
    let gym = gym(root.path());
    for arguments in [&["--json", "watch"][..], &["--json", "log", "--follow"]] {
        let mut child = gym
            .command()
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tx, rx) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            while let Some(Ok(line)) = lines.next() {
                if tx.send(line).is_err() {
                    return;
                }
            }
        });
        // Until it listens nothing is told: changes are made until one is heard.
        let mut made = 0;
        let mark = format!("Mark {}", arguments[1]);
        let line = until(std::time::Duration::from_secs(20), || {
            gym.door().add("need", &[("title", &mark)]);
            made += 1;
            std::thread::sleep(std::time::Duration::from_millis(100));
            rx.try_iter().find(|l| l.contains(&mark))
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let line: Value = serde_json::from_str(&line.expect("a line")).unwrap();
        assert!(
            line["schema"].as_str().unwrap().starts_with("muster."),
            "{line}"
        );
        println!("{arguments:?}: heard after {made} changes: {line}");
    }
}

#[test]
fn settings_say_where_they_come_from() {
    let root = scratch();
    let root = root.path();
    let file = root.join("muster.toml");
    std::fs::write(
        &file,
        "log = \"info\"\ndata = \"/from/file\"\n[network]\npeers = [\"/ip4/10.0.0.1/tcp/1\"]\n",
    )
    .unwrap();
    let show = |flags: &[&str], env: &[(&str, &str)]| {
        let ran = Ran::of(
            command()
                .args(["--json", "--config", text(&file)])
                .args(flags)
                .args(["config", "show", "--origin"])
                .envs(env.iter().copied()),
        );
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json()["settings"].clone()
    };
    let origin =
        |settings: &Value, name: &str| settings[name]["origin"].as_str().unwrap().to_owned();
    let plain = show(&[], &[]);
    assert_eq!(origin(&plain, "data"), format!("file {}", text(&file)));
    assert_eq!(
        plain["network.peers"]["value"],
        json!(["/ip4/10.0.0.1/tcp/1"])
    );
    assert_eq!(origin(&plain, "network.listen"), "default");
    let env = show(
        &[],
        &[("MUSTER_DATA", "/from/env"), ("MUSTER_LOG", "debug")],
    );
    assert_eq!(
        (origin(&env, "data"), &env["data"]["value"]),
        ("environment".into(), &json!("/from/env"))
    );
    assert_eq!(origin(&env, "log"), "environment");
    let flag = show(&["--data", "/from/flag"], &[("MUSTER_DATA", "/from/env")]);
    assert_eq!(
        (origin(&flag, "data"), &flag["data"]["value"]),
        ("flag".into(), &json!("/from/flag"))
    );
    let said = muster(["--config", text(&file), "config", "show", "--origin"]);
    assert!(
        said.out.contains(text(&file)) && said.out.contains("default"),
        "{said:?}"
    );
    std::fs::write(&file, "log = \"info\"\nvolume = 11\n").unwrap();
    let unknown = muster(["--config", text(&file), "config", "show"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (2, ""));
    assert!(
        unknown.err.contains("volume") && unknown.err.contains(text(&file)),
        "{unknown:?}"
    );
}

#[test]
fn completions_and_the_manual_page_are_well_formed() {
    for (shell, check) in [
        ("bash", &["bash", "-n"][..]),
        ("zsh", &["zsh", "-n"]),
        ("fish", &["fish", "--no-execute"]),
    ] {
        let ran = muster(["completions", shell]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(
            ran.out.contains("settle") && ran.out.contains("people-affected"),
            "{shell} knows verbs and fields"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &ran.out).unwrap();
        match std::process::Command::new(check[0])
            .args(&check[1..])
            .arg(file.path())
            .output()
        {
            Ok(output) => assert!(output.status.success(), "{shell}: {output:?}"),
            Err(e) => println!("{shell} did not read its completions: {e}"),
        }
    }
    let ran = muster(["man"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<_> = ran.out.lines().collect();
    assert!(
        lines.iter().any(|l| l.starts_with(".TH muster 1")),
        "{lines:?}"
    );
    for section in ["NAME", "SYNOPSIS", "OPTIONS"] {
        assert!(
            lines.iter().any(|l| *l == format!(".SH {section}")),
            "{section}"
        );
    }
    assert!(ran.out.contains("muster\\-settle"), "the verbs are named");
    let french = muster(["--lang", "fr", "man"]);
    assert!(french.code == 0 && french.out != ran.out);
}
