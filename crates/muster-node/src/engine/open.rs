//! Opening a data directory: the journal read through, the state taken from the index where it is
//! sound and as new as it says, and computed from the entries where it is not.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
};

use muster_log::{
    book::{Book, Received},
    device,
    genesis::Genesis,
    ids::ObjectId,
    record,
};
use muster_model::state::State;
use muster_store::{DataDir, Index, Journal, Marker, Opened, Position};

use super::{Counters, Engine, empty_book, journal_options, places::Places, read_secrets};
use crate::error::NodeError;

/// Table of objects in the index.
const OBJECTS: u8 = 1;

/// What opening found.
#[derive(Debug, Clone, Default)]
pub struct OpenReport {
    /// Why the index was built again, if it was.
    pub rebuilt: Option<String>,
    /// A torn tail was cut, as a power cut leaves it: bytes that were never acknowledged.
    pub torn: Option<String>,
    /// Entries read.
    pub entries: u64,
}

impl Engine {
    /// Opens an unlocked data directory of a member.
    pub fn open(
        dir: DataDir,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(Self, OpenReport), NodeError> {
        let index = dir.index_path();
        Self::open_with(dir, Some(&index), random)
    }

    /// [`Self::open`] with the index in another place, or without one: then everything is computed
    /// from the entries.
    pub fn open_with(
        dir: DataDir,
        index: Option<&Path>,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(Self, OpenReport), NodeError> {
        let mut secrets = read_secrets(&dir)?;
        if secrets.member().is_none() {
            return Err(NodeError::NotJoined);
        }
        let genesis = read_genesis(&dir)?;
        let (journal, recovery) = Journal::open(&dir, journal_options())?;
        let mut report = OpenReport {
            torn: recovery.torn.map(|d| d.to_string()),
            ..OpenReport::default()
        };
        if report.torn.is_some() {
            // Some disks lie about syncs: what was cut may have been published after all.
            secrets.renew_generation(random);
            dir.write_secret(device::FILE, &secrets.to_bytes(), random)?;
        }
        let schema = crate::FIELD_TABLE;
        let mut state = State::default();
        let (index, marker) =
            match index.map(|p| Index::open(p, dir.key(), schema, index_options())) {
                Some(Ok(opened)) => {
                    let (index, marker) = usable_marker(opened, &journal, &mut state, &mut report);
                    (Some(index), marker)
                }
                // It can be done without: everything is computed from the entries.
                Some(Err(e)) => {
                    tracing::warn!(error = %e, "the index cannot be opened and is left alone");
                    report.rebuilt = Some(e.to_string());
                    (None, None)
                }
                None => (None, None),
            };
        let operator = index
            .as_ref()
            .and_then(Index::marker)
            .filter(|_| marker.is_some());
        let operator = operator.and_then(|m| String::from_utf8(m.meta.clone()).ok());
        let mut engine = Self {
            book: empty_book(&genesis, &secrets),
            dir,
            journal,
            index,
            secrets,
            state,
            places: Places::default(),
            counters: Counters::default(),
            pending: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            changes: VecDeque::new(),
            admitted: Vec::new(),
            since_checkpoint: 0,
            dirty: false,
            broken: false,
            operator: operator.filter(|o| !o.is_empty()),
            late: (Vec::new(), Vec::new()),
        };
        engine.read_journal(marker)?;
        engine.changes.clear();
        report.entries = engine.book.entries();
        if report.rebuilt.is_some() {
            engine.checkpoint()?;
        }
        Ok((engine, report))
    }

    /// Reads the whole journal into the book, and applies what the index has not seen. What waited
    /// for a grant or key that came before the index was written has been applied by then.
    fn read_journal(&mut self, marker: Option<Position>) -> Result<(), NodeError> {
        let (mut grants, mut keys) = (Vec::new(), Vec::new());
        for item in self.journal.scan(None)? {
            let (position, bytes) = item?;
            let (_, run) = record::decode(&bytes)?;
            let Received::Admitted(admitted) = self.book.reopen(run)? else {
                continue;
            };
            self.places.note(&admitted.run, position);
            if marker.is_none_or(|m| position >= m) {
                self.apply_run(&admitted.run);
                self.since_checkpoint += admitted.fresh;
                grants.extend(admitted.grants);
                keys.extend(admitted.keys);
            } else {
                self.note_waiting(&admitted.run);
                for grant in &admitted.grants {
                    self.pending.remove(grant);
                }
                for key in &admitted.keys {
                    self.unreadable.remove(key);
                }
            }
        }
        // Packed objects name logs by their prefixes; whose they are is told after every load.
        for heads in self.book.logs() {
            self.state.know_author(heads.id(), heads.key().device);
        }
        self.catch_up(&grants, &keys)
    }
}

fn read_genesis(dir: &DataDir) -> Result<Genesis, NodeError> {
    let bytes = dir
        .read_public(device::GENESIS_FILE)?
        .ok_or(NodeError::NoDevice)?;
    Ok(Genesis::from_bytes(&bytes)?)
}

fn index_options() -> muster_store::index::Options {
    muster_store::index::Options::default()
}

/// Loads the state from the index. Gives the position up to which it is right; none when it has to
/// be computed from the beginning.
fn usable_marker(
    opened: Opened,
    journal: &Journal,
    state: &mut State,
    report: &mut OpenReport,
) -> (Index, Option<Position>) {
    let index = match opened {
        Opened::Ready(index) => index,
        Opened::Rebuild(index, reason) => {
            report.rebuilt = Some(reason.to_string());
            return (index, None);
        }
    };
    match load(&index, journal, state) {
        Ok(marker) => (index, marker),
        Err(why) => {
            report.rebuilt = Some(why.to_owned());
            *state = State::default();
            (index, None)
        }
    }
}

fn load(
    index: &Index,
    journal: &Journal,
    state: &mut State,
) -> Result<Option<Position>, &'static str> {
    let Some(marker) = index.marker() else {
        return Ok(None);
    };
    if marker.position > journal.end() || journal.scan(Some(marker.position)).is_err() {
        return Err("the index is newer than the journal");
    }
    for item in index.scan(OBJECTS) {
        let (key, value) = item.map_err(|_| "an object in the index cannot be read")?;
        let id: [u8; 16] = key
            .as_slice()
            .try_into()
            .map_err(|_| "a key in the index is not an object's")?;
        state
            .load(ObjectId(id), &value)
            .map_err(|_| "an object in the index is of another version")?;
    }
    Ok(Some(marker.position))
}

/// Writes the changed objects and how far they go.
pub(super) fn checkpoint(
    index: &mut Index,
    state: &mut State,
    position: Position,
    meta: Vec<u8>,
) -> Result<(), NodeError> {
    let (mut puts, mut deletes) = (Vec::new(), Vec::new());
    for (id, bytes) in state.take_dirty() {
        match bytes {
            Some(bytes) => puts.push((OBJECTS, id.0.to_vec(), bytes)),
            None => deletes.push((OBJECTS, id.0.to_vec())),
        }
    }
    let marker = Marker {
        position,
        schema: crate::FIELD_TABLE,
        meta,
    };
    index.checkpoint(puts, deletes, marker)?;
    Ok(())
}

/// An empty book for a directory that is only read: a dead laptop's, or one to be verified. Whoever
/// fills it offers every run to its door.
pub fn read_only_book(dir: &DataDir) -> Result<(Genesis, Book), NodeError> {
    let genesis = read_genesis(dir)?;
    let secrets = read_secrets(dir)?;
    let book = empty_book(&genesis, &secrets);
    Ok((genesis, book))
}
