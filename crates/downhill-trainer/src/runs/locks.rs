//! Locks that keep two processes from writing the same files.

use std::fs::{File, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::sync::Once;

use downhill_cli::print::print_error;

use crate::error::TrainError;

/// Locks a file until it is dropped or the process ends, however it ends. `None` if another process
/// holds the lock. On a file system without locks nothing is locked, and a warning says so.
///
/// # Errors
///
/// A file that cannot be created or locked.
pub(super) fn try_lock(path: &Path) -> Result<Option<File>, TrainError> {
    let failed = |error| TrainError::file("cannot lock", path)(error);
    let file = File::create(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        // Some network file systems have no locks.
        Err(TryLockError::Error(error)) if has_no_locks(&error) => {
            static WARNED: Once = Once::new();
            WARNED.call_once(|| {
                print_error(&format!(
                    "warning: {} cannot be locked ({error}); let no other process use this runs \
                     directory at the same time\n",
                    path.display()
                ));
            });
            Ok(Some(file))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn has_no_locks(error: &Error) -> bool {
    #[cfg(unix)]
    let is_no_lock = (error.raw_os_error())
        .is_some_and(|code| [libc::ENOLCK, libc::ENOSYS, libc::EOPNOTSUPP].contains(&code));
    #[cfg(not(unix))]
    let is_no_lock = false;
    is_no_lock || error.kind() == ErrorKind::Unsupported
}
