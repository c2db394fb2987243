//! Candles: what a market showed and traded in a minute, an hour or a day. Live and historical ones say the
//! same in other names.

use serde::{Deserialize, Deserializer};

use super::market::optional_quoted;
use crate::domain::{Contracts, Price, Timestamp};
use crate::kalshi::number;

/// Prices of a market at the end of one period, and what traded within the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    /// The last moment of its period; known from then on.
    pub end: Timestamp,
    /// Best YES bid at the end; `None` if nobody bid.
    pub yes_bid: Option<Price>,
    /// Best YES ask at the end; `None` if nobody asked.
    pub yes_ask: Option<Price>,
    /// Price of the last trade until the end, in the period or before; `None` if there was none.
    pub last: Option<Price>,
    /// Contracts traded in the period.
    pub volume: Contracts,
    /// Open interest: contracts that members hold at the end of the period.
    pub open_interest: Contracts,
}

/// Reads a field that must be there but may be `null`.
fn there<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

macro_rules! candles {
    ($($candle:ident $side:ident $prices:ident {
        $close:literal $previous:literal $volume:literal $interest:literal
    })*) => {$(
        #[derive(Debug, Deserialize)]
        pub(crate) struct $candle {
            #[serde(rename = "end_period_ts", deserialize_with = "number::seconds")]
            end: Timestamp,
            #[serde(deserialize_with = "there")]
            yes_bid: Option<$side>,
            #[serde(deserialize_with = "there")]
            yes_ask: Option<$side>,
            price: $prices,
            #[serde(rename = $volume, deserialize_with = "number::contracts")]
            volume: Contracts,
            #[serde(rename = $interest, deserialize_with = "number::contracts")]
            open_interest: Contracts,
        }

        #[derive(Debug, Deserialize)]
        struct $side {
            #[serde(rename = $close, deserialize_with = "optional_quoted")]
            close: Option<Price>,
        }

        /// Nothing of it need be there when nothing was traded.
        #[derive(Debug, Deserialize)]
        struct $prices {
            #[serde(rename = $close, default, deserialize_with = "optional_quoted")]
            close: Option<Price>,
            #[serde(rename = $previous, default, deserialize_with = "optional_quoted")]
            previous: Option<Price>,
        }

        impl From<$candle> for Candle {
            fn from(candle: $candle) -> Self {
                Self {
                    end: candle.end,
                    yes_bid: candle.yes_bid.and_then(|side| side.close),
                    yes_ask: candle.yes_ask.and_then(|side| side.close),
                    last: candle.price.close.or(candle.price.previous),
                    volume: candle.volume,
                    open_interest: candle.open_interest,
                }
            }
        }
    )*};
}

candles! {
    LiveCandle LiveSide LivePrices { "close_dollars" "previous_dollars" "volume_fp" "open_interest_fp" }
    OldCandle OldSide OldPrices { "close" "previous" "volume" "open_interest" }
}

#[derive(Debug, Deserialize)]
pub(crate) struct MarketCandles {
    pub market_ticker: String,
    pub candlesticks: Vec<LiveCandle>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CandleBatch {
    pub markets: Vec<MarketCandles>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OldCandles {
    pub ticker: String,
    pub candlesticks: Vec<OldCandle>,
}
