//! From encrypted connections to sessions, and their ends.

use std::time::Instant;

use libp2p::Stream;

use super::Driver;
use crate::behaviour::Said;
use crate::conns::{Choice, Phase};
use crate::event::{CloseReason, ConnId, NetEvent, RefuseReason};
use crate::handler::{FromHandler, Kind};
use crate::pulse;
use crate::session::{Report, Session};

impl Driver {
    pub(super) fn on_said(&mut self, Said { connection, what }: Said) {
        let Some(conn) = self.conns.find(connection) else {
            return;
        };
        match what {
            FromHandler::Opened(Kind::Session, stream) => self.offered(conn, stream),
            FromHandler::Opened(Kind::Pulse, stream) => self.start_pulse(conn, stream),
            FromHandler::NotOpened(Kind::Session) => self.refuse(conn, RefuseReason::NotSpoken),
            // Without a pulse the connection lives as long as its frames keep it from silence.
            FromHandler::NotOpened(Kind::Pulse) => {}
        }
    }

    fn offered(&mut self, conn: ConnId, stream: Stream) {
        match self.conns.choose(conn) {
            Choice::Duplicate => {
                self.stats.duplicates += 1;
                self.end(conn, CloseReason::Replaced);
            }
            Choice::Take { replacing } => {
                for other in replacing {
                    self.end(other, CloseReason::Replaced);
                }
                self.start_session(conn, stream);
            }
        }
    }

    fn start_session(&mut self, conn: ConnId, stream: Stream) {
        let Some(entry) = self
            .conns
            .get_mut(conn)
            .filter(|c| c.phase == Phase::Opening)
        else {
            return;
        };
        entry.phase = Phase::Agreeing;
        entry.tasked = true;
        entry.heard.mark();
        let session = Session {
            conn,
            peer: entry.peer,
            remote: entry.remote.clone(),
            outbound: entry.outbound,
            events: self.events.clone(),
            reports: self.reports.0.clone(),
            verdict: entry.verdict.subscribe(),
            heard: entry.heard.clone(),
            outbox: self.limits.outbox,
            handshake: self.limits.handshake,
            farewell: self.limits.farewell,
        };
        self.tasks.spawn(session.run(stream));
    }

    fn start_pulse(&mut self, conn: ConnId, stream: Stream) {
        let Some(entry) = self.conns.get_mut(conn) else {
            return;
        };
        let beating = pulse::run(stream, entry.heard.clone(), self.limits.pulse);
        let reports = self.reports.0.clone();
        self.tasks.spawn(async move {
            if beating.await {
                // The driver has gone only when everything ends.
                let _gone = reports.send(Report::Hung { conn }).await;
            }
        });
    }

    pub(super) fn on_report(&mut self, report: Report) {
        match report {
            Report::Agreed { conn, keep } => self.agreed(conn, keep),
            Report::NotSpoken { conn } => self.not_spoken(conn),
            Report::Hung { conn } => self.end(conn, CloseReason::Silent),
            Report::Ended { conn, reason } => self.ended(conn, &reason),
            Report::Released { conn } => {
                let Some(entry) = self.conns.get_mut(conn) else {
                    return;
                };
                entry.tasked = false;
                entry.phase = Phase::Ending;
                if entry.gone {
                    self.conns.remove(conn);
                } else {
                    let connection = entry.connection;
                    self.swarm.close_connection(connection);
                }
            }
        }
    }

    fn agreed(&mut self, conn: ConnId, keep: tokio::sync::oneshot::Sender<()>) {
        let superseded = self.conns.superseded(conn);
        let Some(entry) = self.conns.get_mut(conn) else {
            return;
        };
        if entry.gone || entry.phase != Phase::Agreeing {
            return;
        }
        let outbound = entry.outbound;
        if superseded.is_empty() && !self.make_place(conn, outbound) {
            self.refuse(conn, RefuseReason::Full);
            return;
        }
        let Some(entry) = self.conns.get_mut(conn) else {
            return;
        };
        entry.phase = Phase::Kept;
        entry.held = true;
        let peer = entry.peer;
        let dialled = entry.outbound.then(|| entry.remote.clone());
        for other in superseded {
            self.end(other, CloseReason::Replaced);
        }
        self.stats.connected += 1;
        self.dialer.linked(peer, dialled.as_ref());
        // A session that is gone says so by its next report.
        let _gone = keep.send(());
    }

    /// Whether another session finds its place; one that has proven nothing may have to go for it.
    fn make_place(&mut self, conn: ConnId, outbound: bool) -> bool {
        if self.conns.proven() >= self.limits.kept {
            return false;
        }
        self.conns.unproven(outbound) < self.limits.unproven || self.give_way(conn, &[Phase::Kept])
    }

    /// Lets a connection without proof go for a newcomer, if one has to.
    pub(super) fn give_way(&mut self, conn: ConnId, phases: &[Phase]) -> bool {
        let grace = self.limits.grace;
        let Some(other) = self.conns.giving_way(conn, phases, Instant::now(), grace) else {
            return false;
        };
        self.stats.crowded += 1;
        self.end(other, CloseReason::Crowded);
        true
    }

    /// The layer above knows whose connection it is.
    pub(super) fn vouch(&mut self, conn: ConnId) {
        let full = self.conns.proven() >= self.limits.kept;
        let Some(entry) = self.conns.get_mut(conn).filter(|c| !c.proven) else {
            return;
        };
        if full {
            self.refuse(conn, RefuseReason::Full);
        } else {
            entry.proven = true;
        }
    }

    fn not_spoken(&mut self, conn: ConnId) {
        let rival = self.conns.has_rival(conn);
        let Some(entry) = self.conns.get_mut(conn) else {
            return;
        };
        if entry.phase != Phase::Agreeing {
            return;
        }
        if rival {
            self.stats.duplicates += 1;
            self.end(conn, CloseReason::Replaced);
        } else {
            self.refuse(conn, RefuseReason::NotSpoken);
        }
    }

    fn ended(&mut self, conn: ConnId, reason: &CloseReason) {
        self.stats.closed += 1;
        match reason {
            CloseReason::Silent => self.stats.silent += 1,
            CloseReason::FrameTooLong { .. } | CloseReason::FrameEmpty => {
                self.stats.bad_frames += 1
            }
            _ => {}
        }
        let Some(entry) = self.conns.get_mut(conn) else {
            return;
        };
        let was_kept = entry.phase == Phase::Kept && !entry.gone;
        entry.phase = Phase::Ending;
        let (connection, peer) = (entry.connection, entry.peer);
        self.swarm.close_connection(connection);
        if was_kept {
            self.dialer.unlinked(Instant::now(), peer);
        }
    }

    /// Ends a connection for a reason of ours: its session says good-bye, or it closes at once.
    pub(super) fn end(&mut self, conn: ConnId, reason: CloseReason) {
        let Some(entry) = self.conns.get_mut(conn) else {
            return;
        };
        entry.phase = Phase::Ending;
        entry.verdict.send_if_modified(|verdict| {
            let first = verdict.is_none();
            if first {
                *verdict = Some(reason);
            }
            first
        });
        if !entry.tasked {
            let connection = entry.connection;
            self.swarm.close_connection(connection);
        }
    }

    /// Lets go of a connection that became no session.
    pub(super) fn refuse(&mut self, conn: ConnId, reason: RefuseReason) {
        self.count_refusal(conn, reason);
        self.end(conn, CloseReason::Local);
    }

    pub(super) fn count_refusal(&mut self, conn: ConnId, reason: RefuseReason) {
        let Some(entry) = self.conns.get_mut(conn) else {
            return;
        };
        let (remote, peer) = (entry.remote.clone(), entry.peer);
        tracing::debug!(%conn, %remote, %reason, "refused");
        *self.stats.refused.entry(reason).or_default() += 1;
        self.dialer.refused(Instant::now(), peer);
        self.tell(NetEvent::Refused {
            remote,
            peer: Some(peer),
            reason,
        });
    }
}
