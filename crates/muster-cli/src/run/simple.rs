//! Verbs that are one question to the daemon with a few arguments.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use clap::ArgMatches;
use muster_node::api::{Request, exit};
use serde_json::{Value as Json, json};

use super::{ask, required, text};
use crate::{
    Context, args,
    client::Changes,
    failure::{Failure, Outcome},
    render,
};

/// `operator`.
pub fn operator(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let request = Request::Operator {
        name: text(m, "name"),
    };
    ask(c, "operator", request, |c, a| {
        match a["operator"].as_str() {
            Some(name) => c.words.with("said-operator", args!["name" = name]),
            None => c.words.t("said-no-operator"),
        }
    })
}

/// `assign`.
pub fn assign(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let request = Request::Assign {
        task: required(m, "task")?,
        volunteer: required(m, "volunteer")?,
        slot: text(m, "slot"),
        from: text(m, "from"),
        to: text(m, "to"),
        lease: text(m, "lease"),
        r#override: text(m, "override"),
        told: text(m, "told"),
        told_by: text(m, "told-by"),
    };
    with_reasons(c, "assign", &request, render::work::assigned)
}

/// Asks for what may be warned of, and says the reasons beside the refusal.
fn with_reasons(
    c: &Context<'_>,
    verb: &str,
    request: &Request,
    text: impl FnOnce(&Context<'_>, &Json) -> String,
) -> Outcome<u8> {
    match c.client()?.call(request) {
        Ok(answer) => {
            c.answer(verb, answer, text);
            Ok(0)
        }
        Err(failure) => {
            if !c.json {
                for reason in failure.error.details["reasons"]
                    .as_array()
                    .into_iter()
                    .flatten()
                {
                    eprintln!("{}", crate::harmless(&render::work::reason(c, reason)));
                }
            }
            Err(failure)
        }
    }
}

/// `offer answer`.
pub fn answer(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let request = Request::Answer {
        assignment: required(m, "assignment")?,
        accept: required(m, "answer")? == "accept",
        told: text(m, "told"),
        told_by: text(m, "told-by"),
    };
    ask(c, "offer.answer", request, render::work::assigned)
}

/// `offer withdraw`, `offer no-show`, `offer on-site`, `offer done`.
pub fn step(c: &Context<'_>, step: &str, m: &ArgMatches) -> Outcome<u8> {
    let status = match step {
        "withdraw" => "withdrawn",
        other => other,
    };
    let request = Request::Step {
        assignment: required(m, "assignment")?,
        status: status.to_owned(),
        why: text(m, "why"),
    };
    ask(c, &format!("offer.{step}"), request, render::work::assigned)
}

/// `checkin`.
pub fn checkin(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let request = Request::CheckIn {
        person: required(m, "person")?,
        site: text(m, "site"),
        at: text(m, "at"),
        r#override: text(m, "override"),
    };
    with_reasons(c, "checkin", &request, render::work::checked)
}

/// `checkout`.
pub fn checkout(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let request = Request::CheckOut {
        person: required(m, "person")?,
        at: text(m, "at"),
    };
    ask(c, "checkout", request, render::work::checked)
}

/// `find`.
pub fn find(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let words: Vec<_> = m
        .get_many::<String>("text")
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let request = Request::Find {
        text: words.join(" "),
        limit: m.get_one::<usize>("limit").copied(),
    };
    ask(c, "find", request, render::objects::found)
}

/// `settle`.
pub fn settle(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let request = Request::Settle {
        id: required(m, "conflict")?,
        choose: text(m, "choose"),
        value: text(m, "value").map(Json::from),
    };
    ask(c, "settle", request, render::conflicts::settled)
}

/// How often somebody who waits asks again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// `sync`: with `--wait` until somebody is met and everybody met has the same entries.
pub fn sync(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let client = c.client()?;
    let mut answer = client.call(&Request::Sync {
        peer: text(m, "peer"),
    })?;
    if m.get_flag("wait") {
        let seconds = m.get_one::<u64>("timeout").copied().unwrap_or(10);
        let device = answer["device"].clone();
        let until = Instant::now() + Duration::from_secs(seconds);
        loop {
            let all = answer["items"].as_array().into_iter().flatten();
            let peers: Vec<_> = all
                .filter(|p| device.is_null() || p["device"] == device)
                .collect();
            if !peers.is_empty() && peers.iter().all(|p| p["in_sync"] == true) {
                break;
            }
            if Instant::now() >= until {
                let code = if peers.is_empty() {
                    "nobody-met"
                } else {
                    "sync-timeout"
                };
                return Err(Failure::new(code, exit::TIMED_OUT).with("seconds", seconds));
            }
            std::thread::sleep(ASK_AGAIN);
            answer = client.call(&Request::Peers)?;
        }
    }
    c.answer("sync", answer, render::status::synced);
    Ok(0)
}

/// `log`.
pub fn log(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let request = Request::Log {
        of: text(m, "of"),
        refused: m.get_flag("refused"),
        limit: m.get_one::<usize>("limit").copied(),
    };
    let client = c.client()?;
    if !m.get_flag("follow") {
        let answer = client.call(&request)?;
        c.answer("log", answer, render::log::log);
        return Ok(0);
    }
    // The stream first: what comes between the two would be in neither. What is in both is shown once.
    let mut changes = client.subscribe()?;
    let answer = client.call(&request)?;
    let listed = render::list(&answer, "items");
    let listed: BTreeSet<String> = listed.map(|e| text_of(&e["entry"])).collect();
    if c.json {
        for item in render::list(&answer, "items") {
            crate::emit(&format!("{}\n", log_line(item)));
        }
    } else {
        c.answer("log", answer, render::log::log);
    }
    follow(c, &mut changes, &listed)
}

fn log_line(item: &Json) -> Json {
    let mut line = json!({ "schema": "muster.log/1" });
    if let (Some(line), Some(item)) = (line.as_object_mut(), item.as_object()) {
        line.extend(item.clone());
    }
    line
}

/// `watch`.
pub fn watch(c: &Context<'_>) -> Outcome<u8> {
    let client = c.client()?;
    let mut changes = client.subscribe()?;
    follow(c, &mut changes, &BTreeSet::new())
}

/// Shows changes as they come, but for those of entries that were shown already.
fn follow(c: &Context<'_>, changes: &mut Changes<'_>, shown: &BTreeSet<String>) -> Outcome<u8> {
    while let Some(line) = changes.next()? {
        let Ok(change) = serde_json::from_str::<Json>(&line) else {
            continue;
        };
        if change["entry"].as_str().is_some_and(|e| shown.contains(e)) {
            continue;
        }
        if c.json {
            crate::emit(&format!("{line}\n"));
        } else {
            let line = crate::harmless(&render::log::change(c, &change));
            crate::emit(&format!("{line}\n"));
        }
    }
    Ok(0)
}

/// `history`.
pub fn history(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    ask(
        c,
        "history",
        Request::History {
            id: required(m, "id")?,
        },
        render::log::history,
    )
}

/// `completions`.
pub fn completions(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let shell = m
        .get_one::<clap_complete::Shell>("shell")
        .copied()
        .ok_or_else(|| Failure::new("missing-argument", exit::USAGE).with("name", "shell"))?;
    let mut out = Vec::new();
    clap_complete::generate(
        shell,
        &mut crate::args::command(c.words),
        "muster",
        &mut out,
    );
    let script = String::from_utf8_lossy(&out).into_owned();
    c.answer("completions", json!({ "script": script }), |_, a| {
        text_of(&a["script"])
    });
    Ok(0)
}

/// `man`.
pub fn man(c: &Context<'_>) -> Outcome<u8> {
    let mut out = Vec::new();
    let command = crate::args::command(c.words);
    clap_mangen::Man::new(command)
        .render(&mut out)
        .map_err(|e| Failure::new("failed", exit::FAILURE).with("why", e))?;
    let page = String::from_utf8_lossy(&out).into_owned();
    c.answer("man", json!({ "page": page }), |_, a| text_of(&a["page"]));
    Ok(0)
}

fn text_of(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}
