//! The bytes of a wrapped storage key.
//!
//! Layout only; wrapping and unwrapping are in the parent.

use super::{Method, PassphraseCost};
use crate::bytes::Fields;
use crate::seal::{NONCE_LEN, TAG_LEN};

const MAGIC: &[u8; 4] = b"MSWK";
const VERSION: u8 = 1;
pub(super) const SALT_LEN: usize = 16;
pub(super) const SEALED_LEN: usize = 32 + TAG_LEN;

/// A storage key wrapped, as it lies on disk.
pub(super) struct Wrapped {
    pub(super) method: Method,
    pub(super) cost: PassphraseCost,
    pub(super) salt: [u8; SALT_LEN],
    pub(super) nonce: [u8; NONCE_LEN],
    pub(super) sealed: [u8; SEALED_LEN],
}

impl Wrapped {
    /// All but the sealed key and the checksum: also what is authenticated with it.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        out.push(match self.method {
            Method::Passphrase => 1,
            Method::KeyFile => 2,
            Method::DefaultKeyFile => 3,
        });
        out.extend_from_slice(&[0, 0]);
        for cost in [self.cost.memory_kib, self.cost.passes, self.cost.lanes] {
            out.extend_from_slice(&cost.to_le_bytes());
        }
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.nonce);
        out
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = self.head();
        out.extend_from_slice(&self.sealed);
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let short = "its length is wrong";
        let (body, crc) = bytes
            .split_at_checked(bytes.len().saturating_sub(4))
            .ok_or(short)?;
        if Fields::new(crc).u32() != Some(crc32fast::hash(body)) {
            return Err("its checksum does not match");
        }
        let mut fields = Fields::new(body);
        if fields.take(4) != Some(MAGIC) {
            return Err("it does not begin like a wrapped key");
        }
        if fields.u8() != Some(VERSION) {
            return Err("its version is not known here");
        }
        let method = match fields.u8() {
            Some(1) => Method::Passphrase,
            Some(2) => Method::KeyFile,
            Some(3) => Method::DefaultKeyFile,
            _ => return Err("its method is not known here"),
        };
        if fields.u16() != Some(0) {
            return Err("its reserved bytes are not zero");
        }
        let (memory_kib, passes, lanes) = (
            fields.u32().ok_or(short)?,
            fields.u32().ok_or(short)?,
            fields.u32().ok_or(short)?,
        );
        let wrapped = Self {
            method,
            cost: PassphraseCost {
                memory_kib,
                passes,
                lanes,
            },
            salt: fields.array().ok_or(short)?,
            nonce: fields.array().ok_or(short)?,
            sealed: fields.array().ok_or(short)?,
        };
        if !fields.is_empty() {
            return Err(short);
        }
        Ok(wrapped)
    }
}
