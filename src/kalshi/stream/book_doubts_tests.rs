//! Books that cannot be right, or that their ticker contradicts.

use serde_json::{Value, json};

use super::tests::{Rig, seconds};
use super::*;

/// What the stream says is wrong with books.
fn told_problems(rig: &Rig) -> Vec<&str> {
    let told = rig.told.iter().filter_map(|event| match event {
        StreamEvent::Unreadable(message) => Some(&*message.problem),
        _ => None,
    });
    told.collect()
}

fn hear_ticker(rig: &mut Rig, bid: &str, ask: &str, ts_ms: u64) {
    let sid = rig.sids["ticker"];
    let msg = json!({"market_ticker": "A", "price_dollars": "0.4400", "yes_bid_dollars": bid,
        "yes_ask_dollars": ask, "yes_bid_size_fp": "1.00", "yes_ask_size_fp": "1.00",
        "volume_fp": "1.00", "open_interest_fp": "1.00", "ts_ms": ts_ms});
    rig.hear(&json!({"type": "ticker", "sid": sid, "msg": msg}));
    rig.idle();
}

/// Names of what was told since, and whether a snapshot was asked for.
fn take_told(rig: &mut Rig) -> (Vec<String>, bool) {
    rig.idle();
    let names = rig.names();
    rig.told.clear();
    let asked = rig.commands().iter().any(|command| command == "update_subscription get_snapshot A");
    rig.sent.clear();
    (names, asked)
}

fn named_events(names: &[&str], asked: bool) -> (Vec<String>, bool) {
    (names.iter().map(ToString::to_string).collect(), asked)
}

/// Bids for NO that were sent at prices of NO, where prices of YES were asked for, would mirror the book.
#[test]
fn a_crossed_book_is_dropped_and_asked_for_again_but_not_for_ever() {
    let mut rig = Rig::up();
    rig.now += seconds(1);
    rig.told.clear();
    for time in 1..=5_u64 {
        rig.sent.clear();
        rig.snapshot("A", 10 * time, "0.4200", "0.6000");
        rig.now += seconds(1);
        rig.state.check_timeouts(rig.now);
        rig.drain();
        let asked = rig.commands().iter().any(|command| command == "update_subscription get_snapshot A");
        assert_eq!(asked, time <= 3, "time {time}");
    }
    let problem = "its book is crossed: the bid 0.42 is not below the ask 0.40";
    assert_eq!(told_problems(&rig), [problem; 5]);
    assert!(!rig.names().contains(&"book A".to_owned()), "{:?}", rig.names());
}

#[test]
fn a_book_that_its_ticker_contradicts_is_asked_for_again_and_then_reported() {
    // The book is at 0.42 to 0.44.
    let mut rig = Rig::up();
    hear_ticker(&mut rig, "0.4200", "0.4400", 1_000);
    assert_eq!(take_told(&mut rig), named_events(&["ticker"], false));
    // NO at 0.58 is on offer, which a book with its sides mixed up takes for YES at 0.58.
    hear_ticker(&mut rig, "0.4200", "0.5800", 2_000);
    assert_eq!(take_told(&mut rig), named_events(&["ticker"], false), "the change may be on its way");
    rig.later(seconds(1));
    assert_eq!(take_told(&mut rig), named_events(&[], false));
    rig.later(seconds(1));
    assert_eq!(take_told(&mut rig), named_events(&["stale A"], true));
    // What comes is what was dropped: it is not told.
    rig.snapshot("A", 20, "0.4200", "0.5600");
    assert_eq!(take_told(&mut rig), named_events(&[], false));
    rig.later(seconds(2));
    assert_eq!(
        told_problems(&rig),
        ["its book has bid 0.42 and ask 0.44, and its ticker bid 0.42 and ask 0.58"]
    );
    assert_eq!(take_told(&mut rig), named_events(&["unreadable"], true));
    // Another book, which the ticker agrees with.
    rig.snapshot("A", 30, "0.4200", "0.4200");
    assert_eq!(take_told(&mut rig), named_events(&["book A"], false));
    // From here on it counts anew.
    hear_ticker(&mut rig, "0.4300", "0.5800", 3_000);
    rig.later(seconds(2));
    assert_eq!(take_told(&mut rig), named_events(&["ticker", "stale A"], true));
}

#[test]
fn a_book_that_is_contradicted_for_ever_is_not_asked_for_for_ever() {
    let mut rig = Rig::up();
    hear_ticker(&mut rig, "0.1000", "0.2000", 1_000);
    rig.told.clear();
    for time in 1..=5_u64 {
        rig.sent.clear();
        rig.later(seconds(2));
        let asked = rig.commands().iter().any(|command| command == "update_subscription get_snapshot A");
        assert_eq!(asked, time <= 3, "time {time}");
        rig.snapshot("A", 10 * time, "0.4200", "0.5600");
    }
    assert_eq!(told_problems(&rig).len(), 4);
    assert_eq!(rig.books(), []);
}

/// Book and ticker come over subscriptions of their own, either before the other.
#[test]
fn a_change_that_reaches_book_and_ticker_one_after_the_other_is_no_contradiction() {
    let mut rig = Rig::up();
    hear_ticker(&mut rig, "0.4300", "0.4400", 2_000);
    rig.later(seconds(1));
    rig.delta("A", 2, "0.4300", 2_000);
    assert_eq!(take_told(&mut rig), named_events(&["ticker", "book A"], false));
    rig.later(seconds(5));
    rig.delta("A", 3, "0.4350", 7_000);
    assert_eq!(take_told(&mut rig), named_events(&["book A"], false), "a newer book is told at once");
    rig.later(seconds(9));
    hear_ticker(&mut rig, "0.4350", "0.4400", 7_001);
    rig.later(seconds(20));
    assert_eq!(take_told(&mut rig), named_events(&["ticker"], false));
    // The ticker never comes: one of the two is wrong.
    rig.delta("A", 4, "0.4360", 40_000);
    assert_eq!(take_told(&mut rig), named_events(&["book A"], false));
    rig.later(seconds(10));
    assert_eq!(take_told(&mut rig), named_events(&["stale A"], true));
}

#[test]
fn a_market_that_closes_empties_its_book_and_its_ticker_stays() {
    let mut rig = Rig::up();
    hear_ticker(&mut rig, "0.4200", "0.4400", 1_000);
    take_told(&mut rig);
    for (clock, side, price) in [(2, "yes", "0.4200"), (3, "no", "0.4400")] {
        let msg = json!({"market_ticker": "A", "clock": clock, "price_dollars": price, "delta_fp": "-5.00",
            "side": side, "ts_ms": 5_000});
        rig.book("orderbook_delta", &msg);
    }
    assert_eq!(take_told(&mut rig), named_events(&["book A", "book A"], false));
    rig.later(seconds(20));
    assert_eq!(take_told(&mut rig), named_events(&[], false));
}

/// A simulated exchange lets hours pass in an instant of ours.
#[test]
fn a_contradiction_lasts_by_the_exchanges_clock_too() {
    let mut rig = Rig::up();
    hear_ticker(&mut rig, "0.4100", "0.4400", 2_000);
    hear_ticker(&mut rig, "0.4100", "0.4400", 4_000);
    assert_eq!(take_told(&mut rig), named_events(&["ticker", "ticker"], false));
    hear_ticker(&mut rig, "0.4100", "0.4400", 4_001);
    assert!(take_told(&mut rig).0.contains(&"stale A".to_owned()));
}

#[test]
fn after_lost_tickers_nothing_is_compared_until_there_is_a_new_one() {
    let mut rig = Rig::up();
    hear_ticker(&mut rig, "0.4100", "0.4400", 2_000);
    let ended: Value =
        json!({"type": "error", "sid": rig.sids["ticker"], "msg": {"code": 25, "msg": "too slow"}});
    rig.hear(&ended);
    take_told(&mut rig);
    rig.later(seconds(3));
    rig.answer();
    rig.delta("A", 2, "0.4300", 9_000);
    rig.later(seconds(20));
    let (names, _) = take_told(&mut rig);
    assert!(names.contains(&"book A".to_owned()) && !names.contains(&"stale A".to_owned()), "{names:?}");
}
