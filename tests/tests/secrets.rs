//! A marker of its own in every text of class C1 to C3; after a day's work of devices of each role it
//! is looked for on the disks, in the logs, on the air, in bundles, and in the memory of each daemon:
//! nowhere but where it must be, and there, so that the search is known to work.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_log::ids::Class;
use muster_model::table::{FieldType, KINDS, Merge};
use muster_tests::memory;
use muster_tests::muster::{Device, Door, until};
use muster_tests::testnet::{Link, TestNet};
use serde_json::{Value, json};

/// Every marker begins so; four figures follow.
const PREFIX: &[u8] = b"ZqMarker";

/// The class of each marker, by its number.
#[derive(Default)]
struct Markers {
    classes: Vec<Class>,
}

impl Markers {
    fn fresh(&mut self, class: Class) -> String {
        self.classes.push(class);
        format!("ZqMarker{:04}", self.classes.len() - 1)
    }

    /// Which markers lie in these bytes, by class.
    fn found(&self, bytes: &[u8], into: &mut BTreeMap<u8, BTreeSet<usize>>) {
        for at in memchr::memmem::find_iter(bytes, PREFIX) {
            let digits = bytes.get(at + PREFIX.len()..at + PREFIX.len() + 4);
            let text = digits.and_then(|d| std::str::from_utf8(d).ok());
            if let Some(number) = text.and_then(|t| t.parse::<usize>().ok())
                && let Some(class) = self.classes.get(number)
            {
                into.entry(class.0).or_default().insert(number);
            }
        }
    }

    fn of(&self, class: u8) -> usize {
        self.classes.iter().filter(|c| c.0 == class).count()
    }
}

/// Fills every text of every kind that can be made by itself. Sensitive needs too.
fn work(door: &mut Door, markers: &mut Markers) {
    let mut left_out = Vec::new();
    for kind in KINDS {
        for sensitive in [false, true] {
            let has = kind.fields.iter().any(|f| f.name == "sensitive");
            if sensitive && !has {
                continue;
            }
            let mut trial = Markers {
                classes: markers.classes.clone(),
            };
            let mut fields = Vec::new();
            for field in kind.fields {
                let text = matches!(field.ty, FieldType::Text | FieldType::LongText);
                let plain = matches!(field.merge, Merge::Register) && field.group.is_none();
                // Rules and time zones are words of a grammar, and refused where they are none.
                let free = !matches!(field.name, "rule" | "zone");
                if text && plain && free && field.class != Class::C0 {
                    let class = match field.alternative {
                        Some(other) if sensitive => other,
                        _ => field.class,
                    };
                    let marker = trial.fresh(class);
                    fields.push(json!({ "name": field.name, "value": marker }));
                }
            }
            if sensitive {
                fields.push(json!({ "name": "sensitive", "value": true }));
            }
            let request = json!({ "verb": "add", "kind": kind.name, "fields": fields });
            let answer = door.try_call(&request).unwrap();
            match answer.get("ok") {
                Some(_) => *markers = trial,
                None => left_out.push((kind.name, answer["error"]["code"].clone())),
            }
        }
    }
    println!("kinds that are not made by their texts alone: {left_out:?}");
    assert!(left_out.len() < 8);
}

fn level(a: &Device, b: &Device) {
    let (mut a, mut b) = (a.door(), b.door());
    let ask = |door: &mut Door| door.ok(&json!({ "verb": "digest" }))["frontier"].clone();
    until(Duration::from_secs(20), || {
        (ask(&mut a) == ask(&mut b)).then_some(())
    })
    .expect("level in time");
}

fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap() {
            t if t.is_dir() => walk(&entry.path(), out),
            t if t.is_file() => out.push(entry.path()),
            _ => {}
        }
    }
}

/// A volunteer's record, with a marker in each of its texts. Gives its id, and adds the numbers of the
/// markers of C2 to `own`.
fn person(door: &mut Door, markers: &mut Markers, own: &mut BTreeSet<usize>) -> String {
    let mut fields = Vec::new();
    for (name, class) in [
        ("name", Class::C2),
        ("also_called", Class::C2),
        ("home_area", Class::C1),
        ("emergency_contact", Class::C3),
    ] {
        let marker = markers.fresh(class);
        if class == Class::C2 {
            own.insert(markers.classes.len() - 1);
        }
        fields.push(json!({ "name": name, "value": marker }));
    }
    let request = json!({ "verb": "add", "kind": "volunteer", "fields": fields });
    door.ok(&request)["id"].as_str().unwrap().to_owned()
}

/// A task whose instructions are marked, given to somebody.
fn give(door: &mut Door, markers: &mut Markers, to: &str) -> usize {
    let (title, place) = (markers.fresh(Class::C1), markers.fresh(Class::C2));
    let number = markers.classes.len() - 1;
    let fields = [("title", &*title), ("instructions", &*place)];
    let task = door.add("task", &fields);
    door.ok(&json!({ "verb": "assign", "task": task, "volunteer": to }));
    number
}

/// How many different markers of C1, C2 and C3 lie in the memory of a daemon.
fn in_memory(markers: &Markers, device: &Device, name: &str) -> [usize; 3] {
    let found = seen(markers, device, name);
    [1, 2, 3].map(|class| found.get(&class).map_or(0, BTreeSet::len))
}

/// Which markers lie in the memory of a daemon, by class.
fn seen(markers: &Markers, device: &Device, name: &str) -> BTreeMap<u8, BTreeSet<usize>> {
    let mut found = BTreeMap::new();
    let read = memory::each_region(device.pid(), |region| markers.found(region, &mut found));
    let read = read.expect("root reads the memory of any process");
    assert!(read > 1_000_000, "hardly anything was read");
    let counts = [1, 2, 3].map(|class| found.get(&class).map_or(0, BTreeSet::len));
    println!("{name}: {read} bytes of memory, markers of C1, C2, C3: {counts:?}");
    found
}

#[test]
fn what_is_sealed_is_read_by_those_who_may_and_lies_nowhere_else() {
    let Some(net) = TestNet::for_test(5).unwrap() else {
        return;
    };
    net.record();
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    let roles = [
        ("camp", "coordinator"),
        ("phone", "volunteer"),
        ("van", "relay"),
    ];
    let mut devices: Vec<_> = roles
        .iter()
        .map(|(label, role)| gym.admit(root.path(), label, role))
        .collect();
    let mut markers = Markers::default();
    let mut own = BTreeSet::new();
    // Written before there is a device for them.
    let ana = person(&mut gym.door(), &mut markers, &mut own);
    let bob = person(&mut gym.door(), &mut markers, &mut BTreeSet::new());
    devices.push(gym.admit_with(root.path(), "ana", "volunteer", &["--person", &ana]));
    assert_eq!(gym.stop(), Some(0));
    devices.insert(0, gym);
    for (host, device) in devices.iter_mut().enumerate() {
        device.start_in(&net, host, &[]);
    }
    work(&mut devices[0].door(), &mut markers);
    own.insert(give(&mut devices[0].door(), &mut markers, &ana));
    give(&mut devices[0].door(), &mut markers, &bob);
    let have = [1, 2, 3].map(|class| markers.of(class));
    println!("markers of C1, C2, C3: {have:?}");
    assert!(have.iter().all(|n| *n > 0), "{have:?}");
    // The van carries them to the others.
    net.link(0, 3, Link::UP);
    level(&devices[0], &devices[3]);
    for host in [1, 2, 4] {
        net.link(host, 3, Link::UP);
        level(&devices[host], &devices[3]);
    }

    // Everything is shown to those who may read it, so that it is in their memory if it ever is.
    for device in &devices {
        let mut door = device.door();
        for kind in KINDS {
            let _shown: Value = door
                .try_call(&json!({ "verb": "list", "kind": kind.name }))
                .unwrap();
        }
    }
    let [gym, camp, phone, van, anas] = &devices[..] else {
        unreachable!()
    };
    assert_eq!(in_memory(&markers, gym, "gym (hq)"), have);
    let camp = in_memory(&markers, camp, "camp (coordinator)");
    assert_eq!(camp, [have[0], have[1], 0]);
    let phone = in_memory(&markers, phone, "phone (volunteer)");
    assert_eq!(phone, [have[0], 0, 0]);
    assert_eq!(in_memory(&markers, van, "van (relay)"), [0, 0, 0]);
    // Her own record, and the task that is hers, and nothing else.
    let found = seen(&markers, anas, "Ana's (volunteer)");
    assert_eq!(found.get(&1).map_or(0, BTreeSet::len), have[0]);
    assert_eq!(found.get(&2), Some(&own));
    assert_eq!(found.get(&3), None);

    let bundle = root.path().join("all.muster");
    gym.ok(["bundle", "export", "--out", bundle.to_str().unwrap()]);
    let tape = net.tape();
    let mut found = BTreeMap::new();
    markers.found(&tape, &mut found);
    println!("on the air: {} bytes, markers: {found:?}", tape.len());
    assert!(tape.len() > 20_000, "nothing was recorded");
    assert_eq!(found, BTreeMap::new());
    for device in &mut devices {
        assert_eq!(device.stop(), Some(0));
    }
    // Disks, logs, and the bundle: all that lies under the test's folder.
    let mut files = Vec::new();
    walk(root.path(), &mut files);
    let mut bytes = 0;
    for file in &files {
        let content = fs::read(file).unwrap();
        bytes += content.len();
        let mut found = BTreeMap::new();
        markers.found(&content, &mut found);
        assert_eq!(found, BTreeMap::new(), "{}", file.display());
    }
    println!("{} files of {bytes} bytes: 0 markers", files.len());
    assert!(
        files
            .iter()
            .any(|f| f.extension().is_some_and(|e| e == "log"))
    );
    assert!(
        files
            .iter()
            .any(|f| f.to_string_lossy().contains("journal"))
    );
}
