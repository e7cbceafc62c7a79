//! Contacts at work: frames in, the session decides, effects carried out. Nothing is said to a peer
//! before it is durable here.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use muster_log::{
    book::Admitted,
    chain::DeviceKey,
    ids::{Lane, LogId},
    session::{CloseReason, Effect, Local, Outcome, Session},
};
use muster_net::{CloseReason as Ended, ConnId, NetEvent, Outbox, SendError};

use super::{Contact, Event, gate::Gate};
use crate::{
    daemon::Node,
    edge::{now, random},
    error::NodeError,
    limits::{QUEUE, QUEUE_BYTES, QUEUE_FRAMES, STRANGER_BAN},
};

/// Sessions are told the time this often.
const TICK: Duration = Duration::from_millis(500);

/// One incident secret and one key for all contacts of a turn of the loop.
struct Identity {
    key: DeviceKey,
    secrets: Vec<[u8; 32]>,
}

impl Node {
    /// Handles what the network brought.
    pub(crate) fn network_events(&mut self, events: Vec<Event>) -> Result<(), NodeError> {
        for event in events {
            match event {
                NetEvent::Listening { addr } => {
                    tracing::info!(%addr, "listening");
                    if let Some(n) = &mut self.network {
                        n.listening.push(addr.to_string());
                        // What most can dial comes first.
                        n.listening
                            .sort_by_key(|a| (a.starts_with("/ip6"), a.contains("/udp/")));
                    }
                }
                NetEvent::Connected {
                    conn,
                    peer,
                    remote,
                    outbound,
                    outbox,
                } => {
                    self.met(conn, &peer.to_bytes(), remote.to_string(), outbound, outbox)?;
                }
                NetEvent::Frame { conn, bytes } => {
                    let book = self.engine.book();
                    let contact = self
                        .network
                        .as_mut()
                        .and_then(|n| n.contacts.get_mut(&conn));
                    let Some(contact) = contact else { continue };
                    let effects = contact.session.frame(book, &bytes);
                    self.carry_out(conn, effects)?;
                }
                NetEvent::Writable { conn } => self.network_due(conn),
                NetEvent::Closed { conn, reason, .. } => {
                    if let Some(n) = &mut self.network {
                        if let Some(mut contact) = n.contacts.remove(&conn) {
                            // What was cut says nothing of the other side; what it closed does.
                            if reason == Ended::Remote
                                && let Some(why) = contact.session.hung_up()
                            {
                                n.gate.closed(why.code());
                            }
                            match contact.member {
                                Some((_, label, _)) => {
                                    tracing::info!(peer = %label, %reason, "contact ended");
                                }
                                None => tracing::debug!(%reason, "contact ended"),
                            }
                        }
                        n.gate.ended(&reason);
                        n.refresh_known();
                    }
                }
                other => tracing::debug!(?other, "network"),
            }
        }
        self.network_tick()
    }

    fn identity(&self) -> Identity {
        let secrets = self.engine.secrets();
        Identity {
            key: secrets.key(),
            secrets: self.engine.incident_secrets(),
        }
    }

    fn met(
        &mut self,
        conn: ConnId,
        there: &[u8],
        remote: String,
        outbound: bool,
        outbox: Outbox,
    ) -> Result<(), NodeError> {
        let identity = self.identity();
        let incident = self.engine.incident();
        let now_ms = self.started.elapsed().as_millis() as u64;
        let Some(network) = &mut self.network else {
            return Ok(());
        };
        if network.offline {
            network.close(conn, None);
            return Ok(());
        }
        let mut fresh = [0; 32];
        random(&mut fresh);
        let local = Local {
            incident,
            key: &identity.key,
            secrets: &identity.secrets,
            here: &network.net.id().to_bytes(),
            there,
            dialler: outbound,
            software: concat!("muster ", env!("CARGO_PKG_VERSION")),
            clock: now(),
        };
        let (session, effects) = Session::start(&local, fresh, now_ms);
        network.refresh_known();
        network.contacts.insert(
            conn,
            Contact {
                session,
                outbox,
                remote,
                outbound,
                since: Instant::now(),
                queue: VecDeque::new(),
                queued: 0,
                reading: None,
                outcomes: Vec::new(),
                clock_ms: None,
                member: None,
            },
        );
        self.carry_out(conn, effects)
    }

    /// Carries out what a session asks for, and what follows from it.
    fn carry_out(&mut self, conn: ConnId, effects: Vec<Effect>) -> Result<(), NodeError> {
        let Some(network) = &mut self.network else {
            return Ok(());
        };
        for effect in effects {
            let Some(contact) = network.contacts.get_mut(&conn) else {
                return Ok(());
            };
            match effect {
                Effect::Send(frame) => contact.push(frame),
                Effect::Discard => {
                    contact.forget_queue();
                    contact.outbox.discard();
                }
                Effect::Deliver { ticket, run } => {
                    let (outcome, author) = network.gate.take(&mut self.engine, &run)?;
                    if let Some(author) = author {
                        let via = contact.member.as_ref().map(|m| m.0);
                        self.heard.note(author, via, now());
                    }
                    contact.outcomes.push((ticket, outcome));
                }
                Effect::Read(request) => {
                    contact.reading = Some(request);
                }
                Effect::Member {
                    device,
                    label,
                    software,
                    ..
                } => {
                    tracing::info!(peer = %label, remote = %contact.remote, "contact");
                    if let Some(ms) = contact.clock_ms {
                        self.engine.note_clock(device, ms, now());
                    }
                    self.heard.note(device, Some(device), now());
                    contact.member = Some((device, label, software));
                    if !network.proven(conn, device) {
                        return Ok(());
                    }
                }
                Effect::Clock(theirs) => {
                    contact.clock_ms = Some(theirs.0.saturating_sub(now().0));
                }
                Effect::InSync => {
                    self.level = true;
                    if let Some((device, ..)) = &contact.member {
                        let counts = lane0_counts(self.engine.book());
                        if network.told.get(device) != Some(&counts) {
                            self.engine.note_heard(*device);
                            network.told.insert(*device, counts);
                        }
                    }
                }
                Effect::Refused { log, reason } => {
                    if network.gate.refused(reason.code()) {
                        tracing::warn!(?log, reason = reason.code(), "a run was refused");
                    }
                }
                Effect::Skipped { log, reason } => {
                    tracing::info!(?log, reason = reason.code(), "a log is not sent")
                }
                Effect::OwnLogAhead(log) => {
                    let current = self.engine.secrets().log(log.lane);
                    if current == log {
                        tracing::warn!(
                            "a peer has newer entries of this device's own log: its data directory is an older copy; a new generation is opened"
                        );
                        self.engine.renew_generation(&mut random)?;
                    }
                }
                Effect::Close(reason) => {
                    network.gate.closed(reason.code());
                    tracing::debug!(%reason, "session closed");
                    if let Some((device, ..)) = &contact.member {
                        network.gate.shun(*device, &reason);
                    }
                    let ban = Gate::ban(&reason);
                    while let Some(frame) = contact.pop() {
                        if contact.outbox.try_send(frame).is_err() {
                            break;
                        }
                    }
                    network.close(conn, ban);
                }
            }
        }
        self.network_due(conn);
        Ok(())
    }

    /// Lets go of a peer that takes nothing and keeps asking.
    fn network_flood(&mut self, conn: ConnId) {
        let Some(network) = &mut self.network else {
            return;
        };
        network.gate.closed(CloseReason::Flood.code());
        if let Some((device, ..)) = network.contacts.remove(&conn).and_then(|c| c.member) {
            network.gate.shun_for(device, STRANGER_BAN);
        }
        network.close(conn, Some(STRANGER_BAN));
    }

    /// Notes that a contact's frames are to be handed over once everything is durable.
    fn network_due(&mut self, conn: ConnId) {
        if let Some(network) = &mut self.network {
            network.due.insert(conn);
        }
    }

    /// After a sync of the journal: hands over what was queued for the peers. Not before: whatever a
    /// peer is told must be here after a power cut.
    pub(crate) fn pump_due(&mut self) -> Result<(), NodeError> {
        let due = self
            .network
            .as_mut()
            .map(|n| std::mem::take(&mut n.due))
            .unwrap_or_default();
        due.into_iter().try_for_each(|conn| self.pump(conn))
    }

    /// Hands queued frames to the transport, and reads more for the peer when they are gone.
    fn pump(&mut self, conn: ConnId) -> Result<(), NodeError> {
        loop {
            let Some(contact) = self
                .network
                .as_mut()
                .and_then(|n| n.contacts.get_mut(&conn))
            else {
                return Ok(());
            };
            while let Some(frame) = contact.pop() {
                match contact.outbox.try_send(frame) {
                    Ok(()) => {}
                    Err(SendError::Full(frame)) => {
                        contact.queued += frame.len();
                        contact.queue.push_front(frame);
                        break;
                    }
                    Err(_) => {
                        contact.forget_queue();
                        return Ok(());
                    }
                }
            }
            if contact.queue.len() > QUEUE_FRAMES || contact.queued > QUEUE_BYTES {
                self.network_flood(conn);
                return Ok(());
            }
            if contact.queue.len() >= QUEUE {
                return Ok(());
            }
            let Some(request) = contact.reading.take() else {
                return Ok(());
            };
            let runs = self.engine.answer(&request)?;
            let effects = contact.session.runs(self.engine.book(), request.id, runs);
            self.carry_out_again(conn, effects)?;
        }
    }

    /// [`Self::carry_out`] without the pumping at its end, which the caller does.
    fn carry_out_again(&mut self, conn: ConnId, effects: Vec<Effect>) -> Result<(), NodeError> {
        let Some(contact) = self
            .network
            .as_mut()
            .and_then(|n| n.contacts.get_mut(&conn))
        else {
            return Ok(());
        };
        let mut rest = Vec::new();
        for effect in effects {
            match effect {
                Effect::Send(frame) => contact.push(frame),
                Effect::Read(request) => contact.reading = Some(request),
                other => rest.push(other),
            }
        }
        if rest.is_empty() {
            Ok(())
        } else {
            self.carry_out(conn, rest)
        }
    }

    /// After a sync of the journal: tells each peer what of its runs is durable now, and everyone
    /// else what is new.
    pub(crate) fn gossip(&mut self) -> Result<(), NodeError> {
        let admitted: Vec<Admitted> = self.engine.take_admitted();
        let Some(network) = &mut self.network else {
            return Ok(());
        };
        if !admitted.is_empty() {
            network.changed();
        }
        network.announce(|| self.engine.voice());
        let conns: Vec<ConnId> = network.contacts.keys().copied().collect();
        for conn in conns {
            let Some(contact) = self
                .network
                .as_mut()
                .and_then(|n| n.contacts.get_mut(&conn))
            else {
                continue;
            };
            let outcomes = std::mem::take(&mut contact.outcomes);
            if outcomes.is_empty() && admitted.is_empty() {
                continue;
            }
            let book = self.engine.book();
            let own = |a: &Admitted| {
                outcomes
                    .iter()
                    .any(|(_, o)| matches!(o, Outcome::Admitted(x) if x.run.head() == a.run.head()))
            };
            let mut effects = Vec::new();
            if !outcomes.is_empty() {
                effects.extend(contact.session.stored(book, &outcomes));
            }
            for a in admitted.iter().filter(|a| !own(a)) {
                effects.extend(contact.session.changed(book, a));
            }
            self.carry_out(conn, effects)?;
        }
        Ok(())
    }

    fn network_tick(&mut self) -> Result<(), NodeError> {
        let now_ms = self.started.elapsed().as_millis() as u64;
        let Some(network) = &mut self.network else {
            return Ok(());
        };
        if network.ticked.elapsed() < TICK {
            return Ok(());
        }
        network.ticked = Instant::now();
        network.refresh_known();
        let stats = network.sight().stats.clone();
        network.gate.net = stats;
        let conns: Vec<ConnId> = network.contacts.keys().copied().collect();
        for conn in conns {
            let contact = self
                .network
                .as_mut()
                .and_then(|n| n.contacts.get_mut(&conn));
            if let Some(contact) = contact {
                let effects = contact.session.tick(self.engine.book(), now_ms);
                self.carry_out(conn, effects)?;
            }
        }
        Ok(())
    }
}

impl Contact {
    fn push(&mut self, frame: Vec<u8>) {
        self.queued += frame.len();
        self.queue.push_back(frame);
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        let frame = self.queue.pop_front()?;
        self.queued = self.queued.saturating_sub(frame.len());
        Some(frame)
    }

    fn forget_queue(&mut self) {
        self.queue.clear();
        self.queued = 0;
    }
}

/// How many entries of each log of lane 0 are here.
fn lane0_counts(book: &muster_log::book::Book) -> BTreeMap<LogId, u64> {
    let lane0 = book.logs().filter(|l| l.key().lane == Lane::AUTHORITY);
    lane0.map(|l| (l.id(), l.contiguous())).collect()
}
