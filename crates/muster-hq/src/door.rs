//! Runs from files through the one door of `muster-log`, into the warehouse.
//!
//! What may be admitted later waits: a run of an author nobody has admitted yet, or beyond an
//! allowance, is kept (sealed, never in plain bytes) and offered again when more is known. A run in
//! plain bytes whose key is not held is never kept: its file is read again should the key come.

use muster_log::{
    book::{Book, Received, Refusal},
    chain,
    codec::Cursor,
    entry::LogKey,
    ids::{EntryHash, Seq},
    keyring::KeyRing,
    run,
};
use rusqlite::params;

use crate::{
    conn::Db,
    error::HqError,
    runs::{self, generation_text, place},
};

/// Most bytes of waiting runs; a stranger must not fill the disk.
pub(crate) const MAX_WAITING: u64 = 256 * 1024 * 1024;

/// What the head of an encoded run says, before anything is proven.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) log: LogKey,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new("run", bytes);
        let version: u8 = cursor.take().ok()?;
        let log: LogKey = cursor.take().ok()?;
        let first: u64 = cursor.take().ok()?;
        let _before: EntryHash = cursor.take().ok()?;
        let count: u64 = cursor.take().ok()?;
        let last = first.checked_add(count.checked_sub(1)?)?;
        (version == 1).then_some(Self { log, first, last })
    }

    fn count(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is here: so many entries are new, so many were here already.
    Taken { new: u64, known: u64 },
    /// Not now; it is kept or named in `refused`.
    Refused,
}

/// The door of one import.
pub(crate) struct Door<'a> {
    pub(crate) db: &'a Db,
    pub(crate) book: Book,
    /// Keys came since this was last cleared.
    pub(crate) keys_came: bool,
    waiting_bytes: u64,
    has_refused: bool,
}

impl<'a> Door<'a> {
    pub(crate) fn new(db: &'a Db, book: Book) -> Result<Self, HqError> {
        db.batch(
            "CREATE TEMP TABLE IF NOT EXISTS now_refused (run TEXT PRIMARY KEY) WITHOUT ROWID",
        )?;
        db.batch("DELETE FROM now_refused")?;
        let sums: Option<(i64, i64)> = db.first(
            "SELECT count(*), coalesce(sum(length(waiting)), 0) FROM refused",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let (count, bytes) = sums.unwrap_or_default();
        Ok(Self {
            db,
            book,
            keys_came: false,
            waiting_bytes: u64::try_from(bytes).unwrap_or(0),
            has_refused: count > 0,
        })
    }

    /// Offers a run, as it came out of a file.
    pub(crate) fn offer(&mut self, bytes: &[u8]) -> Result<Fate, HqError> {
        let head = Head::read(bytes);
        if head.is_some_and(|h| i64::try_from(h.last).is_err()) {
            return self.refuse(bytes, head, "bad-run", false);
        }
        match self.book.receive(bytes) {
            Ok(received) => {
                let fate = self.take(bytes, head, received)?;
                if self.has_refused {
                    self.forget_refusal(&name_of(bytes))?;
                }
                Ok(fate)
            }
            Err(refusal) => self.refuse(bytes, head, refusal.code(), may_wait(&refusal)),
        }
    }

    fn take(&mut self, bytes: &[u8], head: Option<Head>, got: Received) -> Result<Fate, HqError> {
        // What was admitted has a head.
        let Some(head) = head else {
            return Ok(Fate::Taken { new: 0, known: 0 });
        };
        let log = head.log.id(&self.book.incident());
        match got {
            Received::Admitted(admitted) => {
                self.keys_came |= !admitted.keys.is_empty();
                let fresh = admitted.fresh;
                let left_out = admitted.run.first() > Seq(head.first);
                runs::store(self.db, &self.book, &admitted.run)?;
                if left_out && runs::has_absent(self.db, &log, head.first, head.last)? {
                    self.store_again(bytes)?;
                }
                Ok(Fate::Taken {
                    new: fresh,
                    known: head.count().saturating_sub(fresh),
                })
            }
            Received::Known => {
                let at = bytes.len().saturating_sub(64);
                let signature = bytes.get(at..).unwrap_or_default();
                if !runs::has_signature(self.db, &log, head.first, head.last, signature)? {
                    self.store_again(bytes)?;
                }
                Ok(Fate::Taken {
                    new: 0,
                    known: head.count(),
                })
            }
        }
    }

    /// Stores a run that the door found true and known, for its signature and its parts.
    fn store_again(&self, bytes: &[u8]) -> Result<(), HqError> {
        let run = decode(&self.book, self.book.keys(), bytes);
        // The door has checked the signature.
        if let Some(mut run) = run.and_then(|run| chain::reopen(&self.book.incident(), run).ok()) {
            self.book.erased().strip(&mut run);
            runs::store(self.db, &self.book, &run)?;
        }
        Ok(())
    }

    fn refuse(
        &mut self,
        bytes: &[u8],
        head: Option<Head>,
        code: &'static str,
        waits: bool,
    ) -> Result<Fate, HqError> {
        // Under one name whether its parts came sealed or plain.
        let sealed = decode(&self.book, self.book.keys(), bytes).map(|run| run::encode(&run));
        let name = name_of(sealed.as_deref().unwrap_or(bytes));
        self.db
            .run("INSERT OR IGNORE INTO now_refused VALUES (?)", [&name])?;
        let known: Option<i64> =
            self.db
                .first("SELECT 1 FROM refused WHERE run = ?", [&name], |row| {
                    row.get(0)
                })?;
        if known.is_some() {
            self.db.run(
                "UPDATE refused SET code = ?2 WHERE run = ?1 AND code <> ?2",
                params![name, code],
            )?;
            return Ok(Fate::Refused);
        }
        let room = self.waiting_bytes + bytes.len() as u64 <= MAX_WAITING;
        let waiting = sealed.filter(|_| waits && room);
        self.waiting_bytes += waiting.as_ref().map_or(0, |w| w.len() as u64);
        self.has_refused = true;
        self.db.run(
            "INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                name,
                code,
                head.map(|h| h.log.device.hex()),
                head.map(|h| generation_text(h.log.generation.0)),
                head.map(|h| h.log.lane.0),
                head.map(|h| place(h.first)),
                head.map(|h| place(h.last)),
                waiting,
            ],
        )?;
        Ok(Fate::Refused)
    }

    fn forget_refusal(&self, name: &str) -> Result<(), HqError> {
        self.db.run("DELETE FROM refused WHERE run = ?", [name])?;
        self.db
            .run("DELETE FROM now_refused WHERE run = ?", [name])?;
        Ok(())
    }

    /// Offers what waits again, until nothing more is admitted. Gives how many entries came.
    pub(crate) fn retry_waiting(&mut self) -> Result<u64, HqError> {
        let mut came = 0;
        loop {
            let mut progress = false;
            let mut after = String::new();
            while let Some((name, bytes)) = self.next_waiting(&after)? {
                match self.book.receive(&bytes) {
                    Ok(received) => {
                        let head = Head::read(&bytes);
                        if let Fate::Taken { new, .. } = self.take(&bytes, head, received)? {
                            came += new;
                        }
                        self.forget_refusal(&name)?;
                        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes.len() as u64);
                        progress = true;
                    }
                    Err(refusal) => self.note_refusal(&name, &refusal)?,
                }
                after = name;
            }
            if !progress {
                return Ok(came);
            }
        }
    }

    /// Corrects the reason of a run that waited; it stays only while it may still be admitted.
    fn note_refusal(&self, name: &str, refusal: &Refusal) -> Result<(), HqError> {
        self.db.run(
            "UPDATE refused SET code = ?2, waiting = iif(?3, waiting, NULL)
             WHERE run = ?1 AND (code <> ?2 OR NOT ?3)",
            params![name, refusal.code(), may_wait(refusal)],
        )?;
        Ok(())
    }

    fn next_waiting(&self, after: &str) -> Result<Option<(String, Vec<u8>)>, HqError> {
        self.db.first(
            "SELECT run, waiting FROM refused WHERE waiting IS NOT NULL AND run > ?
             ORDER BY run LIMIT 1",
            [after],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// Whether this very run was refused for want of a key.
    pub(crate) fn lacked_key(&self, bytes: &[u8]) -> Result<bool, HqError> {
        let found: Option<i64> = self.db.first(
            "SELECT 1 FROM refused WHERE run = ? AND code = 'no-key'",
            [name_of(bytes)],
            |row| row.get(0),
        )?;
        Ok(found.is_some())
    }

    /// How many runs were refused for want of a key by this import.
    pub(crate) fn lacking_keys(&self) -> Result<u64, HqError> {
        let found: Option<i64> = self.db.first(
            "SELECT count(*) FROM now_refused JOIN refused USING (run) WHERE code = 'no-key'",
            [],
            |row| row.get(0),
        )?;
        Ok(found.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
    }

    /// What this import refused and nothing later admitted, by code.
    pub(crate) fn refused(&self) -> Result<Vec<(String, u64)>, HqError> {
        let rows = self.db.all(
            "SELECT code, count(*) FROM now_refused JOIN refused USING (run) GROUP BY code",
            [],
            |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)),
        )?;
        let rows = rows.into_iter();
        Ok(rows
            .map(|(code, n)| (code, u64::try_from(n).unwrap_or(0)))
            .collect())
    }
}

/// The run with all its parts sealed, if it is one; proven or not.
fn decode(book: &Book, keys: &KeyRing, bytes: &[u8]) -> Option<muster_log::chain::Run> {
    run::decode_with(&book.incident(), bytes, keys).ok()
}

/// Whether what others say later may admit it. A piece of one branch more than are kept is among
/// them: what leads to it may still come.
fn may_wait(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::UnknownAuthor(_) | Refusal::Allowance { .. } | Refusal::Fork { .. }
    )
}

/// The name of a run in `refused`.
fn name_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
