//! Devices: who is admitted, by whom, and admitting one more.

use std::collections::BTreeSet;

use muster_log::{
    act::{Act, Admit, Audience, KeyAct, Wrapped},
    codec::{Bounded, Text},
    entry::{kind, urgency},
    hash,
    ids::{Class, DeviceId, ExchangeKey, Lane, LogId, Millis, Seq},
    operation::DataOperation,
    pairing::{Answer as PairingAnswer, Request as PairingRequest},
    readers::Readers,
    role::Role,
    run, seal,
    seal::ClassKey,
};
use muster_model::table::kinds;
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use super::{Answer, brief, claimed, exchange::parse_time, membership, own_role, resolve};
use crate::{
    api::{ApiError, exit},
    edge::random,
    engine::{Engine, PartWrites},
    error::NodeError,
    pairing::Grant,
    setup,
};

/// `devices`: everyone admitted, the founder first, each under whoever admitted it.
pub fn devices(engine: &mut Engine) -> Json {
    let readers = engine.readers().clone();
    let engine = &*engine;
    let authority = engine.book().authority();
    let me = engine.device();
    let now = claimed();
    let mut grants: Vec<_> = authority.grants().collect();
    grants.sort_by(|a, b| (a.depth, a.role, &a.label).cmp(&(b.depth, b.role, &b.label)));
    let items: Vec<_> = grants
        .into_iter()
        .map(|g| {
            let by = g.parent.and_then(|p| authority.grant(&p));
            let entries: u64 = engine
                .book()
                .logs()
                .filter(|l| l.key().device == g.device)
                .map(|l| l.count())
                .sum();
            let mut item = json!({
                "id": g.device.hex(),
                "label": g.label,
                "code": g.code,
                "role": g.role.code(),
                "grant": g.id.hex(),
                "admitted_by": by.map(|b| b.device.hex()),
                "admitted_by_label": by.map(|b| b.label.clone()),
                "person": g.person.map(|p| brief(engine, p)),
                "scope": g.scope.map(|s| brief(engine, s)),
                "depth": g.depth,
                "entries": entries,
                "self": g.device == me,
                "reads": reads(engine, &readers, &g.device),
                "last_heard": last_heard(engine, &g.device),
                "clock_offset_s": clock_offset(engine, &g.device),
                "expires": g.expires.map(muster_model::value::time_text),
                "expired": g.is_over(now),
            });
            let state = membership::ending(engine, g);
            if let (Some(item), Json::Object(state)) = (item.as_object_mut(), state) {
                item.extend(state);
            }
            item
        })
        .collect();
    // A journal that cannot be read says so elsewhere.
    let forks = super::forks::forks(engine).unwrap_or_default();
    json!({ "items": items, "forks": forks })
}

/// The classes of which a device holds the latest key, by the acts known.
fn reads(engine: &Engine, readers: &Readers, device: &DeviceId) -> Vec<String> {
    let ring = engine.book().keys();
    [Class::C1, Class::C2, Class::C3]
        .into_iter()
        .filter(|class| {
            ring.unreplaced(*class, Audience::WholeClass)
                .any(|key| readers.reads(&key.id(), device))
        })
        .map(|class| format!("C{}", class.0))
        .collect()
}

/// When a device says it wrote its latest entry that is here.
fn last_heard(engine: &Engine, device: &DeviceId) -> Option<String> {
    last_claimed(engine, device).map(muster_model::value::time_text)
}

/// As [`last_heard`], as a moment.
pub(super) fn last_claimed(engine: &Engine, device: &DeviceId) -> Option<muster_log::ids::Millis> {
    let logs = engine.book().logs().filter(|l| l.key().device == *device);
    let claimed = logs.filter_map(|l| {
        let last = l.stretches().into_iter().max_by_key(|piece| piece.to)?;
        let run = engine.run_on(&l.id(), last.line, last.to).ok()??;
        run.entries().last().map(|e| e.header().claimed)
    });
    claimed.max()
}

/// How far a device's clock was ahead when it was last met, where that is worth telling.
pub fn clock_offset(engine: &Engine, device: &DeviceId) -> Option<i64> {
    let offset = engine.met().clock(device).filter(|o| o.matters());
    offset.map(|o| o.ahead / 1_000)
}

/// A device by its id, the beginning of it, its label or its code.
pub fn device_named(engine: &Engine, given: &str) -> Result<DeviceId, ApiError> {
    let authority = engine.book().authority();
    let folded = muster_model::text::fold(given);
    let found: BTreeSet<DeviceId> = authority
        .grants()
        .filter(|g| {
            (given.len() >= 4 && g.device.hex().starts_with(&given.to_ascii_lowercase()))
                || muster_model::text::fold(&g.label) == folded
                || g.code.eq_ignore_ascii_case(given)
        })
        .map(|g| g.device)
        .collect();
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(ApiError::new("not-found", exit::NOT_FOUND)
            .with("given", given)
            .with("kind", "device")),
        _ => Err(ApiError::new("ambiguous", exit::NOT_FOUND)
            .with("given", given)
            .with("candidates", "")),
    }
}

fn refused(code: &str, exit: u8) -> ApiError {
    ApiError::new(code, exit)
}

/// `admit`: the request is proven, the grant written, the keys sealed to the device, and the answer
/// sealed so that only it can open it.
pub fn admit(engine: &mut Engine, request: &str, grant: Grant) -> Answer {
    let bytes = hex::decode(request)
        .map_err(|e| refused("pairing-refused", exit::REFUSED).with("why", e))?;
    let request = PairingRequest::from_bytes(&bytes).map_err(NodeError::from)?;
    let role = grantable(engine, &grant.role)?;
    let expires = end_of(engine, grant.expires.as_deref())?;
    let body = request.body();
    if engine.book().authority().knows(&body.device) {
        return answer_again(engine, &request, role);
    }
    let person = grant
        .person
        .map(|p| resolve(engine, &p, &[kinds::VOLUNTEER]))
        .transpose()?;
    let scope = grant
        .scope
        .map(|s| resolve(engine, &s, &[kinds::TEAM, kinds::SITE]))
        .transpose()?;
    let keys = key_acts(engine, body.device, &body.exchange, role, grant.sensitive)?;
    let admit = Admit {
        device: body.device,
        exchange: body.exchange,
        role,
        person,
        scope,
        label: body.label.clone(),
        code: unique_code(engine, &body.code),
        expires,
        lifts: Bounded::default(),
        extensions: Bounded::default(),
    };
    let label = admit.label.to_string();
    let code = admit.code.to_string();
    let written = engine.write_acts(
        kind::AUTHORITY,
        &[Act::Admit(admit)],
        claimed(),
        &mut random,
    )?;
    let grant = hash::grant_id(&written.hash, 0);
    if !keys.is_empty() {
        engine.write_acts(kind::KEY, &keys, claimed(), &mut random)?;
    }
    engine.welcome(body.device, claimed(), &mut random)?;
    let answer = sealed_answer(engine, &request, grant)?;
    Ok(json!({
        "device": body.device.hex(), "label": label, "code": code, "role": role.code(),
        "grant": grant.hex(), "answer": hex::encode(answer),
    }))
}

/// The role of a code, if this device may give it.
pub fn grantable(engine: &Engine, role: &str) -> Result<Role, ApiError> {
    let role = Role::from_code(role)
        .ok_or_else(|| refused("no-such-role", exit::USAGE).with("given", role))?;
    let own = own_role(engine)?;
    not_over(engine)?;
    if !own.may_grant(role) {
        return Err(refused("role-not-permitted", exit::NOT_PERMITTED)
            .with("own", own.code())
            .with("role", role.code()));
    }
    let depth = engine.own_grant().map_or(0, |g| g.depth);
    if depth >= muster_log::role::MAX_DEPTH {
        return Err(refused("too-deep", exit::NOT_PERMITTED));
    }
    Ok(role)
}

/// Refuses what a device whose own time is up would do in vain: the keys it hands out end with those
/// it has, and it gets none of those it makes.
pub fn not_over(engine: &Engine) -> Result<(), ApiError> {
    match engine.own_grant().filter(|g| g.is_over(claimed())) {
        None => Ok(()),
        Some(grant) => {
            let at = grant.expires.map(muster_model::value::time_text);
            Err(refused("own-time-over", exit::NOT_PERMITTED).with("at", at.unwrap_or_default()))
        }
    }
}

/// When a membership is to end, as a person gives it; not in the past.
pub fn end_of(engine: &Engine, given: Option<&str>) -> Result<Option<Millis>, ApiError> {
    let Some(given) = given else {
        return Ok(None);
    };
    let at = parse_time(engine, given)?;
    if at <= claimed() {
        return Err(refused("expires-past", exit::REFUSED).with("given", given));
    }
    Ok(Some(at))
}

/// The answer for a device that is admitted already: its first answer was lost on the way. Nothing is
/// granted anew.
fn answer_again(engine: &Engine, request: &PairingRequest, role: Role) -> Answer {
    let body = request.body();
    let grant = engine.book().authority().best_grant(&body.device);
    match grant.filter(|g| g.role == role && g.exchange == body.exchange) {
        Some(grant) => {
            let answer = sealed_answer(engine, request, grant.id)?;
            Ok(json!({
                "device": body.device.hex(), "label": grant.label, "code": grant.code,
                "role": grant.role.code(), "grant": grant.id.hex(), "answer": hex::encode(answer),
                "again": true,
            }))
        }
        None => Err(refused("already-admitted", exit::CONFLICT).with("label", &*body.label)),
    }
}

/// The code asked for, or the next free one: numbers should be unambiguous on paper.
fn unique_code(engine: &Engine, wanted: &Text<8>) -> Text<8> {
    let taken: BTreeSet<_> = engine
        .book()
        .authority()
        .grants()
        .map(|g| g.code.clone())
        .collect();
    if !taken.contains(&**wanted) {
        return wanted.clone();
    }
    let stem: String = wanted.chars().take(6).collect();
    (2..100u32)
        .map(|n| format!("{stem}{n}"))
        .find(|c| !taken.contains(c))
        .and_then(|c| Text::try_from(c).ok())
        .unwrap_or_else(|| wanted.clone())
}

/// The keys a role reads, in lockboxes; and for those below coordinator keys of their own for C2 and
/// C3, which whoever reads the whole class can open, so that they can report what they may not list.
pub(super) fn key_acts(
    engine: &mut Engine,
    device: DeviceId,
    exchange: &ExchangeKey,
    role: Role,
    sensitive: bool,
) -> Result<Vec<Act>, ApiError> {
    let mut acts = Vec::new();
    for class in [Class::C1, Class::C2, Class::C3] {
        let reads =
            role.reads_class(class) || class == Class::C3 && sensitive && role <= Role::Coordinator;
        if engine.must_rotate(class) && own_role(engine)? <= Role::Coordinator {
            engine.rotate(class, claimed(), &mut random)?;
        }
        let ring = engine.book().keys();
        let whole = ring.latest(class, Audience::WholeClass);
        match whole {
            Some(_) if reads => {
                // Two where islands have each made one.
                for key in ring.unreplaced(class, Audience::WholeClass) {
                    acts.push(shared(key, class, device, exchange)?);
                }
            }
            None if reads => {
                return Err(refused("no-key", exit::NOT_PERMITTED).with(
                    "why",
                    format!("this device holds no key for class C{}", class.0),
                ));
            }
            Some(whole) if role != Role::Relay && class != Class::C1 => {
                acts.push(personal(whole, class, device, exchange)?);
            }
            _ => {}
        }
    }
    Ok(acts)
}

/// The keys that this device holds of the classes a role reads, for one whom the roots admitted.
pub(super) fn held_keys(
    engine: &Engine,
    device: DeviceId,
    exchange: &ExchangeKey,
    role: Role,
) -> Result<Vec<Act>, ApiError> {
    let mut acts = Vec::new();
    for class in [Class::C1, Class::C2, Class::C3] {
        let reads = role.reads_class(class) || class == Class::C3 && role <= Role::Hq;
        let keys = engine.book().keys().unreplaced(class, Audience::WholeClass);
        for key in keys.filter(|_| reads && device != engine.device()) {
            acts.push(shared(key, class, device, exchange)?);
        }
    }
    Ok(acts)
}

fn shared(
    key: &ClassKey,
    class: Class,
    device: DeviceId,
    exchange: &ExchangeKey,
) -> Result<Act, ApiError> {
    let lockbox = setup::lockbox(device, exchange, key, &mut random)?;
    Ok(Act::Key(KeyAct {
        key: key.id(),
        class,
        audience: Audience::WholeClass,
        lockboxes: Bounded::try_from(vec![lockbox]).map_err(NodeError::from)?,
        under: Bounded::default(),
        previous: Bounded::default(),
        extensions: Bounded::default(),
    }))
}

fn personal(
    whole: &ClassKey,
    class: Class,
    device: DeviceId,
    exchange: &ExchangeKey,
) -> Result<Act, ApiError> {
    let mut bytes = Zeroizing::new([0; 32]);
    random(bytes.as_mut());
    let key = ClassKey::from_bytes(*bytes);
    let lockbox = setup::lockbox(device, exchange, &key, &mut random)?;
    let sealed = seal::wrap_key(whole, &key).map_err(NodeError::from)?;
    let under = Wrapped {
        key: whole.id(),
        sealed: sealed.try_into().map_err(NodeError::from)?,
    };
    Ok(Act::Key(KeyAct {
        key: key.id(),
        class,
        audience: Audience::Device(device),
        lockboxes: Bounded::try_from(vec![lockbox]).map_err(NodeError::from)?,
        under: Bounded::try_from(vec![under]).map_err(NodeError::from)?,
        previous: Bounded::default(),
        extensions: Bounded::default(),
    }))
}

fn sealed_answer(
    engine: &Engine,
    request: &PairingRequest,
    grant: muster_log::ids::GrantId,
) -> Result<Vec<u8>, ApiError> {
    let secrets = engine.incident_secrets();
    let secret = *secrets.first().ok_or(NodeError::NotJoined)?;
    let answer = PairingAnswer {
        genesis: engine.book().authority().genesis().clone(),
        secret: Zeroizing::new(secret),
        grant,
        lane0: lane0(engine)?,
    };
    let mut fresh = [0; 32];
    random(&mut fresh);
    Ok(answer
        .seal(&request.body().exchange, fresh)
        .map_err(NodeError::from)?)
}

/// All of lane 0, encoded, whoever admitted before whoever was admitted.
pub fn lane0(engine: &Engine) -> Result<Vec<Vec<u8>>, ApiError> {
    let mut out = Vec::new();
    for (log, last) in lane0_logs(engine) {
        for run in engine.runs(&log, Seq(0), last, usize::MAX)? {
            out.push(run::encode(&run));
        }
    }
    Ok(out)
}

/// The logs of lane 0 with their last places, in an order in which they can be admitted.
pub fn lane0_logs(engine: &Engine) -> Vec<(LogId, Seq)> {
    let authority = engine.book().authority();
    let depth = |d: &DeviceId| {
        authority
            .grants_of(d)
            .map(|g| g.depth)
            .min()
            .unwrap_or(u8::MAX)
    };
    let mut logs: Vec<_> = engine
        .book()
        .logs()
        .filter(|l| l.key().lane == Lane::AUTHORITY)
        .filter_map(|l| Some((depth(&l.key().device), l.id(), l.last()?)))
        .collect();
    logs.sort();
    logs.into_iter().map(|(_, id, last)| (id, last)).collect()
}

/// `operator`.
pub fn operator(engine: &mut Engine, name: Option<String>) -> Answer {
    let Some(name) = name else {
        return Ok(json!({ "operator": engine.operator() }));
    };
    let text = Text::try_from(name.trim().to_owned())
        .map_err(|e| refused("label-too-long", exit::USAGE).with("limit", e.limit))?;
    let shown = text.to_string();
    let writes = PartWrites::from([(Class::C2, vec![DataOperation::Operator(text)])]);
    engine.write(writes, urgency::NORMAL, claimed(), &mut random)?;
    Ok(json!({ "operator": shown }))
}
