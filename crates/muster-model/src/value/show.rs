//! How values look: in JSON, and as one line of plain text. Never translated.

use jiff::{Timestamp, civil};
use muster_log::ids::Millis;
use serde_json::{Value as Json, json};

use super::{Decimal, MAX_SCALE, Typed};

impl Typed {
    /// The value in JSON: times RFC 3339 in UTC, ids in hex, decimals as numbers.
    pub fn json(&self) -> Json {
        match self {
            Self::Cleared => Json::Null,
            Self::Text(t) | Self::Code(t) => json!(t),
            Self::Integer(n) => json!(n),
            Self::Boolean(b) => json!(b),
            Self::Time(t) => json!(time_text(*t)),
            Self::Date(d) => json!(date_text(*d)),
            Self::Place(p) => {
                let mut map = serde_json::Map::new();
                if let Some((lat, lon)) = p.point {
                    map.insert("lat".into(), json!(degrees(lat)));
                    map.insert("lon".into(), json!(degrees(lon)));
                }
                if !p.text.is_empty() {
                    map.insert("text".into(), json!(p.text));
                }
                Json::Object(map)
            }
            Self::Reference(id) => json!(id.hex()),
            Self::Decimal(d) => decimal_json(*d),
            Self::Window { from, to } => {
                json!({"from": from.map(time_text), "to": to.map(time_text)})
            }
            Self::Element(e) => json!(format!("{e:016x}")),
            Self::Hours(h) => json!({
                "days": (0..7).filter(|d| h.days >> d & 1 == 1).map(|d| DAYS.get(d)).collect::<Vec<_>>(),
                "from": clock(h.from),
                "to": clock(h.to),
            }),
            Self::Unknown(v) => json!({"unknown": hex(&v.bytes), "type": v.kind}),
        }
    }

    /// The value as one line of plain text, for CSV cells, search and prompts.
    pub fn plain(&self) -> String {
        match self {
            Self::Place(p) => match p.point {
                Some((lat, lon)) => format!("{},{} {}", degrees(lat), degrees(lon), p.text)
                    .trim_end()
                    .to_owned(),
                None => p.text.clone(),
            },
            Self::Window { from, to } => format!(
                "{}/{}",
                from.map(time_text).unwrap_or_default(),
                to.map(time_text).unwrap_or_default()
            ),
            Self::Hours(h) => {
                let days: Vec<_> = (0..7)
                    .filter(|d| h.days >> d & 1 == 1)
                    .filter_map(|d| DAYS.get(d).copied())
                    .collect();
                format!("{} {}-{}", days.join(","), clock(h.from), clock(h.to))
            }
            Self::Unknown(v) => hex(&v.bytes),
            other => match other.json() {
                Json::String(s) => s,
                Json::Null => String::new(),
                other => other.to_string(),
            },
        }
    }
}

/// Codes of the days of the week, Monday first.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn degrees(units: i32) -> f64 {
    f64::from(units) / 1e7
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The day, where the calendar has it.
pub(super) fn day(days: i32) -> Option<civil::Date> {
    let millis = i64::from(days).checked_mul(86_400_000)?;
    let stamp = Timestamp::from_millisecond(millis).ok()?;
    Some(jiff::tz::TimeZone::UTC.to_datetime(stamp).date())
}

/// Days since 1970-01-01.
pub fn days_of(date: civil::Date) -> Option<i32> {
    let stamp = jiff::tz::TimeZone::UTC
        .to_timestamp(date.to_datetime(civil::Time::midnight()))
        .ok()?;
    i32::try_from(stamp.as_second().div_euclid(86_400)).ok()
}

/// RFC 3339 in UTC; the bare number when the moment lies outside the calendar.
pub fn time_text(t: Millis) -> String {
    match Timestamp::from_millisecond(t.0) {
        Ok(stamp) => stamp.to_string(),
        Err(_) => t.0.to_string(),
    }
}

/// ISO 8601; the bare number when the day lies outside the calendar.
pub fn date_text(days: i32) -> String {
    match day(days) {
        Some(date) => date.to_string(),
        None => days.to_string(),
    }
}

fn decimal_json(d: Decimal) -> Json {
    if d.scale == 0 {
        return json!(d.units);
    }
    let text = decimal_text(d);
    match text.parse::<f64>() {
        // Up to 15 digits a double prints as it was typed.
        Ok(number) if d.units.unsigned_abs() < 1_000_000_000_000_000 => json!(number),
        _ => json!(text),
    }
}

/// The number with a decimal point.
pub fn decimal_text(d: Decimal) -> String {
    let power = 10_u64.pow(u32::from(d.scale.min(MAX_SCALE)));
    let magnitude = d.units.unsigned_abs();
    let sign = if d.units < 0 { "-" } else { "" };
    if d.scale == 0 {
        return format!("{sign}{magnitude}");
    }
    format!(
        "{sign}{}.{:0width$}",
        magnitude / power,
        magnitude % power,
        width = usize::from(d.scale)
    )
}
