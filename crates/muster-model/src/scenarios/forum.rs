//! Messages said on islands that meet: threads, who is addressed, what is unread, who has seen it.

use super::*;
use crate::{
    sample::Random,
    views::threads::{self, Message, Reader, Thread, To},
};

const NOW: Millis = Millis(1_790_000_600_000);

pub(super) fn replayed(log: &[(WriteContext, DataOperation)], seed: u64) -> State {
    // Any order, some of it twice, half of it in one batch.
    let mut random = Random::new(seed);
    let mut all = log.to_vec();
    for _ in 0..log.len() / 3 {
        all.push(log[random.below(log.len())].clone());
    }
    for i in (1..all.len()).rev() {
        all.swap(i, random.below(i + 1));
    }
    let mut state = State::new();
    let (one_by_one, together) = all.split_at(all.len() / 2);
    for (context, operation) in one_by_one {
        state.apply(context, operation);
    }
    let mut batch = state.batch();
    for (context, operation) in together {
        batch.apply(context, operation);
    }
    drop(batch);
    state
}

fn reader(device: u8, role: Role, person: Option<u8>) -> Reader {
    Reader {
        device: DeviceId([device; 32]),
        role: Some(role),
        person: person.map(object),
        scope: None,
    }
}

fn texts(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|m| m.text.as_str()).collect()
}

/// What `read` writes: the reader's device has seen these.
fn sees(device: &mut Device, ids: &[u8]) {
    let me = reader(device.name, device.role, None);
    let all = ids
        .iter()
        .filter_map(|id| threads::receipt(&me, object(*id)))
        .collect();
    device.enter(Operations::from([(Class::C1, all)]));
}

#[test]
fn a_message_waits_for_whom_it_is_for_until_their_own_device_has_seen_it() {
    let (mut a, mut b) = two();
    a.write(kinds::VOLUNTEER, 1, &json!({"name": "Ana Exemple"}));
    a.write(kinds::VOLUNTEER, 2, &json!({"name": "Ben Exemple"}));
    a.write(kinds::SITE, 3, &json!({"name": "Gym"}));
    let team = json!({"name": "Alpha", "members": [object(1).hex()]});
    a.write(kinds::TEAM, 4, &team);
    let here =
        json!({"person": object(2).hex(), "site": object(3).hex(), "in": "2026-09-21T12:00:00Z"});
    a.write(kinds::CHECK_IN, 5, &here);
    meet(&mut a, &mut b);
    for (id, to) in [
        (10, json!({"text": "all", "to": "everyone"})),
        (
            11,
            json!({"text": "leads", "to": "role", "to_role": "lead"}),
        ),
        (
            12,
            json!({"text": "alpha", "to": "team", "to_object": object(4).hex()}),
        ),
        (
            13,
            json!({"text": "gym", "to": "site", "to_object": object(3).hex()}),
        ),
        (
            14,
            json!({"text": "ana", "to": "person", "to_object": object(1).hex()}),
        ),
        (
            15,
            json!({"text": "old", "to": "everyone", "expires": "2026-09-21T12:00:00Z"}),
        ),
    ] {
        a.write(kinds::MESSAGE, id, &to);
    }
    meet(&mut a, &mut b);
    let ana = reader(7, Role::Volunteer, Some(1));
    let ben = reader(8, Role::Lead, Some(2));
    let wait = |s: &State, r: &Reader| -> Vec<String> {
        threads::unread(s, r, NOW)
            .into_iter()
            .map(|m| m.text)
            .collect()
    };
    assert_eq!(wait(&b.state, &ana), ["all", "alpha", "ana"]);
    assert_eq!(wait(&b.state, &ben), ["all", "leads", "gym"]);
    // Who wrote them waits for none of them.
    assert_eq!(wait(&b.state, &reader(1, Role::Lead, Some(1))), [""; 0]);

    // Somebody else's log cannot say that Ana's device saw it, whatever it writes.
    let mut liar = Device::new(9, Role::Volunteer);
    liar.hears(&b);
    let ana_s = reader(7, Role::Volunteer, None);
    let lie = threads::receipt(&ana_s, object(10)).into_iter().collect();
    let lie = Operations::from([(Class::C1, lie)]);
    liar.enter(lie);
    b.hears(&liar);
    assert_eq!(wait(&b.state, &ana), ["all", "alpha", "ana"]);
    // Her own does, for one and all in one entry.
    let mut own = Device::new(7, Role::Volunteer);
    own.hears(&b);
    let before = own.seq;
    sees(&mut own, &[10, 12, 14]);
    assert_eq!(own.seq, before + 1);
    b.hears(&own);
    assert_eq!(wait(&b.state, &ana), [""; 0]);
    assert_eq!(wait(&b.state, &ben), ["all", "leads", "gym"]);
    let seen = threads::message(&b.state, object(10)).unwrap().seen_on;
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        [DeviceId([7; 32]), DeviceId([9; 32])]
    );
    // The text to Ana is of class C2, and so is her name in it.
    let classes: Vec<_> = item::sources(&b.state, object(14))
        .into_iter()
        .filter(|s| s.field == "text" || s.field == "to_object")
        .map(|s| s.class)
        .collect();
    assert_eq!(classes, [Class::C2, Class::C2]);
}

#[test]
fn threads_keep_together_what_answers_and_translates() {
    let (mut a, mut b) = two();
    a.write(
        kinds::MESSAGE,
        10,
        &json!({"text": "Water?", "thread": "Eau potable", "language": "en"}),
    );
    meet(&mut a, &mut b);
    let translated =
        json!({"text": "De l’eau ?", "language": "fr", "translation_of": object(10).hex()});
    b.write(kinds::MESSAGE, 11, &translated);
    b.write(
        kinds::MESSAGE,
        12,
        &json!({"text": "At noon", "reply_to": object(10).hex()}),
    );
    a.write(
        kinds::MESSAGE,
        13,
        &json!({"text": "Where", "thread": "eau  POTABLE"}),
    );
    a.write(
        kinds::MESSAGE,
        14,
        &json!({"text": "Storm", "priority": "urgent", "pinned": true}),
    );
    // Two that answer each other, and two that translate each other.
    a.write(
        kinds::MESSAGE,
        15,
        &json!({"text": "x", "reply_to": object(16).hex()}),
    );
    a.write(
        kinds::MESSAGE,
        16,
        &json!({"text": "y", "reply_to": object(15).hex()}),
    );
    a.write(
        kinds::MESSAGE,
        17,
        &json!({"text": "p", "translation_of": object(18).hex()}),
    );
    a.write(
        kinds::MESSAGE,
        18,
        &json!({"text": "q", "translation_of": object(17).hex()}),
    );
    meet(&mut a, &mut b);
    let me = reader(8, Role::Lead, None);
    let all = threads::threads(&a.state, &me, NOW, false);
    let shown: Vec<_> = all
        .iter()
        .map(|t| {
            (
                t.name.as_deref(),
                t.to.clone(),
                texts(&t.messages),
                t.unread,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            (None, To::Everyone, vec!["Storm", "x", "y", "p"], 4),
            (
                Some("Eau potable"),
                To::Everyone,
                vec!["Water?", "Where", "At noon"],
                3
            ),
        ]
    );
    assert_eq!(texts(&threads::pinned(&b.state, &me, NOW)), ["Storm"]);
    assert_eq!(
        texts(&threads::translations(&b.state)[&object(10)]),
        ["De l’eau ?"]
    );
    // A translation that was read is the message that was read.
    sees(&mut b, &[11]);
    let me = reader(2, Role::Coordinator, None);
    let all = threads::threads(&b.state, &me, NOW, false);
    let water = all.iter().find(|t| t.name.is_some()).unwrap();
    assert_eq!((texts(&water.messages)[0], water.unread), ("Water?", 1));
}

fn history(seed: u64) -> Vec<(WriteContext, DataOperation)> {
    let mut random = Random::new(seed);
    let mut devices = [
        Device::new(1, Role::Coordinator),
        Device::new(2, Role::Lead),
        Device::new(3, Role::Volunteer),
    ];
    for step in 0..12_u8 {
        let at = random.below(3);
        let id = 10 + step;
        let other = object(10 + u8::try_from(random.below(12)).unwrap()).hex();
        let thread = ["", "Water", "water ", "Food"][random.below(4)];
        let mut fields = json!({"text": format!("m{step}"), "thread": thread});
        let map = fields.as_object_mut().unwrap();
        map.retain(|_, v| v != "");
        match random.below(6) {
            0 => drop(map.insert("reply_to".into(), json!(other))),
            1 => drop(map.insert("translation_of".into(), json!(other))),
            2 => drop(map.insert("expires".into(), json!("2026-09-21T12:00:00Z"))),
            3 => {
                map.insert("to".into(), json!("role"));
                map.insert("to_role".into(), json!("lead"));
            }
            4 => drop(map.insert("pinned".into(), json!(true))),
            _ => drop(map.insert("priority".into(), json!("high"))),
        }
        devices[at].write(kinds::MESSAGE, id, &fields);
        if random.below(3) == 0 {
            sees(
                &mut devices[at],
                &[10 + u8::try_from(random.below(12)).unwrap()],
            );
        }
        if random.below(3) == 0 {
            let [a, b, c] = &mut devices;
            match random.below(3) {
                0 => meet(a, b),
                1 => meet(b, c),
                _ => meet(a, c),
            }
        }
    }
    let [mut a, mut b, mut c] = devices;
    meet(&mut a, &mut b);
    meet(&mut b, &mut c);
    b.log
}

fn everything(state: &State) -> (Vec<Thread>, Vec<Message>, Vec<Message>) {
    let me = reader(2, Role::Lead, None);
    (
        threads::threads(state, &me, NOW, true),
        threads::unread(state, &me, NOW),
        threads::pinned(state, &me, NOW),
    )
}

/// Order, grouping and repetition of what arrives leave no trace in the forum.
#[test]
fn the_forum_is_the_same_in_every_order() {
    for seed in 0..300 {
        let log = history(seed);
        let wanted = everything(&replayed(&log, 0));
        for order in 1..5 {
            assert_eq!(everything(&replayed(&log, order)), wanted, "seed {seed}");
        }
    }
}
