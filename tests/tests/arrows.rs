//! The rooms of ARCHITECTURE.md and the arrows between them, as cargo sees them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// Every crate with the crates it may use. An arrow that is missing is a question to the design
/// before it is a line here.
const ARROWS: [(&str, &[&str]); 9] = [
    (
        "muster-cli",
        &[
            "muster-node",
            "muster-model",
            "muster-hq",
            "muster-log",
            "muster-store",
        ],
    ),
    (
        "muster-node",
        &["muster-net", "muster-store", "muster-model", "muster-log"],
    ),
    ("muster-net", &["muster-log"]),
    ("muster-store", &["muster-log"]),
    ("muster-model", &["muster-log"]),
    ("muster-log", &[]),
    ("muster-hq", &["muster-model", "muster-store", "muster-log"]),
    (
        "muster-sim",
        &["muster-log", "muster-model", "muster-store"],
    ),
    // The tests may look into every room.
    (
        TESTS,
        &[
            "muster-cli",
            "muster-node",
            "muster-net",
            "muster-store",
            "muster-model",
            "muster-log",
            "muster-hq",
            "muster-sim",
        ],
    ),
];

const TESTS: &str = "muster-tests";

/// Allowed, and not drawn at present: the store keeps bytes and needs no type of the log.
const NOT_USED: [(&str, &str); 1] = [("muster-store", "muster-log")];

/// Crates that decide and never act: the same input gives the same output, everywhere.
const PURE: [&str; 2] = ["muster-log", "muster-model"];

/// What reaches the world, or draws from its clock and its chance.
const IMPURE: [&str; 17] = [
    "async-std",
    "axum",
    "futures",
    "getrandom",
    "hyper",
    "if-addrs",
    "libp2p",
    "mio",
    "rand",
    "reqwest",
    "rusqlite",
    "rustix",
    "sled",
    "socket2",
    "tempfile",
    "tokio",
    "tracing",
];

/// One room each: what is behind the wall can be exchanged without asking the neighbours.
const AT_HOME: [(&str, &[&str]); 7] = [
    ("bincode", &["muster-log"]),
    ("sled", &["muster-store"]),
    ("libp2p", &["muster-net"]),
    ("rusqlite", &["muster-hq"]),
    ("axum", &["muster-node"]),
    ("clap", &["muster-cli"]),
    ("getrandom", &["muster-node", "muster-cli"]),
];

struct Workspace {
    /// Direct dependencies by package, by kind: `normal`, `build` or `dev`.
    packages: BTreeMap<String, Vec<(String, String)>>,
    /// All packages reached by normal and build dependencies, with their features as resolved.
    resolved: BTreeMap<String, BTreeSet<String>>,
}

fn workspace() -> &'static Workspace {
    static READ: OnceLock<Workspace> = OnceLock::new();
    READ.get_or_init(read)
}

fn read() -> Workspace {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let out = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--manifest-path",
            manifest,
        ])
        // Without this cargo asks for the crates of every system there is.
        .args([
            "--filter-platform",
            &format!("{}-unknown-linux-gnu", std::env::consts::ARCH),
        ])
        .output()
        .expect("cargo runs");
    assert!(
        out.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    let json: Value = serde_json::from_slice(&out.stdout).unwrap();
    let names: BTreeMap<&str, &str> = array(&json["packages"])
        .map(|p| (p["id"].as_str().unwrap(), p["name"].as_str().unwrap()))
        .collect();
    let members: BTreeSet<&str> = array(&json["workspace_members"])
        .map(|m| m.as_str().unwrap())
        .collect();
    let packages = array(&json["packages"])
        .filter(|p| members.contains(p["id"].as_str().unwrap()))
        .map(|p| {
            let uses = array(&p["dependencies"]).map(|d| {
                let kind = d["kind"].as_str().unwrap_or("normal");
                (d["name"].as_str().unwrap().to_owned(), kind.to_owned())
            });
            (p["name"].as_str().unwrap().to_owned(), uses.collect())
        })
        .collect();
    let mut links: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in array(&json["resolve"]["nodes"]) {
        let to = array(&node["deps"])
            .filter(|d| array(&d["dep_kinds"]).any(|k| k["kind"].as_str() != Some("dev")))
            .map(|d| d["pkg"].as_str().unwrap());
        links.insert(node["id"].as_str().unwrap(), to.collect());
    }
    let resolved = members
        .iter()
        .map(|m| {
            let (mut seen, mut todo) = (BTreeSet::new(), vec![*m]);
            while let Some(at) = todo.pop() {
                if seen.insert(at) {
                    todo.extend(links.get(at).into_iter().flatten());
                }
            }
            seen.remove(m);
            let all = seen.into_iter().map(|id| names[id].to_owned());
            (names[m].to_owned(), all.collect())
        })
        .collect();
    Workspace { packages, resolved }
}

fn array(json: &Value) -> impl Iterator<Item = &Value> {
    json.as_array().into_iter().flatten()
}

fn ours(name: &str) -> bool {
    name.starts_with("muster-")
}

#[test]
fn the_rooms_are_those_of_the_design() {
    let found: BTreeSet<_> = workspace().packages.keys().cloned().collect();
    let drawn: BTreeSet<_> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, drawn, "the crates differ from those drawn");
}

#[test]
fn the_arrows_are_those_of_the_design() {
    let workspace = workspace();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let mut wrong = Vec::new();
    for (from, uses) in &workspace.packages {
        for (to, kind) in uses.iter().filter(|(to, _)| ours(to)) {
            if !allowed[from.as_str()].contains(&to.as_str()) {
                wrong.push(format!("{from} -> {to} ({kind})"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "arrows the design does not have: {wrong:?}"
    );
    for (from, drawn) in ARROWS.iter().filter(|(from, _)| *from != TESTS) {
        for to in *drawn {
            let is_used = workspace.packages[*from]
                .iter()
                .any(|(name, kind)| name == to && kind == "normal");
            let is_known_unused = NOT_USED.contains(&(from, to));
            assert!(
                is_used || is_known_unused,
                "{from} -> {to} is drawn and nobody goes that way"
            );
            assert!(
                !(is_used && is_known_unused),
                "{from} -> {to} is used now: take it out of NOT_USED"
            );
        }
    }
}

#[test]
fn no_arrow_leads_back() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    for (start, _) in ARROWS {
        let (mut seen, mut todo) = (BTreeSet::new(), arrows[start].to_vec());
        while let Some(at) = todo.pop() {
            assert_ne!(at, start, "{start} leads back to itself");
            if seen.insert(at) {
                todo.extend(arrows[at]);
            }
        }
    }
}

#[test]
fn net_and_store_never_see_each_other() {
    let workspace = workspace();
    let all = |of: &str| workspace.resolved[of].clone();
    assert!(!all("muster-net").contains("muster-store"));
    assert!(!all("muster-store").contains("muster-net"));
    assert!(!all("muster-hq").contains("libp2p"));
}

#[test]
fn pure_crates_reach_nothing() {
    let workspace = workspace();
    for name in PURE {
        let direct: Vec<_> = workspace.packages[name]
            .iter()
            .filter(|(to, kind)| kind != "dev" && IMPURE.contains(&to.as_str()))
            .collect();
        assert!(direct.is_empty(), "{name} uses {direct:?}");
        // Deeper down only what needs no permission: getrandom is a feature that crypto crates may
        // bring, the rest would be a runtime, a socket or a database.
        let deep: Vec<_> = workspace.resolved[name]
            .iter()
            .filter(|to| IMPURE.contains(&to.as_str()) && to.as_str() != "getrandom")
            .collect();
        assert!(deep.is_empty(), "{name} leads to {deep:?}");
    }
}

#[test]
fn what_is_hidden_stays_at_home() {
    let workspace = workspace();
    for (package, homes) in AT_HOME {
        let users: Vec<_> = workspace
            .packages
            .iter()
            .filter(|(_, uses)| uses.iter().any(|(n, k)| n == package && k != "dev"))
            .map(|(name, _)| name.as_str())
            .filter(|name| !homes.contains(name) && *name != TESTS)
            .collect();
        assert!(users.is_empty(), "{package} is used by {users:?}");
    }
}

/// The check must be able to bite: the rule finds an arrow that is not drawn.
#[test]
fn a_wrong_arrow_would_be_seen() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    assert!(!allowed["muster-net"].contains(&"muster-store"));
    assert!(!allowed["muster-log"].contains(&"muster-model"));
    let arrows: usize = workspace()
        .packages
        .values()
        .map(|uses| uses.iter().filter(|(to, _)| ours(to)).count())
        .sum();
    assert!(arrows > 15, "only {arrows} arrows were read from cargo");
}
