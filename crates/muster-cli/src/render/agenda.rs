//! The calendar as text: a day at a time, a line a thing.

use muster_model::table;
use serde_json::Value as Json;

use super::{about, list, table::Table, text, values};
use crate::{Context, args, lang::Words};

/// `agenda`.
pub fn agenda(c: &Context<'_>, answer: &Json) -> String {
    let time = |name: &str| values::time(c.words, text(answer, name));
    let who = match answer["who"].is_object() {
        true => about(&answer["who"]),
        false => c.words.t("word-everyone"),
    };
    let head = c.words.with(
        "said-agenda",
        args!["who" = who, "from" = time("from"), "to" = time("to")],
    );
    let headings = [
        "label-when",
        "label-what",
        "label-where",
        "label-expected",
        "label-came",
        "label-remark",
    ];
    let mut rows = Table::new(headings.iter().map(|h| c.words.t(h)).collect());
    for line in list(answer, "items") {
        rows.row(row(c, line));
    }
    if rows.is_empty() {
        return format!("{head}\n\n{}", c.words.t("said-agenda-empty"));
    }
    format!(
        "{head}\n\n{}\n\n{}",
        rows.draw(c),
        c.words.t("said-agenda-why")
    )
}

/// From when to when; the day is said once.
pub fn span(words: &Words, from: &str, to: &str) -> String {
    let (from, to) = (values::time(words, from), values::time(words, to));
    match (from.split_once(' '), to.split_once(' ')) {
        (Some((day, _)), Some((same, at))) if day == same => format!("{from}–{at}"),
        _ if to.is_empty() => from,
        _ => format!("{from} – {to}"),
    }
}

fn row(c: &Context<'_>, line: &Json) -> Vec<String> {
    let kind = table::kind_named(text(line, "kind"));
    let field = kind.and_then(|k| k.named("kind").or_else(|| k.named("status")));
    let code = values::value(c.words, field, &line["code"], &Json::Null);
    let mut what = about(&line["about"]);
    if !code.is_empty() {
        what = format!("{what}, {code}");
    }
    let names = |name: &str| -> String {
        let all: Vec<_> = list(line, name).map(about).collect();
        all.join(", ")
    };
    let mut remarks = Vec::new();
    let overlaps = names("overlaps");
    if !overlaps.is_empty() {
        remarks.push(c.words.with("said-overlaps", args!["others" = overlaps]));
    }
    let missing = names("missing");
    if !missing.is_empty() {
        remarks.push(c.words.with("said-not-in", args!["who" = missing]));
    }
    let number = |name: &str| {
        line[name]
            .as_u64()
            .map_or_else(String::new, |n| c.words.number(&n.to_string()))
    };
    let people = names("people");
    let expected = match people.is_empty() {
        true => number("expected"),
        false => people,
    };
    vec![
        span(c.words, text(line, "from"), text(line, "to")),
        what,
        about(&line["site"]),
        expected,
        number("came"),
        remarks.join(" "),
    ]
}
