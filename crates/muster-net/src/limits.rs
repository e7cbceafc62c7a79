//! What the network is told at its start, and every bound and delay it keeps.
//!
//! The values are the defaults of the design; they are fields so that a test can make one bite.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use libp2p::Multiaddr;
use muster_log::beacon::Voice;

/// What a network is for. Networks of different purposes neither hear nor understand each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// Sessions between members.
    #[default]
    Sessions,
    /// Pairing by code: exists while an invitation does, or while somebody looks for one.
    Pairing,
}

/// How a network is started.
#[derive(Debug, Clone)]
pub struct NetConfig {
    /// Addresses to listen on, `/ip4/0.0.0.0/tcp/0` and `/ip4/0.0.0.0/udp/0/quic-v1` for example.
    pub listen: Vec<Multiaddr>,
    /// Peers given by hand: dialled again and again while there is no connection with them.
    pub peers: Vec<Multiaddr>,
    /// Whether to announce this Muster on the link and to listen for others.
    pub discovery: bool,
    /// What it is for.
    pub purpose: Purpose,
    /// What the beacons of sessions are made of. Without it nothing is said and nothing understood,
    /// until [`NetHandle::announce`](crate::NetHandle::announce) gives it.
    pub voice: Option<Voice>,
    /// 32 random bytes, fresh at each start, for the salts of beacons.
    pub seed: [u8; 32],
    /// The multicast groups and port of the beacon. All devices of a link must agree.
    pub group: Ipv4Addr,
    pub group6: Ipv6Addr,
    pub beacon_port: u16,
    pub limits: Limits,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            peers: Vec::new(),
            discovery: true,
            purpose: Purpose::Sessions,
            voice: None,
            seed: [0; 32],
            group: Ipv4Addr::new(239, 77, 83, 84),
            group6: Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0x4d55, 0x5354),
            beacon_port: 47_783,
            limits: Limits::default(),
        }
    }
}

/// Bounds and delays.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections kept at once whose peers have proven that they belong here, one a peer.
    pub kept: usize,
    /// Connections kept beside them whose peers have not, those that were dialled and those that
    /// came in counted apart.
    pub unproven: usize,
    /// An unproven connection older than this gives way to a newer one; one of an address that has
    /// more of them than the newcomer's gives way at once.
    pub grace: Duration,
    /// Neighbours that a device looks for among those who are level with it.
    pub mesh: usize,
    /// Of more neighbours than this one is let go now and then.
    pub crowd: usize,
    /// Further connections that may be in their handshake.
    pub shaking: usize,
    /// Inbound handshakes of the encryption layer at once.
    pub pending_in: usize,
    /// The same from one IP address.
    pub pending_per_ip: usize,
    /// Dials under way at once.
    pub pending_out: usize,
    /// Inbound connections taken from one IP address in ten seconds.
    pub per_ip_in_10s: u32,
    /// Peers remembered from discovery.
    pub discovered: usize,
    /// Transport ids that are new, believed from one IP address in a minute.
    pub fresh_per_ip: u32,
    /// Dials in a minute, all targets together; a twentieth of them at once.
    pub dials_per_minute: u32,
    /// Addresses given by hand.
    pub given: usize,
    /// Transport ids that may be banned at once; the ban that ends first gives way.
    pub bans: usize,
    /// Frames waiting for a slow peer, a connection.
    pub outbox: usize,
    /// Events waiting for a slow consumer, all connections together.
    pub events: usize,
    /// A TCP connect that takes longer has failed.
    pub connect: Duration,
    /// Connected, but no session after this: refused.
    pub handshake: Duration,
    /// Time between two pulses on a connection.
    pub pulse: Duration,
    /// Nothing heard on a connection for so long: the link is dead.
    pub silence: Duration,
    /// Time between two beacons on an interface.
    pub beacon: Duration,
    /// Time between two dials to one peer.
    pub redial: Duration,
    /// How long the side with the larger id leaves the dialling to the other.
    pub courtesy: Duration,
    /// A discovered peer not heard of for so long is forgotten.
    pub forget: Duration,
    /// How long a close may wait for the last frames to go out.
    pub farewell: Duration,
}

impl Limits {
    /// Connections of all sorts at once.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.kept + 2 * self.unproven + self.shaking
    }
}

/// Transport ids believed from one IP address: a liar cannot fill the table alone.
pub const IDS_PER_IP: usize = 4;
/// Addresses kept of one peer.
pub const ADDRS_PER_PEER: usize = 4;
/// Streams of a connection: session, pulse, and a few that a stranger opens in vain.
pub const STREAMS: usize = 4;

impl Default for Limits {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            kept: 12,
            unproven: 6,
            grace: ms(1_500),
            mesh: 6,
            crowd: 10,
            shaking: 8,
            pending_in: 32,
            pending_per_ip: 6,
            pending_out: 24,
            per_ip_in_10s: 60,
            discovered: 64,
            fresh_per_ip: 24,
            dials_per_minute: 1_200,
            given: 64,
            bans: 256,
            outbox: 8,
            events: 32,
            connect: ms(1_200),
            handshake: ms(3_000),
            pulse: ms(500),
            silence: ms(2_000),
            beacon: ms(500),
            redial: ms(700),
            courtesy: ms(350),
            forget: Duration::from_secs(900),
            farewell: ms(400),
        }
    }
}
