//! The one door: who is let in, how runs fit, what is refused and why.

use muster_log::{
    author::Tip,
    book::{Received, Refusal},
    chain::{self, Run},
    entry::PartBody,
    genesis::Allowances,
    ids::*,
    role::Role,
    run,
};

use crate::common::*;

/// A book whose founder admitted one volunteer, who wrote ten entries that nobody has yet.
fn ten() -> (World, muster_log::book::Book, Pen, Run) {
    let mut world = World::new();
    let mut book = world.book(&world.founder.clone());
    take(&mut book, &world.keys());
    let mut pen = world.pen(9);
    take(&mut book, &world.admit_with_keys(&mut pen, Role::Volunteer));
    let run = pen.data(10, Some(&world.c1), Class::C1);
    (world, book, pen, run)
}

#[test]
fn a_stranger_stores_nothing() {
    let (world, book, _, _) = ten();
    let mut stranger = world.pen(66);
    for lane in [Lane::AUTHORITY, Lane::DATA] {
        let run = stranger.write(lane, vec![plain(vec![set("let me in")])]);
        let mut tried = book.clone();
        let told = give(&mut tried, &run).unwrap_err();
        assert_eq!(told, Refusal::UnknownAuthor(stranger.id()));
        assert_eq!(told.code(), "unknown-author");
        assert_eq!(tried.frontier_digest(), book.frontier_digest());
        assert_eq!(
            (tried.entries(), tried.logs().count()),
            (book.entries(), book.logs().count())
        );
    }
}

#[test]
fn a_member_of_another_incident_is_a_stranger() {
    let (_, mut book, ..) = ten();
    let mut body = genesis_body();
    body.salt = [5; 32];
    let mut other = World::with(body);
    let run = other.founder.data(1, None, Class::C0);
    // The same device key founded both; the log's id is another one.
    assert!(matches!(give(&mut book, &run), Err(Refusal::Run(_))));
}

#[test]
fn an_unknown_lane_is_refused() {
    let (_, mut book, mut pen, _) = ten();
    let run = pen.write(Lane(2), vec![plain(vec![])]);
    assert_eq!(give(&mut book, &run), Err(Refusal::Lane(Lane(2))));
}

#[test]
fn prefix_suffix_overlap_and_repetition_fit() {
    let (world, book, pen, run) = ten();
    let cut = |from, to| slice(&world.incident(), &run, from, to);
    let log = pen.log_id(Lane::DATA);
    let mut all = book.clone();
    take(&mut all, &run);
    let goal = all.frontier_digest();
    type Gifts<'a> = &'a [(usize, usize, Option<u64>)];
    let cases: [Gifts<'_>; 8] = [
        &[(0, 10, Some(10)), (0, 10, None)],
        &[(0, 4, Some(4)), (4, 10, Some(6))],
        &[(0, 4, Some(4)), (2, 10, Some(6)), (3, 9, None)],
        // Suffix first, then its prefix.
        &[(6, 10, Some(4)), (0, 6, Some(6))],
        // Islands, filled by a run that covers all, partly known.
        &[(8, 10, Some(2)), (4, 6, Some(2)), (0, 10, Some(6))],
        &[
            (4, 6, Some(2)),
            (3, 7, Some(2)),
            (7, 10, Some(3)),
            (0, 3, Some(3)),
        ],
        // Overlaps on both sides of an island, and repeats of it.
        &[
            (5, 7, Some(2)),
            (6, 10, Some(3)),
            (5, 7, None),
            (0, 6, Some(5)),
        ],
        &[(9, 10, Some(1)), (1, 2, Some(1)), (0, 10, Some(8))],
    ];
    for (number, gifts) in cases.iter().enumerate() {
        let mut book = book.clone();
        for (from, to, fresh) in *gifts {
            match (give(&mut book, &cut(*from, *to)).unwrap(), fresh) {
                (Received::Admitted(a), Some(fresh)) => {
                    assert_eq!(a.fresh, *fresh, "case {number}");
                    assert_eq!(a.run.last(), Seq(*to as u64 - 1));
                }
                (Received::Known, None) => {}
                (other, _) => panic!("case {number}: {other:?}"),
            }
        }
        let heads = book.log(&log).unwrap();
        assert_eq!(
            (heads.contiguous(), heads.count()),
            (10, 10),
            "case {number}"
        );
        assert!(heads.islands().is_empty());
        assert_eq!(book.frontier_digest(), goal, "case {number}");
    }
}

#[test]
fn islands_are_named_with_what_they_hang_on() {
    let (world, mut book, pen, run) = ten();
    let cut = |from, to| slice(&world.incident(), &run, from, to);
    take(&mut book, &cut(0, 2));
    take(&mut book, &cut(4, 6));
    take(&mut book, &cut(8, 9));
    let heads = book.log(&pen.log_id(Lane::DATA)).unwrap();
    let islands = heads.islands();
    let at: Vec<_> = islands.iter().map(|i| (i.from.0, i.to.0)).collect();
    assert_eq!(at, [(4, 5), (8, 8)]);
    assert_eq!(
        islands[0].before,
        verified(&world.incident(), &cut(0, 4)).head()
    );
    assert_eq!(
        islands[0].head,
        verified(&world.incident(), &cut(0, 6)).head()
    );
    assert_eq!((heads.contiguous(), heads.last()), (2, Some(Seq(8))));
    assert_eq!(heads.before(Seq(4)), Some(islands[0].before));
    assert_eq!(heads.before(Seq(7)), None);
    let tip = Tip {
        next: Seq(2),
        before: heads.head(),
    };
    assert_eq!(book.tip(&pen.log(Lane::DATA)), tip);
}

#[test]
fn a_second_history_is_a_fork_wherever_it_touches_the_first() {
    let (world, book, pen, run) = ten();
    let incident = world.incident();
    // The same device again, from the same start: another history from entry 3 on.
    let mut twin = world.pen(9);
    twin.grant = pen.grant;
    let tip = verified(&incident, &slice(&incident, &run, 0, 3));
    twin.tips.insert(
        Lane::DATA,
        Tip {
            next: Seq(3),
            before: tip.head(),
        },
    );
    twin.highest = Lamport(500);
    let other = twin.data(7, Some(&world.c1), Class::C1);
    let first = |from, to| slice(&incident, &run, from, to);
    let second = |from: usize, to: usize| slice(&incident, &other, from - 3, to - 3);
    for (have, offered, seq) in [
        ((0, 10), (3, 10), 3),
        ((0, 10), (5, 6), 4), // its first entry hangs on another h(4)
        ((0, 4), (4, 6), 3),  // right behind the contiguous beginning
        ((6, 8), (5, 7), 5),  // over an island's edge: it hangs on another h(5)
        ((6, 8), (8, 10), 7), // right behind an island
        ((6, 8), (3, 6), 5),  // right before an island
    ] {
        let mut one = book.clone();
        take(&mut one, &first(have.0, have.1));
        assert_eq!(one.authority().forked_at(&run.log), None);
        let came = take(&mut one, &second(offered.0, offered.1));
        assert_eq!(came.fresh, (offered.1 - offered.0) as u64);
        assert_eq!(came.judged, [pen.id()].into());
        let forked = one.authority().forked_at(&run.log);
        assert_eq!(forked, Some(Seq(seq)), "{have:?} {offered:?}");
        // The other way round it comes to the same.
        let mut other = book.clone();
        take(&mut other, &second(offered.0, offered.1));
        take(&mut other, &first(have.0, have.1));
        assert_eq!(one.frontier_digest(), other.frontier_digest());
        assert_eq!(other.authority().forked_at(&run.log), forked);
        // And once more is nothing new.
        for known in [first(have.0, have.1), second(offered.0, offered.1)] {
            assert_eq!(give(&mut one, &known), Ok(Received::Known));
        }
    }
}

/// Regression: a peer could withhold the parts of others' entries, and they stayed missing for ever.
#[test]
fn parts_that_were_withheld_can_come_later() {
    let (world, book, pen, run) = ten();
    let cut = |from, to| slice(&world.incident(), &run, from, to);
    let mut stripped = run.clone();
    for at in [2, 5] {
        stripped.entries[at].parts[0] = PartBody::Absent;
    }
    let mut whole = book.clone();
    take(&mut whole, &run);
    let mut poor = book.clone();
    take(&mut poor, &stripped);
    assert_ne!(
        poor.frontier_digest(),
        whole.frontier_digest(),
        "the difference can be seen"
    );
    let heads = poor.log(&pen.log_id(Lane::DATA)).unwrap();
    assert_eq!(
        heads.absent().collect::<Vec<_>>(),
        [(Seq(2), 1), (Seq(5), 1)]
    );
    assert_eq!(give(&mut poor, &stripped), Ok(Received::Known));
    let healed = take(&mut poor, &cut(4, 7));
    assert_eq!((healed.fresh, healed.run.first()), (0, Seq(5)));
    take(&mut poor, &run);
    assert_eq!(poor.frontier_digest(), whole.frontier_digest());
    assert_eq!(give(&mut poor, &stripped), Ok(Received::Known));
    // In the other order, nothing is taken away.
    assert_eq!(give(&mut whole, &stripped), Ok(Received::Known));
    assert_eq!(poor.frontier_digest(), whole.frontier_digest());
}

/// The same for authority: an admission that came without its part counts when the part comes.
#[test]
fn an_admission_that_was_withheld_counts_when_it_comes() {
    let mut world = World::new();
    let mut book = world.book(&world.founder.clone());
    let mut pen = world.pen(9);
    let admission = world.admit_with_keys(&mut pen, Role::Volunteer);
    let mut stripped = admission.clone();
    stripped.entries[0].parts[0] = PartBody::Absent;
    assert!(take(&mut book, &stripped).grants.is_empty());
    assert!(!book.authority().knows(&pen.id()));
    assert_eq!(take(&mut book, &admission).grants, [pen.grant]);
    take(&mut book, &pen.data(1, None, Class::C0));
}

#[test]
fn the_allowance_of_a_role_holds_until_hq_raises_it() {
    let mut body = genesis_body();
    body.allowances = Allowances {
        volunteer: 4,
        lead: 6,
        coordinator: 100,
    };
    let mut world = World::with(body);
    let mut book = world.book(&world.founder.clone());
    let mut pen = world.pen(9);
    let mut lead = world.pen(10);
    take(&mut book, &world.admit_with_keys(&mut pen, Role::Volunteer));
    take(&mut book, &world.admit_with_keys(&mut lead, Role::Lead));
    let run = pen.data(10, None, Class::C0);
    let incident = world.incident();
    let cut = |from, to| slice(&incident, &run, from, to);
    take(&mut book, &cut(0, 4));
    let over = Refusal::Allowance {
        device: pen.id(),
        allowed: 4,
        seq: Seq(4),
    };
    assert_eq!(give(&mut book, &cut(4, 5)), Err(over.clone()));
    // A suffix far ahead is refused for its place, not for its length.
    assert!(matches!(
        give(&mut book, &cut(9, 10)),
        Err(Refusal::Allowance { .. })
    ));
    // A lead may not raise it.
    let raise = muster_log::act::Act::Allowance(muster_log::act::Allowance {
        device: pen.id(),
        entries: 9,
    });
    take(&mut book, &lead.acts(&[raise]));
    assert_eq!(give(&mut book, &cut(4, 5)), Err(over));
    take(&mut book, &world.allow(pen.id(), 9));
    take(&mut book, &cut(4, 9));
    assert!(matches!(
        give(&mut book, &cut(9, 10)),
        Err(Refusal::Allowance { allowed: 9, .. })
    ));
}

/// Regression: the rest of a long run could be longer than the run, and would not be read back.
#[test]
fn what_is_admitted_can_always_be_read_back() {
    let (world, mut book, mut pen, _) = ten();
    let bare = pen.write(Lane::DATA, vec![]);
    take(&mut book, &bare);
    let filler = "y".repeat(23_000);
    let mut runs = vec![bare];
    runs.extend((0..10).map(|_| {
        let one = part(Class::C1, Some(&world.c1), vec![set(&filler)]);
        pen.write(Lane::DATA, vec![one])
    }));
    let mut run = join(&runs);
    run.entries
        .iter_mut()
        .take(10)
        .for_each(|e| e.signature = None);
    let admitted = take(&mut book, &run);
    assert_eq!(admitted.run.first(), Seq(10), "kept whole");
    assert_eq!(admitted.fresh, 10);
    let bytes = run::encode(&admitted.run.to_run());
    assert_eq!(run::encode_verified(&admitted.run), bytes);
    let again = run::decode(&world.incident(), &bytes).unwrap();
    assert!(chain::verify(&world.incident(), again).is_ok());
}

#[test]
fn depth_and_rank_limit_who_is_admitted() {
    let mut world = World::new();
    let mut book = world.book(&world.founder.clone());
    let mut by = world.founder.clone();
    for n in 0..6u8 {
        let mut pen = world.pen(20 + n);
        let run = world.admit(&mut by, &mut pen, Role::Coordinator, &[]);
        match n {
            0..4 => assert_eq!(take(&mut book, &run).grants, [pen.grant]),
            4 => assert!(take(&mut book, &run).grants.is_empty(), "deeper than four"),
            _ => assert_eq!(give(&mut book, &run), Err(Refusal::UnknownAuthor(by.id()))),
        }
        by = pen;
    }
    let may = [
        (Role::Coordinator, Role::Hq, false),
        (Role::Lead, Role::Coordinator, false),
        (Role::Lead, Role::Lead, false),
        (Role::Lead, Role::Volunteer, true),
        (Role::Volunteer, Role::Relay, false),
        (Role::Relay, Role::Relay, false),
    ];
    for (n, (by, of, allowed)) in (40u8..).step_by(2).zip(may) {
        let mut world = World::new();
        let (mut granter, mut pen) = (world.pen(n), world.pen(n + 1));
        let mut book = world.book(&granter);
        take(&mut book, &world.admit_with_keys(&mut granter, by));
        let run = world.admit(&mut granter, &mut pen, of, &[]);
        let grants = take(&mut book, &run).grants;
        assert_eq!(grants.len(), usize::from(allowed), "{by:?} {of:?}");
    }
}

/// Somebody else's grant does not help: the entry is kept, and what it grants does not count.
#[test]
fn a_grant_of_another_device_gives_nothing() {
    let (world, mut book, mut pen, _) = ten();
    pen.grant = world.founder.grant;
    let mut friend = world.pen(11);
    let mut w = World::new();
    let run = w.admit(&mut pen, &mut friend, Role::Hq, &[]);
    assert!(take(&mut book, &run).grants.is_empty());
    assert!(!book.authority().knows(&friend.id()));
}

/// An admission under a grant that has not come yet waits for it, and so do those that follow.
#[test]
fn admissions_wait_for_the_grant_they_were_made_under() {
    let mut world = World::new();
    let (mut lead, mut coordinator, mut pen) = (world.pen(10), world.pen(11), world.pen(12));
    let first = world.admit_with_keys(&mut lead, Role::Lead);
    let promotion = world.admit_with_keys(&mut lead, Role::Coordinator);
    let second = world.admit(&mut lead, &mut coordinator, Role::Coordinator, &[]);
    let third = world.admit(&mut coordinator, &mut pen, Role::Volunteer, &[]);
    let mut book = world.book(&world.founder.clone());
    take(&mut book, &first);
    assert!(take(&mut book, &second).grants.is_empty());
    let unknown = Refusal::UnknownAuthor(coordinator.id());
    assert_eq!(give(&mut book, &third), Err(unknown));
    let mut grants = take(&mut book, &promotion).grants;
    grants.sort();
    let mut due = [lead.grant, coordinator.grant];
    due.sort();
    assert_eq!(grants, due);
    assert_eq!(take(&mut book, &third).grants, [pen.grant]);
}
