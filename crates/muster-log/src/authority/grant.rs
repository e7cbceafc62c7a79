//! Grants, endings, and what they say of an entry: the answers of [`super::Authority`].

use crate::{
    act::Cut,
    entry::LogKey,
    ids::{DeviceId, EntryHash, ExchangeKey, GrantId, Lamport, Millis, ObjectId, Seq},
    role::Role,
};

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

    /// Whether a place of its device's logs lies past its cut.
    pub fn is_past(&self, log: &LogKey, seq: Seq) -> bool {
        is_past(&self.cuts, log, seq)
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

pub(super) fn is_past(cuts: &[Cut], log: &LogKey, seq: Seq) -> bool {
    !cuts
        .iter()
        .any(|c| c.generation == log.generation && c.lane == log.lane && seq <= c.seq)
}

/// Entries past a cut that were taken back into the state.
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
}

/// What an entry's grant says of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It counts, with this grant's powers.
    Counts(&'a Grant),
    /// Its author had this grant, and the entry lies past a cut, or whoever gave the grant could not
    /// by then. It is kept and shown, and counts when somebody senior adopts it.
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
