//! Where bytes rest.
//!
//! Two things live here. The [`journal`] is the truth: append-only segments, sealed, synced
//! before anything is acknowledged. The [`index`] is a convenience over sled that may be thrown
//! away at any moment and built again from the journal. Around them, [`dir`] owns the data
//! directory (its format, its lock, its small sealed files), [`keys`] the storage key, and [`fs`]
//! the few calls to a file system that all of it needs, with a faulty one for tests.
//!
//! This crate is not told what a record means nor who a peer is; records are opaque bytes. It
//! reads no clock and draws no randomness: random bytes come in by an argument.

mod bytes;
pub mod dir;
mod error;
pub mod fs;
pub mod index;
pub mod journal;
pub mod keys;
mod seal;

pub use dir::{DataDir, DirError, Held, Hold, Wiped};
pub use error::IoFailure;
pub use index::{Index, IndexError, Marker, Opened};
pub use journal::{Journal, JournalError, Position};
pub use keys::{KeyError, PassphraseCost, Unlock};

/// Where random bytes come from: the caller fills the buffer.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]);
