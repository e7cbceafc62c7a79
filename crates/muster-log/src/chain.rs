//! The chain of a log: how a run of entries is proven by one signature, and how a device writes its
//! next entry.
//!
//! [`verify`] is the only place that makes [`VerifiedEntry`] values. Whether the author was allowed
//! to write them is [`crate::authority`]'s question.

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use thiserror::Error;

use crate::{
    entry::{Entry, LAMPORT_STEP, LogKey, MAX_ENTRY, MAX_HEADER, PartBody, VerifiedEntry},
    erased::drop_parts,
    hash,
    ids::{Class, DeviceId, EntryHash, IncidentId, KeyId, LogId, Seq, Signature},
};

const SIGNING_TAG: &[u8] = b"muster entry v1\0";
/// Most entries of a run: one signature stands for at most this many.
pub const MAX_RUN: usize = 64;
/// A run is closed when its encoding reaches this many bytes.
pub const RUN_BYTES: usize = 128 * 1024;

/// Consecutive entries of one log, as somebody claims them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Which log.
    pub log: LogKey,
    /// `h(first - 1)`; the log's id where the run starts the log.
    pub before: EntryHash,
    /// 1 to [`MAX_RUN`] entries, the last one signed.
    pub entries: Vec<Entry>,
}

/// Consecutive entries of one log, proven to be their author's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRun {
    log: LogKey,
    id: LogId,
    before: EntryHash,
    entries: Vec<VerifiedEntry>,
}

/// Why a run was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum RunError {
    /// No entries, or too many.
    #[error("a run of {0} entries; 1 to {MAX_RUN} are allowed")]
    Length(usize),
    /// The entries do not follow one another.
    #[error("entry {found} where {expected} was due")]
    Sequence { expected: u64, found: u64 },
    /// A header over its limit.
    #[error("entry {0}: the header is longer than {MAX_HEADER} bytes")]
    HeaderTooLong(u64),
    /// Header and parts over their limit.
    #[error("entry {0}: longer than {MAX_ENTRY} bytes")]
    EntryTooLong(u64),
    /// Part bodies that do not match the header.
    #[error("entry {0}: its parts are not those of its header")]
    Parts(u64),
    /// A class above C0 that is not sealed, or C0 that is.
    #[error("entry {0}: a part's class and key do not fit")]
    Sealing(u64),
    /// Logical time beyond what the log's length allows.
    #[error("entry {0}: logical time runs too far ahead")]
    Lamport(u64),
    /// A run that starts a log must start from the log's id.
    #[error("the first entry does not start from the log's id")]
    Start,
    /// The last entry carries no signature.
    #[error("entry {0}: the run's end is not signed")]
    Unsigned(u64),
    /// The signature does not verify.
    #[error("entry {0}: the signature is not the author's")]
    Signature(u64),
    /// The device's key is no key.
    #[error("the author's key is not a usable key")]
    Key,
}

impl VerifiedRun {
    /// Which log.
    pub fn log(&self) -> &LogKey {
        &self.log
    }

    /// The log's id.
    pub fn id(&self) -> LogId {
        self.id
    }

    /// `h(first - 1)`.
    pub fn before(&self) -> EntryHash {
        self.before
    }

    /// The entries, in order; never empty.
    pub fn entries(&self) -> &[VerifiedEntry] {
        &self.entries
    }

    /// Place of the first entry.
    pub fn first(&self) -> Seq {
        self.entries.first().map_or(Seq(0), VerifiedEntry::seq)
    }

    /// Place of the last entry.
    pub fn last(&self) -> Seq {
        self.entries.last().map_or(Seq(0), VerifiedEntry::seq)
    }

    /// `h(last)`.
    pub fn head(&self) -> EntryHash {
        self.entries.last().map_or(self.before, VerifiedEntry::hash)
    }

    /// Bytes of its stored parts together.
    pub fn stored_len(&self) -> usize {
        let bodies = self.entries.iter().flat_map(VerifiedEntry::parts);
        bodies
            .map(|body| match body {
                PartBody::Stored(bytes) => bytes.len(),
                PartBody::Absent => 0,
            })
            .sum()
    }

    /// The run without its first `known` entries; `None` when nothing is left. Still verified: the
    /// signature at the end covers every suffix.
    pub fn suffix(mut self, known: usize) -> Option<Self> {
        if known >= self.entries.len() {
            return None;
        }
        if let Some(last_known) = known.checked_sub(1).and_then(|k| self.entries.get(k)) {
            self.before = last_known.hash;
        }
        self.entries.drain(..known);
        Some(self)
    }

    /// The run without the parts that `gone` has a bit for. The chain still verifies: headers hold
    /// the hashes. Says whether any was there.
    pub(crate) fn drop_parts(&mut self, gone: impl Fn(Seq) -> u8) -> bool {
        let mut dropped = false;
        for entry in &mut self.entries {
            let bits = gone(entry.seq());
            if bits == 0 {
                continue;
            }
            dropped |= drop_parts(&mut entry.entry, bits);
        }
        dropped
    }

    /// The run as it is encoded again, with the signature at its end.
    pub fn to_run(&self) -> Run {
        Run {
            log: self.log,
            before: self.before,
            entries: self.entries.iter().map(|e| e.entry.clone()).collect(),
        }
    }
}

fn check_entry(entry: &Entry, header_len: usize) -> Result<(), RunError> {
    let header = &entry.header;
    let seq = header.seq.0;
    if header_len > MAX_HEADER {
        return Err(RunError::HeaderTooLong(seq));
    }
    let total: u64 = header.parts.iter().map(|p| u64::from(p.len)).sum();
    if total + header_len as u64 > MAX_ENTRY as u64 {
        return Err(RunError::EntryTooLong(seq));
    }
    if header.parts.len() != entry.parts.len() {
        return Err(RunError::Parts(seq));
    }
    for (part, body) in header.parts.iter().zip(&entry.parts) {
        if (part.class == Class::C0) != (part.key == KeyId::ZERO) {
            return Err(RunError::Sealing(seq));
        }
        if let PartBody::Stored(bytes) = body
            && (bytes.len() as u64 != u64::from(part.len) || hash::part_hash(bytes) != part.hash)
        {
            return Err(RunError::Parts(seq));
        }
    }
    let bound = u128::from(LAMPORT_STEP) * (u128::from(seq) + 1);
    if u128::from(header.lamport.0) > bound {
        return Err(RunError::Lamport(seq));
    }
    Ok(())
}

fn signed_bytes(hash: &EntryHash) -> Vec<u8> {
    [SIGNING_TAG, &hash.0].concat()
}

/// Proves a run: limits, order, parts against their hashes, the chain, and the author's signature
/// at the end (Ed25519, `verify_strict`). Signatures in its middle are dropped unread: the one at
/// the end covers all of it.
pub fn verify(incident: &IncidentId, run: Run) -> Result<VerifiedRun, RunError> {
    let run = link(incident, run)?;
    let last = run.entries.last().ok_or(RunError::Length(0))?;
    check_signature(&run.log.device, last)?;
    Ok(run)
}

/// Takes up again a run that this device verified before it sealed it into its own journal. All is
/// checked but the signature: the journal's seal stands for it. Never for bytes from outside.
pub fn reopen(incident: &IncidentId, run: Run) -> Result<VerifiedRun, RunError> {
    let run = link(incident, run)?;
    match run.entries.last().and_then(VerifiedEntry::signature) {
        Some(_) => Ok(run),
        None => Err(RunError::Unsigned(run.last().0)),
    }
}

/// Computes the chain over a run and checks everything that needs no signature.
fn link(incident: &IncidentId, run: Run) -> Result<VerifiedRun, RunError> {
    let count = run.entries.len();
    if count == 0 || count > MAX_RUN {
        return Err(RunError::Length(count));
    }
    let id = run.log.id(incident);
    let mut at = run.before;
    let mut due: Option<u64> = None;
    let mut entries = Vec::with_capacity(count);
    for mut entry in run.entries {
        let seq = entry.header.seq;
        if let Some(expected) = due.filter(|d| *d != seq.0) {
            return Err(RunError::Sequence {
                expected,
                found: seq.0,
            });
        }
        if seq.0 == 0 && at != EntryHash(id.0) {
            return Err(RunError::Start);
        }
        let bytes = entry.header.to_bytes();
        check_entry(&entry, bytes.len())?;
        let digest = hash::header_hash(&bytes);
        at = hash::chain(&id, seq, &at, &digest);
        due = Some(seq.0.checked_add(1).ok_or(RunError::Sequence {
            expected: 0,
            found: seq.0,
        })?);
        if entries.len() + 1 < count {
            entry.signature = None;
        }
        entries.push(VerifiedEntry {
            entry,
            digest,
            hash: at,
        });
    }
    Ok(VerifiedRun {
        log: run.log,
        id,
        before: run.before,
        entries,
    })
}

fn check_signature(device: &DeviceId, last: &VerifiedEntry) -> Result<(), RunError> {
    let seq = last.seq().0;
    let signature = last.signature().ok_or(RunError::Unsigned(seq))?;
    let key = VerifyingKey::from_bytes(&device.0).map_err(|_| RunError::Key)?;
    match verifies(&key, &last.hash, &signature) {
        true => Ok(()),
        false => Err(RunError::Signature(seq)),
    }
}

fn verifies(key: &VerifyingKey, hash: &EntryHash, signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify_strict(&signed_bytes(hash), &signature).is_ok()
}

/// Whether a device signed an entry's hash.
pub(crate) fn verify_head(device: &DeviceId, hash: &EntryHash, signature: &Signature) -> bool {
    VerifyingKey::from_bytes(&device.0).is_ok_and(|key| verifies(&key, hash, signature))
}

/// A device's signing key.
#[derive(Clone)]
pub struct DeviceKey(SigningKey);

impl std::fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeviceKey({})", self.id())
    }
}

impl DeviceKey {
    /// Makes a key of 32 random bytes, or restores one.
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// The public half.
    pub fn id(&self) -> DeviceId {
        DeviceId(self.0.verifying_key().to_bytes())
    }

    /// Signs `h(n)` of an entry.
    pub(crate) fn sign_entry(&self, hash: &EntryHash) -> Signature {
        Signature(self.0.sign(&signed_bytes(hash)).to_bytes())
    }

    /// Signs bytes of another structure under that structure's own tag.
    pub(crate) fn sign_tagged(&self, tag: &[u8], bytes: &[u8]) -> Signature {
        Signature(self.0.sign(&[tag, bytes].concat()).to_bytes())
    }
}

/// Checks a signature of [`DeviceKey::sign_tagged`].
pub(crate) fn verify_tagged(
    device: &DeviceId,
    tag: &[u8],
    bytes: &[u8],
    signature: &Signature,
) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(&device.0) else {
        return false;
    };
    key.verify_strict(
        &[tag, bytes].concat(),
        &ed25519_dalek::Signature::from_bytes(&signature.0),
    )
    .is_ok()
}
