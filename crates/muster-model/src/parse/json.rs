//! Fields given as JSON, as `--from-json` and other programs give them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{
    Change, ParseError, Reading, changes, element_changes, element_id, field_named, member,
    member_named, refused, value,
};
use crate::table::{Field, Kind, Merge};

/// Reads a JSON object of fields, as `--from-json` gives it: texts as for flags, numbers, booleans,
/// null to clear, arrays for sets, arrays of objects for groups (with `element` to change one).
pub fn from_json(
    reading: &Reading<'_>,
    kind: &'static Kind,
    fields: &serde_json::Map<String, Json>,
    fresh: &mut dyn FnMut() -> u64,
) -> Result<Vec<Change>, ParseError> {
    let mut out = Vec::new();
    for (name, given) in fields {
        let field = field_named(kind, name)?;
        match (field.merge, given) {
            (Merge::Group, Json::Array(list)) => {
                for item in list {
                    out.extend(json_element(reading, kind, field, item, fresh)?);
                }
            }
            (Merge::Set, Json::Array(list)) => {
                let values = list
                    .iter()
                    .map(|item| value(reading, field, &flat(item)))
                    .collect::<Result<_, _>>()?;
                out.push(Change::Replace {
                    field: field.number,
                    values,
                });
            }
            (_, given) => out.extend(changes(reading, kind, name, &flat(given), fresh)?),
        }
    }
    Ok(out)
}

fn json_element(
    reading: &Reading<'_>,
    kind: &'static Kind,
    group: &Field,
    item: &Json,
    fresh: &mut dyn FnMut() -> u64,
) -> Result<Vec<Change>, ParseError> {
    let Json::Object(members) = item else {
        return Err(refused(reading, group, &item.to_string()));
    };
    let mut named: BTreeMap<&str, &Json> = members.iter().map(|(k, v)| (k.as_str(), v)).collect();
    let existing = named
        .remove("element")
        .and_then(Json::as_str)
        .and_then(element_id);
    let mut pairs = Vec::new();
    for (name, given) in named {
        pairs.push((member_named(kind, group, name)?, flat(given)));
    }
    match existing {
        Some(element) => pairs
            .into_iter()
            .map(|(field, text)| member(reading, field, element, &text))
            .collect(),
        None => element_changes(reading, group, pairs, fresh().max(1)),
    }
}

/// A JSON value in the spelling of a flag.
fn flat(given: &Json) -> String {
    match given {
        Json::Null => String::new(),
        Json::String(s) => s.clone(),
        Json::Object(map) if map.contains_key("lat") || map.contains_key("text") => {
            let part = |name: &str| map.get(name).map(flat).unwrap_or_default();
            match (map.get("lat"), map.get("lon")) {
                (Some(lat), Some(lon)) => format!("{},{} {}", flat(lat), flat(lon), part("text")),
                _ => part("text"),
            }
        }
        Json::Object(map) if map.contains_key("days") => {
            let days = match map.get("days") {
                Some(Json::Array(days)) => days.iter().map(flat).collect::<Vec<_>>().join(","),
                other => other.map(flat).unwrap_or_default(),
            };
            let part = |name: &str| map.get(name).map(flat).unwrap_or_default();
            format!("{days} {}-{}", part("from"), part("to"))
        }
        Json::Object(map) => {
            let part = |name: &str| map.get(name).map(flat).unwrap_or_default();
            format!("{}/{}", part("from"), part("to"))
        }
        other => other.to_string(),
    }
}
