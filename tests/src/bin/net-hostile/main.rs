//! Somebody who means harm: `net-hostile ATTACK IP PORT SECONDS [DATA]`. It attacks the Muster that
//! listens at that address (TCP) for so long, as a stranger or, with the data directory of a member,
//! as a member gone bad, and prints what it did as one JSON object. Attacks are listed in `ATTACKS`;
//! what they look like on the other side is in `tests/hostile.rs`.

mod forge;
mod member;
mod raw;
mod stranger;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

/// What is attacked, and until when.
#[derive(Debug, Clone)]
struct Target {
    ip: Ipv4Addr,
    port: u16,
    until: Instant,
    data: Option<PathBuf>,
}

impl Target {
    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    fn address(&self) -> String {
        format!("/ip4/{}/tcp/{}", self.ip, self.port)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("ATTACK IP PORT SECONDS [DATA]");
    let attack = next()?;
    let (ip, port, seconds) = (next()?.parse()?, next()?.parse()?, next()?.parse()?);
    let target = Target {
        ip,
        port,
        until: Instant::now() + Duration::from_secs(seconds),
        data: next().ok().map(PathBuf::from),
    };
    let done: Value = if let Some(done) = raw::attack(&attack, &target).await? {
        done
    } else if let Some(done) = stranger::attack(&attack, &target).await? {
        done
    } else if let Some(done) = member::attack(&attack, &target).await? {
        done
    } else {
        return Err(format!("no such attack: {attack}").into());
    };
    println!("{}", json!({ "attack": attack, "done": done }));
    Ok(())
}
