//! The live feed with both clocks, without a network.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use crate::domain::{Contracts, Level, Price, Quote, SettlementValue, Side};
use crate::engine::gateway::{BookExtras, PublicTrade};
use crate::event::Control;

use super::*;

fn ms(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn quote(market: u32) -> Input {
    Input::Market(MarketEvent::Quote { market: MarketId(market), quote: Quote::default() })
}

fn meeting() -> Fact {
    Fact::FomcMeeting { announcement: ms(1) }
}

fn item(next: Next<Stamped<Input>>) -> Stamped<Input> {
    match next {
        Next::Item(item) => item,
        other => panic!("an input was expected, not {other:?}"),
    }
}

/// A feed by a wall clock that a test sets.
fn by_wall(facts: Vec<(Timestamp, Fact)>) -> (Sender<SessionEvent>, Arc<AtomicI64>, LiveFeed) {
    let (send, receive) = channel();
    let clock = Arc::new(AtomicI64::new(0));
    let hand = Arc::clone(&clock);
    let pace = Pace::Wall(Box::new(move || ms(hand.load(Ordering::SeqCst))));
    (send, clock, LiveFeed::new(receive, pace, Timestamp::MIN, facts))
}

#[test]
fn arrivals_are_stamped_and_what_was_overtaken_by_a_wake_is_held() {
    let (send, clock, mut feed) = by_wall(vec![]);
    clock.store(10, Ordering::SeqCst);
    let news = |market| SessionEvent::Input { at: None, input: quote(market) };
    send.send(news(1)).unwrap();
    assert_eq!(item(feed.next(Some(ms(20))).unwrap()).at, ms(10));
    // It arrives at 25, after the wake at 20 that nobody has asked about in time: the wake comes first.
    clock.store(25, Ordering::SeqCst);
    send.send(news(2)).unwrap();
    assert!(matches!(feed.next(Some(ms(20))).unwrap(), Next::Due));
    assert_eq!(item(feed.next(Some(ms(30))).unwrap()).at, ms(25));
    // What comes after the wake, or after another arrival, is stamped later, by what a data set can tell apart.
    clock.store(30, Ordering::SeqCst);
    assert!(matches!(feed.next(Some(ms(30))).unwrap(), Next::Due));
    send.send(news(3)).unwrap();
    send.send(news(4)).unwrap();
    assert_eq!(item(feed.next(None).unwrap()).at, ms(30) + Span::MICROSECOND);
    assert_eq!(item(feed.next(None).unwrap()).at, ms(30) + Span::MICROSECOND.times(2));
    drop(send);
    assert!(matches!(feed.next(None).unwrap(), Next::End));
}

#[test]
fn facts_stand_at_their_moment_and_silence_lets_the_engine_tidy_up() {
    let (_send, clock, mut feed) = by_wall(vec![(ms(50_000), meeting()), (ms(5), meeting())]);
    clock.store(10, Ordering::SeqCst);
    assert_eq!(item(feed.next(None).unwrap()).at, ms(5), "known long ago, told first");
    assert!(matches!(feed.next(Some(ms(100_000))).unwrap(), Next::Quiet));
    clock.store(60_000, Ordering::SeqCst);
    assert_eq!(item(feed.next(Some(ms(100_000))).unwrap()).at, ms(50_000));
}

/// An exchange whose whole story is known, told a moment at a time.
fn by_exchange(story: Vec<(i64, Input)>, facts: Vec<(Timestamp, Fact)>) -> (Arc<AtomicI64>, LiveFeed) {
    let (send, receive) = channel();
    let mut story = VecDeque::from(story);
    let (asked, mut now) = (Arc::new(AtomicI64::new(0)), i64::MIN);
    let count = Arc::clone(&asked);
    let go_on = move |until: Option<Timestamp>| {
        count.fetch_add(1, Ordering::SeqCst);
        let until = until.map_or(i64::MAX, Timestamp::millis);
        let next = story.front().map(|(at, _)| *at).filter(|&at| at <= until);
        let end = story.is_empty();
        now = now.max(next.unwrap_or(if end { now } else { until }));
        while story.front().is_some_and(|(at, _)| *at == now) {
            let (at, input) = story.pop_front().unwrap();
            send.send(SessionEvent::Input { at: Some(ms(at)), input }).unwrap();
        }
        let told = if end { Timestamp::MAX } else { ms(now.max(0)) };
        let _gone = send.send(SessionEvent::Clock { now: told, end });
    };
    let pace = Pace::Exchange(Box::new(go_on));
    (asked, LiveFeed::new(receive, pace, Timestamp::MIN, facts))
}

#[test]
fn the_exchanges_time_goes_on_only_when_asked_and_merges_with_what_is_known() {
    let control = || Input::Control(Control::Halt { reason: String::new() });
    let story = vec![(10, quote(1)), (20, control()), (20, quote(2)), (40, quote(3))];
    let (asked, mut feed) = by_exchange(story, vec![(ms(20), meeting())]);
    let mut seen = Vec::new();
    let mut wakes = vec![ms(15), ms(20)].into_iter().peekable();
    loop {
        match feed.next(wakes.peek().copied()).unwrap() {
            Next::Item(input) => {
                seen.push(format!("{} {}", input.at.millis(), input_tie_break_rank(&input.value)));
            }
            Next::Due => seen.push(format!("wake {}", wakes.next().unwrap().millis())),
            Next::Quiet => {}
            Next::End => break,
        }
    }
    assert_eq!(seen, ["10 3", "wake 15", "20 2", "20 3", "20 3", "wake 20", "40 3"]);
    assert!(asked.load(Ordering::SeqCst) < 12, "it does not ask in circles");
}

#[test]
fn a_market_is_closed_at_its_close_wherever_that_has_moved() {
    let listed = |close| {
        let mut market = crate::feed::synthetic::Walk::new(crate::feed::synthetic::SyntheticSettings {
            seed: 1,
            markets: 1,
            markets_per_event: 1,
            series: 1,
            quotes: 0,
            start: ms(0),
            length: Span::HOUR,
        })
        .market_by_number(0);
        market.close_time = ms(close);
        Input::Market(MarketEvent::Listed(Arc::new(market)))
    };
    let moved = Input::Market(MarketEvent::CloseTime { market: MarketId(0), close: ms(60) });
    let settled = Input::Market(MarketEvent::Settled { market: MarketId(0), value: SettlementValue::ONE });
    let story = vec![(10, listed(30)), (20, moved), (60, settled), (90, quote(0))];
    let (_, mut feed) = by_exchange(story, vec![]);
    let mut closed = Vec::new();
    while let Next::Item(input) = feed.next(None).unwrap() {
        if let Input::Market(MarketEvent::Status { status, .. }) = input.value {
            closed.push((input.at, status));
        }
    }
    assert_eq!(closed, [(ms(60), MarketStatus::Closed)], "once, at its last close, before it pays");
}

/// A desk that was killed comes back a nanosecond after the exchange's clock; that must not keep it waiting.
#[test]
fn what_the_exchange_has_passed_is_told_even_if_its_stamp_has_to_be_later() {
    let (_, mut feed) = by_exchange(vec![(20, quote(1)), (40, quote(2))], vec![(ms(15), meeting())]);
    feed.floor = ms(20).just_after();
    let mut seen = Vec::new();
    while let Next::Item(input) = feed.next(None).unwrap() {
        seen.push((input.at, input_tie_break_rank(&input.value)));
    }
    assert_eq!(seen, [(ms(20).just_after(), 2), (ms(20).just_after(), 3), (ms(40), 3)]);
}

#[test]
fn what_is_answered_at_the_end_of_the_data_comes_before_the_end() {
    let (send, receive) = channel();
    // The desk asks for something at the last moment; the exchange answers, and time stands still.
    let answers = VecDeque::from([vec![quote(1)], vec![quote(2), quote(3)], vec![]]);
    let mut answers = answers.into_iter();
    let go_on = move |_| {
        for input in answers.next().expect("it asks once more than there are answers") {
            send.send(SessionEvent::Input { at: Some(ms(40)), input }).unwrap();
        }
        send.send(SessionEvent::Clock { now: ms(40), end: true }).unwrap();
    };
    let pace = Pace::Exchange(Box::new(go_on));
    let mut feed = LiveFeed::new(receive, pace, Timestamp::MIN, vec![]);
    let markets: Vec<Input> = (0..3).map(|_| item(feed.next(None).unwrap()).value).collect();
    assert_eq!(markets, [quote(1), quote(2), quote(3)]);
    assert!(matches!(feed.next(None).unwrap(), Next::End));
}

#[test]
fn what_stands_behind_a_quote_has_its_moment_and_asides_keep_their_place() {
    let (send, clock, feed) = by_wall(vec![]);
    let noted = Arc::new(Mutex::new(Vec::new()));
    let pen = Arc::clone(&noted);
    let asides = move |at, aside| pen.lock().unwrap().push((at, matches!(aside, RecorderEvent::Book(_))));
    let mut feed = feed.with_depth().with_recorder(Box::new(asides));
    clock.store(10, Ordering::SeqCst);
    let level = Level { price: Price::new(4_300).unwrap(), size: Contracts::ONE };
    let depth = Arc::new(Depth { bids: vec![level], asks: vec![] });
    let (market, quote) = (MarketId(1), Quote::default());
    let book = |deeper: &Arc<Depth>| {
        let beside = BookExtras { open_interest: None, deeper: Arc::clone(deeper) };
        SessionEvent::Book { at: None, market, quote, beside }
    };
    let (yes_price, contracts, taker) = (Price::ONE, Contracts::ONE, Side::Yes);
    let trade = PublicTrade { market, id: "a".into(), yes_price, contracts, taker };
    send.send(book(&depth)).unwrap();
    send.send(SessionEvent::Trade { at: None, trade }).unwrap();
    send.send(book(&Arc::default())).unwrap();
    drop(send);
    let mut told = Vec::new();
    while let Next::Item(input) = feed.next(None).unwrap() {
        told.push((input.at, matches!(input.value, Input::Market(MarketEvent::Depth { .. }))));
    }
    let at = |later| ms(10) + Span::MICROSECOND.times(later);
    assert_eq!(told, [(at(0), true), (at(0), false), (at(2), false)]);
    assert_eq!(*noted.lock().unwrap(), [(at(0), true), (at(1), false), (at(2), true)]);
}
