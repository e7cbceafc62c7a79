//! Objects: one on a sheet, many in a table.

use muster_model::table::{self, FieldType, Kind, Merge};
use serde_json::Value as Json;

use super::{
    erase, list as members,
    table::{Table, sheet},
    text, values,
};
use crate::{Context, args};

/// "Need N-GYM-12 is saved".
pub fn added(c: &Context<'_>, answer: &Json) -> String {
    let kind = table::kind_named(text(answer, "kind"));
    let label = kind.map_or("", |k| c.words.lang.label(k.label));
    c.words.with(
        "said-added",
        args!["kind" = label, "short" = text(answer, "short")],
    )
}

/// What changed.
pub fn edited(c: &Context<'_>, answer: &Json) -> String {
    let key = if answer["changed"] == true {
        "said-edited"
    } else {
        "said-unchanged"
    };
    let first = c.words.with(key, args!["short" = text(answer, "short")]);
    format!("{first}\n\n{}", item(c, &answer["item"]))
}

/// One object.
pub fn show(c: &Context<'_>, answer: &Json) -> String {
    item(c, &answer["item"])
}

fn item(c: &Context<'_>, item: &Json) -> String {
    if item["erased"] == true {
        return erase::said(c, item);
    }
    let Some(kind) = table::kind_named(text(item, "kind")) else {
        return serde_json::to_string_pretty(item).unwrap_or_default();
    };
    let refers = &item["refers"];
    let contested: Vec<_> = members(item, "contested")
        .filter_map(Json::as_str)
        .collect();
    let mut lines = vec![(
        c.words.lang.label(kind.label).to_owned(),
        text(item, "short").to_owned(),
    )];
    for field in kind.fields.iter().filter(|f| f.group.is_none()) {
        let held = &item["fields"][field.name];
        if held.is_null() || field.name == "number" {
            continue;
        }
        let label = c.words.lang.label(field.label).to_owned();
        if field.merge == Merge::Group {
            for element in values::elements(c, kind, field, held, refers) {
                lines.push((label.clone(), element));
            }
            continue;
        }
        let mut shown = values::value(c.words, Some(field), held, refers);
        if field.name == "status" && item["state"] == "unconfirmed" {
            shown = format!("{shown} ({})", c.words.t("word-unconfirmed"));
        }
        if contested.contains(&field.name) {
            shown = format!("{shown} — {}", c.words.t("word-contested"));
        }
        lines.push((label, shown));
    }
    if let Some(fields) = item["fields"].as_object() {
        for (name, held) in fields.iter().filter(|(n, _)| kind.named(n).is_none()) {
            lines.push((name.clone(), values::value(c.words, None, held, refers)));
        }
    }
    lines.push((c.words.t("label-id"), text(item, "id").to_owned()));
    sheet(c, &lines)
}

/// Objects of one kind.
pub fn list(c: &Context<'_>, kind: &Kind, answer: &Json) -> String {
    let columns: Vec<_> = kind.fields.iter().filter(|f| f.list).collect();
    let mut headings = vec![c.words.t("label-number")];
    headings.extend(
        columns
            .iter()
            .map(|f| c.words.lang.label(f.label).to_owned()),
    );
    let mut table = Table::new(headings);
    for item in members(answer, "items") {
        let contested: Vec<_> = members(item, "contested")
            .filter_map(Json::as_str)
            .collect();
        let mut row = vec![text(item, "short").to_owned()];
        for field in &columns {
            let shown = values::value(
                c.words,
                Some(field),
                &item["fields"][field.name],
                &item["refers"],
            );
            let mark = if contested.contains(&field.name) {
                " ⚠"
            } else {
                ""
            };
            let mark = if c.plain && !mark.is_empty() {
                format!(" ({})", c.words.t("word-contested"))
            } else {
                mark.to_owned()
            };
            let shown = match field.name == "status" && item["state"] == "unconfirmed" {
                true => format!("{shown} ({})", c.words.t("word-unconfirmed")),
                false => shown,
            };
            row.push(format!("{shown}{mark}"));
        }
        table.row(row);
    }
    let mut out = match table.is_empty() {
        true => c.words.t("said-none"),
        false => table.draw(c),
    };
    for erased in members(answer, "erased") {
        out.push('\n');
        out.push_str(&erase::line(c, text(erased, "short"), erased));
    }
    if let Some(next) = answer["next"].as_str() {
        out.push_str("\n\n");
        out.push_str(&c.words.with("said-more", args!["after" = next]));
    }
    out
}

/// Texts that lack a language, with those that they have.
pub fn missing(c: &Context<'_>, answer: &Json) -> String {
    let tag = text(answer, "missing");
    let headings = ["label-number", "label-title", "label-languages"];
    let mut rows = Table::new(headings.iter().map(|h| c.words.t(h)).collect());
    for item in members(answer, "items") {
        let languages: Vec<_> = members(item, "languages")
            .filter_map(Json::as_str)
            .collect();
        rows.row(vec![
            text(item, "short").to_owned(),
            text(&item["fields"], "title").to_owned(),
            languages.join(", "),
        ]);
    }
    if rows.is_empty() {
        return c.words.with("said-none-missing", args!["language" = tag]);
    }
    let first = members(answer, "items")
        .next()
        .map_or("", |i| text(i, "short"));
    let how = c.words.with(
        "said-missing-language",
        args!["language" = tag, "short" = first],
    );
    format!("{}\n\n{how}", rows.draw(c))
}

/// Objects of several kinds.
pub fn found(c: &Context<'_>, answer: &Json) -> String {
    let headings = ["label-number", "label-kind", "label-title", "label-status"];
    let mut rows = Table::new(headings.iter().map(|h| c.words.t(h)).collect());
    for item in members(answer, "items") {
        let kind = table::kind_named(text(item, "kind"));
        let title = kind.map_or(Json::Null, |k| item["fields"][k.title].clone());
        let field = kind.and_then(|k| k.named(k.title));
        let status = kind
            .and_then(|k| k.named("status"))
            .filter(|f| matches!(f.ty, FieldType::Enum(_)));
        rows.row(vec![
            text(item, "short").to_owned(),
            kind.map_or_else(
                || text(item, "kind").to_owned(),
                |k| c.words.lang.label(k.label).to_owned(),
            ),
            values::value(c.words, field, &title, &item["refers"]),
            values::value(c.words, status, &item["fields"]["status"], &Json::Null),
        ]);
    }
    if rows.is_empty() {
        c.words.t("said-none")
    } else {
        rows.draw(c)
    }
}
