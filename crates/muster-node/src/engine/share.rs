//! Making readable to somebody what was written before it was their business: a task's place and
//! instructions for whom it is given to later, a person's own record for a device that joins late.
//!
//! Keys of whole classes are never handed down. Instead what stands is said again, as one entry of
//! the coordinator's own, under the key of those concerned; where all of them can read it already,
//! nothing is written.

use std::collections::BTreeMap;

use muster_log::{
    act::{Act, Audience, KeyAct, Wrapped},
    authority::Grant,
    codec::Bounded,
    entry::{kind, urgency},
    ids::{AudienceTag, Class, DeviceId, KeyId, Millis, ObjectId},
    operation::Reference,
    role::Role,
    seal,
};
use muster_model::{
    concern::{self, Concerned},
    restate::restate,
    table::kinds,
};

use super::{Engine, PartWrites, audience::field_write};
use crate::error::NodeError;

/// Most objects looked at for one write or one device. What lies beyond is said again when it is next
/// written.
const OBJECTS: usize = 500;

type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

impl Engine {
    /// Shows those concerned what has just become their business by what was written.
    pub(super) fn share_written(
        &mut self,
        writes: &PartWrites,
        now: Millis,
        random: Random<'_>,
    ) -> Result<(), NodeError> {
        if self.acting().is_empty() {
            return Ok(());
        }
        let slots = writes.values().flatten().filter_map(field_write);
        let mut moved: Vec<ObjectId> = slots
            .map(|w| w.slot)
            .filter(|s| matches!(s.kind, kinds::ASSIGNMENT | kinds::TEAM | kinds::TASK))
            .map(|s| s.object)
            .collect();
        moved.sort();
        moved.dedup();
        for id in moved {
            self.share_all(id, now, random)?;
        }
        Ok(())
    }

    fn share_all(
        &mut self,
        id: ObjectId,
        now: Millis,
        random: Random<'_>,
    ) -> Result<(), NodeError> {
        let role = self.own_grant().map(|g| g.role);
        if role.is_none_or(|r| r > Role::Lead) {
            return Ok(());
        }
        for object in concern::touched(&self.state, id).into_iter().take(OBJECTS) {
            self.share(object, now, random)?;
        }
        Ok(())
    }

    /// Makes an object's C2 readable to its audience as it is now.
    fn share(&mut self, id: ObjectId, now: Millis, random: Random<'_>) -> Result<(), NodeError> {
        let class = Class::C2;
        let audience = self.audience_of_object(id);
        let Some(object) = self.state.object(id).filter(|o| !o.erased) else {
            return Ok(());
        };
        let known = self.book.keys().latest(class, audience).is_some();
        let anything = restate(&object, id, class, |_| true);
        if audience == Audience::WholeClass || anything.is_empty() && !known {
            return Ok(());
        }
        // This also hands the key to those who lack it, and replaces one that others read too.
        let key = self.audience_key(class, audience, now, random)?;
        let role = self.own_grant().map(|g| g.role);
        if key.is_none() || role.is_none_or(|r| r > Role::Coordinator) {
            return Ok(());
        }
        let who = Concerned::of(&self.state, audience);
        let devices = self.devices_of(&who, now);
        let readers = self.readers().clone();
        let mut keys = BTreeMap::new();
        let again = restate(&object, id, class, |at| {
            let key = *keys.entry(*at).or_insert_with(|| self.sealed_under(at));
            key.is_some_and(|k| devices.iter().any(|g| !readers.reads(&k, &g.device)))
        });
        if again.is_empty() {
            return Ok(());
        }
        let writes = PartWrites::from([(class, again)]);
        self.write_entries(
            &writes,
            (urgency::ASSIGNMENT, AudienceTag::ZERO),
            now,
            random,
        )?;
        Ok(())
    }

    /// The key under which the part was sealed that holds a write.
    fn sealed_under(&self, at: &Reference) -> Option<KeyId> {
        let (log, _) = self.state.author(at.log)?;
        let run = self.run_from(&log, at.seq).ok()??;
        let entry = run.entries().first().filter(|e| e.seq() == at.seq)?;
        let part = entry.header().parts.get(usize::from(at.op >> 8))?;
        Some(part.key)
    }

    /// Gives a device that acts for somebody, or answers for something, the keys of it, and shows it
    /// what was written of that before.
    pub fn welcome(
        &mut self,
        device: DeviceId,
        now: Millis,
        random: Random<'_>,
    ) -> Result<(), NodeError> {
        let acting = self.acting();
        let grant = acting.iter().find(|g| g.device == device);
        let Some(grant) = grant.filter(|_| self.may_make_keys(now)) else {
            return Ok(());
        };
        if grant.is_over(now) {
            return Ok(());
        }
        let person = grant.person.map(|p| self.state.canonical(p));
        let scope = grant.scope.map(|s| self.state.canonical(s));
        let wanted = [person.map(Audience::Person), scope.map(Audience::Team)];
        for audience in wanted.into_iter().flatten() {
            self.audience_key(Class::C2, audience, now, random)?;
        }
        for id in person.into_iter().chain(scope) {
            self.share_all(id, now, random)?;
        }
        Ok(())
    }

    /// Welcomes devices that were admitted where it could not be done, and lets whoever reads a class
    /// read what devices below wrote under keys of their own. One device sees to each: who admitted
    /// it, else the first of the coordinators.
    pub(super) fn tend_audiences(
        &mut self,
        now: Millis,
        random: Random<'_>,
    ) -> Result<(), NodeError> {
        let readers = self.readers().clone();
        let acting = self.acting();
        for grant in acting.iter() {
            let person = grant.person.map(|p| self.state.canonical(p));
            let scope = grant.scope.map(|s| self.state.canonical(s));
            let wanted = [person.map(Audience::Person), scope.map(Audience::Team)];
            let lacks = wanted.into_iter().flatten().any(|audience| {
                let mut of = self.book.keys().unreplaced(Class::C2, audience);
                !of.any(|key| readers.reads(&key.id(), &grant.device))
            });
            if lacks && self.sees_to(grant) {
                self.welcome(grant.device, now, random)?;
            }
        }
        for class in [Class::C2, Class::C3] {
            self.open_own_keys(class, now, random)?;
        }
        Ok(())
    }

    /// Seals the own keys of devices under the class' key, where somebody who reads the class cannot
    /// open them: whoever is admitted later can.
    fn open_own_keys(
        &mut self,
        class: Class,
        now: Millis,
        random: Random<'_>,
    ) -> Result<(), NodeError> {
        let readers = self.readers().clone();
        let Some(whole) = self.clean_key(class, Audience::WholeClass) else {
            return Ok(());
        };
        let authority = self.book.authority();
        let id = whole.id();
        let all = readers.readers(&id);
        let all: Vec<_> = all.filter(|d| authority.best_grant(d).is_some()).collect();
        let own: Vec<_> = self
            .book
            .keys()
            .keys()
            .filter_map(|(_, held)| Some((held.key, held.claim?)))
            .filter(|(_, claim)| claim.class == class)
            .filter_map(|(key, claim)| match claim.audience {
                Audience::Device(device) => Some((key.clone(), device)),
                _ => None,
            })
            .filter(|(key, device)| {
                let grant = authority.naming_grant(device);
                let lacking = all.iter().any(|d| !readers.reads(&key.id(), d));
                lacking && grant.is_some_and(|g| self.sees_to(g))
            })
            .collect();
        for (key, device) in own {
            let under = Wrapped {
                key: id,
                sealed: seal::wrap_key(&whole, &key)?.try_into()?,
            };
            let act = KeyAct {
                key: key.id(),
                class,
                audience: Audience::Device(device),
                lockboxes: Bounded::default(),
                under: Bounded::try_from(vec![under])?,
                previous: Bounded::default(),
                extensions: Bounded::default(),
            };
            self.write_acts(kind::KEY, &[Act::Key(act)], now, random)?;
        }
        Ok(())
    }

    /// Whether this device is the one to see to another's keys.
    fn sees_to(&self, grant: &Grant) -> bool {
        let authority = self.book.authority();
        let senior = |d: &DeviceId| {
            let best = authority.best_grant(d);
            best.is_some_and(|g| g.role <= Role::Coordinator)
        };
        let giver = grant.parent.and_then(|p| authority.grant(&p));
        match giver.map(|g| g.device).filter(senior) {
            Some(giver) => giver == self.device(),
            None => {
                let seniors = authority.live().filter(|g| g.role <= Role::Coordinator);
                seniors.map(|g| g.device).min() == Some(self.device())
            }
        }
    }
}
