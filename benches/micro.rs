//! The hot pieces one by one: sizing, fees, a step of the desk, a ledger line.
//!
//! `cargo bench --bench micro`

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use protogen::desk::risk::kelly::{Scaling, target_contracts};
use protogen::domain::fee::Role;
use protogen::domain::{Contracts, FeeSchedule, Fraction, Money, Price, Probability, Span, Timestamp};
use protogen::engine::gateway::{Feed, Next};
use protogen::feed::synthetic::{SyntheticFeed, SyntheticSettings};

fn arithmetic(criterion: &mut Criterion) {
    let price = Price::new(5_600).expect("a price");
    let belief = Probability::from_ppm(750_000).expect("a probability");
    let quarter = Fraction::from_ppm(250_000).expect("a fraction");
    let scaling = Scaling { kelly_fraction: quarter, drawdown: Fraction::ONE, confidence: Fraction::ONE };
    let cost = FeeSchedule::STANDARD.unit_cost(price);
    criterion.bench_function("kelly target", |bencher| {
        bencher.iter(|| {
            target_contracts(black_box(Money::from_micros(10_000_000_000)), black_box(belief), cost, scaling)
        });
    });
    criterion.bench_function("trade fee", |bencher| {
        let contracts = Contracts::whole(1_769);
        bencher.iter(|| FeeSchedule::STANDARD.trade_fee(Role::Taker, black_box(price), black_box(contracts)));
    });
}

fn synthetic(criterion: &mut Criterion) {
    let settings = SyntheticSettings {
        seed: 7,
        markets: 100,
        markets_per_event: 10,
        series: 2,
        quotes: u64::from(u32::MAX),
        start: Timestamp::from_nanos(0),
        length: Span::DAY.times(365),
    };
    let mut feed = SyntheticFeed::new(settings);
    criterion.bench_function("a synthetic quote", |bencher| {
        bencher.iter(|| matches!(feed.next(None), Ok(Next::Item(_))));
    });
}

criterion_group!(benches, arithmetic, synthetic);
criterion_main!(benches);
