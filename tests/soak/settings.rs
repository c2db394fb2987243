//! How the desk of a session is set up, and what it believes.

use protogen::desk::execution::ExecutionSettings;
use protogen::desk::positions::ExitSettings;
use protogen::desk::risk::RiskLimits;
use protogen::desk::risk::drawdown::DrawdownLimits;
use protogen::desk::risk::exposure::ExposureLimits;
use protogen::desk::risk::kill_switch::KillRules;
use protogen::desk::scanner::ScannerSettings;
use protogen::desk::strategy::{Estimate, Learned, MarketView, Strategy};
use protogen::desk::{DeskSettings, StrategySlot};
use protogen::domain::{
    Contracts, Decimal6, Fact, FeeRounding, Fraction, Money, Price, Probability, Span, TimeInForce, Timestamp,
};
use protogen::strategies::fixed_rate::{FixedRate, FixedRateSettings};

use crate::dice::Dice;

fn share(ppm: u32) -> Fraction {
    Fraction::from_ppm(ppm).unwrap()
}

/// Settings and beliefs of a session.
pub fn draw(dice: &mut Dice, seed: u64) -> (DeskSettings, Beliefs) {
    let time_in_force = *dice.pick(&[TimeInForce::Ioc, TimeInForce::Gtc, TimeInForce::PostOnly]);
    let exposure = ExposureLimits {
        market: share(*dice.pick(&[50_000, 150_000, 400_000])),
        event: share(*dice.pick(&[100_000, 500_000])),
        series: share(700_000),
        total: share(*dice.pick(&[300_000, 800_000, 1_000_000])),
    };
    let settings = DeskSettings {
        bankroll: Money::from_micros(i64::try_from(dice.range(100, 3_000)).unwrap() * 1_000_000),
        risk: RiskLimits {
            kelly_fraction: share(500_000),
            exposure,
            drawdown: DrawdownLimits { start: share(600_000), half: share(800_000) },
            daily_loss: Fraction::ONE,
            max_quote_age: Span::MINUTE,
            fee_rounding: FeeRounding::Centicent,
            ignore_halts: dice.chance(700),
        },
        kill: KillRules {
            window: 10,
            min_trades: 5,
            min_win_rate: share(200_000),
            evidence: Decimal6::parse("20").unwrap(),
        },
        scanner: ScannerSettings {
            interval: *dice.pick(&[Span::ZERO, Span::SECOND, Span::SECOND.times(5)]),
            min_time_to_close: Span::ZERO,
            min_volume: Contracts::ZERO,
            series: Vec::new(),
            categories: Vec::new(),
        },
        exits: ExitSettings {
            inversion: share(*dice.pick(&[0, 10_000, 100_000])),
            max_holding: dice.millis(10_000, 200_000),
        },
        execution: ExecutionSettings {
            time_in_force,
            max_slippage: Price::new(*dice.pick(&[0, 200])).unwrap(),
            retries: u32::try_from(dice.range(0, 4)).unwrap(),
        },
    };
    let fixed = dice.chance(200);
    (settings, Beliefs { seed, fixed, fickle: Span::SECOND.times(*dice.pick(&[5, 30, 120])) })
}

/// What is believed: one rate of everything, or something else of every market every now and then.
#[derive(Clone, Copy, Debug)]
pub struct Beliefs {
    seed: u64,
    fixed: bool,
    fickle: Span,
}

impl Beliefs {
    pub fn seat(self) -> StrategySlot {
        let strategy: Box<dyn Strategy> = if self.fixed {
            let settings = FixedRateSettings { probability: Some(0.5), rates: [].into(), confidence: 1.0 };
            Box::new(FixedRate::new(settings).unwrap())
        } else {
            Box::new(self)
        };
        StrategySlot { strategy, min_edge: share(20_000) }
    }
}

impl Strategy for Beliefs {
    fn name(&self) -> &'static str {
        "fickle"
    }

    fn learn(&mut self, _: &Fact, _: Timestamp) -> Learned {
        Learned::Ignored
    }

    /// A function of market and time alone, so that a repeated run believes the same.
    fn evaluate(&mut self, view: &MarketView<'_>) -> Option<Estimate> {
        let slot = u64::try_from(view.now.nanos() / self.fickle.nanos()).ok()?;
        let mut dice = Dice::new(self.seed, (slot << 8) | u64::from(view.market.id.0));
        let mid = u64::from(view.quote.mid()?.ppm());
        let belief = (mid + dice.range(0, 500_000)).saturating_sub(250_000).clamp(10_000, 990_000);
        let probability = Probability::from_ppm(u32::try_from(belief).ok()?)?;
        Some(Estimate { probability, confidence: Fraction::ONE, reason: "it feels so".into() })
    }
}
