//! The keys of whole classes, and of this device's own, that it writes under: chosen so that nobody
//! reads who is known to be out, made anew where none is left, and handed to those who should have
//! them. Those of persons, teams and tasks are [`super::audience`]'s.

use std::collections::BTreeMap;

use muster_log::{
    act::{Act, Audience, KeyAct, SECRET_INFO, SecretAct, Wrapped},
    author::AuthorError,
    authority::Grant,
    codec::Bounded,
    entry::kind,
    ids::{Class, DeviceId, ExchangeKey, KeyId, Millis},
    readers::{Readers, may_read},
    role::Role,
    seal::{self, ClassKey},
};
use zeroize::Zeroizing;

use super::Engine;
use crate::{error::NodeError, setup};

/// Lockboxes of one act: with what comes besides, an entry stays within its limit.
pub(super) const LOCKBOXES: usize = 150;
/// Earlier keys that a new one opens.
pub(super) const PREVIOUS: usize = 64;

type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

impl Engine {
    /// Who can read which key, by all acts known.
    pub fn readers(&mut self) -> &Readers {
        self.readers
            .get_or_insert_with(|| Readers::of(self.book.authority()))
    }

    /// The latest key of an audience that no outsider is known to read.
    pub(super) fn clean_key(&mut self, class: Class, audience: Audience) -> Option<ClassKey> {
        self.readers();
        let readers = self.readers.as_ref()?;
        let authority = self.book.authority();
        let clean = |key: &KeyId| !readers.is_tainted(authority, key, class, audience);
        let keys = self.book.keys();
        keys.latest_where(class, audience, clean).cloned()
    }

    /// The key under which this device writes a class for an audience: that of the audience, else the
    /// whole class' where it has it, else one of its own; a new one where somebody who is out can read
    /// the one there is.
    pub(super) fn key_to_write(
        &mut self,
        class: Class,
        audience: Audience,
        now: Millis,
        random: Random<'_>,
    ) -> Result<ClassKey, NodeError> {
        if let Some(key) = self.writing.get(&(class, audience)) {
            return Ok(key.clone());
        }
        let small = match audience {
            Audience::WholeClass => None,
            _ => self.audience_key(class, audience, now, random)?,
        };
        let key = match small {
            Some(key) => key,
            None if audience == Audience::WholeClass => self.find_key(class, now, random)?,
            None => self.key_to_write(class, Audience::WholeClass, now, random)?,
        };
        // Until lane 0 moves again nobody new is out. Who is in a team or has a task follows from
        // data, which moves without it.
        if !matches!(audience, Audience::Team(_) | Audience::Task(_)) {
            self.writing.insert((class, audience), key.clone());
        }
        Ok(key)
    }

    fn find_key(
        &mut self,
        class: Class,
        now: Millis,
        random: Random<'_>,
    ) -> Result<ClassKey, NodeError> {
        let own = Audience::Device(self.device());
        if let Some(key) = self.clean_key(class, Audience::WholeClass) {
            return Ok(key);
        }
        self.own_grant().ok_or(NodeError::NotAdmitted)?;
        let had = self.book.keys().latest(class, Audience::WholeClass);
        if had.is_some() && self.may_make_keys(now) {
            return self.rotate(class, now, random);
        }
        match self.clean_key(class, own) {
            Some(key) => Ok(key),
            None => self.make_own_key(class, now, random),
        }
    }

    /// Whether this device makes keys for others: coordinators and hq whose time is not up. One whose
    /// time is up would make keys that it does not get itself.
    pub(super) fn may_make_keys(&self, now: Millis) -> bool {
        self.own_grant()
            .is_some_and(|g| g.role <= Role::Coordinator && !g.is_over(now))
    }

    /// Whether the key under which a class would be written can be read by somebody who is out.
    pub fn must_rotate(&mut self, class: Class) -> bool {
        let held = self.book.keys().latest(class, Audience::WholeClass);
        held.is_some() && self.clean_key(class, Audience::WholeClass).is_none()
    }

    /// Makes a new key for a whole class, for everyone who may read it, and seals the earlier ones
    /// under it.
    pub fn rotate(
        &mut self,
        class: Class,
        now: Millis,
        random: Random<'_>,
    ) -> Result<ClassKey, NodeError> {
        let held: Vec<ClassKey> = self.earlier(class, Audience::WholeClass);
        if held.is_empty() {
            return Err(NodeError::Author(AuthorError::NoKey(class.0)));
        }
        // Of C3 those who were given it before, and may still have it.
        let given: Vec<KeyId> = held.iter().map(ClassKey::id).collect();
        let readers = self.readers().clone();
        let to = self.living(now, |grant| {
            may_read(grant, class, Audience::WholeClass)
                && (class != Class::C3 || given.iter().any(|k| readers.reads(k, &grant.device)))
        });
        let key = fresh_key(random);
        let mut previous = Vec::new();
        for old in held.iter().take(PREVIOUS) {
            previous.push(Wrapped {
                key: old.id(),
                sealed: seal::wrap_key(&key, old)?.try_into()?,
            });
        }
        self.hand_out(
            &key,
            class,
            Audience::WholeClass,
            &to,
            previous,
            now,
            random,
        )?;
        Ok(key)
    }

    /// The keys of an audience that are held, the latest first.
    pub(super) fn earlier(&self, class: Class, audience: Audience) -> Vec<ClassKey> {
        let ring = self.book.keys();
        let mut held: Vec<_> = ring
            .keys()
            .filter_map(|(_, held)| Some((held.claim?, held.key)))
            .filter(|(claim, _)| claim.class == class && claim.audience == audience)
            .collect();
        held.sort_by_key(|(claim, _)| std::cmp::Reverse(claim.made));
        held.into_iter().map(|(_, key)| key.clone()).collect()
    }

    /// Makes a key of this device's own for a class that it may write and not read as a whole, or
    /// whose key it has not got anew yet: for whoever reads all of the class; for C3, hq and those who
    /// were given it. So a lead's volunteer can report where help is needed without being able to list
    /// who else asked.
    fn make_own_key(
        &mut self,
        class: Class,
        now: Millis,
        random: Random<'_>,
    ) -> Result<ClassKey, NodeError> {
        let own = self.own_grant().map(|g| (g.role, g.exchange));
        let (role, exchange) = own.ok_or(NodeError::NotAdmitted)?;
        if role == Role::Relay {
            return Err(NodeError::Author(AuthorError::NoKey(class.0)));
        }
        let readers = self.readers().clone();
        let least = if class == Class::C3 {
            Role::Hq
        } else {
            Role::Coordinator
        };
        let given: Vec<KeyId> = self.claimed(class);
        let mut to = self.living(now, |grant| match class {
            Class::C1 => may_read(grant, class, Audience::WholeClass),
            _ => {
                grant.role <= least
                    || may_read(grant, class, Audience::WholeClass)
                        && given.iter().any(|k| readers.reads(k, &grant.device))
            }
        });
        let device = self.device();
        to.insert(device, exchange);
        let key = fresh_key(random);
        let audience = Audience::Device(device);
        self.hand_out(&key, class, audience, &to, Vec::new(), now, random)?;
        Ok(key)
    }

    /// The ids of a whole class' keys, held or not.
    fn claimed(&self, class: Class) -> Vec<KeyId> {
        let acts = self.book.authority().acts();
        acts.filter_map(|(_, _, act)| match act {
            Act::Key(a) if a.class == class && a.audience == Audience::WholeClass => Some(a.key),
            _ => None,
        })
        .collect()
    }

    /// The members of whom something is true, with the keys to seal to; not those whose time is up.
    fn living(&self, now: Millis, is: impl Fn(&Grant) -> bool) -> BTreeMap<DeviceId, ExchangeKey> {
        let authority = self.book.authority();
        let best = |g: &&Grant| {
            authority
                .best_grant(&g.device)
                .is_some_and(|b| b.id == g.id)
        };
        let live = authority.live().filter(best);
        live.filter(|g| !g.is_over(now) && is(g))
            .map(|g| (g.device, g.exchange))
            .collect()
    }

    #[allow(clippy::too_many_arguments)]
    fn hand_out(
        &mut self,
        key: &ClassKey,
        class: Class,
        audience: Audience,
        to: &BTreeMap<DeviceId, ExchangeKey>,
        mut previous: Vec<Wrapped>,
        now: Millis,
        random: Random<'_>,
    ) -> Result<(), NodeError> {
        let to: Vec<_> = to.iter().collect();
        for chunk in to.chunks(LOCKBOXES) {
            let mut lockboxes = Vec::new();
            for (device, exchange) in chunk {
                lockboxes.push(setup::lockbox(**device, exchange, key, random)?);
            }
            let act = KeyAct {
                key: key.id(),
                class,
                audience,
                lockboxes: Bounded::try_from(lockboxes)?,
                under: Bounded::default(),
                previous: Bounded::try_from(std::mem::take(&mut previous))?,
                extensions: Bounded::default(),
            };
            self.write_acts(kind::KEY, &[Act::Key(act)], now, random)?;
        }
        Ok(())
    }

    /// Renews the incident secret, by which members recognise one another on a network, for all who
    /// are members now. The one before is still accepted: not everyone has heard.
    pub fn renew_secret(&mut self, now: Millis, random: Random<'_>) -> Result<(), NodeError> {
        // A secret is 32 random bytes, as a key is.
        let secret = fresh_key(random);
        let to: Vec<_> = self.living(now, |_| true).into_iter().collect();
        for chunk in to.chunks(LOCKBOXES) {
            let mut lockboxes = Vec::new();
            for (device, exchange) in chunk {
                let mut fresh = [0; 32];
                random(&mut fresh);
                let sealed = seal::seal_to(exchange, SECRET_INFO, secret.bytes(), fresh)?;
                lockboxes.push(muster_log::act::Lockbox {
                    device: *device,
                    sealed: sealed.try_into()?,
                });
            }
            let act = SecretAct {
                secret: secret.id(),
                lockboxes: Bounded::try_from(lockboxes)?,
            };
            self.write_acts(kind::KEY, &[Act::Secret(act)], now, random)?;
        }
        Ok(())
    }

    /// The incident secrets this device accepts, the current one first.
    pub fn incident_secrets(&self) -> Vec<[u8; 32]> {
        let mut out = self.book.secrets();
        let first = self.secrets.member().map(|m| m.secret);
        out.truncate(muster_log::session::MAX_SECRETS.saturating_sub(1));
        out.extend(first.filter(|f| !out.contains(f)));
        out
    }

    /// What this device's beacons are made of; `None` while it has no secret.
    pub fn voice(&self) -> Option<muster_log::beacon::Voice> {
        muster_log::beacon::Voice::new(self.incident_secrets(), self.book.frontier_digest())
    }

    /// Hands the keys of whole classes to members who should have them and have not: whoever made a
    /// key, or admitted the member, sees to it when both are known here. Two islands that both
    /// rotated come to read one another so.
    pub fn tend_keys(&mut self, now: Millis, random: Random<'_>) -> Result<(), NodeError> {
        if !std::mem::take(&mut self.keys_moved) {
            return Ok(());
        }
        let Some(own) = self.own_grant().cloned() else {
            return Ok(());
        };
        if !self.may_make_keys(now) {
            return Ok(());
        }
        let readers = self.readers().clone();
        for class in [Class::C1, Class::C2] {
            let keys: Vec<_> = self
                .book
                .keys()
                .unreplaced(class, Audience::WholeClass)
                .cloned()
                .collect();
            for key in keys {
                let id = key.id();
                let authority = self.book.authority();
                if readers.is_tainted(authority, &id, class, Audience::WholeClass) {
                    continue;
                }
                let made = authority.acts().any(|(_, place, act)| {
                    place.log.device == own.device && matches!(act, Act::Key(a) if a.key == id)
                });
                let mine = |grant: &Grant| {
                    let giver = grant.parent.and_then(|p| authority.grant(&p));
                    made || giver.is_some_and(|g| g.device == own.device)
                };
                let to = self.living(now, |grant| {
                    may_read(grant, class, Audience::WholeClass)
                        && !readers.reads(&id, &grant.device)
                        && mine(grant)
                });
                if !to.is_empty() {
                    self.hand_out(
                        &key,
                        class,
                        Audience::WholeClass,
                        &to,
                        Vec::new(),
                        now,
                        random,
                    )?;
                }
            }
        }
        self.tend_audiences(now, random)
    }
}

pub(super) fn fresh_key(random: Random<'_>) -> ClassKey {
    let mut bytes = Zeroizing::new([0; 32]);
    random(bytes.as_mut());
    ClassKey::from_bytes(*bytes)
}
