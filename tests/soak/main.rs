//! Live trading in virtual time: thousands of short sessions of the real desk and the real order tracker
//! against the sandbox's exchange, over a connection on which everything goes wrong that can.
//!
//! After each, our books must be the exchange's: cash to the millionth of a dollar, positions by market,
//! open orders. No order may be placed twice, none that was meant get lost, no limit be exceeded, nothing
//! be found unexplained; also when the process dies in between and comes back from its journal.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; what was covered is worth knowing"
)]

mod dice;
mod far;
mod session;
mod settings;
mod story;
mod venue;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use session::Tally;

const SEEDS: u64 = 2_000;
const MANY_SEEDS: u64 = 20_000;
/// Two at a time: there are that many cores at least.
const THREADS: usize = 2;

/// Seeds that once failed.
const ONCE_FAILED: &[u64] = &[];

fn problems_of(seed: u64, tally: &mut Tally) -> Option<String> {
    let run = catch_unwind(AssertUnwindSafe(|| session::run(seed, tally)));
    let problems = run.unwrap_or_else(|_| vec!["it panicked".to_owned()]);
    (!problems.is_empty()).then(|| format!("seed {seed}: {}", problems.join("\n    ")))
}

/// Runs the sessions of these seeds; what was seen in them.
fn soak(seeds: &[u64]) -> Tally {
    let next = AtomicU64::new(0);
    let worker = || {
        let (mut tally, mut failed) = (Tally::new(), Vec::new());
        while let Some(&seed) = seeds.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap()) {
            failed.extend(problems_of(seed, &mut tally).map(|problems| (seed, problems)));
        }
        (tally, failed)
    };
    let (mut tally, mut failed) = (Tally::new(), Vec::new());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            let (part, failures) = worker.join().unwrap();
            part.into_iter().for_each(|(name, times)| *tally.entry(name).or_default() += times);
            failed.extend(failures);
        }
    });
    failed.sort();
    let numbers: Vec<u64> = failed.iter().map(|(seed, _)| *seed).collect();
    let first: Vec<&str> = failed.iter().take(12).map(|(_, problems)| &**problems).collect();
    println!("{tally:#?}");
    assert!(failed.is_empty(), "{} seeds failed: {numbers:?}\n{}", failed.len(), first.join("\n"));
    tally
}

#[test]
fn two_thousand_sessions_end_with_the_same_books_on_both_sides() {
    let seeds: Vec<u64> = (0..SEEDS).collect();
    soak(&seeds);
}

#[test]
#[ignore = "takes ten minutes"]
fn twenty_thousand_sessions_end_with_the_same_books_on_both_sides() {
    let seeds: Vec<u64> = (SEEDS..SEEDS + MANY_SEEDS).collect();
    soak(&seeds);
}

#[test]
fn what_once_failed_stays_mended() {
    soak(ONCE_FAILED);
}
