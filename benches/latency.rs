//! From a tick to an order: the time between a WebSocket message that leaves the exchange and the order that
//! arrives there, on loopback, beside what the same two libraries need for the two ways alone.
//!
//! `cargo bench --no-default-features --features live,sqlite --bench latency [-- FOLDER…]`
//!
//! Each round measures the way in, the way out and tick to order one after another, so that all three see
//! the same machine. The ledger is written in each folder in turn, by default in memory and on disk. What
//! runs is what trades: stream, session, feed, engine, desk, ledger, session, REST. The two floors have
//! no decision, no ledger and no thread between them.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops when it cannot go on"
)]

#[path = "latency/exchange.rs"]
mod exchange;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use protogen::desk::decision::Output;
use protogen::desk::execution::ExecutionSettings;
use protogen::desk::positions::ExitSettings;
use protogen::desk::risk::RiskLimits;
use protogen::desk::risk::drawdown::DrawdownLimits;
use protogen::desk::risk::exposure::ExposureLimits;
use protogen::desk::risk::kill_switch::KillRules;
use protogen::desk::scanner::ScannerSettings;
use protogen::desk::{Desk, DeskSettings, StrategySlot};
use protogen::domain::{
    Contracts, Decimal6, EventId, FeeRounding, FeeSchedule, Fraction, Market, MarketId, MarketStatus, Money,
    Price, PriceGrid, SeriesId, Span, Strike, TimeInForce, Timestamp,
};
use protogen::engine::gateway::{EventSource, SessionEvent};
use protogen::engine::{Engine, Journal, JournalError};
use protogen::event::{Input, MarketEvent, Stamped};
use protogen::feed::LiveFeed;
use protogen::feed::live::Pace;
use protogen::journal::TradeLogger;
use protogen::journal::sqlite::RunHeader;
use protogen::kalshi::auth::Credentials;
use protogen::kalshi::clock::{self, SteadyClock};
use protogen::kalshi::environment::Environment;
use protogen::kalshi::market_reader::MarketReader;
use protogen::kalshi::market_reports::MarketScope;
use protogen::kalshi::market_tracker::MarketTracker;
use protogen::kalshi::order_tracker::OrderTracker;
use protogen::kalshi::rest::Rest;
use protogen::kalshi::session::{self, BookDepth, SessionParts, SessionSettings};
use protogen::kalshi::venue::{KalshiVenue, SessionCommand};
use protogen::strategies::fixed_rate::{FixedRate, FixedRateSettings};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use exchange::{Exchange, TICKER};

const ROUNDS: usize = 1_000;
const WARM_UP: usize = 50;
/// Between two measurements, so that the machine is as idle as between two ticks of a market.
const PAUSE: Duration = Duration::from_millis(3);

/// The ledger, with how long it took to write what was acted upon.
struct Timed {
    ledger: TradeLogger,
    took: Sender<Duration>,
}

impl Journal for Timed {
    fn record(&mut self, seq: u64, input: &Stamped<Input>, out: &Output) -> Result<(), JournalError> {
        let began = Instant::now();
        self.ledger.record(seq, input, out)?;
        if !out.commands.is_empty() {
            self.took.send(began.elapsed()).unwrap();
        }
        Ok(())
    }

    fn idle(&mut self) -> Result<(), JournalError> {
        self.ledger.idle()
    }
}

fn market() -> Market {
    Market {
        id: MarketId(0),
        event: EventId(0),
        series: SeriesId(0),
        ticker: TICKER.into(),
        event_ticker: "KXFED-26DEC".into(),
        series_ticker: "KXFED".into(),
        category: "Economics".into(),
        title: "".into(),
        strike: Strike::Other,
        open_time: clock::now(),
        close_time: clock::now() + Span::DAY,
        grid: PriceGrid::whole_cents(),
        fees: FeeSchedule::STANDARD,
    }
}

/// A desk that looks at every change and is sure of YES.
fn desk() -> Desk {
    let all = Fraction::ONE;
    let settings = DeskSettings {
        bankroll: Money::parse("10000").unwrap(),
        risk: RiskLimits {
            kelly_fraction: Fraction::from_ppm(250_000).unwrap(),
            exposure: ExposureLimits { market: all, event: all, series: all, total: all },
            drawdown: DrawdownLimits {
                start: Fraction::from_ppm(150_000).unwrap(),
                half: Fraction::from_ppm(200_000).unwrap(),
            },
            daily_loss: all,
            max_quote_age: Span::HOUR,
            fee_rounding: FeeRounding::Centicent,
            ignore_halts: false,
        },
        kill: KillRules {
            window: 20,
            min_trades: 10,
            min_win_rate: Fraction::ZERO,
            evidence: Decimal6::parse("20").unwrap(),
        },
        scanner: ScannerSettings {
            interval: Span::ZERO,
            min_time_to_close: Span::ZERO,
            min_volume: Contracts::ZERO,
            series: Vec::new(),
            categories: Vec::new(),
        },
        exits: ExitSettings { inversion: Fraction::ZERO, max_holding: Span::DAY },
        execution: ExecutionSettings {
            time_in_force: TimeInForce::Ioc,
            max_slippage: Price::ZERO,
            retries: 0,
        },
    };
    let beliefs = FixedRateSettings {
        probability: Some(0.9),
        rates: std::collections::BTreeMap::new(),
        confidence: 1.0,
    };
    let strategy = Box::new(FixedRate::new(beliefs).unwrap());
    Desk::new(settings, vec![StrategySlot { strategy, min_edge: Fraction::from_ppm(50_000).unwrap() }])
}

fn ledger(file: &Path) -> TradeLogger {
    let header = RunHeader {
        run_id: "latency".into(),
        mode: "live",
        scenario: "latency".into(),
        version: env!("CARGO_PKG_VERSION"),
        seed: 7,
        bankroll: Money::parse("10000").unwrap(),
        lenient: false,
        ignore_halts: false,
        files: Vec::new(),
        strategies: vec!["fixed_rate".into()],
    };
    TradeLogger::create_live(file, &header, &[]).unwrap()
}

/// The account's key; RSA, as those of the exchange, where there is `openssl` to make one.
fn credentials(folder: &Path) -> Credentials {
    let file = folder.join("key.pem");
    let generate = ["genrsa", "-out", file.to_str().unwrap(), "2048"];
    let made = std::process::Command::new("openssl").args(generate).output();
    if made.is_ok_and(|made| made.status.success()) {
        return Credentials::from_file("latency", &file).unwrap();
    }
    println!("there is no openssl to make an RSA key; signed with Ed25519");
    // The secret key of the first example of RFC 8032, which is no secret.
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
               -----END PRIVATE KEY-----\n";
    Credentials::from_pem("latency", pem).unwrap()
}

/// A live desk on the exchange, with its engine on a thread of its own. Returns what ends it.
fn trade(
    runtime: &Runtime,
    environment: Environment,
    folder: &Path,
    took: Sender<Duration>,
) -> (mpsc::Sender<SessionCommand>, std::thread::JoinHandle<()>) {
    let credentials = credentials(folder);
    let rest = {
        let _inside = runtime.enter();
        let rest = Rest::new(&environment, Some(credentials.clone())).unwrap();
        rest.arm_signatures();
        rest
    };
    runtime.block_on(rest.learn_limits()).unwrap();
    let market = Arc::new(market());
    let mut watch = MarketTracker::new(MarketScope::default(), None);
    watch.restore_market(&market, MarketStatus::Active, market.close_time);
    let (events, heard) = sync_channel(4_096);
    let listed = Input::Market(MarketEvent::Listed(market));
    events.send(SessionEvent::Input { at: None, input: listed }).unwrap();
    let (commands, asked) = mpsc::channel(4_096);
    let parts = SessionParts {
        market_reader: MarketReader::new(rest.clone(), MarketScope::default()),
        rest,
        credentials,
        market_tracker: watch,
        order_tracker: OrderTracker::new("latency"),
        commands: asked,
        engine_events: events,
        link: Arc::default(),
        clock: SteadyClock::start_with_machine(),
    };
    let settings = SessionSettings {
        stream: true,
        interval: Span::HOUR,
        by_exchange: false,
        entry_group: None,
        depth: BookDepth::TopOfBook,
    };
    runtime.spawn(session::run_session(parts, settings));
    let feed = LiveFeed::new(heard, Pace::Wall(Box::new(clock::now)), Timestamp::MIN, Vec::new());
    let venue = KalshiVenue::new(commands.clone());
    let journal = Timed { ledger: ledger(&folder.join("ledger.sqlite")), took };
    let engine = std::thread::spawn(move || {
        Engine::new(desk(), EventSource { feed, venue }, journal).run(|_, _| ()).unwrap();
    });
    (commands, engine)
}

/// Times of one kind, in microseconds.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn add(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1e6);
    }

    /// The value below which that share of them lies.
    fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in a short list"
        )]
        let place = (share * (sorted.len() - 1) as f64).round() as usize;
        sorted[place]
    }

    fn print(&self, what: &str) -> (f64, f64) {
        let (median, p99) = (self.quantile(0.5), self.quantile(0.99));
        println!("  {what:<42} {median:>9.1} {p99:>9.1}");
        (median, p99)
    }
}

/// One measurement of each kind, again and again.
fn measure(runtime: &Runtime, exchange: &Exchange, folder: &Path) {
    let (took, commits) = channel();
    let (commands, engine) = trade(runtime, exchange.environment(), folder, took);
    let floor = Floor::new(runtime, exchange);
    exchange.wait_until_watched();
    let [mut incoming, mut outgoing, mut whole, mut commit, mut rest] = [const { Times(Vec::new()) }; 5];
    for round in 0..WARM_UP + ROUNDS {
        let (one, other) = (floor.way_in(exchange), floor.way_out(runtime, exchange));
        let tick = exchange.tick_to_order();
        let written = commits.recv().unwrap();
        pause();
        exchange.take_back();
        pause();
        if round >= WARM_UP {
            incoming.add(one);
            outgoing.add(other);
            whole.add(tick);
            commit.add(written);
            rest.add(tick.saturating_sub(written));
        }
    }
    println!("ledger in {}; microseconds          median       p99", folder.display());
    let (in_median, in_p99) = incoming.print("WebSocket message in (floor)");
    let (out_median, out_p99) = outgoing.print("signed POST out (floor)");
    let (tick_median, tick_p99) = whole.print("tick to order");
    commit.print("of which until the ledger is on disk");
    let (rest_median, rest_p99) = rest.print("of which everything else");
    let floor = (in_median + out_median, in_p99 + out_p99);
    println!(
        "  ratio to both floors: median {:.2}, p99 {:.2}; without the ledger {:.2}, {:.2}",
        tick_median / floor.0,
        tick_p99 / floor.1,
        rest_median / floor.0,
        rest_p99 / floor.1,
    );
    commands.blocking_send(SessionCommand::Drain).unwrap();
    engine.join().unwrap();
}

#[expect(clippy::disallowed_methods, reason = "real time is measured")]
fn pause() {
    std::thread::sleep(PAUSE);
}

/// The two libraries alone.
struct Floor {
    heard: Arc<Mutex<std::sync::mpsc::Receiver<Instant>>>,
    client: reqwest::Client,
    credentials: Credentials,
}

impl Floor {
    fn new(runtime: &Runtime, exchange: &Exchange) -> Self {
        let url = format!("ws://127.0.0.1:{}/floor/ws", exchange.port());
        let (tell, heard) = channel();
        runtime.block_on(async {
            let (mut socket, _) =
                tokio_tungstenite::connect_async_with_config(url, None, true).await.unwrap();
            tokio::spawn(async move {
                while let Some(Ok(_)) = socket.next().await {
                    if tell.send(Instant::now()).is_err() {
                        return;
                    }
                }
            });
        });
        let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { heard: Arc::new(Mutex::new(heard)), client, credentials: credentials(folder.path()) }
    }

    fn way_in(&self, exchange: &Exchange) -> Duration {
        let sent = exchange.push_to_floor();
        let heard = self.heard.lock().unwrap().recv().unwrap();
        pause();
        heard - sent
    }

    fn way_out(&self, runtime: &Runtime, exchange: &Exchange) -> Duration {
        let path = "/trade-api/v2/portfolio/events/orders";
        let mut request = self
            .client
            .post(format!("http://127.0.0.1:{}/floor", exchange.port()))
            .header("content-type", "application/json")
            .body(exchange::ORDER);
        for (name, value) in self.credentials.signed_headers(clock::now().millis(), "POST", path) {
            request = request.header(name, value);
        }
        let sent = runtime.block_on(async {
            tokio::spawn(async move {
                let sent = Instant::now();
                request.send().await.unwrap().bytes().await.unwrap();
                sent
            })
            .await
            .unwrap()
        });
        let arrived = exchange.arrived();
        pause();
        arrived - sent
    }
}

fn main() {
    let named: Vec<PathBuf> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).map(Into::into).collect();
    let default = || vec![PathBuf::from("/dev/shm"), PathBuf::from(env!("CARGO_TARGET_TMPDIR"))];
    let folders = if named.is_empty() { default() } else { named };
    // As `protogen live` has it.
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for folder in folders {
        let exchange = Exchange::start();
        let own = tempfile::tempdir_in(&folder).unwrap();
        measure(&runtime, &exchange, own.path());
    }
}
