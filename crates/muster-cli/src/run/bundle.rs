//! The stick in the pocket: bundles written and read, page by page, through the daemon's door.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
};

use clap::ArgMatches;
use muster_log::{
    bundle::{self, Item, Stretch},
    entry::LogKey,
    genesis::Genesis,
    ids::{DeviceId, Generation, Lane, Seq},
    run,
};
use muster_node::api::{Request, exit};
use serde_json::{Value as Json, json};

use super::{required, text};
use crate::{
    Context, args,
    client::Client,
    failure::{Failure, Outcome},
    render,
};

/// Bytes of a bundle read at a time.
const CHUNK: usize = 256 * 1024;
/// Bytes of runs offered to the door at a time.
const PAGE: usize = 1024 * 1024;

/// A stretch to be written: which, of which log, and of a forked one the line.
type Wanted = (Stretch, String, Option<String>);

fn stretch(json: &Json) -> Option<Wanted> {
    let log = LogKey {
        device: DeviceId::from_hex(json["device"].as_str()?)?,
        generation: Generation(u64::from_str_radix(json["generation"].as_str()?, 16).ok()?),
        lane: Lane(u8::try_from(json["lane"].as_u64()?).ok()?),
    };
    let stretch = Stretch {
        log,
        from: Seq(json["from"].as_u64()?),
        to: Seq(json["to"].as_u64()?),
    };
    let line = json["line"].as_str().map(str::to_owned);
    Some((stretch, json["log"].as_str()?.to_owned(), line))
}

/// `bundle export`.
pub fn export(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let out = PathBuf::from(required(m, "out")?);
    if out.exists() && !c.all.get_flag("yes") {
        return Err(Failure::new("file-exists", exit::REFUSED).with("path", out.display()));
    }
    let client = c.client()?;
    let public = m.get_flag("public");
    let plan = client.call(&Request::BundlePlan {
        r#for: text(m, "for"),
        since: text(m, "since"),
        public,
    })?;
    if plan["remembered"] == false {
        c.say(&c.words.t("said-nothing-remembered"));
    }
    let genesis = plan["genesis"].as_str().and_then(|h| hex::decode(h).ok());
    let genesis = genesis
        .and_then(|b| Genesis::from_bytes(&b).ok())
        .ok_or_else(bad_answer)?;
    let stretches: Vec<_> = plan["stretches"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(stretch)
        .collect();
    // Beside its final name, so that a stick pulled out early holds no half bundle of that name.
    let part = out.with_extension("muster-part");
    let written = write_bundle(&client, &genesis, &stretches, public, &part);
    let (entries, bytes) = match written {
        Ok(done) => done,
        Err(e) => {
            let _ = std::fs::remove_file(&part);
            return Err(e);
        }
    };
    std::fs::rename(&part, &out)
        .and_then(|()| super::setup::sync_folder(&out))
        .map_err(|e| Failure::file("write", &out, &e))?;
    if let Some(device) = text(m, "for") {
        client.call(&Request::Handed { device })?;
    }
    let answer = json!({
        "out": out, "entries": entries, "logs": stretches.len(), "bytes": bytes, "public": public,
    });
    c.answer("bundle.export", answer, |c, a| {
        c.words.with(
            "said-bundle-export",
            args![
                "entries" = entries,
                "file" = out.display(),
                "kib" = a["bytes"].as_u64().unwrap_or(0).div_ceil(1024)
            ],
        )
    });
    Ok(0)
}

fn bad_answer() -> Failure {
    Failure::new("bad-answer", exit::FAILURE).with("why", "bundle")
}

fn write_bundle(
    client: &Client,
    genesis: &Genesis,
    stretches: &[Wanted],
    public: bool,
    part: &Path,
) -> Outcome<(u64, u64)> {
    let at = |e: std::io::Error| Failure::file("write", part, &e);
    let mut file = BufWriter::new(File::create(part).map_err(at)?);
    let contents: Vec<_> = stretches.iter().map(|(s, ..)| *s).collect();
    let (mut writer, head) = bundle::Writer::start(genesis, &contents);
    let mut bytes = head.len() as u64;
    file.write_all(&head).map_err(at)?;
    let mut entries = 0;
    for (stretch, log, line) in stretches {
        let mut from = stretch.from.0;
        while from <= stretch.to.0 {
            let page = client.call(&Request::Runs {
                log: log.clone(),
                from,
                to: stretch.to.0,
                line: line.clone(),
                public,
            })?;
            for run in page["runs"].as_array().into_iter().flatten() {
                let run = run
                    .as_str()
                    .and_then(|h| hex::decode(h).ok())
                    .ok_or_else(bad_answer)?;
                let framed = writer.run(&run);
                bytes += framed.len() as u64;
                file.write_all(&framed).map_err(at)?;
            }
            let Some(next) = page["next"].as_u64().filter(|n| *n > from) else {
                break;
            };
            entries += next - from;
            from = next;
        }
    }
    let end = writer.end();
    bytes += end.len() as u64;
    file.write_all(&end).map_err(at)?;
    file.flush().map_err(at)?;
    file.get_ref().sync_all().map_err(at)?;
    Ok((entries, bytes))
}

/// Reads a bundle front to back with bounded memory, handing every item on.
fn read_items(path: &Path, mut item: impl FnMut(Item) -> Outcome<()>) -> Outcome<bool> {
    let mut file = File::open(path).map_err(|e| Failure::file("read", path, &e))?;
    let mut reader = bundle::Reader::default();
    let mut buffer = vec![0; CHUNK];
    loop {
        let n = file
            .read(&mut buffer)
            .map_err(|e| Failure::file("read", path, &e))?;
        match n {
            0 => reader.finish(),
            n => reader.push(buffer.get(..n).unwrap_or_default()),
        }
        loop {
            let next = reader.next_item().map_err(|e| {
                Failure::new("bundle-wrong", exit::REFUSED)
                    .with("path", path.display())
                    .with("why", e)
            })?;
            match next {
                Some(next) => item(next)?,
                None => break,
            }
        }
        if n == 0 {
            return Ok(reader.complete());
        }
    }
}

#[derive(Default)]
struct Tally {
    new: u64,
    known: u64,
    refused: BTreeMap<String, u64>,
    parked: Vec<String>,
    contents: Vec<Stretch>,
    damage: Vec<Json>,
}

/// `bundle import`.
pub fn import(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let client = c.client()?;
    let incident = client.call(&Request::Digest)?["incident"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let mut files = Vec::new();
    let mut worst = 0;
    let alone = m.get_many::<String>("files").is_some_and(|f| f.len() == 1);
    for path in m.get_many::<String>("files").into_iter().flatten() {
        let path = Path::new(path);
        // One bad file spoils no other.
        let (answer, exit) = import_one(&client, path, &incident).or_else(|failure| {
            if failure.error.exit == exit::NO_DAEMON || alone {
                return Err(failure);
            }
            c.say(&failure.text(c.words));
            let problem = json!({ "code": failure.error.code, "args": failure.error.args });
            Ok((json!({ "file": path, "complete": false, "entries_new": 0, "entries_known": 0, "problem": problem }), exit::REFUSED))
        })?;
        worst = worst.max(exit);
        files.push(answer);
    }
    let total = |name: &str| files.iter().filter_map(|f| f[name].as_u64()).sum::<u64>();
    let answer = json!({ "entries_new": total("entries_new"), "entries_known": total("entries_known"), "files": files });
    c.answer("bundle.import", answer, render::log::bundles);
    Ok(worst)
}

fn import_one(client: &Client, path: &Path, incident: &str) -> Outcome<(Json, u8)> {
    let mut tally = Tally::default();
    let mut page = Vec::new();
    let mut size = 0;
    let complete = read_items(path, |item| {
        match item {
            Item::Genesis(genesis) if genesis.id().hex() != incident => {
                return Err(Failure::new("other-incident", exit::REFUSED)
                    .with("path", path.display())
                    .with("theirs", genesis.body().name.to_string()));
            }
            Item::Genesis(_) | Item::End => {}
            Item::Contents(contents) => tally.contents.extend(contents),
            Item::Damage(d) => tally
                .damage
                .push(json!({ "offset": d.offset, "len": d.len })),
            Item::Run(run) => {
                size += run.len();
                page.push(hex::encode(run));
                if size >= PAGE {
                    size = 0;
                    offer(client, std::mem::take(&mut page), &mut tally)?;
                }
            }
        }
        Ok(())
    })?;
    offer(client, page, &mut tally)?;
    // What came before its author was known is tried again while that helps.
    while !tally.parked.is_empty() {
        let again = std::mem::take(&mut tally.parked);
        let before = again.len();
        for chunk in again.chunks(16) {
            offer(client, chunk.to_vec(), &mut tally)?;
        }
        if tally.parked.len() >= before {
            break;
        }
    }
    let unknown = tally.parked.len() as u64;
    if unknown > 0 {
        tally.refused.insert("unknown-author".into(), unknown);
    }
    let missing = if complete {
        Vec::new()
    } else {
        missing(client, &tally.contents)?
    };
    let exit = if tally.refused.is_empty() && complete {
        0
    } else {
        exit::REFUSED
    };
    let answer = json!({
        "file": path,
        "complete": complete,
        "entries_new": tally.new,
        "entries_known": tally.known,
        "refused": tally.refused,
        "damage": tally.damage,
        "missing": missing,
    });
    Ok((answer, exit))
}

fn offer(client: &Client, runs: Vec<String>, tally: &mut Tally) -> Outcome<()> {
    if runs.is_empty() {
        return Ok(());
    }
    let answer = client.call(&Request::Receive { runs: runs.clone() })?;
    let outcomes = answer["outcomes"].as_array().cloned().unwrap_or_default();
    for (run, outcome) in runs.into_iter().zip(outcomes) {
        tally.new += outcome["new"].as_u64().unwrap_or(0);
        tally.known += outcome["known"].as_u64().unwrap_or(0);
        match outcome["refused"].as_str() {
            Some("unknown-author") => tally.parked.push(run),
            Some(code) => *tally.refused.entry(code.to_owned()).or_default() += 1,
            None => {}
        }
    }
    Ok(())
}

/// What the list of contents names and this device still does not have.
fn missing(client: &Client, contents: &[Stretch]) -> Outcome<Vec<Json>> {
    let plan = client.call(&Request::BundlePlan {
        r#for: None,
        since: None,
        public: false,
    })?;
    let here: Vec<Stretch> = plan["stretches"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(stretch)
        .map(|s| s.0)
        .collect();
    let mut out = Vec::new();
    for wanted in contents {
        let mut from = wanted.from.0;
        let mut have: Vec<_> = here.iter().filter(|h| h.log == wanted.log).collect();
        have.sort_by_key(|h| h.from);
        for stretch in have {
            if stretch.from.0 > from && from <= wanted.to.0 {
                out.push(gap(wanted, from, wanted.to.0.min(stretch.from.0 - 1)));
            }
            from = from.max(stretch.to.0 + 1);
        }
        if from <= wanted.to.0 {
            out.push(gap(wanted, from, wanted.to.0));
        }
    }
    Ok(out)
}

fn gap(of: &Stretch, from: u64, to: u64) -> Json {
    json!({ "device": of.log.device.hex(), "lane": of.log.lane.0, "from": from, "to": to })
}

/// `bundle inspect`: needs no daemon and no membership; says what the file says of itself.
pub fn inspect(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let path = PathBuf::from(required(m, "file")?);
    let (mut runs, mut entries, mut bad) = (0u64, 0u64, 0u64);
    let mut incident = Json::Null;
    let mut genesis_id = None;
    let (mut contents, mut damage) = (Vec::new(), Vec::new());
    let complete = read_items(&path, |item| {
        match item {
            Item::Genesis(genesis) => {
                incident =
                    json!({ "id": genesis.id().hex(), "name": genesis.body().name.to_string() });
                genesis_id = Some(genesis.id());
            }
            Item::Contents(list) => contents.extend(list.iter().map(|s| gap(s, s.from.0, s.to.0))),
            Item::Damage(d) => damage.push(json!({ "offset": d.offset, "len": d.len })),
            Item::Run(bytes) => {
                runs += 1;
                let proven = genesis_id
                    .and_then(|id| run::decode(&id, &bytes).ok().map(|r| (id, r)))
                    .and_then(|(id, r)| muster_log::chain::verify(&id, r).ok());
                match proven {
                    Some(run) => entries += run.entries().len() as u64,
                    None => bad += 1,
                }
            }
            Item::End => {}
        }
        Ok(())
    })?;
    let answer = json!({
        "file": path, "incident": incident, "complete": complete, "runs": runs,
        "entries": entries, "unverified_runs": bad, "contents": contents, "damage": damage,
    });
    c.answer("bundle.inspect", answer, render::log::inspected);
    Ok(if complete && bad == 0 {
        0
    } else {
        exit::REFUSED
    })
}
