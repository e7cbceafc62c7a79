//! The genesis: what an incident is, signed by all its roots before the first entry.
//!
//! The incident's id is the hash of the unsigned body. Nothing in it can be changed later in-band.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::{
    chain::{DeviceKey, verify_tagged},
    codec::{self, Bounded, CodecError, Decode, Encode, Text},
    hash,
    ids::{DeviceId, ExchangeKey, IncidentId, Millis, Signature},
    limits,
    role::Role,
};

const TAG: &[u8] = b"muster genesis v1\0";
/// The format this program writes and reads.
pub const FORMAT: u16 = 1;
/// The cipher suite: Ed25519, X25519 HPKE, AES-256-GCM-SIV, BLAKE3.
pub const SUITE: u16 = 1;
/// Longest genesis, in bytes.
pub const MAX_GENESIS: usize = 8 * 1024;

/// The device that starts the incident; it holds an hq grant and the C3 key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Founder {
    /// Its signing key.
    pub device: DeviceId,
    /// The key to which keys are sealed for it.
    pub exchange: ExchangeKey,
    /// What people call it.
    pub label: Text<64>,
    /// The short code in numbers.
    pub code: Text<8>,
}

/// Most entries of each log of a device, by its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Allowances {
    /// Relays and volunteers.
    pub volunteer: u64,
    /// Leads.
    pub lead: u64,
    /// Coordinators and hq.
    pub coordinator: u64,
}

impl Default for Allowances {
    fn default() -> Self {
        Self {
            volunteer: limits::ENTRIES_VOLUNTEER,
            lead: limits::ENTRIES_LEAD,
            coordinator: limits::ENTRIES_COORDINATOR,
        }
    }
}

impl Allowances {
    /// The allowance of a role.
    pub fn of(&self, role: Role) -> u64 {
        match role {
            Role::Root | Role::Hq | Role::Coordinator => self.coordinator,
            Role::Lead => self.lead,
            Role::Volunteer | Role::Relay => self.volunteer,
        }
    }
}

/// Limits on shifts, from which fatigue warnings follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct RestRules {
    /// Longest shift, in minutes.
    pub shift_minutes: u16,
    /// Shortest rest between shifts, in minutes.
    pub rest_minutes: u16,
    /// Longest run of days with a shift on each.
    pub run_days: u16,
}

impl Default for RestRules {
    fn default() -> Self {
        Self {
            shift_minutes: 12 * 60,
            rest_minutes: 10 * 60,
            run_days: 14,
        }
    }
}

/// What the roots sign.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GenesisBody {
    /// See [`FORMAT`].
    pub format: u16,
    /// See [`SUITE`].
    pub suite: u16,
    /// Random: two incidents of one name and founder differ.
    pub salt: [u8; 32],
    /// What people call the incident.
    pub name: Text<120>,
    /// When the founder says it began.
    pub claimed: Millis,
    /// The root keys; they cannot be removed in-band.
    pub roots: Bounded<DeviceId, 16>,
    /// How many of them a recovery takes.
    pub threshold: u8,
    /// The first device.
    pub founder: Founder,
    /// Version of the field table.
    pub schema: u32,
    /// Most entries of a log.
    pub allowances: Allowances,
    /// Limits on shifts.
    pub rest: RestRules,
    /// Days after which personal data should be gone; 0 for no promise.
    pub retention_days: u32,
    /// Languages of the incident, the first one for pairing words.
    pub languages: Bounded<Text<16>, 8>,
}

/// A genesis whose signatures were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    id: IncidentId,
    body: GenesisBody,
    signatures: Bounded<Signature, 16>,
}

#[derive(Encode, Decode)]
struct Signed {
    body: GenesisBody,
    signatures: Bounded<Signature, 16>,
}

/// Why a genesis was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GenesisError {
    /// Not a genesis.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Made by a newer program.
    #[error(
        "genesis of format {format}, suite {suite}; this program reads format {FORMAT}, suite {SUITE}"
    )]
    Version { format: u16, suite: u16 },
    /// No roots, a root named twice, or a threshold that cannot be met.
    #[error("{roots} roots with a threshold of {threshold}")]
    Threshold { roots: usize, threshold: u8 },
    /// A root did not sign.
    #[error("root {0} has not signed")]
    Signature(usize),
}

impl Genesis {
    /// Signs a body with all its root keys, in their order.
    pub fn sign(body: GenesisBody, roots: &[DeviceKey]) -> Result<Self, GenesisError> {
        let bytes = codec::encode(&body);
        let signatures: Vec<_> = roots
            .iter()
            .map(|key| key.sign_tagged(TAG, &bytes))
            .collect();
        let signatures = signatures.try_into().map_err(|_| GenesisError::Threshold {
            roots: roots.len(),
            threshold: body.threshold,
        })?;
        Self::check(Signed { body, signatures })
    }

    /// Reads and checks a genesis.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GenesisError> {
        Self::check(codec::decode::<Signed, MAX_GENESIS>("genesis", bytes)?)
    }

    fn check(signed: Signed) -> Result<Self, GenesisError> {
        let Signed { body, signatures } = signed;
        if body.format != FORMAT || body.suite != SUITE {
            return Err(GenesisError::Version {
                format: body.format,
                suite: body.suite,
            });
        }
        let roots = body.roots.len();
        // A key named twice would sign twice and count as two people.
        let distinct = body.roots.iter().collect::<BTreeSet<_>>().len();
        if roots == 0
            || distinct < roots
            || body.threshold == 0
            || usize::from(body.threshold) > roots
        {
            return Err(GenesisError::Threshold {
                roots,
                threshold: body.threshold,
            });
        }
        if signatures.len() != roots {
            return Err(GenesisError::Signature(signatures.len().min(roots)));
        }
        let bytes = codec::encode(&body);
        for (at, (root, signature)) in body.roots.iter().zip(&signatures).enumerate() {
            if !verify_tagged(root, TAG, &bytes, signature) {
                return Err(GenesisError::Signature(at));
            }
        }
        Ok(Self {
            id: hash::incident_id(&bytes),
            body,
            signatures,
        })
    }

    /// The bytes that [`Self::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = codec::encode(&self.body);
        codec::append(&mut out, &self.signatures);
        out
    }

    /// The incident's id.
    pub fn id(&self) -> IncidentId {
        self.id
    }

    /// What was signed.
    pub fn body(&self) -> &GenesisBody {
        &self.body
    }
}
