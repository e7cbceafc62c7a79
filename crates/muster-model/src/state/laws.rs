//! The laws of the merge, over random histories: order, grouping, repetition and checkpoints leave
//! no trace, and what is alive is what the definition says, computed the slow way.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    ids::{EntryHash, Seq},
    operation::{FieldWrite, Slot, Value},
};
use proptest::prelude::*;

use super::*;
use crate::{
    table::kinds,
    value::{Decimal, Typed, element_of},
};

#[derive(Debug, Clone)]
struct Step {
    device: u8,
    object: u8,
    what: u8,
    value: u8,
    element: u8,
    role: u8,
    class: u8,
    disputed: bool,
    lamport: u8,
    replaces: Vec<u8>,
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = (
        (0..8_u8, 0..3_u8, 0..14_u8, 0..3_u8, 1..3_u8),
        (0..6_u8, 0..8_u8, prop::bool::weighted(0.08), 0..6_u8),
        prop::collection::vec(any::<u8>(), 0..4),
    )
        .prop_map(
            |(
                (device, object, what, value, element),
                (role, class, disputed, lamport),
                replaces,
            )| Step {
                device,
                object,
                what,
                value,
                element,
                role,
                class,
                disputed,
                lamport,
                replaces,
            },
        );
    prop::collection::vec(step, 1..most)
}

type History = Vec<(WriteContext, DataOperation)>;

fn log_of(device: u8) -> LogId {
    LogId([device + 1; 32])
}

fn references(steps: &[Step]) -> Vec<Reference> {
    let mut next = [0_u64; 8];
    steps
        .iter()
        .map(|s| {
            let seq = &mut next[usize::from(s.device)];
            *seq += 1;
            let log = log_of(s.device);
            Reference::new(&log, Seq(*seq), &EntryHash([s.device; 32]), 0, s.value)
        })
        .collect()
}

fn history(steps: &[Step]) -> History {
    let references = references(steps);
    steps
        .iter()
        .enumerate()
        .map(|(at, step)| {
            let role = [
                Role::Hq,
                Role::Coordinator,
                Role::Lead,
                Role::Volunteer,
                Role::Relay,
                Role::Root,
            ][usize::from(step.role)];
            // Mostly the field's own class; sometimes another one, or none that exists.
            let class = |own: u8| Class(if step.class < 5 { own } else { step.class - 4 });
            // References to operations of the same field among the picked ones, and some others.
            let replaces: Vec<Reference> = step
                .replaces
                .iter()
                .map(|r| references[usize::from(*r) % references.len()])
                .collect();
            let (operation, own_class) = operation(step, replaces);
            let context = WriteContext {
                reference: references[at],
                lamport: Lamport(step.lamport.into()),
                log: log_of(step.device),
                claimed: Millis(1_000 * i64::from(step.lamport)),
                device: DeviceId([step.device; 32]),
                role,
                person: Some(ObjectId([step.device % 3; 16])),
                scope: None,
                class: class(own_class),
                urgency: 1,
                disputed: step.disputed,
            };
            // Everything an entry says about itself hangs on its place.
            (context, operation)
        })
        .collect()
}

fn operation(step: &Step, replaces: Vec<Reference>) -> (DataOperation, u8) {
    let object = ObjectId([step.object; 16]);
    let write = |kind: u16, field: u16, element: u64, value: Value| FieldWrite {
        slot: Slot {
            kind,
            object,
            field,
            element,
        },
        replaces: replaces.clone().try_into().unwrap(),
        value,
    };
    let text = Typed::Text(format!("v{}", step.value)).write().unwrap();
    let code = Typed::Code(["duplicate", "unsafe", "follow-up"][usize::from(step.value)].into())
        .write()
        .unwrap();
    let element = u64::from(step.element);
    let other = Typed::Reference(ObjectId([step.value; 16]))
        .write()
        .unwrap();
    let decimal = Typed::Decimal(Decimal::new(i64::from(step.value) * 15, 1).unwrap())
        .write()
        .unwrap();
    let need = kinds::NEED;
    match step.what {
        0 => (DataOperation::Set(write(need, 2, 0, text)), 1),
        1 => (DataOperation::Set(write(need, 2, 0, text)), 3),
        2 => (DataOperation::Set(write(need, 2, 0, Value::default())), 1),
        3 => (DataOperation::Set(write(need, 3, 0, text)), 2),
        4 => (
            DataOperation::Add(write(need, 18, element_of(&code), code)),
            1,
        ),
        5 => (
            DataOperation::Remove(write(need, 18, element_of(&code), Value::default())),
            1,
        ),
        6 => (
            DataOperation::Add(write(need, 40, element, Value::default())),
            1,
        ),
        7 => (
            DataOperation::Remove(write(need, 40, element, Value::default())),
            1,
        ),
        8 => (DataOperation::Set(write(need, 44, element, decimal)), 1),
        9 => (DataOperation::Tally(write(need, 56, element, decimal)), 1),
        10 => (
            DataOperation::Alias(write(need, table_alias(), 0, other)),
            1,
        ),
        11 => (
            DataOperation::Unalias(write(need, table_alias(), 0, Value::default())),
            1,
        ),
        12 => (DataOperation::Set(write(need, 0xE123, 0, text)), 1),
        _ => (DataOperation::Set(write(kinds::VOLUNTEER, 18, 0, text)), 1),
    }
}

fn table_alias() -> u16 {
    crate::table::ALIAS
}

fn shot(state: &State) -> (Vec<(ObjectId, Vec<u8>)>, Digests) {
    let all = state
        .ids()
        .map(|id| (id, state.packed(id).unwrap().to_vec()))
        .collect();
    (all, state.digests())
}

fn replay<'a>(operations: impl IntoIterator<Item = &'a (WriteContext, DataOperation)>) -> State {
    let mut state = State::new();
    for (context, operation) in operations {
        state.apply(context, operation);
    }
    state
}

/// What the definition says is alive, by register: a write lives when it counts and no counting
/// write of its register reaches it through replaced writes that do not count.
fn slow(history: &History) -> BTreeMap<(ObjectId, Class, u16, u64), BTreeSet<Reference>> {
    struct Known<'a> {
        key: (ObjectId, Class, u16, u64),
        at: Reference,
        write: &'a FieldWrite,
        counts: bool,
        stays: bool,
    }
    let mut known = Vec::new();
    for (context, operation) in history {
        let write = match operation {
            DataOperation::Set(w) | DataOperation::Add(w) | DataOperation::Remove(w) => w,
            DataOperation::Tally(w) | DataOperation::Alias(w) | DataOperation::Unalias(w) => w,
            _ => continue,
        };
        let (counts, stays) = match rules::judge(context, operation) {
            rules::Judged::Write(_) => (true, true),
            rules::Judged::Take(_) => (true, false),
            rules::Judged::Pass(..) => (false, false),
            _ => continue,
        };
        let slot = write.slot;
        let key = (slot.object, context.class, slot.field, slot.element);
        known.push(Known {
            key,
            at: context.reference,
            write,
            counts,
            stays,
        });
    }
    let mut out: BTreeMap<_, BTreeSet<Reference>> = BTreeMap::new();
    for one in known.iter().filter(|k| k.stays) {
        out.entry(one.key).or_default().insert(one.at);
    }
    for (key, alive) in &mut out {
        let mut dead: BTreeSet<Reference> = BTreeSet::new();
        let mut queue: Vec<Reference> = known
            .iter()
            .filter(|k| k.key == *key && k.counts)
            .flat_map(|k| k.write.replaces.iter().copied())
            .collect();
        while let Some(at) = queue.pop() {
            if dead.insert(at) {
                let behind = known
                    .iter()
                    .filter(|k| k.key == *key && k.at == at && !k.counts);
                queue.extend(behind.flat_map(|k| k.write.replaces.iter().copied()));
            }
        }
        alive.retain(|at| !dead.contains(at));
    }
    out.retain(|_, alive| !alive.is_empty());
    out
}

fn alive_of(state: &State) -> BTreeMap<(ObjectId, Class, u16, u64), BTreeSet<Reference>> {
    let mut out = BTreeMap::new();
    for id in state.ids() {
        for section in &state.object(id).unwrap().sections {
            for (key, register) in &section.registers {
                if !register.alive.is_empty() {
                    let key = (id, Class(key.class), key.field, key.element);
                    let alive: BTreeSet<Reference> = register.alive.keys().copied().collect();
                    out.entry(key).or_insert_with(BTreeSet::new).extend(alive);
                }
            }
        }
    }
    out
}

fn shuffled<T: Clone>(items: &[T], seed: u64) -> Vec<T> {
    let mut out = items.to_vec();
    let mut random = crate::sample::Random::new(seed);
    for i in (1..out.len()).rev() {
        out.swap(i, random.below(i + 1));
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6_000, ..ProptestConfig::default() })]

    /// Any order, any repetition, any grouping: the same bytes, digests and derived answers.
    #[test]
    fn order_and_repetition_leave_no_trace(steps in steps(16), seed in any::<u64>(), again in any::<u64>()) {
        let history = history(&steps);
        let state = replay(&history);
        let expected = shot(&state);
        let mut twice = shuffled(&history, seed);
        twice.extend(shuffled(&history, again));
        let other = replay(&twice);
        prop_assert_eq!(&shot(&other), &expected);
        // In one batch, backwards.
        let mut batched = State::new();
        let mut batch = batched.batch();
        for (context, operation) in history.iter().rev() {
            batch.apply(context, operation);
        }
        drop(batch);
        prop_assert_eq!(&shot(&batched), &expected);
        for id in state.ids() {
            prop_assert_eq!(state.canonical(id), other.canonical(id));
            prop_assert_eq!(state.joined(id), other.joined(id));
        }
        let contested: Vec<_> = state.index().contested().collect();
        prop_assert_eq!(contested, other.index().contested().collect::<Vec<_>>());
        prop_assert_eq!(alive_of(&state), slow(&history));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    /// Checkpoints in mid-history, late joiners, readers of less, erasures at any moment.
    #[test]
    fn checkpoints_joiners_and_readers_of_less_agree(
        steps in steps(16), seed in any::<u64>(), cut in any::<u8>(), erased in 0..6_u8,
    ) {
        let history = shuffled(&history(&steps), seed);
        let (first, rest) = history.split_at(usize::from(cut) % (history.len() + 1));
        let mut early = replay(first);
        // A late joiner takes packed objects as a checkpoint and goes on from there.
        let mut late = State::new();
        for (id, bytes) in early.take_dirty() {
            late.load(id, &bytes.unwrap()).unwrap();
        }
        prop_assert_eq!(shot(&late), shot(&early));
        prop_assert_eq!(late.dirty_len(), 0);
        early.erase(ObjectId([erased; 16]));
        for (context, operation) in rest {
            early.apply(context, operation);
            late.apply(context, operation);
        }
        late.erase(ObjectId([erased; 16]));
        prop_assert_eq!(shot(&late), shot(&early));
        // Who reads C0 and C1 alone has the same digest of them.
        let public = replay(history.iter().filter(|(c, _)| c.class.0 < 2));
        let whole = replay(&history);
        prop_assert_eq!(public.digests().state, whole.digests().state);
        // Taking objects away and applying theirs again changes nothing.
        let mut again = replay(&history);
        again.forget(ObjectId([0; 16]));
        for (context, operation) in &history {
            again.apply(context, operation);
        }
        prop_assert_eq!(shot(&again), shot(&whole));
    }
}

#[test]
fn replacement_passes_through_a_write_that_does_not_count() {
    let mut base: Vec<Step> = (0..3)
        .map(|i| Step {
            device: i,
            object: 1,
            what: 0,
            value: i,
            element: 1,
            role: 1,
            class: 0,
            disputed: false,
            lamport: i,
            replaces: if i == 0 { Vec::new() } else { vec![i - 1] },
        })
        .collect();
    base[1].role = 4;
    let history = history(&base);
    let two = replay(&history[..2]);
    let shown = |s: &State| s.object(ObjectId([1; 16])).unwrap().text("title").unwrap();
    assert_eq!(
        shown(&two),
        "v0",
        "a write that does not count kills nothing"
    );
    for order in [
        [0, 1, 2],
        [2, 1, 0],
        [1, 2, 0],
        [2, 0, 1],
        [0, 2, 1],
        [1, 0, 2],
    ] {
        let state = replay(order.map(|i| &history[i]));
        assert_eq!(shown(&state), "v2");
        assert!(
            state
                .object(ObjectId([1; 16]))
                .unwrap()
                .contested()
                .is_empty()
        );
    }
}
