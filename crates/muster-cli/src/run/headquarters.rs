//! `hq`: the warehouse. It opens files itself and asks no daemon.

use std::{
    io::IsTerminal as _,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::{ArgMatches, parser::ValueSource};
use muster_hq::{HqDevice, HqError, Source, Warehouse};
use muster_node::{api::exit, daemon, engine::met::Met};
use muster_store::{DataDir, Unlock, fs::RealFs};
use serde_json::{Value as Json, json};

use super::{required, unlock};
use crate::{
    Context, args,
    failure::{Failure, Outcome},
    render::{id_short, list, number, text},
};

fn failed(e: HqError) -> Failure {
    Failure::new("hq-failed", exit::FAILURE).with("why", e)
}

fn sqlite(given: &str) -> Outcome<PathBuf> {
    match given.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(path.into()),
        _ => Err(Failure::new("into-wrong", exit::USAGE).with("given", given)),
    }
}

/// The directory given by `--data`: it must be one. A variable that happens to be set is not enough to
/// fail for.
fn own_device(c: &Context<'_>) -> Outcome<Option<PathBuf>> {
    let Some(path) = c.all.get_one::<String>("data").map(PathBuf::from) else {
        return Ok(None);
    };
    if path.join("FORMAT").exists() {
        return Ok(Some(path));
    }
    match c.all.value_source("data") {
        Some(ValueSource::CommandLine) => Err(Failure::new("data-not-ours", exit::NOT_FOUND)
            .with("why", format!("{}: no data directory", path.display()))),
        _ => Ok(None),
    }
}

/// HQ's device and a dead laptop may be locked differently: what was given is tried first, then the
/// default key file.
fn open_device(path: &Path, unlock: &Unlock) -> Outcome<HqDevice> {
    HqDevice::open(path, unlock)
        .or_else(|e| HqDevice::open(path, &Unlock::DefaultKeyFile).map_err(|_| e))
        .map_err(|e| Failure::new("cannot-unlock", exit::NOT_PERMITTED).with("why", e))
}

/// `hq import`.
pub fn import(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let into = sqlite(&required(m, "into")?)?;
    let unlock = unlock(c)?;
    // HQ's own device, where one is named: without it what is sealed stays sealed. Its journal is
    // imported only where it is named among the paths.
    let own = own_device(c)?;
    let device = own
        .as_deref()
        .map(|p| open_device(p, &unlock))
        .transpose()?;
    let mut warehouse = Warehouse::open(&into, device).map_err(failed)?;
    let sources: Vec<Source> = m
        .get_many::<String>("paths")
        .into_iter()
        .flatten()
        .map(|p| Source::from(PathBuf::from(p)))
        .collect();
    let show = std::io::stderr().is_terminal() && !c.json;
    let mut shown = Instant::now();
    let report = muster_hq::import(
        &mut warehouse,
        &sources,
        Some(&unlock),
        daemon::now(),
        &mut |p| {
            if show && shown.elapsed() > Duration::from_millis(200) {
                shown = Instant::now();
                eprint!(
                    "\r{}/{} {}",
                    p.files_done,
                    p.files_total,
                    p.entries_new + p.entries_known
                );
            }
            ControlFlow::Continue(())
        },
    )
    .map_err(failed)?;
    if show {
        eprintln!();
    }
    let mut answer = serde_json::to_value(&report)?;
    let named = m.get_many::<String>("paths").into_iter().flatten();
    let folders = own.into_iter().chain(named.map(PathBuf::from));
    let (measured, off) = clocks(folders, &unlock);
    answer["clocks_measured"] = json!(measured);
    answer["clocks_off"] = json!(off);
    let partly = !report.refused.is_empty() || report.files.iter().any(|f| !f.complete);
    c.answer("hq.import", answer, imported);
    Ok(if partly { exit::REFUSED } else { 0 })
}

/// How many clocks the data directories among these have measured, and which were far off. The
/// warehouse holds times as they were claimed; this says how far to trust them.
fn clocks(folders: impl Iterator<Item = PathBuf>, unlock: &Unlock) -> (usize, Vec<Json>) {
    let (mut measured, mut off) = (0, Vec::new());
    for folder in folders.filter(|f| f.join("FORMAT").exists()) {
        let open = |unlock| DataDir::open_read_only(Arc::new(RealFs), &folder, unlock);
        let Ok(dir) = open(unlock).or_else(|_| open(&Unlock::DefaultKeyFile)) else {
            continue;
        };
        for (device, offset) in Met::read(&dir).clocks() {
            measured += 1;
            if offset.matters() {
                off.push(json!({
                    "device": device.hex(), "offset_s": offset.ahead / 1_000, "by": folder,
                }));
            }
        }
    }
    (measured, off)
}

fn imported(c: &Context<'_>, a: &Json) -> String {
    let gaps = a["gaps"].as_array().map_or(0, Vec::len);
    let mut lines = vec![c.words.with(
        "said-hq-imported",
        args![
            "new" = number(a, "entries_new"),
            "known" = number(a, "entries_known"),
            "gaps" = gaps
        ],
    )];
    for (code, n) in a["refused"].as_object().into_iter().flatten() {
        lines.push(
            c.words
                .with("said-hq-refused", args!["code" = code, "count" = n]),
        );
    }
    match text(a, "reader_role") {
        "" | "hq" => {}
        role => lines.push(c.words.with(
            "said-hq-role",
            args!["role" = c.words.t(&format!("role-{role}"))],
        )),
    }
    if number(a, "sealed_parts") > 0 {
        lines.push(
            c.words
                .with("said-hq-sealed", args!["count" = number(a, "sealed_parts")]),
        );
    }
    if number(a, "clocks_measured") == 0 {
        lines.push(c.words.t("said-hq-no-clocks"));
    }
    for clock in list(a, "clocks_off") {
        let seconds = clock["offset_s"].as_i64().unwrap_or(0);
        lines.push(c.words.with(
            "said-hq-clock",
            args![
                "device" = id_short(text(clock, "device")),
                "minutes" = seconds.unsigned_abs() / 60,
                "way" = if seconds > 0 { "ahead" } else { "behind" },
                "by" = text(clock, "by")
            ],
        ));
    }
    for file in list(a, "files").filter(|f| f["problem"].is_object()) {
        lines.push(format!(
            "{}: {}",
            text(file, "path"),
            text(&file["problem"], "why")
        ));
    }
    lines.join("\n")
}

/// `hq export`.
pub fn export(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let from = sqlite(&required(m, "from")?)?;
    if !from.exists() {
        return Err(Failure::new("cannot-read", exit::NOT_FOUND)
            .with("path", from.display())
            .with("why", "not found"));
    }
    let out = required(m, "out")?;
    let warehouse = Warehouse::open_shared(&from).map_err(failed)?;
    let files = muster_hq::export_csv(&warehouse, Path::new(&out)).map_err(failed)?;
    let files: Vec<_> = files
        .iter()
        .map(|f| json!({ "file": f.path, "rows": f.rows }))
        .collect();
    c.answer("hq.export", json!({ "files": files }), |c, a| {
        let lines: Vec<_> = list(a, "files")
            .map(|f| {
                c.words.with(
                    "said-hq-exported",
                    args!["file" = text(f, "file"), "rows" = number(f, "rows")],
                )
            })
            .collect();
        lines.join("\n")
    });
    Ok(0)
}
