//! What looks like one thing written down twice.

use serde_json::Value as Json;

use super::{about, list, text};
use crate::{Context, args};

fn reasons(c: &Context<'_>, item: &Json) -> String {
    let all: Vec<_> = list(item, "reasons")
        .filter_map(Json::as_str)
        .map(|code| c.words.t(&format!("word-alike-{code}")))
        .collect();
    all.join(", ")
}

/// `duplicates`.
pub fn duplicates(c: &Context<'_>, answer: &Json) -> String {
    let lines: Vec<_> = list(answer, "items")
        .map(|item| {
            c.words.with(
                "said-duplicate",
                args![
                    "a" = about(&item["a"]),
                    "b" = about(&item["b"]),
                    "why" = reasons(c, item),
                    "verb" = text(item, "kind"),
                    "keep" = text(&item["a"], "short"),
                    "other" = text(&item["b"], "short")
                ],
            )
        })
        .collect();
    match lines.is_empty() {
        true => c.words.t("said-no-duplicates"),
        false => format!(
            "{}\n\n{}",
            c.words.t("said-view-duplicates"),
            lines.join("\n")
        ),
    }
}

/// What looks like something that was just added.
pub fn similar(c: &Context<'_>, answer: &Json) -> Vec<String> {
    list(answer, "similar")
        .take(5)
        .map(|item| {
            c.words.with(
                "said-similar",
                args!["about" = about(&item["about"]), "why" = reasons(c, item)],
            )
        })
        .collect()
}

/// What was joined.
pub fn merged(c: &Context<'_>, answer: &Json) -> String {
    c.words.with(
        "said-merged",
        args![
            "joined" = about(&answer["joined"]),
            "about" = about(&answer["kept"]),
            "verb" = text(answer, "kind"),
            "other" = text(&answer["joined"], "short")
        ],
    )
}

/// What was parted.
pub fn split(c: &Context<'_>, answer: &Json) -> String {
    c.words
        .with("said-split", args!["about" = about(&answer["about"])])
}
