//! The calendar: whose agenda, in which window; and what an event or a note says of itself when the
//! person said nothing.

use muster_log::ids::{Millis, ObjectId};
use muster_model::{
    booking::Span,
    parse::Change,
    table::{self, kinds},
    value::{Typed, time_text},
    views::{
        agenda::{self, Line, Whose},
        repeat,
    },
};
use serde_json::{Value as Json, json};

use super::{
    Answer, brief, claimed,
    forum::named,
    kind_named, short,
    work::{field, time},
};
use crate::{
    api::{ApiError, FieldInput, exit},
    engine::Engine,
};

/// How far an agenda looks when nothing is said: a week.
const AHEAD: i64 = 7 * 86_400_000;

/// Whether a field was given, by its name or label.
fn given(kind: u16, fields: &[FieldInput], name: &str) -> bool {
    let kind = table::kind(kind);
    let wanted = kind.and_then(|k| k.named(name)).map(|f| f.number);
    let mut given = fields.iter();
    given.any(|f| kind.and_then(|k| k.find(&f.name)).map(|f| f.number) == wanted)
}

/// An event that comes back does so by the clock of where it was written down, winter and summer.
pub fn in_its_zone(mut fields: Vec<FieldInput>) -> Vec<FieldInput> {
    let has = |name: &str| given(kinds::EVENT, &fields, name);
    if (has("repeats") || has("rule")) && !has("zone") {
        let zone = jiff::tz::TimeZone::system();
        let name = zone.iana_name().filter(|n| repeat::zone(Some(n)).is_ok());
        fields.extend(name.map(|n| field("zone", n)));
    }
    fields
}

/// A note without a time is of now, and by whoever sits at this device.
pub fn note_of(engine: &Engine, mut fields: Vec<FieldInput>) -> Vec<FieldInput> {
    if !given(kinds::NOTE, &fields, "time") {
        fields.push(field("time", time_text(claimed())));
    }
    if !given(kinds::NOTE, &fields, "by") {
        let label = engine.own_grant().map(|g| g.label.as_str());
        let who = engine.operator().or(label);
        fields.extend(who.map(|w| field("by", w)));
    }
    fields
}

/// Refuses a repetition that readers could not follow, and an end before the beginning.
pub fn check(engine: &Engine, id: ObjectId, changes: &[Change]) -> Result<(), ApiError> {
    let kind = kind_named("event")?;
    let object = engine.state().object(id).unwrap_or_default();
    let after = |name: &str| {
        let number = kind.number_of(name);
        let set = changes.iter().rev().find_map(|change| match change {
            Change::Set { field, value, .. } if *field == number => Some(Typed::read(value)),
            _ => None,
        });
        set.or_else(|| object.value(number, 0))
    };
    let moment = |name: &str| match after(name) {
        Some(Typed::Time(t)) => Some(t),
        _ => None,
    };
    let text = |name: &str| match after(name) {
        Some(Typed::Text(t)) => Some(t),
        _ => None,
    };
    let (from, to) = (moment("from"), moment("to"));
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(ApiError::new("to-before-from", exit::REFUSED));
    }
    let zone = text("zone");
    let refused = |e: repeat::RuleError| {
        ApiError::new("rule-refused", exit::REFUSED)
            .with("field", "rule")
            .with("why", e)
    };
    repeat::zone(zone.as_deref()).map_err(refused)?;
    match text("rule").filter(|r| !r.trim().is_empty()) {
        Some(rule) => repeat::check(from, &rule, zone.as_deref()).map_err(refused),
        None => Ok(()),
    }
}

/// `agenda`.
pub fn agenda(engine: &Engine, who: Option<&str>, from: Option<&str>, to: Option<&str>) -> Answer {
    let now = claimed();
    let whose = match who {
        None => Whose::All,
        Some(given) => {
            let id = named(engine, given, &[kinds::VOLUNTEER, kinds::TEAM, kinds::SITE])?;
            match engine.state().object(id).and_then(|o| o.kind()) {
                Some(kinds::TEAM) => Whose::Team(id),
                Some(kinds::SITE) => Whose::Site(id),
                _ => Whose::Person(id),
            }
        }
    };
    let from = from.map_or(Ok(now), |t| time(engine, "from", t))?;
    let to = to.map_or(Ok(Millis(from.0.saturating_add(AHEAD))), |t| {
        time(engine, "to", t)
    })?;
    if from >= to {
        return Err(ApiError::new("to-before-from", exit::REFUSED));
    }
    let window = Span {
        from: Some(from),
        to: Some(to),
    };
    let lines = agenda::agenda(engine.state(), whose, window);
    let items: Vec<_> = lines
        .iter()
        .map(|l| line_json(engine, l, &lines, now))
        .collect();
    let whose = match whose {
        Whose::All => Json::Null,
        Whose::Person(id) | Whose::Team(id) | Whose::Site(id) => brief(engine, id),
    };
    Ok(json!({
        "who": whose,
        "from": time_text(from),
        "to": time_text(to),
        "items": items,
    }))
}

fn line_json(engine: &Engine, line: &Line, all: &[Line], now: Millis) -> Json {
    let people = |ids: &std::collections::BTreeSet<ObjectId>| -> Vec<Json> {
        ids.iter().map(|id| brief(engine, *id)).collect()
    };
    let overlaps: Vec<_> = line
        .overlaps
        .iter()
        .filter_map(|at| all.get(*at))
        .map(|other| brief(engine, other.about))
        .collect();
    let begun = line.span.from.is_some_and(|from| from <= now);
    json!({
        "id": line.id.hex(),
        "short": short(engine, line.id),
        "kind": table::kind_name(line.kind),
        "code": line.code,
        "about": brief(engine, line.about),
        "from": line.span.from.map(time_text),
        "to": line.span.to.map(time_text),
        "site": line.site.map(|s| brief(engine, s)),
        "people": people(&line.people),
        "expected": line.expected,
        "came": begun.then_some(line.came.len()),
        "missing": people(&line.missing(now)),
        "overlaps": overlaps,
    })
}
