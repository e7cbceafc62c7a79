//! The inviting side of pairing by code, as a state machine: links and flights in, effects out.
//!
//! One invitation, one use. Whoever proves that it was told the code gets the opening, and from then
//! on the code is spent, whatever comes of it: somebody in between cannot try again and again until
//! the words fit. Writing the Admit, the clock and the sockets are the node's.

use std::collections::BTreeMap;

use super::{
    Request,
    code::Code,
    flight::{Flight, PIECE, Reason, VERSION},
    sas::{self, MAX_TRANSPORT, Opening, PairingKey, Said, Sas},
    words::Language,
};
use crate::codec::Bytes;

/// Wrong codes that are borne.
pub const TRIES: u8 = 3;
/// How long the words may be looked at, in milliseconds, if the code does not live longer.
pub const PATIENCE_MS: u64 = 5 * 60 * 1000;
/// A link on which nothing comes of it is let go after so long.
const LINK_MS: u64 = 15 * 1000;
const LINKS: usize = 16;

/// A connection, by a number that its owner gives it.
pub type Link = u64;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send this frame.
    Send(Link, Vec<u8>),
    /// End the connection once what was sent has gone out.
    Close(Link),
}

/// What an invitation is made of.
pub struct Terms {
    /// The code.
    pub code: Code,
    /// A fresh key.
    pub key: PairingKey,
    /// The incident.
    pub incident: crate::ids::IncidentId,
    /// The language of the words.
    pub language: Language,
    /// The incident's name.
    pub name: crate::codec::Text<120>,
    /// What people call this device.
    pub label: crate::codec::Text<64>,
    /// This side's transport id.
    pub here: Vec<u8>,
    /// When the code expires, on the clock that all calls tell.
    pub expires: u64,
}

/// A device that was told the code, and waits for a person to compare the words.
#[derive(Debug, Clone)]
pub struct Pending {
    /// What it asks.
    pub request: Request,
    /// What both people see.
    pub sas: Sas,
    /// Whether its person has found the words equal.
    pub matches: bool,
    /// The connection it came on.
    pub link: Link,
    until: u64,
}

/// How an invitation stands.
#[derive(Debug, Clone)]
pub enum Stage {
    /// Nobody has come yet.
    Open,
    /// A person must compare the words.
    Pending(Box<Pending>),
    /// Admitted; the answer is on its way, or the connection broke first.
    Admitted {
        /// The connection has ended before the answer was receipted.
        gone: bool,
    },
    /// Admitted, and the answer is stored there.
    Delivered,
    /// It is over.
    Over(Reason),
}

#[derive(Debug)]
struct Guest {
    there: Bytes<MAX_TRANSPORT>,
    greeted: bool,
    since: u64,
}

/// One invitation.
pub struct Inviter {
    code: Code,
    key: PairingKey,
    opening: Opening,
    language: Language,
    here: Bytes<MAX_TRANSPORT>,
    expires: u64,
    left: u8,
    guests: BTreeMap<Link, Guest>,
    stage: Stage,
    answering: Option<Link>,
}

impl Inviter {
    /// Opens an invitation. `None` for a transport id that is too long.
    pub fn new(terms: Terms) -> Option<Self> {
        let opening = Opening {
            key: terms.key.public(),
            incident: terms.incident,
            language: terms.language.number(),
            name: terms.name,
            label: terms.label,
        };
        Some(Self {
            code: terms.code,
            key: terms.key,
            opening,
            language: terms.language,
            here: terms.here.try_into().ok()?,
            expires: terms.expires,
            left: TRIES,
            guests: BTreeMap::new(),
            stage: Stage::Open,
            answering: None,
        })
    }

    /// What a card tells beside the code.
    pub fn commitment(&self) -> [u8; 32] {
        self.opening.commitment()
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// How it stands.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Wrong tries that are left.
    pub fn tries_left(&self) -> u8 {
        self.left
    }

    /// Somebody connects.
    pub fn connected(&mut self, link: Link, there: &[u8], now: u64) -> Vec<Effect> {
        let there = there.to_vec().try_into();
        match there {
            Ok(there) if self.guests.len() < LINKS => {
                let guest = Guest {
                    there,
                    greeted: false,
                    since: now,
                };
                self.guests.insert(link, guest);
                Vec::new()
            }
            _ => vec![Effect::Close(link)],
        }
    }

    /// A connection ended.
    pub fn closed(&mut self, link: Link) {
        self.guests.remove(&link);
        match &mut self.stage {
            Stage::Pending(p) if p.link == link => self.stage = Stage::Over(Reason::Gone),
            Stage::Admitted { gone } if self.answering == Some(link) => *gone = true,
            _ => {}
        }
    }

    /// A frame came.
    pub fn frame(&mut self, link: Link, bytes: &[u8], now: u64) -> Vec<Effect> {
        if !self.guests.contains_key(&link) {
            return Vec::new();
        }
        self.age(now);
        if matches!(bytes, [0, version, ..] if *version != VERSION) {
            return self.refuse(link, Reason::Version);
        }
        match Flight::from_bytes(bytes) {
            Ok(Flight::Hello { locator, .. }) => self.hello(link, locator),
            Ok(Flight::Offer {
                key,
                proof,
                request,
            }) => self.offer(link, key, proof, request, now),
            Ok(Flight::Matches) => match &mut self.stage {
                Stage::Pending(p) if p.link == link => {
                    p.matches = true;
                    Vec::new()
                }
                // The person here was faster.
                Stage::Admitted { .. } if self.answering == Some(link) => Vec::new(),
                _ => self.broken(link),
            },
            Ok(Flight::Stored) if self.answering == Some(link) => {
                self.stage = Stage::Delivered;
                self.answering = None;
                self.drop_guest(link)
            }
            Ok(Flight::Refused(number, detail)) => {
                if self.is_pending(link) {
                    self.stage = Stage::Over(Reason::of(number, detail));
                }
                self.closed(link);
                vec![Effect::Close(link)]
            }
            _ => self.broken(link),
        }
    }

    /// Time passes.
    pub fn tick(&mut self, now: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Stage::Pending(p) = &self.stage
            && now >= p.until
        {
            effects.extend(self.end(Reason::TimedOut));
        }
        self.age(now);
        let busy = self.busy();
        let idle = self
            .guests
            .iter()
            .filter(|(l, g)| Some(**l) != busy && now >= g.since + LINK_MS);
        let idle: Vec<_> = idle.map(|(l, _)| *l).collect();
        for link in idle {
            effects.extend(self.drop_guest(link));
        }
        effects
    }

    /// The person here found the words equal, and the device is admitted: sends it the sealed answer.
    pub fn admitted(&mut self, answer: &[u8]) -> Vec<Effect> {
        let Stage::Pending(pending) = &self.stage else {
            return Vec::new();
        };
        let link = pending.link;
        self.stage = Stage::Admitted { gone: false };
        self.answering = Some(link);
        let total = answer.len() as u32;
        let piece = |(n, bytes): (usize, &[u8])| {
            let flight = Flight::Answer {
                total,
                from: (n * PIECE) as u32,
                bytes: bytes.to_vec().try_into().unwrap_or_default(),
            };
            Effect::Send(link, flight.to_bytes())
        };
        answer.chunks(PIECE).enumerate().map(piece).collect()
    }

    /// Ends the invitation for a reason of this side: declined, withdrawn.
    pub fn end(&mut self, reason: Reason) -> Vec<Effect> {
        match &self.stage {
            Stage::Open => {
                self.stage = Stage::Over(reason);
                Vec::new()
            }
            Stage::Pending(p) => {
                let link = p.link;
                self.stage = Stage::Over(reason);
                self.refuse(link, reason)
            }
            _ => Vec::new(),
        }
    }

    fn age(&mut self, now: u64) {
        if matches!(self.stage, Stage::Open) && now >= self.expires {
            self.stage = Stage::Over(Reason::Expired);
        }
    }

    fn busy(&self) -> Option<Link> {
        match &self.stage {
            Stage::Pending(p) => Some(p.link),
            _ => self.answering,
        }
    }

    fn is_pending(&self, link: Link) -> bool {
        matches!(&self.stage, Stage::Pending(p) if p.link == link)
    }

    /// Why nobody can use the code now.
    fn shut(&self) -> Option<Reason> {
        match &self.stage {
            Stage::Open => None,
            Stage::Over(reason @ (Reason::Burned | Reason::Expired | Reason::Withdrawn)) => {
                Some(*reason)
            }
            _ => Some(Reason::Used),
        }
    }

    fn hello(&mut self, link: Link, locator: u16) -> Vec<Effect> {
        if locator != self.code.locator {
            return self.refuse(link, Reason::NoInvitation);
        }
        if let Some(reason) = self.shut() {
            return self.refuse(link, reason);
        }
        match self.guests.get_mut(&link) {
            Some(guest) if !guest.greeted => guest.greeted = true,
            _ => return self.broken(link),
        }
        vec![Effect::Send(
            link,
            Flight::Commit(self.commitment()).to_bytes(),
        )]
    }

    fn offer(
        &mut self,
        link: Link,
        key: [u8; 32],
        proof: [u8; 32],
        request: Bytes<1024>,
        now: u64,
    ) -> Vec<Effect> {
        let there = match self.guests.get(&link) {
            Some(guest) if guest.greeted => guest.there.clone(),
            _ => return self.broken(link),
        };
        if let Some(reason) = self.shut() {
            return if self.busy() == Some(link) {
                self.broken(link)
            } else {
                self.refuse(link, reason)
            };
        }
        let said = Said {
            version: VERSION,
            locator: self.code.locator,
            inviter: self.here.clone(),
            joiner: there,
            commitment: self.commitment(),
            key,
            request,
        };
        // Compared in constant time.
        if blake3::Hash::from(said.joiner_proof(self.code.secret)) != blake3::Hash::from(proof) {
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                self.stage = Stage::Over(Reason::Burned);
                return self.refuse(link, Reason::Burned);
            }
            return self.refuse(link, Reason::WrongCode(self.left));
        }
        let Ok(request) = Request::from_bytes(&said.request) else {
            return self.refuse(link, Reason::Request);
        };
        let sas = sas::compare(&self.key, key, &said, &self.opening, self.language);
        let Some(sas) = sas else {
            return self.broken(link);
        };
        self.stage = Stage::Pending(Box::new(Pending {
            request,
            sas,
            matches: false,
            link,
            until: self.expires.max(now + PATIENCE_MS),
        }));
        let reveal = Flight::Reveal {
            opening: self.opening.clone(),
            proof: said.inviter_proof(&self.opening, self.code.secret),
        };
        vec![Effect::Send(link, reveal.to_bytes())]
    }

    fn broken(&mut self, link: Link) -> Vec<Effect> {
        if self.is_pending(link) {
            self.stage = Stage::Over(Reason::Broken);
        }
        self.refuse(link, Reason::Broken)
    }

    fn refuse(&mut self, link: Link, reason: Reason) -> Vec<Effect> {
        let mut effects = vec![Effect::Send(link, reason.flight().to_bytes())];
        effects.extend(self.drop_guest(link));
        effects
    }

    fn drop_guest(&mut self, link: Link) -> Vec<Effect> {
        self.closed(link);
        vec![Effect::Close(link)]
    }
}
