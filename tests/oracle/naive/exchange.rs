//! The exchange of the second implementation: matching, what is on offer, and fees.

use protogen::domain::{FeeRounding, FeeType, TimeInForce};

use crate::log::{Line, N};

use super::{Holding, Oracle, Working, up};

impl Oracle<'_> {
    pub(super) fn ask(&self, m: usize, side: usize) -> Option<N> {
        let quote = &self.books[m].quote;
        if side == 0 {
            quote.ask.map(|p| p.get().into())
        } else {
            quote.bid.map(|p| 10_000 - N::from(p.get()))
        }
    }

    pub(super) fn bid(&self, m: usize, side: usize) -> Option<N> {
        self.ask(m, 1 - side).map(|price| 10_000 - price)
    }

    /// What is there for a buyer of `side`, and which count it comes from.
    fn on_offer(&self, m: usize, side: usize) -> (N, usize) {
        let book = &self.books[m];
        match [book.quote.ask_size, book.quote.bid_size][side] {
            Some(shown) => (N::from(shown.hundredths()) - book.taken[side], side),
            None => (book.pool - book.taken[2], 2),
        }
    }

    pub(super) fn trading(&self, m: usize) -> bool {
        self.books[m].active && self.now < self.books[m].close
    }

    pub(super) fn arrive(&mut self, o: usize) {
        let Working { market: m, side, buy, limit, .. } = self.orders[o];
        if !self.trading(m) {
            return self.finish(o);
        }
        let touch = if buy { self.ask(m, side) } else { self.bid(m, side) };
        if let Some(price) = touch.filter(|&price| if buy { price <= limit } else { price >= limit }) {
            self.trade(o, price, true);
        }
        let rests = buy && self.world.desk.execution.time_in_force == TimeInForce::Gtc;
        if rests && self.orders[o].left > 0 { self.orders[o].resting = true } else { self.finish(o) }
    }

    pub(super) fn match_resting(&mut self, m: usize) {
        let last = self.books[m].quote.last.map(|price| N::from(price.get()));
        for o in 0..self.orders.len() {
            let Working { market, side, limit, .. } = self.orders[o];
            if market == m && self.orders[o].resting && self.trading(m) {
                let below = |price: Option<N>| price.is_some_and(|price| price < limit);
                let last = last.map(|price| if side == 0 { price } else { 10_000 - price });
                if below(self.ask(m, side)) || self.books[m].traded && below(last) {
                    self.trade(o, limit, false);
                }
                if self.orders[o].left == 0 {
                    self.finish(o);
                }
            }
        }
    }

    /// Fills what is on offer and books it.
    fn trade(&mut self, o: usize, price: N, taker: bool) {
        let Working { strategy, market: m, side, buy, left, belief, price: mid, reason, .. } = self.orders[o];
        let (there, count) = self.on_offer(m, if buy { side } else { 1 - side });
        let n = left.min(there);
        if n <= 0 {
            return;
        }
        self.books[m].taken[count] += n;
        let fee = self.charge(o, price, n, taker);
        // what a partial fill did not use stays set aside until the order is over
        let reserve = if buy && left > n { self.orders[o].reserve - price * n - fee } else { 0 };
        let order = &mut self.orders[o];
        (order.left, order.filled, order.reserve) = (left - n, order.filled + n, reserve);
        self.log.push(self.now, Line::Fill { market: m, side, buy, price, contracts: n, fee, taker });
        self.cash += if buy { -price * n - fee } else { price * n - fee };
        if buy {
            let event = self.books[m].event;
            self.switches[strategy].wagers.entry(event).or_insert(Some((m, side, belief, mid)));
            let fresh =
                Holding { strategy, side, opened: self.now, belief, price: mid, ..Holding::default() };
            let it = self.holdings.entry(m).or_insert(fresh);
            (it.held, it.cost, it.entry_fees) = (it.held + n, it.cost + price * n, it.entry_fees + fee);
            (it.bought, it.spent, it.fees) = (it.bought + n, it.spent + price * n, it.fees + fee);
        } else {
            let it = self.holdings.get_mut(&m).unwrap();
            it.cost -= it.cost * n / it.held;
            it.entry_fees -= it.entry_fees * n / it.held;
            (it.held, it.got, it.fees) = (it.held - n, it.got + price * n, it.fees + fee);
            if it.held == 0 {
                self.close_trade(m, reason);
            }
        }
        self.peak = self.peak.max(self.equity());
    }

    pub(super) fn finish(&mut self, o: usize) {
        let order = &mut self.orders[o];
        if order.open {
            (order.open, order.resting, order.reserve) = (false, false, 0);
            let (m, filled) = (order.market, order.filled);
            self.log.push(self.now, Line::Done { market: m, filled });
            if let Some(value) = self.books[m].unbooked.take() {
                self.settle(m, value);
            }
        }
    }

    pub(super) fn sweep(&mut self, m: usize) {
        let resting =
            (0..self.orders.len()).filter(|&o| self.orders[o].market == m && self.orders[o].resting);
        resting.collect::<Vec<_>>().into_iter().for_each(|o| self.finish(o));
    }

    // ------ fees

    fn fee(&self, m: usize, price: N, n: N, taker: bool) -> N {
        let fees = self.books[m].fees.unwrap();
        let rate = match fees.fee_type {
            _ if taker => 700,
            FeeType::Quadratic => 0,
            FeeType::QuadraticWithMakerFees => 175,
            FeeType::QuadraticWithComboMakerFees => 350,
        };
        // 1e-2 × 1e-8 × 1e-4 × 1e-6 = 1e-20 dollars, up to whole 1e-4 dollars
        up(n * price * (10_000 - price) * rate * N::from(fees.multiplier_ppm), 10_i128.pow(16))
            / 10_i128.pow(14)
    }

    fn charge(&mut self, o: usize, price: N, n: N, taker: bool) -> N {
        let fee = self.fee(self.orders[o].market, price, n, taker);
        let revenue = if self.orders[o].buy { -price * n } else { price * n };
        let precision = match self.world.sim.fee_rounding {
            FeeRounding::CentPerFill => return up(fee, 10_000),
            FeeRounding::Cent => 10_000,
            FeeRounding::Centicent => 100,
        };
        let rounding = (revenue - fee).rem_euclid(precision);
        let saved = &mut self.orders[o].rounding;
        *saved += rounding;
        let rebate = if *saved > 10_000 { 10_000 } else { 0 };
        *saved -= rebate;
        fee + rounding - rebate
    }

    /// Unrounded taker fee of one contract in 1e-10 dollars.
    pub(super) fn unit_fee(&self, m: usize, price: N) -> N {
        up(price * (10_000 - price) * 700 * N::from(self.books[m].fees.unwrap().multiplier_ppm), 100_000_000)
            / 100_000_000
    }

    pub(super) fn worst(&self, m: usize, limit: N, n: N) -> N {
        let fills = (n / 100).clamp(1, 100);
        let extra = match self.world.desk.risk.fee_rounding {
            FeeRounding::Centicent => (fills - 1) * 100,
            FeeRounding::Cent => (fills - 1) * 100 + 20_000,
            FeeRounding::CentPerFill => fills * 10_000,
        };
        limit * n + self.fee(m, limit, n, true) + extra
    }
}
