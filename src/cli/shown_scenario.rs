//! What of a scenario the printed summary of a run mentions.

use crate::scenario::Scenario;

/// What of a scenario the printed summary mentions.
pub struct ShownScenario {
    /// What it is about.
    pub description: String,
    /// The assumed half spread in dollars.
    pub half_spread: Option<f64>,
    /// Whether halts were only recorded.
    pub halts_ignored: bool,
}

impl ShownScenario {
    /// The mentions of a scenario.
    pub fn from_scenario(scenario: &Scenario) -> Self {
        Self {
            description: scenario.description.clone(),
            half_spread: scenario.resolved.feed.half_spread,
            halts_ignored: scenario.desk.risk.ignore_halts,
        }
    }
}
