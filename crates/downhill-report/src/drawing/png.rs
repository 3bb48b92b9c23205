//! Pictures as PNG, the same bytes wherever they are made: their letters are those of fonts in the
//! binary (`fonts/PROVENANCE.md`).

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};
use thiserror::Error;

/// The only family in the binary.
const FAMILY: &str = "Inter";

/// No picture is wider or higher than this, in pixels.
pub const MAX_PIXELS: u32 = 20_000;

static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(include_bytes!("../../fonts/Inter-Regular.otf").to_vec());
    fonts.load_font_data(include_bytes!("../../fonts/Inter-SemiBold.otf").to_vec());
    fonts.set_sans_serif_family(FAMILY);
    fonts.set_serif_family(FAMILY);
    fonts.set_monospace_family(FAMILY);
    Arc::new(fonts)
});

/// Why a picture has no PNG.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PngError {
    /// The text is not an SVG document.
    #[error("the picture must be an SVG document: {0}")]
    NotSvg(String),
    /// The picture would have no pixel, or too many.
    #[error("width and height must be 1 to {MAX_PIXELS} pixels, got {width} x {height}")]
    WrongSize {
        /// Its width in pixels.
        width: f32,
        /// Its height in pixels.
        height: f32,
    },
    /// The pixels could not be written as PNG.
    #[error("cannot encode the pixels as PNG: {0}")]
    NotEncoded(String),
}

/// An SVG document as PNG, with `scale` pixels for each of its units.
///
/// # Errors
///
/// If the text is not SVG, or the picture is empty or larger than [`MAX_PIXELS`] either way.
pub fn png(svg: &str, scale: f32) -> Result<Vec<u8>, PngError> {
    let fits = |side: f32| (1.0..=MAX_PIXELS as f32).contains(&side.ceil());
    // Spares reading a document that is too large.
    if let Some((width, height)) = written_size(svg) {
        let (width, height) = (width * scale, height * scale);
        if !(fits(width) && fits(height)) {
            return Err(PngError::WrongSize { width, height });
        }
    }
    let tree = tree(svg)?;
    let (width, height) = (tree.size().width() * scale, tree.size().height() * scale);
    let size = (width.ceil() as u32, height.ceil() as u32);
    let pixels = Pixmap::new(size.0, size.1).filter(|_| fits(width) && fits(height));
    let mut pixels = pixels.ok_or(PngError::WrongSize { width, height })?;
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale),
        &mut pixels.as_mut(),
    );
    pixels
        .encode_png()
        .map_err(|error| PngError::NotEncoded(error.to_string()))
}

/// Width and height as a document begins with them, where they are plain numbers.
fn written_size(svg: &str) -> Option<(f32, f32)> {
    let tag = svg.get(svg.find("<svg")?..)?;
    let tag = tag.split_once('>')?.0;
    let number = |name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        rest.split_once('"')?.0.parse().ok()
    };
    Some((number("width")?, number("height")?))
}

fn tree(svg: &str) -> Result<Tree, PngError> {
    let options = Options {
        font_family: FAMILY.into(),
        fontdb: Arc::clone(&FONTS),
        ..Options::default()
    };
    Tree::from_str(svg, &options).map_err(|error| PngError::NotSvg(error.to_string()))
}

#[cfg(test)]
mod tests {
    use resvg::usvg::{Group, Node};

    use super::*;
    use crate::{ComparisonReport, Experiment, Picture, Report, sample};

    fn report(experiment: &Experiment) -> Report<'_> {
        Report::of(experiment).unwrap()
    }

    fn every_picture() -> Vec<Picture> {
        let mut all = Vec::new();
        for experiment in [
            sample::with_target(sample::optimizers(8, 2000), 0.9),
            sample::decay(),
            sample::curves(4, 8),
            sample::curves(8, 30),
            sample::curves(1, 1),
            sample::grid(2, 16, 8),
            sample::grid(8, 16, 4),
            sample::grid(3, 1, 2),
        ] {
            all.extend(report(&experiment).pictures());
        }
        all.extend(sample::valley().pictures());
        all.extend(sample::gradient_check().pictures());
        all.extend(sample::search(8).pictures());
        let (first, other) = (sample::curves(4, 8), sample::curves(3, 6));
        let others = [report(&other)];
        all.extend(ComparisonReport::of(&report(&first), &others).pictures());
        all
    }

    /// Each text of the picture and where its letters lie: left, top, right, bottom.
    fn texts(group: &Group, found: &mut Vec<(String, [f32; 4])>) {
        for node in group.children() {
            match node {
                Node::Group(group) => texts(group, found),
                Node::Text(text) => {
                    let chunks = text.chunks().iter().map(|chunk| chunk.text());
                    let place = text.abs_bounding_box();
                    let place = [place.left(), place.top(), place.right(), place.bottom()];
                    found.push((chunks.collect(), place));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn every_letter_is_in_the_fonts() {
        for text in ["−×…→≤≥“”λ±–—²≈·√∞", "a picture's own letters"] {
            let svg = format!(
                "<svg xmlns='http://www.w3.org/2000/svg' width='400' height='40'><text y='20'>{text}</text></svg>"
            );
            let tree = tree(&svg).unwrap();
            let Some(Node::Text(text)) = tree.root().children().first() else {
                panic!("no text");
            };
            let glyphs = text
                .layouted()
                .iter()
                .flat_map(|span| &span.positioned_glyphs);
            // Glyph 0 stands for a letter that a font does not have.
            assert!(glyphs.map(|glyph| glyph.id.0).all(|id| id != 0));
        }
    }

    #[test]
    fn no_text_of_a_picture_leaves_it_or_lies_on_another() {
        for picture in every_picture() {
            let tree = tree(&picture.svg).unwrap();
            let (width, height) = (tree.size().width(), tree.size().height());
            let mut found = Vec::new();
            texts(tree.root(), &mut found);
            assert!(found.len() > 3, "{}", picture.name);
            for (index, (text, [left, top, right, bottom])) in found.iter().enumerate() {
                let is_inside = *left >= 0.0 && *top >= 0.0 && *right <= width && *bottom <= height;
                assert!(is_inside, "{text} leaves {}", picture.name);
                for (other, place) in &found[..index] {
                    // Boxes of letters are higher than the letters themselves.
                    let beside = *right < place[0] || *left > place[2];
                    let above = *bottom - 4.0 < place[1] || *top + 4.0 > place[3];
                    assert!(
                        beside || above,
                        "{text} lies on {other} in {}",
                        picture.name
                    );
                }
            }
        }
    }

    #[test]
    fn the_size_of_a_picture_is_the_one_it_begins_with() {
        for picture in every_picture() {
            let tree = tree(&picture.svg).unwrap();
            let size = (tree.size().width(), tree.size().height());
            assert_eq!(written_size(&picture.svg), Some(size), "{}", picture.name);
        }
    }

    #[test]
    fn the_same_picture_gives_the_same_bytes_and_nonsense_none() {
        let svg = &sample::gradient_check().pictures()[0].svg;
        let bytes = png(svg, 1.0).unwrap();
        assert!(bytes.starts_with(b"\x89PNG"));
        assert_eq!(bytes, png(svg, 1.0).unwrap());
        assert!(matches!(png("no picture", 1.0), Err(PngError::NotSvg(_))));
        for scale in [0.0, -1.0, 1e9, f32::NAN] {
            assert!(
                matches!(png(svg, scale), Err(PngError::WrongSize { .. })),
                "{scale}"
            );
        }
    }
}
