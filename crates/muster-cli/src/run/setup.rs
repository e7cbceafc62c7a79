//! Founding, joining, admitting, and running the daemon.

use std::{io::Write as _, path::Path, sync::Arc};

use clap::ArgMatches;
use muster_log::codec::Text;
use muster_model::numbers;
use muster_node::{
    api::{Request, exit},
    daemon, recovery,
    setup::{self, Founding},
};
use muster_store::{DataDir, PassphraseCost, Unlock, fs::RealFs, keys::Method};
use serde_json::json;

use super::{required, text, unlock};
use crate::{
    Context, args as sentence_args,
    failure::{Failure, Outcome},
};

fn label(m: &ArgMatches) -> Outcome<Text<64>> {
    let given = required(m, "device")?;
    let trimmed = given.trim().to_owned();
    if trimmed.is_empty() {
        return Err(Failure::new("label-empty", exit::USAGE));
    }
    Text::try_from(trimmed)
        .map_err(|e| Failure::new("label-too-long", exit::USAGE).with("limit", e.limit))
}

/// The device's short code: as given, or made of the label.
fn code(m: &ArgMatches, label: &str) -> Outcome<Text<8>> {
    let code = match text(m, "code") {
        Some(given) => given.trim().to_ascii_uppercase(),
        None => numbers::device_code(label),
    };
    let usable = !code.is_empty() && code.chars().all(|c| c.is_ascii_alphanumeric());
    let code = usable.then(|| Text::try_from(code).ok()).flatten();
    code.ok_or_else(|| Failure::new("code-wrong", exit::USAGE))
}

/// `init`.
pub fn init(context: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let path = &context.settings.data.value;
    let name = required(m, "incident")?;
    let name = Text::try_from(name.trim().to_owned())
        .map_err(|e| Failure::new("label-too-long", exit::USAGE).with("limit", e.limit))?;
    let label = label(m)?;
    let roots = m.get_one::<u8>("roots").copied().unwrap_or(1);
    let threshold = m.get_one::<u8>("threshold").copied().unwrap_or(1);
    if threshold > roots {
        return Err(Failure::new("threshold-wrong", exit::USAGE)
            .with("roots", roots)
            .with("threshold", threshold));
    }
    let outs: Vec<String> = m
        .get_many::<String>("recovery-out")
        .map(|o| o.cloned().collect())
        .unwrap_or_default();
    if outs.len() > usize::from(roots) {
        return Err(Failure::new("too-many-recovery-files", exit::USAGE).with("roots", roots));
    }
    let unfinished = setup::is_unfinished(&RealFs, path);
    let taken = match unfinished {
        true => "recovery-unfinished",
        false => "file-exists",
    };
    let files = recovery_files(path, &outs, usize::from(roots), taken)?;
    let unlock = unlock(context)?;
    let languages = text(m, "languages").unwrap_or_else(|| "en,fr".into());
    context.say(&context.words.t("said-init-start"));
    // The recovery files first: once the incident exists, its roots must not be lost.
    let secrets = setup::fresh_roots(roots, &mut daemon::random);
    let mut recovery = Vec::new();
    for (root, file) in secrets.iter().zip(&files) {
        let words = recovery::words(&mut daemon::random);
        let sealed = recovery::seal(root, &words)
            .map_err(|e| Failure::new("failed", exit::FAILURE).with("why", e))?;
        write_private(file, &sealed)?;
        recovery.push(json!({ "file": file, "passphrase": words.as_str() }));
    }
    let founding = Founding {
        name,
        code: code(m, &label)?,
        label,
        roots: secrets,
        threshold,
        languages: languages
            .split(',')
            .map(|l| l.trim().to_owned())
            .filter(|l| !l.is_empty())
            .collect(),
        now: daemon::now(),
    };
    let founded = match found(path, unfinished, &unlock, founding) {
        Ok(founded) => founded,
        Err(failure) => {
            // Roots of nothing.
            files
                .iter()
                .for_each(|file| drop(std::fs::remove_file(file)));
            return Err(failure);
        }
    };
    let method = unlock.method();
    let answer = json!({
        "incident": founded.incident.hex(),
        "device": founded.device.hex(),
        "recovery": recovery.first(),
        "recoveries": recovery,
        "unlock": method.to_string(),
        "data": path,
        "aside": founded.aside,
    });
    context.answer("init", answer, |c, a| init_text(c, a, method));
    Ok(0)
}

/// Founds in a fresh directory, or goes on in one where that was cut short.
fn found(
    path: &Path,
    unfinished: bool,
    unlock: &Unlock,
    founding: Founding,
) -> Outcome<setup::Founded> {
    if unfinished {
        let dir = DataDir::open(Arc::new(RealFs), path, unlock)
            .map_err(muster_node::error::NodeError::from)?;
        return Ok(setup::found(&dir, founding, &mut daemon::random)?);
    }
    let cost = PassphraseCost::default();
    let dir = DataDir::create(Arc::new(RealFs), path, unlock, cost, &mut daemon::random)
        .map_err(muster_node::error::NodeError::from)?;
    let founded = setup::found(&dir, founding, &mut daemon::random);
    if founded.is_err() {
        // Half an incident can be neither started nor joined.
        drop(dir);
        let _ = std::fs::remove_dir_all(path);
    }
    Ok(founded?)
}

fn recovery_files(
    data: &Path,
    outs: &[String],
    roots: usize,
    taken: &str,
) -> Outcome<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for at in 0..roots {
        let file = match outs.get(at) {
            Some(out) => out.into(),
            None if roots == 1 => data.with_extension("recovery.age"),
            None => data.with_extension(format!("recovery-{}.age", at + 1)),
        };
        if file.exists() {
            return Err(Failure::new(taken, exit::REFUSED).with("path", file.display()));
        }
        files.push(file);
    }
    Ok(files)
}

fn init_text(c: &Context<'_>, answer: &serde_json::Value, method: Method) -> String {
    let mut out = match answer["aside"].as_array() {
        Some(aside) if !aside.is_empty() => c.words.t("said-begun-again") + "\n\n",
        _ => String::new(),
    };
    out += &c.words.with(
        "said-init",
        sentence_args![
            "incident" = short(&answer["incident"]),
            "data" = text_of(&answer["data"])
        ],
    );
    for recovery in answer["recoveries"].as_array().into_iter().flatten() {
        out.push_str("\n\n");
        out.push_str(&c.words.with(
            "said-recovery",
            sentence_args![
                "file" = text_of(&recovery["file"]),
                "passphrase" = text_of(&recovery["passphrase"])
            ],
        ));
    }
    if method == Method::DefaultKeyFile {
        out.push_str("\n\n");
        out.push_str(&c.words.t("said-default-key"));
    }
    out.push_str("\n\n");
    out.push_str(&c.words.with(
        "said-next-daemon",
        sentence_args!["data" = text_of(&answer["data"])],
    ));
    out
}

fn text_of(json: &serde_json::Value) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

fn short(json: &serde_json::Value) -> String {
    json.as_str().unwrap_or_default().chars().take(12).collect()
}

/// Writes a file that only its owner reads, and that was not there before.
pub fn write_private(path: &Path, bytes: &[u8]) -> Outcome<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let written = file
        .and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()))
        .and_then(|()| sync_folder(path));
    written.map_err(|e| Failure::file("write", path, &e))
}

/// Makes a file's name as durable as its content: a stick may be pulled out right after.
pub fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

/// `join`, either half, or by code.
pub fn join(context: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    if let Some(code) = text(m, "invitation") {
        return super::pair::join(context, m, &code);
    }
    match text(m, "request-out") {
        Some(out) => request(context, m, Path::new(&out)),
        None => accept(context, &required(m, "answer")?),
    }
}

/// The data directory of a device that asks to join, made where there is none, and its request.
pub fn open_to_join(
    context: &Context<'_>,
    m: &ArgMatches,
) -> Outcome<(DataDir, muster_log::pairing::Request)> {
    let path = &context.settings.data.value;
    let unlock = unlock(context)?;
    let fs = Arc::new(RealFs);
    let node = muster_node::error::NodeError::from;
    if path.join("FORMAT").exists() {
        let dir = DataDir::open(fs, path, &unlock).map_err(node)?;
        let request = setup::repeat_request(&dir, daemon::now())?;
        Ok((dir, request))
    } else {
        let label = label(m)?;
        let code = code(m, &label)?;
        let cost = PassphraseCost::default();
        let dir = DataDir::create(fs, path, &unlock, cost, &mut daemon::random).map_err(node)?;
        let request = setup::request(&dir, label, code, daemon::now(), &mut daemon::random)?;
        Ok((dir, request))
    }
}

fn request(context: &Context<'_>, m: &ArgMatches, out: &Path) -> Outcome<u8> {
    if out.exists() {
        return Err(Failure::new("file-exists", exit::REFUSED).with("path", out.display()));
    }
    let (_, request) = open_to_join(context, m)?;
    write_private(out, &request.to_bytes())?;
    let card = muster_log::pairing::code::request_text(&request);
    let answer = json!({ "device": request.body().device.hex(), "request": out, "text": card });
    context.answer("join", answer, |c, _| {
        let said = c
            .words
            .with("said-request", sentence_args!["file" = out.display()]);
        let qr = m.get_flag("qr").then(|| super::pair::draw(&card)).flatten();
        match qr {
            Some(qr) => format!("{qr}\n{card}\n{said}"),
            None => said,
        }
    });
    Ok(0)
}

fn accept(context: &Context<'_>, answer: &str) -> Outcome<u8> {
    let answer = Path::new(answer);
    let bytes = std::fs::read(answer).map_err(|e| Failure::file("read", answer, &e))?;
    let dir = DataDir::open(
        Arc::new(RealFs),
        &context.settings.data.value,
        &unlock(context)?,
    )
    .map_err(muster_node::error::NodeError::from)?;
    let new = setup::accept(&dir, &bytes, daemon::now(), &mut daemon::random)?;
    joined(context, &new, serde_json::Value::Null);
    Ok(0)
}

/// Tells what was joined, and what `more` there is to tell.
pub fn joined(context: &Context<'_>, joined: &setup::Joined, more: serde_json::Value) {
    let name = joined.genesis.body().name.to_string();
    let mut json = json!({
        "incident": joined.genesis.id().hex(),
        "name": name,
        "device": joined.device.hex(),
        "entries": joined.entries,
    });
    if let (Some(json), serde_json::Value::Object(more)) = (json.as_object_mut(), more) {
        json.extend(more);
    }
    let data = context.settings.data.value.display();
    context.answer("join", json, |c, _| {
        c.words
            .with("said-joined", sentence_args!["name" = name, "data" = data])
    });
}

/// `admit`.
pub fn admit(context: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    if let Some(device) = text(m, "device") {
        return super::pair::admit(context, &device);
    }
    let request = required(m, "request")?;
    let bytes = match muster_log::pairing::code::request_bytes(&request) {
        Some(read) => {
            read.map_err(|e| Failure::new("pairing-refused", exit::REFUSED).with("why", e))?
        }
        None => {
            let request = Path::new(&request);
            std::fs::read(request).map_err(|e| Failure::file("read", request, &e))?
        }
    };
    let out = required(m, "answer-out")?;
    let out = Path::new(&out);
    if out.exists() {
        return Err(Failure::new("file-exists", exit::REFUSED).with("path", out.display()));
    }
    let mut answer = context.client()?.call(&Request::Admit {
        request: hex::encode(bytes),
        role: required(m, "role")?,
        person: text(m, "person"),
        scope: text(m, "scope"),
        sensitive: m.get_flag("sensitive"),
        expires: text(m, "expires"),
    })?;
    let sealed = answer["answer"].as_str().and_then(|h| hex::decode(h).ok());
    let sealed =
        sealed.ok_or_else(|| Failure::new("bad-answer", exit::FAILURE).with("why", "answer"))?;
    write_private(out, &sealed)?;
    answer["answer"] = json!(out);
    context.answer("admit", answer, |c, a| {
        c.words.with(
            "said-admitted",
            sentence_args![
                "label" = text_of(&a["label"]),
                "role" = text_of(&a["role"]),
                "file" = out.display()
            ],
        )
    });
    Ok(0)
}
