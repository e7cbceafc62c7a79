//! Digests of a state: sums of hashes, so that one object's change costs one object's hash and the
//! order of arrival cannot show.
//!
//! Not a proof against members who craft colliding sums; entries are proven by their chains. Equal
//! digests say that two devices which follow the rules have come to the same state.

use std::fmt;

use muster_log::ids::ObjectId;

/// Sum of hashes modulo 2^256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Sum([u64; 4]);

/// The digests of one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digests {
    /// C0 and C1: equal on any two members' devices with the same entries.
    pub state: Sum,
    /// C2, as far as this device reads it.
    pub c2: Sum,
    /// C3, as far as this device reads it.
    pub c3: Sum,
}

impl Sum {
    /// Adds a hash.
    pub fn add(&mut self, hash: &[u8; 32]) {
        let mut carry = false;
        for (limb, word) in self.0.iter_mut().zip(words(hash)) {
            let (sum, first) = limb.overflowing_add(word);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = first | second;
        }
    }

    /// Takes a hash away.
    pub fn remove(&mut self, hash: &[u8; 32]) {
        let mut borrow = false;
        for (limb, word) in self.0.iter_mut().zip(words(hash)) {
            let (rest, first) = limb.overflowing_sub(word);
            let (rest, second) = rest.overflowing_sub(u64::from(borrow));
            *limb = rest;
            borrow = first | second;
        }
    }

    /// Lower-case hex, most significant byte first.
    pub fn hex(&self) -> String {
        self.0
            .iter()
            .rev()
            .map(|limb| format!("{limb:016x}"))
            .collect()
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

/// The hash as four little-endian words.
fn words(hash: &[u8; 32]) -> impl Iterator<Item = u64> + '_ {
    hash.chunks_exact(8).map(|chunk| {
        chunk
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte))
    })
}

/// The hash of one section of one object; none when the section is empty.
pub fn section_hash(object: ObjectId, section: u8, bytes: &[u8]) -> Option<[u8; 32]> {
    if bytes.is_empty() {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"muster model section 1");
    hasher.update(&[section]);
    hasher.update(&object.0);
    hasher.update(bytes);
    Some(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_forget_the_order_and_can_be_taken_back() {
        let (a, b) = ([0xff; 32], [7; 32]);
        let (mut x, mut y) = (Sum::default(), Sum::default());
        x.add(&a);
        x.add(&b);
        y.add(&b);
        y.add(&a);
        assert_eq!(x, y);
        x.remove(&a);
        x.remove(&b);
        assert_eq!(x, Sum::default());
        assert_eq!(Sum::default().hex().len(), 64);
    }
}
