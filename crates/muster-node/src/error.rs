//! What can go wrong in a node, before a person's language is known.

use muster_log::{
    author::AuthorError,
    book::Refusal,
    codec::{CodecError, OverLimit},
    genesis::GenesisError,
    operation::OperationError,
    pairing::PairingError,
    seal::SealError,
};
use muster_store::{DirError, IndexError, IoFailure, JournalError};
use thiserror::Error;

use crate::api::{ApiError, exit};

/// Any failure of a node.
#[derive(Debug, Error)]
pub enum NodeError {
    /// The data directory.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A file.
    #[error(transparent)]
    Io(#[from] IoFailure),
    /// Sealing.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The genesis.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// Stored bytes that are not what they should be.
    #[error("stored bytes cannot be read: {0}")]
    Codec(#[from] CodecError),
    /// A collection over its bound.
    #[error(transparent)]
    OverLimit(#[from] OverLimit),
    /// An operation that cannot be built.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// An entry that cannot be written.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// A pairing file.
    #[error(transparent)]
    Pairing(#[from] PairingError),
    /// The door refused a run that it must not refuse.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The disk has no room but for what goes before.
    #[error("too little room on the disk")]
    NoSpace,
    /// The directory holds no device yet.
    #[error("this data directory belongs to no incident yet")]
    NoDevice,
    /// The device asked to join and has no answer yet.
    #[error("this device asked to join and has no answer yet")]
    NotJoined,
    /// It has been joined already.
    #[error("this device has joined its incident already")]
    AlreadyMember,
    /// The answer does not admit the device that asked.
    #[error("the answer does not admit this device")]
    NotAdmitted,
}

impl NodeError {
    /// The stable code and exit code of the contract.
    pub fn to_api(&self) -> ApiError {
        let full = match self {
            Self::Journal(JournalError::Io(io)) | Self::Io(io) => io.is_disk_full(),
            _ => false,
        };
        let (code, exit) = match self {
            _ if full => ("disk-full", exit::FAILURE),
            Self::Dir(DirError::Locked { .. }) => ("data-locked", exit::FAILURE),
            Self::Dir(DirError::NotOurs { .. }) => ("data-not-ours", exit::NOT_FOUND),
            Self::Dir(DirError::NotEmpty { .. }) => ("data-not-empty", exit::REFUSED),
            Self::Dir(DirError::Exists { .. }) => ("data-exists", exit::REFUSED),
            Self::Dir(DirError::OtherFormat { .. }) => ("data-other-format", exit::FAILURE),
            Self::Dir(DirError::Key(_)) => ("cannot-unlock", exit::NOT_PERMITTED),
            Self::Journal(JournalError::Damaged { .. }) => ("journal-damaged", exit::FAILURE),
            Self::NoDevice => ("no-device", exit::NOT_FOUND),
            Self::NoSpace => ("disk-reserve", exit::FAILURE),
            Self::NotJoined => ("not-joined", exit::NOT_PERMITTED),
            Self::AlreadyMember => ("already-member", exit::REFUSED),
            Self::NotAdmitted => ("not-admitted", exit::REFUSED),
            Self::Pairing(_) => ("pairing-refused", exit::REFUSED),
            Self::Author(AuthorError::NoKey(_)) => ("no-key", exit::NOT_PERMITTED),
            Self::Author(_) | Self::Operation(_) => ("entry-too-long", exit::REFUSED),
            Self::Refused(r) => (r.code(), exit::REFUSED),
            _ => ("failed", exit::FAILURE),
        };
        ApiError::new(code, exit).with("why", self)
    }
}

impl From<NodeError> for ApiError {
    fn from(error: NodeError) -> Self {
        error.to_api()
    }
}
