//! Sealing of parts and of keys, by kept crates alone: AES-256-GCM-SIV (RFC 8452) for parts and
//! wrapped keys, HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM) to hand something to one device.
//!
//! A part's nonce is derived from its place, so that anyone with the key seals the same bytes again
//! and can prove them by the header's hash. The AEAD tolerates a repeated nonce, which a fork makes
//! possible. Nothing here decides who may read.

use aes_gcm_siv::{
    Aes256GcmSiv, KeyInit,
    aead::{Aead, Payload},
};
use hpke::{
    Deserializable, Kem as _, OpModeR, OpModeS, Serializable, aead::AesGcm256, kdf::HkdfSha256,
    kem::X25519HkdfSha256,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    hash,
    ids::{Class, ExchangeKey, KeyId, LogId, Seq},
};

/// Bytes that sealing adds to a part or a wrapped key.
pub const TAG_LEN: usize = 16;
/// Bytes that [`seal_to`] adds: the encapsulated key and the tag.
pub const SEALED_TO_LEN: usize = 32 + TAG_LEN;

type Kem = X25519HkdfSha256;

/// Sealing or opening failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// Wrong key, or the bytes were changed.
    #[error("the sealed bytes do not open with this key")]
    DoesNotOpen,
    /// Too long to be sealed, or a key of no use.
    #[error("the bytes or the key cannot be used for sealing")]
    Unusable,
}

/// A symmetric key of a class and audience.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ClassKey([u8; 32]);

impl std::fmt::Debug for ClassKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClassKey({})", self.id())
    }
}

impl ClassKey {
    /// Takes 32 random bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's bytes, to be sealed and never shown.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The id by which parts name this key.
    pub fn id(&self) -> KeyId {
        hash::key_id(&self.0)
    }

    fn cipher(&self) -> Aes256GcmSiv {
        Aes256GcmSiv::new(&self.0.into())
    }
}

/// Where a part stands; sealed with it, so that it opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The log.
    pub log: LogId,
    /// The entry's place in the log.
    pub seq: Seq,
    /// The part's index in the entry.
    pub part: u8,
    /// The part's class.
    pub class: Class,
}

impl Place {
    fn associated(&self) -> [u8; 42] {
        let mut out = [0; 42];
        let bytes = self.log.0.iter().copied().chain(self.seq.0.to_le_bytes());
        let bytes = bytes.chain([self.part, self.class.0]);
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        out
    }
}

/// Seals a part's plain bytes; the same input gives the same output.
pub fn seal_part(key: &ClassKey, place: &Place, plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let nonce = hash::part_nonce(&place.log, place.seq, place.part);
    key.cipher()
        .encrypt(
            &nonce.into(),
            Payload {
                msg: plain,
                aad: &place.associated(),
            },
        )
        .map_err(|_| SealError::Unusable)
}

/// Opens a part's stored bytes.
pub fn open_part(key: &ClassKey, place: &Place, stored: &[u8]) -> Result<Vec<u8>, SealError> {
    let nonce = hash::part_nonce(&place.log, place.seq, place.part);
    key.cipher()
        .decrypt(
            &nonce.into(),
            Payload {
                msg: stored,
                aad: &place.associated(),
            },
        )
        .map_err(|_| SealError::DoesNotOpen)
}

/// Seals a class key under another one.
pub fn wrap_key(outer: &ClassKey, inner: &ClassKey) -> Result<Vec<u8>, SealError> {
    let (outer_id, inner_id) = (outer.id(), inner.id());
    let nonce = hash::wrap_nonce(&outer_id, &inner_id);
    outer
        .cipher()
        .encrypt(
            &nonce.into(),
            Payload {
                msg: inner.bytes(),
                aad: &inner_id.0,
            },
        )
        .map_err(|_| SealError::Unusable)
}

/// Opens a key sealed by [`wrap_key`], and checks that it is the one named.
pub fn unwrap_key(outer: &ClassKey, inner: &KeyId, sealed: &[u8]) -> Result<ClassKey, SealError> {
    let nonce = hash::wrap_nonce(&outer.id(), inner);
    let plain = Zeroizing::new(
        outer
            .cipher()
            .decrypt(
                &nonce.into(),
                Payload {
                    msg: sealed,
                    aad: &inner.0,
                },
            )
            .map_err(|_| SealError::DoesNotOpen)?,
    );
    named_key(&plain, inner)
}

fn named_key(plain: &[u8], id: &KeyId) -> Result<ClassKey, SealError> {
    let key = ClassKey(plain.try_into().map_err(|_| SealError::DoesNotOpen)?);
    if key.id() == *id {
        Ok(key)
    } else {
        Err(SealError::DoesNotOpen)
    }
}

/// A device's X25519 secret.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ExchangeSecret([u8; 32]);

impl ExchangeSecret {
    /// Derives a secret from 32 random bytes (RFC 9180, DeriveKeyPair).
    pub fn from_random(random: [u8; 32]) -> Self {
        let (secret, _) = Kem::derive_keypair(&random);
        let mut bytes = [0; 32];
        bytes
            .iter_mut()
            .zip(secret.to_bytes())
            .for_each(|(to, from)| *to = from);
        Self(bytes)
    }

    /// Restores a secret written by [`Self::bytes`].
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The secret's bytes, to be stored sealed.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public half.
    pub fn public(&self) -> Result<ExchangeKey, SealError> {
        let secret = self.secret()?;
        let mut out = [0; 32];
        out.iter_mut()
            .zip(Kem::sk_to_pk(&secret).to_bytes())
            .for_each(|(to, from)| *to = from);
        Ok(ExchangeKey(out))
    }

    fn secret(&self) -> Result<<Kem as hpke::Kem>::PrivateKey, SealError> {
        <Kem as hpke::Kem>::PrivateKey::from_bytes(&self.0).map_err(|_| SealError::Unusable)
    }
}

/// Seals `plain` to one device (HPKE base mode). `info` names the purpose; `random` must be fresh.
pub fn seal_to(
    to: &ExchangeKey,
    info: &[u8],
    plain: &[u8],
    random: [u8; 32],
) -> Result<Vec<u8>, SealError> {
    let public =
        <Kem as hpke::Kem>::PublicKey::from_bytes(&to.0).map_err(|_| SealError::Unusable)?;
    let mut rng = ChaCha20Rng::from_seed(random);
    let (encapsulated, mut context) = hpke::setup_sender_with_rng::<AesGcm256, HkdfSha256, Kem>(
        &OpModeS::Base,
        &public,
        info,
        &mut rng,
    )
    .map_err(|_| SealError::Unusable)?;
    let sealed = context.seal(plain, b"").map_err(|_| SealError::Unusable)?;
    let mut out = encapsulated.to_bytes().to_vec();
    out.extend_from_slice(&sealed);
    Ok(out)
}

/// Opens what [`seal_to`] made for this device and purpose.
pub fn open_from(
    secret: &ExchangeSecret,
    info: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (head, body) = sealed.split_at_checked(32).ok_or(SealError::DoesNotOpen)?;
    let encapsulated =
        <Kem as hpke::Kem>::EncappedKey::from_bytes(head).map_err(|_| SealError::DoesNotOpen)?;
    let mut context = hpke::setup_receiver::<AesGcm256, HkdfSha256, Kem>(
        &OpModeR::Base,
        &secret.secret()?,
        &encapsulated,
        info,
    )
    .map_err(|_| SealError::DoesNotOpen)?;
    context
        .open(body, b"")
        .map(Zeroizing::new)
        .map_err(|_| SealError::DoesNotOpen)
}

/// Opens a lockbox and checks that it holds the key that it is said to hold.
pub fn open_lockbox(
    secret: &ExchangeSecret,
    info: &[u8],
    id: &KeyId,
    sealed: &[u8],
) -> Result<ClassKey, SealError> {
    named_key(&open_from(secret, info, sealed)?, id)
}
