//! Reading what people and programs give for a field: codes or labels in either language, times,
//! places, quantities, references. Every refusal names the field, what was given and what is taken.
//!
//! It reads one field at a time; whole rows and files are the importers' business.

mod json;
mod scalar;

use muster_log::{ids::ObjectId, operation::Value};
use thiserror::Error;

pub use self::json::from_json;
pub use self::scalar::{parse_date, parse_decimal, parse_place, parse_time};
use crate::{
    numbers::{self, Resolved},
    state::State,
    table::{self, Field, FieldType, Kind, Merge},
    text,
    value::Typed,
    vocabulary::Vocabularies,
};

/// What reading needs beside the table.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Open lists.
    pub vocabularies: &'a Vocabularies,
    /// Where short ids and numbers are looked up; without it only whole ids are taken.
    pub state: Option<&'a State>,
    /// Minutes east of UTC of times given without a zone.
    pub offset_minutes: i32,
}

/// Why input for a field was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The kind has no such field.
    #[error("a {kind} has no field {given:?}{hint}", hint = hint(.near))]
    NoField {
        kind: &'static str,
        given: String,
        near: Vec<&'static str>,
    },
    /// The value is not of the field's type, or out of range.
    #[error("{field}: {given:?} is not accepted; give {accepted}")]
    Value {
        field: &'static str,
        given: String,
        accepted: String,
    },
    /// A reference to nothing.
    #[error("{field}: no {accepted} {given:?} is known here")]
    NotFound {
        field: &'static str,
        given: String,
        accepted: String,
    },
    /// A reference to several objects.
    #[error("{field}: {given:?} may be any of {}", ids(.found))]
    Ambiguous {
        field: &'static str,
        given: String,
        found: Vec<ObjectId>,
    },
}

fn hint(near: &[&str]) -> String {
    if near.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", near.join(", "))
    }
}

fn ids(found: &[ObjectId]) -> String {
    let list: Vec<String> = found.iter().map(ObjectId::hex).collect();
    list.join(", ")
}

/// A change to one field, as asked for; `writes` makes operations of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Writes a register; [`Typed::Cleared`] clears it.
    Set {
        field: u16,
        element: u64,
        value: Value,
    },
    /// Adds a value to a set.
    Add { field: u16, value: Value },
    /// Removes a value from a set.
    Remove { field: u16, value: Value },
    /// Makes a set hold exactly these values.
    Replace { field: u16, values: Vec<Value> },
    /// Adds an element with its fields.
    AddElement {
        group: u16,
        element: u64,
        members: Vec<(u16, Value)>,
    },
    /// Removes an element.
    RemoveElement { group: u16, element: u64 },
    /// Adds a record to a sum.
    Tally {
        field: u16,
        element: u64,
        value: Value,
    },
}

/// The field of a name, or an error with near names.
pub fn field_named(kind: &'static Kind, given: &str) -> Result<&'static Field, ParseError> {
    kind.find(given).ok_or_else(|| {
        let folded = text::fold(given);
        let stem: String = folded.chars().take(3).collect();
        let near = kind
            .fields
            .iter()
            .filter(|f| !stem.is_empty() && text::fold(f.name).contains(&stem))
            .map(|f| f.name)
            .take(5)
            .collect();
        ParseError::NoField {
            kind: kind.name,
            given: given.to_owned(),
            near,
        }
    })
}

/// Reads one value for a field.
pub fn value(reading: &Reading<'_>, field: &Field, given: &str) -> Result<Value, ParseError> {
    let refuse = || refused(reading, field, given);
    let given_text = given.trim();
    if given_text.is_empty() {
        return Err(refuse());
    }
    let typed = match field.ty {
        FieldType::Text | FieldType::LongText => Typed::Text(given_text.to_owned()),
        FieldType::Reference(kinds) => {
            Typed::Reference(reference(reading, field, kinds, given_text)?)
        }
        FieldType::Enum(list) => {
            let folded = text::fold(given_text);
            let found = list.values.iter().find(|(code, label)| {
                *code == folded || text::fold(label.en) == folded || text::fold(label.fr) == folded
            });
            Typed::Code(found.ok_or_else(refuse)?.0.to_owned())
        }
        FieldType::Vocabulary(name) => {
            let list = reading.vocabularies.get(name).ok_or_else(refuse)?;
            Typed::Code(list.find(given_text).ok_or_else(refuse)?.to_owned())
        }
        _ => scalar::read(reading, field, given_text).ok_or_else(refuse)?,
    };
    typed.write().map_err(|_| refuse())
}

fn reference(
    reading: &Reading<'_>,
    field: &Field,
    kinds: &[u16],
    given: &str,
) -> Result<ObjectId, ParseError> {
    let not_found = || ParseError::NotFound {
        field: field.name,
        given: given.to_owned(),
        accepted: accepted(reading, field),
    };
    match reading.state {
        // A whole id may name what has not arrived here yet.
        _ if given.len() == 32 => ObjectId::from_hex(given).ok_or_else(not_found),
        None => Err(not_found()),
        Some(state) => match numbers::resolve(state, given, kinds) {
            Resolved::Found(id) => Ok(id),
            Resolved::NotFound => Err(not_found()),
            Resolved::Ambiguous(found) => Err(ParseError::Ambiguous {
                field: field.name,
                given: given.to_owned(),
                found,
            }),
        },
    }
}

fn refused(reading: &Reading<'_>, field: &Field, given: &str) -> ParseError {
    let short: String = given.chars().take(80).collect();
    ParseError::Value {
        field: field.name,
        given: short,
        accepted: accepted(reading, field),
    }
}

/// What a field takes, in a few English words with the codes of closed lists.
pub fn accepted(reading: &Reading<'_>, field: &Field) -> String {
    match field.ty {
        FieldType::Text | FieldType::LongText => "text, at most 16 KiB".into(),
        FieldType::Phone => "a telephone number".into(),
        FieldType::Email => "a mail address".into(),
        FieldType::Number => "a number such as N-GYM-12".into(),
        FieldType::Integer(low, high) => format!("a whole number from {low} to {high}"),
        FieldType::Decimal => "a number, with at most 9 decimals".into(),
        FieldType::Boolean => "yes or no".into(),
        FieldType::Time => "a time such as 2026-11-24T14:30Z or 24/11/2026 14:30".into(),
        FieldType::Date => "a day such as 2026-11-24 or 24/11/2026".into(),
        FieldType::Window => "two times with a slash between, one of which may be missing".into(),
        FieldType::Hours => "days and hours such as mon,tue 08:00-17:00".into(),
        FieldType::Enum(list) => {
            let codes: Vec<&str> = list.values.iter().map(|(code, _)| *code).collect();
            format!("one of {}", codes.join(", "))
        }
        FieldType::Vocabulary(name) => {
            let codes: Vec<&str> = reading
                .vocabularies
                .get(name)
                .map(|list| list.entries().map(|(code, _)| code).collect())
                .unwrap_or_default();
            format!("one of {name}: {}", codes.join(", "))
        }
        FieldType::Language => "a language tag such as fr, ht or zh-Hant".into(),
        FieldType::Place => "latitude,longitude (within 90 and 180 degrees), words, or both".into(),
        FieldType::Reference(kinds) => {
            let names: Vec<String> = kinds.iter().map(|k| table::kind_name(*k)).collect();
            if names.is_empty() {
                "object".into()
            } else {
                names.join(" or ")
            }
        }
        FieldType::Element => "16 hex digits of an element".into(),
        FieldType::Group => {
            "members such as item=blanket; quantity=20, or -ELEMENT to remove one".into()
        }
    }
}

/// Reads input for a field into changes. A register takes one value, or nothing to clear it; a set
/// takes values separated by commas or semicolons, each with `+` or `-` in front to add or remove
/// it, or none with either to say what it shall hold; a sum takes an amount to add; a group takes
/// `member=value; ...` for a new element, `ELEMENT: member=value; ...` to change one, `-ELEMENT` to
/// remove one. `fresh` supplies random numbers for new elements.
pub fn changes(
    reading: &Reading<'_>,
    kind: &'static Kind,
    name: &str,
    given: &str,
    fresh: &mut dyn FnMut() -> u64,
) -> Result<Vec<Change>, ParseError> {
    let field = field_named(kind, name)?;
    if field.group.is_some() {
        // A member by itself: ELEMENT=value.
        let (element, given) = given
            .split_once('=')
            .and_then(|(e, v)| Some((element_id(e)?, v)))
            .ok_or_else(|| refused(reading, field, given))?;
        return Ok(vec![member(reading, field, element, given)?]);
    }
    let field_number = field.number;
    match field.merge {
        Merge::Register if given.trim().is_empty() => Ok(vec![Change::Set {
            field: field_number,
            element: 0,
            value: Value::default(),
        }]),
        Merge::Register | Merge::Sum => Ok(vec![member(reading, field, 0, given)?]),
        Merge::Set => set_changes(reading, field, given),
        Merge::Group => group_changes(reading, kind, field, given, fresh),
    }
}

fn member(
    reading: &Reading<'_>,
    field: &Field,
    element: u64,
    given: &str,
) -> Result<Change, ParseError> {
    let number = field.number;
    if field.merge == Merge::Register && given.trim().is_empty() {
        return Ok(Change::Set {
            field: number,
            element,
            value: Value::default(),
        });
    }
    let value = value(reading, field, given)?;
    Ok(match field.merge {
        Merge::Sum => Change::Tally {
            field: number,
            element,
            value,
        },
        _ => Change::Set {
            field: number,
            element,
            value,
        },
    })
}

fn element_id(given: &str) -> Option<u64> {
    let given = given.trim();
    if given.len() != 16 {
        return None;
    }
    u64::from_str_radix(given, 16).ok().filter(|e| *e != 0)
}

fn set_changes(
    reading: &Reading<'_>,
    field: &Field,
    given: &str,
) -> Result<Vec<Change>, ParseError> {
    // Hours hold commas between days, places between numbers, and windows none of these.
    let separators: &[char] = match field.ty {
        FieldType::Hours | FieldType::Place | FieldType::Text | FieldType::LongText => &[';'],
        _ => &[',', ';'],
    };
    let parts: Vec<&str> = given
        .split(separators)
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .collect();
    let number = field.number;
    let mut held = Vec::new();
    let mut out = Vec::new();
    for part in &parts {
        if let Some(rest) = part.strip_prefix('+') {
            out.push(Change::Add {
                field: number,
                value: value(reading, field, rest)?,
            });
        } else if let Some(rest) = part.strip_prefix('-') {
            out.push(Change::Remove {
                field: number,
                value: value(reading, field, rest)?,
            });
        } else {
            held.push(value(reading, field, part)?);
        }
    }
    if out.is_empty() {
        out.push(Change::Replace {
            field: number,
            values: held,
        });
    } else {
        out.extend(held.into_iter().map(|value| Change::Add {
            field: number,
            value,
        }));
    }
    Ok(out)
}

fn group_changes(
    reading: &Reading<'_>,
    kind: &'static Kind,
    group: &Field,
    given: &str,
    fresh: &mut dyn FnMut() -> u64,
) -> Result<Vec<Change>, ParseError> {
    let given = given.trim();
    if let Some(element) = given.strip_prefix('-').and_then(element_id) {
        return Ok(vec![Change::RemoveElement {
            group: group.number,
            element,
        }]);
    }
    if let Some((element, rest)) = given.split_once(':')
        && let Some(element) = element_id(element)
    {
        return pairs(reading, kind, group, rest)?
            .into_iter()
            .map(|(field, text)| member(reading, field, element, &text))
            .collect();
    }
    let pairs = pairs(reading, kind, group, given)?;
    element_changes(reading, group, pairs, fresh().max(1))
}

fn pairs(
    reading: &Reading<'_>,
    kind: &'static Kind,
    group: &Field,
    given: &str,
) -> Result<Vec<(&'static Field, String)>, ParseError> {
    let mut out = Vec::new();
    for pair in given.split(';').filter(|p| !p.trim().is_empty()) {
        let (name, text) = pair
            .split_once('=')
            .ok_or_else(|| refused(reading, group, given))?;
        out.push((member_named(kind, group, name)?, text.to_owned()));
    }
    if out.is_empty() {
        return Err(refused(reading, group, given));
    }
    Ok(out)
}

fn member_named(
    kind: &'static Kind,
    group: &Field,
    name: &str,
) -> Result<&'static Field, ParseError> {
    let folded = text::fold(name);
    kind.members(group.number)
        .find(|f| {
            text::fold(f.member_name()) == folded
                || text::fold(f.name) == folded
                || text::fold(f.label.en) == folded
                || text::fold(f.label.fr) == folded
        })
        .ok_or_else(|| ParseError::NoField {
            kind: group.name,
            given: name.trim().to_owned(),
            near: kind.members(group.number).map(Field::member_name).collect(),
        })
}

fn element_changes(
    reading: &Reading<'_>,
    group: &Field,
    pairs: Vec<(&'static Field, String)>,
    element: u64,
) -> Result<Vec<Change>, ParseError> {
    let mut members = Vec::new();
    let mut sums = Vec::new();
    for (field, text) in pairs {
        match member(reading, field, element, &text)? {
            Change::Set { field, value, .. } => members.push((field, value)),
            other => sums.push(other),
        }
    }
    let mut out = vec![Change::AddElement {
        group: group.number,
        element,
        members,
    }];
    out.extend(sums);
    Ok(out)
}

#[cfg(test)]
mod tests;
