//! What the swarm says: listeners, connections, failures.

use std::time::Instant;

use libp2p::PeerId;
use libp2p::core::ConnectedPoint;
use libp2p::swarm::{ConnectionId, DialError, ListenError, SwarmEvent};

use super::{Driver, reasons};
use crate::behaviour::{Denied, Said, ip_of};
use crate::conns::Phase;
use crate::event::{DialFailure, NetEvent, RefuseReason, TransportId};

impl Driver {
    pub(super) fn on_swarm(&mut self, event: SwarmEvent<Said>) {
        match event {
            SwarmEvent::Behaviour(said) => self.on_said(said),
            SwarmEvent::NewListenAddr { address, .. } => {
                self.ports.send_modify(|ports| ports.learn(&address));
                self.tell_surely(NetEvent::Listening { addr: address });
            }
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                self.established(TransportId(peer_id), connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed {
                connection_id,
                cause,
                ..
            } => {
                self.closed(connection_id, cause.as_ref());
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                peer_id,
                error,
            } => {
                self.dial_failed(connection_id, peer_id, &error);
            }
            SwarmEvent::IncomingConnectionError {
                send_back_addr,
                peer_id,
                error,
                ..
            } => {
                let reason = match &error {
                    ListenError::Denied { cause } => match cause.downcast_ref::<Denied>() {
                        Some(Denied(reason)) => *reason,
                        None => RefuseReason::Full,
                    },
                    ListenError::Transport(_) | ListenError::WrongPeerId { .. } => {
                        RefuseReason::Handshake
                    }
                    // A dial of our own to ourselves, or the end of everything.
                    ListenError::LocalPeerId { .. } | ListenError::Aborted => return,
                };
                tracing::debug!(remote = %send_back_addr, %error, "inbound refused");
                let known = ip_of(&send_back_addr).is_some_and(|ip| self.conns.touches(ip));
                if reason == RefuseReason::Handshake && known {
                    // A peer that dropped its duplicate before our half of the handshake was done.
                    self.stats.duplicates += 1;
                    return;
                }
                *self.stats.refused.entry(reason).or_default() += 1;
                let peer = peer_id.map(TransportId);
                self.tell(NetEvent::Refused {
                    remote: send_back_addr,
                    peer,
                    reason,
                });
            }
            SwarmEvent::ListenerClosed {
                addresses, reason, ..
            } => {
                tracing::warn!(?addresses, ?reason, "a listener has closed");
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::debug!(%error, "a listener met an error");
            }
            _ => {}
        }
    }

    fn established(&mut self, peer: TransportId, connection: ConnectionId, at: &ConnectedPoint) {
        let outbound = at.is_dialer();
        if let Some(target) = self.dials.remove(&connection) {
            self.dialer.reached(&target, peer);
        }
        let remote = at.get_remote_address().clone();
        let conn = self
            .conns
            .open(connection, peer, remote, outbound, Instant::now());
        tracing::debug!(%conn, %peer, outbound, "encrypted");
        if self.conns.len() > self.limits.connections()
            && !self.give_way(conn, &[Phase::Opening, Phase::Agreeing])
        {
            self.refuse(conn, RefuseReason::Full);
        }
    }

    fn closed(&mut self, connection: ConnectionId, cause: Option<&libp2p::swarm::ConnectionError>) {
        let Some(conn) = self.conns.find(connection) else {
            return;
        };
        let rival = self.conns.has_rival(conn);
        let Some(entry) = self.conns.get_mut(conn) else {
            return;
        };
        entry.gone = true;
        let reason = reasons::of_close(cause);
        tracing::debug!(%conn, ?reason, "connection closed");
        entry.verdict.send_if_modified(|verdict| {
            let first = verdict.is_none();
            if first {
                *verdict = Some(reason);
            }
            first
        });
        let (peer, phase, tasked) = (entry.peer, entry.phase, entry.tasked);
        if phase == Phase::Opening {
            // It went before it offered a session: a duplicate the other side dropped, or refused.
            if rival {
                self.stats.duplicates += 1;
            } else {
                self.count_refusal(conn, RefuseReason::NotSpoken);
            }
        }
        if phase == Phase::Kept {
            self.dialer.unlinked(Instant::now(), peer);
        }
        if !tasked {
            self.conns.remove(conn);
        }
    }

    pub(super) fn dial_failed(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        error: &DialError,
    ) {
        let Some(target) = self.dials.remove(&connection) else {
            return;
        };
        self.stats.dials_failed += 1;
        let now = Instant::now();
        let reason = match peer.and_then(|p| self.swarm.behaviour().banned(&p, now)) {
            Some(left) => DialFailure::Banned(left),
            None => reasons::of_dial(error),
        };
        tracing::debug!(?target, %reason, "dial failed");
        let tell = self
            .dialer
            .failed(now, &target, reason == DialFailure::Oneself);
        if tell
            && let crate::dialer::Target::Given(addr) | crate::dialer::Target::Once(addr) = target
        {
            self.tell(NetEvent::DialFailed { addr, reason });
        }
    }
}
