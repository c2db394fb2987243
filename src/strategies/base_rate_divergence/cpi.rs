//! Model `cpi`: how far first prints of the consumer price index have landed from what was expected.
//!
//! The expectation is the forecasters' consensus once it is public; else the *trend*: with μ the mean of up to
//! 36 monthly prints and x the last of them, the month h months later is expected at μ + ½ʰ·(x − μ), and
//! a year-on-year figure at the last one plus, for each month in between, that month's change less the
//! one a year before. Where too few monthly prints are known for that, the last print.
//!
//! print − expectation follows Student's t with four degrees of freedom, fitted to every month printed so
//! far, each kind of expectation by itself (`Student::fit_with_prior`). h months ahead it is wider by
//! √Σᵢ ½²ⁱ (monthly figures) or √Σᵢ (Σⱼ≤ᵢ ½ʲ)² (their sum, the year-on-year figures), i = 0 … h − 1: the
//! errors of an autoregression with that factor. A print is rounded to a tenth, so above 0.3 means
//! 0.35 or more before rounding.
//!
//! Chosen on 2003 to 2021 alone, by root mean square error one month ahead (year on year, monthly, core): this
//! trend 0.285, 0.276, 0.110; factor 0 instead of ½ 0.327, 0.318, 0.126; means of 12 prints 0.293, 0.283,
//! 0.110; a quarter of the seasonal mean of ten years mixed in 0.285, 0.276, 0.110; the last print 0.477,
//! 0.314, 0.124. Year on year these are first prints, monthly the figures as revised since, rounded: first
//! prints before 2021 are not in the data. Student's t beats, by log score out of sample, a kernel estimate
//! with the same kernel (−2.93 against −2.99 on year-on-year prints against the last print) and the normal
//! distribution (−3.04). `data/README.md` has more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::desk::strategy::{Estimate, Learned, MarketView};
use crate::domain::fact::Month;
use crate::domain::{Decimal6, Fact, Fraction, Probability, Span, Strike, Timestamp};

use super::CpiSettings;
use super::student::Student;

/// Monthly prints that make the mean of the trend, at most and at least.
const MEAN_OF: usize = 36;
const MEAN_OF_AT_LEAST: usize = 6;
/// What is left after a month of a month's distance from the mean.
const PERSISTENCE: f64 = 0.5;
/// Months further ahead than this are not priced.
const MAX_MONTHS: i32 = 12;
/// Prints come in tenths of a percent: in millionths.
const TENTH: i64 = 100_000;
/// How long after a market's close its print may be published.
const PUBLISHED_WITHIN: Span = Span::DAY;

/// The figure a market pays on: headline CPI month on month or year on year, or core month on month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Figure {
    Mom,
    Yoy,
    CoreMom,
}

impl Figure {
    const ALL: [Self; 3] = [Self::Mom, Self::Yoy, Self::CoreMom];

    const fn display_name(self) -> &'static str {
        match self {
            Self::Mom => "CPI month on month",
            Self::Yoy => "CPI year on year",
            Self::CoreMom => "core CPI month on month",
        }
    }
}

/// Where an expectation comes from, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CpiBasis {
    Consensus,
    Trend,
    LastPrint,
}

impl CpiBasis {
    const ALL: [Self; 3] = [Self::Consensus, Self::Trend, Self::LastPrint];

    /// Scale of the errors on 2003 to 2021 by maximum likelihood, as above. No consensus of those years is
    /// in the data: a tenth, one unit of the print, is assumed, or the trend's where that is less.
    const fn prior_scale(self, figure: Figure) -> f64 {
        match (self, figure) {
            (Self::Consensus | Self::Trend, Figure::CoreMom) => 0.07,
            (Self::Consensus, _) => 0.10,
            (Self::Trend, Figure::Mom) => 0.18,
            (Self::Trend, Figure::Yoy) => 0.20,
            (Self::LastPrint, Figure::Mom) => 0.22,
            (Self::LastPrint, Figure::Yoy) => 0.33,
            (Self::LastPrint, Figure::CoreMom) => 0.09,
        }
    }
}

impl fmt::Display for CpiBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Consensus => "the consensus",
            Self::Trend => "the trend of prints",
            Self::LastPrint => "the last print",
        })
    }
}

/// One value for each `Figure`, indexed by it; the figures themselves are in percent.
type Figures<T> = [T; 3];
type ByMonth = BTreeMap<Month, f64>;

/// Errors of one kind of expectation, and what was fitted to them.
#[derive(Clone, Debug)]
struct Sample {
    errors: Vec<f64>,
    fit: Student,
}

/// What is believed of a figure of a month.
#[derive(Clone, Debug)]
struct CpiOutlook {
    print: Student,
    known: usize,
    reason: Arc<str>,
}

/// The model `cpi`: prints, consensus and release dates published so far, and the errors fitted to them.
pub struct CpiModel {
    settings: CpiSettings,
    /// Monthly figures that follow a hole are not here: they are changes over more than a month.
    prints: Figures<ByMonth>,
    printed: BTreeSet<Month>,
    consensus: Figures<ByMonth>,
    calendar: BTreeMap<Month, Timestamp>,
    samples: Figures<[Sample; 3]>,
    /// Outlooks computed so far; `None` where nothing can be said. Cleared by every fact the model uses.
    outlooks: BTreeMap<(Figure, Month), Option<CpiOutlook>>,
}

impl CpiModel {
    /// A model that knows nothing yet.
    #[must_use]
    pub fn new(settings: CpiSettings) -> Self {
        let sample = |figure: Figure, basis: CpiBasis| Sample {
            errors: Vec::new(),
            fit: Student { location: 0.0, scale: basis.prior_scale(figure) },
        };
        Self {
            settings,
            prints: Figures::default(),
            printed: BTreeSet::new(),
            consensus: Figures::default(),
            calendar: BTreeMap::new(),
            samples: Figure::ALL.map(|figure| CpiBasis::ALL.map(|basis| sample(figure, basis))),
            outlooks: BTreeMap::new(),
        }
    }

    /// Learns a first print, consensus or release date of CPI; all other facts are ignored.
    pub fn learn_fact(&mut self, fact: &Fact) -> Learned {
        match *fact {
            // A first print is printed once.
            Fact::CpiPrint { month, .. } if self.printed.contains(&month) => return Learned::Ignored,
            Fact::CpiPrint { month, yoy, mom, core_mom } => self.learn_print(month, [mom, yoy, core_mom]),
            Fact::CpiConsensus { month, yoy, mom, core_mom } => {
                for (known, value) in self.consensus.iter_mut().zip([mom, yoy, core_mom]) {
                    known.extend(value.map(|value| (month, decimal_to_percent(value))));
                }
            }
            Fact::CpiRelease { month, release: Some(release) } => {
                self.calendar.insert(month, release);
            }
            Fact::CpiRelease { month, release: None } => {
                self.calendar.remove(&month);
            }
            Fact::FomcDecision { .. }
            | Fact::FomcMeeting { .. }
            | Fact::Unemployment { .. }
            | Fact::HighForecast { .. }
            | Fact::ObservedHigh { .. } => {
                return Learned::Ignored;
            }
        }
        self.outlooks.clear();
        Learned::Used
    }

    /// Learns from what was expected of a print, then takes it in.
    fn learn_print(&mut self, month: Month, values: Figures<Option<Decimal6>>) {
        let follows = self.printed.is_empty() || self.printed.contains(&month.months_earlier(1));
        let of_one_month = |figure: Figure| figure == Figure::Yoy || follows;
        let values: Vec<_> = Figure::ALL
            .into_iter()
            .zip(values)
            .filter(|&(figure, _)| of_one_month(figure))
            .filter_map(|(figure, value)| Some((figure, decimal_to_percent(value?))))
            .collect();
        for &(figure, value) in &values {
            for basis in CpiBasis::ALL {
                if let Some((expected, 1)) = self.expected_print(figure, month, basis) {
                    let sample = &mut self.samples[figure as usize][basis as usize];
                    sample.errors.push(value - expected);
                    sample.fit = Student::fit_with_prior(
                        &sample.errors,
                        basis.prior_scale(figure),
                        self.settings.prior_strength,
                    );
                }
            }
        }
        for (figure, value) in values {
            self.prints[figure as usize].insert(month, value);
        }
        self.printed.insert(month);
    }

    /// Returns the belief in one market; `None` if its series or month is not covered or nothing is known.
    pub fn evaluate(&mut self, view: &MarketView<'_>) -> Option<Estimate> {
        let figure = self.figure_of_series(&view.market.series_ticker)?;
        let month = self.reference_month(view)?;
        if !self.outlooks.contains_key(&(figure, month)) {
            let outlook = self.compute_outlook(figure, month);
            self.outlooks.insert((figure, month), outlook);
        }
        let outlook = self.outlooks.get(&(figure, month))?.as_ref()?;
        let known = outlook.known as f64;
        Some(Estimate {
            probability: Probability::from_f64(probability_of_print(outlook.print, view.market.strike)?)?,
            confidence: Fraction::from_f64(known / (known + self.settings.prior_strength))?,
            reason: Arc::clone(&outlook.reason),
        })
    }

    fn figure_of_series(&self, series: &str) -> Option<Figure> {
        let CpiSettings { mom_series, yoy_series, core_mom_series, .. } = &self.settings;
        let pays_on = |names: &[String]| names.iter().any(|name| name == series);
        Figure::ALL
            .into_iter()
            .zip([mom_series, yoy_series, core_mom_series])
            .find_map(|(figure, names)| pays_on(names).then_some(figure))
    }

    /// The month a market asks about: the one whose release follows its close; `None` if none on the
    /// public calendar does.
    fn reference_month(&self, view: &MarketView<'_>) -> Option<Month> {
        let within = view.close_time..=view.close_time + PUBLISHED_WITHIN;
        let asked = |release: &Timestamp| within.contains(release) && *release > view.now;
        let (&month, _) = self.calendar.iter().find(|&(_, release)| asked(release))?;
        (!self.printed.contains(&month)).then_some(month)
    }

    fn compute_outlook(&self, figure: Figure, month: Month) -> Option<CpiOutlook> {
        // The month after one that is never printed comes as a change over two.
        let before = month.months_earlier(1);
        let follows = self.printed.contains(&before) || self.calendar.contains_key(&before);
        if figure != Figure::Yoy && !follows {
            return None;
        }
        let (basis, (expected, ahead)) = CpiBasis::ALL
            .into_iter()
            .find_map(|basis| Some((basis, self.expected_print(figure, month, basis)?)))?;
        let Sample { errors, fit } = &self.samples[figure as usize][basis as usize];
        let (noun, known, Student { location, scale }) = (figure.display_name(), errors.len(), *fit);
        let later = if ahead > 1 { format!("; {ahead} months from the last one") } else { String::new() };
        let reason = format!(
            "{noun} of {month} expected at {expected:.2} % by {basis}; \
             first prints against that: {location:.2} ± {scale:.2} over {known} months{later}"
        );
        let print = Student { location: expected + location, scale: scale * error_widening(figure, ahead) };
        Some(CpiOutlook { print, known, reason: reason.into() })
    }

    /// What is expected of a month's print, and how many months that is after the last one known.
    fn expected_print(&self, figure: Figure, month: Month, basis: CpiBasis) -> Option<(f64, i32)> {
        if basis == CpiBasis::Consensus {
            // Forecasters see the months in between.
            return self.consensus[figure as usize].get(&month).map(|&expected| (expected, 1));
        }
        let (&last_month, &last) = self.prints[figure as usize].last_key_value()?;
        let ahead = month.months_since(last_month);
        if !(1..=MAX_MONTHS).contains(&ahead) {
            return None;
        }
        let expected = match (basis, figure) {
            (CpiBasis::Trend, Figure::Yoy) => (0..ahead).rev().try_fold(last, |sum, back| {
                let between = month.months_earlier(back);
                Some(
                    sum + self.headline_change(between)?
                        - self.prints[Figure::Mom as usize].get(&between.months_earlier(12))?,
                )
            })?,
            (CpiBasis::Trend, _) => self.trend_forecast(figure, month)?,
            _ => last,
        };
        Some((expected, ahead))
    }

    /// The headline change in a month: its print, else the trend.
    fn headline_change(&self, month: Month) -> Option<f64> {
        let printed = self.prints[Figure::Mom as usize].get(&month).copied();
        printed.or_else(|| self.trend_forecast(Figure::Mom, month))
    }

    /// μ + ½ʰ·(x − μ) for a monthly figure.
    fn trend_forecast(&self, figure: Figure, month: Month) -> Option<f64> {
        let prints = &self.prints[figure as usize];
        let (&last_month, &last) = prints.last_key_value()?;
        let ahead = month.months_since(last_month);
        let count = prints.len().min(MEAN_OF);
        if count < MEAN_OF_AT_LEAST || ahead < 1 {
            return None;
        }
        let mean = prints.values().rev().take(MEAN_OF).sum::<f64>() / count as f64;
        Some((0..ahead).fold(last - mean, |distance, _| distance * PERSISTENCE) + mean)
    }
}

/// How much wider errors are that many months ahead.
fn error_widening(figure: Figure, ahead: i32) -> f64 {
    let (mut step, mut sum, mut variance) = (1.0, 0.0, 0.0);
    for _ in 0..ahead {
        sum += step;
        let error: f64 = if figure == Figure::Yoy { sum } else { step };
        variance += error * error;
        step *= PERSISTENCE;
    }
    variance.sqrt()
}

/// In percent, from the exact decimal.
fn decimal_to_percent(value: Decimal6) -> f64 {
    value.millionths() as f64 / 1e6
}

/// That the print, rounded to a tenth, satisfies the strike.
fn probability_of_print(print: Student, strike: Strike) -> Option<f64> {
    let (lowest, highest) = paying_range(strike)?;
    let edge = |tenths: i64, half: f64| print.cumulative_probability((tenths as f64 + half) / 10.0);
    let below = lowest.map_or(0.0, |lowest| edge(lowest, -0.5));
    let upto = highest.map_or(1.0, |highest| edge(highest, 0.5));
    Some((upto - below).clamp(0.0, 1.0))
}

/// The lowest and the highest print that pay, in tenths; `None` where nothing bounds them.
const fn paying_range(strike: Strike) -> Option<(Option<i64>, Option<i64>)> {
    const fn floor_to_tenths(value: Decimal6) -> i64 {
        value.millionths().div_euclid(TENTH)
    }
    const fn ceil_to_tenths(value: Decimal6) -> i64 {
        -(-value.millionths()).div_euclid(TENTH)
    }
    Some(match strike {
        Strike::Greater(above) => (Some(floor_to_tenths(above) + 1), None),
        Strike::GreaterOrEqual(least) => (Some(ceil_to_tenths(least)), None),
        Strike::Less(under) => (None, Some(ceil_to_tenths(under) - 1)),
        Strike::LessOrEqual(most) => (None, Some(floor_to_tenths(most))),
        Strike::Between(least, most) => (Some(ceil_to_tenths(least)), Some(floor_to_tenths(most))),
        Strike::Other => return None,
    })
}

#[cfg(test)]
#[path = "cpi_tests.rs"]
mod tests;
