//! How things stand, as a page a tired person reads from the top.

use serde_json::Value as Json;

use super::{by_reason, count, list, number, table::Table, table::sheet, text};
use crate::{Context, args};

/// One finding as a sentence.
pub fn finding(c: &Context<'_>, finding: &Json) -> String {
    let key = format!("finding-{}", text(finding, "code"));
    let mark = match text(finding, "level") {
        "trouble" => c.words.t("level-trouble"),
        "attention" => c.words.t("level-attention"),
        _ => c.words.t("level-ok"),
    };
    let args: Vec<(String, String)> = finding["args"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(k, v)| {
            (
                k.clone(),
                v.as_str().map_or_else(|| v.to_string(), str::to_owned),
            )
        })
        .collect();
    let borrowed: Vec<_> = args
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str().into()))
        .collect();
    let sentence = if c.words.has(&key) {
        c.words.with(&key, &borrowed)
    } else {
        text(finding, "code").to_owned()
    };
    format!("{mark}: {sentence}")
}

/// `status`.
pub fn status(c: &Context<'_>, s: &Json) -> String {
    if s["locked"] == true {
        return doctor(c, s);
    }
    let role = c.words.t(&format!("role-{}", text(&s["device"], "role")));
    let mut out = c.words.with(
        "status-head",
        args![
            "incident" = text(&s["incident"], "name"),
            "device" = text(&s["device"], "label"),
            "role" = role
        ],
    );
    out.push_str("\n\n");
    let findings: Vec<_> = list(s, "findings").map(|f| finding(c, f)).collect();
    if findings.is_empty() {
        out.push_str(&c.words.t("status-fine"));
    } else {
        out.push_str(&findings.join("\n"));
    }
    out.push_str("\n\n");
    let mut lines = Vec::new();
    if let Some(objects) = s["objects"].as_object() {
        for (kind, n) in objects {
            let label = muster_model::table::kind_named(kind)
                .map_or(kind.as_str(), |k| c.words.lang.label(k.label));
            lines.push((label.to_owned(), c.words.number(&n.to_string())));
        }
    }
    let mut note = |key: &str, value: String| lines.push((c.words.t(key), value));
    note("label-conflicts", count(c.words, s, "conflicts"));
    note("label-unread", count(c.words, s, "unread"));
    note("label-entries", count(c.words, s, "entries"));
    note("label-devices", count(c.words, s, "devices"));
    note("label-peers", count(c.words, s, "peers"));
    if let Some(operator) = s["operator"].as_str() {
        note("label-operator", operator.to_owned());
    }
    if number(s, "unreadable_parts") > 0 {
        note("label-unreadable", count(c.words, s, "unreadable_parts"));
    }
    for refused in by_reason(c.words, &s["refused"]) {
        note("label-refused", refused);
    }
    out + &sheet(c, &lines)
}

/// `digest`.
pub fn digest(c: &Context<'_>, d: &Json) -> String {
    sheet(
        c,
        &[
            (c.words.t("label-entries"), count(c.words, d, "entries")),
            (c.words.t("label-frontier"), text(d, "frontier").to_owned()),
            (c.words.t("label-state"), text(d, "state").to_owned()),
            (
                c.words.t("label-unreadable"),
                count(c.words, &d["readable"], "unreadable_parts"),
            ),
        ],
    )
}

/// `peers`.
pub fn peers(c: &Context<'_>, p: &Json) -> String {
    let headings = [
        "label-device",
        "label-address",
        "label-in-sync",
        "label-received",
        "label-sent",
    ];
    let mut table = Table::new(headings.iter().map(|h| c.words.t(h)).collect());
    for peer in list(p, "items") {
        table.row(vec![
            text(peer, "label").to_owned(),
            text(peer, "address").to_owned(),
            c.words.t(if peer["in_sync"] == true {
                "word-yes"
            } else {
                "word-no"
            }),
            count(c.words, peer, "entries_received"),
            count(c.words, peer, "entries_sent"),
        ]);
    }
    let mut out = if table.is_empty() {
        c.words.t("said-no-peers")
    } else {
        table.draw(c)
    };
    for why in list(p, "why") {
        out.push('\n');
        out.push_str(&finding(c, why));
    }
    for address in list(p, "listening").filter_map(Json::as_str) {
        out.push('\n');
        out.push_str(&c.words.with("said-listening", args!["address" = address]));
    }
    for line in counted(c, p) {
        out.push('\n');
        out.push_str(&line);
    }
    out
}

/// What was turned away, refused or ended since the daemon started, a line each.
fn counted(c: &Context<'_>, counters: &Json) -> Vec<String> {
    let mut out = Vec::new();
    for family in ["closed", "refused", "turned-away"] {
        let counts = &counters[family.replace('-', "_")];
        for (code, count) in counts.as_object().into_iter().flatten() {
            let key = format!("{family}-{code}");
            // An end in good order is not worth a line.
            if c.words.has(&key) {
                let count = c.words.number(&count.to_string());
                out.push(c.words.with(&key, args!["count" = count]));
            }
        }
    }
    out
}

/// `sync`.
pub fn synced(c: &Context<'_>, p: &Json) -> String {
    peers(c, p)
}

/// `doctor`.
pub fn doctor(c: &Context<'_>, d: &Json) -> String {
    let mut lines: Vec<_> = list(d, "findings").map(|f| finding(c, f)).collect();
    lines.extend(counted(c, &d["counters"]));
    lines.join("\n")
}

/// `config show`.
pub fn settings(_: &Context<'_>, s: &Json) -> String {
    let lines: Vec<_> = s["settings"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, v)| format!("{name} = {}  ({})", v["value"], text(v, "origin")))
        .collect();
    lines.join("\n")
}
