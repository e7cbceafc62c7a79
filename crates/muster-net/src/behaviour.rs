//! The swarm's hooks: who may connect at all, and the streams that connections hand up.
//!
//! No decision about duplicates or dials is taken here; that is `conns` and `dialer`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandlerInEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use crate::event::RefuseReason;
use crate::handler::{FromHandler, Handler};
use crate::limits::{Limits, Purpose};

/// The span over which connections from one address are counted.
const SPAN: Duration = Duration::from_secs(10);
/// Addresses counted at once; the oldest count gives way.
const COUNTED: usize = 256;

/// What a connection's handler said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) connection: ConnectionId,
    pub(crate) what: FromHandler,
}

pub(crate) struct Muster {
    purpose: Purpose,
    patience: Duration,
    per_ip: u32,
    max_pending: usize,
    max_pending_per_ip: usize,
    pending: HashMap<ConnectionId, Option<IpAddr>>,
    max_bans: usize,
    bans: BTreeMap<PeerId, Instant>,
    counts: BTreeMap<IpAddr, (Instant, u32)>,
    out: VecDeque<Said>,
    waker: Option<Waker>,
}

/// Carried in a [`ConnectionDenied`], to be found again in the swarm's event.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Denied(pub(crate) RefuseReason);

impl Muster {
    pub(crate) fn new(limits: &Limits, purpose: Purpose) -> Self {
        Self {
            purpose,
            patience: limits.handshake,
            per_ip: limits.per_ip_in_10s,
            max_pending: limits.pending_in,
            max_pending_per_ip: limits.pending_per_ip,
            pending: HashMap::new(),
            max_bans: limits.bans,
            bans: BTreeMap::new(),
            counts: BTreeMap::new(),
            out: VecDeque::new(),
            waker: None,
        }
    }

    pub(crate) fn ban(&mut self, peer: PeerId, until: Instant) {
        let now = Instant::now();
        self.bans.retain(|_, until| *until > now);
        if self.bans.len() >= self.max_bans
            && let Some(first) = self
                .bans
                .iter()
                .min_by_key(|(_, until)| **until)
                .map(|(p, _)| *p)
        {
            self.bans.remove(&first);
        }
        self.bans.insert(peer, until);
    }

    /// For how long a peer is still banned.
    pub(crate) fn banned(&self, peer: &PeerId, now: Instant) -> Option<Duration> {
        let left = self.bans.get(peer)?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    fn admit(&self, peer: &PeerId) -> Result<(), ConnectionDenied> {
        match self.banned(peer, Instant::now()) {
            Some(_) => Err(ConnectionDenied::new(Denied(RefuseReason::Banned))),
            None => Ok(()),
        }
    }

    fn count(&mut self, remote: &Multiaddr) -> Result<(), ConnectionDenied> {
        let Some(ip) = ip_of(remote) else {
            return Ok(());
        };
        let now = Instant::now();
        if self.counts.len() >= COUNTED && !self.counts.contains_key(&ip) {
            self.counts
                .retain(|_, (since, _)| now.duration_since(*since) < SPAN);
            if self.counts.len() >= COUNTED
                && let Some(old) = self
                    .counts
                    .iter()
                    .min_by_key(|(_, (t, _))| *t)
                    .map(|(ip, _)| *ip)
            {
                self.counts.remove(&old);
            }
        }
        let (since, count) = self.counts.entry(ip).or_insert((now, 0));
        if now.duration_since(*since) >= SPAN {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        if *count > self.per_ip {
            return Err(ConnectionDenied::new(Denied(RefuseReason::TooFast)));
        }
        Ok(())
    }
}

pub(crate) fn ip_of(addr: &Multiaddr) -> Option<IpAddr> {
    let mut parts = addr.iter();
    let first = match parts.next()? {
        Protocol::Ip6zone(_) => parts.next()?,
        first => first,
    };
    match first {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    }
}

impl NetworkBehaviour for Muster {
    type ConnectionHandler = Handler;
    type ToSwarm = Said;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.count(remote)?;
        let ip = ip_of(remote);
        let same = self.pending.values().filter(|other| **other == ip).count();
        if self.pending.len() >= self.max_pending || same >= self.max_pending_per_ip {
            return Err(ConnectionDenied::new(Denied(RefuseReason::Full)));
        }
        self.pending.insert(id, ip);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        self.pending.remove(&id);
        self.admit(&peer)?;
        Ok(Handler::new(false, self.patience, self.purpose))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        self.admit(&peer)?;
        Ok(Handler::new(true, self.patience, self.purpose))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ListenFailure(failure) = event {
            self.pending.remove(&failure.connection_id);
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        connection: ConnectionId,
        what: FromHandler,
    ) {
        // At most two a connection, and connections are counted: bounded.
        self.out.push_back(Said { connection, what });
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Said, THandlerInEvent<Self>>> {
        if let Some(said) = self.out.pop_front() {
            return Poll::Ready(ToSwarm::GenerateEvent(said));
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
