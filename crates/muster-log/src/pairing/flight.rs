//! What two devices say to each other while they pair, as bytes: one frame each, bounded, in one
//! canonical form.
//!
//! A flight is its kind (one byte, the place in [`Flight`]) and its body. [`Flight::Hello`] up to its
//! version and all of [`Flight::Refused`] stay as they are in every later version. Who may say what
//! when is [`super::inviter`]'s and [`super::joiner`]'s.

use thiserror::Error;

use super::sas::Opening;
use crate::codec::{self, Bytes, CodecError, Decode, Encode};

/// The version spoken here.
pub const VERSION: u8 = 1;
/// Longest flight, in bytes.
pub const MAX_FLIGHT: usize = 160 * 1024;
/// Bytes of the sealed answer in one flight.
pub const PIECE: usize = 128 * 1024;

/// Everything that is said. `J` is the device that joins, `I` the one that invites.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Flight {
    /// J: which version, which invitation.
    Hello { version: u8, locator: u16 },
    /// I: the commitment to its opening.
    Commit([u8; 32]),
    /// J: its key, the proof that it was told the code, its signed request.
    Offer {
        key: [u8; 32],
        proof: [u8; 32],
        request: Bytes<1024>,
    },
    /// I: what it committed to, and the proof that it made the code.
    Reveal { opening: Opening, proof: [u8; 32] },
    /// J: its person found the words equal.
    Matches,
    /// I: a piece of the sealed answer.
    Answer {
        total: u32,
        from: u32,
        bytes: Bytes<PIECE>,
    },
    /// J: the answer is stored.
    Stored,
    /// Either: why this goes no further. A code and, for some, a number.
    Refused(u8, u8),
}

impl Flight {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode::<Self, MAX_FLIGHT>("pairing flight", bytes)
    }
}

/// Why a pairing went no further. Each has its number in a flight and a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Reason {
    /// No invitation of this locator is known there.
    #[error("no invitation of this code is known here")]
    NoInvitation,
    /// The secret part of the code is wrong. So many tries are left.
    #[error("the code is wrong; {0} tries left")]
    WrongCode(u8),
    /// Wrong too often: nobody can use it any more.
    #[error("the code was tried wrongly too often")]
    Burned,
    /// Another device has used it, or this one has.
    #[error("the code was used already")]
    Used,
    /// Too old.
    #[error("the code has expired")]
    Expired,
    /// The person there said no.
    #[error("the person at the other device declined")]
    Declined,
    /// The invitation was withdrawn.
    #[error("the invitation was withdrawn")]
    Withdrawn,
    /// Nobody said yes in time.
    #[error("nobody confirmed in time")]
    TimedOut,
    /// Something was said that has no place here.
    #[error("the other device said something that has no place here")]
    Broken,
    /// Another version of the protocol.
    #[error("another version of the pairing protocol")]
    Version,
    /// What was shown is not what was committed to: somebody stands in between.
    #[error("the other device did not keep to what it had committed to")]
    Commitment,
    /// It answers to the code and is not who made it: somebody stands in between.
    #[error("the other device did not make this code")]
    Impostor,
    /// The request is not signed by the keys it names.
    #[error("the request is not signed by the device it names")]
    Request,
    /// It could not be admitted there, after the words.
    #[error("the other device could not admit this one")]
    NotAdmitted,
    /// The connection ended before it was done.
    #[error("the connection ended before it was done")]
    Gone,
    /// A reason of a later version.
    #[error("refused for a reason this program does not know: {0}")]
    Other(u8),
}

impl Reason {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoInvitation => "pair-no-invitation",
            Self::WrongCode(_) => "pair-wrong-code",
            Self::Burned => "pair-burned",
            Self::Used => "pair-used",
            Self::Expired => "pair-expired",
            Self::Declined => "pair-declined",
            Self::Withdrawn => "pair-withdrawn",
            Self::TimedOut => "pair-timed-out",
            Self::Broken => "pair-broken",
            Self::Version => "pair-version",
            Self::Commitment => "pair-commitment",
            Self::Impostor => "pair-impostor",
            Self::Request => "pair-request",
            Self::NotAdmitted => "pair-not-admitted",
            Self::Gone => "pair-gone",
            Self::Other(_) => "pair-other",
        }
    }

    /// The flight that says so.
    pub fn flight(self) -> Flight {
        let (number, detail) = match self {
            Self::NoInvitation => (1, 0),
            Self::WrongCode(left) => (2, left),
            Self::Burned => (3, 0),
            Self::Used => (4, 0),
            Self::Expired => (5, 0),
            Self::Declined => (6, 0),
            Self::Withdrawn => (7, 0),
            Self::TimedOut => (8, 0),
            Self::Broken => (9, 0),
            Self::Version => (10, VERSION),
            Self::Commitment => (11, 0),
            Self::Impostor => (12, 0),
            Self::Request => (13, 0),
            Self::NotAdmitted => (14, 0),
            Self::Gone => (15, 0),
            Self::Other(number) => (number, 0),
        };
        Flight::Refused(number, detail)
    }

    /// The reason that a flight gives.
    pub fn of(number: u8, detail: u8) -> Self {
        match number {
            1 => Self::NoInvitation,
            2 => Self::WrongCode(detail),
            3 => Self::Burned,
            4 => Self::Used,
            5 => Self::Expired,
            6 => Self::Declined,
            7 => Self::Withdrawn,
            8 => Self::TimedOut,
            9 => Self::Broken,
            10 => Self::Version,
            11 => Self::Commitment,
            12 => Self::Impostor,
            13 => Self::Request,
            14 => Self::NotAdmitted,
            15 => Self::Gone,
            other => Self::Other(other),
        }
    }
}
