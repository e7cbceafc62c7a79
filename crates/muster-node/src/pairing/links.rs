//! Connections of a pairing, numbered, with what waits to be sent on each. It decides nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use muster_log::pairing::inviter::Link;
use muster_net::{ConnId, NetHandle, Outbox, SendError};
use tokio::runtime::Handle;

struct Out {
    conn: ConnId,
    outbox: Outbox,
    queue: VecDeque<Vec<u8>>,
    closing: bool,
    vouched: bool,
}

/// The connections.
pub(super) struct Links {
    net: Arc<NetHandle>,
    runtime: Handle,
    /// For how long a peer is not met again once its connection was closed here.
    ban: Option<Duration>,
    next: Link,
    open: BTreeMap<Link, Out>,
}

impl Links {
    pub(super) fn new(net: Arc<NetHandle>, runtime: Handle, ban: Option<Duration>) -> Self {
        Self {
            net,
            runtime,
            ban,
            next: 0,
            open: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, conn: ConnId, outbox: Outbox) -> Link {
        self.next += 1;
        let out = Out {
            conn,
            outbox,
            queue: VecDeque::new(),
            closing: false,
            vouched: false,
        };
        self.open.insert(self.next, out);
        self.next
    }

    pub(super) fn of(&self, conn: ConnId) -> Option<Link> {
        self.open
            .iter()
            .find(|(_, o)| o.conn == conn)
            .map(|(link, _)| *link)
    }

    pub(super) fn gone(&mut self, link: Link) {
        self.open.remove(&link);
    }

    pub(super) fn send(&mut self, link: Link, frame: Vec<u8>) {
        if let Some(out) = self.open.get_mut(&link) {
            out.queue.push_back(frame);
        }
    }

    /// The other side has proven that it knows the code: its connection makes room for nobody.
    pub(super) fn vouch(&mut self, link: Link) {
        let Some(out) = self.open.get_mut(&link).filter(|o| !o.vouched) else {
            return;
        };
        out.vouched = true;
        let (net, conn) = (Arc::clone(&self.net), out.conn);
        self.runtime.spawn(async move {
            let _stopped = net.vouch(conn).await;
        });
    }

    pub(super) fn close(&mut self, link: Link) {
        if let Some(out) = self.open.get_mut(&link) {
            out.closing = true;
        }
    }

    /// Hands over what the peers take now.
    pub(super) fn pump(&mut self) {
        for out in self.open.values_mut() {
            while let Some(frame) = out.queue.pop_front() {
                match out.outbox.try_send(frame) {
                    Ok(()) => {}
                    Err(SendError::Full(frame)) => {
                        out.queue.push_front(frame);
                        break;
                    }
                    Err(_) => out.queue.clear(),
                }
            }
        }
        let done = self
            .open
            .iter()
            .filter(|(_, o)| o.closing && o.queue.is_empty());
        let done: Vec<_> = done.map(|(link, o)| (*link, o.conn)).collect();
        for (link, conn) in done {
            // Its end comes as an event for nobody.
            self.open.remove(&link);
            let (net, ban) = (Arc::clone(&self.net), self.ban);
            self.runtime.spawn(async move {
                let _stopped = net.close(conn, ban).await;
            });
        }
    }
}
