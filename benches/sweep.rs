//! What a sweep costs beside one backtest of the same data, and what a second thread gains.
//!
//! `cargo bench --bench sweep -- [SETS] [THOUSANDS OF ROWS]` (1,000 sets over a million rows unless told
//! otherwise). Linux only: CPU time is read from /proc. Each part runs in a process of its own: the program
//! itself. The data are those of `throughput`: a million rows for every 200 markets, one day, a scan every
//! 15 minutes.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops when it cannot go on"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use protogen::domain::{Span, Timestamp};
use protogen::feed::synthetic::SyntheticSettings;
use protogen::feed::synthetic::write_synthetic;

fn prepare(folder: &Path, thousands: u64) {
    if folder.join("markets.parquet").exists() {
        return;
    }
    fs::create_dir_all(folder).unwrap();
    let settings = SyntheticSettings {
        seed: 7,
        markets: u32::try_from((thousands / 5).max(10)).unwrap(),
        markets_per_event: 10,
        series: 20,
        quotes: thousands * 1_000,
        start: Timestamp::parse("2025-01-01T00:00:00Z").unwrap(),
        length: Span::DAY,
    };
    write_synthetic(folder, settings).unwrap();
    let scenario = "[scenario]\nname = \"bench\"\n[feed]\ndata = \".\"\n[strategy]\nname = \"fixed_rate\"\n\
                    probability = 0.5\n[kill_switch]\nmin_trades = 1000000\nevidence = 1e12\n";
    fs::write(folder.join("scenario.toml"), scenario).unwrap();
}

/// CPU seconds of the children that have ended.
fn children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap()) / 100.0
}

/// CPU seconds and wall-clock seconds of the program.
fn cost(arguments: &[&str], out: &Path) -> (f64, f64) {
    let _old = fs::remove_dir_all(out);
    let (before, began) = (children(), Instant::now());
    let mut command = Command::new(env!("CARGO_BIN_EXE_protogen"));
    let output = command.args(arguments).args(["-q", "--out"]).arg(out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seconds = (children() - before, began.elapsed().as_secs_f64());
    let _left = fs::remove_dir_all(out);
    seconds
}

fn main() {
    let arguments: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sets = arguments.first().copied().unwrap_or(1_000);
    let thousands = arguments.get(1).copied().unwrap_or(1_000);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sweep-{thousands}"));
    prepare(&folder, thousands);
    let (out, file) = (folder.join("out"), folder.join("scenario.toml"));
    let file = file.to_string_lossy();
    let one = cost(&["backtest", &file, "--no-report"], &out).0;
    println!("{thousands} thousand rows; one backtest {one:.2} CPU-s");
    let draws = sets.to_string();
    let mut walls = Vec::new();
    for threads in ["1", "2"] {
        let range = "risk.kelly_fraction=0.01..0.99";
        let sweep = ["sweep", &file, "--random", range, "--draws", &draws, "--lhs", "--threads", threads];
        let (cpu, wall) = cost(&sweep, &out);
        println!("{sets} sets, {threads} threads: {cpu:.2} CPU-s, {:.1} backtests; {wall:.2} s", cpu / one);
        walls.push(wall);
    }
    println!("two threads are {:.2} times as fast as one", walls[0] / walls[1]);
}
