//! The live screen: money, positions and when they go, the last decisions and refusals, the feed. It shows
//! what [`Health`] says and knows nothing else.

use std::io;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line as Text, Span as Piece};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Table, Wrap};
use ratatui::{DefaultTerminal, Frame};

use crate::domain::Timestamp;
use crate::kalshi::clock;
use crate::live::health::{DecisionLine, Health};
use crate::live::moment::Moment;

use super::desk::in_words;
use super::render::format_dollars;

/// The terminal as a screen; given back when dropped, also by a panic.
pub struct Screen {
    terminal: DefaultTerminal,
}

impl Screen {
    /// Takes the terminal. Nothing else may print while it is held: send logs elsewhere.
    ///
    /// # Errors
    /// When there is no terminal.
    pub fn take_over_terminal() -> io::Result<Self> {
        // Installs a panic hook that gives the terminal back before the panic is printed.
        ratatui::try_init().map(|terminal| Self { terminal })
    }

    /// Shows how the desk is doing.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw_health(&mut self, health: &Health) -> io::Result<()> {
        self.terminal.draw(|frame| render_frame(frame, health, clock::now())).map(drop)
    }

    /// Whether `q` or Ctrl-C was pressed since the last call; never waits.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn wants_to_quit(&mut self) -> io::Result<bool> {
        let mut quit = false;
        while event::poll(Duration::ZERO)? {
            quit |= is_quit(&event::read()?);
        }
        Ok(quit)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn is_quit(event: &Event) -> bool {
    let Event::Key(key) = event else {
        return false;
    };
    let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press && (control_c || key.code == KeyCode::Char('q'))
}

fn render_frame(frame: &mut Frame<'_>, health: &Health, now: Timestamp) {
    let held = u16::try_from(health.positions.len() + health.orders.len()).unwrap_or(u16::MAX);
    let halts = super::halt_lines::halt_lines(health);
    let width = usize::from(frame.area().width.max(1));
    // A line that is cut would lose what to do.
    let rows: usize = halts.iter().map(|line| line.chars().count().div_ceil(width - width / 8)).sum();
    let halted = u16::try_from(rows).unwrap_or(u16::MAX);
    let [top, stopped, positions, decisions, refusals, foot] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Length(halted),
        Constraint::Length(held.saturating_add(3).clamp(4, 20)),
        Constraint::Min(4),
        Constraint::Percentage(30),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(summary_lines(health, now)), top);
    let halts: Vec<_> = halts.into_iter().map(|halt| Text::from(halt).red().bold()).collect();
    frame.render_widget(Paragraph::new(halts).wrap(Wrap { trim: true }), stopped);
    show_positions(frame, positions, health);
    show_lines(frame, decisions, "decisions", &health.decisions);
    show_lines(frame, refusals, "refusals", &health.refusals);
    frame.render_widget(Text::from("q or Ctrl-C ends the session").dim(), foot);
}

fn elapsed_text(now: Timestamp, at: Moment) -> String {
    in_words(now.since(at.0))
}

fn summary_lines(health: &Health, now: Timestamp) -> Vec<Text<'static>> {
    let real = health.environment == "prod" && health.mode == "live";
    let place = format!(" {} on {} ", health.mode, health.environment);
    let place = if real { place.white().on_red().bold() } else { place.black().on_cyan() };
    let up = match (&health.feed.paused, health.feed.up) {
        (Some(reason), _) => format!("PAUSED: {reason}; feed").red().bold(),
        (None, true) => "feed up".green(),
        (None, false) => "feed DOWN".red().bold(),
    };
    let feed = &health.feed;
    let heard = feed
        .last_message_at
        .map_or_else(|| "nothing heard yet".into(), |at| format!("heard {} ago", elapsed_text(now, at)));
    let drawdown =
        Piece::styled(format!("drawdown {:.1} %", health.drawdown * 100.0), drawdown_style(health.drawdown));
    vec![
        Text::from(vec![
            place,
            format!(
                " {} · run {} · up {}",
                health.scenario,
                health.run_id,
                elapsed_text(now, health.started_at)
            )
            .into(),
        ]),
        Text::from(vec![
            format!("equity ${}", format_dollars(health.equity)).bold(),
            format!(
                "   cash ${}   exposure ${}   ",
                format_dollars(health.cash),
                format_dollars(health.exposure)
            )
            .into(),
            drawdown,
            format!("   bets × {:.2}", health.scale).into(),
        ]),
        Text::from(vec![
            up,
            format!(" for {} · {heard} · {} markets, ", elapsed_text(now, feed.since), feed.markets).into(),
            format!("{} without a fresh quote", feed.stale_books).into(),
        ]),
    ]
}

fn drawdown_style(drawdown: f64) -> Style {
    match drawdown {
        fall if fall >= 0.15 => Style::new().fg(Color::Red),
        fall if fall >= 0.05 => Style::new().fg(Color::Yellow),
        _ => Style::new(),
    }
}

fn show_positions(frame: &mut Frame<'_>, area: Rect, health: &Health) {
    let held = health.positions.iter().map(|held| {
        let result = Cell::from(format_dollars(held.unrealized));
        Row::new([
            Cell::from(held.ticker.clone()),
            Cell::from(format!("{} {}", held.contracts, held.side)),
            Cell::from(format!("{:.3}", held.entry_price)),
            Cell::from(held.mark.map_or_else(|| "at cost".into(), |mark| format!("{mark:.3}"))),
            if held.unrealized < 0.0 { result.red() } else { result.green() },
            Cell::from(format!("{:.1} %", held.belief * 100.0)),
            Cell::from(minute_text(held.time_stop_at.min(held.close_time))),
        ])
    });
    let orders = health.orders.iter().map(|order| {
        let what = format!("{} {}/{} {}", order.action, order.filled, order.contracts, order.side);
        let cells = [order.ticker.clone(), what, format!("{:.3}", order.price), "order".into()];
        Row::new(cells).yellow()
    });
    let widths = [
        Constraint::Min(20),
        Constraint::Length(18),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(12),
        Constraint::Length(8),
        Constraint::Length(16),
    ];
    let titles = Row::new(["market", "held", "entry", "mark", "result", "belief", "gone by"]).dim();
    let title = format!(" {} positions, {} orders ", health.positions.len(), health.orders.len());
    let table = Table::new(held.chain(orders), widths).header(titles);
    frame.render_widget(table.block(Block::new().borders(Borders::TOP).title(title)), area);
}

/// A moment to the minute.
fn minute_text(at: Moment) -> String {
    at.to_string().chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

fn show_lines(frame: &mut Frame<'_>, area: Rect, title: &str, lines: &[DecisionLine]) {
    let time = |at: Moment| at.to_string().chars().skip(11).take(8).collect::<String>();
    let lines: Vec<_> = lines
        .iter()
        .map(|line| Text::from(vec![time(line.at).dim(), format!(" {}", line.text).into()]))
        .collect();
    let block = Block::new().borders(Borders::TOP).title(format!(" {title}, latest first "));
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
