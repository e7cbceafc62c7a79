//! Sessions between a few devices: convergence, cuts, relays, strangers.
#![allow(clippy::unwrap_used, clippy::panic)]

use muster_log::{
    role::Role,
    run,
    session::{CloseReason, Effect, Session},
};
use muster_sim::{
    net::{Net, Weather},
    world::World,
};

const ROUGH: Weather = Weather {
    delay: 40,
    fsync: 20,
    cut_after: None,
};

fn net(number: u64, devices: usize) -> Net {
    let world = World::with_devices(number, devices, Role::Coordinator).unwrap();
    Net::new(world, number)
}

fn write(net: &mut Net, device: usize, count: usize) {
    for _ in 0..count {
        net.write_need(device).unwrap();
    }
}

fn entries(net: &Net, device: usize) -> u64 {
    net.world.devices[device].book.entries()
}

#[test]
fn a_thousand_differing_entries_converge() {
    let mut net = net(1, 2);
    write(&mut net, 0, 600);
    write(&mut net, 1, 400);
    let link = net.meet(0, 1, Weather::CALM).unwrap();
    net.run().unwrap();
    assert!(net.world.converged());
    let link = &net.links[link];
    for end in &link.ends {
        assert_eq!(end.in_sync, 1, "said once");
        assert!(end.member && end.closed.is_none());
        let stats = end.session.stats();
        assert_eq!(
            (stats.unreceipted, stats.delivered, stats.parked),
            (0, 0, 0)
        );
        assert!(stats.refused.is_empty(), "{stats:?}");
        // Runs were joined: one signature for up to 64 entries.
        assert!(stats.runs_sent <= 12, "{stats:?}");
    }
    // Nothing was sent that was there already.
    assert_eq!(link.ends[0].session.stats().entries_sent, 600);
    println!("{} frames, {} bytes", link.frames, link.bytes);
}

#[test]
fn equal_devices_exchange_digests_and_nothing_else() {
    let mut net = net(2, 2);
    write(&mut net, 0, 20);
    net.meet(0, 1, Weather::CALM).unwrap();
    net.run().unwrap();
    let again = net.meet(0, 1, Weather::CALM).unwrap();
    net.run().unwrap();
    let link = &net.links[again];
    assert_eq!((link.ends[0].in_sync, link.ends[1].in_sync), (1, 1));
    assert_eq!(link.frames, 3, "three flights");
    // Digests are compared again every 30 s, in 150 bytes both ways together.
    let before = link.bytes;
    net.links[0].down = true;
    net.pass(31_000).unwrap();
    let link = &net.links[again];
    assert_eq!(link.frames, 5);
    assert!(link.bytes - before <= 150, "{}", link.bytes - before);
    assert_eq!(link.ends[0].in_sync, 1, "still, not again");
}

#[test]
fn every_cut_point_is_completed_by_the_next_contact() {
    for cut in 0..200 {
        let mut net = net(3, 3);
        write(&mut net, 0, 150);
        write(&mut net, 1, 90);
        write(&mut net, 2, 10);
        let weather = Weather {
            cut_after: Some(cut),
            ..Weather::CALM
        };
        let link = net.meet(0, 1, weather).unwrap();
        net.run().unwrap();
        let whole = !net.links[link].down;
        net.cut(link).unwrap();
        net.meet(1, 0, Weather::CALM).unwrap();
        net.run().unwrap();
        let digest = |at: usize| net.world.devices[at].book.frontier_digest();
        assert_eq!(digest(0), digest(1), "cut after {cut} frames");
        if whole {
            println!("{cut} frames in a whole session");
            return;
        }
    }
    panic!("the session does not end");
}

#[test]
fn a_third_carries_what_two_who_never_meet_have_to_say() {
    let mut net = net(4, 3);
    write(&mut net, 0, 120);
    write(&mut net, 2, 30);
    let one = net.meet(0, 1, ROUGH).unwrap();
    net.run().unwrap();
    net.cut(one).unwrap();
    let two = net.meet(1, 2, ROUGH).unwrap();
    net.run().unwrap();
    net.cut(two).unwrap();
    let log = net.world.devices[0].log(muster_log::ids::Lane::DATA);
    let id = log.id(&net.world.genesis.id());
    assert_eq!(
        net.world.devices[2].book.log(&id).unwrap().contiguous(),
        120
    );
    net.meet(1, 0, ROUGH).unwrap();
    net.run().unwrap();
    assert!(net.world.converged());
}

#[test]
fn open_sessions_pass_new_entries_on_at_once() {
    let mut net = net(5, 4);
    for (a, b) in [(0, 1), (1, 2), (2, 3)] {
        net.meet(a, b, ROUGH).unwrap();
    }
    net.run().unwrap();
    let before = entries(&net, 3);
    net.write_need(0).unwrap();
    net.run().unwrap();
    assert_eq!(entries(&net, 3), before + 1, "no tick was needed");
    // In a ring nobody is sent what it has sent.
    net.meet(3, 0, ROUGH).unwrap();
    net.run().unwrap();
    for device in 0..4 {
        write(&mut net, device, 3);
    }
    net.run().unwrap();
    assert!(net.world.converged());
    net.pass(3_000).unwrap();
    for link in &net.links {
        assert!(link.ends.iter().all(|e| e.session.in_sync()));
    }
}

#[test]
fn both_sides_write_while_they_sync() {
    let mut net = net(6, 2);
    write(&mut net, 0, 300);
    write(&mut net, 1, 300);
    net.meet(0, 1, ROUGH).unwrap();
    for round in 0..400 {
        for _ in 0..3 {
            net.step().unwrap();
        }
        net.now += 1;
        if round % 4 == 0 {
            net.write_need(0).unwrap();
            net.write_need(1).unwrap();
        }
    }
    net.run().unwrap();
    net.pass(2_000).unwrap();
    assert!(net.world.converged());
    assert!(entries(&net, 0) > 800);
    assert!(net.links[0].ends.iter().all(|e| e.session.in_sync()));
}

#[test]
fn a_device_admitted_elsewhere_is_understood_after_one_meeting() {
    let mut net = net(7, 3);
    write(&mut net, 0, 40);
    // Device 1 admits 3, and 3 admits 4; device 0 has heard of neither.
    let three = net.world.admit(1, Role::Coordinator).unwrap();
    let four = net.world.admit(three, Role::Volunteer).unwrap();
    write(&mut net, four, 20);
    write(&mut net, three, 5);
    let link = net.meet(four, 0, ROUGH).unwrap();
    net.run().unwrap();
    let digest = |at: usize| net.world.devices[at].book.frontier_digest();
    assert!(net.links[link].ends.iter().all(|e| e.closed.is_none()));
    assert_eq!(digest(0), digest(four));
    assert!(net.links[link].ends[1].member);
}

#[test]
fn a_device_that_nobody_admitted_is_let_go() {
    let mut net = net(8, 2);
    write(&mut net, 1, 5);
    // It has the secret and the genesis; its admission was never written down.
    let mut other = World::with_devices(8, 3, Role::Coordinator).unwrap();
    let mut ghost = other.devices.remove(2);
    let seed = &mut muster_sim::seed::Seed::new(99);
    ghost.key = muster_log::chain::DeviceKey::from_bytes(&seed.bytes());
    net.world.devices.push(ghost);
    for (a, b) in [(2, 0), (1, 2)] {
        let link = net.meet(a, b, Weather::CALM).unwrap();
        net.run().unwrap();
        let reasons: Vec<_> = net.links[link]
            .ends
            .iter()
            .map(|e| e.closed.clone())
            .collect();
        let not = reasons
            .iter()
            .flatten()
            .any(|r| matches!(r, CloseReason::NotAdmitted(_)));
        assert!(not, "{reasons:?}");
        assert!(
            reasons.contains(&Some(CloseReason::NotAdmittedThere)),
            "{reasons:?}"
        );
    }
    assert_eq!(net.world.devices[0].refusals, 0);
}

#[test]
fn strangers_and_other_incidents_learn_nothing() {
    let mut net = net(9, 2);
    write(&mut net, 0, 5);
    let foreign = World::with_devices(10, 2, Role::Coordinator).unwrap();
    net.world.devices.extend(foreign.devices);
    for (a, b) in [(0, 2), (3, 1)] {
        let link = net.meet(a, b, Weather::CALM).unwrap();
        net.run().unwrap();
        let link = &net.links[link];
        assert_eq!(link.frames, 1, "nothing but the dialler's proof was said");
        assert_eq!(link.ends[1].closed, Some(CloseReason::Stranger));
        assert_eq!(link.ends[0].closed, None, "the connection just ends");
        assert!(!link.ends[1].member);
    }
    // Hung up on before any answer: that is how the dialler knows, and it counts it once.
    let ends = &mut net.links[1].ends;
    assert_eq!(ends[0].session.hung_up(), Some(CloseReason::Stranger));
    assert_eq!(ends[0].session.hung_up(), None, "said once");
    assert_eq!(ends[1].session.hung_up(), None, "it has its reason");
    // Whoever gets no answer gives up after 5 s.
    net.pass(6_000).unwrap();
    assert_eq!(net.links[0].ends[0].closed, Some(CloseReason::Timeout));
}

#[test]
fn a_member_that_hangs_up_is_no_stranger() {
    let mut net = net(9, 2);
    let link = net.meet(0, 1, Weather::CALM).unwrap();
    net.run().unwrap();
    for end in &mut net.links[link].ends {
        assert!(end.member);
        assert_eq!(end.session.hung_up(), None);
        assert!(end.session.is_closed());
    }
}

#[test]
fn a_renewed_secret_and_an_older_one_still_meet() {
    let mut net = net(11, 2);
    let old = net.world.secret;
    net.world.devices[0].secrets = vec![[7; 32], old];
    write(&mut net, 0, 5);
    for (a, b) in [(0, 1), (1, 0)] {
        let link = net.meet(a, b, Weather::CALM).unwrap();
        net.run().unwrap();
        assert!(net.links[link].ends.iter().all(|e| e.member));
        net.cut(link).unwrap();
    }
    assert!(net.world.converged());
}

#[test]
fn another_version_is_named_on_both_sides() {
    let mut net = net(12, 2);
    let link = net.meet(0, 1, Weather::CALM).unwrap();
    // The responder is of a later version: its answer to any greeting is this.
    let book = &net.world.devices[0].book;
    let dialler: &mut Session = &mut net.links[link].ends[0].session;
    let effects = dialler.frame(book, &[1, 1, 9]);
    assert!(effects.contains(&Effect::Close(CloseReason::Version { theirs: 9 })));
    // And a later dialler's greeting is answered with our version.
    let book = &net.world.devices[1].book;
    let responder: &mut Session = &mut net.links[link].ends[1].session;
    let effects = responder.frame(book, &[0, 9, 1, 2, 3]);
    let expected = [
        Effect::Send(vec![1, 1, 1]),
        Effect::Close(CloseReason::Version { theirs: 9 }),
    ];
    assert_eq!(effects, expected);
}

/// Two copies of one incident: the same keys, and two lives of device 1 that do not know each other.
fn forked(first: usize, second: usize) -> (Net, World, muster_log::entry::LogKey) {
    parted(0, first, second)
}

/// Two copies of device 1, which wrote on after a shared beginning: device 0 has the one's entries,
/// device 2 the other's.
fn parted(shared: usize, first: usize, second: usize) -> (Net, World, muster_log::entry::LogKey) {
    let mut net = net(13, 3);
    let mut copy = World::with_devices(13, 3, Role::Coordinator).unwrap();
    let mut seed = muster_sim::seed::Seed::new(77);
    let log = net.world.devices[1].log(muster_log::ids::Lane::DATA);
    for _ in 0..shared {
        let admitted = net.world.devices[1].write_need(&mut seed).unwrap();
        let bytes = run::encode(&admitted.run.to_run());
        net.world.devices[0].receive(&bytes);
        net.world.devices[2].receive(&bytes);
        copy.devices[1].receive(&bytes);
    }
    for _ in 0..first {
        let admitted = net.world.devices[1].write_need(&mut seed).unwrap();
        let bytes = run::encode(&admitted.run.to_run());
        net.world.devices[0].receive(&bytes);
    }
    for _ in 0..second {
        let admitted = copy.devices[1].write_need(&mut seed).unwrap();
        let bytes = run::encode(&admitted.run.to_run());
        net.world.devices[2].receive(&bytes);
    }
    (net, copy, log)
}

#[test]
fn both_branches_of_a_fork_arrive_and_the_cost_follows_the_branches() {
    let shapes = [
        (0, 1, 1),
        (0, 3, 1),
        (0, 2, 9),
        (300, 1, 1),
        (300, 150, 3),
        (300, 5, 200),
        (1000, 70, 70),
    ];
    for (shared, first, second) in shapes {
        let what = format!("{shared} shared, {first} and {second} after it");
        let (mut net, _, log) = parted(shared, first, second);
        write(&mut net, 0, 30);
        write(&mut net, 2, 70);
        let link = net.meet(0, 2, ROUGH).unwrap();
        net.run().unwrap();
        net.pass(5_000).unwrap();
        let id = log.id(&net.world.genesis.id());
        let [one, other] = [0, 2].map(|at| &net.world.devices[at].book);
        assert_eq!(one.frontier_digest(), other.frontier_digest(), "{what}");
        for book in [one, other] {
            let heads = book.log(&id).unwrap();
            assert_eq!(heads.count(), (shared + first + second) as u64, "{what}");
            let at = muster_log::ids::Seq(shared as u64);
            assert_eq!(book.authority().forked_at(&log), Some(at), "{what}");
        }
        let link = &net.links[link];
        let sent = link.ends.iter().map(|e| e.session.stats().entries_sent);
        let sent: u64 = sent.sum();
        for end in &link.ends {
            assert!(end.closed.is_none() && end.in_sync > 0, "{what}");
            assert!(end.named.is_empty(), "{what}: {:?}", end.named);
        }
        // Each branch once, what was written beside it, and no more again than a branch is long.
        let needed = (first + second + 100) as u64;
        assert!(
            sent <= needed + 2 * (first + second) as u64 + 64,
            "{what}: {sent}"
        );
        // Then it is quiet.
        let (frames, runs) = (link.frames, link.ends[0].session.stats().runs_sent);
        net.pass(61_000).unwrap();
        assert!(
            net.links[0].frames - frames < 12,
            "{what}: {}",
            net.links[0].frames - frames
        );
        assert_eq!(net.links[0].ends[0].session.stats().runs_sent, runs);
    }
}

/// Whoever comes later gets both branches from one who has them; live entries on a branch go on.
#[test]
fn a_forked_log_goes_to_a_newcomer_and_on_to_neighbours() {
    let (mut net, mut copy, log) = parted(100, 20, 30);
    let late = net.world.admit(0, Role::Coordinator).unwrap();
    let first = net.meet(0, 2, Weather::CALM).unwrap();
    net.run().unwrap();
    let second = net.meet(2, late, Weather::CALM).unwrap();
    net.run().unwrap();
    let digests = |net: &Net| [0, 2, late].map(|at| net.world.devices[at].book.frontier_digest());
    let [a, b, c] = digests(&net);
    assert_eq!((a, b), (b, c));
    // The copy goes on writing on its branch, and device 2 hears it: it goes on at once.
    let mut seed = muster_sim::seed::Seed::new(78);
    for _ in 0..5 {
        let admitted = copy.devices[1].write_need(&mut seed).unwrap();
        let bytes = run::encode(&admitted.run.to_run());
        let admitted = match net.world.devices[2].receive(&bytes) {
            muster_log::session::Outcome::Admitted(admitted) => admitted,
            other => panic!("{other:?}"),
        };
        net.spread(2, None, &admitted).unwrap();
        net.run().unwrap();
    }
    net.pass(5_000).unwrap();
    let [a, b, c] = digests(&net);
    assert_eq!((a, b), (b, c));
    for link in [first, second] {
        let ends = &net.links[link].ends;
        assert!(
            ends.iter()
                .all(|e| e.named.is_empty() && e.closed.is_none())
        );
    }
    let id = log.id(&net.world.genesis.id());
    let heads = net.world.devices[late].book.log(&id).unwrap();
    assert_eq!(heads.count(), 155);
}

#[test]
fn a_restored_copy_is_told_that_it_is_one() {
    // Device 1 as it was before it wrote three entries meets somebody who has them.
    let (mut net, mut copy, log) = forked(3, 0);
    std::mem::swap(&mut net.world.devices[1], &mut copy.devices[1]);
    write(&mut net, 1, 1);
    let link = net.meet(1, 0, Weather::CALM).unwrap();
    net.run().unwrap();
    assert_eq!(net.links[link].ends[0].ahead, [log]);
    // And two copies that meet know each other for what they are.
    net.world.devices.push(copy.devices.remove(1));
    let link = net.meet(1, 3, Weather::CALM).unwrap();
    net.run().unwrap();
    let ends = &net.links[link].ends;
    assert!(
        ends.iter()
            .all(|e| e.closed == Some(CloseReason::SameDevice))
    );
}

#[test]
fn a_gap_is_filled_from_whoever_has_the_beginning() {
    let mut net = net(14, 3);
    let mut seed = muster_sim::seed::Seed::new(3);
    for at in 0..100 {
        let admitted = net.world.devices[0].write_need(&mut seed).unwrap();
        // Device 1 has two stretches of it, device 2 the last entry alone.
        let bytes = run::encode(&admitted.run.to_run());
        if (10..20).contains(&at) || (50..70).contains(&at) {
            net.world.devices[1].receive(&bytes);
        }
        if at == 99 {
            net.world.devices[2].receive(&bytes);
        }
    }
    let link = net.meet(1, 2, ROUGH).unwrap();
    net.run().unwrap();
    assert_eq!(net.links[link].ends[0].in_sync, 1, "gaps and all");
    net.cut(link).unwrap();
    let link = net.meet(2, 0, ROUGH).unwrap();
    net.run().unwrap();
    let sent = net.links[link].ends[1].session.stats().entries_sent;
    assert_eq!(sent, 100 - 31, "what was there is not sent again");
    assert_eq!(entries(&net, 2), entries(&net, 0));
}
