//! Reading one bundle file, front to back, a piece at a time.

use std::{fs::File, io::Read as _, path::Path};

use muster_log::{
    bundle::{BundleError, Item, Reader, Stretch},
    genesis::Genesis,
};

use crate::error::{HqError, Problem};

const PIECE: usize = 64 * 1024;
/// Damaged stretches named one by one; more are only counted.
const MAX_NAMED: usize = 1000;

/// Why reading a file stops.
pub(crate) enum Halt {
    /// The import stops.
    Whole(HqError),
    /// This file gives no more; the others go on.
    File(Problem),
}

impl From<HqError> for Halt {
    fn from(error: HqError) -> Self {
        Self::Whole(error)
    }
}

impl<T: Into<Problem>> From<T> for Halt {
    fn from(problem: T) -> Self {
        Self::File(problem.into())
    }
}

/// What came out of a file.
pub(crate) enum Piece {
    Genesis(Box<Genesis>),
    Contents(Vec<Stretch>),
    Run(Vec<u8>),
}

/// What is wrong with a file that could be read.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    /// Nothing of it is missing.
    pub(crate) complete: bool,
    /// What is damaged, in words.
    pub(crate) damage: Vec<String>,
}

impl Condition {
    pub(crate) fn note(&mut self, damage: String) {
        if self.damage.len() < MAX_NAMED {
            self.damage.push(damage);
        } else if self.damage.len() == MAX_NAMED {
            self.damage.push("and more".to_owned());
        }
    }
}

/// Gives every piece of a bundle that is whole to `each`.
pub(crate) fn read(
    path: &Path,
    mut each: impl FnMut(Piece) -> Result<(), Halt>,
) -> Result<Condition, Halt> {
    let mut file = File::open(path).map_err(Problem::io("open", path))?;
    let mut reader = Reader::default();
    let mut condition = Condition::default();
    let mut buffer = vec![0; PIECE];
    loop {
        let got = match file.read(&mut buffer) {
            Ok(got) => got,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            // A stick with a bad place: what came before it counts.
            Err(e) => {
                condition.note(format!("the rest cannot be read: {e}"));
                0
            }
        };
        match buffer.get(..got) {
            Some(bytes) if got > 0 => reader.push(bytes),
            _ => reader.finish(),
        }
        loop {
            match reader.next_item() {
                Ok(Some(Item::Genesis(genesis))) => each(Piece::Genesis(genesis))?,
                Ok(Some(Item::Contents(contents))) => each(Piece::Contents(contents))?,
                Ok(Some(Item::Run(run))) => each(Piece::Run(run))?,
                Ok(Some(Item::Damage(d))) => {
                    condition.note(format!("bytes {} to {}", d.offset, d.offset + d.len));
                }
                Ok(Some(Item::End)) => {}
                Ok(None) => break,
                Err(e @ (BundleError::NotABundle | BundleError::Version(_))) => {
                    return Err(e.into());
                }
                Err(e) => condition.note(e.to_string()),
            }
        }
        if got == 0 {
            break;
        }
    }
    condition.complete = reader.complete() && condition.damage.is_empty();
    if !reader.complete() && condition.damage.is_empty() {
        condition.note("it ends before its end".to_owned());
    }
    Ok(condition)
}
