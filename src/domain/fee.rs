//! The exchange's fees, exactly.
//!
//! Trade fee of one fill = `multiplier × rate × C × P × (1 − P)`, rounded up to $0.0001, where the rate
//! is 0.07 for the taker and by series 0, 0.0175 or 0.035 for the maker. What the account is then
//! charged depends on the precision of its balance ([`FeeRounding`]). Source: Kalshi's fee schedule
//! and its documentation of fee rounding, state of October 2026.

use serde::{Deserialize, Serialize};

use super::{Contracts, Decimal6, Money, Price};

/// Which fee formula a series uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeType {
    /// The taker pays, the maker does not.
    Quadratic,
    /// The maker pays a quarter of the taker's rate.
    QuadraticWithMakerFees,
    /// The maker pays half of the taker's rate.
    QuadraticWithComboMakerFees,
}

impl FeeType {
    /// Reads the exchange's `fee_type`, such as `quadratic`; `None` for one that is not known here.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "quadratic" => Some(Self::Quadratic),
            "quadratic_with_maker_fees" => Some(Self::QuadraticWithMakerFees),
            "quadratic_with_combo_maker_fees" => Some(Self::QuadraticWithComboMakerFees),
            _ => None,
        }
    }

    /// Returns the rate for this side of a trade in ten-thousandths: 700 is 0.07.
    const fn rate(self, role: Role) -> i128 {
        match (role, self) {
            (Role::Taker, _) => TAKER_RATE,
            (Role::Maker, Self::Quadratic) => 0,
            (Role::Maker, Self::QuadraticWithMakerFees) => TAKER_RATE / 4,
            (Role::Maker, Self::QuadraticWithComboMakerFees) => TAKER_RATE / 2,
        }
    }
}

/// Who of the two sides of a trade was resting in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The incoming order, which traded against a resting one.
    Taker,
    /// The order that rested in the book until an incoming one traded against it.
    Maker,
}

/// How the exchange rounds the fee of a fill, which depends on the kind of account and the year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeRounding {
    /// Direct members: balances in hundredths of a cent.
    Centicent,
    /// Members through an FCM: balances in cents, an accumulator per order, rebates of a cent.
    Cent,
    /// The schedule of earlier years: every fill's fee rounded up to the cent.
    CentPerFill,
}

impl FeeRounding {
    /// The most a fill's fee may differ from the unrounded formula's ceiling: one step of the rounding, and
    /// for whole cents the rebate of an earlier one too.
    #[must_use]
    pub const fn fee_tolerance(self) -> Money {
        match self {
            Self::Centicent => Money::from_micros(CENTICENT),
            Self::Cent | Self::CentPerFill => Money::from_micros(2 * CENT),
        }
    }
}

/// Fee formula and multiplier of a series, in force until the next schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeSchedule {
    /// Which of the exchange's quadratic formulas applies; it decides the maker's rate.
    pub fee_type: FeeType,
    /// The multiplier in parts per million; 1 000 000 for most series.
    pub multiplier_ppm: u32,
}

/// A multiplier that no fee schedule can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{multiplier} is not between 0 and 4294")]
pub struct FeeMultiplierError {
    /// The multiplier as given: negative, or above 4294.
    pub multiplier: Decimal6,
}

/// Taker's rate of 0.07 in ten-thousandths; the maker's is nothing, a quarter or half of it.
const TAKER_RATE: i128 = 700;
/// $0.0001 in millionths of a dollar: the step to which trade fees are rounded up.
const CENTICENT: i64 = 100;
/// $0.01 in millionths of a dollar: the balance step of [`FeeRounding::Cent`], and its rebate.
const CENT: i64 = 10_000;

impl FeeSchedule {
    /// The usual schedule: `quadratic` with multiplier 1, under which makers pay nothing.
    pub const STANDARD: Self = Self { fee_type: FeeType::Quadratic, multiplier_ppm: 1_000_000 };

    /// A schedule with another multiplier.
    ///
    /// # Errors
    /// When the multiplier is negative or above 4294.
    pub fn with_multiplier(fee_type: FeeType, multiplier: Decimal6) -> Result<Self, FeeMultiplierError> {
        match u32::try_from(multiplier.millionths()) {
            Ok(multiplier_ppm) => Ok(Self { fee_type, multiplier_ppm }),
            Err(_) => Err(FeeMultiplierError { multiplier }),
        }
    }

    /// The trade fee of one fill, rounded up to $0.0001.
    #[must_use]
    pub fn trade_fee(self, role: Role, price: Price, contracts: Contracts) -> Money {
        if self.multiplier_ppm == 1_000_000
            && let Some(fee) = self.fee_in_64_bits(role, price, contracts)
        {
            return fee;
        }
        // C in 1e-2, P(1−P) in 1e-8, rate in 1e-4, multiplier in 1e-6: 1e-20 dollars.
        let exact = i128::from(contracts.hundredths())
            * i128::from(spread_of(price))
            * self.fee_type.rate(role)
            * i128::from(self.multiplier_ppm);
        let centicents = ceil_div(exact, 10_i128.pow(16));
        Money::from_micros(i64::try_from(centicents).expect("a fee fits its notional") * CENTICENT)
    }

    /// The same for multiplier 1, where the numbers fit: without 128-bit division.
    fn fee_in_64_bits(self, role: Role, price: Price, contracts: Contracts) -> Option<Money> {
        let contracts = u64::try_from(contracts.hundredths()).ok()?;
        let spread = u64::try_from(spread_of(price)).ok()?;
        let rate = u64::try_from(self.fee_type.rate(role)).ok()?;
        // C in 1e-2, P(1−P) in 1e-8, rate in 1e-4: 1e-14 dollars.
        let exact = contracts.checked_mul(spread)?.checked_mul(rate)?;
        let centicents = i64::try_from(exact.div_ceil(10_000_000_000)).ok()?;
        Some(Money::from_micros(centicents * CENTICENT))
    }

    /// Cost per contract for sizing: price plus the unrounded taker fee, rounded up to 1e-10 dollars.
    #[must_use]
    pub fn unit_cost(self, price: Price) -> UnitCost {
        UnitCost(i64::from(price.get()) * UnitCost::PER_PRICE + self.unit_fee(price))
    }

    /// What one contract sold at `price` brings for sizing: price minus the unrounded taker fee.
    #[must_use]
    pub fn unit_proceeds(self, price: Price) -> UnitCost {
        UnitCost(i64::from(price.get()) * UnitCost::PER_PRICE - self.unit_fee(price))
    }

    /// The unrounded taker fee of one contract in 1e-10 dollars.
    fn unit_fee(self, price: Price) -> i64 {
        let exact = i128::from(spread_of(price)) * TAKER_RATE * i128::from(self.multiplier_ppm);
        // Nearly every product fits 64 bits, where division is several times faster.
        if let Ok(exact) = u64::try_from(exact) {
            return exact.div_ceil(100_000_000).cast_signed();
        }
        i64::try_from(ceil_div(exact, 10_i128.pow(8))).expect("a fee per contract is below a dollar")
    }

    /// The most an order may cost in fees, however it is split into fills of whole contracts.
    ///
    /// Every fill rounds up by less than $0.0001 (a cent under [`FeeRounding::CentPerFill`]); a hundred
    /// fills are provided for, more are paid from free cash. Buying cheaper than `limit` costs less
    /// in all, since price plus fee rises with the price.
    #[must_use]
    pub fn worst_fee(self, rounding: FeeRounding, limit: Price, contracts: Contracts) -> Money {
        let fills = (contracts.hundredths() / 100).clamp(1, 100);
        let trade = self.trade_fee(Role::Taker, limit, contracts);
        let extra = match rounding {
            FeeRounding::Centicent => (fills - 1) * CENTICENT,
            FeeRounding::Cent => (fills - 1) * CENTICENT + 2 * CENT,
            FeeRounding::CentPerFill => fills * CENT,
        };
        trade + Money::from_micros(extra)
    }
}

/// `P × (1 − P)` in 1e-8.
fn spread_of(price: Price) -> i64 {
    i64::from(price.get()) * i64::from(price.complement().get())
}

fn ceil_div(numerator: i128, denominator: i128) -> i128 {
    -(-numerator).div_euclid(denominator)
}

/// What one contract costs or brings, fee included, in 1e-10 dollars. For sizing, never for booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitCost(i64);

impl UnitCost {
    /// One dollar, the payout of a winning contract, in units of 1e-10 dollars.
    pub const ONE: i64 = 10_000_000_000;
    /// A ten-thousandth of a dollar, the unit of [`Price`], in units of 1e-10 dollars.
    const PER_PRICE: i64 = Self::ONE / 10_000;
    /// One part per million of a dollar, in units of 1e-10 dollars; converts a probability to a value.
    pub const PER_PPM: i64 = Self::ONE / 1_000_000;

    /// Returns the amount in tenths of a nanodollar, that is in units of 1e-10 dollars.
    #[must_use]
    pub const fn tenth_nanos(self) -> i64 {
        self.0
    }
}

/// The part of one order's rounding fees not yet paid back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeAccumulator(Money);

impl FeeAccumulator {
    /// The net fee of one fill: trade fee, plus the rounding of the balance, minus a rebate due.
    ///
    /// `revenue` is what the fill brings before fees, negative for a purchase.
    pub fn charge_fill(&mut self, rounding: FeeRounding, revenue: Money, trade_fee: Money) -> Money {
        let precision = match rounding {
            FeeRounding::Centicent => CENTICENT,
            FeeRounding::Cent => CENT,
            FeeRounding::CentPerFill => {
                let cents = ceil_div(i128::from(trade_fee.micros()), i128::from(CENT));
                return Money::from_micros(i64::try_from(cents).expect("a fee fits") * CENT);
            }
        };
        let change = revenue - trade_fee;
        let rounding_fee = Money::from_micros(change.micros().rem_euclid(precision));
        self.0 += rounding_fee;
        let mut fee = trade_fee + rounding_fee;
        if self.0 > Money::from_micros(CENT) {
            self.0 -= Money::from_micros(CENT);
            fee -= Money::from_micros(CENT);
        }
        fee
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(ten_thousandths: u16) -> Price {
        Price::new(ten_thousandths).unwrap()
    }

    fn taker(ten_thousandths: u16, contracts: Contracts) -> String {
        FeeSchedule::STANDARD.trade_fee(Role::Taker, price(ten_thousandths), contracts).to_string()
    }

    /// Published checks: 1 @ 0.52, 26 @ 0.921, 100 @ 0.50, 1 @ 0.99.
    #[test]
    fn taker_fees_match_the_published_cases() {
        // 0.07 × 1 × 0.52 × 0.48 = 0.017472 → 0.0175
        assert_eq!(taker(5_200, Contracts::ONE), "0.0175");
        // 0.07 × 26 × 0.921 × 0.079 = 0.13242138 → 0.1325
        assert_eq!(taker(9_210, Contracts::whole(26)), "0.1325");
        // 0.07 × 100 × 0.25 = 1.75
        assert_eq!(taker(5_000, Contracts::whole(100)), "1.75");
        // 0.07 × 0.99 × 0.01 = 0.000693 → 0.0007
        assert_eq!(taker(9_900, Contracts::ONE), "0.0007");
    }

    #[test]
    fn hand_computed_fees_in_odd_places() {
        // 0.07 × 3.70 × 0.123 × 0.877 = 0.027938589 → 0.0280
        assert_eq!(taker(1_230, Contracts::from_hundredths(370)), "0.028");
        // 0.07 × 0.01 × 0.5 × 0.5 = 0.000175 → 0.0002
        assert_eq!(taker(5_000, Contracts::from_hundredths(1)), "0.0002");
        // half multiplier: 0.5 × 0.07 × 10 × 0.3 × 0.7 = 0.0735
        let half = FeeSchedule { fee_type: FeeType::Quadratic, multiplier_ppm: 500_000 };
        assert_eq!(half.trade_fee(Role::Taker, price(3_000), Contracts::whole(10)).to_string(), "0.0735");
        assert_eq!(half.trade_fee(Role::Maker, price(3_000), Contracts::whole(10)), Money::ZERO);
        // maker: 0.0175 × 100 × 0.25 = 0.4375; combo: 0.035 × 100 × 0.25 = 0.875
        let maker = FeeSchedule { fee_type: FeeType::QuadraticWithMakerFees, multiplier_ppm: 1_000_000 };
        assert_eq!(maker.trade_fee(Role::Maker, price(5_000), Contracts::whole(100)).to_string(), "0.4375");
        let combo = FeeSchedule { fee_type: FeeType::QuadraticWithComboMakerFees, ..maker };
        assert_eq!(combo.trade_fee(Role::Maker, price(5_000), Contracts::whole(100)).to_string(), "0.875");
        // a settled price carries no fee
        assert_eq!(taker(10_000, Contracts::whole(5)), "0.00");
    }

    /// The documented example: three fills of revenue −0.0550 and trade fee 0.0085 at cent precision.
    #[test]
    fn cent_rounding_follows_the_documented_example() {
        let mut accumulator = FeeAccumulator::default();
        let mut charge = || {
            let (revenue, fee) = (Money::from_micros(-55_000), Money::from_micros(8_500));
            accumulator.charge_fill(FeeRounding::Cent, revenue, fee).to_string()
        };
        assert_eq!([charge(), charge(), charge()], ["0.015", "0.005", "0.015"]);
    }

    #[test]
    fn other_roundings() {
        let charge = |rounding, revenue, fee| {
            FeeAccumulator::default().charge_fill(
                rounding,
                Money::from_micros(revenue),
                Money::from_micros(fee),
            )
        };
        // whole cents and whole contracts never leave a rounding fee at centicent precision
        assert_eq!(charge(FeeRounding::Centicent, -520_000, 17_500).to_string(), "0.0175");
        // −0.0008 − 0.0002 is whole; −0.00085 − 0.0002 = −0.00105 → −0.0011: 0.00005 rounding
        assert_eq!(charge(FeeRounding::Centicent, -850, 200).micros(), 250);
        assert_eq!(charge(FeeRounding::CentPerFill, -520_000, 17_500).to_string(), "0.02");
        assert_eq!(charge(FeeRounding::CentPerFill, -500_000, 20_000).to_string(), "0.02");
    }

    #[test]
    fn a_negative_multiplier_is_refused() {
        let multiplier = Decimal6::from_millionths(-500_000);
        let refused = FeeSchedule::with_multiplier(FeeType::Quadratic, multiplier).unwrap_err();
        assert_eq!(refused, FeeMultiplierError { multiplier });
        assert_eq!(refused.to_string(), "-0.50 is not between 0 and 4294");
    }

    #[test]
    fn cost_per_contract_for_sizing() {
        // 0.56 + 0.07 × 0.56 × 0.44 = 0.577248
        let cost = FeeSchedule::STANDARD.unit_cost(price(5_600));
        assert_eq!(cost.tenth_nanos(), 5_772_480_000);
        // 0.54 − 0.07 × 0.54 × 0.46 = 0.522612
        assert_eq!(FeeSchedule::STANDARD.unit_proceeds(price(5_400)).tenth_nanos(), 5_226_120_000);
    }

    proptest! {
        #[test]
        fn fee_is_monotone_in_contracts_and_never_negative(
            raw in 1u16..10_000, fewer in 1i64..1_000_000, more in 0i64..1_000_000,
        ) {
            let fee = |count| FeeSchedule::STANDARD
                .trade_fee(Role::Taker, price(raw), Contracts::from_hundredths(count));
            prop_assert!(fee(fewer) >= Money::ZERO);
            prop_assert!(fee(fewer + more) >= fee(fewer));
        }

        #[test]
        fn the_short_way_is_the_long_way(raw in 0u16..=10_000, count in 0i64..1_000_000_000_000) {
            // half the multiplier takes the long way; twice that, before rounding up, is the short way's fee
            let half = FeeSchedule { fee_type: FeeType::Quadratic, multiplier_ppm: 500_000 };
            let (whole, contracts) = (FeeSchedule::STANDARD, Contracts::from_hundredths(count));
            let double = Contracts::from_hundredths(count * 2);
            let short = whole.trade_fee(Role::Taker, price(raw), contracts);
            prop_assert_eq!(short, half.trade_fee(Role::Taker, price(raw), double));
        }

        #[test]
        fn the_worst_fee_covers_every_split_into_whole_contracts(
            raw in 1u16..10_000, parts in prop::collection::vec(1i64..50, 1..20), mode in 0usize..3,
        ) {
            let rounding = [FeeRounding::Centicent, FeeRounding::Cent, FeeRounding::CentPerFill][mode];
            let mut accumulator = FeeAccumulator::default();
            let total: Contracts = parts.iter().map(|&part| Contracts::whole(part)).sum();
            let charged: Money = parts.iter().map(|&part| {
                let contracts = Contracts::whole(part);
                let fee = FeeSchedule::STANDARD.trade_fee(Role::Taker, price(raw), contracts);
                accumulator.charge_fill(rounding, -(price(raw) * contracts), fee)
            }).sum();
            prop_assert!(charged >= Money::ZERO);
            prop_assert!(charged <= FeeSchedule::STANDARD.worst_fee(rounding, price(raw), total));
        }

        #[test]
        fn price_plus_fee_rises_with_the_price(raw in 1u16..9_999) {
            let cost = |raw| FeeSchedule::STANDARD.unit_cost(price(raw)).tenth_nanos();
            prop_assert!(cost(raw + 1) > cost(raw));
        }
    }
}
