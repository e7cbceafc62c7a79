//! Erasures at the door: what they name is refused, counted as missing for nobody, and comes back
//! only when the erasure does not count.

use std::collections::BTreeMap;

use muster_log::{
    act::{Act, End, Erase, ErasedLog, ErasedSpan},
    book::{Book, Received},
    chain::{MAX_RUN, Run},
    codec::Bounded,
    entry::{MAX_ENTRY, PartBody, kind},
    erased::{self, MAX_PLACES, Parts},
    ids::*,
    operation::DataOperation,
    role::Role,
    run,
};
use proptest::prelude::*;

use crate::common::*;

const OBJECT: ObjectId = ObjectId([0x0b; 16]);

fn erase(parts: Vec<ErasedLog>) -> Act {
    Act::Erase(Erase {
        object: OBJECT,
        kind: 1,
        number: text(""),
        parts: parts.try_into().unwrap(),
        why: text(""),
        extensions: Bounded::default(),
    })
}

fn span(skip: u64, count: u16, parts: u8) -> ErasedSpan {
    ErasedSpan { skip, count, parts }
}

fn of(pen: &Pen, lane: Lane, spans: &[ErasedSpan]) -> ErasedLog {
    ErasedLog {
        log: pen.log(lane),
        spans: spans.to_vec().try_into().unwrap(),
    }
}

/// A founder, a coordinator, and a volunteer that wrote six entries of one C1 part each.
struct Story {
    world: World,
    coordinator: Pen,
    volunteer: Pen,
    admissions: Vec<Run>,
    data: Run,
}

impl Story {
    fn new() -> Self {
        let mut world = World::new();
        let keys = world.keys();
        let (mut coordinator, mut volunteer) = (world.pen(9), world.pen(10));
        let first = world.admit_with_keys(&mut coordinator, Role::Coordinator);
        let second = world.admit_with_keys(&mut volunteer, Role::Volunteer);
        let data = volunteer.data(6, Some(&world.c1), Class::C1);
        Self {
            admissions: vec![keys, first, second],
            world,
            coordinator,
            volunteer,
            data,
        }
    }

    /// What everybody has heard of members and keys, and nothing else.
    fn book(&self) -> Book {
        let mut book = self.world.book(&self.world.founder);
        for run in &self.admissions {
            take(&mut book, run);
        }
        book
    }

    fn absent(&self, run: &muster_log::chain::VerifiedRun) -> Vec<u64> {
        let gone = |e: &&muster_log::entry::VerifiedEntry| e.parts().contains(&PartBody::Absent);
        run.entries()
            .iter()
            .filter(gone)
            .map(|e| e.seq().0)
            .collect()
    }
}

#[test]
fn named_parts_are_refused_whatever_comes_first() {
    let mut story = Story::new();
    let named = of(
        &story.volunteer,
        Lane::DATA,
        &[span(1, 2, 1), span(2, 1, 1)],
    );
    let erasure = story.coordinator.acts(&[erase(vec![named])]);
    let log = story.volunteer.log_id(Lane::DATA);

    let mut warned = story.book();
    let heard = take(&mut warned, &erasure);
    assert_eq!(heard.erased.into_iter().collect::<Vec<_>>(), [OBJECT]);
    let admitted = take(&mut warned, &story.data);
    assert_eq!(
        story.absent(&admitted.run),
        [1, 2, 5],
        "stripped at the door"
    );
    assert_eq!(
        give(&mut warned, &story.data),
        Ok(Received::Known),
        "and never healed"
    );

    let mut held = story.book();
    assert_eq!(story.absent(&take(&mut held, &story.data).run), [0_u64; 0]);
    assert_ne!(held.frontier_digest(), warned.frontier_digest());
    take(&mut held, &erasure);
    assert_eq!(
        held.frontier_digest(),
        warned.frontier_digest(),
        "equal before and after the bytes are gone"
    );
    for seq in [1, 2, 5] {
        assert_eq!(held.erased().parts(&log, Seq(seq)), 1);
        held.lose(&log, Seq(seq), 1);
    }
    assert_eq!(held.frontier_digest(), warned.frontier_digest());
    assert_eq!(give(&mut held, &story.data), Ok(Received::Known));

    // One who never heard, and was given the entries without what is erased.
    let mut poor = story.book();
    let stripped = admitted.run.to_run();
    take(&mut poor, &stripped);
    assert_ne!(poor.frontier_digest(), warned.frontier_digest());
    take(&mut poor, &erasure);
    assert_eq!(poor.frontier_digest(), warned.frontier_digest());

    // The journal's door is the same.
    let mut again = story.book();
    take(&mut again, &erasure);
    let Ok(Received::Admitted(reopened)) = again.reopen(&run::encode(&story.data)) else {
        panic!("not admitted");
    };
    assert_eq!(story.absent(&reopened.run), [1, 2, 5]);
}

#[test]
fn other_parts_withheld_still_show_and_heal() {
    let mut story = Story::new();
    let named = of(&story.volunteer, Lane::DATA, &[span(1, 1, 1)]);
    let erasure = story.coordinator.acts(&[erase(vec![named])]);
    let mut whole = story.book();
    take(&mut whole, &erasure);
    let mut poor = whole.clone();
    take(&mut whole, &story.data);
    let mut stripped = story.data.clone();
    stripped.entries[1].parts[0] = PartBody::Absent;
    stripped.entries[3].parts[0] = PartBody::Absent;
    take(&mut poor, &stripped);
    assert_ne!(poor.frontier_digest(), whole.frontier_digest());
    let healed = take(&mut poor, &story.data);
    assert_eq!(story.absent(&healed.run), [0_u64; 0]);
    assert_eq!(healed.run.first(), Seq(3), "only what is missing");
    assert_eq!(poor.frontier_digest(), whole.frontier_digest());
}

#[test]
fn who_may_erase_and_what() {
    let mut story = Story::new();
    let log = story.volunteer.log_id(Lane::DATA);
    let everything = || of(&story.volunteer, Lane::DATA, &[span(0, 6, 0xff)]);
    let mut lead = story.world.pen(11);
    let admission = story.world.admit_with_keys(&mut lead, Role::Lead);
    let (by_lead, by_volunteer) = (
        lead.acts(&[erase(vec![everything()])]),
        story.volunteer.acts(&[erase(vec![of(
            &story.volunteer.clone(),
            Lane::DATA,
            &[span(0, 6, 1)],
        )])]),
    );
    let mut book = story.book();
    take(&mut book, &story.data);
    take(&mut book, &admission);
    for run in [by_lead, by_volunteer] {
        assert!(take(&mut book, &run).erased.is_empty());
    }
    assert!(book.erased().is_empty());

    // Authority cannot be erased, by anybody.
    let founder = story.world.founder.clone();
    let lane0 = of(&founder, Lane::AUTHORITY, &[span(0, 3, 1)]);
    take(&mut book, &story.world.founder.acts(&[erase(vec![lane0])]));
    assert_eq!(book.erased().places().count(), 0);
    // Nor more than an act may name.
    let spans = vec![span(0, 2_048, 1), span(0, 2_049, 1)];
    let run = story
        .world
        .founder
        .acts(&[erase(vec![of(&story.volunteer, Lane::DATA, &spans)])]);
    assert_eq!(u64::from(2_048_u16 + 2_049), MAX_PLACES + 1);
    assert!(take(&mut book, &run).erased.is_empty());
    assert_eq!(book.erased().parts(&log, Seq(0)), 0);
    // Bits of parts that an entry has not change nothing.
    let digest = book.frontier_digest();
    let run = story.world.founder.acts(&[erase(vec![of(
        &story.volunteer,
        Lane::DATA,
        &[span(0, 1, 0b10)],
    )])]);
    let mut other = book.clone();
    take(&mut other, &run);
    assert_ne!(other.frontier_digest(), digest, "an act more");
    assert_eq!(give(&mut other, &story.data), Ok(Received::Known));
}

/// What is too short to hold anything of an object stays: without it the run would be longer.
#[test]
fn a_run_never_grows_by_an_erasure() {
    let mut story = Story::new();
    let tiny = story
        .volunteer
        .write(Lane::DATA, vec![plain(vec![op(40, &7_u8)])]);
    let mut book = story.book();
    let named = of(&story.volunteer, Lane::DATA, &[span(0, 7, 1)]);
    take(&mut book, &story.coordinator.acts(&[erase(vec![named])]));
    let run = join(&[story.data.clone(), tiny]);
    let admitted = take(&mut book, &run);
    assert_eq!(story.absent(&admitted.run), [0, 1, 2, 3, 4, 5]);
    assert!(run::encode_verified(&admitted.run).len() <= run::encode(&run).len());
}

#[test]
fn an_erasure_that_counts_no_more_gives_nothing_back_and_refuses_nothing() {
    let mut story = Story::new();
    let log = story.volunteer.log_id(Lane::DATA);
    let before = story.coordinator.acts(&[]);
    let erasure = story.coordinator.acts(&[erase(vec![of(
        &story.volunteer,
        Lane::DATA,
        &[span(2, 1, 1)],
    )])]);
    let end = story.world.founder.acts(&[Act::End(End {
        grant: story.coordinator.grant,
        cuts: vec![story.coordinator.cut(Lane::AUTHORITY, 1).unwrap()]
            .try_into()
            .unwrap(),
        role: None,
        lifts: Bounded::default(),
        why: text("stolen"),
        extensions: Bounded::default(),
    })]);
    let mut hit = story.book();
    for run in [&before, &story.data, &erasure] {
        take(&mut hit, run);
    }
    hit.lose(&log, Seq(2), 1);
    take(&mut hit, &end);
    assert!(hit.erased().is_empty() && !hit.erased().is_erased(&OBJECT));
    let mut spared = story.book();
    for run in [&before, &end, &erasure, &story.data] {
        take(&mut spared, run);
    }
    assert_ne!(
        hit.frontier_digest(),
        spared.frontier_digest(),
        "a part is missing there"
    );
    let healed = take(&mut hit, &story.data);
    assert_eq!((healed.fresh, healed.run.first()), (0, Seq(2)));
    assert_eq!(hit.frontier_digest(), spared.frontier_digest());
}

/// Acts that come before the grant they are made under count when it comes.
#[test]
fn an_erasure_may_come_before_its_makers_grant() {
    let mut story = Story::new();
    let mut late = story.world.pen(12);
    let admission = story.world.admit_with_keys(&mut late, Role::Coordinator);
    let promotion = {
        let mut founder = story.world.founder.clone();
        let run = story
            .world
            .admit(&mut founder, &mut late, Role::Coordinator, &[]);
        story.world.founder = founder;
        run
    };
    let named = of(&story.volunteer, Lane::DATA, &[span(0, 6, 1)]);
    let erasure = late.acts(&[erase(vec![named])]);
    let mut book = story.book();
    take(&mut book, &story.data);
    take(&mut book, &admission);
    assert!(take(&mut book, &erasure).erased.is_empty());
    assert!(book.erased().is_empty());
    let admitted = take(&mut book, &promotion);
    assert_eq!(admitted.erased.into_iter().collect::<Vec<_>>(), [OBJECT]);
    assert_eq!(book.erased().places().count(), 6);
}

#[test]
fn acknowledgements_name_the_act_and_count_once_a_device() {
    let mut story = Story::new();
    let mut book = story.book();
    let one = |n| of(&story.volunteer, Lane::DATA, &[span(n, 1, 1)]);
    let acts = [erase(vec![one(0)]), erase(vec![one(1)])];
    take(&mut book, &story.coordinator.acts(&acts));
    let ids: Vec<GrantId> = book.erased().acts(&OBJECT).copied().collect();
    assert_eq!(ids.len(), 2);
    let ack = |id: &GrantId| DataOperation::EraseAck(*id).write().unwrap().unwrap();
    let mut send = |pen: &mut Pen, of_kind, ids: &[GrantId]| {
        let operations: Vec<_> = ids.iter().map(ack).collect();
        let mut run = pen.write(Lane::DATA, vec![plain(operations)]);
        let entry = &mut run.entries[0];
        entry.header.kind = of_kind;
        let as_it_stands = (entry.header.clone(), entry.parts.clone());
        let run = pen.sign(Lane::DATA, run.before, vec![as_it_stands]);
        take(&mut book, &run);
        book.clone()
    };
    let mut volunteer = story.world.pen(10);
    volunteer.grant = story.volunteer.grant;
    let gone = |book: &Book, pen: &Pen| {
        let acts = book.erased().acts(&OBJECT);
        book.erased().is_gone(&pen.id(), acts)
    };
    let book = send(&mut story.coordinator, kind::RECEIPT, &ids[..1]);
    assert!(!gone(&book, &story.coordinator), "half is not all");
    let book = send(&mut volunteer, kind::DATA, &ids);
    assert!(
        !gone(&book, &volunteer),
        "in an entry of another kind it is nothing"
    );
    let mut third = story.world.pen(2);
    third.grant = story.world.founder.grant;
    let book = send(&mut third, kind::RECEIPT, &ids);
    assert!(gone(&book, &third) && !gone(&book, &volunteer));
}

#[test]
fn large_erasures_are_split_into_acts_that_fit() {
    let story = Story::new();
    let mut parts = Parts::new();
    for n in 0..300_u64 {
        let mut log = story.volunteer.log(Lane::DATA);
        log.generation = Generation(n);
        let places = (0..20).map(|s| (u64::MAX / 40 * s + n, 1 << (s % 8)));
        parts.insert(log, places.collect());
    }
    let acts = erased::split(&parts);
    let mut again = Parts::new();
    for lists in acts {
        for list in &lists {
            let places: &mut BTreeMap<u64, u8> = again.entry(list.log).or_default();
            let mut at = 0;
            for span in &list.spans {
                at += span.skip;
                for _ in 0..span.count {
                    places.insert(at, span.parts);
                    at += 1;
                }
            }
        }
        let operation = erase(lists).write().unwrap();
        assert!(
            operation.body.len() < MAX_ENTRY - 2_048,
            "{}",
            operation.body.len()
        );
        assert!(matches!(Act::read(&operation), Some(Ok(_))));
    }
    assert_eq!(again, parts);
    // Consecutive places cost nothing.
    let long = Parts::from([(
        story.volunteer.log(Lane::DATA),
        (7..1_007).map(|s| (s, 3)).collect(),
    )]);
    assert_eq!(erased::split(&long)[0][0].spans.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any order of arrival, with repetitions and stripped copies, ends in the same.
    #[test]
    fn any_order_ends_in_the_same(
        masks in proptest::collection::vec((0_u64..8, 1_u16..4, 0_u8..4, any::<bool>()), 1..5),
        order in proptest::collection::vec(0_usize..64, 24),
        lose in any::<bool>(),
    ) {
        let mut story = Story::new();
        let mut runs: Vec<Run> = (0..8)
            .map(|n| {
                let (c1, key) = (Class::C1, story.world.c1.clone());
                let body = |m: u8| part(c1, Some(&key), vec![set(&format!("value {n} {m}"))]);
                story.volunteer.write(Lane::DATA, vec![body(0), body(1)])
            })
            .collect();
        runs.insert(0, story.data.clone());
        prop_assert!(runs.len() < MAX_RUN);
        for (skip, count, parts, founder) in masks {
            let act = erase(vec![of(&story.volunteer, Lane::DATA, &[span(skip, count, parts)])]);
            let pen = if founder { &mut story.world.founder } else { &mut story.coordinator };
            runs.push(pen.acts(&[act]));
        }
        let mut oracle = story.book();
        runs.iter().for_each(|run| { take(&mut oracle, run); });
        let mut book = story.book();
        let picked = order.iter().map(|n| n % runs.len());
        for at in picked.chain(0..runs.len()).chain((0..runs.len()).rev()) {
            give(&mut book, &runs[at]).unwrap();
            if lose {
                let gone: Vec<_> = book.erased().places().collect();
                for (log, seq, bits) in gone {
                    // Only what the entries have: two parts, or one.
                    let has = if seq.0 < 6 { 1 } else { 3 };
                    book.lose(&log, seq, bits & has);
                }
            }
        }
        prop_assert_eq!(book.frontier_digest(), oracle.frontier_digest());
        prop_assert_eq!(
            book.erased().places().collect::<Vec<_>>(),
            oracle.erased().places().collect::<Vec<_>>()
        );
    }
}
