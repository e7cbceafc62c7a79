//! Pairing by code, around the state machines of [`muster_log::pairing`]: a network of its own while
//! an invitation is open, and the search for one.
//!
//! That network has its own transport key and its own protocol name, and ends with the invitation:
//! members' sessions and their greeting are not touched by it. What an invitation grants is
//! [`crate::verbs`]'s.

mod joining;
mod links;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub use joining::{JoinError, Search, Told, join};
use links::Links;
use muster_log::{
    codec::{Bounded, Text},
    ids::{IncidentId, Millis},
    pairing::{
        code::{Card, CardAddress, Code},
        flight::Reason,
        inviter::{Effect, Inviter, Stage, Terms},
        sas::PairingKey,
        words::Language,
    },
};
use muster_net::{Multiaddr, Net, NetConfig, NetEvent, NetHandle, Purpose};
use tokio::{runtime::Handle, sync::mpsc};
use zeroize::Zeroizing;

use crate::setup::Random;

/// Events handled together, at most.
const BATCH: usize = 64;
/// How long after its end an invitation still says why it cannot be used.
const AFTERLIFE: Duration = Duration::from_secs(15 * 60);

/// What a device is to be admitted as.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) role: String,
    pub(crate) person: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) sensitive: bool,
    pub(crate) expires: Option<String>,
}

/// What an invitation says of the incident and this device.
pub(crate) struct Host {
    pub(crate) incident: IncidentId,
    pub(crate) language: Language,
    pub(crate) name: Text<120>,
    pub(crate) label: Text<64>,
}

/// The invitation of this device, open or just over, with its network.
pub struct Pairing {
    events: mpsc::Receiver<NetEvent>,
    links: Links,
    net: Arc<NetHandle>,
    runtime: Handle,
    pub(crate) inviter: Inviter,
    pub(crate) grant: Grant,
    /// When the code expires, on the wall clock; for people.
    pub(crate) expires: Millis,
    listening: Vec<Multiaddr>,
    started: Instant,
    ends: Duration,
    dead: bool,
}

fn listen() -> Vec<Multiaddr> {
    let any = [
        "/ip4/0.0.0.0/tcp/0",
        "/ip4/0.0.0.0/udp/0/quic-v1",
        "/ip6/::/tcp/0",
    ];
    any.iter().filter_map(|a| a.parse().ok()).collect()
}

/// A fresh key for one pairing.
fn fresh_key(random: Random<'_>) -> PairingKey {
    let mut bytes = Zeroizing::new([0; 32]);
    random(bytes.as_mut());
    PairingKey::from_random(*bytes)
}

impl Pairing {
    /// Opens an invitation that expires after `life`.
    pub(crate) fn open(
        runtime: Handle,
        host: Host,
        grant: Grant,
        now: Millis,
        life: Duration,
        random: Random<'_>,
    ) -> Result<Self, String> {
        let config = NetConfig {
            listen: listen(),
            purpose: Purpose::Pairing,
            ..NetConfig::default()
        };
        let (net, events) = {
            let _inside = runtime.enter();
            Net::start(config).map_err(|e| e.to_string())?
        };
        let mut code = [0; 8];
        random(&mut code);
        let millis = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        let inviter = Inviter::new(Terms {
            code: Code::from_random(code),
            key: fresh_key(random),
            incident: host.incident,
            language: host.language,
            name: host.name,
            label: host.label,
            here: net.id().to_bytes(),
            expires: millis,
        });
        let net = Arc::new(net);
        Ok(Self {
            events,
            links: Links::new(Arc::clone(&net), runtime.clone(), None),
            net,
            runtime,
            inviter: inviter.ok_or("a transport id of an unknown kind")?,
            grant,
            expires: Millis(
                now.0
                    .saturating_add(i64::try_from(millis).unwrap_or(i64::MAX)),
            ),
            listening: Vec::new(),
            started: Instant::now(),
            ends: life + AFTERLIFE,
            dead: false,
        })
    }

    /// Waits for the next event; for ever when there is no invitation.
    pub(crate) async fn next(pairing: Option<&mut Self>) -> Option<NetEvent> {
        match pairing {
            Some(pairing) if !pairing.dead => {
                let event = pairing.events.recv().await;
                pairing.dead = event.is_none();
                event
            }
            _ => std::future::pending().await,
        }
    }

    fn clock(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Handles one event and what else has come, and hands over what the last sync made durable.
    pub(crate) fn turn(&mut self, first: Option<NetEvent>) {
        if let Some(event) = first {
            self.handle(event);
        }
        for _ in 0..BATCH {
            match self.events.try_recv() {
                Ok(event) => self.handle(event),
                Err(_) => break,
            }
        }
        let effects = self.inviter.tick(self.clock());
        self.carry_out(effects);
        self.links.pump();
    }

    /// Whether nobody needs to be told anything any more.
    pub(crate) fn is_past(&self) -> bool {
        self.started.elapsed() >= self.ends && !matches!(self.inviter.stage(), Stage::Pending(_))
    }

    fn handle(&mut self, event: NetEvent) {
        let now = self.clock();
        match event {
            NetEvent::Listening { addr } => self.listening.push(addr),
            NetEvent::Connected {
                conn, peer, outbox, ..
            } => {
                let link = self.links.add(conn, outbox);
                let effects = self.inviter.connected(link, &peer.to_bytes(), now);
                self.carry_out(effects);
            }
            NetEvent::Frame { conn, bytes } => {
                if let Some(link) = self.links.of(conn) {
                    let effects = self.inviter.frame(link, &bytes, now);
                    self.carry_out(effects);
                    if let Stage::Pending(pending) = self.inviter.stage() {
                        self.links.vouch(pending.link);
                    }
                }
            }
            NetEvent::Closed { conn, .. } => {
                if let Some(link) = self.links.of(conn) {
                    self.links.gone(link);
                    self.inviter.closed(link);
                }
            }
            _ => {}
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(link, frame) => self.links.send(link, frame),
                Effect::Close(link) => self.links.close(link),
            }
        }
    }

    /// The pending device is admitted: the answer goes out after the next sync of the journal.
    pub(crate) fn admitted(&mut self, answer: &[u8]) {
        let effects = self.inviter.admitted(answer);
        self.carry_out(effects);
    }

    /// Ends it, for a reason that the other side is told.
    pub(crate) fn end(&mut self, reason: Reason) {
        let effects = self.inviter.end(reason);
        self.carry_out(effects);
    }

    /// Where it listens, for other machines first.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let text: Vec<_> = self.listening.iter().map(ToString::to_string).collect();
        let own = |a: &&String| a.starts_with("/ip4/127.");
        let outside = text.iter().filter(|a| !own(a));
        outside.chain(text.iter().filter(own)).cloned().collect()
    }

    /// What the QR code holds.
    pub(crate) fn card(&self) -> Card {
        let addresses: Vec<_> = self
            .addresses()
            .iter()
            .filter_map(|a| card_address(a))
            .take(muster_log::pairing::code::MAX_ADDRESSES)
            .collect();
        Card {
            code: self.inviter.code(),
            commitment: self.inviter.commitment(),
            addresses: Bounded::try_from(addresses).unwrap_or_default(),
        }
    }

    /// Lets what is queued go out, and ends the network.
    pub(crate) fn stop(self) {
        let Self {
            links,
            net,
            runtime,
            events,
            ..
        } = self;
        drop((links, events));
        if let Some(net) = Arc::into_inner(net) {
            runtime.block_on(async {
                let _ = tokio::time::timeout(Duration::from_secs(1), net.shutdown()).await;
            });
        }
    }
}

/// An address as a card has it, if it is one that a card can have.
fn card_address(address: &str) -> Option<CardAddress> {
    let mut parts = address.strip_prefix("/ip4/")?.split('/');
    let ip: std::net::Ipv4Addr = parts.next()?.parse().ok()?;
    let port = match (parts.next()?, parts.next(), parts.next()) {
        ("tcp", Some(port), None) => port.parse().ok()?,
        _ => return None,
    };
    Some(CardAddress {
        ip: ip.octets(),
        port,
    })
}
