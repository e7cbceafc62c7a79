//! The frames of a session, as bytes: versioned, bounded, in one canonical form.
//!
//! A frame is its kind (one byte, the place in [`Frame`]) and its body. The first two bytes of
//! [`Frame::Hello`] and all of [`Frame::Bye`] stay as they are in every later version, so that two
//! versions can always tell each other so.

use thiserror::Error;

use crate::{
    chain::MAX_RUN,
    codec::{self, Bounded, Bytes, CodecError, Cursor, Decode, Encode, Text},
    entry::LogKey,
    frontier::Island,
    ids::{DeviceId, EntryHash, KeyId, Lane, LogId, Millis, Seq, Signature},
    reconcile::{Sketch, Tell},
    run::MAX_RUN_BYTES,
};

/// The session protocol this program speaks.
pub const VERSION: u8 = 1;
/// Longest frame, in bytes.
pub const MAX_FRAME: usize = 256 * 1024;
/// Most secrets that are offered or accepted: the current one and recent ones.
pub const MAX_SECRETS: usize = 4;
/// Heads in one frame.
pub(super) const HEADS: usize = 512;
/// Chains told of one forked log, and places of each.
pub(super) const TRAILS: usize = 32;
pub(super) const POINTS: usize = 64;
/// Islands named of one log; what lies beyond them is sent again.
pub(super) const ISLANDS: usize = 16;
/// Receipts in one frame.
pub(super) const ACKS: usize = 256;
/// Keys announced in one frame.
pub(super) const KEYS: usize = 1024;
/// Frames of this kind and above may be skipped by who does not know them.
const SKIPPABLE: u8 = 64;
const LEVEL: i32 = 3;

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Not in the layout.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A greeting in a later version.
    #[error("session version {0}; this program speaks {VERSION}")]
    Version(u8),
    /// A run that does not unpack to the length it names.
    #[error("a run that does not unpack")]
    Packing,
}

/// Flight 1: proves the incident secret.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Hello {
    pub version: u8,
    pub nonce: [u8; 32],
    /// One under each secret that the dialler accepts, newest first.
    pub proofs: Bounded<[u8; 32], MAX_SECRETS>,
}

/// Flight 2: proves it back.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Welcome {
    pub nonce: [u8; 32],
    pub proof: [u8; 32],
    pub identity: Identity,
}

/// Who speaks, and what it has; flight 3, and part of flight 2.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Identity {
    pub device: DeviceId,
    pub signature: Signature,
    /// The program's name and version, for people.
    pub software: Text<48>,
    /// What its clock says.
    pub clock: Millis,
    pub lane0: [u8; 16],
    pub frontier: [u8; 16],
}

/// What a device has, in short: digests as they are told in this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct Summary {
    pub round: u32,
    pub lane0: [u8; 16],
    pub frontier: [u8; 16],
}

/// What a device has of one log; of a forked one there is one for each branch. The log's key is not needed: who knows the log knows its id, and
/// who does not gets its key with the first run.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Head {
    pub log: LogId,
    pub count: u64,
    /// `h(count - 1)`.
    pub head: EntryHash,
    pub islands: Bounded<Island, ISLANDS>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Heads {
    pub lane: Lane,
    pub heads: Bounded<Head, HEADS>,
    pub last: bool,
}

/// Which way one chain of a forked log goes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Chain {
    /// Its lowest place that is here.
    pub from: Seq,
    /// Some of its places with their hashes, the highest first, ever farther apart.
    pub points: Bounded<(Seq, EntryHash), POINTS>,
}

/// What a device has of a log of which the two sides hold different histories, so that each finds
/// where they part.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Trail {
    pub log: LogId,
    /// It answers one; else it asks for one.
    pub answer: bool,
    pub chains: Bounded<Chain, TRAILS>,
}

/// What a device has of a lane, as a sketch.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Sketched {
    pub lane: Lane,
    pub sketch: Sketch,
}

/// What differs in a lane, or the answer to it: all of it or a part.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Told {
    pub lane: Lane,
    pub tell: Tell,
    /// Of logs that cannot be told briefly.
    pub heads: Bounded<Head, HEADS>,
    pub last: bool,
}

/// A key that the sender holds, with the proof of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct HeldProof {
    pub key: KeyId,
    pub proof: [u8; 16],
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Packed {
    /// Counts the sender's runs, for the receipt.
    pub number: u64,
    /// Length unpacked; 0 where the bytes are not packed.
    pub unpacked: u32,
    pub bytes: Bytes<MAX_RUN_BYTES>,
}

/// What became of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct Ack {
    pub number: u64,
    /// 0 stored, 1 known, 2 parked; else a refusal, see [`super::Reason`].
    pub verdict: u8,
    /// How many entries of its log are here from the start on.
    pub count: u64,
}

/// See [`Ack::verdict`].
pub(super) mod verdict {
    pub(in super::super) const STORED: u8 = 0;
    pub(in super::super) const KNOWN: u8 = 1;
    pub(in super::super) const PARKED: u8 = 2;
}

/// All frames. Their order is their kind on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) enum Frame {
    Hello(Hello),
    /// The reason's code, and the version spoken.
    Bye(u8, u8),
    Welcome(Welcome),
    Identity(Identity),
    Summary(Summary),
    Keys(Bounded<HeldProof, KEYS>),
    Heads(Heads),
    Run(Packed),
    Acks(Bounded<Ack, ACKS>),
    /// Everything of this lane was sent and receipted.
    Done(Lane),
    /// Of this log, this many entries came from elsewhere: do not send them.
    Have(LogId, u64),
    Trail(Trail),
    Sketch(Sketched),
    Tell(Told),
}

impl Frame {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a frame; `None` for one of a kind that may be skipped.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        match bytes {
            [0, version, ..] if *version != VERSION => return Err(FrameError::Version(*version)),
            [kind, ..] if (SKIPPABLE..=250).contains(kind) => return Ok(None),
            _ => {}
        }
        Ok(Some(codec::decode::<Self, MAX_FRAME>("frame", bytes)?))
    }
}

/// Packs an encoded run, where that makes it shorter.
pub(super) fn pack(number: u64, run: Vec<u8>) -> Packed {
    let (unpacked, bytes) = match zstd::bulk::compress(&run, LEVEL) {
        Ok(packed) if packed.len() < run.len() => (run.len() as u32, packed),
        _ => (0, run),
    };
    Packed {
        number,
        unpacked,
        // The caller keeps runs within their limit; an empty one is refused over there.
        bytes: bytes.try_into().unwrap_or_default(),
    }
}

/// Unpacks a run. The length it names is the most that is allocated.
pub(super) fn unpack(packed: Packed) -> Result<Vec<u8>, FrameError> {
    if packed.unpacked == 0 {
        return Ok(packed.bytes.into_inner());
    }
    let len = usize::try_from(packed.unpacked).unwrap_or(usize::MAX);
    if len > MAX_RUN_BYTES {
        return Err(FrameError::Packing);
    }
    match zstd::bulk::decompress(&packed.bytes, len) {
        Ok(run) if run.len() == len => Ok(run),
        _ => Err(FrameError::Packing),
    }
}

/// What stands at the head of an encoded run, before anything is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    pub log: LogKey,
    pub from: u64,
    pub to: u64,
}

/// Reads the head of an encoded run.
pub(crate) fn claim(run: &[u8]) -> Result<Claim, CodecError> {
    let mut cursor = Cursor::new("run", run);
    let _version: u8 = cursor.take()?;
    let log: LogKey = cursor.take()?;
    let first: Seq = cursor.take()?;
    let _before: EntryHash = cursor.take()?;
    let count: u64 = cursor.take()?;
    if count == 0 || count > MAX_RUN as u64 {
        return Err(cursor.malformed(format!("{count} entries")));
    }
    match first.0.checked_add(count) {
        Some(to) => Ok(Claim {
            log,
            from: first.0,
            to,
        }),
        None => Err(cursor.malformed("places beyond the last one".into())),
    }
}

/// Whether a frame carries entries: for those who watch the wire, as simulations do.
pub fn carries_entries(frame: &[u8]) -> bool {
    matches!(Frame::from_bytes(frame), Ok(Some(Frame::Run(_))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::reconcile::{Ahead, Here, Place, Short};

    #[test]
    fn runs_unpack_to_what_they_were_and_to_no_more() {
        let run = b"the same words again and again ".repeat(1000);
        let packed = pack(7, run.clone());
        assert!(packed.unpacked as usize == run.len() && packed.bytes.len() < 200);
        assert_eq!(unpack(packed.clone()).unwrap(), run);
        let short = Packed {
            unpacked: 100,
            ..packed.clone()
        };
        assert_eq!(unpack(short), Err(FrameError::Packing));
        let long = Packed {
            unpacked: u32::MAX,
            ..packed
        };
        assert_eq!(unpack(long), Err(FrameError::Packing));
        let noise: Vec<u8> = blake3::hash(b"noise").as_bytes().to_vec();
        assert_eq!(unpack(pack(0, noise.clone())).unwrap(), noise);
    }

    #[test]
    fn golden_frames() {
        let hex = |f: Frame| hex::encode(f.to_bytes());
        assert_eq!(hex(Frame::Bye(2, 1)), "010201");
        assert_eq!(hex(Frame::Done(Lane(1))), "0901");
        let ack = Ack {
            number: 300,
            verdict: 1,
            count: 64,
        };
        let acks = Frame::Acks(vec![ack].try_into().unwrap());
        assert_eq!(hex(acks), "0801fb2c010140");
        let summary = Frame::Summary(Summary {
            round: 1,
            lane0: [0xaa; 16],
            frontier: [0xbb; 16],
        });
        assert_eq!(
            hex(summary),
            format!("0401{}{}", "aa".repeat(16), "bb".repeat(16))
        );
        let sketch = Sketch {
            logs: 300,
            estimate: vec![0xee; 2].try_into().unwrap(),
            buckets: 1,
            sums: vec![0x34, 0x12].try_into().unwrap(),
        };
        let sketched = Sketched {
            lane: Lane(1),
            sketch,
        };
        assert_eq!(hex(Frame::Sketch(sketched)), "0c01fb2c0102eeee01023412");
        let place = Place::new(2, 0x1234);
        let here = Here {
            place,
            count: 5,
            short: Short([0xaa; 4]),
        };
        let ahead = Ahead {
            place,
            check: [0xcc; 2],
        };
        let tell = Tell {
            buckets: 3,
            whole: vec![1].try_into().unwrap(),
            ahead: vec![ahead].try_into().unwrap(),
            here: vec![here].try_into().unwrap(),
            none: vec![place].try_into().unwrap(),
            odd: vec![place].try_into().unwrap(),
        };
        let told = Told {
            lane: Lane(1),
            tell,
            heads: Bounded::default(),
            last: true,
        };
        assert_eq!(
            hex(Frame::Tell(told)),
            "0d0103010101021234cccc0102123405aaaaaaaa01021234010212340001"
        );
        assert_eq!(Frame::from_bytes(&[70, 1, 2, 3]), Ok(None));
        assert_eq!(Frame::from_bytes(&[0, 9, 3]), Err(FrameError::Version(9)));
        assert!(Frame::from_bytes(&[9, 1, 0]).is_err());
    }
}
