//! What `status` says does not count: acts that this version reads are not among it.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Rng, founder, join, open, pour};
use muster_log::role::Role;
use muster_node::engine::Engine;

fn inert(engine: &Engine) -> Vec<(&str, u64)> {
    let inert = &engine.counters().inert;
    inert.iter().map(|(why, n)| (why.as_str(), *n)).collect()
}

#[test]
fn acts_that_are_read_are_not_counted_as_inert() {
    let rng = &mut Rng(1);
    let (disk, mut hq) = founder(rng);
    assert_eq!(inert(&hq), [], "the first keys");
    let (other, two) = join(&mut hq, "two", Role::Volunteer, rng);
    assert_eq!(inert(&hq), [], "admissions and keys");
    assert_eq!(inert(&two), [], "the same, from the answer");
    let (_disk, mut three) = join(&mut hq, "three", Role::Coordinator, rng);
    pour(&hq, &mut three, rng);
    assert_eq!(inert(&three), [], "the same, from a peer");
    hq.close().unwrap();
    two.close().unwrap();
    for disk in [disk, other] {
        assert_eq!(inert(&open(&disk, None, rng).unwrap().0), [], "replayed");
    }
}
