//! The statistics of a report on a million forecasts.
//!
//! `cargo bench --bench report --no-default-features --features report`

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use protogen::report::stats::isotonic::consistency_band;
use protogen::report::stats::{Forecasts, assess};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const EVENTS: u32 = 100_000;
const MARKETS: u32 = 10;

fn a_million(criterion: &mut Criterion) {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let (mut model, mut market, mut outcome, mut event) = (vec![], vec![], vec![], vec![]);
    for one in 0..EVENTS {
        for _ in 0..MARKETS {
            let p: f64 = random.random();
            model.push(p);
            market.push(0.02 + 0.96 * p);
            outcome.push(random.random::<f64>() < p);
            event.push(one);
        }
    }
    let model = Forecasts::new(&model, &outcome, &event).expect("probabilities");
    let market = Forecasts::new(&market, &outcome, &event).expect("probabilities");
    let mut group = criterion.benchmark_group("a million forecasts");
    group.sample_size(10);
    group.bench_function("assessment", |bencher| {
        bencher.iter(|| assess(black_box(&model), black_box(&market), 7));
    });
    let grid: Vec<f64> = (0..=100).map(|percent| f64::from(percent) / 100.0).collect();
    group.bench_function("consistency band of 200 draws", |bencher| {
        bencher.iter(|| consistency_band(black_box(&model), &grid, 200, 7));
    });
    group.finish();
}

criterion_group!(benches, a_million);
criterion_main!(benches);
