//! What a member says on a link, twice a second, to whoever is there: sealed, so that a stranger
//! learns only that a Muster is near.
//!
//! A beacon is a salt and an AEAD (AES-256-GCM-SIV, a kept crate) under a key that comes of the
//! incident secret and the salt. Nothing in it is constant in clear but four bytes, and no two
//! beacons have a salt in common, so that nothing links two of them, or two starts of a device. It
//! is authentic as far as the secret is: any member, and whoever has been one since the secret was
//! renewed, can make one. Nothing is believed on its word but where to knock.
//!
//! Layout and limits: `docs/protocol.md`, "Beacon". Who sends when, and who is dialled for it, is
//! the network's.

use aes_gcm_siv::{
    Aes256GcmSiv, KeyInit,
    aead::{Aead, Payload},
};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{hash, seal::TAG_LEN, session::MAX_SECRETS};

/// No beacon is longer, of this version or another.
pub const MAX_BEACON: usize = 200;
/// How long one is.
pub const BEACON_LEN: usize = MAGIC.len() + SALT_LEN + PLAIN_LEN + TAG_LEN;
/// Bytes of a transport id: a multihash of an Ed25519 key.
pub const TRANSPORT_LEN: usize = 38;

/// The only constant bytes: what every Muster's datagram begins with, then the kind.
const MAGIC: [u8; 4] = *b"MUSb";
/// How many of them say that it is a Muster's at all.
const FAMILY: usize = 3;
const SALT_LEN: usize = 16;
const PLAIN_LEN: usize = 1 + 1 + 2 + 2 + 8 + 8 + TRANSPORT_LEN;
/// Each beacon has a key of its own, so that the nonce has nothing to tell apart.
const NONCE: [u8; 12] = [0; 12];

const ANSWER: u8 = 1;
const SEEKS: u8 = 2;
const FULL: u8 = 4;

/// What a device says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// The version of the session that it speaks.
    pub session: u8,
    /// This answers a beacon, and needs no answer.
    pub answer: bool,
    /// It has fewer neighbours than it wants.
    pub seeks: bool,
    /// It takes no more.
    pub full: bool,
    /// Where it listens, on whatever address the beacon comes from; 0 for nowhere.
    pub tcp: u16,
    /// The same for QUIC.
    pub quic: u16,
    /// The transport id of this start.
    pub transport: [u8; TRANSPORT_LEN],
}

/// The incident secrets of a device, and what it has: all that its beacons are made of.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Voice {
    secrets: Vec<[u8; 32]>,
    frontier: [u8; 32],
}

impl std::fmt::Debug for Voice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Voice({} secrets)", self.secrets.len())
    }
}

impl Voice {
    /// Of the secrets that are accepted, the current one first; the first [`MAX_SECRETS`] count.
    /// `None` without any.
    pub fn new(mut secrets: Vec<[u8; 32]>, frontier: [u8; 32]) -> Option<Self> {
        secrets.truncate(MAX_SECRETS);
        (!secrets.is_empty()).then_some(Self { secrets, frontier })
    }
}

/// Numbers the beacons of one start, and salts them.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Sealer {
    seed: [u8; 32],
    beats: u64,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({} beats)", self.beats)
    }
}

impl Sealer {
    /// From 32 random bytes, fresh at each start.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, beats: 0 }
    }

    /// The next beacon, sealed under the current secret.
    pub fn seal(&mut self, voice: &Voice, said: &Said) -> Vec<u8> {
        self.beats = self.beats.saturating_add(1);
        let salt = hash::beacon_salt(&self.seed, self.beats);
        let mut out = Vec::with_capacity(BEACON_LEN);
        out.extend(MAGIC);
        out.extend(salt);
        // Neither fails: a voice has a secret, and the AEAD takes any short text.
        if let Some(secret) = voice.secrets.first() {
            let plain = write(said, self.beats, &hash::beacon_tag(secret, &voice.frontier));
            let payload = Payload {
                msg: &plain,
                aad: &MAGIC,
            };
            let sealed = cipher(secret, &salt).encrypt(&NONCE.into(), payload);
            out.extend(sealed.unwrap_or_default());
        }
        out
    }
}

/// A beacon that opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// What it says.
    pub said: Said,
    /// Its number among the beacons of that transport id.
    pub beat: u64,
    /// Whether it goes by the secret that this device holds for current. If not, its maker may not
    /// be able to open ours.
    pub current: bool,
    /// Whether its maker has what this device has, gaps included.
    pub level: bool,
}

/// Why a datagram says nothing to this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unopened {
    /// It is no Muster's.
    #[error("no beacon")]
    NotOne,
    /// A Muster's, of a kind or length that is not known here.
    #[error("a beacon of another version")]
    OtherVersion,
    /// A Muster's, of another incident; or of this one, under a secret that is not known here.
    #[error("a beacon that does not open: another incident's")]
    Closed,
}

/// Opens a beacon. The AEAD is tried once for each secret, and not at all for what has not the look
/// of one.
pub fn open(voice: &Voice, bytes: &[u8]) -> Result<Opened, Unopened> {
    if bytes.len() > MAX_BEACON || bytes.get(..FAMILY) != MAGIC.get(..FAMILY) {
        return Err(Unopened::NotOne);
    }
    let parts = bytes
        .strip_prefix(&MAGIC)
        .filter(|rest| rest.len() >= BEACON_LEN - MAGIC.len())
        .and_then(|rest| rest.split_first_chunk::<SALT_LEN>());
    let Some((salt, sealed)) = parts else {
        return Err(Unopened::OtherVersion);
    };
    for (at, secret) in voice.secrets.iter().enumerate() {
        let payload = Payload {
            msg: sealed,
            aad: &MAGIC,
        };
        if let Ok(plain) = cipher(secret, salt).decrypt(&NONCE.into(), payload) {
            let (said, beat, tag) = read(&plain).ok_or(Unopened::OtherVersion)?;
            return Ok(Opened {
                said,
                beat,
                current: at == 0,
                level: tag == hash::beacon_tag(secret, &voice.frontier),
            });
        }
    }
    Err(Unopened::Closed)
}

fn cipher(secret: &[u8; 32], salt: &[u8; SALT_LEN]) -> Aes256GcmSiv {
    Aes256GcmSiv::new(&hash::beacon_key(secret, salt).into())
}

fn write(said: &Said, beat: u64, tag: &[u8; 8]) -> Vec<u8> {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    let flags = flag(said.answer, ANSWER) | flag(said.seeks, SEEKS) | flag(said.full, FULL);
    let mut out = Vec::with_capacity(PLAIN_LEN + TAG_LEN);
    out.extend([said.session, flags]);
    out.extend(said.tcp.to_le_bytes());
    out.extend(said.quic.to_le_bytes());
    out.extend(beat.to_le_bytes());
    out.extend(tag);
    out.extend(said.transport);
    out
}

/// What comes after belongs to a later version, and is ignored.
fn read(plain: &[u8]) -> Option<(Said, u64, [u8; 8])> {
    let ([session, flags], rest) = plain.split_first_chunk::<2>()?;
    let (tcp, rest) = rest.split_first_chunk::<2>()?;
    let (quic, rest) = rest.split_first_chunk::<2>()?;
    let (beat, rest) = rest.split_first_chunk::<8>()?;
    let (tag, rest) = rest.split_first_chunk::<8>()?;
    let transport = *rest.first_chunk::<TRANSPORT_LEN>()?;
    let said = Said {
        session: *session,
        answer: flags & ANSWER != 0,
        seeks: flags & SEEKS != 0,
        full: flags & FULL != 0,
        tcp: u16::from_le_bytes(*tcp),
        quic: u16::from_le_bytes(*quic),
        transport,
    };
    Some((said, u64::from_le_bytes(*beat), *tag))
}

/// The beacon about pairing, in clear: who looks for an inviter has no secret yet. It says that
/// somebody invites, or looks for one, and where; nothing of an incident or a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inviting {
    /// This answers a beacon, and needs no answer.
    pub answer: bool,
    /// Where it listens; 0 for nowhere.
    pub tcp: u16,
    /// The same for QUIC.
    pub quic: u16,
    /// The transport id of this one network.
    pub transport: [u8; TRANSPORT_LEN],
}

impl Inviting {
    const MAGIC: [u8; 4] = *b"MUST";
    const VERSION: u8 = 1;
    const PAIRING: u8 = 2;

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(49);
        out.extend(Self::MAGIC);
        let answer = if self.answer { ANSWER } else { 0 };
        out.extend([Self::VERSION, Self::PAIRING | answer]);
        out.extend(self.tcp.to_be_bytes());
        out.extend(self.quic.to_be_bytes());
        out.push(TRANSPORT_LEN as u8);
        out.extend(self.transport);
        out
    }

    /// Reads it. Bytes after it belong to a later version, and are ignored.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unopened> {
        if bytes.len() > MAX_BEACON || bytes.get(..FAMILY) != MAGIC.get(..FAMILY) {
            return Err(Unopened::NotOne);
        }
        let rest = bytes.strip_prefix(&Self::MAGIC);
        let head = rest.and_then(|rest| rest.split_first_chunk::<7>());
        let Some(([version, flags, t0, t1, q0, q1, length], rest)) = head else {
            return Err(Unopened::OtherVersion);
        };
        let transport = rest.first_chunk::<TRANSPORT_LEN>();
        let known = *version == Self::VERSION
            && flags & Self::PAIRING != 0
            && usize::from(*length) == TRANSPORT_LEN;
        match transport.filter(|_| known) {
            Some(transport) => Ok(Self {
                answer: flags & ANSWER != 0,
                tcp: u16::from_be_bytes([*t0, *t1]),
                quic: u16::from_be_bytes([*q0, *q1]),
                transport: *transport,
            }),
            None => Err(Unopened::OtherVersion),
        }
    }
}
