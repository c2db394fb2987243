//! What a recorded run says about itself, checked against the ledger by other ways.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::Value;

use super::parity;
use super::support::{backtest, protogen, root, run, scenario};

const QUESTIONS: [&str; 7] = [
    "Did I make money, after fees?",
    "Are my probabilities calibrated?",
    "Am I better than the market's own price?",
    "Is there a real edge?",
    "Where does it come from?",
    "Who was on the other side?",
    "What did the risk layer prevent?",
];

/// Reports a run and returns its figures.
fn report(target: &Path, out: &Path) -> Value {
    let arguments = ["report", &target.to_string_lossy(), "--json", "--out", &out.to_string_lossy()];
    serde_json::from_slice(&run(&mut protogen(&arguments)).stdout).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn near(found: f64, expected: f64, what: &str) {
    assert!(
        (found - expected).abs() < 1e-9 * expected.abs().max(1.0),
        "{what}: {found}, expected {expected}"
    );
}

/// A short FOMC run, with some trades.
fn fomc(out: &Path) -> PathBuf {
    backtest(&scenario("fomc"), out, &[]);
    fs::canonicalize(out.join("fomc/latest")).unwrap()
}

/// One forecast: when, hours to close, belief, price.
type Row = (String, f64, f64, f64);

/// The forecasts that count, picked from the view row by row, with what happened.
fn picked(ledger: &Connection) -> Vec<(f64, f64, f64)> {
    let sql = "SELECT ticker, ts, hours_to_close, probability, market_probability, outcome FROM calibration
               WHERE market_probability IS NOT NULL AND outcome IN (0.0, 1.0)";
    let mut select = ledger.prepare(sql).unwrap();
    let mut markets: BTreeMap<String, (f64, Vec<Row>)> = BTreeMap::new();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let forecast = (row.get(1).unwrap(), row.get(2).unwrap(), row.get(3).unwrap(), row.get(4).unwrap());
        let market = markets.entry(row.get(0).unwrap()).or_insert((row.get(5).unwrap(), Vec::new()));
        market.1.push(forecast);
    }
    let mut all = Vec::new();
    for (outcome, mut forecasts) in markets.into_values() {
        forecasts.sort_by(|a, b| a.0.cmp(&b.0));
        let first = forecasts.first().cloned();
        let last = |hours: f64| forecasts.iter().rev().find(|forecast| forecast.1 >= hours).cloned();
        let of_horizons = [first, last(720.0), last(168.0), last(24.0)];
        all.extend(of_horizons.into_iter().flatten().map(|(_, _, p, m)| (p, m, outcome)));
    }
    all
}

#[test]
fn the_figures_are_those_of_the_ledger() {
    let out = tempfile::tempdir().unwrap();
    let summary = backtest(&scenario("fomc"), out.path(), &[]);
    let folder = out.path().join("fomc/latest");
    let found = report(&folder, out.path());
    let results = &found["results"];
    near(number(&results["fees"]), number(&summary["fees"]), "fees");
    near(number(&results["pnl"]), number(&summary["pnl"]), "P&L");
    // the summary's is in whole parts per million
    let drawdowns = number(&results["max_drawdown"]) - number(&summary["max_drawdown"]);
    assert!(drawdowns.abs() < 2e-6, "deepest drawdown off by {drawdowns}");
    assert_eq!(results["trades"], summary["trades"]);
    let waterfall = &results["waterfall"];
    let parts = ["gross", "slippage", "early_exits", "fees", "open"];
    let sum: f64 = parts.iter().map(|part| number(&waterfall[part])).sum();
    assert!((sum - number(&results["pnl"])).abs() < 1e-6, "the waterfall ends at {sum}");
    assert!(number(&waterfall["slippage"]) < 0.0, "whoever takes pays half a spread");

    let ledger = Connection::open(folder.join("ledger.sqlite")).unwrap();
    let forecasts = picked(&ledger);
    let of = &found["calibration"][0];
    assert_eq!(of["which"], "all of these");
    let assessment = &of["assessment"];
    assert_eq!(assessment["forecasts"], forecasts.len());
    let brier = |of: fn(&(f64, f64, f64)) -> f64| {
        forecasts.iter().map(|one| (of(one) - one.2).powi(2)).sum::<f64>() / forecasts.len() as f64
    };
    near(number(&assessment["model"]["brier"]["value"]), brier(|one| one.0), "Brier score");
    near(number(&assessment["market"]["brier"]["value"]), brier(|one| one.1), "the market's");
    near(number(&summary["brier"]), brier(|one| one.0), "Brier score in the summary");
    near(number(&found["evidence"][0]["evidence_against"]), number(&summary["evidence_against"]), "evidence");
}

#[test]
fn a_page_answers_the_seven_questions_and_comes_out_the_same_again() {
    let out = tempfile::tempdir().unwrap();
    let folder = fomc(out.path());
    let files = || {
        report(&folder, out.path());
        let tables = fs::read_dir(folder.join("report")).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<_> =
            tables.chain([folder.join("report.html"), folder.join("report.json")]).collect();
        all.sort();
        all.into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect::<Vec<_>>()
    };
    let first = files();
    assert_eq!(first.len(), 8, "six tables, a page and its figures");
    assert!(first == files(), "the same run has the same report");
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    let mut from = 0;
    for question in QUESTIONS {
        let place = page[from..].find(question).unwrap_or_else(|| panic!("`{question}` is missing or late"));
        from += place;
    }
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        let harmless = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!harmless.contains(outside), "the page asks for {outside}");
    }
}

#[test]
fn a_backtest_leaves_its_page_unless_told_otherwise() {
    let out = tempfile::tempdir().unwrap();
    let arguments = ["backtest", &scenario("kill_switch"), "-q", "--out", &out.path().to_string_lossy()];
    run(&mut protogen(&arguments));
    let page = out.path().join("kill_switch/latest/report.html");
    let written = fs::read(&page).unwrap();
    report(Path::new("latest"), out.path());
    assert!(fs::read(&page).unwrap() == written, "a later report of the run is the same");
}

#[test]
fn a_live_ledger_says_what_the_backtest_of_the_same_months_says() {
    let folder = tempfile::tempdir().unwrap();
    let (start, end) = ("2022-01-01", "2022-03-01");
    parity::live(parity::scenario(start, end), folder.path());
    let live = report(&folder.path().join("ledger.sqlite"), folder.path());
    let set = |key: &str, value: &str| format!("{key}={value}");
    let extra = [set("scenario.start", start), set("scenario.end", end), set("simulation.latency", "0s")];
    let extra: Vec<&str> = extra.iter().flat_map(|set| ["--set", set]).collect();
    backtest(&scenario("fomc"), folder.path(), &extra);
    let backtest = report(&folder.path().join("fomc/latest"), folder.path());
    assert_eq!((&live["run"]["mode"], &backtest["run"]["mode"]), (&"live".into(), &"backtest".into()));
    assert!(live["results"]["trades"].as_u64().unwrap() > 0);
    for part in ["results", "sources", "mark_outs"] {
        assert_eq!(live[part], backtest[part], "{part}");
    }
}

#[test]
fn what_a_market_is_called_does_not_become_part_of_the_page() {
    let out = tempfile::tempdir().unwrap();
    let folder = fomc(out.path());
    let ledger = Connection::open(folder.join("ledger.sqlite")).unwrap();
    let evil = "UPDATE market SET title = '<script>alert(1)</script>', ticker = 'T&<b>' || market,
                series_ticker = '\"><img>', category = '<i>x</i>'";
    ledger.execute(evil, []).unwrap();
    ledger.execute("UPDATE strategy SET name = '</svg><script>'", []).unwrap();
    drop(ledger);
    report(&folder, out.path());
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    for evil in ["<script>alert", "<b>", "\"><img>", "<i>x", "</svg><script>"] {
        assert!(!page.contains(evil), "{evil} is in the page");
    }
}

#[test]
fn too_little_to_say_anything_is_said() {
    let out = tempfile::tempdir().unwrap();
    for (what, extra, words) in [
        ("nothing is traded", vec!["--set", "strategy.min_edge=0.99"], "Nothing was closed."),
        (
            "nothing is resolved",
            vec!["--set", "scenario.end=2021-07-10"],
            "No forecast beside a market price",
        ),
        ("little is resolved", vec!["--set", "scenario.end=2021-08-10"], "too few to tell, 100 needed"),
        ("nothing is evaluated", vec!["--set", "scanner.min_volume=1000000000"], "No gate refused anything"),
    ] {
        backtest(&scenario("fomc"), out.path(), &extra);
        let folder = out.path().join("fomc/latest");
        report(&folder, out.path());
        let page = fs::read_to_string(folder.join("report.html")).unwrap();
        assert!(page.contains(words), "{what}");
        assert!(!page.contains("NaN") && !page.contains("inf %"), "{what}: a figure that is none");
    }
}

#[test]
fn runs_are_compared_side_by_side() {
    let out = tempfile::tempdir().unwrap();
    let first = fomc(out.path());
    backtest(&scenario("fomc"), out.path(), &["--set", "risk.kelly_fraction=0.1"]);
    let place = out.path().to_string_lossy();
    let arguments = ["report", &first.to_string_lossy(), "fomc", "--json", "--out", &place];
    let both: Value = serde_json::from_slice(&run(&mut protogen(&arguments)).stdout).unwrap();
    assert_eq!(both["runs"].as_array().unwrap().len(), 2);
    let chance = number(&both["trials"]["deflated_sharpe"]);
    assert!(chance < 0.5, "both lose, so the best of them is not better than luck: {chance}");
    let page = fs::read_to_string(out.path().join("comparison/report.html")).unwrap();
    assert!(page.contains("2 runs compared") && page.contains("Is the best of them more than luck?"));
}

#[test]
fn the_terminal_shows_the_key_charts_and_the_three_lessons() {
    let out = tempfile::tempdir().unwrap();
    fomc(out.path());
    let arguments = ["report", "fomc", "--text", "--postmortem", "--out", &out.path().to_string_lossy()];
    let text = String::from_utf8(run(&mut protogen(&arguments)).stdout).unwrap();
    for part in [
        "Is there a real edge?",
        "Equity in dollars",
        "| said, ● happened",
        "Evidence for base_rate_divergence",
        "The market's mid against the price paid",
        "Distribution. ",
        "Competition. ",
        "Delay in stopping. ",
        "win rate: under 25 % of the last 20",
    ] {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}

/// The drawing for a desktop under a heading of the page, to stand alone on white.
fn drawing(page: &str, heading: &str) -> String {
    let figure = &page[page.find(&format!("<h3>{heading}</h3>")).unwrap()..];
    let figure = &figure[figure.find("<svg class=\"chart wide\"").unwrap()..];
    let end = figure.find("</svg>").unwrap() + "</svg>".len();
    let style = "<svg width=\"760\" style=\"background:#ffffff\" class=\"chart wide\"";
    figure[..end].replacen("<svg class=\"chart wide\"", style, 1) + "\n"
}

/// `UPDATE_GOLDEN=1` writes them anew.
#[test]
fn the_pictures_of_the_readme_are_those_of_the_program() {
    let out = tempfile::tempdir().unwrap();
    let folder = fomc(out.path());
    report(&folder, out.path());
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    for (heading, name) in [("Equity, drawdown and exposure", "equity"), ("Reliability", "reliability")] {
        let file = root().join("reports").join(format!("sample_{name}.svg"));
        let drawn = drawing(&page, heading);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&file, &drawn).unwrap();
        }
        assert!(fs::read_to_string(&file).unwrap_or_default() == drawn, "{} is out of date", file.display());
    }
}

/// What is refused, with the message's beginning.
fn refused(arguments: &[&str], message: &str) {
    let output = protogen(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(message), "{said}");
}

#[test]
fn what_is_no_run_is_refused() {
    let out = tempfile::tempdir().unwrap();
    let place = out.path().to_string_lossy().into_owned();
    refused(&["report", "nowhere", "--out", &place], "`nowhere` is no run: give a run folder");
    let text = out.path().join("notes.sqlite");
    fs::write(&text, "not a database at all, but long enough to be looked at").unwrap();
    refused(&["report", &text.to_string_lossy()], "is not a ledger of protogen");
    let folder = fomc(out.path());
    let ledger = Connection::open(folder.join("ledger.sqlite")).unwrap();
    ledger.execute("UPDATE evaluation_page SET payload = substr(payload, 2)", []).unwrap();
    refused(&["report", &folder.to_string_lossy()], "evaluation");
    ledger.execute("UPDATE trade SET exit_reason = 'boredom'", []).unwrap();
    refused(&["report", &folder.to_string_lossy()], "boredom");
}
