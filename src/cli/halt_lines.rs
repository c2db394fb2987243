//! What an owner has to see first, on the screen and in `status`: refused orders, halts, markets set aside.

use crate::live::health::{Health, SetAsideLine};

/// What is halted or refused, a line each.
pub fn halt_lines(health: &Health) -> Vec<String> {
    let trading = health
        .halts
        .trading
        .iter()
        .map(|reason| format!("HALTED: all trading: {reason} (`protogen resume --trading --reason …`)"));
    let strategies = health.halts.strategies.iter().map(|name| {
        format!("HALTED: {name} by its kill switch (`protogen halts`, `protogen resume {name} --reason …`)")
    });
    let loss = "today's loss has reached the daily limit: nothing is opened until midnight UTC".to_owned();
    let refused = health.refused_orders.iter().filter(|refused| refused.is_alarming()).map(|refused| {
        format!("REFUSED: {refused} (`protogen resume --trading --reason …` resets the order group, `protogen doctor` looks at key and account)")
    });
    let aside = (!health.set_aside.is_empty()).then(|| set_aside_line(&health.set_aside));
    let loss = health.daily_loss_reached.then_some(loss);
    refused.chain(trading).chain(strategies).chain(loss).chain(aside).collect()
}

/// All markets that are set aside as one line, with the reason of the first: there may be many.
fn set_aside_line(markets: &[SetAsideLine]) -> String {
    let SetAsideLine { ticker, reason, .. } = &markets[0];
    match markets.len() - 1 {
        0 => format!("set aside: {ticker}: {reason}"),
        others => format!("set aside: {ticker} and {others} more (`status --json` lists all): {reason}"),
    }
}
