//! The warehouse's tables: what each is for, its columns, its key. The only source of identifiers.
//!
//! `docs/headquarters.md` describes them for people; a change here is a new [`SCHEMA`] version.

use muster_model::{
    export::{self, ColumnType},
    table::{Field, FieldType, KINDS, Kind, Merge},
};

/// Version of the warehouse's layout.
pub const SCHEMA: i64 = 2;
/// Marks an SQLite file as ours (`PRAGMA application_id`): "MSHQ".
pub(crate) const APPLICATION: i64 = 0x4d53_4851;

/// What a table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// What was imported: the entries themselves, and what is known of the missing ones.
    Truth,
    /// Computed from the truth and the keys, anew by every import.
    Derived,
    /// About the imports: times, file names.
    Import,
}

/// One table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Names and SQLite types.
    pub(crate) columns: Vec<(String, &'static str)>,
    /// How many leading columns are the primary key.
    pub(crate) key: usize,
    /// Whether `export_csv` writes it.
    pub(crate) export: bool,
}

const T: &str = "TEXT";
const I: &str = "INTEGER";
const B: &str = "BLOB";

fn fixed(
    name: &str,
    role: Role,
    key: usize,
    export: bool,
    columns: &[(&str, &'static str)],
) -> Table {
    Table {
        name: name.to_owned(),
        role,
        columns: columns.iter().map(|(n, t)| ((*n).to_owned(), *t)).collect(),
        key,
        export,
    }
}

/// The tables that are the same whatever the model holds.
fn fixed_tables() -> Vec<Table> {
    use Role::{Derived, Import, Truth};
    vec![
        fixed("meta", Truth, 1, false, &[("name", T), ("value", B)]),
        fixed(
            "runs",
            Truth,
            3,
            false,
            &[
                ("log", T),
                ("first", I),
                ("head", T),
                ("last", I),
                ("lane", I),
                ("bytes", B),
            ],
        ),
        fixed(
            "entries",
            Truth,
            3,
            false,
            &[
                ("log", T),
                ("seq", I),
                ("hash", T),
                ("device", T),
                ("generation", T),
                ("lane", I),
                ("lamport", I),
                ("claimed", T),
                ("kind", I),
                ("urgency", I),
                ("grant", T),
                ("signed", I),
                ("parts", I),
                ("absent", I),
            ],
        ),
        fixed(
            "refused",
            Truth,
            1,
            false,
            &[
                ("run", T),
                ("code", T),
                ("device", T),
                ("generation", T),
                ("lane", I),
                ("first", I),
                ("last", I),
                ("waiting", B),
            ],
        ),
        fixed(
            "promised",
            Truth,
            5,
            false,
            &[
                ("device", T),
                ("generation", T),
                ("lane", I),
                ("from", I),
                ("to", I),
            ],
        ),
        fixed(
            "provenance",
            Derived,
            5,
            true,
            &[
                ("object", T),
                ("field", T),
                ("element", T),
                ("class", I),
                ("entry", T),
                ("kind", T),
                ("value", T),
                ("device", T),
                ("device_label", T),
                ("claimed", T),
                ("lamport", I),
                ("provisional", I),
            ],
        ),
        fixed(
            "conflicts",
            Derived,
            5,
            true,
            &[
                ("id", T),
                ("object", T),
                ("field", T),
                ("element", T),
                ("choice", I),
                ("what", T),
                ("kind", T),
                ("value", T),
                ("device", T),
                ("device_label", T),
                ("claimed", T),
                ("entry", T),
                ("provisional", I),
            ],
        ),
        fixed(
            "devices",
            Derived,
            2,
            true,
            &[
                ("device", T),
                ("grant", T),
                ("label", T),
                ("code", T),
                ("role", T),
                ("person", T),
                ("scope", T),
                ("admitted_by", T),
                ("admitted_under", T),
                ("expires", T),
            ],
        ),
        fixed(
            "gaps",
            Derived,
            5,
            true,
            &[
                ("device", T),
                ("generation", T),
                ("lane", I),
                ("from", I),
                ("to", I),
                ("device_label", T),
                ("known_by", T),
            ],
        ),
        fixed(
            "other_objects",
            Derived,
            1,
            true,
            &[("id", T), ("kind", T), ("erased", I), ("fields", T)],
        ),
        fixed(
            "counts",
            Derived,
            2,
            false,
            &[("what", T), ("which", T), ("n", I)],
        ),
        fixed(
            "columns",
            Derived,
            2,
            false,
            &[
                ("table", T),
                ("column", T),
                ("position", I),
                ("type", T),
                ("class", I),
                ("other_class", I),
                ("label_en", T),
                ("label_fr", T),
            ],
        ),
        fixed(
            "import_log",
            Import,
            1,
            false,
            &[
                ("import", I),
                ("started", T),
                ("reader", T),
                ("entries_new", I),
                ("entries_known", I),
                ("complete", I),
            ],
        ),
        fixed(
            "import_files",
            Import,
            2,
            false,
            &[
                ("import", I),
                ("path", T),
                ("entries_new", I),
                ("entries_known", I),
                ("complete", I),
                ("problem", T),
                ("damage", T),
            ],
        ),
    ]
}

fn sqlite_type(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Text | ColumnType::Json => T,
        ColumnType::Integer => I,
        ColumnType::Real => "REAL",
    }
}

fn model_table(name: String, columns: Vec<export::Column>, key: usize) -> Table {
    Table {
        name,
        role: Role::Derived,
        columns: columns
            .into_iter()
            .map(|c| (c.name, sqlite_type(c.ty)))
            .collect(),
        key,
        export: true,
    }
}

/// The table of a kind.
pub(crate) fn kind_table(kind: &'static Kind) -> Table {
    let mut table = model_table(kind.table_name(), export::columns(kind), 1);
    table.columns.push((IS_CONTESTED.to_owned(), I));
    table
}

/// 1 where some field of the object is contested; the column `contested` names the fields.
pub(crate) const IS_CONTESTED: &str = "is_contested";

/// The groups of a kind: lines, slots, skills.
pub(crate) fn groups(kind: &'static Kind) -> impl Iterator<Item = &'static Field> {
    kind.plain().filter(|f| f.merge == Merge::Group)
}

/// The table of the elements of a group.
pub(crate) fn group_table(kind: &'static Kind, group: &Field) -> Table {
    let name = format!("{}_{}", kind.table_name(), group.name);
    model_table(name, export::element_columns(kind, group), 2)
}

/// All tables.
pub(crate) fn tables() -> Vec<Table> {
    let mut out = fixed_tables();
    for kind in KINDS {
        out.push(kind_table(kind));
        out.extend(groups(kind).map(|group| group_table(kind, group)));
    }
    out
}

/// Which field a column of a kind's table comes from.
pub(crate) fn field_of(kind: &'static Kind, column: &str) -> Option<&'static Field> {
    kind.plain().find(|field| match (field.merge, field.ty) {
        (Merge::Register, FieldType::Place) => column
            .strip_prefix(field.name)
            .is_some_and(|rest| matches!(rest, "_lat" | "_lon" | "_text")),
        _ => field.name == column,
    })
}

/// An identifier in double quotes. Names come from this module and the field table only.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    /// The statement that makes it.
    pub(crate) fn ddl(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|(name, ty)| format!("{} {ty}", quoted(name)))
            .collect();
        let key = self.key_columns().join(", ");
        // Large rows do badly inside the tree of the key.
        let plain = matches!(self.name.as_str(), "runs" | "refused");
        let without = if plain { "" } else { " WITHOUT ROWID" };
        format!(
            "CREATE TABLE {} ({}, PRIMARY KEY ({key})){without};\n",
            quoted(&self.name),
            columns.join(", ")
        )
    }

    fn key_columns(&self) -> Vec<String> {
        let key = self.columns.iter().take(self.key);
        key.map(|(name, _)| quoted(name)).collect()
    }

    /// The statement that adds a row of all columns.
    pub(crate) fn insert(&self) -> String {
        let marks = vec!["?"; self.columns.len()].join(", ");
        format!("INSERT INTO {} VALUES ({marks})", quoted(&self.name))
    }

    /// The statement that reads all rows in the order of the key.
    pub(crate) fn select(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|(name, _)| quoted(name)).collect();
        format!(
            "SELECT {} FROM {} ORDER BY {}",
            columns.join(", "),
            quoted(&self.name),
            self.key_columns().join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_plain_and_differ_whatever_their_case() {
        let plain = |n: &str| {
            n.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        let all = tables();
        let names: BTreeSet<_> = all.iter().map(|t| &t.name).collect();
        assert_eq!(names.len(), all.len());
        for table in &all {
            let columns: BTreeSet<_> = table.columns.iter().map(|c| &c.0).collect();
            assert_eq!(columns.len(), table.columns.len(), "{}", table.name);
            assert!(
                plain(&table.name) && columns.iter().all(|c| plain(c)),
                "{}",
                table.name
            );
            assert!((1..=table.columns.len()).contains(&table.key));
        }
    }
}
