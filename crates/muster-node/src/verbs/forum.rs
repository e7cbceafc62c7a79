//! The forum: said, listed, read. Whom a message reaches is a view; who may read it is its class.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    entry::urgency,
    ids::{AudienceTag, Class, DeviceId, ObjectId},
    role::Role,
};
use muster_model::{
    parse::Change,
    table::{self, kinds},
    text::fold,
    value::{Typed, time_text},
    views::threads::{self, Message, Reader, Thread, To},
    writes,
};
use serde_json::{Value as Json, json};

use super::{
    Answer, brief, changes, claimed, fresh_object, kind_named, log::label, own_role, resolve,
    short, work::field, write_error,
};
use crate::{
    api::{ApiError, FieldInput, exit},
    edge::random,
    engine::Engine,
};

/// Receipts of one command: they fit one entry.
const RECEIPTS: usize = 150;
/// Letters of a message that stand for it in a line.
const LINE: usize = 60;

/// What somebody wants to say.
pub struct Words {
    /// The text.
    pub text: String,
    /// To whom.
    pub to: Option<String>,
    /// In which thread.
    pub thread: Option<String>,
    /// Which message it answers.
    pub reply_to: Option<String>,
    /// Which message it translates.
    pub translation_of: Option<String>,
    /// In which language.
    pub language: Option<String>,
    /// How pressing.
    pub priority: Option<String>,
    /// Until when it matters.
    pub expires: Option<String>,
    /// Before everything else.
    pub pin: bool,
}

/// An object by its number, its id, or its name as people spell it.
pub(super) fn named(engine: &Engine, given: &str, kinds: &[u16]) -> Result<ObjectId, ApiError> {
    match resolve(engine, given, kinds) {
        Err(e) if e.code == "not-found" => {}
        other => return other,
    }
    let state = engine.state();
    let wanted = fold(given);
    let found: BTreeSet<ObjectId> = kinds
        .iter()
        .flat_map(|kind| state.of_kind(*kind))
        .filter(|id| {
            let object = state.object(*id).unwrap_or_default();
            let called = |name: &str| object.text(name).is_some_and(|t| fold(&t) == wanted);
            called("name") || called("title") || called("badge")
        })
        .map(|id| state.canonical(id))
        .collect();
    let candidates: Vec<_> = found.iter().map(|id| brief(engine, *id)).collect();
    match (found.first(), found.len()) {
        (Some(one), 1) => Ok(*one),
        (None, _) => {
            let kinds: Vec<_> = kinds.iter().map(|k| table::kind_name(*k)).collect();
            Err(ApiError::new("not-found", exit::NOT_FOUND)
                .with("given", given)
                .with("kind", kinds.join("|")))
        }
        _ => {
            let text = |c: &Json, n: &str| c[n].as_str().unwrap_or_default().to_owned();
            let shown: Vec<_> = candidates
                .iter()
                .map(|c| format!("{} {}", text(c, "short"), text(c, "title")))
                .collect();
            Err(ApiError::new("ambiguous", exit::NOT_FOUND)
                .with("given", given)
                .with("candidates", shown.join(", "))
                .details(json!({ "candidates": candidates })))
        }
    }
}

/// Who asks here.
pub(super) fn reader(engine: &Engine) -> Reader {
    let grant = engine.own_grant();
    Reader {
        device: engine.device(),
        role: grant.map(|g| g.role),
        person: grant.and_then(|g| g.person),
        scope: grant.and_then(|g| g.scope),
    }
}

/// How many messages wait for this device.
pub fn unread(engine: &Engine) -> usize {
    threads::unread(engine.state(), &reader(engine), claimed()).len()
}

fn role_of(given: &str) -> Option<Role> {
    let folded = fold(given);
    // French names of the roles, as the catalogue has them.
    let code = match folded.as_str() {
        "coordinateur" => "coordinator",
        "responsable" => "lead",
        "benevole" => "volunteer",
        "quartier general" => "hq",
        code => code,
    };
    Role::from_code(code).filter(|r| *r != Role::Root && *r != Role::Relay)
}

/// Whom words are for.
fn addressee(engine: &Engine, given: &str) -> Result<To, ApiError> {
    let folded = fold(given);
    if matches!(folded.as_str(), "everyone" | "tous" | "tout le monde") {
        return Ok(To::Everyone);
    }
    if let Some(role) = role_of(given) {
        return Ok(To::Role(role.code().to_owned()));
    }
    let id = named(engine, given, &[kinds::TEAM, kinds::SITE, kinds::VOLUNTEER])?;
    let kind = engine.state().object(id).and_then(|o| o.kind());
    Ok(To::Object(kind_word(kind), Some(id)))
}

fn kind_word(kind: Option<u16>) -> &'static str {
    match kind {
        Some(kinds::TEAM) => "team",
        Some(kinds::SITE) => "site",
        _ => "person",
    }
}

/// Whom an answer goes to: those the message was for, or who wrote it where that was oneself alone.
fn back(engine: &Engine, parent: &Message) -> To {
    let own = reader(engine).person.map(|p| engine.state().canonical(p));
    match &parent.to {
        To::Object("person", whom) if whom.is_some() && *whom == own => {
            let authority = engine.book().authority();
            let grant = parent.author.and_then(|d| authority.naming_grant(&d));
            match grant.and_then(|g| g.person) {
                Some(person) => To::Object("person", Some(person)),
                None => To::Role(Role::Coordinator.code().to_owned()),
            }
        }
        to => to.clone(),
    }
}

/// The devices that act for a person.
fn devices_of(engine: &Engine, person: ObjectId) -> Vec<DeviceId> {
    let state = engine.state();
    let person = state.canonical(person);
    let live = engine.book().authority().live();
    live.filter(|g| g.person.is_some_and(|p| state.canonical(p) == person))
        .map(|g| g.device)
        .collect()
}

/// The header's tag: of a role, or of the one device that a person has; a message to more devices than
/// one has no tag of its own.
fn tag(engine: &Engine, to: &To) -> AudienceTag {
    match to {
        To::Role(code) => engine.audience(code.as_bytes()),
        To::Object("person", Some(person)) => match devices_of(engine, *person).as_slice() {
            [one] => engine.audience(&one.0),
            _ => AudienceTag::ZERO,
        },
        _ => AudienceTag::ZERO,
    }
}

fn message_named(engine: &Engine, given: &str) -> Result<Message, ApiError> {
    let id = resolve(engine, given, &[kinds::MESSAGE])?;
    threads::message(engine.state(), id).ok_or_else(|| {
        ApiError::new("not-found", exit::NOT_FOUND)
            .with("given", given)
            .with("kind", "message")
    })
}

/// `say`.
pub fn say(engine: &mut Engine, words: Words) -> Answer {
    let parent = words
        .reply_to
        .as_deref()
        .or(words.translation_of.as_deref())
        .map(|given| message_named(engine, given))
        .transpose()?;
    let to = match (&words.to, &parent) {
        (Some(given), _) => addressee(engine, given)?,
        (None, Some(parent)) if words.reply_to.is_some() => back(engine, parent),
        (None, Some(parent)) => parent.to.clone(),
        (None, None) => To::Everyone,
    };
    let thread = words
        .thread
        .clone()
        .or_else(|| parent.as_ref().and_then(|p| p.thread.clone()));
    let kind = kind_named("message")?;
    let fields = fields(&words, &to, thread.as_deref(), parent.as_ref());
    let changes = changes(engine, kind, &fields)?;
    let role = own_role(engine)?;
    if let Some((field, least)) = writes::refusals(kind, &changes, role, false).first() {
        return Err(ApiError::new("field-not-permitted", exit::NOT_PERMITTED)
            .with("field", field)
            .with("of", kind.name)
            .with("role", role.code())
            .with("least", least.code()));
    }
    let id = fresh_object();
    let operations = writes::build(engine.state(), kind, id, &changes).map_err(write_error)?;
    let pressing = match engine_priority(&changes, kind) {
        Some("urgent") => urgency::URGENT,
        Some("high") => urgency::ASSIGNMENT,
        _ => urgency::NORMAL,
    };
    let tag = tag(engine, &to);
    engine.write_to(operations, pressing, tag, claimed(), &mut random)?;
    Ok(json!({
        "id": id.hex(),
        "short": short(engine, id),
        "thread": thread,
        "to": to_json(engine, &to),
        "urgency": pressing,
        "tagged": tag != AudienceTag::ZERO,
    }))
}

fn engine_priority(changes: &[Change], kind: &table::Kind) -> Option<&'static str> {
    let number = kind.number_of("priority");
    changes.iter().find_map(|change| match change {
        Change::Set { field, value, .. } if *field == number => match Typed::read(value) {
            Typed::Code(code) if code == "urgent" => Some("urgent"),
            Typed::Code(code) if code == "high" => Some("high"),
            _ => None,
        },
        _ => None,
    })
}

fn fields(
    words: &Words,
    to: &To,
    thread: Option<&str>,
    parent: Option<&Message>,
) -> Vec<FieldInput> {
    let mut out = vec![field("text", words.text.as_str())];
    match to {
        To::Everyone => out.push(field("to", "everyone")),
        To::Role(code) => {
            out.push(field("to", "role"));
            out.push(field("to_role", code.as_str()));
        }
        To::Object(kind, whom) => {
            out.push(field("to", *kind));
            out.extend(whom.map(|id| field("to_object", id.hex())));
        }
    }
    let given = [
        ("thread", thread),
        ("language", words.language.as_deref()),
        ("priority", words.priority.as_deref()),
        ("expires", words.expires.as_deref()),
    ];
    out.extend(
        given
            .into_iter()
            .filter_map(|(n, v)| Some(field(n, v.filter(|v| !v.trim().is_empty())?))),
    );
    if let Some(parent) = parent {
        let name = if words.reply_to.is_some() {
            "reply_to"
        } else {
            "translation_of"
        };
        out.push(field(name, parent.id.hex()));
    }
    if words.pin {
        out.push(field("pinned", true));
    }
    out
}

fn to_json(engine: &Engine, to: &To) -> Json {
    match to {
        To::Everyone => json!({ "to": "everyone" }),
        To::Role(code) => json!({ "to": "role", "role": code }),
        To::Object(kind, whom) => {
            json!({ "to": kind, "object": whom.map(|id| brief(engine, id)) })
        }
    }
}

fn device_json(engine: &Engine, device: &DeviceId) -> Json {
    json!({ "device": device.hex(), "label": label(engine, device) })
}

type Translations = BTreeMap<ObjectId, Vec<Message>>;

fn message_json(engine: &Engine, message: &Message, translations: &Translations) -> Json {
    let priority = ["urgent", "high", "normal", "low"];
    let translations: Vec<_> = translations
        .get(&message.id)
        .into_iter()
        .flatten()
        .map(|t| {
            json!({
                "id": t.id.hex(), "short": short(engine, t.id),
                "language": t.language, "text": t.text,
            })
        })
        .collect();
    let seen_by: Vec<_> = message.seen_by.iter().map(|p| brief(engine, *p)).collect();
    let seen_on: Vec<_> = message
        .seen_on
        .iter()
        .map(|d| device_json(engine, d))
        .collect();
    json!({
        "id": message.id.hex(),
        "short": short(engine, message.id),
        "thread": message.thread,
        "to": to_json(engine, &message.to),
        "text": message.text,
        "language": message.language,
        "priority": priority.get(usize::from(message.priority)),
        "pinned": message.pinned,
        "expires": message.expires.map(time_text),
        "reply_to": message.reply_to.map(|id| short(engine, id)),
        "author": message.author.map(|d| device_json(engine, &d)),
        "claimed": time_text(message.claimed),
        "translations": translations,
        "seen_on": seen_on,
        "seen_by": seen_by,
    })
}

fn line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out: String = words.chars().take(LINE).collect();
    if out.len() < words.len() {
        out.push('…');
    }
    out
}

fn thread_json(engine: &Engine, thread: &Thread) -> Json {
    let last = thread.messages.last();
    json!({
        "thread": thread.name,
        "key": thread.key,
        "to": to_json(engine, &thread.to),
        "messages": thread.messages.len(),
        "unread": thread.unread,
        "pinned": thread.messages.iter().filter(|m| m.pinned).count(),
        "last": last.map(|m| json!({
            "id": m.id.hex(),
            "text": line(&m.text),
            "author": m.author.map(|d| device_json(engine, &d)),
            "claimed": time_text(m.claimed),
        })),
    })
}

/// `threads`.
pub fn threads(engine: &Engine, over: bool) -> Json {
    let (state, reader, now) = (engine.state(), reader(engine), claimed());
    let translations = threads::translations(state);
    let pinned = threads::pinned(state, &reader, now);
    let all = threads::threads(state, &reader, now, over);
    json!({
        "pinned": pinned.iter().map(|m| message_json(engine, m, &translations)).collect::<Vec<_>>(),
        "unread": all.iter().map(|t| t.unread).sum::<usize>(),
        "items": all.iter().map(|t| thread_json(engine, t)).collect::<Vec<_>>(),
    })
}

/// A thread by its name, by whom its board is for, or by one of its messages.
fn thread_named(engine: &Engine, given: &str) -> Result<Thread, ApiError> {
    let (state, reader) = (engine.state(), reader(engine));
    let all = threads::threads(state, &reader, claimed(), true);
    let key = format!("thread:{}", fold(given));
    let board = |to: &To| match to {
        To::Everyone => "everyone".to_owned(),
        To::Role(code) => format!("role:{code}"),
        To::Object(kind, id) => format!("{kind}:{}", id.map(|i| i.hex()).unwrap_or_default()),
    };
    let whom = addressee(engine, given).ok().map(|to| board(&to));
    let message = resolve(engine, given, &[kinds::MESSAGE]).ok();
    let found = all
        .iter()
        .find(|t| t.key == key || t.key == given)
        .or_else(|| all.iter().find(|t| Some(&t.key) == whom.as_ref()))
        .or_else(|| {
            all.iter()
                .find(|t| t.messages.iter().any(|m| Some(m.id) == message))
        });
    found.cloned().ok_or_else(|| {
        let known: Vec<_> = all.iter().filter_map(|t| t.name.as_deref()).collect();
        ApiError::new("no-such-thread", exit::NOT_FOUND)
            .with("given", given)
            .with("threads", known.join(", "))
    })
}

/// `read`.
pub fn read(engine: &mut Engine, given: Option<&str>, silent: bool) -> Answer {
    let (reader, now) = (reader(engine), claimed());
    let (thread, messages) = match given {
        Some(given) => {
            let thread = thread_named(engine, given)?;
            let shown = thread_json(engine, &thread);
            (shown, thread.messages)
        }
        None => {
            // Pinned notices first, then what waits.
            let state = engine.state();
            let mut all = threads::pinned(state, &reader, now);
            let waiting = threads::unread(state, &reader, now);
            let pinned: BTreeSet<_> = all.iter().map(|m| m.id).collect();
            all.extend(waiting.into_iter().filter(|m| !pinned.contains(&m.id)));
            (Json::Null, all)
        }
    };
    let translations = threads::translations(engine.state());
    let items: Vec<_> = messages
        .iter()
        .map(|m| message_json(engine, m, &translations))
        .collect();
    let receipts = match silent {
        true => 0,
        false => acknowledge(engine, &reader, &messages)?,
    };
    Ok(json!({ "thread": thread, "items": items, "receipts": receipts }))
}

/// Says in one entry that these messages were seen here; nothing where that is known, or where this
/// device writes no data.
fn acknowledge(
    engine: &mut Engine,
    reader: &Reader,
    messages: &[Message],
) -> Result<usize, ApiError> {
    if !own_role(engine).is_ok_and(|r| r <= Role::Volunteer) {
        return Ok(0);
    }
    let mut ids = threads::to_acknowledge(engine.state(), reader, messages);
    ids.truncate(RECEIPTS);
    let seen: Vec<_> = ids
        .into_iter()
        .filter_map(|id| threads::receipt(reader, id))
        .collect();
    let count = seen.len();
    let operations = writes::Operations::from([(Class::C1, seen)]);
    if count > 0 {
        engine.write(operations, urgency::BULK, claimed(), &mut random)?;
    }
    Ok(count)
}
