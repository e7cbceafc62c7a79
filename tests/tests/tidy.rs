//! Habits that a machine can hold: see CONTRIBUTING.md for why.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a file should not exceed; longer ones are printed.
const AIM: usize = 400;
/// What a file may not exceed.
const MOST: usize = 600;
/// Longer files, each with its reason and its own limit.
const LONGER: [(&str, usize, &str); 2] = [
    (
        "crates/muster-hq/tests/common/mod.rs",
        640,
        "one made-up operation that all tests of headquarters share",
    ),
    (
        "tests/tests/contract.rs",
        1250,
        "the command contract, verb by verb; to be cut into files by subject",
    ),
];

/// The crates that decide and never act.
const PURE: [&str; 2] = ["crates/muster-log/", "crates/muster-model/"];
/// Where the clock and chance are read, and nowhere else.
const EDGES: [&str; 2] = [
    "crates/muster-node/src/edge.rs",
    "crates/muster-node/src/verbs/mod.rs",
];

struct Source {
    /// From the workspace's root, with `/`.
    name: String,
    path: PathBuf,
    text: String,
    /// The whole file is test code.
    is_test: bool,
}

impl Source {
    /// The lines that are built into the program, with their numbers.
    fn code(&self) -> Vec<(usize, &str)> {
        if self.is_test {
            return Vec::new();
        }
        let mut out = Vec::new();
        let mut lines = self.text.lines().enumerate().peekable();
        while let Some((at, line)) = lines.next() {
            if line.trim_start() != "#[cfg(test)]" {
                out.push((at + 1, line));
                continue;
            }
            // Skips the item: a line, or what rustfmt closes at the same depth.
            let depth = line.len() - line.trim_start().len();
            for (_, line) in lines.by_ref() {
                let own = line.len() - line.trim_start().len() == depth && !line.trim().is_empty();
                if own && (line.trim_end().ends_with(';') || line.trim_start().starts_with('}')) {
                    break;
                }
            }
        }
        out
    }

    fn says(&self, what: &[&str]) -> Vec<String> {
        let without_comment = |line: &str| match line.find("//") {
            Some(at) => line[..at].to_owned(),
            None => line.to_owned(),
        };
        self.code()
            .into_iter()
            .map(|(n, line)| (n, without_comment(line)))
            .filter(|(_, line)| what.iter().any(|w| line.contains(w)))
            .map(|(n, line)| format!("{}:{n}: {}", self.name, line.trim()))
            .collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if !path.ends_with("target") {
                files(&path, out);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let root = root();
    let mut paths = Vec::new();
    files(&root.join("crates"), &mut paths);
    files(&root.join("tests"), &mut paths);
    assert!(paths.len() > 100, "only {} files found", paths.len());
    let test_modules = test_modules(&paths);
    paths
        .into_iter()
        .map(|path| {
            let relative = path.strip_prefix(&root).unwrap();
            let name = relative.to_string_lossy().replace('\\', "/");
            let text = fs::read_to_string(&path).unwrap();
            let is_test = name.starts_with("tests/")
                || name.contains("/tests/")
                || name.contains("/examples/")
                || name.contains("/benches/")
                || name.ends_with("/tests.rs")
                || test_modules
                    .iter()
                    .any(|m| path.starts_with(m) || path == m.with_extension("rs"));
            Source {
                name,
                path,
                text,
                is_test,
            }
        })
        .collect()
}

/// Where the modules lie that are declared under `#[cfg(test)]`, without the ending `.rs`.
fn test_modules(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for path in paths {
        let text = fs::read_to_string(path).unwrap();
        // Between the two may stand what the tests are allowed.
        let lines = text.lines().map(str::trim);
        let lines: Vec<_> = lines.filter(|l| !l.starts_with("#[allow(")).collect();
        for pair in lines.windows(2) {
            if let ["#[cfg(test)]", declared] = pair
                && let Some(name) = module(declared)
            {
                out.push(children(path).join(name));
            }
        }
    }
    out
}

/// The name in `mod name;`, whoever may see it.
fn module(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(')')?.1.trim_start(),
        Some(rest) if rest.starts_with(' ') => rest.trim_start(),
        _ => line,
    };
    line.strip_prefix("mod ")?.strip_suffix(';')
}

/// The directory of a file's modules.
fn children(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap().to_string_lossy();
    let dir = path.parent().unwrap();
    let is_root = dir.file_name().is_some_and(|d| {
        ["src", "tests", "examples", "benches", "bin"]
            .iter()
            .any(|n| d == *n)
    });
    match stem.as_ref() {
        "mod" | "lib" | "main" => dir.to_path_buf(),
        _ if is_root && !dir.ends_with("src") => dir.to_path_buf(),
        name => dir.join(name),
    }
}

#[test]
fn a_module_says_what_it_is_for() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|s| !s.text.starts_with("//! "))
        .map(|s| s.name)
        .collect();
    assert!(silent.is_empty(), "no //! at the top: {silent:#?}");
}

#[test]
fn a_file_is_read_in_one_sitting() {
    let mut long = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        let most = LONGER
            .iter()
            .find(|(name, ..)| *name == source.name)
            .map_or(MOST, |(_, most, _)| *most);
        if lines > most {
            long.push(format!("{} has {lines} lines of {most}", source.name));
        } else if lines > AIM {
            println!("over {AIM} lines: {} ({lines})", source.name);
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, or this file would find itself.
    let words = ["todo", "unimplemented", "dbg"].map(|w| format!("{w}!("));
    let mut found = Vec::new();
    for source in sources() {
        for (n, line) in source.text.lines().enumerate() {
            if words.iter().any(|w| line.contains(w.as_str())) {
                found.push(format!("{}:{}", source.name, n + 1));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn nothing_panics_on_purpose_outside_tests() {
    let words = [
        ".unwrap()",
        ".expect(\"",
        "panic!(",
        "clippy::unwrap_used",
        "clippy::expect_used",
    ];
    let found: Vec<_> = sources().iter().flat_map(|s| s.says(&words)).collect();
    assert!(found.is_empty(), "{found:#?}");
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let manifest = entry.unwrap().path().join("Cargo.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{} does not take the workspace's lints",
            manifest.display()
        );
    }
}

#[test]
fn no_module_is_dead() {
    let sources = sources();
    let mut reached: BTreeSet<PathBuf> = BTreeSet::new();
    let mut todo: Vec<PathBuf> = sources
        .iter()
        .filter(|s| is_target(&s.name))
        .map(|s| s.path.clone())
        .collect();
    while let Some(path) = todo.pop() {
        let Some(source) = sources.iter().find(|s| s.path == path) else {
            continue;
        };
        if !reached.insert(path.clone()) {
            continue;
        }
        let mut named = None;
        for line in source.text.lines().map(str::trim) {
            if let Some(given) = line.strip_prefix("#[path = \"") {
                named = given.split('"').next();
            } else if let Some(name) = module(line) {
                let dir = children(&path);
                match named.take() {
                    Some(given) => todo.push(normal(&path.parent().unwrap().join(given))),
                    None => {
                        todo.push(dir.join(format!("{name}.rs")));
                        todo.push(dir.join(name).join("mod.rs"));
                    }
                }
            }
        }
    }
    let dead: Vec<_> = sources
        .iter()
        .filter(|s| !reached.contains(&s.path))
        .map(|s| &s.name)
        .collect();
    assert!(dead.is_empty(), "no `mod` leads to {dead:#?}");
}

/// A file from which cargo builds something by itself.
fn is_target(name: &str) -> bool {
    let parts: Vec<_> = name.split('/').collect();
    match parts.as_slice() {
        [.., "src", "lib.rs" | "main.rs" | "build.rs"] => true,
        [.., "src", "bin", _] | [.., "src", "bin", _, "main.rs"] => true,
        [.., dir, _] if ["tests", "examples", "benches"].contains(dir) => {
            // `tests/src/...` is the library of the package `tests`.
            parts.iter().filter(|p| **p == "src").count() == 0
        }
        [.., dir, _, "main.rs"] => ["tests", "examples", "benches"].contains(dir),
        _ => false,
    }
}

/// A path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[test]
fn pure_crates_know_no_clock_no_chance_and_no_hash_order() {
    let words = [
        "SystemTime",
        "Instant",
        "HashMap",
        "HashSet",
        "RandomState",
        "getrandom",
        "OsRng",
        "thread_rng",
        "rand::",
        "Timestamp::now",
        "Zoned::now",
        "TimeZone::system",
        "std::fs",
        "std::net",
        "std::thread",
        "std::env::var",
        "File::open",
        "tokio",
    ];
    let found: Vec<_> = sources()
        .iter()
        .filter(|s| PURE.iter().any(|p| s.name.starts_with(p)))
        .flat_map(|s| s.says(&words))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_clock_and_chance_are_read_at_the_edge() {
    // A monotonic clock that only spaces attempts and draws progress decides nothing: it may be
    // used by the transport, the loop and the command line.
    let words = [
        "SystemTime::now",
        "Timestamp::now",
        "Zoned::now",
        "getrandom::",
        "OsRng",
        "thread_rng",
        "rand::random",
    ];
    let found: Vec<_> = sources()
        .iter()
        .filter(|s| s.name.starts_with("crates/") && !EDGES.contains(&s.name.as_str()))
        .flat_map(|s| s.says(&words))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// The tests that a document names in backticks, alone or behind their file.
fn tests_named(text: &str) -> BTreeSet<&str> {
    let spans = text.split('`').skip(1).step_by(2);
    spans
        .filter_map(|span| span.rsplit(": ").next())
        .filter(|name| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            name.matches('_').count() >= 3 && name.chars().all(plain)
        })
        .collect()
}

/// A row of the threat model that names a test which is gone proves nothing any more.
#[test]
fn the_tests_that_the_threat_model_names_are_there() {
    let text = fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let sources = sources();
    let named = tests_named(&text);
    let gone: Vec<_> = named
        .iter()
        .filter(|name| {
            let head = format!("fn {name}(");
            !sources.iter().any(|s| s.text.contains(&head))
        })
        .collect();
    assert!(named.len() > 40, "{named:?}");
    assert!(gone.is_empty(), "{gone:#?}");
}

/// The checks above must be able to bite: made-up sources show that they see what they look for.
#[test]
fn the_checks_see_what_they_look_for() {
    let source = |name: &str, text: &str| Source {
        name: name.into(),
        path: name.into(),
        text: text.into(),
        is_test: false,
    };
    let one = source(
        "crates/x/src/a.rs",
        "//! A.\nfn a() {\n    b.unwrap();\n}\n\n#[cfg(test)]\nmod tests {\n    fn t() {\n        c.unwrap();\n    }\n}\nfn after() {\n    d.unwrap(); // not e.unwrap()\n}\n",
    );
    let names = tests_named("see `a.rs: it_does_what_it_says` and `b_is_not` and `x: y`");
    assert_eq!(names, BTreeSet::from(["it_does_what_it_says"]));
    let found = one.says(&[".unwrap()"]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].ends_with(":3: b.unwrap();") && found[1].contains(":13:"));
    let comment = source("a", "//! A.\n// x.unwrap() here\n");
    assert!(comment.says(&[".unwrap()"]).is_empty());
    assert_eq!(module("pub(crate) mod wire;"), Some("wire"));
    assert_eq!(module("mod tests {"), None);
    assert!(is_target("crates/a/src/lib.rs") && is_target("crates/a/tests/log/main.rs"));
    assert!(is_target("tests/tests/tidy.rs") && is_target("tests/src/bin/x/main.rs"));
    assert!(!is_target("crates/a/src/b.rs") && !is_target("crates/a/tests/common/mod.rs"));
    assert!(!is_target("tests/src/testnet.rs"));
}
