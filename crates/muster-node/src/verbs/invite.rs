//! Inviting a device by code: opens the invitation, tells how it stands, and admits the device once
//! a person has compared the words. The granting itself is [`super::trust`]'s.

use std::time::Duration;

use muster_log::pairing::{
    flight::Reason,
    inviter::{Pending, Stage},
    words::Language,
};
use muster_model::{table::kinds, value::time_text};
use serde_json::{Value as Json, json};

use super::{Answer, resolve, trust};
use crate::{
    api::{ApiError, exit},
    daemon::Node,
    edge::{now, random},
    pairing::{Grant, Host, Pairing},
};

/// How long a code may be used, unless told.
const LIFE_S: u64 = 10 * 60;
/// The shortest and the longest that may be told.
const LIVES_S: std::ops::RangeInclusive<u64> = 1..=24 * 60 * 60;

/// `devices`: those admitted, and the one that waits for a person to compare the words.
pub fn devices(node: &mut Node) -> Json {
    let mut answer = trust::devices(&mut node.engine);
    let pending: Vec<_> = node
        .pairing
        .iter()
        .filter_map(|p| match p.inviter.stage() {
            Stage::Pending(pending) => Some(device(p, pending)),
            _ => None,
        })
        .collect();
    if let Some(map) = answer.as_object_mut() {
        map.insert("pending".into(), Json::Array(pending));
    }
    answer
}

fn device(pairing: &Pairing, pending: &Pending) -> Json {
    let body = pending.request.body();
    json!({
        "id": body.device.hex(), "label": &*body.label, "code": &*body.code,
        "role": pairing.grant.role, "words": pending.sas.words, "digits": pending.sas.digits,
        "matches": pending.matches,
    })
}

/// `invite`.
pub fn invite(node: &mut Node, grant: Grant, code_s: Option<u64>) -> Answer {
    trust::grantable(&node.engine, &grant.role)?;
    trust::end_of(&node.engine, grant.expires.as_deref())?;
    // Better told now than with another person waiting.
    if let Some(person) = &grant.person {
        resolve(&node.engine, person, &[kinds::VOLUNTEER])?;
    }
    if let Some(scope) = &grant.scope {
        resolve(&node.engine, scope, &[kinds::TEAM, kinds::SITE])?;
    }
    let life = code_s.unwrap_or(LIFE_S);
    if !LIVES_S.contains(&life) {
        return Err(ApiError::new("pair-life", exit::USAGE)
            .with("least", LIVES_S.start())
            .with("most", LIVES_S.end()));
    }
    let network = node.network.as_ref().filter(|n| !n.is_offline());
    let runtime = match network {
        Some(network) => network.runtime(),
        None => return Err(ApiError::new("pair-no-network", exit::FAILURE)),
    };
    if let Some(pairing) = &mut node.pairing {
        if let Stage::Pending(p) = pairing.inviter.stage() {
            let label = p.request.body().label.to_string();
            return Err(ApiError::new("pair-waiting", exit::CONFLICT).with("label", label));
        }
        pairing.end(Reason::Withdrawn);
    }
    let genesis = node.engine.book().authority().genesis().body();
    let language = genesis.languages.first().map_or("en", |l| l);
    let host = Host {
        incident: node.engine.incident(),
        language: Language::of_tag(language),
        name: genesis.name.clone(),
        label: node.engine.secrets().label.clone(),
    };
    let life = Duration::from_secs(life);
    let pairing = Pairing::open(runtime, host, grant, now(), life, &mut random)
        .map_err(|why| ApiError::new("failed", exit::FAILURE).with("why", why))?;
    node.pairing = Some(pairing);
    Ok(invitation(node))
}

/// How the invitation stands.
pub fn invitation(node: &Node) -> Json {
    let Some(pairing) = &node.pairing else {
        return json!({ "stage": "none" });
    };
    let mut answer = json!({
        "code": pairing.inviter.code().to_string(),
        "qr": pairing.card().to_text(),
        "addresses": pairing.addresses(),
        "expires": time_text(pairing.expires),
        "role": pairing.grant.role,
        "tries_left": pairing.inviter.tries_left(),
    });
    let more = match pairing.inviter.stage() {
        Stage::Open => json!({ "stage": "open" }),
        Stage::Pending(p) => json!({ "stage": "pending", "device": device(pairing, p) }),
        Stage::Admitted { gone } => json!({ "stage": "admitted", "gone": gone }),
        Stage::Delivered => json!({ "stage": "delivered" }),
        Stage::Over(reason) => json!({ "stage": "over", "reason": reason.code() }),
    };
    if let (Some(answer), Json::Object(more)) = (answer.as_object_mut(), more) {
        answer.extend(more);
    }
    answer
}

/// `admit DEVICE`.
pub fn admit(node: &mut Node, given: &str) -> Answer {
    let nobody = || ApiError::new("pair-nobody-waits", exit::NOT_FOUND).with("given", given);
    let pairing = node.pairing.as_mut().ok_or_else(nobody)?;
    let Stage::Pending(pending) = pairing.inviter.stage() else {
        return Err(nobody());
    };
    if !is_named(pending, given) {
        return Err(nobody());
    }
    let request = hex::encode(pending.request.to_bytes());
    let sas = pending.sas.clone();
    let grant = pairing.grant.clone();
    let admitted = trust::admit(&mut node.engine, &request, grant);
    let mut answer = match admitted {
        Ok(answer) => answer,
        Err(error) => {
            pairing.end(Reason::NotAdmitted);
            return Err(error);
        }
    };
    let sealed = answer
        .get("answer")
        .and_then(Json::as_str)
        .and_then(|h| hex::decode(h).ok())
        .unwrap_or_default();
    pairing.admitted(&sealed);
    if let Some(map) = answer.as_object_mut() {
        // It goes to the device by itself.
        map.remove("answer");
        map.insert("words".into(), json!(sas.words));
        map.insert("digits".into(), json!(sas.digits));
    }
    Ok(answer)
}

fn is_named(pending: &Pending, given: &str) -> bool {
    let body = pending.request.body();
    let fold = muster_model::text::fold;
    (given.len() >= 4 && body.device.hex().starts_with(&given.to_ascii_lowercase()))
        || fold(&body.label) == fold(given)
        || body.code.eq_ignore_ascii_case(given)
}

/// Says no to whoever waits, or withdraws what nobody has used.
pub fn end(node: &mut Node) -> Answer {
    if let Some(pairing) = &mut node.pairing {
        match pairing.inviter.stage() {
            Stage::Pending(_) => pairing.end(Reason::Declined),
            _ => pairing.end(Reason::Withdrawn),
        }
    }
    Ok(invitation(node))
}
