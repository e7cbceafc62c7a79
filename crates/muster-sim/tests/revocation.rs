//! Random histories of revocation, data and re-admission among 3 to 6 devices that meet and part: a
//! device that has heard of the end of another hands it nothing but the entry that says so, and all
//! who are left come to the same.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{sync::Mutex, time::Instant};

use muster_log::{authority::Membership, role::Role, session::CloseReason};
use muster_sim::{
    SimError,
    net::{Net, Weather},
    world::World,
};

#[derive(Default)]
struct Seen {
    revoked: u64,
    admitted: u64,
    let_go: u64,
    farewells: u64,
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.revoked += other.revoked;
        self.admitted += other.admitted;
        self.let_go += other.let_go;
        self.farewells += other.farewells;
    }
}

fn pick(net: &mut Net) -> usize {
    let devices = net.world.devices.len();
    net.seed().index(devices)
}

fn other(net: &mut Net, than: usize) -> usize {
    let devices = net.world.devices.len();
    (than + 1 + net.seed().index(devices - 1)) % devices
}

fn act(net: &mut Net, seen: &mut Seen) -> Result<(), SimError> {
    let by = pick(net);
    let of = other(net, by);
    match net.seed().below(8) {
        0 => {
            let within = net.seed().once_in(2);
            if let Some(admitted) = net.world.revoke(by, of, within)? {
                seen.revoked += 1;
                net.spread(by, None, &admitted)?;
            }
        }
        1 => {
            let lifts = net.seed().once_in(2);
            let admitted = net.world.readmit(by, of, lifts)?;
            seen.admitted += 1;
            net.spread(by, None, &admitted)?;
        }
        2 | 3 => {
            let weather = Weather {
                delay: net.seed().below(50),
                fsync: net.seed().below(20),
                cut_after: net.seed().once_in(4).then(|| net.seed().below(25)),
            };
            net.meet(by, of, weather)?;
        }
        _ => net.write_note(by)?,
    }
    for _ in 0..net.seed().below(12) {
        net.step()?;
        net.now += net.seed().below(20);
    }
    Ok(())
}

fn history(number: u64, seen: &mut Seen) -> Result<(), SimError> {
    let count = 3 + (number % 4) as usize;
    let world = World::with_devices(number, count, Role::Coordinator)?;
    let mut net = Net::new(world, number);
    for _ in 0..12 + net.seed().below(20) {
        act(&mut net, seen)?;
    }
    net.run()?;
    check(&net, number, seen);
    // In the end the founder meets everyone, twice; nobody can end it.
    let before = net.links.len();
    for link in 0..before {
        net.cut(link)?;
    }
    for _ in 0..2 {
        for at in 1..count {
            net.meet(0, at, Weather::CALM)?;
        }
        net.run()?;
        net.pass(3_000)?;
        net.run()?;
    }
    check(&net, number, seen);
    let founder = &net.world.devices[0];
    for device in &net.world.devices {
        let theirs = founder.book.authority().membership(&device.key.id());
        if matches!(theirs, Membership::Member(_)) {
            assert_eq!(
                founder.book.frontier_digest(),
                device.book.frontier_digest(),
                "{} of seed {number}",
                device.label
            );
        }
    }
    Ok(())
}

/// Nothing but the farewell, and that only once a session.
fn check(net: &Net, number: u64, seen: &mut Seen) {
    for end in net.links.iter().flat_map(|l| &l.ends) {
        assert!(end.after_end <= 1, "seed {number}: {} runs", end.after_end);
        let let_go = matches!(end.closed, Some(CloseReason::Revoked(_)));
        assert!(let_go || end.after_end == 0, "seed {number}");
        seen.let_go += u64::from(let_go);
        seen.farewells += end.after_end;
    }
}

#[test]
fn who_has_heard_hands_the_revoked_nothing() {
    let began = Instant::now();
    let env = |name| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seeds = match env("MUSTER_SEED") {
        Some(one) => one..one + 1,
        None => 0..env("MUSTER_SEEDS").unwrap_or(5_000),
    };
    let seen = Mutex::new(Seen::default());
    std::thread::scope(|scope| {
        for part in 0..2 {
            let mine = seeds.clone().filter(move |n| n % 2 == part);
            let seen = &seen;
            scope.spawn(move || {
                for number in mine {
                    let mut now = Seen::default();
                    history(number, &mut now).unwrap_or_else(|e| panic!("seed {number}: {e}"));
                    seen.lock().unwrap().add(&now);
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    println!(
        "{} histories: {} revocations, {} re-admissions, {} sessions ended by one, {} of them with \
         the entry that says so and nothing else; records handed over after hearing: 0; {:.1} s",
        seeds.end - seeds.start,
        seen.revoked,
        seen.admitted,
        seen.let_go,
        seen.farewells,
        began.elapsed().as_secs_f64()
    );
    assert!(seen.farewells > 0);
}
