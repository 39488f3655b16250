//! The directory of the services: its lock, its data, its sockets.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

use super::DevError;
use super::owner::Owner;

/// The longest directory path for sockets: a socket's path can have 107 bytes on Linux and 103 on macOS, and the
/// longest name in the directory is `/.s.PGSQL.5432.lock`.
const LONGEST_SOCKET_DIR: usize = 103 - 19;

/// The free space that a fresh cluster and some use of it need, in bytes.
const SPACE_BYTES: u64 = 80 << 20;

#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
    data: PathBuf,
    sockets: PathBuf,
    /// Held, not read: the operating system releases the lock when the process ends, however it ends.
    _lock: File,
}

impl Directory {
    /// Locks `dir` for this process and creates its subdirectories for `owner`.
    pub(super) fn open(dir: &Path, owner: &Owner) -> Result<Self, DevError> {
        // 0711: the servers' user has to pass through; the secrets in it have modes of their own.
        let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(dir);
        made.map_err(|error| DevError::io("make", dir, error))?;
        let root = dir.canonicalize().map_err(|error| DevError::io("find", dir, error))?;
        if root.to_str().is_none() {
            return Err(DevError::PathNotText { path: root });
        }
        let lock = lock(&root)?;
        room_on_disk(&root)?;
        // Nothing in here belongs into version control, whatever the project's `.gitignore` says.
        let ignore = root.join(".gitignore");
        fs::write(&ignore, "*\n").map_err(|error| DevError::io("write", &ignore, error))?;

        let data = if owner.is_lent() && !owner.can_enter(&root) {
            reachable_place(&root)?
        } else {
            root.clone()
        };
        let sockets = make_socket_dir(&root, &data, *owner)?;
        Ok(Self {
            root,
            data,
            sockets,
            _lock: lock,
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The path for data, logs and pid files named `name`.
    pub(super) fn data(&self, name: &str) -> PathBuf {
        self.data.join(name)
    }

    pub(super) fn sockets(&self) -> &Path {
        &self.sockets
    }

    pub(super) fn elsewhere(&self) -> Option<PathBuf> {
        (self.data != self.root).then(|| self.data.clone())
    }

    pub(super) fn remove_sockets(&self) {
        // A failure does not matter: the next start removes what an earlier one left.
        let _ = fs::remove_dir_all(&self.sockets);
    }
}

fn lock(root: &Path) -> Result<File, DevError> {
    let path = root.join("lock");
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path);
    let mut file = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => DevError::NotOurs {
            dir: root.to_path_buf(),
        },
        _ => DevError::io("open", &path, error),
    })?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            return Err(DevError::Busy {
                dir: root.to_path_buf(),
                pid: pid.trim().to_owned(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(DevError::io("lock", &path, error)),
    }
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(|error| DevError::io("write", &path, error))?;
    Ok(file)
}

fn room_on_disk(root: &Path) -> Result<(), DevError> {
    // If the free space is unknown, the servers will report a full disk themselves.
    let Ok(disk) = rustix::fs::statvfs(root) else {
        return Ok(());
    };
    let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free_bytes < SPACE_BYTES {
        Err(DevError::DiskFull {
            dir: root.to_path_buf(),
        })
    } else {
        Ok(())
    }
}

/// The data directory for root if the servers' user cannot enter `dir`: always the same for the same directory, and
/// below a parent that only root can write, so that no other user can create it first.
fn reachable_place(root: &Path) -> Result<PathBuf, DevError> {
    let digest = ring::digest::digest(&ring::digest::SHA256, root.as_os_str().as_encoded_bytes());
    let name = HEXLOWER.encode(&digest.as_ref()[..8]);
    let place = Path::new("/var/lib/sidegate-dev").join(name);
    let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(&place);
    made.map_err(|error| DevError::io("make", &place, error))?;
    Ok(place)
}

/// A fresh directory for sockets: beside the data, or if that path is too long for a socket, in the temporary
/// directory, with a symbolic link to it so that the next start can remove it.
fn make_socket_dir(root: &Path, data: &Path, owner: Owner) -> Result<PathBuf, DevError> {
    let link = root.join("run-elsewhere");
    if let Ok(left) = fs::read_link(&link) {
        let _ = fs::remove_dir_all(left);
        let _ = fs::remove_file(&link);
    }
    let beside = data.join("run");
    if beside.exists() {
        fs::remove_dir_all(&beside).map_err(|error| DevError::io("remove", &beside, error))?;
    }
    if beside.as_os_str().len() <= LONGEST_SOCKET_DIR {
        owner.make_private(&beside)?;
        return Ok(beside);
    }
    let name = format!("sidegate-{}", uuid::Uuid::new_v4().simple());
    let short = Path::new("/tmp").join(name);
    let made = fs::DirBuilder::new().mode(0o700).create(&short);
    made.map_err(|error| DevError::io("make", &short, error))?;
    owner.give(&short)?;
    std::os::unix::fs::symlink(&short, &link).map_err(|error| DevError::io("write", &link, error))?;
    Ok(short)
}
