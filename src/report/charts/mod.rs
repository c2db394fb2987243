//! The charts of the report: each a function from plain figures to an [`Svg`].
//!
//! plotters draws them. Series are told apart by dash and marker as well as by colour. What is not finite is
//! left out, as a gap in a curve; long series are thinned so that their spikes stay; the same figures give the
//! same bytes.

mod bars;
mod canvas;
mod equity;
mod evidence;
mod mark_outs;
mod outcomes;
mod panel;
mod reduce;
mod reliability;
mod rolling;
mod rows;
mod scale;
mod style;
mod units;
mod waterfall;

#[cfg(test)]
mod tests;

pub use bars::{Bars, ChartBar, bars};
pub use canvas::Svg;
pub use equity::{CurvePoint, Equity, EquityComparison, HaltMark, RunCurve, comparison, equity};
pub use evidence::{EvidenceChart, EvidenceCurve, evidence};
pub use mark_outs::{MarkOutBar, MarkOuts, mark_outs};
pub use outcomes::{Outcomes, outcomes};
pub use reliability::{BandPoint, Reliability, ReliabilityBin, ReliabilityCurve, reliability};
pub use rolling::{RollingChart, RollingPoint, rolling};
pub use scale::AxisUnit;
pub use waterfall::{WaterfallChart, WaterfallStep, waterfall};

/// The charts' part of the page's style sheet.
pub const STYLE: &str = include_str!("style.css");
