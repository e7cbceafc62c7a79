//! What ends a command: a code for the shell, and a sentence with what, where, why and what next.

use std::{collections::BTreeMap, fmt::Display};

use muster_model::{
    table::{self, Field, FieldType},
    vocabulary::Vocabularies,
};
use muster_node::{
    api::{ApiError, exit},
    error::NodeError,
};
use serde_json::{Value as Json, json};

use crate::{lang::Words, render::values::integer};

/// A command that did not succeed.
#[derive(Debug)]
pub struct Failure {
    /// The refusal.
    pub error: ApiError,
}

/// What a command gives.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure by its code.
    pub fn new(code: &str, exit: u8) -> Self {
        Self {
            error: ApiError::new(code, exit),
        }
    }

    /// Adds something the sentence names.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Display) -> Self {
        self.error = self.error.with(name, value);
        self
    }

    /// A file that cannot be read or written.
    pub fn file(action: &str, path: &std::path::Path, why: &std::io::Error) -> Self {
        Self::new(&format!("cannot-{action}"), exit::FAILURE)
            .with("path", path.display())
            .with("why", why)
    }

    /// The sentence, and after it the next step where there is one.
    pub fn text(&self, words: &Words) -> String {
        let mut text = refusal_text(words, &self.error.code, &self.error.args, "error-");
        let hint = format!("hint-{}", self.error.code);
        if words.has(&hint) {
            let args: Vec<_> = self
                .error
                .args
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str().into()))
                .collect();
            text.push('\n');
            text.push_str(&words.with(&hint, &args));
        }
        text
    }

    /// The object for programs.
    pub fn json(&self, verb: &str) -> Json {
        json!({
            "schema": format!("muster.{verb}/1"),
            "error": self.error.code,
            "args": self.error.args,
            "details": self.error.details,
        })
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self { error }
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        Self {
            error: error.to_api(),
        }
    }
}

/// A refusal as a sentence: `prefix` and its code, else the error of that code, else a plain one.
pub fn refusal_text(
    words: &Words,
    code: &str,
    args: &BTreeMap<String, String>,
    prefix: &str,
) -> String {
    let mut args = args.clone();
    args.entry("code".to_owned())
        .or_insert_with(|| code.to_owned());
    let field = field_of(&args);
    if let Some(field) = field {
        args.insert("accepted".to_owned(), accepted(words, field));
        args.insert("field".to_owned(), words.lang.label(field.label).to_owned());
    }
    let keys = [
        format!("{prefix}{code}"),
        format!("error-{code}"),
        "error-other".to_owned(),
    ];
    let key = keys
        .iter()
        .find(|k| words.has(k))
        .map_or("error-other", String::as_str);
    let args: Vec<_> = args
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str().into()))
        .collect();
    words.with(key, &args)
}

fn field_of(args: &BTreeMap<String, String>) -> Option<&'static Field> {
    table::kind_named(args.get("of")?)?.named(args.get("field")?)
}

/// What a field accepts, in the person's language.
fn accepted(words: &Words, field: &Field) -> String {
    let join = |codes: Vec<&str>| codes.join(", ");
    match field.ty {
        FieldType::Enum(list) => join(list.values.iter().map(|(code, _)| *code).collect()),
        FieldType::Vocabulary(name) => match Vocabularies::builtin().get(name) {
            Some(vocabulary) => join(vocabulary.entries().map(|(code, _)| code).collect()),
            None => name.to_owned(),
        },
        FieldType::Integer(low, high) => {
            let [low, high] = [low, high].map(|n| integer(words, field, &n.to_string()));
            words.with("accepted-integer", crate::args!["low" = low, "high" = high])
        }
        ref other => words.t(&format!("accepted-{}", other.name())),
    }
}
