//! The forum: messages by thread, who is addressed, what is unread, who has seen what.
//!
//! A thread is what people called it; a message without a thread stands on the board of whom it is
//! addressed to. Messages stand in the order of logical time. Who has seen a message follows from
//! the logs that say so, never from what they say: nobody can sign for another's eyes.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    ids::{DeviceId, HashCheck, Lamport, LogPrefix, Millis, ObjectId, Seq},
    operation::{DataOperation, FieldWrite, Slot},
    role::Role,
};

use crate::{
    booking::priority_rank,
    state::{Object, State},
    table::{self, kinds},
    text,
    value::{Typed, element_of},
};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader {
    /// The device.
    pub device: DeviceId,
    /// Its role, where it is admitted.
    pub role: Option<Role>,
    /// Whom its grant acts for.
    pub person: Option<ObjectId>,
    /// Team or site of its grant.
    pub scope: Option<ObjectId>,
}

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum To {
    /// All members.
    Everyone,
    /// Devices of a role, by its code.
    Role(String),
    /// A team, a site or a person, aliases followed; none where this device cannot read which.
    Object(&'static str, Option<ObjectId>),
}

/// A message, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: ObjectId,
    /// The thread's name, as this message spells it.
    pub thread: Option<String>,
    /// Whom it is for.
    pub to: To,
    /// What it says.
    pub text: String,
    /// In which language, where that is said.
    pub language: Option<String>,
    /// The message it translates.
    pub translation_of: Option<ObjectId>,
    /// The message it answers.
    pub reply_to: Option<ObjectId>,
    /// 0 urgent ... 3 low.
    pub priority: u8,
    /// After this it is history.
    pub expires: Option<Millis>,
    /// Shown before everything else.
    pub pinned: bool,
    /// The device that wrote it.
    pub author: Option<DeviceId>,
    /// When, by that device's clock; shown, and decides nothing.
    pub claimed: Millis,
    /// Devices whose own logs say that it was read there.
    pub seen_on: BTreeSet<DeviceId>,
    /// People of whom somebody says that they know.
    pub seen_by: BTreeSet<ObjectId>,
    /// Its place among all messages.
    pub rank: (Lamport, LogPrefix, Seq, HashCheck, ObjectId),
}

/// A thread in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// What it is grouped by.
    pub key: String,
    /// Its name as first spelt; none for a board.
    pub name: Option<String>,
    /// Whom its first message is for.
    pub to: To,
    /// Its messages in order, translations left out.
    pub messages: Vec<Message>,
    /// How many of them wait for the reader.
    pub unread: usize,
}

impl Message {
    /// Whether its time is over.
    pub fn is_over(&self, now: Millis) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// Whom an object that is a message is for.
fn to_of(state: &State, object: &Object) -> To {
    let whom = object.reference("to_object").map(|id| state.canonical(id));
    match object.code("to").as_deref() {
        Some("role") => To::Role(object.text("to_role").unwrap_or_default()),
        Some("team") => To::Object("team", whom),
        Some("site") => To::Object("site", whom),
        Some("person") => To::Object("person", whom),
        _ => To::Everyone,
    }
}

fn seen_on(state: &State, object: &Object) -> BTreeSet<DeviceId> {
    let Some(field) = object.table().and_then(|k| k.named("seen_on")) else {
        return BTreeSet::new();
    };
    object
        .registers_of(field.number)
        .flat_map(|(_, r)| r.alive.keys())
        .filter_map(|at| state.author(at.log).map(|(_, device)| device))
        .collect()
}

/// One message; none where it is no message, is erased, or its text cannot be read here.
pub fn message(state: &State, id: ObjectId) -> Option<Message> {
    let object = state
        .object(id)
        .filter(|o| o.kind() == Some(kinds::MESSAGE) && !o.erased)?;
    let birth = object.birth()?;
    let people = object.set_named("seen_by").into_iter();
    Some(Message {
        id,
        thread: object.text("thread").filter(|t| !text::fold(t).is_empty()),
        to: to_of(state, &object),
        text: object.text("text")?,
        language: object.code("language"),
        translation_of: object.reference("translation_of"),
        reply_to: object.reference("reply_to"),
        priority: priority_rank(object.code("priority").as_deref()),
        expires: object.time("expires"),
        pinned: object.is_true("pinned"),
        author: state.author(birth.log).map(|(_, device)| device),
        claimed: birth.claimed,
        seen_on: seen_on(state, &object),
        seen_by: people
            .filter_map(|v| match v {
                Typed::Reference(id) => Some(state.canonical(id)),
                _ => None,
            })
            .collect(),
        rank: (birth.lamport, birth.log, birth.seq, birth.check, id),
    })
}

/// All readable messages, in order.
fn all(state: &State) -> BTreeMap<ObjectId, Message> {
    state
        .of_kind(kinds::MESSAGE)
        .filter_map(|id| Some((id, message(state, id)?)))
        .collect()
}

/// What a message is a translation of, in the end; itself where it is an original, where the original
/// is not here, or where translations run in a circle.
fn original(messages: &BTreeMap<ObjectId, Message>, id: ObjectId) -> ObjectId {
    let mut seen = BTreeSet::from([id]);
    let mut at = id;
    while let Some(of) = messages.get(&at).and_then(|m| m.translation_of) {
        if !messages.contains_key(&of) {
            return at;
        }
        if !seen.insert(of) {
            // In a circle the smallest id stands for all.
            return seen.first().copied().unwrap_or(id);
        }
        at = of;
    }
    at
}

/// What a message is grouped by: its thread's name, else that of what it answers, else its board.
fn key_of(messages: &BTreeMap<ObjectId, Message>, message: &Message) -> String {
    let mut seen = BTreeSet::new();
    let mut at = message;
    while seen.insert(at.id) {
        if let Some(name) = &at.thread {
            return format!("thread:{}", text::fold(name));
        }
        match at.reply_to.and_then(|id| messages.get(&id)) {
            Some(parent) => at = parent,
            None => return board(&at.to),
        }
    }
    board(&message.to)
}

fn board(to: &To) -> String {
    match to {
        To::Everyone => "everyone".to_owned(),
        To::Role(code) => format!("role:{code}"),
        To::Object(kind, whom) => {
            format!("{kind}:{}", whom.map(|id| id.hex()).unwrap_or_default())
        }
    }
}

/// Teams, sites and the person that stand for the reader: messages to these are for them.
struct Mine {
    role: Option<&'static str>,
    objects: BTreeSet<ObjectId>,
}

impl Mine {
    fn of(state: &State, reader: &Reader) -> Self {
        let mut objects: BTreeSet<ObjectId> = [reader.person, reader.scope]
            .into_iter()
            .flatten()
            .map(|id| state.canonical(id))
            .collect();
        let people = reader.person.map(|p| state.joined(p)).unwrap_or_default();
        let mentions = people.iter().flat_map(|p| state.index().referrers(*p));
        for id in mentions.collect::<BTreeSet<_>>() {
            let Some(object) = state.object(id).filter(|o| !o.erased) else {
                continue;
            };
            match object.kind() {
                Some(kinds::TEAM) => drop(objects.insert(state.canonical(id))),
                Some(kinds::CHECK_IN) if object.time("out").is_none() => {
                    objects.extend(object.reference("site").map(|s| state.canonical(s)));
                }
                _ => {}
            }
        }
        Self {
            role: reader.role.map(Role::code),
            objects,
        }
    }

    fn is_addressed(&self, message: &Message) -> bool {
        match &message.to {
            To::Everyone => true,
            To::Role(code) => self.role == Some(code.as_str()),
            To::Object(_, whom) => whom.is_some_and(|id| self.objects.contains(&id)),
        }
    }
}

/// All threads for a reader: those with something unread first, urgent before the rest, then the
/// latest. What has expired is left out unless `over` asks for it.
pub fn threads(state: &State, reader: &Reader, now: Millis, over: bool) -> Vec<Thread> {
    let messages = all(state);
    let mine = Mine::of(state, reader);
    let mut seen: BTreeMap<ObjectId, BTreeSet<DeviceId>> = BTreeMap::new();
    for (id, message) in &messages {
        let devices = seen.entry(original(&messages, *id)).or_default();
        devices.extend(message.seen_on.iter().copied());
    }
    let mut by_key: BTreeMap<String, Thread> = BTreeMap::new();
    let mut ordered: Vec<&Message> = messages.values().collect();
    ordered.sort_by_key(|m| m.rank);
    for message in ordered {
        if original(&messages, message.id) != message.id || (message.is_over(now) && !over) {
            continue;
        }
        let mut message = message.clone();
        message.seen_on = seen.remove(&message.id).unwrap_or_default();
        let key = key_of(&messages, &message);
        let thread = by_key.entry(key.clone()).or_insert_with(|| Thread {
            key,
            name: message.thread.clone(),
            to: message.to.clone(),
            messages: Vec::new(),
            unread: 0,
        });
        thread.unread += usize::from(waits(&mine, reader, &message, now));
        thread.messages.push(message);
    }
    let mut out: Vec<Thread> = by_key.into_values().collect();
    out.sort_by_cached_key(|t| {
        let waiting = t.messages.iter().filter(|m| waits(&mine, reader, m, now));
        let pressing = waiting.map(|m| m.priority).min();
        let last = t.messages.last().map(|m| m.rank);
        (pressing.unwrap_or(u8::MAX), std::cmp::Reverse(last))
    });
    out
}

/// Whether a message is for the reader, not theirs, not read there and not over.
fn waits(mine: &Mine, reader: &Reader, message: &Message, now: Millis) -> bool {
    message.author != Some(reader.device)
        && !message.is_over(now)
        && !message.seen_on.contains(&reader.device)
        && mine.is_addressed(message)
}

/// What waits for the reader: the pressing first, then in order.
pub fn unread(state: &State, reader: &Reader, now: Millis) -> Vec<Message> {
    let mine = Mine::of(state, reader);
    let mut out: Vec<Message> = threads(state, reader, now, false)
        .into_iter()
        .flat_map(|t| t.messages)
        .filter(|m| waits(&mine, reader, m, now))
        .collect();
    out.sort_by_key(|m| (m.priority, m.rank));
    out
}

/// Notices to show before everything else, the pressing first, then the latest.
pub fn pinned(state: &State, reader: &Reader, now: Millis) -> Vec<Message> {
    let mine = Mine::of(state, reader);
    let mut out: Vec<Message> = threads(state, reader, now, false)
        .into_iter()
        .flat_map(|t| t.messages)
        .filter(|m| m.pinned)
        .filter(|m| mine.is_addressed(m) || m.author == Some(reader.device))
        .collect();
    out.sort_by_key(|m| (m.priority, std::cmp::Reverse(m.rank)));
    out
}

/// Of these messages, those for which the reader's device still has to say that it saw them.
pub fn to_acknowledge(state: &State, reader: &Reader, messages: &[Message]) -> Vec<ObjectId> {
    let mine = Mine::of(state, reader);
    messages
        .iter()
        .filter(|m| m.author != Some(reader.device) && !m.seen_on.contains(&reader.device))
        .filter(|m| mine.is_addressed(m))
        .map(|m| m.id)
        .collect()
}

/// The operation by which the reader's device says that it saw a message. It is written whatever
/// stands there already: what others claim of this device says nothing.
pub fn receipt(reader: &Reader, message: ObjectId) -> Option<DataOperation> {
    let field = table::kind(kinds::MESSAGE)?.named("seen_on")?;
    let device: String = reader.device.hex().chars().take(16).collect();
    let value = Typed::Text(device).write().ok()?;
    Some(DataOperation::Add(FieldWrite {
        slot: Slot {
            kind: kinds::MESSAGE,
            object: message,
            field: field.number,
            element: element_of(&value),
        },
        replaces: Default::default(),
        value,
    }))
}

/// The translations of all messages by what they translate in the end; by language, then in order.
pub fn translations(state: &State) -> BTreeMap<ObjectId, Vec<Message>> {
    let messages = all(state);
    let mut out: BTreeMap<ObjectId, Vec<Message>> = BTreeMap::new();
    for message in messages.values() {
        let of = original(&messages, message.id);
        if of != message.id {
            out.entry(of).or_default().push(message.clone());
        }
    }
    for all in out.values_mut() {
        all.sort_by(|a, b| (&a.language, a.rank).cmp(&(&b.language, b.rank)));
    }
    out
}
