//! From admitted entries to the model: who says it, may they, can it be read here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use muster_log::{
    act::Act,
    authority::Standing,
    book::{Book, Refusal},
    chain::VerifiedRun,
    entry::{PartBody, VerifiedEntry},
    ids::{Class, DeviceId, EntryHash, GrantId, KeyId, Lane, Millis, ObjectId, Seq},
    keyring::Opened,
    operation::{DataOperation, Operation, Reference},
};
use muster_model::state::{Batch, Outcome, WriteContext};

use super::{
    Engine,
    erase::{Strays, note_strays},
    read::read_kept,
};
use crate::error::NodeError;

/// Most changes kept for those who watch; older ones are dropped when nobody takes them.
const MAX_CHANGES: usize = 10_000;

/// One object touched by one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The entry.
    pub entry: EntryHash,
    /// Its author.
    pub device: DeviceId,
    /// Its place.
    pub seq: Seq,
    /// When the author says it was written.
    pub claimed: Millis,
    /// The object; none where the entry is about devices and keys.
    pub object: Option<ObjectId>,
}

/// What was refused or does not count, by reason.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// Runs the door refused, by code.
    pub refused: BTreeMap<&'static str, u64>,
    /// Operations that do not count, by reason.
    pub inert: BTreeMap<String, u64>,
}

impl Counters {
    /// Counts a refusal.
    pub fn refused(&mut self, refusal: &Refusal) {
        *self.refused.entry(refusal.code()).or_default() += 1;
    }
}

/// What applying a run reads and writes of the engine. Objects that the run touches stay decoded
/// until its end: an entry of several parts, or several entries on one object, pack it once.
struct Applying<'a> {
    book: &'a Book,
    own: DeviceId,
    batch: Batch<'a>,
    counters: &'a mut Counters,
    pending: &'a mut BTreeMap<GrantId, u64>,
    unreadable: &'a mut BTreeMap<KeyId, u64>,
    operator: &'a mut Option<String>,
    changes: &'a mut VecDeque<Change>,
    /// Parts of erased objects that no erasure names.
    strays: &'a mut Strays,
    /// Apply what is said of these objects alone.
    only: Option<&'a BTreeSet<ObjectId>>,
}

impl Applying<'_> {
    fn entry(&mut self, run: &VerifiedRun, entry: &VerifiedEntry) {
        let device = run.log().device;
        let grant = entry.header().grant;
        let standing = self
            .book
            .standing(run.log(), entry.seq(), &entry.hash(), &grant);
        let disputed = matches!(standing, Standing::Disputed(_));
        let (role, person, scope) = match standing {
            Standing::Counts(g) | Standing::Disputed(g) => (g.role, g.person, g.scope),
            Standing::Unknown => {
                *self.pending.entry(grant).or_default() += 1;
                return;
            }
            Standing::NotTheirs => return self.inert("foreign-grant"),
        };
        let mut touched = Vec::new();
        for (part, head) in (0u8..=255).zip(&entry.header().parts) {
            let content = match self.book.keys().read(&run.id(), entry, part) {
                Opened::Content(content) => content,
                Opened::NoKey(key) => {
                    *self.unreadable.entry(key).or_default() += 1;
                    continue;
                }
                Opened::Absent => continue,
                Opened::UnknownEncoding(_) => {
                    self.inert("unknown-encoding");
                    continue;
                }
                Opened::Malformed => {
                    self.inert("malformed");
                    continue;
                }
            };
            let context = |index: u8| WriteContext {
                reference: Reference::new(&run.id(), entry.seq(), &entry.hash(), part, index),
                lamport: entry.header().lamport,
                log: run.id(),
                claimed: entry.header().claimed,
                device,
                role,
                person,
                scope,
                class: head.class,
                urgency: entry.header().urgency,
                disputed,
            };
            let acts = run.log().lane == Lane::AUTHORITY && head.class == Class::C0;
            if !self.book.erased().is_empty() && run.log().lane == Lane::DATA {
                let place = (*run.log(), entry.seq().0, part);
                note_strays(self.book.erased(), &content.operations, place, self.strays);
            }
            self.operations(&content.operations, acts, device, context, &mut touched);
        }
        touched.dedup();
        if touched.is_empty() && run.log().lane == Lane::AUTHORITY {
            self.note_change(run, entry, None);
        }
        for object in touched {
            self.note_change(run, entry, Some(object));
        }
    }

    fn inert(&mut self, reason: &str) {
        *self.counters.inert.entry(reason.into()).or_default() += 1;
    }

    fn operations(
        &mut self,
        operations: &[Operation],
        acts: bool,
        device: DeviceId,
        context: impl Fn(u8) -> WriteContext,
        touched: &mut Vec<ObjectId>,
    ) {
        for (index, operation) in (0u8..=255).zip(operations) {
            // Acts of this version are the authority's business; it reads them in C0 of lane 0 alone.
            if acts && let Some(Ok(act)) = Act::read(operation) {
                match act {
                    Act::Erase(act) => self.erasure(act.object, touched),
                    Act::Fork(proof) if !proof.holds(&self.book.incident()) => {
                        self.inert("bad-fork-proof");
                    }
                    _ => {}
                }
                continue;
            }
            let Ok(read) = operation.read() else {
                self.inert("malformed");
                continue;
            };
            let object = object_of(&read);
            if let Some(only) = self.only
                && !object.is_some_and(|o| only.contains(&o))
            {
                continue;
            }
            touched.extend(object);
            if let DataOperation::Operator(name) = &read
                && device == self.own
            {
                *self.operator = Some(name.to_string());
            }
            if let Outcome::Inert(reason) = self.batch.apply(&context(index), &read) {
                self.inert(&reason.to_string());
            }
        }
    }

    /// Whether an erasure counts is the book's to say; another act may erase what this one does not.
    fn erasure(&mut self, object: ObjectId, touched: &mut Vec<ObjectId>) {
        if self.only.is_some_and(|only| !only.contains(&object)) {
            return;
        }
        if self.book.erased().is_erased(&object) {
            self.batch.erase(object);
            touched.push(object);
        }
    }

    fn note_change(&mut self, run: &VerifiedRun, entry: &VerifiedEntry, object: Option<ObjectId>) {
        if self.changes.len() >= MAX_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(Change {
            entry: entry.hash(),
            device: run.log().device,
            seq: entry.seq(),
            claimed: entry.header().claimed,
            object,
        });
    }
}

impl Engine {
    /// Applies every entry of a run to the state. Applying one twice changes nothing.
    pub(super) fn apply_run(&mut self, run: &VerifiedRun) {
        self.state.know_author(run.id(), run.log().device);
        let mut applying = Applying {
            book: &self.book,
            own: self.key.id(),
            batch: self.state.batch(),
            counters: &mut self.counters,
            pending: &mut self.pending,
            unreadable: &mut self.unreadable,
            operator: &mut self.operator,
            changes: &mut self.changes,
            strays: &mut self.erasing.strays,
            only: None,
        };
        for entry in run.entries() {
            applying.entry(run, entry);
        }
    }

    /// Applies what a run says of some objects, which were forgotten before; what waits is counted
    /// already.
    pub(super) fn apply_again(&mut self, run: &VerifiedRun, only: &BTreeSet<ObjectId>) {
        let mut applying = Applying {
            book: &self.book,
            own: self.key.id(),
            batch: self.state.batch(),
            counters: &mut Counters::default(),
            pending: &mut BTreeMap::new(),
            unreadable: &mut BTreeMap::new(),
            operator: &mut self.operator,
            changes: &mut VecDeque::new(),
            strays: &mut Strays::new(),
            only: Some(only),
        };
        for entry in run.entries() {
            applying.entry(run, entry);
        }
    }

    /// The digests of a state that is computed from all entries at once, with all that is known now:
    /// what the state here must come to, in whatever order things came.
    pub fn computed_anew(&self) -> Result<muster_model::digest::Digests, NodeError> {
        let mut state = muster_model::state::State::default();
        let mut operator = None;
        self.each_run(|engine, run| {
            state.know_author(run.id(), run.log().device);
            let mut applying = Applying {
                book: &engine.book,
                own: engine.key.id(),
                batch: state.batch(),
                counters: &mut Counters::default(),
                pending: &mut BTreeMap::new(),
                unreadable: &mut BTreeMap::new(),
                operator: &mut operator,
                changes: &mut VecDeque::new(),
                strays: &mut Strays::new(),
                only: None,
            };
            for entry in run.entries() {
                applying.entry(run, entry);
            }
        })?;
        Ok(state.digests())
    }

    /// Counts what of a run still waits, without applying it: the index has the rest already.
    pub(super) fn note_waiting(&mut self, run: &VerifiedRun) {
        for entry in run.entries() {
            let grant = entry.header().grant;
            let (seq, hash) = (entry.seq(), entry.hash());
            match self.book.standing(run.log(), seq, &hash, &grant) {
                Standing::Counts(_) | Standing::Disputed(_) => {}
                Standing::NotTheirs => continue,
                Standing::Unknown => {
                    *self.pending.entry(grant).or_default() += 1;
                    continue;
                }
            }
            for (part, body) in entry.header().parts.iter().zip(entry.parts()) {
                let sealed = (1..=3).contains(&part.class.0) && !matches!(body, PartBody::Absent);
                if sealed && self.book.keys().get(&part.key).is_none() {
                    *self.unreadable.entry(part.key).or_default() += 1;
                }
            }
        }
    }

    /// Whether anything waits for one of these.
    pub(super) fn waits_for(&self, grants: &[GrantId], keys: &[KeyId]) -> bool {
        grants.iter().any(|g| self.pending.contains_key(g))
            || keys.iter().any(|k| self.unreadable.contains_key(k))
    }

    /// Applies what waited for grants or keys that have just become known.
    pub(super) fn catch_up(&mut self, grants: &[GrantId], keys: &[KeyId]) -> Result<(), NodeError> {
        if !self.waits_for(grants, keys) {
            return Ok(());
        }
        // Rare (a late key, a log that came before its grant): read the journal through. Applying
        // an entry again changes nothing.
        self.apply_journal()
    }

    /// Applies every entry of the journal with all grants and keys known by now. What it says of
    /// old entries is news to nobody.
    pub(super) fn apply_journal(&mut self) -> Result<(), NodeError> {
        self.pending.clear();
        self.unreadable.clear();
        self.counters.inert.clear();
        let changes = std::mem::take(&mut self.changes);
        let incident = self.book.incident();
        for item in self.journal.scan(None)? {
            let (_, bytes) = item?;
            self.apply_run(&read_kept(&self.book, &incident, &bytes)?);
        }
        self.changes = changes;
        Ok(())
    }
}

pub(super) fn object_of(operation: &DataOperation) -> Option<ObjectId> {
    match operation {
        DataOperation::Set(w)
        | DataOperation::Add(w)
        | DataOperation::Remove(w)
        | DataOperation::Tally(w)
        | DataOperation::Alias(w)
        | DataOperation::Unalias(w) => Some(w.slot.object),
        DataOperation::Blob(blob) => Some(blob.object),
        DataOperation::EraseAck(_) | DataOperation::Operator(_) | DataOperation::Other(_) => None,
    }
}
