//! The node's state and the one way it changes: through the door, into the journal, into the model.
//!
//! [`Engine`] owns the data directory. It is not concurrent and waits for nothing but the disk: the
//! loop in [`crate::daemon`] calls it, and acknowledges nothing before [`Engine::flush`].

mod apply;
mod audience;
mod erase;
mod forks;
mod judge;
mod keys;
pub mod met;
mod open;
mod places;
mod read;
mod share;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
    sync::Arc,
};

use muster_log::{
    act::Audience,
    authority::Grant,
    book::{Admitted, Book, Received, Refusal},
    chain::DeviceKey,
    device::{self, Secrets},
    entry::LogKey,
    genesis::Genesis,
    ids::{Class, DeviceId, GrantId, IncidentId, KeyId, Lane, LogId, Millis, Seq},
    keyring::KeyRing,
    readers::Readers,
    record::{self, Source},
    seal::ClassKey,
};
use muster_model::state::State;
use muster_store::{DataDir, Index, Journal, JournalError, journal};

pub use apply::{Change, Counters};
pub use erase::{Erasure, Found};
pub use open::{OpenReport, read_only_book};
pub use read::Page;
pub use write::{PartWrites, Written};

use crate::{error::NodeError, reserve::Room};
use erase::Erasing;
use places::Places;

/// Entries between two checkpoints of the index.
const CHECKPOINT_EVERY: u64 = 20_000;

/// A device in an incident, open for work.
pub struct Engine {
    dir: DataDir,
    journal: Journal,
    index: Option<Index>,
    /// Where it lies, whether it serves or not.
    index_path: Option<PathBuf>,
    secrets: Secrets,
    /// The signing key out of the secrets, with its public half: that half is costly to compute.
    key: DeviceKey,
    book: Book,
    state: State,
    places: Places,
    counters: Counters,
    /// Entries whose grant is not known yet, by that grant.
    pending: BTreeMap<GrantId, u64>,
    /// Parts that could not be read for want of a key, by that key.
    unreadable: BTreeMap<KeyId, u64>,
    /// What changed since somebody last asked, for those who watch.
    changes: VecDeque<Change>,
    /// Runs admitted since the last flush, to be passed on to neighbours.
    admitted: Vec<Admitted>,
    since_checkpoint: u64,
    /// Grants and keys that became known since the last flush.
    late: (Vec<GrantId>, Vec<KeyId>),
    /// Who reads which key; computed when asked for, until lane 0 moves.
    readers: Option<Readers>,
    /// The keys to write under, until lane 0 moves.
    writing: BTreeMap<(Class, Audience), ClassKey>,
    /// The grants that act for a person, a team or a site, until lane 0 moves.
    acting: Option<Arc<Vec<Grant>>>,
    /// Something in lane 0 may ask for keys to be handed out.
    keys_moved: bool,
    /// Devices whose entries are to be judged again.
    judged: BTreeSet<DeviceId>,
    /// Forks for which this device has written a proof since it was opened, by place.
    forks_tried: BTreeMap<LogKey, Seq>,
    erasing: Erasing,
    dirty: bool,
    broken: bool,
    /// What is remembered of those met.
    met: met::Met,
    operator: Option<String>,
    /// What the disk has room for.
    room: Room,
}

/// How the journal is kept.
pub fn journal_options() -> journal::Options {
    journal::Options::default()
}

/// Reads the device's secrets out of an unlocked directory.
pub fn read_secrets(dir: &DataDir) -> Result<Secrets, NodeError> {
    let bytes = dir.read_secret(device::FILE)?.ok_or(NodeError::NoDevice)?;
    Ok(Secrets::from_bytes(&bytes)?)
}

/// A book with nothing in it but the genesis.
pub fn empty_book(genesis: &Genesis, secrets: &Secrets) -> Book {
    Book::new(
        genesis.clone(),
        KeyRing::new(secrets.device(), secrets.exchange()),
    )
}

impl Engine {
    /// Which entries are here, and who may write.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// What the entries mean.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The device's secrets.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// This device.
    pub fn device(&self) -> DeviceId {
        self.key.id()
    }

    /// The incident.
    pub fn incident(&self) -> IncidentId {
        self.book.incident()
    }

    /// The grant this device writes under, if it still has one by what is known. Of several the most
    /// senior: a promotion is a second grant.
    pub fn own_grant(&self) -> Option<&Grant> {
        self.book.authority().best_grant(&self.device())
    }

    /// What was refused, and what waits.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many entries wait for a grant.
    pub fn pending(&self) -> u64 {
        self.pending.values().sum()
    }

    /// How many parts cannot be read here.
    pub fn unreadable(&self) -> u64 {
        self.unreadable.values().sum()
    }

    /// The data directory.
    pub fn dir(&self) -> &DataDir {
        &self.dir
    }

    /// What the disk has room for, as was said last.
    pub fn room(&self) -> Room {
        self.room
    }

    /// Says what the disk has room for.
    pub fn set_room(&mut self, room: Room) {
        self.room = room;
    }

    /// Bytes in the journal.
    pub fn journal_bytes(&self) -> u64 {
        self.journal.bytes()
    }

    /// What changed since this was last called.
    pub fn take_changes(&mut self) -> Vec<Change> {
        self.changes.drain(..).collect()
    }

    /// Runs admitted and made durable since this was last called.
    pub fn take_admitted(&mut self) -> Vec<Admitted> {
        let mut out = std::mem::take(&mut self.admitted);
        if !self.book.erased().is_empty() {
            // What came before the erasure that names it goes on without it.
            for admitted in &mut out {
                self.book.erased().strip(Arc::make_mut(&mut admitted.run));
            }
        }
        out
    }

    /// Offers an encoded run to the door. What is admitted is appended to the journal and applied;
    /// it must not be acknowledged before [`Self::flush`].
    pub fn receive(
        &mut self,
        bytes: &[u8],
        source: Source,
        now: Millis,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Result<Received, Refusal>, NodeError> {
        self.check_whole()?;
        let admitted = match self.book.receive(bytes) {
            Ok(Received::Admitted(admitted)) => admitted,
            Ok(Received::Known) => return Ok(Ok(Received::Known)),
            Err(refusal) => {
                self.counters.refused(&refusal);
                return Ok(Err(refusal));
            }
        };
        // From here on the book counts it: until it is stored and applied, nothing must be said.
        self.broken = true;
        self.take_in(&admitted, source, now, random)?;
        self.broken = false;
        Ok(Ok(Received::Admitted(admitted)))
    }

    /// Stores and applies what the book has admitted.
    fn take_in(
        &mut self,
        admitted: &Admitted,
        source: Source,
        now: Millis,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(), NodeError> {
        let run = muster_log::run::encode_verified(&admitted.run);
        let record = record::encode(now, source, &run);
        let positions = self.journal.append(&[&record], random)?;
        self.dirty = true;
        if let Some(position) = positions.first() {
            self.places.note(&admitted.run, *position);
        }
        let log = *admitted.run.log();
        if log.lane == Lane::AUTHORITY {
            self.readers = None;
            self.acting = None;
            self.writing.clear();
            self.keys_moved = true;
        }
        if source != Source::Own && admitted.fresh > 0 && log == self.own_log(log.lane) {
            // Entries of this very log came back from elsewhere: the directory is an older copy, or
            // has a twin. Places beyond them may have been signed as well.
            self.renew(random)?;
        }
        if self.book.authority().forks().next().is_some() {
            self.leave_forked(random)?;
        }
        self.apply_run(&admitted.run);
        self.since_checkpoint += admitted.fresh;
        self.late.0.extend(&admitted.grants);
        self.late.1.extend(&admitted.keys);
        self.judged.extend(&admitted.judged);
        self.erasing.heard(&admitted.erased);
        self.admitted.push(admitted.clone());
        Ok(())
    }

    /// A broken engine does nothing more: a second try that seems to work would hide the first.
    fn check_whole(&self) -> Result<(), NodeError> {
        match self.is_broken() {
            true => Err(JournalError::Poisoned.into()),
            false => Ok(()),
        }
    }

    /// Opens a new generation of this device's logs: the next entry starts fresh ones.
    pub fn renew_generation(&mut self, random: &mut dyn FnMut(&mut [u8])) -> Result<(), NodeError> {
        self.check_whole()?;
        self.renew(random)
    }

    fn renew(&mut self, random: &mut dyn FnMut(&mut [u8])) -> Result<(), NodeError> {
        self.secrets.renew_generation(random);
        let bytes = self.secrets.to_bytes();
        let written = self.dir.write_secret(device::FILE, &bytes, random);
        // Which generation the disk holds now is in doubt.
        self.broken |= written.is_err();
        Ok(written?)
    }

    /// What another device is known to have, log by log. This version remembers nothing of past
    /// contacts yet.
    pub fn remembered(&self, _device: &DeviceId) -> Option<BTreeMap<LogId, u64>> {
        None
    }

    /// What is remembered of those met.
    pub fn met(&self) -> &met::Met {
        &self.met
    }

    /// The device has all of lane 0 that is here, as was seen.
    pub fn note_heard(&mut self, device: DeviceId) {
        self.met.has_heard(device, self.book.authority());
    }

    /// The device is being brought all of lane 0 that is here.
    pub fn note_handed(&mut self, device: DeviceId) {
        self.met.is_handed(device, self.book.authority());
    }

    /// A device's clock was this far ahead.
    pub fn note_clock(&mut self, device: DeviceId, ahead: i64, now: Millis) {
        self.met.measured(device, ahead, now);
    }

    /// Keeps what is remembered of those met, if it has changed. It can be done without.
    pub fn keep_met(&mut self, random: &mut dyn FnMut(&mut [u8])) {
        if let Some(bytes) = self.met.to_keep()
            && let Err(e) = self.dir.write_secret(met::FILE, &bytes, random)
        {
            tracing::warn!(error = %e, "what is remembered of contacts cannot be kept");
        }
    }

    /// Who sits at this device, as far as said.
    pub fn operator(&self) -> Option<&str> {
        self.operator.as_deref()
    }

    /// Makes everything admitted so far durable. Only then may it be acknowledged or passed on.
    pub fn flush(&mut self) -> Result<(), NodeError> {
        self.check_whole()?;
        if std::mem::take(&mut self.dirty) {
            self.journal.sync()?;
        }
        self.settle_late()?;
        if self.since_checkpoint >= CHECKPOINT_EVERY {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Applies what waited for grants and keys that came since the last flush, and judges again what
    /// was judged otherwise before; once for all of them.
    fn settle_late(&mut self) -> Result<(), NodeError> {
        let (grants, keys) = std::mem::take(&mut self.late);
        let judged = std::mem::take(&mut self.judged);
        let caught_up = self
            .catch_up(&grants, &keys)
            .and_then(|()| match judged.is_empty() {
                true => Ok(()),
                false => self.judge_again(&judged),
            });
        self.broken |= caught_up.is_err();
        caught_up
    }

    /// Whether something was admitted that could not be stored: what is in memory is more than what
    /// is on the disk, and the engine must be opened again.
    pub fn is_broken(&self) -> bool {
        self.broken || self.journal.is_poisoned()
    }

    /// Writes what changed of the state into the index, so that the next start is quick. An index
    /// that fails is given up until the next start: nothing is lost with it.
    pub fn checkpoint(&mut self) -> Result<(), NodeError> {
        self.check_whole()?;
        self.settle_late()?;
        self.journal.witness()?;
        self.dirty = false;
        self.since_checkpoint = 0;
        if let Some(mut index) = self.index.take() {
            match self.write_index(&mut index) {
                Ok(()) => self.index = Some(index),
                Err(e) => tracing::warn!(error = %e, "the index failed and is left alone"),
            }
        }
        Ok(())
    }

    /// Gives back the memory of what is not needed until the next checkpoint.
    pub fn rest(&mut self) {
        if let Some(index) = &mut self.index {
            index.rest();
        }
    }

    /// Ends a graceful stop.
    pub fn close(mut self) -> Result<(), NodeError> {
        self.checkpoint()?;
        self.journal.close()?;
        Ok(())
    }

    /// Own log of a lane.
    fn own_log(&self, lane: Lane) -> LogKey {
        LogKey {
            device: self.key.id(),
            generation: self.secrets.generation(),
            lane,
        }
    }
}
