//! Attacks of a member gone bad: it holds the incident's secret and a valid device.

use std::sync::Arc;
use std::time::Duration;

use muster_log::{
    author::Tip,
    book::Book,
    codec,
    device::{GENESIS_FILE, Secrets},
    genesis::Genesis,
    ids::{DeviceId, EntryHash, Lane, Millis, Seq},
    run,
    session::{Effect, Local, Session},
};
use muster_net::Purpose;
use muster_node::engine::{empty_book, read_secrets};
use muster_store::{DataDir, Unlock, fs::RealFs};
use muster_tests::random::Random;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::forge::Pen;
use crate::stranger::Link;
use crate::{Failure, Target};

const TEN_YEARS_MS: i64 = 10 * 365 * 86_400_000;
/// Data lane.
const DATA: u8 = 1;

/// A member as its data directory has it.
pub struct Member {
    secrets: Secrets,
    book: Book,
}

impl Member {
    pub fn open(target: &Target) -> Result<Self, Failure> {
        let path = target
            .data
            .as_ref()
            .ok_or("no data directory of a member")?;
        let dir = DataDir::open_read_only(Arc::new(RealFs), path, &Unlock::DefaultKeyFile)?;
        let secrets = read_secrets(&dir)?;
        let genesis = dir.read_public(GENESIS_FILE)?.ok_or("no genesis")?;
        let book = empty_book(&Genesis::from_bytes(&genesis)?, &secrets);
        Ok(Self { secrets, book })
    }

    /// A session as the dialler; what it says first.
    pub fn start(&self, link: &Link, fresh: [u8; 32], clock: Millis) -> (Session, Vec<Vec<u8>>) {
        let secret = self.secrets.member().map(|m| m.secret).unwrap_or_default();
        let local = Local {
            incident: self.book.incident(),
            key: &self.secrets.key(),
            secrets: &[secret],
            here: &link.net.id().to_bytes(),
            there: &link.there,
            dialler: true,
            software: "hostile",
            clock,
        };
        let (session, effects) = Session::start(&local, fresh, 0);
        (session, frames(effects))
    }

    fn pen(&self) -> Result<Pen, Failure> {
        let bytes = self.secrets.to_bytes();
        let secret = bytes.first_chunk::<32>().ok_or("no key")?;
        Ok(Pen {
            incident: self.book.incident(),
            secret: *secret,
            grant: self.secrets.member().ok_or("not a member")?.grant,
            generation: self.secrets.generation(),
        })
    }

    /// Greets as a member does; gives what it would say after the greeting.
    async fn greet(&self, link: &mut Link, how: Greet) -> Option<Vec<Vec<u8>>> {
        let mut fresh = [0; 32];
        muster_node::daemon::random(&mut fresh);
        let clock = match how {
            Greet::TenYears => Millis(muster_node::daemon::now().0 + TEN_YEARS_MS),
            _ => muster_node::daemon::now(),
        };
        let (mut session, hello) = self.start(link, fresh, clock);
        for frame in hello {
            link.send(frame).await;
        }
        let welcome = link.next(Duration::from_secs(3)).await?;
        let mut said = frames(session.frame(&self.book, &welcome));
        let identity = match said.is_empty() {
            true => return None,
            false => said.remove(0),
        };
        match how {
            Greet::Silent => {}
            Greet::AsAnother => {
                // The founder's name under this device's signature.
                let founder = self.book.authority().genesis().body().founder.device;
                let mut forged = identity;
                forged.splice(1..33, founder.0);
                link.send(forged).await;
            }
            _ => {
                link.send(identity).await;
            }
        }
        Some(said)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Greet {
    Well,
    TenYears,
    Silent,
    AsAnother,
}

fn frames(effects: Vec<Effect>) -> Vec<Vec<u8>> {
    let frames = effects.into_iter().filter_map(|effect| match effect {
        Effect::Send(frame) => Some(frame),
        _ => None,
    });
    frames.collect()
}

/// A frame with a run, not packed.
fn packed(number: u64, run: Vec<u8>) -> Vec<u8> {
    codec::encode(&(7_u8, number, 0_u32, run))
}

const ATTACKS: [&str; 26] = [
    "hello-only",
    "wrong-identity",
    "well",
    "changed",
    "bomb",
    "lying-length",
    "forged",
    "small-order",
    "malleable",
    "elsewhere",
    "lane",
    "lamport",
    "allowance",
    "fork",
    "generations",
    "rate",
    "clock",
    "heads",
    "keys",
    "deaf",
    "out-of-turn",
    "have",
    "summaries",
    "twins",
    "idle",
    "revoked",
];

pub async fn attack(name: &str, target: &Target) -> Result<Option<Value>, Failure> {
    if !ATTACKS.contains(&name) {
        return Ok(None);
    }
    let member = Member::open(target)?;
    let how = match name {
        "hello-only" => Greet::Silent,
        "wrong-identity" => Greet::AsAnother,
        "clock" => Greet::TenYears,
        _ => Greet::Well,
    };
    let mut hand = Hand::new(name, member.pen()?);
    let (mut met, mut greeted, mut held) = (0_u64, 0_u64, Vec::new());
    while target.goes_on() {
        let Some(mut link) = Link::meet(target, Purpose::Sessions).await? else {
            continue;
        };
        met += 1;
        let Some(said) = member.greet(&mut link, how).await else {
            sleep(Duration::from_millis(200)).await;
            continue;
        };
        greeted += 1;
        if name == "twins" {
            held.push(link);
            held.drain(..held.len().saturating_sub(6));
            continue;
        }
        if name == "idle" || name == "clock" {
            for frame in said {
                link.send(frame).await;
            }
        }
        hand.plays(target, &mut link).await?;
        // What is not let go of is held.
        while target.goes_on() && !link.is_over() {
            sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(Some(
        json!({ "met": met, "greeted": greeted, "sent": hand.sent, "accepted": hand.accepted }),
    ))
}

/// What is said after the greeting.
struct Hand {
    name: String,
    pen: Pen,
    random: Random,
    number: u64,
    sent: u64,
    accepted: u64,
    tip: Option<Tip>,
    logs: u64,
}

impl Hand {
    fn new(name: &str, pen: Pen) -> Self {
        Self {
            name: name.to_owned(),
            pen,
            random: Random::seeded(name, 12),
            number: 0,
            sent: 0,
            accepted: 0,
            tip: None,
            logs: 0,
        }
    }

    /// Sends what the attack is made of, until it is let go or its time is over.
    async fn plays(&mut self, target: &Target, link: &mut Link) -> Result<(), Failure> {
        while target.goes_on() {
            let Some((frame, pause)) = self.next()? else {
                return Ok(());
            };
            if !link.send(frame).await {
                return Ok(());
            }
            self.sent += 1;
            sleep(Duration::from_millis(pause)).await;
            // The deaf one reads nothing at all.
            if self.name != "deaf" && link.is_over() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn run(&mut self, run: Vec<u8>) -> Vec<u8> {
        self.number += 1;
        packed(self.number, run)
    }

    /// The next frame and how long to wait after it, in ms; none when all is said.
    fn next(&mut self) -> Result<Option<(Vec<u8>, u64)>, Failure> {
        let log = self.pen.log(Lane::DATA, 1);
        let frame = match self.name.as_str() {
            "changed" => {
                let mut frame = self.good(log)?;
                let at = self.random.below(frame.len() as u64) as usize;
                frame.truncate(at.max(1));
                (frame, 5)
            }
            "bomb" => {
                // 240 KiB are announced, and 64 MiB are inside.
                let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3)?;
                (codec::encode(&(7_u8, 1_u64, 240_u32 * 1024, bomb)), 50)
            }
            "lying-length" => {
                let run = zstd::bulk::compress(&[7; 5_000], 3)?;
                (codec::encode(&(7_u8, 1_u64, u32::MAX, run)), 50)
            }
            "forged" => {
                let founder = self.random.below(2);
                let device = DeviceId([founder as u8; 32]);
                let whom = if founder == 0 {
                    self.pen.key().id()
                } else {
                    device
                };
                let mut run = self.pen.in_the_name_of(whom)?;
                if let Some(byte) = run.last_mut() {
                    *byte ^= 1;
                }
                (self.run(run), 5)
            }
            // The neutral element as a key: whatever is signed "verifies" under it if nobody looks.
            "small-order" => {
                let mut key = [0; 32];
                key[0] = 1;
                let run = self.pen.in_the_name_of(DeviceId(key))?;
                (self.run(run), 2)
            }
            "malleable" => {
                let run = self.pen.malleable(log)?;
                (self.run(run), 5)
            }
            "elsewhere" => {
                let run = self.pen.elsewhere(log)?;
                (self.run(run), 5)
            }
            "lane" => {
                let log = self.pen.log(Lane(9), 1);
                let run = self
                    .pen
                    .entry(log, self.pen.start(&log), Millis(0), 10, 1)?;
                (self.run(run::encode(&run)), 5)
            }
            "lamport" => {
                let run = self.pen.lamport(log)?;
                (self.run(run), 5)
            }
            "allowance" => {
                let tip = Tip {
                    next: Seq(20_000 + self.random.below(1 << 40)),
                    before: EntryHash([6; 32]),
                };
                let run = self.pen.entry(log, tip, Millis(0), 10, 1)?;
                (self.run(run::encode(&run)), 2)
            }
            "fork" => {
                let fill = u8::try_from(self.sent.min(200)).unwrap_or(0);
                let run = self
                    .pen
                    .entry(log, self.pen.start(&log), Millis(0), 10, fill)?;
                (self.run(run::encode(&run)), 20)
            }
            "generations" => {
                self.logs += 1;
                let log = self.pen.log(Lane::DATA, self.logs);
                let run = self
                    .pen
                    .entry(log, self.pen.start(&log), Millis(0), 10, 1)?;
                (self.run(run::encode(&run)), 5)
            }
            "rate" => {
                let tip = self.tip.unwrap_or_else(|| self.pen.start(&log));
                let run = self.pen.entry(log, tip, Millis(0), 31_000, 1)?;
                self.tip = self.pen.after(&run);
                (self.run(run::encode(&run)), 2)
            }
            "clock" if self.sent < 3 => {
                let tip = self.tip.unwrap_or_else(|| self.pen.start(&log));
                let claimed = Millis(muster_node::daemon::now().0 + TEN_YEARS_MS);
                let run = self.pen.entry(log, tip, claimed, 10, 1)?;
                self.tip = self.pen.after(&run);
                (self.run(run::encode(&run)), 5)
            }
            "heads" => {
                // 512 logs that nobody has, with one island each, and never the last.
                let head = |random: &mut Random| {
                    let id: [u8; 32] = random.bytes(32).try_into().unwrap_or([0; 32]);
                    (id, 3_u64, id, vec![(9_u64, 12_u64, id, id)])
                };
                let heads: Vec<_> = (0..512).map(|_| head(&mut self.random)).collect();
                (codec::encode(&(6_u8, 0_u8, heads, false)), 0)
            }
            "keys" => {
                let claim = |random: &mut Random| {
                    let id: [u8; 16] = random.bytes(16).try_into().unwrap_or([0; 16]);
                    (id, id)
                };
                let claims: Vec<_> = (0..1024).map(|_| claim(&mut self.random)).collect();
                (codec::encode(&(5_u8, claims)), 0)
            }
            // Sends the same again and again, and takes no receipt.
            "deaf" => {
                let run = self
                    .pen
                    .entry(log, self.pen.start(&log), Millis(0), 10, 1)?;
                (self.run(run::encode(&run)), 0)
            }
            "out-of-turn" => (codec::encode(&(9_u8, DATA)), 5),
            "have" => {
                let id: [u8; 32] = self.random.bytes(32).try_into().unwrap_or([0; 32]);
                match self.sent % 2_000 {
                    1_999 => (codec::encode(&(9_u8, DATA)), 5),
                    _ => (codec::encode(&(10_u8, id, u64::MAX)), 0),
                }
            }
            "summaries" => (codec::encode(&(4_u8, 1_u32, [1_u8; 16], [2_u8; 16])), 0),
            _ => return Ok(None),
        };
        Ok(Some(frame))
    }

    fn good(&mut self, log: muster_log::entry::LogKey) -> Result<Vec<u8>, Failure> {
        let run = self
            .pen
            .entry(log, self.pen.start(&log), Millis(0), 100, 1)?;
        Ok(self.run(run::encode(&run)))
    }
}
