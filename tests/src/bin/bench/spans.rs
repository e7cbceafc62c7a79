//! What a start consists of: each stage by itself, with its time and the memory it leaves behind.

use std::{path::Path, sync::Arc, time::Instant};

use muster_log::{genesis::Genesis, ids::ObjectId, record, run};
use muster_model::state::State;
use muster_node::engine;
use muster_store::{DataDir, Index, Journal, fs::RealFs, journal::Options, keys::Unlock};
use serde_json::{Value as Json, json};

use crate::{Outcome, daemon};

/// Table of objects in the index.
const OBJECTS: u8 = 1;

struct Spans {
    at: Instant,
    memory: f64,
    out: Vec<Json>,
}

impl Spans {
    fn note(&mut self, stage: &str) -> Outcome<()> {
        let ms = self.at.elapsed().as_secs_f64() * 1e3;
        let memory = daemon::anonymous_mb("self")?;
        self.out.push(json!({
            "stage": stage, "ms": (ms * 10.0).round() / 10.0,
            "left_mb": ((memory - self.memory) * 10.0).round() / 10.0,
        }));
        self.memory = memory;
        self.at = Instant::now();
        Ok(())
    }
}

/// Walks through a start, stage by stage.
pub fn start(home: &Path) -> Outcome<Json> {
    let mut spans = Spans {
        at: Instant::now(),
        memory: daemon::anonymous_mb("self")?,
        out: Vec::new(),
    };
    let dir = DataDir::open(Arc::new(RealFs), home, &Unlock::DefaultKeyFile)?;
    let secrets = engine::read_secrets(&dir)?;
    let genesis = dir.read_public("genesis")?.ok_or("no genesis")?;
    let genesis = Genesis::from_bytes(&genesis)?;
    spans.note("directory and keys")?;
    let (journal, _) = Journal::open(&dir, Options::default())?;
    spans.note("survey of the journal: read, checksums")?;
    let index = Index::open(
        &dir.index_path(),
        dir.key(),
        muster_node::FIELD_TABLE,
        muster_store::index::Options::default(),
        &mut muster_node::daemon::random,
    )?
    .into_index();
    spans.note("sled opened, all of it weighed")?;
    let mut state = State::default();
    let mut values = Vec::new();
    for item in index.scan(OBJECTS) {
        values.push(item?);
    }
    spans.note("objects read from sled and unsealed")?;
    for (key, value) in &values {
        state.load(ObjectId(key.as_slice().try_into()?), value)?;
    }
    spans.note("objects unpacked, hashed, indexed")?;
    drop(values);
    spans.note("(their copies freed)")?;
    let incident = genesis.id();
    for item in journal.scan(None)? {
        item?;
    }
    spans.note("journal read and unsealed")?;
    for item in journal.scan(None)? {
        run::decode(&incident, record::decode(&item?.1)?.1)?;
    }
    spans.note("the same, and runs decoded")?;
    let mut book = engine::empty_book(&genesis, &secrets);
    for item in journal.scan(None)? {
        book.reopen(record::decode(&item?.1)?.1)?;
    }
    spans.note("the same, and linked and counted in the book")?;
    drop(index);
    spans.note("(sled closed)")?;
    Ok(
        json!({ "stages": spans.out, "entries": book.entries(), "objects": state.len(), "packed_mb": state.packed_bytes() as f64 / 1e6 }),
    )
}
