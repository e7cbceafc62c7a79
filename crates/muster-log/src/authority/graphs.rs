//! The resolver over whole sets of authority graphs: every one of a few operations, in every order
//! of arrival, and random larger ones. `MUSTER_GRAPHS=long` widens both (see `scripts/long`).
//!
//! Graphs are made of acts without signatures: what is proven about an entry is the chain's matter.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    // Tests that print their time, and take their width from outside.
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

use std::time::Instant;

use proptest::{
    prelude::Rng as _,
    test_runner::{RngAlgorithm, TestRng},
};

use super::*;
use crate::{
    act::{Cut, End},
    codec::{Bounded, Text},
    genesis::{Allowances, Founder, GenesisBody, RestRules},
    ids::{EntryHash, ExchangeKey, Generation, Lamport, Millis, Signature},
};

const ROLES: [Role; 2] = [Role::Coordinator, Role::Volunteer];

/// One operation of a graph. Principal 0 is the founder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Admit {
        by: usize,
        of: usize,
        role: Role,
        lifts: bool,
    },
    End {
        by: usize,
        of: usize,
        role: Option<Role>,
        /// How many of the target's operations in this graph lie within the cut.
        within: usize,
    },
}

impl Deed {
    fn by(self) -> usize {
        match self {
            Self::Admit { by, .. } | Self::End { by, .. } => by,
        }
    }
}

/// Acts of four to six principals, each with its own log.
pub(super) struct Graph {
    pub devices: Vec<DeviceId>,
    /// The latest grant given to each.
    pub grants: Vec<GrantId>,
    pub next: Vec<u64>,
    /// Where the operations of the graph begin in each log.
    base: Vec<u64>,
    endings: Vec<Vec<GrantId>>,
    pub acts: Vec<(GrantId, ActPlace, Act)>,
}

impl Graph {
    /// The founder and two coordinators of its choosing, and a lead whom the first of them admitted.
    pub fn new(authority: &Authority, principals: usize, hq: bool) -> Self {
        let founder = authority.founder.clone();
        let mut devices = vec![founder.device];
        devices.extend((1..principals).map(|n| DeviceId([n as u8; 32])));
        let mut graph = Self {
            grants: vec![founder.id; principals],
            next: vec![0; principals],
            base: vec![0; principals],
            endings: vec![Vec::new(); principals],
            devices,
            acts: Vec::new(),
        };
        for of in 1..principals {
            let (by, role) = match of {
                3 => (1, Role::Lead),
                4 if hq => (0, Role::Hq),
                _ => (0, Role::Coordinator),
            };
            let deed = Deed::Admit {
                by,
                of,
                role,
                lifts: false,
            };
            graph.add(deed);
        }
        graph.base = graph.next.clone();
        graph
    }

    pub fn log(&self, of: usize) -> LogKey {
        LogKey {
            device: self.devices[of],
            generation: Generation(1),
            lane: Lane::AUTHORITY,
        }
    }

    pub fn add(&mut self, deed: Deed) {
        let by = deed.by();
        let id = GrantId([0x80 + self.acts.len() as u8; 32]);
        let place = ActPlace {
            log: self.log(by),
            seq: Seq(self.next[by]),
            hash: EntryHash(id.0),
            lamport: Lamport(self.acts.len() as u64),
            grant: self.grants[by],
            root: false,
        };
        self.next[by] += 1;
        let act = match deed {
            Deed::Admit {
                of, role, lifts, ..
            } => {
                let act = self.admit(of, role, lifts);
                self.grants[of] = id;
                act
            }
            Deed::End {
                of, role, within, ..
            } => {
                let last = (self.base[of] + within as u64).min(self.next[of]);
                let cut = last.checked_sub(1).map(|seq| Cut {
                    generation: Generation(1),
                    lane: Lane::AUTHORITY,
                    seq: Seq(seq),
                    hash: self.hash_at(of, seq),
                    signature: Signature([0; 64]),
                });
                let act = Act::End(End {
                    grant: self.grants[of],
                    cuts: cut.into_iter().collect::<Vec<_>>().try_into().unwrap(),
                    role,
                    lifts: Bounded::default(),
                    why: Text::default(),
                    extensions: Bounded::default(),
                });
                self.endings[of].push(id);
                if role.is_some() {
                    self.grants[of] = id;
                }
                act
            }
        };
        self.acts.push((id, place, act));
    }

    /// The hash of the act at a place of a principal's log.
    fn hash_at(&self, of: usize, seq: u64) -> EntryHash {
        let here = |p: &ActPlace| p.log == self.log(of) && p.seq == Seq(seq);
        let act = self.acts.iter().find(|(_, place, _)| here(place));
        act.map_or(EntryHash([0; 32]), |(_, place, _)| place.hash)
    }

    fn admit(&self, of: usize, role: Role, lifts: bool) -> Act {
        let lifts = match lifts {
            true => self.endings[of].iter().copied().take(8).collect(),
            false => Vec::new(),
        };
        Act::Admit(Admit {
            device: self.devices[of],
            exchange: ExchangeKey([0; 32]),
            role,
            person: None,
            scope: None,
            label: Text::default(),
            code: Text::default(),
            expires: None,
            lifts: lifts.try_into().unwrap(),
            extensions: Bounded::default(),
        })
    }

    /// An act of the roots that gives a device an hq grant, whatever was said of it.
    fn rescue(&self, of: usize) -> (GrantId, ActPlace, Act) {
        let id = GrantId([0x7f; 32]);
        let place = ActPlace {
            log: self.log(3),
            seq: Seq(99),
            hash: EntryHash(id.0),
            lamport: Lamport(0),
            grant: GrantId([0; 32]),
            root: true,
        };
        (id, place, self.admit(of, Role::Hq, true))
    }
}

pub(super) fn fresh() -> Authority {
    let roots = [crate::chain::DeviceKey::from_bytes(&[9; 32])];
    let founder = crate::chain::DeviceKey::from_bytes(&[8; 32]);
    let body = GenesisBody {
        format: crate::genesis::FORMAT,
        suite: crate::genesis::SUITE,
        salt: [0; 32],
        name: Text::default(),
        claimed: Millis(0),
        roots: vec![roots[0].id()].try_into().unwrap(),
        threshold: 1,
        founder: Founder {
            device: founder.id(),
            exchange: ExchangeKey([0; 32]),
            label: Text::default(),
            code: Text::default(),
        },
        schema: 1,
        allowances: Allowances::default(),
        rest: RestRules::default(),
        retention_days: 0,
        languages: Bounded::default(),
    };
    Authority::new(Genesis::sign(body, &roots).unwrap())
}

/// Learns acts one by one, as they arrive.
pub(super) fn learn<'a>(
    authority: &Authority,
    acts: impl Iterator<Item = &'a (GrantId, ActPlace, Act)>,
) -> Authority {
    let mut authority = authority.clone();
    for (id, place, act) in acts {
        let mut learned = Learned::default();
        if authority.take(*id, *place, act.clone(), &mut learned) {
            authority.resolve(&Logs::new(), &mut learned);
        }
    }
    authority
}

/// What must hold of every graph, however its acts arrived.
fn check(empty: &Authority, graph: &Graph, orders: &[Vec<usize>]) {
    let acts: Acts = graph
        .acts
        .iter()
        .map(|(id, place, act)| (*id, (*place, act.clone())))
        .collect();
    let (logs, forks) = (Logs::new(), BTreeMap::new());
    let chains = Chains {
        incident: empty.incident,
        logs: &logs,
        forks: &forks,
    };
    let goal = resolve::resolve(&empty.founder, &acts, &chains);
    let fixed = graph.acts.len() - orders[0].len();
    for order in orders {
        let first = graph.acts[..fixed].iter();
        // The latest first too: what an act names may come after it.
        let arriving = order.iter().map(|at| &graph.acts[fixed + at]);
        let came = match order.first() > order.last() {
            true => learn(empty, arriving.chain(first)),
            false => learn(empty, first.chain(arriving)),
        };
        assert_eq!(came.resolved, goal, "in the order {order:?}");
    }
    for ending in goal.endings.values().flatten() {
        let ended = &goal.grants[&ending.grant];
        let own = ending.place.log.device == ended.device;
        assert!(own || ending.rank <= ended.role, "a junior ends a senior");
    }
    // Whatever happened, the roots can give it back to somebody.
    for of in 0..graph.devices.len() {
        let rescued = learn(empty, graph.acts.iter().chain([&graph.rescue(of)]));
        let best = rescued.best_grant(&graph.devices[of]);
        assert_eq!(best.map(|g| g.role), Some(Role::Hq), "the roots are lost");
    }
}

fn choices(graph: &Graph, principals: usize) -> Vec<Deed> {
    let mut out = Vec::new();
    for by in 0..principals {
        for of in 0..principals {
            for role in ROLES.into_iter().filter(|_| of != by && of != 0) {
                out.push(Deed::Admit {
                    by,
                    of,
                    role,
                    lifts: false,
                });
                if !graph.endings[of].is_empty() {
                    out.push(Deed::Admit {
                        by,
                        of,
                        role,
                        lifts: true,
                    });
                }
            }
            let had = (graph.next[of] - graph.base[of]) as usize;
            for role in [None, Some(Role::Volunteer)] {
                for within in 0..=had {
                    out.push(Deed::End {
                        by,
                        of,
                        role,
                        within,
                    });
                }
            }
        }
    }
    out
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let mut out = Vec::new();
    for rest in permutations(n - 1) {
        for at in 0..n {
            let mut order = rest.clone();
            order.insert(at, n - 1);
            out.push(order);
        }
    }
    out
}

fn every(empty: &Authority, done: &[Deed], left: usize, orders: &[Vec<usize>], count: &mut u64) {
    let mut graph = Graph::new(empty, 4, false);
    done.iter().for_each(|deed| graph.add(*deed));
    if left == 0 {
        *count += 1;
        return check(empty, &graph, orders);
    }
    for deed in choices(&graph, 4) {
        // Of operations that nobody's cut or lift tells apart, one order of making them will do.
        let commutes = done.last().is_some_and(|last| {
            matches!(
                (last, deed),
                (Deed::Admit { .. }, Deed::Admit { lifts: false, .. })
            ) && last.by() > deed.by()
        });
        // The two coordinators of the beginning differ in one thing: the first admitted the lead.
        if !commutes && may_matter(&graph, deed) {
            every(empty, &[done, &[deed]].concat(), left - 1, orders, count);
        }
    }
}

/// Operations that nobody of this role may ever do are refused before anything else is looked at.
fn may_matter(graph: &Graph, deed: Deed) -> bool {
    match deed {
        Deed::Admit { by, role, .. } => by != 3 || role == Role::Volunteer,
        Deed::End { by, of, .. } => {
            by == of || of != 0 && (by < 3 || graph.next[of] > 0 || of == 3)
        }
    }
}

fn long() -> bool {
    std::env::var("MUSTER_GRAPHS").is_ok_and(|v| v == "long")
}

#[test]
fn every_graph_comes_to_the_same_in_every_order() {
    let began = Instant::now();
    let empty = fresh();
    let operations = if long() { 4 } else { 3 };
    let mut count = 0;
    every(
        &empty,
        &[],
        operations,
        &permutations(operations),
        &mut count,
    );
    println!(
        "{count} graphs of {operations} operations by 4 principals, each in {} orders, in {:.1} s",
        permutations(operations).len(),
        began.elapsed().as_secs_f64()
    );
    assert!(count > 10_000);
}

#[test]
fn random_larger_graphs_come_to_the_same_in_every_order() {
    let began = Instant::now();
    let empty = fresh();
    let graphs = if long() { 100_000 } else { 2_000 };
    for seed in 0..graphs {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&u64::to_le_bytes(seed));
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut pick = |n: usize| rng.next_u32() as usize % n;
        let mut graph = Graph::new(&empty, 6, true);
        let operations = 5 + pick(8);
        for _ in 0..operations {
            let all = choices(&graph, 6);
            let mut deed = all[pick(all.len())];
            if let Deed::Admit { role, .. } = &mut deed {
                *role = Role::ALL[1 + pick(5)];
            }
            graph.add(deed);
        }
        let orders: Vec<Vec<usize>> = (0..4)
            .map(|_| {
                let mut order: Vec<usize> = (0..operations).collect();
                (1..operations).for_each(|at| order.swap(at, pick(at + 1)));
                order
            })
            .collect();
        let caught = std::panic::catch_unwind(|| check(&empty, &graph, &orders));
        assert!(caught.is_ok(), "seed {seed}");
    }
    println!(
        "{graphs} random graphs of 5 to 12 operations by 6 principals, in {:.1} s",
        began.elapsed().as_secs_f64()
    );
}
