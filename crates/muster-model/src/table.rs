//! The field table: every kind, field, enum and label. A new field is one line in a file below.
//!
//! Numbers are what was signed and never change their meaning; names are what people and programs
//! type. What a value looks like is `value`'s business, how it merges is `state`'s.

mod enums;
mod other;
mod people;
mod places;
mod work;

pub use enums::*;
use muster_log::{
    ids::{Class, ObjectId},
    role::Role,
};

use crate::{text, value::kind as vk};

/// First number of fields that an incident defines.
pub const INCIDENT_FIELDS: u16 = 0xE000;
/// First number of internal slots; no table line may use it.
pub const INTERNAL_FIELDS: u16 = 0xF000;
/// The slot of aliases.
pub const ALIAS: u16 = 0xF000;

/// Numbers of kinds, stable for ever.
pub mod kinds {
    pub const ORGANISATION: u16 = 1;
    pub const VOLUNTEER: u16 = 2;
    pub const SITE: u16 = 3;
    pub const NEED: u16 = 4;
    pub const TASK: u16 = 5;
    pub const ASSIGNMENT: u16 = 6;
    pub const CHECK_IN: u16 = 7;
    pub const TEAM: u16 = 8;
    pub const NOTE: u16 = 9;
    pub const EVENT: u16 = 10;
    pub const MESSAGE: u16 = 11;
    pub const INFORMATION: u16 = 12;
    pub const ACTIVITY: u16 = 13;
    pub const PLEDGE: u16 = 14;
}

/// Words for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// English.
    pub en: &'static str,
    /// French.
    pub fr: &'static str,
}

/// One kind of object.
#[derive(Debug)]
pub struct Kind {
    /// Stable number.
    pub number: u16,
    /// Code in JSON values and in commands, with hyphens.
    pub name: &'static str,
    /// Letter of its numbers (`N-GYM-12`), where the kind has them.
    pub prefix: Option<char>,
    /// Label in the singular.
    pub label: Label,
    /// Field that names the object in lists.
    pub title: &'static str,
    /// Which value of which field moves alternative-class fields to their other class.
    pub alternative_when: Option<(&'static str, When)>,
    /// Its fields, in the order of their numbers.
    pub fields: &'static [Field],
}

/// The value that moves a kind's fields to their alternative class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The field is true.
    True,
    /// The field holds this code.
    Code(&'static str),
}

/// One field of a kind.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Stable number within the kind.
    pub number: u16,
    /// Name in JSON, with underscores; flags use hyphens.
    pub name: &'static str,
    /// What it holds.
    pub ty: FieldType,
    /// Class its parts are sealed in.
    pub class: Class,
    /// Class it moves to under the kind's condition.
    pub alternative: Option<Class>,
    /// How concurrent writes meet.
    pub merge: Merge,
    /// The group it is a member of, by number.
    pub group: Option<u16>,
    /// Least role that may write it.
    pub write: Role,
    /// Whether the person of the grant may write it on its own record.
    pub own: bool,
    /// Whether lists show it.
    pub list: bool,
    /// Label.
    pub label: Label,
}

/// How concurrent writes of one field meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// Multi-value register.
    Register,
    /// Add-wins set of values.
    Set,
    /// Sum of the records that several devices add.
    Sum,
    /// Add-wins set of elements that have fields of their own.
    Group,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum FieldType {
    /// One line.
    Text,
    /// Several lines.
    LongText,
    /// Telephone number, kept as typed.
    Phone,
    /// Mail address.
    Email,
    /// Number such as `N-GYM-12`.
    Number,
    /// Whole number within bounds.
    Integer(i64, i64),
    /// Quantity.
    Decimal,
    /// Yes or no.
    Boolean,
    /// Moment.
    Time,
    /// Day.
    Date,
    /// Span of time.
    Window,
    /// Weekly hours.
    Hours,
    /// One of a closed list.
    Enum(&'static Enumeration),
    /// Code of a vocabulary, which an incident may extend.
    Vocabulary(&'static str),
    /// BCP 47 language tag.
    Language,
    /// Place.
    Place,
    /// An object of one of these kinds; any kind when empty.
    Reference(&'static [u16]),
    /// An element of a group of another object.
    Element,
    /// A group of elements.
    Group,
}

/// A closed list of codes.
#[derive(Debug)]
pub struct Enumeration {
    /// Name of the list.
    pub name: &'static str,
    /// Codes with their labels, in the order to show.
    pub values: &'static [(&'static str, Label)],
}

impl Enumeration {
    /// The label of a code.
    pub fn label(&self, code: &str) -> Option<Label> {
        self.values
            .iter()
            .find(|(c, _)| *c == code)
            .map(|(_, label)| *label)
    }
}

impl FieldType {
    /// The type number of the values it takes; groups take none.
    pub fn value_kind(&self) -> u8 {
        match self {
            Self::Text | Self::LongText | Self::Phone | Self::Email | Self::Number => vk::TEXT,
            Self::Integer(..) => vk::INTEGER,
            Self::Decimal => vk::DECIMAL,
            Self::Boolean => vk::BOOLEAN,
            Self::Time => vk::TIME,
            Self::Date => vk::DATE,
            Self::Window => vk::WINDOW,
            Self::Hours => vk::HOURS,
            Self::Enum(_) | Self::Vocabulary(_) | Self::Language => vk::CODE,
            Self::Place => vk::PLACE,
            Self::Reference(_) => vk::REFERENCE,
            Self::Element => vk::ELEMENT,
            Self::Group => vk::CLEARED,
        }
    }

    /// Name of the type for help texts, exports and other programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::LongText => "long-text",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Number => "number",
            Self::Integer(..) => "integer",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Time => "time",
            Self::Date => "date",
            Self::Window => "window",
            Self::Hours => "hours",
            Self::Enum(_) => "enum",
            Self::Vocabulary(_) => "vocabulary",
            Self::Language => "language",
            Self::Place => "place",
            Self::Reference(_) => "reference",
            Self::Element => "element",
            Self::Group => "group",
        }
    }
}

/// A field with the defaults: C1, register, written from lead up, not in lists.
pub(crate) const fn field(
    number: u16,
    name: &'static str,
    ty: FieldType,
    en: &'static str,
    fr: &'static str,
) -> Field {
    Field {
        number,
        name,
        ty,
        class: Class::C1,
        alternative: None,
        merge: match ty {
            FieldType::Group => Merge::Group,
            _ => Merge::Register,
        },
        group: None,
        write: Role::Lead,
        own: false,
        list: false,
        label: Label { en, fr },
    }
}

impl Field {
    pub(crate) const fn c2(mut self) -> Self {
        self.class = Class::C2;
        self
    }
    pub(crate) const fn c3(mut self) -> Self {
        self.class = Class::C3;
        self
    }
    pub(crate) const fn or(mut self, class: Class) -> Self {
        self.alternative = Some(class);
        self
    }
    pub(crate) const fn set(mut self) -> Self {
        self.merge = Merge::Set;
        self
    }
    pub(crate) const fn sum(mut self) -> Self {
        self.merge = Merge::Sum;
        self
    }
    pub(crate) const fn of(mut self, group: u16) -> Self {
        self.group = Some(group);
        self
    }
    pub(crate) const fn any(mut self) -> Self {
        self.write = Role::Volunteer;
        self
    }
    pub(crate) const fn coordinator(mut self) -> Self {
        self.write = Role::Coordinator;
        self
    }
    pub(crate) const fn own(mut self) -> Self {
        self.own = true;
        self
    }
    pub(crate) const fn list(mut self) -> Self {
        self.list = true;
        self
    }

    /// The command-line flag, without dashes in front.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Whether a part of this class may carry the field.
    pub fn allows(&self, class: Class) -> bool {
        class == self.class || self.alternative == Some(class)
    }

    /// The classes the field may stand in.
    pub fn classes(&self) -> impl Iterator<Item = Class> {
        std::iter::once(self.class).chain(self.alternative)
    }

    /// Name inside its element: `line_item` of the group `lines` is `item`.
    pub fn member_name(&self) -> &'static str {
        match (self.group, self.name.split_once('_')) {
            (Some(_), Some((_, rest))) => rest,
            _ => self.name,
        }
    }

    /// Whether `role` may write the field; `own` says that the object is the grant's person. The
    /// root key serves limits and recovery and writes no data.
    pub fn may_write(&self, role: Role, own: bool) -> bool {
        role != Role::Root && (role <= self.write || self.own && own && role <= Role::Volunteer)
    }
}

impl Kind {
    /// The name with underscores, as tables and columns use it.
    pub fn table_name(&self) -> String {
        self.name.replace('-', "_")
    }

    /// The field of a number.
    pub fn field(&self, number: u16) -> Option<&'static Field> {
        self.fields
            .binary_search_by_key(&number, |f| f.number)
            .ok()
            .and_then(|i| self.fields.get(i))
    }

    /// The field of a name, exact.
    pub fn named(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// The field of a name, flag or label in either language.
    pub fn find(&self, given: &str) -> Option<&'static Field> {
        let folded = text::fold(given);
        let by = |same: &dyn Fn(&Field) -> bool| self.fields.iter().find(|f| same(f));
        by(&|f| text::fold(f.name) == folded)
            .or_else(|| by(&|f| text::fold(f.label.en) == folded))
            .or_else(|| by(&|f| text::fold(f.label.fr) == folded))
    }

    /// The members of a group.
    pub fn members(&self, group: u16) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().filter(move |f| f.group == Some(group))
    }

    /// Fields that are not members of a group.
    pub fn plain(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().filter(|f| f.group.is_none())
    }

    /// The number of a field of this table, for code that names it; 0, which no field has, when
    /// there is none (a test checks every name used in this crate).
    pub fn number_of(&self, name: &str) -> u16 {
        self.named(name).map_or(0, |f| f.number)
    }
}

/// All kinds, in the order of their numbers.
pub static KINDS: [&Kind; 14] = [
    &people::ORGANISATION,
    &people::VOLUNTEER,
    &places::SITE,
    &work::NEED,
    &work::TASK,
    &work::ASSIGNMENT,
    &places::CHECK_IN,
    &people::TEAM,
    &other::NOTE,
    &other::EVENT,
    &other::MESSAGE,
    &other::INFORMATION,
    &other::ACTIVITY,
    &other::PLEDGE,
];

/// The kind of a number.
pub fn kind(number: u16) -> Option<&'static Kind> {
    KINDS
        .get(usize::from(number).checked_sub(1)?)
        .copied()
        .filter(|k| k.number == number)
}

/// The kind of a name or label; `attendance` is another name of the check-ins.
pub fn kind_named(given: &str) -> Option<&'static Kind> {
    let folded = text::fold(given);
    if folded == "attendance" {
        return kind(kinds::CHECK_IN);
    }
    KINDS.iter().copied().find(|k| {
        k.name == folded || text::fold(k.label.en) == folded || text::fold(k.label.fr) == folded
    })
}

/// The name of a kind, also of one this version does not know.
pub fn kind_name(number: u16) -> String {
    match kind(number) {
        Some(kind) => kind.name.to_owned(),
        None => format!("kind-{number}"),
    }
}

/// The name of a field, also of one this version does not know.
pub fn field_name(kind_number: u16, field: u16) -> String {
    match kind(kind_number).and_then(|k| k.field(field)) {
        Some(f) => f.name.to_owned(),
        None => format!("field_{field}"),
    }
}

/// Whether the object is the person a grant acts for.
pub fn is_own(person: Option<ObjectId>, object: ObjectId) -> bool {
    person == Some(object)
}

#[cfg(test)]
mod tests;
