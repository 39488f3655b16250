//! The private Redis, on a Unix socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use super::directory::Directory;
use super::installed::Programs;
use super::owner::Owner;
use super::postgres::percent_encoded;
use super::server::{self, Server};
use super::{DevError, Durability};
use crate::secret::Secret;

/// The signal for a shutdown that saves the data first.
const SHUTDOWN: Signal = Signal::TERM;

const PID_FILE: &str = "redis.pid";

/// Ends a server that an earlier start left running in this directory.
pub(super) fn end_orphan(directory: &Directory) -> Result<(), DevError> {
    let data = directory.data("redis");
    server::end_orphan(&data.join(PID_FILE), "redis-server", &data, SHUTDOWN)
}

pub(super) fn start(
    programs: &Programs,
    directory: &Directory,
    owner: &Owner,
    durability: Durability,
) -> Result<(Server, Secret), DevError> {
    let data = directory.data("redis");
    owner.make_private(&data)?;
    end_orphan(directory)?;

    let socket = directory.sockets().join("redis.sock");
    let password = match durability {
        Durability::Kept => None,
        // See `postgres::start`.
        Durability::Throwaway => Some(Secret::new(uuid::Uuid::new_v4().simple().to_string())),
    };
    let mut command = owner.command(&programs.redis);
    // By standard input, because every user can read a command line.
    command.arg("-").current_dir(&data).stdin(Stdio::piped());
    let log = directory.data("redis.log");
    let mut server = Server::spawn("Redis", command, &log, SHUTDOWN)?;
    let config = config(&data, &socket, &data.join(PID_FILE), durability, password.as_ref());
    let stdin = server.stdin();
    // Redis reads until the end of its input, so `stdin` has to be dropped. If Redis has ended already, its log says
    // why.
    let _ = stdin.map(|mut stdin| stdin.write_all(config.as_bytes()));
    server.wait_until(|| answers(&socket))?;
    Ok((server, url(&socket, password.as_ref())))
}

fn config(data: &Path, socket: &Path, pid_file: &Path, durability: Durability, password: Option<&Secret>) -> String {
    let mut lines = vec![
        "port 0".to_owned(),
        format!("unixsocket {}", quoted(socket)),
        "unixsocketperm 700".to_owned(),
        format!("dir {}", quoted(data)),
        format!("pidfile {}", quoted(pid_file)),
        "daemonize no".to_owned(),
        // Nothing may be evicted: without its revocation a revoked token would be accepted again.
        "maxmemory-policy noeviction".to_owned(),
        "save \"\"".to_owned(),
    ];
    match durability {
        Durability::Kept => lines.extend(["appendonly yes", "appendfsync everysec"].map(str::to_owned)),
        // A database for each test, so that a test can flush its own.
        Durability::Throwaway => lines.extend(["appendonly no", "databases 4096"].map(str::to_owned)),
    }
    lines.extend(password.map(|password| format!("requirepass {}", password.expose())));
    lines.join("\n") + "\n"
}

fn quoted(path: &Path) -> String {
    format!(
        "\"{}\"",
        path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"")
    )
}

/// Whether the server accepts commands. An answer that asks for a password counts.
fn answers(socket: &Path) -> bool {
    let ask = || -> std::io::Result<[u8; 5]> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer == *b"+PONG" || answer == *b"-NOAU")
}

fn url(socket: &Path, password: Option<&Secret>) -> Secret {
    let password = password
        .map(|password| format!("?pass={}", password.expose()))
        .unwrap_or_default();
    Secret::new(format!("redis+unix://{}{password}", percent_encoded(socket)))
}
