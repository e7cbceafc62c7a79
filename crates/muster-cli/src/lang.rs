//! The person's language: which one, and the sentences in it.
//!
//! Sentences live in `locales/en.ftl` and `locales/fr.ftl` (Fluent); a test holds their keys and
//! arguments against each other. Codes and JSON are never translated.

use std::borrow::Cow;

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use muster_model::table::Label;

/// A language this program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// English.
    En,
    /// French.
    Fr,
}

/// The English sentences.
pub const EN: &str = include_str!("../locales/en.ftl");
/// The French sentences.
pub const FR: &str = include_str!("../locales/fr.ftl");

impl Lang {
    /// Parses a tag such as `fr`, `fr_CA.UTF-8`.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let tag = tag.trim().to_ascii_lowercase();
        match tag.split(['-', '_', '.', '@']).next() {
            Some("fr") => Some(Self::Fr),
            Some("en" | "c" | "posix") => Some(Self::En),
            _ => None,
        }
    }

    /// The language of this run: `--lang`, then `MUSTER_LANG`, then the locale, then English.
    pub fn detect(args: &[String]) -> Self {
        let mut from_args = None;
        for (at, arg) in args.iter().enumerate() {
            if arg == "--" {
                break;
            }
            if arg == "--lang" {
                from_args = args.get(at + 1).cloned();
            } else if let Some(value) = arg.strip_prefix("--lang=") {
                from_args = Some(value.to_owned());
            }
        }
        let env = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let locale = env("LC_ALL")
            .or_else(|| env("LC_MESSAGES"))
            .or_else(|| env("LANG"));
        [from_args, env("MUSTER_LANG"), locale]
            .into_iter()
            .flatten()
            .find_map(|tag| Self::from_tag(&tag))
            .unwrap_or(Self::En)
    }

    /// Whether the command line or `MUSTER_LANG` says which language: then no file does.
    pub fn is_told(args: &[String]) -> bool {
        args.iter()
            .any(|a| a == "--lang" || a.starts_with("--lang="))
            || std::env::var("MUSTER_LANG").is_ok_and(|v| Self::from_tag(&v).is_some())
    }

    /// The label of this language.
    pub fn label(self, label: Label) -> &'static str {
        match self {
            Self::En => label.en,
            Self::Fr => label.fr,
        }
    }
}

/// The sentences of one language.
pub struct Words {
    /// Which language.
    pub lang: Lang,
    bundle: FluentBundle<FluentResource>,
}

impl Words {
    /// Loads a language.
    pub fn new(lang: Lang) -> Self {
        let (tag, source) = match lang {
            Lang::En => ("en", EN),
            Lang::Fr => ("fr", FR),
        };
        let id = tag.parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        // Direction marks around arguments would end up in scripts and on paper.
        bundle.set_use_isolating(false);
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(r, errors)| {
            tracing::error!(?errors, tag, "a sentence file has errors");
            r
        });
        if let Err(errors) = bundle.add_resource(resource) {
            tracing::error!(?errors, tag, "a sentence is defined twice");
        }
        Self { lang, bundle }
    }

    /// A sentence without arguments.
    pub fn t(&self, key: &str) -> String {
        self.with(key, &[])
    }

    /// A sentence with arguments. A missing key shows itself: the tests find it.
    pub fn with(&self, key: &str, args: &[(&str, Cow<'_, str>)]) -> String {
        let mut fluent = FluentArgs::new();
        for (name, value) in args {
            // Whole numbers choose plural forms; everything else is text.
            let value = match value.parse::<i64>() {
                Ok(n) if value.len() < 12 => FluentValue::from(n),
                _ => FluentValue::from(value.to_string()),
            };
            fluent.set((*name).to_owned(), value);
        }
        let Some(pattern) = self.bundle.get_message(key).and_then(|m| m.value()) else {
            return format!("⟨{key}⟩");
        };
        let mut errors = Vec::new();
        self.bundle
            .format_pattern(pattern, Some(&fluent), &mut errors)
            .into_owned()
    }

    /// What stands between a label and its value: French puts a no-break space before a colon.
    pub fn colon(&self) -> &'static str {
        match self.lang {
            Lang::En => ": ",
            Lang::Fr => "\u{a0}: ",
        }
    }

    /// Whether there is a sentence of this name.
    pub fn has(&self, key: &str) -> bool {
        self.bundle.has_message(key)
    }
}

/// Builds the argument list of [`Words::with`].
#[macro_export]
macro_rules! args {
    ($($name:literal = $value:expr),* $(,)?) => {
        &[$(($name, std::borrow::Cow::from($value.to_string()))),*]
    };
}
