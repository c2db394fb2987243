//! Which sets are drawn, what a desk is given of a batch, and what a shard holds.

use std::collections::BTreeSet;

use crate::domain::{MarketId, Price, Quote, Span, Timestamp};
use crate::engine::gateway::{Feed, GatewayError, Next};
use crate::event::{Input, MarketEvent, Stamped};

use super::batch::Batches;
use super::parameter_space::{GridAxis, ParameterSpaceError, ParseAxisError, RangeAxis, Space};
use super::plan::{ParseShardError, Shard};

fn ranges(texts: &[&str]) -> Vec<RangeAxis> {
    texts.iter().map(|text| RangeAxis::parse(text).unwrap()).collect()
}

#[test]
fn a_grid_is_every_combination_and_commas_may_be_within_values() {
    let grids = ["a=1,2", "b=[1,2],\"x,y\""].map(|text| GridAxis::parse(text).unwrap());
    let sets = Space { grids: grids.to_vec(), ..Space::default() }.parameter_sets().unwrap();
    let values: Vec<Vec<&str>> =
        sets.iter().map(|set| set.iter().map(|(_, value)| value.as_str()).collect()).collect();
    assert_eq!(values, [["1", "[1,2]"], ["1", "\"x,y\""], ["2", "[1,2]"], ["2", "\"x,y\""]]);
}

#[test]
fn a_latin_hypercube_has_one_draw_in_every_part_of_every_range() {
    let ranges = ranges(&["a=0..99", "b=0.0..0.9999"]);
    let space = Space { ranges, draws: 10, latin: true, seed: 3, ..Space::default() };
    let sets = space.parameter_sets().unwrap();
    // Ten parts: 0-9, 10-19, … of the first; 0.0000-0.0999, … of the second.
    let tenth_of_a: BTreeSet<u32> = sets.iter().map(|set| set[0].1.parse::<u32>().unwrap() / 10).collect();
    let tenth_of_b: BTreeSet<char> = sets.iter().map(|set| set[1].1.chars().nth(2).unwrap()).collect();
    assert_eq!((sets.len(), tenth_of_a.len(), tenth_of_b.len()), (10, 10, 10));
    assert_eq!(sets, space.parameter_sets().unwrap(), "the same seed draws the same");
    assert_ne!(sets, Space { seed: 4, ..space.clone() }.parameter_sets().unwrap());
    assert_ne!(sets, Space { latin: false, ..space }.parameter_sets().unwrap());
}

#[test]
fn random_draws_reach_both_ends_and_nothing_beyond() {
    let space = Space { ranges: ranges(&["a=-1..2"]), draws: 200, seed: 1, ..Space::default() };
    let sets = space.parameter_sets().unwrap();
    let seen: BTreeSet<&str> = sets.iter().map(|set| set[0].1.as_str()).collect();
    // Equal sets are one.
    assert_eq!((sets.len(), seen), (4, BTreeSet::from(["-1", "0", "1", "2"])));
}

#[test]
fn what_is_wrong_with_an_axis_can_be_told_apart() {
    let finer = RangeAxis::parse("a=0.1..0.00001").unwrap_err();
    assert!(matches!(finer, ParseAxisError::BadRangeEnd { .. }));
    assert_eq!(finer.to_string(), "a=0.1..0.00001: `0.00001` has more than 4 decimal places");
    assert!(matches!(RangeAxis::parse("a=2..1"), Err(ParseAxisError::ReversedRange { .. })));
    let twice = GridAxis::parse("a=1,2,1").unwrap_err();
    assert_eq!(twice, ParseAxisError::ValueTwice { text: "a=1,2,1".into(), value: "1".into() });
    let undrawn = Space { ranges: ranges(&["a=1..2"]), ..Space::default() };
    assert_eq!(undrawn.parameter_sets(), Err(ParameterSpaceError::RangeWithoutDraws));
}

#[test]
fn shards_hold_every_task_once() {
    let shards: Vec<Shard> = ["1/3", "2/3", "3/3"].map(|text| Shard::parse(text).unwrap()).to_vec();
    for number in 0..10 {
        assert_eq!(shards.iter().filter(|shard| shard.contains_task(number)).count(), 1);
    }
    for wrong in ["0/3", "4/3", "3", "a/b", "1/0", ""] {
        assert_eq!(Shard::parse(wrong), Err(ParseShardError { text: wrong.into() }));
    }
}

struct List(Vec<Stamped<Input>>);

impl Feed for List {
    fn next(&mut self, _until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        Ok(if self.0.is_empty() { Next::End } else { Next::Item(self.0.remove(0)) })
    }
}

/// A quote at a second; cents of bid and ask, sizes of ten where known.
fn quote(second: i64, market: u32, bid: Option<u16>, ask: Option<u16>, sized: bool) -> Stamped<Input> {
    let price = |cents: u16| Price::new(cents * 100).unwrap();
    let size = sized.then(|| crate::domain::Contracts::from_hundredths(1_000));
    let quote = Quote {
        bid: bid.map(price),
        ask: ask.map(price),
        bid_size: size,
        ask_size: size,
        ..Quote::default()
    };
    let value = Input::Market(MarketEvent::Quote { market: MarketId(market), quote });
    Stamped { at: Timestamp::from_nanos(second * 1_000_000_000), value }
}

#[test]
fn between_scans_the_last_quote_is_enough() {
    let (yes, no) = (Some(40), Some(60));
    let inputs = vec![
        quote(1, 0, yes, no, true), // the first of its day
        quote(2, 0, yes, no, true), // passed over
        quote(3, 1, yes, no, true), // two-sided, while the last is not
        quote(4, 1, None, no, true),
        quote(5, 0, yes, no, true),   // the last before the scan of second 60
        quote(6, 2, yes, no, false),  // before the last, sizes unknown
        quote(60, 2, yes, no, false), // still before that scan
        quote(61, 0, yes, no, true),  // passed over
        quote(62, 0, yes, no, true),  // the last before that of second 120, and of all
    ];
    let minute = Span::parse("60s").unwrap();
    let mut batches = Batches::new(List(inputs), 3, vec![Span::ZERO, minute]).unwrap();
    let batch = batches.next_batch().unwrap().unwrap();
    let filter = batch.filter_for_interval(minute);
    let needed: Vec<&[u32]> = filter.stretches.iter().map(|stretch| filter.needed_rows(stretch)).collect();
    assert_eq!(needed, [&[0, 2, 3, 4, 5, 6][..], &[8]]);
    assert_eq!(batch.quote_rows(MarketId(0), &filter.stretches[0].rows), [0, 1, 4]);
    assert_eq!(batch.quote_rows(MarketId(0), &filter.stretches[1].rows), [7, 8]);
    let all = batch.filter_for_interval(Span::ZERO);
    assert_eq!(all.needed_rows(&all.stretches[0]), (0..9).collect::<Vec<u32>>());
    assert!(batch.is_last && batches.next_batch().unwrap().is_none());
}
