//! Pairing by code on the test network: two laptops' worth of daemons, people who type, and somebody
//! in between.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_tests::muster::{Device, Ran, binary, until};
use muster_tests::testnet::{Link, TestNet};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const JOIN: [&str; 4] = ["--json", "--lang", "en", "join"];

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A command with a person at it.
struct Person {
    child: Child,
    keys: Option<ChildStdin>,
    lines: Receiver<Value>,
}

impl Person {
    fn at(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (tx, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if tx.send(line).is_err() {
                    return;
                }
            }
        });
        let keys = child.stdin.take();
        Self { child, keys, lines }
    }

    fn line(&self) -> Value {
        self.lines.recv_timeout(PATIENCE).expect("a line in time")
    }

    /// The next line about this.
    fn event(&self, name: &str) -> Value {
        let line = self.line();
        assert_eq!(line["event"], name, "{line}");
        line
    }

    fn types(&mut self, text: &str) {
        self.keys
            .as_mut()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    /// What it ended with: exit code, last line, and what it said to the person.
    fn ends(mut self) -> (i32, Value, String) {
        let mut last = Value::Null;
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            last = line;
        }
        let mut said = String::new();
        let stderr = self.child.stderr.take();
        stderr.unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code().unwrap_or(-1), last, said)
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn gym(root: &Path, net: &TestNet) -> Device {
    let mut gym = Device::found(root, "gym");
    gym.start_in(net, 0, &[]);
    gym
}

fn invite(gym: &Device, more: &[&str]) -> (Person, Value) {
    let mut command = gym.command();
    command.args(["--json", "--lang", "en", "invite", "--role", "coordinator"]);
    command.args(more);
    let person = Person::at(command);
    let open = person.event("open");
    (person, open)
}

fn join(net: &TestNet, host: usize, dir: &Path, code: &str, more: &[&str]) -> Command {
    let mut command = net.command(host, binary());
    command
        .env("HOME", "/nonexistent")
        .env_remove("XDG_CONFIG_HOME")
        .args(JOIN)
        .arg(code)
        .args(["--device", "Camp", "--data"])
        .arg(dir)
        .args(more);
    command
}

/// A joiner that nobody needs to answer, to its end.
fn tries(net: &TestNet, dir: &Path, code: &str) -> (i32, String) {
    let ran = Ran::of(&mut join(net, 1, dir, code, &["--yes", "--timeout", "8"]));
    let last = ran.out.lines().last().unwrap_or_default();
    let last: Value = serde_json::from_str(last).unwrap_or_default();
    (ran.code, last["error"].as_str().unwrap_or_default().into())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn two_laptops_pair_by_code_and_meet() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let gym = gym(root.path(), &net);
    net.link(0, 1, Link::UP);
    let dir = root.path().join("camp");

    let began = Instant::now();
    // First action of each.
    let (mut inviting, open) = invite(&gym, &[]);
    let code = text(&open["code"]).to_owned();
    assert!(text(&open["qr"]).starts_with("MUSTER:"), "{open}");
    let mut joining = Person::at(join(&net, 1, &dir, &code, &[]));
    let (here, there) = (inviting.event("words"), joining.event("words"));
    for what in ["words", "digits"] {
        assert_eq!(here[what], there[what]);
    }
    assert_eq!(here["words"].as_array().unwrap().len(), 3);
    assert_eq!(text(&here["digits"]).len(), 6);
    assert_eq!(there["name"], "Test flood");
    let pending = gym.ok(["devices"])["pending"].clone();
    assert_eq!(pending[0]["label"], "Camp");
    assert_eq!(pending[0]["words"], here["words"]);
    assert_eq!(
        gym.ok(["devices"])["items"].as_array().unwrap().len(),
        1,
        "a code alone admits nobody"
    );
    // Second action of each.
    inviting.types("y\n");
    joining.types("y\n");
    let (code_there, last, said) = joining.ends();
    assert_eq!(
        (code_there, &last["event"]),
        (0, &json!("joined")),
        "{said}"
    );
    let (code_here, last, said) = inviting.ends();
    assert_eq!(
        (code_here, &last["event"]),
        (0, &json!("admitted")),
        "{said}"
    );
    let span = began.elapsed();
    println!("paired in {:.1} s", span.as_secs_f64());

    let mut camp = Device::at(&dir);
    camp.start_in(&net, 1, &[]);
    let met = until(PATIENCE, || {
        let peers = camp.ok(["peers"]);
        (peers["items"][0]["label"] == "gym").then_some(())
    });
    met.expect("they meet as members");
    let (code, error) = tries(&net, &root.path().join("again"), &code);
    assert_eq!((code, error.as_str()), (7, "pair-used"));
}

/// The card says where to go, `--peer` too; `admit DEVICE` does for the yes in `invite`.
#[test]
fn a_pending_device_is_admitted_by_name_and_its_card_needs_no_beacon() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let gym = gym(root.path(), &net);
    net.link(0, 1, Link::UP);
    let open = gym.ok(["invite", "--role", "volunteer", "--no-wait"]);
    let joining = Person::at(join(
        &net,
        1,
        &root.path().join("camp"),
        text(&open["qr"]),
        &["--yes", "--no-discovery"],
    ));
    let words = joining.event("words");
    let admitted = gym.ok(["admit", "Camp"]);
    assert_eq!(admitted["words"], words["words"]);
    assert_eq!(admitted["role"], "volunteer");
    let (code, last, said) = joining.ends();
    assert_eq!((code, &last["event"]), (0, &json!("joined")), "{said}");
    let open = gym.ok(["invite", "--role", "volunteer", "--no-wait"]);
    let dir = root.path().join("van");
    let (typed, peer) = (text(&open["code"]), text(&open["addresses"][0]));
    let silent = ["--yes", "--no-discovery", "--timeout", "1"];
    let nobody = Ran::of(&mut join(&net, 1, &dir, typed, &silent));
    assert_eq!(nobody.code, 8, "{nobody:?}");
    let more = ["--yes", "--no-discovery", "--peer", peer];
    let joining = Person::at(join(&net, 1, &dir, typed, &more));
    joining.event("words");
    gym.ok(["admit", "CAMP"]);
    assert_eq!(joining.ends().0, 0);

    let none = gym.run(["--json", "admit", "Camp"]);
    assert_eq!(
        (none.code, &none.json()["error"]),
        (4, &json!("pair-nobody-waits"))
    );
}

#[test]
fn wrong_and_expired_and_declined_codes_are_refused_with_the_reason() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let gym = gym(root.path(), &net);
    net.link(0, 1, Link::UP);
    let dir = root.path().join("camp");

    let (inviting, open) = invite(&gym, &[]);
    let code = text(&open["code"]).to_owned();
    let other = |at: usize| {
        let mut letters: Vec<char> = code.chars().collect();
        letters[at] = if letters[at] == '7' { '8' } else { '7' };
        letters.into_iter().collect::<String>()
    };
    assert_eq!(
        tries(&net, &dir, &other(0)),
        (7, "pair-no-invitation".into())
    );
    for expected in ["pair-wrong-code", "pair-wrong-code", "pair-burned"] {
        assert_eq!(tries(&net, &dir, &other(13)), (7, expected.into()));
    }
    assert_eq!(tries(&net, &dir, &code), (7, "pair-burned".into()));
    let (exit, last, said) = inviting.ends();
    assert_eq!((exit, &last["error"]), (7, &json!("pair-burned")), "{said}");

    let (inviting, open) = invite(&gym, &["--code-expires", "1"]);
    let (exit, last, _) = inviting.ends();
    assert_eq!((exit, &last["error"]), (8, &json!("pair-expired")));
    let expired = tries(&net, &dir, text(&open["code"]));
    assert_eq!(expired, (7, "pair-expired".into()));

    let (mut inviting, open) = invite(&gym, &[]);
    let joining = Person::at(join(&net, 1, &dir, text(&open["code"]), &["--yes"]));
    inviting.event("words");
    inviting.types("n\n");
    let (exit, last, said) = joining.ends();
    assert_eq!((exit, &last["error"]), (7, &json!("pair-declined")));
    assert!(said.contains("said that the words differ"), "{said}");
    let (exit, last, _) = inviting.ends();
    assert_eq!((exit, &last["error"]), (7, &json!("pair-declined-here")));

    // The joiner's person says no: the inviter is told.
    let (inviting, open) = invite(&gym, &[]);
    let mut joining = Person::at(join(&net, 1, &dir, text(&open["code"]), &[]));
    joining.event("words");
    joining.types("n\n");
    let (exit, last, _) = joining.ends();
    assert_eq!((exit, &last["error"]), (7, &json!("pair-declined-here")));
    let (exit, last, said) = inviting.ends();
    assert_eq!(
        (exit, &last["error"]),
        (7, &json!("pair-declined")),
        "{said}"
    );
    assert_eq!(gym.ok(["devices"])["items"].as_array().unwrap().len(), 1);

    let nonsense = Ran::of(&mut join(&net, 1, &dir, "7K4M", &[]));
    assert_eq!(nonsense.code, 2, "{nonsense:?}");
}

/// The inviter and the joiner hear only somebody in between, who knows the code.
#[test]
fn somebody_in_between_is_caught() {
    let _alone = alone();
    let Some(net) = TestNet::for_test(3).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let gym = gym(root.path(), &net);
    net.link(0, 2, Link::UP);
    net.link(2, 1, Link::UP);
    let middle = |code: &str| {
        let mut command = net.command(2, env!("CARGO_BIN_EXE_net-middle"));
        command.arg(net.ip(0).to_string()).arg(code);
        Person::at(command)
    };

    // By the typed code: the words differ, and the people say so.
    let (mut inviting, open) = invite(&gym, &[]);
    let code = text(&open["code"]);
    let between = middle(code);
    let at_inviter = inviting.event("words");
    let mut joining = Person::at(join(&net, 1, &root.path().join("camp"), code, &[]));
    let at_joiner = joining.event("words");
    let (first, second) = (between.line(), between.line());
    assert_eq!(
        (&first["side"], &second["side"]),
        (&json!("inviter"), &json!("joiner"))
    );
    assert_eq!(
        first["words"], at_inviter["words"],
        "it really is in between"
    );
    assert_eq!(second["words"], at_joiner["words"]);
    assert_ne!(at_inviter["words"], at_joiner["words"]);
    assert_ne!(at_inviter["digits"], at_joiner["digits"]);
    inviting.types("n\n");
    joining.types("n\n");
    let (exit, last, _) = inviting.ends();
    assert_eq!((exit, &last["error"]), (7, &json!("pair-declined-here")));
    let (exit, last, _) = joining.ends();
    assert_eq!((exit, &last["error"]), (7, &json!("pair-declined-here")));
    drop(between);

    // By the QR code: caught before there are words.
    let (inviting, open) = invite(&gym, &[]);
    let between = middle(text(&open["code"]));
    inviting.event("words");
    let dir = root.path().join("camp2");
    let refused = tries(&net, &dir, text(&open["qr"]));
    assert_eq!(refused, (7, "pair-impostor".into()));
    drop(between);
    assert_eq!(gym.ok(["devices"])["items"].as_array().unwrap().len(), 1);
}
