//! `import`: a file's rows, mapped to fields, offered to the daemon page by page.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::ArgMatches;
use muster_node::api::{ImportRow, Request, exit};
use serde_json::{Value as Json, json};

use super::{required, text};
use crate::{
    Context,
    failure::{Failure, Outcome},
    import::{
        mapping::{Mapped, Mapping},
        table::{Reason, Table},
    },
    lang::{Lang, Words},
    render,
};

/// Rows offered at a time.
const PAGE: usize = 200;
/// Bytes of cells offered at a time.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

#[derive(Default)]
struct Tally {
    rows: u64,
    imported: u64,
    unchanged: u64,
    filtered: u64,
    repeated: u64,
    filters: BTreeMap<String, u64>,
    refused: Vec<Json>,
}

/// `import`.
pub fn import(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let what = required(m, "what")?;
    let kind = what.trim_end_matches('s');
    let file = PathBuf::from(required(m, "file")?);
    let dry_run = m.get_flag("dry-run");
    let mapping = match text(m, "map") {
        Some(path) => Mapping::read(Path::new(&path))?,
        None => Mapping::by_header(kind, &file),
    };
    if mapping.kind != kind {
        return Err(Failure::new("map-other-kind", exit::USAGE)
            .with("map", &mapping.kind)
            .with("kind", kind));
    }
    let bytes = std::fs::read(&file).map_err(|e| Failure::file("read", &file, &e))?;
    let table = Table::read(
        &bytes,
        mapping.encoding.as_deref(),
        mapping.delimiter.unwrap_or(','),
    )
    .map_err(|why| {
        Failure::new("table-wrong", exit::REFUSED)
            .with("path", file.display())
            .with("why", why)
    })?;
    mapping.check_columns(&table.header)?;
    let client = c.client()?;
    let english = Words::new(Lang::En);
    let mut tally = Tally::default();
    let (mut page, mut size) = (Vec::new(), 0usize);
    let mut seen = std::collections::BTreeSet::new();
    let total = table.rows.len();
    for row in &table.rows {
        tally.rows += 1;
        match row
            .cells
            .as_ref()
            .map(|cells| mapping.map(&table.header, cells))
        {
            Err(f) => tally
                .refused
                .push(fault(row.number, &f.column, &f.why, &english)),
            Ok(Mapped::Dropped(reason)) => {
                tally.filtered += 1;
                *tally.filters.entry(reason).or_default() += 1;
            }
            Ok(Mapped::Refused { column, why }) => {
                tally
                    .refused
                    .push(fault(row.number, &column, &why, &english));
            }
            Ok(Mapped::Row {
                key,
                fields,
                columns,
                kind,
            }) => {
                if seen.insert(key.clone()) {
                    size += row
                        .cells
                        .as_ref()
                        .map_or(0, |c| c.iter().map(String::len).sum());
                    page.push(ImportRow {
                        row: row.number,
                        key,
                        fields,
                        columns,
                        kind,
                    });
                } else {
                    tally.repeated += 1;
                }
            }
        }
        if page.len() >= PAGE || size >= PAGE_BYTES {
            size = 0;
            offer(
                &client,
                kind,
                std::mem::take(&mut page),
                dry_run,
                &mut tally,
                &english,
            )?;
            if std::io::IsTerminal::is_terminal(&std::io::stderr()) && !c.json {
                eprint!("\r{}/{total}", tally.rows);
            }
        }
    }
    offer(&client, kind, page, dry_run, &mut tally, &english)?;
    tally.refused.sort_by_key(|r| r["row"].as_u64());
    let refused = !tally.refused.is_empty();
    let answer = json!({
        "rows": tally.rows, "imported": tally.imported, "unchanged": tally.unchanged,
        "filtered": tally.filtered, "repeated": tally.repeated, "refused": tally.refused,
        "dry_run": dry_run, "filtered_for": tally.filters,
    });
    c.answer("import", answer, render::log::imported);
    Ok(if refused { exit::REFUSED } else { 0 })
}

/// A refused row: a sentence in English for programs, and what it takes to say it in any language.
fn refusal(row: u64, column: &str, code: &str, args: Json, english: &Words) -> Json {
    let mut out = json!({ "row": row, "column": column, "code": code, "args": args });
    let why = render::log::why(english, &out);
    if let Some(map) = out.as_object_mut() {
        map.insert("why".into(), why.into());
    }
    out
}

fn fault(row: u64, column: &str, why: &Reason, english: &Words) -> Json {
    let args: serde_json::Map<_, _> = why
        .args()
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v.into()))
        .collect();
    refusal(row, column, why.code(), args.into(), english)
}

fn offer(
    client: &crate::client::Client,
    kind: &str,
    rows: Vec<ImportRow>,
    dry_run: bool,
    tally: &mut Tally,
    english: &Words,
) -> Outcome<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns: Vec<_> = rows.iter().map(|r| (r.row, r.columns.clone())).collect();
    let answer = client.call(&Request::Import {
        kind: kind.to_owned(),
        rows,
        dry_run,
    })?;
    for (outcome, (row, columns)) in answer["rows"].as_array().into_iter().flatten().zip(columns) {
        match outcome["outcome"].as_str() {
            Some("imported") => tally.imported += 1,
            Some("unchanged") => tally.unchanged += 1,
            _ => {
                let field = outcome["field"].as_str().unwrap_or_default();
                let column = columns.get(field).map_or(field, String::as_str);
                let code = outcome["code"].as_str().unwrap_or("other");
                tally
                    .refused
                    .push(refusal(row, column, code, outcome["args"].clone(), english));
            }
        }
    }
    Ok(())
}
