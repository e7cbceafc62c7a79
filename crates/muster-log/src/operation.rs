//! Operations: what the parts of an entry say, field by field.
//!
//! The layout is settled here; the meaning of kinds, fields and values is the model's. A code that
//! this version does not know is kept, relayed and skipped.

use thiserror::Error;

use crate::{
    codec::{self, Bounded, Bytes, CodecError, Decode, Encode},
    ids::{EntryHash, GrantId, HashCheck, LogId, LogPrefix, ObjectId, Seq},
};

/// Most operations in all parts of one entry together.
pub const MAX_OPERATIONS: usize = 256;
/// Longest body of one operation, in bytes.
pub const MAX_BODY: usize = 32 * 1024;
/// Most writes that one write may replace.
pub const MAX_REPLACES: usize = 32;

/// Codes of operations; ranges are documented in `docs/protocol.md`.
pub mod code {
    /// Writes a register.
    pub const SET: u16 = 1;
    /// Adds an element to an add-wins set.
    pub const ADD: u16 = 2;
    /// Removes what it has seen of an element.
    pub const REMOVE: u16 = 3;
    /// Adds one record to a sum.
    pub const TALLY: u16 = 4;
    /// Says that an object is the same as another one.
    pub const ALIAS: u16 = 5;
    /// Takes an alias back.
    pub const UNALIAS: u16 = 6;
    // 7 was an erasure without its parts; an erasure is an act, see `crate::act::Erase`.
    /// Confirms an erasure (lane 1, in entries of kind 6).
    pub const ERASE_ACK: u16 = 8;
    /// Announces an attachment.
    pub const BLOB: u16 = 9;
    /// Says who sits at the device from here on.
    pub const OPERATOR: u16 = 10;
    /// First code of the authority acts, see [`crate::act`].
    pub const FIRST_ACT: u16 = 64;
}

/// Where an operation stands: an entry, and the place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Reference {
    /// First bytes of the log's id.
    pub log: LogPrefix,
    /// The entry's place in its log.
    pub seq: Seq,
    /// `part index * 256 + index in the part`.
    pub op: u16,
    /// First bytes of the entry's hash: a reference to another branch of a fork matches nothing.
    pub check: HashCheck,
}

impl Reference {
    /// The reference of operation `index` of part `part` of an entry. Both are below 256 by the
    /// limits on parts and operations.
    pub fn new(log: &LogId, seq: Seq, hash: &EntryHash, part: u8, index: u8) -> Self {
        Self {
            log: log.prefix(),
            seq,
            op: u16::from(part) << 8 | u16::from(index),
            check: hash.check(),
        }
    }
}

/// A typed value; the model knows the types, others are kept as they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
pub struct Value {
    /// Type number, assigned by the model.
    pub kind: u8,
    /// The value in that type's layout.
    pub bytes: Bytes<{ 24 * 1024 }>,
}

/// Which register, set or sum of which object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Slot {
    /// Kind of the object (volunteer, need ...).
    pub kind: u16,
    /// The object.
    pub object: ObjectId,
    /// Number of the field in its kind's table.
    pub field: u16,
    /// Which line, skill, slot ...; 0 for a plain field.
    pub element: u64,
}

/// A write to one field.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FieldWrite {
    /// Where it writes.
    pub slot: Slot,
    /// The writes that its author saw and replaces.
    pub replaces: Bounded<Reference, MAX_REPLACES>,
    /// What it writes; empty for a removal.
    pub value: Value,
}

/// An attachment, stored outside the log and fetched by need.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BlobNotice {
    /// The object it belongs to.
    pub object: ObjectId,
    /// Hash of its content.
    pub content: [u8; 32],
    /// Its length in bytes.
    pub len: u64,
    /// Media type, as ASCII.
    pub media: codec::Text<96>,
}

/// An operation as it stands in a part: a code and a body that can be skipped.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Operation {
    /// What kind of operation, see [`code`].
    pub code: u16,
    /// Its body in that code's layout.
    pub body: Bytes<MAX_BODY>,
}

/// A data operation, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataOperation {
    /// Writes a register.
    Set(FieldWrite),
    /// Adds an element.
    Add(FieldWrite),
    /// Removes observed additions.
    Remove(FieldWrite),
    /// Adds a record to a sum.
    Tally(FieldWrite),
    /// The slot's object is an alias of the object in the value.
    Alias(FieldWrite),
    /// Takes back the aliases it replaces.
    Unalias(FieldWrite),
    /// Says who sits at the device.
    Operator(codec::Text<200>),
    /// Announces an attachment.
    Blob(BlobNotice),
    /// The device has destroyed what an erasure names, by the act's id.
    EraseAck(GrantId),
    /// A code of a later version, or an authority act: not the data model's business.
    Other(u16),
}

/// Why an operation cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OperationError {
    /// The body would be longer than [`MAX_BODY`].
    #[error("an operation of {0} bytes; the most is {MAX_BODY}")]
    TooLong(usize),
}

impl Operation {
    /// Wraps an encoded body.
    pub fn new<T: Encode>(code: u16, body: &T) -> Result<Self, OperationError> {
        let bytes = codec::encode(body);
        let len = bytes.len();
        match Bytes::try_from(bytes) {
            Ok(body) => Ok(Self { code, body }),
            Err(_) => Err(OperationError::TooLong(len)),
        }
    }

    /// Reads the body as a data operation. An unknown code gives [`DataOperation::Other`]; a known
    /// code with a body that is not canonical is an error, and the operation is inert.
    pub fn read(&self) -> Result<DataOperation, CodecError> {
        fn body<T: Encode + Decode<()>>(op: &Operation) -> Result<T, CodecError> {
            codec::decode::<T, MAX_BODY>("operation", &op.body)
        }
        Ok(match self.code {
            code::SET => DataOperation::Set(body(self)?),
            code::ADD => DataOperation::Add(body(self)?),
            code::REMOVE => DataOperation::Remove(body(self)?),
            code::TALLY => DataOperation::Tally(body(self)?),
            code::ALIAS => DataOperation::Alias(body(self)?),
            code::UNALIAS => DataOperation::Unalias(body(self)?),
            code::ERASE_ACK => DataOperation::EraseAck(body(self)?),
            code::BLOB => DataOperation::Blob(body(self)?),
            code::OPERATOR => DataOperation::Operator(body(self)?),
            other => DataOperation::Other(other),
        })
    }
}

impl DataOperation {
    /// The operation in its stored form; `Other` has none of its own.
    pub fn write(&self) -> Option<Result<Operation, OperationError>> {
        Some(match self {
            Self::Set(w) => Operation::new(code::SET, w),
            Self::Add(w) => Operation::new(code::ADD, w),
            Self::Remove(w) => Operation::new(code::REMOVE, w),
            Self::Tally(w) => Operation::new(code::TALLY, w),
            Self::Alias(w) => Operation::new(code::ALIAS, w),
            Self::Unalias(w) => Operation::new(code::UNALIAS, w),
            Self::EraseAck(id) => Operation::new(code::ERASE_ACK, id),
            Self::Blob(b) => Operation::new(code::BLOB, b),
            Self::Operator(t) => Operation::new(code::OPERATOR, t),
            Self::Other(_) => return None,
        })
    }
}

/// The content of one part: its operations in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct PartContent {
    /// At most [`MAX_OPERATIONS`]; the entry's total is checked where it is read.
    pub operations: Bounded<Operation, MAX_OPERATIONS>,
}

impl PartContent {
    /// Reads a part's plain bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode::<Self, { 64 * 1024 }>("part", bytes)
    }

    /// The part's plain bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }
}
