//! No look-ahead: whatever is changed about the world after a moment changes no decision before it.

use std::path::PathBuf;

use protogen::dataset::data_set::DataSet;
use protogen::dataset::read::selection::Window;
use protogen::desk::Desk;
use protogen::desk::decision::{Output, Record};
use protogen::domain::{Decimal6, Fact, Price, Quote, Span, Timestamp};
use protogen::engine::gateway::{EventSource, Feed, GatewayError, Next};
use protogen::engine::{Engine, Journal, JournalError};
use protogen::event::{Input, MarketEvent, Stamped};
use protogen::feed::HistoricalFeed;
use protogen::feed::historical::HistoricalSettings;
use protogen::scenario::Scenario;
use protogen::sim::SimExchange;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::scenario;

/// A feed of what is in a list.
pub struct Listed(pub std::vec::IntoIter<Stamped<Input>>, pub Option<Stamped<Input>>);

impl Feed for Listed {
    fn next(&mut self, until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        let Some(input) = self.1.take().or_else(|| self.0.next()) else {
            return Ok(Next::End);
        };
        if until.is_some_and(|until| input.at > until) {
            self.1 = Some(input);
            return Ok(Next::Due);
        }
        Ok(Next::Item(input))
    }
}

/// A journal that keeps what was decided.
#[derive(Default)]
pub struct Memory(pub Vec<(Timestamp, Record)>);

impl Journal for Memory {
    fn record(&mut self, _seq: u64, input: &Stamped<Input>, out: &Output) -> Result<(), JournalError> {
        self.0.extend(out.records.iter().map(|record| (input.at, record.clone())));
        Ok(())
    }
}

/// A scenario of the project up to a day.
#[derive(Clone, Copy)]
struct Until(&'static str, &'static str);

fn load(Until(name, end): Until) -> Scenario {
    let overrides = ["simulation.latency=0s".to_owned(), format!("scenario.end={end}")];
    let mut scenario = Scenario::load_file(&PathBuf::from(scenario(name)), &overrides).unwrap();
    scenario.ignore_halts(true);
    scenario
}

/// All inputs of the scenario, in order.
fn world(until: Until) -> Vec<Stamped<Input>> {
    let scenario = load(until);
    let sets: Vec<_> = scenario.data.iter().map(|folder| DataSet::open(folder).unwrap()).collect();
    let settings = HistoricalSettings {
        data: &sets,
        facts: &scenario.facts,
        window: Window { start: scenario.start.unwrap(), end: scenario.end.unwrap() },
        half_spread: scenario.half_spread,
        lenient: false,
    };
    let mut feed = HistoricalFeed::open(&settings, |_| true).unwrap();
    let mut inputs = Vec::new();
    while let Next::Item(input) = feed.next(None).unwrap() {
        inputs.push(input);
    }
    inputs
}

fn decisions(until: Until, inputs: Vec<Stamped<Input>>) -> Vec<(Timestamp, Record)> {
    let scenario = load(until);
    let mut engine = Engine::new(
        Desk::new(scenario.desk, scenario.seats),
        EventSource { feed: Listed(inputs.into_iter(), None), venue: SimExchange::new(scenario.sim) },
        Memory::default(),
    );
    engine.run(|_, _| {}).unwrap();
    engine.journal.0
}

fn price(random: &mut ChaCha8Rng) -> Option<Price> {
    Price::new(random.random_range(1..100) * 100)
}

fn doubled(figure: Decimal6) -> Decimal6 {
    Decimal6::from_millionths(2 * figure.millionths())
}

/// Another future: prices, results, figures and times are not what they were.
fn altered(input: &Stamped<Input>, random: &mut ChaCha8Rng, later: &mut Span) -> Stamped<Input> {
    *later = Span::from_nanos(later.nanos() + random.random_range(0..3_600_000_000_000)).unwrap();
    let value = match &input.value {
        Input::Market(MarketEvent::Quote { market, .. }) => {
            let (bid, last) = (price(random), price(random));
            let ask = bid.and_then(|bid| Price::new(bid.get() + 100)).filter(|&ask| ask < Price::ONE);
            let quote = Quote { bid, ask, last, ..Quote::default() };
            Input::Market(MarketEvent::Quote { market: *market, quote })
        }
        Input::Market(MarketEvent::Settled { market, value }) => {
            Input::Market(MarketEvent::Settled { market: *market, value: value.complement() })
        }
        Input::Fact(Fact::FomcDecision { upper_before, upper_after, .. }) => {
            let (upper_before, upper_after) = (*upper_after, *upper_before);
            Input::Fact(Fact::FomcDecision { scheduled: true, upper_before, upper_after })
        }
        Input::Fact(Fact::CpiPrint { month, yoy, mom, core_mom }) => {
            let [yoy, mom, core_mom] = [yoy, mom, core_mom].map(|figure| figure.map(doubled));
            Input::Fact(Fact::CpiPrint { month: *month, yoy, mom, core_mom })
        }
        Input::Fact(Fact::CpiConsensus { month, yoy, mom, core_mom }) => {
            let [yoy, mom, core_mom] = [yoy, mom, core_mom].map(|figure| figure.map(doubled));
            Input::Fact(Fact::CpiConsensus { month: *month, yoy, mom, core_mom })
        }
        Input::Fact(Fact::CpiRelease { month, release }) => {
            let release = release.map(|release| release + Span::DAY);
            Input::Fact(Fact::CpiRelease { month: *month, release })
        }
        other => other.clone(),
    };
    Stamped { at: input.at + *later, value }
}

#[test]
fn the_future_changes_nothing_that_was_decided_about_meetings() {
    the_future_changes_nothing_before_it(Until("fomc", "2022-12-31"));
}

#[test]
fn the_future_changes_nothing_that_was_decided_about_prints() {
    the_future_changes_nothing_before_it(Until("cpi", "2024-03-31"));
}

fn the_future_changes_nothing_before_it(until: Until) {
    let world = world(until);
    let truth = decisions(until, world.clone());
    assert!(truth.len() > 2_000);
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let first = world
        .iter()
        .position(|input| matches!(input.value, Input::Market(MarketEvent::Quote { .. })))
        .unwrap();
    let mut changed_later = 0;
    for _ in 0..12 {
        let cut = random.random_range(first..world.len());
        let moment = world[cut].at;
        let mut later = Span::from_nanos(1).unwrap();
        let other: Vec<_> = world
            .iter()
            .map(
                |input| {
                    if input.at > moment { altered(input, &mut random, &mut later) } else { input.clone() }
                },
            )
            .collect();
        let found = decisions(until, other);
        let before = |all: &[(Timestamp, Record)]| {
            all.iter().filter(|(at, _)| *at <= moment).cloned().collect::<Vec<_>>()
        };
        assert_eq!(before(&truth), before(&found), "a decision before {moment} knew what came after");
        changed_later += u32::from(found != truth);
    }
    assert!(changed_later > 6, "the other futures were not different");
}
