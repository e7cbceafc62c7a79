//! The door of this crate: start a network, steer it, stop it.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use libp2p::multiaddr::Protocol;
use libp2p::swarm::{self, Swarm};
use libp2p::{Multiaddr, PeerId, TransportError, identity::Keypair};
use muster_log::beacon::Voice;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::behaviour::Muster;
use crate::driver::{Command, Driver};
use crate::event::{ConnId, NetEvent, TransportId};
use crate::limits::NetConfig;
use crate::stats::{KnownPeer, NetStats};
use crate::transport;

/// Commands waiting for the driver.
const COMMANDS: usize = 32;

/// A network not yet started.
#[derive(Debug, Clone, Copy)]
pub struct Net;

/// Why a network did not start, or did not obey.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    #[error("the transport key could not be used: {0}")]
    Key(String),
    #[error("cannot listen on {addr}: {why}")]
    Listen { addr: Multiaddr, why: String },
    #[error("more than {0} peers given by address")]
    TooManyPeers(usize),
    #[error("the network has stopped")]
    Stopped,
    #[error("outside a tokio runtime")]
    NoRuntime,
}

impl Net {
    /// Starts a network with a fresh transport key, in tasks of the running tokio runtime. Dropping
    /// the handle, or the receiver, stops it.
    ///
    /// # Errors
    /// See [`NetError`]; an address that cannot be listened on is one.
    pub fn start(config: NetConfig) -> Result<(NetHandle, mpsc::Receiver<NetEvent>), NetError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| NetError::NoRuntime)?;
        let given: BTreeSet<_> = config.peers.iter().collect();
        if given.len() > config.limits.given {
            return Err(NetError::TooManyPeers(config.limits.given));
        }
        let key = Keypair::generate_ed25519();
        let me = PeerId::from(key.public());
        let transport =
            transport::build(&key, &config.limits).map_err(|e| NetError::Key(e.to_string()))?;
        let behaviour = Muster::new(&config.limits, config.purpose);
        let options = swarm::Config::with_tokio_executor()
            .with_substream_upgrade_protocol_override(libp2p::core::upgrade::Version::V1Lazy)
            .with_max_negotiating_inbound_streams(4)
            .with_per_connection_event_buffer_size(4);
        let mut swarm = Swarm::new(transport, behaviour, me, options);
        for addr in &config.listen {
            if let Err(e) = swarm.listen_on(addr.clone()) {
                let (addr, why) = (addr.clone(), listen_error(&e));
                // Where the system has no IPv6, IPv4 is enough.
                if !is_any_v6(&addr) || config.listen.iter().all(is_any_v6) {
                    return Err(NetError::Listen { addr, why });
                }
                tracing::info!(%addr, why, "not listening there");
            }
        }
        let (commands, to_do) = mpsc::channel(COMMANDS);
        let (events, heard) = mpsc::channel(config.limits.events.max(4));
        let (voice, spoken) = watch::channel(config.voice.clone());
        let driver = Driver::new(swarm, config, spoken, events, to_do);
        let task = runtime.spawn(driver.run());
        Ok((
            NetHandle {
                me: TransportId(me),
                commands,
                voice,
                task,
            },
            heard,
        ))
    }
}

fn is_any_v6(addr: &Multiaddr) -> bool {
    matches!(addr.iter().next(), Some(Protocol::Ip6(ip)) if ip.is_unspecified())
}

fn listen_error(error: &TransportError<io::Error>) -> String {
    match error {
        TransportError::MultiaddrNotSupported(_) => "an address of this kind is not spoken".into(),
        TransportError::Other(e) => e.to_string(),
    }
}

/// Steers a running network.
#[derive(Debug)]
pub struct NetHandle {
    me: TransportId,
    commands: mpsc::Sender<Command>,
    voice: watch::Sender<Option<Voice>>,
    task: JoinHandle<()>,
}

impl NetHandle {
    /// This run's own transport id.
    #[must_use]
    pub fn id(&self) -> TransportId {
        self.me
    }

    /// Changes what beacons are made of: secrets that were renewed, entries that came. With none
    /// this Muster falls silent, and hears nobody.
    pub fn announce(&self, voice: Option<Voice>) {
        self.voice.send_if_modified(|before| {
            let changed = *before != voice;
            *before = voice;
            changed
        });
    }

    async fn tell(&self, command: Command) -> Result<(), NetError> {
        self.commands
            .send(command)
            .await
            .map_err(|_| NetError::Stopped)
    }

    /// Dials once. A failure comes as [`NetEvent::DialFailed`].
    ///
    /// # Errors
    /// [`NetError::Stopped`].
    pub async fn dial(&self, addr: Multiaddr) -> Result<(), NetError> {
        self.tell(Command::Dial(addr)).await
    }

    /// Adds an address to dial again and again while there is no connection with who answers there.
    ///
    /// # Errors
    /// [`NetError::TooManyPeers`], [`NetError::Stopped`].
    pub async fn add_peer(&self, addr: Multiaddr) -> Result<(), NetError> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::AddPeer(addr, reply)).await?;
        answer.await.map_err(|_| NetError::Stopped)?
    }

    /// Says that the peer of a connection has proven to belong here: the connection makes room for
    /// nobody. Where as many are kept already, it is let go.
    ///
    /// # Errors
    /// [`NetError::Stopped`].
    pub async fn vouch(&self, conn: ConnId) -> Result<(), NetError> {
        self.tell(Command::Vouch(conn)).await
    }

    /// Ends a connection once what is queued has gone out, for a moment at most. With `ban`, its
    /// transport id is neither let in nor dialled for so long.
    ///
    /// # Errors
    /// [`NetError::Stopped`].
    pub async fn close(&self, conn: ConnId, ban: Option<Duration>) -> Result<(), NetError> {
        self.tell(Command::Close(conn, ban)).await
    }

    /// Peers discovered and addresses given.
    ///
    /// # Errors
    /// [`NetError::Stopped`].
    pub async fn known(&self) -> Result<Vec<KnownPeer>, NetError> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Known(reply)).await?;
        answer.await.map_err(|_| NetError::Stopped)
    }

    /// The counters.
    ///
    /// # Errors
    /// [`NetError::Stopped`].
    pub async fn stats(&self) -> Result<NetStats, NetError> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Stats(reply)).await?;
        answer.await.map_err(|_| NetError::Stopped)
    }

    /// Ends every session, letting queued frames go out for a moment, and waits for it.
    pub async fn shutdown(self) {
        let Self { commands, task, .. } = self;
        // The driver takes the loss of its last commander for the order to stop.
        drop(commands);
        if let Err(e) = task.await {
            tracing::warn!(error = %e, "the network's driver did not end well");
        }
    }
}
