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

mod ether;

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use tun_rs::{AsyncDevice, DeviceBuilder, Layer};

use ether::{Ether, forward};

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
        Self::with(hosts, Family::V4)
    }

    fn with(hosts: usize, family: Family) -> Result<Self, TestNetError> {
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
                make_host(sequence, host, family)?
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
        Self::unless_told(Self::new(hosts))
    }

    /// As [`TestNet::for_test`], with IPv6 alone: each host has a link-local address and nothing
    /// else, as on a cable between two laptops.
    ///
    /// # Errors
    /// Whatever [`TestNet::new`] says.
    pub fn for_test_of_ipv6(hosts: usize) -> Result<Option<Self>, TestNetError> {
        Self::unless_told(Self::with(hosts, Family::V6))
    }

    fn unless_told(made: Result<Self, TestNetError>) -> Result<Option<Self>, TestNetError> {
        match made {
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
        self.ether.set(from, to, link);
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

    /// Keeps every frame that any host sends from now on, as somebody with an antenna would.
    pub fn record(&self) {
        self.ether.record();
    }

    /// What was recorded so far.
    pub fn tape(&self) -> Vec<u8> {
        self.ether.tape()
    }

    /// What a host's device has carried so far.
    #[must_use]
    pub fn counters(&self, host: usize) -> Counters {
        self.ether.counters(host)
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

fn make_host(
    sequence: u32,
    host: usize,
    family: Family,
) -> Result<(Namespace, AsyncDevice), TestNetError> {
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
    let quiet = match family {
        // No router solicitations in the counters.
        Family::V4 => "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6",
        // Addresses are good at once: nobody else has them.
        Family::V6 => {
            "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad; for c in default all; do echo 0 > /proc/sys/net/ipv6/conf/$c/router_solicitations; done; for c in /proc/sys/net/ipv6/conf/*; do echo 0 > $c/accept_dad; done"
        }
    };
    if let Err(e) = run("ip", &["netns", "exec", name, "sh", "-c", quiet]) {
        eprintln!("IPv6 is as it was: {e}");
    }
    run("ip", &["-n", name, "link", "set", "lo", "up"])?;
    run("ip", &["-n", name, "link", "set", &device, "name", "eth0"])?;
    if family == Family::V4 {
        let cidr = format!("{}/24", address(host));
        let arguments = ["-n", name, "addr", "add", &cidr, "brd", "+", "dev", "eth0"];
        run("ip", &arguments)?;
    }
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
