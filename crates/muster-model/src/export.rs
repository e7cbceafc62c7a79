//! Objects as rows: the columns of each kind and the cells of each object, for CSV and warehouses.
//!
//! Which database or file they go to is not known here. Groups and sets are JSON in one cell; their
//! parts are in [`element_rows`].

use muster_log::ids::ObjectId;
use serde_json::{Value as Json, json};

use crate::{
    item::{self, sum_json},
    state::{Object, State},
    table::{Field, FieldType, Kind, Merge},
    value::{Typed, time_text},
};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Text, codes, ids, times in RFC 3339.
    Text,
    /// Whole numbers; booleans as 0 and 1.
    Integer,
    /// Decimals.
    Real,
    /// JSON text.
    Json,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub ty: ColumnType,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// Text or JSON.
    Text(String),
    /// Whole number.
    Integer(i64),
    /// Decimal.
    Real(f64),
}

/// Columns before the fields, the same for every kind.
pub const FIRST: [(&str, ColumnType); 7] = [
    ("id", ColumnType::Text),
    ("same_as", ColumnType::Text),
    ("erased", ColumnType::Integer),
    ("contested", ColumnType::Json),
    ("created", ColumnType::Text),
    ("changed", ColumnType::Text),
    ("other_fields", ColumnType::Json),
];

fn column(name: &str, ty: ColumnType) -> Column {
    Column {
        name: name.to_owned(),
        ty,
    }
}

fn column_type(field: &Field) -> ColumnType {
    match (field.merge, field.ty) {
        (Merge::Set | Merge::Group, _) => ColumnType::Json,
        (_, FieldType::Integer(..) | FieldType::Boolean) => ColumnType::Integer,
        (_, FieldType::Decimal) => ColumnType::Real,
        (_, FieldType::Window | FieldType::Hours) => ColumnType::Json,
        _ => ColumnType::Text,
    }
}

/// The columns of one field: places have three.
fn field_columns(field: &Field) -> Vec<Column> {
    match (field.merge, field.ty) {
        (Merge::Register, FieldType::Place) => vec![
            column(&format!("{}_lat", field.name), ColumnType::Real),
            column(&format!("{}_lon", field.name), ColumnType::Real),
            column(&format!("{}_text", field.name), ColumnType::Text),
        ],
        _ => vec![column(field.name, column_type(field))],
    }
}

/// The columns of a kind, in the order of [`row`].
pub fn columns(kind: &'static Kind) -> Vec<Column> {
    let mut out: Vec<Column> = FIRST.iter().map(|(name, ty)| column(name, *ty)).collect();
    out.extend(kind.plain().flat_map(field_columns));
    out
}

/// The row of an object; none when nothing is known of it.
pub fn row(state: &State, kind: &'static Kind, id: ObjectId) -> Option<Vec<Cell>> {
    let object = state.object(id)?;
    let shown = item::item(state, id)?;
    let others: serde_json::Map<String, Json> = shown
        .fields
        .iter()
        .filter(|(name, _)| kind.named(name).is_none())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let text = |t: Option<String>| t.map_or(Cell::Null, Cell::Text);
    let mut out = vec![
        Cell::Text(id.hex()),
        text(shown.same_as.map(|i| i.hex())),
        Cell::Integer(i64::from(shown.erased)),
        Cell::Text(json!(shown.contested).to_string()),
        text(shown.created.map(time_text)),
        text(shown.changed.map(time_text)),
        Cell::Text(Json::Object(others).to_string()),
    ];
    for field in kind.plain() {
        out.extend(cells(&object, kind, field));
    }
    Some(out)
}

fn cells(object: &Object, kind: &'static Kind, field: &Field) -> Vec<Cell> {
    match (field.merge, field.ty) {
        (Merge::Register, FieldType::Place) => {
            let Some(Typed::Place(place)) = object.value(field.number, 0) else {
                return vec![Cell::Null, Cell::Null, Cell::Null];
            };
            let degrees =
                |units: Option<i32>| units.map_or(Cell::Null, |u| Cell::Real(f64::from(u) / 1e7));
            let words = Some(place.text).filter(|t| !t.is_empty());
            vec![
                degrees(place.point.map(|p| p.0)),
                degrees(place.point.map(|p| p.1)),
                words.map_or(Cell::Null, Cell::Text),
            ]
        }
        (Merge::Set | Merge::Group, _) | (_, FieldType::Window | FieldType::Hours) => {
            let value = item::field_json(object, kind, field);
            vec![value.map_or(Cell::Null, |v| Cell::Text(v.to_string()))]
        }
        (Merge::Sum, _) => vec![
            object
                .sum(field.number, 0)
                .map_or(Cell::Null, |n| cell(&sum_json(n))),
        ],
        _ => vec![
            object
                .value(field.number, 0)
                .map_or(Cell::Null, |v| cell(&v.json())),
        ],
    }
}

fn cell(value: &Json) -> Cell {
    match value {
        Json::Null => Cell::Null,
        Json::Bool(b) => Cell::Integer(i64::from(*b)),
        Json::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(n), _) => Cell::Integer(n),
            (None, Some(n)) => Cell::Real(n),
            _ => Cell::Text(n.to_string()),
        },
        Json::String(s) => Cell::Text(s.clone()),
        other => Cell::Text(other.to_string()),
    }
}

/// The columns of the elements of a group: object, element, members.
pub fn element_columns(kind: &'static Kind, group: &Field) -> Vec<Column> {
    let mut out = vec![
        column("object", ColumnType::Text),
        column("element", ColumnType::Text),
    ];
    out.extend(
        kind.members(group.number)
            .map(|m| column(m.member_name(), column_type(m))),
    );
    out
}

/// The rows of the elements of a group of one object.
pub fn element_rows(
    state: &State,
    kind: &'static Kind,
    group: &Field,
    id: ObjectId,
) -> Vec<Vec<Cell>> {
    let Some(object) = state.object(id) else {
        return Vec::new();
    };
    object
        .elements(group.number)
        .into_iter()
        .map(|element| {
            let mut out = vec![Cell::Text(id.hex()), Cell::Text(format!("{element:016x}"))];
            out.extend(kind.members(group.number).map(|m| {
                let value = match m.merge {
                    Merge::Sum => object.sum(m.number, element).map(sum_json),
                    _ => object.value(m.number, element).map(|v| v.json()),
                };
                value.map_or(Cell::Null, |v| cell(&v))
            }));
            out
        })
        .collect()
}
