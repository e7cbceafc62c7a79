//! Is this data directory still the one that wrote last?
//!
//! A copy that goes on writing, or an older copy put back, would sign places of its logs a second
//! time. What notices is kept in three places: a *marker*, a small file whose inode and birth no copy
//! has; a *record* sealed in the directory, which says where and on which machine it was written; and
//! an *anchor* outside the directory, which counts what the record counts and does not go back when
//! the directory does. Whoever is in [`Doubt`] opens a new generation before the first write: it costs
//! two fresh logs and loses nothing.
//!
//! It cannot see what takes everything along: the image of a whole disk, anchor and all, put back on
//! the same machine. The first peer that holds newer entries tells that.

mod keep;

use serde::{Deserialize, Serialize};

pub use keep::{Anchor, Look, file_of, look, plant};

/// Where a marker lies: nothing that a copy keeps. Not the device number: those change with the order
/// in which disks are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The inode.
    pub inode: u64,
    /// When the file was born, in nanoseconds since 1970, where the file system remembers it.
    pub born: Option<u64>,
}

impl Place {
    fn is(&self, other: &Self) -> bool {
        let born = match (self.born, other.born) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        self.inode == other.inode && born
    }
}

/// A hash of the machine's id and this device's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine(pub [u8; 16]);

/// A count with a random word, new with each tick: two histories that count to the same number do not
/// agree on the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Tick {
    /// How many there were.
    pub count: u64,
    /// This one's word.
    pub word: [u8; 16],
}

/// What the directory knows of itself, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The last tick written here.
    pub tick: Tick,
    /// Where the marker lay.
    pub place: Option<Place>,
    /// On which machine.
    pub machine: Option<Machine>,
    /// The generation then.
    pub generation: u64,
    /// How many entries this device had signed in it: authority lane, data lane.
    pub heads: [u64; 2],
    /// The last time there was a doubt.
    pub renewed: Option<Renewed>,
}

/// That a new generation was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    /// Why.
    pub reason: Doubt,
    /// When, by this device's clock, in milliseconds since 1970.
    pub at: i64,
}

/// Why the directory may not be the one that wrote last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// Its files are others: it was copied, or restored from a copy.
    Copied,
    /// The machine is another: its disk was cloned or moved.
    Moved,
    /// It is older than what was last seen here.
    Restored,
}

impl Doubt {
    /// Its stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::Copied => "copied",
            Self::Moved => "moved",
            Self::Restored => "restored",
        }
    }
}

/// Whether to doubt, by what lies inside and outside and by where it lies now. What is not known
/// (`None`) is no ground for a doubt; an anchor without a record is.
pub fn doubt(
    inside: Option<&Record>,
    outside: Option<Tick>,
    place: Option<Place>,
    machine: Option<Machine>,
) -> Option<Doubt> {
    let Some(inside) = inside else {
        // The directory of a time before it kept a record.
        return outside.map(|_| Doubt::Restored);
    };
    if let (Some(then), Some(now)) = (inside.machine, machine)
        && then != now
    {
        return Some(Doubt::Moved);
    }
    if let (Some(then), Some(now)) = (&inside.place, &place)
        && !then.is(now)
    {
        return Some(Doubt::Copied);
    }
    let outside = outside?;
    // Written inside first: a power cut between the two leaves the outside behind, never ahead.
    let ahead = outside.count > inside.tick.count;
    let other = outside.count == inside.tick.count && outside.word != inside.tick.word;
    (ahead || other).then_some(Doubt::Restored)
}

/// Whether entries that this device had signed are missing from its journal, the record being newer
/// than it.
pub fn lost(inside: &Record, generation: u64, heads: [u64; 2]) -> bool {
    inside.generation == generation
        && heads
            .iter()
            .zip(&inside.heads)
            .any(|(now, then)| now < then)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(count: u64, word: u8, place: Option<Place>, machine: Option<Machine>) -> Record {
        Record {
            tick: tick(count, word),
            place,
            machine,
            generation: 7,
            heads: [2, 5],
            renewed: None,
        }
    }

    fn tick(count: u64, word: u8) -> Tick {
        let word = [word; 16];
        Tick { count, word }
    }

    fn place(inode: u64, born: Option<u64>) -> Option<Place> {
        Some(Place { inode, born })
    }

    /// Every combination of what can be known, equal, different, older and newer.
    #[test]
    fn all_that_can_be_seen_is_judged() {
        let here = place(10, Some(1));
        let places = [
            (None, false),
            (here, false),
            (place(10, None), false),
            (place(11, Some(1)), true),
            (place(10, Some(2)), true),
            (place(11, None), true),
        ];
        let (mine, theirs) = (Some(Machine([1; 16])), Some(Machine([2; 16])));
        let machines = [(None, false), (mine, false), (theirs, true)];
        let ticks = [
            (None, false),
            (Some(tick(5, 1)), false),
            (Some(tick(4, 1)), false),
            (Some(tick(4, 9)), false),
            (Some(tick(0, 0)), false),
            (Some(tick(5, 9)), true),
            (Some(tick(6, 1)), true),
            (Some(tick(u64::MAX, 9)), true),
        ];
        let mut seen = 0;
        for (now, copied) in places {
            for (machine, moved) in machines {
                for (outside, restored) in ticks {
                    let wanted = match (moved, copied, restored) {
                        (true, ..) => Some(Doubt::Moved),
                        (_, true, _) => Some(Doubt::Copied),
                        (.., true) => Some(Doubt::Restored),
                        _ => None,
                    };
                    let inside = record(5, 1, here, mine);
                    let found = doubt(Some(&inside), outside, now, machine);
                    assert_eq!(found, wanted, "{now:?} {machine:?} {outside:?}");
                    // What the record did not know is no ground either.
                    let blind = record(5, 1, None, None);
                    let found = doubt(Some(&blind), outside, now, machine);
                    assert_eq!(found, restored.then_some(Doubt::Restored));
                    // Nor is anything without a record, but for an anchor that says there was one.
                    let found = doubt(None, outside, now, machine);
                    assert_eq!(found, outside.map(|_| Doubt::Restored));
                    seen += 3;
                }
            }
        }
        assert_eq!(seen, 6 * 3 * 8 * 3);
    }

    #[test]
    fn entries_that_were_signed_and_are_not_here_are_missed() {
        let inside = record(5, 1, None, None);
        assert!(!lost(&inside, 7, [2, 5]));
        assert!(!lost(&inside, 7, [3, 9]));
        assert!(lost(&inside, 7, [1, 9]));
        assert!(lost(&inside, 7, [2, 4]));
        // Another generation since: by a repair, a torn tail, a doubt.
        assert!(!lost(&inside, 8, [0, 0]));
    }
}
