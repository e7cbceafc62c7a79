//! Hostile peers against a real daemon on the test network: strangers, and members gone bad. It stays
//! up, small and truthful, and each attack is counted under its own reason. `MUSTER_HOSTILE_SECONDS`
//! says how long each lasts (8; `scripts/long` takes 60), `MUSTER_HOSTILE_ONLY` names some of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use muster_tests::muster::{Device, until};
use muster_tests::testnet::{Link, TestNet};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const PORT: &str = "4001";
/// What the daemon may have resident, in KiB.
const RESIDENT: u64 = 256 * 1024;
/// Attacks at once.
const AT_ONCE: usize = 9;

/// One attack: its name, whether it takes a member, the counters of which one must rise, and how
/// many entries of the attacker's own it may leave behind: what a member may write is its right.
#[derive(Clone, Copy)]
struct Attack(
    &'static str,
    bool,
    &'static [(&'static str, &'static str)],
    u64,
);

const STRANGER: &[(&str, &str)] = &[("closed", "stranger")];
/// Which of the two refuses the other's proof depends on who called whom; the caller waits in vain.
const RELAYED: &[(&str, &str)] = &[("closed", "stranger"), ("closed", "timeout")];
const UNEXPECTED: &[(&str, &str)] = &[("closed", "unexpected")];
const MALFORMED: &[(&str, &str)] = &[("closed", "malformed")];
const FLOOD: &[(&str, &str)] = &[("closed", "flood")];
const HANDSHAKE: &[(&str, &str)] = &[("turned_away", "handshake"), ("turned_away", "full")];

/// In groups of [`AT_ONCE`], so that attacks with the same counter are not in the same group where
/// that can be.
const ATTACKS: &[Attack] = &[
    Attack("half-open", false, HANDSHAKE, 0),
    Attack("silence", false, &[("closed", "timeout")], 0),
    Attack("noise", false, STRANGER, 0),
    Attack("wrong-identity", true, &[("closed", "bad-identity")], 0),
    Attack("changed", true, MALFORMED, 0),
    Attack("forged", true, &[("closed", "broken-runs")], 0),
    Attack("allowance", true, &[("refused", "over-allowance")], 0),
    Attack("heads", true, FLOOD, 0),
    Attack("out-of-turn", true, UNEXPECTED, 0),
    // ---
    Attack("slow", false, HANDSHAKE, 0),
    Attack("beacons", false, &[("turned_away", "foreign-beacons")], 0),
    Attack("huge", false, STRANGER, 0),
    Attack("bomb", true, MALFORMED, 0),
    Attack("malleable", true, &[("refused", "bad-signature")], 0),
    Attack("lamport", true, &[("refused", "bad-run")], 0),
    // Its first entry, 16 histories after it (more are not kept), and one entry that proves the fork.
    Attack("fork", true, &[("refused", "fork")], 18),
    Attack("keys", true, FLOOD, 0),
    Attack("have", true, UNEXPECTED, 0),
    // ---
    Attack("raw-noise", false, HANDSHAKE, 0),
    Attack("datagrams", false, &[("turned_away", "not-beacons")], 0),
    Attack("other-incident", false, STRANGER, 0),
    Attack("version", false, &[("closed", "other-version")], 0),
    Attack("lying-length", true, MALFORMED, 0),
    Attack("lane", true, &[("refused", "unknown-lane")], 0),
    Attack("generations", true, &[("refused", "generations")], 17),
    // Takes no receipts: they wait, within bounds that take longer to reach.
    Attack("deaf", true, &[], 1),
    Attack("summaries", true, UNEXPECTED, 0),
    // ---
    Attack("churn", false, &[("turned_away", "too-fast")], 0),
    Attack(
        "crowd",
        false,
        &[("closed", "crowded"), ("turned_away", "full")],
        0,
    ),
    Attack("replay", true, STRANGER, 0),
    Attack("hello-only", true, &[("closed", "timeout")], 0),
    Attack(
        "elsewhere",
        true,
        &[("refused", "bad-signature"), ("refused", "bad-run")],
        0,
    ),
    Attack("small-order", true, &[("refused", "busy")], 0),
    Attack("rate", true, &[("refused", "rate")], 720),
    Attack("twins", true, &[("closed", "too-many-of-one")], 0),
    Attack("revoked", true, &[("closed", "revoked")], 0),
    // ---
    Attack("clock", true, &[], 3),
    Attack("pairing", false, &[], 0),
    Attack("middle", false, RELAYED, 0),
];

fn seconds() -> u64 {
    let given = std::env::var("MUSTER_HOSTILE_SECONDS").ok();
    given.and_then(|s| s.parse().ok()).unwrap_or(8)
}

/// The attacks asked for.
fn chosen() -> Vec<Attack> {
    let only = std::env::var("MUSTER_HOSTILE_ONLY").unwrap_or_default();
    let asked = |a: &&Attack| only.is_empty() || only.split(',').any(|name| name == a.0);
    ATTACKS.iter().filter(asked).copied().collect()
}

fn peers(device: &Device) -> Value {
    device.door().ok(&json!({ "verb": "peers" }))
}

/// What the process has and had resident, in KiB.
fn resident(device: &Device) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", device.pid())).unwrap();
    let of = |name: &str| {
        let line = status.lines().find(|l| l.starts_with(name));
        let number = line.and_then(|l| l.split_whitespace().nth(1));
        number.and_then(|n| n.parse().ok()).unwrap_or(u64::MAX)
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// How long needs take from one device to the other, one after the other.
fn sync_times(from: &Device, to: &Device, count: usize, made: &mut u64) -> Vec<Duration> {
    let (mut here, mut there) = (from.door(), to.door());
    (0..count)
        .map(|_| {
            let title = format!("need {made}");
            *made += 1;
            let began = Instant::now();
            let id = here.add("need", &[("title", &title)]);
            let show = json!({ "verb": "show", "kind": "need", "id": id });
            until(PATIENCE, || {
                there.try_call(&show).ok().filter(|a| a["ok"].is_object())
            })
            .expect("what is honest arrives");
            began.elapsed()
        })
        .collect()
}

fn median(mut spans: Vec<Duration>) -> Duration {
    spans.sort();
    spans[spans.len() / 2]
}

/// An attacker in its host.
fn start(net: &TestNet, host: usize, attack: &Attack, port: &str, root: &Path) -> Child {
    let mut command = net.command(host, env!("CARGO_BIN_EXE_net-hostile"));
    let seconds = seconds().to_string();
    command.args([attack.0, &net.ip(0).to_string(), port, &seconds]);
    if attack.1 {
        command.arg(root.join(attack.0));
    }
    command.stdout(Stdio::piped()).spawn().unwrap()
}

struct Scene {
    net: TestNet,
    victim: Device,
    friend: Device,
    root: tempfile::TempDir,
    /// Needs written so far, by the friend.
    made: u64,
}

impl Scene {
    fn set(net: TestNet) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut victim = Device::found(root.path(), "gym");
        victim.start();
        let mut friend = victim.admit(root.path(), "camp", "coordinator");
        for attack in chosen().iter().filter(|a| a.1) {
            let _member = victim.admit(root.path(), attack.0, "volunteer");
        }
        if chosen().iter().any(|a| a.0 == "revoked") {
            victim.ok(["revoke", "revoked", "--yes"]);
        }
        assert_eq!(victim.stop(), Some(0));
        let listen = format!("/ip4/0.0.0.0/tcp/{PORT}");
        victim.start_in(&net, 0, &["--listen", &listen]);
        friend.start_in(&net, 1, &[]);
        net.link(0, 1, Link::UP);
        Self {
            net,
            victim,
            friend,
            root,
            made: 0,
        }
    }

    /// Attacks at once; gives the times of honest meetings meanwhile.
    fn group(&mut self, attacks: &[Attack]) -> Vec<Duration> {
        let before = peers(&self.victim);
        let entries = |d: &Device| d.digest()["entries"].as_u64().unwrap();
        let (had, made) = (entries(&self.victim), self.made);
        let invitation = attacks.iter().any(|a| a.0 == "pairing").then(|| {
            let invite = json!({ "verb": "invite", "role": "volunteer", "code_s": 600 });
            self.victim.door().ok(&invite);
            self.pairing_port()
        });
        let end = Instant::now() + Duration::from_secs(seconds());
        let mut running = Vec::new();
        for (attack, host) in attacks.iter().zip(2..) {
            self.net.link(0, host, Link::UP);
            if attack.0 == "middle" {
                self.net.link(1, host, Link::UP);
            }
            let port = match &invitation {
                Some(port) if attack.0 == "pairing" => port.as_str(),
                _ => PORT,
            };
            let child = start(&self.net, host, attack, port, self.root.path());
            running.push((attack, child));
            if attack.0 == "middle" {
                let there = format!("/ip4/{}/tcp/4747", self.net.ip(host));
                std::thread::sleep(Duration::from_secs(1));
                self.friend
                    .door()
                    .ok(&json!({ "verb": "sync", "peer": there }));
            }
        }
        let mut times = Vec::new();
        while Instant::now() < end {
            times.extend(sync_times(&self.friend, &self.victim, 1, &mut self.made));
            std::thread::sleep(Duration::from_millis(300));
        }
        for (_, child) in running {
            let ended = child.wait_with_output().unwrap();
            print!("  {}", String::from_utf8_lossy(&ended.stdout));
            assert!(ended.status.success(), "the attacker itself works");
        }
        for host in 2..2 + attacks.len() {
            self.net.link(0, host, Link::DOWN);
            self.net.link(1, host, Link::DOWN);
        }
        self.counted(&before, attacks);
        if invitation.is_some() {
            let stands = self.victim.door().ok(&json!({ "verb": "invitation" }));
            assert_eq!(stands["stage"], "open", "{stands}");
        }
        let allowed: u64 = attacks.iter().map(|a| a.3).sum();
        let stored = entries(&self.victim) - had - (self.made - made);
        assert!(
            stored <= allowed,
            "{stored} entries stored, {allowed} may be"
        );
        times
    }

    fn pairing_port(&self) -> String {
        let port = || {
            let stands = self.victim.door().ok(&json!({ "verb": "invitation" }));
            let text = stands.to_string();
            let (_, rest) = text.split_once("/tcp/")?;
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            Some(rest[..end].to_owned())
        };
        until(PATIENCE, port).expect("the invitation listens")
    }

    /// Each attack is counted under one of its reasons.
    fn counted(&self, before: &Value, attacks: &[Attack]) {
        let counter = |from: &Value, family: &str, code: &str| from[family][code].as_u64();
        let missing = || {
            let now = peers(&self.victim);
            let rose = |(family, code): &(&str, &str)| {
                counter(&now, family, code) > counter(before, family, code)
            };
            let silent = attacks
                .iter()
                .filter(|a| !a.2.is_empty() && !a.2.iter().any(rose));
            silent.map(|a| a.0).collect::<Vec<_>>()
        };
        let all = until(Duration::from_secs(10), || {
            missing().is_empty().then_some(())
        });
        assert!(
            all.is_some(),
            "not counted: {:?}: {}",
            missing(),
            peers(&self.victim)
        );
    }
}

#[test]
fn hostile_peers_do_no_harm_and_each_is_counted() {
    let Some(net) = TestNet::for_test(2 + AT_ONCE).unwrap() else {
        return;
    };
    let mut scene = Scene::set(net);
    let mut usual = sync_times(&scene.friend, &scene.victim, 12, &mut scene.made);
    // The first one finds the other device.
    usual.remove(0);
    let usual = median(usual);
    let (rss, _) = resident(&scene.victim);
    let attacks = chosen();
    println!(
        "{} attacks; usual sync {usual:?}, resident {rss} KiB",
        attacks.len()
    );
    for attacks in attacks.chunks(AT_ONCE) {
        let times = scene.group(attacks);
        assert!(scene.victim.is_running());
        let status = scene.victim.ok(["status"]);
        let (rss, most) = resident(&scene.victim);
        let names: Vec<_> = attacks.iter().map(|a| a.0).collect();
        let (count, middle) = (times.len(), median(times));
        println!("{names:?}: sync {middle:?} over {count}, resident {rss} KiB, at most {most} KiB");
        assert!(most < RESIDENT, "{most} KiB");
        assert_eq!(status["schema"], "muster.status/1");
        if names.contains(&"clock") {
            let findings = status["findings"].as_array().unwrap();
            assert!(findings.iter().any(|f| f["code"] == "clock"), "{status}");
        }
    }
    // What counts is what honest people wrote, on both sides alike.
    let mut doors = [&scene.victim, &scene.friend].map(Device::door);
    for door in &mut doors {
        assert_eq!(door.list("need").len() as u64, scene.made);
    }
    let state = |d: &Device| d.digest()["state"].clone();
    assert_eq!(state(&scene.victim), state(&scene.friend));
    said(&scene.victim);
    assert_eq!(scene.victim.stop(), Some(0));
}

/// A person is told of all of it, in both languages.
fn said(victim: &Device) {
    let peers = peers(victim);
    println!(
        "closed {}, refused {}, turned away {}",
        peers["closed"], peers["refused"], peers["turned_away"]
    );
    let codes: BTreeSet<String> = ["closed", "refused", "turned_away"]
        .iter()
        .flat_map(|family| peers[family].as_object().unwrap().keys())
        .filter(|code| !["left", "theirs"].contains(&code.as_str()))
        .cloned()
        .collect();
    assert!(
        codes.len() > 20 || chosen().len() < ATTACKS.len(),
        "{codes:?}"
    );
    let doctor = victim.ask(["doctor"]).json();
    assert_eq!(
        doctor["counters"]["closed"]["flood"],
        peers["closed"]["flood"]
    );
    for lang in ["en", "fr"] {
        for verb in ["peers", "doctor"] {
            let ran = victim.run(["--lang", lang, verb]);
            let lines = ran.out.lines().count();
            assert!(
                lines >= codes.len(),
                "{lines} lines in {lang} for {codes:?}: {}",
                ran.out
            );
        }
    }
}
