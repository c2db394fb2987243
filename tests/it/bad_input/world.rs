//! A folder with a data set and a scenario that work, and the means to break them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Int32Type};
use arrow_array::{Array, ArrayRef, DictionaryArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use protogen::dataset::read::catalogue::Settlement;
use protogen::dataset::write::writer::{SnapshotRow, SnapshotWriter, write_markets};
use protogen::domain::{
    Contracts, EventId, FeeSchedule, Market, MarketId, Price, PriceGrid, Quote, SeriesId, SettlementValue,
    Strike, Timestamp,
};
use tempfile::TempDir;

/// Every snapshot is looked at as it comes, so that each row of the data leaves a trace in the digest.
const SCENARIO: &str = r#"[scenario]
name = "case"

[feed]
data = "data"

[scanner]
interval = "0s"

[strategy]
name = "fixed_rate"
probability = 0.25
"#;

/// Ticker, close and result of the two markets; both open with the year and pay an hour after they close.
const MARKETS: [(&str, &str, SettlementValue); 2] = [
    ("KXTEST-24JAN-A", "2024-01-05T00:00:00Z", SettlementValue::ONE),
    ("KXTEST-24JAN-B", "2024-01-10T00:00:00Z", SettlementValue::ZERO),
];

/// Day of January, number of the market, bid and ask in cents: the rows of the snapshots, at noon.
const QUOTES: [(u8, usize, u16, u16); 8] = [
    (2, 0, 44, 46),
    (2, 1, 30, 33),
    (3, 0, 45, 47),
    (3, 1, 31, 33),
    (4, 0, 52, 54),
    (5, 1, 28, 30),
    (6, 1, 20, 22),
    (7, 1, 10, 12),
];

/// The folder of one case.
pub struct World {
    folder: TempDir,
    /// Further arguments of `backtest`.
    pub args: Vec<String>,
}

/// What the program did.
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    pub fn new() -> Self {
        let world = Self { folder: TempDir::new().unwrap(), args: Vec::new() };
        fs::create_dir(world.path("data")).unwrap();
        world.write("case.toml", SCENARIO);
        write_markets(&world.path("data/markets.parquet"), &MARKETS.map(market), false).unwrap();
        world.quote(|_| true);
        world
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(file), content).unwrap();
    }

    /// Changes the bytes of a file.
    pub fn bytes(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path(file)).unwrap();
        change(&mut bytes);
        self.write(file, bytes);
    }

    pub fn remove(&self, file: &str) {
        fs::remove_file(self.path(file)).unwrap();
    }

    /// Replaces a line of the scenario.
    pub fn line(&self, old: &str, new: &str) {
        let text = fs::read_to_string(self.path("case.toml")).unwrap();
        assert!(text.lines().any(|line| line == old), "{old:?} is no line of the scenario");
        self.write("case.toml", text.replace(&format!("{old}\n"), &format!("{new}\n")));
    }

    /// Appends lines to the scenario.
    pub fn add(&self, lines: &str) {
        let text = fs::read_to_string(self.path("case.toml")).unwrap();
        self.write("case.toml", format!("{text}{lines}\n"));
    }

    /// Writes a facts file, and into the scenario that it be read.
    pub fn facts(&self, content: &str) {
        self.write("facts.csv", content);
        self.line("data = \"data\"", "data = \"data\"\nfacts = [\"facts.csv\"]");
    }

    /// Writes those snapshots whose row number, from 1, `keep` picks.
    pub fn quote(&self, keep: impl Fn(usize) -> bool) {
        let file = self.path("data/snapshots.parquet");
        let mut writer = SnapshotWriter::create(&file).unwrap();
        for (row, (day, market, bid, ask)) in (1..).zip(QUOTES) {
            let at = moment(&format!("2024-01-{day:02}T12:00:{market:02}Z"));
            if keep(row) {
                writer
                    .write_row(&SnapshotRow { at, ticker: MARKETS[market].0, quote: quote(bid, ask) })
                    .unwrap();
            }
        }
        writer.finish().unwrap();
    }

    /// Rewrites `markets.parquet`.
    pub fn markets(&self, change: impl FnOnce(Table) -> Table) {
        self.table("data/markets.parquet", change);
    }

    /// Rewrites `snapshots.parquet`.
    pub fn snapshots(&self, change: impl FnOnce(Table) -> Table) {
        self.table("data/snapshots.parquet", change);
    }

    fn table(&self, file: &str, change: impl FnOnce(Table) -> Table) {
        let file = self.path(file);
        change(Table::read(&file)).write(&file, usize::MAX);
    }

    /// `protogen backtest case.toml --out out` and the further arguments.
    pub fn command(&self) -> Command {
        let mut command = protogen();
        command.arg("backtest").arg(self.path("case.toml"));
        if !self.args.iter().any(|arg| arg == "--out") {
            command.arg("--out").arg(self.path("out"));
        }
        command.args(&self.args).current_dir(self.folder.path());
        command
    }

    pub fn run(&self) -> Outcome {
        self.outcome(self.command())
    }

    /// Runs with `--json`, expects success, and returns the one object on stdout.
    pub fn summary(&self) -> serde_json::Value {
        let mut command = self.command();
        command.arg("--json");
        let outcome = self.outcome(command);
        assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    /// Runs a command and puts `[DIR]` where it prints the folder of the case.
    pub fn outcome(&self, mut command: Command) -> Outcome {
        let output = command.stdin(Stdio::null()).output().unwrap();
        let folder = self.folder.path().to_str().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(folder, "[DIR]");
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Everything in the scenario's folder under `out`: complete run folders, partial ones, `latest`.
    pub fn runs(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("out/case")) else {
            return Vec::new();
        };
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The program under test, whatever the shell of the tests has set.
pub fn protogen() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_protogen"));
    command.env_remove("RUST_BACKTRACE").env_remove("COLUMNS");
    command
}

pub fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A moment as a Parquet file holds it.
pub fn micros(text: &str) -> i64 {
    moment(text).nanos() / 1_000
}

fn market((ticker, close, value): (&str, &str, SettlementValue)) -> (Market, Option<Settlement>) {
    let close_time = moment(close);
    let market = Market {
        id: MarketId(0),
        event: EventId(0),
        series: SeriesId(0),
        ticker: ticker.into(),
        event_ticker: "KXTEST-24JAN".into(),
        series_ticker: "KXTEST".into(),
        category: "Test".into(),
        title: "A market of a test".into(),
        strike: Strike::Other,
        open_time: moment("2024-01-01T00:00:00Z"),
        close_time,
        grid: PriceGrid::whole_cents(),
        fees: FeeSchedule::STANDARD,
    };
    (market, Some(Settlement { at: close_time + protogen::domain::Span::HOUR, value }))
}

/// A two-sided quote in cents, with a thousand contracts on either side.
pub fn quote(bid: u16, ask: u16) -> Quote {
    let size = Some(Contracts::whole(1_000));
    Quote {
        bid: Price::new(bid * 100),
        ask: Price::new(ask * 100),
        bid_size: size,
        ask_size: size,
        volume: Some(Contracts::whole(5_000)),
        ..Quote::default()
    }
}

/// The columns of a Parquet file, to change cells, types and columns that the project's writer gets right.
pub struct Table {
    columns: Vec<(String, ArrayRef)>,
}

impl Table {
    pub fn read(file: &Path) -> Self {
        let builder = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(file).unwrap()).unwrap();
        let mut batches = builder.with_batch_size(1 << 20).build().unwrap();
        let batch = batches.next().expect("a file with rows").unwrap();
        assert!(batches.next().is_none(), "one batch holds the whole file");
        let names = batch.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        Self { columns: names.into_iter().zip(batch.columns().iter().cloned()).collect() }
    }

    /// Writes the file, with at most so many rows a row group.
    pub fn write(self, file: &Path, rows_a_group: usize) {
        let fields =
            self.columns.iter().map(|(name, column)| Field::new(name, column.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let columns = self.columns.into_iter().map(|(_, column)| column).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows_a_group)).build();
        let mut writer =
            ArrowWriter::try_new(fs::File::create(file).unwrap(), schema, Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    pub fn column(&self, name: &str) -> &ArrayRef {
        let found = self.columns.iter().find(|(column, _)| column == name);
        &found.unwrap_or_else(|| panic!("there is no column {name}")).1
    }

    /// Without a column.
    pub fn without(mut self, name: &str) -> Self {
        self.columns.retain(|(column, _)| column != name);
        self
    }

    /// With another column in the place of one.
    pub fn with(mut self, name: &str, column: ArrayRef) -> Self {
        self.columns.iter_mut().find(|(found, _)| found == name).expect("a column of that name").1 = column;
        self
    }

    /// With a column that is made from the number of rows.
    pub fn with_all(self, name: &str, make: fn(usize) -> ArrayRef) -> Self {
        let rows = self.column(name).len();
        self.with(name, make(rows))
    }

    /// With a new column in front of all others.
    pub fn led_by(mut self, name: &str, column: ArrayRef) -> Self {
        self.columns.insert(0, (name.to_owned(), column));
        self
    }

    /// With another number, or none, in a row (counted from 1).
    pub fn number<T: ArrowPrimitiveType>(self, name: &str, row: usize, value: Option<T::Native>) -> Self {
        let old = self.column(name).as_primitive::<T>();
        let cells = (1..).zip(old.iter()).map(|(number, cell)| if number == row { value } else { cell });
        let new: PrimitiveArray<T> = cells.collect();
        let new = new.with_data_type(old.data_type().clone());
        self.with(name, Arc::new(new))
    }

    /// With another price, or none, in a row.
    pub fn price(self, name: &str, row: usize, value: impl Into<Option<i32>>) -> Self {
        self.number::<Int32Type>(name, row, value.into())
    }

    /// With another text, or none, in a row.
    pub fn text(self, name: &str, row: usize, value: Option<&str>) -> Self {
        let old = self.texts(name);
        let cells = (1..).zip(&old).map(|(number, cell)| if number == row { value } else { cell.as_deref() });
        let new: ArrayRef = match self.column(name).data_type() {
            DataType::Dictionary(..) => Arc::new(cells.collect::<DictionaryArray<Int32Type>>()),
            _ => Arc::new(cells.collect::<StringArray>()),
        };
        self.with(name, new)
    }

    /// The cells of a text column.
    pub fn texts(&self, name: &str) -> Vec<Option<String>> {
        let column = self.column(name);
        let owned = |cell: Option<&str>| cell.map(str::to_owned);
        match column.as_dictionary_opt::<Int32Type>() {
            Some(keys) => keys.downcast_dict::<StringArray>().unwrap().into_iter().map(owned).collect(),
            None => column.as_string::<i32>().iter().map(owned).collect(),
        }
    }
}
