//! The user that the servers run as, and the directories that this user can reach.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::DevError;

/// The user that the servers run as: the current user, or for root a user with fewer rights, because PostgreSQL refuses
/// to run as root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    uid: u32,
    gid: u32,
    /// Set if the current user is root: the user to run the servers as.
    lent: bool,
}

impl Owner {
    pub(super) fn of_servers() -> Result<Self, DevError> {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        if !uid.is_root() {
            return Ok(Self {
                uid: uid.as_raw(),
                gid: gid.as_raw(),
                lent: false,
            });
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = ["postgres", "nobody"].iter().find_map(|name| account(&passwd, name));
        let (uid, gid) = found.ok_or(DevError::NobodyElse)?;
        Ok(Self { uid, gid, lent: true })
    }

    /// A command that runs as this user.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if self.lent {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Creates `dir`, readable by this user only, unless it exists.
    pub(super) fn make_private(self, dir: &Path) -> Result<(), DevError> {
        match fs::DirBuilder::new().mode(0o700).create(dir) {
            Ok(()) => self.give(dir),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.must_own(dir),
            Err(error) => Err(DevError::io("make", dir, error)),
        }
    }

    /// Makes this user the owner of a file or directory that we created.
    pub(super) fn give(self, path: &Path) -> Result<(), DevError> {
        if !self.lent {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid)).map_err(|error| DevError::io("change the owner of", path, error))
    }

    /// Refuses a directory of another user: servers would fail later, with a worse message.
    pub(super) fn must_own(self, dir: &Path) -> Result<(), DevError> {
        match fs::symlink_metadata(dir) {
            Ok(found) if found.is_dir() && found.uid() == self.uid => Ok(()),
            Ok(_) => Err(DevError::NotOurs { dir: dir.to_path_buf() }),
            Err(error) => Err(DevError::io("read", dir, error)),
        }
    }

    /// Whether this user can pass through `dir` and every directory above it.
    pub(super) fn can_enter(self, dir: &Path) -> bool {
        dir.ancestors().all(|above| {
            fs::metadata(above).is_ok_and(|found| {
                let needed = match found {
                    ref it if it.uid() == self.uid => 0o100,
                    ref it if it.gid() == self.gid => 0o010,
                    _ => 0o001,
                };
                found.mode() & needed != 0
            })
        })
    }

    /// Whether the servers run as another user, who has to be able to reach the data.
    pub(super) fn is_lent(self) -> bool {
        self.lent
    }
}

/// The user and group of `name` in the text of `/etc/passwd`.
fn account(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::account;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgresql:x:7:8::/:\npostgres:x:101:104:,,,:/var:/bin/bash\n";
        assert_eq!(account(passwd, "postgres"), Some((101, 104)));
        assert_eq!(account(passwd, "nobody"), None);
    }
}
