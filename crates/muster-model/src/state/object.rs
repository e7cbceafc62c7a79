//! One object, decoded: its registers by class and field, and how they are read.
//!
//! The registers of C0 and C1, of C2 and of C3 stand apart, so that a device that reads less
//! computes the same for what it reads.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    ids::{Class, HashCheck, Lamport, LogPrefix, Millis, ObjectId, Seq},
    operation::{Reference, Value},
};

use super::register::{Register, Write, rank};
use crate::{
    table::{self, FieldType, Kind, Merge},
    value::{Typed, kind as vk},
};

/// Which register of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Kind the writes name; only those of the object's own kind are shown.
    pub kind: u16,
    /// Class of the parts.
    pub class: u8,
    /// Field.
    pub field: u16,
    /// Element, 0 for a plain field.
    pub element: u64,
}

/// The first counting write of a section, by logical time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Birth {
    /// Logical time.
    pub lamport: Lamport,
    /// Log.
    pub log: LogPrefix,
    /// Place in it.
    pub seq: Seq,
    /// Branch of it.
    pub check: HashCheck,
    /// Kind it names.
    pub kind: u16,
    /// Claimed time.
    pub claimed: Millis,
}

/// The registers of one group of classes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// Its first write.
    pub birth: Option<Birth>,
    /// Its registers.
    pub registers: BTreeMap<Key, Register>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Object {
    /// Erased: nothing else is kept.
    pub erased: bool,
    /// C0 and C1, C2, C3.
    pub sections: [Section; 3],
}

/// One alive write with where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Alive<'a> {
    /// The operation.
    pub reference: Reference,
    /// Its class.
    pub class: Class,
    /// What it wrote.
    pub write: &'a Write,
}

/// The section a class belongs to; none for classes nobody reads.
pub fn section_of(class: Class) -> Option<usize> {
    match class.0 {
        0 | 1 => Some(0),
        2 => Some(1),
        3 => Some(2),
        _ => None,
    }
}

impl Object {
    /// The kind its first readable write names.
    pub fn kind(&self) -> Option<u16> {
        self.birth().map(|b| b.kind)
    }

    /// Its first write among what is readable, the public section first.
    pub fn birth(&self) -> Option<Birth> {
        self.sections.iter().find_map(|s| s.birth)
    }

    /// The table line of its kind.
    pub fn table(&self) -> Option<&'static Kind> {
        self.kind().and_then(table::kind)
    }

    fn register(&self, class: u8, field: u16, element: u64) -> Option<&Register> {
        let kind = self.kind()?;
        let section = self.sections.get(section_of(Class(class))?)?;
        section.registers.get(&Key {
            kind,
            class,
            field,
            element,
        })
    }

    /// Alive writes of a field in every class, least confidential first.
    pub fn alive(&self, field: u16, element: u64) -> Vec<Alive<'_>> {
        let mut out = Vec::new();
        for class in 0..=3 {
            if let Some(register) = self.register(class, field, element) {
                out.extend(register.alive.iter().map(|(at, write)| Alive {
                    reference: *at,
                    class: Class(class),
                    write,
                }));
            }
        }
        out
    }

    /// The alive writes to choose the value from: where a field can stand in two classes and the
    /// other class holds a value, that one.
    pub fn candidates(&self, field: u16, element: u64) -> Vec<Alive<'_>> {
        let mut all = self.alive(field, element);
        let known = self.table().and_then(|t| t.field(field));
        let first = known.map_or(Class::C1, |f| f.class);
        let other = all
            .iter()
            .filter(|a| a.class != first && a.write.value.kind != vk::CLEARED)
            .map(|a| a.class)
            .max();
        if let Some(other) = other {
            all.retain(|a| a.class == other);
        }
        all
    }

    /// The write shown for a register, the same on every device that reads the class.
    pub fn provisional(&self, field: u16, element: u64) -> Option<Alive<'_>> {
        self.candidates(field, element)
            .into_iter()
            .max_by_key(|a| rank(&a.reference, a.write))
    }

    /// The value shown for a register; none when there is none or it was cleared.
    pub fn value(&self, field: u16, element: u64) -> Option<Typed> {
        match Typed::read(&self.provisional(field, element)?.write.value) {
            Typed::Cleared => None,
            typed => Some(typed),
        }
    }

    /// The value of a plain field by its name.
    pub fn get(&self, name: &str) -> Option<Typed> {
        self.value(self.table()?.named(name)?.number, 0)
    }

    /// The code of a plain field by its name.
    pub fn code(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Typed::Code(code) => Some(code),
            _ => None,
        }
    }

    /// The text of a plain field by its name.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Typed::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The moment in a plain field by its name.
    pub fn time(&self, name: &str) -> Option<Millis> {
        match self.get(name)? {
            Typed::Time(time) => Some(time),
            _ => None,
        }
    }

    /// The object that a plain field by its name refers to.
    pub fn reference(&self, name: &str) -> Option<ObjectId> {
        match self.get(name)? {
            Typed::Reference(id) => Some(id),
            _ => None,
        }
    }

    /// Whether a plain field by its name is true.
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some(Typed::Boolean(true))
    }

    /// The values of a set, in order.
    pub fn set(&self, field: u16) -> BTreeSet<Typed> {
        self.registers_of(field)
            .flat_map(|(_, r)| r.alive.values())
            .map(|w| Typed::read(&w.value))
            .collect()
    }

    /// The values of a set by its name.
    pub fn set_named(&self, name: &str) -> BTreeSet<Typed> {
        self.table()
            .and_then(|t| t.named(name))
            .map_or_else(BTreeSet::new, |f| self.set(f.number))
    }

    /// The alive elements of a group.
    pub fn elements(&self, group: u16) -> BTreeSet<u64> {
        self.registers_of(group)
            .filter(|(_, r)| !r.alive.is_empty())
            .map(|(key, _)| key.element)
            .collect()
    }

    /// The sum of a field, in units of 1e-9; none when nobody added to it.
    pub fn sum(&self, field: u16, element: u64) -> Option<i128> {
        let records = self.alive(field, element);
        if records.is_empty() {
            return None;
        }
        Some(
            records
                .iter()
                .map(|a| match Typed::read(&a.write.value) {
                    Typed::Integer(n) => i128::from(n) * 1_000_000_000,
                    Typed::Decimal(d) => d.nano(),
                    _ => 0,
                })
                .fold(0_i128, i128::saturating_add),
        )
    }

    /// All registers of a field in all classes.
    pub fn registers_of(&self, field: u16) -> impl Iterator<Item = (&Key, &Register)> {
        let kind = self.kind().unwrap_or(0);
        (0..=3).flat_map(move |class| {
            let key = move |element| Key {
                kind,
                class,
                field,
                element,
            };
            section_of(Class(class))
                .and_then(|i| self.sections.get(i))
                .into_iter()
                .flat_map(move |s| s.registers.range(key(0)..=key(u64::MAX)))
        })
    }

    /// Whether people have to choose: more than one value of a register is alive, or a value stands
    /// in both of the classes that a field may have.
    pub fn is_contested_at(&self, field: u16, element: u64) -> bool {
        let mut classes_with_value = 0;
        for class in 0..=3 {
            let Some(register) = self.register(class, field, element) else {
                continue;
            };
            if register.distinct() > 1 {
                return true;
            }
            let holds = register.alive.values().any(|w| w.value.kind != vk::CLEARED);
            classes_with_value += u8::from(holds);
        }
        classes_with_value > 1
    }

    /// All contested registers that are shown: (field, element).
    pub fn contested(&self) -> BTreeSet<(u16, u64)> {
        let Some(kind) = self.kind() else {
            return BTreeSet::new();
        };
        let table = table::kind(kind);
        let mut seen: BTreeSet<(u16, u64)> = BTreeSet::new();
        for (key, register) in self.sections.iter().flat_map(|s| &s.registers) {
            if key.kind != kind || key.field == table::ALIAS || register.alive.is_empty() {
                continue;
            }
            let field = table.and_then(|t| t.field(key.field));
            // Two islands that import one file each give a row a number: both stay good.
            if field.is_some_and(|f| matches!(f.ty, FieldType::Number)) {
                continue;
            }
            let suspect = register.alive.len() > 1 || field.is_none_or(|f| f.alternative.is_some());
            if suspect && field.is_none_or(|f| f.merge == Merge::Register) {
                seen.insert((key.field, key.element));
            }
        }
        seen.retain(|(number, element)| {
            let group = table.and_then(|t| t.field(*number)).and_then(|f| f.group);
            let shown = group.is_none_or(|g| self.elements(g).contains(element));
            shown && self.is_contested_at(*number, *element)
        });
        seen
    }

    /// The objects it is an alias of.
    pub fn aliases(&self) -> BTreeSet<ObjectId> {
        self.registers_of(table::ALIAS)
            .flat_map(|(_, r)| r.alive.values())
            .filter_map(|w| target(&w.value))
            .collect()
    }

    /// All objects that alive writes refer to, aliases apart.
    pub fn references(&self) -> BTreeSet<ObjectId> {
        self.sections
            .iter()
            .flat_map(|s| &s.registers)
            .filter(|(key, _)| key.field != table::ALIAS)
            .flat_map(|(_, r)| r.alive.values())
            .filter_map(|w| target(&w.value))
            .collect()
    }

    /// The latest claimed time among alive writes.
    pub fn changed(&self) -> Option<Millis> {
        self.sections
            .iter()
            .flat_map(|s| s.registers.values())
            .flat_map(|r| r.alive.values())
            .map(|w| w.claimed)
            .max()
    }

    /// Every field of the object's kind that holds something, known or not.
    pub fn fields_present(&self) -> BTreeSet<u16> {
        let kind = self.kind();
        self.sections
            .iter()
            .flat_map(|s| &s.registers)
            .filter(|(key, r)| Some(key.kind) == kind && !r.alive.is_empty())
            .map(|(key, _)| key.field)
            .filter(|f| *f < table::INTERNAL_FIELDS)
            .collect()
    }
}

fn target(value: &Value) -> Option<ObjectId> {
    if value.kind != vk::REFERENCE {
        return None;
    }
    let bytes: [u8; 16] = (&value.bytes[..]).try_into().ok()?;
    Some(ObjectId(bytes))
}
