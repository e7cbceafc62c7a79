//! The two catalogues of sentences against each other, and against what the code says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const EN: &str = include_str!("../../crates/muster-cli/locales/en.ftl");
const FR: &str = include_str!("../../crates/muster-cli/locales/fr.ftl");

/// Families of sentences: the beginning of a key says where it is used.
const FAMILIES: [&str; 17] = [
    "accepted", "arg", "conflict", "demo", "error", "finding", "heading", "hint", "label", "level",
    "reason", "role", "said", "status", "verb", "why", "word",
];

/// A catalogue: each key once, with its text as it stands.
fn catalogue(source: &str) -> BTreeMap<&str, String> {
    let mut out: BTreeMap<&str, String> = BTreeMap::new();
    let mut last = None;
    for line in source.lines() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        if line.starts_with([' ', '\t', '}', '[', '*']) {
            let key = last.expect("a text before the first key");
            let text = out.get_mut(key).unwrap();
            text.push('\n');
            text.push_str(line.trim());
            continue;
        }
        let (key, text) = line
            .split_once(" =")
            .unwrap_or_else(|| panic!("not a sentence: {line}"));
        assert!(
            out.insert(key.trim(), text.trim().to_owned()).is_none(),
            "{key} stands twice"
        );
        last = Some(key.trim());
    }
    out
}

/// The arguments `{ $name }` of a text.
fn arguments(text: &str) -> BTreeSet<&str> {
    text.match_indices('$')
        .map(|(at, _)| {
            let rest = &text[at + 1..];
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
                .unwrap_or(rest.len());
            &rest[..end]
        })
        .collect()
}

fn differences<'a>(a: &BTreeMap<&'a str, String>, b: &BTreeMap<&'a str, String>) -> Vec<String> {
    let mut out = Vec::new();
    for (key, text) in a {
        match b.get(key) {
            None => out.push(format!("{key} is missing")),
            Some(other) if arguments(text) != arguments(other) => out.push(format!(
                "{key}: {:?} here, {:?} there",
                arguments(text),
                arguments(other)
            )),
            Some(_) => {}
        }
    }
    out
}

#[test]
fn both_languages_have_the_same_sentences_and_arguments() {
    let (en, fr) = (catalogue(EN), catalogue(FR));
    assert!(en.len() > 200, "only {} sentences were read", en.len());
    let (a, b) = (differences(&en, &fr), differences(&fr, &en));
    assert!(a.is_empty(), "French against English: {a:#?}");
    assert!(b.is_empty(), "English against French: {b:#?}");
}

fn rust_files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// The sources of a crate, without their tests at the end.
fn sources(name: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut paths = Vec::new();
    rust_files(&root.join("crates").join(name).join("src"), &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let text = match text.find("#[cfg(test)]\nmod tests {") {
            Some(at) => text[..at].to_owned(),
            None => text,
        };
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// A word of lower-case letters, digits and hyphens.
fn is_code(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Literals that stand right behind a marker: `marker( "this"`.
fn behind<'a>(text: &'a str, marker: &str) -> Vec<&'a str> {
    text.match_indices(marker)
        .filter_map(|(at, _)| {
            let rest = text[at + marker.len()..].trim_start().strip_prefix('"')?;
            Some(&rest[..rest.find('"')?])
        })
        .collect()
}

/// Literals that stand right before a marker: `"this", marker`.
fn before<'a>(text: &'a str, marker: &str) -> Vec<&'a str> {
    text.match_indices(marker)
        .filter_map(|(at, _)| {
            let rest = text[..at].trim_end().strip_suffix(',')?.strip_suffix('"')?;
            Some(&rest[rest.rfind('"')? + 1..])
        })
        .collect()
}

/// All literals of a source that look like a key of one of the families.
fn keys_in(text: &str) -> Vec<&str> {
    text.split('"')
        .filter(|piece| is_code(piece))
        .filter(|piece| {
            piece
                .split_once('-')
                .is_some_and(|(family, rest)| FAMILIES.contains(&family) && !rest.is_empty())
        })
        .collect()
}

/// Keys that the code asks for, with where.
fn wanted() -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut want = |key: String, path: &Path| {
        out.entry(key).or_insert_with(|| path.display().to_string());
    };
    for (path, text) in sources("muster-cli") {
        // A failure's code may begin like a family; its sentence is `error-CODE`.
        let codes = behind(&text, "Failure::new(");
        for key in keys_in(&text).into_iter().filter(|k| !codes.contains(k)) {
            want(key.to_owned(), &path);
        }
        for marker in ["words.t(", "words.with("] {
            for key in behind(&text, marker) {
                want(key.to_owned(), &path);
            }
        }
        for code in codes {
            want(format!("error-{code}"), &path);
        }
        for code in behind(&text, "note(").into_iter().filter(|c| is_code(c)) {
            if !code.starts_with("label-") {
                want(format!("finding-{code}"), &path);
            }
        }
        if path.parent().is_some_and(|p| p.ends_with("args")) {
            grammar(&text, &mut |key| want(key, &path));
        }
    }
    for (path, text) in sources("muster-node") {
        for code in behind(&text, "ApiError::new(") {
            want(format!("error-{code}"), &path);
        }
        for code in before(&text, "exit::") {
            want(format!("error-{code}"), &path);
        }
        for code in behind(&text, "note(") {
            want(format!("finding-{code}"), &path);
        }
        for code in behind(&text, "\"code\":") {
            // Findings written out as JSON; the checks above find the others.
            let is_finding = text.contains(&format!("\"code\": \"{code}\", \"level\""));
            if is_finding {
                want(format!("finding-{code}"), &path);
            }
        }
    }
    for (path, text) in sources("muster-model") {
        if path.ends_with("booking/check.rs") {
            let pairs = text.split("(\"").skip(1).filter_map(|piece| {
                let (code, rest) = piece.split_once('"')?;
                let is_reason = rest.starts_with(", true")
                    || rest.starts_with(", false")
                    || rest.starts_with(", other")
                    || rest.starts_with(", Vec")
                    || rest.starts_with(", others");
                (is_code(code) && is_reason).then(|| format!("reason-{code}"))
            });
            for key in pairs {
                want(key, &path);
            }
        }
    }
    out
}

/// Verbs and arguments, whose sentences clap shows as help.
fn grammar(text: &str, want: &mut dyn FnMut(String)) {
    for name in behind(text, ".verb(") {
        want(format!("verb-{name}"));
    }
    for marker in [".arg(", ".flag(", ".switch(", ".global("] {
        for name in behind(text, marker) {
            want(format!("arg-{name}"));
        }
    }
    for (at, _) in text.match_indices(".under(") {
        let rest = &text[at..];
        let mut words = rest.split('"').skip(1).step_by(2);
        if let (Some(parent), Some(name)) = (words.next(), words.next()) {
            want(format!("verb-{parent}-{name}"));
        }
    }
}

#[test]
fn no_sentence_is_missing() {
    let en = catalogue(EN);
    let wanted = wanted();
    assert!(
        wanted.len() > 200,
        "only {} keys were found in the sources",
        wanted.len()
    );
    let missing: Vec<_> = wanted
        .iter()
        .filter(|(key, _)| !en.contains_key(key.as_str()))
        .map(|(key, path)| format!("{key} ({path})"))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    for key in en.keys().filter(|k| !wanted.contains_key(**k)) {
        println!("nobody was seen to say: {key}");
    }
}

/// What a sentence names is given to it: `words.with("key", args!["name" = ...])`.
#[test]
fn no_argument_is_missing() {
    let en = catalogue(EN);
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for (path, text) in sources("muster-cli") {
        for (at, _) in text.match_indices("words.with(") {
            let Some((key, given)) = call(&text[at + "words.with(".len()..]) else {
                continue;
            };
            let Some(sentence) = en.get(key) else {
                continue;
            };
            checked += 1;
            for argument in arguments(sentence) {
                if !given.contains(argument) {
                    wrong.push(format!("{key} is not told {argument} ({})", path.display()));
                }
            }
        }
    }
    assert!(
        checked > 20,
        "only {checked} sentences with arguments were read"
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The key and the names of the arguments, where both are literal.
fn call(text: &str) -> Option<(&str, BTreeSet<&str>)> {
    let rest = text.trim_start().strip_prefix('"')?;
    let (key, rest) = rest.split_once('"')?;
    let rest = rest.trim_start().strip_prefix(',')?.trim_start();
    let list = rest.find("args![").filter(|at| *at < 12)?;
    let rest = &rest[list + "args![".len()..];
    let mut depth = 1;
    let end = rest.char_indices().find(|(_, c)| {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        depth == 0
    })?;
    let list = &rest[..end.0];
    let names = list
        .match_indices("\" = ")
        .filter_map(|(at, _)| list[..at].rfind('"').map(|from| &list[from + 1..at]))
        .collect();
    Some((key, names))
}

const NARROW: char = '\u{202f}';
const WIDE: char = '\u{a0}';

/// What French typesetting asks for, and a line breaks without.
fn typography(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let chars: Vec<char> = text.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let last = at.checked_sub(1).and_then(|i| chars.get(i)).copied();
        let next = chars.get(at + 1).copied();
        // What belongs to a command, a path or a time is no punctuation: a letter or digit follows.
        let ends = next.is_none_or(|n| n.is_whitespace() || n == '{' || n == '»');
        match c {
            '\'' => wrong.push("a straight apostrophe".to_owned()),
            ';' | '?' | '!' if ends && last != Some(NARROW) => {
                wrong.push(format!("no narrow no-break space before {c}"));
            }
            ':' if ends && last != Some(WIDE) => {
                wrong.push("no no-break space before :".to_owned());
            }
            '«' if next != Some(NARROW) => wrong.push("no narrow space after «".to_owned()),
            '»' if last != Some(NARROW) => wrong.push("no narrow space before »".to_owned()),
            '.' if chars.get(at + 1..at + 3) == Some(&['.', '.']) => {
                wrong.push("three dots instead of …".to_owned());
            }
            _ => {}
        }
    }
    wrong
}

/// Examples of what to type, in which signs stand as the program wants them.
const TYPED: [&str; 1] = ["item=blanket; quantity=20"];

#[test]
fn french_is_set_as_french() {
    let mut wrong = Vec::new();
    for (key, text) in catalogue(FR) {
        let text = TYPED
            .iter()
            .fold(text, |text, typed| text.replace(typed, ""));
        wrong.extend(typography(&text).into_iter().map(|w| format!("{key}: {w}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let nowhere: Vec<_> = catalogue(EN)
        .into_iter()
        .filter(|(_, text)| text.contains([NARROW, WIDE]))
        .map(|(key, _)| key.to_owned())
        .collect();
    assert!(nowhere.is_empty(), "French spaces in English: {nowhere:?}");
}

/// The checks above must be able to bite.
#[test]
fn the_checks_see_what_they_look_for() {
    let a =
        catalogue("one = { $x } of { $y }\ntwo = { $n ->\n    [one] One\n   *[other] { $n }\n }\n");
    let b = catalogue("one = { $x }\nthree = 3\n");
    let found = differences(&a, &b);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(arguments(&a["two"]), BTreeSet::from(["n"]));
    assert_eq!(behind("x.with(\n  \"said-it\", 1)", "with("), ["said-it"]);
    assert_eq!(before("(\"no-key\", exit::X)", "exit::"), ["no-key"]);
    assert_eq!(keys_in("f(\"said-x\", \"other-y\", \"said-\")"), ["said-x"]);
    let (key, given) = call("\n \"k\", args![\"a\" = s[\"i\"], \"b\" = 1])").unwrap();
    assert_eq!((key, given), ("k", BTreeSet::from(["a", "b"])));
    assert_eq!(typography("Quoi ? C'est « ceci » : non;").len(), 6);
    assert!(
        typography("Quoi\u{202f}? C’est «\u{202f}ceci\u{202f}»\u{a0}: 14:30 --x=a:b").is_empty()
    );
}
