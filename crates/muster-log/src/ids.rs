//! Identifiers and units, each its own type, so that no two can be mistaken for one another.
//!
//! They carry bytes and an order, nothing else: what an id means is decided where it is used.

use std::fmt;

use crate::codec::{Decode, Encode};

macro_rules! bytes_id {
    ($($(#[$doc:meta])* $name:ident [$len:literal];)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// All zero: stands for "none" where a layout has a fixed place.
            pub const ZERO: Self = Self([0; $len]);

            /// Lower-case hex, whole.
            pub fn hex(&self) -> String {
                self.0.iter().map(|b| format!("{b:02x}")).collect()
            }

            /// Parses the whole id from hex of either case.
            pub fn from_hex(text: &str) -> Option<Self> {
                let text = text.as_bytes();
                if text.len() != $len * 2 {
                    return None;
                }
                let mut out = [0; $len];
                for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
                    let digits = std::str::from_utf8(pair).ok()?;
                    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                        return None;
                    }
                    *byte = u8::from_str_radix(digits, 16).ok()?;
                }
                Some(Self(out))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.hex())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.hex())
            }
        }
    )*};
}

bytes_id! {
    /// Hash of the unsigned body of a genesis.
    IncidentId [32];
    /// A device's Ed25519 public key in one incident.
    DeviceId [32];
    /// A device's X25519 public key, to which keys are sealed.
    ExchangeKey [32];
    /// Names one log: a device, a generation, a lane, in one incident.
    LogId [32];
    /// `h(n)`: commits to a log up to and with entry n.
    EntryHash [32];
    /// `d(n)`: hash of the header of entry n.
    HeaderHash [32];
    /// Hash of the stored bytes of a part.
    PartHash [32];
    /// Names a grant: the authority under which entries are written.
    GrantId [32];
    /// An Ed25519 signature.
    Signature [64];
    /// Names a class key by its hash.
    KeyId [16];
    /// Names an object of the model: a volunteer, a need ...
    ObjectId [16];
    /// Keyed tag of whom an entry is addressed to; zero for nobody in particular.
    AudienceTag [8];
    /// First bytes of a log id, as references carry them.
    LogPrefix [8];
    /// First bytes of an entry hash, as references carry them.
    HashCheck [8];
}

macro_rules! number {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

number! {
    /// Place of an entry in its log, from 0.
    Seq(u64);
    /// Logical time: breaks ties for display and nothing more.
    Lamport(u64);
    /// Random number that separates the lives of one device's data directory.
    Generation(u64);
    /// Milliseconds since 1970-01-01T00:00:00Z, as a device claims them.
    Millis(i64);
    /// Which of a device's logs: [`Lane::AUTHORITY`] or [`Lane::DATA`].
    Lane(u8);
    /// Confidentiality class, 0 to 3; other values are kept and never read.
    Class(u8);
}

impl Lane {
    /// Authority acts, keys, erasures, fork proofs: always travels first and from its start.
    pub const AUTHORITY: Self = Self(0);
    /// Everything else.
    pub const DATA: Self = Self(1);
}

impl Class {
    /// Public inside and outside: authority, keys, headers, public information.
    pub const C0: Self = Self(0);
    /// Every member from volunteer up.
    pub const C1: Self = Self(1);
    /// Names, phones, exact places: coordinators, hq, and the person concerned.
    pub const C2: Self = Self(2);
    /// Medical, protection, minors: holders of a named grant.
    pub const C3: Self = Self(3);
}

impl LogId {
    /// The part of the id that references carry.
    pub fn prefix(&self) -> LogPrefix {
        let mut out = [0; 8];
        out.copy_from_slice(&self.0[..8]);
        LogPrefix(out)
    }
}

impl EntryHash {
    /// The part of the hash that references carry.
    pub fn check(&self) -> HashCheck {
        let mut out = [0; 8];
        out.copy_from_slice(&self.0[..8]);
        HashCheck(out)
    }
}

impl Seq {
    /// The next place in the log; `None` after the last possible one.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}
