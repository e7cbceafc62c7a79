//! The forum, the calendar, the map, paper: say, list, read, look ahead, look around, print.

use clap::ArgMatches;
use muster_node::api::{FieldInput, Request, exit};
use serde_json::json;

use super::{ask, required, text};
use crate::{
    Context, args,
    failure::{Failure, Outcome},
    lang::Lang,
    render,
};

/// `say`.
pub fn say(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let words: Vec<_> = m
        .get_many::<String>("words")
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let screen = match c.words.lang {
        Lang::En => "en",
        Lang::Fr => "fr",
    };
    let request = Request::Say {
        text: words.join(" "),
        to: text(m, "whom"),
        thread: text(m, "thread"),
        reply_to: text(m, "reply-to"),
        translation_of: text(m, "translation-of"),
        language: text(m, "language").or_else(|| Some(screen.to_owned())),
        priority: text(m, "pressing"),
        expires: text(m, "over-at"),
        pin: m.get_flag("pin"),
    };
    ask(c, "say", request, render::forum::said)
}

/// `threads`.
pub fn threads(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let over = m.get_flag("expired");
    ask(
        c,
        "threads",
        Request::Threads { over },
        render::forum::threads,
    )
}

/// `read`.
pub fn read(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let request = Request::Read {
        thread: text(m, "in-thread"),
        silent: m.get_flag("silent"),
    };
    ask(c, "read", request, render::forum::read)
}

/// `agenda`.
pub fn agenda(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let request = Request::Agenda {
        who: text(m, "whose"),
        from: text(m, "window-from"),
        to: text(m, "window-to"),
    };
    ask(c, "agenda", request, render::agenda::agenda)
}

/// `where`.
pub fn places(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let client = c.client()?;
    let request = Request::Where {
        sector: text(m, "sector"),
        area: text(m, "area"),
    };
    let mut answer = client.call(&request)?;
    if let Some(file) = text(m, "svg") {
        let title = text(m, "map-title").unwrap_or_else(|| c.words.t("map-title"));
        let svg = render::map::svg(c, &answer, &title)
            .ok_or_else(|| Failure::new("no-coordinates", exit::NOT_FOUND))?;
        write_new(c, &file, &svg)?;
        if let Some(map) = answer.as_object_mut() {
            map.insert("svg".into(), json!(file));
        }
    }
    c.answer("where", answer, render::places::places);
    Ok(0)
}

/// `print`: HTML into a file, or to stdout for whoever pipes it on.
pub fn print(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let request = Request::Print {
        form: required(m, "form")?,
        of: text(m, "form-of"),
        from: text(m, "form-from"),
        to: text(m, "form-to"),
    };
    let mut answer = c.client()?.call(&request)?;
    let html = render::paper::html(c, &answer);
    let file = text(m, "out");
    if let Some(file) = &file {
        write_new(c, file, &html)?;
    }
    if let Some(map) = answer.as_object_mut() {
        map.insert("file".into(), json!(file));
    }
    c.answer("print", answer, |c, a| match a["file"].as_str() {
        Some(file) => c.words.with(
            "said-printed",
            args![
                "file" = file,
                "count" = a["pages"].as_array().map_or(0, Vec::len)
            ],
        ),
        None => html,
    });
    Ok(0)
}

/// `note`: a line of the activity log.
pub fn note(c: &Context<'_>, m: &ArgMatches) -> Outcome<u8> {
    let words: Vec<_> = m
        .get_many::<String>("note-text")
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let given = [
        ("text", Some(words.join(" "))),
        ("about", text(m, "about")),
        ("time", text(m, "noted-at")),
    ];
    let fields = given.into_iter().filter_map(|(name, value)| {
        Some(FieldInput {
            name: name.to_owned(),
            value: value?.into(),
        })
    });
    let request = Request::Add {
        kind: "note".into(),
        fields: fields.collect(),
        id: None,
    };
    ask(c, "note", request, render::objects::added)
}

/// Writes a file for people; one that exists is only replaced when that was said.
pub fn write_new(c: &Context<'_>, file: &str, content: &str) -> Outcome<()> {
    let path = std::path::Path::new(file);
    if path.exists() && !c.all.get_flag("yes") {
        return Err(Failure::new("file-exists", exit::REFUSED).with("path", file));
    }
    std::fs::write(path, content).map_err(|e| Failure::file("write", path, &e))
}
