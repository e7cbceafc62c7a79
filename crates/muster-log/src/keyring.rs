//! The class keys that a device holds, and the reading of parts with them.
//!
//! Keys come out of the key acts of lane 0: from lockboxes sealed to this device, or from under
//! another key that it holds. An act that does not open is kept and tried again with each new key.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::{
    act::{Audience, KeyAct, LOCKBOX_INFO},
    entry::{PartBody, VerifiedEntry},
    ids::{Class, DeviceId, KeyId, Lamport, LogId, Seq},
    operation::{MAX_OPERATIONS, PartContent},
    seal::{self, ClassKey, ExchangeSecret, Place},
};

/// A key with what its act says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldKey {
    /// The key.
    pub key: ClassKey,
    /// What it seals.
    pub class: Class,
    /// For whom.
    pub audience: Audience,
    /// When it was made: the latest of an audience is the one to write under.
    pub made: (Lamport, LogId, Seq),
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
    /// An encoding of a later version.
    UnknownEncoding(u8),
    /// It opens, or is plain, but is not what it should be; nothing in it counts.
    Malformed,
}

/// The keys of one device.
#[derive(Clone, Default)]
pub struct KeyRing {
    me: Option<(DeviceId, ExchangeSecret)>,
    held: BTreeMap<KeyId, HeldKey>,
    closed: Vec<(KeyAct, (Lamport, LogId, Seq))>,
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

    /// Takes in a key act. Returns the ids of the keys that can be used from now on.
    pub fn learn(&mut self, act: KeyAct, made: (Lamport, LogId, Seq)) -> Vec<KeyId> {
        let mut fresh = Vec::new();
        self.closed.push((act, made));
        loop {
            let before = fresh.len();
            for (act, made) in std::mem::take(&mut self.closed) {
                if !self.try_open(&act, made, &mut fresh) {
                    self.closed.push((act, made));
                }
            }
            if fresh.len() == before {
                return fresh;
            }
        }
    }

    fn try_open(
        &mut self,
        act: &KeyAct,
        made: (Lamport, LogId, Seq),
        fresh: &mut Vec<KeyId>,
    ) -> bool {
        let key = match self.held.get(&act.key) {
            Some(held) => Some(held.key.clone()),
            None => self.open_lockbox(act).or_else(|| self.open_under(act)),
        };
        let Some(key) = key else { return false };
        for earlier in &act.previous {
            if self.held.contains_key(&earlier.key) {
                continue;
            }
            if let Ok(old) = seal::unwrap_key(&key, &earlier.key, &earlier.sealed) {
                self.hold(old, act, (Lamport(0), made.1, Seq(0)), fresh);
            }
        }
        self.hold(key, act, made, fresh);
        true
    }

    fn hold(
        &mut self,
        key: ClassKey,
        act: &KeyAct,
        made: (Lamport, LogId, Seq),
        fresh: &mut Vec<KeyId>,
    ) {
        let id = key.id();
        let held = HeldKey {
            key,
            class: act.class,
            audience: act.audience,
            made,
        };
        match self.held.get_mut(&id) {
            // The act may be repeated with other lockboxes; the key is as old as the first of them.
            Some(known) => {
                if known.made.0 == Lamport(0) || made < known.made {
                    known.made = made;
                }
            }
            None => {
                self.held.insert(id, held);
                fresh.push(id);
            }
        }
    }

    fn open_lockbox(&self, act: &KeyAct) -> Option<ClassKey> {
        let (device, secret) = self.me.as_ref()?;
        let mine = act.lockboxes.iter().find(|l| l.device == *device)?;
        seal::open_lockbox(secret, LOCKBOX_INFO, &act.key, &mine.sealed).ok()
    }

    fn open_under(&self, act: &KeyAct) -> Option<ClassKey> {
        act.under.iter().find_map(|wrapped| {
            let outer = self.held.get(&wrapped.key)?;
            seal::unwrap_key(&outer.key, &act.key, &wrapped.sealed).ok()
        })
    }

    /// A key by its id.
    pub fn get(&self, id: &KeyId) -> Option<&ClassKey> {
        self.held.get(id).map(|held| &held.key)
    }

    /// All keys held.
    pub fn keys(&self) -> impl Iterator<Item = (&KeyId, &HeldKey)> {
        self.held.iter()
    }

    /// The latest key of an audience.
    pub fn latest(&self, class: Class, audience: Audience) -> Option<&ClassKey> {
        let of = self
            .held
            .values()
            .filter(|h| h.class == class && h.audience == audience);
        of.max_by_key(|h| h.made).map(|h| &h.key)
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
            Ok(content) if content.operations.len() <= MAX_OPERATIONS => Opened::Content(content),
            _ => Opened::Malformed,
        }
    }
}
