//! The loop: one event in, the pure core decides, effects carried out.
//!
//! A thread of its own owns the engine, so that a disk that takes its time stops nobody's sockets.
//! What waits in the queue is handled together and made durable by one sync, then everything is
//! acknowledged.

use std::{
    os::unix::net::UnixListener,
    path::PathBuf,
    time::{Duration, Instant},
};

use muster_store::{DataDir, Held, Hold, JournalError};
use serde_json::json;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{broadcast, mpsc, oneshot, watch},
};

pub use crate::edge::{now, random};
use crate::{
    anchor::Anchor,
    api::{Request, Response},
    edge::since_boot,
    engine::{Engine, OpenReport},
    error::NodeError,
    heard::Memory,
    locked::{self, Waited},
    network::{Network, NetworkConfig},
    pairing::Pairing,
    reserve::{Room, Watch},
    server::{self, Call},
    verbs,
};

/// Questions handled together, at most.
const BATCH: usize = 64;
/// How long the loop sleeps when nothing happens.
const TICK: Duration = Duration::from_millis(200);
/// After this long without a write, the journal's end is witnessed and the index is brought up to date.
const IDLE: Duration = Duration::from_secs(20);
/// What is remembered of contacts is kept this often, where it has changed.
const KEEP: Duration = Duration::from_secs(5);

/// How the daemon runs.
#[derive(Debug, Clone, Default)]
pub struct DaemonConfig {
    /// The network, or none.
    pub network: Option<NetworkConfig>,
    /// After this long without a question at the control socket, everything is locked.
    pub lock_after: Option<Duration>,
    /// The folder, outside the data directory, for what vouches for it.
    pub anchors: Option<PathBuf>,
    /// Bytes of the disk to be kept free of what others send; by its size where none is said.
    pub reserve: Option<u64>,
}

/// A data directory as the daemon finds it.
#[derive(Debug)]
pub enum Start {
    /// Unlocked.
    Open(DataDir),
    /// Nobody has given the key yet.
    Locked(Held),
}

impl Start {
    /// A share in the directory's lock, for what lies in it and outlives the daemon: its socket.
    pub fn hold(&self) -> Hold {
        match self {
            Self::Open(dir) => dir.hold(),
            Self::Locked(held) => held.hold(),
        }
    }
}

/// What a daemon that is ready has to tell.
#[derive(Debug)]
pub enum Ready<'a> {
    /// It works.
    Open(&'a OpenReport),
    /// It waits for the key.
    Locked,
}

/// How the daemon ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// It is to be locked: the directory is closed, and all that was decrypted still lies in this
    /// process's memory. Only a process made anew has forgotten it.
    Locked,
    /// The directory is destroyed.
    Wiped,
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
    /// The control socket cannot be listened on.
    #[error("the control socket: {0}")]
    Socket(std::io::Error),
    /// The network.
    #[error("the network: {0}")]
    Network(String),
    /// The loop's thread ended without saying why.
    #[error("the loop ended unexpectedly")]
    Loop,
}

/// Runs the daemon until it is told to stop, to lock, or to destroy what it serves. `ready` is called
/// when it answers, and again when it was unlocked.
pub async fn run(
    start: Start,
    listener: &UnixListener,
    config: DaemonConfig,
    ready: impl Fn(&Ready<'_>) + Send + 'static,
) -> Result<Ended, DaemonError> {
    let (dir, signals) = match start {
        Start::Open(dir) => (dir, None),
        Start::Locked(held) => {
            let mut signals = Signals::install();
            ready(&Ready::Locked);
            match locked::wait(held, listener, signals.as_mut()).await? {
                Waited::Unlocked(dir) => (dir, signals),
                Waited::Refused => return Ok(Ended::Locked),
                Waited::Stopped => return Ok(Ended::Stopped),
                Waited::Wiped => return Ok(Ended::Wiped),
            }
        }
    };
    run_open(dir, listener, config, signals, ready).await
}

async fn run_open(
    dir: DataDir,
    listener: &UnixListener,
    config: DaemonConfig,
    signals: Option<Signals>,
    ready: impl Fn(&Ready<'_>) + Send + 'static,
) -> Result<Ended, DaemonError> {
    let started = Instant::now();
    let listener = server::share(listener).map_err(DaemonError::Socket)?;
    let anchors = config.anchors;
    let opened = tokio::task::spawn_blocking(move || open(dir, anchors));
    let (engine, anchor, report) = opened.await.map_err(|_| DaemonError::Loop)??;
    let network = match config.network {
        Some(config) => {
            let mut seed = [0; 32];
            random(&mut seed);
            let started = Network::start(config, engine.voice(), seed).await;
            Some(started.map_err(|e| DaemonError::Network(e.to_string()))?)
        }
        None => None,
    };
    tracing::info!(
        entries = report.entries,
        ms = started.elapsed().as_millis() as u64,
        rebuilt = report.rebuilt.as_deref().unwrap_or(""),
        torn = report.torn.as_deref().unwrap_or(""),
        "ready"
    );
    let heard = Memory::open(engine.dir());
    let (calls, inbox) = mpsc::channel(256);
    let (changes, _) = broadcast::channel(1024);
    let (stop, stopped) = watch::channel(false);
    let node = Node {
        engine,
        anchor,
        network,
        pairing: None,
        heard,
        level: false,
        changes: changes.clone(),
        stopping: false,
        leaving: None,
        last_write: None,
        kept: Instant::now(),
        started,
        lock_after: config.lock_after,
        space: Watch::new(config.reserve),
        asked: since_boot(),
    };
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new()
        .name("muster-loop".into())
        .spawn(move || {
            let _ = ended.send(node.run(inbox));
        })
        .map_err(|_| DaemonError::Loop)?;
    let signals = signals.or_else(Signals::install);
    let serving = server::serve(listener, calls.clone(), Some(changes), stopped);
    let server = tokio::spawn(serving);
    ready(&Ready::Open(&report));
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    tokio::spawn(stop_on_signal(signals, calls));
    let outcome = end.await.map_err(|_| DaemonError::Loop)?;
    if !matches!(outcome, Ok(Ended::Locked)) {
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    }
    let _ = stop.send(true);
    // Who watches keeps the server from ending; what is to be locked waits for nobody.
    let patience = match outcome {
        Ok(Ended::Locked) => Duration::from_millis(300),
        _ => Duration::from_secs(2),
    };
    let _ = tokio::time::timeout(patience, server).await;
    Ok(outcome?)
}

/// Opens the directory; where it may not be the one that wrote last, with a new generation.
fn open(dir: DataDir, anchors: Option<PathBuf>) -> Result<(Engine, Anchor, OpenReport), NodeError> {
    let mut anchor = Anchor::open(&dir, anchors.as_deref(), &mut random)?;
    let (mut engine, report) = Engine::open(dir, &mut random)?;
    anchor.settle(&mut engine, &mut random)?;
    Ok((engine, anchor, report))
}

/// The system's wish that the daemon stop. Installed before anybody can have heard that it runs, and
/// kept over an unlocking: a signal that comes while nobody waits for one is not lost.
pub(crate) struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// None where the system gives none.
    pub(crate) fn install() -> Option<Self> {
        let term = signal(SignalKind::terminate()).ok()?;
        let int = signal(SignalKind::interrupt()).ok()?;
        Some(Self { term, int })
    }

    /// Waits for one; for ever where there are none.
    pub(crate) async fn wait(signals: Option<&mut Self>) {
        match signals {
            Some(Self { term, int }) => {
                tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
            }
            None => std::future::pending().await,
        }
    }
}

/// Puts a stop into the queue when the system asks for one.
async fn stop_on_signal(mut signals: Option<Signals>, calls: mpsc::Sender<Call>) {
    Signals::wait(signals.as_mut()).await;
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
    pub(crate) anchor: Anchor,
    pub(crate) network: Option<Network>,
    /// The invitation, while there is one.
    pub(crate) pairing: Option<Pairing>,
    /// Whose entries came when, and by way of whom.
    pub(crate) heard: Memory,
    /// Entries came from elsewhere and there are no more to come for now: offers among them may be
    /// receipted.
    pub(crate) level: bool,
    changes: broadcast::Sender<String>,
    pub(crate) stopping: bool,
    /// To be locked or destroyed, and who is to be told when that is done.
    leaving: Option<(Leaving, Option<oneshot::Sender<Response>>)>,
    last_write: Option<Instant>,
    /// When what is remembered of contacts was last looked at for keeping.
    kept: Instant,
    pub(crate) started: Instant,
    lock_after: Option<Duration>,
    /// The room on the disk.
    pub(crate) space: Watch,
    /// When something was last asked, as [`since_boot`] has it.
    asked: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Leaving {
    Lock,
    Wipe,
}

impl Node {
    fn run(mut self, mut inbox: mpsc::Receiver<Call>) -> Result<Ended, NodeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .ok();
        while !self.stopping && self.leaving.is_none() {
            let mut calls = Vec::new();
            let mut pairing = None;
            let events = self.wait(&mut inbox, runtime.as_ref(), &mut calls, &mut pairing);
            self.lock_when_left_alone(calls.is_empty());
            let room = self
                .space
                .look(self.engine.dir(), self.engine.journal_bytes());
            self.engine.set_room(room);
            let mut replies = Vec::new();
            for call in calls {
                match call.request {
                    Request::Lock => self.leaving = Some((Leaving::Lock, Some(call.reply))),
                    Request::Wipe => self.leaving = Some((Leaving::Wipe, Some(call.reply))),
                    request => replies.push((call.reply, verbs::answer(&mut self, request))),
                }
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
        self.leave()
    }

    /// Traffic between devices is no sign that somebody sits here.
    fn lock_when_left_alone(&mut self, alone: bool) {
        let now = since_boot();
        if !alone {
            self.asked = now;
        } else if self
            .lock_after
            .is_some_and(|after| now.saturating_sub(self.asked) >= after)
        {
            tracing::info!("nobody has asked anything for a while: locking");
            self.leaving = Some((Leaving::Lock, None));
        }
    }

    fn leave(mut self) -> Result<Ended, NodeError> {
        if !matches!(self.leaving, Some((Leaving::Wipe, _))) && !self.engine.is_broken() {
            self.anchor.tick(&self.engine, &mut random);
            self.engine.keep_met(&mut random);
            self.heard.keep(self.engine.dir());
        }
        let (response, reply, ended) = match self.leaving {
            None => {
                self.engine.close()?;
                return Ok(Ended::Stopped);
            }
            Some((Leaving::Lock, reply)) => {
                // What was acknowledged is on the disk already: a disk that fails now keeps nobody
                // from locking.
                if let Err(e) = self.engine.close() {
                    tracing::warn!(error = %e, "closing before the lock failed");
                }
                (
                    Response::Ok(json!({ "locked": true })),
                    reply,
                    Ended::Locked,
                )
            }
            Some((Leaving::Wipe, reply)) => {
                let held = self.engine.dir().held()?;
                drop(self.engine);
                let wiped = held.wipe().map_err(NodeError::from);
                (locked::wiped_answer(wiped), reply, Ended::Wiped)
            }
        };
        if let Some(reply) = reply {
            let _ = reply.send(response);
        }
        Ok(ended)
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
        if self.engine.room() < Room::Nothing {
            self.engine.tend_keys(now(), &mut random)?;
            self.engine.tend_forks(now(), &mut random)?;
            self.engine.tend_erasures(now(), &mut random)?;
            if std::mem::take(&mut self.level) {
                verbs::offers::receipts(&mut self.engine)?;
            }
        }
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
        if self.kept.elapsed() > KEEP {
            self.kept = Instant::now();
            self.engine.keep_met(&mut random);
        }
        if self.last_write.is_some_and(|at| at.elapsed() > IDLE) {
            self.last_write = None;
            self.engine.checkpoint()?;
            self.anchor.tick(&self.engine, &mut random);
            self.heard.keep(self.engine.dir());
            self.engine.rest();
        }
        Ok(())
    }

    /// A short summary for `status`.
    pub(crate) fn uptime(&self) -> serde_json::Value {
        json!(self.started.elapsed().as_secs())
    }
}
