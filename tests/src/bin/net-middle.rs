//! Somebody between two devices that pair: `net-middle INVITER-IP CODE`. It knows the code, joins at
//! the inviter in the joiner's place with keys of its own, and invites the joiner in the inviter's
//! name. What each of the two is shown is printed as NDJSON. It ends when its standard input does.

use std::collections::BTreeMap;

use muster_log::{
    chain::DeviceKey,
    codec::Text,
    ids::{ExchangeKey, Millis},
    pairing::{
        Request,
        code::{Code, Given},
        inviter::{self, Inviter, Stage, Terms},
        joiner::{self, Joiner, Shown},
        sas::PairingKey,
    },
};
use muster_net::{ConnId, Net, NetConfig, NetEvent, Outbox, Purpose};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

type Failure = Box<dyn std::error::Error>;

/// The joiner's side of it towards the inviter has this link; others count up.
const INVITER: u64 = 0;

fn say(line: Value) {
    println!("{line}");
}

struct Middle {
    code: Code,
    here: Vec<u8>,
    joining: Joiner,
    /// Once the inviter was heard: what to tell the joiner.
    posing: Option<Inviter>,
    out: BTreeMap<u64, Outbox>,
    links: BTreeMap<ConnId, u64>,
    told: bool,
}

impl Middle {
    fn send(&self, link: u64, frame: Vec<u8>) {
        if let Some(outbox) = self.out.get(&link) {
            let _full = outbox.try_send(frame);
        }
    }

    fn joining(&mut self, effects: Vec<joiner::Effect>) -> Result<(), Failure> {
        for effect in effects {
            match effect {
                joiner::Effect::Send(link, frame) => self.send(link, frame),
                joiner::Effect::Shown(shown) => self.shown(&shown)?,
                joiner::Effect::Failed(r) | joiner::Effect::Refused(r) => {
                    say(json!({ "side": "inviter", "refused": r.code() }));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn shown(&mut self, shown: &Shown) -> Result<(), Failure> {
        say(json!({ "side": "inviter", "words": shown.sas.words, "digits": shown.sas.digits }));
        self.posing = Inviter::new(Terms {
            code: self.code,
            key: PairingKey::from_random([66; 32]),
            incident: shown.opening.incident,
            language: shown.language,
            name: shown.opening.name.clone(),
            label: shown.opening.label.clone(),
            here: self.here.clone(),
            expires: u64::MAX / 2,
        });
        Ok(())
    }

    /// A joiner connects (`bytes` is its transport id), or says something.
    fn posed(&mut self, link: u64, bytes: &[u8], connects: bool) {
        let Some(posing) = &mut self.posing else {
            return;
        };
        let effects = if connects {
            posing.connected(link, bytes, 0)
        } else {
            posing.frame(link, bytes, 0)
        };
        if let Stage::Pending(p) = posing.stage()
            && !std::mem::replace(&mut self.told, true)
        {
            say(
                json!({ "side": "joiner", "words": p.sas.words, "digits": p.sas.digits,
                "device": p.request.body().device.hex() }),
            );
        }
        for effect in effects {
            if let inviter::Effect::Send(link, frame) = effect {
                self.send(link, frame);
            }
        }
    }

    fn event(&mut self, event: NetEvent, inviter: &str) -> Result<(), Failure> {
        match event {
            NetEvent::Connected {
                conn,
                peer,
                remote,
                outbox,
                ..
            } => {
                let is_inviter = remote.to_string().starts_with(&format!("/ip4/{inviter}/"));
                // The joiner is met only once there is something to tell it: it dials again.
                if !is_inviter && self.posing.is_none() {
                    return Ok(());
                }
                let link = if is_inviter {
                    INVITER
                } else {
                    conn_number(&self.links)
                };
                self.links.insert(conn, link);
                self.out.insert(link, outbox);
                if is_inviter {
                    let effects = self.joining.connected(link, &peer.to_bytes());
                    self.joining(effects)?;
                } else {
                    self.posed(link, &peer.to_bytes(), true);
                }
            }
            NetEvent::Frame { conn, bytes } => match self.links.get(&conn).copied() {
                Some(INVITER) => {
                    let effects = self.joining.frame(INVITER, &bytes);
                    self.joining(effects)?;
                }
                Some(link) => self.posed(link, &bytes, false),
                None => {}
            },
            NetEvent::Closed { conn, .. } => {
                if let Some(link) = self.links.remove(&conn) {
                    self.out.remove(&link);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn conn_number(links: &BTreeMap<ConnId, u64>) -> u64 {
    links.values().max().map_or(1, |n| n + 1)
}

fn text<const N: usize>(s: &str) -> Result<Text<N>, Failure> {
    Ok(s.to_owned().try_into()?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let inviter = arguments.next().ok_or("INVITER-IP CODE")?;
    let code = Code::parse(&arguments.next().ok_or("INVITER-IP CODE")?)?;
    let config = NetConfig {
        listen: vec!["/ip4/0.0.0.0/tcp/0".parse()?],
        purpose: Purpose::Pairing,
        ..NetConfig::default()
    };
    let (net, mut events) = Net::start(config)?;
    let here = net.id().to_bytes();
    let request = Request::sign(
        &DeviceKey::from_bytes(&[7; 32]),
        ExchangeKey([7; 32]),
        text("Camp")?,
        text("CAMP")?,
        Millis(0),
    );
    let key = PairingKey::from_random([77; 32]);
    let joining = Joiner::new(&Given::Code(code), key, &request, &here).ok_or("no joiner")?;
    let mut middle = Middle {
        code,
        here,
        joining,
        posing: None,
        out: BTreeMap::new(),
        links: BTreeMap::new(),
        told: false,
    };
    let (mut stdin, mut byte) = (tokio::io::stdin(), [0_u8; 64]);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => middle.event(event, &inviter)?,
                None => break,
            },
            read = stdin.read(&mut byte) => if read.unwrap_or(0) == 0 { break },
        }
    }
    drop(events);
    net.shutdown().await;
    Ok(())
}
