//! The bounds of the loop and of the disk, in one place; those of the core are
//! [`muster_log::limits`], those of sockets [`muster_net::Limits`].

use std::time::Duration;

/// Of the disk, this part is kept free of what other devices send ...
pub const RESERVE_PART: u64 = 50;
/// ... but at least so much,
pub const RESERVE_LEAST: u64 = 256 * 1024 * 1024;
/// at most so much,
pub const RESERVE_MOST: u64 = 2 * 1024 * 1024 * 1024;
/// and never more than this part of a small disk.
pub const RESERVE_MOST_PART: u64 = 8;
/// Data of this device, and what a person brings in files, stops below this part of the reserve.
pub const RESERVE_OWN: u64 = 4;
/// Authority and keys stop below this part of it.
pub const RESERVE_ACTS: u64 = 16;
/// The room on the disk is asked for this often ...
pub const SPACE_EVERY: Duration = Duration::from_secs(3);
/// ... and after so many bytes were written.
pub const SPACE_BYTES: u64 = 8 * 1024 * 1024;

/// Frames queued for a peer beyond which nothing more is read from the disk for it.
pub const QUEUE: usize = 16;
/// Frames queued for a peer beyond which it is let go.
pub const QUEUE_FRAMES: usize = 1024;
/// The same in bytes.
pub const QUEUE_BYTES: usize = 8 * 1024 * 1024;
/// How long who does not belong here, or floods, is kept away.
pub const STRANGER_BAN: Duration = Duration::from_secs(60);
/// How long a device that nobody admitted yet is kept away: its admission may arrive meanwhile. And
/// one that broke the protocol: it may be a mistake.
pub const SHORT_BAN: Duration = Duration::from_secs(5);
/// Connections with one device at once; the oldest gives way.
pub const CONTACTS_PER_DEVICE: usize = 2;
