//! One parameter set at work: the same engine as a backtest's, fed from shared batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::desk::Desk;
use crate::desk::decision::{Output, Record, Trade};
use crate::domain::{Market, Span, Timestamp};
use crate::engine::gateway::{Feed, GatewayError, Next, Session};
use crate::engine::{Engine, EngineError, Journal, JournalError};
use crate::event::{Input, Stamped};
use crate::journal::encode::Encoder;
use crate::report::Tally;
use crate::report::stats::scores::{brier, log_loss};
use crate::report::summary::number;
use crate::scenario::Scenario;
use crate::sim::SimExchange;

use super::batch::{Batch, Stretch};
use super::result::{Days, EventResult, Figures, TaskResult};

/// The rows of a batch that one desk needs, as a feed.
#[derive(Debug, Default)]
struct Rows {
    batch: Option<Arc<Batch>>,
    chosen: Vec<u32>,
    next: usize,
    is_over: bool,
    told: u64,
}

impl Feed for Rows {
    #[inline]
    fn next(&mut self, until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        let input = self.chosen.get(self.next).zip(self.batch.as_ref());
        let Some(input) = input.map(|(&row, batch)| &batch.inputs[row as usize]) else {
            return Ok(if self.is_over { Next::End } else { Next::Due });
        };
        if until.is_some_and(|until| input.at > until) {
            return Ok(Next::Due);
        }
        self.next += 1;
        self.told += 1;
        Ok(Next::Item(input.clone()))
    }
}

/// What is kept of a run: sums, the digest, results by event, equity by day.
struct Notes {
    markets: Arc<[Arc<Market>]>,
    tally: Tally,
    encoder: Encoder,
    events: BTreeMap<u32, EventResult>,
    /// Latest equity that was noted, and the day of the latest input.
    noted: i64,
    day: i64,
    equity: Vec<(i64, i64)>,
}

impl Notes {
    fn trade(&mut self, trade: &Trade) {
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
        self.tally.observe(out);
        for record in &out.records {
            match record {
                Record::Trade(trade) => self.trade(trade),
                Record::Equity(point) => self.noted = point.equity.micros(),
                _ => {}
            }
            self.encoder.encode(record, |_, _| Ok::<(), JournalError>(()))?;
        }
        Ok(())
    }
}

/// A desk with its exchange and its notes.
pub struct Lane {
    /// Place in the sweep.
    pub number: usize,
    interval: Span,
    bankroll: i64,
    engine: Engine<Rows, SimExchange, Notes>,
    /// Which rows of a stretch are told; kept for its room.
    wanted: Vec<u64>,
}

impl Lane {
    /// A set before its first input.
    #[must_use]
    pub fn new(number: usize, scenario: Scenario, markets: &Arc<[Arc<Market>]>) -> Self {
        let (interval, bankroll) = (scenario.desk.scanner.interval, scenario.desk.bankroll.micros());
        let notes = Notes {
            markets: Arc::clone(markets),
            tally: Tally::new(markets, scenario.seats.len()),
            encoder: Encoder::default(),
            events: BTreeMap::new(),
            noted: bankroll,
            day: i64::MIN,
            equity: Vec::new(),
        };
        let session = Session { feed: Rows::default(), venue: SimExchange::new(scenario.sim) };
        let engine = Engine::new(Desk::new(scenario.desk, scenario.seats), session, notes);
        Self { number, interval, bankroll, engine, wanted: Vec::new() }
    }

    /// The interval between its scans.
    #[must_use]
    pub const fn interval(&self) -> Span {
        self.interval
    }

    /// Steps through a batch.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn step(&mut self, batch: &Arc<Batch>) -> Result<(), EngineError> {
        self.engine.session.feed.batch = Some(Arc::clone(batch));
        let filter = batch.filter(self.interval);
        for (index, stretch) in filter.stretches.iter().enumerate() {
            // Orders are sent at scans, so which markets matter is settled once the scans before are over.
            self.engine.run_until(Some(stretch.after), |_, _| {})?;
            self.choose(batch, filter.needed(stretch), stretch);
            if batch.is_last && index + 1 == filter.stretches.len() {
                self.engine.session.feed.is_over = true;
                self.engine.run(|_, _| {})?;
            } else {
                self.engine.run_until(Some(stretch.until), |_, _| {})?;
            }
        }
        self.engine.session.feed.batch = None;
        Ok(())
    }

    /// The rows all need, and those of the markets this desk is in.
    fn choose(&mut self, batch: &Batch, needed: &[u32], stretch: &Stretch) {
        let Engine { desk, session, .. } = &mut self.engine;
        let held = desk.positions().iter().map(|(market, _)| market);
        let held = held.chain(desk.execution().iter().map(|open| open.order.market));
        let all = held.map(|market| batch.quotes(market, &stretch.rows)).chain([needed]);
        // A bit a row puts them in order, each once, far faster than sorting does.
        self.wanted.clear();
        self.wanted.resize(stretch.rows.len().div_ceil(64), 0_u64);
        for row in all.flatten().map(|row| row - stretch.rows.start) {
            self.wanted[row as usize / 64] |= 1 << (row % 64);
        }
        let rows = &mut session.feed.chosen;
        session.feed.next = 0;
        rows.clear();
        for (first, &word) in (stretch.rows.start..).step_by(64).zip(&self.wanted) {
            let mut left = word;
            while left != 0 {
                rows.push(first + left.trailing_zeros());
                left &= left - 1;
            }
        }
    }

    /// What came of it. `inputs` are all the feed had, on the days `first..=last`.
    #[must_use]
    pub fn finish(self, task: &super::plan::Task, seen: Seen) -> TaskResult {
        let Engine { desk, session, journal, .. } = self.engine;
        let (tally, counts) = (&journal.tally, desk.counts());
        let forecasts = tally.pooled();
        let equity = desk.equity_point().equity.micros();
        let evidence = desk.risk().switches().iter().map(|switch| number(switch.evidence_for()));
        let figures = Figures {
            bankroll_micros: self.bankroll,
            final_equity_micros: equity,
            fees_micros: tally.fees.micros(),
            trades: tally.trades,
            wins: tally.wins,
            open_positions: desk.positions().iter().count() as u64,
            max_drawdown_ppm: desk.risk().equity.deepest().ppm(),
            max_exposure_micros: desk.risk().exposure.highest().micros(),
            inputs: seen.inputs + counts.inputs - session.feed.told,
            evaluations: counts.evaluations,
            opportunities: counts.opportunities,
            orders: tally.orders,
            fills: tally.fills,
            refusals: tally.refusals().map(|(_, count)| count).sum(),
            halts: tally.halts,
            brier: brier(&forecasts.model()),
            brier_market: brier(&forecasts.market()),
            log_loss: log_loss(&forecasts.model()),
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

/// What a feed had.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Inputs.
    pub inputs: u64,
    /// UTC day of the first input, from 1970.
    pub first_day: i64,
    /// UTC day of the last.
    pub last_day: i64,
}
