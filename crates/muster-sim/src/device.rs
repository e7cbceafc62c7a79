//! One device in memory: keys, book, store, and the writing of its own entries.

use muster_log::{
    author::{self, Draft, DraftPart},
    book::{Admitted, Book, Received},
    chain::{DeviceKey, VerifiedRun},
    codec::{Bounded, Bytes},
    entry::{LogKey, kind, urgency},
    genesis::Genesis,
    ids::{AudienceTag, Class, Generation, GrantId, Lane, Millis, ObjectId},
    intake::{Intake, Offer},
    keyring::KeyRing,
    operation::{DataOperation, FieldWrite, Operation, PartContent, Slot, Value},
    run,
    seal::ExchangeSecret,
    session::Outcome,
};

use crate::{SimError, seed::Seed, store::MemoryStore};

/// A device.
pub struct Device {
    /// What people call it.
    pub label: String,
    /// Its signing key.
    pub key: DeviceKey,
    /// Its secret for lockboxes.
    pub exchange: ExchangeSecret,
    /// The grant it writes under.
    pub grant: GrantId,
    /// Which life of its data directory.
    pub generation: Generation,
    /// What is here.
    pub book: Book,
    /// Where it rests.
    pub store: MemoryStore,
    /// Incident secrets, the current one first.
    pub secrets: Vec<[u8; 32]>,
    /// How many of this device's runs were refused at its own door.
    pub refusals: u64,
    /// Puts off what comes too fast, where it is watched.
    pub intake: Option<Intake>,
}

impl Device {
    /// A device that has nothing but the genesis.
    pub fn new(
        label: &str,
        genesis: Genesis,
        secret: [u8; 32],
        grant: GrantId,
        key: DeviceKey,
        exchange: ExchangeSecret,
        generation: u64,
    ) -> Self {
        let ring = KeyRing::new(key.id(), exchange.clone());
        Self {
            label: label.to_owned(),
            key,
            exchange,
            grant,
            generation: Generation(generation),
            book: Book::new(genesis, ring),
            store: MemoryStore::default(),
            secrets: vec![secret],
            refusals: 0,
            intake: None,
        }
    }

    /// One of its logs.
    pub fn log(&self, lane: Lane) -> LogKey {
        LogKey {
            device: self.key.id(),
            generation: self.generation,
            lane,
        }
    }

    /// Gives an encoded run to the door, and stores what passes.
    pub fn receive(&mut self, bytes: &[u8]) -> Outcome {
        let received = self.book.receive(bytes);
        match &received {
            Ok(Received::Admitted(admitted)) => self.admitted(&admitted.run),
            Ok(Received::Known) => {}
            Err(_) => self.refusals += 1,
        }
        received.into()
    }

    /// As [`Self::receive`] at a time, where what comes too fast is put off.
    pub fn receive_at(&mut self, bytes: &[u8], now_ms: u64) -> Outcome {
        let offer = Offer::of(&self.book, bytes);
        if let (Some(intake), Some(offer)) = (&mut self.intake, &offer)
            && let Err(delay) = intake.check(offer, now_ms)
        {
            return Outcome::Delayed(delay);
        }
        let outcome = self.receive(bytes);
        if let (Some(intake), Some(offer), Outcome::Admitted(admitted)) =
            (&mut self.intake, &offer, &outcome)
        {
            intake.took(offer, admitted.fresh, bytes.len() as u64, now_ms);
        }
        outcome
    }

    /// What follows from an admitted run. A model would apply it here.
    fn admitted(&mut self, run: &VerifiedRun) {
        self.store.put(run);
    }

    /// Writes an entry of one part a class.
    pub fn write(
        &mut self,
        lane: Lane,
        kind: u8,
        parts: Vec<(Class, Vec<Operation>)>,
    ) -> Result<Box<Admitted>, SimError> {
        let mut drafts = Vec::new();
        for (class, operations) in parts {
            let key = (class != Class::C0).then(|| self.book.keys().writing_key(class).cloned());
            drafts.push(DraftPart {
                class,
                key: key.flatten(),
                content: PartContent {
                    operations: Bounded::try_from(operations)?,
                },
            });
        }
        let draft = Draft {
            kind,
            urgency: urgency::NORMAL,
            audience: AudienceTag::ZERO,
            claimed: Millis(1_760_000_000_000 + self.book.highest().0 as i64 * 977),
            parts: drafts,
        };
        let log = self.log(lane);
        let run = author::write(
            &self.book.incident(),
            &self.key,
            &log,
            self.book.tip(&log),
            self.book.highest(),
            self.grant,
            &draft,
        )?;
        match self.book.receive(&run::encode(&run))? {
            Received::Admitted(admitted) => {
                self.admitted(&admitted.run);
                Ok(admitted)
            }
            Received::Known => Err(SimError::Twice),
        }
    }

    /// Writes an invented need: a title and a number that members read, a name and a phone number
    /// that only coordinators do.
    pub fn write_need(&mut self, seed: &mut Seed) -> Result<Box<Admitted>, SimError> {
        let object = object(seed);
        let pick = |seed: &mut Seed, list: &[&str]| -> String {
            let at = seed.index(list.len());
            list.get(at).copied().unwrap_or_default().to_owned()
        };
        let what = pick(seed, &WHAT);
        let site = pick(seed, &WHERE);
        let title = format!("{what} for {} people at {site}", seed.below(90) + 1);
        let name = format!(
            "{} {}",
            pick(seed, &NAMES),
            char::from(b'A' + seed.below(26) as u8)
        );
        let phone = format!("555 {:04}", seed.below(10_000));
        let open = vec![
            text(object, 1, &title)?,
            text(object, 2, "open")?,
            text(object, 3, &seed.below(200).to_string())?,
        ];
        let mut parts = vec![(Class::C1, open)];
        if self.book.keys().writing_key(Class::C2).is_some() {
            let personal = vec![text(object, 10, &name)?, text(object, 11, &phone)?];
            parts.push((Class::C2, personal));
        }
        self.write(Lane::DATA, kind::DATA, parts)
    }

    /// Writes a bare note in the clear: the cheapest entry there is.
    pub fn write_note(&mut self, seed: &mut Seed) -> Result<Box<Admitted>, SimError> {
        let note = text(object(seed), 1, "note")?;
        self.write(Lane::DATA, kind::DATA, vec![(Class::C0, vec![note])])
    }
}

const WHAT: [&str; 8] = [
    "Drinking water",
    "Blankets",
    "A generator",
    "Insulin, kept cold",
    "Transport to the clinic",
    "Hot meals",
    "Someone who speaks French",
    "Tarpaulins and rope",
];
const WHERE: [&str; 6] = [
    "the school gym",
    "Harbour Road 4",
    "the north bridge",
    "St Anne's hall",
    "the bus depot",
    "Camp 3",
];
const NAMES: [&str; 6] = ["Ada", "Bilal", "Chloé", "Dario", "Edwige", "Fatou"];

fn object(seed: &mut Seed) -> ObjectId {
    let mut id = [0; 16];
    id.iter_mut()
        .zip(seed.bytes())
        .for_each(|(to, from)| *to = from);
    ObjectId(id)
}

fn text(object: ObjectId, field: u16, value: &str) -> Result<Operation, SimError> {
    let write = FieldWrite {
        slot: Slot {
            kind: 2,
            object,
            field,
            element: 0,
        },
        replaces: Bounded::default(),
        value: Value {
            kind: 1,
            bytes: Bytes::try_from(value.as_bytes().to_vec())?,
        },
    };
    match DataOperation::Set(write).write() {
        Some(operation) => Ok(operation?),
        None => Err(SimError::Twice),
    }
}
