//! Reading entries back out of the journal, for peers, bundles and people.

use muster_log::{
    book::{Book, Refusal},
    chain::{self, VerifiedRun},
    entry::VerifiedEntry,
    frontier::LineId,
    ids::{IncidentId, LogId, Seq},
    record, run,
    session::ReadRequest,
};

use super::Engine;
use crate::error::NodeError;

impl Engine {
    /// The stored run that holds the entry at a place of a log's first line, from that entry on.
    pub fn run_from(&self, log: &LogId, seq: Seq) -> Result<Option<VerifiedRun>, NodeError> {
        self.run_on(log, LineId::first(*log), seq)
    }

    /// The stored run that holds the entry at a place of a line, from that entry on. Where its
    /// signature lies on another branch, so does its end.
    pub fn run_on(
        &self,
        log: &LogId,
        line: LineId,
        seq: Seq,
    ) -> Result<Option<VerifiedRun>, NodeError> {
        let Some(heads) = self.book.log(log) else {
            return Ok(None);
        };
        let wanted = match heads.is_forked() {
            true => match heads.hash_on(line, seq) {
                Some(hash) => Some(hash),
                None => return Ok(None),
            },
            // Whatever is stored of the place is it.
            false => None,
        };
        for position in self.places.find(log, seq) {
            let bytes = self.journal.read(position)?;
            let run = read_kept(&self.book, &self.book.incident(), &bytes)?;
            let skip = seq.0.saturating_sub(run.first().0);
            let rest = run.suffix(usize::try_from(skip).unwrap_or(usize::MAX));
            let here = rest.as_ref().and_then(|r| r.entries().first());
            if wanted.is_none() || here.map(VerifiedEntry::hash) == wanted {
                return Ok(rest);
            }
        }
        Ok(None)
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

    /// Runs of a log's first line from a place to another: see [`Self::runs_on`].
    pub fn runs(
        &self,
        log: &LogId,
        from: Seq,
        to: Seq,
        budget: usize,
    ) -> Result<Vec<chain::Run>, NodeError> {
        let page = self.runs_on(log, LineId::first(*log), (from, to), budget)?;
        Ok(page.runs)
    }

    /// Runs of a line from a place to another, merged so that one signature stands for up to 64
    /// entries, until about `budget` bytes are encoded. Stops at a gap, and after a run that ends on
    /// another branch.
    pub fn runs_on(
        &self,
        log: &LogId,
        line: LineId,
        (from, to): (Seq, Seq),
        budget: usize,
    ) -> Result<Page, NodeError> {
        let mut out: Vec<chain::Run> = Vec::new();
        let (mut at, mut bytes, mut last_bytes) = (from, 0, 0);
        while at <= to && bytes < budget {
            let Some(stored) = self.run_on(log, line, at)? else {
                break;
            };
            let on_line = self.on_line(log, line, &stored);
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
            at = Seq(at.0.saturating_add(on_line.max(1)));
            if on_line < stored.entries().len() as u64 {
                break;
            }
        }
        Ok(Page {
            runs: out,
            next: at,
        })
    }

    /// Answers a session's question.
    pub fn answer(&self, request: &ReadRequest) -> Result<Vec<chain::Run>, NodeError> {
        let id = request.log.id(&self.book.incident());
        let line = self.book.log(&id);
        let Some(line) = line.and_then(|l| l.line_of(request.from, &request.hash)) else {
            return Ok(Vec::new());
        };
        let places = (request.from, request.to);
        Ok(self.runs_on(&id, line, places, request.bytes)?.runs)
    }

    /// How many of a run's first entries lie on a line.
    pub fn on_line(&self, log: &LogId, line: LineId, run: &VerifiedRun) -> u64 {
        match self.book.log(log).filter(|l| l.is_forked()) {
            None => run.entries().len() as u64,
            Some(heads) => {
                let on = |e: &&VerifiedEntry| heads.hash_on(line, e.seq()) == Some(e.hash());
                run.entries().iter().take_while(on).count() as u64
            }
        }
    }
}

/// Runs that were read, and how far they go.
#[derive(Debug)]
pub struct Page {
    /// The runs, in order.
    pub runs: Vec<chain::Run>,
    /// The first place of the line that is not in them.
    pub next: Seq,
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
