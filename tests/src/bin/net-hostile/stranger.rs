//! Attacks of those who speak the transport and are not of the incident.

use std::time::{Duration, Instant};

use muster_log::{
    chain::DeviceKey,
    codec,
    ids::{IncidentId, Millis},
    session::{Effect, Local, Session},
};
use muster_net::{ConnId, Net, NetConfig, NetEvent, NetHandle, Outbox, Purpose};
use muster_tests::random::Random;
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use tokio::time::{sleep, timeout};

use crate::{Failure, Target};

/// One connection with the target.
pub struct Link {
    pub net: NetHandle,
    pub events: Receiver<NetEvent>,
    pub conn: ConnId,
    pub there: Vec<u8>,
    pub outbox: Outbox,
}

impl Link {
    /// Meets the target; none if it does not let us.
    pub async fn meet(target: &Target, purpose: Purpose) -> Result<Option<Self>, Failure> {
        let config = NetConfig {
            peers: vec![target.address().parse()?],
            discovery: false,
            purpose,
            ..NetConfig::default()
        };
        let (net, mut events) = Net::start(config)?;
        let met = async {
            while let Some(event) = events.recv().await {
                if let NetEvent::Connected {
                    conn, peer, outbox, ..
                } = event
                {
                    return Some((conn, peer.to_bytes(), outbox));
                }
            }
            None
        };
        let Ok(Some((conn, there, outbox))) = timeout(Duration::from_secs(3), met).await else {
            return Ok(None);
        };
        Ok(Some(Self {
            net,
            events,
            conn,
            there,
            outbox,
        }))
    }

    /// What the other side says next on this connection; none when it is over or says nothing.
    pub async fn next(&mut self, patience: Duration) -> Option<Vec<u8>> {
        let frame = async {
            while let Some(event) = self.events.recv().await {
                match event {
                    NetEvent::Frame { conn, bytes } if conn == self.conn => return Some(bytes),
                    NetEvent::Closed { conn, .. } if conn == self.conn => return None,
                    _ => {}
                }
            }
            None
        };
        timeout(patience, frame).await.ok().flatten()
    }

    /// Whether it is over; reads and drops what came.
    pub fn is_over(&mut self) -> bool {
        while let Ok(event) = self.events.try_recv() {
            if matches!(event, NetEvent::Closed { conn, .. } if conn == self.conn) {
                return true;
            }
        }
        self.outbox.is_closed()
    }

    /// Sends a frame, waiting a while for room.
    pub async fn send(&self, frame: Vec<u8>) -> bool {
        let sent = timeout(Duration::from_secs(2), self.outbox.send(frame)).await;
        matches!(sent, Ok(Ok(())))
    }
}

/// A frame that greets with the proofs of another incident, or with none.
pub fn foreign_hello(link: &Link, fresh: [u8; 32]) -> Option<Vec<u8>> {
    let key = DeviceKey::from_bytes(&[7; 32]);
    let local = Local {
        incident: IncidentId([9; 32]),
        key: &key,
        secrets: &[[1; 32], [2; 32], [3; 32], [4; 32]],
        here: &link.net.id().to_bytes(),
        there: &link.there,
        dialler: true,
        software: "hostile",
        clock: Millis(0),
    };
    let (_, effects) = Session::start(&local, fresh, 0);
    effects.into_iter().find_map(|effect| match effect {
        Effect::Send(frame) => Some(frame),
        _ => None,
    })
}

pub async fn attack(name: &str, target: &Target) -> Result<Option<Value>, Failure> {
    let known = [
        "silence",
        "noise",
        "huge",
        "other-incident",
        "replay",
        "version",
        "crowd",
        "pairing",
    ];
    if name == "middle" {
        return middle(target).await.map(Some);
    }
    if !known.contains(&name) {
        return Ok(None);
    }
    if name == "crowd" {
        return crowd(target).await.map(Some);
    }
    let mut random = Random::seeded(name, 11);
    let (mut met, mut sent) = (0_u64, 0_u64);
    let mut recorded = None;
    while target.goes_on() {
        let purpose = match name {
            "pairing" => Purpose::Pairing,
            _ => Purpose::Sessions,
        };
        let Some(mut link) = Link::meet(target, purpose).await? else {
            continue;
        };
        met += 1;
        let fresh = random.bytes(32).try_into().unwrap_or([0; 32]);
        let frames: Vec<Vec<u8>> = match name {
            "noise" => (0..8).map(|_| random.bytes(300)).collect(),
            "huge" => huge(),
            "other-incident" => foreign_hello(&link, fresh).into_iter().collect(),
            // What somebody said on another connection, said again on this one.
            "replay" => match recorded.take() {
                Some(hello) => vec![hello],
                None => match member_hello(target, &link, fresh) {
                    Ok(hello) => {
                        recorded = Some(hello);
                        continue;
                    }
                    Err(e) => return Err(e),
                },
            },
            "version" => vec![codec::encode(&(0_u8, 77_u8, [5_u8; 40]))],
            // A locator that nobody gave out; then something that is no flight; then nothing.
            "pairing" => vec![
                codec::encode(&(0_u8, 1_u8, random.below(1024) as u16)),
                random.bytes(200),
            ],
            _ => Vec::new(),
        };
        for frame in frames {
            sent += u64::from(link.send(frame).await);
        }
        // The silent one waits as long as it is let.
        while target.goes_on() && !link.is_over() {
            sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(Some(json!({ "met": met, "sent": sent })))
}

/// Between two members: what the one says is said to the other, and back. One of them was given its
/// address for the other's; it calls the other itself.
async fn middle(target: &Target) -> Result<Value, Failure> {
    let config = NetConfig {
        listen: vec!["/ip4/0.0.0.0/tcp/4747".parse()?],
        ..NetConfig::default()
    };
    let (net, mut events) = Net::start(config)?;
    let other: muster_net::Multiaddr = target.address().parse()?;
    net.add_peer(other).await?;
    let mut ends: Vec<(ConnId, Outbox)> = Vec::new();
    let (mut met, mut relayed) = (0_u64, 0_u64);
    while target.goes_on() {
        let Ok(Some(event)) = timeout(Duration::from_millis(200), events.recv()).await else {
            continue;
        };
        match event {
            NetEvent::Connected { conn, outbox, .. } => {
                met += 1;
                ends.push((conn, outbox));
            }
            NetEvent::Closed { conn, .. } => ends.retain(|(other, _)| *other != conn),
            NetEvent::Frame { conn, bytes } => {
                for (_, outbox) in ends.iter().filter(|(other, _)| *other != conn) {
                    relayed += u64::from(outbox.try_send(bytes.clone()).is_ok());
                }
            }
            _ => {}
        }
    }
    net.shutdown().await;
    Ok(json!({ "met": met, "relayed": relayed }))
}

/// A greeting that a member would send on this connection.
fn member_hello(target: &Target, link: &Link, fresh: [u8; 32]) -> Result<Vec<u8>, Failure> {
    let member = crate::member::Member::open(target)?;
    let (_, frames) = member.start(link, fresh, Millis(0));
    Ok(frames.into_iter().next().ok_or("no hello")?)
}

/// Lengths that no frame has, at every depth.
fn huge() -> Vec<Vec<u8>> {
    let long = [253, 255, 255, 255, 255, 255, 255, 255, 127];
    let hello = [&[0, 1][..], &[3; 32], &long].concat();
    let keys = [&[5][..], &long].concat();
    let heads = [&[6, 1][..], &long].concat();
    let run = [&[7, 1, 0][..], &long].concat();
    let deep = [vec![6, 1, 1], vec![9; 72], long.to_vec()].concat();
    vec![hello, keys, heads, run, deep]
}

/// One after the other with fresh transport keys, holding each connection and saying nothing.
async fn crowd(target: &Target) -> Result<Value, Failure> {
    let (mut met, mut links) = (0_u64, Vec::new());
    let began = Instant::now();
    while target.goes_on() {
        if let Some(link) = Link::meet(target, Purpose::Sessions).await? {
            met += 1;
            links.push(link);
        }
        if links.len() > 16 {
            links.remove(0);
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(json!({ "met": met, "ms": began.elapsed().as_millis() as u64 }))
}
