//! The cash ledger: double-entry bookkeeping of the desk's money.
//!
//! [`Desk`](crate::desk::Desk) owns one [`Ledger`], and nothing else changes it: `Desk::reserve_and_submit` reserves cash for an
//! order, `src/desk/settle.rs` books fills, ended orders and settlements. Exact amounts of [`Money`] go in. Balances
//! come out: free cash for the risk manager, all cash for equity and for the reconciliation with the exchange.
//!
//! | account | holds |
//! |---|---|
//! | capital | the bankroll that was paid in, negative |
//! | cash | free cash: what can be spent |
//! | reserved | what open orders may still cost |
//! | holdings | what open positions cost, without fees |
//! | fees | fees paid |
//! | result | realized gains (negative) and losses (positive), before fees |
//!
//! Invariants:
//! 1. The six balances add up to zero, and reserved and holdings are never negative. `Ledger::post_transfer` alone moves
//!    money, from one account to another, and asserts all of this after every movement, in release builds too.
//! 2. [`Ledger::reserve_cash`] panics if the amount exceeds free cash (`nothing_is_reserved_on_credit`). A sale reserves
//!    zero, also with negative free cash (`a_desk_with_less_than_nothing_closes_its_positions` in `claims.rs`).
//! 3. Capital is posted once, in [`Ledger::new`]. So cash + reserved = bankroll − holdings − fees − result.
//! 4. Free cash is negative only after the exchange charged more than was reserved. `Desk::apply_fill` books such a
//!    fill, records a discrepancy and halts trading (the same test in `claims.rs`).
//! 5. Reserved is the sum of `OpenOrder::reserved`, holdings the sum of `Position::cost`. `Desk::reserve_and_submit` and
//!    `settle.rs` keep it so; no test compares these sums directly.
//!
//! Known limits:
//! - Balances only, in memory. The journal (the file behind `--ledger`) is the audit trail; a live start steps its
//!   inputs again. No deposits or withdrawals: surplus cash at the exchange is not booked (`live/reconciliation.rs`).
//! - Positions are carried at cost; `Desk::refresh_equity` adds their marks to the cash.
//! - Amounts are not checked for sign (a negative fee is a credit), and a broken invariant or an overflow panics. So
//!   fills that the exchange reports are screened by `Desk::unbookable_reason` first.
//!
//! Where to look next: `settle.rs`; [`PositionTracker`](crate::desk::positions::PositionTracker) for cost and marks.
//! Tests: below, `src/desk/tests.rs`, `src/desk/tests/claims.rs`, `src/sim/tests.rs` (random runs), `tests/oracle`.

use crate::domain::Money;

/// One of the six accounts of the desk's double-entry [`Ledger`]; their balances add up to zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerAccount {
    /// The bankroll as a negative balance, posted once when the ledger is opened.
    Capital,
    /// Cash that no open order has reserved. Negative only after the exchange charged more than was set
    /// aside.
    Cash,
    /// Cash set aside for open buy orders, each at its limit price plus the worst fee; never negative.
    Reserved,
    /// What the contracts held cost to buy, without fees; never negative.
    Holdings,
    /// Sum of the fees the exchange has charged on all fills so far.
    Fees,
    /// Realized profit and loss before fees, with the sign turned: gains are negative, losses positive.
    Result,
}

const ACCOUNTS: usize = 6;

/// The desk's double-entry book of money: one balance for each [`LedgerAccount`].
#[derive(Clone, Debug)]
pub struct Ledger {
    balances: [Money; ACCOUNTS],
}

impl Ledger {
    /// Opens a ledger in which the whole `bankroll` is free cash.
    #[must_use]
    pub fn new(bankroll: Money) -> Self {
        let mut ledger = Self { balances: [Money::ZERO; ACCOUNTS] };
        ledger.post_transfer(LedgerAccount::Capital, LedgerAccount::Cash, bankroll);
        ledger
    }

    /// Returns the signed balance of one account.
    #[must_use]
    pub const fn balance(&self, account: LedgerAccount) -> Money {
        self.balances[account as usize]
    }

    /// Cash that is free to spend.
    #[must_use]
    pub const fn free_cash(&self) -> Money {
        self.balance(LedgerAccount::Cash)
    }

    /// Cash in all: free and reserved.
    #[must_use]
    pub fn total_cash(&self) -> Money {
        self.balance(LedgerAccount::Cash) + self.balance(LedgerAccount::Reserved)
    }

    /// Sets cash aside for an order. A sale sets nothing aside, so it is possible also where the exchange has
    /// charged more than there was.
    ///
    /// # Panics
    /// When `amount` is more than the free cash.
    pub fn reserve_cash(&mut self, amount: Money) {
        assert!(amount <= self.free_cash().max(Money::ZERO), "nothing is bought on credit");
        self.post_transfer(LedgerAccount::Cash, LedgerAccount::Reserved, amount);
    }

    /// Gives back what an order no longer needs.
    pub fn release_cash(&mut self, amount: Money) {
        self.post_transfer(LedgerAccount::Reserved, LedgerAccount::Cash, amount);
    }

    /// A purchase: `reserved` of its cost and fee comes from what was set aside, the rest from free cash.
    pub fn post_purchase(&mut self, cost: Money, fee: Money, reserved: Money) {
        self.release_cash(reserved);
        self.post_transfer(LedgerAccount::Cash, LedgerAccount::Holdings, cost);
        self.post_transfer(LedgerAccount::Cash, LedgerAccount::Fees, fee);
    }

    /// A sale or settlement of something that cost `basis` and brings `proceeds` less `fee`.
    pub fn post_proceeds(&mut self, basis: Money, proceeds: Money, fee: Money) {
        self.post_transfer(LedgerAccount::Holdings, LedgerAccount::Cash, basis);
        self.post_transfer(LedgerAccount::Result, LedgerAccount::Cash, proceeds - basis);
        self.post_transfer(LedgerAccount::Cash, LedgerAccount::Fees, fee);
    }

    fn post_transfer(&mut self, from: LedgerAccount, to: LedgerAccount, amount: Money) {
        self.balances[from as usize] -= amount;
        self.balances[to as usize] += amount;
        assert!(self.balances.iter().copied().sum::<Money>() == Money::ZERO, "money is conserved");
        assert!(self.balance(LedgerAccount::Reserved) >= Money::ZERO, "reservations cannot be negative");
        assert!(
            self.balance(LedgerAccount::Holdings) >= Money::ZERO,
            "positions cannot cost less than nothing"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dollars(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    #[test]
    fn a_round_trip_by_hand() {
        let mut ledger = Ledger::new(dollars("100"));
        ledger.reserve_cash(dollars("12")); // 20 at most 0.59 plus fee
        assert_eq!(ledger.free_cash(), dollars("88"));
        ledger.post_purchase(dollars("11.20"), dollars("0.345"), dollars("12")); // filled at 0.56
        assert_eq!(ledger.total_cash(), dollars("88.455"));
        ledger.post_proceeds(dollars("5.60"), dollars("7"), dollars("0.147")); // half sold at 0.70
        assert_eq!(ledger.total_cash(), dollars("95.308"));
        ledger.post_proceeds(dollars("5.60"), Money::ZERO, Money::ZERO); // the rest settles at nothing
        assert_eq!(ledger.total_cash(), dollars("95.308"));
        assert_eq!(ledger.balance(LedgerAccount::Result), dollars("4.20")); // +1.40 − 5.60, a loss is positive
        assert_eq!(ledger.balance(LedgerAccount::Fees), dollars("0.492"));
    }

    #[test]
    #[should_panic(expected = "credit")]
    fn nothing_is_reserved_on_credit() {
        Ledger::new(dollars("1")).reserve_cash(dollars("1.000001"));
    }
}
