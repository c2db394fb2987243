//! `protogen positions`

use clap::Args;
use serde_json::json;

use crate::live::health::Health;
use crate::live::moment::Moment;

use crate::cli::desk::{LedgerArgs, LiveLedger};
use crate::cli::{Common, Failure, json_line, print_to_stdout, render};

/// List what a live desk holds, with when and why each position will go, and its open orders.
#[derive(Debug, Args)]
pub struct PositionsCommand {
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl PositionsCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let ledger = LiveLedger::open(&self.ledger)?;
        let Some(health) = ledger.read_health()? else {
            let problem = format!(
                "the desk of {} has not reported yet: it may just have begun, or the ledger is of a backtest",
                ledger.file.display()
            );
            return Err(Failure::new(Failure::DATA, problem));
        };
        if common.json {
            let Health { at, positions, orders, .. } = &health;
            return print_to_stdout(&json_line(
                &json!({ "at": at, "positions": positions, "orders": orders }),
            ));
        }
        let mut text = format!("{}: {}\n", ledger.file.display(), ledger.running_status_text(Some(&health)));
        if health.positions.is_empty() && health.orders.is_empty() {
            text += "nothing is held, no order is open\n";
        }
        if !health.positions.is_empty() {
            text += &positions_table_text(&health);
        }
        if !health.orders.is_empty() {
            text += &orders_table_text(&health);
        }
        print_to_stdout(&text)
    }
}

/// A moment to the minute.
fn minute_text(at: Moment) -> String {
    at.to_string().chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

fn positions_table_text(health: &Health) -> String {
    let mut table = render::new_table();
    table.set_header([
        "market",
        "side",
        "contracts",
        "entry",
        "mark",
        "result",
        "belief",
        "opened",
        "gone by",
        "strategy",
    ]);
    for held in &health.positions {
        table.add_row([
            held.ticker.clone(),
            held.side.to_string(),
            held.contracts.to_string(),
            format!("{:.4}", held.entry_price),
            held.mark.map_or_else(|| "at cost".into(), |mark| format!("{mark:.4}")),
            render::format_dollars(held.unrealized),
            format!("{:.1} %", held.belief * 100.0),
            minute_text(held.opened_at),
            minute_text(held.time_stop_at.min(held.close_time)),
            held.strategy.clone(),
        ]);
    }
    render::right_align(&mut table, 2..7);
    render::table_text(&table)
}

fn orders_table_text(health: &Health) -> String {
    let mut table = render::new_table();
    table.set_header(["order", "market", "what", "contracts", "filled", "limit", "strategy"]);
    for order in &health.orders {
        table.add_row([
            order.order_id.to_string(),
            order.ticker.clone(),
            format!("{} {}", order.action, order.side),
            order.contracts.to_string(),
            order.filled.to_string(),
            format!("{:.4}", order.price),
            order.strategy.clone(),
        ]);
    }
    render::right_align(&mut table, 3..6);
    render::table_text(&table)
}
