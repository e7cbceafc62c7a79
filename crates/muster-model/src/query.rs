//! Lists and search: which objects answer to `field=value` and to a few words.
//!
//! Ranking people for tasks is not here; these are plain filters over what is readable.

use muster_log::ids::ObjectId;

use crate::{
    parse::{self, ParseError, Reading},
    state::{Object, State},
    table::{Field, FieldType, Kind, Merge},
    text,
    value::{Typed, kind as vk},
};

/// One condition of a list.
#[derive(Debug, Clone)]
pub struct Filter {
    field: &'static Field,
    wanted: Wanted,
}

#[derive(Debug, Clone)]
enum Wanted {
    /// This value; in a set or an element, one of them.
    Value(Typed),
    /// These words, folded, somewhere in the text.
    Words(String),
    /// No value at all.
    Nothing,
}

/// Reads a filter; a value is given as for writing (code or label), text is looked for inside,
/// nothing means that the field is empty.
pub fn filter(
    reading: &Reading<'_>,
    kind: &'static Kind,
    name: &str,
    given: &str,
) -> Result<Filter, ParseError> {
    let field = parse::field_named(kind, name)?;
    let wanted = match field.ty {
        _ if given.trim().is_empty() => Wanted::Nothing,
        FieldType::Text
        | FieldType::LongText
        | FieldType::Phone
        | FieldType::Email
        | FieldType::Place => Wanted::Words(text::fold(given)),
        FieldType::Group => Wanted::Words(text::fold(given)),
        _ => Wanted::Value(Typed::read(&parse::value(reading, field, given)?)),
    };
    Ok(Filter { field, wanted })
}

impl Filter {
    /// Whether an object answers to it.
    pub fn matches(&self, state: &State, object: &Object) -> bool {
        let held = values(object, self.field);
        match &self.wanted {
            Wanted::Nothing => held.is_empty(),
            Wanted::Words(words) => held
                .iter()
                .any(|v| text::contains_folded(&v.plain(), words)),
            Wanted::Value(Typed::Reference(id)) => {
                let wanted = state.canonical(*id);
                held.iter().any(|v| match v {
                    Typed::Reference(is) => state.canonical(*is) == wanted,
                    _ => false,
                })
            }
            Wanted::Value(wanted) => held.contains(wanted),
        }
    }
}

/// The values a field shows: one, those of a set, or those of all elements.
fn values(object: &Object, field: &Field) -> Vec<Typed> {
    match (field.merge, field.group) {
        (Merge::Set, _) => object.set(field.number).into_iter().collect(),
        (Merge::Group, _) => {
            let Some(kind) = object.table() else {
                return Vec::new();
            };
            object
                .elements(field.number)
                .into_iter()
                .flat_map(|e| kind.members(field.number).map(move |m| (e, m)))
                .filter_map(|(e, m)| object.value(m.number, e))
                .collect()
        }
        (_, Some(group)) => object
            .elements(group)
            .into_iter()
            .filter_map(|e| object.value(field.number, e))
            .collect(),
        _ => object.value(field.number, 0).into_iter().collect(),
    }
}

/// Ids of a kind that answer to all filters, in the order of ids, after `after`, at most `limit`;
/// erased objects and aliases are left out.
pub fn list(
    state: &State,
    kind: &'static Kind,
    filters: &[Filter],
    after: Option<ObjectId>,
    limit: usize,
) -> Vec<ObjectId> {
    state
        .of_kind(kind.number)
        .filter(|id| after.is_none_or(|after| *id > after))
        .filter(|id| !state.index().is_alias(*id))
        .filter(|id| {
            filters.is_empty()
                || state
                    .object(*id)
                    .is_some_and(|o| filters.iter().all(|f| f.matches(state, &o)))
        })
        .take(limit)
        .collect()
}

/// Objects of any kind in which all the words occur, in readable texts, codes and numbers.
pub fn find(state: &State, words: &str, limit: usize) -> Vec<ObjectId> {
    let words: Vec<String> = words
        .split_whitespace()
        .map(text::fold)
        .filter(|w| !w.is_empty())
        .collect();
    if words.is_empty() {
        return Vec::new();
    }
    state
        .ids()
        .filter(|id| {
            state.object(*id).is_some_and(|object| {
                !object.erased && {
                    let all = searchable(&object);
                    words.iter().all(|w| all.contains(w.as_str()))
                }
            })
        })
        .take(limit)
        .collect()
}

/// All readable texts, codes and places of an object, folded.
fn searchable(object: &Object) -> String {
    let mut out = String::new();
    let kind = object.kind();
    let registers = object.sections.iter().flat_map(|s| &s.registers);
    for (_, register) in registers.filter(|(key, _)| Some(key.kind) == kind) {
        for write in register.alive.values() {
            if matches!(write.value.kind, vk::TEXT | vk::CODE | vk::PLACE) {
                out.push_str(&text::fold(&Typed::read(&write.value).plain()));
                out.push('\n');
            }
        }
    }
    out
}
