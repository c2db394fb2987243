//! The page of a sweep: the verdict, how return depends on the parameters, and all sets.

use maud::{Markup, html};

use crate::report::findings::Tone;
use crate::report::html::{HtmlCell, HtmlColumn, HtmlTable, Page, Section, banner};

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
pub fn page(manifest: &Manifest, results: &[TaskResult], verdict: &SweepAssessment) -> String {
    let (tone, title) = if verdict.beats_the_market {
        (Tone::Good, "Sets chosen on earlier events beat the market on later ones")
    } else {
        (Tone::Bad, "Nothing here beats the market")
    };
    let sections = [
        ("choice", "Chosen before, judged after", choice(results, verdict)),
        ("parameters", "Return by parameter", parameters(manifest, results)),
        ("sets", "All sets", sets(manifest, results)),
    ];
    let section =
        |(id, title, body): (&str, &str, Markup)| Section { id: id.into(), title: title.into(), body };
    Page {
        title: format!("Sweep of {}", manifest.scenario),
        head: html! {
            p { (results.len()) " sets over the same data." }
            (banner(tone, title, &judgement(verdict)))
        },
        sections: sections.into_iter().map(section).collect(),
        foot: html! { p { "protogen " (manifest.version) " · sweep " (manifest.id()) } },
        style: "",
        script: "",
    }
    .render()
}

fn percent(share: f64) -> String {
    format!("{:+.2} %", 100.0 * share).replace('-', "−")
}

fn words(set: &Set) -> String {
    set.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

fn judgement(verdict: &SweepAssessment) -> String {
    let best = format!(
        "Best on all of the data: {} with {}.",
        words(&verdict.best_parameters),
        percent(verdict.best_return)
    );
    match &verdict.out_of_sample {
        None => format!("{best} Too few events were traded to judge the choice on others."),
        Some(found) => {
            let interval = found.interval().map_or_else(String::new, |(low, high)| {
                format!(" (95 %: {} to {})", percent(low), percent(high))
            });
            let events = verdict.judged_events;
            format!(
                "{best} Chosen the same way on earlier events, {} on {events} later ones{interval}.",
                percent(found.value)
            )
        }
    }
}

fn choice(results: &[TaskResult], verdict: &SweepAssessment) -> Markup {
    let day = |nanos: i64| crate::domain::Timestamp::from_nanos(nanos).date();
    let share =
        |value: Option<f64>| value.map_or_else(|| "not known".to_owned(), |value| format!("{value:.2}"));
    let rows = verdict.folds.iter().map(|fold| {
        vec![
            HtmlCell::text(day(fold.from)),
            HtmlCell::text(words(&results[fold.set].parameters)),
            HtmlCell::number(fold.chosen_on.to_string(), fold.chosen_on as f64),
            HtmlCell::number(fold.purged.to_string(), fold.purged as f64),
            HtmlCell::number(fold.judged_on.to_string(), fold.judged_on as f64),
            HtmlCell::number(percent(fold.profit), fold.profit),
        ]
    });
    let table = HtmlTable {
        caption:
            "Each row: the set that was best until then, and what it made of the events that began after"
                .into(),
        columns: vec![
            HtmlColumn::text("From"),
            HtmlColumn::text("Chosen set"),
            HtmlColumn::number("Chosen on, events"),
            HtmlColumn::number("Left out"),
            HtmlColumn::number("Judged on, events"),
            HtmlColumn::number("Profit, of the bankroll"),
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
fn parameters(manifest: &Manifest, results: &[TaskResult]) -> Markup {
    let keys = manifest.keys();
    let pairs = (0..keys.len()).flat_map(|one| (one + 1..keys.len()).map(move |other| (one, other)));
    let pairs: Vec<(usize, usize)> = pairs.filter(|_| keys.len() <= PAIRED).collect();
    html! {
        @if keys.len() == 1 {
            figure {
                h3 { "Return by " (keys[0]) }
                (charts::line(results, 0, keys[0]))
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
                (charts::parallel(results, &keys))
                figcaption {
                    "Each line is a set, from its parameters on the left to its return on the right. The best tenth is "
                    "drawn bold and blue, the worst tenth dashed and orange."
                }
            }
        }
    }
}

fn sets(manifest: &Manifest, results: &[TaskResult]) -> Markup {
    let mut order: Vec<&TaskResult> = results.iter().collect();
    order.sort_by(|a, b| b.figures.total_return().total_cmp(&a.figures.total_return()));
    let keys = manifest.keys();
    let parameter = |value: &String| match value.parse::<f64>() {
        Ok(number) => HtmlCell::number(value.clone(), number),
        Err(_) => HtmlCell::text(value.clone()),
    };
    let rows = order.iter().take(LISTED).map(|result| {
        let figures = &result.figures;
        let drawdown = f64::from(figures.max_drawdown_ppm) / 1e6;
        let mut row: Vec<HtmlCell> = result.parameters.iter().map(|(_, value)| parameter(value)).collect();
        row.extend([
            HtmlCell::number(percent(figures.total_return()), figures.total_return()),
            HtmlCell::number(format!("{:.2} %", 100.0 * drawdown), drawdown),
            HtmlCell::number(figures.trades.to_string(), figures.trades as f64),
            HtmlCell::number(figures.halts.to_string(), figures.halts as f64),
        ]);
        row
    });
    let is_number = |at: usize| results.iter().all(|result| result.parameters[at].1.parse::<f64>().is_ok());
    let key = |(at, key): (usize, &&str)| {
        if is_number(at) { HtmlColumn::number(*key) } else { HtmlColumn::text(*key) }
    };
    let mut columns: Vec<HtmlColumn> = keys.iter().enumerate().map(key).collect();
    columns.extend(["Return", "Drawdown", "Trades", "Halts"].map(HtmlColumn::number));
    let caption = match results.len() {
        many if many > LISTED => format!("The first {LISTED} of {many} by return; all are in table.csv"),
        _ => "By return".to_owned(),
    };
    HtmlTable { caption, columns, rows: rows.collect() }.render()
}
