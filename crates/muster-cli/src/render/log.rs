//! Entries, histories, imports, bundles, verifications.

use std::collections::BTreeMap;

use muster_model::table;
use serde_json::Value as Json;

use super::{about, by_reason, forks, id_short, list, number, table::Table, text, values};
use crate::{Context, args, failure::refusal_text, lang::Words};

fn who(entry: &Json) -> String {
    match text(entry, "label") {
        "" => id_short(text(entry, "device")).to_owned(),
        label => label.to_owned(),
    }
}

fn what(c: &Context<'_>, entry: &Json) -> String {
    let objects: Vec<_> = list(entry, "objects").map(about).collect();
    let acts: Vec<_> = list(entry, "acts")
        .filter_map(Json::as_str)
        .map(str::to_owned)
        .collect();
    let mut all = objects;
    all.extend(acts);
    if all.is_empty() {
        c.words.t("word-unreadable")
    } else {
        all.join("; ")
    }
}

/// `log`.
pub fn log(c: &Context<'_>, answer: &Json) -> String {
    let headings = ["label-time", "label-device", "label-place", "label-about"];
    let mut table = Table::new(headings.iter().map(|h| c.words.t(h)).collect());
    for entry in list(answer, "items") {
        table.row(vec![
            values::written(c.words, entry),
            who(entry),
            format!("{}/{}", number(entry, "lane"), number(entry, "seq")),
            what(c, entry),
        ]);
    }
    let mut out = if table.is_empty() {
        c.words.t("said-none")
    } else {
        table.draw(c)
    };
    for refused in by_reason(c.words, &answer["refused"]) {
        out.push_str(&format!(
            "\n{}{}{refused}",
            c.words.t("label-refused"),
            c.words.colon()
        ));
    }
    out.push_str(&forks::below(c, answer));
    out
}

/// A line of `watch`.
pub fn change(c: &Context<'_>, change: &Json) -> String {
    let what = if change["object"].is_object() {
        about(&change["object"])
    } else {
        c.words.t("word-authority")
    };
    format!(
        "{}  {}  {what}",
        values::time(c.words, text(change, "claimed")),
        who(change)
    )
}

/// `history`.
pub fn history(c: &Context<'_>, answer: &Json) -> String {
    let kind = table::kind_named(text(&answer["object"], "kind"));
    let headings = [
        "label-time",
        "label-device",
        "label-field",
        "label-value",
        "label-replaced",
    ];
    let mut rows = Table::new(headings.iter().map(|h| c.words.t(h)).collect());
    for change in list(answer, "changes") {
        let field = kind.and_then(|k| k.named(text(change, "field")));
        let label = field.map_or_else(
            || text(change, "field").to_owned(),
            |f| c.words.lang.label(f.label).to_owned(),
        );
        let old: Vec<_> = list(change, "replaced")
            .map(|v| values::value(c.words, field, v, &Json::Null))
            .collect();
        rows.row(vec![
            values::written(c.words, change),
            who(change),
            label,
            values::value(c.words, field, &change["value"], &Json::Null),
            old.join(", "),
        ]);
    }
    if answer["erasure"].is_object() {
        return super::erase::line(c, text(&answer["object"], "short"), &answer["erasure"]);
    }
    format!("{}\n\n{}", about(&answer["object"]), rows.draw(c))
}

/// Why a row was refused, as a sentence.
pub fn why(words: &Words, row: &Json) -> String {
    let args: BTreeMap<String, String> = row["args"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect();
    refusal_text(words, text(row, "code"), &args, "why-")
}

/// `import`.
pub fn imported(c: &Context<'_>, a: &Json) -> String {
    let refused = a["refused"].as_array().map_or(0, Vec::len);
    let key = if a["dry_run"] == true {
        "said-import-dry"
    } else {
        "said-imported"
    };
    let mut out = c.words.with(
        key,
        args![
            "rows" = number(a, "rows"),
            "imported" = number(a, "imported"),
            "unchanged" = number(a, "unchanged"),
            "filtered" = number(a, "filtered"),
            "repeated" = number(a, "repeated"),
            "refused" = refused
        ],
    );
    for row in list(a, "refused") {
        out.push('\n');
        out.push_str(&c.words.with(
            if text(row, "column").is_empty() {
                "said-row-refused-whole"
            } else {
                "said-row-refused"
            },
            args![
                "row" = number(row, "row"),
                "column" = text(row, "column"),
                "why" = why(c.words, row)
            ],
        ));
    }
    out
}

/// `bundle import`.
pub fn bundles(c: &Context<'_>, a: &Json) -> String {
    let mut lines = Vec::new();
    for file in list(a, "files") {
        lines.push(c.words.with(
            "said-bundle-import",
            args![
                "file" = text(file, "file"),
                "new" = number(file, "entries_new"),
                "known" = number(file, "entries_known")
            ],
        ));
        if file["complete"] != true && !file["problem"].is_object() {
            lines.push(c.words.t("said-bundle-incomplete"));
        }
        for gap in list(file, "missing") {
            lines.push(c.words.with(
                "said-missing",
                args![
                    "device" = id_short(text(gap, "device")),
                    "lane" = number(gap, "lane"),
                    "from" = number(gap, "from"),
                    "to" = number(gap, "to")
                ],
            ));
        }
        for refused in by_reason(c.words, &file["refused"]) {
            lines.push(format!(
                "{}{}{refused}",
                c.words.t("label-refused"),
                c.words.colon()
            ));
        }
    }
    lines.join("\n")
}

/// `bundle inspect`.
pub fn inspected(c: &Context<'_>, a: &Json) -> String {
    let key = if a["complete"] == true {
        "said-inspected"
    } else {
        "said-inspected-incomplete"
    };
    let mut out = c.words.with(
        key,
        args![
            "file" = text(a, "file"),
            "incident" = text(&a["incident"], "name"),
            "entries" = number(a, "entries"),
            "bad" = number(a, "unverified_runs")
        ],
    );
    for stretch in list(a, "contents") {
        out.push('\n');
        out.push_str(&c.words.with(
            "said-stretch",
            args![
                "device" = id_short(text(stretch, "device")),
                "lane" = number(stretch, "lane"),
                "from" = number(stretch, "from"),
                "to" = number(stretch, "to")
            ],
        ));
    }
    out
}

/// `verify`.
pub fn verified(c: &Context<'_>, a: &Json) -> String {
    let bad: Vec<_> = list(a, "damage")
        .chain(list(a, "refused"))
        .map(|d| text(d, "why").to_owned())
        .collect();
    let key = if bad.is_empty() {
        "said-verified"
    } else {
        "said-not-verified"
    };
    let head = c.words.with(
        key,
        args![
            "entries" = number(a, "entries"),
            "logs" = number(a, "logs"),
            "bad" = bad.len()
        ],
    );
    std::iter::once(head)
        .chain(bad)
        .collect::<Vec<_>>()
        .join("\n")
}
