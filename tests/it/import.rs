//! `protogen data import` from outside: files in, a data set that checks clean and runs, or a clear refusal.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{protogen, run};

const MARKETS: &str = "ticker,event_ticker,open_time,close_time,settlement_time,result,title\n\
    KXA-24JAN-1,KXA-24JAN,2024-01-01T00:00:00Z,2024-01-09T00:00:00Z,2024-01-09T01:00:00Z,yes,Will it?\n\
    KXB-24JAN-1,KXB-24JAN,2024-01-01T00:00:00Z,2024-01-09T00:00:00Z,2024-01-09T01:00:00Z,no,Or that?\n";
const MAP: &str = "[columns]\nts = \"when\"\nticker = \"market\"\nyes_price = \"price\"\ncount = \"n\"\n\
    taker_side = \"side\"\n[units]\nprice = \"dollars\"\n";
const TRADES: &str = "when,market,price,n,side\n\
    2024-01-03T12:00:00Z,KXA-24JAN-1,0.46,250,yes\n\
    2024-01-03T11:59:00Z,KXA-24JAN-1,0.44,100,no\n\
    2024-01-03T12:00:00Z,KXB-24JAN-1,0.31,30.5,no\n";

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().unwrap());
        place.write("markets.csv", MARKETS);
        place.write("map.toml", MAP);
        place.write("trades.csv", TRADES);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    fn import(&self, kind: &str, out: &str, extra: &[&str]) -> Command {
        let mut command = protogen(&["data", "import", kind, "trades.csv", "--map", "map.toml"]);
        command.args(["--markets", "markets.csv", "--out", out, "-q"]).args(extra);
        command.env_remove("RUST_BACKTRACE").env_remove("COLUMNS").current_dir(self.0.path());
        command
    }

    /// Runs an import that must fail, and returns exit code and message; nothing may be left behind.
    fn refused(&self, extra: &[&str]) -> (Option<i32>, String) {
        let before = names(self.0.path());
        let output = self.import("trades", "out", extra).output().unwrap();
        assert_eq!(names(self.0.path()), before, "something was left behind");
        (output.status.code(), said(&output))
    }
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_imported_data_set_checks_clean_and_runs() {
    let place = Place::new();
    let report = json_of(&run(&mut place.import("trades", "mine", &["--json"])));
    assert_eq!((&report["rows"]["taken"], &report["snapshots"]), (&3.into(), &3.into()));
    let mut check = protogen(&["data", "check", "mine", "--json"]);
    let checked = json_of(&run(check.current_dir(place.0.path())));
    assert_eq!((&checked["count"], &checked["checked"][0]["rows"]), (&0.into(), &3.into()));
    assert_eq!(checked["checked"][0]["coverage"], serde_json::json!({ "2024-01-03": 3 }));
    place.write(
        "case.toml",
        "[scenario]\nname = \"case\"\n[feed]\ndata = \"mine\"\n[scanner]\ninterval = \"0s\"\n\
         [strategy]\nname = \"fixed_rate\"\nprobability = 0.25\n",
    );
    let mut backtest = protogen(&["backtest", "case.toml", "--json", "--no-report", "--out", "runs"]);
    let summary = json_of(&run(backtest.current_dir(place.0.path())));
    // Both moments of the first market; the second has traded fewer contracts than the scanner wants.
    assert_eq!(summary["evaluations"], 2, "{summary}");
    let mut show = protogen(&["data", "show", "mine", "KXA-24JAN"]);
    let shown = String::from_utf8(run(show.current_dir(place.0.path())).stdout).unwrap();
    assert!(shown.contains("KXA-24JAN-1") && !shown.contains("KXB-24JAN-1"), "{shown}");
    // Another import must not write over it.
    let (code, message) = (place.import("trades", "mine", &[]).output().unwrap(), "mine: is there already");
    assert!(code.status.code() == Some(3) && said(&code).contains(message), "{}", said(&code));
}

#[test]
fn candles_stand_at_their_end() {
    let place = Place::new();
    place.write(
        "trades.csv",
        "start,market,bid,ask,v\n2024-01-03,KXA-24JAN-1,0,46,7\n2024-01-04,KXA-24JAN-1,44,100,5\n",
    );
    place.write(
        "map.toml",
        "[columns]\nts = \"start\"\nticker = \"market\"\nyes_bid = \"bid\"\nyes_ask = \"ask\"\nvolume = \"v\"\n\
         [time]\nzone = \"UTC\"\n[candles]\nts_is = \"start\"\nperiod = \"1d\"\n",
    );
    let report = json_of(&run(&mut place.import("candles", "mine", &["--json"])));
    assert_eq!(
        (&report["snapshots"], &report["first"], &report["last"]),
        (&2.into(), &"2024-01-04T00:00:00Z".into(), &"2024-01-05T00:00:00Z".into())
    );
}

#[test]
fn rows_that_cannot_be_used_are_named() {
    let cases = [
        ("2024-01-03T12:00:00Z,KXA-24JAN-1,0.46", "row 4: has 3 cells, must have 5"),
        ("2024-01-03T12:00:00Z,KXA-24JAN-1,1.00,1,yes", "row 4: yes_price = 10000 is not between 1 and 9999"),
        (
            "2024-01-03T12:00:00Z,KXA-24JAN-1,0.465,1,yes",
            "row 4: yes_price = 4650 ten-thousandths of a dollar is",
        ),
        ("2024-01-03T12:00:00Z,KXA-24JAN-1,0.46,-1,yes", "row 4: count = -100 hundredths"),
        ("2024-01-03T12:00:00Z,KXA-24JAN-1,0.46,1,buy", "row 4: taker_side `buy` is neither yes nor no"),
        ("2024-01-03T12:00:00Z,KXZ-24JAN-1,0.46,1,yes", "row 4: ticker KXZ-24JAN-1 is not among the markets"),
        ("2024-01-03T12:00:00,KXA-24JAN-1,0.46,1,yes", "row 4: ts is not a value of its kind"),
        ("9999-12-31T12:00:00Z,KXA-24JAN-1,0.46,1,yes", "row 4: ts is not a value of its kind"),
        (",KXA-24JAN-1,0.46,1,yes", "row 4: ts is missing"),
    ];
    for (row, expected) in cases {
        let place = Place::new();
        place.write("trades.csv", &format!("{TRADES}{row}\n"));
        let (code, message) = place.refused(&[]);
        assert!(
            code == Some(3) && message.starts_with(&format!("protogen: trades.csv, {expected}")),
            "{row}: {message}"
        );
    }
}

#[test]
fn what_lies_outside_a_markets_life_is_counted() {
    let place = Place::new();
    let rows = "1970-01-01T00:00:00Z,KXA-24JAN-1,0.46,1,yes\n2199-01-01T00:00:00Z,KXA-24JAN-1,0.46,1,yes\n";
    place.write("trades.csv", &format!("{TRADES}{rows}"));
    let report = json_of(&run(&mut place.import("trades", "mine", &["--json"])));
    let refused = &report["rows"]["refused"];
    assert_eq!((&refused["before_open"]["count"], &refused["after_close"]["count"]), (&1.into(), &1.into()));
    place.write("trades.csv", &format!("when,market,price,n,side\n{rows}"));
    let (code, message) = place.refused(&[]);
    assert!(code == Some(3) && message.contains("would be empty: of 2 rows 0 are not of"), "{message}");
}

#[test]
fn maps_and_markets_that_cannot_be_used_are_named() {
    let cases = [
        ("map.toml", "[columns]\nts = \"when\"\n", "[columns] ticker is missing"),
        (
            "map.toml",
            &MAP.replace("count =", "contracts ="),
            "[columns] contracts is unknown; it may be one of ts,",
        ),
        (
            "map.toml",
            &MAP.replace("\"n\"", "\"size\""),
            "has no column size (for count); it has when, market,",
        ),
        ("map.toml", "[columns\n", "map.toml: TOML parse error"),
        ("markets.csv", "ticker,event_ticker,open_time\n", "markets.csv: has no column close_time"),
        ("markets.csv", &MARKETS.replace("title", "name"), "markets.csv: column name is unknown; it may be"),
        (
            "markets.csv",
            &MARKETS.replace(",yes,", ",maybe,"),
            "markets.csv, row 1: result `maybe` is none of",
        ),
        ("trades.csv", "", "trades.csv: has no column when (for ts); it has "),
    ];
    for (file, content, expected) in cases {
        let place = Place::new();
        place.write(file, content);
        let (code, message) = place.refused(&[]);
        assert!(code == Some(3) && message.contains(expected), "{expected}: {message}");
    }
    let place = Place::new();
    let output = place.import("trades", "map.toml/out", &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(said(&output), "protogen: map.toml/out: cannot be created: Not a directory (os error 20)\n");
}

/// Whenever it is killed, nothing bears the name of the data set, and the next import works.
#[test]
fn a_killed_import_leaves_nothing_that_looks_complete() {
    let place = Place::new();
    let mut rows = String::from(TRADES);
    for second in 0..100_000 {
        let (minute, second) = (second / 60 % 60, second % 60);
        writeln!(rows, "2024-01-04T05:{minute:02}:{second:02}Z,KXA-24JAN-1,0.46,1,yes").unwrap();
    }
    place.write("trades.csv", &rows);
    let mut child = place.import("trades", "mine", &[]).spawn().unwrap();
    while !place.path(".mine.importing").exists() {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!place.path("mine").exists());
    run(&mut place.import("trades", "mine", &[]));
    assert_eq!(names(&place.path("mine")), ["markets.parquet", "snapshots.parquet"]);
    assert!(!place.path(".mine.importing").exists());
}
