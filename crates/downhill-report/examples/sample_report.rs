//! Writes every kind of report with made-up numbers, and its pictures, to look at their shape:
//! `cargo run -p downhill-report --example sample_report -- DIRECTORY`.

use std::error::Error;
use std::fs;
use std::path::Path;

use downhill_report::{ComparisonReport, Picture, Report};
use downhill_sample as sample;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args()
        .nth(1)
        .ok_or("give the directory to write to")?;
    let directory = Path::new(&directory);
    fs::create_dir_all(directory)?;

    for (name, experiment) in [
        ("regularization", sample::curves(4, 8)),
        (
            "optimizers",
            sample::with_target(sample::optimizers(8, 2000), 0.9),
        ),
        ("batch-norm", sample::grid(2, 16, 8)),
        ("large-grid", sample::grid(8, 16, 30)),
    ] {
        let report = Report::of(&experiment)?;
        write(directory, name, &report.html(), &report.pictures())?;
    }

    let valley = sample::valley();
    write(directory, "valley", &valley.html(), &valley.pictures())?;
    let landscapes = sample::landscapes();
    write(
        directory,
        "landscapes",
        &landscapes.html(),
        &landscapes.pictures(),
    )?;
    let check = sample::gradient_check();
    write(
        directory,
        "gradient-check",
        &check.html(),
        &check.pictures(),
    )?;
    let search = sample::search(8);
    write(directory, "search", &search.html(), &search.pictures())?;

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
    let [first, second] = &both;
    let others = [Report::of(second)?];
    let first = Report::of(first)?;
    let comparison = ComparisonReport::of(&first, &others);
    write(
        directory,
        "comparison",
        &comparison.html(),
        &comparison.pictures(),
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
