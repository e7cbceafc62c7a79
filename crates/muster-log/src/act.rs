//! Authority acts, keys, and fork proofs: the operations of lane 0.
//!
//! Every act has its bytes from the first version on. [`crate::authority`] says which of them count,
//! and which of them this version acts on.

use std::collections::BTreeSet;

use crate::{
    chain::{self, DeviceKey, MAX_RUN, verify_tagged},
    codec::{self, Bounded, Bytes, CodecError, Decode, Encode, Text},
    entry::{Extension, LogKey},
    genesis::Genesis,
    hash,
    ids::{
        Class, DeviceId, EntryHash, ExchangeKey, Generation, GrantId, HeaderHash, IncidentId,
        KeyId, Lane, LogId, Millis, ObjectId, Seq, Signature,
    },
    operation::{MAX_BODY, Operation, OperationError, code},
    role::Role,
};

/// Codes of acts.
pub mod act_code {
    use super::code::FIRST_ACT;

    /// [`super::Admit`].
    pub const ADMIT: u16 = FIRST_ACT;
    /// [`super::End`].
    pub const END: u16 = FIRST_ACT + 1;
    /// [`super::Adopt`].
    pub const ADOPT: u16 = FIRST_ACT + 2;
    /// [`super::KeyAct`].
    pub const KEY: u16 = FIRST_ACT + 3;
    /// [`super::Allowance`].
    pub const ALLOWANCE: u16 = FIRST_ACT + 4;
    /// [`super::FieldDefinition`].
    pub const FIELD: u16 = FIRST_ACT + 5;
    /// [`super::ForkProof`].
    pub const FORK: u16 = FIRST_ACT + 6;
    /// [`super::SecretAct`].
    pub const SECRET: u16 = FIRST_ACT + 7;
    /// [`super::RootAct`].
    pub const ROOT: u16 = FIRST_ACT + 8;
    /// [`super::Erase`].
    pub const ERASE: u16 = FIRST_ACT + 9;
}

/// What later versions add to an act that this one must still understand: a device that an older
/// program does not know it would not listen to at all. They are kept, relayed and ignored.
pub type Extensions = Bounded<Extension, 4>;

/// Gives a device a grant, and binds its two keys.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Admit {
    /// The device's signing key.
    pub device: DeviceId,
    /// The key to which keys are sealed for it.
    pub exchange: ExchangeKey,
    /// What it may do.
    pub role: Role,
    /// The volunteer record it acts for.
    pub person: Option<ObjectId>,
    /// The team or site to which a lead's grant is limited.
    pub scope: Option<ObjectId>,
    /// What people call it.
    pub label: Text<64>,
    /// The short code in numbers such as N-GYM-12.
    pub code: Text<8>,
    /// After this it gets no new keys; it decides nothing else.
    pub expires: Option<Millis>,
    /// The endings of this device that the new grant is not touched by, by [`act_id`].
    pub lifts: Bounded<GrantId, 8>,
    /// What this version does not know.
    pub extensions: Extensions,
}

/// The id of an act: that of the grant it would make, were it an [`Admit`].
pub fn act_id(entry: &EntryHash, part: u8, index: u8) -> GrantId {
    crate::hash::grant_id(entry, u16::from(part) << 8 | u16::from(index))
}

/// The last accepted entry of one log of a device whose grant ends.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Cut {
    /// Which life of the device.
    pub generation: Generation,
    /// Which lane.
    pub lane: Lane,
    /// The last accepted place.
    pub seq: Seq,
    /// `h` there.
    pub hash: EntryHash,
    /// The author's signature there.
    pub signature: Signature,
}

/// Ends a grant; with a new role it is a demotion, without one a revocation.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct End {
    /// The grant.
    pub grant: GrantId,
    /// What still counts; logs not named are past it.
    pub cuts: Bounded<Cut, 64>,
    /// The role it keeps.
    pub role: Option<Role>,
    /// The endings, made by those less senior, that this act undoes.
    pub lifts: Bounded<GrantId, 8>,
    /// The reason, for people.
    pub why: Text<200>,
    /// What this version does not know.
    pub extensions: Extensions,
}

/// Takes entries past a cut back into the state.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Adopt {
    /// Which log.
    pub log: LogKey,
    /// First adopted place.
    pub from: Seq,
    /// Last adopted place.
    pub to: Seq,
    /// `h(to)`.
    pub hash: EntryHash,
    /// The author's signature there.
    pub signature: Signature,
}

/// Who is meant to hold a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Audience {
    /// Everyone whose role reads the class; for C3 whoever was given it by name.
    WholeClass,
    /// Holders of one named grant.
    Named(GrantId),
    /// A team, or those who answer for a site.
    Team(ObjectId),
    /// A person.
    Person(ObjectId),
    /// One device, and whoever reads the whole class.
    Device(DeviceId),
    /// Those a task is given to.
    Task(ObjectId),
}

/// A key sealed to one device (HPKE).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Lockbox {
    /// To whom.
    pub device: DeviceId,
    /// The sealed key.
    pub sealed: Bytes<96>,
}

/// A key sealed under another key, or another key sealed under this one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Wrapped {
    /// The other key's id.
    pub key: KeyId,
    /// The sealed key.
    pub sealed: Bytes<64>,
}

/// A key, for those who may have it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct KeyAct {
    /// The key's id.
    pub key: KeyId,
    /// The class it seals.
    pub class: Class,
    /// For whom.
    pub audience: Audience,
    /// The key, sealed to devices; the act may be repeated with others.
    pub lockboxes: Bounded<Lockbox, 200>,
    /// The key, sealed under other keys (a person's under the whole class').
    pub under: Bounded<Wrapped, 8>,
    /// The audience's earlier keys, sealed under this one.
    pub previous: Bounded<Wrapped, 64>,
    /// What this version does not know.
    pub extensions: Extensions,
}

/// Purpose of an HPKE lockbox that holds a class key.
pub const LOCKBOX_INFO: &[u8] = b"muster lockbox v1";
/// Purpose of an HPKE lockbox that holds an incident secret.
pub const SECRET_INFO: &[u8] = b"muster incident secret v1";

/// Raises how many entries a device's log may have.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Allowance {
    /// Whose logs.
    pub device: DeviceId,
    /// Most entries of each.
    pub entries: u64,
}

/// A field that this incident adds to a kind.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FieldDefinition {
    /// Kind of object.
    pub kind: u16,
    /// The field's number, in the range reserved for it.
    pub field: u16,
    /// Its name.
    pub name: Text<48>,
    /// Type of its values.
    pub value: u8,
    /// Its class.
    pub class: Class,
    /// How it merges.
    pub merge: u8,
    /// The least senior role that may write it.
    pub writer: Role,
    /// Labels by language tag.
    pub labels: Bounded<(Text<16>, Text<80>), 8>,
}

/// One branch of a fork: the chain from the fork point to a signature.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Branch {
    /// `d` of each entry from the fork point on: as many as a run may have, because a fork at the
    /// first place of a run is shown by all of it.
    pub digests: Bounded<HeaderHash, MAX_RUN>,
    /// The signature over the last `h`.
    pub signature: Signature,
}

/// Shows that a device signed two histories.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ForkProof {
    /// Which log.
    pub log: LogKey,
    /// The first place at which the histories differ.
    pub seq: Seq,
    /// `h(seq - 1)`, which they share.
    pub before: EntryHash,
    /// The two branches.
    pub branches: (Branch, Branch),
}

impl Branch {
    /// `h` of its last entry, if its author signed it.
    fn head(&self, proof: &ForkProof, log: &LogId) -> Option<EntryHash> {
        let (mut seq, mut head) = (proof.seq, proof.before);
        for (at, digest) in self.digests.iter().enumerate() {
            if at > 0 {
                seq = seq.next()?;
            }
            head = hash::chain(log, seq, &head, digest);
        }
        let signed = chain::verify_head(&proof.log.device, &head, &self.signature);
        (signed && !self.digests.is_empty()).then_some(head)
    }
}

impl ForkProof {
    /// Whether it shows what it says: two histories that part at its place, each signed by the log's
    /// author. Who carries it is of no account. One history shown twice is none, and neither is one
    /// that is the beginning of the other.
    pub fn holds(&self, incident: &IncidentId) -> bool {
        let log = self.log.id(incident);
        let starts = self.seq.0 > 0 || self.before == EntryHash(log.0);
        let (one, other) = &self.branches;
        let parts = one.digests.first() != other.digests.first();
        starts && parts && one.head(self, &log).is_some() && other.head(self, &log).is_some()
    }
}

/// Renews the incident secret.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SecretAct {
    /// Which secret, by the hash of it.
    pub secret: KeyId,
    /// The secret, sealed to devices.
    pub lockboxes: Bounded<Lockbox, 200>,
}

/// One root's signature of a [`RootAct`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RootSignature {
    /// Which root, by its place in the genesis.
    pub root: u8,
    /// Its signature.
    pub signature: Signature,
}

/// An act of the roots: it counts when as many of them signed it as the genesis asks for, whoever
/// carries it in their log, and nobody can end it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RootAct {
    /// Random: two acts of the same content differ.
    pub salt: [u8; 16],
    /// An admission, an ending, an adoption or an allowance, as an operation's canonical bytes.
    pub operation: Bytes<{ 16 * 1024 }>,
    /// Signatures of different roots.
    pub signatures: Bounded<RootSignature, 16>,
}

/// Consecutive places of a log of which the same parts are erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ErasedSpan {
    /// Places between the end of the span before (or the log's start) and this one.
    pub skip: u64,
    /// How many places.
    pub count: u16,
    /// A bit for each part.
    pub parts: u8,
}

/// Erased parts of one log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ErasedLog {
    /// Which log; only data can be erased.
    pub log: LogKey,
    /// Where, in order.
    pub spans: Bounded<ErasedSpan, 2_048>,
}

/// Erases an object: every device destroys the parts named and takes them from nobody. Repeated for
/// parts that become known later, or that did not fit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Erase {
    /// The object.
    pub object: ObjectId,
    /// Its kind, for those who have not seen it and for those who have forgotten it.
    pub kind: u16,
    /// The number it had, where it had one: it is not given again.
    pub number: Text<24>,
    /// The parts, at most [`crate::erased::MAX_PLACES`] places.
    pub parts: Bounded<ErasedLog, 256>,
    /// The reason, for people.
    pub why: Text<200>,
    /// What this version does not know.
    pub extensions: Extensions,
}

const ROOT_TAG: &[u8] = b"muster root act v1\0";

impl RootAct {
    /// Signs an act with these roots' keys, each with its place in the genesis.
    pub fn sign(
        incident: &IncidentId,
        salt: [u8; 16],
        act: &Act,
        roots: &[(u8, &DeviceKey)],
    ) -> Result<Self, OperationError> {
        let bytes = codec::encode(&act.write()?);
        let len = bytes.len();
        let operation = Bytes::try_from(bytes).map_err(|_| OperationError::TooLong(len))?;
        let mut out = Self {
            salt,
            operation,
            signatures: Bounded::default(),
        };
        out.sign_too(incident, roots)?;
        Ok(out)
    }

    /// Adds the signatures of these roots, in place of those that they gave before. Roots that are
    /// apart sign one after the other.
    pub fn sign_too(
        &mut self,
        incident: &IncidentId,
        roots: &[(u8, &DeviceKey)],
    ) -> Result<(), OperationError> {
        let bytes = self.signed_bytes(incident);
        let fresh = |root: u8| roots.iter().any(|(r, _)| *r == root);
        let mut all: Vec<_> = self.signatures.to_vec();
        all.retain(|s| !fresh(s.root));
        all.extend(roots.iter().map(|(root, key)| RootSignature {
            root: *root,
            signature: key.sign_tagged(ROOT_TAG, &bytes),
        }));
        all.sort_by_key(|s| s.root);
        let len = all.len();
        self.signatures = all.try_into().map_err(|_| OperationError::TooLong(len))?;
        Ok(())
    }

    /// The roots whose signatures hold.
    pub fn signed_by(&self, genesis: &Genesis) -> BTreeSet<u8> {
        let bytes = self.signed_bytes(&genesis.id());
        let holds = self.signatures.iter().filter(|s| {
            let key = genesis.body().roots.get(usize::from(s.root));
            key.is_some_and(|key| verify_tagged(key, ROOT_TAG, &bytes, &s.signature))
        });
        holds.map(|s| s.root).collect()
    }

    /// What it says, whoever has signed it so far; no act of the roots holds another one.
    pub fn content(&self) -> Option<Act> {
        let operation = codec::decode::<Operation, { 16 * 1024 }>("root act", &self.operation);
        match Act::read(&operation.ok()?)?.ok()? {
            act @ (Act::Admit(_) | Act::End(_) | Act::Adopt(_) | Act::Allowance(_)) => Some(act),
            _ => None,
        }
    }

    fn signed_bytes(&self, incident: &IncidentId) -> Vec<u8> {
        [&incident.0[..], &self.salt, &self.operation].concat()
    }

    /// Its id: that of its content, so that an act carried by two logs is one act.
    pub fn id(&self, incident: &IncidentId) -> GrantId {
        crate::hash::root_act(&self.signed_bytes(incident))
    }

    /// The act, if enough different roots signed it.
    pub fn act(&self, genesis: &Genesis) -> Option<Act> {
        let enough = self.signed_by(genesis).len() >= usize::from(genesis.body().threshold);
        enough.then(|| self.content()).flatten()
    }
}

/// An act, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// See [`Admit`].
    Admit(Admit),
    /// See [`End`].
    End(End),
    /// See [`Adopt`].
    Adopt(Adopt),
    /// See [`KeyAct`].
    Key(KeyAct),
    /// See [`Allowance`].
    Allowance(Allowance),
    /// See [`FieldDefinition`].
    Field(FieldDefinition),
    /// See [`ForkProof`].
    Fork(Box<ForkProof>),
    /// See [`SecretAct`].
    Secret(SecretAct),
    /// See [`RootAct`].
    Root(RootAct),
    /// See [`Erase`].
    Erase(Erase),
}

impl Act {
    /// Reads an operation as an act; `None` when its code is not an act's of this version.
    pub fn read(operation: &Operation) -> Option<Result<Self, CodecError>> {
        fn body<T: Encode + Decode<()>>(op: &Operation) -> Result<T, CodecError> {
            codec::decode::<T, MAX_BODY>("act", &op.body)
        }
        Some(match operation.code {
            act_code::ADMIT => body(operation).map(Self::Admit),
            act_code::END => body(operation).map(Self::End),
            act_code::ADOPT => body(operation).map(Self::Adopt),
            act_code::KEY => body(operation).map(Self::Key),
            act_code::ALLOWANCE => body(operation).map(Self::Allowance),
            act_code::FIELD => body(operation).map(Self::Field),
            act_code::FORK => body(operation).map(|f| Self::Fork(Box::new(f))),
            act_code::SECRET => body(operation).map(Self::Secret),
            act_code::ROOT => body(operation).map(Self::Root),
            act_code::ERASE => body(operation).map(Self::Erase),
            _ => return None,
        })
    }

    /// The act as an operation.
    pub fn write(&self) -> Result<Operation, OperationError> {
        match self {
            Self::Admit(a) => Operation::new(act_code::ADMIT, a),
            Self::End(a) => Operation::new(act_code::END, a),
            Self::Adopt(a) => Operation::new(act_code::ADOPT, a),
            Self::Key(a) => Operation::new(act_code::KEY, a),
            Self::Allowance(a) => Operation::new(act_code::ALLOWANCE, a),
            Self::Field(a) => Operation::new(act_code::FIELD, a),
            Self::Fork(a) => Operation::new(act_code::FORK, a.as_ref()),
            Self::Secret(a) => Operation::new(act_code::SECRET, a),
            Self::Root(a) => Operation::new(act_code::ROOT, a),
            Self::Erase(a) => Operation::new(act_code::ERASE, a),
        }
    }
}
