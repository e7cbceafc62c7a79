//! The spellings of single values: numbers, times, places. Table and state play no part here.

use jiff::{Timestamp, civil, tz::Offset};
use muster_log::ids::Millis;

use super::Reading;
use crate::{
    numbers::Number,
    table::{Field, FieldType},
    text,
    value::{DAYS, DEGREE, Decimal, Hours, Place, Typed, days_of},
};

pub(super) fn read(reading: &Reading<'_>, field: &Field, given: &str) -> Option<Typed> {
    let time = |text: &str| parse_time(text, reading.offset_minutes);
    Some(match field.ty {
        FieldType::Phone => {
            let digits = given.chars().filter(char::is_ascii_digit).count();
            let plain = given
                .chars()
                .all(|c| c.is_ascii_digit() || " +-./()x#".contains(c) || c == '\u{a0}');
            if !(3..=20).contains(&digits) || !plain {
                return None;
            }
            Typed::Text(given.to_owned())
        }
        FieldType::Email => {
            let (name, host) = given.rsplit_once('@')?;
            if name.is_empty() || !host.contains('.') || given.contains(char::is_whitespace) {
                return None;
            }
            Typed::Text(given.to_owned())
        }
        FieldType::Number => Typed::Text(Number::parse(given)?.to_string()),
        FieldType::Integer(low, high) => {
            let number = parse_decimal(given)?;
            if number.scale != 0 || !(low..=high).contains(&number.units) {
                return None;
            }
            Typed::Integer(number.units)
        }
        FieldType::Decimal => Typed::Decimal(parse_decimal(given)?),
        FieldType::Boolean => Typed::Boolean(boolean(given)?),
        FieldType::Time => Typed::Time(time(given)?),
        FieldType::Date => Typed::Date(parse_date(given)?),
        FieldType::Window => window(given, &time)?,
        FieldType::Hours => Typed::Hours(hours(given)?),
        FieldType::Language => Typed::Code(language(given)?),
        FieldType::Place => Typed::Place(parse_place(given)?),
        FieldType::Element => Typed::Element(super::element_id(given)?),
        _ => return None,
    })
}

fn boolean(given: &str) -> Option<bool> {
    match text::fold(given).as_str() {
        "yes" | "y" | "true" | "1" | "oui" | "o" | "vrai" => Some(true),
        "no" | "n" | "false" | "0" | "non" | "faux" => Some(false),
        _ => None,
    }
}

/// A number with a point or a comma before its decimals; spaces between thousands.
pub fn parse_decimal(given: &str) -> Option<Decimal> {
    let plain: String = given
        .trim()
        .chars()
        .filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '’'))
        .map(|c| if c == ',' { '.' } else { c })
        .collect();
    let (sign, digits) = match plain.strip_prefix(['-', '−']) {
        Some(rest) => (-1, rest),
        None => (1, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(part) || part.len() > 9 {
        return None;
    }
    let units: i64 = format!("{whole}{part}").parse().ok()?;
    Decimal::new(sign * units, u8::try_from(part.len()).ok()?).ok()
}

/// A day: ISO 8601, or day, month and year with slashes or points.
pub fn parse_date(given: &str) -> Option<i32> {
    date(given.trim()).and_then(days_of)
}

fn date(given: &str) -> Option<civil::Date> {
    let mut parts = given.split(['-', '/', '.']);
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let number = |s: &str| s.trim().parse::<i16>().ok();
    let (year, month, day) = if a.trim().len() == 4 {
        (number(a)?, number(b)?, number(c)?)
    } else if c.trim().len() == 4 {
        (number(c)?, number(b)?, number(a)?)
    } else {
        return None;
    };
    civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// A moment: RFC 3339, or a day and a time of day, taken `offset_minutes` east of UTC when it names
/// no zone. A day alone is its first minute.
pub fn parse_time(given: &str, offset_minutes: i32) -> Option<Millis> {
    let given = given.trim();
    if let Ok(stamp) = given.parse::<Timestamp>() {
        return Some(Millis(stamp.as_millisecond()));
    }
    let (day, clock) = given
        .split_once(['T', 't', ' '])
        .unwrap_or((given, "00:00"));
    let clock = clock.trim();
    let (clock, zone) = match clock.strip_suffix(['Z', 'z']) {
        Some(rest) => (rest, 0),
        None => (clock, offset_minutes),
    };
    let (hour, minute, second) = time_of_day(clock)?;
    let moment = date(day)?.at(hour, minute, second, 0);
    let offset = Offset::from_seconds(zone.checked_mul(60)?).ok()?;
    Some(Millis(offset.to_timestamp(moment).ok()?.as_millisecond()))
}

fn time_of_day(clock: &str) -> Option<(i8, i8, i8)> {
    let mut parts = clock.split([':', 'h', 'H']).map(str::trim);
    let hour: i8 = parts.next()?.parse().ok()?;
    let mut next = || match parts.next() {
        None | Some("") => Some(0),
        Some(text) => text.split('.').next()?.parse::<i8>().ok(),
    };
    let (minute, second) = (next()?, next()?);
    let valid = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    (valid && parts.next().is_none()).then_some((hour, minute, second))
}

fn window(given: &str, time: &dyn Fn(&str) -> Option<Millis>) -> Option<Typed> {
    // Days may be written with slashes; then the two ends stand apart by " / " or "..".
    let (from, to) = given
        .split_once("..")
        .or_else(|| given.split_once(" / "))
        .or_else(|| given.split_once('/'))?;
    let end = |text: &str| match text.trim() {
        "" => Some(None),
        text => time(text).map(Some),
    };
    Some(Typed::Window {
        from: end(from)?,
        to: end(to)?,
    })
}

fn hours(given: &str) -> Option<Hours> {
    const FRENCH: [&str; 7] = ["lun", "mar", "mer", "jeu", "ven", "sam", "dim"];
    let (days, span) = given.trim().rsplit_once(' ')?;
    let (from, to) = span.split_once(['-', '–'])?;
    let mut mask = 0_u8;
    let index = |word: &str| {
        let word = text::fold(word);
        let word: String = word.chars().take(3).collect();
        DAYS.iter()
            .position(|d| *d == word)
            .or_else(|| FRENCH.iter().position(|d| *d == word))
    };
    for part in days.split([',', ' ']).filter(|p| !p.is_empty()) {
        if matches!(text::fold(part).as_str(), "daily" | "tous" | "all") {
            mask = 0x7f;
        } else if let Some((first, last)) = part.split_once('-') {
            let (first, last) = (index(first)?, index(last)?);
            (first..=last).for_each(|d| mask |= 1 << d);
        } else {
            mask |= 1 << index(part)?;
        }
    }
    let minute = |clock: &str| -> Option<u16> {
        if clock.trim() == "24:00" {
            return Some(1440);
        }
        let (hour, minute, _) = time_of_day(clock)?;
        Some(u16::try_from(hour).ok()? * 60 + u16::try_from(minute).ok()?)
    };
    Some(Hours {
        days: mask,
        from: minute(from)?,
        to: minute(to)?,
    })
}

/// A language tag, checked for its form and written in the usual case; names of a few languages.
fn language(given: &str) -> Option<String> {
    let named = match text::fold(given).as_str() {
        "english" | "anglais" => Some("en"),
        "french" | "francais" => Some("fr"),
        "creole" | "haitian-creole" | "creole-haitien" | "kreyol" => Some("ht"),
        "spanish" | "espagnol" => Some("es"),
        "arabic" | "arabe" => Some("ar"),
        "portuguese" | "portugais" => Some("pt"),
        "german" | "allemand" => Some("de"),
        _ => None,
    };
    if let Some(tag) = named {
        return Some(tag.to_owned());
    }
    let mut out = Vec::new();
    for (at, part) in given.split(['-', '_']).enumerate() {
        let alphanumeric = !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
        if !alphanumeric || part.len() > 8 {
            return None;
        }
        let alphabetic = part.bytes().all(|b| b.is_ascii_alphabetic());
        if at == 0 && !(alphabetic && (2..=3).contains(&part.len())) {
            return None;
        }
        out.push(match (at, part.len()) {
            (1.., 2) => part.to_ascii_uppercase(),
            (1.., 4) if alphabetic => {
                let (first, rest) = part.split_at(1);
                first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
            }
            _ => part.to_ascii_lowercase(),
        });
    }
    let tag = out.join("-");
    (tag.len() <= 35).then_some(tag)
}

/// A place: `latitude,longitude`, words, or coordinates followed by words. With a semicolon between
/// them the coordinates may have decimal commas. Two numbers out of range are not words.
pub fn parse_place(given: &str) -> Option<Place> {
    let given = given.trim();
    let bare = given.strip_prefix("geo:").unwrap_or(given);
    let pair = bare
        .split_once(';')
        .and_then(|(lat, rest)| coordinates(lat, rest))
        .or_else(|| {
            bare.split_once(',')
                .and_then(|(lat, rest)| coordinates(lat, rest))
        });
    match pair {
        Some((lat, lon, words)) => Place::at(lat, lon, words).ok(),
        None if given.is_empty() => None,
        None => Some(Place {
            point: None,
            text: given.to_owned(),
        }),
    }
}

fn coordinates<'a>(lat: &str, rest: &'a str) -> Option<(i64, i64, &'a str)> {
    let rest = rest.trim_start();
    let (lon, words) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let lat = units(lat.trim())?;
    let lon = units(lon.trim_end_matches([',', ';']))?;
    Some((lat, lon, words.trim()))
}

/// Degrees in units of 1e-7, rounded; more decimals than that are cut.
fn units(given: &str) -> Option<i64> {
    let (whole, part) = given.split_once(['.', ',']).unwrap_or((given, ""));
    let short: String = part.chars().take(7).collect();
    if !part.bytes().all(|b| b.is_ascii_digit()) || whole.contains(' ') {
        return None;
    }
    let decimal = parse_decimal(&if short.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{short}")
    })?;
    let scale = 7_u32.checked_sub(u32::from(decimal.scale))?;
    let units = decimal.units.checked_mul(10_i64.pow(scale))?;
    (units.abs() <= 1_000 * DEGREE).then_some(units)
}
