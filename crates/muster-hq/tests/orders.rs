//! Whatever the order, the grouping and the repetition of imports: the same tables.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use muster_log::{
    act::{Act, Adopt},
    chain::Run,
    entry::PartBody,
    ids::{Class, Lane, Seq, Signature},
    run,
};

#[test]
fn all_orders_give_the_same_tables() {
    let story = story();
    let mut first = None;
    for (at, order) in orders(4).iter().enumerate() {
        let sources: Vec<_> = order.iter().map(|i| story.sources[*i].clone()).collect();
        let together = story.path(&format!("together-{at}.sqlite"));
        let report = import_into(&together, Some(story.hq()), &sources);
        assert!(report.refused.is_empty(), "{:?}", report.refused);
        assert!(
            report.files.iter().all(|f| f.complete),
            "{:?}",
            report.files
        );
        let dumped = dump(&together);
        // Every third order also file by file, each import opening the warehouse again.
        if at % 3 == 0 {
            let one_by_one = story.path(&format!("one-{at}.sqlite"));
            for source in &sources {
                import_into(&one_by_one, Some(story.hq()), std::slice::from_ref(source));
            }
            let what = format!("{order:?} one by one");
            assert_same(&dumped, &dump(&one_by_one), &what);
        }
        let first = first.get_or_insert_with(|| dumped.clone());
        assert_same(first, &dumped, &format!("{order:?}"));
    }
    let path = story.path("together-0.sqlite");
    // The gym's log lacks 25 to 29: the bundle left out 20 to 29, and the laptop knew up to 24.
    assert_eq!(number(&path, "SELECT count(*) FROM gaps"), 1);
    let gap = "SELECT \"from\" * 100 + \"to\" FROM gaps WHERE known_by = 'chain'";
    assert_eq!(number(&path, gap), 25 * 100 + 29);
    let what = |w: &str| format!("SELECT count(DISTINCT id) FROM conflicts WHERE what = '{w}'");
    assert_eq!(number(&path, &what("contested")), 2);
    assert_eq!(number(&path, &what("double-booking")), 1);
    assert_eq!(
        number(
            &path,
            "SELECT is_contested FROM need WHERE contested LIKE '%title%'"
        ),
        1
    );
    assert_eq!(number(&path, "SELECT count(*) FROM devices"), 3);
    assert_eq!(number(&path, "SELECT count(*) FROM note"), 60);
    let label = "SELECT count(DISTINCT device_label) FROM provenance WHERE field = 'title'";
    assert_eq!(number(&path, label), 3);
    let entries = story.b.book.entries() as i64 - 5;
    assert_eq!(number(&path, "SELECT count(*) FROM entries"), entries);
    assert_eq!(
        number(&path, "SELECT n FROM counts WHERE what = 'entries'"),
        entries
    );
}

#[test]
fn twice_is_once() {
    let story = story();
    let path = story.path("w.sqlite");
    let first = import_into(&path, Some(story.hq()), &story.sources);
    let before = dump(&path);
    let again = import_into(&path, Some(story.hq()), &story.sources);
    assert_eq!(again.entries_new, 0);
    assert_eq!(again.entries, first.entries);
    assert_eq!(again.entries_known, first.entries_new + first.entries_known);
    assert_same(&before, &dump(&path), "twice");
    assert_eq!(
        number(&path, "SELECT count(*) FROM import_log WHERE complete = 1"),
        2
    );
    // A directory that holds them all is the same as all of them.
    let walked = story.path("walked.sqlite");
    std::fs::create_dir(story.path("stick")).unwrap();
    for source in &story.sources {
        let to = story.path("stick").join(source.file_name().unwrap());
        std::fs::rename(source, to).unwrap();
    }
    std::fs::write(story.path("stick/readme.txt"), "not a bundle").unwrap();
    let report = import_into(&walked, Some(story.hq()), &[story.path("stick")]);
    assert_eq!(report.files.len(), 4);
    assert_same(&before, &dump(&walked), "walked");
}

#[test]
fn authors_may_come_after_their_entries() {
    let story = story();
    let log = story.b.secrets.log(Lane::DATA);
    let only_b = story.b.packed(64, |l, _| *l == log);
    let early = story.path("early.muster");
    std::fs::write(&early, honest(&story.founder.genesis, &only_b)).unwrap();
    let orders = [[&early, &story.sources[0]], [&story.sources[0], &early]];
    let mut dumps = Vec::new();
    for (at, order) in orders.iter().enumerate() {
        let path = story.path(&format!("w{at}.sqlite"));
        let reports: Vec<_> = order
            .iter()
            .map(|s| import_into(&path, Some(story.hq()), &[(*s).clone()]))
            .collect();
        if at == 0 {
            assert_eq!(reports[0].refused["unknown-author"], only_b.len() as u64);
            assert_eq!(reports[0].entries, 0);
        }
        assert!(reports[1].refused.is_empty());
        dumps.push(dump(&path));
    }
    assert_same(&dumps[0], &dumps[1], "late authority");
    assert_eq!(dumps[0]["refused"].len(), 0);
    assert_eq!(dumps[0]["note"].len(), 60);
}

/// A disk image of a device was put back: two bundles hold two histories of it, cut into runs each its
/// own way, over the entries that they share. Then a coordinator adopts both.
#[test]
fn both_branches_of_a_forked_log_are_stored_in_every_order() {
    let (mut story, mut twin) = (story(), story());
    let log = story.a.secrets.log(Lane::DATA);
    assert_eq!(log, twin.a.secrets.log(Lane::DATA), "the same device");
    let shared = story.a.book.log(&log.id(&story.a.book.incident()));
    let shared = shared.unwrap().contiguous();
    for n in 0..3 {
        let text = format!("after the image {n}");
        story.a.add("note", &[("text", &text)]);
        twin.a.add("note", &[("text", &format!("{text}, twin"))]);
    }
    twin.a.add("note", &[("text", "one more")]);
    let heads = [&story.a, &twin.a].map(|device| {
        let heads = device.book.log(&log.id(&device.book.incident())).unwrap();
        (heads.last().unwrap(), heads.head())
    });
    let adopt = heads.map(|(to, hash)| {
        Act::Adopt(Adopt {
            log,
            from: Seq(shared),
            to,
            hash,
            signature: Signature([0; 64]),
        })
    });
    let genesis = story.founder.genesis.clone();
    let write = |story: &Story, name: &str, runs: &[Run]| {
        let path = story.path(name);
        std::fs::write(&path, honest(&genesis, runs)).unwrap();
        path
    };
    let founder = story.founder.packed(64, |_, _| true);
    let mut sources = vec![
        write(&story, "founder.muster", &founder),
        write(&story, "one.muster", &story.a.packed(64, |_, _| true)),
        write(&story, "twin.muster", &twin.a.packed(7, |l, _| *l == log)),
    ];
    story.founder.act(adopt.to_vec());
    let founder = story.founder.packed(64, |_, _| true);
    // The two wrote of the same three objects, and the twin of one more.
    for (notes, entries) in [(0, 0), (4, 1)] {
        if entries > 0 {
            sources.push(write(&story, "adopted.muster", &founder));
        }
        let mut first = None;
        for (at, order) in orders(sources.len()).iter().enumerate() {
            let path = story.path(&format!("{notes}-{at}.sqlite"));
            for source in order {
                import_into(&path, Some(story.hq()), &[sources[*source].clone()]);
            }
            let dumped = dump(&path);
            let first = first.get_or_insert_with(|| dumped.clone());
            assert_same(first, &dumped, &format!("{order:?}"));
            assert_eq!(dumped["refused"].len(), 0);
            let stored = story.a.book.entries() as i64 + 4 + entries;
            assert_eq!(number(&path, "SELECT count(*) FROM entries"), stored);
            assert_eq!(dumped["note"].len(), notes, "those past the fork");
            assert_eq!(dumped["gaps"].len(), 0);
        }
    }
}

/// Drops the stored bytes of every part above C0, as a public bundle does.
fn public(runs: &[Run]) -> Vec<Run> {
    let mut out = runs.to_vec();
    for entry in out.iter_mut().flat_map(|r| &mut r.entries) {
        for (head, body) in entry.header.parts.iter().zip(&mut entry.parts) {
            if head.class != Class::C0 {
                *body = PartBody::Absent;
            }
        }
    }
    out
}

#[test]
fn withheld_parts_come_later() {
    let story = story();
    let whole = story.b.packed(64, |_, _| true);
    let thin = story.path("public.muster");
    std::fs::write(&thin, honest(&story.founder.genesis, &public(&whole))).unwrap();
    let full = story.path("full.muster");
    std::fs::write(
        &full,
        honest(&story.founder.genesis, &story.b.packed(5, |_, _| true)),
    )
    .unwrap();
    let mut dumps = Vec::new();
    for (at, order) in [[&thin, &full], [&full, &thin]].iter().enumerate() {
        let path = story.path(&format!("w{at}.sqlite"));
        for (i, source) in order.iter().enumerate() {
            let report = import_into(&path, Some(story.hq()), &[(*source).clone()]);
            assert_eq!(report.absent_parts == 0, at == 1 || i == 1);
        }
        dumps.push(dump(&path));
    }
    assert_same(&dumps[0], &dumps[1], "absent parts");
}

#[test]
fn plain_parts_are_sealed_again() {
    let story = story();
    let runs = story.founder.packed(64, |_, _| true);
    // As a bundle for a device that holds the keys: lane 1 in plain bytes, before lane 0.
    let incident = story.founder.genesis.id();
    let mut encoded: Vec<Vec<u8>> = runs
        .iter()
        .map(|r| run::encode_for(&incident, r, story.founder.book.keys(), |_| true))
        .collect();
    encoded.reverse();
    let path = story.path("plain.muster");
    std::fs::write(&path, bundle(&story.founder.genesis, &encoded, &runs)).unwrap();
    let with = story.path("with.sqlite");
    let report = import_into(&with, Some(story.hq()), std::slice::from_ref(&path));
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    let sealed = story.path("sealed.sqlite");
    import_into(&sealed, Some(story.hq()), &story.sources[..1]);
    assert_same(&dump(&with), &dump(&sealed), "plain");
    // Without the keys nothing of it may rest in the file.
    let without = story.path("without.sqlite");
    let report = import_into(&without, None, &[path]);
    assert!(report.refused["no-key"] > 0);
    let bytes = std::fs::read(&without).unwrap();
    for marker in [C1, C2, C3] {
        assert!(
            !bytes.windows(marker.len()).any(|w| w == marker.as_bytes()),
            "{marker}"
        );
    }
}

/// Erased it is gone from the file, whichever came first, in the tables and as it was stored.
#[test]
fn an_erasure_may_come_before_or_after_what_it_names() {
    let mut story = story();
    let (mut parts, mut stored) = story.a.parts_of(story.need);
    let (more, bytes) = story.b.parts_of(story.need);
    parts.extend(more);
    stored.extend(bytes);
    assert!(parts.len() > 1, "several authors");
    story.founder.erase(story.need, &parts);
    let erasure = story.path("erasure.muster");
    let runs = story
        .founder
        .packed(64, |log, _| log.lane == Lane::AUTHORITY);
    std::fs::write(&erasure, honest(&story.founder.genesis, &runs)).unwrap();
    let holds = |path: &std::path::Path, what: &[u8]| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(what.len()).any(|w| w == what)
    };
    let mut dumps = Vec::new();
    for at in [0, 2, story.sources.len()] {
        let mut order = story.sources.clone();
        order.insert(at, erasure.clone());
        let path = story.path(&format!("erased-{at}.sqlite"));
        let last = order.pop().unwrap();
        import_into(&path, Some(story.hq()), &order);
        if at == story.sources.len() {
            assert!(
                holds(&path, C1.as_bytes()),
                "the search finds what is there"
            );
            assert!(stored.iter().filter(|part| holds(&path, part)).count() > 1);
        }
        let report = import_into(&path, Some(story.hq()), &[last]);
        assert!(report.erased_parts > 1, "{}", report.erased_parts);
        assert!(
            !holds(&path, C1.as_bytes()) && !holds(&path, b"roof gone"),
            "{at}"
        );
        for part in &stored {
            assert!(!holds(&path, part), "{at}: sealed, it is there still");
        }
        // What is offered again is refused again.
        import_into(&path, Some(story.hq()), &story.sources);
        assert!(stored.iter().all(|part| !holds(&path, part)), "{at}: again");
        dumps.push(dump(&path));
    }
    assert_same(&dumps[0], &dumps[1], "first and in the middle");
    assert_same(&dumps[0], &dumps[2], "first and last");
    let path = story.path("erased-0.sqlite");
    let count = "SELECT n FROM counts WHERE what = 'erased-objects'";
    assert_eq!(number(&path, count), 1);
}
