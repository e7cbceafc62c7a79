//! The person's language: which one, and the sentences in it.
//!
//! Sentences live in `locales/en.ftl` and `locales/fr.ftl` (Fluent); a test holds their keys and
//! arguments against each other. Codes and JSON are never translated.

use std::borrow::Cow;

use fluent_bundle::{
    FluentArgs, FluentResource, FluentValue,
    concurrent::FluentBundle,
    types::{FluentNumber, FluentNumberOptions},
};
use muster_model::table::Label;

/// A language this program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// English.
    En,
    /// French.
    Fr,
}

/// Arguments that count something, and are written as numbers are in the language. Others are names,
/// places in a log, or what somebody typed, and stay as they are: a device may be called 2024.
const COUNTS: [&str; 26] = [
    "bad",
    "count",
    "entries",
    "filtered",
    "found",
    "gaps",
    "header",
    "heard",
    "hours",
    "imported",
    "kept",
    "kib",
    "known",
    "len",
    "limit",
    "logs",
    "lost",
    "most",
    "new",
    "refused",
    "repeated",
    "row",
    "rows",
    "seconds",
    "there",
    "unchanged",
];

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
        if lang == Lang::Fr {
            bundle.set_formatter(Some(|value, _| match value {
                FluentValue::Number(n) if n.options.use_grouping => Some(french(&n.as_string())),
                _ => None,
            }));
        }
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
            let counts = COUNTS.contains(name);
            // Whole numbers choose plural forms; everything else is text, "05" as well.
            let value = match value.parse::<i64>() {
                Ok(n) if value.len() < 12 && n.to_string() == *value => {
                    let options = FluentNumberOptions {
                        use_grouping: counts,
                        ..FluentNumberOptions::default()
                    };
                    FluentValue::Number(FluentNumber::new(n as f64, options))
                }
                _ if counts => FluentValue::from(self.number(value)),
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

    /// A number as it is written in this language, from digits with a point. English groups nothing:
    /// a comma would be read back as the one before decimals.
    pub fn number(&self, plain: &str) -> String {
        match self.lang {
            Lang::En => plain.to_owned(),
            Lang::Fr => french(plain),
        }
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

/// Groups of three digits with narrow no-break spaces between them, a comma before the decimals. What
/// is no number stays as it is.
fn french(plain: &str) -> String {
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", plain),
    };
    let (whole, part) = match digits.split_once('.') {
        Some((whole, part)) => (whole, Some(part)),
        None => (digits, None),
    };
    let is_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !part.is_none_or(is_digits) {
        return plain.to_owned();
    }
    let mut out = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    if let Some(part) = part {
        out.push(',');
        out.push_str(part);
    }
    out
}

/// Builds the argument list of [`Words::with`].
#[macro_export]
macro_rules! args {
    ($($name:literal = $value:expr),* $(,)?) => {
        &[$(($name, std::borrow::Cow::from($value.to_string()))),*]
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn french_numbers_have_their_spaces_and_comma() {
        for (plain, wanted) in [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1\u{202f}000"),
            ("-1234567.25", "-1\u{202f}234\u{202f}567,25"),
            ("0.5", "0,5"),
            ("12a", "12a"),
            ("1.", "1."),
            ("2026-11-24", "2026-11-24"),
            ("", ""),
        ] {
            assert_eq!(french(plain), wanted, "{plain:?}");
        }
        assert_eq!(Words::new(Lang::En).number("1234.5"), "1234.5");
    }

    #[test]
    fn sentences_group_what_counts_and_nothing_else() {
        let (en, fr) = (Words::new(Lang::En), Words::new(Lang::Fr));
        let args = args![
            "rows" = 12_345,
            "imported" = 1_000,
            "unchanged" = 0,
            "filtered" = 0,
            "repeated" = 0,
            "refused" = 7
        ];
        let said = fr.with("said-imported", args);
        assert!(
            said.contains("12\u{202f}345") && said.contains("1\u{202f}000"),
            "{said}"
        );
        let said = en.with("said-imported", args);
        assert!(said.contains("12345") && said.contains("1000"), "{said}");
        // A name of digits is a name.
        let said = fr.with(
            "said-row-refused",
            args!["row" = 2024, "column" = 2024, "why" = 2024],
        );
        assert_eq!(said.matches("2\u{202f}024").count(), 1, "{said}");
        assert_eq!(said.matches("2024").count(), 2, "{said}");
        let said = en.with(
            "said-checkout",
            args!["who" = "007", "time" = "", "hours" = 2, "minutes" = "05"],
        );
        assert!(said.contains("007") && said.contains("2 h 05"), "{said}");
        // Plural forms are chosen by the number.
        let one = fr.with(
            "said-bundle-export",
            args!["entries" = 1, "file" = "f", "kib" = 1],
        );
        let many = fr.with(
            "said-bundle-export",
            args!["entries" = 2_000, "file" = "f", "kib" = 1],
        );
        assert!(one.starts_with("Une entrée écrite"), "{one}");
        assert!(many.starts_with("2\u{202f}000 entrées écrites"), "{many}");
        let said = fr.with("demo-done", args!["seconds" = "3.2"]);
        assert!(said.contains("3,2"), "{said}");
    }
}
