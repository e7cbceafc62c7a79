//! A network alone, for tests and for looking at a link: prints its events as NDJSON.
//!
//! `probe [--listen ADDR]... [--peer ADDR]... [--no-discovery] [--ask]`. A frame that begins with
//! `Q` is answered with the same bytes after an `A`; with `--ask` the probe sends a `Q` on every
//! connection each 50 ms and prints the answers; with `--flood` it keeps every outbox full of
//! frames of 64 KiB. It ends when its standard input does.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muster_net::{ConnId, Net, NetConfig, NetEvent, Outbox, Voice};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

type Failure = Box<dyn std::error::Error>;

fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn say(event: &str, mut fields: Value) {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("event".into(), event.into());
        fields.insert("ms".into(), now_ms().into());
    }
    println!("{fields}");
}

/// Good enough for a probe: it hides nothing.
fn seed() -> Result<[u8; 32], Failure> {
    let mut seed = [0; 32];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut seed)?;
    Ok(seed)
}

fn arguments() -> Result<(NetConfig, bool, bool), Failure> {
    let mut config = NetConfig {
        // All probes are of one made-up incident; each start has salts of its own.
        voice: Voice::new(vec![[1; 32]], [1; 32]),
        seed: seed()?,
        ..NetConfig::default()
    };
    let (mut ask, mut flood) = (false, false);
    let mut rest = std::env::args().skip(1);
    while let Some(argument) = rest.next() {
        let mut value = || {
            rest.next()
                .ok_or_else(|| format!("{argument} needs an address"))
        };
        match argument.as_str() {
            "--listen" => config.listen.push(value()?.parse()?),
            "--peer" => config.peers.push(value()?.parse()?),
            "--no-discovery" => config.discovery = false,
            "--ask" => ask = true,
            "--flood" => flood = true,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    if config.listen.is_empty() {
        config.listen.push("/ip4/0.0.0.0/tcp/0".parse()?);
        config.listen.push("/ip4/0.0.0.0/udp/0/quic-v1".parse()?);
        config.listen.push("/ip6/::/tcp/0".parse()?);
    }
    Ok((config, ask, flood))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let (config, ask, flood) = arguments()?;
    let (net, mut events) = Net::start(config)?;
    say("started", json!({ "id": net.id().to_string() }));
    let mut boxes: BTreeMap<ConnId, Outbox> = BTreeMap::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    let (mut stdin, mut byte) = (tokio::io::stdin(), [0_u8; 64]);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => show(event, &mut boxes),
                None => break,
            },
            _ = ticks.tick(), if ask || flood => {
                for outbox in boxes.values() {
                    while flood && outbox.try_send(vec![b'F'; 64 * 1024]).is_ok() {}
                    if !ask {
                        continue;
                    }
                    // A full outbox is asked again at the next tick.
                    let _full = outbox.try_send(format!("Q{}", now_ms()).into_bytes());
                }
            }
            read = stdin.read(&mut byte) => if read.unwrap_or(0) == 0 { break },
        }
    }
    let stats = net.stats().await?;
    say(
        "stopping",
        json!({ "stats": format!("{stats:?}"), "dials": stats.dials }),
    );
    drop(events);
    net.shutdown().await;
    Ok(())
}

fn show(event: NetEvent, boxes: &mut BTreeMap<ConnId, Outbox>) {
    match event {
        NetEvent::Listening { addr } => say("listening", json!({ "addr": addr.to_string() })),
        NetEvent::Connected {
            conn,
            peer,
            remote,
            outbound,
            outbox,
        } => {
            boxes.insert(conn, outbox);
            let (peer, remote) = (peer.to_string(), remote.to_string());
            let fields = json!({ "conn": conn.to_string(), "peer": peer, "remote": remote, "outbound": outbound });
            say("connected", fields);
        }
        NetEvent::Frame { conn, bytes } => match bytes.split_first() {
            Some((b'Q', rest)) => {
                let answer = [b"A", rest].concat();
                if let Some(Err(e)) = boxes.get(&conn).map(|outbox| outbox.try_send(answer)) {
                    say("not answered", json!({ "why": e.to_string() }));
                }
            }
            Some((b'A', rest)) => {
                let asked: u64 = String::from_utf8_lossy(rest).parse().unwrap_or(0);
                say(
                    "answer",
                    json!({ "conn": conn.to_string(), "asked": asked }),
                );
            }
            _ => say(
                "frame",
                json!({ "conn": conn.to_string(), "bytes": bytes.len() }),
            ),
        },
        NetEvent::Writable { conn } => say("writable", json!({ "conn": conn.to_string() })),
        NetEvent::Closed { conn, peer, reason } => {
            boxes.remove(&conn);
            let (conn, peer, reason) = (conn.to_string(), peer.to_string(), reason.to_string());
            say(
                "closed",
                json!({ "conn": conn, "peer": peer, "reason": reason }),
            );
        }
        NetEvent::Discovered { peer, known } => {
            say(
                "discovered",
                json!({ "peer": peer.to_string(), "known": known }),
            );
        }
        NetEvent::Refused { remote, reason, .. } => {
            say(
                "refused",
                json!({ "remote": remote.to_string(), "reason": reason.to_string() }),
            );
        }
        NetEvent::DialFailed { addr, reason } => {
            say(
                "dial failed",
                json!({ "addr": addr.to_string(), "reason": reason.to_string() }),
            );
        }
    }
}
