//! Golden scenarios: every scenario of the project has an outcome that may not change unnoticed.
//!
//! `UPDATE_GOLDEN=1 cargo test --test it golden` writes them anew; the difference belongs in the commit.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use rusqlite::Connection;

use crate::support::{backtest, root, scenario};

/// What a run did, in words and figures, without what depends on the machine.
fn outcome(scenario_name: &str) -> String {
    let out = tempfile::tempdir().unwrap();
    let summary = backtest(&scenario(scenario_name), out.path(), &[]);
    let mut text = String::new();
    for key in
        ["final_equity", "fees", "trades", "wins", "max_drawdown", "max_exposure", "evaluations", "orders"]
    {
        let _ = writeln!(text, "{key}: {}", summary[key]);
    }
    for key in ["exits", "refusals", "brier", "brier_market", "evidence_against", "digest"] {
        let _ = writeln!(text, "{key}: {}", summary[key]);
    }
    let ledger = out.path().join(scenario_name).join("latest").join("ledger.sqlite");
    let ledger = Connection::open(ledger).unwrap();
    let halts =
        "SELECT ts || ' ' || strategy || ' halted by ' || rule || ': ' || detail FROM halts ORDER BY ts";
    let trades = "SELECT opened_at || ' ' || closed_at || ' ' || ticker || ' ' || side || ' ' || contracts || ' at '
        || round(entry_price, 4) || ' → ' || round(exit_price, 4) || ', fees ' || fees || ', pnl ' || pnl || ', '
        || exit_reason FROM trades ORDER BY closed_at, ticker LIMIT 40";
    for sql in [halts, trades] {
        let mut select = ledger.prepare(sql).unwrap();
        let lines = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
        for line in lines {
            let _ = writeln!(text, "{}", line.unwrap());
        }
    }
    text
}

fn compare(name: &str, golden: &Path) -> Option<String> {
    let found = outcome(name);
    let file = golden.join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, &found).unwrap();
        return None;
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    let line = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    (found != expected).then(|| {
        let line = line.unwrap_or_else(|| found.lines().count().min(expected.lines().count()));
        let at = |text: &str| text.lines().nth(line).unwrap_or("nothing").to_owned();
        format!("{name}, line {}:\n  was {}\n  is  {}", line + 1, at(&expected), at(&found))
    })
}

#[test]
fn every_scenario_does_what_it_did() {
    let golden = root().join("tests").join("golden");
    let mut names: Vec<String> = fs::read_dir(root().join("scenarios"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 7, "scenarios are missing");
    let changed: Vec<_> = names.iter().filter_map(|name| compare(name, &golden)).collect();
    assert!(changed.is_empty(), "\n{}\n", changed.join("\n"));
}
