//! `recover`: the roots give a device headquarters again. The root keys are opened and used in this
//! process and go nowhere else: the daemon gets what they have signed.

use std::path::Path;

use clap::ArgMatches;
use muster_log::{
    act::{Act, Admit, RootAct},
    chain::DeviceKey,
    codec::{self, Bounded, Text},
    genesis::Genesis,
    ids::{DeviceId, ExchangeKey, GrantId, ObjectId},
    role::Role,
};
use muster_node::{
    api::{Request, exit},
    daemon, recovery,
};
use serde_json::{Value as Json, json};

use super::{rest, text, trust::can_ask};
use crate::{
    Context, args,
    failure::{Failure, Outcome},
    render,
};

/// `recover`.
pub fn recover(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
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
    let client = c.client()?;
    let plan = client.call(&Request::RootPlan {
        device: text(m, "device"),
    })?;
    let genesis = genesis(&plan)?;
    let mut roots: Vec<(u8, DeviceKey)> = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let (place, key) = open(c, &genesis, Path::new(file), phrases.get(at))?;
        if roots.iter().all(|(known, _)| *known != place) {
            roots.push((place, key));
        }
    }
    let threshold = genesis.body().threshold;
    if roots.len() < usize::from(threshold) {
        return Err(Failure::new("too-few-roots", exit::NOT_PERMITTED)
            .with("threshold", threshold)
            .with("given", roots.len()));
    }
    let mut answer = client.call(&Request::RootAct {
        act: signed(&genesis, &plan, &roots)?,
    })?;
    answer["threshold"] = json!(threshold);
    answer["roots"] = json!(roots.iter().map(|(place, _)| *place).collect::<Vec<_>>());
    c.answer("recover", answer, |c, a| {
        let (label, handed) = (render::text(a, "label"), render::number(a, "handed"));
        let role = c.words.t(&format!("role-{}", render::text(a, "role")));
        c.words.with(
            "said-recovered",
            args!["label" = label, "role" = role, "handed" = handed],
        )
    });
    Ok(0)
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

/// The act that gives the device headquarters, signed by these roots, as the daemon takes it.
fn signed(genesis: &Genesis, plan: &Json, roots: &[(u8, DeviceKey)]) -> Outcome<String> {
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
    let admit = Admit {
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
    };
    let failed = |e: &dyn std::fmt::Display| Failure::new("failed", exit::FAILURE).with("why", e);
    // Random: the same recovery on another day is another act.
    let mut salt = [0; 16];
    daemon::random(&mut salt);
    let keys: Vec<_> = roots.iter().map(|(place, key)| (*place, key)).collect();
    let act =
        RootAct::sign(&genesis.id(), salt, &Act::Admit(admit), &keys).map_err(|e| failed(&e))?;
    let operation = Act::Root(act).write().map_err(|e| failed(&e))?;
    Ok(hex::encode(codec::encode(&operation)))
}
