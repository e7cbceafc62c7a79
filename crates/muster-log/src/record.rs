//! A journal record: a run as it was admitted, with what only this device knows of it.
//!
//! Layout: version u8, when it was received (i64), from where (u8), then the encoded run.

use crate::{
    codec::{self, CodecError, Cursor},
    ids::Millis,
};

const VERSION: u8 = 1;

/// Where a run came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Written by this device.
    Own,
    /// From a peer, over a connection.
    Peer,
    /// From a file.
    File,
}

/// Builds a record.
pub fn encode(received: Millis, source: Source, run: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(run.len() + 12);
    let source: u8 = match source {
        Source::Own => 0,
        Source::Peer => 1,
        Source::File => 2,
    };
    codec::append(&mut out, &(VERSION, received, source));
    out.extend_from_slice(run);
    out
}

/// The run in a record, and when it was received.
pub fn decode(record: &[u8]) -> Result<(Millis, &[u8]), CodecError> {
    let (received, _, run) = fields(record)?;
    Ok((received, run))
}

/// The record with another run in place of its own.
pub fn with_run(record: &[u8], run: &[u8]) -> Result<Vec<u8>, CodecError> {
    let (received, source, _) = fields(record)?;
    let mut out = Vec::with_capacity(run.len() + 12);
    codec::append(&mut out, &(VERSION, received, source));
    out.extend_from_slice(run);
    Ok(out)
}

fn fields(record: &[u8]) -> Result<(Millis, u8, &[u8]), CodecError> {
    let mut cursor = Cursor::new("journal record", record);
    let (version, received, source): (u8, Millis, u8) = cursor.take()?;
    if version != VERSION {
        return Err(cursor.malformed(format!("version {version}")));
    }
    Ok((received, source, cursor.rest()))
}
