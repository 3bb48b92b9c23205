//! Writes a report of made-up numbers, to look at its shape:
//! `cargo run -p downhill-report --example sample_report -- report.html [METHODS] [SEEDS]`.
//!
//! A path that ends in `.svg` gets the accuracy figure alone.

use std::error::Error;

use downhill_report::{accuracy_figure, render_html, sample};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .ok_or("give the path of the report to write")?;
    let methods = arguments.next().map_or(Ok(4), |text| text.parse())?;
    let seeds = arguments.next().map_or(Ok(8), |text| text.parse())?;
    let experiment = sample::curves(methods, seeds);
    let text = if path.ends_with(".svg") {
        accuracy_figure(&experiment)
    } else {
        render_html(&experiment)
    };
    Ok(std::fs::write(path, text)?)
}
