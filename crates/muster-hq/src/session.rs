//! The book of a warehouse, rebuilt from the runs it stores.

use std::collections::BTreeMap;

use muster_log::{
    book::{Book, Refusal},
    genesis::Genesis,
    keyring::KeyRing,
};
use rusqlite::params;

use crate::{conn::Db, error::HqError};

/// Takes up every stored run again. Their signatures were checked when they came.
///
/// Lane 0 first; there a log may wait for the admission of its author in another log, so the logs
/// are gone through in rounds until all are read.
pub(crate) fn rebuild(db: &Db, genesis: &Genesis, keys: KeyRing) -> Result<Book, HqError> {
    let mut book = Book::new(genesis.clone(), keys);
    let mut todo: BTreeMap<(i64, String), i64> = db
        .all("SELECT DISTINCT lane, log FROM runs", [], |row| {
            Ok(((row.get(0)?, row.get(1)?), 0))
        })?
        .into_iter()
        .collect();
    while !todo.is_empty() {
        let mut progress = false;
        let mut left = BTreeMap::new();
        for ((lane, log), after) in todo {
            let (reached, waits) = reopen_log(db, &mut book, &log, after)?;
            progress |= reached > after;
            if let Some(refusal) = waits {
                left.insert((lane, log), (reached, refusal));
            }
        }
        if let (false, Some(((_, log), (at, refusal)))) = (progress, left.first_key_value()) {
            return Err(db.damaged(format!("log {log} after run {at}: {refusal}")));
        }
        todo = left.into_iter().map(|(key, (at, _))| (key, at)).collect();
    }
    Ok(book)
}

/// Reopens the runs of a log from the one of a number on. Gives how far it came, and what it waits
/// for.
fn reopen_log(
    db: &Db,
    book: &mut Book,
    log: &str,
    after: i64,
) -> Result<(i64, Option<Refusal>), HqError> {
    let mut reached = after;
    let mut waits = None;
    db.each(
        "SELECT bytes FROM runs WHERE log = ? ORDER BY first, head LIMIT -1 OFFSET ?",
        params![log, after],
        |row| {
            if waits.is_some() {
                return Ok(());
            }
            let bytes: Vec<u8> = row.get(0).map_err(|e| db.fail(e))?;
            match book.reopen(&bytes) {
                // In another order there may be a piece more than are kept of a forked log.
                Ok(_) | Err(Refusal::Fork { .. }) => reached += 1,
                Err(r @ (Refusal::UnknownAuthor(_) | Refusal::Allowance { .. })) => {
                    waits = Some(r);
                }
                Err(r) => return Err(db.damaged(format!("log {log} after run {reached}: {r}"))),
            }
            Ok(())
        },
    )?;
    Ok((reached, waits))
}
