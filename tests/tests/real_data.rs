//! Needs as they were reported in two disasters, and rows broken on purpose.
//!
//! The real files lie in the folder that `MUSTER_REAL_DATA` names; unset, those tests say so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use muster_tests::muster::Device;
use serde_json::Value;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn real_data() -> Option<PathBuf> {
    let given = std::env::var_os("MUSTER_REAL_DATA").map(PathBuf::from);
    if given.is_none() {
        println!("not run: no data");
    }
    given
}

fn map(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../config/maps")
        .join(name)
}

fn founder(root: &Path) -> Device {
    let mut device = Device::found(root, "gym");
    device.start();
    device
}

/// Imports; the counts must add up to the rows.
fn import(device: &Device, file: &Path, map: &Path, more: &[&str]) -> (i32, Value) {
    let mut arguments = vec!["import", "needs", text(file), "--map", text(map)];
    arguments.extend(more);
    let ran = device.ask(arguments);
    let answer = ran.json();
    assert!(answer.get("error").is_none(), "{answer}");
    let refused = answer["refused"].as_array().unwrap().len() as u64;
    let count = |name: &str| answer[name].as_u64().unwrap();
    let sum =
        count("imported") + count("unchanged") + count("filtered") + count("repeated") + refused;
    assert_eq!(sum, count("rows"), "{answer}");
    assert_eq!(ran.code, if refused > 0 { 7 } else { 0 }, "{answer}");
    (ran.code, answer)
}

fn line(answer: &Value) -> String {
    let refused = answer["refused"].as_array().unwrap().len();
    let counts: Vec<String> = ["rows", "imported", "unchanged", "filtered", "repeated"]
        .iter()
        .map(|n| format!("{n} {}", answer[n]))
        .collect();
    format!("{}, refused {refused}", counts.join(", "))
}

/// Imports a real file twice, and says what came of it.
fn twice(device: &Device, file: &Path, map: &Path) -> Value {
    let name = file.file_name().unwrap().display().to_string();
    let before = device.digest();
    let (_, dry) = import(device, file, map, &["--dry-run"]);
    assert_eq!(device.digest(), before, "--dry-run stores nothing");
    let (_, first) = import(device, file, map, &[]);
    println!("{name}: {}", line(&first));
    for refusal in first["refused"].as_array().unwrap().iter().take(5) {
        println!(
            "  row {} {}: {}",
            refusal["row"], refusal["column"], refusal["why"]
        );
    }
    for name in [
        "rows",
        "imported",
        "unchanged",
        "filtered",
        "repeated",
        "refused",
    ] {
        assert_eq!(dry[name], first[name], "--dry-run says the same: {name}");
    }
    let after = device.digest();
    let (_, second) = import(device, file, map, &[]);
    println!("{name} again: {}", line(&second));
    assert_eq!(second["imported"], 0);
    assert_eq!(device.digest(), after, "the second time nothing new");
    assert_eq!(second["refused"], first["refused"]);
    assert_eq!(second["unchanged"], first["imported"]);
    first
}

#[test]
fn real_needs_are_imported_once() {
    let Some(data) = real_data() else { return };
    let root = tempfile::tempdir().unwrap();
    let gym = founder(root.path());
    let haiti = data.join("needs/haiti2010/haiti_needs_structured.csv");
    let first = twice(&gym, &haiti, &map("haiti-2010.toml"));
    let (needs, sites) = (gym.door().list("need").len(), gym.door().list("site").len());
    println!("{needs} needs and {sites} sites");
    assert_eq!(needs + sites, first["imported"].as_u64().unwrap() as usize);
    assert!(
        first["filtered"].as_u64().unwrap() >= 12,
        "12 rows lie outside Haiti"
    );
    let mut rows = 0;
    for name in [
        "disaster_response_test.csv",
        "disaster_response_validation.csv",
    ] {
        let before = gym.door().list("need").len();
        let answer = twice(
            &gym,
            &data.join("needs/messages").join(name),
            &map("disaster-messages.toml"),
        );
        rows += answer["imported"].as_u64().unwrap() as usize;
        assert_eq!(
            gym.door().list("need").len() - before,
            answer["imported"].as_u64().unwrap() as usize
        );
    }
    println!("{rows} needs from messages");
    let verified = gym.ok(["verify"]);
    assert_eq!(verified["refused"], serde_json::json!([]));
    println!("{} entries verify", verified["entries"]);
}

/// One row of a file that is to be refused: its bytes, and the column that is to blame.
struct Broken {
    bytes: Vec<u8>,
    column: &'static str,
}

/// The columns of the invented file and of Haiti's.
const SERIAL: &str = "serial";
const WHEN: &str = "incident_time_local";
const LAT: &str = "lat";
const LON: &str = "lon";

/// Fifty rows, each broken in one way, in the columns of Haiti's file: `serial,
/// incident_time_local, categories, lat, lon, approved, verified`.
fn broken() -> Vec<Broken> {
    let mut out = Vec::new();
    let mut next = 900_000;
    let mut row = |when: &[u8], categories: &[u8], place: &[u8], column: &'static str| {
        next += 1;
        let cells = [
            next.to_string().into_bytes(),
            when.to_vec(),
            categories.to_vec(),
            place.to_vec(),
            b"YES".to_vec(),
            b"NO".to_vec(),
        ];
        out.push(Broken {
            bytes: cells.join(&b','),
            column,
        });
    };
    let (good_when, good, good_place) = (
        &b"2010-01-20T10:00"[..],
        &b"2b. Water shortage"[..],
        &b"18.5,-72.3"[..],
    );
    for when in [
        "2010-13-01T10:00",
        "2010-02-30T10:00",
        "2010-01-20T25:00",
        "20/01/2010 at ten",
        "yesterday",
        "2010-01-20T10:61",
        "0000-00-00T00:00",
        "2010-1-2-3T10:00",
        "10:00",
        "💧",
    ] {
        row(when.as_bytes(), good, good_place, WHEN);
    }
    for place in [
        "98.5,-72.3",
        "-98.5,-72.3",
        "north,-72.3",
        "1e9,-72.3",
        "NaN,-72.3",
        "18°30',-72.3",
        "inf,-72.3",
        "18.5.1,-72.3",
    ] {
        row(good_when, good, place.as_bytes(), LAT);
    }
    for place in [
        "18.5,west",
        "18.5,181.5",
        "18.5,-272.3",
        "18.5,NaN",
        "18.5,--72",
        "18.5,-72.3W?",
        "18.5,0x48",
    ] {
        row(good_when, good, place.as_bytes(), LON);
    }
    let big = vec![b'x'; 1 << 20];
    for at in 0..5 {
        let mut cell = b"2b. Water ".to_vec();
        cell.extend(&big[at..]);
        row(good_when, &cell, good_place, "categories");
    }
    // Latin-1, UTF-16, a lone continuation byte, an overlong slash, a surrogate.
    for wrong in [
        &b"2b. P\xe9nurie d'eau"[..],
        b"2b. \xff\xfeW\0a\0t",
        b"2b. \x80",
        b"2b. \xc0\xaf",
        b"2b. \xed\xa0\x80",
    ] {
        row(good_when, wrong, good_place, "categories");
    }
    for open in [
        "\"2b. never closed",
        "\"\"\"",
        "\"2b. Water \"\" shortage",
        "2b. \"quoted, and not closed",
    ] {
        row(good_when, open.as_bytes(), good_place, "");
    }
    // A row without its key; too few cells, too many.
    for (bytes, column) in [
        (
            &b",2010-01-20T10:00,2b. Water,18.5,-72.3,YES,NO"[..],
            SERIAL,
        ),
        (b"   ,2010-01-20T10:00,2b. Water,18.5,-72.3,YES,NO", SERIAL),
        (b"\"\",2010-01-20T10:00,2b. Water,18.5,-72.3,YES,NO", SERIAL),
        (b"990001", ""),
        (b"990002,2010-01-20T10:00", ""),
        (b"990003,2010-01-20T10:00,2b. Water,18.5,-72.3,YES", ""),
        (
            b"990004,2010-01-20T10:00,2b. Water,18.5,-72.3,YES,NO,more",
            "",
        ),
        (b"990005;2010-01-20T10:00;2b. Water;18.5;-72.3;YES;NO", ""),
        (b"990006,2010-01-20T10:00,2b. Water,18,5,-72,3,YES,NO", ""),
        (
            b"990007\t2010-01-20T10:00\t2b. Water\t18.5\t-72.3\tYES\tNO",
            "",
        ),
        (b"990008,,,,,,,,,,,,,", ""),
    ] {
        out.push(Broken {
            bytes: bytes.to_vec(),
            column,
        });
    }
    out
}

/// Puts the broken rows between good ones: each is refused, none of the good ones.
fn with_broken_rows(root: &Path, header: &[u8], good: &[Vec<u8>], map: &Path) {
    let gym = founder(root);
    let broken = broken();
    assert_eq!(broken.len(), 50);
    let step = good.len() / broken.len();
    let mut file = header.to_vec();
    file.push(b'\n');
    let (mut expected, mut number) = (Vec::new(), 0_u64);
    for (n, row) in good.iter().enumerate() {
        for bytes in std::iter::once(row).chain(
            broken
                .get(n / step)
                .filter(|_| n % step == 0)
                .map(|b| &b.bytes),
        ) {
            number += 1;
            file.extend(bytes);
            file.push(b'\n');
        }
        if n % step == 0
            && let Some(broken) = broken.get(n / step)
        {
            expected.push((number, broken.column));
        }
    }
    assert_eq!(expected.len(), 50);
    let path = root.join("broken.csv");
    std::fs::write(&path, file).unwrap();
    let clean = root.join("clean.csv");
    let rows: Vec<u8> = good
        .iter()
        .flat_map(|row| [row.as_slice(), b"\n"].concat())
        .collect();
    std::fs::write(&clean, [header, b"\n", &rows].concat()).unwrap();
    let (_, wanted) = import(&gym, &clean, map, &["--dry-run"]);

    let before = gym.digest();
    let (_, dry) = import(&gym, &path, map, &["--dry-run"]);
    assert_eq!(gym.digest(), before, "--dry-run stores nothing");
    let (code, real) = import(&gym, &path, map, &[]);
    assert_eq!(code, 7);
    assert_eq!(dry["refused"], real["refused"], "--dry-run says the same");
    let refused = real["refused"].as_array().unwrap();
    let told: Vec<(u64, &str)> = refused
        .iter()
        .map(|r| (r["row"].as_u64().unwrap(), r["column"].as_str().unwrap()))
        .collect();
    let already: Vec<u64> = wanted["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["row"].as_u64().unwrap())
        .collect();
    for (row, column) in &expected {
        let Some((_, said)) = told.iter().find(|(r, _)| r == row) else {
            let at = expected.iter().position(|(r, _)| r == row).unwrap();
            panic!(
                "row {row} was not refused: {:?}",
                String::from_utf8_lossy(&broken[at].bytes[..broken[at].bytes.len().min(80)])
            );
        };
        // A place is made of two columns: it names both. A quote may hide where a cell ends.
        let fits = column.is_empty() || said.split(',').any(|s| s == *column);
        assert!(fits, "row {row}: {said:?} is blamed, not {column:?}");
    }
    assert_eq!(told.len(), 50 + already.len(), "and no other row: {told:?}");
    for (name, of) in [
        ("imported", &wanted),
        ("filtered", &wanted),
        ("repeated", &wanted),
    ] {
        assert_eq!(real[name], of[name], "{name}");
    }
    for refusal in refused.iter().step_by(4) {
        println!(
            "  row {} {}: {}",
            refusal["row"], refusal["column"], refusal["why"]
        );
        assert!(
            refusal["why"].as_str().unwrap().len() > 5
                && refusal["why"].as_str().unwrap().len() < 400,
            "{refusal}"
        );
    }
    println!("with 50 broken rows: {}", line(&real));
    let needs = gym.door().list("need").len() + gym.door().list("site").len();
    assert_eq!(needs as u64, real["imported"].as_u64().unwrap());
    let after = gym.digest();
    let (_, again) = import(&gym, &path, map, &[]);
    assert_eq!(
        (&again["imported"], gym.digest()),
        (&Value::from(0), after),
        "again: nothing new"
    );
}

#[test]
fn fifty_broken_rows_among_invented_ones() {
    let root = tempfile::tempdir().unwrap();
    let header = b"serial,incident_time_local,categories,lat,lon,approved,verified";
    let good: Vec<Vec<u8>> = (0..200)
        .map(|n| {
            let categories = [
                "2b. Penurie d'eau | Water shortage",
                "1. Urgences | Emergency; 3. Public Health",
                "\"2a. Food, and more\"",
                "7a. Food distribution point",
            ][n % 4];
            format!(
                "{n},2010-01-2{}T1{}:00,{categories},18.{n},-72.{n},YES,{}",
                n % 10,
                n % 10,
                if n % 3 == 0 { "YES" } else { "NO" }
            )
            .into_bytes()
        })
        .collect();
    with_broken_rows(root.path(), header, &good, &map("haiti-2010.toml"));
}

#[test]
fn fifty_broken_rows_among_real_ones() {
    let Some(data) = real_data() else { return };
    let root = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(data.join("needs/haiti2010/haiti_needs_structured.csv")).unwrap();
    let mut lines = bytes
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| l.strip_suffix(b"\r").unwrap_or(l).to_vec());
    let header = lines.next().unwrap();
    let good: Vec<_> = lines.take(1_000).collect();
    with_broken_rows(root.path(), &header, &good, &map("haiti-2010.toml"));
}
