//! The one binary, `muster`: what the person sees. It asks the daemon; only the verbs that need none
//! open a data directory themselves.

mod args;
mod client;
mod failure;
mod import;
mod lang;
mod render;
mod run;
mod settings;

use std::process::ExitCode;

use clap::ArgMatches;
use muster_node::api::exit;
use serde_json::Value as Json;

use crate::{
    client::Client,
    failure::{Failure, Outcome},
    lang::{Lang, Words},
    settings::Settings,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What every verb is given.
pub struct Context<'a> {
    /// The sentences.
    pub words: &'a Words,
    /// The settings.
    pub settings: &'a Settings,
    /// The whole command line.
    pub all: &'a ArgMatches,
    /// Answers as JSON.
    pub json: bool,
    /// No alignment, one "label: value" a line.
    pub plain: bool,
}

impl Context<'_> {
    /// The daemon's door.
    pub fn client(&self) -> Outcome<Client> {
        Client::new(&self.settings.data.value)
    }

    /// Prints an answer: JSON with its schema, or what `text` makes of it.
    pub fn answer(&self, verb: &str, answer: Json, text: impl FnOnce(&Self, &Json) -> String) {
        if self.json {
            print_json(verb, answer);
        } else {
            let text = harmless(&text(self, &answer));
            if !text.is_empty() {
                emit(&format!("{}\n", text.trim_end_matches('\n')));
            }
        }
    }

    /// A line for the person, beside the data.
    pub fn say(&self, text: &str) {
        if !self.json {
            eprintln!("{}", harmless(text));
        }
    }
}

/// Text without what a terminal would take for a command: an entry of another device may hold
/// anything.
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Writes to stdout; a reader that has gone away (`muster log | head`) is no failure.
pub fn emit(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    if out
        .write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_err()
    {
        std::process::exit(0);
    }
}

fn print_json(verb: &str, answer: Json) {
    let mut object = serde_json::Map::new();
    object.insert("schema".into(), format!("muster.{verb}/1").into());
    if let Json::Object(fields) = answer {
        object.extend(fields);
    }
    emit(&format!("{}\n", Json::Object(object)));
}

fn main() -> ExitCode {
    run::rest::no_dumps();
    let given: Vec<String> = std::env::args_os()
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let words = Words::new(Lang::detect(&given));
    let matches = match args::command(&words).try_get_matches_from(std::env::args_os()) {
        Ok(matches) => matches,
        Err(e) => {
            if e.use_stderr() && given.iter().any(|a| a == "--json") {
                let usage = Failure::new("usage", exit::USAGE).with("why", e.kind());
                emit(&format!("{}\n", usage.json("error")));
            }
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { exit::USAGE } else { 0 });
        }
    };
    let json = matches.get_flag("json");
    let (verb, path) = verb_path(&matches);
    let mut words = words;
    let outcome = settings(&matches).and_then(|settings| {
        let named = settings
            .lang
            .as_ref()
            .and_then(|l| Lang::from_tag(&l.value));
        if let Some(lang) = named.filter(|l| *l != words.lang && !Lang::is_told(&given)) {
            words = Words::new(lang);
        }
        let plain = matches.get_flag("plain");
        let context = Context {
            words: &words,
            settings: &settings,
            all: &matches,
            json,
            plain,
        };
        start(&context, &verb)
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            if json {
                emit(&format!("{}\n", failure.json(&path)));
            }
            eprintln!("{}", harmless(&failure.text(&words)));
            ExitCode::from(failure.error.exit)
        }
    }
}

/// The verb's words, innermost matches last, and their dotted path.
fn verb_path(matches: &ArgMatches) -> (Vec<String>, String) {
    let mut verb = Vec::new();
    let mut at = matches;
    while let Some((name, inner)) = at.subcommand() {
        verb.push(name.to_owned());
        at = inner;
    }
    let path = verb.join(".");
    (verb, path)
}

fn innermost(matches: &ArgMatches) -> &ArgMatches {
    let mut inner = matches;
    while let Some((_, deeper)) = inner.subcommand() {
        inner = deeper;
    }
    inner
}

fn settings(matches: &ArgMatches) -> Outcome<Settings> {
    Settings::read(matches, innermost(matches))
}

fn start(context: &Context<'_>, verb: &[String]) -> Outcome<u8> {
    run::logging(
        context.settings,
        verb.first().map(String::as_str) == Some("daemon"),
    )?;
    let verb: Vec<&str> = verb.iter().map(String::as_str).collect();
    run::dispatch(context, &verb, innermost(context.all))
}

impl From<serde_json::Error> for Failure {
    fn from(e: serde_json::Error) -> Self {
        Self::new("bad-answer", exit::FAILURE).with("why", e)
    }
}
