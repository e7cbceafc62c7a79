//! Reading a journal that is not ours to change: a dead laptop's, a copy without write
//! permission.
//!
//! Takes no lock and mends nothing; gives every record that verifies and names what is lost.

use std::path::Path;
use std::sync::Arc;

use super::examine::Look;
use super::read::Scan;
use super::survey::survey;
use super::{Damage, JournalError, Place, SegmentId};
use crate::DataDir;
use crate::fs::FileSystem;
use crate::keys::Unlock;

/// A journal opened only to be read.
pub struct ReadOnlyJournal {
    place: Place,
    segments: Vec<(SegmentId, u32)>,
    damages: Vec<Damage>,
    torn: Vec<Damage>,
}

impl std::fmt::Debug for ReadOnlyJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadOnlyJournal")
            .field("segments", &self.segments)
            .field("damages", &self.damages)
            .field("torn", &self.torn)
            .finish_non_exhaustive()
    }
}

/// Opens the journal of a data directory at `path` only to be read.
///
/// # Errors
/// If the directory cannot be unlocked, or its journal folder cannot be listed. Damage is no
/// error here.
pub fn read_only(
    fs: Arc<dyn FileSystem>,
    path: &Path,
    unlock: &Unlock,
) -> Result<ReadOnlyJournal, JournalError> {
    ReadOnlyJournal::open(&DataDir::open_read_only(fs, path, unlock)?)
}

impl ReadOnlyJournal {
    /// Looks through the journal of an unlocked directory.
    ///
    /// # Errors
    /// If the journal folder cannot be listed or a segment file cannot be opened.
    pub fn open(dir: &DataDir) -> Result<Self, JournalError> {
        let place = Place::new(dir);
        let survey = survey(&place, Look::Saving)?;
        let mut journal = Self {
            place,
            segments: Vec::new(),
            damages: Vec::new(),
            torn: Vec::new(),
        };
        for seg in survey.segments {
            let list = match seg.torn {
                true => &mut journal.torn,
                false => &mut journal.damages,
            };
            list.extend(seg.lost);
            if let Some(found) = seg.found.filter(|found| found.frames > 0) {
                journal.segments.push((seg.id, found.len));
            }
        }
        Ok(journal)
    }

    /// The ranges that are lost though they were durable once.
    #[must_use]
    pub fn damages(&self) -> &[Damage] {
        &self.damages
    }

    /// The ranges at the very end that a power cut left torn: never acknowledged.
    #[must_use]
    pub fn torn(&self) -> &[Damage] {
        &self.torn
    }

    /// Every record that verifies, in order.
    #[must_use]
    pub fn records(&self) -> Scan {
        Scan::saving(self.place.clone(), self.segments.iter().copied())
    }
}
