//! Verbs of trust: ending a membership, other roles, adoption, allowances, new keys. What counts is
//! the daemon's business; here a person is told what will follow, and asked.

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use clap::ArgMatches;
use muster_node::api::{Request, exit};
use serde_json::{Value as Json, json};

use super::{ask, required, text};
use crate::{
    Context, args,
    client::Client,
    failure::{Failure, Outcome},
    render,
};

/// How often somebody who waits for the news to arrive asks again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// `revoke`: on a terminal what would follow is told first, and the person asked.
pub fn revoke(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let device = required(m, "device")?;
    let request = |dry_run: bool, device: &str| Request::Revoke {
        device: device.to_owned(),
        why: text(m, "why"),
        since: text(m, "since"),
        dry_run,
    };
    if m.get_flag("dry-run") {
        return ask(c, "revoke", request(true, &device), render::trust::planned);
    }
    let client = c.client()?;
    let mut named = device;
    if !c.all.get_flag("yes") {
        if c.json || !can_ask() {
            return Err(Failure::new("cannot-ask", exit::USAGE).with("device", named));
        }
        let plan = client.call(&request(true, &named))?;
        c.say(&render::trust::planned(c, &plan));
        confirm(c, &render::trust::question(c, &plan))?;
        // What was shown is what is done, whoever takes that name meanwhile.
        named = plan["device"].as_str().map_or(named, str::to_owned);
    }
    let mut answer = client.call(&request(false, &named))?;
    let all_heard = spread(&client, m, &mut answer)?;
    c.answer("revoke", answer, render::trust::revoked);
    if m.get_flag("wait") && !all_heard {
        c.say(&c.words.t("said-heard-timeout"));
        return Ok(exit::TIMED_OUT);
    }
    Ok(0)
}

/// Adds who has heard of the ending and who has not; with `--wait` not before all have, or time is
/// up. Gives whether all have.
fn spread(client: &Client, m: &ArgMatches, answer: &mut Json) -> Outcome<bool> {
    let seconds = m.get_one::<u64>("timeout").copied().unwrap_or(60);
    let until = Instant::now() + Duration::from_secs(seconds);
    loop {
        let devices = client.call(&Request::Devices)?;
        let ended = render::list(&devices, "items")
            .map(|d| &d["ended"])
            .find(|e| e["act"] == answer["act"]);
        for name in ["heard", "not_heard", "handed"] {
            answer[name] = ended.map_or_else(|| json!([]), |e| e[name].clone());
        }
        let all = ended.is_some() && render::list(answer, "not_heard").next().is_none();
        if all || !m.get_flag("wait") || Instant::now() >= until {
            return Ok(all);
        }
        std::thread::sleep(ASK_AGAIN);
    }
}

/// Whether somebody sits there who can be asked.
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks; anything but a yes in the person's language ends the command with nothing done.
pub fn confirm(c: &Context<'_>, question: &str) -> Outcome<()> {
    let broken = |e| Failure::new("failed", exit::FAILURE).with("why", e);
    let mut err = std::io::stderr().lock();
    let question = crate::harmless(question);
    write!(err, "{question} ")
        .and_then(|()| err.flush())
        .map_err(broken)?;
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(broken)?;
    let said = line.trim().to_lowercase();
    let yes = c.words.t("word-yes");
    let first: String = yes.chars().take(1).collect();
    if !said.is_empty() && (said == yes || said == first) {
        return Ok(());
    }
    Err(Failure::new("not-confirmed", exit::CONFLICT))
}

/// `grant`.
pub fn grant(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let request = Request::Grant {
        device: required(m, "device")?,
        role: text(m, "role"),
        person: text(m, "person"),
        scope: text(m, "scope"),
        sensitive: m.get_flag("sensitive"),
        expires: text(m, "expires"),
    };
    ask(c, "grant", request, render::trust::granted)
}

/// `adopt`.
pub fn adopt(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let request = Request::Adopt {
        device: required(m, "device")?,
        entry: text(m, "entry"),
    };
    ask(c, "adopt", request, render::trust::adopted)
}

/// `allowance`.
pub fn allowance(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let entries = m
        .get_one::<u64>("entries")
        .copied()
        .ok_or_else(|| Failure::new("missing-argument", exit::USAGE).with("name", "entries"))?;
    let request = Request::Allowance {
        device: required(m, "device")?,
        entries,
    };
    ask(c, "allowance", request, |c, a| {
        let label = render::text(a, "label");
        let (entries, before) = (render::number(a, "entries"), render::number(a, "before"));
        c.words.with(
            "said-allowance",
            args!["label" = label, "entries" = entries, "before" = before],
        )
    })
}

/// `keys rotate`.
pub fn rotate(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let class = text(m, "class");
    let request = Request::KeysRotate { class };
    ask(c, "keys.rotate", request, render::trust::rotated)
}
