//! One stream of snapshots, however many files and data sets it is kept in.

use std::fs;
use std::path::Path;

use protogen::dataset::data_set::DataSet;
use protogen::dataset::read::selection::Window;
use protogen::dataset::write::writer::{SnapshotRow, SnapshotWriter};
use protogen::domain::Timestamp;
use protogen::engine::gateway::{Feed, Next};
use protogen::event::{Input, MarketEvent};
use protogen::feed::HistoricalFeed;
use protogen::feed::historical::HistoricalSettings;

use crate::support::{backtest, root, scenario};

/// Writes the embedded snapshots into `parts` files, the market's number deciding which.
fn write_parts(folder: &Path, parts: u32) {
    let set = [DataSet::open(&root().join("data/fomc")).unwrap()];
    let window = Window { start: Timestamp::MIN, end: Timestamp::MAX };
    let settings = HistoricalSettings { data: &set, facts: &[], window, half_spread: None, lenient: false };
    let mut feed = HistoricalFeed::open(&settings, |_| true).unwrap();
    let markets = feed.markets().to_vec();
    fs::create_dir_all(folder).unwrap();
    let files: Vec<_> = (0..parts).map(|part| folder.join(format!("part-{part}.parquet"))).collect();
    let mut writers: Vec<_> = files.iter().map(|file| SnapshotWriter::create(file).unwrap()).collect();
    while let Next::Item(input) = feed.next(None).unwrap() {
        if let Input::Market(MarketEvent::Quote { market, quote }) = input.value {
            let ticker = &markets[market.index()].ticker;
            let row = SnapshotRow { at: input.at, ticker, quote };
            writers[(market.0 % parts) as usize].write_row(&row).unwrap();
        }
    }
    writers.into_iter().for_each(|writer| writer.finish().unwrap());
}

#[test]
fn many_files_decide_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_parts(&data.join("snapshots"), 5);
    for file in ["markets.parquet", "fee_changes.csv"] {
        fs::copy(root().join("data/fomc").join(file), data.join(file)).unwrap();
    }
    let whole = backtest(&scenario("fomc"), folder.path(), &["--ignore-halts"]);
    let data = format!("feed.data=\"{}\"", data.display());
    let parts = backtest(&scenario("fomc"), folder.path(), &["--ignore-halts", "--set", &data]);
    assert_eq!(whole["digest"], parts["digest"]);
    assert_ne!(whole["run_id"], parts["run_id"]);
}

#[test]
fn two_data_sets_share_one_bankroll_and_one_timeline() {
    let folder = tempfile::tempdir().unwrap();
    let sets =
        ["kill_switch", "drawdown"].map(|set| root().join("data/rules").join(set).display().to_string());
    let both = format!("feed.data=[\"{}\", \"{}\"]", sets[0], sets[1]);
    let found = backtest(
        &scenario("partial_fill"),
        folder.path(),
        &["--set", &both, "--set", "strategy.probability=0.6"],
    );
    // eleven markets, each quoted once
    assert_eq!(found["evaluations"], 11);
    let twice = format!("feed.data=[\"{}\", \"{}\"]", sets[0], sets[0]);
    let out = folder.path().display().to_string();
    let arguments = ["backtest", &scenario("partial_fill"), "--out", &out, "--set", &twice];
    let output = crate::support::protogen(&arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ticker KS-1-A is there twice"));
}
