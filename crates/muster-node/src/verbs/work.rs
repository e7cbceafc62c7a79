//! Assignments: offers, their answers, and what speaks against them.

use muster_log::{
    entry::urgency,
    genesis::RestRules,
    ids::{Millis, ObjectId},
    role::Role,
};
use muster_model::{
    booking::{self, Proposed, Span, Warning},
    parse::{self, Change},
    state::Object,
    table::kinds,
    value::{self, Typed},
};
use serde_json::{Value as Json, json};

use super::{
    Answer, brief, claimed, fresh_object, kind_named, own_role, parse_error, reading, resolve,
    short,
};
use crate::{
    api::{ApiError, FieldInput, exit},
    engine::Engine,
};

/// What someone wants to assign.
pub struct Wish {
    /// The task.
    pub task: String,
    /// The volunteer or team.
    pub volunteer: String,
    /// The slot, by its element, its skill or its place in the list.
    pub slot: Option<String>,
    /// When, where it differs from the task.
    pub from: Option<String>,
    /// Until when.
    pub to: Option<String>,
    /// Until when the place is kept.
    pub lease: Option<String>,
    /// Why warnings are overridden.
    pub reason: Option<String>,
    /// How the person was told.
    pub told: Option<String>,
    /// By whom.
    pub told_by: Option<String>,
}

/// A field as a verb sets it.
pub fn field(name: &str, value: impl Into<Json>) -> FieldInput {
    FieldInput {
        name: name.into(),
        value: value.into(),
    }
}

/// A moment as a person gives it.
pub fn time(engine: &Engine, name: &str, given: &str) -> Result<Millis, ApiError> {
    let kind = kind_named("assignment")?;
    let field = parse::field_named(kind, name).map_err(parse_error)?;
    let value = parse::value(&reading(engine), field, given).map_err(parse_error)?;
    match Typed::read(&value) {
        Typed::Time(t) => Ok(t),
        _ => Err(ApiError::new("bad-value-other", exit::REFUSED)
            .with("field", name)
            .with("why", given)),
    }
}

/// `assign`.
pub fn assign(engine: &mut Engine, wish: &Wish) -> Answer {
    let task = resolve(engine, &wish.task, &[kinds::TASK])?;
    let who = super::forum::named(engine, &wish.volunteer, &[kinds::VOLUNTEER, kinds::TEAM])?;
    let is_team = engine.state().object(who).and_then(|o| o.kind()) == Some(kinds::TEAM);
    let slot = match &wish.slot {
        Some(given) => Some(slot(engine, task, given)?),
        None => None,
    };
    let span = Span {
        from: wish
            .from
            .as_deref()
            .map(|t| time(engine, "from", t))
            .transpose()?,
        to: wish
            .to
            .as_deref()
            .map(|t| time(engine, "to", t))
            .transpose()?,
    };
    if let (Some(from), Some(to)) = (span.from, span.to)
        && from >= to
    {
        return Err(ApiError::new("to-before-from", exit::REFUSED));
    }
    let proposed = Proposed {
        task,
        slot,
        volunteer: (!is_team).then_some(who),
        team: is_team.then_some(who),
        span,
        instead_of: None,
        now: claimed(),
        rules: rules(engine),
    };
    let warnings = booking::check_assignment(engine.state(), &proposed);
    check(engine, &warnings, wish.reason.is_some())?;
    let mut fields = vec![
        field("task", task.hex()),
        field(if is_team { "team" } else { "volunteer" }, who.hex()),
        field(
            "status",
            if wish.told.is_some() {
                "acknowledged"
            } else {
                "offered"
            },
        ),
    ];
    fields.extend(slot.map(|s| field("slot", format!("{s:016x}"))));
    fields.extend(wish.from.as_ref().map(|t| field("from", t.as_str())));
    fields.extend(wish.to.as_ref().map(|t| field("to", t.as_str())));
    fields.extend(
        wish.lease
            .as_ref()
            .map(|t| field("lease_until", t.as_str())),
    );
    fields.extend(super::offers::told(
        engine,
        wish.told.as_deref(),
        wish.told_by.clone(),
    ));
    fields.extend(overriding(engine, &warnings, wish.reason.as_deref()));
    let kind = kind_named("assignment")?;
    let id = fresh_object();
    let mut answer = super::objects::create(engine, kind, id, &fields, urgency::ASSIGNMENT)?;
    let reasons = reasons(engine, &warnings);
    if let Some(map) = answer.as_object_mut() {
        map.insert("task".into(), brief(engine, task));
        map.insert("volunteer".into(), brief(engine, who));
        map.insert(
            "status".into(),
            json!(if wish.told.is_some() {
                "acknowledged"
            } else {
                "offered"
            }),
        );
        map.insert("warnings".into(), reasons);
    }
    Ok(answer)
}

/// What is kept of an override: which warnings, why, who.
pub fn overriding(engine: &Engine, warnings: &[Warning], why: Option<&str>) -> Vec<FieldInput> {
    let Some(why) = why.filter(|_| !warnings.is_empty()) else {
        return Vec::new();
    };
    let codes: Vec<_> = warnings.iter().map(|w| w.code).collect();
    vec![
        field("override_reason", why),
        field("override_of", codes.join(", ")),
        field("override_by", own_name(engine)),
    ]
}

/// Who acts at this device: the operator where one is said, else the device.
pub fn own_name(engine: &Engine) -> String {
    let label = engine.own_grant().map(|g| g.label.clone());
    match engine.operator() {
        Some(operator) => operator.to_owned(),
        None => label.unwrap_or_default(),
    }
}

/// The limits that the incident was begun with.
pub fn rules(engine: &Engine) -> RestRules {
    engine.book().authority().genesis().body().rest
}

/// A slot by its element, by its place in the list (from 1), or by its skill.
fn slot(engine: &Engine, task: ObjectId, given: &str) -> Result<u64, ApiError> {
    let object = engine.state().object(task).unwrap_or_default();
    let slots: Vec<u64> = booking::wanted_by_slot(&object).into_keys().collect();
    let by_element = u64::from_str_radix(given, 16)
        .ok()
        .filter(|e| given.len() == 16 && slots.contains(e));
    let by_place = given
        .parse::<usize>()
        .ok()
        .and_then(|n| slots.get(n.checked_sub(1)?))
        .copied();
    let by_skill = || {
        slots
            .iter()
            .copied()
            .find(|s| skill(&object, *s).as_deref() == Some(given))
    };
    by_element.or(by_place).or_else(by_skill).ok_or_else(|| {
        let known: Vec<_> = slots
            .iter()
            .enumerate()
            .map(|(i, s)| format!("{} {}", i + 1, skill(&object, *s).unwrap_or_default()))
            .collect();
        ApiError::new("no-such-slot", exit::NOT_FOUND)
            .with("given", given)
            .with("slots", known.join(", "))
    })
}

fn skill(task: &Object, slot: u64) -> Option<String> {
    let kind = task.table()?;
    match task.value(kind.number_of("slot_skill"), slot) {
        Some(Typed::Code(code)) => Some(code),
        _ => None,
    }
}

pub fn reasons(engine: &Engine, warnings: &[Warning]) -> Json {
    let reasons = warnings.iter().map(|w| {
        json!({
            "code": w.code,
            "refusal": w.refusal,
            "about": brief(engine, w.about),
            "others": w.others.iter().map(|id| assignment_brief(engine, *id)).collect::<Vec<_>>(),
        })
    });
    reasons.collect::<Vec<_>>().into()
}

pub fn assignment_brief(engine: &Engine, id: ObjectId) -> Json {
    let assignment = booking::assignment(engine.state(), id);
    json!({
        "id": id.hex(),
        "short": short(engine, id),
        "task": assignment.as_ref().and_then(|a| a.task).map(|t| brief(engine, t)),
        "volunteer": assignment.as_ref().and_then(|a| a.volunteer).map(|v| brief(engine, v)),
        "from": assignment.as_ref().and_then(|a| a.span.from).map(value::time_text),
        "to": assignment.as_ref().and_then(|a| a.span.to).map(value::time_text),
    })
}

/// Checks an assignment that is added or edited field by field, as [`assign`] checks its own.
pub fn check_fields(engine: &Engine, id: ObjectId, changes: &[Change]) -> Result<(), ApiError> {
    let kind = kind_named("assignment")?;
    let object = engine.state().object(id).unwrap_or_default();
    let after = |name: &str| {
        let number = kind.number_of(name);
        let set = changes.iter().rev().find_map(|change| match change {
            Change::Set {
                field,
                element: 0,
                value,
            } if *field == number => Some(Typed::read(value)),
            _ => None,
        });
        set.or_else(|| object.value(number, 0))
    };
    let reference = |name: &str| match after(name) {
        Some(Typed::Reference(id)) => Some(id),
        _ => None,
    };
    let time = |name: &str| match after(name) {
        Some(Typed::Time(t)) => Some(t),
        _ => None,
    };
    own_only(engine, reference("volunteer"))?;
    let active = match after("status") {
        Some(Typed::Code(code)) => booking::ACTIVE.contains(&code.as_str()),
        _ => true,
    };
    let Some(task) = reference("task").filter(|_| active) else {
        return Ok(());
    };
    let proposed = Proposed {
        task,
        slot: match after("slot") {
            Some(Typed::Element(slot)) => Some(slot),
            _ => None,
        },
        volunteer: reference("volunteer"),
        team: reference("team"),
        span: Span {
            from: time("from"),
            to: time("to"),
        },
        instead_of: Some(id),
        now: claimed(),
        rules: rules(engine),
    };
    let warnings = booking::check_assignment(engine.state(), &proposed);
    let overridden =
        matches!(after("override_reason"), Some(Typed::Text(why)) if !why.trim().is_empty());
    check(engine, &warnings, overridden)
}

/// Refuses an assignment that the warnings forbid; nothing where they are overridden by somebody who may.
pub fn check(engine: &Engine, warnings: &[Warning], overridden: bool) -> Result<(), ApiError> {
    let refused = |code, exit| Err(warned(engine, warnings, code, exit));
    match weigh(engine, warnings, overridden)? {
        Weight::Nothing => Ok(()),
        Weight::Impossible => refused("assignment-impossible", exit::NOT_FOUND),
        Weight::Unsafe => refused("assignment-unsafe", exit::NOT_PERMITTED),
        Weight::Warned => refused("assignment-warned", exit::CONFLICT),
    }
}

/// The same for somebody who arrives.
pub fn check_arrival(
    engine: &Engine,
    warnings: &[Warning],
    overridden: bool,
) -> Result<(), ApiError> {
    let refused = |code, exit| Err(warned(engine, warnings, code, exit));
    match weigh(engine, warnings, overridden)? {
        Weight::Nothing => Ok(()),
        Weight::Warned => refused("arrival-warned", exit::CONFLICT),
        Weight::Impossible | Weight::Unsafe => refused("arrival-unsafe", exit::NOT_PERMITTED),
    }
}

fn warned(engine: &Engine, warnings: &[Warning], code: &str, exit: u8) -> ApiError {
    let codes: Vec<_> = warnings.iter().map(|w| w.code).collect();
    ApiError::new(code, exit)
        .with("reasons", codes.join(", "))
        .details(json!({ "reasons": reasons(engine, warnings) }))
}

enum Weight {
    Nothing,
    Warned,
    Unsafe,
    Impossible,
}

fn weigh(engine: &Engine, warnings: &[Warning], overridden: bool) -> Result<Weight, ApiError> {
    let role = own_role(engine)?;
    let hard: Vec<_> = warnings.iter().filter(|w| w.refusal).collect();
    Ok(if hard.iter().any(|w| w.code.starts_with("no-such")) {
        Weight::Impossible
    } else if hard.iter().any(|w| !overridden || !w.may_override(role)) {
        Weight::Unsafe
    } else if !warnings.is_empty() && !overridden {
        Weight::Warned
    } else {
        Weight::Nothing
    })
}

/// Refuses a volunteer's device that acts for somebody else. The merge does not decide this (it would
/// have to look at merged data); this device does.
pub fn own_only(engine: &Engine, subject: Option<ObjectId>) -> Result<(), ApiError> {
    if own_role(engine)? != Role::Volunteer {
        return Ok(());
    }
    let state = engine.state();
    let person = engine
        .own_grant()
        .and_then(|g| g.person)
        .map(|p| state.canonical(p));
    if person.is_some() && subject.map(|s| state.canonical(s)) == person {
        return Ok(());
    }
    Err(ApiError::new("only-own", exit::NOT_PERMITTED))
}
