//! The way that was chosen: `muster_log::reconcile`, with the frames it goes in.

use std::collections::BTreeMap;

use muster_log::{
    codec,
    ids::{LogId, Seq},
    reconcile::{Agreement, Key, Out, State, Theirs, View},
};

use crate::world::{Cost, Logs, World, head};

fn view(logs: &Logs, seed: u64) -> View {
    let key = Key::new(blake3::hash(&seed.to_le_bytes()).as_bytes(), 1, 0);
    let state = |(id, count): (&LogId, &u64)| {
        let (count, head) = (*count, head(id, *count));
        (*id, State::Plain { count, head })
    };
    View::new(key, logs.iter().map(state))
}

/// Kind, lane; of what is told, an empty list of heads and whether it is the last, too.
fn bytes(out: &Out) -> usize {
    let sketch = out.sketch.iter().map(|s| codec::encode(s).len() + 2);
    let parts = out.parts.iter();
    let parts = parts.map(|p| codec::encode(&p.tell).len() + 4 + 74 * p.heads.len());
    sketch.chain(parts).sum()
}

pub fn agree(world: &World) -> Cost {
    let sides = &world.sides;
    let mut has: [BTreeMap<LogId, u64>; 2] = sides.clone();
    let mut cost = Cost::of(|cost| {
        let (one, out) = Agreement::open(view(&sides[0], world.seed));
        let mut agreements = [one, Agreement::wait(view(&sides[1], world.seed))];
        let (mut outs, mut from) = (vec![out], 0);
        while outs
            .iter()
            .any(|o| o.sketch.is_some() || !o.parts.is_empty())
        {
            cost.say(outs.iter().map(bytes).sum());
            let to = 1 - from;
            let at = |log: &LogId, seq: Seq| {
                let count = sides[to].get(log).filter(|count| seq.0 < **count);
                count.map(|_| head(log, seq.0 + 1))
            };
            let mut next = Vec::new();
            for out in outs {
                if let Some(sketch) = &out.sketch {
                    next.push(agreements[to].sketch(sketch, &at).unwrap());
                }
                for part in &out.parts {
                    for id in &part.heads {
                        let theirs = sides[from].get(id).copied().unwrap_or(0);
                        has[to].entry(*id).and_modify(|count| *count = theirs);
                    }
                    next.push(agreements[to].part(part, &at).unwrap());
                }
            }
            for finding in next.iter().flat_map(|out| &out.findings) {
                let theirs = match finding.theirs {
                    Theirs::Nothing => 0,
                    Theirs::Upto(count) => count,
                    Theirs::More | Theirs::Parted => continue,
                };
                has[to].insert(finding.log, theirs);
            }
            (outs, from) = (next, to);
        }
    });
    let mut found = 0;
    for (at, side) in sides.iter().enumerate() {
        found += side.iter().filter(|(id, n)| has[at][*id] < **n).count() as u64;
    }
    cost.missed = world.differ.saturating_sub(found);
    cost
}
