//! Files, folders and rows that `data import`, `check`, `show` and `sweep` cannot use: exit code, message, and
//! every file as it was before.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::world::{Outcome, World, protogen};
use super::{DATA, USAGE};

const MARKETS: &str = "ticker,event_ticker,open_time,close_time\n\
    KXA-24JAN-1,KXA-24JAN,2024-01-01T00:00:00Z,2024-01-09T00:00:00Z\n";
const MAP: &str = "[columns]\nts = \"ts\"\nticker = \"ticker\"\nyes_price = \"price\"\ncount = \"count\"\n\
    taker_side = \"side\"\n[time]\nunit = \"us\"\nzone = \"UTC\"\n";
const HEADER: &str = "ts,ticker,price,count,side\n";
const ROW: &str = "2024-01-03T12:00:00Z,KXA-24JAN-1,46,250,yes\n";

const IMPORT: &str = "data import trades trades.csv --map map.toml --markets markets.csv --out out";
const CHECK: &str = "data check data";
const SHOW: &str = "data show data";
const SWEEP: &str = "sweep case.toml --grid risk.kelly_fraction=0.1,0.2 --out sweeps";

/// What is broken, how, the command, its exit code, and the whole of what it says on stderr.
type Case = (&'static str, fn(&World), &'static str, i32, &'static str);

const PLACES: &[Case] = &[
    (
        "trades are a symlink to themselves",
        |w| loops(w, "trades.csv"),
        IMPORT,
        DATA,
        "trades.csv: cannot be read: Too many levels of symbolic links (os error 40)",
    ),
    (
        "--out is a symlink to itself",
        |w| loops(w, "out"),
        IMPORT,
        DATA,
        "out: is there already; remove it, or give another --out",
    ),
    (
        "--out is where nothing can be written",
        |_| (),
        "data import trades trades.csv --map map.toml --markets markets.csv --out /proc/out",
        DATA,
        "/proc/out: cannot be created: No such file or directory (os error 2)",
    ),
    (
        "--out is the folder itself",
        |_| (),
        "data import trades trades.csv --map map.toml --markets markets.csv --out .",
        DATA,
        ".: is no name for a new folder",
    ),
    (
        "trades are a folder",
        |w| fs::create_dir(w.path("folder.csv")).unwrap(),
        "data import trades folder.csv --map map.toml --markets markets.csv --out out",
        DATA,
        "folder.csv: cannot be read: Is a directory (os error 21)",
    ),
    (
        "one file twice",
        |_| (),
        "data import trades trades.csv ./trades.csv --map map.toml --markets markets.csv --out out",
        DATA,
        "./trades.csv: is given twice; name each file once",
    ),
    (
        "neither CSV nor Parquet",
        |_| (),
        "data import trades map.toml --map map.toml --markets markets.csv --out out",
        DATA,
        "map.toml: is neither *.parquet nor *.csv",
    ),
    (
        "Parquet that is text",
        |w| w.write("trades.parquet", HEADER),
        "data import trades trades.parquet --map map.toml --markets markets.csv --out out",
        DATA,
        "trades.parquet: cannot be read as Parquet (truncated?): Parquet error: Invalid Parquet file. Corrupt footer",
    ),
    (
        "no map",
        |w| w.remove("map.toml"),
        IMPORT,
        DATA,
        "map.toml: cannot be read: No such file or directory (os error 2)",
    ),
    (
        "a map that is not text",
        |w| w.write("map.toml", [0xff, 0xfe]),
        IMPORT,
        DATA,
        "map.toml: cannot be read: stream did not contain valid UTF-8",
    ),
    (
        "markets that are not text",
        |w| w.write("markets.csv", [&[0xff, 0xfe], MARKETS.as_bytes()].concat()),
        IMPORT,
        DATA,
        "markets.csv: cannot be read: CSV parse error: record 0 (line 1, field: 0, byte: 0): invalid utf-8: invalid UTF-8 in field 0 near byte index 0",
    ),
    (
        "a market twice",
        |w| w.write("markets.csv", [MARKETS, MARKETS.lines().last().unwrap(), "\n"].concat()),
        IMPORT,
        DATA,
        "markets.csv, row 2: ticker KXA-24JAN-1 is there twice",
    ),
    (
        "two columns of a name",
        |w| w.write("trades.csv", [&HEADER.replace("count", "price"), ROW].concat()),
        IMPORT,
        DATA,
        "trades.csv: has two columns price (for yes_price); rename one",
    ),
    (
        "a fee_changes.csv that leads nowhere",
        |w| symlink("nowhere", w.path("data/fee_changes.csv")).unwrap(),
        SHOW,
        DATA,
        "data/fee_changes.csv: is not a file that can be read; mend or remove it",
    ),
    (
        "a folder named like a part",
        |w| fs::create_dir(parts(w).join("b.parquet")).unwrap(),
        SHOW,
        DATA,
        "data/snapshots/b.parquet: is not a file; it must be one in Parquet format",
    ),
    (
        "a part that leads to itself",
        |w| {
            parts(w);
            loops(w, "data/snapshots/b.parquet");
        },
        SHOW,
        DATA,
        "data/snapshots/b.parquet: cannot be read as Parquet (truncated?): Too many levels of symbolic links (os error 40)",
    ),
    (
        "a part that is a pipe nobody writes to",
        |w| {
            let made = Command::new("mkfifo").arg(parts(w).join("b.parquet")).status();
            assert!(made.unwrap().success());
        },
        SHOW,
        DATA,
        "data/snapshots/b.parquet: is not a file; it must be one in Parquet format",
    ),
    (
        "markets that are a symlink to themselves",
        |w| {
            w.remove("data/markets.parquet");
            loops(w, "data/markets.parquet");
        },
        SHOW,
        DATA,
        "data: has no markets.parquet",
    ),
    (
        "a page over the data",
        |_| (),
        "data show data --html data/markets.parquet",
        USAGE,
        "--html data/markets.parquet: must end in .html",
    ),
    (
        "a page into a file",
        |_| (),
        "data show data --html map.toml/page.html",
        DATA,
        "map.toml: cannot be created: File exists (os error 17)",
    ),
    (
        "a page over a folder",
        |w| fs::create_dir(w.path("page.html")).unwrap(),
        "data show data --html page.html",
        DATA,
        "page.html: cannot be written: Is a directory (os error 21)",
    ),
    (
        "a page of broken data",
        |w| w.snapshots(|table| table.price("yes_bid", 3, 9_000)),
        "data show data --html page.html",
        DATA,
        "data/snapshots.parquet, row 3: yes_bid 9000 is not below yes_ask 4700",
    ),
    ("no such market", |_| (), "data show data KXNONE", DATA, "data has no market, event or series KXNONE"),
];

/// A sweep keeps its plan, so that it can go on when the data are mended.
const SWEEPS: &[Case] = &[
    (
        "a sweep of broken data",
        |w| w.snapshots(|table| table.price("yes_bid", 3, 9_000)),
        SWEEP,
        DATA,
        "data/snapshots.parquet, row 3: yes_bid 9000 is not below yes_ask 4700",
    ),
    (
        "a sweep into a file",
        |w| w.write("sweeps", ""),
        SWEEP,
        DATA,
        "sweeps/case/sweep-[ID]: cannot be created: Not a directory (os error 20)",
    ),
    (
        "a sweep of facts that are a folder",
        |w| {
            w.line("data = \"data\"", "data = \"data\"\nfacts = [\"facts.csv\"]");
            fs::create_dir(w.path("facts.csv")).unwrap();
        },
        SWEEP,
        DATA,
        "facts.csv: cannot be read: Is a directory (os error 21)",
    ),
];

/// Times no market has, and what is said of the row or the market that has them.
const TIMES: &[Case] = &[
    (
        "the least number there is",
        |w| w.write("trades.csv", row("-9223372036854775808")),
        IMPORT,
        DATA,
        "out: would be empty: of 1 rows 0 are not of the series and times asked for, 1 cannot be used\n  trades.csv, row 1: before KXA-24JAN-1 opened",
    ),
    (
        "the greatest number there is",
        |w| w.write("trades.csv", row("9223372036854775807")),
        IMPORT,
        DATA,
        "out: would be empty: of 1 rows 0 are not of the series and times asked for, 1 cannot be used\n  trades.csv, row 1: after KXA-24JAN-1 closed",
    ),
    (
        "more than a number holds",
        |w| w.write("trades.csv", row("9223372036854775808")),
        IMPORT,
        DATA,
        "trades.csv, row 1: ts is not a value of its kind; see [units] and [time] of the map",
    ),
    (
        "the year 1",
        |w| w.write("trades.csv", row("0001-01-01T00:00:00Z")),
        IMPORT,
        DATA,
        "trades.csv, row 1: ts is not a value of its kind; see [units] and [time] of the map",
    ),
    (
        "a thirtieth of February",
        |w| w.write("trades.csv", row("2024-02-30T00:00:00Z")),
        IMPORT,
        DATA,
        "trades.csv, row 1: ts is not a value of its kind; see [units] and [time] of the map",
    ),
    (
        "a market that opens in the year 10000",
        |w| w.write("markets.csv", MARKETS.replace("2024-01-01T", "10000-01-01T")),
        IMPORT,
        DATA,
        "markets.csv, row 1: open_time: `10000-01-01T00:00:00Z` is not a time like 2024-01-31T19:00:00Z",
    ),
    (
        "a market that closes before it opens",
        |w| w.write("markets.csv", MARKETS.replace("2024-01-09T", "2023-01-09T")),
        IMPORT,
        DATA,
        "markets.csv, row 1: close_time 2023-01-09T00:00:00Z is not after open_time 2024-01-01T00:00:00Z",
    ),
];

fn row(ts: &str) -> String {
    format!("{HEADER}{}", ROW.replace("2024-01-03T12:00:00Z", ts))
}

fn loops(world: &World, name: &str) {
    let path = world.path(name);
    let _there = fs::remove_file(&path);
    symlink(path.file_name().unwrap(), &path).unwrap();
}

/// Makes the snapshots the part `a` of a folder, and returns that.
fn parts(world: &World) -> PathBuf {
    let folder = world.path("data/snapshots");
    fs::create_dir(&folder).unwrap();
    fs::rename(world.path("data/snapshots.parquet"), folder.join("a.parquet")).unwrap();
    folder
}

fn new() -> World {
    let world = World::new();
    world.write("markets.csv", MARKETS);
    world.write("map.toml", MAP);
    world.write("trades.csv", format!("{HEADER}{ROW}"));
    world
}

fn command(world: &World, line: &str) -> Command {
    let mut command = protogen();
    command.args(line.split(' ')).arg("-q").current_dir(world.path(""));
    command
}

/// Everything below a folder: bytes of files, targets of links.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.symlink_metadata().unwrap().file_type();
        let content = if kind.is_dir() {
            found.extend(contents(&path));
            Vec::new()
        } else if kind.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else if kind.is_fifo() {
            Vec::new()
        } else {
            fs::read(&path).unwrap()
        };
        found.insert(path, content);
    }
    found
}

/// The folder of a sweep, or the plan in it.
fn is_plan(path: &Path) -> bool {
    path.is_dir() || path.ends_with("manifest.json")
}

/// Puts `[ID]` where the id of a sweep stands.
fn without_id(text: &str) -> String {
    match text.split_once("/sweep-") {
        Some((before, after)) => {
            format!("{before}/sweep-[ID]{}", after.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
        }
        None => text.to_owned(),
    }
}

#[track_caller]
fn refused(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (name, break_it, line, code, says) in cases {
        let world = new();
        break_it(&world);
        let before = contents(&world.path(""));
        let outcome = world.outcome(command(&world, line));
        let found = format!("exit {}\n{}", outcome.code, without_id(&outcome.stderr));
        let expected = format!("exit {code}\nprotogen: {says}\n");
        if found != expected || !outcome.stdout.is_empty() {
            wrong.push(format!("── {name}\nexpected {expected}found {found}{}", outcome.stdout));
        }
        let mut after = contents(&world.path(""));
        after.retain(|path, _| {
            before.contains_key(path) || !path.starts_with(world.path("sweeps")) || !is_plan(path)
        });
        let changed = after.iter().filter(|(path, bytes)| before.get(*path) != Some(bytes));
        let changed: Vec<_> = changed.map(|(path, _)| path).collect();
        if !changed.is_empty() || after.len() != before.len() {
            wrong.push(format!("── {name}: {changed:?} changed or was left behind"));
        }
    }
    assert!(wrong.is_empty(), "what the program says has changed:\n{}", wrong.join("\n"));
}

#[test]
fn places_that_cannot_be_used() {
    refused(PLACES);
}

#[test]
fn sweeps_that_cannot_run() {
    refused(SWEEPS);
}

#[test]
fn times_no_market_has() {
    refused(TIMES);
}

#[test]
fn a_check_lists_what_it_cannot_read() {
    let world = new();
    loops(&world, "data/fee_changes.csv");
    let outcome = world.outcome(command(&world, CHECK));
    let says = "data/fee_changes.csv: is not a file that can be read; mend or remove it\n";
    assert_eq!((outcome.code, outcome.stdout), (DATA, format!("{says}data: 0 rows: 1 problems\n")));
}

/// Trades that make files of more than a megabyte on the way.
fn many_trades(world: &World) {
    let rows = (0..150_000).map(|second| {
        let at = 1_704_200_000_000_000_i64 + second * 1_000_003;
        let price = 20 + second * second % 61;
        format!(
            "{at},KXA-24JAN-1,{price},{},{}\n",
            1 + second % 997,
            if second % 3 == 0 { "yes" } else { "no" }
        )
    });
    world.write("trades.csv", format!("{HEADER}{}", rows.collect::<String>()));
}

/// Runs where files end after some kilobytes, as they do on a full disk; no privilege is needed for that.
fn with_short_files(world: &World, line: &str, kilobytes: u32) -> Outcome {
    let program = protogen();
    let mut shell = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kilobytes * 2);
    shell.arg("-c").arg(script).arg(program.get_program()).args(line.split(' ')).arg("-q");
    world.outcome({
        shell.env_remove("RUST_BACKTRACE").current_dir(world.path(""));
        shell
    })
}

#[test]
fn a_disk_that_fills_up_loses_nothing_and_publishes_nothing() {
    let world = new();
    many_trades(&world);
    let backtest = "backtest case.toml --out runs";
    let page = "data show data --html page.html";
    world.write("page.html", "an older page");
    let before = contents(&world.path(""));
    for (line, kilobytes, file, what) in [
        (IMPORT, 64, "out", ".out.importing"),
        (IMPORT, 1, "out", ".out.importing"),
        (backtest, 8, "runs", "ledger.sqlite"),
        (SWEEP, 1, "sweeps", "table.parquet"),
        (page, 4, "page.html", "page.html"),
    ] {
        let outcome = with_short_files(&world, line, kilobytes);
        let said = outcome.stderr;
        assert!(matches!(outcome.code, 3 | 70), "{line}: {} {said}", outcome.code);
        assert!(said.starts_with("protogen: ") && said.contains(what), "{line}: {said}");
        assert_eq!(said.lines().count(), 1, "{line}: {said}");
        let mut after = contents(&world.path(""));
        // Folders for runs may be there, but of runs nothing; of a sweep what is whole.
        let whole = ["manifest.json", "table.csv"];
        after.retain(|path, bytes| {
            let of_sweep = path.starts_with(world.path("sweeps"));
            let is_task = of_sweep && path.extension().is_some_and(|extension| extension == "json");
            let is_whole = is_task || of_sweep && whole.iter().any(|name| path.ends_with(name));
            !(is_whole || bytes.is_empty() && (of_sweep || path.ends_with("case") || path.ends_with(file)))
        });
        let _sweeps = fs::remove_dir_all(world.path("sweeps"));
        let _runs = fs::remove_dir_all(world.path("runs"));
        assert!(after == before, "{line}: {:?}", after.keys().collect::<Vec<_>>());
    }
}

/// A real full disk, where this user may mount one.
#[test]
fn a_full_tmpfs_is_named() {
    let world = new();
    many_trades(&world);
    fs::create_dir(world.path("small")).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=32k", "tmpfs"])
        .arg(world.path("small"))
        .output();
    if !mount.is_ok_and(|output| output.status.success()) {
        // The test above holds the same without the privilege.
        return;
    }
    let line = IMPORT.replace("--out out", "--out small/mine");
    let outcome = world.outcome(command(&world, &line));
    let left = contents(&world.path("small"));
    let freed = Command::new("umount").arg(world.path("small")).status();
    assert!(freed.unwrap().success());
    assert_eq!(outcome.code, DATA, "{}", outcome.stderr);
    let says = "No space left on device (os error 28)\n";
    assert!(
        outcome.stderr.contains("small/.mine.importing") && outcome.stderr.ends_with(says),
        "{}",
        outcome.stderr
    );
    assert!(left.is_empty(), "{:?}", left.keys());
}

#[test]
fn two_processes_do_not_write_one_data_set() {
    let world = new();
    let partial = world.path(".out.importing");
    fs::create_dir(&partial).unwrap();
    fs::write(partial.join("lock"), "4711\n").unwrap();
    fs::write(partial.join("half.parquet"), "half").unwrap();
    let holder = fs::File::open(partial.join("lock")).unwrap();
    holder.try_lock().unwrap();
    let before = contents(&world.path(""));
    let outcome = world.outcome(command(&world, IMPORT));
    let says = "protogen: out: is being written by process 4711; wait for it, or write to another folder\n";
    assert_eq!((outcome.code, &*outcome.stderr), (DATA, says));
    assert!(contents(&world.path("")) == before, "the other's files were touched");
    // When it has died, its leavings are cleared and the data set is made.
    drop(holder);
    assert_eq!(world.outcome(command(&world, IMPORT)).code, 0);
    assert!(world.path("out/markets.parquet").exists() && !partial.exists());
}

#[test]
fn of_two_imports_at_once_one_wins_and_the_data_set_is_whole() {
    let world = new();
    many_trades(&world);
    let start = || command(&world, IMPORT).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let children = [start(), start()];
    let outputs = children.map(|child| child.wait_with_output().unwrap());
    let mut codes = outputs.each_ref().map(|output| output.status.code().unwrap());
    codes.sort_unstable();
    assert_eq!(codes, [0, DATA]);
    let check = world.outcome(command(&world, "data check out"));
    assert!(check.stdout.starts_with("out: 1 markets, 150000 rows: nothing wrong"), "{}", check.stdout);
}

#[test]
fn a_killed_run_leaves_no_run() {
    let world = new();
    let mut child = command(&world, "backtest case.toml --out runs").spawn().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let whole = |folder: &str| {
        let entries = fs::read_dir(world.path(folder)).into_iter().flatten();
        entries
            .filter(|entry| !entry.as_ref().unwrap().file_name().as_encoded_bytes().starts_with(b"."))
            .count()
    };
    // Either it was not begun or it is hidden; two at once then both end well, as one run.
    assert_eq!(whole("runs/case"), 0);
    let start = || command(&world, "backtest case.toml --out runs").stdout(Stdio::null()).spawn().unwrap();
    let children = [start(), start()];
    for mut child in children {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    assert_eq!(whole("runs/case"), 2, "the run and `latest`");
}
