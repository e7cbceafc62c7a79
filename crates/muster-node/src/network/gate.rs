//! What stands before the door for those who come over the network: the room on the disk, what comes
//! too fast, whom to keep away; and every refusal counted under its reason.
//!
//! Reasons are words of this program, so the counters are bounded whatever is sent.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use muster_log::{
    book::Received,
    ids::DeviceId,
    intake::{Delay, Intake, Offer},
    record::Source,
    session::{CloseReason, Outcome},
};
use muster_net::{CloseReason as Ended, NetStats};
use serde_json::{Map, Value as Json, json};

use crate::{
    edge::{now, random, since_boot},
    engine::Engine,
    error::NodeError,
    limits::{SHORT_BAN, STRANGER_BAN},
};

/// See the module's head.
#[derive(Default)]
pub(super) struct Gate {
    intake: Intake,
    /// Members that broke the rules, and until when they are not met.
    shunned: BTreeMap<DeviceId, Instant>,
    /// Sessions that ended, and connections that did for what came over them.
    pub(super) closed: BTreeMap<&'static str, u64>,
    /// Runs that were not taken.
    pub(super) refused: BTreeMap<&'static str, u64>,
    /// What the transport has counted, as told last.
    pub(super) net: NetStats,
}

/// A clock that does not go back, and does not stand still while the machine sleeps.
fn clock_ms() -> u64 {
    u64::try_from(since_boot().as_millis()).unwrap_or(u64::MAX)
}

impl Gate {
    /// A run of a peer: to the door, or later. Of what is new it says whose it is.
    pub(super) fn take(
        &mut self,
        engine: &mut Engine,
        run: &[u8],
    ) -> Result<(Outcome, Option<DeviceId>), NodeError> {
        // What the door will refuse anyway shall be refused by its name.
        let offer = Offer::of(engine.book(), run);
        if let Some(offer) = &offer {
            if !engine.room().takes_remote(offer.lane) {
                return Ok((Outcome::Delayed(Delay::NoSpace), None));
            }
            // What this device wrote itself and has lost may come back as fast as it can.
            let own = offer.author == engine.device();
            if !own && let Err(delay) = self.intake.check(offer, clock_ms()) {
                return Ok((Outcome::Delayed(delay), None));
            }
        }
        let received = engine.receive(run, Source::Peer, now(), &mut random)?;
        if let (Some(offer), Ok(Received::Admitted(admitted))) = (&offer, &received) {
            let bytes = run.len() as u64;
            self.intake.took(offer, admitted.fresh, bytes, clock_ms());
        }
        let author = match &received {
            Ok(Received::Admitted(admitted)) => Some(admitted.run.log().device),
            _ => None,
        };
        Ok((received.into(), author))
    }

    /// Counts a refusal. Says whether it is worth a line in the log: the first, the second, the
    /// fourth of a reason, and so on, or whoever is refused could fill a disk with lines.
    pub(super) fn refused(&mut self, code: &'static str) -> bool {
        count(&mut self.refused, code)
    }

    /// Counts the end of a session; the same as [`Self::refused`].
    pub(super) fn closed(&mut self, code: &'static str) -> bool {
        count(&mut self.closed, code)
    }

    /// Counts the end of a connection, where what came over it was its reason.
    pub(super) fn ended(&mut self, reason: &Ended) {
        let code = match reason {
            Ended::Silent => "link-silent",
            Ended::FrameTooLong { .. } => "frame-too-long",
            Ended::FrameEmpty => "frame-empty",
            Ended::FrameCut => "frame-cut",
            Ended::Crowded => "crowded",
            _ => return,
        };
        count(&mut self.closed, code);
    }

    /// For how long the other side of a session that ended so is kept away, if at all.
    pub(super) fn ban(reason: &CloseReason) -> Option<Duration> {
        match reason {
            CloseReason::Stranger
            | CloseReason::Version { .. }
            | CloseReason::Flood
            | CloseReason::Broken
            | CloseReason::SameDevice => Some(STRANGER_BAN),
            CloseReason::NotAdmitted(_)
            | CloseReason::NotAdmittedThere
            | CloseReason::Revoked(_)
            | CloseReason::RevokedThere
            | CloseReason::Identity(_)
            | CloseReason::Frame(_)
            | CloseReason::Unexpected(_) => Some(SHORT_BAN),
            _ => None,
        }
    }

    /// Keeps a member away that broke the rules: it may come back with another transport id.
    pub(super) fn shun(&mut self, device: DeviceId, reason: &CloseReason) {
        let broke = matches!(
            reason,
            CloseReason::Flood
                | CloseReason::Broken
                | CloseReason::Frame(_)
                | CloseReason::Unexpected(_)
        );
        if broke && let Some(span) = Self::ban(reason) {
            self.shun_for(device, span);
        }
    }

    /// See [`Self::shun`].
    pub(super) fn shun_for(&mut self, device: DeviceId, span: Duration) {
        let now = Instant::now();
        self.shunned.retain(|_, until| *until > now);
        self.shunned.insert(device, now + span);
    }

    /// Whether a member is kept away, and for how long still.
    pub(super) fn shunned(&self, device: &DeviceId) -> Option<Duration> {
        let left = self
            .shunned
            .get(device)?
            .saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Authors of whom something is put off just now, why, and how many runs so far.
    pub(super) fn delayed(&self) -> Vec<(DeviceId, Delay, u64)> {
        self.intake.delayed(clock_ms()).collect()
    }

    /// All counters, by where and why.
    pub(super) fn json(&self) -> Json {
        let net = &self.net;
        let mut turned_away: Map<String, Json> = Map::new();
        for (reason, n) in &net.refused {
            turned_away.insert(refusal_code(*reason).to_owned(), json!(n));
        }
        for (code, n) in [
            ("dials-failed", net.dials_failed),
            ("not-beacons", net.air.not_ours),
            ("foreign-beacons", net.air.other_incident),
            ("beacons-passed-over", net.air.passed_over),
        ] {
            if n > 0 {
                turned_away.insert(code.to_owned(), json!(n));
            }
        }
        json!({ "closed": self.closed, "refused": self.refused, "turned_away": turned_away })
    }
}

fn count(counts: &mut BTreeMap<&'static str, u64>, code: &'static str) -> bool {
    let n = counts.entry(code).or_default();
    *n += 1;
    n.is_power_of_two()
}

fn refusal_code(reason: muster_net::RefuseReason) -> &'static str {
    use muster_net::RefuseReason::{Banned, Full, Handshake, NoSession, NotSpoken, TooFast};
    match reason {
        Full => "full",
        Banned => "banned",
        TooFast => "too-fast",
        NotSpoken => "not-spoken",
        NoSession => "no-session",
        Handshake => "handshake",
    }
}
