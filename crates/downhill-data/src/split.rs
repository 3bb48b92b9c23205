//! Subsets of an image set, as indices.

use crate::{DataError, Purpose, Stream};

/// Returns the indices of the first `count` of `available` images.
///
/// # Errors
///
/// If `count` exceeds `available`.
pub fn first(count: usize, available: usize) -> Result<Vec<usize>, DataError> {
    check(count, available)?;
    Ok((0..count).collect())
}

/// Returns `count` random indices of `available` images, without repetition. With the same seed, a
/// smaller subset is a prefix of a larger one.
///
/// # Errors
///
/// If `count` exceeds `available`.
pub fn random_subset(seed: u64, count: usize, available: usize) -> Result<Vec<usize>, DataError> {
    check(count, available)?;
    let mut indices = Stream::new(seed, Purpose::Split, 0).permutation(available);
    indices.truncate(count);
    Ok(indices)
}

/// Returns random disjoint parts of the given sizes. Concatenated, they are the [`random_subset`]
/// of their total size.
///
/// # Errors
///
/// If the sum of `sizes` exceeds `available`.
///
/// ```
/// use downhill_data::split;
///
/// let parts = split::shuffled(7, &[50, 10], 100)?;
/// assert_eq!((parts[0].len(), parts[1].len()), (50, 10));
/// assert!(parts[0].iter().all(|index| !parts[1].contains(index)));
/// # Ok::<(), downhill_data::DataError>(())
/// ```
pub fn shuffled(
    seed: u64,
    sizes: &[usize],
    available: usize,
) -> Result<Vec<Vec<usize>>, DataError> {
    let requested = sizes
        .iter()
        .fold(0, |sum: usize, &size| sum.saturating_add(size));
    let mut rest = &random_subset(seed, requested, available)?[..];
    let take = |&size: &usize| {
        let (part, after) = rest.split_at(size);
        rest = after;
        part.to_vec()
    };
    Ok(sizes.iter().map(take).collect())
}

fn check(requested: usize, available: usize) -> Result<(), DataError> {
    if requested > available {
        return Err(DataError::SplitSize {
            requested,
            available,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::sha256_hex;

    #[test]
    fn the_first_images_come_in_order() {
        assert_eq!(first(3, 5).unwrap(), [0, 1, 2]);
        assert!(first(0, 5).unwrap().is_empty());
    }

    #[test]
    fn the_parts_of_a_whole_split_are_a_permutation() {
        let parts = shuffled(3, &[400, 0, 600], 1000).unwrap();
        assert_eq!(
            parts.iter().map(Vec::len).collect::<Vec<_>>(),
            [400, 0, 600]
        );
        let mut all = parts.concat();
        assert_eq!(all, random_subset(3, 1000, 1000).unwrap());
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
    }

    /// The value comes from `reference/stream.py`. Changing it changes every experiment.
    #[test]
    fn a_split_is_that_of_the_reference() {
        let all = random_subset(7, 60_000, 60_000).unwrap();
        let bytes: Vec<u8> = all
            .iter()
            .flat_map(|&index| (index as u32).to_le_bytes())
            .collect();
        assert_eq!(
            sha256_hex([&bytes[..]]),
            "3e3f846e1f35bb62c5ded39cf4134bc2cf620e49184423b652b5c0eaf88fa410"
        );
        assert_eq!(random_subset(7, 4, 10).unwrap(), [0, 6, 3, 7]);
    }

    #[test]
    fn a_smaller_subset_is_a_prefix_of_a_larger_one() {
        let large = random_subset(5, 500, 60_000).unwrap();
        assert_eq!(random_subset(5, 100, 60_000).unwrap(), large[..100]);
        assert_ne!(random_subset(6, 100, 60_000).unwrap(), large[..100]);
    }

    #[test]
    fn more_images_than_available_are_refused() {
        for error in [
            first(11, 10).unwrap_err(),
            random_subset(1, 11, 10).unwrap_err(),
            shuffled(1, &[6, 5], 10).unwrap_err(),
        ] {
            assert_eq!(
                error.to_string(),
                "the sizes of a split must sum to at most 10, got 11"
            );
        }
        let error = shuffled(1, &[usize::MAX, 2], 10).unwrap_err();
        assert!(matches!(
            error,
            DataError::SplitSize {
                requested: usize::MAX,
                ..
            }
        ));
    }
}
