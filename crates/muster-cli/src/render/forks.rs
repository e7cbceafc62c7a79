//! Logs whose devices signed two histories: whose, from where on, what each branch holds, and the
//! command that counts it.

use serde_json::Value as Json;

use super::{id_short, list, number, text, values};
use crate::{Context, args};

/// One forked log.
pub fn fork(c: &Context<'_>, fork: &Json) -> String {
    let label = match text(fork, "label") {
        "" => id_short(text(fork, "device")),
        label => label,
    };
    let what = if number(fork, "lane") == 0 {
        "acts"
    } else {
        "data"
    };
    let mut out = c.words.with(
        "said-fork",
        args![
            "label" = label,
            "what" = what,
            "seq" = number(fork, "seq"),
            "branches" = list(fork, "branches").count()
        ],
    );
    for branch in list(fork, "branches") {
        let counts = if branch["counts"] == true {
            "yes"
        } else {
            "no"
        };
        out.push_str("\n  ");
        out.push_str(&c.words.with(
            "said-fork-branch",
            args![
                "head" = id_short(text(branch, "head")),
                "entries" = number(branch, "entries"),
                "since" = values::time(c.words, text(branch, "since")),
                "until" = values::time(c.words, text(branch, "until")),
                "counts" = counts
            ],
        ));
    }
    if fork["counts"] != true {
        let open = list(fork, "branches").find(|b| b["counts"] != true);
        out.push('\n');
        out.push_str(&c.words.with(
            "said-fork-adopt",
            args![
                "label" = label,
                "head" = open.map_or("", |b| id_short(text(b, "head")))
            ],
        ));
    }
    out
}

/// All of them, below something else; nothing where there are none.
pub fn below(c: &Context<'_>, answer: &Json) -> String {
    let forks: Vec<_> = list(answer, "forks").map(|f| fork(c, f)).collect();
    if forks.is_empty() {
        return String::new();
    }
    format!("\n\n{}", forks.join("\n\n"))
}
