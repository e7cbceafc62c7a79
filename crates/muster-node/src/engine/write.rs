//! Writing: what a person did becomes entries of this device's own logs.
//!
//! They go through the same door as everybody's.

use std::collections::BTreeMap;

use muster_log::{
    act::{Act, Audience},
    author::{self, Draft, DraftPart},
    book::Refusal,
    codec::Bounded,
    entry::{LogKey, MAX_PARTS, kind},
    hash::audience_tag,
    ids::{AudienceTag, Class, EntryHash, GrantId, Lane, Millis, ObjectId, Seq},
    operation::{DataOperation, Operation, PartContent},
    record::Source,
    run,
};

use super::{Engine, apply::object_of};
use crate::error::NodeError;

/// Most operations put into one entry: below the format's limit, so that an entry stays small
/// enough to be cut off a slow link without much loss.
const OPERATIONS_PER_ENTRY: usize = 200;
/// Most bytes of operations put into one entry.
const BYTES_PER_ENTRY: usize = 24 * 1024;

/// Operations by the class of the part that will hold them.
pub type PartWrites = BTreeMap<Class, Vec<DataOperation>>;

/// An entry this device wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its hash.
    pub hash: EntryHash,
    /// Its place.
    pub seq: Seq,
}

impl Engine {
    /// Writes data operations as one entry (more where they do not fit), and shows those concerned
    /// what has become their business by it.
    pub fn write(
        &mut self,
        writes: PartWrites,
        urgency: u8,
        now: Millis,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Vec<Written>, NodeError> {
        self.write_to(writes, urgency, AudienceTag::ZERO, now, random)
    }

    /// The tag of a device or a role in headers, by the incident secret in use now.
    pub fn audience(&self, whom: &[u8]) -> AudienceTag {
        let secrets = self.incident_secrets();
        let current = secrets.first();
        current.map_or(AudienceTag::ZERO, |secret| audience_tag(secret, whom))
    }

    /// As [`Engine::write`], with what the header says of whom it is for.
    pub fn write_to(
        &mut self,
        writes: PartWrites,
        urgency: u8,
        audience: AudienceTag,
        now: Millis,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Vec<Written>, NodeError> {
        let written = self.write_entries(&writes, (urgency, audience), now, random)?;
        self.share_written(&writes, now, random)?;
        Ok(written)
    }

    pub(super) fn write_entries(
        &mut self,
        writes: &PartWrites,
        (urgency, audience_tag): (u8, AudienceTag),
        now: Millis,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Vec<Written>, NodeError> {
        let mut written = Vec::new();
        let sealed = self.for_whom(writes);
        let mut keys = BTreeMap::new();
        for (class, audience) in sealed.keys().copied().filter(|(c, _)| *c != Class::C0) {
            let key = self.key_to_write(class, audience, now, random)?;
            keys.insert((class, audience), key);
        }
        for parts in split(sealed)? {
            let mut draft_parts = Vec::new();
            for ((class, audience, _), operations) in parts {
                let key = keys.get(&(class, audience)).cloned();
                let content = PartContent {
                    operations: Bounded::try_from(operations)?,
                };
                draft_parts.push(DraftPart {
                    class,
                    key,
                    content,
                });
            }
            let draft = Draft {
                kind: kind::DATA,
                urgency,
                audience: audience_tag,
                claimed: now,
                parts: draft_parts,
            };
            written.push(self.write_draft(Lane::DATA, &draft, random)?);
        }
        Ok(written)
    }

    /// Confirms erasures of which nothing is left here.
    pub(super) fn write_acks(
        &mut self,
        acts: &[GrantId],
        now: Millis,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(), NodeError> {
        for acts in acts.chunks(OPERATIONS_PER_ENTRY) {
            let operations = acts
                .iter()
                .filter_map(|act| DataOperation::EraseAck(*act).write());
            let content = PartContent {
                operations: Bounded::try_from(operations.collect::<Result<Vec<_>, _>>()?)?,
            };
            let draft = Draft {
                kind: kind::RECEIPT,
                urgency: muster_log::entry::urgency::BULK,
                audience: AudienceTag::ZERO,
                claimed: now,
                parts: vec![DraftPart {
                    class: Class::C0,
                    key: None,
                    content,
                }],
            };
            self.write_draft(Lane::DATA, &draft, random)?;
        }
        Ok(())
    }

    /// Sorts operations by class and by whom they concern.
    fn for_whom(&mut self, writes: &PartWrites) -> Sealed<DataOperation> {
        let mut out: Sealed<DataOperation> = BTreeMap::new();
        let mut last = None;
        for (class, operations) in writes {
            for operation in operations {
                let about = (*class, object_of(operation));
                let audience = match last {
                    Some((known, audience)) if known == about => audience,
                    _ => self.audience_of(*class, operation, writes),
                };
                last = Some((about, audience));
                let of = out.entry((*class, audience)).or_default();
                of.push(operation.clone());
            }
        }
        out
    }

    /// Writes acts as one entry of the authority lane.
    pub fn write_acts(
        &mut self,
        entry_kind: u8,
        acts: &[Act],
        now: Millis,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Written, NodeError> {
        let draft = acts_draft(entry_kind, acts, now)?;
        self.write_draft(Lane::AUTHORITY, &draft, random)
    }

    /// Writes acts that stand by themselves, whatever has become of this device's grant.
    pub fn write_carrier(
        &mut self,
        acts: &[Act],
        now: Millis,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Written, NodeError> {
        let draft = acts_draft(kind::AUTHORITY, acts, now)?;
        let any = self.book.authority().naming_grant(&self.device());
        let grant = any.map(|g| g.id).ok_or(NodeError::NotAdmitted)?;
        self.write_under(grant, Lane::AUTHORITY, &draft, random)
    }

    fn write_draft(
        &mut self,
        lane: Lane,
        draft: &Draft,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Written, NodeError> {
        let grant = self.own_grant().map(|g| g.id);
        self.write_under(grant.ok_or(NodeError::NotAdmitted)?, lane, draft, random)
    }

    fn write_under(
        &mut self,
        grant: GrantId,
        lane: Lane,
        draft: &Draft,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Written, NodeError> {
        if !self.room.takes_own(lane) {
            return Err(NodeError::NoSpace);
        }
        // Entries of an own log beyond a gap: what lies in the gap was signed, and is not here.
        // Writing there would sign a place twice.
        let incident = self.book.incident();
        let ahead = |log: &LogKey| {
            self.book
                .log(&log.id(&incident))
                .is_some_and(|l| l.count() != l.contiguous())
        };
        if ahead(&self.own_log(Lane::AUTHORITY)) || ahead(&self.own_log(Lane::DATA)) {
            self.renew_generation(random)?;
        }
        self.leave_forked(random)?;
        let log: LogKey = self.own_log(lane);
        let tip = self.book.tip(&log);
        let highest = self.book.highest();
        let run = author::write(
            &self.book.incident(),
            &self.key,
            &log,
            tip,
            highest,
            grant,
            draft,
        )?;
        let bytes = run::encode(&run);
        self.receive(&bytes, Source::Own, draft.claimed, random)??;
        let hash = self
            .book
            .log(&log.id(&self.book.incident()))
            .and_then(|l| l.hash_at(tip.next));
        match hash {
            Some(hash) => Ok(Written {
                hash,
                seq: tip.next,
            }),
            None => Err(NodeError::Refused(Refusal::UnknownAuthor(log.device))),
        }
    }
}

fn acts_draft(entry_kind: u8, acts: &[Act], now: Millis) -> Result<Draft, NodeError> {
    let operations = acts.iter().map(Act::write).collect::<Result<Vec<_>, _>>()?;
    let content = PartContent {
        operations: Bounded::try_from(operations)?,
    };
    Ok(Draft {
        kind: entry_kind,
        urgency: muster_log::entry::urgency::ASSIGNMENT,
        audience: AudienceTag::ZERO,
        claimed: now,
        parts: vec![DraftPart {
            class: Class::C0,
            key: None,
            content,
        }],
    })
}

/// Operations by what they are sealed for.
type Sealed<T> = BTreeMap<(Class, Audience), Vec<T>>;
/// The same, and by the object they are about.
type Parts = BTreeMap<(Class, Audience, Option<ObjectId>), Vec<Operation>>;

/// Cuts writes into entries that keep within the limits; usually one. A part holds one object, so
/// that it can be erased without another.
fn split(writes: Sealed<DataOperation>) -> Result<Vec<Parts>, NodeError> {
    let mut entries = vec![Parts::new()];
    let (mut count, mut bytes) = (0, 0);
    for ((class, audience), operations) in writes {
        for operation in operations {
            let part = (class, audience, object_of(&operation));
            let Some(operation) = operation.write() else {
                continue;
            };
            let operation = operation?;
            let len = operation.body.len() + 8;
            let parts = entries.last();
            let no_part = parts.is_some_and(|p| p.len() >= MAX_PARTS && !p.contains_key(&part));
            if count + 1 > OPERATIONS_PER_ENTRY
                || (count > 0 && bytes + len > BYTES_PER_ENTRY)
                || no_part
            {
                entries.push(Parts::new());
                (count, bytes) = (0, 0);
            }
            count += 1;
            bytes += len;
            if let Some(entry) = entries.last_mut() {
                entry.entry(part).or_default().push(operation);
            }
        }
    }
    entries.retain(|entry| !entry.is_empty());
    Ok(entries)
}
