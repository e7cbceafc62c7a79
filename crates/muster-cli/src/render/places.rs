//! Who does what where, as a table.

use muster_model::table;
use serde_json::Value as Json;

use super::{list, number, table::Table, text, values};
use crate::{Context, args};

/// `where`.
pub fn places(c: &Context<'_>, answer: &Json) -> String {
    let field = table::kind_named("activity").and_then(|k| k.named("sector"));
    let headings = [
        "label-area",
        "label-sector",
        "label-who",
        "label-does",
        "label-tasks",
        "label-people",
        "label-sites",
        "label-open-needs",
        "label-remark",
    ];
    let mut rows = Table::new(headings.iter().map(|h| c.words.t(h)).collect());
    for cell in list(answer, "items") {
        let titles = |name: &str| -> String {
            let all: Vec<_> = list(cell, name).map(|o| text(o, "title")).collect();
            all.join(", ")
        };
        let count = |name: &str| match number(cell, name) {
            0 => String::new(),
            n => c.words.number(&n.to_string()),
        };
        let said = |name: &str, shown: String| match cell[name].is_null() {
            true => c.words.t("word-not-said"),
            false => shown,
        };
        rows.row(vec![
            said("area", text(cell, "area").to_owned()),
            said(
                "sector",
                values::value(c.words, field, &cell["sector"], &Json::Null),
            ),
            titles("organisations"),
            titles("activities"),
            count("tasks"),
            count("people"),
            titles("sites"),
            count("needs"),
            match cell["gap"] == true {
                true => c.words.t("word-gap"),
                false => String::new(),
            },
        ]);
    }
    if rows.is_empty() {
        return c.words.t("said-where-empty");
    }
    let mut out = vec![rows.draw(c)];
    let gaps = number(answer, "gaps");
    out.push(c.words.with("said-where-why", args!["gaps" = gaps]));
    if let Some(file) = answer["svg"].as_str() {
        out.push(c.words.with("said-where-svg", args!["file" = file]));
    }
    out.join("\n\n")
}
