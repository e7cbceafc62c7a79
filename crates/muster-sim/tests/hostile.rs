//! A peer that sends noise, and frames that were changed on the way.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Instant;

use muster_log::{
    role::Role,
    session::{Effect, Local, Session},
};
use muster_sim::{device::Device, seed::Seed, world::World};

fn start(device: &Device, dialler: bool, seed: &mut Seed) -> (Session, Vec<Effect>) {
    let (one, two): (&[u8], &[u8]) = (b"dialler", b"responder");
    let (here, there) = if dialler { (one, two) } else { (two, one) };
    let local = Local {
        incident: device.book.incident(),
        key: &device.key,
        secrets: &device.secrets,
        here,
        there,
        dialler,
        software: "sim",
        clock: muster_log::ids::Millis(0),
    };
    Session::start(&local, seed.bytes(), 0)
}

/// Carries out a session's wishes; gives the frames it sends.
fn serve(device: &mut Device, session: &mut Session, effects: Vec<Effect>) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut todo: std::collections::VecDeque<_> = effects.into();
    while let Some(effect) = todo.pop_front() {
        match effect {
            Effect::Send(frame) => frames.push(frame),
            Effect::Deliver { ticket, run } => {
                let outcome = device.receive(&run);
                todo.extend(session.stored(&device.book, &[(ticket, outcome)]));
            }
            Effect::Read(request) => {
                let runs = device.store.read(&request, &device.book);
                todo.extend(session.runs(&device.book, request.id, runs));
            }
            _ => {}
        }
    }
    frames
}

fn mutate(frame: &mut Vec<u8>, seed: &mut Seed) {
    for _ in 0..1 + seed.below(4) {
        let at = seed.index(frame.len());
        match seed.below(5) {
            0 => frame.truncate(at),
            1 => frame.insert(at, seed.number() as u8),
            2 if !frame.is_empty() => {
                frame.remove(at);
            }
            3 => frame.extend(seed.bytes()),
            _ => {
                if let Some(byte) = frame.get_mut(at) {
                    *byte = seed.number() as u8;
                }
            }
        }
    }
}

#[test]
fn ten_thousand_changed_frames_do_no_harm() {
    let mut world = World::with_devices(1, 2, Role::Coordinator).unwrap();
    let mut seed = Seed::new(5);
    let started = Instant::now();
    let (mut changed, mut sessions) = (0, 0);
    for device in 0..2 {
        for _ in 0..5 {
            world.devices[device].write_need(&mut seed).unwrap();
        }
    }
    while changed < 10_000 {
        sessions += 1;
        if sessions % 20 == 0 {
            let writer = seed.index(2);
            world.devices[writer].write_need(&mut seed).unwrap();
        }
        let [a, b] = &mut world.devices[..] else {
            panic!()
        };
        let (mut dialler, hello) = start(a, true, &mut seed);
        let (mut responder, _) = start(b, false, &mut seed);
        let mut to_b = serve(a, &mut dialler, hello);
        // Each session gets one frame changed, at its own place, then plain noise.
        let place = seed.below(14);
        let mut at = 0;
        while !to_b.is_empty() {
            let mut to_a = Vec::new();
            for mut frame in std::mem::take(&mut to_b) {
                if at >= place {
                    mutate(&mut frame, &mut seed);
                    changed += 1;
                }
                at += 1;
                let effects = responder.frame(&b.book, &frame);
                to_a.extend(serve(b, &mut responder, effects));
            }
            for mut frame in to_a {
                if at >= place {
                    mutate(&mut frame, &mut seed);
                    changed += 1;
                }
                at += 1;
                let effects = dialler.frame(&a.book, &frame);
                to_b.extend(serve(a, &mut dialler, effects));
            }
        }
        for session in [&mut dialler, &mut responder] {
            for _ in 0..3 {
                let mut noise = seed.bytes().to_vec();
                noise[0] = seed.below(12) as u8;
                session.frame(&a.book, &noise);
                changed += 1;
            }
        }
    }
    println!(
        "{changed} frames in {sessions} sessions, {:?}",
        started.elapsed()
    );
    // Whatever came through is still true.
    let mut net = muster_sim::net::Net::new(world, 7);
    net.meet(0, 1, muster_sim::net::Weather::CALM).unwrap();
    net.run().unwrap();
    assert!(net.world.converged());
}
