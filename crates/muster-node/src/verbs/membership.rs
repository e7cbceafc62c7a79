//! Who stays: ending a device's membership, another role for it, taking it back in; new keys. Acts of
//! the roots are [`super::roots`]'s.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::{
    act::{Act, Admit, Allowance, Cut, End},
    authority::{Grant, Standing},
    codec::{Bounded, Text},
    entry::{LogKey, PartBody, kind},
    frontier::LineId,
    ids::{Class, DeviceId, EntryHash, GrantId, Millis, Seq, Signature},
    role::Role,
};
use muster_model::{table::kinds, value::time_text};
use serde_json::{Value as Json, json};

use super::{
    Answer, brief, claimed, exchange::parse_time, log::each_entry, log::label, log::standing,
    own_role, resolve, trust,
};
use crate::{
    api::{ApiError, exit},
    edge::random,
    engine::Engine,
    error::NodeError,
};

/// Most logs that an ending names.
const CUTS: usize = 64;

pub(super) fn refused(code: &str, exit: u8) -> ApiError {
    ApiError::new(code, exit)
}

/// The last place of a log that still counts, with what proves it.
#[derive(Clone, Copy)]
pub(super) struct Head {
    log: LogKey,
    seq: Seq,
    hash: EntryHash,
    signature: Signature,
}

/// The most senior grant of a device that is not ended.
pub(super) fn target<'a>(engine: &'a Engine, device: &DeviceId) -> Result<&'a Grant, ApiError> {
    let authority = engine.book().authority();
    authority.best_grant(device).ok_or_else(|| {
        refused("already-ended", exit::CONFLICT)
            .with("label", label(engine, device).unwrap_or_default())
    })
}

/// Whether this device may end that grant.
fn check_may_end(engine: &Engine, grant: &Grant) -> Result<(), ApiError> {
    let own = own_role(engine)?;
    let mine = grant.device == engine.device();
    if mine || own <= Role::Lead && own <= grant.role {
        return Ok(());
    }
    Err(refused("may-not-end", exit::NOT_PERMITTED)
        .with("own", own.code())
        .with("role", grant.role.code())
        .with("label", &grant.label))
}

/// The heads of a device's logs, or the last signed entries before a time. Of a forked log those of
/// the branches that are settled, or the last entry before the fork: an ending settles nothing more.
pub(super) fn heads(
    engine: &Engine,
    device: &DeviceId,
    since: Option<Millis>,
) -> Result<Vec<Head>, ApiError> {
    let mut last: BTreeMap<(LogKey, Option<LineId>), Head> = BTreeMap::new();
    // From the first entry past the time on, a log is past its cut: a clock that was set back later
    // must not bring the rest in again.
    let mut over: BTreeSet<(LogKey, Option<LineId>)> = BTreeSet::new();
    each_entry(engine, |run, entry| {
        let (log, seq, hash) = (*run.log(), entry.seq(), entry.hash());
        let heads = engine.book().log(&run.id());
        let line = (log, heads.and_then(|h| h.line_of(seq, &hash)));
        if log.device != *device || over.contains(&line) {
            return;
        }
        let forked = engine.book().authority().forked_at(&log);
        if forked.is_some_and(|at| at <= seq)
            && matches!(standing(engine, run, entry), Standing::Disputed(_))
        {
            return;
        }
        if since.is_some_and(|s| entry.header().claimed >= s) {
            over.insert(line);
            return;
        }
        if let Some(signature) = entry.signature() {
            let head = Head {
                log,
                seq,
                hash,
                signature,
            };
            last.insert(line, head);
        }
    })?;
    Ok(last.into_values().collect())
}

/// What a device can read, by class: parts here that a key of its opens.
fn could_read(engine: &mut Engine, device: &DeviceId) -> Result<Vec<Json>, ApiError> {
    let readers = engine.readers().clone();
    let mut parts: BTreeMap<Class, (u64, u64)> = BTreeMap::new();
    each_entry(engine, |_, entry| {
        for (head, body) in entry.header().parts.iter().zip(entry.parts()) {
            if head.class == Class::C0 || matches!(body, PartBody::Absent) {
                continue;
            }
            let count = parts.entry(head.class).or_default();
            count.1 += 1;
            count.0 += u64::from(readers.reads(&head.key, device));
        }
    })?;
    Ok(parts
        .into_iter()
        .map(|(class, (read, all))| {
            json!({ "class": format!("C{}", class.0), "parts": read, "of": all })
        })
        .collect())
}

/// How many entries of a device do not count.
pub(super) fn disputed(engine: &Engine, device: &DeviceId) -> Result<u64, ApiError> {
    let mut count = 0;
    each_entry(engine, |run, entry| {
        let standing = || standing(engine, run, entry);
        if run.log().device == *device && matches!(standing(), Standing::Disputed(_)) {
            count += 1;
        }
    })?;
    Ok(count)
}

/// How many entries of a device would lie past these cuts.
fn past(engine: &Engine, device: &DeviceId, heads: &[Head]) -> u64 {
    let logs = engine.book().logs().filter(|l| l.key().device == *device);
    logs.map(|l| {
        let cut = heads.iter().find(|h| h.log == *l.key());
        let within = cut.map_or(0, |h| h.seq.0 + 1);
        l.count().saturating_sub(within)
    })
    .sum()
}

/// `revoke`: ends all that a device was given; what it wrote until now stands, or until the time
/// given; keys it could read are replaced.
pub fn revoke(
    engine: &mut Engine,
    given: &str,
    why: Option<String>,
    since: Option<String>,
    dry_run: bool,
) -> Answer {
    let device = trust::device_named(engine, given)?;
    let grant = target(engine, &device)?.clone();
    check_may_end(engine, &grant)?;
    let since = since.map(|s| parse_time(engine, &s)).transpose()?;
    // The time is this device's; the other dated its entries by its own clock.
    let offset = engine.met().clock(&device).filter(|o| o.matters());
    let theirs = since.map(|s| Millis(s.0.saturating_add(offset.map_or(0, |o| o.ahead))));
    let heads = heads(engine, &device, theirs)?;
    if heads.len() > CUTS {
        return Err(refused("too-many-logs", exit::REFUSED).with("limit", CUTS));
    }
    let read = could_read(engine, &device)?;
    let mut out = json!({
        "device": device.hex(), "label": grant.label, "role": grant.role.code(),
        "read": read, "disputed": past(engine, &device, &heads), "dry_run": dry_run,
        "secret_renewed": false,
        "since": since.map(time_text), "since_theirs": offset.and(theirs).map(time_text),
        "clock_measured": since.map(|_| engine.met().clock(&device).is_some()),
        "clock_offset_s": trust::clock_offset(engine, &device),
    });
    let readers = engine.readers().clone();
    if dry_run {
        let keys = engine.book().keys();
        let rotate: Vec<_> = [Class::C1, Class::C2, Class::C3]
            .into_iter()
            .filter(|c| {
                keys.latest(*c, muster_log::act::Audience::WholeClass)
                    .is_some_and(|k| readers.reads(&k.id(), &device))
            })
            .map(|c| format!("C{}", c.0))
            .collect();
        out["rotated"] = json!(rotate);
        return Ok(out);
    }
    let act = end(&grant, None, why, &heads)?;
    let written = engine.write_acts(kind::AUTHORITY, &[act], claimed(), &mut random)?;
    out["act"] = json!(muster_log::act::act_id(&written.hash, 0, 0).hex());
    after_ending(engine, &grant, &mut out)?;
    Ok(out)
}

/// What follows from an ending: new keys, and a new incident secret, as far as this device makes them.
pub(super) fn after_ending(
    engine: &mut Engine,
    grant: &Grant,
    out: &mut Json,
) -> Result<(), ApiError> {
    out["rotated"] = json!(renew_keys(engine)?);
    engine.renew_audiences(Some(grant), claimed(), &mut random)?;
    if own_role(engine).is_ok_and(|r| r <= Role::Coordinator) {
        engine.renew_secret(claimed(), &mut random)?;
        out["secret_renewed"] = json!(true);
    }
    Ok(())
}

pub(super) fn end(
    grant: &Grant,
    role: Option<Role>,
    why: Option<String>,
    heads: &[Head],
) -> Result<Act, ApiError> {
    let why = why.unwrap_or_default();
    let why = Text::try_from(why.trim().to_owned())
        .map_err(|e| refused("label-too-long", exit::USAGE).with("limit", e.limit))?;
    let cuts: Vec<_> = heads
        .iter()
        .map(|h| Cut {
            generation: h.log.generation,
            lane: h.log.lane,
            seq: h.seq,
            hash: h.hash,
            signature: h.signature,
        })
        .collect();
    Ok(Act::End(End {
        grant: grant.id,
        cuts: Bounded::try_from(cuts).map_err(NodeError::from)?,
        role,
        lifts: Bounded::default(),
        why,
        extensions: Bounded::default(),
    }))
}

/// Replaces the keys that somebody who is out can read. Where this device may not, whoever may does
/// before they next write.
fn renew_keys(engine: &mut Engine) -> Result<Vec<String>, ApiError> {
    let mut rotated = Vec::new();
    for class in [Class::C1, Class::C2, Class::C3] {
        if own_role(engine).is_ok_and(|r| r <= Role::Coordinator) && engine.must_rotate(class) {
            engine.rotate(class, claimed(), &mut random)?;
            rotated.push(format!("C{}", class.0));
        }
    }
    Ok(rotated)
}

/// What a device is to be.
pub struct Wish {
    /// The role; the one it has where none is named.
    pub role: Option<String>,
    /// The volunteer record it acts for.
    pub person: Option<String>,
    /// The team or site it is limited to.
    pub scope: Option<String>,
    /// Whether it gets the key of C3.
    pub sensitive: bool,
    /// After this it gets no new keys.
    pub expires: Option<String>,
}

/// `grant`: another role. A lower one is a demotion: it ends the grant and leaves the role, and the
/// keys it may not read any more are replaced. A higher one, or one for a device that was revoked, is
/// a further admission, which names the endings it lifts.
pub fn grant(engine: &mut Engine, given: &str, wish: Wish) -> Answer {
    let device = trust::device_named(engine, given)?;
    let live = engine.book().authority().best_grant(&device).cloned();
    let role = match (&wish.role, &live) {
        (Some(given), _) => Role::from_code(given)
            .ok_or_else(|| refused("no-such-role", exit::USAGE).with("given", given))?,
        (None, Some(now)) => now.role,
        (None, None) => return Err(refused("role-needed", exit::USAGE).with("given", given)),
    };
    let own = own_role(engine)?;
    trust::not_over(engine)?;
    let expires = trust::end_of(engine, wish.expires.as_deref())?;
    if !own.may_grant(role) {
        return Err(refused("role-not-permitted", exit::NOT_PERMITTED)
            .with("own", own.code())
            .with("role", role.code()));
    }
    let person = wish
        .person
        .map(|p| resolve(engine, &p, &[kinds::VOLUNTEER]));
    let person = person.transpose()?;
    let scope = wish
        .scope
        .map(|s| resolve(engine, &s, &[kinds::TEAM, kinds::SITE]));
    let scope = scope.transpose()?;
    if let Some(now) = live.as_ref().filter(|g| role > g.role) {
        check_may_end(engine, now)?;
        let heads = heads(engine, &device, None)?;
        let act = end(now, Some(role), None, &heads)?;
        engine.write_acts(kind::AUTHORITY, &[act], claimed(), &mut random)?;
        let rotated = renew_keys(engine)?;
        engine.renew_audiences(Some(now), claimed(), &mut random)?;
        return Ok(json!({
            "device": device.hex(), "label": now.label, "role": role.code(),
            "before": now.role.code(), "rotated": rotated,
        }));
    }
    if engine.own_grant().map_or(0, |g| g.depth) >= muster_log::role::MAX_DEPTH {
        return Err(refused("too-deep", exit::NOT_PERMITTED));
    }
    let authority = engine.book().authority();
    let known = authority
        .naming_grant(&device)
        .cloned()
        .ok_or_else(|| refused("not-found", exit::NOT_FOUND).with("given", given))?;
    let endings = authority.endings(&device);
    if let Some(senior) = endings
        .iter()
        .find(|e| e.rank < own || e.suspends && e.rank == own)
    {
        return Err(refused("ended-by-senior", exit::NOT_PERMITTED)
            .with("role", senior.rank.code())
            .with("label", &known.label));
    }
    let lifts: Vec<GrantId> = endings.iter().map(|e| e.act).collect();
    let admit = Admit {
        device,
        exchange: known.exchange,
        role,
        person: person.or(known.person),
        scope: scope.or(known.scope),
        label: Text::try_from(known.label.clone()).unwrap_or_default(),
        code: Text::try_from(known.code.clone()).unwrap_or_default(),
        expires,
        lifts: Bounded::try_from(lifts.clone()).map_err(NodeError::from)?,
        extensions: Bounded::default(),
    };
    let keys = trust::key_acts(engine, device, &known.exchange, role, wish.sensitive)?;
    // Where only a key is asked for, the grant stands as it is.
    let same = live.as_ref().is_some_and(|g| g.role == role);
    if !same || person.is_some() || scope.is_some() || expires.is_some() || !wish.sensitive {
        let act = Act::Admit(admit);
        engine.write_acts(kind::AUTHORITY, &[act], claimed(), &mut random)?;
    }
    if !keys.is_empty() {
        engine.write_acts(kind::KEY, &keys, claimed(), &mut random)?;
    }
    engine.welcome(device, claimed(), &mut random)?;
    Ok(json!({
        "device": device.hex(), "label": known.label, "role": role.code(),
        "before": live.map(|g| g.role.code()),
        "lifted": lifts.iter().map(|l| l.hex()).collect::<Vec<_>>(),
        "person": person.map(|p| brief(engine, p)), "scope": scope.map(|s| brief(engine, s)),
    }))
}

/// `allowance`.
pub fn allowance(engine: &mut Engine, given: &str, entries: u64) -> Answer {
    let device = trust::device_named(engine, given)?;
    let own = own_role(engine)?;
    if own > Role::Hq {
        return Err(refused("may-not-raise", exit::NOT_PERMITTED).with("own", own.code()));
    }
    let before = engine.book().authority().allowance(&device);
    if entries <= before {
        return Err(refused("allowance-not-higher", exit::REFUSED)
            .with("given", entries)
            .with("now", before));
    }
    let act = Act::Allowance(Allowance { device, entries });
    engine.write_acts(kind::AUTHORITY, &[act], claimed(), &mut random)?;
    Ok(json!({
        "device": device.hex(), "label": label(engine, &device),
        "entries": entries, "before": before,
    }))
}

/// `keys rotate`.
pub fn rotate(engine: &mut Engine, class: Option<&str>) -> Answer {
    let own = own_role(engine)?;
    if own > Role::Coordinator {
        return Err(refused("may-not-rotate", exit::NOT_PERMITTED).with("own", own.code()));
    }
    trust::not_over(engine)?;
    let all = [Class::C1, Class::C2, Class::C3];
    let wanted: Vec<Class> = match class {
        None => all.to_vec(),
        Some(name) => all
            .into_iter()
            .filter(|c| name.eq_ignore_ascii_case(&format!("C{}", c.0)))
            .collect(),
    };
    if wanted.is_empty() {
        return Err(refused("no-such-class", exit::USAGE).with("given", class.unwrap_or_default()));
    }
    let mut rotated = Vec::new();
    for class in wanted {
        let held = engine.book().keys();
        if held
            .latest(class, muster_log::act::Audience::WholeClass)
            .is_some()
        {
            let key = engine.rotate(class, claimed(), &mut random)?;
            rotated.push(json!({ "class": format!("C{}", class.0), "key": key.id().hex() }));
        }
    }
    if rotated.is_empty() {
        return Err(refused("no-key", exit::NOT_PERMITTED)
            .with("why", "this device holds no key of the whole class"));
    }
    let renewed = class.is_none();
    let audiences = match rotated.iter().any(|r| r["class"] == "C2") {
        true => engine.renew_audiences(None, claimed(), &mut random)?,
        false => 0,
    };
    if renewed {
        engine.renew_secret(claimed(), &mut random)?;
    }
    Ok(json!({ "rotated": rotated, "audiences": audiences, "secret_renewed": renewed }))
}

/// What `devices` shows of how a device's membership ended.
pub fn ending(engine: &Engine, grant: &Grant) -> Json {
    let authority = engine.book().authority();
    if !authority.is_valid(grant) {
        return json!({ "state": "void" });
    }
    let Some(ending) = authority.ending_of(grant) else {
        return json!({ "state": "member" });
    };
    let by = ending.place.log.device;
    let mut told = engine.met().heard(&ending.act);
    told.extend([engine.device(), by]);
    let handed = engine.met().handed(&ending.act);
    let members: BTreeSet<DeviceId> = authority.live().map(|g| g.device).collect();
    let names =
        |of: &mut dyn Iterator<Item = &DeviceId>| of.map(|d| label(engine, d)).collect::<Vec<_>>();
    json!({
        "state": if ending.suspends { "suspended" } else { "revoked" },
        "ended": {
            "act": ending.act.hex(),
            "by": by.hex(), "by_label": label(engine, &by), "rank": ending.rank.code(),
            "why": ending.why, "role": ending.role.map(Role::code),
            "by_roots": ending.place.root,
            "heard": names(&mut members.intersection(&told)),
            "not_heard": names(&mut members.difference(&told)),
            "handed": names(&mut members.difference(&told).filter(|d| handed.contains(*d))),
        },
    })
}
