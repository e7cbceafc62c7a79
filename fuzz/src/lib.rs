//! One function a decoder. Each takes any bytes, and panics only where the decoder is wrong: where
//! it panics itself, or accepts a second spelling of what has one.
//!
//! What these do not see: how much is allocated (`crates/muster-log/tests/hostile.rs` counts that,
//! libFuzzer only stops at 1 GiB).

use std::{
    cell::RefCell,
    path::Path,
    sync::{Arc, OnceLock},
};

use muster_log::{
    act::Act,
    beacon,
    book::Book,
    bundle::{Item, Reader},
    chain::Run,
    codec,
    device::Secrets,
    entry::Header,
    genesis::Genesis,
    ids::{IncidentId, ObjectId},
    operation::{MAX_BODY, Operation, PartContent, Value},
    pairing::{Answer, Request},
    record,
    role::Role,
    run,
    seal::{self, ExchangeSecret},
};
use muster_model::{numbers::Number, parse, state::State, value::Typed};
use muster_sim::{
    net::{Net, Weather},
    world::World,
};
use muster_store::{
    DataDir, Journal, PassphraseCost, Unlock,
    fs::{Access, FileSystem, fault::FaultyFs},
};

// Both are of crates that show nobody their insides; the files stand alone.
#[allow(dead_code)]
#[path = "../../crates/muster-cli/src/import/table.rs"]
mod rows;
#[allow(dead_code)]
#[path = "../../crates/muster-cli/src/import/span.rs"]
mod span;

#[allow(dead_code)]
#[path = "../../crates/muster-net/src/frame.rs"]
mod wire;

/// Feeds a decoder.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("header", header),
    ("part", part),
    ("operation", operation),
    ("genesis", genesis),
    ("request", request),
    ("answer", answer),
    ("run", a_run),
    ("door", door),
    ("bundle", bundle),
    ("record", a_record),
    ("secrets", secrets),
    ("greeting", greeting),
    ("session", session),
    ("value", value),
    ("object", object),
    ("typed", typed),
    ("journal", journal),
    ("key-file", key_file),
    ("frame", frame),
    ("beacon", a_beacon),
    ("table", table),
];

/// An incident with two devices and a few entries, the same in every run.
pub fn world() -> World {
    let mut world = World::with_devices(1, 2, Role::Coordinator).expect("a world");
    let World { devices, seed, .. } = &mut world;
    for device in devices {
        for _ in 0..3 {
            device.write_need(seed).expect("a need");
        }
        device.write_note(seed).expect("a note");
    }
    world
}

/// The book of one of its devices, and its incident.
fn book() -> &'static (Book, IncidentId) {
    static BOOK: OnceLock<(Book, IncidentId)> = OnceLock::new();
    BOOK.get_or_init(|| {
        let mut world = world();
        // All that the seeds hold is here: whatever else is let in was forged.
        for run in runs(&world) {
            world.devices[1].receive(&run::encode(&run));
        }
        let book = world.devices[1].book.clone();
        let incident = book.incident();
        (book, incident)
    })
}

fn header(bytes: &[u8]) {
    if let Ok(header) = Header::from_bytes(bytes) {
        assert_eq!(header.to_bytes(), bytes, "a second spelling");
    }
}

fn part(bytes: &[u8]) {
    if let Ok(part) = PartContent::from_bytes(bytes) {
        assert_eq!(part.to_bytes(), bytes, "a second spelling");
        part.operations.iter().for_each(read);
    }
}

/// What an operation says, as data and as an act.
fn read(operation: &Operation) {
    let data = operation.read().ok().and_then(|data| data.write());
    let act = Act::read(operation)
        .and_then(Result::ok)
        .map(|act| act.write());
    for again in data.into_iter().chain(act) {
        assert_eq!(again.as_ref(), Ok(operation), "a second spelling");
    }
}

/// A code and a body.
fn operation(bytes: &[u8]) {
    if let Some((code, body)) = bytes.split_first_chunk::<2>()
        && let Ok(body) = body.to_vec().try_into()
    {
        let code = u16::from_le_bytes(*code);
        read(&Operation { code, body });
    }
    if let Ok(operation) = codec::decode::<Operation, { MAX_BODY }>("operation", bytes) {
        read(&operation);
    }
}

fn genesis(bytes: &[u8]) {
    if let Ok(genesis) = Genesis::from_bytes(bytes) {
        assert_eq!(genesis.to_bytes(), bytes, "a second spelling");
    }
}

fn request(bytes: &[u8]) {
    if let Ok(request) = Request::from_bytes(bytes) {
        assert_eq!(request.to_bytes(), bytes, "a second spelling");
    }
}

/// An answer as it comes; and what is inside one, by somebody who knows the joiner's public key.
fn answer(bytes: &[u8]) {
    let to = ExchangeSecret::from_random([4; 32]);
    let _ = Answer::open(bytes, &to);
    let public = to.public().expect("a public key");
    let info = b"muster pairing answer v1";
    if let Ok(sealed) = seal::seal_to(&public, info, bytes, [7; 32]) {
        let _ = Answer::open(&[cover(), sealed].concat(), &to);
    }
}

/// What stands before the sealed part of an answer.
fn cover() -> Vec<u8> {
    static COVER: OnceLock<Vec<u8>> = OnceLock::new();
    COVER
        .get_or_init(|| {
            let digits = include_str!("../../crates/muster-log/tests/golden/pairing-answer.hex");
            let digits: String = digits.split_whitespace().collect();
            let bytes = hex::decode(digits).expect("hexadecimal");
            bytes[..40].to_vec()
        })
        .clone()
}

fn a_run(bytes: &[u8]) {
    let (book, incident) = book();
    if let Ok(run) = run::decode(incident, bytes) {
        assert_eq!(run::encode(&run), bytes, "a second spelling");
    }
    let _ = run::decode_with(incident, bytes, book.keys());
}

/// Nothing that was not signed by a member changes the book.
fn door(bytes: &[u8]) {
    let mut book = book().0.clone();
    let before = book.frontier_digest();
    let _ = book.receive(bytes);
    assert_eq!(book.frontier_digest(), before, "something was let in");
}

fn bundle(bytes: &[u8]) {
    let mut reader = Reader::default();
    let mut left = bytes;
    loop {
        match reader.next_item() {
            Ok(Some(Item::Damage(_) | Item::Run(_))) | Ok(Some(_)) => {}
            Ok(None) if left.is_empty() => break,
            Ok(None) => {
                let (now, later) = left.split_at(left.len().min(1_000));
                reader.push(now);
                left = later;
                if left.is_empty() {
                    reader.finish();
                }
            }
            Err(_) => break,
        }
    }
}

fn a_record(bytes: &[u8]) {
    if let Ok((_, rest)) = record::decode(bytes) {
        a_run(rest);
    }
}

fn secrets(bytes: &[u8]) {
    if let Ok(secrets) = Secrets::from_bytes(bytes) {
        assert_eq!(secrets.to_bytes().as_slice(), bytes, "a second spelling");
    }
}

/// Frames, each with two bytes of length before it.
fn frames(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut left = bytes;
    std::iter::from_fn(move || {
        let (length, rest) = left.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (frame, rest) = rest.split_at(length);
        left = rest;
        Some(frame)
    })
}

thread_local! {
    /// Two devices that have the same entries. Sessions read their books and change nothing.
    static PAIR: RefCell<Net> = RefCell::new({
        let mut net = Net::new(world(), 1);
        net.meet(0, 1, Weather::CALM).expect("a link");
        net.run().expect("they meet");
        net
    });
}

/// Gives frames to one side of a fresh link: the first byte says to which.
fn tell(bytes: &[u8], met: bool) {
    PAIR.with_borrow_mut(|net| {
        net.links.clear();
        let link = net.meet(0, 1, Weather::CALM).expect("a link");
        if met {
            net.run().expect("they meet");
        }
        let at = usize::from(bytes.first().is_some_and(|b| b % 2 == 1));
        let end = &mut net.links[link].ends[at];
        assert_eq!(end.session.peer().is_some(), met);
        let book = &net.world.devices[end.device].book;
        for frame in frames(bytes.get(1..).unwrap_or_default()) {
            end.session.frame(book, frame);
            end.session.tick(book, net.now + 1_000);
            assert!(met || end.session.peer().is_none(), "a stranger is let in");
        }
    });
}

/// Somebody who is no member: whatever it says, it is not let in.
fn greeting(bytes: &[u8]) {
    tell(bytes, false);
}

/// A member that says anything, once it has proven who it is.
fn session(bytes: &[u8]) {
    tell(bytes, true);
}

/// A kind and its bytes.
fn value(bytes: &[u8]) {
    if let Some((kind, bytes)) = bytes.split_first()
        && let Ok(bytes) = bytes.to_vec().try_into()
    {
        let value = Value { kind: *kind, bytes };
        let typed = Typed::read(&value);
        typed.json();
        if !matches!(typed, Typed::Unknown(..)) {
            assert_eq!(typed.write().as_ref(), Ok(&value), "a second spelling");
        }
    }
}

fn object(bytes: &[u8]) {
    let mut state = State::default();
    let _ = state.load(ObjectId([1; 16]), bytes);
}

/// What people type.
fn typed(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let _ = parse::parse_date(text);
    let _ = parse::parse_decimal(text);
    let _ = parse::parse_place(text);
    let _ = parse::parse_time(text, 120);
    let _ = Number::parse(text);
}

const CHEAP: PassphraseCost = PassphraseCost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};
const DIR: &str = "/data";

/// A data directory with a journal of three records, the same in every run.
pub fn directory() -> FaultyFs {
    let fs = FaultyFs::new(1);
    let mut next = 0_u8;
    let mut random = |buf: &mut [u8]| {
        for byte in buf {
            next = next.wrapping_mul(101).wrapping_add(37);
            *byte = next;
        }
    };
    let shared: Arc<dyn FileSystem> = Arc::new(fs.clone());
    let unlock = Unlock::DefaultKeyFile;
    let dir =
        DataDir::create(shared, Path::new(DIR), &unlock, CHEAP, &mut random).expect("created");
    let (mut journal, _) = Journal::open(&dir, Default::default()).expect("opened");
    let records: [&[u8]; 3] = [b"one", b"two, a longer one", b"three"];
    for record in records {
        journal.append(&[record], &mut random).expect("appended");
        journal.sync().expect("synced");
    }
    journal.close().expect("closed");
    fs
}

/// A directory of which one file has these bytes: it opens, or says why not.
fn with(name: impl Fn(&str) -> bool, bytes: &[u8]) {
    static FS: OnceLock<FaultyFs> = OnceLock::new();
    let fs = FS.get_or_init(directory).fork();
    fs.restart(1);
    let files = fs.files();
    let (path, _) = files
        .iter()
        .find(|(path, _)| name(&path.to_string_lossy()))
        .expect("the file");
    fs.damage(path, |old| *old = bytes.to_vec())
        .expect("written");
    let shared: Arc<dyn FileSystem> = Arc::new(fs.clone());
    let Ok(dir) = DataDir::open(shared, Path::new(DIR), &Unlock::DefaultKeyFile) else {
        return;
    };
    if let Ok((journal, _)) = Journal::open(&dir, Default::default()) {
        for record in journal.scan(None).expect("from the start") {
            let _ = record;
        }
    }
    let _ = fs.open(Path::new("/data/FORMAT"), Access::Read);
}

fn journal(bytes: &[u8]) {
    with(|name| name.ends_with(".seg"), bytes);
}

fn key_file(bytes: &[u8]) {
    with(|name| name.ends_with("keys/storage.key"), bytes);
}

/// Frames on the wire.
fn frame(bytes: &[u8]) {
    let mut from = bytes;
    futures::executor::block_on(async {
        while let Ok(Some(frame)) = wire::read(&mut from).await {
            assert!((1..=wire::MAX_FRAME).contains(&frame.len()));
        }
    });
}

/// A datagram on the beacon's port. It opens with no secret but the one that made it, and what opens
/// was sealed by somebody who has it.
fn a_beacon(bytes: &[u8]) {
    let voice = |secret| beacon::Voice::new(vec![secret], [9; 32]).expect("a secret");
    let (ours, theirs) = (voice([5; 32]), voice([6; 32]));
    if beacon::open(&ours, bytes).is_ok() {
        assert_eq!(
            beacon::open(&theirs, bytes),
            Err(beacon::Unopened::Closed),
            "it opens for a stranger"
        );
    }
    if let Ok(inviting) = beacon::Inviting::from_bytes(bytes) {
        let again = beacon::Inviting::from_bytes(&inviting.to_bytes());
        assert_eq!(again, Ok(inviting));
    }
}

/// A table as people bring it: rows are whole or refused.
fn table(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else {
        return;
    };
    let delimiter = if first % 2 == 0 { ',' } else { ';' };
    let encoding = (first % 3 == 0).then_some("windows-1252");
    if let Ok(table) = rows::Table::read(bytes, encoding, delimiter) {
        for row in &table.rows {
            assert!(
                row.cells
                    .as_ref()
                    .is_ok_and(|c| c.len() == table.header.len())
                    || row.cells.is_err()
            );
        }
    }
}

/// One run of each device, encoded.
pub fn runs(world: &World) -> Vec<Run> {
    let lanes = [
        muster_log::ids::Lane::AUTHORITY,
        muster_log::ids::Lane::DATA,
    ];
    let all = world
        .devices
        .iter()
        .flat_map(|d| lanes.map(|l| d.store.lane(l, &d.book)));
    all.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What fuzzing has found, and the seeds, stay found.
    #[test]
    fn the_corpus_passes() {
        let mut inputs = 0;
        for (name, target) in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("corpus")
                .join(name);
            let files = std::fs::read_dir(&folder).expect("a corpus for each");
            let mut here = 0;
            for file in files {
                let file = file.expect("a file").path();
                target(&std::fs::read(&file).expect("its bytes"));
                here += 1;
            }
            assert!(here > 0, "{name}: no seeds");
            inputs += here;
        }
        println!("{inputs} inputs for {} decoders", TARGETS.len());
    }
}
