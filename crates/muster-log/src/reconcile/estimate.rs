//! About how much differs, from less than a hundred bytes.
//!
//! Each side throws a ball for each state into a row of bins and tells which bins hold an odd number:
//! balls that both throw cancel, as in the odd sketch of Mitzenmacher, Pagh and Pham (2014). A second
//! row gets one ball in 16, a third, where there are many logs, one in 256, as the strata of Eppstein
//! and others ("What's the difference?", SIGCOMM 2011). The first row that is not full tells.

use super::view::Element;

/// Bins, and one ball in how many.
const ROWS: [(u64, u64); 3] = [(384, 1), (256, 16), (128, 256)];
/// Longest estimate, in bytes.
pub(super) const MAX: usize = 96;
/// More logs than this have the third row.
const MANY: usize = 2_048;
/// A row with a larger share of bins that differ tells no more.
const FULL: f64 = 0.42;

fn rows(count: usize) -> &'static [(u64, u64)] {
    ROWS.get(..count).unwrap_or(&ROWS)
}

fn throw(elements: &[Element], count: usize) -> Vec<u8> {
    let rows = rows(count);
    let bins: u64 = rows.iter().map(|(bins, _)| bins).sum();
    let mut out = vec![0; (bins / 8) as usize];
    for element in elements {
        let dice = element.mark.dice;
        let mut start = 0;
        for (bins, one_in) in rows {
            if dice.is_multiple_of(*one_in) {
                let bin = start + (dice >> 8) % bins;
                if let Some(byte) = out.get_mut((bin / 8) as usize) {
                    *byte ^= 1 << (bin % 8);
                }
            }
            start += bins;
        }
    }
    out
}

/// What is told of what is here.
pub(super) fn of(elements: &[Element]) -> Vec<u8> {
    throw(elements, if elements.len() > MANY { 3 } else { 2 })
}

/// How many states differ, and the standard deviation of that; none where it is too many to say, or
/// where these are not bytes of an estimate.
pub(super) fn compare(elements: &[Element], theirs: &[u8]) -> Option<(f64, f64)> {
    let count = (2..=3).find(|n| {
        rows(*n).iter().map(|(bins, _)| bins / 8).sum::<u64>() as usize == theirs.len()
    })?;
    let mine = throw(elements, count);
    let mut at = 0;
    for (bins, one_in) in rows(count) {
        let len = (*bins / 8) as usize;
        let pairs = mine.iter().zip(theirs).skip(at).take(len);
        let odd: u32 = pairs.map(|(a, b)| (a ^ b).count_ones()).sum();
        at += len;
        let (bins, rate) = (*bins as f64, *one_in as f64);
        let share = f64::from(odd) / bins;
        if share <= FULL {
            let balls = -bins / 2.0 * (1.0 - 2.0 * share).ln() * rate;
            let thrown = (bins * share * (1.0 - share)).sqrt() / (1.0 - 2.0 * share) * rate;
            let sampled = balls * (rate - 1.0);
            // Collisions alone make the first row uncertain, and a few balls do not collide.
            let collided = thrown * (1.0 - (-balls / rate / bins * 4.0).exp()).sqrt();
            return Some((balls, (collided * collided + sampled).sqrt()));
        }
    }
    None
}
