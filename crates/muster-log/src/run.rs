//! The one encoding of a run, used in the journal, on the wire and in bundles.
//!
//! What a header repeats along a run is left out, and so is what can be recomputed (the length and
//! hash of a stored part). A part may stand as its plain bytes for a reader who holds its key, and is
//! then sealed again; whether everything was rebuilt bit for bit is proven by the chain afterwards,
//! so this module trusts nothing and decides nothing. Layout: `docs/protocol.md`.

use thiserror::Error;

use crate::{
    chain::{MAX_RUN, Run, VerifiedRun},
    codec::{self, Bounded, CodecError, Cursor},
    entry::{
        Entry, Extension, Header, LogKey, MAX_ENTRY, MAX_PARTS, PartBody, PartHeader, VerifiedEntry,
    },
    hash,
    ids::{
        AudienceTag, Class, EntryHash, GrantId, IncidentId, KeyId, Lamport, LogId, Millis,
        PartHash, Seq, Signature,
    },
    keyring::KeyRing,
    seal::{self, Place},
};

const RUN_VERSION: u8 = 1;
/// Longest encoded run, in bytes: it fits a frame.
pub const MAX_RUN_BYTES: usize = 240 * 1024;

const CHANGED_VERSION: u8 = 1;
const CHANGED_KIND: u8 = 1 << 1;
const CHANGED_URGENCY: u8 = 1 << 2;
const CHANGED_AUDIENCE: u8 = 1 << 3;
const CHANGED_GRANT: u8 = 1 << 4;
const HAS_EXTENSIONS: u8 = 1 << 5;
const HAS_SIGNATURE: u8 = 1 << 6;

const FORM_STORED: u8 = 0;
const FORM_ABSENT: u8 = 1;
const FORM_PLAIN: u8 = 2;
const SAME_SEAL: u8 = 1 << 4;

/// Why bytes are not a run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RunCodecError {
    /// Not in the layout.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A run of a later version.
    #[error("a run of version {0}; this program reads version {RUN_VERSION}")]
    Version(u8),
    /// A part came as plain bytes, and its key is not here to seal it again.
    #[error("a part is in plain bytes under key {0}, which is not held here")]
    NoKey(KeyId),
}

/// What a header is compared with: the header before it, or nothing at the start of a run.
struct Previous {
    version: u8,
    kind: u8,
    urgency: u8,
    audience: AudienceTag,
    grant: GrantId,
    lamport: Lamport,
    claimed: Millis,
    seals: Vec<(Class, KeyId, u8)>,
}

impl Previous {
    fn start() -> Self {
        Self {
            version: 1,
            kind: 1,
            urgency: 1,
            audience: AudienceTag::ZERO,
            grant: GrantId::ZERO,
            lamport: Lamport(0),
            claimed: Millis(0),
            seals: Vec::new(),
        }
    }

    fn follow(&mut self, header: &Header) {
        self.version = header.version;
        self.kind = header.kind;
        self.urgency = header.urgency;
        self.audience = header.audience;
        self.grant = header.grant;
        self.lamport = header.lamport;
        self.claimed = header.claimed;
        for (at, part) in header.parts.iter().enumerate() {
            let seal = (part.class, part.key, part.encoding);
            match self.seals.get_mut(at) {
                Some(known) => *known = seal,
                None => self.seals.push(seal),
            }
        }
    }
}

/// Encodes a run with every part as it is stored.
pub fn encode(run: &Run) -> Vec<u8> {
    encode_with(run, |_, _, _, _| None)
}

/// Encodes a proven run, every part as it is stored: [`encode`] of its [`VerifiedRun::to_run`],
/// without the copy.
pub fn encode_verified(run: &VerifiedRun) -> Vec<u8> {
    let entries = run.entries().iter().map(VerifiedEntry::entry);
    encode_entries(run.log(), run.before(), entries, |_, _, _, _| None)
}

/// Encodes a run for a reader that holds the keys `peer` says it holds: parts under them, which
/// `mine` opens, stand as plain bytes, so that they compress.
pub fn encode_for(
    incident: &IncidentId,
    run: &Run,
    mine: &KeyRing,
    peer: impl Fn(&KeyId) -> bool,
) -> Vec<u8> {
    let log = run.log.id(incident);
    encode_with(run, |seq, part, head, stored| {
        if !peer(&head.key) {
            return None;
        }
        let place = Place {
            log,
            seq,
            part,
            class: head.class,
        };
        seal::open_part(mine.get(&head.key)?, &place, stored).ok()
    })
}

fn encode_with(
    run: &Run,
    plain: impl Fn(Seq, u8, &PartHeader, &[u8]) -> Option<Vec<u8>>,
) -> Vec<u8> {
    encode_entries(&run.log, run.before, run.entries.iter(), plain)
}

fn encode_entries<'a>(
    log: &LogKey,
    before: EntryHash,
    entries: impl ExactSizeIterator<Item = &'a Entry> + Clone,
    plain: impl Fn(Seq, u8, &PartHeader, &[u8]) -> Option<Vec<u8>>,
) -> Vec<u8> {
    // What is stored, and about as much for a header as most take.
    let stored = entries
        .clone()
        .flat_map(|e| &e.parts)
        .map(|part| match part {
            PartBody::Stored(bytes) => bytes.len(),
            PartBody::Absent => 0,
        });
    let mut out = Vec::with_capacity(256 + entries.len() * 32 + stored.sum::<usize>());
    let first = entries.clone().next().map_or(Seq(0), |e| e.header.seq);
    codec::append(&mut out, &RUN_VERSION);
    codec::append(&mut out, log);
    codec::append(&mut out, &first);
    codec::append(&mut out, &before);
    codec::append(&mut out, &(entries.len() as u64));
    let mut previous = Previous::start();
    for entry in entries {
        encode_entry(&mut out, entry, &previous, &plain);
        previous.follow(&entry.header);
    }
    out
}

fn encode_entry(
    out: &mut Vec<u8>,
    entry: &Entry,
    previous: &Previous,
    plain: &impl Fn(Seq, u8, &PartHeader, &[u8]) -> Option<Vec<u8>>,
) {
    let h = &entry.header;
    let mut flags = 0;
    let mut flag = |bit, on: bool| flags |= if on { bit } else { 0 };
    flag(CHANGED_VERSION, h.version != previous.version);
    flag(CHANGED_KIND, h.kind != previous.kind);
    flag(CHANGED_URGENCY, h.urgency != previous.urgency);
    flag(CHANGED_AUDIENCE, h.audience != previous.audience);
    flag(CHANGED_GRANT, h.grant != previous.grant);
    flag(HAS_EXTENSIONS, !h.extensions.is_empty());
    flag(HAS_SIGNATURE, entry.signature.is_some());
    codec::append(out, &flags);
    codec::append(
        out,
        &(h.lamport.0.wrapping_sub(previous.lamport.0.wrapping_add(1)) as i64),
    );
    codec::append(out, &h.claimed.0.wrapping_sub(previous.claimed.0));
    if flags & CHANGED_VERSION != 0 {
        codec::append(out, &h.version);
    }
    if flags & CHANGED_KIND != 0 {
        codec::append(out, &h.kind);
    }
    if flags & CHANGED_URGENCY != 0 {
        codec::append(out, &h.urgency);
    }
    if flags & CHANGED_AUDIENCE != 0 {
        codec::append(out, &h.audience);
    }
    if flags & CHANGED_GRANT != 0 {
        codec::append(out, &h.grant);
    }
    if flags & HAS_EXTENSIONS != 0 {
        codec::append(out, &h.extensions);
    }
    codec::append(out, &(h.parts.len() as u8));
    for (at, (head, body)) in (0u8..).zip(h.parts.iter().zip(&entry.parts)) {
        let seal = (head.class, head.key, head.encoding);
        let same = previous.seals.get(usize::from(at)) == Some(&seal);
        let plain = match body {
            PartBody::Stored(stored) if head.key != KeyId::ZERO => plain(h.seq, at, head, stored),
            _ => None,
        };
        let form = match (body, &plain) {
            (_, Some(_)) => FORM_PLAIN,
            (PartBody::Stored(_), None) => FORM_STORED,
            (PartBody::Absent, None) => FORM_ABSENT,
        };
        codec::append(out, &(form | if same { SAME_SEAL } else { 0 }));
        if !same {
            codec::append(out, &seal);
        }
        match (body, plain) {
            (_, Some(bytes)) => append_bytes(out, &bytes),
            (PartBody::Stored(bytes), None) => append_bytes(out, bytes),
            (PartBody::Absent, None) => codec::append(out, &(head.len, head.hash)),
        }
    }
    if let Some(signature) = entry.signature {
        out.extend_from_slice(&signature.0);
    }
}

fn append_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    codec::append(out, &(bytes.len() as u64));
    out.extend_from_slice(bytes);
}

/// Decodes a run whose parts all stand as they are stored.
pub fn decode(incident: &IncidentId, bytes: &[u8]) -> Result<Run, RunCodecError> {
    decode_with(incident, bytes, &KeyRing::default())
}

/// Decodes a run, sealing again with `keys` what came as plain bytes. Accepts only the one
/// canonical encoding; allocates no more than a small multiple of `bytes`.
pub fn decode_with(
    incident: &IncidentId,
    bytes: &[u8],
    keys: &KeyRing,
) -> Result<Run, RunCodecError> {
    if bytes.len() > MAX_RUN_BYTES {
        return Err(CodecError::TooLong {
            len: bytes.len(),
            limit: MAX_RUN_BYTES,
        }
        .into());
    }
    let mut cursor = Cursor::new("run", bytes);
    let version: u8 = cursor.take()?;
    if version != RUN_VERSION {
        return Err(RunCodecError::Version(version));
    }
    let log: LogKey = cursor.take()?;
    let id = log.id(incident);
    let first: u64 = cursor.take()?;
    let before: EntryHash = cursor.take()?;
    let count: u64 = cursor.take()?;
    if count == 0 || count > MAX_RUN as u64 {
        return Err(cursor
            .malformed(format!("{count} entries; 1 to {MAX_RUN} are allowed"))
            .into());
    }
    let mut previous = Previous::start();
    let mut entries = Vec::new();
    // Plain forms, to encode again and compare.
    let mut plains: Vec<(Seq, u8, Vec<u8>)> = Vec::new();
    for offset in 0..count {
        let Some(seq) = first.checked_add(offset) else {
            return Err(cursor.malformed("places beyond the last one".into()).into());
        };
        let mut decoder = EntryDecoder {
            cursor: &mut cursor,
            id,
            seq: Seq(seq),
            keys,
            plains: &mut plains,
        };
        let entry = decoder.entry(&previous)?;
        previous.follow(&entry.header);
        entries.push(entry);
    }
    cursor.finish()?;
    let run = Run {
        log,
        before,
        entries,
    };
    // At most a tag and a longer length for each.
    let surely_fits = bytes.len() + plains.len() * 24 <= MAX_RUN_BYTES;
    let mut plains = plains.into_iter().peekable();
    let again = {
        let plains = std::cell::RefCell::new(&mut plains);
        encode_with(&run, |seq, part, _, _| {
            plains
                .borrow_mut()
                .next_if(|(s, p, _)| *s == seq && *p == part)
                .map(|(_, _, b)| b)
        })
    };
    if again != bytes {
        return Err(CodecError::NotCanonical { what: "run" }.into());
    }
    // Sealed again it is longer, and must still fit where it will be stored.
    if !surely_fits && encode(&run).len() > MAX_RUN_BYTES {
        return Err(CodecError::TooLong {
            len: bytes.len(),
            limit: MAX_RUN_BYTES,
        }
        .into());
    }
    Ok(run)
}

struct EntryDecoder<'a, 'b> {
    cursor: &'a mut Cursor<'b>,
    id: LogId,
    seq: Seq,
    keys: &'a KeyRing,
    plains: &'a mut Vec<(Seq, u8, Vec<u8>)>,
}

impl EntryDecoder<'_, '_> {
    fn entry(&mut self, previous: &Previous) -> Result<Entry, RunCodecError> {
        let flags: u8 = self.cursor.take()?;
        let lamport: i64 = self.cursor.take()?;
        let claimed: i64 = self.cursor.take()?;
        let version = self.changed(flags, CHANGED_VERSION, previous.version)?;
        let kind = self.changed(flags, CHANGED_KIND, previous.kind)?;
        let urgency = self.changed(flags, CHANGED_URGENCY, previous.urgency)?;
        let audience = self.changed(flags, CHANGED_AUDIENCE, previous.audience)?;
        let grant = self.changed(flags, CHANGED_GRANT, previous.grant)?;
        let extensions: Bounded<Extension, 16> =
            self.changed(flags, HAS_EXTENSIONS, Bounded::default())?;
        let count: u8 = self.cursor.take()?;
        if usize::from(count) > MAX_PARTS {
            return Err(self.cursor.malformed(format!("{count} parts")).into());
        }
        let mut heads = Vec::new();
        let mut parts = Vec::new();
        for at in 0..count {
            let (head, body) = self.part(at, previous.seals.get(usize::from(at)).copied())?;
            heads.push(head);
            parts.push(body);
        }
        let signature = if flags & HAS_SIGNATURE != 0 {
            let mut bytes = [0; 64];
            bytes.copy_from_slice(self.cursor.bytes(64)?);
            Some(Signature(bytes))
        } else {
            None
        };
        let header = Header {
            version,
            seq: self.seq,
            lamport: Lamport(
                previous
                    .lamport
                    .0
                    .wrapping_add(1)
                    .wrapping_add(lamport as u64),
            ),
            claimed: Millis(previous.claimed.0.wrapping_add(claimed)),
            kind,
            urgency,
            audience,
            grant,
            parts: heads.try_into().unwrap_or_default(),
            extensions,
        };
        Ok(Entry {
            header,
            parts,
            signature,
        })
    }

    fn changed<T: codec::Decode<()>>(
        &mut self,
        flags: u8,
        bit: u8,
        same: T,
    ) -> Result<T, RunCodecError> {
        if flags & bit != 0 {
            Ok(self.cursor.take()?)
        } else {
            Ok(same)
        }
    }

    fn part(
        &mut self,
        at: u8,
        previous: Option<(Class, KeyId, u8)>,
    ) -> Result<(PartHeader, PartBody), RunCodecError> {
        let form: u8 = self.cursor.take()?;
        let seal = match previous {
            Some(seal) if form & SAME_SEAL != 0 => seal,
            None if form & SAME_SEAL != 0 => {
                return Err(self
                    .cursor
                    .malformed("a part like none before it".into())
                    .into());
            }
            _ => self.cursor.take()?,
        };
        let (class, key, encoding) = seal;
        let (len, hash, body) = match form & !SAME_SEAL {
            FORM_ABSENT => {
                let (len, hash): (u32, PartHash) = self.cursor.take()?;
                (len, hash, PartBody::Absent)
            }
            FORM_STORED => {
                let stored = self.part_bytes()?;
                (
                    stored.len() as u32,
                    hash::part_hash(&stored),
                    PartBody::Stored(stored),
                )
            }
            FORM_PLAIN => {
                let plain = self.part_bytes()?;
                let key = self.keys.get(&key).ok_or(RunCodecError::NoKey(key))?;
                let place = Place {
                    log: self.id,
                    seq: self.seq,
                    part: at,
                    class,
                };
                let stored = seal::seal_part(key, &place, &plain)
                    .map_err(|e| self.cursor.malformed(e.to_string()))?;
                self.plains.push((self.seq, at, plain));
                (
                    stored.len() as u32,
                    hash::part_hash(&stored),
                    PartBody::Stored(stored),
                )
            }
            other => {
                return Err(self
                    .cursor
                    .malformed(format!("a part in form {other}"))
                    .into());
            }
        };
        Ok((
            PartHeader {
                class,
                key,
                encoding,
                len,
                hash,
            },
            body,
        ))
    }

    fn part_bytes(&mut self) -> Result<Vec<u8>, RunCodecError> {
        let len: u64 = self.cursor.take()?;
        match usize::try_from(len) {
            Ok(len) if len <= MAX_ENTRY => Ok(self.cursor.bytes(len)?.to_vec()),
            _ => Err(self
                .cursor
                .malformed(format!("a part of {len} bytes"))
                .into()),
        }
    }
}
