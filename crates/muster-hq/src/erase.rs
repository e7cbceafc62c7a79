//! Taking out of the warehouse what is erased, whichever came first, the erasure or the entry.
//!
//! The tables are computed anew after it, so values derived from it go too; what SQLite frees it
//! overwrites (`secure_delete`). Files that were exported before are out of reach.

use std::collections::BTreeSet;

use muster_log::{
    book::Book,
    chain::{self, MAX_RUN},
    ids::LogId,
    run,
};
use rusqlite::params;

use crate::{
    conn::Db,
    error::HqError,
    runs::{self, place},
};

/// Rewrites every stored run, and every one that waits, that holds an erased part.
pub(crate) fn erase(db: &Db, book: &Book) -> Result<(), HqError> {
    if book.erased().is_empty() {
        return Ok(());
    }
    let incident = book.incident();
    // Of a forked log several runs may hold a place.
    let mut holding: BTreeSet<(LogId, i64, String)> = BTreeSet::new();
    for (log, seq, _) in book.erased().places() {
        let runs: Vec<(i64, String)> = db.all(
            "SELECT first, head FROM runs
             WHERE log = ?1 AND first > ?2 AND first <= ?3 AND last >= ?3",
            params![
                log.hex(),
                place(seq.0).saturating_sub(MAX_RUN as i64),
                place(seq.0)
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        holding.extend(runs.into_iter().map(|(first, head)| (log, first, head)));
    }
    for (log, first, head) in holding {
        let key = params![log.hex(), first, head];
        let stored: Option<Vec<u8>> = db.first(
            "SELECT bytes FROM runs WHERE log = ? AND first = ? AND head = ?",
            key,
            |row| row.get(0),
        )?;
        let Some(bytes) = stored else { continue };
        let damaged = |e: String| db.damaged(format!("a stored run of log {log}: {e}"));
        let run = run::decode(&incident, &bytes).map_err(|e| damaged(e.to_string()))?;
        let mut run = chain::reopen(&incident, run).map_err(|e| damaged(e.to_string()))?;
        if book.erased().strip(&mut run) {
            db.run(
                "DELETE FROM runs WHERE log = ? AND first = ? AND head = ?",
                key,
            )?;
            runs::write(db, &run)?;
        }
    }
    waiting(db, book)
}

/// Runs that wait to be admitted keep their names, by which they are known when they come again.
fn waiting(db: &Db, book: &Book) -> Result<(), HqError> {
    let all: Vec<(String, Vec<u8>)> = db.all(
        "SELECT run, waiting FROM refused WHERE waiting IS NOT NULL",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for (name, bytes) in all {
        let Ok(mut run) = run::decode(&book.incident(), &bytes) else {
            continue;
        };
        if book.erased().strip_run(&book.incident(), &mut run) {
            db.run(
                "UPDATE refused SET waiting = ?2 WHERE run = ?1",
                params![name, run::encode(&run)],
            )?;
        }
    }
    Ok(())
}
