//! Values as people read them: labels for codes, local times, names for ids.

use muster_model::{
    table::{Field, FieldType, Kind},
    vocabulary::Vocabularies,
};
use serde_json::Value as Json;

use crate::{
    Context, args,
    lang::{Lang, Words},
    render::{about, text},
};

/// A time in the person's zone and language, from RFC 3339.
pub fn time(words: &Words, given: &str) -> String {
    let Ok(time) = given.parse::<jiff::Timestamp>() else {
        return given.to_owned();
    };
    let local = jiff::tz::TimeZone::system().to_datetime(time);
    let pattern = match words.lang {
        Lang::En => "%Y-%m-%d %H:%M",
        Lang::Fr => "%d/%m/%Y %H:%M",
    };
    local.strftime(pattern).to_string()
}

/// When something was written, as its device claims; and where that device's clock was found far off,
/// what the clock here would have shown.
pub fn written(words: &Words, entry: &Json) -> String {
    let claimed = time(words, text(entry, "claimed"));
    match entry["clock"]["likely"].as_str() {
        None => claimed,
        Some(likely) => words.with(
            "word-clock-off",
            args!["claimed" = claimed, "likely" = time(words, likely)],
        ),
    }
}

fn date(words: &Words, given: &str) -> String {
    match (words.lang, given.split('-').collect::<Vec<_>>().as_slice()) {
        (Lang::Fr, [year, month, day]) => format!("{day}/{month}/{year}"),
        _ => given.to_owned(),
    }
}

fn code(words: &Words, field: &Field, given: &str) -> String {
    let label = match field.ty {
        FieldType::Enum(list) => list.label(given).map(|l| words.lang.label(l).to_owned()),
        FieldType::Vocabulary(name) => {
            let entry = Vocabularies::builtin()
                .get(name)
                .and_then(|v| v.entry(given));
            entry.map(|e| match words.lang {
                Lang::En => e.en.clone(),
                Lang::Fr => e.fr.clone(),
            })
        }
        _ => None,
    };
    label.unwrap_or_else(|| given.to_owned())
}

/// A whole number of a field. A year is a name of four digits, not a count.
pub fn integer(words: &Words, field: &Field, plain: &str) -> String {
    match field.ty {
        FieldType::Integer(low, high) if low >= 1_000 && high < 10_000 => plain.to_owned(),
        _ => words.number(plain),
    }
}

/// One value of a field. `refers` names the objects it may refer to.
pub fn value(words: &Words, field: Option<&Field>, value_of: &Json, refers: &Json) -> String {
    match value_of {
        Json::Null => String::new(),
        Json::Bool(yes) => words.t(if *yes { "word-yes" } else { "word-no" }),
        Json::Number(n) => match field {
            Some(field) => integer(words, field, &n.to_string()),
            None => words.number(&n.to_string()),
        },
        Json::String(given) => match field.map(|f| f.ty) {
            Some(FieldType::Time) => time(words, given),
            Some(FieldType::Date) => date(words, given),
            Some(FieldType::Decimal) => words.number(given),
            Some(FieldType::Enum(_) | FieldType::Vocabulary(_)) => {
                field.map_or_else(|| given.clone(), |f| code(words, f, given))
            }
            Some(FieldType::Reference(_)) if refers[given].is_object() => about(&refers[given]),
            _ if given == muster_model::item::SENSITIVE => words.t("word-sensitive"),
            _ if given == muster_model::item::WITHHELD => words.t("word-withheld"),
            _ => given.clone(),
        },
        Json::Array(many) => {
            let all: Vec<_> = many
                .iter()
                .map(|v| value(words, field, v, refers))
                .collect();
            all.join(", ")
        }
        Json::Object(map) if map.contains_key("hidden") => {
            value(words, None, &value_of["hidden"], refers)
        }
        Json::Object(map) => match (map.get("lat"), map.get("lon")) {
            (Some(lat), Some(lon)) => {
                let [lat, lon] = [lat, lon].map(|n| words.number(&n.to_string()));
                let at = format!("{lat} ; {lon}");
                match text(value_of, "text") {
                    "" => at,
                    name => format!("{name} [{at}]"),
                }
            }
            _ => map
                .iter()
                .filter(|(name, _)| *name != "element")
                .map(|(name, v)| format!("{name}={}", value(words, None, v, refers)))
                .collect::<Vec<_>>()
                .join(" "),
        },
    }
}

/// A group's elements, one line each, members by their labels.
pub fn elements(
    c: &Context<'_>,
    kind: &Kind,
    group: &Field,
    value_of: &Json,
    refers: &Json,
) -> Vec<String> {
    let elements = value_of.as_array().into_iter().flatten();
    elements
        .map(|element| {
            let members = kind.members(group.number).filter_map(|member| {
                let held = [member.member_name(), member.name]
                    .into_iter()
                    .map(|n| &element[n])
                    .find(|v| !v.is_null())?;
                Some(value(c.words, Some(member), held, refers))
            });
            let shown: Vec<_> = members.filter(|m| !m.is_empty()).collect();
            format!("{} [{}]", shown.join(", "), text(element, "element"))
        })
        .collect()
}
