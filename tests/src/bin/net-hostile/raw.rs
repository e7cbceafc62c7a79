//! Attacks below the encryption: sockets alone.

use std::time::Duration;

use muster_tests::random::Random;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{sleep, timeout};

use crate::{Failure, Target};

/// The port on which Musters hear one another.
const BEACONS: u16 = 47_783;
const CONNECT: Duration = Duration::from_millis(500);

pub async fn attack(name: &str, target: &Target) -> Result<Option<Value>, Failure> {
    Ok(Some(match name {
        "half-open" => half_open(target).await,
        "slow" => slow(target).await,
        "raw-noise" => noise(target).await,
        "churn" => churn(target).await,
        "beacons" => beacons(target, true).await?,
        "datagrams" => beacons(target, false).await?,
        _ => return Ok(None),
    }))
}

async fn connect(target: &Target) -> Option<TcpStream> {
    let at = (target.ip, target.port);
    timeout(CONNECT, TcpStream::connect(at)).await.ok()?.ok()
}

/// Connections on which nothing is ever said.
async fn half_open(target: &Target) -> Value {
    let (mut held, mut opened) = (Vec::new(), 0_u64);
    while target.goes_on() {
        if let Some(stream) = connect(target).await {
            opened += 1;
            held.push(stream);
            if held.len() > 200 {
                held.remove(0);
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
    json!({ "opened": opened })
}

/// The beginning of a handshake, a byte a second.
async fn slow(target: &Target) -> Value {
    let hello = b"\x13/multistream/1.0.0\n\x07/noise\n";
    let (mut streams, mut sent): (Vec<(TcpStream, usize)>, u64) = (Vec::new(), 0);
    while target.goes_on() {
        while streams.len() < 8 {
            let Some(stream) = connect(target).await else {
                break;
            };
            streams.push((stream, 0));
        }
        let mut going = Vec::new();
        for (mut stream, at) in streams {
            let byte = hello.get(at % hello.len()).copied().unwrap_or_default();
            if stream.write_all(&[byte]).await.is_ok() {
                sent += 1;
                going.push((stream, at + 1));
            }
        }
        streams = going;
        sleep(Duration::from_secs(1)).await;
    }
    json!({ "bytes": sent })
}

/// Random bytes where a handshake belongs.
async fn noise(target: &Target) -> Value {
    let mut random = Random::seeded("noise", 9);
    let mut sent = 0_u64;
    while target.goes_on() {
        if let Some(mut stream) = connect(target).await {
            let bytes = random.bytes(4096);
            sent += u64::from(stream.write_all(&bytes).await.is_ok());
        }
        sleep(Duration::from_millis(200)).await;
    }
    json!({ "sent": sent })
}

/// Connections opened and dropped, as fast as it goes.
async fn churn(target: &Target) -> Value {
    let mut opened = 0_u64;
    while target.goes_on() {
        opened += u64::from(connect(target).await.is_some());
        sleep(Duration::from_millis(2)).await;
    }
    json!({ "opened": opened })
}

/// Beacons of Musters that are not there, or datagrams that are no beacons.
async fn beacons(target: &Target, well_formed: bool) -> Result<Value, Failure> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).await?;
    let mut random = Random::seeded("beacons", 10);
    let mut sent = 0_u64;
    while target.goes_on() {
        let bytes = if well_formed {
            // What it says is sealed, and nobody outside can seal it.
            let mut beacon = b"MUSb".to_vec();
            beacon.extend(random.bytes(muster_log::beacon::BEACON_LEN - 4));
            beacon
        } else {
            let len = random.below(1_200) as usize;
            random.bytes(len)
        };
        sent += u64::from(socket.send_to(&bytes, (target.ip, BEACONS)).await.is_ok());
        sleep(Duration::from_millis(5)).await;
    }
    Ok(json!({ "sent": sent }))
}
