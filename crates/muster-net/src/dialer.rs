//! Whom to dial, and when. Pure: the time comes in, dials come out.
//!
//! Two tables. *Discovered* peers, from beacons: dialled as soon as they are heard (the larger id
//! waits a little for the smaller), again at a steady pace while their silence is short, then ever
//! more slowly, and at once when they are heard again; so that a link that comes back is used within
//! a beacon's interval, and a link that stays away costs little. *Given* addresses: dialled again
//! and again at a steady pace, because nothing announces that such a link has come back.
//!
//! Not everybody who is heard is dialled. A device looks for a handful of neighbours, at random, and
//! is then content with those who have what it has: a crowd forms a mesh in which news goes around,
//! and beacons alone tell that all are level. Whoever stays different for a while is dialled beyond
//! that; whoever has more neighbours than it needs lets one go now and then, so that there is room
//! for somebody new.
//!
//! Paces are bounded: to one discovered peer at most four dials a second while it is heard but
//! cannot be reached five times running, then one in 0.7 s to 10 s; never more than two at once. One
//! beacon of somebody who was never met is worth [`TRIES`] dials.

mod pace;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use crate::behaviour::ip_of;
use crate::discovery::{Sighting, Signs};
use crate::event::TransportId;
use crate::limits::{ADDRS_PER_PEER as ADDRS, IDS_PER_IP, Limits};
pub(crate) use pace::Jitter;
use pace::{APART, Pace};

/// A gap between two beacons longer than this begins a new meeting.
const GAP: Duration = Duration::from_millis(1_300);
/// Failures, while it is heard, after which a peer is dialled more slowly.
const FAILURES: u32 = 5;
/// IP addresses whose new transport ids are counted at once.
const FRESH_COUNTED: usize = 256;
const MINUTE: Duration = Duration::from_secs(60);
/// Dials that were not made so long may be made at once.
const BURST: Duration = Duration::from_secs(3);
/// Dials for one beacon of a peer with whom there never was a session.
const TRIES: u32 = 6;
/// The slowest pace.
const SLOWEST: Duration = Duration::from_secs(10);
/// After the first way to a peer the next one is tried, beside it. Where round trips are short the
/// first is through by then; where they are long QUIC, which needs two fewer, gets its chance, and
/// comes first from then on.
const RACE: Duration = Duration::from_millis(60);
/// An address that was not heard of for so long gives way to those that are.
const STALE: Duration = Duration::from_secs(3);
/// How long a peer must differ before it is worth more than the neighbours one has: news takes a
/// moment to go around.
const LINGER: Duration = Duration::from_secs(2);
/// How often one of too many neighbours is let go.
const TRIM: Duration = Duration::from_secs(5);
/// Links of which it is remembered what works there.
const LINKS: usize = 16;

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

#[derive(Debug)]
struct Peer {
    /// With when each was last heard of.
    addrs: Vec<(Multiaddr, Instant)>,
    from: IpAddr,
    heard: Instant,
    turn: usize,
    pace: Pace,
    signs: Signs,
    /// From when on its difference counts.
    apart: Option<Instant>,
    /// Dials since it was last heard.
    tried: u32,
    /// Dials that failed since one reached it.
    failed: u32,
    /// There was a session with it.
    proven: bool,
}

impl Peer {
    fn learn(&mut self, now: Instant, addrs: Vec<Multiaddr>, quic_first: bool) {
        self.addrs
            .retain(|(addr, at)| now.duration_since(*at) < STALE && !addrs.contains(addr));
        let known = std::mem::take(&mut self.addrs);
        self.addrs = addrs.into_iter().map(|addr| (addr, now)).collect();
        self.addrs.extend(known);
        self.addrs.truncate(ADDRS);
        self.addrs
            .sort_by_key(|(addr, _)| (is_quic(addr) != quic_first, is_zoned(addr)));
    }
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
    fresh: BTreeMap<IpAddr, (Instant, u32)>,
    /// When all dials so far would have gone out one by one.
    even: Option<Instant>,
    /// The links on which QUIC came first, or TCP.
    quic_first: BTreeMap<Vec<u8>, bool>,
    trim: Option<Instant>,
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
            quic_first: BTreeMap::new(),
            trim: None,
            jitter,
        }
    }

    /// Where this side stands in a pair: at once, or after the courtesy. Who seeks no neighbours, or
    /// cannot hear us, will not dial.
    fn patience(&mut self, peer: TransportId, signs: Signs) -> Duration {
        if self.me < peer || !signs.seeks || !signs.hears {
            Duration::ZERO
        } else {
            self.limits.courtesy + self.jitter.below(self.limits.courtesy / 2)
        }
    }

    /// A beacon. True if the peer was not known.
    pub(crate) fn heard(&mut self, now: Instant, sighting: Sighting) -> bool {
        let Sighting {
            id,
            from,
            addrs,
            signs,
        } = sighting;
        if id == self.me || addrs.is_empty() {
            return false;
        }
        let patience = self.patience(id, signs);
        let counts = now + LINGER + self.jitter.below(LINGER / 2);
        let quic_first = self.quic_first.get(&link(from)).copied().unwrap_or(false);
        if let Some(peer) = self.peers.get_mut(&id) {
            if now.duration_since(peer.heard) > GAP {
                peer.pace.failures = 0;
                peer.turn = 0;
                peer.pace.next = peer.pace.next.min(now + patience);
            } else if peer.pace.failures < FAILURES && peer.pace.next > now + patience + APART {
                peer.pace.next = now + patience;
            }
            peer.heard = now;
            peer.from = from;
            peer.tried = 0;
            peer.signs = signs;
            peer.apart = (!signs.level).then_some(peer.apart.unwrap_or(counts));
            peer.learn(now, addrs, quic_first);
            return false;
        }
        if !self.is_believed(now, from) {
            return false;
        }
        self.make_room(from);
        if self.peers.len() >= self.limits.discovered {
            return false;
        }
        let mut peer = Peer {
            addrs: Vec::new(),
            from,
            heard: now,
            turn: 0,
            pace: Pace::from(now + patience),
            signs,
            apart: (!signs.level).then_some(counts),
            tried: 0,
            failed: 0,
            proven: false,
        };
        peer.learn(now, addrs, quic_first);
        self.peers.insert(id, peer);
        true
    }

    /// Whether one more new transport id is believed of an address: each is worth a dial or two.
    fn is_believed(&mut self, now: Instant, from: IpAddr) -> bool {
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
        if dials == 0 {
            return;
        }
        let count = u32::try_from(dials).unwrap_or(u32::MAX);
        let even = self.even.map_or(now, |even| even.max(now));
        self.even = Some(even + self.apart() * count);
    }

    /// The oldest entry of the same address goes first, then the oldest of all.
    fn make_room(&mut self, from: IpAddr) {
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

    /// From when on a discovered peer is worth a dial, for one who has so many neighbours.
    fn worth_from(&self, peer: &Peer, neighbours: usize) -> Option<Instant> {
        if peer.signs.full || (peer.tried >= TRIES && !peer.proven) {
            return None;
        }
        let due = peer.pace.due()?;
        if neighbours < self.limits.mesh || !peer.signs.hears {
            return Some(due);
        }
        peer.apart.map(|counts| due.max(counts))
    }

    /// How many discovered peers may be dialled beside those that are.
    fn wanted(&self, neighbours: usize) -> usize {
        let under_way = self.peers.values().map(|p| usize::from(p.pace.pending));
        let under_way: usize = under_way.sum();
        let aim = if neighbours < self.limits.mesh {
            self.limits.mesh
        } else {
            self.limits.kept
        };
        aim.saturating_sub(neighbours + under_way)
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
        let mut candidates: Vec<TransportId> = self
            .peers
            .iter()
            .filter(|(id, _)| !linked.contains(id))
            .filter(|(_, p)| self.worth_from(p, linked.len()).is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        // Whoever took them in their order would make hubs of a few.
        self.jitter.shuffle(&mut candidates);
        candidates.truncate(self.wanted(linked.len()).min(room));
        let mut dials: Vec<Dial> = candidates
            .into_iter()
            .filter_map(|id| self.dial(now, id))
            .collect();
        let redial = self.limits.redial;
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

    fn dial(&mut self, now: Instant, id: TransportId) -> Option<Dial> {
        let redial = self.limits.redial;
        let peer = self.peers.get_mut(&id)?;
        let ways = peer.addrs.len().max(1);
        let (addr, _) = peer.addrs.get(peer.turn % ways)?;
        let dial = Dial {
            target: Target::Peer(id),
            addr: addr.clone(),
        };
        peer.turn = peer.turn.wrapping_add(1);
        peer.tried = peer.tried.saturating_add(1);
        let racing = peer.turn % ways != 0 && peer.pace.failures < FAILURES;
        let interval = if racing {
            RACE
        } else {
            let silent = now.duration_since(peer.heard) / 40;
            let over = peer.pace.failures.saturating_sub(FAILURES).min(8);
            let slow = redial * 2_u32.saturating_pow(over);
            redial.max(silent).max(slow).min(SLOWEST)
        };
        peer.pace
            .started(now, interval + self.jitter.below(interval / 5));
        if racing {
            peer.pace.last = None;
        }
        Some(dial)
    }

    /// When [`Dialer::due`] should be asked next.
    pub(crate) fn next_due(&self, linked: &BTreeSet<TransportId>) -> Option<Instant> {
        let wanted = self.wanted(linked.len()) > 0;
        let peers = self
            .peers
            .iter()
            .filter(|(id, _)| wanted && !linked.contains(id))
            .filter_map(|(_, p)| self.worth_from(p, linked.len()));
        let given = self
            .given
            .values()
            .filter(|g| !g.oneself && !g.who.is_some_and(|who| linked.contains(&who)))
            .filter_map(|g| g.pace.due());
        let due = peers.chain(given).min()?;
        // Not before another dial is allowed.
        let allowed = self
            .even
            .and_then(|even| (even + self.apart()).checked_sub(BURST));
        Some(allowed.map_or(due, |at| due.max(at)))
    }

    /// A neighbour to be let go, now and then, where there are more than are of use: one that has
    /// what we have, and neighbours enough.
    pub(crate) fn surplus(
        &mut self,
        now: Instant,
        linked: &BTreeSet<TransportId>,
    ) -> Option<TransportId> {
        if linked.len() <= self.limits.crowd {
            self.trim = None;
            return None;
        }
        let pause = TRIM + self.jitter.below(TRIM);
        if *self.trim.get_or_insert(now + pause) > now {
            return None;
        }
        self.trim = None;
        let given: BTreeSet<_> = self.given.values().filter_map(|g| g.who).collect();
        let mut spare: Vec<_> = self
            .peers
            .iter()
            .filter(|(id, p)| {
                let content = p.signs.level && !p.signs.seeks && p.signs.hears;
                content && linked.contains(id) && now.duration_since(p.heard) < GAP
            })
            .map(|(id, _)| *id)
            .filter(|id| !given.contains(id))
            .collect();
        self.jitter.shuffle(&mut spare);
        spare.pop()
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
        if let Some(peer) = self.peers.get_mut(&who) {
            peer.failed = 0;
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
                    peer.failed = peer.failed.saturating_add(1);
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

    /// There is a session with `who`, at `remote` if this side dialled: what came first there is
    /// tried first on that link from now on.
    pub(crate) fn linked(&mut self, who: TransportId, remote: Option<&Multiaddr>) {
        self.paces_of(who).for_each(Pace::succeeded);
        if let Some(peer) = self.peers.get_mut(&who) {
            peer.proven = true;
        }
        if let Some((at, remote)) = remote.and_then(|r| Some((link(ip_of(r)?), r))) {
            if self.quic_first.len() >= LINKS && !self.quic_first.contains_key(&at) {
                self.quic_first.pop_first();
            }
            self.quic_first.insert(at, is_quic(remote));
        }
    }

    /// The session with `who` is over: dial soon, the smaller id first.
    pub(crate) fn unlinked(&mut self, now: Instant, who: TransportId) {
        let signs = self.peers.get(&who).map_or(Signs::NONE, |p| p.signs);
        let soon = now + self.patience(who, signs) + self.jitter.below(APART);
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
    pub(crate) fn list(&self) -> impl Iterator<Item = Known> {
        let peers = self.peers.iter().map(|(id, p)| Known {
            who: Some(*id),
            addrs: p.addrs.iter().map(|(addr, _)| addr.clone()).collect(),
            heard: Some(p.heard),
            level: p.signs.level,
            failed: p.failed,
        });
        let given = self.given.iter().map(|(addr, g)| Known {
            who: g.who,
            addrs: vec![addr.clone()],
            heard: None,
            level: false,
            failed: u32::from(g.reported),
        });
        peers.chain(given)
    }

    pub(crate) fn discovered(&self) -> usize {
        self.peers.len()
    }
}

/// A line of the list.
pub(crate) struct Known {
    pub(crate) who: Option<TransportId>,
    pub(crate) addrs: Vec<Multiaddr>,
    pub(crate) heard: Option<Instant>,
    pub(crate) level: bool,
    pub(crate) failed: u32,
}

fn is_quic(addr: &Multiaddr) -> bool {
    addr.iter().any(|part| matches!(part, Protocol::QuicV1))
}

fn is_zoned(addr: &Multiaddr) -> bool {
    addr.iter().any(|part| matches!(part, Protocol::Ip6zone(_)))
}

/// The link an address lies on, about.
fn link(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(v4) => v4.octets().into_iter().take(3).collect(),
        IpAddr::V6(v6) => v6.octets().into_iter().take(8).collect(),
    }
}

#[cfg(test)]
mod tests;
