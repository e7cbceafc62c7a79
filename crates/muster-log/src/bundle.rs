//! Bundles: a stick in the pocket. One file that says what it holds, then all of lane 0, then runs.
//!
//! Written front to back and read front to back with bounded memory; no file is touched here. A
//! damaged or truncated bundle yields every record that is whole, and the list of contents at its
//! head tells what is missing. Whether a run is true is [`crate::book`]'s question.
//!
//! Layout: the magic, then records of `marker, tag u8, len u32 LE, payload, check [8]`.

use thiserror::Error;

use crate::{
    codec::{self, Bounded, CodecError, Decode, Encode},
    entry::LogKey,
    genesis::{Genesis, GenesisError, MAX_GENESIS},
    hash,
    ids::Seq,
    run::MAX_RUN_BYTES,
};

/// The first bytes of every bundle; the last one is the version.
pub const MAGIC: [u8; 8] = *b"MUSTERB1";
const MARKER: [u8; 4] = [0x9e, b'M', b'R', 0x0a];
const HEAD: usize = 4 + 1 + 4;
const CHECK: usize = 8;
const MAX_PAYLOAD: usize = 256 * 1024;
/// How much may be hashed in vain: this, and four times the file. A file full of markers, each the
/// head of a long record that is none, would else cost thousands of times its length.
const WASTE: u64 = 8 * 1024 * 1024;

const TAG_GENESIS: u8 = 1;
const TAG_CONTENTS: u8 = 2;
const TAG_RUN: u8 = 3;
const TAG_END: u8 = 4;

/// Part of a log that the bundle holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Stretch {
    /// Which log.
    pub log: LogKey,
    /// First place.
    pub from: Seq,
    /// Last place.
    pub to: Seq,
}

type Contents = Bounded<Stretch, 2048>;

#[derive(Encode, Decode)]
struct End {
    records: u64,
    digest: [u8; 32],
}

/// Builds a bundle, piece by piece; the caller writes each piece out.
pub struct Writer {
    records: u64,
    digest: blake3::Hasher,
}

impl Writer {
    /// Starts a bundle: gives its first bytes, with the genesis and the list of what will follow.
    pub fn start(genesis: &Genesis, contents: &[Stretch]) -> (Self, Vec<u8>) {
        let mut writer = Self {
            records: 0,
            digest: hash::closing(),
        };
        let mut out = MAGIC.to_vec();
        writer.record(&mut out, TAG_GENESIS, &genesis.to_bytes());
        for chunk in contents.chunks(2048) {
            let chunk = Contents::try_from(chunk.to_vec()).unwrap_or_default();
            writer.record(&mut out, TAG_CONTENTS, &codec::encode(&chunk));
        }
        (writer, out)
    }

    /// The bytes of one run, as [`crate::run::encode`] gives it.
    pub fn run(&mut self, run: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(run.len() + HEAD + CHECK);
        self.record(&mut out, TAG_RUN, run);
        out
    }

    /// The last bytes.
    pub fn end(self) -> Vec<u8> {
        let end = End {
            records: self.records,
            digest: *self.digest.finalize().as_bytes(),
        };
        let mut out = Vec::new();
        frame(&mut out, TAG_END, &codec::encode(&end));
        out
    }

    fn record(&mut self, out: &mut Vec<u8>, tag: u8, payload: &[u8]) {
        self.records += 1;
        let at = out.len();
        frame(out, tag, payload);
        self.digest.update(out.get(at..).unwrap_or_default());
    }
}

fn frame(out: &mut Vec<u8>, tag: u8, payload: &[u8]) {
    let at = out.len();
    out.extend_from_slice(&MARKER);
    out.push(tag);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(payload);
    let check = hash::record_check(out.get(at..).unwrap_or_default());
    out.extend_from_slice(&check);
}

/// What comes out of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The incident.
    Genesis(Box<Genesis>),
    /// What the bundle says it holds.
    Contents(Vec<Stretch>),
    /// An encoded run, to be given to the door.
    Run(Vec<u8>),
    /// Bytes that are no record.
    Damage(Damage),
    /// The end, as written: nothing was lost.
    End,
}

/// A stretch of the file that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where it starts, in bytes from the file's start.
    pub offset: u64,
    /// How long it is.
    pub len: u64,
}

/// Why a file is not a bundle at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BundleError {
    /// Another kind of file.
    #[error("this is not a Muster bundle")]
    NotABundle,
    /// A later version.
    #[error("a bundle of version {0:?}; this program reads version 1")]
    Version(char),
    /// Its genesis is not acceptable.
    #[error("the bundle's genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// A record that is whole, and not what its tag says.
    #[error("the bundle holds a broken record: {0}")]
    Record(#[from] CodecError),
}

/// Reads a bundle that is pushed in piece by piece.
pub struct Reader {
    buffer: Vec<u8>,
    /// How much of the buffer is used up.
    used: usize,
    /// Where the rest of the buffer stands in the file.
    offset: u64,
    /// Bytes hashed for records that were none.
    wasted: u64,
    started: bool,
    ended: bool,
    finished: bool,
    records: u64,
    digest: blake3::Hasher,
    damage: Option<Damage>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            buffer: Vec::new(),
            used: 0,
            offset: 0,
            wasted: 0,
            started: false,
            ended: false,
            finished: false,
            records: 0,
            digest: hash::closing(),
            damage: None,
        }
    }
}

impl Reader {
    /// Gives it the file's next bytes. Take all items before pushing more: the buffer holds one
    /// record and what was pushed.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.used * 2 >= self.buffer.len() {
            self.buffer.drain(..self.used);
            self.used = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that the file ends here.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Whether the closing record was seen and everything before it was whole.
    pub fn complete(&self) -> bool {
        self.ended
    }

    /// How many bytes were hashed for records that were none.
    pub fn wasted(&self) -> u64 {
        self.wasted
    }

    /// The next item; `None` when more bytes are needed, or after the end.
    pub fn next_item(&mut self) -> Result<Option<Item>, BundleError> {
        if !self.started && !self.start()? {
            return Ok(None);
        }
        loop {
            match self.step() {
                Step::More if !self.finished => return Ok(None),
                Step::More if self.rest().is_empty() => {
                    return Ok(self.damage.take().map(Item::Damage));
                }
                // A record that cannot be whole: look for the next one behind its marker.
                Step::More | Step::Skip(0) => self.skip(1),
                Step::Skip(n) => self.skip(n),
                Step::Record(tag, payload, len) => {
                    if let Some(damage) = self.damage.take() {
                        return Ok(Some(Item::Damage(damage)));
                    }
                    let framed = self.rest().get(..len).unwrap_or_default().to_vec();
                    self.advance(len);
                    if let Some(item) = self.item(tag, payload, &framed)? {
                        return Ok(Some(item));
                    }
                }
            }
        }
    }

    fn start(&mut self) -> Result<bool, BundleError> {
        let Some((magic, rest)) = self.buffer.split_first_chunk::<8>() else {
            return if self.finished {
                Err(BundleError::NotABundle)
            } else {
                Ok(false)
            };
        };
        if rest.len() < HEAD && !self.finished {
            return Ok(false);
        }
        let [name @ .., version] = magic;
        if name == &MAGIC[..7] {
            if *magic != MAGIC {
                return Err(BundleError::Version(char::from(*version)));
            }
            self.advance(8);
        } else if rest.starts_with(&MARKER) && rest.get(4) == Some(&TAG_GENESIS) {
            // A bundle whose first bytes are damaged.
            self.skip(8);
        } else {
            return Err(BundleError::NotABundle);
        }
        self.started = true;
        Ok(true)
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    fn advance(&mut self, n: usize) {
        self.used += n;
        self.offset += n as u64;
    }

    fn step(&mut self) -> Step {
        let rest = self.rest();
        if !rest.starts_with(&MARKER) {
            if rest.len() < MARKER.len() {
                return Step::More;
            }
            let next = rest.windows(MARKER.len()).position(|w| w == MARKER);
            return Step::Skip(next.unwrap_or(rest.len() - (MARKER.len() - 1)));
        }
        let Some([_, _, _, _, tag, len @ ..]) = rest.first_chunk::<HEAD>() else {
            return Step::More;
        };
        let (tag, len) = (*tag, u32::from_le_bytes(*len) as usize);
        if len > MAX_PAYLOAD {
            return Step::Skip(1);
        }
        let Some(record) = rest.get(..HEAD + len + CHECK) else {
            return Step::More;
        };
        if self.wasted + len as u64 > WASTE + 4 * self.offset {
            return Step::Skip(1);
        }
        let (framed, found) = record.split_at(HEAD + len);
        if hash::record_check(framed) != found {
            self.wasted += len as u64;
            return Step::Skip(1);
        }
        let payload = framed.get(HEAD..).unwrap_or_default().to_vec();
        Step::Record(tag, payload, HEAD + len + CHECK)
    }

    fn skip(&mut self, n: usize) {
        let n = n.min(self.rest().len());
        let offset = self.offset;
        let damage = self.damage.get_or_insert(Damage { offset, len: 0 });
        damage.len += n as u64;
        self.advance(n);
    }

    fn item(
        &mut self,
        tag: u8,
        payload: Vec<u8>,
        framed: &[u8],
    ) -> Result<Option<Item>, BundleError> {
        if tag == TAG_END {
            let end = codec::decode::<End, 64>("bundle end", &payload)?;
            let whole =
                end.records == self.records && end.digest == *self.digest.finalize().as_bytes();
            self.ended = whole;
            return Ok(whole.then_some(Item::End));
        }
        let most = match tag {
            TAG_GENESIS => MAX_GENESIS,
            TAG_RUN => MAX_RUN_BYTES,
            _ => MAX_PAYLOAD,
        };
        if payload.len() > most {
            // Not counted, so that the end is not taken for whole.
            let len = framed.len() as u64;
            let offset = self.offset - len;
            return Ok(Some(Item::Damage(Damage { offset, len })));
        }
        self.records += 1;
        self.digest.update(framed);
        Ok(match tag {
            TAG_GENESIS => Some(Item::Genesis(Box::new(Genesis::from_bytes(&payload)?))),
            TAG_CONTENTS => {
                let contents = codec::decode::<Contents, MAX_PAYLOAD>("bundle contents", &payload)?;
                Some(Item::Contents(contents.into_inner()))
            }
            TAG_RUN => Some(Item::Run(payload)),
            // A record of a later version: kept out, and no damage.
            _ => None,
        })
    }
}

enum Step {
    More,
    Skip(usize),
    Record(u8, Vec<u8>, usize),
}
