//! libFuzzer over one decoder: `MUSTER_FUZZ` names it. `scripts/fuzz` builds and runs this.
#![no_main]

use std::sync::OnceLock;

use muster_fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

fn named() -> Target {
    let name = std::env::var("MUSTER_FUZZ").unwrap_or_default();
    let found = muster_fuzz::TARGETS.iter().find(|(n, _)| *n == name);
    let names: Vec<_> = muster_fuzz::TARGETS.iter().map(|(n, _)| *n).collect();
    found.map_or_else(
        || panic!("MUSTER_FUZZ is one of {}", names.join(" ")),
        |(_, t)| *t,
    )
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET.get_or_init(named)(data));
