//! Sealing: AES-256-GCM-SIV under a 32-byte key.
//!
//! Not key management (see `keys`) and not framing. The AEAD resists a repeated nonce, and the
//! callers avoid repeating one all the same.

use aes_gcm_siv::aead::{Aead, Payload};
use aes_gcm_siv::{AeadInOut, Aes256GcmSiv, KeyInit};
use zeroize::Zeroizing;

use crate::Random;
use crate::bytes::Fields;

/// Bytes that sealing adds: the authentication tag.
pub(crate) const TAG_LEN: usize = 16;
/// Bytes of a nonce.
pub(crate) const NONCE_LEN: usize = 12;

/// 32 secret bytes, wiped when dropped.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// A key made ready for use.
#[derive(Clone)]
pub(crate) struct Sealer(Aes256GcmSiv);

impl Sealer {
    pub(crate) fn new(key: &Secret) -> Self {
        Self(Aes256GcmSiv::new((&**key).into()))
    }

    /// Seals `plain` and appends the result to `out`. `false` only above the cipher's own limit
    /// of 64 GiB, which no caller reaches; `out` is then unchanged.
    pub(crate) fn seal_onto(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        plain: &[u8],
        out: &mut Vec<u8>,
    ) -> bool {
        let start = out.len();
        out.extend_from_slice(plain);
        let tag = match out.get_mut(start..) {
            Some(body) => self
                .0
                .encrypt_inout_detached(&nonce.into(), aad, body.into())
                .ok(),
            None => None,
        };
        match tag {
            Some(tag) => {
                out.extend_from_slice(&tag);
                true
            }
            None => {
                out.truncate(start);
                false
            }
        }
    }

    /// Opens what `seal_onto` made; `None` if a single bit of it, of the nonce or of the
    /// associated data differs, or the key is another.
    pub(crate) fn open(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        sealed: &[u8],
    ) -> Option<Vec<u8>> {
        self.0
            .decrypt(&nonce.into(), Payload { msg: sealed, aad })
            .ok()
    }

    /// Seals under a fresh random nonce: nonce, then ciphertext and tag.
    pub(crate) fn seal_small(&self, random: Random<'_>, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce);
        let mut out = Vec::with_capacity(NONCE_LEN + plain.len() + TAG_LEN);
        out.extend_from_slice(&nonce);
        self.seal_onto(nonce, aad, plain, &mut out);
        out
    }

    /// Opens what `seal_small` made.
    pub(crate) fn open_small(&self, aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut fields = Fields::new(sealed);
        let nonce = fields.array()?;
        self.open(nonce, aad, fields.rest()).map(Zeroizing::new)
    }
}
