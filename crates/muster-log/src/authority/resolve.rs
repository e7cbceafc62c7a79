//! The resolver: which grants, endings and adoptions count, as a function of the set of all acts.
//!
//! Pure and total: it never fails, and the order in which acts were learnt is not an input.
//!
//! An act depends on the act that gave its grant, on each ending that it lies past the cut of, on
//! each adoption that takes it back, and, for an ending, on each act that lifts it. All of these are
//! of equal or higher rank, so that what the senior did is decided first. Where acts depend on one
//! another in a circle (a strongly connected component of this graph), members that something
//! outside has voided drop out and the rest is looked at again; a circle that nothing breaks holds
//! endings among equals, who are then all suspended, and what else is in it counts for nothing.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::graph::{DiGraph, NodeIndex};

use super::grant::{ActPlace, Adoption, Chains, Ending, Grant, Verdict, is_past, touches};
use crate::{
    act::{Act, Admit, End},
    entry::LogKey,
    ids::{DeviceId, GrantId, Lane},
    role::{MAX_DEPTH, Role},
};

/// All acts known, by their ids.
pub(super) type Acts = BTreeMap<GrantId, (ActPlace, Act)>;

/// What follows from a set of acts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Resolved {
    /// Every grant that somebody who may give it has given, valid or not.
    pub grants: BTreeMap<GrantId, Grant>,
    /// Those of them that are not valid.
    pub void: BTreeSet<GrantId>,
    /// The endings in effect, by the device they speak of.
    pub endings: BTreeMap<DeviceId, Vec<Ending>>,
    /// The adoptions in effect.
    pub adoptions: BTreeMap<LogKey, Vec<Adoption>>,
    /// What became of each admission, ending and adoption.
    pub verdicts: BTreeMap<GrantId, Verdict>,
}

/// Resolves a set of acts.
pub(super) fn resolve(founder: &Grant, acts: &Acts, chains: &Chains<'_>) -> Resolved {
    let mut out = pool(founder, acts);
    let nodes = nodes(acts, &out, chains);
    let status = Solver::new(&nodes).solve();
    for (node, status) in nodes.iter().zip(status) {
        out.verdicts.insert(node.id, status.verdict());
        let Some((place, act)) = acts.get(&node.id) else {
            continue;
        };
        match act {
            Act::End(end) if status.in_effect() => {
                let Some(device) = out.grants.get(&end.grant).map(|g| g.device) else {
                    continue;
                };
                out.endings.entry(device).or_default().push(Ending {
                    act: node.id,
                    place: *place,
                    rank: node.rank,
                    grant: end.grant,
                    cuts: end.cuts.to_vec(),
                    role: end.role,
                    suspends: status == Status::Suspends,
                    why: end.why.to_string(),
                });
            }
            Act::Adopt(adopt) if status.in_effect() => {
                out.adoptions.entry(adopt.log).or_default().push(Adoption {
                    act: node.id,
                    by: place.log.device,
                    rank: node.rank,
                    from: adopt.from,
                    to: adopt.to,
                    hash: adopt.hash,
                });
            }
            _ if !status.in_effect() && out.grants.contains_key(&node.id) => {
                out.void.insert(node.id);
            }
            _ => {}
        }
    }
    out
}

/// The rank under which an act is made, if its grant is known and its own maker's.
fn actor<'a>(place: &ActPlace, grants: &'a BTreeMap<GrantId, Grant>) -> Option<Actor<'a>> {
    if place.root {
        return Some(Actor::Root);
    }
    let grant = grants.get(&place.grant)?;
    (grant.device == place.log.device).then_some(Actor::Device(grant))
}

#[derive(Clone, Copy)]
enum Actor<'a> {
    Root,
    Device(&'a Grant),
}

impl Actor<'_> {
    fn rank(self) -> Role {
        match self {
            Self::Root => Role::Root,
            Self::Device(grant) => grant.role,
        }
    }

    fn may_grant(self, role: Role) -> bool {
        match self {
            Self::Root => role != Role::Root,
            Self::Device(grant) => grant.role.may_grant(role) && grant.depth < MAX_DEPTH,
        }
    }

    fn may_end(self, grant: &Grant) -> bool {
        match self {
            Self::Root => true,
            Self::Device(own) => {
                own.device == grant.device || own.role <= Role::Lead && own.role <= grant.role
            }
        }
    }

    fn may_adopt(self, from: DeviceId) -> bool {
        match self {
            Self::Root => true,
            Self::Device(own) => own.role <= Role::Coordinator && own.device != from,
        }
    }
}

/// The grants that acts give whose makers may give them, valid or not; and the verdicts of acts that
/// can never count, or not yet.
pub(super) fn pool(founder: &Grant, acts: &Acts) -> Resolved {
    let mut out = Resolved::default();
    out.grants.insert(founder.id, founder.clone());
    // An act waits for the grant it is made under, and an ending for the one it names.
    let mut waiting: BTreeMap<GrantId, Vec<GrantId>> = BTreeMap::new();
    let mut todo: Vec<GrantId> = acts.keys().copied().collect();
    while let Some(id) = todo.pop() {
        let Some((place, act)) = acts.get(&id) else {
            continue;
        };
        if !matches!(act, Act::Admit(_) | Act::End(_) | Act::Adopt(_)) {
            continue;
        }
        if !place.root && !out.grants.contains_key(&place.grant) {
            waiting.entry(place.grant).or_default().push(id);
            out.verdicts.insert(id, Verdict::Waits);
            continue;
        }
        let given = match (actor(place, &out.grants), act) {
            (Some(actor), Act::Admit(admit)) => admitted(id, actor, admit),
            (Some(actor), Act::End(end)) => match out.grants.get(&end.grant) {
                Some(target) => ended(id, actor, end, target),
                None => {
                    waiting.entry(end.grant).or_default().push(id);
                    out.verdicts.insert(id, Verdict::Waits);
                    continue;
                }
            },
            (Some(actor), Act::Adopt(adopt)) if actor.may_adopt(adopt.log.device) => Ok(None),
            _ => Err(()),
        };
        match given {
            Ok(grant) => {
                out.verdicts.remove(&id);
                if let Some(grant) = grant {
                    todo.extend(waiting.remove(&id).unwrap_or_default());
                    out.grants.insert(id, grant);
                }
            }
            Err(()) => {
                out.verdicts.insert(id, Verdict::NotPermitted);
            }
        }
    }
    out
}

/// The grant of an admission, if its maker may give it.
pub(super) fn grant_of(id: GrantId, parent: &Grant, admit: &Admit) -> Option<Grant> {
    admitted(id, Actor::Device(parent), admit).ok().flatten()
}

fn admitted(id: GrantId, actor: Actor<'_>, admit: &Admit) -> Result<Option<Grant>, ()> {
    if !actor.may_grant(admit.role) {
        return Err(());
    }
    let (parent, depth) = match actor {
        Actor::Root => (None, 0),
        Actor::Device(grant) => (Some(grant.id), grant.depth + 1),
    };
    Ok(Some(Grant {
        id,
        device: admit.device,
        exchange: admit.exchange,
        role: admit.role,
        person: admit.person,
        scope: admit.scope,
        label: admit.label.to_string(),
        code: admit.code.to_string(),
        expires: admit.expires,
        parent,
        depth,
        lifts: admit.lifts.to_vec(),
        given_by: actor.rank(),
    }))
}

/// The grant that a demotion leaves, if its maker may end and give it.
fn ended(id: GrantId, actor: Actor<'_>, end: &End, target: &Grant) -> Result<Option<Grant>, ()> {
    if !actor.may_end(target) {
        return Err(());
    }
    let Some(role) = end.role else {
        return Ok(None);
    };
    let own = matches!(actor, Actor::Device(grant) if grant.device == target.device);
    if role <= target.role || !(own || actor.may_grant(role)) {
        return Err(());
    }
    Ok(Some(Grant {
        id,
        role,
        lifts: end.lifts.to_vec(),
        given_by: actor.rank(),
        ..target.clone()
    }))
}

/// An act whose maker may make it; whether it counts depends on the others.
#[derive(Debug)]
struct Node {
    id: GrantId,
    rank: Role,
    ends: bool,
    /// The act that gave its grant.
    support: Option<usize>,
    attackers: Vec<Attack>,
    /// Adoptions that take it back, whoever ended its grant.
    savers: Vec<usize>,
    /// It lies past a fork of its log.
    forked: bool,
    /// Cuts and adoptions that settle the branch it is on.
    settlers: Vec<usize>,
    lifters: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Attack {
    by: usize,
    /// Somebody of its maker's own rank has lifted it: it is felt only where it suspends.
    only_suspending: bool,
}

fn nodes(acts: &Acts, pool: &Resolved, chains: &Chains<'_>) -> Vec<Node> {
    let sound: Vec<_> = acts
        .iter()
        .filter(|(id, (_, act))| {
            matches!(act, Act::Admit(_) | Act::End(_) | Act::Adopt(_))
                && !pool.verdicts.contains_key(*id)
        })
        .filter_map(|(id, (place, act))| Some((*id, *place, act, actor(place, &pool.grants)?)))
        .collect();
    let at: BTreeMap<GrantId, usize> = sound.iter().enumerate().map(|(n, s)| (s.0, n)).collect();
    let mut of_device: BTreeMap<DeviceId, Vec<usize>> = BTreeMap::new();
    for (n, (_, place, ..)) in sound.iter().enumerate().filter(|(_, s)| !s.1.root) {
        of_device.entry(place.log.device).or_default().push(n);
    }
    let mut nodes: Vec<Node> = sound
        .iter()
        .map(|(id, place, act, actor)| Node {
            id: *id,
            rank: actor.rank(),
            ends: matches!(act, Act::End(_)),
            support: at.get(&place.grant).copied().filter(|_| !place.root),
            attackers: Vec::new(),
            savers: Vec::new(),
            forked: !place.root && chains.is_past_fork(&place.log, place.seq),
            settlers: Vec::new(),
            lifters: Vec::new(),
        })
        .collect();
    for (by, (id, _, act, actor)) in sound.iter().enumerate() {
        match act {
            Act::End(end) => {
                let device = pool.grants.get(&end.grant).map(|g| g.device);
                let theirs = device.and_then(|d| of_device.get(&d));
                for &n in theirs.into_iter().flatten().filter(|n| **n != by) {
                    let (place, grant) = (&sound[n].1, &pool.grants[&sound[n].1.grant]);
                    let felt = |suspends| touches(*id, actor.rank(), end.role, suspends, grant);
                    let past = is_past(&end.cuts, chains, place.into());
                    if felt(true) && past {
                        nodes[n].attackers.push(Attack {
                            by,
                            only_suspending: !felt(false),
                        });
                    }
                    let may = others(actor, &place.log) && actor.rank() <= nodes[n].rank;
                    if nodes[n].forked && !past && may {
                        nodes[n].settlers.push(by);
                    }
                }
                for lifted in end.lifts.iter().filter_map(|l| at.get(l)) {
                    if nodes[*lifted].ends && actor.rank() < nodes[*lifted].rank {
                        nodes[*lifted].lifters.push(by);
                    }
                }
            }
            Act::Adopt(adopt) if adopt.log.lane == Lane::AUTHORITY => {
                for &n in of_device.get(&adopt.log.device).into_iter().flatten() {
                    let place = &sound[n].1;
                    let within = place.log == adopt.log
                        && adopt.from <= place.seq
                        && chains.reaches((adopt.to, &adopt.hash), place.into());
                    if within && actor.rank() < nodes[n].rank {
                        nodes[n].savers.push(by);
                    }
                    if within && nodes[n].forked && actor.rank() <= nodes[n].rank {
                        nodes[n].settlers.push(by);
                    }
                }
            }
            _ => {}
        }
    }
    nodes
}

/// Whether an act is somebody else's than the log it speaks of: nobody settles their own fork.
fn others(actor: &Actor<'_>, log: &LogKey) -> bool {
    match actor {
        Actor::Root => true,
        Actor::Device(grant) => grant.device != log.device,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Open,
    Counts,
    Suspends,
    Void,
}

impl Status {
    fn in_effect(self) -> bool {
        matches!(self, Self::Counts | Self::Suspends)
    }

    fn verdict(self) -> Verdict {
        match self {
            Self::Counts => Verdict::Counts,
            Self::Suspends => Verdict::Suspends,
            Self::Void | Self::Open => Verdict::Void,
        }
    }
}

struct Solver<'a> {
    nodes: &'a [Node],
    status: Vec<Status>,
}

impl<'a> Solver<'a> {
    fn new(nodes: &'a [Node]) -> Self {
        Self {
            nodes,
            status: vec![Status::Open; nodes.len()],
        }
    }

    fn solve(mut self) -> Vec<Status> {
        let all = (0..self.nodes.len()).collect();
        // The last one is looked at first; each comes after all it depends on.
        let mut todo = self.components(all);
        while let Some(component) = todo.pop() {
            if let [one] = component[..]
                && !self.depends(one).any(|d| d == one)
            {
                self.status[one] = match self.is_doomed(one) {
                    true => Status::Void,
                    false => Status::Counts,
                };
                continue;
            }
            let (doomed, rest): (Vec<_>, Vec<_>) =
                component.into_iter().partition(|n| self.is_doomed(*n));
            for n in &doomed {
                self.status[*n] = Status::Void;
            }
            if doomed.is_empty() {
                for n in rest {
                    self.status[n] = match self.nodes[n].ends {
                        true => Status::Suspends,
                        false => Status::Void,
                    };
                }
            } else {
                todo.extend(self.components(rest));
            }
        }
        self.status
    }

    /// What an act depends on.
    fn depends(&self, n: usize) -> impl Iterator<Item = usize> + '_ {
        let node = &self.nodes[n];
        let attackers = node.attackers.iter().map(|a| a.by);
        let others = node.savers.iter().chain(&node.settlers);
        let others = others.chain(&node.lifters).copied();
        node.support.into_iter().chain(attackers).chain(others)
    }

    /// The strongly connected components among these acts, those that depend on others first.
    fn components(&self, among: Vec<usize>) -> Vec<Vec<usize>> {
        let mut graph = DiGraph::<usize, ()>::with_capacity(among.len(), among.len());
        let at: BTreeMap<usize, NodeIndex> =
            among.iter().map(|n| (*n, graph.add_node(*n))).collect();
        for (n, from) in &at {
            for to in self.depends(*n).filter_map(|d| at.get(&d)) {
                graph.add_edge(*from, *to, ());
            }
        }
        // Given in postorder: whatever a component depends on comes before it.
        let mut out: Vec<Vec<usize>> = petgraph::algo::kosaraju_scc(&graph)
            .into_iter()
            .map(|c| c.into_iter().map(|n| graph[n]).collect())
            .collect();
        out.reverse();
        out
    }

    /// Whether what is decided already voids it.
    fn is_doomed(&self, n: usize) -> bool {
        let node = &self.nodes[n];
        let groundless = node.support.is_some_and(|s| self.status[s] == Status::Void);
        let lifted = node.lifters.iter().any(|l| self.status[*l].in_effect());
        let saved = node
            .savers
            .iter()
            .any(|s| self.status[*s] == Status::Counts);
        let killed = node.attackers.iter().any(|a| match self.status[a.by] {
            Status::Suspends => true,
            Status::Counts => !a.only_suspending,
            _ => false,
        });
        let settled = node
            .settlers
            .iter()
            .any(|s| self.status[*s] == Status::Counts);
        groundless || lifted || killed && !saved || node.forked && !settled
    }
}
