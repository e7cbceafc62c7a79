//! A whole plan: open places and people, so that the sum of what the pairs are worth is greatest. The
//! assignment problem, solved by shortest augmenting paths with prices (Tomizawa 1971; Edmonds and Karp
//! 1972; sparse as in Jonker and Volgenant 1987). Each person gets one place at most.
//!
//! Each place brings its best [`BEST`] people alone. Up to so many places that loses nothing: were all
//! others better served, one of them would still be free.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use muster_log::ids::Millis;

use super::{Fit, Person, Place, fit};

/// So many people are kept for each place.
pub const BEST: usize = 64;
/// One step of priority is worth more than any reasons together.
const PRIORITY: i64 = 2_000;

/// What each row may take: columns, and what that is worth.
pub type Edges = Vec<Vec<(usize, i64)>>;

/// A plan: pairs in the order of the places, and how many places stay open.
pub fn plan(people: &[Person], places: &[Place], offset: i32, now: Millis) -> (Vec<Fit>, usize) {
    let mut by_skill: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, person) in people.iter().enumerate() {
        for skill in &person.skills {
            by_skill.entry(&skill.code).or_default().push(at);
        }
    }
    let everybody: Vec<usize> = (0..people.len()).collect();
    let (mut rows, mut fits): (Edges, Vec<BTreeMap<usize, Fit>>) = (Vec::new(), Vec::new());
    for place in places {
        let candidates = match &place.skill {
            Some(skill) => by_skill.get(skill.as_str()).map_or(&[][..], |c| c),
            None => &everybody,
        };
        let found = candidates.iter().filter_map(|at| {
            let person = people.get(*at)?;
            Some((*at, fit(person, place, offset, now).ok()?))
        });
        let mut found: Vec<(usize, Fit)> = found.collect();
        found.sort_by_key(|(_, f)| (Reverse(f.score), f.person));
        found.dedup_by_key(|(at, _)| *at);
        found.truncate(BEST.max(place.missing));
        let bonus = PRIORITY * (4 - i64::from(place.priority.min(3)));
        let row: Vec<_> = found
            .iter()
            .map(|(at, f)| (*at, bonus + i64::from(f.score)))
            .collect();
        for _ in 0..place.missing.min(people.len()) {
            rows.push(row.clone());
            fits.push(BTreeMap::new());
        }
        if let Some(last) = fits.last_mut().filter(|_| !row.is_empty()) {
            *last = found.into_iter().collect();
        }
    }
    let chosen = assign(&rows, people.len());
    let open = places.iter().map(|p| p.missing).sum::<usize>();
    let (mut out, mut known) = (Vec::new(), BTreeMap::new());
    // The rows of one place follow one another; its fits lie at the last.
    for (row, column) in chosen.iter().enumerate().rev() {
        if let Some(here) = fits.get(row).filter(|f| !f.is_empty()) {
            known = here.clone();
        }
        out.extend(column.and_then(|c| known.get(&c).cloned()));
    }
    out.reverse();
    let filled = out.len();
    (out, open.saturating_sub(filled))
}

/// For each row the column it takes, so that the sum is greatest; a row may go without, at 0.
pub fn assign(rows: &Edges, columns: usize) -> Vec<Option<usize>> {
    let all = columns + rows.len();
    let mut solver = Solver {
        rows,
        columns,
        price: vec![0; all],
        owner: vec![None; all],
        taken: vec![None; rows.len()],
        gain: vec![0; rows.len()],
        far: vec![i64::MAX; all],
        from: vec![0; all],
    };
    for row in 0..rows.len() {
        solver.place(row);
    }
    let taken = solver.taken.into_iter();
    taken.map(|c| c.filter(|c| *c < columns)).collect()
}

struct Solver<'a> {
    rows: &'a Edges,
    columns: usize,
    price: Vec<i64>,
    owner: Vec<Option<usize>>,
    taken: Vec<Option<usize>>,
    gain: Vec<i64>,
    far: Vec<i64>,
    from: Vec<usize>,
}

// Indices are rows and columns counted above: every one lies within.
#[allow(clippy::indexing_slicing)]
impl Solver<'_> {
    /// The columns of a row with their costs; the last is "none", at no cost, the row's own.
    fn edges(&self, row: usize) -> impl Iterator<Item = (usize, i64)> + '_ {
        let own = std::iter::once((self.columns + row, 0));
        let listed = self.rows[row].iter().filter(|(c, _)| *c < self.columns);
        listed.map(|(c, worth)| (*c, -worth)).chain(own)
    }

    /// Finds the cheapest way to give a row a column, moving others along it.
    fn place(&mut self, row: usize) {
        let least = self.edges(row).map(|(c, cost)| cost - self.price[c]).min();
        self.gain[row] = least.unwrap_or(0);
        let mut heap: BinaryHeap<Reverse<(i64, usize)>> = BinaryHeap::new();
        let (mut seen, mut done) = (Vec::new(), Vec::new());
        let (mut at, mut so_far) = (row, 0);
        let end = loop {
            let steps: Vec<(usize, i64)> = self.edges(at).collect();
            for (column, cost) in steps {
                let length = so_far + cost - self.gain[at] - self.price[column];
                if length < self.far[column] {
                    if self.far[column] == i64::MAX {
                        seen.push(column);
                    }
                    self.far[column] = length;
                    self.from[column] = at;
                    heap.push(Reverse((length, column)));
                }
            }
            let next = loop {
                match heap.pop() {
                    Some(Reverse((length, c))) if length > self.far[c] => {}
                    Some(Reverse((_, c))) => break c,
                    // The row's own column is always there.
                    None => break self.columns + row,
                }
            };
            match self.owner[next] {
                None => break next,
                Some(owner) => {
                    done.push(next);
                    (at, so_far) = (owner, self.far[next]);
                }
            }
        };
        let length = self.far[end];
        for column in done {
            let shorter = length - self.far[column];
            self.price[column] -= shorter;
            if let Some(owner) = self.owner[column] {
                self.gain[owner] += shorter;
            }
        }
        self.gain[row] += length;
        let mut column = end;
        loop {
            let by = self.from[column];
            self.owner[column] = Some(by);
            let before = self.taken[by].replace(column);
            match before {
                Some(before) if by != row => column = before,
                _ => break,
            }
        }
        for column in seen {
            self.far[column] = i64::MAX;
        }
    }
}
