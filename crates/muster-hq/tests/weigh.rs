//! How long a larger import takes, and how much memory; printed, never asserted. Run it with
//! `cargo test --release -p muster-hq --test weigh -- --ignored --nocapture`.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Instant;

use common::*;
use muster_log::role::Role;

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name| status.lines().find(|l| l.starts_with(name)).unwrap_or("");
    format!("{} {}", line("VmRSS"), line("VmHWM"))
}

#[test]
#[ignore = "a measurement"]
fn weigh() {
    let size: usize = std::env::var("SIZE").map_or(10_000, |s| s.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut founder = Device::found("Flood", 1);
    let mut files = Vec::new();
    for device in 0..10 {
        let mut device = founder.admit(&format!("device {device}"), Role::Coordinator, 2);
        for i in 0..size / 10 {
            let title = format!("need {i}");
            device.add(
                "need",
                &[
                    ("title", &title),
                    ("area", "north"),
                    ("contact", "Ada, 555"),
                ],
            );
        }
        let path = dir.path().join(format!("{}.muster", files.len()));
        std::fs::write(
            &path,
            honest(&device.genesis, &device.packed(64, |_, _| true)),
        )
        .unwrap();
        files.push(path);
    }
    let path = dir.path().join("w.sqlite");
    let hq = || muster_hq::HqDevice::new(founder.genesis.clone(), founder.secrets.clone());
    for turn in ["first", "again"] {
        let start = Instant::now();
        let report = import_into(&path, Some(hq()), &files);
        let took = start.elapsed().as_secs_f64();
        println!(
            "{turn}: {} entries, {} new, {took:.2} s, {:.0} entries/s, {} bytes, {}",
            report.entries,
            report.entries_new,
            report.entries as f64 / took,
            std::fs::metadata(&path).unwrap().len(),
            memory(),
        );
    }
}
