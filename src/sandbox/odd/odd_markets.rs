//! Which markets are odd: decided by seed and name alone, so that it is the same in every run and for every client.

use super::market_oddity::{MarketOddity, OddityHarm};
use crate::domain::{Fraction, Market, SettlementValue};
use crate::sandbox::faults::Faults;
use crate::sandbox::seeded_hash::{hash_name, pick_item};

/// A market that is odd, as `GET /sandbox/odd` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OddMarket {
    /// Ticker of the market.
    pub ticker: String,
    /// What is odd about it.
    pub oddity: MarketOddity,
}

impl OddMarket {
    /// Whether a good client has to set it aside sooner or later.
    #[must_use]
    pub fn is_harmful(&self) -> bool {
        self.oddity.harm_class() != OddityHarm::Never
    }
}

/// The choice of odd markets by `odd` and `seed` of the faults; without `odd` no market is.
#[derive(Clone, Copy, Debug)]
pub struct OddMarkets {
    seed: u64,
    /// Chance of a market; that of an event and of a series, with all their markets, is an eighth of it.
    share: Fraction,
}

impl OddMarkets {
    /// The choice that a sandbox with these faults makes.
    #[must_use]
    pub const fn from_faults(faults: &Faults) -> Self {
        Self { seed: faults.seed, share: faults.odd }
    }

    /// Whether any market can be odd.
    #[must_use]
    pub fn has_oddities(&self) -> bool {
        self.share != Fraction::ZERO
    }

    fn draw_oddity(
        &self,
        purpose: &str,
        name: &str,
        chance_ppm: u32,
        oddities: &[MarketOddity],
    ) -> Option<MarketOddity> {
        let hash = hash_name(self.seed, purpose, name);
        let is_odd = hash % 1_000_000 < u64::from(chance_ppm);
        is_odd.then(|| *pick_item(oddities, hash_name(self.seed, "which", name)))
    }

    /// What is odd about a series.
    #[must_use]
    pub fn series_oddity(&self, series: &str) -> Option<MarketOddity> {
        self.draw_oddity("series", series, self.share.ppm() / 8, &MarketOddity::OF_SERIES)
    }

    /// What is odd about an event by itself.
    #[must_use]
    pub fn event_oddity(&self, event: &str) -> Option<MarketOddity> {
        self.draw_oddity("event", event, self.share.ppm() / 8, &MarketOddity::OF_EVENTS)
    }

    /// What is odd about a market: what is odd about its series, else about its event, else about itself.
    #[must_use]
    pub fn market_oddity(&self, market: &Market) -> Option<MarketOddity> {
        if !self.has_oddities() {
            return None;
        }
        self.series_oddity(&market.series_ticker).or_else(|| self.event_oddity(&market.event_ticker)).or_else(
            || self.draw_oddity("market", &market.ticker, self.share.ppm(), &MarketOddity::OF_MARKETS),
        )
    }

    /// What an odd market pays instead of what its data say; `None` if it pays that.
    pub(in crate::sandbox) fn odd_settlement(&self, market: &Market) -> Option<SettlementValue> {
        let pays_third = self.market_oddity(market) == Some(MarketOddity::DeterminedSixDecimals);
        pays_third.then(|| SettlementValue::from_micros(333_333)).flatten()
    }

    /// Lists those of the markets that are odd, in the order given.
    pub fn list_odd_markets<'a>(&self, markets: impl IntoIterator<Item = &'a Market>) -> Vec<OddMarket> {
        let odd = |market: &Market| {
            let oddity = self.market_oddity(market)?;
            Some(OddMarket { ticker: market.ticker.to_string(), oddity })
        };
        markets.into_iter().filter_map(odd).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::core_tests;

    fn markets() -> Vec<Market> {
        let numbered = |number: u32| Market {
            ticker: format!("KXHIGHNY-26NOV20-T{number}").into(),
            event_ticker: format!("KXHIGHNY-{}", number / 10).into(),
            ..core_tests::market(number)
        };
        (0..20_000).map(numbered).collect()
    }

    #[test]
    fn the_share_is_as_asked_and_the_choice_hangs_on_seed_and_ticker_alone() {
        let markets = markets();
        let listed =
            |text: &str| OddMarkets::from_faults(&Faults::parse(text).unwrap()).list_odd_markets(&markets);
        let odd = listed("odd=0.01,seed=7");
        // 1 % of markets and an eighth of a percent of events.
        assert!((150..350).contains(&odd.len()), "{}", odd.len());
        assert_eq!(odd, listed("seed=7,odd=0.01"));
        assert_ne!(odd, listed("odd=0.01,seed=8"));
        let mut backwards: Vec<_> = markets.clone();
        backwards.reverse();
        let mut other =
            OddMarkets::from_faults(&Faults::parse("odd=0.01,seed=7").unwrap()).list_odd_markets(&backwards);
        other.reverse();
        assert_eq!(odd, other);
        assert_eq!(listed("seed=7"), []);
    }
}
