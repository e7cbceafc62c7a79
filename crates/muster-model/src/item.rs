//! An object as every door shows it: one JSON form for the socket, the terminal, the boards.
//!
//! Codes, never translated text; labels come from the table. What this device cannot read is not
//! there, except that a sensitive need without a readable title says so by a code.

use std::collections::BTreeSet;

use muster_log::{
    ids::{Class, DeviceId, Lamport, Millis, ObjectId},
    operation::Reference,
};
use serde_json::{Map, Value as Json, json};

use crate::{
    state::{Alive, Object, State, register::rank},
    table::{self, Field, Kind, Merge},
    value::{Decimal, Typed, time_text},
};

/// Stands in the title of a sensitive need that this device cannot read.
pub const SENSITIVE: &str = "sensitive-need-ask-coordinator";

/// Stands in the name of a volunteer that this device cannot read.
pub const WITHHELD: &str = "name-withheld";

/// An object as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: ObjectId,
    /// Its number, where the kind has one.
    pub number: Option<String>,
    /// Code of its kind.
    pub kind: String,
    /// Values by field name.
    pub fields: Map<String, Json>,
    /// Names of contested fields.
    pub contested: Vec<String>,
    /// Erased: nothing else is known.
    pub erased: bool,
    /// The object it is an alias of, all aliases followed.
    pub same_as: Option<ObjectId>,
    /// All objects joined with it, itself left out.
    pub joined: Vec<ObjectId>,
    /// Claimed time of its first readable write.
    pub created: Option<Millis>,
    /// Latest claimed time among the writes shown.
    pub changed: Option<Millis>,
}

/// Who wrote a value, when and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Field.
    pub field: String,
    /// Element, 0 for a plain field.
    pub element: u64,
    /// The value.
    pub value: Json,
    /// Class it stands in.
    pub class: Class,
    /// The operation.
    pub entry: Reference,
    /// Logical time.
    pub lamport: Lamport,
    /// Claimed time.
    pub claimed: Millis,
    /// The device, where its log is known.
    pub device: Option<DeviceId>,
    /// Whether it is the one shown.
    pub provisional: bool,
}

/// A reference as text: log prefix, place, operation, check.
pub fn reference_text(r: &Reference) -> String {
    format!("{}:{}:{}:{}", r.log, r.seq, r.op, r.check)
}

/// The object as shown; none when nothing is known of it.
pub fn item(state: &State, id: ObjectId) -> Option<Item> {
    let object = state
        .object(id)
        .filter(|o| o.erased || o.kind().is_some())?;
    let canonical = state.canonical(id);
    let mut joined = state.joined(id);
    joined.remove(&id);
    let kind = object.kind();
    let fields = fields(&object);
    let contested: BTreeSet<String> = object
        .contested()
        .iter()
        .map(|(field, _)| table::field_name(kind.unwrap_or(0), *field))
        .collect();
    Some(Item {
        id,
        number: object.text("number"),
        kind: kind.map_or_else(|| "unknown".to_owned(), table::kind_name),
        fields,
        contested: contested.into_iter().collect(),
        erased: object.erased,
        same_as: (canonical != id).then_some(canonical),
        joined: joined.into_iter().collect(),
        created: object.birth().map(|b| b.claimed),
        changed: object.changed(),
    })
}

impl Item {
    /// The JSON form.
    pub fn json(&self) -> Json {
        let mut out = json!({
            "id": self.id.hex(),
            "number": self.number,
            "kind": self.kind,
            "fields": self.fields,
            "contested": self.contested,
        });
        if let Json::Object(map) = &mut out {
            if self.erased {
                map.insert("erased".into(), json!(true));
            }
            if let Some(id) = self.same_as {
                map.insert("same_as".into(), json!(id.hex()));
            }
            if !self.joined.is_empty() {
                let ids: Vec<String> = self.joined.iter().map(ObjectId::hex).collect();
                map.insert("joined".into(), json!(ids));
            }
            for (name, time) in [("created", self.created), ("changed", self.changed)] {
                if let Some(time) = time {
                    map.insert(name.into(), json!(time_text(time)));
                }
            }
        }
        out
    }
}

/// The values of an object by field name.
pub fn fields(object: &Object) -> Map<String, Json> {
    let mut out = Map::new();
    if let Some(kind) = object.table() {
        for field in kind.plain() {
            if let Some(value) = field_json(object, kind, field) {
                out.insert(field.name.to_owned(), value);
            }
        }
        if kind.number == table::kinds::NEED
            && !out.contains_key("title")
            && object.is_true("sensitive")
        {
            out.insert("title".into(), json!({"hidden": SENSITIVE}));
        }
    }
    let known = object.table();
    for number in object.fields_present() {
        if known.and_then(|k| k.field(number)).is_none()
            && let Some(value) = unknown_json(object, number)
        {
            out.insert(format!("field_{number}"), value);
        }
    }
    out
}

/// The JSON of one field that is no member of a group; none when it holds nothing.
pub fn field_json(object: &Object, kind: &'static Kind, field: &Field) -> Option<Json> {
    match field.merge {
        Merge::Register => object.value(field.number, 0).map(|v| v.json()),
        Merge::Sum => object.sum(field.number, 0).map(sum_json),
        Merge::Set => {
            let set = object.set(field.number);
            (!set.is_empty()).then(|| set.iter().map(Typed::json).collect())
        }
        Merge::Group => {
            let elements = object.elements(field.number);
            (!elements.is_empty()).then(|| {
                elements
                    .iter()
                    .map(|e| element_json(object, kind, field.number, *e))
                    .collect()
            })
        }
    }
}

fn element_json(object: &Object, kind: &'static Kind, group: u16, element: u64) -> Json {
    let mut out = Map::new();
    out.insert("element".into(), json!(format!("{element:016x}")));
    for member in kind.members(group) {
        let value = match member.merge {
            Merge::Sum => object.sum(member.number, element).map(sum_json),
            _ => object.value(member.number, element).map(|v| v.json()),
        };
        if let Some(value) = value {
            let name = member.member_name();
            out.insert(name.to_owned(), value);
        }
    }
    Json::Object(out)
}

fn unknown_json(object: &Object, number: u16) -> Option<Json> {
    if let Some(value) = object.value(number, 0) {
        return Some(value.json());
    }
    let all: Vec<Json> = object
        .registers_of(number)
        .filter(|(key, _)| key.element != 0)
        .flat_map(|(key, r)| r.alive.values().map(|w| (key.element, w)))
        .map(|(element, w)| {
            json!({"element": format!("{element:016x}"), "value": Typed::read(&w.value).json()})
        })
        .collect();
    (!all.is_empty()).then_some(Json::Array(all))
}

/// A sum in units of 1e-9 as a JSON number.
pub fn sum_json(nano: i128) -> Json {
    const NANO: i128 = 1_000_000_000;
    let whole = i64::try_from(nano / NANO).ok();
    match (nano % NANO, whole) {
        (0, Some(whole)) => json!(whole),
        _ => i64::try_from(nano)
            .ok()
            .and_then(|units| Decimal::new(units, 9).ok())
            .map_or_else(
                || json!((nano / NANO).to_string()),
                |d| Typed::Decimal(d).json(),
            ),
    }
}

/// Who wrote what is alive in an object, field by field.
pub fn sources(state: &State, id: ObjectId) -> Vec<Source> {
    let Some(object) = state.object(id) else {
        return Vec::new();
    };
    let kind = object.kind().unwrap_or(0);
    let mut out = Vec::new();
    for number in object.fields_present() {
        let elements: BTreeSet<u64> = object
            .registers_of(number)
            .filter(|(_, r)| !r.alive.is_empty())
            .map(|(key, _)| key.element)
            .collect();
        for element in elements {
            let shown = object.provisional(number, element).map(|a| a.reference);
            let mut alive = object.alive(number, element);
            alive.sort_by_key(|a| std::cmp::Reverse(rank(&a.reference, a.write)));
            out.extend(alive.iter().map(|a| Source {
                provisional: shown == Some(a.reference),
                ..source(state, table::field_name(kind, number), element, a)
            }));
        }
    }
    out
}

/// Who wrote one alive value.
pub fn source(state: &State, field: String, element: u64, alive: &Alive<'_>) -> Source {
    Source {
        field,
        element,
        value: Typed::read(&alive.write.value).json(),
        class: alive.class,
        entry: alive.reference,
        lamport: alive.write.lamport,
        claimed: alive.write.claimed,
        device: state.author(alive.reference.log).map(|(_, device)| device),
        provisional: false,
    }
}

impl Source {
    /// The JSON form, as `conflicts` and `history` show it.
    pub fn json(&self) -> Json {
        let mut out = json!({
            "field": self.field,
            "value": self.value,
            "class": self.class.0,
            "device": self.device.map(|d| d.hex()),
            "claimed": time_text(self.claimed),
            "entry": reference_text(&self.entry),
            "provisional": self.provisional,
        });
        if let (Json::Object(map), true) = (&mut out, self.element != 0) {
            map.insert("element".into(), json!(format!("{:016x}", self.element)));
        }
        out
    }
}

/// The words that name an object in lists, for people and for search; empty when unreadable.
pub fn title(object: &Object) -> String {
    let shown = object
        .table()
        .and_then(|k| object.get(k.title))
        .map(|v| v.plain())
        .unwrap_or_default();
    shown.chars().take(120).collect()
}
