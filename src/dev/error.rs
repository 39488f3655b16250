//! What can go wrong before the services run. Each is one sentence that says what to do.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A failure to start or keep the private services.
#[derive(Debug, Error)]
pub enum DevError {
    /// A server program is nowhere to be found.
    #[error(
        "{program} is not installed: install the package `{package}` (Debian, Ubuntu: apt-get install {package}), or put \
         {program} on the PATH"
    )]
    Missing {
        /// The program that was looked for.
        program: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
    },

    /// The data was made by a release of PostgreSQL whose programs are gone.
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
        /// The releases there are.
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
        /// The process that holds the lock, as far as it is known.
        pid: String,
    },

    /// The directory's data belongs to another user.
    #[error("{} belongs to another user: start sidegate as that user, remove it, or choose another with --dir", .dir.display())]
    NotOurs {
        /// The directory.
        dir: PathBuf,
    },

    /// Root may not run PostgreSQL, and there is nobody else.
    #[error(
        "PostgreSQL does not run as root, and neither of the users `postgres` and `nobody` exists: start sidegate as an \
         ordinary user"
    )]
    NobodyElse,

    /// No space left.
    #[error("the disk that holds {} is full: free about 100 MB and start again", .dir.display())]
    DiskFull {
        /// A directory on that disk.
        dir: PathBuf,
    },

    /// An address that something else listens on.
    #[error("{address} is taken by another program: stop it, or choose another address with {option}")]
    PortTaken {
        /// What we wanted to listen on.
        address: String,
        /// The option that changes it.
        option: &'static str,
    },

    /// A server ended, or never answered.
    #[error("{program} did not start: {said} (its log: {})", .log.display())]
    DidNotStart {
        /// The server or the program that prepares it.
        program: &'static str,
        /// Its last words.
        said: String,
        /// Where all its words are.
        log: PathBuf,
    },

    /// The path cannot be written into a URL or a command line.
    #[error("the path {} is not valid UTF-8: choose another directory with --dir", .path.display())]
    PathNotText {
        /// The path.
        path: PathBuf,
    },

    /// The command given after `--run --` could not be started.
    #[error("could not run {command}: {cause}")]
    Command {
        /// Its first word.
        command: String,
        /// Why.
        cause: io::Error,
    },

    /// The operating system refused something.
    #[error("could not {what}: {cause}")]
    Io {
        /// What was attempted, with the path.
        what: String,
        /// Why not.
        cause: io::Error,
    },
}

impl DevError {
    /// Names an I/O error of `path`, telling a full disk from the rest.
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

    /// Turns a server's last words into an error, telling a full disk from the rest.
    pub(super) fn from_words(program: &'static str, words: &str, log: &Path) -> Self {
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
            .unwrap_or("it said nothing");
        Self::DidNotStart {
            program,
            said: said.to_owned(),
            log: log.to_path_buf(),
        }
    }
}
