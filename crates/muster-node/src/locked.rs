//! A locked directory: nothing is decrypted, nobody is met, and only the control socket goes on.
//!
//! It holds the directory's lock and knows nothing of what is sealed in it: not the incident's name,
//! not how many entries there are.

use std::{os::unix::net::UnixListener, sync::Arc, time::Duration};

use muster_store::{DataDir, Held, Unlock, Wiped};
use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

use crate::{
    api::{ApiError, Request, Response, Secret, exit},
    daemon::{DaemonError, Signals},
    error::NodeError,
    server::{self, Call},
};

/// How the wait ended.
#[derive(Debug)]
pub(crate) enum Waited {
    /// Somebody had the key.
    Unlocked(DataDir),
    /// Somebody had a wrong key. What they typed may lie about in this process's memory, and is
    /// often nearly right: the process is to be made anew.
    Refused,
    /// The daemon was told to stop.
    Stopped,
    /// The directory was destroyed.
    Wiped,
}

/// What is answered to all that needs an open directory.
pub fn refusal() -> ApiError {
    ApiError::new("locked", exit::NOT_PERMITTED)
}

/// What a wipe tells.
pub(crate) fn wiped_answer(wiped: Result<Wiped, NodeError>) -> Response {
    match wiped {
        Ok(wiped) => Response::Ok(json!({ "keys": wiped.keys, "left": wiped.left })),
        Err(e) => Response::Error(ApiError::new("wipe-failed", exit::FAILURE).with("why", e)),
    }
}

/// Serves the control socket of a locked directory until it is unlocked or the daemon is to end.
pub(crate) async fn wait(
    held: Held,
    listener: &UnixListener,
    signals: Option<&mut Signals>,
) -> Result<Waited, DaemonError> {
    let (calls, inbox) = mpsc::channel(16);
    let (stop, stopped) = watch::channel(false);
    let listener = server::share(listener).map_err(DaemonError::Socket)?;
    let serving = tokio::spawn(server::serve(listener, calls, None, stopped));
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    let waited = tokio::select! {
        waited = answer(held, inbox) => waited,
        () = Signals::wait(signals) => Waited::Stopped,
    };
    let _ = stop.send(true);
    let _ = tokio::time::timeout(Duration::from_millis(500), serving).await;
    Ok(waited)
}

async fn answer(held: Held, mut inbox: mpsc::Receiver<Call>) -> Waited {
    let held = Arc::new(held);
    while let Some(Call { request, reply }) = inbox.recv().await {
        let (response, waited) = match request {
            Request::Status => (Response::Ok(status(&held)), None),
            Request::Doctor => {
                let findings = [finding(&held)];
                let answer = json!({ "findings": findings, "daemon": true, "locked": true });
                (Response::Ok(answer), None)
            }
            Request::Lock => (Response::Ok(json!({ "locked": true })), None),
            Request::Stop => {
                let answer = json!({ "stopping": true });
                (Response::Ok(answer), Some(Waited::Stopped))
            }
            Request::Unlock { passphrase, key } => match unlock(&held, passphrase, key).await {
                Ok(dir) => {
                    let answer = json!({ "locked": false });
                    (Response::Ok(answer), Some(Waited::Unlocked(dir)))
                }
                Err(e) => (Response::Error(e), Some(Waited::Refused)),
            },
            Request::Wipe => {
                let _ = reply.send(wipe(held).await);
                return Waited::Wiped;
            }
            _ => (Response::Error(refusal()), None),
        };
        let _ = reply.send(response);
        if let Some(waited) = waited {
            return waited;
        }
    }
    Waited::Stopped
}

async fn unlock(
    held: &Arc<Held>,
    passphrase: Option<Secret>,
    key: Option<Secret>,
) -> Result<DataDir, ApiError> {
    let unlock = match (passphrase, key) {
        (Some(Secret(passphrase)), _) => Unlock::Passphrase(passphrase),
        (None, Some(Secret(key))) => {
            let bytes = hex::decode(key.as_bytes());
            let bytes = bytes.map_err(|_| ApiError::new("bad-request", exit::USAGE))?;
            Unlock::Key(Zeroizing::new(bytes))
        }
        (None, None) => Unlock::DefaultKeyFile,
    };
    let held = Arc::clone(held);
    // Deriving a key from a passphrase takes a good part of a second on purpose.
    let opened = tokio::task::spawn_blocking(move || held.unlock(&unlock)).await;
    let opened = opened.map_err(|e| ApiError::new("failed", exit::FAILURE).with("why", e))?;
    opened.map_err(|e| NodeError::from(e).to_api())
}

async fn wipe(held: Arc<Held>) -> Response {
    let Some(held) = Arc::into_inner(held) else {
        // An unlocking holds it, and this loop answers one call after the other: it cannot be.
        return Response::Error(ApiError::new("stopping", exit::NO_DAEMON));
    };
    match tokio::task::spawn_blocking(move || held.wipe()).await {
        Ok(wiped) => wiped_answer(wiped.map_err(NodeError::from)),
        Err(e) => Response::Error(ApiError::new("wipe-failed", exit::FAILURE).with("why", e)),
    }
}

fn finding(held: &Held) -> Json {
    json!({ "code": "locked", "level": "attention", "args": { "data": held.path() } })
}

/// `status` without anything that the key protects.
fn status(held: &Held) -> Json {
    json!({
        "locked": true,
        "health": "attention",
        "findings": [finding(held)],
        "data": held.path(),
        "unlock": held.method().ok().map(muster_store::keys::Method::code),
        "version": env!("CARGO_PKG_VERSION"),
    })
}
