//! What proves membership, identity and the holding of keys within one session.
//!
//! Everything is bound to both transport ids (which the transport has authenticated), to both
//! nonces and to a direction, so that nothing said in one session can be said again in another.

use blake3::{Hash, Hasher, derive_key};

use crate::{
    chain::{DeviceKey, verify_tagged},
    codec,
    ids::{DeviceId, IncidentId, Signature},
    seal::ClassKey,
};

use super::frame::VERSION;

const IDENTITY_TAG: &[u8] = b"muster session identity v1\0";
const MEMBER_CONTEXT: &str = "muster 2026 session membership v1";
const HELD_CONTEXT: &str = "muster 2026 session held key v1";
const DIGEST_CONTEXT: &str = "muster 2026 session digest v1";
const NAME_CONTEXT: &str = "muster 2026 session transcript v1";

/// Which of the two speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Dialler,
    Responder,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Responder,
            Self::Responder => Self::Dialler,
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Dialler => 1,
            Self::Responder => 2,
        }
    }
}

/// What all proofs of one session are bound to.
#[derive(Debug, Clone)]
pub(super) struct Binding {
    pub incident: IncidentId,
    pub dialler: Vec<u8>,
    pub responder: Vec<u8>,
    pub dialler_nonce: [u8; 32],
    /// Zero until the responder has spoken.
    pub responder_nonce: [u8; 32],
}

impl Binding {
    fn bytes(&self, side: Side) -> Vec<u8> {
        codec::encode(&(
            VERSION,
            side.code(),
            self.incident,
            &self.dialler,
            &self.responder,
            self.dialler_nonce,
            self.responder_nonce,
        ))
    }

    /// The proof of one who holds an incident secret. Compare it as it is: [`Hash`] does so in
    /// constant time.
    pub(super) fn member(&self, secret: &[u8; 32], side: Side) -> Hash {
        let key = derive_key(MEMBER_CONTEXT, secret);
        blake3::keyed_hash(&key, &self.bytes(side))
    }

    /// The signature of the device that speaks.
    pub(super) fn sign(&self, key: &DeviceKey, side: Side) -> Signature {
        key.sign_tagged(IDENTITY_TAG, &self.bytes(side))
    }

    /// Checks [`Self::sign`].
    pub(super) fn signed(&self, device: &DeviceId, side: Side, signature: &Signature) -> bool {
        verify_tagged(device, IDENTITY_TAG, &self.bytes(side), signature)
    }

    /// Names the session, for what is proven in it later.
    pub(super) fn name(&self) -> [u8; 32] {
        let mut hasher = Hasher::new_derive_key(NAME_CONTEXT);
        hasher.update(&self.bytes(Side::Dialler));
        *hasher.finalize().as_bytes()
    }
}

/// The proof that a side holds a class key. Without it, whoever names a key's id would be sent
/// what the key seals.
pub(super) fn held(session: &[u8; 32], side: Side, key: &ClassKey) -> [u8; 16] {
    let mut message = session.to_vec();
    message.push(side.code());
    first(&blake3::keyed_hash(
        &derive_key(HELD_CONTEXT, key.bytes()),
        &message,
    ))
}

/// A digest as it is told in one session: half as long, and nobody can prepare two frontiers that
/// are told alike.
pub(super) fn digest(session: &[u8; 32], of: &[u8; 32]) -> [u8; 16] {
    first(&blake3::keyed_hash(
        &derive_key(DIGEST_CONTEXT, session),
        of,
    ))
}

fn first(hash: &Hash) -> [u8; 16] {
    let mut out = [0; 16];
    let bytes = hash.as_bytes().iter();
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}
