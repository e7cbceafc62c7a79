//! The runs as they are stored, so that the warehouse can be rebuilt from itself.
//!
//! How entries are cut into runs must not tell in which order the files came. Hence the rule: a run
//! is stored from the place after one known signature to the next known signature, however they came
//! packed. A later signature in the middle cuts a stored run in two; a longer run joins onto shorter
//! ones. Of two signatures at one place the smaller stays; a part that was absent and comes is put in.

use std::collections::BTreeMap;

use muster_log::{
    book::Book,
    chain::{MAX_RUN, Run},
    entry::{Entry, PartBody},
    ids::{EntryHash, LogId, Seq},
    run,
};
use muster_model::value::time_text;
use rusqlite::params;

use crate::{conn::Db, error::HqError};

/// One stored run.
struct Stored {
    first: i64,
    bytes: Vec<u8>,
}

/// A place as SQLite holds it; the door lets no higher one in.
pub(crate) fn place(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// Stores an admitted run; `book` counts its entries as here. Whether anything changed.
pub(crate) fn store(db: &Db, book: &Book, mut run: Run) -> Result<bool, HqError> {
    let incident = book.incident();
    let log = run.log.id(&incident);
    let (Some(first), Some(last)) = (run.entries.first(), run.entries.last()) else {
        return Ok(false);
    };
    let (first, last) = (place(first.header.seq.0), place(last.header.seq.0));
    // Only the signature at the end was checked.
    let end = run.entries.len().saturating_sub(1);
    run.entries
        .iter_mut()
        .take(end)
        .for_each(|e| e.signature = None);

    let touching = db.all(
        "SELECT first, bytes FROM runs WHERE log = ?1 AND first > ?2 AND first <= ?3 AND last >= ?4
         ORDER BY first",
        params![log.hex(), first.saturating_sub(MAX_RUN as i64), last, first],
        |row| {
            Ok(Stored {
                first: row.get(0)?,
                bytes: row.get(1)?,
            })
        },
    )?;
    if touching.is_empty() {
        write(db, book, &log, &run)?;
        return Ok(true);
    }

    let mut entries: BTreeMap<u64, Entry> = BTreeMap::new();
    for stored in &touching {
        let old = run::decode(&incident, &stored.bytes)
            .map_err(|e| db.damaged(format!("a stored run of log {log}: {e}")))?;
        entries.extend(old.entries.into_iter().map(|e| (e.header.seq.0, e)));
    }
    for entry in run.entries {
        match entries.get_mut(&entry.header.seq.0) {
            Some(known) => join(known, entry),
            None => {
                entries.insert(entry.header.seq.0, entry);
            }
        }
    }
    let before = |seq: Seq| {
        let heads = book.log(&log);
        heads
            .and_then(|h| h.before(seq))
            .ok_or_else(|| db.damaged(format!("log {log} has no chain at {seq}")))
    };
    let mut fresh: BTreeMap<i64, Run> = BTreeMap::new();
    for entries in cut_at_signatures(entries.into_values()) {
        let Some(first) = entries.first().map(|e| e.header.seq) else {
            continue;
        };
        let before: EntryHash = before(first)?;
        let run = Run {
            log: run.log,
            before,
            entries,
        };
        fresh.insert(place(first.0), run);
    }
    replace(db, book, &log, &touching, fresh)
}

/// Takes over what a second copy of an entry has and the first has not.
fn join(known: &mut Entry, other: Entry) {
    for (body, offered) in known.parts.iter_mut().zip(other.parts) {
        if *body == PartBody::Absent {
            *body = offered;
        }
    }
    known.signature = match (known.signature, other.signature) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
}

fn cut_at_signatures(entries: impl Iterator<Item = Entry>) -> Vec<Vec<Entry>> {
    let mut out = vec![Vec::new()];
    for entry in entries {
        let ends = entry.signature.is_some();
        if let Some(last) = out.last_mut() {
            last.push(entry);
        }
        if ends {
            out.push(Vec::new());
        }
    }
    out.retain(|run| !run.is_empty());
    out
}

/// Puts the fresh runs where the touching ones were; what stays the same is not written.
fn replace(
    db: &Db,
    book: &Book,
    log: &LogId,
    touching: &[Stored],
    mut fresh: BTreeMap<i64, Run>,
) -> Result<bool, HqError> {
    let mut changed = false;
    for stored in touching {
        let same = fresh
            .get(&stored.first)
            .is_some_and(|run| run::encode(run) == stored.bytes);
        if same {
            fresh.remove(&stored.first);
            continue;
        }
        changed = true;
        db.run(
            "DELETE FROM runs WHERE log = ? AND first = ?",
            params![log.hex(), stored.first],
        )?;
    }
    for run in fresh.values() {
        write(db, book, log, run)?;
        changed = true;
    }
    Ok(changed)
}

/// Writes one run and the rows of its entries.
pub(crate) fn write(db: &Db, book: &Book, log: &LogId, run: &Run) -> Result<(), HqError> {
    let hex = log.hex();
    let (Some(first), Some(last)) = (run.entries.first(), run.entries.last()) else {
        return Ok(());
    };
    db.run(
        "INSERT INTO runs VALUES (?, ?, ?, ?, ?)",
        params![
            hex,
            place(first.header.seq.0),
            place(last.header.seq.0),
            run.log.lane.0,
            run::encode(run),
        ],
    )?;
    let heads = book.log(log);
    let device = run.log.device.hex();
    let generation = generation_text(run.log.generation.0);
    for entry in &run.entries {
        let header = &entry.header;
        let hash = heads
            .and_then(|h| h.hash_at(header.seq))
            .ok_or_else(|| db.damaged(format!("log {hex} has no entry {}", header.seq)))?;
        let absent = entry.parts.iter().filter(|p| **p == PartBody::Absent);
        db.run(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET signed = excluded.signed, absent = excluded.absent",
            params![
                hex,
                place(header.seq.0),
                device,
                generation,
                run.log.lane.0,
                hash.hex(),
                place(header.lamport.0),
                time_text(header.claimed),
                header.kind,
                header.urgency,
                header.grant.hex(),
                entry.signature.is_some(),
                header.parts.len() as i64,
                absent.count() as i64,
            ],
        )?;
    }
    Ok(())
}

/// A generation as the tables show it.
pub(crate) fn generation_text(generation: u64) -> String {
    format!("{generation:016x}")
}

/// Whether the run that ends there is stored with this very signature, and nothing absent between.
pub(crate) fn has_signature(
    db: &Db,
    log: &LogId,
    first: u64,
    last: u64,
    signature: &[u8],
) -> Result<bool, HqError> {
    let stored: Option<Vec<u8>> = db.first(
        "SELECT substr(bytes, -64) FROM runs
         WHERE log = ?1 AND first > ?2 AND first <= ?3 AND last = ?3",
        params![
            log.hex(),
            place(last).saturating_sub(MAX_RUN as i64),
            place(last)
        ],
        |row| row.get(0),
    )?;
    Ok(stored.as_deref() == Some(signature) && !has_absent(db, log, first, last)?)
}

/// Whether a part of these entries is not here.
pub(crate) fn has_absent(db: &Db, log: &LogId, first: u64, last: u64) -> Result<bool, HqError> {
    let found: Option<i64> = db.first(
        "SELECT 1 FROM entries WHERE log = ? AND seq BETWEEN ? AND ? AND absent > 0 LIMIT 1",
        params![log.hex(), place(first), place(last)],
        |row| row.get(0),
    )?;
    Ok(found.is_some())
}
