//! The table of floods in the specification against the constants that are enforced.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use muster_log::limits as core;
use muster_net::{IDS_PER_IP, Limits, STREAMS};
use muster_node::limits as node;

const SPECIFICATION: &str = include_str!("../../docs/protocol.md");

/// What the table says, by name.
fn table() -> BTreeMap<&'static str, u64> {
    let (_, rest) = SPECIFICATION.split_once("### Floods").unwrap();
    let (section, _) = rest.split_once("\n### ").unwrap();
    let rows = section.lines().filter(|l| l.starts_with("| `"));
    let read = |row: &'static str| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let name = cells.next().unwrap().trim_matches('`');
        let value = cells.next().unwrap().parse().expect("a number");
        let (unit, _does, by) = (cells.next(), cells.next(), cells.next());
        assert!(unit.is_some_and(|u| !u.is_empty()), "{name} has a unit");
        assert!(
            by.is_some_and(|b| b.contains('`')),
            "{name} is counted somewhere"
        );
        (name, value)
    };
    rows.map(read).collect()
}

#[test]
fn the_table_says_what_is_enforced() {
    let net = Limits::default();
    let size = |n: usize| n as u64;
    let enforced: BTreeMap<&str, u64> = [
        ("ENTRIES_VOLUNTEER", core::ENTRIES_VOLUNTEER),
        ("ENTRIES_LEAD", core::ENTRIES_LEAD),
        ("ENTRIES_COORDINATOR", core::ENTRIES_COORDINATOR),
        ("RATE_SHARE", core::RATE_SHARE),
        ("RATE_ENTRY_BYTES", core::RATE_ENTRY_BYTES),
        ("RATE_PERIOD_MS", core::RATE_PERIOD_MS),
        ("GENERATIONS", size(core::GENERATIONS)),
        ("GENERATION_PERIOD_MS", core::GENERATION_PERIOD_MS),
        ("RETRY_MS", core::RETRY_MS),
        ("RETRY_MOST_MS", core::RETRY_MOST_MS),
        ("WINDOW_RUNS", size(core::WINDOW_RUNS)),
        ("WINDOW_BYTES", size(core::WINDOW_BYTES)),
        ("OUTSTANDING_RUNS", size(core::OUTSTANDING_RUNS)),
        ("OUTSTANDING_BYTES", size(core::OUTSTANDING_BYTES)),
        ("PARKED_RUNS", size(core::PARKED_RUNS)),
        ("PARKED_BYTES", size(core::PARKED_BYTES)),
        ("BROKEN_RUNS", core::BROKEN_RUNS.into()),
        ("HEADS_LOGS", size(core::HEADS_LOGS)),
        ("HEADS_UNKNOWN", size(core::HEADS_UNKNOWN)),
        ("KEY_CLAIMS", size(core::KEY_CLAIMS)),
        ("KEY_CLAIMS_MOST", size(core::KEY_CLAIMS_MOST)),
        ("GREETING_MS", core::GREETING_MS),
        ("SILENT_MS", core::SILENT_MS),
        ("RESERVE_PART", node::RESERVE_PART),
        ("RESERVE_LEAST", node::RESERVE_LEAST),
        ("RESERVE_MOST", node::RESERVE_MOST),
        ("RESERVE_MOST_PART", node::RESERVE_MOST_PART),
        ("RESERVE_OWN", node::RESERVE_OWN),
        ("RESERVE_ACTS", node::RESERVE_ACTS),
        ("QUEUE_FRAMES", size(node::QUEUE_FRAMES)),
        ("QUEUE_BYTES", size(node::QUEUE_BYTES)),
        ("CONTACTS_PER_DEVICE", size(node::CONTACTS_PER_DEVICE)),
        ("kept", size(net.kept)),
        ("unproven", size(net.unproven)),
        ("shaking", size(net.shaking)),
        ("pending_in", size(net.pending_in)),
        ("pending_per_ip", size(net.pending_per_ip)),
        ("per_ip_in_10s", net.per_ip_in_10s.into()),
        ("pending_out", size(net.pending_out)),
        ("dials_per_minute", net.dials_per_minute.into()),
        ("discovered", size(net.discovered)),
        ("IDS_PER_IP", size(IDS_PER_IP)),
        ("fresh_per_ip", net.fresh_per_ip.into()),
        ("STREAMS", size(STREAMS)),
    ]
    .into();
    assert_eq!(table(), enforced);
}
