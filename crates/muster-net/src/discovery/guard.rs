//! What is let through of all that comes in by the beacon's port: so much from one address, each
//! beacon once, and no old ones. Pure: the time comes in.
//!
//! Beacons of one start are numbered, and nobody can renumber one. A recording that is played again
//! says nothing that was not said, and where it says it to somebody who never heard the original,
//! it is worth the few dials of one beacon.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::event::TransportId;

/// A gap between two beacons of one peer after which the next is answered.
const GAP: Duration = Duration::from_millis(1_200);
/// Peers whose numbers are remembered; whom nobody heard for longest gives way.
const PEERS: usize = 256;
/// Beacons of one peer that may overtake one another.
const SPAN: u64 = 64;
/// Datagrams looked at from one address in a second. An honest device sends two to four; a machine may run several.
const PER_ADDRESS: u32 = 100;
/// Datagrams looked at from all addresses in a second.
const IN_ALL: u32 = 2_000;
/// Addresses counted at once; the rest share one count.
const ADDRESSES: usize = 256;
const SECOND: Duration = Duration::from_secs(1);

/// What a beacon is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    /// The first after a silence.
    Opens,
    /// A sign of life.
    Lives,
    /// A copy by another way, or a recording.
    Repeated,
}

#[derive(Debug)]
struct Last {
    at: Instant,
    highest: u64,
    /// Which of the [`SPAN`] numbers up to the highest have come.
    seen: u64,
}

impl Last {
    fn takes(&mut self, beat: u64) -> bool {
        if beat > self.highest {
            let shift = beat - self.highest;
            let kept = if shift < SPAN { self.seen << shift } else { 0 };
            self.seen = kept | 1;
            self.highest = beat;
            return true;
        }
        let back = self.highest - beat;
        let bit = if back < SPAN { 1 << back } else { 0 };
        let fresh = bit != 0 && self.seen & bit == 0;
        self.seen |= bit;
        fresh
    }
}

#[derive(Debug, Default)]
pub(crate) struct Guard {
    peers: BTreeMap<TransportId, Last>,
    addresses: BTreeMap<Option<IpAddr>, u32>,
    all: u32,
    since: Option<Instant>,
}

impl Guard {
    /// Whether a datagram of this address is to be looked at.
    pub(crate) fn lets(&mut self, now: Instant, from: IpAddr) -> bool {
        if self
            .since
            .is_none_or(|since| now.duration_since(since) >= SECOND)
        {
            self.since = Some(now);
            self.all = 0;
            self.addresses.clear();
        }
        let known = self.addresses.contains_key(&Some(from));
        let counted = (known || self.addresses.len() < ADDRESSES).then_some(from);
        let count = self.addresses.entry(counted).or_default();
        *count = count.saturating_add(1);
        if *count > PER_ADDRESS || self.all >= IN_ALL {
            return false;
        }
        self.all += 1;
        true
    }

    /// What a beacon that was understood is worth.
    pub(crate) fn weigh(&mut self, now: Instant, id: TransportId, beat: Option<u64>) -> Worth {
        if let Some(last) = self.peers.get_mut(&id) {
            if beat.is_some_and(|beat| !last.takes(beat)) {
                return Worth::Repeated;
            }
            let gap = now.duration_since(std::mem::replace(&mut last.at, now));
            return if gap >= GAP {
                Worth::Opens
            } else {
                Worth::Lives
            };
        }
        if self.peers.len() >= PEERS
            && let Some(oldest) = self.peers.iter().min_by_key(|(_, l)| l.at)
        {
            let oldest = *oldest.0;
            self.peers.remove(&oldest);
        }
        let last = Last {
            at: now,
            highest: beat.unwrap_or(0),
            seen: 1,
        };
        self.peers.insert(id, last);
        Worth::Opens
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use libp2p::PeerId;

    use super::*;

    fn id() -> TransportId {
        TransportId(PeerId::random())
    }

    #[test]
    fn each_number_counts_once() {
        let (mut guard, peer, now) = (Guard::default(), id(), Instant::now());
        let mut say = |beat| guard.weigh(now, peer, Some(beat));
        assert_eq!(say(10), Worth::Opens);
        assert_eq!(say(10), Worth::Repeated);
        assert_eq!(say(12), Worth::Lives);
        assert_eq!(say(11), Worth::Lives, "overtaken");
        assert_eq!(say(11), Worth::Repeated);
        assert_eq!(say(9), Worth::Lives, "overtaken before the first");
        assert_eq!(say(100), Worth::Lives);
        for old in [9, 10, 11, 12, 36] {
            assert_eq!(say(old), Worth::Repeated, "{old}");
        }
        assert_eq!(say(37), Worth::Lives);
        assert_eq!(say(u64::MAX), Worth::Lives);
        assert_eq!(say(u64::MAX), Worth::Repeated);
        assert_eq!(say(0), Worth::Repeated);
    }

    #[test]
    fn a_silence_opens_a_meeting_anew_and_a_recording_does_not() {
        let (mut guard, peer, now) = (Guard::default(), id(), Instant::now());
        for beat in 1..=20 {
            guard.weigh(now, peer, Some(beat));
        }
        let later = now + Duration::from_secs(60);
        for beat in 1..=20 {
            assert_eq!(guard.weigh(later, peer, Some(beat)), Worth::Repeated);
        }
        assert_eq!(guard.weigh(later, peer, Some(21)), Worth::Opens);
        // Those without a number are told by the gap alone.
        let joiner = id();
        assert_eq!(guard.weigh(now, joiner, None), Worth::Opens);
        assert_eq!(guard.weigh(now, joiner, None), Worth::Lives);
        assert_eq!(guard.weigh(later, joiner, None), Worth::Opens);
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_who_is_heard() {
        let (mut guard, now) = (Guard::default(), Instant::now());
        let first = id();
        for n in 0..2_000 {
            let at = now + Duration::from_millis(n);
            guard.weigh(at, first, Some(n));
            guard.weigh(at, id(), Some(1));
        }
        assert_eq!(guard.peers.len(), PEERS);
        assert_eq!(guard.weigh(now, first, Some(5)), Worth::Repeated);
    }

    #[test]
    fn one_address_cannot_use_up_what_others_need() {
        let (mut guard, now) = (Guard::default(), Instant::now());
        let flooder = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        let let_through = (0..10_000).filter(|_| guard.lets(now, flooder)).count();
        assert_eq!(let_through, PER_ADDRESS as usize);
        let honest = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
        assert!(guard.lets(now, honest));
        // From ever new addresses: no more than the whole allows, and little memory.
        let many = (0..100_000_u32)
            .filter(|n| guard.lets(now, IpAddr::V4(Ipv4Addr::from(n + 0x0b00_0000))))
            .count();
        assert!(many < IN_ALL as usize, "{many}");
        assert!(guard.addresses.len() <= ADDRESSES + 1);
        assert!(guard.lets(now, honest), "who was counted before is heard");
        assert!(guard.lets(now + SECOND, flooder), "the next second");
    }
}
