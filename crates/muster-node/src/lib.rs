//! When, and in what order? One loop: an event comes in, the pure core decides, effects are carried
//! out. Here the clock and the random source are read, and nowhere else.
//!
//! It does not know how a table is drawn in a terminal, and what an entry means is the model's.

pub mod anchor;
pub mod api;
pub mod daemon;
pub mod edge;
pub mod engine;
pub mod error;
mod heard;
pub mod limits;
pub mod locked;
pub mod network;
pub mod pairing;
pub mod recovery;
pub mod reserve;
pub mod server;
pub mod setup;
mod verbs;

/// Version of the field table: a state stored under another version is computed anew from the
/// entries. Raise it with every change to how objects are packed or operations are applied.
pub const FIELD_TABLE: u32 = 2;
