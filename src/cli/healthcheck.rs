//! `sidegate healthcheck`: readiness as an exit code, for container images without curl.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use super::exit::{failed, print};

/// Exit with 0 if the instance is ready, with 1 otherwise. Asks `/readyz` of the admin listener.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Connect to this admin listener.
    #[arg(long, default_value = "127.0.0.1:9901")]
    pub admin: SocketAddr,
    /// Wait at most this long, in milliseconds.
    #[arg(long, default_value_t = 2000)]
    pub timeout_ms: u64,
}

/// Exits with 0 when ready, with 1 otherwise.
pub fn run(args: &Args) -> ExitCode {
    match ask(reachable(args.admin), Duration::from_millis(args.timeout_ms)) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => print("ready\n"),
        Ok(answer) => failed(&answer.lines().last().unwrap_or("no answer")),
        Err(error) => failed(&format!("{}: {error}", args.admin)),
    }
}

/// The address to connect to: loopback for a listener on all addresses.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn ask(address: SocketAddr, within: Duration) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, within)?;
    stream.set_read_timeout(Some(within))?;
    stream.set_write_timeout(Some(within))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: sidegate\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
