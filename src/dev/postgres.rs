//! The private PostgreSQL: one cluster with one user and one database, both named `sidegate`.

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::directory::Directory;
use super::installed::Programs;
use super::owner::Owner;
use super::server::{self, Server};
use super::{DevError, Durability};
use crate::secret::Secret;

const USER: &str = "sidegate";
const DATABASE: &str = "sidegate";
const CREATE_DATABASE: &str = include_str!("../../sql/dev/create_database.sql");

/// The signal for a fast shutdown: connections are closed, data is written.
const FAST_SHUTDOWN: Signal = Signal::INT;

const PID_FILE: &str = "postmaster.pid";

/// Ends a server that an earlier start left running in this directory.
pub(super) fn end_orphan(directory: &Directory) -> Result<(), DevError> {
    let cluster = directory.data("postgres");
    server::end_orphan(&cluster.join(PID_FILE), "postgres", &cluster, FAST_SHUTDOWN)
}

pub(super) fn start(
    programs: &Programs,
    directory: &Directory,
    owner: &Owner,
    durability: Durability,
) -> Result<(Server, Secret), DevError> {
    let cluster = directory.data("postgres");
    let bin = programs.postgres_for(&cluster)?;
    let password = match durability {
        // Only the current user can reach the socket, so no password is needed.
        Durability::Kept => None,
        // The tests' fault proxy makes the socket reachable for every user of this machine while the tests run.
        Durability::Throwaway => Some(Secret::new(uuid::Uuid::new_v4().simple().to_string())),
    };
    if cluster.exists() {
        owner.must_own(&cluster)?;
        end_orphan(directory)?;
    } else {
        make_cluster(bin, directory, *owner, &cluster, password.as_ref())?;
    }

    let mut command = owner.command(&bin.join("postgres"));
    command
        .arg("-D")
        .arg(&cluster)
        .current_dir(&cluster)
        .stdin(Stdio::null());
    for setting in settings(directory.sockets(), durability) {
        command.arg("-c").arg(setting);
    }
    let mut server = Server::spawn("PostgreSQL", command, &directory.data("postgres.log"), FAST_SHUTDOWN)?;
    let (pid, pid_file) = (server.pid(), cluster.join(PID_FILE));
    server.wait_until(|| is_ready(&pid_file, pid))?;
    Ok((server, url(directory.sockets(), password.as_ref())))
}

fn settings(sockets: &Path, durability: Durability) -> Vec<String> {
    let mut settings: Vec<String> = [
        "listen_addresses=",
        "unix_socket_permissions=0700",
        "synchronous_commit=off",
        "wal_level=minimal",
        "max_wal_senders=0",
        "jit=off",
    ]
    .map(str::to_owned)
    .into();
    // The value is a list; quotes prevent a comma or a space in the path from splitting it.
    let quoted = sockets.display().to_string().replace('"', "\"\"");
    settings.push(format!("unix_socket_directories=\"{quoted}\""));
    let more: &[&str] = match durability {
        Durability::Kept => &["max_connections=100", "shared_buffers=64MB"],
        Durability::Throwaway => &[
            "max_connections=500",
            "shared_buffers=128MB",
            "fsync=off",
            "full_page_writes=off",
            "autovacuum=off",
            "max_wal_size=1GB",
        ],
    };
    settings.extend(more.iter().map(ToString::to_string));
    settings
}

/// The server writes `ready` into the eighth line of its pid file when it accepts connections.
fn is_ready(pid_file: &Path, pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(pid_file) else {
        return false;
    };
    let mut lines = text.lines().map(str::trim);
    lines.next() == Some(&pid.to_string()) && lines.nth(6) == Some("ready")
}

fn url(sockets: &Path, password: Option<&Secret>) -> Secret {
    let password = password
        .map(|password| format!(":{}", password.expose()))
        .unwrap_or_default();
    Secret::new(format!(
        "postgres://{USER}{password}@/{DATABASE}?host={}",
        percent_encoded(sockets)
    ))
}

/// A path as part of a URL.
pub(super) fn percent_encoded(path: &Path) -> String {
    let mut url = String::new();
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => url.push(char::from(byte)),
            _ => write!(url, "%{byte:02X}").expect("a String takes every write"),
        }
    }
    url
}

/// Creates the cluster under another name and renames it when it is complete, so that an incomplete one is created
/// again.
fn make_cluster(
    bin: &Path,
    directory: &Directory,
    owner: Owner,
    cluster: &Path,
    password: Option<&Secret>,
) -> Result<(), DevError> {
    let unfinished = directory.data("postgres.new");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(|error| DevError::io("remove", &unfinished, error))?;
    }
    owner.make_private(&unfinished)?;
    let log = directory.data("postgres.log");

    let mut initdb = owner.command(&bin.join("initdb"));
    initdb
        .arg("-D")
        .arg(&unfinished)
        .args(["-U", USER, "-E", "UTF8", "--locale=C", "--no-sync"]);
    let mut password_file = None;
    match password {
        None => initdb.args(["-A", "trust"]),
        Some(password) => {
            let file = write_password(directory.sockets(), owner, password)?;
            initdb
                .args(["-A", "password"])
                .arg(format!("--pwfile={}", file.display()));
            password_file = Some(file);
            &mut initdb
        }
    };
    must_succeed("initdb", initdb.current_dir(&unfinished).stdin(Stdio::null()), &log)?;
    password_file
        .map(fs::remove_file)
        .transpose()
        .map_err(|error| DevError::io("remove", &log, error))?;

    let mut single = owner.command(&bin.join("postgres"));
    single
        .arg("--single")
        .arg("-D")
        .arg(&unfinished)
        .args(["-c", "fsync=off", "template1"]);
    let input = directory.data("postgres.new").join("create_database");
    fs::write(&input, CREATE_DATABASE).map_err(|error| DevError::io("write", &input, error))?;
    let stdin = fs::File::open(&input).map_err(|error| DevError::io("open", &input, error))?;
    must_succeed("PostgreSQL", single.current_dir(&unfinished).stdin(stdin), &log)?;
    fs::remove_file(&input).map_err(|error| DevError::io("remove", &input, error))?;

    fs::rename(&unfinished, cluster).map_err(|error| DevError::io("rename", &unfinished, error))
}

fn write_password(dir: &Path, owner: Owner, password: &Secret) -> Result<PathBuf, DevError> {
    let path = dir.join("password");
    let opened = fs::File::options().write(true).create_new(true).mode(0o600).open(&path);
    let written = opened.and_then(|mut file| writeln!(file, "{}", password.expose()));
    written.map_err(|error| DevError::io("write", &path, error))?;
    owner.give(&path)?;
    Ok(path)
}

fn must_succeed(program: &'static str, command: &mut Command, log: &Path) -> Result<(), DevError> {
    let run = command.output();
    let output = run.map_err(|error| DevError::io("start", Path::new(command.get_program()), error))?;
    let words = [output.stdout, output.stderr].concat();
    let _ = fs::write(log, &words);
    // The single-user server exits with 0 even if a statement failed.
    let words = String::from_utf8_lossy(&words);
    if output.status.success() && !words.contains("ERROR:") {
        return Ok(());
    }
    Err(DevError::from_log(program, &words, log))
}
