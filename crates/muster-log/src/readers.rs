//! Who can read what is sealed under a key, by the acts of lane 0: whoever made it or was given it in
//! a lockbox, whoever reads a key that it is sealed under, and whoever reads a key that it was the
//! predecessor of. What a device keeps to itself it may still hand on; no act says so.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    act::{Act, Audience},
    authority::{Authority, Grant, Membership},
    ids::{Class, DeviceId, KeyId},
    role::Role,
};

/// The devices that can read each key.
#[derive(Debug, Clone, Default)]
pub struct Readers {
    by_key: BTreeMap<KeyId, BTreeSet<DeviceId>>,
}

impl Readers {
    /// Reads them out of all acts, whether or not they count: a key that was handed out is out.
    pub fn of(authority: &Authority) -> Self {
        let mut by_key: BTreeMap<KeyId, BTreeSet<DeviceId>> = BTreeMap::new();
        // Whoever reads the first reads the second.
        let mut opens: BTreeMap<KeyId, BTreeSet<KeyId>> = BTreeMap::new();
        for (_, place, act) in authority.acts() {
            let Act::Key(act) = act else { continue };
            let readers = by_key.entry(act.key).or_default();
            readers.insert(place.log.device);
            readers.extend(act.lockboxes.iter().map(|l| l.device));
            for outer in &act.under {
                opens.entry(outer.key).or_default().insert(act.key);
            }
            let previous = act.previous.iter().map(|p| p.key);
            opens.entry(act.key).or_default().extend(previous);
        }
        let mut todo: Vec<KeyId> = by_key.keys().copied().collect();
        while let Some(key) = todo.pop() {
            let readers = by_key.get(&key).cloned().unwrap_or_default();
            for inner in opens.get(&key).into_iter().flatten() {
                let inner_readers = by_key.entry(*inner).or_default();
                let before = inner_readers.len();
                inner_readers.extend(&readers);
                if inner_readers.len() > before {
                    todo.push(*inner);
                }
            }
        }
        Self { by_key }
    }

    /// Who can read a key.
    pub fn readers(&self, key: &KeyId) -> impl Iterator<Item = &DeviceId> {
        self.by_key.get(key).into_iter().flatten()
    }

    /// Whether a device can read a key.
    pub fn reads(&self, key: &KeyId, device: &DeviceId) -> bool {
        self.by_key.get(key).is_some_and(|r| r.contains(device))
    }

    /// Whether a key's readers include somebody who is known to be no member any more, or no longer
    /// in a role that may read it: nobody writes under it then.
    pub fn is_tainted(
        &self,
        authority: &Authority,
        key: &KeyId,
        class: Class,
        audience: Audience,
    ) -> bool {
        self.is_tainted_for(authority, key, |grant| may_read(grant, class, audience))
    }

    /// [`Self::is_tainted`], where who may read follows from more than the grant: who is in a team,
    /// whom a task is given to.
    pub fn is_tainted_for(
        &self,
        authority: &Authority,
        key: &KeyId,
        may: impl Fn(&Grant) -> bool,
    ) -> bool {
        self.readers(key)
            .any(|device| match authority.membership(device) {
                // Their admission may still come.
                Membership::Stranger => false,
                Membership::Ended(_) => true,
                Membership::Member(grant) => !may(grant),
            })
    }
}

/// Whether a grant's holder may read a class for an audience. For C3 it takes, besides, that
/// somebody has handed the key over.
pub fn may_read(grant: &Grant, class: Class, audience: Audience) -> bool {
    let whole =
        grant.role.reads_class(class) || class == Class::C3 && grant.role <= Role::Coordinator;
    whole
        || match audience {
            // Whom a task is given to, no grant says.
            Audience::WholeClass | Audience::Task(_) => false,
            Audience::Named(id) => grant.id == id,
            Audience::Team(team) => grant.scope == Some(team),
            Audience::Person(person) => grant.person == Some(person),
            Audience::Device(device) => grant.device == device,
        }
}
