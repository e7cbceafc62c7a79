//! The day's questions: the model's views with names, and with what this device remembers of contacts.

use std::collections::BTreeSet;

use muster_log::ids::{DeviceId, Millis, ObjectId};
use muster_model::{
    staffing,
    table::kinds,
    value::time_text,
    views::{brief, needs, overdue, picture, rollcall},
};
use serde_json::{Map, Value as Json, json};

use super::{Answer, brief as one_line, claimed, decide, log::label, resolve, trust, work};
use crate::{api::ApiError, daemon::Node, engine::Engine};

const HOUR: i64 = 3_600_000;
/// A device of which nothing came for so long is named.
pub const SILENT_MS: i64 = 6 * HOUR;
/// What a brief looks back on, where nobody says since when and nobody checked out.
const BRIEF_MS: i64 = 12 * HOUR;

fn time(at: Option<Millis>) -> Json {
    json!(at.map(time_text))
}

fn named(engine: &Engine, id: Option<ObjectId>) -> Json {
    id.map_or(Json::Null, |id| one_line(engine, id))
}

/// `staffing`.
pub fn staffing(engine: &Engine) -> Json {
    let state = engine.state();
    let mut items = Vec::new();
    let mut counts: Map<String, Json> = Map::new();
    for task in staffing::all(state, claimed()) {
        let lack = picture::shortage(&task.total);
        let before = counts.get(lack).and_then(Json::as_u64).unwrap_or(0);
        counts.insert(lack.into(), json!(before + 1));
        let mut item = task.json();
        if let Some(map) = item.as_object_mut() {
            map.insert("task".into(), one_line(engine, task.task));
            map.insert("id".into(), json!(task.task.hex()));
            map.insert("state".into(), json!(lack));
            let object = state.object(task.task).unwrap_or_default();
            map.insert("from".into(), time(object.time("from")));
            map.insert("to".into(), time(object.time("to")));
        }
        items.push(item);
    }
    let without: Vec<_> = needs::without_task(state)
        .into_iter()
        .map(|id| one_line(engine, id))
        .collect();
    json!({ "items": items, "counts": counts, "needs_without_task": without })
}

/// `overdue`.
pub fn overdue(engine: &Engine) -> Json {
    let now = claimed();
    let all = overdue::overdue(engine.state(), &work::rules(engine), now);
    let items: Vec<_> = all.iter().map(|o| overdue_json(engine, o, now)).collect();
    json!({ "items": items })
}

fn overdue_json(engine: &Engine, o: &overdue::Overdue, now: Millis) -> Json {
    json!({
        "what": o.late.code(),
        "about": one_line(engine, o.about),
        "site": named(engine, o.site),
        "due": time(o.due),
        "minutes": o.due.map(|due| now.0.saturating_sub(due.0) / 60_000),
        "by": o.by.hex(),
    })
}

/// `rollcall`.
pub fn rollcall(engine: &Engine, given: &str) -> Answer {
    let site = resolve(engine, given, &[kinds::SITE])?;
    let now = claimed();
    let call = rollcall::rollcall(engine.state(), site, now);
    let live = engine.book().authority().live();
    let owners: BTreeSet<ObjectId> = live
        .filter_map(|g| g.person)
        .map(|p| engine.state().canonical(p))
        .collect();
    let items: Vec<_> = call
        .present
        .iter()
        .map(|p| {
            json!({
                "person": named(engine, p.person),
                "since": time(p.since),
                "last_seen": time(p.last_seen),
                "party_size": p.party,
                "checked_in": p.checked_in,
                "has_device": p.person.is_some_and(|p| owners.contains(&p)),
                "by": p.by.hex(),
            })
        })
        .collect();
    let expected: Vec<_> = call
        .expected
        .iter()
        .map(|(person, by)| json!({ "person": one_line(engine, *person), "by": by.hex() }))
        .collect();
    Ok(json!({
        "site": one_line(engine, site), "at": time_text(now),
        "total": call.total, "items": items, "expected": expected,
    }))
}

/// `picture`.
pub fn picture(engine: &Engine) -> Json {
    let now = claimed();
    let p = picture::picture(engine.state(), now);
    let shares = |of: &std::collections::BTreeMap<String, picture::Share>, name: &str| {
        let lines = of.iter().map(|(code, s)| {
            let mut line = Map::new();
            line.insert(name.into(), json!(Some(code).filter(|c| !c.is_empty())));
            line.extend(
                [
                    ("wanted", s.wanted),
                    ("filled", s.filled),
                    ("sure", s.sure),
                    ("tasks", s.tasks),
                    ("needs", s.needs),
                ]
                .map(|(k, n)| (k.to_owned(), json!(n))),
            );
            Json::Object(line)
        });
        Json::Array(lines.collect())
    };
    let hours: Vec<_> = p
        .hours
        .iter()
        .map(|h| json!({ "from": time_text(h.from), "wanted": h.wanted, "filled": h.filled }))
        .collect();
    let mut ages = Vec::new();
    for (status, by_age) in &p.needs {
        for (code, _) in picture::AGES {
            if let Some(count) = by_age.get(code) {
                ages.push(json!({ "status": status, "age": code, "count": count }));
            }
        }
    }
    json!({
        "at": time_text(now),
        "sectors": shares(&p.sectors, "sector"),
        "areas": shares(&p.areas, "area"),
        "hours": hours,
        "tasks_without_time": p.untimed,
        "needs": ages,
        "worked": {
            "minutes": p.minutes, "people": p.people, "present": p.present,
            "minutes_by_organisation": p.minutes_by,
        },
    })
}

/// What is known here of one device, and how old it is.
struct Source {
    device: DeviceId,
    heard: Option<crate::heard::Heard>,
    wrote: Option<Millis>,
}

impl Source {
    /// Since when nothing came: what is remembered, else what it last claims to have written.
    fn since(&self) -> Option<Millis> {
        self.heard.map(|h| h.at).or(self.wrote)
    }

    fn is_silent(&self, now: Millis) -> bool {
        self.since()
            .is_none_or(|at| now.0.saturating_sub(at.0) > SILENT_MS)
    }
}

/// All members but this device, the longest silent first.
fn known(node: &Node) -> Vec<Source> {
    let engine = &node.engine;
    let live = engine.book().authority().live();
    let devices: BTreeSet<DeviceId> = live
        .map(|g| g.device)
        .filter(|d| *d != engine.device())
        .collect();
    let mut out: Vec<Source> = devices
        .into_iter()
        .map(|device| Source {
            device,
            heard: node.heard.of(&device),
            wrote: trust::last_claimed(engine, &device),
        })
        .collect();
    out.sort_by_key(|s| (s.since(), s.device));
    out
}

fn source_json(engine: &Engine, s: &Source, now: Millis) -> Json {
    let grant = engine.book().authority().best_grant(&s.device);
    let via = s.heard.and_then(|h| h.via);
    let via_label = via.and_then(|v| label(engine, &v));
    json!({
        "device": s.device.hex(),
        "label": label(engine, &s.device),
        "role": grant.map(|g| g.role.code()),
        "for": named(engine, grant.and_then(|g| g.scope.or(g.person))),
        "heard": time(s.heard.map(|h| h.at)),
        "wrote": time(s.wrote),
        "minutes": s.since().map(|at| now.0.saturating_sub(at.0).max(0) / 60_000),
        "via": via.map(|v| json!({ "device": v.hex(), "label": via_label, "self": v == s.device })),
        "by_file": s.heard.is_some_and(|h| h.via.is_none()),
        "silent": s.is_silent(now),
    })
}

/// `sources`.
pub fn sources(node: &Node) -> Json {
    let now = claimed();
    let items: Vec<_> = known(node)
        .iter()
        .map(|s| source_json(&node.engine, s, now))
        .collect();
    json!({ "at": time_text(now), "silent_after_minutes": SILENT_MS / 60_000, "items": items })
}

/// `brief`.
pub fn brief_since(node: &Node, since: Option<&str>) -> Answer {
    let engine = &node.engine;
    let now = claimed();
    let person = engine.own_grant().and_then(|g| g.person);
    let left = person.and_then(|p| brief::last_check_out(engine.state(), p));
    let since = match since {
        Some(given) => moment(engine, given, now)?,
        None => left.unwrap_or(Millis(now.0.saturating_sub(BRIEF_MS))),
    };
    let news = brief::news(engine.state(), since);
    let urgent: Vec<_> = news.urgent.iter().map(|id| one_line(engine, *id)).collect();
    let late = overdue::overdue(engine.state(), &work::rules(engine), now);
    let late: Vec<_> = late.iter().map(|o| overdue_json(engine, o, now)).collect();
    let silent: Vec<_> = known(node)
        .iter()
        .filter(|s| s.is_silent(now))
        .map(|s| source_json(engine, s, now))
        .collect();
    Ok(json!({
        "since": time_text(since), "at": time_text(now),
        "urgent": urgent, "still_urgent": news.still_urgent,
        "new": { "needs": news.needs, "tasks": news.tasks, "volunteers": news.volunteers },
        "closed_needs": news.closed,
        "conflicts": decide::conflicts(engine)?["items"],
        "overdue": late, "silent": silent,
    }))
}

/// A moment, or how long ago: `8h`, `30m`, `2d`.
pub fn moment(engine: &Engine, given: &str, now: Millis) -> Result<Millis, ApiError> {
    match ago(given) {
        Some(ms) => Ok(Millis(now.0.saturating_sub(ms))),
        None => work::time(engine, "from", given),
    }
}

/// Milliseconds of a span such as `8h`, `30m` or `2d`.
pub fn ago(given: &str) -> Option<i64> {
    let given = given.trim();
    let (number, unit) = given.split_at_checked(given.len().checked_sub(1)?)?;
    let number: i64 = number.trim().parse().ok().filter(|n| *n >= 0)?;
    let unit = match unit {
        "m" => 60_000,
        "h" => HOUR,
        "d" | "j" => 24 * HOUR,
        _ => return None,
    };
    number.checked_mul(unit)
}
