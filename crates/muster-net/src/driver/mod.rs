//! The one task that owns the swarm: events in, decisions by `conns` and `dialer`, effects out.
//!
//! It never waits for a consumer or a session, so it is never stopped by back-pressure. Frames do
//! not pass through it.

mod reasons;
mod sessions;
mod swarming;

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::Multiaddr;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, Swarm};
use muster_log::beacon::Voice;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::behaviour::Muster;
use crate::conns::Conns;
use crate::dialer::{Dial, Dialer, Target};
use crate::discovery::{self, Counts, Groups, Mood, Mouth, Ports, Sighting};
use crate::event::{CloseReason, ConnId, DialFailure, NetEvent, TransportId};
use crate::handle::NetError;
use crate::limits::{Limits, NetConfig};
use crate::session::Report;
use crate::stats::{KnownPeer, NetStats};

/// Sightings and reports waiting for the driver.
const WAITING: usize = 64;
/// Listening addresses waiting for a slow consumer.
const BACKLOG: usize = 32;
/// With nothing to do, the driver still looks around this often.
const IDLE: Duration = Duration::from_secs(30);

/// What the handle asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Dial(Multiaddr),
    AddPeer(Multiaddr, oneshot::Sender<Result<(), NetError>>),
    Vouch(ConnId),
    Close(ConnId, Option<Duration>),
    Known(oneshot::Sender<Vec<KnownPeer>>),
    Stats(oneshot::Sender<NetStats>),
}

pub(crate) struct Driver {
    swarm: Swarm<Muster>,
    limits: Limits,
    events: mpsc::Sender<NetEvent>,
    backlog: VecDeque<NetEvent>,
    commands: mpsc::Receiver<Command>,
    reports: (mpsc::Sender<Report>, mpsc::Receiver<Report>),
    sightings: mpsc::Receiver<Sighting>,
    ports: watch::Sender<Ports>,
    mood: watch::Sender<Mood>,
    counts: Arc<Counts>,
    conns: Conns,
    dialer: Dialer,
    dials: HashMap<ConnectionId, Target>,
    stats: NetStats,
    tasks: JoinSet<()>,
}

impl Driver {
    /// Called inside the runtime: it spawns the discovery.
    pub(crate) fn new(
        swarm: Swarm<Muster>,
        config: NetConfig,
        voice: watch::Receiver<Option<Voice>>,
        events: mpsc::Sender<NetEvent>,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        let me = TransportId(*swarm.local_peer_id());
        let seed = RandomState::new().hash_one(me);
        let (sighted, sightings) = mpsc::channel(WAITING);
        let ports = watch::Sender::new(Ports::default());
        let mood = watch::Sender::new(Mood {
            seeks: true,
            full: false,
        });
        let counts = Arc::new(Counts::default());
        let mut tasks = JoinSet::new();
        if config.discovery {
            let beacon = discovery::Config {
                groups: Groups {
                    v4: config.group,
                    v6: config.group6,
                    port: config.beacon_port,
                },
                every: config.limits.beacon,
                seed: seed.rotate_left(32),
            };
            let mouth = Arc::new(Mouth {
                me,
                tongue: discovery::tongue(config.purpose, voice, config.seed),
                ports: ports.subscribe(),
                mood: mood.subscribe(),
            });
            let counts = Arc::clone(&counts);
            tasks.spawn(discovery::run(beacon, mouth, sighted, counts));
        }
        let mut dialer = Dialer::new(me, config.limits.clone(), seed);
        for addr in config.peers {
            dialer.give(Instant::now(), addr);
        }
        Self {
            swarm,
            limits: config.limits,
            events,
            backlog: VecDeque::new(),
            commands,
            reports: mpsc::channel(WAITING),
            sightings,
            ports,
            mood,
            counts,
            conns: Conns::new(me),
            dialer,
            dials: HashMap::new(),
            stats: NetStats::default(),
            tasks,
        }
    }

    pub(crate) async fn run(mut self) {
        loop {
            self.look_around(Instant::now());
            let wake = self.wake(Instant::now());
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm(event),
                command = self.commands.recv() => match command {
                    Some(command) => self.on_command(command),
                    None => break,
                },
                Some(report) = self.reports.1.recv() => self.on_report(report),
                Some(sighting) = self.sightings.recv() => self.on_sighting(sighting),
                Some(_) = self.tasks.join_next() => {}
                () = self.events.closed() => break,
                () = sleep_until(wake.into()) => {}
            }
        }
        self.stop().await;
    }

    /// What is due by the clock.
    fn look_around(&mut self, now: Instant) {
        while let Some(event) = self.backlog.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
                self.backlog.push_front(event);
                break;
            }
        }
        for conn in self.conns.overdue(now, self.limits.handshake) {
            self.refuse(conn, crate::RefuseReason::NoSession);
        }
        let kept = self.conns.proven();
        let mood = Mood {
            seeks: kept < self.limits.mesh,
            full: kept >= self.limits.kept,
        };
        self.mood
            .send_if_modified(|before| std::mem::replace(before, mood) != mood);
        let linked = self.conns.linked(now, self.limits.redial);
        if let Some(conn) = self
            .dialer
            .surplus(now, &linked)
            .and_then(|peer| self.conns.kept_with(peer))
        {
            self.end(conn, CloseReason::Enough);
        }
        if mood.full {
            return;
        }
        let room = self.limits.pending_out.saturating_sub(self.dials.len());
        for Dial { target, addr } in self.dialer.due(now, &linked, room) {
            self.dial(target, addr);
        }
    }

    fn wake(&self, now: Instant) -> Instant {
        let idle = now + IDLE;
        let overdue = self.conns.next_overdue(self.limits.handshake);
        let full =
            self.conns.proven() >= self.limits.kept || self.dials.len() >= self.limits.pending_out;
        // When there is no room, the event that makes some wakes the loop.
        let due = if full {
            None
        } else {
            let linked = self.conns.linked(now, self.limits.redial);
            self.dialer.next_due(&linked)
        };
        let opened = self.conns.next_opened(now, self.limits.redial);
        let retry = (!self.backlog.is_empty()).then(|| now + Duration::from_millis(100));
        [overdue, opened, due, retry]
            .into_iter()
            .flatten()
            .fold(idle, Instant::min)
    }

    fn dial(&mut self, target: Target, addr: Multiaddr) {
        let options = match &target {
            Target::Peer(id) => DialOpts::peer_id(id.0)
                .condition(PeerCondition::Always)
                .addresses(vec![addr])
                .allocate_new_port()
                .build(),
            Target::Given(_) | Target::Once(_) => DialOpts::unknown_peer_id()
                .address(addr)
                .allocate_new_port()
                .build(),
        };
        let connection = options.connection_id();
        self.stats.dials += 1;
        self.dials.insert(connection, target);
        if let Err(e) = self.swarm.dial(options) {
            self.dial_failed(connection, None, &e);
        }
    }

    fn on_sighting(&mut self, sighting: Sighting) {
        let peer = sighting.id;
        if self.dialer.heard(Instant::now(), sighting) {
            let known = self.dialer.discovered();
            self.tell(NetEvent::Discovered { peer, known });
        }
    }

    fn on_command(&mut self, command: Command) {
        // Who has seen a session's event should find it counted.
        while let Ok(report) = self.reports.1.try_recv() {
            self.on_report(report);
        }
        match command {
            Command::Dial(addr) if self.dials.len() >= self.limits.pending_out => {
                self.tell(NetEvent::DialFailed {
                    addr,
                    reason: DialFailure::TooMany,
                });
            }
            Command::Dial(addr) => self.dial(Target::Once(addr.clone()), addr),
            Command::AddPeer(addr, reply) => {
                let taken = self.dialer.give(Instant::now(), addr);
                let answer = if taken {
                    Ok(())
                } else {
                    Err(NetError::TooManyPeers(self.limits.given))
                };
                let _not_waited_for = reply.send(answer);
            }
            Command::Vouch(conn) => self.vouch(conn),
            Command::Close(conn, ban) => {
                if let Some(span) = ban {
                    self.ban(conn, span);
                }
                self.end(conn, CloseReason::Local);
            }
            Command::Known(reply) => {
                let _not_waited_for = reply.send(self.known());
            }
            Command::Stats(reply) => {
                let _not_waited_for = reply.send(self.stats());
            }
        }
    }

    fn ban(&mut self, conn: ConnId, span: Duration) {
        let Some(peer) = self.conns.get_mut(conn).map(|c| c.peer) else {
            return;
        };
        let now = Instant::now();
        // A span beyond the clock's range is as good as a day.
        let until = now
            .checked_add(span)
            .unwrap_or(now + Duration::from_secs(86_400));
        self.swarm.behaviour_mut().ban(peer.0, until);
        self.dialer.hold(peer, until);
    }

    fn known(&self) -> Vec<KnownPeer> {
        let now = Instant::now();
        self.dialer
            .list()
            .map(|known| KnownPeer {
                peer: known.who,
                addrs: known.addrs,
                given: known.heard.is_none(),
                heard_ago: known.heard.map(|at| now.saturating_duration_since(at)),
                conn: known.who.and_then(|peer| self.conns.kept_with(peer)),
                banned: known
                    .who
                    .is_some_and(|p| self.swarm.behaviour().banned(&p.0, now).is_some()),
                level: known.level,
                failed: known.failed,
            })
            .collect()
    }

    fn stats(&self) -> NetStats {
        let kept = self.conns.kept();
        NetStats {
            kept,
            shaking: self.conns.len().saturating_sub(kept),
            air: self.counts.read(),
            ..self.stats.clone()
        }
    }

    /// An event for counters: a consumer that is not reading misses it, and that is counted.
    fn tell(&mut self, event: NetEvent) {
        if self.events.try_send(event).is_err() {
            self.stats.events_dropped += 1;
        }
    }

    /// An event that is not to be missed, of a kind that is few.
    fn tell_surely(&mut self, event: NetEvent) {
        if self.backlog.len() >= BACKLOG {
            self.backlog.pop_front();
            self.stats.events_dropped += 1;
        }
        self.backlog.push_back(event);
    }

    async fn stop(mut self) {
        let open: Vec<_> = self.conns.iter().map(|(conn, _)| conn).collect();
        for conn in open {
            self.end(conn, CloseReason::Shutdown);
        }
        let last = Instant::now() + self.limits.farewell * 3;
        while self.conns.len() > 0 {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm(event),
                Some(report) = self.reports.1.recv() => self.on_report(report),
                () = sleep_until(last.into()) => break,
            }
        }
        self.tasks.shutdown().await;
    }
}
