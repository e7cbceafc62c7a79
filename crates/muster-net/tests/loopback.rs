//! Networks on the loopback: connect, carry, refuse, hold back, keep one, lose and find again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use muster_net::{
    CloseReason, ConnId, Limits, MAX_FRAME, Multiaddr, Net, NetConfig, NetEvent, NetHandle, Outbox,
    RefuseReason, SendError, TransportId,
};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

struct Node {
    net: NetHandle,
    events: Receiver<NetEvent>,
    addr: Multiaddr,
}

impl Node {
    async fn start(listen: &str, peers: &[Multiaddr], limits: Limits) -> Self {
        let config = NetConfig {
            listen: vec![listen.parse().unwrap()],
            peers: peers.to_vec(),
            discovery: false,
            limits,
            ..NetConfig::default()
        };
        let (net, mut events) = Net::start(config).unwrap();
        let NetEvent::Listening { addr } = next(&mut events).await else {
            panic!("not listening")
        };
        Self { net, events, addr }
    }

    async fn new(listen: &str) -> Self {
        Self::start(listen, &[], Limits::default()).await
    }

    async fn connected(&mut self) -> Link {
        loop {
            if let NetEvent::Connected {
                conn,
                peer,
                outbound,
                outbox,
                ..
            } = next(&mut self.events).await
            {
                return Link {
                    conn,
                    peer,
                    outbound,
                    outbox,
                };
            }
        }
    }

    async fn frame(&mut self) -> Vec<u8> {
        loop {
            match next(&mut self.events).await {
                NetEvent::Frame { bytes, .. } => return bytes,
                NetEvent::Closed { reason, .. } => panic!("closed: {reason}"),
                _ => {}
            }
        }
    }

    async fn closed(&mut self) -> CloseReason {
        loop {
            if let NetEvent::Closed { reason, .. } = next(&mut self.events).await {
                return reason;
            }
        }
    }
}

struct Link {
    conn: ConnId,
    peer: TransportId,
    outbound: bool,
    outbox: Outbox,
}

async fn next(events: &mut Receiver<NetEvent>) -> NetEvent {
    timeout(Duration::from_secs(10), events.recv())
        .await
        .expect("an event in time")
        .expect("running")
}

async fn pair(listen: &str) -> (Node, Link, Node, Link) {
    let mut a = Node::new(listen).await;
    let mut b = Node::start(listen, &[a.addr.clone()], Limits::default()).await;
    let (to_b, to_a) = (a.connected().await, b.connected().await);
    (a, to_b, b, to_a)
}

async fn frames_go_both_ways(listen: &str) {
    let (mut a, to_b, mut b, to_a) = pair(listen).await;
    assert_eq!((to_b.peer, to_a.peer), (b.net.id(), a.net.id()));
    assert_eq!((to_b.outbound, to_a.outbound), (false, true));
    for size in [1, 1000, MAX_FRAME] {
        to_b.outbox.try_send(vec![1; size]).unwrap();
        to_a.outbox.try_send(vec![2; size]).unwrap();
        assert_eq!(b.frame().await, vec![1; size]);
        assert_eq!(a.frame().await, vec![2; size]);
    }
    assert_eq!(to_a.outbox.try_send(vec![]), Err(SendError::BadLength(0)));
    assert_eq!(
        to_a.outbox.try_send(vec![0; MAX_FRAME + 1]),
        Err(SendError::BadLength(MAX_FRAME + 1))
    );
    // What was queued before a close arrives, and both sides know who closed.
    for number in 0..5 {
        to_a.outbox.try_send(vec![number; 100_000]).unwrap();
    }
    b.net
        .close(to_a.conn, Some(Duration::from_secs(60)))
        .await
        .unwrap();
    for number in 0..5 {
        assert_eq!(a.frame().await, vec![number; 100_000]);
    }
    assert_eq!(a.closed().await, CloseReason::Remote);
    assert_eq!(b.closed().await, CloseReason::Local);
    assert_eq!(to_b.outbox.try_send(vec![1]), Err(SendError::Closed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_go_both_ways_over_tcp() {
    frames_go_both_ways(TCP).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_go_both_ways_over_quic() {
    frames_go_both_ways(QUIC).await;
}

async fn a_slow_consumer_stops_its_peer(listen: &str) {
    let (a, _to_b, mut b, to_a) = pair(listen).await;
    let mut a = a;
    let frame = vec![9; 64 * 1024];
    let mut sent = 0_usize;
    let mut quiet = Instant::now();
    while quiet.elapsed() < Duration::from_secs(4) {
        match to_a.outbox.try_send(frame.clone()) {
            Ok(()) => {
                sent += 1;
                quiet = Instant::now();
                assert!(sent < 400, "nothing holds the sender back");
            }
            Err(SendError::Full(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(e) => panic!("{e}"),
        }
    }
    // Stalled for four seconds, and still connected: the pulse goes on beside it.
    let stats = b.net.stats().await.unwrap();
    assert_eq!((stats.kept, stats.closed), (1, 0));
    println!("{listen}: {sent} frames of 64 KiB were under way when the sender stalled");
    for _ in 0..sent {
        assert_eq!(a.frame().await.len(), frame.len());
    }
    assert!(matches!(
        next(&mut b.events).await,
        NetEvent::Writable { .. }
    ));
    timeout(Duration::from_secs(1), to_a.outbox.ready())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_consumer_stops_its_peer_over_tcp() {
    a_slow_consumer_stops_its_peer(TCP).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_consumer_stops_its_peer_over_quic() {
    a_slow_consumer_stops_its_peer(QUIC).await;
}

/// Both dial at once, over what is given; one connection remains and works.
async fn one_is_kept(listen: &str, rounds: usize) {
    let mut crossed = 0;
    for round in 0..rounds {
        let mut a = Node::new(listen).await;
        let mut b = Node::new(listen).await;
        let (to_a, to_b) = (a.addr.clone(), b.addr.clone());
        let (one, two) = tokio::join!(a.net.add_peer(to_b), b.net.add_peer(to_a));
        one.unwrap();
        two.unwrap();
        let (at_a, at_b) = (a.connected().await, b.connected().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        for node in [&mut a, &mut b] {
            while let Ok(event) = node.events.try_recv() {
                let quiet = matches!(event, NetEvent::Listening { .. });
                assert!(quiet, "round {round}: {event:?}");
            }
        }
        at_a.outbox.try_send(b"from a".to_vec()).unwrap();
        at_b.outbox.try_send(b"from b".to_vec()).unwrap();
        assert_eq!(b.frame().await, b"from a");
        assert_eq!(a.frame().await, b"from b");
        // One connection, so one dialler.
        assert_ne!(
            at_a.outbound, at_b.outbound,
            "round {round}: two connections"
        );
        let (sa, sb) = (a.net.stats().await.unwrap(), b.net.stats().await.unwrap());
        assert_eq!(
            (sa.connected, sb.connected, sa.closed, sb.closed),
            (1, 1, 0, 0)
        );
        crossed += usize::from(sa.duplicates + sb.duplicates > 0);
    }
    println!("{listen}: {crossed} of {rounds} rounds had crossing dials");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_is_kept_when_both_dial_over_tcp() {
    one_is_kept(TCP, 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_is_kept_when_both_dial_over_quic() {
    one_is_kept(QUIC, 20).await;
}

/// The peer goes without a word; it is noticed, and whoever comes back at the address is found.
async fn lost_and_found(listen: &str) {
    let (a, _, mut b, _) = pair(listen).await;
    let addr = a.addr.clone();
    let Node { net, events, .. } = a;
    let start = Instant::now();
    drop(events);
    drop(net);
    let reason = b.closed().await;
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    println!("{listen}: closed after {:?}: {reason}", start.elapsed());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let start = Instant::now();
    let again = Node::start(&addr.to_string(), &[], Limits::default()).await;
    let found = b.connected().await;
    assert_eq!(found.peer, again.net.id());
    println!("{listen}: found again after {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_and_found_over_tcp() {
    lost_and_found(TCP).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_and_found_over_quic() {
    lost_and_found(QUIC).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_banned_peer_stays_out_for_a_while() {
    let (mut a, to_b, mut b, _to_a) = pair(TCP).await;
    a.net
        .close(to_b.conn, Some(Duration::from_secs(2)))
        .await
        .unwrap();
    assert_eq!(b.closed().await, CloseReason::Remote);
    let start = Instant::now();
    let mut refused = 0;
    loop {
        match next(&mut a.events).await {
            NetEvent::Refused { reason, peer, .. } => {
                assert_eq!((reason, peer), (RefuseReason::Banned, Some(b.net.id())));
                refused += 1;
            }
            NetEvent::Connected { .. } => break,
            _ => {}
        }
    }
    assert!(
        refused > 0 && start.elapsed() > Duration::from_millis(1500),
        "{:?}",
        start.elapsed()
    );
    let known = b.net.known().await.unwrap();
    assert!(known.iter().any(|k| k.given && k.peer == Some(a.net.id())));
    a.net.shutdown().await;
    assert_eq!(b.closed().await, CloseReason::Remote);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_the_limit_are_kept() {
    let limits = Limits {
        kept: 2,
        ..Limits::default()
    };
    let mut hub = Node::start(TCP, &[], limits).await;
    let mut leaves = Vec::new();
    for _ in 0..3 {
        leaves.push(Node::start(TCP, &[hub.addr.clone()], Limits::default()).await);
    }
    // A connection lasts as long as its outbox.
    let mut boxes = Vec::new();
    let mut seen = (0, 0);
    while seen.0 < 2 || seen.1 < 1 {
        match next(&mut hub.events).await {
            NetEvent::Connected { conn, outbox, .. } => {
                hub.net.vouch(conn).await.unwrap();
                boxes.push(outbox);
                seen.0 += 1;
            }
            NetEvent::Refused {
                reason: RefuseReason::Full,
                ..
            } => seen.1 += 1,
            NetEvent::Listening { .. } | NetEvent::Refused { .. } | NetEvent::Closed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    // One that came before the others were vouched for goes when its turn comes.
    let two = async {
        while hub.net.stats().await.unwrap().kept > 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), two)
        .await
        .expect("two are kept");
    assert_eq!(hub.net.stats().await.unwrap().kept, 2);
}
