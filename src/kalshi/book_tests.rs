//! Books by hand, and against an exchange whose messages get lost, repeated and overtaken by snapshots.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn price(cents: u16) -> Price {
    Price::new(cents * 100).unwrap()
}

fn snapshot(clock: Option<u64>, yes: &[(u16, i64)], no: &[(u16, i64)]) -> BookFrame {
    let levels = |side: &[(u16, i64)]| {
        side.iter().map(|(cents, count)| (price(*cents), Contracts::whole(*count))).collect()
    };
    BookFrame::Snapshot(BookSnapshot { ticker: "A".into(), clock, yes: levels(yes), no: levels(no) })
}

fn delta(clock: Option<u64>, side: Side, cents: u16, count: i64) -> BookFrame {
    let change = Contracts::whole(count);
    BookFrame::Delta(BookDelta { ticker: "A".into(), clock, side, price: price(cents), change, at: None })
}

fn watching() -> OrderBooks {
    let mut books = OrderBooks::default();
    books.add_market(&"A".into());
    books
}

fn applied(books: &mut OrderBooks, frame: &BookFrame) -> Applied {
    books.apply_frame(frame).unwrap().1
}

fn best(books: &OrderBooks) -> Option<(Option<Price>, Option<Price>)> {
    books.top(BookId(0)).map(|top| (top.bid, top.ask))
}

#[test]
fn the_ask_is_what_the_best_no_bid_leaves() {
    let mut books = watching();
    assert_eq!(
        applied(&mut books, &snapshot(Some(1), &[(41, 7), (42, 13)], &[(55, 20), (56, 4)])),
        Applied::Changed
    );
    let top = Top {
        bid: Some(price(42)),
        bid_size: Some(Contracts::whole(13)),
        ask: Some(price(44)), // 1 − 0.56
        ask_size: Some(Contracts::whole(4)),
    };
    assert_eq!(books.top(BookId(0)), Some(top));
    assert_eq!(applied(&mut books, &delta(Some(2), Side::No, 56, -4)), Applied::Changed);
    assert_eq!(best(&books), Some((Some(price(42)), Some(price(45))))); // the level at 0.56 is gone
    assert_eq!(applied(&mut books, &delta(Some(2), Side::Yes, 41, 1)), Applied::Unchanged);
    assert_eq!(applied(&mut books, &snapshot(Some(3), &[], &[])), Applied::Changed);
    assert_eq!(books.top(BookId(0)), Some(Top::default()));
    let elsewhere = BookFrame::Snapshot(BookSnapshot { ticker: "B".into(), ..of(&snapshot(None, &[], &[])) });
    assert_eq!(books.apply_frame(&elsewhere), None);
}

fn of(frame: &BookFrame) -> BookSnapshot {
    match frame {
        BookFrame::Snapshot(snapshot) => snapshot.clone(),
        BookFrame::Delta(_) => panic!("no snapshot"),
    }
}

#[test]
fn a_level_below_zero_is_a_gap() {
    let mut books = watching();
    applied(&mut books, &snapshot(Some(1), &[(40, 5)], &[]));
    assert_eq!(applied(&mut books, &delta(Some(2), Side::Yes, 40, -6)), Applied::Stale);
    assert_eq!(books.waiting_tickers().map(|ticker| &**ticker).collect::<Vec<_>>(), ["A"]);
    // The snapshot is older than the change that did not fit; with it, it does.
    assert_eq!(applied(&mut books, &snapshot(Some(1), &[(40, 9)], &[])), Applied::Changed);
    assert_eq!(books.live_book(BookId(0)).unwrap().bids(Side::Yes), [(price(40), Contracts::whole(3))]);
    let below = snapshot(Some(4), &[(40, -1)], &[]);
    assert_eq!(applied(&mut books, &below), Applied::Stale);
    let most = Contracts::from_hundredths(i64::MAX);
    let endless = BookSnapshot { yes: vec![(price(1), most), (price(1), most)], ..of(&below) };
    assert_eq!(OrderBook::from_snapshot(&endless), None);
}

#[test]
fn a_snapshot_decides_by_the_clock_what_it_contains() {
    let mut books = watching();
    assert_eq!(applied(&mut books, &delta(Some(4), Side::Yes, 40, 1)), Applied::Stale);
    assert_eq!(applied(&mut books, &delta(Some(5), Side::Yes, 41, 1)), Applied::Stale);
    applied(&mut books, &snapshot(Some(4), &[(40, 1)], &[]));
    assert_eq!(best(&books), Some((Some(price(41)), None)));
    // One that is ahead of the changes: those it contains are not applied again.
    applied(&mut books, &snapshot(Some(7), &[(42, 3)], &[]));
    assert_eq!(applied(&mut books, &delta(Some(6), Side::Yes, 42, 3)), Applied::Unchanged);
    assert_eq!(applied(&mut books, &delta(Some(7), Side::Yes, 41, -1)), Applied::Unchanged);
    assert_eq!(applied(&mut books, &delta(Some(8), Side::Yes, 42, 1)), Applied::Changed);
    // One that is behind a book that is whole changes nothing; a clock that goes back is a gap.
    assert_eq!(applied(&mut books, &snapshot(Some(7), &[], &[])), Applied::Unchanged);
    assert_eq!(applied(&mut books, &delta(Some(6), Side::Yes, 42, 1)), Applied::Stale);
    assert_eq!(applied(&mut books, &snapshot(Some(7), &[], &[])), Applied::Stale); // older than what was lost
    assert_eq!(books.reset_books(), []);
    assert_eq!(applied(&mut books, &snapshot(Some(1), &[], &[])), Applied::Changed); // a new connection
}

#[test]
fn without_a_clock_the_order_decides() {
    let mut books = watching();
    applied(&mut books, &delta(None, Side::Yes, 40, 1));
    applied(&mut books, &snapshot(None, &[(40, 1)], &[]));
    applied(&mut books, &delta(None, Side::Yes, 40, 1));
    assert_eq!(books.top(BookId(0)).unwrap().bid_size, Some(Contracts::whole(2)));
    assert_eq!(books.lose_all(), [BookId(0)]);
    assert_eq!(books.lose_all(), []);
}

#[test]
fn changes_kept_for_a_snapshot_are_bounded() {
    let mut books = watching();
    for clock in 1..=MOST_KEPT as u64 + 1 {
        applied(&mut books, &delta(Some(clock), Side::Yes, 40, 1));
    }
    // The first ten thousand were let go, so a snapshot without them would not do.
    assert_eq!(applied(&mut books, &snapshot(Some(5), &[(40, 5)], &[])), Applied::Stale);
    let most = MOST_KEPT as u64;
    applied(&mut books, &snapshot(Some(most), &[(40, 10_000)], &[]));
    assert_eq!(books.top(BookId(0)).unwrap().bid_size, Some(Contracts::whole(10_001)));
}

#[test]
fn numbers_count_from_one() {
    use SequenceCheck::{Again, Gap, Next};
    let mut guard = SequenceGuard::default();
    let seen = [1, 2, 2, 1, 4, 3, 5, u64::MAX, 6].map(|seq| guard.check_sequence(seq));
    assert_eq!(seen, [Next, Next, Again, Again, Gap, Again, Next, Gap, Again]);
}

/// What becomes of a message on its way.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    Twice,
}

#[derive(Clone, Debug)]
enum Step {
    /// Changes that share one clock; which market, how far the clock moves, and the levels.
    Change { market: usize, ticks: u64, levels: Vec<(Side, u16, i64, Fate)> },
    /// A snapshot, as old as the rules allow up to so many changes.
    Snapshot { market: usize, age: usize, fate: Fate },
    /// Something else on the same subscription.
    Answer(Fate),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fate = || prop_oneof![8 => Just(Fate::Arrives), 1 => Just(Fate::Lost), 1 => Just(Fate::Twice)];
    let side = prop_oneof![Just(Side::Yes), Just(Side::No)];
    let level = (side, 1u16..6, -5i64..6, fate());
    let change = (0usize..2, 1u64..3, prop::collection::vec(level, 1..4))
        .prop_map(|(market, ticks, levels)| Step::Change { market, ticks, levels });
    let snapshot =
        (0usize..2, 0usize..4, fate()).prop_map(|(market, age, fate)| Step::Snapshot { market, age, fate });
    prop::collection::vec(prop_oneof![6 => change, 3 => snapshot, 1 => fate().prop_map(Step::Answer)], 0..60)
}

type Levels = BTreeMap<(Side, u16), i64>;

/// One market at the exchange: every state it was in, with its clock.
struct There {
    ticker: Arc<str>,
    states: Vec<(u64, Levels)>,
    /// Clock of the latest change of which a message was lost; the exchange answers a request for a
    /// snapshot with one that contains what it sent before.
    lost: u64,
}

struct World {
    clocks: bool,
    there: [There; 2],
    seq: u64,
    guard: SequenceGuard,
    books: OrderBooks,
}

impl World {
    fn new(clocks: bool) -> Self {
        let there = ["A", "B"].map(|ticker| There {
            ticker: ticker.into(),
            states: vec![(1, Levels::new())],
            lost: 0,
        });
        let mut books = OrderBooks::default();
        there.iter().for_each(|market| books.add_market(&market.ticker));
        Self { clocks, there, seq: 0, guard: SequenceGuard::default(), books }
    }

    fn send(&mut self, frame: Option<&BookFrame>, fate: Fate) {
        self.seq += 1;
        let times = match fate {
            Fate::Arrives => 1,
            Fate::Lost => 0,
            Fate::Twice => 2,
        };
        for _ in 0..times {
            match self.guard.check_sequence(self.seq) {
                SequenceCheck::Again => continue,
                SequenceCheck::Gap => drop(self.books.lose_all()),
                SequenceCheck::Next => {}
            }
            if let Some(frame) = frame {
                self.books.apply_frame(frame).unwrap();
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Answer(fate) => self.send(None, *fate),
            Step::Snapshot { market, age, fate } => {
                let there = &self.there[*market];
                let allowed: Vec<_> = there.states.iter().filter(|state| state.0 >= there.lost).collect();
                let age = if self.clocks { (*age).min(allowed.len() - 1) } else { 0 };
                let (clock, levels) = allowed[allowed.len() - 1 - age];
                let side = |side: Side| {
                    let levels = levels.iter().filter(|((at, _), count)| *at == side && **count > 0);
                    levels.map(|((_, cents), count)| (price(*cents), Contracts::whole(*count))).collect()
                };
                let clock = self.clocks.then_some(*clock);
                let ticker = Arc::clone(&there.ticker);
                let (yes, no) = (side(Side::Yes), side(Side::No));
                self.send(Some(&BookFrame::Snapshot(BookSnapshot { ticker, clock, yes, no })), *fate);
            }
            Step::Change { market, ticks, levels } => self.trade(*market, *ticks, levels),
        }
    }

    fn trade(&mut self, market: usize, ticks: u64, levels: &[(Side, u16, i64, Fate)]) {
        let (clock, mut state) = self.there[market].states.last().unwrap().clone();
        let clock = clock + ticks;
        let mut messages = Vec::new();
        for (side, cents, by, fate) in levels {
            let level = state.entry((*side, *cents)).or_default();
            let by = (*by).max(-*level);
            *level += by;
            if matches!(fate, Fate::Lost) {
                self.there[market].lost = clock;
            }
            let ticker = Arc::clone(&self.there[market].ticker);
            let (clock, change) = (self.clocks.then_some(clock), Contracts::whole(by));
            let delta = BookDelta { ticker, clock, side: *side, price: price(*cents), change, at: None };
            messages.push((BookFrame::Delta(delta), *fate));
        }
        // The exchange has changed before it says so: a snapshot sent now would contain it all.
        self.there[market].states.push((clock, state));
        messages.iter().for_each(|(message, fate)| self.send(Some(message), *fate));
    }

    /// Wherever nothing is outstanding, each book is the exchange's or says that it is not.
    fn check(&self) -> Result<(), TestCaseError> {
        if self.guard.next_expected() != self.seq + 1 {
            return Ok(());
        }
        for (number, there) in self.there.iter().enumerate() {
            let Some(book) = self.books.live_book(BookId(number)) else { continue };
            for side in [Side::Yes, Side::No] {
                let levels = there.states.last().unwrap().1.iter();
                let levels = levels.filter(|((at, _), count)| *at == side && **count > 0);
                let levels: Vec<_> =
                    levels.map(|((_, cents), count)| (price(*cents), Contracts::whole(*count))).collect();
                prop_assert_eq!(book.bids(side), levels, "market {}, {}", number, side);
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn books_equal_the_exchanges_or_say_that_they_do_not(steps in steps(), clocks in any::<bool>()) {
        let mut world = World::new(clocks);
        for step in &steps {
            world.step(step);
            world.check()?;
        }
        // A fresh snapshot of each market mends everything.
        for market in 0..2 {
            world.step(&Step::Snapshot { market, age: 0, fate: Fate::Arrives });
        }
        for market in 0..2 {
            world.step(&Step::Snapshot { market, age: 0, fate: Fate::Arrives });
            prop_assert!(world.books.live_book(BookId(market)).is_some());
        }
        world.check()?;
    }
}
