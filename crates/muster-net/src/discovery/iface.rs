//! Interfaces, and sockets bound to one of them.
//!
//! A gym's network has no default route, so nothing may be left to routing: each interface gets a
//! socket that is told to send multicast out of it and, where the kernel allows, tied to it by name
//! (two interfaces may have the same subnet).

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use if_addrs::{IfAddr, get_if_addrs};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::net::UdpSocket;

/// What an interface has of one family. The index is a part of it: a device that was pulled out and
/// put back is another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Iface {
    pub(crate) name: String,
    pub(crate) index: u32,
    pub(crate) at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum At {
    V4 {
        ip: Ipv4Addr,
        broadcast: Ipv4Addr,
    },
    /// Of IPv6 an interface has one address that is good for beacons, whichever it is.
    V6,
}

impl Iface {
    fn is_loopback(&self) -> bool {
        matches!(self.at, At::V4 { ip, .. } if ip.is_loopback())
    }

    pub(crate) fn is_v6(&self) -> bool {
        self.at == At::V6
    }

    /// Where its beacons go.
    pub(crate) fn targets(&self, groups: &Groups) -> Vec<SocketAddr> {
        match self.at {
            // A loopback interface has no multicast; its broadcast reaches this machine.
            At::V4 { broadcast, .. } if self.is_loopback() => {
                vec![SocketAddrV4::new(broadcast, groups.port).into()]
            }
            At::V4 { broadcast, .. } => [broadcast, groups.v4]
                .map(|ip| SocketAddrV4::new(ip, groups.port).into())
                .into(),
            At::V6 => vec![SocketAddrV6::new(groups.v6, groups.port, 0, self.index).into()],
        }
    }
}

impl fmt::Display for Iface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            At::V4 { ip, .. } => write!(f, "{} {ip}", self.name),
            At::V6 => write!(f, "{} IPv6", self.name),
        }
    }
}

/// The groups and the port that all devices of a link agree on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Groups {
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
    pub(crate) port: u16,
}

/// Up to `most` of them, real ones before the loopback.
pub(crate) fn list(most: usize) -> Vec<Iface> {
    let mut found: Vec<Iface> = get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter_map(|iface| {
            let at = match &iface.addr {
                IfAddr::V4(v4) => {
                    let reach = u32::from(v4.ip) | !u32::from(v4.netmask);
                    let broadcast = v4.broadcast.unwrap_or(Ipv4Addr::from(reach));
                    (v4.ip != broadcast).then_some(At::V4 {
                        ip: v4.ip,
                        broadcast,
                    })?
                }
                // The loopback is served by IPv4.
                IfAddr::V6(v6) => (!v6.ip.is_loopback()).then_some(At::V6)?,
            };
            (!iface.is_p2p).then(|| Iface {
                name: iface.name.clone(),
                index: iface.index.unwrap_or(0),
                at,
            })
        })
        .filter(|iface| !iface.is_v6() || iface.index != 0)
        .collect();
    found.sort();
    found.dedup();
    found.sort_by_key(Iface::is_loopback);
    found.truncate(most);
    found
}

/// How many of them lead anywhere.
pub(crate) fn outward(ifaces: &[Iface]) -> usize {
    let names: std::collections::BTreeSet<&str> = ifaces
        .iter()
        .filter(|iface| !iface.is_loopback())
        .map(|iface| iface.name.as_str())
        .collect();
    names.len()
}

fn socket(v6: bool) -> io::Result<Socket> {
    let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if v6 {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// The socket on the beacon's port. Several programs of one machine may share the port.
pub(crate) fn common_socket(v6: bool, port: u16) -> io::Result<UdpSocket> {
    let socket = socket(v6)?;
    socket.set_reuse_address(true)?;
    let at: SocketAddr = if v6 {
        (Ipv6Addr::UNSPECIFIED, port).into()
    } else {
        (Ipv4Addr::UNSPECIFIED, port).into()
    };
    socket.bind(&at.into())?;
    UdpSocket::from_std(socket.into())
}

/// The socket of one interface, on a port of its own.
pub(crate) fn own_socket(iface: &Iface) -> io::Result<UdpSocket> {
    let socket = socket(iface.is_v6())?;
    let at: SocketAddr = match iface.at {
        At::V4 { ip, .. } => {
            socket.set_broadcast(true)?;
            socket.set_multicast_if_v4(&ip)?;
            socket.set_multicast_ttl_v4(1)?;
            socket.set_multicast_loop_v4(true)?;
            (ip, 0).into()
        }
        // An address that is still being tried out cannot be bound to, so none is.
        At::V6 => {
            socket.set_multicast_if_v6(iface.index)?;
            socket.set_multicast_hops_v6(1)?;
            socket.set_multicast_loop_v6(true)?;
            (Ipv6Addr::UNSPECIFIED, 0).into()
        }
    };
    #[cfg(target_os = "linux")]
    if let Err(e) = socket.bind_device(Some(iface.name.as_bytes())) {
        tracing::debug!(%iface, error = %e, "bound by address only");
    }
    socket.bind(&at.into())?;
    UdpSocket::from_std(socket.into())
}

/// Has the common socket hear the group on an interface.
pub(crate) fn join(common: &UdpSocket, iface: &Iface, groups: &Groups) {
    if iface.is_loopback() {
        return;
    }
    let socket = socket2::SockRef::from(common);
    let joined = match iface.at {
        At::V4 { ip, .. } => socket.join_multicast_v4_n(&groups.v4, &which(iface, ip)),
        At::V6 => socket.join_multicast_v6(&groups.v6, iface.index),
    };
    match joined {
        Ok(()) => {}
        // Joined before, under another address.
        Err(e) if e.kind() == io::ErrorKind::AddrInUse => {}
        Err(e) => tracing::debug!(%iface, error = %e, "no multicast"),
    }
}

/// The kernel gives a socket few memberships, and those of devices that are gone count.
pub(crate) fn leave(common: &UdpSocket, iface: &Iface, groups: &Groups) {
    if iface.is_loopback() {
        return;
    }
    let socket = socket2::SockRef::from(common);
    let left = match iface.at {
        At::V4 { ip, .. } => socket.leave_multicast_v4_n(&groups.v4, &which(iface, ip)),
        At::V6 => socket.leave_multicast_v6(&groups.v6, iface.index),
    };
    if let Err(e) = left {
        tracing::trace!(%iface, error = %e, "had not joined");
    }
}

fn which(iface: &Iface, ip: Ipv4Addr) -> InterfaceIndexOrAddress {
    match iface.index {
        0 => InterfaceIndexOrAddress::Address(ip),
        index => InterfaceIndexOrAddress::Index(index),
    }
}
