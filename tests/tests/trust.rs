//! Trust by the command line: who is out, who is back in, new keys, and the roots.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_tests::muster::{Device, until};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A founder, which runs, and a device that it admitted, which does not.
fn pair(root: &Path, role: &str) -> (Device, Device) {
    let mut gym = Device::found(root, "gym");
    gym.start();
    let camp = gym.admit(root, "camp", role);
    (gym, camp)
}

/// Everything that one device has, carried to another one; both run.
fn carry(from: &Device, to: &Device) {
    let file = tempfile::Builder::new()
        .suffix(".muster")
        .tempfile()
        .unwrap();
    let path = file.into_temp_path();
    std::fs::remove_file(&path).unwrap();
    from.ok(["bundle", "export", "--out", text(&path)]);
    to.ok(["bundle", "import", text(&path)]);
}

/// A refusal: exit code and error code.
#[track_caller]
fn refused(device: &Device, exit: i32, error: &str, arguments: &[&str]) -> String {
    let ran = device.ask(arguments);
    let answer = ran.json();
    assert_eq!(
        (ran.code, answer["error"].as_str()),
        (exit, Some(error)),
        "{ran:?}"
    );
    let ran = device.run(arguments);
    assert_eq!((ran.code, ran.out.as_str()), (exit, ""), "{ran:?}");
    assert!(!ran.err.contains('⟨') && !ran.err.contains("{$"), "{ran:?}");
    ran.err
}

/// The grants of a device by its label: role, state.
fn states(device: &Device, label: &str) -> Vec<(String, String)> {
    let devices = device.ok(["devices"]);
    let items = devices["items"].as_array().unwrap();
    let of = |d: &&Value| d["label"] == label;
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let mut all: Vec<_> = items
        .iter()
        .filter(of)
        .map(|d| (text(&d["role"]), text(&d["state"])))
        .collect();
    all.sort();
    all
}

fn state(role: &str, state: &str) -> (String, String) {
    (role.to_owned(), state.to_owned())
}

#[test]
fn a_revocation_is_shown_before_it_is_done_and_told_afterwards() {
    let root = scratch();
    let (gym, mut camp) = pair(root.path(), "volunteer");
    gym.ok([
        "volunteer",
        "add",
        "--name",
        "Ana Exemple",
        "--phone",
        "+33 1 23 45 67 89",
    ]);
    let van = gym.admit(root.path(), "van", "relay");
    drop(van);
    camp.start();
    camp.ok(["need", "add", "--title", "Water"]);
    carry(&camp, &gym);

    // Nobody is asked in a script: nothing is done.
    let err = refused(&gym, 2, "cannot-ask", &["revoke", "camp"]);
    assert!(
        err.contains("muster revoke camp --dry-run") && err.contains("--yes"),
        "{err}"
    );
    let plan = gym.ok(["revoke", "camp", "--dry-run"]);
    assert_eq!(plan["schema"], "muster.revoke/1");
    assert_eq!(
        (&plan["label"], &plan["role"]),
        (&json!("camp"), &json!("volunteer"))
    );
    assert_eq!(
        (&plan["dry_run"], &plan["disputed"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(plan["rotated"], json!(["C1"]));
    let c2 = plan["read"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["class"] == "C2")
        .unwrap();
    assert!(
        c2["parts"].as_u64() < c2["of"].as_u64(),
        "a phone it cannot read: {plan}"
    );
    let ran = gym.run(["revoke", "camp", "--dry-run"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    for sentence in [
        "What camp could read, of what is here:",
        "tasks, skills and areas (C1): ",
        "Keys that would be replaced: C1",
        "No entry of it would become disputed.",
        "Nothing is done so far.",
    ] {
        assert!(ran.out.contains(sentence), "{sentence} in {}", ran.out);
    }
    assert_eq!(states(&gym, "camp"), [state("volunteer", "member")]);
    // What it wrote from a time on would be disputed too.
    let since = gym.ok(["revoke", "camp", "--dry-run", "--since", "2020-01-01T00:00"]);
    assert!(since["disputed"].as_u64().unwrap() >= 1, "{since}");

    let done = gym.ok(["revoke", "camp", "--why", "left in a taxi", "--yes"]);
    assert_eq!(done["schema"], "muster.revoke/1");
    assert_eq!(
        (&done["dry_run"], &done["secret_renewed"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(done["rotated"], json!(["C1"]));
    assert_eq!(
        (&done["heard"], &done["not_heard"]),
        (&json!(["gym"]), &json!(["van"]))
    );
    assert_eq!(states(&gym, "camp"), [state("volunteer", "revoked")]);
    let ran = gym.run(["devices"]);
    for sentence in [
        "\n+- camp",
        "camp: revoked by gym (headquarters). Why: left in a taxi.",
        "Has heard: gym. Has not heard yet, as far as is known here: van.",
    ] {
        assert!(ran.out.contains(sentence), "{sentence} in {}", ran.out);
    }
    let plain = gym.run(["devices", "--plain"]).out;
    assert!(plain.contains("Admitted by: gym\n") && plain.contains("Membership: revoked\n"));
    assert!(!plain.contains("+-"), "{plain}");

    refused(&gym, 5, "already-ended", &["revoke", "camp", "--yes"]);
    refused(&gym, 4, "not-found", &["revoke", "nobody", "--yes"]);
    // What camp writes now is carried, and does not count.
    camp.ok(["need", "add", "--title", "Bread"]);
    camp.ok(["need", "add", "--title", "Milk"]);
    carry(&camp, &gym);
    let titles = |d: &Device| d.door().list("need").len();
    assert_eq!(titles(&gym), 1);
    let adopted = gym.ok(["adopt", "camp"]);
    assert_eq!(adopted["schema"], "muster.adopt/1");
    assert_eq!(
        (&adopted["adopted"], &adopted["disputed"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(titles(&gym), 3);
    refused(&gym, 4, "nothing-disputed", &["adopt", "camp"]);
}

/// Whoever is out may still get hold of a bundle, and has all keys it ever had.
#[test]
fn what_is_written_afterwards_is_closed_to_whoever_is_out() {
    let root = scratch();
    let (gym, mut camp) = pair(root.path(), "coordinator");
    camp.start();
    gym.ok(["need", "add", "--title", "Before"]);
    carry(&gym, &camp);
    let titles = |d: &Device| -> Vec<String> {
        let needs = d.door().list("need");
        let title = |n: &Value| n["fields"]["title"].as_str().unwrap().to_owned();
        needs.iter().map(title).collect()
    };
    let sealed = |d: &Device| d.digest()["readable"]["unreadable_parts"].as_u64().unwrap();
    assert_eq!(titles(&camp), ["Before"]);
    let before = sealed(&camp);

    let done = gym.ok(["revoke", "camp", "--yes"]);
    assert_eq!(done["rotated"], json!(["C1", "C2"]));
    gym.ok(["need", "add", "--title", "After"]);
    gym.ok([
        "volunteer",
        "add",
        "--name",
        "Ben Exemple",
        "--phone",
        "+33 1 23 45 67 89",
    ]);
    carry(&gym, &camp);
    assert_eq!(titles(&gym).len(), 2);
    assert_eq!(
        titles(&camp),
        ["Before"],
        "what it has read stays read, and no more"
    );
    assert_eq!(camp.ok(["find", "Ben"])["items"], json!([]));
    assert!(sealed(&camp) >= before + 2, "it has them, sealed");
    assert_eq!(sealed(&gym), 0);
}

#[test]
fn who_may_not_is_told_so() {
    let root = scratch();
    let (_gym, mut camp) = pair(root.path(), "volunteer");
    camp.start();
    refused(&camp, 6, "may-not-end", &["revoke", "gym", "--yes"]);
    refused(
        &camp,
        6,
        "role-not-permitted",
        &["grant", "gym", "--role", "relay"],
    );
    refused(&camp, 6, "may-not-adopt", &["adopt", "gym"]);
    refused(&camp, 6, "may-not-raise", &["allowance", "gym", "1000000"]);
    refused(&camp, 6, "may-not-rotate", &["keys", "rotate"]);
    // It may leave.
    let left = camp.ok(["revoke", "camp", "--yes"]);
    assert_eq!(left["label"], "camp");
}

#[test]
fn roles_are_lowered_raised_and_given_back() {
    let root = scratch();
    let (gym, _camp) = pair(root.path(), "coordinator");
    let lower = gym.ok(["grant", "camp", "--role", "volunteer"]);
    assert_eq!(lower["schema"], "muster.grant/1");
    assert_eq!(
        (&lower["before"], &lower["role"]),
        (&json!("coordinator"), &json!("volunteer"))
    );
    assert!(
        lower["rotated"].as_array().unwrap().contains(&json!("C2")),
        "{lower}"
    );
    let devices = gym.run(["devices"]).out;
    assert!(
        devices.contains("camp: demoted by gym (headquarters)."),
        "{devices}"
    );
    let ran = gym.run(["grant", "camp", "--role", "lead"]);
    assert_eq!(ran.out, "camp is lead now; it was volunteer.\n", "{ran:?}");
    gym.ok(["revoke", "camp", "--yes"]);
    let ran = gym.run(["grant", "camp", "--role", "relay"]);
    assert_eq!(ran.out, "camp is a member again, as relay.\n", "{ran:?}");
    assert!(states(&gym, "camp").contains(&state("relay", "member")));
    assert_eq!(gym.ask(["grant", "camp", "--role", "king"]).code, 2);
}

#[test]
fn allowances_grow_and_keys_are_made_anew() {
    let root = scratch();
    let (gym, _camp) = pair(root.path(), "volunteer");
    let raised = gym.ok(["allowance", "camp", "900000"]);
    assert_eq!(raised["schema"], "muster.allowance/1");
    assert!(raised["before"].as_u64().unwrap() < 900_000, "{raised}");
    refused(
        &gym,
        7,
        "allowance-not-higher",
        &["allowance", "camp", "900000"],
    );
    assert_eq!(gym.ask(["allowance", "camp", "many"]).code, 2);

    let all = gym.ok(["keys", "rotate"]);
    assert_eq!(
        (&all["schema"], &all["secret_renewed"]),
        (&json!("muster.keys.rotate/1"), &json!(true))
    );
    let classes: Vec<_> = all["rotated"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| &k["class"])
        .collect();
    assert_eq!(classes, ["C1", "C2", "C3"]);
    let one = gym.ok(["keys", "rotate", "--class", "c2"]);
    assert_eq!(
        (&one["rotated"][0]["class"], &one["secret_renewed"]),
        (&json!("C2"), &json!(false))
    );
    assert_ne!(one["rotated"][0]["key"], all["rotated"][1]["key"]);
    let ran = gym.run(["keys", "rotate", "--class", "C1"]);
    assert_eq!(
        ran.out, "Keys replaced: tasks, skills and areas (C1)\n",
        "{ran:?}"
    );
    assert_eq!(gym.ask(["keys", "rotate", "--class", "C9"]).code, 2);
}

/// A founder with two roots, both of which a recovery takes; gives files and passphrase files.
fn rooted(root: &Path) -> (Device, Vec<(String, String)>) {
    let gym = Device::at(root.join("gym"));
    let two = ["--roots", "2", "--threshold", "2"];
    let founded = gym.ok(["init", "--incident", "Test flood", "--device", "gym"]
        .into_iter()
        .chain(two));
    let files = founded["recoveries"].as_array().unwrap().iter().enumerate();
    let files = files.map(|(n, r)| {
        let words = root.join(format!("words-{n}"));
        std::fs::write(&words, r["passphrase"].as_str().unwrap()).unwrap();
        (
            r["file"].as_str().unwrap().to_owned(),
            text(&words).to_owned(),
        )
    });
    let files = files.collect();
    (gym, files)
}

#[test]
fn the_roots_make_headquarters_again() {
    let root = scratch();
    let root = root.path();
    let (mut gym, files) = rooted(root);
    gym.start();
    let mut camp = gym.admit(root, "camp", "volunteer");
    camp.start();
    let with = |files: &[(&str, &str)]| {
        let mut all = vec!["recover".to_owned()];
        for (file, words) in files {
            all.extend(["--recovery", file].map(str::to_owned));
            all.extend(["--recovery-passphrase-file", words].map(str::to_owned));
        }
        all
    };
    let [(a, wa), (b, wb)] = files.as_slice() else {
        panic!("two files: {files:?}");
    };
    let refuse = |exit: i32, error: &str, given: &[String]| {
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        refused(&camp, exit, error, &given)
    };
    let err = refuse(6, "too-few-roots", &with(&[(a, wa)]));
    assert!(err.contains("2 different recovery files"), "{err}");
    refuse(6, "too-few-roots", &with(&[(a, wa), (a, wa)]));
    refuse(6, "recovery-closed", &with(&[(a, wa), (b, wa)]));
    refuse(
        2,
        "cannot-ask-passphrase",
        &["recover".to_owned(), "--recovery".to_owned(), a.clone()],
    );
    let mut uneven = with(&[(a, wa)]);
    uneven.extend(["--recovery".to_owned(), b.clone()]);
    refuse(2, "recovery-passphrases", &uneven);
    let elsewhere = root.join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let (_other, others) = rooted(&elsewhere);
    refuse(
        7,
        "not-a-root",
        &with(&[(a, wa), (&others[0].0, &others[0].1)]),
    );
    assert_eq!(states(&camp, "camp"), [state("volunteer", "member")]);

    // A volunteer's device becomes headquarters, and ends the one that was.
    let done = camp.ok(with(&[(b, wb), (a, wa)]));
    assert_eq!(
        (&done["schema"], &done["role"]),
        (&json!("muster.recover/1"), &json!("hq"))
    );
    assert_eq!(
        (&done["label"], &done["threshold"]),
        (&json!("camp"), &json!(2))
    );
    assert_eq!(done["roots"], json!([0, 1]));
    assert_eq!(camp.ok(["status"])["device"]["role"], "hq");
    // One that was revoked comes back by the roots, on the word of a device that is no more than a
    // member; it is handed what keys that one has.
    gym.ok(["revoke", "camp", "--yes"]);
    let mut again = with(&[(a, wa), (b, wb)]);
    again.extend(["--device".to_owned(), "camp".to_owned()]);
    let done = gym.ok(again);
    assert_eq!(done["label"], "camp");
    assert!(done["handed"].as_u64().unwrap() >= 3, "{done}");
    assert!(states(&gym, "camp").contains(&state("hq", "member")));
}

/// A terminal of which this process is the other end.
fn terminal() -> (File, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let ours = openpt(flags).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    (File::from(ours), theirs.into())
}

/// Runs a verb at a terminal, types a line once it asks, and gives exit code, stdout, and what the
/// terminal showed.
fn typed(device: &Device, arguments: &[&str], asks: &str, line: &str) -> (i32, String, String) {
    let (mut ours, theirs) = terminal();
    let mut command = device.command();
    command.args(arguments).stdin(theirs.try_clone().unwrap());
    command.stderr(theirs).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command);
    // What is typed and lost must end as a failure, not as a wait for ever.
    let (done, given_up) = (Arc::new(AtomicBool::new(false)), child.id());
    let over = Arc::clone(&done);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(30));
        if !over.load(Ordering::Acquire) {
            muster_tests::muster::signal(given_up, "KILL");
        }
    });
    let mut shown = Vec::new();
    let mut byte = [0; 1];
    // The end of a terminal that nobody has open any more is an error, not an end.
    while ours.read(&mut byte).is_ok_and(|n| n == 1) {
        shown.push(byte[0]);
        if shown.ends_with(asks.as_bytes()) {
            writeln!(ours, "{line}").unwrap();
        }
    }
    let ended = child.wait_with_output().unwrap();
    done.store(true, Ordering::Release);
    (
        ended.status.code().unwrap_or(-1),
        String::from_utf8(ended.stdout).unwrap(),
        String::from_utf8(shown).unwrap(),
    )
}

#[test]
fn at_a_terminal_the_person_is_asked() {
    let root = scratch();
    let (gym, _camp) = pair(root.path(), "volunteer");
    gym.ok(["need", "add", "--title", "Water"]);
    let (code, out, shown) = typed(&gym, &["revoke", "camp"], "yes/no ", "n");
    assert_eq!((code, out.as_str()), (5, ""), "{shown}");
    assert!(
        shown.contains("tasks, skills and areas (C1): ") && shown.contains("Nothing was done.")
    );
    assert_eq!(states(&gym, "camp"), [state("volunteer", "member")]);
    let french = ["--lang", "fr", "revoke", "camp"];
    let (code, out, shown) = typed(&gym, &french, "oui/non ", "oui");
    assert_eq!(code, 0, "{shown}");
    assert!(out.starts_with("camp est révoqué.\n"), "{out}");
    assert!(
        shown.contains("missions, compétences et secteurs (C1)\u{a0}: "),
        "{shown}"
    );
    assert_eq!(states(&gym, "camp"), [state("volunteer", "revoked")]);
}

#[test]
fn a_passphrase_is_asked_for_and_not_shown() {
    let root = scratch();
    let mut gym = Device::at(root.path().join("gym"));
    let founded = gym.ok(["init", "--incident", "Test flood", "--device", "gym"]);
    gym.start();
    let words = founded["recovery"]["passphrase"].as_str().unwrap();
    let file = founded["recovery"]["file"].as_str().unwrap();
    let asks = format!("Passphrase of {file}: ");
    let (code, out, shown) = typed(&gym, &["recover", "--recovery", file], &asks, words);
    assert_eq!(code, 0, "{shown}");
    assert!(
        out.starts_with("gym is headquarters by the roots."),
        "{out}"
    );
    assert!(!shown.contains(words), "it was shown: {shown}");
}

#[test]
fn the_news_is_followed_until_all_have_heard_or_time_is_up() {
    let root = scratch();
    let root = root.path();
    let mut gym = Device::found(root, "gym");
    gym.start_by(
        gym.command(),
        &["--no-discovery", "--listen", "/ip4/127.0.0.1/tcp/0"],
    );
    let mut camp = gym.admit(root, "camp", "coordinator");
    let _van = gym.admit(root, "van", "volunteer");
    let _thief = gym.admit(root, "thief", "volunteer");
    let listening = until(Duration::from_secs(20), || {
        gym.ok(["peers"])["listening"][0]
            .as_str()
            .map(str::to_owned)
    });
    camp.start_by(
        camp.command(),
        &[
            "--no-discovery",
            "--listen",
            "/ip4/127.0.0.1/tcp/0",
            "--peer",
            &listening.unwrap(),
        ],
    );
    gym.ok(["sync", "--wait", "--timeout", "60"]);
    // The van is not met: time is up, the revocation stands.
    let revoke = ["revoke", "thief", "--yes", "--wait", "--timeout", "2"];
    let ran = gym.ask(revoke);
    assert_eq!(ran.code, 8, "{ran:?}");
    assert_eq!(ran.json()["not_heard"], json!(["van"]), "{ran:?}");
    assert_eq!(states(&gym, "thief"), [state("volunteer", "revoked")]);
    let ran = gym.run(["revoke", "van", "--yes", "--wait", "--timeout", "30"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.ends_with("Every member has heard.\n"), "{ran:?}");
    assert_eq!(states(&camp, "van"), [state("volunteer", "revoked")]);
}
