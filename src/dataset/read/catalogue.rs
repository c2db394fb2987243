//! The markets of a run, read with polars, and everything about them that happens at a known time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Arc;

use polars::prelude::{
    BooleanChunked, Column, DataFrame, Float64Chunked, Int32Chunked, Int64Chunked, ParquetReader, SerReader,
    StringChunked,
};
use serde::{Deserialize, Serialize};

use crate::domain::price::Band;
use crate::domain::{
    Decimal6, EventId, FeeSchedule, FeeType, Market, MarketId, Price, PriceGrid, SeriesId, SettlementValue,
    Strike, Timestamp, decimal,
};

use super::market_row_error::MarketRowError;
use super::parquet_file;
use super::selection::{Tickers, Window};
use crate::dataset::DataError;

/// The column of markets.parquet that only recordings have.
pub(crate) const LISTED_TIME: &str = "listed_time";
/// The column of markets.parquet that is there only if a market paid an amount of more than four decimals.
pub(crate) const SETTLEMENT_VALUE_E6: &str = "settlement_value_e6";

/// When a market was paid out, and at which value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Moment of the payment: the column `settlement_time`.
    pub at: Timestamp,
    /// Payment for one YES contract: $1 for `yes`, $0 for `no`, anything between for `scalar`.
    pub value: SettlementValue,
}

/// A row of `markets.parquet`: definition and result of one market.
#[derive(Clone, Debug)]
pub struct MarketRow {
    /// Everything known at listing; the ids are set when the run's markets are put together.
    pub market: Market,
    /// How it ended, if it has.
    pub settlement: Option<Settlement>,
    /// Whether at most one market of its event pays; a run does not use it, a check does.
    pub mutually_exclusive: bool,
    /// When whoever recorded it came to know of it, as it is here; `None` = with its opening.
    pub listed: Option<Timestamp>,
}

impl MarketRow {
    /// From when on the market is there.
    #[must_use]
    pub fn listed_at(&self) -> Timestamp {
        self.listed.unwrap_or(self.market.open_time)
    }
}

/// The markets of a run from all its data sets, numbered, with their settlements.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// In the order in which they were listed, which is id order; at one moment by ticker.
    pub markets: Vec<Arc<Market>>,
    /// Settlement of each market, indexed by market id; `None` where the data holds no result.
    pub settlements: Vec<Option<Settlement>>,
    /// Definitions that took the place of earlier ones, and when.
    pub redefined: Vec<(Timestamp, Arc<Market>)>,
    /// Id of each series of the run, by series ticker.
    pub series: BTreeMap<String, SeriesId>,
    /// What the reader of snapshots needs: ids by ticker, and bounds to check rows against.
    pub tickers: Tickers,
}

impl Catalogue {
    /// Puts the markets together that `covers` picks and that trade within the window.
    ///
    /// # Errors
    /// When two rows have the same ticker.
    pub fn new(
        files: Vec<(&Path, Vec<MarketRow>)>,
        window: Window,
        covers: impl Fn(&Market) -> bool,
    ) -> Result<Self, DataError> {
        // At one moment in the order of their opening and name; those recorded, as they were told.
        let mut rows: BTreeMap<(Timestamp, u64, Timestamp, Box<str>), MarketRow> = BTreeMap::new();
        let mut later: Vec<MarketRow> = Vec::new();
        let (mut firsts, mut ids) = (HashMap::new(), HashMap::new());
        for (file, list) in files {
            for (number, row) in (1u64..).zip(list) {
                let ticker = row.market.ticker.clone();
                let first: Option<Timestamp> = *firsts.entry(ticker.clone()).or_insert(row.listed);
                if first.is_some() && first < row.listed {
                    later.push(row);
                    continue;
                }
                if ids.insert(ticker.to_string(), None).is_some() {
                    return Err(DataError::of_row(file, number, format!("ticker {ticker} is there twice")));
                }
                let ends =
                    row.settlement.map_or(row.market.close_time, |end| end.at.max(row.market.close_time));
                let trades = ends >= window.start && row.listed_at() <= window.end;
                if trades && covers(&row.market) {
                    let told = row.listed.map_or(0, |_| number);
                    rows.insert((row.listed_at(), told, row.market.open_time, ticker), row);
                }
            }
        }
        let ids_of = |name: fn(&Market) -> &Arc<str>| -> BTreeMap<Arc<str>, u32> {
            let names: BTreeSet<_> = rows.values().map(|row| Arc::clone(name(&row.market))).collect();
            names.into_iter().zip(0u32..).collect()
        };
        let events = ids_of(|market| &market.event_ticker);
        let series = ids_of(|market| &market.series_ticker);
        let mut catalogue = Self::default();
        for (id, ((listed, .., ticker), row)) in (0u32..).zip(rows) {
            let mut market = row.market;
            market.id = MarketId(id);
            market.event = EventId(events[&market.event_ticker]);
            market.series = SeriesId(series[&market.series_ticker]);
            ids.insert(ticker.to_string(), Some(market.id));
            catalogue.tickers.wanted.push(ticker.into());
            catalogue.tickers.opens.push(listed);
            catalogue.tickers.grids.push(market.grid.clone());
            catalogue.tickers.settles.push(row.settlement.map(|end| end.at));
            catalogue.markets.push(Arc::new(market));
            catalogue.settlements.push(row.settlement);
        }
        for row in later {
            if let Some(Some(id)) = ids.get(&*row.market.ticker) {
                let known = &catalogue.markets[id.index()];
                let (id, event, series) = (known.id, known.event, known.series);
                let at = row.listed_at();
                catalogue.redefined.push((at, Arc::new(Market { id, event, series, ..row.market })));
            }
        }
        // Row groups are skipped by a search in these, which must not be in the order of listing.
        catalogue.tickers.wanted.sort_unstable();
        catalogue.tickers.ids = ids;
        catalogue.series = series.into_iter().map(|(name, id)| (name.to_string(), SeriesId(id))).collect();
        Ok(catalogue)
    }
}

/// Reads markets.parquet.
///
/// # Errors
/// Names the column that is missing or of the wrong type, or the first row that cannot be used.
pub fn read_markets(file: &Path) -> Result<Vec<MarketRow>, DataError> {
    read_market_rows(file)?.into_iter().collect()
}

/// Reads markets.parquet, each row on its own.
///
/// # Errors
/// Names the column that is missing or of the wrong type.
pub fn read_market_rows(file: &Path) -> Result<Vec<Result<MarketRow, DataError>>, DataError> {
    let frame = read_market_frame(file)?;
    let columns = MarketColumns::new(file, &frame)?;
    let row = |row: usize| {
        let number = u64::try_from(row).unwrap_or(0) + 1;
        columns.read_market(row).map_err(|problem| DataError::of_row(file, number, problem))
    };
    Ok((0..frame.height()).map(row).collect())
}

/// What an overview needs of one row of markets.parquet, whether or not a run could use the row.
#[derive(Clone, Debug)]
pub(crate) struct ResultRow {
    /// Ticker of the market; `None` where the cell is empty.
    pub(crate) ticker: Option<String>,
    /// Ticker of its event; `None` where the cell is empty.
    pub(crate) event_ticker: Option<String>,
    /// The exchange's word for how it ended, "" before that; `None` where the cell is empty.
    pub(crate) result: Option<String>,
}

/// Reads tickers and results of markets.parquet, in the order of its rows.
///
/// # Errors
/// As [`read_market_rows`].
pub(crate) fn read_market_results(file: &Path) -> Result<Vec<ResultRow>, DataError> {
    let frame = read_market_frame(file)?;
    let columns = MarketColumns::new(file, &frame)?;
    let text = |column: &StringChunked, row: usize| column.get(row).map(str::to_owned);
    let row = |row: usize| ResultRow {
        ticker: text(columns.ticker, row),
        event_ticker: text(columns.event_ticker, row),
        result: text(columns.result, row),
    };
    Ok((0..frame.height()).map(row).collect())
}

/// All columns of markets.parquet, of whatever types.
fn read_market_frame(file: &Path) -> Result<DataFrame, DataError> {
    parquet_file::check_for_polars(file)?;
    let handle = File::open(file).map_err(|error| parquet_file::broken_parquet_error(file, error))?;
    // polars panics at some damaged pages.
    let frame = catch_unwind(|| ParquetReader::new(handle).finish());
    let frame = frame.map_err(|_| parquet_file::broken_parquet_error(file, "polars gave up"))?;
    frame.map_err(|error| parquet_file::broken_parquet_error(file, error))
}

/// The columns of `markets.parquet`, each checked for its type.
struct MarketColumns<'a> {
    ticker: &'a StringChunked,
    event_ticker: &'a StringChunked,
    series_ticker: &'a StringChunked,
    category: &'a StringChunked,
    title: &'a StringChunked,
    strike_type: &'a StringChunked,
    floor_strike: &'a Float64Chunked,
    cap_strike: &'a Float64Chunked,
    open_time: Int64Chunked,
    close_time: Int64Chunked,
    settlement_time: Int64Chunked,
    result: &'a StringChunked,
    settlement_value: &'a Int32Chunked,
    settlement_value_e6: Option<&'a Int32Chunked>,
    fee_type: &'a StringChunked,
    fee_multiplier: &'a Float64Chunked,
    price_ranges: &'a StringChunked,
    mutually_exclusive: &'a BooleanChunked,
    listed_time: Option<Int64Chunked>,
}

impl<'a> MarketColumns<'a> {
    fn new(file: &Path, frame: &'a DataFrame) -> Result<Self, DataError> {
        let column = |name: &str| {
            frame.column(name).map_err(|_| DataError::of_file(file, format!("has no column {name}")))
        };
        let has_column = |name: &str| frame.column(name).is_ok();
        let wrong = |name: &str, expected: &str, column: &Column| {
            let found = column.dtype();
            DataError::of_file(file, format!("column {name} must be {expected}, is {found}"))
        };
        let text = |name: &str| {
            let found = column(name)?;
            found.str().map_err(|_| wrong(name, "text", found))
        };
        let real = |name: &str| {
            let found = column(name)?;
            found.f64().map_err(|_| wrong(name, "f64", found))
        };
        let time = |name: &str| -> Result<Int64Chunked, DataError> {
            let found = column(name)?;
            let expected = "datetime[us, UTC]";
            let time = found.datetime().map_err(|_| wrong(name, expected, found))?;
            let zone = time.time_zone().as_ref().map(|zone| zone.as_str());
            let micros = time.time_unit() == polars::prelude::TimeUnit::Microseconds;
            if !micros || !matches!(zone, Some("UTC" | "+00:00" | "Z")) {
                return Err(wrong(name, expected, found));
            }
            Ok(time.physical().clone())
        };
        // Not used by a run, but part of the schema.
        text("yes_sub_title")?;
        let exclusive = column("mutually_exclusive")?;
        let mutually_exclusive =
            exclusive.bool().map_err(|_| wrong("mutually_exclusive", "bool", exclusive))?;
        let whole = |name: &str| {
            let found = column(name)?;
            found.i32().map_err(|_| wrong(name, "i32", found))
        };
        Ok(Self {
            ticker: text("ticker")?,
            event_ticker: text("event_ticker")?,
            series_ticker: text("series_ticker")?,
            category: text("category")?,
            title: text("title")?,
            strike_type: text("strike_type")?,
            floor_strike: real("floor_strike")?,
            cap_strike: real("cap_strike")?,
            open_time: time("open_time")?,
            close_time: time("close_time")?,
            settlement_time: time("settlement_time")?,
            result: text("result")?,
            settlement_value: whole("settlement_value")?,
            settlement_value_e6: has_column(SETTLEMENT_VALUE_E6)
                .then(|| whole(SETTLEMENT_VALUE_E6))
                .transpose()?,
            fee_type: text("fee_type")?,
            fee_multiplier: real("fee_multiplier")?,
            price_ranges: text("price_ranges")?,
            mutually_exclusive,
            // Only recordings have it.
            listed_time: has_column(LISTED_TIME).then(|| time(LISTED_TIME)).transpose()?,
        })
    }

    fn read_market(&self, row: usize) -> Result<MarketRow, MarketRowError> {
        let market = Market {
            id: MarketId(0),
            event: EventId(0),
            series: SeriesId(0),
            ticker: required_text(self.ticker, row, "ticker")?.into(),
            event_ticker: required_text(self.event_ticker, row, "event_ticker")?.into(),
            series_ticker: required_text(self.series_ticker, row, "series_ticker")?.into(),
            category: self.category.get(row).unwrap_or_default().into(),
            title: self.title.get(row).unwrap_or_default().into(),
            strike: self.read_strike(row)?,
            open_time: required_time(&self.open_time, row, "open_time")?,
            close_time: required_time(&self.close_time, row, "close_time")?,
            grid: parse_price_grid(self.price_ranges.get(row).unwrap_or_default())?,
            fees: self.read_fees(row)?,
        };
        if market.close_time <= market.open_time {
            let (close, open) = (market.close_time, market.open_time);
            return Err(MarketRowError::CloseNotAfterOpen { close, open });
        }
        let settlement = self.read_settlement(row)?;
        if settlement.is_some_and(|settlement| settlement.at < market.open_time) {
            return Err(MarketRowError::SettledBeforeOpen);
        }
        let mutually_exclusive = self.mutually_exclusive.get(row).unwrap_or(false);
        let listed = self.listed_time.as_ref().filter(|column| column.get(row).is_some());
        let listed = listed.map(|column| required_time(column, row, LISTED_TIME)).transpose()?;
        Ok(MarketRow { market, settlement, mutually_exclusive, listed })
    }

    fn read_strike(&self, row: usize) -> Result<Strike, MarketRowError> {
        let value = |column: &Float64Chunked, name| required_decimal(column, row, name);
        let floor = || value(self.floor_strike, "floor_strike");
        let cap = || value(self.cap_strike, "cap_strike");
        strike_of(self.strike_type.get(row).unwrap_or_default(), floor, cap)
    }

    fn read_fees(&self, row: usize) -> Result<FeeSchedule, MarketRowError> {
        let name = required_text(self.fee_type, row, "fee_type")?;
        fees_of(name, required_decimal(self.fee_multiplier, row, "fee_multiplier")?)
    }

    fn read_settlement(&self, row: usize) -> Result<Option<Settlement>, MarketRowError> {
        let at = || {
            let there = self.settlement_time.get(row);
            there.map(|_| required_time(&self.settlement_time, row, "settlement_time")).transpose()
        };
        let paid = SettlementCells {
            ten_thousandths: self.settlement_value.get(row),
            millionths: self.settlement_value_e6.and_then(|column| column.get(row)),
        };
        settlement_of(self.result.get(row).unwrap_or_default(), paid, at)
    }
}

/// When a market pays, from the exchange's name of the comparison and its bounds.
pub(crate) fn strike_of(
    kind: &str,
    floor: impl FnOnce() -> Result<Decimal6, MarketRowError>,
    cap: impl FnOnce() -> Result<Decimal6, MarketRowError>,
) -> Result<Strike, MarketRowError> {
    Ok(match kind {
        "greater" => Strike::Greater(floor()?),
        "greater_or_equal" => Strike::GreaterOrEqual(floor()?),
        "less" => Strike::Less(cap()?),
        "less_or_equal" => Strike::LessOrEqual(cap()?),
        "between" => {
            let (floor, cap) = (floor()?, cap()?);
            if floor > cap {
                return Err(MarketRowError::FloorAboveCap { floor, cap });
            }
            Strike::Between(floor, cap)
        }
        "functional" | "custom" | "structured" | "" => Strike::Other,
        other => return Err(MarketRowError::UnknownStrikeType { name: other.to_owned() }),
    })
}

/// A fee schedule from the exchange's name of it.
pub(crate) fn fees_of(name: &str, multiplier: Decimal6) -> Result<FeeSchedule, MarketRowError> {
    let fee_type =
        FeeType::from_name(name).ok_or_else(|| MarketRowError::UnknownFeeType { name: name.to_owned() })?;
    FeeSchedule::with_multiplier(fee_type, multiplier).map_err(MarketRowError::FeeMultiplier)
}

/// What YES paid, as the two columns for it have it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SettlementCells {
    /// The cell of `settlement_value`, in ten-thousandths of a dollar, rounded.
    pub ten_thousandths: Option<i32>,
    /// The cell of `settlement_value_e6`, in millionths of a dollar, exact.
    pub millionths: Option<i32>,
}

impl SettlementCells {
    /// What YES paid, exactly; `None` if neither cell says.
    fn exact_value(self) -> Result<Option<SettlementValue>, MarketRowError> {
        let rounded = self.ten_thousandths.map(|value| {
            let price = u16::try_from(value).ok().and_then(Price::new);
            price.ok_or(MarketRowError::SettlementOutOfRange { value })
        });
        let exact = self.millionths.map(|value| {
            let exact = SettlementValue::from_micros(value.into());
            exact.ok_or(MarketRowError::ExactSettlementOutOfRange { value })
        });
        match (rounded.transpose()?, exact.transpose()?) {
            (Some(rounded), Some(exact)) if exact.round_to_price() != rounded => {
                let (rounded, exact) = (rounded.get(), exact.in_micros());
                Err(MarketRowError::SettlementsDisagree { rounded, exact })
            }
            (rounded, exact) => Ok(exact.or(rounded.map(SettlementValue::from))),
        }
    }
}

/// How a market ended, from the exchange's word for it, what YES paid, and when.
pub(crate) fn settlement_of(
    result: &str,
    paid: SettlementCells,
    at: impl FnOnce() -> Result<Option<Timestamp>, MarketRowError>,
) -> Result<Option<Settlement>, MarketRowError> {
    let value = match (result, paid.exact_value()?) {
        ("", _) => return Ok(None),
        ("yes", None | Some(SettlementValue::ONE)) => SettlementValue::ONE,
        ("no", None | Some(SettlementValue::ZERO)) => SettlementValue::ZERO,
        ("scalar", paid) => paid.ok_or(MarketRowError::ScalarWithoutValue)?,
        (result @ ("yes" | "no"), Some(value)) => {
            return Err(MarketRowError::ResultUnlikeValue { result: result.to_owned(), value });
        }
        (other, _) => return Err(MarketRowError::UnknownResult { name: other.to_owned() }),
    };
    let at = at()?.ok_or(MarketRowError::NoSettlementTime)?;
    Ok(Some(Settlement { at, value }))
}

fn required_text<'a>(
    cells: &'a StringChunked,
    row: usize,
    column: &'static str,
) -> Result<&'a str, MarketRowError> {
    cells.get(row).filter(|text| !text.is_empty()).ok_or(MarketRowError::MissingValue { column })
}

fn required_time(
    cells: &Int64Chunked,
    row: usize,
    column: &'static str,
) -> Result<Timestamp, MarketRowError> {
    let micros = cells.get(row).ok_or(MarketRowError::MissingValue { column })?;
    Timestamp::from_micros(micros).ok_or(MarketRowError::TimeOutOfRange { column })
}

/// A float from a file as an exact decimal: its shortest representation has at most six places.
fn required_decimal(
    cells: &Float64Chunked,
    row: usize,
    column: &'static str,
) -> Result<Decimal6, MarketRowError> {
    let value = cells.get(row).ok_or(MarketRowError::MissingValue { column })?;
    Decimal6::parse(&value.to_string()).map_err(|problem| MarketRowError::BadDecimal { column, problem })
}

/// A price range as the exchange sends it.
#[derive(Deserialize, Serialize)]
struct PriceRange {
    start: String,
    end: String,
    step: String,
}

/// A grid as the exchange sends it, the reverse of [`parse_price_grid`].
pub(crate) fn price_ranges(grid: &PriceGrid) -> String {
    if grid.bands().is_empty() {
        return String::new();
    }
    let text = |price: Price| format!("{}.{:04}", price.get() / 10_000, price.get() % 10_000);
    let range =
        |band: &Band| PriceRange { start: text(band.start), end: text(band.end), step: text(band.step) };
    let ranges: Vec<PriceRange> = grid.bands().iter().map(range).collect();
    serde_json::to_string(&ranges).expect("a grid is plain data")
}

pub(crate) fn parse_price_grid(json: &str) -> Result<PriceGrid, MarketRowError> {
    if json.is_empty() {
        return Ok(PriceGrid::whole_cents());
    }
    let ranges: Vec<PriceRange> = serde_json::from_str(json).map_err(MarketRowError::PriceRangesShape)?;
    let column = "price_ranges";
    let price = |text: &str| {
        let value = decimal::parse_scaled(text, 4)
            .map_err(|problem| MarketRowError::BadDecimal { column, problem })?;
        let price = u16::try_from(value).ok().and_then(Price::new);
        price.ok_or_else(|| MarketRowError::PriceRangeBound { text: text.to_owned() })
    };
    let band = |range: &PriceRange| {
        Ok::<_, MarketRowError>(Band {
            start: price(&range.start)?,
            end: price(&range.end)?,
            step: price(&range.step)?,
        })
    };
    Ok(PriceGrid::new(ranges.iter().map(band).collect::<Result<_, _>>()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_row_can_be_told_apart() {
        let missing = || Err(MarketRowError::MissingValue { column: "floor_strike" });
        let strike = strike_of("greater", missing, || unreachable!("it has no cap"));
        assert!(matches!(strike, Err(MarketRowError::MissingValue { column: "floor_strike" })));
        let steps = r#"[{"start": "0", "end": "1", "step": "0.00001"}]"#;
        let finer = parse_price_grid(steps).unwrap_err();
        assert!(matches!(finer, MarketRowError::BadDecimal { column: "price_ranges", .. }));
        assert_eq!(finer.to_string(), "price_ranges: `0.00001` has more than 4 decimal places");
        let unpaid = settlement_of("scalar", SettlementCells::default(), || Ok(None));
        assert!(matches!(unpaid, Err(MarketRowError::ScalarWithoutValue)));
    }

    #[test]
    fn the_exact_column_says_what_was_paid_and_the_other_must_be_it_rounded() {
        let read = |result: &str, ten_thousandths, millionths| {
            let at = || Ok(Some(Timestamp::from_nanos(7)));
            settlement_of(result, SettlementCells { ten_thousandths, millionths }, at)
                .map(|settled| settled.unwrap().value.in_micros())
                .map_err(|error| error.to_string())
        };
        assert_eq!(read("scalar", Some(3_333), Some(333_333)), Ok(333_333));
        assert_eq!(read("scalar", None, Some(333_333)), Ok(333_333));
        assert_eq!(read("scalar", Some(3_333), None), Ok(333_300));
        assert_eq!(read("yes", Some(10_000), Some(1_000_000)), Ok(1_000_000));
        let wrong = |result, rounded, exact| read(result, rounded, exact).unwrap_err();
        assert_eq!(
            wrong("scalar", Some(3_334), Some(333_333)),
            "settlement_value 3334 is not settlement_value_e6 333333 rounded to ten-thousandths"
        );
        assert_eq!(
            wrong("scalar", None, Some(1_000_001)),
            "settlement_value_e6 = 1000001 is not between 0 and 1000000"
        );
        // It rounds to $1, and yet is not all of it.
        assert_eq!(
            wrong("yes", Some(10_000), Some(999_999)),
            "result yes does not fit settlement_value_e6 999999"
        );
    }
}
