//! A second opinion: the engine against a naive implementation written from the rules alone.
//!
//! 1 000 small random worlds run through the real engine (simulated exchange, memory feed, memory
//! journal) and through [`Oracle`]. Both must agree on every evaluation's verdict, order, withdrawal,
//! fill, trade and halt, and on cash, exposure, equity, peak and drawdown scale after every moment. A
//! difference names the seed and the first line that differs.
//!
//! `ORACLE_SEED=123 cargo test --test oracle -- --nocapture` prints both logs of one world.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    clippy::struct_excessive_bools,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; a second implementation is plain on purpose"
)]

mod engine;
mod log;
mod naive;
mod worlds;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use protogen::desk::decision::{Record, Verdict};

use log::{Log, N};
use naive::Oracle;
use worlds::{World, stamp, world};

/// What the engine's records have covered, so that agreement cannot be vacuous.
#[derive(Debug, Default)]
struct Coverage {
    counts: BTreeMap<String, usize>,
    /// How many lines were compared.
    lines: usize,
}

impl Coverage {
    fn note(&mut self, name: impl Into<String>) {
        *self.counts.entry(name.into()).or_default() += 1;
    }

    fn add(&mut self, records: &[Record]) {
        let mut asked = BTreeMap::new();
        for record in records {
            match record {
                Record::Order(placed) => {
                    asked.insert(placed.order.id, placed.order.contracts);
                    self.note("order");
                }
                Record::OrderDone(done) if done.filled.is_positive() && done.filled < asked[&done.order] => {
                    self.note("partial fill");
                }
                Record::Fill(fill) => self.note(if fill.fill.taker { "fill taker" } else { "fill maker" }),
                Record::Trade(trade) => self.note(format!("exit {}", trade.exit_reason.name())),
                Record::Halt(halt) => self.note(format!("halt {}", halt.rule.name())),
                Record::Evaluation(evaluation) => match evaluation.verdict {
                    Verdict::Refused(refusal) => self.note(format!("refusal {refusal:?}")),
                    _ => self.note("other verdict"),
                },
                Record::Discrepancy(_) => self.note("discrepancy"),
                _ => {}
            }
        }
    }

    /// Withdrawals are commands, not records.
    fn add_withdrawals(&mut self, engine: &Log) {
        let halts: BTreeSet<N> = engine.of("halt").iter().map(|line| line.0).collect();
        for (at, _) in engine.of("asked back") {
            self.note(if halts.contains(at) { "asked back halted" } else { "asked back scanned" });
        }
    }

    fn count(&self, prefix: &str) -> usize {
        self.counts.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, count)| count).sum()
    }

    fn kinds(&self, prefix: &str) -> usize {
        self.counts.keys().filter(|name| name.starts_with(prefix)).count()
    }
}

/// The one seed that is asked for.
#[expect(clippy::disallowed_methods, reason = "a debugging aid; what is tested does not depend on it")]
fn only() -> Option<u64> {
    std::env::var("ORACLE_SEED").ok().map(|seed| seed.parse().unwrap())
}

/// Runs one world through both; the first difference, if any.
fn compare(seed: u64, coverage: &mut Coverage) -> Option<String> {
    let world = world(seed);
    let oracle = Oracle::new(&world).run();
    let run = catch_unwind(AssertUnwindSafe(|| engine::run(&world)));
    let Ok((engine, records)) = run else { return Some(format!("seed {seed}: the engine panicked")) };
    coverage.add(&records);
    coverage.add_withdrawals(&engine);
    coverage.lines += engine.0.iter().map(Vec::len).sum::<usize>();
    if only().is_some() {
        print_world(&world, &engine, &oracle);
    }
    engine.difference(&oracle).map(|difference| format!("seed {seed}: {difference}"))
}

fn print_world(world: &World, engine: &Log, oracle: &Log) {
    println!("{:#?} {:?} {:?}", world.desk, world.sim, world.beliefs);
    for input in &world.inputs {
        println!("{} {:?}", input.at, input.value);
    }
    for (name, log) in [("engine", engine), ("oracle", oracle)] {
        let mut lines: Vec<_> = log.0.iter().flatten().collect();
        lines.sort_by_key(|line| line.0);
        for (at, line) in lines {
            println!("{name} {} {line:?}", stamp(*at as i64));
        }
    }
}

#[test]
fn the_engine_agrees_with_a_second_implementation() {
    let only = only();
    let mut coverage = Coverage::default();
    let mut report = String::new();
    let mut differing = 0;
    for seed in only.map_or(0..1_000, |seed| seed..seed + 1) {
        if let Some(difference) = compare(seed, &mut coverage) {
            differing += 1;
            if differing <= 10 {
                writeln!(report, "{difference}").unwrap();
            }
        }
    }
    println!("{coverage:#?}");
    assert_eq!(differing, 0, "worlds on which engine and oracle differ; the first of them:\n{report}");
    if only.is_some() {
        return;
    }
    for reason in ["resolved", "edge_inverted", "time_stop"] {
        assert!(coverage.count(&format!("exit {reason}")) >= 100, "too few exits by {reason}: {coverage:#?}");
    }
    for rule in ["win_rate", "evidence"] {
        assert!(coverage.count(&format!("halt {rule}")) >= 20, "too few halts by {rule}: {coverage:#?}");
    }
    assert!(coverage.count("partial fill") >= 100, "too few partial fills: {coverage:#?}");
    assert!(coverage.count("fill maker") >= 20, "too few resting fills: {coverage:#?}");
    assert!(coverage.count("asked back scanned") >= 100, "too few withdrawals: {coverage:#?}");
    assert!(coverage.count("asked back halted") >= 20, "too few withdrawals at halts: {coverage:#?}");
    assert!(coverage.kinds("refusal") >= 10, "too few kinds of refusal: {coverage:#?}");
    assert_eq!(coverage.count("discrepancy"), 0, "the simulated exchange never disagrees");
}
