//! Who said what: the provenance of every value that stands, and the conflicts left for a person.

use std::collections::BTreeMap;

use muster_log::{book::Book, ids::DeviceId};
use muster_model::{
    conflicts::{self, What},
    item::{self, reference_text},
    state::State,
    table,
    value::time_text,
};
use rusqlite::params;

use crate::{conn::Db, error::HqError, runs::place};

/// What people call a device: the label of its most senior grant.
pub(crate) fn label(book: &Book, device: &DeviceId) -> Option<String> {
    book.authority()
        .naming_grant(device)
        .map(|g| g.label.clone())
}

fn element_text(element: u64) -> String {
    match element {
        0 => String::new(),
        element => format!("{element:016x}"),
    }
}

/// Writes a row for each value that stands, the provisional and its rivals.
pub(crate) fn provenance(db: &Db, book: &Book, state: &State) -> Result<(), HqError> {
    for id in state.ids() {
        let kind = state.object(id).and_then(|o| o.kind());
        let kind = kind.map(table::kind_name);
        for source in item::sources(state, id) {
            db.run(
                "INSERT INTO provenance VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    id.hex(),
                    source.field,
                    element_text(source.element),
                    source.class.0,
                    reference_text(&source.entry),
                    kind,
                    source.value.to_string(),
                    source.device.map(|d| d.hex()),
                    source.device.and_then(|d| label(book, &d)),
                    time_text(source.claimed),
                    place(source.lamport.0),
                    source.provisional,
                ],
            )?;
        }
    }
    Ok(())
}

/// Writes a row for each of the things to choose from. Gives how many conflicts there are of each
/// kind.
pub(crate) fn conflicts(
    db: &Db,
    book: &Book,
    state: &State,
) -> Result<BTreeMap<&'static str, u64>, HqError> {
    let all = [What::Contested, What::DoubleBooking, What::Slot];
    let mut counts: BTreeMap<_, u64> = all.into_iter().map(|w| (w.code(), 0)).collect();
    for conflict in conflicts::conflicts(state) {
        *counts.entry(conflict.what.code()).or_default() += 1;
        let kind = table::kind_named(&conflict.kind).map_or(0, |k| k.number);
        let field = conflict.field.map(|f| table::field_name(kind, f));
        for (choice, rival) in (1i64..).zip(&conflict.values) {
            // Conflict ids are short; two that collide must not stop an import.
            db.run(
                "INSERT OR REPLACE INTO conflicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    conflict.id,
                    conflict.object.hex(),
                    field.as_deref().unwrap_or_default(),
                    element_text(conflict.element),
                    choice,
                    conflict.what.code(),
                    conflict.kind,
                    rival.value.to_string(),
                    rival.device.map(|d| d.hex()),
                    rival.device.and_then(|d| label(book, &d)),
                    time_text(rival.claimed),
                    reference_text(&rival.entry),
                    rival.provisional,
                ],
            )?;
        }
    }
    Ok(counts)
}
