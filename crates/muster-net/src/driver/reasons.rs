//! Libp2p's errors, sorted into our own.

use std::error::Error;
use std::io::ErrorKind;

use libp2p::TransportError;
use libp2p::swarm::{ConnectionError, DialError};

use crate::event::{CloseReason, DialFailure};
use crate::transport::is_silence;

pub(super) fn of_close(cause: Option<&ConnectionError>) -> CloseReason {
    let Some(error) = cause else {
        return CloseReason::Local;
    };
    if let ConnectionError::IO(io) = error {
        if is_silence(io) {
            return CloseReason::Silent;
        }
        let kinds = [
            ErrorKind::UnexpectedEof,
            ErrorKind::ConnectionReset,
            ErrorKind::ConnectionAborted,
            ErrorKind::BrokenPipe,
        ];
        let text = chain(io);
        // yamux and QUIC say an orderly end in words only.
        if kinds.contains(&io.kind()) || text.contains("closed") || text.contains("aborted by peer")
        {
            return CloseReason::Remote;
        }
        return CloseReason::Io(text);
    }
    CloseReason::Io(chain(error))
}

pub(super) fn of_dial(error: &DialError) -> DialFailure {
    match error {
        DialError::LocalPeerId { .. } => DialFailure::Oneself,
        DialError::WrongPeerId { .. } => DialFailure::OtherPeer,
        DialError::Transport(errors) => match errors.first() {
            Some((_, TransportError::MultiaddrNotSupported(_))) => DialFailure::NotSupported,
            Some((_, TransportError::Other(e))) => of_io(e),
            None => DialFailure::NotSupported,
        },
        other => DialFailure::Other(chain(other)),
    }
}

fn of_io(error: &std::io::Error) -> DialFailure {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        let Some(io) = error.downcast_ref::<std::io::Error>() else {
            next = error.source();
            continue;
        };
        match io.kind() {
            ErrorKind::TimedOut => return DialFailure::Timeout,
            ErrorKind::ConnectionRefused => return DialFailure::ConnectionRefused,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
                return DialFailure::Unreachable;
            }
            _ => {}
        }
        next = io
            .get_ref()
            .map(|inner| inner as &(dyn Error + 'static))
            .or_else(|| io.source());
    }
    let text = chain(error);
    if text.contains("imeout") || text.contains("imed out") {
        return DialFailure::Timeout;
    }
    DialFailure::Other(text)
}

/// An error and its sources, in one short line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = source.source();
    }
    text.chars().take(300).collect()
}
