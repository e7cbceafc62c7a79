//! What follows when authority changes its judgement of entries that were applied already: a
//! revocation, an adoption, a re-admission.
//!
//! The objects that the devices concerned ever touched are forgotten and computed anew from all
//! entries, so that the state is the one that a device comes to which heard everything at once.

use std::collections::BTreeSet;

use muster_log::{
    act::Act,
    authority::acts_of,
    book::Book,
    chain::VerifiedRun,
    ids::{DeviceId, Lane, ObjectId},
    keyring::Opened,
};

use super::{Engine, apply::object_of, read::read_kept};
use crate::error::NodeError;

impl Engine {
    /// Judges again what these devices wrote.
    pub(super) fn judge_again(&mut self, devices: &BTreeSet<DeviceId>) -> Result<(), NodeError> {
        let mut touched = BTreeSet::new();
        let book = &self.book;
        self.each_run(|_, run| {
            if devices.contains(&run.log().device) {
                touched.extend(objects_of(book, run));
            }
        })?;
        self.compute_again(&touched)
    }

    /// Forgets objects, and computes them from all entries.
    pub(super) fn compute_again(&mut self, touched: &BTreeSet<ObjectId>) -> Result<(), NodeError> {
        if touched.is_empty() {
            return Ok(());
        }
        for object in touched {
            self.state.forget(*object);
        }
        let mut runs = self.journal.scan(None)?;
        let incident = self.book.incident();
        runs.try_for_each(|item| {
            let (_, bytes) = item?;
            self.apply_again(&read_kept(&self.book, &incident, &bytes)?, touched);
            Ok(())
        })
    }
}

/// The objects of which a run says something that can be read here.
fn objects_of(book: &Book, run: &VerifiedRun) -> BTreeSet<ObjectId> {
    let mut out = BTreeSet::new();
    for entry in run.entries() {
        for part in 0..u8::try_from(entry.parts().len()).unwrap_or(u8::MAX) {
            let Opened::Content(content) = book.keys().read(&run.id(), entry, part) else {
                continue;
            };
            let read = content.operations.iter().filter_map(|op| op.read().ok());
            out.extend(read.filter_map(|op| object_of(&op)));
        }
        if run.log().lane == Lane::AUTHORITY {
            let erased = acts_of(entry).into_iter().filter_map(|(_, act)| match act {
                Act::Erase(act) => Some(act.object),
                _ => None,
            });
            out.extend(erased);
        }
    }
    out
}
