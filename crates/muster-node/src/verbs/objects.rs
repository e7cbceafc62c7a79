//! Objects: made, changed, listed, shown, found, imported.

use std::collections::BTreeSet;

use muster_log::{
    act::Audience,
    entry::urgency,
    ids::{Class, ObjectId},
};
use muster_model::{
    booking, item, numbers,
    parse::Change,
    query,
    table::{self, FieldType, Kind, kinds},
    value::Typed,
    views::{information, near},
};
use serde_json::{Value as Json, json};

use super::{
    Answer, brief, changes, claimed, erase, fresh_object, kind_named, parse_error, reading,
    resolve, short, urgency_of, work, write, write_error,
};
use crate::{
    api::{ApiError, FieldInput, ImportRow, exit},
    edge::random,
    engine::Engine,
};

/// Objects listed when nothing is said.
const LIMIT: usize = 1000;

/// What a new object says of itself where the person said nothing.
fn defaults(kind: &Kind) -> &'static [(&'static str, &'static str)] {
    match kind.number {
        kinds::NEED => &[("status", "reported"), ("priority", "normal")],
        kinds::TASK => &[("status", "open"), ("priority", "normal")],
        kinds::VOLUNTEER => &[("status", "registered")],
        kinds::ASSIGNMENT => &[("status", "offered")],
        _ => &[],
    }
}

fn with_defaults(kind: &'static Kind, fields: &[FieldInput]) -> Vec<FieldInput> {
    let mut out = fields.to_vec();
    for (name, value) in defaults(kind) {
        // Names come as people write them: labels, either case.
        let wanted = kind.number_of(name);
        if !fields
            .iter()
            .any(|f| kind.find(&f.name).is_some_and(|f| f.number == wanted))
        {
            out.push(FieldInput {
                name: (*name).into(),
                value: (*value).into(),
            });
        }
    }
    out
}

/// Gives a new object the next number of this device, where its kind has numbers.
fn number(engine: &Engine, kind: &'static Kind) -> Result<Option<(String, Change)>, ApiError> {
    let code = engine
        .own_grant()
        .map(|g| g.code.clone())
        .unwrap_or_default();
    let Some(mut number) = numbers::next_number(engine.state(), kind.number, &code) else {
        return Ok(None);
    };
    let erased = erase::last_number(engine, kind.number, &code);
    number.counter = number.counter.max(erased.saturating_add(1));
    let value = Typed::Text(number.to_string())
        .write()
        .map_err(|e| ApiError::new("write-refused", exit::REFUSED).with("why", e))?;
    let change = Change::Set {
        field: kind.number_of("number"),
        element: 0,
        value,
    };
    Ok(Some((number.to_string(), change)))
}

/// `add`.
pub fn add(engine: &mut Engine, kind: &str, fields: &[FieldInput], id: Option<&str>) -> Answer {
    let kind = kind_named(kind)?;
    let id = match id {
        None => fresh_object(),
        Some(hex) => ObjectId::from_hex(hex).ok_or_else(|| {
            ApiError::new("not-found", exit::NOT_FOUND)
                .with("given", hex)
                .with("kind", kind.name)
        })?,
    };
    let fields = with_defaults(kind, fields);
    let fields = match kind.number {
        kinds::EVENT => super::agenda::in_its_zone(fields),
        kinds::NOTE => super::agenda::note_of(engine, fields),
        _ => fields,
    };
    match kind.number {
        kinds::ASSIGNMENT => {
            work::check_fields(engine, id, &changes(engine, kind, &fields)?)?;
        }
        kinds::EVENT => super::agenda::check(engine, id, &changes(engine, kind, &fields)?)?,
        _ => {}
    }
    let urgency = urgency_of(engine, kind, &fields);
    let mut answer = create(engine, kind, id, &fields, urgency)?;
    if let Some(map) = answer.as_object_mut() {
        let similar = super::duplicates::similar(engine, kind.number, id);
        map.insert("similar".into(), similar);
    }
    Ok(answer)
}

/// Makes an object of fields that are already complete.
pub fn create(
    engine: &mut Engine,
    kind: &'static Kind,
    id: ObjectId,
    fields: &[FieldInput],
    urgency: u8,
) -> Answer {
    let mut all = changes(engine, kind, fields)?;
    // Whoever gives a number means it; two would only confuse.
    let given = kind
        .named("number")
        .is_some_and(|f| all.iter().any(|c| change_field(c) == Some(f.number)));
    let number = if given { None } else { number(engine, kind)? };
    let (number, change) = number.map_or((None, None), |(n, c)| (Some(n), Some(c)));
    all.extend(change);
    write(engine, kind, id, &all, urgency, claimed())?;
    Ok(json!({
        "id": id.hex(),
        "number": number,
        "short": short(engine, id),
        "kind": kind.name,
    }))
}

/// `edit`.
pub fn edit(engine: &mut Engine, kind: &str, given: &str, fields: &[FieldInput]) -> Answer {
    let kind = kind_named(kind)?;
    let id = resolve(engine, given, &[kind.number])?;
    let changes = changes(engine, kind, fields)?;
    match kind.number {
        kinds::ASSIGNMENT => work::check_fields(engine, id, &changes)?,
        kinds::EVENT => super::agenda::check(engine, id, &changes)?,
        kinds::CHECK_IN => {
            work::own_only(
                engine,
                engine
                    .state()
                    .object(id)
                    .and_then(|o| o.reference("person")),
            )?;
        }
        _ => {}
    }
    let changed = write(
        engine,
        kind,
        id,
        &changes,
        urgency_of(engine, kind, fields),
        claimed(),
    )?;
    Ok(json!({
        "id": id.hex(),
        "short": short(engine, id),
        "kind": kind.name,
        "changed": changed > 0,
        "item": shown(engine, id),
    }))
}

/// An object as every door shows it, with its short form and the titles of what it refers to.
fn shown(engine: &Engine, id: ObjectId) -> Json {
    let Some(item) = item::item(engine.state(), id) else {
        return Json::Null;
    };
    let mut out = item.json();
    if let Json::Object(map) = &mut out {
        map.insert("short".into(), json!(short(engine, id)));
        withhold(engine, &item, map);
        map.insert("refers".into(), references(engine, &item));
        if let Some(assignment) = booking::assignment(engine.state(), id) {
            map.insert("state".into(), json!(assignment.state(claimed())));
        }
    }
    erase::annotate(engine, id, &mut out);
    out
}

/// Says of a volunteer without a name that the name is not for this device, where it does not read
/// names as a whole: nobody should take it for a person without one.
fn withhold(engine: &Engine, item: &item::Item, shown: &mut serde_json::Map<String, Json>) {
    let kind = table::kind(kinds::VOLUNTEER).map(|k| k.name);
    if kind != Some(&*item.kind) || item.fields.contains_key("name") {
        return;
    }
    let whole = engine.book().keys();
    if whole.latest(Class::C2, Audience::WholeClass).is_none()
        && let Some(fields) = shown.get_mut("fields").and_then(Json::as_object_mut)
    {
        fields.insert("name".into(), json!({ "hidden": item::WITHHELD }));
    }
}

/// Titles of the objects a list or page mentions, by id, so that a person reads names.
fn references(engine: &Engine, item: &item::Item) -> Json {
    let mut out = serde_json::Map::new();
    let Some(kind) = table::kind_named(&item.kind) else {
        return Json::Object(out);
    };
    let mut note = |value: &Json| {
        let id = value.as_str().and_then(ObjectId::from_hex);
        if let Some(id) = id {
            let mut about = brief(engine, id);
            if let Some(map) = about.as_object_mut() {
                map.remove("id");
            }
            out.insert(id.hex(), about);
        }
    };
    for field in kind
        .fields
        .iter()
        .filter(|f| matches!(f.ty, FieldType::Reference(_)))
    {
        match item.fields.get(field.name) {
            Some(Json::Array(many)) => many.iter().for_each(&mut note),
            Some(one) => note(one),
            None => {}
        }
    }
    Json::Object(out)
}

/// What of a list is wanted, beside its filters.
pub struct Only {
    /// Words that occur in it.
    pub text: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
    /// Those that follow this one.
    pub after: Option<String>,
    /// Not changed for so long.
    pub stale: Option<String>,
    /// Near this.
    pub near: Option<String>,
    /// So near, in kilometres.
    pub within: Option<f64>,
}

/// How near is near where nothing is said.
const NEAR_KM: f64 = 5.0;

/// Keeps what is stale, or near, in that order; none of both asked for leaves all.
fn stale_or_near(engine: &Engine, ids: &mut Vec<ObjectId>, only: &Only) -> Result<(), ApiError> {
    let state = engine.state();
    if let Some(stale) = &only.stale {
        let since = super::views::moment(engine, stale, claimed())?;
        let changed = |id: &ObjectId| state.object(*id).and_then(|o| o.changed());
        ids.retain(|id| changed(id).is_none_or(|at| at < since));
        ids.sort_by_cached_key(|id| (changed(id), *id));
    }
    let Some(given) = &only.near else {
        return Ok(());
    };
    let field = kind_named("site")?.named("place");
    let typed = field.and_then(|f| muster_model::parse::value(&reading(engine), f, given).ok());
    let point = match typed.map(|v| Typed::read(&v)) {
        Some(Typed::Place(place)) if place.point.is_some() => place.point,
        _ => near::point_of_id(state, resolve(engine, given, &[])?),
    };
    let here =
        point.ok_or_else(|| ApiError::new("no-place", exit::NOT_FOUND).with("given", given))?;
    let most = only.within.unwrap_or(NEAR_KM) * 1_000.0;
    let mut found: Vec<(u64, ObjectId)> = ids
        .iter()
        .filter_map(|id| {
            let metres = near::metres(here, near::point_of_id(state, *id)?);
            (metres <= most).then_some((metres.round() as u64, *id))
        })
        .collect();
    found.sort_unstable();
    *ids = found.into_iter().map(|(_, id)| id).collect();
    Ok(())
}

/// `list`.
pub fn list(engine: &Engine, kind: &str, filters: &[FieldInput], only: &Only) -> Answer {
    let (text, after) = (only.text.as_deref(), only.after.as_deref());
    let kind = kind_named(kind)?;
    let reading = reading(engine);
    let mut read = Vec::new();
    for input in filters {
        let given = match &input.value {
            Json::String(text) => text.clone(),
            Json::Null => String::new(),
            other => other.to_string(),
        };
        read.push(query::filter(&reading, kind, &input.name, &given).map_err(parse_error)?);
    }
    let after = match after {
        Some(given) => Some(resolve(engine, given, &[kind.number])?),
        None => None,
    };
    let limit = only.limit.unwrap_or(LIMIT);
    let state = engine.state();
    let mut ids = query::list(state, kind, &read, None, usize::MAX);
    if let Some(words) = text {
        let found: BTreeSet<_> = query::find(state, words, usize::MAX).into_iter().collect();
        ids.retain(|id| found.contains(id));
    }
    ids.sort_by_cached_key(|id| list_order(engine, *id));
    stale_or_near(engine, &mut ids, only)?;
    if let Some(after) = after {
        match ids.iter().position(|id| *id == after) {
            Some(at) => drop(ids.drain(..=at)),
            None => {
                return Err(ApiError::new("after-not-listed", exit::NOT_FOUND)
                    .with("given", short(engine, after)));
            }
        }
    }
    let more = ids.len() > limit;
    ids.truncate(limit);
    let next = more.then(|| ids.last().map(ObjectId::hex)).flatten();
    let items: Vec<_> = ids.into_iter().map(|id| shown(engine, id)).collect();
    let mut out = json!({ "items": items, "next": next });
    let erased = erase::erased_of(engine, kind);
    if !erased.is_empty() {
        out["erased"] = json!(erased);
    }
    Ok(out)
}

/// The most pressing first, then by number, then by name; ids only to settle ties.
fn list_order(engine: &Engine, id: ObjectId) -> (u8, String, u64, String, ObjectId) {
    let object = engine.state().object(id).unwrap_or_default();
    let pressing = match object.code("priority") {
        Some(code) => booking::priority_rank(Some(&code)),
        None => booking::priority_rank(None),
    };
    let number = object
        .text("number")
        .and_then(|n| numbers::Number::parse(&n));
    let (code, counter) = number.map(|n| (n.code, n.counter)).unwrap_or_default();
    (
        pressing,
        code,
        counter,
        muster_model::text::fold(&item::title(&object)),
        id,
    )
}

/// `show`.
pub fn show(engine: &Engine, kind: Option<&str>, given: &str) -> Answer {
    let kinds = match kind {
        Some(kind) => vec![kind_named(kind)?.number],
        None => Vec::new(),
    };
    let id = resolve(engine, given, &kinds)?;
    Ok(json!({ "item": shown(engine, id) }))
}

/// `info list --missing`: texts as one object each, with the languages in which they can be read.
pub fn information(engine: &Engine, missing: Option<&str>) -> Answer {
    let kind = kind_named("information")?;
    let tag = match missing {
        None => None,
        Some(given) => {
            let field = muster_model::parse::field_named(kind, "language").map_err(parse_error)?;
            let value =
                muster_model::parse::value(&reading(engine), field, given).map_err(parse_error)?;
            Some(Typed::read(&value).plain())
        }
    };
    let texts = information::texts(engine.state(), claimed());
    let wanted = texts
        .iter()
        .filter(|t| tag.as_deref().is_none_or(|tag| t.lacks(tag)));
    let items: Vec<_> = wanted
        .map(|t| {
            let mut out = shown(engine, t.id);
            if let Json::Object(map) = &mut out {
                map.insert("languages".into(), json!(t.languages));
                let translations = t.translations.iter().map(|id| brief(engine, *id));
                map.insert("translations".into(), translations.collect());
            }
            out
        })
        .collect();
    Ok(json!({ "items": items, "missing": tag, "texts": texts.len() }))
}

/// `find`.
pub fn find(engine: &Engine, text: &str, limit: Option<usize>) -> Json {
    let ids = query::find(engine.state(), text, limit.unwrap_or(50));
    let items: Vec<_> = ids.into_iter().map(|id| shown(engine, id)).collect();
    json!({ "items": items })
}

/// `import`: one outcome a row.
pub fn import(engine: &mut Engine, kind: &str, rows: Vec<ImportRow>, dry_run: bool) -> Answer {
    let default = kind_named(kind)?;
    let mut outcomes = Vec::new();
    for row in rows {
        let kind = match &row.kind {
            Some(name) => kind_named(name)?,
            None => default,
        };
        outcomes.push(match import_row(engine, kind, &row, dry_run) {
            Ok((outcome, id)) => json!({ "row": row.row, "outcome": outcome, "id": id.hex() }),
            Err(e) if e.exit == exit::FAILURE => return Err(e),
            Err(e) => json!({
                "row": row.row,
                "outcome": "refused",
                "field": e.args.get("field"),
                "code": e.code,
                "args": e.args,
            }),
        });
    }
    Ok(json!({ "rows": outcomes }))
}

/// The id of an imported row: the same on every device that imports the same source.
fn row_id(engine: &Engine, key: &str) -> ObjectId {
    let mut hasher = blake3::Hasher::new_derive_key("muster 2026 imported row v1");
    hasher.update(&engine.incident().0);
    hasher.update(key.as_bytes());
    let mut id = [0; 16];
    id.iter_mut()
        .zip(hasher.finalize().as_bytes())
        .for_each(|(to, from)| *to = *from);
    ObjectId(id)
}

fn import_row(
    engine: &mut Engine,
    kind: &'static Kind,
    row: &ImportRow,
    dry_run: bool,
) -> Result<(&'static str, ObjectId), ApiError> {
    let id = row_id(engine, &row.key);
    let known = engine.state().object(id).filter(|o| o.kind().is_some());
    let fields = if known.is_some() {
        row.fields.clone()
    } else {
        with_defaults(kind, &row.fields)
    };
    let mut all = changes(engine, kind, &fields)?;
    if let Some(object) = &known {
        // What people have changed since stays theirs: an import only fills what is empty.
        let present = object.fields_present();
        all.retain(|change| change_field(change).is_none_or(|f| !present.contains(&f)));
    }
    let role = super::own_role(engine)?;
    if let Some((field, least)) = muster_model::writes::refusals(kind, &all, role, false).first() {
        return Err(ApiError::new("field-not-permitted", exit::NOT_PERMITTED)
            .with("field", field)
            .with("why", format!("needs role {}", least.code())));
    }
    if known.is_none() && !dry_run {
        all.extend(number(engine, kind)?.map(|(_, change)| change));
    }
    let operations =
        muster_model::writes::build(engine.state(), kind, id, &all).map_err(write_error)?;
    let empty = operations.values().all(Vec::is_empty);
    if empty && known.is_some() {
        return Ok(("unchanged", id));
    }
    if !dry_run && !empty {
        engine.write(operations, urgency::BULK, claimed(), &mut random)?;
    }
    Ok(("imported", id))
}

fn change_field(change: &Change) -> Option<u16> {
    match change {
        Change::Set {
            field, element: 0, ..
        }
        | Change::Add { field, .. }
        | Change::Replace { field, .. } => Some(*field),
        Change::AddElement { group, .. } => Some(*group),
        _ => None,
    }
}
