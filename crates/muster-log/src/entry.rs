//! Entries: a signed header, and parts that may be sealed or absent.
//!
//! [`Header`] is what the chain and the signature cover; it holds the hash of each part, so that the
//! chain verifies without them. What an entry means is not decided here.

use crate::{
    codec::{self, Bounded, Bytes, CodecError, Decode, Encode},
    hash,
    ids::{
        AudienceTag, Class, DeviceId, EntryHash, Generation, GrantId, HeaderHash, IncidentId,
        KeyId, Lamport, Lane, LogId, Millis, PartHash, Seq, Signature,
    },
};

/// The header version this program writes.
pub const HEADER_VERSION: u8 = 1;
/// Longest header, in bytes.
pub const MAX_HEADER: usize = 1024;
/// Longest entry: header and stored parts together, in bytes.
pub const MAX_ENTRY: usize = 32 * 1024;
/// Most parts of one entry.
pub const MAX_PARTS: usize = 8;
/// How far logical time may run ahead of a log's length: a liar cannot exhaust it for the others.
pub const LAMPORT_STEP: u64 = 1 << 24;

/// What an entry is for. Unknown kinds are kept and relayed.
pub mod kind {
    /// Data of the incident (lane 1).
    pub const DATA: u8 = 1;
    /// Authority acts: admit, end, adopt, allowance, field definitions (lane 0).
    pub const AUTHORITY: u8 = 2;
    /// Key acts (lane 0).
    pub const KEY: u8 = 3;
    /// Erasures (lane 0).
    pub const ERASURE: u8 = 4;
    /// Fork proofs (lane 0).
    pub const FORK: u8 = 5;
    /// Receipts and confirmations (lane 1).
    pub const RECEIPT: u8 = 6;
}

/// How soon an entry should travel, most urgent last, as the header carries it.
pub mod urgency {
    /// Imported in bulk.
    pub const BULK: u8 = 0;
    /// Everything else.
    pub const NORMAL: u8 = 1;
    /// Assignments, and authority.
    pub const ASSIGNMENT: u8 = 2;
    /// Somebody is in danger.
    pub const URGENT: u8 = 3;
}

/// What a header says of one part.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PartHeader {
    /// Who may read it.
    pub class: Class,
    /// The key that seals it; zero where it is plain, which only C0 may be.
    pub key: KeyId,
    /// 0: operations, see [`crate::operation::PartContent`]. Others are kept and not read.
    pub encoding: u8,
    /// Length of the stored bytes.
    pub len: u32,
    /// Hash of the stored bytes.
    pub hash: PartHash,
}

/// Something a later version put into a header; it travels verbatim.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Extension {
    /// What it is.
    pub tag: u16,
    /// Its content.
    pub bytes: Bytes<512>,
}

/// What the chain and the signature cover.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// Layout of this header; see [`HEADER_VERSION`].
    pub version: u8,
    /// Place in the log.
    pub seq: Seq,
    /// Logical time.
    pub lamport: Lamport,
    /// When the device says it was written.
    pub claimed: Millis,
    /// See [`kind`].
    pub kind: u8,
    /// See [`urgency`].
    pub urgency: u8,
    /// Whom it is addressed to; zero for nobody in particular.
    pub audience: AudienceTag,
    /// The grant it acts under.
    pub grant: GrantId,
    /// Its parts.
    pub parts: Bounded<PartHeader, MAX_PARTS>,
    /// What this version does not know.
    pub extensions: Bounded<Extension, 16>,
}

impl Header {
    /// The canonical bytes, which are hashed.
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads canonical bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode::<Self, MAX_HEADER>("header", bytes)
    }
}

/// Names a log by what it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct LogKey {
    /// Whose log.
    pub device: DeviceId,
    /// Which life of the device's data directory.
    pub generation: Generation,
    /// Which lane.
    pub lane: Lane,
}

impl LogKey {
    /// The log's id in an incident.
    pub fn id(&self, incident: &IncidentId) -> LogId {
        hash::log_id(incident, &self.device, self.generation, self.lane)
    }
}

/// The stored bytes of a part, or their absence (after an erasure, or by a policy of space).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartBody {
    /// Sealed bytes; plain ones for C0.
    Stored(Vec<u8>),
    /// Not here; the header still holds their length and hash.
    Absent,
}

/// An entry as somebody claims it: nothing about it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is signed.
    pub header: Header,
    /// One for each part of the header.
    pub parts: Vec<PartBody>,
    /// The author's signature over the chain up to here, where it is carried.
    pub signature: Option<Signature>,
}

/// An entry whose chain and signature were checked. Only [`crate::chain::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEntry {
    pub(crate) entry: Entry,
    pub(crate) digest: HeaderHash,
    pub(crate) hash: EntryHash,
}

impl VerifiedEntry {
    /// What was signed.
    pub fn header(&self) -> &Header {
        &self.entry.header
    }

    /// The parts, in the header's order.
    pub fn parts(&self) -> &[PartBody] {
        &self.entry.parts
    }

    /// `d(n)`.
    pub fn digest(&self) -> HeaderHash {
        self.digest
    }

    /// `h(n)`.
    pub fn hash(&self) -> EntryHash {
        self.hash
    }

    /// The signature at this entry; within a run that was sent in bulk only the last has one.
    pub fn signature(&self) -> Option<Signature> {
        self.entry.signature
    }

    /// Place in the log.
    pub fn seq(&self) -> Seq {
        self.entry.header.seq
    }

    /// The entry without its proof.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }
}
