//! Trust as people read it: who admitted whom, who is out and who has heard, what somebody could
//! read, which keys were replaced.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{forks, id_short, list, number, table::Table, text, values};
use crate::{Context, args};

/// `devices`: the tree of who admitted whom, and below it what is to be known of those who are out.
pub fn devices(c: &Context<'_>, d: &Json) -> String {
    let mut headings = vec![
        "label-device",
        "label-role",
        "label-membership",
        "label-reads",
    ];
    headings.extend([
        "label-last-heard",
        "label-entries",
        "label-code",
        "label-id",
    ]);
    if c.plain {
        // The tree says it by its shape.
        headings.insert(1, "label-admitted-by");
    }
    let mut table = Table::new(headings.iter().map(|h| c.words.t(h)).collect());
    let items: Vec<&Json> = list(d, "items").collect();
    for (depth, device) in tree(&items) {
        let shape = match depth {
            _ if c.plain => String::new(),
            0 => String::new(),
            n => format!("{}+- ", "   ".repeat(n - 1)),
        };
        let mine = if device["self"] == true {
            format!(" ({})", c.words.t("word-this-device"))
        } else {
            String::new()
        };
        let reads: Vec<_> = list(device, "reads").filter_map(Json::as_str).collect();
        let mut row = vec![
            format!("{shape}{}{mine}", text(device, "label")),
            c.words.t(&format!("role-{}", text(device, "role"))),
            membership(c, device),
            reads.join(" "),
            values::time(c.words, text(device, "last_heard")),
            number(device, "entries").to_string(),
            text(device, "code").to_owned(),
            id_short(text(device, "id")).to_owned(),
        ];
        if c.plain {
            row.insert(1, text(device, "admitted_by_label").to_owned());
        }
        table.row(row);
    }
    let mut out = table.draw(c);
    let ended: Vec<_> = items.iter().filter_map(|d| ended(c, d)).collect();
    if !ended.is_empty() {
        out.push_str("\n\n");
        out.push_str(&ended.join("\n"));
    }
    for device in list(d, "pending") {
        out.push('\n');
        out.push_str(&pending(c, device));
    }
    out.push_str(&forks::below(c, d));
    out
}

/// A device that waits after `invite`, with the words it shows.
fn pending(c: &Context<'_>, device: &Json) -> String {
    let words: Vec<_> = list(device, "words").filter_map(Json::as_str).collect();
    c.words.with(
        "said-pending",
        args![
            "label" = text(device, "label"),
            "role" = c.words.t(&format!("role-{}", text(device, "role"))),
            "words" = words.join(" "),
            "code" = text(device, "code")
        ],
    )
}

/// Each grant below whoever gave it, with its depth; what hangs on nothing known comes last.
fn tree<'a>(items: &[&'a Json]) -> Vec<(usize, &'a Json)> {
    let mut out = Vec::new();
    let mut seen = BTreeSet::new();
    let tops = items.iter().filter(|d| d["admitted_by"].is_null());
    for top in tops.chain(items) {
        below(items, top, 0, &mut seen, &mut out);
    }
    out
}

fn below<'a>(
    items: &[&'a Json],
    item: &'a Json,
    depth: usize,
    seen: &mut BTreeSet<&'a str>,
    out: &mut Vec<(usize, &'a Json)>,
) {
    if !seen.insert(text(item, "grant")) {
        return;
    }
    out.push((depth, item));
    for child in items {
        if child["admitted_by"] == item["id"] {
            below(items, child, depth + 1, seen, out);
        }
    }
}

/// Member, demoted, revoked ... in a word.
fn membership(c: &Context<'_>, device: &Json) -> String {
    let state = match text(device, "state") {
        "revoked" if device["ended"]["role"].is_string() => "demoted",
        state => state,
    };
    let word = c.words.t(&format!("membership-{state}"));
    match device["expires"].as_str() {
        Some(until) if state == "member" => {
            let until = values::time(c.words, until);
            let key = match device["expired"] == true {
                true => "membership-over",
                false => "membership-until",
            };
            c.words.with(key, args!["word" = word, "until" = until])
        }
        _ => word,
    }
}

/// How a membership ended, and whom the news has not reached.
fn ended(c: &Context<'_>, device: &Json) -> Option<String> {
    let label = text(device, "label");
    if text(device, "state") == "void" {
        return Some(c.words.with("said-void", args!["label" = label]));
    }
    let ended = device.get("ended")?;
    let by = if ended["by_roots"] == true {
        c.words.t("word-the-roots")
    } else {
        let rank = c.words.t(&format!("role-{}", text(ended, "rank")));
        format!("{} ({rank})", text(ended, "by_label"))
    };
    let what = membership(c, device);
    let mut out = c.words.with(
        "said-ended",
        args!["label" = label, "what" = what, "by" = by],
    );
    if !text(ended, "why").is_empty() {
        out.push(' ');
        out.push_str(
            &c.words
                .with("said-ended-why", args!["why" = text(ended, "why")]),
        );
    }
    if text(device, "state") == "suspended" {
        out.push(' ');
        out.push_str(&c.words.t("said-ended-suspended"));
    }
    out.push(' ');
    out.push_str(&news(c, ended));
    Some(out)
}

/// How far the news of an ending has got.
fn news(c: &Context<'_>, ended: &Json) -> String {
    let names = |of: &str| {
        let all: Vec<_> = list(ended, of).filter_map(Json::as_str).collect();
        all.join(", ")
    };
    let (heard, waiting) = (names("heard"), names("not_heard"));
    if waiting.is_empty() {
        return c.words.t("said-all-heard");
    }
    let mut out = c.words.with(
        "said-not-heard",
        args!["heard" = heard, "waiting" = waiting],
    );
    let handed = names("handed");
    if !handed.is_empty() {
        out.push(' ');
        out.push_str(&c.words.with("said-handed", args!["handed" = handed]));
    }
    out
}

/// A class in words: `c` and its letter stand behind for those who know them.
fn class(c: &Context<'_>, code: &str) -> String {
    let key = format!("class-{}", code.to_ascii_lowercase());
    if c.words.has(&key) {
        c.words.t(&key)
    } else {
        code.to_owned()
    }
}

/// What a device could read, which keys are replaced for it, and what of its entries is disputed.
fn reach(c: &Context<'_>, r: &Json) -> Vec<String> {
    let label = text(r, "label");
    let mut out = vec![c.words.with("said-could-read", args!["label" = label])];
    let read: Vec<_> = list(r, "read").collect();
    if read.is_empty() {
        out.push(format!("  {}", c.words.t("said-none")));
    }
    for item in read {
        let (parts, of) = (number(item, "parts"), number(item, "of"));
        let class = class(c, text(item, "class"));
        let line = c.words.with(
            "said-could-read-class",
            args!["class" = class, "parts" = parts, "of" = of],
        );
        out.push(format!("  {line}"));
    }
    out
}

/// `revoke --dry-run`, and what is shown before somebody is asked.
pub fn planned(c: &Context<'_>, r: &Json) -> String {
    let mut out = reach(c, r);
    let classes = codes(r);
    out.push(if classes.is_empty() {
        c.words.t("said-plan-no-keys")
    } else {
        c.words.with("said-plan-keys", args!["classes" = classes])
    });
    out.extend(since(c, r));
    let disputed = number(r, "disputed");
    out.push(
        c.words
            .with("said-plan-disputed", args!["count" = disputed]),
    );
    out.push(c.words.t("said-plan-nothing"));
    out.join("\n")
}

/// By which clock a time given with `--since` was taken.
fn since(c: &Context<'_>, r: &Json) -> Option<String> {
    let since = r["since"].as_str()?;
    let args = args![
        "since" = values::time(c.words, since),
        "theirs" = values::time(c.words, text(r, "since_theirs"))
    ];
    Some(
        match (r["since_theirs"].is_string(), &r["clock_measured"]) {
            (true, _) => c.words.with("said-since-corrected", args),
            (false, Json::Bool(true)) => c.words.with("said-since-measured", args),
            (false, _) => c.words.with("said-since-unmeasured", args),
        },
    )
}

fn codes(r: &Json) -> String {
    let all: Vec<_> = list(r, "rotated").filter_map(Json::as_str).collect();
    all.join(", ")
}

/// The question before a revocation.
pub fn question(c: &Context<'_>, r: &Json) -> String {
    let role = c.words.t(&format!("role-{}", text(r, "role")));
    let label = text(r, "label");
    let id = id_short(text(r, "device"));
    c.words.with(
        "said-revoke-question",
        args!["label" = label, "role" = role, "id" = id],
    )
}

/// `revoke`.
pub fn revoked(c: &Context<'_>, r: &Json) -> String {
    let label = text(r, "label");
    let mut out = vec![c.words.with("said-revoked", args!["label" = label])];
    out.extend(reach(c, r));
    out.push(keys_replaced(c, &codes(r)));
    if r["secret_renewed"] == true {
        out.push(c.words.t("said-secret-renewed"));
    }
    out.extend(since(c, r));
    let disputed = number(r, "disputed");
    if disputed > 0 {
        let args = args!["count" = disputed, "label" = label];
        out.push(c.words.with("said-disputed", args));
    }
    out.push(news(c, r));
    out.join("\n")
}

fn keys_replaced(c: &Context<'_>, classes: &str) -> String {
    if classes.is_empty() {
        return c.words.t("said-no-keys");
    }
    c.words.with("said-keys", args!["classes" = classes])
}

/// `grant`.
pub fn granted(c: &Context<'_>, g: &Json) -> String {
    let role = |name: &str| c.words.t(&format!("role-{}", text(g, name)));
    let label = text(g, "label");
    let mut out = match g["before"].as_str() {
        Some(before) if before == text(g, "role") => c.words.with(
            "said-granted-same",
            args!["label" = label, "role" = role("role")],
        ),
        Some(_) => c.words.with(
            "said-granted-from",
            args![
                "label" = label,
                "role" = role("role"),
                "before" = role("before")
            ],
        ),
        None => c.words.with(
            "said-granted-back",
            args!["label" = label, "role" = role("role")],
        ),
    };
    if g["rotated"].is_array() {
        out.push('\n');
        out.push_str(&keys_replaced(c, &codes(g)));
    }
    out
}

/// `adopt`.
pub fn adopted(c: &Context<'_>, a: &Json) -> String {
    let (count, left) = (number(a, "adopted"), number(a, "disputed"));
    c.words.with(
        "said-adopted",
        args!["label" = text(a, "label"), "count" = count, "left" = left],
    )
}

/// `keys rotate`.
pub fn rotated(c: &Context<'_>, r: &Json) -> String {
    let classes: Vec<_> = list(r, "rotated")
        .map(|k| class(c, text(k, "class")))
        .collect();
    let mut out = keys_replaced(c, &classes.join(", "));
    if r["secret_renewed"] == true {
        out.push('\n');
        out.push_str(&c.words.t("said-secret-renewed"));
    }
    out
}
