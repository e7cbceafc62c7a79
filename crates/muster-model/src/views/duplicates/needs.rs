//! Needs that look the same: near one another, of one category, at about the same time, in the same
//! words. Two families on one street may need the same; a person decides.

use std::collections::BTreeSet;

use muster_log::ids::ObjectId;

use super::{Candidate, Pair};
use crate::{
    state::{Object, State},
    table::kinds,
    text,
    views::near,
};

const LEAST: u32 = 800;
const HOUR: i64 = 3_600_000;
/// 0.01 degrees, about a kilometre, in 1e-7 degrees.
const CELL: i64 = 100_000;
/// Nearer than this two reports may be of one thing.
const NEAR_M: f64 = 300.0;

/// What of a need is compared.
#[derive(Debug, Clone)]
pub struct Need {
    id: ObjectId,
    point: Option<(i32, i32)>,
    category: Option<String>,
    at: i64,
    words: BTreeSet<String>,
    text: String,
}

impl Need {
    /// Reads one that is not closed as something else already.
    pub fn read(state: &State, id: ObjectId, object: &Object) -> Option<Self> {
        if object.kind() != Some(kinds::NEED)
            || object.code("closed_as").as_deref() == Some("duplicate")
        {
            return None;
        }
        let title = object.text("title").unwrap_or_default();
        let description = object.text("description").unwrap_or_default();
        let text = text::fold(&format!("{title} {description}"));
        let category = object.text("category").map(|c| text::fold(&c));
        let of_category: BTreeSet<&str> = category.iter().flat_map(|c| c.split('-')).collect();
        let words = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|w| w.chars().count() >= 3 && !of_category.contains(w))
            .map(str::to_owned)
            .collect();
        let born = object.birth().map_or(0, |b| b.claimed.0);
        Some(Self {
            id,
            point: near::point_of(state, object),
            category: category
                .clone()
                .or_else(|| object.code("sector"))
                .filter(|c| !c.is_empty()),
            at: object.time("occurred").map_or(born, |t| t.0),
            words,
            text,
        })
    }

    fn shared(&self, other: &Self) -> f64 {
        let both = self.words.intersection(&other.words).count();
        let all = self.words.union(&other.words).count();
        if all == 0 {
            0.0
        } else {
            both as f64 / all as f64
        }
    }
}

impl Candidate for Need {
    fn id(&self) -> ObjectId {
        self.id
    }

    /// The cells of four grids shifted against one another, so that near points share one; and the words.
    fn keys(&self) -> Vec<String> {
        let mut out = Vec::new();
        let category = self.category.as_deref().unwrap_or_default();
        if let Some((lat, lon)) = self.point {
            for (grid, (d_lat, d_lon)) in [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().enumerate() {
                let cell = |n: i32, d: i64| (i64::from(n) + d * CELL / 2).div_euclid(CELL);
                let (y, x) = (cell(lat, d_lat), cell(lon, d_lon));
                out.push(format!("c{grid} {y} {x} {category}"));
            }
        }
        if self.words.len() >= 4 {
            let all: Vec<&str> = self.words.iter().map(String::as_str).collect();
            out.push(format!("w{}", all.join(" ")));
            let said: Vec<&str> = self.text.split('-').collect();
            if said.len() >= 6 {
                let (head, tail) = (said.iter().take(6), said.iter().rev().take(6));
                out.push(format!("h{}", head.copied().collect::<Vec<_>>().join(" ")));
                out.push(format!("t{}", tail.copied().collect::<Vec<_>>().join(" ")));
            }
        }
        out
    }

    fn order(&self) -> String {
        format!(
            "{:020} {}",
            self.at.wrapping_sub(i64::MIN) as u64,
            self.text
        )
    }

    fn compare(&self, other: &Self) -> Option<Pair> {
        let mut reasons = Vec::new();
        let words = self.shared(other);
        let category = self.category.is_some() && self.category == other.category;
        let apart = self.at.abs_diff(other.at);
        let soon = apart <= 72 * HOUR.unsigned_abs();
        let at_once = apart <= 6 * HOUR.unsigned_abs();
        // Where nobody wrote more than the category, only the moment tells two reports apart.
        let words = match (self.words.is_empty() && other.words.is_empty(), at_once) {
            (true, true) => 0.5,
            (true, false) => 0.0,
            _ => words,
        };
        let mut score = match (self.point, other.point) {
            (Some(a), Some(b)) => {
                let metres = near::metres(a, b);
                // People go on needing the same in the same place: days later it is another need.
                if metres > NEAR_M || !soon {
                    return None;
                }
                reasons.push("place");
                // A place that many reports share is often the middle of a town: words must agree too.
                0.5 - 0.1 * metres / NEAR_M + 0.45 * words
            }
            _ if self.words.len() >= 4 => 0.85 * words,
            _ => return None,
        };
        if category {
            reasons.push("category");
            score += 0.1;
        }
        if soon {
            reasons.push("time");
            score += 0.05;
        }
        if words >= 0.6 {
            reasons.push("words");
        }
        let long_ago = apart > 14 * 24 * HOUR.unsigned_abs();
        let score = score - if long_ago { 0.15 } else { 0.0 };
        Pair::of(self.id, other.id, score, LEAST, reasons)
    }
}
