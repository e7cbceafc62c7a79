//! Walking through one segment, frame by frame, in bounded memory.
//!
//! Needs no key: a frame is sound when its checksum is. What an unsound one means (a torn tail,
//! damage) is for the caller to judge.

use std::io;
use std::sync::Arc;

use super::Why;
use super::layout::{FRAME_HEAD, FRAME_MAGIC, FrameHead, HEADER_LEN, Position, SegmentId};
use crate::fs::{OpenFile, read_full};

const WINDOW: usize = 128 * 1024;

/// A frame whose checksum holds.
#[derive(Debug)]
pub(crate) struct RawFrame {
    pub(crate) at: Position,
    pub(crate) end: u32,
    pub(crate) synced: u32,
    pub(crate) sealed: Vec<u8>,
}

pub(crate) enum Step {
    Frame(RawFrame),
    /// Here should be a frame and is none. The walker stays until `resync`.
    Bad(Why),
    End,
}

pub(crate) struct Walker {
    file: Arc<dyn OpenFile>,
    id: SegmentId,
    at: u32,
    len: u32,
    buf: Vec<u8>,
    buf_at: u32,
}

impl Walker {
    /// Walks from `from` (a frame's offset, or the header's end) to `len`.
    pub(crate) fn new(file: Arc<dyn OpenFile>, id: SegmentId, from: u32, len: u32) -> Self {
        Self {
            file,
            id,
            at: from.max(HEADER_LEN),
            len,
            buf: Vec::new(),
            buf_at: 0,
        }
    }

    pub(crate) fn offset(&self) -> u32 {
        self.at
    }

    /// The bytes from `at` on: `need` of them, or fewer at the end.
    fn window(&mut self, at: u32, need: usize) -> io::Result<&[u8]> {
        let left = self.len.saturating_sub(at) as usize;
        let need = need.min(left);
        let start = at.checked_sub(self.buf_at).map(|s| s as usize);
        let held = start.is_some_and(|s| s + need <= self.buf.len());
        if !held {
            self.buf.clear();
            self.buf.resize(need.max(WINDOW).min(left), 0);
            let got = read_full(&*self.file, &mut self.buf, u64::from(at))?;
            self.buf.truncate(got);
            self.buf_at = at;
        }
        let start = at.saturating_sub(self.buf_at) as usize;
        let end = (start + need).min(self.buf.len());
        Ok(self.buf.get(start..end).unwrap_or_default())
    }

    fn parse(&mut self, offset: u32) -> io::Result<Result<RawFrame, Why>> {
        let at = Position {
            segment: self.id,
            offset,
        };
        let head = self.window(offset, FRAME_HEAD)?;
        if head.len() < FRAME_HEAD {
            return Ok(Err(Why::Cut));
        }
        let Some(head) = FrameHead::decode(head) else {
            return Ok(Err(Why::NoFrame));
        };
        if !head.length_fits() {
            return Ok(Err(Why::Length));
        }
        let whole = FRAME_HEAD + head.sealed_len as usize;
        let frame = self.window(offset, whole)?;
        if frame.len() < whole {
            return Ok(Err(Why::Cut));
        }
        let sealed = frame.get(FRAME_HEAD..).unwrap_or_default();
        if FrameHead::crc_of(at, head.synced, sealed) != head.crc || head.synced > offset {
            return Ok(Err(Why::Checksum));
        }
        Ok(Ok(RawFrame {
            at,
            end: offset.saturating_add(u32::try_from(whole).unwrap_or(u32::MAX)),
            synced: head.synced,
            sealed: sealed.to_vec(),
        }))
    }

    pub(crate) fn step(&mut self) -> io::Result<Step> {
        if self.at >= self.len {
            return Ok(Step::End);
        }
        Ok(match self.parse(self.at)? {
            Ok(frame) => {
                self.at = frame.end;
                Step::Frame(frame)
            }
            Err(why) => Step::Bad(why),
        })
    }

    /// Goes on to the next sound frame after a bad place, or to the end of the segment.
    pub(crate) fn resync(&mut self) -> io::Result<()> {
        let mut at = self.at.saturating_add(1);
        while at < self.len {
            let window = self.window(at, WINDOW)?;
            let seen = u32::try_from(window.len()).unwrap_or(u32::MAX);
            let found = window
                .windows(FRAME_MAGIC.len())
                .position(|bytes| bytes == FRAME_MAGIC)
                .and_then(|i| u32::try_from(i).ok());
            let Some(found) = found else {
                // The last three bytes may begin a magic that the next window completes.
                if seen <= 3 || at.saturating_add(seen) >= self.len {
                    break;
                }
                at = at.saturating_add(seen - 3);
                continue;
            };
            at = at.saturating_add(found);
            if self.parse(at)?.is_ok() {
                self.at = at;
                return Ok(());
            }
            at = at.saturating_add(1);
        }
        self.at = self.len;
        Ok(())
    }
}
