//! `import alerts`: an alert becomes pinned information, one text a language; its cancellation takes
//! the pin away again.

use std::path::Path;

use clap::ArgMatches;
use muster_node::api::{FieldInput, ImportRow, Request, exit};
use serde_json::{Value as Json, json};

use super::required;
use crate::{
    Context, args,
    client::Client,
    failure::{Failure, Outcome},
    import::alerts::{self, Alert, Wants},
    render,
};

/// Blocks of an earlier alert that are looked for when it is taken back.
const BLOCKS: usize = 32;

/// `import alerts`.
pub fn import(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let file = required(m, "file")?;
    let path = Path::new(&file);
    let bytes = std::fs::read(path).map_err(|e| Failure::file("read", path, &e))?;
    let alert = alerts::read(&bytes).map_err(|why| {
        Failure::new("alert-wrong", exit::REFUSED)
            .with("path", path.display())
            .with("why", why)
    })?;
    let dry_run = m.get_flag("dry-run");
    let client = c.client()?;
    let rows = alert.blocks.len();
    let mut answer = json!({
        "rows": rows, "imported": 0, "unchanged": 0, "filtered": 0, "repeated": 0,
        "refused": [], "dry_run": dry_run, "filtered_for": {}, "taken_back": 0,
    });
    if let Wants::Nothing(why) = alert.wants {
        answer["filtered"] = json!(rows);
        answer["filtered_for"] = json!({ why: rows });
    } else {
        if !dry_run {
            answer["taken_back"] = json!(take_back(&client, &alert)?);
        }
        show(&client, &alert, dry_run, &mut answer)?;
    }
    let refused = answer["refused"].as_array().is_some_and(|r| !r.is_empty());
    c.answer("import", answer, |c, a| {
        let mut out = render::log::imported(c, a);
        let back = a["taken_back"].as_u64().unwrap_or(0);
        if back > 0 {
            out.push('\n');
            out.push_str(&c.words.with("said-taken-back", args!["count" = back]));
        }
        if a["filtered_for"]["exercise"].is_number() {
            out.push('\n');
            out.push_str(&c.words.t("said-exercise"));
        }
        out
    });
    Ok(if refused { exit::REFUSED } else { 0 })
}

fn key(name: &str, block: usize) -> String {
    format!("{name}#{block}")
}

fn row(at: usize, key: String, fields: Vec<FieldInput>) -> ImportRow {
    ImportRow {
        row: at as u64 + 1,
        key,
        fields,
        columns: Default::default(),
        kind: None,
    }
}

fn offer(client: &Client, row: ImportRow, dry_run: bool) -> Outcome<Json> {
    let answer = client.call(&Request::Import {
        kind: "information".into(),
        rows: vec![row],
        dry_run,
    })?;
    Ok(answer["rows"][0].clone())
}

fn show(client: &Client, alert: &Alert, dry_run: bool, answer: &mut Json) -> Outcome<()> {
    let mut first = None;
    for (at, fields) in alert.blocks.iter().enumerate() {
        let mut fields = fields.clone();
        if let Some(first) = first.clone().filter(|_| !dry_run) {
            fields.push(FieldInput {
                name: "translation_of".into(),
                value: first,
            });
        }
        let outcome = offer(client, row(at, key(&alert.name, at), fields), dry_run)?;
        match outcome["outcome"].as_str() {
            Some(what @ ("imported" | "unchanged")) => {
                answer[what] = json!(answer[what].as_u64().unwrap_or(0) + 1);
            }
            _ => {
                if let Some(refused) = answer["refused"].as_array_mut() {
                    refused.push(json!({
                        "row": at + 1, "column": outcome["field"], "code": outcome["code"],
                        "args": outcome["args"], "why": outcome["args"]["why"],
                    }));
                }
            }
        }
        if first.is_none() && outcome["id"].is_string() {
            first = Some(outcome["id"].clone());
        }
    }
    Ok(())
}

/// Takes the pin from what an alert updates or cancels, and lets it expire. How many texts it was.
fn take_back(client: &Client, alert: &Alert) -> Outcome<usize> {
    let mut count = 0;
    for name in &alert.references {
        for block in 0..BLOCKS {
            // An import that would change nothing says that the text is here.
            let known = offer(client, row(block, key(name, block), Vec::new()), true)?;
            if known["outcome"] != "unchanged" {
                break;
            }
            let field = |name: &str, value: &str| FieldInput {
                name: name.into(),
                value: value.into(),
            };
            client.call(&Request::Edit {
                kind: "information".into(),
                id: known["id"].as_str().unwrap_or_default().to_owned(),
                fields: vec![field("pinned", "no"), field("expires", &alert.sent)],
            })?;
            count += 1;
        }
    }
    Ok(count)
}
