//! Who may write: the grants that follow from the genesis and the acts of lane 0.
//!
//! [`Authority`] is a function of the set of acts: the order in which they are learnt changes
//! nothing. This version acts on admissions and allowances; endings, adoptions and fork proofs are
//! kept with their places and answered by [`Authority::pending_acts`], but do not end a grant yet.

use std::collections::BTreeMap;

use crate::{
    act::{Act, Admit, Audience, KeyAct, act_id},
    entry::{LogKey, PartBody, VerifiedEntry},
    genesis::Genesis,
    hash,
    ids::{
        Class, DeviceId, EntryHash, ExchangeKey, GrantId, IncidentId, Lamport, Millis, ObjectId,
        Seq,
    },
    operation::PartContent,
    role::{MAX_DEPTH, Role},
};

/// A valid grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// Who holds it.
    pub device: DeviceId,
    /// The key to which keys are sealed for the holder.
    pub exchange: ExchangeKey,
    /// What it allows.
    pub role: Role,
    /// The volunteer record it acts for.
    pub person: Option<ObjectId>,
    /// The team or site it is limited to.
    pub scope: Option<ObjectId>,
    /// What people call the device.
    pub label: String,
    /// The short code in numbers.
    pub code: String,
    /// After this the holder gets no new keys.
    pub expires: Option<Millis>,
    /// The grant under which it was given; none for the founder's.
    pub parent: Option<GrantId>,
    /// How far below the founder's it is.
    pub depth: u8,
}

/// Where an act stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActPlace {
    /// Whose log it is in.
    pub log: LogKey,
    /// Its entry's place.
    pub seq: Seq,
    /// Its entry's hash.
    pub hash: EntryHash,
    /// Its entry's logical time.
    pub lamport: Lamport,
    /// The grant its entry names.
    pub grant: GrantId,
}

/// What an entry's grant says of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It counts, with this grant's powers.
    Counts(&'a Grant),
    /// The grant is not known, or not valid by what is known so far.
    Unknown,
    /// The grant is another device's.
    NotTheirs,
}

/// All acts known, and the grants that follow.
#[derive(Debug, Clone)]
pub struct Authority {
    incident: IncidentId,
    genesis: Genesis,
    grants: BTreeMap<GrantId, Grant>,
    by_device: BTreeMap<DeviceId, Vec<GrantId>>,
    acts: BTreeMap<GrantId, (ActPlace, Act)>,
    /// Acts by the grant that their entry names.
    under: BTreeMap<GrantId, Vec<GrantId>>,
    /// Allowances by device.
    raised: BTreeMap<DeviceId, Vec<(ActPlace, u64)>>,
    /// Admissions whose own grant is not valid yet, by that grant.
    waiting: BTreeMap<GrantId, Vec<(GrantId, ActPlace, Admit)>>,
}

impl Authority {
    /// Starts from the genesis: the founder's grant, and nothing else.
    pub fn new(genesis: Genesis) -> Self {
        let incident = genesis.id();
        let founder = &genesis.body().founder;
        let id = hash::founder_grant(&incident);
        let grant = Grant {
            id,
            device: founder.device,
            exchange: founder.exchange,
            role: Role::Hq,
            person: None,
            scope: None,
            label: founder.label.to_string(),
            code: founder.code.to_string(),
            expires: None,
            parent: None,
            depth: 0,
        };
        Self {
            incident,
            by_device: BTreeMap::from([(grant.device, vec![id])]),
            grants: BTreeMap::from([(id, grant)]),
            genesis,
            acts: BTreeMap::new(),
            under: BTreeMap::new(),
            raised: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// The incident.
    pub fn incident(&self) -> IncidentId {
        self.incident
    }

    /// The genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Takes in an entry of lane 0. Returns the grants that became valid by it.
    pub fn learn(&mut self, log: &LogKey, entry: &VerifiedEntry) -> Vec<GrantId> {
        let mut fresh = Vec::new();
        for (id, act) in acts_of(entry) {
            let place = ActPlace {
                log: *log,
                seq: entry.seq(),
                hash: entry.hash(),
                lamport: entry.header().lamport,
                grant: entry.header().grant,
            };
            if self.acts.insert(id, (place, act.clone())).is_some() {
                continue;
            }
            self.under.entry(place.grant).or_default().push(id);
            match act {
                Act::Admit(admit) => self.admit(id, place, admit, &mut fresh),
                Act::Allowance(a) => {
                    let raised = self.raised.entry(a.device).or_default();
                    raised.push((place, a.entries));
                }
                _ => {}
            }
        }
        fresh
    }

    fn admit(&mut self, id: GrantId, place: ActPlace, admit: Admit, fresh: &mut Vec<GrantId>) {
        let mut todo = vec![(id, place, admit)];
        while let Some((id, place, admit)) = todo.pop() {
            let Some(parent) = self.grants.get(&place.grant) else {
                self.waiting
                    .entry(place.grant)
                    .or_default()
                    .push((id, place, admit));
                continue;
            };
            let depth = parent.depth + 1;
            let allowed = parent.device == place.log.device
                && parent.role.may_grant(admit.role)
                && depth <= MAX_DEPTH;
            if !allowed {
                continue;
            }
            let grant = Grant {
                id,
                device: admit.device,
                exchange: admit.exchange,
                role: admit.role,
                person: admit.person,
                scope: admit.scope,
                label: admit.label.to_string(),
                code: admit.code.to_string(),
                expires: admit.expires,
                parent: Some(parent.id),
                depth,
            };
            let of_device = self.by_device.entry(grant.device).or_default();
            let at = of_device.partition_point(|other| *other < id);
            of_device.insert(at, id);
            self.grants.insert(id, grant);
            fresh.push(id);
            todo.extend(self.waiting.remove(&id).unwrap_or_default());
        }
    }

    /// What the grant that an entry names says of it.
    pub fn standing(&self, device: &DeviceId, grant: &GrantId) -> Standing<'_> {
        match self.grants.get(grant) {
            Some(g) if g.device == *device => Standing::Counts(g),
            Some(_) => Standing::NotTheirs,
            None => Standing::Unknown,
        }
    }

    /// A valid grant by its id.
    pub fn grant(&self, id: &GrantId) -> Option<&Grant> {
        self.grants.get(id)
    }

    /// All valid grants.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.values()
    }

    /// The valid grants of a device, by id.
    pub fn grants_of(&self, device: &DeviceId) -> impl Iterator<Item = &Grant> {
        let ids = self.by_device.get(device).into_iter().flatten();
        ids.filter_map(|id| self.grants.get(id))
    }

    /// The most senior valid grant of a device.
    pub fn best_grant(&self, device: &DeviceId) -> Option<&Grant> {
        self.grants_of(device).min_by_key(|g| (g.role, g.id))
    }

    /// Whether anyone admitted this device.
    pub fn knows(&self, device: &DeviceId) -> bool {
        self.by_device.contains_key(device)
    }

    /// Most entries of each of a device's logs: its role's, or more by an allowance of hq.
    pub fn allowance(&self, device: &DeviceId) -> u64 {
        let by_role = self
            .grants_of(device)
            .map(|g| self.genesis.body().allowances.of(g.role))
            .max()
            .unwrap_or(0);
        let raised = self.raised.get(device).into_iter().flatten();
        let counts = raised.filter(|(place, _)| {
            matches!(self.standing(&place.log.device, &place.grant),
                Standing::Counts(g) if g.role <= Role::Hq)
        });
        let most = counts.map(|(_, entries)| *entries).max();
        most.unwrap_or(0).max(by_role)
    }

    /// All acts with their places, whether or not they count.
    pub fn acts(&self) -> impl Iterator<Item = (&GrantId, &ActPlace, &Act)> {
        self.acts.iter().map(|(id, (place, act))| (id, place, act))
    }

    /// The acts whose entries name a grant.
    pub fn acts_under(&self, grant: &GrantId) -> impl Iterator<Item = (&ActPlace, &Act)> {
        let ids = self.under.get(grant).into_iter().flatten();
        ids.filter_map(|id| self.acts.get(id).map(|(place, act)| (place, act)))
    }

    /// Acts that are kept, and on which this version does not act.
    pub fn pending_acts(&self) -> impl Iterator<Item = (&GrantId, &ActPlace, &Act)> {
        self.acts().filter(|(_, _, act)| {
            matches!(
                act,
                Act::End(_) | Act::Adopt(_) | Act::Field(_) | Act::Fork(_)
            )
        })
    }
}

/// Whether a key act made under this grant decides for what its key is written with: coordinators and
/// hq for every audience, a device for its own. Anyone may hand a key on; a reader who could also
/// name the key that others write under would choose who reads them.
pub fn may_name_key(grant: &Grant, act: &KeyAct) -> bool {
    grant.role <= Role::Coordinator || act.audience == Audience::Device(grant.device)
}

/// The acts of an entry, with their ids. Bodies that are not canonical are inert.
pub fn acts_of(entry: &VerifiedEntry) -> Vec<(GrantId, Act)> {
    let mut out = Vec::new();
    for (part, (head, body)) in (0u8..).zip(entry.header().parts.iter().zip(entry.parts())) {
        let PartBody::Stored(bytes) = body else {
            continue;
        };
        if head.class != Class::C0 || head.encoding != 0 {
            continue;
        }
        let Ok(content) = PartContent::from_bytes(bytes) else {
            continue;
        };
        for (index, operation) in (0u8..=255).zip(&content.operations) {
            if let Some(Ok(act)) = Act::read(operation) {
                out.push((act_id(&entry.hash(), part, index), act));
            }
        }
    }
    out
}
