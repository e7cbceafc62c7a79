//! The three flights at the start of a session: secret, secret and identity, identity.
//!
//! A stranger gets no answer at all; nobody is named to one who has not proven the secret.

use std::collections::BTreeMap;

use blake3::Hash;
use zeroize::Zeroizing;

use crate::{
    book::Book,
    chain::DeviceKey,
    codec::{Bounded, Text},
    ids::{DeviceId, Lane, LogId, Millis},
};

use super::{
    CloseReason, Effect, GREETING_MS, Local,
    frame::{Frame, FrameError, Hello, Identity, MAX_SECRETS, Summary, Welcome},
    proof::{self, Binding, Side},
    spans::Had,
};

/// What was here at one moment, by lane and log.
pub(super) type Snapshot = BTreeMap<(Lane, LogId), Had>;

pub(super) fn snapshot(book: &Book) -> Snapshot {
    let logs = book.logs().filter(|log| log.count() > 0);
    logs.map(|log| ((log.key().lane, log.id()), Had::of(log)))
        .collect()
}

pub(super) fn summary(book: &Book, session: &[u8; 32], round: u32) -> Summary {
    Summary {
        round,
        lane0: proof::digest(session, &book.authority_digest()),
        frontier: proof::digest(session, &book.frontier_digest()),
    }
}

enum Step {
    /// The dialler has sent flight 1.
    Called,
    /// The responder waits for it.
    Listening,
    /// The responder has sent flight 2, when this was here.
    Welcomed(Summary, Snapshot),
}

/// A greeting under way.
pub(super) struct Greeting {
    key: DeviceKey,
    secrets: Zeroizing<Vec<[u8; 32]>>,
    binding: Binding,
    random: [u8; 32],
    side: Side,
    software: Text<48>,
    clock: Millis,
    step: Step,
    until: u64,
}

/// A greeting that succeeded.
pub(super) struct Met {
    pub me: DeviceId,
    pub peer: DeviceId,
    pub software: String,
    pub clock: Millis,
    pub side: Side,
    /// Names the session in later proofs.
    pub name: [u8; 32],
    pub mine: Summary,
    pub theirs: Summary,
    /// What `mine` was taken of.
    pub snapshot: Snapshot,
    pub now_ms: u64,
}

impl Greeting {
    pub(super) fn start(local: &Local<'_>, random: [u8; 32], now_ms: u64) -> (Self, Option<Frame>) {
        let side = if local.dialler {
            Side::Dialler
        } else {
            Side::Responder
        };
        let (dialler, responder) = match side {
            Side::Dialler => (local.here, local.there),
            Side::Responder => (local.there, local.here),
        };
        let binding = Binding {
            incident: local.incident,
            dialler: dialler.to_vec(),
            responder: responder.to_vec(),
            dialler_nonce: if local.dialler { random } else { [0; 32] },
            responder_nonce: [0; 32],
        };
        let secrets: Vec<_> = local.secrets.iter().take(MAX_SECRETS).copied().collect();
        let mut software = local.software.to_owned();
        while software.len() > 48 {
            software.pop();
        }
        let greeting = Self {
            key: local.key.clone(),
            secrets: Zeroizing::new(secrets),
            binding,
            random,
            side,
            software: Text::try_from(software).unwrap_or_default(),
            clock: local.clock,
            step: match side {
                Side::Dialler => Step::Called,
                Side::Responder => Step::Listening,
            },
            until: now_ms.saturating_add(GREETING_MS),
        };
        let hello = (side == Side::Dialler).then(|| greeting.hello());
        (greeting, hello)
    }

    fn hello(&self) -> Frame {
        let proofs = self.secrets.iter();
        let proofs: Vec<_> = proofs
            .map(|s| *self.binding.member(s, Side::Dialler).as_bytes())
            .collect();
        Frame::Hello(Hello {
            version: super::VERSION,
            nonce: self.random,
            proofs: Bounded::try_from(proofs).unwrap_or_default(),
        })
    }

    pub(super) fn tick(&self, now_ms: u64) -> Result<(), CloseReason> {
        if now_ms >= self.until {
            return Err(CloseReason::Timeout);
        }
        Ok(())
    }

    /// Whether this side has called, and nothing was said to it.
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(self.step, Step::Called)
    }

    pub(super) fn frame(
        &mut self,
        book: &Book,
        bytes: &[u8],
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Met>, CloseReason> {
        let frame = match Frame::from_bytes(bytes) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(None),
            Err(FrameError::Version(theirs)) => return Err(CloseReason::Version { theirs }),
            // Noise from a stranger is answered with nothing.
            Err(_) if matches!(self.step, Step::Listening | Step::Called) => {
                return Err(CloseReason::Stranger);
            }
            Err(e) => return Err(e.into()),
        };
        match (frame, &self.step) {
            (Frame::Bye(code, version), _) => Err(CloseReason::heard(code, version)),
            (Frame::Hello(hello), Step::Listening) => {
                self.welcome(book, &hello, effects)?;
                Ok(None)
            }
            (Frame::Welcome(welcome), Step::Called) => {
                self.introduce(book, &welcome, effects).map(Some)
            }
            (Frame::Identity(identity), Step::Welcomed(..)) => self.meet(&identity).map(Some),
            (_, Step::Welcomed(..)) => Err(CloseReason::Unexpected("frame in a greeting")),
            _ => Err(CloseReason::Stranger),
        }
    }

    /// The responder's answer to flight 1.
    fn welcome(
        &mut self,
        book: &Book,
        hello: &Hello,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CloseReason> {
        self.binding.dialler_nonce = hello.nonce;
        let binding = &self.binding;
        let secret = hello.proofs.iter().find_map(|proof| {
            let proof = Hash::from_bytes(*proof);
            let mut mine = self.secrets.iter();
            mine.find(|s| binding.member(s, Side::Dialler) == proof)
        });
        let secret = Zeroizing::new(*secret.ok_or(CloseReason::Stranger)?);
        self.binding.responder_nonce = self.random;
        let mine = summary(book, &self.binding.name(), 0);
        let welcome = Welcome {
            nonce: self.random,
            proof: *self.binding.member(&secret, Side::Responder).as_bytes(),
            identity: self.identity(&mine),
        };
        effects.push(Effect::Send(Frame::Welcome(welcome).to_bytes()));
        self.step = Step::Welcomed(mine, snapshot(book));
        Ok(())
    }

    /// The dialler's answer to flight 2.
    fn introduce(
        &mut self,
        book: &Book,
        welcome: &Welcome,
        effects: &mut Vec<Effect>,
    ) -> Result<Met, CloseReason> {
        self.binding.responder_nonce = welcome.nonce;
        let proof = Hash::from_bytes(welcome.proof);
        let mut secrets = self.secrets.iter();
        if !secrets.any(|s| self.binding.member(s, Side::Responder) == proof) {
            return Err(CloseReason::Stranger);
        }
        self.check(&welcome.identity)?;
        let mine = summary(book, &self.binding.name(), 0);
        let identity = Frame::Identity(self.identity(&mine));
        effects.push(Effect::Send(identity.to_bytes()));
        Ok(self.met(&welcome.identity, mine, snapshot(book)))
    }

    /// The responder has flight 3.
    fn meet(&mut self, identity: &Identity) -> Result<Met, CloseReason> {
        self.check(identity)?;
        match std::mem::replace(&mut self.step, Step::Listening) {
            Step::Welcomed(mine, snapshot) => Ok(self.met(identity, mine, snapshot)),
            _ => Err(CloseReason::Unexpected("identity")),
        }
    }

    fn identity(&self, mine: &Summary) -> Identity {
        Identity {
            device: self.key.id(),
            signature: self.binding.sign(&self.key, self.side),
            software: self.software.clone(),
            clock: self.clock,
            lane0: mine.lane0,
            frontier: mine.frontier,
        }
    }

    fn check(&self, theirs: &Identity) -> Result<(), CloseReason> {
        let device = theirs.device;
        if !self
            .binding
            .signed(&device, self.side.other(), &theirs.signature)
        {
            return Err(CloseReason::Identity(device));
        }
        if device == self.key.id() {
            return Err(CloseReason::SameDevice);
        }
        Ok(())
    }

    fn met(&self, theirs: &Identity, mine: Summary, snapshot: Snapshot) -> Met {
        Met {
            me: self.key.id(),
            peer: theirs.device,
            software: theirs.software.to_string(),
            clock: theirs.clock,
            side: self.side,
            name: self.binding.name(),
            mine,
            theirs: Summary {
                round: 0,
                lane0: theirs.lane0,
                frontier: theirs.frontier,
            },
            snapshot,
            now_ms: self.until.saturating_sub(GREETING_MS),
        }
    }
}
