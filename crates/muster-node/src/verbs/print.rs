//! What is printed: pages of facts, tables and texts, taken from the state. Words and layout are the
//! command line's; a label here is the name of its sentence.

mod forms;

use muster_log::ids::{Millis, ObjectId};
use muster_model::{
    booking::{Span, members},
    item,
    state::Object,
    table::{self, kinds},
    value::time_text,
    views::agenda,
};
use serde_json::{Value as Json, json};

use super::{Answer, claimed, forum::named, log::label, work::time};
use crate::{
    api::{ApiError, exit},
    engine::Engine,
};

/// Forms that can be printed.
pub const FORMS: [&str; 8] = [
    "ics204",
    "ics211",
    "ics214",
    "roster",
    "slip",
    "badge",
    "notice",
    "attestation",
];

/// One page.
#[derive(Default)]
struct Page {
    facts: Vec<Json>,
    tables: Vec<Json>,
    texts: Vec<Json>,
    signs: Vec<&'static str>,
}

impl Page {
    fn fact(&mut self, label: &str, value: Json) {
        self.facts.push(json!({ "label": label, "value": value }));
    }

    fn text(&mut self, label: &str, value: Option<String>) {
        if let Some(text) = value.filter(|t| !t.trim().is_empty()) {
            self.texts.push(json!({ "label": label, "text": text }));
        }
    }

    fn table(&mut self, label: &str, columns: &[&str], rows: Vec<Vec<Json>>) {
        self.tables
            .push(json!({ "label": label, "columns": columns, "rows": rows }));
    }

    fn json(self, title: &str) -> Json {
        json!({
            "title": title, "facts": self.facts, "tables": self.tables, "texts": self.texts,
            "signs": self.signs,
        })
    }
}

fn moment(time: Option<Millis>) -> Json {
    time.map_or(Json::Null, |t| json!({ "time": time_text(t) }))
}

fn span(span: Span) -> Json {
    if span == Span::default() {
        return Json::Null;
    }
    json!({ "from": span.from.map(time_text), "to": span.to.map(time_text) })
}

/// A field of an object, to be shown with its labels; set fields as lists.
fn value(object: &Object, name: &str) -> Json {
    let Some(kind) = object.table() else {
        return Json::Null;
    };
    let shown = kind
        .named(name)
        .and_then(|field| item::field_json(object, kind, field));
    shown.map_or(
        Json::Null,
        |v| json!({ "kind": kind.name, "field": name, "value": v }),
    )
}

struct Desk<'a> {
    engine: &'a Engine,
    now: Millis,
    window: Span,
}

impl Desk<'_> {
    fn object(&self, id: ObjectId) -> Object {
        self.engine.state().object(id).unwrap_or_default()
    }

    fn title(&self, id: ObjectId) -> String {
        item::title(&self.object(id))
    }

    fn titled(&self, id: Option<ObjectId>) -> Json {
        id.map_or(Json::Null, |id| json!(self.title(id)))
    }

    /// The operational period that a moment lies in, else the given span.
    fn period(&self, of: Span) -> Json {
        let at = of.from.unwrap_or(self.now);
        let found = agenda::periods(self.engine.state(), at).into_iter().next();
        match found {
            Some((id, of)) => {
                json!({
                    "name": self.title(id),
                    "from": of.from.map(time_text),
                    "to": of.to.map(time_text),
                })
            }
            None => span(of),
        }
    }

    fn incident(&self) -> String {
        let body = self.engine.book().authority().genesis().body();
        body.name.to_string()
    }

    /// Who wrote it: the operator, and the device.
    fn prepared(&self) -> String {
        let device = label(self.engine, &self.engine.device()).unwrap_or_default();
        match self.engine.operator() {
            Some(name) => format!("{name}, {device}"),
            None => device,
        }
    }

    /// Everybody at a site now and since when, or with all who were there in the window.
    fn checkins(&self, site: Option<ObjectId>) -> Vec<(ObjectId, Object)> {
        let state = self.engine.state();
        let mut out: Vec<(ObjectId, Object)> = state
            .of_kind(kinds::CHECK_IN)
            .filter_map(|id| Some((id, state.object(id).filter(|o| !o.erased)?)))
            .filter(|(_, c)| {
                let at = c.reference("site").map(|s| state.canonical(s));
                let stay = Span {
                    from: c.time("in"),
                    to: c.time("out"),
                };
                (site.is_none() || at == site) && stay.overlaps(&self.window)
            })
            .collect();
        out.sort_by_key(|(id, c)| (c.time("in"), *id));
        out
    }

    /// What a form is of; tasks of the current period for ICS 204 when nothing is said.
    fn pages(&self, form: &str, given: Option<&str>) -> Result<Vec<Json>, ApiError> {
        let one = |kinds: &[u16]| -> Result<ObjectId, ApiError> {
            match given {
                Some(given) => named(self.engine, given, kinds),
                None => Err(ApiError::new("print-of-what", exit::USAGE)
                    .with("form", form)
                    .with(
                        "kind",
                        kinds
                            .iter()
                            .map(|k| table::kind_name(*k))
                            .collect::<Vec<_>>()
                            .join("|"),
                    )),
            }
        };
        let maybe = |kinds: &[u16]| given.map(|_| one(kinds)).transpose();
        Ok(match form {
            "ics204" => {
                let tasks = match given {
                    Some(_) => vec![one(&[kinds::TASK])?],
                    None => self.open_tasks(),
                };
                tasks
                    .into_iter()
                    .map(|t| self.ics204(t).json("print-title-ics204"))
                    .collect()
            }
            "ics211" => vec![
                self.ics211(maybe(&[kinds::SITE])?)
                    .json("print-title-ics211"),
            ],
            "ics214" => {
                let of = maybe(&[
                    kinds::TASK,
                    kinds::TEAM,
                    kinds::SITE,
                    kinds::NEED,
                    kinds::VOLUNTEER,
                    kinds::ASSIGNMENT,
                ])?;
                vec![self.ics214(of).json("print-title-ics214")]
            }
            "roster" => vec![
                self.roster(maybe(&[kinds::SITE, kinds::TEAM])?)
                    .json("print-title-roster"),
            ],
            "slip" => vec![
                self.slip(one(&[kinds::ASSIGNMENT])?)
                    .json("print-title-slip"),
            ],
            "badge" => {
                let of = one(&[kinds::VOLUNTEER, kinds::TEAM])?;
                let people: Vec<ObjectId> = match self.object(of).kind() {
                    Some(kinds::TEAM) => members(self.engine.state(), of).into_iter().collect(),
                    _ => vec![of],
                };
                people
                    .into_iter()
                    .map(|p| self.badge(p).json("print-title-badge"))
                    .collect()
            }
            "notice" => vec![
                self.notice(one(&[kinds::MESSAGE, kinds::INFORMATION])?)
                    .json("print-title-notice"),
            ],
            "attestation" => vec![
                self.attestation(one(&[kinds::VOLUNTEER])?)
                    .json("print-title-attestation"),
            ],
            _ => {
                return Err(ApiError::new("no-such-form", exit::USAGE)
                    .with("form", form)
                    .with("forms", FORMS.join(", ")));
            }
        })
    }

    fn open_tasks(&self) -> Vec<ObjectId> {
        let state = self.engine.state();
        let mut out: Vec<(Option<Millis>, ObjectId)> = state
            .of_kind(kinds::TASK)
            .filter(|id| !state.index().is_alias(*id))
            .filter_map(|id| Some((id, state.object(id).filter(|o| !o.erased)?)))
            .filter(|(_, t)| {
                !matches!(
                    t.code("status").as_deref(),
                    Some("draft" | "completed" | "cancelled")
                )
            })
            .filter(|(_, t)| {
                let of = Span {
                    from: t.time("from"),
                    to: t.time("to"),
                };
                of.overlaps(&self.window)
            })
            .map(|(id, t)| (t.time("from"), id))
            .collect();
        out.sort();
        out.into_iter().map(|(_, id)| id).collect()
    }
}

/// `print`.
pub fn print(
    engine: &Engine,
    form: &str,
    of: Option<&str>,
    from: Option<&str>,
    to: Option<&str>,
) -> Answer {
    let window = Span {
        from: from.map(|t| time(engine, "from", t)).transpose()?,
        to: to.map(|t| time(engine, "to", t)).transpose()?,
    };
    let desk = Desk {
        engine,
        now: claimed(),
        window,
    };
    let pages = desk.pages(form, of)?;
    Ok(json!({
        "form": form,
        "incident": desk.incident(),
        "device": label(engine, &engine.device()),
        "made": time_text(desk.now),
        "pages": pages,
    }))
}
