//! `RiskManager`: decides whether an order may be sent, and for how many contracts.
//!
//! `Desk::decide_on_estimate` passes each opportunity of a scan to [`RiskManager::approve_entry`], `Desk::exit_position` each position to be
//! sold to [`RiskManager::approve_exit`]. The answer is an [`Approved`] order or the [`Refusal`] of a gate. The desk
//! also updates what the gates measure: exposure, equity, kill switches, the trading halt (`src/desk/mod.rs`,
//! `settle.rs`, `steer.rs`).
//!
//! Invariants:
//! 1. No new order without approval: [`ExecutionEngine::submit_order`](crate::desk::execution::ExecutionEngine::submit_order)
//!    takes an [`Approved`], whose fields are private; only the two functions above make one.
//! 2. Gates are asked in the order of [`Refusal`]; the first that refuses is the reason. A gate that cannot decide
//!    refuses. One exception to the order: negative total exposure is `CannotSize`, but is checked after `AtTarget`.
//!    `tests/oracle` compares the verdicts with those of a second implementation.
//! 3. An entry is whole contracts: at least one, at most the Kelly target less the holding (`RiskManager::contracts_to_add`).
//! 4. On approval, an entry's worst cost (every contract at the limit, plus the worst fee) fits into free cash and
//!    the caps on market, event, series and total: `RiskManager::cut_to_caps`. `each_cap_cuts_and_then_refuses` and
//!    `nothing_is_bought_on_credit` (`src/desk/tests.rs`), `limits_hold_whatever_happens` (`src/sim/tests.rs`).
//! 5. Approving changes no state. `Desk::reserve_and_submit` reserves the worst cost before the next candidate is considered.
//! 6. A trading halt refuses all entries; a kill switch those of its strategy, unless `ignore_halts` is set (test
//!    `a_halted_strategy_opens_nothing_but_is_heard`). Neither they nor loss limits and caps stop exits:
//!    `approve_exit` does not ask them (`a_desk_with_less_than_nothing_closes_its_positions` in `claims.rs`).
//! 7. No order is approved in a market that is inactive, past its close or unmanaged, or whose quote is stale or
//!    has a gap: `RiskManager::check_tradable`, test `what_cannot_be_traded_is_refused_with_its_reason` (for the quote).
//! 8. Exposure is the cost with fees of all positions plus the reserves of open orders. `Desk::reserve_and_submit` and `settle.rs`
//!    keep it so; `limits_hold_whatever_happens` adds it up anew after every step.
//!
//! Known limits:
//! - Caps, daily loss limit and drawdown act on entries only. Nothing is sold because equity or a cap falls.
//! - The daily loss limit does not latch: entries are possible again if equity recovers within the UTC day.
//! - The worst fee provides for 100 fills of whole contracts; further rounding is paid from free cash.
//! - Kelly sizes each market alone, at the ask with the taker fee, post-only orders too. No netting, no correlation.
//! - [`RiskManager::halt_trading`] only sets the halt; `Desk::halt_trading` also withdraws resting entry orders.
//!
//! Where to look next: [`kelly`], [`exposure`], [`drawdown`], [`kill_switch`], [`trading_halt`]; for the ranges of
//! [`RiskLimits`] `src/scenario/mod.rs`. Tests: as named above, `tests/soak` (caps), `tests/it/mutants.rs`.

pub mod drawdown;
pub mod exposure;
pub mod kelly;
pub mod kill_switch;
pub mod trading_halt;

use serde::{Deserialize, Serialize};

use crate::desk::market_state::MarketState;
use crate::desk::opportunity::Opportunity;
use crate::domain::{
    Action, Contracts, FeeRounding, Fraction, MarketStatus, Money, Price, Side, Span, StrategyId, Timestamp,
};

use drawdown::{DrawdownLimits, EquityWatch};
use exposure::{Exposure, ExposureLimits};
use kelly::Scaling;
use kill_switch::{KillRules, KillSwitch};
use trading_halt::{HaltRule, TradingHalt};

/// Why an opportunity was not taken, in the order the gates are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// All new positions are stopped: by the operator, by a discrepancy with the exchange, or by the session.
    TradingHalted,
    /// The strategy's kill switch has fired.
    StrategyHalted,
    /// The market is halted, closed or settled.
    MarketNotTrading,
    /// The account holds something in this market that is not ours.
    Unmanaged,
    /// The quote is missing, older than allowed, or the book has a gap.
    StaleQuote,
    /// The scanner's conditions (time to close, volume) do not hold.
    OutsideScan,
    /// An order of ours in this market is still open.
    OrderOpen,
    /// The market is held by another strategy.
    HeldByAnother,
    /// The other side of this market is held.
    HeldOtherSide,
    /// Today's loss reached the daily limit.
    DailyLossLimit,
    /// Equity is so far below its peak that the drawdown scale is zero.
    Drawdown,
    /// No valid price, or sizes out of range: it cannot be sized.
    CannotSize,
    /// Kelly asks for less than one contract.
    KellyBelowOne,
    /// What is held is already what Kelly asks for.
    AtTarget,
    /// The market's cap leaves less than one contract.
    MarketCap,
    /// The event's cap leaves less than one contract.
    EventCap,
    /// The series' cap leaves less than one contract.
    SeriesCap,
    /// The total cap leaves less than one contract.
    TotalCap,
    /// Free cash pays for less than one contract.
    FreeCash,
    /// The session cannot understand the market at present. Last, since refusals are numbered in their order.
    SetAside,
}

impl Refusal {
    /// Every refusal once, in the order the gates are asked.
    pub const ALL: [Self; 20] = [
        Self::TradingHalted,
        Self::StrategyHalted,
        Self::MarketNotTrading,
        Self::Unmanaged,
        Self::StaleQuote,
        Self::OutsideScan,
        Self::OrderOpen,
        Self::HeldByAnother,
        Self::HeldOtherSide,
        Self::DailyLossLimit,
        Self::Drawdown,
        Self::CannotSize,
        Self::KellyBelowOne,
        Self::AtTarget,
        Self::MarketCap,
        Self::EventCap,
        Self::SeriesCap,
        Self::TotalCap,
        Self::FreeCash,
        Self::SetAside,
    ];

    /// The name used in the ledger and in summaries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TradingHalted => "trading_halted",
            Self::StrategyHalted => "strategy_halted",
            Self::MarketNotTrading => "market_not_trading",
            Self::Unmanaged => "unmanaged",
            Self::StaleQuote => "stale_quote",
            Self::OutsideScan => "outside_scan",
            Self::OrderOpen => "order_open",
            Self::HeldByAnother => "held_by_another",
            Self::HeldOtherSide => "held_other_side",
            Self::DailyLossLimit => "daily_loss_limit",
            Self::Drawdown => "drawdown",
            Self::CannotSize => "cannot_size",
            Self::KellyBelowOne => "kelly_below_one",
            Self::AtTarget => "at_target",
            Self::MarketCap => "market_cap",
            Self::EventCap => "event_cap",
            Self::SeriesCap => "series_cap",
            Self::TotalCap => "total_cap",
            Self::FreeCash => "free_cash",
            Self::SetAside => "set_aside",
        }
    }
}

/// The scenario's `[risk]`, with what else the gates need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiskLimits {
    /// Share of the full Kelly stake to bet, above 0 and at most 1.
    pub kelly_fraction: Fraction,
    /// Caps on the money at stake in one market, event or series and in all, as shares of equity.
    pub exposure: ExposureLimits,
    /// Drawdowns up to which bets are whole, and at which they are half.
    pub drawdown: DrawdownLimits,
    /// Loss within one UTC day after which nothing is opened, as a share of the day's first equity.
    pub daily_loss: Fraction,
    /// Age up to which a quote may be traded on; an older one is stale.
    pub max_quote_age: Span,
    /// How the exchange rounds the account's fees; decides an order's worst fee and which charged fees are
    /// accepted without a note.
    pub fee_rounding: FeeRounding,
    /// Whether kill switches are recorded but not obeyed.
    pub ignore_halts: bool,
}

/// What is held in a market, as far as the gates ask.
#[derive(Clone, Copy, Debug)]
pub struct Holding {
    /// The strategy that owns the position.
    pub strategy: StrategyId,
    /// The side held, YES or NO.
    pub side: Side,
    /// Contracts of that side held now.
    pub contracts: Contracts,
}

/// An opportunity with everything the gates look at.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// The strategy whose belief makes the opportunity, and that would own the position.
    pub strategy: StrategyId,
    /// The market to buy in, with its status, quote age and fees.
    pub book: &'a MarketState,
    /// The side, its price and the edge.
    pub opportunity: &'a Opportunity,
    /// Share of the Kelly stake that the estimate asks for, from 0 (none) to 1 (all).
    pub confidence: Fraction,
    /// Limit price of the order that would be sent; `None` if the grid has none.
    pub limit: Option<Price>,
    /// What is held in the market.
    pub holding: Option<Holding>,
    /// Whether an order of ours is open in the market.
    pub order_open: bool,
    /// Whether the market has the volume and time to close that the scanner asks for.
    pub scanned: bool,
    /// Cash that no open order has reserved; the new order's worst cost must fit in it.
    pub free_cash: Money,
    /// The time of the scan, against which the quote's age and the close are judged.
    pub now: Timestamp,
}

/// An order the risk layer has agreed to. Only this module makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approved {
    side: Side,
    action: Action,
    contracts: Contracts,
    limit: Price,
    reserve: Money,
}

impl Approved {
    /// Returns the side, YES or NO, whose contracts are bought or sold.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Returns whether the order buys, to enter, or sells, to leave.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }

    /// Returns how many contracts to trade: whole ones to buy, all that is held to sell.
    #[must_use]
    pub const fn contracts(&self) -> Contracts {
        self.contracts
    }

    /// Returns the worst acceptable price, as a price of the side traded.
    #[must_use]
    pub const fn limit_price(&self) -> Price {
        self.limit
    }

    /// The most it can cost; this much cash is set aside. Zero for a sale.
    #[must_use]
    pub const fn cash_to_reserve(&self) -> Money {
        self.reserve
    }
}

/// Limits, and what they are measured against.
#[derive(Debug)]
pub struct RiskManager {
    limits: RiskLimits,
    /// Money at stake in positions and open orders, which the caps are compared with.
    pub exposure: Exposure,
    /// Equity, its peak and its value at the start of the day, for sizing and loss limits.
    pub equity: EquityWatch,
    switches: Vec<KillSwitch>,
    trading_halted: Option<TradingHalt>,
}

impl RiskManager {
    /// A manager of a fresh bankroll, with a kill switch a strategy.
    #[must_use]
    pub fn new(limits: RiskLimits, bankroll: Money, rules: &[KillRules]) -> Self {
        Self {
            limits,
            exposure: Exposure::default(),
            equity: EquityWatch::new(bankroll),
            switches: rules.iter().copied().map(KillSwitch::new).collect(),
            trading_halted: None,
        }
    }

    /// Returns the limits in force, those of the latest settings.
    #[must_use]
    pub const fn limits(&self) -> &RiskLimits {
        &self.limits
    }

    /// Returns the share of the usual bet that the present drawdown leaves, from 1 down to 0.
    #[must_use]
    pub fn drawdown_scale(&self) -> Fraction {
        drawdown::drawdown_scale(self.limits.drawdown, self.equity.equity(), self.equity.peak())
    }

    /// Returns the kill switch of one strategy, to tell it of outcomes or to lift its halt.
    pub fn kill_switch_mut(&mut self, strategy: StrategyId) -> &mut KillSwitch {
        &mut self.switches[strategy.index()]
    }

    /// All kill switches, in the order of the strategies.
    #[must_use]
    pub fn kill_switches(&self) -> &[KillSwitch] {
        &self.switches
    }

    /// From here on other limits and rules hold; what was counted so far stays.
    pub fn reconfigure(&mut self, limits: RiskLimits, rules: KillRules, strategies: usize) {
        self.limits = limits;
        self.switches.iter_mut().for_each(|switch| switch.reconfigure(rules));
        self.switches.resize_with(strategies, || KillSwitch::new(rules));
    }

    /// Why all new positions are stopped; `None` while they are not.
    #[must_use]
    pub fn trading_halted(&self) -> Option<&str> {
        self.trading_halted.as_ref().map(TradingHalt::reason)
    }

    /// Whether all new positions are stopped for another reason than that the owner said so.
    #[must_use]
    pub fn halted_itself(&self) -> bool {
        self.trading_halted.as_ref().is_some_and(TradingHalt::came_by_itself)
    }

    /// Stops all new positions until trading is resumed; exits stay possible.
    pub fn halt_trading(&mut self, rule: HaltRule, reason: String) {
        let before = self.trading_halted.take();
        self.trading_halted = Some(TradingHalt::from_previous(before, rule, reason));
    }

    /// Lifts [`halt_trading`](Self::halt_trading); strategies halted by their own kill switch stay halted.
    pub fn resume_trading(&mut self) {
        self.trading_halted = None;
    }

    /// Sizes an opportunity and asks every gate.
    ///
    /// # Errors
    /// The first gate that refuses.
    pub fn approve_entry(&self, ask: &Candidate<'_>) -> Result<Approved, Refusal> {
        self.may_open(ask)?;
        let limit = ask.limit.ok_or(Refusal::CannotSize)?;
        let contracts = self.contracts_to_add(ask)?;
        let contracts = self.cut_to_caps(ask, limit, contracts)?;
        if ask.book.set_aside {
            return Err(Refusal::SetAside);
        }
        let reserve = self.worst_cost(ask.book, limit, contracts);
        let side = ask.opportunity.side;
        Ok(Approved { side, action: Action::Buy, contracts, limit, reserve })
    }

    /// Agrees to sell a holding. Closing is never sized, only asked whether the market can be traded.
    ///
    /// # Errors
    /// The first gate that refuses.
    pub fn approve_exit(
        &self,
        book: &MarketState,
        holding: Holding,
        limit: Option<Price>,
        order_open: bool,
        now: Timestamp,
    ) -> Result<Approved, Refusal> {
        self.check_tradable(book, now)?;
        if order_open {
            return Err(Refusal::OrderOpen);
        }
        let limit = limit.ok_or(Refusal::CannotSize)?;
        let Holding { side, contracts, .. } = holding;
        Ok(Approved { side, action: Action::Sell, contracts, limit, reserve: Money::ZERO })
    }

    /// The gates that need no size.
    fn may_open(&self, ask: &Candidate<'_>) -> Result<(), Refusal> {
        let refuse = |when: bool, reason: Refusal| if when { Err(reason) } else { Ok(()) };
        refuse(self.trading_halted.is_some(), Refusal::TradingHalted)?;
        let halted = self.switches[ask.strategy.index()].is_halted() && !self.limits.ignore_halts;
        refuse(halted, Refusal::StrategyHalted)?;
        self.check_tradable(ask.book, ask.now)?;
        refuse(!ask.scanned, Refusal::OutsideScan)?;
        refuse(ask.order_open, Refusal::OrderOpen)?;
        if let Some(holding) = &ask.holding {
            refuse(holding.strategy != ask.strategy, Refusal::HeldByAnother)?;
            refuse(holding.side != ask.opportunity.side, Refusal::HeldOtherSide)?;
        }
        refuse(self.equity.daily_loss_reached(self.limits.daily_loss), Refusal::DailyLossLimit)?;
        refuse(self.drawdown_scale() == Fraction::ZERO, Refusal::Drawdown)
    }

    fn check_tradable(&self, book: &MarketState, now: Timestamp) -> Result<(), Refusal> {
        if book.status != MarketStatus::Active || now >= book.close_time {
            return Err(Refusal::MarketNotTrading);
        }
        if book.unmanaged {
            return Err(Refusal::Unmanaged);
        }
        let fresh = book.quoted_at.is_some_and(|at| now.since(at) <= self.limits.max_quote_age);
        if fresh { Ok(()) } else { Err(Refusal::StaleQuote) }
    }

    /// Contracts to add so that the holding is what Kelly asks for.
    fn contracts_to_add(&self, ask: &Candidate<'_>) -> Result<Contracts, Refusal> {
        let scaling = Scaling {
            kelly_fraction: self.limits.kelly_fraction,
            drawdown: self.drawdown_scale(),
            confidence: ask.confidence,
        };
        let Opportunity { belief, cost, .. } = *ask.opportunity;
        let target = kelly::target_contracts(self.equity.equity(), belief, cost, scaling)
            .ok_or(Refusal::CannotSize)?;
        if target < Contracts::ONE {
            return Err(Refusal::KellyBelowOne);
        }
        let held = ask.holding.map_or(Contracts::ZERO, |holding| holding.contracts);
        let missing = (target - held).floor_whole();
        if missing < Contracts::ONE { Err(Refusal::AtTarget) } else { Ok(missing) }
    }

    /// Cuts an order until its worst case fits every cap; the cap that leaves less than one contract
    /// is the reason for refusing.
    fn cut_to_caps(
        &self,
        ask: &Candidate<'_>,
        limit: Price,
        wanted: Contracts,
    ) -> Result<Contracts, Refusal> {
        let equity = self.equity.equity();
        let caps = &self.limits.exposure;
        let at_stake = self.exposure.stakes_around_market(ask.book);
        if at_stake.total < Money::ZERO {
            return Err(Refusal::CannotSize);
        }
        let room = [
            (equity.portion(caps.market) - at_stake.market, Refusal::MarketCap),
            (equity.portion(caps.event) - at_stake.event, Refusal::EventCap),
            (equity.portion(caps.series) - at_stake.series, Refusal::SeriesCap),
            (equity.portion(caps.total) - at_stake.total, Refusal::TotalCap),
            (ask.free_cash, Refusal::FreeCash),
        ];
        let cost_of_one = self.worst_cost(ask.book, limit, Contracts::ONE);
        if let Some((_, reason)) = room.into_iter().find(|(room, _)| *room < cost_of_one) {
            return Err(reason);
        }
        let least = room.into_iter().map(|(room, _)| room).min().expect("there are caps");
        Ok(self.affordable_contracts(ask.book, limit, least, wanted))
    }

    /// The most whole contracts up to `most` whose worst cost is within `room`.
    fn affordable_contracts(
        &self,
        book: &MarketState,
        limit: Price,
        room: Money,
        most: Contracts,
    ) -> Contracts {
        let fits = |whole: i64| self.worst_cost(book, limit, Contracts::whole(whole)) <= room;
        let most = most.hundredths() / 100;
        if fits(most) {
            return Contracts::whole(most);
        }
        // Worst cost rises with the count, so the boundary lies between these two and can be bisected.
        let unit = Money::from_micros(book.fees.unit_cost(limit).tenth_nanos() / 10_000);
        let guess = room.micros() / unit.micros().max(1);
        let near = (guess - 2).clamp(0, most);
        let (mut fitting, mut too_many) = if fits(near) { (near, most) } else { (0, near) };
        let above = (guess + 1).clamp(0, most);
        if above < too_many && above > fitting && !fits(above) {
            too_many = above;
        }
        while too_many - fitting > 1 {
            let middle = fitting.midpoint(too_many);
            if fits(middle) { fitting = middle } else { too_many = middle }
        }
        Contracts::whole(fitting)
    }

    /// The most an order can cost: every contract at its limit, plus the worst fee.
    fn worst_cost(&self, book: &MarketState, limit: Price, contracts: Contracts) -> Money {
        limit * contracts + book.fees.worst_fee(self.limits.fee_rounding, limit, contracts)
    }
}
