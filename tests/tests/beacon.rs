//! The beacon on the wire, and what it leads to: what a stranger sees, links of IPv6 alone,
//! interfaces that come and go, recordings that are played again, and why nobody is found.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_log::beacon::BEACON_LEN;
use muster_tests::muster::{Device, until};
use muster_tests::testnet::{Link, TestNet};
use serde_json::{Value, json};

const TOOL: &str = env!("CARGO_BIN_EXE_net-tool");
const PATIENCE: Duration = Duration::from_secs(20);
const PORT: &str = "47783";

/// One of these tests at a time: their times are not each other's.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn two(root: &Path) -> [Device; 2] {
    let mut gym = Device::found(root, "gym");
    gym.start();
    let camp = gym.admit(root, "camp", "coordinator");
    assert_eq!(gym.stop(), Some(0));
    [gym, camp]
}

fn met(device: &Device) -> bool {
    let peers = device.ok(["peers"])["items"].clone();
    peers.as_array().is_some_and(|items| items.len() == 1)
}

/// Until two devices are connected and have the same.
fn level(a: &Device, b: &Device) -> Option<Duration> {
    let began = Instant::now();
    let frontier = |d: &Device| d.digest()["frontier"].clone();
    until(PATIENCE, || {
        (met(a) && met(b) && frontier(a) == frontier(b)).then(|| began.elapsed())
    })
}

fn need(device: &Device, title: &str) {
    device.door().add("need", &[("title", title)]);
}

/// The sealed beacons on a tape, each kind of bytes once, in their order.
fn beacons(tape: &[u8]) -> Vec<Vec<u8>> {
    let starts = tape.windows(4).enumerate().filter(|(_, w)| w == b"MUSb");
    let mut seen = BTreeSet::new();
    starts
        .filter_map(|(at, _)| tape.get(at..at + BEACON_LEN))
        .filter(|bytes| seen.insert(bytes.to_vec()))
        .map(<[u8]>::to_vec)
        .collect()
}

fn discovery(device: &Device, what: &str) -> u64 {
    let peers = device.ok(["peers"]);
    peers["discovery"][what].as_u64().expect(what)
}

fn codes(device: &Device) -> Vec<String> {
    let doctor = device.ok(["doctor"]);
    let findings = doctor["findings"].as_array().unwrap().iter();
    findings
        .map(|f| f["code"].as_str().unwrap().to_owned())
        .collect()
}

fn say_why(device: &Device, code: &str) {
    until(PATIENCE, || {
        codes(device).iter().any(|c| c == code).then_some(())
    })
    .unwrap_or_else(|| panic!("{code} is not among {:?}", codes(device)));
    for lang in ["en", "fr"] {
        let said = device.run(["--lang", lang, "peers"]).out;
        let line = said.lines().nth(1).unwrap_or_default();
        println!("{lang}: {line}");
        assert!(!line.contains(code) && line.len() > 40, "{said}");
    }
}

#[test]
fn a_stranger_sees_nothing_that_links_two_starts() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut device = Device::found(root.path(), "gym");
    net.record();
    let mut starts = Vec::new();
    for _ in 0..2 {
        let before = beacons(&net.tape()).len();
        device.start_in(&net, 0, &[]);
        std::thread::sleep(Duration::from_secs(4));
        let status = device.ok(["status"]);
        let ids = [&status["device"]["id"], &status["incident"]["id"]];
        assert_eq!(device.stop(), Some(0));
        let tape = net.tape();
        for id in ids {
            let id = id.as_str().unwrap().as_bytes();
            let bytes: Vec<u8> = id
                .chunks(2)
                .map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap())
                .collect();
            assert!(!tape.windows(8).any(|w| bytes.windows(8).any(|b| b == w)));
        }
        starts.push(beacons(&tape)[before..].to_vec());
    }
    let counts: Vec<_> = starts.iter().map(Vec::len).collect();
    println!("beacons seen of two starts: {counts:?}, each {BEACON_LEN} bytes");
    assert!(counts.iter().all(|n| *n >= 5), "two a second: {counts:?}");
    // No four bytes in a row but the magic come twice, in one start or in both, wherever they stand.
    let mut seen = BTreeSet::new();
    let mut twice = 0;
    for beacon in starts.iter().flatten() {
        twice += beacon[4..]
            .windows(5)
            .filter(|w| !seen.insert(w.to_vec()))
            .count();
    }
    assert_eq!(twice, 0, "five bytes come twice");
}

#[test]
fn two_meet_where_there_is_ipv6_alone() {
    let _alone = alone();
    let Some(net) = TestNet::for_test_of_ipv6(2).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut devices = two(root.path());
    for (host, device) in devices.iter_mut().enumerate() {
        device.start_in(&net, host, &[]);
        need(device, &format!("need {host}"));
    }
    let [gym, camp] = &devices;
    for round in 0..3 {
        need(gym, &format!("more {round}"));
        net.link(0, 1, Link::UP);
        let span = level(gym, camp).unwrap_or_else(|| {
            let addresses = net.command(0, "ip").args(["-6", "addr"]).output().unwrap();
            println!("{}", String::from_utf8_lossy(&addresses.stdout));
            panic!("{} {}", gym.ok(["peers"]), camp.ok(["peers"]))
        });
        let peers = camp.ok(["peers"]);
        println!(
            "IPv6 alone: level after {} ms, by {}",
            span.as_millis(),
            peers["items"][0]["address"]
        );
        let address = peers["items"][0]["address"].as_str().unwrap();
        assert!(address.contains("/ip6/fe80:"), "{address}");
        net.link(0, 1, Link::DOWN);
        until(PATIENCE, || (!met(gym) && !met(camp)).then_some(())).expect("parted");
    }
    // An address given by hand, with the link it is good on.
    let peers = camp.ok(["peers"]);
    let listening = peers["listening"].as_array().unwrap().iter();
    let own = listening
        .filter_map(Value::as_str)
        .find(|a| a.starts_with("/ip6/fe80:") && a.contains("/tcp/"))
        .expect("it listens there");
    let [mut gym, camp] = devices;
    assert_eq!(gym.stop(), Some(0));
    let given = format!("/ip6zone/eth0{own}");
    gym.start_in(&net, 0, &["--no-discovery", "--peer", &given]);
    net.link(0, 1, Link::UP);
    level(&gym, &camp).expect("level by the given address");
}

#[test]
fn an_interface_that_comes_and_goes_is_noticed_each_time() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut devices = two(root.path());
    for (host, device) in devices.iter_mut().enumerate() {
        device.start_in(&net, host, &[]);
    }
    let [gym, camp] = &devices;
    net.link(0, 1, Link::UP);
    level(gym, camp).expect("level in time");
    let ip = |arguments: &[&str]| {
        let status = net.command(1, "ip").args(arguments).status().unwrap();
        assert!(status.success(), "{arguments:?}");
    };
    let addresses = ["10.77.0.2/24", "10.77.0.77/24"];
    for round in 0..4 {
        ip(&["link", "set", "eth0", "down"]);
        ip(&["addr", "flush", "dev", "eth0"]);
        until(PATIENCE, || (!met(gym)).then_some(())).expect("noticed");
        if round == 0 {
            say_why(camp, "no-interface");
        }
        need(gym, &format!("need {round}"));
        ip(&["link", "set", "eth0", "up"]);
        let cidr = addresses[(round + 1) % 2];
        ip(&["addr", "add", cidr, "brd", "+", "dev", "eth0"]);
        let span = level(gym, camp).expect("level in time");
        println!("{cidr} came up: level after {} ms", span.as_millis());
    }
}

#[test]
fn a_recording_played_again_costs_a_few_dials() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(3).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let [mut gym, mut camp] = two(root.path());
    net.record();
    gym.start_in(&net, 0, &[]);
    camp.start_in(&net, 1, &[]);
    std::thread::sleep(Duration::from_secs(3));
    let all = beacons(&net.tape());
    assert_eq!(camp.stop(), Some(0));
    assert_eq!(discovery(&gym, "dials"), 0, "nobody is in reach");
    // Somebody who recorded both plays everything to the gym, again and again. It opens what the camp
    // said, and nobody answers at the player's address.
    net.link(0, 2, Link::UP);
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let play = |bytes: &[u8], times: &str| {
        let to = net.ip(0).to_string();
        let mut command = net.command(2, TOOL);
        command.args(["send", &hex(bytes), &to, PORT, times]);
        assert!(command.status().unwrap().success());
    };
    for _ in 0..3 {
        for beacon in all.iter().take(20) {
            play(beacon, "5");
        }
    }
    let (dials, repeated) = (
        discovery(&gym, "dials"),
        discovery(&gym, "beacons_repeated"),
    );
    let heard = discovery(&gym, "beacons_heard");
    println!(
        "{} beacons played 15 times each: {heard} believed, {repeated} known, {dials} dials",
        all.len().min(20)
    );
    assert!(heard > 0 && heard <= 20, "each once at most: {heard}");
    assert!(repeated > 50, "{repeated}");
    // Later, all that has been heard is worth nothing any more.
    std::thread::sleep(Duration::from_secs(8));
    let settled = discovery(&gym, "dials");
    for beacon in all.iter().take(20) {
        play(beacon, "5");
    }
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(discovery(&gym, "beacons_heard"), heard);
    assert_eq!(discovery(&gym, "dials"), settled);
    assert!(settled <= 6 * 20, "{settled} dials");
}

#[test]
fn why_nobody_is_found_is_said() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let [mut gym, mut camp] = two(root.path());
    gym.start_in(&net, 0, &[]);
    say_why(&gym, "nobody-heard");
    // Another version, as far as a beacon can tell.
    net.link(0, 1, Link::UP);
    let to = net.ip(0).to_string();
    let strange = ["send", "4d55536301020304", &to, PORT, "3"];
    assert!(
        net.command(1, TOOL)
            .args(strange)
            .status()
            .unwrap()
            .success()
    );
    say_why(&gym, "other-version-near");
    // Beacons pass, connections do not: nobody listens where the beacons come from.
    let inside = ["--listen", "/ip4/127.0.0.1/tcp/0"];
    assert_eq!(gym.stop(), Some(0));
    gym.start_in(&net, 0, &inside);
    camp.start_in(&net, 1, &inside);
    say_why(&gym, "heard-not-reached");
    assert_eq!(gym.ok(["peers"])["items"], json!([]));
    assert_eq!(camp.stop(), Some(0));
    // Radio silence: no beacon leaves.
    gym.ok(["network", "off"]);
    std::thread::sleep(Duration::from_secs(1));
    let sent = discovery(&gym, "beacons_sent");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(discovery(&gym, "beacons_sent"), sent);
    gym.ok(["network", "on"]);
    until(PATIENCE, || {
        (discovery(&gym, "beacons_sent") > sent).then_some(())
    })
    .expect("heard again");
}
