//! The table of connections, and which of several with one peer is kept.
//!
//! Of each pair the side with the smaller transport id decides, alone: it takes the first
//! connection on which a session is offered, whoever dialled it, and drops others; the other side
//! offers a session on each and keeps the one that is answered. So both keep the same one, however
//! the dials cross. A later offer replaces the kept connection only when that one has been quiet
//! for [`FRESH`]: then the peer has noticed a cut that this side has not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use libp2p::swarm::ConnectionId;
use tokio::sync::watch;

use crate::behaviour::ip_of;
use crate::event::{CloseReason, ConnId, TransportId};
use crate::pulse::Heard;

/// A connection heard of more recently than this is alive; pulses come every half second.
const FRESH: Duration = Duration::from_millis(1_200);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Encrypted, no session yet.
    Opening,
    /// The session's task waits for the other side's byte.
    Agreeing,
    /// In use.
    Kept,
    /// Told to end, or not wanted.
    Ending,
}

#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) connection: ConnectionId,
    pub(crate) peer: TransportId,
    pub(crate) remote: Multiaddr,
    pub(crate) outbound: bool,
    pub(crate) since: Instant,
    pub(crate) phase: Phase,
    pub(crate) heard: Heard,
    pub(crate) verdict: watch::Sender<Option<CloseReason>>,
    /// A task of ours still speaks for it.
    pub(crate) tasked: bool,
    /// It is, or was, a session: its place is taken until its last event is delivered.
    pub(crate) held: bool,
    /// The layer above knows whose it is.
    pub(crate) proven: bool,
    /// The swarm has closed it.
    pub(crate) gone: bool,
}

/// What to do with an offered session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Take { replacing: Vec<ConnId> },
    Duplicate,
}

#[derive(Debug)]
pub(crate) struct Conns {
    me: TransportId,
    next: u64,
    all: BTreeMap<ConnId, Conn>,
}

impl Conns {
    pub(crate) fn new(me: TransportId) -> Self {
        Self {
            me,
            next: 1,
            all: BTreeMap::new(),
        }
    }

    pub(crate) fn open(
        &mut self,
        connection: ConnectionId,
        peer: TransportId,
        remote: Multiaddr,
        outbound: bool,
        now: Instant,
    ) -> ConnId {
        let conn = ConnId(self.next);
        self.next += 1;
        let entry = Conn {
            connection,
            peer,
            remote,
            outbound,
            since: now,
            phase: Phase::Opening,
            heard: Heard::now(),
            verdict: watch::Sender::new(None),
            tasked: false,
            held: false,
            proven: false,
            gone: false,
        };
        self.all.insert(conn, entry);
        conn
    }

    pub(crate) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Conn> {
        self.all.get_mut(&conn)
    }

    pub(crate) fn find(&self, connection: ConnectionId) -> Option<ConnId> {
        self.all
            .iter()
            .find(|(_, c)| c.connection == connection)
            .map(|(conn, _)| *conn)
    }

    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<Conn> {
        self.all.remove(&conn)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnId, &Conn)> {
        self.all.iter().map(|(conn, entry)| (*conn, entry))
    }

    /// Kept sessions, those whose end is not yet delivered included: their places are not free.
    pub(crate) fn kept(&self) -> usize {
        self.all.values().filter(|c| c.tasked && c.held).count()
    }

    /// Those of them whose peers have proven that they belong here.
    pub(crate) fn proven(&self) -> usize {
        let held = self.all.values().filter(|c| c.tasked && c.held);
        held.filter(|c| c.proven).count()
    }

    /// Kept sessions of one direction whose peers have proven nothing yet.
    pub(crate) fn unproven(&self, outbound: bool) -> usize {
        let kept = self.all.values().filter(|c| c.phase == Phase::Kept);
        kept.filter(|c| !c.proven && c.outbound == outbound && !c.gone)
            .count()
    }

    /// Which connection without proof gives way to a newcomer of the same direction: the oldest one
    /// of the address that has most of them, if it had its time, or if the newcomer's address has
    /// fewer.
    pub(crate) fn giving_way(
        &self,
        newcomer: ConnId,
        phases: &[Phase],
        now: Instant,
        grace: Duration,
    ) -> Option<ConnId> {
        let new = self.all.get(&newcomer)?;
        let others = || {
            self.iter().filter(|(conn, c)| {
                let same = *conn != newcomer && c.outbound == new.outbound;
                same && !c.proven && !c.gone && phases.contains(&c.phase)
            })
        };
        let mut by_ip: BTreeMap<Option<IpAddr>, usize> = BTreeMap::new();
        for (_, other) in others() {
            *by_ip.entry(ip_of(&other.remote)).or_default() += 1;
        }
        let own = by_ip.get(&ip_of(&new.remote)).copied().unwrap_or(0);
        let most = by_ip.values().copied().max()?;
        let (conn, oldest) = others()
            .filter(|(_, c)| by_ip.get(&ip_of(&c.remote)) == Some(&most))
            .min_by_key(|(_, c)| c.since)?;
        let had_time = now.saturating_duration_since(oldest.since) >= grace;
        (had_time || most > own + 1).then_some(conn)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Peers that need no dial: there is a connection with them, or nearly. One that is still
    /// opening counts for so long.
    pub(crate) fn linked(&self, now: Instant, opening: Duration) -> BTreeSet<TransportId> {
        self.all
            .values()
            .filter(|c| match c.phase {
                Phase::Agreeing | Phase::Kept => !c.gone,
                Phase::Opening => !c.gone && now.duration_since(c.since) < opening,
                Phase::Ending => false,
            })
            .map(|c| c.peer)
            .collect()
    }

    /// When the next one has been opening for so long.
    pub(crate) fn next_opened(&self, now: Instant, opening: Duration) -> Option<Instant> {
        self.all
            .values()
            .filter(|c| c.phase == Phase::Opening)
            .map(|c| c.since + opening)
            .filter(|at| *at > now)
            .min()
    }

    /// The kept session with a peer.
    pub(crate) fn kept_with(&self, peer: TransportId) -> Option<ConnId> {
        self.iter()
            .find(|(_, c)| c.peer == peer && c.phase == Phase::Kept)
            .map(|(conn, _)| conn)
    }

    fn rivals(&self, conn: ConnId, phases: &[Phase]) -> Vec<(ConnId, &Conn)> {
        let Some(peer) = self.all.get(&conn).map(|c| c.peer) else {
            return Vec::new();
        };
        self.iter()
            .filter(|(other, c)| *other != conn && c.peer == peer)
            .filter(|(_, c)| phases.contains(&c.phase) && !c.gone)
            .collect()
    }

    /// Whether there is any connection with this machine.
    pub(crate) fn touches(&self, ip: IpAddr) -> bool {
        self.all.values().any(|c| ip_of(&c.remote) == Some(ip))
    }

    /// Whether another connection with the same peer exists at all.
    pub(crate) fn has_rival(&self, conn: ConnId) -> bool {
        let any = [Phase::Opening, Phase::Agreeing, Phase::Kept];
        !self.rivals(conn, &any).is_empty()
    }

    /// A session is offered on `conn`.
    pub(crate) fn choose(&self, conn: ConnId) -> Choice {
        let Some(offered) = self.all.get(&conn) else {
            return Choice::Duplicate;
        };
        if offered.peer < self.me {
            return Choice::Take {
                replacing: Vec::new(),
            };
        }
        let rivals = self.rivals(conn, &[Phase::Agreeing, Phase::Kept]);
        if rivals.iter().any(|(_, c)| c.heard.ago() < FRESH) {
            return Choice::Duplicate;
        }
        Choice::Take {
            replacing: rivals.into_iter().map(|(other, _)| other).collect(),
        }
    }

    /// Both sides agreed on `conn`: older sessions with that peer, which it has given up.
    pub(crate) fn superseded(&self, conn: ConnId) -> Vec<ConnId> {
        self.rivals(conn, &[Phase::Kept])
            .into_iter()
            .map(|(other, _)| other)
            .collect()
    }

    /// Connections on which no session came about in time.
    pub(crate) fn overdue(&self, now: Instant, patience: Duration) -> Vec<ConnId> {
        self.iter()
            .filter(|(_, c)| c.phase == Phase::Opening && now.duration_since(c.since) >= patience)
            .map(|(conn, _)| conn)
            .collect()
    }

    pub(crate) fn next_overdue(&self, patience: Duration) -> Option<Instant> {
        self.all
            .values()
            .filter(|c| c.phase == Phase::Opening)
            .map(|c| c.since + patience)
            .min()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use libp2p::PeerId;

    use super::*;

    fn two() -> (TransportId, TransportId) {
        let (a, b) = (TransportId(PeerId::random()), TransportId(PeerId::random()));
        (a.min(b), a.max(b))
    }

    fn with(me: TransportId, peer: TransportId, count: usize) -> (Conns, Vec<ConnId>) {
        let mut conns = Conns::new(me);
        let opened = (0..count)
            .map(|i| {
                let id = ConnectionId::new_unchecked(i);
                conns.open(id, peer, Multiaddr::empty(), i == 0, Instant::now())
            })
            .collect();
        (conns, opened)
    }

    #[test]
    fn the_smaller_takes_the_first_and_drops_the_second() {
        let (small, large) = two();
        let (mut conns, ids) = with(small, large, 2);
        let [first, second] = [ids[0], ids[1]];
        assert_eq!(conns.choose(second), Choice::Take { replacing: vec![] });
        conns.get_mut(second).unwrap().phase = Phase::Agreeing;
        assert_eq!(conns.choose(first), Choice::Duplicate);
    }

    #[test]
    fn the_larger_offers_on_each_and_gives_up_what_is_superseded() {
        let (small, large) = two();
        let (mut conns, ids) = with(large, small, 2);
        assert_eq!(conns.choose(ids[0]), Choice::Take { replacing: vec![] });
        conns.get_mut(ids[0]).unwrap().phase = Phase::Kept;
        assert_eq!(conns.choose(ids[1]), Choice::Take { replacing: vec![] });
        assert_eq!(conns.superseded(ids[1]), vec![ids[0]]);
    }

    #[test]
    fn one_address_does_not_take_all_places_of_those_without_proof() {
        let me = TransportId(PeerId::random());
        let mut conns = Conns::new(me);
        let start = Instant::now();
        let mut open = |ip: &str, ms: u64| {
            let connection = ConnectionId::new_unchecked(0);
            let remote = format!("/ip4/{ip}/tcp/1").parse().unwrap();
            let peer = TransportId(PeerId::random());
            let at = start + Duration::from_millis(ms);
            let conn = conns.open(connection, peer, remote, false, at);
            conns.get_mut(conn).unwrap().phase = Phase::Kept;
            conn
        };
        let hostile: Vec<ConnId> = (0..4).map(|n| open("10.0.0.66", n)).collect();
        let another = open("10.0.0.66", 10);
        let honest = open("10.0.0.1", 10);
        let grace = Duration::from_secs(1);
        let at = start + Duration::from_millis(20);
        let way = |conns: &Conns, conn| conns.giving_way(conn, &[Phase::Kept], at, grace);
        // Another address's connection takes a place at once, the same one's not before its time.
        assert_eq!(way(&conns, honest), Some(hostile[0]));
        assert_eq!(way(&conns, another), None);
        let late = start + grace;
        let gone = conns.giving_way(another, &[Phase::Kept], late, grace);
        assert_eq!(gone, Some(hostile[0]));
        // Whoever has proven to belong here is left alone.
        for conn in hostile.iter().chain([&another]) {
            conns.get_mut(*conn).unwrap().proven = true;
        }
        assert_eq!(way(&conns, honest), None);
        assert_eq!((conns.unproven(false), conns.unproven(true)), (1, 0));
    }

    #[test]
    fn a_quiet_connection_gives_way() {
        let (small, large) = two();
        let (mut conns, ids) = with(small, large, 2);
        conns.get_mut(ids[0]).unwrap().phase = Phase::Kept;
        std::thread::sleep(FRESH + Duration::from_millis(50));
        assert_eq!(
            conns.choose(ids[1]),
            Choice::Take {
                replacing: vec![ids[0]]
            }
        );
        conns.get_mut(ids[0]).unwrap().heard.mark();
        assert_eq!(conns.choose(ids[1]), Choice::Duplicate);
    }
}
