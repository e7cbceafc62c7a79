//! What can go wrong at headquarters: with the warehouse as a whole, and with one file of many.

use std::path::{Path, PathBuf};

use muster_log::{bundle::BundleError, codec::CodecError, genesis::GenesisError, ids::IncidentId};
use muster_store::{DirError, JournalError};
use thiserror::Error;

/// The warehouse cannot be used, or the whole import stops.
#[derive(Debug, Error)]
pub enum HqError {
    /// SQLite.
    #[error("the warehouse {}: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// Another process writes to it.
    #[error("the warehouse {} is in use by another import", .0.display())]
    InUse(PathBuf),
    /// An SQLite file of another program.
    #[error("{} is no warehouse of Muster", .0.display())]
    NotAWarehouse(PathBuf),
    /// A warehouse of another schema.
    #[error("the warehouse {} has schema {found}; this program knows {known}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The warehouse holds what was never admitted, or lacks what it should hold.
    #[error("the warehouse {} is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The warehouse is another incident's than headquarters' own device.
    #[error("this warehouse holds incident {warehouse}; the device belongs to {device}")]
    OtherIncident {
        /// What the warehouse is pinned to.
        warehouse: IncidentId,
        /// What the device belongs to.
        device: IncidentId,
    },
    /// Headquarters' own device cannot be opened.
    #[error("headquarters' device {}: {source}", path.display())]
    Device {
        /// Its data directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<Problem>,
    },
    /// Nothing is in it yet.
    #[error("nothing was imported into this warehouse yet")]
    Empty,
    /// The caller asked to stop. What was imported so far is kept; another import completes it.
    #[error("stopped; what was imported so far is kept, and another import completes it")]
    Interrupted,
    /// A file that is written.
    #[error("cannot {action} {}: {source}", path.display())]
    Write {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A CSV file that is written.
    #[error("cannot write {}: {source}", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: csv::Error,
    },
}

impl HqError {
    /// For `map_err`: says which warehouse, and tells a busy one from a broken one.
    pub(crate) fn sqlite(path: &Path) -> impl Fn(rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        move |source| match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Self::InUse(path.clone())
            }
            Some(rusqlite::ErrorCode::NotADatabase) => Self::NotAWarehouse(path.clone()),
            _ => Self::Sqlite {
                path: path.clone(),
                source,
            },
        }
    }
}

/// Why one file or directory gave nothing, or not all. The import of the others goes on.
#[derive(Debug, Error)]
pub enum Problem {
    /// The file system.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// Not a bundle, or one of a later version.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Its genesis does not verify.
    #[error("its genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// Another incident than the warehouse's.
    #[error("it belongs to another incident, {0}")]
    OtherIncident(IncidentId),
    /// It names no incident, and neither does anything else that was imported.
    #[error("it does not say which incident it belongs to")]
    NoGenesis,
    /// A data directory that cannot be opened: locked by another key, damaged.
    #[error(transparent)]
    Directory(#[from] DirError),
    /// A journal that cannot be listed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Nothing was given to unlock it with.
    #[error("{} is a data directory; a passphrase or key file is needed to open it", .0.display())]
    NoUnlock(PathBuf),
    /// A data directory without a device in it.
    #[error("there is no device in this data directory")]
    NoDevice,
    /// What a device keeps to itself is not in its layout.
    #[error(transparent)]
    Secrets(#[from] CodecError),
}

impl Problem {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// A stable short code, for counters and JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::Bundle(BundleError::Version(_)) => "newer-version",
            Self::Bundle(BundleError::NotABundle) => "not-a-bundle",
            Self::Bundle(_) | Self::Secrets(_) => "malformed",
            Self::Genesis(_) => "bad-genesis",
            Self::OtherIncident(_) => "other-incident",
            Self::NoGenesis => "no-genesis",
            Self::Directory(_) => "directory",
            Self::Journal(_) => "journal",
            Self::NoUnlock(_) => "no-unlock",
            Self::NoDevice => "no-device",
        }
    }
}
