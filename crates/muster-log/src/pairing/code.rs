//! The code that one person reads to another, and the card that a QR code holds.
//!
//! A code is twelve letters and digits, in three groups: ten bits that say which invitation is meant
//! (no secret: they keep a joiner from spending another inviter's tries), fifty that prove that one
//! was told. The alphabet is Crockford's: no I, L, O, U, and what is easily mistaken is read as what
//! was meant. Making a code of random bytes and judging its age is the node's business.

use std::{fmt, net::Ipv4Addr};

use thiserror::Error;

use super::Request;
use crate::codec::{self, Bounded, CodecError, Decode, Encode};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LETTERS: usize = 12;
const SECRET_BITS: u32 = 50;
const CARD_VERSION: u8 = 1;
/// What the text of a card begins with.
pub const CARD_PREFIX: &str = "MUSTER:";
/// Most addresses on a card.
pub const MAX_ADDRESSES: usize = 4;
/// Longest text of a card or code that is looked at.
pub const MAX_TEXT: usize = 400;
const MAX_CARD: usize = 160;
/// What the text of a request begins with.
pub const REQUEST_PREFIX: &str = "MUSTERQ:";
const MAX_REQUEST_TEXT: usize = 2_000;

/// Why a text is no code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CodeError {
    /// Not twelve letters and digits.
    #[error("a code has {LETTERS} letters and digits, this has {0}")]
    Length(usize),
    /// A character outside the alphabet.
    #[error("{0:?} does not occur in a code")]
    Character(char),
    /// Much longer than any card.
    #[error("longer than any code")]
    TooLong,
    /// A card that is cut or mistyped.
    #[error(transparent)]
    Card(#[from] CodecError),
    /// A card of a later version.
    #[error("a code of version {0}; this program knows version {CARD_VERSION}")]
    Version(u8),
}

/// What is read out or typed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Which invitation: public.
    pub locator: u16,
    pub(crate) secret: u64,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({:03x}, ..)", self.locator)
    }
}

impl Code {
    /// A code of eight random bytes.
    pub fn from_random(random: [u8; 8]) -> Self {
        Self::from_number(u64::from_le_bytes(random))
    }

    fn from_number(number: u64) -> Self {
        Self {
            locator: ((number >> SECRET_BITS) & 0x3ff) as u16,
            secret: number & ((1 << SECRET_BITS) - 1),
        }
    }

    /// Reads what a person typed: case, hyphens and spaces do not matter.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let digits = digits(text)?;
        if digits.len() != LETTERS {
            return Err(CodeError::Length(digits.len()));
        }
        let number = digits.iter().fold(0, |n, d| n << 5 | u64::from(*d));
        Ok(Self::from_number(number))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u64::from(self.locator) << SECRET_BITS | self.secret;
        for at in 0..LETTERS {
            if at > 0 && at.is_multiple_of(4) {
                f.write_str("-")?;
            }
            let shift = 5 * (LETTERS - 1 - at);
            write!(f, "{}", letter((number >> shift) as usize & 31))?;
        }
        Ok(())
    }
}

/// An address as a card has it: TCP over IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct CardAddress {
    /// The IPv4 address.
    pub ip: [u8; 4],
    /// The TCP port.
    pub port: u16,
}

impl fmt::Display for CardAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/ip4/{}/tcp/{}", Ipv4Addr::from(self.ip), self.port)
    }
}

/// What a QR code holds: the code, whom to expect, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The code.
    pub code: Code,
    /// The inviter's commitment: an answer under another one comes from somebody else.
    pub commitment: [u8; 32],
    /// Where the inviter listens.
    pub addresses: Bounded<CardAddress, MAX_ADDRESSES>,
}

#[derive(Encode, Decode)]
struct CardBody {
    version: u8,
    locator: u16,
    secret: u64,
    commitment: [u8; 32],
    addresses: Bounded<CardAddress, MAX_ADDRESSES>,
}

impl Card {
    /// The text of the QR code, which may also be copied or typed. Only characters of QR's
    /// alphanumeric mode.
    pub fn to_text(&self) -> String {
        let body = codec::encode(&CardBody {
            version: CARD_VERSION,
            locator: self.code.locator,
            secret: self.code.secret,
            commitment: self.commitment,
            addresses: self.addresses.clone(),
        });
        write_text(CARD_PREFIX, &body)
    }

    fn parse(text: &str) -> Result<Self, CodeError> {
        let bytes = read_text(text)?;
        if let Some(version) = bytes.first().filter(|v| **v != CARD_VERSION) {
            return Err(CodeError::Version(*version));
        }
        let body = codec::decode::<CardBody, MAX_CARD>("code", &bytes)?;
        if body.locator > 0x3ff || body.secret >> SECRET_BITS != 0 {
            return Err(CodecError::NotCanonical { what: "code" }.into());
        }
        Ok(Self {
            code: Code {
                locator: body.locator,
                secret: body.secret,
            },
            commitment: body.commitment,
            addresses: body.addresses,
        })
    }
}

/// A request file as text, for a QR code or for pasting.
pub fn request_text(request: &Request) -> String {
    write_text(REQUEST_PREFIX, &request.to_bytes())
}

/// The bytes of a request file, where this is one as text.
pub fn request_bytes(text: &str) -> Option<Result<Vec<u8>, CodeError>> {
    let text = text.trim();
    let prefix = text
        .get(..REQUEST_PREFIX.len())
        .filter(|p| p.eq_ignore_ascii_case(REQUEST_PREFIX))?;
    if text.len() > MAX_REQUEST_TEXT {
        return Some(Err(CodeError::TooLong));
    }
    text.get(prefix.len()..).map(read_text)
}

fn write_text(prefix: &str, bytes: &[u8]) -> String {
    let mut text = prefix.to_owned();
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter((held >> bits) as usize & 31));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(letter((held << (5 - bits)) as usize & 31));
    }
    text
}

fn read_text(text: &str) -> Result<Vec<u8>, CodeError> {
    let (mut held, mut bits, mut bytes) = (0_u32, 0, Vec::new());
    for digit in digits(text)? {
        held = held << 5 | u32::from(digit);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    if bits >= 5 || held != 0 {
        return Err(CodecError::NotCanonical { what: "code" }.into());
    }
    Ok(bytes)
}

/// What a person who joins was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// The short code.
    Code(Code),
    /// All of the QR code.
    Card(Box<Card>),
}

impl Given {
    /// Reads either.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let text = text.trim();
        if text.len() > MAX_TEXT {
            return Err(CodeError::TooLong);
        }
        let card = text
            .get(..CARD_PREFIX.len())
            .filter(|p| p.eq_ignore_ascii_case(CARD_PREFIX));
        match card.and_then(|p| text.get(p.len()..)) {
            Some(card) => Card::parse(card).map(|c| Self::Card(Box::new(c))),
            None => Code::parse(text).map(Self::Code),
        }
    }

    /// The code in either.
    pub fn code(&self) -> Code {
        match self {
            Self::Code(code) => *code,
            Self::Card(card) => card.code,
        }
    }

    /// The commitment to expect, where it is known.
    pub fn commitment(&self) -> Option<[u8; 32]> {
        match self {
            Self::Code(_) => None,
            Self::Card(card) => Some(card.commitment),
        }
    }
}

fn letter(value: usize) -> char {
    ALPHABET.get(value).copied().map_or('0', char::from)
}

fn digits(text: &str) -> Result<Vec<u8>, CodeError> {
    let mut out = Vec::new();
    for given in text.chars() {
        if given == '-' || given.is_whitespace() {
            continue;
        }
        let meant = match given.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let value = ALPHABET.iter().position(|l| char::from(*l) == meant);
        let value = value.ok_or(CodeError::Character(given))?;
        out.push(value as u8);
    }
    Ok(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_was_meant() {
        let code = Code::from_random(*b"\x01\x23\x45\x67\x89\xab\xcd\x0e");
        let text = code.to_string();
        assert_eq!(text, "XKDB-H5KM-A8R1");
        assert_eq!(Code::parse(&text), Ok(code));
        assert_eq!(Code::parse("xkdb h5km a8rl"), Ok(code));
        assert_eq!(Code::parse("XKDB"), Err(CodeError::Length(4)));
        assert_eq!(
            Code::parse("XKDB-H5KM-A8RU"),
            Err(CodeError::Character('U'))
        );
        let zero = Code::from_random([0; 8]).to_string();
        assert_eq!(zero, "0000-0000-0000");
        assert_eq!(Code::parse("OOOO-oooo-0000").unwrap().to_string(), zero);
    }

    #[test]
    fn what_is_debugged_does_not_tell_the_secret() {
        let code = Code::from_random([0xff; 8]);
        assert_eq!(format!("{code:?}"), "Code(3ff, ..)");
    }
}
