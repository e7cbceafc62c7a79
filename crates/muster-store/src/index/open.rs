//! Opening the index: everything is read and compared, or it goes.
//!
//! sled can err, panic, hang or ask for absurd memory on a damaged folder. The look through it
//! runs on a thread of its own, watched; a note beside the folder says that a look is under way,
//! so that one which killed the process is not tried a second time.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::layout::{Codec, Salt, State};
use super::{Index, IndexError, guarded, remove};
use crate::Random;
use crate::error::IoFailure;
use crate::fs;
use crate::keys::StorageKey;

/// What may be chosen about the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// sled's cache, in bytes.
    pub cache: u64,
    /// How long sled may show no progress while opening before it is given up.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache: 8 * 1024 * 1024,
            patience: Duration::from_secs(30),
        }
    }
}

/// Why an index is empty and must be filled from the journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RebuildReason {
    /// There was none.
    #[error("there was none")]
    Absent,
    /// Its salt was destroyed: to erase, and nothing had been written since.
    #[error("its salt is gone")]
    NoSalt,
    /// It never saw a checkpoint.
    #[error("it holds no checkpoint")]
    NoMarker,
    /// It was written for another schema.
    #[error("it has schema {found}, not {wanted}")]
    OtherSchema {
        /// The stored one.
        found: u32,
        /// Ours.
        wanted: u32,
    },
    /// sled reported an error or panicked.
    #[error("sled failed: {0}")]
    Sled(String),
    /// The marker does not open: damaged, or written under another storage key.
    #[error("its marker does not verify")]
    Marker,
    /// Count or sum of the entries are not what the marker says.
    #[error("its content is not what its marker says")]
    Sum,
    /// sled made no progress.
    #[error("sled hung while opening it")]
    Hung,
    /// The process ended while opening it the last time.
    #[error("the process ended while opening it the last time")]
    LastOpenDied,
}

/// An index that can be used, and whether it holds anything.
#[derive(Debug)]
pub enum Opened {
    /// Everything is as at the last checkpoint.
    Ready(Index),
    /// It is empty: what was there is gone, for this reason.
    Rebuild(Index, RebuildReason),
}

impl Opened {
    /// The index, either way.
    #[must_use]
    pub fn into_index(self) -> Index {
        match self {
            Self::Ready(index) | Self::Rebuild(index, _) => index,
        }
    }
}

enum Report {
    Progress,
    Done(Result<(sled::Db, State), RebuildReason>),
}

/// Entries between two signs of life.
const STRIDE: u64 = 1024;

/// How often, and how long apart, sled's own lock is tried again.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

fn try_sled(path: &Path, options: Options) -> Result<sled::Db, String> {
    guarded(|| {
        sled::Config::new()
            .path(path)
            .cache_capacity(options.cache)
            .flush_every_ms(None)
            .use_compression(false)
            .mode(sled::Mode::LowSpace)
            .open()
    })
}

/// Opens sled. Its background threads may hold its lock for a moment after it was dropped in this
/// process; other processes are kept out by the data directory's lock. Without patience here a
/// sound index would be thrown away.
pub(super) fn open_sled(path: &Path, options: Options) -> Result<sled::Db, String> {
    let mut tries = 0;
    loop {
        match try_sled(path, options) {
            Err(why) if why.contains("could not acquire lock") && tries < LOCK_TRIES => {
                tries += 1;
                thread::sleep(LOCK_PAUSE);
            }
            other => return other,
        }
    }
}

/// Reads everything and compares it with the marker.
fn look_through(
    path: &Path,
    options: Options,
    codec: &Codec,
    schema: u32,
    alive: &Sender<Report>,
) -> Result<(sled::Db, State), RebuildReason> {
    let db = open_sled(path, options).map_err(RebuildReason::Sled)?;
    let sealed = guarded(|| db.get(Codec::MARKER_KEY)).map_err(RebuildReason::Sled)?;
    let sealed = sealed.ok_or(RebuildReason::NoMarker)?;
    let state = codec.open_state(&sealed).ok_or(RebuildReason::Marker)?;
    if let Some(marker) = &state.marker
        && marker.schema != schema
    {
        return Err(RebuildReason::OtherSchema {
            found: marker.schema,
            wanted: schema,
        });
    }
    let mut seen = State::default();
    let mut entries = db.iter();
    while let Some((hashed, sealed)) =
        guarded(|| entries.next().transpose()).map_err(RebuildReason::Sled)?
    {
        if hashed != Codec::MARKER_KEY {
            seen.add(codec.weigh(&hashed, &sealed));
        }
        if seen.count > state.count {
            return Err(RebuildReason::Sum);
        }
        if seen.count.is_multiple_of(STRIDE) {
            let _ = alive.send(Report::Progress);
        }
    }
    match seen.same_content(&state) {
        true => Ok((db, state)),
        false => Err(RebuildReason::Sum),
    }
}

/// The look, on a thread of its own. A thread that hangs cannot be ended; it is left behind with
/// files that are about to be removed.
fn watched_look(
    path: &Path,
    options: Options,
    codec: &Codec,
    schema: u32,
) -> Result<(sled::Db, State), RebuildReason> {
    let (alive, reports) = channel();
    let (path, codec) = (path.to_path_buf(), codec.clone());
    let spawned = thread::Builder::new()
        .name("index-look".to_owned())
        .spawn(move || {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                look_through(&path, options, &codec, schema, &alive)
            }));
            let outcome =
                outcome.unwrap_or_else(|_| Err(RebuildReason::Sled("sled panicked".to_owned())));
            let _ = alive.send(Report::Done(outcome));
        });
    let thread = spawned.map_err(|e| RebuildReason::Sled(e.to_string()))?;
    loop {
        match reports.recv_timeout(options.patience) {
            Ok(Report::Progress) => {}
            Ok(Report::Done(outcome)) => {
                // Joined, so that a failed sled has let go of the folder before it is removed.
                let _ = thread.join();
                return outcome;
            }
            Err(RecvTimeoutError::Timeout) => return Err(RebuildReason::Hung),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(RebuildReason::Sled("its thread died".to_owned()));
            }
        }
    }
}

fn note_path(path: &Path) -> PathBuf {
    path.with_extension("opening")
}

pub(super) fn salt_path(path: &Path) -> PathBuf {
    path.join("salt")
}

/// The salt, if it is there and whole.
fn read_salt(path: &Path) -> Result<Option<Salt>, IoFailure> {
    let path = salt_path(path);
    match fs::read_small(&fs::RealFs, &path, 1024) {
        Ok(bytes) => Ok(bytes.try_into().ok().map(Salt::new)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(IoFailure::at("read", &path)(e)),
    }
}

/// Makes a new salt, durable on return.
fn make_salt(path: &Path, random: Random<'_>) -> Result<Salt, IoFailure> {
    std::fs::create_dir_all(path).map_err(IoFailure::at("create the directory", path))?;
    let path = salt_path(path);
    let mut salt = Salt::default();
    random(&mut *salt);
    fs::write_atomic(&fs::RealFs, &path, &*salt).map_err(IoFailure::at("write", &path))?;
    Ok(salt)
}

impl Index {
    /// Opens the index in the folder `path` (normally [`DataDir::index_path`]), or makes an empty
    /// one if anything at all is wrong with it.
    ///
    /// [`DataDir::index_path`]: crate::DataDir::index_path
    ///
    /// # Errors
    /// Only if an empty index cannot be made either.
    pub fn open(
        path: &Path,
        key: &StorageKey,
        schema: u32,
        options: Options,
        random: Random<'_>,
    ) -> Result<Opened, IndexError> {
        let note = note_path(path);
        let exists = |path: &Path| path.try_exists().map_err(IoFailure::at("look for", path));
        let outcome = if exists(&note)? {
            Err(RebuildReason::LastOpenDied)
        } else if !exists(path)? {
            Err(RebuildReason::Absent)
        } else if let Some(salt) = read_salt(path)? {
            std::fs::write(&note, b"").map_err(IoFailure::at("write", &note))?;
            let codec = Codec::new(key, &salt);
            watched_look(path, options, &codec, schema).map(|(db, state)| (db, state, codec))
        } else {
            Err(RebuildReason::NoSalt)
        };
        let opened = match outcome {
            Ok((db, state, codec)) => Opened::Ready(Self {
                path: path.to_path_buf(),
                db: Some(db),
                options,
                codec,
                state,
            }),
            Err(reason) => {
                remove(path)?;
                let codec = Codec::new(key, &make_salt(path, random)?);
                let db = open_sled(path, options).map_err(|why| IndexError::Broken {
                    path: path.to_path_buf(),
                    why,
                })?;
                let index = Self {
                    path: path.to_path_buf(),
                    db: Some(db),
                    options,
                    codec,
                    state: State::default(),
                };
                Opened::Rebuild(index, reason)
            }
        };
        match std::fs::remove_file(&note) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(IoFailure::at("remove", &note)(e).into())
            }
            _ => Ok(opened),
        }
    }

    /// Throws everything away and goes on with an empty index: after [`IndexError::Broken`], or to
    /// erase. Nothing opens what was in it, wherever the disk keeps a copy, once this has returned.
    ///
    /// # Errors
    /// If an empty index cannot be made either.
    pub fn reset(
        mut self,
        key: &StorageKey,
        options: Options,
        random: Random<'_>,
    ) -> Result<Self, IndexError> {
        let db = self.db.take();
        let _ = guarded(|| {
            drop(db);
            Ok(())
        });
        remove(&self.path)?;
        self.codec = Codec::new(key, &make_salt(&self.path, random)?);
        let db = open_sled(&self.path, options).map_err(|why| self.broken(why))?;
        self.db = Some(db);
        self.state = State::default();
        Ok(self)
    }
}
