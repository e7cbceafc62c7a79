//! Daemons killed, syncs counted, the index spoilt: what was acknowledged is there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use muster_tests::muster::{Device, Door, PATIENCE, add_request, binary, signal};
use muster_tests::random::Random;
use serde_json::{Value, json};

/// Kills, over all devices.
const KILLS: usize = 200;
/// Devices that are killed side by side.
const DEVICES: usize = 4;

/// What one device went through.
#[derive(Default)]
struct Story {
    kills: usize,
    /// Killed before it answered anything.
    while_starting: usize,
    acknowledged: BTreeSet<String>,
    /// Written, and killed before the answer: it may be there or not.
    unanswered: BTreeSet<String>,
    /// Which entry was seen at a place of a log; two at one place would be a fork.
    places: BTreeMap<String, String>,
}

/// Every entry that the device shows, by its place.
fn see(story: &mut Story, door: &mut Door) {
    let log = door.ok(&json!({ "verb": "log", "limit": 1_000_000 }));
    for entry in log["items"].as_array().unwrap() {
        let place = ["device", "generation", "lane", "seq"]
            .map(|k| entry[k].to_string())
            .join(" ");
        let hash = entry["entry"].to_string();
        let before = story.places.insert(place.clone(), hash.clone());
        assert!(before.is_none_or(|b| b == hash), "signed twice: {place}");
    }
}

/// All that was acknowledged is there, once.
fn check(story: &Story, door: &mut Door, seed: &str) {
    let mut titles = BTreeMap::<String, usize>::new();
    for need in door.list("need") {
        let title = need["fields"]["title"].as_str().unwrap_or("(none)");
        *titles.entry(title.to_owned()).or_default() += 1;
    }
    let lost: Vec<_> = story
        .acknowledged
        .iter()
        .filter(|t| !titles.contains_key(*t))
        .collect();
    assert!(
        lost.is_empty(),
        "{seed}: lost after kill {}: {lost:?}",
        story.kills
    );
    let doubled: Vec<_> = titles.iter().filter(|(_, n)| **n > 1).collect();
    assert!(
        doubled.is_empty(),
        "{seed}: doubled after kill {}: {doubled:?}",
        story.kills
    );
    let from_nowhere: Vec<_> = titles
        .keys()
        .filter(|t| !story.acknowledged.contains(*t) && !story.unanswered.contains(*t))
        .collect();
    assert!(from_nowhere.is_empty(), "{seed}: {from_nowhere:?}");
}

fn live_and_die(root: &Path, label: &str, kills: usize, mut random: Random) -> Story {
    let mut device = Device::found(root, label);
    let mut story = Story::default();
    while story.kills < kills {
        // A third of the kills while it starts, which took about 100 ms when this was written.
        let _last = std::fs::remove_file(device.dir.with_extension("log"));
        device.spawn(device.command(), &["--no-network"]);
        let (pid, began) = (device.pid(), Instant::now());
        let early = random.below(3) == 0;
        let after = Duration::from_micros(random.below(if early { 120_000 } else { 60_000 }));
        let opened = |device: &mut Device| loop {
            if let Ok(mut door) = Door::open(&device.dir)
                && door.try_call(&json!({ "verb": "digest" })).is_ok()
            {
                return Some(door);
            }
            if early && began.elapsed() >= after {
                return None;
            }
            assert!(
                device.is_running() && began.elapsed() < PATIENCE,
                "{label} does not start again after kill {}: {:?}",
                story.kills,
                std::fs::read_to_string(device.dir.with_extension("log"))
            );
            std::thread::sleep(Duration::from_millis(1));
        };
        match opened(&mut device) {
            None => story.while_starting += 1,
            Some(mut door) => {
                check(&story, &mut door, label);
                if story.kills.is_multiple_of(8) {
                    see(&mut story, &mut door);
                }
                let killer = std::thread::spawn(move || {
                    std::thread::sleep(after);
                    signal(pid, "KILL");
                });
                for n in 0.. {
                    let title = format!("{label} {} {n}", story.kills);
                    story.unanswered.insert(title.clone());
                    match door.try_call(&add_request("need", &[("title", &title)])) {
                        Ok(answer) => {
                            assert!(answer["ok"]["id"].is_string(), "{answer}");
                            story.unanswered.remove(&title);
                            story.acknowledged.insert(title);
                        }
                        Err(_) => break,
                    }
                }
                killer.join().unwrap();
            }
        }
        // Where the killer was there before, this finds nobody.
        device.kill();
        story.kills += 1;
    }
    device.start();
    check(&story, &mut device.door(), label);
    see(&mut story, &mut device.door());
    let verified = device.ok(["verify"]);
    assert_eq!(
        (&verified["refused"], &verified["damage"]),
        (&json!([]), &json!([])),
        "{label}"
    );
    assert_eq!(device.stop(), Some(0));
    let verified = device.ok(["verify"]);
    assert_eq!(
        (&verified["refused"], &verified["damage"]),
        (&json!([]), &json!([])),
        "{label}, stopped"
    );
    story
}

#[test]
fn killed_at_random_moments_nothing_is_lost_or_doubled() {
    binary();
    let root = tempfile::tempdir().unwrap();
    let mut random = Random::seeded("kill -9", 20_261);
    let began = Instant::now();
    let stories: Vec<Story> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..DEVICES)
            .map(|n| {
                let (path, own) = (root.path(), random.clone());
                random.bytes(8 * (n + 1));
                scope.spawn(move || live_and_die(path, &format!("gym{n}"), KILLS / DEVICES, own))
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let sum = |f: fn(&Story) -> usize| stories.iter().map(f).sum::<usize>();
    let (kills, places) = (sum(|s| s.kills), sum(|s| s.places.len()));
    let generations: BTreeSet<_> = stories
        .iter()
        .flat_map(|s| s.places.keys())
        .map(|p| p.split(' ').nth(1).unwrap().to_owned())
        .collect();
    println!(
        "{kills} kills ({} while starting) in {:.1} s: {} acknowledged, 0 lost, 0 doubled, {} unanswered; {places} places in {} generations, none signed twice",
        sum(|s| s.while_starting),
        began.elapsed().as_secs_f64(),
        sum(|s| s.acknowledged.len()),
        sum(|s| s.unanswered.len()),
        generations.len(),
    );
    assert_eq!(kills, KILLS);
    assert!(
        sum(|s| s.acknowledged.len()) > KILLS,
        "it wrote between the kills"
    );
}

#[test]
fn every_acknowledged_write_was_synced() {
    const WRITES: u64 = 1_000;
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    let summary = root.path().join("strace");
    let mut command = Command::new("strace");
    if let Err(e) = Command::new("strace").arg("-V").output() {
        panic!(
            "strace is needed to count syncs ({e}); scripts/test installs it: apt-get install strace"
        );
    }
    command
        .args(["-f", "-c", "-e", "trace=fdatasync,fsync", "-o"])
        .arg(&summary);
    command.arg(binary()).arg("--data").arg(&gym.dir);
    gym.start_by(command, &["--no-network"]);
    let mut door = gym.door();
    for n in 0..WRITES {
        door.add("need", &[("title", &format!("need {n}"))]);
    }
    drop(door);
    gym.ok(["stop"]);
    gym.take_daemon().wait().unwrap();
    let summary = std::fs::read_to_string(summary).unwrap();
    println!("{summary}");
    let count = |name: &str| -> u64 {
        let line = summary
            .lines()
            .find(|l| l.split_whitespace().last() == Some(name));
        line.and_then(|l| l.split_whitespace().nth(3))
            .and_then(|n| n.parse().ok())
            .unwrap_or(0)
    };
    println!(
        "{WRITES} acknowledged writes, one after the other: {} fdatasync, {} fsync",
        count("fdatasync"),
        count("fsync")
    );
    assert!(count("fdatasync") >= WRITES);
}

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), out);
        } else {
            out.push(entry.path());
        }
    }
}

#[test]
fn a_spoilt_index_is_built_again() {
    let root = tempfile::tempdir().unwrap();
    let mut random = Random::seeded("spoilt index", 20_262);
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    let mut rebuilt = 0;
    let mut known: Option<(Value, Vec<Value>)> = None;
    const ROUNDS: usize = 24;
    for round in 0..ROUNDS {
        {
            let mut door = gym.door();
            if let Some((digest, needs)) = &known {
                assert_eq!(&gym.digest(), digest, "round {round}");
                assert_eq!(&door.list("need"), needs, "round {round}");
            }
            for n in 0..6 {
                let id = door.add(
                    "need",
                    &[
                        ("title", &format!("need {round} {n}")),
                        ("description", "invented"),
                    ],
                );
                door.edit("need", &id, "priority", "high");
            }
            known = Some((gym.digest(), door.list("need")));
        }
        // Cleanly stopped, the index is as new as the journal; killed, it is older.
        if random.below(2) == 0 {
            assert_eq!(gym.stop(), Some(0));
        } else {
            gym.kill();
        }
        let index = gym.dir.join("index");
        let mut all = Vec::new();
        files(&index, &mut all);
        all.sort();
        let how = match round % 4 {
            0 => {
                std::fs::remove_dir_all(&index).unwrap();
                "deleted".to_owned()
            }
            1 => {
                let file = &all[random.below(all.len() as u64) as usize];
                let old = file.metadata().unwrap().len();
                let len = random.below(old.max(1));
                std::fs::File::options()
                    .write(true)
                    .open(file)
                    .unwrap()
                    .set_len(len)
                    .unwrap();
                format!(
                    "{} cut from {old} to {len}",
                    file.file_name().unwrap().display()
                )
            }
            2 => {
                for file in &all {
                    let len = file.metadata().unwrap().len() as usize;
                    std::fs::write(file, random.bytes(len)).unwrap();
                }
                "all noise".to_owned()
            }
            _ => {
                // Noise somewhere in the middle of one file.
                let file = &all[random.below(all.len() as u64) as usize];
                let mut bytes = std::fs::read(file).unwrap();
                let at = random.below(bytes.len().max(1) as u64) as usize;
                let noise = random.bytes(64);
                bytes
                    .iter_mut()
                    .skip(at)
                    .zip(noise)
                    .for_each(|(b, n)| *b = n);
                std::fs::write(file, bytes).unwrap();
                format!(
                    "64 bytes of noise at {at} of {}",
                    file.file_name().unwrap().display()
                )
            }
        };
        let log = gym.dir.with_extension("log");
        std::fs::remove_file(&log).unwrap();
        gym.start();
        let said = std::fs::read_to_string(&log).unwrap();
        let again = said
            .lines()
            .any(|l| l.contains("ready") && !l.contains("rebuilt=\"\""));
        rebuilt += usize::from(again);
        println!(
            "index {how}: {}",
            if again { "rebuilt" } else { "not needed" }
        );
    }
    assert_eq!(gym.digest(), known.unwrap().0);
    println!("{ROUNDS} spoilt indexes, {rebuilt} rebuilt, the same digest every time");
    assert!(rebuilt >= ROUNDS / 4);
}

/// What a power cut leaves between the journal and the device file: `init` says so and goes on.
#[test]
fn an_init_that_was_cut_short_is_begun_again() {
    let root = tempfile::tempdir().unwrap();
    let gym = Device::found(root.path(), "gym");
    std::fs::remove_file(gym.dir.join("keys/device.secret")).unwrap();
    let init = ["init", "--incident", "Flood", "--device", "gym"];
    let refused = gym.ask(init);
    assert_eq!(
        (refused.code, refused.json()["error"].as_str()),
        (7, Some("recovery-unfinished"))
    );
    let recovery = gym.dir.with_extension("recovery.age");
    assert!(recovery.exists(), "left alone");
    std::fs::rename(&recovery, root.path().join("old.age")).unwrap();
    let begun = gym.run(init);
    assert_eq!(begun.code, 0, "{begun:?}");
    assert!(
        begun.out.starts_with("An earlier init was cut short here."),
        "{begun:?}"
    );
    let aside = std::fs::read_dir(gym.dir.join("journal/damaged")).unwrap();
    assert!(aside.count() > 0, "nothing is thrown away");
    let mut gym = gym;
    gym.start();
    gym.door().add("need", &[("title", "Water")]);
    assert_eq!(gym.stop(), Some(0));
    // And a whole one is refused as ever.
    std::fs::remove_file(&recovery).unwrap();
    let refused = gym.ask(init);
    assert_ne!(refused.code, 0, "{refused:?}");
    gym.start();
    assert_eq!(
        gym.ok(["need", "list"])["items"].as_array().unwrap().len(),
        1
    );
    assert_eq!(gym.stop(), Some(0));
}
