//! Arithmetic in the field of 65,536 elements, by tables of logarithms.
//!
//! It finds differences between two sets and protects nothing: nothing here is cryptography, and
//! nothing here takes constant time.

use std::sync::LazyLock;

/// `x^16 + x^12 + x^3 + x + 1`, which is primitive: the powers of `x` are all elements but zero.
const MODULUS: u32 = 0x1_100b;
/// How many elements are not zero.
pub(super) const ORDER: u32 = 65_535;
/// Room for the sum of two logarithms, as a power of two.
const POWERS: usize = 1 << 17;

struct Tables {
    /// `x^n`, twice in a row, so that a sum of two logarithms needs no reduction.
    power: Vec<u16>,
    log: Vec<u16>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut power = vec![0; POWERS];
    let mut log = vec![0; 1 << 16];
    let mut value: u32 = 1;
    for (n, slot) in power.iter_mut().enumerate() {
        *slot = value as u16;
        if n < ORDER as usize {
            log[value as usize] = n as u16;
        }
        value <<= 1;
        if value > u32::from(u16::MAX) {
            value ^= MODULUS;
        }
    }
    Tables { power, log }
});

/// The field, with its tables at hand.
#[derive(Clone, Copy)]
pub(super) struct Field(&'static Tables);

impl Field {
    pub(super) fn get() -> Self {
        Self(&TABLES)
    }

    /// `x^n`, for any `n` that two logarithms add up to.
    pub(super) fn power(self, n: u32) -> u16 {
        self.0.power[n as usize % POWERS]
    }

    /// The logarithm of an element that is not zero.
    pub(super) fn log(self, of: u16) -> u32 {
        u32::from(self.0.log[usize::from(of)])
    }

    pub(super) fn mul(self, a: u16, b: u16) -> u16 {
        if a == 0 || b == 0 {
            return 0;
        }
        self.power(self.log(a) + self.log(b))
    }

    /// `a / b`; zero where `b` is.
    pub(super) fn div(self, a: u16, b: u16) -> u16 {
        if a == 0 || b == 0 {
            return 0;
        }
        self.power(self.log(a) + ORDER - self.log(b))
    }

    pub(super) fn square(self, a: u16) -> u16 {
        self.mul(a, a)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the book: shift, add, reduce.
    fn slow(a: u16, b: u16) -> u16 {
        let mut out = 0u32;
        for bit in 0..16 {
            if b >> bit & 1 == 1 {
                out ^= u32::from(a) << bit;
            }
        }
        for bit in (16..32).rev() {
            if out >> bit & 1 == 1 {
                out ^= MODULUS << (bit - 16);
            }
        }
        out as u16
    }

    #[test]
    fn tables_agree_with_arithmetic_by_the_book() {
        let field = Field::get();
        let mut a = 1u16;
        for n in 0..200_000u32 {
            a = a.wrapping_mul(25_173).wrapping_add(13_849);
            let b = (n.wrapping_mul(40_503) >> 7) as u16;
            let product = field.mul(a, b);
            assert_eq!(product, slow(a, b), "{a} * {b}");
            if b != 0 {
                assert_eq!(field.div(product, b), a);
            }
        }
    }

    #[test]
    fn every_element_but_zero_is_a_power_of_x() {
        let field = Field::get();
        let mut seen = vec![false; 1 << 16];
        (0..ORDER).for_each(|n| seen[usize::from(field.power(n))] = true);
        assert!(!seen[0] && seen[1..].iter().all(|s| *s));
        assert_eq!(field.power(ORDER), 1);
    }
}
