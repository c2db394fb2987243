//! A line of the spool: when, and what, as in a ledger; of a quote also the deeper levels of its book.

use std::fmt::Write;

use crate::domain::{Contracts, Depth, Level, MarketId, Price, Side, Timestamp};
use crate::engine::gateway::{BookExtras, PublicTrade};
use crate::event::Input;
use crate::journal::input::{self, InputLineError};

const TRADE: &str = "trade ";
/// Between a quote and what else its book says.
const BESIDE: &str = " / ";

/// Content of a spool line after its time: an input, maybe with more of its book, or a public trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpoolRecord {
    /// What a desk would have been told, and more of the book.
    Told(Input, Option<Contracts>, Depth),
    /// A public trade between any two members of the exchange.
    Trade(PublicTrade),
}

/// Appends the line of what was told at `at`; `beside` is more of the book of a quote.
pub fn put_input(out: &mut String, at: Timestamp, told: &Input, beside: Option<&BookExtras>) {
    let _infallible = write!(out, "{} {}", at.nanos() / 1_000, input::to_line(told));
    if let Some(BookExtras { open_interest, deeper }) = beside {
        out.push_str(BESIDE.trim_end());
        let mut put = |value: Option<i64>| {
            let _infallible = match value {
                Some(value) => write!(out, " {value}"),
                None => write!(out, " -"),
            };
        };
        put(open_interest.map(Contracts::hundredths));
        for level in 0..deeper.bids.len().max(deeper.asks.len()) {
            for side in [deeper.bids.get(level), deeper.asks.get(level)] {
                put(side.map(|level| i64::from(level.price.get())));
                put(side.map(|level| level.size.hundredths()));
            }
        }
    }
    out.push('\n');
}

/// Appends the line of a trade.
pub fn put_trade(out: &mut String, at: Timestamp, trade: &PublicTrade) {
    let PublicTrade { market, id, yes_price, contracts, taker } = trade;
    let (at, price, count) = (at.nanos() / 1_000, yes_price.get(), contracts.hundredths());
    // A name is the rest of the line, so it may hold anything but its end.
    let id = id.replace('\n', " ");
    let _infallible = writeln!(out, "{at} {TRADE}{} {price} {count} {taker} {id}", market.0);
}

/// Why a line of a spool cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SpoolLineError {
    /// It has no time, or is neither a trade nor an input with more of its book.
    #[error("is no line of a recording: {line}")]
    NotALine {
        /// The whole line, without its end.
        line: String,
    },
    /// What stands behind its time is no input.
    #[error(transparent)]
    Input(#[from] InputLineError),
}

/// Reads a line.
///
/// # Errors
/// When it is none of ours.
pub fn parse_line(line: &str) -> Result<(Timestamp, SpoolRecord), SpoolLineError> {
    let unreadable = || SpoolLineError::NotALine { line: line.to_owned() };
    let (at, rest) = line.split_once(' ').ok_or_else(unreadable)?;
    let at = at.parse().ok().and_then(Timestamp::from_micros).ok_or_else(unreadable)?;
    if let Some(trade) = rest.strip_prefix(TRADE) {
        return Ok((at, SpoolRecord::Trade(read_trade(trade).ok_or_else(unreadable)?)));
    }
    let (told, beside) = match rest.split_once(BESIDE) {
        Some((told, beside)) if told.starts_with("quote ") => (told, beside),
        _ => (rest, ""),
    };
    let (open_interest, deeper) = read_beside(beside).ok_or_else(unreadable)?;
    Ok((at, SpoolRecord::Told(input::from_line(told)?, open_interest, deeper)))
}

fn read_trade(text: &str) -> Option<PublicTrade> {
    let mut fields = text.splitn(5, ' ');
    let market = MarketId(fields.next()?.parse().ok()?);
    let yes_price = Price::new(fields.next()?.parse().ok()?)?;
    let contracts = Contracts::from_hundredths(fields.next()?.parse().ok()?);
    let taker = match fields.next()? {
        "yes" => Side::Yes,
        "no" => Side::No,
        _ => return None,
    };
    Some(PublicTrade { market, id: fields.next()?.to_owned(), yes_price, contracts, taker })
}

fn read_beside(text: &str) -> Option<(Option<Contracts>, Depth)> {
    let read = |field: &str| if field == "-" { Some(None) } else { field.parse::<i64>().ok().map(Some) };
    let fields: Vec<Option<i64>> = text.split_ascii_whitespace().map(read).collect::<Option<_>>()?;
    let mut deeper = Depth::default();
    let Some((open_interest, levels)) = fields.split_first() else { return Some((None, deeper)) };
    for level in levels.chunks(4) {
        let [bid, bid_size, ask, ask_size] = *level else { return None };
        for (side, level) in [(&mut deeper.bids, bid.zip(bid_size)), (&mut deeper.asks, ask.zip(ask_size))] {
            if let Some((price, size)) = level {
                let price = Price::new(u16::try_from(price).ok()?)?;
                side.push(Level { price, size: Contracts::from_hundredths(size) });
            }
        }
    }
    Some((open_interest.map(Contracts::from_hundredths), deeper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_a_time_is_not_one_without_an_input() {
        assert!(matches!(parse_line("quote"), Err(SpoolLineError::NotALine { .. })));
        assert!(matches!(
            parse_line("1 quote 2"),
            Err(SpoolLineError::Input(InputLineError::NotAQuote { .. }))
        ));
    }
}
