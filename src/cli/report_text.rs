//! A report in a terminal: the answers, and the key charts in characters.

use std::fmt::Write;

use comfy_table::Cell;
use console::Style;

use crate::domain::Timestamp;
use crate::report::findings::{CalibrationFindings, ReportFindings, Tone};
use crate::report::forecasts::POOLED;
use crate::report::stats::IntervalEstimate;
use crate::report::stats::evidence::LINE;

use super::render::{new_table, plot_steps, right_align, table_text, wrap_to_terminal};

/// Width of a bar.
const BAR: usize = 30;

/// Which run, and the questions with their answers.
pub fn answers_text(findings: &ReportFindings) -> String {
    let bold = Style::new().bold();
    let run = &findings.run;
    let day = |at: Option<i64>| at.map_or("?".into(), |at| Timestamp::from_nanos(at).utc_date());
    let mut text = format!(
        "{} · {} {} · {} to {}{}\n\n",
        bold.apply_to(&run.scenario),
        run.mode,
        run.run_id,
        day(run.start),
        day(run.end),
        if run.finished { "" } else { ", still going on" }
    );
    for warning in &findings.warnings {
        let _ = writeln!(text, "{}", wrap_to_terminal(&format!("! {}. {}", warning.title, warning.text)));
    }
    for answer in &findings.answers {
        let symbol = match answer.tone {
            Tone::Good => Style::new().green().apply_to("✓"),
            Tone::Bad => Style::new().red().apply_to("✗"),
            Tone::Unknown => Style::new().apply_to("?"),
        };
        let _ = writeln!(text, "\n{symbol} {} {}", bold.apply_to(answer.question), answer.word);
        let _ = writeln!(text, "{}", wrap_to_terminal(&answer.sentence));
    }
    text + "\n"
}

/// Equity, reliability, evidence and mark-outs.
pub fn charts_text(findings: &ReportFindings) -> String {
    let mut text = equity_chart_text(findings);
    for of in findings.calibration.iter().filter(|of| of.which == POOLED && !of.bins.is_empty()) {
        text += &reliability_text(of);
    }
    text += &evidence_text(findings);
    text += &mark_outs(findings);
    text += &profit_sources_text(findings);
    text
}

fn bold_heading(text: &str) -> String {
    format!("{}\n", Style::new().bold().apply_to(text))
}

fn equity_chart_text(findings: &ReportFindings) -> String {
    let curve = &findings.results.curve;
    let (Some(first), Some(last)) = (curve.first(), curve.last()) else { return String::new() };
    let points: Vec<(f64, f64)> = curve.iter().map(|point| (point.at as f64 / 1e9, point.equity)).collect();
    let (from, to) = (Timestamp::from_nanos(first.at).utc_date(), Timestamp::from_nanos(last.at).utc_date());
    format!(
        "{}{}\n",
        bold_heading("Equity in dollars"),
        plot_steps(&points, findings.results.bankroll, (&from, &to))
    )
}

/// What was said as `|`, what happened as `●` in its interval.
fn reliability_text(of: &CalibrationFindings) -> String {
    let mut rows = new_table();
    rows.set_header(["said", "happened", "95 %", "n", "0 %            50 %          100 %"]);
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    for bin in &of.bins {
        rows.add_row([
            Cell::new(percent(bin.mean_forecast)),
            Cell::new(percent(bin.rate)),
            Cell::new(format!("{} to {}", percent(bin.low), percent(bin.high))),
            Cell::new(bin.count),
            Cell::new(reliability_bar(bin.mean_forecast, bin.rate, (bin.low, bin.high))),
        ]);
    }
    right_align(&mut rows, 0..4);
    let title = format!("What {} said and what happened: | said, ● happened, ─ 95 %", of.strategy);
    format!("{}{}", bold_heading(&title), table_text(&rows))
}

fn reliability_bar(said: f64, happened: f64, (low, high): (f64, f64)) -> String {
    let place =
        |share: f64| (0..BAR).take_while(|&at| (at + 1) as f64 / BAR as f64 <= share).count().min(BAR - 1);
    let mut line = vec!['·'; BAR];
    line[place(low)..=place(high)].fill('─');
    line[place(said)] = '|';
    line[place(happened)] = '●';
    line.into_iter().collect()
}

fn evidence_text(findings: &ReportFindings) -> String {
    let mut text = String::new();
    for evidence in findings.evidence.iter().filter(|evidence| evidence.path.log_ratio.len() > 1) {
        let points: Vec<(f64, f64)> = (0u32..)
            .zip(&evidence.path.log_ratio)
            .map(|(n, log)| (f64::from(n), log * std::f64::consts::LOG10_E))
            .collect();
        let last = format!("{} events", evidence.path.log_ratio.len());
        let title = format!(
            "Evidence for {} as a power of ten; {LINE} to 1 is {:.1} for and {:.1} against",
            evidence.strategy,
            LINE.log10(),
            -LINE.log10()
        );
        let _ = write!(
            text,
            "{}{}\n\n",
            bold_heading(&title),
            plot_steps(&points, 0.0, ("first event", &last)).trim_end()
        );
    }
    text
}

fn mark_outs(findings: &ReportFindings) -> String {
    let known: Vec<_> =
        findings.mark_outs.iter().filter_map(|after| Some((after, after.gain.as_ref()?))).collect();
    if known.is_empty() {
        return String::new();
    }
    let widest = known.iter().map(|(_, gain)| gain.value.abs()).fold(0.0, f64::max);
    let mut rows = new_table();
    rows.set_header([
        "after a fill",
        "¢ a contract",
        "95 %",
        "since the fill",
        "fills",
        "against us | our way",
    ]);
    for (after, gain) in &known {
        rows.add_row([
            Cell::new(after.after),
            Cell::new(format!("{:+.2}", gain.value * 100.0)),
            Cell::new(confidence_interval_text(gain, 100.0, 2)),
            Cell::new(after.drift.map_or("-".into(), |drift| format!("{:+.2}", drift.value * 100.0))),
            Cell::new(after.fills),
            Cell::new(both_ways(gain.value / widest.max(1e-12))),
        ]);
    }
    right_align(&mut rows, 1..5);
    format!("{}{}", bold_heading("The market's mid against the price paid"), table_text(&rows))
}

/// A bar from the middle, −1 to 1.
fn both_ways(share: f64) -> String {
    let half = BAR / 2;
    let length = (1..=half).take_while(|&at| at as f64 <= (share.abs() * half as f64).max(0.5)).count();
    let (blank, bar) = (" ".repeat(half - length), "█".repeat(length));
    if share < 0.0 { format!("{blank}{bar}|") } else { format!("{}|{bar}", " ".repeat(half)) }
}

fn confidence_interval_text(estimate: &IntervalEstimate, times: f64, decimals: usize) -> String {
    estimate.interval().map_or("-".into(), |(low, high)| {
        format!("{:+.decimals$} to {:+.decimals$}", low * times, high * times)
    })
}

fn profit_sources_text(findings: &ReportFindings) -> String {
    let mut rows = new_table();
    rows.set_header(["by", "", "positions", "won", "profit", "¢ a contract", "95 %"]);
    for source in findings.sources.iter().filter(|source| source.groups.len() > 1) {
        for (place, group) in source.groups.iter().enumerate() {
            let per_contract = group.per_contract.as_ref();
            rows.add_row([
                Cell::new(if place == 0 { source.by } else { "" }),
                Cell::new(&group.name),
                Cell::new(group.trades),
                Cell::new(group.wins),
                Cell::new(super::render::format_dollars(group.pnl)),
                Cell::new(per_contract.map_or("-".into(), |found| format!("{:+.1}", found.value * 100.0))),
                Cell::new(per_contract.map_or("-".into(), |found| confidence_interval_text(found, 100.0, 1))),
            ]);
        }
    }
    if rows.row_count() == 0 {
        return String::new();
    }
    right_align(&mut rows, 2..7);
    format!("{}{}", bold_heading("Where it comes from"), table_text(&rows))
}

/// What went wrong.
pub fn postmortems_text(findings: &ReportFindings) -> String {
    let mut text = String::new();
    for story in &findings.postmortems {
        text += &bold_heading(&format!("What went wrong with {}", story.strategy));
        for (lesson, words) in &story.story {
            let _ = writeln!(text, "{}\n", wrap_to_terminal(&format!("{lesson}. {words}")));
        }
        let mut rows = new_table();
        rows.set_header(["rule", "stops on", "closed by then", "losses", "made", "opened later", "made"]);
        for stop in &story.delay {
            rows.add_row([
                Cell::new(stop.rule),
                Cell::new(stop.at.map_or("never".into(), |at| Timestamp::from_nanos(at).utc_date())),
                Cell::new(stop.trades),
                Cell::new(stop.losses),
                Cell::new(super::render::format_dollars(stop.pnl)),
                Cell::new(stop.later_trades),
                Cell::new(super::render::format_dollars(stop.later_pnl)),
            ]);
        }
        right_align(&mut rows, 2..7);
        text += &table_text(&rows);
    }
    if text.is_empty() { "Nothing was closed: there is nothing to learn from.\n".into() } else { text }
}
