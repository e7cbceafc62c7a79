//! Which logs differ between two devices? At a cost that follows the number of those, and neither the
//! number of logs nor their length.
//!
//! Both sides put their logs into buckets and places by a keyed hash of the log's id ([`View`]). The
//! side that opens sends power sums of the states at all places (`sums.rs`); the other side subtracts
//! its own, and what is left tells where states differ and what the state over there hashes to. It
//! looks for that hash among the beginnings of its own log: a log that only grew, as nearly always,
//! can be sent from the right place at once. It tells what it found ([`Tell`]), the first answers what
//! could not be known, and both know what the other has.
//!
//! Where more differs than the first sketch tells, a bigger one comes back, its size after an
//! estimate (`estimate.rs`); a bucket of which the sums tell nothing is named log by log. Symbols are
//! short: a difference may be missed or imagined, about once in 65,536. That costs another round and
//! nothing else: digests are compared afterwards, under another key. Whoever uses this keeps a plain
//! list of heads for when it does not get there.
//!
//! It knows neither frames nor the book, and sends nothing. How it compares with other ways, and why
//! it was chosen, is in `docs/bench/reconcile.md`.

mod answer;
mod estimate;
mod field;
mod find;
mod poly;
mod sums;
mod talk;
mod tell;
mod view;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use talk::{Agreement, Broken, Finding, Out, Part, Theirs};
pub use tell::{Ahead, HEADS, Here, Place, Short, Sketch, Tell};
pub use view::{Key, State, View};
