//! Why a session closed, a run was refused, or a log is not sent: typed, with stable codes for
//! counters and JSON, and one byte each on the wire.

use thiserror::Error;

use crate::{
    book::Refusal,
    chain::RunError,
    ids::DeviceId,
    intake::Delay,
    run::RunCodecError,
    session::frame::{FrameError, VERSION},
};

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CloseReason {
    /// The other side does not hold this incident's secret. It was told nothing about us.
    #[error("the other side is not of this incident")]
    Stranger,
    /// Another version of the session protocol.
    #[error("the other side speaks session version {theirs}, this program {VERSION}")]
    Version {
        /// What the other side speaks.
        theirs: u8,
    },
    /// Nobody admitted the other device, by all that it and we know.
    #[error("device {0} was not admitted to this incident")]
    NotAdmitted(DeviceId),
    /// The other side does not know this device, by all that it and we know.
    #[error("the other side knows of nobody who admitted this device")]
    NotAdmittedThere,
    /// The other side was a member, and is none any more. It was given the entry that ended it.
    #[error("device {0} is no member of this incident any more")]
    Revoked(DeviceId),
    /// The other side says that this device is no member any more; the entry that says so, if it
    /// counts, came before.
    #[error("the other side says that this device is no member of the incident any more")]
    RevokedThere,
    /// The other side did not prove that it is the device it names.
    #[error("the other side is not the device {0} it names")]
    Identity(DeviceId),
    /// The other side is this very device: a cloned or restored data directory.
    #[error("the other side has this device's own key: its data directory was copied")]
    SameDevice,
    /// Bytes that are not a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame where none of its kind may come.
    #[error("unexpected: {0}")]
    Unexpected(&'static str),
    /// More than the other side may send without receipts.
    #[error("the other side sends more than was agreed")]
    Flood,
    /// Too many runs that prove nothing.
    #[error("the other side keeps sending broken runs")]
    Broken,
    /// The greeting took too long.
    #[error("the other side did not finish its greeting in time")]
    Timeout,
    /// Nothing was heard for too long.
    #[error("nothing was heard from the other side for too long")]
    Silent,
    /// The other side ended it, with this code.
    #[error("the other side ended the session (code {0})")]
    Theirs(u8),
    /// This side ended it.
    #[error("ended by this side")]
    Left,
}

impl CloseReason {
    /// A stable short code, for counters and JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::Version { .. } => "other-version",
            Self::NotAdmitted(_) => "not-admitted",
            Self::NotAdmittedThere => "not-admitted-there",
            Self::Revoked(_) => "revoked",
            Self::RevokedThere => "revoked-there",
            Self::Identity(_) => "bad-identity",
            Self::SameDevice => "same-device",
            Self::Frame(_) => "malformed",
            Self::Unexpected(_) => "unexpected",
            Self::Flood => "flood",
            Self::Broken => "broken-runs",
            Self::Timeout => "timeout",
            Self::Silent => "silent",
            Self::Theirs(_) => "theirs",
            Self::Left => "left",
        }
    }

    /// What is said of it to the other side; `None` where nothing is.
    pub(super) fn bye(&self) -> Option<u8> {
        match self {
            Self::Stranger | Self::NotAdmittedThere | Self::RevokedThere | Self::Theirs(_) => None,
            Self::Version { .. } => Some(bye::VERSION),
            Self::NotAdmitted(_) => Some(bye::NOT_ADMITTED),
            Self::Revoked(_) => Some(bye::REVOKED),
            Self::Left => Some(bye::LEFT),
            Self::SameDevice => Some(bye::SAME_DEVICE),
            Self::Timeout | Self::Silent => Some(bye::LATE),
            Self::Identity(_)
            | Self::Frame(_)
            | Self::Unexpected(_)
            | Self::Flood
            | Self::Broken => Some(bye::PROTOCOL),
        }
    }

    /// What a goodbye of the other side means.
    pub(super) fn heard(code: u8, version: u8) -> Self {
        match code {
            bye::VERSION => Self::Version { theirs: version },
            bye::NOT_ADMITTED => Self::NotAdmittedThere,
            bye::SAME_DEVICE => Self::SameDevice,
            bye::REVOKED => Self::RevokedThere,
            other => Self::Theirs(other),
        }
    }
}

mod bye {
    pub(super) const VERSION: u8 = 1;
    pub(super) const NOT_ADMITTED: u8 = 2;
    pub(super) const PROTOCOL: u8 = 3;
    pub(super) const LEFT: u8 = 4;
    pub(super) const SAME_DEVICE: u8 = 5;
    pub(super) const LATE: u8 = 6;
    pub(super) const REVOKED: u8 = 7;
}

/// Why a run was refused, here or over there, or a log is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Not a run.
    Malformed,
    /// A run of a later version.
    NewerVersion,
    /// A part came in plain, and its key is not held.
    NoKey,
    /// The signature is not the author's.
    BadSignature,
    /// The entries do not prove one another, or break a limit.
    BadRun,
    /// Nobody admitted the author.
    UnknownAuthor,
    /// A log of no known lane.
    UnknownLane,
    /// Its author signed two histories.
    Fork,
    /// Longer than its allowance.
    OverAllowance,
    /// Data from a device that is not known to be admitted.
    NotAdmitted,
    /// No room to keep it until its author is known.
    Busy,
    /// It could not be stored.
    NotStored,
    /// It could not be read from the store.
    Unreadable,
    /// It does not fit a frame.
    TooLong,
    /// More of its author than is taken in a day; later.
    Rate,
    /// More logs of its author than are taken at once; later.
    Generations,
    /// Too little room on the disk; later.
    NoSpace,
    /// A reason of a later version.
    Other(u8),
}

impl Reason {
    /// All reasons that have a name, in the order of their codes on the wire, from 16 on.
    const NAMED: [(Self, &'static str); 17] = [
        (Self::Malformed, "malformed"),
        (Self::NewerVersion, "newer-version"),
        (Self::NoKey, "no-key"),
        (Self::BadSignature, "bad-signature"),
        (Self::BadRun, "bad-run"),
        (Self::UnknownAuthor, "unknown-author"),
        (Self::UnknownLane, "unknown-lane"),
        (Self::Fork, "fork"),
        (Self::OverAllowance, "over-allowance"),
        (Self::NotAdmitted, "not-admitted"),
        (Self::Busy, "busy"),
        (Self::NotStored, "not-stored"),
        (Self::Unreadable, "unreadable"),
        (Self::TooLong, "too-long"),
        (Self::Rate, "rate"),
        (Self::Generations, "generations"),
        (Self::NoSpace, "no-space"),
    ];

    /// A stable short code, for counters and JSON.
    pub fn code(self) -> &'static str {
        let named = Self::NAMED.iter().find(|(reason, _)| *reason == self);
        named.map_or("other", |(_, code)| code)
    }

    /// The reason as a receipt carries it.
    pub(super) fn wire(self) -> u8 {
        if let Self::Other(code) = self {
            return code;
        }
        let at = (16u8..).zip(Self::NAMED).find(|(_, (r, _))| *r == self);
        at.map_or(u8::MAX, |(code, _)| code)
    }

    /// Reads [`Self::wire`].
    pub(super) fn from_wire(code: u8) -> Self {
        let at = usize::from(code.wrapping_sub(16));
        Self::NAMED.get(at).map_or(Self::Other(code), |(r, _)| *r)
    }

    /// Whether an honest device can cause it; the others are counted towards [`CloseReason::Broken`].
    pub(super) fn honest(self) -> bool {
        !matches!(self, Self::Malformed | Self::BadSignature | Self::BadRun)
    }
}

impl Reason {
    /// Whether the same run may be taken later, with nothing new said by anybody.
    pub(super) fn passes(self) -> bool {
        use Reason::{Busy, Generations, NoSpace, NotStored, Rate};
        matches!(self, Busy | NotStored | Rate | Generations | NoSpace)
    }
}

impl From<Delay> for Reason {
    fn from(delay: Delay) -> Self {
        match delay {
            Delay::Rate => Self::Rate,
            Delay::Generations => Self::Generations,
            Delay::NoSpace => Self::NoSpace,
        }
    }
}

impl From<&Refusal> for Reason {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Codec(RunCodecError::Version(_)) => Self::NewerVersion,
            Refusal::Codec(RunCodecError::NoKey(_)) => Self::NoKey,
            Refusal::Codec(RunCodecError::Codec(_)) => Self::Malformed,
            Refusal::Run(RunError::Signature(_) | RunError::Unsigned(_) | RunError::Key) => {
                Self::BadSignature
            }
            Refusal::Run(_) => Self::BadRun,
            Refusal::UnknownAuthor(_) => Self::UnknownAuthor,
            Refusal::Lane(_) => Self::UnknownLane,
            Refusal::Fork { .. } => Self::Fork,
            Refusal::Allowance { .. } => Self::OverAllowance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_keep_their_places_on_the_wire() {
        for (code, (reason, _)) in (16u8..).zip(Reason::NAMED) {
            assert_eq!(reason.wire(), code);
            assert_eq!(Reason::from_wire(code), reason);
        }
        assert_eq!(Reason::Fork.wire(), 23);
        assert_eq!(Reason::NoSpace.wire(), 32);
        assert_eq!(Reason::from_wire(200), Reason::Other(200));
        assert_eq!(Reason::from_wire(3), Reason::Other(3));
    }
}
