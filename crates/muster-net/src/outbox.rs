//! The bounded queue of frames towards one peer.
//!
//! A full outbox is the peer's slowness made visible; nothing is ever dropped from it silently.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use crate::frame::MAX_FRAME;

/// Sends frames to one peer. Cheap to clone; all clones share the same few places.
#[derive(Debug, Clone)]
pub struct Outbox {
    queue: mpsc::Sender<Vec<u8>>,
    starved: Arc<AtomicBool>,
}

/// Why a frame was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Try again after [`NetEvent::Writable`](crate::NetEvent::Writable) or [`Outbox::ready`].
    #[error("the outbox is full")]
    Full(Vec<u8>),
    #[error("the connection is over")]
    Closed,
    #[error("a frame has between 1 and {MAX_FRAME} bytes, this one {0}")]
    BadLength(usize),
}

impl Outbox {
    pub(crate) fn new(places: usize) -> (Self, OutboxRx) {
        let (queue, rx) = mpsc::channel(places.max(1));
        let starved = Arc::new(AtomicBool::new(false));
        (
            Self {
                queue,
                starved: Arc::clone(&starved),
            },
            OutboxRx { queue: rx, starved },
        )
    }

    /// Queues a frame, or gives it back at once.
    ///
    /// # Errors
    /// [`SendError::Full`] with the frame, `Closed`, or `BadLength`.
    pub fn try_send(&self, frame: Vec<u8>) -> Result<(), SendError> {
        check(&frame)?;
        match self.queue.try_send(frame) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(SendError::Closed),
            Err(mpsc::error::TrySendError::Full(frame)) => {
                self.starved.store(true, Ordering::Release);
                // A place may have come free between the refusal and the mark; then nobody would
                // ever send the Writable event.
                match self.queue.try_send(frame) {
                    Ok(()) => Ok(()),
                    Err(mpsc::error::TrySendError::Closed(_)) => Err(SendError::Closed),
                    Err(mpsc::error::TrySendError::Full(frame)) => Err(SendError::Full(frame)),
                }
            }
        }
    }

    /// Queues a frame, waiting for a place. Not for a task that also reads the network's events:
    /// two such peers would wait for each other.
    ///
    /// # Errors
    /// `Closed` or `BadLength`.
    pub async fn send(&self, frame: Vec<u8>) -> Result<(), SendError> {
        check(&frame)?;
        self.queue.send(frame).await.map_err(|_| SendError::Closed)
    }

    /// Waits until there is a place.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn ready(&self) -> Result<(), SendError> {
        self.queue
            .reserve()
            .await
            .map(drop)
            .map_err(|_| SendError::Closed)
    }

    /// Places free just now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.queue.capacity()
    }

    /// Whether the connection is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }
}

fn check(frame: &[u8]) -> Result<(), SendError> {
    if frame.is_empty() || frame.len() > MAX_FRAME {
        return Err(SendError::BadLength(frame.len()));
    }
    Ok(())
}

/// The writer's end.
#[derive(Debug)]
pub(crate) struct OutboxRx {
    queue: mpsc::Receiver<Vec<u8>>,
    starved: Arc<AtomicBool>,
}

impl OutboxRx {
    pub(crate) async fn recv(&mut self) -> Option<Vec<u8>> {
        self.queue.recv().await
    }

    pub(crate) fn try_recv(&mut self) -> Option<Vec<u8>> {
        self.queue.try_recv().ok()
    }

    /// Takes nothing more in; what is queued still comes out.
    pub(crate) fn close(&mut self) {
        self.queue.close();
    }

    /// Whether a frame was refused since the last call; asked when there is room again.
    pub(crate) fn take_starved(&self) -> bool {
        self.starved.swap(false, Ordering::AcqRel)
    }
}
