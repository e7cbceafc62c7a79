//! Where in the journal each log's runs lie. It lives in memory and is rebuilt at every start.

use std::collections::BTreeMap;

use muster_log::{
    chain::VerifiedRun,
    ids::{LogId, Seq},
};
use muster_store::Position;

#[derive(Debug, Clone, Copy)]
struct Stored {
    count: u16,
    position: Position,
}

/// Runs by log and first place.
#[derive(Debug, Default)]
pub struct Places {
    logs: BTreeMap<LogId, BTreeMap<u64, Stored>>,
}

impl Places {
    /// Notes where a run was stored. Of two that begin at the same place the longer one stays.
    pub fn note(&mut self, run: &VerifiedRun, position: Position) {
        let count = u16::try_from(run.entries().len()).unwrap_or(u16::MAX);
        let runs = self.logs.entry(run.id()).or_default();
        let stored = Stored { count, position };
        match runs.get(&run.first().0) {
            Some(known) if known.count >= count => {}
            _ => {
                runs.insert(run.first().0, stored);
            }
        }
    }

    /// The stored run that holds an entry.
    pub fn find(&self, log: &LogId, seq: Seq) -> Option<Position> {
        let runs = self.logs.get(log)?;
        let (first, stored) = runs.range(..=seq.0).next_back()?;
        (seq.0 - first < u64::from(stored.count)).then_some(stored.position)
    }
}
