//! What is in the journal's folder, and what is in each segment, before any judgement.
//!
//! Nothing is changed here. `open`, `repair` and `read_only` each draw their own conclusions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::layout::{self, HEADER_LEN, Header, SegmentId};
use super::walk::{Step, Walker};
use super::{Damage, JournalError, Place, Why};
use crate::error::IoFailure;
use crate::fs::{self, Access, OpenFile};
use crate::seal::{Sealer, Secret};

/// The files in the journal's folder.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    /// The file that counts for each number: the highest generation that is complete.
    pub(crate) current: BTreeMap<u32, SegmentId>,
    /// Files of an older generation whose successor is complete: to be moved aside.
    pub(crate) superseded: Vec<String>,
    /// Half-made files that nothing refers to: keys whose segment was never made, temporary ones.
    pub(crate) orphans: Vec<String>,
}

impl Catalogue {
    pub(crate) fn read(place: &Place) -> Result<Self, JournalError> {
        let names = place
            .fs
            .list(&place.dir)
            .map_err(IoFailure::at("list", &place.dir))?;
        let mut found = Self::default();
        let ids = |ending: &'static str| {
            names
                .iter()
                .filter_map(move |name| SegmentId::from_stem(name.strip_suffix(ending)?))
        };
        for id in ids(".seg") {
            let current = found.current.entry(id.number).or_insert(id);
            *current = (*current).max(id);
        }
        let older = |id: &SegmentId| found.current.get(&id.number).is_some_and(|c| id < c);
        let newer = |id: &SegmentId| found.current.get(&id.number).is_none_or(|c| id > c);
        let superseded = ids(".seg")
            .filter(older)
            .map(SegmentId::segment_name)
            .chain(ids(".key").filter(older).map(SegmentId::key_name))
            .collect();
        let orphans = ids(".key")
            .filter(newer)
            .map(SegmentId::key_name)
            .chain(ids(".seg.tmp").map(|id| format!("{}.tmp", id.segment_name())))
            .collect();
        found.superseded = superseded;
        found.orphans = orphans;
        Ok(found)
    }

    /// Every number from 1 to the last, with its file or `None` if it is missing.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (u32, Option<SegmentId>)> + '_ {
        let last = self.current.keys().next_back().copied().unwrap_or(0);
        (1..=last).map(|number| (number, self.current.get(&number).copied()))
    }
}

/// What was found in one segment.
pub(crate) struct Examined {
    pub(crate) id: SegmentId,
    /// The length of the file; 0 if there is none.
    pub(crate) len: u32,
    pub(crate) header: Option<Header>,
    pub(crate) key: bool,
    /// Ranges that hold no sound frame, in order; header and key are not among them.
    pub(crate) gaps: Vec<Damage>,
    /// How many sound frames.
    pub(crate) frames: u64,
    /// Up to here some sound frame testifies that the bytes were durable.
    pub(crate) witnessed: u32,
}

impl Examined {
    /// The length to which the next segment's header refers.
    pub(crate) fn testified(&self) -> u32 {
        match self.header {
            Some(header) if header.id.generation > 0 => header.stands_for,
            _ => self.len,
        }
    }
}

/// Opens a segment's key; `None` if the key file is missing or does not verify.
pub(crate) fn segment_key(place: &Place, id: SegmentId) -> Result<Option<Secret>, JournalError> {
    let path = place.key(id);
    let exists = place.fs.exists(&path);
    if !exists.map_err(IoFailure::at("look for", &path))? {
        return Ok(None);
    }
    let file = place.fs.open(&path, Access::Read);
    let file = file.map_err(IoFailure::at("open", &path))?;
    let mut bytes = [0; layout::KEY_LEN + 1];
    let got = fs::read_full(&*file, &mut bytes, 0).map_err(IoFailure::at("read", &path))?;
    let bytes = bytes.get(..got).unwrap_or_default();
    Ok(layout::decode_key(&place.wrap, id, bytes))
}

/// Opens a segment file, with its length.
pub(crate) fn segment_file(
    place: &Place,
    id: SegmentId,
    access: Access,
) -> Result<(Arc<dyn OpenFile>, u32), JournalError> {
    let path = place.segment(id);
    let file = place.fs.open(&path, access);
    let file: Arc<dyn OpenFile> = file.map_err(IoFailure::at("open", &path))?.into();
    let len = file.len().map_err(IoFailure::at("measure", &path))?;
    Ok((file, u32::try_from(len).unwrap_or(u32::MAX)))
}

/// How closely to look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Checksums; a disk that does not answer is an error. For opening.
    Strict,
    /// The seals too; a disk that does not answer is one more gap. For saving what can be saved.
    Saving,
}

/// Reads a whole segment, in bounded memory.
pub(crate) fn examine(place: &Place, id: SegmentId, look: Look) -> Result<Examined, JournalError> {
    let mut found = Examined {
        id,
        len: 0,
        header: None,
        key: false,
        gaps: Vec::new(),
        frames: 0,
        witnessed: HEADER_LEN,
    };
    let outcome = look_through(place, look, &mut found);
    match outcome {
        Err(JournalError::Io(_)) if look == Look::Saving => {
            let start = found.gaps.last().map_or(HEADER_LEN, |gap| gap.end);
            found.gaps.push(Damage {
                segment: id,
                start,
                end: found.len.max(start),
                why: Why::Unreadable,
            });
        }
        other => other?,
    }
    Ok(found)
}

fn look_through(place: &Place, look: Look, found: &mut Examined) -> Result<(), JournalError> {
    let id = found.id;
    let path = place.segment(id);
    let (file, len) = segment_file(place, id, Access::Read)?;
    found.len = len;
    let mut head = [0; HEADER_LEN as usize];
    fs::read_full(&*file, &mut head, 0).map_err(IoFailure::at("read", &path))?;
    found.header = Header::decode(&head, id);
    let key = segment_key(place, id)?;
    found.key = key.is_some();
    let sealer = key.as_ref().map(Sealer::new);
    let mut walker = Walker::new(file, id, HEADER_LEN, len);
    loop {
        let start = walker.offset();
        let step = walker.step().map_err(IoFailure::at("read", &path))?;
        let (end, why) = match step {
            Step::End => return Ok(()),
            Step::Bad(why) => {
                walker.resync().map_err(IoFailure::at("read", &path))?;
                (walker.offset(), why)
            }
            Step::Frame(frame) => {
                let opens = look == Look::Strict
                    || sealer.as_ref().is_some_and(|sealer| {
                        layout::open_record(sealer, frame.at, frame.synced, &frame.sealed).is_some()
                    });
                if opens {
                    found.frames += 1;
                    found.witnessed = found.witnessed.max(frame.synced);
                    continue;
                }
                (frame.end, Why::Seal)
            }
        };
        found.gaps.push(Damage {
            segment: id,
            start,
            end,
            why,
        });
    }
}
