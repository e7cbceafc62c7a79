//! Reading other people's tables: rows and cells, and what a mapping file makes of them.
//!
//! Nothing here knows what a value means: the daemon parses values by the field table.

pub mod alerts;
pub mod mapping;
mod span;
pub mod table;
