//! What a laptop left alone gives away: `lock`, `unlock`, `wipe`, passphrases, and the process's own
//! manners (no core dumps, private files).
//!
//! Keys and sealing are the store's; the daemon does what is asked here.

use std::{
    io::{IsTerminal as _, Read as _, Write as _},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use muster_node::{
    anchor,
    api::{Request, Secret, exit},
    error::NodeError,
};
use muster_store::{
    DataDir, Held,
    fs::RealFs,
    keys::{MAX_KEY_FILE, Method},
};
use rustix::{
    process::{DumpableBehavior, Resource, Rlimit},
    termios::{LocalModes, OptionalActions, Termios},
};
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use crate::{
    Context, args,
    client::Client,
    failure::{Failure, Outcome},
};

/// How long a daemon may take to close or open a directory.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked meanwhile.
const ASK_AGAIN: Duration = Duration::from_millis(30);

/// No core dump of this process is written, and no other process of the same person may read its
/// memory. Root still can.
pub fn no_dumps() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let limited = rustix::process::setrlimit(Resource::Core, none);
    let closed = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if limited.and(closed).is_err() {
        eprintln!("muster: core dumps could not be turned off");
    }
}

/// What this process writes from here on is its owner's alone.
pub fn private_files() {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

/// The first line of a passphrase file.
pub fn passphrase_from(path: &Path) -> Outcome<Zeroizing<String>> {
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|e| Failure::file("read", path, &e))?;
    let line = Zeroizing::new(text.lines().next().unwrap_or_default().to_owned());
    if line.is_empty() {
        return Err(Failure::new("passphrase-empty", exit::USAGE).with("path", path.display()));
    }
    Ok(line)
}

/// Whether only a passphrase opens the directory, and somebody is there to be asked.
pub fn asks_for_passphrase(path: &Path) -> bool {
    std::io::stdin().is_terminal()
        && DataDir::unlock_method(&RealFs, path).is_ok_and(|m| m == Method::Passphrase)
}

/// Asks for a passphrase that is not shown.
pub fn prompt(c: &Context<'_>) -> Outcome<Zeroizing<String>> {
    hidden(&c.words.t("ask-passphrase"))
}

/// Asks a question whose answer is not shown.
pub fn hidden(question: &str) -> Outcome<Zeroizing<String>> {
    let failed = |e: std::io::Error| Failure::new("failed", exit::FAILURE).with("why", e);
    // Silent first: what is typed as soon as the question shows must be neither shown nor thrown away.
    let silent = Silent::begin().map_err(|e| failed(e.into()))?;
    eprint!("{question}");
    let line = read_hidden(std::io::stdin().lock().bytes()).map_err(failed);
    drop(silent);
    eprintln!();
    match line? {
        Some(line) if !line.is_empty() => Ok(line),
        _ => Err(Failure::new("nothing-given", exit::USAGE)),
    }
}

/// The terminal without echo and without its own keys, until this is dropped: Ctrl-C must not leave
/// it silent.
struct Silent(Termios);

impl Silent {
    fn begin() -> rustix::io::Result<Self> {
        let input = std::io::stdin();
        let before = rustix::termios::tcgetattr(&input)?;
        let mut quiet = before.clone();
        quiet
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        rustix::termios::tcsetattr(&input, OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let input = std::io::stdin();
        let _ = rustix::termios::tcsetattr(&input, OptionalActions::Flush, &self.0);
    }
}

/// A line of keys; none where it was given up (Ctrl-C, Ctrl-D, the terminal gone).
fn read_hidden(
    keys: impl Iterator<Item = std::io::Result<u8>>,
) -> std::io::Result<Option<Zeroizing<String>>> {
    // Room for any passphrase: a growing one would leave copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(1024));
    for key in keys {
        match key? {
            b'\r' | b'\n' => {
                let text = std::str::from_utf8(&line).map_err(std::io::Error::other)?;
                return Ok(Some(Zeroizing::new(text.to_owned())));
            }
            3 | 4 => return Ok(None),
            // Backspace takes a character, however many bytes that is.
            8 | 127 => while line.pop().is_some_and(|b| b & 0xc0 == 0x80) {},
            21 => line.clear(),
            byte if line.len() < 1024 => line.push(byte),
            _ => {}
        }
    }
    Ok(None)
}

/// Asks for `status` until it says what is waited for. While the daemon closes or opens, it may not
/// answer.
fn until_locked_is(client: &Client, locked: bool) -> Outcome<Json> {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = client.call(&Request::Status);
        match answer {
            Ok(status) if (status["locked"] == true) == locked => return Ok(status),
            Ok(_) => {}
            // The socket's file is gone, not only busy: nothing listens any more.
            Err(failure) if failure.error.code == "no-daemon" => return Err(failure),
            Err(failure) if Instant::now() >= end => return Err(failure),
            Err(_) => {}
        }
        if Instant::now() >= end {
            return Err(
                Failure::new("lock-timeout", exit::TIMED_OUT).with("seconds", PATIENCE.as_secs())
            );
        }
        std::thread::sleep(ASK_AGAIN);
    }
}

/// `lock`.
pub fn lock(c: &Context<'_>) -> Outcome<u8> {
    let client = c.client()?;
    client.call(&Request::Lock)?;
    let status = until_locked_is(&client, true)?;
    let method = &status["unlock"];
    let answer = json!({ "locked": true, "unlock": method });
    c.answer("lock", answer, |c, a| {
        let mut out = c.words.t("said-locked");
        if a["unlock"] == Method::DefaultKeyFile.code() {
            out.push_str("\n\n");
            out.push_str(&c.words.t("said-default-key"));
        }
        out
    });
    Ok(0)
}

/// `unlock`.
pub fn unlock(c: &Context<'_>) -> Outcome<u8> {
    let client = c.client()?;
    let status = client.call(&Request::Status)?;
    if status["locked"] == true {
        let method = status["unlock"].as_str().unwrap_or_default();
        client.call(&key_given(c, method)?)?;
        until_locked_is(&client, false)?;
    }
    c.answer("unlock", json!({ "locked": false }), |c, _| {
        c.words.t("said-unlocked")
    });
    Ok(0)
}

fn key_given(c: &Context<'_>, method: &str) -> Outcome<Request> {
    let (mut passphrase, mut key) = (None, None);
    if let Some(path) = c.all.get_one::<String>("passphrase-file") {
        passphrase = Some(Secret(passphrase_from(Path::new(path))?));
    } else if let Some(path) = c.all.get_one::<String>("key-file") {
        let path = Path::new(path);
        let bytes = key_file(path).map_err(|e| Failure::file("read", path, &e))?;
        key = Some(Secret(Zeroizing::new(hex::encode(&bytes))));
    } else if method == Method::Passphrase.code() {
        if !std::io::stdin().is_terminal() {
            return Err(Failure::new("needs-passphrase", exit::USAGE));
        }
        passphrase = Some(Secret(prompt(c)?));
    } else if method == Method::KeyFile.code() {
        return Err(Failure::new("needs-key-file", exit::USAGE));
    }
    Ok(Request::Unlock { passphrase, key })
}

fn key_file(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    std::fs::File::open(path)?
        .take(MAX_KEY_FILE)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `wipe`: by the daemon that runs on the directory, else by itself.
pub fn wipe(c: &Context<'_>) -> Outcome<u8> {
    let path = &c.settings.data.value;
    if !path.join("FORMAT").exists() {
        let why = format!("{}: no data directory", path.display());
        return Err(Failure::new("data-not-ours", exit::NOT_FOUND).with("why", why));
    }
    sure(c, path)?;
    let anchor = anchor::file_of(path, &c.settings.anchors.value);
    let client = c.client()?;
    let mut answer = if client.is_reachable() {
        client.call(&Request::Wipe)?
    } else {
        let held = Held::take(Arc::new(RealFs), path).map_err(NodeError::from)?;
        let wiped = held
            .wipe()
            .map_err(|e| Failure::new("wipe-failed", exit::FAILURE).with("why", e))?;
        json!({ "keys": wiped.keys, "left": wiped.left })
    };
    if let Some(anchor) = anchor {
        // It opens nothing; it only says that there was a directory.
        let _ = std::fs::remove_file(anchor);
    }
    answer["data"] = json!(path);
    c.answer("wipe", answer, |c, a| {
        let mut out = c.words.with("said-wiped", args!["data" = path.display()]);
        let left: Vec<_> = a["left"].as_array().into_iter().flatten().collect();
        if !left.is_empty() {
            let names: Vec<_> = left.iter().filter_map(|n| n.as_str()).collect();
            out.push('\n');
            out.push_str(
                &c.words
                    .with("said-wipe-left", args!["names" = names.join(", ")]),
            );
        }
        out.push_str("\n\n");
        out.push_str(&c.words.t("said-wipe-limits"));
        out
    });
    Ok(0)
}

/// Asks before what cannot be undone: the directory's own name is to be typed.
fn sure(c: &Context<'_>, path: &Path) -> Outcome<()> {
    if c.all.get_flag("yes") {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new("needs-yes", exit::USAGE).with("verb", "wipe"));
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = name.to_string_lossy();
    let asked = args!["data" = path.display(), "name" = name.as_ref()];
    eprint!("{} ", c.words.with("ask-wipe", asked));
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    match read.is_ok() && line.trim() == name {
        true => Ok(()),
        false => Err(Failure::new("not-wiped", exit::FAILURE)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> Option<String> {
        let line = read_hidden(keys.iter().copied().map(Ok)).unwrap();
        line.map(|l| l.to_string())
    }

    #[test]
    fn what_is_typed_unseen_can_be_corrected_and_given_up() {
        assert_eq!(typed(b"secret\rmore").as_deref(), Some("secret"));
        assert_eq!(typed("été\x7f\x7fa\n".as_bytes()).as_deref(), Some("éa"));
        assert_eq!(typed(b"wrong\x15right\n").as_deref(), Some("right"));
        assert_eq!(typed(b"\x7f\x7fx\n").as_deref(), Some("x"));
        for given_up in [&b"half\x03\n"[..], b"half\x04", b"half"] {
            assert_eq!(typed(given_up), None);
        }
    }
}
