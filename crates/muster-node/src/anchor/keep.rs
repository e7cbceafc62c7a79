//! The marker, the record and the anchor as files. What they mean is decided above.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use muster_log::{
    device::{self, Secrets},
    ids::Lane,
};
use muster_store::DataDir;
use serde::{Deserialize, Serialize};

use super::{Doubt, Machine, Place, Record, Renewed, Tick, doubt, lost};
use crate::{
    edge::now,
    engine::{Engine, read_secrets},
    error::NodeError,
};

/// Name of the sealed record.
const RECORD: &str = "anchor";
/// Name of the marker: a random word, in the clear.
const MARKER: &str = "here";
/// An anchor is a line; anything longer is none.
const MAX_ANCHOR: u64 = 4096;

/// Random bytes, drawn at the edge.
type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

/// What lies outside: a tick, and a tag that only the device itself can make.
#[derive(Serialize, Deserialize)]
struct Outside {
    tick: Tick,
    tag: [u8; 32],
}

/// A directory's anchor while the daemon runs.
#[derive(Debug)]
pub struct Anchor {
    file: Option<PathBuf>,
    key: [u8; 32],
    record: Record,
    noticed: Option<Doubt>,
    trouble: Option<String>,
}

/// What an anchor says without being touched.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// What the next start will doubt.
    pub doubt: Option<Doubt>,
    /// What an earlier one did.
    pub renewed: Option<Renewed>,
}

/// All that is looked at.
struct Seen {
    place: Option<Place>,
    machine: Option<Machine>,
    record: Option<Record>,
    outside: Option<Tick>,
    file: Option<PathBuf>,
    key: [u8; 32],
}

impl Seen {
    fn of(dir: &DataDir, secrets: &Secrets, anchors: Option<&Path>) -> Self {
        let key = blake3::derive_key("muster 2026 anchor tag v1", secrets.exchange().bytes());
        let file = anchors.and_then(|a| file_of(dir.path(), a));
        // A record that is damaged says no more than one that is missing.
        let record = dir.read_secret(RECORD).ok().flatten();
        Self {
            place: place(dir.path()),
            machine: machine(secrets),
            record: record.and_then(|r| serde_json::from_slice(&r).ok()),
            outside: file.as_deref().and_then(|f| read_outside(f, &key)),
            file,
            key,
        }
    }

    fn doubt(&self) -> Option<Doubt> {
        doubt(self.record.as_ref(), self.outside, self.place, self.machine)
    }
}

impl Anchor {
    /// Looks whether the directory is in doubt, and if so opens a new generation of its device's
    /// logs. To be called before the engine is opened, and [`Self::settle`] right after.
    pub fn open(
        dir: &DataDir,
        anchors: Option<&Path>,
        random: Random<'_>,
    ) -> Result<Self, NodeError> {
        let mut secrets = read_secrets(dir)?;
        let marked = mark(dir, random);
        let seen = Seen::of(dir, &secrets, anchors);
        let noticed = seen.doubt();
        if let Some(doubt) = noticed {
            tracing::warn!(
                reason = doubt.code(),
                "this data directory may not be the one that wrote last: a new generation begins"
            );
            secrets.renew_generation(random);
            dir.write_secret(device::FILE, &secrets.to_bytes(), random)?;
        }
        let mut record = seen.record.unwrap_or_else(|| blank(&secrets));
        record.tick.count = record.tick.count.max(seen.outside.map_or(0, |t| t.count));
        (record.place, record.machine) = (seen.place, seen.machine);
        let mut anchor = Self {
            file: seen.file,
            key: seen.key,
            record,
            noticed: None,
            trouble: marked.err().map(|e| e.to_string()),
        };
        if let Some(reason) = noticed {
            anchor.note(reason);
        }
        if anchors.is_some_and(|a| a.starts_with(dir.path())) {
            anchor.file = None;
            anchor.trouble = Some("it would lie in the data directory itself".to_owned());
        }
        Ok(anchor)
    }

    fn note(&mut self, reason: Doubt) {
        self.noticed = Some(reason);
        self.record.renewed = Some(Renewed {
            reason,
            at: now().0,
        });
    }

    /// Right after the engine was opened: a journal that lacks what this device had signed is an
    /// older one, whatever else is new. Then the first tick.
    pub fn settle(&mut self, engine: &mut Engine, random: Random<'_>) -> Result<(), NodeError> {
        let (generation, heads) = heads(engine);
        if lost(&self.record, generation, heads) {
            tracing::warn!("the journal lacks entries that were signed: a new generation begins");
            engine.renew_generation(random)?;
            self.note(Doubt::Restored);
        }
        self.tick(engine, random);
        Ok(())
    }

    /// Counts on, inside and then outside. What cannot be written costs the chance to notice a
    /// restored copy, and stops nobody's work.
    pub fn tick(&mut self, engine: &Engine, random: Random<'_>) {
        (self.record.generation, self.record.heads) = heads(engine);
        let ticked = write_record(engine.dir(), &mut self.record, random)
            .map_err(|e| e.to_string())
            .and_then(|()| match &self.file {
                Some(file) => write_outside(file, self.record.tick, &self.key)
                    .map_err(|e| format!("{}: {e}", file.display())),
                None => Ok(()),
            });
        if let Err(why) = ticked {
            if self.trouble.is_none() {
                tracing::warn!(why, "the anchor outside the data directory cannot be kept");
            }
            self.trouble = Some(why);
        } else if self.file.is_some() {
            self.trouble = None;
        }
    }

    /// What was doubted at this start.
    pub fn noticed(&self) -> Option<Doubt> {
        self.noticed
    }

    /// The last doubt of all.
    pub fn renewed(&self) -> Option<Renewed> {
        self.record.renewed
    }

    /// Why the anchor cannot be kept.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

/// Marks a new data directory, so that a copy made before its first start is told from it.
pub fn plant(dir: &DataDir, random: Random<'_>) -> Result<(), NodeError> {
    let secrets = read_secrets(dir)?;
    mark(dir, random)?;
    let mut record = Record {
        place: place(dir.path()),
        machine: machine(&secrets),
        ..blank(&secrets)
    };
    write_record(dir, &mut record, random)
}

/// What the anchor says of a directory, which is only read.
pub fn look(dir: &DataDir, anchors: Option<&Path>) -> Result<Look, NodeError> {
    let seen = Seen::of(dir, &read_secrets(dir)?, anchors);
    Ok(Look {
        doubt: seen.doubt(),
        renewed: seen.record.and_then(|r| r.renewed),
    })
}

/// The anchor of the directory that lies here, in the folder for anchors. The name is a hash: it tells
/// nothing of the device, and another copy of the directory has another.
pub fn file_of(data: &Path, anchors: &Path) -> Option<PathBuf> {
    let place = place(data)?;
    let mut input = fs::read(marker(data)).ok()?;
    input.extend_from_slice(&place.inode.to_le_bytes());
    input.extend_from_slice(&place.born.unwrap_or(0).to_le_bytes());
    let name = blake3::derive_key("muster 2026 anchor name v1", &input);
    let name = blake3::Hash::from_bytes(name).to_hex();
    Some(anchors.join(format!("{}.anchor", name.get(..32)?)))
}

fn marker(data: &Path) -> PathBuf {
    data.join("keys").join(format!("{MARKER}.public"))
}

/// Makes the marker where there is none. It is never written again: what is written anew is a new
/// file.
fn mark(dir: &DataDir, random: Random<'_>) -> Result<(), NodeError> {
    if dir.read_public(MARKER)?.is_none() {
        let mut word = [0; 16];
        random(&mut word);
        dir.write_public(MARKER, format!("{}\n", hex::encode(word)).as_bytes())?;
    }
    Ok(())
}

fn place(data: &Path) -> Option<Place> {
    let data = fs::metadata(marker(data)).ok()?;
    let born = data.created().ok();
    let born = born.and_then(|b| b.duration_since(UNIX_EPOCH).ok());
    Some(Place {
        inode: data.ino(),
        born: born.and_then(|b| u64::try_from(b.as_nanos()).ok()),
    })
}

/// Linux gives each installation an id; where there is none, machines are not told apart.
fn machine(secrets: &Secrets) -> Option<Machine> {
    let id = ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())?;
    let id = id.trim();
    if id.len() != 32 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None; // As on an image that was never started: "uninitialized".
    }
    let input = [id.as_bytes(), &secrets.device().0].concat();
    let hash = blake3::derive_key("muster 2026 anchor machine v1", &input);
    hash.first_chunk().copied().map(Machine)
}

fn blank(secrets: &Secrets) -> Record {
    Record {
        tick: Tick::default(),
        place: None,
        machine: None,
        generation: secrets.generation().0,
        heads: [0; 2],
        renewed: None,
    }
}

/// This device's generation and how many entries it has signed in each lane of it.
fn heads(engine: &Engine) -> (u64, [u64; 2]) {
    let (secrets, incident) = (engine.secrets(), engine.incident());
    let heads = [Lane::AUTHORITY, Lane::DATA].map(|lane| {
        let log = secrets.log(lane).id(&incident);
        engine.book().log(&log).map_or(0, |heads| heads.count())
    });
    (secrets.generation().0, heads)
}

/// Writes the record with the next tick; the one in memory counts on only if that worked.
fn write_record(dir: &DataDir, record: &mut Record, random: Random<'_>) -> Result<(), NodeError> {
    let mut next = record.clone();
    next.tick.count = next.tick.count.saturating_add(1);
    random(&mut next.tick.word);
    let bytes = serde_json::to_vec(&next).unwrap_or_default();
    dir.write_secret(RECORD, &bytes, random)?;
    *record = next;
    Ok(())
}

fn tag(tick: Tick, key: &[u8; 32]) -> blake3::Hash {
    let input = [&tick.count.to_le_bytes()[..], &tick.word].concat();
    blake3::keyed_hash(key, &input)
}

/// The tick outside; none where there is no anchor, or one that this device did not write.
fn read_outside(file: &Path, key: &[u8; 32]) -> Option<Tick> {
    use io::Read as _;
    let mut bytes = Vec::new();
    let file = File::open(file).ok()?;
    file.take(MAX_ANCHOR).read_to_end(&mut bytes).ok()?;
    let outside: Outside = serde_json::from_slice(&bytes).ok()?;
    (tag(outside.tick, key) == blake3::Hash::from_bytes(outside.tag)).then_some(outside.tick)
}

fn write_outside(file: &Path, tick: Tick, key: &[u8; 32]) -> io::Result<()> {
    let tag = *tag(tick, key).as_bytes();
    let bytes = serde_json::to_vec(&Outside { tick, tag })?;
    let folder = file.parent().unwrap_or(Path::new("/"));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let temporary = file.with_extension("tmp");
    let mut out = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    out.write_all(&bytes)?;
    out.sync_data()?;
    fs::rename(&temporary, file)?;
    File::open(folder)?.sync_all()
}
