//! Opening a data directory: the journal read through, the state taken from the index where it is
//! sound and as new as it says, and computed from the entries where it is not.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::Path,
    thread::{self, JoinHandle},
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

use super::{
    Counters, Engine, empty_book, erase::Erasing, journal_options, places::Places, read::read_back,
    read_secrets,
};
use crate::error::NodeError;

/// Table of objects in the index.
const OBJECTS: u8 = 1;
/// Objects written to the index as one batch.
const CHECKPOINT_PIECE: usize = 1_000;

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
        // Some disks lie about syncs: what is cut may have been published after all. The new
        // generation first: a power cut after the cutting would leave nothing that asks for one.
        let (journal, recovery) = Journal::open_telling(&dir, journal_options(), |_| {
            secrets.renew_generation(random);
            dir.write_secret(device::FILE, &secrets.to_bytes(), random)
        })?;
        let mut report = OpenReport {
            torn: recovery.torn.map(|d| d.to_string()),
            ..OpenReport::default()
        };
        let schema = crate::FIELD_TABLE;
        let opened =
            index.map(|path| Index::open(path, dir.key(), schema, index_options(), random));
        let index_path = index.map(Path::to_path_buf);
        let (index, loading) = match opened {
            Some(Ok(opened)) => usable(opened, &dir, &journal, &mut report, random),
            // It can be done without: everything is computed from the entries.
            Some(Err(e)) => {
                tracing::warn!(error = %e, "the index cannot be opened and is left alone");
                report.rebuilt = Some(e.to_string());
                (None, None)
            }
            None => (None, None),
        };
        let met = super::met::Met::read(&dir);
        let mut engine = Self {
            met,
            book: empty_book(&genesis, &secrets),
            dir,
            journal,
            index,
            index_path,
            key: secrets.key(),
            secrets,
            state: State::default(),
            places: Places::default(),
            counters: Counters::default(),
            pending: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            changes: VecDeque::new(),
            admitted: Vec::new(),
            since_checkpoint: 0,
            dirty: false,
            broken: false,
            late: (Vec::new(), Vec::new()),
            judged: BTreeSet::new(),
            forks_tried: BTreeMap::new(),
            erasing: Erasing::default(),
            readers: None,
            writing: BTreeMap::new(),
            acting: None,
            keys_moved: true,
            room: crate::reserve::Room::default(),
            operator: loading.as_ref().and_then(|l| l.mark.operator.clone()),
        };
        if let Err(why) = engine.read_journal(loading)? {
            report.rebuilt = Some(why.to_owned());
            engine.start_over(random)?;
        }
        // Packed objects name logs by their prefixes; whose they are is told after every load.
        for heads in engine.book.logs() {
            let (log, device) = (heads.id(), heads.key().device);
            engine.state.know_author(log, device);
        }
        engine.changes.clear();
        let own = engine.device();
        engine.erasing.take_up(engine.book.erased(), &own);
        engine.places.shrink();
        report.entries = engine.book.entries();
        if report.rebuilt.is_some() {
            engine.checkpoint()?;
        }
        engine.rest();
        Ok((engine, report))
    }

    /// Reads the whole journal into the book, and applies what the index has not seen. Says why not
    /// where the index is of no use after all.
    fn read_journal(&mut self, mut ahead: Option<Loading>) -> Result<Sound, NodeError> {
        let (mut grants, mut keys) = (Vec::new(), Vec::new());
        let mut judged = BTreeSet::new();
        let mut sound = Ok(());
        // Something waited for a grant or key, and had it before the index was written.
        let mut waited = false;
        for item in self.journal.scan(None)? {
            let (position, bytes) = item?;
            if let Some(loading) = ahead.take_if(|l| position >= l.mark.position) {
                sound = self.reach(loading, waited)?;
            }
            let (_, run) = record::decode(&bytes)?;
            let Received::Admitted(admitted) = self.book.reopen(run)? else {
                continue;
            };
            self.places.note(&admitted.run, position);
            if ahead.is_none() {
                self.apply_run(&admitted.run);
                self.since_checkpoint += admitted.fresh;
                grants.extend(admitted.grants);
                keys.extend(admitted.keys);
                judged.extend(admitted.judged);
            } else {
                // What waited for a grant or key that came before the mark was applied by then.
                self.note_waiting(&admitted.run);
                waited |= self.waits_for(&admitted.grants, &admitted.keys);
            }
        }
        if let Some(loading) = ahead {
            sound = self.reach(loading, waited)?;
        }
        if sound.is_ok() {
            self.catch_up(&grants, &keys)?;
            if !judged.is_empty() {
                self.judge_again(&judged)?;
            }
        }
        Ok(sound)
    }

    /// At the mark: takes up the state that was loaded meanwhile, if these are the entries that it
    /// was made from. What still waited when it was made is counted again if that cannot be known
    /// otherwise.
    fn reach(&mut self, loading: Loading, waited: bool) -> Result<Sound, NodeError> {
        let Loading { mark, thread } = loading;
        let loaded = match thread.join() {
            Ok((index, loaded)) => {
                self.index = Some(index);
                loaded
            }
            Err(_) => Err("the index could not be loaded"),
        };
        self.state = match loaded {
            Ok(state) => state,
            Err(why) => return Ok(Err(why)),
        };
        if waited {
            self.pending.clear();
            self.unreadable.clear();
            let incident = self.book.incident();
            for item in self.journal.scan(None)? {
                let (position, bytes) = item?;
                if position >= mark.position {
                    break;
                }
                self.note_waiting(&read_back(&incident, &bytes)?);
            }
        }
        Ok(if self.book.frontier_digest() == mark.frontier {
            Ok(())
        } else {
            Err("the index knows other entries than the journal")
        })
    }

    /// Computes everything that follows from the entries anew, and empties the index.
    fn start_over(&mut self, random: &mut dyn FnMut(&mut [u8])) -> Result<(), NodeError> {
        self.empty_index(random);
        self.state = State::default();
        self.counters = Counters::default();
        self.operator = None;
        self.apply_journal()
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

/// Whether the index can be used, or why not.
type Sound = Result<(), &'static str>;

/// A state that is being loaded on a thread of its own, while the journal is read up to its mark.
struct Loading {
    mark: Mark,
    thread: JoinHandle<(Index, Result<State, &'static str>)>,
}

/// What the index was made from.
struct Mark {
    /// All runs before it were applied, and none after it.
    position: Position,
    /// The frontier of these runs: a position alone says nothing of what lies before it once a
    /// repair or a restored copy has put something else there.
    frontier: [u8; 32],
    /// Who sat at the device.
    operator: Option<String>,
}

impl Mark {
    fn read(marker: &Marker) -> Option<Self> {
        let (frontier, operator) = marker.meta.split_at_checked(32)?;
        let operator = String::from_utf8(operator.to_vec()).ok()?;
        Some(Self {
            position: marker.position,
            frontier: frontier.try_into().ok()?,
            operator: Some(operator).filter(|o| !o.is_empty()),
        })
    }

    /// What stands in the index between the pieces of a checkpoint; it reads as no mark.
    fn unfinished() -> Marker {
        Marker {
            position: Position::START,
            schema: crate::FIELD_TABLE,
            meta: Vec::new(),
        }
    }

    fn write(&self) -> Marker {
        let operator = self.operator.as_deref().unwrap_or_default();
        Marker {
            position: self.position,
            schema: crate::FIELD_TABLE,
            meta: [&self.frontier, operator.as_bytes()].concat(),
        }
    }
}

/// Begins to load the state from the index. Nothing is loaded when all has to be computed from the
/// beginning.
fn usable(
    opened: Opened,
    dir: &DataDir,
    journal: &Journal,
    report: &mut OpenReport,
    random: &mut dyn FnMut(&mut [u8]),
) -> (Option<Index>, Option<Loading>) {
    let index = match opened {
        Opened::Ready(index) => index,
        Opened::Rebuild(index, reason) => {
            report.rebuilt = Some(reason.to_string());
            return (Some(index), None);
        }
    };
    let mark = match sound_mark(&index, journal) {
        Ok(mark) => mark,
        Err(why) => {
            report.rebuilt = Some(why.to_owned());
            // What it holds would come back with the next checkpoint.
            return (emptied(index, dir, random), None);
        }
    };
    let load = move || {
        let state = load(&index);
        (index, state)
    };
    let spawned = thread::Builder::new().name("index-load".into()).spawn(load);
    match spawned {
        Ok(thread) => (None, Some(Loading { mark, thread })),
        Err(e) => {
            // The index went with the thread that could not be; the next start finds it again.
            report.rebuilt = Some(e.to_string());
            (None, None)
        }
    }
}

/// The index with nothing in it; none where it cannot be emptied, which costs a slow start.
fn emptied(index: Index, dir: &DataDir, random: &mut dyn FnMut(&mut [u8])) -> Option<Index> {
    index
        .reset(dir.key(), index_options(), random)
        .inspect_err(|e| tracing::warn!(error = %e, "the index cannot be emptied"))
        .ok()
}

fn sound_mark(index: &Index, journal: &Journal) -> Result<Mark, &'static str> {
    let mark = index.marker().and_then(Mark::read);
    let mark = mark.ok_or("the index does not say what it was made from")?;
    if mark.position > journal.end() || journal.scan(Some(mark.position)).is_err() {
        return Err("the index is newer than the journal");
    }
    Ok(mark)
}

fn load(index: &Index) -> Result<State, &'static str> {
    let mut state = State::default();
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
    Ok(state)
}

impl Engine {
    /// Empties the index, so that nobody opens what it held; the next checkpoint does not know what
    /// was in it.
    pub(super) fn empty_index(&mut self, random: &mut dyn FnMut(&mut [u8])) {
        match self.index.take() {
            Some(index) => self.index = emptied(index, &self.dir, random),
            // One that failed lies there still.
            None => {
                let removed = self.index_path.as_deref().map(muster_store::index::remove);
                if let Some(Err(e)) = removed {
                    tracing::warn!(error = %e, "the index cannot be removed");
                }
            }
        }
    }

    /// Writes the changed objects into the index, and how far they go. Many go in pieces, because
    /// sled holds several copies of all that one batch changes; until the last one is in, the index
    /// does not say what it was made from, and whoever opens it then computes everything anew.
    pub(super) fn write_index(&mut self, index: &mut Index) -> Result<(), NodeError> {
        let mut dirty = self.state.take_dirty().into_iter().peekable();
        loop {
            let (mut puts, mut deletes) = (Vec::new(), Vec::new());
            for (id, bytes) in dirty.by_ref().take(CHECKPOINT_PIECE) {
                match bytes {
                    Some(bytes) => puts.push((OBJECTS, id.0.to_vec(), bytes)),
                    None => deletes.push((OBJECTS, id.0.to_vec())),
                }
            }
            if dirty.peek().is_some() {
                index.checkpoint(puts, deletes, Mark::unfinished())?;
                continue;
            }
            let mark = Mark {
                position: self.journal.end(),
                frontier: self.book.frontier_digest(),
                operator: self.operator.clone(),
            };
            index.checkpoint(puts, deletes, mark.write())?;
            return Ok(());
        }
    }
}

/// The book and the runs of a directory that is only read: a dead laptop's, or one to be verified.
/// Every signature is checked.
pub fn read_only_book(dir: &DataDir) -> Result<(Genesis, Book), NodeError> {
    let genesis = read_genesis(dir)?;
    let secrets = read_secrets(dir)?;
    let book = empty_book(&genesis, &secrets);
    Ok((genesis, book))
}
