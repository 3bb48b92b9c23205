//! What pixels are turned into.

/// What pixels of 0 to 1 are turned into: `(pixel - mean) / deviation`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelScale {
    /// Subtracted.
    pub mean: f64,
    /// Divided by.
    pub deviation: f64,
}

impl PixelScale {
    /// As they are.
    pub const UNIT: Self = Self {
        mean: 0.0,
        deviation: 1.0,
    };

    /// What a byte becomes, of which 255 is a pixel of 1.
    pub fn of_byte(self, byte: u8) -> f32 {
        let pixel = f32::from(byte) / 255.0;
        match self == Self::UNIT {
            true => pixel,
            false => ((f64::from(pixel) - self.mean) / self.deviation) as f32,
        }
    }
}
