//! Candles out of the quotes a market has shown, as the exchange writes them: those of live markets with
//! suffixes at their fields, those of `/historical` without.
//!
//! A candle ends at a whole multiple of its period and holds what was shown after the last multiple and until
//! its own. Periods without a quote have none. The one under way holds what was shown so far.

use serde_json::{Map, Value, json};

use crate::domain::{Contracts, Price, Span};

use super::state::{ServedMarket, ShownCandle};
use crate::sandbox::query::Query;
use crate::sandbox::refused::ApiRefusal;
use crate::sandbox::wire;

/// Periods a request may span, by market and in all.
const MOST_A_MARKET: i64 = 5_000;
const MOST: i64 = 10_000;

/// How a candle's fields are named: live `open_dollars`, `volume_fp`; in `/historical` `open`, `volume`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum CandleNames {
    Live,
    Historical,
}

impl CandleNames {
    fn dollars_field(self, name: &str) -> String {
        if self == Self::Live { format!("{name}_dollars") } else { name.to_owned() }
    }

    fn count_field(self, name: &str) -> String {
        if self == Self::Live { format!("{name}_fp") } else { name.to_owned() }
    }
}

/// The candles a request asks for: first and last end, length, and whether to add the latest one before.
#[derive(Clone, Copy, Debug)]
pub(in crate::sandbox) struct CandleQuery {
    /// First and last end of a period, in Unix seconds.
    ends: (i64, i64),
    period: Span,
    latest_before: bool,
}

impl CandleQuery {
    /// Reads a request for candles of so many markets.
    pub(in crate::sandbox) fn from_query(
        query: &Query,
        endpoint: &str,
        markets: i64,
    ) -> Result<Self, ApiRefusal> {
        let get =
            |name: &str| query.integer_param(name, endpoint)?.ok_or_else(|| ApiRefusal::missing_field(name));
        let (first, last, minutes) = (get("start_ts")?, get("end_ts")?, get("period_interval")?);
        if ![1, 60, 1_440].contains(&minutes) {
            return Err(ApiRefusal::with_details(
                400,
                "invalid_parameters",
                "period_interval: 1, 60 or 1440",
            ));
        }
        let periods = last.saturating_sub(first).max(0) / (60 * minutes);
        if periods > MOST_A_MARKET || periods.saturating_mul(markets) > MOST {
            return Err(ApiRefusal::with_details(
                400,
                "invalid_parameters",
                "too many candles; shorten the time range",
            ));
        }
        let latest_before = query.bool_param("include_latest_before_start");
        Ok(Self { ends: (first, last), period: Span::MINUTE.times(minutes), latest_before })
    }

    /// Returns the candles of a market as JSON objects, by rising `end_period_ts`.
    pub(in crate::sandbox) fn candle_objects(&self, state: &ServedMarket, names: CandleNames) -> Vec<Value> {
        let end = |shown: &ShownCandle| wire::unix_seconds(shown.at.rounded_up_to(self.period));
        let history = &state.history;
        let begin = history.partition_point(|shown| end(shown) < self.ends.0);
        let stop = history.partition_point(|shown| end(shown) <= self.ends.1);
        let mut before = history[..begin].last();
        let mut candles = Vec::new();
        if let Some(latest) = before.filter(|_| self.latest_before) {
            let period = self.period.nanos() / 1_000_000_000;
            let boundary = -(-self.ends.0).div_euclid(period) * period;
            if history.get(begin).is_none_or(|next| end(next) != boundary) {
                candles.push(candle_object(boundary, &[], Some(latest), names));
            }
        }
        for shown in history.get(begin..stop).unwrap_or_default().chunk_by(|a, b| end(a) == end(b)) {
            candles.push(candle_object(end(&shown[0]), shown, before, names));
            before = shown.last();
        }
        candles
    }
}

/// One candle of what was shown in its period, after what was shown before.
fn candle_object(end: i64, shown: &[ShownCandle], before: Option<&ShownCandle>, names: CandleNames) -> Value {
    // What stood at the beginning of the period was shown in it, too.
    let side = |price: fn(&ShownCandle) -> Price| {
        let prices: Vec<Price> = before.into_iter().chain(shown).map(price).collect();
        ohlc_fields(&prices, names).into_iter().collect::<Map<_, _>>()
    };
    let volume_before = before.map_or(Contracts::ZERO, |before| before.volume);
    let volume = shown.last().map_or(Contracts::ZERO, |last| last.volume - volume_before);
    let mut body = json!({
        "end_period_ts": end,
        "yes_bid": side(|shown| shown.bid), "yes_ask": side(|shown| shown.ask),
        "price": traded_price_fields(shown, before, names),
    });
    body[names.count_field("volume")] = wire::format_contracts(volume).into();
    body[names.count_field("open_interest")] = "0.00".into();
    body
}

fn ohlc_fields(prices: &[Price], names: CandleNames) -> Vec<(String, Value)> {
    let (open, close) = (prices.first(), prices.last());
    let (low, high) = (prices.iter().min(), prices.iter().max());
    [("open", open), ("low", low), ("high", high), ("close", close)]
        .map(|(name, price)| {
            (names.dollars_field(name), price.map_or(Value::Null, |&price| wire::format_price(price).into()))
        })
        .into()
}

/// The prices of the period's trades. A trade is a rise of the volume.
fn traded_price_fields(
    shown: &[ShownCandle],
    before: Option<&ShownCandle>,
    names: CandleNames,
) -> Map<String, Value> {
    let mut volume = before.map_or(Contracts::ZERO, |before| before.volume);
    let mut trades: Vec<(Price, i64)> = Vec::new();
    for now in shown {
        trades.extend(
            now.last
                .filter(|_| now.volume > volume)
                .map(|price| (price, now.volume.hundredths() - volume.hundredths())),
        );
        volume = now.volume;
    }
    let prices: Vec<Price> = trades.iter().map(|&(price, _)| price).collect();
    let mut body: Map<_, _> = ohlc_fields(&prices, names).into_iter().collect();
    let contracts: i64 = trades.iter().map(|(_, contracts)| contracts).sum();
    let paid: i64 = trades.iter().map(|(price, contracts)| i64::from(price.get()) * contracts).sum();
    let mean = paid.checked_div(contracts).and_then(|mean| Price::new(u16::try_from(mean).ok()?));
    let previous = before.and_then(|before| before.last);
    for (name, price) in [("mean", mean), ("previous", previous)] {
        body.insert(
            names.dollars_field(name),
            price.map_or(Value::Null, |price| wire::format_price(price).into()),
        );
    }
    if names == CandleNames::Live && !prices.is_empty() {
        for (name, like) in [("min_dollars", "low_dollars"), ("max_dollars", "high_dollars")] {
            body.insert(name.to_owned(), body[like].clone());
        }
    }
    body
}
