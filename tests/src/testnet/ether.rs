//! The ether: who hears whom, when, and how much of it. It knows frames and their first six bytes.

use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};
use tun_rs::AsyncDevice;

use super::{Counters, Link, mac};

/// Frames that may be under way towards one host; more are lost, as on a full queue.
const UNDER_WAY: usize = 4096;
/// A rated link queues at most so much time's worth of frames.
const QUEUE: Duration = Duration::from_millis(500);

/// The state shared between the tests and the forwarder.
#[derive(Debug)]
pub(super) struct Ether {
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
    /// All frames sent since a recording was asked for, one after another.
    tape: Option<Vec<u8>>,
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
    pub(super) fn new(hosts: usize, seed: u64) -> Self {
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
            tape: None,
        };
        let arrived = (0..hosts).map(|_| Notify::new()).collect();
        Self {
            state: Mutex::new(state),
            arrived,
        }
    }

    pub(super) fn set(&self, from: usize, to: usize, link: Link) {
        if let Some(wire) = self.lock().wire(from, to) {
            *wire = Wire {
                link,
                busy_until: Instant::now(),
            };
        }
    }

    pub(super) fn record(&self) {
        self.lock().tape = Some(Vec::new());
    }

    pub(super) fn tape(&self) -> Vec<u8> {
        self.lock().tape.clone().unwrap_or_default()
    }

    pub(super) fn counters(&self, host: usize) -> Counters {
        self.lock().counters.get(host).copied().unwrap_or_default()
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
        if let Some(tape) = &mut state.tape {
            tape.extend_from_slice(frame);
        }
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

pub(super) async fn forward(
    ether: Arc<Ether>,
    taps: Vec<AsyncDevice>,
    stopped: oneshot::Receiver<()>,
) {
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
