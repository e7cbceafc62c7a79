//! The bytes of a segment, its key file and its frames; positions and file names.
//!
//! Layouts only: nothing here touches a file. All integers are little-endian.

use std::fmt::{self, Display};

use crate::Random;
use crate::bytes::{Fields, len32};
use crate::seal::{NONCE_LEN, Sealer, Secret, TAG_LEN};

/// The largest record.
pub const MAX_RECORD: usize = 1024 * 1024;
/// The largest sum of the records of one `append`.
pub const MAX_BATCH: usize = 16 * 1024 * 1024;

/// Bytes of a segment's header; the first frame follows.
pub(crate) const HEADER_LEN: u32 = 32;
/// Bytes of a frame before its sealed record.
pub(crate) const FRAME_HEAD: usize = 16;
/// The first four bytes of a frame.
pub(crate) const FRAME_MAGIC: [u8; 4] = [0xD5, b'M', b'f', 0x0A];
/// The largest sealed record.
pub(crate) const MAX_SEALED: usize = MAX_RECORD + TAG_LEN;
/// Bytes of a segment's key file.
pub(crate) const KEY_LEN: usize = 4 + 4 + 4 + NONCE_LEN + 32 + TAG_LEN + 4;

const SEGMENT_MAGIC: [u8; 4] = *b"MSEG";
const KEY_MAGIC: [u8; 4] = *b"MSGK";
const VERSION: u32 = 1;

/// Which segment file: its number, and how often it was rewritten (by a repair, or to erase).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId {
    /// From 1, without gaps.
    pub number: u32,
    /// 0 for the file as first written.
    pub generation: u32,
}

impl SegmentId {
    pub(crate) fn stem(self) -> String {
        match self.generation {
            0 => format!("{:08}", self.number),
            generation => format!("{:08}-{generation}", self.number),
        }
    }

    pub(crate) fn segment_name(self) -> String {
        format!("{}.seg", self.stem())
    }

    pub(crate) fn key_name(self) -> String {
        format!("{}.key", self.stem())
    }

    /// The id in a file name's stem; only the one spelling that `stem` makes.
    pub(crate) fn from_stem(stem: &str) -> Option<Self> {
        let (number, generation) = match stem.split_once('-') {
            Some((number, generation)) => (number, generation.parse().ok()?),
            None => (stem, 0),
        };
        let id = Self {
            number: number.parse().ok()?,
            generation,
        };
        (id.number > 0 && id.stem() == stem).then_some(id)
    }

    fn bytes(self) -> [u8; 8] {
        let mut out = [0; 8];
        for (to, from) in out
            .iter_mut()
            .zip([self.number.to_le_bytes(), self.generation.to_le_bytes()].as_flattened())
        {
            *to = *from;
        }
        out
    }
}

impl Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stem())
    }
}

/// Where a record lies. Ordered as the records are, within one generation of each segment; a
/// position from before a repair is refused, never misread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The segment file.
    pub segment: SegmentId,
    /// The offset of the frame in it.
    pub offset: u32,
}

impl Position {
    /// Bytes of an encoded position.
    pub const LEN: usize = 12;

    /// Before every record.
    pub const START: Self = Self {
        segment: SegmentId {
            number: 0,
            generation: 0,
        },
        offset: 0,
    };

    /// Number, generation, offset.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        let parts = [
            self.segment.number.to_le_bytes(),
            self.segment.generation.to_le_bytes(),
            self.offset.to_le_bytes(),
        ];
        for (to, from) in out.iter_mut().zip(parts.as_flattened()) {
            *to = *from;
        }
        out
    }

    /// What `to_bytes` made.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        Self {
            segment: SegmentId {
                number: u32::from_le_bytes([a, b, c, d]),
                generation: u32::from_le_bytes([e, f, g, h]),
            },
            offset: u32::from_le_bytes([i, j, k, l]),
        }
    }
}

impl Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.segment, self.offset)
    }
}

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: SegmentId,
    /// How long the segment before was when this one began; all of that was durable then.
    pub(crate) previous: u32,
    /// A rewritten segment: the length its original was (or should have been), to which the next
    /// segment's `previous` refers. 0 in an original.
    pub(crate) stands_for: u32,
    /// Rewritten to erase: what it stands for is to be destroyed, not put aside.
    pub(crate) erased: bool,
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN as usize);
        out.extend_from_slice(&SEGMENT_MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.id.bytes());
        out.extend_from_slice(&self.previous.to_le_bytes());
        out.extend_from_slice(&self.stands_for.to_le_bytes());
        out.extend_from_slice(&u32::from(self.erased).to_le_bytes());
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8], id: SegmentId) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        let body = fields.take(HEADER_LEN as usize - 4)?;
        if fields.u32()? != crc32fast::hash(body) {
            return None;
        }
        let mut fields = Fields::new(body);
        if fields.array()? != SEGMENT_MAGIC
            || fields.u32()? != VERSION
            || fields.array()? != id.bytes()
        {
            return None;
        }
        Some(Self {
            id,
            previous: fields.u32()?,
            stands_for: fields.u32()?,
            erased: match fields.u32()? {
                0 => false,
                1 => true,
                _ => return None,
            },
        })
    }
}

/// Makes the key file of a segment: the key sealed under the storage key.
pub(crate) fn encode_key(
    wrap: &Sealer,
    id: SegmentId,
    key: &Secret,
    random: Random<'_>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(KEY_LEN);
    out.extend_from_slice(&KEY_MAGIC);
    out.extend_from_slice(&id.bytes());
    let sealed = wrap.seal_small(random, &out, &**key);
    out.extend_from_slice(&sealed);
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// Opens the key file of a segment.
pub(crate) fn decode_key(wrap: &Sealer, id: SegmentId, bytes: &[u8]) -> Option<Secret> {
    let (body, crc) = bytes.split_at_checked(KEY_LEN - 4)?;
    if <[u8; 4]>::try_from(crc).ok()? != crc32fast::hash(body).to_le_bytes() {
        return None;
    }
    let (head, sealed) = body.split_at_checked(12)?;
    let mut fields = Fields::new(head);
    if fields.array()? != KEY_MAGIC || fields.array()? != id.bytes() {
        return None;
    }
    let key = wrap.open_small(head, sealed)?;
    Some(Secret::new(key.as_slice().try_into().ok()?))
}

/// What a frame says before its sealed record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameHead {
    pub(crate) sealed_len: u32,
    /// Everything before this offset was durable when the frame was written.
    pub(crate) synced: u32,
    pub(crate) crc: u32,
}

impl FrameHead {
    /// `None` if it does not begin with the magic.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        if fields.array()? != FRAME_MAGIC {
            return None;
        }
        Some(Self {
            sealed_len: fields.u32()?,
            synced: fields.u32()?,
            crc: fields.u32()?,
        })
    }

    pub(crate) fn length_fits(&self) -> bool {
        (TAG_LEN..=MAX_SEALED).contains(&(self.sealed_len as usize))
    }

    /// The checksum covers where the frame lies, so that a stale copy elsewhere is no frame.
    pub(crate) fn crc_of(at: Position, synced: u32, sealed: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&at.to_bytes());
        hasher.update(&len32(sealed).to_le_bytes());
        hasher.update(&synced.to_le_bytes());
        hasher.update(sealed);
        hasher.finalize()
    }
}

fn associated(at: Position, synced: u32) -> [u8; Position::LEN + 4] {
    let mut out = [0; Position::LEN + 4];
    let (place, end) = out.split_at_mut(Position::LEN);
    place.copy_from_slice(&at.to_bytes());
    end.copy_from_slice(&synced.to_le_bytes());
    out
}

/// Appends a frame for `record` to `out`. The nonce is the position: under one segment key no
/// offset is ever written twice with different bytes.
pub(crate) fn frame_onto(
    sealer: &Sealer,
    at: Position,
    synced: u32,
    record: &[u8],
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEAD]);
    sealer.seal_onto(at.to_bytes(), &associated(at, synced), record, out);
    let Some((head, sealed)) = out
        .get_mut(start..)
        .and_then(|frame| frame.split_at_mut_checked(FRAME_HEAD))
    else {
        return;
    };
    let crc = FrameHead::crc_of(at, synced, sealed);
    let parts = [
        FRAME_MAGIC,
        len32(sealed).to_le_bytes(),
        synced.to_le_bytes(),
        crc.to_le_bytes(),
    ];
    head.copy_from_slice(parts.as_flattened());
}

/// Opens a frame's record.
pub(crate) fn open_record(
    sealer: &Sealer,
    at: Position,
    synced: u32,
    sealed: &[u8],
) -> Option<Vec<u8>> {
    sealer.open(at.to_bytes(), &associated(at, synced), sealed)
}

/// Bytes a record takes in a segment.
pub(crate) fn frame_len(record: usize) -> usize {
    FRAME_HEAD + record + TAG_LEN
}
