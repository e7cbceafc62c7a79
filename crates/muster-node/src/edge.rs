//! The clock and the random source: read here, and nowhere else in the project but in tests.

use muster_log::ids::Millis;

/// The clock, read only in this crate.
pub fn now() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Millis(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
}

/// Time since the machine was started, sleep included: a lid that was closed for an hour counts as
/// an hour.
pub fn since_boot() -> std::time::Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    std::time::Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

/// The random source, read only in this crate. Without one nothing can be made safely, so the
/// process ends.
pub fn random(buffer: &mut [u8]) {
    if let Err(e) = getrandom::fill(buffer) {
        tracing::error!(error = %e, "the system's random source does not answer");
        std::process::exit(1);
    }
}
