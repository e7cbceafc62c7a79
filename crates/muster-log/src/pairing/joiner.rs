//! The joining side of pairing by code, as a state machine: links and flights in, effects out.
//!
//! It greets everybody who listens for pairing and makes one offer, to the first that commits itself
//! under the code. After the offer it never starts again by itself: somebody in between who does not
//! like the words must not get another try without a person asking for it. Looking for inviters,
//! time limits and storing the answer are the node's.

use std::collections::BTreeMap;

use super::{
    Request,
    code::{Code, Given},
    flight::{Flight, Reason, VERSION},
    inviter::Link,
    sas::{self, MAX_TRANSPORT, Opening, PairingKey, Said, Sas},
    words::Language,
};
use crate::codec::Bytes;

/// Longest sealed answer: what [`super::Answer::open`] takes.
const MAX_SEALED: u32 = (16 * 1024 + 64) * 1024;
/// Inviters spoken to at once.
const LINKS: usize = 16;

/// What is to be done, or told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send this frame.
    Send(Link, Vec<u8>),
    /// End the connection once what was sent has gone out, and do not meet that peer again.
    Close(Link),
    /// One of those who listen refused; another may yet be the inviter.
    Refused(Reason),
    /// A person should compare.
    Shown(Box<Shown>),
    /// The sealed answer, whole. To be kept only once the words were found equal here.
    Answer(Vec<u8>),
    /// It goes no further.
    Failed(Reason),
}

/// What the joiner's person sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The words and digits.
    pub sas: Sas,
    /// What the inviter committed to.
    pub opening: Opening,
    /// The language of the words.
    pub language: Language,
}

#[derive(Debug)]
enum State {
    Searching,
    Offered {
        link: Link,
        said: Box<Said>,
    },
    Shown {
        link: Link,
        total: u32,
        answer: Vec<u8>,
    },
    Over,
}

/// One attempt to join.
pub struct Joiner {
    code: Code,
    expected: Option<[u8; 32]>,
    key: PairingKey,
    request: Bytes<1024>,
    here: Bytes<MAX_TRANSPORT>,
    links: BTreeMap<Link, Bytes<MAX_TRANSPORT>>,
    state: State,
}

impl Joiner {
    /// An attempt with a fresh key. `None` for a transport id or a request that is too long.
    pub fn new(given: &Given, key: PairingKey, request: &Request, here: &[u8]) -> Option<Self> {
        Some(Self {
            code: given.code(),
            expected: given.commitment(),
            key,
            request: request.to_bytes().try_into().ok()?,
            here: here.to_vec().try_into().ok()?,
            links: BTreeMap::new(),
            state: State::Searching,
        })
    }

    /// Whether nobody has been made an offer yet.
    pub fn is_searching(&self) -> bool {
        matches!(self.state, State::Searching)
    }

    /// Somebody who listens for pairing is connected.
    pub fn connected(&mut self, link: Link, there: &[u8]) -> Vec<Effect> {
        match there.to_vec().try_into() {
            Ok(there) if self.is_searching() && self.links.len() < LINKS => {
                self.links.insert(link, there);
                let hello = Flight::Hello {
                    version: VERSION,
                    locator: self.code.locator,
                };
                vec![Effect::Send(link, hello.to_bytes())]
            }
            _ => vec![Effect::Close(link)],
        }
    }

    /// A connection ended.
    pub fn closed(&mut self, link: Link) -> Vec<Effect> {
        self.links.remove(&link);
        match &self.state {
            State::Offered { link: l, .. } | State::Shown { link: l, .. } if *l == link => {
                self.state = State::Over;
                vec![Effect::Failed(Reason::Gone)]
            }
            _ => Vec::new(),
        }
    }

    /// A frame came.
    pub fn frame(&mut self, link: Link, bytes: &[u8]) -> Vec<Effect> {
        if !self.links.contains_key(&link) {
            return Vec::new();
        }
        let flight = Flight::from_bytes(bytes);
        match (&mut self.state, flight) {
            (State::Searching, Ok(Flight::Commit(commitment))) => self.offer(link, commitment),
            (State::Searching, Ok(Flight::Refused(number, detail))) => {
                self.links.remove(&link);
                vec![
                    Effect::Close(link),
                    Effect::Refused(Reason::of(number, detail)),
                ]
            }
            (State::Searching, _) => self.pass(link, Reason::Broken),
            (_, Ok(Flight::Refused(number, detail))) => {
                self.state = State::Over;
                vec![
                    Effect::Close(link),
                    Effect::Failed(Reason::of(number, detail)),
                ]
            }
            (State::Offered { said, .. }, Ok(Flight::Reveal { opening, proof })) => {
                let said = said.clone();
                self.revealed(link, &said, opening, proof)
            }
            (
                State::Shown { total, answer, .. },
                Ok(Flight::Answer {
                    total: of,
                    from,
                    bytes,
                }),
            ) => {
                let first = answer.is_empty() && from == 0 && (1..=MAX_SEALED).contains(&of);
                let next = !answer.is_empty() && *total == of && from as usize == answer.len();
                let fits = from as usize + bytes.len() <= of as usize && !bytes.is_empty();
                if !(first || next) || !fits {
                    return self.fail(link, Reason::Broken);
                }
                *total = of;
                answer.extend_from_slice(&bytes);
                if answer.len() == of as usize {
                    vec![Effect::Answer(std::mem::take(answer))]
                } else {
                    Vec::new()
                }
            }
            (State::Over, _) => Vec::new(),
            _ => self.fail(link, Reason::Broken),
        }
    }

    /// The person here found the words equal.
    pub fn matches(&self) -> Vec<Effect> {
        self.say(Flight::Matches)
    }

    /// The answer is stored here.
    pub fn stored(&self) -> Vec<Effect> {
        self.say(Flight::Stored)
    }

    /// Ends the attempt for a reason of this side: declined, timed out.
    pub fn end(&mut self, reason: Reason) -> Vec<Effect> {
        match self.state {
            State::Offered { link, .. } | State::Shown { link, .. } => self.fail(link, reason),
            _ => {
                self.state = State::Over;
                vec![Effect::Failed(reason)]
            }
        }
    }

    fn say(&self, flight: Flight) -> Vec<Effect> {
        match self.state {
            State::Shown { link, .. } => vec![Effect::Send(link, flight.to_bytes())],
            _ => Vec::new(),
        }
    }

    fn offer(&mut self, link: Link, commitment: [u8; 32]) -> Vec<Effect> {
        if self.expected.is_some_and(|e| e != commitment) {
            return self.pass(link, Reason::Impostor);
        }
        let Some(there) = self.links.get(&link).cloned() else {
            return Vec::new();
        };
        let said = Said {
            version: VERSION,
            locator: self.code.locator,
            inviter: there,
            joiner: self.here.clone(),
            commitment,
            key: self.key.public(),
            request: self.request.clone(),
        };
        let offer = Flight::Offer {
            key: said.key,
            proof: said.joiner_proof(self.code.secret),
            request: said.request.clone(),
        };
        let others = self.links.keys().filter(|l| **l != link);
        let mut effects: Vec<_> = others.map(|l| Effect::Close(*l)).collect();
        self.links.retain(|l, _| *l == link);
        self.state = State::Offered {
            link,
            said: Box::new(said),
        };
        effects.push(Effect::Send(link, offer.to_bytes()));
        effects
    }

    fn revealed(
        &mut self,
        link: Link,
        said: &Said,
        opening: Opening,
        proof: [u8; 32],
    ) -> Vec<Effect> {
        if opening.commitment() != said.commitment {
            return self.fail(link, Reason::Commitment);
        }
        let wanted = said.inviter_proof(&opening, self.code.secret);
        if blake3::Hash::from(wanted) != blake3::Hash::from(proof) {
            return self.fail(link, Reason::Impostor);
        }
        let Some(language) = Language::of_number(opening.language) else {
            return self.fail(link, Reason::Version);
        };
        let Some(sas) = sas::compare(&self.key, opening.key, said, &opening, language) else {
            return self.fail(link, Reason::Broken);
        };
        self.state = State::Shown {
            link,
            total: 0,
            answer: Vec::new(),
        };
        vec![Effect::Shown(Box::new(Shown {
            sas,
            opening,
            language,
        }))]
    }

    /// Not this one; another may be the inviter.
    fn pass(&mut self, link: Link, reason: Reason) -> Vec<Effect> {
        self.links.remove(&link);
        vec![
            Effect::Send(link, reason.flight().to_bytes()),
            Effect::Close(link),
            Effect::Refused(reason),
        ]
    }

    fn fail(&mut self, link: Link, reason: Reason) -> Vec<Effect> {
        self.state = State::Over;
        vec![
            Effect::Send(link, reason.flight().to_bytes()),
            Effect::Close(link),
            Effect::Failed(reason),
        ]
    }
}
