//! Numbers such as `N-GYM-12`, and short ids: what people read out over the radio and type.
//!
//! A number is unique by its device; should two devices have one code, both objects are listed.

use std::fmt;

use muster_log::ids::ObjectId;

use crate::{
    state::State,
    table::{self, KINDS},
    text,
};

/// Fewest hex digits of a short id.
pub const MIN_DIGITS: usize = 4;

/// A number, read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number {
    /// Letter of the kind.
    pub prefix: char,
    /// Code of the device, upper case.
    pub code: String,
    /// Counter of the device.
    pub counter: u64,
}

impl Number {
    /// Reads a number in either case; dashes of any sort, or spaces, between its parts.
    pub fn parse(given: &str) -> Option<Self> {
        let folded = text::fold(given);
        let mut parts = folded.split('-');
        let (prefix, code, counter) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || !is_device_code(code) {
            return None;
        }
        let mut letters = prefix.chars();
        let (prefix, None) = (letters.next()?, letters.next()) else {
            return None;
        };
        let digits =
            (1..=18).contains(&counter.len()) && counter.bytes().all(|b| b.is_ascii_digit());
        if !prefix.is_ascii_alphabetic() || !digits {
            return None;
        }
        Some(Self {
            prefix: prefix.to_ascii_uppercase(),
            code: code.to_ascii_uppercase(),
            counter: counter.parse().ok()?,
        })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.prefix, self.code, self.counter)
    }
}

fn is_device_code(code: &str) -> bool {
    (1..=12).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The code of a device from its label: its first 4 letters or digits, upper case, without accents.
pub fn device_code(label: &str) -> String {
    let code: String = text::fold(label)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(4)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    if code.is_empty() {
        "DEV".to_owned()
    } else {
        code
    }
}

/// The kind of a prefix.
pub fn kind_of(prefix: char) -> Option<u16> {
    KINDS
        .iter()
        .find(|k| k.prefix == Some(prefix))
        .map(|k| k.number)
}

/// The next free number of a device in a kind; none for kinds without numbers.
pub fn next_number(state: &State, kind: u16, code: &str) -> Option<Number> {
    let prefix = table::kind(kind)?.prefix?;
    let code = code.to_ascii_uppercase();
    let last = state.index().last_number(kind, &code).unwrap_or(0);
    Some(Number {
        prefix,
        counter: last.checked_add(1)?,
        code,
    })
}

/// What a short form stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// One object.
    Found(ObjectId),
    /// None.
    NotFound,
    /// Several; at most [`MOST_LISTED`] are listed.
    Ambiguous(Vec<ObjectId>),
}

/// Most objects listed for an ambiguous form.
pub const MOST_LISTED: usize = 20;

/// Resolves a number, a whole id or a unique prefix of one, among the given kinds (any when empty).
pub fn resolve(state: &State, given: &str, kinds: &[u16]) -> Resolved {
    let given = given.trim();
    let mut found = match Number::parse(given) {
        Some(number) => match kind_of(number.prefix) {
            Some(kind) => state.index().numbered(kind, &number.code, number.counter),
            None => Vec::new(),
        },
        None => by_prefix(state, given),
    };
    // What only writes that do not count have touched is no object to anybody.
    found.retain(|id| {
        state.object(*id).is_some_and(|o| match o.kind() {
            Some(kind) => kinds.is_empty() || kinds.contains(&kind),
            None => o.erased,
        })
    });
    match found.as_slice() {
        [] => Resolved::NotFound,
        [one] => Resolved::Found(*one),
        _ => {
            found.truncate(MOST_LISTED);
            Resolved::Ambiguous(found)
        }
    }
}

fn by_prefix(state: &State, given: &str) -> Vec<ObjectId> {
    let valid =
        (MIN_DIGITS..=32).contains(&given.len()) && given.bytes().all(|b| b.is_ascii_hexdigit());
    if !valid {
        return Vec::new();
    }
    let fill =
        |digit: &str| ObjectId::from_hex(&format!("{given}{}", digit.repeat(32 - given.len())));
    match (fill("0"), fill("f")) {
        (Some(low), Some(high)) => state.ids_between(low, high),
        _ => Vec::new(),
    }
}

/// The shortest unique form of an id, at least 4 digits.
pub fn short_id(state: &State, id: ObjectId) -> String {
    let hex = id.hex();
    for len in MIN_DIGITS..hex.len() {
        if let Some(short) = hex.get(..len)
            && by_prefix(state, short).len() <= 1
        {
            return short.to_owned();
        }
    }
    hex
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_type_them() {
        let n = Number::parse("n-gym-12").unwrap();
        assert_eq!(n.to_string(), "N-GYM-12");
        assert_eq!(Number::parse(" N GYM 12 ").unwrap(), n);
        assert_eq!(Number::parse("N-GYM"), None);
        assert_eq!(Number::parse("N-GYM-x"), None);
        assert_eq!(device_code("Gymnase Léogâne"), "GYMN");
        assert_eq!(device_code("école 3"), "ECOL");
        assert_eq!(device_code("…"), "DEV");
    }
}
