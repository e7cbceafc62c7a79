//! How the index hashes its keys, seals its values, and weighs them for the sum.
//!
//! Nothing here calls sled.

use crate::bytes::{Fields, len32};
use crate::journal::Position;
use crate::keys::StorageKey;
use crate::seal::{NONCE_LEN, Sealer, Secret, TAG_LEN};

/// The longest key.
pub const MAX_KEY: usize = 4 * 1024;
/// The longest value (and marker meta).
pub const MAX_VALUE: usize = 64 * 1024 * 1024;

const HASH_LEN: usize = 16;
const STATE_VERSION: u8 = 1;

/// A key and its value.
pub(crate) type Stored = (Vec<u8>, Vec<u8>);

/// What a checkpoint stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The journal up to here is in the index.
    pub position: Position,
    /// The version of what the caller stores; another one at opening means a rebuild.
    pub schema: u32,
    /// Whatever the caller needs at once at the next start.
    pub meta: Vec<u8>,
}

/// The marker with the count and sum that vouch for everything stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) marker: Option<Marker>,
    pub(crate) count: u64,
    sum: [u64; 4],
}

impl State {
    /// Adds an entry's weight, modulo 2^256.
    pub(crate) fn add(&mut self, weight: [u64; 4]) {
        self.count = self.count.wrapping_add(1);
        let mut carry = false;
        for (digit, more) in self.sum.iter_mut().zip(weight) {
            let (with, over) = digit.overflowing_add(more);
            let (with, over_too) = with.overflowing_add(u64::from(carry));
            *digit = with;
            carry = over || over_too;
        }
    }

    /// Takes it away again.
    pub(crate) fn take(&mut self, weight: [u64; 4]) {
        self.count = self.count.wrapping_sub(1);
        let mut borrow = false;
        for (digit, less) in self.sum.iter_mut().zip(weight) {
            let (without, under) = digit.overflowing_sub(less);
            let (without, under_too) = without.overflowing_sub(u64::from(borrow));
            *digit = without;
            borrow = under || under_too;
        }
    }

    pub(crate) fn same_content(&self, other: &Self) -> bool {
        self.count == other.count && self.sum == other.sum
    }
}

/// What one life of the index is sealed with beside the storage key.
pub(crate) type Salt = Secret;

/// The keys of the index, each for one purpose.
#[derive(Clone)]
pub(crate) struct Codec {
    hash_key: Secret,
    nonce_key: Secret,
    weight_key: Secret,
    sealer: Sealer,
}

impl Codec {
    /// Under this key the marker lies.
    pub(crate) const MARKER_KEY: &'static [u8] = &[0];

    /// The keys of one life of the index: without its salt nothing of it opens, whatever the disk
    /// keeps.
    pub(crate) fn new(key: &StorageKey, salt: &Salt) -> Self {
        let root = key.derive("muster-store 2026 index root");
        let root: Secret = Secret::new(*blake3::keyed_hash(&root, &**salt).as_bytes());
        let derive = |purpose| Secret::new(blake3::derive_key(purpose, &*root));
        Self {
            hash_key: derive("muster-store 2026 index key hashes"),
            nonce_key: derive("muster-store 2026 index nonces"),
            weight_key: derive("muster-store 2026 index sum"),
            sealer: Sealer::new(&derive("muster-store 2026 index values")),
        }
    }

    pub(crate) fn table_prefix(table: u8) -> [u8; 2] {
        [1, table]
    }

    /// What stands in sled for a key: its table, and a keyed hash.
    pub(crate) fn hashed(&self, table: u8, key: &[u8]) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new_keyed(&self.hash_key);
        hasher.update(&[table]);
        hasher.update(key);
        let mut out = Self::table_prefix(table).to_vec();
        let hash = hasher.finalize();
        out.extend(hash.as_bytes().iter().take(HASH_LEN));
        out
    }

    /// Nonce, then what is sealed. The nonce is a keyed hash of place and content: it repeats
    /// only where the same content is sealed in the same place again.
    fn seal(&self, place: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new_keyed(&self.nonce_key);
        hasher.update(&len32(place).to_le_bytes());
        hasher.update(place);
        hasher.update(plain);
        let mut nonce = [0; NONCE_LEN];
        hasher.finalize_xof().fill(&mut nonce);
        let mut out = Vec::with_capacity(NONCE_LEN + plain.len() + TAG_LEN);
        out.extend_from_slice(&nonce);
        self.sealer.seal_onto(nonce, place, plain, &mut out);
        out
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut fields = Fields::new(sealed);
        let nonce = fields.array()?;
        self.sealer.open(nonce, place, fields.rest())
    }

    pub(crate) fn seal_entry(&self, hashed: &[u8], key: &[u8], value: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(4 + key.len() + value.len());
        plain.extend_from_slice(&len32(key).to_le_bytes());
        plain.extend_from_slice(key);
        plain.extend_from_slice(value);
        self.seal(hashed, &plain)
    }

    pub(crate) fn open_entry(&self, hashed: &[u8], sealed: &[u8]) -> Option<Stored> {
        let plain = self.open(hashed, sealed)?;
        let mut fields = Fields::new(&plain);
        let len = fields.u32()?;
        let key = fields.take(usize::try_from(len).ok()?)?.to_vec();
        Some((key, fields.rest().to_vec()))
    }

    /// An entry's share in the sum, over the bytes as stored: no seal needs opening to check it.
    pub(crate) fn weigh(&self, hashed: &[u8], sealed: &[u8]) -> [u64; 4] {
        let mut hasher = blake3::Hasher::new_keyed(&self.weight_key);
        hasher.update(&len32(hashed).to_le_bytes());
        hasher.update(hashed);
        hasher.update(sealed);
        let hash = hasher.finalize();
        let mut fields = Fields::new(hash.as_bytes());
        [(); 4].map(|()| fields.u64().unwrap_or_default())
    }

    pub(crate) fn seal_state(&self, state: &State) -> Vec<u8> {
        let mut plain = vec![STATE_VERSION];
        plain.extend_from_slice(&state.count.to_le_bytes());
        for digit in state.sum {
            plain.extend_from_slice(&digit.to_le_bytes());
        }
        if let Some(marker) = &state.marker {
            plain.extend_from_slice(&marker.schema.to_le_bytes());
            plain.extend_from_slice(&marker.position.to_bytes());
            plain.extend_from_slice(&marker.meta);
        }
        self.seal(Self::MARKER_KEY, &plain)
    }

    pub(crate) fn open_state(&self, sealed: &[u8]) -> Option<State> {
        let plain = self.open(Self::MARKER_KEY, sealed)?;
        let mut fields = Fields::new(&plain);
        if fields.u8()? != STATE_VERSION {
            return None;
        }
        let count = fields.u64()?;
        let sum = [fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?];
        let marker = Marker {
            schema: fields.u32()?,
            position: Position::from_bytes(fields.array()?),
            meta: fields.rest().to_vec(),
        };
        Some(State {
            marker: Some(marker),
            count,
            sum,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::State;

    #[test]
    fn the_sum_is_a_sum_modulo_2_to_256() {
        let (mut state, empty) = (State::default(), State::default());
        let weights = [
            [u64::MAX; 4],
            [1, 0, 0, 0],
            [u64::MAX, 0, 7, 9],
            [5, 5, 5, u64::MAX],
        ];
        for weight in weights {
            state.add(weight);
        }
        assert_eq!(state.sum, [4, 6, 12, 8]);
        for weight in weights {
            state.take(weight);
        }
        assert!(state.same_content(&empty));
    }
}
