//! Fewer points for the same picture: a spike of one point among 200,000 must stay in sight.

/// In each of `columns` equal stretches of x the first, lowest, highest and last point, in their order. Points
/// come in order of x; at most four a column come back as they are.
pub(super) fn downsample_points(points: &[(f64, f64)], columns: usize) -> Vec<(f64, f64)> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    if points.len() <= columns * 4 {
        return points.to_vec();
    }
    let width = (last.0 - first.0).max(f64::MIN_POSITIVE);
    let column_of = |x: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float's cast saturates, and the columns are few"
        )]
        let column = ((x - first.0) / width * columns as f64) as usize;
        column.min(columns - 1)
    };
    let mut kept = Vec::with_capacity(columns * 4);
    for column in points.chunk_by(|a, b| column_of(a.0) == column_of(b.0)) {
        let by_y = |a: &usize, b: &usize| column[*a].1.total_cmp(&column[*b].1);
        let lowest = (0..column.len()).min_by(by_y).unwrap_or(0);
        let highest = (0..column.len()).max_by(by_y).unwrap_or(0);
        let mut indices = [0, lowest, highest, column.len() - 1];
        indices.sort_unstable();
        let mut last = None;
        for index in indices {
            if last != Some(index) {
                kept.push(column[index]);
            }
            last = Some(index);
        }
    }
    kept
}
