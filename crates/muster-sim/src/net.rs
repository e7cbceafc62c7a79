//! Links between devices, and the loop that carries out what sessions ask for: what a node does,
//! with time as a number and chance from a seed.

use std::collections::VecDeque;

use muster_log::{
    authority::Membership,
    book::Admitted,
    entry::LogKey,
    ids::Millis,
    session::{CloseReason, Effect, Local, Outcome, Reason, Session, Ticket, carries_entries},
};

use crate::{SimError, seed::Seed, world::World};

/// How a link behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    /// Longest time a frame takes, in ms.
    pub delay: u64,
    /// Longest time until a delivered run is durable, in ms.
    pub fsync: u64,
    /// Cut after this many frames in both directions together.
    pub cut_after: Option<u64>,
}

impl Weather {
    /// Nothing delays and nothing breaks.
    pub const CALM: Self = Self {
        delay: 0,
        fsync: 0,
        cut_after: None,
    };
}

/// One end of a link.
pub struct End {
    /// Which device.
    pub device: usize,
    /// Its session.
    pub session: Session,
    /// Frames on their way to it, with the time of their arrival.
    pub incoming: VecDeque<(u64, Vec<u8>)>,
    /// Runs admitted and not yet durable.
    pending: VecDeque<(u64, Ticket, Outcome)>,
    /// How often both had the same.
    pub in_sync: u64,
    /// Whether the peer proved to be a member.
    pub member: bool,
    /// Why it closed.
    pub closed: Option<CloseReason>,
    /// Logs that were not sent, and runs that were refused.
    pub named: Vec<(Option<LogKey>, Reason)>,
    /// Own logs of which the peer had more.
    pub ahead: Vec<LogKey>,
    /// Runs handed to a peer of whose end this device had heard by then.
    pub after_end: u64,
}

/// A link between two devices.
pub struct Link {
    /// The dialler and the responder.
    pub ends: [End; 2],
    weather: Weather,
    /// Frames carried so far.
    pub frames: u64,
    /// Bytes carried so far.
    pub bytes: u64,
    /// No more is carried.
    pub down: bool,
}

/// A world with its links.
pub struct Net {
    /// The devices.
    pub world: World,
    /// The links, those that are down too.
    pub links: Vec<Link>,
    /// Milliseconds since the beginning.
    pub now: u64,
    seed: Seed,
    next_tick: u64,
}

impl Net {
    /// A world without links.
    pub fn new(world: World, seed: u64) -> Self {
        Self {
            world,
            links: Vec::new(),
            now: 0,
            seed: Seed::new(seed),
            next_tick: 0,
        }
    }

    /// Two devices of the world meet. Gives the link's index.
    pub fn meet(&mut self, a: usize, b: usize, weather: Weather) -> Result<usize, SimError> {
        let number = self.links.len() as u64;
        let ids = [(number * 2).to_le_bytes(), (number * 2 + 1).to_le_bytes()];
        let [one, two] = ids;
        let (dialler, hello) = self.start(a, &one, &two, true)?;
        let (responder, _) = self.start(b, &two, &one, false)?;
        let end = |device, session| End {
            device,
            session,
            incoming: VecDeque::new(),
            pending: VecDeque::new(),
            in_sync: 0,
            member: false,
            closed: None,
            named: Vec::new(),
            ahead: Vec::new(),
            after_end: 0,
        };
        self.links.push(Link {
            ends: [end(a, dialler), end(b, responder)],
            weather,
            frames: 0,
            bytes: 0,
            down: false,
        });
        let at = self.links.len() - 1;
        self.carry_out(at, 0, hello)?;
        Ok(at)
    }

    fn start(
        &mut self,
        device: usize,
        here: &[u8],
        there: &[u8],
        dialler: bool,
    ) -> Result<(Session, Vec<Effect>), SimError> {
        let now = self.now;
        let random = self.seed.bytes();
        let device = self.world.device(device)?;
        let local = Local {
            incident: device.book.incident(),
            key: &device.key,
            secrets: &device.secrets,
            here,
            there,
            dialler,
            software: "muster-sim 0",
            clock: Millis(i64::try_from(now).unwrap_or(0)),
        };
        Ok(Session::start(&local, random, now))
    }

    /// Takes a link down; what is on its way is lost, and so are runs that are not durable yet to
    /// the peer's knowledge.
    pub fn cut(&mut self, link: usize) -> Result<(), SimError> {
        let link = self
            .links
            .get_mut(link)
            .ok_or(SimError::Missing("link", link))?;
        link.down = true;
        for end in &mut link.ends {
            end.incoming.clear();
        }
        Ok(())
    }

    /// Tells a device's sessions what it has written or received elsewhere.
    pub fn spread(
        &mut self,
        device: usize,
        except: Option<(usize, usize)>,
        admitted: &Admitted,
    ) -> Result<(), SimError> {
        for at in 0..self.links.len() {
            for side in 0..2 {
                if except == Some((at, side)) {
                    continue;
                }
                let Some(link) = self.links.get_mut(at).filter(|l| !l.down) else {
                    continue;
                };
                let Some(end) = link.ends.get_mut(side).filter(|e| e.device == device) else {
                    continue;
                };
                let book = &self.world.device(device)?.book;
                let effects = end.session.changed(book, admitted);
                self.carry_out(at, side, effects)?;
            }
        }
        Ok(())
    }

    /// A device writes an invented need, and says so to whom it is linked with.
    pub fn write_need(&mut self, device: usize) -> Result<(), SimError> {
        let admitted = self.world.devices.get_mut(device);
        let admitted = admitted
            .ok_or(SimError::Missing("device", device))?
            .write_need(&mut self.seed)?;
        self.spread(device, None, &admitted)
    }

    /// A device writes a bare note, and says so to whom it is linked with.
    pub fn write_note(&mut self, device: usize) -> Result<(), SimError> {
        let admitted = self.world.devices.get_mut(device);
        let admitted = admitted
            .ok_or(SimError::Missing("device", device))?
            .write_note(&mut self.seed)?;
        self.spread(device, None, &admitted)
    }

    /// Chance of this net's own.
    pub fn seed(&mut self) -> &mut Seed {
        &mut self.seed
    }

    fn carry_out(&mut self, at: usize, side: usize, effects: Vec<Effect>) -> Result<(), SimError> {
        let mut todo = VecDeque::from(effects);
        while let Some(effect) = todo.pop_front() {
            let now = self.now;
            let Some(link) = self.links.get_mut(at) else {
                return Err(SimError::Missing("link", at));
            };
            let weather = link.weather;
            let [one, two] = &mut link.ends;
            let (me, other) = if side == 0 { (one, two) } else { (two, one) };
            match effect {
                Effect::Send(bytes) => {
                    let there = self.world.device(other.device)?.key.id();
                    let here = self.world.device(me.device)?;
                    let ended = matches!(
                        here.book.authority().membership(&there),
                        Membership::Ended(_)
                    );
                    me.after_end += u64::from(ended && carries_entries(&bytes));
                    if link.down || weather.cut_after.is_some_and(|n| link.frames >= n) {
                        link.down = true;
                        continue;
                    }
                    link.frames += 1;
                    link.bytes += bytes.len() as u64;
                    let due = now + self.seed.below(weather.delay + 1);
                    // A stream keeps its order.
                    let due = other.incoming.back().map_or(due, |(d, _)| due.max(*d));
                    other.incoming.push_back((due, bytes));
                }
                // What is under way is under way: the worst case of a discard.
                Effect::Discard | Effect::Clock(_) => {}
                Effect::Deliver { ticket, run } => {
                    let outcome = self.world.device(me.device)?.receive_at(&run, now);
                    let due = now + self.seed.below(weather.fsync + 1);
                    let due = me.pending.back().map_or(due, |(d, ..)| due.max(*d));
                    me.pending.push_back((due, ticket, outcome));
                }
                Effect::Read(request) => {
                    let device = self.world.device(me.device)?;
                    let runs = device.store.read(&request, &device.book);
                    todo.extend(me.session.runs(&device.book, request.id, runs));
                }
                Effect::Member { .. } => me.member = true,
                Effect::InSync => me.in_sync += 1,
                Effect::Close(reason) => me.closed = Some(reason),
                Effect::Refused { log, reason } => me.named.push((log, reason)),
                Effect::Skipped { log, reason } => me.named.push((Some(log), reason)),
                Effect::OwnLogAhead(log) => me.ahead.push(log),
            }
        }
        Ok(())
    }

    /// Carries one frame, or makes a group of runs durable, if any is due. Says whether there was.
    pub fn step(&mut self) -> Result<bool, SimError> {
        let count = self.links.len();
        let start = self.seed.index(count);
        for offset in 0..count * 2 {
            let at = (start + offset / 2) % count;
            let side = offset % 2;
            if self.durable(at, side)? || self.arrive(at, side)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn arrive(&mut self, at: usize, side: usize) -> Result<bool, SimError> {
        let now = self.now;
        let Some(link) = self.links.get_mut(at) else {
            return Ok(false);
        };
        let Some(end) = link.ends.get_mut(side) else {
            return Ok(false);
        };
        if link.down && link.weather.cut_after.is_none() {
            return Ok(false);
        }
        let Some((_, bytes)) = end.incoming.pop_front_if(|(due, _)| *due <= now) else {
            return Ok(false);
        };
        let book = &self.world.device(end.device)?.book;
        let effects = end.session.frame(book, &bytes);
        self.carry_out(at, side, effects)?;
        Ok(true)
    }

    fn durable(&mut self, at: usize, side: usize) -> Result<bool, SimError> {
        let now = self.now;
        let Some(end) = self.links.get_mut(at).and_then(|l| l.ends.get_mut(side)) else {
            return Ok(false);
        };
        let mut group = Vec::new();
        while let Some((_, ticket, outcome)) = end.pending.pop_front_if(|(due, ..)| *due <= now) {
            group.push((ticket, outcome));
        }
        if group.is_empty() {
            return Ok(false);
        }
        let device = end.device;
        let book = &self.world.device(device)?.book;
        let effects = end.session.stored(book, &group);
        self.carry_out(at, side, effects)?;
        for (_, outcome) in &group {
            if let Outcome::Admitted(admitted) = outcome {
                self.spread(device, Some((at, side)), admitted)?;
            }
        }
        Ok(true)
    }

    /// Lets everything that is on its way arrive, without the time of ticks passing.
    pub fn run(&mut self) -> Result<(), SimError> {
        for _ in 0..1_000_000 {
            if self.step()? {
                continue;
            }
            match self.next_due() {
                Some(due) => self.now = self.now.max(due),
                None => return Ok(()),
            }
        }
        Err(SimError::Endless(1_000_000))
    }

    fn next_due(&self) -> Option<u64> {
        let ends = self
            .links
            .iter()
            .filter(|l| !l.down || l.weather.cut_after.is_some());
        let ends = ends.flat_map(|l| &l.ends);
        ends.flat_map(|e| {
            let frame = e.incoming.front().map(|(due, _)| *due);
            frame.into_iter().chain(e.pending.front().map(|p| p.0))
        })
        .min()
    }

    /// Lets time pass, with a tick a second.
    pub fn pass(&mut self, ms: u64) -> Result<(), SimError> {
        let end = self.now + ms;
        while self.now < end {
            let next = self
                .next_due()
                .unwrap_or(end)
                .min(self.next_tick)
                .max(self.now)
                .min(end);
            self.now = next;
            while self.step()? {}
            if self.now >= self.next_tick {
                self.next_tick = self.now + 1_000;
                self.tick()?;
            }
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), SimError> {
        for at in 0..self.links.len() {
            for side in 0..2 {
                let now = self.now;
                let Some(link) = self.links.get_mut(at).filter(|l| !l.down) else {
                    continue;
                };
                let Some(end) = link.ends.get_mut(side) else {
                    continue;
                };
                let book = &self.world.device(end.device)?.book;
                let effects = end.session.tick(book, now);
                self.carry_out(at, side, effects)?;
            }
        }
        Ok(())
    }
}
