//! Rate limits: two buckets of tokens an account, refilled all the time, and one for the balance.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How much an account may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// 200 read and 100 write tokens a second.
    #[default]
    Basic,
    /// 300 read and 300 write tokens a second.
    Advanced,
    /// 600 read and 600 write tokens a second.
    Expert,
    /// 1000 read and 1000 write tokens a second.
    Premier,
    /// 2000 read and 2000 write tokens a second.
    Paragon,
    /// 4000 read and 4000 write tokens a second.
    Prime,
    /// 10000 read and 8000 write tokens a second.
    Prestige,
}

impl Tier {
    /// All tiers, from the lowest rate limits to the highest.
    pub const ALL: [Self; 7] = [
        Self::Basic,
        Self::Advanced,
        Self::Expert,
        Self::Premier,
        Self::Paragon,
        Self::Prime,
        Self::Prestige,
    ];

    /// Returns the exchange's name of the tier in lower case: `usage_tier` in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Advanced => "advanced",
            Self::Expert => "expert",
            Self::Premier => "premier",
            Self::Paragon => "paragon",
            Self::Prime => "prime",
            Self::Prestige => "prestige",
        }
    }

    /// Tokens a second, to read and to write.
    const fn refill_rates(self) -> [u64; 2] {
        match self {
            Self::Basic => [200, 100],
            Self::Advanced => [300, 300],
            Self::Expert => [600, 600],
            Self::Premier => [1_000, 1_000],
            Self::Paragon => [2_000, 2_000],
            Self::Prime => [4_000, 4_000],
            Self::Prestige => [10_000, 8_000],
        }
    }

    /// Two seconds' worth for writing above Basic and for reading up to Advanced, otherwise one.
    const fn bucket_capacities(self) -> [u64; 2] {
        let [read, write] = self.refill_rates();
        match self {
            Self::Basic => [2 * read, write],
            Self::Advanced => [2 * read, 2 * write],
            _ => [read, 2 * write],
        }
    }

    pub(in crate::sandbox) fn limits_object(self) -> Value {
        let ([read, write], [most_read, most_write]) = (self.refill_rates(), self.bucket_capacities());
        json!({
            "usage_tier": self.name(),
            "read": {"refill_rate": read, "bucket_capacity": most_read},
            "write": {"refill_rate": write, "bucket_capacity": most_write},
            "grants": [],
        })
    }
}

/// The token bucket a request is charged to: reads, writes, or `GET /portfolio/balance` by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum TokenBudget {
    Read,
    Write,
    Balance,
}

/// A token bucket; `capacity` and `left` are in millionths of a token, `rate` in tokens a second.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    rate: u64,
    capacity: u64,
    left: u64,
    at: Instant,
}

impl Bucket {
    const TOKEN: u64 = 1_000_000;

    const fn new(rate: u64, capacity: u64, now: Instant) -> Self {
        Self { rate, capacity: capacity * Self::TOKEN, left: capacity * Self::TOKEN, at: now }
    }

    fn take_tokens(&mut self, tokens: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).min(Duration::from_mins(1));
        let micros = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX);
        self.left = self.left.saturating_add(micros * self.rate).min(self.capacity);
        self.at = now;
        let enough = tokens * Self::TOKEN <= self.left;
        if enough {
            self.left -= tokens * Self::TOKEN;
        }
        enough
    }
}

/// The token buckets of one account, indexed by `TokenBudget`: read, write, balance.
#[derive(Clone, Copy, Debug)]
pub(in crate::sandbox) struct Buckets([Bucket; 3]);

impl Buckets {
    pub(in crate::sandbox) const fn new(tier: Tier, now: Instant) -> Self {
        let ([read, write], [most_read, most_write]) = (tier.refill_rates(), tier.bucket_capacities());
        let balances = if matches!(tier, Tier::Basic | Tier::Advanced) { 1 } else { 5 };
        Self([
            Bucket::new(read, most_read, now),
            Bucket::new(write, most_write, now),
            Bucket::new(balances, balances, now),
        ])
    }

    pub(in crate::sandbox) fn take_tokens(&mut self, budget: TokenBudget, tokens: u64, now: Instant) -> bool {
        self.0[budget as usize].take_tokens(tokens, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_spent_and_come_back() {
        let start = Instant::now();
        let mut buckets = Buckets::new(Tier::Basic, start);
        // 100 tokens: ten orders at once
        let orders = (0..11).map(|_| buckets.take_tokens(TokenBudget::Write, 10, start)).collect::<Vec<_>>();
        assert_eq!(orders.iter().filter(|&&taken| taken).count(), 10);
        assert!(!buckets.take_tokens(TokenBudget::Write, 10, start + Duration::from_millis(99)));
        assert!(buckets.take_tokens(TokenBudget::Write, 10, start + Duration::from_millis(100)));
        assert!(buckets.take_tokens(TokenBudget::Balance, 1, start));
        assert!(!buckets.take_tokens(TokenBudget::Balance, 1, start + Duration::from_millis(900)));
    }
}
