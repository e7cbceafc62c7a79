//! What is readable with keys and without, and what leaves as CSV.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use muster_hq::{HqError, Warehouse, export_csv, safe_cell};
use muster_log::erased::Parts;

fn holds(path: &std::path::Path, marker: &str) -> bool {
    let bytes = std::fs::read(path).unwrap();
    bytes.windows(marker.len()).any(|w| w == marker.as_bytes())
}

#[test]
fn without_keys_sealed_stays_sealed() {
    let story = story();
    let path = story.path("w.sqlite");
    let report = import_into(&path, None, &story.sources);
    assert!(report.sealed_parts > 100);
    assert_eq!(
        number(
            &path,
            "SELECT sum(n) FROM counts WHERE what = 'sealed-parts'"
        ) as u64,
        report.sealed_parts
    );
    assert_eq!(
        number(&path, "SELECT count(*) FROM need")
            + number(&path, "SELECT count(*) FROM provenance"),
        0
    );
    for marker in [C1, C2, C3, "of the gym", "DROP TABLE", "clear mud"] {
        assert!(!holds(&path, marker), "{marker}");
    }
    // The keys come: everything is readable, as if they had been there.
    let report = import_into(&path, Some(story.hq()), &[]);
    assert_eq!((report.sealed_parts, report.entries_new), (0, 0));
    let with = story.path("with.sqlite");
    import_into(&with, Some(story.hq()), &story.sources);
    assert_same(&dump(&with), &dump(&path), "keys later");
    assert!([C1, C2, C3].iter().all(|marker| holds(&path, marker)));
    // And they go again: nothing lingers.
    let report = import_into(&path, None, &[]);
    assert!(report.sealed_parts > 100);
    for marker in [C1, C2, C3] {
        assert!(!holds(&path, marker), "{marker} lingers");
    }
}

#[test]
fn a_device_that_reads_less_sees_less() {
    let story = story();
    let path = story.path("w.sqlite");
    let device = muster_hq::HqDevice::new(story.a.genesis.clone(), story.a.secrets.clone());
    let report = import_into(&path, Some(device), &story.sources);
    assert_eq!(report.sealed_parts, 1);
    assert_eq!(report.reader_role, Some("coordinator"));
    assert!(holds(&path, C2) && !holds(&path, C3));
    assert_eq!(number(&path, "SELECT n FROM counts WHERE which = 'c3'"), 1);
    let class = "SELECT class FROM columns WHERE \"table\" = 'volunteer' AND \"column\" = ";
    assert_eq!(number(&path, &format!("{class}'phone'")), 2);
    assert_eq!(number(&path, &format!("{class}'emergency_contact'")), 3);
    let place = "SELECT class FROM columns WHERE \"table\" = 'need' AND \"column\" = 'place_lat'";
    assert_eq!(number(&path, place), 2);
}

#[test]
fn what_is_erased_leaves_the_tables() {
    let mut story = story();
    let path = story.path("w.sqlite");
    import_into(&path, Some(story.hq()), &story.sources);
    assert!(holds(&path, C1) && holds(&path, "roof gone"));
    let need = story.need;
    story.founder.erase(need, &Parts::new());
    let later = story.path("later.muster");
    let runs = story.founder.packed(64, |_, _| true);
    std::fs::write(&later, honest(&story.founder.genesis, &runs)).unwrap();
    import_into(&path, Some(story.hq()), &[later]);
    assert!(!holds(&path, C1) && !holds(&path, "roof gone"));
    let erased = format!(
        "SELECT erased FROM other_objects WHERE id = '{}'",
        need.hex()
    );
    assert_eq!(number(&path, &erased), 1);
    assert_eq!(
        number(
            &path,
            "SELECT count(*) FROM conflicts WHERE what = 'contested'"
        ),
        0
    );
}

#[test]
fn csv_is_readable_and_executes_nothing() {
    let story = story();
    let path = story.path("w.sqlite");
    import_into(&path, Some(story.hq()), &story.sources);
    let out = story.path("csv");
    let files = export_csv(&Warehouse::open_shared(&path).unwrap(), &out).unwrap();
    assert!(files.len() > 18);
    let mut harmless = 0;
    for file in &files {
        let mut reader = csv::Reader::from_path(&file.path).unwrap();
        let width = reader.headers().unwrap().len();
        let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.len() as u64, file.rows);
        let table = file.path.file_stem().unwrap().to_str().unwrap();
        assert_eq!(
            rows.len() as i64,
            number(&path, &format!("SELECT count(*) FROM \"{table}\""))
        );
        for cell in rows.iter().flat_map(|r| {
            assert_eq!(r.len(), width);
            r.iter()
        }) {
            let starts = cell.starts_with(['=', '+', '@', '\t', '\r']);
            assert!(!starts, "{table}: {cell}");
            assert!(
                !cell.starts_with('-') || cell.parse::<f64>().is_ok(),
                "{cell}"
            );
            harmless += u32::from(cell.starts_with('\''));
        }
    }
    assert!(harmless > 0);
    // No unfinished file is left, and a second export replaces the first.
    let names = || std::fs::read_dir(&out).unwrap().count();
    assert_eq!(names(), files.len());
    export_csv(&Warehouse::open_shared(&path).unwrap(), &out).unwrap();
    assert_eq!(names(), files.len());
    // Only the owner reads them.
    use std::os::unix::fs::PermissionsExt as _;
    for private in [&path, &files[0].path] {
        let mode = std::fs::metadata(private).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}

#[test]
fn cells_that_look_like_formulas() {
    for bad in [
        "=1+1", "+33", "-2", "@SUM(A1)", "\tx", "\r=x", "\n=x", "＝1",
    ] {
        assert_eq!(safe_cell(bad), format!("'{bad}"));
    }
    for good in ["", "roof", "'=1", " = 1", "1-2"] {
        assert_eq!(safe_cell(good), good);
    }
}

#[test]
fn nothing_to_export_yet() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w.sqlite");
    drop(Warehouse::open(&path, None).unwrap());
    let warehouse = Warehouse::open_shared(&path).unwrap();
    assert!(matches!(
        export_csv(&warehouse, dir.path()),
        Err(HqError::Empty)
    ));
}
