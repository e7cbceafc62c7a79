//! The index: what can be rebuilt from the journal, kept in sled for a quick start.
//!
//! Never the truth. sled is not trusted: its files are not synced as the journal is, and noise in
//! them can make it err, panic or hang. So every checkpoint carries a marker with a count and a
//! sum over all that is stored; at opening everything is read and compared, and whatever is wrong
//! costs the whole index and nothing else ([`Opened::Rebuild`]).
//!
//! In sled there is one tree: keys are keyed hashes, values are sealed, under a key that needs a salt
//! beside sled's files: sled overwrites nothing, so what is to be forgotten is forgotten with the salt.
//! Written at checkpoints only, each one atomic batch.

mod layout;
mod open;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use self::layout::{Codec, State, Stored};
pub use self::layout::{MAX_KEY, MAX_VALUE, Marker};
pub use self::open::{Opened, Options, RebuildReason};
use crate::error::IoFailure;
use crate::fs;

/// Why the index did not serve.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// sled reported an error, or a stored value does not verify: drop it and rebuild.
    #[error("the index {} is unusable: {why}", path.display())]
    Broken {
        /// Its folder.
        path: PathBuf,
        /// What was wrong.
        why: String,
    },
    /// A key or value above its limit.
    #[error(
        "an index entry has a key of {key} bytes and a value of {value}; {MAX_KEY} and {MAX_VALUE} are the most"
    )]
    TooLarge {
        /// The key's length.
        key: usize,
        /// The value's length.
        value: usize,
    },
    /// The folder could not be removed or made.
    #[error(transparent)]
    Io(#[from] IoFailure),
}

/// One put of a checkpoint: table, key, value.
pub type Put = (u8, Vec<u8>, Vec<u8>);
/// One delete of a checkpoint: table, key.
pub type Delete = (u8, Vec<u8>);

/// The open index.
pub struct Index {
    path: PathBuf,
    /// `None` while it rests, and while being dropped.
    db: Option<sled::Db>,
    options: Options,
    codec: Codec,
    state: State,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("path", &self.path)
            .field("count", &self.state.count)
            .finish_non_exhaustive()
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let db = self.db.take();
        let _ = catch_unwind(AssertUnwindSafe(move || drop(db)));
    }
}

/// Runs a call into sled; its errors and its panics are both text.
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("sled panicked".to_owned()),
    }
}

impl Index {
    fn broken(&self, why: impl Into<String>) -> IndexError {
        IndexError::Broken {
            path: self.path.clone(),
            why: why.into(),
        }
    }

    fn db(&self) -> Result<&sled::Db, IndexError> {
        self.db.as_ref().ok_or_else(|| self.broken("it is closed"))
    }

    fn stored(&self, hashed: &[u8]) -> Result<Option<sled::IVec>, IndexError> {
        let db = self.db()?;
        guarded(|| db.get(hashed)).map_err(|why| self.broken(why))
    }

    fn open_value(&self, hashed: &[u8], sealed: &[u8]) -> Result<Stored, IndexError> {
        self.codec
            .open_entry(hashed, sealed)
            .ok_or_else(|| self.broken("a value's seal does not verify"))
    }

    /// Closes sled until the next checkpoint: what it holds in memory is several times what is
    /// stored. Meanwhile nothing can be read here but the marker and the count.
    pub fn rest(&mut self) {
        let db = self.db.take();
        let _ = guarded(|| {
            drop(db);
            Ok(())
        });
    }

    /// Opens sled again after a rest. Only the marker is compared, for this process holds the lock
    /// of the data directory: the next opening looks through everything.
    fn wake(&mut self) -> Result<(), IndexError> {
        if self.db.is_some() {
            return Ok(());
        }
        let db = open::open_sled(&self.path, self.options).map_err(|why| self.broken(why))?;
        let sealed = guarded(|| db.get(Codec::MARKER_KEY)).map_err(|why| self.broken(why))?;
        let found = match sealed {
            Some(sealed) => self.codec.open_state(&sealed),
            None => Some(State::default()),
        };
        self.db = Some(db);
        match found.as_ref() == Some(&self.state) {
            true => Ok(()),
            false => Err(self.broken("it is not what it was when it was closed")),
        }
    }

    /// The value under a key.
    ///
    /// # Errors
    /// [`IndexError::Broken`]; never a wrong value.
    pub fn get(&self, table: u8, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        let hashed = self.codec.hashed(table, key);
        let Some(sealed) = self.stored(&hashed)? else {
            return Ok(None);
        };
        let (found, value) = self.open_value(&hashed, &sealed)?;
        match found == key {
            true => Ok(Some(value)),
            false => Err(self.broken("two keys share a hash")),
        }
    }

    /// All keys and values of a table, in no meaningful order.
    pub fn scan(&self, table: u8) -> IndexScan<'_> {
        IndexScan {
            index: self,
            closed: self.db.is_none(),
            iter: self
                .db
                .as_ref()
                .map(|db| db.scan_prefix(Codec::table_prefix(table))),
        }
    }

    /// What the last checkpoint said, if there was one.
    #[must_use]
    pub fn marker(&self) -> Option<&Marker> {
        self.state.marker.as_ref()
    }

    /// How many entries there are, in all tables.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.state.count
    }

    /// Bytes the folder takes on disk, as sled reckons.
    ///
    /// # Errors
    /// [`IndexError::Broken`].
    pub fn bytes(&self) -> Result<u64, IndexError> {
        let db = self.db()?;
        guarded(|| db.size_on_disk()).map_err(|why| self.broken(why))
    }

    /// Deletes, then puts, then the marker, as one: after a crash all of it is there or nothing.
    /// Of several puts under one key the last counts.
    ///
    /// # Errors
    /// [`IndexError::TooLarge`] without harm; [`IndexError::Broken`]: drop the index and open it
    /// again.
    pub fn checkpoint(
        &mut self,
        puts: Vec<Put>,
        deletes: Vec<Delete>,
        marker: Marker,
    ) -> Result<(), IndexError> {
        for (_, key, value) in &puts {
            if key.len() > MAX_KEY || value.len() > MAX_VALUE {
                return Err(IndexError::TooLarge {
                    key: key.len(),
                    value: value.len(),
                });
            }
        }
        if marker.meta.len() > MAX_VALUE {
            return Err(IndexError::TooLarge {
                key: 0,
                value: marker.meta.len(),
            });
        }
        let mut changes: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
        for (table, key) in deletes {
            changes.insert(self.codec.hashed(table, &key), None);
        }
        for (table, key, value) in puts {
            let hashed = self.codec.hashed(table, &key);
            let sealed = self.codec.seal_entry(&hashed, &key, &value);
            changes.insert(hashed, Some(sealed));
        }
        self.wake()?;
        let mut state = self.state.clone();
        let mut batch = sled::Batch::default();
        for (hashed, sealed) in changes {
            if let Some(old) = self.stored(&hashed)? {
                state.take(self.codec.weigh(&hashed, &old));
            }
            match sealed {
                Some(sealed) => {
                    state.add(self.codec.weigh(&hashed, &sealed));
                    batch.insert(hashed, sealed);
                }
                None => batch.remove(hashed),
            }
        }
        state.marker = Some(marker);
        batch.insert(Codec::MARKER_KEY, self.codec.seal_state(&state));
        let db = self.db()?;
        guarded(|| db.apply_batch(batch).and_then(|()| db.flush()))
            .map_err(|why| self.broken(why))?;
        self.state = state;
        Ok(())
    }
}

/// An iterator over one table. After an error it ends.
pub struct IndexScan<'a> {
    index: &'a Index,
    /// An index at rest is not an empty one.
    closed: bool,
    iter: Option<sled::Iter>,
}

impl Iterator for IndexScan<'_> {
    type Item = Result<Stored, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        if std::mem::take(&mut self.closed) {
            return Some(Err(self.index.broken("it is closed")));
        }
        let mut iter = self.iter.take()?;
        let next = guarded(|| iter.next().transpose());
        let item = match next {
            Ok(None) => return None,
            Ok(Some((hashed, sealed))) => self.index.open_value(&hashed, &sealed),
            Err(why) => Err(self.index.broken(why)),
        };
        if item.is_ok() {
            self.iter = Some(iter);
        }
        Some(item)
    }
}

/// Removes the index folder whatever is in it, its salt first: what the disk keeps of it is noise
/// then. It costs a rebuild and nothing else.
///
/// # Errors
/// If the folder or the salt is there and cannot be removed.
pub fn remove(path: &Path) -> Result<(), IndexError> {
    let salt = open::salt_path(path);
    if salt
        .try_exists()
        .map_err(IoFailure::at("look for", &salt))?
    {
        fs::destroy(&fs::RealFs, &salt)?;
    }
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(IoFailure::at("remove the directory", path)(e).into())
        }
        _ => Ok(()),
    }
}
