//! `data pull` against the sandbox: what it brings, killed anywhere, again, beside another, at the limits.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use protogen::dataset::check::inspect;
use protogen::dataset::data_set::DataSet;
use protogen::dataset::read::selection::Window;
use protogen::domain::{
    Action, Contracts, FeeRounding, Fraction, Market, Money, Price, Quote, SettlementValue, Side, Span,
    TimeInForce, Timestamp,
};
use protogen::engine::gateway::{Feed, Next};
use protogen::event::{Input, MarketEvent};
use protogen::feed::HistoricalFeed;
use protogen::feed::historical::HistoricalSettings;
use protogen::feed::synthetic::SyntheticSettings;
use protogen::feed::synthetic::write_synthetic;
use protogen::kalshi::auth::Credentials;
use protogen::kalshi::environment::Environment;
use protogen::kalshi::rest::Rest;
use protogen::kalshi::wire::CreateOrder;
use protogen::pull::{PullError, Report, Settings, pull_data_set};
use protogen::sandbox::{
    Faults, Keys, SandboxExchange, SandboxSettings, ServeSettings, Speed, Tier, serve_exchange,
};
use protogen::sim::{FillModel, LatencyModel, SimSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};

use super::support::{backtest, protogen, root, run, scenario};

fn day(text: &str) -> Timestamp {
    Timestamp::parse_date(text).unwrap()
}

pub fn history(folder: &Path, half_spread: Option<Price>) -> HistoricalFeed {
    let settings = HistoricalSettings {
        data: &[DataSet::open(folder).unwrap()],
        facts: &[],
        window: Window { start: Timestamp::MIN, end: Timestamp::MAX },
        half_spread,
        lenient: false,
    };
    HistoricalFeed::open(&settings, |_| true).unwrap()
}

const CENT: u16 = 100;

/// A sandbox in this process, and a tap before it.
pub struct Rig {
    folder: tempfile::TempDir,
    pub port: u16,
    credentials: Credentials,
}

impl Rig {
    async fn start(data: &Path, now: Timestamp, live_window: Option<Span>, tier: Option<Tier>) -> Self {
        let serving = ServeSettings { speed: Speed::Max, start: Some(now), faults: Faults::default(), tier };
        Self::start_serving(data, live_window, serving).await
    }

    pub async fn start_serving(data: &Path, live_window: Option<Span>, serving: ServeSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sim = SimSettings {
            fill: FillModel::TopOfBook,
            latency: LatencyModel::Fixed(Span::ZERO),
            participation: Fraction::from_ppm(250_000).unwrap(),
            fee_rounding: FeeRounding::Centicent,
            seed: 7,
        };
        let settings = SandboxSettings { sim, bankroll: Money::parse("10000").unwrap() };
        let feed = history(data, Price::new(CENT));
        let exchange = SandboxExchange::new(Box::new(feed), settings).unwrap().with_live_window(live_window);
        let mut keys = Keys::default();
        let file = folder.path().join("key.pem");
        let id = keys.generate_key_file(&file).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(serve_exchange(listener, exchange, keys, serving, std::future::pending()));
        let credentials = Credentials::from_file(&id, &file).unwrap();
        Self { folder, port, credentials }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn rest(&self, port: u16) -> Rest {
        Rest::new(&Environment::Sandbox { port }, Some(self.credentials.clone())).unwrap()
    }

    async fn advance(&self, until: Timestamp) {
        let rest = self.rest(self.port);
        while rest.sandbox_advance(until).await.unwrap().now < until {}
    }
}

/// Between a pull and the sandbox: notes what is asked and what is answered, and can hold a request back.
struct Tap {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    limited: Arc<Mutex<usize>>,
    held: Arc<Notify>,
    go_on: Arc<Semaphore>,
}

impl Tap {
    /// Holds back the first request for which `hold` says so, given how many came before.
    async fn before(rig: &Rig, hold: impl Fn(usize, &str) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (port, to) = (listener.local_addr().unwrap().port(), rig.port);
        let tap = Self {
            port,
            asked: Arc::default(),
            limited: Arc::default(),
            held: Arc::default(),
            go_on: Arc::new(Semaphore::new(0)),
        };
        let (asked, limited) = (Arc::clone(&tap.asked), Arc::clone(&tap.limited));
        let (stopped, go_on, hold) = (Arc::clone(&tap.held), Arc::clone(&tap.go_on), Arc::new(hold));
        tokio::spawn(async move {
            loop {
                let (client, server) =
                    (listener.accept().await.unwrap().0, TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await);
                let ((from, back), (answers, onward)) = (client.into_split(), server.unwrap().into_split());
                let (asked, limited, hold) = (Arc::clone(&asked), Arc::clone(&limited), Arc::clone(&hold));
                let (stopped, go_on) = (Arc::clone(&stopped), Arc::clone(&go_on));
                tokio::spawn(relay(from, onward, async move |bytes| {
                    // A request's head comes in one piece: it is written at once, and is small.
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    let line = text.lines().next().unwrap_or_default().to_owned();
                    let before = {
                        let mut asked = asked.lock().unwrap();
                        asked.push(line.clone());
                        asked.len() - 1
                    };
                    if hold(before, &line) {
                        stopped.notify_one();
                        go_on.acquire().await.unwrap().forget();
                    }
                }));
                tokio::spawn(relay(answers, back, async move |bytes| {
                    *limited.lock().unwrap() += usize::from(bytes.starts_with(b"HTTP/1.1 429"));
                }));
            }
        });
        tap
    }

    /// What was asked, but for what is about the account.
    fn lines(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|line| !line.contains("/account/")).cloned().collect()
    }
}

async fn relay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut see: impl AsyncFnMut(&[u8])) {
    let mut bytes = vec![0; 65_536];
    while let Ok(count) = from.read(&mut bytes).await
        && count > 0
    {
        see(&bytes[..count]).await;
        if to.write_all(&bytes[..count]).await.is_err() {
            break;
        }
    }
}

/// A pull of everything of these into a folder, hour by hour, unless changed.
pub struct Wanted<'a> {
    pub rest: Rest,
    pub out: &'a Path,
    pub targets: &'a [&'a str],
    pub change: fn(Settings<'_>) -> Settings<'_>,
}

impl Wanted<'_> {
    pub async fn pull(self) -> Result<Report, PullError> {
        let targets: Vec<String> = self.targets.iter().map(ToString::to_string).collect();
        let settings = Settings {
            rest: self.rest,
            signed: true,
            environment: "sandbox",
            out: self.out,
            targets: &targets,
            since: None,
            until: None,
            minutes: None,
            trades: false,
            max_bytes: None,
            max_markets: None,
            progress: &|_| (),
        };
        pull_data_set((self.change)(settings)).await
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(inside).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

pub type Quotes = BTreeMap<(Timestamp, String), (Option<Price>, Option<Price>, Option<Contracts>)>;
pub type Ends = BTreeMap<String, (Timestamp, SettlementValue)>;

/// Hands out the quotes of a feed, and says how its markets ended.
fn told(mut feed: HistoricalFeed, mut quoted: impl FnMut(Timestamp, &Market, &Quote)) -> Ends {
    let markets = feed.markets().to_vec();
    let mut ends = Ends::new();
    while let Next::Item(input) = feed.next(None).unwrap() {
        match input.value {
            Input::Market(MarketEvent::Quote { market, quote }) => {
                quoted(input.at, &markets[market.index()], &quote);
            }
            Input::Market(MarketEvent::Settled { market, value }) => {
                ends.insert(markets[market.index()].ticker.to_string(), (input.at, value));
            }
            _ => {}
        }
    }
    ends
}

/// What a pull must bring: at the end of each period with a quote the last one of it, as far as it has ended two
/// minutes ago and the market was still open; and the results known by then.
pub fn expected(data: &Path, period: Span, now: Timestamp) -> (Quotes, Ends) {
    let mut quotes = Quotes::new();
    let mut ends = told(history(data, Price::new(CENT)), |at, market, quote| {
        let end = at.rounded_up_to(period);
        if end > market.open_time && end <= market.close_time && end <= now - Span::MINUTE.times(2) {
            quotes.insert((end, market.ticker.to_string()), (quote.bid, quote.ask, quote.volume));
        }
    });
    ends.retain(|_, (at, _)| *at <= now);
    (quotes, ends)
}

pub fn pulled(data: &Path) -> (Quotes, Ends) {
    let mut quotes = Quotes::new();
    let ends = told(history(data, None), |at, market, quote| {
        quotes.insert((at, market.ticker.to_string()), (quote.bid, quote.ask, quote.volume));
    });
    (quotes, ends)
}

fn assert_same((theirs, results): &(Quotes, Ends), data: &Path, what: &str) {
    let (ours, ends) = pulled(data);
    assert!(!theirs.is_empty());
    for (place, quote) in theirs {
        assert_eq!(ours.get(place), Some(quote), "{what}: {place:?}");
    }
    assert_eq!(ours.len(), theirs.len(), "{what}");
    assert_eq!(&ends, results, "{what}");
    let found = inspect::check_data(data);
    assert_eq!(found.count, 0, "{what}: {:?}", found.problems);
    assert_eq!(found.rows, ours.len() as u64, "{what}: every row is read");
}

fn synthetic(folder: &Path) -> Timestamp {
    let start = Timestamp::parse("2024-03-01T00:00:30Z").unwrap();
    let settings = SyntheticSettings {
        seed: 11,
        markets: 7,
        markets_per_event: 4,
        series: 1,
        quotes: 6_000,
        start,
        length: Span::DAY.times(12),
    };
    write_synthetic(folder, settings).unwrap();
    // They close an hour later and are paid an hour after that.
    start + Span::DAY.times(12) + Span::HOUR.times(2)
}

/// Minutes over twelve days, 17,280 a market: several windows, several markets a request. In the middle; at the end,
/// when all markets have become history since; and then again, when there is nothing more to get.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_brings_what_the_data_says_and_goes_on_from_there() {
    let data = tempfile::tempdir().unwrap();
    let paid = synthetic(data.path());
    let middle = paid - Span::DAY.times(6) + Span::from_nanos(17_000_000_000).unwrap();
    let rig = Rig::start(data.path(), middle, Some(Span::HOUR), None).await;
    let tap = Tap::before(&rig, |_, _| false).await;
    let out = rig.path("mine");
    let again = || Wanted {
        rest: rig.rest(tap.port),
        out: &out,
        targets: &["SYN000"],
        change: |settings| Settings { minutes: Some(1), ..settings },
    };
    let report = again().pull().await.unwrap();
    assert_eq!((report.markets, report.new_markets, report.whole, report.waiting), (7, 7, 0, 0));
    assert_same(&expected(data.path(), Span::MINUTE, middle), &out, "in the middle");
    let first = files(&out);

    let end = paid + Span::HOUR.times(3);
    rig.advance(end).await;
    let asked = tap.lines().len();
    let report = again().pull().await.unwrap();
    assert_eq!((report.markets, report.new_markets, report.whole), (7, 0, 7));
    assert_same(&expected(data.path(), Span::MINUTE, end), &out, "at the end");
    assert!(
        tap.lines()[asked..].iter().any(|line| line.contains("/historical/markets/SYN000-000001-T02/candle"))
    );
    let from = middle - Span::MINUTE.times(2);
    let earlier = |line: &&String| {
        let start = line
            .split("start_ts=")
            .nth(1)
            .map(|rest| rest.split('&').next().unwrap().parse::<i64>().unwrap());
        start.is_some_and(|start| start <= from.nanos() / 1_000_000_000)
    };
    assert_eq!(tap.lines()[asked..].iter().find(earlier), None, "nothing is asked for twice");
    let second = files(&out);
    for (name, bytes) in first.iter().filter(|(name, _)| name.starts_with("snapshots")) {
        assert_eq!(second.get(name), Some(bytes), "{name}: files are only added");
    }

    let asked = tap.lines().len();
    let report = again().pull().await.unwrap();
    assert_eq!((report.snapshots, report.files), (0, 0));
    assert_eq!(tap.lines()[asked..].iter().find(|line| line.contains("candlesticks")), None);
    assert_eq!(files(&out), second, "a pull without news changes nothing");
}

/// Markets are listed as settled and live, and become history before their candles are asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn markets_that_become_history_meanwhile_are_followed_there() {
    let data = tempfile::tempdir().unwrap();
    let paid = synthetic(data.path());
    let now = paid + Span::MINUTE.times(30);
    let rig = Rig::start(data.path(), now, Some(Span::HOUR), None).await;
    let tap = Tap::before(&rig, |_, line| line.contains("candlesticks")).await;
    let (out, rest) = (rig.path("mine"), rig.rest(tap.port));
    let wanted = Wanted { rest, out: &out, targets: &["SYN000-000000", "SYN000-000001"], change: |all| all };
    let meanwhile = async {
        tap.held.notified().await;
        rig.advance(now + Span::DAY).await;
        tap.go_on.add_permits(1_000);
    };
    let (report, ()) = tokio::join!(wanted.pull(), meanwhile);
    assert_eq!(report.unwrap().whole, 7);
    assert_same(&expected(data.path(), Span::HOUR, now), &out, "moved meanwhile");
}

fn wanted(port: u16, out: &Path) -> Wanted<'_> {
    Wanted {
        rest: Rest::new(&Environment::Sandbox { port }, None).unwrap(),
        out,
        targets: &["FED"],
        change: |settings| Settings { signed: false, ..settings },
    }
}

/// Dropped while a request is on its way, a pull is where a killed process would be: no code of its own runs after
/// the answers that were put on the disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_anywhere_it_goes_on_without_asking_again_and_ends_the_same() {
    let fomc = root().join("data/fomc");
    let rig = Rig::start(&fomc, day("2022-06-01"), Some(Span::DAY.times(60)), None).await;
    let quiet = Tap::before(&rig, |_, _| false).await;
    let whole = rig.path("whole");
    wanted(quiet.port, &whole).pull().await.unwrap();
    let (all, result) = (quiet.lines(), files(&whole));
    assert!(all.len() > 20, "{all:?}");
    for moment in (0..all.len()).step_by(2) {
        let out = rig.path(&format!("killed-{moment}"));
        let tap = Tap::before(&rig, move |before, _| before >= moment).await;
        let mut killed = Box::pin(wanted(tap.port, &out).pull());
        tokio::select! {
            ended = &mut killed => panic!("{moment}: it was to be held: {ended:?}"),
            () = tap.held.notified() => {}
        }
        let refused = wanted(quiet.port, &out).pull().await.unwrap_err().to_string();
        assert!(refused.contains("is being written by process"), "{refused}");
        drop(killed);
        assert!(!out.exists(), "{moment}: nothing bears the name before it is whole");
        let asked = quiet.lines().len();
        wanted(quiet.port, &out).pull().await.unwrap();
        assert_eq!(files(&out), result, "{moment}");
        let mut lines: Vec<String> = tap.lines();
        lines.extend(quiet.lines().drain(asked..));
        let sent = lines.len();
        lines.sort();
        lines.dedup();
        // Four are on the way at a time.
        assert!(
            sent - lines.len() <= 4,
            "{moment}: {} of {sent} requests were made again",
            sent - lines.len()
        );
        lines.retain(|line| !all.contains(line));
        assert_eq!(lines, Vec::<String>::new(), "{moment}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_is_no_faster_than_the_accounts_tokens() {
    let fomc = root().join("data/fomc");
    let rig = Rig::start(&fomc, day("2024-01-01"), Some(Span::DAY), Some(Tier::Basic)).await;
    let tap = Tap::before(&rig, |_, _| false).await;
    let (out, rest, begun) = (rig.path("mine"), rig.rest(tap.port), Instant::now());
    let wanted = Wanted { rest, out: &out, targets: &["FED"], change: |all| all };
    let report = wanted.pull().await.unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    // Each request costs 10 of 200 tokens a second, of which 400 are there at the beginning.
    let least = (report.requests as f64 * 10.0 - 400.0) / 200.0;
    assert!(report.requests > 100, "{report:?}");
    // How much slower is the machine's affair: it shares its processors with other tests.
    assert!(seconds > least * 0.95, "{seconds} s for {} requests", report.requests);
    // The two ends count tokens by their own clocks, so a request may come a moment too early. It is made again.
    let refused = *tap.limited.lock().unwrap() as u64;
    assert!(refused * 50 <= report.requests, "{refused} of {} requests were refused", report.requests);
}

/// Some of a data set now, the rest later, is the same as all at once but for the files it is in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_maximum_leaves_whole_markets_for_the_next_pull() {
    let fomc = root().join("data/fomc");
    let now = day("2022-06-01");
    let rig = Rig::start(&fomc, now, None, None).await;
    let out = rig.path("mine");
    let some = |change| Wanted { rest: rig.rest(rig.port), out: &out, targets: &["FED"], change };
    let report = some(|all| Settings { max_markets: Some(10), ..all }).pull().await.unwrap();
    assert_eq!((report.markets, report.new_markets), (10, 10));
    let left = report.waiting;
    let report = some(|all| Settings { max_bytes: Some(1), ..all }).pull().await.unwrap();
    assert!(report.waiting < left && report.waiting > 0, "{report:?}");
    assert_eq!(inspect::check_data(&out).count, 0);
    let report = some(|all| all).pull().await.unwrap();
    assert_eq!(report.waiting, 0);
    let (mut quotes, mut ends) = expected(&fomc, Span::HOUR, now);
    quotes.retain(|(_, ticker), _| ticker.starts_with("FED-"));
    ends.retain(|ticker, _| ticker.starts_with("FED-"));
    for (_, _, volume) in quotes.values_mut() {
        // The data has none; candles always tell one.
        *volume = Some(volume.unwrap_or_default());
    }
    assert_same(&(quotes, ends), &out, "in three pulls");
    let other = some(|all| Settings { minutes: Some(1_440), ..all }).pull().await.unwrap_err().to_string();
    assert!(other.contains("candles of minutes: 60"), "{other}");
    let unknown =
        Wanted { rest: rig.rest(rig.port), out: &rig.path("none"), targets: &["FEDS"], change: |all| all };
    let unknown = unknown.pull().await.unwrap_err().to_string();
    assert_eq!(unknown, "sandbox has no series, event or market FEDS; check how it is spelled");
    assert!(!rig.path(".none.pulling").exists());
}

/// Our own trades are the sandbox's public ones. Some have become history when they are pulled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trades_of_both_halves_are_there_once() {
    let data = tempfile::tempdir().unwrap();
    let paid = synthetic(data.path());
    let rig = Rig::start(data.path(), paid - Span::DAY.times(6), Some(Span::DAY), None).await;
    let rest = rig.rest(rig.port);
    for number in 0..12 {
        rig.advance(paid - Span::DAY.times(6) + Span::HOUR.times(3 * number)).await;
        let what = (Side::Yes, Action::Buy);
        let ticker = format!("SYN000-000000-T0{}", number % 3);
        let name = format!("order-{number}");
        let limit = Price::new(9_900).unwrap();
        let order = CreateOrder::new(&*ticker, name, what, Contracts::whole(2), limit, TimeInForce::Ioc);
        rest.create_order(&order).await.unwrap();
    }
    let fills = rest.fills(&protogen::kalshi::rest::FillFilter::default()).await.unwrap();
    assert!(fills.len() >= 12);
    rig.advance(paid - Span::DAY.times(4)).await;
    let out = rig.path("mine");
    let wanted =
        Wanted { rest, out: &out, targets: &["SYN000"], change: |all| Settings { trades: true, ..all } };
    let report = wanted.pull().await.unwrap();
    assert_eq!(report.trades, fills.len() as u64);
    let mut theirs: Vec<_> =
        fills.iter().map(|fill| (fill.trade_id.clone(), i32::from(fill.yes_price.get()))).collect();
    theirs.sort();
    assert_eq!(trades(&out), theirs);
}

/// Ids and prices in order of ids.
fn trades(out: &Path) -> Vec<(String, i32)> {
    use arrow_array::cast::AsArray;
    let mut rows = Vec::new();
    for entry in fs::read_dir(out.join("trades")).unwrap() {
        let file = fs::File::open(entry.unwrap().path()).unwrap();
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        for batch in reader.build().unwrap().map(Result::unwrap) {
            let ids = batch.column_by_name("trade_id").unwrap().as_string::<i32>().clone();
            let prices = batch.column_by_name("yes_price").unwrap();
            let prices = prices.as_primitive::<arrow_array::types::Int32Type>().clone();
            rows.extend(
                ids.iter().zip(prices.iter()).map(|(id, price)| (id.unwrap().to_owned(), price.unwrap())),
            );
        }
    }
    rows.sort();
    rows
}

/// The program itself: killed, run again, checked, and traded on.
#[test]
fn a_killed_process_is_run_again_and_its_data_can_be_traded_on() {
    let home = tempfile::tempdir().unwrap();
    let data = root().join("data/fomc");
    let mut sandbox =
        protogen(&["sandbox", "--data", &data.to_string_lossy(), "--port", "0", "--start", "2023-01-01"]);
    sandbox.args(["--live-window", "90d", "--tier", "basic", "--faults", "rate_limit=0.02,http_500=0.02"]);
    sandbox.current_dir(home.path()).env("XDG_DATA_HOME", home.path());
    let mut sandbox = sandbox.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let known = home.path().join("protogen/sandbox.json");
    wait(|| known.exists());
    let pull = || {
        let mut command =
            protogen(&["data", "pull", "FED", "--env", "sandbox", "--out", "mine", "--json", "-q"]);
        command.current_dir(home.path()).env("XDG_DATA_HOME", home.path());
        command
    };
    let mut killed = pull().stdout(Stdio::null()).spawn().unwrap();
    let answers = home.path().join(".mine.pulling/answers");
    wait(|| fs::metadata(&answers).is_ok_and(|file| file.len() > 100_000));
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(!home.path().join("mine").exists());
    let report: serde_json::Value = serde_json::from_slice(&run(&mut pull()).stdout).unwrap();
    sandbox.kill().unwrap();
    sandbox.wait().unwrap();
    assert!(report["remembered"].as_u64().unwrap() > 5, "{report}");
    assert!(!home.path().join(".mine.pulling").exists());
    let mine = home.path().join("mine");
    run(&mut protogen(&["data", "check", &mine.to_string_lossy()]));
    let data = format!("feed.data={}", mine.display());
    let dates = ["--set", "scenario.start=2022-01-01", "--set", "scenario.end=2022-12-31"];
    let traded = backtest(&scenario("fomc"), home.path(), &[&["--set", &data], &dates[..]].concat());
    assert!(
        traded["evaluations"].as_u64().unwrap() > 1_000 && traded["trades"].as_u64().unwrap() > 0,
        "{traded}"
    );
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for")]
fn wait(until: impl Fn() -> bool) {
    let begun = Instant::now();
    while !until() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it takes too long");
        std::thread::sleep(Duration::from_millis(2));
    }
}
