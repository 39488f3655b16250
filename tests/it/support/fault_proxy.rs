//! A network with faults between a sidecar and a store: cut, frozen or slow.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::ports::Port;
use super::{BACKSTAGE, database, redis};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Cut,
    Frozen,
    Delayed(Duration),
    /// Every command is answered with these bytes, and none arrives.
    Lying(&'static str),
}

/// A TCP port that forwards to a store. It is closed with the value.
#[derive(Debug)]
pub struct FaultProxy {
    port: Port,
    fault: watch::Sender<Fault>,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// A port for PostgreSQL.
    pub fn to_postgres() -> Self {
        Self::to(database::server())
    }

    /// A port for Redis.
    pub fn to_redis() -> Self {
        Self::to(redis::server())
    }

    /// A port for a server on this machine.
    pub fn to_port(port: u16) -> Self {
        Self::to(format!("127.0.0.1:{port}"))
    }

    fn to(server: String) -> Self {
        let port = Port::reserve();
        let (fault, faults) = watch::channel(Fault::None);
        let accepting = BACKSTAGE.spawn(accept(port.number(), listen(port.number()), server, faults));
        Self { port, fault, accepting }
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Ends every connection and refuses new ones, as when the server is gone.
    pub fn cut(&self) {
        self.fault.send_replace(Fault::Cut);
    }

    /// Connections stay and new ones are accepted, but no byte moves, as when the server's machine hangs.
    pub fn freeze(&self) {
        self.fault.send_replace(Fault::Frozen);
    }

    /// Every piece of data arrives this much later.
    pub fn delay(&self, by: Duration) {
        self.fault.send_replace(Fault::Delayed(by));
    }

    /// Connections end; on new ones every command is answered with `reply`, which Redis would not give, and none
    /// arrives.
    pub fn lie(&self, reply: &'static str) {
        self.fault.send_replace(Fault::Lying(reply));
    }

    /// Ends the fault; frozen data arrives.
    pub fn heal(&self) {
        self.fault.send_replace(Fault::None);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn listen(port: u16) -> std::net::TcpListener {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is reserved");
    listener.set_nonblocking(true).unwrap();
    listener
}

async fn accept(port: u16, mut listener: std::net::TcpListener, server: String, mut faults: watch::Receiver<Fault>) {
    let followed = faults.clone();
    loop {
        let accepting = TcpListener::from_std(listener).unwrap();
        let mut connections = JoinSet::new();
        let mut lying = None;
        loop {
            let now = |fault: &Fault| match fault {
                Fault::Lying(reply) => Some(*reply),
                _ => None,
            };
            tokio::select! {
                Ok(fault) = faults.wait_for(|fault| *fault == Fault::Cut || now(fault) != lying) => {
                    if *fault == Fault::Cut {
                        break;
                    }
                    lying = now(&fault);
                    connections = JoinSet::new();
                }
                Ok((client, _)) = accepting.accept() => match lying {
                    Some(reply) => drop(connections.spawn(lie(client, reply))),
                    None => drop(connections.spawn(forward(client, server.clone(), followed.clone()))),
                },
            }
        }
        // Without a listener the operating system refuses connections, as it would for a server that is gone.
        drop((accepting, connections));
        if faults.wait_for(|fault| *fault != Fault::Cut).await.is_err() {
            return;
        }
        listener = listen(port);
    }
}

/// Answers every command with `reply`.
async fn lie(mut client: TcpStream, reply: &'static str) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = client.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        client
            .write_all(reply.repeat(commands(&buffer[..read])).as_bytes())
            .await?;
    }
}

/// The number of commands in these bytes. A command is an array; no other line of the commands sent here begins with an
/// asterisk and a digit.
pub fn commands(bytes: &[u8]) -> usize {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines
        .filter(|line| line.len() > 1 && line[0] == b'*' && line[1].is_ascii_digit())
        .count()
}

async fn forward(client: TcpStream, server: String, faults: watch::Receiver<Fault>) -> io::Result<()> {
    let (from_client, to_client) = client.into_split();
    if server.starts_with('/') {
        let (from_server, to_server) = UnixStream::connect(server).await?.into_split();
        between((from_client, to_client), (from_server, to_server), faults).await
    } else {
        let (from_server, to_server) = TcpStream::connect(server).await?.into_split();
        between((from_client, to_client), (from_server, to_server), faults).await
    }
}

async fn between<R, W, S, V>(client: (R, W), server: (S, V), faults: watch::Receiver<Fault>) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    S: AsyncRead + Unpin,
    V: AsyncWrite + Unpin,
{
    let there = copy(client.0, server.1, faults.clone());
    let back = copy(server.0, client.1, faults);
    // When one side ends, so does the other.
    tokio::select! {
        ended = there => ended,
        ended = back => ended,
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut faults: watch::Receiver<Fault>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let fault = faults
            .wait_for(|fault| *fault != Fault::Frozen)
            .await
            .map(|fault| *fault);
        match fault {
            Ok(Fault::Delayed(by)) => tokio::time::sleep(by).await,
            Ok(_) => {}
            Err(_) => return Ok(()),
        }
        to.write_all(&buffer[..read]).await?;
    }
}
