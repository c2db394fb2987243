//! Data with further levels of the book: `fill = "book"` uses them, in a paper desk as in a backtest; everything
//! else is as without them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, Int64Array};
use protogen::domain::{Span, Timestamp};
use protogen::feed::synthetic::SyntheticSettings;
use protogen::feed::synthetic::write_synthetic;
use tempfile::TempDir;

use crate::bad_input::world::Table;
use crate::live::{Sandbox, replay};
use crate::recorded::{assert_same, assert_sound, deeds, thoughts};
use crate::support::{backtest, protogen, run};
use crate::sweep::equals_its_backtests;

const SCENARIO: &str = "[scenario]\nname = \"case\"\nbankroll = 1000000.0\n[feed]\ndata = \"data\"\n\
    [scanner]\ninterval = \"15m\"\nmin_volume = 0\n[strategy]\nname = \"fixed_rate\"\nprobability = 0.5\n\
    [execution]\nmax_slippage = 0.03\n[simulation]\nfill = \"book\"\nparticipation = 0.5\n\
    [kill_switch]\nmin_trades = 100000\nevidence = 1e12\n";

/// A synthetic data set with two further levels a side, a cent apart, where there is room for them.
fn world(with_levels: bool) -> TempDir {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let start = Timestamp::parse("2025-01-01T00:00:00Z").unwrap();
    let length = Span::DAY.times(2);
    let (markets, series) = (40, 4);
    let settings =
        SyntheticSettings { seed: 7, markets, markets_per_event: 4, series, quotes: 20_000, start, length };
    write_synthetic(&data, settings).unwrap();
    if with_levels {
        add_levels(&data.join("snapshots.parquet"));
    }
    fs::write(folder.path().join("case.toml"), SCENARIO).unwrap();
    folder
}

fn add_levels(file: &Path) {
    let mut table = Table::read(file);
    for (side, best, step) in [("bid", "yes_bid", -100), ("ask", "yes_ask", 100)] {
        for level in 2..=3 {
            let prices = table.column(best).as_primitive::<Int32Type>();
            let prices = prices.unary::<_, Int32Type>(|price| price + step * (level - 1));
            // A market at a cent or two has no further bids.
            let prices = prices.iter().map(|price| price.filter(|price| (1..10_000).contains(price)));
            let prices: arrow_array::Int32Array = prices.collect();
            let sizes: Int64Array =
                (0..prices.len()).map(|row| prices.is_valid(row).then_some(40_000)).collect();
            table = table.led_by(&format!("{side}_{level}_size"), Arc::new(sizes));
            table = table.led_by(&format!("{side}_{level}"), Arc::new(prices));
        }
    }
    table.write(file, usize::MAX);
}

#[test]
fn levels_change_fills_where_they_are_asked_for_and_nothing_else() {
    let (with, without) = (world(true), world(false));
    let run = |world: &TempDir, fill: &str| {
        let set = format!("simulation.fill=\"{fill}\"");
        backtest(&world.path().join("case.toml").to_string_lossy(), world.path(), &["--set", &set])
    };
    let (book, top) = (run(&with, "book"), run(&with, "top_of_book"));
    let (bare_book, bare_top) = (run(&without, "book"), run(&without, "top_of_book"));
    assert_eq!(top["digest"], bare_top["digest"]);
    assert_eq!(bare_book["digest"], bare_top["digest"]);
    assert_ne!(book["digest"], top["digest"]);
    // A fill a level: more fills than orders that filled.
    assert!(book["fills"].as_u64().unwrap() > book["orders"].as_u64().unwrap(), "{book}");
    assert!(top["fills"].as_u64().unwrap() <= top["orders"].as_u64().unwrap(), "{top}");
}

#[test]
fn sweeps_walk_books_as_backtests_do() {
    let world = world(true);
    let case = world.path().join("case");
    let intervals = ["--grid", "scanner.interval=0s,1m,1h"];
    equals_its_backtests(&case.to_string_lossy(), &intervals, &[]);
}

/// The ledger of the backtest of a scenario in `out`.
fn backtested(case: &Path, out: &Path, set: &str) -> PathBuf {
    backtest(&case.to_string_lossy(), out, &["--set", set]);
    out.join("case/latest/ledger.sqlite")
}

#[test]
fn a_paper_desk_walks_live_books_as_a_backtest_does_and_what_it_saw_is_kept() {
    let world = world(true);
    let (case, out) = (world.path().join("case.toml"), world.path().join("out"));
    let sandbox = Sandbox::of(&world.path().join("data"), &["--fill", "book"]);
    run(&mut sandbox.trade(&case, &sandbox.port, &["--paper"]));
    let paper = sandbox.ledger();
    assert!(deeds(&paper).len() > 100, "there is something to compare: {}", deeds(&paper).len());
    // A desk is told of a market without a quote, where data says nothing; so their evaluations differ at first.
    assert_same(&deeds(&backtested(&case, &out, "simulation.fill=\"book\"")), &deeds(&paper));
    let top = deeds(&backtested(&case, &out, "simulation.fill=\"top_of_book\""));
    assert_ne!(deeds(&paper), top, "the levels matter");
    let (code, message) = replay(&paper, &[]);
    assert_eq!(code, 0, "{message}");
    // What the desk saw is a data set with levels, of which nothing is missing.
    let seen = world.path().join("seen");
    let (from, to) = (paper.to_string_lossy(), seen.to_string_lossy());
    run(&mut protogen(&["data", "record", "--from-run", &from, "--out", &to, "--json"]));
    assert_sound(&seen);
    let again = backtested(&case, &out, &format!("feed.data=\"{to}\""));
    assert_same(&deeds(&paper), &deeds(&again));
    assert_same(&thoughts(&paper), &thoughts(&again));
}
