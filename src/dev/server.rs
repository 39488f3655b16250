//! A server process: started in a process group of its own, watched until it answers, ended by its handle.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::DevError;

/// The timeout for a server to answer, recovery after a crash included.
const START_WITHIN: Duration = Duration::from_secs(60);

/// The time between the shutdown signal and SIGKILL.
const STOP_WITHIN: Duration = Duration::from_secs(15);

const POLL_EVERY: Duration = Duration::from_millis(5);

/// A running server. Dropping the value ends it.
#[derive(Debug)]
pub(super) struct Server {
    program: &'static str,
    child: Child,
    log: PathBuf,
    polite: Signal,
    asked: bool,
}

impl Server {
    /// Starts `command` with its output in `log`, which is overwritten.
    pub(super) fn spawn(
        program: &'static str,
        mut command: Command,
        log: &Path,
        polite: Signal,
    ) -> Result<Self, DevError> {
        let words = open_log(log)?;
        let errors = words.try_clone().map_err(|error| DevError::io("write", log, error))?;
        // A process group of its own: Ctrl-C reaches only this process, which ends the servers after the application
        // that uses them.
        let child = command.process_group(0).stdout(words).stderr(errors).spawn();
        let child = child.map_err(|error| DevError::io("start", Path::new(command.get_program()), error))?;
        Ok(Self {
            program,
            child,
            log: log.to_path_buf(),
            polite,
            asked: false,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The standard input, for a configuration; it can be taken once.
    pub(super) fn stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// Waits until `answers` is true.
    pub(super) fn wait_until(&mut self, mut answers: impl FnMut() -> bool) -> Result<(), DevError> {
        let begun = Instant::now();
        loop {
            if answers() {
                return Ok(());
            }
            let ended = !matches!(self.child.try_wait(), Ok(None));
            if ended || begun.elapsed() > START_WITHIN {
                let words = fs::read(&self.log).unwrap_or_default();
                return Err(DevError::from_log(
                    self.program,
                    &String::from_utf8_lossy(&words),
                    &self.log,
                ));
            }
            std::thread::sleep(POLL_EVERY);
        }
    }

    /// Sends the shutdown signal, once, and does not wait.
    pub(super) fn ask_to_stop(&mut self) {
        if !self.asked {
            self.asked = true;
            self.send(self.polite);
        }
    }

    /// Ends the server and waits until it has ended.
    pub(super) fn stop(&mut self) {
        self.ask_to_stop();
        if self.ended_within(STOP_WITHIN).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    fn ended_within(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if begun.elapsed() < timeout => std::thread::sleep(POLL_EVERY),
                _ => return None,
            }
        }
    }

    fn send(&mut self, signal: Signal) {
        // The handle knows whether the process was waited for already; by then its pid could belong to another process.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn open_log(log: &Path) -> Result<File, DevError> {
    let opened = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(log);
    opened.map_err(|error| DevError::io("write", log, error))
}

/// Ends a server that an earlier `sidegate` left running when it was killed. The process in the pid file counts as ours
/// only if it has the right name and works in our data directory, because pids are reused.
pub(super) fn end_orphan(pid_file: &Path, name: &str, works_in: &Path, polite: Signal) -> Result<(), DevError> {
    let Ok(text) = fs::read_to_string(pid_file) else {
        return Ok(());
    };
    let number = text.lines().next().and_then(|line| line.trim().parse().ok());
    let Some(pid) = number.and_then(Pid::from_raw) else {
        return forget(pid_file);
    };
    let begun = Instant::now();
    let mut signal = Some(polite);
    while is_ours(pid, name, works_in) {
        if let Some(signal) = signal.take() {
            let _ = kill_process(pid, signal);
        }
        if begun.elapsed() > STOP_WITHIN * 2 {
            return Err(DevError::DidNotStart {
                program: "sidegate dev",
                said: format!("{name} (process {pid}) still runs from an earlier start and does not end"),
                log: pid_file.to_path_buf(),
            });
        }
        if begun.elapsed() > STOP_WITHIN {
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(POLL_EVERY);
    }
    // PostgreSQL refuses to start while its pid file names a running process, even if it is an unrelated one by now.
    forget(pid_file)
}

fn forget(pid_file: &Path) -> Result<(), DevError> {
    match fs::remove_file(pid_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(DevError::io("remove", pid_file, error)),
        _ => Ok(()),
    }
}

fn is_ours(pid: Pid, name: &str, works_in: &Path) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    if Path::new("/proc/self/cwd").exists() {
        let runs = fs::read_to_string(process.join("comm")).is_ok_and(|comm| name.starts_with(comm.trim()));
        return runs && fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == works_in);
    }
    // Not Linux: compare the command line instead.
    let asked = Command::new("ps")
        .args(["-ww", "-o", "args=", "-p", &pid.to_string()])
        .stdin(Stdio::null())
        .output();
    asked.is_ok_and(|answer| {
        let line = String::from_utf8_lossy(&answer.stdout).into_owned();
        line.contains(name) && line.contains(&works_in.display().to_string())
    })
}
