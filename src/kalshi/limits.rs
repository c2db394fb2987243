//! How fast to ask, how long to wait after a failure, and when to stop asking for a while. No clock and no
//! network here: time is handed in as the length since some start, so that tests run in virtual time.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::wire::{AccountLimits, EndpointCosts, RateLimit};

/// One bucket of tokens that refills steadily. The level may go below zero: then it is owed to requests
/// that were told to wait, which keeps them in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    limit: RateLimit,
    /// In billionths of a token, so that a nanosecond's refill is an integer.
    level: i128,
    filled_at: Duration,
}

const WHOLE_TOKEN: i128 = 1_000_000_000;

impl TokenBucket {
    /// Returns a full bucket that refills from `now` on.
    #[must_use]
    pub const fn new(limit: RateLimit, now: Duration) -> Self {
        Self { limit, level: limit.bucket_capacity as i128 * WHOLE_TOKEN, filled_at: now }
    }

    /// Takes `cost` tokens and says how long to wait before using them.
    pub fn reserve_tokens(&mut self, now: Duration, cost: u32) -> Duration {
        self.refill_tokens(now);
        self.level -= i128::from(cost) * WHOLE_TOKEN;
        self.time_to_refill()
    }

    /// Like [`wait`](Self::reserve_tokens), but takes nothing and says `None` where the wait would be longer.
    pub fn wait_at_most(&mut self, now: Duration, cost: u32, patience: Duration) -> Option<Duration> {
        let before = *self;
        let wait = self.reserve_tokens(now, cost);
        if wait > patience {
            *self = before;
            return None;
        }
        Some(wait)
    }

    /// Goes on with another limit, keeping what was taken.
    pub fn set_limit(&mut self, limit: RateLimit, now: Duration) {
        self.refill_tokens(now);
        let taken = i128::from(self.limit.bucket_capacity) * WHOLE_TOKEN - self.level;
        self.limit = limit;
        self.level = i128::from(limit.bucket_capacity) * WHOLE_TOKEN - taken;
    }

    fn refill_tokens(&mut self, now: Duration) {
        let passed = i128::try_from(now.saturating_sub(self.filled_at).as_nanos()).unwrap_or(i128::MAX);
        let gained = passed.saturating_mul(i128::from(self.limit.refill_rate));
        let full = i128::from(self.limit.bucket_capacity) * WHOLE_TOKEN;
        self.level = self.level.saturating_add(gained).min(full);
        self.filled_at = self.filled_at.max(now);
    }

    /// How long until what is owed has come in.
    fn time_to_refill(&self) -> Duration {
        let owed = u128::try_from(-self.level).unwrap_or(0);
        let nanos = owed.div_ceil(u128::from(self.limit.refill_rate.max(1)));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// Which bucket a request draws from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateBudget {
    /// The account's bucket for requests that only read.
    Read,
    /// Orders, amendments, cancels and order groups.
    Write,
    /// The balance, which has a stricter limit of its own besides that of reads.
    Balance,
}

/// The token buckets of an account, and how many tokens each request costs.
#[derive(Clone, Debug)]
pub struct Limits {
    read: TokenBucket,
    write: TokenBucket,
    balance: TokenBucket,
    costs: EndpointCosts,
}

/// The smallest class of account, until the exchange says which one it is.
const BASIC_READ: RateLimit = RateLimit { refill_rate: 200, bucket_capacity: 200 };
const BASIC_WRITE: RateLimit = RateLimit { refill_rate: 100, bucket_capacity: 100 };
/// One request a second, without bursts; larger accounts have more.
const BALANCE: RateLimit = RateLimit { refill_rate: 1, bucket_capacity: 1 };
const LARGE_BALANCE: RateLimit = RateLimit { refill_rate: 5, bucket_capacity: 1 };
const DEFAULT_COST: u32 = 10;

impl Limits {
    /// Those of the smallest class of account.
    #[must_use]
    pub const fn new(now: Duration) -> Self {
        Self {
            read: TokenBucket::new(BASIC_READ, now),
            write: TokenBucket::new(BASIC_WRITE, now),
            balance: TokenBucket::new(BALANCE, now),
            costs: EndpointCosts { default_cost: DEFAULT_COST, endpoint_costs: Vec::new() },
        }
    }

    /// Goes on with what the exchange says the account may do.
    pub fn set_account_limits(&mut self, limits: &AccountLimits, costs: EndpointCosts, now: Duration) {
        self.read.set_limit(limits.read, now);
        self.write.set_limit(limits.write, now);
        let small = ["basic", "advanced"].contains(&&*limits.usage_tier.to_ascii_lowercase());
        self.balance.set_limit(if small { BALANCE } else { LARGE_BALANCE }, now);
        self.costs = costs;
    }

    /// What a request costs; `path` is the whole one, without a query.
    #[must_use]
    pub fn request_cost(&self, method: &str, path: &str) -> u32 {
        let named = self
            .costs
            .endpoint_costs
            .iter()
            .find(|line| line.method == method && path_matches_pattern(&line.path, path));
        named.map_or(self.costs.default_cost, |line| line.cost)
    }

    /// The most tokens that writes can take at once: a dearer batch is refused.
    #[must_use]
    pub const fn write_capacity(&self) -> u32 {
        self.write.limit.bucket_capacity
    }

    /// Takes what a request costs and says how long to wait first; `None`, and nothing taken, if that
    /// would be longer than `patience`.
    pub fn reserve_tokens(
        &mut self,
        budget: RateBudget,
        cost: u32,
        now: Duration,
        patience: Duration,
    ) -> Option<Duration> {
        match budget {
            RateBudget::Read => self.read.wait_at_most(now, cost, patience),
            RateBudget::Write => self.write.wait_at_most(now, cost, patience),
            RateBudget::Balance => {
                let own = self.balance.wait_at_most(now, 1, patience)?;
                Some(own.max(self.read.reserve_tokens(now, cost)))
            }
        }
    }
}

/// Whether a path is of a pattern such as `/portfolio/orders/:order_id`.
fn path_matches_pattern(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    let wild = |part: &str| part.starts_with(':') || part.starts_with('{');
    pattern.split('/').all(|part| parts.next().is_some_and(|given| wild(part) || part == given))
        && parts.next().is_none()
}

/// Waits that double, with chance in them so that clients do not come back all at once.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    random: ChaCha8Rng,
}

impl Backoff {
    /// The waits from `first` to `longest`; the same for the same seed.
    #[must_use]
    pub fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, random: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// How long to wait after failure number `failure`, counted from 0: between half and all of the
    /// doubled wait.
    pub fn retry_delay(&mut self, failure: u32) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(failure)).min(self.longest);
        let nanos = u64::try_from(doubled.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.random.random_range(nanos / 2..=nanos))
    }
}

/// Stops asking an exchange that does not answer: after so many failures in a row nothing is sent for a
/// while, then one request at a time is let through until one succeeds.
#[derive(Clone, Copy, Debug)]
pub struct Breaker {
    threshold: u32,
    pause: Duration,
    failures: u32,
    /// While too many requests have failed in a row, nothing is sent before this time.
    closed_until: Duration,
}

impl Breaker {
    /// Returns a breaker that lets everything through until `threshold` requests in a row have failed.
    #[must_use]
    pub const fn new(threshold: u32, pause: Duration) -> Self {
        Self { threshold, pause, failures: 0, closed_until: Duration::ZERO }
    }

    /// Whether a request may be sent now. Where it is the one that tries whether the exchange is back,
    /// the next may try after another pause, in case this one never reports.
    pub fn permits_request(&mut self, now: Duration) -> bool {
        if self.failures < self.threshold {
            return true;
        }
        let permitted = now >= self.closed_until;
        if permitted {
            self.closed_until = now + self.pause;
        }
        permitted
    }

    /// The exchange answered, be it with a refusal.
    pub const fn record_answer(&mut self) {
        self.failures = 0;
    }

    /// Notes that a request could not be sent or its outcome is unknown; enough in a row begin a pause.
    pub fn record_failure(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.threshold {
            self.closed_until = now + self.pause;
        }
    }
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
