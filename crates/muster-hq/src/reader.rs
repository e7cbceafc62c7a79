//! Headquarters' own device: the keys with which sealed parts are read.
//!
//! Only its secrets and its genesis are taken here; its journal is a source like any other.

use std::{path::Path, sync::Arc};

use muster_log::{
    device::{self, Secrets},
    genesis::Genesis,
    ids::DeviceId,
    keyring::KeyRing,
};
use muster_store::{DataDir, Unlock, fs::RealFs};

use crate::error::{HqError, Problem};

/// A device that reads for headquarters.
pub struct HqDevice {
    genesis: Genesis,
    secrets: Secrets,
}

impl std::fmt::Debug for HqDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HqDevice({})", self.device())
    }
}

impl HqDevice {
    /// Takes the secrets out of a data directory; takes no lock and changes nothing.
    pub fn open(path: &Path, unlock: &Unlock) -> Result<Self, HqError> {
        Self::read(path, unlock).map_err(|source| HqError::Device {
            path: path.to_path_buf(),
            source: Box::new(source),
        })
    }

    fn read(path: &Path, unlock: &Unlock) -> Result<Self, Problem> {
        let dir = DataDir::open_read_only(Arc::new(RealFs), path, unlock)?;
        let secrets = dir.read_secret(device::FILE)?.ok_or(Problem::NoDevice)?;
        let secrets = Secrets::from_bytes(&secrets)?;
        let genesis = dir
            .read_public(device::GENESIS_FILE)?
            .ok_or(Problem::NoGenesis)?;
        Ok(Self::new(Genesis::from_bytes(&genesis)?, secrets))
    }

    /// A device whose secrets are at hand already.
    pub fn new(genesis: Genesis, secrets: Secrets) -> Self {
        Self { genesis, secrets }
    }

    /// Which device it is.
    pub fn device(&self) -> DeviceId {
        self.secrets.device()
    }

    /// The incident it belongs to.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    pub(crate) fn ring(&self) -> KeyRing {
        KeyRing::new(self.device(), self.secrets.exchange())
    }
}
