//! Repair: keeping every record that verifies when something durable was damaged.
//!
//! A damaged segment is written anew, under a fresh key, as the next generation of the same
//! number, so that the order of records stays; the damaged files go to `journal/damaged/`. The
//! decisive step is one rename: cut short before it, nothing has happened; after it, opening
//! finishes the rest. Sound segments are not touched.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::erase::write_anew;
use super::examine::Look;
use super::layout::{HEADER_LEN, Header, SegmentId};
use super::read::Scan;
use super::survey::{Surveyed, survey};
use super::{Damage, JournalError, Place};
use crate::error::IoFailure;
use crate::fs::FileSystem;
use crate::keys::Unlock;
use crate::{DataDir, Random};

/// A segment that was written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The damaged file.
    pub old: SegmentId,
    /// What stands in its place.
    pub new: SegmentId,
    /// How many records were kept.
    pub kept: u64,
}

/// What a repair did. Positions within rewritten segments are no longer valid: whatever holds
/// some (an index) must be built again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// The segments written anew.
    pub rewritten: Vec<Rewritten>,
    /// Every byte range that is lost.
    pub lost: Vec<Damage>,
    /// Where the damaged files are now.
    pub aside: Vec<PathBuf>,
}

/// Repairs the journal of the data directory at `path`.
///
/// # Errors
/// As [`Journal::repair`](super::Journal::repair), or if the directory cannot be opened.
pub fn repair(
    fs: Arc<dyn FileSystem>,
    path: &Path,
    unlock: &Unlock,
    random: Random<'_>,
) -> Result<RepairReport, JournalError> {
    repair_dir(&DataDir::open(fs, path, unlock)?, random)
}

impl super::Journal {
    /// Repairs the journal of an open data directory. With nothing damaged it does nothing; a
    /// torn tail is left to [`Journal::open`](super::Journal::open). Can be repeated after it was
    /// cut short.
    ///
    /// # Errors
    /// What failed; then the journal is as it was, or partly repaired and no worse.
    pub fn repair(dir: &DataDir, random: Random<'_>) -> Result<RepairReport, JournalError> {
        repair_dir(dir, random)
    }
}

impl super::Journal {
    /// Puts every segment away, to `journal/damaged/`, for a caller who knows that nobody was ever
    /// told of what is in them. The journal is empty then. Can be repeated after it was cut short.
    ///
    /// # Errors
    /// What failed; then the last segments may be gone, and those before them are as they were.
    pub fn set_aside(dir: &DataDir) -> Result<Vec<PathBuf>, JournalError> {
        dir.check_writable()?;
        let place = Place::new(dir);
        let mut aside = Vec::new();
        for seg in survey(&place, Look::Saving)?.segments.iter().rev() {
            // Its key last, so that it never looks damaged.
            for name in [seg.id.segment_name(), seg.id.key_name()] {
                aside.extend(put_aside(&place, &name)?);
                place.sync()?;
            }
        }
        Ok(aside)
    }
}

fn repair_dir(dir: &DataDir, random: Random<'_>) -> Result<RepairReport, JournalError> {
    dir.check_writable()?;
    let place = Place::new(dir);
    let found = survey(&place, Look::Saving)?;
    let mut report = RepairReport::default();
    let stale = &found.catalogue;
    for name in stale.superseded.iter().chain(&stale.orphans) {
        match found.is_erased(name) {
            true => crate::fs::destroy(&*place.fs, &place.dir.join(name))?,
            false => report.aside.extend(put_aside(&place, name)?),
        }
    }
    let mut previous = 0;
    for seg in &found.segments {
        if !seg.torn && !seg.lost.is_empty() {
            let new = rewrite(&place, seg, previous, random)?;
            report.lost.extend(&seg.lost);
            report.rewritten.push(new);
            for name in [seg.id.segment_name(), seg.id.key_name()] {
                report.aside.extend(put_aside(&place, &name)?);
            }
        }
        previous = seg.testified;
    }
    place.sync()?;
    Ok(report)
}

fn rewrite(
    place: &Place,
    seg: &Surveyed,
    previous: u32,
    random: Random<'_>,
) -> Result<Rewritten, JournalError> {
    let id = SegmentId {
        number: seg.id.number,
        generation: seg.id.generation.saturating_add(1),
    };
    let header = Header {
        id,
        previous,
        stands_for: seg.testified.max(HEADER_LEN),
        erased: false,
    };
    let source = seg.found.iter().map(|found| (seg.id, found.len));
    let source = source.filter(|_| seg.found.as_ref().is_some_and(|found| found.frames > 0));
    let records = Scan::saving(place.clone(), source);
    let written = write_anew(place, &header, records, &mut |_, _| None, random)?;
    let kept = written.moved.len() as u64;
    Ok(Rewritten {
        old: seg.id,
        new: id,
        kept,
    })
}

/// Moves a file of the journal's folder to `damaged/`, under a name that is free there. Tells
/// where; `None` if there was no such file.
pub(crate) fn put_aside(place: &Place, name: &str) -> Result<Option<PathBuf>, JournalError> {
    let from = place.dir.join(name);
    let exists = |path: &Path| {
        let answer = place.fs.exists(path);
        answer.map_err(IoFailure::at("look for", path))
    };
    if !exists(&from)? {
        return Ok(None);
    }
    let aside = place.dir.join("damaged");
    place
        .fs
        .create_dir_all(&aside)
        .map_err(IoFailure::at("create the directory", &aside))?;
    place.sync()?;
    let mut to = aside.join(name);
    let mut copy = 1;
    while exists(&to)? {
        copy += 1;
        to = aside.join(format!("{name}.{copy}"));
    }
    place
        .fs
        .rename(&from, &to)
        .map_err(IoFailure::at("rename", &from))?;
    place
        .fs
        .sync_dir(&aside)
        .map_err(IoFailure::at("sync the directory", &aside))?;
    Ok(Some(to))
}
