//! Reading entries back out of the journal, for peers, bundles and people.

use muster_log::{
    book::{Book, Refusal},
    chain::{self, VerifiedRun},
    ids::{IncidentId, LogId, Seq},
    record, run,
};

use super::Engine;
use crate::error::NodeError;

impl Engine {
    /// The stored run that holds an entry, from that entry on.
    pub fn run_from(&self, log: &LogId, seq: Seq) -> Result<Option<VerifiedRun>, NodeError> {
        let Some(position) = self.place(log, seq) else {
            return Ok(None);
        };
        let bytes = self.journal.read(position)?;
        let run = read_kept(&self.book, &self.book.incident(), &bytes)?;
        let skip = seq.0.saturating_sub(run.first().0);
        Ok(run.suffix(usize::try_from(skip).unwrap_or(usize::MAX)))
    }

    /// Gives each run of the journal, as it was written.
    pub(super) fn each_run(
        &self,
        mut with: impl FnMut(&Self, &VerifiedRun),
    ) -> Result<(), NodeError> {
        let incident = self.book.incident();
        for item in self.journal.scan(None)? {
            let (_, bytes) = item?;
            with(self, &read_kept(&self.book, &incident, &bytes)?);
        }
        Ok(())
    }

    /// Runs of a log from a place to another, merged so that one signature stands for up to 64
    /// entries, until about `budget` bytes are encoded. Stops at a gap.
    pub fn runs(
        &self,
        log: &LogId,
        from: Seq,
        to: Seq,
        budget: usize,
    ) -> Result<Vec<chain::Run>, NodeError> {
        let mut out: Vec<chain::Run> = Vec::new();
        let (mut at, mut bytes, mut last_bytes) = (from, 0, 0);
        while at <= to && bytes < budget {
            let Some(stored) = self.run_from(log, at)? else {
                break;
            };
            let next = stored.last().next();
            let run = stored.to_run();
            let size = run_size(&run);
            bytes += size;
            match out.last_mut() {
                Some(last)
                    if last.entries.len() + run.entries.len() <= chain::MAX_RUN
                        && last_bytes + size <= chain::RUN_BYTES =>
                {
                    if let Some(end) = last.entries.last_mut() {
                        end.signature = None;
                    }
                    last.entries.extend(run.entries);
                    last_bytes += size;
                }
                _ => {
                    last_bytes = size;
                    out.push(run);
                }
            }
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        Ok(out)
    }
}

/// A record of the journal as the run it holds; its signature was checked before it was written.
pub(super) fn read_back(incident: &IncidentId, record: &[u8]) -> Result<VerifiedRun, NodeError> {
    let (_, bytes) = record::decode(record)?;
    let run = run::decode(incident, bytes).map_err(Refusal::from)?;
    Ok(chain::reopen(incident, run).map_err(Refusal::from)?)
}

/// The same without what is erased: it may not be destroyed yet.
pub(super) fn read_kept(
    book: &Book,
    incident: &IncidentId,
    record: &[u8],
) -> Result<VerifiedRun, NodeError> {
    let mut run = read_back(incident, record)?;
    book.erased().strip(&mut run);
    Ok(run)
}

fn run_size(run: &chain::Run) -> usize {
    let parts = run.entries.iter().flat_map(|e| e.header.parts.iter());
    parts.map(|p| p.len as usize).sum::<usize>() + run.entries.len() * 160
}
