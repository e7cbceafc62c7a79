//! Logs of which their author signed two histories: branches in any order of arrival, proofs, and
//! which entries count.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    act::{Act, Adopt, Branch, Cut, End, ForkProof},
    authority::Standing,
    book::{Book, Received, Refusal},
    chain::{Run, VerifiedRun},
    frontier::{Island, MAX_LINES},
    ids::*,
    role::Role,
    run,
};
use proptest::prelude::*;

use crate::common::*;

/// A tree of entries: each branch leaves an earlier one after some of its entries.
fn tree(pen: &Pen, branches: &[(usize, usize, usize)]) -> Vec<Run> {
    let mut tips: Vec<Vec<Pen>> = Vec::new();
    let mut runs = Vec::new();
    for (n, (of, after, count)) in branches.iter().enumerate() {
        let mut pen = match tips.is_empty() {
            true => pen.clone(),
            false => {
                let from = &tips[of % tips.len()];
                from[after % from.len()].clone()
            }
        };
        // Another past, so that nothing is the same.
        pen.highest = Lamport(pen.highest.0 + 1000 * (n as u64 + 1));
        let mut along = vec![pen.clone()];
        for _ in 0..*count {
            runs.push(pen.data(1, None, Class::C0));
            along.push(pen.clone());
        }
        tips.push(along);
    }
    runs
}

/// What must not depend on the order, computed from the set alone.
fn plain_view(world: &World, runs: &[VerifiedRun]) -> (Vec<Island>, Option<Seq>, u64) {
    let mut before: BTreeMap<(u64, EntryHash), EntryHash> = BTreeMap::new();
    for run in runs {
        let mut below = run.before();
        for entry in run.entries() {
            before.insert((entry.seq().0, entry.hash()), below);
            below = entry.hash();
        }
    }
    let mut known: BTreeMap<u64, BTreeSet<EntryHash>> = BTreeMap::new();
    for ((seq, hash), below) in &before {
        known.entry(*seq).or_default().insert(*hash);
        if let Some(under) = seq.checked_sub(1) {
            known.entry(under).or_default().insert(*below);
        }
    }
    let fork = known.iter().find(|(_, hashes)| hashes.len() > 1);
    let parents: BTreeSet<_> = before.values().collect();
    let leaves = before.keys().filter(|(_, hash)| !parents.contains(hash));
    let mut islands: Vec<_> = leaves
        .map(|(to, head)| {
            let (mut from, mut at) = (*to, *head);
            while let Some(below) = from.checked_sub(1) {
                let under = before[&(from, at)];
                if !before.contains_key(&(below, under)) {
                    break;
                }
                (from, at) = (below, under);
            }
            Island {
                from: Seq(from),
                to: Seq(*to),
                before: before[&(from, at)],
                head: *head,
            }
        })
        .collect();
    islands.sort_by_key(|l| (l.from, l.to, l.head));
    let _ = world;
    (islands, fork.map(|(seq, _)| Seq(*seq)), before.len() as u64)
}

fn member() -> (World, Book, Pen) {
    let mut world = World::new();
    let mut book = world.book(&world.founder.clone());
    let mut pen = world.pen(9);
    take(&mut book, &world.admit_with_keys(&mut pen, Role::Volunteer));
    (world, book, pen)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn branches_in_any_order_and_grouping_come_to_the_same(
        shape in prop::collection::vec((0..4usize, 0..8usize, 1..7usize), 1..5),
        order in prop::collection::vec((any::<usize>(), 1..6usize), 0..40),
        drops in prop::collection::vec(any::<bool>(), 40),
    ) {
        let (world, book, pen) = member();
        let id = pen.log_id(Lane::DATA);
        let all = tree(&pen, &shape);
        let kept: Vec<Run> = all
            .iter()
            .enumerate()
            .filter(|(n, _)| !drops[n % drops.len()] || drops[0])
            .map(|(_, run)| run.clone())
            .collect();
        prop_assume!(!kept.is_empty());
        let proven: Vec<_> = kept.iter().map(|r| verified(&world.incident(), r)).collect();
        let (leaves, fork, count) = plain_view(&world, &proven);
        let mut straight = book.clone();
        for run in &kept {
            let _ = give(&mut straight, run);
        }
        let mut shuffled = book.clone();
        for (at, len) in &order {
            // Several entries of one chain as one run, where they follow one another.
            let at = at % kept.len();
            let mut run = kept[at].clone();
            for next in kept[at + 1..].iter().take(*len) {
                let head = verified(&world.incident(), &run).head();
                if next.before == head {
                    run = join(&[run, next.clone()]);
                }
            }
            let _ = give(&mut shuffled, &run);
        }
        for run in kept.iter().rev() {
            let told = give(&mut shuffled, run);
            let many = matches!(told, Err(Refusal::Fork { .. }));
            prop_assert!(told.is_ok() || many && leaves.len() > 3, "{:?}", told);
        }
        for run in &kept {
            prop_assert!(give(&mut shuffled, run).is_ok());
            prop_assert_eq!(give(&mut straight, run), Ok(Received::Known));
        }
        for book in [&straight, &shuffled] {
            let heads = book.log(&id).unwrap();
            prop_assert_eq!(heads.count(), count, "{:?}", heads);
            prop_assert_eq!(heads.forked_at(), fork);
            prop_assert_eq!(&heads.leaves(), &leaves);
            for run in &proven {
                let (seq, hash) = (run.first(), run.head());
                prop_assert!(heads.holds(seq, &hash));
                prop_assert_eq!(heads.before_of(seq, &hash), Some(run.before()));
                let below = seq.0.checked_sub(1).map(Seq);
                if let Some(below) = below.filter(|b| heads.holds(*b, &run.before())) {
                    prop_assert!(heads.descends((seq, &hash), (below, &run.before())));
                }
            }
        }
        prop_assert_eq!(straight.frontier_digest(), shuffled.frontier_digest());
        prop_assert_eq!(straight.entries(), shuffled.entries());
    }
}

#[test]
fn more_branches_than_are_kept_are_refused_and_take_no_memory() {
    let (_, mut book, pen) = member();
    let shape: Vec<_> = (0..MAX_LINES + 5).map(|_| (0, 0, 1)).collect();
    let runs = tree(&pen, &shape);
    let told: Vec<_> = runs.iter().map(|r| give(&mut book, r)).collect();
    let taken = told.iter().filter(|t| t.is_ok()).count();
    assert_eq!(taken, MAX_LINES + 1);
    for refused in &told[taken..] {
        let why = refused.clone().unwrap_err();
        assert_eq!(why.code(), "fork");
    }
    let heads = book.log(&pen.log_id(Lane::DATA)).unwrap();
    assert_eq!(heads.count(), MAX_LINES as u64 + 1);
}

// --- Proofs ---

/// Two histories of a volunteer's data: three places shared, then each its own.
struct Forked {
    world: World,
    book: Book,
    pen: Pen,
    stem: Run,
    one: Run,
    other: Run,
}

fn forked() -> Forked {
    let (world, book, mut pen) = member();
    let stem = pen.data(3, None, Class::C0);
    let mut twin = pen.clone();
    let one = pen.data(4, None, Class::C0);
    twin.highest = Lamport(700);
    let other = twin.data(2, None, Class::C0);
    Forked {
        world,
        book,
        pen,
        stem,
        one,
        other,
    }
}

fn branch(world: &World, run: &Run) -> Branch {
    let run = verified(&world.incident(), run);
    let digests: Vec<_> = run.entries().iter().map(|e| e.digest()).collect();
    Branch {
        digests: digests.try_into().unwrap(),
        signature: run.entries().last().unwrap().signature().unwrap(),
    }
}

impl Forked {
    fn proof(&self) -> ForkProof {
        ForkProof {
            log: self.pen.log(Lane::DATA),
            seq: Seq(3),
            before: self.one.before,
            branches: (
                branch(&self.world, &self.one),
                branch(&self.world, &self.other),
            ),
        }
    }

    /// What a book says of each of these entries.
    fn counts(&self, book: &Book, run: &Run) -> Vec<bool> {
        let run = verified(&self.world.incident(), run);
        let standings = run.entries().iter().map(|e| {
            let grant = e.header().grant;
            let standing = book.standing(run.log(), e.seq(), &e.hash(), &grant);
            matches!(standing, Standing::Counts(_))
        });
        standings.collect()
    }

    fn adopt(&self, run: &Run, from: u64) -> Act {
        let run = verified(&self.world.incident(), run);
        Act::Adopt(Adopt {
            log: *run.log(),
            from: Seq(from),
            to: run.last(),
            hash: run.head(),
            signature: run.entries().last().unwrap().signature().unwrap(),
        })
    }
}

#[test]
fn a_proof_is_two_signed_histories_that_part_and_nothing_else() {
    let f = forked();
    let incident = f.world.incident();
    let proof = f.proof();
    assert!(proof.holds(&incident));
    assert!(
        Act::Fork(Box::new(proof.clone()))
            .write()
            .unwrap()
            .body
            .len()
            < 5 * 1024
    );
    let spoilt: [fn(&mut ForkProof); 8] = [
        // One history twice, and one that is the other's beginning.
        |p| p.branches.1 = p.branches.0.clone(),
        |p| {
            let first = *p.branches.0.digests.first().unwrap();
            p.branches.1.digests = vec![first].try_into().unwrap();
        },
        |p| p.branches.1.digests = Default::default(),
        |p| p.branches.0.signature = p.branches.1.signature,
        |p| p.seq = Seq(4),
        |p| p.before = EntryHash([1; 32]),
        |p| p.log.generation = Generation(1),
        |p| p.log.device = DeviceId([3; 32]),
    ];
    for (n, spoil) in spoilt.iter().enumerate() {
        let mut bad = proof.clone();
        spoil(&mut bad);
        assert!(!bad.holds(&incident), "{n}");
        let mut book = f.book.clone();
        let mut carrier = f.world.founder.clone();
        take(&mut book, &carrier.acts(&[Act::Fork(Box::new(bad))]));
        assert_eq!(book.authority().forks().count(), 0, "{n}");
        assert_eq!(book.authority().void_fork_proofs(), 1, "{n}");
    }
    // The longest there can be, as a whole run shows it.
    let (world, _, mut pen) = member();
    let mut twin = pen.clone();
    twin.highest = Lamport(700);
    let (one, other) = (
        pen.data(64, None, Class::C0),
        twin.data(64, None, Class::C0),
    );
    let longest = ForkProof {
        log: pen.log(Lane::DATA),
        seq: Seq(0),
        before: one.before,
        branches: (branch(&world, &one), branch(&world, &other)),
    };
    assert!(longest.holds(&world.incident()));
    assert!(Act::Fork(Box::new(longest)).write().unwrap().body.len() < 5 * 1024);
}

#[test]
fn whoever_hears_a_proof_judges_as_one_who_holds_both_branches() {
    let f = forked();
    let mut founder = f.world.founder.clone();
    let act = founder.acts(&[Act::Fork(Box::new(f.proof()))]);
    let mut both = f.book.clone();
    for run in [&f.stem, &f.one, &f.other] {
        take(&mut both, run);
    }
    assert_eq!(f.counts(&both, &f.stem), [true; 3]);
    assert_eq!(f.counts(&both, &f.one), [false; 4]);
    assert_eq!(f.counts(&both, &f.other), [false; 2]);
    // By the proof alone, before any entry of the log.
    let mut heard = f.book.clone();
    let learned = take(&mut heard, &act);
    assert_eq!(learned.judged, [f.pen.id()].into());
    take(&mut heard, &f.stem);
    take(&mut heard, &f.other);
    assert_eq!(f.counts(&heard, &f.stem), [true; 3]);
    assert_eq!(f.counts(&heard, &f.other), [false; 2]);
    take(&mut heard, &f.one);
    take(&mut both, &act);
    assert_eq!(f.counts(&heard, &f.one), f.counts(&both, &f.one));
    assert_eq!(heard.frontier_digest(), both.frontier_digest());
    assert_eq!(
        both.authority().fork_proven_at(&f.pen.log(Lane::DATA)),
        Some(Seq(3))
    );
}

/// Every order of arrival of branches, adoptions, a cut and a proof.
#[test]
fn adoptions_and_cuts_settle_branches_in_whatever_order_they_come() {
    let f = forked();
    let mut founder = f.world.founder.clone();
    let proof = founder.acts(&[Act::Fork(Box::new(f.proof()))]);
    let one = slice(&f.world.incident(), &f.one, 0, 3);
    let adopt_one = founder.acts(&[f.adopt(&one, 3)]);
    let adopt_other = founder.acts(&[f.adopt(&f.other, 0)]);
    let runs = [&f.stem, &f.one, &f.other, &proof, &adopt_one, &adopt_other];
    let mut orders = vec![vec![]];
    for n in 0..runs.len() {
        let insert = |order: &Vec<usize>| {
            let places = 0..=order.len();
            let order = order.clone();
            places.map(move |at| {
                let mut order = order.clone();
                order.insert(at, n);
                order
            })
        };
        orders = orders.iter().flat_map(insert).collect();
    }
    let mut digests = BTreeSet::new();
    for order in &orders {
        let mut book = f.book.clone();
        for at in order {
            take(&mut book, runs[*at]);
        }
        assert_eq!(f.counts(&book, &f.stem), [true; 3], "{order:?}");
        let counts = f.counts(&book, &f.one);
        assert_eq!(counts, [true, true, true, false], "{order:?}");
        assert_eq!(f.counts(&book, &f.other), [true; 2], "{order:?}");
        digests.insert(book.frontier_digest());
    }
    assert_eq!((orders.len(), digests.len()), (720, 1));
}

#[test]
fn a_cut_names_one_branch_and_nobody_settles_their_own() {
    let f = forked();
    let mut founder = f.world.founder.clone();
    let named = verified(&f.world.incident(), &f.other);
    let end = |by: &mut Pen| {
        let cut = Cut {
            generation: f.pen.generation,
            lane: Lane::DATA,
            seq: named.last(),
            hash: named.head(),
            signature: named.entries().last().unwrap().signature().unwrap(),
        };
        by.acts(&[Act::End(End {
            grant: f.pen.grant,
            cuts: vec![cut].try_into().unwrap(),
            role: None,
            lifts: Default::default(),
            why: text("lost"),
            extensions: Default::default(),
        })])
    };
    let mut book = f.book.clone();
    for run in [&f.stem, &f.one, &f.other] {
        take(&mut book, run);
    }
    let mut by_founder = book.clone();
    take(&mut by_founder, &end(&mut founder));
    assert_eq!(f.counts(&by_founder, &f.stem), [true; 3]);
    assert_eq!(f.counts(&by_founder, &f.one), [false; 4]);
    assert_eq!(f.counts(&by_founder, &f.other), [true; 2]);
    // The author hands itself in, and names the branch it likes.
    let mut own = book.clone();
    take(&mut own, &end(&mut f.pen.clone()));
    assert_eq!(f.counts(&own, &f.stem), [true; 3]);
    assert_eq!(f.counts(&own, &f.other), [false; 2]);
    // An adoption that names a hash nobody has signed settles nothing.
    let mut forged = f.adopt(&f.one, 0);
    if let Act::Adopt(adopt) = &mut forged {
        adopt.hash = EntryHash([5; 32]);
    }
    take(&mut book, &founder.acts(&[forged]));
    assert_eq!(f.counts(&book, &f.one), [false; 4]);
}

/// A coordinator's lane 0 forks: what it gave past the fork is void, whatever came first, until
/// somebody senior adopts a branch.
#[test]
fn acts_past_a_fork_of_lane_0_are_void_until_adopted() {
    let mut world = World::new();
    let book = world.book(&world.founder.clone());
    let mut coordinator = world.pen(9);
    let admitted = world.admit_with_keys(&mut coordinator, Role::Coordinator);
    let (mut early, mut late, mut twin_of_late) = (world.pen(20), world.pen(21), world.pen(22));
    let before = world.admit(&mut coordinator, &mut early, Role::Volunteer, &[]);
    let mut twin = coordinator.clone();
    twin.highest = Lamport(900);
    let one = world.admit(&mut coordinator, &mut late, Role::Volunteer, &[]);
    let other = world.admit(&mut twin, &mut twin_of_late, Role::Volunteer, &[]);
    // Life goes on: the coordinator's new generation is another log.
    coordinator.generation = Generation(1);
    coordinator.tips.clear();
    let mut fresh = world.pen(23);
    let after = world.admit(&mut coordinator, &mut fresh, Role::Volunteer, &[]);
    let head = verified(&world.incident(), &one);
    let adopt = world.founder.acts(&[Act::Adopt(Adopt {
        log: *head.log(),
        from: head.first(),
        to: head.last(),
        hash: head.head(),
        signature: head.entries()[0].signature().unwrap(),
    })]);
    let live = |book: &Book| {
        let pens = [&early, &late, &twin_of_late, &fresh];
        pens.map(|p| book.authority().best_grant(&p.id()).is_some())
    };
    let runs = [&admitted, &before, &one, &other, &after];
    for turn in 0..runs.len() {
        let mut got = book.clone();
        let mut order = runs.to_vec();
        order.rotate_left(turn);
        for round in 0..3 {
            for run in &order {
                let told = give(&mut got, run);
                assert!(told.is_ok() || round == 0, "{told:?}");
            }
        }
        assert_eq!(live(&got), [true, false, false, true], "turn {turn}");
        let mut first = book.clone();
        let _ = give(&mut first, &adopt);
        for _ in 0..3 {
            order.iter().for_each(|run| drop(give(&mut first, run)));
        }
        take(&mut got, &adopt);
        for book in [&got, &first] {
            assert_eq!(live(book), [true, true, false, true], "turn {turn}");
        }
        assert_eq!(got.frontier_digest(), first.frontier_digest());
    }
    let _ = run::encode(&one);
}
