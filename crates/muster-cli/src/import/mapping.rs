//! Mapping files: columns to fields, values to codes, filters, keys, title templates.
//!
//! The format is described in `config/maps/README.md`. A mapping never changes a value's meaning
//! beyond what it says; what a value may be is the field table's business.

use std::{collections::BTreeMap, path::Path};

use muster_model::table::FieldType;
use muster_node::api::{FieldInput, exit};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::{
    failure::{Failure, Outcome},
    import::table::Reason,
};

/// A mapping file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mapping {
    /// The kind that rows become.
    pub kind: String,
    /// Names the source: rows of one source and key are one object, whoever imports them.
    pub source: String,
    /// Columns whose values together name a row.
    pub key: Vec<String>,
    /// The file's encoding; UTF-8 when not named.
    pub encoding: Option<String>,
    /// The delimiter; a comma when not named.
    pub delimiter: Option<char>,
    /// Rows to leave out.
    #[serde(default)]
    pub drop: Vec<Drop>,
    /// A column that lists codes.
    pub codes: Option<Codes>,
    /// Rows that become another kind.
    #[serde(default)]
    pub become_kind: Vec<Become>,
    /// What each field is made of.
    pub fields: BTreeMap<String, Rule>,
}

/// A reason to leave a row out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Drop {
    /// Why, for people: counted by it in the answer.
    #[serde(default)]
    reason: String,
    column: Option<String>,
    equals: Option<String>,
    not: Option<String>,
    outside: Option<[f64; 2]>,
    only_codes: Option<Vec<String>>,
}

/// Rows with only these codes become another kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Become {
    only_codes: Vec<String>,
    kind: String,
    fields: BTreeMap<String, Rule>,
}

/// How a cell lists codes: `2a. Name | Other name; 3. Name`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Codes {
    column: String,
    separator: String,
    /// What ends the code in an item.
    end: String,
}

/// What a field is made of; the first of these that is given counts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    value: Option<String>,
    column: Option<String>,
    columns: Option<Vec<String>>,
    template: Option<String>,
    /// Value of the first of the row's codes that is named here, in this table's order of codes.
    codes: Option<BTreeMap<String, String>>,
    /// Value of the first condition that holds.
    first: Option<Vec<When>>,
    /// Values of all conditions that hold, for sets.
    each: Option<Vec<When>>,
    /// Values to codes.
    map: Option<BTreeMap<String, String>>,
    /// Added to a local time that has no offset.
    offset: Option<String>,
    /// Cuts at this many characters, at a word.
    most: Option<usize>,
    default: Option<String>,
}

/// A condition on a column.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct When {
    column: String,
    equals: String,
    value: String,
}

/// What a row becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum Mapped {
    /// Left out by a filter, for this reason.
    Dropped(String),
    /// It cannot be used.
    Refused { column: String, why: Reason },
    /// An object.
    Row {
        key: String,
        fields: Vec<FieldInput>,
        columns: BTreeMap<String, String>,
        kind: Option<String>,
    },
}

/// A row's cells by column name.
struct Cells<'a> {
    header: &'a [String],
    cells: &'a [String],
}

impl Cells<'_> {
    fn get(&self, column: &str) -> &str {
        let at = self.header.iter().position(|h| h == column);
        at.and_then(|i| self.cells.get(i)).map_or("", |c| c.trim())
    }
}

impl Mapping {
    /// Reads a mapping file.
    pub fn read(path: &Path) -> Outcome<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Failure::file("read", path, &e))?;
        toml::from_str(&text).map_err(|e| {
            Failure::new("map-wrong", exit::USAGE)
                .with("path", path.display())
                .with("why", e)
        })
    }

    /// Without a mapping file: columns are called as the fields are; the key is the column `id`,
    /// or the whole row.
    pub fn by_header(kind: &str, file: &Path) -> Self {
        let source = file
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        Self {
            kind: kind.to_owned(),
            source,
            key: Vec::new(),
            encoding: None,
            delimiter: None,
            drop: Vec::new(),
            codes: None,
            become_kind: Vec::new(),
            fields: BTreeMap::new(),
        }
    }

    /// Says which columns that the mapping names are missing.
    pub fn check_columns(&self, header: &[String]) -> Outcome<()> {
        let rules = self
            .fields
            .values()
            .chain(self.become_kind.iter().flat_map(|b| b.fields.values()));
        let mut wanted: Vec<&String> = self.key.iter().collect();
        for rule in rules {
            wanted.extend(rule.column.iter().chain(rule.columns.iter().flatten()));
            wanted.extend(
                rule.first
                    .iter()
                    .chain(&rule.each)
                    .flatten()
                    .map(|w| &w.column),
            );
        }
        wanted.extend(self.drop.iter().filter_map(|d| d.column.as_ref()));
        wanted.extend(self.codes.iter().map(|c| &c.column));
        match wanted.into_iter().find(|w| !header.contains(w)) {
            Some(missing) => Err(Failure::new("column-missing", exit::REFUSED)
                .with("column", missing)
                .with("columns", header.join(", "))),
            None => Ok(()),
        }
    }

    /// Maps one row.
    pub fn map(&self, header: &[String], cells: &[String]) -> Mapped {
        let cells = Cells { header, cells };
        let codes = self
            .codes
            .as_ref()
            .map(|c| c.read(&cells))
            .unwrap_or_default();
        if let Some(drop) = self.drop.iter().find(|d| d.applies(&cells, &codes)) {
            return Mapped::Dropped(drop.reason.clone());
        }
        let key = match self.key(&cells) {
            Ok(key) => key,
            Err(column) => {
                return Mapped::Refused {
                    column,
                    why: Reason::KeyEmpty,
                };
            }
        };
        let only =
            |list: &[String]| !codes.is_empty() && codes.iter().all(|(c, _)| list.contains(c));
        let other = self.become_kind.iter().find(|b| only(&b.only_codes));
        let (rules, kind) = match other {
            Some(b) => (&b.fields, Some(b.kind.clone())),
            None => (&self.fields, None),
        };
        if rules.is_empty() {
            return Self::map_by_header(&cells, key);
        }
        let (mut fields, mut columns) = (Vec::new(), BTreeMap::new());
        let table = muster_model::table::kind_named(kind.as_ref().unwrap_or(&self.kind));
        for (name, rule) in rules {
            let ty = table.and_then(|k| k.named(name)).map(|f| f.ty);
            if matches!(ty, Some(FieldType::Place))
                && let Some(column) = rule.not_a_number(&cells)
            {
                return Mapped::Refused {
                    column: column.to_owned(),
                    why: Reason::NotACoordinate {
                        given: cut(cells.get(column).to_owned(), Some(40)),
                    },
                };
            }
            if let Some(value) = rule.value(&cells, &codes) {
                columns.insert(name.clone(), rule.source_column(self.codes.as_ref()));
                fields.push(FieldInput {
                    name: name.clone(),
                    value,
                });
            }
        }
        Mapped::Row {
            key,
            fields,
            columns,
            kind,
        }
    }

    fn map_by_header(cells: &Cells<'_>, key: String) -> Mapped {
        let (mut fields, mut columns) = (Vec::new(), BTreeMap::new());
        for name in cells.header.iter().filter(|n| n.as_str() != "id") {
            let cell = cells.get(name);
            if !cell.is_empty() {
                columns.insert(name.clone(), name.clone());
                fields.push(FieldInput {
                    name: name.clone(),
                    value: cell.into(),
                });
            }
        }
        Mapped::Row {
            key,
            fields,
            columns,
            kind: None,
        }
    }

    fn key(&self, cells: &Cells<'_>) -> Result<String, String> {
        if self.key.is_empty() {
            let id = cells.get("id");
            let own = if id.is_empty() {
                cells.cells.join("\u{1f}")
            } else {
                id.to_owned()
            };
            return Ok(format!("{}\u{1f}{own}", self.source));
        }
        let mut key = self.source.clone();
        for column in &self.key {
            let cell = cells.get(column);
            if cell.is_empty() {
                return Err(column.clone());
            }
            key.push('\u{1f}');
            key.push_str(cell);
        }
        Ok(key)
    }
}

impl Codes {
    /// Codes with the rest of their item.
    fn read(&self, cells: &Cells<'_>) -> Vec<(String, String)> {
        let items = cells.get(&self.column).split(self.separator.as_str());
        let read = items.map(str::trim).filter(|i| !i.is_empty()).map(|item| {
            match item.split_once(self.end.as_str()) {
                Some((code, name)) => (code.trim().to_owned(), name.trim().to_owned()),
                None => (item.to_owned(), item.to_owned()),
            }
        });
        read.collect()
    }
}

impl Drop {
    fn applies(&self, cells: &Cells<'_>, codes: &[(String, String)]) -> bool {
        if let Some(only) = &self.only_codes {
            return !codes.is_empty() && codes.iter().all(|(c, _)| only.contains(c));
        }
        let Some(column) = &self.column else {
            return false;
        };
        let cell = cells.get(column);
        if let Some([low, high]) = self.outside {
            // Not a number, or no place on Earth: refused later with its reason, not left out.
            return cell
                .parse::<f64>()
                .is_ok_and(|n| n.abs() <= 180.0 && (n < low || n > high))
                && !(column == "lat" && cell.parse::<f64>().is_ok_and(|n| n.abs() > 90.0));
        }
        match (&self.equals, &self.not) {
            (Some(equals), _) => cell == equals,
            (None, Some(not)) => cell != not,
            (None, None) => cell.is_empty(),
        }
    }
}

impl Rule {
    fn source_column(&self, codes: Option<&Codes>) -> String {
        if let Some(column) = &self.column {
            return column.clone();
        }
        if let Some(columns) = &self.columns {
            return columns.join(",");
        }
        if let Some(when) = self.first.iter().chain(&self.each).flatten().next() {
            return when.column.clone();
        }
        match (&self.codes, codes) {
            (Some(_), Some(codes)) => codes.column.clone(),
            _ => String::new(),
        }
    }

    /// The column of a pair of coordinates that holds none: joined with the other it would pass for
    /// the name of a place.
    fn not_a_number(&self, cells: &Cells<'_>) -> Option<&str> {
        let columns = self.columns.as_ref().filter(|c| c.len() == 2)?;
        let given = columns.iter().any(|c| !cells.get(c).is_empty());
        let number = |c: &&String| {
            // Decimal degrees and nothing else: no powers of ten, no infinity.
            let cell = cells.get(c).replace(',', ".");
            let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+');
            cell.bytes().all(plain) && cell.parse::<f64>().is_ok()
        };
        let wrong = columns.iter().find(|c| !number(c));
        wrong.filter(|_| given).map(String::as_str)
    }

    fn value(&self, cells: &Cells<'_>, codes: &[(String, String)]) -> Option<Json> {
        if let Some(each) = &self.each {
            let all: Vec<_> = each
                .iter()
                .filter(|w| cells.get(&w.column) == w.equals)
                .map(|w| w.value.clone())
                .collect();
            return (!all.is_empty()).then(|| all.into());
        }
        let text = self
            .text(cells, codes)
            .filter(|t| !t.is_empty())
            .or_else(|| self.default.clone())?;
        let text = match &self.map {
            Some(map) => map
                .get(&text)
                .cloned()
                .or_else(|| self.default.clone())
                .unwrap_or(text),
            None => text,
        };
        let text = match &self.offset {
            Some(offset) => format!("{text}{offset}"),
            None => text,
        };
        Some(cut(text, self.most).into())
    }

    fn text(&self, cells: &Cells<'_>, codes: &[(String, String)]) -> Option<String> {
        if let Some(value) = &self.value {
            return Some(value.clone());
        }
        if let Some(column) = &self.column {
            return Some(cells.get(column).to_owned());
        }
        if let Some(columns) = &self.columns {
            let parts: Vec<_> = columns.iter().map(|c| cells.get(c)).collect();
            return parts.iter().any(|p| !p.is_empty()).then(|| parts.join(","));
        }
        if let Some(template) = &self.template {
            return Some(fill(template, cells, codes));
        }
        if let Some(map) = &self.codes {
            // The most telling code first: sub-codes such as 2a before their heading 2.
            let mut sorted: Vec<_> = codes.iter().collect();
            sorted.sort_by_key(|(c, _)| std::cmp::Reverse(c.len()));
            return sorted.into_iter().find_map(|(c, _)| map.get(c).cloned());
        }
        let when = self
            .first
            .as_ref()?
            .iter()
            .find(|w| cells.get(&w.column) == w.equals)?;
        Some(when.value.clone())
    }
}

/// Replaces `{column}` by cells, `{codes}` by the names of the row's codes.
fn fill(template: &str, cells: &Cells<'_>, codes: &[(String, String)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}') {
            Some(("codes", tail)) => {
                let mut names: Vec<_> = codes.iter().collect();
                names.sort_by_key(|(c, _)| std::cmp::Reverse(c.len()));
                let names: Vec<_> = names
                    .iter()
                    .map(|(_, n)| n.rsplit('|').next().unwrap_or(n).trim())
                    .collect();
                out.push_str(&names.join(", "));
                rest = tail;
            }
            Some((column, tail)) => {
                out.push_str(cells.get(column));
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn cut(text: String, most: Option<usize>) -> String {
    let Some(most) = most.filter(|m| text.chars().count() > *m) else {
        return text;
    };
    let head: String = text.chars().take(most.saturating_sub(1)).collect();
    let at = head
        .rfind(' ')
        .filter(|i| *i > head.len() / 2)
        .unwrap_or(head.len());
    format!("{}…", head.get(..at).unwrap_or(&head).trim_end())
}
