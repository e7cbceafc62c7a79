//! Revocation with real daemons: in the middle of a connection, in the middle of a transfer, and
//! where a peer has not heard.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_tests::muster::{Device, Door, until};
use muster_tests::testnet::{Link, TestNet};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The gym (hq) and those whom it admits, each running in its host.
fn operation(root: &Path, net: &TestNet, others: &[(&str, &str)]) -> Vec<Device> {
    let mut founder = Device::found(root, "gym");
    founder.start();
    let mut all: Vec<_> = others
        .iter()
        .map(|(label, role)| founder.admit(root, label, role))
        .collect();
    assert_eq!(founder.stop(), Some(0));
    all.insert(0, founder);
    for (host, device) in all.iter_mut().enumerate() {
        device.start_in(net, host, &[]);
    }
    all
}

fn need(door: &mut Door, title: &str) -> String {
    door.add("need", &[("title", title), ("sector", "wash")])
}

fn entries(door: &mut Door) -> u64 {
    door.ok(&json!({ "verb": "digest" }))["entries"]
        .as_u64()
        .unwrap()
}

fn level(a: &Device, b: &Device) -> Option<Duration> {
    let (mut a, mut b) = (a.door(), b.door());
    let began = Instant::now();
    let ask = |door: &mut Door| door.ok(&json!({ "verb": "digest" }))["frontier"].clone();
    until(PATIENCE, || {
        (ask(&mut a) == ask(&mut b)).then(|| began.elapsed())
    })
}

fn revoke(door: &mut Door, device: &str) -> Value {
    door.ok(&json!({ "verb": "revoke", "device": device, "why": "phone lost" }))
}

/// What `devices` says of one.
fn shown(door: &mut Door, label: &str) -> Value {
    let all = door.ok(&json!({ "verb": "devices" }));
    let items = all["items"].as_array().unwrap();
    items.iter().find(|d| d["label"] == label).unwrap().clone()
}

fn refused(door: &mut Door, request: &Value) -> Value {
    let answer = door.try_call(request).unwrap();
    assert!(answer.get("error").is_some(), "{answer}");
    answer["error"].clone()
}

#[test]
fn revoked_in_mid_connection_it_gets_the_news_and_nothing_more() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(3).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let devices = operation(
        root.path(),
        &net,
        &[("camp", "coordinator"), ("phone", "volunteer")],
    );
    let [gym, camp, phone] = &devices[..] else {
        unreachable!()
    };
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        net.link(a, b, Link::UP);
    }
    need(&mut gym.door(), "before");
    level(gym, phone).expect("level in time");
    level(gym, camp).expect("level in time");

    let said = revoke(&mut gym.door(), "phone");
    assert_eq!(said["rotated"], json!(["C1"]), "{said}");
    assert_eq!(said["secret_renewed"], json!(true));
    let began = Instant::now();
    let mut door = phone.door();
    let heard = until(PATIENCE, || {
        (shown(&mut door, "phone")["state"] == "revoked").then(|| began.elapsed())
    });
    let camp_heard = until(PATIENCE, || {
        (shown(&mut camp.door(), "phone")["state"] == "revoked").then(|| began.elapsed())
    });
    println!("the phone knew after {heard:?}, the camp after {camp_heard:?}");
    assert!(heard.is_some() && camp_heard.is_some());
    let at_that = entries(&mut door);

    // Life goes on without it: under a new key, and with a new secret.
    for n in 0..20 {
        need(&mut gym.door(), &format!("after {n}"));
    }
    level(gym, camp).expect("level in time");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(entries(&mut door), at_that, "the phone got more");
    assert_eq!(camp.door().list("need").len(), 21);
    assert_eq!(door.list("need").len(), 1);
    let error = refused(
        &mut door,
        &json!({ "verb": "add", "kind": "need", "fields": [{ "name": "title", "value": "x" }] }),
    );
    assert_eq!(error["exit"], 6, "{error}");
    // Whoever reads the list sees that everyone has heard.
    let told = until(PATIENCE, || {
        let ended = shown(&mut gym.door(), "phone")["ended"].clone();
        (ended["not_heard"] == json!([])).then_some(ended)
    });
    assert_eq!(told.expect("all have heard")["why"], "phone lost");
}

#[test]
fn whoever_has_not_heard_cannot_bring_it_back() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(3).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let devices = operation(
        root.path(),
        &net,
        &[("camp", "coordinator"), ("phone", "volunteer")],
    );
    let [gym, camp, phone] = &devices[..] else {
        unreachable!()
    };
    // The camp and the phone are on an island of their own when the gym revokes it.
    net.link(1, 2, Link::UP);
    level(camp, phone).expect("level in time");
    revoke(&mut gym.door(), "phone");
    let late = need(&mut phone.door(), "written by who has the phone now");
    // The camp, unaware, gives it a higher role.
    camp.door()
        .ok(&json!({ "verb": "grant", "device": "phone", "role": "lead" }));
    until(PATIENCE, || {
        (camp.door().list("need").len() == 1).then_some(())
    })
    .expect("the camp has it");
    net.link(1, 2, Link::DOWN);
    net.link(0, 1, Link::UP);
    level(gym, camp).expect("level in time");
    for door in [&mut gym.door(), &mut camp.door()] {
        assert_eq!(shown(door, "phone")["state"], "revoked");
        assert_eq!(door.list("need").len(), 0, "it is disputed");
    }
    // A family's need is not lost because of it.
    let adopted = gym
        .door()
        .ok(&json!({ "verb": "adopt", "device": "phone" }));
    assert_eq!(adopted["adopted"], 1, "{adopted}");
    level(gym, camp).expect("level in time");
    for door in [&mut gym.door(), &mut camp.door()] {
        let ids: Vec<_> = door.list("need").iter().map(|n| n["id"].clone()).collect();
        assert_eq!(ids, [json!(late)]);
    }
    assert_eq!(gym.digest(), camp.digest());
}

#[test]
fn revoked_in_mid_transfer_it_is_cut_off() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    // `MUSTER_TRANSFER=100000` for as many.
    let count = std::env::var("MUSTER_TRANSFER").ok();
    let count: u64 = count.and_then(|c| c.parse().ok()).unwrap_or(6_000);
    let devices = operation(root.path(), &net, &[("phone", "volunteer")]);
    let [gym, phone] = &devices[..] else {
        unreachable!()
    };
    let mut door = gym.door();
    for batch in 0..count / 1_000 {
        let rows: Vec<Value> = (0..1_000)
            .map(|n| {
                let row = batch * 1_000 + n;
                json!({ "row": row + 1, "key": row.to_string(), "fields": [
                    { "name": "title", "value": format!("need {row} of many, with words enough to weigh something") },
                    { "name": "sector", "value": "wash" },
                ] })
            })
            .collect();
        door.ok(&json!({ "verb": "import", "kind": "need", "rows": rows, "dry_run": false }));
    }
    let slow = Link {
        rate: Some(2_000_000),
        ..Link::UP
    };
    net.link(0, 1, slow);
    let mut there = phone.door();
    until(PATIENCE, || {
        (entries(&mut there) > count / 10).then_some(())
    })
    .expect("it flows");
    revoke(&mut door, "phone");
    let at = entries(&mut there);
    std::thread::sleep(Duration::from_secs(4));
    let (last, all) = (entries(&mut there), entries(&mut door));
    println!("of {all} entries the phone had {at} when it was revoked, and {last} in the end");
    assert!(at < count, "the transfer was over too soon");
    // What the transport had taken already arrives: its buffers, and the run under way.
    assert!(last < all - (all - at) / 2, "it went on");
    assert_eq!(shown(&mut there, "phone")["state"], "revoked");
}
