//! `protogen status`

use std::fmt::Write;

use clap::Args;
use serde_json::json;

use crate::kalshi::clock;
use crate::live::control_inbox::{Inbox, read_stop};
use crate::live::health::Health;

use crate::cli::desk::{LedgerArgs, LiveLedger, age_text};
use crate::cli::halt_lines::halt_lines;
use crate::cli::{Common, Failure, json_line, print_to_stdout, render};

/// Say how a live desk is doing: whether it runs, its money, its feed, what is halted.
#[derive(Debug, Args)]
pub struct StatusCommand {
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl StatusCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let ledger = LiveLedger::open(&self.ledger)?;
        let health = ledger.read_health()?;
        let stop = read_stop(&ledger.file);
        let waiting = Inbox::new(&ledger.file).count_waiting();
        if common.json {
            let age = health.as_ref().map(|health| clock::now().since(health.at.0).nanos() as f64 / 1e9);
            return print_to_stdout(&json_line(&json!({
                "ledger": ledger.file, "running": ledger.holder.is_running(), "heartbeat_age_s": age,
                "stop": stop, "requests_waiting": waiting, "health": health,
            })));
        }
        let mut text = String::new();
        let _ = writeln!(text, "{}: {}", ledger.file.display(), ledger.running_status_text(health.as_ref()));
        if let Some(reason) = stop {
            let _ =
                writeln!(text, "STOP: nothing is opened: {reason} (`protogen resume --trading` lifts it)");
        }
        if waiting > 0 {
            let _ = writeln!(text, "{waiting} requests wait for it");
        }
        if let Some(health) = &health {
            text += &health_text(health, common.quiet);
        }
        print_to_stdout(&text)
    }
}

fn health_text(health: &Health, short: bool) -> String {
    let mut text = String::new();
    let Health { mode, environment, scenario, run_id, version, .. } = health;
    let _ = writeln!(text, "{mode} on {environment} · {scenario} · run {run_id} · version {version}");
    let _ = writeln!(
        text,
        "equity ${} · cash ${} · exposure ${} · drawdown {:.1} % · bets × {:.2}",
        render::format_dollars(health.equity),
        render::format_dollars(health.cash),
        render::format_dollars(health.exposure),
        health.drawdown * 100.0,
        health.scale
    );
    let feed = &health.feed;
    let _ = writeln!(
        text,
        "feed {} for {} · {} markets, {} of them without a fresh quote · last message {}",
        if feed.up { "up" } else { "DOWN" },
        age_text(feed.since.0),
        feed.markets,
        feed.stale_books,
        feed.last_message_at.map_or_else(|| "never".into(), |at| format!("{} ago", age_text(at.0)))
    );
    if let Some(reason) = &feed.paused {
        let _ = writeln!(text, "PAUSED: {reason}; nothing is sent until it trades again");
    }
    if let Some(failure) = &feed.failed_request {
        let _ = writeln!(text, "a request failed and is made again: {failure}");
    }
    for line in halt_lines(health) {
        let _ = writeln!(text, "{line}");
    }
    let (positions, orders) = (health.positions.len(), health.orders.len());
    let _ = writeln!(text, "{positions} positions, {orders} open orders (`protogen positions`)");
    if !short {
        for (title, lines) in [("decisions", &health.decisions), ("refusals", &health.refusals)] {
            if !lines.is_empty() {
                let _ = writeln!(text, "\nlatest {title}");
            }
            for line in lines.iter().take(8) {
                let _ = writeln!(text, "  {}  {}", line.at, line.text);
            }
        }
    }
    text
}
