//! A small incident in memory: devices that write, meet, and make bundles and journals.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod member;

pub use member::*;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use muster_hq::{HqDevice, Source, Warehouse, import};
use muster_log::{
    bundle::{Stretch, Writer},
    chain::Run,
    device,
    genesis::Genesis,
    ids::{Lane, ObjectId, Seq},
    record,
    role::Role,
    run,
};
use muster_model::sample::Random;
use muster_store::{DataDir, Journal, PassphraseCost, Unlock, fs::RealFs};
use rusqlite::types::Value;

/// The bytes of a bundle of these runs; `also` stretches are listed and not there.
pub fn bundle(genesis: &Genesis, runs: &[Vec<u8>], listed: &[Run]) -> Vec<u8> {
    let contents: Vec<Stretch> = listed
        .iter()
        .map(|r| Stretch {
            log: r.log,
            from: r.entries.first().unwrap().header.seq,
            to: r.entries.last().unwrap().header.seq,
        })
        .collect();
    let (mut writer, mut out) = Writer::start(genesis, &contents);
    for run in runs {
        out.extend(writer.run(run));
    }
    out.extend(writer.end());
    out
}

/// The bytes of a bundle that holds what it lists.
pub fn honest(genesis: &Genesis, runs: &[Run]) -> Vec<u8> {
    let encoded: Vec<Vec<u8>> = runs.iter().map(run::encode).collect();
    bundle(genesis, &encoded, runs)
}

/// A data directory with a device's secrets and these runs in its journal.
pub fn data_dir(path: &Path, device: &Device, runs: &[Run]) {
    let mut random = Random::new(77);
    let mut random = bytes(&mut random);
    let unlock = Unlock::DefaultKeyFile;
    let fs = Arc::new(RealFs);
    let dir = DataDir::create(fs, path, &unlock, PassphraseCost::default(), &mut random).unwrap();
    dir.write_public(device::GENESIS_FILE, &device.genesis.to_bytes())
        .unwrap();
    dir.write_secret(device::FILE, &device.secrets.to_bytes(), &mut random)
        .unwrap();
    let (mut journal, _) = Journal::open(&dir, Default::default()).unwrap();
    for run in runs {
        let record = record::encode(START, record::Source::Own, &run::encode(run));
        journal.append(&[&record], &mut random).unwrap();
    }
    journal.sync().unwrap();
    journal.close().unwrap();
}

/// The incident of most tests.
pub struct Story {
    pub founder: Device,
    pub a: Device,
    pub b: Device,
    pub need: ObjectId,
    pub dir: tempfile::TempDir,
    /// Three bundles and a journal directory.
    pub sources: Vec<PathBuf>,
}

pub const C1: &str = "MARKER-ONE-roof-torn-off";
pub const C2: &str = "MARKER-TWO-Ada-Lovelace";
pub const C3: &str = "MARKER-THREE-insulin";

pub fn story() -> Story {
    let mut founder = Device::found("Flood", 1);
    let mut a = founder.admit("gym", Role::Coordinator, 2);
    let mut b = founder.admit("school", Role::Coordinator, 2);
    let need = founder.add(
        "need",
        &[("title", "roof"), ("area", C1), ("priority", "normal")],
    );
    let person = founder.add("volunteer", &[("name", C2), ("emergency_contact", C3)]);
    let day = [("from", "2027-01-20T08:00Z"), ("to", "2027-01-20T16:00Z")];
    let tasks: Vec<ObjectId> = ["clear mud", "serve soup"]
        .iter()
        .map(|title| founder.add("task", &[("title", *title), day[0], day[1]]))
        .collect();
    for device in [&mut a, &mut b] {
        device.meet(&founder);
    }
    // Apart.
    a.edit(
        "need",
        need,
        &[("title", "+33 1 roof gone"), ("priority", "urgent")],
    );
    b.edit(
        "need",
        need,
        &[("title", "=cmd|' /C calc'!A1"), ("priority", "high")],
    );
    for (device, task) in [(&mut a, tasks[0]), (&mut b, tasks[1])] {
        let (task, person) = (task.hex(), person.hex());
        device.add("assignment", &[("task", &task), ("volunteer", &person)]);
    }
    for i in 0..60 {
        let title = format!("need {i} of the gym");
        a.add("need", &[("title", &title), ("place", "45.1, 7.2")]);
        b.add("note", &[("text", &format!("'); DROP TABLE need;-- {i}"))]);
    }
    b.meet(&a);
    let dir = tempfile::tempdir().unwrap();
    let a_log = a.secrets.log(Lane::DATA);
    let write = |name: &str, bytes: Vec<u8>| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let mut sources = vec![
        write(
            "founder.muster",
            honest(&founder.genesis, &founder.packed(64, |_, _| true)),
        ),
        // Without places 20 to 29 of the gym's log.
        write(
            "gym.muster",
            honest(
                &a.genesis,
                &a.packed(64, |l, s| *l != a_log || !(20..30).contains(&s)),
            ),
        ),
        // Other packing; of the gym's log only 40 to 50.
        write(
            "school.muster",
            honest(
                &b.genesis,
                &b.packed(7, |l, s| *l != a_log || (40..=50).contains(&s)),
            ),
        ),
    ];
    // A dead laptop at the gym: its journal up to 24, an entry a run, and not 3 to 5.
    let laptop = dir.path().join("laptop");
    let kept = a.packed(1, |l, s| *l != a_log || (s < 25 && !(3..6).contains(&s)));
    data_dir(&laptop, &a, &kept);
    sources.push(laptop);
    Story {
        founder,
        a,
        b,
        need,
        dir,
        sources,
    }
}

impl Story {
    pub fn hq(&self) -> HqDevice {
        HqDevice::new(self.founder.genesis.clone(), self.founder.secrets.clone())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Imports with HQ's keys.
pub fn import_into(
    path: &Path,
    hq: Option<HqDevice>,
    sources: &[PathBuf],
) -> muster_hq::ImportReport {
    let mut warehouse = Warehouse::open(path, hq).unwrap();
    let sources: Vec<Source> = sources.iter().cloned().map(Source::from).collect();
    let unlock = Unlock::DefaultKeyFile;
    import(&mut warehouse, &sources, Some(&unlock), START, &mut |_| {
        std::ops::ControlFlow::Continue(())
    })
    .unwrap()
}

/// All rows of all tables but those about imports, in order.
pub fn dump(path: &Path) -> BTreeMap<String, Vec<String>> {
    let db = rusqlite::Connection::open(path).unwrap();
    let mut names = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'import\\_%' ESCAPE '\\'")
        .unwrap();
    let names: Vec<String> = names
        .query_map([], |r| r.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut out = BTreeMap::new();
    for name in names {
        let mut all = db.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
        let width = all.column_count();
        let mut rows: Vec<String> = all
            .query_map([], |row| {
                (0..width)
                    .map(|i| row.get::<_, Value>(i))
                    .collect::<Result<Vec<_>, _>>()
                    .map(|cells| format!("{cells:?}"))
            })
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        rows.sort();
        out.insert(name, rows);
    }
    out
}

/// Says which tables differ, and where.
pub fn assert_same(a: &BTreeMap<String, Vec<String>>, b: &BTreeMap<String, Vec<String>>, at: &str) {
    assert_eq!(
        a.keys().collect::<Vec<_>>(),
        b.keys().collect::<Vec<_>>(),
        "{at}"
    );
    for (name, rows) in a {
        let others = &b[name];
        if rows != others {
            let only_a: Vec<_> = rows
                .iter()
                .filter(|r| !others.contains(r))
                .take(3)
                .collect();
            let only_b: Vec<_> = others
                .iter()
                .filter(|r| !rows.contains(r))
                .take(3)
                .collect();
            panic!(
                "{at}: table {name} differs: {} and {} rows\n{only_a:#?}\n{only_b:#?}",
                rows.len(),
                others.len()
            );
        }
    }
}

/// All orders of `n` things.
pub fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let mut out = Vec::new();
    for order in orders(n - 1) {
        for at in 0..n {
            let mut longer = order.clone();
            longer.insert(at, n - 1);
            out.push(longer);
        }
    }
    out
}

/// One number of a query.
pub fn number(path: &Path, sql: &str) -> i64 {
    let db = rusqlite::Connection::open(path).unwrap();
    db.query_row(sql, [], |r| r.get(0)).unwrap()
}

pub fn last_seq(run: &Run) -> Seq {
    run.entries.last().unwrap().header.seq
}
