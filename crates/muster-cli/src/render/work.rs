//! Assignments and check-ins.

use muster_model::table;
use serde_json::Value as Json;

use super::{about, list, text, values};
use crate::{Context, args};

/// An assignment that was made or answered.
pub fn assigned(c: &Context<'_>, answer: &Json) -> String {
    let status = table::kind_named("assignment").and_then(|k| k.named("status"));
    let mut out = c.words.with(
        "said-assigned",
        args![
            "volunteer" = about(&answer["volunteer"]),
            "task" = about(&answer["task"]),
            "status" = values::value(c.words, status, &answer["status"], &Json::Null),
            "short" = text(answer, "short")
        ],
    );
    for warning in list(answer, "warnings") {
        out.push('\n');
        out.push_str(&reason(c, warning));
    }
    out
}

/// Why an assignment is warned of.
pub fn reason(c: &Context<'_>, reason: &Json) -> String {
    let key = format!("reason-{}", text(reason, "code"));
    let key = if c.words.has(&key) {
        key
    } else {
        "reason-other".to_owned()
    };
    let others: Vec<_> = list(reason, "others")
        .map(|o| {
            let task = about(&o["task"]);
            let when = [text(o, "from"), text(o, "to")].map(|t| values::time(c.words, t));
            match when {
                [from, to] if from.is_empty() && to.is_empty() => task,
                [from, to] => format!("{task}, {from} – {to}"),
            }
        })
        .collect();
    c.words.with(
        &key,
        args![
            "who" = about(&reason["about"]),
            "others" = others.join("; "),
            "code" = text(reason, "code")
        ],
    )
}

/// A check-in or check-out.
pub fn checked(c: &Context<'_>, answer: &Json) -> String {
    let who = about(&answer["person"]);
    let site = about(&answer["site"]);
    match answer["out"].as_str() {
        None if site.is_empty() => c.words.with(
            "said-checkin",
            args![
                "who" = who,
                "time" = values::time(c.words, text(answer, "in"))
            ],
        ),
        None => c.words.with(
            "said-checkin-site",
            args![
                "who" = who,
                "site" = site,
                "time" = values::time(c.words, text(answer, "in"))
            ],
        ),
        Some(out) => {
            let minutes = answer["minutes"].as_i64().unwrap_or(0);
            c.words.with(
                "said-checkout",
                args![
                    "who" = who,
                    "time" = values::time(c.words, out),
                    "hours" = minutes / 60,
                    "minutes" = format!("{:02}", minutes % 60)
                ],
            )
        }
    }
}
