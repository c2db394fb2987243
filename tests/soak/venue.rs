//! The way to the exchange in virtual time, with everything that goes wrong on it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use protogen::domain::{MarketStatus, Money, Order, OrderId, Span, Timestamp};
use protogen::engine::gateway::{GatewayError, Venue};
use protogen::event::{Command, Input, MarketEvent, Stamped};
use protogen::kalshi::order_requests::{TaskOutcome, pushed_fill, pushed_order};
use protogen::kalshi::order_tasks::{OrderTask, TaskFailure};
use protogen::kalshi::order_tracker::OrderTracker;
use protogen::kalshi::ws_messages::Frame;
use protogen::sandbox::exchange::control::SandboxControl;

use crate::dice::Dice;
use crate::far::Far;
use crate::story::Story;

/// How long a client waits for an answer.
const TIMEOUT: Span = Span::SECOND.times(10);
/// How often everything is looked up where pushed news may get lost without a trace.
const LOOK_OVER: Span = Span::SECOND.times(15);
pub const RUN: &str = "5eed";

/// What a request meets on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    /// No connection: it never leaves.
    Refused,
    /// It leaves and never arrives.
    Lost,
    /// The connection breaks at once; the request arrives all the same.
    Reset,
    /// 429.
    Limited,
    /// 5xx without, and with, effect.
    FailsBefore,
    FailsAfter,
    /// Done, but nobody hears of it.
    AnswerLost,
}

#[derive(Debug)]
enum Happening {
    Arrives { process: u32, task: OrderTask, client_id: String, fate: Fate, sent: Timestamp },
    Answered { process: u32, done: TaskOutcome },
    Pushed { connection: u32, frame: Frame },
    Stream(bool),
    LookOver,
    Control(SandboxControl),
    Group { tripped: bool },
}

/// What others may see of the venue while it runs.
#[derive(Debug)]
pub struct Watched {
    /// Cash at the exchange that nothing open can still claim.
    pub available: Cell<Money>,
    /// After how many more commands the process dies.
    pub dies_after: Cell<Option<u32>>,
    /// What must not happen, and did.
    pub problems: RefCell<Vec<String>>,
    /// The moment of the latest steps, and how many there were at it.
    pub steps: Cell<(Timestamp, u32)>,
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            available: Cell::default(),
            dies_after: Cell::default(),
            problems: RefCell::default(),
            steps: Cell::new((Timestamp::MIN, 0)),
        }
    }
}

impl Watched {
    /// One more step; too many at one moment are a loop without end.
    pub fn step(&self, at: Timestamp) {
        let (before, steps) = self.steps.get();
        let steps = if before == at { steps + 1 } else { 0 };
        assert!(steps < 2_000, "{at}: nothing goes on any more");
        self.steps.set((at, steps));
    }
}

/// What was sent, to find the same id with another content, and haste.
#[derive(Default)]
struct Worries {
    sent: BTreeMap<String, Order>,
    tasks: BTreeMap<OrderId, (Timestamp, u32)>,
}

/// The venue of one session.
pub struct SoakVenue {
    pub far: Far,
    pub tracker: OrderTracker,
    pub watched: Rc<Watched>,
    /// How many tasks were sent, by kind of trouble.
    pub fates: BTreeMap<&'static str, u32>,
    dice: Dice,
    now: Timestamp,
    calm_from: Timestamp,
    /// What has not come to rest long after the calm began never will.
    end: Timestamp,
    /// Share of requests that go wrong, per mille.
    trouble: u64,
    /// Share of messages that take up to seconds, per mille.
    slow: u64,
    /// Pushed news may get lost though the stream is up.
    leaks: bool,
    line: BTreeMap<(Timestamp, u64), Happening>,
    counted: u64,
    process: u32,
    connection: u32,
    stream: bool,
    ready: VecDeque<Stamped<Input>>,
    orders: BTreeMap<OrderId, Order>,
    worries: Worries,
}

impl SoakVenue {
    pub fn new(far: Far, story: &Story, watched: Rc<Watched>, mut dice: Dice) -> Self {
        let start = story.heard[0].at;
        let mut venue = Self {
            far,
            tracker: OrderTracker::new(RUN),
            watched,
            fates: BTreeMap::new(),
            trouble: *dice.pick(&[0, 50, 150, 400]),
            slow: *dice.pick(&[0, 150, 500]),
            leaks: dice.chance(300),
            dice,
            now: start,
            calm_from: story.calm_from,
            end: story.end + Span::HOUR,
            line: BTreeMap::new(),
            counted: 0,
            process: 0,
            connection: 0,
            stream: true,
            ready: VecDeque::new(),
            orders: BTreeMap::new(),
            worries: Worries::default(),
        };
        venue.plan_trouble(start);
        let mut at = start + LOOK_OVER;
        while at < story.end - Span::MINUTE {
            if venue.leaks {
                venue.at(at, Happening::LookOver);
            }
            // What it has done to itself by trading too much is lifted too.
            venue.at(at, Happening::Group { tripped: false });
            at = at + LOOK_OVER;
        }
        venue.watched.available.set(venue.far.available());
        venue
    }

    /// Breaks of the stream, pauses, group stops; all over when it gets calm.
    fn plan_trouble(&mut self, start: Timestamp) {
        let millis = self.calm_from.since(start).nanos() / 1_000_000;
        let plan = |venue: &mut Self, longest: i64, begin: Happening, end: Happening| {
            let from = start + venue.dice.millis(0, millis - 1);
            let to = (from + venue.dice.millis(1, longest)).min(venue.calm_from);
            venue.at(from, begin);
            venue.at(to, end);
        };
        for _ in 0..*self.dice.pick(&[0, 2, 12]) {
            let longest = *self.dice.pick(&[500, 5_000, 20_000]);
            plan(self, longest, Happening::Stream(false), Happening::Stream(true));
        }
        if self.dice.chance(300) {
            let pause = |on| Happening::Control(SandboxControl::TradingPause(on));
            plan(self, 30_000, pause(true), pause(false));
        }
        if self.dice.chance(200) {
            let pause = |on| Happening::Control(SandboxControl::ExchangePause(on));
            plan(self, 15_000, pause(true), pause(false));
        }
        if self.dice.chance(400) {
            let group = |tripped| Happening::Group { tripped };
            plan(self, 30_000, group(true), group(false));
        }
        self.at(self.calm_from, Happening::Stream(true));
    }

    fn at(&mut self, at: Timestamp, happening: Happening) {
        self.counted += 1;
        self.line.insert((at, self.counted), happening);
    }

    fn calm(&self) -> bool {
        self.now >= self.calm_from
    }

    /// Mostly quick, at times seconds.
    fn travel(&mut self) -> Span {
        if self.calm() || !self.dice.chance(self.slow) {
            self.dice.millis(1, 60)
        } else {
            self.dice.millis(60, 3_000)
        }
    }

    fn fate(&mut self) -> Fate {
        if self.calm() || !self.dice.chance(self.trouble) {
            return Fate::Answered;
        }
        *self.dice.pick(&[
            Fate::Refused,
            Fate::Lost,
            Fate::Reset,
            Fate::Limited,
            Fate::FailsBefore,
            Fate::FailsAfter,
            Fate::AnswerLost,
        ])
    }

    /// Sends what the tracker wants done, and hands on what it has to say.
    fn pump(&mut self) {
        while let Some(task) = self.tracker.start_next_task(self.now) {
            self.send(task);
        }
        while let Some(event) = self.tracker.pop_event() {
            self.ready.push_back(Stamped { at: self.now, value: Input::Venue(event) });
        }
    }

    fn send(&mut self, task: OrderTask) {
        let order = *task.order();
        let client_id = self.tracker.client_id(order.id);
        self.check(&task, &client_id);
        let fate = self.fate();
        let (process, sent) = (self.process, self.now);
        let name = match task {
            OrderTask::Create(_) => "create",
            OrderTask::Query(_) => "look",
            OrderTask::Cancel { .. } => "cancel",
            OrderTask::Fills { .. } => "fills",
        };
        *self.fates.entry(name).or_default() += 1;
        if fate != Fate::Answered {
            *self.fates.entry("trouble").or_default() += 1;
        }
        let arrival = sent + self.travel();
        let lost = |venue: &mut Self, at| {
            let done = failed(&task, TaskFailure::Unknown);
            venue.at(at, Happening::Answered { process, done });
        };
        match fate {
            Fate::Refused => {
                let done = failed(&task, TaskFailure::NotDone);
                let at = sent + self.dice.millis(0, 50);
                return self.at(at, Happening::Answered { process, done });
            }
            Fate::Lost => return lost(self, sent + TIMEOUT),
            Fate::Reset => {
                let soon = sent + self.dice.millis(0, 50);
                lost(self, soon);
            }
            _ => {}
        }
        self.at(arrival, Happening::Arrives { process, task, client_id, fate, sent });
    }

    fn check(&mut self, task: &OrderTask, client_id: &str) {
        let order = *task.order();
        let complain = |text: String| self.watched.problems.borrow_mut().push(text);
        if let OrderTask::Create(order) = task {
            let before = *self.worries.sent.entry(client_id.to_owned()).or_insert(*order);
            if before != *order {
                complain(format!("{client_id} was sent as {before:?} and as {order:?}"));
            }
        }
        let (at, times) = self.worries.tasks.entry(order.id).or_insert((self.now, 0));
        if self.now.since(*at) >= Span::SECOND {
            (*at, *times) = (self.now, 0);
        }
        *times += 1;
        if *times > 40 {
            complain(format!("{times} requests for order {} within a second", order.id.0));
        }
    }

    /// Everything that happens up to and at `now`, the market first.
    fn go_on(&mut self, now: Timestamp) {
        while let Some(next) = self.next_happening().filter(|&next| next <= now) {
            self.now = self.now.max(next);
            let frames = self.far.advance(self.now);
            self.push(frames);
            while let Some(entry) = self.line.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let happening = entry.remove();
                self.happen(happening);
            }
        }
        self.now = self.now.max(now);
        self.watched.available.set(self.far.available());
    }

    fn next_happening(&self) -> Option<Timestamp> {
        let line = self.line.first_key_value().map(|(&(at, _), _)| at);
        line.into_iter().chain(self.far.next_moment()).min()
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives { process, task, client_id, fate, sent } => {
                self.arrive(process, &task, &client_id, (fate, sent));
            }
            Happening::Answered { process, done } => {
                if process == self.process {
                    done.hand_to(&mut self.tracker, self.now);
                }
            }
            Happening::Pushed { connection, frame } => {
                if self.stream && connection == self.connection {
                    self.heard(&frame);
                }
            }
            Happening::Stream(up) => {
                if up && !self.stream {
                    self.tracker.mark_all_uncertain();
                }
                if !up {
                    self.connection += 1;
                }
                self.stream = up;
            }
            Happening::LookOver => self.tracker.mark_all_uncertain(),
            Happening::Control(control) => {
                let frames = self.far.control(self.now, &control);
                self.push(frames);
            }
            Happening::Group { tripped } => {
                let frames = self.far.trip_group(self.now, tripped);
                self.push(frames);
            }
        }
    }

    fn arrive(&mut self, process: u32, task: &OrderTask, client_id: &str, (fate, sent): (Fate, Timestamp)) {
        let timeout = sent + TIMEOUT;
        let answer = (self.now + self.travel()).min(timeout);
        let done = match fate {
            Fate::Limited => failed(task, TaskFailure::NotDone),
            Fate::FailsBefore => failed(task, TaskFailure::Unknown),
            _ => {
                let lagging = !self.calm();
                let (done, frames) = self.far.carry_out(self.now, task, client_id, lagging);
                self.push(frames);
                if fate == Fate::Answered { done } else { failed(task, TaskFailure::Unknown) }
            }
        };
        match fate {
            // The client has given up already.
            Fate::Reset => {}
            Fate::AnswerLost => self.at(timeout, Happening::Answered { process, done }),
            _ => self.at(answer, Happening::Answered { process, done }),
        }
    }

    /// Sends pushed messages on their way.
    fn push(&mut self, frames: Vec<Frame>) {
        for mut frame in frames {
            if !self.stream {
                continue;
            }
            let disturbed = !self.calm() && self.trouble > 0;
            if disturbed && self.leaks && self.dice.chance(100) {
                continue;
            }
            if let Frame::Fill(fill) = &mut frame
                && disturbed
                && self.dice.chance(100)
            {
                fill.client_order_id = None;
            }
            let connection = self.connection;
            for _ in 0..if disturbed && self.dice.chance(50) { 2 } else { 1 } {
                let delay = self.travel();
                let frame = frame.clone();
                self.at(self.now + delay, Happening::Pushed { connection, frame });
            }
        }
    }

    fn heard(&mut self, frame: &Frame) {
        match frame {
            Frame::Fill(fill) => {
                let client_id = fill.client_order_id.as_deref();
                let report = pushed_fill(fill, self.far.market_of(&fill.ticker));
                self.tracker.pushed_fill(client_id, self.now, report);
            }
            Frame::UserOrder(message) => {
                let order = self.tracker.order_of(&message.client_order_id);
                let order = order.and_then(|id| self.orders.get(&id));
                if let Some(report) = order.and_then(|order| pushed_order(order, message)) {
                    self.tracker.pushed_order(&message.client_order_id, self.now, report);
                }
            }
            _ => unreachable!("only private messages are pushed"),
        }
    }

    /// The process is dead until `at`: what was sent goes on to the exchange, nobody hears an answer.
    pub fn dead_until(&mut self, at: Timestamp) {
        self.process += 1;
        self.connection += 1;
        self.stream = false;
        self.ready.clear();
        self.tracker = OrderTracker::new(RUN);
        self.go_on(at);
        self.tracker = OrderTracker::new(RUN);
    }

    /// A new process with a tracker that knows what its journal knew.
    pub fn restart(&mut self, tracker: OrderTracker, orders: impl Iterator<Item = Order>) {
        self.tracker = tracker;
        self.connection += 1;
        self.stream = true;
        self.orders.extend(orders.map(|order| (order.id, order)));
    }

    pub const fn time(&self) -> Timestamp {
        self.now
    }
}

fn failed(task: &OrderTask, failure: TaskFailure) -> TaskOutcome {
    let id = task.order().id;
    match task {
        OrderTask::Create(_) => TaskOutcome::Created(id, Err(failure)),
        OrderTask::Query(_) => TaskOutcome::Queried(id, Err(failure)),
        OrderTask::Cancel { .. } => TaskOutcome::Cancelled(id, Err(failure)),
        OrderTask::Fills { .. } => TaskOutcome::Fetched(id, Err(failure)),
    }
}

impl Venue for SoakVenue {
    fn submit(&mut self, at: Timestamp, command: &Command) -> Result<(), GatewayError> {
        match self.watched.dies_after.get() {
            Some(0) => return Err(GatewayError::venue_error("the process dies")),
            left => self.watched.dies_after.set(left.map(|left| left - 1)),
        }
        self.now = self.now.max(at);
        if let Command::Submit(order) = command {
            self.orders.insert(order.id, *order);
        }
        self.tracker.apply_command(command);
        Ok(())
    }

    fn observe(&mut self, seen: &Stamped<Input>) {
        self.now = self.now.max(seen.at);
        if let Input::Market(
            MarketEvent::Settled { market, .. }
            | MarketEvent::Status { market, status: MarketStatus::Closed | MarketStatus::Active },
        ) = seen.value
        {
            self.tracker.mark_uncertain(market);
        }
    }

    fn next_answer_time(&self) -> Option<Timestamp> {
        let ready = self.ready.front().map(|input| input.at);
        let due = ready.into_iter().chain(self.next_happening()).chain(self.tracker.next_due_time()).min();
        due.map(|due| due.max(self.now)).filter(|&due| due <= self.end)
    }

    fn take_due_answer(&mut self) -> Option<Stamped<Input>> {
        if self.ready.is_empty() {
            let due = self.next_answer_time()?;
            self.watched.step(due);
            self.go_on(due);
            self.pump();
        }
        self.ready.pop_front()
    }
}
