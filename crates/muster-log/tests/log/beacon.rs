//! The beacon: what members read in it, and what nobody else does.

use muster_log::{
    beacon::{
        BEACON_LEN, Inviting, MAX_BEACON, Opened, Said, Sealer, TRANSPORT_LEN, Unopened, Voice,
        open,
    },
    session::{MAX_SECRETS, VERSION},
};

use crate::vectors::golden;

const SECRET: [u8; 32] = [5; 32];

fn said() -> Said {
    Said {
        session: VERSION,
        answer: false,
        seeks: true,
        full: false,
        tcp: 4001,
        quic: 4002,
        transport: std::array::from_fn(|i| i as u8),
    }
}

fn voice(secrets: &[[u8; 32]], frontier: u8) -> Voice {
    Voice::new(secrets.to_vec(), [frontier; 32]).unwrap()
}

#[test]
fn a_beacon_has_these_bytes_and_reads_back() {
    let own = voice(&[SECRET], 9);
    let mut sealer = Sealer::new([7; 32]);
    let first = sealer.seal(&own, &said());
    golden("beacon", &first);
    assert_eq!(first.len(), BEACON_LEN);
    const { assert!(BEACON_LEN < MAX_BEACON) };
    let opened = open(&own, &first).unwrap();
    let expected = Opened {
        said: said(),
        beat: 1,
        current: true,
        level: true,
    };
    assert_eq!(opened, expected);
    let answer = Said {
        answer: true,
        seeks: false,
        full: true,
        ..said()
    };
    let second = open(&own, &sealer.seal(&own, &answer)).unwrap();
    assert_eq!((second.said, second.beat), (answer, 2));
}

#[test]
fn other_frontiers_and_older_secrets_are_told_apart() {
    let old = [6; 32];
    let behind = voice(&[old], 9);
    let ahead = voice(&[SECRET, [1; 32], [2; 32], old, [3; 32]], 9);
    let mut sealer = Sealer::new([7; 32]);
    let theirs = open(&ahead, &sealer.seal(&behind, &said())).unwrap();
    assert!(!theirs.current && theirs.level);
    let other = open(&voice(&[old], 8), &sealer.seal(&behind, &said())).unwrap();
    assert!(other.current && !other.level);
    // Who missed the renewal cannot read who has not.
    let ours = sealer.seal(&ahead, &said());
    assert_eq!(open(&behind, &ours), Err(Unopened::Closed));
    // The fifth secret is one too many.
    let fifth = sealer.seal(&voice(&[[3; 32]], 9), &said());
    assert_eq!(MAX_SECRETS, 4);
    assert_eq!(open(&ahead, &fifth), Err(Unopened::Closed));
    assert_eq!(Voice::new(Vec::new(), [0; 32]), None);
}

#[test]
fn what_is_changed_cut_or_foreign_does_not_open() {
    let own = voice(&[SECRET, [1; 32]], 9);
    let bytes = Sealer::new([7; 32]).seal(&own, &said());
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1;
        let expected = match at {
            0..3 => Unopened::NotOne,
            3 => Unopened::OtherVersion,
            _ => Unopened::Closed,
        };
        assert_eq!(open(&own, &other), Err(expected), "byte {at}");
    }
    for end in 0..bytes.len() {
        let expected = match end {
            0..3 => Unopened::NotOne,
            _ => Unopened::OtherVersion,
        };
        assert_eq!(open(&own, &bytes[..end]), Err(expected), "cut at {end}");
    }
    let mut long = bytes;
    long.resize(MAX_BEACON + 1, 0);
    assert_eq!(open(&own, &long), Err(Unopened::NotOne));
    // The unsealed one of before, and of pairing.
    let mut unsealed = b"MUST\x01\x00".to_vec();
    unsealed.resize(49, 1);
    assert_eq!(open(&own, &unsealed), Err(Unopened::OtherVersion));
}

/// At each place of the bytes after the magic, every value comes about as often as in noise: nothing
/// stands still from beacon to beacon, or from one start to the next.
#[test]
fn nothing_but_the_magic_stands_still() {
    let own = voice(&[SECRET], 9);
    let mut places = vec![std::collections::BTreeSet::new(); BEACON_LEN];
    let beacons = (0..64_u8).flat_map(|start| {
        let mut sealer = Sealer::new([start; 32]);
        let own = own.clone();
        (0..4).map(move |_| sealer.seal(&own, &said()))
    });
    let mut count = 0;
    for bytes in beacons {
        count += 1;
        for (place, byte) in places.iter_mut().zip(bytes) {
            place.insert(byte);
        }
    }
    assert_eq!(count, 256);
    let kinds: Vec<_> = places.iter().map(std::collections::BTreeSet::len).collect();
    assert_eq!(kinds[..4], [1; 4]);
    // Of 256 random bytes about 162 are different.
    assert!(kinds[4..].iter().all(|n| *n > 120), "{kinds:?}");
    assert_eq!(TRANSPORT_LEN, 38);
}

#[test]
fn the_pairing_beacon_is_in_clear() {
    let inviting = Inviting {
        answer: true,
        tcp: 4001,
        quic: 0,
        transport: said().transport,
    };
    let bytes = inviting.to_bytes();
    golden("beacon-pairing", &bytes);
    assert_eq!(Inviting::from_bytes(&bytes), Ok(inviting));
    let later = [&bytes[..], &[1, 2, 3]].concat();
    assert_eq!(Inviting::from_bytes(&later), Ok(inviting));
    for end in 0..bytes.len() {
        assert!(Inviting::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
    }
    // Neither kind passes for the other.
    assert!(open(&voice(&[SECRET], 9), &bytes).is_err());
    let sealed = Sealer::new([7; 32]).seal(&voice(&[SECRET], 9), &said());
    assert_eq!(Inviting::from_bytes(&sealed), Err(Unopened::OtherVersion));
}
