//! The few calls to a file system that the store needs, as a trait, and the real one.
//!
//! Not a general file system layer: what the store does not call is not here. The faulty file
//! system for tests and for the simulator is in [`fault`].

pub mod fault;

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;

use crate::error::IoFailure;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only to read: works on a read-only copy.
    Read,
    /// To read and to write.
    Write,
}

/// An open file. Offsets are explicit, so that a handle can be shared.
pub trait OpenFile: Send + Sync + Debug {
    /// Reads up to `buf.len()` bytes at `offset`; 0 at the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`. On an error any part of them may be in the file.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// The length of the file now.
    fn len(&self) -> io::Result<u64>;
    /// Is the file empty?
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }
    /// Cuts (or extends) the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Content and length reach the disk before this returns (fdatasync).
    fn sync_data(&self) -> io::Result<()>;
}

/// Held as long as the lock shall hold.
pub trait Lock: Send + Sync + Debug {}

/// The answer to an attempt to lock.
#[derive(Debug)]
pub enum Locking {
    /// It is ours until the value is dropped (or the process ends).
    Ours(Box<dyn Lock>),
    /// Another process holds it, and wrote this pid inside.
    Held(Option<u32>),
}

/// How much room there is on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this process may still write.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// The file system as the store sees it.
pub trait FileSystem: Send + Sync + Debug {
    /// Makes a new file for reading and writing; an error if the name exists.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn OpenFile>>;
    /// Opens an existing file.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn OpenFile>>;
    /// Renames, replacing what bears the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, sorted.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Makes a directory and those above it.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Does the name exist?
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// The names in this directory reach the disk before this returns.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// How much room there is where this directory lies.
    fn space(&self, dir: &Path) -> io::Result<Space>;
    /// Takes the lock file, exclusively, and writes our pid into it.
    fn lock(&self, path: &Path) -> io::Result<Locking>;
}

/// The operating system's file system: files 0600, directories 0700.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

#[derive(Debug)]
struct RealFile(File);

impl OpenFile for RealFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.0.read_at(buf, offset) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|m| m.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[derive(Debug)]
struct RealLock {
    /// The lock goes when the descriptor is closed.
    _file: File,
}

impl Lock for RealLock {}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).mode(0o600);
    options
}

impl FileSystem for RealFs {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let file = options().write(true).create_new(true).open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn OpenFile>> {
        let file = options().write(access == Access::Write).open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            // Names that are not text are none of ours, but they do make a directory non-empty.
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        let stat = rustix::fs::statvfs(dir)?;
        Ok(Space {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Locking> {
        let mut file = options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)?;
                file.write_all(format!("{}\n", std::process::id()).as_bytes())?;
                Ok(Locking::Ours(Box::new(RealLock { _file: file })))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.seek(SeekFrom::Start(0))?;
                // A holder that has not written its pid yet is still a holder.
                let _ = file.take(32).read_to_string(&mut text);
                Ok(Locking::Held(text.trim().parse().ok()))
            }
            Err(TryLockError::Error(e)) => Err(e),
        }
    }
}

/// Zeros written at once over what is destroyed.
const PIECE: usize = 64 * 1024;

/// Overwrites a file, waits until that is on the disk, and removes it. The directory is left for
/// the caller to sync.
pub(crate) fn destroy(fs: &dyn FileSystem, path: &Path) -> Result<(), IoFailure> {
    let overwrite = || {
        let file = fs.open(path, Access::Write)?;
        let (len, zeros) = (file.len()?, [0; PIECE]);
        let mut done = 0;
        while done < len {
            let some = usize::try_from(len - done).unwrap_or(PIECE).min(PIECE);
            file.write_at(zeros.get(..some).unwrap_or(&zeros), done)?;
            done += some as u64;
        }
        file.sync_data()
    };
    let overwritten = overwrite().map_err(IoFailure::at("overwrite", path));
    // Removed even so: a disk that takes no more writes may still forget a name.
    fs.remove(path).map_err(IoFailure::at("remove", path))?;
    overwritten
}

/// Reads until `buf` is full or the file ends; how many bytes there were.
pub(crate) fn read_full(file: &dyn OpenFile, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buf.get_mut(done..)
        && !rest.is_empty()
    {
        match file.read_at(rest, offset + done as u64)? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}

/// Reads a whole small file; one longer than `limit` is an error, before it is allocated.
pub(crate) fn read_small(fs: &dyn FileSystem, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = fs.open(path, Access::Read)?;
    let len = file.len()?;
    if len > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("{len} bytes where at most {limit} are expected"),
        ));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    let got = read_full(&*file, &mut bytes, 0)?;
    bytes.truncate(got);
    Ok(bytes)
}

/// Puts `bytes` under `path` so that after a crash there is the old content or the new, never a
/// mixture: a temporary file, synced, renamed over, and the directory synced.
pub(crate) fn write_atomic(fs: &dyn FileSystem, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    if fs.exists(&temporary)? {
        fs.remove(&temporary)?;
    }
    let file = fs.create_new(&temporary)?;
    let written = file
        .write_at(bytes, 0)
        .and_then(|()| file.sync_data())
        .and_then(|()| fs.rename(&temporary, path));
    if written.is_err() {
        // Best effort: on a full disk the half-written file only takes room.
        let _ = fs.remove(&temporary);
    }
    written?;
    match path.parent() {
        Some(dir) => fs.sync_dir(dir),
        None => Ok(()),
    }
}
