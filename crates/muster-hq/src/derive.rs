//! The tables computed from the entries, in one transaction: a row for each object, its elements,
//! and the ledger beside them.

use muster_log::book::Book;
use muster_model::{
    export::{self, Cell},
    item,
    state::State,
    table::{self, KINDS, Kind},
};
use rusqlite::{params_from_iter, types::Value};
use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    conn::Db,
    counts,
    error::HqError,
    ledger, replay,
    schema::{self, Table},
    warehouse::clear_derived,
};

/// A stretch of a log that is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GapReport {
    /// Whose log.
    pub device: String,
    /// What people call the device, where it is known.
    pub label: Option<String>,
    /// Which life of the device.
    pub generation: String,
    /// Which lane.
    pub lane: u8,
    /// First missing place.
    pub from: u64,
    /// Last missing place.
    pub to: u64,
    /// `chain`: a later entry proves that it exists; `contents`: a bundle says so.
    pub known_by: &'static str,
}

/// What was computed, in numbers.
pub(crate) struct Derived {
    pub(crate) entries: u64,
    pub(crate) sealed_parts: u64,
    pub(crate) absent_parts: u64,
    pub(crate) erased_parts: u64,
    pub(crate) gaps: Vec<GapReport>,
}

/// Computes all derived tables; the caller commits.
pub(crate) fn derive(db: &Db, book: &Book) -> Result<Derived, HqError> {
    db.begin()?;
    clear_derived(db)?;
    let read = replay::replay(db, book)?;
    for kind in KINDS {
        fill_kind(db, &read.state, kind)?;
    }
    fill_others(db, &read.state)?;
    ledger::provenance(db, book, &read.state)?;
    let conflicts = ledger::conflicts(db, book, &read.state)?;
    counts::devices(db, book)?;
    counts::columns(db)?;
    let gaps = counts::gaps(db, book)?;
    counts::counts(db, book, &read, &conflicts, gaps.len())?;
    Ok(Derived {
        entries: read.tally.entries,
        sealed_parts: read.tally.sealed.values().sum(),
        absent_parts: read.tally.absent,
        erased_parts: read.tally.erased,
        gaps,
    })
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) => Value::Text(text),
        Cell::Integer(n) => Value::Integer(n),
        Cell::Real(n) => Value::Real(n),
    }
}

fn insert(db: &Db, table: &Table, row: Vec<Value>) -> Result<(), HqError> {
    db.run(&table.insert(), params_from_iter(row))?;
    Ok(())
}

fn fill_kind(db: &Db, state: &State, kind: &'static Kind) -> Result<(), HqError> {
    let table = schema::kind_table(kind);
    let groups: Vec<_> = schema::groups(kind)
        .map(|group| (group, schema::group_table(kind, group)))
        .collect();
    for id in state.of_kind(kind.number) {
        let Some(row) = export::row(state, kind, id) else {
            continue;
        };
        let contested = state.object(id).is_some_and(|o| !o.contested().is_empty());
        let mut row: Vec<Value> = row.into_iter().map(value).collect();
        row.push(Value::Integer(i64::from(contested)));
        insert(db, &table, row)?;
        for (group, elements) in &groups {
            for row in export::element_rows(state, kind, group, id) {
                insert(db, elements, row.into_iter().map(value).collect())?;
            }
        }
    }
    Ok(())
}

/// Objects that no table of a kind shows: erased ones, and those of later versions.
fn fill_others(db: &Db, state: &State) -> Result<(), HqError> {
    for id in state.ids() {
        let Some(object) = state.object(id) else {
            continue;
        };
        let known = object.kind().and_then(table::kind).is_some();
        if known && !object.erased {
            continue;
        }
        let fields = Json::Object(item::fields(&object)).to_string();
        db.run(
            "INSERT INTO other_objects VALUES (?, ?, ?, ?)",
            rusqlite::params![
                id.hex(),
                object.kind().map(table::kind_name),
                object.erased,
                fields,
            ],
        )?;
    }
    Ok(())
}
