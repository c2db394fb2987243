//! Small random worlds: markets, what is quoted of them, what is believed, and all the settings.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use protogen::desk::DeskSettings;
use protogen::desk::execution::ExecutionSettings;
use protogen::desk::positions::ExitSettings;
use protogen::desk::risk::RiskLimits;
use protogen::desk::risk::drawdown::DrawdownLimits;
use protogen::desk::risk::exposure::ExposureLimits;
use protogen::desk::risk::kill_switch::KillRules;
use protogen::desk::scanner::ScannerSettings;
use protogen::domain::{
    Contracts, Decimal6, EventId, FeeRounding, FeeSchedule, FeeType, Fraction, Market, MarketId,
    MarketStatus, Money, Price, PriceGrid, Quote, SeriesId, SettlementValue, Span, Strike, TimeInForce,
    Timestamp,
};
use protogen::event::{Control, Input, MarketEvent, Stamped};
use protogen::sim::{FillModel, LatencyModel, SimSettings};

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
/// A day in nanoseconds.
pub const DAY: i64 = 24 * HOUR;

/// Everything one run is determined by.
pub struct World {
    pub inputs: Vec<Stamped<Input>>,
    pub markets: Vec<Arc<Market>>,
    /// By strategy and market: belief in YES and confidence.
    pub beliefs: Vec<Vec<Option<(u32, u32)>>>,
    pub min_edge: Vec<u32>,
    pub desk: DeskSettings,
    pub sim: SimSettings,
    pub latency: i64,
}

type Rng = ChaCha8Rng;

fn pick<T: Copy>(r: &mut Rng, items: &[T]) -> T {
    items[r.random_range(0..items.len())]
}

fn chance(r: &mut Rng, percent: u32) -> bool {
    r.random_range(0..100) < percent
}

/// A share in millionths.
pub fn ppm(value: u32) -> Fraction {
    Fraction::from_ppm(value).unwrap()
}

fn span(nanos: i64) -> Span {
    Span::from_nanos(nanos).unwrap()
}

/// A moment.
pub fn stamp(nanos: i64) -> Timestamp {
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
        let micros = if chance(r, 12) { r.random_range(0..=1_000_000) } else { i64::from(yes) * 1_000_000 };
        let value = SettlementValue::from_micros(micros).unwrap();
        seen.push((paid, MarketEvent::Settled { market: id, value }));
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

/// The world of a seed.
pub fn world(seed: u64) -> World {
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
