//! The released program, from its start to its end, with a single update between.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use downhill::AdamConfig;
use downhill_data::BatchOrder;
use downhill_trainer::config::training::{Amount, DataConfig, LoopConfig, TrainingConfig};

use super::memory::peak;
use crate::contender::{Contender, Turn};
use crate::failure::Failure;
use crate::temporary::TemporaryDirectory;
use crate::workload::Workload;

/// How often its memory is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// A run of one update in a directory of its own.
pub(crate) struct Program {
    binary: PathBuf,
    name: String,
    directory: TemporaryDirectory,
}

impl Program {
    pub(crate) fn new(
        binary: &Path,
        name: &str,
        images: usize,
        workload: &Workload,
    ) -> Result<Self, Failure> {
        let config = TrainingConfig {
            data: DataConfig {
                train_images: Amount::Images(images),
                test_images: Amount::Images(100),
                ..DataConfig::default()
            },
            model: workload.model(),
            optimizer: AdamConfig::torch().into(),
            training: LoopConfig {
                batch: workload.batch,
                batch_order: BatchOrder::WithReplacement,
                updates: 1,
                ..LoopConfig::default()
            },
            ..TrainingConfig::default()
        };
        let directory = TemporaryDirectory::new()?;
        let text = toml::to_string(&config)?;
        let text = format!("seeds = 1\n\n{text}\n[methods.adam]\n");
        fs::write(directory.path().join("one-update.toml"), text)?;
        Ok(Self {
            binary: binary.to_owned(),
            name: name.to_owned(),
            directory,
        })
    }
}

impl Contender for Program {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn turn(&mut self, _: usize) -> Result<Turn, Failure> {
        let mut command = Command::new(&self.binary);
        command
            .args(["train", "one-update.toml", "--backend", "flex"])
            .args(["--workers", "1", "--again", "--quiet", "--runs-dir", "runs"])
            .env_remove("DOWNHILL_DATA_DIR")
            .current_dir(self.directory.path())
            .stdout(Stdio::null());
        let start = Instant::now();
        let mut process = command.spawn()?;
        let mut memory = None;
        let status = loop {
            memory = memory.max(peak(process.id()));
            match process.try_wait()? {
                Some(status) => break status,
                None => thread::sleep(LOOK),
            }
        };
        let seconds = start.elapsed().as_secs_f64();
        match status.success() {
            true => Ok(Turn::of(seconds).with_memory(memory)),
            false => Err(format!("`downhill train` failed ({status}); see above").into()),
        }
    }
}
