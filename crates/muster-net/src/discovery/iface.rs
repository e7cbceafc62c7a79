//! Interfaces, and sockets bound to one of them.
//!
//! A gym's network has no default route, so nothing may be left to routing: each interface gets a
//! socket that is bound to its address, told to send multicast out of it, and, where the kernel
//! allows, tied to it by name (two interfaces may have the same subnet).

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use if_addrs::{IfAddr, get_if_addrs};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

/// An IPv4 address on an interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Iface {
    pub(crate) name: String,
    pub(crate) ip: Ipv4Addr,
    pub(crate) broadcast: Ipv4Addr,
}

impl fmt::Display for Iface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.ip)
    }
}

/// Up to `most` of them, real ones before the loopback.
pub(crate) fn list(most: usize) -> Vec<Iface> {
    let mut found: Vec<Iface> = get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter_map(|iface| {
            let IfAddr::V4(v4) = &iface.addr else {
                return None;
            };
            let reach = u32::from(v4.ip) | !u32::from(v4.netmask);
            let broadcast = v4.broadcast.unwrap_or(Ipv4Addr::from(reach));
            (!iface.is_p2p && v4.ip != broadcast).then(|| Iface {
                name: iface.name.clone(),
                ip: v4.ip,
                broadcast,
            })
        })
        .collect();
    found.sort();
    found.dedup();
    found.sort_by_key(|iface| iface.ip.is_loopback());
    found.truncate(most);
    found
}

/// The socket on the beacon's port. Several programs of one machine may share the port.
pub(crate) fn common_socket(port: u16) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into())?;
    UdpSocket::from_std(socket.into())
}

/// The socket of one interface, on a port of its own.
pub(crate) fn own_socket(iface: &Iface) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_broadcast(true)?;
    socket.set_multicast_if_v4(&iface.ip)?;
    socket.set_multicast_ttl_v4(1)?;
    socket.set_multicast_loop_v4(true)?;
    #[cfg(target_os = "linux")]
    if let Err(e) = socket.bind_device(Some(iface.name.as_bytes())) {
        tracing::debug!(%iface, error = %e, "bound by address only");
    }
    socket.bind(&SocketAddrV4::new(iface.ip, 0).into())?;
    UdpSocket::from_std(socket.into())
}
