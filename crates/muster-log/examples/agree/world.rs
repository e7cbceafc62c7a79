//! Two devices and their logs, from a seed.

use std::collections::BTreeMap;

use muster_log::{
    hash,
    ids::{EntryHash, LogId, Seq},
};

/// What a way has cost.
#[derive(Debug, Clone, Default)]
pub struct Cost {
    pub bytes: usize,
    pub messages: usize,
    pub ms: f64,
    /// Logs of which a side does not know that the other lacks some.
    pub missed: u64,
}

impl Cost {
    /// Takes the time of what both sides do.
    pub fn of(act: impl FnOnce(&mut Self)) -> Self {
        let mut cost = Self::default();
        let start = busy();
        act(&mut cost);
        cost.ms = (busy() - start) as f64 / 1e6;
        cost
    }

    /// A message of one side.
    pub fn say(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.messages += 1;
    }
}

/// Nanoseconds that this thread has been on a processor: others may keep the machine busy.
fn busy() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat");
    let first = text.ok().and_then(|t| t.split(' ').next()?.parse().ok());
    first.unwrap_or(0)
}

/// How many entries of each log are here.
pub type Logs = BTreeMap<LogId, u64>;

pub struct World {
    pub sides: [Logs; 2],
    /// Logs that differ.
    pub differ: u64,
    pub seed: u64,
}

pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below.max(1)
    }
}

impl World {
    /// Most logs that differ have grown on one of both sides, by some entries.
    pub fn new(seed: u64, logs: u64, differ: u64, single: u64) -> Self {
        let mut dice = Dice::new(seed);
        let log = |n: u64| {
            let bytes = [seed.to_le_bytes(), n.to_le_bytes()].concat();
            LogId(*blake3::hash(&bytes).as_bytes())
        };
        // Few long logs, many short ones.
        let all: Logs = (0..logs)
            .map(|n| (log(n), 1 + (1 << dice.roll(12)) + dice.roll(50)))
            .collect();
        let mut sides = [all.clone(), all];
        for n in 0..differ {
            let side = &mut sides[(n % 2) as usize];
            let id = log(n * (logs / differ));
            if dice.roll(100) < single {
                side.remove(&id);
            } else if let Some(count) = side.get_mut(&id) {
                let most = 1 << dice.roll(7);
                *count += 1 + dice.roll(most);
            }
        }
        Self {
            sides,
            differ,
            seed,
        }
    }
}

pub fn head(log: &LogId, count: u64) -> EntryHash {
    let header = hash::header_hash(&[]);
    hash::chain(log, Seq(count), &EntryHash(log.0), &header)
}

/// Length of a number in seven bits a byte.
pub fn varint(n: u64) -> usize {
    (64 - (n | 1).leading_zeros() as usize).div_ceil(7)
}

/// What both tell when each knows its own elements that differ: the finder names them by six bytes
/// of the log's id, count and four bytes of the head; the other answers the same of those of which
/// it has less, and of those that the finder lacks.
pub fn tell(cost: &mut Cost, world: &World) {
    let [a, b] = &world.sides;
    let entry = |count: u64| 6 + varint(count) + 4;
    let mut found = 0;
    let mut answer = 0;
    for (log, count) in b {
        if a.get(log) != Some(count) {
            found += entry(*count);
        }
    }
    for (log, count) in a {
        match b.get(log) {
            Some(theirs) if theirs > count => answer += entry(*count),
            None => answer += entry(*count),
            _ => {}
        }
    }
    cost.say(found + 4);
    cost.say(answer + 4);
}
