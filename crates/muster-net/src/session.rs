//! One connection's life as a task: agree, pump frames both ways, end with a reason.
//!
//! Agreement is one byte each way. The side with the smaller transport id writes its byte only on
//! the connection it has chosen to keep, so both sides keep the same one (see `conns`).
//!
//! Back-pressure: the reader takes a frame from the substream only when the last one was taken by
//! the consumer, and the writer takes one from the outbox only when the last one went into the
//! substream's window. There is nothing in between that could grow.

use std::time::Duration;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{Multiaddr, Stream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::event::{CloseReason, ConnId, NetEvent, TransportId};
use crate::frame::{self, FrameError, MAX_FRAME};
use crate::outbox::{Outbox, OutboxRx};
use crate::pulse::Heard;

/// The byte that agrees to a session; another value is another protocol version.
const AGREED: u8 = 1;
/// After a stream has ended, how long the driver may take to say why the connection did.
const VERDICT: Duration = Duration::from_millis(150);

/// What a session tells the driver.
#[derive(Debug)]
pub(crate) enum Report {
    /// Both sides have agreed. Answered: the session is kept. Dropped: it is not.
    Agreed {
        conn: ConnId,
        keep: oneshot::Sender<()>,
    },
    /// It never came to an agreement.
    NotSpoken { conn: ConnId },
    /// The peer's program hangs.
    Hung { conn: ConnId },
    /// The session is over, the connection should be closed.
    Ended { conn: ConnId, reason: CloseReason },
    /// The last event has been delivered: the place is free.
    Released { conn: ConnId },
}

pub(crate) struct Session {
    pub(crate) conn: ConnId,
    pub(crate) peer: TransportId,
    pub(crate) remote: Multiaddr,
    pub(crate) outbound: bool,
    pub(crate) events: mpsc::Sender<NetEvent>,
    pub(crate) reports: mpsc::Sender<Report>,
    /// Set by the driver when the connection is to end, or has ended.
    pub(crate) verdict: watch::Receiver<Option<CloseReason>>,
    pub(crate) heard: Heard,
    pub(crate) outbox: usize,
    pub(crate) handshake: Duration,
    pub(crate) farewell: Duration,
}

impl Session {
    pub(crate) async fn run(mut self, mut stream: Stream) {
        let conn = self.conn;
        if !self.agree(&mut stream).await {
            self.report(Report::NotSpoken { conn }).await;
        } else if self.kept().await {
            let reason = self.pump(stream).await;
            self.report(Report::Ended {
                conn,
                reason: reason.clone(),
            })
            .await;
            let closed = NetEvent::Closed {
                conn,
                peer: self.peer,
                reason,
            };
            if self.events.send(closed).await.is_err() {
                tracing::debug!(%conn, "nobody listens for the end of a connection");
            }
        }
        self.report(Report::Released { conn }).await;
    }

    async fn report(&self, report: Report) {
        // The driver has gone only when everything ends.
        let _gone = self.reports.send(report).await;
    }

    async fn agree(&mut self, stream: &mut Stream) -> bool {
        let both = async {
            stream.write_all(&[AGREED]).await?;
            stream.flush().await?;
            let mut theirs = [0_u8; 1];
            stream.read_exact(&mut theirs).await?;
            std::io::Result::Ok(theirs == [AGREED])
        };
        tokio::select! {
            agreed = timeout(self.handshake, both) => matches!(agreed, Ok(Ok(true))),
            _ = verdict(&mut self.verdict) => false,
        }
    }

    async fn kept(&self) -> bool {
        let (keep, answer) = oneshot::channel();
        self.report(Report::Agreed {
            conn: self.conn,
            keep,
        })
        .await;
        answer.await.is_ok()
    }

    async fn pump(&mut self, stream: Stream) -> CloseReason {
        let (mut reader, writer) = stream.split();
        let (outbox, queue) = Outbox::new(self.outbox);
        let (stop, stopped) = oneshot::channel();
        let pen = Pen {
            conn: self.conn,
            queue,
            events: self.events.clone(),
        };
        let mut writing = tokio::spawn(pen.write(writer, stopped));
        let connected = NetEvent::Connected {
            conn: self.conn,
            peer: self.peer,
            remote: self.remote.clone(),
            outbound: self.outbound,
            outbox,
        };
        let first = tokio::select! {
            sent = self.events.send(connected) => if sent.is_ok() { None } else { Some(CloseReason::Local) },
            reason = verdict(&mut self.verdict) => Some(reason),
        };
        let mut done = None;
        let reason = match first {
            Some(reason) => reason,
            None => tokio::select! {
                reason = read(&mut reader, self.conn, &self.events, &self.heard) => reason,
                wrote = &mut writing => {
                    let reason = wrote_reason(&wrote);
                    done = Some(());
                    reason
                }
                reason = verdict(&mut self.verdict) => reason,
            },
        };
        match reason {
            CloseReason::Local | CloseReason::Shutdown | CloseReason::Enough => {
                if done.is_none() {
                    self.part(&mut writing, stop).await;
                }
                // The peer closes too once it has read to our end; QUIC would drop what is not yet
                // acknowledged if the connection went first.
                let _late = timeout(self.farewell, skim(&mut reader)).await;
                reason
            }
            CloseReason::Remote | CloseReason::Io(_) | CloseReason::FrameCut => {
                writing.abort();
                timeout(VERDICT, verdict(&mut self.verdict))
                    .await
                    .unwrap_or(reason)
            }
            _ => {
                writing.abort();
                reason
            }
        }
    }

    /// Lets what is queued go out, for a while.
    async fn part(&self, writing: &mut JoinHandle<std::io::Result<()>>, stop: oneshot::Sender<()>) {
        let _writer_gone = stop.send(());
        if timeout(self.farewell, &mut *writing).await.is_err() {
            writing.abort();
        }
    }
}

/// Waits until the driver has a reason.
async fn verdict(on: &mut watch::Receiver<Option<CloseReason>>) -> CloseReason {
    match on.wait_for(Option::is_some).await {
        Ok(reason) => reason.clone().unwrap_or(CloseReason::Local),
        Err(_) => CloseReason::Shutdown,
    }
}

fn wrote_reason(wrote: &Result<std::io::Result<()>, tokio::task::JoinError>) -> CloseReason {
    match wrote {
        Ok(Ok(())) => CloseReason::Local,
        Ok(Err(e)) => CloseReason::Io(e.to_string()),
        Err(e) => CloseReason::Io(e.to_string()),
    }
}

async fn read<R: AsyncRead + Unpin>(
    reader: &mut R,
    conn: ConnId,
    events: &mpsc::Sender<NetEvent>,
    heard: &Heard,
) -> CloseReason {
    loop {
        // A place first, the bytes after: what is not taken stays with the sender.
        let Ok(place) = events.reserve().await else {
            return CloseReason::Local;
        };
        drop(place);
        let bytes = match frame::read(reader).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return CloseReason::Remote,
            Err(FrameError::TooLong(announced)) => {
                let limit = u32::try_from(MAX_FRAME).unwrap_or(u32::MAX);
                return CloseReason::FrameTooLong { announced, limit };
            }
            Err(FrameError::Empty) => return CloseReason::FrameEmpty,
            Err(FrameError::Cut) => return CloseReason::FrameCut,
            Err(FrameError::Io(e)) => return CloseReason::Io(e.to_string()),
        };
        heard.mark();
        if events.send(NetEvent::Frame { conn, bytes }).await.is_err() {
            return CloseReason::Local;
        }
    }
}

/// Reads to the end without keeping anything.
async fn skim<R: AsyncRead + Unpin>(reader: &mut R) {
    let mut bytes = [0_u8; 4096];
    while matches!(reader.read(&mut bytes).await, Ok(n) if n > 0) {}
}

/// The writing half.
struct Pen {
    conn: ConnId,
    queue: OutboxRx,
    events: mpsc::Sender<NetEvent>,
}

impl Pen {
    async fn write<W: AsyncWrite + Unpin>(
        mut self,
        mut to: W,
        mut stop: oneshot::Receiver<()>,
    ) -> std::io::Result<()> {
        let mut stopping = false;
        loop {
            let next = match self.queue.try_recv() {
                Some(frame) => Some(frame),
                None => {
                    to.flush().await?;
                    tokio::select! {
                        frame = self.queue.recv() => frame,
                        _ = &mut stop, if !stopping => {
                            stopping = true;
                            self.queue.close();
                            continue;
                        }
                    }
                }
            };
            let Some(frame) = next else { break };
            frame::write(&mut to, &frame).await?;
            if self.queue.take_starved() {
                // A consumer that is not reading is not told, and not waited for.
                let _gone = self
                    .events
                    .send(NetEvent::Writable { conn: self.conn })
                    .await;
            }
        }
        to.flush().await?;
        to.close().await
    }
}
