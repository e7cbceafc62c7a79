//! Shared helpers of the whole-system tests.

pub mod memory;
pub mod muster;
pub mod random;
pub mod testnet;
