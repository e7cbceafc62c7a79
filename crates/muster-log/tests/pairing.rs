//! Pairing by code, both sides' state machines against each other and against somebody in between.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use muster_log::{
    chain::DeviceKey,
    codec::Bytes,
    ids::{ExchangeKey, IncidentId, Millis},
    pairing::{
        Request,
        code::{Card, CardAddress, Code, CodeError, Given, request_bytes, request_text},
        flight::{Flight, Reason, VERSION},
        inviter::{self, Inviter, PATIENCE_MS, Stage, TRIES, Terms},
        joiner::{self, Joiner, Shown},
        sas::{self, Opening, PairingKey, Said, Sas},
        words::Language,
    },
};

const LINK: u64 = 1;
const EXPIRES: u64 = 600_000;
const INVITER: &[u8] = b"transport id of the inviter";
const JOINER: &[u8] = b"transport id of the joiner";
const MIDDLE: &[u8] = b"transport id of the one in between";

fn text<const N: usize>(s: &str) -> muster_log::codec::Text<N> {
    s.to_owned().try_into().unwrap()
}

fn code() -> Code {
    Code::parse("7K4M-Q2XD-9R3T").unwrap()
}

fn request(seed: u8) -> Request {
    Request::sign(
        &DeviceKey::from_bytes(&[seed; 32]),
        ExchangeKey([seed; 32]),
        text("Camp"),
        text("CAMP"),
        Millis(5),
    )
}

fn inviter() -> Inviter {
    Inviter::new(Terms {
        code: code(),
        key: PairingKey::from_random([1; 32]),
        incident: IncidentId([9; 32]),
        language: Language::French,
        name: text("Crue"),
        label: text("Gym"),
        here: INVITER.to_vec(),
        expires: EXPIRES,
    })
    .unwrap()
}

fn joiner_with(given: &Given, seed: u8, here: &[u8]) -> Joiner {
    Joiner::new(
        given,
        PairingKey::from_random([seed; 32]),
        &request(seed),
        here,
    )
    .unwrap()
}

fn joiner() -> Joiner {
    joiner_with(&Given::Code(code()), 2, JOINER)
}

/// Frames to the other side, and what else came of it.
fn split(effects: Vec<joiner::Effect>) -> (Vec<Vec<u8>>, Vec<joiner::Effect>) {
    let mut frames = Vec::new();
    let mut rest = Vec::new();
    for effect in effects {
        match effect {
            joiner::Effect::Send(_, frame) => frames.push(frame),
            joiner::Effect::Close(_) => {}
            other => rest.push(other),
        }
    }
    (frames, rest)
}

fn sent(effects: Vec<inviter::Effect>) -> Vec<Vec<u8>> {
    let frame = |e| match e {
        inviter::Effect::Send(_, frame) => Some(frame),
        inviter::Effect::Close(_) => None,
    };
    effects.into_iter().filter_map(frame).collect()
}

/// Carries frames to and fro until nobody has anything to say; gives what the joiner told.
fn talk(
    i: &mut Inviter,
    j: &mut Joiner,
    effects: Vec<joiner::Effect>,
    now: u64,
) -> Vec<joiner::Effect> {
    let (mut to_i, mut told) = split(effects);
    while !to_i.is_empty() {
        let to_j: Vec<_> = to_i
            .drain(..)
            .flat_map(|f| sent(i.frame(LINK, &f, now)))
            .collect();
        for frame in to_j {
            let (frames, rest) = split(j.frame(LINK, &frame));
            to_i.extend(frames);
            told.extend(rest);
        }
    }
    told
}

fn meet(i: &mut Inviter, j: &mut Joiner, now: u64) -> Vec<joiner::Effect> {
    assert!(i.connected(LINK, JOINER, now).is_empty());
    let effects = j.connected(LINK, INVITER);
    talk(i, j, effects, now)
}

fn shown(told: &[joiner::Effect]) -> &Shown {
    match told {
        [joiner::Effect::Shown(shown)] => shown,
        other => panic!("no words: {other:?}"),
    }
}

fn pending(i: &Inviter) -> Sas {
    match i.stage() {
        Stage::Pending(p) => p.sas.clone(),
        other => panic!("nobody pending: {other:?}"),
    }
}

#[test]
fn both_sides_show_the_same_and_the_answer_comes_whole() {
    let (mut i, mut j) = (inviter(), joiner());
    let told = meet(&mut i, &mut j, 0);
    let there = shown(&told);
    assert_eq!(there.sas, pending(&i));
    assert_eq!(
        there.language,
        Language::French,
        "the inviter's incident decides"
    );
    assert_eq!(
        (&*there.opening.name, &*there.opening.label),
        ("Crue", "Gym")
    );
    assert_eq!(there.sas.digits.len(), 6);
    match i.stage() {
        Stage::Pending(p) => assert_eq!(p.request, request(2)),
        other => panic!("{other:?}"),
    }

    let matches = j.matches();
    assert!(talk(&mut i, &mut j, matches, 0).is_empty());
    assert!(matches!(i.stage(), Stage::Pending(p) if p.matches));
    let answer: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
    let mut told = Vec::new();
    for frame in sent(i.admitted(&answer)) {
        told.extend(split(j.frame(LINK, &frame)).1);
    }
    assert_eq!(told, [joiner::Effect::Answer(answer)]);
    let stored = j.stored();
    talk(&mut i, &mut j, stored, 0);
    assert!(matches!(i.stage(), Stage::Delivered));
}

#[test]
fn a_card_is_read_back_and_pins_the_inviter() {
    let address = CardAddress {
        ip: [192, 0, 2, 7],
        port: 40_001,
    };
    let card = Card {
        code: code(),
        commitment: inviter().commitment(),
        addresses: vec![address; 4].try_into().unwrap(),
    };
    let shown = card.to_text();
    assert!(shown.len() <= 160, "{} characters", shown.len());
    let alphanumeric = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase() || c == ':';
    assert!(shown.chars().all(alphanumeric), "{shown}");
    let given = Given::parse(&shown.to_lowercase()).unwrap();
    assert_eq!(given, Given::Card(Box::new(card)));
    assert_eq!(address.to_string(), "/ip4/192.0.2.7/tcp/40001");
    for end in 0..shown.len() {
        assert!(Given::parse(&shown[..end]).is_err(), "cut at {end}");
    }
    assert!(matches!(
        Given::parse("MUSTER:0G"),
        Err(CodeError::Version(4))
    ));

    let (mut i, mut j) = (inviter(), joiner_with(&given, 2, JOINER));
    let told = meet(&mut i, &mut j, 0);
    assert_eq!(shown_of(&told), pending(&i));

    // Somebody else, who even knows the code, commits to keys of their own.
    let mut j = joiner_with(&given, 2, JOINER);
    j.connected(LINK, MIDDLE);
    let (frames, told) = split(j.frame(LINK, &Flight::Commit([5; 32]).to_bytes()));
    assert_eq!(told, [joiner::Effect::Refused(Reason::Impostor)]);
    assert_eq!(frames, [Reason::Impostor.flight().to_bytes()]);
    assert!(j.is_searching(), "the real one may yet come");
}

/// A request travels as text too, to a device that cannot read a stick.
#[test]
fn a_request_is_read_back_from_its_text() {
    let written = request_text(&request(2));
    assert!(written.len() < 500, "{} characters", written.len());
    let bytes = request_bytes(&written.to_lowercase()).unwrap().unwrap();
    assert_eq!(Request::from_bytes(&bytes), Ok(request(2)));
    assert_eq!(request_bytes("/media/stick/camp.request"), None);
    let mut spoilt = written.clone();
    spoilt.replace_range(20..21, if &written[20..21] == "7" { "8" } else { "7" });
    let bytes = request_bytes(&spoilt).unwrap().unwrap();
    assert!(Request::from_bytes(&bytes).is_err());
    assert!(
        request_bytes(&format!("{written}{}", "0".repeat(2_000)))
            .unwrap()
            .is_err()
    );
}

fn shown_of(told: &[joiner::Effect]) -> Sas {
    shown(told).sas.clone()
}

#[test]
fn wrong_codes_are_counted_and_burn_it() {
    let mut i = inviter();
    // The same invitation, another secret.
    let wrong = Given::Code(Code::parse("7K4M-Q2XD-9R3V").unwrap());
    let mut reasons = Vec::new();
    for _ in 0..TRIES {
        reasons.extend(meet(&mut i, &mut joiner_with(&wrong, 2, JOINER), 0));
    }
    let failed = |r| joiner::Effect::Failed(r);
    assert_eq!(
        reasons,
        [
            failed(Reason::WrongCode(2)),
            failed(Reason::WrongCode(1)),
            failed(Reason::Burned)
        ]
    );
    let told = meet(&mut i, &mut joiner(), 0);
    assert_eq!(
        told,
        [joiner::Effect::Refused(Reason::Burned)],
        "the right one too"
    );
    assert!(matches!(i.stage(), Stage::Over(Reason::Burned)));
}

#[test]
fn another_invitation_costs_no_try() {
    let mut i = inviter();
    let other = Given::Code(Code::parse("0K4M-Q2XD-9R3T").unwrap());
    for _ in 0..5 {
        let told = meet(&mut i, &mut joiner_with(&other, 2, JOINER), 0);
        assert_eq!(told, [joiner::Effect::Refused(Reason::NoInvitation)]);
    }
    assert_eq!(i.tries_left(), TRIES);
    meet(&mut i, &mut joiner(), 0);
    pending(&i);
}

#[test]
fn used_expired_and_withdrawn_codes_say_so() {
    let refused = |i: &mut Inviter, now| {
        let mut j = joiner();
        i.connected(2, JOINER, now);
        let hello = split(j.connected(2, INVITER)).0.remove(0);
        let answer = sent(i.frame(2, &hello, now)).remove(0);
        match split(j.frame(2, &answer)).1.as_slice() {
            [joiner::Effect::Refused(reason)] => *reason,
            other => panic!("{other:?}"),
        }
    };
    let mut i = inviter();
    meet(&mut i, &mut joiner(), 0);
    assert_eq!(
        refused(&mut i, 1),
        Reason::Used,
        "while the words are looked at"
    );
    i.end(Reason::Declined);
    assert_eq!(refused(&mut i, 1), Reason::Used, "after a no");
    let mut i = inviter();
    assert_eq!(refused(&mut i, EXPIRES), Reason::Expired);
    let mut i = inviter();
    i.end(Reason::Withdrawn);
    assert_eq!(refused(&mut i, 1), Reason::Withdrawn);
}

#[test]
fn who_holds_the_words_up_ends_it_on_both_sides() {
    let failed = |frames: Vec<Vec<u8>>, j: &mut Joiner| {
        let told: Vec<_> = frames
            .iter()
            .flat_map(|f| split(j.frame(LINK, f)).1)
            .collect();
        match told.as_slice() {
            [joiner::Effect::Failed(reason)] => *reason,
            other => panic!("{other:?}"),
        }
    };
    // The inviter's person says no.
    let (mut i, mut j) = (inviter(), joiner());
    meet(&mut i, &mut j, 0);
    assert_eq!(
        failed(sent(i.end(Reason::Declined)), &mut j),
        Reason::Declined
    );
    // The joiner's does.
    let (mut i, mut j) = (inviter(), joiner());
    meet(&mut i, &mut j, 0);
    let no = j.end(Reason::Declined);
    talk(&mut i, &mut j, no, 0);
    assert!(matches!(i.stage(), Stage::Over(Reason::Declined)));
    assert!(
        i.admitted(b"answer").is_empty(),
        "nothing is sent after a no"
    );
    // Nobody says anything.
    let (mut i, mut j) = (inviter(), joiner());
    meet(&mut i, &mut j, EXPIRES - 1);
    assert!(i.tick(EXPIRES + PATIENCE_MS - 2).is_empty());
    let late = sent(i.tick(EXPIRES + PATIENCE_MS));
    assert_eq!(failed(late, &mut j), Reason::TimedOut);
    // The connection breaks.
    let (mut i, mut j) = (inviter(), joiner());
    meet(&mut i, &mut j, 0);
    i.closed(LINK);
    assert!(matches!(i.stage(), Stage::Over(Reason::Gone)));
    assert_eq!(j.closed(LINK), [joiner::Effect::Failed(Reason::Gone)]);
    assert!(!j.is_searching(), "it does not start again by itself");
}

#[test]
fn what_has_no_place_is_refused() {
    let misplaced = [
        Flight::Matches,
        Flight::Stored,
        Flight::Commit([0; 32]),
        Flight::Offer {
            key: [0; 32],
            proof: [0; 32],
            request: Bytes::default(),
        },
    ];
    for flight in misplaced {
        let mut i = inviter();
        i.connected(LINK, JOINER, 0);
        let answer = sent(i.frame(LINK, &flight.to_bytes(), 0));
        assert_eq!(answer, [Reason::Broken.flight().to_bytes()], "{flight:?}");
        assert_eq!(i.tries_left(), TRIES);
    }
    let mut i = inviter();
    i.connected(LINK, JOINER, 0);
    let answer = sent(i.frame(LINK, &[0, 2, 0], 0));
    assert_eq!(answer, [Reason::Version.flight().to_bytes()]);
    // An answer that skips a piece, and one that is longer than it says.
    for (from, len) in [(10, 10), (0, 21)] {
        let (mut i, mut j) = (inviter(), joiner());
        meet(&mut i, &mut j, 0);
        let flight = Flight::Answer {
            total: 20,
            from,
            bytes: vec![1; len].try_into().unwrap(),
        };
        let told = split(j.frame(LINK, &flight.to_bytes())).1;
        assert_eq!(told, [joiner::Effect::Failed(Reason::Broken)]);
    }
}

/// Somebody in between with keys of their own, between an inviter and a joiner that cannot hear each
/// other. Knows the code or not.
struct Middle {
    code: Code,
    to_joiner: PairingKey,
    opening: Opening,
}

impl Middle {
    fn new(code: Code) -> Self {
        let to_joiner = PairingKey::from_random([77; 32]);
        let opening = Opening {
            key: to_joiner.public(),
            incident: IncidentId([9; 32]),
            language: 1,
            name: text("Crue"),
            label: text("Gym"),
        };
        Self {
            code,
            to_joiner,
            opening,
        }
    }

    fn secret(&self) -> u64 {
        // Twelve letters of five bits, the low fifty of them.
        let digits = self.code.to_string().replace('-', "");
        let letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let value = |c| letters.find(c).unwrap() as u64;
        digits.chars().fold(0, |n, c| n << 5 | value(c)) & ((1 << 50) - 1)
    }

    /// Joins at the inviter in the joiner's place; gives the words shown there.
    fn at_inviter(&self, i: &mut Inviter) -> Result<Sas, Reason> {
        let mut own = joiner_with(&Given::Code(self.code), 66, MIDDLE);
        i.connected(LINK, MIDDLE, 0);
        let hello = own.connected(LINK, INVITER);
        match talk(i, &mut own, hello, 0).as_slice() {
            [joiner::Effect::Shown(shown)] => Ok(shown.sas.clone()),
            [joiner::Effect::Failed(reason)] => Err(*reason),
            other => panic!("{other:?}"),
        }
    }

    /// Commits itself towards the joiner; gives what the joiner then said.
    fn at_joiner(&self, j: &mut Joiner) -> Said {
        j.connected(LINK, MIDDLE);
        let commitment = self.opening.commitment();
        let (frames, _) = split(j.frame(LINK, &Flight::Commit(commitment).to_bytes()));
        let Ok(Flight::Offer { key, request, .. }) = Flight::from_bytes(&frames[0]) else {
            panic!("no offer");
        };
        Said {
            version: VERSION,
            locator: self.code.locator,
            inviter: MIDDLE.to_vec().try_into().unwrap(),
            joiner: JOINER.to_vec().try_into().unwrap(),
            commitment,
            key,
            request,
        }
    }

    fn reveal(&self, said: &Said, opening: &Opening) -> Vec<u8> {
        let reveal = Flight::Reveal {
            opening: opening.clone(),
            proof: said.inviter_proof(opening, self.secret()),
        };
        reveal.to_bytes()
    }
}

#[test]
fn in_between_without_the_code_nobody_gets_to_the_words() {
    let guess = Code::parse("7K4M-Q2XD-0000").unwrap();
    let (mut i, mut j, middle) = (inviter(), joiner(), Middle::new(guess));
    assert_eq!(middle.at_inviter(&mut i), Err(Reason::WrongCode(2)));
    let said = middle.at_joiner(&mut j);
    let told = split(j.frame(LINK, &middle.reveal(&said, &middle.opening))).1;
    assert_eq!(told, [joiner::Effect::Failed(Reason::Impostor)]);
    // Relaying the joiner's own proof does not help: it names the transports.
    let mut j = joiner();
    j.connected(LINK, MIDDLE);
    let mut i = inviter();
    i.connected(LINK, MIDDLE, 0);
    let hello = Flight::Hello {
        version: VERSION,
        locator: guess.locator,
    };
    let commit = sent(i.frame(LINK, &hello.to_bytes(), 0)).remove(0);
    let offer = split(j.frame(LINK, &commit)).0.remove(0);
    let answer = sent(i.frame(LINK, &offer, 0));
    assert_eq!(answer, [Reason::WrongCode(2).flight().to_bytes()]);
}

#[test]
fn in_between_with_the_code_the_words_differ() {
    let (mut i, mut j, middle) = (inviter(), joiner(), Middle::new(code()));
    let at_inviter = middle.at_inviter(&mut i).unwrap();
    let said = middle.at_joiner(&mut j);
    let told = split(j.frame(LINK, &middle.reveal(&said, &middle.opening))).1;
    let at_joiner = shown_of(&told);
    // Equal by chance once in 2^33 (words) times 10^6 (digits).
    assert_ne!(at_inviter.words, at_joiner.words);
    assert_ne!(at_inviter.digits, at_joiner.digits);
}

/// The commitment is what makes the words worth comparing. With it left out, whoever is in between
/// tries keys until the words fit; here until the first of the three does, 2,048 tries on average
/// (all three cost 2^33, some hours of one graphics card). The same keys, shown to a joiner that
/// holds the commitment against them, are refused.
#[test]
fn without_the_commitment_the_words_can_be_ground() {
    let (mut i, mut j, middle) = (inviter(), joiner(), Middle::new(code()));
    let wanted = middle.at_inviter(&mut i).unwrap().words[0];
    let said = middle.at_joiner(&mut j);
    // The joiner's own view, by its key: what it would show if it asked for no commitment.
    let own = PairingKey::from_random([2; 32]);
    let ground = (0..100_000_u32).find_map(|n| {
        let mut random = [0; 32];
        random[..4].copy_from_slice(&n.to_le_bytes());
        let opening = Opening {
            key: PairingKey::from_random(random).public(),
            ..middle.opening.clone()
        };
        let sas = sas::compare(&own, opening.key, &said, &opening, Language::French)?;
        (sas.words[0] == wanted).then_some(opening)
    });
    let ground = ground.expect("ground within 100,000 tries");
    assert_ne!(ground.key, middle.to_joiner.public());
    let told = split(j.frame(LINK, &middle.reveal(&said, &ground))).1;
    assert_eq!(told, [joiner::Effect::Failed(Reason::Commitment)]);
}

/// Whatever the inviter tells is committed to: a name or an incident chosen later would do as well
/// for grinding as a key.
#[test]
fn nothing_in_the_opening_can_be_chosen_later() {
    let other = [
        |o: &mut Opening| o.incident = IncidentId([8; 32]),
        |o: &mut Opening| o.language = 0,
        |o: &mut Opening| o.name = text("Flood"),
        |o: &mut Opening| o.label = text("gym"),
        |o: &mut Opening| o.key = [3; 32],
    ];
    for change in other {
        let (mut j, middle) = (joiner(), Middle::new(code()));
        let said = middle.at_joiner(&mut j);
        let mut opening = middle.opening.clone();
        change(&mut opening);
        let told = split(j.frame(LINK, &middle.reveal(&said, &opening))).1;
        assert_eq!(told, [joiner::Effect::Failed(Reason::Commitment)]);
    }
}
