//! Cutting and joining stored runs into runs worth sending.

use crate::{
    chain::{MAX_RUN, RUN_BYTES},
    entry::{Entry, PartBody},
};

/// Cuts a stretch of entries into runs that end in a signature.
pub(super) struct Pieces {
    from: u64,
    to: u64,
    next: Option<u64>,
    /// Complete up to a signature.
    done: Vec<Entry>,
    done_bytes: usize,
    /// Since the last signature.
    tail: Vec<Entry>,
    tail_bytes: usize,
}

impl Pieces {
    pub(super) fn new(from: u64, to: u64) -> Self {
        Self {
            from,
            to,
            next: None,
            done: Vec::new(),
            done_bytes: 0,
            tail: Vec::new(),
            tail_bytes: 0,
        }
    }

    pub(super) fn push(&mut self, entry: Entry, ready: &mut Vec<Vec<Entry>>) {
        let seq = entry.header.seq.0;
        // Behind what was wanted, or before it, or repeated.
        if self.next.is_some_and(|n| seq < n) || seq < self.from {
            return;
        }
        if self.next.is_some_and(|n| seq != n) {
            self.end(ready);
        }
        if seq >= self.to && self.tail.is_empty() {
            return;
        }
        self.next = seq.checked_add(1);
        self.tail_bytes += 128 + entry.parts.iter().map(part_len).sum::<usize>();
        if entry.signature.is_some() {
            if self.done.len() + self.tail.len() >= MAX_RUN
                || self.done_bytes + self.tail_bytes > RUN_BYTES
            {
                self.flush(ready);
            }
            // Only the last signature of a run is sent.
            if let Some(last) = self.done.last_mut() {
                last.signature = None;
            }
            self.done.append(&mut self.tail);
            self.done.push(entry);
            self.done_bytes += std::mem::take(&mut self.tail_bytes);
        } else if self.tail.len() + 1 < MAX_RUN {
            self.tail.push(entry);
        } else {
            // No stored log has so many entries without a signature.
            self.end(ready);
        }
    }

    fn flush(&mut self, ready: &mut Vec<Vec<Entry>>) {
        if !self.done.is_empty() {
            ready.push(std::mem::take(&mut self.done));
        }
        self.done_bytes = 0;
    }

    pub(super) fn end(&mut self, ready: &mut Vec<Vec<Entry>>) {
        self.flush(ready);
        self.tail.clear();
        self.tail_bytes = 0;
    }
}

fn part_len(body: &PartBody) -> usize {
    match body {
        PartBody::Stored(bytes) => bytes.len(),
        PartBody::Absent => 40,
    }
}
