//! Many small worlds: 3 to 8 devices, random contacts, cuts, writes and admissions.
#![allow(clippy::unwrap_used, clippy::panic)]

use muster_log::role::{MAX_DEPTH, Role};
use muster_sim::{
    SimError,
    net::{Net, Weather},
    world::World,
};

fn weather(net: &mut Net) -> Weather {
    let seed = net.seed();
    Weather {
        delay: seed.below(100),
        fsync: seed.below(30),
        cut_after: seed.once_in(3).then(|| seed.below(25)),
    }
}

fn pick(net: &mut Net) -> usize {
    let devices = net.world.devices.len();
    net.seed().index(devices)
}

/// Most entries are in the clear: sealing costs most of a world's time.
fn write(net: &mut Net, device: usize) -> Result<(), SimError> {
    if net.seed().once_in(5) {
        net.write_need(device)
    } else {
        net.write_note(device)
    }
}

fn run(number: u64) -> Result<(), SimError> {
    let count = 3 + (number % 6) as usize;
    let mut net = Net::new(
        World::with_devices(number, count, Role::Coordinator)?,
        number,
    );
    for _ in 0..3 + net.seed().below(5) {
        for _ in 0..net.seed().below(8) {
            let device = pick(&mut net);
            write(&mut net, device)?;
        }
        if net.world.devices.len() < 8 && net.seed().once_in(4) {
            let by = pick(&mut net);
            let device = &net.world.devices[by];
            let grant = device.book.authority().grant(&device.grant);
            if grant.is_some_and(|g| g.depth < MAX_DEPTH) {
                net.world.admit(by, Role::Coordinator)?;
            }
        }
        let devices = net.world.devices.len();
        let a = net.seed().index(devices);
        let b = (a + 1 + net.seed().index(devices - 1)) % devices;
        let weather = weather(&mut net);
        net.meet(a, b, weather)?;
        for _ in 0..net.seed().below(60) {
            net.step()?;
            net.now += net.seed().below(20);
            if net.seed().once_in(10) {
                let device = net.seed().index(devices);
                write(&mut net, device)?;
            }
        }
        if net.seed().once_in(2) {
            let links = net.links.len();
            let link = net.seed().index(links);
            net.cut(link)?;
        }
        if net.seed().once_in(5) {
            net.pass(31_000)?;
        }
    }
    // In the end everyone meets in a chain that stays.
    for link in 0..net.links.len() {
        net.cut(link)?;
    }
    let devices = net.world.devices.len();
    for at in 1..devices {
        let calm = Weather {
            delay: 30,
            fsync: 10,
            cut_after: None,
        };
        net.meet(at - 1, at, calm)?;
    }
    net.run()?;
    net.pass(3_000)?;
    net.run()?;
    for link in &net.links[net.links.len() + 1 - devices..] {
        for end in &link.ends {
            assert_eq!(end.closed, None, "seed {number}");
            assert!(end.session.in_sync(), "seed {number}");
        }
    }
    assert!(net.world.converged(), "seed {number}");
    Ok(())
}

#[test]
fn a_thousand_worlds_converge() {
    // `MUSTER_SEED=17` runs one of them, `MUSTER_SEEDS=100000` as many from 0 on.
    let env = |name| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seeds = match env("MUSTER_SEED") {
        Some(one) => one..one + 1,
        None => 0..env("MUSTER_SEEDS").unwrap_or(1_000),
    };
    std::thread::scope(|scope| {
        for part in 0..2 {
            let mine = seeds.clone().filter(move |n| n % 2 == part);
            scope.spawn(move || mine.for_each(check));
        }
    });
}

fn check(number: u64) {
    match std::panic::catch_unwind(|| run(number)) {
        Ok(Ok(())) => {}
        Ok(Err(e)) => panic!("seed {number}: {e}"),
        Err(_) => panic!("seed {number} failed: MUSTER_SEED={number}"),
    }
}
