//! What this Muster says on a link, and what it makes of what it hears: the sealed beacon of
//! `muster_log::beacon` between members, the one in clear about pairing.
//!
//! No sockets here, and no clock. Bytes and their meaning are `muster-log`'s.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use muster_log::beacon::{self, Inviting, Said, Sealer, TRANSPORT_LEN, Unopened, Voice};
use muster_log::session::VERSION;
use tokio::sync::watch;

use crate::event::TransportId;
use crate::limits::Purpose;

/// Where a Muster listens, on whatever address of one family its beacon comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Doors {
    pub(crate) tcp: Option<u16>,
    pub(crate) quic: Option<u16>,
}

impl Doors {
    fn of(tcp: u16, quic: u16) -> Self {
        let port = |port| (port != 0).then_some(port);
        Self {
            tcp: port(tcp),
            quic: port(quic),
        }
    }

    /// TCP first: QUIC costs more processor time, and some networks carry no UDP between hosts.
    /// QUIC knows no zones, so an address that is good on one link only is dialled by TCP alone.
    pub(crate) fn at(self, from: SocketAddr) -> Vec<Multiaddr> {
        let (base, zoned) = match from {
            SocketAddr::V4(v4) => (Multiaddr::empty().with(Protocol::Ip4(*v4.ip())), false),
            SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => {
                let zone = Protocol::Ip6zone(v6.scope_id().to_string().into());
                let base = Multiaddr::empty().with(zone);
                (base.with(Protocol::Ip6(*v6.ip())), true)
            }
            SocketAddr::V6(v6) => (Multiaddr::empty().with(Protocol::Ip6(*v6.ip())), false),
        };
        let tcp = self.tcp.map(|port| base.clone().with(Protocol::Tcp(port)));
        let quic = self.quic.filter(|_| !zoned).map(|port| {
            base.clone()
                .with(Protocol::Udp(port))
                .with(Protocol::QuicV1)
        });
        tcp.into_iter().chain(quic).collect()
    }
}

/// The doors of each family: their ports are not the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ports {
    v4: Doors,
    v6: Doors,
}

impl Ports {
    /// Learns from an address this Muster listens on.
    pub(crate) fn learn(&mut self, addr: &Multiaddr) {
        let parts: Vec<_> = addr.iter().take(3).collect();
        let doors = match parts.first() {
            Some(Protocol::Ip4(_)) => &mut self.v4,
            Some(Protocol::Ip6(_)) => &mut self.v6,
            _ => return,
        };
        match parts.get(1..) {
            Some([Protocol::Tcp(port)]) => doors.tcp = Some(*port),
            Some([Protocol::Udp(port), Protocol::QuicV1]) => doors.quic = Some(*port),
            _ => {}
        }
    }

    fn towards(self, v6: bool) -> Doors {
        if v6 { self.v6 } else { self.v4 }
    }
}

/// How this Muster stands, as the driver knows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mood {
    pub(crate) seeks: bool,
    pub(crate) full: bool,
}

/// A beacon that was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) id: TransportId,
    pub(crate) doors: Doors,
    pub(crate) answer: bool,
    /// Its number, where it has one.
    pub(crate) beat: Option<u64>,
    pub(crate) signs: Signs,
}

/// What a beacon says about whether its maker is worth a dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signs {
    /// It has what this device has.
    pub(crate) level: bool,
    /// It looks for neighbours itself.
    pub(crate) seeks: bool,
    /// It takes no more.
    pub(crate) full: bool,
    /// It can open our beacons.
    pub(crate) hears: bool,
}

impl Signs {
    /// Of a beacon that says nothing of all that.
    pub(crate) const NONE: Self = Self {
        level: false,
        seeks: true,
        full: false,
        hears: true,
    };
}

/// Why a datagram is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deaf {
    /// Our own, or of the other purpose.
    NotForUs,
    NotOne,
    OtherVersion,
    OtherIncident,
}

/// How beacons are made and read.
pub(crate) enum Tongue {
    Sessions {
        voice: watch::Receiver<Option<Voice>>,
        sealer: Box<Mutex<Sealer>>,
    },
    Pairing,
}

pub(crate) struct Mouth {
    pub(crate) me: TransportId,
    pub(crate) tongue: Tongue,
    pub(crate) ports: watch::Receiver<Ports>,
    pub(crate) mood: watch::Receiver<Mood>,
}

impl Mouth {
    /// The next beacon, for a link of this family; `None` while nothing is to be said.
    pub(crate) fn say(&self, v6: bool, answer: bool) -> Option<Vec<u8>> {
        let doors = self.ports.borrow().towards(v6);
        let transport: [u8; TRANSPORT_LEN] = self.me.to_bytes().try_into().ok()?;
        let (tcp, quic) = (doors.tcp.unwrap_or(0), doors.quic.unwrap_or(0));
        match &self.tongue {
            Tongue::Pairing => Some(
                Inviting {
                    answer,
                    tcp,
                    quic,
                    transport,
                }
                .to_bytes(),
            ),
            Tongue::Sessions { voice, sealer } => {
                let Mood { seeks, full } = *self.mood.borrow();
                let said = Said {
                    session: VERSION,
                    answer,
                    seeks,
                    full,
                    tcp,
                    quic,
                    transport,
                };
                let voice = voice.borrow();
                let mut sealer = sealer.lock().unwrap_or_else(PoisonError::into_inner);
                Some(sealer.seal(voice.as_ref()?, &said))
            }
        }
    }

    /// Whether anything is said or read at all.
    pub(crate) fn is_silent(&self) -> bool {
        match &self.tongue {
            Tongue::Pairing => false,
            Tongue::Sessions { voice, .. } => voice.borrow().is_none(),
        }
    }

    /// Reads a datagram.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Heard, Deaf> {
        let heard = match &self.tongue {
            Tongue::Pairing => {
                let inviting = Inviting::from_bytes(bytes).map_err(|e| match e {
                    Unopened::NotOne => Deaf::NotOne,
                    // The members' beacons, most likely.
                    Unopened::OtherVersion | Unopened::Closed => Deaf::NotForUs,
                })?;
                Heard {
                    id: TransportId::from_bytes(&inviting.transport).ok_or(Deaf::NotOne)?,
                    doors: Doors::of(inviting.tcp, inviting.quic),
                    answer: inviting.answer,
                    beat: None,
                    signs: Signs::NONE,
                }
            }
            Tongue::Sessions { voice, .. } => {
                let voice = voice.borrow().clone().ok_or(Deaf::NotForUs)?;
                let opened = beacon::open(&voice, bytes).map_err(|e| match e {
                    Unopened::NotOne => Deaf::NotOne,
                    Unopened::Closed => Deaf::OtherIncident,
                    Unopened::OtherVersion if Inviting::from_bytes(bytes).is_ok() => Deaf::NotForUs,
                    Unopened::OtherVersion => Deaf::OtherVersion,
                })?;
                let said = opened.said;
                if said.session != VERSION {
                    return Err(Deaf::OtherVersion);
                }
                Heard {
                    id: TransportId::from_bytes(&said.transport).ok_or(Deaf::NotOne)?,
                    doors: Doors::of(said.tcp, said.quic),
                    answer: said.answer,
                    beat: Some(opened.beat),
                    signs: Signs {
                        level: opened.level,
                        seeks: said.seeks,
                        full: said.full,
                        hears: opened.current,
                    },
                }
            }
        };
        if heard.id == self.me {
            return Err(Deaf::NotForUs);
        }
        Ok(heard)
    }
}

/// What a network of this purpose speaks.
pub(crate) fn tongue(
    purpose: Purpose,
    voice: watch::Receiver<Option<Voice>>,
    seed: [u8; 32],
) -> Tongue {
    match purpose {
        Purpose::Pairing => Tongue::Pairing,
        Purpose::Sessions => Tongue::Sessions {
            voice,
            sealer: Box::new(Mutex::new(Sealer::new(seed))),
        },
    }
}

/// An address without what tells its places apart.
pub(crate) fn plain(from: SocketAddr) -> IpAddr {
    from.ip().to_canonical()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use libp2p::PeerId;
    use libp2p::identity::Keypair;

    use super::*;

    fn mouth(key: u8, purpose: Purpose, secret: u8, frontier: u8) -> Mouth {
        let key = Keypair::ed25519_from_bytes([key; 32]).unwrap();
        let mut ports = Ports::default();
        ports.learn(&"/ip4/10.0.0.1/tcp/5".parse().unwrap());
        ports.learn(&"/ip4/10.0.0.1/udp/6/quic-v1".parse().unwrap());
        ports.learn(&"/ip6/fe80::1/tcp/7".parse().unwrap());
        let voice = Voice::new(vec![[secret; 32]], [frontier; 32]);
        Mouth {
            me: TransportId(PeerId::from(key.public())),
            tongue: tongue(purpose, watch::channel(voice).1, [9; 32]),
            ports: watch::channel(ports).1,
            mood: watch::channel(Mood {
                seeks: true,
                full: false,
            })
            .1,
        }
    }

    #[test]
    fn members_understand_one_another_and_nobody_else() {
        let (a, b) = (
            mouth(1, Purpose::Sessions, 5, 1),
            mouth(2, Purpose::Sessions, 5, 2),
        );
        let said = a.say(false, false).unwrap();
        let heard = b.read(&said).unwrap();
        assert_eq!((heard.id, heard.beat), (a.me, Some(1)));
        assert_eq!((heard.doors.tcp, heard.doors.quic), (Some(5), Some(6)));
        assert!(!heard.signs.level && heard.signs.hears && heard.signs.seeks);
        assert_eq!(a.read(&said), Err(Deaf::NotForUs), "oneself");
        let stranger = mouth(3, Purpose::Sessions, 6, 1);
        assert_eq!(stranger.read(&said), Err(Deaf::OtherIncident));
        let joining = mouth(4, Purpose::Pairing, 5, 1);
        assert_eq!(joining.read(&said), Err(Deaf::NotForUs));
        let pairing = joining.say(false, true).unwrap();
        assert_eq!(b.read(&pairing), Err(Deaf::NotForUs));
        assert_eq!(b.read(b"MUSzz"), Err(Deaf::OtherVersion));
        assert_eq!(b.read(b"hello"), Err(Deaf::NotOne));
        let inviting = mouth(5, Purpose::Pairing, 5, 1);
        assert_eq!(inviting.read(&pairing).unwrap().id, joining.me);
    }

    #[test]
    fn without_a_voice_nothing_is_said_or_read() {
        let a = mouth(1, Purpose::Sessions, 5, 1);
        let said = a.say(false, false).unwrap();
        let mut b = mouth(2, Purpose::Sessions, 5, 1);
        b.tongue = tongue(Purpose::Sessions, watch::channel(None).1, [1; 32]);
        assert!(b.is_silent() && !a.is_silent());
        assert_eq!(b.say(false, false), None);
        assert_eq!(b.read(&said), Err(Deaf::NotForUs));
    }

    #[test]
    fn doors_are_those_of_the_family() {
        let (a, b) = (
            mouth(1, Purpose::Sessions, 5, 1),
            mouth(2, Purpose::Sessions, 5, 1),
        );
        let shown = |v6, from: &str| -> Vec<String> {
            let heard = b.read(&a.say(v6, false).unwrap()).unwrap();
            let addrs = heard.doors.at(from.parse().unwrap());
            addrs.iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            shown(false, "10.0.0.2:9"),
            ["/ip4/10.0.0.2/tcp/5", "/ip4/10.0.0.2/udp/6/quic-v1"]
        );
        assert_eq!(
            shown(true, "[fe80::2%3]:9"),
            ["/ip6zone/3/ip6/fe80::2/tcp/7"]
        );
        assert_eq!(shown(true, "[fd00::2]:9"), ["/ip6/fd00::2/tcp/7"]);
    }
}
