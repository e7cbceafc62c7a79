//! A data directory that this process holds without having unlocked it, and its end.
//!
//! What can be done without the storage key: keep others out, say how it is unlocked, unlock it, and
//! destroy it. Nothing here reads what is sealed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{DataDir, DirError, Hold, check_format, exists, list, places, take_lock};
use crate::error::IoFailure;
use crate::fs::{self, FileSystem, Lock};
use crate::keys::{self, Method, Unlock};

/// A data directory under this process's lock, locked or not.
#[derive(Debug)]
pub struct Held {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    lock: Arc<dyn Lock>,
}

/// What [`Held::wipe`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wiped {
    /// Files that held keys, overwritten before they were removed.
    pub keys: u64,
    /// What lay in the directory and is not Muster's; it is left where it is.
    pub left: Vec<String>,
}

impl Held {
    /// Takes the lock of a data directory.
    ///
    /// # Errors
    /// [`DirError::Locked`] with the pid of the holder, or what failed.
    pub fn take(fs: Arc<dyn FileSystem>, path: &Path) -> Result<Self, DirError> {
        check_format(&*fs, path)?;
        let lock = take_lock(&*fs, path)?;
        Ok(Self {
            fs,
            path: path.to_path_buf(),
            lock,
        })
    }

    /// Opens it; the lock is shared with what is given back.
    ///
    /// # Errors
    /// [`crate::KeyError::WrongKey`], or what failed.
    pub fn unlock(&self, unlock: &Unlock) -> Result<DataDir, DirError> {
        let key = keys::load(&*self.fs, &places(&self.path), unlock)?;
        Ok(DataDir {
            fs: self.fs.clone(),
            path: self.path.clone(),
            key,
            lock: Some(self.lock.clone()),
        })
    }

    /// Keeps the directory taken beyond its own life, for what outlives it and lies in the directory.
    #[must_use]
    pub fn hold(&self) -> Hold {
        Hold {
            _lock: Some(self.lock.clone()),
        }
    }

    /// How it is unlocked.
    ///
    /// # Errors
    /// If its wrapped key cannot be read or is damaged.
    pub fn method(&self) -> Result<Method, DirError> {
        Ok(keys::method(&*self.fs, &places(&self.path))?)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Destroys the directory: the wrapped storage key first, so that whatever interrupts the rest
    /// finds nothing that opens; then the other keys, the journal, the index, and all else that is
    /// Muster's. Cut short, it can be called again.
    ///
    /// It cannot promise that a disk forgets: flash memory and file systems that copy on write keep
    /// old blocks for a while.
    ///
    /// # Errors
    /// What failed first; the rest was tried all the same.
    pub fn wipe(self) -> Result<Wiped, DirError> {
        let mut wiped = Wiped::default();
        let mut first = None;
        let (keys, journal) = (self.path.join("keys"), self.path.join("journal"));
        let KeyFiles { wrapped, rest } = self.key_files(&keys, &journal)?;
        for path in wrapped.iter().chain(&rest) {
            match self.destroy(path) {
                Ok(()) => wiped.keys += 1,
                Err(e) => first = first.or(Some(e)),
            }
        }
        for dir in [&keys, &journal] {
            let gone = std::fs::remove_dir_all(dir)
                .or_else(absent)
                .map_err(IoFailure::at("remove the directory", dir));
            first = first.or(gone.err());
        }
        if let Err(e) = crate::index::remove(&self.path.join("index")) {
            let failed = IoFailure::at("remove the index of", &self.path);
            first = first.or(Some(failed(std::io::Error::other(e.to_string()))));
        }
        if let Some(e) = first {
            return Err(e.into());
        }
        // FORMAT goes when all else is gone: until then this is a data directory to be wiped.
        for name in [
            "index.opening",
            "muster.sock",
            "FORMAT.tmp",
            "FORMAT",
            "lock",
        ] {
            let path = self.path.join(name);
            if exists(&*self.fs, &path)? {
                self.fs
                    .remove(&path)
                    .map_err(IoFailure::at("remove", &path))?;
            }
        }
        wiped.left = list(&*self.fs, &self.path)?;
        self.fs
            .sync_dir(&self.path)
            .map_err(IoFailure::at("sync the directory", &self.path))?;
        if wiped.left.is_empty() {
            // A mount point stays, empty.
            let _ = std::fs::remove_dir(&self.path);
        }
        Ok(wiped)
    }

    /// The files that hold keys, those of the storage key apart.
    fn key_files(&self, keys: &Path, journal: &Path) -> Result<KeyFiles, DirError> {
        let mut out = KeyFiles::default();
        for (dir, is_key) in [
            (keys, (|_| true) as fn(&str) -> bool),
            (journal, |name| name.ends_with(".key")),
        ] {
            if !exists(&*self.fs, dir)? {
                continue;
            }
            for name in list(&*self.fs, dir)?.into_iter().filter(|n| is_key(n)) {
                let of_storage = name.starts_with("storage.key") || name.starts_with("default.key");
                let path = dir.join(name);
                match of_storage && dir == keys {
                    true => out.wrapped.push(path),
                    false => out.rest.push(path),
                }
            }
        }
        Ok(out)
    }

    /// Overwrites and removes a file, durably.
    fn destroy(&self, path: &Path) -> Result<(), IoFailure> {
        let destroyed = fs::destroy(&*self.fs, path);
        if let Some(dir) = path.parent() {
            let synced = self.fs.sync_dir(dir);
            synced.map_err(IoFailure::at("sync the directory of", path))?;
        }
        destroyed
    }
}

#[derive(Default)]
struct KeyFiles {
    wrapped: Vec<PathBuf>,
    rest: Vec<PathBuf>,
}

fn absent(e: std::io::Error) -> std::io::Result<()> {
    match e.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(e),
    }
}

impl DataDir {
    /// The directory as held by this process, to be kept or wiped when this value is gone.
    ///
    /// # Errors
    /// [`DirError::ReadOnly`].
    pub fn held(&self) -> Result<Held, DirError> {
        Ok(Held {
            fs: self.fs.clone(),
            path: self.path.clone(),
            lock: self.check_writable()?,
        })
    }
}
