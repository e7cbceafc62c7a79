//! The runs as they are stored, so that the warehouse can be rebuilt from itself.
//!
//! How entries are cut into runs must not tell in which order the files came. Hence the rule: a run
//! is stored from the place after one known signature to the next known signature, however they came
//! packed. A later signature in the middle cuts a stored run in two; a longer run joins onto shorter
//! ones. Of two signatures at one place the smaller stays; a part that was absent and comes is put in.
//! Of a forked log each signature of each branch has its run: entries that two branches share, and
//! that no signature of their own follows, stand in both.

use std::collections::BTreeMap;

use muster_log::{
    book::Book,
    chain::{self, MAX_RUN, Run, VerifiedRun},
    entry::{Entry, LogKey, PartBody},
    ids::{EntryHash, LogId},
    run,
};
use muster_model::value::time_text;
use rusqlite::params;

use crate::{conn::Db, error::HqError};

/// One stored run.
struct Stored {
    first: i64,
    head: String,
    bytes: Vec<u8>,
}

/// An entry, with the hashes of the chain at it and before it.
struct Linked {
    entry: Entry,
    before: EntryHash,
}

type Entries = BTreeMap<(u64, EntryHash), Linked>;

/// The entries of a run by place and hash.
fn linked(run: &VerifiedRun) -> impl Iterator<Item = ((u64, EntryHash), Linked)> {
    let befores = std::iter::once(run.before()).chain(run.entries().iter().map(|e| e.hash()));
    run.entries().iter().zip(befores).map(|(e, before)| {
        let entry = e.entry().clone();
        ((e.seq().0, e.hash()), Linked { entry, before })
    })
}

/// A place as SQLite holds it; the door lets no higher one in.
pub(crate) fn place(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// Stores an admitted run. Whether anything changed.
pub(crate) fn store(db: &Db, book: &Book, run: &VerifiedRun) -> Result<bool, HqError> {
    let incident = book.incident();
    let log = run.id();
    let (first, last) = (place(run.first().0), place(run.last().0));
    let touching = db.all(
        "SELECT first, head, bytes FROM runs
         WHERE log = ?1 AND first > ?2 AND first <= ?3 AND last >= ?4 ORDER BY first, head",
        params![log.hex(), first.saturating_sub(MAX_RUN as i64), last, first],
        |row| {
            Ok(Stored {
                first: row.get(0)?,
                head: row.get(1)?,
                bytes: row.get(2)?,
            })
        },
    )?;
    if touching.is_empty() {
        write(db, run)?;
        return Ok(true);
    }
    let mut entries = Entries::new();
    for stored in &touching {
        let damaged = |e: String| db.damaged(format!("a stored run of log {log}: {e}"));
        let old = run::decode(&incident, &stored.bytes).map_err(|e| damaged(e.to_string()))?;
        let old = chain::reopen(&incident, old).map_err(|e| damaged(e.to_string()))?;
        merge(&mut entries, linked(&old));
    }
    // Only the signature at the end was checked; those within were dropped with the check.
    merge(&mut entries, linked(run));
    let mut fresh: BTreeMap<(i64, String), VerifiedRun> = BTreeMap::new();
    for cut in cut_at_signatures(run.log(), &entries) {
        let run = chain::reopen(&incident, cut)
            .map_err(|e| db.damaged(format!("log {log}, put together anew: {e}")))?;
        fresh.insert((place(run.first().0), run.head().hex()), run);
    }
    replace(db, &log, &touching, fresh)
}

fn merge(entries: &mut Entries, more: impl Iterator<Item = ((u64, EntryHash), Linked)>) {
    for (key, linked) in more {
        match entries.get_mut(&key) {
            Some(known) => join(&mut known.entry, linked.entry),
            None => {
                entries.insert(key, linked);
            }
        }
    }
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

/// A run for each signature: from the place after the signature before it, on its own branch.
fn cut_at_signatures(log: &LogKey, entries: &Entries) -> Vec<Run> {
    let mut out = Vec::new();
    let signed = |l: &Linked| l.entry.signature.is_some();
    for ((seq, _), end) in entries.iter().filter(|(_, l)| signed(l)) {
        let (mut seq, mut before) = (*seq, end.before);
        let mut chain = vec![end.entry.clone()];
        while let Some(below) = seq.checked_sub(1)
            && let Some(linked) = entries.get(&(below, before)).filter(|l| !signed(l))
        {
            chain.push(linked.entry.clone());
            (seq, before) = (below, linked.before);
        }
        chain.reverse();
        out.push(Run {
            log: *log,
            before,
            entries: chain,
        });
    }
    out
}

/// Puts the fresh runs where the touching ones were; what stays the same is not written.
fn replace(
    db: &Db,
    log: &LogId,
    touching: &[Stored],
    mut fresh: BTreeMap<(i64, String), VerifiedRun>,
) -> Result<bool, HqError> {
    let mut changed = false;
    for stored in touching {
        let key = (stored.first, stored.head.clone());
        let same = fresh
            .get(&key)
            .is_some_and(|run| run::encode(&run.to_run()) == stored.bytes);
        if same {
            fresh.remove(&key);
            continue;
        }
        changed = true;
        db.run(
            "DELETE FROM runs WHERE log = ? AND first = ? AND head = ?",
            params![log.hex(), stored.first, stored.head],
        )?;
    }
    for run in fresh.values() {
        write(db, run)?;
        changed = true;
    }
    Ok(changed)
}

/// Writes one run and the rows of its entries.
pub(crate) fn write(db: &Db, verified: &VerifiedRun) -> Result<(), HqError> {
    let hex = verified.id().hex();
    let run = verified.to_run();
    db.run(
        "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)",
        params![
            hex,
            place(verified.first().0),
            verified.head().hex(),
            place(verified.last().0),
            run.log.lane.0,
            run::encode(&run),
        ],
    )?;
    let device = run.log.device.hex();
    let generation = generation_text(run.log.generation.0);
    for entry in verified.entries() {
        let header = entry.header();
        let absent = entry.parts().iter().filter(|p| **p == PartBody::Absent);
        db.run(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET signed = excluded.signed, absent = excluded.absent",
            params![
                hex,
                place(header.seq.0),
                entry.hash().hex(),
                device,
                generation,
                run.log.lane.0,
                place(header.lamport.0),
                time_text(header.claimed),
                header.kind,
                header.urgency,
                header.grant.hex(),
                entry.signature().is_some(),
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
    let stored: Option<i64> = db.first(
        "SELECT 1 FROM runs
         WHERE log = ?1 AND first > ?2 AND first <= ?3 AND last = ?3 AND substr(bytes, -64) = ?4",
        params![
            log.hex(),
            place(last).saturating_sub(MAX_RUN as i64),
            place(last),
            signature
        ],
        |row| row.get(0),
    )?;
    Ok(stored.is_some() && !has_absent(db, log, first, last)?)
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
