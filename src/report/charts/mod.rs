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

pub use bars::{Bars, ChartBar, draw_bar_chart};
pub use canvas::Svg;
pub use equity::{
    CurvePoint, Equity, EquityComparison, HaltMark, RunCurve, draw_comparison_chart, draw_equity_chart,
};
pub use evidence::{EvidenceChart, EvidenceCurve, draw_evidence_chart};
pub use mark_outs::{MarkOutBar, MarkOuts, draw_mark_outs_chart};
pub use outcomes::{Outcomes, draw_outcomes_chart};
pub use reliability::{BandPoint, Reliability, ReliabilityBin, ReliabilityCurve, draw_reliability_chart};
pub use rolling::{RollingChart, RollingPoint, draw_rolling_chart};
pub use scale::AxisUnit;
pub use waterfall::{WaterfallChart, WaterfallStep, draw_waterfall_chart};

/// The charts' part of the page's style sheet.
pub const STYLE: &str = include_str!("style.css");
