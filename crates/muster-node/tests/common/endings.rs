//! Revocations and adoptions, as whoever has the journal's tools alone makes them.

use muster_log::{
    act::{Act, Adopt, Cut, End},
    codec::Bounded,
    entry::kind,
    ids::{DeviceId, Lane, Seq, Signature},
};
use muster_node::engine::Engine;

use super::{NOW, Rng, text};

/// Ends what a device was given, as far as is known here; its entries so far lie within the cut, or
/// the first half of each log does.
pub fn revoke(by: &mut Engine, device: &DeviceId, half: bool, rng: &mut Rng) -> bool {
    let authority = by.book().authority();
    let (Some(grant), true) = (
        authority.best_grant(device).map(|g| g.id),
        by.own_grant().is_some(),
    ) else {
        return false;
    };
    let logs = by.book().logs().filter(|l| l.key().device == *device);
    let cuts: Vec<_> = logs
        .filter_map(|l| {
            let last = l.contiguous().checked_sub(1)?;
            let seq = Seq(if half { last / 2 } else { last });
            Some(Cut {
                generation: l.key().generation,
                lane: l.key().lane,
                seq,
                hash: l.hash_at(seq)?,
                signature: Signature([0; 64]),
            })
        })
        .collect();
    let end = Act::End(End {
        grant,
        cuts: Bounded::try_from(cuts).unwrap(),
        role: None,
        lifts: Bounded::default(),
        why: text("lost"),
        extensions: Bounded::default(),
    });
    by.write_acts(kind::AUTHORITY, &[end], NOW, &mut |b| rng.fill(b))
        .is_ok()
}

/// Adopts all of a device's data that is here, of forked logs every branch.
pub fn adopt(by: &mut Engine, device: &DeviceId, rng: &mut Rng) -> bool {
    let logs = by.book().logs();
    let theirs = logs.filter(|l| l.key().device == *device && l.key().lane == Lane::DATA);
    let acts: Vec<_> = theirs
        .flat_map(|l| l.leaves().into_iter().map(|leaf| (*l.key(), leaf)))
        .map(|(log, leaf)| {
            Act::Adopt(Adopt {
                log,
                from: Seq(0),
                to: leaf.to,
                hash: leaf.head,
                signature: Signature([0; 64]),
            })
        })
        .collect();
    !acts.is_empty()
        && by
            .write_acts(kind::AUTHORITY, &acts, NOW, &mut |b| rng.fill(b))
            .is_ok()
}
