//! What is missing: places below a log's highest, and stretches that a bundle's list of contents
//! names and that did not come.

use std::collections::BTreeMap;

use muster_log::{
    book::Book,
    bundle::Stretch,
    entry::LogKey,
    frontier::LogHeads,
    ids::{DeviceId, Generation, Lane},
};
use rusqlite::{Row, params};

use crate::{
    conn::Db,
    error::HqError,
    runs::{generation_text, place},
};

/// A stretch of a log that is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) log: LogKey,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// `chain`: a later entry proves it; `contents`: a bundle says so, and nothing proves it.
    pub(crate) known_by: &'static str,
}

/// Remembers what a bundle says it holds. Nobody signed that; places no log reaches are left out.
pub(crate) fn promise(db: &Db, stretches: &[Stretch]) -> Result<(), HqError> {
    for s in stretches {
        let sane = s.from <= s.to && i64::try_from(s.to.0).is_ok();
        if sane {
            insert(db, &s.log, s.from.0, s.to.0)?;
        }
    }
    Ok(())
}

fn insert(db: &Db, log: &LogKey, from: u64, to: u64) -> Result<(), HqError> {
    db.run(
        "INSERT OR IGNORE INTO promised VALUES (?, ?, ?, ?, ?)",
        params![
            log.device.hex(),
            generation_text(log.generation.0),
            log.lane.0,
            place(from),
            place(to),
        ],
    )?;
    Ok(())
}

type Intervals = Vec<(u64, u64)>;

fn read(row: &Row<'_>) -> rusqlite::Result<Option<(LogKey, u64, u64)>> {
    let (device, generation): (String, String) = (row.get(0)?, row.get(1)?);
    let (lane, from, to): (u8, i64, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
    let log = DeviceId::from_hex(&device)
        .zip(u64::from_str_radix(&generation, 16).ok())
        .map(|(device, generation)| LogKey {
            device,
            generation: Generation(generation),
            lane: Lane(lane),
        });
    let places = u64::try_from(from).ok().zip(u64::try_from(to).ok());
    Ok(log.zip(places).map(|(log, (from, to))| (log, from, to)))
}

/// Joins overlapping promises, so that their number follows the logs and not the files.
fn merged(db: &Db) -> Result<BTreeMap<LogKey, Intervals>, HqError> {
    let mut out: BTreeMap<LogKey, Intervals> = BTreeMap::new();
    let mut rows = 0;
    db.each(
        "SELECT device, generation, lane, \"from\", \"to\" FROM promised
         ORDER BY device, generation, lane, \"from\"",
        [],
        |row| {
            rows += 1;
            if let Some((log, from, to)) = read(row).map_err(|e| db.fail(e))? {
                let all = out.entry(log).or_default();
                match all.last_mut() {
                    Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                    _ => all.push((from, to)),
                }
            }
            Ok(())
        },
    )?;
    if rows > out.values().map(Vec::len).sum::<usize>() {
        db.run("DELETE FROM promised", [])?;
        for (log, all) in &out {
            for (from, to) in all {
                insert(db, log, *from, *to)?;
            }
        }
    }
    Ok(out)
}

/// The places of a log that are here on any branch, as stretches in order.
fn here(heads: &LogHeads) -> Intervals {
    let pieces = heads.stretches();
    let mut out: Intervals = pieces.iter().map(|p| (p.from.0, p.to.0)).collect();
    out.sort_unstable();
    out
}

/// What of `wanted` is not in `here`; both in order.
fn without(wanted: (u64, u64), here: &Intervals) -> Intervals {
    let mut out = Intervals::new();
    let (mut at, to) = wanted;
    for (first, last) in here {
        if *last < at {
            continue;
        }
        if *first > to {
            break;
        }
        if *first > at {
            out.push((at, first - 1));
        }
        match last.checked_add(1) {
            Some(next) if next <= to => at = next,
            _ => return out,
        }
    }
    out.push((at, to));
    out
}

/// All gaps, by log and place.
pub(crate) fn gaps(db: &Db, book: &Book) -> Result<Vec<Gap>, HqError> {
    let mut out = Vec::new();
    let mut add = |log: LogKey, all: Intervals, known_by| {
        out.extend(all.into_iter().map(|(from, to)| Gap {
            log,
            from,
            to,
            known_by,
        }));
    };
    let logs: BTreeMap<LogKey, &LogHeads> = book
        .logs()
        .filter(|l| l.count() > 0)
        .map(|l| (*l.key(), l))
        .collect();
    for (log, heads) in &logs {
        if let Some(last) = heads.last() {
            add(*log, without((0, last.0), &here(heads)), "chain");
        }
    }
    for (log, promised) in merged(db)? {
        let highest = logs.get(&log).and_then(|l| l.last());
        let beyond = highest.map_or(Some(0), |s| s.0.checked_add(1));
        let Some(beyond) = beyond else { continue };
        for (from, to) in promised {
            if to >= beyond {
                add(log, vec![(from.max(beyond), to)], "contents");
            }
        }
    }
    out.sort_by_key(|g| (g.log, g.from));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_between() {
        let here = vec![(0, 3), (6, 6), (9, 12)];
        assert_eq!(without((0, 12), &here), [(4, 5), (7, 8)]);
        assert_eq!(without((2, 20), &here), [(4, 5), (7, 8), (13, 20)]);
        assert_eq!(without((13, 14), &here), [(13, 14)]);
        assert_eq!(without((0, 0), &vec![]), [(0, 0)]);
        assert_eq!(without((1, 2), &here), []);
    }
}
