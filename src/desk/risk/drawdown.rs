//! Drawdown scaling and the daily loss limit.
//!
//! The scale is 1 up to `start`, then linear, ½ at `half`, 0 where the line reaches it (25 % with the
//! defaults 15 % and 20 %), and back up as equity recovers. Peak = running maximum of equity.

use crate::domain::{Fraction, Money, Timestamp};

/// Where bets begin to shrink, and where they are half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrawdownLimits {
    /// Drawdown up to which bets are whole.
    pub start: Fraction,
    /// Drawdown at which bets are half; above `start`.
    pub half: Fraction,
}

/// Share of the usual bet at this equity and peak, in parts per million rounded down.
#[must_use]
pub fn drawdown_scale(limits: DrawdownLimits, equity: Money, peak: Money) -> Fraction {
    let (equity, peak) = (i128::from(equity.micros()), i128::from(peak.micros()));
    if peak <= 0 {
        return Fraction::ZERO;
    }
    let (start, half) = (i128::from(limits.start.ppm()), i128::from(limits.half.ppm()));
    let slope = 2 * (half - start);
    // scale = 1 − (dd − start) / slope, all times peak × 1e6 to stay in integers
    let past_start = (peak - equity) * 1_000_000 - start * peak;
    if past_start <= 0 {
        return Fraction::ONE;
    }
    if slope <= 0 {
        return Fraction::ZERO;
    }
    let remaining = (slope * peak - past_start).max(0);
    let ppm = remaining * 1_000_000 / (slope * peak);
    u32::try_from(ppm).ok().and_then(Fraction::from_ppm).unwrap_or(Fraction::ZERO)
}

/// Fall from the peak, in parts per million rounded down.
#[must_use]
pub fn drawdown_from_peak(equity: Money, peak: Money) -> Fraction {
    if peak <= Money::ZERO {
        return Fraction::ZERO;
    }
    let fall = i128::from((peak - equity).micros()) * 1_000_000 / i128::from(peak.micros());
    u32::try_from(fall.clamp(0, 1_000_000)).ok().and_then(Fraction::from_ppm).unwrap_or(Fraction::ONE)
}

/// Equity that is as deep below `peak` as the first of `fallen` is below the second, rounded up.
fn as_deep(peak: Money, fallen: (Money, Money)) -> Money {
    let (low, high) = fallen;
    let exact = i128::from(peak.micros()) * i128::from(low.micros());
    let up = -(-exact).div_euclid(i128::from(high.micros()).max(1));
    Money::from_micros(i64::try_from(up).expect("no deeper than the peak is high"))
}

/// Equity, its peak, and its value at the start of the UTC day.
#[derive(Clone, Copy, Debug)]
pub struct EquityWatch {
    equity: Money,
    peak: Money,
    day: i64,
    day_start: Money,
    /// Equity and peak at the deepest drawdown so far.
    deepest: (Money, Money),
    /// At this peak, equity below which is deeper; `None` until a new peak is fallen from.
    deeper_below: Option<Money>,
}

impl EquityWatch {
    /// Starts with the bankroll as equity, as its peak and as the first value of the day.
    #[must_use]
    pub fn new(bankroll: Money) -> Self {
        Self {
            equity: bankroll,
            peak: bankroll,
            day: i64::MIN,
            day_start: bankroll,
            deepest: (bankroll, bankroll),
            deeper_below: None,
        }
    }

    /// Time moved on; a new UTC day starts from the equity so far. Returns whether one did.
    #[inline]
    pub fn advance_time(&mut self, now: Timestamp) -> bool {
        let day = now.utc_day();
        if day == self.day {
            return false;
        }
        self.day = day;
        self.day_start = self.equity;
        true
    }

    /// Takes the new equity, and moves the peak or the deepest drawdown if it goes beyond them.
    #[inline]
    pub fn update_equity(&mut self, equity: Money) {
        self.equity = equity;
        if equity >= self.peak {
            self.peak = equity;
            self.deeper_below = None;
            return;
        }
        // Division on every quote of a held market would be dear; one a peak is not.
        let deeper_below = *self.deeper_below.get_or_insert_with(|| as_deep(self.peak, self.deepest));
        if equity < deeper_below {
            self.deepest = (equity, self.peak);
            self.deeper_below = Some(equity);
        }
    }

    /// Returns the latest equity: all cash plus the positions at their marks.
    #[must_use]
    pub const fn equity(&self) -> Money {
        self.equity
    }

    /// Returns the highest equity so far, at least the bankroll.
    #[must_use]
    pub const fn peak(&self) -> Money {
        self.peak
    }

    /// Returns the deepest fall so far, as a share of the peak before it.
    #[must_use]
    pub fn deepest_drawdown(&self) -> Fraction {
        drawdown_from_peak(self.deepest.0, self.deepest.1)
    }

    /// Whether today's loss reaches `limit` of the equity the day began with.
    #[must_use]
    pub fn daily_loss_reached(&self, limit: Fraction) -> bool {
        self.day_start - self.equity >= self.day_start.portion(limit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits() -> DrawdownLimits {
        let ppm = |ppm| Fraction::from_ppm(ppm).unwrap();
        DrawdownLimits { start: ppm(150_000), half: ppm(200_000) }
    }

    fn at(equity: i64) -> u32 {
        drawdown_scale(limits(), Money::from_micros(equity), Money::from_micros(10_000)).ppm()
    }

    #[test]
    fn hand_computed_scales() {
        assert_eq!(at(10_000), 1_000_000);
        assert_eq!(at(8_500), 1_000_000); // 15 %: still whole
        assert_eq!(at(8_250), 750_000); // 17.5 %: 1 − 0.025/0.10
        assert_eq!(at(8_000), 500_000); // 20 %: half
        assert_eq!(at(7_750), 250_000);
        assert_eq!(at(7_500), 0); // 25 %: nothing
        assert_eq!(at(2_000), 0);
        assert_eq!(drawdown_scale(limits(), Money::ZERO, Money::ZERO), Fraction::ZERO);
    }

    #[test]
    fn peak_drawdown_and_day_follow_equity() {
        let mut watch = EquityWatch::new(Money::from_micros(1_000_000));
        assert!(watch.advance_time(Timestamp::parse("2024-01-01T23:00:00Z").unwrap()));
        watch.update_equity(Money::from_micros(1_200_000));
        watch.update_equity(Money::from_micros(900_000));
        assert_eq!(watch.peak().micros(), 1_200_000);
        assert_eq!(watch.deepest_drawdown().ppm(), 250_000);
        let five = Fraction::from_ppm(50_000).unwrap();
        assert!(watch.daily_loss_reached(five)); // from 1.00 to 0.90
        assert!(watch.advance_time(Timestamp::parse("2024-01-02T00:00:00Z").unwrap()));
        assert!(!watch.daily_loss_reached(five)); // the new day starts at 0.90
        watch.update_equity(Money::from_micros(855_000));
        assert!(watch.daily_loss_reached(five)); // 0.855 = 0.90 × 0.95, reached exactly
    }

    proptest! {
        #[test]
        fn the_deepest_drawdown_is_that_of_the_worst_moment(
            steps in prop::collection::vec(-400_000i64..400_000, 1..60),
        ) {
            let mut equity = 1_000_000;
            let mut watch = EquityWatch::new(Money::from_micros(equity));
            let (mut peak, mut worst) = (equity, 0);
            for step in steps {
                equity = (equity + step).max(-50_000);
                peak = peak.max(equity);
                // Whole parts per million of the fall, by hand; nothing deeper than the peak is counted.
                worst = worst.max(((peak - equity) * 1_000_000 / peak).min(1_000_000));
                watch.update_equity(Money::from_micros(equity));
                prop_assert_eq!(i64::from(watch.deepest_drawdown().ppm()), worst);
            }
        }

        #[test]
        fn the_scale_never_rises_as_equity_falls(a in 0i64..20_000, b in 0i64..20_000) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(at(low) <= at(high));
        }
    }
}
