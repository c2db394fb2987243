//! Typed columns of a decoded batch, and the prices and counts in them.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrowPrimitiveType, PrimitiveArray, RecordBatch};
use arrow_buffer::{ArrowNativeType, NullBuffer, ScalarBuffer};

use crate::dataset::Problem;
use crate::domain::{Contracts, Price};

/// A column's values and which of them are there, for reading one at a time.
#[derive(Debug)]
pub(crate) struct ColumnValues<T: ArrowNativeType> {
    values: ScalarBuffer<T>,
    nulls: Option<NullBuffer>,
}

impl<T: ArrowNativeType> ColumnValues<T> {
    pub(crate) fn new(column: &PrimitiveArray<impl ArrowPrimitiveType<Native = T>>) -> Self {
        let nulls = column.nulls().filter(|nulls| nulls.null_count() > 0).cloned();
        Self { values: column.values().clone(), nulls }
    }

    /// A column of a batch; `None` if it is not there or of another type.
    pub(crate) fn from_batch_column(batch: &RecordBatch, name: &str) -> Option<Self>
    where
        T: Primitive,
    {
        Some(Self::new(batch.column_by_name(name)?.as_primitive_opt::<T::Arrow>()?))
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<T> {
        match &self.nulls {
            Some(nulls) if nulls.is_null(row) => None,
            _ => Some(self.values[row]),
        }
    }
}

/// What the columns of prices and counts hold.
pub(crate) trait Primitive: ArrowNativeType {
    /// Arrow type of a column of these values: `Int32Type` for prices, `Int64Type` for counts.
    type Arrow: ArrowPrimitiveType<Native = Self>;
}

impl Primitive for i32 {
    type Arrow = Int32Type;
}

impl Primitive for i64 {
    type Arrow = Int64Type;
}

#[inline]
pub(crate) fn price_at(
    column: &ColumnValues<i32>,
    row: usize,
    name: &'static str,
) -> Result<Option<Price>, Problem> {
    let Some(value) = column.get(row) else {
        return Ok(None);
    };
    let price = u16::try_from(value).ok().and_then(Price::new);
    match price.filter(|&price| price > Price::ZERO && price < Price::ONE) {
        Some(price) => Ok(Some(price)),
        None => Err(Problem::PriceOutOfRange(name, value)),
    }
}

#[inline]
pub(crate) fn count_at(
    column: &ColumnValues<i64>,
    row: usize,
    name: &'static str,
) -> Result<Option<Contracts>, Problem> {
    match column.get(row) {
        Some(value) if value < 0 => Err(Problem::Negative(name, value)),
        value => Ok(value.map(Contracts::from_hundredths)),
    }
}
