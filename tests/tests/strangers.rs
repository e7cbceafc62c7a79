//! Who does not belong here: nothing of theirs is stored, nothing of ours is shown, and it is counted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_tests::muster::{Device, until};
use muster_tests::testnet::{Link, TestNet};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for several attempts at meeting.
const A_WHILE: Duration = Duration::from_secs(8);

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn incident(root: &Path, label: &str, needs: usize) -> Device {
    let mut device = Device::found(root, label);
    device.start();
    for n in 0..needs {
        device
            .door()
            .add("need", &[("title", &format!("{label} need {n}"))]);
    }
    assert_eq!(device.stop(), Some(0));
    device
}

fn peers(device: &Device) -> Value {
    device.ok(["peers"])
}

fn counted(device: &Device, reasons: &[&str]) -> u64 {
    let closed = &peers(device)["closed"];
    reasons.iter().filter_map(|r| closed[r].as_u64()).sum()
}

/// Where a device listens, by TCP.
fn address(device: &Device, ip: &str) -> String {
    let listening = peers(device)["listening"].clone();
    let start = format!("/ip4/{ip}/tcp/");
    let found = listening
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str);
    let mut found = found.filter(|a| a.starts_with(&start));
    found.next().expect("it listens").to_owned()
}

#[test]
fn another_incident_is_a_stranger() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(3).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut ours = incident(root.path(), "gym", 5);
    let mut theirs = incident(root.path(), "elsewhere", 3);
    ours.start_in(&net, 0, &[]);
    theirs.start_in(&net, 1, &[]);
    let before = [ours.digest(), theirs.digest()];
    assert_ne!(before[0]["incident"], before[1]["incident"]);
    net.link(0, 1, Link::UP);
    // Their beacons tell one another that somebody is there, and nothing more.
    std::thread::sleep(A_WHILE);
    for device in [&ours, &theirs] {
        let peers = peers(device);
        assert_eq!(peers["closed"], json!({}), "nobody was dialled: {peers}");
        assert_eq!(peers["discovery"]["dials"], 0, "{peers}");
        assert!(peers["discovery"]["other_incident"].as_u64() > Some(0));
        let told = peers["why"].as_array().unwrap();
        assert_eq!(told[0]["code"], "other-incident-near", "{peers}");
        assert_eq!(told.len(), 1, "{peers}");
    }
    // An address given by hand leads to a meeting all the same.
    ours.ok(["sync", &address(&theirs, &net.ip(1).to_string())]);
    let both = || counted(&ours, &["stranger"]) + counted(&theirs, &["stranger"]);
    until(PATIENCE, || (both() > 0).then_some(())).expect("a stranger is counted");
    // It goes on trying, in vain: who was told no is kept away.
    std::thread::sleep(A_WHILE);
    let each = [&ours, &theirs].map(|d| counted(d, &["stranger"]));
    assert_eq!(each, [1, 1], "each counts the other, once");
    assert_eq!([ours.digest(), theirs.digest()], before, "nothing stored");
    for (device, other) in [(&ours, &theirs), (&theirs, &ours)] {
        let peers = peers(device);
        assert_eq!(peers["items"], json!([]), "no device is shown");
        let other_id = other.ok(["status"])["device"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(!peers.to_string().contains(&other_id), "{peers}");
        println!(
            "{}: closed {}",
            device.dir.file_name().unwrap().display(),
            peers["closed"]
        );
        assert_eq!(device.ok(["devices"])["items"].as_array().unwrap().len(), 1);
        let log = std::fs::read_to_string(device.dir.with_extension("log")).unwrap();
        assert!(
            !log.contains(&other_id)
                && !log.contains(other.dir.file_name().unwrap().to_str().unwrap()),
            "{log}"
        );
    }
    // A stranger is told of in a word, not as trouble.
    let doctor = ours.ok(["doctor"]);
    println!("doctor: {}", doctor["findings"]);
}

/// A program of its own in a host; its lines as they come.
struct Program {
    child: Child,
    lines: std::sync::mpsc::Receiver<Value>,
}

impl Program {
    fn start(mut command: Command) -> Self {
        // Its standard input stays open: it ends when that does.
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (tx, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if tx
                    .send(serde_json::from_str(&line).unwrap_or_default())
                    .is_err()
                {
                    return;
                }
            }
        });
        Self { child, lines }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A program on the same transport that says other things: noise, floods, silence.
#[test]
fn a_foreign_program_learns_nothing_and_stores_nothing() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(5).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut ours = incident(root.path(), "gymnasium", 5);
    ours.start_in(&net, 0, &[]);
    let before = ours.digest();
    let device = ours.ok(["status"])["device"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let incident = before["incident"].as_str().unwrap().to_owned();
    for (host, says) in [(1, "noise"), (2, "silence"), (3, "flood"), (4, "echo")] {
        let mut command = net.command(host, env!("CARGO_BIN_EXE_net-stranger"));
        command.arg(says).arg(address(&ours, "10.77.0.1"));
        let program = Program::start(command);
        net.link(0, host, Link::UP);
        // Until a session was closed because of it, and then a while more.
        let seen = |reasons: &Value| {
            // A link that goes down says nothing of who was there.
            let all = reasons.as_object().into_iter().flatten();
            let own = all.filter(|(code, _)| *code != "link-silent");
            own.filter_map(|(_, n)| n.as_u64()).sum::<u64>()
        };
        let already = seen(&peers(&ours)["closed"]);
        until(PATIENCE, || {
            (seen(&peers(&ours)["closed"]) > already).then_some(())
        })
        .unwrap_or_else(|| panic!("{says}: counted"));
        std::thread::sleep(Duration::from_secs(2));
        let peers = peers(&ours);
        assert_eq!(peers["items"], json!([]), "{says}: no device is shown");
        assert_eq!(ours.digest(), before, "{says}: nothing stored");
        net.link(0, host, Link::DOWN);
        let heard: Vec<Value> = program.lines.try_iter().collect();
        let frames: Vec<&str> = heard.iter().filter_map(|l| l["frame"].as_str()).collect();
        let connected = heard.iter().filter(|l| l["event"] == "connected").count();
        let bytes: usize = frames.iter().map(|f| f.len() / 2).sum();
        println!(
            "{says}: {connected} connections, heard {} frames of {bytes} bytes in all; closed so far {}",
            frames.len(),
            peers["closed"]
        );
        assert!(connected > 0, "{says}");
        let label = "gymnasium"
            .bytes()
            .map(|b| format!("{b:02x}"))
            .collect::<String>();
        for secret in [&device, &incident, &label] {
            assert!(
                !frames.iter().any(|f| f.contains(secret.as_str())),
                "{says}: {secret} was said"
            );
        }
    }
    let reasons = peers(&ours)["closed"].clone();
    let known = [
        "stranger",
        "malformed",
        "unexpected",
        "timeout",
        "other-version",
        "flood",
        "broken-runs",
        "link-silent",
        "crowded",
    ];
    for (reason, _) in reasons.as_object().unwrap() {
        assert!(known.contains(&reason.as_str()), "{reasons}");
    }
    assert_eq!(ours.stop(), Some(0));
}

/// A copied data directory is not a second device.
#[test]
fn a_copy_of_a_device_is_noticed() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut ours = incident(root.path(), "gym", 5);
    let copy = root.path().join("copy");
    let copied = Command::new("cp")
        .arg("-a")
        .arg(&ours.dir)
        .arg(&copy)
        .status()
        .unwrap();
    assert!(copied.success());
    let mut copy = Device::at(copy);
    ours.start_in(&net, 0, &[]);
    copy.start_in(&net, 1, &[]);
    net.link(0, 1, Link::UP);
    let both = || counted(&ours, &["same-device"]) + counted(&copy, &["same-device"]);
    until(PATIENCE, || (both() > 0).then_some(())).expect("it is counted");
    let told = [&ours, &copy].iter().any(|d| {
        let doctor = d.ask(["doctor"]).json();
        doctor["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|f| f["code"] == "same-device" && f["level"] == "trouble")
    });
    assert!(told, "doctor says so");
    println!(
        "closed: {} and {}",
        peers(&ours)["closed"],
        peers(&copy)["closed"]
    );
}
