//! CSV for spreadsheets: a file for each kind, and the ledger. Cells that a spreadsheet would take
//! for a formula are made harmless.

use std::{
    borrow::Cow,
    fs::{self, File, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rusqlite::types::ValueRef;

use crate::{
    error::HqError,
    schema::{self, Table},
    warehouse::{Warehouse, has_layout},
};

/// One file written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The file.
    pub path: PathBuf,
    /// Its rows, the heading left out.
    pub rows: u64,
}

/// A text as a spreadsheet may see it: where it starts like a formula, an apostrophe stands in
/// front. The signs are `=`, `+`, `-`, `@`, tab, carriage return, line feed, and the full-width
/// forms of the first four.
pub fn safe_cell(text: &str) -> Cow<'_, str> {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            Cow::Owned(format!("'{text}"))
        }
        _ => Cow::Borrowed(text),
    }
}

/// Writes one CSV (UTF-8, comma, a heading) for each kind, each group of elements, and for
/// provenance, conflicts, devices, gaps. Each file is written whole under another name, synced, and
/// then takes its name.
pub fn export_csv(warehouse: &Warehouse, out_dir: &Path) -> Result<Vec<Exported>, HqError> {
    if warehouse.incident().is_none() {
        return Err(HqError::Empty);
    }
    fs::create_dir_all(out_dir).map_err(failed("create", out_dir))?;
    let mut out = Vec::new();
    for table in schema::tables().iter().filter(|t| t.export) {
        out.push(write_table(warehouse, table, out_dir)?);
    }
    // The names last as well as the contents.
    File::open(out_dir)
        .and_then(|dir| dir.sync_all())
        .map_err(failed("sync", out_dir))?;
    Ok(out)
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> HqError {
    let path = path.to_path_buf();
    move |source| HqError::Write {
        action,
        path,
        source,
    }
}

fn write_table(warehouse: &Warehouse, table: &Table, dir: &Path) -> Result<Exported, HqError> {
    let db = warehouse.db();
    if !has_layout(db, table)? {
        return Err(db.damaged(format!(
            "the table {} is another version's; import once more to compute it anew",
            table.name
        )));
    }
    let path = dir.join(format!("{}.csv", table.name));
    let unfinished = dir.join(format!(".{}.csv.{}", table.name, std::process::id()));
    let rows = match write_rows(warehouse, table, &unfinished) {
        Ok(rows) => rows,
        Err(e) => {
            // The error matters more than what is left of the file.
            let _ = fs::remove_file(&unfinished);
            return Err(e);
        }
    };
    fs::rename(&unfinished, &path).map_err(failed("rename", &path))?;
    Ok(Exported { path, rows })
}

fn write_rows(warehouse: &Warehouse, table: &Table, path: &Path) -> Result<u64, HqError> {
    let db = warehouse.db();
    let broken = |source| HqError::Csv {
        path: path.to_path_buf(),
        source,
    };
    // Private like the warehouse: whoever passes it on decides so.
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(failed("create", path))?;
    let mut writer = csv::Writer::from_writer(file);
    let heading = table.columns.iter().map(|(name, _)| name);
    writer.write_record(heading).map_err(broken)?;
    let mut rows = 0;
    db.each(&table.select(), [], |row| {
        for at in 0..table.columns.len() {
            let cell = cell(row.get_ref(at).map_err(|e| db.fail(e))?);
            writer.write_field(cell.as_bytes()).map_err(broken)?;
        }
        writer.write_record(None::<&[u8]>).map_err(broken)?;
        rows += 1;
        Ok(())
    })?;
    let file = writer.into_inner().map_err(|e| HqError::Write {
        action: "write",
        path: path.to_path_buf(),
        source: std::io::Error::other(e.to_string()),
    })?;
    file.sync_all().map_err(failed("sync", path))?;
    Ok(rows)
}

/// Numbers stand as they are; only text can be a formula.
fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(n) => n.to_string(),
        ValueRef::Text(text) => safe_cell(&String::from_utf8_lossy(text)).into_owned(),
        ValueRef::Blob(bytes) => bytes.iter().map(|b| format!("{b:02x}")).collect(),
    }
}
