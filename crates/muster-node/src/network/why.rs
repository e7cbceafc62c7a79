//! Why is nobody found? What the beacons sent, heard and not understood say about it, for a person.
//!
//! Pure: counters and what is known of peers come in, codes come out. Sentences are the catalogue's.

use std::time::{Duration, Instant};

use muster_net::{Airwaves, KnownPeer, NetStats};
use serde_json::{Value as Json, json};

/// What was heard within this time is there now.
const RECENT: Duration = Duration::from_secs(10);
/// Before so many were sent, silence says nothing.
const ENOUGH: u64 = 12;
/// Dials that must have failed before somebody who is heard counts as out of reach.
const FAILED: u32 = 3;

/// A copy of what the network counts, and when each count last moved.
#[derive(Debug, Default)]
pub struct Sight {
    pub known: Vec<KnownPeer>,
    pub stats: NetStats,
    heard: Option<Instant>,
    other_incident: Option<Instant>,
    other_version: Option<Instant>,
}

impl Sight {
    /// Takes newer counts.
    pub fn update(&mut self, now: Instant, known: Vec<KnownPeer>, stats: NetStats) {
        let (old, new) = (self.stats.air, stats.air);
        let moved = |before: u64, after: u64, at: &mut Option<Instant>| {
            if after > before {
                *at = Some(now);
            }
        };
        moved(old.heard, new.heard, &mut self.heard);
        moved(
            old.other_incident,
            new.other_incident,
            &mut self.other_incident,
        );
        moved(
            old.other_version,
            new.other_version,
            &mut self.other_version,
        );
        (self.known, self.stats) = (known, stats);
    }

    fn air(&self) -> Airwaves {
        self.stats.air
    }

    /// What keeps this device from meeting members, as far as can be told. Meant for when it is
    /// connected with none.
    pub fn reasons(&self, now: Instant) -> Vec<Json> {
        let recent = |at: Option<Instant>| at.is_some_and(|at| now.duration_since(at) < RECENT);
        let air = self.air();
        let mut out = Vec::new();
        let mut note = |code: &str, args: Json| {
            out.push(json!({ "code": code, "level": "attention", "args": args }));
        };
        if air.interfaces == 0 {
            note("no-interface", json!({}));
        }
        if recent(self.other_version) {
            note("other-version-near", json!({ "count": air.other_version }));
        }
        if recent(self.other_incident) {
            note(
                "other-incident-near",
                json!({ "count": air.other_incident }),
            );
        }
        let near = |k: &&KnownPeer| k.heard_ago.is_some_and(|ago| ago < RECENT);
        let near: Vec<_> = self.known.iter().filter(near).collect();
        let unreachable = near.iter().filter(|k| k.failed >= FAILED).count();
        if unreachable > 0 && unreachable == near.len() {
            note("heard-not-reached", json!({ "count": unreachable }));
        }
        let silent = !recent(self.heard) && !recent(self.other_incident);
        if silent && !recent(self.other_version) && air.interfaces > 0 && air.sent >= ENOUGH {
            note("nobody-heard", json!({ "sent": air.sent }));
        }
        out
    }

    /// For `peers`.
    pub fn json(&self, on: bool) -> Json {
        let air = self.air();
        json!({
            "on": on,
            "interfaces": air.interfaces,
            "beacons_sent": air.sent,
            "beacons_heard": air.heard,
            "beacons_repeated": air.repeated,
            "beacons_passed_over": air.passed_over,
            "not_beacons": air.not_ours,
            "other_incident": air.other_incident,
            "other_version": air.other_version,
            "dials": self.stats.dials,
            "dials_failed": self.stats.dials_failed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(sight: &Sight, now: Instant) -> Vec<String> {
        let code = |r: &Json| r["code"].as_str().unwrap_or_default().to_owned();
        sight.reasons(now).iter().map(code).collect()
    }

    fn stats(change: impl FnOnce(&mut Airwaves)) -> NetStats {
        let mut air = Airwaves {
            interfaces: 1,
            sent: 100,
            ..Airwaves::default()
        };
        change(&mut air);
        NetStats {
            air,
            ..NetStats::default()
        }
    }

    fn peer(failed: u32) -> KnownPeer {
        KnownPeer {
            peer: None,
            addrs: Vec::new(),
            given: false,
            heard_ago: Some(Duration::from_millis(300)),
            conn: None,
            banned: false,
            level: false,
            failed,
        }
    }

    #[test]
    fn each_reason_is_named_and_passes() {
        let now = Instant::now();
        let told = |stats: NetStats, known: Vec<KnownPeer>, later: u64| {
            let mut sight = Sight::default();
            sight.update(now, known, stats);
            codes(&sight, now + Duration::from_secs(later))
        };
        assert_eq!(
            told(stats(|a| a.interfaces = 0), vec![], 0),
            ["no-interface"]
        );
        assert_eq!(told(stats(|_| ()), vec![], 0), ["nobody-heard"]);
        assert_eq!(told(stats(|a| a.sent = 4), vec![], 0), [""; 0]);
        let elsewhere = || stats(|a| a.other_incident = 5);
        assert_eq!(told(elsewhere(), vec![], 0), ["other-incident-near"]);
        assert_eq!(told(elsewhere(), vec![], 11), ["nobody-heard"]);
        let newer = stats(|a| a.other_version = 5);
        assert_eq!(told(newer, vec![], 0), ["other-version-near"]);
        let heard = || stats(|a| a.heard = 9);
        assert_eq!(told(heard(), vec![peer(0)], 0), [""; 0]);
        assert_eq!(told(heard(), vec![peer(3)], 0), ["heard-not-reached"]);
        assert_eq!(told(heard(), vec![peer(3), peer(1)], 0), [""; 0]);
    }
}
