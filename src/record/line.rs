//! A line of the spool: when, and what, as in a ledger; of a quote also the deeper levels of its book.

use std::fmt::Write;

use crate::domain::{Contracts, MarketId, Price, Side, Timestamp};
use crate::engine::gateway::{Aside, Level};
use crate::event::Input;
use crate::journal::input;

const TRADE: &str = "trade ";
/// Between a quote and what else its book says.
const BESIDE: &str = " / ";

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// What a desk would have been told, and more of the book.
    Told(Input, Option<Contracts>, Vec<Level>),
    /// A trade of anybody's.
    Trade {
        /// Its market.
        market: MarketId,
        /// Price of YES.
        yes_price: Price,
        /// How many.
        contracts: Contracts,
        /// What the taker bought.
        taker: Side,
        /// The exchange's name of it.
        id: String,
    },
}

/// Appends the line of what was told at `at`; `beside` is more of the book of a quote.
pub fn put(out: &mut String, at: Timestamp, told: &Input, beside: Option<&Aside>) {
    let _infallible = write!(out, "{} {}", at.nanos() / 1_000, input::to_line(told));
    if let Some(Aside::Book { open_interest, deeper }) = beside {
        out.push_str(BESIDE.trim_end());
        let mut put = |value: Option<i64>| {
            let _infallible = match value {
                Some(value) => write!(out, " {value}"),
                None => write!(out, " -"),
            };
        };
        put(open_interest.map(Contracts::hundredths));
        for side in deeper.iter().flat_map(|level| [level.bid, level.ask]) {
            put(side.map(|(price, _)| i64::from(price.get())));
            put(side.map(|(_, contracts)| contracts.hundredths()));
        }
    }
    out.push('\n');
}

/// Appends the line of a trade; nothing for what is none.
pub fn put_trade(out: &mut String, at: Timestamp, trade: &Aside) {
    if let Aside::Trade { market, id, yes_price, contracts, taker } = trade {
        let (at, price, count) = (at.nanos() / 1_000, yes_price.get(), contracts.hundredths());
        // A name is the rest of the line, so it may hold anything but its end.
        let id = id.replace('\n', " ");
        let _infallible = writeln!(out, "{at} {TRADE}{} {price} {count} {taker} {id}", market.0);
    }
}

/// Reads a line.
///
/// # Errors
/// When it is none of ours.
pub fn read(line: &str) -> Result<(Timestamp, Line), String> {
    let unreadable = || format!("is no line of a recording: {line}");
    let (at, rest) = line.split_once(' ').ok_or_else(unreadable)?;
    let at = at.parse().ok().and_then(Timestamp::from_micros).ok_or_else(unreadable)?;
    if let Some(trade) = rest.strip_prefix(TRADE) {
        return Ok((at, read_trade(trade).ok_or_else(unreadable)?));
    }
    let (told, beside) = match rest.split_once(BESIDE) {
        Some((told, beside)) if told.starts_with("quote ") => (told, beside),
        _ => (rest, ""),
    };
    let (open_interest, deeper) = read_beside(beside).ok_or_else(unreadable)?;
    Ok((at, Line::Told(input::from_line(told)?, open_interest, deeper)))
}

fn read_trade(text: &str) -> Option<Line> {
    let mut fields = text.splitn(5, ' ');
    let market = MarketId(fields.next()?.parse().ok()?);
    let yes_price = Price::new(fields.next()?.parse().ok()?)?;
    let contracts = Contracts::from_hundredths(fields.next()?.parse().ok()?);
    let taker = match fields.next()? {
        "yes" => Side::Yes,
        "no" => Side::No,
        _ => return None,
    };
    Some(Line::Trade { market, yes_price, contracts, taker, id: fields.next()?.to_owned() })
}

fn read_beside(text: &str) -> Option<(Option<Contracts>, Vec<Level>)> {
    let read = |field: &str| if field == "-" { Some(None) } else { field.parse::<i64>().ok().map(Some) };
    let fields: Vec<Option<i64>> = text.split_ascii_whitespace().map(read).collect::<Option<_>>()?;
    let Some((open_interest, levels)) = fields.split_first() else { return Some((None, Vec::new())) };
    let side = |price: Option<i64>, contracts: Option<i64>| match price.zip(contracts) {
        None => Some(None),
        Some((price, contracts)) => {
            let price = Price::new(u16::try_from(price).ok()?)?;
            Some(Some((price, Contracts::from_hundredths(contracts))))
        }
    };
    let level = |four: &[Option<i64>]| match four {
        [bid, bid_size, ask, ask_size] => {
            Some(Level { bid: side(*bid, *bid_size)?, ask: side(*ask, *ask_size)? })
        }
        _ => None,
    };
    let deeper = levels.chunks(4).map(level).collect::<Option<_>>()?;
    Some((open_interest.map(Contracts::from_hundredths), deeper))
}
