//! The dialer under a made-up clock.

#![allow(clippy::unwrap_used)]

use libp2p::PeerId;

use super::*;

const FROM: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);

fn addr() -> Multiaddr {
    "/ip4/10.0.0.9/tcp/4000".parse().unwrap()
}

/// Two ids, the smaller first.
fn two() -> (TransportId, TransportId) {
    let (a, b) = (TransportId(PeerId::random()), TransportId(PeerId::random()));
    (a.min(b), a.max(b))
}

fn dialer(me: TransportId) -> Dialer {
    Dialer::new(me, Limits::default(), 7)
}

fn nobody() -> BTreeSet<TransportId> {
    BTreeSet::new()
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Runs until `end`, each dial failing at once; the times of the dials.
fn dial_until(dialer: &mut Dialer, start: Instant, end: Duration) -> Vec<Duration> {
    let mut times = Vec::new();
    while let Some(at) = dialer.next_due(&nobody()).filter(|at| *at < start + end) {
        let at = at.max(start);
        for dial in dialer.due(at, &nobody(), 8) {
            dialer.failed(at, &dial.target, false);
            times.push(at.duration_since(start));
        }
    }
    times
}

#[test]
fn the_smaller_dials_at_once_and_the_larger_waits() {
    let (small, large) = two();
    let now = Instant::now();
    for (me, other, least, most) in [(small, large, 0, 0), (large, small, 350, 530)] {
        let mut dialer = dialer(me);
        assert!(dialer.heard(now, other, FROM, vec![addr()]));
        assert!(!dialer.heard(now, other, FROM, vec![addr()]));
        let wait = dialer.next_due(&nobody()).unwrap().duration_since(now);
        assert!((ms(least)..=ms(most)).contains(&wait), "{wait:?}");
    }
}

#[test]
fn a_silent_peer_is_dialled_ever_more_slowly_and_at_once_when_heard() {
    let (small, large) = two();
    let start = Instant::now();
    let mut dialer = dialer(small);
    dialer.heard(start, large, FROM, vec![addr()]);
    let times = dial_until(&mut dialer, start, Duration::from_secs(600));
    let first_minute = times.iter().filter(|at| **at < ms(60_000)).count();
    let last_minute = times.iter().filter(|at| **at > ms(540_000)).count();
    assert!((40..=90).contains(&first_minute), "{first_minute}");
    assert!((5..=8).contains(&last_minute), "{last_minute}");
    let again = start + Duration::from_secs(600);
    dialer.heard(again, large, FROM, vec![addr()]);
    assert!(dialer.next_due(&nobody()).unwrap() <= again);
}

#[test]
fn a_peer_that_is_heard_and_cannot_be_reached_costs_little() {
    let (small, large) = two();
    let start = Instant::now();
    let mut dialer = dialer(small);
    let mut dials = 0;
    for beacon in 0..120 {
        let at = start + ms(500) * beacon;
        dialer.heard(at, large, FROM, vec![addr()]);
        dials += dial_until(&mut dialer, at, ms(500)).len();
    }
    assert!((8..=25).contains(&dials), "{dials} dials in a minute");
}

#[test]
fn no_dial_goes_to_whom_there_is_a_link_with_or_who_is_held() {
    let (small, large) = two();
    let start = Instant::now();
    let mut dialer = dialer(small);
    dialer.heard(start, large, FROM, vec![addr()]);
    assert!(dialer.due(start, &BTreeSet::from([large]), 8).is_empty());
    dialer.hold(large, start + ms(5_000));
    assert_eq!(dialer.next_due(&nobody()), Some(start + ms(5_000)));
    dialer.linked(large);
    dialer.unlinked(start, large);
    assert!(dialer.next_due(&nobody()).unwrap() < start + ms(300));
}

#[test]
fn refusals_hold_longer_each_time() {
    let (small, large) = two();
    let start = Instant::now();
    let mut dialer = dialer(small);
    dialer.heard(start, large, FROM, vec![addr()]);
    let mut held = Vec::new();
    for _ in 0..10 {
        dialer.refused(start, large);
        held.push(
            dialer
                .next_due(&nobody())
                .unwrap()
                .duration_since(start)
                .as_millis(),
        );
    }
    assert_eq!(
        held,
        [
            400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000
        ]
    );
}

#[test]
fn the_table_is_bounded_and_one_liar_cannot_fill_it() {
    let (small, large) = two();
    let start = Instant::now();
    let mut dialer = dialer(small);
    dialer.heard(start, large, FROM, vec![addr()]);
    for i in 0..1000 {
        let liar = TransportId(PeerId::random());
        dialer.heard(
            start + ms(i),
            liar,
            Ipv4Addr::new(10, 0, 0, 66),
            vec![addr()],
        );
    }
    assert_eq!(dialer.discovered(), 1 + IDS_PER_IP);
    assert!(dialer.list().any(|(peer, ..)| peer == Some(large)));
    for i in 0..=255 {
        let other = TransportId(PeerId::random());
        dialer.heard(
            start + ms(2_000 + u64::from(i)),
            other,
            Ipv4Addr::new(10, 0, 1, i),
            vec![addr()],
        );
    }
    assert_eq!(dialer.discovered(), 64);
}

/// Dials in a minute in which a beacon with a new transport id comes every 5 ms.
fn dials_for_lies(mut from: impl FnMut(u64) -> Ipv4Addr) -> usize {
    let (small, _) = two();
    let start = Instant::now();
    let mut dialer = dialer(small);
    let mut dials = 0;
    for i in 0..12_000 {
        let now = start + ms(i * 5);
        dialer.heard(now, TransportId(PeerId::random()), from(i), vec![addr()]);
        for dial in dialer.due(now, &nobody(), 24) {
            dialer.failed(now, &dial.target, false);
            dials += 1;
        }
        assert!(dialer.next_due(&nobody()).is_none_or(|at| at > now));
    }
    dials
}

#[test]
fn beacons_of_nobody_cost_few_dials() {
    let one = dials_for_lies(|_| Ipv4Addr::new(10, 0, 0, 66));
    assert!((24..1_000).contains(&one), "{one}");
    let many = dials_for_lies(|i| Ipv4Addr::from(0x0a00_0000 + i as u32));
    assert!((1_100..1_300).contains(&many), "{many}");
}

#[test]
fn a_given_address_is_dialled_steadily_and_reported_once() {
    let (small, large) = two();
    let start = Instant::now();
    let mut dialer = dialer(small);
    assert!(dialer.give(start, addr()));
    let times = dial_until(&mut dialer, start, Duration::from_secs(60));
    assert!((50..=90).contains(&times.len()), "{}", times.len());
    let target = Target::Given(addr());
    assert!(!dialer.failed(start, &target, false), "told already");
    dialer.reached(&target, large);
    assert_eq!(dialer.next_due(&BTreeSet::from([large])), None);
    assert!(dialer.failed(start, &target, true), "a new outage");
    assert_eq!(dialer.next_due(&nobody()), None, "never ourselves");
}
