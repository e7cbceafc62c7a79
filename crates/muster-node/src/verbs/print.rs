//! What is printed: pages of facts, tables and texts, taken from the state. Words and layout are the
//! command line's; a label here is the name of its sentence.

use std::collections::BTreeSet;

use muster_log::ids::{Millis, ObjectId};
use muster_model::{
    booking::{self, Span, members},
    item,
    state::Object,
    table::{self, kinds},
    value::time_text,
    views::{agenda, information, threads},
};
use serde_json::{Value as Json, json};

use super::{Answer, claimed, forum::named, log::label, short, work::time};
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

    fn ics204(&self, task: ObjectId) -> Page {
        let state = self.engine.state();
        let object = self.object(task);
        let mut page = Page::default();
        page.fact("print-incident", json!(self.incident()));
        let when = Span {
            from: object.time("from"),
            to: object.time("to"),
        };
        page.fact("print-period", self.period(when));
        page.fact(
            "print-task",
            json!(format!(
                "{} — {}",
                short(self.engine, task),
                self.title(task)
            )),
        );
        page.fact("print-site", self.titled(object.reference("site")));
        page.fact("print-area", value(&object, "area"));
        page.fact(
            "print-supervisor",
            self.titled(object.reference("supervisor")),
        );
        page.fact("print-when", span(when));
        page.fact("print-radio", value(&object, "radio_channel"));
        let rows = booking::of_task(state, task)
            .into_iter()
            .filter(|a| a.is_active())
            .map(|a| {
                let who = a.volunteer.or(a.team);
                let person = who.map(|w| self.object(w)).unwrap_or_default();
                vec![
                    self.titled(who),
                    json!(a.people(state).len()),
                    value(&person, "phone"),
                    value(&self.object(a.id), "status"),
                    span(a.span),
                ]
            });
        let columns = [
            "print-name",
            "print-persons",
            "print-phone",
            "print-status",
            "print-when",
        ];
        page.table("print-resources", &columns, rows.collect());
        page.text("print-work", object.text("description"));
        page.text("print-instructions", object.text("instructions"));
        page.text("print-special", object.text("special_instructions"));
        page.fact("print-ppe", value(&object, "ppe"));
        page.fact("print-hazards", value(&object, "hazards"));
        page.fact("print-prepared", json!(self.prepared()));
        page.signs = vec!["print-sign-supervisor"];
        page
    }

    fn ics211(&self, site: Option<ObjectId>) -> Page {
        let mut page = Page::default();
        page.fact("print-incident", json!(self.incident()));
        page.fact("print-checkin-place", self.titled(site));
        page.fact("print-when", span(self.window));
        let rows = self.checkins(site).into_iter().map(|(_, c)| {
            let person = c.reference("person");
            let task = c
                .reference("assignment")
                .and_then(|a| booking::assignment(self.engine.state(), a)?.task);
            vec![
                value(&c, "order_no"),
                self.titled(person),
                value(&c, "home_unit"),
                value(&c, "party_size"),
                moment(c.time("in")),
                moment(c.time("out")),
                value(&c, "travel"),
                self.titled(task),
            ]
        });
        let columns = [
            "print-order",
            "print-name",
            "print-home-unit",
            "print-party",
            "print-in",
            "print-out",
            "print-travel",
            "print-task",
        ];
        page.table("print-checkins", &columns, rows.collect());
        page.fact("print-prepared", json!(self.prepared()));
        page
    }

    fn ics214(&self, about: Option<ObjectId>) -> Page {
        let state = self.engine.state();
        let mut page = Page::default();
        page.fact("print-incident", json!(self.incident()));
        page.fact("print-period", self.period(self.window));
        page.fact("print-about", self.titled(about));
        page.fact("print-prepared", json!(self.prepared()));
        let wanted: BTreeSet<ObjectId> = about
            .map(|id| {
                let assigned = booking::of_task(state, id).into_iter().map(|a| a.id);
                state.joined(id).into_iter().chain(assigned).collect()
            })
            .unwrap_or_default();
        let mut notes: Vec<(Option<Millis>, ObjectId, Object)> = state
            .of_kind(kinds::NOTE)
            .filter_map(|id| Some((id, state.object(id).filter(|o| !o.erased)?)))
            .filter(|(_, n)| {
                let of = n.reference("about");
                wanted.is_empty() || of.is_some_and(|of| wanted.contains(&of))
            })
            .map(|(id, n)| {
                (
                    n.time("time").or_else(|| n.birth().map(|b| b.claimed)),
                    id,
                    n,
                )
            })
            .filter(|(at, ..)| {
                let at = Span {
                    from: *at,
                    to: at.map(|t| Millis(t.0.saturating_add(1))),
                };
                at.overlaps(&self.window)
            })
            .collect();
        notes.sort_by_key(|(at, id, _)| (*at, *id));
        let rows = notes.into_iter().map(|(at, _, n)| {
            vec![
                moment(at),
                json!(n.text("text").unwrap_or_default()),
                self.titled(n.reference("about")),
                value(&n, "by"),
            ]
        });
        let columns = ["print-time", "print-activity", "print-about", "print-by"];
        page.table("print-log", &columns, rows.collect());
        page.signs = vec!["print-sign-prepared"];
        page
    }

    fn roster(&self, of: Option<ObjectId>) -> Page {
        let state = self.engine.state();
        let mut page = Page::default();
        page.fact("print-incident", json!(self.incident()));
        page.fact("print-of", self.titled(of));
        let object = of.map(|id| self.object(id)).unwrap_or_default();
        let people: BTreeSet<ObjectId> = match (of, object.kind()) {
            (Some(team), Some(kinds::TEAM)) => members(state, team),
            (Some(site), Some(kinds::SITE)) => self
                .checkins(Some(site))
                .into_iter()
                .filter_map(|(_, c)| c.reference("person").map(|p| state.canonical(p)))
                .collect(),
            _ => state
                .of_kind(kinds::VOLUNTEER)
                .filter(|id| !state.index().is_alias(*id))
                .filter(|id| state.object(*id).is_some_and(|o| !o.erased))
                .collect(),
        };
        let mut people: Vec<(String, ObjectId)> =
            people.into_iter().map(|p| (self.title(p), p)).collect();
        people.sort_by_cached_key(|(name, id)| (muster_model::text::fold(name), *id));
        let rows = people.into_iter().map(|(name, id)| {
            let person = self.object(id);
            vec![
                json!(name),
                value(&person, "badge"),
                value(&person, "phone"),
                value(&person, "position"),
                value(&person, "status"),
                // Written by hand.
                json!(""),
                json!(""),
            ]
        });
        let columns = [
            "print-name",
            "print-badge",
            "print-phone",
            "print-position",
            "print-status",
            "print-in",
            "print-out",
        ];
        page.table("print-people", &columns, rows.collect());
        page.fact("print-prepared", json!(self.prepared()));
        page
    }

    fn slip(&self, assignment: ObjectId) -> Page {
        let a = booking::assignment(self.engine.state(), assignment);
        let task_id = a.as_ref().and_then(|a| a.task);
        let task = task_id.map(|t| self.object(t)).unwrap_or_default();
        let mut page = Page::default();
        page.fact("print-incident", json!(self.incident()));
        page.fact(
            "print-name",
            self.titled(a.as_ref().and_then(|a| a.volunteer.or(a.team))),
        );
        page.fact(
            "print-task",
            task_id.map_or(Json::Null, |t| {
                json!(format!("{} — {}", short(self.engine, t), self.title(t)))
            }),
        );
        page.fact(
            "print-when",
            span(a.as_ref().map(|a| a.span).unwrap_or_default()),
        );
        page.fact("print-site", self.titled(task.reference("site")));
        page.fact("print-place", value(&task, "place"));
        page.fact("print-report-to", value(&task, "report_to"));
        page.fact("print-report-at", value(&task, "report_at"));
        page.fact("print-report-time", value(&task, "report_time"));
        page.fact(
            "print-supervisor",
            self.titled(task.reference("supervisor")),
        );
        page.fact("print-radio", value(&task, "radio_channel"));
        page.fact("print-ppe", value(&task, "ppe"));
        page.fact("print-hazards", value(&task, "hazards"));
        page.fact("print-assignment", json!(short(self.engine, assignment)));
        page.text("print-work", task.text("description"));
        page.text("print-instructions", task.text("instructions"));
        page.text("print-special", task.text("special_instructions"));
        page.signs = vec!["print-sign-accept", "print-sign-in", "print-sign-out"];
        page
    }

    fn badge(&self, person: ObjectId) -> Page {
        let object = self.object(person);
        let mut page = Page::default();
        page.fact("print-incident", json!(self.incident()));
        page.fact("print-name", json!(self.title(person)));
        page.fact("print-position", value(&object, "position"));
        page.fact(
            "print-organisation",
            self.titled(object.reference("organisation")),
        );
        page.fact("print-languages", value(&object, "languages"));
        page.fact(
            "print-badge",
            match value(&object, "badge") {
                Json::Null => json!(short(self.engine, person)),
                code => code,
            },
        );
        page
    }

    /// A message or an information with its translations, each as a text in its language.
    fn notice(&self, id: ObjectId) -> Page {
        let state = self.engine.state();
        let mut page = Page::default();
        let all: Vec<ObjectId> = match self.object(id).kind() {
            Some(kinds::MESSAGE) => {
                let others = threads::translations(state, id).into_iter().map(|m| m.id);
                std::iter::once(id)
                    .chain(others.filter(|o| *o != id))
                    .collect()
            }
            _ => information::texts(state, self.now)
                .into_iter()
                .find(|t| t.id == id || t.translations.contains(&id))
                .map_or_else(
                    || vec![id],
                    |t| std::iter::once(t.id).chain(t.translations).collect(),
                ),
        };
        for id in all {
            let object = self.object(id);
            page.texts.push(json!({
                "title": object.text("title"),
                "text": object.text("text").unwrap_or_default(),
                "language": object.code("language"),
            }));
        }
        page.fact("print-incident", json!(self.incident()));
        page.fact("print-valid-until", moment(self.object(id).time("expires")));
        page
    }

    fn attestation(&self, person: ObjectId) -> Page {
        let state = self.engine.state();
        let mut page = Page::default();
        page.fact("print-incident", json!(self.incident()));
        page.fact("print-name", json!(self.title(person)));
        let object = self.object(person);
        page.fact(
            "print-organisation",
            self.titled(object.reference("organisation")),
        );
        page.fact("print-position", value(&object, "position"));
        let joined = state.joined(person);
        let mut minutes = 0;
        let mut rows = Vec::new();
        for (_, c) in self.checkins(None) {
            if !c.reference("person").is_some_and(|p| joined.contains(&p)) {
                continue;
            }
            let stay = c.time("in").zip(c.time("out"));
            let lasted = stay.map_or(0, |(from, to)| to.0.saturating_sub(from.0).max(0) / 60_000);
            minutes += lasted;
            rows.push(vec![
                moment(c.time("in")),
                moment(c.time("out")),
                self.titled(c.reference("site")),
                stay.map_or(Json::Null, |_| json!({ "minutes": lasted })),
            ]);
        }
        page.fact("print-total", json!({ "minutes": minutes }));
        let columns = ["print-in", "print-out", "print-site", "print-hours"];
        page.table("print-attendance", &columns, rows);
        page.fact("print-prepared", json!(self.prepared()));
        page.signs = vec!["print-sign-attest"];
        page
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
