//! The demo: the main job on one machine, with real daemons and sockets, in under a minute.
//!
//! Every step goes through the same doors as a person's: the binary itself, its control sockets, its
//! files. What it makes lies in one temporary directory and goes with it.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use clap::ArgMatches;
use muster_model::{sample, table};
use muster_node::{
    api::{FieldInput, Request, exit},
    daemon,
};
use serde_json::{Value as Json, json};

use crate::{
    Context, args,
    client::Client,
    failure::{Failure, Outcome},
    render,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A device of the demo, with its daemon.
struct Device {
    dir: PathBuf,
    daemon: Option<Child>,
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

struct Stage<'a> {
    c: &'a Context<'a>,
    root: PathBuf,
    step: usize,
}

fn failed(step: usize, why: impl std::fmt::Display) -> Failure {
    Failure::new("demo-failed", exit::FAILURE)
        .with("step", step)
        .with("why", why)
}

impl Stage<'_> {
    fn say(&mut self, what: &str) {
        self.step += 1;
        self.c.say(
            &self
                .c
                .words
                .with("demo-step", args!["n" = self.step, "what" = what]),
        );
    }

    fn fail(&self, why: impl std::fmt::Display) -> Failure {
        failed(self.step, why)
    }

    /// Runs a verb of this binary and gives its JSON answer.
    fn muster(&self, data: &Path, arguments: &[&str]) -> Outcome<Json> {
        let exe = std::env::current_exe().map_err(|e| self.fail(e))?;
        let out = Command::new(exe)
            .arg("--data")
            .arg(data)
            .args(["--json", "--lang", "en"])
            .args(arguments)
            .env_remove("MUSTER_CONFIG")
            .stdin(Stdio::null())
            .output()
            .map_err(|e| self.fail(e))?;
        if !out.status.success() {
            return Err(self.fail(String::from_utf8_lossy(&out.stderr)));
        }
        serde_json::from_slice(&out.stdout).map_err(|e| self.fail(e))
    }

    fn start(&self, device: &mut Device) -> Outcome<()> {
        let exe = std::env::current_exe().map_err(|e| self.fail(e))?;
        let log =
            std::fs::File::create(device.dir.with_extension("log")).map_err(|e| self.fail(e))?;
        let child = Command::new(exe)
            .arg("--data")
            .arg(&device.dir)
            .arg("daemon")
            .env_remove("MUSTER_CONFIG")
            .env("MUSTER_ANCHORS", device.dir.with_extension("anchors"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|e| self.fail(e))?;
        device.daemon = Some(child);
        let client = Client::new(&device.dir)?;
        self.until("a daemon does not answer", || {
            Ok(client.is_reachable().then_some(()))
        })
    }

    /// Asks again until there is an answer.
    fn until<T>(&self, what: &str, mut ask: impl FnMut() -> Outcome<Option<T>>) -> Outcome<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = ask()? {
                return Ok(found);
            }
            if Instant::now() > end {
                return Err(self.fail(what));
            }
            std::thread::sleep(Duration::from_millis(40));
        }
    }

    /// Waits until devices have the same entries.
    fn level(&self, devices: &[&Device]) -> Outcome<Vec<Json>> {
        let clients: Vec<_> = devices
            .iter()
            .map(|d| Client::new(&d.dir))
            .collect::<Outcome<_>>()?;
        self.until("the devices did not become level", || {
            let digests: Vec<_> = clients
                .iter()
                .map(|c| c.call(&Request::Digest))
                .collect::<Outcome<_>>()?;
            let equal = digests.windows(2).all(|pair| match pair {
                [a, b] => a["frontier"] == b["frontier"],
                _ => true,
            });
            Ok(equal.then_some(digests))
        })
    }

    fn admit(&self, by: &Device, name: &str, role: &str) -> Outcome<Device> {
        let dir = self.root.join(name);
        let file = |ending: &str| {
            self.root
                .join(format!("{name}.{ending}"))
                .display()
                .to_string()
        };
        let (request, answer) = (file("request"), file("answer"));
        self.muster(&dir, &["join", "--request-out", &request, "--device", name])?;
        self.muster(
            &by.dir,
            &[
                "admit",
                "--request",
                &request,
                "--role",
                role,
                "--answer-out",
                &answer,
            ],
        )?;
        self.muster(&dir, &["join", "--answer", &answer])?;
        Ok(Device { dir, daemon: None })
    }

    fn load(&self, device: &Device, size: usize) -> Outcome<usize> {
        load(&Client::new(&device.dir)?, 7, size)
    }

    fn offline(&self, device: &Device, offline: bool) -> Outcome<()> {
        Client::new(&device.dir)?.call(&Request::Network { offline })?;
        Ok(())
    }
}

/// Loads an invented operation; what refers to something refers to an earlier object.
fn load(client: &Client, seed: u64, size: usize) -> Outcome<usize> {
    let samples = sample::sample(seed, size, daemon::now());
    let mut ids: Vec<String> = Vec::new();
    for one in &samples {
        let kind = table::kind(one.kind).map_or("", |k| k.name).to_owned();
        let request = Request::Add {
            kind,
            fields: inputs(one, &ids),
            id: None,
        };
        let answer = client.call(&request)?;
        ids.push(answer["id"].as_str().unwrap_or_default().to_owned());
    }
    Ok(samples.len())
}

/// The fields of a sample object; references become the ids of what was made before.
fn inputs(one: &sample::Sample, ids: &[String]) -> Vec<FieldInput> {
    one.fields
        .iter()
        .map(|(name, given)| {
            let value = match given {
                sample::Given::Text(text) => text.clone(),
                sample::Given::Object(index) => ids.get(*index).cloned().unwrap_or_default(),
            };
            FieldInput {
                name: (*name).to_owned(),
                value: value.into(),
            }
        })
        .collect()
}

/// `demo`.
pub fn demo(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let began = Instant::now();
    let root = std::env::temp_dir().join(format!("muster-demo-{}", std::process::id()));
    std::fs::create_dir_all(&root).map_err(|e| failed(0, e))?;
    c.say(&c.words.with("demo-start", args!["dir" = root.display()]));
    let mut stage = Stage {
        c,
        root: root.clone(),
        step: 0,
    };
    let outcome = play(&mut stage);
    if m.get_flag("keep") {
        c.say(&root.display().to_string());
    } else {
        let _ = std::fs::remove_dir_all(&root);
    }
    let answer = outcome?;
    c.answer("demo", answer, |c, _| {
        let seconds = began.elapsed().as_secs_f64();
        c.words.with(
            "demo-done",
            args!["seconds" = format!("{seconds:.1} ").trim()],
        )
    });
    Ok(0)
}

fn play(s: &mut Stage<'_>) -> Outcome<Json> {
    s.say(&s.c.words.t("demo-form"));
    let mut gym = Device {
        dir: s.root.join("gym"),
        daemon: None,
    };
    s.muster(
        &gym.dir,
        &["init", "--incident", "Demo flood", "--device", "gym"],
    )?;
    s.start(&mut gym)?;
    let mut camp = s.admit(&gym, "camp", "coordinator")?;
    let mut van = s.admit(&gym, "van", "relay")?;
    s.start(&mut camp)?;
    s.start(&mut van)?;
    let how = meet(s, &[&gym, &camp, &van])?;
    s.say(
        &s.c.words
            .with("demo-daemons", args!["how" = s.c.words.t(how)]),
    );

    let count = s.load(&gym, 60)?;
    s.level(&[&gym, &camp, &van])?;
    s.say(&s.c.words.with("demo-load", args!["count" = count]));

    s.offline(&gym, true)?;
    s.say(&s.c.words.t("demo-cut"));
    let who = two_islands(s, &gym, &camp)?;
    s.say(&s.c.words.with("demo-books", args!["who" = who]));

    s.offline(&gym, false)?;
    s.level(&[&gym, &camp, &van])?;
    s.say(&s.c.words.t("demo-join"));
    settle(s, &gym, &camp)?;
    let digests = s.level(&[&gym, &camp, &van])?;

    s.say(&s.c.words.t("demo-bundle"));
    let bundle = s.root.join("van.muster").display().to_string();
    s.muster(&van.dir, &["bundle", "export", "--out", &bundle])?;
    let warehouse = format!("sqlite:{}", s.root.join("hq.db").display());
    let first = s.muster(&gym.dir, &["hq", "import", "--into", &warehouse, &bundle])?;
    let second = s.muster(&gym.dir, &["hq", "import", "--into", &warehouse, &bundle])?;
    if second["entries_new"] != 0 {
        return Err(s.fail("the second import found new entries"));
    }
    s.say(
        &s.c.words
            .with("demo-hq", args!["entries" = first["entries_new"]]),
    );
    let (a, b) = (&digests[0], &digests[1]);
    if a["state"] != b["state"] {
        return Err(s.fail("the digests differ"));
    }
    let short = |j: &Json| {
        j.as_str()
            .unwrap_or_default()
            .chars()
            .take(12)
            .collect::<String>()
    };
    let [a_text, b_text] =
        [a, b].map(|d| format!("{}/{}", short(&d["frontier"]), short(&d["state"])));
    let c_text = short(&digests[2]["frontier"]);
    s.say(&s.c.words.with(
        "demo-digests",
        args!["a" = a_text, "b" = b_text, "c" = c_text],
    ));
    Ok(json!({ "digests": digests, "met": how, "hq": first }))
}

/// Waits until the daemons have found each other; introduces them by address where multicast does
/// not work.
fn meet(s: &Stage<'_>, devices: &[&Device]) -> Outcome<&'static str> {
    let clients: Vec<_> = devices
        .iter()
        .map(|d| Client::new(&d.dir))
        .collect::<Outcome<_>>()?;
    let met = |client: &Client| -> Outcome<bool> {
        let peers = client.call(&Request::Peers)?;
        Ok(peers["items"]
            .as_array()
            .is_some_and(|i| i.len() + 1 >= clients.len()))
    };
    let all = || -> Outcome<bool> {
        for client in &clients {
            if !met(client)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    let soon = Instant::now() + Duration::from_secs(5);
    while Instant::now() < soon {
        if all()? {
            return Ok("demo-how-multicast");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    for client in &clients {
        let peers = client.call(&Request::Peers)?;
        let address = peers["listening"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str);
        let address = address
            .into_iter()
            .find(|a| a.contains("/tcp/"))
            .map(str::to_owned);
        for other in &clients {
            other.call(&Request::Sync {
                peer: address.clone(),
            })?;
        }
    }
    s.until("the daemons did not meet", || {
        Ok(all()?.then_some("demo-how-address"))
    })
}

/// Books one volunteer twice, and changes one need twice, each on its own island.
fn two_islands(s: &Stage<'_>, gym: &Device, camp: &Device) -> Outcome<String> {
    let list = s.muster(&gym.dir, &["volunteer", "list", "--limit", "1"])?;
    let who = &list["items"][0];
    let need = s.muster(&gym.dir, &["need", "list", "--limit", "1"])?;
    let need = need["items"][0]["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let id = who["id"].as_str().unwrap_or_default().to_owned();
    for (device, task, priority) in [
        (gym, "Carry water", "urgent"),
        (camp, "Carry blankets", "low"),
    ] {
        let period = ["--from", "2030-01-01T08:00Z", "--to", "2030-01-01T12:00Z"];
        let mut add = vec!["task", "add", "--title", task];
        add.extend(period);
        let task = s.muster(&device.dir, &add)?;
        let task = task["id"].as_str().unwrap_or_default();
        s.muster(&device.dir, &["assign", task, &id, "--override", "demo"])?;
        s.muster(
            &device.dir,
            &["need", "edit", &need, "--priority", priority],
        )?;
    }
    Ok(who["fields"]["name"].as_str().unwrap_or(&id).to_owned())
}

fn settle(s: &mut Stage<'_>, gym: &Device, camp: &Device) -> Outcome<()> {
    let here = s.muster(&gym.dir, &["conflicts"])?;
    let there = s.muster(&camp.dir, &["conflicts"])?;
    let ids = |j: &Json| -> Vec<Json> {
        j["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|c| c["id"].clone())
            .collect()
    };
    if ids(&here) != ids(&there) || ids(&here).is_empty() {
        return Err(s.fail("the islands do not list the same conflicts"));
    }
    s.say(
        &s.c.words
            .with("demo-conflicts", args!["count" = ids(&here).len()]),
    );
    if !s.c.json {
        eprintln!("{}", render::conflicts::conflicts(s.c, &here));
    }
    for id in ids(&here) {
        s.muster(
            &gym.dir,
            &["settle", id.as_str().unwrap_or_default(), "--choose", "A"],
        )?;
    }
    s.level(&[gym, camp])?;
    s.say(&s.c.words.t("demo-settle"));
    Ok(())
}

/// `sample`: the invented operation as JSON lines, one object a line, or loaded into this device.
pub fn sample(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let size = m.get_one::<usize>("size").copied().unwrap_or(60);
    let seed = m.get_one::<u64>("seed").copied().unwrap_or(1);
    if m.get_flag("load") {
        let count = load(&c.client()?, seed, size)?;
        c.answer("sample", json!({ "loaded": count }), |c, _| {
            c.words.with("said-loaded", args!["count" = count])
        });
        return Ok(0);
    }
    for one in sample::sample(seed, size, daemon::now()) {
        let kind = table::kind(one.kind).map_or("", |k| k.name);
        let fields: Vec<_> = one
            .fields
            .iter()
            .map(|(name, given)| match given {
                sample::Given::Text(text) => json!({ "name": name, "value": text }),
                sample::Given::Object(index) => json!({ "name": name, "object": index }),
            })
            .collect();
        crate::emit(&format!(
            "{}\n",
            json!({ "schema": "muster.sample/1", "kind": kind, "fields": fields })
        ));
    }
    Ok(0)
}
