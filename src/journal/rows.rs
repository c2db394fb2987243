//! The rows of the ledger's tables: what each record and each listed market writes.

use rusqlite::{Connection, params};

use crate::desk::decision::{FillBooked, OrderEnd, OrderPlaced, Record, Trade};
use crate::domain::Market;

/// The number of the one run of a ledger, in the column `run` of every table.
pub(super) const RUN: i64 = 1;

/// Writes a market as it was listed; listed again, its title and closing time change.
pub(super) fn insert_market(connection: &Connection, market: &Market) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO market VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, NULL, NULL)
               ON CONFLICT DO UPDATE SET title = excluded.title, close_time = excluded.close_time";
    connection.prepare_cached(sql)?.execute(params![
        RUN,
        market.id.0,
        &*market.ticker,
        &*market.event_ticker,
        &*market.series_ticker,
        &*market.category,
        &*market.title,
        market.close_time.nanos(),
    ])
}

/// Writes what a record changes in the tables beside its canonical line; an evaluation has pages of its own.
pub(super) fn insert_row(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    match record {
        Record::Evaluation(_) => Ok(0),
        Record::Order(placed) => insert_order(connection, placed),
        Record::OrderDone(done) => {
            let sql = "UPDATE placed SET filled = ?3, status = ?4 WHERE run = ?1 AND order_id = ?2";
            let status = order_status(done.end, done.filled.is_zero());
            let values = params![RUN, done.order.0, done.filled.hundredths(), status];
            connection.prepare_cached(sql)?.execute(values)
        }
        Record::Fill(booked) => insert_fill(connection, booked),
        Record::Trade(trade) => insert_trade(connection, trade),
        Record::Settled(settled) => {
            let sql = "UPDATE market SET settled_at = ?3, settled_value = ?4, settled_value_e6 = ?5
                       WHERE run = ?1 AND market = ?2";
            let (rounded, exact) = (settled.value.round_to_price().get(), settled.value.in_micros());
            let values = params![RUN, settled.market.0, settled.at.nanos(), rounded, exact];
            connection.prepare_cached(sql)?.execute(values)
        }
        Record::Halt(halt) => {
            let sql = "INSERT INTO halt VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL)";
            let strategy = halt.strategy.map(|strategy| strategy.0);
            connection.execute(sql, params![RUN, halt.at.nanos(), strategy, halt.rule.name(), halt.detail])
        }
        Record::Resume(resume) => {
            let sql = "UPDATE halt SET resumed_at = ?3, resumed_reason = ?4
                       WHERE run = ?1 AND strategy IS ?2 AND resumed_at IS NULL";
            let strategy = resume.strategy.map(|strategy| strategy.0);
            connection.execute(sql, params![RUN, strategy, resume.at.nanos(), resume.reason])
        }
        Record::Refit(reconfigure) => {
            let sql = "INSERT INTO strategy VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            for (number, (name, _)) in reconfigure.strategies.iter().enumerate() {
                connection.execute(sql, params![RUN, number, &**name])?;
            }
            Ok(0)
        }
        Record::Discrepancy(found) => {
            let sql = "INSERT INTO discrepancy VALUES (?1, ?2, ?3)";
            connection.execute(sql, params![RUN, found.at.nanos(), found.detail])
        }
        Record::SetAside(market) => {
            let sql = "INSERT INTO market_set_aside VALUES (?1, ?2, ?3, ?4, NULL)";
            connection.execute(sql, params![RUN, market.at.nanos(), &*market.ticker, market.reason])
        }
        Record::SetAsideCleared(market) => {
            let sql = "UPDATE market_set_aside SET cleared_at = ?3
                       WHERE run = ?1 AND ticker = ?2 AND cleared_at IS NULL";
            connection.execute(sql, params![RUN, &*market.ticker, market.at.nanos()])
        }
        Record::Equity(point) => {
            let sql = "INSERT INTO equity_point VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            connection.prepare_cached(sql)?.execute(params![
                RUN,
                point.at.nanos(),
                point.cash.micros(),
                point.exposure.micros(),
                point.equity.micros(),
                point.peak.micros(),
                point.scale.ppm(),
            ])
        }
    }
    .map(drop)
}

fn insert_order(connection: &Connection, placed: &OrderPlaced) -> rusqlite::Result<usize> {
    let order = &placed.order;
    let sql = "INSERT INTO placed VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, NULL, NULL, NULL)";
    connection.prepare_cached(sql)?.execute(params![
        RUN,
        order.id.0,
        placed.at.nanos(),
        placed.strategy.0,
        order.market.0,
        order.side.to_string(),
        order.action.to_string(),
        order.limit.get(),
        order.contracts.hundredths(),
        &*placed.reason,
    ])
}

fn insert_fill(connection: &Connection, booked: &FillBooked) -> rusqlite::Result<usize> {
    let (order, fill) = (&booked.order, &booked.fill);
    let sql = "INSERT INTO fill VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    connection.prepare_cached(sql)?.execute(params![
        RUN,
        booked.at.nanos(),
        order.id.0,
        fill.trade,
        order.market.0,
        order.side.to_string(),
        order.action.to_string(),
        fill.price.get(),
        fill.contracts.hundredths(),
        fill.fee.micros(),
        fill.taker,
    ])
}

fn insert_trade(connection: &Connection, trade: &Trade) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO trade VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    connection.prepare_cached(sql)?.execute(params![
        RUN,
        trade.strategy.0,
        trade.market.0,
        trade.side.to_string(),
        trade.opened_at.nanos(),
        trade.closed_at.nanos(),
        trade.contracts.hundredths(),
        trade.cost.micros(),
        trade.proceeds.micros(),
        trade.fees.micros(),
        trade.pnl.micros(),
        trade.exit_reason.name(),
        trade.belief.ppm(),
        trade.market_price.ppm(),
    ])
}

fn order_status(end: OrderEnd, nothing_filled: bool) -> &'static str {
    match end {
        OrderEnd::Filled => "filled",
        OrderEnd::Closed(_) if nothing_filled => "cancelled",
        OrderEnd::Closed(_) => "partly_filled",
        OrderEnd::Rejected(_) => "rejected",
    }
}
