//! Round trips of every structure with arbitrary content: unknown codes, classes, extensions; and the
//! refusal of every other spelling.

use muster_log::{
    act::*,
    bundle::Stretch,
    chain::{DeviceKey, Run},
    codec::{self, Bounded, Bytes, CodecError, Decode, Encode, Text},
    entry::{Entry, Extension, Header, LogKey, PartBody, PartHeader},
    genesis::Genesis,
    hash,
    ids::*,
    operation::{FieldWrite, Operation, PartContent, Reference, Slot, Value},
    pairing::Request,
    role::Role,
    run,
};
use proptest::{collection::vec, option, prelude::*};

use crate::common::{genesis_body, text};

fn arr<const N: usize>() -> impl Strategy<Value = [u8; N]> + Clone {
    any::<u8>().prop_flat_map(|n| prop_oneof![Just([n; N]), any::<u64>().prop_map(spread)])
}

fn spread<const N: usize>(n: u64) -> [u8; N] {
    let mut out = [0; N];
    let bytes = n.to_le_bytes();
    out.iter_mut()
        .enumerate()
        .for_each(|(at, b)| *b = bytes[at % 8].wrapping_add(at as u8));
    out
}

fn bytes<const N: usize>(most: usize) -> impl Strategy<Value = Bytes<N>> + Clone {
    vec(any::<u8>(), 0..=most.min(N)).prop_map(|b| b.try_into().unwrap())
}

fn words<const N: usize>() -> impl Strategy<Value = Text<N>> + Clone {
    "[a-zé ]{0,10}".prop_filter_map("too long", |s| Text::try_from(s).ok())
}

fn list<T: std::fmt::Debug, const N: usize>(
    item: impl Strategy<Value = T> + Clone,
    most: usize,
) -> impl Strategy<Value = Bounded<T, N>> {
    vec(item, 0..=most.min(N)).prop_map(|v| v.try_into().ok().unwrap())
}

fn log_key() -> impl Strategy<Value = LogKey> + Clone {
    (arr(), any::<u64>(), any::<u8>()).prop_map(|(d, g, l)| LogKey {
        device: DeviceId(d),
        generation: Generation(g),
        lane: Lane(l),
    })
}

fn part_header() -> impl Strategy<Value = PartHeader> + Clone {
    (any::<u8>(), arr(), any::<u8>(), any::<u32>(), arr()).prop_map(|(c, k, encoding, len, h)| {
        PartHeader {
            class: Class(c),
            key: KeyId(k),
            encoding,
            len,
            hash: PartHash(h),
        }
    })
}

fn extension() -> impl Strategy<Value = Extension> + Clone {
    (any::<u16>(), bytes(20)).prop_map(|(tag, bytes)| Extension { tag, bytes })
}

fn header() -> impl Strategy<Value = Header> {
    let numbers = (
        any::<u8>(),
        any::<u64>(),
        any::<u64>(),
        any::<i64>(),
        any::<u8>(),
        any::<u8>(),
    );
    (
        numbers,
        arr(),
        arr(),
        list(part_header(), 8),
        list(extension(), 16),
    )
        .prop_map(
            |(
                (version, seq, lamport, claimed, kind, urgency),
                audience,
                grant,
                parts,
                extensions,
            )| Header {
                version,
                seq: Seq(seq),
                lamport: Lamport(lamport),
                claimed: Millis(claimed),
                kind,
                urgency,
                audience: AudienceTag(audience),
                grant: GrantId(grant),
                parts,
                extensions,
            },
        )
}

/// A claimed run: whatever the chain would say of it.
fn any_run() -> impl Strategy<Value = Run> {
    let body = option::of(vec(any::<u8>(), 0..60));
    let entry = (header(), vec(body, 8), option::of(arr()));
    // Some fields repeat along a run and some do not.
    let repeat = (arr(), any::<[bool; 4]>());
    (
        log_key(),
        arr(),
        0..u64::MAX - 64,
        vec((entry, repeat), 1..6),
    )
        .prop_map(|(log, before, first, entries)| {
            let mut out: Vec<Entry> = Vec::new();
            for (at, ((mut header, bodies, signature), (grant, same))) in
                entries.into_iter().enumerate()
            {
                header.seq = Seq(first + at as u64);
                header.grant = GrantId(grant);
                if let Some(last) = out.last().filter(|_| same[0]) {
                    header.grant = last.header.grant;
                    header.kind = last.header.kind;
                    header.parts = last.header.parts.clone();
                }
                let mut parts = header.parts.clone().into_inner();
                let bodies: Vec<_> = bodies
                    .into_iter()
                    .zip(&mut parts)
                    .map(|(body, head)| match body {
                        None => PartBody::Absent,
                        Some(bytes) => {
                            head.len = bytes.len() as u32;
                            head.hash = hash::part_hash(&bytes);
                            PartBody::Stored(bytes)
                        }
                    })
                    .collect();
                header.parts = parts.try_into().unwrap();
                out.push(Entry {
                    header,
                    parts: bodies,
                    signature: signature.map(Signature),
                });
            }
            Run {
                log,
                before: EntryHash(before),
                entries: out,
            }
        })
}

fn audience() -> impl Strategy<Value = Audience> {
    prop_oneof![
        Just(Audience::WholeClass),
        arr().prop_map(|g| Audience::Named(GrantId(g))),
        arr().prop_map(|o| Audience::Team(ObjectId(o))),
        arr().prop_map(|o| Audience::Person(ObjectId(o))),
        arr().prop_map(|d| Audience::Device(DeviceId(d))),
        arr().prop_map(|o| Audience::Task(ObjectId(o))),
    ]
}

fn role() -> impl Strategy<Value = Role> {
    (0..6usize).prop_map(|at| Role::ALL[at])
}

fn lockbox() -> impl Strategy<Value = Lockbox> + Clone {
    (arr(), bytes(96)).prop_map(|(d, sealed)| Lockbox {
        device: DeviceId(d),
        sealed,
    })
}

fn wrapped() -> impl Strategy<Value = Wrapped> + Clone {
    (arr(), bytes(64)).prop_map(|(k, sealed)| Wrapped {
        key: KeyId(k),
        sealed,
    })
}

fn act() -> impl Strategy<Value = Act> {
    let id = || arr().prop_map(GrantId);
    let object = || option::of(arr().prop_map(ObjectId));
    let admit = (
        arr(),
        arr(),
        role(),
        object(),
        object(),
        (words(), words()),
        option::of(any::<i64>()),
        (list(id(), 8), list(extension(), 4)),
    );
    let admit = admit.prop_map(
        |(d, x, role, person, scope, (label, code), expires, (lifts, extensions))| {
            Act::Admit(Admit {
                device: DeviceId(d),
                exchange: ExchangeKey(x),
                role,
                person,
                scope,
                label,
                code,
                expires: expires.map(Millis),
                lifts,
                extensions,
            })
        },
    );
    let cut =
        (any::<u64>(), any::<u8>(), any::<u64>(), arr(), arr()).prop_map(|(g, l, s, h, sig)| Cut {
            generation: Generation(g),
            lane: Lane(l),
            seq: Seq(s),
            hash: EntryHash(h),
            signature: Signature(sig),
        });
    let end = (
        id(),
        list(cut, 64),
        option::of(role()),
        list(id(), 8),
        words(),
        list(extension(), 4),
    )
        .prop_map(|(grant, cuts, role, lifts, why, extensions)| {
            Act::End(End {
                grant,
                cuts,
                role,
                lifts,
                why,
                extensions,
            })
        });
    let adopt =
        (log_key(), any::<u64>(), any::<u64>(), arr(), arr()).prop_map(|(log, a, b, h, s)| {
            Act::Adopt(Adopt {
                log,
                from: Seq(a),
                to: Seq(b),
                hash: EntryHash(h),
                signature: Signature(s),
            })
        });
    let key = (
        arr(),
        any::<u8>(),
        audience(),
        list(lockbox(), 200),
        list(wrapped(), 8),
        list(wrapped(), 64),
        list(extension(), 4),
    );
    let key = key.prop_map(
        |(key, class, audience, lockboxes, under, previous, extensions)| {
            Act::Key(KeyAct {
                key: KeyId(key),
                class: Class(class),
                audience,
                lockboxes,
                under,
                previous,
                extensions,
            })
        },
    );
    let field = (
        any::<(u16, u16, u8, u8, u8)>(),
        words(),
        role(),
        list((words(), words()), 8),
    );
    let field = field.prop_map(
        |((kind, field, value, class, merge), name, writer, labels)| {
            Act::Field(FieldDefinition {
                kind,
                field,
                name,
                value,
                class: Class(class),
                merge,
                writer,
                labels,
            })
        },
    );
    let branch = || {
        (list(arr().prop_map(HeaderHash), 63), arr()).prop_map(|(digests, s)| Branch {
            digests,
            signature: Signature(s),
        })
    };
    let fork =
        (log_key(), any::<u64>(), arr(), branch(), branch()).prop_map(|(log, seq, h, a, b)| {
            Act::Fork(Box::new(ForkProof {
                log,
                seq: Seq(seq),
                before: EntryHash(h),
                branches: (a, b),
            }))
        });
    let allowance = (arr(), any::<u64>()).prop_map(|(d, entries)| {
        Act::Allowance(Allowance {
            device: DeviceId(d),
            entries,
        })
    });
    let secret = (arr(), list(lockbox(), 200)).prop_map(|(s, lockboxes)| {
        Act::Secret(SecretAct {
            secret: KeyId(s),
            lockboxes,
        })
    });
    let signature = (any::<u8>(), arr()).prop_map(|(root, s)| RootSignature {
        root,
        signature: Signature(s),
    });
    let root =
        (arr(), bytes(300), list(signature, 16)).prop_map(|(salt, operation, signatures)| {
            Act::Root(RootAct {
                salt,
                operation,
                signatures,
            })
        });
    prop_oneof![admit, end, adopt, key, field, fork, allowance, secret, root]
}

fn field_write() -> impl Strategy<Value = FieldWrite> {
    let slot =
        (any::<u16>(), arr(), any::<u16>(), any::<u64>()).prop_map(|(kind, o, field, element)| {
            Slot {
                kind,
                object: ObjectId(o),
                field,
                element,
            }
        });
    let reference =
        (arr(), any::<u64>(), any::<u16>(), arr()).prop_map(|(l, s, op, c)| Reference {
            log: LogPrefix(l),
            seq: Seq(s),
            op,
            check: HashCheck(c),
        });
    let value = (any::<u8>(), bytes(300)).prop_map(|(kind, bytes)| Value { kind, bytes });
    (slot, list(reference, 32), value).prop_map(|(slot, replaces, value)| FieldWrite {
        slot,
        replaces,
        value,
    })
}

fn back<T, const LIMIT: usize>(value: &T) -> Result<(), TestCaseError>
where
    T: Encode + Decode<()> + PartialEq + std::fmt::Debug,
{
    let bytes = codec::encode(value);
    prop_assert!(bytes.len() <= LIMIT);
    let again = codec::decode::<T, LIMIT>("value", &bytes);
    prop_assert_eq!(again.as_ref(), Ok(value));
    // Trailing bytes, a missing byte, and longer spellings of each small integer.
    prop_assert!(codec::decode::<T, LIMIT>("value", &[&bytes[..], &[0]].concat()).is_err());
    prop_assert!(codec::decode::<T, LIMIT>("value", &bytes[..bytes.len() - 1]).is_err());
    for (at, byte) in bytes.iter().enumerate().step_by(1 + bytes.len() / 64) {
        if *byte >= 251 {
            continue;
        }
        let long = [&bytes[..at], &[251, *byte, 0], &bytes[at + 1..]].concat();
        if let Ok(other) = codec::decode::<T, LIMIT>("value", &long) {
            prop_assert_ne!(&other, value, "byte {} spelt in three", at);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn headers(header in header()) {
        back::<_, 4096>(&header)?;
    }

    #[test]
    fn acts(act in act()) {
        let Ok(operation) = act.write() else { return Ok(()) };
        back::<_, { 33 * 1024 }>(&operation)?;
        prop_assert_eq!(Act::read(&operation), Some(Ok(act)));
    }

    #[test]
    fn writes_and_operations(write in field_write(), code in any::<u16>(), body in bytes(100)) {
        back::<_, { 32 * 1024 }>(&write)?;
        let operation = Operation { code, body };
        back::<_, 1024>(&operation)?;
        let content = PartContent { operations: vec![operation; 3].try_into().unwrap() };
        prop_assert_eq!(PartContent::from_bytes(&content.to_bytes()), Ok(content));
    }

    #[test]
    fn runs(run in any_run(), incident in arr()) {
        let incident = IncidentId(incident);
        let bytes = run::encode(&run);
        prop_assert_eq!(run::decode(&incident, &bytes), Ok(run));
        for at in (0..bytes.len()).step_by(1 + bytes.len() / 64) {
            let long = [&bytes[..at], &[251, bytes[at], 0], &bytes[at + 1..]].concat();
            if bytes[at] < 251 && let Ok(other) = run::decode(&incident, &long) {
                prop_assert_ne!(run::encode(&other), bytes.clone());
            }
        }
        prop_assert!(run::decode(&incident, &[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn stretches_and_keys(log in log_key(), from in any::<u64>(), to in any::<u64>()) {
        back::<_, 128>(&log)?;
        back::<_, 128>(&Stretch { log, from: Seq(from), to: Seq(to) })?;
    }

    #[test]
    fn genesis_and_requests(salt in arr(), name in words::<120>(), roots in 1..16u8, label in words::<64>(), claimed in any::<i64>()) {
        let mut body = genesis_body();
        let keys: Vec<_> = (1..=roots).map(|n| DeviceKey::from_bytes(&[n; 32])).collect();
        body.salt = salt;
        body.name = name;
        body.claimed = Millis(claimed);
        body.roots = keys.iter().map(DeviceKey::id).collect::<Vec<_>>().try_into().unwrap();
        body.threshold = roots;
        let genesis = Genesis::sign(body, &keys).unwrap();
        prop_assert_eq!(Genesis::from_bytes(&genesis.to_bytes()), Ok(genesis));
        let request = Request::sign(&keys[0], ExchangeKey(salt), label, text("P1"), Millis(claimed));
        prop_assert_eq!(Request::from_bytes(&request.to_bytes()), Ok(request));
    }
}

/// Flags and forms that this version does not define, and marks that say what need not be said.
#[test]
fn runs_with_reserved_bits_are_refused() {
    let mut pen = crate::common::World::new().pen(9);
    let run = pen.data(2, None, Class::C0);
    let bytes = run::encode(&run);
    let start = 1 + 32 + 3 + 1 + 1 + 32 + 1;
    let flags = bytes[start];
    assert_eq!(
        flags,
        1 << 6,
        "signed, and like the start of a run but for nothing: {flags:08b}"
    );
    let refuse = |at: usize, value: u8, insert: &[u8]| {
        let altered = [&bytes[..at], &[value], insert, &bytes[at + 1..]].concat();
        run::decode(&pen.incident, &altered).unwrap_err()
    };
    let not_canonical = run::RunCodecError::Codec(CodecError::NotCanonical { what: "run" });
    assert_eq!(refuse(start, flags | 1 << 7, &[]), not_canonical);
    let form = start + 1 + 1 + 9 + 1;
    assert_eq!(bytes[form], 0);
    for bad in [3, 4, 8, 32, 64, 128] {
        let told = refuse(form, bad, &[]);
        assert!(told.to_string().contains(&format!("form {bad}")), "{told}");
    }
    assert!(refuse(form, 16, &[]).to_string().contains("none before it"));
    // The second entry's part is like the first one's, and says so: to say it at length is refused.
    let second = bytes.iter().rposition(|b| *b == 16).unwrap();
    let same = [&[0u8][..], &[0; 16], &[0]].concat();
    assert_eq!(refuse(second, 0, &same), not_canonical);
    assert_eq!(
        run::decode(&pen.incident, &[&[2], &bytes[1..]].concat()),
        Err(run::RunCodecError::Version(2))
    );
}
