//! `protogen positions`

use clap::Args;
use serde_json::json;

use crate::live::health::Health;
use crate::live::moment::Moment;

use crate::cli::desk::{LedgerArgs, LiveLedger};
use crate::cli::{Common, Failure, json, print, render};

/// List what a live desk holds, with when and why each position will go, and its open orders.
#[derive(Debug, Args)]
pub struct PositionsCommand {
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl PositionsCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let ledger = LiveLedger::open(&self.ledger)?;
        let Some(health) = ledger.health()? else {
            let problem = format!(
                "the desk of {} has not reported yet: it may just have begun, or the ledger is of a backtest",
                ledger.file.display()
            );
            return Err(Failure::new(Failure::DATA, problem));
        };
        if common.json {
            let Health { at, positions, orders, .. } = &health;
            return print(&json(&json!({ "at": at, "positions": positions, "orders": orders })));
        }
        let mut text = format!("{}: {}\n", ledger.file.display(), ledger.pulse(Some(&health)));
        if health.positions.is_empty() && health.orders.is_empty() {
            text += "nothing is held, no order is open\n";
        }
        if !health.positions.is_empty() {
            text += &positions(&health);
        }
        if !health.orders.is_empty() {
            text += &orders(&health);
        }
        print(&text)
    }
}

/// A moment to the minute.
fn minute(at: Moment) -> String {
    at.to_string().chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

fn positions(health: &Health) -> String {
    let mut table = render::table();
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
            render::dollars(held.unrealized),
            format!("{:.1} %", held.belief * 100.0),
            minute(held.opened_at),
            minute(held.time_stop_at.min(held.close_time)),
            held.strategy.clone(),
        ]);
    }
    render::right_align(&mut table, 2..7);
    render::show(&table)
}

fn orders(health: &Health) -> String {
    let mut table = render::table();
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
    render::show(&table)
}
