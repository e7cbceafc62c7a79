//! The small derived tables: devices, gaps, what each column is, and counts of everything.

use std::collections::BTreeMap;

use muster_log::{book::Book, ids::Class};
use muster_model::{table::KINDS, value::time_text};
use rusqlite::params;

use crate::{
    conn::Db,
    derive::GapReport,
    error::HqError,
    gaps,
    ledger::label,
    replay::Replayed,
    runs::{generation_text, place},
    schema,
};

/// Writes a row for each grant whose giver could give it, whether or not it was ended since.
pub(crate) fn devices(db: &Db, book: &Book) -> Result<(), HqError> {
    let authority = book.authority();
    for grant in authority.grants().filter(|g| authority.is_valid(g)) {
        let giver = grant.parent.and_then(|p| authority.grant(&p));
        db.run(
            "INSERT INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                grant.device.hex(),
                grant.id.hex(),
                grant.label,
                grant.code,
                grant.role.code(),
                grant.person.map(|p| p.hex()),
                grant.scope.map(|s| s.hex()),
                giver.map(|g| g.device.hex()),
                grant.parent.map(|p| p.hex()),
                grant.expires.map(time_text),
            ],
        )?;
    }
    Ok(())
}

/// Writes a row for each stretch that is missing.
pub(crate) fn gaps(db: &Db, book: &Book) -> Result<Vec<GapReport>, HqError> {
    let mut out = Vec::new();
    for gap in gaps::gaps(db, book)? {
        let report = GapReport {
            device: gap.log.device.hex(),
            label: label(book, &gap.log.device),
            generation: generation_text(gap.log.generation.0),
            lane: gap.log.lane.0,
            from: gap.from,
            to: gap.to,
            known_by: gap.known_by,
        };
        db.run(
            "INSERT INTO gaps VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![
                report.device,
                report.generation,
                report.lane,
                place(report.from),
                place(report.to),
                report.label,
                report.known_by,
            ],
        )?;
        out.push(report);
    }
    Ok(out)
}

/// Writes what each column of a kind's tables is, with the class of what it shows.
pub(crate) fn columns(db: &Db) -> Result<(), HqError> {
    let sql = "INSERT INTO columns VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    for kind in KINDS {
        let table = schema::kind_table(kind);
        for (position, (name, ty)) in (1i64..).zip(&table.columns) {
            let field = schema::field_of(kind, name);
            // What no field stands behind is about the object as such.
            let class = field.map_or(Class::C1, |f| f.class);
            db.run(
                sql,
                params![
                    table.name,
                    name,
                    position,
                    ty,
                    class.0,
                    field.and_then(|f| f.alternative).map(|c| c.0),
                    field.map(|f| f.label.en),
                    field.map(|f| f.label.fr),
                ],
            )?;
        }
        for group in schema::groups(kind) {
            let table = schema::group_table(kind, group);
            for (position, (name, ty)) in (1i64..).zip(&table.columns) {
                let member = kind.members(group.number).find(|m| m.member_name() == name);
                db.run(
                    sql,
                    params![
                        table.name,
                        name,
                        position,
                        ty,
                        member.unwrap_or(group).class.0,
                        member.and_then(|f| f.alternative).map(|c| c.0),
                        member.map(|f| f.label.en),
                        member.map(|f| f.label.fr),
                    ],
                )?;
            }
        }
    }
    Ok(())
}

/// Writes what adds up: entries, objects, conflicts, and what does not count.
pub(crate) fn counts(
    db: &Db,
    book: &Book,
    read: &Replayed,
    conflicts: &BTreeMap<&'static str, u64>,
    gaps: usize,
) -> Result<(), HqError> {
    let add = |what: &str, which: &str, n: u64| {
        db.run(
            "INSERT INTO counts VALUES (?, ?, ?)",
            params![what, which, place(n)],
        )
    };
    add("entries", "", book.entries())?;
    add(
        "logs",
        "",
        book.logs().filter(|l| l.count() > 0).count() as u64,
    )?;
    add("grants", "", book.authority().grants().count() as u64)?;
    add("gaps", "", gaps as u64)?;
    add("absent-parts", "", read.tally.absent)?;
    add("erased-parts", "", read.tally.erased)?;
    let erased = book.erased().objects().count();
    add("erased-objects", "", erased as u64)?;
    for (class, n) in &read.tally.sealed {
        add("sealed-parts", &format!("c{class}"), *n)?;
    }
    for (reason, n) in &read.tally.inert {
        add("inert", reason, *n)?;
    }
    for (what, n) in conflicts {
        add("conflicts", what, *n)?;
    }
    for kind in KINDS {
        let objects = read.state.of_kind(kind.number).count();
        add("objects", kind.name, objects as u64)?;
    }
    Ok(())
}
