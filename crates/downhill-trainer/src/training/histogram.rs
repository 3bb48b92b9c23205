//! Histograms of the outputs of a layer.

use burn::tensor::Tensor;
use downhill_model::Activation;
use downhill_report::record::Histogram;

/// Number of bins, as in the book.
const BINS: usize = 30;

/// Returns the histogram of a layer's outputs over the range of its activation: 0 to 1 for sigmoid,
/// -1 to 1 for tanh, 0 to the largest output for ReLU.
pub(crate) fn histogram(activation: Activation, layer: Tensor<2>) -> Histogram {
    let numbers = layer.into_data().convert::<f32>();
    let numbers: Vec<f64> = numbers.iter::<f32>().map(f64::from).collect();
    let count = numbers.len().max(1) as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let squares = numbers.iter().map(|number| (number - mean).powi(2));
    let variance = squares.sum::<f64>() / count;
    let largest = numbers.iter().copied().fold(0.0, f64::max);
    let (lower, upper) = match activation {
        Activation::Sigmoid => (0.0, 1.0),
        Activation::Tanh => (-1.0, 1.0),
        Activation::Relu => (0.0, if largest > 0.0 { largest } else { 1.0 }),
    };
    let mut counts = vec![0; BINS];
    for number in &numbers {
        let fraction = (number - lower) / (upper - lower);
        // NaN is counted in the first bin.
        let bin = (fraction * BINS as f64)
            .floor()
            .clamp(0.0, BINS as f64 - 1.0);
        counts[bin as usize] += 1;
    }
    Histogram {
        lower,
        upper,
        counts,
        mean,
        standard_deviation: variance.sqrt(),
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn every_number_is_counted_once() {
        let layer = Tensor::from_floats([[0.0, 0.5, 3.0], [0.0, 1.5, 2.9999]], &Device::flex());
        let found = histogram(Activation::Relu, layer.clone());
        assert_eq!((found.lower, found.upper), (0.0, 3.0));
        assert_eq!(found.counts.iter().sum::<u64>(), 6);
        assert_eq!(
            (found.counts[0], found.counts[5], found.counts[29]),
            (2, 1, 2)
        );
        assert!((found.mean - 7.9999 / 6.0).abs() < 1e-6);
        // Outside the range of sigmoid: in the last bin.
        assert_eq!(histogram(Activation::Sigmoid, layer).counts[29], 3);
    }
}
