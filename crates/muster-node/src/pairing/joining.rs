//! Joining by code, without a daemon: finds the inviter, carries frames, shows the words, keeps the
//! answer. What is said is [`muster_log::pairing::joiner`]'s.

use std::{sync::Arc, time::Duration};

use muster_log::pairing::{
    Request,
    code::Given,
    flight::Reason,
    inviter::Link,
    joiner::{Effect, Joiner, Shown},
};
use muster_net::{Net, NetConfig, NetEvent, NetHandle, Purpose};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};

use super::{fresh_key, links::Links};
use crate::{
    api::{ApiError, exit},
    error::NodeError,
    setup::Random,
};

/// A peer that was let go is not met again for so long: longer than a search.
const BAN: Duration = Duration::from_secs(600);
/// Once somebody who listens knows no such code, others have so long to come up.
const OTHERS: Duration = Duration::from_secs(4);
/// From the offer to the words.
const REVEAL: Duration = Duration::from_secs(10);
/// From the words to the answer: the inviter ends it first.
const PEOPLE: Duration = Duration::from_secs(25 * 60);

/// Whom to look for, and where.
#[derive(Debug, Clone)]
pub struct Search {
    /// What the person was given.
    pub given: Given,
    /// Addresses to try, beside those on the card.
    pub peers: Vec<String>,
    /// Whether to listen for inviters on the link.
    pub discovery: bool,
    /// How long to look.
    pub patience: Duration,
}

/// What the joiner's person is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Three words.
    pub words: [&'static str; 3],
    /// Six digits.
    pub digits: String,
    /// The language of the words.
    pub language: &'static str,
    /// The incident's id.
    pub incident: String,
    /// The incident's name.
    pub name: String,
    /// The inviting device.
    pub label: String,
}

impl From<&Shown> for Told {
    fn from(shown: &Shown) -> Self {
        Self {
            words: shown.sas.words,
            digits: shown.sas.digits.clone(),
            language: shown.language.tag(),
            incident: shown.opening.incident.hex(),
            name: shown.opening.name.to_string(),
            label: shown.opening.label.to_string(),
        }
    }
}

/// Why joining by code came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// One side refused.
    #[error(transparent)]
    Refused(#[from] Reason),
    /// This device's person said that the words differ.
    #[error("the words differ, this device's person said")]
    Declined,
    /// Nobody who listens for pairing was found.
    #[error("nobody who invites was found")]
    Nobody,
    /// An address that is none.
    #[error("{0:?} is not an address")]
    Address(String),
    /// The network.
    #[error("the network: {0}")]
    Network(String),
    /// The answer could not be kept.
    #[error(transparent)]
    Node(#[from] NodeError),
}

impl JoinError {
    /// The stable code and exit code of the contract.
    pub fn to_api(&self) -> ApiError {
        match self {
            Self::Refused(reason) => {
                let exit = match reason {
                    Reason::TimedOut => exit::TIMED_OUT,
                    Reason::Gone => exit::FAILURE,
                    _ => exit::REFUSED,
                };
                let left = match reason {
                    Reason::WrongCode(left) => *left,
                    _ => 0,
                };
                ApiError::new(reason.code(), exit)
                    .with("why", reason)
                    .with("left", left)
            }
            Self::Declined => ApiError::new("pair-declined-here", exit::REFUSED),
            Self::Nobody => ApiError::new("pair-nobody", exit::TIMED_OUT),
            Self::Address(given) => ApiError::new("address-wrong", exit::USAGE)
                .with("given", given)
                .with("why", self),
            Self::Network(why) => ApiError::new("failed", exit::FAILURE).with("why", why),
            Self::Node(e) => e.to_api(),
        }
    }
}

struct Attempt {
    links: Links,
    joiner: Joiner,
    deadline: Instant,
    /// The worst that those who listen have said.
    refused: Option<Reason>,
    shown: Option<Box<Shown>>,
    answer: Option<Vec<u8>>,
}

/// Joins: looks for the inviter, has `show` ask the person, and hands the answer to `store` once the
/// person has said yes.
pub async fn join<T>(
    search: Search,
    request: &Request,
    random: Random<'_>,
    show: impl FnOnce(&Told) -> oneshot::Receiver<bool>,
    store: impl FnOnce(&[u8]) -> Result<T, NodeError>,
) -> Result<T, JoinError> {
    let (net, events) = start(&search)?;
    let net = Arc::new(net);
    let joiner = Joiner::new(
        &search.given,
        fresh_key(random),
        request,
        &net.id().to_bytes(),
    );
    let attempt = Attempt {
        links: Links::new(Arc::clone(&net), Handle::current(), Some(BAN)),
        joiner: joiner.ok_or(JoinError::Refused(Reason::Broken))?,
        deadline: Instant::now() + search.patience,
        refused: None,
        shown: None,
        answer: None,
    };
    let outcome = attempt.run(events, show, store).await;
    // What was said last should arrive.
    for _ in 0..20 {
        if Arc::strong_count(&net) == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    if let Some(net) = Arc::into_inner(net) {
        let _ = tokio::time::timeout(Duration::from_secs(2), net.shutdown()).await;
    }
    outcome
}

fn start(search: &Search) -> Result<(NetHandle, mpsc::Receiver<NetEvent>), JoinError> {
    let on_card = match &search.given {
        Given::Card(card) => card.addresses.iter().map(ToString::to_string).collect(),
        Given::Code(_) => Vec::new(),
    };
    let peers: Result<Vec<_>, _> = search
        .peers
        .iter()
        .chain(&on_card)
        .map(|a| a.parse().map_err(|_| JoinError::Address(a.clone())))
        .collect();
    let config = NetConfig {
        peers: peers?,
        discovery: search.discovery,
        purpose: Purpose::Pairing,
        ..NetConfig::default()
    };
    Net::start(config).map_err(|e| JoinError::Network(e.to_string()))
}

impl Attempt {
    async fn run<T>(
        mut self,
        mut events: mpsc::Receiver<NetEvent>,
        show: impl FnOnce(&Told) -> oneshot::Receiver<bool>,
        store: impl FnOnce(&[u8]) -> Result<T, NodeError>,
    ) -> Result<T, JoinError> {
        let mut show = Some(show);
        let mut asked: Option<oneshot::Receiver<bool>> = None;
        let mut agreed = false;
        loop {
            if agreed && let Some(answer) = self.answer.take() {
                return self.keep(&answer, store, &mut events).await;
            }
            let verdict = async {
                match asked.as_mut() {
                    Some(asked) => asked.await.unwrap_or(false),
                    None => std::future::pending().await,
                }
            };
            let effects = tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.handle(event),
                    None => return Err(JoinError::Network("it has stopped".into())),
                },
                yes = verdict => {
                    asked = None;
                    agreed = yes;
                    if !yes {
                        let effects = self.joiner.end(Reason::Declined);
                        let _declined = self.carry_out(effects);
                        self.links.pump();
                        return Err(JoinError::Declined);
                    }
                    self.joiner.matches()
                }
                () = sleep_until(self.deadline) => {
                    if self.joiner.is_searching() {
                        return Err(self.refused.map_or(JoinError::Nobody, JoinError::Refused));
                    }
                    self.joiner.end(Reason::TimedOut)
                }
            };
            let outcome = self.carry_out(effects);
            if let (Some(shown), Some(show)) = (&self.shown, show.take_if(|_| self.shown.is_some()))
            {
                self.deadline = Instant::now() + PEOPLE;
                asked = Some(show(&Told::from(&**shown)));
            }
            self.links.pump();
            outcome?;
        }
    }

    /// Stores the answer, tells the inviter, and waits until it has heard.
    async fn keep<T>(
        mut self,
        answer: &[u8],
        store: impl FnOnce(&[u8]) -> Result<T, NodeError>,
        events: &mut mpsc::Receiver<NetEvent>,
    ) -> Result<T, JoinError> {
        // The cover of the answer names the incident that the words were compared for.
        let incident = self.shown.as_ref().map(|s| s.opening.incident.0);
        if answer.get(8..40) != incident.as_ref().map(<[u8; 32]>::as_slice) {
            self.joiner.end(Reason::Broken);
            return Err(Reason::Broken.into());
        }
        let stored = store(answer)?;
        let effects = self.joiner.stored();
        self.carry_out(effects)?;
        self.links.pump();
        let heard = async {
            while let Some(event) = events.recv().await {
                if matches!(event, NetEvent::Closed { .. }) {
                    return;
                }
            }
        };
        let _late = tokio::time::timeout(Duration::from_secs(2), heard).await;
        Ok(stored)
    }

    fn handle(&mut self, event: NetEvent) -> Vec<Effect> {
        match event {
            NetEvent::Connected {
                conn, peer, outbox, ..
            } => {
                let link: Link = self.links.add(conn, outbox);
                self.joiner.connected(link, &peer.to_bytes())
            }
            NetEvent::Frame { conn, bytes } => match self.links.of(conn) {
                Some(link) => {
                    let was_searching = self.joiner.is_searching();
                    let effects = self.joiner.frame(link, &bytes);
                    if was_searching && !self.joiner.is_searching() {
                        self.deadline = Instant::now() + REVEAL;
                        self.links.vouch(link);
                    }
                    effects
                }
                None => Vec::new(),
            },
            NetEvent::Closed { conn, .. } => match self.links.of(conn) {
                Some(link) => {
                    self.links.gone(link);
                    self.joiner.closed(link)
                }
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), JoinError> {
        let mut failed = None;
        for effect in effects {
            match effect {
                Effect::Send(link, frame) => self.links.send(link, frame),
                Effect::Close(link) => self.links.close(link),
                Effect::Shown(shown) => self.shown = Some(shown),
                Effect::Answer(answer) => self.answer = Some(answer),
                Effect::Failed(reason) => failed = Some(reason),
                Effect::Refused(
                    reason @ (Reason::NoInvitation | Reason::Impostor | Reason::Broken),
                ) => {
                    // Another may yet be the inviter; an impostor is worse news than a stranger.
                    if self.refused != Some(Reason::Impostor) {
                        self.refused = Some(reason);
                    }
                    self.deadline = self.deadline.min(Instant::now() + OTHERS);
                }
                Effect::Refused(reason) => failed = Some(reason),
            }
        }
        match failed {
            Some(reason) => Err(reason.into()),
            None => Ok(()),
        }
    }
}
