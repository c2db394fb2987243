//! Thirty days of ten thousand markets, with what an exchange does within a month: pauses, other fees, a series that
//! goes to another shard, and results that are disputed and replaced. `tools/check-long` runs it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use protogen::dataset::facts::FeeChange;
use protogen::desk::decision::{Output, Record};
use protogen::domain::{FeeSchedule, Span, Timestamp};
use protogen::event::{Input, Stamped};
use protogen::kalshi::link::Link;
use protogen::live::runner::Hooks;
use protogen::sandbox::{Faults, OddMarkets, OddityHarm};
use protogen::scenario::Scenario;

use super::generated::GeneratedExchange;
use super::live::{books, discrepancies, pause, replay};
use super::odd::{session_halts, set_aside_rows};
use super::parity::{Deeds, catalogue};
use super::sandbox_here::{SandboxHere, get};
use super::wall::control;

const MONTH: &str = "[scenario]\nname = \"month\"\nstart = 2026-11-01\nend = 2026-11-30\n[feed]\ndata = \"data\"\n\
    [scanner]\ninterval = \"15m\"\nmin_time_to_close = \"10m\"\nmin_volume = 0\n\
    series = [\"SYN000\", \"SYN001\", \"SYN002\", \"SYN003\", \"SYN004\"]\n\
    [strategy]\nname = \"fixed_rate\"\nprobability = 0.5\nmin_edge = 0.05\n\
    [simulation]\nlatency = \"0s\"\n[kill_switch]\nmin_win_rate = 0.0\nevidence = 1e12\n\
    [risk]\nkelly_fraction = 0.01\ndaily_loss_limit = 0.9\ndrawdown_start = 0.9\ndrawdown_half = 0.95\n";
/// The series whose fees are halved, and the one that goes to another shard.
const CHEAPER_SERIES: &str = "SYN000";
const MOVED_SERIES: &str = "SYN001";

fn day(number: i64) -> Timestamp {
    Timestamp::parse("2026-11-01T00:00:00Z").unwrap() + Span::DAY.times(number)
}

fn write_exchange(data: &Path) {
    std::fs::create_dir(data).unwrap();
    let fees = FeeSchedule { multiplier_ppm: 500_000, ..FeeSchedule::STANDARD };
    let exchange = GeneratedExchange {
        seed: 2,
        markets: 11_600,
        markets_per_event: 5,
        series: 40,
        start: day(0),
        spacing: Span::HOUR.times(12),
        life: Span::DAY,
        quotes: 60_000,
        lively_series: 5,
        fee_change: Some(FeeChange { series_ticker: CHEAPER_SERIES.into(), effective_at: day(12), fees }),
    };
    exchange.write(data);
}

/// What is done to the exchange while a desk trades on it.
#[derive(Clone, Debug)]
enum Deed {
    /// Nothing is traded from here on, or nothing at all is done; and sockets are dropped, so that it is noticed.
    Pause(&'static str),
    Resume(&'static str),
    DropSockets,
    MoveShard,
    /// The market of the desk's next fill is going to be disputed.
    Dispute,
}

/// The desk's deeds, and between them what is done to the exchange.
struct Month {
    deeds: Deeds,
    port: u16,
    link: Arc<OnceLock<Arc<Link>>>,
    /// By moment, the next first.
    due: Vec<(Timestamp, Deed)>,
    /// When each market closes.
    closes: BTreeMap<String, Timestamp>,
    disputed: Vec<String>,
    wants_dispute: bool,
    /// Moments from and to which nothing is traded.
    pauses: Vec<(Timestamp, Timestamp)>,
    ordered: Vec<Timestamp>,
}

impl Month {
    /// The exchange's clock stands while this waits: the session is to know before it goes on.
    fn wait_for_pause(&self, paused: bool) {
        let began = Instant::now();
        while self.link.get().unwrap().pause_reason().is_some() != paused {
            assert!(began.elapsed() < Duration::from_mins(1), "a pause is not noticed");
            pause();
        }
    }

    fn act(&mut self, at: Timestamp, deed: &Deed) {
        match deed {
            Deed::Pause(kind) => {
                control(self.port, &format!(r#"{{"{kind}": true, "drop_sockets": true}}"#));
                self.wait_for_pause(true);
                self.pauses.push((at, Timestamp::MAX));
            }
            Deed::Resume(kind) => {
                control(self.port, &format!(r#"{{"{kind}": false, "drop_sockets": true}}"#));
                self.wait_for_pause(false);
                self.pauses.last_mut().unwrap().1 = at;
            }
            Deed::DropSockets => control(self.port, r#"{"drop_sockets": true}"#),
            Deed::MoveShard => {
                let moved = format!(r#"{{"shard": {{"series": "{MOVED_SERIES}", "index": 2}}}}"#);
                control(self.port, &moved);
            }
            Deed::Dispute => self.wants_dispute = true,
        }
    }

    fn dispute(&mut self, ticker: &str) {
        control(self.port, &format!(r#"{{"dispute": "{ticker}"}}"#));
        self.wants_dispute = false;
        // The first is disputed while the desk listens; of the second it misses when the result is replaced.
        if !self.disputed.is_empty() {
            let determined = self.closes[ticker] + Span::MINUTE.times(30);
            self.due.push((determined + Span::MINUTE, Deed::DropSockets));
            self.due.sort_by_key(|(at, _)| *at);
        }
        self.disputed.push(ticker.to_owned());
    }
}

impl Hooks for Month {
    fn observe_step(&mut self, input: &Stamped<Input>, out: &Output) {
        self.deeds.observe_step(input, out);
        let ordered = out.records.iter().filter(|record| matches!(record, Record::Order(_)));
        self.ordered.extend(ordered.map(|_| input.at));
        if self.wants_dispute && out.records.iter().any(|record| matches!(record, Record::Fill(_))) {
            let ticker = self.deeds.lines.last().unwrap().split(" of ").nth(1).unwrap();
            let ticker = ticker.split(' ').next().unwrap().to_owned();
            self.dispute(&ticker);
        }
        while self.due.first().is_some_and(|(at, _)| *at <= input.at) {
            let (_, deed) = self.due.remove(0);
            self.act(input.at, &deed);
        }
    }

    fn next_ledger_note(&mut self) -> Option<(&'static str, String)> {
        None
    }
}

/// Fees of a series' fills, in dollars for each dollar of `contracts · price · (1 − price)`; before and after a moment.
fn fee_rates(lines: &[String], series: &str, change: Timestamp) -> [Vec<f64>; 2] {
    let mut rates = [Vec::new(), Vec::new()];
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let [at, contracts, "of", ticker, "at", price, "for", fee] = words[..] else { continue };
        let [contracts, price, fee] = [contracts, price, fee].map(|word| word.parse::<f64>().unwrap());
        // Of small ones too much is rounding.
        if ticker.starts_with(series) && contracts >= 20.0 {
            let after = Timestamp::parse(at).unwrap() >= change;
            rates[usize::from(after)].push(fee / (contracts * price * (1.0 - price)));
        }
    }
    rates
}

fn assert_fees_are_halved(lines: &[String]) {
    let [before, after] = fee_rates(lines, CHEAPER_SERIES, day(12));
    assert!(before.len() > 20 && after.len() > 20, "{} {}", before.len(), after.len());
    assert!(before.iter().all(|rate| (0.069..0.08).contains(rate)), "{before:?}");
    assert!(after.iter().all(|rate| (0.034..0.04).contains(rate)), "{after:?}");
}

/// Fills in markets that were listed on the other shard.
fn count_moved_fills(port: u16, lines: &[String]) -> usize {
    let moved = get(port, &format!("/trade-api/v2/markets?series_ticker={MOVED_SERIES}&limit=1000"));
    let moved = moved["markets"].as_array().unwrap().iter().filter(|market| market["exchange_index"] == 2);
    let moved: Vec<&str> = moved.map(|market| market["ticker"].as_str().unwrap()).collect();
    let is_moved = |line: &&String| moved.iter().any(|ticker| line.contains(&format!(" of {ticker} at ")));
    lines.iter().filter(|line| line.contains(" for ")).filter(is_moved).count()
}

#[test]
#[ignore = "tools/check-long: thirty days take minutes"]
fn thirty_days_with_pauses_other_fees_another_shard_and_disputes_end_with_the_exchanges_books() {
    let folder = tempfile::tempdir().unwrap();
    write_exchange(&folder.path().join("data"));
    let scenario = || Scenario::parse(MONTH, &[], folder.path()).unwrap();
    let mut whole = scenario();
    whole.desk.scanner.series.clear();
    let faults = Faults::parse("seed=11,odd=0.01,foreign=50/min").unwrap();
    let markets = catalogue(&scenario());
    let odd = OddMarkets::from_faults(&faults).list_odd_markets(&markets);
    // Those are paid at the exchange and stay in our books.
    assert!(
        odd.iter().all(|odd| odd.oddity.harm_class() != OddityHarm::FromDetermination),
        "choose another seed"
    );
    let sandbox = SandboxHere::serve(&whole, &scenario(), folder.path(), faults, None);
    let link = Arc::new(OnceLock::new());
    let noon = |number| day(number) + Span::HOUR.times(12);
    let mut month = Month {
        deeds: Deeds::default(),
        port: sandbox.port,
        link: Arc::clone(&link),
        due: vec![
            (noon(3), Deed::Dispute),
            (noon(5), Deed::Pause("pause")),
            (noon(5) + Span::HOUR.times(2), Deed::Resume("pause")),
            (noon(8), Deed::MoveShard),
            (noon(15), Deed::Dispute),
            (noon(20), Deed::Pause("exchange_pause")),
            (noon(20) + Span::HOUR, Deed::Resume("exchange_pause")),
        ],
        closes: markets.iter().map(|market| (market.ticker.to_string(), market.close_time)).collect(),
        disputed: Vec::new(),
        wants_dispute: false,
        pauses: Vec::new(),
        ordered: Vec::new(),
    };
    let ended = sandbox.trade_watched(scenario(), &mut month, |begun| {
        assert!(link.set(Arc::clone(begun.link)).is_ok());
    });

    assert_eq!((ended.halted_itself, session_halts(&sandbox.ledger)), (None, 0));
    assert_eq!(discrepancies(&sandbox.ledger), Vec::<String>::new());
    assert_eq!(books(&sandbox.ledger), sandbox.account());
    assert!(set_aside_rows(&sandbox.ledger).len() > 5);
    assert!(month.due.is_empty() && month.pauses.len() == 2, "{:?} {:?}", month.due, month.pauses);
    for (from, to) in &month.pauses {
        assert!(!month.ordered.iter().any(|at| from < at && at < to), "nothing is ordered in a pause");
    }
    assert_eq!(month.disputed.len(), 2);
    for ticker in &month.disputed {
        let paid = month.closes[ticker] + Span::MINUTE.times(40);
        let closed = format!("{paid} closed {ticker}: ");
        assert!(month.deeds.lines.iter().any(|line| line.starts_with(&closed)), "{closed}");
    }
    assert_fees_are_halved(&month.deeds.lines);
    let fills = count_moved_fills(sandbox.port, &month.deeds.lines);
    assert!(fills > 20, "{fills} fills on the other shard");
    let seen = get(sandbox.port, "/sandbox/odd");
    assert!(seen["foreign_messages"].as_u64() > Some(1_000_000), "{}", seen["foreign_messages"]);
    assert_eq!(seen["foreign_requests"], 0);
    assert_eq!(replay(&sandbox.ledger, &[]).0, 0);
    println!(
        "{} lines, {fills} fills on another shard, {:?}",
        month.deeds.lines.len(),
        sandbox.tokens.total_tokens()
    );
}
