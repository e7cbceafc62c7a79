//! The test network itself, and contacts between two networks that run on while links come and go.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use muster_tests::testnet::{Link, TestNet};
use serde_json::Value;

const TOOL: &str = env!("CARGO_BIN_EXE_net-tool");
const PROBE: &str = env!("CARGO_BIN_EXE_net-probe");

/// A program in a host, with its lines as they come. Killed when dropped.
struct Running {
    child: Child,
    _stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Running {
    fn start(net: &TestNet, host: usize, program: &str, arguments: &[&str]) -> Self {
        let mut command = net.command(host, program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let (tx, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if tx.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            _stdin: stdin,
            lines,
        }
    }

    fn line(&self) -> String {
        self.lines
            .recv_timeout(Duration::from_secs(10))
            .expect("a line in time")
    }

    /// The first event of this name from `from` on (milliseconds of the wall clock), by its time.
    fn wait(&self, event: &str, field: &str, from: u64, patience: Duration) -> Option<u64> {
        let end = Instant::now() + patience;
        while let Ok(line) = self
            .lines
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            let value: Value = serde_json::from_str(&line).unwrap();
            if value["event"] == event && value[field].as_u64().is_some_and(|ms| ms >= from) {
                return value["ms"].as_u64();
            }
        }
        None
    }

    fn drain(&self) {
        while self.lines.try_recv().is_ok() {}
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn now_ms() -> u64 {
    u64::try_from(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_millis(),
    )
    .unwrap()
}

/// Round trips, `None` for a lost one.
fn ping(net: &TestNet, from: usize, to: usize, count: usize) -> Vec<Option<f64>> {
    let ip = net.ip(to).to_string();
    let output = net
        .command(from, TOOL)
        .args(["ping", &ip, "7", &count.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.parse().ok()).collect()
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

#[test]
fn links_carry_what_they_should() {
    let Some(net) = TestNet::for_test(3).unwrap() else {
        return;
    };
    let echoes = [1, 2].map(|host| Running::start(&net, host, TOOL, &["echo", "7"]));
    for echo in &echoes {
        assert_eq!(echo.line(), "ready");
    }
    net.link(0, 1, Link::UP);
    assert!(
        ping(&net, 0, 1, 5).iter().all(Option::is_some),
        "an up link carries"
    );
    assert!(
        ping(&net, 0, 2, 2).iter().all(Option::is_none),
        "a down link does not"
    );
    net.link(0, 1, Link::DOWN);
    assert!(
        ping(&net, 0, 1, 2).iter().all(Option::is_none),
        "nor one that was cut"
    );

    net.link(
        0,
        1,
        Link {
            delay: Duration::from_millis(50),
            ..Link::UP
        },
    );
    let spans: Vec<f64> = ping(&net, 0, 1, 5).into_iter().flatten().collect();
    assert_eq!(spans.len(), 5);
    // The first asks for the address too.
    assert!(
        spans[1..].iter().all(|ms| (99.0..160.0).contains(ms)),
        "{spans:?}"
    );

    net.link(
        0,
        1,
        Link {
            loss: 0.3,
            ..Link::UP
        },
    );
    let lost = ping(&net, 0, 1, 40)
        .iter()
        .filter(|span| span.is_none())
        .count();
    println!("{lost} of 40 round trips lost at 30 % each way (20 expected)");
    assert!((8..=33).contains(&lost), "{lost} of 40 lost");
    net.link(0, 1, Link::DOWN);
    let counted = net.counters(0);
    assert!(
        counted.sent_frames > 40 && counted.heard_frames > 20,
        "{counted:?}"
    );
}

#[test]
fn a_rate_is_kept_to() {
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let echo = Running::start(&net, 1, TOOL, &["echo", "7"]);
    assert_eq!(echo.line(), "ready");
    // 50 bytes each way on the wire at 10 kbit/s: 40 ms each way.
    net.link(
        0,
        1,
        Link {
            rate: Some(10_000),
            ..Link::UP
        },
    );
    let spans: Vec<f64> = ping(&net, 0, 1, 6).into_iter().flatten().collect();
    println!("round trips at 10 kbit/s: {spans:?} ms");
    assert!(
        spans[1..].iter().all(|ms| (70.0..150.0).contains(ms)),
        "{spans:?}"
    );
}

#[test]
fn multicast_and_broadcast_reach_all_linked_hosts() {
    let Some(net) = TestNet::for_test(4).unwrap() else {
        return;
    };
    net.link(0, 1, Link::UP);
    net.link(0, 2, Link::UP);
    for to in ["239.77.83.84", "10.77.0.255"] {
        let own: Vec<String> = (0..4).map(|host| net.ip(host).to_string()).collect();
        let ears = [1, 2, 3]
            .map(|host| Running::start(&net, host, TOOL, &["hear", &own[host], to, "4000"]));
        for ear in &ears {
            assert_eq!(ear.line(), "ready");
        }
        assert!(
            net.command(0, TOOL)
                .args(["say", &own[0], to, "4000"])
                .status()
                .unwrap()
                .success()
        );
        let heard: Vec<String> = ears.iter().map(Running::line).collect();
        assert_eq!(heard, ["heard 10.77.0.1", "heard 10.77.0.1", "nothing"]);
    }
}

/// Ten pairs, both programs of each running with the link down; then the links come up.
#[test]
fn first_contacts() {
    let Some(net) = TestNet::for_test(20).unwrap() else {
        return;
    };
    let probes: Vec<Running> = (0..20)
        .map(|host| Running::start(&net, host, PROBE, &[]))
        .collect();
    std::thread::sleep(Duration::from_secs(2));
    let mut spans = Vec::new();
    for pair in 0..10 {
        let (a, b) = (pair * 2, pair * 2 + 1);
        // Not in step with the beacons.
        std::thread::sleep(Duration::from_millis(137 * (pair as u64 % 4)));
        let up = now_ms();
        net.link(a, b, Link::UP);
        let patience = Duration::from_secs(6);
        let at_a = probes[a]
            .wait("connected", "ms", up, patience)
            .expect("connected");
        let at_b = probes[b]
            .wait("connected", "ms", up, patience)
            .expect("connected");
        spans.push(at_a.max(at_b) - up);
        // Quiet again, for the next pair's sake.
        net.link(a, b, Link::DOWN);
    }
    println!("first contact, both running: {spans:?} ms");
    println!(
        "median {} ms, max {} ms",
        median(spans.clone()),
        spans.iter().max().unwrap()
    );
    assert!(median(spans) < 2_000);
}

/// Time from the link's return to the first answer to a question asked after it, on a pair that
/// runs on.
fn recontact(net: &TestNet, pair: (usize, usize), asker: &Running, cut: Duration) -> u64 {
    net.link(pair.0, pair.1, Link::DOWN);
    std::thread::sleep(cut);
    asker.drain();
    let up = now_ms();
    net.link(pair.0, pair.1, Link::UP);
    asker
        .wait("answer", "asked", up, Duration::from_secs(12))
        .expect("an answer")
        - up
}

fn recontacts(net: &TestNet, how: &str, arguments: [&[&str]; 2]) {
    let asker_arguments = [arguments[0], &["--ask"]].concat();
    let asker = Running::start(net, 0, PROBE, &asker_arguments);
    let other = Running::start(net, 1, PROBE, arguments[1]);
    std::thread::sleep(Duration::from_millis(700));
    net.link(0, 1, Link::UP);
    asker
        .wait("answer", "asked", 0, Duration::from_secs(6))
        .expect("a first answer");
    let mut all = Vec::new();
    for (cut, times) in [(1_000, 4), (3_000, 4), (10_000, 1)] {
        let spans: Vec<u64> = (0..times)
            .map(|i| {
                std::thread::sleep(Duration::from_millis(300 + 77 * i));
                recontact(net, (0, 1), &asker, Duration::from_millis(cut))
            })
            .collect();
        println!("{how}, after a cut of {cut} ms: answered after {spans:?} ms");
        all.extend(spans);
    }
    // Cut again in the middle of the meeting.
    for up in [40, 120, 300] {
        net.link(0, 1, Link::DOWN);
        std::thread::sleep(Duration::from_millis(2_500));
        net.link(0, 1, Link::UP);
        std::thread::sleep(Duration::from_millis(up));
        let span = recontact(net, (0, 1), &asker, Duration::from_millis(2_500));
        println!("{how}, cut after {up} ms of meeting, then 2500 ms: answered after {span} ms");
        all.push(span);
    }
    println!(
        "{how}: median {} ms, max {} ms",
        median(all.clone()),
        all.iter().max().unwrap()
    );
    assert!(median(all) < 2_000);
    other.drain();
}

/// Frames of 64 KiB as fast as they go, both ways, over a link that needs a second for each: the
/// connection does not take its own queue for silence.
#[test]
fn a_full_slow_link_is_not_taken_for_dead() {
    let Some(net) = TestNet::for_test(4).unwrap() else {
        return;
    };
    let quic: &[&str] = &["--flood", "--listen", "/ip4/0.0.0.0/udp/0/quic-v1"];
    let tcp: &[&str] = &["--flood", "--listen", "/ip4/0.0.0.0/tcp/0"];
    let probes: Vec<Running> = [tcp, tcp, quic, quic]
        .into_iter()
        .enumerate()
        .map(|(host, arguments)| Running::start(&net, host, PROBE, arguments))
        .collect();
    let slow = Link {
        rate: Some(500_000),
        delay: Duration::from_millis(50),
        ..Link::UP
    };
    net.link(0, 1, slow);
    net.link(2, 3, slow);
    for probe in &probes {
        probe
            .wait("connected", "ms", 0, Duration::from_secs(6))
            .expect("connected");
    }
    std::thread::sleep(Duration::from_secs(12));
    for (host, probe) in probes.iter().enumerate() {
        let lines: Vec<String> = probe.lines.try_iter().collect();
        let frames = lines
            .iter()
            .filter(|line| line.contains("\"frame\""))
            .count();
        println!("host {host}: {frames} frames of 64 KiB heard in 12 s at 500 kbit/s");
        assert!(frames > 4, "{lines:?}");
        assert!(
            !lines.iter().any(|line| line.contains("\"closed\"")),
            "{lines:?}"
        );
    }
}

#[test]
fn contacts_again_by_discovery() {
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    recontacts(&net, "discovered, TCP", [&[], &[]]);
}

#[test]
fn contacts_again_by_discovery_over_quic() {
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let quic: &[&str] = &["--listen", "/ip4/0.0.0.0/udp/0/quic-v1"];
    recontacts(&net, "discovered, QUIC", [quic, quic]);
}

#[test]
fn contacts_again_by_address() {
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let listen: &[&str] = &["--no-discovery", "--listen", "/ip4/0.0.0.0/tcp/4000"];
    let dial: &[&str] = &["--no-discovery", "--peer", "/ip4/10.77.0.2/tcp/4000"];
    recontacts(&net, "by address, TCP", [dial, listen]);
}
