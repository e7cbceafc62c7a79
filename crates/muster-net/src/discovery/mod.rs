//! Who else is on this link? A beacon of our own, by multicast and broadcast.
//!
//! Every interface sends a small datagram twice a second, alone or not: to the subnet's broadcast
//! address and the multicast group of IPv4, and to a link-local group of IPv6; and listens for
//! others. A beacon that opens a new meeting is answered at once, straight to its sender, so both
//! sides know within half a second of the link coming up, whichever of them spoke first, and though
//! no interface event tells of it. Interfaces are listed anew at each beat.
//!
//! Why not libp2p's mDNS (0.49): measured on the test network, two hosts running, no default route,
//! query interval 1 s. It hears and sends there, and a first contact took 5 to 1,040 ms. But with
//! its usual lifetime of 6 minutes neither of two later contacts, after cuts of 3 s and 10 s, gave
//! any event: it stays quiet about a peer it remembers, so nothing says that the link is back. With
//! a lifetime of 3 s it forgot in time and told of the return after 390 ms, but then a peer is
//! forgotten, and its addresses with it, 2 to 3 s into every cut. It also ends an interface's task
//! for good at the first read error, its traffic grows with the square of the devices, and it
//! introduces every libp2p program on the network to us and us to it.
//!
//! Between members the beacon is sealed under the incident secret (`muster_log::beacon`). What is
//! here hears, counts, lets so much through ([`guard`]) and passes sightings on; whom to dial is the
//! dialler's.

mod beacon;
mod guard;
mod iface;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use beacon::Deaf;
pub(crate) use beacon::{Mood, Mouth, Ports, Signs, tongue};
use guard::{Guard, Worth};
pub(crate) use iface::Groups;
use iface::Iface;

use crate::dialer::Jitter;
use crate::event::TransportId;
use crate::stats::Airwaves;

/// Interfaces used at once, each counted once for each family.
const IFACES: usize = 16;
/// A byte more than any beacon has.
const BUFFER: usize = muster_log::beacon::MAX_BEACON + 1;

/// A beacon, as the driver sees it.
#[derive(Debug)]
pub(crate) struct Sighting {
    pub(crate) id: TransportId,
    pub(crate) from: IpAddr,
    pub(crate) addrs: Vec<Multiaddr>,
    pub(crate) signs: Signs,
}

/// Counters shared with the driver.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    interfaces: AtomicU64,
    sent: AtomicU64,
    heard: AtomicU64,
    repeated: AtomicU64,
    passed_over: AtomicU64,
    not_ours: AtomicU64,
    other_incident: AtomicU64,
    other_version: AtomicU64,
}

impl Counts {
    /// A copy.
    pub(crate) fn read(&self) -> Airwaves {
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Airwaves {
            interfaces: get(&self.interfaces),
            sent: get(&self.sent),
            heard: get(&self.heard),
            repeated: get(&self.repeated),
            passed_over: get(&self.passed_over),
            not_ours: get(&self.not_ours),
            other_incident: get(&self.other_incident),
            other_version: get(&self.other_version),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[derive(Clone, Copy)]
pub(crate) struct Config {
    pub(crate) groups: Groups,
    pub(crate) every: Duration,
    pub(crate) seed: u64,
}

/// Runs until aborted. Interfaces are listed anew at each beat; a change needs no event.
pub(crate) async fn run(
    config: Config,
    mouth: Arc<Mouth>,
    sightings: mpsc::Sender<Sighting>,
    counts: Arc<Counts>,
) {
    let mut jitter = Jitter(config.seed | 1);
    let ear = Ear {
        mouth: Arc::clone(&mouth),
        guard: Arc::default(),
        sightings,
        counts: Arc::clone(&counts),
    };
    let mut commons: [Option<Common>; 2] = [None, None];
    let mut speakers: BTreeMap<Iface, Speaker> = BTreeMap::new();
    loop {
        let listed = iface::list(IFACES);
        counts
            .interfaces
            .store(iface::outward(&listed) as u64, Ordering::Relaxed);
        speakers.retain(|iface, speaker| listed.contains(iface) && !speaker.task.ended());
        for (v6, common) in [false, true].into_iter().zip(&mut commons) {
            if common.as_ref().is_none_or(|c| c.task.ended()) {
                // The first start, or a socket that failed: every interface joins again.
                speakers.retain(|iface, _| iface.is_v6() != v6);
                *common = Common::open(v6, config.groups.port, &ear)
                    .inspect_err(|e| tracing::debug!(v6, error = %e, "no socket for beacons"))
                    .ok();
            }
            let Some(common) = common else { continue };
            for iface in listed.iter().filter(|iface| iface.is_v6() == v6) {
                if !speakers.contains_key(iface)
                    && let Ok(speaker) = Speaker::open(iface, config.groups, common, &ear)
                        .inspect_err(|e| tracing::debug!(%iface, error = %e, "not used"))
                {
                    speakers.insert(iface.clone(), speaker);
                }
            }
        }
        for speaker in speakers.values() {
            speaker.say(&mouth, &counts).await;
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
    fn open(v6: bool, port: u16, ear: &Ear) -> io::Result<Self> {
        let socket = Arc::new(iface::common_socket(v6, port)?);
        let task = Task(tokio::spawn(ear.clone().listen(Arc::clone(&socket))));
        Ok(Self { socket, task })
    }
}

/// One interface's socket: says the beacon out of it, and hears the answers.
struct Speaker {
    iface: Iface,
    groups: Groups,
    common: Arc<UdpSocket>,
    socket: Arc<UdpSocket>,
    task: Task,
}

impl Speaker {
    fn open(iface: &Iface, groups: Groups, common: &Common, ear: &Ear) -> io::Result<Self> {
        let socket = Arc::new(iface::own_socket(iface)?);
        let task = Task(tokio::spawn(ear.clone().listen(Arc::clone(&socket))));
        iface::join(&common.socket, iface, &groups);
        Ok(Self {
            iface: iface.clone(),
            groups,
            common: Arc::clone(&common.socket),
            socket,
            task,
        })
    }

    /// A failure is no news: the next beat tries again. Each way gets the same bytes, each interface
    /// others.
    async fn say(&self, mouth: &Mouth, counts: &Counts) {
        let Some(beacon) = mouth.say(self.iface.is_v6(), false) else {
            return;
        };
        for to in self.iface.targets(&self.groups) {
            match self.socket.send_to(&beacon, to).await {
                Ok(_) => count(&counts.sent),
                Err(e) => tracing::trace!(%to, error = %e, "a beacon was not sent"),
            }
        }
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        iface::leave(&self.common, &self.iface, &self.groups);
    }
}

/// Reads a socket, answers what opens a meeting, passes sightings on.
#[derive(Clone)]
struct Ear {
    mouth: Arc<Mouth>,
    guard: Arc<Mutex<Guard>>,
    sightings: mpsc::Sender<Sighting>,
    counts: Arc<Counts>,
}

impl Ear {
    async fn listen(self, socket: Arc<UdpSocket>) {
        let mut bytes = [0_u8; BUFFER];
        let mut failures = 0_u32;
        loop {
            let (length, from) = match socket.recv_from(&mut bytes).await {
                Ok(got) => got,
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
            if let Some(answer) = bytes.get(..length).and_then(|b| self.take(b, from))
                && let Err(e) = socket.send_to(&answer, from).await
            {
                tracing::trace!(%from, error = %e, "a beacon was not answered");
            }
        }
    }

    /// Handles a datagram; gives what it is to be answered with.
    fn take(&self, bytes: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
        let counts = &self.counts;
        let (now, ip) = (Instant::now(), beacon::plain(from));
        let guard = || self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        if self.mouth.is_silent() {
            return None;
        }
        if !guard().lets(now, ip) {
            count(&counts.passed_over);
            return None;
        }
        let heard = match self.mouth.read(bytes) {
            Ok(heard) => heard,
            Err(Deaf::NotForUs) => return None,
            Err(Deaf::NotOne) => {
                count(&counts.not_ours);
                return None;
            }
            Err(Deaf::OtherIncident) => {
                count(&counts.other_incident);
                return None;
            }
            Err(Deaf::OtherVersion) => {
                count(&counts.other_version);
                return None;
            }
        };
        let worth = guard().weigh(now, heard.id, heard.beat);
        if worth == Worth::Repeated {
            count(&counts.repeated);
            return None;
        }
        count(&counts.heard);
        // When the driver is busy the next beacon will do.
        let _full = self.sightings.try_send(Sighting {
            id: heard.id,
            from: ip,
            addrs: heard.doors.at(from),
            signs: heard.signs,
        });
        if worth == Worth::Opens && !heard.answer {
            return self.mouth.say(from.is_ipv6(), true);
        }
        None
    }
}
