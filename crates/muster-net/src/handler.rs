//! One connection's substreams: the session and the pulse, opened by the side that dialled.
//!
//! The handler only negotiates; each negotiated stream is handed up once and then belongs to a task
//! of its own. Nothing else is spoken: no identify, no ping, so that a stranger's program learns
//! two protocol names and no more.

use std::array;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::Stream;
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, SubstreamProtocol};

use crate::limits::Purpose;

/// The protocol of the frames.
pub(crate) const SESSION: &str = "/muster/session/1";
/// The protocol of the frames, where the network is for pairing.
pub(crate) const PAIR: &str = "/muster/pair/1";
/// The protocol of the heartbeat.
pub(crate) const PULSE: &str = "/muster/pulse/1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Session,
    Pulse,
}

impl Kind {
    const fn name(self, purpose: Purpose) -> &'static str {
        match (self, purpose) {
            (Self::Session, Purpose::Sessions) => SESSION,
            (Self::Session, Purpose::Pairing) => PAIR,
            (Self::Pulse, _) => PULSE,
        }
    }
}

/// What a connection tells the behaviour.
#[derive(Debug)]
pub(crate) enum FromHandler {
    Opened(Kind, Stream),
    /// The other side does not speak it, or not in time.
    NotOpened(Kind),
}

pub(crate) struct Handler {
    dialler: bool,
    patience: Duration,
    purpose: Purpose,
    to_open: VecDeque<Kind>,
    session_seen: bool,
    pulse_seen: bool,
    out: VecDeque<FromHandler>,
}

impl Handler {
    pub(crate) fn new(dialler: bool, patience: Duration, purpose: Purpose) -> Self {
        let to_open = if dialler {
            VecDeque::from([Kind::Session, Kind::Pulse])
        } else {
            VecDeque::new()
        };
        Self {
            dialler,
            patience,
            purpose,
            to_open,
            session_seen: false,
            pulse_seen: false,
            out: VecDeque::new(),
        }
    }

    /// Takes the first stream of each kind; a further one is dropped, and so reset.
    fn take(&mut self, kind: Kind, stream: Stream) {
        let seen = match kind {
            Kind::Session => &mut self.session_seen,
            Kind::Pulse => &mut self.pulse_seen,
        };
        if !std::mem::replace(seen, true) {
            self.out.push_back(FromHandler::Opened(kind, stream));
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = FromHandler;
    type InboundProtocol = Accept;
    type OutboundProtocol = Open;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Kind;

    fn listen_protocol(&self) -> SubstreamProtocol<Accept, ()> {
        SubstreamProtocol::new(Accept(self.purpose), ()).with_timeout(self.patience)
    }

    /// The driver closes what it does not want; the swarm closes nothing by itself.
    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Open, Kind, FromHandler>> {
        if let Some(event) = self.out.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(event));
        }
        if let Some(kind) = self.to_open.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(Open(kind, self.purpose), kind)
                    .with_timeout(self.patience),
            });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Accept, Open, (), Kind>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (kind, stream),
                ..
            }) if !self.dialler => self.take(kind, stream),
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream,
                info: kind,
            }) => self.take(kind, stream),
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: kind, .. }) => {
                self.out.push_back(FromHandler::NotOpened(kind));
            }
            _ => {}
        }
    }
}

/// Both protocols, as the listening side takes them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accept(Purpose);

impl UpgradeInfo for Accept {
    type Info = &'static str;
    type InfoIter = array::IntoIter<&'static str, 2>;

    fn protocol_info(&self) -> Self::InfoIter {
        [Kind::Session.name(self.0), PULSE].into_iter()
    }
}

impl InboundUpgrade<Stream> for Accept {
    type Output = (Kind, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, name: &'static str) -> Self::Future {
        let kind = if name == PULSE {
            Kind::Pulse
        } else {
            Kind::Session
        };
        ready(Ok((kind, stream)))
    }
}

/// One protocol, as the dialling side opens it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open(Kind, Purpose);

impl UpgradeInfo for Open {
    type Info = &'static str;
    type InfoIter = std::iter::Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once(self.0.name(self.1))
    }
}

impl OutboundUpgrade<Stream> for Open {
    type Output = Stream;
    type Error = Infallible;
    type Future = Ready<Result<Stream, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, _: &'static str) -> Self::Future {
        ready(Ok(stream))
    }
}
