//! Golden bytes of pairing by code. `MUSTER_BLESS=1` writes them anew; a change in them is a change of
//! the protocol.

use muster_log::{
    ids::IncidentId,
    pairing::{
        code::{Card, CardAddress, Code, Given},
        flight::{Flight, Reason, VERSION},
        sas::{self, Opening, PairingKey, Said},
        words::Language,
    },
};

use crate::{common::text, vectors::golden};

fn opening() -> Opening {
    Opening {
        key: PairingKey::from_random([1; 32]).public(),
        incident: IncidentId([9; 32]),
        language: Language::French.number(),
        name: text("Crue"),
        label: text("Gym"),
    }
}

fn said() -> Said {
    Said {
        version: VERSION,
        locator: 0x123,
        inviter: b"inviter".to_vec().try_into().unwrap(),
        joiner: b"joiner".to_vec().try_into().unwrap(),
        commitment: opening().commitment(),
        key: PairingKey::from_random([2; 32]).public(),
        request: b"request".to_vec().try_into().unwrap(),
    }
}

#[test]
fn every_flight() {
    let all = [
        (
            "hello",
            Flight::Hello {
                version: VERSION,
                locator: 0x123,
            },
        ),
        ("commit", Flight::Commit(opening().commitment())),
        (
            "offer",
            Flight::Offer {
                key: said().key,
                proof: said().joiner_proof(0x2_0304_0506_0708),
                request: said().request,
            },
        ),
        (
            "reveal",
            Flight::Reveal {
                opening: opening(),
                proof: said().inviter_proof(&opening(), 0x2_0304_0506_0708),
            },
        ),
        ("matches", Flight::Matches),
        (
            "answer",
            Flight::Answer {
                total: 300_000,
                from: 131_072,
                bytes: vec![7; 20].try_into().unwrap(),
            },
        ),
        ("stored", Flight::Stored),
        ("refused", Reason::WrongCode(2).flight()),
    ];
    for (place, (name, flight)) in all.iter().enumerate() {
        let bytes = flight.to_bytes();
        assert_eq!(usize::from(bytes[0]), place, "{name}");
        golden(&format!("pair-{name}"), &bytes);
        assert_eq!(Flight::from_bytes(&bytes).as_ref(), Ok(flight));
    }
}

/// The words of two fixed keys: what every program must show for them.
#[test]
fn the_words_of_two_keys() {
    let joiner = PairingKey::from_random([2; 32]);
    let inviter = PairingKey::from_random([1; 32]);
    let shown = |own, theirs| sas::compare(own, theirs, &said(), &opening(), Language::French);
    let here = shown(&inviter, joiner.public()).unwrap();
    assert_eq!(Some(&here), shown(&joiner, inviter.public()).as_ref());
    let line = format!("{} {}", here.words.join(" "), here.digits);
    golden("pair-words", line.as_bytes());
    // Each thing that was agreed on changes them.
    let other = Said {
        joiner: b"other".to_vec().try_into().unwrap(),
        ..said()
    };
    let changed = sas::compare(
        &inviter,
        joiner.public(),
        &other,
        &opening(),
        Language::French,
    );
    assert_ne!(changed, Some(here));
}

#[test]
fn a_card() {
    let address = CardAddress {
        ip: [192, 0, 2, 7],
        port: 40_001,
    };
    let card = Card {
        code: Code::parse("7K4M-Q2XD-9R3T").unwrap(),
        commitment: opening().commitment(),
        addresses: vec![address].try_into().unwrap(),
    };
    golden("pair-card", card.to_text().as_bytes());
    assert_eq!(
        Given::parse(&card.to_text()),
        Ok(Given::Card(Box::new(card)))
    );
}

#[test]
fn reasons_keep_their_numbers() {
    for number in 1..=20 {
        let reason = Reason::of(number, 0);
        let Flight::Refused(again, _) = reason.flight() else {
            panic!("{reason:?}")
        };
        assert_eq!(again, number);
        assert_eq!(number > 15, matches!(reason, Reason::Other(_)));
    }
    assert_eq!(Reason::of(2, 1), Reason::WrongCode(1));
}
