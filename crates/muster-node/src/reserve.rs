//! What the disk must keep free, and who is turned away first when it gets less.
//!
//! What others send stops first, then this device's own data and what comes in files; authority and
//! keys, revocations among them, stop last. Nothing here writes; everything goes on by itself once
//! there is room again.

use std::time::Instant;

use muster_log::ids::Lane;
use muster_store::{DataDir, fs::Space};

use crate::limits::{
    RESERVE_ACTS, RESERVE_LEAST, RESERVE_MOST, RESERVE_MOST_PART, RESERVE_OWN, RESERVE_PART,
    SPACE_BYTES, SPACE_EVERY,
};

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Room {
    /// Everything.
    #[default]
    Ample,
    /// Not for data of other devices.
    Own,
    /// Not for data.
    Acts,
    /// For nothing.
    Nothing,
}

impl Room {
    /// A stable short code, for JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ample => "ample",
            Self::Own => "own",
            Self::Acts => "acts",
            Self::Nothing => "nothing",
        }
    }

    /// Whether what a peer sends in this lane is taken in.
    pub fn takes_remote(self, lane: Lane) -> bool {
        match lane {
            Lane::AUTHORITY => self < Self::Nothing,
            _ => self == Self::Ample,
        }
    }

    /// Whether this device writes in this lane, or takes in what a person brings.
    pub fn takes_own(self, lane: Lane) -> bool {
        match lane {
            Lane::AUTHORITY => self < Self::Nothing,
            _ => self < Self::Acts,
        }
    }
}

/// The bytes that are kept free of what others send, on a disk of this size.
pub fn reserve(wanted: Option<u64>, total: u64) -> u64 {
    let usual = (total / RESERVE_PART).clamp(RESERVE_LEAST, RESERVE_MOST);
    wanted.unwrap_or(usual.min(total / RESERVE_MOST_PART))
}

/// What there is room for.
pub fn room(space: Space, reserve: u64) -> Room {
    match space.free {
        free if free >= reserve => Room::Ample,
        free if free >= reserve / RESERVE_OWN => Room::Own,
        free if free >= reserve / RESERVE_ACTS => Room::Acts,
        _ => Room::Nothing,
    }
}

/// Asks for the room now and then: not for each run.
#[derive(Debug, Default)]
pub struct Watch {
    wanted: Option<u64>,
    /// When it was asked for, and how long the journal was.
    asked: Option<(Instant, u64)>,
    /// What was answered, with the reserve.
    space: Option<(Space, u64)>,
}

impl Watch {
    /// `wanted`: the reserve in bytes, where somebody said so.
    pub fn new(wanted: Option<u64>) -> Self {
        Self {
            wanted,
            ..Self::default()
        }
    }

    /// What was found, and the reserve.
    pub fn space(&self) -> Option<(Space, u64)> {
        self.space
    }

    /// What there is room for, asked anew if that was a while ago, or much was written since. A file
    /// system that does not say is taken at its word when it is full.
    pub fn look(&mut self, dir: &DataDir, journal_bytes: u64) -> Room {
        let fresh = self.asked.is_some_and(|(at, bytes)| {
            at.elapsed() < SPACE_EVERY && journal_bytes.abs_diff(bytes) < SPACE_BYTES
        });
        if !fresh {
            self.asked = Some((Instant::now(), journal_bytes));
            self.space = match dir.space() {
                Ok(space) => Some((space, reserve(self.wanted, space.total))),
                Err(e) => {
                    tracing::debug!(error = %e, "the room on the disk is not known");
                    None
                }
            };
        }
        self.space
            .map_or(Room::Ample, |(space, reserve)| room(space, reserve))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{path::Path, sync::Arc};

    use muster_store::{PassphraseCost, Unlock, fs::fault::FaultyFs};

    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn the_room_is_asked_for_now_and_then_and_comes_back() {
        let fs = FaultyFs::new(1);
        let mut random = |bytes: &mut [u8]| bytes.fill(7);
        let dir = DataDir::create(
            Arc::new(fs.clone()),
            Path::new("/data"),
            &Unlock::DefaultKeyFile,
            PassphraseCost::default(),
            &mut random,
        )
        .unwrap();
        let says = |free| {
            let total = 1 << 40;
            fs.set_space(Space { free, total });
        };
        let mut watch = Watch::new(Some(1024 * MIB));
        says(2048 * MIB);
        assert_eq!(watch.look(&dir, 0), Room::Ample);
        says(100 * MIB);
        let calls = fs.calls();
        assert_eq!(watch.look(&dir, MIB), Room::Ample);
        assert_eq!(fs.calls(), calls, "not asked for each run");
        assert_eq!(watch.look(&dir, SPACE_BYTES), Room::Acts);
        says(2048 * MIB);
        assert_eq!(watch.look(&dir, 2 * SPACE_BYTES), Room::Ample);
    }

    #[test]
    fn others_are_turned_away_first_and_revocations_last() {
        let total = 100 * 1024 * MIB;
        assert_eq!(reserve(None, total), 2 * 1024 * MIB);
        assert_eq!(reserve(None, 20 * 1024 * MIB), 20 * 1024 * MIB / 50);
        assert_eq!(reserve(None, 4 * 1024 * MIB), 256 * MIB);
        // A small disk is not all reserve.
        assert_eq!(reserve(None, 64 * MIB), 8 * MIB);
        assert_eq!(reserve(Some(5), total), 5);
        let at = |mib: u64| {
            let free = mib * MIB;
            room(Space { free, total }, 1024 * MIB)
        };
        let rooms = [1024, 1023, 256, 255, 64, 63, 0].map(at);
        use Room::{Acts, Ample, Nothing, Own};
        assert_eq!(rooms, [Ample, Own, Own, Acts, Acts, Nothing, Nothing]);
        let (acts, data) = (Lane::AUTHORITY, Lane::DATA);
        let remote = rooms.map(|r| (r.takes_remote(data), r.takes_remote(acts)));
        let own = rooms.map(|r| (r.takes_own(data), r.takes_own(acts)));
        for at in 0..rooms.len() {
            assert_eq!(remote[at].0, at == 0);
            assert_eq!((remote[at].1, own[at].1), (at < 5, at < 5));
            assert_eq!(own[at].0, at < 3);
        }
    }
}
