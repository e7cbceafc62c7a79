//! What the store's tests share: a seeded source of bytes, a small workload, and the checks.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_store::fs::FileSystem;
use muster_store::fs::fault::FaultyFs;
use muster_store::journal::{Journal, JournalError, Options, Recovery};
use muster_store::{DataDir, DirError, PassphraseCost, Unlock};

pub const DIR: &str = "/data";
pub const SMALL: Options = Options {
    segment_bytes: 1200,
};
pub const CHEAP: PassphraseCost = PassphraseCost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};

/// SplitMix64.
#[derive(Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub fn fill(&mut self, buf: &mut [u8]) {
        for byte in buf {
            *byte = self.next().to_le_bytes()[0];
        }
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        self.fill(&mut out);
        out
    }
}

pub fn shared(fs: &FaultyFs) -> Arc<dyn FileSystem> {
    Arc::new(fs.clone())
}

pub fn create(fs: &FaultyFs, rng: &mut Rng) -> Result<DataDir, DirError> {
    let unlock = Unlock::DefaultKeyFile;
    DataDir::create(shared(fs), Path::new(DIR), &unlock, CHEAP, &mut |b| {
        rng.fill(b);
    })
}

pub fn open(fs: &FaultyFs) -> Result<DataDir, DirError> {
    DataDir::open(shared(fs), Path::new(DIR), &Unlock::DefaultKeyFile)
}

pub fn open_journal(fs: &FaultyFs) -> Result<(DataDir, Journal, Recovery), JournalError> {
    let dir = open(fs)?;
    let (journal, recovery) = Journal::open(&dir, SMALL)?;
    Ok((dir, journal, recovery))
}

/// All records, or the first error.
pub fn records(journal: &Journal) -> Result<Vec<Vec<u8>>, JournalError> {
    journal
        .scan(None)?
        .map(|item| item.map(|(_, record)| record))
        .collect()
}

/// What a workload has tried and what it was told is safe.
#[derive(Default, Clone)]
pub struct Ledger {
    pub tried: Vec<Vec<u8>>,
    /// So many of `tried` were acknowledged.
    pub acked: usize,
    /// The secret as last acknowledged, and as last tried.
    pub secret: (Option<u8>, Option<u8>),
}

/// Groups of records, each group synced; every third group also replaces a secret.
pub fn work(
    dir: &DataDir,
    journal: &mut Journal,
    rng: &mut Rng,
    groups: u8,
    ledger: &mut Ledger,
) -> Result<(), JournalError> {
    for group in 0..groups {
        for _ in 0..=rng.below(2) {
            let batch: Vec<Vec<u8>> = (0..=rng.below(2))
                .map(|_| {
                    let len = usize::try_from(1 + rng.below(260)).unwrap();
                    rng.bytes(len)
                })
                .collect();
            let slices: Vec<&[u8]> = batch.iter().map(Vec::as_slice).collect();
            ledger.tried.extend(batch.iter().cloned());
            let positions = journal.append(&slices, &mut |b| rng.fill(b))?;
            for (position, record) in positions.iter().zip(&batch) {
                assert_eq!(&journal.read(*position)?, record);
            }
        }
        journal.sync()?;
        ledger.acked = ledger.tried.len();
        if group % 3 == 2 {
            ledger.secret.1 = Some(group);
            dir.write_secret("counter", &[group], &mut |b| rng.fill(b))?;
            ledger.secret.0 = Some(group);
        }
    }
    Ok(())
}

/// Nothing acknowledged is missing, nothing is there that was not written, in order.
pub fn check(found: &[Vec<u8>], ledger: &Ledger, what: &str) {
    assert!(
        found.len() >= ledger.acked,
        "{what}: {} acknowledged, {} found",
        ledger.acked,
        found.len()
    );
    assert!(found.len() <= ledger.tried.len(), "{what}: too many");
    assert_eq!(found, &ledger.tried[..found.len()], "{what}: wrong data");
}

pub fn check_secret(dir: &DataDir, ledger: &Ledger, what: &str) {
    let found = dir.read_secret("counter").unwrap().map(|s| s[0]);
    assert!(
        found == ledger.secret.0 || found == ledger.secret.1,
        "{what}: the secret is {found:?}, not one of {:?}",
        ledger.secret
    );
}

pub fn journal_path(name: &str) -> PathBuf {
    Path::new(DIR).join("journal").join(name)
}

/// Failing cases are kept beside the test's source, and run first from then on.
pub fn cases(cases: u32) -> proptest::test_runner::Config {
    proptest::test_runner::Config {
        cases,
        failure_persistence: Some(Box::new(
            proptest::test_runner::FileFailurePersistence::WithSource("regressions"),
        )),
        ..Default::default()
    }
}
