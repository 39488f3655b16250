//! `sidegate dev`, as a new user starts it.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::ports::Port;

/// A directory that the servers' user can enter when the tests run as root.
pub fn place() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    dir
}

/// A running `sidegate dev`, which is stopped with the value.
pub struct Playground {
    pub child: Child,
    /// What it printed.
    pub said: String,
    /// The URL of the proxy.
    pub listen: Port,
}

impl Playground {
    pub fn start(dir: &Path, more: &[&str]) -> Self {
        let (listen, admin) = (Port::reserve(), Port::reserve());
        let mut child = Command::new(env!("CARGO_BIN_EXE_sidegate"))
            .args([
                "dev",
                "--listen",
                &listen.address(),
                "--admin",
                &admin.address(),
                "--dir",
            ])
            .arg(dir)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The printed text ends with the response of the third command.
        while !said.contains("Authorization: Bearer $TOKEN") {
            said.push_str(&lines.next().expect("it announces what runs").unwrap());
            said.push('\n');
        }
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, said, listen }
    }

    /// The three commands that it prints.
    pub fn commands(&self) -> Vec<&str> {
        let begins = ["  curl ", "  TOKEN="];
        self.said
            .lines()
            .filter(|line| begins.iter().any(|begin| line.starts_with(begin)))
            .collect()
    }

    /// The printed text after a word, to the end of the line.
    pub fn announced(&self, word: &str) -> &str {
        let line = |line: &&str| line.trim_start().split(' ').next() == Some(word);
        let found = self.said.lines().find(line).expect("the word is announced");
        found.trim_start()[word.len()..].trim_start()
    }
}

impl Drop for Playground {
    fn drop(&mut self) {
        // With SIGTERM, otherwise its servers keep running.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM);
            let _ = self.child.wait();
        }
    }
}
