//! Who may be asked for what, with the reasons.

use serde_json::Value as Json;

use super::{about, list, number, text};
use crate::{Context, args};

fn reasons(c: &Context<'_>, item: &Json) -> String {
    let said = |name: &str, sign: &str| {
        let codes = list(item, name).filter_map(Json::as_str);
        codes
            .map(|code| format!("{sign}{}", c.words.t(&format!("word-{name}-{code}"))))
            .collect::<Vec<_>>()
    };
    let mut all = said("for", "+ ");
    all.extend(said("against", "− "));
    all.join(", ")
}

fn line(c: &Context<'_>, item: &Json, who: &str) -> String {
    let reasons = reasons(c, item);
    match reasons.is_empty() {
        true => format!("- {who}"),
        false => format!("- {who}{}{reasons}", c.words.colon()),
    }
}

/// `match TASK`, `match VOLUNTEER`.
pub fn one(c: &Context<'_>, answer: &Json) -> String {
    let is_task = answer["about"]["kind"] == "task";
    let other = if is_task { "volunteer" } else { "task" };
    let head = c.words.with(
        "said-match",
        args![
            "about" = about(&answer["about"]),
            "there" = number(answer, "places"),
            "found" = number(answer, "found")
        ],
    );
    let mut out = vec![head];
    out.extend(list(answer, "items").map(|item| line(c, item, &about(&item[other]))));
    let excluded = answer["excluded"].as_object().into_iter().flatten();
    let excluded: Vec<_> = excluded
        .map(|(code, n)| {
            let why = c.words.t(&format!("word-excluded-{code}"));
            format!("{why} {}", c.words.number(&n.to_string()))
        })
        .collect();
    if !excluded.is_empty() {
        let why = excluded.join(", ");
        out.push(c.words.with("said-match-excluded", args!["why" = why]));
    }
    if let Some(first) = list(answer, "items").next() {
        let (task, who) = (
            text(&first["task"], "short"),
            text(&first["volunteer"], "short"),
        );
        out.push(
            c.words
                .with("said-match-how", args!["task" = task, "who" = who]),
        );
    }
    out.join("\n")
}

/// `match --all`.
pub fn all(c: &Context<'_>, answer: &Json) -> String {
    let items: Vec<_> = list(answer, "items").collect();
    let open = number(answer, "open");
    let mut out = vec![
        c.words
            .with("said-plan", args!["count" = items.len(), "there" = open]),
    ];
    out.extend(items.iter().map(|item| {
        let pair = format!("{} ← {}", about(&item["task"]), about(&item["volunteer"]));
        line(c, item, &pair)
    }));
    out.join("\n")
}
