//! The side that is told what differs, and answers what the other could not know.
//!
//! What it does not answer counts: of a log that was named because its bucket was named whole, that
//! both have the same; of any other that was named as it is there, that more is here.

use crate::ids::LogId;

use super::{
    find::here,
    talk::{Broken, Finding, HashAt, Heard, Part, Theirs},
    tell::{Ahead, Here, Place},
    view::{Element, Mark, State, View},
};

/// Logs that may share a place; more by chance there never are.
pub(super) const SHARED: usize = 16;

impl View {
    /// What a log's beginning hashes to that is as long as what is there.
    fn beginning(&self, log: &LogId, there: &Here, hash_at: HashAt<'_>) -> Option<Mark> {
        let head = there.last().and_then(|seq| hash_at(log, seq))?;
        let count = there.count;
        Some(self.key.mark(&State::Plain { count, head }))
    }

    /// Whether a log here is as long as what is there, and begins otherwise.
    pub(super) fn parted(&self, log: &LogId, there: &Here, hash_at: HashAt<'_>) -> bool {
        let mark = self.beginning(log, there, hash_at);
        mark.is_some_and(|mark| mark.short != there.short)
    }
}

/// A look at what is here, to compare with.
struct Look<'a> {
    view: &'a View,
    hash_at: HashAt<'a>,
}

impl Look<'_> {
    /// Whether a log here begins with what is there, and what that hashes to.
    fn holds(&self, log: &LogId, there: &Here) -> Option<Mark> {
        let mark = self.view.beginning(log, there, self.hash_at)?;
        (mark.short == there.short).then_some(mark)
    }
}

/// How many entries a plain log has.
fn plain(element: &Element) -> Option<u64> {
    match element.state {
        State::Plain { count, .. } => Some(count),
        State::Other(_) => None,
    }
}

impl Heard {
    pub(super) fn take(&mut self, view: &View, part: &Part) -> Result<(), Broken> {
        let tell = &part.tell;
        self.whole.extend(tell.whole.iter().copied());
        for ahead in &tell.ahead {
            self.once(ahead.place)?;
            self.is_ahead(view, ahead);
        }
        for there in &tell.here {
            // Judged in the end, when all that share a place are known.
            let group = self.there.entry(there.place).or_default();
            group.push(*there);
            if group.len() > SHARED {
                return Err(Broken::Tell);
            }
        }
        for place in &tell.none {
            self.once(*place)?;
            let logs = view.at(*place).iter().map(|e| e.log);
            logs.for_each(|log| self.found(log, Theirs::Nothing));
        }
        for place in &tell.odd {
            self.once(*place)?;
            let logs = view.at(*place).iter().map(|e| e.log);
            logs.filter(|log| !part.heads.contains(log))
                .for_each(|log| self.found(log, Theirs::Nothing));
            self.in_full(view, *place);
        }
        Ok(())
    }

    /// After the last part.
    pub(super) fn end(&mut self, view: &View, hash_at: HashAt<'_>) {
        let look = Look { view, hash_at };
        let all = std::mem::take(&mut self.there);
        for (place, there) in &all {
            // Elsewhere too would be twice.
            if self.named.contains(place) {
                continue;
            }
            match (view.at(*place), &there[..]) {
                ([element], [there]) if plain(element).is_some() => {
                    self.is_there(&look, element, there);
                }
                (logs, there) => self.are_there(&look, *place, logs, there),
            }
        }
        // What was not named of a bucket that was named whole is not there.
        for bucket in std::mem::take(&mut self.whole) {
            for element in view.bucket(bucket) {
                let place = view.place(element);
                if !self.named.contains(&place) && !all.contains_key(&place) {
                    self.found(element.log, Theirs::Nothing);
                }
            }
        }
    }

    /// Nobody names a place twice.
    fn once(&mut self, place: Place) -> Result<(), Broken> {
        match self.named.insert(place) {
            true => Ok(()),
            false => Err(Broken::Tell),
        }
    }

    fn found(&mut self, log: LogId, theirs: Theirs) {
        self.findings.push(Finding { log, theirs });
    }

    /// Answers with heads in full of all that is here at a place.
    fn in_full(&mut self, view: &View, place: Place) {
        match view.at(place) {
            [] => self.answer.none(place),
            logs => self.answer.odd(place, logs.iter().map(|e| e.log)),
        }
    }

    fn is_ahead(&mut self, view: &View, ahead: &Ahead) {
        let place = ahead.place;
        let logs = view.at(place);
        if logs.is_empty() && ahead.check == Mark::NOTHING.check {
            return;
        }
        let mut right = logs.iter().filter(|e| e.mark.check == ahead.check);
        if let (Some(element), None) = (right.next(), right.next()) {
            return self.found(element.log, Theirs::More);
        }
        // A wrong guess.
        match logs {
            [element] => match here(place, element) {
                Some(here) => self.answer.here(here),
                None => self.in_full(view, place),
            },
            _ => self.in_full(view, place),
        }
    }

    /// One log here, one there: the same, by all chances.
    fn is_there(&mut self, look: &Look<'_>, element: &Element, there: &Here) {
        let (place, log) = (there.place, element.log);
        let whole = self.whole.contains(&place.bucket());
        let Some(mine) = here(place, element) else {
            return self.in_full(look.view, place);
        };
        if mine == *there {
            if !whole {
                self.answer.here(mine);
            }
        } else if there.count > mine.count {
            self.found(log, Theirs::More);
            self.answer.here(mine);
        } else if let Some(mark) = look.holds(&log, there) {
            self.found(log, Theirs::Upto(there.count));
            if whole {
                let check = mark.check;
                self.answer.ahead(Ahead { place, check });
            }
        } else {
            // Two histories, or two logs: the other side sees which, and asks.
            self.in_full(look.view, place);
        }
    }

    /// Several logs at a place, or none here: each that is there is looked for in those here.
    fn are_there(&mut self, look: &Look<'_>, place: Place, logs: &[Element], there: &[Here]) {
        let whole = self.whole.contains(&place.bucket());
        let mut left: Vec<&Element> = logs.iter().collect();
        let mut all = left.len() == there.len();
        for there in there {
            let found = left
                .iter()
                .position(|e| look.holds(&e.log, there).is_some());
            let Some(element) = found.map(|at| left.swap_remove(at)) else {
                all = false;
                continue;
            };
            self.found(element.log, Theirs::Upto(there.count));
            match here(place, element) {
                Some(mine) if mine == *there => {}
                Some(_) if whole => {
                    let check = look.holds(&element.log, there).map(|mark| mark.check);
                    self.answer.ahead(Ahead {
                        place,
                        check: check.unwrap_or_default(),
                    });
                }
                Some(_) => {}
                None => all = false,
            }
        }
        if !all {
            self.in_full(look.view, place);
        }
    }
}
