//! Letting go of a peer whose membership has ended: it gets the entry that ended it, and nothing
//! more; nothing more is taken from it either. Whoever has not heard of the ending cannot be stopped
//! from here, and cannot bring the device back: their entries do not lift what they do not name.

use crate::{
    authority::Membership,
    book::Book,
    chain::Run,
    ids::Seq,
    run::{self, MAX_RUN_BYTES},
};

use super::{
    CloseReason, Effect, ReadId, ReadRequest,
    frame::{self, Frame},
    open::{Open, send},
};

/// Beyond all reads of the outbox.
const READ: ReadId = ReadId(u64::MAX);
/// The entry is signed within so many: no run is longer.
const WITHIN: u64 = 64;

impl Open {
    /// Whether the peer is being let go. The first time, what was still to be sent to it is dropped,
    /// and the entry that ended it is asked for.
    pub(super) fn is_parting(
        &mut self,
        book: &Book,
        fx: &mut Vec<Effect>,
    ) -> Result<bool, CloseReason> {
        if self.parting.is_some() {
            return Ok(true);
        }
        let Membership::Ended(ending) = book.authority().membership(&self.peer()) else {
            return Ok(false);
        };
        fx.push(Effect::Discard);
        let Some(place) = ending.map(|e| e.place) else {
            return Err(CloseReason::Revoked(self.peer()));
        };
        let last = book
            .log(&place.log.id(&book.incident()))
            .and_then(|log| log.last())
            .unwrap_or(place.seq);
        self.parting = Some((place.log, place.seq, place.hash));
        fx.push(Effect::Read(ReadRequest {
            id: READ,
            log: place.log,
            from: place.seq,
            hash: place.hash,
            to: last.min(Seq(place.seq.0.saturating_add(WITHIN))),
            entries: WITHIN as usize,
            bytes: MAX_RUN_BYTES,
        }));
        Ok(true)
    }

    /// The answer to that question: hands the entry over, and ends the session.
    pub(super) fn part(
        &mut self,
        book: &Book,
        id: ReadId,
        runs: Vec<Run>,
        fx: &mut Vec<Effect>,
    ) -> Result<(), CloseReason> {
        let Some((log, seq, hash)) = self.parting.filter(|_| id == READ) else {
            return Ok(());
        };
        let mut entries = Vec::new();
        let all = runs.into_iter().filter(|run| run.log == log);
        for entry in all.flat_map(|run| run.entries) {
            let due = Seq(seq.0.saturating_add(entries.len() as u64));
            if entry.header.seq == due {
                let signed = entry.signature.is_some();
                entries.push(entry);
                if signed {
                    break;
                }
            }
        }
        let before = book
            .log(&log.id(&book.incident()))
            .and_then(|l| l.before_of(seq, &hash));
        if let Some(before) = before.filter(|_| !entries.is_empty()) {
            let run = Run {
                log,
                before,
                entries,
            };
            let encoded = run::encode(&run);
            if encoded.len() <= MAX_RUN_BYTES {
                send(fx, &Frame::Run(frame::pack(0, encoded)));
            }
        }
        Err(CloseReason::Revoked(self.peer()))
    }
}
