//! Plans against the best there is, on instances small enough to try all.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::{Edges, assign};
use crate::sample::Random;

/// The greatest sum, by trying every choice.
fn best(rows: &Edges, row: usize, used: &mut Vec<bool>) -> i64 {
    if row == rows.len() {
        return 0;
    }
    let mut most = best(rows, row + 1, used);
    for (column, worth) in &rows[row] {
        if !used[*column] {
            used[*column] = true;
            most = most.max(worth + best(rows, row + 1, used));
            used[*column] = false;
        }
    }
    most
}

#[test]
fn plans_are_the_best_there_is() {
    let mut random = Random::new(11);
    for case in 0..2_000 {
        let (places, people) = (1 + random.below(6), 1 + random.below(6));
        let rows: Edges = (0..places)
            .map(|_| {
                let all = 0..people;
                all.filter_map(|c| {
                    let worth = i64::try_from(1 + random.below(9)).unwrap();
                    random.chance(60).then_some((c, worth))
                })
                .collect()
            })
            .collect();
        let chosen = assign(&rows, people);
        let mut used = vec![false; people];
        let mut sum = 0;
        for (row, column) in chosen.iter().enumerate() {
            if let Some(column) = column {
                assert!(!std::mem::replace(&mut used[*column], true), "twice");
                sum += rows[row].iter().find(|(c, _)| c == column).unwrap().1;
            }
        }
        let wanted = best(&rows, 0, &mut vec![false; people]);
        assert_eq!(sum, wanted, "case {case}: {rows:?}");
    }
}
