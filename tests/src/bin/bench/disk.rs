//! The journal beside sled: the same records, one durable write each, and in groups.

use std::{fs, path::Path, sync::Arc, time::Instant};

use muster_log::{ids::Seq, run};
use muster_node::daemon::random;
use muster_store::{DataDir, Journal, PassphraseCost, fs::RealFs, journal::Options, keys::Unlock};
use serde_json::{Value as Json, json};

use crate::{Outcome, load, median, say};

const RECORDS: usize = 3_000;
const SINGLE: usize = 500;
const ROUNDS: usize = 3;

/// Writes the same records to both, in turn, and gives the middle of the rounds.
pub fn compare(work: &Path, home: &Path) -> Outcome<Json> {
    let records = records(home)?;
    let [mut journal, mut journal_groups, mut sled, mut sled_groups] = [const { Vec::new() }; 4];
    for round in 0..ROUNDS {
        let path = work.join(format!("journal{round}"));
        journal.push(by_journal(&path.join("1"), &records, 1)?);
        journal_groups.push(by_journal(&path.join("2"), &records, load::GROUP)?);
        fs::remove_dir_all(&path)?;
        let path = work.join(format!("sled{round}"));
        sled.push(by_sled(&path.join("1"), &records, 1)?);
        sled_groups.push(by_sled(&path.join("2"), &records, load::GROUP)?);
        fs::remove_dir_all(&path)?;
    }
    let out = json!({
        "records": RECORDS, "group": load::GROUP,
        "journal_single_per_s": median(journal).round(),
        "journal_group_per_s": median(journal_groups).round(),
        "sled_single_per_s": median(sled).round(),
        "sled_group_per_s": median(sled_groups).round(),
    });
    say(&format!("journal and sled, fdatasync each: {out}"));
    Ok(out)
}

fn records(home: &Path) -> Outcome<Vec<Vec<u8>>> {
    let (engine, _) = load::open(home)?;
    let longest = engine.book().logs().max_by_key(|l| l.count());
    let log = longest.ok_or("no log")?.id();
    let mut out = Vec::new();
    for seq in 0..RECORDS as u64 {
        if let Some(stored) = engine.run_from(&log, Seq(seq))? {
            out.push(run::encode(&stored.to_run()));
        }
    }
    Ok(out)
}

fn count(group: usize) -> usize {
    if group == 1 { SINGLE } else { RECORDS }
}

fn by_journal(path: &Path, records: &[Vec<u8>], group: usize) -> Outcome<f64> {
    let (fs, unlock) = (Arc::new(RealFs), Unlock::DefaultKeyFile);
    let dir = DataDir::create(fs, path, &unlock, PassphraseCost::default(), &mut random)?;
    let (mut journal, _) = Journal::open(&dir, Options::default())?;
    let count = count(group).min(records.len());
    let start = Instant::now();
    for chunk in records.get(..count).unwrap_or_default().chunks(group) {
        let chunk: Vec<&[u8]> = chunk.iter().map(Vec::as_slice).collect();
        journal.append(&chunk, &mut random)?;
        journal.sync()?;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

/// sled's own flush is no barrier against a power cut: its file is synced besides.
fn by_sled(path: &Path, records: &[Vec<u8>], group: usize) -> Outcome<f64> {
    let db = sled::Config::new().path(path).flush_every_ms(None).open()?;
    let file = fs::File::open(path.join("db"))?;
    let count = count(group).min(records.len());
    let start = Instant::now();
    let mut key = 0_u64;
    for chunk in records.get(..count).unwrap_or_default().chunks(group) {
        let mut batch = sled::Batch::default();
        for record in chunk {
            batch.insert(&key.to_be_bytes(), record.as_slice());
            key += 1;
        }
        db.apply_batch(batch)?;
        db.flush()?;
        file.sync_data()?;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}
