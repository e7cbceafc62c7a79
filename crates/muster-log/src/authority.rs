//! Who may write: the grants that follow from the genesis and the acts of lane 0.
//!
//! [`Authority`] is a function of the set of acts: the order in which they are learnt changes
//! nothing. What gives, ends and takes back is decided by the resolver (`resolve.rs`), as a whole,
//! whenever an act comes that may change what others came to; an admission that touches nothing
//! else is added beside.
//!
//! Knowing a device is not trusting it: the entries of a device whose grant has ended, or was given
//! by somebody who could not by then, are verified, kept and passed on like all others, and do not
//! count. So all devices hold the same entries, in whatever order they heard what.

mod grant;
mod resolve;

#[cfg(test)]
mod graphs;
#[cfg(test)]
mod named;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    act::{Act, Admit, Audience, ForkProof, KeyAct, act_id},
    entry::{LogKey, PartBody, VerifiedEntry},
    genesis::Genesis,
    hash,
    ids::{Class, DeviceId, GrantId, IncidentId, Lane, Seq},
    operation::PartContent,
    role::Role,
};

pub(crate) use grant::Logs;
pub use grant::{ActPlace, Adoption, Ending, EntryPlace, Grant, Membership, Standing, Verdict};
use grant::{Chains, Fork};
use resolve::{Acts, Resolved};

/// What an entry of lane 0 has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learned {
    /// Grants that became known.
    pub grants: Vec<GrantId>,
    /// Devices of which other entries count now than before.
    pub judged: BTreeSet<DeviceId>,
}

/// All acts known, and the grants that follow.
#[derive(Debug, Clone)]
pub struct Authority {
    incident: IncidentId,
    genesis: Genesis,
    founder: Grant,
    acts: Acts,
    /// Acts by the grant that their entry names.
    under: BTreeMap<GrantId, Vec<GrantId>>,
    /// Allowances by device.
    raised: BTreeMap<DeviceId, Vec<(ActPlace, u64)>>,
    resolved: Resolved,
    by_device: BTreeMap<DeviceId, Vec<GrantId>>,
    /// The grants for which acts wait.
    wanted: BTreeSet<GrantId>,
    /// The logs whose authors signed two histories.
    forks: BTreeMap<LogKey, Fork>,
    /// Acts that claim a fork and do not show one.
    no_proofs: u64,
}

impl Authority {
    /// Starts from the genesis: the founder's grant, and nothing else.
    pub fn new(genesis: Genesis) -> Self {
        let incident = genesis.id();
        let body = &genesis.body().founder;
        let founder = Grant {
            id: hash::founder_grant(&incident),
            device: body.device,
            exchange: body.exchange,
            role: Role::Hq,
            person: None,
            scope: None,
            label: body.label.to_string(),
            code: body.code.to_string(),
            expires: None,
            parent: None,
            depth: 0,
            lifts: Vec::new(),
            given_by: Role::Root,
        };
        let acts = Acts::new();
        Self {
            incident,
            genesis,
            resolved: resolve::resolve(
                &founder,
                &acts,
                &Chains {
                    incident,
                    logs: &Logs::new(),
                    forks: &BTreeMap::new(),
                },
            ),
            by_device: BTreeMap::from([(founder.device, vec![founder.id])]),
            founder,
            acts,
            under: BTreeMap::new(),
            raised: BTreeMap::new(),
            wanted: BTreeSet::new(),
            forks: BTreeMap::new(),
            no_proofs: 0,
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

    /// Takes in an entry of lane 0; `logs` count it as here.
    pub(crate) fn learn(&mut self, log: &LogKey, entry: &VerifiedEntry, logs: &Logs) -> Learned {
        let mut learned = Learned::default();
        let mut again = false;
        for (id, act) in acts_of(entry) {
            let mut place = ActPlace {
                log: *log,
                seq: entry.seq(),
                hash: entry.hash(),
                lamport: entry.header().lamport,
                grant: entry.header().grant,
                root: false,
            };
            let (id, act) = match act {
                Act::Root(root) => match root.act(&self.genesis) {
                    Some(act) => {
                        place.root = true;
                        (root.id(&self.incident), act)
                    }
                    None => continue,
                },
                act => (id, act),
            };
            again |= self.take(id, place, act, &mut learned);
        }
        if again {
            self.resolve(logs, &mut learned);
        }
        learned
    }

    /// Notes where a log is forked by what is here of it. Says whether it is at an earlier place
    /// than was known.
    pub(crate) fn see_fork(&mut self, log: &LogKey, at: Option<Seq>) -> bool {
        let Some(at) = at else { return false };
        let fork = self.forks.entry(*log).or_default();
        let before = fork.at();
        fork.seen = Some(at);
        fork.at() != before
    }

    /// Takes in a proof that a log is forked; it stands by itself, whoever carries it. Says whether
    /// something changed.
    fn prove_fork(&mut self, proof: &ForkProof, learned: &mut Learned) -> bool {
        if !proof.holds(&self.incident) {
            self.no_proofs += 1;
            return false;
        }
        let fork = self.forks.entry(proof.log).or_default();
        let before = fork.at();
        fork.proven = Some(fork.proven.map_or(proof.seq, |at| at.min(proof.seq)));
        let moved = fork.at() != before;
        if moved {
            learned.judged.insert(proof.log.device);
        }
        moved && proof.log.lane == Lane::AUTHORITY
    }

    /// Judges a forked log again of which more is here now.
    pub(crate) fn fork_grew(&mut self, log: &LogKey, moved: bool, logs: &Logs) -> Learned {
        let mut learned = Learned::default();
        if log.lane == Lane::AUTHORITY {
            self.resolve(logs, &mut learned);
        }
        // A head that an adoption or a cut names may have come, or what leads to it.
        let named = self.resolved.adoptions.contains_key(log)
            || self.resolved.endings.contains_key(&log.device);
        if moved || named {
            learned.judged.insert(log.device);
        }
        learned
    }

    /// The place from which on a log's histories differ, as far as is known: by entries here that
    /// contradict one another, or by a proof.
    pub fn forked_at(&self, log: &LogKey) -> Option<Seq> {
        self.forks.get(log).and_then(Fork::at)
    }

    /// The place from which on proofs show that a log's histories differ.
    pub fn fork_proven_at(&self, log: &LogKey) -> Option<Seq> {
        self.forks.get(log).and_then(|f| f.proven)
    }

    /// The forked logs, each with the place from which on its histories differ.
    pub fn forks(&self) -> impl Iterator<Item = (&LogKey, Seq)> {
        self.forks
            .iter()
            .filter_map(|(log, f)| Some((log, f.at()?)))
    }

    /// How many acts claim a fork and do not show one.
    pub fn void_fork_proofs(&self) -> u64 {
        self.no_proofs
    }

    fn chains<'a>(&'a self, logs: &'a Logs) -> Chains<'a> {
        Chains {
            incident: self.incident,
            logs,
            forks: &self.forks,
        }
    }

    /// Takes in one act; true where all has to be resolved again.
    fn take(&mut self, id: GrantId, place: ActPlace, act: Act, learned: &mut Learned) -> bool {
        if let Some((known, _)) = self.acts.get_mut(&id) {
            // An act of the roots in two logs: everyone shows the same one.
            *known = place.min(*known);
            return false;
        }
        self.under.entry(place.grant).or_default().push(id);
        let again = self.add(id, &place, &act, learned);
        self.acts.insert(id, (place, act));
        again
    }

    /// Adds an act that changes nothing for others; true where all has to be resolved again.
    fn add(&mut self, id: GrantId, place: &ActPlace, act: &Act, learned: &mut Learned) -> bool {
        match act {
            Act::Allowance(a) => {
                let raised = self.raised.entry(a.device).or_default();
                raised.push((*place, a.entries));
                false
            }
            Act::Admit(admit) if !place.root => self.admit(id, place, admit, learned),
            Act::Fork(proof) => self.prove_fork(proof, learned),
            Act::Admit(_) | Act::End(_) | Act::Adopt(_) => true,
            _ => false,
        }
    }

    fn admit(
        &mut self,
        id: GrantId,
        place: &ActPlace,
        admit: &Admit,
        learned: &mut Learned,
    ) -> bool {
        let Some(parent) = self.resolved.grants.get(&place.grant) else {
            self.resolved.verdicts.insert(id, Verdict::Waits);
            self.wanted.insert(place.grant);
            return false;
        };
        let device = place.log.device;
        if self.wanted.contains(&id)
            || self.resolved.void.contains(&place.grant)
            || self.resolved.endings.contains_key(&device)
            || self.forks.contains_key(&place.log)
        {
            return true;
        }
        let given = resolve::grant_of(id, parent, admit).filter(|_| parent.device == device);
        let verdict = match given {
            Some(grant) => {
                note(&mut self.by_device, &grant);
                self.resolved.grants.insert(id, grant);
                learned.grants.push(id);
                Verdict::Counts
            }
            None => Verdict::NotPermitted,
        };
        self.resolved.verdicts.insert(id, verdict);
        false
    }

    fn resolve(&mut self, logs: &Logs, learned: &mut Learned) {
        let now = resolve::resolve(&self.founder, &self.acts, &self.chains(logs));
        let before = std::mem::replace(&mut self.resolved, now);
        let now = &self.resolved;
        for (id, grant) in &now.grants {
            if !before.grants.contains_key(id) {
                note(&mut self.by_device, grant);
                learned.grants.push(*id);
            }
        }
        let turned = before.void.symmetric_difference(&now.void);
        let turned = turned.filter_map(|id| now.grants.get(id)).map(|g| g.device);
        learned.judged.extend(turned);
        learned
            .judged
            .extend(differing(&before.endings, &now.endings).copied());
        learned
            .judged
            .extend(differing(&before.adoptions, &now.adoptions).map(|log| log.device));
        let waits = now.verdicts.iter().filter(|(_, v)| **v == Verdict::Waits);
        let waits = waits.filter_map(|(id, _)| self.acts.get(id));
        self.wanted = waits
            .flat_map(|(place, act)| match act {
                Act::End(end) => [place.grant, end.grant],
                _ => [place.grant; 2],
            })
            .collect();
    }

    /// What the grant that an entry names says of it, and the forks of its log; `logs` are what is
    /// here.
    pub(crate) fn judge(&self, logs: &Logs, entry: EntryPlace<'_>) -> Standing<'_> {
        let Some(grant) = self.resolved.grants.get(entry.grant) else {
            return Standing::Unknown;
        };
        if grant.device != entry.log.device {
            return Standing::NotTheirs;
        }
        let chains = self.chains(logs);
        let mut endings = self.endings(&entry.log.device).iter();
        let past = self.resolved.void.contains(&grant.id)
            || endings.any(|e| e.touches(grant) && e.is_past(&chains, entry));
        if past && !self.is_adopted(&chains, entry, grant)
            || chains.is_past_fork(entry.log, entry.seq) && !self.is_settled(&chains, entry, grant)
        {
            return Standing::Disputed(grant);
        }
        Standing::Counts(grant)
    }

    /// Whether somebody senior took an entry back: for what is said of people, one's equals may.
    fn is_adopted(&self, chains: &Chains<'_>, entry: EntryPlace<'_>, grant: &Grant) -> bool {
        let adoptions = self.resolved.adoptions.get(entry.log).into_iter().flatten();
        let mut within = adoptions.filter(|a| a.names(chains, entry));
        within.any(|a| match entry.log.lane {
            Lane::DATA => a.rank <= grant.role,
            _ => a.rank < grant.role,
        })
    }

    /// Whether the branch of an entry past a fork is settled up to it: by the cut of an ending, or by
    /// an adoption. Of data any coordinator's will do, whoever the author is: it takes nothing back
    /// that somebody has ended.
    fn is_settled(&self, chains: &Chains<'_>, entry: EntryPlace<'_>, grant: &Grant) -> bool {
        let mut endings = self.endings(&entry.log.device).iter();
        let adoptions = self.resolved.adoptions.get(entry.log).into_iter().flatten();
        let mut within = adoptions.filter(|a| a.names(chains, entry));
        endings.any(|e| e.settles(chains, entry, grant))
            || within.any(|a| entry.log.lane == Lane::DATA || a.rank <= grant.role)
    }

    /// A grant by its id, valid or not.
    pub fn grant(&self, id: &GrantId) -> Option<&Grant> {
        self.resolved.grants.get(id)
    }

    /// All grants, valid or not.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.resolved.grants.values()
    }

    /// The grants under which a device may still write.
    pub fn live(&self) -> impl Iterator<Item = &Grant> {
        self.grants().filter(|g| self.is_live(g))
    }

    /// Whether whoever gave it could give it.
    pub fn is_valid(&self, grant: &Grant) -> bool {
        !self.resolved.void.contains(&grant.id)
    }

    /// Whether its holder may still write under it.
    pub fn is_live(&self, grant: &Grant) -> bool {
        self.is_valid(grant) && self.ending_of(grant).is_none()
    }

    /// What ended a grant, if anything did.
    pub fn ending_of(&self, grant: &Grant) -> Option<&Ending> {
        let mut endings = self.endings(&grant.device).iter();
        endings.find(|e| e.touches(grant))
    }

    /// The endings in effect that speak of a device.
    pub fn endings(&self, device: &DeviceId) -> &[Ending] {
        let endings = self.resolved.endings.get(device);
        endings.map_or(&[], Vec::as_slice)
    }

    /// What became of an act that gives, ends or adopts.
    pub fn verdict(&self, act: &GrantId) -> Option<Verdict> {
        let known = self.resolved.verdicts.get(act).copied();
        known.or_else(|| self.resolved.grants.get(act).map(|_| Verdict::Counts))
    }

    /// The grants of a device, by id, valid or not.
    pub fn grants_of(&self, device: &DeviceId) -> impl Iterator<Item = &Grant> {
        let ids = self.by_device.get(device).into_iter().flatten();
        ids.filter_map(|id| self.resolved.grants.get(id))
    }

    /// The most senior grant under which a device may still write; of several of one role the one
    /// given last, which says whom the device acts for now and until when.
    pub fn best_grant(&self, device: &DeviceId) -> Option<&Grant> {
        let live = self.grants_of(device).filter(|g| self.is_live(g));
        let made = |g: &Grant| self.acts.get(&g.id).map(|(place, _)| place.lamport);
        live.min_by_key(|g| (g.role, Reverse(made(g)), g.id))
    }

    /// The grant by which a device is called: its most senior one, a live one if there is any.
    pub fn naming_grant(&self, device: &DeviceId) -> Option<&Grant> {
        let any = || self.grants_of(device).min_by_key(|g| (g.role, g.id));
        self.best_grant(device).or_else(any)
    }

    /// Whether a device belongs to the incident.
    pub fn membership(&self, device: &DeviceId) -> Membership<'_> {
        if !self.knows(device) {
            return Membership::Stranger;
        }
        match self.best_grant(device) {
            Some(grant) => Membership::Member(grant),
            None => {
                let ended = self.grants_of(device).find_map(|g| self.ending_of(g));
                Membership::Ended(ended)
            }
        }
    }

    /// Whether anyone admitted this device, whatever came of it.
    pub fn knows(&self, device: &DeviceId) -> bool {
        self.by_device.contains_key(device)
    }

    /// Most entries of each of a device's logs: its role's, or more by an allowance of hq. Endings
    /// take nothing back: others may hold these entries already, and must be able to pass them on.
    pub fn allowance(&self, device: &DeviceId) -> u64 {
        let by_role = self
            .grants_of(device)
            .map(|g| self.genesis.body().allowances.of(g.role))
            .max()
            .unwrap_or(0);
        let raised = self.raised.get(device).into_iter().flatten();
        let counts = raised.filter(|(place, _)| {
            place.root
                || self
                    .grant(&place.grant)
                    .is_some_and(|g| g.device == place.log.device && g.role <= Role::Hq)
        });
        let most = counts.map(|(_, entries)| *entries).max();
        most.unwrap_or(0).max(by_role)
    }

    /// All acts with their places, whether or not they count.
    pub fn acts(&self) -> impl Iterator<Item = (&GrantId, &ActPlace, &Act)> {
        self.acts.iter().map(|(id, (place, act))| (id, place, act))
    }

    /// The acts whose entries name a grant, with their ids.
    pub fn acts_under(
        &self,
        grant: &GrantId,
    ) -> impl Iterator<Item = (&GrantId, &ActPlace, &Act)> + use<'_> {
        let ids = self.under.get(grant).into_iter().flatten();
        ids.filter_map(|id| self.acts.get(id).map(|(place, act)| (id, place, act)))
    }

    /// Acts that are kept, and on which this version does not act.
    pub fn pending_acts(&self) -> impl Iterator<Item = (&GrantId, &ActPlace, &Act)> {
        self.acts()
            .filter(|(_, _, act)| matches!(act, Act::Field(_)))
    }
}

fn note(by_device: &mut BTreeMap<DeviceId, Vec<GrantId>>, grant: &Grant) {
    let of_device = by_device.entry(grant.device).or_default();
    let at = of_device.partition_point(|other| *other < grant.id);
    of_device.insert(at, grant.id);
}

/// The keys whose values are not the same in both.
fn differing<'a, K: Ord, V: PartialEq>(
    one: &'a BTreeMap<K, V>,
    other: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = &'a K> {
    let here = one.iter().filter(|(k, v)| other.get(*k) != Some(*v));
    let only_there = other.keys().filter(|k| !one.contains_key(*k));
    here.map(|(k, _)| k).chain(only_there)
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
