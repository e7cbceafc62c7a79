//! What a coordinator asks at three in the morning, by the binary: every view in both languages and in
//! the plain mode, receipts written when devices meet, safety and fatigue.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muster_log::ids::Millis;
use muster_model::value::time_text;
use muster_tests::muster::{Device, until};
use muster_tests::testnet::{Link, TestNet};
use serde_json::{Value, json};

/// A moment so many minutes from now, as a person may write it.
fn minutes(from_now: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let at = i64::try_from(now.as_secs()).unwrap() + from_now * 60;
    time_text(Millis(at * 1_000))
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

fn volunteer(device: &Device, name: &str) -> String {
    id(&device.ok(["volunteer", "add", "--name", name]))
}

fn text(device: &Device, arguments: &[&str]) -> String {
    let ran = device.run(arguments);
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.out
}

/// A gym where a task has been running for an hour.
fn morning(gym: &Device) -> (String, String) {
    let site = id(&gym.ok(["site", "add", "--name", "Gym"]));
    gym.ok([
        "need",
        "report",
        "Water",
        "--priority",
        "urgent",
        "--sector",
        "wash",
    ]);
    let (from, to) = (minutes(-60), minutes(60));
    let task = gym.ok([
        "task",
        "add",
        "--title",
        "Give out water",
        "--site",
        &site,
        "--sector",
        "wash",
        "--from",
        &from,
        "--to",
        &to,
        "--slots",
        "wanted=3",
    ]);
    (site, id(&task))
}

#[test]
fn every_view_answers_in_both_languages() {
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    let (site, task) = morning(&gym);
    let ada = volunteer(&gym, "Ada Testwell");
    let basile = volunteer(&gym, "Basile Factice");
    let chipo = volunteer(&gym, "Chipo Inventée");
    let told = gym.ok([
        "assign",
        &task,
        &ada,
        "--told",
        "radio",
        "--told-by",
        "Lina",
    ]);
    let shown = gym.ok(["assignment", "show", &id(&told)]);
    assert_eq!(shown["item"]["fields"]["status"], "acknowledged");
    assert_eq!(shown["item"]["fields"]["told_by"], "radio");
    assert_eq!(shown["item"]["fields"]["told_by_whom"], "Lina");
    gym.ok(["assign", &task, &basile, "--lease", &minutes(-5)]);
    gym.ok(["assign", &task, &chipo, "--told", "voice"]);

    // Arriving for a task makes the assignment "on site"; nobody is late any more.
    let arrived = gym.ok(["checkin", "Ada Testwell", "--site", &site]);
    assert_eq!(arrived["assignment"]["id"], told["id"]);
    let staffing = gym.ok(["staffing"]);
    let total = &staffing["items"][0]["total"];
    assert_eq!(staffing["schema"], "muster.staffing/1");
    assert_eq!(
        (
            &total["wanted"],
            &total["on_site"],
            &total["acknowledged"],
            &total["unconfirmed"]
        ),
        (&json!(3), &json!(1), &json!(1), &json!(1))
    );
    assert_eq!(staffing["needs_without_task"][0]["title"], "Water");
    let list = gym.ok(["assignment", "list"]);
    let unconfirmed = list["items"].as_array().unwrap().iter();
    let unconfirmed: Vec<_> = unconfirmed
        .filter(|i| i["state"] == "unconfirmed")
        .collect();
    assert_eq!(unconfirmed.len(), 1);
    assert_eq!(
        unconfirmed[0]["fields"]["status"], "offered",
        "never free by itself"
    );

    let late = gym.ok(["overdue"]);
    let said = |v: &Value| v.as_str().unwrap().to_owned();
    let late = late["items"].as_array().unwrap().iter();
    let late: Vec<_> = late
        .map(|o| (said(&o["what"]), said(&o["about"]["title"])))
        .collect();
    let late: Vec<_> = late.iter().map(|(w, t)| (w.as_str(), t.as_str())).collect();
    assert_eq!(
        late,
        [
            ("not-arrived", "Chipo Inventée"),
            ("lease", "Basile Factice")
        ]
    );
    let call = gym.ok(["rollcall", &site]);
    assert_eq!(call["total"], 1);
    assert_eq!(call["items"][0]["person"]["title"], "Ada Testwell");
    assert_eq!(call["items"][0]["has_device"], false);
    assert_eq!(call["expected"][0]["person"]["title"], "Chipo Inventée");
    let picture = gym.ok(["picture"]);
    assert_eq!(picture["sectors"][0]["sector"], "wash");
    assert_eq!(picture["sectors"][0]["filled"], 3);
    let brief = gym.ok(["brief", "--since", "1h"]);
    assert_eq!(brief["urgent"][0]["title"], "Water");
    assert_eq!(brief["overdue"].as_array().unwrap().len(), 2);
    assert_eq!(gym.ok(["sources"])["items"], json!([]));

    for (view, en, fr) in [
        (vec!["staffing"], "Water", "à confirmer"),
        (
            vec!["overdue"],
            "expected, not checked in",
            "personne attendue, non pointée",
        ),
        (vec!["rollcall", &site], "1 person", "1 personne"),
        (vec!["picture"], "has worked", "a travaillé"),
        (vec!["sources"], "No other device", "Aucun autre appareil"),
        (vec!["brief"], "Urgent: 1 new", "Urgent\u{a0}: 1 depuis"),
    ] {
        for (lang, wanted) in [("en", en), ("fr", fr)] {
            for plain in [false, true] {
                let mut arguments = vec!["--lang", lang];
                arguments.extend(plain.then_some("--plain"));
                arguments.extend(&view);
                let out = text(&gym, &arguments);
                assert!(
                    out.to_lowercase().contains(&wanted.to_lowercase()),
                    "{arguments:?}: {out}"
                );
                assert!(!out.contains('⟨'), "a sentence is missing: {out}");
                assert!(
                    !plain || !out.contains("  "),
                    "no table in the plain mode: {out}"
                );
            }
        }
    }

    gym.ok(["offer", "no-show", &id(unconfirmed[0])]);
    assert_eq!(gym.ok(["overdue"])["items"].as_array().unwrap().len(), 1);
    gym.ok(["checkout", "Ada Testwell"]);
    assert_eq!(gym.ok(["rollcall", &site])["total"], 0);
    assert_eq!(
        gym.ok(["assignment", "show", &id(&told)])["item"]["fields"]["status"],
        "on-site",
        "whoever leaves before the end may come back"
    );
}

#[test]
fn who_must_not_or_should_not_work_is_stopped_at_the_door() {
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    let (_, task) = morning(&gym);
    let ada = volunteer(&gym, "Ada Testwell");
    gym.ok([
        "volunteer",
        "edit",
        &ada,
        "--clearance",
        "not-to-be-assigned",
    ]);
    assert_eq!(gym.run(["checkin", &ada]).code, 6);
    assert_eq!(gym.run(["assign", &task, &ada]).code, 6);
    // Thirteen hours until half an hour ago, then until five hours ago.
    let basile = volunteer(&gym, "Basile Factice");
    let (from, to) = (minutes(-13 * 60), minutes(-5 * 60));
    gym.ok(["checkin", &basile, "--at", &from]);
    gym.ok(["checkout", &basile, "--at", &to]);
    let warned = gym.run(["--lang", "fr", "checkin", &basile]);
    assert_eq!(warned.code, 5, "{warned:?}");
    assert!(warned.err.contains("se reposerait moins"), "{warned:?}");
    assert_eq!(
        gym.ask(["assign", &task, &basile]).json()["error"],
        "assignment-warned"
    );
    let came = gym.ok(["checkin", &basile, "--override", "nobody else can drive"]);
    let kept = gym.ok(["attendance", "show", &id(&came)]);
    assert_eq!(
        kept["item"]["fields"]["override_reason"],
        "nobody else can drive"
    );
    assert_eq!(kept["item"]["fields"]["override_of"], json!(["short-rest"]));
}

/// An offer arrives at the volunteer's own device: one receipt, and both have the same again.
#[test]
fn a_receipt_is_written_when_an_offer_arrives_and_never_about_a_receipt() {
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    let (_, task) = morning(&gym);
    let ada = volunteer(&gym, "Ada Testwell");
    let mut phone = gym.admit_with(root.path(), "phone", "volunteer", &["--person", &ada]);
    let later = gym.ok([
        "task",
        "add",
        "--title",
        "Later",
        "--from",
        &minutes(120),
        "--to",
        &minutes(180),
    ]);
    let offers = [
        id(&gym.ok(["assign", &task, &ada])),
        id(&gym.ok(["assign", &id(&later), &ada])),
    ];
    let before = gym.digest()["entries"].as_u64().unwrap();
    assert_eq!(gym.stop(), Some(0));
    gym.start_in(&net, 0, &[]);
    phone.start_in(&net, 1, &[]);
    net.link(0, 1, Link::UP);
    let status = |device: &Device, offer: &str| {
        device.ok(["assignment", "show", offer])["item"]["fields"]["status"].clone()
    };
    let arrived = until(Duration::from_secs(60), || {
        let all = offers.iter().all(|o| status(&gym, o) == "delivered");
        (all && gym.digest()["frontier"] == phone.digest()["frontier"]).then_some(())
    });
    assert!(arrived.is_some(), "{:?}", gym.digest());
    // Nothing more is written about it.
    std::thread::sleep(Duration::from_secs(3));
    let after = gym.digest();
    assert_eq!(
        after["entries"].as_u64().unwrap(),
        before + 1,
        "one receipt for both"
    );
    assert_eq!(after["frontier"], phone.digest()["frontier"]);
    let sources = gym.ok(["sources"]);
    assert_eq!(sources["items"][0]["label"], "phone");
    assert_eq!(sources["items"][0]["via"]["self"], true);
    assert_eq!(sources["items"][0]["silent"], false);
    let said = text(&gym, &["--lang", "fr", "sources"]);
    assert!(said.contains("par rencontre directe"), "{said}");
    phone.ok(["offer", "answer", &offers[0], "accept"]);
    assert_eq!(phone.stop(), Some(0));
    // What was heard, and by way of whom, survives a restart.
    assert_eq!(gym.stop(), Some(0));
    gym.start();
    assert_eq!(gym.ok(["sources"])["items"][0]["via"]["label"], "phone");
}
