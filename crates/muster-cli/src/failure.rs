//! What ends a command: a code for the shell, and a sentence with what, where, why and what next.

use std::{collections::BTreeMap, fmt::Display};

use muster_node::{
    api::{ApiError, exit},
    error::NodeError,
};
use serde_json::{Value as Json, json};

use crate::lang::Words;

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
        let key = format!("error-{}", self.error.code);
        let key = if words.has(&key) {
            key
        } else {
            "error-other".to_owned()
        };
        let mut args: BTreeMap<String, String> = self.error.args.clone();
        args.entry("code".to_owned())
            .or_insert_with(|| self.error.code.clone());
        let args: Vec<_> = args
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str().into()))
            .collect();
        let mut text = words.with(&key, &args);
        let hint = format!("hint-{}", self.error.code);
        if words.has(&hint) {
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
