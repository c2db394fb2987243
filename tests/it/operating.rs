//! Operating a live desk from outside: what its ledger says, what it is told, and an exchange to do it on.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use protogen::domain::Money;
use protogen::journal::TradeLogger;
use protogen::journal::sqlite::RunHeader;
use protogen::live::control_inbox::{Inbox, Request, read_stop};
use protogen::live::lock::LedgerLock;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{protogen, root, scenario};

/// A home of its own, so that no test meets the desks of whoever runs it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("protogen")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = protogen(arguments);
        command.env("XDG_DATA_HOME", self.0.path()).current_dir(self.0.path());
        command.env_remove("KALSHI_API_KEY_ID").env_remove("KALSHI_PRIVATE_KEY_PATH");
        command
    }

    /// Exit code, stdout, stderr.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (code, stdout, stderr) = self.run(&[arguments, &["--json"]].concat());
        assert_eq!((code, &*stderr), (0, ""), "{arguments:?}: {stdout}");
        serde_json::from_str(&stdout).unwrap()
    }

    /// A desk's ledger as it is while the desk runs, with one halt.
    fn ledger(&self) -> PathBuf {
        fs::create_dir_all(self.data()).unwrap();
        let file = self.data().join("fomc.sqlite");
        let header = RunHeader {
            run_id: "r1".into(),
            mode: "live",
            scenario: "fomc".into(),
            version: "0.1.0",
            seed: 7,
            bankroll: Money::parse("10000").unwrap(),
            lenient: false,
            ignore_halts: false,
            files: Vec::new(),
            strategies: vec!["base_rate_divergence".into()],
        };
        let health = health().to_string();
        drop(TradeLogger::create_live(&file, &header, &[("health", &health)]).unwrap());
        let halt = "INSERT INTO halt VALUES (1, 0, 0, 'evidence', 'against it: 21', NULL, NULL)";
        Connection::open(&file).unwrap().execute(halt, []).unwrap();
        file
    }
}

fn health() -> Value {
    let at = "2026-11-19T15:00:00Z";
    json!({
        "at": at, "started_at": at, "desk_at": at, "pid": 1, "version": "0.1.0", "mode": "live",
        "environment": "sandbox", "scenario": "fomc", "run_id": "r1", "equity": 9_812.5, "cash": 9_000.0,
        "exposure": 800.0, "peak": 10_000.0, "drawdown": 0.01875, "scale": 1.0, "daily_loss_reached": false,
        "positions": [{
            "ticker": "KXFED-26DEC-T4.00", "strategy": "base_rate_divergence", "side": "no", "contracts": 120.0,
            "entry_price": 0.56, "mark": 0.545, "unrealized": -1.8, "belief": 0.75,
            "opened_at": at, "time_stop_at": "2027-01-03T15:00:00Z", "close_time": "2026-12-09T18:55:00Z",
        }],
        "orders": [],
        "feed": {"up": true, "since": at, "last_message_at": at, "markets": 12, "stale_books": 3},
        "counts": {"inputs": 5}, "halts": {"trading": null, "strategies": ["base_rate_divergence"]},
        "decisions": [{"at": at, "text": "order 7: buy 10 yes"}], "refusals": [],
    })
}

#[test]
fn a_ledger_tells_how_its_desk_does() {
    let home = Home::new();
    let (code, _, stderr) = home.run(&["status"]);
    assert!(code == 3 && stderr.contains("--ledger"), "{stderr}");
    let ledger = home.ledger();
    let status = home.json(&["status"]);
    assert_eq!((&status["running"], &status["health"]["equity"]), (&json!(false), &json!(9_812.5)));
    assert!(status["heartbeat_age_s"].as_f64().unwrap() > 0.0);
    let lock = LedgerLock::acquire_lock(&ledger).unwrap();
    let (_, text, _) = home.run(&["status"]);
    for part in [
        &format!("running as process {}", std::process::id()),
        "equity $9,812.50",
        "HALTED: base_rate_divergence",
        "order 7: buy 10 yes",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    drop(lock);
    let (_, text, _) = home.run(&["positions"]);
    assert!(text.contains("not running") && text.contains("KXFED-26DEC-T4.00"), "{text}");
    assert_eq!(home.json(&["positions"])["positions"], health()["positions"]);
    let halts = home.json(&["halts"]);
    assert_eq!((&halts["halts"][0]["rule"], &halts["stop"]), (&json!("evidence"), &Value::Null));
}

#[test]
fn requests_are_left_and_the_owner_is_told_who_takes_them() {
    let home = Home::new();
    let ledger = home.ledger();
    let (code, _, stderr) = home.run(&["resume", "base_rate", "--reason", "x"]);
    assert!(code == 2 && stderr.contains("did you mean `base_rate_divergence`"), "{stderr}");
    assert_eq!(home.run(&["resume", "base_rate_divergence", "--reason", " "]).0, 2);
    let (code, text, _) = home.run(&["resume", "base_rate_divergence", "--reason", "model mended"]);
    assert!(code == 0 && text.contains("at the next start"), "{text}");
    assert!(home.run(&["reload", &scenario("fomc")]).1.contains("at the next start"));
    let (code, _, stderr) = home.run(&["reload", "nowhere.toml"]);
    assert!(code == 2 && stderr.contains("nowhere.toml"), "{stderr}");
    let halted = home.json(&["halt", "--reason", "storm"]);
    assert_eq!(halted["posted"], json!([]));
    assert_eq!(read_stop(&ledger).as_deref(), Some("storm"));
    let lifted = home.json(&["resume", "--trading", "--reason", "over"]);
    assert!(lifted["stop_removed"] == true && read_stop(&ledger).is_none(), "{lifted}");
    let requests: Vec<_> =
        Inbox::new(&ledger).read_requests().into_iter().map(|found| found.unwrap().1).collect();
    let [Request::Resume { strategy: Some(_), .. }, Request::Reload { scenario: Some(path) }, last] =
        &*requests
    else {
        panic!("{requests:?}")
    };
    assert!(path.is_absolute());
    assert_eq!(*last, Request::Resume { strategy: None, reason: "over".into() });
}

#[test]
fn a_running_desk_takes_a_halt_at_once() {
    let home = Home::new();
    let ledger = home.ledger();
    let _lock = LedgerLock::acquire_lock(&ledger).unwrap();
    let command = home.command(&["halt", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let inbox = Inbox::new(&ledger);
    let (path, request) = loop {
        if let Some(found) = inbox.read_requests().pop() {
            break found.unwrap();
        }
        std::thread::yield_now();
    };
    assert_eq!(request, Request::Halt { reason: "halted by the owner".into() });
    inbox.remove_request(&path).unwrap();
    let told: Value = serde_json::from_slice(&command.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(told["posted"][0]["taken"], true);
}

/// A sandbox, ended with the test.
struct Sandbox {
    child: Child,
    told: Value,
}

impl Sandbox {
    fn start(home: &Home) -> Self {
        let data = root().join("data/rules/time_stop");
        let data = data.to_string_lossy();
        let mut command = home.command(&["sandbox", "--data", &data, "--port", "0", "--json"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, told: serde_json::from_str(&line).unwrap() }
    }

    /// As Ctrl-C does. Returns whether it ended well.
    fn interrupt(mut self) -> bool {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.child.wait().unwrap().success()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
    }
}

fn check<'a>(told: &'a Value, name: &str) -> &'a str {
    let mut checks = told["checks"].as_array().unwrap().iter();
    checks.find(|check| check["name"] == name).unwrap()["state"].as_str().unwrap()
}

#[test]
fn a_sandbox_is_found_examined_and_emptied_without_a_flag() {
    let home = Home::new();
    let (code, _, stderr) = home.run(&["doctor", "--env", "sandbox"]);
    assert!(code == 4 && stderr.contains("failed"), "{stderr}");
    let sandbox = Sandbox::start(&home);
    let key = Path::new(sandbox.told["key_path"].as_str().unwrap());
    assert_eq!(key, fs::canonicalize(home.0.path()).unwrap().join("sandbox-key.pem"));
    let told = home.json(&["doctor", &scenario("time_stop"), "--env", "sandbox"]);
    for name in ["scenario", "data", "ledger", "key", "connection", "clock", "limits", "balance", "orders"] {
        assert_eq!(check(&told, name), "ok", "{told:#}");
    }
    let (code, stdout, _) = home.run(&[
        "doctor",
        &scenario("time_stop"),
        "--set",
        "scanner.series=[\"KXNONE\"]",
        "--env",
        "sandbox",
    ]);
    assert!(code == 4 && stdout.contains("KXNONE: the exchange has no such series"), "{stdout}");
    let (code, _, stderr) = home.run(&["halt", "--exchange"]);
    assert!(code == 2 && stderr.contains("which exchange?"), "{stderr}");
    let emptied = home.json(&["halt", "--exchange", "--env", "sandbox"]);
    assert_eq!(
        (&emptied["exchange"]["cancelled"], &emptied["exchange"]["still_resting"]),
        (&json!(true), &json!(0))
    );
    assert!(home.data().join("STOP").exists() && home.data().join("sandbox.json").exists());
    assert_eq!(home.json(&["resume", "--trading", "--reason", "a test"])["stop_removed"], true);
    let first = sandbox.told["key_id"].clone();
    assert!(sandbox.interrupt());
    assert!(!home.data().join("sandbox.json").exists());
    assert_eq!(Sandbox::start(&home).told["key_id"], first);
}

#[test]
fn a_project_is_begun_and_shells_can_complete() {
    let home = Home::new();
    assert_eq!(home.run(&["init", "mine"]).0, 0);
    assert_eq!(home.run(&["init", "mine"]).0, 2);
    assert!(home.run(&["completions", "bash"]).1.contains("protogen"));
}
