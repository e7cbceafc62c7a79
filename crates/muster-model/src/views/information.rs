//! What people in camps and telecentres ask for: one text a language, which translations there are,
//! and which are missing.

use std::collections::{BTreeMap, BTreeSet};

use muster_log::ids::{Millis, ObjectId};

use crate::{
    state::{Object, State},
    table::kinds,
    text,
};

/// A text with its translations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The one that all others translate.
    pub id: ObjectId,
    /// The others, by language.
    pub translations: Vec<ObjectId>,
    /// Languages in which it can be read, as tags.
    pub languages: BTreeSet<String>,
    /// Anybody may read it.
    pub public: bool,
    /// Shown before everything else.
    pub pinned: bool,
}

impl Text {
    /// Whether it lacks a language; `fr` is there when `fr-CA` is.
    pub fn lacks(&self, tag: &str) -> bool {
        let wanted = tag.to_ascii_lowercase();
        !self.languages.iter().any(|have| {
            let have = have.to_ascii_lowercase();
            have == wanted
                || have
                    .strip_prefix(&wanted)
                    .is_some_and(|rest| rest.starts_with('-'))
        })
    }
}

fn original(objects: &BTreeMap<ObjectId, Object>, id: ObjectId) -> ObjectId {
    let mut seen = BTreeSet::from([id]);
    let mut at = id;
    while let Some(of) = objects.get(&at).and_then(|o| o.reference("translation_of")) {
        if !objects.contains_key(&of) {
            return at;
        }
        if !seen.insert(of) {
            return seen.first().copied().unwrap_or(id);
        }
        at = of;
    }
    at
}

/// All texts that can be read here and have not expired, pinned ones first, then by topic and title.
pub fn texts(state: &State, now: Millis) -> Vec<Text> {
    let objects: BTreeMap<ObjectId, Object> = state
        .of_kind(kinds::INFORMATION)
        .filter(|id| !state.index().is_alias(*id))
        .filter_map(|id| Some((id, state.object(id).filter(|o| !o.erased)?)))
        .filter(|(_, o)| o.time("expires").is_none_or(|at| at > now))
        .collect();
    let mut by_original: BTreeMap<ObjectId, Vec<ObjectId>> = BTreeMap::new();
    for id in objects.keys() {
        by_original
            .entry(original(&objects, *id))
            .or_default()
            .push(*id);
    }
    let language = |id: &ObjectId| objects.get(id).and_then(|o| o.code("language"));
    let mut out: Vec<Text> = by_original
        .into_iter()
        .map(|(id, all)| {
            let mut translations: Vec<ObjectId> =
                all.iter().copied().filter(|t| *t != id).collect();
            translations.sort_by_key(|t| (language(t), *t));
            let first = objects.get(&id);
            Text {
                id,
                translations,
                languages: all.iter().filter_map(language).collect(),
                public: first.and_then(|o| o.code("audience")).as_deref() == Some("public"),
                pinned: first.is_some_and(|o| o.is_true("pinned")),
            }
        })
        .collect();
    out.sort_by_cached_key(|t| {
        let of = |name: &str| objects.get(&t.id).and_then(|o| o.text(name));
        let word = |name: &str| text::fold(&of(name).unwrap_or_default());
        (!t.pinned, word("topic"), word("title"), t.id)
    });
    out
}
