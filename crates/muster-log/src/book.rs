//! The one door: bytes in, a verified and admitted run out, or the reason why not.
//!
//! [`Book`] knows which entries are here (not what they say) and who may write. It stores nothing:
//! whoever calls it journals what [`Book::receive`] admits before anything is acknowledged. A device
//! that nobody admitted gets nothing past this door.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use thiserror::Error;

use crate::{
    act::Act,
    author::Tip,
    authority::{Authority, EntryPlace, Learned, Standing, acts_of, may_name_key},
    chain::{self, RunError, VerifiedRun},
    entry::{LogKey, VerifiedEntry, kind},
    erased::Erased,
    frontier::{self, Fit, LogHeads},
    genesis::Genesis,
    ids::{DeviceId, EntryHash, GrantId, IncidentId, KeyId, Lamport, Lane, LogId, ObjectId, Seq},
    keyring::KeyRing,
    role::Role,
    run::{self, RunCodecError},
};

/// Why a run was not admitted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Not a run.
    #[error(transparent)]
    Codec(#[from] RunCodecError),
    /// Not proven.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Nobody admitted the author, by what is known here. The run may be offered again later.
    #[error("device {0} is not known here")]
    UnknownAuthor(DeviceId),
    /// A log for which this version has no lane.
    #[error("lane {0:?} is not known here")]
    Lane(Lane),
    /// The author signed more histories than are kept.
    #[error(
        "device {device} signed too many different histories; this one leaves the others at place {seq}"
    )]
    Fork { device: DeviceId, seq: Seq },
    /// The log would become longer than its allowance.
    #[error("device {device} may have {allowed} entries in a log, and this one has place {seq}")]
    Allowance {
        device: DeviceId,
        allowed: u64,
        seq: Seq,
    },
}

impl Refusal {
    /// A stable short code, for counters and JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Codec(RunCodecError::Version(_)) => "newer-version",
            Self::Codec(RunCodecError::NoKey(_)) => "no-key",
            Self::Codec(_) => "malformed",
            Self::Run(RunError::Signature(_) | RunError::Unsigned(_) | RunError::Key) => {
                "bad-signature"
            }
            Self::Run(_) => "bad-run",
            Self::UnknownAuthor(_) => "unknown-author",
            Self::Lane(_) => "unknown-lane",
            Self::Fork { .. } => "fork",
            Self::Allowance { .. } => "over-allowance",
        }
    }
}

/// A run that passed the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// What is new, ending in its author's signature. It may repeat entries that were here already,
    /// and bring parts of them that were not: applying one twice changes nothing.
    pub run: Arc<VerifiedRun>,
    /// How many entries were not here before; 0 where it brings parts alone.
    pub fresh: u64,
    /// Grants that became valid by it: what was parked or pending under them should be tried again.
    pub grants: Vec<GrantId>,
    /// Keys that can be used from now on: parts under them should be read again.
    pub keys: Vec<KeyId>,
    /// Devices of which other entries count now than before: what they wrote should be judged again.
    pub judged: BTreeSet<DeviceId>,
    /// Objects that an erasure in force names since: their parts are to be destroyed.
    pub erased: BTreeSet<ObjectId>,
}

/// What the door says of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// New entries.
    Admitted(Box<Admitted>),
    /// Nothing that was not here already.
    Known,
}

/// Which entries are here, and who may write.
#[derive(Debug, Clone)]
pub struct Book {
    authority: Authority,
    keys: KeyRing,
    logs: BTreeMap<LogId, LogHeads>,
    highest: Lamport,
    entries: u64,
    erased: Erased,
}

impl Book {
    /// An empty book of an incident, read with a device's keys.
    pub fn new(genesis: Genesis, keys: KeyRing) -> Self {
        Self {
            authority: Authority::new(genesis),
            keys,
            logs: BTreeMap::new(),
            highest: Lamport(0),
            entries: 0,
            erased: Erased::default(),
        }
    }

    /// The incident.
    pub fn incident(&self) -> IncidentId {
        self.authority.incident()
    }

    /// Who may write.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The keys held.
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// The highest logical time seen.
    pub fn highest(&self) -> Lamport {
        self.highest
    }

    /// How many entries are here.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// All logs, by id.
    pub fn logs(&self) -> impl Iterator<Item = &LogHeads> {
        self.logs.values()
    }

    /// One log.
    pub fn log(&self, id: &LogId) -> Option<&LogHeads> {
        self.logs.get(id)
    }

    /// Digest of the frontier: gaps included, equal wherever the same entries are.
    pub fn frontier_digest(&self) -> [u8; 32] {
        frontier::digest(self.logs.values(), &self.erased)
    }

    /// Digest of the authority lane's frontier alone.
    pub fn authority_digest(&self) -> [u8; 32] {
        frontier::digest(
            self.logs
                .values()
                .filter(|l| l.key().lane == Lane::AUTHORITY),
            &self.erased,
        )
    }

    /// What is erased, and who says that it is gone.
    pub fn erased(&self) -> &Erased {
        &self.erased
    }

    /// Parts of an entry are not here any more: the caller has destroyed them.
    pub fn lose(&mut self, log: &LogId, seq: Seq, parts: u8) {
        if let Some(heads) = self.logs.get_mut(log) {
            heads.lose(seq, parts);
        }
    }

    /// Where a log of this device ends.
    pub fn tip(&self, log: &LogKey) -> Tip {
        let id = log.id(&self.incident());
        match self.logs.get(&id) {
            Some(heads) => Tip {
                next: Seq(heads.contiguous()),
                before: heads.head(),
            },
            None => Tip {
                next: Seq(0),
                before: EntryHash(id.0),
            },
        }
    }

    /// Reads, proves and admits an encoded run. On [`Received::Admitted`] the book counts its
    /// entries as here, and the caller must store them.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Received, Refusal> {
        let incident = self.incident();
        let run = run::decode_with(&incident, bytes, &self.keys)?;
        // Cheap checks before the signature: strangers cost one table look-up.
        self.check_author(&run.log)?;
        let run = chain::verify(&incident, run)?;
        self.admit(run)
    }

    fn check_author(&self, log: &LogKey) -> Result<(), Refusal> {
        if log.lane != Lane::AUTHORITY && log.lane != Lane::DATA {
            return Err(Refusal::Lane(log.lane));
        }
        if !self.authority.knows(&log.device) {
            return Err(Refusal::UnknownAuthor(log.device));
        }
        Ok(())
    }

    /// Takes up again what this book admitted before and the caller kept in its own sealed journal:
    /// [`Self::receive`] without the signature check. Never for bytes from outside.
    pub fn reopen(&mut self, bytes: &[u8]) -> Result<Received, Refusal> {
        let incident = self.incident();
        let run = run::decode(&incident, bytes)?;
        self.admit(chain::reopen(&incident, run)?)
    }

    /// Admits a proven run, without the parts that are erased.
    pub fn admit(&mut self, mut run: VerifiedRun) -> Result<Received, Refusal> {
        self.erased.strip(&mut run);
        let log = *run.log();
        self.check_author(&log)?;
        let device = log.device;
        let allowed = self.authority.allowance(&device);
        if run.last().0 >= allowed {
            return Err(Refusal::Allowance {
                device,
                allowed,
                seq: run.last(),
            });
        }
        let incident = self.incident();
        let heads = self
            .logs
            .entry(run.id())
            .or_insert_with(|| LogHeads::new(&incident, log));
        let known = match heads.fit(&run) {
            Fit::TooMany(seq) => return Err(Refusal::Fork { device, seq }),
            Fit::Known => return Ok(Received::Known),
            Fit::New { known } => known,
        };
        // A run near the limit stays whole: its rest, which has to say again what it now leaves out,
        // might be too long to be read back.
        let known = if run.stored_len() > 160 * 1024 {
            0
        } else {
            known
        };
        let Some(run) = run.suffix(known) else {
            return Ok(Received::Known);
        };
        let fresh = heads.take(&run);
        let forked = heads.forked_at();
        self.entries += fresh;
        let (mut learned, mut keys) = (Learned::default(), Vec::new());
        // Before the acts are looked at: past the fork they are another matter.
        let moved = self.authority.see_fork(&log, forked);
        let mut erased = BTreeSet::new();
        for entry in run.entries() {
            self.highest = self.highest.max(entry.header().lamport);
            if log.lane == Lane::AUTHORITY {
                let now = self.learn(&run, entry, &mut keys);
                erased.extend(self.erased.learn(&self.authority, &self.logs, &log, entry));
                erased.extend(self.erased.follow(&self.authority, &self.logs, &now));
                learned.grants.extend(now.grants);
                learned.judged.extend(now.judged);
            } else if entry.header().kind == kind::RECEIPT {
                self.erased.hear(log.device, entry);
            }
        }
        if self.authority.forked_at(&log).is_some() && fresh > 0 {
            let more = self.authority.fork_grew(&log, moved, &self.logs);
            self.vouch_anew(&more);
            erased.extend(self.erased.follow(&self.authority, &self.logs, &more));
            learned.grants.extend(more.grants);
            learned.judged.extend(more.judged);
        }
        Ok(Received::Admitted(Box::new(Admitted {
            run: Arc::new(run),
            fresh,
            grants: learned.grants,
            keys,
            judged: learned.judged,
            erased,
        })))
    }

    fn learn(
        &mut self,
        run: &VerifiedRun,
        entry: &VerifiedEntry,
        keys: &mut Vec<KeyId>,
    ) -> Learned {
        let now = self.authority.learn(run.log(), entry, &self.logs);
        let made = (entry.header().lamport, run.id(), entry.seq());
        let grant = entry.header().grant;
        for (_, act) in acts_of(entry) {
            if let Act::Secret(act) = &act {
                self.keys.learn_secret(act);
            }
            let Act::Key(act) = act else { continue };
            keys.extend(self.keys.learn(&act));
            let standing = self.standing(run.log(), entry.seq(), &entry.hash(), &grant);
            if matches!(standing, Standing::Counts(grant) if may_name_key(grant, &act)) {
                self.keys.vouch(&act, made);
            }
        }
        self.vouch_anew(&now);
        now
    }

    /// Gathers what is said of keys under grants that have become known, or anew where other acts
    /// count than before.
    fn vouch_anew(&mut self, now: &Learned) {
        if !now.judged.is_empty() {
            return self.vouch_again();
        }
        let (authority, incident) = (&self.authority, self.authority.incident());
        // Key acts that came before the grant they were made under.
        for grant in now.grants.iter().filter_map(|id| authority.grant(id)) {
            for (_, place, act) in authority.acts_under(&grant.id) {
                if let Act::Key(act) = act
                    && may_name_key(grant, act)
                    && matches!(
                        authority.judge(&self.logs, place.into()),
                        Standing::Counts(_)
                    )
                {
                    let log = place.log.id(&incident);
                    self.keys.vouch(act, (place.lamport, log, place.seq));
                }
            }
        }
    }

    /// What the grant that an entry names says of it, and the forks of its log.
    pub fn standing(
        &self,
        log: &LogKey,
        seq: Seq,
        hash: &EntryHash,
        grant: &GrantId,
    ) -> Standing<'_> {
        let entry = EntryPlace {
            log,
            seq,
            hash,
            grant,
        };
        self.authority.judge(&self.logs, entry)
    }

    /// The incident secrets that coordinators and hq have made and that were sealed to this device,
    /// the latest first. The one that came with the admission is not among them.
    pub fn secrets(&self) -> Vec<[u8; 32]> {
        let incident = self.incident();
        let mut made: Vec<_> = self
            .authority
            .acts()
            .filter_map(|(_, place, act)| {
                let Act::Secret(act) = act else { return None };
                let secret = self.keys.secret(&act.secret)?;
                let standing = self.authority.judge(&self.logs, place.into());
                let may = matches!(standing, Standing::Counts(g) if g.role <= Role::Coordinator);
                may.then_some((place.lamport, place.log.id(&incident), place.seq, secret))
            })
            .collect();
        made.sort_by_key(|(lamport, log, seq, _)| std::cmp::Reverse((*lamport, *log, *seq)));
        let mut out = Vec::new();
        for (.., secret) in made {
            if !out.contains(&secret) {
                out.push(secret);
            }
        }
        out
    }

    /// Which acts count has changed: what is said of keys is gathered anew.
    fn vouch_again(&mut self) {
        let (authority, incident) = (&self.authority, self.authority.incident());
        self.keys.forget_claims();
        for (_, place, act) in authority.acts() {
            let Act::Key(act) = act else { continue };
            let standing = authority.judge(&self.logs, place.into());
            if matches!(standing, Standing::Counts(grant) if may_name_key(grant, act)) {
                let log = place.log.id(&incident);
                self.keys.vouch(act, (place.lamport, log, place.seq));
            }
        }
    }
}
