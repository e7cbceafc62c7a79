//! Logs whose authors signed two histories: showing them to those who have neither, and leaving this
//! device's own ones.

use muster_log::{
    act::{Act, Branch, ForkProof},
    chain::VerifiedRun,
    codec::Bounded,
    entry::{LogKey, VerifiedEntry, kind},
    frontier::LogHeads,
    ids::{EntryHash, Lane, Millis, Seq},
};

use super::Engine;
use crate::error::NodeError;

impl Engine {
    /// Writes a proof for each fork that is seen here and that nobody has proven so far, at its place
    /// or before it. Any member may, whatever its role: a proof stands by itself.
    pub fn tend_forks(
        &mut self,
        now: Millis,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(), NodeError> {
        if self.own_grant().is_none() {
            return Ok(());
        }
        let authority = self.book.authority();
        let unproven: Vec<(LogKey, Seq)> = authority
            .forks()
            .filter_map(|(log, _)| {
                let heads = self.book.log(&log.id(&self.incident()))?;
                let seen = heads.forked_at()?;
                let proven = authority.fork_proven_at(log).is_some_and(|at| at <= seen);
                let again = self.forks_tried.get(log).is_some_and(|at| *at <= seen);
                (!proven && !again).then_some((*log, seen))
            })
            .collect();
        for (log, seq) in unproven {
            let Some(proof) = self.fork_proof(&log, seq)? else {
                // What leads to one of the branches is not here yet.
                continue;
            };
            // Once, whatever comes of it.
            self.forks_tried.insert(log, seq);
            let act = Act::Fork(Box::new(proof));
            self.write_acts(kind::FORK, &[act], now, random)?;
        }
        Ok(())
    }

    /// The proof of a fork, if two branches are here from their parting on.
    fn fork_proof(&self, log: &LogKey, seq: Seq) -> Result<Option<ForkProof>, NodeError> {
        let id = log.id(&self.incident());
        let Some(heads) = self.book.log(&id) else {
            return Ok(None);
        };
        let mut branches = Vec::new();
        let mut before = None;
        for (hash, line) in partings(heads, seq) {
            let Some(run) = self.run_on(&id, line, seq)? else {
                continue;
            };
            before = heads.before_of(seq, &hash);
            branches.extend(branch(&run));
            if branches.len() == 2 {
                break;
            }
        }
        let mut branches = branches.into_iter();
        let (Some(before), Some(one), Some(other)) = (before, branches.next(), branches.next())
        else {
            return Ok(None);
        };
        let proof = ForkProof {
            log: *log,
            seq,
            before,
            branches: (one, other),
        };
        Ok(proof.holds(&self.incident()).then_some(proof))
    }

    /// Leaves logs of this device's own that are forked: what is written on goes into a new
    /// generation. Says whether that was so.
    pub(super) fn leave_forked(
        &mut self,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<bool, NodeError> {
        let own = [Lane::AUTHORITY, Lane::DATA].map(|lane| self.own_log(lane));
        let authority = self.book.authority();
        let forked = own.iter().any(|log| authority.forked_at(log).is_some());
        if forked {
            self.renew(random)?;
        }
        Ok(forked)
    }
}

/// The entries at a place at which branches part, in the order of their hashes.
fn partings(heads: &LogHeads, seq: Seq) -> Vec<(EntryHash, muster_log::frontier::LineId)> {
    let pieces = heads.stretches();
    let at = pieces.iter().filter(|p| (p.from..=p.to).contains(&seq));
    let mut out: Vec<_> = at
        .filter_map(|p| Some((heads.hash_on(p.line, seq)?, p.line)))
        .collect();
    out.sort();
    out
}

/// A branch up to the first signature that is here.
fn branch(run: &VerifiedRun) -> Option<Branch> {
    let signature = run.entries().last()?.signature()?;
    let digests: Vec<_> = run.entries().iter().map(VerifiedEntry::digest).collect();
    Some(Branch {
        digests: Bounded::try_from(digests).ok()?,
        signature,
    })
}
