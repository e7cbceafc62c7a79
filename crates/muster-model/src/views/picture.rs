//! The operational picture: places wanted against filled by sector, area and hour, needs by status and
//! age, hours worked. Counts alone; nobody is named.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::ids::{Millis, ObjectId};

use super::{attendance, needs};
use crate::{staffing, state::State, table::kinds, text};

const HOUR: i64 = 3_600_000;
/// Hours ahead that the picture shows.
pub const HOURS: i64 = 24;
/// Ages of needs: the code, and the hours up to which it counts.
pub const AGES: [(&str, i64); 5] = [
    ("12h", 12),
    ("1d", 24),
    ("2d", 48),
    ("7d", 168),
    ("older", i64::MAX),
];

/// Wanted and filled places of a sector or an area.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Share {
    /// Places wanted by open tasks.
    pub wanted: usize,
    /// Places with somebody, offered or more.
    pub filled: usize,
    /// Of these, with somebody who accepted or is there or done.
    pub sure: usize,
    /// Open tasks.
    pub tasks: usize,
    /// Open needs.
    pub needs: usize,
}

/// One hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hour {
    /// Its beginning.
    pub from: Millis,
    /// Places wanted by tasks that run in it.
    pub wanted: usize,
    /// Of these, with somebody.
    pub filled: usize,
}

/// The picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Picture {
    /// By sector code; empty where none is given.
    pub sectors: BTreeMap<String, Share>,
    /// By area as written most often, folded together.
    pub areas: BTreeMap<String, Share>,
    /// The hours ahead.
    pub hours: Vec<Hour>,
    /// Open tasks that name no time, and are in no hour.
    pub untimed: usize,
    /// Needs by status and age.
    pub needs: BTreeMap<String, BTreeMap<&'static str, usize>>,
    /// Minutes worked, by all people together.
    pub minutes: u64,
    /// The same by the kind of the person's organisation; empty where there is none.
    pub minutes_by: BTreeMap<String, u64>,
    /// People who worked.
    pub people: usize,
    /// People there now.
    pub present: u64,
}

struct Timed {
    from: i64,
    to: i64,
    wanted: usize,
    filled: usize,
}

/// Draws it.
pub fn picture(state: &State, now: Millis) -> Picture {
    let mut out = Picture::default();
    let mut areas = Areas::default();
    let timed = tasks(state, now, &mut out, &mut areas);
    for id in state.of_kind(kinds::NEED) {
        if let Some(need) = state.object(id).filter(|_| !state.index().is_alias(id)) {
            let status = need.code("status").unwrap_or_default();
            let born = need.birth().map_or(now, |b| b.claimed);
            let age = AGES
                .iter()
                .find(|(_, hours)| now.0.saturating_sub(born.0) < hours.saturating_mul(HOUR));
            let code = age.map_or("older", |a| a.0);
            *out.needs
                .entry(status)
                .or_default()
                .entry(code)
                .or_default() += 1;
            if needs::is_open(&need) {
                let sector = need.code("sector").unwrap_or_default();
                out.sectors.entry(sector).or_default().needs += 1;
                areas.of(need.text("area")).needs += 1;
            }
        }
    }
    out.areas = areas.named();
    let first = now.0.div_euclid(HOUR) * HOUR;
    out.hours = (0..HOURS)
        .map(|n| {
            let from = first + n * HOUR;
            let running = timed.iter().filter(|t| t.from < from + HOUR && from < t.to);
            let mut hour = Hour {
                from: Millis(from),
                wanted: 0,
                filled: 0,
            };
            for t in running {
                hour.wanted += t.wanted;
                hour.filled += t.filled;
            }
            hour
        })
        .collect();
    worked(state, now, &mut out);
    out
}

fn tasks(state: &State, now: Millis, out: &mut Picture, areas: &mut Areas) -> Vec<Timed> {
    let mut timed = Vec::new();
    for staffing in staffing::all(state, now) {
        let Some(task) = state.object(staffing.task) else {
            continue;
        };
        let total = &staffing.total;
        let wanted = total.wanted.unwrap_or(0);
        let held = total.active() + total.done;
        let add = |share: &mut Share| {
            share.wanted += wanted;
            share.filled += held;
            share.sure += total.acknowledged + total.on_site + total.done;
            share.tasks += 1;
        };
        add(out
            .sectors
            .entry(task.code("sector").unwrap_or_default())
            .or_default());
        add(areas.of(task.text("area")));
        match (task.time("from"), task.time("to")) {
            (None, None) => out.untimed += 1,
            (from, to) => timed.push(Timed {
                from: from.map_or(i64::MIN, |t| t.0),
                to: to.map_or(i64::MAX, |t| t.0),
                wanted,
                filled: held,
            }),
        }
    }
    timed
}

fn worked(state: &State, now: Millis, out: &mut Picture) {
    let mut people: BTreeSet<ObjectId> = BTreeSet::new();
    let mut kind_of: BTreeMap<ObjectId, String> = BTreeMap::new();
    for visit in attendance::all(state) {
        let minutes = u64::try_from(visit.length(now) / 60_000).unwrap_or(0) * visit.party;
        out.minutes += minutes;
        if visit.covers(now) {
            out.present += visit.party;
        }
        let kind = match visit.person {
            None => String::new(),
            Some(person) => {
                people.insert(person);
                let known = kind_of.entry(person).or_insert_with(|| {
                    let organisation = state
                        .object(person)
                        .and_then(|p| p.reference("organisation"));
                    let organisation = organisation.and_then(|o| state.object(state.canonical(o)));
                    organisation
                        .and_then(|o| o.code("kind"))
                        .unwrap_or_default()
                });
                known.clone()
            }
        };
        *out.minutes_by.entry(kind).or_default() += minutes;
    }
    out.people = people.len();
}

/// Areas are words that people type: spellings that fold alike are one, under the name written most
/// often, of equals the first in the alphabet.
#[derive(Default)]
struct Areas {
    shares: BTreeMap<String, Share>,
    names: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Areas {
    fn of(&mut self, area: Option<String>) -> &mut Share {
        let area = area.unwrap_or_default();
        let folded = text::fold(&area);
        let names = self.names.entry(folded.clone()).or_default();
        *names.entry(area).or_default() += 1;
        self.shares.entry(folded).or_default()
    }

    fn named(self) -> BTreeMap<String, Share> {
        let mut names = self.names;
        let shares = self.shares.into_iter();
        shares
            .map(|(folded, share)| {
                let all = names.remove(&folded).unwrap_or_default();
                let best = all.into_iter().min_by_key(|(_, n)| std::cmp::Reverse(*n));
                (best.map_or(folded, |(name, _)| name), share)
            })
            .collect()
    }
}

/// What a task lacks: nobody at all, too few, too many, nothing.
pub fn shortage(count: &staffing::Count) -> &'static str {
    match count.missing() {
        _ if count.active() + count.done == 0 => "nobody",
        Some(n) if n > 0 => "under",
        Some(n) if n < 0 => "over",
        Some(_) => "full",
        None => "open",
    }
}
