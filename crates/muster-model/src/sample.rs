//! A made-up operation of any size from a seed: for the demo, benches and tests.
//!
//! People, organisations and places are plainly invented: family names say so, telephone numbers
//! begin with +999, mail goes to example.org. Pure: the same seed and size give the same list.

mod words;

use muster_log::ids::Millis;

use self::words::{AREAS, FAMILIES, FIRSTS, NEEDS, NOTES, ORGANISATIONS, SITES, SKILLS, TASKS};
use crate::{
    table::{
        ASSIGNMENT_STATUS, Enumeration, LEVEL, NEED_STATUS, PRIORITY, SITE_KIND, TIMEFRAME, kinds,
    },
    value::time_text,
};

const HOUR: i64 = 3_600_000;

/// SplitMix64: small, seeded, good enough for samples.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is at least 1.
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(1);
        usize::try_from(self.bits() % limit).unwrap_or(0)
    }

    /// True in `percent` of cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T: ?Sized>(&mut self, list: &'a [&'a T]) -> Option<&'a T> {
        list.get(self.below(list.len())).copied()
    }

    fn word(&mut self, list: &'static [&'static str]) -> &'static str {
        self.pick(list).unwrap_or_default()
    }

    fn code(&mut self, list: &'static Enumeration) -> &'static str {
        list.values
            .get(self.below(list.values.len()))
            .map_or("", |v| v.0)
    }
}

/// What a sample field holds, as a person would give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// Input for [`crate::parse::changes`].
    Text(String),
    /// The object at this place of the list.
    Object(usize),
}

/// One sample object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Number of its kind.
    pub kind: u16,
    /// Its fields by name; a field may come several times (one slot each, say).
    pub fields: Vec<(&'static str, Given)>,
}

impl Sample {
    fn new(kind: u16) -> Self {
        Self {
            kind,
            fields: Vec::new(),
        }
    }

    fn with(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.fields.push((name, Given::Text(text.into())));
        self
    }

    fn at(mut self, name: &'static str, object: Option<usize>) -> Self {
        if let Some(object) = object {
            self.fields.push((name, Given::Object(object)));
        }
        self
    }
}

/// Makes about `size` objects, those referred to before those that refer: 2 in 100 organisations, 3
/// sites, 40 volunteers, 30 needs, 15 tasks, 10 assignments. Times lie in the week after `start`.
pub fn sample(seed: u64, size: usize, start: Millis) -> Vec<Sample> {
    let mut maker = Maker {
        random: Random::new(seed),
        start,
        out: Vec::with_capacity(size),
    };
    let share = |percent: usize| (size * percent / 100).max(1);
    let organisations = maker.run(share(2), Maker::organisation);
    let sites = maker.run(share(3), Maker::site);
    let volunteers = maker.run(share(40), |m, i| m.volunteer(i, organisations));
    let needs = maker.run(share(30), Maker::need);
    let tasks = maker.run(share(15), |m, i| m.task(i, needs, sites));
    maker.run(share(10), |m, i| m.assignment(i, tasks, volunteers));
    maker.out
}

/// Where the objects of a kind lie in the list.
#[derive(Clone, Copy)]
struct Run {
    first: usize,
    len: usize,
}

impl Run {
    fn pick(self, random: &mut Random) -> Option<usize> {
        (self.len > 0).then(|| self.first + random.below(self.len))
    }

    fn nth(self, at: usize) -> Option<usize> {
        (self.len > 0).then(|| self.first + at % self.len)
    }
}

struct Maker {
    random: Random,
    start: Millis,
    out: Vec<Sample>,
}

impl Maker {
    fn run(&mut self, len: usize, mut make: impl FnMut(&mut Self, usize) -> Sample) -> Run {
        let first = self.out.len();
        for at in 0..len {
            let one = make(self, at);
            self.out.push(one);
        }
        Run { first, len }
    }

    fn time(&mut self, hours: usize) -> i64 {
        let hours = i64::try_from(self.random.below(hours)).unwrap_or(0);
        self.start.0.saturating_add(hours * HOUR)
    }

    fn person(&mut self) -> String {
        format!(
            "{} {}",
            self.random.word(&FIRSTS),
            self.random.word(&FAMILIES)
        )
    }

    fn phone(&mut self) -> String {
        let n = self.random.below(100_000_000);
        format!(
            "+999 {:02} {:02} {:02} {:02}",
            n / 1_000_000,
            n / 10_000 % 100,
            n / 100 % 100,
            n % 100
        )
    }

    fn place(&mut self) -> String {
        // A rectangle of open sea, so that no sample lies on anybody's roof.
        let lat = 100_000 + self.random.below(90_000);
        let lon = 300_000 + self.random.below(90_000);
        format!(
            "{}.{:04},-{}.{:04}",
            lat / 10_000,
            lat % 10_000,
            lon / 10_000,
            lon % 10_000
        )
    }

    fn organisation(&mut self, at: usize) -> Sample {
        let contact = self.person();
        Sample::new(kinds::ORGANISATION)
            .with(
                "name",
                format!("{} {}", self.random.word(&ORGANISATIONS), at + 1),
            )
            .with("kind", self.random.code(&crate::table::ORGANISATION_KIND))
            .with("contact", contact)
    }

    fn site(&mut self, at: usize) -> Sample {
        let place = self.place();
        Sample::new(kinds::SITE)
            .with("name", format!("{} {}", self.random.word(&SITES), at + 1))
            .with("kind", self.random.code(&SITE_KIND))
            .with("place", place)
            .with("area", self.random.word(&AREAS))
            .with("capacity", (20 + self.random.below(400)).to_string())
    }

    fn volunteer(&mut self, at: usize, organisations: Run) -> Sample {
        let name = self.person();
        let phone = self.phone();
        let mut one = Sample::new(kinds::VOLUNTEER)
            .with("name", name)
            .with("phone", phone)
            .with("email", format!("person{at}@example.org"))
            .with(
                "languages",
                self.random
                    .word(&["fr", "en", "fr, en", "ht, fr", "es, en", "ar, fr"]),
            )
            .with("home_area", self.random.word(&AREAS))
            .with(
                "transport",
                self.random
                    .word(&["car", "foot", "bicycle", "public", "van"]),
            )
            .with(
                "status",
                self.random.word(&["registered", "active", "standing-by"]),
            )
            .with("from_home", self.random.word(&["no", "no", "also", "only"]));
        for _ in 0..1 + self.random.below(2) {
            let (skill, level) = (self.random.word(&SKILLS), self.random.code(&LEVEL));
            one = one.with("skills", format!("skill={skill}; level={level}"));
        }
        if self.random.chance(30) {
            one = one.at("organisation", organisations.pick(&mut self.random));
        }
        if self.random.chance(20) {
            one = one.with(
                "clearance",
                self.random.word(&["cleared", "cleared", "limited"]),
            );
        }
        one
    }

    fn need(&mut self, _at: usize) -> Sample {
        let area = self.random.word(&AREAS);
        let (title, sector, item) = NEEDS
            .get(self.random.below(NEEDS.len()))
            .copied()
            .unwrap_or_default();
        let people = 1 + self.random.below(300);
        let reporter = self.person();
        let place = self.place();
        let occurred = self.time(100);
        Sample::new(kinds::NEED)
            .with("title", format!("{title} - {area}"))
            .with("description", self.random.word(&NOTES))
            .with("sector", sector)
            .with("area", area)
            .with("place", place)
            .with("people_affected", people.to_string())
            .with("priority", self.random.code(&PRIORITY))
            .with("timeframe", self.random.code(&TIMEFRAME))
            .with("status", self.random.code(&NEED_STATUS))
            .with("reporter", reporter)
            .with(
                "source",
                self.random.word(&["phone", "walk-in", "sms", "radio"]),
            )
            .with("occurred", time_text(Millis(occurred)))
            .with("lines", format!("item={item}; quantity={}", people * 2))
    }

    fn task(&mut self, at: usize, needs: Run, sites: Run) -> Sample {
        let from = self.time(150);
        let length = 2 + i64::try_from(self.random.below(8)).unwrap_or(0);
        let title = self.random.word(&TASKS);
        let mut one = Sample::new(kinds::TASK)
            .with("title", format!("{title} {}", at + 1))
            .with("instructions", self.random.word(&NOTES))
            .with("area", self.random.word(&AREAS))
            .with("priority", self.random.code(&PRIORITY))
            .with("from", time_text(Millis(from)))
            .with("to", time_text(Millis(from + length * HOUR)))
            .with(
                "status",
                self.random
                    .word(&["open", "open", "assigned", "in-progress"]),
            )
            .at("needs", needs.pick(&mut self.random))
            .at("site", sites.pick(&mut self.random));
        for _ in 0..1 + self.random.below(3) {
            let skill = self.random.word(&SKILLS);
            let wanted = 1 + self.random.below(6);
            one = one.with("slots", format!("skill={skill}; wanted={wanted}"));
        }
        one
    }

    fn assignment(&mut self, at: usize, tasks: Run, volunteers: Run) -> Sample {
        Sample::new(kinds::ASSIGNMENT)
            .at("task", tasks.pick(&mut self.random))
            .at("volunteer", volunteers.nth(at))
            .with("status", self.random.code(&ASSIGNMENT_STATUS))
    }
}

#[cfg(test)]
mod tests;
