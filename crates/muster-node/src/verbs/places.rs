//! Who does what where, as a table and as points for a map.

use std::collections::BTreeSet;

use muster_log::ids::ObjectId;
use muster_model::{
    text::fold,
    value::DEGREE,
    views::places::{self, Cell, Pin},
};
use serde_json::{Value as Json, json};

use super::{Answer, brief, kind_named, parse_error, reading, short};
use crate::engine::Engine;

fn cell_json(engine: &Engine, cell: &Cell) -> Json {
    let briefs = |ids: &BTreeSet<ObjectId>| -> Vec<Json> {
        ids.iter().map(|id| brief(engine, *id)).collect()
    };
    json!({
        "area": cell.area,
        "sector": cell.sector,
        "organisations": briefs(&cell.organisations),
        "activities": briefs(&cell.activities),
        "tasks": cell.tasks.len(),
        "people": cell.people.len(),
        "sites": briefs(&cell.sites),
        "needs": cell.needs.len(),
        "gap": cell.is_gap(),
    })
}

fn pin_json(engine: &Engine, pin: &Pin) -> Json {
    let degrees = |n: i32| f64::from(n) / DEGREE as f64;
    json!({
        "id": pin.site.hex(),
        "short": short(engine, pin.site),
        "name": pin.name,
        "kind": pin.kind,
        "lat": degrees(pin.at.0),
        "lon": degrees(pin.at.1),
        "tasks": pin.tasks,
        "people": pin.people,
    })
}

/// `where`.
pub fn places(engine: &Engine, sector: Option<&str>, area: Option<&str>) -> Answer {
    let kind = kind_named("activity")?;
    let sector = match sector {
        None => None,
        Some(given) => {
            let field = muster_model::parse::field_named(kind, "sector").map_err(parse_error)?;
            let value =
                muster_model::parse::value(&reading(engine), field, given).map_err(parse_error)?;
            Some(muster_model::value::Typed::read(&value).plain())
        }
    };
    let area = area.map(fold);
    let cells: Vec<Cell> = places::cells(engine.state())
        .into_iter()
        .filter(|c| sector.is_none() || c.sector == sector)
        .filter(|c| {
            let own = c.area.as_deref().map(fold).unwrap_or_default();
            area.as_deref().is_none_or(|wanted| own.contains(wanted))
        })
        .collect();
    let gaps = cells.iter().filter(|c| c.is_gap()).count();
    let items: Vec<_> = cells.iter().map(|c| cell_json(engine, c)).collect();
    let map: Vec<_> = places::pins(engine.state())
        .iter()
        .map(|p| pin_json(engine, p))
        .collect();
    Ok(json!({ "items": items, "gaps": gaps, "map": map }))
}
