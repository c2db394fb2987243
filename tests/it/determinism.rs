//! The same run is the same bytes: in another process, with another number of threads, in another locale,
//! time zone and folder.

use std::fs;

use crate::support::{backtest, protogen, root, run, scenario};

#[test]
fn another_process_thread_count_locale_and_time_zone_change_nothing() {
    let out = tempfile::tempdir().unwrap();
    let here = backtest(&scenario("fomc"), out.path(), &[]);
    let there = tempfile::tempdir().unwrap();
    let mut command = protogen(&["backtest", &scenario("fomc"), "--json", "--out"]);
    command.arg(there.path()).envs([
        ("POLARS_MAX_THREADS", "1"),
        ("LC_ALL", "de_DE.UTF-8"),
        ("TZ", "Pacific/Auckland"),
        ("RAYON_NUM_THREADS", "1"),
    ]);
    let there: serde_json::Value = serde_json::from_slice(&run(&mut command).stdout).unwrap();
    for key in ["digest", "run_id", "final_equity", "inputs"] {
        assert_eq!(here[key], there[key], "{key}");
    }
}

#[test]
fn where_the_project_lies_does_not_matter() {
    let moved = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        fs::create_dir_all(moved.path().join(to).parent().unwrap()).unwrap();
        fs::copy(root().join(from), moved.path().join(to)).unwrap();
    };
    copy("scenarios/partial_fill.toml", "s/partial_fill.toml");
    for file in ["markets.parquet", "snapshots.parquet"] {
        copy(&format!("data/rules/partial_fill/{file}"), &format!("data/rules/partial_fill/{file}"));
    }
    let elsewhere = moved.path().join("s/partial_fill.toml");
    let elsewhere = backtest(&elsewhere.to_string_lossy(), &moved.path().join("out"), &[]);
    let here = backtest(&scenario("partial_fill"), &moved.path().join("out2"), &[]);
    assert_eq!(here["run_id"], elsewhere["run_id"]);
    assert_eq!(here["digest"], elsewhere["digest"]);
}

#[test]
fn a_different_setting_is_a_different_run() {
    let out = tempfile::tempdir().unwrap();
    let one = backtest(&scenario("partial_fill"), out.path(), &[]);
    let other = backtest(&scenario("partial_fill"), out.path(), &["--set", "risk.kelly_fraction=0.2"]);
    let ignoring = backtest(&scenario("partial_fill"), out.path(), &["--ignore-halts"]);
    assert_ne!(one["run_id"], other["run_id"]);
    assert_ne!(one["run_id"], ignoring["run_id"]);
    assert_ne!(one["digest"], other["digest"]);
}
