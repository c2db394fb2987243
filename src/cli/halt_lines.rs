//! What an owner has to see first, on the screen and in `status`: refused orders and halts.

use crate::live::health::Health;

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
    refused.chain(trading).chain(strategies).chain(health.daily_loss_reached.then_some(loss)).collect()
}
