//! A rateless invertible Bloom lookup table, after Yang, Gilad and Alizadeh ("Practical Rateless Set
//! Reconciliation", SIGCOMM 2024), over 48-bit symbols of (log, count, head) with checks of 32 bits.

use std::collections::BTreeMap;

use muster_log::ids::LogId;

use crate::world::{Cost, Logs, World, head, tell};

/// Symbol, check and count on the wire.
const CELL: usize = 6 + 4 + 1;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Cell {
    sum: u64,
    check: u64,
    count: i64,
}

fn check(symbol: u64) -> u64 {
    let hash = blake3::hash(&symbol.to_le_bytes());
    u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap()) & 0xffff_ffff
}

/// In which cells a symbol is: each, with a share that falls as 1 / (1 + i / 2).
struct Places {
    chance: u64,
    at: f64,
}

impl Places {
    fn of(symbol: u64) -> Self {
        let chance = symbol ^ check(symbol) << 17 | 1;
        Self { chance, at: 0.0 }
    }

    fn next(&mut self) -> usize {
        let now = self.at as usize;
        self.chance = self.chance.wrapping_mul(0xda94_2042_e4dd_58b5);
        let r = (self.chance >> 11) as f64 / (1u64 << 53) as f64;
        self.at += ((1.5 + self.at) * ((1.0 - r).powf(-0.5) - 1.0)).ceil();
        now
    }
}

fn symbol(log: &LogId, count: u64) -> u64 {
    let hash = blake3::keyed_hash(&[9; 32], &head(log, count).0);
    u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap()) >> 16
}

fn apply(cells: &mut [Cell], symbol: u64, sign: i64) {
    let check = check(symbol);
    let mut places = Places::of(symbol);
    loop {
        let Some(cell) = cells.get_mut(places.next()) else {
            return;
        };
        cell.sum ^= symbol;
        cell.check ^= check;
        cell.count += sign;
    }
}

fn encode(logs: &Logs, cells: usize) -> Vec<Cell> {
    let mut out = vec![Cell::default(); cells];
    for (log, count) in logs {
        apply(&mut out, symbol(log, *count), 1);
    }
    out
}

/// Peels so many cells; whether nothing is left.
fn peel(difference: &[Cell], cells: usize) -> bool {
    let mut cells = difference[..cells].to_vec();
    let mut at = 0;
    while at < cells.len() {
        let cell = cells[at];
        if cell.count.abs() == 1 && check(cell.sum) == cell.check {
            apply(&mut cells, cell.sum, -cell.count);
            at = 0;
        } else {
            at += 1;
        }
    }
    cells.iter().all(|c| *c == Cell::default())
}

pub fn agree(world: &World) -> Cost {
    Cost::of(|cost| {
        // The stream is cut where it decodes: found by halving, which a receiver need not do.
        let most = 64 + 2 * 2 * world.differ as usize;
        let [a, b] = world.sides.each_ref().map(|side| encode(side, most));
        let difference: Vec<Cell> = a
            .iter()
            .zip(&b)
            .map(|(a, b)| Cell {
                sum: a.sum ^ b.sum,
                check: a.check ^ b.check,
                count: a.count - b.count,
            })
            .collect();
        let mut tried = BTreeMap::new();
        let (mut low, mut high) = (1, most);
        while low < high {
            let middle = (low + high) / 2;
            match *tried
                .entry(middle)
                .or_insert_with(|| peel(&difference, middle))
            {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        assert!(peel(&difference, high), "not decoded");
        cost.say(high * CELL);
        tell(cost, world);
    })
}
