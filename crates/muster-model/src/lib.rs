//! What do the entries mean? Kinds, fields, merge, views, contested values, double booking.
//!
//! Everything here is a function of its arguments: the state is a function of the set of operations,
//! a view is a function of the state, a role and `now`. This crate knows nothing of sockets, files,
//! the wire, the clock or random numbers; who may speak at all is `muster-log`'s answer.

pub mod booking;
pub mod conflicts;
pub mod digest;
pub mod export;
pub mod item;
pub mod numbers;
pub mod parse;
pub mod query;
pub mod sample;
pub mod staffing;
pub mod state;
pub mod table;
pub mod text;
pub mod value;
pub mod views;
pub mod vocabulary;
pub mod writes;

#[cfg(test)]
mod scenarios;
