//! Reading: one record by its position, or all of them in order.
//!
//! Every record read was checked against its checksum and opened under its segment's key, with
//! its position authenticated: a wrong record is never given, only an error.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use super::examine::{segment_file, segment_key};
use super::layout::{self, FRAME_HEAD, FrameHead, HEADER_LEN, Position, SegmentId};
use super::walk::{RawFrame, Step, Walker};
use super::{Damage, Journal, JournalError, Place, Why};
use crate::error::IoFailure;
use crate::fs::{Access, OpenFile, read_full};
use crate::seal::Sealer;

/// Segments kept open for reading.
const MAX_READERS: usize = 8;

/// A segment opened to be read.
pub(crate) struct Reader {
    id: SegmentId,
    file: Arc<dyn OpenFile>,
    sealer: Sealer,
}

impl Reader {
    pub(crate) fn open(place: &Place, id: SegmentId) -> Result<Self, JournalError> {
        let (file, len) = segment_file(place, id, Access::Read)?;
        let Some(key) = segment_key(place, id)? else {
            return Err(place.damaged(Damage {
                segment: id,
                start: 0,
                end: len,
                why: Why::Key,
            }));
        };
        Ok(Self {
            id,
            file,
            sealer: Sealer::new(&key),
        })
    }

    pub(crate) fn segment(&self) -> SegmentId {
        self.id
    }

    pub(crate) fn walk(&self, from: u32, to: u32) -> Walker {
        Walker::new(self.file.clone(), self.id, from, to)
    }

    /// The record in a frame; `None` if its seal does not verify.
    pub(crate) fn open_frame(&self, frame: &RawFrame) -> Option<Vec<u8>> {
        layout::open_record(&self.sealer, frame.at, frame.synced, &frame.sealed)
    }

    fn read(&self, place: &Place, at: Position, end: u32) -> Result<Vec<u8>, JournalError> {
        let path = place.segment(self.id);
        let bad = |why| {
            place.damaged(Damage {
                segment: self.id,
                start: at.offset,
                end: at.offset,
                why,
            })
        };
        let fill = |buf: &mut [u8], offset: u32| {
            let got = read_full(&*self.file, buf, u64::from(offset));
            let got = got.map_err(IoFailure::at("read", &path))?;
            if got < buf.len() {
                return Err(bad(Why::Cut));
            }
            Ok(())
        };
        let mut head = [0; FRAME_HEAD];
        fill(&mut head, at.offset)?;
        let head = FrameHead::decode(&head).ok_or_else(|| bad(Why::NoFrame))?;
        let room = (end.saturating_sub(at.offset) as usize).saturating_sub(FRAME_HEAD);
        if !head.length_fits() || head.sealed_len as usize > room {
            return Err(bad(Why::Length));
        }
        let mut sealed = vec![0; head.sealed_len as usize];
        fill(&mut sealed, at.offset.saturating_add(FRAME_HEAD as u32))?;
        if FrameHead::crc_of(at, head.synced, &sealed) != head.crc {
            return Err(bad(Why::Checksum));
        }
        layout::open_record(&self.sealer, at, head.synced, &sealed).ok_or_else(|| bad(Why::Seal))
    }
}

impl Journal {
    /// The segment's length, if it is one of the journal as it is now.
    fn length_of(&self, id: SegmentId) -> Option<u32> {
        if let Some(writer) = &self.writer
            && writer.id == id
        {
            return Some(writer.written);
        }
        let at = self
            .closed
            .binary_search_by_key(&id.number, |closed| closed.id.number)
            .ok()?;
        self.closed
            .get(at)
            .filter(|closed| closed.id == id)
            .map(|closed| closed.len)
    }

    fn reader(&self, id: SegmentId) -> Result<Arc<Reader>, JournalError> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = readers.iter().find(|reader| reader.id == id) {
            return Ok(reader.clone());
        }
        let reader = Arc::new(Reader::open(&self.place, id)?);
        readers.truncate(MAX_READERS - 1);
        readers.insert(0, reader.clone());
        Ok(reader)
    }

    /// The record at a position that `append` or a scan gave.
    ///
    /// # Errors
    /// [`JournalError::NoSuchPosition`] past the end or from before a repair;
    /// [`JournalError::Damaged`] if no sound frame begins there.
    pub fn read(&self, at: Position) -> Result<Vec<u8>, JournalError> {
        match self.length_of(at.segment) {
            Some(end) if (HEADER_LEN..end).contains(&at.offset) => {
                self.reader(at.segment)?.read(&self.place, at, end)
            }
            _ => Err(JournalError::NoSuchPosition(at)),
        }
    }

    /// All records from a position on (one of a record, or an earlier [`Journal::end`]), or from
    /// the beginning, up to what is the end now. Holds one frame and a small window in memory.
    ///
    /// # Errors
    /// [`JournalError::NoSuchPosition`] when the journal does not reach as far: it was cut,
    /// repaired, or is another one.
    pub fn scan(&self, from: Option<Position>) -> Result<Scan, JournalError> {
        let from = from.unwrap_or(Position::START);
        let known = from == Position::START
            || self
                .length_of(from.segment)
                .is_some_and(|end| (HEADER_LEN..=end).contains(&from.offset));
        if !known {
            return Err(JournalError::NoSuchPosition(from));
        }
        let closed = self.closed.iter().map(|closed| (closed.id, closed.len));
        let writer = self.writer.as_ref().map(|w| (w.id, w.written));
        let todo = closed
            .chain(writer)
            .filter(|(id, _)| id.number >= from.segment.number)
            .map(|(id, end)| {
                let first = id == from.segment;
                (id, if first { from.offset } else { HEADER_LEN }, end)
            })
            .filter(|(_, start, end)| start < end)
            .collect();
        Ok(Scan {
            place: self.place.clone(),
            todo,
            now: None,
            saving: false,
        })
    }
}

/// An iterator over records. It borrows nothing: the journal may be appended to meanwhile. After
/// an error it ends.
pub struct Scan {
    place: Place,
    todo: VecDeque<(SegmentId, u32, u32)>,
    now: Option<(Reader, Walker)>,
    /// Bad places are skipped instead of being errors.
    saving: bool,
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").finish_non_exhaustive()
    }
}

impl Scan {
    /// A scan of one whole segment.
    pub(crate) fn segment(place: Place, id: SegmentId, len: u32) -> Self {
        Self {
            place,
            todo: VecDeque::from([(id, HEADER_LEN, len)]),
            now: None,
            saving: false,
        }
    }

    /// A scan of whole segments that skips whatever does not verify.
    pub(crate) fn saving(place: Place, segments: impl Iterator<Item = (SegmentId, u32)>) -> Self {
        Self {
            place,
            todo: segments.map(|(id, len)| (id, HEADER_LEN, len)).collect(),
            now: None,
            saving: true,
        }
    }

    fn bad(&self, at: Position, why: Why) -> JournalError {
        self.place.damaged(Damage {
            segment: at.segment,
            start: at.offset,
            end: at.offset,
            why,
        })
    }

    fn advance(&mut self) -> Result<Option<(Position, Vec<u8>)>, JournalError> {
        loop {
            let Some((reader, walker)) = &mut self.now else {
                let Some((id, from, to)) = self.todo.pop_front() else {
                    return Ok(None);
                };
                let reader = Reader::open(&self.place, id)?;
                let walker = reader.walk(from, to);
                self.now = Some((reader, walker));
                continue;
            };
            let path = self.place.segment(reader.id);
            let at = Position {
                segment: reader.id,
                offset: walker.offset(),
            };
            match walker.step().map_err(IoFailure::at("read", &path))? {
                Step::End => self.now = None,
                Step::Bad(_) if self.saving => {
                    walker.resync().map_err(IoFailure::at("read", &path))?;
                }
                Step::Bad(why) => return Err(self.bad(at, why)),
                Step::Frame(frame) => match reader.open_frame(&frame) {
                    // A witness, not a record.
                    Some(record) if record.is_empty() => {}
                    Some(record) => return Ok(Some((frame.at, record))),
                    None if self.saving => {}
                    None => return Err(self.bad(at, Why::Seal)),
                },
            }
        }
    }
}

impl Iterator for Scan {
    type Item = Result<(Position, Vec<u8>), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.advance() {
                Ok(next) => return next.map(Ok),
                // The rest of this segment cannot be had; the survey has said so.
                Err(_) if self.saving => self.now = None,
                Err(failure) => {
                    self.todo.clear();
                    self.now = None;
                    return Some(Err(failure));
                }
            }
        }
    }
}
