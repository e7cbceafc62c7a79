//! Objects of every kind: add, edit, list, show, and the short ways for what is done all day.

use std::io::Read as _;

use clap::{ArgMatches, parser::ValueSource};
use muster_model::table::{Kind, Merge};
use muster_node::api::{FieldInput, Request, exit};
use serde_json::Value as Json;

use super::{required, text, trust};
use crate::{
    Context,
    args::verb_of,
    failure::{Failure, Outcome},
    render,
};

/// Runs a verb of a kind.
pub fn run(context: &Context<'_>, kind: &'static Kind, what: &str, m: &ArgMatches) -> Outcome<u8> {
    let verb = format!("{}.{what}", verb_of(kind));
    match what {
        "add" => add(context, kind, &verb, fields(m, kind)?),
        "report" => {
            let mut fields = fields(m, kind)?;
            if let Some(title) = text(m, "title") {
                fields.insert(
                    0,
                    FieldInput {
                        name: "title".into(),
                        value: title.into(),
                    },
                );
            }
            if !fields.iter().any(|f| f.name == "title") {
                return Err(Failure::new("missing-argument", exit::USAGE).with("name", "title"));
            }
            add(context, kind, &verb, fields)
        }
        "for" => task_for(context, kind, &verb, m),
        "edit" => {
            let id = required(m, "id")?;
            let fields = fields(m, kind)?;
            if fields.is_empty() {
                return Err(Failure::new("nothing-to-change", exit::USAGE).with("verb", verb));
            }
            let answer = context.client()?.call(&Request::Edit {
                kind: kind.name.into(),
                id,
                fields,
            })?;
            context.answer(&verb, answer, render::objects::edited);
            Ok(0)
        }
        "list" if text(m, "missing").is_some() => {
            let request = Request::Information {
                missing: text(m, "missing"),
            };
            let answer = context.client()?.call(&request)?;
            context.answer(&verb, answer, render::objects::missing);
            Ok(0)
        }
        "list" => {
            let request = Request::List {
                kind: kind.name.into(),
                filters: filters(m)?,
                text: text(m, "containing"),
                limit: m.get_one::<usize>("limit").copied(),
                after: text(m, "after"),
                stale: text(m, "stale"),
                near: text(m, "near"),
                within: m.get_one::<f64>("within").copied(),
            };
            let answer = context.client()?.call(&request)?;
            context.answer(&verb, answer, |c, a| render::objects::list(c, kind, a));
            Ok(0)
        }
        "merge" => {
            let request = Request::Merge {
                kind: kind.name.into(),
                keep: required(m, "kept")?,
                other: required(m, "other")?,
            };
            super::ask(context, &verb, request, render::duplicates::merged)
        }
        "split" => {
            let request = Request::Split {
                kind: kind.name.into(),
                id: required(m, "id")?,
            };
            super::ask(context, &verb, request, render::duplicates::split)
        }
        "show" => {
            let request = Request::Show {
                kind: Some(kind.name.into()),
                id: required(m, "id")?,
            };
            let answer = context.client()?.call(&request)?;
            context.answer(&verb, answer, render::objects::show);
            Ok(0)
        }
        "erase" => erase(context, kind, &verb, m),
        _ => Err(Failure::new("no-such-verb", exit::USAGE).with("verb", verb)),
    }
}

/// What would go is told first, and the person asked.
fn erase(c: &Context<'_>, kind: &Kind, verb: &str, m: &ArgMatches) -> Outcome<u8> {
    let request = |dry_run: bool, id: String| Request::Erase {
        kind: kind.name.into(),
        id,
        why: text(m, "why"),
        dry_run,
    };
    let mut id = required(m, "id")?;
    let client = c.client()?;
    if m.get_flag("dry-run") {
        let plan = client.call(&request(true, id))?;
        c.answer(verb, plan, |c, a| render::erase::planned(c, kind, a));
        return Ok(0);
    }
    if !c.all.get_flag("yes") {
        if c.json || !trust::can_ask() {
            return Err(Failure::new("cannot-ask-erase", exit::USAGE)
                .with("verb", verb.replace('.', " "))
                .with("id", id));
        }
        let plan = client.call(&request(true, id.clone()))?;
        c.say(&render::erase::planned(c, kind, &plan));
        trust::confirm(c, &render::erase::question(c, &plan))?;
        // What was shown is what is done, whoever takes that number meanwhile.
        id = plan["id"].as_str().map_or(id, str::to_owned);
    }
    let answer = client.call(&request(false, id))?;
    c.answer(verb, answer, render::erase::done);
    Ok(0)
}

fn add(context: &Context<'_>, kind: &Kind, verb: &str, fields: Vec<FieldInput>) -> Outcome<u8> {
    if fields.is_empty() {
        return Err(
            Failure::new("nothing-to-add", exit::USAGE).with("verb", verb.replace('.', " "))
        );
    }
    let request = Request::Add {
        kind: kind.name.into(),
        fields,
        id: None,
    };
    let answer = context.client()?.call(&request)?;
    for line in render::duplicates::similar(context, &answer) {
        context.say(&line);
    }
    context.answer(verb, answer, render::objects::added);
    Ok(0)
}

/// A task for a need: title, sector, site and priority come from the need where nothing else is said.
fn task_for(context: &Context<'_>, kind: &Kind, verb: &str, m: &ArgMatches) -> Outcome<u8> {
    let client = context.client()?;
    let need = required(m, "need")?;
    let shown = client.call(&Request::Show {
        kind: Some("need".into()),
        id: need,
    })?;
    let mut fields = fields(m, kind)?;
    let id = shown["item"]["id"].clone();
    fields.push(FieldInput {
        name: "needs".into(),
        value: Json::Array(vec![id]),
    });
    // The title of a sensitive need is for few; a task's is for everyone.
    let need = &shown["item"]["fields"];
    let sensitive = need["sensitive"] == true || !need["title"].is_string();
    if sensitive && !fields.iter().any(|f| f.name == "title") {
        return Err(Failure::new("title-sensitive", exit::NOT_PERMITTED));
    }
    for name in ["title", "sector", "area", "priority", "site", "place"] {
        let known = &need[name];
        let given = fields.iter().any(|f| f.name == name);
        if !known.is_null() && !given && kind.named(name).is_some() {
            fields.push(FieldInput {
                name: name.into(),
                value: known.clone(),
            });
        }
    }
    if !fields.iter().any(|f| f.name == "status") {
        fields.push(FieldInput {
            name: "status".into(),
            value: "open".into(),
        });
    }
    let answer = client.call(&Request::Add {
        kind: kind.name.into(),
        fields,
        id: None,
    })?;
    context.answer(verb, answer, render::objects::added);
    Ok(0)
}

/// The fields given by flags, by `--set` and by `--from-json`, in the order of the table.
fn fields(m: &ArgMatches, kind: &Kind) -> Outcome<Vec<FieldInput>> {
    let mut out = match text(m, "from-json") {
        Some(from) => from_json(&from)?,
        None => Vec::new(),
    };
    for field in kind.fields {
        let id = format!("field:{}", field.name);
        if m.try_contains_id(&id).is_err() || m.value_source(&id) != Some(ValueSource::CommandLine)
        {
            continue;
        }
        let values: Vec<String> = m
            .get_many::<String>(&id)
            .map(|v| v.cloned().collect())
            .unwrap_or_default();
        if field.merge == Merge::Group {
            // Each time the flag is given is one element.
            out.extend(values.into_iter().map(|v| FieldInput {
                name: field.name.into(),
                value: v.into(),
            }));
            continue;
        }
        let value = match values.as_slice() {
            [one] => Json::from(one.as_str()),
            many => Json::from(many.to_vec()),
        };
        out.push(FieldInput {
            name: field.name.into(),
            value,
        });
    }
    if let Ok(Some(sets)) = m.try_get_many::<String>("set") {
        for set in sets {
            out.push(assignment(set)?);
        }
    }
    Ok(out)
}

fn assignment(given: &str) -> Outcome<FieldInput> {
    match given.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok(FieldInput {
            name: name.trim().to_owned(),
            value: if value.is_empty() {
                Json::Null
            } else {
                value.into()
            },
        }),
        _ => Err(Failure::new("set-wrong", exit::USAGE).with("given", given)),
    }
}

fn from_json(from: &str) -> Outcome<Vec<FieldInput>> {
    let mut body = String::new();
    let read = if from == "-" {
        std::io::stdin()
            .lock()
            .take(1 << 20)
            .read_to_string(&mut body)
            .map(drop)
    } else {
        std::fs::read_to_string(from).map(|t| body = t)
    };
    read.map_err(|e| Failure::file("read", std::path::Path::new(from), &e))?;
    let wrong = |why: String| {
        Failure::new("json-wrong", exit::REFUSED)
            .with("path", from)
            .with("why", why)
    };
    match serde_json::from_str::<Json>(&body).map_err(|e| wrong(e.to_string()))? {
        Json::Object(fields) => Ok(fields
            .into_iter()
            .map(|(name, value)| FieldInput { name, value })
            .collect()),
        _ => Err(wrong("an object is expected".into())),
    }
}

fn filters(m: &ArgMatches) -> Outcome<Vec<FieldInput>> {
    let mut out = Vec::new();
    for id in m.ids() {
        let Some(name) = id.as_str().strip_prefix("field:") else {
            continue;
        };
        if let Some(value) = m.get_one::<String>(id.as_str()) {
            out.push(FieldInput {
                name: name.to_owned(),
                value: value.as_str().into(),
            });
        }
    }
    if let Ok(Some(wheres)) = m.try_get_many::<String>("where") {
        for given in wheres {
            out.push(assignment(given)?);
        }
    }
    Ok(out)
}
