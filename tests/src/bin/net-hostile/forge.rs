//! Runs that a member signs as it should not, and runs that only look signed.

use ed25519_dalek::{Signer, SigningKey};
use muster_log::{
    author::{self, Draft, DraftPart, Tip},
    chain::{DeviceKey, Run},
    codec::{Bounded, Bytes},
    entry::{LogKey, kind, urgency},
    hash,
    ids::{
        AudienceTag, Class, DeviceId, EntryHash, Generation, GrantId, IncidentId, Lamport, Lane,
        Millis, Seq, Signature,
    },
    operation::{Operation, PartContent},
    run,
};

use crate::Failure;

/// The order of the group, little-endian: adding it to a signature's scalar gives a second spelling.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// What a member writes with.
pub struct Pen {
    pub incident: IncidentId,
    pub secret: [u8; 32],
    pub grant: GrantId,
    pub generation: Generation,
}

impl Pen {
    pub fn key(&self) -> DeviceKey {
        DeviceKey::from_bytes(&self.secret)
    }

    pub fn log(&self, lane: Lane, generation: u64) -> LogKey {
        LogKey {
            device: self.key().id(),
            generation: Generation(self.generation.0.wrapping_add(generation)),
            lane,
        }
    }

    /// One entry of `body` bytes in an operation that no version knows, signed as it should be.
    pub fn entry(
        &self,
        log: LogKey,
        tip: Tip,
        claimed: Millis,
        body: usize,
        fill: u8,
    ) -> Result<Run, Failure> {
        let operation = Operation {
            code: 200,
            body: Bytes::try_from(vec![fill; body])?,
        };
        let part = DraftPart {
            class: Class::C0,
            key: None,
            content: PartContent {
                operations: Bounded::try_from(vec![operation])?,
            },
        };
        let draft = Draft {
            kind: kind::DATA,
            urgency: urgency::NORMAL,
            audience: AudienceTag::ZERO,
            claimed,
            parts: vec![part],
        };
        let device = self.key();
        let at = Lamport(tip.next.0 + 1);
        Ok(author::write(
            &self.incident,
            &device,
            &log,
            tip,
            at,
            self.grant,
            &draft,
        )?)
    }

    /// The beginning of a log.
    pub fn start(&self, log: &LogKey) -> Tip {
        Tip {
            next: Seq(0),
            before: EntryHash(log.id(&self.incident).0),
        }
    }

    /// Where a log goes on after a run.
    pub fn after(&self, run: &Run) -> Option<Tip> {
        let id = run.log.id(&self.incident);
        let mut tip = Tip {
            next: run.entries.first()?.header.seq,
            before: run.before,
        };
        for entry in &run.entries {
            let header = hash::header_hash(&entry.header.to_bytes());
            tip.before = hash::chain(&id, tip.next, &tip.before, &header);
            tip.next = Seq(tip.next.0 + 1);
        }
        Some(tip)
    }

    /// Signs a run anew whose last header was changed.
    fn sign_again(&self, run: &mut Run) {
        let Some(tip) = self.after(run) else { return };
        let key = SigningKey::from_bytes(&self.secret);
        let signed = [&b"muster entry v1\0"[..], &tip.before.0].concat();
        let signature = key.sign(&signed).to_bytes();
        if let Some(last) = run.entries.last_mut() {
            last.signature = Some(Signature(signature));
        }
    }

    /// A logical time far beyond what its place allows.
    pub fn lamport(&self, log: LogKey) -> Result<Vec<u8>, Failure> {
        let mut run = self.entry(log, self.start(&log), Millis(0), 10, 1)?;
        if let Some(last) = run.entries.last_mut() {
            last.header.lamport = Lamport(u64::MAX - 3);
        }
        self.sign_again(&mut run);
        Ok(run::encode(&run))
    }

    /// A good run whose signature has its scalar spelt otherwise.
    pub fn malleable(&self, log: LogKey) -> Result<Vec<u8>, Failure> {
        let mut run = self.entry(log, self.start(&log), Millis(0), 10, 2)?;
        if let Some(Signature(bytes)) = run.entries.last_mut().and_then(|e| e.signature.as_mut()) {
            let mut carry = 0_u16;
            for (byte, add) in bytes.iter_mut().skip(32).zip(ORDER) {
                carry += u16::from(*byte) + u16::from(add);
                *byte = carry as u8;
                carry >>= 8;
            }
        }
        Ok(run::encode(&run))
    }

    /// A run in another's name, signed by this member.
    pub fn in_the_name_of(&self, device: DeviceId) -> Result<Vec<u8>, Failure> {
        let log = LogKey {
            device,
            ..self.log(Lane::DATA, 0)
        };
        let run = self.entry(log, self.start(&log), Millis(0), 10, 3)?;
        Ok(run::encode(&run))
    }

    /// A run as it would be in another incident.
    pub fn elsewhere(&self, log: LogKey) -> Result<Vec<u8>, Failure> {
        let there = Self {
            incident: IncidentId([5; 32]),
            secret: self.secret,
            grant: self.grant,
            generation: self.generation,
        };
        let run = there.entry(log, there.start(&log), Millis(0), 10, 4)?;
        Ok(run::encode(&run))
    }
}
