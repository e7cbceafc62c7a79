//! Figures of the store alone: `weigh DIRECTORY fill|acks|open [CACHE]`. Not a test; prints what it sees.
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use muster_store::fs::RealFs;
use muster_store::index::{Index, Opened};
use muster_store::journal::Journal;
use muster_store::{DataDir, Marker, PassphraseCost, Unlock};

fn memory(what: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status
        .lines()
        .filter(|l| l.starts_with("VmRSS") || l.starts_with("VmHWM"));
    println!(
        "{what}: {}",
        lines.collect::<Vec<_>>().join(" ").replace('\t', " ")
    );
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (path, verb) = (
        args.next().unwrap_or_default(),
        args.next().unwrap_or_default(),
    );
    let path = Path::new(&path);
    let fs = Arc::new(RealFs);
    let mut state = 1_u64;
    let mut random = |buf: &mut [u8]| {
        for byte in buf {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *byte = (state >> 56).to_le_bytes()[0];
        }
    };
    let unlock = Unlock::DefaultKeyFile;
    let dir = if verb == "open" {
        DataDir::open(fs, path, &unlock)?
    } else {
        DataDir::create(fs, path, &unlock, PassphraseCost::default(), &mut random)?
    };
    let start = Instant::now();
    let (mut journal, _) = Journal::open(&dir, muster_store::journal::Options::default())?;
    println!(
        "journal open: {:?}, {} bytes",
        start.elapsed(),
        journal.bytes()
    );
    memory("journal");
    let record = |i: u32| [i.to_le_bytes().repeat(75)].concat();
    if verb == "acks" {
        for i in 0..1000 {
            journal.append(&[&record(i)], &mut random)?;
            journal.sync()?;
        }
        println!("1000 acknowledged single writes: {:?}", start.elapsed());
        return Ok(());
    }
    let start = Instant::now();
    if verb == "fill" {
        for group in 0..100 {
            let group: Vec<_> = (0..1000).map(|i| record(group * 1000 + i)).collect();
            let slices: Vec<_> = group.iter().map(Vec::as_slice).collect();
            journal.append(&slices, &mut random)?;
            journal.sync()?;
        }
        println!(
            "100000 records of 300 bytes, synced by 1000: {:?}",
            start.elapsed()
        );
    }
    let start = Instant::now();
    println!(
        "scan: {} records in {:?}",
        journal.scan(None)?.count(),
        start.elapsed()
    );
    memory("scanned");
    let start = Instant::now();
    let mut options = muster_store::index::Options::default();
    if let Some(cache) = args.next() {
        options.cache = cache.parse()?;
    }
    let opened = Index::open(&dir.index_path(), dir.key(), 1, options, &mut |b| b.fill(1))?;
    println!(
        "index open: {:?}, ready {}",
        start.elapsed(),
        matches!(opened, Opened::Ready(_))
    );
    let mut index = opened.into_index();
    memory("index");
    if verb == "fill" {
        let start = Instant::now();
        for group in 0..20_u32 {
            let puts = (0..1000).map(|i| {
                (
                    1,
                    (group * 1000 + i).to_le_bytes().to_vec(),
                    record(i).repeat(5),
                )
            });
            let marker = Marker {
                position: journal.end(),
                schema: 1,
                meta: Vec::new(),
            };
            index.checkpoint(puts.collect(), Vec::new(), marker)?;
        }
        println!(
            "20000 objects of 1500 bytes in 20 checkpoints: {:?}",
            start.elapsed()
        );
    }
    println!(
        "index: {} entries, {} bytes on disk",
        index.count(),
        index.bytes()?
    );
    memory("end");
    journal.close()?;
    Ok(())
}
