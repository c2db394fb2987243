//! One session: a real desk and a real order tracker trade a story through a bad connection, die and come
//! back, and in the end both sides' books are compared.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use protogen::desk::Desk;
use protogen::desk::decision::{Output, Record};
use protogen::desk::risk::trading_halt::HaltRule;
use protogen::domain::{Contracts, Money, OrderId, Side, Timestamp};
use protogen::engine::gateway::EventSource;
use protogen::engine::{Engine, EngineError, Journal, JournalError};
use protogen::event::{Command, Input, Stamped};
use protogen::kalshi::order_tracker::OrderTracker;

use crate::dice::Dice;
use crate::far::Far;
use crate::settings;
use crate::story::{Heard, Story};
use crate::venue::{RUN, SoakVenue, Watched};

/// What a session has shown, so that agreement cannot be vacuous.
pub type Tally = BTreeMap<String, u64>;

/// Inputs with what the desk asked for, as a live journal keeps them.
struct Memory {
    steps: Vec<(Stamped<Input>, Vec<Command>)>,
    /// How many of the steps survive a death.
    committed: usize,
    watched: Rc<Watched>,
    dice: Dice,
    /// Chance to die in a step that matters, per mille; and how often still.
    mortality: u64,
    lives: u32,
    calm_from: Timestamp,
    records: Vec<Record>,
}

impl Journal for Memory {
    fn record(&mut self, _: u64, input: &Stamped<Input>, out: &Output) -> Result<(), JournalError> {
        let matters = !out.commands.is_empty() || !matches!(input.value, Input::Market(_) | Input::Wake);
        let dies = matters
            && self.lives > 0
            && input.at < self.calm_from
            && self.watched.dies_after.get().is_none()
            && self.dice.chance(self.mortality);
        let end = || Err(JournalError::Write("the process dies".to_owned()));
        if dies {
            self.lives -= 1;
            // Before the input is on disk, after it, or after some of the commands.
            match self.dice.range(0, 2) {
                0 => return end(),
                1 => {
                    self.keep(input, out, true);
                    return end();
                }
                _ => {
                    let after = u32::try_from(self.dice.range(0, 2)).unwrap();
                    self.watched.dies_after.set(Some(after));
                }
            }
        }
        self.keep(input, out, matters);
        Ok(())
    }
}

impl Memory {
    fn keep(&mut self, input: &Stamped<Input>, out: &Output, commit: bool) {
        self.steps.push((input.clone(), out.commands.clone()));
        self.records.extend(out.records.iter().cloned());
        if commit {
            self.committed = self.steps.len();
        }
        for record in &out.records {
            let problem = match record {
                Record::Discrepancy(discrepancy) => discrepancy.detail.clone(),
                Record::Halt(halt) if halt.rule == HaltRule::Discrepancy => halt.detail.clone(),
                _ => continue,
            };
            self.watched.problems.borrow_mut().push(format!("{}: {problem}", input.at));
        }
    }

    /// Forgets what was not committed; how many inputs of the market are left.
    fn forget(&mut self) -> usize {
        self.steps.truncate(self.committed);
        self.steps.iter().filter(|(input, _)| matches!(input.value, Input::Market(_))).count()
    }
}

type SoakEngine = Engine<Heard, SoakVenue, Memory>;

/// Runs the session of a seed; what went wrong.
pub fn run(seed: u64, tally: &mut Tally) -> Vec<String> {
    let mut dice = Dice::new(seed, 1);
    let mut story = Story::new(seed, &mut dice);
    let (desk, beliefs) = settings::draw(&mut dice, seed);
    let watched = Rc::new(Watched::default());
    let far = Far::new(&mut story, desk.bankroll, Dice::new(seed, 2));
    let venue = SoakVenue::new(far, &story, Rc::clone(&watched), Dice::new(seed, 3));
    let memory = Memory {
        steps: Vec::new(),
        committed: 0,
        watched: Rc::clone(&watched),
        mortality: *dice.pick(&[0, 0, 15, 60]),
        dice: Dice::new(seed, 4),
        lives: 4,
        calm_from: story.calm_from,
        records: Vec::new(),
    };
    let fresh = || Desk::new(desk.clone(), vec![beliefs.seat()]);
    let session = EventSource { feed: Heard::new(story.heard.clone(), story.end), venue };
    let mut engine = Engine::new(fresh(), session, memory);
    let newest = Cell::new(0);
    loop {
        let ran = engine.run(|at, desk| check_step(at, desk, &newest, &watched));
        match ran {
            Ok(()) => break,
            Err(EngineError::Journal(_) | EngineError::Gateway(_)) => {
                count(tally, "deaths", 1);
                engine = reborn(engine, fresh(), &mut dice);
                // The step in which it died is not looked at again: prices have moved since.
                newest.set(newest_order(&engine.desk).max(newest.get()));
            }
            Err(error) => panic!("{error}"),
        }
    }
    let mut problems = std::mem::take(&mut *watched.problems.borrow_mut());
    problems.extend(compare(&engine));
    add(tally, &engine);
    problems
}

/// The limits, after every step.
fn check_step(at: Timestamp, desk: &Desk, newest: &Cell<u64>, watched: &Watched) {
    watched.step(at);
    let complain = |text: String| watched.problems.borrow_mut().push(format!("{at}: {text}"));
    let free = desk.cash_ledger().free_cash();
    if free < Money::ZERO {
        complain(format!("free cash is {free}"));
    }
    // What is left of an order is locked there as if it were a new one: with the rounding of its fees again.
    let rounding: Money = desk.execution().iter().map(|_| Money::from_micros(10_000)).sum();
    if free > watched.available.get() + rounding {
        complain(format!("free cash is {free}, the exchange has only {}", watched.available.get()));
    }
    let (equity, limits) = (desk.risk().equity.equity(), desk.risk().limits().exposure);
    for open in desk.execution().iter().filter(|open| open.order.id.0 > newest.get()) {
        let book = desk.market_states().get(open.order.market).expect("it is traded");
        let stakes = desk.risk().exposure.stakes_around_market(book);
        for (stake, cap) in [
            (stakes.market, limits.market),
            (stakes.event, limits.event),
            (stakes.series, limits.series),
            (stakes.total, limits.total),
        ] {
            if open.reserved > Money::ZERO && stake > equity.portion(cap) {
                complain(format!("order {} puts {stake} at stake, the cap is {cap}", open.order.id.0));
            }
        }
    }
    newest.set(newest_order(desk).max(newest.get()));
}

fn newest_order(desk: &Desk) -> u64 {
    desk.execution().iter().map(|open| open.order.id.0).max().unwrap_or(0)
}

/// The process dies, and a while later another one goes on from what the journal holds.
fn reborn(engine: SoakEngine, mut desk: Desk, dice: &mut Dice) -> SoakEngine {
    let (mut session, mut journal) = (engine.session, engine.journal);
    journal.watched.dies_after.set(None);
    let known = journal.forget();
    let at = session.venue.time().max(engine.desk.now()) + dice.millis(1, 20_000);
    session.venue.dead_until(at);
    session.feed.resume(known, at);
    let mut tracker = OrderTracker::new(RUN);
    journal.records.clear();
    let mut out = Output::default();
    for (input, commands) in &journal.steps {
        desk.step(input, &mut out);
        assert_eq!(out.commands, *commands, "a repeated step asks for something else");
        for record in &out.records {
            if let Record::Fill(booked) = record {
                tracker.record_booked_trade(booked.fill.trade);
            }
        }
        journal.records.append(&mut out.records);
        out.clear();
    }
    for open in desk.execution().iter() {
        tracker.recover_order(open.order, open.filled);
        if open.is_cancelling() {
            tracker.apply_command(&Command::Cancel { order: open.order.id, market: open.order.market });
        }
    }
    session.venue.restart(tracker, desk.execution().iter().map(|open| open.order));
    Engine::new(desk, session, journal)
}

/// Our books and the exchange's, after everything has come to rest.
fn compare(engine: &SoakEngine) -> Vec<String> {
    let (desk, venue) = (&engine.desk, &engine.session.venue);
    let account = venue.far.account();
    let mut problems = Vec::new();
    let mut differ = |same: bool, text: String| {
        if !same {
            problems.push(text);
        }
    };
    differ(venue.tracker.is_quiet(), format!("the tracker is not at rest: {:?}", venue.tracker));
    differ(venue.far.odd.is_empty(), format!("{:?}", venue.far.odd));
    let (ours, theirs) = (desk.cash_ledger().total_cash(), account.cash);
    differ(ours == theirs, format!("cash is {ours}, at the exchange {theirs}"));
    let held = |side: Side, contracts: Contracts| match side {
        Side::Yes => contracts.hundredths(),
        Side::No => -contracts.hundredths(),
    };
    let ours: BTreeMap<_, _> = desk
        .positions()
        .iter()
        .map(|(market, held_now)| (market, held(held_now.side, held_now.contracts)))
        .collect();
    let theirs: BTreeMap<_, _> = account
        .positions
        .iter()
        .filter(|(_, position)| position.signed != 0)
        .map(|(&market, position)| (market, position.signed))
        .collect();
    differ(ours == theirs, format!("positions are {ours:?}, at the exchange {theirs:?}"));
    let ours: BTreeMap<String, Contracts> =
        desk.execution().iter().map(|open| (venue.tracker.client_id(open.order.id), open.filled)).collect();
    let theirs: BTreeMap<String, Contracts> = account
        .open_orders()
        .map(|order| (order.client_order_id.clone().unwrap_or_default(), order.filled))
        .collect();
    differ(ours == theirs, format!("open orders are {ours:?}, at the exchange {theirs:?}"));
    for (_, commands) in &engine.journal.steps {
        for command in commands {
            if let Command::Cancel { order, .. } = command
                && desk.execution().iter().any(|open| open.order.id == *order)
            {
                problems.push(format!("order {} was asked back and is still there", order.0));
            }
        }
    }
    problems.extend(compare_orders(engine));
    problems
}

/// Every order sent is at the exchange once at most, as it was meant, with the fills that were booked.
fn compare_orders(engine: &SoakEngine) -> Vec<String> {
    let (venue, account) = (&engine.session.venue, engine.session.venue.far.account());
    let mut meant = BTreeMap::new();
    let mut booked: BTreeMap<OrderId, Contracts> = BTreeMap::new();
    for record in &engine.journal.records {
        match record {
            Record::Order(placed) => {
                meant.insert(venue.tracker.client_id(placed.order.id), placed.order);
            }
            Record::Fill(fill) => *booked.entry(fill.order.id).or_default() += fill.fill.contracts,
            _ => {}
        }
    }
    let mut problems = Vec::new();
    let mut placed = BTreeSet::new();
    for record in account.orders.values() {
        let client_id = record.client_order_id.clone().unwrap_or_default();
        let Some(order) = meant.get(&client_id) else {
            problems.push(format!("{client_id} is at the exchange, and nobody meant it"));
            continue;
        };
        let wire = venue.far.new_order(order, &client_id);
        let same = (wire.side, wire.price, wire.count) == (record.side, record.price, record.initial);
        if !same || order.market != record.market {
            problems.push(format!("{client_id} is {record:?}, and {order:?} was meant"));
        }
        if !placed.insert(client_id.clone()) {
            problems.push(format!("{client_id} was placed twice"));
        }
        let ours = booked.remove(&order.id).unwrap_or_default();
        if ours != record.filled {
            problems.push(format!("{client_id}: {ours} booked, {} traded", record.filled));
        }
    }
    if !booked.is_empty() {
        problems.push(format!("booked for orders that were never placed: {booked:?}"));
    }
    problems
}

fn count(tally: &mut Tally, name: impl Into<String>, by: u64) {
    *tally.entry(name.into()).or_default() += by;
}

fn add(tally: &mut Tally, engine: &SoakEngine) {
    for (name, &times) in &engine.session.venue.fates {
        count(tally, format!("task {name}"), u64::from(times));
    }
    for record in &engine.journal.records {
        match record {
            Record::Order(_) => count(tally, "orders", 1),
            Record::Fill(fill) => {
                count(tally, if fill.fill.taker { "fills taker" } else { "fills maker" }, 1);
            }
            Record::OrderDone(done) => count(tally, format!("end {:?}", done.end), 1),
            Record::Trade(trade) => count(tally, format!("exit {}", trade.exit_reason.name()), 1),
            _ => {}
        }
    }
    for (_, commands) in &engine.journal.steps {
        let cancels = commands.iter().filter(|command| matches!(command, Command::Cancel { .. })).count();
        count(tally, "cancels", cancels as u64);
    }
    count(tally, "positions held at the end", engine.desk.positions().iter().count() as u64);
    count(tally, "orders open at the end", engine.desk.execution().iter().count() as u64);
}
