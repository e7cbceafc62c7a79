//! Opening: looking through everything, cutting a torn tail, finishing what a crash cut short.
//!
//! No damage is mended here (see `repair`), and nothing durable is ever dropped.

use std::sync::Mutex;

use super::examine::{Look, segment_file};
use super::layout::{HEADER_LEN, SegmentId};
use super::survey::{Survey, Surveyed, survey};
use super::{Closed, Damage, Journal, JournalError, Options, Place};
use crate::error::IoFailure;
use crate::fs::{Access, read_full};
use crate::{DataDir, DirError};

/// What opening found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The torn tail that was cut; `end` is where the file ended.
    pub torn: Option<Damage>,
    /// A last segment without a single record, removed: its making had been cut short.
    pub removed: Option<SegmentId>,
    /// Half-made or superseded files put out of the way.
    pub tidied: Vec<String>,
}

impl Recovery {
    /// Was everything as a graceful stop leaves it?
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl Journal {
    /// Opens the journal of a data directory. Everything a scan gives afterwards is durable.
    ///
    /// # Errors
    /// [`JournalError::Damaged`], naming the first damaged place, or what failed.
    pub fn open(dir: &DataDir, options: Options) -> Result<(Self, Recovery), JournalError> {
        Self::open_telling(dir, options, |_| Ok(()))
    }

    /// As [`Journal::open`]. Before a torn tail is cut, `torn` is told of it and may make durable
    /// what follows from it: once it is cut, nobody sees any more that there was one.
    ///
    /// # Errors
    /// As [`Journal::open`], or what `torn` says; then nothing is cut.
    pub fn open_telling(
        dir: &DataDir,
        options: Options,
        torn: impl FnOnce(&Damage) -> Result<(), DirError>,
    ) -> Result<(Self, Recovery), JournalError> {
        let lock = dir.check_writable()?;
        let place = Place::new(dir);
        let mut survey = survey(&place, Look::Strict)?;
        let damage = survey.segments.iter().filter(|seg| !seg.torn);
        if let Some(first) = damage.flat_map(|seg| &seg.lost).next() {
            return Err(place.damaged(*first));
        }
        if let Some(tear) = survey.segments.last().and_then(tear) {
            torn(&tear)?;
        }
        let mut recovery = Recovery::default();
        tidy(&place, &survey, &mut recovery)?;
        if let Some(id) = survey.unfinished {
            remove_segment(&place, id)?;
            recovery.removed = Some(id);
        }
        if let Some(last) = survey.segments.pop_if(|last| is_bare(last)) {
            recovery.torn = tear(&last);
            remove_segment(&place, last.id)?;
            recovery.removed = Some(last.id);
        } else if let Some(last) = survey.segments.last_mut() {
            recovery.torn = tear(last);
            settle_tail(&place, last)?;
        }
        // Always: names whose sync failed earlier in this process may be seen and not be durable.
        place.sync()?;
        let closed = survey.segments.iter().filter_map(|seg| {
            Some(Closed {
                id: seg.id,
                len: seg.found.as_ref()?.len,
                testified: seg.testified,
            })
        });
        let journal = Self {
            closed: closed.collect(),
            place,
            options,
            writer: None,
            poisoned: false,
            doomed: Vec::new(),
            readers: Mutex::default(),
            _lock: lock,
        };
        Ok((journal, recovery))
    }
}

/// A segment as first written whose very first frame did not survive: nothing was acknowledged.
fn is_bare(seg: &Surveyed) -> bool {
    let first_gap = seg.lost.first().map(|gap| gap.start);
    seg.id.generation == 0
        && seg
            .found
            .as_ref()
            .is_some_and(|found| first_gap.unwrap_or(found.len) <= HEADER_LEN)
}

fn tear(seg: &Surveyed) -> Option<Damage> {
    let (first, found) = (seg.lost.first()?, seg.found.as_ref()?);
    Some(Damage {
        end: found.len,
        ..*first
    })
}

/// Cuts the torn tail of the last segment, and writes what no testimony covers once more, the
/// same bytes in the same place: after a failed sync the system may show data that never reached
/// the disk and that no later sync would write.
fn settle_tail(place: &Place, last: &mut Surveyed) -> Result<(), JournalError> {
    let Some(found) = &mut last.found else {
        return Ok(());
    };
    if last.id.generation > 0 {
        return Ok(()); // Rewritten by a repair: durable before it got its name.
    }
    let end = last.lost.first().map_or(found.len, |gap| gap.start);
    let path = place.segment(last.id);
    let (file, _) = segment_file(place, last.id, Access::Write)?;
    if end < found.len {
        file.set_len(u64::from(end))
            .map_err(IoFailure::at("cut", &path))?;
    }
    let mut at = u64::from(found.witnessed);
    let mut buf = vec![0; 64 * 1024];
    while at < u64::from(end) {
        let want = usize::try_from(u64::from(end) - at).unwrap_or(usize::MAX);
        let want = want.min(buf.len());
        let chunk = buf.get_mut(..want).unwrap_or_default();
        let got = read_full(&*file, chunk, at).map_err(IoFailure::at("read", &path))?;
        if got == 0 {
            break;
        }
        file.write_at(chunk.get(..got).unwrap_or_default(), at)
            .map_err(IoFailure::at("write", &path))?;
        at += got as u64;
    }
    file.sync_data().map_err(IoFailure::at("sync", &path))?;
    found.len = end;
    last.testified = found.testified();
    last.lost.clear();
    Ok(())
}

/// Removes a segment in which nothing can be; its key last, so that it never looks damaged.
fn remove_segment(place: &Place, id: SegmentId) -> Result<(), JournalError> {
    let path = place.segment(id);
    place
        .fs
        .remove(&path)
        .map_err(IoFailure::at("remove", &path))?;
    place.sync()?;
    let path = place.key(id);
    if place
        .fs
        .exists(&path)
        .map_err(IoFailure::at("look for", &path))?
    {
        place
            .fs
            .remove(&path)
            .map_err(IoFailure::at("remove", &path))?;
        place.sync()?;
    }
    Ok(())
}

/// Finishes a repair or an erasure that was cut short after its decisive step, and removes half-made
/// files.
pub(crate) fn tidy(
    place: &Place,
    survey: &Survey,
    recovery: &mut Recovery,
) -> Result<(), JournalError> {
    for name in &survey.catalogue.superseded {
        match survey.is_erased(name) {
            true => crate::fs::destroy(&*place.fs, &place.dir.join(name))?,
            false => drop(super::repair::put_aside(place, name)?),
        }
    }
    for name in &survey.catalogue.orphans {
        let path = place.dir.join(name);
        place
            .fs
            .remove(&path)
            .map_err(IoFailure::at("remove", &path))?;
    }
    let names = [&survey.catalogue.superseded, &survey.catalogue.orphans];
    recovery.tidied = names.into_iter().flatten().cloned().collect();
    if !recovery.tidied.is_empty() {
        place.sync()?;
    }
    Ok(())
}
