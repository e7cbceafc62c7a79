//! Which parts are erased, by the acts that count, and which devices say that they have destroyed
//! them.
//!
//! A device that has heard an erasure neither takes, keeps nor passes on what it names, and counts it
//! as missing for nobody: so two devices agree whether they ever held it or not. Destroying bytes is
//! the caller's business. An erasure that counts no more (its maker was ended with a cut before it)
//! takes nothing back: what is gone is then merely absent, and may be taken again from who has it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    act::{Act, Erase, ErasedLog, ErasedSpan},
    authority::{ActPlace, Authority, EntryPlace, Grant, Learned, Logs, Standing, acts_of},
    chain::{Run, VerifiedRun},
    entry::{Entry, LogKey, PartBody, PartHeader, VerifiedEntry},
    ids::{Class, DeviceId, GrantId, IncidentId, Lane, LogId, ObjectId, Seq},
    operation::{DataOperation, PartContent},
    role::Role,
};

/// Most places that one act may name; one that names more is nothing.
pub const MAX_PLACES: u64 = 4_096;
/// Stored bytes below which a part cannot be erased: without it a run would be longer, for it says
/// the hash then, and might no longer fit where it is kept. Sealed parts that say anything of an
/// object are longer; so short are a few public values.
const LEAST: u32 = 32;

/// Whether a part is long enough to be erased.
pub fn is_erasable(head: &PartHeader) -> bool {
    head.len >= LEAST
}

/// Takes parts out of an entry, a bit for each. Says whether any was there.
pub(crate) fn drop_parts(entry: &mut Entry, bits: u8) -> bool {
    let mut dropped = false;
    let heads = entry.header.parts.iter().zip(&mut entry.parts);
    for (part, (head, body)) in (0_u32..).zip(heads) {
        let named = bits & 1_u8.checked_shl(part).unwrap_or(0) != 0;
        if named && is_erasable(head) && *body != PartBody::Absent {
            *body = PartBody::Absent;
            dropped = true;
        }
    }
    dropped
}

/// Parts by log and place, a bit for each part.
pub type Parts = BTreeMap<LogKey, BTreeMap<u64, u8>>;

/// What is erased.
#[derive(Debug, Clone, Default)]
pub struct Erased {
    /// Some act names an erasure, whether it counts or not.
    any: bool,
    places: BTreeMap<LogId, BTreeMap<u64, u8>>,
    /// The acts that count, by their object.
    objects: BTreeMap<ObjectId, BTreeSet<GrantId>>,
    /// Who has destroyed what an act names, by the act.
    acks: BTreeMap<GrantId, BTreeSet<DeviceId>>,
}

impl Erased {
    /// Whether nothing is erased.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The erased parts of an entry, a bit for each; some may be of parts that it has not. Of a
    /// forked log those of every branch: a place is erased, whatever was signed for it.
    pub fn parts(&self, log: &LogId, seq: Seq) -> u8 {
        let places = self.places.get(log);
        places.and_then(|p| p.get(&seq.0)).copied().unwrap_or(0)
    }

    /// All erased parts, by log and place.
    pub fn places(&self) -> impl Iterator<Item = (LogId, Seq, u8)> + '_ {
        let each = |(log, places): (&LogId, &BTreeMap<u64, u8>)| {
            let log = *log;
            let places = places
                .iter()
                .map(move |(seq, bits)| (log, Seq(*seq), *bits));
            places.collect::<Vec<_>>()
        };
        self.places.iter().flat_map(each)
    }

    /// Whether an object is erased.
    pub fn is_erased(&self, object: &ObjectId) -> bool {
        self.objects.contains_key(object)
    }

    /// The erased objects, each with the acts that erase it.
    pub fn objects(&self) -> impl Iterator<Item = (&ObjectId, &BTreeSet<GrantId>)> {
        self.objects.iter()
    }

    /// The acts that erase an object.
    pub fn acts(&self, object: &ObjectId) -> impl Iterator<Item = &GrantId> {
        self.objects.get(object).into_iter().flatten()
    }

    /// Whether a device has said that all is gone that these acts name.
    pub fn is_gone<'a>(
        &self,
        device: &DeviceId,
        mut acts: impl Iterator<Item = &'a GrantId>,
    ) -> bool {
        acts.all(|act| self.acks.get(act).is_some_and(|by| by.contains(device)))
    }

    /// The acts that count and of which a device has not said that all is gone that they name.
    pub fn unconfirmed(&self, device: &DeviceId) -> Vec<GrantId> {
        let acts = self.objects.values().flatten();
        acts.filter(|act| !self.is_gone(device, std::iter::once(*act)))
            .copied()
            .collect()
    }

    /// Takes out of a run what is erased. Says whether anything was there.
    pub fn strip(&self, run: &mut VerifiedRun) -> bool {
        if self.places.is_empty() {
            return false;
        }
        match self.places.get(&run.id()) {
            Some(places) => run.drop_parts(|seq| places.get(&seq.0).copied().unwrap_or(0)),
            None => false,
        }
    }

    /// The same for a run that is not proven, or was read back from where proven ones are kept.
    pub fn strip_run(&self, incident: &IncidentId, run: &mut Run) -> bool {
        if self.places.is_empty() {
            return false;
        }
        let log = run.log.id(incident);
        let mut dropped = false;
        for entry in &mut run.entries {
            dropped |= drop_parts(entry, self.parts(&log, entry.header.seq));
        }
        dropped
    }

    /// Of missing parts those that are not erased.
    pub(crate) fn leave(
        &self,
        log: &LogId,
        absent: impl Iterator<Item = (Seq, u8)>,
    ) -> Vec<(Seq, u8)> {
        let Some(places) = self.places.get(log) else {
            return absent.collect();
        };
        absent
            .map(|(seq, bits)| (seq, bits & !places.get(&seq.0).copied().unwrap_or(0)))
            .filter(|(_, bits)| *bits != 0)
            .collect()
    }

    /// Takes in what an entry of lane 0 erases. Gives the objects of acts that count since.
    pub(crate) fn learn(
        &mut self,
        authority: &Authority,
        logs: &Logs,
        log: &LogKey,
        entry: &VerifiedEntry,
    ) -> BTreeSet<ObjectId> {
        let mut out = BTreeSet::new();
        for (id, act) in acts_of(entry) {
            if let Act::Erase(act) = act {
                self.any = true;
                let place = EntryPlace {
                    log,
                    seq: entry.seq(),
                    hash: &entry.hash(),
                    grant: &entry.header().grant,
                };
                if may_erase(authority.judge(logs, place)) {
                    out.extend(self.count(authority.incident(), id, &act));
                }
            }
        }
        out
    }

    /// What follows for other acts from what authority has learnt. Gives the objects of acts that
    /// count since.
    pub(crate) fn follow(
        &mut self,
        authority: &Authority,
        logs: &Logs,
        learned: &Learned,
    ) -> BTreeSet<ObjectId> {
        let mut out = BTreeSet::new();
        if !self.any {
            return out;
        }
        if learned.judged.is_empty() {
            for (id, place, act) in learned.grants.iter().flat_map(|g| authority.acts_under(g)) {
                out.extend(self.judge(authority, logs, (id, place, act)));
            }
            return out;
        }
        let before = std::mem::take(&mut self.objects);
        self.places.clear();
        for (id, place, act) in authority.acts() {
            let counts = self.judge(authority, logs, (id, place, act));
            out.extend(counts.filter(|o| before.get(o).is_none_or(|acts| !acts.contains(id))));
        }
        out
    }

    fn judge(
        &mut self,
        authority: &Authority,
        logs: &Logs,
        (id, place, act): (&GrantId, &ActPlace, &Act),
    ) -> Option<ObjectId> {
        let Act::Erase(act) = act else { return None };
        may_erase(authority.judge(logs, place.into()))
            .then(|| self.count(authority.incident(), *id, act))
            .flatten()
    }

    fn count(&mut self, incident: IncidentId, id: GrantId, act: &Erase) -> Option<ObjectId> {
        if act.places() > MAX_PLACES {
            return None;
        }
        for erased in &act.parts {
            // Authority must be the same for all, whatever anybody erases.
            if erased.log.lane != Lane::DATA {
                continue;
            }
            let places = self.places.entry(erased.log.id(&incident)).or_default();
            let mut at = 0_u64;
            for span in &erased.spans {
                at = at.saturating_add(span.skip);
                let end = at.saturating_add(span.count.into());
                for seq in at..end {
                    *places.entry(seq).or_default() |= span.parts;
                }
                at = end;
            }
        }
        self.objects.entry(act.object).or_default().insert(id);
        Some(act.object)
    }

    /// Takes in what an entry of kind 6 confirms.
    pub(crate) fn hear(&mut self, device: DeviceId, entry: &VerifiedEntry) {
        for (head, body) in entry.header().parts.iter().zip(entry.parts()) {
            let PartBody::Stored(bytes) = body else {
                continue;
            };
            if head.class != Class::C0 || head.encoding != 0 {
                continue;
            }
            let Ok(content) = PartContent::from_bytes(bytes) else {
                continue;
            };
            for operation in &content.operations {
                if let Ok(DataOperation::EraseAck(act)) = operation.read() {
                    self.acks.entry(act).or_default().insert(device);
                }
            }
        }
    }
}

fn may_erase(standing: Standing<'_>) -> bool {
    matches!(standing, Standing::Counts(grant) if grant.may_erase())
}

impl Grant {
    /// Whether acts under this grant erase: they destroy what others wrote, on every device, and
    /// nobody brings it back. So not the person of a record either: they ask a coordinator.
    pub fn may_erase(&self) -> bool {
        self.role <= Role::Coordinator
    }
}

impl Erase {
    fn places(&self) -> u64 {
        let spans = self.parts.iter().flat_map(|p| &p.spans);
        spans.fold(0, |n, span| n + u64::from(span.count))
    }
}

/// The lists of parts of as many acts as it takes: each within the limits of one entry.
pub fn split(parts: &Parts) -> Vec<Vec<ErasedLog>> {
    /// Places of one act: so that an entry stays within its limit whatever the spans are.
    const PLACES: usize = 1_500;
    /// A log costs an act about as much as this many places.
    const LOG: usize = 6;
    let mut out: Vec<Vec<ErasedLog>> = Vec::new();
    let mut room = 0;
    for (log, places) in parts {
        let mut places = places.iter().peekable();
        while places.peek().is_some() {
            if room <= LOG {
                out.push(Vec::new());
                room = PLACES;
            }
            room -= LOG;
            let taken: Vec<_> = places.by_ref().take(room).collect();
            room -= taken.len();
            let erased = ErasedLog {
                log: *log,
                spans: spans(&taken).try_into().unwrap_or_default(),
            };
            if let Some(last) = out.last_mut() {
                last.push(erased);
            }
        }
    }
    out
}

fn spans(places: &[(&u64, &u8)]) -> Vec<ErasedSpan> {
    let mut out: Vec<ErasedSpan> = Vec::new();
    let mut end = 0;
    for (seq, bits) in places {
        match out.last_mut() {
            Some(last) if end == **seq && last.parts == **bits => last.count += 1,
            _ => out.push(ErasedSpan {
                skip: seq.saturating_sub(end),
                count: 1,
                parts: **bits,
            }),
        }
        end = seq.saturating_add(1);
    }
    out
}
