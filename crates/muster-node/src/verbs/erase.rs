//! Erasing one object: what would go and whom it cannot reach, the erasure, and who has said that it
//! is gone.

use std::collections::BTreeSet;

use muster_log::{
    codec::Text,
    ids::{DeviceId, ObjectId},
};
use muster_model::{
    item,
    numbers::Number,
    table::{self, Kind},
    value::time_text,
};
use serde_json::{Value as Json, json};

use super::{Answer, claimed, kind_named, log::label, own_role, resolve, short};
use crate::{
    api::{ApiError, exit},
    edge::random,
    engine::{Engine, Erasure, Found},
};

/// `erase`: of every device that hears of it, now and later. Asked again, it names what has become
/// known since, and tells how far it has come.
pub fn erase(
    engine: &mut Engine,
    kind: &str,
    given: &str,
    why: Option<String>,
    dry_run: bool,
) -> Answer {
    let kind = kind_named(kind)?;
    let own = own_role(engine)?;
    if !engine.own_grant().is_some_and(|g| g.may_erase()) {
        return Err(ApiError::new("may-not-erase", exit::NOT_PERMITTED).with("own", own.code()));
    }
    let id = resolve(engine, given, &[kind.number])?;
    let why = Text::try_from(why.unwrap_or_default().trim().to_owned())
        .map_err(|e| ApiError::new("label-too-long", exit::USAGE).with("limit", e.limit))?;
    let found = engine.parts_of(&BTreeSet::from([id]))?.remove(&id);
    let found = found.unwrap_or_default();
    let already = engine.book().erased().is_erased(&id);
    let mut out = told(engine, kind, id, &found);
    out["dry_run"] = json!(dry_run);
    out["already"] = json!(already);
    if !dry_run && (!already || !found.parts.is_empty()) {
        let number = engine.state().object(id).and_then(|o| o.text("number"));
        let erasure = Erasure {
            object: id,
            kind: kind.number,
            number: Text::try_from(number.unwrap_or_default()).unwrap_or_default(),
            why,
        };
        engine.erase(&erasure, &found.parts, claimed(), &mut random)?;
        // Destroyed before it is said.
        engine.tend_erasures(claimed(), &mut random)?;
    }
    if !dry_run {
        out["erasure"] = status(engine, id);
    }
    Ok(out)
}

/// What there is of an object, and who else may have it.
fn told(engine: &Engine, kind: &'static Kind, id: ObjectId, found: &Found) -> Json {
    let object = engine.state().object(id).unwrap_or_default();
    let present = object.fields_present();
    let fields = kind.fields.iter().filter(|f| present.contains(&f.number));
    let entries: usize = found.parts.values().map(|places| places.len()).sum();
    let devices: BTreeSet<DeviceId> = found.parts.keys().map(|log| log.device).collect();
    let others = members(engine).into_iter();
    let others = others.filter(|d| *d != engine.device());
    json!({
        "id": id.hex(),
        "short": short(engine, id),
        "kind": kind.name,
        "title": item::title(&object),
        "fields": fields.map(|f| f.name).collect::<Vec<_>>(),
        "entries": entries,
        "parts": found.classes.values().sum::<u64>(),
        "written_by": names(engine, devices),
        "shared": found.shared,
        "unreadable": engine.unreadable(),
        "mentioned_by": engine.state().index().referrers(id).count(),
        "to_hear": names(engine, others),
    })
}

/// The devices that are to say that it is gone.
fn members(engine: &Engine) -> BTreeSet<DeviceId> {
    engine.book().authority().live().map(|g| g.device).collect()
}

fn names(engine: &Engine, devices: impl IntoIterator<Item = DeviceId>) -> Vec<String> {
    let named = devices
        .into_iter()
        .map(|d| label(engine, &d).unwrap_or_else(|| d.hex()));
    named.collect()
}

/// How far an erasure has come: who made it, and which devices have said that it is gone. None
/// where the object is not erased.
pub fn status(engine: &Engine, id: ObjectId) -> Json {
    let erased = engine.book().erased();
    let Some((place, act)) = engine.erasure_of(&id) else {
        return Json::Null;
    };
    let (gone, missing): (Vec<_>, Vec<_>) = members(engine)
        .into_iter()
        .partition(|device| erased.is_gone(device, erased.acts(&id)));
    json!({
        "by": label(engine, &place.log.device),
        "why": &*act.why,
        "acts": erased.acts(&id).count(),
        "devices": gone.len() + missing.len(),
        "gone": names(engine, gone),
        "missing": names(engine, missing),
    })
}

/// The erased objects of a kind, each with how far it has come.
pub fn erased_of(engine: &Engine, kind: &Kind) -> Vec<Json> {
    let objects = engine.book().erased().objects();
    objects
        .filter(|(id, _)| {
            engine
                .erasure_of(id)
                .is_some_and(|(_, act)| act.kind == kind.number)
        })
        .map(|(id, _)| {
            let mut out = status(engine, *id);
            out["id"] = json!(id.hex());
            out["short"] = json!(short(engine, *id));
            out
        })
        .collect()
}

/// How many objects are erased, and how many of them not on every device yet.
pub fn counts(engine: &Engine) -> (usize, usize) {
    let erased = engine.book().erased();
    if erased.is_empty() {
        return (0, 0);
    }
    let members = members(engine);
    let pending = erased.objects().filter(|(_, acts)| {
        members
            .iter()
            .any(|device| !erased.is_gone(device, acts.iter()))
    });
    (erased.objects().count(), pending.count())
}

/// The kind and the number that an erased object had.
pub fn remembered(engine: &Engine, id: ObjectId) -> Option<(String, Option<String>)> {
    if !engine.book().erased().is_erased(&id) {
        return None;
    }
    let (_, act) = engine.erasure_of(&id)?;
    let number = Some(act.number.to_string()).filter(|n| !n.is_empty());
    Some((table::kind_name(act.kind), number))
}

/// The erased object that had a number.
pub fn numbered(engine: &Engine, given: &str, kinds: &[u16]) -> Option<ObjectId> {
    let wanted = Number::parse(given.trim())?;
    let erased = engine.book().erased().objects();
    erased.map(|(id, _)| *id).find(|id| {
        engine.erasure_of(id).is_some_and(|(_, act)| {
            let of_kind = kinds.is_empty() || kinds.contains(&act.kind);
            of_kind && Number::parse(&act.number).as_ref() == Some(&wanted)
        })
    })
}

/// The highest number of a device code in a kind that an erased object had: none is given twice.
pub fn last_number(engine: &Engine, kind: u16, code: &str) -> u64 {
    let erased = engine.book().erased().objects();
    let numbers = erased.filter_map(|(id, _)| {
        let (_, act) = engine.erasure_of(id)?;
        let number = Number::parse(&act.number)?;
        (act.kind == kind && number.code.eq_ignore_ascii_case(code)).then_some(number.counter)
    });
    numbers.max().unwrap_or(0)
}

/// Puts into an object's JSON what is known of its erasure.
pub fn annotate(engine: &Engine, id: ObjectId, out: &mut Json) {
    let Some((kind, number)) = remembered(engine, id) else {
        return;
    };
    out["kind"] = json!(kind);
    if number.is_some() {
        out["number"] = json!(number);
    }
    out["erasure"] = status(engine, id);
    if let Some((place, _)) = engine.erasure_of(&id)
        && let Some(at) = claimed_at(engine, place)
    {
        out["erasure"]["at"] = json!(at);
    }
}

fn claimed_at(engine: &Engine, place: &muster_log::authority::ActPlace) -> Option<String> {
    let log = place.log.id(&engine.incident());
    let run = engine.run_from(&log, place.seq).ok()??;
    let entry = run.entries().first()?;
    Some(time_text(entry.header().claimed))
}
