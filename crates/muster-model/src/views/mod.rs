//! The day's questions, answered from the state alone: who is here, who is late, what is missing, how
//! the whole stands. Each is a function of the objects and of `now`, which is an argument: devices
//! that hold the same entries and read the same parts show the same, in whatever order they came.
//!
//! Nothing here writes, and nothing here knows who was met when: that is the node's memory.

pub mod agenda;
pub mod attendance;
pub mod brief;
pub mod duplicates;
pub mod fatigue;
pub mod information;
pub mod matching;
pub mod near;
pub mod needs;
pub mod overdue;
pub mod picture;
pub mod places;
pub mod receipts;
pub mod repeat;
pub mod rollcall;
pub mod threads;
