//! The results of a sweep as a table: CSV for people, Parquet for programs. Money in dollars.

use std::path::Path;

use crate::dataset::DataError;
use crate::dataset::write::table::{TableColumn, write_table};

use super::result::{Figures, TaskResult};

/// The table's columns with their names: parameters first, as written where one is no number.
#[must_use]
pub fn result_columns(results: &[TaskResult], keys: &[&str]) -> Vec<(String, TableColumn)> {
    let mut columns = vec![("task".to_owned(), text_column(results.iter().map(|result| &*result.id)))];
    for (at, key) in keys.iter().enumerate() {
        let values = || results.iter().map(|result| &*result.parameters[at].1);
        let numbers: Option<Vec<Option<f64>>> =
            values().map(|value| value.parse().ok().filter(|x: &f64| x.is_finite()).map(Some)).collect();
        columns.push(((*key).to_owned(), numbers.map_or_else(|| text_column(values()), TableColumn::Real)));
    }
    let dollars = |micros: i64| Some(micros as f64 / 1e6);
    let mut real = |name: &str, value: &dyn Fn(&Figures) -> Option<f64>| {
        let values = results.iter().map(|result| value(&result.figures)).collect();
        columns.push((name.to_owned(), TableColumn::Real(values)));
    };
    real("pnl", &|one| dollars(one.final_equity_micros - one.bankroll_micros));
    real("return", &|one| Some(one.total_return()));
    real("fees", &|one| dollars(one.fees_micros));
    real("max_drawdown", &|one| Some(f64::from(one.max_drawdown_ppm) / 1e6));
    real("max_exposure", &|one| dollars(one.max_exposure_micros));
    real("win_rate", &|one| (one.trades > 0).then(|| one.wins as f64 / one.trades as f64));
    real("brier", &|one| one.brier);
    real("brier_market", &|one| one.brier_market);
    real("log_loss", &|one| one.log_loss);
    real("evidence_for", &|one| Some(one.evidence_for));
    let mut count = |name: &str, value: &dyn Fn(&Figures) -> u64| {
        let values = results.iter().map(|result| value(&result.figures)).collect();
        columns.push((name.to_owned(), TableColumn::Count(values)));
    };
    count("trades", &|one| one.trades);
    count("wins", &|one| one.wins);
    count("open_positions", &|one| one.open_positions);
    count("evaluations", &|one| one.evaluations);
    count("opportunities", &|one| one.opportunities);
    count("orders", &|one| one.orders);
    count("fills", &|one| one.fills);
    count("refusals", &|one| one.refusals);
    count("halts", &|one| one.halts);
    columns.push(("digest".to_owned(), text_column(results.iter().map(|result| &*result.figures.digest))));
    columns
}

fn text_column<'a>(values: impl Iterator<Item = &'a str>) -> TableColumn {
    TableColumn::Text(values.map(ToOwned::to_owned).collect())
}

/// Returns the table as CSV in UTF-8, with the column names in the first line.
#[must_use]
pub fn to_csv(columns: &[(String, TableColumn)]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns.iter().map(|(name, _)| name)).expect("memory takes everything");
    let rows = columns.first().map_or(0, |(_, column)| column.len());
    for row in 0..rows {
        let cells = columns.iter().map(|(_, column)| column.cell_text(row));
        writer.write_record(cells).expect("memory takes everything");
    }
    writer.into_inner().expect("memory takes everything")
}

/// The table as Parquet.
///
/// # Errors
/// When it cannot be written.
pub fn write_parquet(file: &Path, columns: &[(String, TableColumn)]) -> Result<(), DataError> {
    write_table(file, columns)
}
