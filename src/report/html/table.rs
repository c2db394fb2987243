//! Tables that sort by a click on a column's head, and read well without a script.

use maud::{Markup, html};

/// A column of an [`HtmlTable`]: its head, and how its cells are aligned and sorted.
#[derive(Clone, Debug)]
pub struct HtmlColumn {
    /// Text of the column's head, with the unit if there is one.
    pub title: String,
    /// Whether it holds numbers, which are aligned right and sorted by value.
    pub is_number: bool,
}

impl HtmlColumn {
    /// Makes a column of words, sorted by their text.
    #[must_use]
    pub fn for_text(title: impl Into<String>) -> Self {
        Self { title: title.into(), is_number: false }
    }

    /// Makes a column of numbers, aligned right and sorted by value.
    #[must_use]
    pub fn for_numbers(title: impl Into<String>) -> Self {
        Self { title: title.into(), is_number: true }
    }
}

/// A cell of an [`HtmlTable`]: the text shown and the value it is sorted by.
#[derive(Clone, Debug)]
pub struct HtmlCell {
    /// Text shown in the cell; rendering escapes it.
    pub text: String,
    /// What a column of numbers is sorted by; without one the cell stays at the end.
    pub value: Option<f64>,
}

impl HtmlCell {
    /// Makes a cell of words, which stays at the end of a sorted column of numbers.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self { text: text.into(), value: None }
    }

    /// A number as it is shown and as it is sorted; one that is not finite is unknown, and sorted as such.
    #[must_use]
    pub fn from_number(text: impl Into<String>, value: f64) -> Self {
        Self { text: text.into(), value: value.is_finite().then_some(value) }
    }
}

/// A table. Each row has a cell a column.
#[derive(Clone, Debug, Default)]
pub struct HtmlTable {
    /// What it shows; stands over it.
    pub caption: String,
    /// Columns from left to right, as many as each row has cells.
    pub columns: Vec<HtmlColumn>,
    /// As they stand before anyone sorts.
    pub rows: Vec<Vec<HtmlCell>>,
}

impl HtmlTable {
    /// The table, in a frame that scrolls sideways where it is too wide.
    ///
    /// # Panics
    /// If a row has not a cell a column.
    #[must_use]
    pub fn render(&self) -> Markup {
        let whole = self.rows.iter().all(|row| row.len() == self.columns.len());
        assert!(whole, "table `{}`: every row has a cell a column", self.caption);
        let class = |column: &HtmlColumn| column.is_number.then_some("number");
        html! {
            div.scroll tabindex="0" role="group" aria-label=(self.caption) {
                table data-sort[self.rows.len() > 1] {
                    caption { (self.caption) }
                    thead { tr {
                        @for column in &self.columns { th scope="col" class=[class(column)] { (column.title) } }
                    } }
                    tbody {
                        @for row in &self.rows { tr {
                            @for (cell, column) in row.iter().zip(&self.columns) {
                                td class=[class(column)] data-value=[sort_key(cell, column)] { (cell.text) }
                            }
                        } }
                    }
                }
            }
        }
    }
}

/// Numbers are sorted by their value, not by how they are written.
fn sort_key(cell: &HtmlCell, column: &HtmlColumn) -> Option<String> {
    column.is_number.then(|| cell.value.map(|value| value.to_string()).unwrap_or_default())
}
