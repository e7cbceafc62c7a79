//! A store in memory: entries by log and place. Stands where a journal will.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    book::Book,
    chain::{Run, VerifiedRun},
    entry::{Entry, LogKey},
    frontier::{LineId, LogHeads},
    ids::{EntryHash, Seq},
    session::ReadRequest,
};

struct Stored {
    entry: Entry,
    before: EntryHash,
    hash: EntryHash,
}

/// All entries of one device.
#[derive(Default)]
pub struct MemoryStore {
    /// At each place the entries of all branches.
    logs: BTreeMap<LogKey, BTreeMap<u64, Vec<Stored>>>,
    /// Where runs began: reads start there, as they do in a journal.
    starts: BTreeMap<LogKey, BTreeSet<u64>>,
}

impl MemoryStore {
    /// Takes in an admitted run.
    pub fn put(&mut self, run: &VerifiedRun) {
        let log = self.logs.entry(*run.log()).or_default();
        let starts = self.starts.entry(*run.log()).or_default();
        let mut before = run.before();
        for verified in run.entries() {
            let (seq, hash) = (verified.seq().0, verified.hash());
            let here = log.entry(seq).or_default();
            if seq == run.first().0 && here.is_empty() {
                starts.insert(seq);
            }
            let entry = verified.entry();
            match here.iter_mut().find(|s| s.hash == hash) {
                Some(stored) if stored.entry.signature.is_none() => {
                    stored.entry.signature = entry.signature;
                }
                Some(_) => {}
                None => here.push(Stored {
                    entry: entry.clone(),
                    before,
                    hash,
                }),
            }
            before = hash;
        }
    }

    /// Answers a session.
    pub fn read(&self, request: &ReadRequest, book: &Book) -> Vec<Run> {
        let heads = book.log(&request.log.id(&book.incident()));
        let line = heads.and_then(|l| l.line_of(request.from, &request.hash));
        match (heads, line, self.logs.get(&request.log)) {
            (Some(heads), Some(line), Some(log)) => self.read_line(request, log, heads, line),
            _ => Vec::new(),
        }
    }

    fn read_line(
        &self,
        request: &ReadRequest,
        log: &BTreeMap<u64, Vec<Stored>>,
        heads: &LogHeads,
        line: LineId,
    ) -> Vec<Run> {
        let Some((from, mut before)) = self.start(request, log) else {
            return Vec::new();
        };
        let mut runs: Vec<Run> = Vec::new();
        let (mut wanted, mut bytes, mut due) = (0, 0, from);
        let (mut open, mut left) = (false, false);
        loop {
            // On the line where that goes on, else on the way to a signature.
            let here = log.get(&due).into_iter().flatten();
            let on_line = |s: &Stored| heads.hash_on(line, Seq(due)) == Some(s.hash);
            let next = here.filter(|s| s.before == before);
            let Some(stored) = next.max_by_key(|s| on_line(s)) else {
                break;
            };
            if !open && (due > request.to.0 || left) {
                break;
            }
            if !open && (wanted >= request.entries || bytes >= request.bytes) {
                break;
            }
            left |= due >= request.from.0 && !on_line(stored);
            if !open {
                runs.push(Run {
                    log: request.log,
                    before: stored.before,
                    entries: Vec::new(),
                });
            }
            open = stored.entry.signature.is_none();
            if let Some(run) = runs.last_mut() {
                run.entries.push(stored.entry.clone());
            }
            wanted += usize::from(due >= request.from.0);
            let parts = stored.entry.header.parts.iter();
            bytes += parts.map(|p| p.len as usize).sum::<usize>();
            (due, before) = (due + 1, stored.hash);
        }
        if open {
            runs.pop();
        }
        runs
    }

    /// The place where the run began that holds the entry asked for, and the hash before it.
    fn start(
        &self,
        request: &ReadRequest,
        log: &BTreeMap<u64, Vec<Stored>>,
    ) -> Option<(u64, EntryHash)> {
        let starts = self.starts.get(&request.log);
        let (mut seq, mut hash) = (request.from.0, request.hash);
        loop {
            let stored = log.get(&seq)?.iter().find(|s| s.hash == hash)?;
            let begins = starts.is_none_or(|s| s.contains(&seq));
            let below = seq.checked_sub(1).filter(|_| !begins);
            let held = below.and_then(|b| log.get(&b));
            let held = held.is_some_and(|all| all.iter().any(|s| s.hash == stored.before));
            match below {
                Some(below) if held => (seq, hash) = (below, stored.before),
                _ => return Some((seq, stored.before)),
            }
        }
    }

    /// Everything of a lane, each log up to its last signature as runs, log after log.
    pub fn lane(&self, lane: muster_log::ids::Lane, book: &Book) -> Vec<Run> {
        let logs = self.logs.iter().filter(|(key, _)| key.lane == lane);
        logs.flat_map(|(key, entries)| {
            let first = entries.first_key_value();
            let first = first.and_then(|(seq, all)| Some((*seq, all.first()?.hash)));
            let last = entries.last_key_value().map_or(0, |e| *e.0);
            first.map_or_else(Vec::new, |(first, hash)| {
                self.read(&ReadRequest::whole(*key, first, hash, last), book)
            })
        })
        .collect()
    }
}
