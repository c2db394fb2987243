//! The ways to stop a desk, and what it makes of an exchange that says what cannot be: the two programs over real
//! sockets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use protogen::live::control_inbox::{Inbox, read_stop};
use protogen::live::lock::LedgerLock;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::live::{MONTH, MONTHS, Sandbox, books, count, pause, replay};
use super::support::{protogen, scenario};
use super::tap::{Tap, change_number};

/// No kill switch ends the session.
const NO_KILL: [&str; 4] =
    ["--set", "kill_switch.min_win_rate=0", "--set", "kill_switch.evidence=1000000000"];
const LONG: [&str; 4] = ["--start", "2022-01-01", "--end", "2023-06-30"];

/// Exit code, stdout, stderr.
fn finish(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A command of the owner of a sandbox's desk.
fn owner(sandbox: &Sandbox, arguments: &[&str]) -> (i32, String, String) {
    finish(protogen(arguments).env("XDG_DATA_HOME", sandbox.home.path()).current_dir(sandbox.home.path()))
}

/// The flags with which a desk trades through a tap.
fn key_flags(sandbox: &Sandbox) -> [String; 4] {
    let (id, file) = sandbox.key();
    ["--key-id".into(), id, "--key-file".into(), file]
}

/// Trades through a tap to the end of the data.
fn trade_through(sandbox: &Sandbox, tap: &Tap, extra: &[&str]) -> (i32, String, String) {
    let key = key_flags(sandbox);
    let flags: Vec<&str> =
        key.iter().map(String::as_str).chain(NO_KILL).chain(extra.iter().copied()).collect();
    finish(&mut sandbox.live_on(&tap.port, &flags))
}

fn select(ledger: &Path, sql: &str) -> i64 {
    Connection::open(ledger).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Orders that the exchange has refused; what a session that ends no longer sends is none of those.
fn refused(ledger: &Path) -> i64 {
    let sql = r#"SELECT count(*) FROM input WHERE line LIKE '%"venue":"rejected"%' AND line NOT LIKE '%never_sent%'"#;
    select(ledger, sql)
}

/// Waits until a query of a ledger that is being written finds something.
fn until(ledger: &Path, sql: &str) {
    let found = || -> rusqlite::Result<i64> {
        let connection = Connection::open(ledger)?;
        connection.busy_timeout(Duration::from_secs(1))?;
        connection.query_row(sql, [], |row| row.get(0))
    };
    let deadline = Instant::now() + Duration::from_mins(1);
    while !ledger.exists() || found().unwrap_or(0) == 0 {
        assert!(Instant::now() < deadline, "waited in vain for: {sql}");
        pause();
    }
}

/// Ends a desk as Ctrl-C does, with the exit code it has to end with.
fn interrupt(desk: Child, expected: i32) {
    let pid = desk.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = desk.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(expected), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_fee_that_cannot_be_halts_the_desk_with_the_exchanges_books() {
    let lies: [fn(f64) -> f64; 2] = [|fee| fee * 1e6, |_| -1_000.0];
    for lie in lies {
        let sandbox = Sandbox::start(&MONTH);
        let mut told = 0;
        let tap = Tap::lying(&sandbox, move |bytes| {
            // The first fee below a dollar, once.
            let small = |fee: f64| (0.0 < fee && fee < 1.0).then(|| lie(fee));
            if told == 0 {
                told = change_number(bytes, "fee_cost", small);
            }
        });
        let (code, _, stderr) = trade_through(&sandbox, &tap, &[]);
        assert_eq!(code, 4, "it halted itself: {stderr}");
        assert!(stderr.contains("is not booked as the exchange told it: no trade of"), "{stderr}");
        assert_eq!(books(&sandbox.ledger()), sandbox.account(), "{stderr}");
        let entries = "SELECT count(*) FROM placed WHERE action = 'buy' AND ts > (SELECT min(ts) FROM halt)";
        assert_eq!(select(&sandbox.ledger(), entries), 0, "a halted desk opens nothing");
        let (code, _, stderr) = finish(&mut sandbox.live(&NO_KILL));
        assert_eq!(code, 4, "it goes on, halted as it was left: {stderr}");
        assert_eq!(replay(&sandbox.ledger(), &[]).0, 0);
    }
}

#[test]
fn a_fee_that_is_told_wrong_every_time_is_never_booked() {
    let sandbox = Sandbox::start(&MONTH);
    let tap = Tap::lying(&sandbox, |bytes| {
        change_number(bytes, "fee_cost", |_| Some(-1_000.0));
    });
    let key = key_flags(&sandbox);
    let flags: Vec<&str> = key.iter().map(String::as_str).chain(NO_KILL).collect();
    let desk = sandbox.live_on(&tap.port, &flags).spawn().unwrap();
    until(&sandbox.ledger(), "SELECT count(*) FROM halt WHERE rule = 'discrepancy'");
    interrupt(desk, 4);
    assert_eq!(count(&sandbox.ledger(), "fill"), 0);
    // The exchange has come to its senses: what was bought is booked, and the desk stays halted.
    let (code, _, stderr) = finish(&mut sandbox.live(&NO_KILL));
    assert_eq!(code, 4, "{stderr}");
    assert!(count(&sandbox.ledger(), "fill") > 0);
    assert_eq!(books(&sandbox.ledger()), sandbox.account());
}

#[test]
fn missing_money_is_found_before_the_desk_decides_anything() {
    let sandbox = Sandbox::start(&LONG);
    let immediate = [&NO_KILL[..], &["--set", "scanner.interval=0s"]].concat();
    let desk = sandbox.live(&immediate).spawn().unwrap();
    until(&sandbox.ledger(), "SELECT count(*) >= 20 FROM fill");
    interrupt(desk, 0);
    let tap = Tap::lying(&sandbox, |bytes| {
        change_number(bytes, "balance_dollars", |balance| Some(balance - 226.0));
    });
    let before = (count(&sandbox.ledger(), "placed"), count(&sandbox.ledger(), "input"));
    let (code, _, stderr) = trade_through(&sandbox, &tap, &["--set", "scanner.interval=0s"]);
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains("available, but our books have"), "{stderr}");
    let after = (count(&sandbox.ledger(), "placed"), count(&sandbox.ledger(), "input"));
    assert_eq!(before, after, "nothing was decided on a wrong account");
    let (code, _, stderr) = finish(&mut sandbox.live(&immediate));
    assert_eq!(code, 0, "with the money there it goes on: {stderr}");
    assert_eq!(books(&sandbox.ledger()), sandbox.account());
}

#[test]
fn after_a_stop_at_the_exchange_exits_fill_and_after_a_resume_entries_do_too() {
    let sandbox = Sandbox::start(&LONG);
    let ledger = sandbox.ledger();
    let file = ledger.to_string_lossy();
    // Short holdings, so that there is soon something to close.
    let short = [&NO_KILL[..], &["--set", "exits.max_holding=10d"]].concat();
    let desk = sandbox.live(&short).spawn().unwrap();
    until(&ledger, "SELECT count(*) >= 5 FROM fill WHERE action = 'buy'");
    interrupt(desk, 0);
    let held = sandbox.account()["positions"].as_object().unwrap().len();
    assert!(held > 0);
    let doctor: Value =
        serde_json::from_str(&owner(&sandbox, &["doctor", "--env", "sandbox", "--json"]).1).unwrap();
    let positions = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "positions");
    let counted = positions.unwrap()["detail"].as_str().unwrap();
    assert!(counted.starts_with(&format!("{held} in the account")), "YES and NO count: {counted}");

    let stop = ["halt", "--exchange", "--env", "sandbox", "--ledger", &file, "--reason", "storm", "--json"];
    let (code, stopped, stderr) = owner(&sandbox, &stop);
    assert_eq!(code, 0, "{stderr}");
    let stopped: Value = serde_json::from_str(&stopped).unwrap();
    assert_eq!((&stopped["exchange"]["group_triggered"], &stopped["posted"]), (&json!(true), &json!([])));

    let started = select(&ledger, "SELECT max(order_id) FROM placed");
    let desk = sandbox.live(&short).spawn().unwrap();
    until(
        &ledger,
        "SELECT count(*) >= 1 FROM trade WHERE exit_reason = 'time_stop' AND closed_at > (SELECT max(ts) FROM halt)",
    );
    interrupt(desk, 0);
    let since = |what: &str| {
        select(&ledger, &format!("SELECT count(*) FROM placed WHERE order_id > {started} AND {what}"))
    };
    assert_eq!(refused(&ledger), 0, "a stop at the exchange refuses no exit");
    assert_eq!(since("action = 'buy'"), 0, "a halted desk opens nothing");

    let resumed = owner(&sandbox, &["resume", "--trading", "--ledger", &file, "--reason", "over"]);
    assert!(resumed.0 == 0 && resumed.1.contains("STOP is removed"), "{resumed:?}");
    let (code, _, stderr) = finish(&mut sandbox.live(&short));
    assert_eq!(code, 0, "{stderr}");
    assert!(since("action = 'buy' AND filled > 0") > 0, "entries fill again");
    assert_eq!(refused(&ledger), 0);
    assert_eq!(books(&ledger), sandbox.account());
    assert_eq!(replay(&ledger, &[]).0, 0);
}

#[test]
fn a_group_that_the_exchange_has_deleted_is_made_anew_at_the_start() {
    let sandbox = Sandbox::start(&MONTHS);
    let desk = sandbox.live(&NO_KILL).spawn().unwrap();
    until(&sandbox.ledger(), "SELECT count(*) >= 1 FROM fill");
    interrupt(desk, 0);
    let noted = |ledger: &Path| -> String {
        let note = "SELECT value FROM note WHERE name = 'order_group'";
        Connection::open(ledger).unwrap().query_row(note, [], |row| row.get(0)).unwrap()
    };
    let group = noted(&sandbox.ledger());
    sandbox.rest(|rest| {
        let group = group.clone();
        async move { rest.delete_order_group(&group).await.unwrap() }
    });
    let (code, _, stderr) = finish(&mut sandbox.live(&NO_KILL));
    assert_eq!(code, 0, "{stderr}");
    assert_ne!(noted(&sandbox.ledger()), group);
    assert_eq!(refused(&sandbox.ledger()), 0);
}

/// A desk that runs until it is told to end: the sandbox's clock goes at the wall's speed.
fn running_desk(sandbox: &Sandbox, ledger: &Path) -> Child {
    let (scenario, ledger_file) = (scenario("fomc"), ledger.to_string_lossy());
    let flags =
        ["live", &scenario, "--env", "sandbox", "--port", &sandbox.port, "--ledger", &ledger_file, "-q"];
    let mut command = protogen(&flags);
    command.env("XDG_DATA_HOME", sandbox.home.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let desk = command.spawn().unwrap();
    until(ledger, "SELECT count(*) FROM note WHERE name = 'order_group'");
    desk
}

#[test]
fn a_halt_reaches_every_running_desk_wherever_its_ledger_lies() {
    let slow = Sandbox::start(&[&MONTHS[..], &["--speed", "1"]].concat());
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let ledgers: Vec<PathBuf> = folders.iter().map(|folder| folder.path().join("own.sqlite")).collect();
    let desks: Vec<Child> = ledgers.iter().map(|ledger| running_desk(&slow, ledger)).collect();
    let (code, _, stderr) = owner(&slow, &["status"]);
    assert!(
        code == 2 && ledgers.iter().all(|ledger| stderr.contains(&*ledger.to_string_lossy())),
        "{stderr}"
    );

    let (code, told, stderr) = owner(&slow, &["halt", "--reason", "panic", "--json"]);
    assert_eq!(code, 0, "{stderr}");
    let told: Value = serde_json::from_str(&told).unwrap();
    let reached: Vec<_> = told["posted"].as_array().unwrap().iter().map(|desk| &desk["taken"]).collect();
    assert_eq!(reached, [&json!(true), &json!(true)], "{told}");
    for ledger in &ledgers {
        let halted = "SELECT count(*) FROM halt WHERE rule = 'owner' AND detail = 'panic'";
        until(ledger, halted);
        assert_eq!(read_stop(ledger).as_deref(), Some("panic"), "it holds at the next start too");
    }
    let text = owner(&slow, &["halt", "--reason", "panic"]).1;
    assert_eq!(text.matches("halted: the desk of").count(), 2, "{text}");

    // One of them is resumed; a halt of its ledger alone reaches it alone.
    let first = ledgers[0].to_string_lossy();
    let (code, told, stderr) =
        owner(&slow, &["resume", "--trading", "--ledger", &first, "--reason", "looked"]);
    assert!(code == 0 && told.contains("taken by the running desk"), "{told} {stderr}");
    let told: Value = serde_json::from_str(&owner(&slow, &["halt", "--ledger", &first, "--json"]).1).unwrap();
    assert_eq!(told["posted"].as_array().unwrap().len(), 1, "{told}");
    // The owner halted them.
    desks.into_iter().for_each(|desk| interrupt(desk, 0));
    let (code, told, _) = owner(&slow, &["halt", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["posted"]), (0, &json!([])), "no desk runs");
    assert!(slow.home.path().join("protogen/STOP").exists());
}

#[test]
fn a_halt_that_a_desk_does_not_answer_fails_and_says_which() {
    let home = tempfile::tempdir().unwrap();
    let ledger = home.path().canonicalize().unwrap().join("protogen/stuck.sqlite");
    fs::create_dir_all(ledger.parent().unwrap()).unwrap();
    fs::write(&ledger, "").unwrap();
    let _lock = LedgerLock::acquire_lock(&ledger).unwrap();
    let began = Instant::now();
    let (code, told, stderr) = finish(protogen(&["halt", "--json"]).env("XDG_DATA_HOME", home.path()));
    assert_eq!(code, 4);
    assert!((Duration::from_secs(10)..Duration::from_secs(30)).contains(&began.elapsed()));
    let own = std::process::id().to_string();
    assert!(
        stderr.contains("has not answered within 10 s") && stderr.contains(&format!("kill -INT {own}")),
        "{stderr}"
    );
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["posted"][0]["taken"], false);
    assert_eq!(Inbox::new(&ledger).count_waiting(), 1, "it waits for the desk");
    assert!(ledger.with_file_name("STOP").exists());
}

#[test]
fn a_stop_file_holds_before_the_first_order() {
    let sandbox = Sandbox::start(&MONTH);
    fs::write(sandbox.home.path().join("STOP"), "not today\n").unwrap();
    let (code, _, stderr) =
        finish(&mut sandbox.live(&[&NO_KILL[..], &["--set", "scanner.interval=0s"]].concat()));
    assert_eq!(code, 0, "the owner halted it: {stderr}");
    assert_eq!(count(&sandbox.ledger(), "placed"), 0);
    let halted = "SELECT count(*) FROM halt WHERE rule = 'owner' AND detail = 'not today'";
    assert_eq!(select(&sandbox.ledger(), halted), 1);
}

/// A time in which the process can open neither a connection nor a file passes, as an outage does.
#[test]
fn a_desk_short_of_file_descriptors_halts_nothing() {
    let mut short = 0;
    for limit in 16..=20 {
        let sandbox = Sandbox::start(&MONTH);
        let live = sandbox.live(&NO_KILL);
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("ulimit -n {limit}; exec \"$@\""), "sh"]);
        limited.arg(live.get_program()).args(live.get_args());
        limited.envs(live.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let (code, _, said) = finish(&mut limited);
        // With too few it says so and does not begin.
        if code != 0 {
            assert!(code == 3 && !said.contains("panicked"), "{limit}: {code}: {said}");
            continue;
        }
        short += usize::from(said.contains("Too many open files"));
        let halts = "SELECT count(*) FROM halts WHERE rule IN ('owner', 'exchange', 'discrepancy')";
        assert_eq!(select(&sandbox.ledger(), halts), 0, "{limit}: {said}");
        assert_eq!(books(&sandbox.ledger()), sandbox.account(), "{limit}: {said}");
    }
    assert!(short > 0, "some sessions have to run out of file descriptors");
}
