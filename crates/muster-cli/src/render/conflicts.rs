//! What the merge left for a person: who said what, and the command that settles it.

use muster_model::table;
use serde_json::Value as Json;

use super::{about, forks, list, text, values};
use crate::{Context, args};

/// All conflicts.
pub fn conflicts(c: &Context<'_>, answer: &Json) -> String {
    let blocks: Vec<_> = list(answer, "items")
        .map(|item| conflict(c, item))
        .chain(list(answer, "forks").map(|fork| forks::fork(c, fork)))
        .collect();
    if blocks.is_empty() {
        c.words.t("said-no-conflicts")
    } else {
        blocks.join("\n\n")
    }
}

/// What a conflict is about, in one line.
pub fn headline(c: &Context<'_>, item: &Json) -> String {
    let kind = table::kind_named(text(item, "kind"));
    let field = kind.and_then(|k| k.named(text(item, "field")));
    let what = text(item, "what");
    let key = format!("conflict-{what}");
    let key = if c.words.has(&key) {
        key
    } else {
        "conflict-other".to_owned()
    };
    let label = field.map_or("", |f| c.words.lang.label(f.label));
    c.words.with(
        &key,
        args![
            "about" = about(&item["about"]),
            "field" = label,
            "what" = what
        ],
    )
}

fn conflict(c: &Context<'_>, item: &Json) -> String {
    let kind = table::kind_named(text(item, "kind"));
    let field = kind.and_then(|k| k.named(text(item, "field")));
    let mut out = headline(c, item);
    for value in list(item, "values") {
        let shown = match &value["assignment"] {
            Json::Null => values::value(c.words, field, &value["value"], &Json::Null),
            assignment => {
                let when = [text(assignment, "from"), text(assignment, "to")]
                    .map(|t| values::time(c.words, t));
                let task = about(&assignment["task"]);
                match when {
                    [from, to] if from.is_empty() && to.is_empty() => task,
                    [from, to] => format!("{task}, {from} – {to}"),
                }
            }
        };
        let key = if value["provisional"] == true {
            "conflict-value-now"
        } else {
            "conflict-value"
        };
        out.push('\n');
        out.push_str(&c.words.with(
            key,
            args![
                "choice" = text(value, "choice"),
                "value" = shown,
                "device" = device(c, value),
                "time" = values::written(c.words, value)
            ],
        ));
    }
    out.push('\n');
    out.push_str(&c.words.with("conflict-how", args!["id" = text(item, "id")]));
    out
}

fn device(c: &Context<'_>, value: &Json) -> String {
    match (text(value, "label"), text(value, "device")) {
        ("", "") => c.words.t("word-unknown-device"),
        ("", id) => super::id_short(id).to_owned(),
        (label, _) => label.to_owned(),
    }
}

/// What was settled.
pub fn settled(c: &Context<'_>, answer: &Json) -> String {
    c.words.with(
        "said-settled",
        args![
            "about" = about(&answer["object"]),
            "id" = text(answer, "settled")
        ],
    )
}
