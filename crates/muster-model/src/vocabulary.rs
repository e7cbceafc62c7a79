//! Vocabularies: open lists of codes with English and French labels, from `config/vocabularies`.
//!
//! The built-in lists are compiled in; an incident or an installation extends them. Closed lists are
//! enums of the table. Operations are not judged by these lists: a code that this device does not
//! know is kept and shown as it stands.

use std::{collections::BTreeMap, sync::OnceLock};

use serde::Deserialize;
use thiserror::Error;

use crate::{
    table::{Field, FieldType},
    text,
};

const SOURCES: [(&str, &str); 10] = [
    (
        "sectors",
        include_str!("../../../config/vocabularies/sectors.toml"),
    ),
    (
        "skills",
        include_str!("../../../config/vocabularies/skills.toml"),
    ),
    (
        "equipment",
        include_str!("../../../config/vocabularies/equipment.toml"),
    ),
    (
        "items",
        include_str!("../../../config/vocabularies/items.toml"),
    ),
    (
        "hazards",
        include_str!("../../../config/vocabularies/hazards.toml"),
    ),
    (
        "access_needs",
        include_str!("../../../config/vocabularies/access_needs.toml"),
    ),
    (
        "work_types",
        include_str!("../../../config/vocabularies/work_types.toml"),
    ),
    (
        "positions",
        include_str!("../../../config/vocabularies/positions.toml"),
    ),
    (
        "vulnerable_groups",
        include_str!("../../../config/vocabularies/vulnerable_groups.toml"),
    ),
    ("ppe", include_str!("../../../config/vocabularies/ppe.toml")),
];

/// Labels of one code.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// English.
    pub en: String,
    /// French.
    pub fr: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    entries: BTreeMap<String, Entry>,
}

/// One list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    entries: BTreeMap<String, Entry>,
    folded: BTreeMap<String, String>,
}

/// All lists, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabularies {
    lists: BTreeMap<String, Vocabulary>,
}

/// Why a vocabulary file was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VocabularyError {
    /// Not TOML, or not in this layout.
    #[error("not a vocabulary: {0}")]
    Layout(String),
    /// A code with other characters than letters, digits and hyphens.
    #[error("{0:?} is not a code: letters, digits and hyphens, at most 64")]
    Code(String),
}

impl Vocabulary {
    /// The labels of a code.
    pub fn entry(&self, code: &str) -> Option<&Entry> {
        self.entries.get(code)
    }

    /// The code of a code or a label in either language, however it is spelled.
    pub fn find(&self, given: &str) -> Option<&str> {
        self.folded.get(&text::fold(given)).map(String::as_str)
    }

    /// Codes with their labels, in the order of the codes.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(c, e)| (c.as_str(), e))
    }

    fn add(&mut self, code: &str, entry: Entry) {
        // A code is always found as itself, a label only where no code or earlier label is in the way.
        for label in [&entry.en, &entry.fr] {
            self.folded
                .entry(text::fold(label))
                .or_insert_with(|| code.to_owned());
        }
        self.folded.insert(text::fold(code), code.to_owned());
        self.entries.insert(code.to_owned(), entry);
    }
}

impl Vocabularies {
    /// The lists that come with the program.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Vocabularies> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            let mut all = Self::default();
            for (_, source) in SOURCES {
                // A test reads every file; a damaged one here would leave its list empty.
                let _ = all.extend(source);
            }
            all
        })
    }

    /// The list of a name.
    pub fn get(&self, name: &str) -> Option<&Vocabulary> {
        self.lists.get(name)
    }

    /// Names of the lists.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.lists.keys().map(String::as_str)
    }

    /// Adds the entries of a file, or a new list; nothing is taken when one entry is wrong. Returns
    /// the list's name.
    pub fn extend(&mut self, toml: &str) -> Result<String, VocabularyError> {
        let file: File =
            toml::from_str(toml).map_err(|e| VocabularyError::Layout(e.to_string()))?;
        if let Some(code) = file.entries.keys().find(|c| !text::is_code(c)) {
            return Err(VocabularyError::Code(code.clone()));
        }
        let list = self.lists.entry(file.name.clone()).or_default();
        for (code, entry) in file.entries {
            list.add(&code, entry);
        }
        Ok(file.name)
    }
}

/// The English and French labels of a code in a field of an enum or vocabulary type; none for other
/// fields and for codes that this device does not know, which are shown as they stand.
pub fn labels<'a>(
    vocabularies: &'a Vocabularies,
    field: &Field,
    code: &str,
) -> Option<(&'a str, &'a str)> {
    match field.ty {
        FieldType::Enum(list) => list.label(code).map(|l| (l.en, l.fr)),
        FieldType::Vocabulary(name) => {
            let entry = vocabularies.get(name)?.entry(code)?;
            Some((entry.en.as_str(), entry.fr.as_str()))
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_read_and_named_as_it_is_filed() {
        for (name, source) in SOURCES {
            assert_eq!(Vocabularies::default().extend(source).unwrap(), name);
            let list = Vocabularies::builtin().get(name).unwrap();
            assert!(list.entries().count() >= 11, "{name}");
            for (code, entry) in list.entries() {
                assert_eq!(list.find(code), Some(code), "{name}");
                assert!(list.find(&entry.fr).is_some() && list.find(&entry.en).is_some());
            }
        }
        assert_eq!(
            Vocabularies::builtin()
                .get("sectors")
                .unwrap()
                .entries()
                .count(),
            11
        );
    }

    #[test]
    fn labels_are_found_without_accents_and_lists_can_grow() {
        let mut all = Vocabularies::builtin().clone();
        let skills = all.get("skills").unwrap();
        assert_eq!(skills.find("PREMIERS SECOURS"), Some("first-aid"));
        assert_eq!(skills.find("electricite"), Some("electrical"));
        assert_eq!(skills.find("juggling"), None);
        all.extend(
            "name = \"skills\"\n[entries]\njuggling = { en = \"Juggling\", fr = \"Jonglerie\" }",
        )
        .unwrap();
        assert_eq!(
            all.get("skills").unwrap().find("jonglerie"),
            Some("juggling")
        );
        assert!(matches!(
            all.extend("name = \"x\"\n[entries]\n\"a b\" = { en = \"\", fr = \"\" }"),
            Err(VocabularyError::Code(_))
        ));
    }
}
