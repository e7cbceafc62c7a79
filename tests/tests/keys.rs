//! Whose key it is, by the command line: names for those concerned, the key of sensitive things given
//! later, memberships that end by themselves, and what a device remembers of those it met.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use muster_store::fs::RealFs;
use muster_store::{DataDir, Unlock};
use muster_tests::muster::{Device, until};
use muster_tests::testnet::{Link, TestNet};
use serde_json::{Value, json};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Everything that one device has, carried to another one; both run.
fn carry(from: &Device, to: &Device) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.muster");
    from.ok(["bundle", "export", "--out", text(&path)]);
    to.ok(["bundle", "import", text(&path)]);
}

/// What `devices` says of one.
fn shown(device: &Device, label: &str) -> Value {
    let all = device.ok(["devices"]);
    let items = all["items"].as_array().unwrap();
    items.iter().find(|d| d["label"] == label).unwrap().clone()
}

fn finding(device: &Device, verb: &str, code: &str) -> Option<Value> {
    let all = device.ok([verb])["findings"].as_array().unwrap().clone();
    all.into_iter().find(|f| f["code"] == code)
}

#[test]
fn a_name_is_for_whom_it_names_and_withheld_from_others() {
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    let ana = gym.ok(["volunteer", "add", "--name", "Ana Exemple"])["id"].clone();
    gym.ok([
        "volunteer",
        "add",
        "--name",
        "Bob Exemple",
        "--home-area",
        "north",
    ]);
    let task = gym.ok(["task", "add", "--title", "Carry", "--report-to", "Rita"])["number"].clone();
    let (ana, task) = (ana.as_str().unwrap(), task.as_str().unwrap());
    let mut phone = gym.admit_with(root.path(), "phone", "volunteer", &["--person", ana]);
    phone.start();
    carry(&gym, &phone);
    let list = phone.run(["volunteer", "list"]);
    assert!(list.out.contains("Ana Exemple"), "{}", list.out);
    assert!(!list.out.contains("Bob"), "{}", list.out);
    assert!(list.out.contains("name withheld"), "{}", list.out);
    let gyms = gym.run(["volunteer", "list"]);
    assert!(
        gyms.out.contains("Bob") && !gyms.out.contains("withheld"),
        "{}",
        gyms.out
    );
    let read =
        |device: &Device| device.ok(["task", "show", task])["item"]["fields"]["report_to"].clone();
    assert_eq!(read(&phone), Value::Null);
    gym.ok(["assign", task, ana]);
    carry(&gym, &phone);
    assert_eq!(read(&phone), "Rita");
    // Its own number, written on its own device.
    phone.ok(["volunteer", "edit", ana, "--phone", "+999 1"]);
    carry(&phone, &gym);
    assert!(gym.run(["volunteer", "list"]).out.contains("+999 1"));
}

#[test]
fn the_key_of_sensitive_things_is_given_later_and_replaced_when_a_holder_is_out() {
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    let mut camp = gym.admit(root.path(), "camp", "coordinator");
    camp.start();
    gym.ok(["need", "add", "--title", "Insulin", "--sensitive", "true"]);
    carry(&gym, &camp);
    let list = camp.run(["need", "list"]).out;
    assert!(list.contains("sensitive need, ask a coordinator"), "{list}");
    assert!(
        !list.contains("hidden") && !list.contains("Insulin"),
        "{list}"
    );
    // Nobody gives what they have not.
    let ran = camp.ask(["grant", "gym", "--sensitive"]);
    assert_ne!(ran.code, 0, "{ran:?}");
    let granted = gym.ok(["grant", "camp", "--sensitive"]);
    assert_eq!(
        (&granted["role"], &granted["before"]),
        (&json!("coordinator"), &json!("coordinator"))
    );
    assert_eq!(shown(&gym, "camp")["reads"], json!(["C1", "C2", "C3"]));
    carry(&gym, &camp);
    assert!(camp.run(["need", "list"]).out.contains("Insulin"));
    let items = gym.ok(["devices"])["items"].as_array().unwrap().clone();
    assert_eq!(
        items.iter().filter(|d| d["label"] == "camp").count(),
        1,
        "one grant as before"
    );

    let revoked = gym.ok(["revoke", "camp", "--yes"]);
    assert_eq!(revoked["rotated"], json!(["C1", "C2", "C3"]));
    gym.ok([
        "need",
        "add",
        "--title",
        "Antibiotics",
        "--sensitive",
        "true",
    ]);
    carry(&gym, &camp);
    let list = camp.run(["need", "list"]).out;
    assert!(
        list.contains("Insulin") && !list.contains("Antibiotics"),
        "{list}"
    );
}

#[test]
fn a_membership_that_ends_by_itself_is_told_and_gives_no_new_keys() {
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    let past = gym.ask(["grant", "gym", "--expires", "2020-01-01T00:00"]);
    assert_eq!(
        (past.code, &past.json()["error"]),
        (7, &json!("expires-past"))
    );
    let soon = jiff_soon(3);
    let more = ["--expires", soon.as_str()];
    let mut camp = gym.admit_with(root.path(), "camp", "coordinator", &more);
    camp.start();
    assert_eq!(shown(&gym, "camp")["expired"], false);
    let told = until(Duration::from_secs(20), || {
        finding(&camp, "status", "own-time-over")
    });
    assert_eq!(told.expect("its time is up")["level"], "trouble");
    assert!(finding(&camp, "doctor", "own-time-over").is_some());
    let labels = finding(&gym, "status", "time-over").unwrap()["args"]["labels"].clone();
    assert_eq!(labels, "camp");
    assert_eq!(shown(&gym, "camp")["expired"], true);
    let said = gym.run(["--plain", "devices"]).out;
    assert!(said.contains("time up since"), "{said}");
    // It may write, and what it writes counts; it hands nothing on.
    camp.ok(["need", "add", "--title", "Water"]);
    for verb in [
        &["invite", "--role", "volunteer"][..],
        &["grant", "camp", "--role", "lead"],
        &["keys", "rotate"],
    ] {
        let ran = camp.ask(verb);
        assert_eq!(
            (ran.code, &ran.json()["error"]),
            (6, &json!("own-time-over")),
            "{verb:?}"
        );
    }
    gym.ok(["keys", "rotate"]);
    gym.ok(["need", "add", "--title", "Blankets"]);
    carry(&camp, &gym);
    carry(&gym, &camp);
    let titles = |device: &Device| {
        let items = device.ok(["need", "list"])["items"]
            .as_array()
            .unwrap()
            .clone();
        let mut all: Vec<_> = items.iter().map(|i| i["fields"]["title"].clone()).collect();
        all.sort_by_key(ToString::to_string);
        all
    };
    assert_eq!(titles(&gym), ["Blankets", "Water"]);
    assert_eq!(titles(&camp), ["Water"], "a key made after its time");
    gym.ok(["grant", "camp", "--expires", "2999-01-01T00:00"]);
    carry(&gym, &camp);
    assert_eq!(titles(&camp), ["Blankets", "Water"]);
    assert!(finding(&camp, "status", "own-time-over").is_none());
}

/// A time so many seconds from now.
fn jiff_soon(seconds: u64) -> String {
    let now = std::time::SystemTime::now() + Duration::from_secs(seconds);
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    muster_model::value::time_text(muster_log::ids::Millis(
        i64::try_from(since.as_millis()).unwrap(),
    ))
}

#[test]
fn who_has_heard_is_known_after_a_restart() {
    let Some(net) = TestNet::for_test(3).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    let roles = [
        ("camp", "coordinator"),
        ("far", "coordinator"),
        ("van", "relay"),
    ];
    let others: Vec<_> = roles
        .iter()
        .map(|(label, role)| gym.admit(root.path(), label, role))
        .collect();
    let [mut camp, _far, _van] = <[Device; 3]>::try_from(others).ok().unwrap();
    gym.ok(["revoke", "van", "--yes"]);
    let ended = |gym: &Device| {
        let mut ended = shown(gym, "van")["ended"].clone();
        // They are named in the order of their ids, which differ each time.
        let names = ended["not_heard"].as_array_mut().unwrap();
        names.sort_by_key(ToString::to_string);
        ended
    };
    assert_eq!(ended(&gym)["not_heard"], json!(["camp", "far"]));
    let stick = root.path().join("far.muster");
    gym.ok(["bundle", "export", "--for", "far", "--out", text(&stick)]);
    assert_eq!(ended(&gym)["handed"], json!(["far"]), "handed, not heard");
    assert_eq!(ended(&gym)["not_heard"], json!(["camp", "far"]));
    assert_eq!(gym.stop(), Some(0));
    gym.start_in(&net, 0, &[]);
    camp.start_in(&net, 1, &[]);
    net.link(0, 1, Link::UP);
    let heard = until(Duration::from_secs(20), || {
        (ended(&gym)["not_heard"] == json!(["far"])).then_some(())
    });
    heard.expect("the camp has heard");
    assert_eq!(camp.stop(), Some(0));
    assert_eq!(gym.stop(), Some(0));
    gym.start();
    let after = ended(&gym);
    assert_eq!(after["not_heard"], json!(["far"]), "{after}");
    assert_eq!(after["handed"], json!(["far"]));
    let said = gym.run(["devices"]).out;
    assert!(
        said.contains("A bundle with it was written for: far"),
        "{said}"
    );
}

#[test]
fn a_clock_ten_years_ahead_is_named_and_its_times_are_put_right() {
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    let mut camp = gym.admit(root.path(), "camp", "coordinator");
    camp.start();
    camp.ok(["need", "add", "--title", "Water"]);
    carry(&camp, &gym);
    let entry = |gym: &Device| {
        let log = gym.ok(["log"])["items"].as_array().unwrap().clone();
        log.into_iter().find(|e| e["label"] == "camp").unwrap()
    };
    let claimed = entry(&gym)["claimed"].as_str().unwrap().to_owned();
    // Never measured: nothing is made up.
    assert_eq!(entry(&gym)["clock"], Value::Null);
    let since = ["revoke", "camp", "--dry-run", "--since", &claimed];
    assert_eq!(gym.ok(since)["clock_measured"], false);
    assert!(gym.run(since).out.contains("never measured here"));
    let all = gym.ok(since)["disputed"].clone();

    // What the gym would remember had it met the camp with such a clock.
    let device = shown(&gym, "camp")["id"].as_str().unwrap().to_owned();
    let ten_years = 3_650 * 86_400_000i64;
    assert_eq!(gym.stop(), Some(0));
    let dir = root.path().join("gym");
    let open = DataDir::open(Arc::new(RealFs), &dir, &Unlock::DefaultKeyFile).unwrap();
    let met = json!({
        "version": 1, "endings": [],
        "devices": [[device, { "ahead": ten_years, "at": 1 }]],
    });
    let mut chance = |bytes: &mut [u8]| bytes.fill(7);
    open.write_secret("met", met.to_string().as_bytes(), &mut chance)
        .unwrap();
    drop(open);
    gym.start();
    let named = finding(&gym, "status", "clock").unwrap()["args"].clone();
    assert_eq!(
        (&named["label"], &named["amount"]),
        (&json!("camp"), &json!(3_650))
    );
    assert_eq!(
        shown(&gym, "camp")["clock_offset_s"],
        json!(ten_years / 1_000)
    );
    let clock = entry(&gym)["clock"].clone();
    assert_eq!(clock["offset_s"], json!(ten_years / 1_000), "{clock}");
    let likely = clock["likely"].as_str().unwrap();
    let year = |t: &str| t[..4].parse::<i32>().unwrap();
    assert_eq!(year(&claimed) - year(likely), 10);
    assert!(gym.run(["log"]).out.contains("by a clock that is off"));
    let history = gym.ok(["history", "N-CAMP-1"])["changes"][0]["clock"].clone();
    assert_eq!(history["likely"], clock["likely"]);
    // The same time, by a clock that is now known to be ahead: nothing was written since.
    let plan = gym.ok(since);
    assert_ne!(plan["disputed"], all);
    assert_eq!(
        (&plan["disputed"], &plan["clock_measured"]),
        (&json!(0), &json!(true))
    );
    assert!(
        gym.run(since)
            .out
            .contains("as measured when it was last met")
    );
    // By the time here it was written ten years ago.
    let since = ["revoke", "camp", "--dry-run", "--since", likely];
    assert_eq!(gym.ok(since)["disputed"], all);
}

/// A founder with two roots, both of which an act takes; gives files and passphrase files.
fn rooted(root: &Path) -> (Device, Vec<[String; 2]>) {
    let gym = Device::at(root.join("gym"));
    let init = ["init", "--incident", "Test flood", "--device", "gym"];
    let founded = gym.ok(init.iter().chain(&["--roots", "2", "--threshold", "2"]));
    let files = founded["recoveries"].as_array().unwrap().iter().enumerate();
    let files = files.map(|(n, r)| {
        let words = root.join(format!("words-{n}"));
        std::fs::write(&words, r["passphrase"].as_str().unwrap()).unwrap();
        [
            r["file"].as_str().unwrap().to_owned(),
            text(&words).to_owned(),
        ]
    });
    let files = files.collect();
    (gym, files)
}

#[test]
fn roots_who_are_apart_sign_one_after_the_other_and_end_headquarters() {
    let root = tempfile::tempdir().unwrap();
    let (mut gym, files) = rooted(root.path());
    let [[a, wa], [b, wb]] = &files[..] else {
        panic!("two files: {files:?}");
    };
    gym.start();
    let mut camp = gym.admit(root.path(), "camp", "coordinator");
    camp.start();
    let paper = root.path().join("end.act");
    let first = ["--recovery", a, "--recovery-passphrase-file", wa];
    let second = ["--recovery", b, "--recovery-passphrase-file", wb];
    let begin = [
        "recover",
        "--end",
        "gym",
        "--why",
        "taken",
        "--out",
        text(&paper),
    ];
    let begun = camp.ok(begin.iter().chain(&first));
    assert_eq!(
        (&begun["what"], &begun["roots"]),
        (&json!("end"), &json!([0]))
    );
    let carried = camp.ask(["recover", "--carry", text(&paper)]);
    assert_eq!(
        (carried.code, &carried.json()["error"]),
        (6, &json!("too-few-roots"))
    );

    // The second has neither a daemon nor a directory of the incident.
    let nowhere = Device::at(root.path().join("nowhere"));
    let copy = std::fs::read_to_string(&paper).unwrap();
    let sign = ["recover", "--sign", text(&paper)];
    let told = nowhere.run(sign.iter().chain(&second));
    assert_eq!(told.code, 0, "{told:?}");
    assert!(
        told.out.contains("ends the membership") && told.out.contains("gym"),
        "{told:?}"
    );
    assert!(told.out.contains("2 of 2 roots"), "{told:?}");

    // A changed act has the signatures of nobody.
    let signed = std::fs::read_to_string(&paper).unwrap();
    assert_ne!(signed, copy);
    let mut other: Value = serde_json::from_str(&signed).unwrap();
    let act = other["act"]
        .as_str()
        .unwrap()
        .replacen("74616b656e", "74616b6572", 1);
    assert_ne!(other["act"], act.as_str(), "the reason is in it");
    other["act"] = json!(act);
    let changed = root.path().join("changed.act");
    std::fs::write(&changed, other.to_string()).unwrap();
    let carried = camp.ask(["recover", "--carry", text(&changed)]);
    assert_eq!(
        (carried.code, &carried.json()["error"]),
        (6, &json!("too-few-roots"))
    );
    std::fs::write(&changed, "{}").unwrap();
    let carried = camp.ask(["recover", "--carry", text(&changed)]);
    assert_eq!(
        (carried.code, &carried.json()["error"]),
        (7, &json!("root-act-file"))
    );

    let done = camp.ok(["recover", "--carry", text(&paper)]);
    assert_eq!(
        (&done["ended"], &done["label"]),
        (&json!(true), &json!("gym"))
    );
    assert_eq!(
        (&done["roots"], &done["secret_renewed"]),
        (&json!([0, 1]), &json!(true))
    );
    assert_eq!(done["rotated"], json!(["C1", "C2"]));
    let ended = shown(&camp, "gym")["ended"].clone();
    assert_eq!(
        (&ended["by_roots"], &ended["why"]),
        (&json!(true), &json!("taken"))
    );
    carry(&camp, &gym);
    let refused = gym.ask(["need", "add", "--title", "Water"]);
    assert_eq!(
        (refused.code, &refused.json()["error"]),
        (6, &json!("revoked-here"))
    );
}
