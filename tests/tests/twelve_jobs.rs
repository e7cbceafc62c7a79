//! The lines of `docs/twelve-jobs.md`, run as they stand, in both languages.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use muster_tests::muster::{Device, Ran};

const JOBS: &str = include_str!("../../docs/twelve-jobs.md");

/// A line as a shell would cut it; only plain words and double quotes occur.
fn words(line: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => out.push(String::new()),
            c => out.last_mut().unwrap().push(c),
        }
    }
    out
}

fn jobs() -> Vec<Vec<String>> {
    let lines = JOBS.lines().filter_map(|l| l.strip_prefix("muster "));
    lines.map(words).collect()
}

/// What a person has to fill in: all but verbs and the names of flags.
fn values(job: &[String]) -> usize {
    let verbs = match job[0].as_str() {
        "volunteer" | "need" | "task" | "bundle" => 2,
        _ => 1,
    };
    job.iter()
        .skip(verbs)
        .filter(|w| !w.starts_with("--"))
        .count()
}

fn carry(root: &Path, from: &Device, to: &Device) {
    let stick = root.join("stick.muster");
    let path = stick.to_str().unwrap();
    from.ok(["--yes", "bundle", "export", "--out", path]);
    to.ok(["bundle", "import", path]);
}

/// Makes two people change one need unseen; gives the id that `conflicts` shows.
fn contradict(root: &Path, gym: &Device, camp: &Device) -> String {
    carry(root, gym, camp);
    gym.ok(["need", "edit", "N-GYM-1", "--priority", "low"]);
    camp.ok(["need", "edit", "N-GYM-1", "--priority", "high"]);
    carry(root, camp, gym);
    let conflicts = gym.ok(["conflicts"]);
    conflicts["items"][0]["id"].as_str().unwrap().to_owned()
}

fn run_all(lang: &str, wanted: [&str; 12]) {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let mut gym = Device::found(root, "gym");
    gym.start();
    let mut camp = gym.admit(root, "camp", "coordinator");
    camp.start();
    for (job, says) in jobs().iter().zip(wanted) {
        let mut job = job.clone();
        match job[0].as_str() {
            "settle" => job[1] = contradict(root, &gym, &camp),
            "bundle" => job[3] = root.join(&job[3]).to_str().unwrap().to_owned(),
            _ => {}
        }
        let ran = Ran::of(gym.command().args(["--lang", lang]).args(&job));
        assert_eq!(ran.code, 0, "{job:?}: {ran:?}");
        assert!(ran.out.contains(says), "{job:?}: {says:?} in {ran:?}");
    }
}

#[test]
fn each_job_is_one_command_with_at_most_two_values() {
    let all = jobs();
    assert_eq!(all.len(), 12);
    for job in all {
        assert!((0..=2).contains(&values(&job)), "{job:?}");
    }
}

#[test]
fn the_twelve_jobs_are_done_in_english() {
    run_all(
        "en",
        [
            "is saved",
            "Need N-GYM-1",
            "Task T-GYM-1",
            "Ana Exemple",
            "Offered",
            "is in since",
            "left at",
            "Drinking water",
            "Settled",
            "Said to everyone",
            "Agenda of everyone",
            "entries written",
        ],
    );
}

#[test]
fn les_douze_taches_se_font_en_francais() {
    run_all(
        "fr",
        [
            "enregistr",
            "N-GYM-1",
            "T-GYM-1",
            "Ana Exemple",
            "Proposée",
            "Ana Exemple",
            "Ana Exemple",
            "Drinking water",
            "Tranché",
            "Message pour tous",
            "Agenda de tous",
            "entrées écrites",
        ],
    );
}
