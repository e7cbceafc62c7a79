//! Bundles: cut, damaged and hostile ones.

use muster_log::{
    bundle::{BundleError, Damage, Item, Reader, Stretch, Writer},
    chain::Run,
    ids::*,
    role::Role,
    run,
};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};

use crate::common::*;

/// A run, and where its record stands.
type Record = (std::ops::Range<usize>, Vec<u8>);

/// A bundle of 32 runs and where each run's record stands in it.
fn bundle() -> (Vec<u8>, Vec<Record>, Vec<Stretch>) {
    let mut world = World::new();
    let mut runs: Vec<Run> = vec![world.keys()];
    let mut pen = world.pen(9);
    runs.push(world.admit_with_keys(&mut pen, Role::Volunteer));
    for n in 0..30 {
        runs.push(pen.data(1 + n % 4, Some(&world.c1), Class::C1));
    }
    let stretch = |run: &Run| Stretch {
        log: run.log,
        from: run.entries[0].header.seq,
        to: run.entries.last().unwrap().header.seq,
    };
    let contents: Vec<_> = runs.iter().map(stretch).collect();
    let (mut writer, mut bytes) = Writer::start(&world.genesis, &contents);
    let mut records = Vec::new();
    for run in &runs {
        let encoded = run::encode(run);
        let record = writer.run(&encoded);
        records.push((bytes.len()..bytes.len() + record.len(), encoded));
        bytes.extend(record);
    }
    bytes.extend(writer.end());
    (bytes, records, contents)
}

fn read(bytes: &[u8], piece: usize) -> (Vec<Item>, bool) {
    let mut reader = Reader::default();
    let mut items = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        while let Some(item) = reader.next_item().unwrap() {
            items.push(item);
        }
    }
    reader.finish();
    while let Some(item) = reader.next_item().unwrap() {
        items.push(item);
    }
    (items, reader.complete())
}

fn runs(items: &[Item]) -> Vec<&Vec<u8>> {
    let all = items.iter().filter_map(|item| match item {
        Item::Run(bytes) => Some(bytes),
        _ => None,
    });
    all.collect()
}

fn damages(items: &[Item]) -> Vec<&Damage> {
    let all = items.iter().filter_map(|item| match item {
        Item::Damage(damage) => Some(damage),
        _ => None,
    });
    all.collect()
}

#[test]
fn read_in_pieces_of_any_size() {
    let (bytes, records, contents) = bundle();
    for piece in [1, 7, 4096, bytes.len()] {
        let (items, complete) = read(&bytes, piece);
        assert!(complete && damages(&items).is_empty(), "{piece}");
        assert_eq!(
            runs(&items),
            records.iter().map(|(_, r)| r).collect::<Vec<_>>()
        );
        assert_eq!(items[1], Item::Contents(contents.clone()));
        assert_eq!(items.last(), Some(&Item::End));
    }
}

#[test]
fn cut_at_200_places_it_yields_every_whole_run_and_says_what_is_missing() {
    let (bytes, records, contents) = bundle();
    for n in 0..200 {
        let cut = 8 + n * (bytes.len() - 9) / 199;
        let (items, complete) = read(&bytes[..cut], 1000);
        assert!(!complete, "cut at {cut}");
        let whole: Vec<_> = records
            .iter()
            .filter(|(at, _)| at.end <= cut)
            .map(|(_, r)| r)
            .collect();
        assert_eq!(runs(&items), whole, "cut at {cut}");
        // What the list of contents names and no run brings is what is missing.
        let told = items.iter().find_map(|i| match i {
            Item::Contents(c) => Some(c.clone()),
            _ => None,
        });
        if let Some(told) = told {
            assert_eq!(told[whole.len()..], contents[whole.len()..]);
        }
        // The torn record is located.
        let rest: u64 = damages(&items).iter().map(|d| d.len).sum();
        if let Some(last) = damages(&items).last() {
            assert_eq!(last.offset + last.len, cut as u64);
            assert_eq!(rest, last.len);
        }
    }
}

#[test]
fn damaged_at_200_places_it_yields_every_run_that_is_whole() {
    let (bytes, records, _) = bundle();
    let mut runner = TestRunner::deterministic();
    for n in 0..200 {
        let one = (0..bytes.len(), 1..256u16, 1..40usize);
        let (mut at, change, len) = one.new_tree(&mut runner).unwrap().current();
        // In the magic one byte each; the genesis' marker behind it must then be whole.
        at = if n < 8 { n } else { at.max(8) };
        let end = (at + if n < 8 { 1 } else { len }).min(bytes.len());
        let mut damaged = bytes.clone();
        damaged[at..end].iter_mut().for_each(|b| *b ^= change as u8);
        if at == 7 {
            let mut reader = Reader::default();
            reader.push(&damaged);
            assert!(matches!(reader.next_item(), Err(BundleError::Version(_))));
            continue;
        }
        let (items, complete) = read(&damaged, 1000);
        let touched = |r: &std::ops::Range<usize>| r.start < end && at < r.end;
        let whole: Vec<_> = records
            .iter()
            .filter(|(r, _)| !touched(r))
            .map(|(_, r)| r)
            .collect();
        assert_eq!(runs(&items), whole, "bytes {at}..{end}");
        let located = damages(&items);
        let covers = |d: &Damage| d.offset <= at as u64 && end as u64 <= d.offset + d.len;
        assert!(
            located.iter().any(|d| covers(d)),
            "bytes {at}..{end}: {located:?}"
        );
        assert!(located.len() == 1, "{located:?}");
        assert!(!complete || at < 8, "bytes {at}..{end}");
    }
}

/// Random bytes between whole records cost only themselves.
#[test]
fn noise_between_records_is_skipped() {
    let (bytes, records, _) = bundle();
    let at = records[10].0.end;
    let noise = [&[0x9e, b'M', b'R'][..], &[0x55; 5000]].concat();
    let noisy = [&bytes[..at], &noise, &bytes[at..]].concat();
    let (items, complete) = read(&noisy, 333);
    assert_eq!(runs(&items).len(), records.len());
    let located = Damage {
        offset: at as u64,
        len: noise.len() as u64,
    };
    assert_eq!(damages(&items), [&located]);
    assert!(complete, "all records are there");
}

#[test]
fn other_files_and_later_versions_are_named() {
    let refuse = |bytes: &[u8]| {
        let mut reader = Reader::default();
        reader.push(bytes);
        reader.finish();
        reader.next_item().unwrap_err()
    };
    assert_eq!(refuse(b""), BundleError::NotABundle);
    assert_eq!(
        refuse(b"PK\x03\x04 something else"),
        BundleError::NotABundle
    );
    assert_eq!(refuse(b"MUSTERB"), BundleError::NotABundle);
    assert_eq!(refuse(b"MUSTERB2 and more"), BundleError::Version('2'));
}

/// Regression: each marker was believed and up to 256 KiB hashed behind it, and what was skipped was
/// moved out byte by byte: hashing of up to 29,000 times the file. Memory stays bounded as well.
#[test]
fn a_file_of_markers_is_read_in_linear_time() {
    let (good, records, _) = bundle();
    let len = 200 * 1024u32;
    let head = [&[0x9e, b'M', b'R', 0x0a, 3][..], &len.to_le_bytes()].concat();
    let hostile: Vec<u8> = head.iter().copied().cycle().take(4 * 1024 * 1024).collect();
    let file = [&good[..good.len() - 60], &hostile, &good[8..]].concat();
    let mut reader = Reader::default();
    let mut found = 0;
    for piece in file.chunks(64 * 1024).chain([&[][..]]) {
        match piece {
            [] => reader.finish(),
            _ => reader.push(piece),
        }
        while let Some(item) = reader.next_item().unwrap() {
            found += usize::from(matches!(item, Item::Run(_)));
        }
        assert!(reader.wasted() <= 8 * 1024 * 1024 + 4 * file.len() as u64);
    }
    assert!(found >= records.len());
}
