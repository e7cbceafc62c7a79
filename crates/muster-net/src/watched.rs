//! A byte stream that fails when nothing has been heard on it for a while.
//!
//! It sits under the encryption, on the TCP socket itself, so that whatever arrives counts: a peer
//! that is busy sending one long frame, or whose pulse waits behind it, is not silent. TCP alone
//! would wait minutes before it admits that the other side has gone. (QUIC has this built in.)

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

pub(crate) struct Watched<S> {
    inner: S,
    limit: Duration,
    heard: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl<S> Watched<S> {
    pub(crate) fn new(inner: S, limit: Duration) -> Self {
        let heard = Instant::now();
        Self {
            inner,
            limit,
            heard,
            alarm: Box::pin(sleep_until(heard + limit)),
        }
    }

    /// Called when the socket has nothing: arms the alarm, and fails once it is due.
    fn silent<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        while self.alarm.as_mut().poll(cx).is_ready() {
            let due = self.heard + self.limit;
            if due <= Instant::now() {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, Silence)));
            }
            self.alarm.as_mut().reset(due);
        }
        Poll::Pending
    }
}

/// The error inside the [`io::Error`], to be found again under the layers above.
#[derive(Debug, thiserror::Error)]
#[error("nothing heard")]
pub(crate) struct Silence;

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Ready(Ok(n)) => {
                self.heard = Instant::now();
                Poll::Ready(Ok(n))
            }
            Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
            Poll::Pending => self.silent(cx),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write(cx, buf) {
            Poll::Pending => self.silent(cx),
            ready => ready,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_flush(cx) {
            Poll::Pending => self.silent(cx),
            ready => ready,
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_close(cx) {
            Poll::Pending => self.silent(cx),
            ready => ready,
        }
    }
}
