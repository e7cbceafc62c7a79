//! Writes the first inputs of each target from the golden bytes and from one simulated meeting:
//! `cargo run --bin seeds` in this folder. The same bytes every time.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use muster_fuzz::{directory, runs, world};
use muster_log::{
    codec,
    device::Secrets,
    ids::{Class, Lane, Millis, ObjectId},
    operation::{Operation, Value},
    record::{self, Source},
    role::Role,
    run,
    session::{Effect, Local, Session},
};
use muster_model::{
    state::{State, WriteContext},
    value::Typed,
};
use muster_sim::world::World;

type Failure = Box<dyn std::error::Error>;

fn golden() -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/muster-log/tests/golden");
    let mut out = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(&path)?;
        if let Ok(bytes) = hex::decode(text.split_whitespace().collect::<String>()) {
            out.push((name, bytes));
        }
    }
    out.sort();
    Ok(out)
}

fn write(target: &str, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    std::fs::create_dir_all(&folder)?;
    Ok(std::fs::write(folder.join(name), bytes)?)
}

fn framed(first: u8, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![first];
    for frame in frames {
        let length = u16::try_from(frame.len()).unwrap_or(u16::MAX);
        out.extend(length.to_le_bytes());
        out.extend(&frame[..usize::from(length)]);
    }
    out
}

/// What each of two devices says when they meet.
fn meeting(world: &mut World) -> [Vec<Vec<u8>>; 2] {
    let mut sessions = Vec::new();
    let mut queue = VecDeque::new();
    for at in 0..2 {
        let device = &world.devices[at];
        let local = Local {
            incident: device.book.incident(),
            key: &device.key,
            secrets: &device.secrets,
            here: &[at as u8],
            there: &[1 - at as u8],
            dialler: at == 0,
            software: "seeds",
            clock: Millis(1),
        };
        let (session, effects) = Session::start(&local, [at as u8 + 1; 32], 0);
        sessions.push(session);
        queue.extend(effects.into_iter().map(|e| (at, e)));
    }
    let mut said = [Vec::new(), Vec::new()];
    while let Some((at, effect)) = queue.pop_front() {
        let (to, more) = match effect {
            Effect::Send(frame) => {
                let other = 1 - at;
                let more = sessions[other].frame(&world.devices[other].book, &frame);
                said[at].push(frame);
                (other, more)
            }
            Effect::Deliver { ticket, run } => {
                let outcome = world.devices[at].receive(&run);
                let book = &world.devices[at].book;
                (at, sessions[at].stored(book, &[(ticket, outcome)]))
            }
            Effect::Read(request) => {
                let device = &world.devices[at];
                let found = device.store.read(&request, &device.book);
                (at, sessions[at].runs(&device.book, request.id, found))
            }
            _ => continue,
        };
        queue.extend(more.into_iter().map(|e| (to, e)));
    }
    said
}

fn objects(operations: &[Operation]) -> Vec<Vec<u8>> {
    let world = World::found(1).expect("a world");
    let device = &world.devices[0];
    let log = device.log(Lane::DATA);
    let id = log.id(&device.book.incident());
    let mut state = State::default();
    let mut batch = state.batch();
    for (n, operation) in operations.iter().enumerate() {
        let Ok(read) = operation.read() else { continue };
        let hash = muster_log::ids::EntryHash([n as u8; 32]);
        let context = WriteContext {
            reference: muster_log::operation::Reference::new(
                &id,
                muster_log::ids::Seq(n as u64),
                &hash,
                0,
                0,
            ),
            lamport: muster_log::ids::Lamport(n as u64 + 1),
            log: id,
            claimed: Millis(1),
            device: log.device,
            role: Role::Hq,
            person: None,
            scope: None,
            class: Class::C1,
            urgency: 1,
            disputed: false,
        };
        batch.apply(&context, &read);
    }
    drop(batch);
    let dirty = state.take_dirty().into_iter();
    dirty
        .filter_map(|(_, bytes): (ObjectId, _)| bytes.map(|b| b.to_vec()))
        .collect()
}

fn main() -> Result<(), Failure> {
    let mut operations = Vec::new();
    for (name, bytes) in golden()? {
        let target = match name.as_str() {
            "header" | "header-extended" => "header",
            "part-plain" => "part",
            "genesis" => "genesis",
            "pairing-request" => "request",
            "pairing-answer" => "answer",
            "bundle" => "bundle",
            n if n.starts_with("beacon") => "beacon",
            n if n.starts_with("run-") => "run",
            n if n.starts_with("operation-") || n.starts_with("act-") => {
                operations.extend(codec::decode::<Operation, 65_536>("golden", &bytes));
                "operation"
            }
            "value" => {
                let value = codec::decode::<Value, 65_536>("golden", &bytes)?;
                write(
                    "value",
                    "golden",
                    &[&[value.kind][..], &value.bytes].concat(),
                )?;
                continue;
            }
            _ => continue,
        };
        write(target, &name, &bytes)?;
    }
    for (name, typed) in [
        ("text", Typed::Text("Léogâne".into())),
        ("integer", Typed::Integer(-7)),
        ("boolean", Typed::Boolean(true)),
        ("date", Typed::Date(20_000)),
        ("time", Typed::Time(Millis(1_760_000_000_000))),
        (
            "place",
            Typed::Place(muster_model::parse::parse_place("18.5,-72.3").ok_or("a place")?),
        ),
        (
            "decimal",
            Typed::Decimal(muster_model::parse::parse_decimal("12,50").ok_or("a number")?),
        ),
    ] {
        let value = typed.write()?;
        write("value", name, &[&[value.kind][..], &value.bytes].concat())?;
    }
    for (n, bytes) in objects(&operations).iter().enumerate() {
        write("object", &format!("packed-{n}"), bytes)?;
    }
    let mut world = world();
    for (n, bytes) in runs(&world).iter().map(run::encode).enumerate() {
        write("run", &format!("world-{n}"), &bytes)?;
        write("door", &format!("world-{n}"), &bytes)?;
        write(
            "record",
            &format!("world-{n}"),
            &record::encode(Millis(1), Source::Peer, &bytes),
        )?;
    }
    let [one, two] = meeting(&mut world);
    write("greeting", "to-the-dialler", &framed(0, &two[..1]))?;
    write("greeting", "to-the-responder", &framed(1, &one[..1]))?;
    write("session", "to-the-dialler", &framed(0, &two[1..]))?;
    write("session", "to-the-responder", &framed(1, &one[2..]))?;
    let mut random = |buf: &mut [u8]| buf.fill(9);
    let label = "a laptop".to_owned().try_into()?;
    let device = Secrets::new(&mut random, label, "L1".to_owned().try_into()?);
    write("secrets", "fresh", &device.to_bytes())?;
    for text in [
        "2026-11-24",
        "24/11/2026 08:05",
        "2026-11-24T08:05:00+01:00",
        "1 234,5",
        "-0.25",
        "18.54,-72.34",
        "N-GYM-12",
        "18°32'24\"N 72°20'24\"W",
    ] {
        let name: String = text
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        write("typed", &name, text.as_bytes())?;
    }
    for (path, bytes) in directory().files() {
        let path = path.to_string_lossy();
        if path.ends_with(".seg") {
            write("journal", "three-records", &bytes)?;
        } else if path.ends_with("keys/storage.key") {
            write("key-file", "wrapped", &bytes)?;
        }
    }
    write("frame", "two", &[0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 1, 9])?;
    write("frame", "too-long", &[255, 0, 0, 0, 1])?;
    write(
        "table",
        "plain",
        b"\x02id,text\n1,\"two\nlines\"\n2,\"say \"\"so\"\"\"\n3,x\n",
    )?;
    write(
        "table",
        "open-quotes",
        b"\x02id,text\n1,\"open\n2,b\n3,\"open\n4,d\"\n",
    )?;
    write("table", "latin", b"\x03nom;lieu\nLeog\xe2ne;x\n")?;
    Ok(())
}
