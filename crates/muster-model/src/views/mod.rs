//! The day's questions, each a pure function of the state, who asks and `now`.
//!
//! No view decides anything, none looks at the order of arrival, and none reads a clock.

pub mod agenda;
pub mod information;
pub mod places;
pub mod repeat;
pub mod threads;
