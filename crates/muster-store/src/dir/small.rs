//! The small files of a data directory: sealed secrets, and what is no secret.
//!
//! A handful of files that are written rarely; not a store for many things.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{DataDir, DirError, exists};
use crate::Random;
use crate::error::IoFailure;
use crate::fs;
use crate::seal::Sealer;

/// The largest small file (secret or public).
pub const MAX_SMALL_FILE: u64 = 1024 * 1024;

const SECRET_PURPOSE: &str = "muster-store 2026 small secrets";

impl DataDir {
    fn small_path(&self, name: &str, ending: &str) -> Result<PathBuf, DirError> {
        let fits = (1..=64).contains(&name.len())
            && name
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !fits {
            return Err(DirError::BadName {
                name: name.to_owned(),
            });
        }
        Ok(self.path.join("keys").join(format!("{name}.{ending}")))
    }

    fn write_small(&self, path: &Path, name: &str, bytes: &[u8]) -> Result<(), DirError> {
        self.check_writable()?;
        if bytes.len() as u64 > MAX_SMALL_FILE {
            return Err(DirError::TooLarge {
                name: name.to_owned(),
                len: bytes.len(),
            });
        }
        fs::write_atomic(&*self.fs, path, bytes).map_err(IoFailure::at("write", path))?;
        Ok(())
    }

    fn read_small(&self, path: &Path) -> Result<Option<Vec<u8>>, DirError> {
        if !exists(&*self.fs, path)? {
            return Ok(None);
        }
        let bytes =
            fs::read_small(&*self.fs, path, MAX_SMALL_FILE).map_err(IoFailure::at("read", path))?;
        Ok(Some(bytes))
    }

    /// Keeps a small secret, sealed, in place of what bore the name before. Durable on return.
    ///
    /// # Errors
    /// What failed; then the old content still stands.
    pub fn write_secret(
        &self,
        name: &str,
        secret: &[u8],
        random: Random<'_>,
    ) -> Result<(), DirError> {
        let path = self.small_path(name, "secret")?;
        let sealer = Sealer::new(&self.key.derive(SECRET_PURPOSE));
        let sealed = sealer.seal_small(random, name.as_bytes(), secret);
        self.write_small(&path, name, &sealed)
    }

    /// The secret of that name, or `None` if there is none.
    ///
    /// # Errors
    /// [`DirError::DamagedSecret`] if its seal does not verify, or what failed.
    pub fn read_secret(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, DirError> {
        let path = self.small_path(name, "secret")?;
        let Some(sealed) = self.read_small(&path)? else {
            return Ok(None);
        };
        Sealer::new(&self.key.derive(SECRET_PURPOSE))
            .open_small(name.as_bytes(), &sealed)
            .map(Some)
            .ok_or(DirError::DamagedSecret { path })
    }

    /// Keeps a small file that is no secret. Durable on return.
    ///
    /// # Errors
    /// What failed; then the old content still stands.
    pub fn write_public(&self, name: &str, bytes: &[u8]) -> Result<(), DirError> {
        let path = self.small_path(name, "public")?;
        self.write_small(&path, name, bytes)
    }

    /// The public file of that name, or `None`. Nothing vouches for its content.
    ///
    /// # Errors
    /// What failed.
    pub fn read_public(&self, name: &str) -> Result<Option<Vec<u8>>, DirError> {
        let path = self.small_path(name, "public")?;
        self.read_small(&path)
    }
}
