//! Plain datagrams inside a host of the test network: what `ping` would do, without needing it.
//!
//! `net-tool echo PORT`, `net-tool ping IP PORT COUNT` (prints the round trips in milliseconds, one
//! a line, `lost` for none within a second), `net-tool hear OWN-IP GROUP PORT`, `net-tool say
//! OWN-IP GROUP PORT`, `net-tool send HEX IP PORT COUNT` (the same datagram, every 20 ms).

use std::error::Error;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["echo", port] => echo(port.parse()?),
        ["ping", ip, port, count] => ping(ip.parse()?, port.parse()?, count.parse()?),
        ["hear", own, group, port] => hear(own.parse()?, group.parse()?, port.parse()?),
        ["send", hex, ip, port, count] => {
            send(hex, (ip.parse()?, port.parse()?), count.parse()?)
        }
        ["say", own, group, port] => say(own.parse()?, group.parse()?, port.parse()?),
        _ => {
            Err("send HEX IP PORT COUNT | echo PORT | ping IP PORT COUNT | hear OWN GROUP PORT | say OWN GROUP PORT".into())
        }
    }
}

fn echo(port: u16) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    println!("ready");
    let mut bytes = [0_u8; 2048];
    loop {
        let (length, from) = socket.recv_from(&mut bytes)?;
        if let Some(said) = bytes.get(..length) {
            socket.send_to(said, from)?;
        }
    }
}

fn ping(ip: Ipv4Addr, port: u16, count: u64) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_read_timeout(Some(Duration::from_millis(300)))?;
    for number in 0..count {
        let start = Instant::now();
        socket.send_to(&number.to_be_bytes(), (ip, port))?;
        let mut bytes = [0_u8; 8];
        let mut answer = None;
        while let Ok((8, _)) = socket.recv_from(&mut bytes) {
            if u64::from_be_bytes(bytes) == number {
                answer = Some(start.elapsed());
                break;
            }
        }
        match answer {
            Some(span) => println!("{:.1}", span.as_secs_f64() * 1000.0),
            None => println!("lost"),
        }
    }
    Ok(())
}

fn hear(own: Ipv4Addr, group: Ipv4Addr, port: u16) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    if group.is_multicast() {
        socket.join_multicast_v4(&group, &own)?;
    }
    socket.set_read_timeout(Some(Duration::from_secs(3)))?;
    println!("ready");
    let mut bytes = [0_u8; 64];
    match socket.recv_from(&mut bytes) {
        Ok((_, from)) => println!("heard {}", from.ip()),
        Err(_) => println!("nothing"),
    }
    Ok(())
}

fn say(own: Ipv4Addr, group: Ipv4Addr, port: u16) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind((own, 0))?;
    socket.set_broadcast(true)?;
    socket.send_to(b"hello", (group, port))?;
    Ok(())
}

fn send(hex: &str, to: (Ipv4Addr, u16), count: u64) -> Result<(), Box<dyn Error>> {
    let digits = hex.as_bytes().chunks(2);
    let bytes: Result<Vec<u8>, _> = digits
        .map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16))
        .collect();
    let bytes = bytes?;
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    for _ in 0..count {
        socket.send_to(&bytes, to)?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
