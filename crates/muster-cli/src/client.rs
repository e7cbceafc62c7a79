//! Asking the daemon: one HTTP request over its Unix socket.

use std::path::{Path, PathBuf};

use http_body_util::{BodyExt as _, Full};
use hyper::{body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use muster_node::api::{Request, Response, VERSION, exit};
use serde_json::Value as Json;
use tokio::net::UnixStream;

use crate::failure::{Failure, Outcome};

/// A daemon's door.
pub struct Client {
    socket: PathBuf,
    data: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    /// The door of the daemon on a data directory; nothing is contacted yet.
    pub fn new(data: &Path) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Failure::new("failed", exit::FAILURE).with("why", e))?;
        Ok(Self {
            socket: data.join("muster.sock"),
            data: data.to_path_buf(),
            runtime,
        })
    }

    /// Asks, and waits for the answer.
    pub fn call(&self, request: &Request) -> Outcome<Json> {
        let body = serde_json::to_vec(request)
            .map_err(|e| Failure::new("failed", exit::FAILURE).with("why", e))?;
        let bytes = self.runtime.block_on(self.post(body))?;
        match serde_json::from_slice::<Response>(&bytes) {
            Ok(Response::Ok(json)) => Ok(json),
            Ok(Response::Error(error)) => Err(error.into()),
            Err(e) => {
                let text = String::from_utf8_lossy(&bytes)
                    .chars()
                    .take(200)
                    .collect::<String>();
                Err(Failure::new("bad-answer", exit::FAILURE).with("why", format!("{e}: {text}")))
            }
        }
    }

    /// Whether a daemon answers at all.
    pub fn is_reachable(&self) -> bool {
        self.runtime
            .block_on(UnixStream::connect(&self.socket))
            .is_ok()
    }

    async fn connect(&self) -> Outcome<http1::SendRequest<Full<Bytes>>> {
        let unreachable = |why: String| {
            Failure::new("no-daemon", exit::NO_DAEMON)
                .with("socket", self.socket.display())
                .with("data", self.data.display())
                .with("why", why)
        };
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|e| unreachable(e.to_string()))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| unreachable(e.to_string()))?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn post(&self, body: Vec<u8>) -> Outcome<Bytes> {
        let mut sender = self.connect().await?;
        let request = hyper::Request::post(format!("/{VERSION}/call"))
            .header(header::HOST, "muster")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(broken)?;
        let response = sender.send_request(request).await.map_err(broken)?;
        if !response.status().is_success() {
            return Err(
                Failure::new("not-understood", exit::FAILURE).with("why", response.status())
            );
        }
        Ok(response
            .into_body()
            .collect()
            .await
            .map_err(broken)?
            .to_bytes())
    }

    /// Asks for every change from now on. What happens before the first line is read waits.
    pub fn subscribe(&self) -> Outcome<Changes<'_>> {
        let body = self.runtime.block_on(async {
            let mut sender = self.connect().await?;
            let request = hyper::Request::get(format!("/{VERSION}/watch"))
                .header(header::HOST, "muster")
                .body(Full::new(Bytes::new()))
                .map_err(broken)?;
            let response = sender.send_request(request).await.map_err(broken)?;
            if !response.status().is_success() {
                let body = response.into_body().collect().await;
                let bytes = body.map_err(broken)?.to_bytes();
                return match serde_json::from_slice::<Response>(&bytes) {
                    Ok(Response::Error(error)) => Err(error.into()),
                    _ => Err(broken("refused")),
                };
            }
            Ok::<_, Failure>(response.into_body())
        })?;
        Ok(Changes {
            client: self,
            body,
            buffer: Vec::new(),
        })
    }
}

/// A stream of lines, one a change.
pub struct Changes<'a> {
    client: &'a Client,
    body: hyper::body::Incoming,
    buffer: Vec<u8>,
}

impl Changes<'_> {
    /// The next line; none when the daemon has ended.
    pub fn next(&mut self) -> Outcome<Option<String>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                let line = std::mem::replace(&mut self.buffer, rest);
                return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
            let frame = self.client.runtime.block_on(self.body.frame());
            match frame {
                Some(frame) => {
                    if let Some(data) = frame.map_err(broken)?.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
                None => return Ok(None),
            }
        }
    }
}

fn broken(why: impl std::fmt::Display) -> Failure {
    Failure::new("connection-broken", exit::NO_DAEMON).with("why", why)
}
