//! Writing a device's own next entry: parts sealed, header built, chain extended, signed.
//!
//! What it makes is a [`Run`] like anybody else's, and goes through the same door.

use thiserror::Error;

use crate::{
    chain::{DeviceKey, Run},
    codec::Bounded,
    entry::{
        Entry, HEADER_VERSION, Header, LAMPORT_STEP, LogKey, MAX_ENTRY, MAX_HEADER, MAX_PARTS,
        PartBody, PartHeader,
    },
    hash,
    ids::{AudienceTag, Class, EntryHash, GrantId, IncidentId, KeyId, Lamport, Millis, Seq},
    operation::{MAX_OPERATIONS, PartContent},
    seal::{self, ClassKey, Place, SealError},
};

/// One part of an entry to be written.
#[derive(Debug, Clone)]
pub struct DraftPart {
    /// Its class.
    pub class: Class,
    /// The key to seal it with; none for C0.
    pub key: Option<ClassKey>,
    /// What it says.
    pub content: PartContent,
}

/// An entry to be written.
#[derive(Debug, Clone)]
pub struct Draft {
    /// See [`crate::entry::kind`].
    pub kind: u8,
    /// See [`crate::entry::urgency`].
    pub urgency: u8,
    /// Whom it is addressed to.
    pub audience: AudienceTag,
    /// When it is written.
    pub claimed: Millis,
    /// The parts.
    pub parts: Vec<DraftPart>,
}

/// Where a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// The next place.
    pub next: Seq,
    /// `h` of the last entry; the log's id where there is none.
    pub before: EntryHash,
}

/// Why an entry cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuthorError {
    /// More parts than an entry may have.
    #[error("too many parts")]
    TooManyParts,
    /// More operations than an entry may have.
    #[error("{0} operations in one entry; the most is {MAX_OPERATIONS}")]
    TooManyOperations(usize),
    /// More bytes than an entry may have.
    #[error("an entry of {0} bytes; the most is {MAX_ENTRY}")]
    TooLong(usize),
    /// A class above C0 without a key, or C0 with one.
    #[error("no key for class C{0}")]
    NoKey(u8),
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// The logical time of an entry: one more than the highest seen, within what the log allows.
pub fn lamport(highest: Lamport, seq: Seq) -> Lamport {
    let bound = LAMPORT_STEP.saturating_mul(seq.0.saturating_add(1));
    Lamport(highest.0.saturating_add(1).min(bound))
}

/// Writes the next entry of a log.
pub fn write(
    incident: &IncidentId,
    device: &DeviceKey,
    log: &LogKey,
    tip: Tip,
    highest: Lamport,
    grant: GrantId,
    draft: &Draft,
) -> Result<Run, AuthorError> {
    let id = log.id(incident);
    let total: usize = draft.parts.iter().map(|p| p.content.operations.len()).sum();
    if total > MAX_OPERATIONS {
        return Err(AuthorError::TooManyOperations(total));
    }
    if draft.parts.len() > MAX_PARTS {
        return Err(AuthorError::TooManyParts);
    }
    let mut heads = Vec::new();
    let mut bodies = Vec::new();
    for (part, index) in draft.parts.iter().zip(0u8..) {
        let plain = part.content.to_bytes();
        let (key, stored) = match &part.key {
            None if part.class == Class::C0 => (KeyId::ZERO, plain),
            Some(key) if part.class != Class::C0 => {
                let place = Place {
                    log: id,
                    seq: tip.next,
                    part: index,
                    class: part.class,
                };
                (key.id(), seal::seal_part(key, &place, &plain)?)
            }
            _ => return Err(AuthorError::NoKey(part.class.0)),
        };
        let len = u32::try_from(stored.len()).map_err(|_| AuthorError::TooLong(stored.len()))?;
        heads.push(PartHeader {
            class: part.class,
            key,
            encoding: 0,
            len,
            hash: hash::part_hash(&stored),
        });
        bodies.push(PartBody::Stored(stored));
    }
    let header = Header {
        version: HEADER_VERSION,
        seq: tip.next,
        lamport: lamport(highest, tip.next),
        claimed: draft.claimed,
        kind: draft.kind,
        urgency: draft.urgency,
        audience: draft.audience,
        grant,
        parts: heads.try_into().map_err(|_| AuthorError::TooManyParts)?,
        extensions: Bounded::default(),
    };
    let bytes = header.to_bytes();
    let stored: usize = header.parts.iter().map(|p| p.len as usize).sum();
    if bytes.len() > MAX_HEADER || bytes.len() + stored > MAX_ENTRY {
        return Err(AuthorError::TooLong(bytes.len() + stored));
    }
    let hash = hash::chain(&id, tip.next, &tip.before, &hash::header_hash(&bytes));
    let entry = Entry {
        header,
        parts: bodies,
        signature: Some(device.sign_entry(&hash)),
    };
    Ok(Run {
        log: *log,
        before: tip.before,
        entries: vec![entry],
    })
}
