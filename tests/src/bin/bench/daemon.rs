//! A real daemon as a child process: its control socket, and what the kernel says of it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};

use crate::Outcome;

/// Runs a verb of the binary that needs no answer.
pub fn muster(binary: &Path, data: &Path, arguments: &[&str]) -> Outcome<()> {
    let out = Command::new(binary)
        .arg("--data")
        .arg(data)
        .args(["--json", "--lang", "en"])
        .args(arguments)
        .env_remove("MUSTER_CONFIG")
        .stdin(Stdio::null())
        .output()?;
    if out.status.success() {
        Ok(())
    } else {
        Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&out.stderr)).into())
    }
}

/// Processor seconds of a process so far, in user and kernel together.
pub fn cpu(pid: &str) -> Outcome<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok());
    // utime and stime are the 14th and 15th of all; `after` begins with the third. 100 ticks a second.
    Ok((ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / 100.0)
}

/// Memory of its own (no files) that a process has resident, in MB.
pub fn anonymous_mb(pid: &str) -> Outcome<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(kib(&status, "RssAnon:"))
}

/// A line of the kernel's status in KiB, as MB.
fn kib(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|l| l.strip_prefix(name));
    let kib = line.and_then(|l| l.split_whitespace().next());
    let kib: f64 = kib.and_then(|k| k.parse().ok()).unwrap_or(f64::NAN);
    (kib * 1.024 / 10.0).round() / 100.0
}

/// Bytes that the loopback interface of this network namespace has carried.
pub fn loopback_bytes() -> Outcome<u64> {
    let table = fs::read_to_string("/proc/net/dev")?;
    let line = table.lines().find(|l| l.trim_start().starts_with("lo:"));
    let first = line.and_then(|l| l.split(':').nth(1));
    let first = first.and_then(|l| l.split_whitespace().next());
    Ok(first.unwrap_or("0").parse()?)
}

/// A connection to a control socket that stays open.
pub struct Client(BufReader<UnixStream>);

impl Client {
    /// Asks, and waits for the answer.
    pub fn call(&mut self, request: &Json) -> Outcome<Json> {
        let body = request.to_string();
        let head = format!(
            "POST /v1/call HTTP/1.1\r\nhost: muster\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        self.0.get_mut().write_all((head + &body).as_bytes())?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err("the daemon hung up".into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(given) = line.strip_prefix("content-length:") {
                length = given.trim().parse()?;
            }
        }
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes)?;
        let answer: Json = serde_json::from_slice(&bytes)?;
        match answer.get("ok") {
            Some(ok) => Ok(ok.clone()),
            None => Err(format!("{request}: {answer}").into()),
        }
    }
}

/// A running daemon; killed when dropped.
pub struct Daemon {
    binary: PathBuf,
    home: PathBuf,
    log: PathBuf,
    child: Child,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Daemon {
    /// Starts it, listening on loopback alone, and waits for its first answer.
    pub fn start(binary: &Path, home: &Path) -> Outcome<Self> {
        let log = home.with_extension("log");
        let child = Command::new(binary)
            .env("MUSTER_ANCHORS", home.with_extension("anchors"))
            .arg("--data")
            .arg(home)
            .args([
                "daemon",
                "--listen",
                "/ip4/127.0.0.1/tcp/0",
                "--no-discovery",
            ])
            .env_remove("MUSTER_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?)
            .spawn()?;
        let daemon = Self {
            binary: binary.to_path_buf(),
            home: home.to_path_buf(),
            log,
            child,
        };
        let patience = Instant::now() + Duration::from_secs(60);
        loop {
            // The socket is there before the daemon is ready; the answer comes when it is.
            match daemon.call(&json!({ "verb": "digest" })) {
                Ok(_) => return Ok(daemon),
                Err(e) if Instant::now() > patience => return Err(e),
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// A connection of its own.
    pub fn client(&self) -> Outcome<Client> {
        let stream = UnixStream::connect(self.home.join("muster.sock"))?;
        Ok(Client(BufReader::new(stream)))
    }

    /// Asks once.
    pub fn call(&self, request: &Json) -> Outcome<Json> {
        self.client()?.call(request)
    }

    /// What it says itself that the start took, in milliseconds.
    pub fn said_ready(&self) -> Option<f64> {
        let log = fs::read_to_string(&self.log).ok()?;
        let plain: String = log
            .split('\u{1b}')
            .map(|s| s.split_once('m').map_or(s, |x| x.1))
            .collect();
        let line = plain.lines().find(|l| l.contains("ready"))?;
        let ms = line.split("ms=").nth(1)?;
        ms.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    /// Where it listens.
    pub fn address(&self) -> Outcome<String> {
        let patience = Instant::now() + Duration::from_secs(5);
        loop {
            let peers = self.call(&json!({ "verb": "peers" }))?;
            match peers["listening"][0].as_str() {
                Some(address) => return Ok(address.to_owned()),
                None if Instant::now() > patience => return Err("it does not listen".into()),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Admits a new device by files.
    pub fn admit(&self, there: &Path, work: &Path, number: usize) -> Outcome<()> {
        let file = |ending: &str| {
            work.join(format!("{number}.{ending}"))
                .display()
                .to_string()
        };
        let (request, answer) = (file("request"), file("answer"));
        let name = format!("camp{number}");
        muster(
            &self.binary,
            there,
            &["join", "--request-out", &request, "--device", &name],
        )?;
        let admit = ["admit", "--request", &request, "--role", "coordinator"];
        muster(
            &self.binary,
            &self.home,
            &[&admit[..], &["--answer-out", &answer]].concat(),
        )?;
        muster(&self.binary, there, &["join", "--answer", &answer])
    }

    /// Processor seconds so far.
    pub fn cpu(&self) -> Outcome<f64> {
        cpu(&self.child.id().to_string())
    }

    fn status(&self) -> Outcome<String> {
        Ok(fs::read_to_string(format!(
            "/proc/{}/status",
            self.child.id()
        ))?)
    }

    /// Resident now, resident at most, and resident in memory of its own (no files), in MB.
    pub fn memory(&self) -> Outcome<(f64, f64, f64)> {
        let status = self.status()?;
        let of = |name: &str| kib(&status, name);
        Ok((of("VmRSS:"), of("VmHWM:"), of("RssAnon:")))
    }

    /// How often its threads went to sleep of themselves.
    pub fn voluntary_switches(&self) -> Outcome<u64> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let status = fs::read_to_string(task?.path().join("status"))?;
            let line = status
                .lines()
                .find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"));
            sum += line.and_then(|l| l.trim().parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(sum)
    }

    /// Stops it in good order.
    pub fn stop(mut self) -> Outcome<()> {
        self.call(&json!({ "verb": "stop" }))?;
        self.child.wait()?;
        Ok(())
    }
}
