//! The journal: the truth. Append-only segments of sealed records.
//!
//! ```text
//! journal/00000001.seg     a header, then frames
//! journal/00000001.key     the segment's own key, sealed under the storage key
//! journal/00000003-1.seg   segment 3 as a repair or an erasure rewrote it; stands for the original
//! journal/damaged/         what a repair moved aside
//! ```
//!
//! A record is acknowledged by [`Journal::sync`], never before. Each frame and each new segment
//! testify how much before them was durable: beyond the last testimony a bad frame is a torn
//! tail, before it a bad frame is damage. A process never appends to a segment it found: after
//! every open the first append begins a fresh segment with a fresh key, so that no nonce is used
//! twice, whatever a power cut took back.
//!
//! Records are opaque here; this is no database and has no keys to look up by (see `index`).

mod erase;
mod examine;
mod layout;
mod open;
mod read;
mod read_only;
mod repair;
mod survey;
mod walk;
mod write;

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

pub use self::erase::Exchange;
pub use self::layout::{MAX_BATCH, MAX_RECORD, Position, SegmentId};
pub use self::open::Recovery;
use self::read::Reader;
pub use self::read::Scan;
pub use self::read_only::{ReadOnlyJournal, read_only};
pub use self::repair::{RepairReport, repair};
use self::write::Writer;
use crate::dir::DirError;
use crate::error::IoFailure;
use crate::fs::{FileSystem, Lock};
use crate::seal::Sealer;

const KEY_PURPOSE: &str = "muster-store 2026 segment keys";

/// What is wrong with a range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The segment file is not there.
    Missing,
    /// The segment's key file is missing or damaged: nothing in the segment can be opened.
    Key,
    /// The segment's header does not verify.
    Header,
    /// No frame begins where one should.
    NoFrame,
    /// A frame's length is impossible.
    Length,
    /// A frame's checksum does not match.
    Checksum,
    /// The file ends within a frame.
    Cut,
    /// A frame's seal does not verify though its checksum does: someone changed it on purpose.
    Seal,
    /// The file is shorter or longer than the next segment testifies.
    End,
    /// The disk does not give these bytes.
    Unreadable,
}

impl Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the file is missing",
            Self::Key => "its key file is missing or damaged",
            Self::Header => "the header does not verify",
            Self::NoFrame => "no frame begins here",
            Self::Length => "a frame's length is impossible",
            Self::Checksum => "a frame's checksum does not match",
            Self::Cut => "the file ends within a frame",
            Self::Seal => "a frame's seal does not verify",
            Self::End => "the file does not end where the next segment says",
            Self::Unreadable => "the disk does not give these bytes",
        })
    }
}

/// A range of bytes of a segment from which nothing can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which segment file.
    pub segment: SegmentId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last; equal to `start` when it is not known how much is missing.
    pub end: u32,
    /// What is wrong.
    pub why: Why,
}

impl Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            segment,
            start,
            end,
            why,
        } = self;
        write!(f, "segment {segment}, bytes {start} to {end}: {why}")
    }
}

/// Why the journal refused.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Something that was durable is not as it was. `repair` keeps what can be kept.
    #[error("the journal is damaged: {}, at offset {offset}: {why}", path.display())]
    Damaged {
        /// The segment file.
        path: PathBuf,
        /// Its number and generation.
        segment: SegmentId,
        /// Where in it.
        offset: u32,
        /// What is wrong.
        why: Why,
    },
    /// A write or a sync failed earlier; nothing more is accepted until the journal is reopened.
    #[error("an earlier write to the journal failed; it must be reopened")]
    Poisoned,
    /// A record without content.
    #[error("record {index} of the batch is empty")]
    EmptyRecord {
        /// Which of the batch.
        index: usize,
    },
    /// A record above [`MAX_RECORD`].
    #[error("record {index} of the batch has {len} bytes; {MAX_RECORD} is the most")]
    RecordTooLarge {
        /// Which of the batch.
        index: usize,
        /// Its length.
        len: usize,
    },
    /// A batch above [`MAX_BATCH`].
    #[error("the batch has {len} bytes; {MAX_BATCH} is the most")]
    BatchTooLarge {
        /// The sum of its records.
        len: usize,
    },
    /// No record can begin there: past the end, or from before a repair.
    #[error("there is no position {0} in the journal")]
    NoSuchPosition(Position),
    /// All segment numbers are used up.
    #[error("the journal has no segment numbers left")]
    Exhausted,
    /// The directory is not open for writing.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// The file system.
    #[error(transparent)]
    Io(#[from] IoFailure),
}

/// What may be chosen about a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// A segment that has reached this many bytes is followed by a new one. At most 1 GiB.
    pub segment_bytes: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 8 * 1024 * 1024,
        }
    }
}

/// Where the segments are and how their keys are opened.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) fs: Arc<dyn FileSystem>,
    pub(crate) dir: PathBuf,
    pub(crate) wrap: Sealer,
}

impl Place {
    pub(crate) fn new(dir: &crate::DataDir) -> Self {
        Self {
            fs: dir.fs().clone(),
            dir: dir.path().join("journal"),
            wrap: Sealer::new(&dir.key().derive(KEY_PURPOSE)),
        }
    }

    pub(crate) fn segment(&self, id: SegmentId) -> PathBuf {
        self.dir.join(id.segment_name())
    }

    pub(crate) fn key(&self, id: SegmentId) -> PathBuf {
        self.dir.join(id.key_name())
    }

    pub(crate) fn sync(&self) -> Result<(), IoFailure> {
        self.fs
            .sync_dir(&self.dir)
            .map_err(IoFailure::at("sync the directory", &self.dir))
    }

    pub(crate) fn damaged(&self, damage: Damage) -> JournalError {
        JournalError::Damaged {
            path: self.segment(damage.segment),
            segment: damage.segment,
            offset: damage.start,
            why: damage.why,
        }
    }
}

/// A segment that is not written to any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) id: SegmentId,
    /// The length of the file.
    pub(crate) len: u32,
    /// The length that the next segment's header testifies.
    pub(crate) testified: u32,
}

/// The open journal. One a directory; it shares the directory's lock.
pub struct Journal {
    place: Place,
    options: Options,
    closed: Vec<Closed>,
    writer: Option<Writer>,
    poisoned: bool,
    /// Superseded by an erasure, and not destroyed yet.
    doomed: Vec<SegmentId>,
    readers: Mutex<Vec<Arc<Reader>>>,
    _lock: Arc<dyn Lock>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("dir", &self.place.dir)
            .field("end", &self.end())
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}
