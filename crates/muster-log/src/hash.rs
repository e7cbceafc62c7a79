//! Every hash the protocol uses, each in its own BLAKE3 derive-key context, so that no value hashed
//! for one purpose can pass for another.
//!
//! Inputs are of fixed length except the last one, so that no two inputs run together.

use std::sync::LazyLock;

use blake3::Hasher;

use crate::ids::{
    AudienceTag, DeviceId, EntryHash, Generation, GrantId, HeaderHash, IncidentId, KeyId, Lane,
    LogId, PartHash, Seq,
};

macro_rules! contexts {
    ($($name:ident = $context:literal;)*) => {$(
        static $name: LazyLock<Hasher> = LazyLock::new(|| Hasher::new_derive_key($context));
    )*};
}

contexts! {
    INCIDENT = "muster 2026 incident id v1";
    LOG = "muster 2026 log id v1";
    HEADER = "muster 2026 header hash v1";
    PART = "muster 2026 part hash v1";
    CHAIN = "muster 2026 entry chain v1";
    GRANT = "muster 2026 grant id v1";
    KEY_ID = "muster 2026 class key id v1";
    NONCE = "muster 2026 part nonce v1";
    AUDIENCE = "muster 2026 audience tag v1";
    CLOSING = "muster 2026 bundle closing digest v1";
    RECORD = "muster 2026 bundle record check v1";
    FRONTIER = "muster 2026 frontier digest v1";
    ROOT_ACT = "muster 2026 root act id v1";
    KEY_WRAP = "muster 2026 key wrapping nonce v1";
    BEACON_KEY = "muster 2026 beacon key v1";
    BEACON_SALT = "muster 2026 beacon salt v1";
    BEACON_TAG = "muster 2026 beacon frontier tag v1";
    PAIR_COMMIT = "muster 2026 pairing commitment v1";
    PAIR_PROOF = "muster 2026 pairing code proof v1";
    PAIR_TRANSCRIPT = "muster 2026 pairing transcript v1";
}

fn digest(context: &Hasher, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = context.clone();
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

fn first<const N: usize>(digest: [u8; 32]) -> [u8; N] {
    let mut out = [0; N];
    out.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    out
}

/// The incident's id: hash of the genesis' unsigned body.
pub fn incident_id(body: &[u8]) -> IncidentId {
    IncidentId(digest(&INCIDENT, &[body]))
}

/// The id of one log of a device.
pub fn log_id(
    incident: &IncidentId,
    device: &DeviceId,
    generation: Generation,
    lane: Lane,
) -> LogId {
    LogId(digest(
        &LOG,
        &[
            &incident.0,
            &device.0,
            &generation.0.to_le_bytes(),
            &[lane.0],
        ],
    ))
}

/// `d(n)`: hash of a header's canonical bytes.
pub fn header_hash(header: &[u8]) -> HeaderHash {
    HeaderHash(digest(&HEADER, &[header]))
}

/// Hash of a part's stored bytes.
pub fn part_hash(stored: &[u8]) -> PartHash {
    PartHash(digest(&PART, &[stored]))
}

/// `h(n) = H(log_id, seq, h(n-1), d(n))`.
pub fn chain(log: &LogId, seq: Seq, before: &EntryHash, header: &HeaderHash) -> EntryHash {
    EntryHash(digest(
        &CHAIN,
        &[&log.0, &seq.0.to_le_bytes(), &before.0, &header.0],
    ))
}

/// The id of the grant made by operation `op` of the entry with hash `entry`.
pub fn grant_id(entry: &EntryHash, op: u16) -> GrantId {
    GrantId(digest(&GRANT, &[&entry.0, &op.to_le_bytes()]))
}

/// The id of the founder's grant, which stands in the genesis.
pub fn founder_grant(incident: &IncidentId) -> GrantId {
    GrantId(digest(&GRANT, &[&incident.0, &u16::MAX.to_le_bytes()]))
}

/// The id of an act of the roots, over what they sign.
pub(crate) fn root_act(signed: &[u8]) -> GrantId {
    GrantId(digest(&ROOT_ACT, &[signed]))
}

/// The id of a class key.
pub fn key_id(key: &[u8; 32]) -> KeyId {
    KeyId(first(digest(&KEY_ID, &[key])))
}

/// The nonce of a part: derived, so that sealing is reproducible.
pub fn part_nonce(log: &LogId, seq: Seq, part: u8) -> [u8; 12] {
    first(digest(&NONCE, &[&log.0, &seq.0.to_le_bytes(), &[part]]))
}

/// The nonce under which key `inner` is sealed by key `outer`.
pub fn wrap_nonce(outer: &KeyId, inner: &KeyId) -> [u8; 12] {
    first(digest(&KEY_WRAP, &[&outer.0, &inner.0]))
}

/// The tag by which members recognise an entry addressed to `whom` (a device id or a role code);
/// without the incident secret it cannot be linked to anyone.
pub fn audience_tag(secret: &[u8; 32], whom: &[u8]) -> AudienceTag {
    AudienceTag(first(digest(&AUDIENCE, &[secret, whom])))
}

/// The key of one beacon, which goes out under this salt.
pub(crate) fn beacon_key(secret: &[u8; 32], salt: &[u8; 16]) -> [u8; 32] {
    digest(&BEACON_KEY, &[secret, salt])
}

/// The salt of a beacon: unlike any other to whoever does not know the seed.
pub(crate) fn beacon_salt(seed: &[u8; 32], beat: u64) -> [u8; 16] {
    first(digest(&BEACON_SALT, &[seed, &beat.to_le_bytes()]))
}

/// What a beacon says of a frontier: equal for equal ones, and nothing else.
pub(crate) fn beacon_tag(secret: &[u8; 32], frontier: &[u8; 32]) -> [u8; 8] {
    first(digest(&BEACON_TAG, &[secret, frontier]))
}

/// The commitment to what an inviter will say once it has seen the joiner's key.
pub(crate) fn pairing_commitment(opening: &[u8]) -> [u8; 32] {
    digest(&PAIR_COMMIT, &[opening])
}

/// Proof of knowing a pairing code's secret, by side `who`, over what was said so far.
pub(crate) fn pairing_proof(secret: u64, who: u8, said: &[u8]) -> [u8; 32] {
    digest(&PAIR_PROOF, &[&secret.to_le_bytes(), &[who], said])
}

/// Digest of all that was said before the words are shown.
pub(crate) fn pairing_transcript(said: &[u8]) -> [u8; 32] {
    digest(&PAIR_TRANSCRIPT, &[said])
}

/// Starts the running digest that closes a bundle.
pub(crate) fn closing() -> Hasher {
    CLOSING.clone()
}

/// The check at the end of a bundle's record.
pub(crate) fn record_check(framed: &[u8]) -> [u8; 8] {
    first(digest(&RECORD, &[framed]))
}

/// Digest over a frontier's elements, see [`crate::frontier`].
pub(crate) fn frontier(bytes: &[u8]) -> [u8; 32] {
    digest(&FRONTIER, &[bytes])
}
