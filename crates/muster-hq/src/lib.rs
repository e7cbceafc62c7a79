//! What did the whole operation know?
//!
//! Bundles and journals from many devices go into one warehouse, an SQLite file: every entry proven
//! by the one door of `muster-log`, read with the keys headquarters holds, laid out as tables with
//! their provenance, and exported. Nothing here knows a network. Formats: `docs/headquarters.md`.

mod bundle_file;
mod conn;
mod counts;
mod derive;
mod door;
mod erase;
mod error;
mod export;
mod files;
mod gaps;
mod import;
mod journal_dir;
mod ledger;
mod reader;
mod replay;
mod runs;
mod schema;
mod session;
mod warehouse;

pub use derive::GapReport;
pub use error::{HqError, Problem};
pub use export::{Exported, export_csv, safe_cell};
pub use files::Source;
pub use import::{FileReport, ImportReport, Progress, import};
pub use reader::HqDevice;
pub use schema::SCHEMA;
pub use warehouse::Warehouse;
