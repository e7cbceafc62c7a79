//! Open places and people, read once into a form that is quick to compare.

use std::collections::BTreeSet;

use muster_log::{
    genesis::RestRules,
    ids::{Millis, ObjectId},
};

use crate::{
    booking::{self, Span, is_minor, priority_rank},
    staffing,
    state::{Object, State},
    table::{LEVEL, kinds},
    text,
    value::{Hours, Typed},
    views::{attendance, fatigue},
};

/// A place of a task that nobody holds.
#[derive(Debug, Clone)]
pub struct Place {
    /// The task.
    pub task: ObjectId,
    /// Its slot.
    pub slot: Option<u64>,
    /// How many are missing.
    pub missing: usize,
    /// 0 urgent ... 3 low.
    pub priority: u8,
    pub(super) skill: Option<String>,
    pub(super) level: usize,
    pub(super) span: Span,
    pub(super) from_home: bool,
    pub(super) features: BTreeSet<String>,
    pub(super) area: Option<String>,
    pub(super) languages: BTreeSet<String>,
    pub(super) vetted: bool,
    pub(super) minors: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Skill {
    pub code: String,
    pub level: usize,
    pub confirmed: bool,
    pub expires: Option<i32>,
}

/// Whether somebody works from home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    Unsaid,
    Also,
    Only,
    Never,
}

/// Somebody who may be asked.
#[derive(Debug, Clone)]
pub struct Person {
    /// The volunteer.
    pub id: ObjectId,
    pub(super) skills: Vec<Skill>,
    pub(super) hours: Vec<Hours>,
    pub(super) windows: Vec<Span>,
    pub(super) home: Home,
    pub(super) accommodations: BTreeSet<String>,
    pub(super) area: Option<String>,
    pub(super) languages: BTreeSet<String>,
    pub(super) cleared: bool,
    pub(super) barred: bool,
    pub(super) minor: bool,
    pub(super) busy: Vec<Span>,
    pub(super) visits: Vec<attendance::Visit>,
    pub(super) rules: RestRules,
}

fn codes(object: &Object, name: &str) -> BTreeSet<String> {
    let set = object.set_named(name).into_iter();
    set.filter_map(|v| match v {
        Typed::Code(code) => Some(code),
        _ => None,
    })
    .collect()
}

fn level(code: Option<&str>) -> usize {
    let at = LEVEL.values.iter().position(|(c, _)| Some(*c) == code);
    at.map_or(0, |n| n + 1)
}

fn folded(object: &Object, name: &str) -> Option<String> {
    let area = object.text(name).map(|t| text::fold(&t));
    area.filter(|a| !a.is_empty())
}

/// The open places of tasks that are not over, the most pressing first.
pub fn places(state: &State, now: Millis) -> Vec<Place> {
    let tasks = staffing::all(state, now);
    let mut out: Vec<Place> = tasks
        .iter()
        .flat_map(|task| places_of(state, task, now))
        .collect();
    out.sort_by_key(|p| (p.priority, p.task, p.slot));
    out
}

/// The open places of one task.
pub fn places_of(state: &State, task: &staffing::TaskStaffing, now: Millis) -> Vec<Place> {
    let Some(object) = state.object(task.task) else {
        return Vec::new();
    };
    let span = Span {
        from: object.time("from"),
        to: object.time("to"),
    };
    if span.to.is_some_and(|to| to <= now) {
        return Vec::new();
    }
    let mut features = codes(&object, "access_features");
    let site = object
        .reference("site")
        .and_then(|s| state.object(state.canonical(s)));
    features.extend(site.iter().flat_map(|s| codes(s, "access_features")));
    let wanting = task.slots.iter().filter_map(|slot| {
        let missing = usize::try_from(slot.count.missing()?).ok()?;
        (missing > 0).then(|| Place {
            task: task.task,
            slot: slot.slot,
            missing,
            priority: priority_rank(object.code("priority").as_deref()),
            skill: slot.skill.clone(),
            level: level(slot.level.as_deref()),
            span,
            from_home: object.is_true("from_home"),
            features: features.clone(),
            area: folded(&object, "area"),
            languages: codes(&object, "languages"),
            vetted: object.is_true("needs_vetting"),
            minors: object.is_true("minors_allowed"),
        })
    });
    wanting.collect()
}

/// Everybody who may be asked: not stood down, not gone.
pub fn people(state: &State, rules: &RestRules, now: Millis) -> Vec<Person> {
    let ids = state.of_kind(kinds::VOLUNTEER);
    ids.filter(|id| !state.index().is_alias(*id))
        .filter_map(|id| person(state, id, rules, now))
        .collect()
}

/// One of them.
pub fn person(state: &State, id: ObjectId, rules: &RestRules, now: Millis) -> Option<Person> {
    let id = state.canonical(id);
    let object = state
        .object(id)
        .filter(|o| !o.erased && o.kind() == Some(kinds::VOLUNTEER))?;
    if matches!(
        object.code("status").as_deref(),
        Some("stood-down" | "left")
    ) {
        return None;
    }
    let mut busy: Vec<Span> = booking::of_volunteer(state, id)
        .into_iter()
        .filter(booking::Assignment::is_active)
        .map(|a| a.span)
        .collect();
    busy.dedup();
    let clearance = object.code("clearance");
    let windows = object.set_named("available").into_iter();
    let hours = object.set_named("availability").into_iter();
    Some(Person {
        id,
        skills: skills(&object),
        hours: hours
            .filter_map(|v| match v {
                Typed::Hours(hours) => Some(hours),
                _ => None,
            })
            .collect(),
        windows: windows
            .filter_map(|v| match v {
                Typed::Window { from, to } => Some(Span { from, to }),
                _ => None,
            })
            .collect(),
        home: match object.code("from_home").as_deref() {
            Some("only") => Home::Only,
            Some("also") => Home::Also,
            Some("no") => Home::Never,
            _ => Home::Unsaid,
        },
        accommodations: codes(&object, "accommodations"),
        area: folded(&object, "home_area"),
        languages: codes(&object, "languages"),
        cleared: clearance.as_deref() == Some("cleared"),
        barred: clearance.as_deref() == Some("not-to-be-assigned"),
        minor: is_minor(&object, now),
        busy,
        visits: attendance::of_person(state, id),
        rules: *rules,
    })
}

fn skills(object: &Object) -> Vec<Skill> {
    let Some(kind) = object.table() else {
        return Vec::new();
    };
    let get = |name: &str, e: u64| object.value(kind.number_of(name), e);
    let elements = object.elements(kind.number_of("skills")).into_iter();
    elements
        .filter_map(|e| {
            let Some(Typed::Code(code)) = get("skill_skill", e) else {
                return None;
            };
            let own = match get("skill_level", e) {
                Some(Typed::Code(code)) => level(Some(&code)),
                _ => 0,
            };
            Some(Skill {
                code,
                level: own,
                confirmed: get("skill_confirmed_by", e).is_some(),
                expires: match get("skill_expires", e) {
                    Some(Typed::Date(day)) => Some(day),
                    _ => None,
                },
            })
        })
        .collect()
}

impl Person {
    /// Whether work in a stretch of time would tire them by the limits of the incident.
    pub(super) fn tired(&self, span: Span, now: Millis) -> bool {
        !self.visits.is_empty()
            && !fatigue::of_visits(&self.visits, span, &self.rules, now).is_empty()
    }
}
