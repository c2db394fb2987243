//! Rates, waits and the breaker, in virtual time.

use proptest::prelude::*;

use crate::kalshi::schema::decode_json;

use super::*;

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

const LIMIT: RateLimit = RateLimit { refill_rate: 100, bucket_capacity: 20 };
const PATIENT: Duration = Duration::from_hours(1);

#[test]
fn a_full_bucket_gives_at_once_and_an_empty_one_at_its_rate() {
    let mut bucket = TokenBucket::new(LIMIT, millis(0));
    assert_eq!([10, 10].map(|cost| bucket.reserve_tokens(millis(0), cost)), [millis(0), millis(0)]);
    // 10 tokens at 100 a second are 100 ms, and the next 10 come after them.
    assert_eq!([10, 10].map(|cost| bucket.reserve_tokens(millis(0), cost)), [millis(100), millis(200)]);
    assert_eq!(bucket.reserve_tokens(millis(150), 5), millis(100)); // 50 ms of debt left, and 5 tokens more
    assert_eq!(bucket.reserve_tokens(millis(10_000), 20), millis(0)); // refilled, but to no more than 20
    assert_eq!(bucket.reserve_tokens(millis(10_000), 1), millis(10));
    assert_eq!(bucket.reserve_tokens(millis(9_000), 0), millis(10)); // time that goes back refills nothing
}

#[test]
fn who_does_not_wait_takes_nothing() {
    let mut bucket = TokenBucket::new(LIMIT, millis(0));
    assert_eq!(bucket.wait_at_most(millis(0), 20, millis(0)), Some(millis(0)));
    assert_eq!(bucket.wait_at_most(millis(0), 10, millis(99)), None);
    assert_eq!(bucket.wait_at_most(millis(0), 10, millis(100)), Some(millis(100)));
}

#[test]
fn the_account_sets_rates_and_costs() {
    let mut limits = Limits::new(millis(0));
    assert_eq!(limits.request_cost("DELETE", "/trade-api/v2/portfolio/events/orders/abc"), 10);
    for _ in 0..10 {
        assert_eq!(limits.reserve_tokens(RateBudget::Write, 10, millis(0), PATIENT), Some(millis(0)));
    }
    assert_eq!(limits.reserve_tokens(RateBudget::Write, 10, millis(0), millis(50)), None);

    let account =
        decode_json("x", include_bytes!("../../tests/fixtures/kalshi/account_limits.json").as_slice())
            .unwrap();
    let costs = decode_json(
        "x",
        include_bytes!("../../tests/fixtures/kalshi/account_endpoint_costs.json").as_slice(),
    )
    .unwrap();
    limits.set_account_limits(&account, costs, millis(0));
    assert_eq!(limits.request_cost("DELETE", "/trade-api/v2/portfolio/events/orders/abc"), 2);
    assert_eq!(limits.request_cost("POST", "/trade-api/v2/portfolio/events/orders/abc"), 10);
    assert_eq!(limits.request_cost("DELETE", "/trade-api/v2/portfolio/events/orders"), 10);
    assert_eq!(limits.request_cost("DELETE", "/trade-api/v2/portfolio/events/orders/abc/more"), 10);
    // What was spent before the limits were known stays spent.
    assert_eq!(limits.reserve_tokens(RateBudget::Write, 2, millis(0), PATIENT), Some(millis(20)));
    assert_eq!(limits.write_capacity(), 100);
}

#[test]
fn the_balance_is_asked_once_a_second() {
    let mut limits = Limits::new(millis(0));
    let mut ask = |now| limits.reserve_tokens(RateBudget::Balance, 10, now, PATIENT);
    assert_eq!(ask(millis(0)), Some(millis(0)));
    assert_eq!(ask(millis(0)), Some(millis(1_000)));
    assert_eq!(ask(millis(2_500)), Some(millis(0)));
    let costs = EndpointCosts { default_cost: 10, endpoint_costs: Vec::new() };
    let limit = RateLimit { refill_rate: 600, bucket_capacity: 600 };
    limits.set_account_limits(
        &AccountLimits { usage_tier: "expert".into(), read: limit, write: limit },
        costs,
        millis(2_500),
    );
    assert_eq!(limits.reserve_tokens(RateBudget::Balance, 10, millis(2_500), PATIENT), Some(millis(200)));
}

#[test]
fn the_breaker_opens_pauses_and_probes() {
    let mut breaker = Breaker::new(3, millis(5_000));
    for failure in 0..3 {
        assert!(breaker.permits_request(millis(failure)));
        breaker.record_failure(millis(failure));
    }
    assert!(!breaker.permits_request(millis(3)) && !breaker.permits_request(millis(5_001)));
    assert!(breaker.permits_request(millis(5_002))); // the probe
    assert!(!breaker.permits_request(millis(5_003))); // one at a time
    breaker.record_failure(millis(6_000));
    assert!(!breaker.permits_request(millis(10_999)) && breaker.permits_request(millis(11_000)));
    // A probe that never reports does not keep it shut for ever.
    assert!(!breaker.permits_request(millis(15_999)) && breaker.permits_request(millis(16_000)));
    breaker.record_answer();
    assert!(breaker.permits_request(millis(16_001)));
    breaker.record_failure(millis(16_002));
    assert!(breaker.permits_request(millis(16_003))); // failures are counted from anew
}

#[test]
fn the_same_seed_waits_the_same() {
    let waits = |seed| {
        let mut backoff = Backoff::new(millis(250), millis(4_000), seed);
        [0, 1, 2, 3, 4, 5, 60].map(|failure| backoff.retry_delay(failure))
    };
    assert_eq!(waits(1), waits(1));
    assert_ne!(waits(1), waits(2));
}

proptest! {
    /// No window of any length sees more than the capacity and what refills in it.
    #[test]
    fn a_bucket_never_gives_more_than_its_rate(
        asks in prop::collection::vec((0u64..300, 1u32..30), 1..60),
        refill_rate in 1u32..500,
        bucket_capacity in 1u32..100,
    ) {
        let mut bucket = TokenBucket::new(RateLimit { refill_rate, bucket_capacity }, millis(0));
        let mut now = millis(0);
        let mut given = Vec::new();
        for (pause, cost) in asks {
            now += millis(pause);
            given.push((now + bucket.reserve_tokens(now, cost), cost));
        }
        prop_assert!(given.is_sorted_by_key(|&(at, _)| at), "requests overtake each other");
        for (first, &(start, _)) in given.iter().enumerate() {
            for last in first..given.len() {
                let tokens: u32 = given[first..=last].iter().map(|&(_, cost)| cost).sum();
                // What a request costs beyond the capacity has come in before it was let go.
                let before = given[first].1.saturating_sub(bucket_capacity);
                let refilled = u128::from(refill_rate) * given[last].0.saturating_sub(start).as_nanos() / 1_000_000_000;
                prop_assert!(
                    u128::from(tokens - before) <= u128::from(bucket_capacity) + refilled + 1,
                    "{tokens} tokens with {refilled} refilled"
                );
            }
        }
    }

    #[test]
    fn waits_double_up_to_the_longest(seed: u64, failure in 0u32..80) {
        let wait = Backoff::new(millis(250), millis(4_000), seed).retry_delay(failure);
        let full = millis(250 * 2_u64.pow(failure.min(10))).min(millis(4_000));
        prop_assert!(wait >= full / 2 && wait <= full);
    }
}
