//! Real daemons on the test network: they meet, part, meet again, and have one truth.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_tests::muster::{Device, Door, until};
use muster_tests::testnet::{Link, TestNet};
use serde_json::{Value, json};

/// From the link to equal digests: the figure to reach.
const SOON: Duration = Duration::from_secs(3);
/// When a test gives up waiting.
const PATIENCE: Duration = Duration::from_secs(20);

/// One of these tests at a time: their times are not each other's.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A founder, and those whom it admits, none running.
fn operation(root: &Path, others: &[(&str, &str)]) -> Vec<Device> {
    let mut founder = Device::found(root, "gym");
    founder.start();
    let mut all: Vec<_> = others
        .iter()
        .map(|(label, role)| founder.admit(root, label, role))
        .collect();
    assert_eq!(founder.stop(), Some(0));
    all.insert(0, founder);
    all
}

fn start(net: &TestNet, devices: &mut [Device]) {
    for (host, device) in devices.iter_mut().enumerate() {
        device.start_in(net, host, &[]);
    }
}

/// What two devices that have the same must show alike.
fn shown(door: &mut Door) -> (Value, Value, Value) {
    let mut digest = door.ok(&json!({ "verb": "digest" }));
    (
        digest["entries"].take(),
        digest["frontier"].take(),
        digest["state"].take(),
    )
}

/// Waits until two devices have equal digests.
fn level(a: &Device, b: &Device) -> Option<Duration> {
    let (mut a, mut b) = (a.door(), b.door());
    let began = Instant::now();
    until(PATIENCE, || {
        (shown(&mut a) == shown(&mut b)).then(|| began.elapsed())
    })
}

fn median(mut spans: Vec<Duration>) -> (Duration, Duration) {
    spans.sort();
    (spans[spans.len() / 2], *spans.last().unwrap())
}

fn report(what: &str, spans: Vec<Duration>) -> Duration {
    let all: Vec<_> = spans.iter().map(Duration::as_millis).collect();
    let (median, most) = median(spans);
    println!(
        "{what}: {all:?} ms; median {} ms, max {} ms",
        median.as_millis(),
        most.as_millis()
    );
    median
}

fn needs(door: &mut Door, prefix: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|n| {
            let title = format!("{prefix} need {n}");
            door.add(
                "need",
                &[
                    ("title", &title),
                    ("description", "invented"),
                    ("sector", "wash"),
                ],
            )
        })
        .collect()
}

#[test]
fn two_islands_become_one_truth() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut devices = operation(root.path(), &[("camp", "coordinator")]);
    start(&net, &mut devices);
    let [gym, camp] = &devices[..] else {
        unreachable!()
    };
    let pids = [gym.pid(), camp.pid()];
    let common = needs(&mut gym.door(), "common", 5);
    assert_ne!(
        shown(&mut gym.door()),
        shown(&mut camp.door()),
        "nothing crosses a link that is down"
    );

    let mut spans = Vec::new();
    for round in 0..6_u64 {
        // Not in step with anybody's timers; sometimes longer than any of them.
        let parted =
            Duration::from_millis([700, 1_900, 4_300, 1_137, 2_611, 6_450][round as usize]);
        std::thread::sleep(parted);
        needs(&mut gym.door(), &format!("gym {round}"), 3);
        needs(&mut camp.door(), &format!("camp {round}"), 2);
        net.link(0, 1, Link::UP);
        spans.push(level(gym, camp).expect("level in time"));
        net.link(0, 1, Link::DOWN);
    }
    let usual = report(
        "from link to equal digest, 5 entries apart, by rounds",
        spans.clone(),
    );
    assert!(usual < SOON, "median {usual:?}");

    // Parted; both change a lot; joined again, nobody restarted.
    std::thread::sleep(Duration::from_secs(2));
    needs(&mut gym.door(), "island gym", 200);
    needs(&mut camp.door(), "island camp", 150);
    for (n, id) in common.iter().enumerate() {
        let (field, here, there) = [
            ("priority", "urgent", "low"),
            ("title", "Water for forty", "Water for fifty"),
            ("sector", "health", "shelter"),
            ("people_affected", "40", "50"),
            ("area", "North", "South"),
        ][n];
        gym.door().edit("need", id, field, here);
        camp.door().edit("need", id, field, there);
    }
    net.link(0, 1, Link::UP);
    let span = level(gym, camp).expect("level in time");
    println!(
        "joined again, 200 and 150 needs and 5 fields apart: equal digest after {} ms",
        span.as_millis()
    );
    assert!(span < SOON, "{span:?}");
    assert_eq!(pids, [gym.pid(), camp.pid()], "no restart");

    let total = 5 + 6 * 5 + 200 + 150;
    let mut listed = Vec::new();
    for device in [gym, camp] {
        assert_eq!(
            device.door().list("need").len(),
            total,
            "nothing overwritten"
        );
        let conflicts = device.ok(["conflicts"])["items"].clone();
        let rows: Vec<Value> = conflicts
            .as_array()
            .unwrap()
            .iter()
            .map(|c| {
                assert_eq!(c["what"], "contested");
                json!([
                    c["id"],
                    c["object"],
                    c["field"],
                    c["values"],
                    c["provisional"]
                ])
            })
            .collect();
        assert_eq!(rows.len(), 5, "{conflicts}");
        listed.push(rows);
    }
    assert_eq!(listed[0], listed[1], "the same conflicts on both");
    let contested: BTreeSet<_> = listed[0].iter().map(|r| r[1].as_str().unwrap()).collect();
    assert_eq!(contested, common.iter().map(String::as_str).collect());
    let values: BTreeSet<_> = listed[0]
        .iter()
        .flat_map(|r| r[3].as_array().unwrap())
        .map(|v| v["value"].to_string())
        .collect();
    for value in [
        "urgent",
        "low",
        "Water for forty",
        "Water for fifty",
        "health",
        "shelter",
        "North",
        "South",
    ] {
        assert!(
            values.contains(&format!("\"{value}\"")),
            "{value} in {values:?}"
        );
    }
    assert!(values.contains("40") && values.contains("50"), "{values:?}");
    println!("{total} needs on both, 5 contested fields with the same ids and values on both");
    for device in &mut devices {
        assert_eq!(device.stop(), Some(0));
        assert_eq!(device.ok(["verify"])["refused"], json!([]));
    }
}

#[test]
fn a_third_carries_what_two_who_never_meet_have_to_say() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(3).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut devices = operation(
        root.path(),
        &[("van", "coordinator"), ("camp", "coordinator")],
    );
    start(&net, &mut devices);
    let [gym, van, camp] = &devices[..] else {
        unreachable!()
    };
    let said = needs(&mut gym.door(), "gym", 40);
    needs(&mut camp.door(), "camp", 30);
    net.link(0, 1, Link::UP);
    let first = level(gym, van).expect("level in time");
    net.link(0, 1, Link::DOWN);
    net.link(1, 2, Link::UP);
    let second = level(van, camp).expect("level in time");
    net.link(1, 2, Link::DOWN);
    println!(
        "gym to van {} ms, van to camp {} ms",
        first.as_millis(),
        second.as_millis()
    );
    let there: BTreeSet<_> = camp
        .door()
        .list("need")
        .iter()
        .map(|n| n["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        said.iter().all(|id| there.contains(id)),
        "camp has all of the gym's"
    );
    assert_eq!(there.len(), 70);
    let verified = camp.ok(["verify"]);
    assert_eq!(
        (&verified["refused"], &verified["entries"]),
        (&json!([]), &camp.digest()["entries"])
    );
    let labels = camp.ok(["log", "--limit", "1000"]);
    let by_gym = labels["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["label"] == "gym" && e["kind"] == "data")
        .count();
    println!(
        "camp holds {by_gym} data entries of the gym, whom it never met; all {} verify",
        verified["entries"]
    );
    assert_eq!(by_gym, 40);
    // And back: the van brings the camp's to the gym.
    net.link(0, 1, Link::UP);
    level(gym, van).expect("level in time");
    assert_eq!(gym.door().list("need").len(), 70);
}

#[test]
fn a_device_admitted_elsewhere_is_understood_after_one_meeting() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(4).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut devices = operation(root.path(), &[("camp", "coordinator")]);
    start(&net, &mut devices);
    let mut devices = devices.into_iter();
    let (gym, camp) = (devices.next().unwrap(), devices.next().unwrap());
    // The camp admits two devices on its island, where the gym hears nothing of it.
    let mut tent = camp.admit(root.path(), "tent", "volunteer");
    let mut hut = camp.admit(root.path(), "hut", "volunteer");
    tent.start_in(&net, 2, &[]);
    hut.start_in(&net, 3, &[]);
    needs(&mut tent.door(), "tent", 7);
    needs(&mut hut.door(), "hut", 3);
    net.link(1, 2, Link::UP);
    level(&camp, &tent).expect("level in time");
    net.link(1, 2, Link::DOWN);
    let known = |device: &Device| -> BTreeSet<String> {
        let devices = device.ok(["devices"]);
        devices["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d["label"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(known(&gym), ["camp", "gym"].map(str::to_owned).into());
    net.link(0, 1, Link::UP);
    let span = level(&gym, &camp).expect("level in time");
    net.link(0, 1, Link::DOWN);
    assert_eq!(
        known(&gym),
        ["camp", "gym", "hut", "tent"].map(str::to_owned).into()
    );
    assert_eq!(gym.door().list("need").len(), 7);
    println!(
        "the gym understands the tent's 7 needs {} ms after it met the camp",
        span.as_millis()
    );
    // The other one meets the gym itself, whom nobody told of it before in this order, too.
    net.link(0, 3, Link::UP);
    let span = level(&gym, &hut).expect("level in time");
    println!(
        "the gym and the hut, admitted by the camp, are level {} ms after they met",
        span.as_millis()
    );
    assert_eq!(gym.door().list("need").len(), 10);
    assert_eq!(hut.door().list("need").len(), 10);
}

/// As above, but nobody who knows of the admission ever met the gym: the new device brings it along.
#[test]
fn a_device_that_brings_its_own_admission_is_understood_at_once() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(3).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut devices = operation(root.path(), &[("camp", "coordinator")]);
    start(&net, &mut devices);
    let [gym, camp] = &devices[..] else {
        unreachable!()
    };
    let mut tent = camp.admit(root.path(), "tent", "volunteer");
    tent.start_in(&net, 2, &[]);
    needs(&mut tent.door(), "tent", 4);
    net.link(0, 2, Link::UP);
    let span = level(gym, &tent).expect("level in time");
    println!(
        "a device with an admission unknown to the gym: level after {} ms",
        span.as_millis()
    );
    assert_eq!(gym.door().list("need").len(), 4);
}

#[test]
fn a_new_entry_reaches_a_connected_peer_at_once() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(3).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut devices = operation(root.path(), &[("van", "relay"), ("camp", "coordinator")]);
    start(&net, &mut devices);
    let [gym, van, camp] = &devices[..] else {
        unreachable!()
    };
    needs(&mut gym.door(), "gym", 5);
    net.link(0, 1, Link::UP);
    net.link(1, 2, Link::UP);
    let frontier = |device: &Device| device.digest()["frontier"].clone();
    until(PATIENCE, || {
        (frontier(gym) == frontier(van) && frontier(van) == frontier(camp)).then_some(())
    })
    .expect("level");
    let (mut here, mut through) = (gym.door(), camp.door());
    let mut spans = Vec::new();
    for n in 0..20 {
        let before = through.list("need").len();
        let began = Instant::now();
        needs(&mut here, &format!("live {n}"), 1);
        until(PATIENCE, || {
            (through.list("need").len() > before).then_some(())
        })
        .expect("it came");
        spans.push(began.elapsed());
    }
    let usual = report(
        "a new entry, written to shown two hops away by a relay",
        spans,
    );
    assert!(usual < SOON);
}

fn hits(dir: &Path, needle: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            out.extend(hits(&path, needle));
        } else if entry.file_type().unwrap().is_file() {
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(needle.len()).any(|w| w == needle) {
                out.push(path.display().to_string());
            }
        }
    }
    out
}

#[test]
fn a_relay_carries_what_it_cannot_read() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(3).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut devices = operation(root.path(), &[("van", "relay"), ("camp", "coordinator")]);
    start(&net, &mut devices);
    let [gym, van, camp] = &devices[..] else {
        unreachable!()
    };
    const MARK: &str = "Zwyxabarbra";
    {
        let mut door = gym.door();
        door.add(
            "need",
            &[
                ("title", &format!("{MARK} one")),
                ("description", &format!("{MARK} two")),
                ("area", MARK),
            ],
        );
        door.add(
            "volunteer",
            &[
                ("name", &format!("{MARK} three")),
                ("emergency_contact", &format!("{MARK} four")),
            ],
        );
        needs(&mut door, &format!("{MARK} more"), 50);
    }
    net.link(0, 1, Link::UP);
    let frontier = |device: &Device| device.digest()["frontier"].clone();
    until(PATIENCE, || (frontier(gym) == frontier(van)).then_some(())).expect("level in time");
    net.link(0, 1, Link::DOWN);
    net.link(1, 2, Link::UP);
    until(PATIENCE, || (frontier(van) == frontier(camp)).then_some(())).expect("level in time");
    let there = camp.ok(["need", "list"]);
    assert_eq!(there["items"].as_array().unwrap().len(), 51);
    assert!(
        there.to_string().contains(&format!("{MARK} two")),
        "the camp reads it"
    );
    let relayed = van.ok(["status"]);
    println!(
        "the relay holds {} entries, {} parts of which it cannot read",
        relayed["entries"], relayed["unreadable_parts"]
    );
    assert!(relayed["unreadable_parts"].as_u64() >= Some(52));
    for arguments in [
        &["need", "list"][..],
        &["volunteer", "list"],
        &["find", MARK],
        &["log"],
    ] {
        assert!(
            !van.ask(arguments).out.contains(&format!("{MARK} ")),
            "{arguments:?}"
        );
    }
    let [van_dir, van_log] = [van.dir.clone(), van.dir.with_extension("log")];
    assert_eq!(devices[1].stop(), Some(0));
    // The search finds what is in clear, so that finding nothing means something.
    assert!(
        !hits(&van_dir, b"Test flood").is_empty(),
        "the incident's name is in clear in the genesis"
    );
    for needle in [
        MARK.as_bytes().to_vec(),
        MARK.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ] {
        assert_eq!(hits(&van_dir, &needle), [""; 0]);
    }
    assert!(!std::fs::read_to_string(van_log).unwrap().contains(MARK));
    println!("0 hits of the marker on the relay's disk and in its log");
}
