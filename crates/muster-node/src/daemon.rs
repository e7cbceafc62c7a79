//! The loop: one event in, the pure core decides, effects carried out.
//!
//! A thread of its own owns the engine, so that a disk that takes its time stops nobody's sockets.
//! What waits in the queue is handled together and made durable by one sync, then everything is
//! acknowledged.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use muster_store::{DataDir, JournalError};
use serde_json::json;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

pub use crate::edge::{now, random};
use crate::{
    api::{Request, Response},
    engine::{Engine, OpenReport},
    error::NodeError,
    network::{Network, NetworkConfig},
    pairing::Pairing,
    server::{self, Call},
    verbs,
};

/// Questions handled together, at most.
const BATCH: usize = 64;
/// How long the loop sleeps when nothing happens.
const TICK: Duration = Duration::from_millis(200);
/// After this long without a write, the journal's end is witnessed and the index is brought up to date.
const IDLE: Duration = Duration::from_secs(20);

/// How the daemon runs.
#[derive(Debug, Clone, Default)]
pub struct DaemonConfig {
    /// The network, or none.
    pub network: Option<NetworkConfig>,
}

/// Why the daemon ended.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The node.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The control socket.
    #[error(transparent)]
    Server(#[from] server::ServerError),
    /// The network.
    #[error("the network: {0}")]
    Network(String),
    /// The loop's thread ended without saying why.
    #[error("the loop ended unexpectedly")]
    Loop,
}

/// Runs the daemon on an unlocked data directory until it is told to stop.
pub async fn run(
    dir: DataDir,
    config: DaemonConfig,
    ready: impl FnOnce(&OpenReport, &Path) + Send + 'static,
) -> Result<(), DaemonError> {
    let started = Instant::now();
    let path = dir.path().to_path_buf();
    let socket = path.join("muster.sock");
    let listener = server::bind(&socket)?;
    let (engine, report) = tokio::task::spawn_blocking(move || Engine::open(dir, &mut random))
        .await
        .map_err(|_| DaemonError::Loop)??;
    let network = match config.network {
        Some(config) => Some(
            Network::start(config)
                .await
                .map_err(|e| DaemonError::Network(e.to_string()))?,
        ),
        None => None,
    };
    tracing::info!(
        entries = report.entries,
        ms = started.elapsed().as_millis() as u64,
        rebuilt = report.rebuilt.as_deref().unwrap_or(""),
        torn = report.torn.as_deref().unwrap_or(""),
        "ready"
    );
    let (calls, inbox) = mpsc::channel(256);
    let (changes, _) = broadcast::channel(1024);
    let (stop, stopped) = watch::channel(false);
    let node = Node {
        engine,
        network,
        pairing: None,
        changes: changes.clone(),
        stopping: false,
        last_write: None,
        started,
    };
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new()
        .name("muster-loop".into())
        .spawn(move || {
            let _ = ended.send(node.run(inbox));
        })
        .map_err(|_| DaemonError::Loop)?;
    let server = tokio::spawn(server::serve(listener, calls.clone(), changes, stopped));
    ready(&report, &socket);
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    tokio::spawn(stop_on_signal(calls));
    let outcome = end.await.map_err(|_| DaemonError::Loop)?;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    let _ = stop.send(true);
    let _ = tokio::time::timeout(Duration::from_secs(2), server).await;
    let _ = std::fs::remove_file(&socket);
    Ok(outcome?)
}

async fn stop_on_signal(calls: mpsc::Sender<Call>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return;
    };
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    let (reply, _answer) = oneshot::channel();
    let _ = calls
        .send(Call {
            request: Request::Stop,
            reply,
        })
        .await;
}

/// What the loop owns.
pub struct Node {
    pub(crate) engine: Engine,
    pub(crate) network: Option<Network>,
    /// The invitation, while there is one.
    pub(crate) pairing: Option<Pairing>,
    changes: broadcast::Sender<String>,
    pub(crate) stopping: bool,
    last_write: Option<Instant>,
    pub(crate) started: Instant,
}

impl Node {
    fn run(mut self, mut inbox: mpsc::Receiver<Call>) -> Result<(), NodeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .ok();
        while !self.stopping {
            let mut calls = Vec::new();
            let mut pairing = None;
            let events = self.wait(&mut inbox, runtime.as_ref(), &mut calls, &mut pairing);
            let mut replies = Vec::new();
            for call in calls {
                let response = verbs::answer(&mut self, call.request);
                replies.push((call.reply, response));
            }
            // Sign, sync, publish: what was written here is durable before any session sees it.
            self.acknowledge(replies)?;
            self.network_events(events)?;
            self.pair(pairing);
            self.settle()?;
        }
        if let Some(pairing) = self.pairing.take() {
            pairing.stop();
        }
        if let Some(network) = self.network.take() {
            network.stop();
        }
        self.engine.close()
    }

    /// Waits for something to do; takes all of it, up to a bound.
    fn wait(
        &mut self,
        inbox: &mut mpsc::Receiver<Call>,
        runtime: Option<&tokio::runtime::Runtime>,
        calls: &mut Vec<Call>,
        pairing: &mut Option<crate::network::Event>,
    ) -> Vec<crate::network::Event> {
        let mut events = Vec::new();
        let Some(runtime) = runtime else {
            self.stopping = true;
            return events;
        };
        runtime.block_on(async {
            let network = self.network.as_mut();
            tokio::select! {
                call = inbox.recv() => match call {
                    Some(call) => calls.push(call),
                    None => self.stopping = true,
                },
                event = Network::next(network) => events.extend(event),
                event = Pairing::next(self.pairing.as_mut()) => *pairing = event,
                () = tokio::time::sleep(TICK) => {}
            }
        });
        while calls.len() < BATCH {
            match inbox.try_recv() {
                Ok(call) => calls.push(call),
                Err(_) => break,
            }
        }
        if let Some(network) = self.network.as_mut() {
            network.drain(&mut events, BATCH);
        }
        events
    }

    /// Handles what came for the invitation. After a sync: an answer must not be out before the
    /// entry that admits is durable.
    fn pair(&mut self, event: Option<crate::network::Event>) {
        let Some(pairing) = &mut self.pairing else {
            return;
        };
        pairing.turn(event);
        let offline = self.network.as_ref().is_none_or(Network::is_offline);
        if offline || pairing.is_past() {
            self.pairing = None;
        }
    }

    /// Makes what was written durable, then acknowledges it. Where that fails, nobody is told that it
    /// worked, and the daemon stops: what is in memory may be more than what is on the disk.
    fn acknowledge(
        &mut self,
        replies: Vec<(oneshot::Sender<Response>, Response)>,
    ) -> Result<(), NodeError> {
        let flushed = self.engine.flush();
        let failed = flushed.as_ref().err().map(NodeError::to_api);
        for (reply, response) in replies {
            let response = match &failed {
                Some(error) => Response::Error(error.clone()),
                None => response,
            };
            let _ = reply.send(response);
        }
        if self.engine.is_broken() {
            tracing::error!("writing to disk failed; stopping so that nothing untrue is said");
            return flushed.and(Err(NodeError::Journal(JournalError::Poisoned)));
        }
        flushed
    }

    /// Makes what came from peers durable, tells them so, passes it on, and tells those who watch.
    fn settle(&mut self) -> Result<(), NodeError> {
        self.engine.flush()?;
        let changes = self.engine.take_changes();
        if !changes.is_empty() {
            self.last_write = Some(Instant::now());
            if self.changes.receiver_count() > 0 {
                for change in &changes {
                    let _ = self
                        .changes
                        .send(verbs::log::watch_line(&self.engine, change));
                }
            }
        }
        self.gossip()?;
        self.pump_due()?;
        if self.last_write.is_some_and(|at| at.elapsed() > IDLE) {
            self.last_write = None;
            self.engine.checkpoint()?;
        }
        Ok(())
    }

    /// A short summary for `status`.
    pub(crate) fn uptime(&self) -> serde_json::Value {
        json!(self.started.elapsed().as_secs())
    }
}
