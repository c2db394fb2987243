//! Data sets on a server give what they give in a folder, with as little read as possible; and what a server does
//! not give is told clearly, soon, and without a secret.

mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use protogen::dataset::read::catalogue::Settlement;
use protogen::dataset::write::writer::{SnapshotRow, SnapshotWriter, write_markets};
use protogen::domain::{Market, SettlementValue, Span, Timestamp};
use protogen::feed::synthetic::write_synthetic;
use protogen::feed::synthetic::{SyntheticSettings, Walk};
use serde_json::Value;
use tempfile::TempDir;

use crate::bad_input::world::Table;
use crate::support::{protogen, run};

use server::{KEY_ID, REGION, SECRET, Server};

const SERIES: u32 = 8;

const SCENARIO: &str = "[scenario]\nname = \"case\"\nbankroll = 1000000.0\n[feed]\ndata = \"history\"\n\
    [scanner]\ninterval = \"1h\"\nmin_volume = 0\n[strategy]\nname = \"fixed_rate\"\nprobability = 0.5\n\
    [kill_switch]\nmin_trades = 100000\nevidence = 1e12\n";

/// A folder with a scenario, its data, and what the program may use.
struct World {
    folder: TempDir,
    server: Server,
}

impl World {
    /// Its history is in parts, one a series, and in a bucket that asks for signatures.
    fn in_parts() -> Self {
        let world = Self::empty();
        let history = world.path("history");
        fs::create_dir_all(history.join("snapshots")).unwrap();
        let mut walk = Walk::new(settings(160_000));
        let markets: Vec<Market> =
            (0..settings(0).markets).map(|number| walk.market_by_number(number)).collect();
        let part = |series: u32| history.join(format!("snapshots/part-{series}.parquet"));
        let mut parts: Vec<_> = (0..SERIES).map(|n| SnapshotWriter::create(&part(n)).unwrap()).collect();
        for (at, number, quote) in walk.by_ref() {
            let market = &markets[number as usize];
            let part = &mut parts[market.series.index()];
            part.write_row(&SnapshotRow { at, ticker: &market.ticker, quote }).unwrap();
        }
        parts.into_iter().for_each(|part| part.finish().unwrap());
        let end = Settlement { at: walk.close_time() + Span::HOUR, value: SettlementValue::ONE };
        let rows: Vec<_> = markets.into_iter().map(|market| (market, Some(end))).collect();
        write_markets(&history.join("markets.parquet"), &rows, false).unwrap();
        let fees =
            "series_ticker,effective_at,fee_type,fee_multiplier\nSYN001,2025-01-03T00:00:00Z,quadratic,2\n";
        fs::write(history.join("fee_changes.csv"), fees).unwrap();
        // What else lies beside a data set is nobody's business.
        fs::write(history.join("snapshots/notes.txt"), "x").unwrap();
        world.server.put_folder(&history, "bucket/a/history");
        world.server.put("bucket/a/history-of-others/markets.parquet", vec![1]);
        world.server.put("bucket/a/history-of-others/snapshots.parquet", vec![1]);
        world
    }

    /// Its history is one file of many small row groups, open to everybody.
    fn in_one_file() -> Self {
        let world = Self::empty();
        let history = world.path("history");
        fs::create_dir(&history).unwrap();
        write_synthetic(&history, settings(60_000)).unwrap();
        let file = history.join("snapshots.parquet");
        Table::read(&file).write(&file, 1_500);
        world.server.put_folder(&history, "web/history");
        world.server.open("web");
        world
    }

    fn empty() -> Self {
        let world = Self { folder: TempDir::new().unwrap(), server: Server::start() };
        fs::create_dir(world.path("tmp")).unwrap();
        fs::write(world.path("case.toml"), SCENARIO).unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn here(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port)
    }

    /// The program with nothing in its environment but who asks whom; wherever a role of the machine would be
    /// asked for, or anybody else, it is this server.
    fn command(&self, arguments: &[&str], secret: &str) -> Command {
        let mut command = protogen(arguments);
        let (here, port) = (self.here(), self.server.port);
        command.env_clear().current_dir(self.folder.path()).env("TMPDIR", self.path("tmp"));
        command.envs([
            ("AWS_ENDPOINT_URL", &*here),
            ("AWS_REGION", REGION),
            ("AWS_METADATA_ENDPOINT", &here),
        ]);
        command.envs([("HTTPS_PROXY", &*here), ("IDENTITY_ENDPOINT", &here)]);
        command.envs(
            ["GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP"]
                .map(|name| (name, format!("127.0.0.1:{port}"))),
        );
        if !secret.is_empty() {
            command.env("AWS_ACCESS_KEY_ID", KEY_ID).env("AWS_SECRET_ACCESS_KEY", secret);
        }
        command
    }

    fn backtest(&self, data: &str, extra: &[&str]) -> Value {
        let out = self.path("out");
        let (set, out) = (format!("feed.data={data}"), out.to_string_lossy());
        let arguments =
            ["backtest", "case.toml", "--json", "-q", "--no-report", "--out", &out, "--set", &set];
        serde_json::from_slice(&self.run(&[&arguments, extra].concat()).stdout).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = run(&mut self.command(arguments, SECRET));
        self.nothing_left();
        output
    }

    fn nothing_left(&self) {
        assert_eq!(fs::read_dir(self.path("tmp")).unwrap().count(), 0, "copies are left behind");
    }

    /// Exit code and message of a look at a data set.
    fn refusal(&self, data: &str, secret: &str, more: &[(&str, &str)]) -> (i32, String) {
        let mut command = self.command(&["data", "show", data], secret);
        let output = command.envs(more.iter().copied()).output().unwrap();
        self.nothing_left();
        let told = String::from_utf8(output.stderr).unwrap();
        for hidden in [SECRET, KEY_ID, "hunter2"] {
            assert!(!told.contains(hidden), "{told}");
        }
        assert_eq!(told.lines().count(), 1, "{told}");
        (output.status.code().unwrap(), told)
    }
}

fn settings(quotes: u64) -> SyntheticSettings {
    let start = Timestamp::parse("2025-01-01T00:00:00Z").unwrap();
    let length = Span::DAY.times(10);
    SyntheticSettings { seed: 7, markets: 40, markets_per_event: 5, series: SERIES, quotes, start, length }
}

/// What two runs have to have in common, and that something was done.
fn same_run(one: &Value, other: &Value) {
    let keys = ["digest", "inputs", "evaluations", "fills", "fees", "final_equity", "max_drawdown", "brier"];
    for key in keys {
        assert_eq!(one[key], other[key], "{key}");
    }
    assert!(one["fills"].as_u64().unwrap() > 0, "a run that does nothing proves nothing: {one}");
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let bytes = |entry: fs::DirEntry| match entry.metadata().unwrap() {
        found if found.is_dir() => bytes_below(&entry.path()),
        found => found.len(),
    };
    entries.map(bytes).sum()
}

const BUCKET: &str = "s3://bucket/a/history";

#[test]
fn a_bucket_is_a_folder() {
    let world = World::in_parts();
    let local = world.backtest("history", &[]);
    let first = world.backtest(BUCKET, &[]);
    same_run(&local, &first);
    let all = world.server.given();
    // A server that is busy for a while and breaks off an answer is asked again.
    world.server.busy(2);
    world.server.cut("bucket/a/history/snapshots/part-3.parquet", 1);
    let again = world.backtest(&format!("{BUCKET}/"), &[]);
    same_run(&local, &again);
    let run_of = |summary: &Value| world.path("out/case").join(summary["run_id"].as_str().unwrap());
    let written = fs::read_to_string(run_of(&first).join("scenario.toml")).unwrap();
    assert!(written.contains(&format!("\"{BUCKET}\"")), "{written}");
    let replayed = world.run(&["replay", &run_of(&first).to_string_lossy()]);
    assert!(String::from_utf8_lossy(&replayed.stdout).contains("decisions are the same"));
    // The same data, asked for in the same words, is the same run wherever it is run.
    let elsewhere = World { folder: TempDir::new().unwrap(), server: world.server.clone() };
    fs::create_dir(elsewhere.path("tmp")).unwrap();
    fs::write(elsewhere.path("case.toml"), SCENARIO).unwrap();
    assert_eq!(elsewhere.backtest(BUCKET, &[])["run_id"], first["run_id"]);
    // Of one series of eight: its part, the markets, and the footers of the other parts.
    world.server.given();
    let one = ["--set", "scanner.series=[\"SYN002\"]"];
    let (local, remote) = (world.backtest("history", &one), world.backtest(BUCKET, &one));
    same_run(&local, &remote);
    let (given, whole) = (world.server.given(), bytes_below(&world.path("history")));
    assert!(given * 3 < whole, "{given} of {whole} bytes");
    assert!(all > whole - 1_000 && all < whole + 50_000, "{all} of {whole} bytes");
    // Other rows at the same place are another run.
    let part = "history/snapshots/part-2.parquet";
    fs::copy(world.path("history/snapshots/part-1.parquet"), world.path(part)).unwrap();
    world.server.put_folder(&world.path("history"), "bucket/a/history");
    assert_ne!(world.backtest(BUCKET, &[])["run_id"], first["run_id"]);
}

#[test]
fn shards_that_read_one_bucket_are_parts_of_one_sweep() {
    let world = World::in_parts();
    let sweep = |data: &str, out: &str, extra: &[&str]| {
        let set = format!("feed.data={data}");
        let (grid, series) = ("risk.kelly_fraction=0.1,0.25", "scanner.series=[\"SYN001\"],[\"SYN002\"]");
        let arguments =
            ["sweep", "case.toml", "-q", "--out", out, "--set", &set, "--grid", grid, "--grid", series];
        world.run(&[&arguments, extra].concat());
        let below = |folder: PathBuf| fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        below(below(world.path(out)))
    };
    let (one, two) = (sweep(BUCKET, "one", &["--shard", "1/2"]), sweep(BUCKET, "two", &["--shard", "2/2"]));
    let asked = world.server.asked();
    let part = |request: &&String| request.starts_with("GET /bucket/a/history/snapshots/part-1");
    // For each shard: its end for either series, and its rows for the one whose it is, however many sets there are.
    assert_eq!(asked.iter().filter(part).count(), 6, "{asked:?}");
    world.run(&["sweep", "merge", &one.to_string_lossy(), &two.to_string_lossy()]);
    let local = sweep("history", "local", &[]);
    // Ids hold the data's place as it was written; results do not.
    let table = |folder: &Path| {
        let text = fs::read_to_string(folder.join("table.csv")).unwrap();
        let rows = text.lines().map(|row| row.split_once(',').unwrap());
        rows.map(|(_task, row)| row.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(table(&one), table(&local));
    assert_eq!(table(&one).len(), 5);
}

#[test]
fn what_is_looked_at_is_the_same() {
    let world = World::in_parts();
    for arguments in [&["show"][..], &["show", "SYN003-000003-T02"], &["show", "SYN004"], &["check"]] {
        let look = |data: &str| {
            let arguments: Vec<&str> =
                ["data", arguments[0], data].into_iter().chain(arguments[1..].iter().copied()).collect();
            let told = String::from_utf8(world.run(&arguments).stdout).unwrap();
            told.replace(data, "DATA")
        };
        let (here, there) = (look("history"), look(BUCKET));
        assert!(here.len() > 100, "{here}");
        assert_eq!(here, there);
    }
    // An overview needs when there were snapshots of which market, and no prices.
    world.server.given();
    world.run(&["data", "show", BUCKET]);
    let (given, whole) = (world.server.given(), bytes_below(&world.path("history")));
    assert!(given * 5 < whole * 4, "{given} of {whole} bytes");
    // Bad data is told as in a folder, by its address and its row there.
    let file = world.path("history/snapshots/part-7.parquet");
    Table::read(&file).price("yes_bid", 12_000, 9_999).write(&file, 5_000);
    world.server.put_folder(&world.path("history"), "bucket/a/history");
    let problems = |data: &str| {
        let output = world.command(&["data", "check", data], SECRET).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8(output.stdout).unwrap()
    };
    let there = problems(BUCKET);
    assert!(there.contains("s3://bucket/a/history/snapshots/part-7.parquet, row 12000: "), "{there}");
    assert_eq!(problems("history"), there.replace(BUCKET, "history"));
}

#[test]
fn a_web_server_gives_the_row_groups_that_are_asked_for() {
    let world = World::in_one_file();
    let address = format!("{}/web/history", world.here());
    let dates = ["--set", "scenario.start=2025-01-04", "--set", "scenario.end=2025-01-04"];
    let (local, remote) = (world.backtest("history", &dates), world.backtest(&address, &dates));
    same_run(&local, &remote);
    let (given, whole) = (world.server.given(), bytes_below(&world.path("history")));
    assert!(given * 3 < whole, "{given} of {whole} bytes");
    same_run(&world.backtest("history", &[]), &world.backtest(&address, &[]));
    world.server.remove("web/history/snapshots.parquet");
    let (code, told) = world.refusal(&address, "", &[]);
    assert!(code == 3 && told.contains("over http the snapshots must be one file"), "{told}");
}

#[test]
fn what_a_server_does_not_give_is_told() {
    let world = World::in_parts();
    let part = "bucket/a/history/snapshots/part-5.parquet";
    let refused = |data: &str, secret: &str, code: i32, words: &[&str]| {
        let (found, told) = world.refusal(data, secret, &[]);
        assert_eq!(found, code, "{told}");
        words.iter().for_each(|word| assert!(told.contains(word), "{word}: {told}"));
    };
    let secret = SECRET;
    refused(BUCKET, "hunter2", 3, &[BUCKET, "refused (SignatureDoesNotMatch)", "AWS_SECRET_ACCESS_KEY"]);
    refused("s3://other/history", secret, 3, &["s3://other/history", "no such bucket"]);
    refused("s3://bucket/b", secret, 3, &["s3://bucket/b", "holds no data set"]);
    refused("s3://bucket/a/history-of-others", secret, 3, &["others/markets.parquet", "as Parquet"]);
    refused("s3://k:hunter2@bucket/a", secret, 3, &["s3://…@bucket/a", "from the environment"]);
    refused("https://host/a?X-Amz-Signature=hunter2", secret, 3, &["https://host/a?…", "environment"]);
    refused("ftp://host/a", secret, 3, &["ftp://host/a", "known are s3://"]);
    refused("http://127.0.0.1:1/a", secret, 4, &["http://127.0.0.1:1/a", "refused (os error"]);
    refused(&format!("{}/nothing/here", world.here()), secret, 3, &["access was refused"]);
    let nobody = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
    let (code, told) = world.refusal(BUCKET, secret, &nobody);
    assert!(code == 4 && told.contains("cannot be reached") && told.contains(BUCKET), "{told}");
    world.server.busy(100);
    refused(BUCKET, secret, 4, &[BUCKET, "503", "SlowDown"]);
    world.server.busy(0);
    world.server.cut(part, 100);
    refused(BUCKET, secret, 4, &["s3://bucket/a/history/snapshots/part-5.parquet"]);
    world.server.cut(part, 0);
    let whole = fs::read(world.path("history/snapshots/part-5.parquet")).unwrap();
    world.server.put(part, whole[..whole.len() - 1_000].to_vec());
    refused(BUCKET, secret, 3, &["s3://bucket/a/history/snapshots/part-5.parquet", "truncated?"]);
    // In a scenario too, and on the command line, where the message repeats what was written.
    let set = ["backtest", "case.toml", "--set", "feed.data=s3://k:hunter2@bucket/a"];
    let output = world.command(&set, secret).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("s3://…@bucket/a") && !told.contains("hunter2"), "{told}");
}

#[test]
fn other_clouds_are_asked_in_their_way() {
    let world = World::in_one_file();
    // Google's store speaks S3's language for reading; a key file without a key is for a test server.
    let service = format!(
        "{{\"gcs_base_url\": \"{}\", \"disable_oauth\": true, \"client_email\": \"\", \"private_key\": \"\", \
         \"private_key_id\": \"\"}}",
        world.here()
    );
    let google = |arguments: &[&str]| {
        let mut command = world.command(arguments, "");
        command.env("GOOGLE_SERVICE_ACCOUNT_KEY", &service);
        String::from_utf8(run(&mut command).stdout).unwrap()
    };
    for look in ["show", "check"] {
        let here = String::from_utf8(world.run(&["data", look, "history"]).stdout).unwrap();
        assert_eq!(here.replace("history", "gs://web/history"), google(&["data", look, "gs://web/history"]));
    }
    // Where the environment names nobody, roles of the machine are asked: here, this server.
    for (data, name, more, role) in [
        ("gs://web/history", "GOOGLE_SERVICE_ACCOUNT", &[][..], "GET /computeMetadata/"),
        ("az://web/history", "AZURE_STORAGE_ACCOUNT_NAME", &[], ""),
        (
            "az://web/history",
            "AZURE_STORAGE_ACCOUNT_KEY",
            &[("AZURE_STORAGE_ACCOUNT_NAME", "nobody")],
            "GET /",
        ),
        ("s3://web/history", "AWS_ACCESS_KEY_ID", &[], "PUT /latest/api/token"),
    ] {
        world.server.asked();
        let (code, told) = world.refusal(data, "", more);
        assert_eq!(code, 3, "{told}");
        assert!(told.contains(data) && told.contains(name), "{told}");
        let asked = world.server.asked();
        assert_eq!(asked.is_empty(), role.is_empty(), "{asked:?}");
        assert!(asked.iter().all(|request| request.starts_with(role)), "{asked:?}");
    }
}
