//! `daemon`: runs it, and makes the process anew where it is to forget what it knew.

use std::{
    os::{fd::OwnedFd, unix::net::UnixListener, unix::process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use clap::ArgMatches;
use muster_node::{
    api::exit,
    daemon::{self, DaemonConfig, DaemonError, Ended, Ready, Start},
    error::NodeError,
    network::NetworkConfig,
    server,
};
use muster_store::{Held, fs::RealFs};
use serde_json::json;

use super::{rest, unlock};
use crate::{
    Context, args,
    failure::{Failure, Outcome},
};

/// `daemon`.
pub fn daemon(context: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let path = &context.settings.data.value;
    let config = DaemonConfig {
        network: network(context, m),
        lock_after: context.settings.lock_after()?,
        anchors: Some(context.settings.anchors.value.clone()),
        reserve: context.settings.reserve()?,
    };
    // The index's files are made by a library, with the modes that the system suggests.
    rest::private_files();
    let start = start(context, m, path)?;
    // Until the socket is gone as well: the next daemon's would be taken away in its place.
    let hold = start.hold();
    let socket = path.join("muster.sock");
    let listener = match server::inherited(&socket) {
        Some(listener) => listener,
        None => server::bind(&socket).map_err(failed)?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::new("failed", exit::FAILURE).with("why", e))?;
    let ready = announcer(context, &socket);
    let outcome = runtime.block_on(daemon::run(start, &listener, config, ready));
    match outcome {
        Ok(Ended::Locked) => Err(anew(&listener)),
        outcome => {
            let _ = std::fs::remove_file(&socket);
            drop(hold);
            match outcome {
                Ok(_) => Ok(0),
                Err(DaemonError::Node(e)) => Err(e.into()),
                Err(e) => Err(failed(e)),
            }
        }
    }
}

fn failed(e: impl std::fmt::Display) -> Failure {
    Failure::new("daemon-failed", exit::FAILURE).with("why", e)
}

fn start(context: &Context<'_>, m: &ArgMatches, path: &Path) -> Outcome<Start> {
    let held = Held::take(Arc::new(RealFs), path).map_err(NodeError::from)?;
    if m.get_flag("locked") {
        return Ok(Start::Locked(held));
    }
    let dir = held.unlock(&unlock(context)?).map_err(NodeError::from)?;
    Ok(Start::Open(dir))
}

fn network(context: &Context<'_>, m: &ArgMatches) -> Option<NetworkConfig> {
    let settings = context.settings;
    (!m.get_flag("no-network")).then(|| NetworkConfig {
        listen: settings.listen.value.clone(),
        peers: settings.peers.value.clone(),
        discovery: settings.discovery.value,
    })
}

/// Says that it runs, or that it waits for the key.
fn announcer(context: &Context<'_>, socket: &Path) -> impl Fn(&Ready<'_>) + Send + 'static {
    let named = args!["socket" = socket.display()];
    let open = context.words.with("said-daemon", named);
    let locked = context.words.with("said-daemon-locked", named);
    let (json, socket): (bool, PathBuf) = (context.json, socket.to_owned());
    move |ready| match (ready, json) {
        (Ready::Open(_), false) => eprintln!("{open}"),
        (Ready::Locked, false) => eprintln!("{locked}"),
        (Ready::Open(report), true) => {
            let entries = report.entries;
            let line = json!({
                "schema": "muster.daemon/1", "ready": true, "locked": false,
                "socket": socket, "entries": entries,
            });
            crate::emit(&format!("{line}\n"));
        }
        (Ready::Locked, true) => {
            let line = json!({
                "schema": "muster.daemon/1", "ready": true, "locked": true, "socket": socket,
            });
            crate::emit(&format!("{line}\n"));
        }
    }
}

/// Runs this program again in place of this process, locked. Freed memory is not wiped, and what was
/// decrypted lies all over it: names in strings, keys in the tables of ciphers, pages of the index.
/// The system takes the whole of it away here, and the new program never had the key. The listening
/// socket goes along as standard input, so that nobody who asks meanwhile is turned away.
///
/// Gives back only why it failed; the caller then ends, which forgets as well.
fn anew(listener: &UnixListener) -> Failure {
    let again = || -> std::io::Result<std::convert::Infallible> {
        let socket = OwnedFd::from(listener.try_clone()?);
        let mut given = std::env::args_os();
        let name = given.next().unwrap_or_else(|| "muster".into());
        let mut given: Vec<_> = given.collect();
        if !given.iter().any(|a| a == "--locked") {
            given.push("--locked".into());
        }
        let failed = Command::new(this_program())
            .arg0(name)
            .args(given)
            .stdin(Stdio::from(socket))
            .exec();
        Err(failed)
    };
    match again() {
        Ok(never) => match never {},
        Err(e) => failed(e),
    }
}

/// By its name where that is still this program: the system lists the process under it. Else, the
/// file replaced meanwhile, by the handle that stays the same.
fn this_program() -> PathBuf {
    use std::os::unix::fs::MetadataExt as _;
    let handle = PathBuf::from("/proc/self/exe");
    let file = |path: &Path| path.metadata().map(|m| (m.dev(), m.ino())).ok();
    match std::env::current_exe() {
        Ok(path) if file(&path).is_some() && file(&path) == file(&handle) => path,
        _ => handle,
    }
}
