//! TCP to addresses that are good on one link only: `/ip6zone/eth0/ip6/fe80::1/tcp/4001`, the zone by
//! name or number. libp2p's own TCP transport drops the zone; everything else is left to it.
//!
//! Without this, two laptops on a cable, with no DHCP and no IPv4, could hear each other's beacons
//! and never connect.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use libp2p::Multiaddr;
use libp2p::core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::multiaddr::Protocol;
use libp2p::{core::Transport, tcp};

pub(crate) struct Zoned(pub(crate) tcp::tokio::Transport);

type Inner = tcp::tokio::Transport;

impl Transport for Zoned {
    type Output = <Inner as Transport>::Output;
    type Error = io::Error;
    type ListenerUpgrade = <Inner as Transport>::ListenerUpgrade;
    type Dial = BoxFuture<'static, io::Result<Self::Output>>;

    fn listen_on(
        &mut self,
        id: ListenerId,
        addr: Multiaddr,
    ) -> Result<(), TransportError<Self::Error>> {
        self.0.listen_on(id, addr)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.0.remove_listener(id)
    }

    fn dial(
        &mut self,
        addr: Multiaddr,
        opts: DialOpts,
    ) -> Result<Self::Dial, TransportError<Self::Error>> {
        match parse(&addr) {
            None => self.0.dial(addr, opts),
            Some((zone, ip, port)) => Ok(Box::pin(async move {
                let to = SocketAddrV6::new(ip, port, 0, index_of(&zone)?);
                let stream = tokio::net::TcpStream::connect(to).await?;
                stream.set_nodelay(true)?;
                Ok(tcp::tokio::TcpStream(stream))
            })),
        }
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        Pin::new(&mut self.0).poll(cx)
    }
}

fn parse(addr: &Multiaddr) -> Option<(String, Ipv6Addr, u16)> {
    let mut parts = addr.iter();
    let zone = match parts.next()? {
        Protocol::Ip6zone(zone) => zone.into_owned(),
        _ => return None,
    };
    match (parts.next()?, parts.next()?) {
        (Protocol::Ip6(ip), Protocol::Tcp(port)) if port != 0 => Some((zone, ip, port)),
        _ => None,
    }
}

fn index_of(zone: &str) -> io::Result<u32> {
    if let Ok(index) = zone.parse() {
        return Ok(index);
    }
    if_addrs::get_if_addrs()?
        .into_iter()
        .find(|iface| iface.name == zone)
        .and_then(|iface| iface.index)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NetworkUnreachable, "no such interface"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_read_and_other_addresses_are_not_ours() {
        let parsed = |text: &str| parse(&text.parse().unwrap());
        let found = parsed("/ip6zone/eth0/ip6/fe80::1/tcp/5").unwrap();
        assert_eq!((found.0.as_str(), found.2), ("eth0", 5));
        let peer = libp2p::PeerId::random();
        let named = parsed(&format!("/ip6zone/3/ip6/fe80::1/tcp/5/p2p/{peer}"));
        assert_eq!(named.unwrap().0, "3");
        assert_eq!(parsed("/ip6/fe80::1/tcp/5"), None);
        assert_eq!(parsed("/ip6zone/3/ip6/fe80::1/udp/5/quic-v1"), None);
        assert_eq!(index_of("7").unwrap(), 7);
        assert!(index_of("no such interface").is_err());
    }
}
