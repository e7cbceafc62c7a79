//! When the next dial to a target may go out, and chance enough to spread them.

use std::time::{Duration, Instant};

/// Dials to one target at once.
const AT_ONCE: u8 = 2;
/// Two dials to one target are at least so far apart.
pub(super) const APART: Duration = Duration::from_millis(250);
/// The longest hold after refusals.
const LONGEST_HOLD: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(super) struct Pace {
    pub(super) next: Instant,
    pub(super) last: Option<Instant>,
    pub(super) held: Option<Instant>,
    pub(super) pending: u8,
    pub(super) failures: u32,
    refusals: u32,
}

impl Pace {
    pub(super) fn from(next: Instant) -> Self {
        Self {
            next,
            last: None,
            held: None,
            pending: 0,
            failures: 0,
            refusals: 0,
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        if self.pending >= AT_ONCE {
            return None;
        }
        let apart = self.last.map_or(self.next, |last| last + APART);
        Some(self.next.max(apart).max(self.held.unwrap_or(self.next)))
    }

    pub(super) fn started(&mut self, now: Instant, interval: Duration) {
        self.last = Some(now);
        self.next = now + interval;
        self.pending += 1;
    }

    /// It answered, but wants no session now (full, for example), or speaks something else.
    pub(super) fn refused(&mut self, now: Instant) {
        let hold = Duration::from_millis(400) * 2_u32.saturating_pow(self.refusals.min(8));
        self.refusals += 1;
        self.held = Some(now + hold.min(LONGEST_HOLD));
    }

    pub(super) fn succeeded(&mut self) {
        (self.failures, self.refusals, self.held) = (0, 0, None);
    }
}

/// Spreads dials of devices that hear the same beacon. Not for secrets.
#[derive(Debug)]
pub(crate) struct Jitter(pub(crate) u64);

impl Jitter {
    fn roll(&mut self) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, end: Duration) -> Duration {
        let micros = u64::try_from(end.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(self.roll() % micros)
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.roll() >> 16).unwrap_or(0) % (last + 1);
            items.swap(last, other);
        }
    }
}
