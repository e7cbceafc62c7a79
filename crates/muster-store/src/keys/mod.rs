//! The storage key: 32 random bytes under which everything at rest is sealed, and how a
//! passphrase or a key file unlocks it.
//!
//! Not the keys of the incident: this module does not know there are any. Where the wrapped key
//! lies is decided in `dir`; here are its bytes.

mod wrapped;

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use self::wrapped::{SALT_LEN, SEALED_LEN, Wrapped};
use crate::Random;
use crate::error::IoFailure;
use crate::fs::{self, FileSystem};
use crate::seal::{NONCE_LEN, Sealer, Secret};

/// What opens the storage key.
#[derive(Clone)]
pub enum Unlock {
    /// A passphrase someone types.
    Passphrase(Zeroizing<String>),
    /// A key file kept elsewhere: a stick, a systemd credential.
    KeyFile(PathBuf),
    /// The content of a key file kept elsewhere, read already: by whoever may read it, for a process
    /// that may not.
    Key(Zeroizing<Vec<u8>>),
    /// The key file in the data directory itself: no protection against whoever has the disk.
    DefaultKeyFile,
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passphrase(_) => f.write_str("Passphrase(..)"),
            Self::KeyFile(path) => f.debug_tuple("KeyFile").field(path).finish(),
            Self::Key(_) => f.write_str("Key(..)"),
            Self::DefaultKeyFile => f.write_str("DefaultKeyFile"),
        }
    }
}

impl Unlock {
    /// Which method this is.
    #[must_use]
    pub fn method(&self) -> Method {
        match self {
            Self::Passphrase(_) => Method::Passphrase,
            Self::KeyFile(_) | Self::Key(_) => Method::KeyFile,
            Self::DefaultKeyFile => Method::DefaultKeyFile,
        }
    }
}

/// How a data directory is unlocked; readable without unlocking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By a passphrase.
    Passphrase,
    /// By a key file kept elsewhere.
    KeyFile,
    /// By the key file in the data directory.
    DefaultKeyFile,
}

impl Method {
    /// Its stable name, for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
            Self::KeyFile => "key-file",
            Self::DefaultKeyFile => "default-key-file",
        }
    }
}

impl Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase => "a passphrase",
            Self::KeyFile => "a key file",
            Self::DefaultKeyFile => "the default key file",
        })
    }
}

/// What Argon2id may cost. Stored beside the wrapped key, so that it can be raised later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassphraseCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for PassphraseCost {
    /// 64 MiB, three passes, one lane.
    fn default() -> Self {
        Self {
            memory_kib: 64 * 1024,
            passes: 3,
            lanes: 1,
        }
    }
}

impl PassphraseCost {
    const NONE: Self = Self {
        memory_kib: 0,
        passes: 0,
        lanes: 0,
    };

    /// A damaged or hostile file must not make us allocate without end: at most 1 GiB.
    fn within_bounds(self) -> bool {
        (8..=1024 * 1024).contains(&self.memory_kib)
            && (1..=64).contains(&self.passes)
            && (1..=16).contains(&self.lanes)
    }
}

/// Why a storage key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The passphrase or the key file is not the one the key was wrapped with.
    #[error("the {method} is not the right one for {}", path.display(),
        method = match method { Method::Passphrase => "passphrase", _ => "key file" })]
    WrongKey {
        /// The wrapped key.
        path: PathBuf,
        /// What was tried.
        method: Method,
    },
    /// The key is wrapped by another method than the one offered.
    #[error("{} is unlocked by {stored}, not by {offered}", path.display())]
    OtherMethod {
        /// The wrapped key.
        path: PathBuf,
        /// How it is wrapped.
        stored: Method,
        /// What was offered.
        offered: Method,
    },
    /// The wrapped key's file does not verify.
    #[error("the wrapped key {} is damaged: {why}", path.display())]
    Damaged {
        /// The wrapped key.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A key file that holds too little to be a key.
    #[error("{} is no key file: it holds {len} bytes, at least 32 are needed", path.display())]
    KeyFileTooShort {
        /// The key file.
        path: PathBuf,
        /// Its length.
        len: usize,
    },
    /// The passphrase is empty.
    #[error("an empty passphrase protects nothing")]
    EmptyPassphrase,
    /// Argon2 refused these costs, or the memory for them is not there.
    #[error("cannot derive a key with {memory_kib} KiB, {passes} passes, {lanes} lanes")]
    Cost {
        /// Memory asked for.
        memory_kib: u32,
        /// Passes asked for.
        passes: u32,
        /// Lanes asked for.
        lanes: u32,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] IoFailure),
}

/// The key under which everything at rest is sealed; wiped when dropped.
#[derive(Clone)]
pub struct StorageKey(Secret);

impl fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorageKey(..)")
    }
}

impl StorageKey {
    /// A fresh one.
    pub fn generate(random: Random<'_>) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        random(&mut *key);
        Self(key)
    }

    /// A key for one purpose only; no two purposes share a key.
    pub(crate) fn derive(&self, purpose: &str) -> Secret {
        Zeroizing::new(blake3::derive_key(purpose, &*self.0))
    }
}

/// The largest key file.
pub const MAX_KEY_FILE: u64 = 64 * 1024;
const KEY_FILE_PURPOSE: &str = "muster-store 2026 wrapping key from a key file";

/// Where the wrapped key and the default key file lie.
pub(crate) struct KeyPlaces {
    pub(crate) wrapped: PathBuf,
    pub(crate) default_key: PathBuf,
}

fn from_passphrase(
    passphrase: &str,
    salt: &[u8],
    cost: PassphraseCost,
) -> Result<Secret, KeyError> {
    let PassphraseCost {
        memory_kib,
        passes,
        lanes,
    } = cost;
    let refused = || KeyError::Cost {
        memory_kib,
        passes,
        lanes,
    };
    if passphrase.is_empty() {
        return Err(KeyError::EmptyPassphrase);
    }
    if !cost.within_bounds() {
        return Err(refused());
    }
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| refused())?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
        .map_err(|_| refused())?;
    Ok(key)
}

/// 64 hexadecimal digits (white space around them is ignored) are 32 bytes; any other file counts
/// as it is, from 32 bytes up.
fn from_key_file(fs: &dyn FileSystem, path: &Path, salt: &[u8]) -> Result<Secret, KeyError> {
    let content = fs::read_small(fs, path, MAX_KEY_FILE)
        .map(Zeroizing::new)
        .map_err(IoFailure::at("read the key file", path))?;
    from_key(&content, path, salt)
}

/// `path` is named where the content is no key.
fn from_key(content: &[u8], path: &Path, salt: &[u8]) -> Result<Secret, KeyError> {
    let material = Zeroizing::new(match hex_key(content) {
        Some(key) => key.to_vec(),
        None => content.to_vec(),
    });
    if material.len() < 32 {
        return Err(KeyError::KeyFileTooShort {
            path: path.to_path_buf(),
            len: material.len(),
        });
    }
    let mut input = Zeroizing::new(salt.to_vec());
    input.extend_from_slice(&material);
    Ok(Zeroizing::new(blake3::derive_key(KEY_FILE_PURPOSE, &input)))
}

fn hex_key(content: &[u8]) -> Option<Secret> {
    let digits = content.trim_ascii();
    if digits.len() != 64 {
        return None;
    }
    let mut key = Zeroizing::new([0; 32]);
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let text = std::str::from_utf8(pair).ok()?;
        if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(text, 16).ok()?;
    }
    Some(key)
}

fn wrapping_key(
    fs: &dyn FileSystem,
    places: &KeyPlaces,
    unlock: &Unlock,
    salt: &[u8],
    cost: PassphraseCost,
) -> Result<Secret, KeyError> {
    match unlock {
        Unlock::Passphrase(passphrase) => from_passphrase(passphrase, salt, cost),
        Unlock::KeyFile(path) => from_key_file(fs, path, salt),
        Unlock::Key(content) => from_key(content, &places.wrapped, salt),
        Unlock::DefaultKeyFile => from_key_file(fs, &places.default_key, salt),
    }
}

/// Wraps `key` for `unlock` and puts it in its place; makes the default key file if it is to be
/// the method.
pub(crate) fn store(
    fs: &dyn FileSystem,
    places: &KeyPlaces,
    key: &StorageKey,
    unlock: &Unlock,
    cost: PassphraseCost,
    random: Random<'_>,
) -> Result<(), KeyError> {
    if matches!(unlock, Unlock::DefaultKeyFile) {
        let path = &places.default_key;
        let mut fresh = Zeroizing::new([0; 32]);
        random(&mut *fresh);
        let mut text = Zeroizing::new(String::with_capacity(65));
        text.push_str(blake3::Hash::from_bytes(*fresh).to_hex().as_str());
        text.push('\n');
        fs::write_atomic(fs, path, text.as_bytes()).map_err(IoFailure::at("write", path))?;
    }
    let mut wrapped = Wrapped {
        method: unlock.method(),
        cost: match unlock {
            Unlock::Passphrase(_) => cost,
            _ => PassphraseCost::NONE,
        },
        salt: [0; SALT_LEN],
        nonce: [0; NONCE_LEN],
        sealed: [0; SEALED_LEN],
    };
    random(&mut wrapped.salt);
    random(&mut wrapped.nonce);
    let outer = wrapping_key(fs, places, unlock, &wrapped.salt, wrapped.cost)?;
    let mut sealed = Vec::with_capacity(SEALED_LEN);
    Sealer::new(&outer).seal_onto(wrapped.nonce, &wrapped.head(), &*key.0, &mut sealed);
    if let Ok(sealed) = sealed.try_into() {
        wrapped.sealed = sealed;
    }
    let path = &places.wrapped;
    fs::write_atomic(fs, path, &wrapped.encode()).map_err(IoFailure::at("write", path))?;
    Ok(())
}

fn read_wrapped(fs: &dyn FileSystem, places: &KeyPlaces) -> Result<Wrapped, KeyError> {
    let path = &places.wrapped;
    let bytes = fs::read_small(fs, path, 4096).map_err(IoFailure::at("read", path))?;
    Wrapped::decode(&bytes).map_err(|why| KeyError::Damaged {
        path: path.clone(),
        why,
    })
}

/// Which method unlocks the key that lies there.
pub(crate) fn method(fs: &dyn FileSystem, places: &KeyPlaces) -> Result<Method, KeyError> {
    read_wrapped(fs, places).map(|wrapped| wrapped.method)
}

/// Unwraps the storage key.
pub(crate) fn load(
    fs: &dyn FileSystem,
    places: &KeyPlaces,
    unlock: &Unlock,
) -> Result<StorageKey, KeyError> {
    let wrapped = read_wrapped(fs, places)?;
    let path = &places.wrapped;
    // A default key file may be named by its path too: a copy of the directory, say.
    let same_sort = matches!(wrapped.method, Method::Passphrase)
        == matches!(unlock.method(), Method::Passphrase);
    if !same_sort || (wrapped.method, unlock.method()) == (Method::KeyFile, Method::DefaultKeyFile)
    {
        return Err(KeyError::OtherMethod {
            path: path.clone(),
            stored: wrapped.method,
            offered: unlock.method(),
        });
    }
    let outer = wrapping_key(fs, places, unlock, &wrapped.salt, wrapped.cost)?;
    let key = Sealer::new(&outer)
        .open(wrapped.nonce, &wrapped.head(), &wrapped.sealed)
        .map(Zeroizing::new)
        .and_then(|plain| <[u8; 32]>::try_from(plain.as_slice()).ok())
        .ok_or_else(|| KeyError::WrongKey {
            path: path.clone(),
            method: unlock.method(),
        })?;
    Ok(StorageKey(Zeroizing::new(key)))
}
