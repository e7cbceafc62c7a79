//! The verbs: what each question means for the engine. A verb reads the state, or writes operations
//! through the engine; how its answer is drawn is the command line's business.

mod adopt;
mod agenda;
mod attendance;
mod decide;
mod duplicates;
mod erase;
mod exchange;
mod forks;
mod forum;
mod invite;
pub mod log;
mod matching;
mod membership;
mod objects;
pub mod offers;
mod places;
mod print;
mod roots;
mod status;
mod trust;
mod views;
mod work;

use std::collections::BTreeSet;

use muster_log::{
    authority::Membership,
    entry::urgency,
    ids::{Millis, ObjectId},
    role::Role,
};
use muster_model::{
    numbers::{self, Resolved},
    parse::{self, Change, ParseError, Reading},
    table::{self, Kind},
    value::Typed,
    vocabulary::Vocabularies,
    writes::{self, WriteError},
};
use serde_json::{Map, Value as Json, json};

use crate::{
    api::{ApiError, FieldInput, Request, Response, exit},
    daemon::Node,
    edge::{now, random},
    engine::Engine,
};

/// What a verb gives.
pub type Answer = Result<Json, ApiError>;

/// Answers one question.
pub fn answer(node: &mut Node, request: Request) -> Response {
    match dispatch(node, request) {
        Ok(json) => Response::Ok(json),
        Err(error) => Response::Error(error),
    }
}

fn dispatch(node: &mut Node, request: Request) -> Answer {
    let engine = &mut node.engine;
    match request {
        Request::Status => status::status(node),
        Request::Digest => Ok(status::digest(engine)),
        Request::Peers => Ok(status::peers(node)),
        Request::Doctor => status::doctor(node),
        Request::Devices => Ok(invite::devices(node)),
        Request::Revoke {
            device,
            why,
            since,
            dry_run,
        } => membership::revoke(engine, &device, why, since, dry_run),
        Request::Grant {
            device,
            role,
            person,
            scope,
            sensitive,
            expires,
        } => {
            let wish = membership::Wish {
                role,
                person,
                scope,
                sensitive,
                expires,
            };
            membership::grant(engine, &device, wish)
        }
        Request::Adopt { device, entry } => adopt::adopt(engine, &device, entry.as_deref()),
        Request::Allowance { device, entries } => membership::allowance(engine, &device, entries),
        Request::KeysRotate { class } => membership::rotate(engine, class.as_deref()),
        Request::RootPlan { device } => roots::plan(engine, device.as_deref()),
        Request::RootPlanEnd { device, why } => roots::plan_end(engine, &device, why),
        Request::RootAct { act } => roots::act(engine, &act),
        Request::Stop => {
            node.stopping = true;
            Ok(json!({ "stopping": true }))
        }
        Request::Unlock { .. } => Ok(json!({ "locked": false })),
        // The loop takes these itself: they are answered when nothing is open any more.
        Request::Lock | Request::Wipe => Err(ApiError::new("stopping", exit::NO_DAEMON)),
        Request::Admit {
            request,
            role,
            person,
            scope,
            sensitive,
            expires,
        } => {
            let grant = crate::pairing::Grant {
                role,
                person,
                scope,
                sensitive,
                expires,
            };
            trust::admit(engine, &request, grant)
        }
        Request::Invite {
            role,
            person,
            scope,
            sensitive,
            expires,
            code_s,
        } => {
            let grant = crate::pairing::Grant {
                role,
                person,
                scope,
                sensitive,
                expires,
            };
            invite::invite(node, grant, code_s)
        }
        Request::Invitation => Ok(invite::invitation(node)),
        Request::AdmitPending { device } => invite::admit(node, &device),
        Request::EndInvitation => invite::end(node),
        Request::Operator { name } => trust::operator(engine, name),
        Request::Add { kind, fields, id } => objects::add(engine, &kind, &fields, id.as_deref()),
        Request::Edit { kind, id, fields } => objects::edit(engine, &kind, &id, &fields),
        Request::List {
            kind,
            filters,
            text,
            limit,
            after,
            stale,
            near,
            within,
        } => {
            let only = objects::Only {
                text,
                limit,
                after,
                stale,
                near,
                within,
            };
            objects::list(engine, &kind, &filters, &only)
        }
        Request::Erase {
            kind,
            id,
            why,
            dry_run,
        } => erase::erase(engine, &kind, &id, why, dry_run),
        Request::Show { kind, id } => objects::show(engine, kind.as_deref(), &id),
        Request::Find { text, limit } => Ok(objects::find(engine, &text, limit)),
        Request::Import {
            kind,
            rows,
            dry_run,
        } => objects::import(engine, &kind, rows, dry_run),
        Request::Assign {
            task,
            volunteer,
            slot,
            from,
            to,
            lease,
            r#override,
            told,
            told_by,
        } => {
            let wish = work::Wish {
                task,
                volunteer,
                slot,
                from,
                to,
                lease,
                reason: r#override,
                told,
                told_by,
            };
            work::assign(engine, &wish)
        }
        Request::Answer {
            assignment,
            accept,
            told,
            told_by,
        } => offers::answer(engine, &assignment, accept, told, told_by),
        Request::Step {
            assignment,
            status,
            why,
        } => offers::step(engine, &assignment, &status, why),
        Request::CheckIn {
            person,
            site,
            at,
            r#override,
        } => attendance::check_in(engine, &person, site, at, r#override),
        Request::CheckOut { person, at } => attendance::check_out(engine, &person, at),
        Request::Say {
            text,
            to,
            thread,
            reply_to,
            translation_of,
            language,
            priority,
            expires,
            pin,
        } => {
            let words = forum::Words {
                text,
                to,
                thread,
                reply_to,
                translation_of,
                language,
                priority,
                expires,
                pin,
            };
            forum::say(engine, words)
        }
        Request::Threads { over } => Ok(forum::threads(engine, over)),
        Request::Read { thread, silent } => forum::read(engine, thread.as_deref(), silent),
        Request::Agenda { who, from, to } => {
            agenda::agenda(engine, who.as_deref(), from.as_deref(), to.as_deref())
        }
        Request::Where { sector, area } => {
            places::places(engine, sector.as_deref(), area.as_deref())
        }
        Request::Information { missing } => objects::information(engine, missing.as_deref()),
        Request::Print { form, of, from, to } => {
            print::print(engine, &form, of.as_deref(), from.as_deref(), to.as_deref())
        }
        Request::Staffing => Ok(views::staffing(engine)),
        Request::Overdue => Ok(views::overdue(engine)),
        Request::RollCall { site } => views::rollcall(engine, &site),
        Request::Picture => Ok(views::picture(engine)),
        Request::Sources => Ok(views::sources(node)),
        Request::Brief { since } => views::brief_since(node, since.as_deref()),
        Request::Match { about, limit } => matching::one(engine, &about, limit),
        Request::MatchAll => Ok(matching::all(engine)),
        Request::Duplicates { kind } => duplicates::duplicates(engine, kind.as_deref()),
        Request::Merge { kind, keep, other } => duplicates::merge(engine, &kind, &keep, &other),
        Request::Split { kind, id } => duplicates::split(engine, &kind, &id),
        Request::Conflicts => decide::conflicts(engine),
        Request::Settle { id, choose, value } => decide::settle(engine, &id, choose, value),
        Request::BundlePlan {
            r#for,
            since,
            public,
        } => exchange::plan(engine, r#for.as_deref(), since.as_deref(), public),
        Request::Handed { device } => exchange::handed(engine, &device),
        Request::Runs {
            log,
            from,
            to,
            line,
            public,
        } => exchange::runs(engine, &log, line.as_deref(), (from, to), public),
        Request::Receive { runs } => exchange::receive(node, &runs),
        Request::Log { of, refused, limit } => log::log(engine, of.as_deref(), refused, limit),
        Request::History { id } => log::history(engine, &id),
        Request::Verify => log::verify(engine),
        Request::Network { offline } => exchange::network(node, offline),
        Request::Sync { peer } => exchange::sync(node, peer),
    }
}

/// Finds the kind of a name.
fn kind_named(name: &str) -> Result<&'static Kind, ApiError> {
    table::kind_named(name)
        .ok_or_else(|| ApiError::new("no-such-kind", exit::USAGE).with("kind", name))
}

/// Minutes that this machine's clock is east of UTC: people type local times.
fn local_offset() -> i32 {
    let zone = jiff::tz::TimeZone::system();
    zone.to_offset(jiff::Timestamp::now()).seconds() / 60
}

fn reading(engine: &Engine) -> Reading<'_> {
    Reading {
        vocabularies: Vocabularies::builtin(),
        state: Some(engine.state()),
        offset_minutes: local_offset(),
    }
}

fn fresh_element() -> u64 {
    let mut bytes = [0; 8];
    random(&mut bytes);
    // 0 stands for a plain field.
    u64::from_le_bytes(bytes).max(1)
}

fn fresh_object() -> ObjectId {
    let mut bytes = [0; 16];
    random(&mut bytes);
    ObjectId(bytes)
}

/// Finds an object by its number, its id or the beginning of its id.
fn resolve(engine: &Engine, given: &str, kinds: &[u16]) -> Result<ObjectId, ApiError> {
    let state = engine.state();
    match numbers::resolve(state, given, kinds) {
        Resolved::Found(id) => Ok(id),
        Resolved::NotFound => {
            if let Some(id) = erase::numbered(engine, given, kinds) {
                return Ok(id);
            }
            let wanted: Vec<_> = kinds.iter().map(|k| table::kind_name(*k)).collect();
            Err(ApiError::new("not-found", exit::NOT_FOUND)
                .with("given", given)
                .with("kind", wanted.join("|")))
        }
        Resolved::Ambiguous(ids) => {
            let candidates: Vec<_> = ids.iter().map(|id| brief(engine, *id)).collect();
            let shown: Vec<_> = candidates
                .iter()
                .map(|c| {
                    format!(
                        "{} {}",
                        c["short"].as_str().unwrap_or(""),
                        c["title"].as_str().unwrap_or("")
                    )
                })
                .collect();
            Err(ApiError::new("ambiguous", exit::NOT_FOUND)
                .with("given", given)
                .with("candidates", shown.join(", "))
                .details(json!({ "candidates": candidates })))
        }
    }
}

/// The one-line form of an object: enough to recognise it.
fn brief(engine: &Engine, id: ObjectId) -> Json {
    let state = engine.state();
    let object = state.object(id).unwrap_or_default();
    let mut out = json!({
        "id": id.hex(),
        "short": short(engine, id),
        "kind": object.kind().map(table::kind_name),
        "title": muster_model::item::title(&object),
    });
    if object.erased {
        out["erased"] = json!(true);
        out["kind"] = json!(erase::remembered(engine, id).map(|(kind, _)| kind));
    }
    out
}

/// The number where there is an unambiguous one, else the shortest unique beginning of the id.
fn short(engine: &Engine, id: ObjectId) -> String {
    let state = engine.state();
    let number = state.object(id).and_then(|o| o.text("number"));
    if let Some((_, Some(number))) = erase::remembered(engine, id) {
        return number;
    }
    match number
        .filter(|n| matches!(numbers::resolve(state, n, &[]), Resolved::Found(f) if f == id))
    {
        Some(number) => number,
        None => numbers::short_id(state, id),
    }
}

/// Reads field inputs into changes.
fn changes(
    engine: &Engine,
    kind: &'static Kind,
    fields: &[FieldInput],
) -> Result<Vec<Change>, ApiError> {
    let reading = reading(engine);
    let mut out = Vec::new();
    for input in fields {
        let one = Map::from_iter([(input.name.clone(), input.value.clone())]);
        let read = parse::from_json(&reading, kind, &one, &mut fresh_element);
        out.extend(read.map_err(|e| parse_error(e).with("of", kind.name))?);
    }
    Ok(last_of_each(out))
}

/// Of several values for one field in one command the last counts; all of them would be contested.
fn last_of_each(changes: Vec<Change>) -> Vec<Change> {
    let slot = |change: &Change| match change {
        Change::Set { field, element, .. } => Some((*field, *element)),
        _ => None,
    };
    let mut seen = BTreeSet::new();
    let mut out: Vec<Change> = changes
        .into_iter()
        .rev()
        .filter(|c| slot(c).is_none_or(|s| seen.insert(s)))
        .collect();
    out.reverse();
    out
}

fn parse_error(error: ParseError) -> ApiError {
    let why = error.to_string();
    match error {
        ParseError::NoField { kind, given, near } => ApiError::new("no-such-field", exit::USAGE)
            .with("kind", kind)
            .with("given", &given)
            .with("near", near.join(", "))
            .with("field", given)
            .with("why", why),
        ParseError::Value {
            field,
            given,
            accepted,
        } => {
            let given: String = given.chars().take(60).collect();
            ApiError::new("bad-value", exit::REFUSED)
                .with("field", field)
                .with("given", given)
                .with("accepted", accepted)
                .with("why", why)
        }
        ParseError::NotFound {
            field,
            given,
            accepted,
        } => ApiError::new("not-found", exit::NOT_FOUND)
            .with("field", field)
            .with("given", given)
            .with("kind", accepted)
            .with("why", why),
        ParseError::Ambiguous {
            field,
            given,
            found,
        } => {
            let ids: Vec<_> = found.iter().map(ObjectId::hex).collect();
            ApiError::new("ambiguous", exit::NOT_FOUND)
                .with("field", field)
                .with("given", given)
                .with("candidates", ids.join(", "))
                .with("why", why)
        }
    }
}

fn write_error(error: WriteError) -> ApiError {
    let (code, exit) = match &error {
        WriteError::Erased(_) => ("erased", exit::NOT_FOUND),
        WriteError::Kind { .. } => ("wrong-kind", exit::NOT_FOUND),
        _ => ("write-refused", exit::REFUSED),
    };
    ApiError::new(code, exit).with("why", error)
}

/// The role this device writes under.
fn own_role(engine: &Engine) -> Result<Role, ApiError> {
    let authority = engine.book().authority();
    match authority.membership(&engine.device()) {
        Membership::Member(grant) => Ok(grant.role),
        Membership::Ended(Some(ending)) => {
            let by = log::label(engine, &ending.place.log.device);
            Err(ApiError::new("revoked-here", exit::NOT_PERMITTED)
                .with("by", by.unwrap_or_default())
                .with("why", &ending.why))
        }
        Membership::Ended(None) | Membership::Stranger => {
            Err(ApiError::new("not-admitted", exit::NOT_PERMITTED).with("why", "no valid grant"))
        }
    }
}

/// Checks that this device may write these changes, and writes them.
fn write(
    engine: &mut Engine,
    kind: &'static Kind,
    id: ObjectId,
    changes: &[Change],
    urgency: u8,
    at: Millis,
) -> Result<usize, ApiError> {
    let role = own_role(engine)?;
    let own = table::is_own(engine.own_grant().and_then(|g| g.person), id);
    let refused = writes::refusals(kind, changes, role, own);
    if let Some((field, least)) = refused.first() {
        return Err(ApiError::new("field-not-permitted", exit::NOT_PERMITTED)
            .with("field", field)
            .with("of", kind.name)
            .with("role", role.code())
            .with("least", least.code()));
    }
    let operations = writes::build(engine.state(), kind, id, changes).map_err(write_error)?;
    let count = operations.values().map(Vec::len).sum();
    if count > 0 {
        engine.write(operations, urgency, at, &mut random)?;
    }
    Ok(count)
}

/// How soon an object's entries should travel.
fn urgency_of(engine: &Engine, kind: &'static Kind, fields: &[FieldInput]) -> u8 {
    let reading = reading(engine);
    // Named and valued by code or label, in either language.
    let urgent = fields.iter().any(|f| {
        let field = parse::field_named(kind, &f.name).ok();
        let field = field.filter(|f| f.name == "priority");
        field
            .zip(f.value.as_str())
            .and_then(|(field, given)| parse::value(&reading, field, given).ok())
            .is_some_and(|v| Typed::read(&v) == Typed::Code("urgent".into()))
    });
    match kind.number {
        _ if urgent => urgency::URGENT,
        table::kinds::ASSIGNMENT | table::kinds::CHECK_IN => urgency::ASSIGNMENT,
        _ => urgency::NORMAL,
    }
}

/// The current time, for entries.
fn claimed() -> Millis {
    now()
}
