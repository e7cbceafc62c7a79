//! The two ways to a peer: TCP with Noise and yamux, and QUIC.
//!
//! TCP never reuses the listening port for a dial: two sides dialling each other at once would meet
//! in a simultaneous open, which libp2p's handshake does not survive (see the swarm's dial options,
//! which the driver sets).

use std::error::Error;
use std::time::Duration;

use libp2p::core::Transport;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::transport::timeout::TransportTimeout;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{PeerId, noise, quic, tcp};

use crate::limits::{Limits, STREAMS};
use crate::mux::Yamux;
use crate::watched::{Silence, Watched};
use crate::zoned::Zoned;

pub(crate) fn build(
    key: &Keypair,
    limits: &Limits,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    let silence = limits.silence;
    let socket = Zoned(tcp::tokio::Transport::new(tcp::Config::new().nodelay(true)));
    let over_tcp = TransportTimeout::with_outgoing_timeout(socket, limits.connect)
        .map(move |stream, _| Watched::new(stream, silence))
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(key)?)
        .multiplex(Yamux)
        .timeout(limits.handshake)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let over_quic = quic::tokio::Transport::new(quic_config(key, limits))
        .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)));
    Ok(over_tcp
        .or_transport(over_quic)
        .map(|either, _| either.into_inner())
        .boxed())
}

fn quic_config(key: &Keypair, limits: &Limits) -> quic::Config {
    let mut config = quic::Config::new(key);
    config.handshake_timeout = limits.handshake;
    // quinn starts its clock anew at the first packet sent into the silence, up to a pulse later.
    let idle = limits
        .silence
        .saturating_sub(limits.pulse / 2)
        .max(Duration::from_millis(100));
    config.max_idle_timeout = u32::try_from(idle.as_millis()).unwrap_or(u32::MAX);
    config.keep_alive_interval = limits.pulse + limits.pulse / 2;
    config.max_concurrent_stream_limit = STREAMS as u32;
    config.max_stream_data = 512 * 1024;
    config.max_connection_data = 1024 * 1024;
    config
}

/// Whether a connection ended because nothing was heard, however deep the reason lies.
pub(crate) fn is_silence(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<Silence>() {
            return true;
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            // io::Error::source() skips the error it wraps.
            if io.kind() == std::io::ErrorKind::TimedOut {
                return true;
            }
            if let Some(inner) = io.get_ref()
                && is_silence(inner)
            {
                return true;
            }
        }
        if let Some(quic::Error::Connection(e)) = error.downcast_ref::<quic::Error>()
            && e.to_string().contains("timed out")
        {
            return true;
        }
        next = error.source();
    }
    false
}
