//! The warehouse file: made, opened, checked, pinned to one incident.

use std::path::Path;

use muster_log::{genesis::Genesis, ids::IncidentId};
use rusqlite::params;

use crate::{
    conn::Db,
    error::HqError,
    reader::HqDevice,
    schema::{self, APPLICATION, Role, SCHEMA, Table},
};

/// An open warehouse. While one is open to be written, no other process can write to it.
pub struct Warehouse {
    db: Db,
    device: Option<HqDevice>,
    genesis: Option<Genesis>,
}

impl std::fmt::Debug for Warehouse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Warehouse({})", self.db.path().display())
    }
}

impl Warehouse {
    /// Opens a warehouse to import into, making it if it is not there. What is sealed is read with
    /// the keys of `device`; without one, only C0 is readable. A new warehouse is pinned to the
    /// device's incident, or to the first one imported.
    pub fn open(path: &Path, device: Option<HqDevice>) -> Result<Self, HqError> {
        let db = Db::open(path)?;
        prepare(&db)?;
        let mut warehouse = Self {
            genesis: stored_genesis(&db)?,
            db,
            device,
        };
        let own = warehouse.device.as_ref().map(|d| d.genesis().clone());
        match (&warehouse.genesis, own) {
            (Some(pinned), Some(own)) if pinned.id() != own.id() => Err(HqError::OtherIncident {
                warehouse: pinned.id(),
                device: own.id(),
            }),
            (None, Some(own)) => {
                warehouse.pin(&own)?;
                Ok(warehouse)
            }
            _ => Ok(warehouse),
        }
    }

    /// Opens an existing warehouse to export from it.
    pub fn open_shared(path: &Path) -> Result<Self, HqError> {
        let db = Db::open_shared(path)?;
        check(&db)?;
        Ok(Self {
            genesis: stored_genesis(&db)?,
            db,
            device: None,
        })
    }

    /// The incident it is pinned to; none while nothing was imported.
    pub fn incident(&self) -> Option<IncidentId> {
        self.genesis.as_ref().map(Genesis::id)
    }

    /// The genesis of that incident.
    pub fn genesis(&self) -> Option<&Genesis> {
        self.genesis.as_ref()
    }

    /// Whether an import was cut short: the tables are older than the entries.
    pub fn is_stale(&self) -> Result<bool, HqError> {
        Ok(meta(&self.db, "tables")?.is_some_and(|state| state != b"fresh"))
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) fn device(&self) -> Option<&HqDevice> {
        self.device.as_ref()
    }

    /// Pins the incident, once and for all.
    pub(crate) fn pin(&mut self, genesis: &Genesis) -> Result<(), HqError> {
        self.db.begin()?;
        set_meta(&self.db, "genesis", &genesis.to_bytes())?;
        set_meta(&self.db, "incident", genesis.id().hex().as_bytes())?;
        self.db.commit()?;
        self.genesis = Some(genesis.clone());
        Ok(())
    }
}

/// One value of `meta`.
pub(crate) fn meta(db: &Db, name: &str) -> Result<Option<Vec<u8>>, HqError> {
    db.first(
        "SELECT CAST(value AS BLOB) FROM meta WHERE name = ?",
        [name],
        |row| row.get(0),
    )
}

/// Writes one value of `meta`, as text where it is text.
pub(crate) fn set_meta(db: &Db, name: &str, value: &[u8]) -> Result<(), HqError> {
    let sql = "INSERT OR REPLACE INTO meta VALUES (?, ?)";
    match std::str::from_utf8(value) {
        Ok(text) if name != "genesis" => db.run(sql, params![name, text])?,
        _ => db.run(sql, params![name, value])?,
    };
    Ok(())
}

fn stored_genesis(db: &Db) -> Result<Option<Genesis>, HqError> {
    let Some(bytes) = meta(db, "genesis")? else {
        return Ok(None);
    };
    let genesis = Genesis::from_bytes(&bytes)
        .map_err(|e| db.damaged(format!("its genesis does not verify: {e}")))?;
    Ok(Some(genesis))
}

fn pragma(db: &Db, name: &'static str) -> Result<i64, HqError> {
    let found = db.first(&format!("PRAGMA {name}"), [], |row| row.get(0))?;
    Ok(found.unwrap_or(0))
}

fn check(db: &Db) -> Result<(), HqError> {
    if pragma(db, "application_id")? != APPLICATION {
        return Err(HqError::NotAWarehouse(db.path().to_path_buf()));
    }
    let found = pragma(db, "user_version")?;
    if found != SCHEMA {
        // Migrations go here: one step from each version to the next, in one transaction.
        return Err(HqError::Schema {
            path: db.path().to_path_buf(),
            found,
            known: SCHEMA,
        });
    }
    Ok(())
}

/// Makes the tables of a new file, all or none; checks those of an old one.
fn prepare(db: &Db) -> Result<(), HqError> {
    let tables: Option<i64> = db.first("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    let is_new = tables == Some(0) && pragma(db, "application_id")? == 0;
    if !is_new {
        return check(db);
    }
    db.begin()?;
    db.batch(&format!(
        "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA};"
    ))?;
    for table in schema::tables() {
        db.batch(&table.ddl())?;
    }
    set_meta(db, "schema", SCHEMA.to_string().as_bytes())?;
    db.commit()
}

/// Says that the derived tables are older than the entries.
pub(crate) fn mark_stale(db: &Db) -> Result<(), HqError> {
    if meta(db, "tables")?.as_deref() != Some(b"stale") {
        set_meta(db, "tables", b"stale")?;
    }
    Ok(())
}

/// Empties every derived table, and makes anew those whose columns are another program version's.
pub(crate) fn clear_derived(db: &Db) -> Result<(), HqError> {
    for table in schema::tables().iter().filter(|t| t.role == Role::Derived) {
        let name = schema::quoted(&table.name);
        if has_layout(db, table)? {
            db.batch(&format!("DELETE FROM {name}"))?;
        } else {
            db.batch(&format!("DROP TABLE IF EXISTS {name}; {}", table.ddl()))?;
        }
    }
    Ok(())
}

/// Whether a table is there with exactly its columns.
pub(crate) fn has_layout(db: &Db, table: &Table) -> Result<bool, HqError> {
    let sql = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?";
    let found: Option<String> = db.first(sql, [&table.name], |row| row.get(0))?;
    Ok(found.is_some_and(|found| found == table.ddl().trim_end().trim_end_matches(';')))
}
