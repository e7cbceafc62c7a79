//! What this device remembers of those it met: how far their clocks were off, and which endings they
//! are known to have heard of, or were handed on a stick.
//!
//! Local, bounded, and no part of what the incident knows: nothing of it enters a digest or travels.
//! A copy that is lost or damaged costs nothing but having to meet again.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    authority::Authority,
    ids::{DeviceId, GrantId, Millis},
};
use muster_store::DataDir;
use serde::{Deserialize, Serialize};

/// The small secret that holds it.
pub const FILE: &str = "met";
/// Devices remembered, those met last.
const DEVICES: usize = 512;
/// Endings remembered, those noted last.
const ENDINGS: usize = 128;
/// Clocks that are no further apart than this are as good as equal.
pub const CLOCK_MS: u64 = 2 * 60 * 1_000;

/// How far a device's clock was ahead of this one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offset {
    /// In ms; negative where it was behind.
    pub ahead: i64,
    /// When it was measured, by the clock here.
    pub at: i64,
}

impl Offset {
    /// Whether it is worth telling a person.
    pub fn matters(&self) -> bool {
        self.ahead.unsigned_abs() > CLOCK_MS
    }

    /// What the clock here would have shown at a time that the device claims.
    pub fn corrected(&self, claimed: Millis) -> Millis {
        Millis(claimed.0.saturating_sub(self.ahead))
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct News {
    heard: BTreeSet<DeviceId>,
    handed: BTreeSet<DeviceId>,
}

/// The memory of contacts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Met {
    clocks: BTreeMap<DeviceId, Offset>,
    news: BTreeMap<GrantId, News>,
    /// The endings, those noted last at the end.
    order: Vec<GrantId>,
    dirty: bool,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u8,
    /// Device, and its clock where that was measured.
    devices: Vec<(String, Option<Offset>)>,
    /// Ending, who has heard of it and who was handed it, by their places among the devices.
    endings: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl Met {
    /// Reads it out of an open directory; what cannot be read is as if nobody had been met.
    pub fn read(dir: &DataDir) -> Self {
        let bytes = match dir.read_secret(FILE) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Self::default(),
            Err(e) => {
                tracing::warn!(error = %e, "what was remembered of contacts cannot be read");
                return Self::default();
            }
        };
        serde_json::from_slice::<Stored>(&bytes)
            .ok()
            .filter(|s| s.version == 1)
            .map(Self::restore)
            .unwrap_or_default()
    }

    fn restore(stored: Stored) -> Self {
        let mut out = Self::default();
        let mut devices = Vec::new();
        for (device, clock) in stored.devices.into_iter().take(DEVICES) {
            let Some(device) = DeviceId::from_hex(&device) else {
                // What comes after is named by its place.
                return Self::default();
            };
            devices.push(device);
            out.clocks.extend(clock.map(|c| (device, c)));
        }
        let named = |places: Vec<usize>| -> BTreeSet<DeviceId> {
            let all = places.into_iter();
            all.filter_map(|p| devices.get(p).copied()).collect()
        };
        for (ending, heard, handed) in stored.endings.into_iter().take(ENDINGS) {
            if let Some(ending) = GrantId::from_hex(&ending) {
                let (heard, handed) = (named(heard), named(handed));
                out.news.insert(ending, News { heard, handed });
                out.order.push(ending);
            }
        }
        out
    }

    /// The bytes to keep, if anything has changed since this was last asked.
    pub fn to_keep(&mut self) -> Option<Vec<u8>> {
        if !std::mem::take(&mut self.dirty) {
            return None;
        }
        let mut devices: BTreeSet<DeviceId> = self.clocks.keys().copied().collect();
        for news in self.news.values() {
            devices.extend(news.heard.iter().chain(&news.handed));
        }
        let mut devices: Vec<_> = devices.into_iter().collect();
        let at = |d: &DeviceId| self.clocks.get(d).map(|c| c.at);
        devices.sort_by_key(|d| std::cmp::Reverse(at(d)));
        devices.truncate(DEVICES);
        let places: BTreeMap<DeviceId, usize> =
            devices.iter().enumerate().map(|(n, d)| (*d, n)).collect();
        let placed = |of: &BTreeSet<DeviceId>| -> Vec<usize> {
            of.iter().filter_map(|d| places.get(d).copied()).collect()
        };
        let stored = Stored {
            version: 1,
            endings: self
                .order
                .iter()
                .filter_map(|id| Some((id, self.news.get(id)?)))
                .map(|(id, n)| (id.hex(), placed(&n.heard), placed(&n.handed)))
                .collect(),
            devices: devices
                .iter()
                .map(|d| (d.hex(), self.clocks.get(d).copied()))
                .collect(),
        };
        serde_json::to_vec(&stored).ok()
    }

    /// Takes a measured clock in.
    pub fn measured(&mut self, device: DeviceId, ahead: i64, now: Millis) {
        let fresh = Offset { ahead, at: now.0 };
        let before = self.clocks.insert(device, fresh);
        // A second more or less is what a measurement is worth; the hour of it says how old it is.
        self.dirty |= before
            .is_none_or(|b| b.ahead.abs_diff(ahead) > 2_000 || b.at.abs_diff(now.0) > 3_600_000);
        if self.clocks.len() > DEVICES {
            let oldest = self.clocks.iter().min_by_key(|(_, c)| c.at);
            if let Some(oldest) = oldest.map(|(d, _)| *d) {
                self.clocks.remove(&oldest);
            }
        }
    }

    /// How far a device's clock was off when it was last met.
    pub fn clock(&self, device: &DeviceId) -> Option<Offset> {
        self.clocks.get(device).copied()
    }

    /// All clocks that were measured.
    pub fn clocks(&self) -> impl Iterator<Item = (&DeviceId, &Offset)> {
        self.clocks.iter()
    }

    /// A device has all that is known here of authority.
    pub fn has_heard(&mut self, device: DeviceId, authority: &Authority) {
        self.note(device, authority, |news| &mut news.heard);
    }

    /// A device is on its way to get all that is known here of authority, on a stick.
    pub fn is_handed(&mut self, device: DeviceId, authority: &Authority) {
        self.note(device, authority, |news| &mut news.handed);
    }

    fn note(
        &mut self,
        device: DeviceId,
        authority: &Authority,
        of: fn(&mut News) -> &mut BTreeSet<DeviceId>,
    ) {
        let endings: BTreeSet<GrantId> = authority
            .grants()
            .filter_map(|g| authority.ending_of(g))
            .map(|e| e.act)
            .collect();
        for ending in endings {
            if !self.news.contains_key(&ending) {
                self.order.push(ending);
            }
            let news = self.news.entry(ending).or_default();
            self.dirty |= of(news).insert(device);
        }
        while self.order.len() > ENDINGS {
            let oldest = self.order.remove(0);
            self.news.remove(&oldest);
        }
    }

    /// Who is known to have heard of an ending.
    pub fn heard(&self, ending: &GrantId) -> BTreeSet<DeviceId> {
        let news = self.news.get(ending);
        news.map(|n| n.heard.clone()).unwrap_or_default()
    }

    /// Who was handed a bundle that tells of it.
    pub fn handed(&self, ending: &GrantId) -> BTreeSet<DeviceId> {
        let news = self.news.get(ending);
        news.map(|n| n.handed.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back() {
        let (ana, bob) = (DeviceId([1; 32]), DeviceId([2; 32]));
        let mut met = Met::default();
        assert_eq!(met.to_keep(), None);
        met.measured(ana, 7_200_000, Millis(5));
        let news = News {
            heard: BTreeSet::from([ana]),
            handed: BTreeSet::from([bob]),
        };
        met.news.insert(GrantId([3; 32]), news);
        met.order.push(GrantId([3; 32]));
        let bytes = met.to_keep().unwrap();
        assert_eq!(met.to_keep(), None, "nothing new");
        let back = Met::restore(serde_json::from_slice(&bytes).unwrap());
        assert_eq!(back, met);
        assert!(back.clock(&ana).unwrap().matters());
        assert_eq!(
            back.clock(&ana).unwrap().corrected(Millis(7_200_001)),
            Millis(1)
        );
    }

    #[test]
    fn it_is_bounded() {
        let mut met = Met::default();
        for n in 0..2_000u32 {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&n.to_le_bytes());
            met.measured(DeviceId(id), 0, Millis(i64::from(n)));
            let heard = met.clocks.keys().copied().collect();
            let handed = BTreeSet::new();
            met.news.insert(GrantId(id), News { heard, handed });
            met.order.push(GrantId(id));
            while met.order.len() > ENDINGS {
                let oldest = met.order.remove(0);
                met.news.remove(&oldest);
            }
        }
        assert_eq!(met.clocks.len(), DEVICES);
        assert!(met.clocks.values().all(|c| c.at >= 1_488), "the latest");
        assert!(met.to_keep().unwrap().len() < 512 * 1024);
    }
}
