//! What comes too fast is put off, and comes in the end: no session spins, closes or forgets for it.
#![allow(clippy::unwrap_used, clippy::panic)]

use muster_log::{
    ids::{Generation, Lane},
    intake::Intake,
    limits::{GENERATION_PERIOD_MS, GENERATIONS, RATE_PERIOD_MS, RETRY_MOST_MS},
    role::Role,
    session::Reason,
};
use muster_sim::{
    net::{Net, Weather},
    world::World,
};

const MINUTE: u64 = 60_000;

fn entries(net: &Net, device: usize) -> u64 {
    net.world.devices[device].book.entries()
}

/// Two devices, the second of which watches what comes in.
fn net(number: u64, role: Role) -> Net {
    let mut world = World::with_devices(number, 2, role).unwrap();
    world.devices[0].intake = Some(Intake::default());
    Net::new(world, number)
}

#[test]
fn a_flood_is_let_in_bit_by_bit_and_all_agree_in_the_end() {
    // The other device is a volunteer: 10,000 entries at once, as many again in a day.
    let mut net = net(1, Role::Volunteer);
    for _ in 0..11_000 {
        net.write_note(1).unwrap();
    }
    let before = entries(&net, 0);
    let link = net.meet(0, 1, Weather::CALM).unwrap();
    net.run().unwrap();
    net.pass(MINUTE / 2).unwrap();
    let first = entries(&net, 0) - before;
    assert!((10_000..10_300).contains(&first), "{first}");
    let refused = |net: &Net| {
        let stats = net.links[link].ends[0].session.stats();
        stats.refused.get("rate").copied().unwrap_or(0)
    };
    assert!((1..=32).contains(&refused(&net)), "{}", refused(&net));
    let told = &net.links[link].ends[1].named;
    assert!(told.iter().any(|(_, r)| *r == Reason::Rate), "{told:?}");
    // What else there is goes through meanwhile, both ways.
    net.write_need(0).unwrap();
    net.run().unwrap();
    assert_eq!(
        net.world.devices[1].book.entries(),
        entries(&net, 0) + 11_000 - first
    );
    // An hour: some more, in few attempts, and little else said.
    let frames = net.links[link].frames;
    net.pass(60 * MINUTE).unwrap();
    let hour = entries(&net, 0) - before - first;
    assert!((300..800).contains(&hour), "{hour}");
    assert!(refused(&net) < 32 * 12, "{}", refused(&net));
    let frames = net.links[link].frames - frames;
    assert!(frames < 120 * 8 + 32 * 12 * 3, "{frames} frames in an hour");
    net.pass(RATE_PERIOD_MS / 10).unwrap();
    assert!(net.links[link].ends.iter().all(|e| e.closed.is_none()));
    assert!(net.world.converged());
}

#[test]
fn more_logs_than_a_device_has_lives_come_one_by_one() {
    let mut net = net(2, Role::Volunteer);
    let logs = GENERATIONS + 3;
    for generation in 0..logs as u64 {
        net.world.devices[1].generation = Generation(1_000 + generation);
        net.write_need(1).unwrap();
    }
    let data = |net: &Net, device: usize| {
        let book = &net.world.devices[device].book;
        let theirs = net.world.devices[1].key.id();
        let logs = book.logs().filter(|l| l.key().lane == Lane::DATA);
        logs.filter(|l| l.key().device == theirs && l.count() > 0)
            .count()
    };
    let link = net.meet(0, 1, Weather::CALM).unwrap();
    net.run().unwrap();
    assert_eq!(data(&net, 0), GENERATIONS + 1);
    let told = &net.links[link].ends[1].named;
    assert!(told.iter().any(|(_, r)| *r == Reason::Generations));
    net.pass(2 * (GENERATION_PERIOD_MS + RETRY_MOST_MS))
        .unwrap();
    assert_eq!(data(&net, 0), logs);
    assert!(net.world.converged());
}
