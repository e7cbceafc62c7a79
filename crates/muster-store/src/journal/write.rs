//! Appending: frames, sync, and the turn to a new segment.
//!
//! Only the segment this process began is written to. The first failure of a write or a sync
//! poisons the journal: after a failed sync the system may call lost data clean, so nothing later
//! could be trusted (reopening writes the doubtful tail once more).

use std::sync::Arc;

use zeroize::Zeroizing;

use super::layout::{self, HEADER_LEN, Header, MAX_BATCH, MAX_RECORD, Position, SegmentId};
use super::{Closed, Journal, JournalError, Place};
use crate::Random;
use crate::error::IoFailure;
use crate::fs::OpenFile;
use crate::seal::{Sealer, Secret};

/// A segment's size must leave its offsets room in 32 bits.
const MAX_SEGMENT: u32 = 1 << 30;

/// The segment being written.
pub(crate) struct Writer {
    pub(crate) id: SegmentId,
    file: Arc<dyn OpenFile>,
    sealer: Sealer,
    pub(crate) written: u32,
    synced: u32,
}

/// Makes the key file of a segment, durable in itself (its name is not yet).
pub(crate) fn make_key(
    place: &Place,
    id: SegmentId,
    random: Random<'_>,
) -> Result<Secret, IoFailure> {
    let mut key = Zeroizing::new([0; 32]);
    random(&mut *key);
    let path = place.key(id);
    let file = place
        .fs
        .create_new(&path)
        .map_err(IoFailure::at("create", &path))?;
    let bytes = layout::encode_key(&place.wrap, id, &key, random);
    file.write_at(&bytes, 0)
        .map_err(IoFailure::at("write", &path))?;
    file.sync_data().map_err(IoFailure::at("sync", &path))?;
    Ok(key)
}

impl Writer {
    /// Begins a segment: key, header, and both names durable before the first frame.
    fn begin(
        place: &Place,
        number: u32,
        previous: u32,
        random: Random<'_>,
    ) -> Result<Self, IoFailure> {
        let id = SegmentId {
            number,
            generation: 0,
        };
        let key = make_key(place, id, random)?;
        let path = place.segment(id);
        let file: Arc<dyn OpenFile> = place
            .fs
            .create_new(&path)
            .map_err(IoFailure::at("create", &path))?
            .into();
        let header = Header {
            id,
            previous,
            stands_for: 0,
            erased: false,
        };
        file.write_at(&header.encode(), 0)
            .map_err(IoFailure::at("write", &path))?;
        file.sync_data().map_err(IoFailure::at("sync", &path))?;
        place.sync()?;
        Ok(Self {
            id,
            file,
            sealer: Sealer::new(&key),
            written: HEADER_LEN,
            synced: HEADER_LEN,
        })
    }

    fn append(&mut self, place: &Place, records: &[&[u8]]) -> Result<Vec<Position>, IoFailure> {
        let size = records.iter().map(|r| layout::frame_len(r.len())).sum();
        let mut bytes = Vec::with_capacity(size);
        let mut positions = Vec::with_capacity(records.len());
        for record in records {
            let at = Position {
                segment: self.id,
                offset: self.written + crate::bytes::len32(&bytes),
            };
            layout::frame_onto(&self.sealer, at, self.synced, record, &mut bytes);
            positions.push(at);
        }
        self.file
            .write_at(&bytes, u64::from(self.written))
            .map_err(IoFailure::at("write", &place.segment(self.id)))?;
        self.written += crate::bytes::len32(&bytes);
        Ok(positions)
    }

    fn sync(&mut self, place: &Place) -> Result<(), IoFailure> {
        if self.synced < self.written {
            self.file
                .sync_data()
                .map_err(IoFailure::at("sync", &place.segment(self.id)))?;
            self.synced = self.written;
        }
        Ok(())
    }
}

/// The sizes are bounded before anything is allocated or written.
fn check_batch(records: &[&[u8]]) -> Result<u32, JournalError> {
    let (mut content, mut framed) = (0, 0);
    for (index, record) in records.iter().enumerate() {
        let len = record.len();
        if len == 0 {
            return Err(JournalError::EmptyRecord { index });
        }
        if len > MAX_RECORD {
            return Err(JournalError::RecordTooLarge { index, len });
        }
        content += len;
        framed += layout::frame_len(len);
    }
    // Many tiny records weigh by their frames.
    match u32::try_from(framed) {
        Ok(framed_len) if content <= MAX_BATCH && framed <= 4 * MAX_BATCH => Ok(framed_len),
        _ => Err(JournalError::BatchTooLarge { len: content }),
    }
}

impl Journal {
    /// Appends records, in order, in one write. They are *not* durable before [`Journal::sync`];
    /// a power cut before it keeps any number of them.
    ///
    /// # Errors
    /// A record that is empty or too large is refused without harm. A failed write poisons the
    /// journal: this and every later append fails until it is reopened.
    pub fn append(
        &mut self,
        records: &[&[u8]],
        random: Random<'_>,
    ) -> Result<Vec<Position>, JournalError> {
        if self.poisoned {
            return Err(JournalError::Poisoned);
        }
        let size = check_batch(records)?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = self.append_checked(records, size, random);
        self.poisoned |= outcome.is_err();
        outcome
    }

    fn append_checked(
        &mut self,
        records: &[&[u8]],
        size: u32,
        random: Random<'_>,
    ) -> Result<Vec<Position>, JournalError> {
        let limit = self.options.segment_bytes.min(MAX_SEGMENT);
        let full = self
            .writer
            .as_ref()
            .is_none_or(|w| w.written > HEADER_LEN && w.written.saturating_add(size) > limit);
        if full {
            self.turn(random)?;
        }
        match &mut self.writer {
            Some(writer) => Ok(writer.append(&self.place, records)?),
            None => Err(JournalError::Poisoned),
        }
    }

    /// Syncs and closes the current segment, if there is one; the next append begins another.
    pub(crate) fn end_segment(&mut self) -> Result<(), IoFailure> {
        if let Some(writer) = &mut self.writer {
            writer.sync(&self.place)?;
            self.closed.push(Closed {
                id: writer.id,
                len: writer.written,
                testified: writer.written,
            });
            self.writer = None;
        }
        Ok(())
    }

    /// Ends the current segment and begins the next.
    fn turn(&mut self, random: Random<'_>) -> Result<(), JournalError> {
        self.end_segment()?;
        let (number, previous) = match self.closed.last() {
            Some(last) => (last.id.number.checked_add(1), last.testified),
            None => (Some(1), 0),
        };
        let number = number.ok_or(JournalError::Exhausted)?;
        self.writer = Some(Writer::begin(&self.place, number, previous, random)?);
        Ok(())
    }

    /// All that was appended is durable when this returns: only now may it be acknowledged. One
    /// sync for any number of appends.
    ///
    /// # Errors
    /// A failed sync poisons the journal; what was appended since the last one is in doubt.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if self.poisoned {
            return Err(JournalError::Poisoned);
        }
        if let Some(writer) = &mut self.writer
            && let Err(failure) = writer.sync(&self.place)
        {
            self.poisoned = true;
            return Err(failure.into());
        }
        Ok(())
    }

    /// Syncs, and writes a frame without content that testifies it. Without it, the records since
    /// the last append but one have no witness: should the disk damage them later, they would be
    /// taken for a torn tail and cut. Good to call when there has been nothing to do for a while.
    ///
    /// # Errors
    /// As [`Journal::sync`].
    pub fn witness(&mut self) -> Result<(), JournalError> {
        self.sync()?;
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let written = writer.append(&self.place, &[&[]]);
        if let Err(failure) = written {
            self.poisoned = true;
            return Err(failure.into());
        }
        self.sync()
    }

    /// Ends a graceful stop: syncs, and leaves a witness for the last records.
    ///
    /// # Errors
    /// As [`Journal::sync`].
    pub fn close(mut self) -> Result<(), JournalError> {
        self.witness()
    }

    /// Did an earlier write or sync fail?
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// The position after the last record appended: where a scan would go on. (The next record
    /// may lie in a new segment; the scan knows.)
    #[must_use]
    pub fn end(&self) -> Position {
        match (&self.writer, self.closed.last()) {
            (Some(writer), _) => Position {
                segment: writer.id,
                offset: writer.written,
            },
            (None, Some(last)) => Position {
                segment: last.id,
                offset: last.len,
            },
            (None, None) => Position::START,
        }
    }

    /// Bytes in all segments.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(|c| u64::from(c.len)).sum();
        closed + self.writer.as_ref().map_or(0, |w| u64::from(w.written))
    }
}
