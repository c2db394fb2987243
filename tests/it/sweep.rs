//! A sweep is its backtests, however it is cut: in shards, in threads, in pieces, killed and gone on with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{backtest, protogen, run, scenario};

const GRID: [&str; 4] =
    ["--grid", "risk.kelly_fraction=0.1,0.25", "--grid", "risk.max_market_exposure=0.02,0.05"];

/// Runs a sweep of a scenario and returns its folder.
fn sweep(scenario: &str, out: &Path, arguments: &[&str]) -> PathBuf {
    let mut command = protogen(&["sweep", scenario, "-q", "--out"]);
    run(command.arg(out).args(arguments));
    let scenarios = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
    let sweeps =
        scenarios.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    sweeps.filter(|folder| folder.to_string_lossy().contains("sweep-")).max().unwrap()
}

fn json(file: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// Every file of a folder, below it, with its bytes.
fn bytes(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(
                bytes(&path).into_iter().map(|(name, content)| (Path::new("tasks").join(name), content)),
            );
        } else {
            files.push((PathBuf::from(path.file_name().unwrap()), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

/// Two folders hold the same files with the same bytes.
fn same(one: &Path, other: &Path) {
    let (one, other) = (bytes(one), bytes(other));
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|file| file.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    for ((name, one), (_, other)) in one.iter().zip(&other) {
        assert!(one == other, "{} differs", name.display());
    }
}

/// Every set of a sweep beside the backtest with the same settings: same id, same decisions.
pub fn equals_its_backtests(name: &str, arguments: &[&str], always: &[&str]) {
    let out = tempfile::tempdir().unwrap();
    let folder = sweep(&scenario(name), out.path(), &[arguments, always].concat());
    let manifest = json(&folder.join("manifest.json"));
    for task in manifest["tasks"].as_array().unwrap() {
        let result = json(&folder.join(format!("tasks/{}.json", task["id"].as_str().unwrap())));
        let mut extra: Vec<String> = always.iter().map(|&flag| flag.to_owned()).collect();
        for parameter in task["parameters"].as_array().unwrap() {
            let (key, value) = (parameter[0].as_str().unwrap(), parameter[1].as_str().unwrap());
            extra.extend(["--set".to_owned(), format!("{key}={value}")]);
        }
        let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
        let alone = backtest(&scenario(name), out.path(), &extra);
        let figures = &result["figures"];
        assert_eq!(result["id"], alone["run_id"], "{extra:?}");
        assert_eq!(figures["digest"], alone["digest"], "{name} {extra:?}");
        for key in
            ["inputs", "trades", "wins", "evaluations", "opportunities", "orders", "fills", "halts", "brier"]
        {
            assert_eq!(figures[key], alone[key], "{name} {extra:?}: {key}");
        }
        for (in_millionths, key) in [
            ("final_equity_micros", "final_equity"),
            ("max_drawdown_ppm", "max_drawdown"),
            ("max_exposure_micros", "max_exposure"),
        ] {
            let (here, there) =
                (figures[in_millionths].as_f64().unwrap() / 1e6, alone[key].as_f64().unwrap());
            assert!((here - there).abs() < 1e-9, "{name} {extra:?}: {key} {here} {there}");
        }
        assert!(alone["trades"].as_u64().unwrap() > 0, "{name}: a set that does nothing proves nothing");
    }
}

#[test]
fn a_grid_of_four_is_four_backtests() {
    equals_its_backtests("fomc", &GRID, &[]);
}

#[test]
fn sets_that_scan_at_their_own_times_are_backtests_too() {
    // A scan on every quote, every minute, every week: each sees other quotes.
    let intervals = ["--grid", "scanner.interval=0s,1m,15m,7d"];
    equals_its_backtests("cpi", &intervals, &["--ignore-halts", "--set", "risk.max_quote_age=30d"]);
    equals_its_backtests(
        "weather",
        &["--grid", "scanner.interval=1m,6h", "--grid", "exits.max_holding=3h,2d"],
        &[],
    );
}

#[test]
fn what_equity_does_between_scans_counts() {
    // Bets shrink from a drawdown of half a percent on, which quotes between two scans make and unmake.
    let small = ["--set", "risk.drawdown_start=0.005", "--set", "risk.drawdown_half=0.03"];
    let always = [&small[..], &["--ignore-halts", "--set", "risk.max_quote_age=30d"]].concat();
    equals_its_backtests("cpi", &["--grid", "scanner.interval=2d,7d"], &always);
}

#[test]
fn sets_that_read_other_data_or_rest_their_orders_are_backtests_too() {
    let data = ["--grid", "feed.half_spread=0.01,0.02", "--grid", "scenario.end=2023-01-31,2025-09-30"];
    equals_its_backtests("fomc", &data, &["--ignore-halts"]);
    let orders = ["--grid", "execution.time_in_force=gtc,post_only", "--grid", "simulation.latency=1s,5h"];
    equals_its_backtests("cpi", &orders, &["--ignore-halts"]);
}

#[test]
fn shards_merged_are_the_sweep_byte_for_byte() {
    let whole = tempfile::tempdir().unwrap();
    let whole = (sweep(&scenario("fomc"), whole.path(), &[&GRID[..], &["--threads", "3"]].concat()), whole);
    let outs = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let folders = [1, 2, 3].map(|part| {
        let shard = format!("{part}/3");
        let arguments = [&GRID[..], &["--shard", &shard, "--threads", "1", "--at-once", "1"]].concat();
        sweep(&scenario("fomc"), outs[part - 1].path(), &arguments)
    });
    assert!(!folders[0].join("report.html").exists(), "a part has no report");
    let mut merge = protogen(&["sweep", "merge"]);
    let missing = merge.arg(&folders[0]).arg(&folders[1]).output().unwrap();
    assert_eq!(missing.status.code(), Some(3));
    let said = String::from_utf8(missing.stderr).unwrap();
    assert!(said.contains("1 of 4 results are missing, the first is that of set 3"), "{said}");
    run(protogen(&["sweep", "merge"]).args(&folders));
    same(&folders[0], &whole.0);
    assert!(whole.0.join("table.parquet").exists() && whole.0.join("table.csv").exists());
}

#[test]
fn a_sweep_that_was_killed_goes_on_where_it_was() {
    let whole = tempfile::tempdir().unwrap();
    let whole = (sweep(&scenario("fomc"), whole.path(), &GRID), whole);
    let out = tempfile::tempdir().unwrap();
    let mut command = protogen(&["sweep", &scenario("fomc"), "-q", "--at-once", "1", "--out"]);
    let mut child = command.arg(out.path()).args(GRID).spawn().unwrap();
    let folder = out.path().join("fomc").join(whole.0.file_name().unwrap());
    let tasks = folder.join("tasks");
    let done = || {
        let names = fs::read_dir(&tasks).into_iter().flatten().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().ends_with("json")).count()
    };
    while done() == 0 && child.try_wait().unwrap().is_none() {}
    child.kill().unwrap();
    child.wait().unwrap();
    let before = done();
    assert!((1..4).contains(&before), "{before} results: it was to be killed in the middle");
    let written = |folder: &Path| -> Vec<_> {
        let files = fs::read_dir(folder.join("tasks")).unwrap().map(|entry| entry.unwrap());
        let finished = files.filter(|file| !file.file_name().to_string_lossy().starts_with('.'));
        finished.map(|file| (file.file_name(), file.metadata().unwrap().modified().unwrap())).collect()
    };
    let kept = written(&folder);
    assert_eq!(sweep(&scenario("fomc"), out.path(), &GRID), folder);
    let now = written(&folder);
    assert!(kept.iter().all(|file| now.contains(file)), "what was there is not run again");
    // What the killed one was writing.
    for entry in fs::read_dir(&tasks).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|extension| extension == "partial") {
            fs::remove_file(entry).unwrap();
        }
    }
    same(&folder, &whole.0);
}

#[test]
fn gnu_parallel_runs_the_job_file() {
    if Command::new("parallel").arg("--version").output().is_err() {
        eprintln!("skipped: GNU parallel is not installed (apt-get install parallel)");
        return;
    }
    let whole = tempfile::tempdir().unwrap();
    let whole = (sweep(&scenario("fomc"), whole.path(), &GRID), whole);
    let out = tempfile::tempdir().unwrap();
    let mut plan =
        protogen(&["sweep", "plan", &scenario("fomc"), "--emit", "parallel", "--parts", "3", "--out"]);
    let job = run(plan.arg(out.path()).args(GRID)).stdout;
    let file = out.path().join("job.sh");
    fs::write(&file, job).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_protogen")).parent().unwrap();
    let path = std::env::join_paths(
        [program.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    run(Command::new("sh").arg(&file).env("PATH", path.unwrap()));
    let folder = out.path().join("fomc").join(whole.0.file_name().unwrap());
    same(&folder, &whole.0);
}

#[test]
fn what_cannot_be_swept_is_said_exactly() {
    let file = scenario("fomc");
    let out = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 12] = [
        (&[], "nothing varies; give --grid key=a,b or --random key=low..high"),
        (
            &["--grid", "risk.kelly_fraction"],
            "--grid risk.kelly_fraction: must have the form risk.kelly_fraction=0.1,0.25",
        ),
        (
            &["--grid", "risk.kelly_fraction=0.1,,0.2"],
            "--grid risk.kelly_fraction=0.1,,0.2: has an empty value; write risk.kelly_fraction=0.1,0.25",
        ),
        (
            &["--grid", "risk.kelly_fraction=0.1,0.1"],
            "--grid risk.kelly_fraction=0.1,0.1: 0.1 is there twice",
        ),
        (
            &["--grid", "risk.kelly_fractio=0.1,0.2"],
            "with --set risk.kelly_fractio=0.1: unknown key `kelly_fractio`; did you mean `kelly_fraction`?",
        ),
        (
            &["--grid", "risk.kelly_fraction=0.1,7"],
            "with --set risk.kelly_fraction=7: risk.kelly_fraction = 7 is not between 0 and 1",
        ),
        (&["--random", "risk.kelly_fraction=0.1..0.5"], "--random needs --draws, how many sets to draw"),
        (&["--draws", "5"], "nothing varies; give --grid key=a,b or --random key=low..high"),
        (
            &["--random", "risk.kelly_fraction=0.5..0.1", "--draws", "5"],
            "--random risk.kelly_fraction=0.5..0.1: the range ends before it begins",
        ),
        (
            &["--random", "risk.kelly_fraction=0.1-0.5", "--draws", "5"],
            "--random risk.kelly_fraction=0.1-0.5: must be a range, risk.kelly_fraction=0.05..0.5",
        ),
        (
            &["--grid", "exits.inversion=0,1", "--random", "exits.inversion=0..1", "--draws", "2"],
            "exits.inversion is varied twice",
        ),
        (
            &["--grid", "exits.inversion=0.0,0.1", "--shard", "4/3"],
            "`4/3` is no part; write 2/8 for the second of eight",
        ),
    ];
    for (arguments, expected) in cases {
        let output = protogen(&["sweep", &file, "--out"]).arg(out.path()).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "nothing was written");
}
