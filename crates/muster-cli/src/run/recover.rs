//! `recover`: the roots give a device headquarters again, or end one. The root keys are opened and used in this
//! process and go nowhere else: the daemon gets what they have signed.

use std::path::Path;

use clap::ArgMatches;
use muster_log::{
    act::{Act, Admit},
    chain::DeviceKey,
    codec::{self, Bounded, Text},
    genesis::Genesis,
    ids::{DeviceId, ExchangeKey, GrantId, ObjectId},
    operation::Operation,
    role::Role,
};
use muster_node::{
    api::{Request, exit},
    recovery,
};
use serde_json::{Value as Json, json};

use super::{
    paper::{Paper, failed},
    rest, text,
    trust::can_ask,
};
use crate::{
    Context, args,
    failure::{Failure, Outcome},
    render,
};

/// `recover`: made, signed and carried at once, or one after the other by people who are apart, with a
/// file that goes between them.
pub fn recover(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    if let Some(file) = text(m, "carry") {
        let paper = Paper::read(Path::new(&file))?;
        return carry(c, &paper);
    }
    let mut paper = match text(m, "sign") {
        Some(file) => Paper::read(Path::new(&file))?,
        None => planned(c, m)?,
    };
    if text(m, "sign").is_some() {
        c.say(&paper.told(c));
    }
    let keys = keys(c, m, &paper.genesis)?;
    let keys: Vec<_> = keys.iter().map(|(place, key)| (*place, key)).collect();
    let id = paper.genesis.id();
    paper.act.sign_too(&id, &keys).map_err(|e| failed(&e))?;
    let out = text(m, "out").or_else(|| text(m, "sign"));
    match out {
        None => carry(c, &paper),
        Some(out) => {
            paper.write(Path::new(&out))?;
            let mut answer = paper.json();
            answer["file"] = json!(out);
            c.answer("recover", answer, |c, a| {
                let (given, needed) = (a["roots"].as_array().map_or(0, Vec::len), &a["threshold"]);
                let key = match given as u64 >= needed.as_u64().unwrap_or(0) {
                    true => "said-root-act-ready",
                    false => "said-root-act-signed",
                };
                let args = args!["file" = out, "given" = given, "needed" = needed.to_string()];
                format!("{}\n{}", paper.told(c), c.words.with(key, args))
            });
            Ok(0)
        }
    }
}

/// Hands the act to the daemon, if enough roots have signed it.
fn carry(c: &Context<'_>, paper: &Paper) -> Outcome<u8> {
    let threshold = paper.genesis.body().threshold;
    let roots = paper.act.signed_by(&paper.genesis);
    if roots.len() < usize::from(threshold) {
        return Err(Failure::new("too-few-roots", exit::NOT_PERMITTED)
            .with("threshold", threshold)
            .with("given", roots.len()));
    }
    let act = paper.operation()?;
    let mut answer = c.client()?.call(&Request::RootAct { act })?;
    answer["threshold"] = json!(threshold);
    answer["roots"] = json!(roots);
    c.answer("recover", answer, |c, a| {
        let label = render::text(a, "label");
        if a["ended"] == true {
            return c.words.with("said-root-ended", args!["label" = label]);
        }
        let handed = render::number(a, "handed");
        let role = c.words.t(&format!("role-{}", render::text(a, "role")));
        c.words.with(
            "said-recovered",
            args!["label" = label, "role" = role, "handed" = handed],
        )
    });
    Ok(0)
}

/// What the daemon knows of the device, as an act that nobody has signed yet.
fn planned(c: &Context<'_>, m: &ArgMatches) -> Outcome<Paper> {
    let client = c.client()?;
    let request = match text(m, "end") {
        Some(device) => Request::RootPlanEnd {
            device,
            why: text(m, "why"),
        },
        None => Request::RootPlan {
            device: text(m, "device"),
        },
    };
    let plan = client.call(&request)?;
    let act = match plan["operation"].as_str() {
        None => Act::Admit(admission(&plan)?),
        Some(hex) => {
            let bytes = hex::decode(hex).map_err(|_| bad_answer("operation"))?;
            let operation = codec::decode::<Operation, { 16 * 1024 }>("root act", &bytes);
            let operation = operation.map_err(|e| bad_answer(&e.to_string()))?;
            match Act::read(&operation) {
                Some(Ok(act @ Act::End(_))) => act,
                _ => return Err(bad_answer("operation")),
            }
        }
    };
    Paper::new(genesis(&plan)?, &act, render::text(&plan, "label"))
}

/// The keys of the roots whose files were given.
fn keys(c: &Context<'_>, m: &ArgMatches, genesis: &Genesis) -> Outcome<Vec<(u8, DeviceKey)>> {
    let files = many(m, "recovery");
    let phrases = many(m, "recovery-passphrase-file");
    if !phrases.is_empty() && phrases.len() != files.len() {
        return Err(Failure::new("recovery-passphrases", exit::USAGE)
            .with("files", files.len())
            .with("given", phrases.len()));
    }
    if phrases.is_empty() && !can_ask() {
        return Err(Failure::new("cannot-ask-passphrase", exit::USAGE));
    }
    let mut roots: Vec<(u8, DeviceKey)> = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let (place, key) = open(c, genesis, Path::new(file), phrases.get(at))?;
        if roots.iter().all(|(known, _)| *known != place) {
            roots.push((place, key));
        }
    }
    Ok(roots)
}

fn many(m: &ArgMatches, name: &str) -> Vec<String> {
    m.get_many::<String>(name)
        .map(|all| all.cloned().collect())
        .unwrap_or_default()
}

fn bad_answer(what: &str) -> Failure {
    Failure::new("bad-answer", exit::FAILURE).with("why", what)
}

/// The incident, by what its roots signed and not by what the daemon says of it.
fn genesis(plan: &Json) -> Outcome<Genesis> {
    let bytes = hex::decode(render::text(plan, "genesis")).map_err(|_| bad_answer("genesis"))?;
    Genesis::from_bytes(&bytes).map_err(|e| bad_answer(&e.to_string()))
}

/// Opens a recovery file; gives the root's place in the genesis and its key.
fn open(
    c: &Context<'_>,
    genesis: &Genesis,
    file: &Path,
    phrase: Option<&String>,
) -> Outcome<(u8, DeviceKey)> {
    let sealed = std::fs::read(file).map_err(|e| Failure::file("read", file, &e))?;
    let words = match phrase {
        Some(path) => rest::passphrase_from(Path::new(path))?,
        None => {
            let named = args!["file" = file.display()];
            let question = c.words.with("said-passphrase-of", named);
            rest::hidden(&format!("{} ", crate::harmless(&question)))?
        }
    };
    let root = recovery::open(&sealed, words.trim()).map_err(|e| {
        Failure::new("recovery-closed", exit::NOT_PERMITTED)
            .with("path", file.display())
            .with("why", e)
    })?;
    let key = DeviceKey::from_bytes(&root);
    let place = genesis.body().roots.iter().position(|r| *r == key.id());
    let place = place.and_then(|p| u8::try_from(p).ok());
    let place = place.ok_or_else(|| {
        Failure::new("not-a-root", exit::REFUSED)
            .with("path", file.display())
            .with("incident", &*genesis.body().name)
    })?;
    Ok((place, key))
}

/// The admission that gives the device headquarters.
fn admission(plan: &Json) -> Outcome<Admit> {
    let get = |name: &str| render::text(plan, name);
    let object = |name: &str| {
        plan[name]
            .as_str()
            .map(|hex| ObjectId::from_hex(hex).ok_or_else(|| bad_answer(name)))
            .transpose()
    };
    let lifts: Vec<_> = render::list(plan, "lifts")
        .map(|l| {
            l.as_str()
                .and_then(GrantId::from_hex)
                .ok_or_else(|| bad_answer("lifts"))
        })
        .collect::<Outcome<_>>()?;
    Ok(Admit {
        device: DeviceId::from_hex(get("device")).ok_or_else(|| bad_answer("device"))?,
        exchange: ExchangeKey::from_hex(get("exchange")).ok_or_else(|| bad_answer("exchange"))?,
        role: Role::Hq,
        person: object("person")?,
        scope: object("scope")?,
        label: Text::try_from(get("label").to_owned()).map_err(|_| bad_answer("label"))?,
        code: Text::try_from(get("code").to_owned()).map_err(|_| bad_answer("code"))?,
        expires: None,
        lifts: Bounded::try_from(lifts).map_err(|_| bad_answer("lifts"))?,
        extensions: Bounded::default(),
    })
}
