//! A file system in memory that can fail: power cuts, full disks, I/O errors.
//!
//! For tests and for the simulator; never used by a daemon. It is harsher than ext4: a written
//! block is kept only if its file was synced, a name only if its directory was synced, and at a
//! power cut each unsynced change survives or not as the seed decides, whole, in sectors or torn
//! at any byte. After a failed sync the data counts as clean and is lost, as on Linux. The same
//! seed and the same calls give the same outcome.

mod cut;
mod disk;

use std::fmt::{self, Debug};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::disk::{Call, Disk};
use super::{Access, FileSystem, Lock, Locking, OpenFile, Space};

/// Which error a call shall give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// ENOSPC; only calls that need room fail.
    NoSpace,
    /// EIO; any call may fail.
    Io,
}

/// What shall go wrong, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// At the n-th changing call (from 0) the power goes: that call and all later ones fail until
    /// [`FaultyFs::restart`].
    PowerCut {
        /// Which changing call, counted from [`FaultyFs::plan`].
        at: u64,
    },
    /// The n-th call of any sort (from 0) fails.
    Error {
        /// Which call, counted from [`FaultyFs::plan`].
        at: u64,
        /// With what.
        kind: FaultKind,
        /// Do all later calls of that sort fail too?
        lasting: bool,
    },
}

/// The faulty file system. A clone is another handle on the same disk; [`FaultyFs::fork`] makes a
/// disk of its own.
#[derive(Clone)]
pub struct FaultyFs {
    disk: Arc<Mutex<Disk>>,
}

impl Debug for FaultyFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyFs").finish_non_exhaustive()
    }
}

impl FaultyFs {
    /// An empty disk whose accidents follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            disk: Arc::new(Mutex::new(Disk::new(seed))),
        }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the disk as it is, pending changes included; handles stay with the original.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            disk: Arc::new(Mutex::new(self.disk().clone())),
        }
    }

    /// Sets what shall go wrong (`None`: nothing) and starts counting calls from 0.
    pub fn plan(&self, fault: Option<Fault>) {
        self.disk().plan(fault);
    }

    /// Calls of any sort since [`FaultyFs::plan`].
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.disk().calls()
    }

    /// Changing calls (create, write, cut, sync, rename, remove) since [`FaultyFs::plan`].
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.disk().changes()
    }

    /// Did the planned fault happen?
    #[must_use]
    pub fn struck(&self) -> bool {
        self.disk().struck()
    }

    /// The power goes (if it has not yet) and comes back: what was not synced survives or not as
    /// `seed` decides, all handles and locks are gone, and nothing more is planned.
    pub fn restart(&self, seed: u64) {
        self.disk().restart(seed);
    }

    /// Says how much room there is from now on. Nothing is refused for it: see [`FaultKind::NoSpace`].
    pub fn set_space(&self, space: Space) {
        self.disk().space = space;
    }

    /// Every file with its content as seen now.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.disk().files()
    }

    /// Changes a file behind everybody's back, durably: how a test damages a disk.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.disk().damage(path, change)
    }
}

#[derive(Debug)]
struct FaultyFile {
    fs: FaultyFs,
    node: usize,
    epoch: u64,
    access: Access,
}

impl FaultyFile {
    fn may_write(&self) -> io::Result<()> {
        match self.access {
            Access::Write => Ok(()),
            Access::Read => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }
}

impl OpenFile for FaultyFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut disk = self.fs.disk();
        disk.step(self.epoch, Call::Look)?;
        disk.read(self.node, buf, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.may_write()?;
        let mut disk = self.fs.disk();
        let stepped = disk.step(self.epoch, Call::NeedRoom);
        if stepped.is_err() {
            // The call fails in the middle: some of it is in the file.
            let part = disk.part_of(bytes.len());
            disk.write(self.node, bytes.get(..part).unwrap_or_default(), offset)?;
            return stepped;
        }
        disk.write(self.node, bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        let mut disk = self.fs.disk();
        disk.step(self.epoch, Call::Look)?;
        disk.len(self.node)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.may_write()?;
        let mut disk = self.fs.disk();
        disk.step(self.epoch, Call::Change)?;
        disk.set_len(self.node, len)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.fs.disk();
        let stepped = disk.step(self.epoch, Call::NeedRoom);
        if stepped.is_err() {
            disk.forget_pending(self.node);
            return stepped;
        }
        disk.sync_file(self.node)
    }
}

#[derive(Debug)]
struct FaultyLock {
    fs: FaultyFs,
    path: PathBuf,
    epoch: u64,
}

impl Lock for FaultyLock {}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        self.fs.disk().unlock(&self.path, self.epoch);
    }
}

impl FileSystem for FaultyFs {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let mut disk = self.disk();
        let epoch = disk.epoch();
        disk.step(epoch, Call::NeedRoom)?;
        let node = disk.create(path)?;
        Ok(Box::new(FaultyFile {
            fs: self.clone(),
            node,
            epoch,
            access: Access::Write,
        }))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn OpenFile>> {
        let mut disk = self.disk();
        let epoch = disk.epoch();
        disk.step(epoch, Call::Look)?;
        let node = disk.file(path)?;
        Ok(Box::new(FaultyFile {
            fs: self.clone(),
            node,
            epoch,
            access,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let epoch = disk.epoch();
        disk.step(epoch, Call::NeedRoom)?;
        disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let epoch = disk.epoch();
        disk.step(epoch, Call::Change)?;
        disk.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut disk = self.disk();
        let epoch = disk.epoch();
        disk.step(epoch, Call::Look)?;
        disk.list(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let epoch = disk.epoch();
        disk.step(epoch, Call::NeedRoom)?;
        disk.create_dir_all(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let mut disk = self.disk();
        let epoch = disk.epoch();
        disk.step(epoch, Call::Look)?;
        Ok(disk.exists(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let epoch = disk.epoch();
        disk.step(epoch, Call::Change)?;
        disk.sync_dir(dir)
    }

    fn space(&self, _: &Path) -> io::Result<Space> {
        let mut disk = self.disk();
        let epoch = disk.epoch();
        disk.step(epoch, Call::Look)?;
        Ok(disk.space)
    }

    fn lock(&self, path: &Path) -> io::Result<Locking> {
        let mut disk = self.disk();
        let epoch = disk.epoch();
        disk.step(epoch, Call::NeedRoom)?;
        if !disk.lock(path)? {
            return Ok(Locking::Held(Some(std::process::id())));
        }
        Ok(Locking::Ours(Box::new(FaultyLock {
            fs: self.clone(),
            path: path.to_path_buf(),
            epoch,
        })))
    }
}
