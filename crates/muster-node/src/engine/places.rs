//! Where in the journal each log's runs lie. It lives in memory and is rebuilt at every start.

use std::collections::BTreeMap;

use muster_log::{
    chain::{MAX_RUN, VerifiedRun},
    entry::PartBody,
    ids::{LogId, Seq},
};
use muster_store::Position;

#[derive(Debug, Clone, Copy)]
struct Stored {
    position: Position,
    /// Every part is there: such a copy is read rather than one with gaps.
    whole: bool,
}

/// Runs by log, first place and length. Runs may overlap: one that filled a gap may repeat what lay
/// beyond it.
#[derive(Debug, Default)]
pub struct Places {
    logs: BTreeMap<LogId, BTreeMap<(u64, u16), Stored>>,
}

impl Places {
    /// Notes where a run was stored.
    pub fn note(&mut self, run: &VerifiedRun, position: Position) {
        let count = u16::try_from(run.entries().len()).unwrap_or(u16::MAX);
        let mut parts = run.entries().iter().flat_map(|e| e.parts());
        let whole = !parts.any(|p| matches!(p, PartBody::Absent));
        let runs = self.logs.entry(run.id()).or_default();
        let stored = Stored { position, whole };
        match runs.get(&(run.first().0, count)) {
            Some(known) if known.whole && !whole => {}
            _ => {
                runs.insert((run.first().0, count), stored);
            }
        }
    }

    /// The stored run that holds an entry.
    pub fn find(&self, log: &LogId, seq: Seq) -> Option<Position> {
        let runs = self.logs.get(log)?;
        let lowest = seq.0.saturating_sub(MAX_RUN as u64 - 1);
        let covering = runs
            .range((lowest, 0)..=(seq.0, u16::MAX))
            .rev()
            .filter(|((first, count), _)| seq.0 - first < u64::from(*count));
        let mut any = None;
        for (_, stored) in covering {
            if stored.whole {
                return Some(stored.position);
            }
            any.get_or_insert(stored.position);
        }
        any
    }
}
