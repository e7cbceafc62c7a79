//! The control socket: HTTP on a Unix socket in the data directory, for this machine's people and
//! programs. It decides nothing; every call is handed to the loop.

use std::{
    io,
    os::unix::{fs::PermissionsExt as _, net::UnixListener as Listener},
    path::{Path, PathBuf},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response as HttpResponse},
    routing::{get, post},
};
use futures::StreamExt as _;
use thiserror::Error;
use tokio::{
    net::UnixListener,
    sync::{broadcast, mpsc, oneshot, watch},
};
use tokio_stream::wrappers::BroadcastStream;

use crate::{
    api::{ApiError, Request, Response, VERSION, exit},
    locked,
};

/// Largest request body: a page of an import, a batch of runs.
const MAX_BODY: usize = 32 * 1024 * 1024;

/// A question on its way to the loop, with the place for its answer.
pub struct Call {
    /// What is asked.
    pub request: Request,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Response>,
}

/// Why the control socket cannot be opened.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The path is longer than a Unix socket's address may be.
    #[error(
        "{0} is too long for a socket's address (about 100 bytes); choose a shorter data directory"
    )]
    PathTooLong(PathBuf),
    /// The system refused.
    #[error("cannot open the control socket {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

#[derive(Clone)]
struct Shared {
    calls: mpsc::Sender<Call>,
    /// None while the directory is locked: there is nothing to watch.
    changes: Option<broadcast::Sender<String>>,
}

/// The listening socket that a process before this one left as its standard input, when it made
/// itself anew to forget everything. Nobody who connects meanwhile is turned away.
pub fn inherited(path: &Path) -> Option<Listener> {
    use std::os::fd::AsFd as _;
    let fd = io::stdin().as_fd().try_clone_to_owned().ok()?;
    let listener = Listener::from(fd);
    let own = listener.local_addr().ok()?.as_pathname() == Some(path);
    own.then_some(listener)
}

/// Opens the socket. The caller holds the data directory's lock, so a file that lies there already
/// belongs to nobody.
pub fn bind(path: &Path) -> Result<Listener, ServerError> {
    use std::os::unix::ffi::OsStrExt as _;
    if path.as_os_str().as_bytes().len() > 100 {
        return Err(ServerError::PathTooLong(path.to_path_buf()));
    }
    let at = |source| ServerError::Io {
        path: path.to_path_buf(),
        source,
    };
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(at(e)),
        _ => {}
    }
    let listener = Listener::bind(path).map_err(at)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(at)?;
    Ok(listener)
}

/// A listener for [`serve`]; the socket stays open when it ends.
pub fn share(listener: &Listener) -> io::Result<UnixListener> {
    let share = listener.try_clone()?;
    share.set_nonblocking(true)?;
    UnixListener::from_std(share)
}

/// Serves until `stop` turns true.
pub async fn serve(
    listener: UnixListener,
    calls: mpsc::Sender<Call>,
    changes: Option<broadcast::Sender<String>>,
    mut stop: watch::Receiver<bool>,
) {
    let router = Router::new()
        .route(&format!("/{VERSION}/call"), post(call))
        .route(&format!("/{VERSION}/watch"), get(follow))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Shared { calls, changes });
    let stopped = async move {
        let _ = stop.wait_for(|s| *s).await;
    };
    if let Err(e) = axum::serve(listener, router)
        .with_graceful_shutdown(stopped)
        .await
    {
        tracing::error!(error = %e, "the control socket ended");
    }
}

async fn call(State(shared): State<Shared>, Json(request): Json<Request>) -> Json<Response> {
    let (reply, answer) = oneshot::channel();
    let stopping = || Response::Error(ApiError::new("stopping", exit::NO_DAEMON));
    if shared.calls.send(Call { request, reply }).await.is_err() {
        return Json(stopping());
    }
    Json(answer.await.unwrap_or_else(|_| stopping()))
}

async fn follow(State(shared): State<Shared>) -> HttpResponse {
    let Some(changes) = shared.changes else {
        let refusal = Json(Response::Error(locked::refusal()));
        return (StatusCode::LOCKED, refusal).into_response();
    };
    let stream = BroadcastStream::new(changes.subscribe()).map(|item| {
        Ok::<_, std::convert::Infallible>(match item {
            Ok(line) => format!("{line}\n"),
            Err(lagged) => format!("{{\"schema\":\"muster.watch/1\",\"lagged\":\"{lagged}\"}}\n"),
        })
    });
    (
        [(header::CONTENT_TYPE, "application/x-ndjson")],
        Body::from_stream(stream),
    )
        .into_response()
}
