//! Who said what, may it be accepted, and who still lacks it?
//!
//! Identity, entries, chains, authority and bundle bytes, as pure functions: time and random bytes
//! are arguments, effects are values. This crate does not know what a volunteer is, and it never
//! touches a file, a socket, a clock or a random source.

pub mod codec;
pub mod ids;
pub mod operation;
pub mod role;
