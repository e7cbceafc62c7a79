//! A test network: hosts as network namespaces, and an ether in user space that decides who hears
//! whom.
//!
//! Each host has one TAP device, moved into its namespace, with an address in one shared /24 and no
//! default route. The other end of every TAP is a forwarder in this process: it carries a frame from
//! one host to another only while their link is up, later by the link's delay, no faster than its
//! rate, and not at all as often as its loss says. Bringing a link up or down changes no interface,
//! as when people walk into range, so nothing in a host is told about it.
//!
//! It needs root, namespaces and `/dev/net/tun`; where these are not permitted [`TestNet::new`]
//! says so.

use std::collections::BinaryHeap;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};
use tun_rs::{AsyncDevice, DeviceBuilder, Layer};

/// Frames that may be under way towards one host; more are lost, as on a full queue.
const UNDER_WAY: usize = 4096;
/// A rated link queues at most so much time's worth of frames.
const QUEUE: Duration = Duration::from_millis(500);
/// Hosts in one network.
const HOSTS: usize = 64;
/// Namespaces are named `PREFIX-pid-sequence-host`.
const PREFIX: &str = "mustertest";

static SEQUENCE: AtomicU32 = AtomicU32::new(0);

/// How two hosts hear each other. The same both ways, unless set with [`TestNet::one_way`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    pub up: bool,
    /// One way.
    pub delay: Duration,
    /// Bits a second.
    pub rate: Option<u64>,
    /// Of frames, between 0 and 1.
    pub loss: f64,
}

impl Link {
    pub const DOWN: Self = Self {
        up: false,
        delay: Duration::ZERO,
        rate: None,
        loss: 0.0,
    };
    pub const UP: Self = Self {
        up: true,
        ..Self::DOWN
    };
}

/// What a host's device has carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub sent_frames: u64,
    pub sent_bytes: u64,
    pub heard_frames: u64,
    pub heard_bytes: u64,
}

/// Why there is no test network.
#[derive(Debug, thiserror::Error)]
pub enum TestNetError {
    #[error(
        "namespaces or TAP devices are not permitted here ({0}); set MUSTER_NO_NETNS=1 to do without"
    )]
    NotPermitted(String),
    #[error("`{command}` failed: {why}")]
    Command { command: String, why: String },
    #[error("a test network has between 1 and {HOSTS} hosts, not {0}")]
    Hosts(usize),
    #[error("the forwarder did not start: {0}")]
    Forwarder(std::io::Error),
}

/// Hosts and the ether between them. Everything goes when it is dropped.
#[derive(Debug)]
pub struct TestNet {
    names: Vec<Namespace>,
    ether: Arc<Ether>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestNet {
    /// `hosts` hosts, all links down.
    ///
    /// # Errors
    /// [`TestNetError::NotPermitted`] where the machine does not allow it.
    pub fn new(hosts: usize) -> Result<Self, TestNetError> {
        if !(1..=HOSTS).contains(&hosts) {
            return Err(TestNetError::Hosts(hosts));
        }
        sweep();
        let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(TestNetError::Forwarder)?;
        let (mut names, mut taps) = (Vec::new(), Vec::new());
        for host in 0..hosts {
            let (name, tap) = {
                let _inside = runtime.enter();
                make_host(sequence, host)?
            };
            names.push(name);
            taps.push(tap);
        }
        let ether = Arc::new(Ether::new(hosts, u64::from(std::process::id())));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&ether);
        let thread = std::thread::Builder::new()
            .name("ether".into())
            .spawn(move || runtime.block_on(forward(shared, taps, stopped)))
            .map_err(TestNetError::Forwarder)?;
        Ok(Self {
            names,
            ether,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// As [`TestNet::new`], for a test: where it is not permitted the test fails with the reason,
    /// or, told to do without by `MUSTER_NO_NETNS=1`, prints that it was not run and gets `None`.
    ///
    /// # Errors
    /// Whatever [`TestNet::new`] says.
    pub fn for_test(hosts: usize) -> Result<Option<Self>, TestNetError> {
        match Self::new(hosts) {
            Ok(net) => Ok(Some(net)),
            Err(e) if std::env::var_os("MUSTER_NO_NETNS").is_some_and(|v| v == "1") => {
                println!("not run: {e}");
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    /// Sets the link between two hosts, both ways.
    pub fn link(&self, a: usize, b: usize, link: Link) {
        self.one_way(a, b, link);
        self.one_way(b, a, link);
    }

    /// Sets what `to` hears of `from`.
    pub fn one_way(&self, from: usize, to: usize, link: Link) {
        if let Some(wire) = self
            .ether
            .lock()
            .wires
            .get_mut(from)
            .and_then(|row| row.get_mut(to))
        {
            *wire = Wire {
                link,
                busy_until: Instant::now(),
            };
        }
    }

    /// A host's address.
    #[must_use]
    pub fn ip(&self, host: usize) -> Ipv4Addr {
        address(host)
    }

    /// A program inside a host.
    #[must_use]
    pub fn command(&self, host: usize, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        let name = self
            .names
            .get(host)
            .map_or("no-such-host", |n| n.0.as_str());
        command.args(["netns", "exec", name]).arg(program);
        command
    }

    /// What a host's device has carried so far.
    #[must_use]
    pub fn counters(&self, host: usize) -> Counters {
        self.ether
            .lock()
            .counters
            .get(host)
            .copied()
            .unwrap_or_default()
    }
}

impl Drop for TestNet {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _already_gone = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the ether's thread panicked");
        }
    }
}

/// A namespace, deleted when dropped.
#[derive(Debug)]
struct Namespace(String);

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(e) = run("ip", &["netns", "del", &self.0]) {
            eprintln!("{e}");
        }
    }
}

fn address(host: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, u8::try_from(host + 1).unwrap_or(u8::MAX))
}

fn mac(host: usize) -> [u8; 6] {
    [
        0x02,
        0x4d,
        0x55,
        0x53,
        0x54,
        u8::try_from(host + 1).unwrap_or(u8::MAX),
    ]
}

fn make_host(sequence: u32, host: usize) -> Result<(Namespace, AsyncDevice), TestNetError> {
    let pid = std::process::id();
    let name = format!("{PREFIX}-{pid}-{sequence}-{host}");
    let device = format!("m{pid}x{}h{host}", sequence % 1000);
    run("ip", &["netns", "add", &name]).map_err(|e| TestNetError::NotPermitted(e.to_string()))?;
    let namespace = Namespace(name);
    let name = namespace.0.as_str();
    let tap = DeviceBuilder::new()
        .name(&device)
        .layer(Layer::L2)
        .enable(false)
        .build_async()
        .map_err(|e| TestNetError::NotPermitted(format!("a TAP device: {e}")))?;
    let hex: Vec<_> = mac(host).iter().map(|byte| format!("{byte:02x}")).collect();
    run("ip", &["link", "set", &device, "address", &hex.join(":")])?;
    run("ip", &["link", "set", &device, "netns", name])?;
    // Quiet: no router solicitations in the counters.
    let quiet = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6";
    if let Err(e) = run("ip", &["netns", "exec", name, "sh", "-c", quiet]) {
        eprintln!("IPv6 stays on: {e}");
    }
    run("ip", &["-n", name, "link", "set", "lo", "up"])?;
    run("ip", &["-n", name, "link", "set", &device, "name", "eth0"])?;
    let cidr = format!("{}/24", address(host));
    run(
        "ip",
        &["-n", name, "addr", "add", &cidr, "brd", "+", "dev", "eth0"],
    )?;
    run("ip", &["-n", name, "link", "set", "eth0", "up"])?;
    Ok((namespace, tap))
}

fn run(program: &str, arguments: &[&str]) -> Result<String, TestNetError> {
    let command = || format!("{program} {}", arguments.join(" "));
    let fail = |why: String| TestNetError::Command {
        command: command(),
        why,
    };
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|e| fail(e.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(fail(
        String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    ))
}

/// Removes what test processes that are no more have left. Their TAPs went with them.
fn sweep() {
    let Ok(list) = run("ip", &["netns", "list"]) else {
        return;
    };
    for name in list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
    {
        let mut parts = name.split('-');
        let ours = parts.next() == Some(PREFIX);
        let pid = parts.next().and_then(|pid| pid.parse::<u32>().ok());
        if let Some(pid) = pid.filter(|_| ours)
            && !std::path::Path::new(&format!("/proc/{pid}")).exists()
        {
            drop(Namespace(name.to_owned()));
        }
    }
}

/// The state shared between the tests and the forwarder.
#[derive(Debug)]
struct Ether {
    state: Mutex<State>,
    arrived: Vec<Notify>,
}

#[derive(Debug)]
struct State {
    wires: Vec<Vec<Wire>>,
    counters: Vec<Counters>,
    under_way: Vec<BinaryHeap<Parcel>>,
    order: u64,
    dice: u64,
}

#[derive(Debug, Clone, Copy)]
struct Wire {
    link: Link,
    busy_until: Instant,
}

/// A frame under way. The heap's greatest is the one due first.
#[derive(Debug, PartialEq, Eq)]
struct Parcel {
    due: std::cmp::Reverse<(Instant, u64)>,
    from: usize,
    frame: Vec<u8>,
}

impl Ord for Parcel {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}

impl PartialOrd for Parcel {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ether {
    fn new(hosts: usize, seed: u64) -> Self {
        let wire = Wire {
            link: Link::DOWN,
            busy_until: Instant::now(),
        };
        let state = State {
            wires: vec![vec![wire; hosts]; hosts],
            counters: vec![Counters::default(); hosts],
            under_way: (0..hosts).map(|_| BinaryHeap::new()).collect(),
            order: 0,
            dice: seed | 1,
        };
        let arrived = (0..hosts).map(|_| Notify::new()).collect();
        Self {
            state: Mutex::new(state),
            arrived,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A host has sent a frame: onto the wires of all who should hear it.
    fn sent(&self, from: usize, frame: &[u8]) {
        let Some(to) = frame.first_chunk::<6>() else {
            return;
        };
        let everyone = to.first().is_some_and(|byte| byte & 1 == 1);
        let mut state = self.lock();
        state.count(from, |c| {
            c.sent_frames += 1;
            c.sent_bytes += frame.len() as u64;
        });
        for host in 0..self.arrived.len() {
            if host != from
                && (everyone || *to == mac(host))
                && state.take(from, host, frame)
                && let Some(arrived) = self.arrived.get(host)
            {
                arrived.notify_one();
            }
        }
    }

    /// The next frame that a host hears now, or when to ask again.
    fn next(&self, host: usize) -> Result<Vec<u8>, Option<Instant>> {
        let mut state = self.lock();
        loop {
            let Some(heap) = state.under_way.get_mut(host) else {
                return Err(None);
            };
            let Some(due) = heap.peek().map(|parcel| parcel.due.0.0) else {
                return Err(None);
            };
            if due > Instant::now() {
                return Err(Some(due));
            }
            let Some(parcel) = heap.pop() else {
                return Err(None);
            };
            // A cut takes what is under way with it.
            if state
                .wire(parcel.from, host)
                .is_some_and(|wire| wire.link.up)
            {
                state.count(host, |c| {
                    c.heard_frames += 1;
                    c.heard_bytes += parcel.frame.len() as u64;
                });
                return Ok(parcel.frame);
            }
        }
    }
}

impl State {
    fn wire(&mut self, from: usize, to: usize) -> Option<&mut Wire> {
        self.wires.get_mut(from)?.get_mut(to)
    }

    fn count(&mut self, host: usize, change: impl FnOnce(&mut Counters)) {
        if let Some(counters) = self.counters.get_mut(host) {
            change(counters);
        }
    }

    fn roll(&mut self) -> f64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        #[allow(clippy::cast_precision_loss)]
        let fraction = (self.dice >> 11) as f64 / (1_u64 << 53) as f64;
        fraction
    }

    /// Puts a frame on a wire; false if it is lost there.
    fn take(&mut self, from: usize, to: usize, frame: &[u8]) -> bool {
        let roll = self.roll();
        let now = Instant::now();
        let Some(wire) = self.wire(from, to) else {
            return false;
        };
        if !wire.link.up || roll < wire.link.loss {
            return false;
        }
        let mut leaves = now;
        if let Some(rate) = wire.link.rate {
            let start = wire.busy_until.max(now);
            if start.duration_since(now) > QUEUE {
                return false;
            }
            let nanos = frame.len() as u64 * 8 * 1_000_000_000 / rate.max(1);
            leaves = start + Duration::from_nanos(nanos);
            wire.busy_until = leaves;
        }
        let due = leaves + wire.link.delay;
        self.order += 1;
        let order = self.order;
        let Some(heap) = self
            .under_way
            .get_mut(to)
            .filter(|heap| heap.len() < UNDER_WAY)
        else {
            return false;
        };
        heap.push(Parcel {
            due: std::cmp::Reverse((due, order)),
            from,
            frame: frame.to_vec(),
        });
        true
    }
}

async fn forward(ether: Arc<Ether>, taps: Vec<AsyncDevice>, stopped: oneshot::Receiver<()>) {
    let mut tasks = tokio::task::JoinSet::new();
    for (host, tap) in taps.into_iter().enumerate() {
        let tap = Arc::new(tap);
        tasks.spawn(listen(Arc::clone(&ether), Arc::clone(&tap), host));
        tasks.spawn(deliver(Arc::clone(&ether), tap, host));
    }
    // Sent, or dropped: the end either way.
    let _ended = stopped.await;
    tasks.shutdown().await;
}

async fn listen(ether: Arc<Ether>, tap: Arc<AsyncDevice>, host: usize) {
    let mut bytes = vec![0_u8; 65_536];
    loop {
        match tap.recv(&mut bytes).await {
            Ok(length) => ether.sent(host, bytes.get(..length).unwrap_or_default()),
            // The device is down for a moment while its host is made.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn deliver(ether: Arc<Ether>, tap: Arc<AsyncDevice>, host: usize) {
    let Some(arrived) = ether.arrived.get(host) else {
        return;
    };
    loop {
        match ether.next(host) {
            Ok(frame) => {
                if let Err(e) = tap.send(&frame).await {
                    eprintln!("host {host} did not hear a frame: {e}");
                }
            }
            Err(None) => arrived.notified().await,
            Err(Some(due)) => tokio::select! {
                () = arrived.notified() => {}
                () = tokio::time::sleep_until(due.into()) => {}
            },
        }
    }
}
