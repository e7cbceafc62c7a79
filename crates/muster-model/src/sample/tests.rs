//! The sample is readable by the table, repeatable, and measures the state.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Instant;

use muster_log::{
    ids::{Class, DeviceId, EntryHash, Lamport, LogId, ObjectId, Seq},
    operation::{DataOperation, Reference},
    role::Role,
};

use super::*;
use crate::{
    conflicts, item,
    parse::{self, Reading},
    query, staffing,
    state::{State, WriteContext},
    table,
    vocabulary::Vocabularies,
    writes,
};

type Part = (WriteContext, Vec<DataOperation>);

/// One entry for each object, in parts by class, as a node would make them.
fn parts(samples: &[Sample], random: &mut Random, authors: u8) -> Vec<Part> {
    let empty = State::new();
    let reading = Reading {
        vocabularies: Vocabularies::builtin(),
        state: None,
        offset_minutes: 0,
    };
    let ids: Vec<ObjectId> = samples
        .iter()
        .map(|_| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&random.bits().to_be_bytes());
            id[8..].copy_from_slice(&random.bits().to_be_bytes());
            ObjectId(id)
        })
        .collect();
    let mut out = Vec::new();
    for (at, sample) in samples.iter().enumerate() {
        let kind = table::kind(sample.kind).unwrap();
        let mut changes = Vec::new();
        for (name, given) in &sample.fields {
            let text = match given {
                Given::Text(text) => text.clone(),
                Given::Object(other) => ids[*other].hex(),
            };
            changes.extend(
                parse::changes(&reading, kind, name, &text, &mut || random.bits()).unwrap(),
            );
        }
        let author = u8::try_from(at % usize::from(authors)).unwrap();
        let log = LogId([author + 1; 32]);
        let hash = EntryHash([u8::try_from(at % 251).unwrap(); 32]);
        let seq = Seq(at as u64 / u64::from(authors));
        let operations = writes::build(&empty, kind, ids[at], &changes).unwrap();
        for (part, (class, operations)) in operations.into_iter().enumerate() {
            let context = WriteContext {
                reference: Reference::new(&log, seq, &hash, u8::try_from(part).unwrap(), 0),
                lamport: Lamport(at as u64 + 1),
                log,
                claimed: Millis(1_790_000_000_000 + at as i64),
                device: DeviceId([author; 32]),
                role: Role::Coordinator,
                person: None,
                scope: None,
                class,
                urgency: 1,
                disputed: false,
            };
            out.push((context, operations));
        }
    }
    out
}

fn load(parts: &[Part]) -> State {
    let mut state = State::new();
    let mut batch = state.batch();
    for (context, operations) in parts {
        let mut context = *context;
        for operation in operations {
            batch.apply(&context, operation);
            context.reference.op += 1;
        }
    }
    drop(batch);
    state
}

#[test]
fn every_sample_is_accepted_shown_and_repeatable() {
    let start = Millis(1_790_000_000_000);
    let made = sample(7, 500, start);
    assert_eq!(made, sample(7, 500, start));
    assert_ne!(made, sample(8, 500, start));
    let parts = parts(&made, &mut Random::new(1), 3);
    let state = load(&parts);
    assert_eq!(state.len(), made.len());
    for (context, operations) in &parts {
        assert!(operations.len() <= 256);
        assert!(context.class <= Class::C3);
    }
    for id in state.ids() {
        let shown = item::item(&state, id).unwrap();
        assert!(!shown.fields.is_empty() && shown.contested.is_empty());
    }
    assert!(
        !query::find(&state, "eau OR nothing", 5)
            .iter()
            .any(|_| true)
    );
    assert!(!query::find(&state, "factice", 5).is_empty());
    assert!(!staffing::all(&state, start).is_empty());
    let all = conflicts::conflicts(&state);
    assert!(all.iter().all(|c| c.values.len() > 1));
}

/// Speed and size, in release: `cargo test --release -p muster-model -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn measure() {
    let start = Millis(1_790_000_000_000);
    let made = sample(42, 33_000, start);
    let mut parts = parts(&made, &mut Random::new(1), 10);
    let operations: usize = parts.iter().map(|p| p.1.len()).sum();
    let timed = |name: &str, work: &dyn Fn() -> usize| {
        let begin = Instant::now();
        let n = work();
        let secs = begin.elapsed().as_secs_f64();
        println!(
            "{name}: {n} in {:.0} ms, {:.0}/s",
            secs * 1e3,
            n as f64 / secs
        );
    };
    println!(
        "{} objects, {} parts, {operations} operations",
        made.len(),
        parts.len()
    );
    let rss = || {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4096
    };
    let before = rss();
    let begin = Instant::now();
    let state = load(&parts);
    let secs = begin.elapsed().as_secs_f64();
    let after = rss();
    println!(
        "apply: {operations} in {:.0} ms, {:.0}/s",
        secs * 1e3,
        operations as f64 / secs
    );
    println!(
        "packed {} bytes an object, resident {} an object",
        state.packed_bytes() / state.len(),
        (after - before) / state.len() as u64
    );
    timed("one batch a part", &|| {
        let mut state = State::new();
        parts
            .iter()
            .map(|(c, ops)| state.apply_part(c, ops).len())
            .sum()
    });
    timed("load", &|| {
        let mut other = State::new();
        for id in state.ids() {
            other.load(id, state.packed(id).unwrap()).unwrap();
        }
        assert_eq!(other.digests(), state.digests());
        other.len()
    });
    timed("decode", &|| {
        state.ids().filter_map(|id| state.object(id)).count()
    });
    timed("items", &|| {
        state.ids().filter_map(|id| item::item(&state, id)).count()
    });
    timed("find", &|| query::find(&state, "factice", usize::MAX).len());
    timed("conflicts", &|| conflicts::conflicts(&state).len());
    timed("staffing", &|| staffing::all(&state, start).len());
    let mut random = Random::new(3);
    for i in (1..parts.len()).rev() {
        parts.swap(i, random.below(i + 1));
    }
    let begin = Instant::now();
    let shuffled = load(&parts);
    let secs = begin.elapsed().as_secs_f64();
    println!("apply shuffled: {:.0}/s", operations as f64 / secs);
    assert_eq!(shuffled.digests(), state.digests());
}
