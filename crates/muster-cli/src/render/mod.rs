//! Answers as text for people. Data only: what is beside it goes to stderr elsewhere.

pub mod agenda;
pub mod conflicts;
pub mod duplicates;
pub mod erase;
pub mod forks;
pub mod forum;
pub mod log;
pub mod map;
pub mod matching;
pub mod objects;
pub mod paper;
pub mod places;
pub mod status;
pub mod table;
pub mod trust;
pub mod values;
pub mod views;
pub mod work;

use serde_json::Value as Json;

use crate::lang::Words;

/// A text member, or nothing.
pub fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_default()
}

/// A whole number, or 0.
pub fn number(json: &Json, name: &str) -> u64 {
    json[name].as_u64().unwrap_or(0)
}

/// A whole number, or 0, as the person's language writes it.
pub fn count(words: &Words, json: &Json, name: &str) -> String {
    words.number(&number(json, name).to_string())
}

/// What was counted by reason: `code n`.
pub fn by_reason<'a>(words: &'a Words, json: &'a Json) -> impl Iterator<Item = String> + 'a {
    let reasons = json.as_object().into_iter().flatten();
    reasons.map(|(code, n)| format!("{code} {}", words.number(&n.to_string())))
}

/// Members of a list.
pub fn list<'a>(json: &'a Json, name: &str) -> impl Iterator<Item = &'a Json> {
    json[name].as_array().into_iter().flatten()
}

/// Something recognisable about an object: its short form and its title.
pub fn about(json: &Json) -> String {
    match (text(json, "short"), text(json, "title")) {
        ("", title) => title.to_owned(),
        (short, "") => short.to_owned(),
        (short, title) => format!("{title} ({short})"),
    }
}

/// The beginning of an id, enough to recognise a device.
pub fn id_short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}
