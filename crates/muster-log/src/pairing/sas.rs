//! The short authentication string: three words and six digits that are equal on both sides only
//! where both sides have the same keys.
//!
//! The construction is the one that Matrix specifies for comparing devices ("m.sas.v1" with
//! `curve25519-hkdf-sha256`) and that vodozemac implements: ephemeral X25519 keys, one of them
//! committed to by hash before the other is shown; HKDF-SHA-256 over the shared secret, without
//! salt; an info string that names everything agreed on. It differs in what is named (a digest of
//! our transcript) and in how many bytes are drawn. Order, tries and time are [`super::inviter`]'s
//! and [`super::joiner`]'s.
//!
//! A man in the middle has one chance in 2^33 for equal words, and in 2^33 * 10^6 for words and
//! digits: the commitment binds him before he sees what he would have to grind for.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};

use super::words::{self, Language};
use crate::{
    codec::{self, Bytes, Decode, Encode, Text},
    hash,
    ids::IncidentId,
};

const INFO: &[u8] = b"muster pairing sas v1\0";
/// Longest transport id.
pub const MAX_TRANSPORT: usize = 64;

/// One side's key for one pairing.
#[derive(Clone)]
pub struct PairingKey(StaticSecret);

impl PairingKey {
    /// A key of fresh random bytes, good for one pairing.
    pub fn from_random(random: [u8; 32]) -> Self {
        Self(StaticSecret::from(random))
    }

    /// What the other side is shown.
    pub fn public(&self) -> [u8; 32] {
        *PublicKey::from(&self.0).as_bytes()
    }
}

/// What an inviter commits to before it sees the joiner's key, and shows after. Everything that the
/// joiner learns from the inviter before the words is in here: whatever could be chosen later could
/// be chosen so that the words fit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Opening {
    /// Its public key.
    pub key: [u8; 32],
    /// The incident.
    pub incident: IncidentId,
    /// Which words are shown.
    pub language: u8,
    /// The incident's name.
    pub name: Text<120>,
    /// What people call the inviting device.
    pub label: Text<64>,
}

impl Opening {
    /// The commitment to it.
    pub fn commitment(&self) -> [u8; 32] {
        hash::pairing_commitment(&codec::encode(self))
    }
}

/// What was said up to the joiner's key; over it the joiner proves that it knows the code.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Said {
    /// The protocol's version.
    pub version: u8,
    /// Which invitation.
    pub locator: u16,
    /// The inviter's transport id.
    pub inviter: Bytes<MAX_TRANSPORT>,
    /// The joiner's transport id.
    pub joiner: Bytes<MAX_TRANSPORT>,
    /// The inviter's commitment.
    pub commitment: [u8; 32],
    /// The joiner's public key.
    pub key: [u8; 32],
    /// The joiner's signed request, which names the keys to be admitted.
    pub request: Bytes<1024>,
}

impl Said {
    /// The joiner's proof.
    pub fn joiner_proof(&self, secret: u64) -> [u8; 32] {
        hash::pairing_proof(secret, 1, &codec::encode(self))
    }

    /// The inviter's proof, over the opening too.
    pub fn inviter_proof(&self, opening: &Opening, secret: u64) -> [u8; 32] {
        hash::pairing_proof(secret, 2, &self.with(opening))
    }

    fn with(&self, opening: &Opening) -> Vec<u8> {
        let mut said = codec::encode(self);
        codec::append(&mut said, opening);
        said
    }
}

/// What both people see.
#[derive(Clone, PartialEq, Eq)]
pub struct Sas {
    /// Three words.
    pub words: [&'static str; 3],
    /// Six digits.
    pub digits: String,
}

impl fmt::Debug for Sas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sas({} {})", self.words.join(" "), self.digits)
    }
}

/// Makes the words of one side's key and the other side's public key. `None` for a public key that
/// contributes nothing, which no honest program sends.
pub fn compare(
    own: &PairingKey,
    theirs: [u8; 32],
    said: &Said,
    opening: &Opening,
    language: Language,
) -> Option<Sas> {
    let bytes = agree(own, theirs, &hash::pairing_transcript(&said.with(opening)))?;
    Some(shown(&bytes, language))
}

fn agree(own: &PairingKey, theirs: [u8; 32], transcript: &[u8; 32]) -> Option<[u8; 16]> {
    let shared = own.0.diffie_hellman(&PublicKey::from(theirs));
    if !shared.was_contributory() {
        return None;
    }
    let mut out = [0; 16];
    let info = [INFO, transcript].concat();
    Hkdf::<Sha256>::new(None, shared.as_bytes())
        .expand(&info, &mut out)
        .ok()?;
    Some(out)
}

/// The first eight bytes, big-endian: their top 33 bits are the words. The other eight: the digits.
fn shown(bytes: &[u8; 16], language: Language) -> Sas {
    let number = u128::from_be_bytes(*bytes);
    let word = |shift: u32| words::word(language, (number >> shift) as u16);
    Sas {
        words: [word(117), word(106), word(95)],
        digits: format!("{:06}", number as u64 % 1_000_000),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_show_the_same_words() {
        assert_eq!(
            shown(&[0; 16], Language::English).words,
            ["abandon", "abandon", "abandon"]
        );
        let mut bytes = [0xff; 16];
        bytes[8..].copy_from_slice(&1_234_007_u64.to_be_bytes());
        let sas = shown(&bytes, Language::French);
        assert_eq!(sas.words, ["zoologie", "zoologie", "zoologie"]);
        assert_eq!(sas.digits, "234007");
        bytes[0] = 0;
        assert_ne!(shown(&bytes, Language::French).words, sas.words);
    }

    /// What vodozemac 0.11.1 (`sas::EstablishedSas::bytes_raw`) made of the same keys and info, with
    /// the key on its side drawn by itself.
    #[test]
    fn a_reviewed_implementation_agrees() {
        let bytes = |hex: &str| hex::decode(hex).unwrap();
        let theirs = bytes("e87e0fd7a7919849f1812faca3579a440af0380c123023e22fd8199d7cc96f5f");
        let expected = bytes("793d29c25da8f9ec26035e22ddbafdc1");
        let key = PairingKey::from_random([7; 32]);
        let agreed = agree(
            &key,
            theirs.try_into().unwrap(),
            b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        );
        assert_eq!(agreed.unwrap().to_vec(), expected);
    }

    #[test]
    fn a_key_that_contributes_nothing_is_refused() {
        let key = PairingKey::from_random([7; 32]);
        assert_eq!(agree(&key, [0; 32], &[1; 32]), None);
    }
}
