//! From the stored entries to the model's state: who says it, may they, can it be read here.
//!
//! Computed anew after every import, when all grants and keys are known; so it cannot tell in which
//! order things came.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    authority::Standing,
    book::Book,
    chain::{self, VerifiedRun},
    entry::VerifiedEntry,
    ids::Class,
    keyring::Opened,
    operation::Reference,
    run,
};
use muster_model::state::{Batch, Inert, Outcome, State, WriteContext};

use crate::{conn::Db, error::HqError};

/// The state, and what did not get into it.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) state: State,
    pub(crate) tally: Tally,
}

/// What was counted on the way.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) entries: u64,
    /// Parts that no key here opens, by class.
    pub(crate) sealed: BTreeMap<u8, u64>,
    /// Parts whose bytes did not come.
    pub(crate) absent: u64,
    /// Parts that are erased.
    pub(crate) erased: u64,
    /// Entries and operations that do not count, by reason.
    pub(crate) inert: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn inert(&mut self, reason: &'static str) {
        *self.inert.entry(reason).or_default() += 1;
    }
}

/// Reads all runs through.
pub(crate) fn replay(db: &Db, book: &Book) -> Result<Replayed, HqError> {
    let incident = book.incident();
    let mut out = Replayed::default();
    let mut seen = BTreeSet::new();
    db.each(
        "SELECT bytes FROM runs ORDER BY log, first, head",
        [],
        |row| {
            let bytes: Vec<u8> = row.get(0).map_err(|e| db.fail(e))?;
            let run = run::decode(&incident, &bytes).map_err(|e| db.damaged(e.to_string()))?;
            let run = chain::reopen(&incident, run).map_err(|e| db.damaged(e.to_string()))?;
            let mut batch = out.state.batch();
            let forked = book.log(&run.id()).is_some_and(|l| l.is_forked());
            for entry in run.entries() {
                // Two branches may have stored it.
                if forked && !seen.insert(entry.hash()) {
                    continue;
                }
                apply(book, &run, entry, &mut batch, &mut out.tally);
            }
            Ok(())
        },
    )?;
    for (object, _) in book.erased().objects() {
        out.state.erase(*object);
    }
    Ok(out)
}

fn apply(
    book: &Book,
    run: &VerifiedRun,
    entry: &VerifiedEntry,
    batch: &mut Batch<'_>,
    tally: &mut Tally,
) {
    tally.entries += 1;
    let device = run.log().device;
    let header = entry.header();
    let standing = book.standing(run.log(), entry.seq(), &entry.hash(), &header.grant);
    let disputed = matches!(standing, Standing::Disputed(_));
    let (role, person, scope) = match standing {
        Standing::Counts(g) | Standing::Disputed(g) => (g.role, g.person, g.scope),
        Standing::Unknown => return tally.inert("unknown-grant"),
        Standing::NotTheirs => return tally.inert("foreign-grant"),
    };
    for (part, head) in (0u8..).zip(&header.parts) {
        let content = match book.keys().read(&run.id(), entry, part) {
            Opened::Content(content) => content,
            Opened::NoKey(_) => {
                *tally.sealed.entry(head.class.0).or_default() += 1;
                continue;
            }
            Opened::Absent => {
                let erased = book.erased().parts(&run.id(), entry.seq());
                match erased & 1_u8.checked_shl(part.into()).unwrap_or(0) {
                    0 => tally.absent += 1,
                    _ => tally.erased += 1,
                }
                continue;
            }
            Opened::UnknownEncoding(_) => {
                tally.inert("unknown-encoding");
                continue;
            }
            Opened::Malformed => {
                tally.inert("malformed");
                continue;
            }
        };
        let context = |index: u8| WriteContext {
            reference: Reference::new(&run.id(), entry.seq(), &entry.hash(), part, index),
            lamport: header.lamport,
            log: run.id(),
            claimed: header.claimed,
            device,
            role,
            person,
            scope,
            class: head.class,
            urgency: header.urgency,
            disputed,
        };
        for (index, operation) in (0u8..=255).zip(&content.operations) {
            match operation.read() {
                Ok(read) => match batch.apply(&context(index), &read) {
                    Outcome::Inert(why) if counts_as_inert(why, head.class) => {
                        tally.inert(inert_code(why));
                    }
                    _ => {}
                },
                Err(_) => tally.inert("malformed"),
            }
        }
    }
}

/// Acts of authority are no data, and nothing is wrong with them.
fn counts_as_inert(why: Inert, class: Class) -> bool {
    match why {
        Inert::NotState | Inert::Erased => false,
        Inert::Unknown => class != Class::C0,
        _ => true,
    }
}

fn inert_code(why: Inert) -> &'static str {
    match why {
        Inert::NotState => "not-state",
        Inert::Unknown => "later-version",
        Inert::Disputed => "disputed",
        Inert::Role { .. } => "role",
        Inert::Class { .. } => "class",
        Inert::Value { .. } => "value",
        Inert::Operation { .. } => "operation",
        Inert::Element { .. } => "element",
        Inert::Erased => "erased",
    }
}
