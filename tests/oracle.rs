//! A second opinion: the engine against a naive implementation written from the specification alone.
//!
//! 1 000 small random worlds run through the real engine (simulated exchange, memory feed, memory
//! journal) and through [`Oracle`], plain `i128` arithmetic over vectors that shares nothing with the
//! engine but the input types of `protogen::domain` and `protogen::event`. Both must agree on every
//! evaluation's verdict, order, fill, trade and halt, and on cash, exposure, equity, peak and drawdown
//! scale after every moment. A difference names the seed and the first line that differs.
//!
//! `ORACLE_SEED=123 cargo test --test oracle -- --nocapture` prints both logs of one world.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use num_bigint::BigUint;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use protogen::desk::decision::{Output, Record, Verdict};
use protogen::desk::execution::ExecutionSettings;
use protogen::desk::positions::ExitSettings;
use protogen::desk::risk::RiskLimits;
use protogen::desk::risk::drawdown::DrawdownLimits;
use protogen::desk::risk::exposure::ExposureLimits;
use protogen::desk::risk::kill_switch::KillRules;
use protogen::desk::scanner::ScannerSettings;
use protogen::desk::strategy::{Estimate, Learned, MarketView, Strategy};
use protogen::desk::{Desk, DeskSettings, Seat};
use protogen::domain::{
    Action, Contracts, Decimal6, EventId, Fact, FeeRounding, FeeSchedule, FeeType, Fraction, Market,
    MarketId, MarketStatus, Money, Price, PriceGrid, Probability, Quote, SeriesId, Span, Strike, TimeInForce,
    Timestamp,
};
use protogen::engine::gateway::{Feed, GatewayError, Next, Session};
use protogen::engine::{Engine, Journal, JournalError};
use protogen::event::{Control, Input, MarketEvent, Stamped};
use protogen::sim::{FillModel, LatencyModel, SimExchange, SimSettings};

type N = i128;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

// ---------------------------------------------------------------- what is compared

/// One line of a run's log; prices in ten-thousandths, contracts in hundredths, money in millionths.
#[derive(Clone, Debug, PartialEq)]
enum Line {
    Verdict {
        strategy: usize,
        market: usize,
        verdict: String,
    },
    Order {
        strategy: usize,
        market: usize,
        side: usize,
        buy: bool,
        contracts: N,
        limit: N,
        reserve: N,
    },
    Fill {
        market: usize,
        side: usize,
        buy: bool,
        price: N,
        contracts: N,
        fee: N,
        taker: bool,
    },
    Done {
        market: usize,
        filled: N,
    },
    Trade {
        strategy: usize,
        market: usize,
        side: usize,
        opened: N,
        contracts: N,
        cost: N,
        proceeds: N,
        fees: N,
        pnl: N,
        reason: &'static str,
        belief: N,
        price: N,
    },
    Halt {
        strategy: Option<usize>,
        rule: &'static str,
    },
    State {
        cash: N,
        exposure: N,
        equity: N,
        peak: N,
        scale: N,
    },
}

const KINDS: [&str; 7] = ["verdict", "order", "fill", "done", "trade", "halt", "state"];

/// What happened in a run, by kind and in order of time.
#[derive(Default)]
struct Log([Vec<(N, Line)>; 7]);

impl Log {
    fn push(&mut self, at: N, line: Line) {
        let kind = match line {
            Line::Verdict { .. } => 0,
            Line::Order { .. } => 1,
            Line::Fill { .. } => 2,
            Line::Done { .. } => 3,
            Line::Trade { .. } => 4,
            Line::Halt { .. } => 5,
            Line::State { .. } => 6,
        };
        let list = &mut self.0[kind];
        if kind == 6 && list.last().is_some_and(|last| last.0 == at) {
            list.pop(); // the state of a moment is the one after all its inputs
        }
        list.push((at, line));
    }

    /// Verdicts of one scan may be logged in any order.
    fn sorted(mut self) -> Self {
        self.0[0].sort_by_key(|(at, line)| match line {
            Line::Verdict { strategy, market, .. } => (*at, *market, *strategy),
            _ => (*at, 0, 0),
        });
        self
    }

    /// The earliest line that differs.
    fn difference(&self, other: &Self) -> Option<String> {
        let earliest = (0..KINDS.len()).filter_map(|kind| {
            let (ours, theirs) = (&self.0[kind], &other.0[kind]);
            let index = (0..ours.len().max(theirs.len())).find(|&i| ours.get(i) != theirs.get(i))?;
            let at = ours.get(index).into_iter().chain(theirs.get(index)).map(|line| line.0).min()?;
            Some((at, kind, index))
        });
        let (at, kind, index) = earliest.min()?;
        let name = KINDS[kind];
        let show = |log: &Self| log.0[kind].get(index).map_or("nothing".into(), |line| format!("{line:?}"));
        let time = Timestamp::from_nanos(at as i64);
        Some(format!("{time} {name} #{index}\n  engine: {}\n  oracle: {}", show(self), show(other)))
    }
}

// ---------------------------------------------------------------- worlds

/// Everything one run is determined by.
struct World {
    inputs: Vec<Stamped<Input>>,
    markets: Vec<Arc<Market>>,
    /// By strategy and market: belief in YES and confidence.
    beliefs: Vec<Vec<Option<(u32, u32)>>>,
    min_edge: Vec<u32>,
    desk: DeskSettings,
    sim: SimSettings,
    latency: i64,
}

type Rng = ChaCha8Rng;

fn pick<T: Copy>(r: &mut Rng, items: &[T]) -> T {
    items[r.random_range(0..items.len())]
}

fn chance(r: &mut Rng, percent: u32) -> bool {
    r.random_range(0..100) < percent
}

fn ppm(value: u32) -> Fraction {
    Fraction::from_ppm(value).unwrap()
}

fn span(nanos: i64) -> Span {
    Span::from_nanos(nanos).unwrap()
}

fn stamp(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

/// How quotes of a world look.
struct Style {
    start: i64,
    end: i64,
    /// All within three hours, most of it on its way at the end.
    burst: bool,
    gtc: bool,
    tick: i64,
    sizes: u32,
    deep: bool,
    jump: i64,
    adverse: bool,
}

/// A moment in between, a third of the time on the quarter hour so that things coincide.
fn moment(r: &mut Rng, from: i64, to: i64) -> i64 {
    let at = r.random_range(from..=to.max(from));
    let step = if chance(r, 33) { 900 * SECOND } else { SECOND };
    (at - at.rem_euclid(step)).max(from)
}

fn schedule(r: &mut Rng) -> FeeSchedule {
    let types = [FeeType::Quadratic, FeeType::QuadraticWithMakerFees, FeeType::QuadraticWithComboMakerFees];
    FeeSchedule {
        fee_type: pick(r, &types),
        multiplier_ppm: pick(r, &[1_000_000, 1_000_000, 500_000, 1_300_001, 0]),
    }
}

fn markets(r: &mut Rng, style: &Style) -> Vec<Arc<Market>> {
    let (events, series) = (r.random_range(1..=3u32), r.random_range(1..=2u32));
    let fees = [schedule(r), schedule(r)];
    let mut all = Vec::new();
    for event in 0..events {
        let of = event % series;
        for _ in 0..r.random_range(1..=4) {
            let id = all.len() as u32;
            let close = moment(r, style.start + (style.end - style.start) / 2, style.end + 6 * HOUR);
            all.push(Arc::new(Market {
                id: MarketId(id),
                event: EventId(event),
                series: SeriesId(of),
                ticker: format!("M{id:02}").into(),
                event_ticker: format!("E{event}").into(),
                series_ticker: format!("S{of}").into(),
                category: format!("C{}", event % 2).into(),
                title: "".into(),
                strike: Strike::Other,
                open_time: stamp(style.start),
                close_time: stamp(close),
                grid: PriceGrid::whole_cents(),
                fees: fees[of as usize],
            }));
        }
    }
    all
}

/// The next quote of a market whose middle and volume walk.
fn quote(r: &mut Rng, style: &Style, middle: &mut i64, volume: &mut i64) -> Quote {
    *middle = (*middle + r.random_range(-style.jump..=style.jump)).clamp(300, 9_700);
    *volume += if chance(r, 20) { 0 } else { r.random_range(0..=60_000) };
    let half = r.random_range(50..=300);
    let snap = |price: i64| (price - price.rem_euclid(style.tick)).clamp(100, 9_900);
    let bid = snap(*middle - half);
    let ask = snap(*middle + half).max((bid + style.tick).min(9_900));
    let price = |value: i64| Price::new(value as u16);
    let (hide_bid, hide_ask) = (chance(r, 8) || bid == ask, chance(r, 8));
    let size = |r: &mut Rng| {
        let most = if style.deep { 40_000 } else { 3_000 };
        let hundredths = r.random_range(0..=most);
        let whole = if chance(r, 80) { hundredths - hundredths % 100 } else { hundredths };
        chance(r, style.sizes).then(|| Contracts::from_hundredths(whole))
    };
    Quote {
        bid: if hide_bid { None } else { price(bid) },
        ask: if hide_ask { None } else { price(ask) },
        last: chance(r, 80).then(|| Price::new(snap(*middle + r.random_range(-500..=500)) as u16).unwrap()),
        bid_size: size(r),
        ask_size: size(r),
        volume: chance(r, 92).then(|| Contracts::from_hundredths(*volume)),
        ..Quote::default()
    }
}

/// The life of one market: listing, quotes, interruptions, close, settlement.
fn life(
    r: &mut Rng,
    style: &Style,
    market: &Arc<Market>,
    quotes: usize,
    against: Option<bool>,
) -> Vec<(i64, Input)> {
    let id = market.id;
    let mut seen = Vec::new();
    let first = if chance(r, 80) {
        style.start
    } else {
        moment(r, style.start, style.start + (style.end - style.start) / 3)
    };
    seen.push((first, MarketEvent::Listed(market.clone())));
    let mut close = market.close_time.nanos();
    if chance(r, 15) {
        let at = moment(r, first, close);
        close = moment(r, at, close + 6 * HOUR);
        seen.push((at, MarketEvent::CloseTime { market: id, close: stamp(close) }));
    }
    if chance(r, 70) {
        seen.push((close, MarketEvent::Status { market: id, status: MarketStatus::Closed }));
    }
    let paid = match r.random_range(0..100) {
        0..60 => close + r.random_range(0..3) * HOUR,
        60..75 => moment(r, first + (close - first) / 2, close),
        _ => i64::MAX,
    };
    let last = if chance(r, 80) { close - 1 } else { close + HOUR }.min(paid - 1).min(style.end);
    if chance(r, 20) && first < last {
        let at = moment(r, first, last);
        seen.push((at, MarketEvent::Status { market: id, status: MarketStatus::Halted }));
        let again = moment(r, at, at + 5 * HOUR);
        if again < close.min(paid) {
            seen.push((again, MarketEvent::Status { market: id, status: MarketStatus::Active }));
        }
    }
    // now and then quotes come before the listing, and count for nothing
    let from = if chance(r, 4) { style.start } else { first };
    let mut times: Vec<i64> = (0..quotes).filter(|_| first < last).map(|_| moment(r, from, last)).collect();
    times.sort_unstable();
    let (mut middle, mut volume) = (start_of(market), 0);
    let mut latest = None;
    for at in times {
        let fresh = quote(r, style, &mut middle, &mut volume);
        let next = latest.filter(|_| chance(r, 3)).unwrap_or(fresh);
        latest = Some(next);
        seen.push((at, MarketEvent::Quote { market: id, quote: next }));
        if chance(r, 4) && first < at && at < last {
            seen.push((moment(r, at, last), MarketEvent::Gap { market: id }));
        }
    }
    if paid < i64::MAX {
        let yes = against.filter(|_| style.adverse).unwrap_or_else(|| r.random_range(0..10_000) < middle);
        let value = if chance(r, 12) { r.random_range(0..=10_000) } else { u16::from(yes) * 10_000 };
        seen.push((paid, MarketEvent::Settled { market: id, value: Price::new(value).unwrap() }));
    }
    seen.into_iter().filter(|(at, _)| *at <= paid).map(|(at, event)| (at, Input::Market(event))).collect()
}

/// Where a market's middle begins; spread over the markets.
fn start_of(market: &Market) -> i64 {
    1_500 + (i64::from(market.id.0) * 2_900 + market.close_time.nanos() / SECOND) % 7_000
}

fn inputs(
    r: &mut Rng,
    style: &Style,
    markets: &[Arc<Market>],
    beliefs: &[Option<(u32, u32)>],
) -> Vec<Stamped<Input>> {
    let mut shares = vec![0; markets.len()];
    for _ in 0..r.random_range(20..=80) {
        shares[r.random_range(0..markets.len())] += 1;
    }
    let mut all = Vec::new();
    for market in markets {
        let index = market.id.index();
        let against = beliefs[index].map(|(belief, _)| i64::from(belief) < start_of(market) * 100);
        all.extend(life(r, style, market, shares[index], against));
    }
    if chance(r, 20) {
        let series = SeriesId(r.random_range(0..2));
        let at = moment(r, style.start + (style.end - style.start) / 3, style.end);
        all.push((at, Input::Market(MarketEvent::Fees { series, fees: schedule(r) })));
    }
    if chance(r, 10) {
        let at = moment(r, style.start, style.end);
        all.push((at, Input::Control(Control::Halt { reason: "test".into() })));
        let until = moment(r, at, style.end);
        all.push((until, Input::Control(Control::Resume { strategy: None, reason: "test".into() })));
    }
    let rank = |input: &Input| match input {
        Input::Market(MarketEvent::Listed(_)) => 0,
        Input::Market(MarketEvent::Settled { .. }) => 2,
        _ => 1,
    };
    all.sort_by_key(|(at, input)| (*at, rank(input)));
    if style.burst || chance(r, 15) {
        all.truncate(all.len() - r.random_range(0..all.len() / 2)); // ends in the middle of things
    }
    all.into_iter().map(|(at, value)| Stamped { at: stamp(at), value }).collect()
}

fn desk_settings(r: &mut Rng, fee_rounding: FeeRounding, style: &Style) -> DeskSettings {
    let rich = chance(r, 15); // only free cash limits
    let cap = |r: &mut Rng, caps: &[u32]| ppm(if rich { 1_000_000 } else { pick(r, caps) });
    let start = pick(r, &[0, 5_000, 20_000, 150_000]);
    let windows = [(3, 1), (5, 2), (2, 3), (20, 10)];
    let (window, min_trades) = pick(r, &windows);
    DeskSettings {
        bankroll: Money::from_micros(pick(r, &[40_000_000, 500_000_000, 10_000_000_000, 1_000_000_000_000])),
        risk: RiskLimits {
            kelly_fraction: cap(r, &[100_000, 250_000, 777_777, 1_000_000]),
            exposure: ExposureLimits {
                market: cap(r, &[20_000, 50_000, 200_000, 1_000_000]),
                event: cap(r, &[30_000, 100_000, 300_000, 1_000_000]),
                series: cap(r, &[60_000, 300_000, 1_000_000]),
                total: cap(r, &[60_000, 200_000, 500_000, 1_000_000]),
            },
            drawdown: DrawdownLimits {
                start: ppm(start),
                half: ppm(start + pick(r, &[3_000, 20_000, 50_001])),
            },
            daily_loss: ppm(pick(r, &[3_000, 20_000, 50_000, 500_000])),
            max_quote_age: span(pick(r, &[300 * SECOND, HOUR, 12 * HOUR])),
            fee_rounding,
            ignore_halts: chance(r, 10),
        },
        kill: KillRules {
            window,
            min_trades,
            min_win_rate: ppm(pick(r, &[0, 250_000, 400_000, 700_000])),
            evidence: Decimal6::from_millionths(pick(r, &[1_300_000, 2_000_000, 20_000_000])),
        },
        scanner: ScannerSettings {
            interval: span(pick(r, if style.burst { &[0] } else { &[0, 900 * SECOND, HOUR] })),
            min_time_to_close: span(pick(r, &[0, HOUR, 8 * HOUR])),
            min_volume: Contracts::whole(pick(r, &[0, 0, 100, 400])),
            series: if chance(r, 10) { vec!["S0".into()] } else { Vec::new() },
            categories: if chance(r, 10) { vec!["C0".into()] } else { Vec::new() },
        },
        exits: ExitSettings {
            inversion: ppm(pick(r, &[0, 20_000, 100_000])),
            max_holding: span(pick(
                r,
                if style.burst {
                    &[300 * SECOND]
                } else {
                    &[300 * SECOND, 2 * HOUR, 7 * HOUR + SECOND, DAY, 45 * DAY, 45 * DAY, 45 * DAY]
                },
            )),
        },
        execution: ExecutionSettings {
            time_in_force: if style.gtc { TimeInForce::Gtc } else { TimeInForce::Ioc },
            max_slippage: Price::new(pick(r, &[0, 100, 250, 9_900])).unwrap(),
            retries: 0,
        },
    }
}

fn world(seed: u64) -> World {
    let r = &mut Rng::seed_from_u64(seed);
    let start = 1_706_000_000 * SECOND + r.random_range(0..24) * HOUR;
    let burst = chance(r, 15);
    let style = Style {
        start,
        end: start + if burst { 3 } else { r.random_range(24..=96) } * HOUR,
        burst,
        gtc: chance(r, 30),
        tick: pick(r, &[100, 100, 100, 50]),
        sizes: pick(r, &[0, 50, 100, 100]),
        deep: chance(r, 50),
        jump: pick(r, &[200, 800, 1_500, 2_500]),
        adverse: chance(r, 40),
    };
    let markets = markets(r, &style);
    let mut believe = |market: &Arc<Market>| {
        let shift = r.random_range(-3_500..=3_500);
        let belief = ((start_of(market) + shift).clamp(100, 9_900) * 100 + r.random_range(-99..=99)) as u32;
        // whole cents without fees meet limits exactly
        let belief = if chance(r, 30) { belief - belief % 10_000 } else { belief };
        let belief = if chance(r, 2) { pick(r, &[0, 1_000_000]) } else { belief };
        let confidence = pick(r, &[1_000_000, 1_000_000, 500_000, 333_333, 0]);
        chance(r, 88).then_some((belief, confidence))
    };
    let mut beliefs = vec![markets.iter().map(&mut believe).collect::<Vec<_>>()];
    if seed % 2 == 1 {
        beliefs.push(markets.iter().map(&mut believe).collect());
    }
    let inputs = inputs(r, &style, &markets, &beliefs[0]);
    let fee_rounding = pick(r, &[FeeRounding::Centicent, FeeRounding::Cent, FeeRounding::CentPerFill]);
    let latency = pick(r, if style.burst { &[600 * SECOND] } else { &[0, SECOND / 4, 600 * SECOND] });
    World {
        inputs,
        markets,
        min_edge: beliefs.iter().map(|_| pick(r, &[1_000, 20_000, 50_000])).collect(),
        beliefs,
        desk: desk_settings(r, fee_rounding, &style),
        sim: SimSettings {
            fill: FillModel::TopOfBook,
            latency: LatencyModel::Fixed(span(latency)),
            participation: ppm(pick(r, &[0, 100_000, 250_000, 1_000_000])),
            fee_rounding,
            seed: 1,
        },
        latency,
    }
}

// ---------------------------------------------------------------- the engine's run

/// Inputs from memory.
struct MemoryFeed(std::vec::IntoIter<Stamped<Input>>);

impl Feed for MemoryFeed {
    fn next(&mut self, until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        Ok(match self.0.as_slice().first() {
            None => Next::End,
            Some(first) if until.is_some_and(|until| first.at > until) => Next::Due,
            Some(_) => self.0.next().map_or(Next::End, Next::Item),
        })
    }
}

/// Records in memory.
#[derive(Default)]
struct MemoryJournal(Vec<Record>);

impl Journal for MemoryJournal {
    fn record(&mut self, _: u64, _: &Stamped<Input>, out: &Output) -> Result<(), JournalError> {
        self.0.extend(out.records.iter().cloned());
        Ok(())
    }
}

/// Believes what it was given.
struct Fixed(Vec<Option<(u32, u32)>>);

impl Strategy for Fixed {
    fn name(&self) -> &str {
        "fixed"
    }

    fn learn(&mut self, _: &Fact, _: Timestamp) -> Learned {
        Learned::Ignored
    }

    fn evaluate(&mut self, view: &MarketView<'_>) -> Option<Estimate> {
        self.0[view.market.id.index()].map(|(belief, confidence)| Estimate {
            probability: Probability::from_ppm(belief).unwrap(),
            confidence: ppm(confidence),
            reason: "".into(),
        })
    }
}

fn run_engine(world: &World) -> (Log, Vec<Record>) {
    let seats = world.beliefs.iter().zip(&world.min_edge).map(|(beliefs, &min_edge)| Seat {
        strategy: Box::new(Fixed(beliefs.clone())),
        min_edge: ppm(min_edge),
    });
    let mut engine = Engine {
        desk: Desk::new(world.desk.clone(), seats.collect()),
        session: Session {
            feed: MemoryFeed(world.inputs.clone().into_iter()),
            venue: SimExchange::new(world.sim),
        },
        journal: MemoryJournal::default(),
    };
    let mut log = Log::default();
    let watch = |at: Timestamp, desk: &Desk| {
        let point = desk.equity_point();
        log.push(
            at.nanos().into(),
            Line::State {
                cash: point.cash.micros().into(),
                exposure: point.exposure.micros().into(),
                equity: point.equity.micros().into(),
                peak: point.peak.micros().into(),
                scale: point.scale.ppm().into(),
            },
        );
    };
    engine.run(watch).expect("memory does not fail");
    for record in &engine.journal.0 {
        if let Some((at, line)) = line(record, &engine.journal.0) {
            log.push(at, line);
        }
    }
    (log.sorted(), engine.journal.0)
}

/// A record as a line; `None` for kinds that are not compared.
fn line(record: &Record, all: &[Record]) -> Option<(N, Line)> {
    let (at, line) = match record {
        Record::Evaluation(it) => {
            let verdict = match it.verdict {
                Verdict::NoOpportunity => "NoOpportunity".into(),
                Verdict::Ordered(_) => "Ordered".into(),
                Verdict::Exited(_) => "Exited".into(),
                Verdict::Refused(refusal) => format!("{refusal:?}"),
            };
            (it.at, Line::Verdict { strategy: it.strategy.index(), market: it.market.index(), verdict })
        }
        Record::Order(it) => (
            it.at,
            Line::Order {
                strategy: it.strategy.index(),
                market: it.order.market.index(),
                side: it.order.side as usize,
                buy: it.order.action == Action::Buy,
                contracts: it.order.contracts.hundredths().into(),
                limit: it.order.limit.get().into(),
                reserve: it.reserve.micros().into(),
            },
        ),
        Record::Fill(it) => (
            it.at,
            Line::Fill {
                market: it.order.market.index(),
                side: it.order.side as usize,
                buy: it.order.action == Action::Buy,
                price: it.fill.price.get().into(),
                contracts: it.fill.contracts.hundredths().into(),
                fee: it.fill.fee.micros().into(),
                taker: it.fill.taker,
            },
        ),
        Record::OrderDone(it) => {
            let market = all.iter().find_map(|record| match record {
                Record::Order(placed) if placed.order.id == it.order => Some(placed.order.market.index()),
                _ => None,
            });
            (it.at, Line::Done { market: market?, filled: it.filled.hundredths().into() })
        }
        Record::Trade(it) => (
            it.closed_at,
            Line::Trade {
                strategy: it.strategy.index(),
                market: it.market.index(),
                side: it.side as usize,
                opened: it.opened_at.nanos().into(),
                contracts: it.contracts.hundredths().into(),
                cost: it.cost.micros().into(),
                proceeds: it.proceeds.micros().into(),
                fees: it.fees.micros().into(),
                pnl: it.pnl.micros().into(),
                reason: it.exit_reason.name(),
                belief: it.belief.ppm().into(),
                price: it.market_price.ppm().into(),
            },
        ),
        Record::Halt(it) => {
            (it.at, Line::Halt { strategy: it.strategy.map(|id| id.index()), rule: it.rule.name() })
        }
        Record::Settled(_) | Record::Resume(_) | Record::Discrepancy(_) | Record::Equity(_) => return None,
    };
    Some((at.nanos().into(), line))
}

// ---------------------------------------------------------------- the oracle

/// What is known of a market, by the desk and at the exchange.
#[derive(Default)]
struct Book {
    event: usize,
    series: usize,
    covered: bool,
    listed: bool,
    active: bool,
    close: N,
    fees: Option<FeeSchedule>,
    quote: Quote,
    quoted_at: Option<N>,
    gap: bool,
    twice_mid: Option<N>,
    /// Taken by us since the last quote: of the YES ask, of the YES bid, of the unknown.
    taken: [N; 3],
    pool: N,
    traded: bool,
}

#[derive(Clone, Default)]
struct Working {
    strategy: usize,
    market: usize,
    side: usize,
    buy: bool,
    left: N,
    filled: N,
    limit: N,
    reserve: N,
    rounding: N,
    open: bool,
    resting: bool,
    asked_back: bool,
    belief: N,
    price: N,
    reason: &'static str,
}

#[derive(Clone, Default)]
struct Holding {
    strategy: usize,
    side: usize,
    opened: N,
    held: N,
    cost: N,
    entry_fees: N,
    bought: N,
    spent: N,
    got: N,
    fees: N,
    belief: N,
    price: N,
}

#[derive(Default)]
struct Switch {
    halted: bool,
    wins: Vec<bool>,
    /// By event: market, side, belief and price of the first position; `None` once settled.
    wagers: BTreeMap<usize, Option<(usize, usize, N, N)>>,
    /// Numerator and denominator of E.
    evidence: [BigUint; 2],
}

struct Guess {
    market: usize,
    strategy: usize,
    yes: N,
    confidence: N,
    enterable: bool,
    done: bool,
}

struct Oracle<'w> {
    world: &'w World,
    now: N,
    books: Vec<Book>,
    orders: Vec<Working>,
    /// Due, order, whether it is a cancellation.
    travelling: Vec<(N, usize, bool)>,
    holdings: BTreeMap<usize, Holding>,
    switches: Vec<Switch>,
    owner_halt: bool,
    cash: N,
    peak: N,
    day: Option<(N, N)>,
    queue: BTreeSet<usize>,
    queued_at: N,
    last_scan: Option<N>,
    stop_seen: Option<N>,
    log: Log,
}

fn share(fraction: Fraction) -> N {
    fraction.ppm().into()
}

fn up(value: N, step: N) -> N {
    if step == 0 { value } else { -(-value).div_euclid(step) * step }
}

impl<'w> Oracle<'w> {
    fn new(world: &'w World) -> Self {
        let scanner = &world.desk.scanner;
        let covers = |list: &[String], name: &str| list.is_empty() || list.iter().any(|item| item == name);
        let books = world.markets.iter().map(|market| Book {
            event: market.event.index(),
            series: market.series.index(),
            covered: covers(&scanner.series, &market.series_ticker)
                && covers(&scanner.categories, &market.category),
            close: market.close_time.nanos().into(),
            fees: Some(market.fees),
            ..Book::default()
        });
        let switch = || Switch { evidence: [1u32.into(), 1u32.into()], ..Switch::default() };
        let bankroll = world.desk.bankroll.micros().into();
        Self {
            world,
            now: N::MIN,
            books: books.collect(),
            orders: Vec::new(),
            travelling: Vec::new(),
            holdings: BTreeMap::new(),
            switches: world.beliefs.iter().map(|_| switch()).collect(),
            owner_halt: false,
            cash: bankroll,
            peak: bankroll,
            day: None,
            queue: BTreeSet::new(),
            queued_at: 0,
            last_scan: None,
            stop_seen: None,
            log: Log::default(),
        }
    }

    fn run(mut self) -> Log {
        let mut inputs = self.world.inputs.iter().peekable();
        loop {
            self.travelling.retain(|&(_, order, cancel)| !cancel || self.orders[order].open);
            let answer = self.travelling.iter().map(|sent| sent.0).min().unwrap_or(N::MAX);
            let feed = inputs.peek().map_or(N::MAX, |input| input.at.nanos().into());
            let wake = if feed == N::MAX { N::MAX } else { self.wake().unwrap_or(N::MAX) };
            self.now = answer.min(feed).min(wake);
            if self.now == N::MAX {
                return self.log.sorted();
            }
            let day = self.now.div_euclid(DAY.into());
            if self.day.is_none_or(|(known, _)| known != day) {
                self.day = Some((day, self.equity()));
            }
            if answer == self.now {
                let first = self.travelling.iter().position(|sent| sent.0 == answer).unwrap();
                let (_, order, cancel) = self.travelling.remove(first);
                if cancel { self.finish(order) } else { self.arrive(order) }
            } else if feed == self.now {
                self.take(&inputs.next().unwrap().value);
            } else {
                self.scan();
            }
            let (equity, peak, scale) = (self.equity(), self.peak, self.scale());
            let line = Line::State { cash: self.cash, exposure: self.staked(|_| true), equity, peak, scale };
            self.log.push(self.now, line);
        }
    }

    // ------ time

    fn stop(&self) -> Option<N> {
        let longest = N::from(self.world.desk.exits.max_holding.nanos());
        self.holdings.values().map(|holding| holding.opened + longest).min()
    }

    fn wake(&self) -> Option<N> {
        let interval = N::from(self.world.desk.scanner.interval.nanos());
        let stop = self.stop().filter(|stop| self.stop_seen != Some(*stop)).map(|stop| stop.max(self.now));
        let queued = (!self.queue.is_empty()).then_some(self.queued_at);
        let earliest = self.last_scan.map_or(N::MIN, |last| last + interval);
        stop.into_iter().chain(queued).map(|at| up(at, interval).max(earliest)).min()
    }

    // ------ inputs

    fn take(&mut self, input: &Input) {
        match input {
            Input::Market(MarketEvent::Listed(market)) => {
                let book = &mut self.books[market.id.index()];
                (book.listed, book.active) = (true, true);
            }
            Input::Market(MarketEvent::Quote { market, quote }) => {
                if self.books[market.index()].listed {
                    self.quote(market.index(), *quote);
                }
            }
            Input::Market(MarketEvent::Gap { market }) => self.books[market.index()].gap = true,
            Input::Market(MarketEvent::Status { market, status }) => {
                self.books[market.index()].active = *status == MarketStatus::Active;
                if *status != MarketStatus::Halted {
                    self.sweep(market.index());
                }
            }
            Input::Market(MarketEvent::CloseTime { market, close }) => {
                self.books[market.index()].close = close.nanos().into();
            }
            Input::Market(MarketEvent::Fees { series, fees }) => {
                self.books
                    .iter_mut()
                    .filter(|b| b.listed && b.series == series.index())
                    .for_each(|b| b.fees = Some(*fees));
            }
            Input::Market(MarketEvent::Settled { market, value }) => {
                self.settle(market.index(), value.get().into())
            }
            Input::Control(Control::Halt { .. }) => {
                self.owner_halt = true;
                self.log.push(self.now, Line::Halt { strategy: None, rule: "owner" });
            }
            Input::Control(Control::Resume { .. }) => self.owner_halt = false,
            Input::Fact(_) | Input::Venue(_) | Input::Wake => unreachable!("the feed has none"),
        }
    }

    fn quote(&mut self, m: usize, quote: Quote) {
        let participation = share(self.world.sim.participation);
        let book = &mut self.books[m];
        let volume = |quote: &Quote| quote.volume.map(|volume| N::from(volume.hundredths()));
        let traded = volume(&quote).zip(volume(&book.quote)).map_or(0, |(now, before)| now - before);
        let ours = traded * participation / 1_000_000 / 100 * 100;
        book.pool = if traded >= 100 { ours.max(100) } else { 0 };
        book.traded = traded > 0;
        book.taken = [0; 3];
        book.quote = quote;
        book.quoted_at = Some(self.now);
        book.gap = false;
        if let (Some(bid), Some(ask)) = (quote.bid, quote.ask) {
            book.twice_mid = Some(N::from(bid.get()) + N::from(ask.get()));
        }
        if self.holdings.contains_key(&m) {
            self.peak = self.peak.max(self.equity());
        }
        if self.books[m].covered && self.queue.insert(m) && self.queue.len() == 1 {
            self.queued_at = self.now;
        }
        if self.world.desk.scanner.interval == Span::ZERO {
            self.scan();
        }
        self.match_resting(m);
    }

    fn settle(&mut self, m: usize, value: N) {
        self.books[m].active = false;
        let of = |side: usize| if side == 0 { value } else { 10_000 - value };
        if let Some(holding) = self.holdings.get_mut(&m) {
            let paid = of(holding.side) * holding.held;
            holding.got += paid;
            self.cash += paid;
            self.close_trade(m, "resolved");
        }
        let event = self.books[m].event;
        for s in 0..self.switches.len() {
            let switch = &mut self.switches[s];
            let wager = switch.wagers.get_mut(&event).filter(|wager| wager.is_some_and(|wager| wager.0 == m));
            let Some((_, side, belief, price)) = wager.and_then(Option::take) else { continue };
            let happened = |p: N| (if of(side) == 10_000 { p } else { 1_000_000 - p }) as u64;
            if value % 10_000 == 0 {
                switch.evidence[0] *= happened(price);
                switch.evidence[1] *= happened(belief);
            }
            let threshold = self.world.desk.kill.evidence.millionths() as u64;
            if &switch.evidence[0] * 1_000_000u64 >= &switch.evidence[1] * threshold {
                self.halt(s, "evidence");
            }
        }
        self.sweep(m);
        self.peak = self.peak.max(self.equity());
    }

    // ------ the exchange

    fn ask(&self, m: usize, side: usize) -> Option<N> {
        let quote = &self.books[m].quote;
        if side == 0 {
            quote.ask.map(|p| p.get().into())
        } else {
            quote.bid.map(|p| 10_000 - N::from(p.get()))
        }
    }

    fn bid(&self, m: usize, side: usize) -> Option<N> {
        self.ask(m, 1 - side).map(|price| 10_000 - price)
    }

    /// What is there for a buyer of `side`, and which count it comes from.
    fn on_offer(&self, m: usize, side: usize) -> (N, usize) {
        let book = &self.books[m];
        match [book.quote.ask_size, book.quote.bid_size][side] {
            Some(size) => (N::from(size.hundredths()) - book.taken[side], side),
            None => (book.pool - book.taken[2], 2),
        }
    }

    fn trading(&self, m: usize) -> bool {
        self.books[m].active && self.now < self.books[m].close
    }

    fn arrive(&mut self, o: usize) {
        let Working { market: m, side, buy, limit, .. } = self.orders[o];
        if !self.trading(m) {
            return self.finish(o);
        }
        let touch = if buy { self.ask(m, side) } else { self.bid(m, side) };
        if let Some(price) = touch.filter(|&price| if buy { price <= limit } else { price >= limit }) {
            self.trade(o, price, true);
        }
        let rests = buy && self.world.desk.execution.time_in_force == TimeInForce::Gtc;
        if rests && self.orders[o].left > 0 { self.orders[o].resting = true } else { self.finish(o) }
    }

    fn match_resting(&mut self, m: usize) {
        let last = self.books[m].quote.last.map(|price| N::from(price.get()));
        for o in 0..self.orders.len() {
            let Working { market, side, limit, .. } = self.orders[o];
            if market == m && self.orders[o].resting && self.trading(m) {
                let below = |price: Option<N>| price.is_some_and(|price| price < limit);
                let last = last.map(|price| if side == 0 { price } else { 10_000 - price });
                if below(self.ask(m, side)) || self.books[m].traded && below(last) {
                    self.trade(o, limit, false);
                }
                if self.orders[o].left == 0 {
                    self.finish(o);
                }
            }
        }
    }

    /// Fills what is on offer and books it.
    fn trade(&mut self, o: usize, price: N, taker: bool) {
        let Working { strategy, market: m, side, buy, left, belief, price: mid, reason, .. } = self.orders[o];
        let (there, count) = self.on_offer(m, if buy { side } else { 1 - side });
        let n = left.min(there);
        if n <= 0 {
            return;
        }
        self.books[m].taken[count] += n;
        let fee = self.charge(o, price, n, taker);
        // what a partial fill did not use stays set aside until the order is over
        let reserve = if buy && left > n { self.orders[o].reserve - price * n - fee } else { 0 };
        let order = &mut self.orders[o];
        (order.left, order.filled, order.reserve) = (left - n, order.filled + n, reserve);
        self.log.push(self.now, Line::Fill { market: m, side, buy, price, contracts: n, fee, taker });
        self.cash += if buy { -price * n - fee } else { price * n - fee };
        if buy {
            let event = self.books[m].event;
            self.switches[strategy].wagers.entry(event).or_insert(Some((m, side, belief, mid)));
            let fresh =
                Holding { strategy, side, opened: self.now, belief, price: mid, ..Holding::default() };
            let it = self.holdings.entry(m).or_insert(fresh);
            (it.held, it.cost, it.entry_fees) = (it.held + n, it.cost + price * n, it.entry_fees + fee);
            (it.bought, it.spent, it.fees) = (it.bought + n, it.spent + price * n, it.fees + fee);
        } else {
            let it = self.holdings.get_mut(&m).unwrap();
            it.cost -= it.cost * n / it.held;
            it.entry_fees -= it.entry_fees * n / it.held;
            (it.held, it.got, it.fees) = (it.held - n, it.got + price * n, it.fees + fee);
            if it.held == 0 {
                self.close_trade(m, reason);
            }
        }
        self.peak = self.peak.max(self.equity());
    }

    fn finish(&mut self, o: usize) {
        let order = &mut self.orders[o];
        if order.open {
            (order.open, order.resting, order.reserve) = (false, false, 0);
            let line = Line::Done { market: order.market, filled: order.filled };
            self.log.push(self.now, line);
        }
    }

    fn sweep(&mut self, m: usize) {
        let resting =
            (0..self.orders.len()).filter(|&o| self.orders[o].market == m && self.orders[o].resting);
        resting.collect::<Vec<_>>().into_iter().for_each(|o| self.finish(o));
    }

    // ------ fees

    fn fee(&self, m: usize, price: N, n: N, taker: bool) -> N {
        let fees = self.books[m].fees.unwrap();
        let rate = match fees.fee_type {
            _ if taker => 700,
            FeeType::Quadratic => 0,
            FeeType::QuadraticWithMakerFees => 175,
            FeeType::QuadraticWithComboMakerFees => 350,
        };
        // 1e-2 × 1e-8 × 1e-4 × 1e-6 = 1e-20 dollars, up to whole 1e-4 dollars
        up(n * price * (10_000 - price) * rate * N::from(fees.multiplier_ppm), 10_i128.pow(16))
            / 10_i128.pow(14)
    }

    fn charge(&mut self, o: usize, price: N, n: N, taker: bool) -> N {
        let fee = self.fee(self.orders[o].market, price, n, taker);
        let revenue = if self.orders[o].buy { -price * n } else { price * n };
        let precision = match self.world.sim.fee_rounding {
            FeeRounding::CentPerFill => return up(fee, 10_000),
            FeeRounding::Cent => 10_000,
            FeeRounding::Centicent => 100,
        };
        let rounding = (revenue - fee).rem_euclid(precision);
        let saved = &mut self.orders[o].rounding;
        *saved += rounding;
        let rebate = if *saved > 10_000 { 10_000 } else { 0 };
        *saved -= rebate;
        fee + rounding - rebate
    }

    /// Unrounded taker fee of one contract in 1e-10 dollars.
    fn unit_fee(&self, m: usize, price: N) -> N {
        up(price * (10_000 - price) * 700 * N::from(self.books[m].fees.unwrap().multiplier_ppm), 100_000_000)
            / 100_000_000
    }

    fn worst(&self, m: usize, limit: N, n: N) -> N {
        let fills = (n / 100).clamp(1, 100);
        let extra = match self.world.desk.risk.fee_rounding {
            FeeRounding::Centicent => (fills - 1) * 100,
            FeeRounding::Cent => (fills - 1) * 100 + 20_000,
            FeeRounding::CentPerFill => fills * 10_000,
        };
        limit * n + self.fee(m, limit, n, true) + extra
    }

    // ------ the books

    fn equity(&self) -> N {
        let worth = |(&m, holding): (&usize, &Holding)| match self.books[m].twice_mid {
            Some(yes) if holding.side == 0 => holding.held * yes / 2,
            Some(yes) => holding.held * (20_000 - yes) / 2,
            None => holding.cost,
        };
        self.cash + self.holdings.iter().map(worth).sum::<N>()
    }

    fn staked(&self, within: impl Fn(usize) -> bool) -> N {
        let orders = self.orders.iter().filter(|order| within(order.market)).map(|order| order.reserve);
        let held = self.holdings.iter().filter(|(m, _)| within(**m)).map(|(_, it)| it.cost + it.entry_fees);
        orders.sum::<N>() + held.sum::<N>()
    }

    fn scale(&self) -> N {
        let limits = self.world.desk.risk.drawdown;
        let (start, width) = (share(limits.start), 2 * (share(limits.half) - share(limits.start)));
        let beyond = (self.peak - self.equity()) * 1_000_000 - start * self.peak;
        if beyond <= 0 {
            1_000_000
        } else {
            ((width * self.peak - beyond) * 1_000_000 / (width * self.peak)).max(0)
        }
    }

    fn close_trade(&mut self, m: usize, reason: &'static str) {
        let it = self.holdings.remove(&m).unwrap();
        let pnl = it.got - it.spent - it.fees;
        self.log.push(
            self.now,
            Line::Trade {
                strategy: it.strategy,
                market: m,
                side: it.side,
                opened: it.opened,
                contracts: it.bought,
                cost: it.spent,
                proceeds: it.got,
                fees: it.fees,
                pnl,
                reason,
                belief: it.belief,
                price: it.price,
            },
        );
        let rules = &self.world.desk.kill;
        let wins = &mut self.switches[it.strategy].wins;
        wins.push(pnl > 0);
        let recent = &wins[wins.len().saturating_sub(rules.window as usize)..];
        let won = recent.iter().filter(|won| **won).count() as N;
        let few = won * 1_000_000 < share(rules.min_win_rate) * recent.len() as N;
        if wins.len() >= rules.min_trades as usize && few {
            self.halt(it.strategy, "win_rate");
        }
    }

    fn halt(&mut self, s: usize, rule: &'static str) {
        if !std::mem::replace(&mut self.switches[s].halted, true) {
            self.log.push(self.now, Line::Halt { strategy: Some(s), rule });
        }
    }

    // ------ a scan

    fn scan(&mut self) {
        // as specified, whether or not it is due yet
        self.stop_seen = self.stop();
        self.last_scan = Some(self.now);
        let mut guesses = self.guesses();
        for guess in &mut guesses {
            self.check_inversion(guess);
        }
        let longest = N::from(self.world.desk.exits.max_holding.nanos());
        for (m, holding) in self.holdings.clone() {
            if self.now - holding.opened >= longest && self.bid(m, holding.side).is_some() {
                let _ = self.exit(m, "time_stop");
            }
        }
        for guess in guesses.iter().filter(|guess| !guess.done) {
            self.enter(guess);
        }
    }

    fn guesses(&mut self) -> Vec<Guess> {
        let rules = &self.world.desk.scanner;
        let mut all = Vec::new();
        for m in std::mem::take(&mut self.queue).into_iter().filter(|&m| self.trading(m)) {
            let volume = self.books[m].quote.volume.unwrap_or_default();
            let long_enough = self.books[m].close - self.now >= N::from(rules.min_time_to_close.nanos());
            let enterable = long_enough && volume >= rules.min_volume;
            for strategy in 0..self.world.beliefs.len() {
                let held = self.holdings.get(&m).is_some_and(|holding| holding.strategy == strategy);
                if let Some((yes, confidence)) = self.world.beliefs[strategy][m].filter(|_| enterable || held)
                {
                    let (yes, confidence) = (yes.into(), confidence.into());
                    all.push(Guess { market: m, strategy, yes, confidence, enterable, done: false });
                }
            }
        }
        all
    }

    fn verdict(&mut self, guess: &Guess, verdict: &str) {
        let Guess { strategy, market, .. } = *guess;
        self.log.push(self.now, Line::Verdict { strategy, market, verdict: verdict.into() });
    }

    fn check_inversion(&mut self, guess: &mut Guess) {
        let m = guess.market;
        let Some(holding) = self.holdings.get(&m).filter(|holding| holding.strategy == guess.strategy) else {
            return;
        };
        let belief = if holding.side == 0 { guess.yes } else { 1_000_000 - guess.yes };
        let Some(bid) = self.bid(m, holding.side) else { return };
        let gain = bid * 1_000_000 - self.unit_fee(m, bid) - belief * 10_000;
        if gain >= share(self.world.desk.exits.inversion) * 10_000 {
            guess.done = true;
            let verdict = self.exit(m, "edge_inverted").map_or_else(|refused| refused, |()| "Exited");
            self.ask_back(guess, None);
            self.verdict(guess, verdict);
        }
    }

    fn open_order(&self, m: usize) -> bool {
        self.orders.iter().any(|order| order.open && order.market == m)
    }

    fn stale(&self, m: usize) -> bool {
        let oldest = self.now - N::from(self.world.desk.risk.max_quote_age.nanos());
        self.books[m].gap || self.books[m].quoted_at.is_none_or(|at| at < oldest)
    }

    fn exit(&mut self, m: usize, reason: &'static str) -> Result<(), &'static str> {
        let gates = [
            ("MarketNotTrading", !self.trading(m)),
            ("StaleQuote", self.stale(m)),
            ("OrderOpen", self.open_order(m)),
        ];
        if let Some((refused, _)) = gates.into_iter().find(|gate| gate.1) {
            return Err(refused);
        }
        let Holding { strategy, side, held, belief, price, .. } = self.holdings[&m];
        let slippage = N::from(self.world.desk.execution.max_slippage.get());
        let limit = up((self.bid(m, side).unwrap() - slippage).max(1), 100);
        let order = Working {
            strategy,
            market: m,
            side,
            left: held,
            limit,
            belief,
            price,
            reason,
            ..Working::default()
        };
        self.send(order);
        Ok(())
    }

    fn send(&mut self, order: Working) {
        let Working { strategy, market, side, buy, left, limit, reserve, .. } = order;
        self.log.push(self.now, Line::Order { strategy, market, side, buy, contracts: left, limit, reserve });
        self.travelling.push((self.now + N::from(self.world.latency), self.orders.len(), false));
        self.orders.push(Working { open: true, ..order });
    }

    fn ask_back(&mut self, guess: &Guess, wanted: Option<(usize, N)>) {
        let due = self.now + N::from(self.world.latency);
        for (o, order) in self.orders.iter_mut().enumerate() {
            let own =
                order.open && order.buy && (order.market, order.strategy) == (guess.market, guess.strategy);
            if own && wanted != Some((order.side, order.limit)) && !order.asked_back {
                order.asked_back = true;
                self.travelling.push((due, o, true));
            }
        }
    }

    fn enter(&mut self, guess: &Guess) {
        let m = guess.market;
        let edge = |side: usize| {
            let price = self.ask(m, side)?;
            let cost = price * 1_000_000 + self.unit_fee(m, price);
            let belief = if side == 0 { guess.yes } else { 1_000_000 - guess.yes };
            Some((belief * 10_000 - cost, side, belief, price, cost))
        };
        let best = edge(0).into_iter().chain(edge(1)).reduce(|yes, no| if no.0 > yes.0 { no } else { yes });
        let least = N::from(self.world.min_edge[guess.strategy]) * 10_000;
        let Some((edge, side, belief, price, cost)) = best.filter(|best| best.0 >= least) else {
            self.ask_back(guess, None);
            return self.verdict(guess, "NoOpportunity");
        };
        let slippage = N::from(self.world.desk.execution.max_slippage.get());
        let limit = ((price + slippage).min(10_000) / 100 * 100).min(9_900);
        self.ask_back(guess, Some((side, limit)));
        match self.size(guess, side, limit, edge, cost) {
            Err(refused) => self.verdict(guess, refused),
            Ok(n) => {
                let mid = self.books[m].quote.bid.zip(self.books[m].quote.ask).map(|(bid, ask)| {
                    let yes = N::from(bid.get() + ask.get()) * 50;
                    if side == 0 { yes } else { 1_000_000 - yes }
                });
                let (strategy, price, reserve) =
                    (guess.strategy, mid.unwrap_or(price * 100), self.worst(m, limit, n));
                let order = Working {
                    strategy,
                    market: m,
                    side,
                    buy: true,
                    left: n,
                    limit,
                    reserve,
                    belief,
                    price,
                    ..Working::default()
                };
                self.send(order);
                self.verdict(guess, "Ordered");
            }
        }
    }

    /// All gates, then Kelly, then the caps.
    fn size(&self, guess: &Guess, side: usize, limit: N, edge: N, cost: N) -> Result<N, &'static str> {
        let m = guess.market;
        let risk = &self.world.desk.risk;
        let held = self.holdings.get(&m);
        let (equity, scale, start) = (self.equity(), self.scale(), self.day.unwrap().1);
        let gates = [
            ("TradingHalted", self.owner_halt),
            ("StrategyHalted", self.switches[guess.strategy].halted && !risk.ignore_halts),
            ("MarketNotTrading", !self.trading(m)),
            ("StaleQuote", self.stale(m)),
            ("OutsideScan", !guess.enterable),
            ("OrderOpen", self.open_order(m)),
            ("HeldByAnother", held.is_some_and(|it| it.strategy != guess.strategy)),
            ("HeldOtherSide", held.is_some_and(|it| it.side != side)),
            ("DailyLossLimit", (start - equity) * 1_000_000 >= share(risk.daily_loss) * start),
            ("Drawdown", scale == 0),
            ("CannotSize", limit < 100),
        ];
        if let Some((refused, _)) = gates.into_iter().find(|gate| gate.1) {
            return Err(refused);
        }
        let fraction = share(risk.kelly_fraction) * scale * guess.confidence / 1_000_000;
        let stake = equity * edge * fraction / ((10_000_000_000 - cost) * 1_000_000_000_000);
        let target = stake * 10_000 / cost * 100;
        if target < 100 {
            return Err("KellyBelowOne");
        }
        let mut n = (target - held.map_or(0, |it| it.held)).div_euclid(100) * 100;
        if n < 100 {
            return Err("AtTarget");
        }
        let Book { event, series, .. } = self.books[m];
        let caps = risk.exposure;
        let left = |cap: Fraction, staked: N| (equity * share(cap)).div_euclid(1_000_000) - staked;
        let reserved = self.orders.iter().map(|order| order.reserve).sum::<N>();
        let budgets = [
            ("MarketCap", left(caps.market, self.staked(|other| other == m))),
            ("EventCap", left(caps.event, self.staked(|other| self.books[other].event == event))),
            ("SeriesCap", left(caps.series, self.staked(|other| self.books[other].series == series))),
            ("TotalCap", left(caps.total, self.staked(|_| true))),
            ("FreeCash", self.cash - reserved),
        ];
        for (name, budget) in budgets {
            n = n.min(budget.max(0) / limit / 100 * 100);
            while n > 0 && self.worst(m, limit, n) > budget {
                n -= 100;
            }
            if n < 100 {
                return Err(name);
            }
        }
        Ok(n)
    }
}

// ---------------------------------------------------------------- the test

/// What the engine's records have covered, so that agreement cannot be vacuous.
#[derive(Debug, Default)]
struct Coverage {
    counts: BTreeMap<String, usize>,
}

impl Coverage {
    fn note(&mut self, name: impl Into<String>) {
        *self.counts.entry(name.into()).or_default() += 1;
    }

    fn add(&mut self, records: &[Record]) {
        let mut asked = BTreeMap::new();
        for record in records {
            match record {
                Record::Order(placed) => {
                    asked.insert(placed.order.id, placed.order.contracts);
                    self.note("order");
                }
                Record::OrderDone(done) if !done.filled.is_none() && done.filled < asked[&done.order] => {
                    self.note("partial fill");
                }
                Record::Fill(fill) => self.note(if fill.fill.taker { "fill taker" } else { "fill maker" }),
                Record::Trade(trade) => self.note(format!("exit {}", trade.exit_reason.name())),
                Record::Halt(halt) => self.note(format!("halt {}", halt.rule.name())),
                Record::Evaluation(evaluation) => match evaluation.verdict {
                    Verdict::Refused(refusal) => self.note(format!("refusal {refusal:?}")),
                    _ => self.note("other verdict"),
                },
                Record::Discrepancy(_) => self.note("discrepancy"),
                _ => {}
            }
        }
    }

    fn count(&self, prefix: &str) -> usize {
        self.counts.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, count)| count).sum()
    }

    fn kinds(&self, prefix: &str) -> usize {
        self.counts.keys().filter(|name| name.starts_with(prefix)).count()
    }
}

/// Runs one world through both; the first difference, if any.
fn compare(seed: u64, coverage: &mut Coverage) -> Option<String> {
    let world = world(seed);
    let oracle = Oracle::new(&world).run();
    let run = catch_unwind(AssertUnwindSafe(|| run_engine(&world)));
    let Ok((engine, records)) = run else { return Some(format!("seed {seed}: the engine panicked")) };
    coverage.add(&records);
    if std::env::var("ORACLE_SEED").is_ok() {
        print_world(&world, &engine, &oracle);
    }
    engine.difference(&oracle).map(|difference| format!("seed {seed}: {difference}"))
}

fn print_world(world: &World, engine: &Log, oracle: &Log) {
    println!("{:#?} {:?} {:?}", world.desk, world.sim, world.beliefs);
    for input in &world.inputs {
        println!("{} {:?}", input.at, input.value);
    }
    for (name, log) in [("engine", engine), ("oracle", oracle)] {
        let mut lines: Vec<_> = log.0.iter().flatten().collect();
        lines.sort_by_key(|line| line.0);
        for (at, line) in lines {
            println!("{name} {} {line:?}", stamp(*at as i64));
        }
    }
}

#[test]
fn the_engine_agrees_with_a_second_implementation() {
    let only = std::env::var("ORACLE_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    let mut coverage = Coverage::default();
    let mut report = String::new();
    let mut differing = 0;
    for seed in only.map_or(0..1_000, |seed| seed..seed + 1) {
        if let Some(difference) = compare(seed, &mut coverage) {
            differing += 1;
            if differing <= 10 {
                writeln!(report, "{difference}").unwrap();
            }
        }
    }
    println!("{coverage:#?}");
    assert_eq!(differing, 0, "worlds on which engine and oracle differ; the first of them:\n{report}");
    if only.is_some() {
        return;
    }
    for reason in ["resolved", "edge_inverted", "time_stop"] {
        assert!(coverage.count(&format!("exit {reason}")) >= 100, "too few exits by {reason}: {coverage:#?}");
    }
    for rule in ["win_rate", "evidence"] {
        assert!(coverage.count(&format!("halt {rule}")) >= 20, "too few halts by {rule}: {coverage:#?}");
    }
    assert!(coverage.count("partial fill") >= 100, "too few partial fills: {coverage:#?}");
    assert!(coverage.count("fill maker") >= 20, "too few resting fills: {coverage:#?}");
    assert!(coverage.kinds("refusal") >= 10, "too few kinds of refusal: {coverage:#?}");
    assert_eq!(coverage.count("discrepancy"), 0, "the simulated exchange never disagrees");
}
