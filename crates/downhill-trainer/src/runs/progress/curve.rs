//! A curve in block characters.

/// From empty to full.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws values from 0 to 1 over updates, `(update, value)` in rising order, as lines of text from
/// top to bottom. Columns beyond the last point are empty. The first and the last line are labelled
/// 100 % and 0 %.
pub(super) fn curve(
    points: &[(u64, f64)],
    updates: u64,
    columns: usize,
    rows: usize,
) -> Vec<String> {
    let full = BLOCKS.len() - 1;
    let steps = rows * full;
    let levels: Vec<usize> = (0..columns)
        .map(|column| {
            let share = share_at(points, updates, column, columns);
            // Even a value of 0 is visible.
            share.map_or(0, |share| {
                let level = (share.clamp(0.0, 1.0) * steps as f64).round() as usize;
                level.max(1)
            })
        })
        .collect();
    let line = |row: usize| {
        let label = match row {
            0 => "100 % │",
            row if row + 1 == rows => "  0 % │",
            _ => "      │",
        };
        let below = (rows - 1 - row) * full;
        let block = |level: &usize| BLOCKS[level.saturating_sub(below).min(full)];
        let blocks: String = levels.iter().map(block).collect();
        format!("{label}{}", blocks.trim_end())
    };
    (0..rows).map(line).collect()
}

/// Returns the value of the last point up to a column's right end; `None` beyond the last point.
fn share_at(points: &[(u64, f64)], updates: u64, column: usize, columns: usize) -> Option<f64> {
    let end = |column: usize| updates as f64 * column as f64 / columns as f64;
    let (last, _) = points.last()?;
    if column > 0 && end(column) >= *last as f64 {
        return None;
    }
    let until = |(update, _): &&(u64, f64)| *update as f64 <= end(column + 1);
    let (_, share) = points.iter().rev().find(until).or(points.first())?;
    share.is_finite().then_some(*share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_high_as_the_share() {
        let points = [(25, 0.25), (50, 0.5), (75, 0.75), (100, 1.0)];
        assert_eq!(
            curve(&points, 100, 4, 2),
            ["100 % │  ▄█".to_owned(), "  0 % │▄███".to_owned()]
        );
    }

    #[test]
    fn what_is_not_reached_is_empty() {
        let points = [(0, 0.0), (50, 1.0)];
        assert_eq!(
            curve(&points, 100, 8, 1),
            ["100 % │▁▁▁█".to_owned()],
            "the half that is to come is empty"
        );
        assert_eq!(curve(&[], 100, 8, 1), ["100 % │".to_owned()]);
    }

    #[test]
    fn between_evaluations_it_stays() {
        let points = [(0, 0.5), (100, 0.5)];
        assert_eq!(curve(&points, 100, 5, 1), ["100 % │▄▄▄▄▄".to_owned()]);
    }
}
