//! One import: many files, one after the other, then the tables anew.
//!
//! Every few megabytes are one transaction, and the tables another one at the end. Killed at any
//! moment, the warehouse holds whole transactions; it knows that its tables are older than its
//! entries, and the next import completes both.

use std::{collections::BTreeMap, ops::ControlFlow, path::PathBuf};

use muster_log::{genesis::Genesis, ids::Millis, keyring::KeyRing};
use muster_model::value::time_text;
use muster_store::Unlock;
use rusqlite::params;
use serde::{Serialize, Serializer};

use crate::{
    bundle_file::{self, Condition, Halt, Piece},
    derive::{self, GapReport},
    door::{Door, Fate},
    erase,
    error::{HqError, Problem},
    files::{self, Found, Source},
    gaps, journal_dir,
    reader::HqDevice,
    session,
    warehouse::{Warehouse, mark_stale, set_meta},
};

/// Bytes of runs after which a transaction is closed.
const COMMIT_BYTES: u64 = 8 * 1024 * 1024;
/// Runs between two words to whoever waits.
const TELL_EVERY: u64 = 128;

/// How far an import is.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Files read.
    pub files_done: usize,
    /// Files found.
    pub files_total: usize,
    /// The file being read; none while the tables are computed.
    pub path: Option<PathBuf>,
    /// Bytes of runs read.
    pub bytes: u64,
    /// Entries that were not here.
    pub entries_new: u64,
    /// Entries that were here already.
    pub entries_known: u64,
}

/// What came of one file.
#[derive(Debug, Default, Serialize)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// Entries that were not here.
    pub new: u64,
    /// Entries that were here already.
    pub known: u64,
    /// Runs not admitted when the file was read; some may have been later.
    pub refused: u64,
    /// Damaged places, in words.
    pub damage: Vec<String>,
    /// Nothing of it is missing.
    pub complete: bool,
    /// Why it gave nothing, or no more.
    #[serde(serialize_with = "problem_json")]
    pub problem: Option<Problem>,
}

fn problem_json<S: Serializer>(problem: &Option<Problem>, to: S) -> Result<S::Ok, S::Error> {
    let shown = problem
        .as_ref()
        .map(|p| BTreeMap::from([("code", p.code().to_owned()), ("why", p.to_string())]));
    shown.serialize(to)
}

/// What came of an import.
#[derive(Debug, Default, Serialize)]
pub struct ImportReport {
    /// Entries that were not here.
    pub entries_new: u64,
    /// Entries that were here already, each time they came.
    pub entries_known: u64,
    /// Entries in the warehouse now.
    pub entries: u64,
    /// Runs and files not admitted, by code.
    pub refused: BTreeMap<String, u64>,
    /// Entries past a cut that nobody adopted; this version does not tell them apart yet.
    pub disputed: u64,
    /// What is missing, over all imports.
    pub gaps: Vec<GapReport>,
    /// Parts in the warehouse that no key at hand opens.
    pub sealed_parts: u64,
    /// Parts of which only the hash came.
    pub absent_parts: u64,
    /// Parts that are erased: not here, and refused.
    pub erased_parts: u64,
    /// Role of the device whose keys were used; none without one, or while nobody admitted it. A
    /// device of another role than `hq` reads less.
    pub reader_role: Option<&'static str>,
    /// Each file.
    pub files: Vec<FileReport>,
}

/// Imports everything under `sources`. `unlock` opens data directories that bring none of their
/// own; `now` is written into `import_*` and nowhere else. `progress` is called often, and may stop
/// the import.
pub fn import(
    warehouse: &mut Warehouse,
    sources: &[Source],
    unlock: Option<&Unlock>,
    now: Millis,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<ImportReport, HqError> {
    let found = files::find(sources, unlock);
    if warehouse.genesis().is_none()
        && let Some(genesis) = found.iter().find_map(genesis_of)
    {
        warehouse.pin(&genesis)?;
    }
    let Some(genesis) = warehouse.genesis().cloned() else {
        return Ok(nothing_to_pin(found));
    };
    let keys = warehouse
        .device()
        .map_or_else(KeyRing::default, |d| d.ring());
    let reader = warehouse
        .device()
        .map_or_else(|| "none".to_owned(), |d| d.device().hex());
    let reading = warehouse.device().map(HqDevice::device);
    let db = warehouse.db();
    let book = session::rebuild(db, &genesis, keys)?;
    let mut work = Work {
        door: Door::new(db, book)?,
        genesis: &genesis,
        progress,
        state: Progress {
            files_total: found.len(),
            ..Progress::default()
        },
        uncommitted: 0,
        runs: 0,
        file: FileReport::default(),
    };
    let mut done = work.all(&found, &reader, now);
    match &mut done {
        Ok(report) => {
            let authority = work.door.book.authority();
            report.reader_role = reading
                .and_then(|d| authority.naming_grant(&d))
                .map(|g| g.role.code());
        }
        Err(_) => db.rollback(),
    }
    done
}

/// The genesis that a source names.
fn genesis_of(found: &Found) -> Option<Genesis> {
    let mut genesis = None;
    // Stops the reading at the first one.
    let stop = || Halt::File(Problem::NoGenesis);
    let each = |piece| match piece {
        Piece::Genesis(found) => {
            genesis = Some(*found);
            Err(stop())
        }
        _ => Ok(()),
    };
    // What is wrong with the file is said when it is imported.
    let _ = match found {
        Found::Bundle(path) => bundle_file::read(path, each),
        Found::Journal(path, unlock) => journal_dir::read(path, unlock.as_ref(), each),
        Found::Trouble(..) => return None,
    };
    genesis
}

fn nothing_to_pin(found: Vec<Found>) -> ImportReport {
    let mut report = ImportReport::default();
    for found in found {
        let path = found.path().to_path_buf();
        let problem = match &found {
            Found::Bundle(path) => match bundle_file::read(path, |_| Ok(())) {
                Err(Halt::File(problem)) => problem,
                _ => Problem::NoGenesis,
            },
            Found::Journal(path, unlock) => match journal_dir::open(path, unlock.as_ref()) {
                Err(problem) => problem,
                Ok(_) => Problem::NoGenesis,
            },
            Found::Trouble(..) => match found {
                Found::Trouble(_, problem) => problem,
                _ => Problem::NoGenesis,
            },
        };
        *report.refused.entry(problem.code().to_owned()).or_default() += 1;
        report.files.push(FileReport {
            path,
            problem: Some(problem),
            ..FileReport::default()
        });
    }
    report
}

struct Work<'a> {
    door: Door<'a>,
    genesis: &'a Genesis,
    progress: &'a mut dyn FnMut(&Progress) -> ControlFlow<()>,
    state: Progress,
    uncommitted: u64,
    runs: u64,
    file: FileReport,
}

impl Work<'_> {
    fn all(&mut self, found: &[Found], reader: &str, now: Millis) -> Result<ImportReport, HqError> {
        let db = self.door.db;
        db.begin()?;
        mark_stale(db)?;
        let number: Option<i64> = db.first(
            "SELECT coalesce(max(import), 0) + 1 FROM import_log",
            [],
            |r| r.get(0),
        )?;
        let number = number.unwrap_or(1);
        db.run(
            "INSERT INTO import_log VALUES (?, ?, ?, 0, 0, 0)",
            params![number, time_text(now), reader],
        )?;
        let mut report = ImportReport::default();
        for found in found {
            self.state.path = Some(found.path().to_path_buf());
            let file = self.file(found, false)?;
            self.state.files_done += 1;
            note_file(self.door.db, number, &file)?;
            report.files.push(file);
            self.commit()?;
        }
        self.settle(found)?;
        erase::erase(db, &self.door.book)?;
        self.state.path = None;
        self.tell()?;

        let tables = derive::derive(db, &self.door.book)?;
        set_meta(db, "reader", reader.as_bytes())?;
        set_meta(db, "tables", b"fresh")?;
        report.entries_new = self.state.entries_new;
        report.entries_known = self.state.entries_known;
        report.entries = tables.entries;
        report.gaps = tables.gaps;
        report.sealed_parts = tables.sealed_parts;
        report.absent_parts = tables.absent_parts;
        report.erased_parts = tables.erased_parts;
        report.refused = self.door.refused()?.into_iter().collect();
        for problem in report.files.iter().filter_map(|f| f.problem.as_ref()) {
            *report.refused.entry(problem.code().to_owned()).or_default() += 1;
        }
        db.run(
            "UPDATE import_log SET entries_new = ?, entries_known = ?, complete = 1
             WHERE import = ?",
            params![
                report.entries_new as i64,
                report.entries_known as i64,
                number
            ],
        )?;
        db.commit()?;
        Ok(report)
    }

    /// Offers again what waited, now that more is known; and reads again the files with runs in
    /// plain bytes whose key has come.
    fn settle(&mut self, found: &[Found]) -> Result<(), HqError> {
        let mut lacking = u64::MAX;
        loop {
            self.state.entries_new += self.door.retry_waiting()?;
            let now = self.door.lacking_keys()?;
            if now == 0 || now >= lacking || !self.door.keys_came {
                return Ok(());
            }
            lacking = now;
            self.door.keys_came = false;
            for found in found {
                self.file(found, true)?;
            }
        }
    }

    /// Reads one source; the second time only for the runs whose key was not there.
    fn file(&mut self, found: &Found, again: bool) -> Result<FileReport, HqError> {
        self.file = FileReport {
            path: found.path().to_path_buf(),
            ..FileReport::default()
        };
        let read = match found {
            Found::Bundle(path) => bundle_file::read(path, |piece| self.piece(piece, again)),
            Found::Journal(path, unlock) => {
                journal_dir::read(path, unlock.as_ref(), |piece| self.piece(piece, again))
            }
            Found::Trouble(path, problem) => Err(Halt::File(Problem::Io {
                action: "read",
                path: path.clone(),
                source: std::io::Error::other(problem.to_string()),
            })),
        };
        let mut file = std::mem::take(&mut self.file);
        match read {
            Ok(Condition { complete, damage }) => {
                file.complete = complete;
                file.damage = damage;
            }
            Err(Halt::File(problem)) => file.problem = Some(problem),
            Err(Halt::Whole(error)) => return Err(error),
        }
        Ok(file)
    }

    fn piece(&mut self, piece: Piece, again: bool) -> Result<(), Halt> {
        match piece {
            Piece::Genesis(genesis) if genesis.id() != self.genesis.id() => {
                Err(Problem::OtherIncident(genesis.id()).into())
            }
            Piece::Genesis(_) => Ok(()),
            Piece::Contents(stretches) if !again => {
                gaps::promise(self.door.db, &stretches)?;
                Ok(())
            }
            Piece::Contents(_) => Ok(()),
            Piece::Run(bytes) => Ok(self.run(&bytes, again)?),
        }
    }

    fn run(&mut self, bytes: &[u8], again: bool) -> Result<(), HqError> {
        if again && !self.door.lacked_key(bytes)? {
            return Ok(());
        }
        match self.door.offer(bytes)? {
            Fate::Taken { new, known } => {
                self.file.new += new;
                self.file.known += known;
                self.state.entries_new += new;
                self.state.entries_known += known;
            }
            Fate::Refused => self.file.refused += 1,
        }
        self.state.bytes += bytes.len() as u64;
        self.uncommitted += bytes.len() as u64;
        self.runs += 1;
        if self.uncommitted >= COMMIT_BYTES {
            self.commit()?;
        }
        if self.runs.is_multiple_of(TELL_EVERY) {
            self.tell()?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), HqError> {
        self.uncommitted = 0;
        self.door.db.commit()?;
        self.tell()?;
        self.door.db.begin()
    }

    fn tell(&mut self) -> Result<(), HqError> {
        match (self.progress)(&self.state) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => {
                self.door.db.commit()?;
                Err(HqError::Interrupted)
            }
        }
    }
}

fn note_file(db: &crate::conn::Db, import: i64, file: &FileReport) -> Result<(), HqError> {
    // A path given twice in one import is one row.
    db.run(
        "INSERT OR REPLACE INTO import_files VALUES (?, ?, ?, ?, ?, ?, ?)",
        params![
            import,
            file.path.display().to_string(),
            file.new as i64,
            file.known as i64,
            file.complete,
            file.problem.as_ref().map(ToString::to_string),
            (!file.damage.is_empty()).then(|| file.damage.join("\n")),
        ],
    )?;
    Ok(())
}
