//! Where prices went after the fills: what tells a bad entry from bad luck.

use plotters::element::ErrorBar;
use plotters::style::text_anchor::HPos;

use super::canvas::{Drawn, Sheet, Svg, WHISKER, max_text_width, truncate_to_width};
use super::panel::{Axis, MARGIN, Track, draw_stacked_panels};
use super::scale::{AxisRange, AxisUnit, Tick};
use super::style::{Ink, LineStyle, series_marker, whisker_style};

/// Horizons that find room; the later ones are left out, and the chart says so.
const HORIZONS: usize = 8;

/// The mean move after a fill, in the direction of the side taken.
#[derive(Clone, Debug)]
pub struct MarkOutBar {
    /// How long after, like `15 min` or `settlement`.
    pub horizon: String,
    /// Mean, cents per contract; above zero is in our favour.
    pub cents: f64,
    /// Ends of the mean's 95 % interval, cents per contract; without one there is no whisker.
    pub interval: Option<(f64, f64)>,
    /// Number of fills behind the mean: those with a price at this horizon.
    pub count: u64,
}

/// Input of the chart of mean price moves after fills, one mark a horizon.
#[derive(Clone, Debug, Default)]
pub struct MarkOuts {
    /// For readers who do not see the chart.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// Horizons from the shortest to the longest; those after the eighth are not drawn.
    pub horizons: Vec<MarkOutBar>,
}

/// Draws the mean move and its interval at each horizon, with the number of fills beneath.
#[must_use]
pub fn draw_mark_outs_chart(input: &MarkOuts) -> Svg {
    Svg::draw_both_widths(&input.title, &input.description, |sheet| draw_on_sheet(sheet, input))
}

fn draw_on_sheet(sheet: &mut Sheet<'_>, input: &MarkOuts) -> Drawn {
    let shown = &input.horizons[..input.horizons.len().min(HORIZONS)];
    let ends = |mark: &MarkOutBar| mark.interval.map_or([mark.cents; 2], |(low, high)| [low, high]);
    let values = shown.iter().flat_map(|mark| ends(mark).into_iter().chain([mark.cents]));
    let Some(range) =
        AxisRange::from_values(values.clone()).and_then(|_| AxisRange::from_values(values.chain([0.0])))
    else {
        return sheet.draw_no_data_note();
    };
    let slot = (sheet.width - 60.0) / shown.len() as f64;
    let is_narrow = sheet.is_narrow();
    // On a phone a name has two lines.
    let in_parts = |mark: &MarkOutBar| {
        let parts = mark.horizon.rsplit_once(' ').filter(|_| is_narrow);
        let (start, end) = parts.unwrap_or((&mark.horizon, ""));
        [start.to_owned(), end.to_owned()]
    };
    let names: Vec<_> = shown.iter().map(in_parts).collect();
    let tick = |(index, mark): (usize, &MarkOutBar)| {
        let room = max_name_width(&names, index, slot);
        let [label, end] = names[index].each_ref().map(|part| truncate_to_width(part, room));
        let count = AxisUnit::Number.format_value(mark.count as f64, 0);
        let below = if is_narrow { vec![end, count] } else { vec![format!("n = {count}")] };
        Tick { at: index as f64, label, below }
    };
    let title = if is_narrow { "Time after the fill; number of fills" } else { "Time after the fill" };
    let axis = Axis {
        range: AxisRange { low: -0.5, high: shown.len() as f64 - 0.5 },
        ticks: shown.iter().enumerate().map(tick).collect(),
    };
    let largest = range.low.abs().max(range.high.abs());
    let range = AxisRange { low: range.low, high: range.high + (range.high - range.low) * 0.1 };
    let track = Track::new("Mean move in our favour, cents a contract", 220.0, range, AxisUnit::Cents);
    let panels = draw_stacked_panels(sheet, (&axis, title), MARGIN, &[track])?;
    let panel = &panels[0];
    panel.draw_horizontal_line(LineStyle::Zero, 0.0)?;
    let decimals = AxisUnit::Cents.decimals_for_largest(largest);
    for (index, mark) in shown.iter().enumerate().filter(|(_, mark)| mark.cents.is_finite()) {
        let (x, mut top) = (index as f64, mark.cents);
        if let Some((low, high)) = mark.interval.filter(|(low, high)| low.is_finite() && high.is_finite()) {
            panel.draw_element(&ErrorBar::new_vertical(
                x,
                low,
                mark.cents,
                high,
                whisker_style(Some(0)),
                WHISKER,
            ))?;
            top = top.max(high);
        }
        panel.draw_element(&series_marker(0, (x, mark.cents)))?;
        // Over the whisker, where nothing else is drawn.
        let (x, y) = panel.sheet_position((x, top));
        let text = AxisUnit::Cents.format_signed(mark.cents, decimals);
        sheet.draw_text(Ink::Plain, (x, y - 12.0), HPos::Center, &text)?;
    }
    if input.horizons.len() > HORIZONS {
        let text = format!("{} later horizons are not shown", input.horizons.len() - HORIZONS);
        sheet.draw_text_line(Ink::Muted, &text)?;
    }
    Ok(())
}

/// How wide a horizon's name may be: what its wider neighbour leaves.
fn max_name_width(names: &[[String; 2]], index: usize, slot: f64) -> f64 {
    let width = |name: &[String; 2]| max_text_width(name.iter().map(String::as_str));
    let before = index.checked_sub(1).and_then(|index| names.get(index));
    let neighbour = before.into_iter().chain(names.get(index + 1)).map(width).fold(0.0, f64::max);
    (2.0 * (slot - 2.0) - neighbour).max(slot - 2.0)
}
