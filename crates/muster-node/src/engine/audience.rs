//! Keys of persons, teams and tasks: who is in an audience, the key its parts are written under, and
//! its hand-over to those who lack it.
//!
//! Coordinators make such keys when they are first needed, under the key of the whole class, so that
//! whoever reads all of it needs nothing more. Making known what was written before is [`super::share`]'s.

use std::{collections::BTreeSet, sync::Arc};

use muster_log::{
    act::{Act, Audience, KeyAct, Wrapped},
    authority::Grant,
    codec::Bounded,
    entry::kind,
    ids::{Class, DeviceId, ExchangeKey, Millis, ObjectId},
    operation::{DataOperation, FieldWrite},
    role::Role,
    seal::{self, ClassKey},
};
use muster_model::{
    concern::{self, Concerned},
    value::Typed,
};

use super::{Engine, PartWrites, keys};
use crate::{error::NodeError, setup};

/// Keys over one key in one act; the format's limit.
const UNDER: usize = 8;

type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

/// What an act on an audience's key hands over.
#[derive(Default)]
struct Handed {
    under: Vec<Wrapped>,
    to: Vec<(DeviceId, ExchangeKey)>,
}

impl Engine {
    /// The grants below coordinator that act for somebody or answer for something. Only those that a
    /// coordinator or hq gave: a lead could else let itself in to anybody's record.
    pub(super) fn acting(&mut self) -> Arc<Vec<Grant>> {
        let live = || {
            let authority = self.book.authority();
            let best = |g: &&Grant| {
                authority
                    .best_grant(&g.device)
                    .is_some_and(|b| b.id == g.id)
            };
            let acting = authority
                .live()
                .filter(best)
                .filter(|g| matches!(g.role, Role::Lead | Role::Volunteer))
                .filter(|g| g.given_by <= Role::Coordinator)
                .filter(|g| g.person.is_some() || g.scope.is_some());
            Arc::new(acting.cloned().collect())
        };
        let known = self.acting.take().unwrap_or_else(live);
        self.acting = Some(known.clone());
        known
    }

    /// For whom a part that holds this operation is sealed, besides those who read its class as a
    /// whole; `with` is all that is written at once.
    pub(super) fn audience_of(
        &mut self,
        class: Class,
        operation: &DataOperation,
        with: &PartWrites,
    ) -> Audience {
        let acting = self.acting();
        let Some(write) = field_write(operation).filter(|_| class == Class::C2) else {
            return Audience::WholeClass;
        };
        if acting.is_empty() {
            return Audience::WholeClass;
        }
        let slot = write.slot;
        let saying = |field: u16| said(with, slot.object, field);
        let audience = concern::audience(&self.state, slot.kind, slot.object, saying);
        self.inhabited(audience)
    }

    /// The audience of an object's C2 as it stands.
    pub(super) fn audience_of_object(&mut self, id: ObjectId) -> Audience {
        let Some(kind) = self.state.object(id).and_then(|o| o.kind()) else {
            return Audience::WholeClass;
        };
        let audience = concern::audience(&self.state, kind, id, |_| None);
        self.inhabited(audience)
    }

    /// An audience in which nobody has a device needs no key of its own.
    fn inhabited(&mut self, audience: Audience) -> Audience {
        let acting = self.acting();
        if audience == Audience::WholeClass || acting.is_empty() {
            return Audience::WholeClass;
        }
        let who = Concerned::of(&self.state, audience);
        let here = |g: &Grant| who.includes(&self.state, g.person, g.scope);
        match acting.iter().any(here) {
            true => audience,
            false => Audience::WholeClass,
        }
    }

    /// The devices of an audience that may be given keys now.
    pub(super) fn devices_of(&mut self, who: &Concerned, now: Millis) -> Vec<Grant> {
        let acting = self.acting();
        acting
            .iter()
            .filter(|g| !g.is_over(now))
            .filter(|g| who.includes(&self.state, g.person, g.scope))
            .cloned()
            .collect()
    }

    /// The latest key of an audience that nobody reads who is not in it now.
    fn clean_audience_key(
        &mut self,
        class: Class,
        audience: Audience,
        who: &Concerned,
    ) -> Option<ClassKey> {
        let acting = self.acting();
        self.readers();
        let (readers, authority) = (self.readers.as_ref()?, self.book.authority());
        let concerned = |g: &Grant| {
            acting.iter().any(|a| a.id == g.id) && who.includes(&self.state, g.person, g.scope)
        };
        let may = |g: &Grant| g.role.reads_class(class) || concerned(g);
        let ring = self.book.keys();
        let clean = |key: &_| !readers.is_tainted_for(authority, key, may);
        ring.latest_where(class, audience, clean).cloned()
    }

    /// The key of an audience, made where there is none that will do, and handed to those of it who
    /// lack it; none where this device has none and may not make one.
    pub(super) fn audience_key(
        &mut self,
        class: Class,
        audience: Audience,
        now: Millis,
        random: Random<'_>,
    ) -> Result<Option<ClassKey>, NodeError> {
        let who = Concerned::of(&self.state, audience);
        let Some(key) = self.clean_audience_key(class, audience, &who) else {
            return self.renew_audience(class, audience, now, random);
        };
        let own = self.own_grant();
        if own.is_some_and(|g| g.role <= Role::Lead && !g.is_over(now)) {
            let handed = self.lacking(&key, class, audience, &who, now, random)?;
            self.hand(&key, class, audience, handed, Vec::new(), now, random)?;
        }
        Ok(Some(key))
    }

    /// Makes a new key for an audience, the earlier ones under it.
    pub(super) fn renew_audience(
        &mut self,
        class: Class,
        audience: Audience,
        now: Millis,
        random: Random<'_>,
    ) -> Result<Option<ClassKey>, NodeError> {
        if !self.may_make_keys(now) {
            return Ok(None);
        }
        let whole = self.key_to_write(class, Audience::WholeClass, now, random)?;
        let of_class = self.book.keys().claim(&whole.id()).map(|c| c.audience);
        if of_class != Some(Audience::WholeClass) {
            return Ok(None);
        }
        let mut previous = Vec::new();
        let key = keys::fresh_key(random);
        for old in self.earlier(class, audience).iter().take(keys::PREVIOUS) {
            previous.push(Wrapped {
                key: old.id(),
                sealed: seal::wrap_key(&key, old)?.try_into()?,
            });
        }
        let who = Concerned::of(&self.state, audience);
        let mut handed = self.lacking(&key, class, audience, &who, now, random)?;
        handed.under.insert(0, wrapped(&whole, &key)?);
        self.hand(&key, class, audience, handed, previous, now, random)?;
        Ok(Some(key))
    }

    /// What opens a key to those of its audience who cannot read it: under the key of the person or
    /// team they are in it for, where it is here, else to the device itself.
    fn lacking(
        &mut self,
        key: &ClassKey,
        class: Class,
        audience: Audience,
        who: &Concerned,
        now: Millis,
        random: Random<'_>,
    ) -> Result<Handed, NodeError> {
        let mut handed = Handed::default();
        let id = key.id();
        let mut waiting = self.devices_of(who, now);
        waiting.retain(|g| !self.readers().reads(&id, &g.device));
        for party in concern::parties(&self.state, audience) {
            let of_party = Concerned::of(&self.state, party);
            let (mine, others): (Vec<_>, Vec<_>) = waiting
                .drain(..)
                .partition(|g| of_party.includes(&self.state, g.person, g.scope));
            waiting = others;
            if mine.is_empty() {
                continue;
            }
            match self.audience_key(class, party, now, random)? {
                Some(outer) => handed.under.push(wrapped(&outer, key)?),
                None => waiting.extend(mine),
            }
        }
        let to: BTreeSet<_> = waiting.iter().map(|g| (g.device, g.exchange)).collect();
        handed.to.extend(to);
        Ok(handed)
    }

    /// Writes the acts that hand a key over.
    #[allow(clippy::too_many_arguments)]
    fn hand(
        &mut self,
        key: &ClassKey,
        class: Class,
        audience: Audience,
        handed: Handed,
        mut previous: Vec<Wrapped>,
        now: Millis,
        random: Random<'_>,
    ) -> Result<(), NodeError> {
        let (mut under, mut to) = (handed.under, handed.to);
        while !under.is_empty() || !to.is_empty() || !previous.is_empty() {
            let mut lockboxes = Vec::new();
            for (device, exchange) in to.drain(..to.len().min(keys::LOCKBOXES)) {
                lockboxes.push(setup::lockbox(device, &exchange, key, random)?);
            }
            let some: Vec<_> = under.drain(..under.len().min(UNDER)).collect();
            let act = KeyAct {
                key: key.id(),
                class,
                audience,
                lockboxes: Bounded::try_from(lockboxes)?,
                under: Bounded::try_from(some)?,
                previous: Bounded::try_from(std::mem::take(&mut previous))?,
                extensions: Bounded::default(),
            };
            self.write_acts(kind::KEY, &[Act::Key(act)], now, random)?;
        }
        Ok(())
    }

    /// The audiences of persons, teams and tasks of which a key is held and somebody is there.
    pub(super) fn audiences(&mut self, class: Class) -> BTreeSet<Audience> {
        let ring = self.book.keys();
        let claims = ring.keys().filter_map(|(_, held)| held.claim);
        let small = |a: &Audience| {
            matches!(
                a,
                Audience::Person(_) | Audience::Team(_) | Audience::Task(_)
            )
        };
        let all: BTreeSet<Audience> = claims
            .filter(|c| c.class == class)
            .map(|c| c.audience)
            .filter(small)
            .collect();
        all.into_iter()
            .filter(|a| self.inhabited(*a) == *a)
            .collect()
    }

    /// Makes new keys for all audiences in which a device is, or was by the grant that ended; or for
    /// all there are. Those of whoever reads a whole class are replaced when they are next needed.
    pub fn renew_audiences(
        &mut self,
        gone: Option<&Grant>,
        now: Millis,
        random: Random<'_>,
    ) -> Result<usize, NodeError> {
        let class = Class::C2;
        let mut renewed = 0;
        // Persons before teams, teams before tasks: the later are sealed under the earlier.
        for rank in 0..3 {
            for audience in self.audiences(class) {
                let order = match audience {
                    Audience::Person(_) => 0,
                    Audience::Team(_) => 1,
                    _ => 2,
                };
                let who = Concerned::of(&self.state, audience);
                let is = |g: &Grant| who.includes(&self.state, g.person, g.scope);
                let concerned = match gone {
                    Some(g) => is(g) && self.clean_audience_key(class, audience, &who).is_none(),
                    None => true,
                };
                if order == rank && concerned {
                    let made = self.renew_audience(class, audience, now, random)?;
                    renewed += usize::from(made.is_some());
                }
            }
        }
        Ok(renewed)
    }
}

fn wrapped(outer: &ClassKey, inner: &ClassKey) -> Result<Wrapped, NodeError> {
    Ok(Wrapped {
        key: outer.id(),
        sealed: seal::wrap_key(outer, inner)?.try_into()?,
    })
}

pub(super) fn field_write(operation: &DataOperation) -> Option<&FieldWrite> {
    match operation {
        DataOperation::Set(w)
        | DataOperation::Add(w)
        | DataOperation::Remove(w)
        | DataOperation::Tally(w)
        | DataOperation::Alias(w)
        | DataOperation::Unalias(w) => Some(w),
        _ => None,
    }
}

/// What a plain field of an object is being set to refer to.
fn said(with: &PartWrites, object: ObjectId, field: u16) -> Option<ObjectId> {
    let all = with.values().flatten().rev();
    let of_field = all.filter_map(|op| match op {
        DataOperation::Set(w) => Some(w),
        _ => None,
    });
    let mut of_field = of_field.filter(|w| {
        let slot = w.slot;
        slot.object == object && slot.field == field && slot.element == 0
    });
    match Typed::read(&of_field.next()?.value) {
        Typed::Reference(id) => Some(id),
        _ => None,
    }
}
