//! The side that finds out what differs: by sums, or, where they tell nothing, by naming everything.

use std::collections::BTreeSet;

use crate::{codec::Bytes, ids::Seq};

use super::{
    answer::SHARED,
    estimate,
    field::Field,
    sums::{self, Difference, sums_for},
    talk::{Finding, HashAt, Parts, Theirs},
    tell::{Ahead, Here, MAX_BUCKETS, MAX_EACH, Place, Sketch},
    view::{Element, Mark, State, View},
};

/// Differences in a bucket, on average: more cost time, fewer cost bytes for their spread.
const MEAN: f64 = 64.0;
/// So many go into one bucket.
const ONE_BUCKET: f64 = 80.0;
/// With more logs in a bucket too many share a place.
const CROWD: u64 = 1 << 14;
/// Beginnings of one log that are compared with a symbol, at most.
const TRIES: usize = 128;
/// The same of all logs together: one in 65,536 is found by mistake, and told apart by the other side.
const ALL_TRIES: usize = 1 << 15;
/// About what it costs to name a log, and to tell a difference by sums and name it, in bytes.
const NAMED: f64 = 10.0;
const TOLD: f64 = 14.0;

/// Buckets, and differences that each can tell; none where naming all logs is cheaper, or all there
/// is to do. `about` is how many states differ and how sure that is.
pub(super) fn plan(about: Option<(f64, f64)>, mine: u64, theirs: u64) -> Option<(u16, usize)> {
    let (states, spread) = about?;
    // A log that both have counts as two states, a log that one side has as one.
    let differ = (states + mine.abs_diff(theirs) as f64) / 2.0;
    if mine as f64 * NAMED < differ * TOLD {
        return None;
    }
    let most = differ + spread + 2.0;
    let crowd = (mine.max(theirs) / CROWD) as f64;
    if most <= ONE_BUCKET && crowd < 1.0 {
        return Some((1, (most.ceil() as usize).min(MAX_EACH)));
    }
    let buckets = (most / MEAN).ceil().max(crowd + 1.0);
    if differ > MEAN * f64::from(MAX_BUCKETS) {
        return None;
    }
    let buckets = buckets.min(f64::from(MAX_BUCKETS));
    let mean = most / buckets;
    let each = (mean + 3.0 * mean.sqrt() + 2.0).ceil() as usize;
    Some((buckets as u16, each.min(MAX_EACH)))
}

pub(super) fn sketch(view: &mut View, buckets: u16, each: usize, first: bool) -> Sketch {
    view.cut(buckets);
    let sums = view.sums(sums_for(each));
    let bytes: Vec<u8> = sums.iter().flat_map(|s| s.to_le_bytes()).collect();
    let estimate = if first {
        estimate::of(view.elements())
    } else {
        Vec::new()
    };
    Sketch {
        logs: view.len() as u64,
        // Both are within their limits by how they are measured.
        estimate: Bytes::try_from(estimate).unwrap_or_default(),
        buckets,
        sums: Bytes::try_from(bytes).unwrap_or_default(),
    }
}

/// What differs in each bucket; none where the sums do not tell. The view is cut as the sketch is.
pub(super) fn differences(view: &View, theirs: &Sketch) -> Vec<Option<Vec<Difference>>> {
    let field = Field::get();
    let each = theirs.sums.len() / 2 / usize::from(theirs.buckets).max(1);
    if each == 0 {
        return vec![None; usize::from(theirs.buckets)];
    }
    let mut sums = view.sums(each);
    for (sum, bytes) in sums.iter_mut().zip(theirs.sums.chunks_exact(2)) {
        *sum ^= bytes.iter().rev().fold(0, |n, b| n << 8 | u16::from(*b));
    }
    sums.chunks(each).map(|s| sums::decode(field, s)).collect()
}

/// What is told, what is known already, and what waits for the answer.
pub(super) struct Told {
    pub parts: Parts,
    pub findings: Vec<Finding>,
    /// Places of which the other side has more, if it does not say otherwise.
    pub open: BTreeSet<Place>,
}

pub(super) fn tell(view: &View, found: &[Option<Vec<Difference>>], hash_at: HashAt<'_>) -> Told {
    let mut told = Told {
        parts: Parts::new(view.buckets()),
        findings: Vec::new(),
        open: BTreeSet::new(),
    };
    let count: usize = found.iter().flatten().map(Vec::len).sum();
    let tries = (ALL_TRIES / count.max(1)).min(TRIES);
    for (bucket, differences) in found.iter().enumerate() {
        let bucket = bucket as u8;
        match differences {
            None => told.name_all(view, bucket),
            Some(differences) => {
                for difference in differences {
                    told.name(view, bucket, difference, tries, hash_at);
                }
            }
        }
    }
    told
}

impl Told {
    fn name_all(&mut self, view: &View, bucket: u8) {
        self.parts.whole(bucket);
        let together = |a: &Element, b: &Element| view.place(a) == view.place(b);
        for logs in view.bucket(bucket).chunk_by(together) {
            let Some(first) = logs.first() else { continue };
            self.as_it_is(view.place(first), logs);
        }
    }

    /// Names what is here at a place, all of it.
    fn as_it_is(&mut self, place: Place, logs: &[Element]) {
        let all: Option<Vec<Here>> = logs.iter().map(|e| here(place, e)).collect();
        match all {
            Some(all) if all.len() <= SHARED => all.into_iter().for_each(|h| self.parts.here(h)),
            _ => self.parts.odd(place, logs.iter().map(|e| e.log)),
        }
    }

    fn name(
        &mut self,
        view: &View,
        bucket: u8,
        difference: &Difference,
        tries: usize,
        hash_at: HashAt<'_>,
    ) {
        let place = Place::new(bucket, difference.place);
        let logs = view.at(place);
        if logs.is_empty() {
            return self.parts.none(place);
        }
        // Where logs share a place, each may be the one that differs.
        let guesses = logs.iter().filter_map(|element| {
            let wanted = difference.value ^ element.mark.value;
            let (theirs, check) = guess(view, element, wanted, tries, hash_at)?;
            let log = element.log;
            Some((Finding { log, theirs }, check))
        });
        let guesses: Vec<_> = guesses.collect();
        if let [(finding, check)] = guesses[..] {
            self.parts.ahead(Ahead { place, check });
            self.findings.push(finding);
            return;
        }
        self.as_it_is(place, logs);
        if let [element] = logs
            && here(place, element).is_some()
        {
            self.open.insert(place);
        }
    }
}

/// What is here of a plain log.
pub(super) fn here(place: Place, element: &Element) -> Option<Here> {
    let short = element.mark.short;
    match element.state {
        State::Plain { count, .. } => Some(Here {
            place,
            count,
            short,
        }),
        State::Other(_) => None,
    }
}

/// Looks for the state over there among the beginnings of the log here.
fn guess(
    view: &View,
    element: &Element,
    wanted: u16,
    tries: usize,
    hash_at: HashAt<'_>,
) -> Option<(Theirs, [u8; 2])> {
    let State::Plain { count, .. } = element.state else {
        return None;
    };
    if wanted == Mark::NOTHING.value {
        return Some((Theirs::Nothing, Mark::NOTHING.check));
    }
    for shorter in (1..count).rev().take(tries) {
        let head = hash_at(&element.log, Seq(shorter - 1))?;
        let mark = view.key.mark(&State::Plain {
            count: shorter,
            head,
        });
        if mark.value == wanted {
            return Some((Theirs::Upto(shorter), mark.check));
        }
    }
    None
}
