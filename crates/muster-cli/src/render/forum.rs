//! The forum as text: threads in a table, messages one below the other.

use muster_model::table;
use serde_json::Value as Json;

use super::{
    about, list, number,
    table::{Table, sheet},
    text, values,
};
use crate::{Context, args, lang::Lang};

/// Whom something is for.
pub fn whom(c: &Context<'_>, to: &Json) -> String {
    match text(to, "to") {
        "role" => {
            let key = format!("role-{}", text(to, "role"));
            match c.words.has(&key) {
                true => c.words.t(&key),
                false => text(to, "role").to_owned(),
            }
        }
        "everyone" => c.words.t("word-everyone"),
        _ if to["object"].is_object() => about(&to["object"]),
        _ => c.words.t("word-unreadable"),
    }
}

fn device(c: &Context<'_>, author: &Json) -> String {
    match (text(author, "label"), text(author, "device")) {
        ("", "") => c.words.t("word-unknown-device"),
        ("", id) => super::id_short(id).to_owned(),
        (label, _) => label.to_owned(),
    }
}

/// `say`.
pub fn said(c: &Context<'_>, answer: &Json) -> String {
    c.words.with(
        "said-said",
        args![
            "whom" = whom(c, &answer["to"]),
            "short" = text(answer, "short")
        ],
    )
}

/// `threads`.
pub fn threads(c: &Context<'_>, answer: &Json) -> String {
    let headings = [
        "label-thread",
        "label-to-whom",
        "label-waiting",
        "label-messages",
        "label-last",
    ];
    let mut rows = Table::new(headings.iter().map(|h| c.words.t(h)).collect());
    for thread in list(answer, "items") {
        let name = match text(thread, "thread") {
            "" => c.words.t("word-board"),
            name => name.to_owned(),
        };
        let last = &thread["last"];
        let when = values::time(c.words, text(last, "claimed"));
        rows.row(vec![
            name,
            whom(c, &thread["to"]),
            c.words.number(&number(thread, "unread").to_string()),
            c.words.number(&number(thread, "messages").to_string()),
            format!(
                "{when} {}: {}",
                device(c, &last["author"]),
                text(last, "text")
            ),
        ]);
    }
    if rows.is_empty() {
        return c.words.t("said-no-threads");
    }
    let mut out: Vec<String> = list(answer, "pinned").map(|m| message(c, m)).collect();
    out.push(rows.draw(c));
    out.push(c.words.t("said-threads-why"));
    out.join("\n\n")
}

/// `read`.
pub fn read(c: &Context<'_>, answer: &Json) -> String {
    let mut out: Vec<String> = list(answer, "items").map(|m| message(c, m)).collect();
    if out.is_empty() {
        return c.words.t("said-nothing-unread");
    }
    let receipts = number(answer, "receipts");
    if receipts > 0 {
        out.push(c.words.with("said-receipts", args!["count" = receipts]));
    }
    out.join("\n\n")
}

/// The text in the language of the screen where there is one, and its language.
fn best<'a>(c: &Context<'_>, message: &'a Json) -> (&'a str, &'a str) {
    let of = |m: &'a Json| (text(m, "text"), text(m, "language"));
    let wanted = |m: &&Json| Lang::from_tag(text(m, "language")) == Some(c.words.lang);
    if wanted(&message) {
        return of(message);
    }
    list(message, "translations")
        .find(wanted)
        .map_or_else(|| of(message), of)
}

/// One message: what it says, and who, when, to whom.
fn message(c: &Context<'_>, m: &Json) -> String {
    let (words, language) = best(c, m);
    let priority = table::kind_named("message").and_then(|k| k.named("priority"));
    let pressing = match text(m, "priority") {
        "normal" | "" => String::new(),
        _ => values::value(c.words, priority, &m["priority"], &Json::Null),
    };
    let pinned = match m["pinned"] == true {
        true => c.words.t("word-pinned"),
        false => String::new(),
    };
    let marks: Vec<_> = [pinned, pressing]
        .into_iter()
        .filter(|m| !m.is_empty())
        .collect();
    let seen = |name: &str| -> String {
        let all = list(m, name).map(|d| match d["title"].as_str() {
            Some(_) => about(d),
            None => device(c, d),
        });
        all.collect::<Vec<_>>().join(", ")
    };
    let when = values::time(c.words, text(m, "claimed"));
    let by = device(c, &m["author"]);
    let mut lines = Vec::new();
    let mut note = |label: String, value: String| lines.push((label, value));
    if c.plain {
        let label = priority.map_or("", |f| c.words.lang.label(f.label));
        note(label.to_owned(), marks.join(", "));
        note(c.words.t("label-message"), words.to_owned());
        note(c.words.t("label-from-device"), by.clone());
        note(c.words.t("label-said-at"), when.clone());
        note(c.words.t("label-to-whom"), whom(c, &m["to"]));
        note(c.words.t("label-thread"), text(m, "thread").to_owned());
        note(c.words.t("label-number"), text(m, "short").to_owned());
    }
    let others = std::iter::once(m).chain(list(m, "translations"));
    for other in others.filter(|o| text(o, "text") != words) {
        let tag = text(other, "language");
        let label = c.words.with("label-in-language", args!["language" = tag]);
        note(label, text(other, "text").to_owned());
    }
    note(c.words.t("label-seen-on"), seen("seen_on"));
    note(c.words.t("label-seen-by"), seen("seen_by"));
    let rest = sheet(c, &lines);
    if c.plain {
        return rest;
    }
    let marks: String = marks.iter().map(|m| format!("[{m}] ")).collect();
    let thread = match text(m, "thread") {
        "" => String::new(),
        name => format!("{name} · "),
    };
    let language = match language {
        "" => String::new(),
        tag => format!(" [{tag}]"),
    };
    let head = format!(
        "{marks}{thread}{by}, {when} → {} ({}){language}",
        whom(c, &m["to"]),
        text(m, "short")
    );
    let mut out = format!("{head}\n{words}");
    if !rest.is_empty() {
        out.push('\n');
        out.push_str(&rest);
    }
    out
}
