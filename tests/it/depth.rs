//! Data with further levels of the book: `fill = "book"` uses them, everything else is as without them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, Int64Array};
use protogen::domain::{Span, Timestamp};
use protogen::feed::synthetic::SyntheticSettings;
use protogen::feed::writer::write_synthetic;
use tempfile::TempDir;

use crate::bad_input::world::Table;
use crate::support::backtest;
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
