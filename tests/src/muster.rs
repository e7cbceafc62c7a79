//! The built binary, and devices made with it: what a person at a terminal would do.
//!
//! Cargo does not build the binaries of other packages for a test, so [`binary`] looks for `muster`
//! beside the test's own executable (`target/<profile>/muster`) and, where it is missing or older
//! than the sources, runs `cargo build -p muster-cli` once, under a lock that all test processes
//! share. `MUSTER_BIN` names another binary to be tested.
//!
//! What fails in here fails the test that called it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::testnet::TestNet;

/// How long a daemon may take to start or stop before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The newest file below `dir` that a build of the binary may read.
fn newest(dir: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(dir).ok()?.flatten();
    let times = entries.filter_map(|entry| {
        let path = entry.path();
        match entry.file_type().ok()? {
            t if t.is_dir() => newest(&path),
            _ => entry.metadata().ok()?.modified().ok(),
        }
    });
    times.max()
}

fn build() -> Result<PathBuf, String> {
    if let Some(given) = std::env::var_os("MUSTER_BIN") {
        return Ok(given.into());
    }
    let exe = std::env::current_exe().unwrap();
    let profile = exe.parent().and_then(Path::parent).unwrap();
    let (binary, stamp) = (profile.join("muster"), profile.join(".muster-tests-built"));
    let lock = File::create(profile.join(".muster-tests-lock")).unwrap();
    lock.lock().unwrap();
    let modified = |path: &Path| path.metadata().and_then(|m| m.modified()).ok();
    let sources = ["crates", "config", "Cargo.lock", "Cargo.toml"].map(|name| {
        let path = workspace().join(name);
        if path.is_dir() {
            newest(&path)
        } else {
            modified(&path)
        }
    });
    let built = modified(&binary).map(|at| at.max(modified(&stamp).unwrap_or(at)));
    if built.is_some_and(|at| sources.iter().flatten().all(|source| *source <= at)) {
        return Ok(binary);
    }
    let began = SystemTime::now();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "-p", "muster-cli", "--target-dir"]);
    command
        .arg(profile.parent().unwrap())
        .current_dir(workspace());
    match profile.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => {}
        Some(name) => {
            command.args(["--profile", name]);
        }
    }
    let status = command
        .status()
        .map_err(|e| format!("cargo does not run: {e}"))?;
    if !status.success() {
        return Err(format!("{command:?} failed"));
    }
    File::create(&stamp)
        .and_then(|f| f.set_modified(began))
        .unwrap();
    Ok(binary)
}

/// The binary under test.
pub fn binary() -> &'static Path {
    // A build that failed is not tried again by each test.
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BINARY.get_or_init(build) {
        Ok(path) => path,
        Err(why) => panic!("{why}"),
    }
}

/// Where anchors of data directories go: a folder of this test process. Its devices' ids are its own.
fn state() -> PathBuf {
    std::env::temp_dir().join(format!("muster-tests-{}", std::process::id()))
}

/// Removes what the person who runs the tests may have set for themselves.
fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MUSTER_") {
            command.env_remove(name);
        }
    }
    // No settings file, no locale of theirs.
    command
        .env("HOME", "/nonexistent")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME")
        .env("XDG_STATE_HOME", state())
        .env_remove("LANGUAGE")
        .env_remove("LC_ALL")
        .env_remove("LC_MESSAGES")
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
}

/// The binary as a command, in a clean environment.
#[must_use]
pub fn command() -> Command {
    let mut command = Command::new(binary());
    clean(&mut command);
    command
}

/// What a command left.
#[derive(Debug, Clone)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Runs it to its end.
    pub fn of(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output().unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
            err: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
        }
    }

    /// Its answer: exactly one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        match serde_json::from_str::<Value>(&self.out) {
            Ok(value) if value.is_object() => value,
            other => panic!("no JSON object ({other:?}) in {self:?}"),
        }
    }
}

/// Runs the binary with these arguments.
pub fn muster<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ran {
    Ran::of(command().args(arguments))
}

/// A device's data directory and, while it runs, its daemon.
#[derive(Debug)]
pub struct Device {
    pub dir: PathBuf,
    daemon: Option<Child>,
}

impl Device {
    /// A device of a directory that may not exist yet.
    #[must_use]
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            daemon: None,
        }
    }

    /// The founder of a new incident, in `root/label`.
    #[must_use]
    pub fn found(root: &Path, label: &str) -> Self {
        let device = Self::at(root.join(label));
        device.ok(["init", "--incident", "Test flood", "--device", label]);
        device
    }

    /// Another device in `root/label`, admitted by this one, which runs.
    #[must_use]
    pub fn admit(&self, root: &Path, label: &str, role: &str) -> Self {
        self.admit_with(root, label, role, &[])
    }

    /// As [`Device::admit`], with more for the verb `admit`.
    #[must_use]
    pub fn admit_with(&self, root: &Path, label: &str, role: &str, more: &[&str]) -> Self {
        let device = Self::at(root.join(label));
        let request = root.join(format!("{label}.request"));
        let answer = root.join(format!("{label}.answer"));
        let (request, answer) = (request.to_str().unwrap(), answer.to_str().unwrap());
        device.ok(["join", "--request-out", request, "--device", label]);
        let mut admit = vec!["admit", "--request", request, "--role", role];
        admit.extend(["--answer-out", answer]);
        admit.extend(more);
        self.ok(admit);
        device.ok(["join", "--answer", answer]);
        device
    }

    /// The binary for this device.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = command();
        command.arg("--data").arg(&self.dir);
        command.env("XDG_STATE_HOME", self.dir.with_extension("state"));
        command
    }

    /// Runs a verb as a person would.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(self.command().args(arguments))
    }

    /// Runs a verb with `--json`.
    pub fn ask<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(self.command().arg("--json").args(arguments))
    }

    /// Runs a verb with `--json` that must succeed, and gives its answer.
    pub fn ok<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Value {
        let ran = self.ask(arguments);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json()
    }

    /// Starts the daemon without a network, and waits until it answers.
    pub fn start(&mut self) {
        self.start_by(self.command(), &["--no-network"]);
    }

    /// Starts the daemon in a host of the test network.
    pub fn start_in(&mut self, net: &TestNet, host: usize, arguments: &[&str]) {
        let mut command = net.command(host, binary());
        clean(&mut command)
            .arg("--data")
            .arg(&self.dir)
            .env("XDG_STATE_HOME", self.dir.with_extension("state"));
        self.start_by(command, arguments);
    }

    /// Starts the daemon with a command that ends in the binary and its directory.
    pub fn start_by(&mut self, command: Command, arguments: &[&str]) {
        self.spawn(command, arguments);
        self.wait_ready();
    }

    /// As [`Device::start_by`], without waiting.
    pub fn spawn(&mut self, mut command: Command, arguments: &[&str]) {
        assert!(self.daemon.is_none(), "it runs already");
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.with_extension("log"));
        let child = command
            .arg("daemon")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        self.daemon = Some(child);
    }

    /// Whether the daemon was started and has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        let daemon = self.daemon.as_mut();
        daemon.is_some_and(|child| child.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    fn wait_ready(&mut self) {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Ok(mut door) = Door::open(&self.dir)
                && door.try_call(&json!({ "verb": "digest" })).is_ok()
            {
                return;
            }
            let ended = self.daemon.as_mut().unwrap().try_wait().unwrap();
            let log = || std::fs::read_to_string(self.dir.with_extension("log"));
            assert!(ended.is_none(), "the daemon ended: {:?}", log());
            assert!(Instant::now() < end, "no daemon in time: {:?}", log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The running daemon's process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().expect("it runs").id()
    }

    /// The control socket, kept open: quicker than a process for each question.
    #[must_use]
    pub fn door(&self) -> Door {
        Door::open(&self.dir).unwrap()
    }

    /// `digest` by the control socket.
    #[must_use]
    pub fn digest(&self) -> Value {
        self.door().ok(&json!({ "verb": "digest" }))
    }

    /// Stops the daemon with SIGTERM; gives its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let mut child = self.daemon.take().expect("it runs");
        signal(child.id(), "TERM");
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code();
            }
            if Instant::now() > end {
                let _gone = child.kill();
                let _reaped = child.wait();
                panic!("the daemon did not stop");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the daemon with SIGKILL.
    pub fn kill(&mut self) {
        let mut child = self.daemon.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Takes the daemon out of this device's care, for those who kill it themselves.
    pub fn take_daemon(&mut self) -> Child {
        self.daemon.take().expect("it runs")
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(mut child) = self.daemon.take() {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// Sends a signal to one process.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success(), "kill -{name} {pid}");
}

/// A connection to a daemon's control socket: HTTP, one question after the other.
#[derive(Debug)]
pub struct Door(BufReader<UnixStream>);

impl Door {
    /// Connects.
    ///
    /// # Errors
    /// When no daemon listens.
    pub fn open(data: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(data.join("muster.sock"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Asks, and gives the answer (`ok` or `error` inside).
    ///
    /// # Errors
    /// When the daemon goes away before it answers.
    pub fn try_call(&mut self, request: &Value) -> std::io::Result<Value> {
        let body = request.to_string();
        let head = format!(
            "POST /v1/call HTTP/1.1\r\nHost: muster\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.get_mut().write_all((head + &body).as_bytes())?;
        let mut length = None;
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse::<usize>().ok();
            }
        }
        let mut answer = vec![0; length.ok_or(std::io::ErrorKind::InvalidData)?];
        self.0.read_exact(&mut answer)?;
        serde_json::from_slice(&answer).map_err(std::io::Error::other)
    }

    /// Asks; the question must be answered well.
    pub fn ok(&mut self, request: &Value) -> Value {
        let mut answer = self.try_call(request).unwrap();
        match answer.get_mut("ok") {
            Some(answer) => answer.take(),
            None => panic!("{request} -> {answer}"),
        }
    }

    /// Makes an object of texts; gives its id.
    pub fn add(&mut self, kind: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.ok(&add_request(kind, fields));
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Changes one field.
    pub fn edit(&mut self, kind: &str, id: &str, field: &str, value: &str) {
        let fields = [json!({ "name": field, "value": value })];
        self.ok(&json!({ "verb": "edit", "kind": kind, "id": id, "fields": fields }));
    }

    /// The objects of a kind.
    pub fn list(&mut self, kind: &str) -> Vec<Value> {
        let request = json!({ "verb": "list", "kind": kind, "limit": 100_000 });
        let mut answer = self.ok(&request);
        match answer["items"].take() {
            Value::Array(items) => items,
            other => panic!("{other}"),
        }
    }
}

/// The question that makes an object of texts.
#[must_use]
pub fn add_request(kind: &str, fields: &[(&str, &str)]) -> Value {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    json!({ "verb": "add", "kind": kind, "fields": fields })
}

/// Asks again, every few milliseconds, until there is an answer or `patience` is over.
pub fn until<T>(patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = ask() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
