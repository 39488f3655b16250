//! Errors of starting the services. Each message is one sentence that says what to do.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A failure to start or keep the private services.
#[derive(Debug, Error)]
pub enum DevError {
    /// A server program is not installed.
    #[error(
        "{program} is not installed: install the package `{package}` (Debian, Ubuntu: apt-get install {package}), or put \
         {program} on the PATH"
    )]
    Missing {
        /// The name of the program.
        program: &'static str,
        /// The Debian package that contains it.
        package: &'static str,
    },

    /// The data was created by a release of PostgreSQL that is no longer installed.
    #[error(
        "{} holds data of PostgreSQL {needed}, but only {found} is installed: install PostgreSQL {needed}, or remove the \
         directory to begin anew",
        .dir.display()
    )]
    OtherRelease {
        /// The data directory.
        dir: PathBuf,
        /// The release that wrote the data.
        needed: String,
        /// The installed releases.
        found: String,
    },

    /// Another `sidegate dev` holds the directory.
    #[error(
        "another `sidegate dev` (process {pid}) is running in {}: stop it, or choose another directory with --dir",
        .dir.display()
    )]
    Busy {
        /// The directory.
        dir: PathBuf,
        /// The process that holds the lock, if it is known.
        pid: String,
    },

    /// The directory's data belongs to another user.
    #[error("{} belongs to another user: start sidegate as that user, remove it, or choose another with --dir", .dir.display())]
    NotOurs {
        /// The directory.
        dir: PathBuf,
    },

    /// PostgreSQL refuses to run as root, and there is no other user to run it as.
    #[error(
        "PostgreSQL does not run as root, and neither of the users `postgres` and `nobody` exists: start sidegate as an \
         ordinary user"
    )]
    NobodyElse,

    /// The disk is full.
    #[error("the disk that holds {} is full: free about 100 MB and start again", .dir.display())]
    DiskFull {
        /// A directory on that disk.
        dir: PathBuf,
    },

    /// Another program listens on the address.
    #[error("{address} is taken by another program: stop it, or choose another address with {option}")]
    PortTaken {
        /// The address.
        address: String,
        /// The option that changes it.
        option: &'static str,
    },

    /// A server ended during its start, or did not answer in time.
    #[error("{program} did not start: {said} (its log: {})", .log.display())]
    DidNotStart {
        /// The server, or the program that prepares its data.
        program: &'static str,
        /// Its last message.
        said: String,
        /// The path of its log.
        log: PathBuf,
    },

    /// The path cannot be part of a URL or a command line.
    #[error("the path {} is not valid UTF-8: choose another directory with --dir", .path.display())]
    PathNotText {
        /// The path.
        path: PathBuf,
    },

    /// The command given after `--run --` could not be started.
    #[error("could not run {command}: {cause}")]
    Command {
        /// The program of the command.
        command: String,
        /// The cause.
        cause: io::Error,
    },

    /// The operating system refused something.
    #[error("could not {what}: {cause}")]
    Io {
        /// The operation that failed, with the path.
        what: String,
        /// The cause.
        cause: io::Error,
    },
}

impl DevError {
    /// An I/O error with `path`; a full disk has an error of its own.
    pub(super) fn io(verb: &str, path: &Path, cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull {
                dir: path.to_path_buf(),
            },
            _ => Self::Io {
                what: format!("{verb} {}", path.display()),
                cause,
            },
        }
    }

    /// An error from a server's last log lines; a full disk has an error of its own.
    pub(super) fn from_log(program: &'static str, words: &str, log: &Path) -> Self {
        if words.contains("No space left on device") {
            return Self::DiskFull {
                dir: log.parent().unwrap_or(log).to_path_buf(),
            };
        }
        let said = words
            .lines()
            .rev()
            .map(str::trim)
            .find(|line| line.contains("FATAL") || line.contains("PANIC") || line.contains("rror"))
            .or_else(|| words.lines().rev().map(str::trim).find(|line| !line.is_empty()))
            .unwrap_or("its log is empty");
        Self::DidNotStart {
            program,
            said: said.to_owned(),
            log: log.to_path_buf(),
        }
    }
}
