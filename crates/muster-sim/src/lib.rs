//! What would happen? The pure core under a seeded scheduler: devices in memory, links that delay
//! and cut, and time that is a number. A test tool and a planning tool; it never sees a real clock.
//!
//! Views and merged state ([`muster_model`]) have their place in [`device::Device::admitted`], a
//! journal under a fake file system ([`muster_store`]) in place of [`store::MemoryStore`].

pub mod device;
pub mod net;
pub mod seed;
pub mod store;
pub mod world;

use muster_log::{
    act::Act, author::AuthorError, book::Refusal, codec::OverLimit, genesis::GenesisError,
    operation::OperationError, seal::SealError,
};
use thiserror::Error;

/// Why a simulation could not go on. It is always a fault of the scenario or of the core.
#[derive(Debug, Error)]
pub enum SimError {
    /// The scenario names a device or link that does not exist.
    #[error("there is no {0} {1}")]
    Missing(&'static str, usize),
    /// A device's own entry was refused by its own door.
    #[error("a device's own entry was refused: {0}")]
    Own(#[from] Refusal),
    /// A device's own entry was there already.
    #[error("a device wrote an entry twice")]
    Twice,
    /// An entry could not be written.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// An operation could not be written.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A text or list was too long.
    #[error(transparent)]
    TooLong(#[from] OverLimit),
    /// The genesis is not acceptable.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// More steps than any scenario takes: something goes round in circles.
    #[error("no end after {0} steps")]
    Endless(u64),
}

/// Writes an act, or says why not.
fn operation(act: &Act) -> Result<muster_log::operation::Operation, SimError> {
    Ok(act.write()?)
}
