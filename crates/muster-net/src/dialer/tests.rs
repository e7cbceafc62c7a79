//! The dialer under a made-up clock.

#![allow(clippy::unwrap_used, clippy::panic)]

use libp2p::PeerId;

use super::*;

use std::net::Ipv4Addr;

const FROM: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);

/// Different, and looking for neighbours, as somebody who comes anew is.
const NEW: Signs = Signs::NONE;
/// As we are, and with neighbours enough.
const CONTENT: Signs = Signs {
    level: true,
    seeks: false,
    full: false,
    hears: true,
};

fn hail(id: TransportId, from: Ipv4Addr, signs: Signs) -> Sighting {
    Sighting {
        id,
        from: from.into(),
        addrs: vec![addr()],
        signs,
    }
}

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
        assert!(dialer.heard(now, hail(other, FROM, NEW)));
        assert!(!dialer.heard(now, hail(other, FROM, NEW)));
        let wait = dialer.next_due(&nobody()).unwrap().duration_since(now);
        assert!((ms(least)..=ms(most)).contains(&wait), "{wait:?}");
    }
}

#[test]
fn a_silent_peer_is_dialled_ever_more_slowly_and_at_once_when_heard() {
    let (small, large) = two();
    let start = Instant::now();
    let mut dialer = dialer(small);
    dialer.heard(start, hail(large, FROM, NEW));
    // Somebody who was met before, and may come back without being heard.
    dialer.linked(large, None);
    let times = dial_until(&mut dialer, start, Duration::from_secs(600));
    let first_minute = times.iter().filter(|at| **at < ms(60_000)).count();
    let last_minute = times.iter().filter(|at| **at > ms(540_000)).count();
    assert!((40..=90).contains(&first_minute), "{first_minute}");
    assert!((5..=8).contains(&last_minute), "{last_minute}");
    let again = start + Duration::from_secs(600);
    dialer.heard(again, hail(large, FROM, NEW));
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
        dialer.heard(at, hail(large, FROM, NEW));
        dials += dial_until(&mut dialer, at, ms(500)).len();
    }
    assert!((8..=25).contains(&dials), "{dials} dials in a minute");
}

#[test]
fn no_dial_goes_to_whom_there_is_a_link_with_or_who_is_held() {
    let (small, large) = two();
    let start = Instant::now();
    let mut dialer = dialer(small);
    dialer.heard(start, hail(large, FROM, NEW));
    assert!(dialer.due(start, &BTreeSet::from([large]), 8).is_empty());
    dialer.hold(large, start + ms(5_000));
    assert_eq!(dialer.next_due(&nobody()), Some(start + ms(5_000)));
    dialer.linked(large, None);
    dialer.unlinked(start, large);
    assert!(dialer.next_due(&nobody()).unwrap() < start + ms(300));
}

#[test]
fn refusals_hold_longer_each_time() {
    let (small, large) = two();
    let start = Instant::now();
    let mut dialer = dialer(small);
    dialer.heard(start, hail(large, FROM, NEW));
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
    dialer.heard(start, hail(large, FROM, NEW));
    for i in 0..1000 {
        let liar = TransportId(PeerId::random());
        dialer.heard(start + ms(i), hail(liar, Ipv4Addr::new(10, 0, 0, 66), NEW));
    }
    assert_eq!(dialer.discovered(), 1 + IDS_PER_IP);
    assert!(dialer.list().any(|known| known.who == Some(large)));
    for i in 0..=255 {
        let other = TransportId(PeerId::random());
        dialer.heard(
            start + ms(2_000 + u64::from(i)),
            hail(other, Ipv4Addr::new(10, 0, 1, i), NEW),
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
        dialer.heard(now, hail(TransportId(PeerId::random()), from(i), NEW));
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

#[test]
fn one_beacon_of_somebody_never_met_is_worth_a_few_dials() {
    let (small, large) = two();
    let start = Instant::now();
    let mut dialer = dialer(small);
    dialer.heard(start, hail(large, FROM, NEW));
    let times = dial_until(&mut dialer, start, Duration::from_secs(900));
    assert_eq!(times.len(), TRIES as usize);
    assert_eq!(dialer.next_due(&nobody()), None);
    dialer.heard(start + ms(500), hail(large, FROM, NEW));
    assert!(dialer.next_due(&nobody()).is_some());
}

/// So many linked neighbours, of whom nothing was heard.
fn neighbours(count: usize) -> BTreeSet<TransportId> {
    (0..count).map(|_| TransportId(PeerId::random())).collect()
}

#[test]
fn who_has_neighbours_dials_nobody_that_is_level() {
    let (small, large) = two();
    let start = Instant::now();
    let mut dialer = dialer(small);
    let (few, enough) = (neighbours(5), neighbours(6));
    dialer.heard(start, hail(large, FROM, CONTENT));
    assert_eq!(dialer.next_due(&enough), None);
    assert!(dialer.due(start + ms(60_000), &enough, 8).is_empty());
    assert_eq!(dialer.next_due(&few), Some(start), "one more is wanted");
    assert_eq!(dialer.due(start, &few, 8).len(), 1);
}

#[test]
fn who_stays_different_is_dialled_and_who_was_different_for_a_moment_is_not() {
    let (small, large) = two();
    let start = Instant::now();
    let mut dialer = dialer(small);
    let enough = neighbours(6);
    let different = Signs {
        level: false,
        ..CONTENT
    };
    for beacon in 0..3 {
        dialer.heard(start + ms(500) * beacon, hail(large, FROM, different));
    }
    let at = dialer.next_due(&enough).unwrap();
    let wait = at.duration_since(start);
    assert!((ms(2_000)..ms(3_000)).contains(&wait), "{wait:?}");
    dialer.heard(start + ms(1_500), hail(large, FROM, CONTENT));
    assert_eq!(dialer.next_due(&enough), None, "the news has gone around");
    dialer.heard(start + ms(2_000), hail(large, FROM, different));
    assert!(dialer.next_due(&enough).unwrap() >= start + ms(4_000));
    // Whoever takes nobody is not asked; whoever cannot hear us will not come by itself.
    let full = Signs {
        full: true,
        ..different
    };
    dialer.heard(start + ms(9_000), hail(large, FROM, full));
    assert_eq!(dialer.next_due(&nobody()), None);
    let deaf = Signs {
        hears: false,
        ..different
    };
    dialer.heard(start + ms(9_500), hail(large, FROM, deaf));
    assert!(!dialer.due(start + ms(9_800), &enough, 8).is_empty());
}

#[test]
fn of_too_many_neighbours_one_is_let_go_now_and_then() {
    let me = two().0;
    let start = Instant::now();
    let mut dialer = dialer(me);
    let all = neighbours(11);
    let hear = |dialer: &mut Dialer, at: Instant, signs: Signs| {
        for (n, id) in (0_u8..).zip(&all) {
            dialer.heard(at, hail(*id, Ipv4Addr::new(10, 0, 0, n), signs));
        }
    };
    hear(&mut dialer, start, CONTENT);
    assert_eq!(dialer.surplus(start, &all), None, "not at once");
    let later = start + ms(10_100);
    let alike = |signs| {
        let mut other = Dialer::new(me, Limits::default(), 7);
        assert_eq!(other.surplus(start, &all), None);
        hear(&mut other, later, signs);
        other.surplus(later, &all)
    };
    assert!(alike(CONTENT).is_some_and(|id| all.contains(&id)));
    let kept = [
        Signs {
            level: false,
            ..CONTENT
        },
        Signs {
            seeks: true,
            ..CONTENT
        },
    ];
    for signs in kept {
        assert_eq!(alike(signs), None, "{signs:?} is not let go");
    }
    let ten = neighbours(10);
    assert_eq!(dialer.surplus(later, &ten), None);
}

#[test]
fn ways_are_raced_and_the_quicker_one_is_tried_first_next_time() {
    let (small, large) = two();
    let start = Instant::now();
    let mut dialer = dialer(small);
    let tcp: Multiaddr = "/ip4/10.0.0.9/tcp/4000".parse().unwrap();
    let quic: Multiaddr = "/ip4/10.0.0.9/udp/4000/quic-v1".parse().unwrap();
    let both = || Sighting {
        addrs: vec![tcp.clone(), quic.clone()],
        ..hail(large, FROM, NEW)
    };
    dialer.heard(start, both());
    let first = dialer.due(start, &nobody(), 8);
    assert_eq!(first[0].addr, tcp);
    let at = dialer.next_due(&nobody()).unwrap();
    assert!(
        at - start >= RACE && at - start < RACE * 2,
        "{:?}",
        at - start
    );
    assert_eq!(dialer.due(at, &nobody(), 8)[0].addr, quic);
    assert_eq!(dialer.next_due(&nobody()), None, "two at once, no more");
    dialer.reached(&Target::Peer(large), large);
    dialer.linked(large, Some(&quic));
    // The next meeting, and somebody else on the same link.
    let later = start + ms(60_000);
    let other = TransportId(PeerId::random());
    dialer.heard(later, both());
    dialer.heard(
        later,
        Sighting {
            id: other,
            ..both()
        },
    );
    for known in dialer.list() {
        assert_eq!(known.addrs, [quic.clone(), tcp.clone()], "{:?}", known.who);
    }
}

/// Sixty devices hear one another and link as their dialers wish, beacon after beacon.
#[test]
fn a_crowd_becomes_a_connected_mesh_of_few_neighbours() {
    const N: usize = 60;
    let start = Instant::now();
    let ids: Vec<_> = (0..N).map(|_| TransportId(PeerId::random())).collect();
    let limits = Limits::default();
    let mut dialers: Vec<_> = ids
        .iter()
        .zip(1..)
        .map(|(id, seed)| Dialer::new(*id, limits.clone(), seed * 7919))
        .collect();
    let mut links = vec![BTreeSet::<TransportId>::new(); N];
    let at = |id: &TransportId| ids.iter().position(|other| other == id).unwrap();
    let mut dials = 0;
    for beat in 0..80_u32 {
        let now = start + ms(500) * beat;
        for speaker in 0..N {
            let signs = Signs {
                // All differ at first; from the tenth beat on all are level.
                level: beat >= 10,
                seeks: links[speaker].len() < limits.mesh,
                full: links[speaker].len() >= limits.kept,
                hears: true,
            };
            let from = Ipv4Addr::new(10, 0, 0, speaker as u8);
            for listener in (0..N).filter(|l| *l != speaker) {
                dialers[listener].heard(now, hail(ids[speaker], from, signs));
            }
        }
        for step in 0..5 {
            let now = now + ms(100) * step;
            for me in 0..N {
                let linked = links[me].clone();
                if let Some(gone) = dialers[me].surplus(now, &linked) {
                    links[me].remove(&gone);
                    links[at(&gone)].remove(&ids[me]);
                    dialers[at(&gone)].unlinked(now, ids[me]);
                }
                if links[me].len() >= limits.kept {
                    continue;
                }
                let linked = links[me].clone();
                for dial in dialers[me].due(now, &linked, 8) {
                    dials += 1;
                    let Target::Peer(other) = dial.target else {
                        panic!()
                    };
                    dialers[me].reached(&Target::Peer(other), other);
                    if links[at(&other)].len() >= limits.kept {
                        dialers[me].refused(now, other);
                    } else {
                        links[me].insert(other);
                        links[at(&other)].insert(ids[me]);
                        dialers[me].linked(other, None);
                        dialers[at(&other)].linked(ids[me], None);
                    }
                }
            }
        }
    }
    let degrees: Vec<usize> = links.iter().map(BTreeSet::len).collect();
    let (least, most) = (degrees.iter().min().unwrap(), degrees.iter().max().unwrap());
    let mean = degrees.iter().sum::<usize>() as f64 / N as f64;
    println!(
        "{N} devices: {least} to {most} neighbours, {mean:.1} on average, {dials} dials in 40 s"
    );
    let mut reached = BTreeSet::from([0]);
    let mut edge = vec![0];
    while let Some(here) = edge.pop() {
        for other in links[here].iter().map(at) {
            if reached.insert(other) {
                edge.push(other);
            }
        }
    }
    assert_eq!(reached.len(), N, "connected");
    assert!(
        *least >= limits.mesh && *most <= limits.crowd,
        "{degrees:?}"
    );
    assert!(dials < N * 20, "{dials} dials");
}
