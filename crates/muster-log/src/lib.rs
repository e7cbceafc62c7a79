//! Who said what, may it be accepted, and who still lacks it?
//!
//! Identity, entries, chains, authority and bundle bytes, as pure functions: time and random bytes
//! are arguments, effects are values. This crate does not know what a volunteer is, and it never
//! touches a file, a socket, a clock or a random source.

pub mod act;
pub mod author;
pub mod authority;
pub mod beacon;
pub mod book;
pub mod bundle;
pub mod chain;
pub mod codec;
pub mod device;
pub mod entry;
pub mod erased;
pub mod frontier;
pub mod genesis;
pub mod hash;
pub mod ids;
pub mod intake;
pub mod keyring;
pub mod limits;
pub mod operation;
pub mod pairing;
pub mod readers;
pub mod reconcile;
pub mod record;
pub mod role;
pub mod run;
pub mod seal;
pub mod session;
