//! Erasing an object: which parts hold it, writing the acts that name them, destroying what is erased
//! here, and saying that it is gone.
//!
//! Which erasures count is the book's to say. Who may be asked and what is shown is the verb's.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    act::{Act, Erase},
    codec::{Bounded, Text},
    entry::{LogKey, PartBody, kind},
    erased::{self, Erased, Parts},
    ids::{Class, DeviceId, GrantId, KeyId, Lane, LogId, Millis, ObjectId, Seq},
    keyring::Opened,
    operation::Operation,
    record, run,
};
use muster_store::Position;

use super::{Engine, Written, apply::object_of, read::read_back};
use crate::error::NodeError;

type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

/// Turns of the loop until a disk that refused is asked again: about half a minute.
const PATIENCE: u32 = 150;

/// Parts of erased objects that no erasure names, by object.
pub(super) type Strays = BTreeMap<ObjectId, BTreeSet<(LogKey, u64, u8)>>;

/// What is still to be done about erasures.
#[derive(Debug, Default)]
pub(super) struct Erasing {
    /// Something may have to be destroyed or confirmed.
    due: bool,
    /// Objects erased since, which may have parts here that no act names.
    fresh: BTreeSet<ObjectId>,
    pub(super) strays: Strays,
    /// Turns to wait after a failure, and what failed.
    waits: u32,
    failed: Option<String>,
}

impl Erasing {
    pub(super) fn heard(&mut self, objects: &BTreeSet<ObjectId>) {
        if !objects.is_empty() {
            self.due = true;
            self.fresh.extend(objects);
        }
    }

    /// After a start: what was cut short is taken up again. What this device has confirmed it has
    /// looked through.
    pub(super) fn take_up(&mut self, erased: &Erased, own: &DeviceId) {
        self.due = !erased.is_empty();
        let unfinished = erased
            .objects()
            .filter(|(_, acts)| !erased.is_gone(own, acts.iter()));
        self.fresh.extend(unfinished.map(|(object, _)| *object));
    }
}

/// Parts here that hold an object.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Those that hold nothing else.
    pub parts: Parts,
    /// How many parts hold other objects too, and stay. Only other programs write such.
    pub shared: u64,
    /// How many parts there are, by class.
    pub classes: BTreeMap<Class, u64>,
}

/// An erasure to be written.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// The object.
    pub object: ObjectId,
    /// Its kind.
    pub kind: u16,
    /// Its number, where it has one.
    pub number: Text<24>,
    /// Why.
    pub why: Text<200>,
}

/// Notes a part that holds an erased object and is named by no erasure.
pub(super) fn note_strays(
    erased: &Erased,
    operations: &[Operation],
    place: (LogKey, u64, u8),
    strays: &mut Strays,
) {
    for object in objects_in(operations).into_iter().flatten() {
        if erased.is_erased(&object) {
            strays.entry(object).or_default().insert(place);
        }
    }
}

/// The objects that a part's operations are about; none for an operation about something else.
fn objects_in(operations: &[Operation]) -> BTreeSet<Option<ObjectId>> {
    let read = operations.iter().map(|op| op.read().ok());
    read.map(|op| op.and_then(|op| object_of(&op))).collect()
}

impl Engine {
    /// Looks through all entries for parts that hold these objects and are not erased yet.
    pub fn parts_of(
        &self,
        objects: &BTreeSet<ObjectId>,
    ) -> Result<BTreeMap<ObjectId, Found>, NodeError> {
        let mut out: BTreeMap<ObjectId, Found> = BTreeMap::new();
        let mut seen: BTreeSet<(LogId, u64, u8)> = BTreeSet::new();
        self.each_run(|engine, run| {
            if run.log().lane != Lane::DATA {
                return;
            }
            for entry in run.entries() {
                for (part, head) in (0u8..).zip(&entry.header().parts) {
                    // What is too short to be erased would be named again and again.
                    if !erased::is_erasable(head) {
                        continue;
                    }
                    let read = engine.book.keys().read(&run.id(), entry, part);
                    let Opened::Content(content) = read else {
                        continue;
                    };
                    let held = objects_in(&content.operations);
                    for object in held.iter().flatten().filter(|o| objects.contains(o)) {
                        if !seen.insert((run.id(), entry.seq().0, part)) {
                            continue;
                        }
                        let found = out.entry(*object).or_default();
                        if held.len() > 1 {
                            found.shared += 1;
                            continue;
                        }
                        *found.classes.entry(head.class).or_default() += 1;
                        let places = found.parts.entry(*run.log()).or_default();
                        *places.entry(entry.seq().0).or_default() |= bit(part);
                    }
                }
            }
        })?;
        Ok(out)
    }

    /// Writes an erasure of these parts, as many acts as it takes: at least one, which erases the
    /// object for later parts too.
    pub fn erase(
        &mut self,
        erasure: &Erasure,
        parts: &Parts,
        now: Millis,
        random: Random<'_>,
    ) -> Result<Vec<Written>, NodeError> {
        let mut lists = erased::split(parts);
        if lists.is_empty() {
            lists.push(Vec::new());
        }
        let mut written = Vec::new();
        for list in lists {
            let act = Act::Erase(Erase {
                object: erasure.object,
                kind: erasure.kind,
                number: erasure.number.clone(),
                parts: Bounded::try_from(list)?,
                why: erasure.why.clone(),
                extensions: Bounded::default(),
            });
            written.push(self.write_acts(kind::ERASURE, &[act], now, random)?);
        }
        // All that is here is named.
        self.erasing.fresh.remove(&erasure.object);
        self.erasing.strays.remove(&erasure.object);
        Ok(written)
    }

    /// An act that erases an object, with where it stands; the first made.
    pub fn erasure_of(
        &self,
        object: &ObjectId,
    ) -> Option<(&muster_log::authority::ActPlace, &Erase)> {
        let ids: BTreeSet<&GrantId> = self.book.erased().acts(object).collect();
        let acts = self.book.authority().acts();
        let acts = acts.filter_map(|(id, place, act)| match act {
            Act::Erase(act) if ids.contains(id) => Some((place, act)),
            _ => None,
        });
        acts.min_by_key(|(place, _)| (place.lamport, place.log, place.seq))
    }

    /// What failed when erased bytes were to be destroyed, until it works.
    pub fn erasing_failed(&self) -> Option<&str> {
        self.erasing.failed.as_deref()
    }

    /// Names what no erasure names yet, where this device may; makes erasures durable, destroys here
    /// what they name, and says so. Nothing to do costs nothing.
    pub fn tend_erasures(&mut self, now: Millis, random: Random<'_>) -> Result<(), NodeError> {
        if !self.erasing.due && self.erasing.strays.is_empty() {
            return Ok(());
        }
        if self.erasing.waits > 0 {
            self.erasing.waits -= 1;
            return Ok(());
        }
        self.extend_erasures(now, random)?;
        // An erasure that is lost in a power cut must not have destroyed anything.
        self.flush()?;
        if !std::mem::take(&mut self.erasing.due) {
            return Ok(());
        }
        if let Err(e) = self.destroy_erased(random) {
            // A full disk, say: nothing is confirmed, and it is tried again.
            tracing::warn!(error = %e, "erased entries could not be destroyed yet");
            self.erasing.due = true;
            self.erasing.waits = PATIENCE;
            self.erasing.failed = Some(e.to_string());
            return match self.is_broken() {
                true => Err(e),
                false => Ok(()),
            };
        }
        self.erasing.failed = None;
        let acts = self.book.erased().unconfirmed(&self.device());
        if !acts.is_empty() && self.own_grant().is_some() {
            self.write_acks(&acts, now, random)?;
            self.flush()?;
        }
        Ok(())
    }

    /// A reader that meets parts of an erased object which nobody has named names them: later parts,
    /// and those that whoever erased had not, or could not read.
    fn extend_erasures(&mut self, now: Millis, random: Random<'_>) -> Result<(), NodeError> {
        let fresh = std::mem::take(&mut self.erasing.fresh);
        let strays = std::mem::take(&mut self.erasing.strays);
        let may = self.own_grant().is_some_and(|g| g.may_erase());
        if !may || (fresh.is_empty() && strays.is_empty()) {
            return Ok(());
        }
        let mut objects = fresh;
        for (object, places) in strays {
            let erased = self.book.erased();
            let unnamed = |(log, seq, part): &(LogKey, u64, u8)| {
                erased.parts(&log.id(&self.book.incident()), Seq(*seq)) & bit(*part) == 0
            };
            if erased.is_erased(&object) && places.iter().any(unnamed) {
                objects.insert(object);
            }
        }
        objects.retain(|object| self.book.erased().is_erased(object));
        if objects.is_empty() {
            return Ok(());
        }
        for (object, found) in self.parts_of(&objects)? {
            let first = self.erasure_of(&object).map(|(_, act)| act.clone());
            if let Some(act) = first.filter(|_| !found.parts.is_empty()) {
                let erasure = Erasure {
                    object,
                    kind: act.kind,
                    number: act.number,
                    why: Text::default(),
                };
                self.erase(&erasure, &found.parts, now, random)?;
            }
        }
        Ok(())
    }

    /// Destroys what is erased and still here: the index first, which may hold values of it, so that
    /// whatever interrupts the rest finds it to do again.
    fn destroy_erased(&mut self, random: Random<'_>) -> Result<(), NodeError> {
        let mut positions = BTreeSet::new();
        for (log, seq, bits) in self.book.erased().places() {
            let heads = self.book.log(&log);
            let absent = heads.and_then(|heads| heads.absent_at(seq));
            if absent.is_some_and(|absent| bits & !absent != 0) {
                positions.extend(self.places.covering(&log, seq));
            }
        }
        let mut exchanged = BTreeMap::new();
        let mut left = Left::default();
        for position in positions {
            let bytes = self.journal.read(position)?;
            if let Some(stripped) = self.stripped(&bytes, &mut left)? {
                exchanged.insert(position, stripped);
            }
        }
        if !exchanged.is_empty() {
            self.empty_index(random);
            self.state.touch_all();
        }
        self.compute_again(&left.beside)?;
        let numbers = exchanged.keys().map(|at| at.segment.number).collect();
        let mut exchange = |at: Position, _: &[u8]| exchanged.remove(&at);
        let mut moved = Vec::new();
        let written = self
            .journal
            .rewrite(&numbers, &mut exchange, &mut moved, random);
        if !moved.is_empty() {
            self.places.moved(&moved.into_iter().collect());
        }
        written?;
        for (log, seq, bits) in left.gone {
            self.book.lose(&log, seq, bits);
        }
        for (.., key) in left.unread {
            if let Some(count) = self.unreadable.get_mut(&key) {
                *count = count.saturating_sub(1);
            }
        }
        self.unreadable.retain(|_, count| *count > 0);
        Ok(())
    }

    /// A record without what is erased; nothing where nothing of that is in it.
    fn stripped(&self, bytes: &[u8], left: &mut Left) -> Result<Option<Vec<u8>>, NodeError> {
        let mut stored = read_back(&self.book.incident(), bytes)?;
        let (log, erased) = (stored.id(), self.book.erased());
        for entry in stored.entries() {
            let bits = erased.parts(&log, entry.seq());
            for part in (0..8).filter(|part| bits & bit(*part) != 0) {
                match self.book.keys().read(&log, entry, part) {
                    Opened::Content(content) => {
                        let held = objects_in(&content.operations).into_iter().flatten();
                        left.beside.extend(held.filter(|o| !erased.is_erased(o)));
                    }
                    Opened::NoKey(key) => {
                        left.unread.insert((log, entry.seq(), part, key));
                    }
                    _ => {}
                }
            }
        }
        let changed = erased.strip(&mut stored);
        for entry in stored.entries() {
            let parts = (0u8..).zip(entry.parts());
            let absent = parts.filter(|(_, body)| matches!(body, PartBody::Absent));
            let absent = absent.fold(0, |bits, (part, _)| bits | bit(part));
            let gone = absent & erased.parts(&log, entry.seq());
            left.gone.push((log, entry.seq(), gone));
        }
        if !changed {
            return Ok(None);
        }
        let run = run::encode_verified(&stored);
        Ok(Some(record::with_run(bytes, &run)?))
    }
}

/// What follows from taking out what is erased.
#[derive(Default)]
struct Left {
    /// Parts that are not here any more.
    gone: Vec<(LogId, Seq, u8)>,
    /// Objects beside the erased ones that the same parts held: an erasure may name what it should
    /// not, and the state is what follows from what is left.
    beside: BTreeSet<ObjectId>,
    /// Parts that could not be read, and wait for no key any more.
    unread: BTreeSet<(LogId, Seq, u8, KeyId)>,
}

fn bit(part: u8) -> u8 {
    1_u8.checked_shl(part.into()).unwrap_or(0)
}
