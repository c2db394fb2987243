//! Simulation and reality are the same code: the live desk against the sandbox, which serves recorded data,
//! makes the trades of the backtest, to the cent.

use std::collections::BTreeMap;
use std::path::Path;

use protogen::dataset::data_set::DataSet;
use protogen::dataset::read::selection::Window;
use protogen::desk::Desk;
use protogen::desk::decision::{Output, Record};
use protogen::domain::{Market, Money};
use protogen::engine::gateway::EventSource;
use protogen::engine::{Engine, Journal, JournalError};
use protogen::event::{Input, MarketEvent, Stamped};
use protogen::feed::HistoricalFeed;
use protogen::feed::historical::HistoricalSettings;
use protogen::live::runner::Hooks;
use protogen::sandbox::Faults;
use protogen::scenario::Scenario;
use protogen::sim::SimExchange;

use super::sandbox_here::SandboxHere;
use super::support::root;

/// What a run did, in words that do not depend on how markets are numbered.
#[derive(Default)]
pub struct Deeds {
    tickers: BTreeMap<u32, String>,
    pub lines: Vec<String>,
}

impl Deeds {
    fn note(&mut self, input: &Input, out: &Output) {
        if let Input::Market(MarketEvent::Listed(market)) = input {
            self.tickers.insert(market.id.0, market.ticker.to_string());
        }
        for record in &out.records {
            let name = |market: protogen::domain::MarketId| &self.tickers[&market.0];
            let line = match record {
                Record::Order(placed) => {
                    let order = &placed.order;
                    let (side, action, count) = (order.side, order.action, order.contracts);
                    let ticker = name(order.market);
                    format!("{} {action} {count} {side} of {ticker} at {}", placed.at, order.limit)
                }
                Record::Fill(booked) => {
                    let (fill, ticker) = (&booked.fill, name(booked.order.market));
                    format!("{} {} of {ticker} at {} for {}", booked.at, fill.contracts, fill.price, fill.fee)
                }
                Record::Trade(trade) => {
                    let ticker = name(trade.market);
                    format!("{} closed {ticker}: {} after {}", trade.closed_at, trade.pnl, trade.fees)
                }
                Record::Halt(halt) => format!("{} halt: {}", halt.at, halt.detail),
                Record::Discrepancy(found) => format!("{} DISCREPANCY: {}", found.at, found.detail),
                _ => continue,
            };
            self.lines.push(line);
        }
    }
}

impl Journal for Deeds {
    fn record(&mut self, _seq: u64, input: &Stamped<Input>, out: &Output) -> Result<(), JournalError> {
        self.note(&input.value, out);
        Ok(())
    }
}

impl Hooks for Deeds {
    fn observe_step(&mut self, input: &Stamped<Input>, out: &Output) {
        self.note(&input.value, out);
    }

    fn next_ledger_note(&mut self) -> Option<(&'static str, String)> {
        None
    }
}

/// The embedded FOMC scenario over some months.
pub fn scenario(start: &str, end: &str) -> Scenario {
    let overrides = [
        format!("scenario.start={start}"),
        format!("scenario.end={end}"),
        "simulation.latency=0s".to_owned(),
    ];
    Scenario::load_file(&root().join("scenarios/fomc.toml"), &overrides).unwrap()
}

pub fn history(
    scenario: &Scenario,
    facts: &[std::path::PathBuf],
    wanted: impl Fn(&Market) -> bool,
) -> HistoricalFeed {
    let sets: Vec<DataSet> = scenario.data.iter().map(|folder| DataSet::open(folder).unwrap()).collect();
    let settings = HistoricalSettings {
        data: &sets,
        facts,
        window: Window { start: scenario.start.unwrap(), end: scenario.end.unwrap() },
        half_spread: scenario.half_spread,
        lenient: false,
    };
    let covers = |market: &Market| scenario.desk.scanner.covers_market(market) && wanted(market);
    HistoricalFeed::open(&settings, covers).unwrap()
}

/// The markets of a scenario's data that its scanner covers.
pub fn catalogue(scenario: &Scenario) -> Vec<Market> {
    history(scenario, &[], |_| true).markets().iter().map(|market| Market::clone(market)).collect()
}

/// A backtest of it.
pub fn backtest(scenario: Scenario) -> (Vec<String>, Money) {
    backtest_of(scenario, |_| true)
}

/// A backtest of some of its markets.
pub fn backtest_of(scenario: Scenario, wanted: impl Fn(&Market) -> bool) -> (Vec<String>, Money) {
    let feed = history(&scenario, &scenario.facts, wanted);
    let desk = Desk::new(scenario.desk, scenario.seats);
    let session = EventSource { feed, venue: SimExchange::new(scenario.sim) };
    let mut engine = Engine::new(desk, session, Deeds::default());
    engine.run(|_, _| ()).unwrap();
    (engine.journal.lines, engine.desk.equity_point().equity)
}

/// The live desk over it, on a sandbox of its own; its ledger is `ledger.sqlite` in `folder`.
pub fn live(scenario: Scenario, folder: &Path) -> (Vec<String>, Money) {
    let session = live_with(scenario, folder, Faults::default());
    (session.lines, session.equity)
}

/// What a live session did.
pub struct LiveSession {
    pub lines: Vec<String>,
    pub equity: Money,
    /// How often it asked for markets that are none of the sandbox's data.
    pub foreign_requests: u64,
}

/// The live desk over it, on a sandbox with faults.
pub fn live_with(scenario: Scenario, folder: &Path, faults: Faults) -> LiveSession {
    let sandbox = SandboxHere::start(&scenario, folder, faults, None);
    let mut deeds = Deeds::default();
    let equity = sandbox.trade(scenario, &mut deeds).equity;
    LiveSession { lines: deeds.lines, equity, foreign_requests: sandbox.foreign.total_requests() }
}

#[test]
fn a_live_session_on_recorded_data_trades_like_the_backtest() {
    let folder = tempfile::tempdir().unwrap();
    let (backtest, equity) = backtest(scenario("2022-01-01", "2022-05-31"));
    assert!(backtest.len() > 50, "the months were chosen because there is something to compare");
    let (live, live_equity) = live(scenario("2022-01-01", "2022-05-31"), folder.path());
    for (number, (then, now)) in backtest.iter().zip(&live).enumerate() {
        assert_eq!(now, then, "line {number}");
    }
    assert_eq!(live.len(), backtest.len());
    assert_eq!(live_equity, equity);
}

#[test]
fn requests_that_fail_for_a_while_change_no_decision() {
    let folder = tempfile::tempdir().unwrap();
    let days = || scenario("2022-01-01", "2022-01-03");
    let (backtest, equity) = backtest(days());
    // A market is read in three requests, each tried four times: every sixth read fails altogether.
    let faults = Faults::parse("seed=11,http_500=0.5").unwrap();
    let session = live_with(days(), folder.path(), faults);
    assert!(backtest.len() > 10, "{backtest:#?}");
    assert_eq!((session.lines, session.equity), (backtest, equity));
}
