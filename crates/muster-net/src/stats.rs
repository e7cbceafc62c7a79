//! Counters and the list of known peers, for status and doctor. Copies, never live views.

use std::collections::BTreeMap;
use std::time::Duration;

use libp2p::Multiaddr;

use crate::event::{ConnId, RefuseReason, TransportId};

/// What has been counted since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetStats {
    /// Connections kept now, and in handshake now.
    pub kept: usize,
    pub shaking: usize,
    /// Connections that became sessions, and sessions that ended.
    pub connected: u64,
    pub closed: u64,
    /// Second connections with a peer, let go.
    pub duplicates: u64,
    pub dials: u64,
    pub dials_failed: u64,
    /// Connections let go before they had proven anything, because others wanted their place.
    pub crowded: u64,
    /// Sessions ended because the link fell silent, or for a bad frame.
    pub silent: u64,
    pub bad_frames: u64,
    pub refused: BTreeMap<RefuseReason, u64>,
    /// Beacons, of this device and of others.
    pub air: Airwaves,
    /// Events for counters (`Discovered`, `Refused`, `DialFailed`) not delivered to a consumer
    /// that was not reading.
    pub events_dropped: u64,
}

impl NetStats {
    /// All refusals together.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// What was said and heard on the links around.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Airwaves {
    /// Interfaces that lead anywhere, now.
    pub interfaces: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Beacons of others that were understood, each counted once.
    pub heard: u64,
    /// Copies of them, by another way or played again.
    pub repeated: u64,
    /// Datagrams not looked at, because too many came from one address.
    pub passed_over: u64,
    /// Datagrams on the beacon's port that are no Muster's.
    pub not_ours: u64,
    /// Beacons that do not open: another incident's.
    pub other_incident: u64,
    /// Beacons of a Muster of another version.
    pub other_version: u64,
}

/// A peer or an address this Muster knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPeer {
    /// `None` for an address given by hand that never answered.
    pub peer: Option<TransportId>,
    pub addrs: Vec<Multiaddr>,
    /// Given by hand, or discovered.
    pub given: bool,
    /// Since a beacon was last heard.
    pub heard_ago: Option<Duration>,
    pub conn: Option<ConnId>,
    pub banned: bool,
    /// By its last beacon it has what this device has.
    pub level: bool,
    /// Dials that failed since one reached it.
    pub failed: u32,
}
