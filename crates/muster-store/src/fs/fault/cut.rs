//! What a power cut leaves of the changes that were not synced.
//!
//! Only the decision, from a seed; the changes themselves are made in [`super::disk`].

use super::disk::{Change, Disk, Node};

const SECTOR: usize = 512;

impl Disk {
    pub(super) fn restart(&mut self, seed: u64) {
        self.rng = seed;
        // Four tempers: nothing unsynced survives, everything, a beginning of it, or any of it.
        let temper = self.next() % 4;
        let names = std::mem::take(&mut self.names);
        let stop = self.part_of(names.len());
        for (i, change) in names.iter().enumerate() {
            let survives = match temper {
                0 => false,
                1 => true,
                2 => i < stop,
                _ => self.next().is_multiple_of(2),
            };
            if survives {
                self.keep_name(change);
            }
        }
        for id in 0..self.nodes.len() {
            self.settle(id, temper);
        }
        self.locks.clear();
        self.off = false;
        self.epoch += 1;
        self.plan(None);
    }

    /// Decides what of one file's unsynced changes survives.
    fn settle(&mut self, id: usize, temper: u64) {
        let pending = match self.nodes.get_mut(id) {
            Some(Node::File(file)) => std::mem::take(&mut file.pending),
            _ => Vec::new(),
        };
        let stop = self.part_of(pending.len());
        let mut surviving = Vec::new();
        for (i, change) in pending.into_iter().enumerate() {
            match temper {
                0 => {}
                1 => surviving.push(change),
                2 if i < stop => surviving.push(change),
                2 if i == stop => surviving.extend(self.torn(change)),
                2 => {}
                _ => match self.next() % 4 {
                    0 => {}
                    1 => surviving.push(change),
                    2 => surviving.extend(self.torn(change)),
                    _ => surviving.extend(self.sectors(change)),
                },
            }
        }
        match self.nodes.get_mut(id) {
            Some(Node::File(file)) => {
                for change in &surviving {
                    change.apply(&mut file.kept);
                }
                file.seen = file.kept.clone();
            }
            Some(Node::Dir(dir)) => dir.seen = dir.kept.clone(),
            None => {}
        }
    }

    fn torn(&mut self, change: Change) -> Vec<Change> {
        match change {
            Change::Write { offset, mut bytes } => {
                let part = self.part_of(bytes.len());
                bytes.truncate(part);
                vec![Change::Write { offset, bytes }]
            }
            Change::SetLen(_) => Vec::new(),
        }
    }

    fn sectors(&mut self, change: Change) -> Vec<Change> {
        let Change::Write { offset, bytes } = change else {
            return vec![change];
        };
        let mut kept = Vec::new();
        let (mut at, mut rest) = (offset, bytes.as_slice());
        while !rest.is_empty() {
            let (sector, tail) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
            if self.next().is_multiple_of(2) {
                kept.push(Change::Write {
                    offset: at,
                    bytes: sector.to_vec(),
                });
            }
            at += sector.len();
            rest = tail;
        }
        kept
    }
}
