//! Headquarters: bundles and a dead laptop's directory, in any order, whole or cut short.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use muster_tests::muster::{Device, Ran};
use muster_tests::random::Random;
use rusqlite::Connection;
use serde_json::{Value, json};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Every table but those about the imports themselves, row by row.
fn dump(warehouse: &Path) -> BTreeMap<String, Vec<String>> {
    let db = Connection::open(warehouse).unwrap();
    let mut names = db
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        .unwrap();
    let names: Vec<String> = names
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut out = BTreeMap::new();
    for name in names.into_iter().filter(|n| !n.starts_with("import_")) {
        let mut rows = db.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
        let columns = rows.column_count();
        let mut all: Vec<String> = rows
            .query_map([], |row| {
                let cells: Vec<String> = (0..columns)
                    .map(|i| format!("{:?}", row.get_ref_unwrap(i)))
                    .collect();
                Ok(cells.join(" | "))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        all.sort();
        out.insert(name, all);
    }
    out
}

/// An operation of four devices on as many islands, with what HQ is to be given of each.
struct Operation {
    /// Its directory holds the keys.
    hq: Device,
    /// Three bundles and a journal directory.
    sources: Vec<PathBuf>,
    needs: usize,
    entries: u64,
}

fn operation(root: &Path) -> Operation {
    let mut gym = Device::found(root, "gym");
    gym.start();
    let mut camp = gym.admit(root, "camp", "coordinator");
    let mut port = gym.admit(root, "port", "coordinator");
    let who = gym.door().add(
        "volunteer",
        &[("name", "Ana Exemple"), ("phone", "+999 555 0100")],
    );
    let need = gym
        .door()
        .add("need", &[("title", "Water"), ("priority", "normal")]);
    let stick = root.join("stick.muster");
    gym.ok(["bundle", "export", "--out", text(&stick)]);
    // The tent is admitted by the camp alone, and its laptop dies.
    camp.start();
    port.start();
    for device in [&camp, &port] {
        device.ok(["bundle", "import", text(&stick)]);
    }
    let mut tent = camp.admit(root, "tent", "volunteer");
    tent.start();
    let all = [(&gym, "urgent"), (&camp, "low"), (&port, "high")];
    for (device, priority) in all {
        let label = device.dir.file_name().unwrap().to_str().unwrap();
        device.door().edit("need", &need, "priority", priority);
        let mut door = device.door();
        for n in 0..12 {
            door.add(
                "need",
                &[
                    ("title", &format!("{label} {n}")),
                    ("description", "=1+1, said nobody"),
                    ("people_affected", "12"),
                ],
            );
        }
        let task = door.add(
            "task",
            &[
                ("title", &format!("Carry for {label}")),
                ("from", "2030-01-01T08:00Z"),
                ("to", "2030-01-01T12:00Z"),
            ],
        );
        device.ok(["assign", &task, &who, "--override", "test"]);
    }
    for n in 0..9 {
        tent.door().add("need", &[("title", &format!("tent {n}"))]);
    }
    let mut sources: Vec<PathBuf> = Vec::new();
    for (device, _) in all {
        let out = device.dir.with_extension("muster");
        device.ok(["bundle", "export", "--out", text(&out)]);
        sources.push(out);
    }
    tent.kill();
    for device in [&mut gym, &mut camp, &mut port] {
        assert_eq!(device.stop(), Some(0));
    }
    sources.push(tent.dir.clone());
    // All of it on one device, for the numbers to compare with.
    let mut hq = gym;
    hq.start();
    tent.start();
    let out = root.join("tent.muster");
    tent.ok(["bundle", "export", "--out", text(&out)]);
    tent.kill();
    let complete = root.join("complete");
    std::process::Command::new("cp")
        .arg("-a")
        .arg(&hq.dir)
        .arg(&complete)
        .status()
        .unwrap();
    assert_eq!(hq.stop(), Some(0));
    let mut complete = Device::at(complete);
    let _stale = std::fs::remove_file(complete.dir.join("muster.sock"));
    complete.start();
    for source in sources[..3].iter().chain([&out]) {
        complete.ok(["bundle", "import", text(source)]);
    }
    let entries = complete.digest()["entries"].as_u64().unwrap();
    let needs = complete.door().list("need").len();
    Operation {
        hq,
        sources,
        needs,
        entries,
    }
}

fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    orders(count - 1)
        .into_iter()
        .flat_map(|order| {
            (0..count).map(move |at| {
                let mut order = order.clone();
                order.insert(at, count - 1);
                order
            })
        })
        .collect()
}

impl Operation {
    fn import(&self, into: &Path, sources: &[&Path]) -> Ran {
        let into = format!("sqlite:{}", text(into));
        let mut arguments = vec!["hq", "import", "--into", &into];
        arguments.extend(sources.iter().map(|s| text(s)));
        self.hq.ask(arguments)
    }
}

#[test]
fn every_order_of_import_gives_the_same_tables() {
    let root = tempfile::tempdir().unwrap();
    let operation = operation(root.path());
    let mut first: Option<BTreeMap<String, Vec<String>>> = None;
    let orders = orders(operation.sources.len());
    for (n, order) in orders.iter().enumerate() {
        let into = root.path().join(format!("hq{n}.db"));
        let sources: Vec<&Path> = order
            .iter()
            .map(|i| operation.sources[*i].as_path())
            .collect();
        if n % 4 == 3 {
            // One by one, each import on its own.
            for source in &sources {
                operation.import(&into, &[source]);
            }
        } else {
            let ran = operation.import(&into, &sources);
            assert_eq!(ran.code, 0, "{order:?}: {ran:?}");
            let report = ran.json();
            assert_eq!(report["entries_new"], operation.entries, "{report}");
        }
        let tables = dump(&into);
        match &first {
            None => first = Some(tables),
            Some(first) => {
                for (name, rows) in first {
                    assert_eq!(&tables[name], rows, "{order:?}: table {name}");
                }
                assert_eq!(first.len(), tables.len());
            }
        }
    }
    let tables = first.unwrap();
    let rows: usize = tables.values().map(Vec::len).sum();
    assert_eq!(tables["need"].len(), operation.needs, "each need once");
    assert!(
        !tables["conflicts"].is_empty(),
        "the contested field is kept"
    );
    println!(
        "{} orders of {} sources: {} tables of {rows} rows in all, identical; {} entries, {} needs",
        orders.len(),
        operation.sources.len(),
        tables.len(),
        operation.entries,
        operation.needs
    );

    // Again: nothing new, and nothing changed.
    let into = root.path().join("hq0.db");
    let all: Vec<&Path> = operation.sources.iter().map(PathBuf::as_path).collect();
    let again = operation.import(&into, &all).json();
    assert_eq!(again["entries_new"], 0, "{again}");
    assert_eq!(again["gaps"], json!([]));
    assert_eq!(dump(&into), tables);

    // Out as CSV, with as many rows as there are objects, and no formula in a cell.
    let out = root.path().join("csv");
    let from = format!("sqlite:{}", text(&into));
    let exported = operation.hq.ok([
        "hq",
        "export",
        "--from",
        &from,
        "--format",
        "csv",
        "--out",
        text(&out),
    ]);
    for file in exported["files"].as_array().unwrap() {
        let path = Path::new(file["file"].as_str().unwrap());
        let table = path.file_stem().unwrap().to_str().unwrap();
        assert_eq!(
            file["rows"].as_u64(),
            Some(tables[table].len() as u64),
            "{table}"
        );
    }
    let needs = std::fs::read_to_string(out.join("need.csv")).unwrap();
    let count = needs.lines().count();
    assert_eq!(count, operation.needs + 1, "a heading and a line each");
    assert!(
        needs.contains("'=1+1") && !needs.contains(",=1+1"),
        "{needs}"
    );
    println!(
        "CSV: {} files, {} needs",
        exported["files"].as_array().unwrap().len(),
        count - 1
    );

    // The first import pins the incident.
    let other = Device::found(root.path(), "elsewhere");
    let refused = operation.import(&into, &[&other.dir]);
    assert_ne!(refused.code, 0, "{refused:?}");
    assert_eq!(dump(&into), tables);
    println!(
        "another incident: exit {}, {}",
        refused.code,
        refused.json()
    );
}

#[test]
fn a_bundle_cut_short_gives_what_verifies_and_names_what_is_missing() {
    const CUTS: u64 = 100;
    let root = tempfile::tempdir().unwrap();
    let mut random = Random::seeded("cuts", 20_263);
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    // It has the keys, and nothing of what is written later.
    let hq = gym.admit(root.path(), "hq", "hq");
    {
        let mut door = gym.door();
        for n in 0..260 {
            door.add(
                "need",
                &[
                    ("title", &format!("need {n} {:x}", random.number())),
                    ("description", "invented"),
                ],
            );
        }
    }
    let whole = root.path().join("whole.muster");
    let exported = gym.ok(["bundle", "export", "--out", text(&whole)]);
    assert_eq!(gym.stop(), Some(0));
    let bytes = std::fs::read(&whole).unwrap();
    let total = exported["entries"].as_u64().unwrap();
    let operation = Operation {
        hq,
        sources: Vec::new(),
        needs: 260,
        entries: total,
    };
    let (mut least, mut most, mut named, mut before) = (u64::MAX, 0, 0, (0, 0));
    // Everywhere, and at every size once more than once: sorted, so that more bytes give no less.
    let mut places: Vec<usize> = (0..CUTS)
        .map(|_| random.below(bytes.len() as u64) as usize)
        .collect();
    places.extend([0, 1, bytes.len() - 1]);
    places.sort_unstable();
    for (n, at) in places.iter().enumerate() {
        let cut = root.path().join("cut.muster");
        std::fs::write(&cut, &bytes[..*at]).unwrap();
        let into = root.path().join(format!("cut{n}.db"));
        let ran = operation.import(&into, &[&cut]);
        assert_eq!(ran.code, 7, "cut at {at}: {ran:?}");
        let report = ran.json();
        // Only what is named is imported: HQ's own directory is not.
        let (new, own) = (
            report["files"][0]["new"].as_u64().unwrap(),
            report["files"][1]["new"].as_u64().unwrap_or(0),
        );
        assert_eq!(
            report["files"][0]["complete"], false,
            "cut at {at}: {report}"
        );
        let missing: u64 = report["gaps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|gap| gap["to"].as_u64().unwrap() - gap["from"].as_u64().unwrap() + 1)
            .sum();
        // Once the list of contents is there, what came and what is missing is everything.
        named += usize::from(missing > 0);
        if missing > 0 || new > 0 {
            assert_eq!(new + own + missing, total, "cut at {at}: {report}");
        } else {
            assert!(
                *at < bytes.len() / 10,
                "cut at {at}, after its list of contents: {report}"
            );
        }
        assert!(
            new >= before.1,
            "{at} bytes give {new} entries, {} bytes gave {}",
            before.0,
            before.1
        );
        before = (*at, new);
        (least, most) = (least.min(new), most.max(new));
        let _done = std::fs::remove_file(&into);
    }
    println!(
        "{} cuts of a bundle of {} bytes and {total} entries: between {least} and {most} entries imported; in {named} the missing ones are named, and add up",
        places.len(),
        bytes.len()
    );
    assert!(named > places.len() / 2 && most > least);
    // What was cut short is completed by the whole.
    let into = root.path().join("healed.db");
    let cut = root.path().join("cut.muster");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let half = operation.import(&into, &[&cut]).json();
    let healed = operation.import(&into, &[&whole]);
    assert_eq!(healed.code, 0, "{healed:?}");
    let report: Value = healed.json();
    assert_eq!(
        (&report["gaps"], &report["entries"]),
        (&json!([]), &json!(total))
    );
    println!(
        "half of it gave {}, the whole {} more",
        half["entries_new"], report["entries_new"]
    );
}
