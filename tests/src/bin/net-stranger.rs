//! A program on Muster's transport that is not of the incident: `net-stranger
//! noise|silence|flood|echo ADDRESS`. It dials the address, because beacons tell it of nobody, says
//! what it was told to on every connection, and prints what it hears as NDJSON, frames in hex. It
//! ends when its standard input does.

use std::collections::BTreeMap;

use muster_net::{ConnId, Net, NetConfig, NetEvent, Outbox};
use muster_tests::random::Random;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

type Failure = Box<dyn std::error::Error>;

fn say(line: Value) {
    println!("{line}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let says = std::env::args().nth(1).ok_or("noise|silence|flood|echo")?;
    let mut config = NetConfig::default();
    let address = std::env::args().nth(2).ok_or("an address")?;
    config.peers.push(address.parse()?);
    config.listen.push("/ip4/0.0.0.0/tcp/0".parse()?);
    config.listen.push("/ip4/0.0.0.0/udp/0/quic-v1".parse()?);
    let (net, mut events) = Net::start(config)?;
    let mut random = Random::seeded("noise", 7);
    let mut boxes: BTreeMap<ConnId, Outbox> = BTreeMap::new();
    let (mut stdin, mut byte) = (tokio::io::stdin(), [0_u8; 64]);
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(20));
    loop {
        tokio::select! {
            event = events.recv() => match event {
                None => break,
                Some(NetEvent::Connected { conn, outbox, .. }) => {
                    say(json!({ "event": "connected" }));
                    boxes.insert(conn, outbox);
                }
                Some(NetEvent::Frame { conn, bytes }) => {
                    say(json!({ "event": "frame", "frame": hex(&bytes) }));
                    if says == "echo" && let Some(outbox) = boxes.get(&conn) {
                        let _full = outbox.try_send(bytes);
                    }
                }
                Some(NetEvent::Closed { conn, .. }) => {
                    say(json!({ "event": "closed" }));
                    boxes.remove(&conn);
                }
                Some(_) => {}
            },
            _ = ticks.tick() => for outbox in boxes.values() {
                match says.as_str() {
                    "noise" => {
                        let len = random.below(300) as usize;
                        let _full = outbox.try_send(random.bytes(len));
                    }
                    "flood" => while outbox.try_send(vec![1; 64 * 1024]).is_ok() {},
                    _ => {}
                }
            },
            read = stdin.read(&mut byte) => if read.unwrap_or(0) == 0 { break },
        }
    }
    drop(events);
    net.shutdown().await;
    Ok(())
}
