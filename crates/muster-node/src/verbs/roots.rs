//! Acts of the roots: what their holders need to make one, and the carrying of one that they signed.
//! Root keys come nowhere near the daemon.

use muster_log::{
    act::{Act, RootAct},
    entry::kind,
    ids::GrantId,
    operation::Operation,
};
use serde_json::json;

use super::{Answer, claimed, membership, trust};
use crate::{
    api::{ApiError, exit},
    edge::random,
    engine::Engine,
    error::NodeError,
};

fn refused(code: &str, exit: u8) -> ApiError {
    ApiError::new(code, exit)
}

/// What whoever holds root keys needs to give a device an hq grant.
pub fn plan(engine: &Engine, given: Option<&str>) -> Answer {
    let device = match given {
        Some(given) => trust::device_named(engine, given)?,
        None => engine.device(),
    };
    let authority = engine.book().authority();
    let grant = authority
        .naming_grant(&device)
        .ok_or_else(|| refused("not-found", exit::NOT_FOUND).with("given", device.hex()))?;
    let genesis = authority.genesis();
    let lifts = authority.endings(&device).iter().map(|e| e.act.hex());
    Ok(json!({
        "incident": engine.incident().hex(),
        "name": genesis.body().name.to_string(),
        "genesis": hex::encode(genesis.to_bytes()),
        "threshold": genesis.body().threshold,
        "roots": genesis.body().roots.iter().map(|r| r.hex()).collect::<Vec<_>>(),
        "device": device.hex(), "exchange": grant.exchange.hex(),
        "label": grant.label, "code": grant.code,
        "person": grant.person.map(|p| p.hex()), "scope": grant.scope.map(|s| s.hex()),
        "lifts": lifts.collect::<Vec<_>>(),
    }))
}

/// What they need to end a device: the ending itself, with the cuts that this device knows. Nobody
/// outranks the roots, so that any device can be named.
pub fn plan_end(engine: &Engine, given: &str, why: Option<String>) -> Answer {
    let device = trust::device_named(engine, given)?;
    let grant = membership::target(engine, &device)?;
    let heads = membership::heads(engine, &device, None)?;
    let act = membership::end(grant, None, why, &heads)?;
    let operation = act.write().map_err(NodeError::from)?;
    let mut out = plan(engine, Some(given))?;
    out["operation"] = json!(hex::encode(muster_log::codec::encode(&operation)));
    Ok(out)
}

/// Writes an act of the roots into this device's log, as far as they have signed it; then hands the
/// new holder the keys that this device has.
pub fn act(engine: &mut Engine, given: &str) -> Answer {
    let bad = || refused("root-act-refused", exit::REFUSED);
    let bytes = hex::decode(given).map_err(|_| bad())?;
    let operation = muster_log::codec::decode::<Operation, { 64 * 1024 }>("root act", &bytes)
        .map_err(|_| bad())?;
    let Some(Ok(Act::Root(root))) = Act::read(&operation) else {
        return Err(bad());
    };
    let act = root
        .act(engine.book().authority().genesis())
        .ok_or_else(|| {
            let body = engine.book().authority().genesis().body();
            refused("too-few-roots", exit::NOT_PERMITTED).with("threshold", body.threshold)
        })?;
    let id = write_root(engine, root)?;
    let mut out = json!({ "act": id.hex(), "handed": 0 });
    if let Act::Admit(admit) = &act {
        out["device"] = json!(admit.device.hex());
        out["label"] = json!(admit.label.to_string());
        out["role"] = json!(admit.role.code());
        let keys = trust::held_keys(engine, admit.device, &admit.exchange, admit.role)?;
        out["handed"] = json!(keys.len());
        if !keys.is_empty() {
            engine.write_acts(kind::KEY, &keys, claimed(), &mut random)?;
        }
    }
    if let Act::End(end) = &act {
        let authority = engine.book().authority();
        let grant = authority.grant(&end.grant).cloned();
        out["ended"] = json!(true);
        if let Some(grant) = grant {
            out["device"] = json!(grant.device.hex());
            out["label"] = json!(grant.label);
            out["role"] = json!(grant.role.code());
            membership::after_ending(engine, &grant, &mut out)?;
        }
    }
    Ok(out)
}

fn write_root(engine: &mut Engine, root: RootAct) -> Result<GrantId, ApiError> {
    let id = root.id(&engine.incident());
    // A device that was revoked can still carry what the roots say of it: the act stands by itself.
    engine.write_carrier(&[Act::Root(root)], claimed(), &mut random)?;
    Ok(id)
}
