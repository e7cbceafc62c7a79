//! Reading the journal of a data directory, a dead laptop's say; nothing in it is changed.

use std::{path::Path, sync::Arc};

use muster_log::{device, genesis::Genesis, record};
use muster_store::{DataDir, Unlock, fs::RealFs, journal::ReadOnlyJournal};

use crate::{
    bundle_file::{Condition, Halt, Piece},
    error::Problem,
};

/// Opens the directory; asks for no lock.
pub(crate) fn open(path: &Path, unlock: Option<&Unlock>) -> Result<DataDir, Problem> {
    let unlock = unlock.ok_or_else(|| Problem::NoUnlock(path.to_path_buf()))?;
    Ok(DataDir::open_read_only(Arc::new(RealFs), path, unlock)?)
}

/// Gives the genesis and every run that verifies to `each`. Its keys are not taken: they are
/// somebody else's.
pub(crate) fn read(
    path: &Path,
    unlock: Option<&Unlock>,
    mut each: impl FnMut(Piece) -> Result<(), Halt>,
) -> Result<Condition, Halt> {
    let dir = open(path, unlock)?;
    let mut condition = Condition::default();
    match dir.read_public(device::GENESIS_FILE) {
        Ok(Some(bytes)) => match Genesis::from_bytes(&bytes) {
            Ok(genesis) => each(Piece::Genesis(Box::new(genesis)))?,
            Err(e) => condition.note(format!("its genesis: {e}")),
        },
        Ok(None) => condition.note("its genesis is missing".to_owned()),
        Err(e) => condition.note(e.to_string()),
    }
    let journal = ReadOnlyJournal::open(&dir)?;
    for damage in journal.damages() {
        condition.note(damage.to_string());
    }
    condition.complete = condition.damage.is_empty();
    for torn in journal.torn() {
        condition.note(format!("{torn} (a torn end, never acknowledged)"));
    }
    for item in journal.records() {
        let read = item.map(|(at, bytes)| match record::decode(&bytes) {
            Ok((_, run)) => Ok(run.to_vec()),
            Err(e) => Err(format!("record at {at}: {e}")),
        });
        match read {
            Ok(Ok(run)) => each(Piece::Run(run))?,
            Ok(Err(why)) => {
                condition.complete = false;
                condition.note(why);
            }
            Err(e) => {
                condition.complete = false;
                condition.note(e.to_string());
            }
        }
    }
    Ok(condition)
}
