//! An erasure as people read it: what would go, whom it does not reach, how far it has come.

use muster_model::table::Kind;
use serde_json::Value as Json;

use super::{about, list, number, text};
use crate::{Context, args};

fn joined(json: &Json, name: &str) -> String {
    let all: Vec<_> = list(json, name).filter_map(Json::as_str).collect();
    all.join(", ")
}

/// What would go, and what stays all the same.
pub fn planned(c: &Context<'_>, kind: &Kind, plan: &Json) -> String {
    let say = |key: &str| c.words.t(key);
    let mut lines = Vec::new();
    if plan["already"] == true && number(plan, "entries") == 0 {
        lines.push(c.words.with(
            "said-erase-nothing-left",
            args!["short" = text(plan, "short")],
        ));
        return lines.join("\n");
    }
    lines.push(c.words.with(
        "said-erase-plan",
        args![
            "what" = about(plan),
            "entries" = number(plan, "entries"),
            "devices" = joined(plan, "written_by")
        ],
    ));
    let fields = list(plan, "fields").filter_map(Json::as_str);
    let labels: Vec<_> = fields
        .map(|name| {
            kind.named(name)
                .map_or(name, |f| c.words.lang.label(f.label))
        })
        .collect();
    if !labels.is_empty() {
        let fields = labels.join(", ");
        lines.push(c.words.with("said-erase-fields", args!["fields" = fields]));
    }
    let hear = joined(plan, "to_hear");
    if !hear.is_empty() {
        lines.push(c.words.with("said-erase-hear", args!["devices" = hear]));
    }
    for (name, key) in [
        ("mentioned_by", "said-erase-mentioned"),
        ("shared", "said-erase-shared"),
        ("unreadable", "said-erase-unreadable"),
    ] {
        if number(plan, name) > 0 {
            lines.push(c.words.with(key, args!["count" = number(plan, name)]));
        }
    }
    lines.push(say("said-erase-stays"));
    lines.push(say("said-plan-nothing"));
    lines.join("\n")
}

/// The question.
pub fn question(c: &Context<'_>, plan: &Json) -> String {
    c.words
        .with("said-erase-question", args!["what" = about(plan)])
}

/// It is erased here.
pub fn done(c: &Context<'_>, answer: &Json) -> String {
    let first = c.words.with(
        "said-erase-done",
        args![
            "short" = text(answer, "short"),
            "entries" = number(answer, "entries")
        ],
    );
    format!("{first}\n{}", progress(c, &answer["erasure"]))
}

/// An erased object.
pub fn said(c: &Context<'_>, item: &Json) -> String {
    let short = match text(item, "number") {
        "" => text(item, "short"),
        number => number,
    };
    let mut out = line(c, short, &item["erasure"]);
    let why = text(&item["erasure"], "why");
    if !why.is_empty() {
        out.push('\n');
        out.push_str(&c.words.with("said-ended-why", args!["why" = why]));
    }
    out
}

/// That it was erased, by whom, and how far that has come.
pub fn line(c: &Context<'_>, short: &str, erasure: &Json) -> String {
    let first = match text(erasure, "by") {
        "" => c.words.with("said-erased", args!["short" = short]),
        by => c
            .words
            .with("said-erased-by", args!["short" = short, "by" = by]),
    };
    match erasure.is_object() {
        true => format!("{first} {}", progress(c, erasure)),
        false => first,
    }
}

fn progress(c: &Context<'_>, erasure: &Json) -> String {
    let (gone, of) = (list(erasure, "gone").count(), number(erasure, "devices"));
    let missing = joined(erasure, "missing");
    match missing.is_empty() {
        true => c.words.with("said-gone-everywhere", args!["of" = of]),
        false => c.words.with(
            "said-gone-on",
            args!["gone" = gone, "of" = of, "missing" = missing],
        ),
    }
}
