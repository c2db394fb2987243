//! The second implementation: plain `i128` arithmetic over vectors, written from the rules alone.
//!
//! Nothing is cached and nothing is clever: every sum is taken anew whenever it is asked for. It shares
//! nothing with the engine but the input types of `protogen::domain` and `protogen::event`.

mod exchange;

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigUint;

use protogen::domain::{FeeSchedule, Fraction, MarketStatus, Quote, Span};
use protogen::event::{Control, Input, MarketEvent};

use crate::log::{Line, Log, N};
use crate::worlds::{DAY, World};

/// What is known of a market, by the desk and at the exchange.
#[derive(Default)]
struct Book {
    event: usize,
    series: usize,
    covered: bool,
    listed: bool,
    active: bool,
    close: N,
    fees: Option<FeeSchedule>,
    quote: Quote,
    quoted_at: Option<N>,
    gap: bool,
    twice_mid: Option<N>,
    /// Taken by us since the last quote: of the YES ask, of the YES bid, of the unknown.
    taken: [N; 3],
    pool: N,
    traded: bool,
    /// Paid out, while the fate of a sale was open.
    unbooked: Option<N>,
}

#[derive(Clone, Copy, Default)]
struct Working {
    strategy: usize,
    market: usize,
    side: usize,
    buy: bool,
    left: N,
    filled: N,
    limit: N,
    reserve: N,
    rounding: N,
    open: bool,
    resting: bool,
    asked_back: bool,
    belief: N,
    price: N,
    reason: &'static str,
}

#[derive(Clone, Default)]
struct Holding {
    strategy: usize,
    side: usize,
    opened: N,
    held: N,
    cost: N,
    entry_fees: N,
    bought: N,
    spent: N,
    got: N,
    fees: N,
    belief: N,
    price: N,
}

#[derive(Default)]
struct Switch {
    halted: bool,
    wins: Vec<bool>,
    /// By event: market, side, belief and price of the first position; `None` once settled.
    wagers: BTreeMap<usize, Option<(usize, usize, N, N)>>,
    /// Numerator and denominator of E.
    evidence: [BigUint; 2],
}

struct Guess {
    market: usize,
    strategy: usize,
    yes: N,
    confidence: N,
    enterable: bool,
    done: bool,
}

/// The state of a run: exchange, desk and log.
pub struct Oracle<'w> {
    world: &'w World,
    now: N,
    books: Vec<Book>,
    orders: Vec<Working>,
    /// Due, order, whether it is a cancellation.
    travelling: Vec<(N, usize, bool)>,
    holdings: BTreeMap<usize, Holding>,
    switches: Vec<Switch>,
    owner_halt: bool,
    cash: N,
    peak: N,
    day: Option<(N, N)>,
    queue: BTreeSet<usize>,
    queued_at: N,
    last_scan: Option<N>,
    /// The last time stop that a scan has tried.
    stop_tried: Option<N>,
    log: Log,
}

/// In millionths.
fn share(fraction: Fraction) -> N {
    fraction.ppm().into()
}

/// Up to a multiple of `step`.
fn up(value: N, step: N) -> N {
    if step == 0 { value } else { -(-value).div_euclid(step) * step }
}

impl<'w> Oracle<'w> {
    /// Before the first input.
    pub fn new(world: &'w World) -> Self {
        let scanner = &world.desk.scanner;
        let covers = |list: &[String], name: &str| list.is_empty() || list.iter().any(|item| item == name);
        let books = world.markets.iter().map(|market| Book {
            event: market.event.index(),
            series: market.series.index(),
            covered: covers(&scanner.series, &market.series_ticker)
                && covers(&scanner.categories, &market.category),
            close: market.close_time.nanos().into(),
            fees: Some(market.fees),
            ..Book::default()
        });
        let switch = || Switch { evidence: [1u32.into(), 1u32.into()], ..Switch::default() };
        let bankroll = world.desk.bankroll.micros().into();
        Self {
            world,
            now: N::MIN,
            books: books.collect(),
            orders: Vec::new(),
            travelling: Vec::new(),
            holdings: BTreeMap::new(),
            switches: world.beliefs.iter().map(|_| switch()).collect(),
            owner_halt: false,
            cash: bankroll,
            peak: bankroll,
            day: None,
            queue: BTreeSet::new(),
            queued_at: 0,
            last_scan: None,
            stop_tried: None,
            log: Log::default(),
        }
    }

    /// Takes all inputs and answers in order of time.
    pub fn run(mut self) -> Log {
        let mut inputs = self.world.inputs.iter().peekable();
        loop {
            self.travelling.retain(|&(_, order, cancel)| !cancel || self.orders[order].open);
            let answer = self.travelling.iter().map(|sent| sent.0).min().unwrap_or(N::MAX);
            let feed = inputs.peek().map_or(N::MAX, |input| input.at.nanos().into());
            let wake = if feed == N::MAX { N::MAX } else { self.wake().unwrap_or(N::MAX) };
            self.now = answer.min(feed).min(wake);
            if self.now == N::MAX {
                return self.log.sorted();
            }
            let day = self.now.div_euclid(DAY.into());
            if self.day.is_none_or(|(known, _)| known != day) {
                self.day = Some((day, self.equity()));
            }
            if answer == self.now {
                let first = self.travelling.iter().position(|sent| sent.0 == answer).unwrap();
                let (_, order, cancel) = self.travelling.remove(first);
                if cancel { self.finish(order) } else { self.arrive(order) }
            } else if feed == self.now {
                self.take(&inputs.next().unwrap().value);
            } else {
                self.scan();
            }
            let (equity, peak, scale) = (self.equity(), self.peak, self.scale());
            let line = Line::State { cash: self.cash, exposure: self.staked(|_| true), equity, peak, scale };
            self.log.push(self.now, line);
        }
    }

    // ------ time

    fn stop(&self) -> Option<N> {
        let longest = N::from(self.world.desk.exits.max_holding.nanos());
        self.holdings.values().map(|holding| holding.opened + longest).min()
    }

    fn wake(&self) -> Option<N> {
        let interval = N::from(self.world.desk.scanner.interval.nanos());
        let stop = self.stop().filter(|stop| self.stop_tried != Some(*stop)).map(|stop| stop.max(self.now));
        let queued = (!self.queue.is_empty()).then_some(self.queued_at);
        let earliest = self.last_scan.map_or(N::MIN, |last| last + interval);
        stop.into_iter().chain(queued).map(|at| up(at, interval).max(earliest)).min()
    }

    // ------ inputs

    fn take(&mut self, input: &Input) {
        match input {
            Input::Market(MarketEvent::Listed(market)) => {
                let book = &mut self.books[market.id.index()];
                (book.listed, book.active) = (true, true);
            }
            Input::Market(MarketEvent::Quote { market, quote }) => {
                if self.books[market.index()].listed {
                    self.quote(market.index(), *quote);
                }
            }
            Input::Market(MarketEvent::Depth { .. }) => {}
            Input::Market(MarketEvent::Gap { market }) => self.books[market.index()].gap = true,
            Input::Market(MarketEvent::Status { market, status }) => {
                self.books[market.index()].active = *status == MarketStatus::Active;
                if *status != MarketStatus::Halted {
                    self.sweep(market.index());
                }
            }
            Input::Market(MarketEvent::CloseTime { market, close }) => {
                self.books[market.index()].close = close.nanos().into();
            }
            Input::Market(MarketEvent::Fees { series, fees }) => {
                self.books
                    .iter_mut()
                    .filter(|b| b.listed && b.series == series.index())
                    .for_each(|b| b.fees = Some(*fees));
            }
            Input::Market(MarketEvent::Settled { market, value }) => {
                self.settle(market.index(), value.in_micros().into());
            }
            Input::Control(Control::Halt { .. }) => {
                self.owner_halt = true;
                self.ask_back(|_| true);
                self.log.push(self.now, Line::Halt { strategy: None, rule: "owner" });
            }
            Input::Control(Control::Resume { .. }) => self.owner_halt = false,
            Input::Control(_) | Input::Fact(_) | Input::Venue(_) | Input::Wake => {
                unreachable!("the feed has none")
            }
        }
    }

    fn quote(&mut self, m: usize, quote: Quote) {
        let participation = share(self.world.sim.participation);
        let book = &mut self.books[m];
        let volume = |quote: &Quote| quote.volume.map(|volume| N::from(volume.hundredths()));
        let traded = volume(&quote).zip(volume(&book.quote)).map_or(0, |(now, before)| now - before);
        let ours = traded * participation / 1_000_000 / 100 * 100;
        book.pool = if traded >= 100 { ours.max(100) } else { 0 };
        book.traded = traded > 0;
        book.taken = [0; 3];
        book.quote = quote;
        book.quoted_at = Some(self.now);
        book.gap = false;
        if let (Some(bid), Some(ask)) = (quote.bid, quote.ask) {
            book.twice_mid = Some(N::from(bid.get()) + N::from(ask.get()));
        }
        if self.holdings.contains_key(&m) {
            self.peak = self.peak.max(self.equity());
        }
        if self.books[m].covered && self.queue.insert(m) && self.queue.len() == 1 {
            self.queued_at = self.now;
        }
        if self.world.desk.scanner.interval == Span::ZERO {
            self.scan();
        }
        self.match_resting(m);
    }

    fn settle(&mut self, m: usize, value: N) {
        self.books[m].active = false;
        if self.orders.iter().any(|order| order.open && order.market == m && !order.buy) {
            return self.books[m].unbooked = Some(value);
        }
        let of = |side: usize| if side == 0 { value } else { 1_000_000 - value };
        if let Some(holding) = self.holdings.get_mut(&m) {
            let paid = (of(holding.side) * holding.held).div_euclid(100);
            holding.got += paid;
            self.cash += paid;
            self.close_trade(m, "resolved");
        }
        let event = self.books[m].event;
        for s in 0..self.switches.len() {
            let switch = &mut self.switches[s];
            let wager = switch.wagers.get_mut(&event).filter(|wager| wager.is_some_and(|wager| wager.0 == m));
            let Some((_, side, belief, price)) = wager.and_then(Option::take) else { continue };
            let happened = |p: N| (if of(side) == 1_000_000 { p } else { 1_000_000 - p }) as u64;
            if value % 1_000_000 == 0 {
                switch.evidence[0] *= happened(price);
                switch.evidence[1] *= happened(belief);
            }
            let threshold = self.world.desk.kill.evidence.millionths() as u64;
            if &switch.evidence[0] * 1_000_000u64 >= &switch.evidence[1] * threshold {
                self.halt(s, "evidence");
            }
        }
        self.sweep(m);
        self.peak = self.peak.max(self.equity());
    }

    // ------ the books

    fn equity(&self) -> N {
        let worth = |(&m, holding): (&usize, &Holding)| match self.books[m].twice_mid {
            Some(yes) if holding.side == 0 => holding.held * yes / 2,
            Some(yes) => holding.held * (20_000 - yes) / 2,
            None => holding.cost,
        };
        self.cash + self.holdings.iter().map(worth).sum::<N>()
    }

    fn staked(&self, within: impl Fn(usize) -> bool) -> N {
        let orders = self.orders.iter().filter(|order| within(order.market)).map(|order| order.reserve);
        let held = self.holdings.iter().filter(|(m, _)| within(**m)).map(|(_, it)| it.cost + it.entry_fees);
        orders.sum::<N>() + held.sum::<N>()
    }

    fn scale(&self) -> N {
        let limits = self.world.desk.risk.drawdown;
        let (start, width) = (share(limits.start), 2 * (share(limits.half) - share(limits.start)));
        let beyond = (self.peak - self.equity()) * 1_000_000 - start * self.peak;
        if beyond <= 0 {
            1_000_000
        } else {
            ((width * self.peak - beyond) * 1_000_000 / (width * self.peak)).max(0)
        }
    }

    fn close_trade(&mut self, m: usize, reason: &'static str) {
        let it = self.holdings.remove(&m).unwrap();
        let pnl = it.got - it.spent - it.fees;
        self.log.push(
            self.now,
            Line::Trade {
                strategy: it.strategy,
                market: m,
                side: it.side,
                opened: it.opened,
                contracts: it.bought,
                cost: it.spent,
                proceeds: it.got,
                fees: it.fees,
                pnl,
                reason,
                belief: it.belief,
                price: it.price,
            },
        );
        let rules = &self.world.desk.kill;
        let wins = &mut self.switches[it.strategy].wins;
        wins.push(pnl > 0);
        let recent = &wins[wins.len().saturating_sub(rules.window as usize)..];
        let won = recent.iter().filter(|won| **won).count() as N;
        let few = won * 1_000_000 < share(rules.min_win_rate) * recent.len() as N;
        if wins.len() >= rules.min_trades as usize && few {
            self.halt(it.strategy, "win_rate");
        }
    }

    fn halt(&mut self, s: usize, rule: &'static str) {
        if !std::mem::replace(&mut self.switches[s].halted, true) {
            self.log.push(self.now, Line::Halt { strategy: Some(s), rule });
            if !self.world.desk.risk.ignore_halts {
                self.ask_back(|entry| entry.strategy == s);
            }
        }
    }

    // ------ a scan

    fn scan(&mut self) {
        // a stop that is not due yet has not been tried
        self.stop_tried = self.stop().filter(|&stop| stop <= self.now).or(self.stop_tried);
        self.last_scan = Some(self.now);
        let mut guesses = self.guesses();
        for guess in &mut guesses {
            self.check_inversion(guess);
        }
        let longest = N::from(self.world.desk.exits.max_holding.nanos());
        for (m, holding) in self.holdings.clone() {
            if self.now - holding.opened >= longest {
                self.ask_back(|entry| entry.market == m);
                if self.bid(m, holding.side).is_some() {
                    let _ = self.exit(m, "time_stop");
                }
            }
        }
        for guess in guesses.iter().filter(|guess| !guess.done) {
            self.enter(guess);
        }
    }

    fn guesses(&mut self) -> Vec<Guess> {
        let rules = &self.world.desk.scanner;
        let mut all = Vec::new();
        for m in std::mem::take(&mut self.queue).into_iter().filter(|&m| self.trading(m)) {
            let volume = self.books[m].quote.volume.unwrap_or_default();
            let long_enough = self.books[m].close - self.now >= N::from(rules.min_time_to_close.nanos());
            let enterable = long_enough && volume >= rules.min_volume;
            for strategy in 0..self.world.beliefs.len() {
                let held = self.holdings.get(&m).is_some_and(|holding| holding.strategy == strategy);
                if let Some((yes, confidence)) = self.world.beliefs[strategy][m].filter(|_| enterable || held)
                {
                    let (yes, confidence) = (yes.into(), confidence.into());
                    all.push(Guess { market: m, strategy, yes, confidence, enterable, done: false });
                }
            }
        }
        all
    }

    fn verdict(&mut self, guess: &Guess, verdict: &str) {
        let Guess { strategy, market, .. } = *guess;
        self.log.push(self.now, Line::Verdict { strategy, market, verdict: verdict.into() });
    }

    fn check_inversion(&mut self, guess: &mut Guess) {
        let m = guess.market;
        let Some(holding) = self.holdings.get(&m).filter(|holding| holding.strategy == guess.strategy) else {
            return;
        };
        let belief = if holding.side == 0 { guess.yes } else { 1_000_000 - guess.yes };
        let Some(bid) = self.bid(m, holding.side) else { return };
        let gain = bid * 1_000_000 - self.unit_fee(m, bid) - belief * 10_000;
        if gain >= share(self.world.desk.exits.inversion) * 10_000 {
            guess.done = true;
            self.ask_back(|entry| entry.market == m);
            let verdict = self.exit(m, "edge_inverted").map_or_else(|refused| refused, |()| "Exited");
            self.verdict(guess, verdict);
        }
    }

    fn open_order(&self, m: usize) -> bool {
        self.orders.iter().any(|order| order.open && order.market == m)
    }

    fn stale(&self, m: usize) -> bool {
        let oldest = self.now - N::from(self.world.desk.risk.max_quote_age.nanos());
        self.books[m].gap || self.books[m].quoted_at.is_none_or(|at| at < oldest)
    }

    fn exit(&mut self, m: usize, reason: &'static str) -> Result<(), &'static str> {
        let gates = [
            ("MarketNotTrading", !self.trading(m)),
            ("StaleQuote", self.stale(m)),
            ("OrderOpen", self.open_order(m)),
        ];
        if let Some((refused, _)) = gates.into_iter().find(|gate| gate.1) {
            return Err(refused);
        }
        let Holding { strategy, side, held, belief, price, .. } = self.holdings[&m];
        let slippage = N::from(self.world.desk.execution.max_slippage.get());
        let limit = up((self.bid(m, side).unwrap() - slippage).max(1), 100);
        let order = Working {
            strategy,
            market: m,
            side,
            left: held,
            limit,
            belief,
            price,
            reason,
            ..Working::default()
        };
        self.send(order);
        Ok(())
    }

    fn send(&mut self, order: Working) {
        let Working { strategy, market, side, buy, left, limit, reserve, .. } = order;
        self.log.push(self.now, Line::Order { strategy, market, side, buy, contracts: left, limit, reserve });
        self.travelling.push((self.now + N::from(self.world.latency), self.orders.len(), false));
        self.orders.push(Working { open: true, ..order });
    }

    /// Asks back entry orders, each once.
    fn ask_back(&mut self, unwanted: impl Fn(&Working) -> bool) {
        let due = self.now + N::from(self.world.latency);
        for (o, order) in self.orders.iter_mut().enumerate() {
            if order.open && order.buy && !order.asked_back && unwanted(order) {
                order.asked_back = true;
                self.travelling.push((due, o, true));
                self.log.push(self.now, Line::AskedBack { market: order.market });
            }
        }
    }

    fn enter(&mut self, guess: &Guess) {
        let m = guess.market;
        let edge = |side: usize| {
            let price = self.ask(m, side)?;
            let cost = price * 1_000_000 + self.unit_fee(m, price);
            let belief = if side == 0 { guess.yes } else { 1_000_000 - guess.yes };
            Some((belief * 10_000 - cost, side, belief, price, cost))
        };
        let best = edge(0).into_iter().chain(edge(1)).reduce(|yes, no| if no.0 > yes.0 { no } else { yes });
        let least = N::from(self.world.min_edge[guess.strategy]) * 10_000;
        let Some((edge, side, belief, price, cost)) = best.filter(|best| best.0 >= least) else {
            self.ask_back(|entry| (entry.market, entry.strategy) == (m, guess.strategy));
            return self.verdict(guess, "NoOpportunity");
        };
        let slippage = N::from(self.world.desk.execution.max_slippage.get());
        let limit = ((price + slippage).min(10_000) / 100 * 100).min(9_900);
        self.ask_back(|entry| {
            let own = (entry.market, entry.strategy) == (m, guess.strategy);
            own && (entry.side, entry.limit) != (side, limit)
        });
        match self.size(guess, side, limit, edge, cost) {
            Err(refused) => self.verdict(guess, refused),
            Ok(n) => {
                let mid = self.books[m].quote.bid.zip(self.books[m].quote.ask).map(|(bid, ask)| {
                    let yes = N::from(bid.get() + ask.get()) * 50;
                    if side == 0 { yes } else { 1_000_000 - yes }
                });
                let (strategy, price, reserve) =
                    (guess.strategy, mid.unwrap_or(price * 100), self.worst(m, limit, n));
                let order = Working {
                    strategy,
                    market: m,
                    side,
                    buy: true,
                    left: n,
                    limit,
                    reserve,
                    belief,
                    price,
                    ..Working::default()
                };
                self.send(order);
                self.verdict(guess, "Ordered");
            }
        }
    }

    /// All gates, then Kelly, then the caps.
    fn size(&self, guess: &Guess, side: usize, limit: N, edge: N, cost: N) -> Result<N, &'static str> {
        let m = guess.market;
        let risk = &self.world.desk.risk;
        let held = self.holdings.get(&m);
        let (equity, scale, start) = (self.equity(), self.scale(), self.day.unwrap().1);
        let gates = [
            ("TradingHalted", self.owner_halt),
            ("StrategyHalted", self.switches[guess.strategy].halted && !risk.ignore_halts),
            ("MarketNotTrading", !self.trading(m)),
            ("StaleQuote", self.stale(m)),
            ("OutsideScan", !guess.enterable),
            ("OrderOpen", self.open_order(m)),
            ("HeldByAnother", held.is_some_and(|it| it.strategy != guess.strategy)),
            ("HeldOtherSide", held.is_some_and(|it| it.side != side)),
            ("DailyLossLimit", (start - equity) * 1_000_000 >= share(risk.daily_loss) * start),
            ("Drawdown", scale == 0),
            ("CannotSize", limit < 100),
        ];
        if let Some((refused, _)) = gates.into_iter().find(|gate| gate.1) {
            return Err(refused);
        }
        let fraction = share(risk.kelly_fraction) * scale * guess.confidence / 1_000_000;
        let stake = equity * edge * fraction / ((10_000_000_000 - cost) * 1_000_000_000_000);
        let target = stake * 10_000 / cost * 100;
        if target < 100 {
            return Err("KellyBelowOne");
        }
        let mut n = (target - held.map_or(0, |it| it.held)).div_euclid(100) * 100;
        if n < 100 {
            return Err("AtTarget");
        }
        let Book { event, series, .. } = self.books[m];
        let caps = risk.exposure;
        let left = |cap: Fraction, staked: N| (equity * share(cap)).div_euclid(1_000_000) - staked;
        let reserved = self.orders.iter().map(|order| order.reserve).sum::<N>();
        let budgets = [
            ("MarketCap", left(caps.market, self.staked(|other| other == m))),
            ("EventCap", left(caps.event, self.staked(|other| self.books[other].event == event))),
            ("SeriesCap", left(caps.series, self.staked(|other| self.books[other].series == series))),
            ("TotalCap", left(caps.total, self.staked(|_| true))),
            ("FreeCash", self.cash - reserved),
        ];
        for (name, budget) in budgets {
            n = n.min(budget.max(0) / limit / 100 * 100);
            while n > 0 && self.worst(m, limit, n) > budget {
                n -= 100;
            }
            if n < 100 {
                return Err(name);
            }
        }
        Ok(n)
    }
}
