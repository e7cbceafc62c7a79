//! Who is expected where and when: assignments and events of a person, a team, a site, or of all;
//! what overlaps, and who came.

use std::collections::BTreeSet;

use muster_log::ids::{Millis, ObjectId};

use super::repeat;
use crate::{
    booking::{self, Span, members},
    state::{Object, State},
    table::kinds,
    value::Typed,
};

/// Most lines of one answer.
const MAX_LINES: usize = 2_000;

/// Whose agenda.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's.
    All,
    /// A volunteer's.
    Person(ObjectId),
    /// A team's.
    Team(ObjectId),
    /// What happens at a site.
    Site(ObjectId),
}

/// One thing at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The assignment or event.
    pub id: ObjectId,
    /// What it is for people: the task of an assignment, else itself.
    pub about: ObjectId,
    /// Its kind.
    pub kind: u16,
    /// Code of the event's kind, or of the assignment's status.
    pub code: Option<String>,
    /// When.
    pub span: Span,
    /// Where.
    pub site: Option<ObjectId>,
    /// Who is expected, by name.
    pub people: BTreeSet<ObjectId>,
    /// How many are expected.
    pub expected: Option<usize>,
    /// Who of the people expected checked in meanwhile.
    pub came: BTreeSet<ObjectId>,
    /// Places in the list of lines that want one of the same people at the same time.
    pub overlaps: Vec<usize>,
}

impl Line {
    /// People who are expected and of whom no check-in is known, once it has begun.
    pub fn missing(&self, now: Millis) -> BTreeSet<ObjectId> {
        match self.span.from {
            Some(from) if from <= now => self.people.difference(&self.came).copied().collect(),
            _ => BTreeSet::new(),
        }
    }
}

/// Periods frame the day and occupy nobody.
fn is_period(line: &Line) -> bool {
    line.kind == kinds::EVENT && line.code.as_deref() == Some("operational-period")
}

fn people_of(state: &State, event: &Object) -> BTreeSet<ObjectId> {
    let named = event.set_named("people").into_iter();
    let mut out: BTreeSet<ObjectId> = named
        .filter_map(|v| match v {
            Typed::Reference(id) => Some(state.canonical(id)),
            _ => None,
        })
        .collect();
    out.extend(
        event
            .reference("team")
            .into_iter()
            .flat_map(|t| members(state, t)),
    );
    out
}

/// Those of `people` who have a check-in that shares a moment with the span, at the site if one is
/// named.
fn came(
    state: &State,
    people: &BTreeSet<ObjectId>,
    span: Span,
    site: Option<ObjectId>,
) -> BTreeSet<ObjectId> {
    let here = |person: &ObjectId| {
        let joined = state.joined(*person).into_iter();
        let mentions: BTreeSet<ObjectId> = joined
            .flat_map(|p| state.index().referrers(p).collect::<Vec<_>>())
            .collect();
        mentions.into_iter().any(|id| {
            let checkin = state
                .object(id)
                .filter(|o| o.kind() == Some(kinds::CHECK_IN) && !o.erased);
            checkin.is_some_and(|c| {
                let stay = Span {
                    from: c.time("in"),
                    to: c.time("out"),
                };
                let at = c.reference("site").map(|s| state.canonical(s));
                let same = site.is_none() || at.is_none() || at == site;
                stay.from.is_some() && same && stay.overlaps(&span)
            })
        })
    };
    people.iter().copied().filter(here).collect()
}

fn assignments(state: &State, whose: Whose, window: Span) -> Vec<Line> {
    let all: Vec<booking::Assignment> = match whose {
        Whose::Person(person) => booking::of_volunteer(state, person),
        _ => state
            .of_kind(kinds::ASSIGNMENT)
            .filter_map(|id| booking::assignment(state, id))
            .collect(),
    };
    let mut out = Vec::new();
    for a in all {
        let done = a.status.as_deref() == Some("done");
        if !(a.is_active() || done) || !a.span.overlaps(&window) {
            continue;
        }
        let task = a.task.and_then(|t| state.object(t)).unwrap_or_default();
        let site = task.reference("site").map(|s| state.canonical(s));
        let wanted = match whose {
            Whose::All | Whose::Person(_) => true,
            Whose::Team(team) => a.team == Some(state.canonical(team)),
            Whose::Site(at) => site == Some(state.canonical(at)),
        };
        if wanted {
            let people = a.people(state);
            out.push(Line {
                id: a.id,
                about: a.task.unwrap_or(a.id),
                kind: kinds::ASSIGNMENT,
                code: a.status.clone(),
                span: a.span,
                site,
                came: came(state, &people, a.span, site),
                expected: Some(people.len()),
                people,
                overlaps: Vec::new(),
            });
        }
    }
    out
}

fn events(state: &State, whose: Whose, window: Span) -> Vec<Line> {
    let mut out = Vec::new();
    for id in state.of_kind(kinds::EVENT) {
        let Some(event) = state.object(id).filter(|o| !o.erased) else {
            continue;
        };
        if state.index().is_alias(id) || out.len() >= MAX_LINES {
            continue;
        }
        let people = people_of(state, &event);
        let site = event.reference("site").map(|s| state.canonical(s));
        let team = event.reference("team").map(|t| state.canonical(t));
        let for_all = people.is_empty() && team.is_none();
        let wanted = match whose {
            Whose::All => true,
            Whose::Person(person) => people.contains(&state.canonical(person)) || for_all,
            Whose::Team(of) => team == Some(state.canonical(of)) || for_all,
            Whose::Site(at) => site == Some(state.canonical(at)) || (site.is_none() && for_all),
        };
        if !wanted {
            continue;
        }
        let told = match event.get("expected") {
            Some(Typed::Integer(n)) => usize::try_from(n).ok(),
            _ => None,
        };
        for span in repeat::times(&event, window) {
            out.push(Line {
                id,
                about: id,
                kind: kinds::EVENT,
                code: event.code("kind"),
                span,
                site,
                came: came(state, &people, span, site),
                expected: told.or((!people.is_empty()).then_some(people.len())),
                people: people.clone(),
                overlaps: Vec::new(),
            });
        }
    }
    out
}

/// The lines of a window, in the order of their beginnings.
pub fn agenda(state: &State, whose: Whose, window: Span) -> Vec<Line> {
    let mut lines = assignments(state, whose, window);
    lines.extend(events(state, whose, window));
    lines.sort_by_key(|l| (l.span.from, l.span.to, l.kind, l.id));
    lines.truncate(MAX_LINES);
    let alone = match whose {
        Whose::Person(person) => Some(state.canonical(person)),
        _ => None,
    };
    let clashes: Vec<Vec<usize>> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| {
            let others = lines.iter().enumerate();
            let others = others.filter(|(i, other)| *i != at && clash(line, other, alone));
            others.map(|(i, _)| i).collect()
        })
        .collect();
    for (line, overlaps) in lines.iter_mut().zip(clashes) {
        line.overlaps = overlaps;
    }
    lines
}

/// Whether two lines want one of the same people at the same time. Of one person's agenda only that
/// person counts; what is for everybody asks for nobody by name.
fn clash(a: &Line, b: &Line, alone: Option<ObjectId>) -> bool {
    if is_period(a) || is_period(b) || !a.span.overlaps(&b.span) {
        return false;
    }
    match alone {
        Some(person) => a.people.contains(&person) && b.people.contains(&person),
        None => !a.people.is_disjoint(&b.people),
    }
}

/// The operational periods that a moment lies in.
pub fn periods(state: &State, now: Millis) -> Vec<(ObjectId, Span)> {
    let window = Span {
        from: Some(now),
        to: Some(Millis(now.0.saturating_add(1))),
    };
    let mut out: Vec<(ObjectId, Span)> = events(state, Whose::All, window)
        .into_iter()
        .filter(is_period)
        .map(|l| (l.id, l.span))
        .collect();
    out.sort_by_key(|(id, span)| (span.from, span.to, *id));
    out
}
