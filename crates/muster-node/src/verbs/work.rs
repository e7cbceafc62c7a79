//! Assignments: offers, their answers, and what speaks against them.

use muster_log::{
    entry::urgency,
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
    Answer, brief, changes, claimed, fresh_object, kind_named, own_role, parse_error, reading,
    resolve, short, write,
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
    /// Why warnings are overridden.
    pub reason: Option<String>,
    /// How the person was told.
    pub told: Option<String>,
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
    fields.extend(wish.told.as_ref().map(|t| field("told_by", t.as_str())));
    if let Some(reason) = wish.reason.as_ref().filter(|_| !warnings.is_empty()) {
        let codes: Vec<_> = warnings.iter().map(|w| w.code).collect();
        fields.push(field("override_reason", reason.as_str()));
        fields.push(field("override_of", codes.join(", ")));
        fields.push(field(
            "override_by",
            engine
                .own_grant()
                .map(|g| g.label.clone())
                .unwrap_or_default(),
        ));
    }
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

fn reasons(engine: &Engine, warnings: &[Warning]) -> Json {
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
    };
    let warnings = booking::check_assignment(engine.state(), &proposed);
    let overridden =
        matches!(after("override_reason"), Some(Typed::Text(why)) if !why.trim().is_empty());
    check(engine, &warnings, overridden)
}

fn check(engine: &Engine, warnings: &[Warning], overridden: bool) -> Result<(), ApiError> {
    let role = own_role(engine)?;
    let details = json!({ "reasons": reasons(engine, warnings) });
    let codes: Vec<_> = warnings.iter().map(|w| w.code).collect();
    let refused = |code, exit| {
        Err(ApiError::new(code, exit)
            .with("reasons", codes.join(", "))
            .details(details.clone()))
    };
    let hard: Vec<_> = warnings.iter().filter(|w| w.refusal).collect();
    if hard.iter().any(|w| w.code.starts_with("no-such")) {
        return refused("assignment-impossible", exit::NOT_FOUND);
    }
    if hard.iter().any(|w| !overridden || !w.may_override(role)) {
        return refused("assignment-unsafe", exit::NOT_PERMITTED);
    }
    if !warnings.is_empty() && !overridden {
        return refused("assignment-warned", exit::CONFLICT);
    }
    Ok(())
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

/// `offer answer`.
pub fn answer(engine: &mut Engine, given: &str, accept: bool) -> Answer {
    let id = resolve(engine, given, &[kinds::ASSIGNMENT])?;
    own_only(
        engine,
        engine
            .state()
            .object(id)
            .and_then(|o| o.reference("volunteer")),
    )?;
    let status = engine.state().object(id).and_then(|o| o.code("status"));
    let wanted = if accept { "acknowledged" } else { "declined" };
    if status.as_deref() != Some(wanted) && !booking::may_follow(status.as_deref(), wanted) {
        return Err(ApiError::new("status-impossible", exit::CONFLICT)
            .with("from", status.unwrap_or_default())
            .with("to", wanted));
    }
    let kind = kind_named("assignment")?;
    let changes = changes(engine, kind, &[field("status", wanted)])?;
    write(engine, kind, id, &changes, urgency::ASSIGNMENT, claimed())?;
    let about = assignment_brief(engine, id);
    Ok(json!({
        "id": id.hex(), "short": short(engine, id), "status": wanted,
        "task": about["task"], "volunteer": about["volunteer"],
    }))
}
