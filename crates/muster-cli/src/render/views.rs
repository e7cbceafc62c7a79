//! The day's questions as text. Each begins with one sentence that says what is shown, and says in words
//! what a table says by its place, so that it can be read out.

use muster_model::{
    table::{self, kinds},
    vocabulary::Vocabularies,
};
use serde_json::Value as Json;

use super::{about, conflicts, count, list, table::Table, text, values};
use crate::{Context, args, lang::Lang};

fn headings(c: &Context<'_>, keys: &[&str]) -> Table {
    Table::new(keys.iter().map(|k| c.words.t(k)).collect())
}

/// A sentence, then what it is about; or that there is nothing.
fn told(c: &Context<'_>, sentence: &str, rows: &Table) -> String {
    let body = match rows.is_empty() {
        true => c.words.t("said-none"),
        false => rows.draw(c),
    };
    format!("{sentence}\n\n{body}")
}

/// The label of a code: the sentence of that name, else the code.
fn word(c: &Context<'_>, family: &str, code: &str) -> String {
    let key = format!("word-{family}-{code}");
    match c.words.has(&key) {
        true => c.words.t(&key),
        false => code.to_owned(),
    }
}

/// Hours and minutes, or days when there are many.
pub fn span(c: &Context<'_>, minutes: &Json) -> String {
    let Some(minutes) = minutes.as_i64() else {
        return String::new();
    };
    let (key, amount) = match minutes {
        ..120 => ("word-minutes", minutes),
        120..2_880 => ("word-hours", minutes / 60),
        _ => ("word-days", minutes / 1_440),
    };
    c.words.with(key, args!["count" = amount])
}

/// `staffing`.
pub fn staffing(c: &Context<'_>, answer: &Json) -> String {
    let keys = [
        "label-task",
        "label-shortage",
        "label-wanted",
        "label-offered",
        "label-accepted",
        "label-on-site",
        "label-unconfirmed",
        "label-missing",
    ];
    let mut rows = headings(c, &keys);
    for item in list(answer, "items") {
        let total = &item["total"];
        let n = |name: &str| count(c.words, total, name);
        let offered = super::number(total, "offered") + super::number(total, "delivered");
        rows.row(vec![
            about(&item["task"]),
            word(c, "staffing", text(item, "state")),
            total["wanted"]
                .as_u64()
                .map_or(String::new(), |_| n("wanted")),
            c.words.number(&offered.to_string()),
            n("acknowledged"),
            n("on_site"),
            n("unconfirmed"),
            total["missing"]
                .as_i64()
                .map_or(String::new(), |n| c.words.number(&n.to_string())),
        ]);
    }
    let mut out = told(c, &c.words.t("said-view-staffing"), &rows);
    let without: Vec<_> = list(answer, "needs_without_task").map(about).collect();
    if !without.is_empty() {
        let line = c.words.with(
            "said-needs-without-task",
            args!["count" = without.len(), "needs" = without.join("; ")],
        );
        out.push_str(&format!("\n\n{line}"));
    }
    out
}

fn overdue_rows(c: &Context<'_>, items: &Json) -> Table {
    let keys = [
        "label-who",
        "label-late",
        "label-since",
        "label-site",
        "label-due",
    ];
    let mut rows = headings(c, &keys);
    for item in items.as_array().into_iter().flatten() {
        rows.row(vec![
            about(&item["about"]),
            word(c, "late", text(item, "what")),
            span(c, &item["minutes"]),
            about(&item["site"]),
            values::time(c.words, text(item, "due")),
        ]);
    }
    rows
}

/// `overdue`.
pub fn overdue(c: &Context<'_>, answer: &Json) -> String {
    let rows = overdue_rows(c, &answer["items"]);
    told(c, &c.words.t("said-view-overdue"), &rows)
}

/// `rollcall`: a page to be printed and ticked off.
pub fn rollcall(c: &Context<'_>, answer: &Json) -> String {
    let title = c.words.with(
        "said-rollcall",
        args![
            "site" = about(&answer["site"]),
            "time" = values::time(c.words, text(answer, "at")),
            "count" = super::number(answer, "total")
        ],
    );
    let keys = [
        "label-tick",
        "label-who",
        "label-since",
        "label-last-seen",
        "label-party",
        "label-known-by",
    ];
    let mut rows = headings(c, &keys);
    for item in list(answer, "items") {
        let who = match about(&item["person"]) {
            who if who.is_empty() => c.words.t("word-unnamed"),
            who => who,
        };
        let by = match (item["checked_in"] == true, item["has_device"] == true) {
            (false, _) => "word-by-assignment",
            (true, true) => "word-by-check-in",
            (true, false) => "word-by-check-in-no-device",
        };
        rows.row(vec![
            if c.plain {
                String::new()
            } else {
                "[ ]".to_owned()
            },
            who,
            values::time(c.words, text(item, "since")),
            values::time(c.words, text(item, "last_seen")),
            count(c.words, item, "party_size"),
            c.words.t(by),
        ]);
    }
    let sentence = format!("{title}\n{}", c.words.t("said-view-rollcall"));
    let mut out = told(c, &sentence, &rows);
    let expected: Vec<_> = list(answer, "expected")
        .map(|e| about(&e["person"]))
        .collect();
    if !expected.is_empty() {
        let line = c.words.with(
            "said-expected",
            args!["count" = expected.len(), "people" = expected.join("; ")],
        );
        out.push_str(&format!("\n\n{line}"));
    }
    out
}

/// `picture`.
pub fn picture(c: &Context<'_>, answer: &Json) -> String {
    let mut out = c.words.t("said-view-picture");
    for (list_name, name, heading) in [
        ("sectors", "sector", "label-sector"),
        ("areas", "area", "label-area"),
    ] {
        let rows = shares(c, answer, list_name, name, heading);
        if !rows.is_empty() {
            out.push_str(&format!("\n\n{}", rows.draw(c)));
        }
    }
    let mut hours = headings(c, &["label-hour", "label-wanted", "label-filled"]);
    let wanted = list(answer, "hours").filter(|h| super::number(h, "wanted") > 0);
    for hour in wanted {
        hours.row(vec![
            values::time(c.words, text(hour, "from")),
            count(c.words, hour, "wanted"),
            count(c.words, hour, "filled"),
        ]);
    }
    let mut needs = headings(c, &["label-status", "label-age", "label-needs"]);
    let status = table::kind(kinds::NEED).and_then(|k| k.named("status"));
    for line in list(answer, "needs") {
        needs.row(vec![
            values::value(c.words, status, &line["status"], &Json::Null),
            word(c, "age", text(line, "age")),
            count(c.words, line, "count"),
        ]);
    }
    for rows in [hours, needs].iter().filter(|r| !r.is_empty()) {
        out.push_str(&format!("\n\n{}", rows.draw(c)));
    }
    let worked = &answer["worked"];
    let minutes = super::number(worked, "minutes");
    let line = c.words.with(
        "said-worked",
        args![
            "hours" = minutes / 60,
            "count" = super::number(worked, "people"),
            "there" = super::number(worked, "present")
        ],
    );
    out.push_str(&format!("\n\n{line}"));
    out
}

fn shares(c: &Context<'_>, answer: &Json, name: &str, key: &str, heading: &str) -> Table {
    let keys = [
        heading,
        "label-tasks",
        "label-wanted",
        "label-filled",
        "label-sure",
        "label-needs",
    ];
    let mut rows = headings(c, &keys);
    for line in list(answer, name) {
        let code = text(line, key);
        let label = match (code, key) {
            ("", _) => c.words.t("word-none-given"),
            (code, "sector") => sector(c, code),
            (area, _) => area.to_owned(),
        };
        let n = |name: &str| count(c.words, line, name);
        rows.row(vec![
            label,
            n("tasks"),
            n("wanted"),
            n("filled"),
            n("sure"),
            n("needs"),
        ]);
    }
    rows
}

fn sector(c: &Context<'_>, code: &str) -> String {
    let entry = Vocabularies::builtin()
        .get("sectors")
        .and_then(|v| v.entry(code));
    entry.map_or_else(
        || code.to_owned(),
        |e| match c.words.lang {
            Lang::En => e.en.clone(),
            Lang::Fr => e.fr.clone(),
        },
    )
}

/// One device as a sentence: "Camp B: last heard 9 h ago, by way of Lina's laptop".
fn source(c: &Context<'_>, item: &Json) -> String {
    let who = match (about(&item["for"]), text(item, "label")) {
        (place, label) if place.is_empty() => label.to_owned(),
        (place, label) => format!("{place}, {label}"),
    };
    let span = span(c, &item["minutes"]);
    let via = &item["via"];
    let line = match (span.as_str(), via["self"] == true, text(via, "label")) {
        ("", ..) => c.words.with("said-source-never", args!["who" = who]),
        (_, true, _) => c
            .words
            .with("said-source-met", args!["who" = who, "span" = span]),
        (_, _, "") if item["by_file"] == true => c
            .words
            .with("said-source-file", args!["who" = who, "span" = span]),
        (_, _, "") => c
            .words
            .with("said-source-wrote", args!["who" = who, "span" = span]),
        (_, _, via) => c.words.with(
            "said-source-via",
            args!["who" = who, "span" = span, "via" = via],
        ),
    };
    match item["silent"] == true {
        true => format!("{line} {}", c.words.t("word-silent")),
        false => line,
    }
}

/// `sources`.
pub fn sources(c: &Context<'_>, answer: &Json) -> String {
    let lines: Vec<_> = list(answer, "items").map(|i| source(c, i)).collect();
    let body = match lines.is_empty() {
        true => c.words.t("said-alone"),
        false => lines.join("\n"),
    };
    format!("{}\n\n{body}", c.words.t("said-view-sources"))
}

/// `brief`.
pub fn brief(c: &Context<'_>, answer: &Json) -> String {
    let new = &answer["new"];
    let mut out = vec![c.words.with(
        "said-brief",
        args![
            "time" = values::time(c.words, text(answer, "since")),
            "needs" = count(c.words, new, "needs"),
            "tasks" = count(c.words, new, "tasks"),
            "volunteers" = count(c.words, new, "volunteers"),
            "closed" = count(c.words, answer, "closed_needs")
        ],
    )];
    let urgent: Vec<_> = list(answer, "urgent")
        .map(|u| format!("- {}", about(u)))
        .collect();
    let still = super::number(answer, "still_urgent");
    let head = c.words.with(
        "said-brief-urgent",
        args!["new" = urgent.len(), "count" = still],
    );
    out.push(block(head, urgent));
    let contested: Vec<_> = list(answer, "conflicts")
        .map(|item| format!("- {}", conflicts::headline(c, item)))
        .collect();
    let head = c
        .words
        .with("said-brief-conflicts", args!["count" = contested.len()]);
    out.push(block(head, contested));
    let late: Vec<_> = list(answer, "overdue")
        .map(|o| {
            let what = word(c, "late", text(o, "what"));
            let since = span(c, &o["minutes"]);
            format!(
                "- {}{}{what} ({since})",
                about(&o["about"]),
                c.words.colon()
            )
        })
        .collect();
    let head = c
        .words
        .with("said-brief-overdue", args!["count" = late.len()]);
    out.push(block(head, late));
    let silent: Vec<_> = list(answer, "silent")
        .map(|s| format!("- {}", source(c, s)))
        .collect();
    let head = c
        .words
        .with("said-brief-silent", args!["count" = silent.len()]);
    out.push(block(head, silent));
    out.join("\n\n")
}

/// So many lines of a kind fit on one page.
const LINES: usize = 12;

fn block(head: String, mut lines: Vec<String>) -> String {
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    if more > 0 {
        lines.push(format!("- … + {more}"));
    }
    lines.insert(0, head);
    lines.join("\n")
}
