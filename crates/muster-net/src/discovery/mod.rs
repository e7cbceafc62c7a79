//! Who else is on this link? A beacon of our own, by multicast and broadcast.
//!
//! Every interface with an IPv4 address sends a small datagram twice a second to the multicast
//! group and to the subnet's broadcast address, and listens for others. A beacon that opens a new
//! meeting is answered at once, straight to its sender, so both sides know within half a second of
//! the link coming up, whichever of them spoke first, and though no interface event tells of it.
//!
//! Why not libp2p's mDNS (0.49): measured on the test network, two hosts running, no default route,
//! query interval 1 s. It hears and sends there, and a first contact took 5 to 1,040 ms. But with
//! its usual lifetime of 6 minutes neither of two later contacts, after cuts of 3 s and 10 s, gave
//! any event: it stays quiet about a peer it remembers, so nothing says that the link is back. With
//! a lifetime of 3 s it forgot in time and told of the return after 390 ms, but then a peer is
//! forgotten, and its addresses with it, 2 to 3 s into every cut. It also ends an interface's task
//! for good at the first read error, and introduces every libp2p program on the network to us and
//! us to it. The beacon: 35 to 425 ms from link to session on ten first contacts, the same after
//! cuts, and each one heard is a sign of life that the dialler can use.
//!
//! The beacon is neither secret nor authentic: it says that a Muster of this transport id listens on
//! these ports, and nothing of an incident or a device. A false one costs a bounded number of
//! refused dials. (A later issue seals it.)

mod beacon;
mod iface;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

pub(crate) use beacon::Ports;
use beacon::{Beacon, MAX_BEACON};
use iface::Iface;

use crate::dialer::Jitter;
use crate::event::TransportId;
use crate::limits::Purpose;

/// A gap between two beacons of one peer after which the next is answered.
const GAP: Duration = Duration::from_millis(1_200);
/// Peers whose last beacon is remembered for that.
const REMEMBERED: usize = 128;
/// Interfaces used at once.
const IFACES: usize = 16;

/// A beacon, as the driver sees it.
#[derive(Debug)]
pub(crate) struct Sighting {
    pub(crate) id: TransportId,
    pub(crate) from: Ipv4Addr,
    pub(crate) ports: Ports,
}

/// Counters shared with the driver.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) heard: AtomicU64,
    pub(crate) not_ours: AtomicU64,
}

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) me: TransportId,
    pub(crate) group: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) every: Duration,
    pub(crate) purpose: Purpose,
    pub(crate) seed: u64,
}

/// Runs until aborted. Interfaces are listed anew at each beat; a change needs no event.
pub(crate) async fn run(
    config: Config,
    ports: watch::Receiver<Ports>,
    sightings: mpsc::Sender<Sighting>,
    counts: Arc<Counts>,
) {
    let mut jitter = Jitter(config.seed | 1);
    let ear = Ear {
        me: config.me,
        purpose: config.purpose,
        ports: ports.clone(),
        sightings,
        counts,
    };
    let mut common: Option<Common> = None;
    let mut speakers: BTreeMap<Iface, Speaker> = BTreeMap::new();
    loop {
        let listed = iface::list(IFACES);
        speakers.retain(|iface, speaker| listed.contains(iface) && !speaker.task.ended());
        if common.as_ref().is_none_or(|c| c.task.ended()) {
            // The first start, or a socket that failed: every interface joins again.
            speakers.clear();
            common = Common::open(config.port, &ear)
                .inspect_err(|e| tracing::debug!(error = %e, "no socket for beacons"))
                .ok();
        }
        if let Some(common) = &common {
            for iface in listed {
                if !speakers.contains_key(&iface)
                    && let Ok(speaker) = Speaker::open(&iface, &config, common, &ear)
                        .inspect_err(|e| tracing::debug!(%iface, error = %e, "not used"))
                {
                    speakers.insert(iface, speaker);
                }
            }
        }
        let beacon = Beacon {
            id: config.me,
            ports: *ports.borrow(),
            answer: false,
            purpose: config.purpose,
        }
        .encode();
        for speaker in speakers.values() {
            speaker.say(&beacon).await;
        }
        sleep(config.every - config.every / 10 + jitter.below(config.every / 5)).await;
    }
}

/// A task that ends with its owner.
struct Task(JoinHandle<()>);

impl Task {
    fn ended(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The socket on the beacon's port, which hears the multicast and the broadcast of all interfaces.
struct Common {
    socket: Arc<UdpSocket>,
    task: Task,
}

impl Common {
    fn open(port: u16, ear: &Ear) -> io::Result<Self> {
        let socket = Arc::new(iface::common_socket(port)?);
        let task = Task(tokio::spawn(ear.clone().listen(Arc::clone(&socket))));
        Ok(Self { socket, task })
    }
}

/// One interface's socket: says the beacon out of it, and hears the answers.
struct Speaker {
    socket: Arc<UdpSocket>,
    to: Vec<SocketAddrV4>,
    task: Task,
}

impl Speaker {
    fn open(iface: &Iface, config: &Config, common: &Common, ear: &Ear) -> io::Result<Self> {
        let socket = Arc::new(iface::own_socket(iface)?);
        let mut to = vec![SocketAddrV4::new(iface.broadcast, config.port)];
        // A loopback interface has no multicast; its broadcast reaches this machine.
        if !iface.ip.is_loopback() {
            match common.socket.join_multicast_v4(config.group, iface.ip) {
                Ok(()) => {}
                // Joined before, under an address that came back.
                Err(e) if e.kind() == io::ErrorKind::AddrInUse => {}
                Err(e) => tracing::debug!(%iface, error = %e, "no multicast"),
            }
            to.push(SocketAddrV4::new(config.group, config.port));
        }
        let task = Task(tokio::spawn(ear.clone().listen(Arc::clone(&socket))));
        Ok(Self { socket, to, task })
    }

    /// A failure is no news: the next beat tries again.
    async fn say(&self, beacon: &[u8]) {
        for to in &self.to {
            if let Err(e) = self.socket.send_to(beacon, *to).await {
                tracing::trace!(%to, error = %e, "a beacon was not sent");
            }
        }
    }
}

/// Reads a socket, answers what opens a meeting, passes sightings on.
#[derive(Clone)]
struct Ear {
    me: TransportId,
    purpose: Purpose,
    ports: watch::Receiver<Ports>,
    sightings: mpsc::Sender<Sighting>,
    counts: Arc<Counts>,
}

impl Ear {
    async fn listen(self, socket: Arc<UdpSocket>) {
        let mut last: BTreeMap<TransportId, Instant> = BTreeMap::new();
        let mut bytes = [0_u8; MAX_BEACON + 1];
        let mut failures = 0_u32;
        loop {
            let (length, from) = match socket.recv_from(&mut bytes).await {
                Ok((length, std::net::SocketAddr::V4(from))) => (length, from),
                Ok(_) => continue,
                // An ICMP answer to an earlier send, or the interface is down for a moment.
                Err(e) if failures < 8 => {
                    failures += 1;
                    tracing::trace!(error = %e, "a beacon was not read");
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
                Err(_) => return,
            };
            failures = 0;
            let beacon = bytes.get(..length).and_then(Beacon::decode);
            let Some(beacon) = beacon.filter(|b| b.purpose == self.purpose) else {
                self.counts.not_ours.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            if beacon.id == self.me {
                continue;
            }
            self.counts.heard.fetch_add(1, Ordering::Relaxed);
            if opens_a_meeting(&mut last, beacon.id) && !beacon.answer {
                let ports = *self.ports.borrow();
                let answer = Beacon {
                    id: self.me,
                    ports,
                    answer: true,
                    purpose: self.purpose,
                }
                .encode();
                if let Err(e) = socket.send_to(&answer, from).await {
                    tracing::trace!(%from, error = %e, "a beacon was not answered");
                }
            }
            let sighting = Sighting {
                id: beacon.id,
                from: *from.ip(),
                ports: beacon.ports,
            };
            // When the driver is busy the next beacon will do.
            let _full = self.sightings.try_send(sighting);
        }
    }
}

fn opens_a_meeting(last: &mut BTreeMap<TransportId, Instant>, id: TransportId) -> bool {
    let now = Instant::now();
    if last.len() >= REMEMBERED && !last.contains_key(&id) {
        last.retain(|_, at| now.duration_since(*at) < GAP);
        if last.len() >= REMEMBERED {
            return false;
        }
    }
    last.insert(id, now)
        .is_none_or(|before| now.duration_since(before) >= GAP)
}
