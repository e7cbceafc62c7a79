//! Weighted power sums: a sketch of a sparse table, from which the places where two tables differ
//! are computed, and by how much.
//!
//! A table has a value at each of 65,535 places, mostly 0. Its sketch is `S(j)`, the sum over all
//! places `x` of `value(x) * x^j`, for `j` from 0 on. The exclusive or of two sketches is that of the
//! two tables' difference: `t` places that differ come out of `2t` sums, whatever else is there.
//! These are the syndromes of a Reed-Solomon code. Decoding is the classic one: Berlekamp and Massey
//! ("Shift-register synthesis and BCH decoding", 1969) for the shortest recurrence, whose
//! polynomial has the places as roots; Forney ("On decoding BCH codes", 1965) for the values.
//! PinSketch (Dodis, Ostrovsky, Reyzin, Smith, 2008) and minisketch do it with sets, where a value is
//! 1 or 0; with values, a log that grew is one difference and not two, and says what is over there.
//!
//! Two sums more than needed stand for a check: where more differs than the sketch can tell, a wrong
//! answer passes about once in 2^32. Whoever uses it must survive that.

use super::{
    field::{Field, ORDER},
    poly::{self, Poly},
};

/// Sums beyond two for each difference.
pub(super) const CHECK: usize = 2;

/// A place that differs, and the exclusive or of both values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Difference {
    pub place: u16,
    pub value: u16,
}

/// How many sums tell so many differences.
pub(super) const fn sums_for(differences: usize) -> usize {
    2 * differences + CHECK
}

/// Adds a value at a place to a sketch. Neither may be 0, which would add nothing that can be told.
pub(super) fn add(field: Field, sums: &mut [u16], place: u16, value: u16) {
    let step = field.log(place);
    let mut at = field.log(value);
    for sum in sums {
        *sum ^= field.power(at);
        at += step;
        if at >= ORDER {
            at -= ORDER;
        }
    }
}

/// The differences behind the exclusive or of two sketches; none where it holds too many.
pub(super) fn decode(field: Field, sums: &[u16]) -> Option<Vec<Difference>> {
    if sums.iter().all(|s| *s == 0) {
        return Some(Vec::new());
    }
    let most = sums.len().saturating_sub(CHECK) / 2;
    let recurrence = shortest(field, sums, most)?;
    let count = recurrence.len() - 1;
    // Its roots are the inverses of the places: read backwards, the places themselves.
    let backwards: Poly = recurrence.iter().rev().copied().collect();
    let places = poly::roots(field, backwards)?;
    let mut product = vec![0; count];
    for (n, c) in recurrence.iter().enumerate() {
        for (slot, s) in product.iter_mut().skip(n).zip(sums) {
            *slot ^= field.mul(*c, *s);
        }
    }
    let slope = poly::derivative(&recurrence);
    let mut out = Vec::with_capacity(count);
    for place in places {
        let inverse = field.div(1, place);
        let above = field.mul(place, poly::eval(field, &product, inverse));
        let value = field.div(above, poly::eval(field, &slope, inverse));
        if place == 0 || value == 0 {
            return None;
        }
        out.push(Difference { place, value });
    }
    Some(out)
}

/// The shortest recurrence that all sums follow, as a polynomial with constant coefficient 1; none
/// where it is longer than `most`.
fn shortest(field: Field, sums: &[u16], most: usize) -> Option<Poly> {
    let mut now: Poly = vec![1];
    let mut before: Poly = vec![1];
    let (mut length, mut since, mut last) = (0usize, 1usize, 1u16);
    for at in 0..sums.len() {
        let past = sums.get(..=at).unwrap_or_default().iter().rev();
        let terms = now.iter().zip(past).map(|(c, s)| field.mul(*c, *s));
        let wrong = terms.fold(0, |sum, term| sum ^ term);
        if wrong == 0 {
            since += 1;
            continue;
        }
        let factor = field.div(wrong, last);
        let kept = (2 * length <= at).then(|| now.clone());
        now.resize(now.len().max(before.len() + since), 0);
        for (c, b) in now.iter_mut().skip(since).zip(&before) {
            *c ^= field.mul(*b, factor);
        }
        match kept {
            None => since += 1,
            Some(kept) => {
                length = at + 1 - length;
                if length > most {
                    return None;
                }
                (before, last, since) = (kept, wrong, 1);
            }
        }
    }
    while now.last() == Some(&0) {
        now.pop();
    }
    (now.len() == length + 1).then_some(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn sketch(table: &BTreeMap<u16, u16>, len: usize) -> Vec<u16> {
        let mut sums = vec![0; len];
        for (place, value) in table {
            add(Field::get(), &mut sums, *place, *value);
        }
        sums
    }

    fn table(most: usize) -> impl Strategy<Value = BTreeMap<u16, u16>> {
        proptest::collection::btree_map(1..=u16::MAX, 1..=u16::MAX, 0..most)
    }

    proptest! {
        #[test]
        fn what_fits_is_told_and_what_does_not_is_not(
            shared in table(50), one in table(24), two in table(24), room in 0..40usize,
        ) {
            let mut a = shared.clone();
            a.extend(one);
            let mut b = shared;
            b.extend(two);
            let keys: std::collections::BTreeSet<u16> = a.keys().chain(b.keys()).copied().collect();
            let at = |t: &BTreeMap<u16, u16>, k| t.get(k).copied().unwrap_or(0);
            let wanted: Vec<Difference> = keys
                .iter()
                .map(|k| Difference { place: *k, value: at(&a, k) ^ at(&b, k) })
                .filter(|d| d.value != 0)
                .collect();
            let len = sums_for(room);
            let both: Vec<u16> =
                sketch(&a, len).iter().zip(sketch(&b, len)).map(|(x, y)| x ^ y).collect();
            let mut found = decode(Field::get(), &both);
            if let Some(found) = &mut found {
                found.sort_unstable();
            }
            prop_assert_eq!(found, (wanted.len() <= room).then_some(wanted));
        }

        #[test]
        fn noise_is_decoded_to_what_makes_it_or_not_at_all(
            noise in proptest::collection::vec(any::<u16>(), 0..80),
        ) {
            if let Some(found) = decode(Field::get(), &noise) {
                let table = found.iter().map(|d| (d.place, d.value)).collect();
                prop_assert_eq!(sketch(&table, noise.len()), noise);
            }
        }
    }
}
