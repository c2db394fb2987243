//! The live program against the sandbox program, over real sockets: faults, kill -9, replay.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use protogen::kalshi::auth::Credentials;
use protogen::kalshi::environment::Environment;
use protogen::kalshi::rest::Rest;
use protogen::live::reconciliation::ExchangeAccount;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::support::{protogen, root};
use super::tap::Tap;

/// A sandbox in a process of its own, with folders for itself and a desk.
pub struct Sandbox {
    process: Child,
    pub port: String,
    pub home: tempfile::TempDir,
}

impl Sandbox {
    pub fn start(extra: &[&str]) -> Self {
        Self::of(&root().join("data/fomc"), extra)
    }

    /// One that serves another data set.
    pub fn of(data: &Path, extra: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = protogen(&["sandbox", "--data", &data.to_string_lossy(), "--port", "0"]);
        command.args(extra).current_dir(home.path()).env("XDG_DATA_HOME", home.path());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let port = first.split("127.0.0.1:").nth(1).unwrap().split('/').next().unwrap().to_owned();
        // The rest of what it prints is not waited for, but has to go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, port, home }
    }

    pub fn ledger(&self) -> PathBuf {
        self.home.path().join("ledger.sqlite")
    }

    /// Id and file of the account's key.
    pub fn key(&self) -> (String, String) {
        let known = fs::read_to_string(self.home.path().join("protogen/sandbox.json")).unwrap();
        let known: Value = serde_json::from_str(&known).unwrap();
        let text = |name: &str| known[name].as_str().unwrap().to_owned();
        (text("key_id"), text("key_path"))
    }

    pub fn live(&self, extra: &[&str]) -> Command {
        self.live_on(&self.port, extra)
    }

    pub fn live_on(&self, port: &str, extra: &[&str]) -> Command {
        let scenario = root().join("scenarios/fomc.toml");
        self.trade(&scenario, port, extra)
    }

    /// A live session of any scenario.
    pub fn trade(&self, scenario: &Path, port: &str, extra: &[&str]) -> Command {
        let (scenario, ledger) = (scenario.to_string_lossy(), self.ledger());
        let mut command = protogen(&["live", &scenario, "--env", "sandbox", "--port", port, "--json"]);
        command.args(["--ledger", &ledger.to_string_lossy()]).args(extra);
        command.env("XDG_DATA_HOME", self.home.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Asks the exchange as the account's owner.
    pub fn rest<T, F: Future<Output = T>>(&self, ask: impl FnOnce(Rest) -> F) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (key_id, key_file) = self.key();
        let credentials = Credentials::from_file(&key_id, Path::new(&key_file)).unwrap();
        let environment = Environment::Sandbox { port: self.port.parse().unwrap() };
        runtime.block_on(async { ask(Rest::new(&environment, Some(credentials)).unwrap()).await })
    }

    /// The exchange's own account: cash in millionths of a dollar, and positions by ticker.
    pub fn account(&self) -> Value {
        self.rest(account_of)
    }
}

/// The account that a client's key signs for: cash in millionths of a dollar, positions by ticker, resting orders.
pub async fn account_of(rest: Rest) -> Value {
    // With faults this may go wrong, too.
    let mut account = ExchangeAccount::read_from_exchange(&rest).await;
    for _ in 0..10 {
        if account.is_err() {
            account = ExchangeAccount::read_from_exchange(&rest).await;
        }
    }
    let account = account.unwrap();
    let positions = account.positions.iter().map(|(ticker, held)| (ticker.clone(), held.hundredths()));
    serde_json::json!({
        "cash": account.available.micros(),
        "positions": positions.collect::<std::collections::BTreeMap<_, _>>(),
        "resting": account.resting.len(),
    })
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _ended_already = self.process.wait();
    }
}

/// The same of our own ledger, worked out from its fills and settlements alone.
pub fn books(ledger: &Path) -> Value {
    let connection = Connection::open(ledger).unwrap();
    let bankroll: i64 = connection.query_row("SELECT bankroll FROM run", [], |row| row.get(0)).unwrap();
    let fills = "SELECT coalesce(sum(CASE action WHEN 'buy' THEN -price * contracts ELSE price * contracts END - fee), 0)
                 FROM fill";
    let traded: i64 = connection.query_row(fills, [], |row| row.get(0)).unwrap();
    let exact = "SELECT count(*) FROM pragma_table_info('market') WHERE name = 'settled_value_e6'";
    let is_exact: bool = connection.query_row(exact, [], |row| row.get(0)).unwrap();
    let paid = if is_exact { "settled_value_e6" } else { "settled_value * 100" };
    let held = format!(
        "WITH f AS (
                    SELECT market, side = 'yes' AS yes, CASE action WHEN 'buy' THEN contracts ELSE -contracts END AS n
                    FROM fill)
                SELECT m.ticker, {paid}, sum(n * (2 * yes - 1)), sum(n * yes), sum(n * (1 - yes))
                FROM f JOIN market m USING (market) GROUP BY m.ticker, {paid}"
    );
    let mut select = connection.prepare(&held).unwrap();
    let rows = select.query_map([], |row| {
        let value: Option<i64> = row.get(1)?;
        Ok((
            row.get::<_, String>(0)?,
            value,
            row.get::<_, i64>(2)?,
            row.get::<_, i64>(3)?,
            row.get::<_, i64>(4)?,
        ))
    });
    let (mut cash, mut positions) = (bankroll + traded, std::collections::BTreeMap::new());
    for (ticker, settled, signed, yes, no) in rows.unwrap().map(Result::unwrap) {
        match settled {
            Some(value) => cash += yes * value / 100 + no * (1_000_000 - value) / 100,
            None if signed != 0 => {
                positions.insert(ticker, signed);
            }
            None => {}
        }
    }
    serde_json::json!({ "cash": cash, "positions": positions, "resting": 0 })
}

fn assert_books_agree(sandbox: &Sandbox, what: &str) {
    let (ours, theirs) = (books(&sandbox.ledger()), sandbox.account());
    assert_eq!(ours, theirs, "{what}");
    assert_eq!(discrepancies(&sandbox.ledger()), Vec::<String>::new(), "{what}");
}

/// What a desk found at the exchange and could not explain.
pub fn discrepancies(ledger: &Path) -> Vec<String> {
    let connection = Connection::open(ledger).unwrap();
    let mut query = connection.prepare("SELECT detail FROM discrepancy").unwrap();
    let found = query.query_map([], |row| row.get(0)).unwrap();
    found.map(Result::unwrap).collect()
}

pub fn replay(ledger: &Path, extra: &[&str]) -> (i32, String) {
    let ledger = ledger.to_string_lossy();
    let mut arguments = vec!["replay", &ledger];
    arguments.extend(extra);
    let output = protogen(&arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Some months, so that a session takes seconds.
pub const MONTHS: [&str; 4] = ["--start", "2022-01-01", "--end", "2022-04-30"];
/// With faults it takes longer, since what is lost is waited for.
pub const MONTH: [&str; 4] = ["--start", "2022-01-01", "--end", "2022-01-31"];

#[test]
fn a_live_run_is_replayed_without_a_difference_and_with_one_limit_changed_it_differs() {
    let sandbox = Sandbox::start(&MONTHS);
    let output = sandbox.live(&[]).output().unwrap();
    let code = output.status.code().unwrap();
    assert!(code == 0 || code == 1, "{code}: {}", String::from_utf8_lossy(&output.stderr));
    assert_books_agree(&sandbox, "after an undisturbed session");
    assert_eq!(replay(&sandbox.ledger(), &[]).0, 0);
    let (code, message) = replay(&sandbox.ledger(), &["--set", "risk.max_market_exposure=0.01"]);
    assert_eq!(code, 1);
    assert!(message.contains("the first difference is at 2022-"), "{message}");
}

const SOCKET: &str = "GET /trade-api/ws/v2 ";
const ORDER: &str = "POST /trade-api/v2/portfolio/events/orders ";

pub fn count(ledger: &Path, table: &str) -> usize {
    let connection = Connection::open(ledger).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn without_the_stream_it_trades_on_sweeps_alone() {
    let sandbox = Sandbox::start(&MONTHS);
    let tap = Tap::before(&sandbox);
    let (key_id, key_file) = sandbox.key();
    let key = ["--key-id", &key_id, "--key-file", &key_file];
    let rest = ["--set", "live.scan_with=rest"];
    let output = sandbox.live_on(&tap.port, &[&key[..], &rest].concat()).output().unwrap();
    let code = output.status.code().unwrap();
    assert!(code == 0 || code == 1, "{code}: {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(tap.count(SOCKET), 0, "no WebSocket is opened");
    assert!(tap.count("GET /trade-api/v2/markets?") > 100 && tap.count(ORDER) > 10);
    assert!(count(&sandbox.ledger(), "fill") > 10);
    assert_books_agree(&sandbox, "with sweeps alone");
    assert_eq!(replay(&sandbox.ledger(), &[]).0, 0);
}

#[test]
fn on_paper_fills_are_simulated_and_no_order_reaches_the_exchange() {
    let sandbox = Sandbox::start(&MONTHS);
    let tap = Tap::before(&sandbox);
    let (key_id, key_file) = sandbox.key();
    let key = ["--key-id", &key_id, "--key-file", &key_file];
    let output = sandbox.live_on(&tap.port, &[&key[..], &["--paper"]].concat()).output().unwrap();
    let code = output.status.code().unwrap();
    assert!(code == 0 || code == 1, "{code}: {}", String::from_utf8_lossy(&output.stderr));
    let (orders, fills) = (count(&sandbox.ledger(), "placed"), count(&sandbox.ledger(), "fill"));
    assert!(orders > 10 && fills > 10, "{orders} orders, {fills} fills");
    assert_eq!((tap.count(SOCKET), tap.count("POST "), tap.count("DELETE ")), (1, 0, 0));
    let untouched = serde_json::json!({"cash": 10_000_000_000_i64, "positions": {}, "resting": 0});
    assert_eq!(sandbox.account(), untouched);
    assert_eq!(replay(&sandbox.ledger(), &[]).0, 0);
}

#[test]
fn a_paper_desk_that_goes_on_books_every_fill() {
    let sandbox = Sandbox::start(&["--start", "2022-01-01", "--end", "2023-06-30"]);
    let paper = ["--paper", "--set", "kill_switch.min_win_rate=0"];
    let mut process = sandbox.live(&paper).spawn().unwrap();
    let fills_so_far = || {
        let connection =
            Connection::open_with_flags(sandbox.ledger(), OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        connection.query_row("SELECT count(*) FROM fill", [], |row| row.get::<_, u64>(0)).ok()
    };
    while process.try_wait().unwrap().is_none() {
        if fills_so_far() >= Some(5) {
            process.kill().unwrap();
        }
        pause();
    }
    let before = count(&sandbox.ledger(), "fill");
    let output = sandbox.live(&paper).output().unwrap();
    let code = output.status.code().unwrap();
    assert!(code == 0 || code == 1, "{code}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(count(&sandbox.ledger(), "fill") > before + 5);
    // Each fill that the simulated exchange reported was booked, so each order came to its end.
    assert_eq!(
        count(&sandbox.ledger(), "input WHERE line LIKE '%\"filled\"%'"),
        count(&sandbox.ledger(), "fill")
    );
    assert_eq!(replay(&sandbox.ledger(), &[]).0, 0);
}

const FAULTS: &str =
    "drop_ack=0.05,http_500=0.05,reset=0.02,ws_gap=0.01,duplicate=0.02,ws_drop=0.001,rate_limit=0.05";

#[test]
fn sessions_with_faults_end_with_the_exchanges_books() {
    for seed in 0..3 {
        let faults = format!("seed={seed},{FAULTS}");
        let sandbox = Sandbox::start(&[&MONTH[..], &["--faults", &faults]].concat());
        let output = sandbox.live(&[]).output().unwrap();
        let code = output.status.code().unwrap();
        assert!(code == 0 || code == 1, "seed {seed}: {code}: {}", String::from_utf8_lossy(&output.stderr));
        assert_books_agree(&sandbox, &format!("seed {seed}"));
    }
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for")]
pub fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// Kills and restarts a session `times` times, then lets it end.
fn kill_and_restart(times: u32, seed: u64) {
    let sandbox = Sandbox::start(&["--start", "2022-01-01", "--end", "2023-06-30"]);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut killed = 0;
    while killed < times {
        let mut process = sandbox.live(&["--set", "kill_switch.min_win_rate=0"]).spawn().unwrap();
        let moment = Instant::now() + Duration::from_millis(random.random_range(150..900));
        while Instant::now() < moment && process.try_wait().unwrap().is_none() {
            pause();
        }
        if process.try_wait().unwrap().is_some() {
            break;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        killed += 1;
    }
    let output = sandbox.live(&["--set", "kill_switch.min_win_rate=0"]).output().unwrap();
    let code = output.status.code().unwrap();
    assert!(code == 0 || code == 1, "after {killed}: {code}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(killed > times / 2, "the session was over after {killed} kills");
    assert_books_agree(&sandbox, &format!("killed {killed} times"));
    let connection = Connection::open(sandbox.ledger()).unwrap();
    let named = "SELECT run_id, json_extract(value, '$.run_id') FROM run, note WHERE name = 'health'";
    let (run, health): (String, String) =
        connection.query_row(named, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(health, run, "what goes on keeps its name");
    assert_eq!(replay(&sandbox.ledger(), &[]).0, 0);
}

#[test]
fn a_desk_killed_while_it_made_its_ledger_begins() {
    let sandbox = Sandbox::start(&MONTH);
    let made = Connection::open(sandbox.ledger()).unwrap();
    made.execute_batch("PRAGMA journal_mode = WAL; BEGIN; CREATE TABLE run (run_id TEXT)").unwrap();
    drop(made);
    let output = sandbox.live(&[]).output().unwrap();
    let code = output.status.code().unwrap();
    assert!(code == 0 || code == 1, "{code}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(count(&sandbox.ledger(), "fill") > 0);
}

#[test]
fn killed_at_any_moment_it_goes_on_with_the_exchanges_books() {
    kill_and_restart(20, 1);
}

#[test]
#[ignore = "nightly: a hundred kills take minutes"]
fn killed_a_hundred_times_it_goes_on_with_the_exchanges_books() {
    for seed in 0..5 {
        kill_and_restart(20, 100 + seed);
    }
}

#[test]
#[ignore = "nightly: fifty sessions take minutes"]
fn fifty_sessions_with_faults_end_with_the_exchanges_books() {
    for seed in 0..50 {
        let faults = format!("seed={seed},{FAULTS},latency=1ms..5ms");
        let sandbox = Sandbox::start(&[&MONTH[..], &["--faults", &faults]].concat());
        let output = sandbox.live(&[]).output().unwrap();
        let code = output.status.code().unwrap();
        assert!(code == 0 || code == 1, "seed {seed}: {code}: {}", String::from_utf8_lossy(&output.stderr));
        assert_books_agree(&sandbox, &format!("seed {seed}"));
    }
}
