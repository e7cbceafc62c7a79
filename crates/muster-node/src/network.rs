//! The network: contacts, and the sync session over each of them.
//!
//! Bytes are [`muster_net`]'s, decisions are [`muster_log::session`]'s, entries are the engine's. Here
//! they meet: frames in, effects carried out, and nothing said to a peer before it is durable.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use muster_log::{
    book::Admitted,
    chain::DeviceKey,
    ids::DeviceId,
    record::Source,
    session::{CloseReason, Effect, Local, Outcome, ReadRequest, Session, Ticket},
};
use muster_net::{ConnId, KnownPeer, Net, NetConfig, NetEvent, NetHandle, Outbox, SendError};
use serde_json::{Value as Json, json};
use tokio::{runtime::Handle, sync::mpsc};

use crate::{
    api::{ApiError, exit},
    daemon::{Node, now, random},
    error::NodeError,
};

/// What the loop gets from the network.
pub type Event = NetEvent;

/// How long who does not belong here is kept away.
const STRANGER_BAN: Duration = Duration::from_secs(60);
/// How long a device that nobody admitted yet is kept away: its admission may arrive meanwhile.
const NOT_ADMITTED_BAN: Duration = Duration::from_secs(5);
/// Sessions are told the time this often.
const TICK: Duration = Duration::from_millis(500);
/// Frames queued for a peer beyond which nothing more is read from the disk for it.
const QUEUE: usize = 16;
/// Frames queued for a peer beyond which it is let go.
const QUEUE_MOST: usize = 1024;

/// Where to listen and whom to look for.
#[derive(Debug, Clone, Default)]
pub struct NetworkConfig {
    /// Addresses to listen on.
    pub listen: Vec<String>,
    /// Addresses of peers to be dialled whenever they are not connected.
    pub peers: Vec<String>,
    /// Whether peers are looked for.
    pub discovery: bool,
}

struct Contact {
    session: Session,
    outbox: Outbox,
    remote: String,
    outbound: bool,
    since: Instant,
    queue: VecDeque<Vec<u8>>,
    /// A question to the store that waits until the peer has taken what was read before.
    reading: Option<ReadRequest>,
    /// Runs this contact delivered, with what became of them, to be told after the next sync.
    outcomes: Vec<(Ticket, Outcome)>,
    member: Option<(DeviceId, String, String)>,
}

/// The running network with its contacts.
pub struct Network {
    net: Arc<NetHandle>,
    events: mpsc::Receiver<NetEvent>,
    runtime: Handle,
    contacts: BTreeMap<ConnId, Contact>,
    listening: Vec<String>,
    closed: BTreeMap<String, u64>,
    known: Arc<Mutex<Vec<KnownPeer>>>,
    started: Instant,
    ticked: Instant,
    offline: bool,
    /// Contacts whose frames wait for the next sync of the journal.
    due: BTreeSet<ConnId>,
    /// Whether the network's driver has ended: nothing comes any more.
    dead: bool,
}

fn addresses(given: &[String]) -> Result<Vec<muster_net::Multiaddr>, String> {
    given
        .iter()
        .map(|a| {
            a.parse()
                .map_err(|e| format!("{a:?} is not a multiaddress: {e}"))
        })
        .collect()
}

impl Network {
    /// Starts listening and looking around.
    pub async fn start(config: NetworkConfig) -> Result<Self, String> {
        let net_config = NetConfig {
            listen: addresses(&config.listen)?,
            peers: addresses(&config.peers)?,
            discovery: config.discovery,
            ..NetConfig::default()
        };
        let (net, events) = Net::start(net_config).map_err(|e| e.to_string())?;
        Ok(Self {
            net: Arc::new(net),
            events,
            runtime: Handle::current(),
            contacts: BTreeMap::new(),
            listening: Vec::new(),
            closed: BTreeMap::new(),
            known: Arc::default(),
            started: Instant::now(),
            ticked: Instant::now(),
            offline: false,
            due: BTreeSet::new(),
            dead: false,
        })
    }

    /// Waits for the next event; for ever when there is no network.
    pub async fn next(network: Option<&mut Self>) -> Option<Event> {
        match network {
            Some(network) if !network.dead => {
                let event = network.events.recv().await;
                network.dead = event.is_none();
                event
            }
            _ => std::future::pending().await,
        }
    }

    /// Takes what else has come, up to a bound.
    pub fn drain(&mut self, events: &mut Vec<Event>, most: usize) {
        while events.len() < most {
            match self.events.try_recv() {
                Ok(event) => events.push(event),
                Err(_) => break,
            }
        }
    }

    /// How many members are connected.
    pub fn connected(&self) -> usize {
        self.contacts
            .values()
            .filter(|c| c.member.is_some())
            .count()
    }

    /// Says goodbye to everybody.
    pub fn stop(mut self) {
        for contact in self.contacts.values_mut() {
            for effect in contact.session.leave() {
                if let Effect::Send(frame) = effect {
                    let _ = contact.outbox.try_send(frame);
                }
            }
        }
        self.contacts.clear();
        let Self {
            net,
            events,
            runtime,
            ..
        } = self;
        drop(events);
        if let Some(net) = Arc::into_inner(net) {
            runtime.block_on(async {
                let _ = tokio::time::timeout(Duration::from_secs(2), net.shutdown()).await;
            });
        }
    }

    fn close(&mut self, conn: ConnId, ban: Option<Duration>) {
        let net = Arc::clone(&self.net);
        self.runtime.spawn(async move {
            let _ = net.close(conn, ban).await;
        });
    }

    /// Ends all contacts and makes none, or goes back to meeting peers.
    pub fn set_offline(&mut self, offline: bool) {
        self.offline = offline;
        if offline {
            let conns: Vec<ConnId> = self.contacts.keys().copied().collect();
            for conn in conns {
                self.contacts.remove(&conn);
                self.close(conn, None);
            }
        }
    }

    fn refresh_known(&self) {
        let (net, known) = (Arc::clone(&self.net), Arc::clone(&self.known));
        self.runtime.spawn(async move {
            if let Ok(peers) = net.known().await {
                *known.lock().unwrap_or_else(PoisonError::into_inner) = peers;
            }
        });
    }

    /// What a person should know of the network.
    pub fn findings(&self) -> Vec<Json> {
        let mut out = Vec::new();
        if self.dead {
            out.push(json!({ "code": "network-dead", "level": "trouble", "args": {} }));
        } else if self.offline {
            out.push(json!({ "code": "offline", "level": "attention", "args": {} }));
        } else if self.connected() == 0 && self.started.elapsed() > Duration::from_secs(3) {
            let heard = self
                .known
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .len();
            out.push(
                json!({ "code": "nobody-met", "level": "attention", "args": { "heard": heard } }),
            );
        }
        if let Some(n) = self.closed.get("stranger") {
            out.push(json!({ "code": "strangers", "level": "ok", "args": { "count": n } }));
        }
        if let Some(n) = self.closed.get("same-device") {
            out.push(json!({ "code": "same-device", "level": "trouble", "args": { "count": n } }));
        }
        out
    }

    /// `peers`.
    pub fn peers(&self) -> Json {
        let items = self.contacts.values().filter_map(|c| {
            let (device, label, software) = c.member.as_ref()?;
            let stats = c.session.stats();
            Some(json!({
                "device": device.hex(), "label": label, "software": software,
                "address": c.remote, "outbound": c.outbound,
                "since_s": c.since.elapsed().as_secs(), "in_sync": c.session.in_sync(),
                "entries_sent": stats.entries_sent, "entries_received": stats.entries_received,
                "bytes_sent": stats.bytes_sent, "bytes_received": stats.bytes_received,
                "refused": stats.refused,
            }))
        });
        let items = items.collect();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known: Vec<_> = known
            .iter()
            .map(|k| {
                json!({
                    "addresses": k.addrs.iter().map(ToString::to_string).collect::<Vec<_>>(),
                    "given": k.given,
                    "heard_ago_s": k.heard_ago.map(|d| d.as_secs()),
                    "connected": k.conn.is_some(),
                    "banned": k.banned,
                })
            })
            .collect();
        json!({
            "network": true, "items": Json::Array(items), "known": known,
            "listening": self.listening, "closed": self.closed,
        })
    }

    /// `sync`: dials an address now, or tells how things stand with everyone met.
    pub fn sync_now(
        &mut self,
        address: Option<&str>,
        device: Option<DeviceId>,
    ) -> Result<Json, ApiError> {
        if let Some(address) = address {
            let address: muster_net::Multiaddr = address.parse().map_err(|e| {
                ApiError::new("address-wrong", exit::USAGE)
                    .with("given", address)
                    .with("why", e)
            })?;
            let net = Arc::clone(&self.net);
            self.runtime.spawn(async move {
                let _ = net.add_peer(address).await;
            });
        }
        let mut answer = self.peers();
        if let (Some(device), Some(map)) = (device, answer.as_object_mut()) {
            map.insert("device".into(), json!(device.hex()));
        }
        Ok(answer)
    }
}

/// One incident secret and one key for all contacts of a turn of the loop.
struct Identity {
    key: DeviceKey,
    secrets: Vec<[u8; 32]>,
}

impl Node {
    /// Handles what the network brought.
    pub(crate) fn network_events(&mut self, events: Vec<Event>) -> Result<(), NodeError> {
        for event in events {
            match event {
                NetEvent::Listening { addr } => {
                    tracing::info!(%addr, "listening");
                    if let Some(n) = &mut self.network {
                        n.listening.push(addr.to_string());
                    }
                }
                NetEvent::Connected {
                    conn,
                    peer,
                    remote,
                    outbound,
                    outbox,
                } => {
                    self.met(conn, &peer.to_bytes(), remote.to_string(), outbound, outbox)?;
                }
                NetEvent::Frame { conn, bytes } => {
                    let book = self.engine.book();
                    let contact = self
                        .network
                        .as_mut()
                        .and_then(|n| n.contacts.get_mut(&conn));
                    let Some(contact) = contact else { continue };
                    let effects = contact.session.frame(book, &bytes);
                    self.carry_out(conn, effects)?;
                }
                NetEvent::Writable { conn } => self.network_due(conn),
                NetEvent::Closed { conn, reason, .. } => {
                    if let Some(n) = &mut self.network {
                        if let Some(contact) = n.contacts.remove(&conn) {
                            let label = contact.member.map(|m| m.1).unwrap_or_default();
                            tracing::info!(peer = %label, %reason, "contact ended");
                        }
                        n.refresh_known();
                    }
                }
                other => tracing::debug!(?other, "network"),
            }
        }
        self.network_tick()
    }

    fn identity(&self) -> Identity {
        let secrets = self.engine.secrets();
        Identity {
            key: secrets.key(),
            secrets: secrets.member().map(|m| m.secret).into_iter().collect(),
        }
    }

    fn met(
        &mut self,
        conn: ConnId,
        there: &[u8],
        remote: String,
        outbound: bool,
        outbox: Outbox,
    ) -> Result<(), NodeError> {
        let identity = self.identity();
        let incident = self.engine.incident();
        let now_ms = self.started.elapsed().as_millis() as u64;
        let Some(network) = &mut self.network else {
            return Ok(());
        };
        if network.offline {
            network.close(conn, None);
            return Ok(());
        }
        let mut fresh = [0; 32];
        random(&mut fresh);
        let local = Local {
            incident,
            key: &identity.key,
            secrets: &identity.secrets,
            here: &network.net.id().to_bytes(),
            there,
            dialler: outbound,
            software: concat!("muster ", env!("CARGO_PKG_VERSION")),
        };
        let (session, effects) = Session::start(&local, fresh, now_ms);
        network.refresh_known();
        network.contacts.insert(
            conn,
            Contact {
                session,
                outbox,
                remote,
                outbound,
                since: Instant::now(),
                queue: VecDeque::new(),
                reading: None,
                outcomes: Vec::new(),
                member: None,
            },
        );
        self.carry_out(conn, effects)
    }

    /// Carries out what a session asks for, and what follows from it.
    fn carry_out(&mut self, conn: ConnId, effects: Vec<Effect>) -> Result<(), NodeError> {
        let Some(network) = &mut self.network else {
            return Ok(());
        };
        for effect in effects {
            let Some(contact) = network.contacts.get_mut(&conn) else {
                return Ok(());
            };
            match effect {
                Effect::Send(frame) => contact.queue.push_back(frame),
                Effect::Deliver { ticket, run } => {
                    let outcome = self
                        .engine
                        .receive(&run, Source::Peer, now(), &mut random)?;
                    contact.outcomes.push((ticket, outcome.into()));
                }
                Effect::Read(request) => {
                    contact.reading = Some(request);
                }
                Effect::Member {
                    device,
                    label,
                    software,
                    ..
                } => {
                    tracing::info!(peer = %label, remote = %contact.remote, "contact");
                    contact.member = Some((device, label, software));
                }
                Effect::InSync => {}
                Effect::Refused { log, reason } => {
                    tracing::warn!(?log, reason = reason.code(), "a run was refused");
                }
                Effect::Skipped { log, reason } => {
                    tracing::info!(?log, reason = reason.code(), "a log is not sent")
                }
                Effect::OwnLogAhead(log) => {
                    let current = self.engine.secrets().log(log.lane);
                    if current == log {
                        tracing::warn!(
                            "a peer has newer entries of this device's own log: its data directory is an older copy; a new generation is opened"
                        );
                        self.engine.renew_generation(&mut random)?;
                    }
                }
                Effect::Close(reason) => {
                    *network.closed.entry(reason.code().to_owned()).or_default() += 1;
                    tracing::debug!(%reason, "session closed");
                    let ban = match reason {
                        CloseReason::Stranger
                        | CloseReason::Version { .. }
                        | CloseReason::Flood
                        | CloseReason::Broken
                        | CloseReason::SameDevice => Some(STRANGER_BAN),
                        CloseReason::NotAdmitted(_) | CloseReason::NotAdmittedThere => {
                            Some(NOT_ADMITTED_BAN)
                        }
                        _ => None,
                    };
                    while let Some(frame) = contact.queue.pop_front() {
                        if contact.outbox.try_send(frame).is_err() {
                            break;
                        }
                    }
                    network.close(conn, ban);
                }
            }
        }
        self.network_due(conn);
        Ok(())
    }

    fn network_close(&mut self, conn: ConnId, reason: &str, ban: Option<Duration>) {
        if let Some(network) = &mut self.network {
            *network.closed.entry(reason.to_owned()).or_default() += 1;
            network.contacts.remove(&conn);
            network.close(conn, ban);
        }
    }

    /// Notes that a contact's frames are to be handed over once everything is durable.
    fn network_due(&mut self, conn: ConnId) {
        if let Some(network) = &mut self.network {
            network.due.insert(conn);
        }
    }

    /// After a sync of the journal: hands over what was queued for the peers. Not before: whatever a
    /// peer is told must be here after a power cut.
    pub(crate) fn pump_due(&mut self) -> Result<(), NodeError> {
        let due = self
            .network
            .as_mut()
            .map(|n| std::mem::take(&mut n.due))
            .unwrap_or_default();
        due.into_iter().try_for_each(|conn| self.pump(conn))
    }

    /// Hands queued frames to the transport, and reads more for the peer when they are gone.
    fn pump(&mut self, conn: ConnId) -> Result<(), NodeError> {
        loop {
            let Some(contact) = self
                .network
                .as_mut()
                .and_then(|n| n.contacts.get_mut(&conn))
            else {
                return Ok(());
            };
            while let Some(frame) = contact.queue.pop_front() {
                match contact.outbox.try_send(frame) {
                    Ok(()) => {}
                    Err(SendError::Full(frame)) => {
                        contact.queue.push_front(frame);
                        break;
                    }
                    Err(_) => {
                        contact.queue.clear();
                        return Ok(());
                    }
                }
            }
            if contact.queue.len() > QUEUE_MOST {
                // It takes nothing and keeps asking.
                self.network_close(conn, "flood", Some(STRANGER_BAN));
                return Ok(());
            }
            if contact.queue.len() >= QUEUE {
                return Ok(());
            }
            let Some(request) = contact.reading.take() else {
                return Ok(());
            };
            let id = request.log.id(&self.engine.incident());
            let runs = self
                .engine
                .runs(&id, request.from, request.to, request.bytes)?;
            let effects = contact.session.runs(self.engine.book(), request.id, runs);
            self.carry_out_again(conn, effects)?;
        }
    }

    /// [`Self::carry_out`] without the pumping at its end, which the caller does.
    fn carry_out_again(&mut self, conn: ConnId, effects: Vec<Effect>) -> Result<(), NodeError> {
        let Some(contact) = self
            .network
            .as_mut()
            .and_then(|n| n.contacts.get_mut(&conn))
        else {
            return Ok(());
        };
        let mut rest = Vec::new();
        for effect in effects {
            match effect {
                Effect::Send(frame) => contact.queue.push_back(frame),
                Effect::Read(request) => contact.reading = Some(request),
                other => rest.push(other),
            }
        }
        if rest.is_empty() {
            Ok(())
        } else {
            self.carry_out(conn, rest)
        }
    }

    /// After a sync of the journal: tells each peer what of its runs is durable now, and everyone
    /// else what is new.
    pub(crate) fn gossip(&mut self) -> Result<(), NodeError> {
        let admitted: Vec<Admitted> = self.engine.take_admitted();
        let Some(network) = &mut self.network else {
            return Ok(());
        };
        let conns: Vec<ConnId> = network.contacts.keys().copied().collect();
        for conn in conns {
            let Some(contact) = self
                .network
                .as_mut()
                .and_then(|n| n.contacts.get_mut(&conn))
            else {
                continue;
            };
            let outcomes = std::mem::take(&mut contact.outcomes);
            if outcomes.is_empty() && admitted.is_empty() {
                continue;
            }
            let book = self.engine.book();
            let own = |a: &Admitted| {
                outcomes
                    .iter()
                    .any(|(_, o)| matches!(o, Outcome::Admitted(x) if x.run.head() == a.run.head()))
            };
            let mut effects = Vec::new();
            if !outcomes.is_empty() {
                effects.extend(contact.session.stored(book, &outcomes));
            }
            for a in admitted.iter().filter(|a| !own(a)) {
                effects.extend(contact.session.changed(book, a));
            }
            self.carry_out(conn, effects)?;
        }
        Ok(())
    }

    fn network_tick(&mut self) -> Result<(), NodeError> {
        let now_ms = self.started.elapsed().as_millis() as u64;
        let Some(network) = &mut self.network else {
            return Ok(());
        };
        if network.ticked.elapsed() < TICK {
            return Ok(());
        }
        network.ticked = Instant::now();
        network.refresh_known();
        let conns: Vec<ConnId> = network.contacts.keys().copied().collect();
        for conn in conns {
            let contact = self
                .network
                .as_mut()
                .and_then(|n| n.contacts.get_mut(&conn));
            if let Some(contact) = contact {
                let effects = contact.session.tick(self.engine.book(), now_ms);
                self.carry_out(conn, effects)?;
            }
        }
        Ok(())
    }
}
