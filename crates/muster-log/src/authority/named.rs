//! The resolver on named cases: what an ending, an adoption, a re-admission and two equals who end
//! one another come to.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::graphs::{Deed, Graph, fresh, learn};
use super::*;
use crate::{
    act::Adopt,
    ids::{EntryHash, Lamport, Signature},
};

const FOUNDER: usize = 0;
const A: usize = 1;
const B: usize = 2;
/// A lead whom A admitted.
const LEAD: usize = 3;

fn graph() -> (Authority, Graph) {
    let empty = fresh();
    let graph = Graph::new(&empty, 4, false);
    (empty, graph)
}

fn revoke(by: usize, of: usize, within: usize) -> Deed {
    Deed::End {
        by,
        of,
        role: None,
        within,
    }
}

fn admit(by: usize, of: usize, role: Role, lifts: bool) -> Deed {
    Deed::Admit {
        by,
        of,
        role,
        lifts,
    }
}

fn role(authority: &Authority, graph: &Graph, of: usize) -> Option<Role> {
    authority.best_grant(&graph.devices[of]).map(|g| g.role)
}

fn data(graph: &Graph, of: usize, seq: u64, grant: GrantId, authority: &Authority) -> &'static str {
    let log = LogKey {
        lane: Lane::DATA,
        ..graph.log(of)
    };
    let entry = EntryPlace {
        log: &log,
        seq: Seq(seq),
        hash: &EntryHash([seq as u8; 32]),
        grant: &grant,
    };
    match authority.judge(&Logs::new(), entry) {
        Standing::Counts(_) => "counts",
        Standing::Disputed(_) => "disputed",
        Standing::Unknown => "unknown",
        Standing::NotTheirs => "not theirs",
    }
}

#[test]
fn what_was_done_before_a_revocation_stands_and_what_came_after_does_not() {
    let (empty, mut graph) = graph();
    // A admits a volunteer within the cut; then, being revoked, somebody else.
    graph.add(revoke(FOUNDER, A, 0));
    graph.add(admit(A, B, Role::Coordinator, false));
    let after = learn(&empty, graph.acts.iter());
    assert_eq!(role(&after, &graph, A), None);
    assert_eq!(
        role(&after, &graph, LEAD),
        Some(Role::Lead),
        "admitted before"
    );
    let late = graph.grants[B];
    assert_eq!(after.verdict(&late), Some(Verdict::Void));
    assert_eq!(data(&graph, B, 0, late, &after), "disputed");
    assert!(matches!(
        after.membership(&graph.devices[A]),
        Membership::Ended(Some(e)) if e.rank == Role::Hq && !e.suspends
    ));
}

#[test]
fn a_junior_ends_no_senior_and_anyone_hands_in_their_own() {
    let (empty, mut graph) = graph();
    graph.add(revoke(LEAD, A, 0));
    graph.add(revoke(B, FOUNDER, 0));
    graph.add(revoke(B, B, 0));
    let after = learn(&empty, graph.acts.iter());
    assert_eq!(role(&after, &graph, A), Some(Role::Coordinator));
    assert_eq!(role(&after, &graph, FOUNDER), Some(Role::Hq));
    assert_eq!(role(&after, &graph, B), None);
}

#[test]
fn equals_who_end_one_another_are_both_out_until_a_senior_decides() {
    let (empty, mut graph) = graph();
    // Neither had heard of the other's.
    graph.add(revoke(A, B, 0));
    graph.add(revoke(B, A, 0));
    let both = learn(&empty, graph.acts.iter());
    assert_eq!(role(&both, &graph, A), None);
    assert_eq!(role(&both, &graph, B), None);
    let first = graph.acts[3].0;
    assert_eq!(both.verdict(&first), Some(Verdict::Suspends));
    // An equal's re-admission does not settle it ...
    graph.add(admit(FOUNDER, LEAD, Role::Coordinator, false));
    graph.add(admit(LEAD, A, Role::Coordinator, true));
    let equal = learn(&empty, graph.acts.iter());
    assert_eq!(role(&equal, &graph, LEAD), Some(Role::Coordinator));
    assert_eq!(role(&equal, &graph, A), None);
    // ... the founder's word does: B goes, and what B did to A never was.
    graph.grants[B] = graph.acts[1].0;
    graph.add(revoke(FOUNDER, B, 0));
    let decided = learn(&empty, graph.acts.iter());
    assert_eq!(role(&decided, &graph, A), Some(Role::Coordinator));
    assert_eq!(role(&decided, &graph, B), None);
}

#[test]
fn who_heard_the_ending_first_cannot_return_it() {
    let (empty, mut graph) = graph();
    graph.add(revoke(A, B, 0));
    // B's cut of A holds A's ending of B.
    graph.add(revoke(B, A, 1));
    let after = learn(&empty, graph.acts.iter());
    assert_eq!(role(&after, &graph, A), Some(Role::Coordinator));
    assert_eq!(role(&after, &graph, B), None);
}

#[test]
fn a_re_admission_counts_only_when_it_names_what_it_lifts() {
    let (empty, mut graph) = graph();
    let old = graph.grants[LEAD];
    graph.add(revoke(A, LEAD, 0));
    graph.add(admit(B, LEAD, Role::Lead, false));
    let unaware = learn(&empty, graph.acts.iter());
    assert_eq!(role(&unaware, &graph, LEAD), None);
    graph.add(admit(B, LEAD, Role::Lead, true));
    let aware = learn(&empty, graph.acts.iter());
    assert_eq!(role(&aware, &graph, LEAD), Some(Role::Lead));
    assert_eq!(data(&graph, LEAD, 5, graph.grants[LEAD], &aware), "counts");
    assert_eq!(data(&graph, LEAD, 4, old, &aware), "disputed");
    // A coordinator cannot lift what the founder ended.
    graph.add(revoke(FOUNDER, LEAD, 0));
    graph.add(admit(B, LEAD, Role::Lead, true));
    let overruled = learn(&empty, graph.acts.iter());
    assert_eq!(role(&overruled, &graph, LEAD), None);
}

#[test]
fn a_demotion_leaves_the_lower_role_and_a_later_revocation_takes_that_too() {
    let (empty, mut graph) = graph();
    graph.add(Deed::End {
        by: A,
        of: B,
        role: Some(Role::Volunteer),
        within: 0,
    });
    let demoted = learn(&empty, graph.acts.iter());
    assert_eq!(role(&demoted, &graph, B), Some(Role::Volunteer));
    graph.grants[B] = graph.acts[1].0;
    graph.add(revoke(FOUNDER, B, 0));
    let out = learn(&empty, graph.acts.iter());
    assert_eq!(role(&out, &graph, B), None);
}

#[test]
fn entries_past_a_cut_count_when_somebody_senior_adopts_them() {
    let (empty, mut graph) = graph();
    let grant = graph.grants[LEAD];
    graph.add(revoke(A, LEAD, 0));
    let log = LogKey {
        lane: Lane::DATA,
        ..graph.log(LEAD)
    };
    let adopt = |by: usize, n: u8, graph: &Graph| {
        let id = GrantId([n; 32]);
        let place = ActPlace {
            log: graph.log(by),
            seq: Seq(graph.next[by]),
            hash: EntryHash(id.0),
            lamport: Lamport(9),
            grant: graph.grants[by],
            root: false,
        };
        let act = Act::Adopt(Adopt {
            log,
            from: Seq(3),
            to: Seq(4),
            hash: EntryHash([4; 32]),
            signature: Signature([0; 64]),
        });
        (id, place, act)
    };
    let own = learn(&empty, graph.acts.iter().chain([&adopt(LEAD, 1, &graph)]));
    assert_eq!(data(&graph, LEAD, 3, grant, &own), "disputed");
    let adopted = learn(&empty, graph.acts.iter().chain([&adopt(B, 2, &graph)]));
    let standings = (2..6).map(|seq| data(&graph, LEAD, seq, grant, &adopted));
    assert_eq!(
        standings.collect::<Vec<_>>(),
        ["disputed", "counts", "counts", "disputed"]
    );
}

#[test]
fn learning_tells_whose_entries_are_to_be_judged_again() {
    let (empty, mut graph) = graph();
    let before = learn(&empty, graph.acts.iter());
    graph.add(revoke(A, LEAD, 0));
    let (id, place, act) = graph.acts.last().cloned().unwrap();
    let mut now = before.clone();
    let mut learned = Learned::default();
    assert!(now.take(id, place, act, &mut learned));
    now.resolve(&Logs::new(), &mut learned);
    assert_eq!(learned.judged, BTreeSet::from([graph.devices[LEAD]]));
}
