//! Which files an import reads: bundles, journal directories, and directories of either.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use muster_log::bundle;
use muster_store::Unlock;

use crate::error::Problem;

/// Deepest nesting of directories that is walked.
const MAX_DEPTH: usize = 32;

/// Something to import.
#[derive(Debug, Clone)]
pub struct Source {
    /// A bundle, a data directory, or a directory that holds some of them.
    pub path: PathBuf,
    /// Opens the data directories found there; where none is given, the import's own is tried.
    pub unlock: Option<Unlock>,
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self { path, unlock: None }
    }
}

/// One thing found.
#[derive(Debug)]
pub(crate) enum Found {
    Bundle(PathBuf),
    Journal(PathBuf, Option<Unlock>),
    Trouble(PathBuf, Problem),
}

impl Found {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Bundle(path) | Self::Journal(path, _) | Self::Trouble(path, _) => path,
        }
    }
}

/// Everything under the sources, each directory in the order of its names. Links inside
/// directories are not followed.
pub(crate) fn find(sources: &[Source], unlock: Option<&Unlock>) -> Vec<Found> {
    let mut out = Vec::new();
    for source in sources {
        let unlock = source.unlock.as_ref().or(unlock);
        match fs::metadata(&source.path) {
            Ok(meta) if meta.is_dir() => walk(&source.path, unlock, 0, &mut out),
            Ok(_) => out.push(Found::Bundle(source.path.clone())),
            Err(e) => out.push(Found::Trouble(
                source.path.clone(),
                Problem::io("look at", &source.path)(e),
            )),
        }
    }
    out
}

fn walk(path: &Path, unlock: Option<&Unlock>, depth: usize, out: &mut Vec<Found>) {
    if path.join("FORMAT").is_file() {
        out.push(Found::Journal(path.to_path_buf(), unlock.cloned()));
        return;
    }
    let listed = fs::read_dir(path).and_then(|all| all.collect::<Result<Vec<_>, _>>());
    let mut all = match listed {
        Ok(all) => all,
        Err(e) => {
            let problem = Problem::io("list", path)(e);
            out.push(Found::Trouble(path.to_path_buf(), problem));
            return;
        }
    };
    all.sort_by_key(fs::DirEntry::file_name);
    for entry in all {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => walk(&path, unlock, depth + 1, out),
            Ok(kind) if kind.is_file() && looks_like_a_bundle(&path) => {
                out.push(Found::Bundle(path));
            }
            Ok(_) => tracing::debug!(path = %path.display(), "not a bundle, left out"),
            Err(e) => {
                let problem = Problem::io("look at", &path)(e);
                out.push(Found::Trouble(path, problem));
            }
        }
    }
}

/// By its name or its first bytes; what is wrong with it is said when it is read.
fn looks_like_a_bundle(path: &Path) -> bool {
    if path.extension().is_some_and(|e| e == "muster") {
        return true;
    }
    let mut head = [0; 7];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && bundle::MAGIC.starts_with(&head)
}
