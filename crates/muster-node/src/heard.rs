//! What this device remembers of contacts: whose entries last came, when, and by way of whom. Local:
//! it is in no entry, no digest and no bundle, and nothing is decided by it but what a person is told.

use std::collections::BTreeMap;

use muster_log::{
    codec::{self, Bounded},
    ids::{DeviceId, Millis},
};
use muster_store::DataDir;

use crate::edge::random;

const FILE: &str = "heard";
const VERSION: u8 = 1;
const MAX_FILE: usize = 1024 * 1024;
/// Most devices remembered; an incident has tens.
const MOST: usize = 4096;

/// How something of a device came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// When, by this device's clock.
    pub at: Millis,
    /// The device that brought it; none for a file.
    pub via: Option<DeviceId>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Memory {
    of: BTreeMap<DeviceId, Heard>,
    changed: bool,
}

type Line = (DeviceId, (Millis, Option<DeviceId>));

impl Memory {
    /// Reads it from the data directory. One that cannot be read is begun anew: it is worth no refusal.
    pub fn open(dir: &DataDir) -> Self {
        let read = || -> Option<BTreeMap<DeviceId, Heard>> {
            let bytes = dir.read_secret(FILE).ok()??;
            let (version, lines): (u8, Bounded<Line, MOST>) =
                codec::decode::<_, MAX_FILE>("contact memory", &bytes).ok()?;
            (version == VERSION).then_some(())?;
            let lines = lines.iter();
            Some(
                lines
                    .map(|(device, (at, via))| (*device, Heard { at: *at, via: *via }))
                    .collect(),
            )
        };
        Self {
            of: read().unwrap_or_default(),
            changed: false,
        }
    }

    /// Notes that something of a device came.
    pub fn note(&mut self, device: DeviceId, via: Option<DeviceId>, at: Millis) {
        if self.of.len() < MOST || self.of.contains_key(&device) {
            self.of.insert(device, Heard { at, via });
            self.changed = true;
        }
    }

    /// What is remembered of a device.
    pub fn of(&self, device: &DeviceId) -> Option<Heard> {
        self.of.get(device).copied()
    }

    /// Keeps it, where it has changed. A failure is told to the log alone: the memory is a comfort.
    pub fn keep(&mut self, dir: &DataDir) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let lines: Vec<Line> = self.of.iter().map(|(d, h)| (*d, (h.at, h.via))).collect();
        let Ok(lines) = Bounded::<Line, MOST>::try_from(lines) else {
            return;
        };
        let bytes = codec::encode(&(VERSION, lines));
        if let Err(e) = dir.write_secret(FILE, &bytes, &mut random) {
            tracing::warn!(error = %e, "what is known of contacts was not kept");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_survives_a_restart_and_damage_only_empties_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");
        let fs = std::sync::Arc::new(muster_store::fs::RealFs);
        let unlock = muster_store::Unlock::DefaultKeyFile;
        let cost = muster_store::PassphraseCost::default();
        let dir = DataDir::create(fs, &path, &unlock, cost, &mut random).unwrap();
        let (one, two) = (DeviceId([1; 32]), DeviceId([2; 32]));
        let mut memory = Memory::open(&dir);
        assert_eq!(memory.of(&one), None);
        memory.note(one, Some(two), Millis(5));
        memory.note(two, None, Millis(6));
        memory.keep(&dir);
        let again = Memory::open(&dir);
        let heard = |at, via| {
            Some(Heard {
                at: Millis(at),
                via,
            })
        };
        assert_eq!(again.of(&one), heard(5, Some(two)));
        assert_eq!(again.of(&two), heard(6, None));
        dir.write_secret(FILE, b"\x07damaged", &mut random).unwrap();
        assert_eq!(Memory::open(&dir).of(&one), None);
    }
}
