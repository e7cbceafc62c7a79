//! The measurements behind `scripts/bench`: one run, ratios side by side, nothing asserted.
//!
//! `bench run --muster BINARY --out DIR [--entries N] [--rounds N]` does everything; `bench load DIR N`
//! only fills a data directory, `bench open DIR` only opens one, for a profiler, and `bench spans DIR`
//! times the stages of opening it.

mod daemon;
mod disk;
mod load;
mod payload;
mod plot;
mod spans;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use daemon::{Daemon, muster};
use muster_model::sample::Random;
use serde_json::{Value as Json, json};

/// Whatever went wrong ends the run.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

const SEED: u64 = 20_261_124;

fn main() -> Outcome<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = given.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", rest @ ..] => run(&Plan::read(rest)?),
        ["load", dir, entries] => {
            let (engine, _) = load::open(Path::new(dir))?;
            let mut loader = load::Loader::new(engine, SEED, entries.parse()?);
            loader.until(usize::MAX)?;
            loader.finish()
        }
        ["spans", dir] => {
            say(&serde_json::to_string_pretty(&spans::start(Path::new(
                dir,
            ))?)?);
            Ok(())
        }
        ["open", dir] => {
            let start = Instant::now();
            let (engine, report) = load::open(Path::new(dir))?;
            println!(
                "{} entries, {} ms",
                report.entries,
                start.elapsed().as_millis()
            );
            drop(engine);
            Ok(())
        }
        _ => {
            Err("bench run --muster BINARY --out DIR [--entries N] | load DIR N | open DIR".into())
        }
    }
}

struct Plan {
    muster: PathBuf,
    out: PathBuf,
    entries: usize,
    rounds: usize,
}

impl Plan {
    fn read(words: &[&str]) -> Outcome<Self> {
        let value = |name: &str| {
            let at = words.iter().position(|w| *w == name)?;
            words.get(at + 1).copied()
        };
        Ok(Self {
            muster: value("--muster").ok_or("--muster is missing")?.into(),
            out: value("--out").ok_or("--out is missing")?.into(),
            entries: value("--entries").unwrap_or("100000").parse()?,
            rounds: value("--rounds").unwrap_or("3").parse()?,
        })
    }
}

/// The middle value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn say(text: &str) {
    println!("{text}");
}

fn run(plan: &Plan) -> Outcome<()> {
    let work = std::env::temp_dir().join(format!("muster-bench-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let result = measure(plan, &work);
    let _ = fs::remove_dir_all(&work);
    let results = result?;
    fs::create_dir_all(&plan.out)?;
    let text = serde_json::to_string_pretty(&results)?;
    fs::write(plan.out.join("results.json"), format!("{text}\n"))?;
    plot::all(&plan.out, &results)?;
    say(&format!("\n{}", table(&results)));
    say(&format!("written: {}", plan.out.display()));
    Ok(())
}

fn measure(plan: &Plan, work: &Path) -> Outcome<Json> {
    let began = Instant::now();
    let size = stripped(&plan.muster, work)?;
    say(&format!("binary, stripped: {:.1} MB", size as f64 / 1e6));

    let home = work.join("a");
    muster(
        &plan.muster,
        &home,
        &["init", "--incident", "Bench flood", "--device", "gym"],
    )?;
    let (growth, group) = grow(plan, &home)?;

    let starts = starts(plan, &home, 5)?;
    let spans = in_a_child("spans", &home)?;
    say(&format!("spans of a start: {spans}"));
    let payload = payload::weigh(&home)?;
    say(&format!("payload: {payload}"));

    let sync = sync(plan, work, &home, &payload)?;
    let socket = socket(plan, &home)?;
    let disk = disk::compare(work, &home)?;
    Ok(json!({
        "schema": "muster.bench/1",
        "machine": machine(),
        "entries": plan.entries,
        "seconds": began.elapsed().as_secs(),
        "binary_bytes": size,
        "idle": starts,
        "growth": growth,
        "start_spans": spans,
        "payload": payload,
        "sync": sync,
        "writes": { "engine_group": group, "socket": socket, "disk": disk },
    }))
}

/// Runs a command of this program by itself, where its memory is its own.
fn in_a_child(command: &str, dir: &Path) -> Outcome<Json> {
    let out = std::process::Command::new(std::env::current_exe()?)
        .arg(command)
        .arg(dir)
        .output()?;
    Ok(serde_json::from_slice(&out.stdout)?)
}

fn machine() -> Json {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|l| l.strip_prefix("model name"));
    let model = model.map(|m| m.trim_start_matches(['\t', ' ', ':']).to_owned());
    json!({
        "cpu": model,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "load_at_start": read("/proc/loadavg").split(' ').next(),
    })
}

fn stripped(binary: &Path, work: &Path) -> Outcome<u64> {
    let copy = work.join("muster-stripped");
    fs::copy(binary, &copy)?;
    // Without binutils the binary is taken as it is.
    let _ = std::process::Command::new("strip").arg(&copy).status();
    Ok(fs::metadata(&copy)?.len())
}

/// Fills the directory in steps; after each, start and memory.
fn grow(plan: &Plan, home: &Path) -> Outcome<(Vec<Json>, Json)> {
    let (mut growth, mut rates, mut cpu) = (Vec::new(), Vec::new(), 0.0);
    let (engine, _) = load::open(home)?;
    let mut loader = load::Loader::new(engine, SEED, plan.entries);
    for quarter in 0..=4 {
        let before = (loader.written(), Instant::now(), daemon::cpu("self")?);
        loader.until(plan.entries * quarter / 4)?;
        if loader.written() > before.0 {
            rates.push((loader.written() - before.0) as f64 / before.1.elapsed().as_secs_f64());
            cpu += daemon::cpu("self")? - before.2;
        }
        let parked = loader.park()?;
        let one = starts(plan, home, 1)?;
        growth.push(json!({
            "entries": plan.entries * quarter / 4,
            "rss_mb": one["rss_mb"], "start_ms": one["start_ms"],
        }));
        loader = parked.resume(home)?;
    }
    loader.finish()?;
    let rate = median(rates);
    say(&format!(
        "engine, groups of {}: {rate:.0} entries/s",
        load::GROUP
    ));
    let group = json!({
        "group": load::GROUP, "entries_per_s": rate.round(),
        "entries_per_cpu_s": (plan.entries as f64 / cpu).round(),
    });
    Ok((growth, group))
}

/// Restarts the daemon some times; leaves it idle after the last.
fn starts(plan: &Plan, home: &Path, times: usize) -> Outcome<Json> {
    let (mut ready, mut spent, mut own) = (Vec::new(), Vec::new(), Vec::new());
    let mut idle = json!({});
    for at in 0..times {
        let start = Instant::now();
        let daemon = Daemon::start(&plan.muster, home)?;
        ready.push(start.elapsed().as_secs_f64() * 1e3);
        spent.push(daemon.cpu()? * 1e3);
        own.extend(daemon.said_ready());
        if at + 1 == times {
            std::thread::sleep(Duration::from_secs(3));
            let woken = daemon.voluntary_switches()?;
            std::thread::sleep(Duration::from_secs(if times > 1 { 10 } else { 0 }));
            let memory = daemon.memory()?;
            idle = json!({
                "rss_mb": memory.0, "hwm_mb": memory.1, "anon_mb": memory.2,
                "wakeups_per_s": (daemon.voluntary_switches()? - woken) as f64 / 10.0,
                "index_mb": load::folder_mb(&home.join("index"))?,
                "journal_mb": load::folder_mb(&home.join("journal"))?,
            });
        }
        daemon.stop()?;
    }
    idle["start_ms"] = json!(median(ready).round());
    idle["start_cpu_ms"] = json!(median(spent).round());
    idle["start_own_ms"] = json!(median(own).round());
    idle["starts"] = json!(times);
    say(&format!("restarted and idle: {idle}"));
    Ok(idle)
}

/// Whole syncs to fresh devices over loopback.
fn sync(plan: &Plan, work: &Path, home: &Path, payload: &Json) -> Outcome<Json> {
    let a = Daemon::start(&plan.muster, home)?;
    let mut rounds = Vec::new();
    let mut curve = Vec::new();
    for round in 0..plan.rounds {
        let there = work.join(format!("b{round}"));
        a.admit(&there, work, round)?;
        let b = Daemon::start(&plan.muster, &there)?;
        let want = a.call(&json!({ "verb": "digest" }))?;
        let loopback = daemon::loopback_bytes()?;
        let spent = (a.cpu()?, b.cpu()?);
        let start = Instant::now();
        b.call(&json!({ "verb": "sync", "peer": a.address()? }))?;
        curve.clear();
        loop {
            std::thread::sleep(Duration::from_millis(50));
            let have = b.call(&json!({ "verb": "digest" }))?;
            curve.push((start.elapsed().as_secs_f64(), have["entries"].as_u64()));
            if have["frontier"] == want["frontier"] && have["state"] == want["state"] {
                break;
            }
            if start.elapsed() > Duration::from_secs(180) {
                return Err("the daemons did not become level".into());
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let entries = want["entries"].as_u64().unwrap_or(0) as f64;
        let spent = (a.cpu()? - spent.0, b.cpu()? - spent.1);
        let peers = b.call(&json!({ "verb": "peers" }))?;
        let peer = &peers["items"][0];
        let frames =
            peer["bytes_sent"].as_u64().unwrap_or(0) + peer["bytes_received"].as_u64().unwrap_or(0);
        let memory = b.memory()?;
        let one = json!({
            "seconds": seconds, "entries_per_s": (entries / seconds).round(),
            "sender_cpu_s": spent.0, "receiver_cpu_s": spent.1,
            "entries_per_receiver_cpu_s": (entries / spent.1).round(),
            "frame_bytes": frames,
            "interface_bytes": daemon::loopback_bytes()? - loopback,
            "receiver_rss_mb": memory.0, "receiver_hwm_mb": memory.1,
        });
        say(&format!("sync {round}: {one}"));
        rounds.push(one);
        b.stop()?;
        fs::remove_dir_all(&there)?;
    }
    let sender = a.memory()?;
    a.stop()?;
    let of = |name: &str| median(rounds.iter().filter_map(|r| r[name].as_f64()).collect());
    let (frames, wire) = (of("frame_bytes"), of("interface_bytes"));
    let against = |name: &str| payload[name].as_f64().map(|p| frames / p);
    Ok(json!({
        "rounds": rounds, "curve": curve,
        "seconds": of("seconds"), "entries_per_s": of("entries_per_s"),
        "sender_cpu_s": of("sender_cpu_s"), "receiver_cpu_s": of("receiver_cpu_s"),
        "entries_per_receiver_cpu_s": of("entries_per_receiver_cpu_s"),
        "frame_bytes_per_entry": frames / plan.entries as f64,
        "interface_bytes_per_entry": wire / plan.entries as f64,
        "frames_to_zstd_runs": against("zstd_runs_bytes"),
        "frames_to_zstd_whole": against("zstd_whole_bytes"),
        "frames_to_bincode": against("bincode_bytes"),
        "receiver_rss_mb": of("receiver_rss_mb"), "receiver_hwm_mb": of("receiver_hwm_mb"),
        "sender_rss_mb": sender.0, "sender_hwm_mb": sender.1,
    }))
}

/// Acknowledged writes through the control socket, one after another and from many at once.
fn socket(plan: &Plan, home: &Path) -> Outcome<Json> {
    let daemon = Daemon::start(&plan.muster, home)?;
    let write = |client: &mut daemon::Client, random: &mut Random| {
        let title = format!("Water - {}", random.below(1_000_000));
        client.call(&json!({ "verb": "add", "kind": "need", "fields": [
            { "name": "title", "value": title }, { "name": "people_affected", "value": 12 },
        ] }))
    };
    let mut single = Vec::new();
    for round in 0..3 {
        let (mut client, mut random) = (daemon.client()?, Random::new(round));
        let start = Instant::now();
        for _ in 0..500 {
            write(&mut client, &mut random)?;
        }
        single.push(500.0 / start.elapsed().as_secs_f64());
    }
    let start = Instant::now();
    let many = 16_u64;
    let results: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..many)
            .map(|n| {
                let client = daemon.client().map_err(|e| e.to_string());
                scope.spawn(move || {
                    let mut client = client?;
                    let mut random = Random::new(100 + n);
                    for _ in 0..200 {
                        write(&mut client, &mut random).map_err(|e| e.to_string())?;
                    }
                    Ok(())
                })
            })
            .collect();
        let joined = threads.into_iter().map(|t| t.join());
        joined
            .map(|r| r.unwrap_or_else(|_| Err("a writer died".into())))
            .collect()
    });
    results.into_iter().collect::<Result<(), String>>()?;
    let together = (many * 200) as f64 / start.elapsed().as_secs_f64();
    daemon.stop()?;
    let out = json!({
        "one_by_one_per_s": median(single).round(),
        "sixteen_at_once_per_s": together.round(),
    });
    say(&format!("acknowledged writes through the socket: {out}"));
    Ok(out)
}

/// The figures that have an aim: name, aim, measured, unit, whether more is better.
pub fn aims(r: &Json) -> Vec<(&'static str, f64, f64, &'static str, bool)> {
    let f = |v: &Json| v.as_f64().unwrap_or(f64::NAN);
    vec![
        ("binary", 20.0, f(&r["binary_bytes"]) / 1e6, "MB", false),
        (
            "resident, restarted and idle",
            48.0,
            f(&r["idle"]["rss_mb"]),
            "MB",
            false,
        ),
        (
            "start to ready",
            0.5,
            f(&r["idle"]["start_ms"]) / 1e3,
            "s",
            false,
        ),
        (
            "sync",
            25_000.0,
            f(&r["sync"]["entries_per_s"]),
            "entries/s",
            true,
        ),
        (
            "wire against zstd of the payloads",
            1.5,
            f(&r["sync"]["frames_to_zstd_runs"]),
            "times",
            false,
        ),
    ]
}

fn table(r: &Json) -> String {
    let mut out = format!("{:36} {:>10} {:>10}\n", "", "aim", "measured");
    for (name, aim, measured, unit, _) in aims(r) {
        out.push_str(&format!("{name:36} {aim:>10} {measured:>10.2} {unit}\n"));
    }
    out
}
