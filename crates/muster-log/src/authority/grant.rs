//! Grants, endings, and what they say of an entry: the answers of [`super::Authority`].

use std::collections::BTreeMap;

use crate::{
    act::Cut,
    entry::LogKey,
    frontier::LogHeads,
    ids::{
        DeviceId, EntryHash, ExchangeKey, GrantId, IncidentId, Lamport, LogId, Millis, ObjectId,
        Seq,
    },
    role::Role,
};

/// What is here of each log.
pub(crate) type Logs = BTreeMap<LogId, LogHeads>;

/// A grant that somebody who may give it has given. Whether it is valid is another question:
/// [`super::Authority::is_valid`], and [`super::Authority::ending_of`].
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
    /// The grant under which it was given; none for the founder's and those of the roots.
    pub parent: Option<GrantId>,
    /// How far below the founder's it is.
    pub depth: u8,
    /// The endings of its device that do not touch it.
    pub lifts: Vec<GrantId>,
    /// The rank of whoever gave it.
    pub given_by: Role,
}

impl Grant {
    /// Whether its holder's time is up. What it writes counts all the same; it gets no new keys.
    pub fn is_over(&self, now: Millis) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// Where an act stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    /// The roots signed it: who carries it is of no account.
    pub root: bool,
}

/// An entry, as far as it takes to judge it.
#[derive(Debug, Clone, Copy)]
pub struct EntryPlace<'a> {
    /// Whose log it is in.
    pub log: &'a LogKey,
    /// Its place.
    pub seq: Seq,
    /// Its hash: of a forked log it says which branch.
    pub hash: &'a EntryHash,
    /// The grant it names.
    pub grant: &'a GrantId,
}

impl<'a> From<&'a ActPlace> for EntryPlace<'a> {
    fn from(place: &'a ActPlace) -> Self {
        Self {
            log: &place.log,
            seq: place.seq,
            hash: &place.hash,
            grant: &place.grant,
        }
    }
}

/// An ending that is in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The act.
    pub act: GrantId,
    /// Where it stands.
    pub place: ActPlace,
    /// The rank of whoever made it.
    pub rank: Role,
    /// The grant it names; it speaks of all grants of that grant's device that it may end.
    pub grant: GrantId,
    /// What still counts; logs not named are past it.
    pub cuts: Vec<Cut>,
    /// The role the device keeps; none for a revocation.
    pub role: Option<Role>,
    /// Equals have ended one another: it holds until somebody senior decides.
    pub suspends: bool,
    /// The reason, for people.
    pub why: String,
}

impl Ending {
    /// Whether it speaks of this grant of its device.
    pub(super) fn touches(&self, grant: &Grant) -> bool {
        touches(self.act, self.rank, self.role, self.suspends, grant)
    }

    /// Whether an entry of its device's logs lies past its cut.
    pub(super) fn is_past(&self, chains: &Chains<'_>, entry: EntryPlace<'_>) -> bool {
        is_past(&self.cuts, chains, entry)
    }

    /// Whether its cut settles which branch of a forked log stands, and this entry is on it. Nobody
    /// settles their own, or a senior's.
    pub(super) fn settles(
        &self,
        chains: &Chains<'_>,
        entry: EntryPlace<'_>,
        grant: &Grant,
    ) -> bool {
        let others = self.place.root || self.place.log.device != entry.log.device;
        let may = others && self.rank <= grant.role && !self.suspends;
        may && !is_past(&self.cuts, chains, entry)
    }
}

/// Whether an ending by `rank` that leaves `role` speaks of a grant of the device: never of one
/// more senior than its maker, of the one it leaves itself, or of one whose giver knew of it and was
/// senior enough to lift it.
pub(super) fn touches(
    act: GrantId,
    rank: Role,
    role: Option<Role>,
    suspends: bool,
    grant: &Grant,
) -> bool {
    let lifted = grant.lifts.contains(&act)
        && match suspends {
            true => grant.given_by < rank,
            false => grant.given_by <= rank,
        };
    rank <= grant.role && role.is_none_or(|kept| grant.role < kept) && grant.id != act && !lifted
}

pub(super) fn is_past(cuts: &[Cut], chains: &Chains<'_>, entry: EntryPlace<'_>) -> bool {
    !cuts.iter().any(|c| {
        c.generation == entry.log.generation
            && c.lane == entry.log.lane
            && chains.reaches((c.seq, &c.hash), entry)
    })
}

/// What is here of the logs, and which of them are forked from where on.
#[derive(Clone, Copy)]
pub(super) struct Chains<'a> {
    pub incident: IncidentId,
    pub logs: &'a Logs,
    pub forks: &'a BTreeMap<LogKey, Fork>,
}

impl Chains<'_> {
    /// Whether an entry lies at the fork of its log, or past it.
    pub fn is_past_fork(&self, log: &LogKey, seq: Seq) -> bool {
        let fork = self.forks.get(log).and_then(Fork::at);
        fork.is_some_and(|at| at <= seq)
    }

    /// Whether a named head stands for an entry of its log: it comes at or after it, and the chain
    /// that leads to it holds that very entry. Of a log that is not forked the place says so; past a
    /// fork the chain must be here.
    pub fn reaches(&self, head: (Seq, &EntryHash), entry: EntryPlace<'_>) -> bool {
        if entry.seq >= head.0 {
            return entry.seq == head.0 && entry.hash == head.1;
        }
        if !self.is_past_fork(entry.log, entry.seq) {
            return true;
        }
        let log = self.logs.get(&entry.log.id(&self.incident));
        log.is_some_and(|log| log.descends(head, (entry.seq, entry.hash)))
    }
}

/// Where a log is forked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fork {
    /// By the entries here.
    pub seen: Option<Seq>,
    /// By the proofs here, whoever carries them.
    pub proven: Option<Seq>,
}

impl Fork {
    /// The lowest place at which histories are known to differ, by the one or the other.
    pub fn at(&self) -> Option<Seq> {
        match (self.seen, self.proven) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

/// Entries past a cut or a fork that were taken back into the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// The act.
    pub act: GrantId,
    /// Who adopted them.
    pub by: DeviceId,
    /// Their rank.
    pub rank: Role,
    /// First place.
    pub from: Seq,
    /// Last place.
    pub to: Seq,
    /// `h` there.
    pub hash: EntryHash,
}

impl Adoption {
    /// Whether it names an entry.
    pub(super) fn names(&self, chains: &Chains<'_>, entry: EntryPlace<'_>) -> bool {
        self.from <= entry.seq && chains.reaches((self.to, &self.hash), entry)
    }
}

/// What an entry's grant says of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It counts, with this grant's powers.
    Counts(&'a Grant),
    /// Its author had this grant, and the entry lies past a cut or past a fork of its log, or whoever
    /// gave the grant could not by then. It is kept and shown, and counts when somebody senior adopts it.
    Disputed(&'a Grant),
    /// The grant is not known so far, or whoever gave it may not give it.
    Unknown,
    /// The grant is another device's.
    NotTheirs,
}

/// Whether a device belongs to the incident, by what is known.
#[derive(Debug, PartialEq, Eq)]
pub enum Membership<'a> {
    /// Nobody admitted it.
    Stranger,
    /// It holds this grant, its most senior one.
    Member(&'a Grant),
    /// It was one, and this ended it; none where whoever admitted it could not by then.
    Ended(Option<&'a Ending>),
}

/// What became of an act that gives or ends a grant, or adopts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It counts.
    Counts,
    /// An ending among equals who ended one another: its target is out until somebody senior
    /// decides.
    Suspends,
    /// It lies past a cut, its own grant is not valid, or somebody senior has lifted it.
    Void,
    /// Its maker may not do this.
    NotPermitted,
    /// It names a grant that is not known yet.
    Waits,
}
