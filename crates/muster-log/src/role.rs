//! Roles of devices, and which role may grant which. What a role may write is the model's table.

use crate::codec::{Decode, Encode};

/// A device's role, most senior first: `Root < Hq < ... < Relay` in this type's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Role {
    /// Signs the genesis; limits and recovery only.
    Root,
    /// Headquarters.
    Hq,
    /// Coordinates an area or the whole.
    Coordinator,
    /// Leads a team or a site.
    Lead,
    /// A volunteer's own device.
    Volunteer,
    /// Carries what it cannot read.
    Relay,
}

/// Deepest chain of grants below the founder's.
pub const MAX_DEPTH: u8 = 4;

impl Role {
    /// All roles, most senior first.
    pub const ALL: [Self; 6] = [
        Self::Root,
        Self::Hq,
        Self::Coordinator,
        Self::Lead,
        Self::Volunteer,
        Self::Relay,
    ];

    /// The role's code in JSON, flags and text.
    pub fn code(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Hq => "hq",
            Self::Coordinator => "coordinator",
            Self::Lead => "lead",
            Self::Volunteer => "volunteer",
            Self::Relay => "relay",
        }
    }

    /// Parses a code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.code() == code)
    }

    /// Whether this role may grant `other`: hq and coordinator their own and below, lead volunteer
    /// and relay, others nothing; nobody grants root.
    pub fn may_grant(self, other: Self) -> bool {
        match self {
            Self::Hq | Self::Coordinator => other >= self,
            Self::Lead => other >= Self::Volunteer,
            Self::Root | Self::Volunteer | Self::Relay => false,
        }
    }

    /// Whether this role reads the whole of class `class` by itself (C3 takes a named grant).
    pub fn reads_class(self, class: crate::ids::Class) -> bool {
        match class.0 {
            0 => true,
            1 => self <= Self::Volunteer,
            2 => self <= Self::Coordinator,
            _ => false,
        }
    }
}
