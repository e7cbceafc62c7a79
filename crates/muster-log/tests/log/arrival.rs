//! Any order of arrival, with gaps and repetitions, ends in the same frontier, grants and keys.

use muster_log::{
    act::{Act, Adopt, Audience, End},
    book::Book,
    chain::Run,
    entry::PartBody,
    ids::*,
    role::Role,
    run,
    seal::ClassKey,
};
use proptest::prelude::*;

use crate::common::*;

/// What a book came to: all that must not depend on the order.
fn outcome(book: &Book) -> impl PartialEq + std::fmt::Debug + use<> {
    let grants: Vec<_> = book.authority().grants().cloned().collect();
    let keys: Vec<_> = book.keys().keys().map(|(id, _)| *id).collect();
    let claims: Vec<_> = keys
        .iter()
        .map(|id| book.keys().claim(id).copied())
        .collect();
    let audiences = [Audience::WholeClass]
        .into_iter()
        .chain(grants.iter().map(|g| Audience::Device(g.device)));
    let latest: Vec<_> = audiences
        .flat_map(|a| [Class::C1, Class::C2, Class::C3].map(|c| (c, a)))
        .map(|(c, a)| book.keys().latest(c, a).map(ClassKey::id))
        .collect();
    let allowances: Vec<_> = grants
        .iter()
        .map(|g| book.authority().allowance(&g.device))
        .collect();
    let standings: Vec<_> = book
        .logs()
        .flat_map(|log| (0..log.contiguous()).map(move |seq| (*log.key(), Seq(seq))))
        .flat_map(|(log, seq)| grants.iter().map(move |g| (log, seq, g.id)))
        .map(|(log, seq, grant)| {
            let hash = book.log(&log.id(&book.incident())).unwrap().hash_at(seq);
            let standing = book.standing(&log, seq, &hash.unwrap(), &grant);
            format!("{:?}", std::mem::discriminant(&standing))
        })
        .collect();
    let digests = (book.frontier_digest(), book.authority_digest());
    (
        digests,
        (book.entries(), book.highest()),
        grants,
        (keys, claims),
        latest,
        allowances,
        standings,
    )
}

#[derive(Debug, Clone)]
enum Deed {
    /// Device `by` admits the next one in this role, and rotates a key or not.
    Admit {
        by: usize,
        role: usize,
        rotate: bool,
    },
    /// Device `by` raises somebody's allowance.
    Allow { by: usize, of: usize, entries: u64 },
    /// Device `by` rotates C1 or C2, or says that it does.
    Rotate { by: usize, c2: bool, lie: u64 },
    /// Device `by` ends what device `of` was given first, or leaves it a volunteer; the cut may lie
    /// before its last entries.
    End {
        by: usize,
        of: usize,
        role: bool,
        behind: u64,
    },
    /// Device `by` takes back what device `of` wrote last.
    Adopt { by: usize, of: usize },
    /// Device `by` writes.
    Data { by: usize, count: usize },
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => (0..6usize, 1..6usize, any::<bool>())
            .prop_map(|(by, role, rotate)| Deed::Admit { by, role, rotate }),
        1 => (0..6usize, 0..6usize, 0..50_000u64)
            .prop_map(|(by, of, entries)| Deed::Allow { by, of, entries }),
        2 => (0..6usize, any::<bool>(), 0..1u64 << 40)
            .prop_map(|(by, c2, lie)| Deed::Rotate { by, c2, lie }),
        2 => (0..6usize, 0..6usize, any::<bool>(), 0..3u64)
            .prop_map(|(by, of, role, behind)| Deed::End { by, of, role, behind }),
        1 => (0..6usize, 0..6usize).prop_map(|(by, of)| Deed::Adopt { by, of }),
        3 => (0..6usize, 1..5usize).prop_map(|(by, count)| Deed::Data { by, count }),
    ]
}

fn history(deeds: &[Deed]) -> (World, Vec<Pen>, Vec<Run>) {
    let mut world = World::new();
    let mut runs = vec![world.keys()];
    let mut pens = vec![world.founder.clone()];
    let mut made = 0x80;
    let (mut c1, mut c2) = (vec![world.c1.clone()], vec![world.c2.clone()]);
    for deed in deeds {
        let pick = |at: &usize, pens: &[Pen]| at % pens.len();
        match deed {
            Deed::Admit { by, role, rotate } if pens.len() < 6 => {
                let by = pick(by, &pens);
                let mut pen = world.pen(50 + pens.len() as u8);
                let key = c1.last().unwrap().clone();
                let mut beside = vec![];
                if *rotate {
                    let to = pen.clone();
                    let act =
                        world.key_act(&key, Class::C1, Audience::WholeClass, &[&to], &[], &[]);
                    beside.push(Act::Key(act));
                }
                runs.push(world.admit(&mut pens[by], &mut pen, Role::ALL[*role], &beside));
                pens.push(pen);
            }
            Deed::Admit { .. } => {}
            Deed::Allow { by, of, entries } => {
                let (by, device) = (pick(by, &pens), pens[pick(of, &pens)].id());
                let act = muster_log::act::Allowance {
                    device,
                    entries: *entries,
                };
                runs.push(pens[by].acts(&[Act::Allowance(act)]));
            }
            Deed::Rotate {
                by,
                c2: second,
                lie,
            } => {
                made += 1;
                let by = pick(by, &pens);
                let new = ClassKey::from_bytes([made; 32]);
                let (class, line) = if *second {
                    (Class::C2, &mut c2)
                } else {
                    (Class::C1, &mut c1)
                };
                let old = line.last().unwrap().clone();
                line.push(new.clone());
                let own = ClassKey::from_bytes([made ^ 0x40; 32]);
                let to: Vec<Pen> = pens.clone();
                let to: Vec<&Pen> = to.iter().step_by(2).collect();
                let rotation = world.key_act(&new, class, Audience::WholeClass, &to, &[], &[&old]);
                let me = Audience::Device(pens[by].id());
                let personal = world.key_act(&own, class, me, &to[..1], &[&new], &[]);
                pens[by].highest = Lamport(pens[by].highest.0.max(*lie));
                runs.push(pens[by].acts(&[Act::Key(rotation), Act::Key(personal)]));
            }
            Deed::End {
                by,
                of,
                role,
                behind,
            } => {
                let (by, of) = (pick(by, &pens), pick(of, &pens));
                let cut = pens[of].cut(Lane::DATA, *behind);
                let end = End {
                    grant: pens[of].grant,
                    cuts: cut.into_iter().collect::<Vec<_>>().try_into().unwrap(),
                    role: role.then_some(Role::Volunteer),
                    lifts: Default::default(),
                    why: text("lost"),
                    extensions: Default::default(),
                };
                runs.push(pens[by].acts(&[Act::End(end)]));
            }
            Deed::Adopt { by, of } => {
                let (by, of) = (pick(by, &pens), pick(of, &pens));
                if let Some(cut) = pens[of].cut(Lane::DATA, 0) {
                    let adopt = Adopt {
                        log: pens[of].log(Lane::DATA),
                        from: Seq(cut.seq.0 / 2),
                        to: cut.seq,
                        hash: cut.hash,
                        signature: cut.signature,
                    };
                    runs.push(pens[by].acts(&[Act::Adopt(adopt)]));
                }
            }
            Deed::Data { by, count } => {
                let by = pick(by, &pens);
                let run = pens[by].data(*count, Some(&c1[0]), Class::C1);
                // As single entries too, so that gaps and islands come about.
                for at in 0..*count {
                    runs.push(slice(&world.incident(), &run, at, at + 1));
                }
                // And stripped of a part, as a hostile relay may pass it on.
                let mut stripped = run.clone();
                stripped.entries[count / 2].parts[0] = PartBody::Absent;
                runs.extend([stripped, run]);
            }
        }
    }
    (world, pens, runs)
}

/// Gives all runs in this order, and those refused again until nothing moves.
fn deliver(mut book: Book, runs: &[Vec<u8>], order: &[usize]) -> Book {
    let mut left: Vec<&Vec<u8>> = order.iter().map(|at| &runs[*at % runs.len()]).collect();
    left.extend(runs);
    loop {
        let before = left.len();
        left.retain(|bytes| book.receive(bytes).is_err());
        if left.len() == before || left.is_empty() {
            return book;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_arrival_gives_the_same(
        deeds in prop::collection::vec(deed(), 4..16),
        orders in prop::collection::vec(prop::collection::vec(any::<usize>(), 0..60), 2),
        reader in 0..6usize,
    ) {
        let (world, pens, runs) = history(&deeds);
        let runs: Vec<_> = runs.iter().map(run::encode).collect();
        let book = || world.book(&pens[reader % pens.len()]);
        let in_order = deliver(book(), &runs, &[]);
        let goal = outcome(&in_order);
        let reversed: Vec<_> = (0..runs.len()).rev().collect();
        prop_assert_eq!(&outcome(&deliver(book(), &runs, &reversed)), &goal);
        for order in &orders {
            prop_assert_eq!(&outcome(&deliver(book(), &runs, order)), &goal);
        }
    }
}
