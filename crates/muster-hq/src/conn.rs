//! One SQLite connection that says in every error which warehouse it was.
//!
//! Values are always bound; identifiers come from `schema` alone.

use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, Row};

use crate::error::HqError;

/// An open warehouse file.
pub(crate) struct Db {
    conn: Connection,
    path: PathBuf,
}

impl Db {
    /// Opens or makes the file, for this process alone.
    ///
    /// A rollback journal and not a write-ahead log: at rest the warehouse is then one file that
    /// can be copied, also on a stick or a network drive, and a killed import is rolled back by
    /// whoever opens it next. Every commit is synced. What is overwritten is wiped, so that an
    /// erased value does not linger in free pages.
    pub(crate) fn open(path: &Path) -> Result<Self, HqError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        make_private(path)?;
        let db = Self::with_flags(path, flags)?;
        db.batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;")?;
        db.batch(
            "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
             PRAGMA temp_store = FILE; PRAGMA cache_size = -65536; PRAGMA trusted_schema = OFF;",
        )?;
        Ok(db)
    }

    /// Opens an existing file to read from; others may read it too. It is opened for writing only
    /// so that SQLite can roll back what a killed import left.
    pub(crate) fn open_shared(path: &Path) -> Result<Self, HqError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Self::with_flags(path, flags)?;
        db.batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;")?;
        Ok(db)
    }

    fn with_flags(path: &Path, flags: OpenFlags) -> Result<Self, HqError> {
        let conn = Connection::open_with_flags(path, flags).map_err(HqError::sqlite(path))?;
        conn.set_prepared_statement_cache_capacity(128);
        let wait = std::time::Duration::from_secs(2);
        conn.busy_timeout(wait).map_err(HqError::sqlite(path))?;
        Ok(Self {
            conn,
            path: path.to_path_buf(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn fail(&self, source: rusqlite::Error) -> HqError {
        HqError::sqlite(&self.path)(source)
    }

    pub(crate) fn damaged(&self, why: impl Into<String>) -> HqError {
        HqError::Damaged {
            path: self.path.clone(),
            why: why.into(),
        }
    }

    /// Runs statements without values.
    pub(crate) fn batch(&self, sql: &str) -> Result<(), HqError> {
        self.conn.execute_batch(sql).map_err(|e| self.fail(e))
    }

    /// Runs one statement; gives how many rows it changed.
    pub(crate) fn run(&self, sql: &str, values: impl Params) -> Result<usize, HqError> {
        let done = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(values));
        done.map_err(|e| self.fail(e))
    }

    /// The first row, if there is one.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, HqError> {
        let found = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(values, read).optional());
        found.map_err(|e| self.fail(e))
    }

    /// All rows.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, HqError> {
        let rows = self.conn.prepare_cached(sql).and_then(|mut statement| {
            statement
                .query_map(values, read)
                .and_then(Iterator::collect)
        });
        rows.map_err(|e| self.fail(e))
    }

    /// Calls `each` with every row, holding one at a time.
    pub(crate) fn each(
        &self,
        sql: &str,
        values: impl Params,
        mut each: impl FnMut(&Row<'_>) -> Result<(), HqError>,
    ) -> Result<(), HqError> {
        let mut statement = self.conn.prepare_cached(sql).map_err(|e| self.fail(e))?;
        let mut rows = statement.query(values).map_err(|e| self.fail(e))?;
        while let Some(row) = rows.next().map_err(|e| self.fail(e))? {
            each(row)?;
        }
        Ok(())
    }

    /// Begins a transaction, unless one is open.
    pub(crate) fn begin(&self) -> Result<(), HqError> {
        if self.conn.is_autocommit() {
            self.batch("BEGIN IMMEDIATE")?;
        }
        Ok(())
    }

    /// Makes durable what was written since [`Self::begin`].
    pub(crate) fn commit(&self) -> Result<(), HqError> {
        if !self.conn.is_autocommit() {
            self.batch("COMMIT")?;
        }
        Ok(())
    }

    /// Drops what was written since [`Self::begin`].
    pub(crate) fn rollback(&self) {
        if !self.conn.is_autocommit() {
            // If this fails too, closing the connection rolls back all the same.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
    }
}

/// Makes an empty file that only its owner reads, unless there is a file: the warehouse holds what
/// its keys open, in plain text.
fn make_private(path: &Path) -> Result<(), HqError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(HqError::Write {
            action: "create",
            path: path.to_path_buf(),
            source: e,
        }),
        _ => Ok(()),
    }
}
