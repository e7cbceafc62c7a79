//! Objects as canonical bytes: what rests in memory and in checkpoints, and what digests hash.
//!
//! Equal objects have equal bytes. An object of several authors names each log and each entry once;
//! writes point to them. It is not a signed format: a later version may pack anew by replaying.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    codec::{self, CodecError},
    ids::{HashCheck, Lamport, LogPrefix, Millis, Seq},
    operation::{Reference, Value},
};

use super::{
    object::{Birth, Key, Object, Section},
    register::{Register, Write},
};

/// Most bytes that reading one object may allocate.
const LIMIT: usize = 256 * 1024 * 1024;

/// What digests hash of an erased object.
const ERASED: &[u8] = b"erased";

type Entry = (LogPrefix, u64, HashCheck);
/// Logical and claimed time.
type Times = (u64, i64);
type PackedEntry = (u32, u64, HashCheck, Option<Times>);
type At = (u32, u16);
// Generic over the value, which is borrowed for writing and owned when read.
type PackedRegister<V> = (u16, u64, Vec<(u32, u16, V)>, Vec<At>, Vec<(At, Vec<At>)>);
type PackedGroup<V> = (u16, u8, Vec<PackedRegister<V>>);
type PackedSection<V> = (
    Vec<LogPrefix>,
    Vec<PackedEntry>,
    Option<(u32, u16)>,
    Vec<PackedGroup<V>>,
);
type PackedObject = (bool, Vec<u8>, Vec<u8>, Vec<u8>);

/// The bytes of each section; an empty one has none.
pub fn pack_sections(object: &Object) -> [Vec<u8>; 3] {
    if object.erased {
        return [ERASED.to_vec(), Vec::new(), Vec::new()];
    }
    let [a, b, c] = &object.sections;
    [pack_section(a), pack_section(b), pack_section(c)]
}

/// The whole object from its sections.
pub fn assemble(erased: bool, sections: [Vec<u8>; 3]) -> Box<[u8]> {
    let [a, b, c] = sections;
    let packed: PackedObject = if erased {
        (true, Vec::new(), Vec::new(), Vec::new())
    } else {
        (false, a, b, c)
    };
    codec::encode(&packed).into_boxed_slice()
}

/// The bytes of each section as they lie in an object that this module packed.
pub fn sections(bytes: &[u8]) -> [&[u8]; 3] {
    let mut cursor = codec::Cursor::new("packed object", bytes);
    if cursor.take::<bool>() != Ok(false) {
        return [ERASED, &[], &[]];
    }
    let mut next = || {
        let len = cursor.take::<u64>().unwrap_or(0);
        cursor
            .bytes(usize::try_from(len).unwrap_or(0))
            .unwrap_or_default()
    };
    [next(), next(), next()]
}

/// Reads an object.
pub fn unpack(bytes: &[u8]) -> Result<Object, CodecError> {
    let mut cursor = codec::Cursor::new("packed object", bytes);
    let erased: bool = cursor.take()?;
    let mut sections: [Section; 3] = Default::default();
    for section in &mut sections {
        let len: u64 = cursor.take()?;
        let len = usize::try_from(len).map_err(|_| cursor.malformed("length".into()))?;
        *section = unpack_section(cursor.bytes(len)?)?;
    }
    cursor.finish()?;
    Ok(Object { erased, sections })
}

fn entry_of(at: &Reference) -> Entry {
    (at.log, at.seq.0, at.check)
}

fn place<T: Ord>(list: &[T], item: &T) -> u32 {
    // Every item was put into the list before; the lists of one object stay far below 2^32.
    list.binary_search(item)
        .ok()
        .and_then(|i| u32::try_from(i).ok())
        .unwrap_or(u32::MAX)
}

fn pack_section(section: &Section) -> Vec<u8> {
    if section.registers.is_empty() && section.birth.is_none() {
        return Vec::new();
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut known: BTreeMap<Entry, (u64, i64)> = BTreeMap::new();
    if let Some(b) = &section.birth {
        let entry = (b.log, b.seq.0, b.check);
        entries.push(entry);
        known.insert(entry, (b.lamport.0, b.claimed.0));
    }
    for register in section.registers.values() {
        for (at, write) in &register.alive {
            let entry = entry_of(at);
            if entries.last() != Some(&entry) {
                entries.push(entry);
            }
            known
                .entry(entry)
                .or_insert((write.lamport.0, write.claimed.0));
        }
        entries.extend(register.dead.iter().map(entry_of));
        for (at, behind) in &register.passing {
            entries.push(entry_of(at));
            entries.extend(behind.iter().map(entry_of));
        }
    }
    entries.sort_unstable();
    entries.dedup();
    let mut logs: Vec<LogPrefix> = entries.iter().map(|e| e.0).collect();
    logs.dedup();
    let at = |r: &Reference| (place(&entries, &entry_of(r)), r.op);
    let mut groups: Vec<PackedGroup<&Value>> = Vec::new();
    for (key, register) in &section.registers {
        let packed: PackedRegister<&Value> = (
            key.field,
            key.element,
            register
                .alive
                .iter()
                .map(|(r, w)| {
                    let (entry, op) = at(r);
                    (entry, op, &w.value)
                })
                .collect(),
            register.dead.iter().map(at).collect(),
            register
                .passing
                .iter()
                .map(|(r, behind)| (at(r), behind.iter().map(at).collect()))
                .collect(),
        );
        match groups.last_mut() {
            Some((kind, class, list)) if (*kind, *class) == (key.kind, key.class) => {
                list.push(packed);
            }
            _ => groups.push((key.kind, key.class, vec![packed])),
        }
    }
    let birth = section
        .birth
        .as_ref()
        .map(|b| (place(&entries, &(b.log, b.seq.0, b.check)), b.kind));
    let entries: Vec<PackedEntry> = entries
        .iter()
        .map(|e| (place(&logs, &e.0), e.1, e.2, known.get(e).copied()))
        .collect();
    let section: PackedSection<&Value> = (logs, entries, birth, groups);
    codec::encode(&section)
}

/// An entry as listed, with its times where a write of it is alive.
type Listed = (Entry, Option<Times>);

struct Table {
    entries: Vec<Listed>,
}

fn malformed(why: &str) -> CodecError {
    CodecError::Malformed {
        what: "packed object",
        why: why.to_owned(),
    }
}

impl Table {
    fn get(&self, entry: u32) -> Result<&Listed, CodecError> {
        usize::try_from(entry)
            .ok()
            .and_then(|i| self.entries.get(i))
            .ok_or_else(|| malformed("an entry that is not listed"))
    }

    fn reference(&self, (entry, op): At) -> Result<Reference, CodecError> {
        let ((log, seq, check), _) = self.get(entry)?;
        Ok(Reference {
            log: *log,
            seq: Seq(*seq),
            op,
            check: *check,
        })
    }

    fn references(&self, list: &[At]) -> Result<BTreeSet<Reference>, CodecError> {
        list.iter().map(|at| self.reference(*at)).collect()
    }

    fn times(&self, entry: u32) -> Result<(Lamport, Millis), CodecError> {
        match self.get(entry)?.1 {
            Some((lamport, claimed)) => Ok((Lamport(lamport), Millis(claimed))),
            None => Err(malformed("an alive write without its times")),
        }
    }
}

/// Reads a section without encoding it again for comparison: packed bytes come from this process or
/// its sealed checkpoints. The cursor's bound on allocation is small; a section beyond it takes the
/// long way.
fn read_section(bytes: &[u8]) -> Result<PackedSection<Value>, CodecError> {
    let mut cursor = codec::Cursor::new("packed section", bytes);
    match cursor.take() {
        Ok(section) if cursor.is_empty() => Ok(section),
        _ => codec::decode::<_, LIMIT>("packed section", bytes),
    }
}

fn unpack_section(bytes: &[u8]) -> Result<Section, CodecError> {
    if bytes.is_empty() {
        return Ok(Section::default());
    }
    let (logs, entries, birth, groups) = read_section(bytes)?;
    let entries = entries
        .into_iter()
        .map(|(log, seq, check, times)| {
            let log = usize::try_from(log).ok().and_then(|i| logs.get(i));
            let log = *log.ok_or_else(|| malformed("a log that is not listed"))?;
            Ok(((log, seq, check), times))
        })
        .collect::<Result<Vec<_>, CodecError>>()?;
    let table = Table { entries };
    let birth = match birth {
        None => None,
        Some((entry, kind)) => {
            let (lamport, claimed) = table.times(entry)?;
            let (log, seq, check) = table.get(entry)?.0;
            Some(Birth {
                lamport,
                log,
                seq: Seq(seq),
                check,
                kind,
                claimed,
            })
        }
    };
    let mut registers = BTreeMap::new();
    for (kind, class, list) in groups {
        for (field, element, alive, dead, passing) in list {
            let key = Key {
                kind,
                class,
                field,
                element,
            };
            let mut register = Register {
                dead: table.references(&dead)?,
                ..Register::default()
            };
            for (entry, op, value) in alive {
                let (lamport, claimed) = table.times(entry)?;
                let write = Write {
                    lamport,
                    claimed,
                    value,
                };
                register.alive.insert(table.reference((entry, op))?, write);
            }
            for (at, behind) in passing {
                register
                    .passing
                    .insert(table.reference(at)?, table.references(&behind)?);
            }
            registers.insert(key, register);
        }
    }
    Ok(Section { birth, registers })
}
