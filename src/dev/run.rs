//! `sidegate dev --run -- COMMAND`: fresh services around a command, the way the tests get theirs.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::process::{Child, Command};

use super::owner::Owner;
use super::signals::Signals;
use super::{DevError, Durability, Services};

/// The prefix of the directories of such runs.
const PREFIX: &str = "sidegate-run-";

/// The free space from which the tests run in memory, in bytes. They were seen to use a tenth of it.
const ENOUGH_BYTES: u64 = 2 << 30;

/// Runs `command` with fresh services, whose URLs are in `SIDEGATE_TEST_DATABASE_URL` and `SIDEGATE_TEST_REDIS_URL`,
/// and removes them afterwards. Returns the command's exit code, or 128 plus the signal that ended it.
///
/// # Errors
/// When the services or the command cannot be started.
pub fn run_with_services(command: &[OsString]) -> Result<u8, DevError> {
    let owner = Owner::of_servers()?;
    let place = &place(&owner);
    remove_forgotten(place, &owner);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| DevError::io("start a runtime in", place, error))?;
    let _inside = runtime.enter();
    // Before the servers start: a signal must not end this process and leave them running.
    let signals = Signals::catch().map_err(|error| DevError::io("catch signals in", place, error))?;
    let dir = place.join(format!("{PREFIX}{}", uuid::Uuid::new_v4().simple()));
    let made = fs::DirBuilder::new().mode(0o711).create(&dir);
    made.map_err(|error| DevError::io("make", &dir, error))?;
    let dir = Scratch(dir);
    let services = Services::start(&dir.0, Durability::Throwaway)?;
    let code = runtime.block_on(run(command, &services, signals));
    services.stop();
    code
}

/// The parent directory of runs: `TMPDIR` if it is set; otherwise memory, where copying a database for each test takes
/// half the time, if there is enough; otherwise the usual temporary directory.
fn place(owner: &Owner) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let roomy =
        rustix::fs::statvfs(memory).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= ENOUGH_BYTES);
    let named = std::env::var_os("TMPDIR").map(PathBuf::from);
    let places = named
        .into_iter()
        .chain(roomy.then(|| memory.to_path_buf()))
        .chain(["/tmp".into(), "/var/tmp".into()]);
    places
        .into_iter()
        .find(|place| owner.can_enter(place))
        .unwrap_or_else(std::env::temp_dir)
}

/// A directory that is removed when the value is dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes what killed runs left behind: their servers and their files.
fn remove_forgotten(place: &Path, owner: &Owner) {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let runs = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for run in runs.map(|entry| entry.path()).filter(|path| path.join("lock").exists()) {
        // A run that is still active holds its lock, and one of another user cannot be opened: both are skipped.
        if Services::end_orphans(&run, owner).is_ok() {
            let _ = fs::remove_dir_all(&run);
        }
    }
}

async fn run(command: &[OsString], services: &Services, mut signals: Signals) -> Result<u8, DevError> {
    let Some((program, arguments)) = command.split_first() else {
        return Ok(0);
    };
    let cannot = |cause| DevError::Command {
        command: program.to_string_lossy().into_owned(),
        cause,
    };
    let itself = std::env::current_exe().map_err(cannot)?;
    // Processes that the command leaves behind become children of this process, so that it can find them.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));

    let mut child = Command::new(program)
        .args(arguments)
        .env("SIDEGATE_TEST_DATABASE_URL", services.database_url().expose())
        .env("SIDEGATE_TEST_REDIS_URL", services.redis_url().expose())
        .env("SIDEGATE_BIN", itself)
        .spawn()
        .map_err(cannot)?;
    let status = loop {
        tokio::select! {
            ended = child.wait() => break ended.map_err(cannot)?,
            signal = signals.next() => pass_on(&child, signal),
        }
    };
    end_left_behind(&[services.postgres.pid(), services.redis.pid()]).await;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
}

fn pass_on(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, signal);
    }
}

/// Ends processes that the command left running, and reports them: a test that leaves one has a bug.
async fn end_left_behind(ours: &[u32]) {
    let mut told = false;
    for round in 0..200 {
        let adopted = children().filter(|pid| !ours.contains(&pid.as_raw_nonzero().get().unsigned_abs()));
        // Zombies only have to be waited for.
        let left: Vec<Pid> = adopted
            .filter(|pid| matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(None)))
            .collect();
        if left.is_empty() {
            return;
        }
        if !std::mem::replace(&mut told, true) {
            let count = left.len();
            let _ = writeln!(
                io::stderr(),
                "sidegate dev: the command left {count} process(es) running; ending them"
            );
        }
        for pid in left {
            // SIGTERM for two seconds before SIGKILL: a PostgreSQL that is killed leaves shared memory behind.
            let _ = kill_process(pid, if round < 100 { Signal::TERM } else { Signal::KILL });
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn children() -> impl Iterator<Item = Pid> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let numbers = lists.flat_map(|list| {
        list.split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect::<Vec<i32>>()
    });
    numbers.filter_map(Pid::from_raw)
}
