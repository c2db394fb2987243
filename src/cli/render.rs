//! The summary of a run for a terminal.

use std::fmt::Write;
use std::path::Path;

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, presets};
use console::{Style, Term};
use rusqlite::Connection;

use crate::journal::sqlite;
use crate::report::Summary;
use crate::report::calibration::Calibration;

use super::shown_scenario::ShownScenario;
use super::{Color, Common, Failure};

const CHART_WIDTH: usize = 72;
const CHART_HEIGHT: u32 = 9;
/// Trades shown unless all are asked for: the first and the last of them.
const TRADES_SHOWN: u64 = 12;
const WIDEST: u16 = 140;

/// The whole summary.
pub fn summary_text(
    summary: &Summary,
    shown: &ShownScenario,
    folder: &Path,
    common: &Common,
) -> Result<String, Failure> {
    match common.color {
        Color::Auto => {}
        Color::Always => console::set_colors_enabled(true),
        Color::Never => console::set_colors_enabled(false),
    }
    let mut text = String::new();
    if common.quiet {
        let _ =
            writeln!(text, "{}: {} · {}", summary.scenario, profit_or_loss_text(summary), folder.display());
        return Ok(text);
    }
    let ledger = sqlite::open_ledger(&folder.join("ledger.sqlite"))?;
    let unreadable =
        |error: rusqlite::Error| Failure::new(Failure::DATA, format!("{}: {error}", folder.display()));
    let bold = Style::new().bold();
    let span = match (&summary.start, &summary.end) {
        (Some(start), Some(end)) => format!("{} to {}", date_part(start), date_part(end)),
        _ => "nothing was evaluated".into(),
    };
    let _ = writeln!(text, "{} · {span}", bold.apply_to(&summary.scenario));
    if !shown.description.is_empty() {
        let _ = writeln!(text, "{}", wrap_to_terminal(&shown.description));
    }
    let _ = writeln!(text, "\n{}", bold.apply_to(profit_or_loss_text(summary)));
    for line in halt_sentences(&ledger, shown.halts_ignored).map_err(unreadable)? {
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(text, "{}", probabilities_in_words(summary));
    text += &equity_chart_text(&ledger, summary).map_err(unreadable)?;
    text += &figures_table_text(summary);
    text += &calibration_table_text(summary);
    text += &trades_text(&ledger, common.verbose).map_err(unreadable)?;
    text += &refusals_text(summary);
    text += &assumptions_text(summary, shown);
    let _ = writeln!(
        text,
        "run {} · digest {} · {:.2} s",
        summary.run_id,
        &summary.digest[..16],
        summary.elapsed_s
    );
    let _ = writeln!(text, "{}", folder.display());
    Ok(text)
}

fn date_part(time: &str) -> &str {
    time.split('T').next().unwrap_or_default()
}

/// Words in lines as wide as the terminal.
pub fn wrap_to_terminal(text: &str) -> String {
    let width = usize::from(terminal_width()).min(110);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.len() + 1 + word.len() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

fn terminal_width() -> u16 {
    let (_, columns) = Term::stdout().size();
    if Term::stdout().is_term() { columns.min(WIDEST) } else { WIDEST }
}

/// `1,234.50`
pub fn format_dollars(value: f64) -> String {
    let cents = format!("{:.2}", value.abs());
    let (whole, rest) = cents.split_once('.').unwrap_or((&cents, "00"));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if value < 0.0 && cents != "0.00" { "-" } else { "" };
    format!("{sign}{grouped}.{rest}")
}

/// A gain or a loss, coloured where colours are on.
fn signed_dollar_cell(value: f64) -> Cell {
    let plus = if value > 0.0 { "+" } else { "" };
    let cell = Cell::new(format!("{plus}{}", format_dollars(value)));
    match value {
        _ if !console::colors_enabled() => cell,
        value if value < 0.0 => cell.fg(comfy_table::Color::Red),
        _ => cell.fg(comfy_table::Color::Green),
    }
}

fn profit_or_loss_text(summary: &Summary) -> String {
    let share = summary.r#return * 100.0;
    match summary {
        Summary { trades: 0, open_positions: 0, .. } => "Nothing was traded.".into(),
        _ if summary.pnl > 0.0 => format!(
            "Made ${} ({share:+.1} %) after ${} of fees.",
            format_dollars(summary.pnl),
            format_dollars(summary.fees)
        ),
        _ => format!(
            "Lost ${} ({share:+.1} %) after ${} of fees.",
            format_dollars(-summary.pnl),
            format_dollars(summary.fees)
        ),
    }
}

fn halt_sentences(ledger: &Connection, ignored: bool) -> rusqlite::Result<Vec<String>> {
    let mut select = ledger
        .prepare("SELECT ts, coalesce(strategy, 'all trading'), rule, detail FROM halts ORDER BY ts")?;
    let lines = select.query_map([], |row| {
        let (ts, who, rule, detail): (String, String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let rule = rule.replace('_', " ");
        let after = if ignored {
            "It went on only because halts are ignored."
        } else {
            "It opened nothing after that; --ignore-halts shows the rest."
        };
        Ok(format!("{who} was halted on {} by the {rule} rule: {detail}. {after}", date_part(&ts)))
    })?;
    lines.collect()
}

fn probabilities_in_words(summary: &Summary) -> String {
    let Some(all) = summary.calibration.last().filter(|all| all.forecasts > 0) else {
        return "No forecast was resolved beside a market price.".into();
    };
    let (Some(model), Some(market)) = (all.brier, all.brier_market) else {
        return String::new();
    };
    let verdict = match all.brier_difference_95 {
        None => "one event is too few to tell them apart",
        Some([low, _]) if low > 0.0 => "the market's own prices were better",
        Some([_, high]) if high < 0.0 => "the beliefs were better than the market's own prices",
        Some(_) => "too close to tell from the market's own prices",
    };
    format!(
        "Brier score {model:.3} against {market:.3} for the market, on {} forecasts of {} events: {verdict}.",
        all.forecasts, all.events
    )
}

fn equity_chart_text(ledger: &Connection, summary: &Summary) -> rusqlite::Result<String> {
    let mut select =
        ledger.prepare("SELECT ts / 1000000000, equity / 1e6 FROM equity_point ORDER BY rowid")?;
    let points: Vec<(f64, f64)> = select
        .query_map([], |row| Ok((row.get::<_, i64>(0)? as f64, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let span: (Option<f64>, Option<f64>) =
        ledger.query_row("SELECT started_at / 1e9, finished_at / 1e9 FROM run", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let (Some(start), Some(end)) = span else {
        return Ok(String::new());
    };
    if points.is_empty() || end <= start {
        return Ok(String::new());
    }
    let ends = [(start, summary.bankroll), (end, points[points.len() - 1].1)];
    let points: Vec<_> = ends[..1].iter().chain(&points).chain(&ends[1..]).copied().collect();
    let (from, to) =
        (summary.start.as_deref().map_or("", date_part), summary.end.as_deref().map_or("", date_part));
    Ok(format!("\nEquity in dollars\n{}\n", plot_steps(&points, summary.bankroll, (from, to))))
}

/// A line of values over time, each held until the next; `before` is the value before the first.
pub fn plot_steps(points: &[(f64, f64)], before: f64, (from, to): (&str, &str)) -> String {
    let (Some((start, _)), Some((end, _))) = (points.first(), points.last()) else {
        return String::new();
    };
    let mut series = Vec::with_capacity(CHART_WIDTH);
    let (mut next, mut value) = (0, before);
    for column in 0..CHART_WIDTH {
        let until = start + (end - start) * (column + 1) as f64 / CHART_WIDTH as f64;
        while next < points.len() && points[next].0 <= until {
            value = points[next].1;
            next += 1;
        }
        series.push(value);
    }
    let config = rasciigraph::Config::default()
        .with_height(CHART_HEIGHT)
        .with_width(u32::try_from(CHART_WIDTH).unwrap_or(u32::MAX));
    let plot = rasciigraph::plot(series, config);
    let lines: Vec<_> = plot.lines().map(str::trim_end).collect();
    // The axis is one character of three bytes, so the margin is counted in characters.
    let margin = lines[0].chars().position(|c| c == '┤' || c == '┼').unwrap_or(0);
    let gap = CHART_WIDTH.saturating_sub(from.len() + to.len());
    format!("{}\n{:margin$} {from}{:gap$}{to}\n", lines.join("\n"), "", "")
}

/// A plain table: a line beneath the header and nothing else.
pub fn new_table() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING.header_separator(LineStyle::new(' ', '─', '─', ' ')))
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(terminal_width());
    table
}

/// A table as text, without blanks at the ends of its lines, and an empty line after it.
pub fn table_text(table: &Table) -> String {
    let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n\n", lines.join("\n"))
}

/// Aligns numbers.
pub fn right_align(table: &mut Table, columns: std::ops::Range<usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn figures_table_text(summary: &Summary) -> String {
    let mut table = new_table();
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let win_rate = summary.win_rate.map_or("-".into(), percent);
    let exits: Vec<_> =
        summary.exits.iter().map(|(reason, count)| format!("{count} {}", reason.replace('_', " "))).collect();
    let closed_by = if exits.is_empty() { "-".into() } else { exits.join(", ") };
    let evidence = format!("{:.3} / {:.1}", summary.evidence_for, summary.evidence_against);
    let rows: [(&str, Cell, &str, String); 6] = [
        (
            "final equity",
            format_dollars(summary.final_equity).into(),
            "trades closed",
            format!("{}, {} won ({win_rate})", summary.trades, summary.wins),
        ),
        ("P&L after fees", signed_dollar_cell(summary.pnl), "closed by", closed_by),
        ("fees", format_dollars(summary.fees).into(), "still open", summary.open_positions.to_string()),
        (
            "deepest drawdown",
            percent(summary.max_drawdown).into(),
            "orders, not filled whole",
            format!("{}, {}", summary.orders, summary.orders_not_filled_whole),
        ),
        ("highest exposure", format_dollars(summary.max_exposure).into(), "evidence for / against", evidence),
        (
            "inputs",
            summary.inputs.to_string().into(),
            "evaluations, opportunities",
            format!("{}, {}", summary.evaluations, summary.opportunities),
        ),
    ];
    for (left, value, right, other) in rows {
        table.add_row([Cell::new(left), value, Cell::new(right), Cell::new(other)]);
    }
    right_align(&mut table, 1..2);
    table_text(&table)
}

fn calibration_table_text(summary: &Summary) -> String {
    if summary.forecasts == 0 {
        return String::new();
    }
    let mut table = new_table();
    table.set_header([
        "probabilities at",
        "forecasts",
        "events",
        "Brier",
        "market",
        "difference, 95 %",
        "log loss",
        "market",
        "ECE",
    ]);
    for row in summary.calibration.iter().filter(|row| row.forecasts > 0) {
        let figure = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.4}"));
        let Calibration { brier, brier_market, log_loss, log_loss_market, ece, .. } = row;
        let interval =
            row.brier_difference_95.map_or("-".into(), |[low, high]| format!("{low:+.4} … {high:+.4}"));
        table.add_row([
            row.horizon.to_owned(),
            row.forecasts.to_string(),
            row.events.to_string(),
            figure(*brier),
            figure(*brier_market),
            interval,
            figure(*log_loss),
            figure(*log_loss_market),
            figure(*ece),
        ]);
    }
    right_align(&mut table, 1..9);
    table_text(&table)
}

fn trades_text(ledger: &Connection, all: bool) -> rusqlite::Result<String> {
    let count: u64 = ledger.query_row("SELECT count(*) FROM trade", [], |row| row.get(0))?;
    if count == 0 {
        return Ok(String::new());
    }
    let each = if all { count } else { TRADES_SHOWN / 2 };
    let sql = "SELECT t.opened_at, t.closed_at, t.ticker, t.side, t.contracts, t.entry_price, t.exit_price, t.pnl,
            t.exit_reason, t.probability, t.market_probability,
            (SELECT p.reason FROM placed p JOIN trade u ON u.rowid = t.n
             WHERE p.market = u.market AND p.strategy = u.strategy AND p.action = 'buy' AND p.ts <= u.opened_at
             ORDER BY p.order_id DESC LIMIT 1)
        FROM (SELECT row_number() OVER () AS n, * FROM trades) t
        WHERE t.n <= ?1 OR t.n > ?2 ORDER BY t.n";
    let mut select = ledger.prepare(sql)?;
    let mut rows = select.query([each, count.saturating_sub(each)])?;
    let dim = Style::new().dim();
    let mut text = format!("{}\n", Style::new().bold().apply_to("Trades"));
    let (mut shown, hidden) = (0, count.saturating_sub(2 * each));
    while let Some(row) = rows.next()? {
        if shown == each && hidden > 0 {
            let _ = writeln!(text, "  … {hidden} more; -v shows all");
        }
        shown += 1;
        let name = |index: usize| row.get::<_, String>(index);
        let real = |index: usize| row.get::<_, f64>(index);
        let (opened, closed) = (name(0)?, name(1)?);
        let pnl = format!("{:>12}", format_dollars(real(7)?));
        let pnl = if real(7)? < 0.0 {
            Style::new().red().apply_to(pnl)
        } else {
            Style::new().green().apply_to(pnl)
        };
        let _ = writeln!(
            text,
            "  {} → {}  {:20} {:3} {:>8} × {:.3} → {:.3} {pnl}  {}",
            date_part(&opened),
            date_part(&closed),
            name(2)?,
            name(3)?,
            real(4)?,
            real(5)?,
            real(6)?,
            name(8)?.replace('_', " ")
        );
        let (belief, market) = (real(9)? * 100.0, real(10)? * 100.0);
        let reason = row.get::<_, Option<String>>(11)?.unwrap_or_default();
        let because = format!("    believed {belief:.1} %, market {market:.1} %: {reason}");
        let _ = writeln!(text, "{}", dim.apply_to(because));
    }
    Ok(text + "\n")
}

fn refusals_text(summary: &Summary) -> String {
    if summary.refusals.is_empty() {
        return String::new();
    }
    let mut reasons: Vec<_> = summary.refusals.iter().collect();
    reasons.sort_by_key(|&(name, &count)| (std::cmp::Reverse(count), *name));
    let reasons: Vec<_> =
        reasons.iter().map(|(name, count)| format!("{count} {}", name.replace('_', " "))).collect();
    format!("Refused: {}\n", reasons.join(", "))
}

fn assumptions_text(summary: &Summary, shown: &ShownScenario) -> String {
    let mut text = String::new();
    if let Some(half_spread) = shown.half_spread.filter(|_| summary.assumed_quotes > 0) {
        let _ = writeln!(
            text,
            "{} of {} evaluations met quotes that are an assumption: {half_spread} dollars either side of a recorded midpoint.",
            summary.assumed_quotes, summary.evaluations
        );
    }
    for (kind, count) in &summary.rows_skipped {
        let _ = writeln!(text, "{count} bad rows were skipped: {}", kind.replace('_', " "));
    }
    text
}
