//! How many tokens signed requests have cost, by the exchange's clock, whether or not a tier limits them.
//!
//! A sandbox at full speed passes a day in seconds of the wall's clock. What a client asks for within a minute of the
//! exchange's clock is what it would ask for within a minute of the real exchange.

use std::sync::{Mutex, PoisonError};

use super::limits::TokenBudget;
use crate::domain::{Span, Timestamp};

/// Tokens by what they were charged to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenTotals {
    /// Tokens of requests that only read.
    pub reads: u64,
    /// Tokens of orders, cancels and order groups.
    pub writes: u64,
    /// Requests for the balance.
    pub balances: u64,
}

impl TokenTotals {
    const fn add_tokens(&mut self, budget: TokenBudget, tokens: u64) {
        match budget {
            TokenBudget::Read => self.reads += tokens,
            TokenBudget::Write => self.writes += tokens,
            TokenBudget::Balance => self.balances += tokens,
        }
    }

    fn raise_to(&mut self, other: Self) {
        self.reads = self.reads.max(other.reads);
        self.writes = self.writes.max(other.writes);
        self.balances = self.balances.max(other.balances);
    }
}

#[derive(Debug, Default)]
struct MeterState {
    /// Minutes since 1970 of the minute that is being counted.
    minute: i64,
    in_minute: TokenTotals,
    busiest: TokenTotals,
    total: TokenTotals,
}

/// Counts of tokens of all accounts together; shared with whoever watches a sandbox.
#[derive(Debug, Default)]
pub struct TokenMeter(Mutex<MeterState>);

impl TokenMeter {
    pub(in crate::sandbox) fn count_tokens(&self, budget: TokenBudget, tokens: u64, now: Timestamp) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.nanos().div_euclid(Span::MINUTE.nanos());
        if minute != state.minute {
            (state.minute, state.in_minute) = (minute, TokenTotals::default());
        }
        state.in_minute.add_tokens(budget, tokens);
        state.total.add_tokens(budget, tokens);
        let in_minute = state.in_minute;
        state.busiest.raise_to(in_minute);
    }

    /// All tokens so far.
    #[must_use]
    pub fn total_tokens(&self) -> TokenTotals {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// The most tokens of each budget within one minute of the exchange's clock.
    #[must_use]
    pub fn busiest_minute(&self) -> TokenTotals {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).busiest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_those_of_the_exchange() {
        let meter = TokenMeter::default();
        let at = |seconds: i64| Timestamp::from_nanos(seconds * 1_000_000_000);
        for seconds in [0, 59, 60, 61, 62, 180] {
            meter.count_tokens(TokenBudget::Read, 10, at(seconds));
        }
        meter.count_tokens(TokenBudget::Balance, 1, at(180));
        let [total, busiest] = [meter.total_tokens(), meter.busiest_minute()];
        assert_eq!((total.reads, busiest.reads), (60, 30));
        assert_eq!((total.balances, busiest.balances, total.writes), (1, 1, 0));
    }
}
