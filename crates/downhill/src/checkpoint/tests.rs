use burn::nn::{Linear, LinearConfig};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::*;
use crate::{AdamConfig, DescentConfig};

fn some(number: u8) -> Checkpoint {
    let checkpoint = Checkpoint::new().with_bytes("bytes", vec![number; 100]);
    checkpoint.with_value("number", &number).expect("a number")
}

fn number(newest: &Newest) -> Option<u8> {
    let checkpoint = newest.checkpoint.as_ref();
    checkpoint.map(|checkpoint| checkpoint.value("number").expect("a number"))
}

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("downhill-checkpoints-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).into_iter().flatten();
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().display().to_string());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_loop_goes_on_bit_for_bit() {
    let device = Device::flex().autodiff();
    let config = DescentConfig::new(AdamConfig::torch()).with_ema(0.9);
    let step = |model: Linear, descent: &mut Descent| {
        let output = model.forward(Tensor::<2>::ones([4, 3], &device));
        let gradients = GradientsParams::from_grads(output.square().mean().backward(), &model);
        descent.step(model, gradients).unwrap().0
    };
    let mut model = LinearConfig::new(3, 2).init(&device);
    let mut descent = config.build().unwrap();
    for _ in 0..3 {
        model = step(model, &mut descent);
    }
    let saved = Checkpoint::new()
        .with_module("model", &model)
        .unwrap()
        .with_descent("descent", &descent)
        .unwrap();
    let saved = Checkpoint::from_bytes(&saved.to_bytes()).unwrap();

    let mut resumed = config.build().unwrap();
    let mut other = saved
        .module("model", LinearConfig::new(3, 2).init(&device))
        .unwrap();
    saved
        .load_descent("descent", &mut resumed, &device)
        .unwrap();
    for _ in 0..3 {
        model = step(model, &mut descent);
        other = step(other, &mut resumed);
    }
    let numbers = |model: &Linear| model.weight.val().into_data();
    assert_eq!(numbers(&model), numbers(&other));
    let [averaged, other] = [descent.averaged(model), resumed.averaged(other)];
    assert_eq!(numbers(&averaged), numbers(&other));

    let wider: Linear = LinearConfig::new(3, 4).init(&device);
    let error = saved.module("model", wider).unwrap_err().to_string();
    assert!(
        error.contains("part `model` cannot be used") && error.contains("weight"),
        "{error}"
    );
    let error = saved.value::<u64>("epoch").unwrap_err().to_string();
    assert_eq!(error, "it has no part `epoch`; it has model, descent");
}

#[test]
fn the_newest_checkpoints_are_kept() {
    let directory = Directory::new("kept");
    let checkpoints = Checkpoints::new(&directory.0);
    assert_eq!(checkpoints.newest().unwrap(), Newest::default());
    for number in [9, 10, 11] {
        checkpoints.save(u64::from(number), &some(number)).unwrap();
    }
    fs::write(directory.0.join("notes"), "mine").unwrap();
    let kept = [
        "checkpoint-00000000000000000010",
        "checkpoint-00000000000000000011",
        "notes",
    ];
    assert_eq!(directory.names(), kept);
    assert_eq!(number(&checkpoints.newest().unwrap()), Some(11));
    checkpoints.clear().unwrap();
    assert_eq!(directory.names(), ["notes"]);
    fs::remove_file(directory.0.join("notes")).unwrap();
    checkpoints.clear().unwrap();
    assert!(!directory.0.exists());
}

/// Every bit of a file, flipped, and every length: more than 1,000 damaged files.
#[test]
fn a_damaged_checkpoint_is_found_and_the_one_before_is_used() {
    let whole = some(2).to_bytes();
    assert_eq!(Checkpoint::from_bytes(&whole), Ok(some(2)));
    assert!(9 * whole.len() > 1000, "{}", whole.len());
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            let read = Checkpoint::from_bytes(&flipped);
            assert!(read.is_err(), "byte {at}, bit {bit}");
        }
        assert!(Checkpoint::from_bytes(&whole[..at]).is_err(), "{at} bytes");
    }
    let longer = [&whole[..], b"x"].concat();
    assert_eq!(
        Checkpoint::from_bytes(&longer),
        Err(CheckpointError::Damaged)
    );
    let later = b"downhill-checkpoint 2\n";
    let error = CheckpointError::LaterVersion { found: 2 };
    assert_eq!(Checkpoint::from_bytes(later), Err(error));
    assert_eq!(
        Checkpoint::from_bytes(b"BURN\n"),
        Err(CheckpointError::Foreign)
    );

    let directory = Directory::new("damaged");
    let checkpoints = Checkpoints::new(&directory.0);
    for number in [1, 2] {
        checkpoints.save(u64::from(number), &some(number)).unwrap();
    }
    let newest = directory.0.join("checkpoint-00000000000000000002");
    fs::write(&newest, &whole[..50]).unwrap();
    let found = checkpoints.newest().unwrap();
    assert_eq!(number(&found), Some(1));
    let [damaged] = &found.damaged[..] else {
        panic!("{found:?}");
    };
    assert_eq!(
        (&damaged.path, &damaged.error),
        (&newest, &CheckpointError::Damaged)
    );
}

/// A disk of a process that is killed before its `left`th operation, or in it, with `torn` of the
/// bytes written.
struct Killed {
    left: usize,
    torn: usize,
}

impl Killed {
    fn goes_on(&mut self) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(killed)?;
        Ok(())
    }
}

fn killed() -> io::Error {
    io::Error::other("killed")
}

impl Operations for Killed {
    fn create_directory(&mut self, path: &Path) -> io::Result<()> {
        self.goes_on()?;
        Disk.create_directory(path)
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.goes_on().inspect_err(|_| {
            let _ = fs::write(path, &bytes[..self.torn.min(bytes.len())]);
        })?;
        Disk.write(path, bytes)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.goes_on()?;
        Disk.rename(from, to)
    }

    fn sync_directory(&mut self, path: &Path) -> io::Result<()> {
        self.goes_on()?;
        Disk.sync_directory(path)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.goes_on()?;
        Disk.remove(path)
    }
}

#[test]
fn a_kill_at_any_operation_loses_no_checkpoint() {
    let mut operations = 0;
    for left in 0.. {
        let length = some(4).to_bytes().len();
        let mut ended = false;
        for torn in [0, 1, length / 2, length - 1, length] {
            let directory = Directory::new(&format!("killed-{left}-{torn}"));
            let checkpoints = Checkpoints::new(&directory.0);
            for number in [1, 2, 3] {
                checkpoints.save(u64::from(number), &some(number)).unwrap();
            }
            let mut disk = Killed { left, torn };
            let saved = checkpoints.save_on(&mut disk, 4, &some(4));
            ended = saved.is_ok();
            let found = checkpoints.newest().unwrap();
            assert_eq!(found.damaged, [], "operation {left}");
            // Renamed is saved.
            let expected = if left < 3 { 3 } else { 4 };
            assert_eq!(number(&found), Some(expected), "operation {left}");

            // The next process goes on, and nothing is left of the one before.
            checkpoints.save(5, &some(5)).unwrap();
            assert_eq!(number(&checkpoints.newest().unwrap()), Some(5));
            assert_eq!(directory.names().len(), 2, "{:?}", directory.names());
        }
        if ended {
            operations = left;
            break;
        }
    }
    // The directory, the file, its name, the names, and one that is no longer kept.
    assert_eq!(operations, 5);
}
