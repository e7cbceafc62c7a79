//! The bounded queue of frames towards one peer.
//!
//! A full outbox is the peer's slowness made visible; nothing is ever dropped from it silently.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::frame::MAX_FRAME;

/// Sends frames to one peer. Cheap to clone; all clones share the same few places.
#[derive(Debug, Clone)]
pub struct Outbox {
    queue: mpsc::Sender<Queued>,
    shared: Arc<Shared>,
}

/// A frame, and how often the outbox had been emptied when it was queued.
type Queued = (u64, Vec<u8>);

#[derive(Debug, Default)]
struct Shared {
    starved: AtomicBool,
    discarded: AtomicU64,
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
        let shared = Arc::new(Shared::default());
        (
            Self {
                queue,
                shared: Arc::clone(&shared),
            },
            OutboxRx { queue: rx, shared },
        )
    }

    /// Queues a frame, or gives it back at once.
    ///
    /// # Errors
    /// [`SendError::Full`] with the frame, `Closed`, or `BadLength`.
    pub fn try_send(&self, frame: Vec<u8>) -> Result<(), SendError> {
        check(&frame)?;
        match self.queue.try_send((self.epoch(), frame)) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(SendError::Closed),
            Err(mpsc::error::TrySendError::Full(frame)) => {
                self.shared.starved.store(true, Ordering::Release);
                // A place may have come free between the refusal and the mark; then nobody would
                // ever send the Writable event.
                match self.queue.try_send(frame) {
                    Ok(()) => Ok(()),
                    Err(mpsc::error::TrySendError::Closed(_)) => Err(SendError::Closed),
                    Err(mpsc::error::TrySendError::Full((_, frame))) => Err(SendError::Full(frame)),
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
        let queued = (self.epoch(), frame);
        self.queue.send(queued).await.map_err(|_| SendError::Closed)
    }

    /// Drops all frames that are queued and that the writer has not begun.
    pub fn discard(&self) {
        self.shared.discarded.fetch_add(1, Ordering::AcqRel);
    }

    fn epoch(&self) -> u64 {
        self.shared.discarded.load(Ordering::Acquire)
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
    queue: mpsc::Receiver<Queued>,
    shared: Arc<Shared>,
}

impl OutboxRx {
    pub(crate) async fn recv(&mut self) -> Option<Vec<u8>> {
        loop {
            let queued = self.queue.recv().await?;
            if let Some(frame) = self.current(queued) {
                return Some(frame);
            }
        }
    }

    pub(crate) fn try_recv(&mut self) -> Option<Vec<u8>> {
        loop {
            let queued = self.queue.try_recv().ok()?;
            if let Some(frame) = self.current(queued) {
                return Some(frame);
            }
        }
    }

    /// The frame, if it was not discarded since.
    fn current(&self, (epoch, frame): Queued) -> Option<Vec<u8>> {
        (epoch == self.shared.discarded.load(Ordering::Acquire)).then_some(frame)
    }

    /// Takes nothing more in; what is queued still comes out.
    pub(crate) fn close(&mut self) {
        self.queue.close();
    }

    /// Whether a frame was refused since the last call; asked when there is room again.
    pub(crate) fn take_starved(&self) -> bool {
        self.shared.starved.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_queued_before_a_discard_never_leaves() {
        let (outbox, mut writer) = Outbox::new(4);
        outbox.try_send(vec![1]).unwrap();
        outbox.try_send(vec![2]).unwrap();
        assert_eq!(writer.try_recv(), Some(vec![1]));
        outbox.discard();
        outbox.try_send(vec![3]).unwrap();
        assert_eq!(writer.try_recv(), Some(vec![3]));
        assert_eq!(writer.try_recv(), None);
    }
}
