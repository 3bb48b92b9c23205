//! Matrix transposition.

use super::buffer::LINE;

/// Transposes the matrix `from` into `to`. `from_row` and `to_row` are the strides of their rows.
#[inline(always)]
pub(super) fn transpose(
    from: &[f32],
    from_row: usize,
    [rows, columns]: [usize; 2],
    to: &mut [f32],
    to_row: usize,
) {
    for first_row in (0..rows).step_by(LINE) {
        let height = LINE.min(rows - first_row);
        for first_column in (0..columns).step_by(LINE) {
            let width = LINE.min(columns - first_column);
            let from = &from[first_row * from_row + first_column..];
            let to = &mut to[first_column * to_row + first_row..];
            if height == LINE && width == LINE {
                whole(from, from_row, to, to_row);
            } else {
                for column in 0..width {
                    for row in 0..height {
                        to[column * to_row + row] = from[row * from_row + column];
                    }
                }
            }
        }
    }
}

/// Transposes a block of 16 rows and columns.
#[inline(always)]
fn whole(from: &[f32], from_row: usize, to: &mut [f32], to_row: usize) {
    let mut block = [[0.0_f32; LINE]; LINE];
    for (row, line) in block.iter_mut().enumerate() {
        line.copy_from_slice(&from[row * from_row..][..LINE]);
    }
    for column in 0..LINE {
        let line: &mut [f32; LINE] = (&mut to[column * to_row..][..LINE])
            .try_into()
            .expect("a slice of 16 values");
        for row in 0..LINE {
            line[row] = block[row][column];
        }
    }
}
