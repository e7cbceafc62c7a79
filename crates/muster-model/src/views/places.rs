//! Who does what where: activities, sites, tasks and open needs by area and sector, what nobody does,
//! and the sites that can be drawn.
//!
//! Needs marked as sensitive are counted nowhere, and no confidential place is on the map, whoever
//! looks: a table or a drawing is passed on.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::ids::ObjectId;

use crate::{
    booking,
    state::{Object, State},
    table::kinds,
    text,
    value::Typed,
};

/// What there is of one sector in one area.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// The area as most often spelt; none where nobody said.
    pub area: Option<String>,
    /// The sector's code; none where nobody said.
    pub sector: Option<String>,
    /// Organisations at work or planning to be.
    pub organisations: BTreeSet<ObjectId>,
    /// Their activities that are not done.
    pub activities: BTreeSet<ObjectId>,
    /// Tasks that are not over.
    pub tasks: BTreeSet<ObjectId>,
    /// People who hold a place in these.
    pub people: BTreeSet<ObjectId>,
    /// Sites that serve it.
    pub sites: BTreeSet<ObjectId>,
    /// Needs that are not met.
    pub needs: BTreeSet<ObjectId>,
}

impl Cell {
    /// Whether something is needed and nobody has an activity or a task for it.
    pub fn is_gap(&self) -> bool {
        !self.needs.is_empty() && self.activities.is_empty() && self.tasks.is_empty()
    }
}

/// A site on the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The site.
    pub site: ObjectId,
    /// Its name.
    pub name: String,
    /// Code of its kind.
    pub kind: Option<String>,
    /// Latitude and longitude in 1e-7 degrees.
    pub at: (i32, i32),
    /// Tasks there that are not over.
    pub tasks: usize,
    /// People who hold a place in these.
    pub people: usize,
}

/// Where cells are being filled.
#[derive(Default)]
struct Cells {
    by_key: BTreeMap<(String, Option<String>), Cell>,
    spellings: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Cells {
    fn at(&mut self, area: Option<String>, sector: Option<String>) -> &mut Cell {
        let key = area.as_deref().map(text::fold).unwrap_or_default();
        if let Some(area) = area.filter(|_| !key.is_empty()) {
            let spelt = self.spellings.entry(key.clone()).or_default();
            *spelt.entry(area.trim().to_owned()).or_default() += 1;
        }
        self.by_key.entry((key, sector)).or_default()
    }

    fn finish(self) -> Vec<Cell> {
        let Self { by_key, spellings } = self;
        let spelt = |key: &str| {
            let all = spellings.get(key)?.iter();
            // The most frequent spelling, of several the first by letters.
            all.max_by_key(|(s, n)| (**n, std::cmp::Reverse(s.as_str())))
                .map(|(s, _)| s.clone())
        };
        by_key
            .into_iter()
            .map(|((key, sector), cell)| Cell {
                area: spelt(&key),
                sector,
                ..cell
            })
            .collect()
    }
}

fn sectors(object: &Object, name: &str) -> Vec<Option<String>> {
    let mut out: Vec<Option<String>> = object
        .set_named(name)
        .into_iter()
        .filter_map(|v| match v {
            Typed::Code(code) => Some(Some(code)),
            _ => None,
        })
        .collect();
    if out.is_empty() {
        out.push(object.code("sector"));
    }
    out
}

fn live(state: &State, kind: u16) -> impl Iterator<Item = (ObjectId, Object)> + '_ {
    state
        .of_kind(kind)
        .filter(|id| !state.index().is_alias(*id))
        .filter_map(|id| Some((id, state.object(id).filter(|o| !o.erased)?)))
}

fn is_open_task(task: &Object) -> bool {
    !matches!(
        task.code("status").as_deref(),
        Some("draft" | "completed" | "cancelled")
    )
}

fn people_on(state: &State, task: ObjectId) -> BTreeSet<ObjectId> {
    booking::of_task(state, task)
        .iter()
        .filter(|a| a.is_active())
        .flat_map(|a| a.people(state))
        .collect()
}

/// The table, by area and sector.
pub fn cells(state: &State) -> Vec<Cell> {
    let mut cells = Cells::default();
    for (id, activity) in live(state, kinds::ACTIVITY) {
        if activity.code("status").as_deref() == Some("done") {
            continue;
        }
        let cell = cells.at(activity.text("area"), activity.code("sector"));
        cell.activities.insert(id);
        let by = activity.reference("organisation");
        cell.organisations.extend(by.map(|o| state.canonical(o)));
    }
    for (id, site) in live(state, kinds::SITE) {
        if site.is_true("closed") {
            continue;
        }
        for sector in sectors(&site, "sectors") {
            let cell = cells.at(site.text("area"), sector);
            cell.sites.insert(id);
            let by = site.reference("organisation");
            cell.organisations.extend(by.map(|o| state.canonical(o)));
        }
    }
    for (id, task) in live(state, kinds::TASK) {
        if !is_open_task(&task) {
            continue;
        }
        let site = task.reference("site").map(|s| state.canonical(s));
        let of_site = || site.and_then(|s| state.object(s)?.text("area"));
        let cell = cells.at(task.text("area").or_else(of_site), task.code("sector"));
        cell.tasks.insert(id);
        cell.people.extend(people_on(state, id));
    }
    for (id, need) in live(state, kinds::NEED) {
        let over = matches!(need.code("status").as_deref(), Some("met" | "closed"));
        if over || need.is_true("sensitive") {
            continue;
        }
        let site = need.reference("site").map(|s| state.canonical(s));
        let of_site = || site.and_then(|s| state.object(s)?.text("area"));
        let cell = cells.at(need.text("area").or_else(of_site), need.code("sector"));
        cell.needs.insert(id);
    }
    cells.finish()
}

/// The sites that can be drawn, by name.
pub fn pins(state: &State) -> Vec<Pin> {
    let mut tasks: BTreeMap<ObjectId, (usize, BTreeSet<ObjectId>)> = BTreeMap::new();
    for (id, task) in live(state, kinds::TASK).filter(|(_, t)| is_open_task(t)) {
        if let Some(site) = task.reference("site") {
            let (count, people) = tasks.entry(state.canonical(site)).or_default();
            *count += 1;
            people.extend(people_on(state, id));
        }
    }
    let mut out: Vec<Pin> = live(state, kinds::SITE)
        .filter(|(_, site)| !site.is_true("closed") && !site.is_true("confidential"))
        .filter_map(|(id, site)| {
            let Some(Typed::Place(place)) = site.get("place") else {
                return None;
            };
            let (count, people) = tasks.remove(&id).unwrap_or_default();
            Some(Pin {
                site: id,
                name: site.text("name").unwrap_or_default(),
                kind: site.code("kind"),
                at: place.point?,
                tasks: count,
                people: people.len(),
            })
        })
        .collect();
    out.sort_by_cached_key(|p| (text::fold(&p.name), p.site));
    out
}
