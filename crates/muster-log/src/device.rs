//! What a device keeps to itself: its keys, its generation, the incident secret.
//!
//! Here is only the encoding. Whoever keeps a data directory stores it sealed, as one small file;
//! it is never logged and never sent.

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    chain::DeviceKey,
    codec::{self, CodecError, Decode, Encode, Text},
    entry::LogKey,
    ids::{DeviceId, Generation, GrantId, Lane},
    seal::ExchangeSecret,
};

/// Name of the sealed file.
pub const FILE: &str = "device";
/// Name of the public file that holds the genesis.
pub const GENESIS_FILE: &str = "genesis";

/// The device's secrets. Without `member` it has asked to join and has no answer yet.
#[derive(Clone, PartialEq, Encode, Decode, Zeroize, ZeroizeOnDrop)]
pub struct Secrets {
    signing: [u8; 32],
    exchange: [u8; 32],
    generation: u64,
    /// What people call the device.
    #[zeroize(skip)]
    pub label: Text<64>,
    /// Its short code in numbers.
    #[zeroize(skip)]
    pub code: Text<8>,
    member: Option<Membership>,
}

/// What a member knows beyond its own keys.
#[derive(Clone, PartialEq, Encode, Decode, Zeroize)]
pub struct Membership {
    /// The incident secret.
    pub secret: [u8; 32],
    /// The grant this device writes under.
    #[zeroize(skip)]
    pub grant: GrantId,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.device())
    }
}

impl Secrets {
    /// Makes the secrets of a new device from random bytes.
    pub fn new(random: &mut dyn FnMut(&mut [u8]), label: Text<64>, code: Text<8>) -> Self {
        let mut fresh = || {
            let mut bytes = [0; 32];
            random(&mut bytes);
            bytes
        };
        let (signing, exchange, generation) = (fresh(), fresh(), fresh());
        let exchange = *ExchangeSecret::from_random(exchange).bytes();
        let mut secrets = Self {
            signing,
            exchange,
            generation: 0,
            label,
            code,
            member: None,
        };
        secrets.set_generation(&generation);
        secrets
    }

    fn set_generation(&mut self, random: &[u8; 32]) {
        self.generation = random
            .iter()
            .take(8)
            .fold(0, |n, byte| n << 8 | u64::from(*byte));
    }

    /// Opens a new generation: after a repair, a restore, or any doubt about the log's tail.
    pub fn renew_generation(&mut self, random: &mut dyn FnMut(&mut [u8])) {
        let mut bytes = [0; 32];
        random(&mut bytes);
        self.set_generation(&bytes);
    }

    /// Notes that the device was admitted.
    pub fn join(&mut self, member: Membership) {
        self.member = Some(member);
    }

    /// What a member knows; none before the answer came.
    pub fn member(&self) -> Option<&Membership> {
        self.member.as_ref()
    }

    /// The signing key.
    pub fn key(&self) -> DeviceKey {
        DeviceKey::from_bytes(&self.signing)
    }

    /// The X25519 secret.
    pub fn exchange(&self) -> ExchangeSecret {
        ExchangeSecret::from_bytes(self.exchange)
    }

    /// The device's id. It is computed from the secret each time, as costly as a signature: who needs
    /// it often keeps it.
    pub fn device(&self) -> DeviceId {
        self.key().id()
    }

    /// Which life of the data directory this is.
    pub fn generation(&self) -> Generation {
        Generation(self.generation)
    }

    /// The log this device writes in a lane.
    pub fn log(&self, lane: Lane) -> LogKey {
        LogKey {
            device: self.device(),
            generation: self.generation(),
            lane,
        }
    }

    /// The bytes to be sealed.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(codec::encode(self))
    }

    /// Reads them back.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode::<Self, 1024>("device secrets", bytes)
    }
}
