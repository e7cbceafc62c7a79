//! Taking out of the warehouse what is erased, whichever came first, the erasure or the entry.
//!
//! The tables are computed anew after it, so values derived from it go too; what SQLite frees it
//! overwrites (`secure_delete`). Files that were exported before are out of reach.

use muster_log::{book::Book, run};
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
    // Places come log by log, in order: a run is looked at once.
    let mut done = None;
    for (log, seq, _) in book.erased().places() {
        if done.is_some_and(|(of, last)| of == log && place(seq.0) <= last) {
            continue;
        }
        let stored: Option<(i64, i64, Vec<u8>)> = db.first(
            "SELECT first, last, bytes FROM runs WHERE log = ?1 AND first <= ?2 AND last >= ?2",
            params![log.hex(), place(seq.0)],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        let Some((first, last, bytes)) = stored else {
            continue;
        };
        done = Some((log, last));
        let decoded = run::decode(&incident, &bytes);
        let mut run = decoded.map_err(|e| db.damaged(format!("a stored run of log {log}: {e}")))?;
        if book.erased().strip_run(&incident, &mut run) {
            db.run(
                "DELETE FROM runs WHERE log = ? AND first = ?",
                params![log.hex(), first],
            )?;
            runs::write(db, book, &log, &run)?;
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
