//! Finds the programs of the servers. Distributions install those of PostgreSQL outside of the PATH, several releases
//! side by side.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::DevError;

/// The programs to start.
#[derive(Debug)]
pub(super) struct Programs {
    /// Directories that contain both `postgres` and `initdb`, the preferred one first.
    postgres: Vec<PathBuf>,
    pub(super) redis: PathBuf,
}

pub(super) fn find() -> Result<Programs, DevError> {
    let postgres = postgres_directories();
    if postgres.is_empty() {
        return Err(DevError::Missing {
            program: "PostgreSQL",
            package: "postgresql",
        });
    }
    let redis = ["redis-server", "valkey-server"]
        .iter()
        .find_map(|name| on_path().map(|dir| dir.join(name)).find(|program| program.is_file()))
        .ok_or(DevError::Missing {
            program: "redis-server",
            package: "redis-server",
        })?;
    Ok(Programs { postgres, redis })
}

impl Programs {
    /// The directory of PostgreSQL's programs: the preferred one, or that of the release that wrote the data in
    /// `cluster`, because no other release can read it.
    pub(super) fn postgres_for(&self, cluster: &Path) -> Result<&Path, DevError> {
        let Ok(written_by) = std::fs::read_to_string(cluster.join("PG_VERSION")) else {
            return Ok(&self.postgres[0]);
        };
        let needed = written_by.trim();
        let releases: Vec<String> = self.postgres.iter().map(|dir| release(dir)).collect();
        let index = releases.iter().position(|release| release == needed);
        index
            .map(|index| self.postgres[index].as_path())
            .ok_or_else(|| DevError::OtherRelease {
                dir: cluster.to_path_buf(),
                needed: needed.to_owned(),
                found: releases.join(", "),
            })
    }
}

/// The major release: `15` for `postgres (PostgreSQL) 15.4 (Debian 15.4-1)`.
fn release(bin: &Path) -> String {
    let answer = Command::new(bin.join("postgres"))
        .arg("--version")
        .stderr(Stdio::null())
        .output();
    let text = answer
        .map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned())
        .unwrap_or_default();
    let version = text
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    version
        .and_then(|version| version.split('.').next())
        .unwrap_or("an unknown release")
        .to_owned()
}

fn postgres_directories() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = on_path()
        .chain(versioned("/usr/lib/postgresql"))
        .chain(versioned("/usr"))
        .collect();
    let asked = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output();
    found.extend(
        asked
            .ok()
            .map(|answer| PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim())),
    );
    found.retain(|dir| dir.join("postgres").is_file() && dir.join("initdb").is_file());
    found
}

/// `<parent>/<release>/bin` as on Debian and `<parent>/pgsql-<release>/bin` as on Red Hat, newest first.
fn versioned(parent: &str) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut releases: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let release = name.strip_prefix("pgsql-").unwrap_or(&name).parse().ok()?;
            Some((release, entry.path().join("bin")))
        })
        .collect();
    releases.sort();
    releases.into_iter().rev().map(|(_, dir)| dir)
}

fn on_path() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .collect::<Vec<_>>()
        .into_iter()
}
