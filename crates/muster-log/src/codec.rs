//! The one place that names bincode: bounded, canonical encoding of everything signed, stored or sent.
//!
//! Layout (bincode 2.0.1, `config::standard()`): little-endian variable-length integers, zigzag for
//! signed ones, fixed arrays raw, collections as a length followed by the items. bincode itself
//! accepts over-long integers and trailing bytes; [`decode`] does not, because a second spelling of
//! the same value would have a second hash. It is not a general serialisation layer: JSON and TOML
//! live with the programs that speak them.

use std::fmt;

use bincode::{
    BorrowDecode,
    config::{self, Configuration},
    de::{BorrowDecoder, Decoder, read::Reader as _},
    enc::{Encoder, write::Writer},
    error::{DecodeError, EncodeError},
};
pub use bincode::{Decode, Encode};
use thiserror::Error;

const CONFIG: Configuration = config::standard();

/// Why bytes were not accepted as a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CodecError {
    /// More bytes than the structure may ever have.
    #[error("{len} bytes where at most {limit} are allowed")]
    TooLong { len: usize, limit: usize },
    /// The bytes end early, or hold an impossible value.
    #[error("not a {what}: {why}")]
    Malformed { what: &'static str, why: String },
    /// Bytes left over after the value.
    #[error("{extra} bytes after the end of the {what}")]
    Trailing { what: &'static str, extra: usize },
    /// The value is readable, but not in its one canonical spelling.
    #[error("the {what} is not in canonical form")]
    NotCanonical { what: &'static str },
}

/// Encodes a value in its one canonical form.
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, value);
    out
}

/// Appends the canonical form of `value` to `out`.
pub fn append<T: Encode>(out: &mut Vec<u8>, value: &T) {
    match bincode::encode_into_writer(value, Onto(out), CONFIG) {
        Ok(()) => {}
        // Encode of integers, arrays and vectors into memory has no failing path; the types of
        // this crate hold nothing else.
        Err(e) => unreachable!("encoding to memory failed: {e}"),
    }
}

/// Writes to the end of a vector, without a copy in between.
struct Onto<'a>(&'a mut Vec<u8>);

impl Writer for Onto<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Compares what is written with what is there already.
struct Same<'a>(&'a [u8]);

impl Writer for &mut Same<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        match self.0.strip_prefix(bytes) {
            Some(rest) => {
                self.0 = rest;
                Ok(())
            }
            None => Err(EncodeError::Other("differs")),
        }
    }
}

/// Whether a value's canonical form is exactly these bytes.
fn is_form_of<T: Encode>(bytes: &[u8], value: &T) -> bool {
    let mut same = Same(bytes);
    bincode::encode_into_writer(value, &mut same, CONFIG).is_ok() && same.0.is_empty()
}

/// bincode counts a value by its size in memory, which for short lists of short items is more than
/// its bytes: the allocation limit is a step above the length limit, or canonical bytes within the
/// length limit would be refused.
fn bounded_decode<T: Decode<()>, const LIMIT: usize>(
    bytes: &[u8],
) -> Result<(T, usize), DecodeError> {
    if LIMIT <= 1024 {
        bincode::decode_from_slice(bytes, CONFIG.with_limit::<{ 4 * 1024 }>())
    } else if LIMIT <= 64 * 1024 {
        bincode::decode_from_slice(bytes, CONFIG.with_limit::<{ 128 * 1024 }>())
    } else if LIMIT <= 256 * 1024 {
        bincode::decode_from_slice(bytes, CONFIG.with_limit::<{ 512 * 1024 }>())
    } else {
        bincode::decode_from_slice(bytes, CONFIG.with_limit::<{ 32 * 1024 * 1024 }>())
    }
}

/// Decodes exactly one value from all of at most `LIMIT` bytes, with bounded allocation, and accepts
/// it only when encoding it again gives the same bytes.
pub fn decode<T: Encode + Decode<()>, const LIMIT: usize>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, CodecError> {
    if bytes.len() > LIMIT {
        return Err(CodecError::TooLong {
            len: bytes.len(),
            limit: LIMIT,
        });
    }
    let (value, used): (T, usize) =
        bounded_decode::<T, LIMIT>(bytes).map_err(|e| CodecError::Malformed {
            what,
            why: e.to_string(),
        })?;
    if used != bytes.len() {
        return Err(CodecError::Trailing {
            what,
            extra: bytes.len() - used,
        });
    }
    if !is_form_of(bytes, &value) {
        return Err(CodecError::NotCanonical { what });
    }
    Ok(value)
}

/// Reads values one after another from a slice, for layouts whose fields depend on earlier ones.
/// Whoever uses it compares the whole with its re-encoding, as [`decode`] does.
pub struct Cursor<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Starts at the beginning of `bytes`; `what` names the structure in errors.
    pub fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    /// The next value; at most 64 KiB are allocated for it.
    pub fn take<T: Decode<()>>(&mut self) -> Result<T, CodecError> {
        let (value, used) =
            bincode::decode_from_slice(self.rest, CONFIG.with_limit::<{ 64 * 1024 }>()).map_err(
                |e| CodecError::Malformed {
                    what: self.what,
                    why: e.to_string(),
                },
            )?;
        self.rest = self.rest.get(used..).unwrap_or_default();
        Ok(value)
    }

    /// The next `len` bytes as they stand.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        match self.rest.split_at_checked(len) {
            Some((head, tail)) => {
                self.rest = tail;
                Ok(head)
            }
            None => Err(self.malformed(format!("{len} bytes expected, {} left", self.rest.len()))),
        }
    }

    /// Everything that has not been read yet.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// An error about this structure.
    pub fn malformed(&self, why: String) -> CodecError {
        CodecError::Malformed {
            what: self.what,
            why,
        }
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Fails when bytes are left over.
    pub fn finish(self) -> Result<(), CodecError> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(CodecError::Trailing {
                what: self.what,
                extra,
            }),
        }
    }
}

/// A list of at most `N` items; the bound is checked before anything is allocated.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bounded<T, const N: usize>(Vec<T>);

/// A byte string of at most `N` bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes<const N: usize>(Vec<u8>);

/// A UTF-8 text of at most `N` bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const N: usize>(String);

/// A collection was longer than its type allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{len} where at most {limit} are allowed")]
pub struct OverLimit {
    pub len: usize,
    pub limit: usize,
}

fn fits(len: usize, limit: usize) -> Result<(), OverLimit> {
    if len > limit {
        Err(OverLimit { len, limit })
    } else {
        Ok(())
    }
}

macro_rules! bounded_common {
    ([$($g:tt)*], $ty:ty, $inner:ty, $target:ty) => {
        impl<$($g)*> TryFrom<$inner> for $ty {
            type Error = OverLimit;
            fn try_from(inner: $inner) -> Result<Self, OverLimit> {
                fits(inner.len(), N)?;
                Ok(Self(inner))
            }
        }
        impl<$($g)*> std::ops::Deref for $ty {
            type Target = $target;
            fn deref(&self) -> &$target {
                &self.0
            }
        }
        impl<$($g)*> $ty {
            /// The unbounded collection inside.
            pub fn into_inner(self) -> $inner {
                self.0
            }
        }
    };
}

bounded_common!([T, const N: usize], Bounded<T, N>, Vec<T>, [T]);
bounded_common!([const N: usize], Bytes<N>, Vec<u8>, [u8]);
bounded_common!([const N: usize], Text<N>, String, str);

impl<T, const N: usize> Default for Bounded<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}
impl<const N: usize> Default for Bytes<N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}
impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self(String::new())
    }
}
impl<T: fmt::Debug, const N: usize> fmt::Debug for Bounded<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<const N: usize> fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<'a, T, const N: usize> IntoIterator for &'a Bounded<T, N> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Encode, const N: usize> Encode for Bounded<T, N> {
    fn encode<E: Encoder>(&self, e: &mut E) -> Result<(), EncodeError> {
        (self.0.len() as u64).encode(e)?;
        self.0.iter().try_for_each(|item| item.encode(e))
    }
}
impl<const N: usize> Encode for Bytes<N> {
    fn encode<E: Encoder>(&self, e: &mut E) -> Result<(), EncodeError> {
        self.0.encode(e)
    }
}
impl<const N: usize> Encode for Text<N> {
    fn encode<E: Encoder>(&self, e: &mut E) -> Result<(), EncodeError> {
        self.0.encode(e)
    }
}

fn length<C, D: Decoder<Context = C>>(d: &mut D, limit: usize) -> Result<usize, DecodeError> {
    let len = u64::decode(d)?;
    match usize::try_from(len) {
        Ok(len) if len <= limit => Ok(len),
        _ => Err(DecodeError::OtherString(format!(
            "{len} where at most {limit} are allowed"
        ))),
    }
}

fn raw<C, D: Decoder<Context = C>>(d: &mut D, limit: usize) -> Result<Vec<u8>, DecodeError> {
    let len = length(d, limit)?;
    d.claim_bytes_read(len)?;
    let mut bytes = vec![0; len];
    d.reader().read(&mut bytes)?;
    Ok(bytes)
}

impl<C, T: Decode<C>, const N: usize> Decode<C> for Bounded<T, N> {
    fn decode<D: Decoder<Context = C>>(d: &mut D) -> Result<Self, DecodeError> {
        let len = length(d, N)?;
        d.claim_container_read::<T>(len)?;
        let mut items = Vec::with_capacity(len);
        for _ in 0..len {
            d.unclaim_bytes_read(size_of::<T>());
            items.push(T::decode(d)?);
        }
        Ok(Self(items))
    }
}
impl<C, const N: usize> Decode<C> for Bytes<N> {
    fn decode<D: Decoder<Context = C>>(d: &mut D) -> Result<Self, DecodeError> {
        raw(d, N).map(Self)
    }
}
impl<C, const N: usize> Decode<C> for Text<N> {
    fn decode<D: Decoder<Context = C>>(d: &mut D) -> Result<Self, DecodeError> {
        let bytes = raw(d, N)?;
        String::from_utf8(bytes)
            .map(Self)
            .map_err(|_| DecodeError::Other("text that is not UTF-8"))
    }
}

// bincode's derive asks for the borrowing form too; nothing here borrows.
impl<'de, C, T: Decode<C>, const N: usize> BorrowDecode<'de, C> for Bounded<T, N> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(d: &mut D) -> Result<Self, DecodeError> {
        Self::decode(d)
    }
}
impl<'de, C, const N: usize> BorrowDecode<'de, C> for Bytes<N> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(d: &mut D) -> Result<Self, DecodeError> {
        Self::decode(d)
    }
}
impl<'de, C, const N: usize> BorrowDecode<'de, C> for Text<N> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(d: &mut D) -> Result<Self, DecodeError> {
        Self::decode(d)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Encode, Decode)]
    struct Sample {
        a: u64,
        b: Bytes<4>,
    }

    #[test]
    fn only_the_one_canonical_spelling_is_accepted() {
        let sample = Sample {
            a: 7,
            b: Bytes::try_from(vec![1, 2]).unwrap(),
        };
        let bytes = encode(&sample);
        assert_eq!(bytes, [7, 2, 1, 2]);
        assert_eq!(decode::<Sample, 64>("sample", &bytes), Ok(sample));
        // 251 announces a two-byte integer; 7 does not need one.
        assert_eq!(
            decode::<Sample, 64>("sample", &[251, 7, 0, 2, 1, 2]),
            Err(CodecError::NotCanonical { what: "sample" })
        );
        assert_eq!(
            decode::<Sample, 64>("sample", &[7, 2, 1, 2, 0]),
            Err(CodecError::Trailing {
                what: "sample",
                extra: 1
            })
        );
        assert!(matches!(
            decode::<Sample, 64>("sample", &[7, 5, 1, 2, 3, 4, 5]),
            Err(CodecError::Malformed { .. })
        ));
        assert!(matches!(
            decode::<Sample, 3>("sample", &bytes),
            Err(CodecError::TooLong { .. })
        ));
    }
}
