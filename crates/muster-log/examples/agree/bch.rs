//! Power sums of the elements themselves, as in PinSketch and minisketch (`doc/math.md`): sets over
//! a field of 2^BITS, odd sums only, in buckets. Its size is taken from the true difference, with the
//! same reserve as the chosen way has, and the bytes of the same estimate.

use crate::world::{Cost, World, head, tell};

type Poly = Vec<u64>;

/// Arithmetic in the field of 2^BITS elements.
struct Field<const BITS: u32>;

impl<const BITS: u32> Field<BITS> {
    const MODULUS: u64 = match BITS {
        32 => 0x8d,
        48 => 0x2d,
        _ => panic!(),
    };
    const MASK: u64 = (1 << BITS) - 1;

    fn twice(a: u64) -> u64 {
        let carry = (a >> (BITS - 1) & 1) * Self::MODULUS;
        (a << 1 & Self::MASK) ^ carry
    }

    fn mul(a: u64, b: u64) -> u64 {
        // Four bits at a time.
        let mut table = [0; 16];
        table[1] = a;
        for n in 1..8 {
            table[2 * n] = Self::twice(table[n]);
            table[2 * n + 1] = table[2 * n] ^ a;
        }
        let mut out = 0;
        for nibble in (0..BITS / 4).rev() {
            for _ in 0..4 {
                out = Self::twice(out);
            }
            out ^= table[(b >> (4 * nibble) & 15) as usize];
        }
        out
    }

    fn inverse(a: u64) -> u64 {
        // a^(2^BITS - 2).
        let (mut out, mut power) = (1, a);
        for _ in 1..BITS {
            power = Self::mul(power, power);
            out = Self::mul(out, power);
        }
        out
    }

    fn monic(p: &mut Poly) {
        while p.last() == Some(&0) {
            p.pop();
        }
        if let Some(lead) = p.last().copied() {
            let by = Self::inverse(lead);
            p.iter_mut().for_each(|c| *c = Self::mul(*c, by));
        }
    }

    fn divide(p: &mut Poly, by: &[u64]) -> Poly {
        let mut quotient = vec![0; (p.len() + 1).saturating_sub(by.len())];
        while p.len() >= by.len() {
            let lead = p.pop().unwrap();
            let shift = p.len() + 1 - by.len();
            quotient[shift] = lead;
            for (c, b) in p[shift..].iter_mut().zip(by) {
                *c ^= Self::mul(lead, *b);
            }
        }
        while p.last() == Some(&0) {
            p.pop();
        }
        quotient
    }

    fn common(mut a: Poly, mut b: Poly) -> Poly {
        Self::monic(&mut b);
        while !b.is_empty() {
            Self::divide(&mut a, &b);
            std::mem::swap(&mut a, &mut b);
            Self::monic(&mut b);
        }
        Self::monic(&mut a);
        a
    }

    /// Berlekamp and Massey; every second step is nothing in characteristic two.
    fn recurrence(sums: &[u64]) -> Poly {
        let (mut now, mut before): (Poly, Poly) = (vec![1], vec![1]);
        let (mut length, mut since, mut last) = (0, 1, 1);
        for at in 0..sums.len() {
            let wrong = now
                .iter()
                .zip(sums[..=at].iter().rev())
                .fold(0, |sum, (c, s)| sum ^ Self::mul(*c, *s));
            if wrong == 0 {
                since += 1;
                continue;
            }
            let factor = Self::mul(wrong, Self::inverse(last));
            let kept = now.clone();
            now.resize(now.len().max(before.len() + since), 0);
            for (c, b) in now[since..].iter_mut().zip(&before) {
                *c ^= Self::mul(factor, *b);
            }
            if 2 * length <= at {
                length = at + 1 - length;
                (before, last, since) = (kept, wrong, 1);
            } else {
                since += 1;
            }
        }
        now.truncate(length + 1);
        now
    }

    fn roots(mut p: Poly, out: &mut Vec<u64>, mut dice: u64) {
        Self::monic(&mut p);
        // A polynomial that has not all its roots is given up.
        for _ in 0..64 {
            if p.len() <= 2 {
                break;
            }
            dice = Self::mul(dice, 0x1234_5677) ^ 1;
            // The trace of dice * x.
            let mut power: Poly = vec![0, dice];
            Self::divide(&mut power, &p);
            let mut trace = vec![0; p.len()];
            for _ in 0..BITS {
                trace.iter_mut().zip(&power).for_each(|(t, c)| *t ^= c);
                power = power.iter().flat_map(|c| [Self::mul(*c, *c), 0]).collect();
                Self::divide(&mut power, &p);
            }
            let half = Self::common(p.clone(), trace);
            if half.len() > 1 && half.len() < p.len() {
                let mut rest = p;
                p = Self::divide(&mut rest, &half);
                Self::roots(half, out, dice);
            }
        }
        if let [root, _] = p[..] {
            out.push(root);
        }
    }
}

pub fn agree<const BITS: u32>(world: &World) -> Cost {
    let states = 2.0 * world.differ as f64;
    let most = states * 1.2 + 4.0;
    let buckets = (most / 64.0).ceil().max(1.0);
    let mean = most / buckets;
    let spread = if buckets > 1.0 {
        3.0 * mean.sqrt()
    } else {
        0.0
    };
    let (buckets, each) = (buckets as u64, (mean + spread).ceil() as usize);
    let mut failed = 0;
    let mut cost = Cost::of(|cost| {
        let mut sums = vec![vec![0u64; each]; buckets as usize];
        let mut true_count = 0;
        for (log, count) in world.sides.iter().flatten() {
            let hash = blake3::keyed_hash(&[5; 32], &head(log, *count).0);
            let hash = u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap());
            let symbol = (hash & Field::<BITS>::MASK).max(1);
            let square = Field::<BITS>::mul(symbol, symbol);
            let mut power = symbol;
            for sum in &mut sums[(hash >> 48) as usize % buckets as usize] {
                *sum ^= power;
                power = Field::<BITS>::mul(power, square);
            }
            true_count += 1;
        }
        assert!(true_count > 0);
        cost.say(97 + 36);
        cost.say(8 + sums.len() * each * BITS as usize / 8);
        for odd in &sums {
            // S(2k) = S(k)^2.
            let mut all = vec![0; 2 * each];
            for n in 0..all.len() {
                all[n] = match n % 2 {
                    0 => odd[n / 2],
                    _ => Field::<BITS>::mul(all[n / 2], all[n / 2]),
                };
            }
            let recurrence = Field::<BITS>::recurrence(&all);
            let mut roots = Vec::new();
            let degree = recurrence.len() - 1;
            Field::<BITS>::roots(recurrence.into_iter().rev().collect(), &mut roots, 3);
            failed += u64::from(roots.len() != degree || degree > each);
        }
        tell(cost, world);
    });
    cost.missed = failed;
    cost
}
