//! Measurements of contact, printed and not judged: from the link to the first entry and to equal
//! digests, and what a crowd's beacons cost. `cargo test -p muster-tests --test contact -- --ignored
//! --nocapture --test-threads 1`; the last figures are in `docs/bench/contact.md`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use muster_tests::muster::{Device, until};
use muster_tests::testnet::{Link, TestNet};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);
/// New entries on each side before a contact.
const EACH: usize = 500;

/// A number from the environment, to measure more or less.
fn set(name: &str, usual: usize) -> usize {
    let given = std::env::var(name).ok().and_then(|v| v.parse().ok());
    given.unwrap_or(usual)
}

fn write(root: &Path, device: &Device, round: &str) {
    let mut table = String::from("id,title,sector\n");
    for n in 0..EACH {
        writeln!(table, "{round}-{n},need {round} {n},wash").unwrap();
    }
    let file = root.join(format!("{round}.csv"));
    std::fs::write(&file, table).unwrap();
    let answer = device.ok(["import", "needs", file.to_str().unwrap()]);
    assert_eq!(answer["imported"], EACH, "{answer}");
}

/// From the link to the first entry of the other, and to equal digests, on both.
fn contact(net: &TestNet, pair: &[Device; 2], link: Link) -> [Duration; 2] {
    let mut doors = [pair[0].door(), pair[1].door()];
    let ask = json!({ "verb": "digest" });
    let before: Vec<Value> = doors
        .iter_mut()
        .map(|d| d.ok(&ask)["entries"].take())
        .collect();
    let began = Instant::now();
    net.link(0, 1, link);
    let mut first = None;
    let level = until(PATIENCE, || {
        let now: Vec<Value> = doors.iter_mut().map(|d| d.ok(&ask)).collect();
        let came = |n: usize| now[n]["entries"] != before[n];
        if first.is_none() && (came(0) || came(1)) {
            first = Some(began.elapsed());
        }
        (now[0]["frontier"] == now[1]["frontier"]).then(|| began.elapsed())
    });
    [first.expect("an entry"), level.expect("level in time")]
}

fn row(what: &str, mut spans: Vec<Duration>) {
    spans.sort();
    let at = |share: usize| spans[(spans.len() * share / 100).min(spans.len() - 1)].as_millis();
    println!(
        "| {what} | {} | {} | {} | {} |",
        spans.len(),
        at(50),
        at(95),
        at(100)
    );
}

#[test]
#[ignore = "a measurement of a quarter of an hour"]
fn contacts() {
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let rounds = set("MUSTER_CONTACTS", 30);
    println!(
        "| contact, {} entries differing | n | median ms | 95 % ms | max ms |",
        EACH * 2
    );
    println!("|---|---|---|---|---|");
    for round_trip in [2, 100] {
        let root = tempfile::tempdir().unwrap();
        let mut gym = Device::found(root.path(), "gym");
        gym.start();
        let camp = gym.admit(root.path(), "camp", "coordinator");
        assert_eq!(gym.stop(), Some(0));
        let mut pair = [gym, camp];
        let link = Link {
            delay: Duration::from_micros(round_trip * 500),
            ..Link::UP
        };
        let mut spans = [const { Vec::new() }; 4];
        for round in 0..rounds {
            // A start each time: keys of the transport that nobody has heard of.
            for (host, device) in pair.iter_mut().enumerate() {
                device.start_in(&net, host, &[]);
            }
            for again in 0..2 {
                for (n, device) in pair.iter().enumerate() {
                    write(root.path(), device, &format!("r{round}a{again}d{n}"));
                }
                // Out of step with everybody's timers, and longer than a silence.
                std::thread::sleep(Duration::from_millis(2_500 + 137 * (round as u64 % 7)));
                let [first, level] = contact(&net, &pair, link);
                spans[again * 2].push(first);
                spans[again * 2 + 1].push(level);
                net.link(0, 1, Link::DOWN);
            }
            for device in &mut pair {
                assert_eq!(device.stop(), Some(0));
            }
        }
        let [first, level, first_again, level_again] = spans;
        let name = |what: &str| format!("{round_trip} ms round trip: {what}");
        row(&name("to the first entry"), first);
        row(&name("to equal digests"), level);
        row(&name("again: to the first entry"), first_again);
        row(&name("again: to equal digests"), level_again);
    }
}

#[test]
#[ignore = "a measurement of minutes"]
fn beacons_of_a_crowd() {
    let most = set("MUSTER_CROWD", 20);
    println!(
        "| devices | datagrams a second, all together | each | connections each | digests equal |"
    );
    println!("|---|---|---|---|---|");
    for count in [2, 5, 10, 20, 40].into_iter().filter(|n| *n <= most) {
        let Some(net) = TestNet::for_test(count).unwrap() else {
            return;
        };
        let root = tempfile::tempdir().unwrap();
        let mut founder = Device::found(root.path(), "d0");
        founder.start();
        let mut all: Vec<Device> = (1..count)
            .map(|n| founder.admit(root.path(), &format!("d{n}"), "coordinator"))
            .collect();
        assert_eq!(founder.stop(), Some(0));
        all.insert(0, founder);
        for (host, device) in all.iter_mut().enumerate() {
            device.start_in(&net, host, &[]);
        }
        for a in 0..count {
            for b in 0..a {
                net.link(a, b, Link::UP);
            }
        }
        all[count - 1].door().add("need", &[("title", "for all")]);
        let level = until(Duration::from_secs(60), || {
            let digests = all.iter().map(|d| d.digest()["frontier"].clone());
            let digests: std::collections::BTreeSet<String> =
                digests.map(|d| d.to_string()).collect();
            (digests.len() == 1).then_some(())
        });
        // Settled; then ten seconds of nothing but beacons and pulses.
        std::thread::sleep(Duration::from_secs(20));
        let sent = |all: &[Device]| -> u64 {
            let counts = all.iter().map(|d| {
                let peers = d.ok(["peers"]);
                peers["discovery"]["beacons_sent"].as_u64().unwrap()
            });
            counts.sum()
        };
        let (before, began) = (sent(&all), Instant::now());
        std::thread::sleep(Duration::from_secs(10));
        let rate = (sent(&all) - before) as f64 / began.elapsed().as_secs_f64();
        let mut degrees: Vec<usize> = all
            .iter()
            .map(|d| d.ok(["peers"])["items"].as_array().unwrap().len())
            .collect();
        degrees.sort_unstable();
        println!(
            "| {count} | {rate:.1} | {:.1} | {} to {} | {} |",
            rate / count as f64,
            degrees[0],
            degrees[count - 1],
            level.is_some()
        );
    }
}
