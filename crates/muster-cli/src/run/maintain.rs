//! Verbs for bad days: doctor, verify, repair. They open the data directory themselves where no
//! daemon runs.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::ArgMatches;
use muster_log::{
    book::Received,
    device::{self, Secrets},
    ids::IncidentId,
    record,
};
use muster_node::{
    anchor,
    api::{Request, exit},
    engine::read_only_book,
    error::NodeError,
};
use muster_store::{DataDir, fs::RealFs, journal};
use serde_json::{Value as Json, json};

use super::{text, unlock};
use crate::{
    Context, args,
    failure::{Failure, Outcome},
    render,
};

/// A daemon that stops has so long to write what it has.
const STOPS_WITHIN: Duration = Duration::from_secs(30);

/// `stop`: ends when the directory is free for the next one.
pub fn stop(c: &Context<'_>) -> Outcome<u8> {
    let path = &c.settings.data.value;
    let client = c.client()?;
    let holder = DataDir::taken_by(&RealFs, path).ok().flatten();
    let mut answer = client.call(&Request::Stop)?;
    let until = Instant::now() + STOPS_WITHIN;
    // Where another process has it by now, the one that was told to stop has not.
    while holder.is_some() && DataDir::taken_by(&RealFs, path).ok().flatten() == holder {
        if Instant::now() >= until {
            return Err(Failure::new("stop-timeout", exit::TIMED_OUT)
                .with("path", path.display())
                .with("seconds", STOPS_WITHIN.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("stopped".into(), true.into());
    }
    c.answer("stop", answer, |c, _| c.words.t("said-stopping"));
    Ok(0)
}

/// `doctor`: asks the daemon, or looks at the directory when none runs.
pub fn doctor(c: &Context<'_>) -> Outcome<u8> {
    let client = c.client()?;
    if client.is_reachable() {
        return super::ask(c, "doctor", Request::Doctor, render::status::doctor);
    }
    let path = &c.settings.data.value;
    let mut findings = Vec::new();
    let mut note = |code: &str, level: &str, args: Json| {
        findings.push(json!({ "code": code, "level": level, "args": args }));
    };
    note("daemon-down", "attention", json!({ "data": path }));
    match DataDir::unlock_method(&RealFs, path) {
        Err(e) => note("data-unusable", "trouble", json!({ "why": e.to_string() })),
        Ok(method) => {
            note(
                "unlock-method",
                "ok",
                json!({ "method": method.to_string() }),
            );
            match DataDir::open_read_only(Arc::new(RealFs), path, &unlock(c)?) {
                Err(e) => note(
                    "cannot-unlock",
                    "attention",
                    json!({ "why": e.to_string() }),
                ),
                Ok(dir) => {
                    look(&dir, &mut note);
                    doubts(&dir, &c.settings.anchors.value, &mut note);
                }
            }
        }
    }
    let worst = findings.iter().any(|f| f["level"] == "trouble");
    c.answer(
        "doctor",
        json!({ "findings": findings, "daemon": false }),
        render::status::doctor,
    );
    Ok(if worst { exit::FAILURE } else { 0 })
}

fn look(dir: &DataDir, note: &mut impl FnMut(&str, &str, Json)) {
    match dir.read_secret(device::FILE) {
        Ok(Some(bytes)) => match Secrets::from_bytes(&bytes) {
            Ok(s) if s.member().is_none() => note("waiting-for-answer", "attention", json!({})),
            Ok(s) => note("device", "ok", json!({ "device": s.device().hex() })),
            Err(e) => note("data-unusable", "trouble", json!({ "why": e.to_string() })),
        },
        Ok(None) => note("no-device", "trouble", json!({})),
        Err(e) => note("data-unusable", "trouble", json!({ "why": e.to_string() })),
    }
    match verify_dir(dir) {
        Ok(v) if !is_sound(&v) => {
            let bad = v["damage"]
                .as_array()
                .into_iter()
                .chain(v["refused"].as_array())
                .flatten();
            let why = bad.into_iter().next().map(|d| d["why"].clone());
            note("journal-damaged", "trouble", json!({ "why": why }));
        }
        Ok(v) => note("journal-sound", "ok", json!({ "entries": v["entries"] })),
        Err(e) => note("data-unusable", "trouble", json!({ "why": e.to_string() })),
    }
}

/// Whether the next start will take the directory for a copy, and whether an earlier one has.
fn doubts(dir: &DataDir, anchors: &Path, note: &mut impl FnMut(&str, &str, Json)) {
    let Ok(look) = anchor::look(dir, Some(anchors)) else {
        return; // No device in it: said above.
    };
    if let Some(doubt) = look.doubt {
        let args = json!({ "reason": doubt.code() });
        note("generation-doubt", "attention", args);
    } else if let Some(renewed) = look.renewed {
        let args = json!({ "reason": renewed.reason.code() });
        note("generation-renewed", "ok", args);
    }
}

/// `verify`: every signature and chain again, of this directory or of another one.
pub fn verify(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let path = text(m, "path").map_or_else(|| c.settings.data.value.clone(), PathBuf::from);
    let client = c.client()?;
    let answer = if text(m, "path").is_none() && client.is_reachable() {
        client.call(&Request::Verify)?
    } else {
        let dir = DataDir::open_read_only(Arc::new(RealFs), &path, &unlock(c)?)
            .map_err(NodeError::from)?;
        verify_dir(&dir)?
    };
    let sound = is_sound(&answer);
    c.answer("verify", answer, render::log::verified);
    Ok(if sound { 0 } else { exit::FAILURE })
}

fn is_sound(verified: &Json) -> bool {
    ["damage", "refused"]
        .iter()
        .all(|l| verified[*l].as_array().is_none_or(Vec::is_empty))
}

fn verify_dir(dir: &DataDir) -> Result<Json, NodeError> {
    let (genesis, mut book) = read_only_book(dir)?;
    let journal = journal::ReadOnlyJournal::open(dir)?;
    let mut damage: Vec<Json> = journal
        .damages()
        .iter()
        .map(|d| json!({ "why": d.to_string() }))
        .collect();
    let mut refused = Vec::new();
    for item in journal.records() {
        let (position, bytes) = match item {
            Ok(item) => item,
            Err(e) => {
                damage.push(json!({ "why": e.to_string() }));
                break;
            }
        };
        let (_, run) = record::decode(&bytes)?;
        match book.receive(run) {
            Ok(Received::Admitted(_) | Received::Known) => {}
            Err(e) => {
                refused.push(json!({ "position": position.to_string(), "why": e.to_string() }))
            }
        }
    }
    Ok(json!({
        "incident": IncidentId::hex(&genesis.id()),
        "entries": book.entries(),
        "logs": book.logs().count(),
        "damage": damage,
        "refused": refused,
    }))
}

/// `repair`: keeps every record that verifies, and opens a new generation.
pub fn repair(c: &Context<'_>) -> Outcome<u8> {
    let path = &c.settings.data.value;
    if !c.all.get_flag("yes") {
        return Err(Failure::new("needs-yes", exit::USAGE).with("verb", "repair"));
    }
    let dir = DataDir::open(Arc::new(RealFs), path, &unlock(c)?).map_err(NodeError::from)?;
    // Entries that were signed may be lost: never sign their places again. Said before anything is
    // mended: what a power cut leaves then may look whole.
    let mut secrets = muster_node::engine::read_secrets(&dir)?;
    secrets.renew_generation(&mut muster_node::daemon::random);
    dir.write_secret(
        device::FILE,
        &secrets.to_bytes(),
        &mut muster_node::daemon::random,
    )
    .map_err(NodeError::from)?;
    let report = journal::Journal::repair(&dir, &mut muster_node::daemon::random)
        .map_err(NodeError::from)?;
    // The index may hold what is lost now: it is computed again from what is left.
    if !report.rewritten.is_empty() || !report.aside.is_empty() {
        muster_store::index::remove(&dir.index_path()).map_err(NodeError::from)?;
    }
    let lost: Vec<_> = report
        .lost
        .iter()
        .map(|d| json!({ "why": d.to_string() }))
        .collect();
    let kept: u64 = report.rewritten.iter().map(|r| r.kept).sum();
    let answer = json!({ "kept": kept, "lost": lost });
    c.answer("repair", answer, |c, a| {
        let n = a["lost"].as_array().map_or(0, Vec::len);
        c.words.with(
            "said-repaired",
            args!["kept" = a["kept"].as_u64().unwrap_or(0), "lost" = n],
        )
    });
    Ok(0)
}
