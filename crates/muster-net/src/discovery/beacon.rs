//! The beacon's bytes.
//!
//! ```text
//! offset  bytes  what
//! 0       4      "MUST"
//! 4       1      version, 1
//! 5       1      flags: bit 0, this is an answer; bit 1, this is about pairing
//! 6       2      TCP port, big-endian, 0 if none
//! 8       2      QUIC (UDP) port, big-endian, 0 if none
//! 10      1      length of the transport id, n
//! 11      n      the transport id
//! ```
//!
//! 49 bytes with an Ed25519 transport key. Bytes after that belong to a later version and are
//! ignored; a datagram of more than [`MAX_BEACON`] bytes is no beacon.

use std::net::Ipv4Addr;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use crate::event::TransportId;
use crate::limits::Purpose;

pub(crate) const MAX_BEACON: usize = 200;
const MAGIC: [u8; 4] = *b"MUST";
const VERSION: u8 = 1;
const ANSWER: u8 = 1;
const PAIRING: u8 = 2;

/// Where a Muster listens, on whatever address its beacon comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) tcp: Option<u16>,
    pub(crate) quic: Option<u16>,
}

impl Ports {
    /// TCP first: QUIC costs more processor time, and some networks carry no UDP between hosts.
    pub(crate) fn at(self, ip: Ipv4Addr) -> Vec<Multiaddr> {
        let base = Multiaddr::empty().with(Protocol::Ip4(ip));
        let tcp = self.tcp.map(|port| base.clone().with(Protocol::Tcp(port)));
        let quic = self.quic.map(|port| {
            base.clone()
                .with(Protocol::Udp(port))
                .with(Protocol::QuicV1)
        });
        tcp.into_iter().chain(quic).collect()
    }

    /// Learns from an address this Muster listens on.
    pub(crate) fn learn(&mut self, addr: &Multiaddr) {
        let parts: Vec<_> = addr.iter().take(3).collect();
        match parts.as_slice() {
            [Protocol::Ip4(_), Protocol::Tcp(port)] => self.tcp = Some(*port),
            [Protocol::Ip4(_), Protocol::Udp(port), Protocol::QuicV1] => self.quic = Some(*port),
            _ => {}
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beacon {
    pub(crate) id: TransportId,
    pub(crate) ports: Ports,
    pub(crate) answer: bool,
    pub(crate) purpose: Purpose,
}

impl Beacon {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let id = self.id.to_bytes();
        let mut bytes = Vec::with_capacity(11 + id.len());
        bytes.extend(MAGIC);
        bytes.push(VERSION);
        let answer = if self.answer { ANSWER } else { 0 };
        let pairing = match self.purpose {
            Purpose::Sessions => 0,
            Purpose::Pairing => PAIRING,
        };
        bytes.push(answer | pairing);
        bytes.extend(self.ports.tcp.unwrap_or(0).to_be_bytes());
        bytes.extend(self.ports.quic.unwrap_or(0).to_be_bytes());
        bytes.push(u8::try_from(id.len()).unwrap_or(0));
        bytes.extend(id);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_BEACON {
            return None;
        }
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let ([version, flags, t0, t1, q0, q1, length], rest) = rest.split_first_chunk::<7>()?;
        if *magic != MAGIC || *version != VERSION {
            return None;
        }
        let id = TransportId::from_bytes(rest.get(..usize::from(*length))?)?;
        let port = |bytes| Some(u16::from_be_bytes(bytes)).filter(|port| *port != 0);
        let ports = Ports {
            tcp: port([*t0, *t1]),
            quic: port([*q0, *q1]),
        };
        Some(Self {
            id,
            ports,
            answer: flags & ANSWER != 0,
            purpose: match flags & PAIRING {
                0 => Purpose::Sessions,
                _ => Purpose::Pairing,
            },
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use libp2p::PeerId;
    use libp2p::identity::Keypair;

    use super::*;

    fn sample() -> Beacon {
        let key = Keypair::ed25519_from_bytes([7; 32]).unwrap();
        let ports = Ports {
            tcp: Some(4001),
            quic: None,
        };
        Beacon {
            id: TransportId(PeerId::from(key.public())),
            ports,
            answer: true,
            purpose: Purpose::Sessions,
        }
    }

    #[test]
    fn a_beacon_round_trips_and_has_these_bytes() {
        let bytes = sample().encode();
        assert_eq!(bytes.len(), 49);
        assert_eq!(bytes[..11], *b"MUST\x01\x01\x0f\xa1\x00\x00\x26");
        assert_eq!(Beacon::decode(&bytes), Some(sample()));
        let pairing = Beacon {
            purpose: Purpose::Pairing,
            ..sample()
        };
        assert_eq!(pairing.encode()[5], 3);
        assert_eq!(Beacon::decode(&pairing.encode()), Some(pairing));
        let mut later = bytes.clone();
        later.extend([1, 2, 3]);
        assert_eq!(Beacon::decode(&later), Some(sample()));
    }

    #[test]
    fn what_is_no_beacon_is_none() {
        let bytes = sample().encode();
        for end in 0..bytes.len() {
            assert_eq!(Beacon::decode(&bytes[..end]), None);
        }
        let mut other = bytes.clone();
        other[4] = 2;
        assert_eq!(Beacon::decode(&other), None);
        let mut long = bytes;
        long.resize(MAX_BEACON + 1, 0);
        assert_eq!(Beacon::decode(&long), None);
    }

    #[test]
    fn ports_come_from_listening_addresses() {
        let mut ports = Ports::default();
        ports.learn(&"/ip4/10.0.0.1/tcp/5".parse().unwrap());
        ports.learn(&"/ip4/10.0.0.1/udp/6/quic-v1".parse().unwrap());
        ports.learn(&"/ip6/::1/tcp/7".parse().unwrap());
        assert_eq!(
            ports,
            Ports {
                tcp: Some(5),
                quic: Some(6)
            }
        );
        let addrs: Vec<_> = ports
            .at(Ipv4Addr::new(10, 0, 0, 2))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            addrs,
            ["/ip4/10.0.0.2/tcp/5", "/ip4/10.0.0.2/udp/6/quic-v1"]
        );
    }
}
