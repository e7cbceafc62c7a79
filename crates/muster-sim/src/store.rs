//! A store in memory: entries by log and place. Stands where a journal will.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    chain::{Run, VerifiedRun},
    entry::{Entry, LogKey},
    ids::EntryHash,
    session::ReadRequest,
};

struct Stored {
    entry: Entry,
    before: EntryHash,
}

/// All entries of one device.
#[derive(Default)]
pub struct MemoryStore {
    logs: BTreeMap<LogKey, BTreeMap<u64, Stored>>,
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
            let seq = verified.seq().0;
            if seq == run.first().0 && !log.contains_key(&seq) {
                starts.insert(seq);
            }
            let entry = verified.entry();
            let stored = log.entry(seq).or_insert_with(|| Stored {
                entry: entry.clone(),
                before,
            });
            if stored.entry.signature.is_none() {
                stored.entry.signature = entry.signature;
            }
            before = verified.hash();
        }
    }

    /// Answers a session.
    pub fn read(&self, request: &ReadRequest) -> Vec<Run> {
        let Some(log) = self.logs.get(&request.log) else {
            return Vec::new();
        };
        let starts = self.starts.get(&request.log);
        let from = starts
            .and_then(|s| s.range(..=request.from.0).next_back().copied())
            .unwrap_or(request.from.0);
        let mut runs: Vec<Run> = Vec::new();
        let (mut wanted, mut bytes, mut due) = (0, 0, from);
        let mut open = false;
        for (seq, stored) in log.range(from..) {
            if *seq != due || (!open && *seq > request.to.0) {
                break;
            }
            if !open && (wanted >= request.entries || bytes >= request.bytes) {
                break;
            }
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
            wanted += usize::from(*seq >= request.from.0);
            let parts = stored.entry.header.parts.iter();
            bytes += parts.map(|p| p.len as usize).sum::<usize>();
            due += 1;
        }
        if open {
            runs.pop();
        }
        runs
    }

    /// Everything of a lane, each stretch up to its last signature as runs, log after log.
    pub fn lane(&self, lane: muster_log::ids::Lane) -> Vec<Run> {
        let logs = self.logs.iter().filter(|(key, _)| key.lane == lane);
        logs.flat_map(|(key, entries)| {
            let (first, last) = (entries.first_key_value(), entries.last_key_value());
            let (first, last) = (first.map_or(0, |e| *e.0), last.map_or(0, |e| *e.0));
            self.read(&ReadRequest::whole(*key, first, last))
        })
        .collect()
    }
}
