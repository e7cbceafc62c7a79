//! How much of one author's entries is taken in for now: what delays, and never decides.
//!
//! Which entries count is the business of allowances and grants, alike on every device. Here a device
//! only puts off what comes too fast or in too many logs, by its own clock, and takes it later: two
//! devices may differ for a while and not for ever. Nothing of it is stored, and nothing enters a
//! digest. What a person brings in a file is not counted: they stand by it.

use std::collections::BTreeMap;

use crate::{
    book::Book,
    ids::{DeviceId, Lane},
    limits::{
        GENERATION_PERIOD_MS, GENERATIONS, RATE_ENTRY_BYTES, RATE_PERIOD_MS, RATE_SHARE,
        RETRY_MOST_MS,
    },
    session,
};

/// Authors counted at once; each was admitted by somebody.
const COUNTED: usize = 4_096;

/// Why entries are put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delay {
    /// More entries or bytes of their author than a day brings.
    Rate,
    /// More logs of their author than a device has lives.
    Generations,
    /// Too little room on the disk.
    NoSpace,
}

impl Delay {
    /// A stable short code, for counters and JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Generations => "generations",
            Self::NoSpace => "no-space",
        }
    }
}

/// What is offered, by what it claims: nothing of it is proven yet.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// Its author.
    pub author: DeviceId,
    /// The lane of its log.
    pub lane: Lane,
    /// Entries that a log of this author may have.
    pub allowance: u64,
    /// Logs of this author and lane that are here, where the offer begins another one.
    pub others: Option<usize>,
}

impl Offer {
    /// What the head of an encoded run claims; none where the door will refuse it anyway.
    pub fn of(book: &Book, run: &[u8]) -> Option<Self> {
        let log = session::claim(run).ok()?.log;
        if !book.authority().knows(&log.device) {
            return None;
        }
        let here = book.log(&log.id(&book.incident()));
        let others = || {
            let theirs = book.logs().filter(|l| {
                let key = l.key();
                key.device == log.device && key.lane == log.lane && l.count() > 0
            });
            theirs.count()
        };
        Some(Self {
            author: log.device,
            lane: log.lane,
            allowance: book.authority().allowance(&log.device),
            others: here.is_none_or(|l| l.count() == 0).then(others),
        })
    }
}

#[derive(Debug, Clone, Default)]
struct Author {
    /// Taken in and not given back yet, in units of [`RATE_PERIOD_MS`]th parts.
    entries: u128,
    bytes: u128,
    /// When they were last reduced.
    at: u64,
    /// When a log beyond [`GENERATIONS`] was last taken.
    log_at: Option<u64>,
    /// When something was last put off, why, and how often so far.
    delayed: Option<(u64, Delay, u64)>,
}

impl Author {
    fn pass(&mut self, allowance: u64, now_ms: u64) {
        let past = u128::from(now_ms.saturating_sub(self.at));
        self.at = self.at.max(now_ms);
        let (entries, bytes) = rate(allowance);
        self.entries = self.entries.saturating_sub(past * u128::from(entries));
        self.bytes = self.bytes.saturating_sub(past * u128::from(bytes));
    }

    fn is_forgettable(&self, now_ms: u64) -> bool {
        let past = now_ms.saturating_sub(self.at) >= RATE_PERIOD_MS;
        past && self
            .log_at
            .is_none_or(|at| at + GENERATION_PERIOD_MS <= now_ms)
    }
}

/// Entries and bytes of one author and lane that are taken in at once, and given back in a day.
pub fn rate(allowance: u64) -> (u64, u64) {
    let entries = (allowance / RATE_SHARE).max(1);
    (entries, entries.saturating_mul(RATE_ENTRY_BYTES))
}

/// What was taken in lately, by author and lane.
#[derive(Debug, Clone, Default)]
pub struct Intake {
    authors: BTreeMap<(DeviceId, Lane), Author>,
}

impl Intake {
    /// Whether an offer may go to the door now. `now_ms` is any clock of this device that does not
    /// go back.
    ///
    /// # Errors
    /// Why it is to be offered again later.
    pub fn check(&mut self, offer: &Offer, now_ms: u64) -> Result<(), Delay> {
        let Some(author) = self.authors.get_mut(&(offer.author, offer.lane)) else {
            return Ok(());
        };
        author.pass(offer.allowance, now_ms);
        let (entries, bytes) = rate(offer.allowance);
        let full = |used: u128, most: u64| used >= u128::from(most) * u128::from(RATE_PERIOD_MS);
        let delay = if full(author.entries, entries) || full(author.bytes, bytes) {
            Delay::Rate
        } else if offer.others.is_some_and(|n| n >= GENERATIONS)
            && author
                .log_at
                .is_some_and(|at| now_ms < at.saturating_add(GENERATION_PERIOD_MS))
        {
            Delay::Generations
        } else {
            return Ok(());
        };
        let count = author.delayed.map_or(0, |(.., n)| n);
        author.delayed = Some((now_ms, delay, count.saturating_add(1)));
        Err(delay)
    }

    /// Counts what the door has let in of an offer: forged offers cost their author nothing.
    pub fn took(&mut self, offer: &Offer, entries: u64, bytes: u64, now_ms: u64) {
        if self.authors.len() >= COUNTED {
            self.authors.retain(|_, a| !a.is_forgettable(now_ms));
        }
        let author = self
            .authors
            .entry((offer.author, offer.lane))
            .or_insert_with(|| Author {
                at: now_ms,
                ..Author::default()
            });
        author.pass(offer.allowance, now_ms);
        let period = u128::from(RATE_PERIOD_MS);
        author.entries += u128::from(entries) * period;
        author.bytes += u128::from(bytes) * period;
        if offer.others.is_some_and(|n| n >= GENERATIONS) {
            author.log_at = Some(now_ms);
        }
    }

    /// Authors of whom something was put off lately, why, and how many runs so far.
    pub fn delayed(&self, now_ms: u64) -> impl Iterator<Item = (DeviceId, Delay, u64)> {
        // Long enough for the slowest of those who offer it again.
        let since = now_ms.saturating_sub(2 * RETRY_MOST_MS);
        self.authors.iter().filter_map(move |((device, _), a)| {
            let (at, delay, count) = a.delayed?;
            (at >= since).then_some((*device, delay, count))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{ENTRIES_COORDINATOR, ENTRIES_VOLUNTEER};

    fn offer(author: u8, allowance: u64, others: Option<usize>) -> Offer {
        Offer {
            author: DeviceId([author; 32]),
            lane: Lane::DATA,
            allowance,
            others,
        }
    }

    /// Takes in runs of 64 entries until it is told to wait; how many entries.
    fn fill(intake: &mut Intake, offer: &Offer, bytes: u64, now: u64, most: u64) -> u64 {
        let mut taken = 0;
        while taken < most && intake.check(offer, now).is_ok() {
            intake.took(offer, 64, bytes, now);
            taken += 64;
        }
        taken
    }

    #[test]
    fn a_flood_waits_and_is_let_in_bit_by_bit() {
        let mut intake = Intake::default();
        let flood = offer(1, ENTRIES_VOLUNTEER, None);
        let first = fill(&mut intake, &flood, 64 * 500, 0, u64::MAX);
        assert!((10_000..10_064).contains(&first), "{first}");
        assert_eq!(intake.check(&flood, 0), Err(Delay::Rate));
        let told: Vec<_> = intake.delayed(0).collect();
        assert_eq!(told, [(flood.author, Delay::Rate, 2)]);
        // Others are not hindered, nor is the author's other lane.
        assert_eq!(intake.check(&offer(2, ENTRIES_VOLUNTEER, None), 0), Ok(()));
        let lane0 = Offer {
            lane: Lane::AUTHORITY,
            ..flood
        };
        assert_eq!(intake.check(&lane0, 0), Ok(()));
        // Half a day later half of it again, and all of it in the end.
        let half = RATE_PERIOD_MS / 2;
        let more = fill(&mut intake, &flood, 64 * 500, half, u64::MAX);
        assert!((4_936..5_064).contains(&more), "{more}");
        let rest = fill(&mut intake, &flood, 64 * 500, 10 * half, u64::MAX);
        assert!((9_936..10_064).contains(&rest), "{rest}");
        assert_eq!(intake.delayed(20 * half).count(), 0);
    }

    #[test]
    fn bytes_count_where_entries_are_few() {
        let mut intake = Intake::default();
        let flood = offer(1, ENTRIES_VOLUNTEER, None);
        let taken = fill(&mut intake, &flood, 240 * 1024, 0, u64::MAX);
        let bytes = taken / 64 * 240 * 1024;
        assert!((20_480_000..21_000_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn honest_bulk_is_not_hindered() {
        let mut intake = Intake::default();
        // A day's import of 100,000 rows by one coordinator, ten to a run of 10 KiB.
        let import = offer(1, ENTRIES_COORDINATOR, None);
        assert!(fill(&mut intake, &import, 64 * 1_024, 0, 100_000) >= 100_000);
        // 100,000 entries of 40 authors in one contact, after three days.
        for author in 2..42 {
            let bulk = offer(author, ENTRIES_VOLUNTEER, None);
            assert!(fill(&mut intake, &bulk, 64 * 700, 0, 2_500) >= 2_500);
        }
        assert_eq!(intake.delayed(0).count(), 0);
    }

    #[test]
    fn new_logs_beyond_sixteen_come_one_by_one() {
        let mut intake = Intake::default();
        let (mut logs, mut now) = (0, 0);
        let mut meet = |logs: &mut usize, now: u64| {
            while intake
                .check(&offer(1, ENTRIES_VOLUNTEER, Some(*logs)), now)
                .is_ok()
            {
                intake.took(&offer(1, ENTRIES_VOLUNTEER, Some(*logs)), 1, 100, now);
                *logs += 1;
            }
            // Known logs go on.
            assert_eq!(
                intake.check(&offer(1, ENTRIES_VOLUNTEER, None), now),
                Ok(())
            );
        };
        meet(&mut logs, now);
        assert_eq!(logs, GENERATIONS + 1);
        for _ in 0..5 {
            meet(&mut logs, now + GENERATION_PERIOD_MS - 1);
            now += GENERATION_PERIOD_MS;
            meet(&mut logs, now);
        }
        assert_eq!(logs, GENERATIONS + 6);
    }
}
