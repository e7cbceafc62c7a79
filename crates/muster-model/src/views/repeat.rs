//! When an event takes place: once, or by a rule of RFC 5545 in its own time zone.
//!
//! The rules are `rrule`'s. What is taken of them is what people say of shifts and meetings: days,
//! weeks, months, years, with counts, ends and days of the week or month. Hours and seconds, places in
//! sets and weeks of the year are refused: whoever sends them could keep every reader counting.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate};
use muster_log::ids::Millis;
use rrule::{RRule, RRuleSet, Tz, Unvalidated};
use thiserror::Error;

use crate::{booking::Span, state::Object, value::Typed};

/// Longest rule that is read, in bytes.
const MAX_RULE: usize = 200;
/// Most times that are counted through for one event.
const MAX_COUNTED: usize = 20_000;
/// Most times listed of one event.
pub const MAX_LISTED: usize = 400;
/// Years in which a repetition may begin.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2199;
/// What a rule may speak of.
const TAKEN: [&str; 8] = [
    "FREQ",
    "INTERVAL",
    "COUNT",
    "UNTIL",
    "WKST",
    "BYDAY",
    "BYMONTHDAY",
    "BYMONTH",
];
/// How often a rule may say that it comes back.
const FREQUENCIES: [&str; 4] = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"];

/// Why a rule is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuleError {
    /// Longer than any honest rule.
    #[error("longer than {MAX_RULE} bytes")]
    TooLong,
    /// A part that is not taken.
    #[error("{0} is not taken; take {all}", all = TAKEN.join(", "))]
    Part(String),
    /// Too often.
    #[error("FREQ must be one of {all}", all = FREQUENCIES.join(", "))]
    Frequency,
    /// Not a rule.
    #[error("{0}")]
    Wrong(String),
    /// Not the name of a time zone.
    #[error("no time zone is called {0}")]
    Zone(String),
    /// A repetition needs a beginning.
    #[error("a repetition needs a beginning between 1970 and 2199")]
    NoBeginning,
}

/// The zone of a name such as `America/Port-au-Prince`; UTC where nothing is said.
pub fn zone(name: Option<&str>) -> Result<Tz, RuleError> {
    match name.map(str::trim).filter(|n| !n.is_empty()) {
        None => Ok(Tz::UTC),
        Some(name) => name
            .parse::<chrono_tz::Tz>()
            .map(Tz::Tz)
            .map_err(|_| RuleError::Zone(name.to_owned())),
    }
}

/// A rule, parts checked.
fn rule(given: &str) -> Result<RRule<Unvalidated>, RuleError> {
    let given = given.trim();
    let body = given
        .strip_prefix("RRULE:")
        .unwrap_or(given)
        .to_ascii_uppercase();
    if body.len() > MAX_RULE {
        return Err(RuleError::TooLong);
    }
    let mut frequency = false;
    for part in body.split(';').filter(|p| !p.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if !TAKEN.contains(&name) {
            return Err(RuleError::Part(name.to_owned()));
        }
        if name == "FREQ" {
            frequency = FREQUENCIES.contains(&value);
        }
    }
    if !frequency {
        return Err(RuleError::Frequency);
    }
    body.parse::<RRule<Unvalidated>>()
        .map_err(|e| RuleError::Wrong(e.to_string()))
}

/// The rule that an event follows, as it would be written; none where it takes place once.
pub fn rule_of(event: &Object) -> Option<String> {
    if let Some(rule) = event.text("rule").filter(|r| !r.trim().is_empty()) {
        return Some(rule);
    }
    let frequency = match event.code("repeats").as_deref() {
        Some("daily") => "DAILY",
        Some("weekly") => "WEEKLY",
        Some("monthly") => "MONTHLY",
        _ => return None,
    };
    Some(format!("FREQ={frequency}"))
}

/// The whole of an event's repetition, for who checks it before writing.
pub fn check(from: Option<Millis>, given: &str, name: Option<&str>) -> Result<(), RuleError> {
    set(from, given, name).map(drop)
}

fn set(from: Option<Millis>, given: &str, name: Option<&str>) -> Result<RRuleSet, RuleError> {
    let start = from
        .and_then(|t| DateTime::from_timestamp_millis(t.0))
        .ok_or(RuleError::NoBeginning)?
        .with_timezone(&zone(name)?);
    if !YEARS.contains(&start.year()) {
        return Err(RuleError::NoBeginning);
    }
    rule(given)?
        .build(start)
        .map(RRuleSet::limit)
        .map_err(|e| RuleError::Wrong(e.to_string()))
}

/// The days on which an event does not take place though its rule says so.
fn exceptions(event: &Object) -> BTreeSet<NaiveDate> {
    let days = event.set_named("except").into_iter();
    days.filter_map(|v| match v {
        Typed::Date(day) => NaiveDate::from_num_days_from_ce_opt(day.checked_add(719_163)?),
        _ => None,
    })
    .collect()
}

/// When an event takes place within a window, in order. A rule that cannot be read leaves the first
/// time: a meeting is better shown once than never.
pub fn times(event: &Object, window: Span) -> Vec<Span> {
    let first = Span {
        from: event.time("from"),
        to: event.time("to"),
    };
    let once = || {
        vec![first]
            .into_iter()
            .filter(|s| s.overlaps(&window))
            .collect()
    };
    let Some(rule) = rule_of(event) else {
        return once();
    };
    let zone = event.text("zone");
    let Ok(set) = set(first.from, &rule, zone.as_deref()) else {
        return once();
    };
    let lasts = match (first.from, first.to) {
        (Some(from), Some(to)) => Some(to.0.saturating_sub(from.0).max(0)),
        _ => None,
    };
    let until = event.time("until");
    let except = exceptions(event);
    let mut out = Vec::new();
    for at in set.into_iter().take(MAX_COUNTED) {
        let from = Millis(at.timestamp_millis());
        let over = |end: Option<Millis>| end.is_some_and(|end| from >= end);
        if over(window.to) || until.is_some_and(|u| from > u) || out.len() >= MAX_LISTED {
            break;
        }
        let span = Span {
            from: Some(from),
            // Without an end it is a moment.
            to: Some(Millis(from.0.saturating_add(lasts.unwrap_or(0).max(1)))),
        };
        if span.overlaps(&window) && !except.contains(&at.date_naive()) {
            out.push(Span {
                to: lasts.map(|l| Millis(from.0.saturating_add(l))),
                ..span
            });
        }
    }
    out
}
