//! Pairing by code: the invitation with its QR code, joining by it, and the two people's yes or no.

use std::{io::BufRead as _, sync::mpsc, time::Duration};

use clap::ArgMatches;
use muster_log::pairing::code::Given;
use muster_node::{
    api::{Request, exit},
    daemon,
    pairing::{self, Search, Told},
    setup,
};
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use serde_json::{Value as Json, json};
use tokio::sync::oneshot;

use super::{
    required,
    setup::{joined, open_to_join},
    text,
};
use crate::{
    Context, args as sentence_args,
    client::Client,
    failure::{Failure, Outcome},
};

/// How often the daemon is asked how the invitation stands.
const POLL: Duration = Duration::from_millis(150);
/// How long an invitation may take to know where it listens.
const LISTENING: u32 = 20;

fn field<'a>(json: &'a Json, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_default()
}

/// `invite`.
pub fn invite(context: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let client = context.client()?;
    if m.get_flag("end") {
        let answer = client.call(&Request::EndInvitation)?;
        context.answer("invite", answer, |c, _| c.words.t("said-invite-ended"));
        return Ok(0);
    }
    let mut open = client.call(&Request::Invite {
        role: required(m, "role")?,
        person: text(m, "person"),
        scope: text(m, "scope"),
        sensitive: m.get_flag("sensitive"),
        expires: text(m, "expires"),
        code_s: m.get_one::<u64>("code-expires").copied(),
    })?;
    for _ in 0..LISTENING {
        if open["addresses"].as_array().is_some_and(|a| !a.is_empty()) {
            break;
        }
        std::thread::sleep(POLL / 3);
        open = client.call(&Request::Invitation)?;
    }
    open["event"] = json!("open");
    let code = field(&open, "code").to_owned();
    context.answer("invite", open, invitation_text);
    if m.get_flag("no-wait") {
        return Ok(0);
    }
    attend(context, &client, &code)
}

fn invitation_text(c: &Context<'_>, open: &Json) -> String {
    let mut out = String::new();
    if !c.plain
        && let Some(qr) = draw(field(open, "qr"))
    {
        out.push_str(&qr);
        out.push('\n');
    }
    out.push_str(&c.words.with(
        "said-invite",
        sentence_args![
            "code" = field(open, "code"),
            "card" = field(open, "qr"),
            "expires" = field(open, "expires"),
            "address" = open["addresses"][0].as_str().unwrap_or("-")
        ],
    ));
    out
}

/// The QR code for a terminal, light on dark: two modules in a character.
pub fn draw(card: &str) -> Option<String> {
    let qr = QrCode::with_error_correction_level(card, EcLevel::L).ok()?;
    let mut drawing = qr.render::<Dense1x2>();
    drawing
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark);
    Some(drawing.build())
}

/// Waits with the invitation until a device has come, was looked at, and has its answer.
fn attend(context: &Context<'_>, client: &Client, code: &str) -> Outcome<u8> {
    let mut asked: Option<mpsc::Receiver<Option<bool>>> = None;
    let mut device = Json::Null;
    let (mut admitted, mut said_matches) = (false, false);
    loop {
        let now = client.call(&Request::Invitation)?;
        if field(&now, "code") != code {
            return Err(Failure::new("pair-withdrawn", exit::REFUSED));
        }
        match field(&now, "stage") {
            "pending" if asked.is_none() => {
                device = now["device"].clone();
                let event = json!({ "event": "words", "device": device,
                    "words": device["words"], "digits": device["digits"] });
                context.answer("invite", event, words_text);
                asked = Some(if context.all.get_flag("yes") {
                    answered(true)
                } else {
                    context.say(&context.words.t("ask-invite"));
                    ask()
                });
            }
            "pending" => {
                if now["device"]["matches"] == true && !said_matches {
                    said_matches = true;
                    context.say(&context.words.t("said-other-matches"));
                }
                match asked.as_ref().and_then(|a| a.try_recv().ok()).flatten() {
                    Some(true) => {
                        let id = field(&device, "id").to_owned();
                        client.call(&Request::AdmitPending { device: id })?;
                    }
                    Some(false) => {
                        client.call(&Request::EndInvitation)?;
                        return Err(Failure::new("pair-declined-here", exit::REFUSED));
                    }
                    None => {}
                }
            }
            "admitted" if now["gone"] == true => {
                return Err(Failure::new("pair-answer-lost", exit::FAILURE)
                    .with("label", field(&device, "label")));
            }
            "admitted" if !admitted => {
                admitted = true;
                context.say(&context.words.t("said-pair-waiting"));
            }
            "delivered" => {
                paired(context, &device);
                return Ok(0);
            }
            "over" => return Err(over(field(&now, "reason"))),
            "none" => return Err(Failure::new("pair-withdrawn", exit::REFUSED)),
            _ => {}
        }
        std::thread::sleep(POLL);
    }
}

fn paired(context: &Context<'_>, device: &Json) {
    let event = json!({ "event": "admitted", "device": device,
        "words": device["words"], "digits": device["digits"] });
    context.answer("invite", event, |c, _| {
        c.words.with(
            "said-paired",
            sentence_args![
                "label" = field(device, "label"),
                "role" = c.words.t(&format!("role-{}", field(device, "role")))
            ],
        )
    });
}

fn over(reason: &str) -> Failure {
    let exit = match reason {
        "pair-expired" | "pair-timed-out" => exit::TIMED_OUT,
        _ => exit::REFUSED,
    };
    Failure::new(reason, exit).with("left", 0)
}

fn words_text(c: &Context<'_>, event: &Json) -> String {
    let words = event["words"].as_array().into_iter().flatten();
    let words: Vec<_> = words.filter_map(Json::as_str).collect();
    c.words.with(
        "said-words",
        sentence_args![
            "label" = field(&event["device"], "label"),
            "words" = words.join("   "),
            "digits" = grouped(field(event, "digits"))
        ],
    )
}

/// Digits as people read them out.
fn grouped(digits: &str) -> String {
    let (first, second) = digits.split_at_checked(3).unwrap_or((digits, ""));
    format!("{first} {second}")
}

fn answered(yes: bool) -> mpsc::Receiver<Option<bool>> {
    let (tell, told) = mpsc::channel();
    let _kept = tell.send(Some(yes));
    told
}

/// Asks the person at the terminal, without holding up the rest. Nothing on the standard input is no
/// answer.
fn ask() -> mpsc::Receiver<Option<bool>> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        let said = line.trim().to_lowercase();
        let answer = match read {
            Ok(n) if n > 0 => Some(matches!(said.as_str(), "y" | "yes" | "o" | "oui")),
            _ => None,
        };
        // Nobody waits for it any more when the other side has ended it.
        let _late = tell.send(answer);
    });
    told
}

/// `join CODE`.
pub fn join(context: &Context<'_>, m: &ArgMatches, given: &str) -> Outcome<u8> {
    let given = Given::parse(given)
        .map_err(|e| Failure::new("pair-code-unreadable", exit::USAGE).with("why", e))?;
    let peers = m
        .get_many::<String>("peer")
        .map(|p| p.cloned().collect())
        .unwrap_or_default();
    let patience = m.get_one::<u64>("timeout").copied().unwrap_or(30);
    let (dir, request) = open_to_join(context, m)?;
    let search = Search {
        given,
        peers,
        discovery: !m.get_flag("no-discovery"),
        patience: Duration::from_secs(patience),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::new("failed", exit::FAILURE).with("why", e))?;
    context.say(&context.words.t("said-searching"));
    let mut seen = None;
    let outcome = runtime.block_on(pairing::join(
        search,
        &request,
        &mut daemon::random,
        |told| {
            seen = Some(told.clone());
            show(context, told)
        },
        |answer| setup::accept(&dir, answer, daemon::now(), &mut daemon::random),
    ));
    // A thread may still wait for the person's answer.
    runtime.shutdown_background();
    let new = outcome.map_err(|e| Failure { error: e.to_api() })?;
    let more = seen.map_or(
        Json::Null,
        |told| json!({ "event": "joined", "words": told.words, "digits": told.digits }),
    );
    joined(context, &new, more);
    Ok(0)
}

fn show(context: &Context<'_>, told: &Told) -> oneshot::Receiver<bool> {
    let event = json!({ "event": "words", "words": told.words, "digits": told.digits,
        "language": told.language, "incident": told.incident, "name": told.name,
        "device": { "label": told.label } });
    context.answer("join", event, words_text);
    let (tell, verdict) = oneshot::channel();
    if context.all.get_flag("yes") {
        let _kept = tell.send(true);
        return verdict;
    }
    context.say(
        &context
            .words
            .with("ask-join", sentence_args!["name" = told.name]),
    );
    let answer = ask();
    std::thread::spawn(move || {
        // Without an answer the words were not compared.
        let _late = tell.send(answer.recv().ok().flatten().unwrap_or(false));
    });
    verdict
}

/// `admit DEVICE`: the words are shown again before the yes.
pub fn admit(context: &Context<'_>, device: &str) -> Outcome<u8> {
    let answer = context.client()?.call(&Request::AdmitPending {
        device: device.to_owned(),
    })?;
    context.answer("admit", answer, |c, a| {
        c.words.with(
            "said-admitted-pending",
            sentence_args![
                "label" = field(a, "label"),
                "role" = c.words.t(&format!("role-{}", field(a, "role")))
            ],
        )
    });
    Ok(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_card_fits_a_terminal() {
        let card = format!("MUSTER:{}", "0123456789ABCDEFGHJKMNPQRSTVWXYZ".repeat(4));
        let drawn = draw(&card).unwrap();
        let widths: Vec<_> = drawn.lines().map(|l| l.chars().count()).collect();
        assert!(
            widths.iter().all(|w| *w == widths[0] && *w <= 60),
            "{widths:?}"
        );
        assert!(widths.len() <= 30, "{} lines", widths.len());
        assert_eq!(grouped("012345"), "012 345");
    }
}
