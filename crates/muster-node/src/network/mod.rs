//! The network: contacts, and the sync session over each of them.
//!
//! Bytes are [`muster_net`]'s, decisions are [`muster_log::session`]'s, entries are the engine's. Here
//! they meet: frames in, effects carried out, and nothing said to a peer before it is durable.

mod contacts;
mod gate;
mod why;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use muster_log::{
    ids::{DeviceId, LogId},
    intake::Delay,
    session::{Effect, Outcome, ReadRequest, Session, Ticket},
};
use muster_net::{ConnId, Net, NetConfig, NetEvent, NetHandle, Outbox, Voice};
use serde_json::{Value as Json, json};
use tokio::{runtime::Handle, sync::mpsc};

use crate::api::{ApiError, exit};
use gate::Gate;
use why::Sight;

/// Beacons are told what is new no sooner than this after the last time, and no later.
const VOICE_SOONEST: Duration = Duration::from_millis(150);
const VOICE_LATEST: Duration = Duration::from_secs(5);

/// What the loop gets from the network.
pub type Event = NetEvent;

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
    /// Bytes in it.
    queued: usize,
    /// A question to the store that waits until the peer has taken what was read before.
    reading: Option<ReadRequest>,
    /// Runs this contact delivered, with what became of them, to be told after the next sync.
    outcomes: Vec<(Ticket, Outcome)>,
    /// How far its clock is ahead of ours, in ms, when it greeted.
    clock_ms: Option<i64>,
    member: Option<(DeviceId, String, String)>,
}

/// The running network with its contacts.
pub struct Network {
    net: Arc<NetHandle>,
    events: mpsc::Receiver<NetEvent>,
    runtime: Handle,
    contacts: BTreeMap<ConnId, Contact>,
    listening: Vec<String>,
    gate: Gate,
    /// What each member was last found to have of lane 0, by the log; with an ending among it, it is
    /// noted as heard.
    told: BTreeMap<DeviceId, BTreeMap<LogId, u64>>,
    sight: Arc<Mutex<Sight>>,
    discovery: bool,
    /// When beacons were last told what this device has, and whether that is out of date.
    voiced: Instant,
    hoarse: bool,
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
    /// Starts listening and looking around. Beacons are made of `voice`, and of 32 random bytes.
    pub async fn start(
        config: NetworkConfig,
        voice: Option<Voice>,
        seed: [u8; 32],
    ) -> Result<Self, String> {
        let net_config = NetConfig {
            listen: addresses(&config.listen)?,
            peers: addresses(&config.peers)?,
            discovery: config.discovery,
            voice,
            seed,
            ..NetConfig::default()
        };
        let (net, events) = Net::start(net_config).map_err(|e| e.to_string())?;
        Ok(Self {
            net: Arc::new(net),
            events,
            runtime: Handle::current(),
            contacts: BTreeMap::new(),
            listening: Vec::new(),
            gate: Gate::default(),
            told: BTreeMap::new(),
            sight: Arc::default(),
            discovery: config.discovery,
            voiced: Instant::now(),
            hoarse: false,
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

    /// Whether it is told to keep silent.
    pub(crate) fn is_offline(&self) -> bool {
        self.offline
    }

    /// Where its tasks run.
    pub(crate) fn runtime(&self) -> Handle {
        self.runtime.clone()
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

    /// A peer has proven which member it is: the transport is told, older connections with the same
    /// device give way, and one that is kept away gets no further. Gives back whether it may go on.
    fn proven(&mut self, conn: ConnId, device: DeviceId) -> bool {
        if let Some(left) = self.gate.shunned(&device) {
            self.gate.closed("shunned");
            self.contacts.remove(&conn);
            self.close(conn, Some(left));
            return false;
        }
        let same = |c: &Contact| c.member.as_ref().is_some_and(|m| m.0 == device);
        let mut others: Vec<_> = self
            .contacts
            .iter()
            .filter(|(other, c)| **other != conn && same(c))
            .map(|(other, c)| (c.since, *other))
            .collect();
        others.sort();
        let most = crate::limits::CONTACTS_PER_DEVICE;
        let excess = (others.len() + 1).saturating_sub(most);
        for (_, other) in others.into_iter().take(excess) {
            self.gate.closed("too-many-of-one");
            self.contacts.remove(&other);
            self.close(other, None);
        }
        let net = Arc::clone(&self.net);
        self.runtime.spawn(async move {
            let _stopped = net.vouch(conn).await;
        });
        true
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
        self.hoarse = true;
        if offline {
            let conns: Vec<ConnId> = self.contacts.keys().copied().collect();
            for conn in conns {
                self.contacts.remove(&conn);
                self.close(conn, None);
            }
        }
    }

    fn refresh_known(&self) {
        let (net, sight) = (Arc::clone(&self.net), Arc::clone(&self.sight));
        self.runtime.spawn(async move {
            if let (Ok(known), Ok(stats)) = (net.known().await, net.stats().await) {
                let mut sight = sight.lock().unwrap_or_else(PoisonError::into_inner);
                sight.update(Instant::now(), known, stats);
            }
        });
    }

    fn sight(&self) -> MutexGuard<'_, Sight> {
        self.sight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something came that beacons should tell of.
    pub(crate) fn changed(&mut self) {
        self.hoarse = true;
    }

    /// Tells the beacons what this device has, if that changed: `voice` is asked no more often than
    /// needed, because it reads every log's head. In radio silence they say nothing at all.
    pub(crate) fn announce(&mut self, voice: impl FnOnce() -> Option<Voice>) {
        let since = self.voiced.elapsed();
        if since > VOICE_LATEST || (self.hoarse && since > VOICE_SOONEST) {
            (self.hoarse, self.voiced) = (false, Instant::now());
            self.net.announce(if self.offline { None } else { voice() });
        }
    }

    /// What keeps this device from meeting anybody.
    fn reasons(&self) -> Vec<Json> {
        let early = self.started.elapsed() <= Duration::from_secs(3);
        if early || self.dead || self.offline || !self.discovery || self.connected() > 0 {
            return Vec::new();
        }
        self.sight().reasons(Instant::now())
    }

    /// What a person should know of the network.
    pub fn findings(&self) -> Vec<Json> {
        let mut out = Vec::new();
        if self.dead {
            out.push(json!({ "code": "network-dead", "level": "trouble", "args": {} }));
        } else if self.offline {
            out.push(json!({ "code": "offline", "level": "attention", "args": {} }));
        } else if self.connected() == 0 && self.started.elapsed() > Duration::from_secs(3) {
            let heard = self.sight().known.len();
            out.push(
                json!({ "code": "nobody-met", "level": "attention", "args": { "heard": heard } }),
            );
            out.extend(self.reasons());
        }
        if let Some(n) = self.gate.closed.get("stranger") {
            out.push(json!({ "code": "strangers", "level": "ok", "args": { "count": n } }));
        }
        if let Some(n) = self.gate.closed.get("same-device") {
            out.push(json!({ "code": "same-device", "level": "trouble", "args": { "count": n } }));
        }
        out
    }

    /// What was refused since the start, by where and why.
    pub fn counters(&self) -> Json {
        self.gate.json()
    }

    /// Authors of whom something is put off just now, why, and how many runs so far.
    pub fn delayed(&self) -> Vec<(DeviceId, Delay, u64)> {
        self.gate.delayed()
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
                "clock_offset_s": c.clock_ms.map(|ms| ms / 1_000),
            }))
        });
        let items = items.collect();
        let counters = self.counters();
        let why = self.reasons();
        let sight = self.sight();
        let known: Vec<_> = sight
            .known
            .iter()
            .map(|k| {
                json!({
                    "addresses": k.addrs.iter().map(ToString::to_string).collect::<Vec<_>>(),
                    "given": k.given,
                    "heard_ago_s": k.heard_ago.map(|d| d.as_secs()),
                    "connected": k.conn.is_some(),
                    "banned": k.banned,
                    "level": k.level,
                    "dials_failed": k.failed,
                })
            })
            .collect();
        json!({
            "network": true, "items": Json::Array(items), "known": known,
            "listening": self.listening, "closed": self.gate.closed,
            "refused": counters["refused"], "turned_away": counters["turned_away"],
            "discovery": sight.json(self.discovery), "why": why,
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
