//! The log as its users see it: golden bytes, round trips, the chain, the door, keys, bundles.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arrival;
mod beacon;
mod bundles;
mod chains;
mod common;
mod door;
mod erasing;
mod flights;
mod forks;
mod keys;
mod roundtrip;
mod vectors;
