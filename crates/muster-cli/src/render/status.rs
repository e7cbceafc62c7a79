//! How things stand, as a page a tired person reads from the top.

use serde_json::Value as Json;

use super::{id_short, list, number, table::Table, table::sheet, text};
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
            lines.push((label.to_owned(), n.to_string()));
        }
    }
    let mut note = |key: &str, value: String| lines.push((c.words.t(key), value));
    note("label-conflicts", number(s, "conflicts").to_string());
    note("label-entries", number(s, "entries").to_string());
    note("label-devices", number(s, "devices").to_string());
    note("label-peers", number(s, "peers").to_string());
    if let Some(operator) = s["operator"].as_str() {
        note("label-operator", operator.to_owned());
    }
    if number(s, "unreadable_parts") > 0 {
        note(
            "label-unreadable",
            number(s, "unreadable_parts").to_string(),
        );
    }
    for (code, n) in s["refused"].as_object().into_iter().flatten() {
        note("label-refused", format!("{code} {n}"));
    }
    out + &sheet(c, &lines)
}

/// `digest`.
pub fn digest(c: &Context<'_>, d: &Json) -> String {
    sheet(
        c,
        &[
            (c.words.t("label-entries"), number(d, "entries").to_string()),
            (c.words.t("label-frontier"), text(d, "frontier").to_owned()),
            (c.words.t("label-state"), text(d, "state").to_owned()),
            (
                c.words.t("label-unreadable"),
                number(&d["readable"], "unreadable_parts").to_string(),
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
            number(peer, "entries_received").to_string(),
            number(peer, "entries_sent").to_string(),
        ]);
    }
    let mut out = if table.is_empty() {
        c.words.t("said-no-peers")
    } else {
        table.draw(c)
    };
    for address in list(p, "listening").filter_map(Json::as_str) {
        out.push('\n');
        out.push_str(&c.words.with("said-listening", args!["address" = address]));
    }
    out
}

/// `sync`.
pub fn synced(c: &Context<'_>, p: &Json) -> String {
    peers(c, p)
}

/// `devices`.
pub fn devices(c: &Context<'_>, d: &Json) -> String {
    let headings = [
        "label-device",
        "label-code",
        "label-role",
        "label-admitted-by",
        "label-entries",
        "label-id",
    ];
    let mut table = Table::new(headings.iter().map(|h| c.words.t(h)).collect());
    for device in list(d, "items") {
        let indent = if c.plain {
            String::new()
        } else {
            "  ".repeat(number(device, "depth") as usize)
        };
        let mine = if device["self"] == true {
            format!(" ({})", c.words.t("word-this-device"))
        } else {
            String::new()
        };
        table.row(vec![
            format!("{indent}{}{mine}", text(device, "label")),
            text(device, "code").to_owned(),
            c.words.t(&format!("role-{}", text(device, "role"))),
            text(device, "admitted_by_label").to_owned(),
            number(device, "entries").to_string(),
            id_short(text(device, "id")).to_owned(),
        ]);
    }
    let mut out = table.draw(c);
    for device in list(d, "pending") {
        let words = device["words"].as_array().into_iter().flatten();
        let words: Vec<_> = words.filter_map(Json::as_str).collect();
        out.push('\n');
        out.push_str(&c.words.with(
            "said-pending",
            crate::args![
                "label" = text(device, "label"),
                "role" = c.words.t(&format!("role-{}", text(device, "role"))),
                "words" = words.join(" "),
                "code" = text(device, "code")
            ],
        ));
    }
    out
}

/// `doctor`.
pub fn doctor(c: &Context<'_>, d: &Json) -> String {
    let findings: Vec<_> = list(d, "findings").map(|f| finding(c, f)).collect();
    findings.join("\n")
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
