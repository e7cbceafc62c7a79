//! Typed values: what the bytes of an operation's value stand for, and how they look in JSON.
//!
//! A value that this version cannot read is kept as it is and shown as hex. Which field takes which
//! type is the table's business, reading what people type is `parse`'s.

mod show;

use jiff::Timestamp;
use muster_log::{
    codec::{self, Bytes, Text},
    ids::{Millis, ObjectId},
    operation::Value,
};
use thiserror::Error;

use self::show::day;
pub use self::show::{DAYS, date_text, days_of, decimal_text, time_text};

/// Longest text in one value, in bytes.
pub const MAX_TEXT: usize = 16 * 1024;
const MAX_VALUE: usize = 24 * 1024;
/// 1 degree in the unit of stored coordinates.
pub const DEGREE: i64 = 10_000_000;
/// Most decimals of a stored decimal number.
pub const MAX_SCALE: u8 = 9;

/// Type numbers of values, stable for ever.
pub mod kind {
    /// No value: what a field that was cleared holds.
    pub const CLEARED: u8 = 0;
    /// UTF-8 text.
    pub const TEXT: u8 = 1;
    /// Signed 64-bit integer.
    pub const INTEGER: u8 = 2;
    /// One byte, 0 or 1.
    pub const BOOLEAN: u8 = 3;
    /// Milliseconds since 1970, UTC.
    pub const TIME: u8 = 4;
    /// Days since 1970-01-01.
    pub const DATE: u8 = 5;
    /// Code of an enum, a vocabulary or a language tag.
    pub const CODE: u8 = 6;
    /// Coordinates, words, or both.
    pub const PLACE: u8 = 7;
    /// Id of an object.
    pub const REFERENCE: u8 = 8;
    /// Scaled integer.
    pub const DECIMAL: u8 = 9;
    /// From and to, each optional.
    pub const WINDOW: u8 = 10;
    /// Id of an element (a slot of a task, a line of a need).
    pub const ELEMENT: u8 = 11;
    /// Days of the week and minutes of the day.
    pub const HOURS: u8 = 12;
}

/// A value, read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Typed {
    /// The field was cleared.
    Cleared,
    /// Free text.
    Text(String),
    /// Whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// A moment.
    Time(Millis),
    /// A day, as days since 1970-01-01.
    Date(i32),
    /// A code.
    Code(String),
    /// A place.
    Place(Place),
    /// Another object.
    Reference(ObjectId),
    /// `units / 10^scale`, without trailing zeros.
    Decimal(Decimal),
    /// A span of time; at least one end is given.
    Window {
        from: Option<Millis>,
        to: Option<Millis>,
    },
    /// An element of a group.
    Element(u64),
    /// Weekly hours.
    Hours(Hours),
    /// A type or spelling this version cannot read.
    Unknown(Value),
}

/// A place: coordinates in 1e-7 degrees, words, or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// Latitude and longitude.
    pub point: Option<(i32, i32)>,
    /// Address or landmark; may be empty when there is a point.
    pub text: String,
}

/// A scaled integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Decimal {
    /// The digits.
    pub units: i64,
    /// How many of them are decimals.
    pub scale: u8,
}

/// Days of the week (bit 0 is Monday) with minutes of the day, `from <= to <= 1440`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hours {
    /// Bit set of days.
    pub days: u8,
    /// First minute.
    pub from: u16,
    /// Minute after the last.
    pub to: u16,
}

/// Why a value cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ValueError {
    /// Latitude beyond 90 degrees.
    #[error("latitude is outside -90 to 90")]
    Latitude,
    /// Longitude beyond 180 degrees.
    #[error("longitude is outside -180 to 180")]
    Longitude,
    /// Text over [`MAX_TEXT`].
    #[error("longer than {MAX_TEXT} bytes")]
    TooLong,
    /// Neither coordinates nor words; or neither end of a window.
    #[error("empty")]
    Empty,
    /// Ends before it begins.
    #[error("ends before it begins")]
    Reversed,
    /// A number that does not fit.
    #[error("out of range")]
    Range,
    /// Not the form of a code.
    #[error("not a code")]
    Code,
}

impl Place {
    /// A place at `lat`, `lon` in 1e-7 degrees, range checked.
    pub fn at(lat: i64, lon: i64, text: &str) -> Result<Self, ValueError> {
        if !(-90 * DEGREE..=90 * DEGREE).contains(&lat) {
            return Err(ValueError::Latitude);
        }
        if !(-180 * DEGREE..=180 * DEGREE).contains(&lon) {
            return Err(ValueError::Longitude);
        }
        let lat = i32::try_from(lat).map_err(|_| ValueError::Latitude)?;
        let lon = i32::try_from(lon).map_err(|_| ValueError::Longitude)?;
        Ok(Self {
            point: Some((lat, lon)),
            text: text.to_owned(),
        })
    }

    fn check(&self) -> Result<(), ValueError> {
        match self.point {
            None if self.text.is_empty() => Err(ValueError::Empty),
            None => Ok(()),
            Some((lat, lon)) => Self::at(lat.into(), lon.into(), "").map(|_| ()),
        }
    }
}

impl Decimal {
    /// The number without trailing zeros.
    pub fn new(mut units: i64, mut scale: u8) -> Result<Self, ValueError> {
        while scale > 0 && units % 10 == 0 {
            units /= 10;
            scale -= 1;
        }
        if scale > MAX_SCALE {
            return Err(ValueError::Range);
        }
        Ok(Self { units, scale })
    }

    /// The number in units of 1e-9.
    pub fn nano(self) -> i128 {
        i128::from(self.units) * 10_i128.pow(u32::from(MAX_SCALE.saturating_sub(self.scale)))
    }
}

impl Hours {
    fn check(&self) -> Result<(), ValueError> {
        if self.days == 0 || self.days > 0x7f {
            return Err(ValueError::Empty);
        }
        if self.from >= self.to || self.to > 1440 {
            return Err(ValueError::Reversed);
        }
        Ok(())
    }
}

impl Typed {
    /// The value as operations carry it; refuses what [`Typed::read`] would not accept.
    pub fn write(&self) -> Result<Value, ValueError> {
        self.check()?;
        let (kind, bytes) = match self {
            Self::Cleared => (kind::CLEARED, Vec::new()),
            Self::Text(t) => (kind::TEXT, t.as_bytes().to_vec()),
            Self::Integer(n) => (kind::INTEGER, codec::encode(n)),
            Self::Boolean(b) => (kind::BOOLEAN, vec![u8::from(*b)]),
            Self::Time(t) => (kind::TIME, codec::encode(&t.0)),
            Self::Date(d) => (kind::DATE, codec::encode(d)),
            Self::Code(c) => (kind::CODE, c.as_bytes().to_vec()),
            Self::Place(p) => {
                let text =
                    Text::<MAX_TEXT>::try_from(p.text.clone()).map_err(|_| ValueError::TooLong)?;
                (kind::PLACE, codec::encode(&(p.point, text)))
            }
            Self::Reference(id) => (kind::REFERENCE, id.0.to_vec()),
            Self::Decimal(d) => (kind::DECIMAL, codec::encode(&(d.units, d.scale))),
            Self::Window { from, to } => (
                kind::WINDOW,
                codec::encode(&(from.map(|t| t.0), to.map(|t| t.0))),
            ),
            Self::Element(e) => (kind::ELEMENT, e.to_be_bytes().to_vec()),
            Self::Hours(h) => (kind::HOURS, codec::encode(&(h.days, h.from, h.to))),
            Self::Unknown(v) => return Ok(v.clone()),
        };
        let bytes = Bytes::try_from(bytes).map_err(|_| ValueError::TooLong)?;
        Ok(Value { kind, bytes })
    }

    fn check(&self) -> Result<(), ValueError> {
        match self {
            Self::Text(t) if t.len() > MAX_TEXT => Err(ValueError::TooLong),
            Self::Code(c) if !crate::text::is_code(c) => Err(ValueError::Code),
            Self::Time(t) if Timestamp::from_millisecond(t.0).is_err() => Err(ValueError::Range),
            Self::Date(d) if day(*d).is_none() => Err(ValueError::Range),
            Self::Place(p) => p.check(),
            Self::Decimal(d) if Decimal::new(d.units, d.scale) != Ok(*d) => Err(ValueError::Range),
            Self::Window {
                from: None,
                to: None,
            } => Err(ValueError::Empty),
            Self::Window { from, to } => {
                if let (Some(from), Some(to)) = (from, to)
                    && to < from
                {
                    return Err(ValueError::Reversed);
                }
                let bad = |t: &Option<Millis>| {
                    t.is_some_and(|t| Timestamp::from_millisecond(t.0).is_err())
                };
                if bad(from) || bad(to) {
                    return Err(ValueError::Range);
                }
                Ok(())
            }
            Self::Hours(h) => h.check(),
            _ => Ok(()),
        }
    }

    /// Reads a value; whatever is not canonical or out of range becomes [`Typed::Unknown`].
    pub fn read(value: &Value) -> Self {
        match Self::parse(value) {
            Some(typed) if typed.check().is_ok() => typed,
            _ => Self::Unknown(value.clone()),
        }
    }

    fn parse(value: &Value) -> Option<Self> {
        fn get<T: codec::Encode + codec::Decode<()>>(bytes: &[u8]) -> Option<T> {
            codec::decode::<T, MAX_VALUE>("value", bytes).ok()
        }
        let bytes: &[u8] = &value.bytes;
        Some(match value.kind {
            kind::CLEARED if bytes.is_empty() => Self::Cleared,
            kind::TEXT => Self::Text(std::str::from_utf8(bytes).ok()?.to_owned()),
            kind::INTEGER => Self::Integer(get(bytes)?),
            kind::BOOLEAN => match bytes {
                [0] => Self::Boolean(false),
                [1] => Self::Boolean(true),
                _ => return None,
            },
            kind::TIME => Self::Time(Millis(get(bytes)?)),
            kind::DATE => Self::Date(get(bytes)?),
            kind::CODE => Self::Code(std::str::from_utf8(bytes).ok()?.to_owned()),
            kind::PLACE => {
                let (point, text): (Option<(i32, i32)>, Text<MAX_TEXT>) = get(bytes)?;
                Self::Place(Place {
                    point,
                    text: text.into_inner(),
                })
            }
            kind::REFERENCE => Self::Reference(ObjectId(bytes.try_into().ok()?)),
            kind::DECIMAL => {
                let (units, scale) = get(bytes)?;
                Self::Decimal(Decimal { units, scale })
            }
            kind::WINDOW => {
                let (from, to): (Option<i64>, Option<i64>) = get(bytes)?;
                Self::Window {
                    from: from.map(Millis),
                    to: to.map(Millis),
                }
            }
            kind::ELEMENT => Self::Element(u64::from_be_bytes(bytes.try_into().ok()?)),
            kind::HOURS => {
                let (days, from, to) = get(bytes)?;
                Self::Hours(Hours { days, from, to })
            }
            _ => return None,
        })
    }
}

/// Which element of a set a value is: equal values are one element on every device.
pub fn element_of(value: &Value) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("muster 2026 model set element");
    hasher.update(&[value.kind]);
    hasher.update(&value.bytes);
    let hash = hasher.finalize();
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    u64::from_be_bytes(first)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn round(typed: Typed) -> Json {
        let value = typed.write().unwrap();
        assert_eq!(Typed::read(&value), typed);
        typed.json()
    }

    #[test]
    fn values_survive_the_round_trip_and_show_in_json() {
        assert_eq!(round(Typed::Text("eau".into())), json!("eau"));
        assert_eq!(round(Typed::Integer(-3)), json!(-3));
        assert_eq!(
            round(Typed::Time(Millis(1_263_334_380_000))),
            json!("2010-01-12T22:13:00Z")
        );
        assert_eq!(round(Typed::Date(14_621)), json!("2010-01-12"));
        assert_eq!(
            round(Typed::Place(
                Place::at(185_392_000, -723_364_000, "Port-au-Prince").unwrap()
            )),
            json!({"lat": 18.5392, "lon": -72.3364, "text": "Port-au-Prince"})
        );
        assert_eq!(
            round(Typed::Decimal(Decimal::new(2500, 3).unwrap())),
            json!(2.5)
        );
        assert_eq!(round(Typed::Element(0xff)), json!("00000000000000ff"));
        let hours = Hours {
            days: 0b11,
            from: 480,
            to: 1020,
        };
        assert_eq!(
            round(Typed::Hours(hours)),
            json!({"days": ["mon", "tue"], "from": "08:00", "to": "17:00"})
        );
    }

    #[test]
    fn what_is_out_of_range_is_refused_and_what_is_unknown_is_kept() {
        assert_eq!(Place::at(985_000_000, 0, ""), Err(ValueError::Latitude));
        assert_eq!(Place::at(0, -1_800_000_001, ""), Err(ValueError::Longitude));
        let bad = Value {
            kind: kind::PLACE,
            bytes: codec::encode(&(Some((985_000_000_i32, 0_i32)), ""))
                .try_into()
                .unwrap(),
        };
        assert!(matches!(Typed::read(&bad), Typed::Unknown(_)));
        let later = Value {
            kind: 200,
            bytes: vec![1, 2].try_into().unwrap(),
        };
        assert_eq!(
            Typed::read(&later).json(),
            json!({"unknown": "0102", "type": 200})
        );
        assert_eq!(Typed::read(&later).write().unwrap(), later);
    }
}
