//! Receiving: runs to the door, receipts back, and a bounded place to wait for runs whose author is
//! not known yet.

use std::collections::BTreeMap;

use crate::{
    book::Book,
    codec::Bounded,
    ids::{DeviceId, Lane},
    limits::{BROKEN_RUNS, OUTSTANDING_BYTES, OUTSTANDING_RUNS, PARKED_BYTES, PARKED_RUNS},
};

use super::{
    CloseReason, Effect, Outcome, Reason, Ticket,
    frame::{self, ACKS, Ack, Claim, Frame, Packed, verdict},
    open::{Open, send},
};

struct Incoming {
    /// The peer's number; none for a run that was receipted as parked.
    number: Option<u64>,
    claim: Claim,
    bytes: usize,
}

struct Parked {
    claim: Claim,
    run: Vec<u8>,
}

/// What came and is not settled.
#[derive(Default)]
pub(super) struct Inbox {
    outstanding: BTreeMap<Ticket, Incoming>,
    bytes: usize,
    parked: Vec<Parked>,
    parked_bytes: usize,
    next: u64,
    broken: u32,
}

impl Inbox {
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    pub(super) fn parked(&self) -> usize {
        self.parked.len()
    }

    /// What comes from now on has a ticket beyond this.
    pub(super) fn mark(&self) -> u64 {
        self.next
    }

    /// Whether all that came up to a mark is settled.
    pub(super) fn stored_before(&self, mark: u64) -> bool {
        self.outstanding
            .first_key_value()
            .is_none_or(|(ticket, _)| ticket.0 > mark)
    }

    fn hand_out(&mut self, number: Option<u64>, claim: Claim, run: Vec<u8>, fx: &mut Vec<Effect>) {
        self.next += 1;
        let ticket = Ticket(self.next);
        let bytes = run.len();
        self.bytes += bytes;
        let incoming = Incoming {
            number,
            claim,
            bytes,
        };
        self.outstanding.insert(ticket, incoming);
        fx.push(Effect::Deliver { ticket, run });
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.parked.len() < PARKED_RUNS && self.parked_bytes + bytes <= PARKED_BYTES
    }

    /// Keeps a run until its author is known.
    fn park(&mut self, claim: Claim, run: Vec<u8>) {
        self.parked_bytes += run.len();
        self.parked.push(Parked { claim, run });
    }

    fn unpark(&mut self, known: impl Fn(&DeviceId) -> bool) -> Vec<Parked> {
        let parked = std::mem::take(&mut self.parked);
        let (ready, waiting): (Vec<_>, Vec<_>) =
            parked.into_iter().partition(|p| known(&p.claim.log.device));
        self.parked = waiting;
        let freed: usize = ready.iter().map(|p| p.run.len()).sum();
        self.parked_bytes = self.parked_bytes.saturating_sub(freed);
        ready
    }
}

impl Open {
    /// A run of the peer, not yet looked at.
    pub(super) fn run_came(
        &mut self,
        book: &Book,
        packed: Packed,
        fx: &mut Vec<Effect>,
    ) -> Result<(), CloseReason> {
        self.stats.runs_received += 1;
        self.moved = true;
        let number = packed.number;
        let run = frame::unpack(packed)?;
        if self.inbox.outstanding() >= OUTSTANDING_RUNS
            || self.inbox.bytes + run.len() > OUTSTANDING_BYTES
        {
            return Err(CloseReason::Flood);
        }
        let refused = match frame::claim(&run) {
            Err(_) => (None, Reason::Malformed),
            Ok(claim) if claim.log.lane != Lane::AUTHORITY && !self.is_member() => {
                (Some(claim), Reason::NotAdmitted)
            }
            Ok(claim) if book.authority().knows(&claim.log.device) => {
                let here = book.log(&claim.log.id(&book.incident()));
                if claim.log.device == self.me && here.is_none_or(|l| claim.to > l.contiguous()) {
                    self.own_ahead(claim.log, fx);
                }
                self.inbox.hand_out(Some(number), claim, run, fx);
                return Ok(());
            }
            Ok(claim) if self.inbox.has_room(run.len()) => {
                self.inbox.park(claim, run);
                self.receipt(number, verdict::PARKED, fx);
                return Ok(());
            }
            Ok(claim) => (Some(claim), Reason::Busy),
        };
        let (claim, reason) = refused;
        self.receipt(number, reason.wire(), fx);
        self.count(claim.as_ref(), reason, fx)
    }

    fn receipt(&self, number: u64, verdict: u8, fx: &mut Vec<Effect>) {
        let ack = Ack {
            number,
            verdict,
            count: 0,
        };
        self.receipts(&[ack], fx);
    }

    fn receipts(&self, acks: &[Ack], fx: &mut Vec<Effect>) {
        for chunk in acks.chunks(ACKS) {
            let chunk = Bounded::try_from(chunk.to_vec()).unwrap_or_default();
            send(fx, &Frame::Acks(chunk));
        }
    }

    /// Counts a refusal and names it.
    fn count(
        &mut self,
        claim: Option<&Claim>,
        reason: Reason,
        fx: &mut Vec<Effect>,
    ) -> Result<(), CloseReason> {
        *self.stats.refused.entry(reason.code()).or_default() += 1;
        fx.push(Effect::Refused {
            log: claim.map(|c| c.log),
            reason,
        });
        if !reason.honest() {
            self.inbox.broken += 1;
            if self.inbox.broken > BROKEN_RUNS {
                return Err(CloseReason::Broken);
            }
        }
        Ok(())
    }

    /// Runs whose authors are known by now go to the door; they were receipted as parked.
    pub(super) fn retry_parked(&mut self, book: &Book, fx: &mut Vec<Effect>) {
        let authority = book.authority();
        for parked in self.inbox.unpark(|device| authority.knows(device)) {
            self.inbox.hand_out(None, parked.claim, parked.run, fx);
        }
    }

    pub(super) fn stored(
        &mut self,
        book: &Book,
        outcomes: &[(Ticket, Outcome)],
        fx: &mut Vec<Effect>,
    ) -> Result<(), CloseReason> {
        let mut acks = Vec::new();
        for (ticket, outcome) in outcomes {
            let Some(incoming) = self.inbox.outstanding.remove(ticket) else {
                continue;
            };
            self.inbox.bytes = self.inbox.bytes.saturating_sub(incoming.bytes);
            let claim = incoming.claim;
            let id = claim.log.id(&book.incident());
            let verdict = match outcome {
                Outcome::Admitted(admitted) => {
                    self.unsettle(book);
                    self.stats.entries_received += admitted.fresh;
                    match book.log(&id).filter(|log| log.is_forked()) {
                        Some(log) => {
                            // The first of another history: what the peer has must be asked.
                            if !self.outbox.is_tangled(&id) {
                                self.ask_trail(book, id, fx);
                            }
                            self.outbox.came_on_branch(log, &admitted.run);
                        }
                        None => self.outbox.came(id, claim.from, claim.to),
                    }
                    self.learnt(book, admitted, fx);
                    verdict::STORED
                }
                Outcome::Known => {
                    self.outbox.came(id, claim.from, claim.to);
                    verdict::KNOWN
                }
                Outcome::Refused(refusal) => {
                    let reason = Reason::from(refusal);
                    self.count(Some(&claim), reason, fx)?;
                    reason.wire()
                }
                Outcome::NotStored => {
                    self.count(Some(&claim), Reason::NotStored, fx)?;
                    Reason::NotStored.wire()
                }
                Outcome::Delayed(delay) => {
                    let reason = Reason::from(*delay);
                    self.count(Some(&claim), reason, fx)?;
                    reason.wire()
                }
            };
            if let Some(number) = incoming.number {
                let count = book.log(&id).map_or(0, |log| log.contiguous());
                acks.push(Ack {
                    number,
                    verdict,
                    count,
                });
            }
        }
        if self.is_parting(book, fx)? {
            return Ok(());
        }
        self.receipts(&acks, fx);
        self.settle(book, fx)
    }
}
