//! The bounds of the core, in one place: what decides, what only delays, what ends a session.
//!
//! Bounds of formats (the length of a header, the operations of an entry) stand with the formats;
//! those of sockets are the transport's, those of the disk and the loop the node's. `docs/protocol.md`
//! lists them all, each with the place that counts it.

/// Entries a log of a volunteer or a relay may have, unless headquarters raises it. Decides.
pub const ENTRIES_VOLUNTEER: u64 = 20_000;
/// The same for a lead.
pub const ENTRIES_LEAD: u64 = 100_000;
/// The same for coordinators and headquarters.
pub const ENTRIES_COORDINATOR: u64 = 2_000_000;

/// Of one author and lane, this part of a log's allowance is taken in at once, and as much again in
/// the course of a day: volunteer 10,000 entries, lead 50,000, coordinator and hq 1,000,000. Delays.
///
/// So generous because nobody can tell a flood from a history that comes late: whoever joins after
/// weeks gets in one contact what others wrote in weeks.
pub const RATE_SHARE: u64 = 2;
/// Bytes of runs that come with each entry of that rate. Entries of real operations have 300 to 700
/// bytes. Delays.
pub const RATE_ENTRY_BYTES: u64 = 2 * 1024;
/// The time in which the rate is given back.
pub const RATE_PERIOD_MS: u64 = 24 * 60 * 60 * 1_000;
/// Logs of one author in one lane that are taken in at once: a generation for each life of its data
/// directory. Delays.
pub const GENERATIONS: usize = 16;
/// Beyond them, a new log of that author is taken in this often.
pub const GENERATION_PERIOD_MS: u64 = 30 * 60 * 1_000;

/// What was refused for a reason that passes is sent again after this, then after twice as long,
/// up to [`RETRY_MOST_MS`].
pub const RETRY_MS: u64 = 60 * 1_000;
/// See [`RETRY_MS`].
pub const RETRY_MOST_MS: u64 = 16 * 60 * 1_000;

/// Runs without receipt beyond which a sender reads no more.
pub const WINDOW_RUNS: usize = 32;
/// The same in bytes of frames.
pub const WINDOW_BYTES: usize = 1024 * 1024;
/// Runs without our receipt beyond which the peer does not keep to the window. Ends the session.
pub const OUTSTANDING_RUNS: usize = 256;
/// The same in bytes.
pub const OUTSTANDING_BYTES: usize = 8 * 1024 * 1024;
/// Runs kept in a session until their author is known.
pub const PARKED_RUNS: usize = 256;
/// The same in bytes.
pub const PARKED_BYTES: usize = 4 * 1024 * 1024;
/// Runs that no honest device sends, in one session. One more ends it.
pub const BROKEN_RUNS: u32 = 32;
/// Logs that a peer may name in one round. One more ends the session.
pub const HEADS_LOGS: usize = 128 * 1024;
/// Of those that are not here, so many are remembered until the next round.
pub const HEADS_UNKNOWN: usize = 4 * 1024;
/// Claims to hold keys that are kept of a peer; further ones are dropped.
pub const KEY_CLAIMS: usize = 4 * 1024;
/// Claims of a peer in one session. One more ends it.
pub const KEY_CLAIMS_MOST: usize = 64 * 1024;
/// A greeting takes no longer than this.
pub const GREETING_MS: u64 = 5_000;
/// Nothing heard for this long: the peer is gone.
pub const SILENT_MS: u64 = 90_000;
