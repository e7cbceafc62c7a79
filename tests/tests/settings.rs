//! The settings file that comes with Muster is read by Muster, and says what holds without it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The binary: named by `MUSTER_BIN`, or built into the directory this test runs from.
fn binary() -> PathBuf {
    if let Some(given) = std::env::var_os("MUSTER_BIN") {
        return given.into();
    }
    let exe = std::env::current_exe().unwrap();
    let profile = exe.parent().and_then(Path::parent).unwrap();
    let target = profile.parent().unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "build",
            "--quiet",
            "--package",
            "muster-cli",
            "--target-dir",
        ])
        .arg(target)
        .current_dir(root());
    if profile.ends_with("release") {
        command.arg("--release");
    }
    assert!(
        command.status().unwrap().success(),
        "the binary is not built"
    );
    profile.join("muster")
}

fn show(binary: &Path, config: &Path) -> Output {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MUSTER_") {
            command.env_remove(name);
        }
    }
    command
        .arg("--config")
        .arg(config)
        .args(["config", "show", "--json"])
        .output()
        .unwrap()
}

fn settings(binary: &Path, config: &Path) -> Value {
    let out = show(binary, config);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let answer: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(answer["schema"], "muster.config.show/1");
    answer["settings"].clone()
}

#[test]
fn the_file_that_comes_with_it_says_what_holds() {
    let (binary, dir) = (binary(), tempfile::tempdir().unwrap());
    let shipped = root().join("config/muster.toml");
    let empty = dir.path().join("empty.toml");
    fs::write(&empty, "").unwrap();
    let (with, without) = (settings(&binary, &shipped), settings(&binary, &empty));
    let mut from_file = 0;
    for (name, default) in without.as_object().unwrap() {
        assert_eq!(
            with[name]["value"], default["value"],
            "{name} differs from what holds without the file"
        );
        let origin = with[name]["origin"].as_str().unwrap_or("default");
        from_file += usize::from(origin.starts_with("file "));
    }
    assert_eq!(
        with.as_object().unwrap().len(),
        without.as_object().unwrap().len()
    );
    assert_eq!(
        from_file, 4,
        "log and three settings of the network: {with}"
    );

    // What is commented out is written as it would have to be.
    let text = fs::read_to_string(&shipped).unwrap();
    let all: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.starts_with(['d', 'l']) && setting.contains(" = \"") => {
                setting
            }
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let full = dir.path().join("full.toml");
    fs::write(&full, all).unwrap();
    let full = settings(&binary, &full);
    assert_eq!(full["data"]["value"], "/var/lib/muster");
    assert_eq!(full["lang"]["value"], "fr");

    // And a misspelt key is refused.
    let wrong = dir.path().join("wrong.toml");
    fs::write(&wrong, "[network]\npears = []\n").unwrap();
    let out = show(&binary, &wrong);
    assert_eq!(out.status.code(), Some(2), "usage");
    assert!(String::from_utf8_lossy(&out.stderr).contains("pears"));
}
