//! Estimate + quote + fee → perhaps an opportunity.
//!
//! The executable price of YES is the best YES ask, of NO one minus the best YES bid; a missing side
//! cannot be traded. Cost per contract c = price + unrounded taker fee. Net edge = belief in the side
//! − c; the side with the larger net edge is taken if that is at least the strategy's `min_edge`.

use crate::domain::{FeeSchedule, Fraction, Price, Probability, Quote, Side, UnitCost};

/// An edge, signed, in 1e-10 dollars per contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge(i64);

impl Edge {
    /// Returns the edge of buying, `belief − cost`: what a contract is believed to pay above its cost with
    /// fee.
    #[must_use]
    pub fn of_buying(belief: Probability, cost: UnitCost) -> Self {
        Self(i64::from(belief.ppm()) * UnitCost::PER_PPM - cost.tenth_nanos())
    }

    /// `proceeds − belief`: what selling now pays above holding on.
    #[must_use]
    pub fn of_selling(proceeds: UnitCost, belief: Probability) -> Self {
        Self(proceeds.tenth_nanos() - i64::from(belief.ppm()) * UnitCost::PER_PPM)
    }

    /// Whether it is at least `fraction` of a dollar.
    #[must_use]
    pub fn is_at_least(self, fraction: Fraction) -> bool {
        self.0 >= i64::from(fraction.ppm()) * UnitCost::PER_PPM
    }

    /// Returns the edge in units of 1e-10 dollars per contract, without rounding.
    #[must_use]
    pub const fn tenth_nanos(self) -> i64 {
        self.0
    }

    /// Parts per million of a dollar, rounded down.
    #[must_use]
    pub const fn ppm(self) -> i64 {
        self.0.div_euclid(UnitCost::PER_PPM)
    }
}

/// A side worth buying, before anything is asked of the risk layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opportunity {
    /// The side to buy: the one with the larger net edge, YES if both are equal.
    pub side: Side,
    /// Best ask of that side: the best YES ask, or for NO $1 minus the best YES bid.
    pub price: Price,
    /// Cost per contract with the unrounded fee.
    pub cost: UnitCost,
    /// Believed probability that the side wins and pays $1.
    pub belief: Probability,
    /// Belief minus cost per contract; negative if buying is expected to lose.
    pub net_edge: Edge,
}

/// The better of the two sides, whether or not its edge suffices; `None` if neither can be bought.
#[must_use]
pub fn best_side(belief_in_yes: Probability, quote: &Quote, fees: FeeSchedule) -> Option<Opportunity> {
    let candidate = |side: Side| {
        let price = quote.ask_of(side)?;
        let cost = fees.unit_cost(price);
        let belief = side.probability_from_yes(belief_in_yes);
        Some(Opportunity { side, price, cost, belief, net_edge: Edge::of_buying(belief, cost) })
    };
    match (candidate(Side::Yes), candidate(Side::No)) {
        (Some(yes), Some(no)) => Some(if no.net_edge > yes.net_edge { no } else { yes }),
        (yes, no) => yes.or(no),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(bid: Option<u16>, ask: Option<u16>) -> Quote {
        Quote { bid: bid.and_then(Price::new), ask: ask.and_then(Price::new), ..Quote::default() }
    }

    fn belief(ppm: u32) -> Probability {
        Probability::from_ppm(ppm).unwrap()
    }

    #[test]
    fn takes_the_side_with_the_larger_net_edge() {
        // Belief 0.25 in YES, book 0.44/0.46: NO at 0.56 costs 0.577248, edge 0.75 − 0.577248 = 0.172752;
        // YES at 0.46 costs 0.477388, edge −0.227388.
        let best =
            best_side(belief(250_000), &quote(Some(4_400), Some(4_600)), FeeSchedule::STANDARD).unwrap();
        assert_eq!((best.side, best.price.get()), (Side::No, 5_600));
        assert_eq!(best.net_edge.tenth_nanos(), 1_727_520_000);
        assert!(best.net_edge.is_at_least(Fraction::from_ppm(172_752).unwrap()));
        assert!(!best.net_edge.is_at_least(Fraction::from_ppm(172_753).unwrap()));
    }

    #[test]
    fn a_missing_side_cannot_be_bought() {
        // Without a bid there is no NO to buy, however good it would be.
        let only_yes = best_side(belief(10_000), &quote(None, Some(4_600)), FeeSchedule::STANDARD).unwrap();
        assert_eq!(only_yes.side, Side::Yes);
        assert!(only_yes.net_edge < Edge(0));
        assert_eq!(best_side(belief(10_000), &quote(None, None), FeeSchedule::STANDARD), None);
    }

    #[test]
    fn an_exit_pays_only_after_its_fee() {
        // Selling at 0.54 brings 0.54 − 0.07 × 0.54 × 0.46 = 0.522612; against a belief of 0.52 that is 0.002612.
        let proceeds = FeeSchedule::STANDARD.unit_proceeds(Price::new(5_400).unwrap());
        assert_eq!(Edge::of_selling(proceeds, belief(520_000)).ppm(), 2_612);
        assert!(!Edge::of_selling(proceeds, belief(522_613)).is_at_least(Fraction::ZERO));
    }
}
