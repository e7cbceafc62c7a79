//! Filling a data directory through the real engine: parsed input, the door, the journal, the model;
//! every entry a run of its own, as local writes are, made durable in groups.
//!
//! Three entries in five make an object of `muster_model::sample`, two change one made earlier.

use std::{fs, path::Path, sync::Arc};

use muster_log::{entry::urgency, ids::ObjectId};
use muster_model::{
    numbers,
    parse::{self, Change, Reading},
    sample::{Given, Random, Sample, sample},
    table::{self, kinds},
    value::Typed,
    vocabulary::Vocabularies,
    writes,
};
use muster_node::{
    daemon::{now, random},
    engine::{Engine, OpenReport},
};
use muster_store::{DataDir, fs::RealFs, keys::Unlock};

use crate::Outcome;

/// Entries made durable by one sync.
pub const GROUP: usize = 64;

/// Opens a directory that the default key file unlocks.
pub fn open(dir: &Path) -> Outcome<(Engine, OpenReport)> {
    let dir = DataDir::open(Arc::new(RealFs), dir, &Unlock::DefaultKeyFile)?;
    Ok(Engine::open(dir, &mut random)?)
}

/// Megabytes of the files in a folder and below.
pub fn folder_mb(folder: &Path) -> Outcome<f64> {
    fn bytes(folder: &Path) -> std::io::Result<u64> {
        let mut sum = 0;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            sum += if meta.is_dir() {
                bytes(&entry.path())?
            } else {
                meta.len()
            };
        }
        Ok(sum)
    }
    Ok((bytes(folder)? as f64 / 1e4).round() / 100.0)
}

/// What is to be written, and how far it went.
pub struct Parked {
    entries: usize,
    written: usize,
    random: Random,
    samples: std::vec::IntoIter<Sample>,
    made: Vec<(u16, ObjectId)>,
}

/// Writes an operation of a given number of entries.
pub struct Loader {
    engine: Engine,
    plan: Parked,
}

impl Parked {
    /// Goes on where it stopped.
    pub fn resume(self, dir: &Path) -> Outcome<Loader> {
        Ok(Loader {
            engine: open(dir)?.0,
            plan: self,
        })
    }
}

impl Loader {
    /// Nothing is written yet.
    pub fn new(engine: Engine, seed: u64, entries: usize) -> Self {
        let objects = entries * 3 / 5;
        let plan = Parked {
            entries,
            written: 0,
            random: Random::new(seed),
            samples: sample(seed, objects, now()).into_iter(),
            made: Vec::new(),
        };
        Self { engine, plan }
    }

    /// Entries written so far.
    pub fn written(&self) -> usize {
        self.plan.written
    }

    /// Writes until there are so many entries, or all.
    pub fn until(&mut self, entries: usize) -> Outcome<()> {
        while self.plan.written < entries.min(self.plan.entries) {
            let left = self.plan.entries - self.plan.written;
            let objects = self.plan.samples.len();
            let make = self.plan.made.len() < 100 || self.plan.random.below(left) < objects;
            let next = if make { self.plan.samples.next() } else { None };
            match next {
                Some(one) => self.make(&one)?,
                // What was drawn may be so already: then another one.
                None if !self.change()? => continue,
                None => true,
            };
            self.plan.written += 1;
            if self.plan.written.is_multiple_of(GROUP) {
                self.flush()?;
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> Outcome<()> {
        self.engine.flush()?;
        // Nobody watches, and nobody is to be told.
        self.engine.take_changes();
        self.engine.take_admitted();
        Ok(())
    }

    /// Closes the directory, to go on later.
    pub fn park(self) -> Outcome<Parked> {
        self.engine.close()?;
        Ok(self.plan)
    }

    /// Closes the directory.
    pub fn finish(self) -> Outcome<()> {
        Ok(self.engine.close()?)
    }

    fn make(&mut self, one: &Sample) -> Outcome<bool> {
        let mut bytes = [0; 16];
        let halves = [self.plan.random.bits(), self.plan.random.bits()];
        for (to, from) in bytes.chunks_mut(8).zip(halves) {
            to.copy_from_slice(&from.to_le_bytes());
        }
        let id = ObjectId(bytes);
        let fields: Vec<(&str, String)> = one
            .fields
            .iter()
            .map(|(name, given)| match given {
                Given::Text(text) => (*name, text.clone()),
                Given::Object(at) => {
                    let made = self.plan.made.get(*at);
                    (*name, made.map(|m| m.1.hex()).unwrap_or_default())
                }
            })
            .collect();
        self.plan.made.push((one.kind, id));
        self.write(one.kind, id, &fields, true)
    }

    fn change(&mut self) -> Outcome<bool> {
        let random = &mut self.plan.random;
        let at = random.below(self.plan.made.len());
        let Some((kind, id)) = self.plan.made.get(at).copied() else {
            return Ok(false);
        };
        let pick = |list: &'static table::Enumeration, random: &mut Random| {
            let value = list.values.get(random.below(list.values.len()));
            value.map_or("", |v| v.0).to_owned()
        };
        let text: (&str, String) = match kind {
            kinds::VOLUNTEER => ("phone", format!("+999 {:08}", random.below(100_000_000))),
            kinds::NEED => ("status", pick(&table::NEED_STATUS, random)),
            kinds::TASK => ("priority", pick(&table::PRIORITY, random)),
            kinds::ASSIGNMENT => ("status", pick(&table::ASSIGNMENT_STATUS, random)),
            kinds::SITE => ("capacity", (20 + random.below(400)).to_string()),
            _ => ("contact", format!("Exemple {}", random.below(1_000_000))),
        };
        self.write(kind, id, &[text], false)
    }

    fn write(
        &mut self,
        kind: u16,
        id: ObjectId,
        fields: &[(&str, String)],
        new: bool,
    ) -> Outcome<bool> {
        let kind = table::kind(kind).ok_or("an unknown kind")?;
        let state = self.engine.state();
        let reading = Reading {
            vocabularies: Vocabularies::builtin(),
            state: Some(state),
            offset_minutes: 0,
        };
        let mut changes = Vec::new();
        let generator = &mut self.plan.random;
        for (name, text) in fields {
            let mut fresh = || generator.bits().max(1);
            changes.extend(parse::changes(&reading, kind, name, text, &mut fresh)?);
        }
        if new && let Some(number) = numbers::next_number(state, kind.number, "GYM") {
            changes.push(Change::Set {
                field: kind.number_of("number"),
                element: 0,
                value: Typed::Text(number.to_string()).write()?,
            });
        }
        let operations = writes::build(state, kind, id, &changes)?;
        if operations.is_empty() {
            return Ok(false);
        }
        self.engine
            .write(operations, urgency::NORMAL, now(), &mut random)?;
        Ok(true)
    }
}
