//! What the network tells the layer above: a closed set of events with typed reasons.
//!
//! Types only. Nothing here holds a socket.

use std::fmt;
use std::time::Duration;

use libp2p::{Multiaddr, PeerId};

use crate::outbox::Outbox;

/// A transport key's public side, as Noise or TLS has authenticated it: good for one run of one
/// process, and no device identity. Ordered by its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransportId(pub(crate) PeerId);

impl TransportId {
    /// The bytes to bind a proof of identity to (a multihash of the public key, 38 bytes).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }

    /// Reads back what [`TransportId::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        PeerId::from_bytes(bytes).ok().map(Self)
    }
}

impl fmt::Display for TransportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TransportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One connection of this run. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub(crate) u64);

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What happened. `Connected`, then any number of `Frame` and `Writable`, then `Closed`: a
/// connection's events come in this order, and each `Connected` has exactly one `Closed`.
#[derive(Debug)]
pub enum NetEvent {
    /// This Muster can now be reached here.
    Listening { addr: Multiaddr },
    /// A peer speaks the session protocol. Dropping the last clone of `outbox` ends the session
    /// once what was queued has gone out.
    Connected {
        conn: ConnId,
        peer: TransportId,
        remote: Multiaddr,
        outbound: bool,
        outbox: Outbox,
    },
    /// A whole frame, between 1 byte and [`MAX_FRAME`](crate::MAX_FRAME).
    Frame { conn: ConnId, bytes: Vec<u8> },
    /// An outbox that had refused a frame has room again.
    Writable { conn: ConnId },
    /// The connection is over.
    Closed {
        conn: ConnId,
        peer: TransportId,
        reason: CloseReason,
    },
    /// A transport id was heard of for the first time (or again, after it was forgotten).
    Discovered { peer: TransportId, known: usize },
    /// Something came in, or answered a dial, and was let go before it became a connection.
    Refused {
        remote: Multiaddr,
        peer: Option<TransportId>,
        reason: RefuseReason,
    },
    /// A dial that somebody asked for (by [`NetHandle::dial`](crate::NetHandle::dial) or a given
    /// address) failed. Given addresses are reported once an outage, not at each attempt.
    DialFailed {
        addr: Multiaddr,
        reason: DialFailure,
    },
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    #[error("closed here")]
    Local,
    #[error("closed by the peer")]
    Remote,
    #[error("nothing heard: the link is dead")]
    Silent,
    #[error("the peer announced a frame of {announced} bytes, the limit is {limit}")]
    FrameTooLong { announced: u32, limit: u32 },
    #[error("the peer announced an empty frame")]
    FrameEmpty,
    #[error("the connection broke in the middle of a frame")]
    FrameCut,
    #[error("replaced by a newer connection with the same peer")]
    Replaced,
    #[error("it made room for another before it had proven anything")]
    Crowded,
    #[error("there are neighbours enough, and this one has what they have")]
    Enough,
    #[error("the network is shutting down")]
    Shutdown,
    #[error("input or output failed: {0}")]
    Io(String),
}

/// Why something was let go before it became a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum RefuseReason {
    #[error("as many connections as are kept")]
    Full,
    #[error("banned for now")]
    Banned,
    #[error("too many connections from one address")]
    TooFast,
    #[error("it does not speak the session protocol")]
    NotSpoken,
    #[error("it opened no session in time")]
    NoSession,
    #[error("the handshake of the encryption layer failed")]
    Handshake,
}

/// Why a dial failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialFailure {
    #[error("no answer in time")]
    Timeout,
    #[error("nobody listens there")]
    ConnectionRefused,
    #[error("no way to that network")]
    Unreachable,
    #[error("that is this Muster itself")]
    Oneself,
    #[error("another transport id answered there")]
    OtherPeer,
    #[error("an address of a kind that is not spoken here")]
    NotSupported,
    #[error("as many dials as may run at once")]
    TooMany,
    #[error("banned for another {0:?}")]
    Banned(Duration),
    #[error("{0}")]
    Other(String),
}
