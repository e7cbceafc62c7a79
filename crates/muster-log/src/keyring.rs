//! The class keys that a device holds, and the reading of parts with them.
//!
//! Keys come out of the key acts of lane 0: from lockboxes sealed to this device, or from under
//! another key that it holds. Its lockbox is tried once; what is sealed under keys that are not here
//! is kept, and tried again when one of these keys comes. Which key is written under follows only from
//! acts that count.

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

use crate::{
    act::{Audience, KeyAct, LOCKBOX_INFO, SECRET_INFO, SecretAct, Wrapped},
    codec::Bounded,
    entry::{PartBody, VerifiedEntry},
    ids::{Class, DeviceId, KeyId, Lamport, LogId, Seq},
    operation::PartContent,
    seal::{self, ClassKey, ExchangeSecret, Place},
};

/// What a key is for, by an act that counts. Of several acts on one key the first made is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// When it was made.
    pub made: (Lamport, LogId, Seq),
    /// What it seals.
    pub class: Class,
    /// For whom.
    pub audience: Audience,
}

/// A key that is held, and what is said of it.
#[derive(Debug, Clone, Copy)]
pub struct HeldKey<'a> {
    /// The key.
    pub key: &'a ClassKey,
    /// What it is for; `None` where no act that counts says so.
    pub claim: Option<&'a Claim>,
}

/// What became of a part when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Its operations.
    Content(PartContent),
    /// No key for it here.
    NoKey(KeyId),
    /// The bytes are not here.
    Absent,
    /// A class or an encoding of a later version.
    UnknownEncoding(u8),
    /// It opens, or is plain, but is not what it should be; nothing in it counts.
    Malformed,
}

/// The keys of one device.
#[derive(Clone, Default)]
pub struct KeyRing {
    me: Option<(DeviceId, ExchangeSecret)>,
    held: BTreeMap<KeyId, ClassKey>,
    claims: BTreeMap<KeyId, Claim>,
    superseded: BTreeSet<(Class, Audience, KeyId)>,
    /// Incident secrets, which are 32 bytes as keys are.
    secrets: BTreeMap<KeyId, ClassKey>,
    locked: BTreeMap<u64, Locked>,
    /// Which of `locked` to try again when a key comes.
    waiting: BTreeMap<KeyId, Vec<u64>>,
    next: u64,
}

/// What is left of an act whose lockbox, if there was one, was tried.
#[derive(Clone)]
struct Locked {
    key: KeyId,
    under: Bounded<Wrapped, 8>,
    previous: Bounded<Wrapped, 64>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing({} keys)", self.held.len())
    }
}

impl KeyRing {
    /// The ring of a device, empty. A relay's stays so.
    pub fn new(device: DeviceId, secret: ExchangeSecret) -> Self {
        Self {
            me: Some((device, secret)),
            ..Self::default()
        }
    }

    /// Takes the keys out of a key act, whoever made it: a key that opens can be read with. Returns
    /// the ids of the keys that can be used from now on. What the act says of its key counts by
    /// [`Self::vouch`] alone.
    pub fn learn(&mut self, act: &KeyAct) -> Vec<KeyId> {
        let mut fresh = Vec::new();
        if !self.held.contains_key(&act.key)
            && let Some(key) = self.open_lockbox(act)
        {
            self.hold(key, &mut fresh);
        }
        self.unlock(
            Locked {
                key: act.key,
                under: act.under.clone(),
                previous: act.previous.clone(),
            },
            &mut fresh,
        );
        let mut done = 0;
        while let Some(id) = fresh.get(done) {
            done += 1;
            for at in self.waiting.remove(id).unwrap_or_default() {
                if let Some(locked) = self.locked.remove(&at) {
                    self.unlock(locked, &mut fresh);
                }
            }
        }
        fresh
    }

    /// Takes in what an act says of its key. Only for acts of those who may say so (see
    /// [`crate::authority::may_name_key`]): it decides under which key others write.
    pub fn vouch(&mut self, act: &KeyAct, made: (Lamport, LogId, Seq)) {
        let claim = Claim {
            made,
            class: act.class,
            audience: act.audience,
        };
        let known = self.claims.entry(act.key).or_insert(claim);
        *known = claim.min(*known);
        for earlier in act.previous.iter().filter(|w| w.key != act.key) {
            self.superseded
                .insert((act.class, act.audience, earlier.key));
        }
    }

    /// Forgets what was said of keys, so that it can be said again; the keys stay.
    pub(crate) fn forget_claims(&mut self) {
        self.claims.clear();
        self.superseded.clear();
    }

    fn unlock(&mut self, locked: Locked, fresh: &mut Vec<KeyId>) {
        if !self.held.contains_key(&locked.key)
            && let Some(key) = self.open_under(&locked)
        {
            self.hold(key, fresh);
        }
        let Some(key) = self.held.get(&locked.key).cloned() else {
            let under = locked.under.iter().map(|w| w.key);
            for key in under.chain([locked.key]).collect::<BTreeSet<_>>() {
                self.waiting.entry(key).or_default().push(self.next);
            }
            self.locked.insert(self.next, locked);
            self.next += 1;
            return;
        };
        for earlier in &locked.previous {
            if !self.held.contains_key(&earlier.key)
                && let Ok(old) = seal::unwrap_key(&key, &earlier.key, &earlier.sealed)
            {
                self.hold(old, fresh);
            }
        }
    }

    fn hold(&mut self, key: ClassKey, fresh: &mut Vec<KeyId>) {
        let id = key.id();
        if self.held.insert(id, key).is_none() {
            fresh.push(id);
        }
    }

    fn open_lockbox(&self, act: &KeyAct) -> Option<ClassKey> {
        let (device, secret) = self.me.as_ref()?;
        let mine = act.lockboxes.iter().find(|l| l.device == *device)?;
        seal::open_lockbox(secret, LOCKBOX_INFO, &act.key, &mine.sealed).ok()
    }

    fn open_under(&self, locked: &Locked) -> Option<ClassKey> {
        locked.under.iter().find_map(|wrapped| {
            let outer = self.held.get(&wrapped.key)?;
            seal::unwrap_key(outer, &locked.key, &wrapped.sealed).ok()
        })
    }

    /// A key by its id.
    pub fn get(&self, id: &KeyId) -> Option<&ClassKey> {
        self.held.get(id)
    }

    /// All keys held.
    pub fn keys(&self) -> impl Iterator<Item = (&KeyId, HeldKey<'_>)> {
        self.held.iter().map(|(id, key)| {
            let claim = self.claims.get(id);
            (id, HeldKey { key, claim })
        })
    }

    /// What a key is for, whether or not it is held; `None` where no act that counts says so.
    pub fn claim(&self, id: &KeyId) -> Option<&Claim> {
        self.claims.get(id)
    }

    /// Takes an incident secret out of its act, if it was sealed to this device.
    pub fn learn_secret(&mut self, act: &SecretAct) {
        let Some((device, secret)) = self.me.as_ref() else {
            return;
        };
        if self.secrets.contains_key(&act.secret) {
            return;
        }
        let mine = act.lockboxes.iter().find(|l| l.device == *device);
        let opened =
            mine.and_then(|l| seal::open_lockbox(secret, SECRET_INFO, &act.secret, &l.sealed).ok());
        if let Some(opened) = opened {
            self.secrets.insert(act.secret, opened);
        }
    }

    /// An incident secret by its id.
    pub fn secret(&self, id: &KeyId) -> Option<[u8; 32]> {
        self.secrets.get(id).map(|s| *s.bytes())
    }

    /// The latest key held of an audience: one that no other replaces, and of these the last made.
    pub fn latest(&self, class: Class, audience: Audience) -> Option<&ClassKey> {
        self.latest_where(class, audience, |_| true)
    }

    /// The keys held of an audience that no other replaces.
    pub fn unreplaced(&self, class: Class, audience: Audience) -> impl Iterator<Item = &ClassKey> {
        self.held.iter().filter_map(move |(id, key)| {
            let claim = self.claims.get(id)?;
            let fits = claim.class == class && claim.audience == audience;
            (fits && !self.superseded.contains(&(class, audience, *id))).then_some(key)
        })
    }

    /// [`Self::latest`] of those that will do.
    pub fn latest_where(
        &self,
        class: Class,
        audience: Audience,
        will_do: impl Fn(&KeyId) -> bool,
    ) -> Option<&ClassKey> {
        let of = self.held.iter().filter(|(id, _)| will_do(id));
        let of = of.filter_map(|(id, key)| {
            let claim = self.claims.get(id)?;
            let fits = claim.class == class && claim.audience == audience;
            let current = !self.superseded.contains(&(class, audience, *id));
            fits.then_some((current, claim.made, key))
        });
        of.max_by_key(|(current, made, _)| (*current, *made))
            .map(|(_, _, key)| key)
    }

    /// The key under which this device writes a class: the whole class' if it has it, else its own.
    pub fn writing_key(&self, class: Class) -> Option<&ClassKey> {
        self.latest(class, Audience::WholeClass).or_else(|| {
            let (device, _) = self.me.as_ref()?;
            self.latest(class, Audience::Device(*device))
        })
    }

    /// A part's plain bytes, if the key is here.
    pub fn open_part(
        &self,
        log: &LogId,
        entry: &VerifiedEntry,
        part: u8,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let head = entry.header().parts.get(usize::from(part))?;
        let PartBody::Stored(stored) = entry.parts().get(usize::from(part))? else {
            return None;
        };
        let key = self.get(&head.key)?;
        let place = Place {
            log: *log,
            seq: entry.seq(),
            part,
            class: head.class,
        };
        seal::open_part(key, &place, stored)
            .ok()
            .map(Zeroizing::new)
    }

    /// Reads a part.
    pub fn read(&self, log: &LogId, entry: &VerifiedEntry, part: u8) -> Opened {
        let at = usize::from(part);
        let (Some(head), Some(body)) = (entry.header().parts.get(at), entry.parts().get(at)) else {
            return Opened::Malformed;
        };
        let PartBody::Stored(stored) = body else {
            return Opened::Absent;
        };
        if head.class > Class::C3 {
            return Opened::UnknownEncoding(head.encoding);
        }
        let content = if head.class == Class::C0 {
            if head.encoding != 0 {
                return Opened::UnknownEncoding(head.encoding);
            }
            PartContent::from_bytes(stored)
        } else {
            if self.get(&head.key).is_none() {
                return Opened::NoKey(head.key);
            }
            if head.encoding != 0 {
                return Opened::UnknownEncoding(head.encoding);
            }
            match self.open_part(log, entry, part) {
                Some(plain) => PartContent::from_bytes(&plain),
                None => return Opened::Malformed,
            }
        };
        match content {
            Ok(content) => Opened::Content(content),
            Err(_) => Opened::Malformed,
        }
    }
}
