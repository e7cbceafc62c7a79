//! An incident and its devices, in memory: founding, admitting, and letting them meet.

use muster_log::{
    act::{Act, Admit, Audience, Cut, End, KeyAct, LOCKBOX_INFO, Lockbox, act_id},
    book::Admitted,
    chain::DeviceKey,
    codec::{Bounded, Bytes, Text},
    entry::kind,
    genesis::{Allowances, Founder, Genesis, GenesisBody, RestRules},
    hash,
    ids::{Class, DeviceId, ExchangeKey, GrantId, Lane, Millis, Seq, Signature},
    role::Role,
    run,
    seal::{self, ClassKey, ExchangeSecret},
};

use crate::{SimError, device::Device, operation, seed::Seed};

/// An incident with its devices; the first one is the founder.
pub struct World {
    /// The incident.
    pub genesis: Genesis,
    /// Its secret.
    pub secret: [u8; 32],
    /// Its devices.
    pub devices: Vec<Device>,
    /// Where all chance comes from.
    pub seed: Seed,
}

fn fresh(seed: &mut Seed) -> (DeviceKey, ExchangeSecret) {
    (
        DeviceKey::from_bytes(&seed.bytes()),
        ExchangeSecret::from_random(seed.bytes()),
    )
}

fn text<const N: usize>(text: &str) -> Result<Text<N>, SimError> {
    Ok(Text::try_from(text.to_owned())?)
}

impl World {
    /// Founds an incident: its founder holds an hq grant and one key of each class.
    pub fn found(number: u64) -> Result<Self, SimError> {
        let mut seed = Seed::new(number);
        let (key, exchange) = fresh(&mut seed);
        let root = DeviceKey::from_bytes(&seed.bytes());
        let body = GenesisBody {
            format: 1,
            suite: 1,
            salt: seed.bytes(),
            name: text("Simulated flood")?,
            claimed: Millis(1_760_000_000_000),
            roots: Bounded::try_from(vec![root.id()])?,
            threshold: 1,
            founder: Founder {
                device: key.id(),
                exchange: exchange.public()?,
                label: text("device 0")?,
                code: text("D0")?,
            },
            schema: 1,
            allowances: Allowances::default(),
            rest: RestRules::default(),
            retention_days: 30,
            languages: Bounded::try_from(vec![text("en")?])?,
        };
        let genesis = Genesis::sign(body, &[root])?;
        let secret = seed.bytes();
        let grant = hash::founder_grant(&genesis.id());
        let mut founder = Device::new(
            "device 0",
            genesis.clone(),
            secret,
            grant,
            key,
            exchange,
            seed.number(),
        );
        for class in [Class::C1, Class::C2, Class::C3] {
            let key = ClassKey::from_bytes(seed.bytes());
            let holder = (founder.key.id(), founder.exchange.public()?);
            let act = key_act(&key, class, &[holder], &mut seed)?;
            let part = (Class::C0, vec![operation(&act)?]);
            founder.write(Lane::AUTHORITY, kind::KEY, vec![part])?;
        }
        Ok(Self {
            genesis,
            secret,
            devices: vec![founder],
            seed,
        })
    }

    /// Founds an incident with a number of devices, all admitted by the founder, all knowing the
    /// authority log up to their own admission.
    pub fn with_devices(number: u64, count: usize, role: Role) -> Result<Self, SimError> {
        let mut world = Self::found(number)?;
        while world.devices.len() < count {
            world.admit(0, role)?;
        }
        Ok(world)
    }

    /// A device.
    pub fn device(&mut self, at: usize) -> Result<&mut Device, SimError> {
        self.devices
            .get_mut(at)
            .ok_or(SimError::Missing("device", at))
    }

    /// Device `by` admits a new one, which starts with all of `by`'s lane 0. Gives its index.
    pub fn admit(&mut self, by: usize, role: Role) -> Result<usize, SimError> {
        let at = self.devices.len();
        let (key, exchange) = fresh(&mut self.seed);
        let label = format!("device {at}");
        let grant = self.write_admission(by, role, &label, key.id(), exchange.public()?)?;
        let generation = self.seed.number();
        let genesis = self.genesis.clone();
        let mut device = Device::new(
            &label,
            genesis,
            self.secret,
            grant,
            key,
            exchange,
            generation,
        );
        let by_device = self.device(by)?;
        let lane0 = by_device.store.lane(Lane::AUTHORITY, &by_device.book);
        // Logs come in the order of their keys: again, until those that admit went first.
        for _ in 0..=muster_log::role::MAX_DEPTH {
            for run in &lane0 {
                device.receive(&run::encode(run));
            }
        }
        device.refusals = 0;
        self.devices.push(device);
        Ok(at)
    }

    fn write_admission(
        &mut self,
        by: usize,
        role: Role,
        label: &str,
        device: DeviceId,
        exchange: ExchangeKey,
    ) -> Result<GrantId, SimError> {
        let admit = Act::Admit(Admit {
            device,
            exchange,
            role,
            person: None,
            scope: None,
            label: text(label)?,
            code: text("D")?,
            expires: None,
            lifts: Bounded::default(),
            extensions: Bounded::default(),
        });
        let part = (Class::C0, vec![operation(&admit)?]);
        let admitted = self
            .device(by)?
            .write(Lane::AUTHORITY, kind::AUTHORITY, vec![part])?;
        let grant = act_id(&admitted.run.head(), 0, 0);
        for class in [Class::C1, Class::C2] {
            let key = self.device(by)?.book.keys().writing_key(class).cloned();
            let Some(key) = key.filter(|_| role.reads_class(class)) else {
                continue;
            };
            let act = key_act(&key, class, &[(device, exchange)], &mut self.seed)?;
            let part = (Class::C0, vec![operation(&act)?]);
            self.device(by)?
                .write(Lane::AUTHORITY, kind::KEY, vec![part])?;
        }
        Ok(grant)
    }

    /// Device `by` ends what device `of` was given, as far as it knows; what `by` has of its logs lies
    /// within the cut, or nothing does. Gives what is to be spread; none where there is nothing to end.
    pub fn revoke(
        &mut self,
        by: usize,
        of: usize,
        within: bool,
    ) -> Result<Option<Box<Admitted>>, SimError> {
        let device = self.device(of)?.key.id();
        let maker = self.device(by)?;
        let authority = maker.book.authority();
        let (Some(grant), true) = (
            authority.best_grant(&device).map(|g| g.id),
            authority.best_grant(&maker.key.id()).is_some(),
        ) else {
            return Ok(None);
        };
        let logs = maker
            .book
            .logs()
            .filter(|l| l.key().device == device && within);
        let cuts: Vec<_> = logs
            .filter_map(|l| {
                Some(Cut {
                    generation: l.key().generation,
                    lane: l.key().lane,
                    seq: Seq(l.contiguous().checked_sub(1)?),
                    hash: l.head(),
                    signature: Signature([0; 64]),
                })
            })
            .collect();
        let end = Act::End(End {
            grant,
            cuts: Bounded::try_from(cuts)?,
            role: None,
            lifts: Bounded::default(),
            why: text("lost")?,
            extensions: Bounded::default(),
        });
        let part = (Class::C0, vec![operation(&end)?]);
        let admitted = maker.write(Lane::AUTHORITY, kind::AUTHORITY, vec![part])?;
        Ok(Some(admitted))
    }

    /// Device `by` admits device `of` once more, naming the endings it knows of or not. The device
    /// writes under the new grant from then on.
    pub fn readmit(
        &mut self,
        by: usize,
        of: usize,
        lifts: bool,
    ) -> Result<Box<Admitted>, SimError> {
        let known = self.device(of)?;
        let (device, exchange) = (known.key.id(), known.exchange.public()?);
        let maker = self.device(by)?;
        let endings = maker.book.authority().endings(&device).iter();
        let lifts: Vec<_> = endings.map(|e| e.act).filter(|_| lifts).take(8).collect();
        let admit = Act::Admit(Admit {
            device,
            exchange,
            role: Role::Coordinator,
            person: None,
            scope: None,
            label: text("again")?,
            code: text("D")?,
            expires: None,
            lifts: Bounded::try_from(lifts)?,
            extensions: Bounded::default(),
        });
        let part = (Class::C0, vec![operation(&admit)?]);
        let admitted = maker.write(Lane::AUTHORITY, kind::AUTHORITY, vec![part])?;
        self.device(of)?.grant = act_id(&admitted.run.head(), 0, 0);
        Ok(admitted)
    }

    /// Whether all devices have the same entries.
    pub fn converged(&self) -> bool {
        let mut digests = self.devices.iter().map(|d| d.book.frontier_digest());
        let first = digests.next();
        digests.all(|d| Some(d) == first)
    }
}

fn key_act(
    key: &ClassKey,
    class: Class,
    to: &[(DeviceId, ExchangeKey)],
    seed: &mut Seed,
) -> Result<Act, SimError> {
    let mut lockboxes = Vec::new();
    for (device, exchange) in to {
        let sealed = seal::seal_to(exchange, LOCKBOX_INFO, key.bytes(), seed.bytes())?;
        lockboxes.push(Lockbox {
            device: *device,
            sealed: Bytes::try_from(sealed)?,
        });
    }
    Ok(Act::Key(KeyAct {
        key: key.id(),
        class,
        audience: Audience::WholeClass,
        lockboxes: Bounded::try_from(lockboxes)?,
        under: Bounded::default(),
        previous: Bounded::default(),
        extensions: Bounded::default(),
    }))
}
