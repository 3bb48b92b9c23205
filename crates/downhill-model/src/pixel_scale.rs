//! Scaling of pixels.

/// A scaling of pixels in [0, 1]: `(pixel - mean) / deviation`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelScale {
    /// Subtracted from each pixel.
    pub mean: f64,
    /// Divides each pixel after `mean` is subtracted.
    pub deviation: f64,
}

impl PixelScale {
    /// Leaves pixels unchanged.
    pub const UNIT: Self = Self {
        mean: 0.0,
        deviation: 1.0,
    };

    /// Returns the scaled pixel of a byte; a byte of 255 is a pixel of 1.
    pub fn of_byte(self, byte: u8) -> f32 {
        let pixel = f32::from(byte) / 255.0;
        match self == Self::UNIT {
            true => pixel,
            false => ((f64::from(pixel) - self.mean) / self.deviation) as f32,
        }
    }
}
