//! The control API: what the command line (and later a web board) may ask of a running daemon.
//!
//! Requests and answers are JSON over HTTP on a Unix socket, under `/v1`. These types are their own:
//! renaming a field here cannot change anything that is signed or stored. Answers are the objects of
//! the command contract, without their `schema` member, which the command line adds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Version of this API, as it stands in the path.
pub const VERSION: &str = "v1";

/// One change to a field, as a person or program gives it.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub struct FieldInput {
    /// The field's name, or its label in either language.
    pub name: String,
    /// The new value: a code or label, a number, an object, a list; null empties the field.
    pub value: Json,
}

/// Everything that can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Health first, then numbers.
    Status,
    /// What is here, as digests that two devices can compare.
    Digest,
    /// Who is met on the network.
    Peers,
    /// What may be wrong, and what to do.
    Doctor,
    /// Who is admitted.
    Devices,
    /// Stops the daemon cleanly.
    Stop,
    /// Forgets everything that was decrypted; only the control socket goes on.
    Lock,
    /// Opens a locked directory again: by a passphrase, by the content of a key file, or with
    /// neither by the key file in the directory.
    Unlock {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passphrase: Option<Secret>,
        /// In hex.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<Secret>,
    },
    /// Destroys the data directory, its keys first.
    Wipe,
    /// Admits a device by its request file.
    Admit {
        /// The file, in hex.
        request: String,
        role: String,
        #[serde(default)]
        person: Option<String>,
        #[serde(default)]
        scope: Option<String>,
        /// Also gives the key of class C3.
        #[serde(default)]
        sensitive: bool,
        /// After this the device gets no new keys.
        #[serde(default)]
        expires: Option<String>,
    },
    /// Ends a device's membership.
    Revoke {
        device: String,
        #[serde(default)]
        why: Option<String>,
        /// What it wrote from this time on, by its own clock, is disputed too.
        #[serde(default)]
        since: Option<String>,
        /// Says what would follow, and does nothing.
        #[serde(default)]
        dry_run: bool,
    },
    /// Gives a device another role, or takes it back in.
    Grant {
        device: String,
        /// The role it has, if none is named.
        #[serde(default)]
        role: Option<String>,
        #[serde(default)]
        person: Option<String>,
        #[serde(default)]
        scope: Option<String>,
        /// Also gives the key of class C3.
        #[serde(default)]
        sensitive: bool,
        /// After this the device gets no new keys.
        #[serde(default)]
        expires: Option<String>,
    },
    /// Takes disputed entries of a device back into the state; all of them, or one.
    Adopt {
        device: String,
        #[serde(default)]
        entry: Option<String>,
    },
    /// Raises how many entries each of a device's logs may have.
    Allowance { device: String, entries: u64 },
    /// Makes new keys, and a new incident secret.
    KeysRotate {
        /// One class (C1, C2, C3), or all that this device reads.
        #[serde(default)]
        class: Option<String>,
    },
    /// Writes an act that the roots have signed (hex).
    RootAct { act: String },
    /// What is needed for the roots to end a device: the incident, and the ending as it is to be signed.
    RootPlanEnd {
        device: String,
        #[serde(default)]
        why: Option<String>,
    },
    /// What is needed to make such an act: the incident and this device's keys, or another's.
    RootPlan {
        #[serde(default)]
        device: Option<String>,
    },
    /// A bundle with all that is here was written for a device.
    Handed { device: String },
    /// Opens an invitation to pair by code.
    Invite {
        role: String,
        #[serde(default)]
        person: Option<String>,
        #[serde(default)]
        scope: Option<String>,
        /// Also gives the key of class C3.
        #[serde(default)]
        sensitive: bool,
        /// After this the device gets no new keys.
        #[serde(default)]
        expires: Option<String>,
        /// How long the code may be used, in seconds.
        #[serde(default)]
        code_s: Option<u64>,
    },
    /// How the invitation stands.
    Invitation,
    /// Admits the device that was told the code: a person found the words equal.
    AdmitPending {
        /// Its id, the beginning of it, its label or its code.
        device: String,
    },
    /// Says no to the device that waits, or withdraws the invitation.
    EndInvitation,
    /// Says who sits at this device from now on; without a name, tells.
    Operator { name: Option<String> },
    /// Makes an object.
    Add {
        kind: String,
        fields: Vec<FieldInput>,
        /// The object's id, where an import fixes it.
        #[serde(default)]
        id: Option<String>,
    },
    /// Changes an object.
    Edit {
        kind: String,
        id: String,
        fields: Vec<FieldInput>,
    },
    /// Lists objects of a kind.
    List {
        kind: String,
        #[serde(default)]
        filters: Vec<FieldInput>,
        #[serde(default)]
        text: Option<String>,
        #[serde(default)]
        limit: Option<usize>,
        #[serde(default)]
        after: Option<String>,
        /// Only what nobody has changed for so long (`12h`), or since a moment; the oldest first.
        #[serde(default)]
        stale: Option<String>,
        /// Only what is near a point or an object; the nearest first.
        #[serde(default)]
        near: Option<String>,
        /// How near, in kilometres.
        #[serde(default)]
        within: Option<f64>,
    },
    /// Erases an object, on every device that hears of it.
    Erase {
        kind: String,
        id: String,
        #[serde(default)]
        why: Option<String>,
        /// Says what would go, and does nothing.
        #[serde(default)]
        dry_run: bool,
    },
    /// Shows one object.
    Show { kind: Option<String>, id: String },
    /// Finds text in objects of every kind.
    Find {
        text: String,
        #[serde(default)]
        limit: Option<usize>,
    },
    /// Assigns a volunteer to a task.
    Assign {
        task: String,
        volunteer: String,
        #[serde(default)]
        slot: Option<String>,
        #[serde(default)]
        from: Option<String>,
        #[serde(default)]
        to: Option<String>,
        /// Until when the place is kept without a word from the volunteer.
        #[serde(default)]
        lease: Option<String>,
        /// Assigns in spite of a warning; the reason is kept.
        #[serde(default)]
        r#override: Option<String>,
        /// How a person without a device was told.
        #[serde(default)]
        told: Option<String>,
        /// By whom; this device's operator, or its label, when nothing is said.
        #[serde(default)]
        told_by: Option<String>,
    },
    /// Answers an offer.
    Answer {
        assignment: String,
        accept: bool,
        /// How the person was asked, where somebody answers for them.
        #[serde(default)]
        told: Option<String>,
        #[serde(default)]
        told_by: Option<String>,
    },
    /// Moves an assignment on: on-site, done, withdrawn, no-show, or offered again.
    Step {
        assignment: String,
        status: String,
        #[serde(default)]
        why: Option<String>,
    },
    /// Someone arrives.
    CheckIn {
        person: String,
        #[serde(default)]
        site: Option<String>,
        #[serde(default)]
        at: Option<String>,
        /// Lets them begin in spite of a warning; the reason is kept.
        #[serde(default)]
        r#override: Option<String>,
    },
    /// Someone leaves.
    CheckOut {
        person: String,
        #[serde(default)]
        at: Option<String>,
    },
    /// Says something in the forum.
    Say {
        text: String,
        /// `everyone`, a role, or a team, site or person.
        #[serde(default)]
        to: Option<String>,
        #[serde(default)]
        thread: Option<String>,
        #[serde(default)]
        reply_to: Option<String>,
        #[serde(default)]
        translation_of: Option<String>,
        #[serde(default)]
        language: Option<String>,
        #[serde(default)]
        priority: Option<String>,
        #[serde(default)]
        expires: Option<String>,
        #[serde(default)]
        pin: bool,
    },
    /// The forum's threads.
    Threads {
        /// What has expired too.
        #[serde(default)]
        over: bool,
    },
    /// Reads a thread, or what is unread; what was addressed here and shown counts as seen.
    Read {
        #[serde(default)]
        thread: Option<String>,
        /// Leaves no record that it was seen.
        #[serde(default)]
        silent: bool,
    },
    /// Who is expected where and when.
    Agenda {
        /// A volunteer, a team or a site; all when nothing is said.
        #[serde(default)]
        who: Option<String>,
        #[serde(default)]
        from: Option<String>,
        #[serde(default)]
        to: Option<String>,
    },
    /// Who does what where.
    Where {
        #[serde(default)]
        sector: Option<String>,
        #[serde(default)]
        area: Option<String>,
    },
    /// Information by text, each with its languages.
    Information {
        /// Only what lacks this language.
        #[serde(default)]
        missing: Option<String>,
    },
    /// What a printed form holds.
    Print {
        form: String,
        /// What it is of.
        #[serde(default)]
        of: Option<String>,
        #[serde(default)]
        from: Option<String>,
        #[serde(default)]
        to: Option<String>,
    },
    /// Tasks with their places, and needs that no task is for.
    Staffing,
    /// Who and what is late.
    Overdue,
    /// Who is on a site now.
    RollCall { site: String },
    /// Wanted against filled, needs, hours.
    Picture,
    /// How old what is known here is, by device.
    Sources,
    /// What is new since a moment.
    Brief {
        #[serde(default)]
        since: Option<String>,
    },
    /// Who may be asked for a task, or what a volunteer may be asked for.
    Match {
        about: String,
        #[serde(default)]
        limit: Option<usize>,
    },
    /// A plan for all open places.
    MatchAll,
    /// What looks like one thing written down twice: people and needs, or one kind.
    Duplicates {
        #[serde(default)]
        kind: Option<String>,
    },
    /// Joins two objects: the other is the same as the one that is kept.
    Merge {
        kind: String,
        keep: String,
        other: String,
    },
    /// Takes a joining back.
    Split { kind: String, id: String },
    /// What the merge left for a person to decide.
    Conflicts,
    /// Decides it.
    Settle {
        id: String,
        /// A, B ...: one of the values listed.
        #[serde(default)]
        choose: Option<String>,
        #[serde(default)]
        value: Option<Json>,
    },
    /// Imports rows that the command line has read and mapped.
    Import {
        kind: String,
        rows: Vec<ImportRow>,
        dry_run: bool,
    },
    /// Which stretches of which logs a bundle should hold.
    BundlePlan {
        #[serde(default)]
        r#for: Option<String>,
        #[serde(default)]
        since: Option<String>,
        #[serde(default)]
        public: bool,
    },
    /// Stored runs of a log from a place on, up to about half a MiB, in hex.
    Runs {
        log: String,
        from: u64,
        to: u64,
        /// Of a forked log: the line, as the plan names it; none for the first one.
        #[serde(default)]
        line: Option<String>,
        /// Of data only what is public; all else stands by its hash.
        #[serde(default)]
        public: bool,
    },
    /// Offers encoded runs (hex) to the door.
    Receive { runs: Vec<String> },
    /// Entries, newest last.
    Log {
        #[serde(default)]
        of: Option<String>,
        #[serde(default)]
        refused: bool,
        #[serde(default)]
        limit: Option<usize>,
    },
    /// Who changed what of one object, when, on which device.
    History { id: String },
    /// Checks every signature and chain again.
    Verify,
    /// Keeps the radio silent, or speaks again.
    Network {
        /// Whether contacts are ended and none are made.
        offline: bool,
    },
    /// Meets peers now, and tells how things stand with each.
    Sync {
        /// An address to dial, or a device to tell about.
        #[serde(default)]
        peer: Option<String>,
    },
}

/// What must appear in no log: it shows nothing of itself, and is wiped when dropped.
#[derive(Clone)]
pub struct Secret(pub zeroize::Zeroizing<String>);

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A row of an import: what the object is to be called and what it says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportRow {
    /// The row's number in the file, from 1 after the header.
    pub row: u64,
    /// What makes the row the same row when the file is imported again.
    pub key: String,
    /// The fields.
    pub fields: Vec<FieldInput>,
    /// The column of the file each field came from, for refusals.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// Which kind it becomes, where the mapping says otherwise than the import.
    #[serde(default)]
    pub kind: Option<String>,
}

/// What the daemon answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// The answer.
    Ok(Json),
    /// Why not.
    Error(ApiError),
}

/// A refusal: a stable code for programs, and what a sentence about it needs. The sentence itself
/// is made where the person's language is known.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct ApiError {
    /// Stable, in kebab case: the key of the sentence.
    pub code: String,
    /// Exit code of the command contract.
    pub exit: u8,
    /// What, where, why.
    #[serde(default)]
    pub args: BTreeMap<String, String>,
    /// Particulars for programs: candidates, reasons, rows.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub details: Json,
}

/// Exit codes of the command contract.
pub mod exit {
    /// Something failed.
    pub const FAILURE: u8 = 1;
    /// The command line is not right.
    pub const USAGE: u8 = 2;
    /// No daemon answers.
    pub const NO_DAEMON: u8 = 3;
    /// Not found, or more than one found.
    pub const NOT_FOUND: u8 = 4;
    /// A conflict or warning that was not overridden.
    pub const CONFLICT: u8 = 5;
    /// Not permitted.
    pub const NOT_PERMITTED: u8 = 6;
    /// Input refused, wholly or in part.
    pub const REFUSED: u8 = 7;
    /// Timed out.
    pub const TIMED_OUT: u8 = 8;
}

impl ApiError {
    /// A refusal with nothing to add.
    pub fn new(code: &str, exit: u8) -> Self {
        Self {
            code: code.into(),
            exit,
            args: BTreeMap::new(),
            details: Json::Null,
        }
    }

    /// Adds something that the sentence names.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.args.insert(name.into(), value.to_string());
        self
    }

    /// Adds particulars.
    #[must_use]
    pub fn details(mut self, details: Json) -> Self {
        self.details = details;
        self
    }
}
