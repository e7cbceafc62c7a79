//! Who fits an open place, and which place fits somebody: hard conditions first, then reasons for and
//! against, ranked. It proposes and assigns nobody. No reason says anything of a person's health, age,
//! clearance or needs: what excludes by these is counted as "not suitable" and says no more.

mod plan;
mod read;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use muster_log::ids::{Millis, ObjectId};

use self::read::Home;
pub use self::{
    plan::{Edges, assign, plan},
    read::{Person, Place, people, person, places, places_of},
};
use crate::booking::Span;

const DAY: i64 = 24 * 3_600_000;
const MINUTE: i64 = 60_000;

/// Why somebody may not be proposed for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Excluded {
    /// The skill is missing, too low, or no longer valid.
    Skill,
    /// Booked at that time.
    Booked,
    /// Said not to be available then.
    Unavailable,
    /// Works from home only, and this cannot be done there.
    Place,
    /// Something that is nobody's business here.
    NotSuitable,
}

impl Excluded {
    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Skill => "skill",
            Self::Booked => "booked",
            Self::Unavailable => "unavailable",
            Self::Place => "place",
            Self::NotSuitable => "not-suitable",
        }
    }
}

/// Reasons for, with what each is worth.
const FOR: [(&str, u32); 7] = [
    ("from-home-only", 400),
    ("from-home", 200),
    ("area", 80),
    ("language", 60),
    ("available", 50),
    ("skill-confirmed", 30),
    ("level-above", 20),
];
/// Reasons against.
const AGAINST: [(&str, u32); 4] = [
    ("tired", 200),
    ("language-missing", 60),
    ("on-site-only", 50),
    ("availability-unsaid", 10),
];
const BASE: u32 = 400;

/// Somebody for a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// Who.
    pub person: ObjectId,
    /// For what.
    pub task: ObjectId,
    /// Its slot.
    pub slot: Option<u64>,
    /// The more the better; only to be compared.
    pub score: u32,
    pros: u8,
    cons: u8,
}

impl Fit {
    /// Codes of what speaks for it.
    pub fn reasons_for(&self) -> Vec<&'static str> {
        named(&FOR, self.pros)
    }

    /// Codes of what speaks against it.
    pub fn reasons_against(&self) -> Vec<&'static str> {
        named(&AGAINST, self.cons)
    }
}

fn named(table: &[(&'static str, u32)], bits: u8) -> Vec<&'static str> {
    let set = table
        .iter()
        .enumerate()
        .filter(|(n, _)| bits & (1 << n) != 0);
    set.map(|(_, (code, _))| *code).collect()
}

fn worth(table: &[(&'static str, u32)], bits: u8) -> u32 {
    let set = table
        .iter()
        .enumerate()
        .filter(|(n, _)| bits & (1 << n) != 0);
    set.map(|(_, (_, worth))| *worth).sum()
}

/// Whether a person fits a place, and how well. `offset` says how many minutes local time is ahead of
/// UTC: people give their hours in local time.
pub fn fit(person: &Person, place: &Place, offset: i32, now: Millis) -> Result<Fit, Excluded> {
    let mut pros = [false; FOR.len()];
    let mut cons = [false; AGAINST.len()];
    if let Some(wanted) = &place.skill {
        let day = |at: Millis| i32::try_from(at.0.div_euclid(DAY)).unwrap_or(i32::MAX);
        let until = day(place.span.to.or(place.span.from).unwrap_or(now));
        let own = person.skills.iter().filter(|s| s.code == *wanted);
        let valid = own.filter(|s| s.expires.is_none_or(|last| last >= until));
        let best = valid
            .filter(|s| s.level >= place.level)
            .max_by_key(|s| (s.level, s.confirmed))
            .ok_or(Excluded::Skill)?;
        pros[5] = best.confirmed;
        pros[6] = place.level > 0 && best.level > place.level;
    }
    let home = place.from_home && person.home != Home::Never;
    if person.home == Home::Only && !place.from_home {
        return Err(Excluded::Place);
    }
    let suits = home && matches!(person.home, Home::Only | Home::Also)
        || person.accommodations.is_subset(&place.features);
    let allowed = (place.minors || !person.minor) && (!place.vetted || person.cleared);
    if person.barred || !suits || !allowed {
        return Err(Excluded::NotSuitable);
    }
    if person.busy.iter().any(|b| b.overlaps(&place.span)) {
        return Err(Excluded::Booked);
    }
    match available(person, place.span, offset) {
        Some(false) => return Err(Excluded::Unavailable),
        Some(true) => pros[4] = true,
        None => cons[3] = true,
    }
    pros[0] = home && person.home == Home::Only;
    pros[1] = home && person.home == Home::Also;
    pros[2] = place.area.is_some() && place.area == person.area;
    if !place.languages.is_empty() {
        pros[3] = !place.languages.is_disjoint(&person.languages);
        cons[1] = !pros[3];
    }
    cons[2] = place.from_home && person.home == Home::Never;
    cons[0] = person.tired(place.span, now);
    let bits = |set: &[bool]| {
        let set = set.iter().enumerate().filter(|(_, on)| **on);
        set.fold(0_u8, |bits, (n, _)| bits | 1 << n)
    };
    let (pros, cons) = (bits(&pros), bits(&cons));
    let score = (BASE + worth(&FOR, pros)).saturating_sub(worth(&AGAINST, cons));
    Ok(Fit {
        person: person.id,
        task: place.task,
        slot: place.slot,
        score,
        pros,
        cons,
    })
}

/// Whether somebody said to be available for all of a stretch; none where they said nothing, or no
/// stretch is given.
fn available(person: &Person, span: Span, offset: i32) -> Option<bool> {
    let (from, to) = (span.from?, span.to?);
    if person.hours.is_empty() && person.windows.is_empty() {
        return None;
    }
    let window = person
        .windows
        .iter()
        .any(|w| w.from.is_none_or(|f| f <= from) && w.to.is_none_or(|t| to <= t));
    let local = |at: Millis| at.0.saturating_add(i64::from(offset) * MINUTE);
    let day = local(from).div_euclid(DAY);
    let begin = (local(from) - day * DAY) / MINUTE;
    let end = (local(to) - day * DAY + MINUTE - 1) / MINUTE;
    // 1970-01-01 was a Thursday; bit 0 is Monday.
    let bit = (day + 3).rem_euclid(7);
    let weekly = person
        .hours
        .iter()
        .any(|h| h.days >> bit & 1 == 1 && i64::from(h.from) <= begin && end <= i64::from(h.to));
    Some(window || weekly)
}

/// People for places, the best first, and how many are excluded, by why.
pub fn rank(
    people: &[Person],
    places: &[Place],
    offset: i32,
    now: Millis,
) -> (Vec<Fit>, BTreeMap<&'static str, usize>) {
    let (mut fits, mut excluded) = (Vec::new(), BTreeMap::new());
    for place in places {
        for person in people {
            match fit(person, place, offset, now) {
                Ok(fit) => fits.push((place.priority, fit)),
                Err(why) => *excluded.entry(why.code()).or_default() += 1,
            }
        }
    }
    // For one person the pressing places first, for one place the people who fit best.
    let one = people.len() == 1;
    fits.sort_by_key(|(priority, f)| {
        let rank = if one { *priority } else { 0 };
        (rank, std::cmp::Reverse(f.score), f.person, f.task, f.slot)
    });
    (fits.into_iter().map(|(_, f)| f).collect(), excluded)
}
