//! How do bytes reach a peer? Discovery, connections and bounded frames over libp2p.
//!
//! This crate finds other Musters on the link, keeps one encrypted connection with each and carries
//! length-prefixed frames over it, with back-pressure from one end to the other. It does not know
//! the store, the meaning of a frame, or who the peer is: the transport key is made anew at each
//! start and says nothing of a device. The proof of identity rides in frames above, bound to the
//! two [`TransportId`]s that Noise (TCP) or TLS (QUIC) has authenticated.
//!
//! ```text
//!   discovery ──heard──▶ ┌────────┐ ──dial──▶ libp2p swarm (TCP+Noise+yamux, QUIC)
//!   NetHandle ─command─▶ │ driver │ ◀─stream── behaviour, handler
//!                        └────────┘ ──spawn──▶ session (one a connection) ──▶ NetEvent
//! ```
//!
//! Every queue here has an end: see [`Limits`].

mod behaviour;
mod conns;
mod dialer;
mod discovery;
mod driver;
mod event;
mod frame;
mod handle;
mod handler;
mod limits;
mod mux;
mod outbox;
mod pulse;
mod session;
mod stats;
mod transport;
mod watched;
mod zoned;

pub use event::{CloseReason, ConnId, DialFailure, NetEvent, RefuseReason, TransportId};
pub use frame::MAX_FRAME;
pub use handle::{Net, NetError, NetHandle};
pub use libp2p::Multiaddr;
pub use limits::{ADDRS_PER_PEER, IDS_PER_IP, Limits, NetConfig, Purpose, STREAMS};
pub use muster_log::beacon::Voice;
pub use outbox::{Outbox, SendError};
pub use stats::{Airwaves, KnownPeer, NetStats};
