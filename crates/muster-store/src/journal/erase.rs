//! Rewriting segments so that bytes in them are gone: written anew under a fresh key, and what they
//! stood for destroyed, key first.
//!
//! The decisive step is one rename, as in a repair. Cut short before it, nothing has happened; after
//! it, opening destroys the rest, because the new segment's header says what it was made for. Which
//! records hold what is to go is the caller's to say; nothing here reads them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use super::layout::{self, HEADER_LEN, Header, Position, SegmentId};
use super::read::Scan;
use super::write::make_key;
use super::{Closed, Journal, JournalError, Place};
use crate::Random;
use crate::bytes::len32;
use crate::error::IoFailure;
use crate::fs::destroy;
use crate::seal::Sealer;

/// Bytes written at once.
const PIECE: usize = 256 * 1024;

/// What is to stand in place of the record at a position: nothing where it stays as it is.
pub type Exchange<'a> = &'a mut dyn FnMut(Position, &[u8]) -> Option<Vec<u8>>;

/// A segment written anew.
pub(crate) struct Written {
    pub(crate) len: u32,
    /// Where each record lay, and where it lies now.
    pub(crate) moved: Vec<(Position, Position)>,
}

/// Writes a generation of a segment, with its key; durable under its name on return. Nothing that
/// stood there is touched.
pub(crate) fn write_anew(
    place: &Place,
    header: &Header,
    records: Scan,
    exchange: Exchange<'_>,
    random: Random<'_>,
) -> Result<Written, JournalError> {
    let id = header.id;
    let key = make_key(place, id, random)?;
    let sealer = Sealer::new(&key);
    let path = place.segment(id);
    let temporary = temporary(&path);
    let file = place.fs.create_new(&temporary);
    let file = file.map_err(IoFailure::at("create", &temporary))?;
    let mut moved = Vec::new();
    let (mut bytes, mut written) = (header.encode(), 0);
    for item in records {
        let (from, record) = item?;
        let to = Position {
            segment: id,
            offset: len32(&bytes).saturating_add(written),
        };
        let record = exchange(from, &record).unwrap_or(record);
        layout::frame_onto(&sealer, to, HEADER_LEN, &record, &mut bytes);
        moved.push((from, to));
        if bytes.len() >= PIECE {
            let put = file.write_at(&bytes, u64::from(written));
            put.map_err(IoFailure::at("write", &temporary))?;
            written = written.saturating_add(len32(&bytes));
            bytes.clear();
        }
    }
    let put = file.write_at(&bytes, u64::from(written));
    put.map_err(IoFailure::at("write", &temporary))?;
    let len = written.saturating_add(len32(&bytes));
    file.sync_data()
        .map_err(IoFailure::at("sync", &temporary))?;
    place.sync()?;
    let renamed = place.fs.rename(&temporary, &path);
    renamed.map_err(IoFailure::at("rename", &temporary))?;
    place.sync()?;
    Ok(Written { len, moved })
}

fn temporary(path: &Path) -> PathBuf {
    let mut out = path.to_path_buf().into_os_string();
    out.push(".tmp");
    out.into()
}

impl Journal {
    /// Writes these segments anew, with other records in place of those that `exchange` changes, and
    /// destroys what was there: old keys first. Puts into `moved` where each record of them lies now,
    /// also where it fails half-way. What a repair once put aside is destroyed as well: nobody looks
    /// through it, and it may hold the same.
    ///
    /// Records must not become longer than they were.
    ///
    /// # Errors
    /// What failed. Each segment is then as it was or written anew; call it again, also with no
    /// segment, to finish what is left to be destroyed.
    pub fn rewrite(
        &mut self,
        numbers: &BTreeSet<u32>,
        exchange: Exchange<'_>,
        moved: &mut Vec<(Position, Position)>,
        random: Random<'_>,
    ) -> Result<(), JournalError> {
        if self.poisoned {
            return Err(JournalError::Poisoned);
        }
        if self
            .writer
            .as_ref()
            .is_some_and(|w| numbers.contains(&w.id.number))
        {
            let ended = self.end_segment();
            self.poisoned |= ended.is_err();
            ended?;
        }
        for number in numbers {
            let at = self.closed.binary_search_by_key(number, |c| c.id.number);
            let Ok(at) = at else { continue };
            moved.extend(self.rewrite_one(at, exchange, random)?);
        }
        if !numbers.is_empty() {
            self.clear_damaged()?;
        }
        Ok(self.destroy_doomed()?)
    }

    fn rewrite_one(
        &mut self,
        at: usize,
        exchange: Exchange<'_>,
        random: Random<'_>,
    ) -> Result<Vec<(Position, Position)>, JournalError> {
        let Some(old) = self.closed.get(at).copied() else {
            return Ok(Vec::new());
        };
        let previous = at.checked_sub(1).and_then(|before| self.closed.get(before));
        let id = SegmentId {
            number: old.id.number,
            generation: old.id.generation.saturating_add(1),
        };
        // What an earlier try left.
        self.remove_half_made(id)?;
        let header = Header {
            id,
            previous: previous.map_or(0, |p| p.testified),
            stands_for: old.testified.max(HEADER_LEN),
            erased: true,
        };
        let records = Scan::segment(self.place.clone(), old.id, old.len);
        let written = match write_anew(&self.place, &header, records, exchange, random) {
            Ok(written) => written,
            Err(failure) => {
                match self.place.fs.exists(&self.place.segment(id)) {
                    // Best effort: on a full disk the half-made files only take room.
                    Ok(false) => drop(self.remove_half_made(id)),
                    // It has its name, and whether that is durable is in doubt.
                    _ => self.poisoned = true,
                }
                return Err(failure);
            }
        };
        if let Some(closed) = self.closed.get_mut(at) {
            *closed = Closed {
                id,
                len: written.len,
                testified: old.testified,
            };
        }
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.retain(|reader| reader.segment() != old.id);
        drop(readers);
        self.doomed.push(old.id);
        Ok(written.moved)
    }

    fn remove_half_made(&self, id: SegmentId) -> Result<(), IoFailure> {
        for path in [temporary(&self.place.segment(id)), self.place.key(id)] {
            let there = self.place.fs.exists(&path);
            if there.map_err(IoFailure::at("look for", &path))? {
                let gone = self.place.fs.remove(&path);
                gone.map_err(IoFailure::at("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Keys first: without them the rest is noise, whatever the disk keeps of it.
    fn destroy_doomed(&mut self) -> Result<(), IoFailure> {
        while let Some(id) = self.doomed.last().copied() {
            for path in [self.place.key(id), self.place.segment(id)] {
                let there = self.place.fs.exists(&path);
                if there.map_err(IoFailure::at("look for", &path))? {
                    destroy(&*self.place.fs, &path)?;
                    self.place.sync()?;
                }
            }
            self.doomed.pop();
        }
        Ok(())
    }

    fn clear_damaged(&self) -> Result<(), IoFailure> {
        let (fs, dir) = (&*self.place.fs, self.place.dir.join("damaged"));
        if !fs.exists(&dir).map_err(IoFailure::at("look for", &dir))? {
            return Ok(());
        }
        let names = fs.list(&dir).map_err(IoFailure::at("list", &dir))?;
        let (keys, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|n| n.contains(".key"));
        for name in keys.into_iter().chain(others) {
            destroy(fs, &dir.join(name))?;
        }
        fs.sync_dir(&dir)
            .map_err(IoFailure::at("sync the directory", &dir))
    }
}
