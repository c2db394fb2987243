//! The page of a sweep: the verdict, how return depends on the parameters, and all sets.

use maud::{Markup, html};

use crate::report::findings::Tone;
use crate::report::html::{HtmlCell, HtmlColumn, HtmlTable, Page, Section, render_banner};

use super::assessment::SweepAssessment;
use super::charts;
use super::parameter_space::Set;
use super::plan::Manifest;
use super::result::TaskResult;

/// Sets listed on the page; all are in table.csv.
const LISTED: usize = 200;
/// Most keys of which every pair gets a heat map.
const PAIRED: usize = 4;

/// Returns the HTML page of a sweep: verdict, return by parameter, and the table of sets.
#[must_use]
pub fn render_sweep_page(manifest: &Manifest, results: &[TaskResult], verdict: &SweepAssessment) -> String {
    let (tone, title) = if verdict.beats_the_market {
        (Tone::Good, "Sets chosen on earlier events beat the market on later ones")
    } else {
        (Tone::Bad, "Nothing here beats the market")
    };
    let sections = [
        ("choice", "Chosen before, judged after", walk_forward_section(results, verdict)),
        ("parameters", "Return by parameter", parameters_section(manifest, results)),
        ("sets", "All sets", sets_section(manifest, results)),
    ];
    let section =
        |(id, title, body): (&str, &str, Markup)| Section { id: id.into(), title: title.into(), body };
    Page {
        title: format!("Sweep of {}", manifest.scenario),
        head: html! {
            p { (results.len()) " sets over the same data." }
            (render_banner(tone, title, &assessment_text(verdict)))
        },
        sections: sections.into_iter().map(section).collect(),
        foot: html! { p { "protogen " (manifest.version) " · sweep " (manifest.id()) } },
        style: "",
        script: "",
    }
    .render()
}

fn signed_percent(share: f64) -> String {
    format!("{:+.2} %", 100.0 * share).replace('-', "−")
}

fn format_parameters(set: &Set) -> String {
    set.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

fn assessment_text(verdict: &SweepAssessment) -> String {
    let best = format!(
        "Best on all of the data: {} with {}.",
        format_parameters(&verdict.best_parameters),
        signed_percent(verdict.best_return)
    );
    match &verdict.out_of_sample {
        None => format!("{best} Too few events were traded to judge the choice on others."),
        Some(found) => {
            let interval = found.interval().map_or_else(String::new, |(low, high)| {
                format!(" (95 %: {} to {})", signed_percent(low), signed_percent(high))
            });
            let events = verdict.judged_events;
            format!(
                "{best} Chosen the same way on earlier events, {} on {events} later ones{interval}.",
                signed_percent(found.value)
            )
        }
    }
}

fn walk_forward_section(results: &[TaskResult], verdict: &SweepAssessment) -> Markup {
    let day = |nanos: i64| crate::domain::Timestamp::from_nanos(nanos).utc_date();
    let share =
        |value: Option<f64>| value.map_or_else(|| "not known".to_owned(), |value| format!("{value:.2}"));
    let rows = verdict.folds.iter().map(|fold| {
        vec![
            HtmlCell::from_text(day(fold.from)),
            HtmlCell::from_text(format_parameters(&results[fold.set].parameters)),
            HtmlCell::from_number(fold.chosen_on.to_string(), fold.chosen_on as f64),
            HtmlCell::from_number(fold.purged.to_string(), fold.purged as f64),
            HtmlCell::from_number(fold.judged_on.to_string(), fold.judged_on as f64),
            HtmlCell::from_number(signed_percent(fold.profit), fold.profit),
        ]
    });
    let table = HtmlTable {
        caption:
            "Each row: the set that was best until then, and what it made of the events that began after"
                .into(),
        columns: vec![
            HtmlColumn::for_text("From"),
            HtmlColumn::for_text("Chosen set"),
            HtmlColumn::for_numbers("Chosen on, events"),
            HtmlColumn::for_numbers("Left out"),
            HtmlColumn::for_numbers("Judged on, events"),
            HtmlColumn::for_numbers("Profit, of the bankroll"),
        ],
        rows: rows.collect(),
    };
    html! {
        p {
            "An event chooses only if it was over, with the embargo, before the first entry it would judge; those in "
            "between are left out. An event lasts from the first entry of any set to the last exit of any."
        }
        (table.render())
        p {
            "Probability of overfitting, by cross-validation over all halves of ten parts of time: "
            (share(verdict.overfitting)) ". At 0.5 the best of one half is no better than any in the other. Deflated "
            "Sharpe ratio of the best, the probability that it is more than the luckiest of " (verdict.sets)
            " sets without an edge: " (share(verdict.deflated_sharpe)) "."
        }
    }
}

/// Heat maps of pairs, lines of single keys, and all keys side by side.
fn parameters_section(manifest: &Manifest, results: &[TaskResult]) -> Markup {
    let keys = manifest.varied_keys();
    let pairs = (0..keys.len()).flat_map(|one| (one + 1..keys.len()).map(move |other| (one, other)));
    let pairs: Vec<(usize, usize)> = pairs.filter(|_| keys.len() <= PAIRED).collect();
    html! {
        @if keys.len() == 1 {
            figure {
                h3 { "Return by " (keys[0]) }
                (charts::line_chart(results, 0, keys[0]))
                figcaption { "Each point is a set. Return on all of the data, as a share of the bankroll." }
            }
        }
        @for (x, y) in pairs {
            figure {
                h3 { "Return by " (keys[x]) " and " (keys[y]) }
                (charts::heat_map(results, charts::Axes { x, y }, &keys))
                figcaption {
                    "Mean return on all of the data over the sets in each cell. Blue: profit; orange: loss; the number "
                    "is the return in percent."
                }
            }
        }
        @if keys.len() > 1 {
            figure {
                h3 { "All parameters side by side" }
                (charts::parallel_coordinates(results, &keys))
                figcaption {
                    "Each line is a set, from its parameters on the left to its return on the right. The best tenth is "
                    "drawn bold and blue, the worst tenth dashed and orange."
                }
            }
        }
    }
}

fn sets_section(manifest: &Manifest, results: &[TaskResult]) -> Markup {
    let mut order: Vec<&TaskResult> = results.iter().collect();
    order.sort_by(|a, b| b.figures.total_return().total_cmp(&a.figures.total_return()));
    let keys = manifest.varied_keys();
    let parameter = |value: &String| match value.parse::<f64>() {
        Ok(number) => HtmlCell::from_number(value.clone(), number),
        Err(_) => HtmlCell::from_text(value.clone()),
    };
    let rows = order.iter().take(LISTED).map(|result| {
        let figures = &result.figures;
        let drawdown = f64::from(figures.max_drawdown_ppm) / 1e6;
        let mut row: Vec<HtmlCell> = result.parameters.iter().map(|(_, value)| parameter(value)).collect();
        row.extend([
            HtmlCell::from_number(signed_percent(figures.total_return()), figures.total_return()),
            HtmlCell::from_number(format!("{:.2} %", 100.0 * drawdown), drawdown),
            HtmlCell::from_number(figures.trades.to_string(), figures.trades as f64),
            HtmlCell::from_number(figures.halts.to_string(), figures.halts as f64),
        ]);
        row
    });
    let is_number = |at: usize| results.iter().all(|result| result.parameters[at].1.parse::<f64>().is_ok());
    let key = |(at, key): (usize, &&str)| {
        if is_number(at) { HtmlColumn::for_numbers(*key) } else { HtmlColumn::for_text(*key) }
    };
    let mut columns: Vec<HtmlColumn> = keys.iter().enumerate().map(key).collect();
    columns.extend(["Return", "Drawdown", "Trades", "Halts"].map(HtmlColumn::for_numbers));
    let caption = match results.len() {
        many if many > LISTED => format!("The first {LISTED} of {many} by return; all are in table.csv"),
        _ => "By return".to_owned(),
    };
    HtmlTable { caption, columns, rows: rows.collect() }.render()
}
