//! People who look the same: by name, telephone, mail, badge. A telephone alone says little: families
//! and whole streets share one.

use muster_log::ids::ObjectId;

use super::{Candidate, Pair, names};
use crate::{state::Object, table::kinds, text};

/// Least score of a proposal, per mille.
const LEAST: u32 = 720;
/// Digits at the end of a telephone number by which two are the same, with or without a country code.
const DIGITS: usize = 8;

/// What of a person is compared.
#[derive(Debug, Clone)]
pub struct Person {
    id: ObjectId,
    names: Vec<Vec<String>>,
    phone: Option<String>,
    email: Option<String>,
    badge: Option<String>,
    area: Option<String>,
}

/// The end of a telephone number, without what people put between digits.
fn phone(given: &str) -> Option<String> {
    let digits: String = given.chars().filter(char::is_ascii_digit).collect();
    let start = digits.len().checked_sub(DIGITS)?;
    digits.get(start..).map(str::to_owned)
}

impl Person {
    /// Reads one.
    pub fn read(id: ObjectId, object: &Object) -> Option<Self> {
        if object.kind() != Some(kinds::VOLUNTEER) {
            return None;
        }
        let folded = |name: &str| object.text(name).map(|t| text::fold(&t));
        let all = ["name", "also_called"].into_iter();
        let names = all
            .filter_map(|field| object.text(field))
            .map(|name| names::words(&name))
            .filter(|words| !words.is_empty())
            .collect();
        Some(Self {
            id,
            names,
            phone: object.text("phone").as_deref().and_then(phone),
            email: folded("email").filter(|e| e.contains('@')),
            badge: folded("badge").filter(|b| !b.is_empty()),
            area: folded("home_area").filter(|a| !a.is_empty()),
        })
    }

    #[cfg(test)]
    pub(super) fn named(id: ObjectId, name: &str) -> Self {
        Self {
            id,
            names: vec![names::words(name)],
            phone: None,
            email: None,
            badge: None,
            area: None,
        }
    }

    #[cfg(test)]
    pub(super) fn set_phone(&mut self, given: Option<&str>) {
        self.phone = given.and_then(phone);
    }

    fn name_score(&self, other: &Self) -> f64 {
        let pairs = self
            .names
            .iter()
            .flat_map(|a| other.names.iter().map(move |b| (a, b)));
        pairs
            .map(|(a, b)| names::similarity(a, b))
            .fold(0.0, f64::max)
    }

    fn is_short(&self) -> bool {
        self.names.iter().all(|words| words.len() < 2)
    }
}

fn same(a: Option<&String>, b: Option<&String>) -> bool {
    a.is_some() && a == b
}

impl Candidate for Person {
    fn id(&self) -> ObjectId {
        self.id
    }

    /// Two of the words by their sound; one and the first letter of another; telephone, mail, badge.
    fn keys(&self) -> Vec<String> {
        let mut out = Vec::new();
        out.extend(self.phone.iter().map(|p| format!("p{p}")));
        out.extend(self.email.iter().map(|e| format!("e{e}")));
        out.extend(self.badge.iter().map(|b| format!("b{b}")));
        for words in &self.names {
            let sounds: Vec<String> = words
                .iter()
                .take(5)
                .map(|w| names::sound(names::long(w)))
                .collect();
            for (i, one) in sounds.iter().enumerate() {
                for (j, other) in sounds.iter().enumerate().filter(|(j, _)| *j != i) {
                    if i < j {
                        let (a, b) = (one.min(other), one.max(other));
                        out.push(format!("n{a} {b}"));
                    }
                    let first = other.get(..1).unwrap_or_default();
                    out.push(format!("i{one} {first}"));
                }
            }
            out.push(format!("w{}", words.concat()));
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    fn order(&self) -> String {
        let mut words: Vec<String> = self.names.first().cloned().unwrap_or_default();
        words.sort_unstable();
        words.join(" ")
    }

    fn compare(&self, other: &Self) -> Option<Pair> {
        let name = self.name_score(other);
        let mut reasons = Vec::new();
        let mut score: f64 = 0.0;
        if name >= 0.99 {
            reasons.push("name-same");
        } else if name >= 0.85 {
            reasons.push("name-alike");
        }
        let apart = self.phone.is_some() && other.phone.is_some() && self.phone != other.phone;
        if !(self.is_short() || other.is_short()) {
            score = name * 0.85 - if apart { 0.1 } else { 0.0 };
        }
        for (is, reason) in [
            (same(self.phone.as_ref(), other.phone.as_ref()), "phone"),
            (same(self.email.as_ref(), other.email.as_ref()), "email"),
        ] {
            if is {
                reasons.push(reason);
                score = score.max(0.4 + 0.6 * name);
            }
        }
        if same(self.badge.as_ref(), other.badge.as_ref()) {
            reasons.push("badge");
            score = score.max(0.9);
        }
        if same(self.area.as_ref(), other.area.as_ref()) {
            reasons.push("area");
            score += 0.03;
        }
        Pair::of(self.id, other.id, score, LEAST, reasons)
    }
}
