//! Ways that need no sketch: everything, heights alone, and ranges halved until they agree.

use ::negentropy::{Id, Negentropy, NegentropyStorageVector};

use crate::world::{Cost, Logs, World, head, varint};

/// All heads, both ways.
pub fn list(world: &World) -> Cost {
    Cost::of(|cost| {
        for side in &world.sides {
            // Id, count, head, no islands.
            cost.say(
                side.values()
                    .map(|count| 32 + varint(*count) + 32 + 1)
                    .sum(),
            );
        }
    })
}

/// Where both know the same logs, by a digest of their ids: heights alone, in the order of the ids.
pub fn dense(world: &World) -> Cost {
    Cost::of(|cost| {
        let [a, b] = &world.sides;
        cost.say(32 + a.values().map(|count| varint(*count)).sum::<usize>());
        if !a.keys().eq(b.keys()) {
            // Ids of all, or another way to agree about them first.
            cost.say(32 * b.len());
            cost.say(32 * a.len());
        }
        let differ = b.iter().filter(|(log, count)| a.get(*log) != Some(*count));
        cost.say(
            4 + differ
                .map(|(_, count)| 2 + varint(*count) + 4)
                .sum::<usize>(),
        );
    })
}

fn storage(logs: &Logs) -> NegentropyStorageVector {
    let mut storage = NegentropyStorageVector::new();
    for (log, count) in logs {
        let id = Id::from_byte_array(head(log, *count).0);
        storage.insert(0, id).unwrap();
    }
    storage.seal().unwrap();
    storage
}

/// Range-based reconciliation of the heads.
pub fn negentropy(world: &World) -> Cost {
    Cost::of(|cost| {
        let [a, b] = world.sides.each_ref().map(storage);
        let mut client = Negentropy::borrowed(&a, 0).unwrap();
        let mut server = Negentropy::borrowed(&b, 0).unwrap();
        let mut message = client.initiate().unwrap();
        let (mut have, mut need) = (Vec::new(), Vec::new());
        loop {
            cost.say(message.len());
            let answer = server.reconcile(&message).unwrap();
            cost.say(answer.len());
            let next = client
                .reconcile_with_ids(&answer, &mut have, &mut need)
                .unwrap();
            match next {
                Some(next) => message = next,
                None => break,
            }
        }
    })
}
