//! `log --follow`: what was there and what comes, each entry once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_tests::muster::Device;
use serde_json::Value;

#[test]
fn nothing_is_missed_between_the_list_and_the_stream() {
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    for round in 0..5 {
        let stop = AtomicBool::new(false);
        let started = AtomicBool::new(false);
        let (written, seen) = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut door = gym.door();
                let mut written = 0;
                while !stop.load(Ordering::Relaxed) {
                    door.add("need", &[("title", &format!("round {round}, {written}"))]);
                    written += 1;
                    started.store(written > 20, Ordering::Relaxed);
                }
                written
            });
            while !started.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            let mut log = gym
                .command()
                .args(["--json", "log", "--follow", "--limit", "1000000"])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut seen: BTreeMap<String, (u64, usize)> = BTreeMap::new();
            let mut streamed = 0;
            let lines = BufReader::new(log.stdout.take().unwrap()).lines();
            for line in lines.map_while(Result::ok) {
                let line: Value = serde_json::from_str(&line).unwrap();
                assert!(line["lagged"].is_null(), "{line}");
                let entry = line["entry"].as_str().unwrap().to_owned();
                let seq = line["seq"].as_u64().unwrap();
                // Lane 0 counts by itself.
                if line["lane"] == 0 {
                    continue;
                }
                seen.entry(entry).or_insert((seq, 0)).1 += 1;
                streamed += u64::from(line["schema"] == "muster.watch/1");
                if streamed == 30 {
                    break;
                }
            }
            stop.store(true, Ordering::Relaxed);
            log.kill().unwrap();
            log.wait().unwrap();
            (writer.join().unwrap(), seen)
        });
        let mut places: Vec<u64> = seen.values().map(|(seq, _)| *seq).collect();
        places.sort_unstable();
        let wanted: Vec<u64> = (0..places.len() as u64).collect();
        assert_eq!(places, wanted, "no gap, after {written} writes");
        let twice: Vec<_> = seen.values().filter(|(_, times)| *times != 1).collect();
        assert!(twice.is_empty(), "each once: {twice:?}");
    }
    assert_eq!(gym.stop(), Some(0));
}
