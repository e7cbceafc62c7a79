//! Programs that are no Muster: another libp2p application, and one that breaks the framing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures::{AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::core::muxing::{StreamMuxerBox, StreamMuxerExt};
use libp2p::core::transport::{DialOpts, PortUse};
use libp2p::core::{Endpoint, Transport, upgrade};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Swarm, SwarmBuilder, identify, noise, ping, tcp, yamux};
use muster_net::{CloseReason, Multiaddr, Net, NetConfig, NetEvent, RefuseReason};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

#[derive(NetworkBehaviour)]
struct Foreign {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
}

async fn next(events: &mut Receiver<NetEvent>) -> NetEvent {
    timeout(Duration::from_secs(10), events.recv())
        .await
        .expect("an event in time")
        .expect("running")
}

async fn muster() -> (muster_net::NetHandle, Receiver<NetEvent>, Multiaddr) {
    let config = NetConfig {
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        discovery: false,
        ..NetConfig::default()
    };
    let (net, mut events) = Net::start(config).unwrap();
    let NetEvent::Listening { addr } = next(&mut events).await else {
        panic!("not listening")
    };
    (net, events, addr)
}

fn foreign() -> Swarm<Foreign> {
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(
            tcp::Config::default(),
            noise::Config::new,
            yamux::Config::default,
        )
        .unwrap()
        .with_behaviour(|key| Foreign {
            identify: identify::Behaviour::new(identify::Config::new(
                "/other/1".into(),
                key.public(),
            )),
            ping: ping::Behaviour::new(ping::Config::new()),
        })
        .unwrap()
        .build()
}

/// Whatever another libp2p program asks, it gets no answer, and it is let go and counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_libp2p_program_learns_nothing() {
    let (net, mut events, addr) = muster().await;
    let mut other = foreign();
    other.dial(addr).unwrap();
    let mut learnt = Vec::new();
    let closed = timeout(Duration::from_secs(6), async {
        loop {
            match other.select_next_some().await {
                SwarmEvent::Behaviour(ForeignEvent::Identify(identify::Event::Received {
                    info,
                    ..
                })) => learnt.push(format!("{info:?}")),
                SwarmEvent::Behaviour(ForeignEvent::Ping(ping::Event {
                    result: Ok(_), ..
                })) => {
                    learnt.push("a ping's answer".into());
                }
                SwarmEvent::ConnectionClosed { .. } => break,
                _ => {}
            }
        }
    });
    closed.await.expect("let go in time");
    assert_eq!(learnt, Vec::<String>::new());
    let NetEvent::Refused { reason, peer, .. } = next(&mut events).await else {
        panic!("no refusal")
    };
    assert!(
        matches!(reason, RefuseReason::NoSession | RefuseReason::NotSpoken),
        "{reason}"
    );
    assert_eq!(peer.unwrap().to_bytes(), other.local_peer_id().to_bytes());
    let stats = net.stats().await.unwrap();
    assert_eq!((stats.refusals(), stats.connected, stats.kept), (1, 0, 0));
}

/// Dialled by us, because somebody gave its address: refused, and dialled ever more slowly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_libp2p_program_is_dialled_ever_more_slowly() {
    let (net, mut events, _) = muster().await;
    let mut other = foreign();
    other
        .listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap())
        .unwrap();
    let SwarmEvent::NewListenAddr { address, .. } = other.select_next_some().await else {
        panic!("not listening")
    };
    let pump = tokio::spawn(async move {
        loop {
            other.select_next_some().await;
        }
    });
    net.add_peer(address).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let stats = net.stats().await.unwrap();
    println!("{} dials in 5 s, refused: {:?}", stats.dials, stats.refused);
    assert!((2..=6).contains(&stats.dials), "{} dials", stats.dials);
    assert!(
        stats
            .refused
            .get(&RefuseReason::NotSpoken)
            .is_some_and(|n| *n >= 2),
        "{stats:?}"
    );
    assert_eq!(stats.connected, 0);
    while let Ok(event) = events.try_recv() {
        assert!(matches!(event, NetEvent::Refused { .. }), "{event:?}");
    }
    pump.abort();
}

/// An encrypted connection with streams, and nothing said on it.
async fn encrypted(addr: Multiaddr) -> StreamMuxerBox {
    let key = libp2p::identity::Keypair::generate_ed25519();
    let mut transport = tcp::tokio::Transport::new(tcp::Config::default())
        .upgrade(upgrade::Version::V1)
        .authenticate(noise::Config::new(&key).unwrap())
        .multiplex(yamux::Config::default());
    let opts = DialOpts {
        role: Endpoint::Dialer,
        port_use: PortUse::New,
    };
    let (_, muxer) = transport.dial(addr, opts).unwrap().await.unwrap();
    StreamMuxerBox::new(muxer)
}

/// A program that opens streams without end and fills their windows, and never says which protocol.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_without_end_are_let_go() {
    let (net, mut events, addr) = muster().await;
    let mut muxer = encrypted(addr).await;
    let (mut opened, mut streams) = (0, Vec::new());
    let flood = std::future::poll_fn(|cx| {
        // Both ends of the connection are driven by this.
        let ended = muxer.poll_unpin(cx).is_ready();
        while !ended && let Poll::Ready(stream) = muxer.poll_outbound_unpin(cx) {
            let Ok(stream) = stream else {
                return Poll::Ready(());
            };
            opened += 1;
            streams.push(stream);
        }
        for stream in &mut streams {
            while let Poll::Ready(Ok(_)) = Pin::new(&mut *stream).poll_write(cx, &[7; 4096]) {}
        }
        match ended {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    });
    timeout(Duration::from_secs(8), flood)
        .await
        .expect("let go in time");
    assert!(opened > 4, "{opened} streams");
    let NetEvent::Refused { reason, .. } = next(&mut events).await else {
        panic!("no refusal")
    };
    println!("{opened} streams: {reason}");
    let stats = net.stats().await.unwrap();
    assert_eq!((stats.refusals(), stats.connected, stats.kept), (1, 0, 0));
}

/// A program that speaks the session protocol and then sends `head` as the start of a frame.
async fn breaks_framing_with(head: [u8; 4]) -> CloseReason {
    let (net, mut events, addr) = muster().await;
    let mut muxer = encrypted(addr).await;
    let stream = std::future::poll_fn(|cx| muxer.poll_outbound_unpin(cx))
        .await
        .unwrap();
    let driver = tokio::spawn(async move {
        let _ended = std::future::poll_fn(|cx| muxer.poll_unpin(cx)).await;
    });
    let names = vec!["/muster/session/1"];
    let (_, mut stream) =
        multistream_select::dialer_select_proto(stream, names, multistream_select::Version::V1)
            .await
            .unwrap();
    stream.write_all(&[1]).await.unwrap();
    stream.flush().await.unwrap();
    let mut agreed = [0];
    stream.read_exact(&mut agreed).await.unwrap();
    assert_eq!(agreed, [1]);
    // Held on to: dropping the outbox would end the session from our side.
    let NetEvent::Connected {
        outbox: _outbox, ..
    } = next(&mut events).await
    else {
        panic!("not connected")
    };
    stream.write_all(&head).await.unwrap();
    stream.flush().await.unwrap();
    let NetEvent::Closed { reason, .. } = next(&mut events).await else {
        panic!("not closed")
    };
    let stats = net.stats().await.unwrap();
    assert_eq!(stats.bad_frames, 1, "{reason}: {stats:?}");
    let mut rest = Vec::new();
    let _ended = timeout(Duration::from_secs(3), stream.read_to_end(&mut rest))
        .await
        .unwrap();
    assert!(rest.is_empty());
    driver.abort();
    reason
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overlong_frame_ends_the_connection() {
    let reason = breaks_framing_with([0, 4, 0, 1]).await;
    assert_eq!(
        reason,
        CloseReason::FrameTooLong {
            announced: 262_145,
            limit: 262_144
        }
    );
    let reason = breaks_framing_with([255; 4]).await;
    assert_eq!(
        reason,
        CloseReason::FrameTooLong {
            announced: u32::MAX,
            limit: 262_144
        }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_frame_ends_the_connection() {
    assert_eq!(breaks_framing_with([0; 4]).await, CloseReason::FrameEmpty);
}
