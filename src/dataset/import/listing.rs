//! The markets of an import, from a CSV file with the columns of a data set, and how rows find them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use arrow_array::StringArray;
use csv::StringRecord;

use crate::domain::time::ParseTimestampError;
use crate::domain::{Decimal6, EventId, Market, MarketId, SeriesId, Timestamp};

use super::super::DataError;
use super::chunk::csv_problem;
use crate::dataset::read::catalogue::{
    SETTLEMENT_VALUE_E6, SettlementCells, fees_of, parse_price_grid, settlement_of, strike_of,
};
use crate::dataset::read::market_row_error::MarketRowError;
use crate::dataset::read::parquet_file::same_strings;
use crate::dataset::write::writer::Listing;

/// Columns of a file of markets; the first four are needed.
const COLUMNS: [&str; 19] = [
    "ticker",
    "event_ticker",
    "open_time",
    "close_time",
    "series_ticker",
    "category",
    "title",
    "yes_sub_title",
    "strike_type",
    "floor_strike",
    "cap_strike",
    "settlement_time",
    "result",
    "settlement_value",
    SETTLEMENT_VALUE_E6,
    "fee_type",
    "fee_multiplier",
    "mutually_exclusive",
    "price_ranges",
];
const NEEDED: usize = 4;

/// Which markets and times an import is about.
#[derive(Clone, Debug, Default)]
pub struct MarketSelection {
    /// Tickers of the series whose rows are imported; empty = all series.
    pub series: Vec<String>,
    /// Rows before this are left out.
    pub since: Option<Timestamp>,
}

impl MarketSelection {
    /// Whether a series is asked for.
    #[must_use]
    pub fn includes_series(&self, series: &str) -> bool {
        self.series.is_empty() || self.series.iter().any(|wanted| wanted == series)
    }
}

/// What a ticker of a foreign file stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListingMeaning {
    /// A market of the import: its index in [`Markets::listings`].
    Market(usize),
    /// A market that was not asked for.
    NotAskedFor,
    /// A market that cannot be used.
    Refused,
    /// A ticker of a series that was asked for, but of no known market; its rows are refused.
    Unknown,
}

/// A market as rows are held against it. Times in microseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct MarketLife {
    /// Opening of the market (`open_time`); earlier rows are refused.
    pub opens: i64,
    /// Close of the market (`close_time`), itself included; later rows are refused.
    pub closes: i64,
    /// Number of its series, from 0 in order of series ticker.
    pub series: usize,
    /// Its number among the markets of its series, from 0 in order of ticker.
    pub place: usize,
}

/// All markets, by number in order of ticker.
#[derive(Debug, Default)]
pub struct Markets {
    /// Rows for `markets.parquet`, in order of ticker; the index is the market's number.
    pub listings: Vec<Listing>,
    /// As rows are held against them.
    pub lives: Vec<MarketLife>,
    meanings: HashMap<String, ListingMeaning>,
    selection: MarketSelection,
}

impl Markets {
    /// Puts markets in order; `others` are the tickers of those that are not among them, and why.
    #[must_use]
    pub fn new(
        mut listings: Vec<Listing>,
        others: impl IntoIterator<Item = (String, ListingMeaning)>,
        selection: &MarketSelection,
    ) -> Self {
        listings.sort_by(|a, b| a.market.ticker.cmp(&b.market.ticker));
        let mut series: BTreeMap<String, usize> = BTreeMap::new();
        for listing in &listings {
            series.insert(listing.market.series_ticker.to_string(), 0);
        }
        series.values_mut().zip(0..).for_each(|(number, next)| *number = next);
        let mut sizes = vec![0; series.len()];
        let life = |listing: &Listing| {
            let series = series[&*listing.market.series_ticker];
            sizes[series] += 1;
            MarketLife {
                opens: listing.market.open_time.nanos() / 1_000,
                closes: listing.market.close_time.nanos() / 1_000,
                series,
                place: sizes[series] - 1,
            }
        };
        let lives = listings.iter().map(life).collect();
        let mut meanings: HashMap<_, _> = others.into_iter().collect();
        let known = listings.iter().zip(0..);
        meanings
            .extend(known.map(|(listing, number)| {
                (listing.market.ticker.to_string(), ListingMeaning::Market(number))
            }));
        Self { listings, lives, meanings, selection: selection.clone() }
    }

    /// Reads a CSV file of markets.
    ///
    /// # Errors
    /// Names file and row of the first thing that is wrong.
    pub fn from_csv(file: &Path, selection: &MarketSelection) -> Result<Self, DataError> {
        let unreadable = |error: csv::Error| DataError::of_file(file, format!("cannot be read: {error}"));
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(file).map_err(unreadable)?;
        let header = reader.headers().map_err(unreadable)?.clone();
        check_header(&header).map_err(|problem| DataError::of_file(file, problem))?;
        let mut listings: BTreeMap<String, Listing> = BTreeMap::new();
        let mut others = Vec::new();
        for (row, record) in (1..).zip(reader.records()) {
            let record = record.map_err(|error| csv_problem(file, row, &error))?;
            let listing = ListingRow { header: &header, record: &record }.parse_listing();
            let listing = listing.map_err(|problem| DataError::of_row(file, row, problem))?;
            let ticker = listing.market.ticker.to_string();
            if !selection.includes_series(&listing.market.series_ticker) {
                others.push((ticker, ListingMeaning::NotAskedFor));
            } else if listings.insert(ticker.clone(), listing).is_some() {
                return Err(DataError::of_row(file, row, format!("ticker {ticker} is there twice")));
            }
        }
        Ok(Self::new(listings.into_values().collect(), others, selection))
    }

    /// What a ticker stands for. One without a market that is not of a series asked for is none of ours.
    fn ticker_meaning(&self, ticker: &str) -> ListingMeaning {
        match self.meanings.get(ticker) {
            Some(meaning) => *meaning,
            None if !self.selection.includes_series(series_of(ticker)) => ListingMeaning::NotAskedFor,
            None => ListingMeaning::Unknown,
        }
    }

    /// Returns which series and times the import is about.
    #[must_use]
    pub const fn selection(&self) -> &MarketSelection {
        &self.selection
    }

    /// Returns the ticker of a market, by its index in [`Self::listings`].
    #[must_use]
    pub fn ticker(&self, market: usize) -> &str {
        &self.listings[market].market.ticker
    }
}

/// Why a header is not that of a file of markets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum ListingHeaderError {
    /// A column that a file of markets does not have.
    #[error("column {column} is unknown; it may be one of {}", COLUMNS.join(", "))]
    UnknownColumn {
        /// Name of the column in the header.
        column: String,
    },
    /// A column is not there without which no market can be read.
    #[error("has no column {column}")]
    MissingColumn {
        /// Name of the column that is needed.
        column: &'static str,
    },
}

fn check_header(header: &StringRecord) -> Result<(), ListingHeaderError> {
    if let Some(unknown) = header.iter().find(|name| !COLUMNS.contains(name)) {
        return Err(ListingHeaderError::UnknownColumn { column: unknown.to_owned() });
    }
    match COLUMNS[..NEEDED].iter().find(|name| !header.iter().any(|found| found == **name)) {
        Some(column) => Err(ListingHeaderError::MissingColumn { column }),
        None => Ok(()),
    }
}

struct ListingRow<'a> {
    header: &'a StringRecord,
    record: &'a StringRecord,
}

impl ListingRow<'_> {
    fn optional_text(&self, name: &str) -> Option<&str> {
        let at = self.header.iter().position(|column| column == name)?;
        self.record.get(at).filter(|text| !text.is_empty())
    }

    fn required_text(&self, column: &'static str) -> Result<&str, MarketRowError> {
        self.optional_text(column).ok_or(MarketRowError::MissingValue { column })
    }

    fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, MarketRowError> {
        let at = self.optional_text(column).map(whole_micros).transpose();
        at.map_err(|problem| MarketRowError::BadTime { column, problem })
    }

    fn required_time(&self, column: &'static str) -> Result<Timestamp, MarketRowError> {
        self.optional_time(column)?.ok_or(MarketRowError::MissingValue { column })
    }

    fn optional_decimal(&self, column: &'static str) -> Result<Option<Decimal6>, MarketRowError> {
        let figure = self.optional_text(column).map(Decimal6::parse).transpose();
        figure.map_err(|problem| MarketRowError::BadDecimal { column, problem })
    }

    fn required_decimal(&self, column: &'static str) -> Result<Decimal6, MarketRowError> {
        self.optional_decimal(column)?.ok_or(MarketRowError::MissingValue { column })
    }

    fn optional_boolean(&self, column: &'static str) -> Result<Option<bool>, MarketRowError> {
        match self.optional_text(column) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(text) => Err(MarketRowError::NotABoolean { column, text: text.to_owned() }),
        }
    }

    /// What YES paid: either column will do.
    fn settlement_cells(&self) -> Result<SettlementCells, MarketRowError> {
        let read = |column, unit| {
            let parse = |text: &str| {
                let text_of = |_| MarketRowError::SettlementNotWhole { column, text: text.to_owned(), unit };
                text.parse().map_err(text_of)
            };
            self.optional_text(column).map(parse).transpose()
        };
        Ok(SettlementCells {
            ten_thousandths: read("settlement_value", "ten-thousandths")?,
            millionths: read(SETTLEMENT_VALUE_E6, "millionths")?,
        })
    }

    fn parse_listing(&self) -> Result<Listing, MarketRowError> {
        let event = self.required_text("event_ticker")?;
        let ranges = self.optional_text("price_ranges").unwrap_or_default();
        let multiplier = self.optional_decimal("fee_multiplier")?;
        let one = Decimal6::from_millionths(1_000_000);
        let market = Market {
            id: MarketId(0),
            event: EventId(0),
            series: SeriesId(0),
            ticker: self.required_text("ticker")?.into(),
            event_ticker: event.into(),
            series_ticker: self.optional_text("series_ticker").unwrap_or(series_of(event)).into(),
            category: self.optional_text("category").unwrap_or_default().into(),
            title: self.optional_text("title").unwrap_or_default().into(),
            strike: strike_of(
                self.optional_text("strike_type").unwrap_or_default(),
                || self.required_decimal("floor_strike"),
                || self.required_decimal("cap_strike"),
            )?,
            open_time: self.required_time("open_time")?,
            close_time: self.required_time("close_time")?,
            grid: parse_price_grid(ranges)?,
            fees: fees_of(self.optional_text("fee_type").unwrap_or("quadratic"), multiplier.unwrap_or(one))?,
        };
        if market.close_time <= market.open_time {
            let (close, open) = (market.close_time, market.open_time);
            return Err(MarketRowError::CloseNotAfterOpen { close, open });
        }
        let cells = self.settlement_cells()?;
        let paid = || self.optional_time("settlement_time");
        let settlement = settlement_of(self.optional_text("result").unwrap_or_default(), cells, paid)?;
        if settlement.is_some_and(|settlement| settlement.at < market.close_time) {
            return Err(MarketRowError::SettledBeforeClose);
        }
        Ok(Listing {
            market,
            settlement,
            yes_sub_title: self.optional_text("yes_sub_title").unwrap_or_default().to_owned(),
            mutually_exclusive: self.optional_boolean("mutually_exclusive")?.unwrap_or(false),
            price_ranges: ranges.to_owned(),
        })
    }
}

/// A moment without what is less than a microsecond, which a data set does not hold.
fn whole_micros(text: &str) -> Result<Timestamp, ParseTimestampError> {
    let at = Timestamp::parse(text)?;
    Ok(Timestamp::from_nanos(at.nanos().div_euclid(1_000) * 1_000))
}

/// The series of an event: what its ticker begins with.
#[must_use]
pub fn series_of(event: &str) -> &str {
    event.split('-').next().unwrap_or(event)
}

/// What the names of a dictionary stand for; looked up once for each dictionary, not for each row.
#[derive(Debug, Default)]
pub struct Lookup {
    of: Option<StringArray>,
    meanings: Vec<ListingMeaning>,
}

impl Lookup {
    /// The meanings of names, by key.
    pub fn meanings_by_key(&mut self, markets: &Markets, names: &StringArray) -> &[ListingMeaning] {
        if !self.of.as_ref().is_some_and(|known| same_strings(known, names)) {
            self.meanings.clear();
            self.meanings.extend(
                names
                    .iter()
                    .map(|name| name.map_or(ListingMeaning::Unknown, |name| markets.ticker_meaning(name))),
            );
            self.of = Some(names.clone());
        }
        &self.meanings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_what_was_paid_in_either_column_or_in_both() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("markets.csv");
        let paid = |values: &str| {
            let text = format!(
                "ticker,event_ticker,open_time,close_time,settlement_time,result,settlement_value,settlement_value_e6\n\
                 A-1,A,2024-01-01T00:00:00Z,2024-01-09T00:00:00Z,2024-01-09T01:00:00Z,scalar,{values}\n"
            );
            std::fs::write(&file, text).unwrap();
            Markets::from_csv(&file, &MarketSelection::default())
                .map(|markets| markets.listings[0].settlement.unwrap().value.in_micros())
                .map_err(|error| error.to_string().rsplit_once("row 1: ").unwrap().1.to_owned())
        };
        assert_eq!(paid(",333333"), Ok(333_333));
        assert_eq!(paid("3333,333333"), Ok(333_333));
        assert_eq!(paid("3333,"), Ok(333_300));
        let disagree = "settlement_value 3334 is not settlement_value_e6 333333 rounded to ten-thousandths";
        assert_eq!(paid("3334,333333"), Err(disagree.to_owned()));
        let finer = "settlement_value_e6: `333333.3` is no whole number of millionths";
        assert_eq!(paid(",333333.3"), Err(finer.to_owned()));
    }

    #[test]
    fn a_header_lacks_a_column_or_has_one_too_many() {
        let header = |names: &[&str]| StringRecord::from(names);
        let lacks = check_header(&header(&COLUMNS[..NEEDED - 1]));
        assert_eq!(lacks, Err(ListingHeaderError::MissingColumn { column: "close_time" }));
        let unknown = check_header(&header(&["ticker", "colour"]));
        assert_eq!(unknown, Err(ListingHeaderError::UnknownColumn { column: "colour".into() }));
    }
}
