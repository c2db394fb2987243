//! What was seen is by itself a data set: a backtest of what a session saw decides as the session did, and a
//! recording survives faults, kill -9 and a full disk.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use protogen::dataset::check::inspect;
use protogen::dataset::data_set::DataSet;
use protogen::dataset::read::selection::Window;
use protogen::desk::Desk;
use protogen::domain::{Span, Timestamp};
use protogen::feed::HistoricalFeed;
use protogen::feed::historical::HistoricalSettings;
use protogen::feed::synthetic::SyntheticSettings;
use protogen::feed::synthetic::write_synthetic;
use protogen::kalshi::auth::Credentials;
use protogen::kalshi::clock;
use protogen::kalshi::environment::Environment;
use protogen::kalshi::venue::SessionCommand;
use protogen::live::runner;
use protogen::live::runner::LiveSettings;
use protogen::record::from_run::export_run;
use protogen::sandbox::{
    Faults, Keys, SandboxExchange, SandboxSettings, ServeSettings, Speed, serve_exchange,
};
use protogen::scenario::Scenario;
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::Value;

use super::live::Sandbox;
use super::odd::{months, oddities};
use super::parity::{Deeds, backtest, backtest_of, catalogue, live, scenario};
use super::sandbox_here::get;
use super::support::{self, protogen, root, run};

#[path = "../../benches/record/storm.rs"]
mod storm;

pub fn assert_sound(data: &Path) {
    let found = inspect::check_data(data);
    assert!(found.count == 0, "{:?}", found.problems);
}

pub fn assert_same(then: &[String], now: &[String]) {
    for (number, (then, now)) in then.iter().zip(now).enumerate() {
        assert_eq!(now, then, "line {number}");
    }
    assert_eq!(now.len(), then.len());
}

/// By the exchange's clock: an exchange that serves recorded data.
#[test]
fn a_backtest_of_what_a_session_saw_trades_like_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let (live, equity) = live(scenario("2022-01-01", "2022-05-31"), folder.path());
    assert!(live.len() > 50, "the months were chosen because there is something to compare");
    let data = folder.path().join("seen");
    let exported = export_run(&folder.path().join("ledger.sqlite"), &data).unwrap();
    assert!(exported.totals.published.rows > 1_000 && exported.steered == 0, "{exported:?}");
    assert_sound(&data);
    let mut scenario = scenario("2022-01-01", "2022-05-31");
    // What the desk learned is in the data set too.
    assert!(exported.facts_files.len() > 1, "{exported:?}");
    scenario.facts = exported.facts_files;
    scenario.data = vec![data];
    let (again, equity_again) = backtest(scenario);
    assert_same(&live, &again);
    assert_eq!(equity_again, equity);
}

/// Fifty changes a second, some at the same microsecond; every quote is looked at when it comes.
const RULES: &str = "[scenario]\nname = \"wall\"\n[feed]\ndata = \"none\"\n[scanner]\ninterval = \"0s\"\n\
    min_time_to_close = \"1m\"\nmin_volume = 0\n[strategy]\nname = \"fixed_rate\"\nprobability = 0.5\n\
    min_edge = 0.05\n[execution]\nlatency = \"37ms\"\n[kill_switch]\nmin_win_rate = 0.0\nevidence = 1e12\n\
    [risk]\nkelly_fraction = 0.05\n";

fn rules() -> Scenario {
    Scenario::parse(RULES, &[], Path::new("")).unwrap()
}

/// By the wall's clock, with simulated fills: what a paper desk does, a backtest of what it saw does again.
#[test]
fn a_backtest_of_what_a_paper_desk_saw_trades_like_the_desk() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    fs::create_dir(&source).unwrap();
    let start = clock::now().floor_micros();
    let walk = SyntheticSettings {
        seed: 7,
        markets: 12,
        markets_per_event: 4,
        series: 3,
        quotes: 2_000,
        start,
        length: Span::SECOND.times(8),
    };
    write_synthetic(&source, walk).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut keys = Keys::default();
    let key_file = folder.path().join("key.pem");
    let key_id = keys.generate_key_file(&key_file).unwrap();
    let sets = [DataSet::open(&source).unwrap()];
    let window = Window { start: Timestamp::MIN, end: Timestamp::MAX };
    let settings = HistoricalSettings { data: &sets, facts: &[], window, half_spread: None, lenient: false };
    let feed = HistoricalFeed::open(&settings, |_| true).unwrap();
    let scenario = rules();
    let settings = SandboxSettings { sim: scenario.sim, bankroll: scenario.desk.bankroll };
    let exchange = SandboxExchange::new(Box::new(feed), settings).unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let port = listener.local_addr().unwrap().port();
    // A gap now and then: it is part of what was seen.
    let faults = Faults::parse("seed=3,ws_gap=0.01").unwrap();
    let serving = ServeSettings { speed: Speed::Times(1), start: None, faults, tier: None };
    runtime.spawn(serve_exchange(listener, exchange, keys, serving, std::future::pending()));
    let ledger = folder.path().join("ledger.sqlite");
    let settings = LiveSettings {
        facts: Vec::new(),
        environment: Environment::Sandbox { port },
        credentials: Credentials::from_file(&key_id, &key_file).unwrap(),
        ledger: ledger.clone(),
        run_id: "wall".into(),
        paper: true,
        adopt: false,
        stream: true,
        by_exchange: false,
        listener: None,
        scenario,
    };
    let mut deeds = Deeds::default();
    let ended =
        runner::run_live_desk(settings, &runtime, &mut deeds, &mut |_: Timestamp, _: &Desk| (), |begun| {
            let commands = begun.commands.clone();
            runtime.spawn(async move {
                tokio::time::sleep(Duration::from_secs(9)).await;
                drop(commands.send(SessionCommand::Drain).await);
            });
        });
    let equity = ended.unwrap().equity;
    assert!(deeds.lines.len() > 30, "there is something to compare: {:?}", deeds.lines);
    let data = folder.path().join("seen");
    let exported = export_run(&ledger, &data).unwrap();
    assert!(exported.totals.published.rows > 1_000 && exported.totals.published.gaps > 0, "{exported:?}");
    assert_sound(&data);
    let mut scenario = rules();
    scenario.data = vec![data];
    (scenario.start, scenario.end) = (Some(Timestamp::MIN), exported.span.map(|span| span.1));
    let (again, equity_again) = backtest(scenario);
    assert_same(&deeds.lines, &again);
    assert_eq!(equity_again, equity);
}

/// `protogen data record` of a sandbox.
fn recorder(sandbox: &Sandbox, out: &Path) -> Command {
    let out = out.to_string_lossy();
    let mut command =
        protogen(&["data", "record", "--env", "sandbox", "--port", &sandbox.port, "--out", &out, "--json"]);
    command.env("XDG_DATA_HOME", sandbox.home.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn spooled(out: &Path) -> u64 {
    let files = fs::read_dir(out.join(".recording")).into_iter().flatten().map(Result::unwrap);
    let spools = files.filter(|file| file.path().extension().is_some_and(|end| end == "spool"));
    spools.map(|file| file.metadata().unwrap().len()).sum()
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_mins(1), "{what} did not happen");
        #[expect(clippy::disallowed_methods, reason = "another process is waited for")]
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn told(command: &mut Command) -> Value {
    serde_json::from_slice(&run(command).stdout).unwrap()
}

const YEAR: [&str; 4] = ["--start", "2022-01-01", "--end", "2022-12-31"];

#[test]
fn a_recording_that_is_killed_goes_on_and_two_at_once_are_refused() {
    let mut faulty = YEAR.to_vec();
    faulty.extend(["--faults", "seed=5,ws_gap=0.002"]);
    let sandbox = Sandbox::start(&faulty);
    let out = sandbox.home.path().join("recorded");
    let mut first = recorder(&sandbox, &out).spawn().unwrap();
    wait_for("recording", || spooled(&out) > 50_000);
    let refused = recorder(&sandbox, &out).output().unwrap();
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{message}");
    assert!(
        message.contains(&format!("process {}", first.id())) && message.contains("another folder"),
        "{message}"
    );
    first.kill().unwrap();
    first.wait().unwrap();
    // The last frame is torn, as it is when the machine dies.
    let spool = out.join(".recording/000000.spool");
    let whole = fs::read(&spool).unwrap();
    fs::write(&spool, &whole[..whole.len() - 5]).unwrap();
    let all = told(&mut recorder(&sandbox, &out));
    assert!(all["torn_bytes"].as_u64().unwrap() > 0 && all["gaps"].as_u64().unwrap() > 10, "{all}");
    assert!(all["rows"].as_u64().unwrap() > 2_000, "{all}");
    assert_sound(&out);
    let show =
        String::from_utf8(run(&mut protogen(&["data", "show", &out.to_string_lossy()])).stdout).unwrap();
    assert!(show.contains("FED-22DEC") && spooled(&out) == 0, "{show}");
}

/// A sandbox has its data from a data set; what is recorded of it is that data set again.
#[test]
fn a_backtest_of_a_recording_trades_like_one_of_what_was_recorded() {
    let sandbox = Sandbox::start(&["--start", "2022-01-01", "--end", "2022-05-31"]);
    let out = sandbox.home.path().join("recorded");
    told(&mut recorder(&sandbox, &out));
    assert_sound(&out);
    let (source, equity) = backtest(scenario("2022-01-02", "2022-05-31"));
    let mut again = scenario("2022-01-02", "2022-05-31");
    again.data = vec![out];
    let (lines, equity_again) = backtest(again);
    assert!(source.len() > 50);
    assert_same(&source, &lines);
    assert_eq!(equity_again, equity);
}

/// An odd market costs a recording that market, and the recording says so.
#[test]
fn a_recording_loses_only_what_it_cannot_read_and_lists_it() {
    let text = "seed=5,odd=0.12,foreign=20/min";
    let odd = oddities(&Faults::parse(text).unwrap(), &catalogue(&months()));
    assert!(odd.set_aside.len() >= 3 && odd.harmless.len() >= 3, "{:?} {:?}", odd.set_aside, odd.harmless);
    let sandbox = Sandbox::start(&["--start", "2022-01-01", "--end", "2022-05-31", "--faults", text]);
    let out = sandbox.home.path().join("recorded");
    let all = told(recorder(&sandbox, &out).args(["--series", "FED"]));
    let listed: BTreeSet<String> = all["unreadable"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(listed, odd.set_aside, "{all}");
    assert_sound(&out);
    let from_second_day = || {
        let mut scenario = months();
        scenario.start = Some(Timestamp::parse("2022-01-02T00:00:00Z").unwrap());
        scenario
    };
    let (source, equity) = backtest_of(from_second_day(), |market| !odd.set_aside.contains(&*market.ticker));
    let mut again = from_second_day();
    again.data = vec![out];
    let (lines, equity_again) = backtest(again);
    assert!(source.len() > 50);
    assert_same(&source, &lines);
    assert_eq!(equity_again, equity);
    let seen = get(sandbox.port.parse().unwrap(), "/sandbox/odd");
    assert!(seen["foreign_messages"].as_u64() > Some(1_000), "{seen}");
    assert_eq!(seen["foreign_requests"], 0, "{seen}");
}

/// A file may not grow: what a full disk is to whoever writes. Nothing is lost but what was not written yet.
#[test]
fn a_full_disk_ends_a_recording_and_damages_nothing() {
    let sandbox = Sandbox::start(&YEAR);
    let out = sandbox.home.path().join("recorded");
    let limited = recorder(&sandbox, &out);
    let mut shell = Command::new("sh");
    // Blocks of 512 bytes, or 1024, according to the shell.
    shell.args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\""]).arg(limited.get_program());
    shell.args(limited.get_args()).args(["--rotate", "1h"]).env("XDG_DATA_HOME", sandbox.home.path());
    let stopped = shell.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let message = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert_eq!(stopped.status.code(), Some(3), "{message}");
    let named = ["recording stopped", "000000.spool", "make room and start again"];
    assert!(named.iter().all(|part| message.contains(part)), "{message}");
    let all = told(&mut recorder(&sandbox, &out));
    assert!(all["rows"].as_u64().unwrap() > 1_000, "{all}");
    assert_sound(&out);
}

/// Every evaluation of a ledger.
pub fn thoughts(ledger: &Path) -> Vec<String> {
    rows(
        ledger,
        &["SELECT ts, strategy, ticker, probability, market_probability, yes_bid, yes_ask, verdict, reason
           FROM calibration ORDER BY ts, ticker, strategy"],
    )
}

/// Every order, fill and trade of a ledger.
pub fn deeds(ledger: &Path) -> Vec<String> {
    let queries = [
        "SELECT ts, ticker, side, action, price, contracts, filled, status, reason FROM orders ORDER BY order_id",
        "SELECT ts, ticker, side, action, price, contracts, fee FROM fills ORDER BY ts, order_id",
        "SELECT opened_at, closed_at, ticker, side, contracts, entry_price, exit_price, fees, pnl, exit_reason
         FROM trades ORDER BY closed_at, ticker",
    ];
    rows(ledger, &queries)
}

fn rows(ledger: &Path, queries: &[&str]) -> Vec<String> {
    let connection = Connection::open(ledger).unwrap();
    let rows = queries.iter().flat_map(|query| {
        let mut select = connection.prepare(query).unwrap();
        let columns = select.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            Ok(format!("{:?}", (0..columns).map(|i| row.get(i)).collect::<Result<Vec<Cell>, _>>()?))
        };
        select.query_map([], row).unwrap().map(Result::unwrap).collect::<Vec<_>>()
    });
    rows.collect()
}

/// Two months of the embedded data, so that a session takes seconds; orders arrive at once, as in the sandbox.
const MONTHS: [&str; 4] = ["--start", "2022-01-01", "--end", "2022-02-28"];
const AT_ONCE: [&str; 2] = ["--set", "simulation.latency=0s"];

/// What a session on a sandbox said in the end, and on the way.
fn session(sandbox: &Sandbox, extra: &[&str]) -> (Value, String) {
    let output = sandbox.live(&[&AT_ONCE, extra].concat()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // 1 = every strategy is halted.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{:?}: {said}", output.status);
    (serde_json::from_slice(&output.stdout).unwrap(), said)
}

#[test]
fn a_session_that_records_trades_as_without_and_its_backtest_decides_the_same() {
    let (plain, recording) = (Sandbox::start(&MONTHS), Sandbox::start(&MONTHS));
    let out = recording.home.path().join("seen");
    let (without, _) = session(&plain, &[]);
    let (with, said) = session(&recording, &["--record", &out.to_string_lossy()]);
    assert_eq!(with["inputs"], without["inputs"], "{said}");
    // Their digests hold the exchange's names of trades, which say which of two orders arrived first.
    assert_same(&deeds(&plain.ledger()), &deeds(&recording.ledger()));
    assert_same(&thoughts(&plain.ledger()), &thoughts(&recording.ledger()));
    let told = &with["recording"];
    assert_eq!((&told["missed"], &told["problem"]), (&Value::from(0), &Value::Null), "{told}");
    // The sandbox tells trades of its users alone, and the desk is one.
    assert!(told["rows"].as_u64().unwrap() > 400 && told["trades"].as_u64().unwrap() > 0, "{told}");
    assert!(without.get("recording").is_none());
    assert_sound(&out);
    assert!(deeds(&recording.ledger()).len() > 50, "there is something to compare");
    let runs = recording.home.path().join("runs");
    let data = format!("feed.data=\"{}\"", out.display());
    let dates = ["--set", "scenario.start=2022-01-01", "--set", "scenario.end=2022-02-28", "--set", &data];
    support::backtest(&support::scenario("fomc"), &runs, &[&dates[..], &AT_ONCE].concat());
    let latest = fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().path().join("latest/ledger.sqlite"));
    let backtest = latest.last().unwrap();
    assert_same(&deeds(&recording.ledger()), &deeds(&backtest));
    assert_same(&thoughts(&recording.ledger()), &thoughts(&backtest));
}

#[test]
fn a_session_whose_recorder_fails_trades_on_and_says_so() {
    let (plain, failing) = (Sandbox::start(&MONTHS), Sandbox::start(&MONTHS));
    let out = failing.home.path().join("seen");
    fs::create_dir(&out).unwrap();
    // Parts have no place.
    fs::write(out.join("snapshots"), "").unwrap();
    let (without, _) = session(&plain, &["--paper"]);
    let (with, said) = session(&failing, &["--paper", "--record", &out.to_string_lossy()]);
    assert_eq!((&with["digest"], &with["inputs"]), (&without["digest"], &without["inputs"]), "{said}");
    let problem = with["recording"]["problem"].as_str().unwrap();
    assert!(problem.contains("snapshots"), "{problem}");
    assert_eq!(said.matches("the recording stopped, and trading goes on").count(), 1, "{said}");
    // What was heard is safe, and is completed as soon as it can be.
    fs::remove_file(out.join("snapshots")).unwrap();
    let all = told(&mut recorder(&Sandbox::start(&["--end", "2022-01-02"]), &out));
    assert!(all["rows"].as_u64().unwrap() > 400, "{all}");
    assert_sound(&out);
}

#[test]
fn a_place_that_cannot_be_recorded_to_is_refused_before_anything_is_traded() {
    let sandbox = Sandbox::start(&MONTHS);
    let taken = sandbox.home.path().join("taken");
    let _lock = protogen::dataset::io::lock::acquire_lock(&taken.join(".recording"), &taken).unwrap();
    let pid = format!("process {}", std::process::id());
    let (foreign, file) = (root().join("data/fomc"), sandbox.home.path().join("sandbox-key.pem"));
    for (folder, why) in [(&taken, &*pid), (&foreign, "was not recorded"), (&file, "cannot be created")] {
        let refused = sandbox.live(&["--record", &folder.to_string_lossy()]).output().unwrap();
        let message = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{message}");
        assert!(message.contains("--record") && message.contains(why), "{message}");
        assert!(!sandbox.ledger().exists(), "{message}");
    }
}

#[test]
fn a_session_that_was_killed_goes_on_with_its_recording() {
    let sandbox = Sandbox::start(&YEAR);
    let out = sandbox.home.path().join("seen");
    let folder = out.to_string_lossy();
    let extra = ["--record", &*folder];
    let mut first = sandbox.live(&extra).spawn().unwrap();
    wait_for("recording", || spooled(&out) > 50_000);
    first.kill().unwrap();
    first.wait().unwrap();
    let (all, said) = session(&sandbox, &extra);
    let told = &all["recording"];
    assert!(told["problem"].is_null() && told["gaps"].as_u64().unwrap() > 3, "{told}: {said}");
    assert_sound(&out);
    assert_eq!(spooled(&out), 0);
}

/// Run in a process of its own by the test below.
#[test]
#[ignore = "a part of the next test"]
fn storm_of_messages() {
    let folder = tempfile::tempdir().unwrap();
    let (totals, most) = storm::storm(&folder.path().join("set"), storm::settings(5, 4_000_000), 150_000);
    assert_sound(&folder.path().join("set"));
    println!("{}", serde_json::json!({ "rows": totals.published.rows, "parts": totals.parts, "most": most }));
}

#[test]
fn memory_stays_small_in_a_storm_of_messages() {
    let itself: PathBuf = std::env::current_exe().unwrap();
    let mut worker = Command::new(itself);
    worker.args(["--exact", "recorded::storm_of_messages", "--ignored", "--nocapture"]);
    let mut worker = worker.stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    worker.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(worker.wait().unwrap().success(), "{text}");
    let line = text.lines().find(|line| line.starts_with('{')).unwrap();
    let found: Value = serde_json::from_str(line).unwrap();
    assert!(found["rows"].as_u64().unwrap() > 60_000 && found["parts"].as_u64().unwrap() > 3, "{found}");
    assert!(found["most"].as_u64().unwrap() < 150_000_000, "{found}");
}

#[test]
fn a_change_of_the_best_prices_takes_six_bytes_at_most() {
    let Some(file) = super::ticks::table() else { return };
    let folder = tempfile::tempdir().unwrap();
    let all = storm::ticks(&file, &folder.path().join("set")).published;
    let bytes = all.bytes as f64 / all.rows as f64;
    println!("{} rows, {bytes:.2} bytes each", all.rows);
    assert_eq!(all.rows, 415_569);
    assert!(bytes <= 6.0, "{bytes:.2} bytes for each change of the best prices");
    assert_sound(&folder.path().join("set"));
}
