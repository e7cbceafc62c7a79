//! Whom to dial, and when. Pure: the time comes in, dials come out.
//!
//! Two tables. *Discovered* peers, from beacons: dialled as soon as they are heard (the larger id
//! waits a little for the smaller), again at a steady pace while their silence is short, then ever
//! more slowly, and at once when they are heard again; so that a link that comes back is used within
//! a beacon's interval, and a link that stays away costs little. *Given* addresses: dialled again
//! and again at a steady pace, because nothing announces that such a link has come back.
//!
//! Paces are bounded: to one discovered peer at most four dials a second while it is heard but
//! cannot be reached five times running, then one in 0.7 s to 10 s; never more than two at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use libp2p::Multiaddr;

use crate::event::TransportId;
use crate::limits::{ADDRS_PER_PEER as ADDRS, IDS_PER_IP, Limits};

/// Dials to one target at once.
const AT_ONCE: u8 = 2;
/// Two dials to one target are at least so far apart.
const APART: Duration = Duration::from_millis(250);
/// A gap between two beacons longer than this begins a new meeting.
const GAP: Duration = Duration::from_millis(1_300);
/// Failures, while it is heard, after which a peer is dialled more slowly.
const FAILURES: u32 = 5;
/// IP addresses whose new transport ids are counted at once.
const FRESH_COUNTED: usize = 256;
const MINUTE: Duration = Duration::from_secs(60);
/// Dials that were not made so long may be made at once.
const BURST: Duration = Duration::from_secs(3);
/// The slowest pace.
const SLOWEST: Duration = Duration::from_secs(10);
/// The longest hold after refusals.
const LONGEST_HOLD: Duration = Duration::from_secs(30);

/// Whom a dial is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Peer(TransportId),
    Given(Multiaddr),
    /// Asked for once, by name.
    Once(Multiaddr),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) target: Target,
    pub(crate) addr: Multiaddr,
}

/// When the next dial to a target may go out.
#[derive(Debug, Clone)]
struct Pace {
    next: Instant,
    last: Option<Instant>,
    held: Option<Instant>,
    pending: u8,
    failures: u32,
    refusals: u32,
}

impl Pace {
    fn from(next: Instant) -> Self {
        Self {
            next,
            last: None,
            held: None,
            pending: 0,
            failures: 0,
            refusals: 0,
        }
    }

    fn due(&self) -> Option<Instant> {
        if self.pending >= AT_ONCE {
            return None;
        }
        let apart = self.last.map_or(self.next, |last| last + APART);
        Some(self.next.max(apart).max(self.held.unwrap_or(self.next)))
    }

    fn started(&mut self, now: Instant, interval: Duration) {
        self.last = Some(now);
        self.next = now + interval;
        self.pending += 1;
    }

    /// It answered, but wants no session now (full, for example), or speaks something else.
    fn refused(&mut self, now: Instant) {
        let hold = Duration::from_millis(400) * 2_u32.saturating_pow(self.refusals.min(8));
        self.refusals += 1;
        self.held = Some(now + hold.min(LONGEST_HOLD));
    }

    fn succeeded(&mut self) {
        (self.failures, self.refusals, self.held) = (0, 0, None);
    }
}

#[derive(Debug)]
struct Peer {
    addrs: Vec<Multiaddr>,
    from: Ipv4Addr,
    heard: Instant,
    turn: usize,
    pace: Pace,
}

#[derive(Debug)]
struct Given {
    pace: Pace,
    /// Who answered there last.
    who: Option<TransportId>,
    oneself: bool,
    reported: bool,
}

#[derive(Debug)]
pub(crate) struct Dialer {
    me: TransportId,
    limits: Limits,
    peers: BTreeMap<TransportId, Peer>,
    given: BTreeMap<Multiaddr, Given>,
    /// New transport ids of an IP address, and since when they are counted.
    fresh: BTreeMap<Ipv4Addr, (Instant, u32)>,
    /// When all dials so far would have gone out one by one.
    even: Option<Instant>,
    jitter: Jitter,
}

impl Dialer {
    pub(crate) fn new(me: TransportId, limits: Limits, seed: u64) -> Self {
        let jitter = Jitter(seed | 1);
        Self {
            me,
            limits,
            peers: BTreeMap::new(),
            given: BTreeMap::new(),
            fresh: BTreeMap::new(),
            even: None,
            jitter,
        }
    }

    /// Where this side stands in a pair: at once, or after the courtesy.
    fn patience(&mut self, peer: TransportId) -> Duration {
        if self.me < peer {
            Duration::ZERO
        } else {
            self.limits.courtesy + self.jitter.below(self.limits.courtesy / 2)
        }
    }

    /// A beacon. True if the peer was not known.
    pub(crate) fn heard(
        &mut self,
        now: Instant,
        id: TransportId,
        from: Ipv4Addr,
        addrs: Vec<Multiaddr>,
    ) -> bool {
        if id == self.me || addrs.is_empty() {
            return false;
        }
        let patience = self.patience(id);
        if let Some(peer) = self.peers.get_mut(&id) {
            if now.duration_since(peer.heard) > GAP {
                peer.pace.failures = 0;
                peer.pace.next = peer.pace.next.min(now + patience);
            } else if peer.pace.failures < FAILURES && peer.pace.next > now + patience + APART {
                peer.pace.next = now + patience;
            }
            peer.heard = now;
            peer.from = from;
            let old = std::mem::replace(&mut peer.addrs, addrs);
            peer.addrs.extend(old);
            dedup(&mut peer.addrs);
            peer.addrs.truncate(ADDRS);
            return false;
        }
        if !self.is_believed(now, from) {
            return false;
        }
        self.make_room(from);
        if self.peers.len() >= self.limits.discovered {
            return false;
        }
        let mut addrs = addrs;
        addrs.truncate(ADDRS);
        let pace = Pace::from(now + patience);
        self.peers.insert(
            id,
            Peer {
                addrs,
                from,
                heard: now,
                turn: 0,
                pace,
            },
        );
        true
    }

    /// Whether one more new transport id is believed of an address: each is worth a dial or two.
    fn is_believed(&mut self, now: Instant, from: Ipv4Addr) -> bool {
        if self.fresh.len() >= FRESH_COUNTED && !self.fresh.contains_key(&from) {
            self.fresh
                .retain(|_, (since, _)| now.duration_since(*since) < MINUTE);
            // Who has many addresses is held by the number of dials.
            let oldest = self.fresh.iter().min_by_key(|(_, (since, _))| *since);
            if self.fresh.len() >= FRESH_COUNTED
                && let Some(ip) = oldest.map(|(ip, _)| *ip)
            {
                self.fresh.remove(&ip);
            }
        }
        let (since, count) = self.fresh.entry(from).or_insert((now, 0));
        if now.duration_since(*since) >= MINUTE {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.limits.fresh_per_ip
    }

    /// Time between two dials, were they spread evenly.
    fn apart(&self) -> Duration {
        MINUTE / self.limits.dials_per_minute.max(1)
    }

    /// How many dials may go out now, of those that may go out in a minute.
    fn allowed(&self, now: Instant) -> usize {
        let ahead = self
            .even
            .map_or(Duration::ZERO, |even| even.saturating_duration_since(now));
        let left = BURST.saturating_sub(ahead).as_micros();
        usize::try_from(left / self.apart().as_micros().max(1)).unwrap_or(0)
    }

    fn spend(&mut self, now: Instant, dials: usize) {
        let count = u32::try_from(dials).unwrap_or(u32::MAX);
        let even = self.even.map_or(now, |even| even.max(now));
        self.even = Some(even + self.apart() * count);
    }

    /// The oldest entry of the same address goes first, then the oldest of all.
    fn make_room(&mut self, from: Ipv4Addr) {
        let same = self.peers.iter().filter(|(_, p)| p.from == from);
        let evict = if same.clone().count() >= IDS_PER_IP {
            same.min_by_key(|(_, p)| p.heard).map(|(id, _)| *id)
        } else if self.peers.len() >= self.limits.discovered {
            self.peers
                .iter()
                .min_by_key(|(_, p)| p.heard)
                .map(|(id, _)| *id)
        } else {
            None
        };
        if let Some(id) = evict {
            self.peers.remove(&id);
        }
    }

    /// False if there is no room for another.
    pub(crate) fn give(&mut self, now: Instant, addr: Multiaddr) -> bool {
        if self.given.len() >= self.limits.given && !self.given.contains_key(&addr) {
            return false;
        }
        let pace = Pace::from(now);
        self.given.insert(
            addr,
            Given {
                pace,
                who: None,
                oneself: false,
                reported: false,
            },
        );
        true
    }

    /// Dials that are due, at most `room`, and no more than go out in a minute.
    pub(crate) fn due(
        &mut self,
        now: Instant,
        linked: &BTreeSet<TransportId>,
        room: usize,
    ) -> Vec<Dial> {
        let dials = self.all_due(now, linked, room.min(self.allowed(now)));
        self.spend(now, dials.len());
        dials
    }

    fn all_due(&mut self, now: Instant, linked: &BTreeSet<TransportId>, room: usize) -> Vec<Dial> {
        let forget = self.limits.forget;
        self.peers
            .retain(|id, p| linked.contains(id) || now.duration_since(p.heard) < forget);
        let mut dials = Vec::new();
        let redial = self.limits.redial;
        for (id, peer) in &mut self.peers {
            if dials.len() >= room {
                return dials;
            }
            if linked.contains(id) || peer.pace.due().is_none_or(|at| at > now) {
                continue;
            }
            let Some(addr) = peer.addrs.get(peer.turn % peer.addrs.len().max(1)) else {
                continue;
            };
            dials.push(Dial {
                target: Target::Peer(*id),
                addr: addr.clone(),
            });
            let silent = now.duration_since(peer.heard) / 40;
            let slow =
                redial * 2_u32.saturating_pow(peer.pace.failures.saturating_sub(FAILURES).min(8));
            let interval = redial.max(silent).max(slow).min(SLOWEST);
            peer.pace
                .started(now, interval + self.jitter.below(interval / 5));
        }
        for (addr, given) in &mut self.given {
            if dials.len() >= room {
                return dials;
            }
            let idle = given.oneself || given.who.is_some_and(|who| linked.contains(&who));
            if idle || given.pace.due().is_none_or(|at| at > now) {
                continue;
            }
            dials.push(Dial {
                target: Target::Given(addr.clone()),
                addr: addr.clone(),
            });
            let interval = redial + self.jitter.below(redial / 2);
            given.pace.started(now, interval);
        }
        dials
    }

    /// When [`Dialer::due`] should be asked next.
    pub(crate) fn next_due(&self, linked: &BTreeSet<TransportId>) -> Option<Instant> {
        let peers = self
            .peers
            .iter()
            .filter(|(id, _)| !linked.contains(id))
            .map(|(_, p)| &p.pace);
        let given = self
            .given
            .values()
            .filter(|g| !g.oneself && !g.who.is_some_and(|who| linked.contains(&who)))
            .map(|g| &g.pace);
        let due = peers.chain(given).filter_map(Pace::due).min()?;
        // Not before another dial is allowed.
        let allowed = self
            .even
            .and_then(|even| (even + self.apart()).checked_sub(BURST));
        Some(allowed.map_or(due, |at| due.max(at)))
    }

    fn pace(&mut self, target: &Target) -> Option<&mut Pace> {
        match target {
            Target::Peer(id) => self.peers.get_mut(id).map(|p| &mut p.pace),
            Target::Given(addr) => self.given.get_mut(addr).map(|g| &mut g.pace),
            Target::Once(_) => None,
        }
    }

    /// A dial reached somebody.
    pub(crate) fn reached(&mut self, target: &Target, who: TransportId) {
        if let Some(pace) = self.pace(target) {
            pace.pending = pace.pending.saturating_sub(1);
            pace.failures = 0;
        }
        if let Target::Given(addr) = target
            && let Some(given) = self.given.get_mut(addr)
        {
            given.who = Some(who);
            given.reported = false;
        }
    }

    /// A dial failed. True if that is worth telling.
    pub(crate) fn failed(&mut self, now: Instant, target: &Target, oneself: bool) -> bool {
        if let Some(pace) = self.pace(target) {
            pace.pending = pace.pending.saturating_sub(1);
        }
        match target {
            Target::Once(_) => true,
            Target::Given(addr) => self.given.get_mut(addr).is_some_and(|given| {
                given.oneself |= oneself;
                !std::mem::replace(&mut given.reported, true)
            }),
            Target::Peer(id) => {
                if let Some(peer) = self.peers.get_mut(id) {
                    peer.turn = peer.turn.wrapping_add(1);
                    if now.duration_since(peer.heard) < GAP {
                        peer.pace.failures = peer.pace.failures.saturating_add(1);
                    }
                }
                false
            }
        }
    }

    fn paces_of(&mut self, who: TransportId) -> impl Iterator<Item = &mut Pace> {
        let peer = self.peers.get_mut(&who).map(|p| &mut p.pace);
        let given = self.given.values_mut().filter(move |g| g.who == Some(who));
        peer.into_iter().chain(given.map(|g| &mut g.pace))
    }

    /// There is a session with `who`.
    pub(crate) fn linked(&mut self, who: TransportId) {
        self.paces_of(who).for_each(Pace::succeeded);
    }

    /// The session with `who` is over: dial soon, the smaller id first.
    pub(crate) fn unlinked(&mut self, now: Instant, who: TransportId) {
        let soon = now + self.patience(who) + self.jitter.below(APART);
        for pace in self.paces_of(who) {
            pace.next = soon;
        }
    }

    /// `who` answered and wanted no session.
    pub(crate) fn refused(&mut self, now: Instant, who: TransportId) {
        self.paces_of(who).for_each(|pace| pace.refused(now));
    }

    /// Not to be dialled before `until`.
    pub(crate) fn hold(&mut self, who: TransportId, until: Instant) {
        self.paces_of(who).for_each(|pace| pace.held = Some(until));
    }

    /// Every peer and given address, with when it was heard.
    pub(crate) fn list(
        &self,
    ) -> impl Iterator<Item = (Option<TransportId>, Vec<Multiaddr>, Option<Instant>)> {
        let peers = self
            .peers
            .iter()
            .map(|(id, p)| (Some(*id), p.addrs.clone(), Some(p.heard)));
        let given = self
            .given
            .iter()
            .map(|(addr, g)| (g.who, vec![addr.clone()], None));
        peers.chain(given)
    }

    pub(crate) fn discovered(&self) -> usize {
        self.peers.len()
    }
}

fn dedup(addrs: &mut Vec<Multiaddr>) {
    let mut seen = BTreeSet::new();
    addrs.retain(|addr| seen.insert(addr.clone()));
}

/// Spreads dials of devices that hear the same beacon. Not for secrets.
#[derive(Debug)]
pub(crate) struct Jitter(pub(crate) u64);

impl Jitter {
    pub(crate) fn below(&mut self, end: Duration) -> Duration {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let micros = u64::try_from(end.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(self.0 % micros)
    }
}

#[cfg(test)]
mod tests;
