//! A report on a million forecasts and 50,000 trades: its statistics alone, and from ledger to page.
//!
//! `cargo bench --bench report --no-default-features --features report`

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use protogen::desk::decision::{Evaluation, ExitReason, Output, Record, Settled, Trade, Verdict};
use protogen::domain::{
    Contracts, EventId, FeeSchedule, Fraction, Market, MarketId, Money, Price, PriceGrid, Probability,
    SeriesId, SettlementValue, Side, Span, StrategyId, Strike, Timestamp,
};
use protogen::engine::Journal;
use protogen::event::{Input, MarketEvent, Stamped};
use protogen::journal::TradeLogger;
use protogen::journal::reader::LedgerReader;
use protogen::journal::sqlite::RunHeader;
use protogen::report::findings::ReportFindings;
use protogen::report::page::render_run_page;
use protogen::report::stats::isotonic::consistency_band;
use protogen::report::stats::{Forecasts, assess_forecasts};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const EVENTS: u32 = 100_000;
const MARKETS: u32 = 10;

fn a_million(criterion: &mut Criterion) {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let (mut model, mut market, mut outcome, mut event) = (vec![], vec![], vec![], vec![]);
    for one in 0..EVENTS {
        for _ in 0..MARKETS {
            let p: f64 = random.random();
            model.push(p);
            market.push(0.02 + 0.96 * p);
            outcome.push(random.random::<f64>() < p);
            event.push(one);
        }
    }
    let model = Forecasts::new(&model, &outcome, &event).expect("probabilities");
    let market = Forecasts::new(&market, &outcome, &event).expect("probabilities");
    let mut group = criterion.benchmark_group("a million forecasts");
    group.sample_size(10);
    group.bench_function("assessment", |bencher| {
        bencher.iter(|| assess_forecasts(black_box(&model), black_box(&market), 7));
    });
    let grid: Vec<f64> = (0..=100).map(|percent| f64::from(percent) / 100.0).collect();
    group.bench_function("consistency band of 200 draws", |bencher| {
        bencher.iter(|| consistency_band(black_box(&model), &grid, 200, 7));
    });
    group.finish();
}

/// Forecasts of a market: a little before each horizon.
const DAYS_BEFORE: [i64; 4] = [60, 31, 8, 2];
const LEDGER_MARKETS: u32 = 250_000;
const TRADES: u32 = 50_000;

fn listed(id: u32) -> Market {
    let close = Timestamp::from_nanos(Span::DAY.times(1_000 + i64::from(id / 1_000)).nanos());
    Market {
        id: MarketId(id),
        event: EventId(id / 10),
        series: SeriesId(id % 200),
        ticker: format!("SERIES{}-EVENT{}-T{id}", id % 200, id / 10).into(),
        event_ticker: format!("SERIES{}-EVENT{}", id % 200, id / 10).into(),
        series_ticker: format!("SERIES{}", id % 200).into(),
        category: "Economics".into(),
        title: format!("Will number {id} be drawn?").into(),
        strike: Strike::Other,
        open_time: Timestamp::from_nanos(0),
        close_time: close,
        grid: PriceGrid::whole_cents(),
        fees: FeeSchedule::STANDARD,
    }
}

/// A ledger of a million evaluations, each a forecast that counts, and 50,000 closed positions.
fn write_ledger(file: &std::path::Path) {
    let header = RunHeader {
        run_id: "bench".into(),
        mode: "backtest",
        scenario: "bench".into(),
        version: "0",
        seed: 7,
        bankroll: Money::from_micros(10_000_000_000),
        lenient: false,
        ignore_halts: false,
        files: Vec::new(),
        strategies: vec!["bench".into()],
    };
    let mut ledger = TradeLogger::create_backtest(file, &header).expect("a ledger");
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let reason: std::sync::Arc<str> = "because".into();
    for id in 0..LEDGER_MARKETS {
        let market = listed(id);
        let close = market.close_time;
        let p = random.random_range(20_000..980_000_u32);
        let yes = random.random_range(0..1_000_000) < p;
        let mut records: Vec<Record> = DAYS_BEFORE
            .iter()
            .map(|days| {
                Record::Evaluation(Evaluation {
                    at: close - Span::DAY.times(*days),
                    strategy: StrategyId(0),
                    market: market.id,
                    probability: Probability::from_ppm(p).expect("a share"),
                    confidence: Fraction::ONE,
                    bid: Price::new(4_400),
                    ask: Price::new(4_600),
                    twice_mid: Some(u16::try_from(p / 50).expect("a price")),
                    assumed: false,
                    net_edge_ppm: Some(1_000),
                    verdict: Verdict::NoOpportunity,
                    reason: reason.clone(),
                })
            })
            .collect();
        let value = if yes { SettlementValue::ONE } else { SettlementValue::ZERO };
        records.push(Record::Settled(Settled { at: close, market: market.id, value }));
        if id % (LEDGER_MARKETS / TRADES) == 0 {
            let (cost, proceeds) = (Money::from_micros(i64::from(p) * 10), if yes { 10_000_000 } else { 0 });
            records.push(Record::Trade(Trade {
                strategy: StrategyId(0),
                market: market.id,
                side: Side::Yes,
                opened_at: close - Span::DAY.times(8),
                closed_at: close,
                contracts: Contracts::whole(10),
                cost,
                proceeds: Money::from_micros(proceeds),
                fees: Money::from_micros(70_000),
                pnl: Money::from_micros(proceeds - cost.micros() - 70_000),
                exit_reason: ExitReason::Resolved,
                belief: Probability::from_ppm(p).expect("a share"),
                market_price: Probability::from_ppm(p).expect("a share"),
            }));
        }
        let input =
            Stamped { at: close, value: Input::Market(MarketEvent::Listed(std::sync::Arc::new(market))) };
        ledger.record(u64::from(id), &input, &Output { commands: Vec::new(), records }).expect("written");
    }
    let span = (Timestamp::from_nanos(0), Timestamp::from_nanos(Span::DAY.times(1_300).nanos()));
    ledger.finish_run(Some(span), Money::from_micros(9_000_000_000)).expect("finished");
}

fn from_ledger_to_page(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ledger.sqlite");
    write_ledger(&file);
    let made = || {
        render_run_page(
            &ReportFindings::from_ledger(&LedgerReader::open(&file).expect("a ledger")).expect("readable"),
        )
    };
    let bytes = made().len();
    let mut group = criterion.benchmark_group("a million forecasts");
    group.sample_size(10);
    group.bench_function(format!("ledger to a page of {} kB", bytes / 1_000), |bencher| bencher.iter(made));
    group.finish();
}

criterion_group!(benches, a_million, from_ledger_to_page);
criterion_main!(benches);
