//! What is done once, without a daemon: founding an incident, and joining one by two files.
//!
//! Each function takes an unlocked, empty or pending data directory, and leaves it complete or as it
//! was. Later life is [`crate::engine`]'s.

use std::path::{Path, PathBuf};

use muster_log::{
    act::{Act, Audience, KeyAct, LOCKBOX_INFO, Lockbox},
    author::{self, Draft, DraftPart, Tip},
    chain::DeviceKey,
    codec::{Bounded, Text},
    device::{self, Membership, Secrets},
    entry::{kind, urgency},
    genesis::{Allowances, FORMAT, Founder, Genesis, GenesisBody, RestRules, SUITE},
    hash,
    ids::{
        AudienceTag, Class, DeviceId, EntryHash, ExchangeKey, IncidentId, Lamport, Lane, Millis,
        Seq,
    },
    operation::PartContent,
    pairing::{Answer, Request},
    record, run,
    seal::{self, ClassKey},
};
use muster_store::{DataDir, DirError, Journal, fs::FileSystem};
use zeroize::{Zeroize, Zeroizing};

use crate::{anchor, engine, error::NodeError};

/// Random bytes, drawn at the edge.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

/// What a new incident is to be.
#[derive(Debug, Clone)]
pub struct Founding {
    /// What people call the incident.
    pub name: Text<120>,
    /// What people call this device.
    pub label: Text<64>,
    /// The device's short code.
    pub code: Text<8>,
    /// The secrets of the root keys; whoever founds has put them into recovery files by now.
    pub roots: Vec<Zeroizing<[u8; 32]>>,
    /// How many of them a recovery takes.
    pub threshold: u8,
    /// Languages, the first one for pairing words.
    pub languages: Vec<String>,
    /// The time, as this device has it.
    pub now: Millis,
}

/// A new incident.
pub struct Founded {
    /// The incident.
    pub incident: IncidentId,
    /// This device.
    pub device: DeviceId,
    /// What an earlier founding had begun here before it was cut short, and where it is now.
    pub aside: Vec<PathBuf>,
}

fn fresh(random: Random<'_>) -> [u8; 32] {
    let mut bytes = [0; 32];
    random(&mut bytes);
    bytes
}

/// Makes the secrets of root keys.
pub fn fresh_roots(count: u8, random: Random<'_>) -> Vec<Zeroizing<[u8; 32]>> {
    (0..count.max(1))
        .map(|_| Zeroizing::new(fresh(random)))
        .collect()
}

/// Founds an incident in a fresh data directory, or in one where that was begun and cut short.
pub fn found(dir: &DataDir, founding: Founding, random: Random<'_>) -> Result<Founded, NodeError> {
    check_no_device(dir)?;
    let (mut journal, _) = Journal::open(dir, engine::journal_options())?;
    let mut aside = Vec::new();
    if journal.bytes() > 0 {
        check_unfinished(dir, &journal)?;
        drop(journal);
        aside = Journal::set_aside(dir)?;
        (journal, _) = Journal::open(dir, engine::journal_options())?;
    }
    let mut secrets = Secrets::new(random, founding.label.clone(), founding.code.clone());
    let keys: Vec<_> = founding
        .roots
        .iter()
        .map(|r| DeviceKey::from_bytes(r))
        .collect();
    let exchange = secrets.exchange().public()?;
    let genesis = genesis(founding, &secrets, exchange, &keys, fresh(random))?;
    let incident = genesis.id();
    secrets.join(Membership {
        secret: fresh(random),
        grant: hash::founder_grant(&incident),
    });

    let first = first_keys(&genesis, &secrets, exchange, random)?;
    dir.write_public(device::GENESIS_FILE, &genesis.to_bytes())?;
    append(&mut journal, &[first], genesis.body().claimed, random)?;
    journal.close()?;
    // Last: a directory without it is no member's.
    dir.write_secret(device::FILE, &secrets.to_bytes(), random)?;
    anchor::plant(dir, random)?;
    Ok(Founded {
        incident,
        device: secrets.device(),
        aside,
    })
}

/// Whether the directory is one where a founding or a joining was begun, and no device came of it.
pub fn is_unfinished(fs: &dyn FileSystem, path: &Path) -> bool {
    let there = |name: &str| fs.exists(&path.join(name)).unwrap_or(true);
    there("FORMAT") && !there("keys/device.secret")
}

/// The journal of a founding that was cut short before its last step: the one entry that a founder
/// writes first, by a device whose keys were never stored. Nobody was told of it, and nothing can
/// ever be read with it. Anything else was somebody's.
fn check_unfinished(dir: &DataDir, journal: &Journal) -> Result<(), NodeError> {
    let genesis = dir.read_public(device::GENESIS_FILE)?;
    let genesis = genesis.and_then(|bytes| Genesis::from_bytes(&bytes).ok());
    let genesis = genesis.ok_or_else(|| occupied(dir, "journal"))?;
    let incident = genesis.id();
    for (n, item) in journal.scan(None)?.enumerate() {
        let (_, bytes) = item?;
        let (_, bytes) = record::decode(&bytes)?;
        let first = run::decode(&incident, bytes).is_ok_and(|run| {
            run.log.device == genesis.body().founder.device
                && run.log.lane == Lane::AUTHORITY
                && run.entries.iter().map(|e| e.header.seq).eq([Seq(0)])
        });
        if n > 0 || !first {
            return Err(occupied(dir, "journal"));
        }
    }
    Ok(())
}

/// A device's keys are never replaced by others.
fn check_no_device(dir: &DataDir) -> Result<(), NodeError> {
    match dir.read_secret(device::FILE)? {
        Some(_) => Err(occupied(dir, "keys/device.secret")),
        None => Ok(()),
    }
}

/// Entries of another incident, left by a founding or a joining that was cut short, would keep the
/// directory from ever opening.
fn check_empty(dir: &DataDir, journal: &Journal) -> Result<(), NodeError> {
    match journal.bytes() {
        0 => Ok(()),
        _ => Err(occupied(dir, "journal")),
    }
}

fn occupied(dir: &DataDir, found: &str) -> NodeError {
    NodeError::Dir(DirError::NotEmpty {
        path: dir.path().to_path_buf(),
        found: found.to_owned(),
    })
}

fn genesis(
    founding: Founding,
    secrets: &Secrets,
    exchange: ExchangeKey,
    roots: &[DeviceKey],
    salt: [u8; 32],
) -> Result<Genesis, NodeError> {
    let languages: Vec<_> = founding
        .languages
        .into_iter()
        .filter_map(|l| Text::try_from(l).ok())
        .take(8)
        .collect();
    let ids: Vec<_> = roots.iter().map(DeviceKey::id).collect();
    let body = GenesisBody {
        format: FORMAT,
        suite: SUITE,
        salt,
        name: founding.name,
        claimed: founding.now,
        roots: Bounded::try_from(ids)?,
        threshold: founding.threshold.max(1),
        founder: Founder {
            device: secrets.device(),
            exchange,
            label: founding.label,
            code: founding.code,
        },
        schema: crate::FIELD_TABLE,
        allowances: Allowances::default(),
        rest: RestRules::default(),
        retention_days: 0,
        languages: Bounded::try_from(languages)?,
    };
    Ok(Genesis::sign(body, roots)?)
}

/// The first entry of all: one key for each class, in lockboxes for the founder.
fn first_keys(
    genesis: &Genesis,
    secrets: &Secrets,
    exchange: ExchangeKey,
    random: Random<'_>,
) -> Result<Vec<u8>, NodeError> {
    let mut operations = Vec::new();
    for class in [Class::C1, Class::C2, Class::C3] {
        let key = ClassKey::from_bytes(fresh(random));
        let lockbox = lockbox(secrets.device(), &exchange, &key, random)?;
        let act = KeyAct {
            key: key.id(),
            class,
            audience: Audience::WholeClass,
            lockboxes: Bounded::try_from(vec![lockbox])?,
            under: Bounded::default(),
            previous: Bounded::default(),
            extensions: Bounded::default(),
        };
        operations.push(Act::Key(act).write()?);
    }
    let log = secrets.log(Lane::AUTHORITY);
    let incident = genesis.id();
    let tip = Tip {
        next: Seq(0),
        before: EntryHash(log.id(&incident).0),
    };
    let content = PartContent {
        operations: Bounded::try_from(operations)?,
    };
    let draft = Draft {
        kind: kind::KEY,
        urgency: urgency::ASSIGNMENT,
        audience: AudienceTag::ZERO,
        claimed: genesis.body().claimed,
        parts: vec![DraftPart {
            class: Class::C0,
            key: None,
            content,
        }],
    };
    let grant = hash::founder_grant(&incident);
    let key = secrets.key();
    Ok(run::encode(&author::write(
        &incident,
        &key,
        &log,
        tip,
        Lamport(0),
        grant,
        &draft,
    )?))
}

/// Seals a class key to one device.
pub(crate) fn lockbox(
    device: DeviceId,
    exchange: &ExchangeKey,
    key: &ClassKey,
    random: Random<'_>,
) -> Result<Lockbox, NodeError> {
    let sealed = seal::seal_to(exchange, LOCKBOX_INFO, key.bytes(), fresh(random))?;
    Ok(Lockbox {
        device,
        sealed: sealed.try_into()?,
    })
}

fn append(
    journal: &mut Journal,
    runs: &[Vec<u8>],
    now: Millis,
    random: Random<'_>,
) -> Result<(), NodeError> {
    for run in runs {
        let record = record::encode(now, record::Source::Own, run);
        journal.append(&[&record], random)?;
    }
    journal.sync()?;
    Ok(())
}

/// Makes the request with which a device asks to join. Its data directory waits for the answer.
pub fn request(
    dir: &DataDir,
    label: Text<64>,
    code: Text<8>,
    now: Millis,
    random: Random<'_>,
) -> Result<Request, NodeError> {
    check_no_device(dir)?;
    let secrets = Secrets::new(random, label.clone(), code.clone());
    let request = Request::sign(
        &secrets.key(),
        secrets.exchange().public()?,
        label,
        code,
        now,
    );
    dir.write_secret(device::FILE, &secrets.to_bytes(), random)?;
    anchor::plant(dir, random)?;
    Ok(request)
}

/// Makes the same request again, for a device that still waits.
pub fn repeat_request(dir: &DataDir, now: Millis) -> Result<Request, NodeError> {
    let secrets = engine::read_secrets(dir)?;
    if secrets.member().is_some() {
        return Err(NodeError::AlreadyMember);
    }
    let (label, code) = (secrets.label.clone(), secrets.code.clone());
    Ok(Request::sign(
        &secrets.key(),
        secrets.exchange().public()?,
        label,
        code,
        now,
    ))
}

/// What a device joined.
pub struct Joined {
    /// The incident.
    pub genesis: Genesis,
    /// This device.
    pub device: DeviceId,
    /// How many entries of lane 0 came with the answer.
    pub entries: u64,
}

/// Takes the answer in. Nothing is changed when it is not for this device.
pub fn accept(
    dir: &DataDir,
    answer: &[u8],
    now: Millis,
    random: Random<'_>,
) -> Result<Joined, NodeError> {
    let mut secrets = engine::read_secrets(dir)?;
    if secrets.member().is_some() {
        return Err(NodeError::AlreadyMember);
    }
    let mut answer = Answer::open(answer, &secrets.exchange())?;
    let mut book = engine::empty_book(&answer.genesis, &secrets);
    for run in &answer.lane0 {
        book.receive(run)?;
    }
    if !book.authority().knows(&secrets.device()) {
        return Err(NodeError::NotAdmitted);
    }
    let genesis = answer.genesis.to_bytes();
    let (mut journal, _) = Journal::open(dir, engine::journal_options())?;
    if dir.read_public(device::GENESIS_FILE)?.as_ref() != Some(&genesis) {
        check_empty(dir, &journal)?;
    }
    dir.write_public(device::GENESIS_FILE, &genesis)?;
    append(&mut journal, &answer.lane0, now, random)?;
    journal.close()?;
    secrets.join(Membership {
        secret: *answer.secret,
        grant: answer.grant,
    });
    dir.write_secret(device::FILE, &secrets.to_bytes(), random)?;
    answer.secret.zeroize();
    Ok(Joined {
        device: secrets.device(),
        entries: book.entries(),
        genesis: answer.genesis,
    })
}
