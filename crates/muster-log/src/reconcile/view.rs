//! What is here of each log, as symbols that mean something in one round of one session only.
//!
//! All symbols are keyed: nobody can prepare logs whose symbols collide, because the key comes from
//! both sides' nonces. The two of a session know the key, and can fool only each other.

use crate::ids::{EntryHash, LogId};

use super::{
    field::Field,
    sums,
    tell::{Place, Short},
};

const CONTEXT: &str = "muster 2026 frontier symbols v1";

/// The key of one agreement's symbols.
#[derive(Clone)]
pub struct Key([u8; 32]);

/// What is here of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its first `count` entries, whole, and nothing else. As nearly always.
    Plain {
        /// At least 1.
        count: u64,
        /// `h(count - 1)`.
        head: EntryHash,
    },
    /// Anything else: islands, missing parts, branches. A digest of it and of the log's id.
    Other([u8; 32]),
}

/// A state's symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// In sums; never 0, which stands for a log that is not there.
    pub value: u16,
    /// Says that a guess was right.
    pub check: [u8; 2],
    /// Says that a head is the same.
    pub short: Short,
    /// For the estimate.
    pub dice: u64,
}

impl Mark {
    /// What has no entries.
    pub(super) const NOTHING: Self = Self {
        value: 0,
        check: [0; 2],
        short: Short([0; 4]),
        dice: 0,
    };
}

/// Bytes `at..` of a hash, as a number.
fn word<const N: usize>(hash: &blake3::Hash, at: usize) -> [u8; N] {
    let bytes = hash.as_bytes().get(at..).unwrap_or_default();
    bytes.first_chunk().copied().unwrap_or([0; N])
}

/// Evenly over all numbers but 0, as good as.
fn not_zero(number: u32) -> u16 {
    (number % u32::from(u16::MAX)) as u16 + 1
}

impl Key {
    /// The key of a round of a session, in one lane. `session` is bound to both sides' nonces.
    pub fn new(session: &[u8; 32], lane: u8, round: u32) -> Self {
        let mut bytes = session.to_vec();
        bytes.push(lane);
        bytes.extend(round.to_le_bytes());
        Self(blake3::derive_key(CONTEXT, &bytes))
    }

    pub(super) fn mark(&self, state: &State) -> Mark {
        let mut bytes = [0; 41];
        let (kind, rest) = bytes.split_at_mut(1);
        let (count, body) = rest.split_at_mut(8);
        match state {
            State::Plain { count: n, head } => {
                kind.fill(1);
                count.copy_from_slice(&n.to_le_bytes());
                body.copy_from_slice(&head.0);
            }
            State::Other(digest) => {
                kind.fill(2);
                body.copy_from_slice(digest);
            }
        }
        let hash = blake3::keyed_hash(&self.0, &bytes);
        Mark {
            value: not_zero(u32::from_le_bytes(word(&hash, 0))),
            check: word(&hash, 4),
            short: Short(word(&hash, 8)),
            dice: u64::from_le_bytes(word(&hash, 16)),
        }
    }

    /// Where a log lies: its bucket, as a fraction of 2^32, and its place there.
    fn place(&self, log: &LogId) -> (u32, u16) {
        let hash = blake3::keyed_hash(&self.0, &log.0);
        let place = not_zero(u32::from_le_bytes(word(&hash, 0)));
        (u32::from_le_bytes(word(&hash, 4)), place)
    }
}

/// A log and its symbols.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    pub log: LogId,
    pub state: State,
    pub mark: Mark,
    fraction: u32,
    place: u16,
}

/// All logs of a lane at one moment. A log with no entries is not in it.
pub struct View {
    pub(super) key: Key,
    elements: Vec<Element>,
    buckets: u16,
}

impl View {
    /// Takes a look at all logs of a lane.
    pub fn new(key: Key, logs: impl Iterator<Item = (LogId, State)>) -> Self {
        let element = |(log, state)| {
            let (fraction, place) = key.place(&log);
            let mark = key.mark(&state);
            Element {
                log,
                state,
                mark,
                fraction,
                place,
            }
        };
        let mut view = Self {
            elements: logs.map(element).collect(),
            key,
            buckets: 0,
        };
        view.cut(1);
        view
    }

    pub(super) fn len(&self) -> usize {
        self.elements.len()
    }

    pub(super) fn elements(&self) -> &[Element] {
        &self.elements
    }

    pub(super) fn buckets(&self) -> u16 {
        self.buckets
    }

    /// Puts the logs into so many buckets.
    pub(super) fn cut(&mut self, buckets: u16) {
        if buckets != self.buckets {
            self.buckets = buckets;
            self.elements
                .sort_unstable_by_key(|e| (at(e, buckets), e.log));
        }
    }

    /// Where an element lies.
    pub(super) fn place(&self, element: &Element) -> Place {
        at(element, self.buckets)
    }

    /// The logs at a place: nearly always one or none.
    pub(super) fn at(&self, place: Place) -> &[Element] {
        let from = self.elements.partition_point(|e| self.place(e) < place);
        let rest = self.elements.get(from..).unwrap_or_default();
        let count = rest.iter().take_while(|e| self.place(e) == place).count();
        rest.get(..count).unwrap_or_default()
    }

    /// The logs in a bucket.
    pub(super) fn bucket(&self, bucket: u8) -> &[Element] {
        let of = |e: &Element| self.place(e).bucket();
        let from = self.elements.partition_point(|e| of(e) < bucket);
        let to = self.elements.partition_point(|e| of(e) <= bucket);
        self.elements.get(from..to).unwrap_or_default()
    }

    /// The sums of each bucket, one after another.
    pub(super) fn sums(&self, each: usize) -> Vec<u16> {
        let field = Field::get();
        let mut out = vec![0; each * usize::from(self.buckets)];
        for element in &self.elements {
            let place = self.place(element);
            let from = each * usize::from(place.bucket());
            let sums = out.get_mut(from..from + each).unwrap_or_default();
            sums::add(field, sums, place.within(), element.mark.value);
        }
        out
    }
}

fn at(element: &Element, buckets: u16) -> Place {
    let bucket = (u64::from(element.fraction) * u64::from(buckets)) >> 32;
    Place::new(bucket as u8, element.place)
}
