//! The data directory: its format, its lock, and the small files in it.
//!
//! ```text
//! FORMAT              "muster-data 1\n", written last of all
//! lock                flock'ed by the process that uses the directory; its pid inside
//! keys/storage.key    the storage key, wrapped
//! keys/default.key    only when that is the method: the key file
//! keys/NAME.secret    small secrets, sealed under the storage key
//! keys/NAME.public    small files that are no secret
//! journal/            see `journal`
//! index/              see `index`; may be deleted at any time
//! ```
//!
//! Not the journal nor the index: they are given a `DataDir` and look after their own folder.

mod held;
mod small;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::held::{Held, Wiped};
pub use self::small::MAX_SMALL_FILE;
use crate::Random;
use crate::error::IoFailure;
use crate::fs::{self, FileSystem, Lock, Locking, Space};
use crate::keys::{self, KeyError, KeyPlaces, Method, PassphraseCost, StorageKey, Unlock};

/// What the FORMAT file says.
pub const FORMAT: &str = "muster-data 1\n";

/// Why a data directory could not be made, opened or used.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// There is something in the directory already, and it is not a half-made data directory.
    #[error("{} is not empty ({found}), and not for me to fill", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
        /// The first thing found in it.
        found: String,
    },
    /// It is a data directory already.
    #[error("{} is a data directory already", path.display())]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// It is no data directory.
    #[error("{} is not a Muster data directory: it has no FORMAT file", path.display())]
    NotOurs {
        /// The directory.
        path: PathBuf,
    },
    /// It is a data directory of another version.
    #[error("{} has the format {found:?}; this program knows {known:?}", path.display())]
    OtherFormat {
        /// The directory.
        path: PathBuf,
        /// What its FORMAT says.
        found: String,
        /// What it should say.
        known: String,
    },
    /// Another process uses it.
    #[error("{} is in use by {}", path.display(),
        pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}")))]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Which process, if it has written its pid already.
        pid: Option<u32>,
    },
    /// It was opened only to be read.
    #[error("{} was opened to be read only", path.display())]
    ReadOnly {
        /// The directory.
        path: PathBuf,
    },
    /// A name for a small file that could leave its folder or clash.
    #[error("{name:?} cannot name a small file: a to z, 0 to 9 and '-', up to 64")]
    BadName {
        /// The name.
        name: String,
    },
    /// A small file that is too large.
    #[error("{name:?} is too large for a small file: {len} bytes")]
    TooLarge {
        /// Its name.
        name: String,
        /// Its length.
        len: usize,
    },
    /// A sealed file that does not open under the storage key: damaged, or put there by another.
    #[error("{} is damaged: its seal does not verify", path.display())]
    DamagedSecret {
        /// The file.
        path: PathBuf,
    },
    /// The storage key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file system.
    #[error(transparent)]
    Io(#[from] IoFailure),
}

/// An open data directory, unlocked. While it lives, no other process can open it (unless it was
/// opened only to be read).
#[derive(Debug)]
pub struct DataDir {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    key: StorageKey,
    lock: Option<Arc<dyn Lock>>,
}

/// A share in a directory's lock: the directory stays taken until this is dropped as well.
#[derive(Debug)]
pub struct Hold {
    _lock: Option<Arc<dyn Lock>>,
}

fn places(path: &Path) -> KeyPlaces {
    KeyPlaces {
        wrapped: path.join("keys/storage.key"),
        default_key: path.join("keys/default.key"),
    }
}

fn take_lock(fs: &dyn FileSystem, path: &Path) -> Result<Arc<dyn Lock>, DirError> {
    let file = path.join("lock");
    match fs.lock(&file).map_err(IoFailure::at("lock", &file))? {
        Locking::Ours(lock) => Ok(lock.into()),
        Locking::Held(pid) => Err(DirError::Locked {
            path: path.to_path_buf(),
            pid,
        }),
    }
}

fn exists(fs: &dyn FileSystem, path: &Path) -> Result<bool, IoFailure> {
    fs.exists(path).map_err(IoFailure::at("look for", path))
}

fn list(fs: &dyn FileSystem, path: &Path) -> Result<Vec<String>, IoFailure> {
    fs.list(path).map_err(IoFailure::at("list", path))
}

/// May `create` go on here? Only in an empty directory, or over what a `create` that was cut
/// short has left: no journal segment, no secret.
fn check_vacant(fs: &dyn FileSystem, path: &Path) -> Result<(), DirError> {
    let occupied = |found: String| DirError::NotEmpty {
        path: path.to_path_buf(),
        found,
    };
    for name in list(fs, path)? {
        let allowed: &[&str] = match name.as_str() {
            "FORMAT" => {
                return Err(DirError::Exists {
                    path: path.to_path_buf(),
                });
            }
            "lock" | "FORMAT.tmp" => continue,
            "keys" => &[
                "storage.key",
                "storage.key.tmp",
                "default.key",
                "default.key.tmp",
            ],
            "journal" => &[],
            _ => return Err(occupied(name)),
        };
        for inner in list(fs, &path.join(&name))? {
            if !allowed.contains(&inner.as_str()) {
                return Err(occupied(format!("{name}/{inner}")));
            }
        }
    }
    Ok(())
}

fn check_format(fs: &dyn FileSystem, path: &Path) -> Result<(), DirError> {
    let file = path.join("FORMAT");
    if !exists(fs, &file)? {
        return Err(DirError::NotOurs {
            path: path.to_path_buf(),
        });
    }
    let found = fs::read_small(fs, &file, 4096).map_err(IoFailure::at("read", &file))?;
    if found != FORMAT.as_bytes() {
        return Err(DirError::OtherFormat {
            path: path.to_path_buf(),
            found: String::from_utf8_lossy(&found).trim_end().to_owned(),
            known: FORMAT.trim_end().to_owned(),
        });
    }
    Ok(())
}

impl DataDir {
    /// Makes a data directory with a fresh storage key. Cut short at any point, it leaves nothing
    /// that opens, and can be called again.
    ///
    /// # Errors
    /// [`DirError::Exists`], [`DirError::NotEmpty`], or what failed.
    pub fn create(
        fs: Arc<dyn FileSystem>,
        path: &Path,
        unlock: &Unlock,
        cost: PassphraseCost,
        random: Random<'_>,
    ) -> Result<Self, DirError> {
        let make = |dir: &Path| {
            fs.create_dir_all(dir)
                .map_err(IoFailure::at("create the directory", dir))
        };
        let sync = |dir: &Path| {
            fs.sync_dir(dir)
                .map_err(IoFailure::at("sync the directory", dir))
        };
        make(path)?;
        check_vacant(&*fs, path)?;
        let lock = take_lock(&*fs, path)?;
        // Someone may have made it between the look and the lock.
        check_vacant(&*fs, path)?;
        make(&path.join("keys"))?;
        make(&path.join("journal"))?;
        let key = StorageKey::generate(random);
        keys::store(&*fs, &places(path), &key, unlock, cost, random)?;
        sync(&path.join("keys"))?;
        sync(path)?;
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            sync(parent)?;
        }
        let format = path.join("FORMAT");
        fs::write_atomic(&*fs, &format, FORMAT.as_bytes())
            .map_err(IoFailure::at("write", &format))?;
        Ok(Self {
            fs,
            path: path.to_path_buf(),
            key,
            lock: Some(lock),
        })
    }

    /// Opens a data directory for this process alone.
    ///
    /// # Errors
    /// [`DirError::Locked`] with the pid of the holder, [`KeyError::WrongKey`], or what failed.
    pub fn open(fs: Arc<dyn FileSystem>, path: &Path, unlock: &Unlock) -> Result<Self, DirError> {
        Held::take(fs, path)?.unlock(unlock)
    }

    /// Opens a data directory without a lock and without changing anything: a dead laptop's, a
    /// copy without write permission.
    ///
    /// # Errors
    /// As [`DataDir::open`], but it is never locked.
    pub fn open_read_only(
        fs: Arc<dyn FileSystem>,
        path: &Path,
        unlock: &Unlock,
    ) -> Result<Self, DirError> {
        check_format(&*fs, path)?;
        let key = keys::load(&*fs, &places(path), unlock)?;
        Ok(Self {
            fs,
            path: path.to_path_buf(),
            key,
            lock: None,
        })
    }

    /// How the directory is unlocked; asks for no key and takes no lock.
    ///
    /// # Errors
    /// If it is no data directory, or its wrapped key is damaged.
    pub fn unlock_method(fs: &dyn FileSystem, path: &Path) -> Result<Method, DirError> {
        check_format(fs, path)?;
        Ok(keys::method(fs, &places(path))?)
    }

    /// Wraps the same storage key in another way. At every moment either the old way opens it or
    /// the new.
    ///
    /// # Errors
    /// What failed; the old way then still holds.
    pub fn change_unlock(
        &self,
        unlock: &Unlock,
        cost: PassphraseCost,
        random: Random<'_>,
    ) -> Result<(), DirError> {
        self.check_writable()?;
        let places = places(&self.path);
        if matches!(unlock, Unlock::DefaultKeyFile)
            && keys::method(&*self.fs, &places)? == Method::DefaultKeyFile
        {
            return Ok(()); // A fresh default key would for a moment match no wrapped key.
        }
        keys::store(&*self.fs, &places, &self.key, unlock, cost, random)?;
        let stale = &places.default_key;
        if !matches!(unlock, Unlock::DefaultKeyFile) && exists(&*self.fs, stale)? {
            self.fs
                .remove(stale)
                .map_err(IoFailure::at("remove", stale))?;
            let dir = self.path.join("keys");
            self.fs
                .sync_dir(&dir)
                .map_err(IoFailure::at("sync the directory", &dir))?;
        }
        Ok(())
    }

    /// Where the directory is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the index.
    #[must_use]
    pub fn index_path(&self) -> PathBuf {
        self.path.join("index")
    }

    /// The storage key, for the index.
    #[must_use]
    pub fn key(&self) -> &StorageKey {
        &self.key
    }

    /// How much room there is where the directory lies.
    ///
    /// # Errors
    /// I/O.
    pub fn space(&self) -> Result<Space, IoFailure> {
        let space = self.fs.space(&self.path);
        space.map_err(IoFailure::at("ask for the room at", &self.path))
    }

    pub(crate) fn fs(&self) -> &Arc<dyn FileSystem> {
        &self.fs
    }

    /// Keeps the directory taken beyond its own life, for what outlives it and lies in the directory.
    pub fn hold(&self) -> Hold {
        Hold {
            _lock: self.lock.clone(),
        }
    }

    /// The process that has the directory now (0 where it does not say who it is), none where it is
    /// free.
    ///
    /// # Errors
    ///
    /// I/O, or no such directory.
    pub fn taken_by(fs: &dyn FileSystem, path: &Path) -> Result<Option<u32>, DirError> {
        match take_lock(fs, path) {
            Ok(_let_go_again) => Ok(None),
            Err(DirError::Locked { pid, .. }) => Ok(Some(pid.unwrap_or_default())),
            Err(e) => Err(e),
        }
    }

    /// A share in the lock, or an error if the directory was opened only to be read.
    pub(crate) fn check_writable(&self) -> Result<Arc<dyn Lock>, DirError> {
        match &self.lock {
            Some(lock) => Ok(lock.clone()),
            None => Err(DirError::ReadOnly {
                path: self.path.clone(),
            }),
        }
    }
}
