//! What two sides say to each other until both know what differs.

use crate::{
    codec::{Bounded, Bytes, Decode, Encode},
    ids::Seq,
};

use super::{estimate, sums};

/// Buckets of a sketch, at most.
pub(super) const MAX_BUCKETS: u16 = 64;
/// Differences that one bucket's sums tell, at most: decoding costs its square.
pub(super) const MAX_EACH: usize = 96;
/// Bytes of all sums of a sketch.
pub const MAX_SUMS: usize = 2 * MAX_BUCKETS as usize * sums::sums_for(MAX_EACH);
/// Things told in one part.
pub(super) const ITEMS: usize = 2_048;
/// Logs whose heads in full go with one part: a forked one has several.
pub const HEADS: usize = 16;
/// Buckets of what is told.
pub(super) const MOST_BUCKETS: u16 = 256;

/// Where a log lies in this round: a bucket and a place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Place([u8; 3]);

impl Place {
    pub(crate) fn new(bucket: u8, within: u16) -> Self {
        let [high, low] = within.to_be_bytes();
        Self([bucket, high, low])
    }

    pub(super) fn bucket(self) -> u8 {
        let [bucket, ..] = self.0;
        bucket
    }

    pub(super) fn within(self) -> u16 {
        let [_, high, low] = self.0;
        u16::from_be_bytes([high, low])
    }
}

/// Four bytes of a keyed hash of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Short(pub(crate) [u8; 4]);

/// A sketch of what is here.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Sketch {
    /// How many logs.
    pub logs: u64,
    /// In the first sketch: for saying how much differs, where that is more than the sums tell.
    pub estimate: Bytes<{ estimate::MAX }>,
    /// How many buckets the logs were put into, from 1 to 64.
    pub buckets: u16,
    /// The sums of each bucket, one after another, each two bytes, little-endian.
    pub sums: Bytes<MAX_SUMS>,
}

/// More is here than over there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Ahead {
    /// Of which log.
    pub place: Place,
    /// What the other has, if the guess is right.
    pub check: [u8; 2],
}

/// This is here, and nothing of the log beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Here {
    /// Of which log.
    pub place: Place,
    /// How many entries.
    pub count: u64,
    /// The head.
    pub short: Short,
}

impl Here {
    /// The last place.
    pub(super) fn last(&self) -> Option<Seq> {
        self.count.checked_sub(1).map(Seq)
    }
}

/// What differs, as seen by the side that found it; then the answer of the other side, which names
/// only what the first could not know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Tell {
    /// How many buckets places are counted in, from 1 to 256.
    pub buckets: u16,
    /// Buckets of which every log is named, because their sums told nothing.
    pub whole: Bounded<u8, 256>,
    /// More is here.
    pub ahead: Bounded<Ahead, ITEMS>,
    /// This is here; there is more, or something else, over there.
    pub here: Bounded<Here, ITEMS>,
    /// No such log is here.
    pub none: Bounded<Place, ITEMS>,
    /// What is here cannot be said so briefly: heads in full come beside this.
    pub odd: Bounded<Place, ITEMS>,
}
