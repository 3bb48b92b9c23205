//! Writes every kind of report with made-up numbers, and its pictures, to look at their shape:
//! `cargo run -p downhill-report --example sample_report -- DIRECTORY`.

use std::error::Error;
use std::fs;
use std::path::Path;

use downhill_report::{
    Extras, Picture, comparison_pictures, pictures, render_comparison, render_html,
    render_html_with, sample,
};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args()
        .nth(1)
        .ok_or("give the directory to write to")?;
    let directory = Path::new(&directory);
    fs::create_dir_all(directory)?;

    let experiment = sample::curves(4, 8);
    let none = Extras::default();
    write(
        directory,
        "regularization",
        &render_html(&experiment),
        &pictures(&experiment, &none),
    )?;
    let experiment = sample::optimizers(8, 2000);
    let extras = sample::extras(&experiment);
    let page = render_html_with(&experiment, &extras);
    write(
        directory,
        "optimizers",
        &page,
        &pictures(&experiment, &extras),
    )?;
    let experiment = sample::grid(2, 16, 8);
    write(
        directory,
        "batch-norm",
        &render_html(&experiment),
        &pictures(&experiment, &none),
    )?;
    let experiment = sample::grid(8, 16, 30);
    write(
        directory,
        "large-grid",
        &render_html(&experiment),
        &pictures(&experiment, &none),
    )?;

    let valley = sample::valley();
    write(
        directory,
        "valley",
        &valley.render_html(),
        &valley.pictures(),
    )?;
    let check = sample::gradient_check();
    write(
        directory,
        "gradient-check",
        &check.render_html(),
        &check.pictures(),
    )?;
    let search = sample::search(8);
    write(
        directory,
        "search",
        &search.render_html(),
        &search.pictures(),
    )?;

    let mut both = [sample::curves(4, 8), sample::curves(4, 6)];
    both[1].backend = "wgpu".into();
    for run in both[1]
        .methods
        .iter_mut()
        .flat_map(|method| &mut method.runs)
    {
        for evaluation in &mut run.evaluations {
            evaluation.test.accuracy += 0.001 * (run.header.seed % 3) as f64;
        }
    }
    write(
        directory,
        "comparison",
        &render_comparison(&both),
        &comparison_pictures(&both),
    )?;
    Ok(())
}

/// The page and its pictures, also as PNG where that feature is there.
fn write(
    directory: &Path,
    name: &str,
    page: &str,
    pictures: &[Picture],
) -> Result<(), Box<dyn Error>> {
    fs::write(directory.join(format!("{name}.html")), page)?;
    for picture in pictures {
        let path = directory.join(format!("{name}-{}.svg", picture.name));
        fs::write(&path, &picture.svg)?;
        #[cfg(feature = "png")]
        fs::write(
            path.with_extension("png"),
            downhill_report::png(&picture.svg, 2.0)?,
        )?;
    }
    Ok(())
}
