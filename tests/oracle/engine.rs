//! The real engine's run of a world, and its records as lines of the log.

use protogen::desk::decision::{Output, Record, Verdict};
use protogen::desk::strategy::{Estimate, Learned, MarketView, Strategy};
use protogen::desk::{Desk, StrategySlot};
use protogen::domain::{Action, Fact, Probability, Timestamp};
use protogen::engine::gateway::{EventSource, Feed, GatewayError, Next};
use protogen::engine::{Engine, Journal, JournalError};
use protogen::event::{Command, Input, Stamped};
use protogen::sim::SimExchange;

use crate::log::{Line, Log, N};
use crate::worlds::{World, ppm};

/// Inputs from memory.
struct MemoryFeed(std::vec::IntoIter<Stamped<Input>>);

impl Feed for MemoryFeed {
    fn next(&mut self, until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        Ok(match self.0.as_slice().first() {
            None => Next::End,
            Some(first) if until.is_some_and(|until| first.at > until) => Next::Due,
            Some(_) => self.0.next().map_or(Next::End, Next::Item),
        })
    }
}

/// Records in memory, and what was asked back when.
#[derive(Default)]
struct MemoryJournal {
    records: Vec<Record>,
    asked_back: Vec<(Timestamp, usize)>,
}

impl Journal for MemoryJournal {
    fn record(&mut self, _: u64, input: &Stamped<Input>, out: &Output) -> Result<(), JournalError> {
        self.records.extend(out.records.iter().cloned());
        self.asked_back.extend(out.commands.iter().filter_map(|command| match command {
            Command::Cancel { market, .. } => Some((input.at, market.index())),
            Command::Submit(_) => None,
        }));
        Ok(())
    }
}

/// Believes what it was given.
struct Fixed(Vec<Option<(u32, u32)>>);

impl Strategy for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn learn(&mut self, _: &Fact, _: Timestamp) -> Learned {
        Learned::Ignored
    }

    fn evaluate(&mut self, view: &MarketView<'_>) -> Option<Estimate> {
        self.0[view.market.id.index()].map(|(belief, confidence)| Estimate {
            probability: Probability::from_ppm(belief).unwrap(),
            confidence: ppm(confidence),
            reason: "".into(),
        })
    }
}

/// The log of the engine's run, and all its records.
pub fn run(world: &World) -> (Log, Vec<Record>) {
    let seats = world.beliefs.iter().zip(&world.min_edge).map(|(beliefs, &min_edge)| StrategySlot {
        strategy: Box::new(Fixed(beliefs.clone())),
        min_edge: ppm(min_edge),
    });
    let mut engine = Engine::new(
        Desk::new(world.desk.clone(), seats.collect()),
        EventSource {
            feed: MemoryFeed(world.inputs.clone().into_iter()),
            venue: SimExchange::new(world.sim),
        },
        MemoryJournal::default(),
    );
    let mut log = Log::default();
    let watch = |at: Timestamp, desk: &Desk| {
        let point = desk.equity_point();
        log.push(
            at.nanos().into(),
            Line::State {
                cash: point.cash.micros().into(),
                exposure: point.exposure.micros().into(),
                equity: point.equity.micros().into(),
                peak: point.peak.micros().into(),
                scale: point.scale.ppm().into(),
            },
        );
    };
    engine.run(watch).expect("memory does not fail");
    let MemoryJournal { records, asked_back } = engine.journal;
    for (at, line) in records.iter().filter_map(|record| line(record, &records)) {
        log.push(at, line);
    }
    for (at, market) in asked_back {
        log.push(at.nanos().into(), Line::AskedBack { market });
    }
    (log.sorted(), records)
}

/// A record as a line; `None` for kinds that are not compared.
fn line(record: &Record, all: &[Record]) -> Option<(N, Line)> {
    let (at, line) = match record {
        Record::Evaluation(it) => {
            let verdict = match it.verdict {
                Verdict::NoOpportunity => "NoOpportunity".into(),
                Verdict::Ordered(_) => "Ordered".into(),
                Verdict::Exited(_) => "Exited".into(),
                Verdict::Refused(refusal) => format!("{refusal:?}"),
            };
            (it.at, Line::Verdict { strategy: it.strategy.index(), market: it.market.index(), verdict })
        }
        Record::Order(it) => (
            it.at,
            Line::Order {
                strategy: it.strategy.index(),
                market: it.order.market.index(),
                side: it.order.side as usize,
                buy: it.order.action == Action::Buy,
                contracts: it.order.contracts.hundredths().into(),
                limit: it.order.limit.get().into(),
                reserve: it.reserve.micros().into(),
            },
        ),
        Record::Fill(it) => (
            it.at,
            Line::Fill {
                market: it.order.market.index(),
                side: it.order.side as usize,
                buy: it.order.action == Action::Buy,
                price: it.fill.price.get().into(),
                contracts: it.fill.contracts.hundredths().into(),
                fee: it.fill.fee.micros().into(),
                taker: it.fill.taker,
            },
        ),
        Record::OrderDone(it) => {
            let market = all.iter().find_map(|record| match record {
                Record::Order(placed) if placed.order.id == it.order => Some(placed.order.market.index()),
                _ => None,
            });
            (it.at, Line::Done { market: market?, filled: it.filled.hundredths().into() })
        }
        Record::Trade(it) => (
            it.closed_at,
            Line::Trade {
                strategy: it.strategy.index(),
                market: it.market.index(),
                side: it.side as usize,
                opened: it.opened_at.nanos().into(),
                contracts: it.contracts.hundredths().into(),
                cost: it.cost.micros().into(),
                proceeds: it.proceeds.micros().into(),
                fees: it.fees.micros().into(),
                pnl: it.pnl.micros().into(),
                reason: it.exit_reason.name(),
                belief: it.belief.ppm().into(),
                price: it.market_price.ppm().into(),
            },
        ),
        Record::Halt(it) => (
            it.at,
            Line::Halt {
                strategy: it.strategy.map(protogen::domain::StrategyId::index),
                rule: it.rule.name(),
            },
        ),
        _ => return None,
    };
    Some((at.nanos().into(), line))
}
