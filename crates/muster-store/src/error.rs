//! The failure of one call to the file system, with what was tried and where.
//!
//! Not an umbrella error: each module has its own enum and carries this inside it.

use std::io;
use std::path::{Path, PathBuf};

/// A call to the file system that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct IoFailure {
    /// What was tried, as a verb: "read", "sync".
    pub action: &'static str,
    /// On which file or directory.
    pub path: PathBuf,
    /// What the system answered.
    #[source]
    pub source: io::Error,
}

impl IoFailure {
    /// For `map_err`: attaches the action and the path to a system error.
    pub(crate) fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self {
            action,
            path,
            source,
        }
    }

    /// Is the disk full (or the quota reached)?
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }
}
