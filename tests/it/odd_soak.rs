//! Everything at once: odd markets and pages, foreign markets, a connection on which messages, answers and sockets are
//! lost, and a desk that is killed and started again. In the end its books are the exchange's.
//!
//! `tests/soak` has no JSON between desk and exchange, so nothing there can be odd; here the two programs talk over
//! real sockets. Prices that were lost change decisions, so only books are compared, not orders.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use protogen::domain::Market;
use protogen::engine::gateway::{Feed, Next};
use protogen::event::{Input, MarketEvent};
use protogen::sandbox::{Faults, MarketOddity, OddMarkets, OddityHarm};
use protogen::scenario::Scenario;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::live::{Sandbox, books, count, discrepancies, pause, replay};
use super::odd::{session_halts, set_aside_rows};
use super::parity::{catalogue, history, scenario};
use super::sandbox_here::get;

const PERIOD: [&str; 2] = ["2022-01-01", "2022-02-15"];
/// Shares of odd markets and pages.
const SHARES: [&str; 3] = ["0.03", "0.12", "0.4"];
/// What goes wrong beside.
const TROUBLE: [&str; 4] = [
    "ws_gap=0.02,duplicate=0.02",
    "ws_drop=0.002,reset=0.02,rate_limit=0.05",
    "drop_ack=0.05,http_500=0.05",
    "drop_ack=0.03,http_500=0.03,reset=0.02,ws_gap=0.01,duplicate=0.02,ws_drop=0.001,rate_limit=0.03",
];
/// The market that is held when it is paid, pays a part of the dollar in the last but one, and has a result that cannot be
/// read in the last.
const SEEDS: [u64; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 48, 115];
/// So many at a time: most of a session's time is spent waiting for what was lost.
const WORKERS: usize = 4;

fn period() -> Scenario {
    let mut period = scenario(PERIOD[0], PERIOD[1]);
    period.desk.scanner.series = vec!["FED".into()];
    period
}

/// What a contract of YES pays by the data, in ten-thousandths of a dollar.
fn payouts() -> BTreeMap<String, i64> {
    let mut feed = history(&period(), &[], |_| true);
    let names: Vec<Box<str>> = feed.markets().iter().map(|market| market.ticker.clone()).collect();
    let mut payouts = BTreeMap::new();
    while let Next::Item(input) = feed.next(None).unwrap() {
        if let Input::Market(MarketEvent::Settled { market, value }) = input.value {
            payouts.insert(names[market.index()].to_string(), i64::from(value.in_micros() / 100));
        }
    }
    payouts
}

/// A market whose result cannot be understood stays in our books; the exchange has paid it.
fn settle_late(ours: &mut Value, late: &BTreeSet<String>, payouts: &BTreeMap<String, i64>) -> usize {
    let mut cash = ours["cash"].as_i64().unwrap();
    let held = ours["positions"].as_object_mut().unwrap();
    let before = held.len();
    held.retain(|ticker, signed| {
        let Some(value) = payouts.get(ticker).filter(|_| late.contains(ticker)) else { return true };
        let signed = signed.as_i64().unwrap();
        cash += if signed > 0 { signed * value } else { -signed * (10_000 - value) };
        false
    });
    let paid = before - held.len();
    ours["cash"] = json!(cash);
    paid
}

/// What the sessions have shown together.
#[derive(Debug, Default)]
struct Shown {
    set_aside: usize,
    paid_late: usize,
    paid_in_parts: usize,
    kills: usize,
    fills: usize,
    foreign_messages: u64,
}

impl Shown {
    fn add(&mut self, other: &Self) {
        self.set_aside += other.set_aside;
        self.paid_late += other.paid_late;
        self.paid_in_parts += other.paid_in_parts;
        self.kills += other.kills;
        self.fills += other.fills;
        self.foreign_messages += other.foreign_messages;
    }
}

fn run_seed(seed: u64, markets: &[Market], payouts: &BTreeMap<String, i64>, shown: &mut Shown) {
    let index = usize::try_from(seed).unwrap();
    let (share, trouble) = (SHARES[index % SHARES.len()], TROUBLE[index % TROUBLE.len()]);
    let faults = format!("seed={seed},odd={share},foreign=20/min,{trouble}");
    let sandbox = Sandbox::start(&["--start", PERIOD[0], "--end", PERIOD[1], "--faults", &faults]);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let steady = ["--set", "kill_switch.min_win_rate=0", "--set", "scanner.series=[\"FED\"]"];
    for _ in 0..seed % 3 {
        let mut process = sandbox.live(&steady).spawn().unwrap();
        let moment = Instant::now() + Duration::from_millis(random.random_range(400..1_200));
        while Instant::now() < moment && process.try_wait().unwrap().is_none() {
            pause();
        }
        shown.kills += usize::from(process.try_wait().unwrap().is_none());
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let output = sandbox.live(&steady).output().unwrap();
    let (code, said) = (output.status.code(), String::from_utf8_lossy(&output.stderr));
    assert!(matches!(code, Some(0 | 1)), "{faults}: {code:?}: {said}");

    let ledger = sandbox.ledger();
    let odd = OddMarkets::from_faults(&Faults::parse(&faults).unwrap()).list_odd_markets(markets);
    let harmful: BTreeSet<String> =
        odd.iter().filter(|odd| odd.is_harmful()).map(|odd| odd.ticker.clone()).collect();
    let late = odd.iter().filter(|odd| odd.oddity.harm_class() == OddityHarm::FromDetermination);
    let late = late.map(|odd| odd.ticker.clone()).collect();
    let mut ours = books(&ledger);
    let paid_late = settle_late(&mut ours, &late, payouts);
    shown.paid_late += paid_late;
    let account = sandbox.account();
    // Where YES got a part of the dollar the exchange pays whole cents and keeps the rest, which our books do not know.
    if odd.iter().any(|odd| odd.oddity == MarketOddity::DeterminedSixDecimals) {
        let kept = ours["cash"].as_i64().unwrap() - account["cash"].as_i64().unwrap();
        assert!((0..10_000).contains(&kept), "{faults}: {kept}");
        ours["cash"] = account["cash"].clone();
        shown.paid_in_parts += 1;
    }
    assert_eq!(ours, account, "{faults}: {said}");
    assert_eq!((discrepancies(&ledger), session_halts(&ledger)), (Vec::new(), 0), "{faults}");
    let told = set_aside_rows(&ledger);
    shown.set_aside += told.len();
    for (ticker, _) in told {
        assert!(harmful.contains(&ticker), "{faults}: {ticker} is set aside");
    }
    assert_eq!(replay(&ledger, &[]).0, 0, "{faults}");
    if paid_late > 0 {
        // The account has the payout and no position; our books have the position until the payout can be read.
        let output = sandbox.live(&steady).output().unwrap();
        let (code, said) = (output.status.code(), String::from_utf8_lossy(&output.stderr));
        assert!(
            matches!(code, Some(0 | 1)) && said.contains("over and set aside"),
            "{faults}: {code:?}: {said}"
        );
    }
    shown.fills += count(&ledger, "fill");
    let told = get(sandbox.port.parse().unwrap(), "/sandbox/odd");
    assert_eq!(told["foreign_requests"], 0, "{faults}: {told}");
    shown.foreign_messages += told["foreign_messages"].as_u64().unwrap();
}

#[test]
fn among_odd_markets_losses_and_kills_the_books_are_the_exchanges() {
    let (markets, payouts) = (catalogue(&period()), payouts());
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut shown = Shown::default();
        while let Some(&seed) = SEEDS.get(next.fetch_add(1, Ordering::Relaxed)) {
            run_seed(seed, &markets, &payouts, &mut shown);
        }
        shown
    };
    let mut shown = Shown::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().for_each(|worker| shown.add(&worker.join().unwrap()));
    });
    assert!(shown.set_aside > 20 && shown.kills >= 6 && shown.fills > 100, "{shown:?}");
    assert!(shown.foreign_messages > 10_000, "{shown:?}");
    assert!(shown.paid_late > 0 && shown.paid_in_parts > 0, "{shown:?}");
}
