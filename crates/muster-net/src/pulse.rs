//! The heartbeat: a byte each way, twice a second, on a substream of its own.
//!
//! It keeps something flowing, so that silence means a dead link (the transports watch for that,
//! below the encryption). It also notices a peer whose machine still acknowledges packets while its
//! program has stopped, after [`HUNG`]. Frames cannot starve it: it has its own window, and a
//! session that nobody reads does not stop the connection from being read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::Stream;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// No pulse for so long although the link lives: the program at the other end hangs.
const HUNG: Duration = Duration::from_secs(30);

/// When a connection was last heard of, shared between its tasks and the driver.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    base: Instant,
    millis: Arc<AtomicU64>,
}

impl Heard {
    pub(crate) fn now() -> Self {
        Self {
            base: Instant::now(),
            millis: Arc::new(AtomicU64::new(0)),
        }
    }

    pub(crate) fn mark(&self) {
        let millis = u64::try_from(self.base.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }

    pub(crate) fn ago(&self) -> Duration {
        let at = Duration::from_millis(self.millis.load(Ordering::Relaxed));
        self.base.elapsed().saturating_sub(at)
    }
}

/// Runs until the stream ends; true if the other program hangs.
pub(crate) async fn run(stream: Stream, heard: Heard, every: Duration) -> bool {
    let (reader, writer) = stream.split();
    tokio::select! {
        hung = listen(reader, heard) => hung,
        () = beat(writer, every) => false,
    }
}

async fn listen<R: AsyncRead + Unpin>(mut reader: R, heard: Heard) -> bool {
    let mut bytes = [0_u8; 16];
    loop {
        match timeout(HUNG, reader.read(&mut bytes)).await {
            Err(_) => return true,
            Ok(Ok(n)) if n > 0 => heard.mark(),
            Ok(_) => return false,
        }
    }
}

async fn beat<W: AsyncWrite + Unpin>(mut writer: W, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if writer.write_all(&[0]).await.is_err() || writer.flush().await.is_err() {
            return;
        }
    }
}
