//! Which class keys the peer has proven to hold: parts under them go to it as plain bytes, which
//! compress. A claim without proof is worth nothing, or anyone could ask for anything in the clear.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    codec::Bounded,
    ids::KeyId,
    keyring::KeyRing,
    limits::{KEY_CLAIMS, KEY_CLAIMS_MOST},
};

use super::{
    CloseReason,
    frame::{Frame, HeldProof, KEYS},
    proof::{self, Side},
};

pub(super) struct Held {
    session: [u8; 32],
    side: Side,
    told: BTreeSet<KeyId>,
    claims: BTreeMap<KeyId, [u8; 16]>,
    /// How many were made.
    named: usize,
    proven: BTreeSet<KeyId>,
}

impl Held {
    pub(super) fn new(session: [u8; 32], side: Side) -> Self {
        Self {
            session,
            side,
            told: BTreeSet::new(),
            claims: BTreeMap::new(),
            named: 0,
            proven: BTreeSet::new(),
        }
    }

    /// What is still to be told of the keys held here.
    pub(super) fn tell(&mut self, keys: &KeyRing) -> Vec<Frame> {
        let fresh = keys.keys().filter(|(id, _)| !self.told.contains(*id));
        let fresh: Vec<_> = fresh
            .map(|(id, held)| HeldProof {
                key: *id,
                proof: proof::held(&self.session, self.side, held.key),
            })
            .collect();
        self.told.extend(fresh.iter().map(|h| h.key));
        fresh
            .chunks(KEYS)
            .map(|chunk| Frame::Keys(Bounded::try_from(chunk.to_vec()).unwrap_or_default()))
            .collect()
    }

    /// Takes in what the peer claims.
    pub(super) fn claimed(
        &mut self,
        claims: &[HeldProof],
        keys: &KeyRing,
    ) -> Result<(), CloseReason> {
        self.named = self.named.saturating_add(claims.len());
        for claim in claims {
            if self.claims.len() < KEY_CLAIMS || self.claims.contains_key(&claim.key) {
                self.claims.insert(claim.key, claim.proof);
                // This one alone: who claims one key after another costs one check each.
                self.check(&claim.key, &claim.proof, keys);
            }
        }
        // Nobody has so many.
        match self.named <= KEY_CLAIMS_MOST {
            true => Ok(()),
            false => Err(CloseReason::Flood),
        }
    }

    /// Checks what claims can be checked with the keys held here; again with each new one.
    pub(super) fn prove(&mut self, keys: &KeyRing) {
        for (id, claimed) in self.claims.clone() {
            self.check(&id, &claimed, keys);
        }
    }

    fn check(&mut self, id: &KeyId, claimed: &[u8; 16], keys: &KeyRing) {
        if self.proven.contains(id) {
            return;
        }
        let Some(key) = keys.get(id) else { return };
        let due = proof::held(&self.session, self.side.other(), key);
        // Compared as hashes: in constant time.
        if blake3::hash(&due) == blake3::hash(claimed) {
            self.proven.insert(*id);
        }
    }

    /// Whether the peer holds a key that is held here too.
    pub(super) fn proven(&self, key: &KeyId) -> bool {
        self.proven.contains(key)
    }

    /// Sends everything as it is stored from here on: the peer could not use a plain part.
    pub(super) fn forget(&mut self) {
        self.claims.clear();
        self.proven.clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        act::{Audience, KeyAct, LOCKBOX_INFO, Lockbox},
        codec::Bytes,
        ids::{Class, DeviceId, Lamport, LogId, Seq},
        seal::{self, ClassKey, ExchangeSecret},
    };

    fn ring(key: &ClassKey) -> KeyRing {
        let (device, secret) = (DeviceId([1; 32]), ExchangeSecret::from_random([2; 32]));
        let public = secret.public().unwrap();
        let sealed = seal::seal_to(&public, LOCKBOX_INFO, key.bytes(), [3; 32]).unwrap();
        let act = KeyAct {
            key: key.id(),
            class: Class::C3,
            audience: Audience::WholeClass,
            lockboxes: Bounded::try_from(vec![Lockbox {
                device,
                sealed: Bytes::try_from(sealed).unwrap(),
            }])
            .unwrap(),
            under: Bounded::default(),
            previous: Bounded::default(),
            extensions: Bounded::default(),
        };
        let mut ring = KeyRing::new(device, secret);
        ring.learn(&act);
        ring.vouch(&act, (Lamport(1), LogId([0; 32]), Seq(0)));
        ring
    }

    #[test]
    fn naming_a_key_is_not_holding_it() {
        let key = ClassKey::from_bytes([9; 32]);
        let ring = ring(&key);
        let mut ours = Held::new([5; 32], Side::Responder);
        let mut theirs = Held::new([5; 32], Side::Dialler);
        let Some(Frame::Keys(told)) = theirs.tell(&ring).pop() else {
            unreachable!("one key is told")
        };
        assert!(theirs.tell(&ring).is_empty(), "once");
        // The id is in every header; the proof is not, and ours does not serve as theirs.
        let mut forged = told[0];
        forged.proof[0] ^= 1;
        ours.claimed(&[forged], &ring).unwrap();
        assert!(!ours.proven(&key.id()));
        let Some(Frame::Keys(echo)) = ours.tell(&ring).pop() else {
            unreachable!("one key is told")
        };
        ours.claimed(&echo, &ring).unwrap();
        assert!(!ours.proven(&key.id()), "an echo proves nothing");
        // A proof that comes before the key is here is checked when it is.
        ours.claimed(&told, &KeyRing::default()).unwrap();
        assert!(!ours.proven(&key.id()));
        ours.prove(&ring);
        assert!(ours.proven(&key.id()));
    }
}
