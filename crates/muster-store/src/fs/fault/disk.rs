//! The disk behind the faulty file system: what is seen now, and what would survive.
//!
//! Every file and directory is kept twice, as programs see it and as the platter has it, with the
//! changes in between. What a power cut does to them is in [`super::cut`]. No policy about which call fails when lives in the handles; it is all in
//! [`Disk::step`].

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::{Fault, FaultKind, Space};

/// What sort of call is made, to decide whether the planned fault concerns it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Look,
    Change,
    NeedRoom,
}

#[derive(Clone)]
pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl Change {
    pub(super) fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                if let Some(place) = content.get_mut(*offset..end) {
                    place.copy_from_slice(bytes);
                }
            }
            Self::SetLen(len) => content.resize(*len, 0),
        }
    }
}

#[derive(Clone, Default)]
pub(super) struct FileNode {
    pub(super) seen: Vec<u8>,
    pub(super) kept: Vec<u8>,
    pub(super) pending: Vec<Change>,
}

#[derive(Clone, Default)]
pub(super) struct DirNode {
    pub(super) seen: BTreeMap<String, usize>,
    pub(super) kept: BTreeMap<String, usize>,
}

#[derive(Clone)]
pub(super) enum Node {
    File(FileNode),
    Dir(DirNode),
}

type Name = (usize, String);

/// A change of names not on the platter yet. One is kept or lost as a whole, renames too.
#[derive(Clone)]
pub(super) struct NameChange {
    add: Option<(Name, usize)>,
    drop: Option<Name>,
}

impl NameChange {
    fn touches(&self, dir: usize) -> bool {
        self.add.as_ref().is_some_and(|((d, _), _)| *d == dir)
            || self.drop.as_ref().is_some_and(|(d, _)| *d == dir)
    }
}

#[derive(Clone)]
pub(super) struct Disk {
    /// What it says of its room.
    pub(super) space: Space,
    pub(super) nodes: Vec<Node>,
    pub(super) names: Vec<NameChange>,
    pub(super) locks: BTreeSet<PathBuf>,
    fault: Option<Fault>,
    calls: u64,
    changes: u64,
    struck: bool,
    pub(super) off: bool,
    pub(super) epoch: u64,
    pub(super) rng: u64,
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Disk {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            nodes: vec![Node::Dir(DirNode::default())],
            names: Vec::new(),
            locks: BTreeSet::new(),
            fault: None,
            calls: 0,
            changes: 0,
            struck: false,
            off: false,
            epoch: 0,
            rng: seed,
            space: Space {
                free: u64::MAX,
                total: u64::MAX,
            },
        }
    }

    /// SplitMix64: enough for accidents, and the same everywhere.
    pub(super) fn next(&mut self) -> u64 {
        self.rng = self.rng.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.rng;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// How much of `len` gets through when a call is interrupted: anything from none to all.
    pub(super) fn part_of(&mut self, len: usize) -> usize {
        let count = u64::try_from(len).unwrap_or(u64::MAX).saturating_add(1);
        usize::try_from(self.next() % count).unwrap_or(0)
    }

    pub(super) fn plan(&mut self, fault: Option<Fault>) {
        self.fault = fault;
        self.calls = 0;
        self.changes = 0;
        self.struck = false;
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn struck(&self) -> bool {
        self.struck
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Counts a call and lets it fail if it is its turn.
    pub(super) fn step(&mut self, epoch: u64, call: Call) -> io::Result<()> {
        if self.off || epoch != self.epoch {
            return Err(io::Error::other("the power is off"));
        }
        let (call_number, change_number) = (self.calls, self.changes);
        self.calls += 1;
        self.changes += u64::from(call != Call::Look);
        match self.fault {
            Some(Fault::PowerCut { at }) if call != Call::Look && change_number == at => {
                self.off = true;
                self.struck = true;
                Err(io::Error::other("the power went"))
            }
            Some(Fault::Error { at, kind, lasting })
                if call_number == at || (lasting && call_number > at) =>
            {
                match kind {
                    FaultKind::NoSpace if call != Call::NeedRoom => Ok(()),
                    FaultKind::NoSpace => {
                        self.struck = true;
                        Err(io::ErrorKind::StorageFull.into())
                    }
                    FaultKind::Io => {
                        self.struck = true;
                        Err(io::Error::other("input/output error"))
                    }
                }
            }
            _ => Ok(()),
        }
    }

    pub(super) fn keep_name(&mut self, change: &NameChange) {
        if let Some((dir, name)) = &change.drop
            && let Some(Node::Dir(dir)) = self.nodes.get_mut(*dir)
        {
            dir.kept.remove(name);
        }
        if let Some(((dir, name), node)) = &change.add
            && let Some(Node::Dir(dir)) = self.nodes.get_mut(*dir)
        {
            dir.kept.insert(name.clone(), *node);
        }
    }

    fn change_name(&mut self, change: NameChange) {
        if let Some((dir, name)) = &change.drop
            && let Some(Node::Dir(dir)) = self.nodes.get_mut(*dir)
        {
            dir.seen.remove(name);
        }
        if let Some(((dir, name), node)) = &change.add
            && let Some(Node::Dir(dir)) = self.nodes.get_mut(*dir)
        {
            dir.seen.insert(name.clone(), *node);
        }
        self.names.push(change);
    }

    fn find(&self, path: &Path) -> Option<usize> {
        let mut at = 0;
        for part in path.components() {
            match (part, self.nodes.get(at)?) {
                (Component::Normal(name), Node::Dir(dir)) => {
                    at = *dir.seen.get(name.to_str()?)?;
                }
                (Component::Normal(_), Node::File(_)) => return None,
                _ => {}
            }
        }
        Some(at)
    }

    /// The directory a path lies in, and its last name.
    fn place(&self, path: &Path) -> io::Result<Name> {
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .ok_or_else(not_found)?;
        let parent = path.parent().unwrap_or(Path::new(""));
        let dir = self.find(parent).ok_or_else(not_found)?;
        match self.nodes.get(dir) {
            Some(Node::Dir(_)) => Ok((dir, name.to_owned())),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn add(&mut self, node: Node, at: Name) -> usize {
        let id = self.nodes.len();
        self.nodes.push(node);
        self.change_name(NameChange {
            add: Some((at, id)),
            drop: None,
        });
        id
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<usize> {
        let place = self.place(path)?;
        if self.find(path).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(self.add(Node::File(FileNode::default()), place))
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<usize> {
        let id = self.find(path).ok_or_else(not_found)?;
        match self.nodes.get(id) {
            Some(Node::File(_)) => Ok(id),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn create_dir_all(&mut self, path: &Path) -> io::Result<()> {
        let mut so_far = PathBuf::new();
        for part in path.components() {
            so_far.push(part);
            if self.find(&so_far).is_none() {
                let place = self.place(&so_far)?;
                self.add(Node::Dir(DirNode::default()), place);
            }
        }
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.find(from).ok_or_else(not_found)?;
        let (drop, add) = (self.place(from)?, self.place(to)?);
        self.change_name(NameChange {
            add: Some((add, node)),
            drop: Some(drop),
        });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        let drop = Some(self.place(path)?);
        self.change_name(NameChange { add: None, drop });
        Ok(())
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        match self.find(path).and_then(|id| self.nodes.get(id)) {
            Some(Node::Dir(dir)) => Ok(dir.seen.keys().cloned().collect()),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(not_found()),
        }
    }

    pub(super) fn exists(&self, path: &Path) -> bool {
        self.find(path).is_some()
    }

    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let id = self.find(path).ok_or_else(not_found)?;
        let names = std::mem::take(&mut self.names);
        let (mine, others) = names.into_iter().partition(|c| c.touches(id));
        self.names = others;
        let mine: Vec<NameChange> = mine;
        for change in &mine {
            self.keep_name(change);
        }
        Ok(())
    }

    fn node(&mut self, id: usize) -> io::Result<&mut FileNode> {
        match self.nodes.get_mut(id) {
            Some(Node::File(file)) => Ok(file),
            _ => Err(not_found()),
        }
    }

    pub(super) fn read(&mut self, id: usize, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let file = self.node(id)?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = file.seen.get(from..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn change(&mut self, id: usize, change: Change) -> io::Result<()> {
        let file = self.node(id)?;
        change.apply(&mut file.seen);
        file.pending.push(change);
        Ok(())
    }

    pub(super) fn write(&mut self, id: usize, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = bytes.to_vec();
        self.change(id, Change::Write { offset, bytes })
    }

    pub(super) fn len(&mut self, id: usize) -> io::Result<u64> {
        Ok(self.node(id)?.seen.len() as u64)
    }

    pub(super) fn set_len(&mut self, id: usize, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.change(id, Change::SetLen(len))
    }

    pub(super) fn sync_file(&mut self, id: usize) -> io::Result<()> {
        let file = self.node(id)?;
        for change in std::mem::take(&mut file.pending) {
            change.apply(&mut file.kept);
        }
        Ok(())
    }

    /// A sync that failed: the system calls the data clean, and it never reaches the platter.
    pub(super) fn forget_pending(&mut self, id: usize) {
        if self.off {
            return; // The power went during the sync: anything may have got through.
        }
        if let Ok(file) = self.node(id) {
            file.pending.clear();
        }
    }

    pub(super) fn lock(&mut self, path: &Path) -> io::Result<bool> {
        if self.find(path).is_none() {
            self.create(path)?;
        }
        Ok(self.locks.insert(path.to_path_buf()))
    }

    pub(super) fn unlock(&mut self, path: &Path, epoch: u64) {
        if epoch == self.epoch {
            self.locks.remove(path);
        }
    }

    pub(super) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut todo = vec![(PathBuf::from("/"), 0)];
        while let Some((path, id)) = todo.pop() {
            match self.nodes.get(id) {
                Some(Node::File(file)) => found.push((path, file.seen.clone())),
                Some(Node::Dir(dir)) => {
                    todo.extend(dir.seen.iter().map(|(n, id)| (path.join(n), *id)));
                }
                None => {}
            }
        }
        found.sort();
        found
    }

    pub(super) fn damage(
        &mut self,
        path: &Path,
        change: impl FnOnce(&mut Vec<u8>),
    ) -> io::Result<()> {
        let id = self.file(path)?;
        let file = self.node(id)?;
        change(&mut file.seen);
        file.kept = file.seen.clone();
        file.pending.clear();
        Ok(())
    }
}
