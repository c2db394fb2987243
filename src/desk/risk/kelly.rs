//! Fractional Kelly, exactly.
//!
//! f* = (p − c) / (1 − c), the growth-optimal share of the bankroll for a contract that costs c and pays
//! $1 with probability p (Kelly 1956, for a binary bet at odds (1 − c) : c). Stake = bankroll × f* ×
//! kelly fraction × drawdown scale × confidence, rounded down to a millionth of a dollar; contracts =
//! floor(stake / c), whole contracts.

use crate::domain::{Contracts, Fraction, Money, Probability, UnitCost};

/// What scales the Kelly stake down, each a share of one.
#[derive(Clone, Copy, Debug)]
pub struct Scaling {
    /// The scenario's fraction of full Kelly.
    pub kelly_fraction: Fraction,
    /// The share of the usual bet that the present drawdown leaves, from 1 down to 0.
    pub drawdown: Fraction,
    /// The share of the stake that the strategy asks for with its estimate.
    pub confidence: Fraction,
}

impl Scaling {
    /// The product in 1e-12, rounded down.
    fn combined_scale(self) -> u128 {
        let ppm = |fraction: Fraction| u128::from(fraction.ppm());
        ppm(self.kelly_fraction) * ppm(self.drawdown) * ppm(self.confidence) / 1_000_000
    }
}

const SCALING_UNIT: u128 = 1_000_000_000_000;

/// The target position in whole contracts; zero where there is no edge.
///
/// `None` if it cannot be computed: no bankroll, a cost of $1 or more, numbers out of range. The
/// caller must refuse then.
#[must_use]
pub fn target_contracts(
    bankroll: Money,
    belief: Probability,
    cost: UnitCost,
    scaling: Scaling,
) -> Option<Contracts> {
    let stake = kelly_stake(bankroll, belief, cost, scaling)?;
    // stake in 1e-6 dollars, cost in 1e-10 dollars
    let contracts = stake.checked_mul_div_floor(10_000, cost.tenth_nanos())?;
    Some(Contracts::whole(contracts.micros()))
}

/// The stake: what the position may cost.
fn kelly_stake(bankroll: Money, belief: Probability, cost: UnitCost, scaling: Scaling) -> Option<Money> {
    let bankroll = u128::try_from(bankroll.micros()).ok().filter(|&bank| bank > 0)?;
    let cost = cost.tenth_nanos();
    if cost <= 0 || cost >= UnitCost::ONE {
        return None;
    }
    let edge = i64::from(belief.ppm()) * UnitCost::PER_PPM - cost;
    let Ok(edge) = u128::try_from(edge) else {
        return Some(Money::ZERO);
    };
    let room = u128::try_from(UnitCost::ONE - cost).ok()?;
    let scaled = bankroll.checked_mul(edge)?.checked_mul(scaling.combined_scale())?;
    i64::try_from(scaled / (room * SCALING_UNIT)).ok().map(Money::from_micros)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::domain::{FeeSchedule, Price};

    use super::*;

    fn fraction(ppm: u32) -> Fraction {
        Fraction::from_ppm(ppm).unwrap()
    }

    fn scaling(kelly: u32, drawdown: u32, confidence: u32) -> Scaling {
        Scaling {
            kelly_fraction: fraction(kelly),
            drawdown: fraction(drawdown),
            confidence: fraction(confidence),
        }
    }

    fn contracts(bankroll: i64, belief_ppm: u32, price: u16, scaling: Scaling) -> Option<Contracts> {
        let cost = FeeSchedule::STANDARD.unit_cost(Price::new(price).unwrap());
        target_contracts(
            Money::DOLLAR.mul_div_floor(bankroll, 1),
            Probability::from_ppm(belief_ppm).unwrap(),
            cost,
            scaling,
        )
    }

    #[test]
    fn hand_computed_sizes() {
        let quarter = scaling(250_000, 1_000_000, 1_000_000);
        // p = 0.75, c = 0.577248: f* = 0.172752 / 0.422752 = 0.4086367…; stake = 10 000 × f* / 4 = 1 021.5918…;
        // 1 021.5918 / 0.577248 = 1 769.76 → 1 769
        assert_eq!(contracts(10_000, 750_000, 5_600, quarter), Some(Contracts::whole(1_769)));
        // p = 0.60, c = 0.5 + 0.0175 = 0.5175: f* = 0.0825 / 0.4825 = 0.1709844…; full Kelly of 1 000 = 170.984…;
        // / 0.5175 = 330.40 → 330
        assert_eq!(
            contracts(1_000, 600_000, 5_000, scaling(1_000_000, 1_000_000, 1_000_000)),
            Some(Contracts::whole(330))
        );
        // the same at quarter Kelly, half drawdown scale, confidence 0.8: 170.984… × 0.1 = 17.0984 / 0.5175 = 33.04 → 33
        assert_eq!(
            contracts(1_000, 600_000, 5_000, scaling(250_000, 500_000, 800_000)),
            Some(Contracts::whole(33))
        );
        // p = 0.05, c = 0.03 + 0.07 × 0.03 × 0.97 = 0.032037: f* = 0.017963 / 0.967963 = 0.01855753…;
        // 10 000 × f* / 4 = 46.3938; / 0.032037 = 1 448.13 → 1 448
        assert_eq!(contracts(10_000, 50_000, 300, quarter), Some(Contracts::whole(1_448)));
    }

    #[test]
    fn no_edge_no_stake_and_nonsense_is_refused() {
        let quarter = scaling(250_000, 1_000_000, 1_000_000);
        assert_eq!(contracts(10_000, 577_000, 5_600, quarter), Some(Contracts::ZERO)); // p < c
        assert_eq!(contracts(0, 900_000, 5_600, quarter), None); // no bankroll
        assert_eq!(contracts(10_000, 1_000_000, 10_000, quarter), None); // costs a dollar
        assert_eq!(contracts(10_000, 900_000, 5_600, scaling(250_000, 0, 1_000_000)), Some(Contracts::ZERO));
    }

    proptest! {
        #[test]
        fn kelly_stays_within_the_bank(
            bank in 1i64..1_000_000_000_000_000, belief in 0u32..=1_000_000, price in 1u16..=9_999,
            k in 0u32..=1_000_000, d in 0u32..=1_000_000, c in 0u32..=1_000_000,
        ) {
            let cost = FeeSchedule::STANDARD.unit_cost(Price::new(price).unwrap());
            let belief = Probability::from_ppm(belief).unwrap();
            if let Some(stake) = kelly_stake(Money::from_micros(bank), belief, cost, scaling(k, d, c)) {
                prop_assert!(stake >= Money::ZERO);
                prop_assert!(stake.micros() <= bank);
                // exact bound without rounding: stake·(1−c) ≤ bank·(p−c)⁺·k
                let edge = i128::from(belief.ppm()) * 10_000 - i128::from(cost.tenth_nanos());
                let room = i128::from(UnitCost::ONE - cost.tenth_nanos());
                let bound = i128::from(bank) * edge.max(0) * i128::from(k);
                prop_assert!(i128::from(stake.micros()) * room * 1_000_000 <= bound);
            }
        }
    }
}
