//! One parameter set at work: the same engine as a backtest's, fed from shared batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::desk::Desk;
use crate::desk::decision::{Output, Record, Trade};
use crate::domain::{Market, Span, Timestamp};
use crate::engine::gateway::{EventSource, Feed, GatewayError, Next};
use crate::engine::{Engine, EngineError, Journal, JournalError};
use crate::event::{Input, Stamped};
use crate::journal::encode::Encoder;
use crate::report::RunTally;
use crate::report::stats::scores::{brier_score, log_loss};
use crate::report::summary::evidence_to_f64;
use crate::scenario::Scenario;
use crate::sim::SimExchange;

use super::batch::{InputBatch, ScanWindow};
use super::result::{Days, EventResult, Figures, TaskResult};

/// Nothing: a lane's inputs are handed in.
#[derive(Debug, Default)]
struct Silence {
    is_over: bool,
}

impl Feed for Silence {
    fn next(&mut self, _until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        Ok(if self.is_over { Next::End } else { Next::Due })
    }
}

/// What is kept of a run: sums, the digest, results by event, equity by day.
struct Notes {
    markets: Arc<[Arc<Market>]>,
    tally: RunTally,
    encoder: Encoder,
    events: BTreeMap<u32, EventResult>,
    /// Latest equity that was noted, and the day of the latest input.
    noted: i64,
    day: i64,
    equity: Vec<(i64, i64)>,
}

impl Notes {
    fn add_trade(&mut self, trade: &Trade) {
        let market = &self.markets[trade.market.index()];
        let (opened, closed) = (trade.opened_at.nanos(), trade.closed_at.nanos());
        let event = self.events.entry(market.event.0).or_insert_with(|| EventResult {
            event: market.event_ticker.to_string(),
            opened,
            closed,
            trades: 0,
            pnl_micros: 0,
        });
        event.opened = event.opened.min(opened);
        event.closed = event.closed.max(closed);
        event.trades += 1;
        event.pnl_micros += trade.pnl.micros();
    }
}

impl Journal for Notes {
    fn record(&mut self, _seq: u64, input: &Stamped<Input>, out: &Output) -> Result<(), JournalError> {
        let day = input.at.utc_day();
        if day != self.day {
            self.day = day;
            // The desk notes equity before anything else of a new day, if it is another than it noted last.
            let before = match out.records.first() {
                Some(Record::Equity(point)) => point.equity.micros(),
                _ => self.noted,
            };
            if self.equity.last().is_none_or(|(_, known)| *known != before) {
                self.equity.push((day, before));
            }
        }
        self.tally.count_records(out);
        for record in &out.records {
            match record {
                Record::Trade(trade) => self.add_trade(trade),
                Record::Equity(point) => self.noted = point.equity.micros(),
                _ => {}
            }
            self.encoder.encode_record(record, |_, _| Ok::<(), JournalError>(()))?;
        }
        Ok(())
    }
}

/// A desk with its exchange and its notes.
pub struct Lane {
    /// Place of its parameter set in the sweep, counted from 0.
    pub number: usize,
    interval: Span,
    bankroll: i64,
    engine: Engine<Silence, SimExchange, Notes>,
    /// How many rows the desk was told.
    inputs: u64,
    /// Which rows of a stretch it is told, and of which the mark alone; kept for their room.
    told: Vec<u64>,
    glanced: Vec<u64>,
}

impl Lane {
    /// A set before its first input.
    #[must_use]
    pub fn new(number: usize, scenario: Scenario, markets: &Arc<[Arc<Market>]>) -> Self {
        let (interval, bankroll) = (scenario.desk.scanner.interval, scenario.desk.bankroll.micros());
        let notes = Notes {
            markets: Arc::clone(markets),
            tally: RunTally::new(markets, scenario.seats.len()),
            encoder: Encoder::default(),
            events: BTreeMap::new(),
            noted: bankroll,
            day: i64::MIN,
            equity: Vec::new(),
        };
        let session = EventSource { feed: Silence::default(), venue: SimExchange::new(scenario.sim) };
        let engine = Engine::new(Desk::new(scenario.desk, scenario.seats), session, notes);
        Self { number, interval, bankroll, engine, inputs: 0, told: Vec::new(), glanced: Vec::new() }
    }

    /// Returns the interval between the desk's scans, for which a batch has a filter of rows.
    #[must_use]
    pub const fn scan_interval(&self) -> Span {
        self.interval
    }

    /// Steps through a batch.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn step_batch(&mut self, batch: &InputBatch) -> Result<(), EngineError> {
        let filter = batch.filter_for_interval(self.interval);
        for (index, stretch) in filter.stretches.iter().enumerate() {
            // Orders are sent at scans, so which markets matter is settled once the scans before are over.
            self.engine.run_until(Some(stretch.after), |_, _| {})?;
            self.mark_needed_rows(batch, filter.needed_rows(stretch), stretch);
            self.feed_marked_rows(batch, stretch)?;
            if batch.is_last && index + 1 == filter.stretches.len() {
                self.engine.session.feed.is_over = true;
                self.engine.run(|_, _| {})?;
            } else {
                self.engine.run_until(Some(stretch.until), |_, _| {})?;
            }
        }
        Ok(())
    }

    /// Marks the rows all need, and those of the markets this desk is in. A bit a row puts them in order, each
    /// once, far faster than sorting does.
    fn mark_needed_rows(&mut self, batch: &InputBatch, needed: &[u32], stretch: &ScanWindow) {
        let desk = &self.engine.desk;
        let first = stretch.rows.start;
        let mark = |bits: &mut Vec<u64>, rows: &[u32]| {
            for row in rows.iter().map(|row| row - first) {
                bits[row as usize / 64] |= 1 << (row % 64);
            }
        };
        for bits in [&mut self.told, &mut self.glanced] {
            bits.clear();
            bits.resize(stretch.rows.len().div_ceil(64), 0);
        }
        mark(&mut self.told, needed);
        for open in desk.execution().iter() {
            mark(&mut self.told, batch.quote_rows(open.order.market, &stretch.rows));
        }
        for (market, _) in desk.positions().iter() {
            mark(&mut self.glanced, batch.quote_rows(market, &stretch.rows));
        }
    }

    /// Tells the desk the chosen rows of a stretch.
    fn feed_marked_rows(&mut self, batch: &InputBatch, stretch: &ScanWindow) -> Result<(), EngineError> {
        let mut is_idle = self.engine.desk.execution().is_idle();
        let words = self.told.iter().zip(&self.glanced);
        for (first, (&told, &glanced)) in (stretch.rows.start..).step_by(64).zip(words) {
            let mut left = told | glanced;
            while left != 0 {
                let bit = left.trailing_zeros();
                let row = first + bit;
                left &= left - 1;
                if told >> bit & 1 == 1 {
                    self.inputs += 1;
                    self.engine.inject_input(&batch.inputs[row as usize])?;
                    is_idle = self.engine.desk.execution().is_idle();
                } else if let Some((market, twice_mid)) = batch.two_sided(row) {
                    if !is_idle {
                        // A fill on its way changes what the mark is worth.
                        self.engine.catch_up(batch.inputs[row as usize].at)?;
                        is_idle = self.engine.desk.execution().is_idle();
                    }
                    self.engine.desk.mark_to_mid(market, twice_mid);
                }
            }
        }
        Ok(())
    }

    /// What came of it. `inputs` are all the feed had, on the days `first..=last`.
    #[must_use]
    pub fn into_result(self, task: &super::plan::SweepTask, seen: SeenState) -> TaskResult {
        let Engine { desk, journal, .. } = self.engine;
        let (tally, counts) = (&journal.tally, desk.counts());
        let forecasts = tally.pooled_forecasts();
        let equity = desk.equity_point().equity.micros();
        let evidence =
            desk.risk().kill_switches().iter().map(|switch| evidence_to_f64(switch.evidence_for()));
        let figures = Figures {
            bankroll_micros: self.bankroll,
            final_equity_micros: equity,
            fees_micros: tally.fees.micros(),
            trades: tally.trades,
            wins: tally.wins,
            open_positions: desk.positions().iter().count() as u64,
            max_drawdown_ppm: desk.risk().equity.deepest_drawdown().ppm(),
            max_exposure_micros: desk.risk().exposure.highest_total().micros(),
            inputs: seen.inputs + counts.inputs - self.inputs,
            evaluations: counts.evaluations,
            opportunities: counts.opportunities,
            orders: tally.orders,
            fills: tally.fills,
            refusals: tally.refusal_counts().map(|(_, count)| count).sum(),
            halts: tally.halts,
            brier: brier_score(&forecasts.model_forecasts()),
            brier_market: brier_score(&forecasts.market_forecasts()),
            log_loss: log_loss(&forecasts.model_forecasts()),
            evidence_for: evidence.fold(0.0, f64::max),
            digest: journal.encoder.digest(),
        };
        TaskResult {
            id: task.id.clone(),
            parameters: task.parameters.clone(),
            figures,
            events: journal.events.into_values().collect(),
            days: Days { first: seen.first_day, last: seen.last_day, equity: journal.equity },
        }
    }
}

/// What one pass read from its feed, the same for all lanes of the pass.
#[derive(Clone, Copy, Debug)]
pub struct SeenState {
    /// Number of inputs the feed had, whether lanes were told them or not.
    pub inputs: u64,
    /// UTC day of the first input, from 1970.
    pub first_day: i64,
    /// UTC day of the last input, from 1970.
    pub last_day: i64,
}
