//! The forms, one function each: which facts, tables and texts stand on a page.

use std::collections::BTreeSet;

use muster_log::ids::{Millis, ObjectId};
use muster_model::{
    booking::{self, Span, members},
    state::Object,
    table::kinds,
    views::{information, threads},
};
use serde_json::{Value as Json, json};

use super::{Desk, Page, moment, span, value};
use crate::verbs::short;

impl Desk<'_> {
    pub(super) fn ics204(&self, task: ObjectId) -> Page {
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
            .filter(|a| a.is_active() || a.status.as_deref() == Some("done"))
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

    pub(super) fn ics211(&self, site: Option<ObjectId>) -> Page {
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

    pub(super) fn ics214(&self, about: Option<ObjectId>) -> Page {
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

    pub(super) fn roster(&self, of: Option<ObjectId>) -> Page {
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

    pub(super) fn slip(&self, assignment: ObjectId) -> Page {
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

    pub(super) fn badge(&self, person: ObjectId) -> Page {
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
    pub(super) fn notice(&self, id: ObjectId) -> Page {
        let state = self.engine.state();
        let mut page = Page::default();
        let all: Vec<ObjectId> = match self.object(id).kind() {
            Some(kinds::MESSAGE) => {
                let others = threads::translations(state).remove(&id).unwrap_or_default();
                let others = others.into_iter().map(|m| m.id);
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

    pub(super) fn attestation(&self, person: ObjectId) -> Page {
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
}
