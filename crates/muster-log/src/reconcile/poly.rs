//! Polynomials over the field of 65,536 elements: division, common divisors, roots.
//!
//! Roots are found by Berlekamp's trace algorithm ("Factoring polynomials over large finite
//! fields", 1970; the use of it for sketches is minisketch's, `doc/math.md`): the trace of `b x` is
//! 0 for one half of the field's elements and 1 for the other, so its common divisor with a
//! polynomial holds about half of the roots. With the sixteen `b` of a basis no two roots stay
//! together. The work is bounded by the degree, whatever the coefficients are.

use super::field::Field;

/// Coefficients, the constant one first. The last one is not zero; the empty list is zero.
pub(super) type Poly = Vec<u16>;

fn trim(p: &mut Poly) {
    while p.last() == Some(&0) {
        p.pop();
    }
}

fn monic(field: Field, p: &mut Poly) {
    if let Some(lead) = p.last().copied() {
        p.iter_mut().for_each(|c| *c = field.div(*c, lead));
    }
}

pub(super) fn eval(field: Field, p: &[u16], at: u16) -> u16 {
    let step = |sum, c: &u16| field.mul(sum, at) ^ c;
    p.iter().rev().fold(0, step)
}

/// The derivative: in characteristic two only odd powers leave anything.
pub(super) fn derivative(p: &[u16]) -> Poly {
    let coefficient = |(n, c): (usize, &u16)| if n % 2 == 1 { *c } else { 0 };
    let mut out: Poly = p.iter().enumerate().skip(1).map(coefficient).collect();
    trim(&mut out);
    out
}

/// Divides by a monic `by`, which leaves the remainder; gives the quotient.
fn divide(field: Field, p: &mut Poly, by: &[u16]) -> Poly {
    let Some((_, lower)) = by.split_last() else {
        return Poly::new();
    };
    let mut quotient = vec![0; (p.len() + 1).saturating_sub(by.len())];
    while p.len() >= by.len() {
        let Some(lead) = p.pop() else { break };
        let shift = p.len() - lower.len();
        if let Some(slot) = quotient.get_mut(shift) {
            *slot = lead;
        }
        if lead == 0 {
            continue;
        }
        let log = field.log(lead);
        for (c, b) in p.iter_mut().skip(shift).zip(lower) {
            if *b != 0 {
                *c ^= field.power(log + field.log(*b));
            }
        }
    }
    trim(p);
    quotient
}

/// The monic greatest common divisor.
fn common(field: Field, mut a: Poly, mut b: Poly) -> Poly {
    monic(field, &mut b);
    while !b.is_empty() {
        divide(field, &mut a, &b);
        std::mem::swap(&mut a, &mut b);
        monic(field, &mut b);
    }
    monic(field, &mut a);
    a
}

/// The traces of `x^k x` modulo `p`, for `k` from 0 to 15: a basis. None where `p` has a root twice
/// or one outside of the field, in which case `x^65536` is not `x` modulo `p`.
fn traces(field: Field, p: &[u16]) -> Option<Vec<Poly>> {
    let mut out = vec![Poly::new(); 16];
    let mut power: Poly = vec![0, 1];
    divide(field, &mut power, p);
    let first = power.clone();
    for i in 0..16 {
        for (k, trace) in out.iter_mut().enumerate() {
            // (x^k)^(2^i), and the coefficients that go with it.
            let log = ((k as u32) << i) % super::field::ORDER;
            trace.resize(trace.len().max(power.len()), 0);
            for (sum, c) in trace.iter_mut().zip(&power) {
                *sum ^= field.mul(*c, field.power(log));
            }
        }
        let squares = power.iter().flat_map(|c| [field.square(*c), 0]);
        power = squares.collect();
        trim(&mut power);
        divide(field, &mut power, p);
    }
    out.iter_mut().for_each(trim);
    (power == first).then_some(out)
}

/// The roots of a polynomial that has as many different ones as its degree says; else nothing.
pub(super) fn roots(field: Field, mut p: Poly) -> Option<Vec<u16>> {
    trim(&mut p);
    monic(field, &mut p);
    if p.len() < 2 {
        return (p.len() == 1).then(Vec::new);
    }
    let traces = traces(field, &p)?;
    let mut out = Vec::with_capacity(p.len());
    let mut todo = vec![(p, 0)];
    while let Some((factor, k)) = todo.pop() {
        if let [root, _] = factor[..] {
            out.push(root);
            continue;
        }
        let mut trace = traces.get(k)?.clone();
        divide(field, &mut trace, &factor);
        let half = common(field, factor.clone(), trace);
        if half.len() == factor.len() || half.len() < 2 {
            todo.push((factor, k + 1));
            continue;
        }
        let mut rest = factor;
        let other = divide(field, &mut rest, &half);
        todo.push((half, k + 1));
        todo.push((other, k + 1));
    }
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn product(field: Field, roots: &[u16]) -> Poly {
        roots.iter().fold(vec![1], |p, root| {
            let mut out = vec![0; p.len() + 1];
            for (n, c) in p.iter().enumerate() {
                out[n + 1] ^= c;
                out[n] ^= field.mul(*c, *root);
            }
            out
        })
    }

    #[test]
    fn roots_are_found_and_nothing_else_is() {
        let field = Field::get();
        for degree in [0usize, 1, 2, 3, 7, 16, 40, 96] {
            let wanted: Vec<u16> = (0..degree).map(|n| field.power(n as u32 * 601)).collect();
            let mut found = roots(field, product(field, &wanted)).unwrap();
            found.sort_unstable();
            let mut wanted = wanted;
            wanted.sort_unstable();
            assert_eq!(found, wanted);
        }
        // One root twice; and a polynomial whose roots lie in a larger field.
        assert_eq!(roots(field, product(field, &[5, 9, 5])), None);
        let outside = (1..=u16::MAX).map(|c| vec![c, 1, 1]);
        let with = outside
            .clone()
            .filter(|p| roots(field, p.clone()).is_some());
        let half = with.count();
        assert_eq!(half, 32_767, "of x^2 + x + c half have roots");
        assert_eq!(
            roots(field, Poly::new()),
            None,
            "everything is a root of zero"
        );
        assert_eq!(derivative(&[7, 6, 5, 4]), [6, 0, 4]);
        assert_eq!(eval(field, &product(field, &[3, 4]), 4), 0);
    }
}
