//! Bugs planted on purpose: each must make a test of the core fail.
//!
//! The first three lived together in a bot that lost money for weeks. Each mutant is the source with one
//! change, built and tested in a folder of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::root;

struct Mutant {
    what: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

const MUTANTS: &[Mutant] = &[
    Mutant {
        what: "Kelly sized without its odds",
        file: "desk/risk/kelly.rs",
        from: "u128::try_from(UnitCost::ONE - cost).ok()?",
        to: "u128::try_from(UnitCost::ONE).ok()?",
    },
    Mutant {
        what: "an exposure check that always says yes",
        file: "desk/risk/mod.rs",
        from: "let cost_of_one = self.worst_cost(ask.book, limit, Contracts::ONE);",
        to: "let cost_of_one = self.worst_cost(ask.book, limit, Contracts::ONE);
             let room = room.map(|(_, reason)| (Money::from_micros(i64::MAX), reason));",
    },
    Mutant {
        what: "no drawdown scaling",
        file: "desk/risk/drawdown.rs",
        from: "if past_start <= 0 {",
        to: "if past_start < i128::MAX {",
    },
    Mutant {
        what: "fees rounded down",
        file: "domain/fee.rs",
        from: "-(-numerator).div_euclid(denominator)",
        to: "numerator.div_euclid(denominator)",
    },
    Mutant {
        what: "NO bought at the YES bid",
        file: "domain/quote.rs",
        from: "Side::No => self.bid.map(Price::complement),",
        to: "Side::No => self.bid,",
    },
    Mutant {
        what: "evidence counted upside down",
        file: "desk/risk/kill_switch.rs",
        from: "self.against = self.against.multiply_by_ratio(market_said, model_said);",
        to: "self.against = self.against.multiply_by_ratio(model_said, market_said);",
    },
    Mutant {
        what: "a halted strategy goes on",
        file: "desk/risk/mod.rs",
        from: "refuse(halted, Refusal::StrategyHalted)?;",
        to: "refuse(halted && false, Refusal::StrategyHalted)?;",
    },
    Mutant {
        what: "exits that forget their fee",
        file: "domain/fee.rs",
        from: "* UnitCost::PER_PRICE - self.unit_fee(price))",
        to: "* UnitCost::PER_PRICE - 0 * self.unit_fee(price))",
    },
    Mutant {
        what: "stale quotes traded on",
        file: "desk/risk/mod.rs",
        from: "now.since(at) <= self.limits.max_quote_age",
        to: "now.since(at) >= Span::ZERO",
    },
    Mutant {
        what: "a repeated fill counted twice",
        file: "desk/execution.rs",
        from: "if !self.trades_seen.insert(fill.trade) {",
        to: "if !self.trades_seen.insert(fill.trade) && false {",
    },
];

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Tests the core of a copy; returns whether the tests passed, and what they printed.
fn test_core(copy: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO"))
        .current_dir(copy)
        .args(["test", "--no-default-features", "--lib", "--offline", "--quiet"])
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants"))
        .env("PROPTEST_CASES", "64")
        .env_remove("RUST_BACKTRACE")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), text.concat())
}

#[test]
fn every_planted_bug_makes_a_test_fail() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path();
    for part in ["src", "examples", "benches", "tests"] {
        copy_tree(&root().join(part), &copy.join(part));
    }
    for file in ["Cargo.toml", "Cargo.lock"] {
        fs::copy(root().join(file), copy.join(file)).unwrap();
    }
    let (passed, text) = test_core(copy);
    assert!(passed, "the unchanged core fails its own tests:\n{text}");
    for Mutant { what, file, from, to } in MUTANTS {
        let path = copy.join("src").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{what}: {file} has changed; plant it anew");
        fs::write(&path, text.replace(from, to)).unwrap();
        let (passed, printed) = test_core(copy);
        fs::write(&path, text).unwrap();
        assert!(!passed, "{what}: no test noticed");
        assert!(printed.contains("test result: FAILED"), "{what}: did not build:\n{printed}");
    }
}
