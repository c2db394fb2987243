//! Data of an exchange of any size: events come and go all day long, and their prices walk at random.

use std::path::Path;

use protogen::dataset::facts::{FeeChange, write_fee_changes};
use protogen::dataset::read::catalogue::Settlement;
use protogen::dataset::write::writer::{SnapshotRow, SnapshotWriter, write_markets};
use protogen::domain::{Contracts, Market, Price, Quote, Span, Timestamp};
use protogen::feed::synthetic::{SyntheticSettings, Walk};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How long after its close a market is paid out.
const PAID_AFTER: Span = Span::MINUTE.times(30);

/// An exchange: in each series an event opens every `spacing`, and all its markets close `life` later.
#[derive(Clone, Debug)]
pub struct GeneratedExchange {
    pub seed: u64,
    pub markets: u32,
    pub markets_per_event: u32,
    pub series: u32,
    pub start: Timestamp,
    pub spacing: Span,
    pub life: Span,
    pub quotes: u32,
    /// So many series, the first ones, have half of all quotes.
    pub lively_series: u32,
    /// Fees of a series that change at a moment; its markets that open later have them from the beginning.
    pub fee_change: Option<FeeChange>,
}

impl GeneratedExchange {
    /// From the first opening to the last close.
    fn length(&self) -> Span {
        let events_per_series = (self.markets / self.markets_per_event).div_ceil(self.series);
        let last_open = self.start + self.spacing.times(i64::from(events_per_series) - 1);
        (last_open + self.life).since(self.start)
    }

    fn market_rows(&self) -> Vec<Market> {
        let walk = Walk::new(SyntheticSettings {
            seed: self.seed,
            markets: self.markets,
            markets_per_event: self.markets_per_event,
            series: self.series,
            quotes: 0,
            start: self.start,
            length: self.length(),
        });
        let market = |number| {
            let market = walk.market_by_number(number);
            let round = i64::from(number / self.markets_per_event / self.series);
            let open_time = self.start + self.spacing.times(round);
            let changed = self.fee_change.as_ref().filter(|change| {
                *change.series_ticker == *market.series_ticker && change.effective_at <= open_time
            });
            let fees = changed.map_or(market.fees, |change| change.fees);
            Market { open_time, close_time: open_time + self.life, fees, ..market }
        };
        (0..self.markets).map(market).collect()
    }

    /// A market of those that are open at a moment; `None` if the one drawn is not.
    fn draw_open_market(&self, random: &mut ChaCha8Rng, rows: &[Market], at: Timestamp) -> Option<usize> {
        let lively = random.random_range(0..2) == 0;
        let series = random.random_range(0..if lively { self.lively_series } else { self.series });
        let latest = at.since(self.start).nanos() / self.spacing.nanos();
        let back = random.random_range(0..=self.life.nanos() / self.spacing.nanos());
        let round = u32::try_from(latest - back).ok()?;
        let event = round * self.series + series;
        let number = event * self.markets_per_event + random.random_range(0..self.markets_per_event);
        let number = usize::try_from(number).unwrap();
        rows.get(number).filter(|market| market.open_time <= at && at < market.close_time).map(|_| number)
    }

    /// Writes it as a data set.
    pub fn write(&self, folder: &Path) {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let rows = self.market_rows();
        let mut mids: Vec<u16> = rows.iter().map(|_| random.random_range(10..=90)).collect();
        let mut volumes = vec![0_i64; rows.len()];
        let mut writer = SnapshotWriter::create(&folder.join("snapshots.parquet")).unwrap();
        let gap = self.length().nanos() / i64::from(self.quotes) / 1_000 * 1_000;
        let mut at = self.start;
        for _ in 0..self.quotes {
            at = at + Span::from_nanos(gap).unwrap();
            let Some(number) = self.draw_open_market(&mut random, &rows, at) else { continue };
            let (mid, volume) = (&mut mids[number], &mut volumes[number]);
            *mid = (*mid + random.random_range(0..=6)).saturating_sub(3).clamp(3, 97);
            *volume += random.random_range(0..=20) * 100;
            let cents = |cents: u16| Price::new(cents * 100);
            let quote = Quote {
                bid: cents(*mid - 1),
                ask: cents(*mid + 1),
                recorded_mid: None,
                last: cents(*mid),
                assumed: false,
                bid_size: Some(Contracts::whole(random.random_range(1..=500))),
                ask_size: Some(Contracts::whole(random.random_range(1..=500))),
                volume: Some(Contracts::from_hundredths(*volume)),
            };
            writer.write_row(&SnapshotRow { at, ticker: &rows[number].ticker, quote }).unwrap();
        }
        writer.finish().unwrap();
        let mut settle = |(market, mid): (Market, u16)| {
            let value = if random.random_range(0..100) < mid { Price::ONE } else { Price::ZERO };
            let at = market.close_time + PAID_AFTER;
            (market, Some(Settlement { at, value: value.into() }))
        };
        let rows: Vec<_> = rows.into_iter().zip(mids).map(&mut settle).collect();
        write_markets(&folder.join("markets.parquet"), &rows, false).unwrap();
        if let Some(change) = &self.fee_change {
            write_fee_changes(&folder.join("fee_changes.csv"), std::slice::from_ref(change)).unwrap();
        }
    }
}
