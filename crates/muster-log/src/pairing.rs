//! Pairing by two small files: a request that proves possession of its keys, and an answer that only
//! the requesting device can open.
//!
//! The person who admits compares nothing here: the file is handed over by hand. Pairing by code,
//! with words compared, is another door to the same [`crate::act::Admit`]: [`inviter`] and
//! [`joiner`] carry the same request and the same sealed answer over a connection.

pub mod code;
pub mod flight;
pub mod inviter;
pub mod joiner;
pub mod sas;
pub mod words;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    chain::{DeviceKey, verify_tagged},
    codec::{self, Bounded, Bytes, CodecError, Decode, Encode, Text},
    genesis::{Genesis, GenesisError},
    ids::{DeviceId, ExchangeKey, GrantId, IncidentId, Millis, Signature},
    run::MAX_RUN_BYTES,
    seal::{self, ExchangeSecret, SEALED_TO_LEN, SealError},
};

const REQUEST_MAGIC: [u8; 8] = *b"MUSTERQ1";
const ANSWER_MAGIC: [u8; 8] = *b"MUSTERA1";
const REQUEST_TAG: &[u8] = b"muster pairing request v1\0";
const ANSWER_INFO: &[u8] = b"muster pairing answer v1";
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// What a device that wants to join says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RequestBody {
    magic: [u8; 8],
    /// Its signing key.
    pub device: DeviceId,
    /// Its X25519 key.
    pub exchange: ExchangeKey,
    /// What people call it.
    pub label: Text<64>,
    /// The short code it would like in numbers.
    pub code: Text<8>,
    /// When it says it was made.
    pub claimed: Millis,
}

/// A request whose signature was checked: its maker holds the device's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    body: RequestBody,
    signature: Signature,
}

#[derive(Encode, Decode)]
struct SignedRequest {
    body: RequestBody,
    signature: Signature,
}

/// Why a pairing file was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PairingError {
    /// Not the file it should be.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Another kind of file.
    #[error("this is not a {0}")]
    WrongFile(&'static str),
    /// The request is not signed by the key it names.
    #[error("the request is not signed by the device it names")]
    Signature,
    /// The answer was made for another device, or changed on the way.
    #[error("this answer was not made for this device, or it was changed on the way")]
    NotForUs,
    /// The answer's genesis is broken.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The answer is about another incident than it says.
    #[error("the answer's incident is not the one on its cover")]
    Incident,
    /// It cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// More authority history than an answer may hold.
    #[error("the incident's authority log does not fit into an answer")]
    TooLong,
}

impl Request {
    /// Makes and signs a request.
    pub fn sign(
        key: &DeviceKey,
        exchange: ExchangeKey,
        label: Text<64>,
        code: Text<8>,
        claimed: Millis,
    ) -> Self {
        let body = RequestBody {
            magic: REQUEST_MAGIC,
            device: key.id(),
            exchange,
            label,
            code,
            claimed,
        };
        let signature = key.sign_tagged(REQUEST_TAG, &codec::encode(&body));
        Self { body, signature }
    }

    /// Reads a request file and checks its signature.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PairingError> {
        if !bytes.starts_with(&REQUEST_MAGIC) {
            return Err(PairingError::WrongFile("pairing request"));
        }
        let SignedRequest { body, signature } = codec::decode::<_, 1024>("pairing request", bytes)?;
        if !verify_tagged(&body.device, REQUEST_TAG, &codec::encode(&body), &signature) {
            return Err(PairingError::Signature);
        }
        Ok(Self { body, signature })
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(&SignedRequest {
            body: self.body.clone(),
            signature: self.signature,
        })
    }

    /// What it says.
    pub fn body(&self) -> &RequestBody {
        &self.body
    }
}

/// What an admitted device is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The incident.
    pub genesis: Genesis,
    /// The incident secret, by which members recognise one another on a network.
    pub secret: Zeroizing<[u8; 32]>,
    /// The grant that the device was given.
    pub grant: GrantId,
    /// All of lane 0, encoded runs in an order in which they can be admitted.
    pub lane0: Vec<Vec<u8>>,
}

#[derive(Encode, Decode)]
struct AnswerBody {
    genesis: Bytes<{ crate::genesis::MAX_GENESIS }>,
    secret: [u8; 32],
    grant: GrantId,
    lane0: Bounded<Bytes<MAX_RUN_BYTES>, 65_536>,
}

impl Answer {
    /// Seals the answer to the device that asked. `random` must be fresh.
    pub fn seal(&self, to: &ExchangeKey, random: [u8; 32]) -> Result<Vec<u8>, PairingError> {
        let lane0: Result<Vec<_>, _> = self
            .lane0
            .iter()
            .map(|run| Bytes::try_from(run.clone()))
            .collect();
        let lane0 = lane0
            .ok()
            .and_then(|l| Bounded::try_from(l).ok())
            .ok_or(PairingError::TooLong)?;
        let body = AnswerBody {
            genesis: self
                .genesis
                .to_bytes()
                .try_into()
                .map_err(|_| PairingError::TooLong)?,
            secret: *self.secret,
            grant: self.grant,
            lane0,
        };
        let plain = Zeroizing::new(codec::encode(&body));
        if plain.len() > MAX_ANSWER {
            return Err(PairingError::TooLong);
        }
        let mut out = ANSWER_MAGIC.to_vec();
        out.extend_from_slice(&self.genesis.id().0);
        out.extend(seal::seal_to(to, ANSWER_INFO, &plain, random)?);
        Ok(out)
    }

    /// Opens an answer with the secret of the device that asked.
    pub fn open(bytes: &[u8], secret: &ExchangeSecret) -> Result<Self, PairingError> {
        let rest = bytes
            .strip_prefix(&ANSWER_MAGIC)
            .ok_or(PairingError::WrongFile("pairing answer"))?;
        let (incident, sealed) = rest
            .split_at_checked(32)
            .ok_or(PairingError::WrongFile("pairing answer"))?;
        if sealed.len() > MAX_ANSWER + SEALED_TO_LEN {
            return Err(CodecError::TooLong {
                len: bytes.len(),
                limit: MAX_ANSWER,
            }
            .into());
        }
        let plain =
            seal::open_from(secret, ANSWER_INFO, sealed).map_err(|_| PairingError::NotForUs)?;
        let body = codec::decode::<AnswerBody, MAX_ANSWER>("pairing answer", &plain)?;
        let genesis = Genesis::from_bytes(&body.genesis)?;
        if genesis.id() != IncidentId(incident.try_into().unwrap_or_default()) {
            return Err(PairingError::Incident);
        }
        Ok(Self {
            genesis,
            secret: Zeroizing::new(body.secret),
            grant: body.grant,
            lane0: body
                .lane0
                .into_inner()
                .into_iter()
                .map(Bytes::into_inner)
                .collect(),
        })
    }
}
